"""The search of a spec: by which method, how many trials, at what chance."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from kubectl_tune.planline import kind, shown
from kubectl_tune.problem import Findings
from kubectl_tune.spec import method
from kubectl_tune.spec.method import Method
from kubectl_tune.spec.values import whole
from kubectl_tune.suggest import near

MOST = 1_000_000  # trials that are not those of a grid: they are held until all are found
_KEYS = ("method", "max_trials", "seed", "parallel", "parameters")
SAME = {
    "run_cap": "max_trials",
    "maxTrialCount": "max_trials",
    "num_samples": "max_trials",
    "epochs": "max_trials",
    "parallelTrialCount": "parallel",
}


@dataclass(slots=True)
class Search:
    method: Method | None = Method.GRID  # None where what is asked for is no plan's
    most: int | None = None
    seed: int | None = None
    parallel: int | None = None
    parameters: Any = None


def read(search: Any, spec: Mapping[str, Any], findings: Findings) -> Search:
    """Return the search; `spec` is what it stands in."""
    if not isinstance(search, Mapping):
        findings.error(f"search must be a table of keys, not {kind(search)}", at=("search",))
        return Search()
    return _Reader(search, spec, findings).search()


class _Reader:
    def __init__(
        self, search: Mapping[Any, Any], spec: Mapping[str, Any], findings: Findings
    ) -> None:
        self._spec, self._findings = spec, findings
        self._given: dict[str, Any] = {}  # our names to what they are called
        self._plain: dict[str, Any] = {}
        for key, value in search.items():
            self._take(key, value)

    def search(self) -> Search:
        chosen = self._method()
        most = self._whole("max_trials")
        if chosen not in (None, Method.GRID) and self._plain.get("max_trials") is None:
            hint = f"search by {chosen} has no end of its own"
            self._error("method", "search.max_trials is required", hint)
        if chosen and chosen.a_design and most and most > MOST:
            said = f"a design has at most {MOST:,} points, not {most:,}"
            self._error("max_trials", said, "only grid has no such limit")
        if chosen is Method.SOBOL and most and most & (most - 1):
            self._unbalanced(most)
        self._as_in_ray(chosen)
        return Search(
            chosen,
            most,
            self._whole("seed"),
            self._whole("parallel", least=1),
            self._plain.get("parameters"),
        )

    def _take(self, key: Any, value: Any) -> None:
        plain = SAME.get(str(key), str(key))
        if plain not in _KEYS:
            meant = near(plain, [*_KEYS, *SAME])
            self._findings.unknown(f"search key {shown(key)}", meant, at=("search", key))
        elif plain in self._given:
            said = f"search has both {self._given[plain]} and {key}"
            self._findings.error(said, "keep one of them", ("search", key))
        self._given[plain], self._plain[plain] = key, value

    def _method(self) -> Method | None:
        chosen, said, hint = method.read(self._plain.get("method", "grid"))
        if said:
            self._error("method", f"search.method {said}", hint)
        return chosen

    def _whole(self, key: str, *, least: int = 0) -> Any:
        name = self._given.get(key, key)
        found = {name: self._plain.get(key)}
        return whole(found, name, None, self._findings, least=least, inside=("search",))

    def _unbalanced(self, most: int) -> None:
        less = 1 << (most.bit_length() - 1)
        said = f"{most} points of a Sobol sequence are not balanced"
        hint = f"powers of two are, such as {less} and {2 * less}"
        name = self._given["max_trials"]
        self._findings.warning(said, hint, ("search", name))

    def _as_in_ray(self, chosen: Method | None) -> None:
        """Say what `num_samples` is, where Ray Tune would multiply a grid by it."""
        if self._given.get("max_trials") != "num_samples":
            return
        if chosen is Method.GRID or self._spec.get("grids") or self._has_grid_search():
            said = "num_samples limits the trials here, and does not multiply a grid as in Ray Tune"
            hint = "repeat: N runs every combination N times"
            self._findings.warning(said, hint, ("search", "num_samples"))

    def _has_grid_search(self) -> bool:
        raw = self._plain.get("parameters")
        entries = raw.values() if isinstance(raw, Mapping) else raw
        return isinstance(entries, list | tuple | type({}.values())) and any(
            isinstance(one, Mapping) and "grid_search" in one for one in entries
        )

    def _error(self, key: str, message: str, hint: str) -> None:
        self._findings.error(message, hint, ("search", self._given.get(key, key)))
