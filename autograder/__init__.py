"""Graded exercises: `check` for students; release, grading and feedback for instructors.

How a submission becomes a grade, with `autograder grade` as with `nbgrader autograde`:

    grading        finds what is new, and records the results with one writer
    pool           judges in parallel, in processes that are forked from the warm one
    reading        opens what was handed in, whatever wrote it
    ingest         puts the student's answers into the released notebook; magics: what is no Python goes out
    worker         runs its cells, in a kernel that provisioner asks for, warm forks and sandbox shuts in
    preprocessors  for each test cell, has the kernel try the answers: probe, which sends plain data back
    exercise       what is asked for, as cases with expected values; forbidden: what may not be used
    judge          then compares; rebuild, race and rehearsal: models, from their configurations
    report         the verdict as a table

Before that: release, verify, publish, collect (platforms: what their archives look like; roster: who is who),
late. What a cell's source says, without running it: source.
After that: feedback, overview, export. All of it on a class that is made up: demo (submissions).
"""

from autograder.check import check

__all__ = ["check"]
