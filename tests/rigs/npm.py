"""Packages of npm: installed from their lock, checked by hash, into a folder that git does not see."""

import fcntl
import json
import os
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.rigs.process import program

WITNESSES = Path(__file__).parents[1] / "witnesses"
INSTALL_S = 120


class ClientError(Exception):
    """What the client at the other end of the pipe threw."""


class NodeClient:
    """A program of ours in Node that makes one call of a package for each line that it reads."""

    def __init__(self, process: "subprocess.Popen[str]") -> None:
        self._process = process

    def call(self, name: str, *arguments: object) -> Any:
        """Make a call and give what came of it.

        Raises:
            ClientError: the package threw this.
        """
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps([name, list(arguments)]) + "\n")
        self._process.stdin.flush()
        answer = json.loads(self._process.stdout.readline())
        if "error" in answer:
            raise ClientError(answer["error"])
        return answer["value"]


def installed() -> Sequence[str]:
    """See that a Jenkins client is there and tell the command that runs the program around it.

    Without Node, or without the package and a way to get it, the test is skipped, or fails where servers are required.
    """
    node = program("node")
    return [node, str(packages("npm").parent / "client.js")]


def packages(witness: str) -> Path:
    """See that the packages of a folder of witnesses are there, and tell where.

    Without them and a way to get them the test is skipped, or fails where servers are required.
    """
    folder = WITNESSES / witness
    with (folder / ".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # tests run side by side
        if not (folder / "node_modules" / ".package-lock.json").exists():
            _install(program("npm"), folder)
    return folder / "node_modules"


def _install(npm: str, folder: Path) -> None:
    done = subprocess.run(
        [npm, "ci"], cwd=folder, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=INSTALL_S
    )
    if done.returncode == 0:
        return
    told = f"npm ci did not succeed in {folder.name}: {done.stderr.strip()}"
    if os.environ.get("GORDON_REQUIRE_SERVERS") == "1":
        pytest.fail(told)
    pytest.skip(told)


@contextmanager
def node_client(command: Sequence[str], address: str) -> Iterator[NodeClient]:
    """Run the program against an address that carries user and secret, and end it."""
    process = subprocess.Popen([*command, address], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    try:
        yield NodeClient(process)
    finally:
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdin.close()
        process.wait(timeout=10)
        process.stdout.close()
