"""What `run` says when it begins and when it ends: pure functions from a standing to text."""

from __future__ import annotations

from kubectl_tune.session import SessionInfo, SessionState
from kubectl_tune.sessions import Standing
from kubectl_tune.table import clean, duration, readable
from kubectl_tune.trial import TrialState

_ORDER = (
    TrialState.SUCCEEDED,
    TrialState.FAILED,
    TrialState.TIMED_OUT,
    TrialState.CANCELLED,
    TrialState.LOST,
    TrialState.PRUNED,
    TrialState.RUNNING,
    TrialState.SUBMITTED,
    TrialState.PENDING,
)


def begun(info: SessionInfo) -> str:
    parallel = info.policy.max_parallel or "one per core"
    where = "on this machine" if info.target.engine == "local" else info.target.engine
    return f"session/{info.name}: {info.total} trials {where}, {parallel} at once"


def closing(standing: Standing, *, quiet: bool = False) -> str:
    """Say how a session stands at the end of a drive, and which commands come next."""
    lines = [_verdict(standing)]
    summary = standing.summary
    if summary.best:
        best = summary.best
        lines.append(f"best: {clean(best.job_id)}  {best.metric}={readable(best.value)}")
        if summary.info.caveat:
            lines.append(f"note: {summary.info.caveat}")
    if not quiet:
        lines += ["next:", *(f"  {command:<44}  {why}" for command, why in _next(standing))]
    return "\n".join(lines)


def _verdict(standing: Standing) -> str:
    summary = standing.summary
    counts = ", ".join(
        f"{summary.counts[state]} {state}" for state in _ORDER if summary.counts.get(state)
    )
    took = ""
    if summary.finished:
        took = f" in {duration(summary.finished - summary.info.created)}"
    return f"session/{summary.info.name} {standing.state}{took}: {counts}"


def _next(standing: Standing) -> list[tuple[str, str]]:
    name, counts = standing.summary.info.name, standing.summary.counts
    commands = []
    unfinished = sum(counts.get(state, 0) for state in _ORDER[6:])
    if standing.state is SessionState.DETACHED or unfinished:
        commands.append((f"kubectl tune resume {name}", "go on where it stopped"))
    if counts.get(TrialState.SUCCEEDED):
        commands.append((f"kubectl tune results {name} --top 10", "rank the trials"))
    if standing.summary.best:
        commands.append((f"kubectl tune best {name}", "the best one, and how to reproduce it"))
    if any(counts.get(state) for state in _ORDER[1:5]):
        commands.append((f"kubectl tune logs {name} --failed", "what the others printed"))
        commands.append((f"kubectl tune retry {name}", "try them again"))
    return commands
