"""What a frozen build starts has the environment that the build itself was started in."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml
from fakecluster.server import Front
from installed import Installed

from kubectl_tune.interpreter import SWITCH

CREDENTIAL = {
    "apiVersion": "client.authentication.k8s.io/v1",
    "kind": "ExecCredential",
    "status": {"token": "admin-token"},
}
SHELL = f"""\
#!/bin/sh
env -0 >"$OUT"
echo '{json.dumps(CREDENTIAL)}'
"""
PYTHON = f"""\
import os, sys
with open(os.environ["OUT"], "w") as file:
    file.writelines(f"{{key}}={{value}}\\0" for key, value in os.environ.items())
print({json.dumps(CREDENTIAL)!r})
"""
# `sh` sets PWD where it isn't, and Python a locale where there is none.
PLAIN = {"PATH": "/usr/bin:/bin", "LC_ALL": "C.UTF-8", "A": "b c\nd"}
CALLERS = {
    "plain": {},
    "libraries": {"LD_LIBRARY_PATH": "/opt/lib"},
    "empty": {"LD_LIBRARY_PATH": ""},
    "alike": {"LD_LIBRARY_PATH_ORIG": "/opt/lib", "DYLD_LIBRARY_PATH_ORIG": "/opt/lib"},
    "more": {"LD_LIBRARY_PATH": "/a:/b", "PYTHONPATH": "/p", "PYTHONHOME": "/h", "TZ": "UTC"},
    "virtual": {"VIRTUAL_ENV": "/venv", "VIRTUAL_ENV_PROMPT": "venv"},
}
callers = pytest.mark.parametrize("caller", CALLERS.values(), ids=CALLERS)


@pytest.fixture
def seen(tmp_path: Path) -> Path:
    return tmp_path / "seen"


def kubeconfig(front: Front, folder: Path, seen: Path, command: str, *args: str) -> Path:
    """A kubeconfig whose credentials come from a command that writes its environment to `seen`."""
    path = front.kubeconfig(folder / "kubeconfig", namespace="default")
    config = yaml.safe_load(path.read_text())
    config["users"][0]["user"] = {
        "exec": {
            "apiVersion": "client.authentication.k8s.io/v1",
            "command": command,
            "args": list(args),
            "interactiveMode": "Never",
            "env": [{"name": "OUT", "value": str(seen)}],
        }
    }
    path.write_text(yaml.safe_dump(config))
    return path


def environment(seen: Path) -> dict[str, str]:
    """Return what a credential plugin saw, but for what every one is told."""
    found = dict(line.split("=", 1) for line in seen.read_text().split("\0") if line)
    information: dict[str, Any] = json.loads(found.pop("KUBERNETES_EXEC_INFO"))
    assert information["kind"] == "ExecCredential"
    assert found.pop("OUT") == str(seen)
    return found


@callers
def test_credential_plugins_get_the_callers_environment(
    caller: dict[str, str], installed: Installed, front: Front, tmp_path: Path, seen: Path
):
    """
    `aws` or `kubelogin` would load our libraries, and fail, if the build's path reached them; from
    the wheel and from the archive they see the same, which is what the caller has.
    """
    plugin = tmp_path / "plugin"
    plugin.write_text(SHELL)
    plugin.chmod(0o755)
    config = kubeconfig(front, tmp_path, seen, str(plugin))
    given = {**PLAIN, "PWD": str(installed.home), "KUBECONFIG": str(config), **caller}
    expected = {"HOME": str(installed.home), **given}

    done = installed.run("list", "--cluster", **given)

    assert done.returncode == 0, done.stderr
    assert environment(seen) == expected
    if "PYTHONHOME" not in caller:  # the wheel's own Python would not find itself
        python = Path(sys.executable)
        installed.run("-m", "kubectl_tune", "list", "--cluster", program=python, **given)
        assert environment(seen) == expected


@callers
def test_a_frozen_credential_plugin_is_no_child_of_ours(
    caller: dict[str, str], installed: Installed, front: Front, tmp_path: Path, seen: Path
):
    """
    A plugin that is itself made by PyInstaller starts as it does from a shell; here it is the
    archive once more, as a Python.
    """
    config = kubeconfig(front, tmp_path, seen, str(installed.program), SWITCH, "-c", PYTHON)
    given = {**PLAIN, "PATH": "", "KUBECONFIG": str(config), **caller}  # no other Python

    done = installed.run("list", "--cluster", **given)

    assert done.returncode == 0, done.stderr
    assert environment(seen) == {"HOME": str(installed.home), **given}


def test_a_frozen_caller_leaves_no_trace(
    installed: Installed, front: Front, tmp_path: Path, seen: Path
):
    """
    Started by another program of PyInstaller's, whose variables are in the environment, ours
    finds its own files and hands none of them on.
    """
    plugin = tmp_path / "plugin"
    plugin.write_text(SHELL)
    plugin.chmod(0o755)
    config = kubeconfig(front, tmp_path, seen, str(plugin))
    given = {**PLAIN, "PWD": str(installed.home), "KUBECONFIG": str(config)}
    frozen = {
        "_PYI_ARCHIVE_FILE": "/opt/other/other",
        "_PYI_APPLICATION_HOME_DIR": "/opt/other/_internal",
        "_PYI_PARENT_PROCESS_LEVEL": "1",
        "_PYI_LINUX_PROCESS_NAME": "other",
        "LD_LIBRARY_PATH": "/opt/other/_internal",
    }

    done = installed.run("list", "--cluster", **given, **frozen)

    assert done.returncode == 0, done.stderr
    found = environment(seen)
    assert found.pop("LD_LIBRARY_PATH") == frozen["LD_LIBRARY_PATH"]
    assert found == {"HOME": str(installed.home), **given}


@callers
@pytest.mark.parametrize("command", ["run", "submit"])
def test_trials_get_the_callers_environment(
    command: str, caller: dict[str, str], installed: Installed, tmp_path: Path
):
    """
    Nothing of the frozen build's own is in what a trial sees, whether this process drives the
    session or one that it left behind.
    """
    (tmp_path / "one.jsonl").write_text('{"job_id": "one", "config": {}}\n')
    given = {**PLAIN, "A": "b c", **caller}
    words = ("one.jsonl", "--engine", "local", "--name", "env", "--", "env")

    installed.run(command, *words, folder=tmp_path, **given).check_returncode()

    installed.run("wait", "env", "--timeout", "60s").check_returncode()
    seen = dict(line.split("=", 1) for line in installed.run("logs", "env").stdout.splitlines())
    ours = {key for key in seen if key.startswith("TUNE_")} | {"JOB_ID", "PYTHONUNBUFFERED"}
    assert {key: value for key, value in seen.items() if key not in ours} == {
        "HOME": str(installed.home),
        **given,
    }
    assert installed.run("delete", "env", "-y").returncode == 0
