"""
Why an attempt doesn't run, as one sentence, and whether waiting can help.

Its rule: sentences hold the cluster's own key words, nothing that a terminal can't bear, and
nothing that differs from pod to pod, so that trials in the same trouble have the same one.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from kubectl_tune.table import clean
from kubectl_tune.trial import Failure

LONGEST = 600  # characters of a sentence

State = Literal["waiting", "fatal", "fine"]


@dataclass(frozen=True, slots=True)
class Verdict:
    """
    `fatal` says that waiting won't help; `fine` that nothing is wrong.

    `since` is when the trouble began, by the cluster's clock; 0 where nobody knows.
    """

    failure: Failure | None
    sentence: str
    state: State
    since: float = 0.0
    hint: str = ""


def sentence(*parts: str) -> str:
    """
    Join texts to one line that anybody may print, cut between words when it is very long.

    >>> sentence("image a:1 can't be pulled:", "not  found\\n")
    "image a:1 can't be pulled: not found"
    """
    text = clean(" ".join(" ".join(parts).split()))
    if len(text) <= LONGEST:
        return text
    return text[: LONGEST - 3].rpartition(" ")[0].rstrip(" ,;:") + "..."
