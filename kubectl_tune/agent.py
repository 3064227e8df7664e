"""
The agent runs trials' commands and says how they went: many for a driver on this machine, or the
one that a pod is for.

One file, standard library only, nothing of ours imported, so that it can travel into a pod; any
Python from 3.8 on runs it. Its rules: what happened is recorded before anybody is told of it,
and nothing that it started outlives it.

`python agent.py JOURNAL PARALLEL` serves a driver: at most PARALLEL commands at once and the
others as room comes, one request a line on stdin. When the driver goes away every process group
that was started dies. JOURNAL is a file descriptor, open for appending and locked; the lock
lives as long as the agent does, and so proves it alive.

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

`python agent.py pod` is the first process of a pod, and runs one attempt: see `Place` for what
the pod's environment says. Its record goes where a pod that is over can still be asked:
  the termination message, ASCII of at most 2048 bytes:
    {"kt": 1, "a": attempt, "code", "why", "detail", "started", "at",
     "sha": sha256 of the result or "", "size": its bytes, "gz": the result if all fits}
  and where that can't hold the result, or can't be written, the last lines of stdout:
    @@KT1 NONCE B attempt lines size gzsize sha256 gz+b64
    @@KT1 NONCE C number crc32 payload
    @@KT1 NONCE E sha256
  which hold the message without `gz`, a newline, and the result.
Here `why` may also be sigterm (the pod was to end), oom, too-large (the result), setup (the pod
lacks what the attempt needs, and so would the next). The pod's exit code is the command's, or
122 its result was none, 124 time-out, 125 there was no attempt, 143 sigterm.
"""

from __future__ import annotations

import contextlib
import errno
import functools
import gc
import json
import os
import re
import select
import selectors
import shutil
import signal
import socket
import stat
import sys
import time
import zlib
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from typing import Any, NoReturn

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

# In pods. The kubelet serves a log up to 10 MiB, as its runtime keeps it: with a stamp for each
# line, and for each piece of a long one.
POD_LOG_HEAD = 5 << 20
POD_LOG_TAIL = 1 << 20
STAMP = 41  # bytes
PIECE = 8192  # bytes of a line that are kept together, at least
POD_RESULT_LIMIT = 1 << 20
MESSAGE_LIMIT = 2048  # what is left of 4096 beside many other containers
DETAIL_LIMIT = 400
PAYLOAD = 3000  # of a line: with its words less than PIPE_BUF, so that it is written in one piece
PATIENCE = 60.0  # seconds until what is not in its volume is not coming
LOOK_EVERY = 0.5
# Loaded in pods alone, and there at once: later there may be no descriptor left to open them.
POD_MODULES = ("base64", "gzip", "hashlib", "io", "tarfile")
NO_RESULT, TIMED_OUT, NO_ATTEMPT = 122, 124, 125  # exit codes
FULL = (errno.ENOSPC, errno.EDQUOT, errno.EIO)


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
        self._final = b""  # how the open line ends so far
        self.missed = False  # the last that looked like one was too long a line

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
        elif self._line:
            self._final = data[-2:] or self._final

    def _end_line(self) -> None:
        line = b"".join(self._line)
        if self._size <= LINE_LIMIT:
            if _OBJECTS.fullmatch(line):
                self._note(line)
        elif line.lstrip().startswith(b"{") and self._final.rstrip().endswith(b"}"):
            self.missed = True
        self._line, self._size = [], 0

    def _note(self, line: bytes) -> None:
        self._found.append(line)
        if self.missed:
            self.missed = self._last() != [line]
        if len(self._found) == CANDIDATES:
            self._found = self._last()

    def _last(self) -> list[bytes]:
        for line in reversed(self._found):
            if isinstance(_json(line.decode("utf-8", "replace")), dict):
                return [line]
        return []


_OBJECTS = re.compile(rb"^[ \t]*\{[^\n]*\}[ \t\r]*$", re.MULTILINE)


class Attempt:
    """
    One command in a process group of its own, from start to record.

    `over` is the reason when its result has more bytes than `limit`.
    """

    def __init__(
        self,
        request: Mapping[str, Any],
        log: Log | Forwarded,
        limit: int = RESULT_LIMIT,
        over: str = "bad-result",
    ) -> None:
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
        self._log = log
        self._limit, self._over = limit, over
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
        result, kind, fault = self._result()
        why = self.why or (kind if fault and code == 0 else "exit")
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

    def _result(self) -> tuple[str | None, str, str]:
        """Return the result's text, or the kind of fault and the fault that a result has."""
        over = f"its result is larger than {self._limit >> 20} MiB"
        try:
            text = _contents(f"{self.folder}/result.json", self._limit)
        except FileNotFoundError:
            return self._printed(over)
        except (OSError, ValueError) as error:
            return None, "bad-result", f"its result can't be read: {error}"
        if text is None:
            return None, self._over, over
        if not isinstance(_json(text), dict):
            return None, "bad-result", "its result is not a JSON object"
        return text, "", ""

    def _printed(self, over: str) -> tuple[str | None, str, str]:
        text = self._object.text()
        if self._object.missed and self._limit <= LINE_LIMIT:
            return None, self._over, over
        if text and len(text.encode()) > self._limit:  # broken UTF-8 takes more when mended
            return None, self._over, over
        return text, "", ""


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
            do = request["do"]
            if do == "run" and self._stopping:
                self._unbegun(request, "stopped")
            elif do == "run":
                self._queue.append(request)
            elif do == "cancel":
                self._cancel(request["key"])
            elif do == "stop":
                self._stop(request["grace"])
        if not data:  # the driver is gone
            self._selector.unregister(self._requests)
            self._stop(ORPHAN_GRACE)

    def _start(self, request: dict[str, Any]) -> None:
        attempt = Attempt(request, Log(request["log"]))
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
            attempt.start(request["argv"], {**self._environment, **env})
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
                gone.append((attempt, _code(status)))
        return gone

    def _unbegun(self, request: dict[str, Any], why: str) -> None:
        times = {"at": time.time(), "started": None}
        record = {"code": None, "why": why, "detail": "", "result": None}
        self._write({"key": request["key"], "event": "ended", **times, **record})

    def silence(self, fd: int) -> None:
        if fd in self._selector.get_map():
            self._selector.unregister(fd)

    def _ended(self, attempt: Attempt, record: dict[str, Any]) -> None:
        self._folders.give_back(attempt.folder)
        times = {"at": time.time(), "started": attempt.started or None}
        self._write({"key": attempt.key, "event": "ended", **times, **record})

    def _write(self, line: dict[str, Any]) -> None:
        _write(self._journal, json.dumps(line).encode() + b"\n")
        self._news = True


def _reader(agent: Agent, attempt: Attempt, fd: int, stream: bytes) -> Any:
    def read() -> None:
        if attempt.read(fd, stream) == 0:
            agent.silence(fd)

    return read


class Forwarded:
    """
    What an attempt printed, passed on as it comes to our own stdout and stderr.

    Beyond the budget the middle is left out, with a line that says so: a log that the kubelet
    has to rotate is served without its beginning, or without the record at its end.
    """

    def __init__(self, head: int = POD_LOG_HEAD, tail: int = POD_LOG_TAIL) -> None:
        self.fault = ""
        self._room = head
        self._tail: deque[tuple[bytes, bytes]] = deque()
        self._tail_size, self._tail_limit = 0, tail
        self._omitted = 0
        self._ends = {b"stdout": b"\n", b"stderr": b"\n"}  # the last byte of each

    def write(self, stream: bytes, data: bytes) -> None:
        cost = _kept(data)
        if cost <= self._room:
            self._room -= cost
            self.say(stream, data)
            return
        for at in range(0, len(data), PIECE // 2):
            self._add(stream, data[at : at + PIECE // 2])

    def close(self) -> None:
        if self._omitted:
            self._skip_torn()
            note = b"... %d bytes of the log left out ...\n" % self._omitted
            self.end_lines()
            self.say(b"stderr", note)
        for stream, data in self._tail:
            self.say(stream, data)

    def end_lines(self) -> None:
        """Let nothing that comes next stand in a line of the attempt's."""
        for stream, end in self._ends.items():
            if end != b"\n":
                self.say(stream, b"\n")

    def _add(self, stream: bytes, data: bytes) -> None:
        cost = _kept(data)
        if not self._tail and cost <= self._room:
            self._room -= cost
            self.say(stream, data)
            return
        self._room = 0
        self._tail.append((stream, data))
        self._tail_size += cost
        while self._tail_size > self._tail_limit:
            _, gone = self._tail.popleft()
            self._tail_size -= _kept(gone)
            self._omitted += len(gone)

    def _skip_torn(self) -> None:
        """Let what is kept of the end begin with a whole line."""
        if self._tail:
            stream, data = self._tail.popleft()
            torn, newline, rest = data.partition(b"\n")
            if newline:
                self._omitted += len(torn) + 1
                data = rest
            self._tail.appendleft((stream, data))

    def say(self, stream: bytes, data: bytes) -> None:
        if self.fault or not data:
            return
        try:
            _write(1 if stream == b"stdout" else 2, data)
            self._ends[stream] = data[-1:]
        except OSError as error:  # whoever read it is gone: that ends the log, not the attempt
            self.fault = f"log cut short: {error.strerror}"


def _kept(data: bytes) -> int:
    """Return what output takes in a container's log."""
    return len(data) + STAMP * (data.count(b"\n") + len(data) // PIECE + 1)


class Unfit(Exception):
    """There is no attempt to be made here: `why`, as in a record, and what is in the way."""

    def __init__(self, why: str, detail: str) -> None:
        super().__init__(detail)
        self.why = why


class Signals:
    """
    What asks a pod to end, noted; `fd` is readable when something has happened.

    The first process of a container is sent no signal that it doesn't handle, so this is made
    before all else. An image may say which one stands for SIGTERM.
    """

    def __init__(self) -> None:
        self.asked = False
        self.fd, told = os.pipe()
        for fd in (self.fd, told):
            os.set_blocking(fd, False)
        signal.set_wakeup_fd(told, warn_on_full_buffer=False)
        signal.signal(signal.SIGCHLD, lambda *_: None)
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGQUIT):
            signal.signal(number, self._note)

    def _note(self, *_: object) -> None:
        self.asked = True

    def heard(self) -> None:
        with contextlib.suppress(BlockingIOError):
            os.read(self.fd, CHUNK)

    def sleep(self, seconds: float) -> None:
        """Wait; `Unfit` when the pod is to end meanwhile."""
        if not self.asked:
            select.select([self.fd], [], [], seconds)
            self.heard()
        if self.asked:
            raise Unfit("sigterm", "its pod was asked to end before it began")


class Place:
    """
    Where a pod has what an attempt needs, as its environment says.

    KT_PLAN     folder of NNN.jsonl.gz: the orders, one a line, counted over all of them
    KT_LINE     the number of the attempt's order, from 0; else JOB_COMPLETION_INDEX
    KT_ATTEMPT  the attempt's number; else the order's `attempt`, or 1. To it are added
    KT_FAILURES, KT_IGNORED   how often this index of an Indexed Job has failed before
    KT_BUNDLE   folder of part-NNN: a tar.gz in pieces; KT_BUNDLE_SHA what it must hash to
    KT_WORK     a writable folder: `files` and `lib` of the bundle, and the attempt's own
    KT_CWD      where in `files` the command begins
    KT_ROOT     where the bundle's `abs` goes
    KT_GRACE    seconds between SIGTERM and SIGKILL
    KT_MESSAGE  the file for the termination message
    KT_NONCE    what tells lines of the record from what an attempt prints
    KT_EVENTS   the cgroup's memory.events
    KT_WAIT     seconds until what is not there is not coming
    """

    def __init__(self, env: Mapping[str, str]) -> None:
        self.env = env
        self.nonce = env.get("KT_NONCE") or "-"
        self.message = env.get("KT_MESSAGE", "")
        self.work = env.get("KT_WORK", "/kt/work")
        self.root = env.get("KT_ROOT", "/")
        self.files, self.lib = f"{self.work}/files", f"{self.work}/lib"
        self.folder = f"{self.work}/attempt"
        self.attempt = 0  # not known yet

    def number(self, name: str, default: float) -> float:
        text = self.env.get(name, "")
        try:
            return float(text) if text else default
        except ValueError:
            raise Unfit("setup", f"{name} is {text!r}, which is no number") from None

    def order(self, signals: Signals) -> dict[str, Any]:
        """Return what to run; from here on the attempt's number is known."""
        before = int(self.number("KT_FAILURES", 0) + self.number("KT_IGNORED", 0))
        first = int(self.number("KT_ATTEMPT", 0))
        self.attempt = first and first + before
        folder = self.env.get("KT_PLAN", "")
        line = int(self.number("KT_LINE", self.number("JOB_COMPLETION_INDEX", -1)))
        if line < 0:
            raise Unfit("setup", "neither KT_LINE nor JOB_COMPLETION_INDEX says which trial it is")
        order: dict[str, Any] = self._awaited(lambda: _order(folder, line), signals)
        self.attempt = (first or int(order.get("attempt", 1))) + before
        return order

    def unpack(self, signals: Signals) -> None:
        """Lay out the bundle, if there is to be one."""
        os.makedirs(self.files, exist_ok=True)
        if folder := self.env.get("KT_BUNDLE"):
            sha = self.env.get("KT_BUNDLE_SHA", "")
            data = self._awaited(lambda: _bundle(folder, sha), signals)
            _unpack(data, {"code": self.files, "lib": self.lib, "abs": self.root})

    def cwd(self) -> str:
        path = self.env.get("KT_CWD", "")
        if path.startswith("/") or ".." in path.split("/"):
            raise Unfit("setup", f"KT_CWD is {path!r}, which is not below {self.files}")
        os.makedirs(os.path.join(self.files, path), exist_ok=True)
        return os.path.join(self.files, path)

    def environment(self, given: Mapping[str, str]) -> dict[str, str]:
        """Return what the command is to see: the pod's variables but ours, and its order's."""
        env = {k: v for k, v in self.env.items() if not k.startswith("KT_")}
        env.update(given)
        if os.path.isdir(self.lib):
            env["PYTHONPATH"] = os.pathsep.join(filter(None, (self.lib, env.get("PYTHONPATH"))))
        # Where these can't be written to, programs fail, or leave things among the trial's files.
        for name, usual, ours in (("HOME", "", "home"), ("TMPDIR", "/tmp", "tmp")):
            if name not in given and not _is_writable(env.get(name, usual)):
                env[name] = f"{self.work}/{ours}"
                os.makedirs(env[name], exist_ok=True)
        return env

    def ooms(self) -> int:
        """How many processes of the container the kernel has killed for want of memory."""
        path = self.env.get("KT_EVENTS", "/sys/fs/cgroup/memory.events")
        with contextlib.suppress(OSError, ValueError), open(path, encoding="ascii") as file:
            for line in file:
                if line.startswith("oom_kill "):
                    return int(line.split()[1])
        return 0

    def _awaited(self, look: Callable[[], Any], signals: Signals) -> Any:
        """Look until what is sought is there: volumes may be late."""
        deadline = time.monotonic() + self.number("KT_WAIT", PATIENCE)
        while True:
            try:
                return look()
            except Unfit:
                if time.monotonic() >= deadline:
                    raise
            signals.sleep(LOOK_EVERY)


def _is_writable(folder: str) -> bool:
    return os.path.isdir(folder) and os.access(folder, os.W_OK | os.X_OK)


def _order(folder: str, line: int) -> dict[str, Any]:
    """Return one line of a plan; what comes before it is read, and not kept."""
    import gzip

    names = sorted(_names(folder, "", ".jsonl.gz"), key=lambda name: (len(name), name))
    if not names:
        raise Unfit("machine", f"there is no plan in {folder or 'KT_PLAN'}")
    try:
        left = line
        for name in names:
            with gzip.open(f"{folder}/{name}", "rb") as file:
                for text in file:
                    if not left:
                        return _checked(text, line)
                    left -= 1
    except (OSError, EOFError, zlib.error) as error:
        raise Unfit("setup", f"the plan in {folder} can't be read: {error}") from error
    raise Unfit("setup", f"the plan in {folder} has no line {line}: it has {line - left}")


def _checked(text: bytes, line: int) -> dict[str, Any]:
    order: dict[str, Any] = _json(text.decode("utf-8", "replace"))
    try:
        words, env, timeout = order["argv"], order["env"], order["timeout"]
        sound = words and all(isinstance(word, str) for word in [*words, *env, *env.values()])
        sound = sound and isinstance(order["line"]["config"], dict)
        if sound and (timeout is None or timeout >= 0):
            return order
    except (KeyError, TypeError, AttributeError):
        pass
    raise Unfit("setup", f"line {line} of the plan is not an order")


def _names(folder: str, start: str, end: str) -> list[str]:
    """Return a folder's names of one kind; what begins with a dot is the kubelet's own."""
    try:
        names = os.listdir(folder)
    except OSError:
        return []
    return [n for n in names if n.startswith(start) and n.endswith(end) and not n.startswith(".")]


def _bundle(folder: str, sha: str) -> bytes:
    import hashlib

    names = sorted(_names(folder, "part-", ""), key=lambda name: (len(name), name))
    if not names:
        raise Unfit("machine", f"there is no code in {folder}")
    parts = []
    for name in names:
        with open(f"{folder}/{name}", "rb") as file:
            parts.append(file.read())
    data = b"".join(parts)
    if not hashlib.sha256(data).hexdigest().startswith(sha):
        raise Unfit("setup", f"the code in {folder} is not what was sent: its sha256 differs")
    return data


def _unpack(data: bytes, places: Mapping[str, str]) -> None:
    """Write a bundle's members: files and folders, each below its own place, and nothing else."""
    import gzip
    import io
    import tarfile

    try:
        whole = gzip.GzipFile(fileobj=io.BytesIO(data))
        with whole, tarfile.open(fileobj=whole, mode="r|") as tar:
            for member in tar:
                path = _target(member.name, places)
                if member.isdir():
                    os.makedirs(path, exist_ok=True)
                elif member.isreg():
                    _extract(tar.extractfile(member), path, 0o755 if member.mode & 0o111 else 0o644)
                else:
                    raise Unfit("setup", f"the bundle holds a link or a device: {member.name!r}")
            while whole.read(CHUNK):  # its checksum comes last
                pass
    except (tarfile.TarError, gzip.BadGzipFile, EOFError, zlib.error) as error:
        raise Unfit("setup", f"the bundle can't be unpacked: {error}") from error


def _target(name: str, places: Mapping[str, str]) -> str:
    top, *below = name.split("/")
    if top not in places or "\0" in name or {"", ".", ".."}.intersection(below):
        raise Unfit("setup", f"the bundle holds a file that belongs nowhere: {name!r}")
    return os.path.join(places[top], *below)


def _extract(file: Any, path: str, mode: int) -> None:
    os.makedirs(os.path.dirname(path), exist_ok=True)
    fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW, 0o600)
    with open(fd, "wb") as out:
        shutil.copyfileobj(file, out)
        os.fchmod(fd, mode)


def pod(env: Mapping[str, str]) -> NoReturn:
    """Make the attempt that a pod is for, leave its record, and end as it did."""
    signals = Signals()
    for name in POD_MODULES:
        __import__(name)
    place, log = Place(env), Forwarded()
    try:
        record = _attempted(place, log, signals)
    except Unfit as error:
        record = _unbegun(error.why, str(error))
    except OSError as error:
        what = os.fsdecode(error.filename) if error.filename else ""
        detail = ": ".join(filter(None, (what, error.strerror or str(error))))
        record = _unbegun("machine" if error.errno in SHORTAGES + FULL else "setup", detail)
    except Exception as error:  # a bug of ours: a pod without a record would say nothing of it
        record = _unbegun("machine", f"the agent failed: {error!r}")
    if record["started"] is None:
        line = f"kubectl-tune: the trial did not begin: {record['detail']}\n"
        log.say(b"stderr", line.encode("utf-8", "backslashreplace"))
    told = tell(record, place, log)
    os._exit(exit_code(record) if told else NO_ATTEMPT)


def _unbegun(why: str, detail: str) -> dict[str, Any]:
    code = NO_ATTEMPT if why in ("machine", "setup") else None
    times = {"started": None, "at": time.time()}
    return {"code": code, "why": why, "detail": detail, "result": None, **times}


def _attempted(place: Place, log: Forwarded, signals: Signals) -> dict[str, Any]:
    order = place.order(signals)
    place.unpack(signals)
    os.chdir(place.cwd())
    given = {k: _filled(v, place) for k, v in order["env"].items()}
    env = place.environment(given)
    attempt = _prepared(order, place, log)
    ooms = place.ooms()
    signals.sleep(0)
    try:
        encoded = {os.fsencode(_native(k)): os.fsencode(_native(v)) for k, v in env.items()}
        attempt.start([_native(word) for word in _argv(order, place)], encoded)
    except (OSError, ValueError) as error:
        shortage = getattr(error, "errno", None) in SHORTAGES
        record = attempt.refused(error, "machine" if shortage else "exit")
        code = NO_ATTEMPT if shortage else record["code"]
        return {**record, "code": code, "started": None, "at": time.time()}
    try:
        code = _watched(attempt, signals)
        at = time.time()
        record = attempt.record(code)
    except BaseException:  # whatever it is, nothing that was started outlives us
        attempt.signal(signal.SIGKILL)
        raise
    return {**_blamed(record, place.ooms() - ooms), "started": attempt.started, "at": at}


def _prepared(order: Mapping[str, Any], place: Place, log: Forwarded) -> Attempt:
    try:
        os.mkdir(place.folder, 0o700)
    except FileExistsError:
        raise Unfit("begun", "its container had begun it before") from None
    attempt = Attempt(
        {
            "key": "pod",
            "grace": place.number("KT_GRACE", 0.0),
            "timeout": order["timeout"],
            "folder": place.folder,
        },
        log,
        POD_RESULT_LIMIT,
        "too-large",
    )
    attempt.prepare(json.dumps(order["line"]["config"]))
    return attempt


def _filled(text: str, place: Place) -> str:
    return text.replace("\0attempt\0", str(place.attempt)).replace("\0folder\0", place.folder)


def _argv(order: Mapping[str, Any], place: Place) -> list[str]:
    program, *words = order["argv"]
    if program == "\0python\0":
        if not sys.executable:
            raise Unfit("setup", "the agent doesn't know its own interpreter")
        program = sys.executable
    return [_filled(word, place) for word in [program, *words]]


def _native(text: str) -> str:
    """Return a text that reaches the command as UTF-8, whatever this interpreter thinks of it."""
    return os.fsdecode(text.encode("utf-8", "surrogateescape"))


def _watched(attempt: Attempt, signals: Signals) -> int:
    """Pass on what an attempt prints until it has ended; return its exit code."""
    with selectors.DefaultSelector() as selector:
        selector.register(signals.fd, selectors.EVENT_READ)
        for fd, stream in attempt.streams:
            selector.register(fd, selectors.EVENT_READ, stream)
        while True:
            patience = None
            if attempt.kill_at is not None:
                patience = max(0.0, attempt.kill_at - time.monotonic())
            # Of what has come at once, what was printed before what was complained of.
            for key, _ in sorted(selector.select(patience), key=lambda each: each[0].fd):
                if key.fd == signals.fd:
                    signals.heard()
                elif attempt.read(key.fd, key.data) == 0:
                    selector.unregister(key.fd)
            if (code := _reaped(attempt.pid)) is not None:
                return code
            if signals.asked:
                attempt.end("sigterm", attempt.grace)
            attempt.tick(time.monotonic())


def _reaped(pid: int) -> int | None:
    """Reap all that has ended, other people's orphans too; return the exit code of one."""
    code = None
    while True:
        try:
            ended, status = os.waitpid(-1, os.WNOHANG)
        except ChildProcessError:
            return code
        if not ended:
            return code
        if ended == pid:
            code = _code(status)


def _blamed(record: dict[str, Any], ooms: int) -> dict[str, Any]:
    """Say of a command that failed when the kernel had its hand in it."""
    if ooms <= 0 or record["why"] != "exit" or record["code"] == 0:
        return record
    said = f"the kernel killed {ooms} of its processes for want of memory"
    why = "oom" if record["code"] == 128 + signal.SIGKILL else "exit"
    return {**record, "why": why, "detail": "; ".join(filter(None, (said, record["detail"])))}


def exit_code(record: Mapping[str, Any]) -> int:
    """Return a pod's exit code; 0 is a success."""
    why, code = record["why"], record["code"]
    if why == "timeout":
        return TIMED_OUT
    if why == "sigterm":
        return 128 + signal.SIGTERM
    if why in ("bad-result", "too-large"):
        return NO_RESULT
    return NO_ATTEMPT if code is None else int(code)


def tell(record: Mapping[str, Any], place: Place, log: Forwarded) -> bool:
    """Leave the record for those who ask for it; return whether all of it is there."""
    text, whole = message(record, place.attempt)
    try:
        fd = os.open(place.message, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o644)
    except OSError:
        fd = -1
    printed = not (whole and fd >= 0) and _print(record, place, log)
    written = fd >= 0 and _written(fd, text)
    if not written and not printed:
        printed = _print(record, place, log)
    return printed or (whole and written)


def _print(record: Mapping[str, Any], place: Place, log: Forwarded) -> bool:
    log.end_lines()
    return all(_written(1, line) for line in block(record, place.attempt, place.nonce))


def _written(fd: int, data: bytes) -> bool:
    try:
        _write(fd, data)
    except OSError:
        return False
    return True


def message(record: Mapping[str, Any], attempt: int) -> tuple[bytes, bool]:
    """Return a record as a termination message, and whether the result is in it."""
    import base64
    import gzip

    head, result = _head(record, attempt), record["result"]
    head["detail"] = head["detail"][:DETAIL_LIMIT]
    while len(_ascii({**head, "gz": ""})) > MESSAGE_LIMIT:
        head["detail"] = head["detail"][: len(head["detail"]) // 2]
    if result is None:
        return _ascii({**head, "gz": ""}), True
    packed = base64.b64encode(gzip.compress(result.encode(), 9, mtime=0)).decode()
    text = _ascii({**head, "gz": packed})
    if len(text) <= MESSAGE_LIMIT:
        return text, True
    return _ascii({**head, "gz": ""}), False


def block(record: Mapping[str, Any], attempt: int, nonce: str) -> Iterator[bytes]:
    """Yield a record as lines of a log, each short enough to be written in one piece."""
    import base64
    import gzip
    import hashlib

    text = _ascii(_head(record, attempt)) + b"\n" + (record["result"] or "").encode()
    gz = gzip.compress(text, 6, mtime=0)
    packed, sha = base64.b64encode(gz), hashlib.sha256(text).hexdigest()
    pieces = [packed[at : at + PAYLOAD] for at in range(0, len(packed), PAYLOAD)]
    mark = f"@@KT1 {nonce}"
    begin = f"{mark} B {attempt} {len(pieces)} {len(text)} {len(gz)} {sha} gz+b64\n"
    yield begin.encode()
    for number, piece in enumerate(pieces):
        yield f"{mark} C {number} {zlib.crc32(piece):08x} ".encode() + piece + b"\n"
    yield f"{mark} E {sha}\n".encode()


def _head(record: Mapping[str, Any], attempt: int) -> dict[str, Any]:
    """Return all of a record but its result."""
    import hashlib

    result = None if record["result"] is None else record["result"].encode()
    return {
        "kt": 1,
        "a": attempt,
        **{key: record[key] for key in ("code", "why", "detail", "started", "at")},
        "sha": "" if result is None else hashlib.sha256(result).hexdigest(),
        "size": 0 if result is None else len(result),
    }


def _ascii(value: Any) -> bytes:
    return json.dumps(value, separators=(",", ":")).encode("ascii")


def _write(fd: int, data: bytes) -> None:
    view = memoryview(data)
    while view:
        view = view[os.write(fd, view) :]


@functools.lru_cache(maxsize=None)  # noqa: UP033 - in 3.8 there is no other
def _program(name: str, path: bytes) -> bytes:
    """Find a command as a shell does; raise FileNotFoundError when there is none."""
    if os.sep in name:
        return os.fsencode(name)
    found = shutil.which(name, path=os.fsdecode(path))
    if found is None:
        raise FileNotFoundError(errno.ENOENT, "no such command", name)
    return os.fsencode(found)


def _code(status: int) -> int:
    """Return an exit code as a shell has it."""
    return 128 + os.WTERMSIG(status) if os.WIFSIGNALED(status) else os.WEXITSTATUS(status)


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
    if argv == ["pod"]:
        pod(os.environ)
    journal = int(argv[0])
    os.set_inheritable(journal, False)  # the lock is the agent's, not its trials'
    Agent(journal, int(argv[1]), sys.stdin.fileno(), sys.stdout.fileno()).run()


if __name__ == "__main__":
    main(sys.argv[1:])
