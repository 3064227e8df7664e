"""What tests of the client over HTTP begin with: a server that says what it is told to."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from kubectl_tune.cluster.kubernetes import KubernetesClient
from tests.http.server import ApiServer
from tests.http.ways import Clock, Way, client


@pytest.fixture(autouse=True)
def no_proxies(monkeypatch: pytest.MonkeyPatch) -> None:
    """The proxies of whoever runs the tests are not part of them."""
    for name in ("http_proxy", "https_proxy", "all_proxy", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)


@pytest.fixture
def api() -> Iterator[ApiServer]:
    server = ApiServer()
    yield server
    server.close()


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def kube(api: ApiServer, clock: Clock) -> Iterator[KubernetesClient]:
    """A client of `api` whose waits take no time."""
    made = client(Way(api.url), clock)
    yield made
    made.close()
