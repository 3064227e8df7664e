#!/usr/bin/env python3
"""
A real one-node Kubernetes on this machine, for tests: `machine.py up | down`.

etcd, the control plane and a kubelet come from their Go modules, as one program (see `kube/`);
containerd and runc are Debian's; the only images are made here. The first `up` builds all that
and takes about ten minutes; what is built is kept in the cache folder, and then it takes seconds.
Needs root, Go, kubectl and apt. Everything listens on 127.0.0.1. `up` prints the path of a
kubeconfig: context `admin` may do everything, context `user` nothing until it is bound.

Its rule: what runs already is left alone, and only what was started here is ended.
"""

from __future__ import annotations

import hashlib
import io
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tarfile
import time
from collections.abc import Callable
from pathlib import Path

HERE = Path(__file__).resolve().parent
CACHE = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
HOME = Path(os.environ.get("CLUSTER_DIR") or CACHE / "kubectl-tune-cluster")
KUBE = HOME / "bin" / "kube"
KUBECONFIG = HOME / "kubeconfig"
SOCKET = HOME / "containerd" / "containerd.sock"
VERSION = "v1.34.4"
PORTS = (2379, 6443, 10250)
PACKAGES = (
    "containerd", "runc", "containernetworking-plugins", "busybox-static", "mmdebstrap",
    "iptables", "conntrack",
)  # fmt: skip
PAUSE = "kubectl-tune.test/pause:1"
# Requests a second of each controller. The stock 20 bounds how fast Jobs come and go: tests
# would wait for nothing else.
QPS = int(os.environ.get("CONTROLLER_QPS", "100"))


class Trouble(Exception):
    pass


# Processes


def start(name: str, *command: str | Path) -> None:
    """Start a part in the background, with a log and its process id beside it."""
    with (HOME / "log" / f"{name}.log").open("wb") as log:
        process = subprocess.Popen(
            [str(word) for word in command], stdin=subprocess.DEVNULL, stdout=log, stderr=log,
            cwd=HOME, start_new_session=True,
        )  # fmt: skip
    pid_file(name).write_text(str(process.pid))
    process.returncode = 0  # it outlives us: nobody waits for it


def pid_file(name: str) -> Path:
    return HOME / "run" / f"{name}.pid"


def pid_of(name: str) -> int | None:
    """Return the process that was started here under a name, if it still runs."""
    try:
        pid = int(pid_file(name).read_text())
        words = Path(f"/proc/{pid}/cmdline").read_bytes().decode().split("\0")
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except (OSError, ValueError):
        return None
    return pid if state != "Z" and any(name in word for word in words) else None


def stop(name: str, number: signal.Signals = signal.SIGTERM) -> None:
    if pid := pid_of(name):
        os.kill(pid, number)
        for _ in range(100):
            if not pid_of(name):
                break
            time.sleep(0.1)
    pid_file(name).unlink(missing_ok=True)


def until(what: str, seconds: float, ask: Callable[[], bool]) -> None:
    deadline = time.monotonic() + seconds
    while not ask():
        if time.monotonic() > deadline:
            raise Trouble(f"{what} was not ready in {seconds:g} s; see {HOME / 'log'}")
        time.sleep(0.2)


def succeeds(*command: str | Path) -> bool:
    words = [str(word) for word in command]
    environment = os.environ | {"KUBECONFIG": str(KUBECONFIG)}
    return subprocess.run(words, capture_output=True, env=environment, check=False).returncode == 0


def run(*command: str | Path, cwd: Path | None = None) -> None:
    environment = os.environ | {
        "DEBIAN_FRONTEND": "noninteractive",
        "KUBECONFIG": str(KUBECONFIG),
    }
    done = subprocess.run(
        [str(word) for word in command], cwd=cwd, env=environment, capture_output=True, check=False
    )
    if done.returncode:
        said = (done.stderr or done.stdout).decode(errors="replace").strip()[-2000:]
        raise Trouble(f"{' '.join(map(str, command))} failed:\n{said}")


def kubectl(*words: str) -> bool:
    return succeeds("kubectl", *words)


def is_free(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


# What is built once


def check() -> None:
    if os.geteuid() != 0:
        raise Trouble("needs root, for containerd and the kubelet")
    for tool in ("go", "kubectl", "openssl"):
        if not shutil.which(tool):
            raise Trouble(f"{tool} is not installed")
    for port in PORTS:
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                raise Trouble(f"port {port} is taken by another program")


def build() -> None:
    there = shutil.which("containerd") and shutil.which("mmdebstrap")
    if not there or not Path("/usr/lib/cni/ptp").exists():
        run("apt-get", "update", "-qq")
        run("apt-get", "install", "-y", "-qq", *PACKAGES)
    if not KUBE.exists():
        flags = f"-s -w -X k8s.io/component-base/version.gitVersion={VERSION}"
        run("go", "build", "-ldflags", flags, "-o", f"{KUBE}.new", ".", cwd=HERE / "kube")
        Path(f"{KUBE}.new").rename(KUBE)
    if not (HOME / "images" / "pause.tar").exists():
        build_pause()
    if not (HOME / "images" / "python.tar").exists():
        build_python()


def build_pause() -> None:
    layer = io.BytesIO()
    with tarfile.open(fileobj=layer, mode="w") as tar:
        tar.add("/bin/busybox", "bin/busybox")
        link = tarfile.TarInfo("bin/sleep")
        link.type, link.linkname = tarfile.SYMTYPE, "busybox"
        tar.addfile(link)
    pack(HOME / "images" / "pause.tar", layer.getvalue(), PAUSE, ["/bin/sleep", "2147483647"])


def build_python() -> None:
    """The stock image's stand-in: Debian 12, whose Python is 3.11."""
    layer = HOME / "python-layer.tar"
    link = 'ln -s python3 "$1/usr/bin/python"'
    run(
        "mmdebstrap", "--quiet", "--variant=apt", "--include=python3",
        f"--customize-hook={link}", "bookworm", layer,
    )  # fmt: skip
    pack(HOME / "images" / "python.tar", layer.read_bytes(), "python:3.11", ["python3"])
    layer.unlink()


def pack(archive: Path, layer: bytes, name: str, command: list[str]) -> None:
    """Make an image of one layer, as `docker save` would write it."""
    digest = hashlib.sha256(layer).hexdigest()
    config = json.dumps(
        {
            "architecture": "amd64",
            "os": "linux",
            "config": {"Cmd": command, "Env": ["PATH=/usr/local/bin:/usr/bin:/bin"]},
            "rootfs": {"type": "layers", "diff_ids": [f"sha256:{digest}"]},
        }
    ).encode()
    config_file, layer_file = f"{hashlib.sha256(config).hexdigest()}.json", f"{digest}/layer.tar"
    about = [{"Config": config_file, "RepoTags": [name], "Layers": [layer_file]}]
    members = {config_file: config, layer_file: layer, "manifest.json": json.dumps(about).encode()}
    draft = archive.with_suffix(".new")
    with tarfile.open(draft, "w") as tar:
        for member, data in members.items():
            info = tarfile.TarInfo(member)
            info.size = len(data)
            tar.addfile(info, io.BytesIO(data))
    draft.rename(archive)


# How it is set up


def configure() -> None:
    key, public = HOME / "service-account.key", HOME / "service-account.pub"
    if not key.exists():
        run("openssl", "genrsa", "-out", key, "2048")
        run("openssl", "rsa", "-in", key, "-pubout", "-out", public)
    write("tokens.csv", 'admin-token,admin,admin,"system:masters"\nuser-token,user,user\n')
    users = {name: {"token": f"{name}-token"} for name in ("admin", "user")}
    server = {"server": "https://127.0.0.1:6443", "insecure-skip-tls-verify": True}
    write(
        "kubeconfig",
        {
            "apiVersion": "v1",
            "kind": "Config",
            "clusters": [{"name": "test", "cluster": server}],
            "users": [{"name": name, "user": user} for name, user in users.items()],
            "contexts": [
                {"name": name, "context": {"cluster": "test", "user": name}} for name in users
            ],
            "current-context": "admin",
        },
    )
    # restrict_oom_score_adj: a machine may not let runc lower it.
    write(
        "containerd.toml",
        f"""version = 2
root = "{HOME}/containerd/root"
state = "{HOME}/containerd/state"
[grpc]
  address = "{SOCKET}"
[plugins."io.containerd.grpc.v1.cri"]
  sandbox_image = "{PAUSE}"
  restrict_oom_score_adj = true
  [plugins."io.containerd.grpc.v1.cri".cni]
    bin_dir = "/usr/lib/cni"
    conf_dir = "{HOME}/cni"
""",
    )
    addresses = {"type": "host-local", "ranges": [[{"subnet": "10.88.0.0/16"}]]}
    plugins = [{"type": "ptp", "ipMasq": False, "ipam": addresses}, {"type": "loopback"}]
    write("cni/10-test.conflist", {"cniVersion": "0.4.0", "name": "test", "plugins": plugins})
    write("kubelet.yaml", KUBELET)


KUBELET = {
    "apiVersion": "kubelet.config.k8s.io/v1beta1",
    "kind": "KubeletConfiguration",
    "address": "127.0.0.1",
    "authentication": {"anonymous": {"enabled": True}, "webhook": {"enabled": False}},
    "authorization": {"mode": "AlwaysAllow"},
    "cgroupDriver": "cgroupfs",
    "clusterDNS": ["10.96.0.10"],
    "clusterDomain": "cluster.local",
    "containerRuntimeEndpoint": f"unix://{SOCKET}",
    "enforceNodeAllocatable": [],
    "evictionHard": {
        "memory.available": "1Mi", "nodefs.available": "1%", "imagefs.available": "1%",
        "nodefs.inodesFree": "1%",
    },
    "failCgroupV1": False,
    "failSwapOn": False,
    "imageGCHighThresholdPercent": 100,
    "localStorageCapacityIsolation": False,
    "maxPods": 200,
}  # fmt: skip


def write(name: str, content: object) -> None:
    # JSON is YAML.
    text = content if isinstance(content, str) else json.dumps(content, indent=1)
    (HOME / name).write_text(text)


# Up and down


def is_up() -> bool:
    return bool(pid_of("kube-apiserver") and pid_of("kubelet")) and kubectl(
        "get", "--raw", "/readyz"
    )


def up() -> None:
    for folder in ("bin", "run", "log", "images", "cni", "containerd"):
        (HOME / folder).mkdir(parents=True, exist_ok=True)
    if is_up():
        return
    down()
    check()
    build()
    configure()
    start("containerd", "containerd", "-c", HOME / "containerd.toml")
    until("containerd", 30, lambda: succeeds("ctr", "-a", SOCKET, "version"))
    for image in ("pause", "python"):
        run(
            "ctr",
            "-a",
            SOCKET,
            "-n",
            "k8s.io",
            "images",
            "import",
            HOME / "images" / f"{image}.tar",
        )
    start(
        "etcd", KUBE, "etcd", "--data-dir", HOME / "etcd", "--unsafe-no-fsync",
        "--listen-client-urls=http://127.0.0.1:2379",
        "--advertise-client-urls=http://127.0.0.1:2379",
        "--listen-peer-urls=http://127.0.0.1:2380",
    )  # fmt: skip
    start_apiserver()
    start(
        "kube-controller-manager", KUBE, "kube-controller-manager", f"--kubeconfig={KUBECONFIG}",
        "--bind-address=127.0.0.1", "--leader-elect=false",
        f"--service-account-private-key-file={HOME}/service-account.key",
        f"--kube-api-qps={QPS}", f"--kube-api-burst={QPS * 3 // 2}",
    )  # fmt: skip
    start(
        "kube-scheduler", KUBE, "kube-scheduler", f"--kubeconfig={KUBECONFIG}",
        "--bind-address=127.0.0.1", "--leader-elect=false",
        "--kube-api-qps=1000", "--kube-api-burst=1000",
    )  # fmt: skip
    # The address of a node may be a loopback one only where a cloud provider says so: claim
    # that there is one, and do what it would.
    start(
        "kubelet", KUBE, "kubelet", f"--config={HOME}/kubelet.yaml", f"--kubeconfig={KUBECONFIG}",
        f"--root-dir={HOME}/kubelet", "--hostname-override=node1", "--cloud-provider=external",
    )  # fmt: skip
    until("the node", 60, lambda: kubectl("get", "node", "node1"))
    kubectl("taint", "node", "node1", "node.cloudprovider.kubernetes.io/uninitialized-")
    kinds = {"InternalIP": "127.0.0.1", "Hostname": "node1"}
    addresses = [{"type": kind, "address": address} for kind, address in kinds.items()]
    patch = json.dumps({"status": {"addresses": addresses}})
    run("kubectl", "patch", "node", "node1", "--subresource=status", "--type=merge", "-p", patch)
    ready = "jsonpath={.status.conditions[?(@.type=='Ready')].status}"
    until("the node", 60, lambda: said("get", "node", "node1", "-o", ready) == "True")
    until("a service account", 60, lambda: kubectl("get", "serviceaccount", "default"))


def start_apiserver() -> None:
    # One that was killed may hold its port for a moment longer.
    until("port 6443", 30, lambda: is_free(6443))
    start(
        "kube-apiserver", KUBE, "kube-apiserver", "--etcd-servers=http://127.0.0.1:2379",
        "--bind-address=127.0.0.1", "--advertise-address=127.0.0.1", "--secure-port=6443",
        f"--cert-dir={HOME}/certificates", f"--token-auth-file={HOME}/tokens.csv",
        "--authorization-mode=RBAC", "--service-account-issuer=https://kubernetes.default.svc",
        f"--service-account-key-file={HOME}/service-account.pub",
        f"--service-account-signing-key-file={HOME}/service-account.key",
        "--service-cluster-ip-range=10.96.0.0/16", "--endpoint-reconciler-type=none",
        "--kubelet-preferred-address-types=InternalIP",
    )  # fmt: skip
    until("kube-apiserver", 90, lambda: kubectl("get", "--raw", "/readyz"))


def said(*words: str) -> str:
    environment = os.environ | {"KUBECONFIG": str(KUBECONFIG)}
    done = subprocess.run(["kubectl", *words], capture_output=True, env=environment, check=False)
    return done.stdout.decode().strip()


def down() -> None:
    if is_up():
        kubectl("delete", "jobs,pods", "--all", "--all-namespaces", "--timeout=60s")
    for name in (
        "kubelet", "kube-scheduler", "kube-controller-manager", "kube-apiserver", "etcd",
    ):  # fmt: skip
        stop(name)
    if pid_of("containerd"):
        ctr = ("ctr", "-a", str(SOCKET), "-n", "k8s.io", "tasks")
        listed = subprocess.run([*ctr, "ls", "-q"], capture_output=True, text=True, check=False)
        for task in listed.stdout.split():
            succeeds(*ctr, "rm", "-f", task)
    stop("containerd")
    for leftover in ("etcd", "certificates"):
        shutil.rmtree(HOME / leftover, ignore_errors=True)
    KUBECONFIG.unlink(missing_ok=True)


def main(words: list[str]) -> int:
    if words not in (["up"], ["down"]):
        print(__doc__)
        return 2
    try:
        up() if words == ["up"] else down()
    except Trouble as trouble:
        print(f"machine: {trouble}", file=sys.stderr)
        return 1
    if words == ["up"]:
        print(KUBECONFIG)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
