"""A course directory: nbgrader's folders, configuration and gradebook in one place."""

import logging
import os
import re
import sysconfig
import warnings
from pathlib import Path

import nbformat
from nbgrader.apps import NbGraderAPI
from traitlets.config import Config, PyFileConfigLoader

from course.errors import unknown

CONFIG = "nbgrader_config.py"

warnings.filterwarnings("ignore", module=r"nbgrader\.api")  # SQLAlchemy's advice to nbgrader's authors


class CourseDirectory:
    """The course in a folder, as its nbgrader_config.py describes it.

    Raises:
        ValueError: where the folder has no nbgrader_config.py.
    """

    def __init__(self, root: Path | str):
        self.root = Path(root).resolve()
        if not (self.root / CONFIG).is_file():
            raise ValueError(
                f"{self.root} is no course directory, it has no {CONFIG}: go to one, or name it by --course."
            )
        self.config: Config = PyFileConfigLoader(CONFIG, str(self.root)).load_config()
        self.config.NbGraderAPI.log_level = "CRITICAL"  # what matters is in the results
        logging.getLogger("tornado.application").setLevel("CRITICAL")  # the gradebook logs what it raises
        _put_tools_on_path()
        self.api = NbGraderAPI(config=self.config)

    def source(self, name: str) -> Path:
        """The source notebook of an assignment. Raises ValueError with the nearest names."""
        return self._notebook(self.api.coursedir.source_directory, name)

    def release(self, name: str) -> Path:
        """The released notebook of an assignment. Raises ValueError where it is not released."""
        return self._notebook(self.api.coursedir.release_directory, name)

    def submitted(self, name: str) -> dict[str, Path]:
        """Student -> submitted notebook, for every folder submitted/STUDENT/NAME."""
        folder = self.root / self.api.coursedir.submitted_directory
        return {path.parent.name: path / f"{name}.ipynb" for path in sorted(folder.glob(f"*/{name}"))}

    def autograded(self, name: str, student: str) -> Path:
        """Where a student's graded notebook is."""
        return self.root / self.api.coursedir.autograded_directory / student / name / f"{name}.ipynb"

    def feedback(self, name: str, student: str) -> Path:
        """Where a student's feedback page is."""
        return self.root / self.api.coursedir.feedback_directory / student / name / f"{name}.html"

    def _notebook(self, directory: str, name: str) -> Path:
        folder = self.root / directory
        path = folder / name / f"{name}.ipynb"
        if not path.is_file():
            known = [each.name for each in folder.glob("*") if (each / f"{each.name}.ipynb").is_file()]
            raise unknown(f"notebook in {directory}/", name, known)
        return path


def reason(result: dict) -> str:
    """Why a command of nbgrader's API failed: the first exception in its log that says something."""
    log = f"{result.get('log') or ''}\n{result.get('error') or ''}"
    exceptions = re.findall(r"^\s*(?:\w+\.)*\w*(?:Error|Exception): (.+)$", log, re.MULTILINE)
    return next((each for each in exceptions if "traceback" not in each), "nbgrader gave no reason.")


def read_notebook(path: Path) -> nbformat.NotebookNode:
    """The notebook in a file. Raises ValueError, in a sentence, where there is none that can be read."""
    try:
        return nbformat.read(path, as_version=4)
    except FileNotFoundError:
        raise ValueError(f"{path} does not exist.") from None
    except Exception as error:  # nbformat raises many kinds for what is no notebook
        reason = str(error).strip().splitlines()[0][:120] if str(error).strip() else type(error).__name__
        raise ValueError(f"{path} cannot be read as a notebook: {reason}.") from None


def _put_tools_on_path() -> None:
    """nbgrader calls alembic by name: it must be found even where the environment is not activated."""
    scripts, path = sysconfig.get_path("scripts"), os.environ.get("PATH", "")
    if scripts not in path.split(os.pathsep):
        os.environ["PATH"] = f"{scripts}{os.pathsep}{path}"
