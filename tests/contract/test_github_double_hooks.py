"""The webhooks of the embedded GitHub: signed, in order, sent once, and lost, doubled or late when a test says so."""

import asyncio
import hashlib
import hmac
import itertools
import json
import re
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs

import aiohttp
import pytest
from aiohttp import web

from bot.demo.github.double import GitHubDouble
from bot.demo.github.hooks import FORGOTTEN, LOST, Delivery, Fate, dice
from tests.contract.github_rig import Clock

REPO = "moby/moby"
SCOPES = ("repo", "admin:repo_hook")


@dataclass
class Heard:
    """One request as it arrived."""

    headers: dict[str, str]
    body: bytes

    @property
    def payload(self) -> Any:
        return json.loads(self.body)

    @property
    def what(self) -> str:
        action = self.payload.get("action")
        return self.headers["X-GitHub-Event"] + (f".{action}" if action else "")


@dataclass
class Ear:
    """A server that takes deliveries.

    Arguments:
        statuses: of its next answers; 204 after that.
    """

    url: str = ""
    heard: list[Heard] = field(default_factory=list)
    statuses: list[int] = field(default_factory=list)

    async def answer(self, request: web.Request) -> web.Response:
        self.heard.append(Heard(dict(request.headers), await request.read()))
        return web.Response(status=self.statuses.pop(0) if self.statuses else 204, text=None)

    @property
    def told(self) -> list[str]:
        return [heard.what for heard in self.heard]


@asynccontextmanager
async def listening() -> AsyncIterator[Ear]:
    """Let a server listen that takes deliveries."""
    ear = Ear()
    app = web.Application()
    app.router.add_post("/hook", ear.answer)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    ear.url = f"http://127.0.0.1:{runner.addresses[0][1]}/hook"
    yield ear
    await runner.cleanup()


@pytest.fixture
async def ear() -> AsyncIterator[Ear]:
    async with listening() as ear:
        yield ear


@pytest.fixture
async def double() -> AsyncIterator[GitHubDouble]:
    double = GitHubDouble(Clock())
    double.set_token("good", "gordon", 42, scopes=SCOPES)
    double.add_repo(REPO)
    await double.start()
    yield double
    await double.stop()


async def ask(double: GitHubDouble, path: str, method: str = "GET") -> tuple[int, Any, dict[str, str]]:
    headers = {"Authorization": "token good"}
    url = path if path.startswith("http") else double.base_url + path
    async with aiohttp.ClientSession(headers=headers) as session, session.request(method, url) as answer:
        return answer.status, await answer.json(), {name.lower(): value for name, value in answer.headers.items()}


async def test_what_happens_while_the_sender_puts_down_the_line_is_sent(double: GitHubDouble, ear: Ear) -> None:
    double.add_hook(ear.url, "s3cret", repo=REPO)
    number = double.open_pull(REPO, title="Fix", author="tianon")
    await double.hooks.settled()
    for turns in range(60):  # of the loop, as there is no telling in which of them the sender ends
        double.comment(REPO, number, "one", by="jess")
        for _ in range(turns):
            await asyncio.sleep(0)
        double.comment(REPO, number, "another", by="jess")
        await double.hooks.settled()
        assert double.hooks.ledger[-1].arrived, turns


async def test_a_new_hook_is_pinged_and_told_what_it_asked_for(double: GitHubDouble, ear: Ear) -> None:
    double.add_hook(ear.url, "s3cret", repo=REPO, events=["pull_request", "push"])
    number = double.open_pull(REPO, title="Fix", author="tianon")
    double.comment(REPO, number, "LGTM", by="jess")
    double.push(REPO, number)
    double.close(REPO, number, merged=True)
    await double.hooks.settled()
    wanted = ["ping", "pull_request.opened", "pull_request.synchronize", "pull_request.closed", "push"]
    assert ear.told == wanted


@pytest.mark.parametrize("content_type", ["json", "form"])
async def test_a_delivery_is_signed_over_its_bytes_by_both_digests(
    double: GitHubDouble, ear: Ear, content_type: Any
) -> None:
    """A7."""
    double.add_hook(ear.url, "s3cret", repo=REPO, content_type=content_type)
    await double.hooks.settled()
    [ping] = ear.heard
    for header, digest in (("X-Hub-Signature", "sha1"), ("X-Hub-Signature-256", "sha256")):
        assert ping.headers[header] == f"{digest}={hmac.new(b's3cret', ping.body, digest).hexdigest()}"
    assert re.fullmatch(r"GitHub-Hookshot/[0-9a-f]{7}", ping.headers["User-Agent"])
    assert re.fullmatch(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", ping.headers["X-GitHub-Delivery"])
    assert (ping.headers["X-GitHub-Event"], ping.headers["X-GitHub-Hook-ID"]) == ("ping", "1")
    body = ping.body if content_type == "json" else parse_qs(ping.body.decode())["payload"][0]
    assert json.loads(body)["hook"]["config"]["content_type"] == content_type


async def test_githubs_published_signature_comes_out(double: GitHubDouble, ear: Ear) -> None:
    """The example of https://docs.github.com/webhooks/using-webhooks/validating-webhook-deliveries."""
    body, secret = b"Hello, World!", b"It's a Secret to Everybody"
    known = "757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17"
    assert hmac.new(secret, body, hashlib.sha256).hexdigest() == known
    hook = double.add_hook(ear.url, secret.decode(), repo=REPO)
    sent = double.hooks.send(hook, "ping", {})
    assert sent.headers["X-Hub-Signature-256"] == f"sha256={hmac.new(secret, sent.body, 'sha256').hexdigest()}"


async def test_without_a_secret_nothing_is_signed(double: GitHubDouble, ear: Ear) -> None:
    double.add_hook(ear.url, "", repo=REPO)
    await double.hooks.settled()
    assert not [name for name in ear.heard[0].headers if "Signature" in name]


async def test_a_hook_of_the_organisation_tells_the_same_under_another_identity(double: GitHubDouble, ear: Ear) -> None:
    """F17."""
    double.add_hook(ear.url, "one", repo=REPO, events=["pull_request"])
    double.add_hook(ear.url, "two", org="moby", events=["pull_request"])
    double.open_pull(REPO, title="Fix", author="tianon")
    await double.hooks.settled()
    first, second = ear.heard[-2:]
    assert first.body == second.body
    assert first.headers["X-GitHub-Delivery"] != second.headers["X-GitHub-Delivery"]


async def test_what_is_refused_is_not_sent_again_and_stands_in_the_list(double: GitHubDouble, ear: Ear) -> None:
    """F19: GitHub tries nothing a second time by itself."""
    double.add_hook(ear.url, "s3cret", repo=REPO)
    double.add_hook("http://127.0.0.1:1/", "s3cret", org="moby")
    await double.hooks.settled()
    ear.statuses.append(500)
    double.open_pull(REPO, title="Fix", author="tianon")
    await double.hooks.settled()
    assert ear.told == ["ping", "pull_request.opened"]
    told = [(each.status_code, each.status, each.arrived) for each in double.hooks.ledger[-2:]]
    assert told == [(500, "Invalid HTTP Response: 500", False), (502, "failed to connect to host", False)]
    _, listed, _ = await ask(double, f"/repos/{REPO}/hooks/1/deliveries")
    assert [(each["event"], each["status_code"]) for each in listed] == [("pull_request", 500), ("ping", 204)]


async def test_a_redelivery_has_the_same_identity_and_body_and_the_secret_of_now(
    double: GitHubDouble, ear: Ear
) -> None:
    """F16."""
    hook = double.add_hook(ear.url, "old", repo=REPO)
    double.open_pull(REPO, title="Fix", author="tianon")
    await double.hooks.settled()
    hook.secret = "new"
    status, _, _ = await ask(double, f"/repos/{REPO}/hooks/1/deliveries/2/attempts", "POST")
    await double.hooks.settled()
    _, first, again = ear.heard
    assert (status, again.body) == (202, first.body)
    assert again.headers["X-GitHub-Delivery"] == first.headers["X-GitHub-Delivery"]
    assert again.headers["X-Hub-Signature"] == f"sha1={hmac.new(b'new', again.body, 'sha1').hexdigest()}"
    _, listed, _ = await ask(double, f"/repos/{REPO}/hooks/1/deliveries")
    assert [(each["redelivery"], each["guid"]) for each in listed][:2] == [
        (True, first.headers["X-GitHub-Delivery"]),
        (False, first.headers["X-GitHub-Delivery"]),
    ]


async def test_the_list_of_deliveries_is_paged_by_a_cursor_and_tells_what_was_sent(
    double: GitHubDouble, ear: Ear
) -> None:
    double.add_hook(ear.url, "s3cret", repo=REPO)
    for number in range(4):
        double.push_branch(REPO, f"branch-{number}")
    await double.hooks.settled()
    found, path = [], f"/repos/{REPO}/hooks/1/deliveries?per_page=2"
    while path:
        _, page, headers = await ask(double, path)
        assert len(page) <= 2
        found += [each["id"] for each in page]
        path = (re.findall(r'<(.+)>; rel="next"', headers.get("link", "")) or [""])[0]
    assert found == [5, 4, 3, 2, 1]
    _, told, _ = await ask(double, f"/repos/{REPO}/hooks/1/deliveries/3")
    assert told["request"]["payload"] == ear.heard[2].payload
    assert told["request"]["headers"]["X-GitHub-Event"] == "push"
    assert told["response"]["payload"] == ""


@pytest.mark.parametrize("path", ["hooks", "hooks/1", "hooks/1/deliveries", "hooks/1/deliveries/1"])
async def test_who_may_not_see_hooks_is_told_that_there_are_none(double: GitHubDouble, path: str) -> None:
    double.set_token("good", "gordon", 42)
    double.add_hook("http://127.0.0.1:1/", "s3cret", repo=REPO)
    await double.hooks.settled()
    assert (await ask(double, f"/repos/{REPO}/{path}"))[0] == 404


FATES = [
    pytest.param(LOST, [], 1, id="lost"),
    pytest.param(FORGOTTEN, [], 0, id="forgotten"),
    pytest.param(Fate(copies=3), ["pull_request.opened"] * 3, 1, id="three times"),
    pytest.param(Fate(delay_s=30), ["pull_request.opened"], 1, id="after a while"),
]


@pytest.mark.parametrize(("fate", "told", "listed"), FATES)
async def test_a_delivery_may_fare_badly(
    double: GitHubDouble, ear: Ear, fate: Fate, told: list[str], listed: int
) -> None:
    """F16 F19."""
    double.add_hook(ear.url, "s3cret", repo=REPO)
    double.hooks.fate = lambda _: fate
    double.open_pull(REPO, title="Fix", author="tianon")
    await double.hooks.settled()
    assert ear.told[1:] == told
    assert len({heard.headers["X-GitHub-Delivery"] for heard in ear.heard[1:]}) == (1 if told else 0)
    _, items, _ = await ask(double, f"/repos/{REPO}/hooks/1/deliveries")
    assert len(items) == 1 + listed


async def test_a_delivery_may_be_overtaken(double: GitHubDouble, ear: Ear) -> None:
    """F18."""
    double.add_hook(ear.url, "s3cret", repo=REPO)
    double.hooks.fate = lambda delivery: Fate(late=2) if delivery.action == "opened" else Fate()
    number = double.open_pull(REPO, title="Fix", author="tianon")
    double.push(REPO, number)
    double.close(REPO, number)
    await double.hooks.settled()
    assert ear.told[1:] == ["pull_request.synchronize", "pull_request.closed", "pull_request.opened"]
    double.open_pull(REPO, title="Fix", author="tianon")
    double.hooks.flush()
    await double.hooks.settled()
    assert ear.told[-1] == "pull_request.opened"


async def test_what_is_held_back_goes_out_in_any_order(double: GitHubDouble, ear: Ear) -> None:
    """F18."""
    double.add_hook(ear.url, "s3cret", repo=REPO)
    await double.hooks.settled()
    double.hooks.hold()
    number = double.open_pull(REPO, title="Fix", author="tianon")
    double.push(REPO, number)
    double.close(REPO, number)

    def backwards(waiting: list[Delivery]) -> Iterable[Delivery]:
        return itertools.chain(reversed(waiting), waiting[:1])

    await double.hooks.settled()
    assert ear.told == ["ping"]
    double.hooks.release(backwards)
    await double.hooks.settled()
    assert [what.partition(".")[2] for what in ear.told[1:]] == ["closed", "synchronize", "opened", "opened"]


@pytest.mark.parametrize(
    ("shares", "sent"),
    [
        pytest.param({}, range(200, 201), id="nothing"),
        pytest.param({"lost": 1.0}, range(1), id="all-lost"),
        pytest.param({"twice": 1.0}, range(400, 401), id="all-twice"),
        pytest.param({"lost": 0.25, "twice": 0.5, "late": 0.5}, range(180, 280), id="some-of-all"),
    ],
)
def test_dice_fall_alike_in_every_run(shares: dict[str, float], sent: range) -> None:
    hooks = GitHubDouble(Clock()).hooks
    hooks.hold()
    delivery = hooks.send(hooks.add(REPO, "http://127.0.0.1:1/", "", ["*"], "json", {}), "ping", {})
    fates = [[decide(delivery) for _ in range(200)] for decide in (dice(7, **shares), dice(7, **shares))]
    assert fates[0] == fates[1]
    assert sum(fate.copies for fate in fates[0]) in sent


async def test_while_the_api_is_down_hooks_are_told_all_the_same(double: GitHubDouble, ear: Ear) -> None:
    double.add_hook(ear.url, "s3cret", repo=REPO)
    await double.down()
    double.open_pull(REPO, title="Fix", author="tianon")
    await double.hooks.settled()
    assert ear.told == ["ping", "pull_request.opened"]


@asynccontextmanager
async def silence() -> AsyncIterator[tuple[str, asyncio.Event]]:
    """Let a server listen that says nothing; the event tells that somebody has come."""

    met = set[asyncio.Task[object] | None]()

    async def meet(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        met.add(asyncio.current_task())
        came.set()
        await done.wait()
        writer.close()

    came, done = asyncio.Event(), asyncio.Event()
    server = await asyncio.start_server(meet, "127.0.0.1", 0)
    yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/", came
    done.set()
    server.close()
    await asyncio.gather(*(task for task in met if task is not None))


async def test_who_says_nothing_is_given_up_and_the_next_is_told(double: GitHubDouble) -> None:
    double.hooks.patience_s = 0.05
    async with silence() as (url, _):
        double.add_hook(url, "s3cret", repo=REPO)
        double.open_pull(REPO, title="Fix", author="tianon")
        await double.hooks.settled()
    assert [(each.status_code, each.status) for each in double.hooks.sent] == [(504, "timed out")] * 2


async def test_stopping_sends_nothing_more(double: GitHubDouble) -> None:
    async with silence() as (url, came):
        double.add_hook(url, "s3cret", repo=REPO)
        await came.wait()
        await double.stop()
    assert [each.status for each in double.hooks.ledger] == ["pending"]
