"""Foreign programs: finding them, waiting until they serve, and ending them."""

import os
import shutil
import socket
import subprocess
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import pytest

ALSO_IN = "/usr/sbin:/usr/local/sbin"  # where servers are, and where not everybody's PATH looks


def program(name: str) -> str:
    """Find a server's program; without it the test is skipped, or fails where servers are required."""
    found = shutil.which(name, path=f"{os.environ.get('PATH', os.defpath)}:{ALSO_IN}")
    if found is None:
        if os.environ.get("GORDON_REQUIRE_SERVERS") == "1":
            pytest.fail(f"{name} is required here, and there is none")
        pytest.skip(f"no {name} here")
    return found


@contextmanager
def running(command: Sequence[str], log: Path) -> Iterator[subprocess.Popen[bytes]]:
    """Run a server in the foreground, its output in a file, and end it; what it drops falls beside that file."""
    with log.open("w") as output:
        server = subprocess.Popen(
            command, cwd=log.parent, stdin=subprocess.DEVNULL, stdout=output, stderr=subprocess.STDOUT
        )
    try:
        yield server
    finally:
        server.terminate()
        try:
            server.wait(timeout=10)
        except subprocess.TimeoutExpired:
            server.kill()
            server.wait(timeout=10)


def free_port() -> int:
    """Find a port nobody listens on."""
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port: int = probe.getsockname()[1]
        return port


def wait_until_open(port: int, server: subprocess.Popen[bytes], log: Path, within_s: float = 60.0) -> None:
    """Return once the server takes connections; say what it logged if it ends or never does."""

    def is_open() -> bool:
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
        except ConnectionRefusedError:
            return False
        return True

    wait_for(is_open, f"open port {port}", server, log, within_s)


def wait_for(
    done: Callable[[], bool], what: str, server: subprocess.Popen[bytes], log: Path, within_s: float = 60.0
) -> None:
    """Return once the server has done something; say what it logged if it ends or never does it."""
    deadline_s = time.monotonic() + within_s
    while server.poll() is None and time.monotonic() < deadline_s:
        if done():
            return
        time.sleep(0.01)
    pytest.fail(f"the server did not {what}:\n{log.read_text(errors='replace')}")
