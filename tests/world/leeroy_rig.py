"""A Gordon with Leeroy's pages, and its clients: the bytes that they send, over a socket."""

import asyncio
import base64
import json
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType

from bot.clock import Clock
from bot.demo.jenkins.model import StringParameter
from bot.demo.world import FACTS, PLUGINS, World
from bot.testing import Gordon, running

USER, PASSWORD = "leeroy", "at-least-he-has-chicken"
LEEROY = """
[web]
port = 0

[leeroy]
user = "leeroy"
password_file = "leeroy-password"
person = "machine"
custom = { "moby/moby" = ["lxc"] }
"""
PERSON = """
[people.machine]
roles = { "moby/moby" = "ROLE" }
"""
CONTEXT = """
[repos."moby/moby".contexts.NAME]
jenkins = "ci"
job = "NAME"
"""
WITHIN_S = 60.0


@dataclass(frozen=True)
class Answer:
    """What came back: the code, the headers in small letters, and the body."""

    code: int
    headers: Mapping[str, str]
    body: str


@asynccontextmanager
async def with_leeroy(
    folder: Path,
    *,
    role: str = "maintainer",
    more: Sequence[str] = (),
    plugins: Sequence[str] = PLUGINS,
    numbers: Mapping[str, float] = MappingProxyType({}),
    clock: Clock | None = None,
    **limits: int,
) -> AsyncIterator[Gordon]:
    """Run a Gordon with Leeroy's pages, whose clients have a role in moby/moby.

    Arguments:
        more: contexts beside those of the world, with jobs of the same names.
        limits: those of `[leeroy]`.
    """
    numbers = {"poll_s": 0.1, "gather_s": 0.05, **numbers}
    async with World(folder, numbers=numbers, plugins=plugins, clock=clock) as world:
        prepare(world, role, more, **limits)
        async with running(folder, world=world) as gordon:
            assert gordon.app.web is not None
            await gordon.app.web.listening.wait()
            yield gordon


def prepare(world: World, role: str = "maintainer", more: Sequence[str] = (), **limits: int) -> None:
    """Add what Leeroy's pages need to the files of a world; arguments as above."""
    password = world.folder / "leeroy-password"
    password.touch(0o600)
    password.write_text(PASSWORD)
    for name in more:
        world.jenkins.add_job(name, parameters=[StringParameter(fact) for fact in FACTS])
    contexts = "".join(CONTEXT.replace("NAME", name) for name in more)
    text = world.config.read_text().replace('job = "win"', 'job = "win"\nstatus = "docker/windows"')
    own = LEEROY + "".join(f"{name} = {limit}\n" for name, limit in limits.items())
    world.config.write_text(text + own + contexts, encoding="utf-8")
    people = world.folder / "people.toml"
    people.write_text(people.read_text() + PERSON.replace("ROLE", role), encoding="utf-8")


def basic(user: str = USER, password: str = PASSWORD) -> str:
    return "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()


def as_gordon_bot(path: str, number: int, repo: str, context: str, *, host: str, login: str | None = None) -> bytes:
    """Give the bytes of net/http of Go for gordon-bot's request: its headers in this order, its JSON without blanks."""
    login = basic() if login is None else login
    body = json.dumps({"number": number, "repo": repo, "context": context}, separators=(",", ":"))
    head = (
        f"POST {path} HTTP/1.1\r\nHost: {host}\r\nUser-Agent: Go-http-client/1.1\r\nContent-Length: {len(body)}\r\n"
        f"Authorization: {login}\r\nContent-Type: application/json\r\nAccept-Encoding: gzip\r\n\r\n"
    )
    return (head + body).encode()


def as_curl(path: str, body: str, *, host: str, login: str | None = None) -> bytes:
    """Give the bytes of `curl -X POST --user ... --data ...`, as rebuild_prs.sh runs it."""
    login = basic() if login is None else login
    head = (
        f"POST {path} HTTP/1.1\r\nHost: {host}\r\nAuthorization: {login}\r\nUser-Agent: curl/7.38.0\r\nAccept: */*\r\n"
        f"Content-Length: {len(body.encode())}\r\nContent-Type: application/x-www-form-urlencoded\r\n\r\n"
    )
    return (head + body).encode()


def host_of(gordon: Gordon) -> str:
    """Tell where the pages are, as a Host header has it."""
    assert gordon.app.web is not None
    return gordon.app.web.url.removeprefix("http://")


async def send(gordon: Gordon, request: bytes) -> Answer:
    """Send bytes and read the one answer."""
    host, _, port = host_of(gordon).rpartition(":")
    async with asyncio.timeout(WITHIN_S):
        reader, writer = await asyncio.open_connection(host, int(port))
        try:
            writer.write(request)
            head = (await reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")
            headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in head[1:-2])}
            body = (await reader.readexactly(int(headers.get("content-length", 0)))).decode()
        finally:
            writer.close()
            await writer.wait_closed()
    return Answer(int(head[0].split()[1]), headers, body)


async def ask(gordon: Gordon, what: str, number: int, context: str = "", repo: str = "moby/moby") -> Answer:
    """Ask for builds as gordon-bot does."""
    return await send(gordon, as_gordon_bot(f"/build/{what}", number, repo, context, host=host_of(gordon)))


def built(gordon: Gordon) -> Sequence[str]:
    """List the jobs of which a build was asked for, by the stand-in's ledger, by name."""
    return sorted(trigger.job for trigger in gordon.world.jenkins.ledger.triggers)
