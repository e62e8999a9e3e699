"""What goes out on IRC: in turns, never faster than stated, and known to have arrived or not."""

import asyncio
import random
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence

import pytest

from bot.adapters.irc_output import (
    MAX_ASKED,
    MAX_ASKED_AMONG_NEWS,
    MISSING_AFTER_S,
    PING_AFTER_LINES,
    PING_AFTER_S,
    Output,
    Turn,
)
from bot.errors import GordonError, Refused, Unavailable
from tests.virtual_clock import VirtualClock

BURST, EVERY_S = 4, 1.1
SLACK_S = 1e-6  # of floating point


class Server:
    """The other end: what was written to it and when, and whether it takes anything."""

    def __init__(self, clock: VirtualClock) -> None:
        self.lines: list[tuple[float, str]] = []
        self.is_taking = asyncio.Event()
        self.is_taking.set()
        self._clock = clock

    def write(self, line: str) -> None:
        self.lines.append((self._clock.now_s, line))

    async def drained(self) -> None:
        await self.is_taking.wait()

    def said(self) -> list[str]:
        return [line.partition(" :")[2] for _, line in self.lines if line.startswith(("PRIVMSG", "NOTICE"))]

    def pings(self) -> list[str]:
        return [line.removeprefix("PING :") for _, line in self.lines if line.startswith("PING")]


class Way:
    """An output, connected, with its server and its clock."""

    def __init__(self, burst: int = BURST, every_s: float = EVERY_S, *, echoes: bool = True) -> None:
        self.clock = VirtualClock()
        self.output = Output("net", self.clock, burst, every_s)
        self.server = Server(self.clock)
        self.connect(echoes=echoes)

    def connect(self, *, echoes: bool = True) -> None:
        self.output.connected(self.server.write, self.server.drained, echoes)

    def begin(self, *texts: str, turn: Turn = Turn.ANSWER, target: str = "#c") -> "asyncio.Task[str]":
        return asyncio.create_task(self.output.say("PRIVMSG", target, lambda _: texts, turn))

    async def say(self, *texts: str, turn: Turn = Turn.ANSWER, target: str = "#c") -> str:
        return await self.clock.until(self.begin(*texts, turn=turn, target=target))

    async def fate(self, awaited: Awaitable[object]) -> str:
        """Let time pass until something ends, and tell how."""
        try:
            await self.clock.until(awaited)
        except GordonError as error:
            return type(error).__name__
        return "well"

    async def has_ended(self, task: "asyncio.Task[None]") -> bool:
        """Tell whether something ends while no time passes."""
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        return task.done()


Connected = Callable[..., Way]


@pytest.fixture
async def connected() -> AsyncIterator[Connected]:
    """Make connected outputs, which leave no task behind when they are lost, whatever was done with them."""
    before = asyncio.all_tasks()
    ways: list[Way] = []

    def make(burst: int = BURST, every_s: float = EVERY_S, *, echoes: bool = True) -> Way:
        ways.append(Way(burst, every_s, echoes=echoes))
        return ways[-1]

    yield make
    for way in ways:
        way.output.lost()
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    assert asyncio.all_tasks() - before <= {asyncio.current_task()}


def assert_pace(lines: Sequence[tuple[float, str]], burst: int = BURST, every_s: float = EVERY_S) -> None:
    """Of the lines up to any one that had to keep the pace, no window holds more than the burst and its share."""
    for last, (end_s, line) in enumerate(lines):
        if line.startswith("PONG"):
            continue
        for first, (begin_s, _) in enumerate(lines[: last + 1]):
            allowed = burst + (end_s - begin_s + SLACK_S) / every_s
            assert last - first + 1 <= allowed, f"{last - first + 1} lines from {begin_s} to {end_s}"


async def test_four_lines_go_at_once_and_then_one_at_a_time(connected: Connected) -> None:
    way = connected()
    await way.clock.until(asyncio.gather(*(way.begin(str(number)) for number in range(7))))
    assert way.server.said() == list("0123456")
    assert [round(at_s, 3) for at_s, _ in way.server.lines] == [0, 0, 0, 0, 1.1, 2.2, 3.3]


@pytest.mark.parametrize("echoes", [True, False], ids=["echoes", "is-pinged"])
@pytest.mark.parametrize("seed", range(4))
async def test_the_stated_rate_is_never_exceeded(connected: Connected, seed: int, echoes: bool) -> None:
    """F7: 200 lines of every kind, from many at once to one now and then; each kind keeps its own order."""
    way, chance = connected(echoes=echoes), random.Random(seed)
    tasks: list[asyncio.Task[str]] = []
    for number in range(200):
        kind = chance.choice(["answer", "announcement", "question", "at once"])
        if kind == "question":
            way.output.ask(f"WHO #{number}")
        elif kind == "at once":
            way.output.now(f"PONG {number}")
        else:
            turn = Turn.ANSWER if kind == "answer" else Turn.ANNOUNCEMENT
            tasks.append(way.begin(*[f"{kind} {number}"] * chance.choice([1, 1, 3]), turn=turn))
        if chance.random() < 0.2:
            await way.clock.wait(chance.choice([0.0, 0.3, 1.1, 5.0]))
        for token in way.server.pings():
            way.output.ponged(token)
    await way.clock.until(asyncio.gather(*tasks))
    await way.clock.wait(300)
    assert_pace(way.server.lines)
    for kind in ("answer", "announcement"):
        numbers = [int(text.split()[1]) for text in way.server.said() if text.startswith(kind + " ")]
        assert numbers == sorted(numbers)
    assert len([line for _, line in way.server.lines if not line.startswith("PING")]) >= 200
    assert way.output.depth() == 0


async def test_a_pace_that_is_broken_is_seen() -> None:
    """The judge of the tests above: a fifth line at once, or a sixth a little too soon."""
    for times in ([0.0] * 5, [0, 0, 0, 0, 1.1, 2.1]):
        with pytest.raises(AssertionError, match="lines from"):
            assert_pace([(at_s, "PRIVMSG") for at_s in times])


async def test_an_answer_overtakes_fifty_announcements_and_those_overtake_questions(connected: Connected) -> None:
    way = connected()
    way.output.now("PONG :x")
    for number in range(6):
        way.output.ask(f"WHO #{number}")
    news = [way.begin(f"news {number}", turn=Turn.ANNOUNCEMENT) for number in range(50)]
    await way.clock.wait(2 * EVERY_S)
    before = len(way.server.said())
    await way.say("the answer")
    assert way.server.said()[before:] == ["the answer"]
    await way.clock.until(asyncio.gather(*news))
    assert [text for text in way.server.said() if text != "the answer"] == [f"news {n}" for n in range(50)]
    assert len(way.server.lines) == 1 + 3 + 51, "three questions fitted in the burst, and the rest came last"
    await way.clock.wait(10)
    assert [line for _, line in way.server.lines if line.startswith("WHO")][3:] == ["WHO #3", "WHO #4", "WHO #5"]


async def test_a_message_of_several_lines_is_not_interrupted(connected: Connected) -> None:
    way = connected(burst=1)
    long = way.begin("a", "b", "c", turn=Turn.ANNOUNCEMENT)
    await way.clock.wait(EVERY_S / 2)
    short = way.begin("d")
    await way.clock.until(asyncio.gather(long, short))
    assert way.server.said() == ["a", "b", "c", "d"]
    assert [round(at_s, 3) for at_s, _ in way.server.lines] == [0, 1.1, 2.2, 3.3]


async def test_words_are_asked_for_when_their_turn_has_come_and_told_whether_they_waited(connected: Connected) -> None:
    """Waiting for the pace counts; waiting for a slow socket does not."""
    way = connected(burst=2)
    asked: list[tuple[str, float, bool]] = []

    def words(name: str) -> Callable[[bool], Sequence[str]]:
        def pieces(had_to_wait: bool) -> Sequence[str]:
            asked.append((name, round(way.clock.now_s, 3), had_to_wait))
            return [name]

        return pieces

    way.server.is_taking.clear()
    saying = [asyncio.create_task(way.output.say("NOTICE", "#c", words(name), Turn.ANSWER)) for name in "abc"]
    await asyncio.sleep(0)
    assert (asked, way.output.depth()) == ([("a", 0, False)], 2)
    way.server.is_taking.set()
    await way.clock.until(asyncio.gather(*saying))
    assert asked == [("a", 0, False), ("b", 0, False), ("c", 1.1, True)]
    assert way.server.lines[0][1] == "NOTICE #c :a"


async def test_another_pace_holds_from_then_on(connected: Connected) -> None:
    way = connected(burst=1, every_s=10.0)
    await way.say("a")
    way.output.pace(1, 2.0)
    await way.clock.until(asyncio.gather(way.begin("b"), way.begin("c")))
    assert way.server.lines[-1][0] - way.server.lines[-2][0] == pytest.approx(2.0)


async def test_without_a_limit_nothing_waits(connected: Connected) -> None:
    way = connected(every_s=0.0)
    await way.clock.until(asyncio.gather(*(way.begin(str(number)) for number in range(50))))
    assert way.clock.now_s == 0


async def test_an_echo_confirms_the_oldest_line_to_its_target(connected: Connected) -> None:
    """The server may change the words and the case of a name; a message has arrived with its last line."""
    way = connected()
    one, other, two = (
        await way.say("1", "2", target="#C[]"),
        await way.say("x", target="#d"),
        await way.say("3", target="#c{}"),
    )
    waiting = {name: asyncio.create_task(way.output.arrived(name)) for name in (one, other, two)}
    told = []
    for target in ("#c{}", "#elsewhere", "#d", "#c[]", "#C{}"):
        way.output.echoed(target)
        told.append([await way.has_ended(waiting[name]) for name in (one, other, two)])
    assert told == [[False] * 3, [False] * 3, [False, True, False], [True, True, False], [True] * 3]
    assert way.server.pings() == []


async def test_an_echo_that_came_before_anybody_asked_counts(connected: Connected) -> None:
    way = connected()
    name = await way.say("1")
    way.output.echoed("#c")
    assert await way.fate(way.output.arrived(name)) == "well"


async def test_without_echoes_one_ping_confirms_all_that_was_written_before_it(connected: Connected) -> None:
    way = connected(burst=20, echoes=False)
    names = [await way.say(str(number), target=f"#{number % 2}") for number in range(3)]
    await way.clock.wait(PING_AFTER_S + EVERY_S)
    late = await way.say("after the ping")
    await way.clock.wait(60)
    (token,) = way.server.pings()
    waiting = [asyncio.create_task(way.output.arrived(name)) for name in (*names, late)]
    assert [way.output.ponged(wrong) for wrong in ("", "gordon-0", token + "0")] == [False] * 3
    assert [await way.has_ended(task) for task in waiting] == [False] * 4
    assert way.output.ponged(token)
    assert [await way.has_ended(task) for task in waiting] == [True, True, True, False]
    assert not way.output.ponged(token), "a token counts once"
    await way.clock.wait(PING_AFTER_S + EVERY_S)
    assert way.output.ponged(way.server.pings()[1])
    assert await way.has_ended(waiting[3])
    await way.clock.wait(60)
    assert len(way.server.pings()) == 2


async def test_a_ping_waits_until_nothing_else_does(connected: Connected) -> None:
    way = connected(burst=1, echoes=False)
    tasks = [way.begin(str(number), turn=Turn.ANNOUNCEMENT) for number in range(20)]
    await way.clock.until(asyncio.gather(*tasks))
    await way.clock.wait(2 * EVERY_S)
    assert [line.split()[0] for _, line in way.server.lines] == ["PRIVMSG"] * 20 + ["PING"]


async def test_many_lines_of_a_moment_are_asked_about_at_once(connected: Connected) -> None:
    """Without a limit whoever keeps some lines on their way would wait for the next PING."""
    way = connected(every_s=0.0, echoes=False)
    for _ in range(3):
        names = [await way.say(str(number)) for number in range(PING_AFTER_LINES)]
        await way.clock.wait(0)
        assert way.output.ponged(way.server.pings()[-1])
        await way.clock.until(asyncio.gather(*map(way.output.arrived, names)))
    assert (len(way.server.pings()), way.clock.now_s) == (3, 0)
    await way.clock.wait(60)
    assert len(way.server.pings()) == 3


async def test_a_line_that_is_read_and_not_echoed_was_dropped(connected: Connected) -> None:
    """Of a NOTICE in a channel that takes none some servers tell nothing; a PING after it shows that it was read."""
    way = connected()
    swallowed = await way.say("swallowed", target="#quiet")
    for _ in range(30):
        heard = await way.say("heard")
        way.output.echoed("#c")
        await way.clock.until(way.output.arrived(heard))
        await way.clock.wait(MISSING_AFTER_S / 10)
    (token,) = way.server.pings()
    assert way.output.ponged(token)
    assert await way.fate(way.output.arrived(swallowed)) == "Unavailable"


async def test_where_nothing_is_echoed_after_all_a_ping_tells_of_the_arrival(connected: Connected) -> None:
    """A server that grants the capability and does not keep to it would have each line said again for ever."""
    way = connected()
    said = await way.say("hello")
    await way.clock.wait(MISSING_AFTER_S + 1)
    assert way.output.ponged(*way.server.pings())
    assert await way.fate(way.output.arrived(said)) == "well"


async def test_echoes_that_come_in_time_need_no_ping(connected: Connected) -> None:
    """There is always a line on its way here, and never an old one."""
    way = connected(burst=100)
    for _ in range(30):
        await way.say("heard")
        await way.clock.wait(MISSING_AFTER_S / 10)
        await way.say("heard a little later")
        way.output.echoed("#c")
        way.output.echoed("#c")
        await way.say("still on its way")
        await way.clock.wait(MISSING_AFTER_S / 10)
        way.output.echoed("#c")
        await way.say("and again")
        way.output.echoed("#c")
    assert way.server.pings() == []


@pytest.mark.parametrize("error", [Refused("IRC net", "no such nick"), Unavailable("IRC net", "talking in #c")])
async def test_what_the_server_does_not_take_fails_the_oldest_line_to_its_target(
    connected: Connected, error: GordonError
) -> None:
    """F5."""
    way = connected()
    first, second = await way.say("1"), await way.say("2")
    way.output.rejected("#other", error)
    way.output.rejected("#C", error)
    way.output.echoed("#c")
    assert [await way.fate(way.output.arrived(name)) for name in (first, second)] == [type(error).__name__, "well"]


async def test_without_echoes_the_last_lines_are_those_that_were_not_taken(connected: Connected) -> None:
    """F5: +m after the first of three; the server said nothing of that one."""
    way = connected(echoes=False)
    names = [await way.say(text) for text in "123"]
    for _ in "23":
        way.output.rejected("#c", Unavailable("IRC net", "talking in #c"))
    await way.clock.wait(PING_AFTER_S)
    assert way.output.ponged(way.server.pings()[0])
    fates = [await way.fate(way.output.arrived(name)) for name in names]
    assert fates == ["well", "Unavailable", "Unavailable"]


async def test_who_somebody_is_is_asked_among_announcements_and_keeps_none_of_them_waiting(
    connected: Connected,
) -> None:
    way = connected(burst=1)
    await way.say("spends the burst")
    news = [way.begin("1", turn=Turn.ANNOUNCEMENT)]
    await way.clock.wait(0)
    for number in range(MAX_ASKED_AMONG_NEWS + 3):
        way.output.ask(f"WHOIS {number}", Turn.ANNOUNCEMENT)
    news.append(way.begin("2", turn=Turn.ANNOUNCEMENT))
    await way.clock.until(asyncio.gather(*news))
    asked = [f"WHOIS {number}" for number in range(MAX_ASKED_AMONG_NEWS)]
    assert [line for _, line in way.server.lines[1:]] == ["PRIVMSG #c :1", *asked, "PRIVMSG #c :2"]
    assert_pace(way.server.lines, burst=1)


@pytest.mark.parametrize(
    ("lines_before", "echoed", "fates"),
    [
        pytest.param(0, 0, ["Unavailable"], id="before-the-first-line"),
        pytest.param(1, 0, ["well", "Unavailable"], id="in-the-middle"),
        pytest.param(1, 1, ["well", "Unavailable"], id="in-the-middle-with-all-so-far-echoed"),
        pytest.param(3, 0, ["well", "Unavailable"], id="after-the-last-line"),
        pytest.param(3, 2, ["well", "Unavailable"], id="between-the-echoes"),
        pytest.param(3, 3, ["well", "well"], id="after-the-last-echo"),
    ],
)
async def test_a_lost_connection_is_told_to_whoever_may_have_to_say_it_again(
    connected: Connected, lines_before: int, echoed: int, fates: list[str]
) -> None:
    """F1: a message that was begun has a name, and the name tells; one that was not begun fails at once."""
    way = connected(burst=1)
    await way.say("to spend the burst", target="#d")
    saying = way.begin("1", "2", "3")
    while len(way.server.said()) < 1 + lines_before:
        await way.clock.wait(0.1)
    for _ in range(echoed):
        way.output.echoed("#c")
    way.output.lost()
    told = [await way.fate(saying)]
    if told == ["well"]:
        told.append(await way.fate(way.output.arrived(saying.result())))
    assert told == fates
    assert len(way.server.said()) == 1 + lines_before


async def test_a_lost_connection_takes_its_questions_and_its_pings_with_it(connected: Connected) -> None:
    way = connected(burst=1, echoes=False)
    first, waits = await way.say("1"), way.begin("2", turn=Turn.ANNOUNCEMENT)
    way.output.ask("JOIN #c")
    await way.clock.wait(0.0)
    way.output.lost()
    assert [await way.fate(awaited) for awaited in (waits, way.output.arrived(first))] == ["Unavailable"] * 2
    assert await way.fate(way.begin("3")) == "Unavailable"
    way.output.ask("JOIN #d")
    way.output.now("PONG :x")
    assert (way.output.depth(), way.output.ponged("")) == (0, False)
    way.output.echoed("#c")
    way.connect(echoes=False)
    await way.say("4")
    assert [line for _, line in way.server.lines] == ["PRIVMSG #c :1", "PRIVMSG #c :4"]
    assert_pace(way.server.lines, burst=1)


async def test_a_socket_that_takes_nothing_until_the_end_may_have_taken_the_words(connected: Connected) -> None:
    """F6: the line was written, so it is told by its name."""
    way = connected()
    way.server.is_taking.clear()
    saying = way.begin("1")
    await asyncio.sleep(0)
    way.output.lost()
    way.server.is_taking.set()
    name = await way.clock.until(saying)
    assert await way.fate(way.output.arrived(name)) == "Unavailable"
    assert await way.fate(way.output.arrived("net:never")) == "Unavailable"


@pytest.mark.parametrize("lines_left", [2, 1], ids=["while-it-waits", "when-its-turn-has-just-come"])
async def test_who_gives_up_leaves_the_turn_to_others(connected: Connected, lines_left: int) -> None:
    way = connected(burst=1)
    await way.say("1")
    gives_up, goes_on = way.begin("never"), way.begin("2")
    through = asyncio.create_task(way.clock.until(goes_on))
    while way.output.depth() != lines_left:  # noqa: ASYNC110  a single round of the loop is what must be met
        await asyncio.sleep(0)
    gives_up.cancel()
    await through
    assert gives_up.cancelled()
    assert way.server.said() == ["1", "2"]


async def test_words_that_cannot_be_made_fail_alone(connected: Connected) -> None:
    way = connected(burst=1)

    def fails(_: bool) -> Sequence[str]:
        raise Refused("IRC net", "not one of the channels")

    await way.say("1")
    failing = asyncio.create_task(way.output.say("PRIVMSG", "#x", fails, Turn.ANSWER))
    goes_on, nothing = way.begin("2"), way.begin()
    assert await way.fate(failing) == "Refused"
    await way.clock.until(goes_on)
    assert await way.fate(way.output.arrived(await way.clock.until(nothing))) == "well"
    assert way.server.said() == ["1", "2"]


async def test_questions_are_counted(connected: Connected, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO")
    way = connected()
    for number in range(MAX_ASKED + BURST + 5):
        way.output.ask(f"WHOIS {number}")
    assert way.output.depth() == MAX_ASKED
    assert caplog.text.count("was not asked") == 5
