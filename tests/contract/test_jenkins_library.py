"""What python-jenkins reads for us, whatever answers, and whatever stands in the environment."""

import asyncio
import threading
from collections.abc import AsyncIterator
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
import pytest_asyncio
from aiohttp import web

from bot.adapters.jenkins_http import MAX_ANSWER_BYTES, JenkinsHttp
from bot.adapters.jenkins_library import CLIENTS, JenkinsLibrary
from bot.adapters.jenkins_nodes import NODE_TREE
from bot.clock import SystemClock
from bot.errors import GordonError, Refused, Unavailable, UserError
from tests.contract.odd_jenkins import OWN, OddJenkins, an_odd_jenkins

JOB = "/job/moby/api/json"
DOING = "reading moby"


class Rig:
    """A server, and what reads it."""

    def __init__(self, odd: OddJenkins, deadline_s: float = 5.0) -> None:
        self.odd = odd
        self.http = JenkinsHttp("ci", odd.url, "gordon", "gordons-token", deadline_s, SystemClock())
        self.library = JenkinsLibrary(self.http, "gordon", None)

    async def close(self) -> None:
        self.library.close()
        await self.http.close()


@pytest_asyncio.fixture
async def rig() -> AsyncIterator[Rig]:
    async with an_odd_jenkins() as odd:
        rig = Rig(odd)
        yield rig
        await rig.close()


async def test_a_job_is_read_by_one_request_with_our_token_and_without_a_crumb(rig: Rig) -> None:
    """(J16) python-jenkins by itself asks for a crumb before its first question, with a token too."""
    rig.odd.says(JOB, {"name": "moby"})
    assert await rig.library.job("moby", DOING) == {"name": "moby"}
    [asked] = rig.odd.asked
    assert (asked.path.partition("?")[0], asked.headers["Authorization"]) == (JOB, "Basic Z29yZG9uOmdvcmRvbnMtdG9rZW4=")


async def test_only_what_is_used_of_a_job_a_node_or_a_plugin_is_asked_for(rig: Rig) -> None:
    """For the whole page of a job each parameter tells its default: some run a script for it, or ask a git server."""
    rig.odd.says("/pluginManager/api/json", {"plugins": []})
    await rig.library.job("moby", DOING)
    await rig.library.node("dm-7", DOING)
    await rig.library.plugins(DOING)
    assert [parse_qs(urlsplit(asked.path).query)["tree"] for asked in rig.odd.asked] == [
        [
            "name,fullName,buildable,property[parameterDefinitions[name,type,choices]],"
            "activeConfigurations[name],jobs[name]"
        ],
        [NODE_TREE],
        ["plugins[shortName,version,active]"],
    ]


NAMES = [
    pytest.param("infra/base image", "/job/infra/job/base%20image/", id="folder and space"),
    pytest.param("moby/feature%2Fx", "/job/moby/job/feature%252Fx/", id="branch"),
    pytest.param("größe #1?", "/job/gr%C3%B6%C3%9Fe%20%231%3F/", id="umlaut, hash and question mark"),
    pytest.param("~a;b:c", "/job/~a%3Bb%3Ac/", id="tilde, semicolon and colon"),
]


@pytest.mark.parametrize(("name", "path"), NAMES)
async def test_a_name_is_asked_for_as_it_is(rig: Rig, name: str, path: str) -> None:
    """(J14)"""
    rig.odd.says(f"{path}api/json", {"name": "x"})
    assert await rig.library.job(name, DOING) == {"name": "x"}


@pytest.mark.parametrize("name", ["..", "a/../b", "", "a//b"])
async def test_what_is_no_name_is_asked_nowhere(rig: Rig, name: str) -> None:
    with pytest.raises(UserError, match="is not the name of a job"):
        await rig.library.job(name, DOING)
    assert rig.odd.asked == []


async def test_what_is_not_there_is_none_and_hidden_plugins_are_unknown(rig: Rig) -> None:
    rig.odd.says("/pluginManager/api/json", "", 403)
    assert await rig.library.job("moby", DOING) is None
    assert await rig.library.node("dm-7", DOING) is None
    assert await rig.library.plugins(DOING) is None


async def test_plugins_are_told_with_versions_that_can_be_compared(rig: Rig) -> None:
    listed = [
        {"shortName": "junit", "longName": "JUnit", "version": "1.10", "active": True},
        {"shortName": "git", "longName": "Git", "version": "5.0", "active": False},
    ]
    rig.odd.says("/pluginManager/api/json", {"plugins": listed})
    plugins = await rig.library.plugins(DOING)
    assert plugins is not None
    assert list(plugins) == ["junit"]
    assert plugins["junit"] > "1.9"


async def test_plugins_that_share_a_name_for_people_are_all_told(rig: Rig) -> None:
    """python-jenkins' own list of plugins breaks at them."""
    listed = [{"shortName": name, "longName": "Notifier", "version": "1", "active": True} for name in ("a", "b")]
    rig.odd.says("/pluginManager/api/json", {"plugins": listed})
    assert list(await rig.library.plugins(DOING) or ()) == ["a", "b"]


NODES = [
    pytest.param("dm 7", "/computer/dm%207/api/json", id="space"),
    pytest.param("(built-in)", "/computer/%28built-in%29/api/json", id="the built-in one by its address"),
    pytest.param("Built-In Node", "/computer/%28built-in%29/api/json", id="the built-in one by its name"),
    pytest.param("master", "/computer/%28master%29/api/json", id="the built-in one of an old Jenkins"),
]


@pytest.mark.parametrize(("name", "path"), NODES)
async def test_a_node_is_read_by_its_name(rig: Rig, name: str, path: str) -> None:
    rig.odd.says(path, {"offline": False})
    assert await rig.library.node(name, DOING) == {"offline": False}
    with pytest.raises(UserError, match="is not the name of a node"):
        await rig.library.node("..", DOING)


DEEP = "[" * 100_000
ANSWERS = [
    pytest.param({"status": 401}, Refused, "user or token is wrong", id="401"),
    pytest.param({"status": 403}, Refused, "we may not", id="403"),
    pytest.param(
        {"status": 403, "headers": {"X-Required-Permission": "hudson.model.Item.Read"}},
        Refused,
        "Item.Read is needed",
        id="right",
    ),
    pytest.param({"status": 400}, Refused, "answers 400", id="400"),
    pytest.param({"status": 429}, Unavailable, "does not answer", id="429"),
    pytest.param({"status": 500}, Unavailable, "does not answer", id="500"),
    pytest.param({"status": 502, "own": False}, Unavailable, "does not answer", id="502 of a proxy"),
    pytest.param({"status": 503, "body": "Please wait"}, Unavailable, "does not answer", id="503 while it starts"),
    pytest.param({"status": 504, "own": False}, Unavailable, "does not answer", id="504 of a proxy"),
    pytest.param({"status": 404, "own": False}, Unavailable, "404 is not its own", id="404 of a proxy"),
    pytest.param(
        {"status": 302, "headers": {"Location": "http://127.0.0.1:9/login"}}, Refused, "elsewhere", id="sent to a login"
    ),
    pytest.param({"body": "<html>", "own": False}, Unavailable, "unreadable", id="a page in its place"),
    pytest.param({"body": {"name": "x"}, "own": False}, Unavailable, "not its own", id="JSON of somebody else"),
    pytest.param({"body": ""}, Unavailable, "does not answer", id="nothing"),
    pytest.param({"body": "[1]"}, Unavailable, "unreadable", id="a list"),
    pytest.param({"body": "null"}, Unavailable, "unreadable", id="null"),
    pytest.param({"body": DEEP}, Unavailable, "unreadable", id="nested too deep"),
    pytest.param({"body": '{"a": NaN, "b": 1e999}'}, None, "", id="odd numbers"),
]


@pytest.mark.parametrize(("told", "error", "words"), ANSWERS)
async def test_an_answer_is_told_for_what_it_is_and_never_as_a_missing_job(
    rig: Rig, told: dict[str, Any], error: type[GordonError] | None, words: str
) -> None:
    """(J15) python-jenkins calls a 503 "does not exist", and a 500 a failed authentication."""
    rig.odd.says(JOB, **told)
    if error is None:
        assert isinstance(await rig.library.job("moby", DOING), dict)
        return
    with pytest.raises(error, match=words):
        await rig.library.job("moby", DOING)


@pytest.mark.parametrize(
    "listed",
    [{}, {"plugins": None}, {"plugins": [3]}, {"plugins": [{"shortName": "x"}]}, {"plugins": [{"active": 1}]}],
    ids=["no plugins", "null", "a number", "half of one", "nameless"],
)
async def test_an_odd_list_of_plugins_is_unreadable(rig: Rig, listed: dict[str, Any]) -> None:
    rig.odd.says("/pluginManager/api/json", listed)
    with pytest.raises(Unavailable, match="unreadable"):
        await rig.library.plugins(DOING)


async def test_a_404_without_a_name_counts_where_jenkins_itself_answers_beside_it(rig: Rig) -> None:
    """A Jenkins of before 2021 puts no version on its 404."""
    rig.odd.says(JOB, "", 404, own=False)
    rig.odd.says("/api/json", {"mode": "NORMAL"})
    assert await rig.library.job("moby", DOING) is None


async def test_nobody_listening_is_no_answer(rig: Rig, unused_tcp_port: int) -> None:
    rig.odd.port = unused_tcp_port
    dead = Rig(rig.odd)
    with pytest.raises(Unavailable, match="does not answer"):
        await dead.library.job("moby", DOING)
    await dead.close()


async def test_a_silent_jenkins_is_left_at_the_deadline(rig: Rig) -> None:
    never = asyncio.Event()

    async def hang(_: web.BaseRequest) -> web.StreamResponse:
        await never.wait()
        return web.Response()

    rig.odd.does(JOB, hang)
    impatient = Rig(rig.odd, deadline_s=0.2)
    with pytest.raises(Unavailable, match="does not answer"):
        await impatient.library.job("moby", DOING)
    never.set()
    await impatient.close()


async def test_an_answer_without_end_is_left(rig: Rig) -> None:
    async def flood(request: web.BaseRequest) -> web.StreamResponse:
        response = web.StreamResponse(headers=OWN)
        await response.prepare(request)
        piece = b" " * 1024 * 1024
        for _ in range(2 * MAX_ANSWER_BYTES // len(piece)):
            await response.write(piece)
        return response

    rig.odd.does(JOB, flood)
    with pytest.raises(Unavailable, match="does not answer"):
        await rig.library.job("moby", DOING)


async def test_two_questions_are_out_at_once_and_the_others_wait(rig: Rig) -> None:
    out: list[int] = [0]
    most, go, both = [0], asyncio.Event(), asyncio.Event()

    async def count(_: web.BaseRequest) -> web.StreamResponse:
        out[0] += 1
        most[0] = max(most[0], out[0])
        if out[0] == CLIENTS:
            both.set()
        await go.wait()
        out[0] -= 1
        return web.json_response({"name": "moby"}, headers=OWN)

    rig.odd.does(JOB, count)
    reads = [asyncio.create_task(rig.library.job("moby", DOING)) for _ in range(3 * CLIENTS)]
    await both.wait()
    go.set()
    assert [found and found["name"] for found in await asyncio.gather(*reads)] == ["moby"] * 3 * CLIENTS
    assert most == [CLIENTS]


async def test_a_question_that_nobody_waits_for_any_more_keeps_its_thread_only_until_it_is_answered(rig: Rig) -> None:
    go, arrived = asyncio.Event(), asyncio.Semaphore(0)

    async def wait(_: web.BaseRequest) -> web.StreamResponse:
        arrived.release()
        await go.wait()
        return web.json_response({"name": "moby"}, headers=OWN)

    rig.odd.does(JOB, wait)
    given_up = [asyncio.create_task(rig.library.job("moby", DOING)) for _ in range(CLIENTS)]
    for task in given_up:
        await arrived.acquire()
        task.cancel()
    await asyncio.wait(given_up)
    later = asyncio.create_task(rig.library.job("moby", DOING))
    go.set()
    assert await later == {"name": "moby"}


async def test_its_threads_hold_up_no_end_of_a_program_and_end_when_it_is_closed(rig: Rig) -> None:
    before = set(threading.enumerate())
    rig.odd.says(JOB, {"name": "moby"})
    await rig.library.job("moby", DOING)
    mine = [thread for thread in threading.enumerate() if thread.name == "python-jenkins" and thread not in before]
    assert [thread.daemon for thread in mine] == [True] * CLIENTS
    rig.library.close()
    for thread in mine:
        await asyncio.to_thread(thread.join, 5.0)
        assert not thread.is_alive()


async def test_the_clock_and_the_session_are_learned_from_its_answers_too(rig: Rig) -> None:
    rig.odd.says(JOB, {"name": "moby"})
    await rig.library.job("moby", DOING)
    assert rig.http.session == OWN["X-Jenkins-Session"]


async def test_what_the_environment_would_change_is_ignored_and_said_without_its_value(
    rig: Rig, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """Contract of python-jenkins: one turns the check of certificates off, the other adds headers and logs them."""
    monkeypatch.setenv("PYTHONHTTPSVERIFY", "0")
    monkeypatch.setenv("JENKINS_API_EXTRA_HEADERS", "X-Secret: hunter2")
    careful = Rig(rig.odd)
    rig.odd.says(JOB, {"name": "moby"})
    await careful.library.job("moby", DOING)
    await careful.close()
    assert "X-Secret" not in rig.odd.asked[-1].headers
    assert sorted(record.getMessage() for record in caplog.records) == [
        "JENKINS_API_EXTRA_HEADERS in the environment is ignored",
        "PYTHONHTTPSVERIFY in the environment is ignored",
    ]
