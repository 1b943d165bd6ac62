"""The exercises with their answers, one file an assignment. For instructors: left out of what students install."""
