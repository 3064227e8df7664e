"""The command line in this process: what it returns and says."""

from __future__ import annotations

import contextlib
import io
from pathlib import Path

from kubectl_tune import cli


def run_cli(*words: object) -> tuple[int, str]:
    """Return the exit code and stderr of `kubectl tune WORDS`."""
    said = io.StringIO()
    with contextlib.redirect_stderr(said), contextlib.redirect_stdout(io.StringIO()):
        code = cli.main([str(word) for word in words])
    return code, said.getvalue()


def write_plan(path: Path, count: int = 3) -> Path:
    """A plan whose trials leave a mark each beside it, so that a test sees whether one began."""
    touch = f'"command": ["touch", "{path.parent}/began.{{index}}"]'
    path.write_text(
        "".join(f'{{"job_id": "t{i}", "config": {{}}, {touch}}}\n' for i in range(count))
    )
    return path


def marks(folder: Path) -> list[Path]:
    return sorted(folder.glob("began.*"))
