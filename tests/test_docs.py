"""The commands in the README and the pages run, and print what the pages say they print."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from pages import PAGES, ROOT, follow, shell_in, steps

from kubectl_tune.cli.commands import COMMANDS


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_commands_do_what_the_page_says(page: Path, tmp_path: Path) -> None:
    """
    Who copies a page's commands one after the other sees what the page shows.
    """
    follow(steps(page.read_text()), tmp_path, shell_in(tmp_path), seconds=300)


def test_every_command_is_in_the_readme() -> None:
    """
    A reader of the README learns of every command.
    """
    readme = (ROOT / "README.md").read_text()

    assert [name for name in COMMANDS if f"`{name}`" not in readme] == []


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_links_lead_somewhere(page: Path) -> None:
    """
    Every relative link of a page names a file that is there.
    """
    links = re.findall(r"\]\((?!https?://|#)([^)#]+)", page.read_text())

    assert [link for link in links if not (page.parent / link).exists()] == []
