"""
`validate` in a spec: on which rows of the data every combination is tried.

Lengths are shares of all rows, or numbers of rows; the windows themselves are `folds`'.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

from kubectl_tune import folds
from kubectl_tune.errors import TuneError
from kubectl_tune.folds import Walk, Window
from kubectl_tune.parameter import number
from kubectl_tune.planline import kind, shown
from kubectl_tune.problem import Findings
from kubectl_tune.spec.values import whole
from kubectl_tune.strictjson import Path
from kubectl_tune.suggest import near

CountRows = Callable[[str], int]

MOST = 100_000  # windows: more would be meant for something else
_KEYS = ("walk_forward", "holdout", "gap", "rows")
_WALK = ("train", "test", "step", "anchored")
_OTHER_WORDS = {"purge": "gap", "embargo": "gap", "expanding": "anchored"}


def _meant(key: str, known: tuple[str, ...]) -> str:
    """Return what an unknown key is called here, with the table it stands in if that is another."""
    word = _OTHER_WORDS.get(key, key)
    if word in known:
        return word
    table = "validate" if word in _KEYS else "walk_forward" if word in _WALK else ""
    return f"{table}.{word}" if table else near(word, known)


@dataclass(frozen=True, slots=True)
class _Length:
    """A share of all rows, or a number of them."""

    value: int | Fraction
    shown: str

    def rows(self, total: int) -> int:
        return self.value if isinstance(self.value, int) else math.floor(self.value * total)


def read(
    data: Mapping[Any, Any],
    files: Iterable[Any],
    taken: Iterable[str],
    findings: Findings,
    count_rows: CountRows | None,
) -> tuple[Window, ...]:
    """
    Return the windows; without `validate` there are none.

    `files` are the data files of all trials, `taken` the names of other config keys.
    """
    raw = data.get("validate")
    if raw is None:
        return ()
    if not isinstance(raw, Mapping):
        hint = "write validate: {walk_forward: {train: 0.5, test: 0.1, step: 0.1}, holdout: 0.2}"
        findings.error(f"validate must be a table of keys, not {kind(raw)}", hint, ("validate",))
        return ()
    for name in sorted(set(taken) & set(folds.KEYS)):
        findings.error(f"validate sets {name} itself", f"drop {name} elsewhere", ("validate",))
    return _Reader(raw, findings).windows(list(files), count_rows)


class _Reader:
    def __init__(self, raw: Mapping[Any, Any], findings: Findings) -> None:
        self._raw, self._findings = raw, findings
        self._wrong = self._shares = False

    def windows(self, files: list[Any], count_rows: CountRows | None) -> tuple[Window, ...]:
        self._unknown(self._raw, _KEYS, ())
        walk = self._walk_lengths()
        holdout, gap = self._length(("holdout",)), self._length(("gap",), least=0)
        if self._raw.get("walk_forward") is None and holdout is None and not self._wrong:
            self._error("validate needs walk_forward or holdout", "write holdout: 0.2")
        total = self._total(files, count_rows)
        if total is None or self._wrong:
            return ()
        held, between = (length.rows(total) if length else 0 for length in (holdout, gap))
        return self._made(total, self._walk(walk, total), held, between, holdout)

    def _made(
        self, total: int, walk: Walk | None, held: int, gap: int, holdout: _Length | None
    ) -> tuple[Window, ...]:
        if self._wrong:
            return ()
        if holdout and not 0 < held < total:
            self._error(f"holdout {holdout.shown} is {held} of {total} rows", "", ("holdout",))
            return ()
        if walk and (total - held) // walk.step > MOST:
            hint = "take a larger step"
            self._error(f"walk_forward makes more than {MOST} folds", hint, ("walk_forward",))
            return ()
        found = folds.windows(total, walk, held, gap)
        if not any(one.part == "train" for one in found):
            self._no_fold(total, walk, held, gap)
        elif walk:
            self._told(walk, found, total - held)
        return tuple(found)

    def _no_fold(self, total: int, walk: Walk | None, held: int, gap: int) -> None:
        need = f"train {walk.train} and test {walk.test} and " if walk else ""
        said = f"validate: {need}gap {gap} leave no fold in {total - held} of {total} rows"
        self._error(said, "take shorter windows, or less holdout")

    def _told(self, walk: Walk, found: list[Window], end: int) -> None:
        tests = [one for one in found if one.part == "test"]
        if len(tests) > 1 and walk.step < walk.test:
            said = f"tests overlap: a step of {walk.step} rows is less than a test of {walk.test}"
            self._warning(said, "rows count twice", ("walk_forward", "step"))
        if len(tests) > 1 and walk.step > walk.test:
            said = f"tests leave rows out: the step is {walk.step} rows, a test {walk.test}"
            self._warning(said, "no fold tests the rows between", ("walk_forward", "step"))
        left = end - max(one.stop for one in tests)
        # Shares are rounded down, which may leave a row for each window.
        if left > (len(found) if self._shares else 0):
            said = f"rows after the last test are in no fold, {left} of them"
            self._warning(said, "another step or train would reach them", ("walk_forward",))

    def _walk_lengths(self) -> dict[str, _Length | None]:
        raw = self._raw.get("walk_forward")
        if raw is None:
            return {}
        at = ("walk_forward",)
        if not isinstance(raw, Mapping):
            hint = "write walk_forward: {train: 0.5, test: 0.1, step: 0.1}"
            self._error(f"walk_forward must be a table of keys, not {kind(raw)}", hint, at)
            return {}
        self._unknown(raw, _WALK, at)
        for key in ("train", "test"):
            if raw.get(key) is None:
                hint = "a share of all rows such as 0.1, or a number of rows"
                self._error(f"walk_forward lacks {key}", hint, at)
        if not isinstance(raw.get("anchored", False), bool):
            said = f"anchored must be true or false, not {shown(raw['anchored'])}"
            self._error(said, "", (*at, "anchored"))
        return {key: self._length((*at, key)) for key in ("train", "test", "step")}

    def _walk(self, lengths: Mapping[str, _Length | None], total: int) -> Walk | None:
        train, test = lengths.get("train"), lengths.get("test")
        if not train or not test:
            return None
        step = lengths.get("step") or test
        for key, length in (("train", train), ("test", test), ("step", lengths.get("step"))):
            if length and not length.rows(total):
                said = f"walk_forward.{key} {length.shown} is none of {total} rows"
                self._error(said, "", ("walk_forward", key))
        anchored = self._raw["walk_forward"].get("anchored", False)
        return Walk(train.rows(total), test.rows(total), step.rows(total), anchored)

    def _length(self, path: Path, *, least: int = 1) -> _Length | None:
        """Return a length, or None where there is none or a wrong one."""
        value: Any = self._raw
        for key in path:
            value = value.get(key)
        if value is None:
            return None
        name = ".".join(map(str, path))
        plain = number(value)
        if plain is None:
            self._error(f"{name} must be a number, not {shown(value)}", "write 0.2 or 5000", path)
        elif isinstance(plain, int) and plain >= least:
            return _Length(plain, str(plain))
        elif isinstance(plain, float) and 0 < plain < 1:
            self._shares = True
            return _Length(Fraction(repr(plain)), repr(plain))
        else:
            hint = "give a share of all rows between 0 and 1, or a whole number of rows"
            self._error(f"{name} {shown(value)} is no length", hint, path)
        return None

    def _total(self, files: list[Any], count_rows: CountRows | None) -> int | None:
        if self._raw.get("rows") is not None:
            rows = whole(self._raw, "rows", None, self._findings, least=1, inside=("validate",))
            self._wrong = self._wrong or rows is None
            return rows if isinstance(rows, int) else None
        file = files[0] if files and files.count(files[0]) == len(files) else None
        if not isinstance(file, str) or not file or count_rows is None:
            said = "is that of no single data_file" if not file else "can't be counted here"
            self._error(f"validate: the number of rows {said}", "give it: validate: {rows: N}")
            return None
        try:
            return count_rows(file)
        except TuneError as error:
            self._error(f"validate: {error}", error.hint or "or give it: validate: {rows: N}")
            return None

    def _unknown(self, raw: Mapping[Any, Any], known: tuple[str, ...], at: Path) -> None:
        for key in raw:
            if key not in known:
                meant = _meant(str(key), known)
                name = ".".join(map(str, at)) or "validate"
                path = ("validate", *at, key)
                self._findings.unknown(f"{name} key {shown(key)}", meant, at=path)

    def _error(self, message: str, hint: str = "", at: Path = ()) -> None:
        self._wrong = True
        self._findings.error(message, hint, ("validate", *at))

    def _warning(self, message: str, hint: str, at: Path) -> None:
        self._findings.warning(message, hint, ("validate", *at))
