"""
Where the program begins and ends, installed, as a module, and frozen.

What children inherit is put right before anything is started, and a reader that goes
away (`| head`) is no error.
"""

from __future__ import annotations

import atexit
import errno
import gc
import os
import sys

from kubectl_tune import interpreter

TYPE_CHECKING = False  # typing's own would have to be imported
if TYPE_CHECKING:
    from typing import NoReturn

BROKEN_PIPE = 128 + 13  # what a shell reports for a program that SIGPIPE ended
# New objects before Python looks for cycles among them. Its own 700 make it look hundreds of times
# while modules are imported, of which nothing goes away: a twentieth of the time to begin.
COLLECT = 20_000
FULL = (errno.ENOSPC, errno.EDQUOT)


def main() -> int:
    gc.set_threshold(COLLECT)
    if interpreter.frozen():
        # PyInstaller sets it, in frozen builds only: no stub of `sys` knows it.
        interpreter.restore(os.environ, sys._MEIPASS)  # type: ignore[attr-defined]
    open_streams()
    if interpreter.asked(sys.argv):
        return flushed(interpreter.become(sys.argv[2:]))
    completing = os.path.basename(sys.argv[0]).startswith("kubectl_complete-")
    if hasattr(sys.stdout, "reconfigure"):  # a name that isn't text must not end us
        sys.stdout.reconfigure(errors="backslashreplace")
    from kubectl_tune import cli

    try:
        code = cli.main(["__complete", *sys.argv[1:]] if completing else sys.argv[1:])
    except BrokenPipeError:
        code = BROKEN_PIPE
    except OSError as error:
        if error.errno not in FULL:
            raise
        code = full(error)
    return flushed(code)


def run() -> NoReturn:
    """Run, and end at once: taking the interpreter apart is a tenth of a short command's time."""
    code = main()
    if "threading" in sys.modules and sys.modules["threading"].active_count() > 1:
        sys.exit(code)  # it waits for them
    atexit._run_exitfuncs()  # what is to be done at the end, such as removing temporary files
    code = flushed(code)
    try:
        sys.stderr.flush()
    finally:
        os._exit(code)


def open_streams() -> None:
    """Put /dev/null where the caller closed a stream: a state file must not become stdout."""
    while (fd := os.open(os.devnull, os.O_RDWR)) <= 2:
        pass
    os.close(fd)
    sys.stdout = sys.stdout or open(1, "w", closefd=False)  # noqa: SIM115 - for life
    sys.stderr = sys.stderr or open(2, "w", closefd=False)  # noqa: SIM115 - for life


def flushed(code: int) -> int:
    """Write out what is buffered; the work's own exit code stands if its reader is gone."""
    try:
        sys.stdout.flush()
    except BrokenPipeError:
        silence()
    except OSError as error:
        silence()
        return full(error)
    return code


def full(error: OSError) -> int:
    print(f"error: output can't be written: {error.strerror}", file=sys.stderr)
    return 2


def silence() -> None:
    """Keep the interpreter from flushing once more, and complaining, at its end."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)


if __name__ == "__main__":
    run()
