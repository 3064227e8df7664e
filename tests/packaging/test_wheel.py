"""The other channel: a wheel for pipx and uv, and what it leaves out."""

from __future__ import annotations

import shutil
import subprocess
import sys
import sysconfig
import tarfile
import zipfile
from importlib import metadata
from pathlib import Path

import pytest
from built import ENVIRONMENT, ROOT

from kubectl_tune import __version__

SETUPTOOLS = 77  # as pyproject.toml has it


@pytest.fixture(scope="module")
def setuptools() -> None:
    if int(metadata.version("setuptools").partition(".")[0]) < SETUPTOOLS:
        pytest.skip(f"a wheel needs setuptools {SETUPTOOLS} or later to be built")


@pytest.fixture(scope="module")
def wheel(setuptools: None, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel, built from a copy, since a build leaves things behind."""
    source, made = tmp_path_factory.mktemp("source"), tmp_path_factory.mktemp("wheel")
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, source)
    skipped = shutil.ignore_patterns("__pycache__")
    shutil.copytree(ROOT / "kubectl_tune", source / "kubectl_tune", ignore=skipped)
    pip("wheel", "--no-deps", "--no-build-isolation", "--wheel-dir", made, source)
    (found,) = made.iterdir()
    return found


@pytest.fixture(scope="module")
def tool(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A virtual environment as pipx makes it, whose packages are those of the tests' own."""
    place = tmp_path_factory.mktemp("tool")
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", place], check=True)
    python = place / "bin" / "python"
    pip("--python", python, "install", "--no-deps", "--no-index", wheel)
    # One line of a path: the packages of that folder, but not its own lines, so not this checkout.
    (packages,) = place.glob("lib/python*/site-packages")
    (packages / "tests.pth").write_text(sysconfig.get_path("purelib") + "\n")
    return place


def pip(*words: str | Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "pip", "--disable-pip-version-check", *words], env=ENVIRONMENT,
        text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout


def test_the_wheel_holds_the_package_and_nothing_else(wheel: Path):
    """
    Every module of ours, its license, and no test, script or example.
    """
    expected = {
        str(path.relative_to(ROOT))
        for path in (ROOT / "kubectl_tune").rglob("*")
        if path.suffix in (".py", ".typed")
    }

    with zipfile.ZipFile(wheel) as packed:
        names = set(packed.namelist())

    information = f"kubectl_tune-{__version__}.dist-info/"
    assert {name for name in names if not name.startswith(information)} == expected
    assert f"{information}licenses/LICENSE" in names
    assert wheel.name == f"kubectl_tune-{__version__}-py3-none-any.whl"


def test_the_source_distribution_makes_the_wheel(setuptools: None, tmp_path: Path):
    """
    The package and what it is built by; none of the tests, which need more than there is.
    """
    source = tmp_path / "source"
    source.mkdir()
    for name in ("pyproject.toml", "README.md", "LICENSE", "MANIFEST.in"):
        shutil.copy(ROOT / name, source)
    for name in ("kubectl_tune", "tests"):
        shutil.copytree(ROOT / name, source / name, ignore=shutil.ignore_patterns("__pycache__"))

    subprocess.run(
        [sys.executable, "-c", "from setuptools import build_meta as m; m.build_sdist('.')"],
        cwd=source, capture_output=True, check=True,
    )  # fmt: skip

    (made,) = source.glob("*.tar.gz")
    with tarfile.open(made) as tar:
        inside = {each.name.split("/", 1)[-1].split("/")[0] for each in tar if each.isfile()}
    assert {"kubectl_tune", "pyproject.toml", "LICENSE"} <= inside
    assert not inside & {"tests", "packaging", "scripts", "docs"}


@pytest.mark.parametrize("words", [["kubectl-tune"], ["python", "-m", "kubectl_tune"]], ids=len)
def test_a_tool_made_of_the_wheel_runs(words: list[str], tool: Path, tmp_path: Path):
    """
    By its name and as a module, from anywhere, with an empty environment.
    """
    shutil.copytree(ROOT / "examples", tmp_path / "examples")
    program = [str(tool / "bin" / words[0]), *words[1:]]
    env = {"HOME": str(tmp_path)}

    said = subprocess.run(
        [*program, "version", "--client"], env=env, cwd="/", capture_output=True, text=True
    )
    done = subprocess.run(
        [*program, "run", "examples/arbitrage/plan.jsonl", "--engine", "local"],
        env=env, cwd=tmp_path, capture_output=True, text=True,
    )  # fmt: skip

    assert (said.returncode, said.stdout) == (0, f"Client Version: v{__version__}\n"), said.stderr
    assert done.returncode == 0, done.stderr
