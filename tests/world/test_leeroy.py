"""Leeroy's face: its old clients send what they always sent, and 204 is said when it is true."""

import asyncio
import time
from collections.abc import Sequence
from pathlib import Path

import pytest

from bot.demo.jenkins.ledger import Outage
from bot.demo.jenkins.model import Plan
from bot.demo.world import CONTEXTS, REPO
from tests.world.leeroy_rig import (
    PASSWORD,
    USER,
    as_curl,
    as_gordon_bot,
    ask,
    basic,
    built,
    host_of,
    send,
    with_leeroy,
)

ALL_BUT_CUSTOM = sorted(job for name, job in CONTEXTS.items() if name != "lxc")
HONEST_WITHIN_S = 9.5

BUILDS = [
    pytest.param("retry", "", ALL_BUT_CUSTOM, id="retry-all"),
    pytest.param("custom", "lxc", ["lxc/docker-prs"], id="custom"),
    pytest.param("custom", "janky", ["docker-prs"], id="custom-of-one-that-is-not"),
    pytest.param("retry", "lxc", ["lxc/docker-prs"], id="both-paths-are-one"),
    pytest.param("custom", "all", ALL_BUT_CUSTOM, id="the-word-all"),
    pytest.param("custom", "docker/windows", ["win"], id="by-the-name-of-its-status"),
]


@pytest.mark.parametrize(("what", "context", "jobs"), BUILDS)
async def test_gordon_bot_has_builds_queued(tmp_path: Path, what: str, context: str, jobs: Sequence[str]) -> None:
    async with with_leeroy(tmp_path) as gordon:
        answer = await ask(gordon, what, 1, context)
        assert (answer.code, answer.body) == (204, "")
        assert built(gordon) == jobs
        (record,) = [one for one in await gordon.app.audit.newest(9) if one["decision"] == "accepted"]
        assert (record["surface"], record["person"], record["repo"], record["pr"]) == (
            "leeroy",
            "machine",
            "moby/moby",
            1,
        )


async def test_rebuild_prs_has_builds_queued(tmp_path: Path) -> None:
    """Its data have the keys in another order and call themselves a form."""
    async with with_leeroy(tmp_path) as gordon:
        data = '{"repo":"moby/moby","context":"windows","number":2}'
        answer = await send(gordon, as_curl("/build/custom", data, host=host_of(gordon)))
        assert (answer.code, built(gordon)) == (204, ["win"])


async def test_what_is_asked_for_twice_is_built_once(tmp_path: Path) -> None:
    """Both are told the truth: the build is in the queue."""
    async with with_leeroy(tmp_path) as gordon:
        gordon.world.build_of(lambda starting: Plan("SUCCESS", 600.0))
        answers = await asyncio.gather(*(ask(gordon, "custom", 1, "janky") for _ in range(3)))
        assert [answer.code for answer in answers] == [204] * 3
        assert built(gordon) == ["docker-prs"]


@pytest.mark.parametrize("password", [PASSWORD, "wrong"])
@pytest.mark.parametrize("user", [USER, "wrong"])
async def test_each_credential_half_refused(tmp_path: Path, user: str, password: str) -> None:
    """A38: Leeroy let in whoever had one of the two right."""
    async with with_leeroy(tmp_path) as gordon:
        request = as_gordon_bot(
            "/build/custom", 1, "moby/moby", "janky", host=host_of(gordon), login=basic(user, password)
        )
        is_right = (user, password) == (USER, PASSWORD)
        assert (await send(gordon, request)).code == (204 if is_right else 401)
        assert len(built(gordon)) == is_right


NO_LOGIN = [
    pytest.param("", id="empty"),
    pytest.param("Basic", id="no-credentials"),
    pytest.param("Basic ====", id="no-base64"),
    pytest.param("Basic bGVlcm95", id="no-colon"),
    pytest.param("Basic Og==", id="both-empty"),
    pytest.param(basic().replace("Basic", "Bearer"), id="another-scheme"),
    pytest.param(f"{basic()}\r\nAuthorization: {basic()}", id="two"),
    pytest.param(basic(USER, PASSWORD[:-1]), id="cut-short"),
    pytest.param(basic(USER.upper(), PASSWORD), id="another-case"),
]


@pytest.mark.parametrize("login", NO_LOGIN)
async def test_who_has_no_login_starts_nothing(tmp_path: Path, login: str) -> None:
    """A7: and nothing of the body is looked at."""
    async with with_leeroy(tmp_path) as gordon:
        answer = await send(gordon, as_curl("/build/retry", "{", host=host_of(gordon), login=login))
        assert answer.code == 401
        assert answer.headers["www-authenticate"] == 'Basic realm="gordon"'
        assert built(gordon) == []


METHODS = [
    pytest.param("GET /build/retry", True, 405, id="get"),
    pytest.param("GET /build/retry", False, 401, id="the-login-comes-first"),
    pytest.param("PUT /build/cron", True, 405, id="put"),
    pytest.param("POST /build", True, 404, id="no-name"),
    pytest.param("POST /build/other", True, 404, id="another-name"),
    pytest.param("POST /build/retry/1", True, 404, id="a-name-too-much"),
]


@pytest.mark.parametrize(("line", "with_login", "code"), METHODS)
async def test_what_is_no_post_there(tmp_path: Path, line: str, with_login: bool, code: int) -> None:
    async with with_leeroy(tmp_path) as gordon:
        login = f"Authorization: {basic()}\r\n" if with_login else ""
        request = f"{line} HTTP/1.1\r\nHost: {host_of(gordon)}\r\n{login}Content-Length: 0\r\n\r\n"
        assert (await send(gordon, request.encode())).code == code


WRONG = [
    pytest.param("", "no JSON", id="empty"),
    pytest.param("[]", "but not an object", id="list"),
    pytest.param('{"number":"1","repo":"moby/moby"}', "but not an object", id="number-as-text"),
    pytest.param('{"number":-1,"repo":"moby/moby"}', "a number that no pull request has", id="below-zero"),
    pytest.param('{"number":1e400,"repo":"moby/moby"}', "JSON", id="huge"),
    pytest.param('{"repo":"moby/moby"}', "it names no pull request", id="no-number"),
    pytest.param('{"number":1}', 'no repository ""', id="no-repo"),
    pytest.param('{"number":1,"repo":"moby/../moby"}', "no repository", id="traversal"),
    pytest.param('{"number":1,"repo":"moby%2fmoby"}', "no repository", id="escaped"),
    pytest.param('{"number":1,"repo":"moby"}', "no repository", id="short"),
    pytest.param('{"number":1,"repo":"evil/moby"}', "no repository", id="another-owner"),
    pytest.param('{"number":1,"repo":"moby/moby","context":"jank"}', 'no context "jank"', id="context"),
    pytest.param('{"number":1,"repo":"moby/moby","context":"../win"}', "no context", id="context-traversal"),
    pytest.param('{"number":1,"repo":"moby/moby","context":"janky windows"}', "no context", id="two-contexts"),
    pytest.param('{"number":1,"repo":"moby/moby","context":"janky\\nall"}', "too long, or not text", id="line-break"),
    pytest.param('{"number":1,"repo":"moby/moby","ref":"master"}', "this asks for a ref", id="ref"),
    pytest.param('{"number":999,"repo":"moby/moby"}', "no pull request #999", id="no-such-pull"),
    pytest.param('{"number":88,"repo":"moby/moby"}', "is closed", id="closed"),
    pytest.param('{"number":1,"repo":"moby/moby","context":"' + "x" * 301 + '"}', "too long", id="long"),
    pytest.param("[" * 60_000, "too deep", id="deep"),
]


@pytest.mark.parametrize(("data", "said"), WRONG)
async def test_what_cannot_be_done_is_500_with_one_line(tmp_path: Path, data: str, said: str) -> None:
    """A12, A23: nothing is asked of Jenkins, and the code is Leeroy's."""
    async with with_leeroy(tmp_path) as gordon:
        answer = await send(gordon, as_curl("/build/custom", data, host=host_of(gordon)))
        assert answer.code == 500
        assert said in answer.body
        assert answer.body.count("\n") == 1
        assert gordon.world.jenkins.ledger.asked("POST") == []


async def test_a_program_has_the_rights_of_its_person(tmp_path: Path) -> None:
    async with with_leeroy(tmp_path, role="author") as gordon:
        answer = await ask(gordon, "custom", 1, "janky")
        assert (answer.code, built(gordon)) == (500, [])
        assert "triager" in answer.body


async def test_more_contexts_than_one_command_starts_are_all_built(tmp_path: Path) -> None:
    """Nobody could confirm here."""
    more = [f"more-{number}" for number in range(9)]
    async with with_leeroy(tmp_path, more=more) as gordon:
        assert (await ask(gordon, "retry", 1)).code == 204
        assert built(gordon) == sorted([*ALL_BUT_CUSTOM, *more])


OUTAGES: tuple[Outage, ...] = ("refused", "reset", "503")


@pytest.mark.parametrize("how", OUTAGES)
async def test_jenkins_down_is_never_204(tmp_path: Path, how: Outage) -> None:
    """What the old bot called "Rebuilding"; the line says that it goes on, and asking again starts nothing twice."""
    async with with_leeroy(tmp_path, numbers={"again_after_s": 0.2, "timeout_s": 1}) as gordon:
        await gordon.world.jenkins.go_down(how)
        asked_s = time.monotonic()
        answer = await ask(gordon, "custom", 1, "janky")
        assert time.monotonic() - asked_s < HONEST_WITHIN_S
        assert answer.code == 500
        assert "Jenkins ci does not answer" in answer.body
        assert "I will keep trying until" in answer.body
        await gordon.world.jenkins.come_back()
        assert (await ask(gordon, "custom", 1, "janky")).code == 204
        assert built(gordon) == ["docker-prs"]


async def test_a_script_asks_for_more_than_a_person_may(tmp_path: Path) -> None:
    """As rebuild_prs.sh does: a request for each of many pull requests, one after the other."""
    numbers = {"commands_per_minute": 5, "builds_per_person": 2}
    async with with_leeroy(tmp_path, numbers=numbers) as gordon:
        world = gordon.world
        pulls = [world.github.open_pull(REPO, title="One more", author="tianon") for _ in range(8)]
        assert [(await ask(gordon, "custom", number, "janky")).code for number in pulls] == [204] * len(pulls)
        assert built(gordon) == ["docker-prs"] * len(pulls)


async def test_what_has_as_many_builds_as_it_may_is_told_so(tmp_path: Path) -> None:
    async with with_leeroy(tmp_path, builds=1) as gordon:
        assert (await ask(gordon, "custom", 1, "janky")).code == 204
        answer = await ask(gordon, "custom", 2, "janky")
        assert answer.code == 500
        assert "1 builds under way" in answer.body


async def test_a_storm_is_answered_request_by_request(tmp_path: Path) -> None:
    """A33: what is too much for the person is a 500 at once, each time, and starts nothing."""
    async with with_leeroy(tmp_path, requests_per_minute=5) as gordon:
        asked_s = time.monotonic()
        answers = [await ask(gordon, "custom", 1, "janky") for _ in range(12)]
        assert [answer.code for answer in answers] == [204] * 5 + [500] * 7
        assert all("too many" in answer.body for answer in answers[5:])
        assert time.monotonic() - asked_s < HONEST_WITHIN_S
        assert built(gordon) == ["docker-prs"]
