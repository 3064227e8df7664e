"""
A row is what a ranking knows of a trial, and a name finds a value in it.

One rule for names: the metrics come first, then the config, then the row's own
fields; `metrics.x` and `config.x` say exactly which.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from kubectl_tune.errors import UsageError
from kubectl_tune.result import MISSING, dig, flat
from kubectl_tune.suggest import did_you_mean
from kubectl_tune.trial import TrialState


@dataclass(frozen=True, slots=True)
class Row:
    """What a ranking knows of a trial; `extra` may name the `engine` that computed it."""

    job_id: str
    metrics: Mapping[str, Any]
    config: Mapping[str, Any] = field(default_factory=dict)
    output_json: str = ""
    state: str = TrialState.SUCCEEDED
    index: int = 0
    extra: Mapping[str, Any] = field(default_factory=dict)


def value_of(row: Row, name: str, default: Any = None) -> Any:
    for place in _places(row, name):
        value = dig(*place, MISSING)
        if value is not MISSING:
            return value
    return getattr(row, name) if name in _FIELDS else default


def values_of(row: Row, names: Iterable[str]) -> dict[str, Any]:
    """Return what the row has of these names; what it lacks is left out."""
    found = {name: value_of(row, name, MISSING) for name in names}
    return {name: value for name, value in found.items() if value is not MISSING}


def check_names(rows: Sequence[Row], names: Iterable[str]) -> None:
    """Refuse names that no row has; as long as no row has metrics, nobody can know."""
    if not any(row.metrics for row in rows):
        return
    unknown = [name for name in dict.fromkeys(names) if not _known(rows, name)]
    if unknown:
        known = known_names(rows)
        hints = [did_you_mean(name, known) for name in unknown]
        listed = f"there are: {', '.join(known[:_LISTED])}" + (", ..." if known[_LISTED:] else "")
        quoted = " or ".join(f'"{name}"' for name in unknown)
        raise UsageError(
            f"no trial has a metric or config key {quoted}",
            hint="; ".join(filter(None, hints)) or listed,
        )


def known_names(rows: Iterable[Row]) -> list[str]:
    names: dict[str, None] = {}
    for row in rows:
        names.update(dict.fromkeys(flat(row.metrics)))
        names.update(dict.fromkeys(flat(row.config)))
    return [*names, *_FIELDS]


_FIELDS = ("job_id", "state", "index", "output_json")
_LISTED = 20


def _places(row: Row, name: str) -> Iterator[tuple[Mapping[str, Any], str]]:
    yield row.metrics, name
    yield row.config, name
    head, _, rest = name.partition(".")
    if rest and head in ("metrics", "config"):
        yield getattr(row, head), rest


def _known(rows: Iterable[Row], name: str) -> bool:
    return any(value_of(row, name, MISSING) is not MISSING for row in rows)
