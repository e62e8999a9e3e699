"""F42: the way to a neighbour is gone: nobody knows its name, its certificate has expired, a proxy wants a login.

Each is an outage like any other: what was asked waits, the words name who it is that does not answer, and nothing is
sent to whoever could not be checked.
"""

import asyncio
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from bot.adapters.github import GitHub
from bot.adapters.irc_session import THE_CONNECTION
from bot.adapters.jenkins import Jenkins
from bot.adapters.slack_api import Api
from bot.clock import SystemClock
from bot.errors import Unavailable
from bot.ports import Order
from bot.settings import GitHubSettings, JenkinsSettings
from bot.values import JobRef
from tests.contract.github_rig import REF, Clock
from tests.irc_bot import irc_bot
from tests.rigs.certificates import certificate
from tests.scripted_irc import scripted_irc, tls_of, until
from tests.slack_said_rig import JumpingClock, Told

NAME = "neighbour.example.org"  # nobody looks it up: the resolver is ours
TOKEN = "a-token-that-nobody-must-see"
WANTS_LOGIN = b"HTTP/1.1 407 Proxy Authentication Required\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
Ask = Callable[[], Awaitable[object]]


def a_jenkins(url: str, authority: Path | None) -> Jenkins:
    settings = JenkinsSettings(url=url, user="gordon", timeout_s=2.0, ca_file=authority)
    return Jenkins("ci", settings, TOKEN, SystemClock())


@asynccontextmanager
async def jenkins(url: str, authority: Path | None = None) -> AsyncIterator[Ask]:
    adapter = a_jenkins(url, authority)
    try:
        yield adapter.queue
    finally:
        await adapter.close()


@asynccontextmanager
async def a_build_on_jenkins(url: str, authority: Path | None = None) -> AsyncIterator[Ask]:
    """Ask by the other of the two clients, python-jenkins."""
    adapter = a_jenkins(url, authority)
    try:
        yield lambda: adapter.trigger(Order(JobRef("ci", "moby"), {}, "k7f2"))
    finally:
        await adapter.close()


@asynccontextmanager
async def github(url: str, authority: Path | None = None) -> AsyncIterator[Ask]:
    adapter = GitHub(GitHubSettings(url=url, timeout_s=2.0), lambda: TOKEN, Clock())
    try:
        yield lambda: adapter.pull(REF)
    finally:
        await adapter.close()


@asynccontextmanager
async def slack(url: str, authority: Path | None = None) -> AsyncIterator[Ask]:
    api = Api("moby", f"{url}api/", TOKEN, 2.0, JumpingClock(), Told())
    try:
        yield lambda: api.call("auth.test")
    finally:
        await api.close()


Neighbour = Callable[..., AbstractAsyncContextManager[Ask]]
NEIGHBOURS = [
    pytest.param(jenkins, "Jenkins ci", id="Jenkins"),
    pytest.param(a_build_on_jenkins, "Jenkins ci", id="Jenkins, a build"),
    pytest.param(github, "GitHub", id="GitHub"),
    pytest.param(slack, "Slack moby", id="Slack"),
]


@pytest.fixture(autouse=True)
def nothing_of_this_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY", "ALL_PROXY", "REQUESTS_CA_BUNDLE", "SSL_CERT_FILE"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.lower(), raising=False)


@pytest.fixture
def nobody_knows_the_name(monkeypatch: pytest.MonkeyPatch) -> None:
    def unknown(host: str, *_: object, **__: object) -> Any:
        raise socket.gaierror(socket.EAI_NONAME, f"Name or service not known: {host}")

    monkeypatch.setattr(socket, "getaddrinfo", unknown)


@asynccontextmanager
async def a_server(answer: bytes, tls: Any = None) -> AsyncIterator[tuple[int, list[bytes]]]:
    """Listen, answer each request with the same, and keep what was said by who came so far."""
    heads: list[bytes] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            heads.append(await reader.readuntil(b"\r\n\r\n"))
            writer.write(answer)
            await writer.drain()
        except (ConnectionError, asyncio.IncompleteReadError):
            heads.append(b"")
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0, ssl=tls)
    try:
        yield server.sockets[0].getsockname()[1], heads
    finally:
        server.close()


@pytest.mark.parametrize(("neighbour", "peer"), NEIGHBOURS)
@pytest.mark.usefixtures("nobody_knows_the_name")
async def test_a_name_that_nobody_knows_is_an_outage_of_that_neighbour(neighbour: Neighbour, peer: str) -> None:
    async with neighbour(f"https://{NAME}/") as ask:
        with pytest.raises(Unavailable, match=f"^{peer} does not answer"):
            await ask()


@pytest.mark.parametrize(("neighbour", "peer"), NEIGHBOURS)
async def test_a_certificate_that_has_expired_is_an_outage_and_nothing_is_sent(
    neighbour: Neighbour, peer: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    late = certificate(tmp_path, good_for=-timedelta(days=1))
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(late.authority))  # its time is all that is wrong with it
    words = ".*its certificate has expired" if peer == "Jenkins ci" else ""  # which says so where it has a ca_file
    async with (
        a_server(WANTS_LOGIN, tls_of(late)) as (port, heads),
        neighbour(f"https://localhost:{port}/", late.authority) as ask,
    ):
        with pytest.raises(Unavailable, match=f"^{peer} does not answer{words}"):
            await ask()
        assert heads == []


@pytest.mark.parametrize(("neighbour", "peer"), NEIGHBOURS)
async def test_a_proxy_that_wants_a_login_is_an_outage_and_learns_no_token(
    neighbour: Neighbour, peer: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with a_server(WANTS_LOGIN) as (port, heads):
        monkeypatch.setenv("HTTPS_PROXY", f"http://127.0.0.1:{port}")
        async with neighbour(f"https://{NAME}/") as ask:
            with pytest.raises(Unavailable, match=f"^{peer} does not answer"):
                await ask()
    assert heads
    assert all(head.startswith(f"CONNECT {NAME}:443".encode()) for head in heads)
    assert TOKEN.encode() not in b"".join(heads)


@pytest.mark.parametrize(("neighbour", "peer"), [NEIGHBOURS[0], NEIGHBOURS[1], NEIGHBOURS[2]])
async def test_a_407_in_place_of_an_answer_is_an_outage(
    neighbour: Neighbour, peer: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without TLS there is no tunnel, and the proxy answers in the neighbour's place."""
    async with a_server(WANTS_LOGIN) as (port, heads):
        monkeypatch.setenv("HTTP_PROXY", f"http://127.0.0.1:{port}")
        async with neighbour(f"http://{NAME}/") as ask:
            with pytest.raises(Unavailable, match=f"^{peer} does not answer.*the proxy on the way to it wants"):
                await ask()
    assert heads


async def test_irc_with_an_expired_certificate_is_told_with_who_must_renew_it(tmp_path: Path) -> None:
    late = certificate(tmp_path, good_for=-timedelta(days=1))
    async with (
        scripted_irc(tls_of(late)) as irc,
        irc_bot(irc.port, tls=True, host="localhost", ca_file=late.authority) as bot,
    ):
        await until(lambda: bot.reports)
        [words] = bot.reports_about(THE_CONNECTION)
        assert words.startswith("not connected to localhost: its certificate is not taken: ")
        assert words.endswith("whoever runs localhost must renew it")
        assert irc.came == 0
        assert not bot.irc.connected()


@pytest.mark.usefixtures("nobody_knows_the_name")
async def test_irc_whose_name_nobody_knows_is_told() -> None:
    async with irc_bot(6697, host=NAME, nick_is_identity=False, clock=SystemClock(2000.0)) as bot:
        await until(lambda: bot.reports)
        assert bot.reports_about(THE_CONNECTION)[0].startswith(f"not connected to {NAME}: ")
        assert not bot.irc.connected()
