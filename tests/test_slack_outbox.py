"""The outbox and what says things on Slack, together: nothing lost, nothing in the wrong order, doubles marked."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from bot.chat import Card, Hear, Instead, MessageRef, Report, Words
from bot.demo.slack import moby
from bot.values import Place
from tests.outbox_rig import Running, process
from tests.slack_said_rig import Said, saying

POST, UPDATE = "chat.postMessage", "chat.update"
DEV, BUILDS = Place("moby", "#docker-dev"), Place("moby", "#builds")


class OnSlack:
    """As much of a `Chat` as the outbox needs."""

    network = "moby"

    def __init__(self, said: Said) -> None:
        self.report: Report = said.told
        self._said = said
        self.arrived, self.edit, self.under = said.output.arrived, said.output.edit, said.output.under

    async def run(self, hear: Hear) -> None:
        await asyncio.Event().wait()

    async def send(self, place: Place, words: Words, *, instead: Instead | None = None) -> MessageRef:
        return await self._said.output.send(place, words, instead=instead)

    def connected(self) -> bool:
        return not self._said.api.is_refused_token and not self._said.api.is_silent

    def show_load(self, words: str) -> None:
        """A bot shows none."""


@asynccontextmanager
async def running_on_slack(folder: Path) -> AsyncIterator[tuple[Said, Running]]:
    async with saying() as said, process(folder, OnSlack(said), clock=said.clock) as running:
        await said.places.refresh()
        yield said, running


async def left(said: Said, running: Running, rows: Sequence[tuple[Place, Words]]) -> None:
    """Leave words to be said, and wait until all are."""
    await running.leave(*rows)
    async with asyncio.timeout(30):
        while await running.journal.unsaid(["moby"]):  # noqa: ASYNC110  a disk tells nobody when it has changed
            await asyncio.sleep(0.005)


@pytest.mark.parametrize("retry_after", ["1", "30", "1800", None, "-1", "soon"])
async def test_a_limit_at_one_channel_keeps_its_order_and_holds_up_no_other(  # F8
    tmp_path: Path, retry_after: str | None
) -> None:
    async with running_on_slack(tmp_path) as (said, running):
        said.slack.faults.limit(retry_after, channel=moby.DOCKER_DEV)
        rows = [(place, f"{number}") for number in range(4) for place in (DEV, BUILDS)]
        await left(said, running, rows)
        away = "while I was away, 4 notices since 12:00 UTC: 0 | 1 | 2 | 3"
        assert said.texts() == ([away] if retry_after == "1800" else ["0", "1", "2", "3"])
        assert said.texts(moby.BUILDS) == ["0", "1", "2", "3"]
        assert len(said.slack.calls_of(POST)) == len(said.texts()) + 5, "nothing is sent before its time"


async def test_words_whose_answer_was_lost_are_said_again_with_a_mark(tmp_path: Path) -> None:
    async with running_on_slack(tmp_path) as (said, running):
        said.slack.faults.drop(method=POST)
        await left(said, running, [(DEV, "hello")])
        assert said.texts() == ["hello", "(again) hello"]


async def test_what_waited_while_slack_was_down_for_hours_is_told_in_few_words(tmp_path: Path) -> None:
    async with running_on_slack(tmp_path) as (said, running):
        said.slack.faults.break_down(503, times=-1)
        news = [(place, f"news {number:03}") for number in range(30) for place in (DEV, BUILDS)]
        await running.leave(*news, *((DEV, Card(f"step {number}", slot="pr 7")) for number in range(50)))
        while said.clock.now_s < 20_000:
            said.clock.now_s += 10
            await asyncio.sleep(0)
        tried = len(said.slack.calls)
        said.slack.faults.mend()
        await said.api.call("auth.test")
        await left(said, running, [])
        assert tried < 50
        assert "step 49" in said.texts()[-1]
        assert [len(said.texts(channel)) < 15 for channel in (moby.DOCKER_DEV, moby.BUILDS)] == [True, True]


async def test_words_that_were_not_sent_are_said_once_and_without_a_mark(tmp_path: Path) -> None:
    async with running_on_slack(tmp_path) as (said, running):
        said.slack.faults.refuse(POST, "service_unavailable", times=3)
        await left(said, running, [(DEV, "hello")])
        assert said.texts() == ["hello"]


async def test_words_that_are_refused_are_said_no_more_and_told(tmp_path: Path) -> None:  # F11
    async with running_on_slack(tmp_path) as (said, running):
        said.slack.faults.refuse(POST, "is_archived")
        await left(said, running, [(DEV, "lost")])
        await left(said, running, [(BUILDS, "heard")])
        assert said.texts() == []
        assert said.told.now == {"#docker-dev": "it is archived (is_archived); what is said there is lost"}


async def test_words_wait_for_a_token_that_counts(tmp_path: Path) -> None:  # F11
    async with running_on_slack(tmp_path) as (said, running):
        said.slack.team().acts.revokes()
        await running.leave((replace(DEV, to=moby.TIANON), "later"))
        await said.slack.called(POST)
        await asyncio.sleep(0.05)
        assert len(said.slack.calls_of(POST)) == 1, "nothing is sent while the token does not count"
        said.slack.workspace().app.revoked = ""
        await said.api.call("auth.test")
        await left(said, running, [])
        assert said.texts() == [f"<@{moby.TIANON}> later"]


async def test_a_state_is_shown_in_its_message_and_what_follows_in_its_thread(tmp_path: Path) -> None:
    async with running_on_slack(tmp_path) as (said, running):
        await left(said, running, [(DEV, Card("begun", slot="pr 7"))])
        for title in ("half", "done"):
            await left(said, running, [(DEV, Card(title, slot="pr 7"))])
        await left(said, running, [(DEV, Card("why", slot="pr 7", follows=True))])
        first, second = said.messages()
        assert (first["text"], second["text"]) == ("done", "why")
        assert second["thread_ts"] == first["ts"]


async def test_a_state_whose_message_was_taken_back_is_said_anew(tmp_path: Path) -> None:
    async with running_on_slack(tmp_path) as (said, running):
        await left(said, running, [(DEV, Card("begun", slot="pr 7"))])
        said.slack.workspace().channels[moby.DOCKER_DEV].messages.clear()
        await left(said, running, [(DEV, Card("done", slot="pr 7"))])
        await left(said, running, [(DEV, Card("closed", slot="pr 7"))])
        assert said.texts() == ["closed"]


async def test_many_states_at_once_end_with_the_last_in_few_calls(tmp_path: Path) -> None:
    async with running_on_slack(tmp_path) as (said, running):
        await left(said, running, [(DEV, Card("begun", slot="pr 7"))])
        await left(said, running, [(DEV, Card(f"step {number}", slot="pr 7")) for number in range(40)])
        assert said.texts() == ["step 39"]
        assert len(said.slack.calls_of(UPDATE)) <= 3


async def test_a_flood_keeps_the_pace_and_says_everything(tmp_path: Path) -> None:
    async with running_on_slack(tmp_path) as (said, running):
        said.slack.faults.limit("1", channel=moby.DOCKER_DEV, times=2)
        await left(said, running, [(DEV, f"news {number:02}") for number in range(30)])
        heard = " | ".join(said.texts()).split(" | ")
        assert heard == [f"news {number:02}" for number in range(30)]
        assert len(said.texts()) < 15
