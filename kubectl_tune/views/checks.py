"""The checks of `doctor`: a line each for people, an object for programs."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from kubectl_tune.doctor import Check, Outcome
from kubectl_tune.table import clean

_SIGNS = {Outcome.OK: "✔", Outcome.WARN: "!", Outcome.FAIL: "✗", Outcome.SKIP: "-"}
_PLAIN = {Outcome.OK: "ok", Outcome.WARN: "!!", Outcome.FAIL: "XX", Outcome.SKIP: "--"}


def check_text(check: Check, *, plain: bool = False) -> str:
    """
    Lay out a check; `plain` where a terminal can't show more than ASCII.

    >>> print(check_text(Check("namespace", Outcome.FAIL, "it is not there", "create it")))
    ✗ it is not there
      create it
    """
    sign = (_PLAIN if plain else _SIGNS)[check.outcome]
    hint = f"\n{' ' * (len(sign) + 1)}{clean(check.hint)}" if check.hint else ""
    return f"{sign} {clean(check.sentence)}{hint}"


def closing_text(checks: Sequence[Check], *, plain: bool = False) -> str:
    """Sum the checks up in a line."""
    failed = sum(check.outcome is Outcome.FAIL for check in checks)
    warned = sum(check.outcome is Outcome.WARN for check in checks)
    signs = _PLAIN if plain else _SIGNS
    if failed:
        return f"{signs[Outcome.FAIL]} {failed} of {len(checks)} checks failed"
    if warned:
        return f"{signs[Outcome.OK]} no check failed, {warned} with a warning"
    return f"{signs[Outcome.OK]} all checks passed"


def checks_object(checks: Sequence[Check]) -> dict[str, Any]:
    return {
        "kind": "Checks",
        "passed": all(check.outcome is not Outcome.FAIL for check in checks),
        "checks": [
            {
                "name": check.name,
                "outcome": str(check.outcome),
                "sentence": check.sentence,
                "hint": check.hint or None,
            }
            for check in checks
        ],
    }
