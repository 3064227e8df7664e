"""Commands made of several functions' parameters: options that are declared once, and shared."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Collection
from typing import Any, get_type_hints


def compose(
    command: Callable[..., int], *sources: Callable[..., Any], hidden: Collection[str] = ()
) -> Callable[..., int]:
    """
    Give a command the parameters of `sources`, in their order, but for those that are `hidden`.

    The command is called with all of them; it is one of the sources, where its own come.
    """
    found: dict[str, inspect.Parameter] = {}
    for each in sources:
        hints = get_type_hints(each, include_extras=True)
        for name, parameter in inspect.signature(each).parameters.items():
            found[name] = parameter.replace(annotation=hints[name])
    parameters = [each for name, each in found.items() if name not in hidden]
    # `inspect.signature`, which typer asks, looks there first (PEP 362); no type says so.
    command.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
    return command
