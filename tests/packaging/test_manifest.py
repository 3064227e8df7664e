"""The manifest for Krew: rendered from archives at hand, by Krew's rules."""

from __future__ import annotations

import re
from pathlib import Path

import manifest
import pytest
import yaml
from manifest import problems, render, template
from publish import SUMS, Unpublishable, publish, sha256
from targets import RELEASED, Target, parsed, tag

ROOT = Path(__file__).parents[2]
LINUX = Target("linux", "amd64")
SHA = "ab" * 32


def test_a_manifest_names_every_archive_at_hand():
    """
    Each platform has its address, its sum and the program's place, in a fixed order.
    """
    sums = {each: f"a{number}" * 32 for number, each in enumerate(RELEASED)}

    made = yaml.safe_load(render("v1.2.3", dict(reversed(sums.items()))))

    assert made["metadata"]["name"] == "tune"
    assert made["spec"]["version"] == "v1.2.3"
    assert [
        (each["selector"]["matchLabels"], each["uri"].rpartition("/")[2], each["sha256"])
        for each in made["spec"]["platforms"]
    ] == [
        (
            {"os": each.os, "arch": each.arch},
            f"kubectl-tune_v1.2.3_{each.os}_{each.arch}.tar.gz",
            sums[each],
        )
        for each in RELEASED
    ]


def test_windows_gets_a_zip_and_an_exe():
    """
    An archive for Windows, if there is one, is listed after the others.
    """
    made = yaml.safe_load(render("v1.0.0", {Target("windows", "amd64"): SHA, LINUX: SHA}))

    last = made["spec"]["platforms"][-1]
    assert (last["uri"][-4:], last["bin"]) == (".zip", "kubectl-tune/kubectl-tune.exe")
    assert problems(render("v1.0.0", {Target("windows", "amd64"): SHA, LINUX: SHA})) == []


@pytest.mark.parametrize(
    ("found", "replacement"),
    [
        ("v1alpha2", "v1alpha1"),
        ("kind: Plugin", "kind: Plug"),
        ("name: tune", "name: con"),
        ("name: tune", "name: tu ne"),
        ("version: v1.2.3", "version: 1.2.3"),
        ("version: v1.2.3", "version: v1.2"),
        ("version: v1.2.3", "version: v1.02.3"),
        ("sweeps of parameters as Jobs", "sweeps of parameters as Jobs, and much more than that"),
        ("shortDescription: Run sweeps of parameters as Jobs", 'shortDescription: "a\\nb"'),
        ("description: |\n", f"description: |\n    {'x' * 81}\n"),
        ("os: linux", "os: plan9"),
        ("arch: amd64", "arch: x86_64"),
        ("        arch: amd64\n", ""),
        ("arch: amd64\n", "arch: amd64\n        libc: gnu\n"),
        (SHA, SHA.upper()),
        (SHA, SHA[:-1]),
        ("https://", "file://"),
        ("bin: kubectl-tune/kubectl-tune", "bin: ../kubectl-tune"),
        ("bin: kubectl-tune/kubectl-tune", "bin: ''"),
        ("bin: kubectl-tune/kubectl-tune", "bin: a\n    files: []"),
        ("platforms:\n", "platforms: []\n  others:\n"),
    ],
)  # fmt: skip
def test_what_krew_would_refuse_is_refused_before(found: str, replacement: str):
    """
    A manifest that breaks one of Krew's rules, or of its reviewers', is not written.
    """
    good = render("v1.2.3", {LINUX: SHA})
    assert problems(good) == []
    assert found in good

    assert len(problems(good.replace(found, replacement))) == 1


def test_two_archives_of_a_platform_are_refused():
    """
    Krew could not tell which one to install.
    """
    text = render("v1.2.3", {LINUX: SHA})
    entry = text.partition("platforms:\n")[2]

    assert problems(text + entry) == ["linux/amd64 is there twice"]


def test_only_archives_of_this_version_count(tmp_path: Path):
    """
    What an earlier build left behind is neither summed nor listed.
    """
    names = ["v0.9.0_linux_amd64.tar.gz", "v1.0.0_linux_amd64.tar.gz", "v1.0.0_darwin_arm64.tar.gz",
             "v1.0.0_linux_amd64.zip", "v1.0.0_linux_amd64.tar.gz.part"]  # fmt: skip
    for name in names:
        (tmp_path / f"kubectl-tune_{name}").write_text(name)
    bom = tmp_path / "kubectl-tune_v1.0.0_linux_amd64.tar.gz.cdx.json"
    bom.write_text("{}")

    made = publish(tmp_path, "v1.0.0")

    listed = [line.split() for line in (tmp_path / SUMS).read_text().splitlines()]
    assert [name for _, name in listed] == [
        "kubectl-tune_v1.0.0_darwin_arm64.tar.gz",
        "kubectl-tune_v1.0.0_linux_amd64.tar.gz",
        bom.name,
    ]
    assert all(sha256(tmp_path / name) == digest for digest, name in listed)
    assert re.findall(r"sha256: (\w+)", made.read_text()) == [listed[1][0], listed[0][0]]


def test_without_archives_nothing_is_written(tmp_path: Path):
    """
    A manifest without platforms is none.
    """
    with pytest.raises(Unpublishable):
        publish(tmp_path, "v1.0.0")

    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("target", [*RELEASED, Target("windows", "amd64")])
def test_an_archives_name_tells_its_platform(target: Target):
    """
    What the builder names, the publisher reads.
    """
    assert parsed(target.archive("v1.0.0-rc.1"), "v1.0.0-rc.1") == target
    assert parsed(target.archive("v1.0.0-rc.1"), "v1.0.0") is None


def test_the_template_of_the_release_automation_gives_the_same_manifest():
    """
    .krew.yaml, with its placeholders filled in, is what the builder renders.
    """
    text = (ROOT / ".krew.yaml").read_text()
    assert text == template()

    filled = re.sub(
        r'\{\{addURIAndSha "(.*)" \.TagName \}\}',
        rf"uri: \1\n    sha256: {SHA}",
        text,
    ).replace("{{ .TagName }}", "v3.4.5")

    assert filled == render("v3.4.5", dict.fromkeys(RELEASED, SHA))


def test_the_committed_manifest_is_one_of_ours():
    """
    krew-manifest.yaml was rendered by the builder, and Krew would take it.
    """
    text = (ROOT / "krew-manifest.yaml").read_text()
    spec = yaml.safe_load(text)["spec"]
    sums = {Target(**each["selector"]["matchLabels"]): each["sha256"] for each in spec["platforms"]}

    assert problems(text) == []
    assert text == render(spec["version"], sums)
    assert spec["version"] == tag()


def test_the_summary_is_what_krew_search_shows_well():
    """
    Reviewers ask for few words that don't begin with the plugin's own name.
    """
    short = re.search("shortDescription: (.*)", manifest.HEAD)
    assert short is not None

    assert len(short[1]) <= 50
    assert not short[1].lower().startswith(("tune", "kubectl"))
