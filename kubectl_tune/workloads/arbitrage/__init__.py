"""
The built-in workload: a backtest of arbitrage between two venues, one run of it a trial.

The standard library is all it takes, and it imports nothing of ours but its own files.

    arbitrage_core      quotes, trades, and the engine that opens and closes them
    arbitrage_backtest  the engine over a series of quotes; ledger.py keeps its books
    arbitrage_tuning    one tuning job: a data file and parameters in, metrics out
    tune, backtest, simulate   the three commands
"""

ENGINE_VERSION = "1.0"
"""Stands in every result; it changes whenever a number of a result may change."""

CAVEAT = (
    "this engine flatters: it books every exit at a spread of 0, so no trade of it can lose, "
    "and ranking by its PnL can pick the wrong parameters"
)
"""What a ranking made with this workload has to say, in one line."""
