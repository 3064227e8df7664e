"""`kubectl tune show`: one trial in full."""

from __future__ import annotations

import sys
import time
from pathlib import Path
from typing import Annotated

import typer

from kubectl_tune import interpreter, logs
from kubectl_tune.cli.chosen import chosen
from kubectl_tune.cli.options import ADDRESSED, output, trial_words
from kubectl_tune.cli.printer import bearable
from kubectl_tune.cli.state import open_store_to_read
from kubectl_tune.errors import UsageError
from kubectl_tune.launch import launch
from kubectl_tune.recipe import recipe
from kubectl_tune.rows import StoredTrial
from kubectl_tune.session import FAULTS
from kubectl_tune.store import Store
from kubectl_tune.views.objects import json_text, shown_trial
from kubectl_tune.views.trial import trial_text
from kubectl_tune.views.yamltext import yaml_text

TAIL = 10  # lines of the log of a trial that has failed


def command(
    words: Annotated[
        list[str] | None,
        typer.Argument(metavar="SESSION/TRIAL", help=ADDRESSED, autocompletion=trial_words),
    ] = None,
    format: Annotated[str, output("table", "json", "yaml")] = "table",
) -> None:
    """
    Show one trial in full: how it went, its attempts, config, metrics, and its command.

    The lines under "Run it by hand" run it once more in a shell, with files of its own.

    Examples:
      # A trial of the newest session
      kubectl tune show trial-7

      # Its metrics, for a program
      kubectl tune show nightly/trial-7 -o json | jq .metrics
    """
    store = open_store_to_read()
    name, trials = chosen(store, words or [])
    if len(trials) != 1:
        raise UsageError(f"show takes one trial, not {len(trials)}")
    (stored,) = store.trials(name, ids=[trials[0].trial.id], specs=True)
    sys.stdout.write(_text(store, name, stored, format))


def _text(store: Store, name: str, stored: StoredTrial, format: str) -> str:
    info, trial = store.info(name), stored.trial
    attempts = store.attempts(name, trial.id)
    log = _log(store, name, stored)
    folder = str(store.folder(name) / "again" / trial.spec.slug)
    what = launch(info, trial, folder=folder, python=interpreter.python())
    if format in ("json", "yaml"):
        shown = shown_trial(info, stored, attempts, what, str(log or ""))
        return (json_text if format == "json" else yaml_text)(shown)
    return trial_text(
        info, stored, attempts,
        recipe=recipe(what, workdir=info.target.workdir, folder=folder),
        log=str(log or ""), tail=_tail(stored, log), now=time.time(),
    )  # fmt: skip


def _log(store: Store, name: str, stored: StoredTrial) -> Path | None:
    """Return the log of the latest attempt, if it has printed anything."""
    number = logs.begun(stored.trial)
    path = number and logs.file_of(store, name, stored.trial, number)
    return path if path and path.exists() else None


def _tail(stored: StoredTrial, log: Path | None) -> list[str]:
    if log is None or stored.trial.state not in FAULTS:
        return []
    return [bearable(line.text) for line in logs.lines(log, logs.Wanted(TAIL))]
