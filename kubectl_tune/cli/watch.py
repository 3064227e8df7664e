"""`kubectl tune watch`: a session as it changes."""

from __future__ import annotations

import os
import shutil
import sys
import time
from collections.abc import Iterator
from typing import Annotated, Any
from unicodedata import east_asian_width

from kubectl_tune import sessions
from kubectl_tune.cli.color import Color, paint
from kubectl_tune.cli.forms import FORMATS, form
from kubectl_tune.cli.fresh import Looker
from kubectl_tune.cli.listing import Item, NoHeaders, Printer, Show, put
from kubectl_tune.cli.options import Session, output
from kubectl_tune.cli.showing import pieces
from kubectl_tune.cli.state import open_store_to_read
from kubectl_tune.lock import current_driver
from kubectl_tune.session import SessionState
from kubectl_tune.sessions import Standing
from kubectl_tune.store import Store
from kubectl_tune.table import cut
from kubectl_tune.views.objects import session_object
from kubectl_tune.views.tables import session_headers, session_row

TURN = 0.2  # seconds between two looks
PATIENCE = 5.0  # seconds for a driver to come that is on its way
REPAINT = 1.0  # seconds after which times and ages are out of date
LINE = 1.0  # seconds between two lines where there is no terminal
UNFINISHED = (SessionState.RUNNING, SessionState.DETACHED, SessionState.PENDING)


def command(
    session: Session = "",
    format: Annotated[str, output(*FORMATS)] = "table",
    no_headers: NoHeaders = False,
    color: Color = "auto",
) -> None:
    """
    Show a session as it changes, until it has ended; then how it ended.

    On a terminal the table is painted anew; elsewhere there is a line for each change.
    Watching changes nothing: Ctrl-C ends the watching alone.

    Examples:
      # Watch the newest session
      kubectl tune watch

      # Log how a session goes
      kubectl tune watch nightly >nightly.log
    """
    asked = Show(form=form(format), no_headers=no_headers, paint=paint(color))
    store = open_store_to_read()
    follow(store, sessions.find(store, session), asked)


def follow(store: Store, name: str, asked: Show) -> None:
    """Show a session until it has ended, or nobody drives it, and then once more in full."""
    show = _view(asked)
    for standing in changes(store, name):
        if standing.state in UNFINISHED:
            show(store, standing)
    show.close()
    with store.moment():
        sys.stdout.writelines(pieces(store, sessions.standing(store, name), asked))
    sys.stdout.flush()


def _view(asked: Show) -> _Screen | _Lines | _Documents:
    if not asked.form.is_table:
        return _Documents(asked)
    # Where there are to be no colours, no sequence of any kind is sent.
    painted = asked.paint and sys.stdout.isatty() and os.environ.get("TERM") != "dumb"
    return _Screen(asked) if painted else _Lines(asked)


def changes(store: Store, name: str, *, patience: float = PATIENCE) -> Iterator[Standing]:
    """
    Yield how a session stands, each turn, until it has ended.

    Without a driver it ends too, once one could have come in `patience` seconds, unless a
    cluster goes on with it. A turn in which nothing was written costs next to nothing.
    """
    folder, alone = store.folder(name), time.monotonic()
    seen, standing, looker = None, None, Looker(store, name)
    while True:
        now = (store.version, current_driver(folder))
        if standing is None or now != seen:
            seen, standing = now, sessions.standing(store, name)
        yield standing
        if standing.state not in UNFINISHED:
            return
        if standing.driver or looker.looks():
            alone = time.monotonic()
        elif time.monotonic() - alone > patience:
            return
        time.sleep(TURN)


class _Lines:
    """A line for each change, in the columns of `list`; the header once."""

    def __init__(self, asked: Show) -> None:
        self._wide = asked.form.name == "wide"
        self._printer = Printer(asked, session_headers(wide=self._wide))
        self._said: dict[str, Any] = {}
        self._due = 0.0

    def __call__(self, store: Store, standing: Standing) -> None:
        now, said = time.monotonic(), session_object(standing)
        if now < self._due or said == self._said:
            return
        row = session_row(standing, time.time(), wide=self._wide)
        put(self._printer.each([Item(said, row)]))
        self._said, self._due = said, now + LINE

    def close(self) -> None:
        pass


class _Documents:
    """What programs read, anew for each change."""

    def __init__(self, asked: Show) -> None:
        self._asked = asked
        self._said: dict[str, Any] = {}

    def __call__(self, store: Store, standing: Standing) -> None:
        if (said := session_object(standing)) == self._said:
            return
        with store.moment():
            put("".join(pieces(store, standing, self._asked)) + self._between)
        self._said = said

    @property
    def _between(self) -> str:
        return "---\n" if self._asked.form.name == "yaml" else ""

    def close(self) -> None:
        pass


class _Screen:
    """The session's table, painted over the one before."""

    def __init__(self, asked: Show) -> None:
        self._asked = asked
        self._seen: Standing | None = None
        self._due = 0.0
        self._lines = 0

    def __call__(self, store: Store, standing: Standing) -> None:
        now = time.monotonic()
        if standing is self._seen and now < self._due:
            return
        self._seen, self._due = standing, now + REPAINT
        text = "".join(pieces(store, standing, self._asked))
        columns, rows = shutil.get_terminal_size()
        shown = text.splitlines()[: max(1, rows - 1)]
        lines = [cut(line, max(0, columns - 1 - _wide(line))) for line in shown]
        sys.stdout.write(self._back() + "".join(f"{line}\x1b[K\n" for line in lines) + "\x1b[J")
        sys.stdout.flush()
        self._lines = len(lines)

    def close(self) -> None:
        sys.stdout.write(self._back() + "\x1b[J" * bool(self._lines))

    def _back(self) -> str:
        return f"\x1b[{self._lines}F" if self._lines else ""


def _wide(line: str) -> int:
    """Return how many characters take a second column: a line that breaks can't be painted over."""
    return sum(east_asian_width(char) in "WF" for char in line)
