"""
Words of other tools: which mean the same here, which don't, and what to write then.

A word whose meaning differs between two tools is taken by neither.
"""

from __future__ import annotations

from typing import Any

from kubectl_tune.parameter import number

KINDS = ("int", "double", "discrete", "categorical")  # Katib's parameterType

LOG = ("log_uniform_values", "loguniform", "logUniform", "log")
REAL = (*LOG, "uniform")  # also between whole numbers
QUANTIZED = ("quniform", "q_uniform")  # W&B and Ray round to multiples
WHOLE = ("int_uniform", "int")
DISTRIBUTIONS = (
    *LOG, *WHOLE, "uniform", "quniform", "q_uniform", "categorical", "choice", "constant",
)  # fmt: skip
EXPONENTS = ("log_uniform", "q_log_uniform", "inv_log_uniform")  # W&B's, in exponents of e
EXCLUSIVE = ("randint", "lograndint", "qrandint", "qlograndint")  # Ray Tune's

_TAKES = {"categorical": "values", "choice": "values", "discrete": "values", "constant": "value"}

# What others need or have beside a range, and a plan made beforehand has no use for.
IGNORED = {
    "default": "a plan has no first guess",
    "probabilities": "every value is as likely",
    "space": "all parameters are tuned together",
    "optimize": "an entry with value: X is fixed",
    "load": "a plan remembers nothing",
}

# What others write at the top of a file, and where it stands here.
ELSEWHERE = {
    "parameters": "search.parameters",
    "method": "search.method",
    "max_trials": "search.max_trials",
    "run_cap": "search.max_trials",
    "maxTrialCount": "search.max_trials",
    "num_samples": "search.max_trials",
    "epochs": "search.max_trials",
    "parallel": "search.parallel",
    "parallelTrialCount": "search.parallel",
    "algorithm": "search.method",
    "metric": "objective",
    "goal": "objective",
    "early_terminate": "early_stop",
    "earlyStopping": "early_stop",
    "walk_forward": "validate.walk_forward",
    "holdout": "validate.holdout",
    "params": "grids",
    "space": "grids",
    "prefix": "tag_prefix",
    "limit": "max_jobs",
    "filter": "where",
}


def takes(word: Any) -> str:
    """Return what a distribution or type that is known has beside it; nothing if it may vary."""
    if not isinstance(word, str) or word not in (*DISTRIBUTIONS, *KINDS):
        return ""
    return _TAKES.get(word, "min and max" if word in DISTRIBUTIONS and word != "int" else "")


def unlike(key: str, value: Any) -> tuple[str, str] | None:
    """Return message and hint for a key that has another form here."""
    if key in EXCLUSIVE:
        low, high = value if isinstance(value, list) and len(value) == 2 else (None, None)
        ends = f"min: {low}, max: {high - 1}" if type(low) is type(high) is int else "min and max"
        return f"{key} leaves out its upper end", f"both ends count here: write {ends}"
    if key == "decimals":
        places = number(value)
        step = f"{10.0**-places:g}" if isinstance(places, int) and 0 < places < 10 else "0.1"
        return "decimals have no meaning here", f"write step: {step}"
    if key in ("mu", "sigma", "mean", "std"):
        return f"{key} belongs to a distribution without ends", "give min and max"
    return None
