"""A session in the formats that `status` and `watch` share."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator

from kubectl_tune.cli.errors import program
from kubectl_tune.cli.forms import Form
from kubectl_tune.cli.listing import Item, Printer, Show, in_sequence
from kubectl_tune.rows import StoredTrial
from kubectl_tune.sessions import Standing
from kubectl_tune.store import Store
from kubectl_tune.views import objects
from kubectl_tune.views.status import ROWS, shares, status_text
from kubectl_tune.views.tables import trials_table


def pieces(store: Store, standing: Standing, asked: Show | str) -> Iterator[str]:
    """Yield a session in one of the formats, piece by piece; read it inside of one moment."""
    asked = Show(form=Form(asked)) if isinstance(asked, str) else asked
    name = standing.summary.info.name
    match asked.form.name:
        case "name":
            yield f"session/{name}\n"
        case "json" | "yaml":
            write = objects.json_status if asked.form.name == "json" else objects.yaml_status
            yield from write(standing, sorted_trials(store.trials(name), asked))
        case "jsonpath" | "jsonpath-as-json":
            trials = sorted_trials(store.trials(name), asked)
            listed = [objects.queried(objects.trial_object(each)) for each in trials]
            yield asked.form.found(
                objects.queried({**objects.session_object(standing), "trials": listed})
            )
        case "custom-columns":
            trials = sorted_trials(store.trials(name), asked)
            rows = [Item({"kind": "Trial", **objects.trial_object(each)}) for each in trials]
            yield Printer(asked, ()).whole(rows)
        case _:
            yield _text(store, standing, asked)


def _text(store: Store, standing: Standing, asked: Show) -> str:
    info, now, wide = standing.summary.info, time.time(), asked.form.name == "wide"
    if wide or asked.sort:
        trials = [*sorted_trials(store.trials(info.name), asked)]
        trials = trials if wide else trials[:ROWS]
    else:
        trials = telling(store, standing)
    if asked.no_headers:
        return trials_table(trials, info, now, wide=wide, no_headers=True, paint=asked.paint)
    return status_text(standing, trials, now, wide=wide, program=program(), paint=asked.paint)


def sorted_trials(trials: Iterable[StoredTrial], asked: Show) -> Iterable[StoredTrial]:
    """Put trials in the order that was asked for, if any was."""
    if not asked.sort:
        return trials
    return in_sequence([*trials], asked, objects.trial_object)


def telling(store: Store, standing: Standing) -> list[StoredTrial]:
    """Read the trials that are worth a row; how many there are in all costs nothing."""
    name = standing.summary.info.name
    return [
        trial
        for state, share in shares(standing).items()
        for trial in store.trials(name, states=[state], limit=share)
    ]
