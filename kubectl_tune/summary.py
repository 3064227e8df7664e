"""What is said when a session has been driven or submitted: pure functions from values to text."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from kubectl_tune.driving import Outcome
from kubectl_tune.failfast import Diagnosis
from kubectl_tune.session import FAULTS
from kubectl_tune.sessions import Standing
from kubectl_tune.table import clean, duration, readable
from kubectl_tune.trial import TrialState

_ENDED = (
    TrialState.SUCCEEDED,
    TrialState.FAILED,
    TrialState.TIMED_OUT,
    TrialState.CANCELLED,
    TrialState.LOST,
    TrialState.PRUNED,
)
_UNFINISHED = (TrialState.RUNNING, TrialState.SUBMITTED, TrialState.PENDING)
SIGINT = 130
NAMED = 3  # trials that are named of many
PROGRAM = "kubectl tune"


def counted(number: int, what: str) -> str:
    """
    >>> counted(1, "trial"), counted(0, "trial")
    ('1 trial', '0 trials')
    """
    return f"{number} {what}{'' if number == 1 else 's'}"


def closing(outcome: Outcome, program: str, *, quiet: bool = False) -> str:
    """
    Say how a session stands at the end of a drive, and which commands come next.

    `program` is how commands begin.
    """
    lines, standing = [], outcome.standing
    name = standing.summary.info.name
    if outcome.idle:
        lines.append(f"nothing to do: session {name} has ended")
    if outcome.stopped:
        by = "Ctrl-C" if outcome.exit_code == SIGINT else "a signal"
        lines.append(f"stopped by {by}: {_left(outcome)}")
    elif outcome.going:
        lines.append(f"told to end, but still there: {named(outcome.going)}")
    if outcome.diagnosis:
        lines += _diagnosed(outcome.diagnosis, name, program)
    lines += [_verdict(standing), *_best(standing)]
    if not quiet:
        lines += _listed(_next(standing, going=bool(outcome.going)), f"{program} ")
    elif outcome.stopped:
        lines.append(f"go on with: {program} resume {name}")
    return "\n".join(lines)


def _left(outcome: Outcome) -> str:
    """Say what a signal leaves behind: a machine's processes end with us, Jobs don't."""
    if outcome.standing.summary.info.target.engine == "local":
        return "trials that ran were ended; they begin anew on resume"
    if not outcome.going:
        return "no trial is on the cluster"
    return f"its Jobs go on: {named(outcome.going)} on the cluster"


def _diagnosed(diagnosis: Diagnosis, name: str, program: str) -> Iterator[str]:
    ids = diagnosis.ids
    first = "the first trial" if len(ids) == 1 else f"the first {len(ids)} trials"
    kind = f" ({diagnosis.failure})" if diagnosis.failure else ""
    alike = " failed alike" if len(ids) > 1 else " failed"
    yield f"gave up: {first}{alike}{kind}: {clean(diagnosis.reason)}"
    yield f"  trials: {clean(', '.join(ids))}"
    yield f"  to do: {clean(diagnosis.hint(name)).replace(PROGRAM, program)}"


def named(ids: Sequence[str]) -> str:
    """
    Count trials, and name the first ones.

    >>> named(["a", "b", "c", "d"])
    '4 trials (a, b, c, ...)'
    """
    more = ", ..." if len(ids) > NAMED else ""
    return f"{counted(len(ids), 'trial')} ({clean(', '.join(ids[:NAMED]))}{more})"


def submitted(name: str, program: str) -> str:
    commands = {
        "watch": "show its trials as they change",
        "wait": "wait until it has finished",
        "cancel": "end it",
    }
    rows = [(f"{verb} {name}", why) for verb, why in commands.items()]
    return "\n".join(_listed(rows, f"{program} "))


def _verdict(standing: Standing) -> str:
    summary = standing.summary
    counts = ", ".join(
        f"{summary.counts[state]} {state}"
        for state in (*_ENDED, *_UNFINISHED)
        if summary.counts.get(state)
    )
    took = ""
    if summary.finished:
        took = f" in {duration(summary.finished - summary.info.created)}"
    return f"session/{summary.info.name} {standing.state}{took}: {counts}"


def _best(standing: Standing) -> Iterator[str]:
    summary = standing.summary
    if best := summary.best:
        yield f"best: {clean(best.job_id)}  {clean(best.metric)}={readable(best.value)}"
        if summary.info.caveat:
            yield f"note: {summary.info.caveat}"


def _next(standing: Standing, *, going: bool = False) -> Iterator[tuple[str, str]]:
    """Yield the commands that make sense now, each with what for; `going` is on a cluster."""
    summary = standing.summary
    name, counts = summary.info.name, summary.counts
    faults = any(counts.get(state) for state in FAULTS)
    if any(counts.get(state) for state in _UNFINISHED):
        yield f"resume {name}", "go on where it stopped"
    if going:
        yield f"status {name}", "show the trials"
        yield f"cancel {name}", "end what goes on"
    elif not summary.info.metric:  # which one to rank by is not for us to say
        yield f"status {name}", "show the trials"
    elif counts.get(TrialState.SUCCEEDED):
        yield f"results {name}", "rank the trials"
    if summary.best:
        yield f"best {name}", "the best one, and how to reproduce it"
    if faults:
        yield f"logs {name} --failed", "what those that failed have printed"
    if faults or counts.get(TrialState.CANCELLED):
        yield f"retry {name}", "try again what did not succeed"


def _listed(commands: Iterator[tuple[str, str]] | list[tuple[str, str]], lead: str) -> list[str]:
    rows = [(f"{lead}{command}", why) for command, why in commands]
    width = max((len(command) for command, _ in rows), default=0)
    return ["next:" for _ in rows[:1]] + [f"  {row:<{width}}   {why}" for row, why in rows]
