"""
An Experiment of Katib as a spec.

Parameters, algorithm, objective and counts are those of a search. The trial template gives
command, image and environment where it is a Job; what else it holds stays with Katib.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from kubectl_tune.parameter import number
from kubectl_tune.planline import kind, shown
from kubectl_tune.problem import Findings
from kubectl_tune.spec.joined import Converted, hidden
from kubectl_tune.strictjson import Path
from kubectl_tune.suggest import near

_KEYS = (
    "parameters",
    "algorithm",
    "objective",
    "earlyStopping",
    "parallelTrialCount",
    "maxTrialCount",
    "maxFailedTrialCount",
    "trialTemplate",
)
_ELSEWHERE = ("resumePolicy", "metricsCollectorSpec")
_STOPS = {"medianstop": "median"}
_MACRO = re.compile(r"\$\{(trialParameters|trialSpec)\.([^{}]+)\}")


def convert(experiment: Any, findings: Findings) -> Converted:
    """Return the experiment as a spec; what can't be one is among the findings."""
    made = Converted()
    spec = experiment.get("spec") if isinstance(experiment, Mapping) else None
    if not isinstance(spec, Mapping) or experiment.get("kind", "Experiment") != "Experiment":
        findings.error("this is no Experiment of Katib", "it has kind: Experiment, and a spec")
        return made
    name = _table(experiment, "metadata").get("name")
    if isinstance(name, str):
        made.put(("tag_prefix",), name, ("metadata", "name"))
    _Reader(spec, made, findings).convert()
    return made


class _Reader:
    def __init__(self, spec: Mapping[Any, Any], made: Converted, findings: Findings) -> None:
        self._spec, self._made, self._findings = spec, made, findings

    def convert(self) -> None:
        for key in self._spec:
            if key == "nasConfig":
                said = "nasConfig searches for a network, and that takes feedback"
                self._findings.error(said, at=("spec", key))
            elif key not in (*_KEYS, *_ELSEWHERE):
                meant = near(key, _KEYS) if isinstance(key, str) else ""
                self._findings.unknown(f"key {shown(key)} of spec", meant, at=("spec", key))
        for key in ("parameters", "parallelTrialCount", "maxTrialCount"):
            if self._spec.get(key) is not None:
                self._put(("search", key), self._spec[key], key)
        self._algorithm()
        self._objective()
        self._early_stopping()
        if self._spec.get("maxFailedTrialCount") is not None:
            most = shown(self._spec["maxFailedTrialCount"])
            hint = f"kubectl tune run has it: --halt soon,fail={most}"
            at = ("spec", "maxFailedTrialCount")
            self._findings.warning("maxFailedTrialCount is no part of a plan", hint, at)
        template = self._spec.get("trialTemplate")
        if isinstance(template, Mapping):
            names = [one.get("name") for one in _list(self._spec, "parameters") if _is_table(one)]
            _Template(template, names, self._made, self._findings).convert()

    def _put(self, path: Path, value: Any, *origin: str | int) -> None:
        self._made.put(path, value, ("spec", *origin))

    def _algorithm(self) -> None:
        algorithm = _table(self._spec, "algorithm")
        name = algorithm.get("algorithmName")
        if name is None:
            hint = "write algorithm: {algorithmName: grid}, or random or sobol"
            part, at = ("search", "method"), ("spec", "algorithm")
            self._made.error(part, "spec lacks an algorithm", hint, at)
        else:
            self._put(("search", "method"), name, "algorithm", "algorithmName")
        settings = algorithm.get("algorithmSettings")
        for place, one in enumerate(settings if isinstance(settings, list) else ()):
            self._setting(one, ("algorithm", "algorithmSettings", place))

    def _setting(self, one: Any, origin: tuple[str | int, ...]) -> None:
        name = one.get("name") if isinstance(one, Mapping) else None
        if name == "random_state":
            seed = number(one.get("value"))
            self._put(("search", "seed"), one.get("value") if seed is None else seed, *origin)
        else:
            self._findings.warning(f"setting {shown(name)} is not used", "", ("spec", *origin))

    def _objective(self) -> None:
        objective = self._spec.get("objective")
        if isinstance(objective, Mapping):
            plain = {
                key: objective[key] for key in ("objectiveMetricName", "type") if key in objective
            }
            self._put(("objective",), plain, "objective")

    def _early_stopping(self) -> None:
        stopping = self._spec.get("earlyStopping")
        if not isinstance(stopping, Mapping):
            return
        name = stopping.get("algorithmName")
        kind_of = _STOPS.get(name, name) if isinstance(name, str) else name
        self._put(("early_stop",), {"type": kind_of}, "earlyStopping")
        self._made.origins["early_stop", "type"] = ("spec", "earlyStopping", "algorithmName")


class _Template:
    """The first container of the Job that is run for each trial, or the one that is named."""

    def __init__(
        self,
        template: Mapping[Any, Any],
        parameters: list[Any],
        made: Converted,
        findings: Findings,
    ) -> None:
        self._template, self._parameters = template, parameters
        self._made, self._findings = made, findings
        self._references = {
            one["name"]: one.get("reference")
            for one in _list(template, "trialParameters")
            if _is_table(one) and isinstance(one.get("name"), str)
        }

    def convert(self) -> None:
        found = self._container()
        if found is None:
            said = "the trial template holds no Job, so there is no command in it"
            hint = "give the command behind --"
            self._made.warning(("command",), said, hint, ("spec", "trialTemplate"))
            return
        container, origin = found
        for key in ("command", "args"):
            if not isinstance(container.get(key), list | None):
                said = f"{key} must be a list of words, not {kind(container[key])}"
                self._made.error(("command",), said, "write [python, train.py]", (*origin, key))
        if isinstance(container.get("command"), list):
            words = [*container["command"], *_list(container, "args")]
            self._made.put(("command",), [self._word(word, origin) for word in words], origin)
        else:
            said = "the container's program is the image's own, which a plan can't know"
            self._made.warning(("command",), said, "give the command behind --", origin)
        if container.get("image") is not None:
            self._made.put(("image",), container["image"], (*origin, "image"))
        self._env(container, origin)

    def _container(self) -> tuple[Mapping[Any, Any], Path] | None:
        pod = self._template
        path: tuple[str | int, ...] = ("spec", "trialTemplate")
        for key in ("trialSpec", "spec", "template", "spec"):
            pod, path = _table(pod, key), (*path, key)
        wanted = self._template.get("primaryContainerName")
        containers = [
            (one, (*path, "containers", place))
            for place, one in enumerate(_list(pod, "containers"))
            if isinstance(one, Mapping)
        ]
        named = [found for found in containers if found[0].get("name") == wanted]
        return next(iter(named or containers), None)

    def _word(self, word: Any, origin: Path) -> Any:
        """Put what Katib fills in, as in `${trialParameters.lr}`, as a plan's placeholder."""

        def filled(match: re.Match[str]) -> str:
            kind_of, name = match[1], match[2]
            if kind_of == "trialSpec" and name == "Name":
                return "{job_id}"
            reference = self._references.get(name) if kind_of == "trialParameters" else None
            if not isinstance(reference, str):
                hint = "trialParameters has it by no name"
            elif reference == "${trialSpec.Name}":
                return "{job_id}"
            elif reference in self._parameters:
                hidden(reference, self._made, origin)
                return f"{{{reference}}}"
            else:
                hint = f"it refers to {reference}, and no parameter has that name"
            self._made.error(("command",), f"nothing fills {match[0]}", hint, origin)
            return match[0]

        return _MACRO.sub(filled, word) if isinstance(word, str) else word

    def _env(self, container: Mapping[Any, Any], origin: Path) -> None:
        env: dict[str, Any] = {}
        for place, one in enumerate(_list(container, "env")):
            at = (*origin, "env", place)
            if _is_table(one) and _MACRO.search(str(one.get("value"))):
                said = f"the variable {one.get('name')} is not used: a plan fills commands only"
                self._findings.warning(
                    said, "pass it in the command, or read the file $TUNE_CONFIG_FILE", at
                )
            elif _is_table(one) and isinstance(one.get("name"), str) and "value" in one:
                env[one["name"]] = one["value"]
            else:
                said = "a variable without a plain value is not used"
                self._findings.warning(
                    said, "kubectl tune run --secret-env takes those of Secrets", at
                )
        if env:
            self._made.put(("env",), env, (*origin, "env"))


def _table(value: Mapping[Any, Any], key: str) -> Mapping[Any, Any]:
    inner = value.get(key)
    return inner if isinstance(inner, Mapping) else {}


def _is_table(value: Any) -> bool:
    return isinstance(value, Mapping)


def _list(value: Mapping[Any, Any], key: str) -> list[Any]:
    inner = value.get(key)
    return inner if isinstance(inner, list) else []
