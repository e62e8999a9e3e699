"""The way to a Jenkins: whose certificate counts, which proxy stands on it, and who we say that we are."""

import asyncio
import ssl
from base64 import b64decode
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import pytest
import pytest_asyncio

from bot.errors import Refused
from bot.ports import Order
from bot.values import JobRef
from tests.contract.jenkins_world import a_jenkins
from tests.contract.odd_jenkins import Asked, OddJenkins, an_odd_jenkins
from tests.rigs.certificates import certificate

JOB = JobRef("ci", "moby")
ORDER = Order(JOB, {}, "k7f2")
NAMED = "http://ci.example.org/jenkins/"  # nobody looks this name up: the proxy would
PLACE = {"Location": "http://ci.example.org/jenkins/queue/item/7/"}

COOKIE = {"Set-Cookie": "JSESSIONID.1=node0; Path=/"}


@pytest_asyncio.fixture
async def odd() -> AsyncIterator[OddJenkins]:
    async with an_odd_jenkins() as odd:
        yield odd


@pytest.fixture(autouse=True)
def no_proxy_of_this_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY", "ALL_PROXY"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.lower(), raising=False)


def takes_a_build(odd: OddJenkins, root: str) -> None:
    odd.says(f"{root}job/moby/api/json", {"name": "moby"})
    odd.says(f"{root}job/moby/build", "", 201, "POST", headers=PLACE)
    odd.says(f"{root}api/json", {})


def login_of(asked: Asked, header: str = "Authorization") -> str:
    return b64decode(asked.headers[header].removeprefix("Basic ")).decode()


# Certificates


@pytest_asyncio.fixture
async def behind_tls(tmp_path: Path) -> AsyncIterator[tuple[OddJenkins, Path]]:
    """Run one that shows a certificate, and tell the file with the authority that vouches for it."""
    shown = certificate(tmp_path)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(shown.file, shown.key)
    async with an_odd_jenkins(context) as odd:
        takes_a_build(odd, "/")
        yield odd, shown.authority


async def test_the_configured_authority_vouches_for_both_clients(behind_tls: tuple[OddJenkins, Path]) -> None:
    odd, authority = behind_tls
    assert (await odd.adapter(ca_file=authority).trigger(ORDER)).id == 7
    assert [each.method for each in odd.asked] == ["GET", "POST", "GET"]  # python-jenkins asks the first, we the others


@pytest.mark.parametrize("which", ["of the system", "another"])
async def test_a_certificate_that_nobody_vouches_for_is_refused_in_words(
    behind_tls: tuple[OddJenkins, Path], which: str, tmp_path: Path
) -> None:
    odd, _ = behind_tls
    another = certificate(tmp_path / "another").authority
    adapter = odd.adapter(ca_file=another if which == "another" else None)
    for read in (adapter.trigger(ORDER), adapter.queue()):
        with pytest.raises(Refused, match="its certificate is not trusted"):
            await read
    assert odd.asked == []


# Proxies


@pytest.mark.parametrize("name", ["HTTP_PROXY", "http_proxy", "ALL_PROXY"])
async def test_the_proxy_of_the_environment_is_taken_by_both_clients(
    odd: OddJenkins, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    """A proxy gets whole addresses; ours go as they are, `%252F` too, and our own login with them."""
    if name == "HTTP_PROXY":
        monkeypatch.setenv("NO_PROXY", "other.example.org,10.0.0.0/8")
    monkeypatch.setenv(name, odd.url)
    path = "http://ci.example.org/jenkins/job/moby/job/feature%252Fx/"
    odd.says(f"{path}api/json", {"name": "feature%2Fx"})
    odd.says(f"{path}build", "", 201, "POST", headers=PLACE)
    queued = await odd.adapter(url=NAMED).trigger(Order(JobRef("ci", "moby/feature%2Fx"), {}, "k7f2"))
    assert (queued.id, queued.url) == (7, f"{NAMED}queue/item/7/")
    assert {login_of(each) for each in odd.asked} == {"gordon:gordons-token"}
    assert [each.path for each in odd.asked if each.method == "POST"] == [f"{path}build"]


async def test_a_login_in_the_address_of_the_proxy_is_the_proxys(
    odd: OddJenkins, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HTTP_PROXY", odd.url.replace("//", "//way:p%40ss@"))
    takes_a_build(odd, NAMED)
    adapter = odd.adapter(url=NAMED)
    for _ in range(2):
        await adapter.trigger(ORDER)  # the second on a connection that was kept
    assert {login_of(each, "Proxy-Authorization") for each in odd.asked} == {"way:p@ss"}
    assert {login_of(each) for each in odd.asked} == {"gordon:gordons-token"}


@asynccontextmanager
async def a_tunnel_to(odd: OddJenkins) -> AsyncIterator[tuple[str, list[str]]]:
    """Run a proxy that tunnels to a server whatever it is asked for, and tell its address and what it was asked."""
    heads: list[str] = []
    running: set[asyncio.Task[None]] = set()

    async def pipe(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(ConnectionError):
            while piece := await reader.read(65536):
                writer.write(piece)
                await writer.drain()
        writer.close()

    async def tunnel(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        heads.append((await reader.readuntil(b"\r\n\r\n")).decode())
        there, back = await asyncio.open_connection("127.0.0.1", odd.port)
        writer.write(b"HTTP/1.1 200 Connection established\r\n\r\n")
        for task in (asyncio.create_task(pipe(reader, back)), asyncio.create_task(pipe(there, writer))):
            running.add(task)

    server = await asyncio.start_server(tunnel, "127.0.0.1", 0)
    try:
        yield f"127.0.0.1:{server.sockets[0].getsockname()[1]}", heads
    finally:
        for adapter in odd.adapters:
            await adapter.close()  # which ends the tunnels
        server.close()
        await asyncio.wait(running)


async def test_a_jenkins_with_tls_is_reached_through_a_tunnel_that_sees_no_login_but_its_own(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shown = certificate(tmp_path, host="ci.example.org")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(shown.file, shown.key)
    async with an_odd_jenkins(context) as odd, a_tunnel_to(odd) as (proxy, heads):
        monkeypatch.setenv("HTTPS_PROXY", f"http://way:p%40ss@{proxy}")
        takes_a_build(odd, "/")
        await odd.adapter(url="https://ci.example.org", ca_file=shown.authority).trigger(ORDER)
        assert {each.headers.get("Proxy-Authorization") for each in odd.asked} == {None}
        assert {login_of(each) for each in odd.asked} == {"gordon:gordons-token"}
    assert {head.split("\r\n")[0].rpartition(" ")[0] for head in heads} == {"CONNECT ci.example.org:443"}
    login = "Proxy-Authorization: Basic d2F5OnBAc3M="
    assert [login in head for head in heads] == [True] * len(heads)
    assert "Authorization" not in "".join(heads).replace(login, "")


@pytest.mark.parametrize("is_ours", [True, False], ids=["on this machine", "named by NO_PROXY"])
async def test_there_is_no_proxy_before_what_needs_none(
    odd: OddJenkins, monkeypatch: pytest.MonkeyPatch, unused_tcp_port: int, is_ours: bool
) -> None:
    monkeypatch.setenv("HTTP_PROXY", f"http://127.0.0.1:{unused_tcp_port}/")
    if not is_ours:
        monkeypatch.setenv("NO_PROXY", "localhost.,127.0.0.0/8")
    takes_a_build(odd, "/")
    assert (await odd.adapter().trigger(ORDER)).id == 7


# Who we are


@pytest.mark.parametrize("user", ["gordon", ""], ids=["with a token", "as anybody"])
async def test_a_netrc_never_speaks_for_us(
    odd: OddJenkins, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, user: str
) -> None:
    netrc = tmp_path / ".netrc"
    netrc.write_text("machine 127.0.0.1 login root password hunter2\n")
    netrc.chmod(0o600)
    monkeypatch.setenv("NETRC", str(netrc))
    monkeypatch.setenv("HOME", str(tmp_path))
    takes_a_build(odd, "/")
    await odd.adapter(user=user).trigger(ORDER)
    logins = {login_of(each) if "Authorization" in each.headers else "" for each in odd.asked}
    assert logins == {"gordon:gordons-token" if user else ""}


async def test_a_cookie_is_never_kept_beside_a_token(odd: OddJenkins) -> None:
    """(J16) With the session's cookie Jenkins would overlook the token, and want a crumb."""
    takes_a_build(odd, "/")
    odd.says("/job/moby/api/json", {"name": "moby"}, headers=COOKIE)
    odd.says("/job/moby/build", "", 201, "POST", headers=COOKIE | PLACE)
    adapter = odd.adapter()
    for _ in range(2):
        await adapter.trigger(ORDER)
    assert [each.path for each in odd.asked if "Cookie" in each.headers] == []


async def test_anybody_needs_a_crumb_with_its_cookie_and_fetches_it_once() -> None:
    """(J16) Without a login every command needs one, and it is worth nothing without the session that it came with."""
    async with a_jenkins() as ci:
        adapter = ci.adapter(user="", token="")
        for mark in ("a", "b"):
            await adapter.trigger(ci.order(mark=mark))
        assert len(ci.jenkins.ledger.triggers) == 2
        assert len(ci.jenkins.ledger.asked("GET", "/crumbIssuer/*")) == 1


async def test_a_crumb_that_is_not_for_us_is_told(odd: OddJenkins) -> None:
    takes_a_build(odd, "/")
    odd.says("/job/moby/build", "No valid crumb was included in the request", 403, "POST")
    odd.says("/crumbIssuer/api/json", "", 403)
    with pytest.raises(Refused, match=r"we may not \(asking for a crumb\)"):
        await odd.adapter().trigger(ORDER)
    assert odd.paths("POST") == ["/job/moby/build"]
