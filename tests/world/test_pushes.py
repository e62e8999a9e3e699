"""Pushes while builds are asked for, queued and run: nothing is done on a commit that was not read, and askers hear."""

import json
import re
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path

from aiohttp import web

from bot.clock import SystemClock
from bot.demo.github.double import Asked
from bot.demo.jenkins.model import Plan
from bot.demo.world import REPO, World
from bot.testing import Gordon, running
from tests.world.honesty import on_disk, until

SPEED = 20.0  # GitHub wants a second between two writes
NUMBERS = {"poll_s": 1.0, "idle_poll_s": 1.0, "gather_s": 1.0, "again_after_s": 2.0, "timeout_s": 1.0}
JANKY, CONTEXT = '[repos."moby/moby".contexts.janky]', "docker/janky"
VARIES = re.compile(r"[0-9a-f]{40}|(?<=[/=])\d+")


class Requests:
    """What Gordon asks of GitHub and Jenkins, with something to do before one of them is answered."""

    def __init__(self, world: World) -> None:
        self.kinds: list[str] = []
        self.told_heads: set[str] = set()
        self._world = world
        self._push_before = ""
        self._number = 0

    def on_github(self, asked: Asked) -> None:
        self._one(f"GitHub {asked.method} {VARIES.sub('N', asked.path)}")

    def on_jenkins(self, method: str, path: str) -> None:
        self._one(f"Jenkins {method} {VARIES.sub('N', path)}")

    def on_answer(self, asked: Asked, response: web.StreamResponse) -> None:
        """Note which heads GitHub has told."""
        if (
            isinstance(response, web.Response)
            and isinstance(response.body, bytes)
            and f"/pulls/{self._number}" in asked.path
        ):
            self.told_heads |= {json.loads(response.body)["head"]["sha"]} if response.status == 200 else set()

    @contextmanager
    def of(self, number: int, push_before: str) -> Iterator[None]:
        """Watch what is asked about one pull request, and push to it before the first request of a kind is answered."""
        self._number, self._push_before = number, push_before
        self.kinds, self.told_heads = [], set()
        hub, jenkins = self._world.github, self._world.jenkins
        hub.before_answer, hub.after_answer, jenkins.before_answer = self.on_github, self.on_answer, self.on_jenkins
        try:
            yield
        finally:
            hub.before_answer = hub.after_answer = jenkins.before_answer = None

    def _one(self, kind: str) -> None:
        if kind not in self.kinds:
            self.kinds.append(kind)
        if kind == self._push_before:
            self._push_before = ""
            self._world.github.push(REPO, self._number)

    @property
    def has_pushed(self) -> bool:
        return not self._push_before


@asynccontextmanager
async def pushed_at(folder: Path, *, compare_s: float) -> AsyncIterator[Gordon]:
    async with World(folder, numbers=NUMBERS, clock=SystemClock(speed=SPEED)) as world:
        text = world.config.read_text(encoding="utf-8").replace(JANKY, f'{JANKY}\nstatus = "{CONTEXT}"')
        text = text.replace("[github]\n", f"[github]\ncompare_s = {compare_s}\n")
        text = text.replace("[jenkins.ci]\n", "[jenkins.ci]\nwatch_others = false\n")
        world.config.write_text(text, encoding="utf-8")
        async with running(folder, world=world) as gordon:
            yield gordon


def head(gordon: Gordon, number: int) -> str:
    return gordon.world.github.pull_record(REPO, number).head


def built(gordon: Gordon, number: int) -> list[str]:
    """List the commits of a pull request that Jenkins was asked to build."""
    asked = [each.parameters for each in gordon.world.jenkins.ledger.triggers]
    return [str(one["GIT_SHA1"]) for one in asked if one["PR"] == str(number)]


async def rebuilt_with_a_push(gordon: Gordon, push_before: str) -> list[str]:
    """Rebuild a new pull request while somebody pushes, check what came of it, and tell what was asked on the way."""
    hub = gordon.world.github
    number = hub.open_pull(REPO, title="Fix", author="tianon")
    heads, requests = [head(gordon, number)], Requests(gordon.world)
    with requests.of(number, push_before):
        told = await gordon.say("tianon", f"rebuild moby#{number} janky", expect="queued janky")

        def is_over() -> bool:
            last = [
                hub.statuses(REPO, sha)[-1].state for sha in hub.repo(REPO).statuses if sha in built(gordon, number)
            ]
            return last == ["success"]

        await until(is_over)
    assert requests.has_pushed, f"nothing like {push_before!r} was asked: {requests.kinds}"
    heads.append(head(gordon, number))
    [sha] = built(gordon, number)
    assert sha in requests.told_heads, "what was built is what GitHub had told, and not another"
    assert f"moby#{number} at {sha:.7}: queued janky" in told, "what was built is what the asker was told"
    unseen = set(heads) - {sha}
    assert not any(hub.statuses(REPO, other) for other in unseen), "nothing is said of a commit that was not built"
    assert {each.context for each in hub.statuses(REPO, sha)} == {CONTEXT}
    return requests.kinds


async def test_g12_a_push_between_any_two_requests_of_a_rebuild_has_nothing_done_on_what_was_not_read(
    tmp_path: Path,
) -> None:
    """G12, A18, F18: the gaps are those of a rebuild without a push, whichever requests that makes."""
    async with pushed_at(tmp_path, compare_s=600.0) as gordon:
        gordon.world.build_of(lambda starting: Plan("SUCCESS", 1.0))
        await rebuilt_with_a_push(gordon, "")  # with it passes what is asked once after the start
        gaps = await rebuilt_with_a_push(gordon, "")
        assert {gap.split()[0] for gap in gaps} == {"GitHub", "Jenkins"}
        assert any("POST" in gap for gap in gaps)
        for gap in gaps:
            await rebuilt_with_a_push(gordon, gap)


async def test_whoever_asked_for_the_old_head_hears_of_a_push_once(tmp_path: Path) -> None:
    async with pushed_at(tmp_path, compare_s=1.0) as gordon:
        gordon.world.build_of(lambda starting: Plan("SUCCESS", 3600.0))
        await gordon.say("tianon", "rebuild moby#1 janky lxc", expect="queued")
        await until(lambda: gordon.world.jenkins.job("lxc/docker-prs").builds)
        await until(lambda: gordon.world.jenkins.job("docker-prs").builds)
        await until(
            lambda: any(each.state == "pending" for each in gordon.world.github.statuses(REPO, head(gordon, 1)))
        )
        old = head(gordon, 1)
        new = gordon.world.github.push(REPO, 1)
        told = await gordon.chat.line("has moved from")
        # A build that Gordon has not seen since it left the queue is still called queued.
        assert re.fullmatch(
            rf"moby#1 has moved from {old:.7} to {new:.7}: janky \((#1|queued)\) and lxc \((#1|queued)\) were asked "
            "for the old commit; say rebuild moby/moby#1 for the new one",
            told,
        )
        await gordon.say("jess", "rebuild moby#1 windows", expect="queued windows")
        newest = gordon.world.github.push(REPO, 1)
        told = await gordon.chat.line(f"has moved from {new:.7} to {newest:.7}")
        assert "windows (" in told
        assert "janky" not in told
        assert [each.to for each, text in gordon.chat.said if "has moved" in text] == ["tianon", "jess"]
        await on_disk(gordon, "SELECT count(*) FROM plugin_state WHERE plugin = 'heads'")
        gordon.world.github.close(REPO, 1)
        await on_disk(gordon, "SELECT count(*) FROM plugin_state WHERE plugin = 'heads'", lambda count: count == 0)
        assert not gordon.world.jenkins.ledger.stops, "nothing is cancelled"
