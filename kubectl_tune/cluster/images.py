"""
Why an image can't be had, in the registry's own words, and whether that may pass.

Its rule: an image's name is never read as a reason: `denied/timeout:429` is a legal name.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from kubectl_tune.cluster.happenings import Happening, newest
from kubectl_tune.cluster.verdict import Verdict, sentence
from kubectl_tune.trial import Failure

SEEN_SECONDS = 15.0  # that a registry's no must be known before it counts as final

AT_ONCE = frozenset(("InvalidImageName", "ErrImageNeverPull", "SignatureValidationFailed"))
REASONS = AT_ONCE | {"ErrImagePull", "ImagePullBackOff", "ImageInspectError", "RegistryUnavailable"}

_PASSES = re.compile(
    r"pull QPS exceeded|toomanyrequests|too many requests|\b429\b|time-?out|timed out"
    r"|deadline exceeded|no such host|server misbehaving|connection (?:refused|reset)|broken pipe"
    r"|no route to host|network is unreachable|temporary failure|unexpected EOF"
    r"|status[^.]*\b50[0-9]\b|no space left",
    re.IGNORECASE,
)
_FINAL = re.compile(
    r"not found|does not exist|manifest unknown|name unknown|denied|unauthorized|forbidden"
    r"|authorization failed|authentication required|no basic auth|x509|no match for platform"
    r"|no matching manifest|invalid reference",
    re.IGNORECASE,
)
_WRAPPING = re.compile(
    r'^(?:rpc error: code = \w+ desc = |Back-off pulling image "[^"]*"(?:: |$)|ErrImagePull: '
    r'|Failed to pull image "[^"]*": |failed to pull and unpack image "[^"]*": '
    r'|failed to resolve (?:reference|image) "[^"]*": |failed to do request: '
    r'|Failed to apply default image tag "[^"]*": )+',
)
_NAMES = re.compile(r'"[^"]*"|\S*/\S*')  # what is quoted, and every path
_HINTS = (
    (re.compile(r"x509"), ("the nodes don't trust this registry's certificate: ask those who run"
     " the cluster")),
    (re.compile(r"denied|unauthorized|forbidden|authenti|authoriz|basic auth", re.IGNORECASE),
     "check the name; a private registry needs --image-pull-secret"),
    (_PASSES, "the node can't reach the registry now: check the name, or wait"),
    (re.compile(r"platform|matching manifest"), "build the image for the nodes' platform"),
)  # fmt: skip


def judged(
    reason: str, message: str, image: str, told: Sequence[Happening], *, since: float, now: float
) -> Verdict:
    """
    Return what a container's waiting for its image amounts to.

    A kubelet that backs off may not say why any more: then the Events do.
    """
    words = _words(message) or _words(_last_failure(told))
    first, last = _seen(told, since)
    trouble = _TROUBLE.get(reason, "can't be pulled")
    said = sentence(f"image {image} {trouble}:", words or reason)
    seen = max(now - first, last - first) >= SEEN_SECONDS
    final = reason in AT_ONCE or (seen and is_final(words, image))
    return Verdict(Failure.IMAGE, said, "fatal" if final else "waiting", first, _hint(words))


def is_final(words: str, image: str) -> bool:
    """Say whether a registry's words mean no, as opposed to not now."""
    text = re.sub(rf"(?<!\S){re.escape(image)}(?!\w)", "", _NAMES.sub("", words))
    return bool(_FINAL.search(text)) and not _PASSES.search(text)


_TROUBLE = {
    "InvalidImageName": "has no valid name",
    "ErrImageNeverPull": "is not on the node",
    "ImageInspectError": "can't be read",
    "SignatureValidationFailed": "has no valid signature",
}


def _words(message: str) -> str:
    return _WRAPPING.sub("", " ".join(message.split()))


def _last_failure(told: Sequence[Happening]) -> str:
    found = (each for each in reversed(told) if each.message.startswith("Failed to pull image"))
    return next((each.message for each in found), "")


def _seen(told: Sequence[Happening], since: float) -> tuple[float, float]:
    """Return when pulling failed first, and when last, as far as anybody has said so."""
    failed = [each for each in told if each.reason in ("Failed", "BackOff", "InspectFailed")]
    first = min((each.first for each in failed), default=since)
    end = newest(failed, "Failed", "BackOff", "InspectFailed")
    return first, end.last if end else first


def _hint(words: str) -> str:
    found = (hint for pattern, hint in _HINTS if pattern.search(words))
    return next(found, "check the name given with --image, and its tag")
