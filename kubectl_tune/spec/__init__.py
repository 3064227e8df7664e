"""
A spec: what stays fixed, what is tuned, and how many trials come of it.

A spec of the first planner means what it always meant; everything else is an addition. A
key that looks misspelt is an error, because the plan would silently be another one; a key
that nobody knows is ignored with a warning.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from kubectl_tune import expression, planline
from kubectl_tune.errors import UsageError
from kubectl_tune.expression import Expression
from kubectl_tune.folds import Window
from kubectl_tune.planline import kind, shown
from kubectl_tune.problem import Findings, Place, PlanProblems, Problem, Severity, nowhere
from kubectl_tune.spec import aims, clashes, space, validate
from kubectl_tune.spec.foreignwords import ELSEWHERE
from kubectl_tune.spec.space import Space
from kubectl_tune.spec.validate import CountRows
from kubectl_tune.spec.value import Spec
from kubectl_tune.spec.values import FIXED, config_value, unwritable, whole
from kubectl_tune.suggest import near
from kubectl_tune.workload import ARBITRAGE, Workload

__all__ = ["ALWAYS", "EXTRAS", "FIXED", "Spec", "read"]

# The keys that every config of the built-in workload has, and their old order.
ALWAYS = {"data_file": "", "initial_balance_usd": 10000.0, "max_open_trades": 1}
EXTRAS = ("command", "env", "timeout", "image")  # they go into every line of the plan

_OWN = ("data_file", "fixed", "grids", "max_jobs", "tag_prefix")
_ADDED = ("where", "repeat", "seed", "sample", "search", "validate", *aims.KEYS, *EXTRAS)
_NOT_FIXED = ("data_file", "job_id", "repeat")


def read(
    data: Any,
    *,
    name: str = "spec",
    workload: Workload = ARBITRAGE,
    found: Sequence[Problem] = (),
    place: Place = nowhere,
    count_rows: CountRows | None = None,
    hint: str = "",
) -> Spec:
    """
    Return the spec, or raise `PlanProblems` with everything that is wrong, `found` included.

    `place` tells where in a file things stand, `count_rows` how many rows of data a file has.
    """
    findings = Findings(found, place)
    spec = None
    if isinstance(data, Mapping):
        foreign = data.get("command") is not None
        spec = _Reader(data, findings, None if foreign else workload, count_rows).spec()
    elif data is not None or not found:
        what = "is empty" if data is None else f"must be a table of keys, not {kind(data)}"
        findings.error(f"the spec {what}", "it begins with data_file: FILE")
    errors = findings.of(Severity.ERROR)
    if errors or spec is None:
        raise PlanProblems(name, errors, findings.of(Severity.WARNING), hint=hint)
    return spec


class _Reader:
    """Reads a spec for a workload, or for a command of its own."""

    def __init__(
        self,
        data: Mapping[Any, Any],
        findings: Findings,
        workload: Workload | None,
        count_rows: CountRows | None,
    ) -> None:
        self._data = data
        self._findings = findings
        self._workload = workload
        self._count_rows = count_rows

    def spec(self) -> Spec:
        self._unknown()
        base = self._base()
        found = space.read(self._data, self._findings, self._workload)
        self._overlaps(base, found)
        if self._workload:
            clashes.read(self._data, base, found, self._workload, self._findings)
        base.update(found.fixed)
        repeat = self._whole("repeat", 1, least=1)
        names = list(dict.fromkeys([*base, *found.places]))
        windows = self._windows(base, found, names)
        max_jobs = self._whole("max_jobs", None, least=0)
        if windows and max_jobs and max_jobs % (repeat * len(windows)):
            said = f"max_jobs {max_jobs} ends inside of a combination"
            hint = f"each comes to {repeat * len(windows)} trials"
            self._findings.warning(said, hint, ("max_jobs",))
        if repeat > 1 and "repeat" in names:
            said = "repeat is both a parameter and asked for"
            self._findings.error(said, "rename the parameter", ("repeat",))
        return Spec(
            base=base,
            parameters=tuple(found.parameters),
            prefix=self._prefix(),
            max_jobs=max_jobs,
            most=found.most,
            method=found.method,
            ordered=found.ordered,
            seed=found.seed,
            repeat=repeat,
            where=self._where(names),
            windows=windows,
            validate=self._data.get("validate"),
            extras=self._extras(),
            parallel=found.parallel,
            objectives=aims.read(self._data, names, self._findings),
            warnings=self._findings.of(Severity.WARNING),
        )

    def _base(self) -> dict[str, Any]:
        """Return the config keys that are the same in all trials."""
        inner = self._data.get("fixed")
        if inner is not None and not isinstance(inner, Mapping):
            said = f"fixed must be a table of keys, not {kind(inner)}"
            self._findings.error(said, at=("fixed",))
        given = inner if isinstance(inner, Mapping) else {}
        base = self._start()
        for key in self._fixed_keys(given):
            # 0 is a value, null is none.
            above = given.get(key) is None
            value = self._data.get(key) if above else given[key]
            if value is not None:
                at = (key,) if above else ("fixed", key)
                base[key] = config_value(
                    f"fixed {key}", key, value, self._findings, self._workload, at
                )
        return base

    def _start(self) -> dict[str, Any]:
        """Return the keys that stand first, and stand in every config."""
        file = self._data.get("data_file")
        if file is not None and not isinstance(file, str):
            said = f"data_file must be a text, not {kind(file)}"
            self._findings.error(said, at=("data_file",))
        elif not file and self._workload:
            hint = "a spec for a command of your own says so: command: [python, train.py, ...]"
            self._findings.error("data_file is required", hint, ("data_file",))
        if self._workload:
            return {**ALWAYS, "data_file": file}
        return {"data_file": file} if file else {}

    def _fixed_keys(self, given: Mapping[Any, Any]) -> Iterator[str]:
        yield from self._beside
        for key in (key for key in given if key not in self._beside):
            if not isinstance(key, str):
                said = f"a key under fixed must be a text, not {kind(key)}"
                self._findings.error(said, at=("fixed", key))
            elif self._reads(key):
                yield key
            elif self._workload:
                meant = near(key, self._workload.known_keys)
                self._findings.unknown(f"fixed key {shown(key)}", meant, at=("fixed", key))

    @property
    def _beside(self) -> tuple[str, ...]:
        """The config keys that may stand beside `fixed`, in their order."""
        return FIXED if self._workload is None else (*FIXED, *self._workload.spec_keys)

    def _reads(self, key: str) -> bool:
        if self._workload is None:
            return True
        return key in self._workload.known_keys and key not in _NOT_FIXED

    def _overlaps(self, base: Mapping[str, Any], found: Space) -> None:
        inner = self._data.get("fixed")
        given = {*self._data, *(inner if isinstance(inner, Mapping) else ())}
        for one in found.parameters:
            if one.name in found.fixed or (one.name in base and one.name in given):
                message = f"{one.name} is fixed and tuned"
                at = found.places.get(one.name, ())
                self._findings.warning(message, "its fixed value is not used", at)
        for name, value in found.fixed.items():
            if name in given and base.get(name, value) != value:
                said = f"{name} is fixed twice"
                self._findings.warning(said, "the value here is used", found.places[name])

    def _whole(self, key: str, default: Any, *, least: int) -> Any:
        return whole(self._data, key, default, self._findings, least=least)

    def _prefix(self) -> Any:
        prefix = self._data.get("tag_prefix")
        said = ""
        if isinstance(prefix, bool) or not isinstance(prefix, str | int | float | None):
            said = f"tag_prefix must be a text, not {kind(prefix)}"
        elif not str(prefix).isprintable():
            said = "tag_prefix holds a character that does not print"
        elif problem := unwritable(prefix):
            said = f"tag_prefix: {problem}"
        if said:
            self._findings.error(said, at=("tag_prefix",))
        return prefix

    def _where(self, known: list[str]) -> Expression | None:
        text = self._data.get("where")
        if text is None:
            return None
        try:
            if not isinstance(text, str):
                raise UsageError(f"it must be a text, not {kind(text)}")
            where = expression.parse(text)
        except UsageError as error:
            self._findings.error(f"where: {error}", error.hint, ("where",))
            return None
        for name in sorted(where.names.difference(known)):
            meant = near(name, known)
            there = f"there are {', '.join(known)}" if known else ""
            hint = f"did you mean {meant}?" if meant else there
            self._findings.error(f"where: no config has {name}", hint, ("where",))
        return where

    def _windows(
        self, base: Mapping[str, Any], found: Space, names: list[str]
    ) -> tuple[Window, ...]:
        tuned = [one.choices for one in found.parameters if one.name == "data_file"]
        files = tuned[0] if tuned else (base.get("data_file"),)
        return validate.read(self._data, files, names, self._findings, self._count_rows)

    def _extras(self) -> dict[str, Any]:
        extras = {key: self._data[key] for key in EXTRAS if self._data.get(key) is not None}
        for key in [key for key in extras if unwritable(extras[key])]:
            self._findings.error(f"{key}: {unwritable(extras.pop(key))}", at=(key,))
        for fault in planline.faults({"job_id": "a", "config": {}, **extras}):
            self._findings.error(fault.message, fault.hint, fault.path)
        return extras

    def _unknown(self) -> None:
        known = (*_OWN, *self._beside, *_ADDED)
        for key in self._data:
            if not isinstance(key, str):
                self._findings.error(f"a key must be a text, not {kind(key)}", at=(key,))
            elif key not in known:
                meant = ELSEWHERE.get(key, "") or near(key, known)
                hint = "put it under fixed to have it in config"
                self._findings.unknown(f"key {shown(key)}", meant, hint, (key,))
