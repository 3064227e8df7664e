"""
Sessions on a cluster that nobody drives: handing them over to it, and looking at them.

Its rule: a look changes nothing in the cluster. What it finds is kept like a driver's news.
"""

from __future__ import annotations

from kubectl_tune import engines
from kubectl_tune.beginning import refuse_shared_outputs
from kubectl_tune.driving import holding
from kubectl_tune.runner import DONE
from kubectl_tune.store import Store


def hand_over(store: Store, name: str) -> int:
    """Give all of a session's trials to the cluster, which then needs us no more; how many."""
    with holding(store, name) as ledger:
        refuse_shared_outputs(store, name, store.outputs(name))
        engine = engines.connect(ledger.session, store.folder(name), ledger.epoch)
        try:
            ledger.keep(engine.poll(0))
            ledger.save()
            ready = ledger.session.ready(engine.slots)
            ledger.keep(engine.submit(ready))
            ledger.save()
        finally:
            engine.close()
    return len(ready)


def look(store: Store, name: str) -> None:
    """
    Keep what became of a session's trials meanwhile; results go where the plan wants them.

    Raises `ClusterError` when the cluster can't be asked, `SessionBusy` when a driver is faster.
    """
    with holding(store, name) as ledger:
        if not ledger.session.unfinished:
            return
        engine = engines.connect(ledger.session, store.folder(name), ledger.epoch)
        try:
            ledger.keep(engine.poll(0))
            ledger.save(ended="" if ledger.session.unfinished else DONE)
        finally:
            engine.close()
