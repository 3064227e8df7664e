"""What `run`, `submit`, `resume` and `retry` share: driving a session, here or detached."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing as closed
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer

from kubectl_tune import driving, interpreter
from kubectl_tune.cli.clusters import heed_flags, heed_warnings, show_warnings
from kubectl_tune.cli.errors import program
from kubectl_tune.cli.state import state_path
from kubectl_tune.errors import EngineError, TuneError
from kubectl_tune.lock import current_driver
from kubectl_tune.progress import Progress
from kubectl_tune.store import Store
from kubectl_tune.summary import closing, submitted

START_SECONDS = 60.0  # how long a detached driver may take to take its session

Quiet = Annotated[bool, typer.Option("--quiet", "-q", help="Show no progress")]


def drive(store: Store, name: str, *, quiet: bool, only_name: bool = False) -> int:
    """
    Drive a session with progress on stderr, and say how it ended.

    `only_name` leaves nothing but `session/NAME` for stdout.
    """
    heed_flags()
    progress = Progress(sys.stderr, quiet=quiet)
    with _resumable(name), closed(progress):
        outcome = driving.drive(store, name, show=progress)
    # What was let go of has no result yet: nothing for stdout.
    stream = sys.stderr if outcome.stopped or only_name else sys.stdout
    print(closing(outcome, program(), quiet=quiet), file=stream)
    if only_name:
        print(f"session/{name}")
    if not outcome.stopped:  # else the signal is what the exit code says
        heed_warnings()
    return outcome.exit_code


@contextmanager
def _resumable(name: str) -> Iterator[None]:
    """Say of whatever comes in between how to go on."""
    try:
        yield
    except KeyboardInterrupt:
        print(f"interrupted; go on with: {program()} resume {name}", file=sys.stderr)
        raise
    except TuneError as error:
        show_warnings()
        error.hint = error.hint or f"mend it, then go on with: kubectl tune resume {name}"
        raise


def detach(store: Store, name: str, *, only_name: bool = False) -> int:
    """Leave a session to the cluster, or here to a driver that outlives this process."""
    if store.info(name).target.engine == "local":
        _leave_to_driver(store, name)
    else:
        from kubectl_tune import live

        with _resumable(name):
            live.hand_over(store, name)
    print(f"session/{name}" if only_name else f"session/{name} submitted")
    if not only_name:
        print(submitted(name, program()), file=sys.stderr)
    heed_warnings()
    return 0


def _leave_to_driver(store: Store, name: str) -> None:
    """Start a driver, and return once the session is its own."""
    folder = store.folder(name)
    log = folder / "driver.log"
    driver = _start(name, log)
    deadline = time.monotonic() + START_SECONDS
    while driver.poll() is None and not current_driver(folder):
        if time.monotonic() > deadline:
            raise EngineError(f"the driver of session {name} does not start; see {log}")
        time.sleep(0.02)  # a held lock can only be looked for; START_SECONDS bounds it
    if driver.poll() is not None and not store.summary(name).ended:
        said = log.read_text(errors="replace").strip().removeprefix("error: ")
        raise EngineError(f"the driver of session {name} ended at once: {said}")


def _start(name: str, log: Path) -> subprocess.Popen[bytes]:
    words = [*interpreter.python(), "-m", "kubectl_tune", "--state", str(state_path()), "resume"]
    with log.open("ab") as output:
        return subprocess.Popen(
            [*words, name, "--quiet"], stdin=subprocess.DEVNULL, stdout=output, stderr=output,
            start_new_session=True,
        )  # fmt: skip
