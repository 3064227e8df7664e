"""
The small languages of the pod options: tolerations, claims and secrets, as one word each.

They are kept with a session as they were typed, and read again for every pod.
"""

from __future__ import annotations

import posixpath
from typing import NamedTuple

from kubectl_tune.cluster import Manifest
from kubectl_tune.cluster.pinned import reserved
from kubectl_tune.cluster.syntax import (
    Fault,
    dns_name,
    env_name,
    label,
    label_key,
    label_value,
)
from kubectl_tune.suggest import did_you_mean

EFFECTS = ("NoSchedule", "PreferNoSchedule", "NoExecute")
QUEUE = "kueue.x-k8s.io/queue-name"
TAKEN = ("/kt", "/dev", "/proc", "/sys")  # ours, and what every container has by itself


class Claim(NamedTuple):
    """A persistent volume claim, and where it is mounted."""

    name: str
    path: str
    read_only: bool = False


class SecretEnv(NamedTuple):
    """A key of a Secret as a variable; all of its keys where `name` is empty."""

    secret: str
    name: str = ""
    key: str = ""


def toleration(text: str) -> Manifest:
    """Read `KEY[=VALUE][:EFFECT]`: a key alone tolerates every value of it, `*` every taint."""
    rest, colon, effect = text.rpartition(":") if ":" in text else (text, "", "")
    if colon and effect not in EFFECTS:
        raise Fault(
            f"{effect or 'nothing'} is no effect of a taint",
            did_you_mean(effect, EFFECTS) or f"effects are {', '.join(EFFECTS)}",
        )
    effects = {"effect": effect} if colon else {}
    if rest == "*":
        return {"operator": "Exists", **effects}
    key, equals, value = rest.partition("=")
    label_key(key)
    if not equals:
        return {"key": key, "operator": "Exists", **effects}
    return {"key": key, "operator": "Equal", "value": label_value(value), **effects}


def selector(text: str) -> list[tuple[str, str]]:
    """Read `KEY=VALUE[,KEY=VALUE]`."""
    return [label(part) for part in text.split(",")]


def claim(text: str) -> Claim:
    """Read `CLAIM:/path`, or `CLAIM:/path:ro`."""
    name, colon, rest = text.partition(":")
    if not colon:
        raise Fault("no path in it", "write CLAIM:/path, or CLAIM:/path:ro to only read it")
    path, colon, mode = rest.partition(":")
    if colon and mode not in ("ro", "rw"):
        raise Fault(f"{mode or 'nothing'} behind the path", "write :ro to only read it")
    if name.startswith(("/", ".", "~")):
        raise Fault(f"{name} is a folder here, which pods don't see", "take it along with --sync")
    return Claim(dns_name(name), mount_path(path), mode == "ro")


def mount_path(text: str) -> str:
    if not text.startswith("/"):
        raise Fault(f"{text or 'nothing'} is no absolute path", "a path in a pod begins with /")
    if not text.isprintable() or ".." in text.split("/"):
        raise Fault(f"{text} leads somewhere else", "write the path without ..")
    path = "/" + posixpath.normpath(text).lstrip("/")
    if path == "/":
        raise Fault("/ is the image's own", "choose a folder below it, such as /data")
    if any(f"{path}/".startswith(f"{taken}/") for taken in TAKEN):
        raise Fault(f"{path} is taken", "choose another folder, such as /data")
    return path


def secret_env(text: str) -> SecretEnv:
    """Read `SECRET`, or `NAME=SECRET/KEY`."""
    name, equals, source = text.partition("=")
    if not equals:
        return SecretEnv(dns_name(text))
    secret, slash, key = source.partition("/")
    if not slash:
        raise Fault("no key of a Secret in it", "write NAME=SECRET/KEY, or SECRET for all its keys")
    return SecretEnv(dns_name(secret), env_name(name), secret_key(key))


def secret_key(text: str) -> str:
    legal = all(char.isascii() and (char.isalnum() or char in "-_.") for char in text)
    if not text or not legal or len(text) > 253 or text == "." or text.startswith(".."):
        raise Fault(f"{text or 'nothing'} is no key of a Secret", "keys have letters, digits, -_.")
    return text


def user_label(text: str) -> tuple[str, str]:
    """Read `KEY=VALUE` for a label of the user's own."""
    key, value = label(text)
    if key == QUEUE:
        raise Fault(f"{key} names a queue of Kueue's", f"write --queue {value or 'NAME'}")
    if reserved(key):
        raise Fault(f"{key} is what trials are found by", "choose another key")
    return key, value


def queue(text: str) -> str:
    """Check a LocalQueue's name, which stands in a label."""
    return label_value(dns_name(text))
