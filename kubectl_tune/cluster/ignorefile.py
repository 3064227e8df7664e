"""
What a .gitignore leaves out, as git reads it: pure rules over paths.

The rule is git's own: of all patterns that match, the last one decides; one with a slash before
its end is counted from the file's folder, any other is a name at any depth. Paths are compared
byte by byte, as git does. https://git-scm.com/docs/gitignore
"""

from __future__ import annotations

import os
import re
from dataclasses import dataclass

_NEVER = r"(?!)"
_SPECIAL = re.compile(r"[*?\[\\]")
_CLASSES = {
    "alnum": "0-9A-Za-z", "alpha": "A-Za-z", "blank": r" \t", "cntrl": r"\x00-\x1f\x7f",
    "digit": "0-9", "graph": "!-~", "lower": "a-z", "print": " -~",
    "punct": r"!-/:-@\[-`{-~", "space": r" \t\n\v\f\r", "upper": "A-Z", "xdigit": "0-9A-Fa-f",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Rule:
    """One pattern; a `negated` one takes back what others leave out."""

    pattern: re.Pattern[str]
    negated: bool
    only_folders: bool
    by_name: bool

    def matches(self, path: str, *, folder: bool) -> bool:
        """Say whether it is about `path`, counted from the file's folder, as `plain` has it."""
        if self.only_folders and not folder:
            return False
        return bool(self.pattern.fullmatch(path.rpartition("/")[2] if self.by_name else path))


@dataclass(frozen=True, slots=True)
class IgnoreFile:
    folder: str  # where it lies, absolute
    rules: tuple[Rule, ...]

    def decides(self, path: str, *, folder: bool) -> Rule | None:
        """Return the rule that decides about an absolute path below, if there is one."""
        below = plain(os.path.relpath(path, self.folder))
        for rule in reversed(self.rules):
            if rule.matches(below, folder=folder):
                return rule
        return None


def plain(path: str) -> str:
    """Return a path with a character for each of its bytes."""
    return os.fsencode(path).decode("latin-1").replace(os.sep, "/")


def ignore_file(folder: str, content: bytes) -> IgnoreFile:
    text = content.removeprefix(b"\xef\xbb\xbf").decode("latin-1")
    return IgnoreFile(folder, tuple(filter(None, map(_rule, text.split("\n")))))


def _rule(line: str) -> Rule | None:
    if line.startswith("#"):
        return None
    trimmed = _trimmed(line.removesuffix("\r"))
    whole = trimmed.removeprefix("!")
    glob = whole.removesuffix("/")
    if not glob:
        return None
    by_name = "/" not in glob
    pattern = re.compile(_regex(glob.removeprefix("/"), not by_name), re.DOTALL)
    return Rule(pattern, trimmed != whole, glob != whole, by_name)


def _trimmed(line: str) -> str:
    """Cut the spaces off a line's end, but for one behind a backslash."""
    kept = line.rstrip(" ")
    backslashes = len(kept) - len(kept.rstrip("\\"))
    return line[: len(kept) + 1] if backslashes % 2 else kept


def _regex(glob: str, path: bool) -> str:
    """Translate a glob; in a `path` only `**` between slashes reaches over them."""
    any_one, parts, at = "[^/]" if path else ".", [], 0
    first = _SPECIAL.search(glob)  # git's matcher doesn't see what stands before it
    while at < len(glob):
        char = glob[at]
        if char == "*":
            end = at + len(glob[at:]) - len(glob[at:].lstrip("*"))
            begins = glob[at - 1 : at] in ("", "/") or (first is not None and at == first.start())
            wide = path and end - at > 1 and begins
            if wide and glob[end : end + 1] == "/":
                parts.append("(?:.*/)?")
                end += 1
            else:
                parts.append(".*" if wide and end == len(glob) else f"{any_one}*")
            at = end
        elif char == "?":
            parts.append(any_one)
            at += 1
        elif char == "[":
            one_of, at = _set(glob, at + 1)
            parts.append(f"(?!/){one_of}" if path else one_of)
        else:
            at += char == "\\"
            parts.append(re.escape(glob[at]) if at < len(glob) else _NEVER)
            at += 1
    return "".join(parts)


def _set(glob: str, at: int) -> tuple[str, int]:
    """Translate what stands behind a `[`; return where it ends, too."""
    negated = glob[at : at + 1] in ("!", "^")
    at += negated
    found, before, first = "", "", True
    while first or glob[at : at + 1] != "]":
        first = False
        name = re.compile(r"\[:([^\]]*):\]").match(glob, at)
        if name:
            if name[1] not in _CLASSES:
                return _NEVER, len(glob)
            found, before, at = found + _CLASSES[name[1]], "", name.end()
        elif glob[at : at + 1] == "-" and before and glob[at + 1 : at + 2] not in ("", "]"):
            last, at = _literal(glob, at + 1)
            found += f"{re.escape(before)}-{re.escape(last)}" if before <= last else ""
            before = ""
        else:
            before, at = _literal(glob, at)
            found += re.escape(before)
        if at >= len(glob) or not (before or found):
            return _NEVER, len(glob)
    if not found:
        return "." if negated else _NEVER, at + 1
    return f"[{'^' * negated}{found}]", at + 1


def _literal(glob: str, at: int) -> tuple[str, int]:
    at += glob[at : at + 1] == "\\"
    return glob[at : at + 1], at + 1
