"""`kubectl tune results --explain-accounting`: the best trials in the books of each accounting."""

from __future__ import annotations

import sys
from dataclasses import replace

from kubectl_tune import comparing
from kubectl_tune.errors import ResultError, UsageError
from kubectl_tune.ranked import Asked, Field, Ranking
from kubectl_tune.summary import named
from kubectl_tune.table import clean
from kubectl_tune.views.accounting import FORMATS, Comparison, comparison_text
from kubectl_tune.workload import ARBITRAGE

TOP = 5


def asked_for(asked: Asked, form: str, columns: list[str]) -> Asked:
    """Return what is to be ranked; what a comparison can't heed is refused."""
    given = {"--group-by": asked.group_by, "--columns": columns, "--all": asked.everything}
    if unfit := [flag for flag, value in given.items() if value]:
        raise UsageError(
            f"--explain-accounting takes no {' or '.join(unfit)}",
            hint="choose trials with --where, --sort and --top",
        )
    if form not in FORMATS:
        raise UsageError(
            f"--explain-accounting has no -o {form}", hint=f"it has {', '.join(FORMATS)}"
        )
    return replace(asked, top=TOP if asked.top is None else asked.top)


def candidates(field: Field, asked: Asked) -> Ranking:
    """Rank, and refuse trials that the built-in workload hasn't computed."""
    ranking = field.ranking(asked)
    if not ranking.places:
        print(clean(field.emptiness(asked)), file=sys.stderr)
    foreign = [place.row.job_id for place in ranking.places if not field.ours(place.row)]
    if foreign:
        raise ResultError(
            f"{named(foreign)} of {field.name} ran a program of your own, "
            "and only the built-in workload has two accountings",
            hint=f"kubectl tune results {field.told}",
        )
    return ranking


def explained(field: Field, ranking: Ranking, form: str) -> str:
    """Compute the comparison, and write it in one of FORMATS."""
    rows = [place.row for place in ranking.places]
    compared = comparing.compare(rows, ARBITRAGE, field.folder)
    metric = ranking.metric or ARBITRAGE.metric
    if moved := comparing.moved(compared, ARBITRAGE):
        verb = "has" if len(moved) == 1 else "have"
        print(
            f"warning: {named(moved)} {verb} another PnL on record: "
            "the data file has changed since, or the engine",
            file=sys.stderr,
        )
    if metric == ARBITRAGE.metric:
        metric = ARBITRAGE.honest_metric  # in the seed's books it is the same
    return comparison_text(Comparison(compared, metric, ranking.direction, ranking.among), form)
