"""What goes out on IRC and how it looks, and what of it arrives: against a server that a test plays (F1)."""

import asyncio
from collections.abc import Callable

import pytest

from bot.chat import Card, Tone
from bot.errors import Unavailable
from bot.settings import ChannelSettings
from bot.values import Place
from tests.irc_bot import CHANNEL, irc_bot
from tests.moved_clock import MovedClock, still
from tests.scripted_irc import ALL, Connection, ScriptedIrc, scripted_irc

ALICE = Place("net", "alice", to="alice", private=True)
GREEN, RED, END = "\x0303", "\x0304", "\x0f"


async def clock_goes_on(clock: MovedClock, is_so: Callable[[], bool]) -> None:
    """Let time pass, and the loop run, up to some state."""
    while not is_so():
        clock.move(5)
        await asyncio.sleep(0.0005)


async def lets_in(irc: ScriptedIrc, *channels: str) -> Connection:
    """Let the client into several channels."""
    server = await irc.connection()
    await server.welcomes()
    for channel in channels:
        await server.joins(channel)
    return server


async def test_colours_are_where_they_are_allowed_and_nowhere_else() -> None:
    own = {"#grey": ChannelSettings(colours=False)}
    async with scripted_irc() as irc, irc_bot(irc.port, colours=True, channels=("#dev", "#grey"), channel=own) as bot:
        server = await lets_in(irc, "#dev", "#grey")
        for place, words, said in (
            (CHANNEL, Card("7 passed", tone=Tone.GOOD), f"{GREEN}7 passed{END}"),
            (CHANNEL, Card(",5 failed \x0312blue", tone=Tone.BAD), f"{RED}\x02\x02,5 failed blue{END}"),
            (CHANNEL, Card("plain"), "plain"),
            (CHANNEL, "\x0304plain\x03", "plain"),
            (Place("net", "#dev", to="bob"), Card("x", tone=Tone.GOOD), f"{GREEN}bob: x{END}"),
            (Place("net", "#grey"), Card("passed", tone=Tone.GOOD), "passed"),
            (ALICE, Card("passed", tone=Tone.GOOD), f"{GREEN}passed{END}"),
        ):
            await bot.irc.send(place, words)
            assert await server.hears(place.channel) == said


@pytest.mark.parametrize("tone", Tone)
async def test_each_piece_is_coloured_and_still_fits_the_relayed_line(tone: Tone) -> None:
    async with scripted_irc() as irc, irc_bot(irc.port, colours=True) as bot:
        server = await irc.lets_in()
        await bot.irc.send(CHANNEL, Card("€" * 300, tone=tone))
        pieces = [await server.hears("#dev") for _ in range(2)]
        colour = {Tone.GOOD: GREEN, Tone.BAD: RED, Tone.PLAIN: ""}[tone]
        assert all(piece.startswith(colour) and piece.endswith(END if colour else "€") for piece in pieces)
        assert all(len(f":gordon!~g@host PRIVMSG #dev :{piece}\r\n".encode()) <= 512 for piece in pieces)
        assert sum(piece.count("€") for piece in pieces) == 300


async def test_a_notice_is_said_where_that_is_wanted() -> None:
    own = {"#DEV": ChannelSettings(notice=True)}
    async with scripted_irc() as irc, irc_bot(irc.port, channel=own) as bot:
        server = await irc.lets_in()
        await bot.irc.send(CHANNEL, "x")
        assert await server.until("#dev :x") == "NOTICE #dev :x"
        await bot.irc.send(ALICE, "y")
        assert await server.until("alice :y") == "PRIVMSG alice :y"


async def test_a_list_of_names_pings_only_those_who_are_answered() -> None:
    """A16: whoever is there, as far as the server has told, and no more."""
    async with scripted_irc() as irc, irc_bot(irc.port) as bot:
        server = await irc.lets_in()
        await server.write(":irc.test 353 gordon = #dev :@alice +bob carol @gordon", ":irc.test 353 gordon = #x :dave")
        await server.write(":Erin!a@b JOIN #dev", ":carol!a@b NICK caroline", ":bob!a@b QUIT :x", ":fay!a@b JOIN #dev")
        await server.write(":alice!a@b KICK #dev fay :x", ":gus!a@b JOIN #dev", ":gus!a@b PART #dev")
        await server.marks()
        await bot.irc.send(Place("net", "#dev", to="alice"), "Gordon: erin, bob, carol; caroline dave fay gus")
        said = await server.hears("#dev")
        assert said.replace("\u200b", "~") == "alice: Gordon: e~rin, bob, carol; c~aroline dave fay gus"
        await bot.irc.send(ALICE, "erin")
        assert await server.hears("alice") == "erin"


async def test_the_load_is_shown_on_change_and_at_most_once_a_minute() -> None:
    clock = still()
    async with scripted_irc() as irc, irc_bot(irc.port, presence=True, clock=clock) as bot:
        bot.irc.show_load("2 builds\r\nQUIT")
        server = await irc.lets_in()
        assert "AWAY :2 builds␍␊QUIT" in server.lines
        for number in range(50):
            bot.irc.show_load(f"{number} builds")
        assert not any("AWAY" in line for line in await server.marks())
        clock.move(28)
        await server.until("PING :alive")
        clock.move(28)
        await server.until("PING :alive")
        clock.move(28)
        await server.until("AWAY :49 builds")
        clock.move(61)
        bot.irc.show_load("")
        await server.until("AWAY")
        assert server.lines[-1] == "AWAY"


async def test_the_load_is_not_shown_unless_that_is_wanted() -> None:
    async with scripted_irc() as irc, irc_bot(irc.port) as bot:
        server = await irc.lets_in()
        bot.irc.show_load("2 builds")
        assert not any("AWAY" in line for line in [*server.lines, *await server.marks()])


async def test_words_have_arrived_when_they_are_echoed() -> None:
    async with scripted_irc() as irc, irc_bot(irc.port) as bot:
        server = await irc.lets_in(ALL)
        server.answers_pings = False
        saying = asyncio.create_task(bot.says("x"))
        await server.until("PRIVMSG #dev :x")
        await server.marks()
        assert not saying.done()
        await server.says("x", nick="gordon")
        await saying


async def test_words_have_arrived_when_a_ping_after_them_is_answered() -> None:
    async with scripted_irc() as irc, irc_bot(irc.port) as bot:
        server = await irc.lets_in()
        await bot.says("x")
        assert server.lines[-2:][0].startswith("PRIVMSG #dev :x")
        assert server.lines[-1].startswith("PING ")


async def test_other_words_are_said_instead_when_these_had_to_wait() -> None:
    rooms: list[int] = []

    def instead(room: int) -> str:
        rooms.append(room)
        return "all of it"

    clock = still()
    async with scripted_irc() as irc, irc_bot(irc.port, clock=clock, burst_lines=4, line_every_s=1.0) as bot:
        server = await irc.lets_in()
        clock.move(60)
        sending = [asyncio.create_task(bot.irc.send(CHANNEL, str(n), instead=instead)) for n in range(5)]
        await server.until(":3")
        await clock_goes_on(clock, sending[-1].done)
        await server.until(":all of it")
        said = [line for line in server.lines if line.startswith("PRIVMSG")]
        assert said == [*(f"PRIVMSG #dev :{n}" for n in range(4)), "PRIVMSG #dev :all of it"]
        assert [len(f":gordon!~g@host PRIVMSG #dev :{'x' * room}\r\n") for room in rooms] == [512]


async def test_a_reply_that_is_cut_anywhere_was_not_heard_and_can_be_said_again() -> None:
    """F1: the server dies after byte k of it, for each k."""
    reply, clock = b"PRIVMSG #dev :alice: done\r\n", still()
    place = Place("net", "#dev", to="alice")
    async with scripted_irc() as irc, irc_bot(irc.port, clock=clock) as bot:
        for cut in range(len(reply) + 1):
            server = await irc.lets_in()
            server.answers_pings = False
            taken = await server.takes_over()
            sending = asyncio.create_task(bot.says("done", place))
            assert await taken.readexactly(cut) == reply[:cut]
            server.abort()
            with pytest.raises(Unavailable):
                await sending
            came = irc.came
            await clock_goes_on(clock, lambda: irc.came > came)  # noqa: B023
        server = await irc.lets_in()
        await bot.irc.send(place, "done")
        assert await server.hears("#dev") == "alice: done"


async def test_a_line_that_is_cut_anywhere_is_no_command() -> None:
    """F1: half of `!cancel all` would be another command."""
    line, clock = b":alice!a@b PRIVMSG #dev :!cancel all", still()
    async with scripted_irc() as irc, irc_bot(irc.port, clock=clock) as bot:
        for cut in range(len(line) + 1):
            server = await irc.lets_in()
            await server.write(line[:cut], end=b"")
            await server.close()
            came = irc.came
            await clock_goes_on(clock, lambda: irc.came > came)  # noqa: B023
        server = await irc.lets_in()
        await server.write(line[:20], end=b"")
        await server.write(line[20:])
        assert (await bot.hears()).text == "cancel all"
        assert bot.heard.empty()


async def test_a_host_that_changes_changes_what_fits() -> None:
    async with scripted_irc() as irc, irc_bot(irc.port) as bot:
        server = await irc.lets_in()
        host = "a.cloak." + "x" * 50
        await server.write(f":irc.test 396 gordon {host} :is now your displayed host")
        await server.marks()
        await bot.irc.send(CHANNEL, "y" * 1000)
        assert len(f":gordon!~g@{host} PRIVMSG #dev :{await server.hears('#dev')}\r\n") == 512
