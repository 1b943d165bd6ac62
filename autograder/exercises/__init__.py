"""The exercises with their answers, one file an assignment; left out of what students install."""
