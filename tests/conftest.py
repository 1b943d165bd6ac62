"""What several test files share."""

import os
from pathlib import Path

import pytest

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

ROOT = Path(__file__).parents[1]


@pytest.fixture(scope="session")
def root() -> Path:
    """The repository, which is a course directory."""
    return ROOT


@pytest.fixture(scope="module", autouse=True)
def forget_networks(request):
    """Empty a file's caches after its last test: Python's garbage collector slows down with what is kept."""
    yield
    for value in vars(request.module).values():
        if hasattr(value, "cache_clear"):
            value.cache_clear()
