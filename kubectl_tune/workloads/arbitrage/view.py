"""What is known of all rows before a run decides anything: calculated at once, never changed."""

from __future__ import annotations

from array import array
from dataclasses import dataclass

from .accounting import Options
from .arbitrage_core import BPS, LONG_A, LONG_B, ArbitrageConfig, Side
from .books import Books
from .clock import ROUNDING
from .exits import Exits, Rules
from .vectors import Vectors


@dataclass(frozen=True)
class View:
    """
    The books, and by row: whether the edge after costs is enough to open, and whether a venue is
    stale; by side: closing value of a unit, its mark (that and funding), and its net closing value
    (the mark less fees).
    """

    books: Books
    opens: bytes
    stale: bytes | None
    carry: array[float] | None
    marks: dict[Side, array[float]]
    nets: dict[Side, array[float]]
    turns: dict[Side, bytes]
    rules: Rules
    own_rules: bool

    def exits(self, side: Side) -> Exits:
        close = self.books.close_a if side == LONG_A else self.books.close_b
        return Exits(self.rules, self.turns[side], close, self.nets[side], self.books.seconds)

    def carried(self, side: Side, row: int) -> float:
        """Funding of one unit of the side since the first row."""
        if self.carry is None:
            return 0.0
        return self.carry[row] if side == LONG_A else -self.carry[row]

    def entry(self, side: Side, row_a: int, row_b: int) -> tuple[float, float]:
        """What the long leg is bought at, and the short one sold at."""
        books = self.books
        if side == LONG_A:
            return books.ask_a[row_a], books.bid_b[row_b]
        return books.ask_b[row_b], books.bid_a[row_a]

    def exit(self, side: Side, row_a: int, row_b: int) -> tuple[float, float]:
        """What the long leg is sold at, and the short one bought back at."""
        books = self.books
        if side == LONG_A:
            return books.bid_a[row_a], books.ask_b[row_b]
        return books.bid_b[row_b], books.ask_a[row_a]

    def locked(self, row: int) -> bool:
        books = self.books
        return books.bid_a[row] >= books.ask_a[row] or books.bid_b[row] >= books.ask_b[row]


def view(
    books: Books,
    strategy: ArbitrageConfig,
    options: Options,
    carry: array[float] | None,
    vectors: Vectors,
) -> View:
    rules = Rules(options, strategy.close_on_spread_reversal)
    marks = _marks(books, carry, vectors)
    own = rules.own or options.close_at_end or strategy.gate == "round_trip"
    return View(
        books=books,
        opens=vectors.edges(
            books.close_a,
            books.close_b,
            books.ask_a,
            books.ask_b,
            strategy.cost_bps,
            strategy.least_edge_bps,
        ),
        stale=_stale(books, options.max_quote_age_ms, vectors),
        carry=carry,
        marks=marks,
        nets=_nets(books, marks, strategy, vectors) if rules.by_value else marks,
        turns=_turns(books, vectors),
        rules=rules,
        own_rules=own,
    )


def _marks(books: Books, carry: array[float] | None, vectors: Vectors) -> dict[Side, array[float]]:
    if carry is None:
        return {LONG_A: books.close_a, LONG_B: books.close_b}
    return {
        LONG_A: vectors.total(books.close_a, carry),
        LONG_B: vectors.difference(books.close_b, carry),
    }


def _nets(
    books: Books, marks: dict[Side, array[float]], strategy: ArbitrageConfig, vectors: Vectors
) -> dict[Side, array[float]]:
    fee_a, fee_b = strategy.taker_fee_a_bps / BPS, strategy.taker_fee_b_bps / BPS
    return {
        LONG_A: vectors.less_fees(marks[LONG_A], books.bid_a, fee_a, books.ask_b, fee_b),
        LONG_B: vectors.less_fees(marks[LONG_B], books.bid_b, fee_b, books.ask_a, fee_a),
    }


def _turns(books: Books, vectors: Vectors) -> dict[Side, bytes]:
    """Rows where the opening edge of a side is negative: that is closing the other side's sign."""
    return {LONG_A: vectors.below_zero(books.close_b), LONG_B: vectors.below_zero(books.close_a)}


def _stale(books: Books, limit_ms: float | None, vectors: Vectors) -> bytes | None:
    """
    Rows where a venue is older than the limit: time(row) - time(last change of bid or ask) > limit.

    Quotes of both venues share a row, so a venue that is silent is one that repeats itself, in
    its own currency: a rate that moves makes no price of B young.
    """
    if limit_ms is None:
        return None
    limit = limit_ms / 1000.0 + ROUNDING
    old_a = vectors.stale(books.seconds, books.bid_a, books.ask_a, limit)
    old_b = vectors.stale(books.seconds, *books.quoted_b, limit)
    return bytes(map(max, old_a, old_b))
