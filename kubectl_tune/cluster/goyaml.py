"""
YAML as kubectl reads it.

Its rule: what Go takes for a text is a text, and whatever is no YAML is a `ClusterError`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any

from kubectl_tune.errors import ClusterError

_DEEPEST = 100  # of lists in lists; extensions may hold anything, but hardly that


def documents(data: bytes) -> Iterator[Any]:
    """Yield the documents of a YAML file; `ClusterError` says where it is none."""
    with _complaints():
        _check_depth(data)
        loader = _loader()(data)
        try:
            while loader.check_data():
                yield loader.get_data()
        finally:
            loader.dispose()


@contextmanager
def _complaints() -> Iterator[None]:
    import yaml

    try:
        yield
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        where = f"line {mark.line + 1}: " if mark else ""
        raise ClusterError(f"yaml: {where}{error.problem or error.context}") from error
    except yaml.YAMLError as error:
        raise ClusterError(f"yaml: {str(error).splitlines()[0]}") from error
    except (ValueError, LookupError, TypeError, AttributeError) as error:
        # What PyYAML lets through from its own conversions, as of `!!int x`.
        raise ClusterError(f"yaml: {error}") from error


def _check_depth(data: bytes) -> None:
    """Refuse what is nested so deeply that reading it would overflow the stack."""
    import yaml

    depth = 0
    with suppress(yaml.YAMLError):  # which will be told of when it is read
        for event in yaml.parse(data, Loader=_safe_loader()):
            depth += isinstance(event, yaml.CollectionStartEvent)
            depth -= isinstance(event, yaml.CollectionEndEvent)
            if depth > _DEEPEST:
                raise ClusterError("yaml: nested too deeply")


def _safe_loader() -> Any:
    import yaml

    # Written in C it is faster, and has kubectl's words for what is wrong: both are libyaml's.
    return getattr(yaml, "CSafeLoader", yaml.SafeLoader)


def _loader() -> Any:
    import yaml

    safe: Any = _safe_loader()

    # Which class that is shows at run time: the C loader, where there is one.
    class Loader(safe):  # type: ignore[misc]
        """Takes for texts what Go does: dates, `1:30`, `=`."""

    def text(loader: Any, node: yaml.ScalarNode) -> Any:
        return loader.construct_scalar(node)

    def number(make: Callable[[Any, Any], Any]) -> Callable[[Any, Any], Any]:
        return lambda loader, node: node.value if ":" in node.value else make(loader, node)

    tag = "tag:yaml.org,2002:"
    Loader.add_constructor(f"{tag}timestamp", text)
    Loader.add_constructor(f"{tag}value", text)
    Loader.add_constructor(f"{tag}int", number(safe.construct_yaml_int))
    Loader.add_constructor(f"{tag}float", number(safe.construct_yaml_float))
    return Loader
