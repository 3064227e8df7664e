"""The workload runs as plain files in a stock image: the standard library and its own modules."""

import ast
import shutil
import subprocess
import sys
from pathlib import Path

import kubectl_tune.workloads

FOLDER = Path(kubectl_tune.workloads.__file__).parent
OPTIONAL = {"parquet.py": {"pyarrow", "polars"}, "vectors_numpy.py": {"numpy"}}
FORBIDDEN = {"requests", "http", "socket", "urllib", "subprocess", "kubectl_tune", "numpy"}


def imports(path):
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name.partition(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and not node.level:
            yield node.module.partition(".")[0]
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 1, f"{path.name} imports from outside of its folder"


def test_it_imports_the_standard_library_and_itself():
    """
    No network, no processes, nothing that a stock image lacks.
    """
    for path in FOLDER.rglob("*.py"):
        foreign = set(imports(path)) - OPTIONAL.get(path.name, set())
        assert foreign <= sys.stdlib_module_names, path.name
        assert not foreign & FORBIDDEN, path.name


def test_it_runs_from_a_copy_of_its_files(tmp_path):
    """
    What is shipped to a pod, and an interpreter without site packages, are enough.
    """
    package = tmp_path / "kubectl_tune"
    shutil.copytree(FOLDER, package / "workloads")
    (package / "__init__.py").touch()

    program = (
        f"import sys; sys.path.insert(0, {str(tmp_path)!r})\n"
        "from kubectl_tune.workloads.arbitrage import simulate\n"
        "sys.exit(simulate.main(['--rows', '2']))"
    )

    done = subprocess.run(
        [sys.executable, "-I", "-S", "-c", program], capture_output=True, text=True, check=False
    )

    assert (done.returncode, done.stderr) == (0, "")
    assert len(done.stdout.splitlines()) == 3
