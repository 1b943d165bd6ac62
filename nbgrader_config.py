"""The course directory as nbgrader sees it. Every setting of nbgrader may be added here."""

from pathlib import Path

c = get_config()  # noqa: F821 - nbgrader puts it here

HERE = Path(__file__).parent

c.CourseDirectory.root = str(HERE)
c.CourseDirectory.course_id = "cnn-course"
c.CourseDirectory.source_directory = "solutions"
c.CourseDirectory.release_directory = "assignments"
c.CourseDirectory.db_url = f"sqlite:///{HERE / 'gradebook.db'}"

# Where the class finds the course, for the Colab badge and the install line of released notebooks:
# "owner/name" on GitHub, and the branch. Empty: no badge, and the line installs cnn-course.
c.SetRepository.repository = ""
c.SetRepository.branch = "main"

c.GenerateAssignment.preprocessors = [
    "autograder.release.SetRepository",
    "nbgrader.preprocessors.LockCells",
    "nbgrader.preprocessors.ClearSolutions",
    "nbgrader.preprocessors.ClearOutput",
    "nbgrader.preprocessors.CheckCellMetadata",
    "nbgrader.preprocessors.ComputeChecksums",
    "nbgrader.preprocessors.SaveCells",
    "nbgrader.preprocessors.ClearHiddenTests",
    "nbgrader.preprocessors.ClearMarkScheme",
    "nbgrader.preprocessors.ComputeChecksums",
    "nbgrader.preprocessors.CheckCellMetadata",
]
c.ClearSolutions.code_stub = {"python": 'raise NotImplementedError("Write your answer here.")'}
c.ClearSolutions.text_stub = "*Write your answer here.*"

c.Autograde.exporter_class = "autograder.reading.SubmissionExporter"  # opens files that nbformat refuses
c.Autograde.pre_convert_hook = "autograder.ingest.use_renamed"
# Ingest rebuilds a submission from the release: of nbgrader's own steps, those that clear outputs, check
# metadata or restore ids and the kernel's name have nothing left to do.
c.Autograde.sanitize_preprocessors = [
    "autograder.ingest.Ingest",
    "nbgrader.preprocessors.OverwriteCells",
]
c.Ingest.release_directory = str(HERE / "assignments")

c.Autograde.autograde_preprocessors = [
    "autograder.preprocessors.Judge",
    "nbgrader.preprocessors.LimitOutput",
    "nbgrader.preprocessors.SaveAutoGrades",
    "nbgrader.preprocessors.AssignLatePenalties",
]
c.Judge.secret_file = str(HERE / "course_secret")
c.Judge.timeout = 120  # seconds a cell
c.Judge.given_figures = False  # whether graded notebooks also show the figures of given cells

c.ZipCollectApp.extractor_plugin = "autograder.collect.PlatformExtractor"
c.FileNameCollectorPlugin.named_regexp = (  # how the extractor calls what it puts there
    r".*/(?P<student_id>[^/]+)/(?:untimed|(?P<timestamp>[^/]+))/(?P<file_id>[^/]+)\.ipynb"
)

c.AssignLatePenalties.plugin_class = "autograder.late.LatePenalty"
c.LatePenalty.per_day = 0.0  # share of the score for each day begun after the due date
c.LatePenalty.grace_minutes = 15

c.GenerateFeedback.exporter_class = "autograder.feedback.FeedbackPage"
c.GenerateFeedback.preprocessors = []
