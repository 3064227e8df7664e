"""
One pod on its node, in a thread of its own: from its files and image to its container's end.

The thread hears of everything through its inbox, and after `vanish` says nothing any more.
"""

from __future__ import annotations

import queue
import signal
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

from kubectl_tune.cluster import Manifest

from . import environment, podstatus
from .apiserver import ApiServer
from .container import Container, end_all
from .podlog import PodLog
from .recorder import Recorder
from .store import Key, key_of
from .volumes import Files, NotMountable

COMPONENT = "kubelet"
_LATE = "Pod was active on the node longer than the specified deadline"
_RUNC = (
    "failed to create containerd task: failed to create shim task: OCI runtime create failed:"
    " runc create failed: unable to start container process: exec: "
)


@dataclass
class Machine:
    """What pods find on their node."""

    folder: Path
    images: dict[str, str]  # the images that can be had, and the users they run as
    pull_errors: dict[str, str] = field(default_factory=dict)  # a registry's words, by image
    secrets: dict[str, Mapping[str, str]] = field(default_factory=dict)


class Word(NamedTuple):
    """What the thread is told: retry, ended (code), delete (seconds), oom, fail or vanish."""

    kind: str
    number: int = 0
    reason: str = ""
    text: str = ""


class Stopped(Exception):
    """The pod is over, before or while its container ran."""


class PodRun:
    def __init__(self, api: ApiServer, recorder: Recorder, machine: Machine, pod: Manifest) -> None:
        self.pod = pod
        self.log = PodLog()
        self._api = api
        self._recorder = recorder
        self._machine = machine
        meta = pod["metadata"]
        claims = machine.folder / "claims" / meta["namespace"]
        self._files = Files(machine.folder / meta["uid"], claims, pod)
        self._inbox: queue.SimpleQueue[Word] = queue.SimpleQueue()
        self._container = Container(
            self._files.root.parent, self.log, lambda code: self._inbox.put(Word("ended", code))
        )
        self.silent = False
        self._began: float | None = None
        self._deadline: float | None = None
        self._kill_at: float | None = None
        self._deleted = False
        self._oom = False
        self._failing = ("", "")  # the reason and message of a pod that is stopped from outside
        name = f"pod {meta['name']}"
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)

    def start(self) -> None:
        self._thread.start()

    def join(self) -> None:
        if self._thread.ident is not None:
            self._thread.join()

    def retry(self) -> None:
        self._inbox.put(Word("retry"))

    def delete(self, seconds: int) -> None:
        self._inbox.put(Word("delete", seconds))

    def oom(self) -> None:
        self._inbox.put(Word("oom"))

    def fail(self, reason: str, text: str) -> None:
        """End the pod as the kubelet does by itself: stopped, and Failed for a reason."""
        self._inbox.put(Word("fail", 0, reason, text))

    def vanish(self) -> None:
        """The machine is gone: the processes end, and nobody says so."""
        self.silent = True
        self._inbox.put(Word("vanish"))

    def forget(self) -> None:
        """The pod is gone: so is what it left on the disk."""
        self.vanish()

    @property
    def waiting_for(self) -> str:
        """Why there is no log yet, "" once there is one."""
        pod = self._api.store.get(key_of(self.pod)) or self.pod
        for status in pod["status"].get("containerStatuses", ()):
            return str(status["state"].get("waiting", {}).get("reason", ""))
        return "" if self._began else "ContainerCreating"

    # The thread

    def _run(self) -> None:
        try:
            self._say(lambda pod, at: podstatus.waiting(pod, at, "ContainerCreating"))
            self._mind_deadline()
            self._mount()
            self._pull()
            if self._create():
                self._watch()
        except Stopped:
            self._finish_early()
        finally:
            self.log.end()
            if self.silent:
                end_all(self._files.root.parent)
            self._until_gone()

    def _until_gone(self) -> None:
        """Wait for the pod's deletion: it takes the files along, and what was killed late."""
        while not self.silent:
            word = self._inbox.get()
            if word.kind == "delete":
                self._gone()
        self._files.remove()

    def _mount(self) -> None:
        while True:
            try:
                return self._files.make(self._config_map, self._machine.secrets)
            except NotMountable as why:
                self._recorder.warn(self.pod, COMPONENT, "FailedMount", str(why))
                self._wait_for_retry()

    def _pull(self) -> None:
        image = self._files.container["image"]
        while image not in self._machine.images:
            if self._files.container["imagePullPolicy"] == "Never":
                text = f'Container image "{image}" is not present with pull policy of Never'
                self._hold("ErrImageNeverPull", text)
            else:
                self._fail_to_pull(image)
            self._wait_for_retry()
        text = f'Container image "{image}" already present on machine'
        self._event("Pulled", text)

    def _fail_to_pull(self, image: str) -> None:
        why = self._machine.pull_errors.get(image) or _not_found(image)
        self._event("Pulling", f'Pulling image "{image}"')
        text = f'Failed to pull image "{image}": {why}'
        self._recorder.warn(self.pod, COMPONENT, "Failed", text)
        self._hold("ErrImagePull", why)
        self._hold("ImagePullBackOff", f'Back-off pulling image "{image}": ErrImagePull: {why}')

    def _create(self) -> bool:
        """Start the container; return whether it could be."""
        while True:
            try:
                argv, env, folder = self._command()
                break
            except environment.ConfigError as why:
                self._hold("CreateContainerConfigError", str(why))
                self._wait_for_retry()
        name = self._files.container["name"]
        self._event("Created", f"Created container: {name}")
        self._hear_all()
        try:
            self._container.start(argv, env, folder)
        except (OSError, ValueError) as error:
            self._start_error(argv[0], error)
            return False
        self._began = self._api.now()
        self._event("Started", f"Started container {name}")
        self._say(podstatus.running)
        return True

    def _command(self) -> tuple[list[str], dict[str, str], Any]:
        user = self._machine.images[self._files.container["image"]]
        if problem := environment.identity_problem(self.pod, self._files, user):
            raise environment.ConfigError(problem)
        found = environment.environment(
            self.pod, self._files, self._config_map, self._machine.secrets
        )
        env = environment.private(found, self._files)
        argv = environment.command(self._files, found)
        return argv, env, environment.folder(self._files)

    def _start_error(self, program: str, error: Exception) -> None:
        missing = "executable file not found in $PATH"
        if "/" in program:
            said = getattr(error, "strerror", "") or str(error)
            missing = f"stat {program}: {said.lower()}"
        text = f'{_RUNC}"{program}": {missing}: unknown'
        self._recorder.warn(self.pod, COMPONENT, "Failed", f"Error: {text}")
        state = podstatus.terminated(128, "StartError", text, None, self._api.now())
        self._say(lambda pod, at: podstatus.stopped(pod, at, state))
        self._say(lambda pod, _: podstatus.ended(pod))

    def _watch(self) -> None:
        """Until the container ends; its signals are sent from here."""
        while True:
            word = self._next()
            if word.kind == "ended":
                return self._ended(word.number)
            self._hear(word)

    def _hear(self, word: Word) -> None:
        if word.kind == "vanish":
            self._container.signal(signal.SIGKILL)
        elif word.kind == "oom":
            self._oom = True
            self._container.signal(signal.SIGKILL)
        elif word.kind == "delete":
            self._deleted = True
            self._stop(word.number)
        elif word.kind == "fail":
            self._fail(word.reason, word.text)
        elif word.kind == "late":
            self._deadline = None
            self._event("DeadlineExceeded", _LATE)
            self._fail("DeadlineExceeded", _LATE)
        elif word.kind == "kill":
            self._kill_at = None
            self._container.signal(signal.SIGKILL)

    def _fail(self, reason: str, text: str) -> None:
        self._failing = (reason, text)
        self._stop(int(self.pod["spec"]["terminationGracePeriodSeconds"]))

    def _stop(self, grace: int) -> None:
        """SIGTERM, and SIGKILL after the grace period, which may get shorter later."""
        at = time.monotonic() + grace
        if self._began and self._kill_at is None:
            self._event("Killing", f"Stopping container {self._files.container['name']}")
            self._container.signal(signal.SIGTERM)
        self._kill_at = at if self._kill_at is None else min(self._kill_at, at)

    def _next(self) -> Word:
        times = [each for each in (self._deadline, self._kill_at) if each is not None]
        try:
            rest = max(0.0, min(times) - time.monotonic()) if times else None
            return self._inbox.get(timeout=rest)
        except queue.Empty:
            return Word("kill" if min(times) == self._kill_at else "late")

    def _ended(self, code: int) -> None:
        if self.silent:
            return
        at = self._api.now()
        reason = "OOMKilled" if self._oom else "Error" if code else "Completed"
        state = podstatus.terminated(code, reason, self._message(code), self._began, at)
        self._say(lambda pod, at: podstatus.stopped(pod, at, state))
        self._say(lambda pod, _: podstatus.ended(pod, *self._failing))
        if self._deleted:
            self._gone()

    def _message(self, code: int) -> str:
        try:
            message = self._files.message.read_bytes()[-4096:].decode(errors="replace")
        except OSError:
            message = ""
        policy = self._files.container["terminationMessagePolicy"]
        if not message and code and policy == "FallbackToLogsOnError":
            return self.log.last(2048, 80)
        return message

    def _finish_early(self) -> None:
        """End a pod whose container never ran."""
        if self.silent:
            return
        self._say(lambda pod, _: podstatus.unknown(pod))
        self._say(lambda pod, _: podstatus.ended(pod, *self._failing))
        if self._deleted:
            self._gone()

    def _gone(self) -> None:
        """Tell the API server that the pod's end may be final."""
        if not self.silent:
            with self._api.store.lock:
                pod = self._api.store.get(key_of(self.pod))
                if pod and pod["metadata"]["uid"] == self.pod["metadata"]["uid"]:
                    self._api.delete(*key_of(self.pod), grace=0)

    # While nothing runs yet

    def _wait_for_retry(self) -> None:
        while True:
            word = self._next()
            self._hear_early(word)
            if word.kind == "retry":
                return

    def _hear_all(self) -> None:
        while not self._inbox.empty():
            self._hear_early(self._inbox.get())

    def _hear_early(self, word: Word) -> None:
        if word.kind in ("vanish", "delete", "fail", "late"):
            self._hear(word)
            raise Stopped

    def _hold(self, reason: str, text: str) -> None:
        self._say(lambda pod, at: podstatus.waiting(pod, at, reason, text))
        self._recorder.warn(self.pod, COMPONENT, "Failed", f"Error: {text}")

    def _mind_deadline(self) -> None:
        seconds = self.pod["spec"].get("activeDeadlineSeconds")
        if seconds is not None:
            self._deadline = time.monotonic() + seconds

    # What others read

    def _say(self, change: Callable[[Manifest, float], None]) -> None:
        if self.silent:
            return
        now = self._api.update(self.pod, lambda pod: change(pod, self._api.now()))
        self.pod = now or self.pod

    def _event(self, reason: str, text: str) -> None:
        if not self.silent:
            self._recorder.say(self.pod, COMPONENT, reason, text)

    def _config_map(self, name: str) -> Manifest | None:
        return self._api.store.get(Key("ConfigMap", self.pod["metadata"]["namespace"], name))


def _not_found(image: str) -> str:
    name = image if "/" in image else f"docker.io/library/{image}"
    return (
        f'failed to pull and unpack image "{name}": failed to resolve reference "{name}":'
        f" {name}: not found"
    )
