"""What operators hear of troubles: at once, never often, and in the end how it stands."""

import logging
from collections.abc import Sequence

import pytest

from bot.errors import StorageError
from bot.events import TroubleSeen
from bot.live import Facts, Live
from bot.people import People
from bot.rounds import load_words
from bot.settings import CoreSettings, GordonSettings
from bot.troubles import AGAIN_S, QUIET_S, Troubles
from tests.virtual_clock import VirtualClock


class Told:
    """Keeps what operators would be told, and when; its disk may be full for a while."""

    def __init__(self, *, operators: Sequence[str] = ("demo/#ops",)) -> None:
        self.clock = VirtualClock()
        self.events: list[TroubleSeen] = []
        self.is_full = False
        settings = GordonSettings(gordon=CoreSettings(home="moby/moby", operators=tuple(operators)))
        self.troubles = Troubles(self._accept, Live(Facts(settings, People({}, {}))), self.clock)

    async def _accept(self, event: TroubleSeen) -> None:
        if self.is_full:
            raise StorageError("the disk is full")
        self.events.append(event)

    @property
    def lines(self) -> list[tuple[float, str]]:
        began_s = VirtualClock().now().timestamp()
        return [(round(event.at.timestamp() - began_s), event.words) for event in self.events]


@pytest.mark.parametrize(
    ("reports", "lines"),
    [
        pytest.param([(0, "banned")], [(0, "banned")], id="at-once"),
        pytest.param([(0, "banned"), (5, "banned"), (700, "banned")], [(0, "banned")], id="the-same-again-is-one"),
        pytest.param([(0, "")], [], id="what-was-never-wrong-is-not-well-again"),
        pytest.param([(0, "banned"), (5, "")], [(0, "banned"), (5, "")], id="the-end-is-told-at-once"),
        pytest.param([(0, "banned"), (900, "")], [(0, "banned"), (900, "")], id="and-when-it-took-long"),
        pytest.param([(0, "banned"), (5, ""), (9, "banned"), (12, "")], [(0, "banned"), (5, "")], id="comes-and-goes"),
        pytest.param(
            [(0, "banned"), (5, ""), (9, "full"), (20, "no key")],
            [(0, "banned"), (5, ""), (600, "no key")],
            id="the-last-counts",
        ),
        pytest.param(
            [(second, "banned" if second % 20 else "") for second in range(10, 1800, 10)],
            [(10, "banned"), (20, ""), (610, "banned"), (620, ""), (1210, "banned"), (1220, ""), (1810, "banned")],
            id="flapping",
        ),
    ],
)
async def test_a_trouble_is_told_at_most_once_in_ten_minutes_and_its_end_at_once(
    reports: list[tuple[float, str]], lines: list[tuple[float, str]]
) -> None:
    told = Told()
    for at_s, words in reports:
        await told.clock.wait(at_s - told.clock.now_s)
        told.troubles.report("IRC demo", "#moby", words)
        await told.clock.wait(0)
    await told.clock.wait(2 * QUIET_S)
    assert told.lines == lines


async def test_topics_are_told_each_for_itself_and_are_events_of_their_own() -> None:
    told = Told()
    for peer, about in (("IRC demo", "#moby"), ("IRC demo", "the login"), ("IRC other", "#moby")):
        told.troubles.report(peer, about, "wrong")
    await told.clock.wait(1)
    assert told.troubles.open("IRC demo") == ["#moby: wrong", "the login: wrong"]
    told.troubles.report("IRC demo", "#moby", "")
    await told.clock.wait(2 * QUIET_S)
    assert len({event.key for event in told.events}) == len(told.events) == 4
    assert told.troubles.open("IRC demo") == ["the login: wrong"]


async def test_what_a_full_disk_did_not_take_is_told_when_it_does() -> None:
    """F28: nothing is lost of what operators should know."""
    told = Told()
    told.is_full = True
    told.troubles.report("IRC demo", "#moby", "banned")
    await told.clock.wait(QUIET_S / 2)
    told.is_full = False
    await told.clock.wait(QUIET_S)
    assert told.lines == [(QUIET_S, "banned")]


async def test_an_end_that_the_disk_did_not_take_is_told_when_it_does() -> None:
    told = Told()
    told.troubles.report("IRC demo", "#moby", "banned")
    await told.clock.wait(1)
    told.is_full = True
    told.troubles.report("IRC demo", "#moby", "")
    await told.clock.wait(AGAIN_S / 2)
    told.is_full = False
    await told.clock.wait(AGAIN_S)
    assert told.lines == [(0, "banned"), (1 + AGAIN_S, "")]


async def test_what_was_to_be_told_later_is_on_disk_before_the_end() -> None:
    told = Told()
    told.troubles.report("IRC demo", "#moby", "banned")
    await told.clock.wait(1)
    told.troubles.report("IRC demo", "#moby", "full")
    await told.clock.wait(1)
    await told.troubles.close()
    told.troubles.report("IRC demo", "#moby", "not connected, as all ends")
    assert told.lines == [(0, "banned"), (2, "full")]


@pytest.mark.parametrize(
    ("operators", "level"), [(("demo/#ops",), logging.WARNING), ((), logging.ERROR)], ids=["heard", "nobody-hears"]
)
async def test_what_no_operator_hears_is_an_error_in_the_log(
    caplog: pytest.LogCaptureFixture, operators: Sequence[str], level: int
) -> None:
    told = Told(operators=operators)
    told.troubles.report("IRC demo", "#moby", "banned")
    await told.clock.wait(1)
    assert [(record.levelno, record.getMessage()) for record in caplog.records] == [(level, "IRC demo: #moby: banned")]


@pytest.mark.parametrize(
    ("states", "words"),
    [
        pytest.param([], "", id="nothing"),
        pytest.param(["lost"], "", id="lost-is-neither"),
        pytest.param(["running"], "1 build running", id="one"),
        pytest.param(["queued", "queued"], "2 builds queued", id="queued"),
        pytest.param(["running"] * 3 + ["queued"] * 2, "3 builds running, 2 queued", id="both"),
        pytest.param(["running", "queued", "queued"], "1 build running, 2 queued", id="one-and-two"),
    ],
)
def test_the_load_in_words(states: list[str], words: str) -> None:
    assert load_words(states) == words
