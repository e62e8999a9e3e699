"""Cards where a network has threads, buttons, quotations and pictures; one that has none of these reads as ever."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from bot.chat import Card
from bot.demo.world import CHANNEL, REPO
from bot.events import Ask
from bot.testing import NETWORK, EditableChat
from bot.values import Place, Result
from plugins.failures.ended import Ended, shares
from tests.world.failing import FLAKE, FLAKE_CAUSE, REAL, Tries, failing
from tests.world.honesty import until

ANNOUNCED = "\n[plugin.pulls]\nannounce = true\ngather_s = 0.1\n[plugin.retries]\noff = true\n"
HERE = Place(NETWORK, CHANNEL)
THREAD = replace(HERE, thread="1700000000.000100")


def cards(chat: EditableChat) -> Iterator[Card]:
    return (one for one in chat.messages if isinstance(one, Card))


async def test_a_failure_is_said_under_the_card_of_its_pull_request(tmp_path: Path) -> None:
    chat = EditableChat()
    async with failing(tmp_path, Tries().always("janky", REAL), config=ANNOUNCED, with_hook=True, chat=chat) as gordon:
        await until(lambda: "compared at" in gordon.app.forge_side.words())
        number = gordon.world.github.open_pull(REPO, title="Fix volumes", author="jess")
        shown = await chat.card(lambda card: card.slot == f"pull {REPO}#{number}" and not card.follows)
        assert [button.command for button in shown.buttons] == [
            f"status {REPO}#{number}",
            f"rebuild {REPO}#{number} failed",
            f"mute {REPO}#{number} 1h",
        ]
        await gordon.say("tianon", f"rebuild moby#{number} janky", expect="queued")
        told = await chat.card(lambda card: "failed after" in card.title)
        under = next(place for place, text in chat.said if text == told.one_line())
        top = next(message for message, versions in chat.versions.items() if versions[-1] is shown)
        assert under.thread == top
        assert [button.label for button in told.buttons] == [
            "Rebuild failed", "Show log", "Known flake...", "Mute for 1h",
        ]  # fmt: skip
        assert "--- FAIL: " in told.quote
        await gordon.say("tianon", told.buttons[-1].command, expect=f"nothing of moby#{number} for 1h")


async def test_where_there_is_room_logs_are_quoted_and_what_flakes_is_drawn(tmp_path: Path) -> None:
    """One line has all of a log that was asked for, and of an explanation what it always had."""
    chat = EditableChat()
    once = "\n[plugin.retries]\noff = true\n"
    async with failing(tmp_path, Tries().always("janky", FLAKE), config=once, chat=chat) as gordon:
        await gordon.say("tianon", "rebuild moby#1 janky", expect="queued")
        told = await chat.card(lambda card: "failed after" in card.title)
        build = told.buttons[1].command.removeprefix("log ")
        await gordon.say("jess", f"log {build}", expect=build)
        log = await chat.card(lambda card: card.title.startswith(build) and not card.lines)
        assert log.quote.splitlines()
        assert all(line in log.one_line() for line in log.quote.splitlines())
        await gordon.say("jess", f"why {build}", expect="failed: known Docker trouble")
        why = await chat.card(lambda card: "failed: known Docker trouble" in card.title)
        assert why.quote.splitlines() == log.quote.splitlines()
        assert why.one_line() == replace(why, brief="", quote="").one_line()
        await gordon.say("jess", "flakes", expect="flakes by cause")
        flakes = await chat.card(lambda card: card.title.startswith("flakes by cause"))
        assert flakes.picture is not None
        [series] = flakes.picture.series
        assert (series.name, len(series.points), series.points[-1][1]) == (FLAKE_CAUSE, 30, 1.0)


def ended_as(name: str, asks: tuple[Ask, ...]) -> Ended:
    """Make a build that somebody asked for, and that failed."""
    return Ended(name, name, 1, "", "abc", Result.FAILURE, "", 60.0, asks)


@pytest.mark.parametrize(
    ("places", "heard"),
    [
        pytest.param([], [HERE], id="nobody-asked"),
        pytest.param([HERE], [HERE], id="asked-without-threads"),
        pytest.param([THREAD], [THREAD], id="asked-in-a-thread-here"),
        pytest.param([replace(THREAD, channel="#other")], [HERE, replace(THREAD, channel="#other")], id="elsewhere"),
    ],
)
def test_what_is_told_in_a_thread_of_a_channel_is_not_told_in_the_channel_again(
    places: list[Place], heard: list[Place]
) -> None:
    asks = tuple(Ask("tianon", place, "k") for place in places)
    build = ended_as("janky", asks)
    other = ended_as("lxc", ())
    assert [place for place, _ in shares({HERE: [build]}, [build])] == heard
    assert dict(shares({HERE: [build, other]}, [build, other]))[HERE][-1] is other
