"""What travels to pods: the right files, at the right places, and the same bytes each time."""

from __future__ import annotations

import gzip
import hashlib
import io
import os
import random
import shutil
import stat
import subprocess
import sys
import tarfile
from pathlib import Path

import pytest
from agent.pods import Pod, order

from kubectl_tune.cluster.bundle import MOST, PART, Bundle, bundle
from kubectl_tune.errors import TuneError


def write(folder: Path, *names: str, text: str = "x") -> None:
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)


def members(packed: Bundle) -> dict[str, tarfile.TarInfo]:
    with tarfile.open(fileobj=io.BytesIO(b"".join(packed.parts)), mode="r:gz") as tar:
        return {member.name: member for member in tar}


def synced(folder: Path) -> list[str]:
    """The names of what travels of a folder."""
    names = bundle(str(folder), sync=str(folder), data_files=[], library=False).listing
    return [name.removeprefix("code/") for name in names]


@pytest.fixture
def folder(tmp_path):
    path = tmp_path / "home" / "user" / "project"
    path.mkdir(parents=True)
    return path


# Packing


def test_the_same_files_give_the_same_bytes(folder):
    """
    Wherever and whenever they were written, and in whatever order they are named.
    """
    write(folder, "b/two", "a", "é \n", "z")
    copy = folder.parent / "copy"
    for name in ("z", "é \n", "a", "b/two"):
        write(copy, name)
    os.utime(copy / "a", (1, 1))
    (copy / "z").chmod(0o600)

    first = bundle(str(folder), str(folder), ["a", "z"], False)
    again = bundle(str(copy), str(copy), ["z", "a", "z"], False)

    assert first == again
    assert first.sha == hashlib.sha256(b"".join(first.parts)).hexdigest()
    for member in members(first).values():
        assert (member.mtime, member.uid, member.gid, member.uname) == (0, 0, 0, "")


def test_files_keep_what_is_in_them_and_whether_they_run(folder):
    """
    And nothing else: other rights differ from machine to machine.
    """
    (folder / "tool").write_bytes(data := random.Random(1).randbytes(100_000))
    (folder / "tool").chmod(0o710)
    write(folder, "plain")
    (folder / "plain").chmod(0o666)
    packed = bundle(str(folder), str(folder), [], False)

    with tarfile.open(fileobj=io.BytesIO(b"".join(packed.parts)), mode="r:gz") as tar:
        assert tar.extractfile("code/tool").read() == data
    modes = {name: stat.S_IMODE(member.mode) for name, member in members(packed).items()}
    assert modes == {"code/tool": 0o755, "code/plain": 0o644}


def test_nothing_to_send_is_no_bundle(folder):
    """
    Nor is an empty folder.
    """
    assert bundle(str(folder), "", [], False) == Bundle()
    assert bundle(str(folder), str(folder), ["missing.csv", ""], False) == Bundle()


def test_parts_fit_into_config_maps(folder):
    """
    All but the last are full.
    """
    (folder / "data").write_bytes(random.Random(1).randbytes(3 << 20))

    packed = bundle(str(folder), "", ["data"], False)

    sizes = [len(part) for part in packed.parts]
    assert sizes[:-1] == [PART] * 3 and 0 < sizes[-1] <= PART
    assert len(gzip.decompress(b"".join(packed.parts))) > 3 << 20


def test_too_much_names_the_largest_and_the_ways_out(folder):
    """
    Five files, with their sizes, and what else one can do.
    """
    for number in range(7):
        (folder / f"f{number}").write_bytes(random.Random(number).randbytes((7 - number) << 18))
    write(folder, "small.py")

    with pytest.raises(TuneError) as caught:
        bundle(str(folder), str(folder), [], False)

    said = str(caught.value)
    assert [name for name in ("f0", "f1", "f2", "f3", "f4") if name not in said] == []
    assert "f5" not in said and "small.py" not in said and "4 MiB" in said and "1.8 MiB" in said
    for way in ("--image", "--volume", ".ktignore"):
        assert way in caught.value.hint


def test_a_huge_folder_is_refused_at_once(folder):
    """
    Without reading all of it: a terabyte in a file takes no longer than a few MiB.
    """
    noise = random.Random(1).randbytes(MOST + 1000)
    with (folder / "huge").open("wb") as file:
        file.write(noise)
        file.truncate(1 << 40)

    with pytest.raises(TuneError, match="huge"):
        bundle(str(folder), str(folder), [], False)


# Data files


@pytest.mark.parametrize(
    ("paths", "cwd", "expected"),
    [
        (["data/q.csv"], "", ["code/data/q.csv"]),
        (["./data//q.csv", "data/q.csv"], "", ["code/data/q.csv"]),
        (["../q.csv"], "project", ["code/project", "code/q.csv"]),
        (["../project/data/q.csv"], "project", ["code/project", "code/project/data/q.csv"]),
        (
            ["../../x/q.csv", "q.csv"], "user/project",
            ["code/user", "code/user/project", "code/user/project/q.csv", "code/x/q.csv"],
        ),
        (["data/../q.csv"], "", ["code/data", "code/q.csv"]),
        (["data/../../q.csv"], "project", ["code/project", "code/project/data", "code/q.csv"]),
        (["data/q.csv", "missing.csv"], "", ["code/data/q.csv"]),
    ],
)  # fmt: skip
def test_relative_files_keep_their_place(folder, paths, cwd, expected):
    """
    From where the command starts the same path leads to them as here.
    """
    write(folder, "data/q.csv", "q.csv", "../q.csv", "../../x/q.csv")

    packed = bundle(str(folder), "", paths, False)

    assert (packed.cwd, list(packed.listing)) == (cwd, expected)


def test_absolute_files_keep_their_place(folder):
    """
    Their folders are to be made writable, but for those inside of others.
    """
    write(folder, "data/q.csv", "data/more/r.csv", "other/s.csv")
    paths = [f"{folder}/{name}" for name in ("data/more/r.csv", "other/s.csv", "data//./q.csv")]

    packed = bundle("/", "", paths, False)

    assert packed.absolute_folders == (f"{folder}/data", f"{folder}/other")
    assert packed.listing == tuple(
        f"abs{folder}/{name}" for name in ("data/more/r.csv", "data/q.csv", "other/s.csv")
    )


@pytest.mark.parametrize("path", ["/etc/passwd", "/usr/bin/env", "/bin/sh", "/proc/self/status"])
def test_system_folders_are_not_replaced(folder, path):
    """
    An empty folder in their place would break the image.
    """
    with pytest.raises(TuneError) as caught:
        bundle(str(folder), "", [path], False)

    assert path in str(caught.value) and "relative" in caught.value.hint


def test_files_directly_in_a_shared_folder_are_refused_together(folder):
    """
    Below /tmp there is room, but /tmp itself is not ours; all that is wrong is said at once.
    """
    shared = Path("/tmp") / f"kubectl-tune-test-{os.getpid()}.csv"
    shared.touch()
    try:
        with pytest.raises(TuneError) as caught:
            bundle(str(folder), "", [str(shared), "/etc/passwd"], False)
    finally:
        shared.unlink()

    assert str(shared) in str(caught.value) and "/etc/passwd" in str(caught.value)


def test_a_file_that_is_named_and_synced_travels_once(folder):
    """
    At one place, wherever the root is.
    """
    write(folder, "data/q.csv", "train.py", "../up.csv")

    packed = bundle(str(folder), str(folder), ["data/q.csv", "../up.csv"], False)

    assert packed.cwd == "project"
    assert [name for name in packed.listing if name.endswith(("csv", "py"))] == [
        "code/project/data/q.csv", "code/project/train.py", "code/up.csv",
    ]  # fmt: skip


# The folder


def test_ignored_files_stay(folder):
    """
    As git has it: nested files, negation, folders, any depth.
    """
    write(
        folder, "a.py", "a.log", "keep.log", "build/x", "src/build/x", "src/b.log", "src/c.tmp",
        "src/keep.tmp", "docs/deep/er/x.bak", "docs/y.bak", "top", "src/top", "build.py",
    )  # fmt: skip
    write(folder, ".gitignore", text="*.log\n!keep.log\nbuild/\n/top\ndocs/**/*.bak\n# top\n\n")
    write(folder, "src/.gitignore", text="*.tmp\n!keep.tmp\n!b.log\n")

    assert synced(folder) == [
        ".gitignore", "a.py", "build.py", "keep.log", "src/.gitignore", "src/b.log",
        "src/keep.tmp", "src/top",
    ]  # fmt: skip


def test_a_ktignore_has_the_last_word(folder):
    """
    It leaves out what git has, and takes along what git leaves out.
    """
    write(folder, "data/q.csv", "model.bin", "big.txt", "src/x.py")
    write(folder, ".gitignore", text="data/\n*.bin\n")
    write(folder, ".ktignore", text="!data/\n!*.bin\nbig.txt\n.*ignore\n")

    assert synced(folder) == ["data/q.csv", "model.bin", "src/x.py"]


def test_a_folder_of_a_repository_heeds_what_lies_above(folder):
    """
    The rules of the repository's top hold for its folders, but for the one that was asked for.
    """
    write(folder, ".git/HEAD", "out/a.csv", "out/b.py", "out/sub/out/c.py")
    write(folder, ".gitignore", text="*.csv\nout/\n")

    assert synced(folder / "out") == ["b.py"]
    assert synced(folder) == [".gitignore"]


def test_some_things_never_travel(folder):
    """
    Whatever the ignore files say.
    """
    write(
        folder, ".git/config", "a/__pycache__/m.pyc", "m.pyc", ".venv/bin/x", "node_modules/x/y",
        "a/m.py",
    )  # fmt: skip
    write(folder, ".ktignore", text="!.git\n!*.pyc\n!.venv/\n.ktignore\n")

    assert synced(folder) == ["a/m.py"]


PIECES = ["a", "b", ".", "*", "**", "?", "/", "[", "]", "!", "-", "^", "\\", " ", "#", "é",
          "[:alpha:]", "[a-b]", "[!a]", "[[:digit:]]", "[:", "**/", "/**"]  # fmt: skip


@pytest.mark.skipif(not shutil.which("git"), reason="git is what it is compared with")
def test_any_ignore_file_is_read_as_git_reads_it(folder):
    """
    Eighty files of random patterns over a tree of odd names: what travels is what git adds.
    """
    chance = random.Random(20)
    subprocess.run(["git", "init", "-q", str(folder)], check=True)
    for name in ("a", "ab", "a.b", "A", "é", "[", "a]", "-", "!", "#a", "a\\", "*", "a ", "b.txt"):
        write(folder, name, f"d/{name}", f"d/b/{name}", f"b/a/{name}")
    listed = ["git", "-C", str(folder), "ls-files", "-zoc", "--exclude-per-directory=.gitignore"]
    for _ in range(80):
        lines = ["".join(chance.choices(PIECES, k=chance.randint(1, 5))) for _ in range(3)]
        write(folder, ".gitignore", text="\n".join(lines[:2]))
        write(folder, "d/.gitignore", text=lines[2])

        expected = subprocess.run(listed, capture_output=True, text=True).stdout.split("\0")[:-1]

        assert synced(folder) == sorted(expected), lines


SECRETS = [".env", "cert.pem", "id_rsa", "id_rsa.old", "id_ed25519", "tls.key", "kubeconfig"]


@pytest.mark.parametrize("name", [*SECRETS, "Server.PEM"])
def test_a_secret_does_not_travel_by_accident(folder, name):
    """
    It is named, and so are the ways: leave it out, or say that it is meant.
    """
    write(folder, "a.py", f"deep/{name}")

    with pytest.raises(TuneError, match=f"deep/{name}") as caught:
        synced(folder)
    assert ".ktignore" in caught.value.hint

    for text in ("!*\n", "!deep/\n", "!deep/*\n", "!/deep/**\n"):
        write(folder, ".ktignore", text=text)
        with pytest.raises(TuneError):
            synced(folder)

    write(folder, ".ktignore", text=f"!{name}\n")
    assert f"deep/{name}" in synced(folder)

    write(folder, ".ktignore", text="deep\n")
    assert synced(folder) == [".ktignore", "a.py"]


def test_links_inside_travel_as_what_they_stand_for(folder):
    """
    Files and folders.
    """
    write(folder, "real/a.py", "b.py")
    (folder / "link.py").symlink_to("real/a.py")
    (folder / "also").symlink_to(folder / "real")

    found = members(bundle(str(folder), str(folder), [], False))

    assert list(found) == [
        "code/also/a.py", "code/b.py", "code/link.py", "code/real/a.py",
    ]  # fmt: skip
    assert all(member.isreg() for member in found.values())


@pytest.mark.parametrize("target", ["/etc/passwd", "..", "../outside", "missing", ".", "loop", "/"])
def test_links_that_lead_out_are_refused(folder, target):
    """
    So are those that lead nowhere, or round in a circle; one that is ignored is nobody's business.
    """
    write(folder, "a.py", "../outside", "sub/x")
    (folder / "sub" / "loop").symlink_to(target)
    if target == ".":
        (folder / "sub" / "up").symlink_to("..")

    with pytest.raises(TuneError, match="sub/loop"):
        synced(folder)

    write(folder, ".gitignore", text="loop\nup\n")
    assert synced(folder) == [".gitignore", "a.py", "sub/x"]


def test_a_link_to_a_secret_is_one(folder):
    """
    Another name makes it no better.
    """
    write(folder, ".env", ".gitignore", text=".env\n")
    (folder / "settings").symlink_to(".env")

    with pytest.raises(TuneError, match="settings"):
        synced(folder)


def test_what_is_no_file_stays(folder):
    """
    Pipes and sockets can't travel, and nobody waits for them.
    """
    write(folder, "a.py")
    os.mkfifo(folder / "pipe")

    assert synced(folder) == ["a.py"]


def test_a_folder_that_can_t_be_read_is_said(folder):
    """
    In the words that were typed.
    """
    with pytest.raises(TuneError, match=r"--sync .*missing: .*No such file"):
        synced(folder / "missing")


# The other end


def test_what_is_packed_is_what_a_pod_unpacks(folder, tmp_path):
    """
    The same paths lead to the same files, whatever they are called.
    """
    data = folder.parent / "data"
    write(data, "q.csv", text="relative")
    write(tmp_path, "lake/r.csv", text="absolute")
    odd = b"odd \xff\n'\"$(HOME)"
    (folder / os.fsdecode(odd)).write_text("odd")
    write(folder, "sub/../../data/q.csv", text="relative")
    names = ["sub/../../data/q.csv", f"{tmp_path}/lake/r.csv", os.fsdecode(odd)]
    write(folder, "show.py", text="import sys; print([open(n).read() for n in sys.argv[1:]])")
    names[1] = f"{tmp_path}/pod/root{tmp_path}/lake/r.csv"
    packed = bundle(str(folder), str(folder), [names[0], f"{tmp_path}/lake/r.csv"], True)
    pod = Pod(tmp_path / "pod")
    pod.bundle(b"".join(packed.parts), PART)

    found = pod.run(order("\0python\0", "show.py", *names), KT_CWD=packed.cwd)

    assert pod.out.decode().strip() == "['relative', 'absolute', 'odd']", found


def test_the_built_in_workload_travels_as_it_is_installed(folder, tmp_path):
    """
    Only its modules; a pod without anything else installed can run it.
    """
    packed = bundle(str(folder), "", [], True)

    assert "lib/kubectl_tune/workloads/arbitrage/tune.py" in packed.listing
    assert all(name.endswith(".py") and "/test" not in name for name in packed.listing)
    pod = Pod(tmp_path / "pod")
    pod.bundle(b"".join(packed.parts), PART)
    found = pod.run(
        order("\0python\0", "-S", "-m", "kubectl_tune.workloads.arbitrage.simulate", "--rows", "2")
    )
    assert found.code == 0, pod.out
    assert len(pod.out.splitlines()) == 3 and sys.executable not in pod.out.decode()
