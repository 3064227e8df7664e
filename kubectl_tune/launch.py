"""
What an attempt is given: its command, its environment, and the hash of all that matters.

One rule for every engine; only the places of its files differ.
"""

from __future__ import annotations

import functools
import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass

from kubectl_tune.session import SessionInfo
from kubectl_tune.template import bindings, placeholders, render
from kubectl_tune.trial import Trial, TrialSpec


@dataclass(frozen=True, slots=True)
class Launch:
    """An attempt ready to begin: `config` is the text of its config file."""

    argv: tuple[str, ...]
    env: Mapping[str, str]
    config: str
    timeout: float | None


def launch(
    info: SessionInfo, trial: Trial, *, folder: str, python: tuple[str, ...], attempt: str = ""
) -> Launch:
    """
    Prepare one attempt; `folder` is private to it, `python` what the word stands for there.

    `attempt` stands for its number, where that is known only once it begins.
    """
    spec = trial.spec
    number = attempt or str(trial.attempt)
    config_file, result_file = f"{folder}/config.json", f"{folder}/result.json"
    values = bindings(
        spec.config,
        job_id=spec.id,
        index=spec.index,
        attempt=number,
        config_file=config_file,
        output_json=result_file,
    )
    argv = render(spec.command or info.command, values)
    if argv[0] == "python":
        argv = (*python, *argv[1:])
    env = {
        "JOB_ID": spec.id,
        "PYTHONUNBUFFERED": "1",
        **spec.env,
        "TUNE_SESSION": info.name,
        "TUNE_TRIAL_ID": spec.id,
        "TUNE_INDEX": str(spec.index),
        "TUNE_ATTEMPT": number,
        "TUNE_NUM_TRIALS": str(info.total),
        "TUNE_CONFIG_FILE": config_file,
        "TUNE_RESULT_FILE": result_file,
    }
    timeout = info.policy.timeout if spec.timeout is None else spec.timeout
    return Launch(argv, env, json.dumps(dict(spec.config)), timeout)


def spec_hash(
    spec: TrialSpec, command: tuple[str, ...], files: Mapping[str, str], code: str = ""
) -> str:
    """
    Hash what an attempt at `spec` would compute from; equal hashes may share a result.

    `files` maps the data files that its config names to the sha256 of their contents, `code`
    stands for shipped code. `job_id` and `index` count only where the command has them.
    """
    command = spec.command or command
    if _names_trial(command):
        named = {"job_id": spec.id, "index": spec.index}
        command = tuple(render([word], named)[0] for word in command)
    text = _canonical(
        {
            "command": command,
            "config": spec.config,
            "env": spec.env,
            "image": spec.image,
            "files": files,
            "code": code,
        }
    )
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


_canonical = json.JSONEncoder(sort_keys=True, separators=(",", ":")).encode


@functools.lru_cache(maxsize=64)
def _names_trial(command: tuple[str, ...]) -> bool:
    return not {"job_id", "index"}.isdisjoint(placeholders(command))
