"""Graded exercises: `check` for students, release, grading and feedback for instructors."""

from autograder.check import check

__all__ = ["check"]
