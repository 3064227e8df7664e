"""
What somebody meant who wrote a word that nobody knows.

A word is near a known one if it is the same but for case and separators, if few of
its letters differ (one in four, at most three), or if a lesser part was left out.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import lru_cache

_LONGEST = 64  # longer words are no typos, and the distance below is quadratic


def near(word: str, known: Iterable[str]) -> str:
    """Return the known word that `word` most likely stands for, or an empty string."""
    return _near(word, tuple(known))


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """Return the question for a hint, or an empty string."""
    meant = near(word, known)
    return f"did you mean {meant}?" if meant else ""


@lru_cache(maxsize=4096)
def _near(word: str, known: tuple[str, ...]) -> str:
    best, closest = "", 1000
    for other in known:
        distance = 1000 if other == word else _apart(word, other)
        if distance < closest:
            best, closest = other, distance
    return best


def _apart(word: str, other: str) -> int:
    plain, target = _plain(word), _plain(other)
    if plain == target:
        return 0
    allowed = min(3, max(1, len(target) // 4))
    distance = _distance(plain, target, allowed)
    if distance <= allowed and 3 * distance < max(len(plain), len(target)):
        return distance
    return 4 if _shortened(word, other) else 1000


def _plain(word: str) -> str:
    return re.sub(r"[\W_]+", "", word[:_LONGEST]).lower()


def _words(text: str) -> list[str]:
    """Split `maxOpenTrades` and `max-open-trades` alike."""
    spaced = re.sub(r"([a-z0-9])([A-Z])", r"\1 \2", text[:_LONGEST])
    return re.split(r"[\W_]+", spaced.lower())


def _shortened(word: str, other: str) -> bool:
    """Tell whether `word` is `other` with some of its words left out, but most letters kept."""
    short, full = _words(word), iter(_words(other))
    return 2 * len(_plain(word)) > len(_plain(other)) and all(part in full for part in short)


def _distance(a: str, b: str, limit: int) -> int:
    """Count the letters to insert, delete, replace or swap with a neighbour."""
    if abs(len(a) - len(b)) > limit:
        return limit + 1
    before: list[int] = []
    row = list(range(len(b) + 1))
    for i, letter in enumerate(a, 1):
        before, above, row = row, before, [i]
        for j, target in enumerate(b, 1):
            cost = min(before[j] + 1, row[-1] + 1, before[j - 1] + (letter != target))
            if i > 1 and j > 1 and letter == b[j - 2] and target == a[i - 2]:
                cost = min(cost, above[j - 2] + 1)
            row.append(cost)
    return row[-1]
