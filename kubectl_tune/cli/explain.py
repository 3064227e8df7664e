"""`kubectl tune explain`: why trials don't run."""

from __future__ import annotations

import sys
import time
from typing import Annotated

import typer

from kubectl_tune import explaining, logs
from kubectl_tune.cli.chosen import addressed
from kubectl_tune.cli.options import ADDRESSED, output, trial_words
from kubectl_tune.cli.printer import bearable
from kubectl_tune.cli.state import open_store_to_read
from kubectl_tune.cluster import ClusterClient
from kubectl_tune.errors import UsageError
from kubectl_tune.session import SessionInfo
from kubectl_tune.store import Store
from kubectl_tune.trial import Trial
from kubectl_tune.views.objects import json_text
from kubectl_tune.views.story import overview_object, overview_text, story_object, story_text
from kubectl_tune.views.yamltext import yaml_text

TAIL = 10  # lines of a log


def command(
    words: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="SESSION/TRIAL",
            help=f"{ADDRESSED}; without one, all trials that don't run",
            autocompletion=trial_words,
        ),
    ] = None,
    format: Annotated[str, output("table", "json", "yaml")] = "table",
) -> None:
    """
    Say why a trial isn't running, and what to do: its attempts, and what the cluster has of it.

    Without a trial, all that wait or have failed are put together by reason. Nothing is changed.

    Examples:
      # What keeps the newest session from running
      kubectl tune explain

      # The whole story of one trial, with the cluster's events
      kubectl tune explain nightly/trial-7

      # The reasons, for a program
      kubectl tune explain -o json | jq '.groups[].verdict.sentence'
    """
    store = open_store_to_read()
    name, ids = addressed(store, words or [])
    if len(ids) > 1:
        raise UsageError(f"explain takes one trial, or none for all; not {len(ids)}")
    now = time.time()
    write = json_text if format == "json" else yaml_text
    if ids:
        story = explaining.story(store, name, ids[0], _client_of, now=now)
        tail = _tail(store, name, story.stored.trial)
        shown = story_text(story, tail, now) if format == "table" else write(story_object(story))
    else:
        found = explaining.overview(store, name, _client_of, now=now)
        shown = overview_text(found, now) if format == "table" else write(overview_object(found))
    sys.stdout.write(shown)


def _client_of(info: SessionInfo) -> ClusterClient:
    from kubectl_tune import access
    from kubectl_tune.cli.clusters import heed_flags

    heed_flags()
    return access.client_of(info, patient=False)


def _tail(store: Store, name: str, trial: Trial) -> list[str]:
    number = logs.begun(trial)
    path = number and logs.file_of(store, name, trial, number)
    if not path or not path.exists():
        return []
    return [bearable(line.text) for line in logs.lines(path, logs.Wanted(TAIL))]
