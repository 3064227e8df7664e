"""
What earlier drivers of a session, here or elsewhere, have noted in the cluster.

Its rule: a note is taken over where it is news, and where it is about what the plan says now.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator

from kubectl_tune.cluster import ClusterClient, manifests
from kubectl_tune.cluster import labels as marks
from kubectl_tune.flight import Key
from kubectl_tune.noted import Noted, noted
from kubectl_tune.session import Session
from kubectl_tune.trial import TrialEvent, TrialState

CHANGED = "its line in the plan has changed since it began"


class Recall:
    def __init__(self, session: Session, client: ClusterClient) -> None:
        self._session = session
        self._client = client
        self._known: dict[Key, TrialEvent] = {}

    def __contains__(self, key: Key) -> bool:
        return key in self._known

    def __getitem__(self, key: Key) -> TrialEvent:
        return self._known[key]

    def news(self) -> Iterator[TrialEvent]:
        """Read all notes; yield what the session doesn't know of them."""
        selector = manifests.selector(self._session.info.uid, **{marks.PART: "done"})
        maps, _ = self._client.list("ConfigMap", selector)
        for each in noted(maps):
            if each.event.trial in self._session.trials:
                self._known[each.event.trial, each.event.attempt] = each.event
                yield from self.if_news(self._as_now(each))

    def if_news(self, event: TrialEvent) -> Iterator[TrialEvent]:
        trial = self._session.trials[event.trial]
        if trial.after(event) is not trial:
            yield event

    def _as_now(self, each: Noted) -> TrialEvent:
        same = each.hash == self._session.trials[each.event.trial].spec.hash
        return each.event if same else changed((each.event.trial, each.event.attempt))

    def unnoted(self, events: Iterable[TrialEvent]) -> list[TrialEvent]:
        """Return the events that are not noted in the cluster already."""
        return [each for each in events if (each.trial, each.attempt) not in self._known]


def changed(key: Key) -> TrialEvent:
    """Say of an attempt at what the plan said before that it counts for nothing."""
    return TrialEvent(*key, TrialState.LOST, time.time(), reason=CHANGED)
