"""Real servers for the tests, each started on loopback and gone with the test."""

import os
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

NGIRCD = """
[Global]
Name = witness.test
Info = A witness
Listen = 127.0.0.1
Ports = {port}
[Limits]
MaxConnectionsIP = 0
MaxJoins = 0
MaxNickLength = 30
MaxPenaltyTime = 0
[Options]
DNS = no
Ident = no
PAM = no
SyslogFacility = local1
"""


@contextmanager
def ngircd(tmp_path: Path) -> Iterator[int]:
    """Run an ngircd and yield its port; without one the test is skipped, or fails where servers are required."""
    program = shutil.which("ngircd")
    if program is None:
        if os.environ.get("GORDON_REQUIRE_SERVERS") == "1":
            pytest.fail("ngircd is required here, and there is none")
        pytest.skip("no ngircd here")
    port = free_port()
    config = tmp_path / "ngircd.conf"
    config.write_text(NGIRCD.format(port=port))
    config.chmod(0o644)  # as root, ngircd turns into nobody
    log = tmp_path / "ngircd.log"
    with log.open("w") as output:
        server = subprocess.Popen([program, "-n", "-f", str(config)], stdout=output, stderr=subprocess.STDOUT)
    try:
        wait_until_open(port, server, log)
        yield port
    finally:
        server.terminate()
        server.wait(timeout=10)


def free_port() -> int:
    """Find a port nobody listens on."""
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port: int = probe.getsockname()[1]
        return port


def wait_until_open(port: int, server: subprocess.Popen[bytes], log: Path, within_s: float = 10) -> None:
    """Return once the server takes connections; say what it logged if it ends or never does."""
    deadline_s = time.monotonic() + within_s
    while server.poll() is None and time.monotonic() < deadline_s:
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
        except ConnectionRefusedError:
            time.sleep(0.01)
        else:
            return
    pytest.fail(f"the server did not open port {port}:\n{log.read_text()}")
