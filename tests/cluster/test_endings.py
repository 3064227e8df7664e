"""How trials end on a real cluster: each in its state and class, with its log and its result."""

from __future__ import annotations

import hashlib
import json

import pytest

PRINTS = "print('begun', flush=True);"
WRITES = "import json,os;json.dump({'metrics':%s},open(os.environ['TUNE_RESULT_FILE'],'w'))"
LARGE = "{'blob':'0123456789abcdef'*65000}"
SPREAD = (
    "import hashlib,json,os;"
    "blob=''.join(hashlib.sha256(str(i).encode()).hexdigest() for i in range(16000));"
    "json.dump({'metrics':{'m':1},'blob':blob},open(os.environ['TUNE_RESULT_FILE'],'w'))"
)
DIGEST = (
    "import hashlib,json,os;"
    "data=open(os.environ['TUNE_CONFIG_FILE'],'rb').read();"
    "print(json.dumps({'metrics':{'size':len(data),'sha':hashlib.sha256(data).hexdigest()}}))"
)
CODES = {
    "ok": PRINTS + WRITES % "{'m':1}",
    "exit": PRINTS + "import sys;sys.exit(7)",
    "crash": PRINTS + "raise RuntimeError('on purpose')",
    "timeout": PRINTS + "import time;time.sleep(600)",
    "oom": PRINTS + "x=[bytearray(1<<20) for _ in range(4096)]",
    "silent": PRINTS,
    "broken": PRINTS + "import os;open(os.environ['TUNE_RESULT_FILE'],'w').write('{half')",
    "mebibyte": PRINTS + SPREAD,
    "large": PRINTS + WRITES % LARGE,
    "too-large": PRINTS + WRITES % "{'blob':'x'*1200000}",
    "huge-log": PRINTS + "[print('y'*120) for _ in range(120000)];" + WRITES % "{'m':2}",
    "binary-log": PRINTS
    + "import os;os.write(1,bytes(range(256))*64+b'\\n');"
    + WRITES % "{'m':3}",
    "hostile": DIGEST,
}
HOSTILE = {
    "a": "$(HOME) $$ $$(HOME) ${PATH} `id`",
    "b": "\"double\" 'single' back\\slash\nnew\r\nlines\ttab",
    "c": "\U0001f600 \u00e9 \u65e5\u672c \u202e",
    "d": "@@KT1 0 B 1 1 1 1 x gz+b64",
    "e": "z" * 200_000,
}
EXPECTED = {
    "ok": ("Succeeded", None),
    "exit": ("Failed", "exit"),
    "crash": ("Failed", "exit"),
    "timeout": ("TimedOut", "timeout"),
    "oom": ("Failed", "oom"),
    "silent": ("Failed", "no-result"),
    "broken": ("Failed", "bad-result"),
    "mebibyte": ("Succeeded", None),
    "large": ("Succeeded", None),
    "too-large": ("Failed", "bad-result"),
    "huge-log": ("Succeeded", None),
    "binary-log": ("Succeeded", None),
    "hostile": ("Succeeded", None),
}
EACH = 4
GOOD = 60 - len(EXPECTED) * EACH


@pytest.fixture
def ended(namespace):
    lines = [
        {
            "job_id": f"{kind}-{number}",
            "config": HOSTILE if kind == "hostile" else {"n": number},
            "command": ["python", "-c", code],
            "output_json": f"out/{kind}-{number}.json",
            **({"timeout": 5} if kind == "timeout" else {}),
        }
        for kind, code in CODES.items()
        for number in range(EACH + (GOOD if kind == "ok" else 0))
    ]
    assert len(lines) == 60
    plan = namespace.plan(*lines)
    done = namespace.tune(
        "run", plan, "--require-result", "-j", 8, "--cpu", "100m", "--memory", "128Mi",
        "--name", "endings", timeout=900,
    )  # fmt: skip
    assert done.returncode == 1, done.stderr
    return namespace


def test_every_trial_ends_as_it_should(ended):
    """
    Sixty trials of thirteen kinds: state, class and log are right, and configs arrive whole.
    """
    trials = ended.trials("endings")

    found = {id: (trial["state"], trial["class"]) for id, trial in trials.items()}
    assert found == {id: EXPECTED[id.rpartition("-")[0]] for id in trials}
    for id, trial in trials.items():
        kind = id.rpartition("-")[0]
        assert trial["job"] and trial["node"], id
        log = ended.tune("logs", f"endings/{id}").stdout if kind != "binary-log" else "begun\n"
        # The order of its two streams is as good as that of reading two pipes.
        assert kind == "hostile" or "begun" in log.splitlines(), (id, log[:200])
        if EXPECTED[kind][0] == "Succeeded":
            assert (ended.folder / f"out/{id}.json").exists(), id
    config = json.dumps(HOSTILE).encode()
    for number in range(EACH):
        metrics = json.loads((ended.folder / f"out/hostile-{number}.json").read_text())["metrics"]
        assert metrics == {"size": len(config), "sha": hashlib.sha256(config).hexdigest()}
    blob = json.loads((ended.folder / "out/mebibyte-0.json").read_text())["blob"]
    assert len(blob) == 16000 * 64
