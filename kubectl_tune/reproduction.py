"""
The command that computes a trial's result once more, to be pasted into a shell.

One rule: it writes a file of its own, and leaves the result that the session has alone.
"""

from __future__ import annotations

import json
import posixpath

from kubectl_tune.launch import launch
from kubectl_tune.recipe import command_line, quote, recipe
from kubectl_tune.session import SessionInfo
from kubectl_tune.template import render
from kubectl_tune.trial import Trial
from kubectl_tune.workload import ARBITRAGE

FOLDER = "reproduced"  # below the folder that the session was started in


def command(info: SessionInfo, trial: Trial, *, here: str, python: tuple[str, ...]) -> str:
    """
    Return the shell lines; `here` is where they will be pasted, `python` what the word means.

    The built-in workload takes its config as an argument, so one line is enough. Any other
    command gets the files and the environment that it had.
    """
    if trial.spec.command or not info.workload:
        folder = posixpath.join(info.target.workdir, FOLDER, trial.spec.slug)
        what = launch(info, trial, folder=folder, python=python)
        return recipe(what, workdir=info.target.workdir, folder=folder)
    words = _built_in(trial, python)
    return words if here == info.target.workdir else f"cd {quote(info.target.workdir)} && {words}"


def _built_in(trial: Trial, python: tuple[str, ...]) -> str:
    spec = trial.spec
    files = {
        "config": json.dumps(dict(spec.config)),
        "output_json": f"{FOLDER}/{spec.slug}.json",
    }
    _, *rest = render(ARBITRAGE.command, files)
    env = ["env", *(f"{key}={value}" for key, value in spec.env.items())] if spec.env else []
    return command_line((*env, *python, *rest))
