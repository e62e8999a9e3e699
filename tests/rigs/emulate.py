"""Imitations of GitHub and Slack that nobody here wrote: npm's `emulate`, with a Node that is new enough for it."""

import json
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.rigs.npm import packages
from tests.rigs.process import free_port, running, wait_until_open

START_S = 20  # 0.3 s, unless the machine is busy


def installed() -> Sequence[str]:
    """See that it is there and tell the command that runs it.

    It uses `module.registerHooks`, which came with Node 22.15, and distributions have older ones; so Node comes from
    the same lock as the program. Where there is none for this machine the test is skipped, or fails where servers are
    required.
    """
    found = packages("emulate")
    nodes = sorted(found.glob("node-*/bin/node"))  # of all systems' only this one's; npm 9 leaves no link to it in .bin
    if not nodes:
        told = f"no Node for this machine among the packages of {found.parent.name}"
        if os.environ.get("GORDON_REQUIRE_SERVERS") == "1":
            pytest.fail(told)
        pytest.skip(told)
    return [str(nodes[0]), str(found / "emulate" / "dist" / "index.js")]


@contextmanager
def emulated_github(folder: Path, seed: Any) -> Iterator[str]:
    """Let it be GitHub, and tell the address of its API."""
    with emulated("github", folder, seed) as url:
        yield url


@contextmanager
def emulated(service: str, folder: Path, seed: Any) -> Iterator[str]:
    """Let it be a service, and tell the address of its API.

    Arguments:
        folder: for what it logs.
        seed: who and what there is at first.
    """
    port, log = free_port(), folder / "emulate.log"
    known = folder / "seed.json"
    known.write_text(json.dumps(seed))
    url = f"http://127.0.0.1:{port}"
    command = [*installed(), "start", "--service", service, "--port", str(port), "--base-url", url, "--seed", known]
    with running([str(part) for part in command], log) as server:
        wait_until_open(port, server, log, START_S)
        yield url
