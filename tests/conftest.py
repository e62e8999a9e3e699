"""What holds for every test: nothing leaves this machine; the long runs are for `make soak`."""

import gc
import ipaddress
import os
import shutil
import signal
import socket
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, settings

from bot import migrations

# Speed is measured by tests/bench; a test that is slow on a busy machine is no failure.
settings.register_profile("gordon", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("gordon")


class BeyondLoopback(ConnectionRefusedError):
    """A test tried to reach something that is not on this machine."""


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave the long runs out unless they are asked for, and begin with what takes long all the same."""
    if os.environ.get("GORDON_SOAK") != "1":
        long = [item for item in items if item.get_closest_marker("soak")]
        if long:
            config.hook.pytest_deselected(items=long)
            items[:] = [item for item in items if item not in long]
    # One that came last would have the machine to itself while all others are done.
    items.sort(key=lambda item: item.get_closest_marker("timeout") is None)


def pytest_configure() -> None:
    """Let programs that tests start end by Ctrl-C, though whoever runs the tests in the background has that ignored."""
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_collection_finish() -> None:
    """Look for garbage no more in what was imported: with all that tests bring along each look takes long."""
    gc.collect()
    gc.freeze()


@pytest.fixture(scope="session", autouse=True)
def empty_database(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Make an empty database by all migrations once, and copies of it for all who want one: that is a third of a test.

    Whoever tests the migrations imports `upgrade` itself, and processes of their own make theirs.
    """
    kept, real = tmp_path_factory.mktemp("empty") / "gordon.db", migrations.upgrade

    def upgrade(path: Path, version: str, to: str = "head") -> None:
        if version or to != "head":
            real(path, version, to)
            return
        if not kept.exists():
            real(kept, version)
        shutil.copyfile(kept, path)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(migrations, "upgrade", upgrade)
        yield


@pytest.fixture(autouse=True)
def beyond_loopback(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[str]]:
    """Refuse connections and name look-ups beyond loopback, and fail the test that tried, even if it caught that."""
    tried: list[str] = []

    def guarded(real: Callable[..., Any], address_of: Callable[..., object]) -> Callable[..., Any]:
        def guard(*given: Any, **named: Any) -> Any:
            if not is_here(address := address_of(*given)):
                tried.append(f"{getattr(real, '__name__', real)} {address!r}")
                raise BeyondLoopback(f"a test tried to reach {address!r}")
            return real(*given, **named)

        return guard

    for name in ("connect", "connect_ex"):
        monkeypatch.setattr(socket.socket, name, guarded(getattr(socket.socket, name), lambda sock, address: address))
    monkeypatch.setattr(socket.socket, "sendto", guarded(socket.socket.sendto, lambda sock, *given: given[-1]))
    monkeypatch.setattr(socket, "getaddrinfo", guarded(socket.getaddrinfo, lambda host, *port: (host or "::1", *port)))
    yield tried
    assert not tried, "no test may reach anything beyond loopback"


def is_here(address: object) -> bool:
    """Tell whether an address of a socket is on this machine: a Unix socket, or a loopback host."""
    if isinstance(address, str | bytes):
        return True
    host = address[0] if isinstance(address, tuple) else ""
    host = host.decode() if isinstance(host, bytes) else str(host)
    try:
        return ipaddress.ip_address(host.partition("%")[0]).is_loopback
    except ValueError:
        return host == "localhost"
