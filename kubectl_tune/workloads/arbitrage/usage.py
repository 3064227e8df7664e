"""A command line that says all that is wrong with it at once; argparse ends at the first fault."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from typing import Any, NoReturn


class Parser(argparse.ArgumentParser):
    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self._wrong: list[str] = []

    # argparse would fill a namespace of any class, which our commands need not.
    def parse_args(  # type: ignore[override]
        self, args: Sequence[str] | None = None, namespace: None = None
    ) -> argparse.Namespace:
        self._wrong.clear()
        found = super().parse_args(args, namespace)
        if self._wrong:
            self.error(self._wrong.pop())
        return found

    def error(self, message: str) -> NoReturn:
        self.fail("; ".join([*self._wrong, message]))

    def fail(self, message: str) -> NoReturn:
        """End with the usage and a message."""
        super().error(message)

    # The two places where argparse looks at a value: it has no public ones.
    def _get_value(self, action: argparse.Action, arg_string: str) -> Any:
        try:
            return super()._get_value(action, arg_string)
        except argparse.ArgumentError as error:
            self._wrong.append(str(error))
            return None

    def _check_value(self, action: argparse.Action, value: Any) -> None:
        try:
            if value is not None:
                super()._check_value(action, value)
        except argparse.ArgumentError as error:
            self._wrong.append(str(error))
