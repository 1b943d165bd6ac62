"""Graded exercises: `check` for students; release, grading and feedback for instructors.

How a submission becomes a grade, with `autograder grade`:

    grading.grade            finds what is new (_unchanged); records what judges say, one writer (_record)
    pool.judge_all           hands submissions to judges, processes that are forked from the warm one
    pool.judge_one           takes one through the steps below

and there as with `nbgrader autograde`, by the steps that nbgrader_config.py names:

    reading.load             reads what was handed in, whatever wrote it; magics: what is no Python goes out
    ingest.rebuild           puts the answers into the released notebook (nbgrader: its step Ingest, for both)
    preprocessors.Judge      runs it; a test cell holds cases (exercise.all_cases) or an instructor's asserts
    worker.Worker.run        runs a cell in provisioner's kernel: warm._watch forks, sandbox.enter shuts it in
    probe.respond            in the kernel, tries the answers on the cases (observe) and sends plain data
    exercise.full_sheet      after the kernel's end, the expected values; forbidden: what may not be used
    judge.judge              compares, scores, names misconceptions (_holds); models: rebuild, trial
    report.to_html           the verdict as a table; nbgrader's SaveAutoGrades writes the gradebook
    outcome.read             what it came to, as the run, the feedback pages and the overview tell it

Before that: release, verify, publish, collect (platforms: what their archives look like; roster: who is who),
late. What a cell's source says, without running it: source.
After that: feedback, overview, export. All of it on a class that is made up: demo (submissions).
"""

from autograder.check import check

__all__ = ["check"]
