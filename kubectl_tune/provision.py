"""
What a session needs in the cluster before its first Job: anchor, agent, code and plan.

Its rule: what is there already is taken as it is, if it is ours. So a resumed session, and
one that two drivers have begun, has one of each.
"""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from importlib import resources
from typing import Any

from kubectl_tune.cluster import ClusterClient, Manifest, manifests, observed
from kubectl_tune.cluster import labels as marks
from kubectl_tune.cluster.bundle import Bundle, bundle
from kubectl_tune.cluster.manifests import Cargo, Parts, Scene
from kubectl_tune.cluster.orders import gone_line, is_gone, parts, unpacked
from kubectl_tune.errors import Conflict, EngineError
from kubectl_tune.podoptions import pod_options
from kubectl_tune.session import Session, SessionInfo
from kubectl_tune.trial import Trial, TrialSpec
from kubectl_tune.workload import ARBITRAGE

CWD = f"{marks.PREFIX}/cwd"
FOLDERS = f"{marks.PREFIX}/folders"
SHA = f"{marks.PREFIX}/sha256"
PARTS = f"{marks.PREFIX}/parts"  # how many ConfigMaps a bundle has
NEEDS = f"{marks.PREFIX}/needs"  # what it was packed for
LIBRARY = "\0library"  # among names of files: the built-in workload's own code
KEY = "{:03d}.jsonl.gz"


@dataclass(frozen=True, slots=True)
class _Place:
    """Where a trial's line is."""

    map: str
    line: int


class Provision:
    """The objects of one session, made when they are first needed."""

    def __init__(self, session: Session, client: ClusterClient) -> None:
        self._session = session
        self._client = client
        self._scene = Scene(session.info, client.namespace)
        self._places: dict[tuple[str, str], _Place] = {}  # by slug and hash
        self._slugs: set[str] = set()  # of the plan that the cluster has
        self._maps = 0  # plan ConfigMaps so far

    @property
    def scene(self) -> Scene:
        """The session as manifests need it, its anchor and its code in place."""
        if not self._scene.anchor_uid:
            self._anchor()
        return self._scene

    def place(self, trial: Trial) -> Parts:
        """Return where the trial's line is; all of the plan is brought there at once."""
        key = trial.spec.slug, trial.spec.hash
        scene = self.scene
        if key not in self._places:
            missing = [
                each
                for each in self._session.trials.values()
                if (each.spec.slug, each.spec.hash) not in self._places
            ]
            for name, lines in self._bring(scene, missing, indexed=False):
                self._note(name, lines)
        found = self._places[key]
        return Parts((found.map,), found.line)

    def bring_shard(self, trials: Sequence[Trial]) -> Parts:
        """Bring the lines of an Indexed Job's trials, in their order."""
        return Parts(tuple(name for name, _ in self._bring(self.scene, trials, indexed=True)))

    def _anchor(self) -> None:
        info = self._session.info
        wanted = manifests.anchor(info, agent_text())
        try:
            made = self._client.create(wanted)
        except Conflict:
            made = self._client.get("ConfigMap", manifests.anchor_name(info.uid))
            self._scene = replace(self._scene, anchor_uid=_uid_of(made, info))
            self._recall()
        else:
            self._scene = replace(self._scene, anchor_uid=_uid_of(made, info))
            self._load()

    def _load(self) -> None:
        """Bring the code and the data files that pods need."""
        info, options = self._session.info, pod_options(self._session.info)
        if not options.agent:
            return
        specs = [trial.spec for trial in self._session.trials.values()]
        packed = pack(info, specs)
        names = []
        for wanted in cargo_maps(self._scene, packed, needs(info, specs)):
            self._create(wanted)
            names.append(observed.name(wanted))
        cargo = Cargo(tuple(names), packed.sha, packed.cwd, tuple(packed.absolute_folders))
        self._scene = replace(self._scene, cargo=cargo if names else Cargo())

    def _recall(self) -> None:
        """Learn what an earlier driver has brought."""
        maps, _ = self._client.list("ConfigMap", manifests.selector(self._session.info.uid))
        kinds: dict[str, list[Manifest]] = {}
        for each in maps:
            kinds.setdefault(observed.labels(each).get(marks.PART, ""), []).append(each)
        for each in plan_maps(kinds.get("plan", [])):
            self._maps = max(self._maps, plan_number(each) + 1)
            self._note(observed.name(each), list(lines_of(each)))
        specs = [trial.spec for trial in self._session.trials.values()]
        needed = set(needs(self._session.info, specs))  # an edited plan may need more
        if code := whole_bundle(kinds.get("code", []), needed):
            self._scene = replace(self._scene, cargo=_cargo(code))
        else:
            self._load()
        self._note_gone()

    def _note_gone(self) -> None:
        """Say in the cluster, too, which lines an edited plan no longer has."""
        gone = self._slugs - {trial.spec.slug for trial in self._session.trials.values()}
        for _, data in parts([gone_line(slug) for slug in sorted(gone)]):
            self._create_plan(self._scene, data)

    def _bring(
        self, scene: Scene, trials: Sequence[Trial], *, indexed: bool
    ) -> list[tuple[str, list[dict[str, Any]]]]:
        made = []
        for lines, data in parts(manifests.orders(scene.info, trials, indexed=indexed)):
            made.append((self._create_plan(scene, data), lines))
        return made

    def _create_plan(self, scene: Scene, data: bytes) -> str:
        number, self._maps = self._maps, self._maps + 1
        name = manifests.plan_name(scene.info, number)
        self._create(manifests.binary_map(scene, name, "plan", KEY.format(number), data))
        return name

    def _note(self, name: str, lines: Sequence[dict[str, Any]]) -> None:
        if gone := {line["slug"] for line in lines if is_gone(line)}:  # such lines stand alone
            self._slugs -= gone
            self._places = {key: at for key, at in self._places.items() if key[0] not in gone}
            return
        for number, line in enumerate(lines):
            self._slugs.add(line["slug"])
            if "attempt" not in line:
                self._places[line["slug"], line["hash"]] = _Place(name, number)

    def _create(self, wanted: Manifest) -> None:
        try:
            self._client.create(wanted)
        except Conflict:
            there = self._client.get("ConfigMap", observed.name(wanted))
            if there.get("binaryData") != wanted["binaryData"]:
                raise EngineError(
                    f"ConfigMap {observed.name(wanted)} is there already, with other contents",
                    hint="another driver may run this session: see kubectl tune status",
                ) from None


def pack(info: SessionInfo, specs: Sequence[TrialSpec]) -> Bundle:
    """Pack the code and the data files that the trials' pods need."""
    return bundle(
        info.target.workdir,
        sync=pod_options(info).sync,
        data_files=data_files(info, specs),
        library=_needs_library(info, specs),
    )


def needs(info: SessionInfo, specs: Sequence[TrialSpec]) -> list[str]:
    """
    Say what the trials' pods need of what is here: data files, and our own code.

    Names are hashed: plans may name thousands, and annotations hold little.
    """
    names = [*data_files(info, specs), *([LIBRARY] if _needs_library(info, specs) else [])]
    return [hashlib.sha256(name.encode("utf-8", "surrogatepass")).hexdigest()[:8] for name in names]


def _needs_library(info: SessionInfo, specs: Sequence[TrialSpec]) -> bool:
    return bool(info.workload) and any(not spec.command for spec in specs)


def cargo_maps(scene: Scene, packed: Bundle, needed: Sequence[str]) -> Iterator[Manifest]:
    """Yield the ConfigMaps that hold what was packed."""
    about = {
        CWD: packed.cwd, FOLDERS: json.dumps(packed.absolute_folders), SHA: packed.sha,
        PARTS: str(len(packed.parts)), NEEDS: json.dumps(needed),
    }  # fmt: skip
    for number, data in enumerate(packed.parts):
        name = f"tune-{scene.info.uid}-code-{packed.sha[:12]}-{number}"
        wanted = manifests.binary_map(scene, name, "code", f"part-{number:03d}", data)
        wanted["metadata"]["annotations"] = about
        yield wanted


def agent_text() -> str:
    return resources.files("kubectl_tune").joinpath("agent.py").read_text("utf-8")


def data_files(info: SessionInfo, specs: Iterable[TrialSpec]) -> list[str]:
    """Return the files that configs of the built-in workload name, each once."""
    if not info.workload:
        return []
    named = (
        spec.config.get(key) for spec in specs if not spec.command for key in ARBITRAGE.file_keys
    )
    return list(dict.fromkeys(path for path in named if isinstance(path, str) and path))


def plan_maps(maps: Iterable[Manifest]) -> list[Manifest]:
    """Return plan ConfigMaps in the order in which they were made, without what others made."""
    return sorted((each for each in maps if plan_number(each) >= 0), key=plan_number)


def plan_number(each: Manifest) -> int:
    number = observed.name(each).rpartition("-plan-")[2]
    return int(number) if number.isascii() and number.isdecimal() else -1


def whole_bundle(maps: Iterable[Manifest], needed: set[str]) -> list[Manifest]:
    """Return the ConfigMaps of a bundle that is all there and has what is needed, if any."""
    bundles: dict[str, list[Manifest]] = {}
    for each in sorted(maps, key=observed.name):
        bundles.setdefault(observed.remarks(each).get(SHA, ""), []).append(each)
    return next((code for code in bundles.values() if _serves(code, needed)), [])


def _serves(code: Sequence[Manifest], needed: set[str]) -> bool:
    about = observed.remarks(code[0])
    there = about.get(PARTS) == str(len(code))
    return there and needed <= set(json.loads(about.get(NEEDS, "[]")))


def lines_of(each: Manifest) -> Iterable[dict[str, Any]]:
    """Yield the orders in a plan ConfigMap."""
    for text in (each.get("binaryData") or {}).values():
        yield from unpacked(base64.b64decode(text))


def _cargo(code: Sequence[Manifest]) -> Cargo:
    about = observed.remarks(code[0])
    names = tuple(observed.name(each) for each in code)
    folders = tuple(json.loads(about.get(FOLDERS, "[]")))
    return Cargo(names, about.get(SHA, ""), about.get(CWD, ""), folders)


def _uid_of(made: Manifest, info: SessionInfo) -> str:
    if observed.labels(made).get(marks.UID) != info.uid:
        raise EngineError(
            f"ConfigMap {observed.name(made)} in namespace {made['metadata'].get('namespace')}"
            " is not ours",
            hint="begin the session anew, or in another namespace",
        )
    return str(made["metadata"]["uid"])
