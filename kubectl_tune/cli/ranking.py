"""What `results` and `best` take alike: what to rank by, and which trials count."""

from __future__ import annotations

from typing import Annotated

import click
import typer

from kubectl_tune import expression
from kubectl_tune.direction import Direction
from kubectl_tune.expression import Expression

Metric = Annotated[str, typer.Option(metavar="NAME", help="What to rank by")]
Best = Annotated[
    str | None,
    typer.Option(
        click_type=click.Choice(["maximize", "minimize"]),
        metavar="END",
        help="Which end of the metric is best: maximize or minimize",
    ),
]
Where = Annotated[
    list[str] | None,
    typer.Option(metavar="CONDITION", help="Only trials that pass, such as 'total_trades > 30'"),
]


def direction_asked(word: str | None) -> Direction | None:
    match word:
        case "maximize" | "minimize":
            return word
    return None


def passing(texts: list[str] | None) -> Expression | None:
    """Return the condition that all of them make; a mistake is placed in its own text."""
    read = [expression.parse(text) for text in texts or []]
    if len(read) < 2:
        return read[0] if read else None
    return expression.parse(" and ".join(f"({each.text})" for each in read))
