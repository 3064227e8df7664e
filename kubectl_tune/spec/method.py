"""
How combinations are chosen before anything has run: all of them, or points of a design.

A method that learns from results has no plan made beforehand; it is refused by name.
"""

from __future__ import annotations

from enum import StrEnum

from kubectl_tune.planline import shown
from kubectl_tune.suggest import near


class Method(StrEnum):
    GRID = "grid"
    RANDOM = "random"
    LHS = "lhs"
    SOBOL = "sobol"

    @property
    def a_design(self) -> bool:
        """Tell whether its points are made together, each for the sake of the others."""
        return self in (Method.LHS, Method.SOBOL)


_SAME = {
    "latinhypercube": Method.LHS,
    "gridsearch": Method.GRID,
    "randomsearch": Method.RANDOM,
}
# Of Optuna, Katib, W&B, Ray Tune, backtesting.py and Lean.
_LEARNING = """
    tpe multivariatetpe bayes bayesian bayesianoptimization bayesopt gp skopt hyperopt optuna ax
    nsga2 nsga3 nsgaii nsgaiii cmaes hyperband asha bohb pbt sambo euler darts enas
"""
_BETWEEN = str.maketrans("", "", "-_ ")
AVAILABLE = "a plan without feedback is made by grid, random, lhs or sobol"


def read(word: object) -> tuple[Method | None, str, str]:
    """Return the method, and message and hint where there is none of that name."""
    plain = word.strip().lower() if isinstance(word, str) else ""
    if plain in (one.value for one in Method):
        return Method(plain), "", ""
    letters = plain.translate(_BETWEEN)
    if letters in _SAME:
        return _SAME[letters], "", ""
    if letters in _LEARNING.split():
        said = f"{shown(word)} learns from results, and a plan is made before there are any"
        return None, said, AVAILABLE
    meant = near(plain, list(Method)) if plain else ""
    hint = f"did you mean {meant}?" if meant else AVAILABLE
    return None, f"{shown(word)} is unknown", hint
