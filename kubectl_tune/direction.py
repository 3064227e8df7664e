"""Which end of a metric is best, told from its name; where that is a guess, nothing is told."""

from __future__ import annotations

import re
from typing import Literal

Direction = Literal["maximize", "minimize"]

_GOOD = """
accuracy acc auc auroc balance bleu calmar equity expectancy f1 gain gains hit iou likelihood
pnl precision profit profits r2 recall return returns reward rewards rouge score sharpe
sortino throughput utility win winning wins
"""
_BAD = """
cost costs dd divergence drawdown duration elapsed err error errors failed failures fee fees
latency loss losing losses mae mape mse nll perplexity regret rmse runtime seconds slippage
time underwater violations wer
"""
_MORE, _LESS = frozenset(_GOOD.split()), frozenset(_BAD.split())
_JOINTS = frozenset(("over", "per", "to", "by", "vs"))


def direction_of(metric: str) -> Direction | None:
    """
    Tell from its name which end of a metric is best, or None where that is a guess.

    In `return_over_drawdown` the words before `over` decide; a `neg` as scikit-learn
    writes it turns the rest around; names that say both, or neither, are left alone.
    """
    words = _telling(_words(metric))
    more, less = bool(words & _MORE), bool(words & _LESS)
    if more == less:
        return None
    return "maximize" if more != bool(words & {"neg", "negative"}) else "minimize"


def _telling(words: list[str]) -> set[str]:
    for joint in _JOINTS.intersection(words[1:]):
        words = words[: words.index(joint, 1)] if joint in words[1:] else words
    # Profit and loss, win-loss ratio: what is good about them is named first.
    loss = {"loss", "losses"} if {"profit", "win"}.intersection(words) else set()
    return set(words) - loss


def _words(name: str) -> list[str]:
    """Split `maxDrawdown` and `max_drawdown` alike."""
    apart = re.sub(r"([a-z0-9])([A-Z])", r"\1_\2", name[:200])
    return [word for word in re.split(r"[\W_]+", apart.lower()) if word]
