"""What Prometheus reads of a Gordon that works: each thing that is done is counted, once, and as what it was."""

import asyncio
import threading
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import aiohttp
import pytest
from prometheus_client.openmetrics.parser import text_string_to_metric_families as open_families
from prometheus_client.parser import text_string_to_metric_families as families

from bot import gauges
from bot.demo.jenkins.model import Plan
from bot.demo.world import GITHUB_TOKEN, HOOK_SECRET, PLUGINS, TOKEN, World
from bot.metrics import GAUGES
from bot.testing import Gordon, running
from tests.world.honesty import until

BAD = Path(__file__).parent / "bad_plugins"
OPEN = "application/openmetrics-text; version=1.0.0"


class Scraped:
    """All samples of a scrape."""

    def __init__(self, text: str, kind: str) -> None:
        self.text = text
        read = open_families if "openmetrics" in kind else families
        self.found = {
            (sample.name, frozenset(sample.labels.items())): sample.value
            for family in read(text)
            for sample in family.samples
        }

    def __call__(self, name: str, **labels: str) -> float:
        """Sum the samples of a metric that have these labels."""
        return sum(
            value
            for (known, has), value in self.found.items()
            if known == f"gordon_{name}" and labels.items() <= dict(has).items()
        )


@asynccontextmanager
async def watched(folder: Path, **numbers: float) -> AsyncIterator[Gordon]:
    """Run a Gordon that listens, with a plugin that fails."""
    plugins = (*PLUGINS, "raising")
    world = World(folder, with_hook=True, plugins=plugins, plugin_folder=BAD, numbers=numbers)
    async with world, running(folder, world=world) as gordon:
        await world.send_webhook_to(gordon.app)
        yield gordon


async def scrape(gordon: Gordon, accept: str = "") -> Scraped:
    assert gordon.app.web is not None
    counts = await gordon.app.vitals.metrics(accept, is_ready=True)  # the page itself is read at most once a second
    return Scraped(counts[0].decode(), counts[1])


async def test_what_was_done_is_counted_once(tmp_path: Path) -> None:
    async with watched(tmp_path) as gordon:
        gordon.world.build_of(lambda starting: Plan(duration_s=1.5))  # so that it still runs when a second person asks
        before = await scrape(gordon)
        assert before("builds_started_total") == 0
        assert before("calls_total", neighbour="GitHub", outcome="unanswered") == 0  # there, so that 1 is an increase
        await gordon.say("tianon", "raise error", expect="letter")
        failed = await scrape(gordon)
        assert failed("handler_seconds_count", plugin="raising", outcome="failed") == 1
        assert failed("journal_deliveries", state="dead") == failed("letters") == 1

        await gordon.say("tianon", "rebuild moby#1 janky", expect="queued janky")
        await gordon.say("jess", "rebuild moby#1 janky", expect="already|running|queued")
        await gordon.chat.line("janky.*(passed|SUCCESS|success)")
        gordon.world.github.open_pull("moby/moby", title="More", author="vieux")

        async with asyncio.timeout(60):
            hook = {"page": "/notification/github", "status": "202"}  # told after what it brought is on disk
            while not (  # noqa: ASYNC110  a page
                (after := await scrape(gordon))("verdicts_total")
                * after("events_total", kind="PullOpened")
                * after("web_requests_total", **hook)
            ):
                await asyncio.sleep(0.02)

        assert after("builds_started_total", server="ci", why="asked") == 1
        assert after("builds_folded_total", server="ci") == 1
        assert after("builds_finished_total", server="ci", result="SUCCESS") == 1
        assert after("effects_total", kind="build.start", state="sent") == 1
        assert after("events_total", kind="CommandGiven") == 3
        assert after("handler_seconds_count", plugin="rebuild", outcome="done") == 2
        assert after("messages_sent_total", network="test") >= 4
        assert after("chat_connected", network="test") == 1
        assert after("calls_total", neighbour="Jenkins ci", outcome="answered") > 0
        assert after("calls_total", neighbour="GitHub", outcome="answered") > 0
        assert after("last_answer_time_seconds", neighbour="Jenkins ci") > 1e9
        assert after("write_seconds_count") > 5
        assert after("loop_lag_seconds_count", loop="edge") * after("loop_lag_seconds_count", loop="work") > 0
        assert after("database_size_bytes") > 0 < after("disk_free_bytes")
        assert {name for name in GAUGES if not any(f"gordon_{name}" == known for known, _ in after.found)} == {
            "builds"
        }  # none is under way now


async def test_who_does_not_answer_is_seen(tmp_path: Path) -> None:
    async with watched(tmp_path, timeout_s=0.2) as gordon:
        await gordon.say("tianon", "rebuild moby#1 janky", expect="queued janky")
        assert (await scrape(gordon))("builds", server="ci", state="queued") + (await scrape(gordon))("builds") >= 1
        await gordon.world.jenkins.stop()
        await gordon.say("tianon", "rebuild moby#2 janky", expect="does not answer")
        now = await scrape(gordon)
        assert now("calls_total", neighbour="Jenkins ci", outcome="unanswered") > 0
        assert now("handler_seconds_count", plugin="rebuild", outcome="waits") == 1
        assert now("journal_deliveries", state="waiting") >= 1
        gordon.chat.is_connected = False
        assert (await scrape(gordon))("chat_connected", network="test") == 0


async def test_a_disk_that_does_not_answer_is_told_in_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Else the scrape fails, and whoever is called reads that Gordon is not there."""
    monkeypatch.setattr(gauges, "DISK_WITHIN_S", 0.05)
    async with watched(tmp_path) as gordon:
        answers = threading.Event()
        stuck = [asyncio.create_task(gordon.app.database.read(lambda db: answers.wait(10))) for _ in range(2)]
        await asyncio.sleep(0)
        now = await scrape(gordon)
        answers.set()
        await asyncio.gather(*stuck)
        assert (now("disk_readable"), now("chat_connected", network="test")) == (0, 1)
        assert not any(name == "gordon_letters" for name, _ in now.found)
        monkeypatch.undo()
        assert (await scrape(gordon))("disk_readable") == 1


@pytest.mark.parametrize("accept", [pytest.param("", id="text"), pytest.param(OPEN, id="open-metrics")])
async def test_the_page_has_no_person_and_no_secret(tmp_path: Path, accept: str) -> None:
    async with watched(tmp_path) as gordon:
        await gordon.say("tianon", "rebuild moby#1 janky", expect="queued janky")
        await gordon.say("newcomer", f"rebuild {TOKEN}", expect=".")
        assert gordon.app.web is not None
        async with (
            aiohttp.ClientSession() as session,
            session.get(f"{gordon.app.web.url}/metrics", headers={"Accept": accept}) as answer,
        ):
            read = Scraped(await answer.text(), answer.headers["Content-Type"])
        assert read("ready") == 1
        for word in (TOKEN, GITHUB_TOKEN, HOOK_SECRET, "tianon", "newcomer", "moby", "docker-prs", str(tmp_path)):
            assert word not in read.text


async def test_ready_is_not_said_while_a_place_to_talk_was_not_tried(tmp_path: Path) -> None:
    async with watched(tmp_path) as gordon:
        await until(lambda: not gordon.app.vitals.why_not_ready())
        gordon.chat.is_connected = False
        assert gordon.app.vitals.why_not_ready() == ["test is being tried"]
        gordon.app.vitals.ready_s -= 60  # it was tried, and is a trouble of its own
        assert not gordon.app.vitals.why_not_ready()
        gordon.app.stop()
        assert gordon.app.vitals.why_not_ready() == ["it is being stopped"]
