"""
Which trials somebody means: by job_id, by a part of one, by a place in the plan.

One rule: an exact job_id always means itself, whatever else it could be read as; anything
that fits more than one trial is refused, and everything wrong is said at once.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence

from kubectl_tune.errors import UsageError
from kubectl_tune.suggest import did_you_mean

_PLACE = r"[1-9][0-9]{0,9}"
_RANGE = rf"({_PLACE}|last)(?:(-)({_PLACE}|last)?(?::({_PLACE}))?)?"
_SHOWN = 5
_COMPARED = 2000  # a misspelt job_id is compared with that many


def choose(asked: Sequence[str], ids: Sequence[str]) -> list[str]:
    """
    Return the job_ids that `asked` means, each once, in the order they were asked for.

    A word is a job_id, or the beginning of just one, or the end of just one: for
    `trial-007` also `7`.
    """
    known = set(ids)
    found = [[word] if word in known else _meant(word, ids) for word in asked]
    _refuse(_unclear(word, meant, ids) for word, meant in zip(asked, found, strict=True))
    return list(dict.fromkeys(meant[0] for meant in found))


def only(text: str, ids: Sequence[str]) -> list[str]:
    """
    Return the job_ids that `--only` selects, in plan order.

    Parts are separated by commas: places counted from 1 (`3`, `5-8`, `5-8:2`, `5-`, `last`),
    `all`, or job_ids as `choose` takes them.
    """
    known = set(ids)
    parts = [text] if text in known else [part.strip() for part in text.split(",")]
    chosen: set[str] = set()
    wrong: list[UsageError] = []
    for part in filter(None, parts):
        try:
            chosen.update(_part(part, ids, known))
        except UsageError as error:
            wrong.append(error)
    _refuse(wrong)
    if not chosen:
        raise UsageError(f"--only {text!r} selects no trial", hint="for example: --only 1,3,5-8")
    return [id for id in ids if id in chosen]


def _part(part: str, ids: Sequence[str], known: set[str]) -> Iterable[str]:
    if part in known:
        return [part]
    if part == "all":
        return ids
    if match := re.fullmatch(_RANGE, part):
        first, dash, last, step = match.groups()
        return _places(part, _place(first, ids), _place(last or "last", ids) if dash else None,
                       int(step or 1), ids)  # fmt: skip
    return choose([part], ids)


def _place(word: str, ids: Sequence[str]) -> int:
    return len(ids) if word == "last" else int(word)


def _places(part: str, first: int, last: int | None, step: int, ids: Sequence[str]) -> list[str]:
    last = first if last is None else last
    if first > len(ids):
        raise UsageError(f"{part}: the plan has {len(ids)} trials")
    if last < first:
        raise UsageError(f"{part}: the range ends before it begins")
    return list(ids[first - 1 : last : step])


def _meant(word: str, ids: Sequence[str]) -> list[str]:
    if not word:
        return []
    ends = _numbered(word, ids) if word.isascii() and word.isdigit() else _ending(word, ids)
    return [id for id in ids if id.startswith(word)] or ends


def _numbered(word: str, ids: Sequence[str]) -> list[str]:
    """Return the ids that end in this number: `7` is the end of `t-007`, not of `t-017`."""
    number = re.compile(rf"(?:.*[^0-9])?0*{word.lstrip('0') or '0'}", re.DOTALL)
    return [id for id in ids if number.fullmatch(id)]


def _ending(word: str, ids: Sequence[str]) -> list[str]:
    return [id for id in ids if id.endswith(word)]


def _unclear(word: str, meant: Sequence[str], ids: Sequence[str]) -> UsageError | None:
    if len(meant) == 1:
        return None
    if not meant:
        return UsageError(
            f"no trial named {word or repr(word)}", hint=did_you_mean(word, ids[:_COMPARED])
        )
    more = ", ..." if len(meant) > _SHOWN else ""
    return UsageError(
        f"{word} may mean {len(meant)} trials: {', '.join(meant[:_SHOWN])}{more}",
        hint="write more of the job_id",
    )


def _refuse(errors: Iterable[UsageError | None]) -> None:
    wrong = list(filter(None, errors))
    if wrong:
        raise UsageError("; ".join(map(str, wrong)), hint="; ".join(_hints(wrong)))


def _hints(errors: Iterable[UsageError]) -> Iterator[str]:
    yield from dict.fromkeys(error.hint for error in errors if error.hint)
