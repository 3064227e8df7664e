"""
Pod options from the words of the command line, and from the files that they name.

Its rule: what a word means is decided in `cluster`; here is which option has which words.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Mapping
from typing import Any

from kubectl_tune.cli.faults import Reading
from kubectl_tune.cluster import envfile, podwords, resources, syntax, usertemplate
from kubectl_tune.cluster.podspec import template_warnings
from kubectl_tune.cluster.syntax import Fault
from kubectl_tune.duration import seconds
from kubectl_tune.errors import TuneError
from kubectl_tune.planfile import opened
from kubectl_tune.podoptions import KEPT, PodOptions
from kubectl_tune.problem import Severity
from kubectl_tune.spectext import read_json, read_yaml
from kubectl_tune.suggest import did_you_mean

_LEAST_TTL = 60  # sooner than that, a result could be gone before it is fetched
_LARGEST = 2**31 - 1  # an int32 of the API, and the largest user id
_MOST_GPUS = 10_000
_CREDENTIAL = re.compile(r"password|passwd|secret|token|credential|api_?key|private_?key", re.I)


def pod_options(given: Mapping[str, Any]) -> PodOptions:
    """Return what the parameters of `podding.pod` say; `UsageError` lists all that is wrong."""
    reading = Reading(given)
    options = PodOptions(
        image=reading.one("image", syntax.image, ""),
        cpu=reading.one("cpu", resources.cpu, ""),
        memory=reading.one("memory", resources.memory, ""),
        gpus=reading.one("gpus", _number(_MOST_GPUS), 0),
        env=_env(reading),
        secret_env=reading.words("secret_env", podwords.secret_env, _variable),
        volumes=reading.words("volume", podwords.claim, lambda claim: claim.path),
        service_account=reading.one("service_account", syntax.dns_name, ""),
        image_pull_secrets=reading.words("image_pull_secret", syntax.dns_name, str),
        node_selector=reading.joined(
            "node_selector", reading.each("node_selector", podwords.selector)
        ),
        tolerations=reading.words("toleration", podwords.toleration, _taint),
        priority_class=reading.one("priority_class", syntax.dns_name, ""),
        queue=reading.one("queue", podwords.queue, ""),
        labels=reading.pairs("label", podwords.user_label),
        run_as_user=reading.one("run_as_user", _number(_LARGEST), None),
        template=reading.one("template", _template, {}),
        agent=given["agent"],
        sync=reading.one("sync", _folder, ""),
        keep=reading.one("keep", _keep, ""),
        ttl=reading.one("ttl", _ttl, None),
        pending_timeout=reading.one("pending_timeout", _wait, 0.0),
    )
    _check_pairs(reading, options)
    reading.settle()
    return options


def warnings(options: PodOptions, template: str) -> list[str]:
    """Return what is odd about options that are right; `template` is that file's name."""
    said = [
        f"--env {name}: who may see the pods can read it; a Secret is safer, see --secret-env"
        for name in options.env
        if _CREDENTIAL.search(name)
    ]
    said += [f"--template {template}: {each}" for each in template_warnings(options)]
    if name := usertemplate.stranger(options.template):
        said.append(
            f"--template {template}: container {name} runs beside that of the trial;"
            " to change the trial's, call it main"
        )
    return said


def _check_pairs(reading: Reading, options: PodOptions) -> None:
    """Find what is right by itself, but not with another option."""
    if options.sync and not options.agent:
        reading.fault(
            "--sync", Fault("with --no-agent nothing unpacks it", "have it in the image: --image")
        )
    for word in options.secret_env:
        name = word.partition("=")[0] if "=" in word else ""
        if name in options.env:
            reading.fault(f"--secret-env {word}", Fault(f"{name} is given with --env too"))


def _env(reading: Reading) -> dict[str, str]:
    """Read --env-file, and --env over it."""
    found: dict[str, str] = {}
    for path, content in reading.each("env_file", lambda path: (path, _content(path))):
        values, faults = envfile.read(content, os.environ)
        for number, fault in faults:
            reading.fault(f"--env-file {path}: line {number}", fault)
        found |= values
    return found | reading.pairs(
        "env", lambda text: envfile.assignment(text, os.environ), secret=True
    )


def _variable(secret: podwords.SecretEnv) -> str:
    return f"{secret.name}=" if secret.name else secret.secret


def _taint(toleration: Mapping[str, str]) -> str:
    return " ".join(toleration.values())


def _template(path: str) -> dict[str, Any]:
    text = _content(path).decode("utf-8-sig", "surrogateescape")
    if not text.isascii() and any("\udc80" <= char <= "\udcff" for char in text):
        raise Fault("not UTF-8")
    read = read_json if text.lstrip().startswith("{") else read_yaml
    try:
        document, found = read(text, path)
    except TuneError as error:
        raise Fault(str(error).removeprefix(f"{path}: ")) from error
    for problem in found:
        if problem.severity is Severity.ERROR:
            raise Fault(f"{problem.where}{problem.message}", problem.hint)
    template = usertemplate.template_of(document)
    try:
        template_warnings(PodOptions(template=template))
    except TuneError as error:
        raise Fault(str(error).removeprefix("--template: ")) from error
    return template


def _content(path: str) -> bytes:
    try:
        with opened(path) as file:
            return file.read()
    except TuneError as error:
        raise Fault(str(error).removeprefix(f"{path}: ")) from error


def _folder(path: str) -> str:
    if not os.path.isdir(path):
        raise Fault("no such folder" if not os.path.exists(path) else "not a folder")
    return os.path.abspath(path)


def _keep(word: str) -> str:
    if word not in KEPT:
        longer = "".join(f"did you mean {each}?" for each in KEPT if each.startswith(word))
        meant = did_you_mean(word, KEPT) or longer
        raise Fault("unknown", meant or f"write one of {', '.join(KEPT)}")
    return word


def _number(most: int) -> Callable[[str], int]:
    def read(text: str) -> int:
        if not (text.isascii() and text.isdigit()) or len(text) > 10 or int(text) > most:
            raise Fault(f"not a whole number from 0 to {most}")
        return int(text)

    return read


def _ttl(text: str) -> int:
    time = _duration(text)
    if not _LEAST_TTL <= time <= _LARGEST:
        raise Fault(
            "not between a minute and 68 years",
            "an ended Job has to stay until its result is fetched",
        )
    return round(time)


def _wait(text: str) -> float:
    time = _duration(text)
    if time <= 0:
        raise Fault("no time to wait", "write one such as 10m")
    return time


def _duration(text: str) -> float:
    try:
        return seconds(text)
    except TuneError as error:
        raise Fault(str(error).partition(": ")[0], error.hint) from error
