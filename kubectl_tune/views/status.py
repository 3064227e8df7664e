"""A session as `status` shows it to people: its head, some of its trials, and what to do next."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from kubectl_tune.rows import StoredTrial
from kubectl_tune.session import SessionState
from kubectl_tune.sessions import Standing
from kubectl_tune.table import Paint, age, clean, duration, readable
from kubectl_tune.trial import TrialState
from kubectl_tune.views.tables import done, failed, trials_table

PROGRAM = "kubectl tune"
ROWS = 20  # trials that are shown of a session
REASONS = 5  # that trials wait for, in full
# The order in which trials are worth a row.
TELLING = (
    TrialState.RUNNING, TrialState.SUBMITTED, TrialState.FAILED, TrialState.TIMED_OUT,
    TrialState.LOST, TrialState.CANCELLED, TrialState.PRUNED, TrialState.SUCCEEDED,
    TrialState.PENDING,
)  # fmt: skip
# The order in which they are counted.
_COUNTED = (*TELLING[-2:-1], *TELLING[2:-2], *TELLING[:2], TrialState.PENDING)


def shares(standing: Standing, room: int = ROWS) -> dict[TrialState, int]:
    """Say of which states to show how many trials, so that `room` rows tell the most."""
    counts = standing.summary.counts
    kept = min(room // 2, failed(standing))  # what runs must not crowd out what failed
    given: dict[TrialState, int] = {}
    for state in TELLING:
        left = room - sum(given.values()) - (kept if state.in_flight else 0)
        if share := min(left, counts.get(state, 0)):
            given[state] = share
    return given


def status_text(
    standing: Standing,
    trials: Sequence[StoredTrial],
    now: float,
    *,
    wide: bool = False,
    program: str = PROGRAM,
    paint: Paint | None = None,
) -> str:
    """Lay out a session with these of its trials; `program` is how to call us again."""
    info = standing.summary.info
    rows = trials_table(trials, info, now, wide=wide, paint=paint) if trials else ""
    waits = "".join(f"{'Waiting:':<9}{line}\n" for line in waiting(trials))
    more = info.total - len(trials)
    note = f"… and {more:,} more; all of them: {program} status {info.name} -o wide\n"
    return f"{head(standing, now, program)}{waits}\n{rows}{note if more > 0 else ''}"


def head(standing: Standing, now: float, program: str = PROGRAM, paint: Paint | None = None) -> str:
    info = standing.summary.info
    place = [info.target.engine, info.target.context, info.target.namespace]
    lines = {
        "Name": info.name,
        "State": _state(standing),
        "Plan": clean(info.plan),
        "Engine": " / ".join(clean(word) for word in place if word),
        "Trials": progress(standing),
        "Best": _best(standing),
        "Note": clean(info.caveat) if standing.summary.best else "",
        "Age": _age(standing, now),
        "Next": _next(standing, program),
    }
    return "".join(f"{name + ':':<9}{text}\n" for name, text in lines.items() if text)


def waiting(trials: Iterable[StoredTrial]) -> list[str]:
    """Say in full why trials that were submitted don't run, each reason once."""
    stuck: dict[str, list[str]] = {}
    for trial in (each.trial for each in trials):
        if trial.state is TrialState.SUBMITTED and trial.reason:
            kind = f" ({trial.failure})" if trial.failure else ""
            stuck.setdefault(f"{clean(trial.reason)}{kind}", []).append(clean(trial.id))
    return [
        f"{ids[0]}{f' and {len(ids) - 1} more' if len(ids) > 1 else ''}: {why}"
        for why, ids in stuck.items()
    ][:REASONS]


def progress(standing: Standing) -> str:
    """
    Say how far a session is, in numbers: `24 of 60 done: 22 Succeeded, 2 Failed, 4 Running`.
    """
    counts = standing.summary.counts
    each = ", ".join(f"{counts[state]:,} {state}" for state in _COUNTED if counts.get(state))
    return f"{done(standing):,} of {standing.summary.info.total:,} done: {each}"


def _state(standing: Standing) -> str:
    if standing.driver:
        return f"{standing.state}, driven by {clean(str(standing.driver))}"
    if standing.state is SessionState.DETACHED:
        alone = ", its Jobs go on" if _going(standing) else ""
        return f"{standing.state}: nobody drives it{alone}"
    return str(standing.state)


def _going(standing: Standing) -> int:
    """How many trials of a session that nobody drives its cluster goes on with."""
    if standing.driver or standing.summary.info.target.engine == "local":
        return 0
    return sum(count for state, count in standing.summary.counts.items() if state.in_flight)


def _best(standing: Standing) -> str:
    best = standing.summary.best
    return f"{clean(best.metric)}={readable(best.value)} ({clean(best.job_id)})" if best else ""


def _age(standing: Standing, now: float) -> str:
    summary = standing.summary
    old = age(summary.info.created, now)
    if summary.finished is None:
        return old
    return f"{old}, took {duration(summary.finished - summary.info.created)}"


def _next(standing: Standing, program: str) -> str:
    name, left = standing.summary.info.name, standing.summary.info.total - done(standing)
    match standing.state:
        case SessionState.RUNNING:
            return f"{program} watch {name}"
        case SessionState.SUCCEEDED:
            return f"{program} results {name}"
        case SessionState.FAILED if not left:
            return f"{program} logs {name} --failed; {program} retry {name}"
        case SessionState.CANCELLED if not left:
            return f"{program} retry {name}"
        case SessionState.DETACHED if left and left == _going(standing):
            return f"{program} wait {name}"  # the cluster needs nobody for the rest
    return f"{program} resume {name}"
