"""The workflow of a release: what it builds is what the pages and the manifest promise."""

from __future__ import annotations

import re
from typing import Any

import pytest
import yaml
from built import ROOT
from targets import RELEASED

PAGE = (ROOT / "docs" / "install.md").read_text()
WORKFLOW = ROOT / ".github" / "workflows" / "release.yml"


@pytest.fixture(scope="module")
def workflow() -> dict[str, Any]:
    return yaml.safe_load(WORKFLOW.read_text())


def steps(workflow: dict[str, Any]) -> list[dict[str, Any]]:
    return [step for job in workflow["jobs"].values() for step in job["steps"]]


def test_every_platform_has_a_runner_of_its_own(workflow: dict[str, Any]):
    """
    Both systems and both architectures, each built on itself.
    """
    built = {
        each["platform"]: each["runner"]
        for each in workflow["jobs"]["archive"]["strategy"]["matrix"]["include"]
    }

    assert set(built) == {f"{each.os}_{each.arch}" for each in RELEASED}
    assert len(set(built.values())) == len(built)
    assert all(("mac" in runner) == ("darwin" in each) for each, runner in built.items())


def test_archives_need_no_newer_glibc_than_the_page_promises(workflow: dict[str, Any]):
    """
    The build refuses what needs a newer one, and the archive is tried on a system that old.
    """
    promised = re.search(r"Those for Linux run on glibc ([\d.]+)", PAGE)
    assert promised

    lines = [line for step in steps(workflow) for line in step.get("run", "").splitlines()]

    assert workflow["env"]["OLDEST_GLIBC"] == promised[1]
    building = [line for line in lines if line.startswith("scripts/package")]
    assert len(building) == 2  # and compared
    assert all('--glibc "$OLDEST_GLIBC"' in line for line in building)
    assert any(line.startswith("cmp ") for line in lines)
    assert workflow["jobs"]["release"]["needs"] == ["archive", "old"]


def test_nothing_in_it_is_of_today(workflow: dict[str, Any]):
    """
    Actions are commits, runners, images and tools have versions, and what is downloaded has a
    sum, so that a release can be made again, of nothing that somebody has moved meanwhile.
    """
    actions = [step["uses"] for step in steps(workflow) if "uses" in step]
    runners = [job["runs-on"] for job in workflow["jobs"].values()]
    runners += [
        each["runner"] for each in workflow["jobs"]["archive"]["strategy"]["matrix"]["include"]
    ]

    said = re.findall(r"uses: (.*)", WORKFLOW.read_text())
    assert all(re.fullmatch(r"[\w-]+/[\w-]+@[0-9a-f]{40}", each) for each in actions), actions
    assert all(re.search(r" # v\d+\.\d+\.\d+", each) for each in said), said
    assert all(
        step["with"]["version"] for step in steps(workflow) if "setup-uv" in step.get("uses", "")
    )
    assert not [each for each in runners if "latest" in each]
    for script in (step["run"] for step in steps(workflow) if "run" in step):
        assert script.count("curl ") == script.count("sha256sum --check")
        assert not re.search(r"--with|pip install|uvx", script), "what is locked has a sum"
    assert not re.search(r"[@:](latest|main|master)\b", WORKFLOW.read_text())


def test_only_the_release_may_write(workflow: dict[str, Any]):
    """
    A build reads the sources; what publishes does so for a tag alone.
    """
    assert workflow["permissions"] == {"contents": "read"}
    assert {
        name: job["permissions"] for name, job in workflow["jobs"].items() if "permissions" in job
    } == {"release": {"contents": "write"}}
    assert workflow["jobs"]["release"]["if"] == "github.event_name == 'push'"
    assert list(workflow[True]["push"]) == ["tags"]  # `on`, to YAML 1.1
    fetched = [step for step in steps(workflow) if "checkout" in step.get("uses", "")]
    assert not any(step["with"]["persist-credentials"] for step in fetched)
    assert all(job["timeout-minutes"] <= 60 for job in workflow["jobs"].values())
