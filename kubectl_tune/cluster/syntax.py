"""
Names, labels, images and the like, as Kubernetes' validation has them: right, or a `Fault`.

Its rule: what passes here is not refused by the server for how it is written, and what the
server takes is not refused here, but for names of variables that are ours.
"""

from __future__ import annotations

import re

from kubectl_tune.cluster import labels as marks
from kubectl_tune.table import clean


class Fault(ValueError):
    """What is wrong with a value, said behind it: `--label a=b/c: ...`; and what to write."""

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(clean(message))
        self.hint = hint


_LABEL = re.compile(r"[a-z0-9](?:[-a-z0-9]*[a-z0-9])?")
_SUBDOMAIN = re.compile(rf"{_LABEL.pattern}(?:\.{_LABEL.pattern})*")
_ENV = re.compile(r"[-._a-zA-Z][-._a-zA-Z0-9]*")

_HOST = r"(?:[a-zA-Z0-9]|[a-zA-Z0-9][-a-zA-Z0-9]*[a-zA-Z0-9])"
_DOMAIN = re.compile(rf"(?:{_HOST}(?:\.{_HOST})*|\[[a-fA-F0-9:]+\])(?::[0-9]+)?")
_PART = r"[a-z0-9]+(?:(?:[._]|__|-+)[a-z0-9]+)*"
_REPOSITORY = re.compile(rf"{_PART}(?:/{_PART})*")
_TAG = re.compile(r"\w[-.\w]{0,127}", re.ASCII)
_LONGEST_PATH = 255


def dns_name(text: str) -> str:
    """Return the name of an object, such as a Secret: a DNS subdomain."""
    if len(text) > 253 or not _SUBDOMAIN.fullmatch(text):
        raise Fault(
            f"{_shown(text)} is no object's name" if len(text) <= 253 else "the name is too long",
            "names have lower-case letters, digits, - and . , with a letter or digit at both ends",
        )
    return text


def label_key(text: str) -> str:
    prefix, slash, name = text.rpartition("/")
    fine = len(prefix) <= 253 and _SUBDOMAIN.fullmatch(prefix) if slash else True
    if not fine or not marks.VALUE.fullmatch(name):
        raise Fault(
            f"{_shown(text)} is no key of a label",
            "keys have at most 63 letters, digits, - _ and . , with a letter or digit at both"
            " ends, and may begin with a domain, as in example.com/team",
        )
    return text


def label_value(text: str) -> str:
    if text and not marks.VALUE.fullmatch(text):
        raise Fault(
            f"{text} is no value of a label",
            "values have at most 63 letters, digits, - _ and . , with a letter or digit at both"
            " ends",
        )
    return text


def label(text: str) -> tuple[str, str]:
    """Return key and value of `key=value`."""
    key, equals, value = text.partition("=")
    if not equals:
        raise Fault("no = in it", "write key=value")
    return label_key(key), label_value(value)


def env_name(text: str) -> str:
    if not _ENV.fullmatch(text) or text == "." or text.startswith(".."):
        raise Fault(
            f"{_shown(text)} is no name of an environment variable",
            "names have letters, digits, _ - and . , and don't begin with a digit",
        )
    if text.startswith(("KT_", "TUNE_")) or text == "JOB_ID":
        raise Fault(f"{text} is what every trial is told", "choose another name")
    return text


def image(text: str) -> str:
    """Return the reference of an image: `[HOST[:PORT]/]NAME[:TAG][@DIGEST]`."""
    rest, at, digest = text.partition("@")
    if at and not _digest_is_right(digest):
        raise Fault(f"{_shown(digest)} is no digest", "a digest is sha256: and 64 of 0-9a-f")
    repository, colon, tag = rest.rpartition(":")
    if not colon or "/" in tag:
        repository = rest
    elif not _TAG.fullmatch(tag):
        raise Fault(f"{_shown(tag)} is no tag", "a tag has at most 128 letters, digits, _ - and .")
    _check_repository(repository)
    return text


def _digest_is_right(digest: str) -> bool:
    algorithm, _, value = digest.partition(":")
    length = {"sha256": 64, "sha384": 96, "sha512": 128}.get(algorithm, 0)
    return len(value) == length and bool(re.fullmatch(r"[0-9a-f]+", value))


def _check_repository(repository: str) -> None:
    first, slash, rest = repository.partition("/")
    # As in Docker: a first part without a dot or a port is no host, but for localhost.
    is_host = slash and (set(".:[") & set(first) or first == "localhost" or first != first.lower())
    path = rest if is_host and _DOMAIN.fullmatch(first) else repository
    if path != path.lower():
        raise Fault(f"{path} has capital letters", f"write {path.lower()}")
    if not _REPOSITORY.fullmatch(path) or re.fullmatch(r"[a-f0-9]{64}", repository):
        raise Fault(f"{_shown(path)} is no name of an image", _IMAGE)
    if len(path) > _LONGEST_PATH:
        raise Fault(f"the name is longer than {_LONGEST_PATH} characters", _IMAGE)


def _shown(text: str) -> str:
    return text or "''"


_IMAGE = "an image is [HOST[:PORT]/]NAME[:TAG][@DIGEST], such as registry.example/me/train:1.2"
