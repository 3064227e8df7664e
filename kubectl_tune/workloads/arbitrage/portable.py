"""
Random numbers that are equal bit by bit on every machine.

Sums, products, quotients and roots round in one way only under IEEE 754; the exp and log of C
libraries differ in the last digit, so they are made of the former here.
"""

from __future__ import annotations

import math
from random import Random

LN2 = 0.6931471805599453


class Portable:
    """Draws from the Mersenne Twister."""

    def __init__(self, seed: int | str) -> None:
        self.uniform = Random(seed).random

    def chance(self, probability: float) -> bool:
        return self.uniform() < probability

    def normal(self) -> float:
        """Nearly: the sum of twelve uniform draws, less six."""
        total = -6.0
        for _ in range(12):
            total += self.uniform()  # sum() compensates its rounding from Python 3.12 on
        return total

    def laplace(self, scale: float) -> float:
        size = -scale * log(1.0 - self.uniform())
        return size if self.uniform() < 0.5 else -size

    def geometric(self, mean: float) -> int:
        """How often something happens in a row that goes on with mean / (1 + mean)."""
        count = 0
        while self.chance(mean / (1.0 + mean)):
            count += 1
        return count


def log(x: float) -> float:
    mantissa, exponent = math.frexp(x)
    ratio = (mantissa - 1.0) / (mantissa + 1.0)
    square, power, total = ratio * ratio, ratio, 0.0
    for odd in range(1, 37, 2):
        total += power / odd
        power *= square
    return 2.0 * total + exponent * LN2


def exp(x: float) -> float:
    """e**x to x*x/2048 parts of itself, which is near enough for a model."""
    power = 1.0 + x / 1024.0
    for _ in range(10):
        power *= power
    return power


def decay(step: float, half_life: float) -> float:
    """What is left after a step, to first order."""
    return 1.0 / (1.0 + LN2 * step / half_life)
