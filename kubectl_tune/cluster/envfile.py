"""
Files of environment variables, as kubectl and Docker read them: `NAME=VALUE`, one a line.

A value is all behind the first `=`, quotes and spaces included; `NAME` alone is taken from the
caller's environment; blank lines and those that begin with `#` say nothing.
"""

from __future__ import annotations

from collections.abc import Mapping

from kubectl_tune.cluster.syntax import Fault, env_name


def assignment(text: str, environment: Mapping[str, str]) -> tuple[str, str]:
    """Return name and value of `NAME=VALUE`, or of `NAME` from the environment."""
    name, equals, value = text.partition("=")
    if name.startswith("export "):
        raise Fault("export is for shells", "leave it out")
    env_name(name)
    if not equals and name not in environment:
        raise Fault(f"{name} is not set here", f"export it, or write {name}=VALUE")
    value = value if equals else environment[name]
    if "\0" in value or not _is_text(value):
        raise Fault(f"the value of {name} is no UTF-8 text", "put it into a Secret: --secret-env")
    return name, value


def read(
    content: bytes, environment: Mapping[str, str]
) -> tuple[dict[str, str], list[tuple[int, Fault]]]:
    """Return a file's variables, and what is wrong with which line, counted from 1."""
    found: dict[str, str] = {}
    lines: dict[str, int] = {}
    faults: list[tuple[int, Fault]] = []
    for number, raw in enumerate(content.removeprefix(b"\xef\xbb\xbf").split(b"\n"), 1):
        try:
            text = raw.removesuffix(b"\r").decode().lstrip()
            if not text or text.startswith("#"):
                continue
            name, value = assignment(text, environment)
            if name in lines:
                raise Fault(f"{name} stands in line {lines[name]} too", "only one can count")
        except UnicodeDecodeError:
            faults.append((number, Fault("not UTF-8")))
        except Fault as fault:
            faults.append((number, fault))
        else:
            found[name], lines[name] = value, number
    return found, faults


def _is_text(value: str) -> bool:
    try:
        value.encode()
    except UnicodeEncodeError:
        return False
    return True
