"""Logs behind addresses: what a Jenkins, a plain server and a bad one answer."""

import asyncio
import gzip
from base64 import b64encode
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from bot.adapters.log_fetch import Login, open_log
from bot.adapters.log_wire import Facts, read_address
from bot.errors import GordonError, Unavailable, UserError

LOG = b"+ make\nFinished: FAILURE\n"
Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


class Site:
    """A server whose answers are written by a test; it remembers what it was asked."""

    def __init__(self) -> None:
        self.answers: dict[str, Handler] = {}
        self.asked: list[tuple[str, str]] = []
        self.root = ""

    def says(self, path: str, body: bytes = b"", *, status: int = 200, **headers: str) -> None:
        sent = {"Content-Type": "text/plain", **{name.replace("_", "-"): value for name, value in headers.items()}}

        async def handler(request: web.Request) -> web.StreamResponse:
            return web.Response(body=body, status=status, headers=sent)

        self.answers[path] = handler

    async def answer(self, request: web.Request) -> web.StreamResponse:
        self.asked.append((request.rel_url.raw_path, request.headers.get("Authorization", "")))
        handler = self.answers.get(request.rel_url.raw_path)
        return await handler(request) if handler else web.Response(status=404)


@pytest.fixture
async def site() -> AsyncIterator[Site]:
    site = Site()
    app = web.Application()
    app.router.add_route("*", "/{tail:.*}", site.answer)
    async with TestServer(app) as server:
        site.root = f"http://127.0.0.1:{server.port}"
        yield site


async def read(url: str, login: Login | None = None, **limits: float) -> tuple[bytes, Facts | None, str]:
    async with open_log(read_address(url), login or Login(), **limits) as log:  # type: ignore[arg-type]
        body = b"".join([chunk async for chunk in log.chunks])
        return body, log.facts, log.why_cut


async def refused(url: str, login: Login | None = None) -> str:
    with pytest.raises(GordonError) as raised:
        await read(url, login)
    return str(raised.value)


async def test_the_log_of_a_build_is_read_with_what_it_came_to(site: Site) -> None:
    site.says("/job/x/12/api/json", b'{"building":false,"result":"FAILURE"}')
    site.says("/job/x/12/consoleText", LOG)
    assert await read(f"{site.root}/job/x/12/console") == (LOG, Facts("FAILURE", False), "")


async def test_a_build_of_a_branch_is_found_where_blue_ocean_shows_it(site: Site) -> None:
    site.says("/job/r/job/r/3/api/json", b'{"building":true,"result":null}')
    site.says("/job/r/job/r/3/consoleText", LOG)
    body, facts, _ = await read(f"{site.root}/blue/organizations/jenkins/r/detail/r/3/pipeline")
    assert (body, facts) == (LOG, Facts("", True))


async def test_any_other_address_is_read_as_it_is(site: Site) -> None:
    site.says("/a%2Fb/log.txt", LOG)
    assert await read(f"{site.root}/a%2Fb/log.txt?x=1") == (LOG, None, "")


async def test_a_packed_log_comes_as_it_is_packed(site: Site) -> None:
    """A28: it is unpacked within limits by whoever reads it."""
    packed = gzip.compress(LOG)
    site.says("/log.gz", packed)
    site.says("/log", packed, Content_Encoding="gzip")
    assert (await read(f"{site.root}/log.gz"))[0] == packed
    assert (await read(f"{site.root}/log"))[0] == packed


@pytest.mark.parametrize(
    ("path", "status", "headers", "body", "why"),
    [
        pytest.param("/log", 404, {}, b"", "no log there", id="F26-not-found"),
        pytest.param("/log", 410, {}, b"", "no log there", id="gone"),
        pytest.param("/log", 401, {}, b"", "GORDON_JENKINS_TOKEN", id="login"),
        pytest.param("/log", 403, {}, b"", "GORDON_JENKINS_TOKEN", id="forbidden"),
        pytest.param("/log", 500, {}, b"", "answered 500", id="error"),
        pytest.param("/log", 200, {"Content_Type": "text/html"}, b"<html>", "page for browsers", id="page"),
        pytest.param("/log", 200, {"Content_Encoding": "br"}, b"x", "packed in a way", id="packed-otherwise"),
        pytest.param("/log", 302, {"Location": "https://elsewhere.example/"}, b"", "elsewhere.example", id="A28-moved"),
        pytest.param("/log", 302, {"Location": "/log"}, b"", "on and on", id="A28-in-circles"),
    ],
)
async def test_what_is_no_log_is_told(
    site: Site, path: str, status: int, headers: dict[str, str], body: bytes, why: str
) -> None:
    site.says(path, body, status=status, **headers)
    assert why in await refused(site.root + path)


async def test_a_build_that_is_gone_is_told(site: Site) -> None:
    """F27: it is gone, or its log is, or it goes between two requests."""
    assert "no such build" in await refused(f"{site.root}/job/x/1/")
    site.says("/job/x/1/api/json", b'{"building":false,"result":"FAILURE"}')
    assert "no log there" in await refused(f"{site.root}/job/x/1/")
    site.says("/job/x/1/consoleText", b"No such file: /var/jenkins_home/jobs/x/builds/1/log\n")
    assert "its log no more" in await refused(f"{site.root}/job/x/1/")


async def test_a_log_that_only_begins_like_a_missing_one_is_a_log(site: Site) -> None:
    site.says("/job/x/1/api/json", b'{"building":false,"result":"FAILURE"}')
    site.says("/job/x/1/consoleText", b"No such file: a.txt\nmake: *** [all] Error 1\n")
    assert (await read(f"{site.root}/job/x/1/"))[0].endswith(b"Error 1\n")


async def test_nobody_there_is_told(site: Site) -> None:
    with pytest.raises(Unavailable, match=r"127\.0\.0\.1 does not answer"):
        await read("http://127.0.0.1:9/log")


async def test_a_log_that_breaks_off_is_read_so_far(site: Site) -> None:
    """F25."""

    async def breaks_off(request: web.Request) -> web.StreamResponse:
        answer = web.StreamResponse(headers={"Content-Length": "1000"})
        await answer.prepare(request)
        await answer.write(LOG)
        assert request.transport is not None
        request.transport.close()
        return answer

    site.answers["/log"] = breaks_off
    assert await read(f"{site.root}/log") == (LOG, None, "the connection broke off")


async def test_a_log_that_stops_coming_is_read_so_far(site: Site) -> None:
    """F25."""

    async def stalls(request: web.Request) -> web.StreamResponse:
        answer = web.StreamResponse()
        await answer.prepare(request)
        await answer.write(LOG)
        await request.content.read()  # returns at once; the client hears nothing more until it gives up
        await asyncio.sleep(2)
        return answer

    site.answers["/log"] = stalls
    assert await read(f"{site.root}/log", silence_s=0.2) == (LOG, None, "it came too slowly")


async def test_a_log_without_end_is_read_up_to_the_limit(site: Site) -> None:
    """A28."""
    site.says("/log", LOG * 50_000)
    body, _, why = await read(f"{site.root}/log", max_bytes=300_000)
    assert len(body) <= 300_000
    assert "longer than 300000 bytes" in why


def basic(login: str) -> str:
    return f"Basic {b64encode(login.encode()).decode()}"


async def test_a_login_is_sent_where_it_belongs(site: Site, tmp_path: Path) -> None:
    """A26: to the Jenkins that it is for, in each request, and to nobody else."""
    site.says("/job/x/1/api/json", b'{"building":false,"result":"FAILURE"}')
    site.says("/job/x/1/consoleText", LOG)
    home = Login("bob", "secret-token", home=site.root)
    await read(f"{site.root}/job/x/1/", home)
    assert {login for _, login in site.asked} == {basic("bob:secret-token")}
    site.asked.clear()
    await read(f"{site.root}/job/x/1/", Login("bob", "secret-token", home="https://ci.example/"))
    assert {login for _, login in site.asked} == {""}
    assert "secret-token" not in repr(home)


async def test_a_login_comes_from_a_netrc_file(site: Site, tmp_path: Path) -> None:
    site.says("/log", LOG)
    file = tmp_path / "netrc"
    file.write_text("machine other.example login a password b\nmachine 127.0.0.1 login bob password pw-of-bob\n")
    await read(f"{site.root}/log", Login(netrc_file=file))
    assert site.asked == [("/log", basic("bob:pw-of-bob"))]
    file.write_text("machine other.example login a password b\n")
    await read(f"{site.root}/log", Login(netrc_file=file))
    assert site.asked[-1] == ("/log", "")
    file.write_text("machine 127.0.0.1 login bob pasword pw-of-bob\n")
    with pytest.raises(UserError, match="is no netrc file") as raised:
        await read(f"{site.root}/log", Login(netrc_file=file))
    assert "pw-of-bob" not in str(raised.value)


async def test_a_login_that_is_not_taken_is_told(site: Site) -> None:
    site.says("/job/x/1/api/json", status=401)
    assert "our login is not taken" in await refused(f"{site.root}/job/x/1/", Login("bob", "secret-token"))


@pytest.mark.parametrize("status", [403, 500])
async def test_a_log_is_read_also_where_nothing_else_is_told(site: Site, status: int) -> None:
    site.says("/job/x/1/api/json", status=status)
    site.says("/job/x/1/consoleText", LOG)
    if status == 403:
        assert "not for everybody" in await refused(f"{site.root}/job/x/1/")
    else:
        assert await read(f"{site.root}/job/x/1/") == (LOG, None, "")
