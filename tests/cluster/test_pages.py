"""The commands of the pages that need a cluster, on a real one."""

from __future__ import annotations

from pathlib import Path

import pytest
from pages import PAGES, follow, shell_in, steps

REMOTE = [page for page in PAGES if "<!-- on a cluster -->" in page.read_text()]


@pytest.mark.parametrize("page", REMOTE, ids=lambda page: page.stem)
def test_commands_do_what_the_page_says(page: Path, namespace) -> None:
    """
    Who copies a page's commands one after the other sees what the page shows.
    """
    shell = shell_in(namespace.folder) | {"KUBECONFIG": str(namespace.kubeconfig)}
    follow(steps(page.read_text(), cluster=True), namespace.folder, shell, seconds=600)
