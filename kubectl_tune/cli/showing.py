"""A session in the formats that `status` and `watch` share."""

from __future__ import annotations

import time
from collections.abc import Iterator

from kubectl_tune.cli.errors import program
from kubectl_tune.rows import StoredTrial
from kubectl_tune.sessions import Standing
from kubectl_tune.store import Store
from kubectl_tune.views.status import shares, status_text


def pieces(store: Store, standing: Standing, format: str) -> Iterator[str]:
    """Yield a session in one of the formats, piece by piece; read it inside of one moment."""
    name, now = standing.summary.info.name, time.time()
    if format in ("json", "yaml"):
        from kubectl_tune.views import objects

        write = objects.json_status if format == "json" else objects.yaml_status
        yield from write(standing, store.trials(name))
        return
    match format:
        case "name":
            yield f"session/{name}\n"
        case "wide":
            trials = list(store.trials(name))
            yield status_text(standing, trials, now, wide=True, program=program())
        case _:
            yield status_text(standing, telling(store, standing), now, program=program())


def telling(store: Store, standing: Standing) -> list[StoredTrial]:
    """Read the trials that are worth a row; how many there are in all costs nothing."""
    name = standing.summary.info.name
    return [
        trial
        for state, share in shares(standing).items()
        for trial in store.trials(name, states=[state], limit=share)
    ]
