"""What an archive is made of: every file's origin, every license's text, one bill."""

from __future__ import annotations

import json
import re
import sys
import sysconfig
from importlib import metadata
from pathlib import Path
from types import ModuleType

import click
import contents
import pytest
import yaml
from contents import LIBRARIES, TEXTS, Component, Unlicensed, components, owner
from notices import notices
from sbom import sbom
from targets import ROOT, Target

LINUX = Target("linux", "amd64")
PARTS = [
    Component("Python", "3.11.7", "PSF-2.0", "pkg:generic/python@3.11.7", "PSF text\n"),
    Component("xz", "", "0BSD", "pkg:generic/xz", "0BSD text\n"),
]


def tree() -> dict[str, str]:
    """What a frozen tree holds, by name, with where each comes from."""
    stdlib = Path(sysconfig.get_path("stdlib"))
    return {
        "kubectl_tune.session": str(ROOT / "kubectl_tune" / "session.py"),
        "json": str(stdlib / "json" / "__init__.py"),
        "click": click.__file__,
        "yaml": yaml.__file__,
        "libpython3.11.so.1.0": "/opt/python/lib/libpython3.11.so.1.0",
        "libssl.so.3": "/usr/lib/x86_64-linux-gnu/libssl.so.3",
        "python3.11/lib-dynload/_bz2.cpython-311-x86_64-linux-gnu.so": str(
            stdlib / "lib-dynload" / "_bz2.so"
        ),
    }


def test_every_part_is_named_with_its_license():
    """
    Python, the distributions, libraries beside Python and those inside of it; not ourselves.
    """
    found = {each.name: each for each in components(tree())}

    assert {"Python", "click", "PyYAML", "OpenSSL", "bzip2"} <= set(found)
    assert not {"kubectl-tune", "kubernetes"} & set(found)
    assert found["click"].version == metadata.version("click")
    assert found["click"].license == "BSD-3-Clause"
    assert "Redistribution and use" in found["click"].text
    assert all(each.text.strip() and each.license for each in found.values())


def test_what_others_have_compiled_in_is_named():
    """
    Modules in C and in Rust hold software of others: libyaml, the crates of a wheel's own bill,
    and what Python took over, whose terms stand beside Python's.
    """
    import pydantic_core
    from yaml import _yaml

    held = {"yaml/_yaml.so": _yaml.__file__, "pydantic_core": pydantic_core.__file__}

    found = {each.name: each for each in components(held)}

    assert found["libyaml"].version == _yaml.get_version_string()
    assert "Kirill Simonov" in found["libyaml"].text
    assert re.search(r"^  regex \S+: MIT OR Apache-2.0$", found["pydantic_core"].text, re.MULTILINE)
    assert "Makoto Matsumoto" in found["Python"].text


def test_a_file_of_unknown_origin_stops_the_build():
    """
    What nobody has looked at is not shipped.
    """
    with pytest.raises(Unlicensed, match="libreadline"):
        owner("libreadline.so.8", Path("/usr/lib/x86_64-linux-gnu/libreadline.so.8"))


def test_gnu_readline_inside_of_python_stops_the_build(monkeypatch: pytest.MonkeyPatch):
    """
    Some Pythons have their line editor built in; libedit may be passed on, readline may not.
    """
    monkeypatch.setattr("sys.builtin_module_names", ("readline", "_curses"))
    editor = ModuleType("readline", "Importing this module enables ... using libedit readline.")
    monkeypatch.setitem(sys.modules, "readline", editor)
    assert {"libedit", "ncurses"} <= {each.name for each in components(tree())}

    editor.__doc__ = "Importing this module enables command line editing using GNU readline."

    with pytest.raises(Unlicensed, match="readline"):
        components(tree())


@pytest.mark.parametrize("name", LIBRARIES)
def test_every_library_has_the_text_of_its_license(name: str):
    """
    The table and the texts beside it fit each other.
    """
    assert len((TEXTS / f"{name}.txt").read_text()) > 100
    assert {path.stem for path in TEXTS.iterdir()} == {"Python", *LIBRARIES}


def test_licenses_are_spoken_in_spdx():
    """
    A license that is a sentence, or none, has to be looked up by somebody.
    """
    spoken = [each.license for each in components(tree())]

    assert all(contents.SPOKEN.fullmatch(each) for each in spoken)
    assert not contents.SPOKEN.fullmatch("Dual License, see below")


def test_notices_hold_every_text_in_full():
    """
    One file says what there is, and under which terms.
    """
    text = notices(PARTS)

    assert re.search(r"Python +3\.11\.7 +PSF-2\.0", text)
    assert re.search(r"xz +- +0BSD", text)
    assert all(each.text in text for each in PARTS)


def test_the_bill_is_cyclonedx_and_always_the_same():
    """
    It refers to the archive by its sum, to each part by its address, and holds nothing of today.
    """
    text = sbom("v1.0.0", LINUX, "ab" * 32, 1_700_000_000, PARTS)

    made = json.loads(text)
    assert (made["bomFormat"], made["specVersion"], made["version"]) == ("CycloneDX", "1.6", 1)
    assert re.fullmatch(r"urn:uuid:[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", made["serialNumber"])
    assert made["metadata"]["timestamp"] == "2023-11-14T22:13:20Z"
    about = made["metadata"]["component"]
    assert about["hashes"] == [{"alg": "SHA-256", "content": "ab" * 32}]
    refs = [each["bom-ref"] for each in made["components"]]
    assert len({about["bom-ref"], *refs}) == 1 + len(PARTS)
    assert made["dependencies"][0] == {"ref": about["bom-ref"], "dependsOn": refs}
    assert text == sbom("v1.0.0", LINUX, "ab" * 32, 1_700_000_000, PARTS)
    assert text != sbom("v1.0.0", LINUX, "cd" * 32, 1_700_000_000, PARTS)
