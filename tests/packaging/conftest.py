"""The archive, and the builders of packaging/, which are scripts beside each other."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Iterator
from pathlib import Path

import built
import pytest
from installed import Installed

sys.path.insert(0, str(built.ROOT / "packaging"))


@pytest.fixture(scope="session")
def archive() -> Path:
    return built.archive()


@pytest.fixture(scope="session")
def installed(archive: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Installed]:
    made = Installed(archive, tmp_path_factory.mktemp("installed"))
    yield made
    assert made.snapshot() == made.before, "a program must not write into its own folder"


@pytest.fixture
def example(tmp_path: Path) -> Path:
    """A folder with the examples, at a place that the build has never seen."""
    shutil.copytree(built.ROOT / "examples", tmp_path / "examples")
    return tmp_path
