"""
What there is to rank: the trials of a session, or the result files of a folder.

One rule: a ranking has a metric that somebody has named, its command or the user; nothing
is guessed but the end of it that is best.
"""

from __future__ import annotations

import shlex
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from kubectl_tune import ranking, result
from kubectl_tune.direction import Direction, direction_of
from kubectl_tune.errors import ResultError, UsageError
from kubectl_tune.ranking import Condition, Ranked
from kubectl_tune.result import flat, number
from kubectl_tune.resultrow import Row
from kubectl_tune.rows import StoredTrial
from kubectl_tune.store import Store
from kubectl_tune.trial import TrialState
from kubectl_tune.tuning_session import result_files
from kubectl_tune.workload import ARBITRAGE

_LOOKED_AT = 3  # results at the head of a ranking that are asked what computed them
_LISTED = 20


@dataclass(frozen=True, slots=True)
class Asked:
    """What somebody wants to see of a field; the words are those of the flags."""

    metric: str = ""
    direction: Direction | None = None
    where: Condition | None = None
    sort: str = ""
    top: int | None = None
    group_by: Sequence[str] = ()
    everything: bool = False  # trials that have not succeeded, too


@dataclass(frozen=True, slots=True)
class Ranking:
    places: Sequence[Ranked]
    among: Sequence[Row]  # of which the places may be the head
    metric: str
    direction: Direction | None
    caveat: str


@dataclass(frozen=True, slots=True)
class Field:
    """All trials that may be ranked, and what is known of how to."""

    name: str  # as in "session nightly"
    rows: Sequence[Row]
    metric: str
    direction: str
    caveat: Callable[[Sequence[Ranked]], str]
    ours: Callable[[Row], bool]  # whether the built-in workload computed it
    folder: str  # in which the files stand that configs name
    told: str  # the words of `results` that lead here again

    def ranking(self, asked: Asked) -> Ranking:
        """Rank what there is; without any metrics there is an order, and no ranks."""
        rows = list(self.rows) if asked.everything else self.successes
        metric, measured = asked.metric or self.metric, any(row.metrics for row in rows)
        if measured and not (metric or asked.sort):
            raise UsageError(f"nothing says what to rank {self.name} by", hint=_named(rows))
        direction = asked.direction or self._direction(metric)
        places = ranking.rank(
            rows, metric=metric if measured else None, direction=direction, where=asked.where,
            top=asked.top, group_by=asked.group_by, sort=asked.sort or (),
        )  # fmt: skip
        return Ranking(places, rows, metric, direction, self.caveat(places) if places else "")

    def _direction(self, metric: str) -> Direction | None:
        if metric == self.metric and self.direction:
            return "maximize" if self.direction == "maximize" else "minimize"
        return direction_of(metric)

    @property
    def successes(self) -> list[Row]:
        return [row for row in self.rows if row.state == TrialState.SUCCEEDED]

    def emptiness(self, asked: Asked) -> str:
        """Say why a ranking shows nothing."""
        if not self.rows:
            return f"no results in {self.name}"
        if asked.everything or self.successes:
            return f"nothing of {self.name} passes --where" if asked.where else "nothing to show"
        counts = Counter(str(row.state) for row in self.rows)
        listed = ", ".join(f"{count} {state}" for state, count in counts.items())
        return f"no trial of {self.name} has succeeded so far: {listed}"


def of_session(store: Store, name: str) -> Field:
    """Read a session as it stands, while it runs too."""
    info = store.info(name)
    rows = [row_of(stored) for stored in store.trials(name, specs=True)]

    def said(job_id: str) -> Row:
        return _said(store.result(name, job_id))

    def caveat(places: Sequence[Ranked]) -> str:
        if info.workload and not any(ARBITRAGE.flatters(place.row.config) for place in places):
            return ""
        # Who runs our engine by a command of their own is told by the results themselves.
        return info.caveat or ranking.caveat(
            (said(place.row.job_id) for place in places[:_LOOKED_AT]), name
        )

    def ours(row: Row) -> bool:
        return ARBITRAGE.computed(said(row.job_id).extra["engine"])

    return Field(
        f"session {name}", rows, info.metric, info.direction, caveat,
        ours, info.target.workdir, name,
    )  # fmt: skip


def row_of(stored: StoredTrial) -> Row:
    trial = stored.trial
    return Row(
        trial.id, stored.metrics or {}, trial.spec.config, trial.spec.output_json,
        trial.state, trial.spec.index,
    )  # fmt: skip


def of_folder(folder: str) -> Field:
    rows = result_files.rows(folder)
    known = any(ARBITRAGE.metric in row.metrics for row in rows)
    metric, direction = (ARBITRAGE.metric, ARBITRAGE.direction) if known else ("", "")

    told = f"--dir {shlex.quote(folder)}"

    def caveat(places: Sequence[Ranked]) -> str:
        return ranking.caveat((place.row for place in places), told)

    def ours(row: Row) -> bool:
        return ARBITRAGE.computed(str(row.extra.get("engine", "")))

    return Field(f"folder {folder}", rows, metric, direction, caveat, ours, ".", told)


def _said(text: str | None) -> Row:
    """What a result says of who computed it, and by which config."""
    try:
        found = result.parse(text or "")
    except ResultError:
        return Row("", {}, extra={"engine": ""})
    return Row("", {}, found.config, extra={"engine": found.engine})


def _named(rows: Iterable[Row]) -> str:
    numbers = (flat(row.metrics).items() for row in rows)
    names = dict.fromkeys(n for items in numbers for n, value in items if number(value) is not None)
    if not names:
        return "no result has a number to rank by; --sort takes texts too"
    more = ", ..." if len(names) > _LISTED else ""
    return f"name one with --metric: {', '.join(list(names)[:_LISTED])}{more}"
