"""
The agent runs commands for a driver, at most PARALLEL at once and the others as room comes:
`python agent.py JOURNAL PARALLEL`, with one request a line on stdin.

One file, standard library only, nothing of ours imported, so that it can travel into a pod.
Its two rules: what happened is in the journal before anybody is told of it, and when its
driver goes away every process group it started dies. JOURNAL is a file descriptor, open for
appending and locked; the lock lives as long as the agent does, and so proves it alive.

Requests (JSON):
  {"do": "run", "key", "argv", "env", "timeout", "grace", "folder", "config", "log"}
  {"do": "cancel", "key"}   ends one: SIGTERM, after `grace` seconds SIGKILL
  {"do": "stop", "grace"}   ends all and the agent; so do SIGTERM and the end of the requests
Journal (JSON, one a line; a torn last line counts for nothing):
  {"agent": pid, "host", "at"}
  {"key", "event": "running", "at", "pid"}
  {"key", "event": "ended", "at", "started", "code", "why", "detail", "result"}
`why` is exit, timeout, cancelled, stopped, bad-result, machine (it had no room for one more
process) or begun (an earlier agent had begun this attempt). `code` is as a shell has it: 127
no such command, 128+N killed by signal N; null, as `started`, for what never began. One byte
on stdout says that the journal has grown.
"""

from __future__ import annotations

import contextlib
import errno
import functools
import gc
import json
import os
import re
import selectors
import shutil
import signal
import socket
import stat
import sys
import time
from collections import deque
from typing import Any

CHUNK = 65536
LOG_HEAD = 64 << 20  # bytes of output kept from the start of an attempt,
LOG_TAIL = 1 << 20  # and from its end, when it prints more
RESULT_LIMIT = 64 << 20
CANDIDATES = 8  # lines that look like a result before the last that is one is sought
LINE_LIMIT = 1 << 20  # a longer line of stdout is no result
LISTEN_AFTER = 0.005  # seconds: a shorter attempt is not worth listening to while it runs
ORPHAN_GRACE = 0.4  # seconds between SIGTERM and SIGKILL when the driver is gone
PAUSE = 0.25  # seconds before the machine is asked again for what it lacked,
TRIES = 4  # so often while nothing of ours runs
SHORTAGES = (errno.EAGAIN, errno.ENOMEM, errno.EMFILE, errno.ENFILE)


class Log:
    """
    What an attempt printed, as CRI log lines: `TIME stdout|stderr F|P text`.

    The format of the kubelet's own container logs (kubernetes/design-proposals-archive,
    node/kubelet-cri-logging.md); P is a line that goes on in the next one. The file is made
    at the first byte. Beyond the budget the middle is left out, with a line that says so.
    """

    def __init__(self, path: str, head: int = LOG_HEAD, tail: int = LOG_TAIL) -> None:
        self.path = path
        self.fault = ""
        self._room = head
        self._tail: deque[bytes] = deque()
        self._tail_size, self._tail_limit = 0, tail
        self._omitted = 0
        self._fd = -1

    def write(self, stream: bytes, data: bytes) -> None:
        stamp = _stamp(time.time())
        full, part = stamp + stream + b" F ", stamp + stream + b" P "
        body, newline, rest = data.rpartition(b"\n")
        text = full + body.replace(b"\n", b"\n" + full) + b"\n" if newline else b""
        if rest:
            text += part + rest + b"\n"
        if self._room > 0:
            self._room -= len(text)
            self._put(text)
        else:
            self._keep(text)

    def close(self) -> None:
        if self._omitted:
            note = b"... %d bytes of the log left out ..." % self._omitted
            self._put(_stamp(time.time()) + b"stderr F " + note + b"\n")
        for text in self._tail:
            self._put(text)
        if self._fd >= 0:
            os.close(self._fd)

    def _keep(self, text: bytes) -> None:
        if len(text) > self._tail_limit:  # lines of one character make much of little
            cut = text.index(b"\n", -self._tail_limit - 1) + 1
            self._omitted += cut
            text = text[cut:]
        self._tail.append(text)
        self._tail_size += len(text)
        while self._tail_size > self._tail_limit:
            gone = len(self._tail.popleft())
            self._tail_size -= gone
            self._omitted += gone

    def _put(self, text: bytes) -> None:
        if self.fault:
            return
        try:
            if self._fd < 0:
                flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC
                self._fd = os.open(self.path, flags, 0o600)
            _write(self._fd, text)
        except OSError as error:  # a full disk ends the log, not the attempt
            self.fault = f"log cut short: {error.strerror}"


class LastObject:
    """The last line of a stream that is a JSON object, found as the stream goes by."""

    def __init__(self) -> None:
        self._line: list[bytes] = []  # what has come of the line that is open
        self._size = 0
        self._found: list[bytes] = []  # lines that look like an object, newest last

    def feed(self, data: bytes) -> None:
        head, newline, rest = data.partition(b"\n")
        self._add(head)
        if newline:
            self._end_line()
            whole, newline, rest = rest.rpartition(b"\n")
            for line in _OBJECTS.findall(whole):
                self._note(line)
            self._add(rest)

    def text(self) -> str | None:
        self._end_line()
        self._found = self._last()
        return self._found[0].decode("utf-8", "replace").strip() if self._found else None

    def _add(self, data: bytes) -> None:
        self._size += len(data)
        if self._size <= LINE_LIMIT:
            self._line.append(data)

    def _end_line(self) -> None:
        line = b"".join(self._line)
        if self._size <= LINE_LIMIT and _OBJECTS.fullmatch(line):
            self._note(line)
        self._line, self._size = [], 0

    def _note(self, line: bytes) -> None:
        self._found.append(line)
        if len(self._found) == CANDIDATES:
            self._found = self._last()

    def _last(self) -> list[bytes]:
        for line in reversed(self._found):
            if isinstance(_json(line.decode("utf-8", "replace")), dict):
                return [line]
        return []


_OBJECTS = re.compile(rb"^[ \t]*\{[^\n]*\}[ \t\r]*$", re.MULTILINE)


class Attempt:
    """One command in a process group of its own, from start to record."""

    def __init__(self, request: dict[str, Any]) -> None:
        self.key: str = request["key"]
        self.grace: float = request.get("grace") or 0.0
        self.timeout: float | None = request.get("timeout")
        self.folder: str = request["folder"]
        self.why = ""
        self.kill_at: float | None = None
        self.pid = 0
        self.started = self.listen_at = 0.0
        self.streams: list[tuple[int, bytes]] = []
        self._ends: list[int] = []  # the command's, of these
        self._log = Log(request["log"])
        self._object = LastObject()

    def prepare(self, config: str) -> None:
        """Write the config and open the streams; an OSError is no fault of the command's."""
        fd = os.open(f"{self.folder}/config.json", os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        try:
            _write(fd, config.encode())
        finally:
            os.close(fd)
        for stream in (b"stdout", b"stderr"):
            fd, end = os.pipe()
            self.streams.append((fd, stream))
            self._ends.append(end)

    def start(self, argv: list[str], env: dict[bytes, bytes]) -> None:
        """Start the command; OSError and ValueError say why it can't be started."""
        self.pid = os.posix_spawn(
            _program(argv[0], env.get(b"PATH", os.defpath.encode())),
            argv,
            env,
            file_actions=[
                (os.POSIX_SPAWN_OPEN, 0, os.devnull, os.O_RDONLY, 0),
                (os.POSIX_SPAWN_DUP2, self._ends[0], 1),
                (os.POSIX_SPAWN_DUP2, self._ends[1], 2),
            ],
            setsid=True,
            setsigdef=[signal.SIGPIPE, signal.SIGXFSZ],  # Python ignores them, trials don't
        )
        self._close_ends()
        self.started = time.time()
        self.listen_at = time.monotonic() + LISTEN_AFTER
        for fd, _ in self.streams:
            os.set_blocking(fd, False)
        if self.timeout is not None:
            self.kill_at = time.monotonic() + self.timeout

    def read(self, fd: int, stream: bytes) -> int | None:
        """Take what one stream has to say now: how many bytes, None for none, 0 at its end."""
        try:
            data = os.read(fd, CHUNK)
        except BlockingIOError:
            return None
        if data:
            if stream == b"stdout":
                self._object.feed(data)
            self._log.write(stream, data)
        return len(data)

    def end(self, why: str, grace: float) -> None:
        """Ask the group to end, for the first reason given; `tick` makes it."""
        if not self.why:
            self.why = why
            self.signal(signal.SIGTERM)
            self.kill_at = time.monotonic() + grace

    def tick(self, now: float) -> None:
        if self.kill_at is None or now < self.kill_at:
            return
        if self.why:
            self.signal(signal.SIGKILL)
            self.kill_at = now + 1.0
        else:
            self.end("timeout", self.grace)

    def signal(self, number: int) -> None:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self.pid, number)

    def record(self, code: int) -> dict[str, Any]:
        """Close what is open and say how it went; the group's stragglers die first."""
        self.signal(signal.SIGKILL)
        self._close()
        result, fault = self._result()
        why = self.why or ("bad-result" if fault and code == 0 else "exit")
        detail = "; ".join(filter(None, (fault, self._log.fault)))
        return {"code": code, "why": why, "detail": detail, "result": result}

    def refused(self, error: Exception, why: str) -> dict[str, Any]:
        """The record of a command that could not be started at all."""
        self._close()
        code = 127 if isinstance(error, FileNotFoundError) else 126
        text = getattr(error, "strerror", None) or str(error)
        name = getattr(error, "filename", None)
        what = f"{text}: {os.fsdecode(name)}" if name else text
        detail = what.encode("utf-8", "backslashreplace").decode()
        return {"code": code, "why": why, "detail": detail, "result": None}

    def _close(self) -> None:
        self._close_ends()
        for fd, stream in self.streams:
            self._drain(fd, stream)
        self._log.close()

    def _close_ends(self) -> None:
        while self._ends:
            os.close(self._ends.pop())

    def _drain(self, fd: int, stream: bytes) -> None:
        # A process that left the group may hold the pipe open, and fill it, for ever.
        for _ in range(64):
            if not self.read(fd, stream):
                break
        os.close(fd)

    def _result(self) -> tuple[str | None, str]:
        """Return the result's text, or why there is a file but no result."""
        try:
            text = _contents(f"{self.folder}/result.json", RESULT_LIMIT)
        except FileNotFoundError:
            return self._object.text(), ""
        except (OSError, ValueError) as error:
            return None, f"its result can't be read: {error}"
        if text is None:
            return None, f"its result is larger than {RESULT_LIMIT >> 20} MiB"
        if not isinstance(_json(text), dict):
            return None, "its result is not a JSON object"
        return text, ""


class Folders:
    """
    A private folder for each attempt.

    An emptied one is renamed for the next attempt: making and removing one costs a third of
    what starting a process does.
    """

    def __init__(self) -> None:
        self._empty: list[str] = []

    def take(self, path: str) -> None:
        if path in self._empty:  # the attempt was put off
            self._empty.remove(path)
        elif self._empty:
            os.rename(self._empty.pop(), path)
        else:
            os.makedirs(path, mode=0o700)

    def give_back(self, path: str) -> None:
        for name in ("config.json", "result.json"):
            with contextlib.suppress(OSError):
                os.unlink(f"{path}/{name}")
        with contextlib.suppress(OSError):
            # Else the trial left something in it, or changed what it is.
            if os.lstat(path).st_mode == stat.S_IFDIR | 0o700 and not os.listdir(path):
                self._empty.append(path)

    def close(self) -> None:
        for path in self._empty:
            with contextlib.suppress(OSError):
                os.rmdir(path)


class Agent:
    def __init__(self, journal: int, parallel: int, requests: int, wake: int) -> None:
        self._journal = journal
        self._requests = requests
        self._wake = wake
        self._rest = b""
        self._parallel = parallel
        self._queue: deque[dict[str, Any]] = deque()
        self._running: dict[int, Attempt] = {}  # by process id
        self._unheard: list[Attempt] = []
        self._folders = Folders()
        self._environment = dict(os.environb)
        self._stopping = self._signalled = False
        self._pause_until = 0.0
        self._news = False
        self._selector = selectors.DefaultSelector()
        self._selector.register(requests, selectors.EVENT_READ, self._read_requests)
        signals, signalled = os.pipe()
        for fd in (signals, signalled, wake, requests):
            os.set_blocking(fd, False)
        signal.set_wakeup_fd(signalled, warn_on_full_buffer=False)
        self._selector.register(signals, selectors.EVENT_READ, lambda: os.read(signals, CHUNK))
        # Handlers, not SIG_IGN: that one would be inherited by the trials.
        for number in (signal.SIGCHLD, signal.SIGINT):
            signal.signal(number, lambda *_: None)
        for number in (signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, self._note_signal)

    def _note_signal(self, *_: object) -> None:
        self._signalled = True

    def run(self) -> None:
        self._write({"agent": os.getpid(), "host": socket.gethostname(), "at": time.time()})
        try:
            while self._running or not self._stopping:
                self._turn()
        finally:  # whatever went wrong, such as a full disk: leave nothing behind
            for attempt in self._running.values():
                attempt.signal(signal.SIGKILL)
            self._folders.close()

    def _turn(self) -> None:
        for key, _ in self._selector.select(self._patience()):
            key.data()
        gone = self._reap()
        if self._signalled:
            self._stop(ORPHAN_GRACE)
        now = time.monotonic()
        while self._room() and now >= self._pause_until:
            self._start(self._queue.popleft())
        for attempt, code in gone:  # after what takes their place: it runs meanwhile
            for fd, _ in attempt.streams:
                self.silence(fd)
            self._ended(attempt, attempt.record(code))
        for attempt in list(self._running.values()):
            attempt.tick(now)
        self._listen(now)
        if self._news:
            self._news = False
            with contextlib.suppress(BlockingIOError, BrokenPipeError):
                os.write(self._wake, b".")

    def _listen(self, now: float) -> None:
        """Listen to attempts that have lasted; what the others print is read when they end."""
        self._unheard = [a for a in self._unheard if self._running.get(a.pid) is a]
        while self._unheard and now >= self._unheard[0].listen_at:
            attempt = self._unheard.pop(0)
            for fd, stream in attempt.streams:
                event = selectors.EVENT_READ
                self._selector.register(fd, event, _reader(self, attempt, fd, stream))

    def _room(self) -> bool:
        return bool(self._queue) and len(self._running) < self._parallel

    def _patience(self) -> float | None:
        times = [a.kill_at for a in self._running.values() if a.kill_at is not None]
        if self._room():
            times.append(self._pause_until)
        if self._unheard:
            times.append(self._unheard[0].listen_at)
        return max(0.0, min(times) - time.monotonic()) if times else None

    def _read_requests(self) -> None:
        data = os.read(self._requests, CHUNK)
        *lines, self._rest = (self._rest + data).split(b"\n") if data else [b""]
        for line in filter(None, lines):
            request = json.loads(line)
            match request["do"]:
                case "run" if self._stopping:
                    self._unbegun(request, "stopped")
                case "run":
                    self._queue.append(request)
                case "cancel":
                    self._cancel(request["key"])
                case "stop":
                    self._stop(request["grace"])
        if not data:  # the driver is gone
            self._selector.unregister(self._requests)
            self._stop(ORPHAN_GRACE)

    def _start(self, request: dict[str, Any]) -> None:
        attempt = Attempt(request)
        try:
            # The folder is the mark of an attempt that may have begun: never twice.
            self._folders.take(attempt.folder)
            attempt.prepare(request["config"])
        except OSError as error:
            if error.errno in (errno.EEXIST, errno.ENOTEMPTY):
                self._ended(attempt, attempt.refused(error, "begun"))
            else:
                self._put_off(request, attempt, error)
            return
        try:
            env = {os.fsencode(k): os.fsencode(v) for k, v in request["env"].items()}
            attempt.start(request["argv"], self._environment | env)
        except (OSError, ValueError) as error:
            if getattr(error, "errno", None) in SHORTAGES:
                self._put_off(request, attempt, error)
            else:
                self._ended(attempt, attempt.refused(error, "exit"))
            return
        self._running[attempt.pid] = attempt
        self._unheard.append(attempt)
        at, pid = attempt.started, attempt.pid
        self._write({"key": attempt.key, "event": "running", "at": at, "pid": pid})

    def _put_off(self, request: dict[str, Any], attempt: Attempt, error: Exception) -> None:
        """Wait for what the machine lacks; it may be what other attempts have."""
        tries = request["tries"] = request.get("tries", 0) + (not self._running)
        record = attempt.refused(error, "machine")
        if tries > TRIES:
            self._ended(attempt, record)
            return
        self._folders.give_back(attempt.folder)
        self._queue.appendleft(request)
        self._pause_until = time.monotonic() + PAUSE

    def _cancel(self, key: str) -> None:
        for request in [each for each in self._queue if each["key"] == key]:
            self._queue.remove(request)
            self._unbegun(request, "cancelled")
        for attempt in self._running.values():
            if attempt.key == key:
                attempt.end("cancelled", attempt.grace)

    def _stop(self, grace: float) -> None:
        self._stopping = True
        while self._queue:
            self._unbegun(self._queue.popleft(), "stopped")
        for attempt in self._running.values():
            attempt.end("stopped", grace)
            attempt.kill_at = min(attempt.kill_at or 0.0, time.monotonic() + grace)

    def _reap(self) -> list[tuple[Attempt, int]]:
        """Return the attempts whose command has ended since, with its exit code."""
        gone = []
        while self._running:
            try:
                pid, status = os.waitpid(-1, os.WNOHANG)
            except ChildProcessError:
                break
            if not pid:
                break
            if attempt := self._running.pop(pid, None):
                code = os.waitstatus_to_exitcode(status)
                gone.append((attempt, code if code >= 0 else 128 - code))
        return gone

    def _unbegun(self, request: dict[str, Any], why: str) -> None:
        times = {"at": time.time(), "started": None}
        record = {"code": None, "why": why, "detail": "", "result": None}
        self._write({"key": request["key"], "event": "ended"} | times | record)

    def silence(self, fd: int) -> None:
        if fd in self._selector.get_map():
            self._selector.unregister(fd)

    def _ended(self, attempt: Attempt, record: dict[str, Any]) -> None:
        self._folders.give_back(attempt.folder)
        times = {"at": time.time(), "started": attempt.started or None}
        self._write({"key": attempt.key, "event": "ended"} | times | record)

    def _write(self, line: dict[str, Any]) -> None:
        _write(self._journal, json.dumps(line).encode() + b"\n")
        self._news = True


def _reader(agent: Agent, attempt: Attempt, fd: int, stream: bytes) -> Any:
    def read() -> None:
        if attempt.read(fd, stream) == 0:
            agent.silence(fd)

    return read


def _write(fd: int, data: bytes) -> None:
    view = memoryview(data)
    while view:
        view = view[os.write(fd, view) :]


@functools.cache
def _program(name: str, path: bytes) -> bytes:
    """Find a command as a shell does; raise FileNotFoundError when there is none."""
    if os.sep in name:
        return os.fsencode(name)
    found = shutil.which(name, path=os.fsdecode(path))
    if found is None:
        raise FileNotFoundError(errno.ENOENT, "no such command", name)
    return os.fsencode(found)


def _contents(path: str, limit: int) -> str | None:
    """Return a file's text, or None when it is larger than `limit` bytes."""
    fd = os.open(path, os.O_RDONLY | os.O_NONBLOCK)  # opening a pipe waits for its writer
    try:
        if not stat.S_ISREG(os.fstat(fd).st_mode):
            raise ValueError("it is not a file")
        with open(fd, "rb", closefd=False) as file:
            data = file.read(limit + 1)
    finally:
        os.close(fd)
    return None if len(data) > limit else data.decode("utf-8-sig")


def _stamp(at: float) -> bytes:
    whole = int(at)
    clock = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(whole))
    return f"{clock}.{int((at - whole) * 1e9):09d}Z ".encode()


def _json(text: str) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return None


def main(argv: list[str]) -> None:
    gc.freeze()
    gc.set_threshold(50_000)  # what an attempt leaves behind has no cycles
    journal = int(argv[0])
    os.set_inheritable(journal, False)  # the lock is the agent's, not its trials'
    Agent(journal, int(argv[1]), sys.stdin.fileno(), sys.stdout.fileno()).run()


if __name__ == "__main__":
    main(sys.argv[1:])
