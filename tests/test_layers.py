"""Imports point down the picture of docs/architecture.md, and libraries stay in their place."""

from __future__ import annotations

import ast
import re
import sys
from collections.abc import Iterator
from graphlib import TopologicalSorter
from pathlib import Path

import kubectl_tune

ROOT = Path(kubectl_tune.__file__).parent
PICTURE = ROOT.parent / "docs" / "architecture.md"
APART = ("agent", "workloads")  # they stand beside the layers
FIRST_PURE = "session"
IMPURE = {
    "asyncio", "fcntl", "http", "multiprocessing", "selectors", "signal", "socket", "sqlite3",
    "subprocess", "threading", "time", "urllib",
}  # fmt: skip


def layers() -> dict[str, int]:
    """Read the rank of each part of the package from the picture; 0 is the top."""
    picture = re.search(r"```layers\n(.*?)```", PICTURE.read_text(), re.DOTALL)
    assert picture is not None
    lines = [line.partition("#")[0].split() for line in picture[1].splitlines()]
    return {name: rank for rank, line in enumerate(lines) for name in line}


def modules() -> dict[str, Path]:
    """Return the modules of the package by name, `cli.help` for kubectl_tune/cli/help.py."""
    paths = {path.relative_to(ROOT).with_suffix(""): path for path in ROOT.rglob("*.py")}
    names = {".".join(name.parts).removesuffix(".__init__"): path for name, path in paths.items()}
    return {name: path for name, path in names.items() if name != "__init__"}


def imported(path: Path) -> Iterator[str]:
    """Yield what a file imports, wherever in it, by absolute names; `from a import b` is `a.b`."""
    package = ["kubectl_tune", *path.relative_to(ROOT).parent.parts]
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            above = package[: len(package) - node.level + 1] if node.level else []
            origin = ".".join([*above, *filter(None, [node.module])])
            yield from (f"{origin}.{alias.name}" for alias in node.names)


def ours(path: Path) -> set[str]:
    """Return the modules of the package that a file imports."""
    known, found = modules(), set()
    for name in imported(path):
        package, _, rest = name.partition(".")
        if package == "kubectl_tune":
            owner = rest if rest in known else rest.rpartition(".")[0]
            found |= {owner} & set(known)
    return found


def users(library: str) -> set[str]:
    """Return the modules that import a library."""
    return {
        name
        for name, path in modules().items()
        if any(each.partition(".")[0] == library for each in imported(path))
    }


def part(module: str) -> str:
    return module.partition(".")[0]


def test_every_module_has_a_place_in_the_picture():
    """
    A new module is placed there before it is used, and one that is gone leaves it.
    """
    assert {part(name) for name in modules()} == {*layers(), *APART}


def test_imports_point_down():
    """
    A module imports from its own line or from one below.
    """
    rank = layers()

    upward = [
        f"{name} imports {other}"
        for name, path in modules().items()
        for other in ours(path)
        if part(name) in rank and rank.get(part(other), 99) < rank[part(name)]
    ]

    assert upward == []


def test_imports_make_no_circle():
    """
    Every module can be understood after those it imports.
    """
    graph = {name: ours(path) - {name} for name, path in modules().items()}

    assert len(list(TopologicalSorter(graph).static_order())) == len(graph)


def test_pure_modules_touch_nothing():
    """
    From the session down there is no process, socket, clock, thread or database.
    """
    rank = layers()

    touching = [
        f"{name} imports {library}"
        for name, path in modules().items()
        if rank.get(part(name), -1) >= rank[FIRST_PURE]
        for library in {each.partition(".")[0] for each in imported(path)} & IMPURE
    ]

    assert touching == []


def test_the_agent_needs_python_alone():
    """
    One file, sent into pods as it is, so it imports the standard library only.
    """
    path = ROOT / "agent.py"
    names = {each.partition(".")[0] for each in imported(path)} if path.exists() else set()

    assert names - sys.stdlib_module_names - {"__future__"} == set()


def test_workloads_stand_alone():
    """
    A workload imports nothing of the layers, and nothing imports it.
    """
    graph = {name: ours(path) for name, path in modules().items()}

    assert [
        n
        for n, used in graph.items()
        if part(n) == "workloads" and set(map(part, used)) - {"workloads"}
    ] == []
    assert [
        n for n, used in graph.items() if part(n) != "workloads" and "workloads" in map(part, used)
    ] == []


def test_one_file_imports_kubernetes():
    """
    Whatever the official client does, one file has to know.
    """
    assert users("kubernetes") <= {"cluster.kubernetes"}


def test_only_the_command_line_imports_its_libraries():
    """
    Below `cli` there are no flags.
    """
    assert {part(name) for name in users("typer") | users("click")} <= {"cli"}
