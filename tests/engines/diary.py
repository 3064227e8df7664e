"""Trials that write down when they begin and end, for places that run them on this machine."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path

from core.making import info
from engines.contract import RESULT

from kubectl_tune.session import Policy, Session
from kubectl_tune.trial import TrialSpec

BEHAVIOURS = {
    "ok": "sleep 0.02",
    "fail": "exit 3",
    "forever": "sleep 600 & wait",
    "stubborn": "trap '' TERM; sleep 600 & sleep 600",
    "result": f"echo '{json.dumps(RESULT)}' > $TUNE_RESULT_FILE",
    "print": "echo out",
}


class Diary:
    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.path = folder / "diary"
        self.marker = f"TEST_PLACE={folder}"

    def session(self, *behaviours: str, timeout: float | None = None, **policy) -> Session:
        specs = [
            TrialSpec(
                f"t{i}", i, {}, command=("sh", "-c", self._script(BEHAVIOURS.get(word, word))),
                env=dict([self.marker.split("=", 1)]), timeout=timeout,
            ).named(f"t{i}", "")
            for i, word in enumerate(behaviours)
        ]  # fmt: skip
        about = info(policy=Policy(**policy), workdir=self.folder, total=len(specs))
        return Session.of(about, specs)

    def _script(self, behaviour: str) -> str:
        note = f"echo $TUNE_TRIAL_ID $TUNE_ATTEMPT %s >> {self.path}"
        return f"trap '{note % 'end'}' EXIT; {note % 'begin'}; {behaviour}"

    def _noted(self) -> list[list[str]]:
        return [line.split() for line in self.path.read_text().splitlines()]

    def begun(self) -> Counter[tuple[str, int]]:
        if not self.path.exists():
            return Counter()
        return Counter((id, int(n)) for id, n, what in self._noted() if what == "begin")

    def most_at_once(self) -> int:
        running, most = 0, 0
        for *_, what in self._noted():
            running += 1 if what == "begin" else -1
            most = max(most, running)
        return most
