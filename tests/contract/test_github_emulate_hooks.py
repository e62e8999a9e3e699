"""What webhooks of npm's `emulate`, a GitHub that nobody here wrote, come to by the real page and the real book."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from aiohttp import web

from bot.adapters.github import GitHub
from bot.adapters.github_hooks import PATH, GitHubHooks, Hook
from bot.adapters.hook_secrets import HookSecrets
from bot.adapters.web import Page, WebServer
from bot.events import BranchPushed, Event, PullClosed, PullOpened, PullPushed, PullReviewed
from bot.forge import Told
from bot.pull_news import Taken
from bot.settings import WebSettings
from bot.values import Account, Pull, PullRef
from tests.book_rig import Booking, booking, live_of
from tests.contract import emulate_rig as rig
from tests.contract.emulate_rig import ALICE, BOB, People
from tests.contract.github_rig import everything
from tests.virtual_clock import NOON_S, VirtualClock

TOLD, TWICE, PUSHED, FORGED = rig.TOLD
SECRET, OLD = "open sesame 7%", "another secret"
WITHIN_S = 20  # milliseconds, unless the machine is busy


@pytest.fixture(scope="module")
def url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with rig.emulated(tmp_path_factory.mktemp("emulate"), rig.new_key()) as url:
        yield url


@pytest_asyncio.fixture
async def people(url: str) -> AsyncIterator[People]:
    async with rig.people(url) as people:
        yield people


@pytest_asyncio.fixture
async def github(url: str) -> AsyncIterator[GitHub]:
    async with rig.adapter(url) as github:
        yield github


def undecided(pull: Pull) -> Pull:
    """Leave out whether it can be merged, and what came of that, which the book does not keep."""
    return replace(pull, mergeable=None, merged_as="")


@dataclass
class Door:
    """Where webhooks of that GitHub are sent to: the real page and the real book; what it answered to each."""

    page: GitHubHooks
    books: Booking
    url: str = ""
    told: list[Told] = field(default_factory=list)
    answered: list[tuple[str, str, int]] = field(default_factory=list)
    more: asyncio.Condition = field(default_factory=asyncio.Condition)

    async def answer(self, request: web.Request, rest: str) -> web.Response:
        answer = await self.page.answer(request, rest)
        event, delivery = (request.headers[f"X-GitHub-{name}"] for name in ("Event", "Delivery"))
        async with self.more:
            self.answered.append((event, delivery, answer.status))
            self.more.notify_all()
        return answer

    async def known(self, ref: PullRef) -> Pull:
        """Tell how the book has a pull request."""
        known = await self.books.book.known(ref)
        assert known is not None
        return undecided(known.pull)

    async def until(self, done: Callable[[], bool]) -> None:
        async with asyncio.timeout(WITHIN_S), self.more:
            await self.more.wait_for(done)

    async def has(self, events: list[str]) -> None:
        """Wait until deliveries of these events, and no others, were answered."""
        await self.until(lambda: len(self.answered) >= len(events))
        assert sorted(event for event, _, _ in self.answered) == sorted(events)

    async def hears(self, what: str) -> Told:
        """Wait for something to be told."""
        await self.until(lambda: any(told.what == what for told in self.told))
        return next(told for told in self.told if told.what == what)

    async def news(self, kind: type[Event], count: int = 1) -> list[Any]:
        """Wait for events of a kind and give those there are."""

        def found() -> list[Event]:
            return [event for event in self.books.told if isinstance(event, kind)]

        await self.until(lambda: len(found()) >= count)
        return found()


@asynccontextmanager
async def opened(folder: Path) -> AsyncIterator[Door]:
    """Listen for webhooks that are signed with our secret, or with the one before it."""
    clock = VirtualClock()
    clock.now_s = time.time() - NOON_S  # that of the other GitHub
    files = {folder / "secret": SECRET, folder / "old": OLD}
    for file, secret in files.items():
        file.write_text(secret)
        file.chmod(0o600)
    async with booking(folder, clock, live=live_of(rig.TOLD)) as books:
        told: list[Told] = []

        async def take(one: Told) -> Taken:
            told.append(one)
            return await books.book.take(one)

        hook = Hook("", HookSecrets("the webhook", [(file, "") for file in files], clock))
        door = Door(GitHubHooks([hook], lambda: rig.TOLD, take, clock), books, told=told)
        server = WebServer(WebSettings(port=0), {PATH: Page(door.answer)})
        await server.start()
        door.url = server.url + PATH
        try:
            yield door
        finally:
            await server.stop()


async def test_what_its_webhooks_tell_becomes_events(github: GitHub, people: People, tmp_path: Path) -> None:
    """Each delivery is signed as we expect it; its ids are small numbers, which are as good as any."""
    async with opened(tmp_path) as door, people.hooked(TOLD, door.url, SECRET) as hook:
        since = datetime.now(UTC) - timedelta(seconds=1)
        ref = await people.open_pull(TOLD)
        pull = await github.pull(ref)
        (opening,) = await door.news(PullOpened)
        assert (undecided(opening.pull), opening.actor) == (undecided(pull), Account(pull.author_id, ALICE))
        (pushed,) = await door.news(BranchPushed)
        assert (pushed.after, pushed.lane, pushed.actor) == (pull.head, f"{TOLD}:{pushed.branch}", opening.actor)

        path = f"/repos/{TOLD}/pulls/{ref.number}"
        await people.ask(ALICE, "POST", f"{path}/requested_reviewers", {"reviewers": [BOB]})
        asked = await door.hears("pull_request.review_requested")
        assert asked.facts == ()  # GitHub's would say whose review it is

        await people.ask(BOB, "POST", f"{path}/reviews", {"event": "APPROVE", "body": "Yes"})
        (reviewed,) = await door.news(PullReviewed)
        assert [reviewed.review] == await github.reviews(ref)

        await people.comment(ref, "LGTM für alle")  # GitHub's would say that it is on a pull request
        await door.until(lambda: door.page.ignored["issue_comment"] == 1)

        await people.ask(ALICE, "PATCH", path, {"state": "closed"})
        merged = await people.open_pull(TOLD)
        await door.news(PullOpened, 2)
        await people.ask(BOB, "PUT", f"/repos/{TOLD}/pulls/{merged.number}/merge", {})
        assert [(end.pull.ref, end.pull.merged) for end in await door.news(PullClosed, 2)] == [
            (ref, False),
            (merged, True),
        ]

        for each in (ref, merged):
            assert await door.known(each) == undecided(await github.pull(each))
        sent = await people.sent(hook, len(door.answered))
        assert set(door.answered) == {(one["event"], str(one["id"]), one["status_code"]) for one in sent}
        assert len(door.answered) == len(sent)
        assert door.page.refused == {}
        found = await github.missed(TOLD, since, everything)
        assert found is not None
        assert sorted((one.name, one.arrived) for one in found) == sorted((one["event"], True) for one in sent)


async def test_what_two_webhooks_tell_happens_once(github: GitHub, people: People, tmp_path: Path) -> None:
    """F17, F45: each with deliveries of its own, and one still signs with the secret that is replaced."""
    async with (
        opened(tmp_path) as door,
        people.hooked(TWICE, door.url, SECRET),
        people.hooked(TWICE, door.url, OLD),
    ):
        ref = await people.open_pull(TWICE)
        path = f"/repos/{TWICE}/pulls/{ref.number}"
        await door.has(2 * ["create", "push", "pull_request"])
        await people.ask(BOB, "POST", f"{path}/reviews", {"event": "REQUEST_CHANGES", "body": "No"})
        await door.has(2 * ["create", "push", "pull_request", "pull_request_review"])
        await people.ask(BOB, "PATCH", path, {"state": "closed"})
        await door.has(2 * ["create", "push", "pull_request", "pull_request_review", "pull_request"])
        assert len({guid for _, guid, _ in door.answered}) == len(door.answered)
        assert sorted(type(event).__name__ for event in door.books.told) == [
            "BranchPushed",
            "PullClosed",
            "PullOpened",
            "PullReviewed",
        ]
        assert door.page.refused == {}
        assert await door.known(ref) == undecided(await github.pull(ref))


async def test_a_push_that_no_webhook_tells_is_found_by_reading(github: GitHub, people: People, tmp_path: Path) -> None:
    """F19."""
    async with opened(tmp_path) as door, people.hooked(PUSHED, door.url, SECRET):
        ref = await people.open_pull(PUSHED)
        (opening,) = await door.news(PullOpened)
        await people.ask(ALICE, "PUT", f"/repos/{PUSHED}/pulls/{ref.number}/update-branch", {})
        pull = await github.pull(ref)
        look = Told("", "look", PUSHED, pull, is_read=True)
        assert [await door.books.book.take(look) for _ in range(2)] == [Taken.FRESH, Taken.REPEATED]
        (pushed,) = await door.news(PullPushed)
        assert (pushed.before, pushed.pull.head) == (opening.pull.head, pull.head)
        assert pull.head != opening.pull.head


async def test_what_another_secret_signed_is_refused(people: People, tmp_path: Path) -> None:
    """A7."""
    async with opened(tmp_path) as door, people.hooked(FORGED, door.url, f"{SECRET}x") as hook:
        await people.open_pull(FORGED)
        await door.has(["create", "push", "pull_request"])
        assert {status for _, _, status in door.answered} == {403}
        assert (door.told, door.books.told) == ([], [])
        sent = await people.sent(hook, 3)
        assert {one["status"] for one in sent} == {"Failed"}
