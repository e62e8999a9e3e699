"""Which lines of a channel are heard that are addressed to nobody, against a server that a test plays."""

import asyncio
from datetime import UTC, datetime, timedelta

import pytest

from bot.adapters.irc_hearing import MAX_OVERHEARD
from bot.chat import Heard
from bot.values import Place, Speaker
from tests.irc_bot import irc_bot
from tests.scripted_irc import ALL, scripted_irc

STALE = f"{datetime.now(UTC) - timedelta(minutes=6):%Y-%m-%dT%H:%M:%S.000Z}"


@pytest.mark.parametrize(
    ("line", "text"),
    [
        pytest.param(":alice!a@b PRIVMSG #dev :clock skew", "clock skew", id="to nobody"),
        pytest.param(":alice!a@b PRIVMSG #DEV :clock skew", "clock skew", id="in the channel, folded"),
        pytest.param(":alice!a@b PRIVMSG #dev :bob: clock skew", "bob: clock skew", id="to somebody else"),
        pytest.param(":alice!a@b PRIVMSG #dev :<bob> !x", "<bob> !x", id="A17 relayed words, which are no command"),
        pytest.param(":Bridge[m]!a@b PRIVMSG #dev :!x", "!x", id="what a relay says, which is no command"),
        pytest.param(":Bridge[m]!a@b PRIVMSG #dev :<bob> skew", "<bob> skew", id="what a relay passes on"),
        pytest.param(":alice!a@b PRIVMSG #dev :\x0304clock\x0f skew", "clock skew", id="in colour"),
    ],
)
async def test_what_is_overheard(line: str, text: str) -> None:
    """Its speaker is nobody in particular, and nobody is asked who that is."""
    async with scripted_irc() as irc, irc_bot(irc.port, relays=("bridge[m]",), nick_is_identity=False) as bot:
        bot.irc.listens = lambda place: place.channel == "#dev"
        server = await irc.lets_in()
        before = len(server.lines)
        await server.write(line)
        heard = await bot.hears()
        nick = line[1:].partition("!")[0]
        assert heard == Heard(heard.key, text, Speaker("net", nick), Place("net", "#dev", to=nick), is_for_us=False)
        await server.marks()
        assert not [one for one in server.lines[before:] if one.startswith("WHO")]


@pytest.mark.parametrize(
    "line",
    [
        pytest.param(":alice!a@b NOTICE #dev :skew", id="a notice"),
        pytest.param(":gordon!~g@host PRIVMSG #dev :skew", id="our own echo"),
        pytest.param(":alice!a@b PRIVMSG #dev :\x01ACTION skew\x01", id="an action"),
        pytest.param("@bot :alice!a@b PRIVMSG #dev :skew", id="a bot by its tag"),
        pytest.param("@draft/bot=x :alice!a@b PRIVMSG #dev :!skew", id="a bot that types a command"),
        pytest.param(f"@time={STALE} :alice!a@b PRIVMSG #dev :skew", id="of six minutes ago"),
        pytest.param("@batch=h :alice!a@b PRIVMSG #dev :skew", id="of a channel's memory"),
        pytest.param(":alice!a@b PRIVMSG #quiet :skew", id="where nobody listens"),
        pytest.param(":alice!a@b PRIVMSG #other :skew", id="in a channel that is not ours"),
        pytest.param(":alice!a@b PRIVMSG @#dev :skew", id="to the operators of the channel"),
        pytest.param(":irc.test PRIVMSG #dev :skew", id="of a server"),
        pytest.param(":alice!a@b PRIVMSG gordon :> skew", id="in private, where all is for us or nobody"),
    ],
)
async def test_what_is_not_overheard(line: str) -> None:
    async with scripted_irc() as irc, irc_bot(irc.port, channels=("#dev", "#quiet")) as bot:
        bot.irc.listens = lambda place: place.channel != "#quiet"
        server = await irc.lets_in(ALL)
        await server.joins("#quiet")
        await server.write(":irc.test BATCH +h chathistory #dev", line)
        await server.says("and then")
        assert (await bot.hears()).text == "and then"
        assert bot.reports_about("the clock") in ([], [""])  # what is not obeyed anyway says nothing of clocks


async def test_nothing_is_overheard_unless_somebody_listens() -> None:
    async with scripted_irc() as irc, irc_bot(irc.port) as bot:
        server = await irc.lets_in()
        await server.says("clock skew")
        await server.says("!after")
        assert (await bot.hears()).is_for_us


async def test_much_talk_leaves_room_for_commands() -> None:
    """While nothing is taken in, what is overheard waits in a tenth of the room, and the command behind it is heard."""
    heard: list[str] = []
    may_go_on, is_through = asyncio.Event(), asyncio.Event()

    async def hear(one: Heard) -> None:
        await may_go_on.wait()
        heard.append(one.text)
        if one.is_for_us:
            is_through.set()

    async with scripted_irc() as irc, irc_bot(irc.port, hear=hear) as bot:
        bot.irc.listens = lambda place: True
        server = await irc.lets_in()
        for number in range(3 * MAX_OVERHEARD):
            await server.says(f"talk {number}")
        await server.says("!ping")
        await server.marks()
        may_go_on.set()
        async with asyncio.timeout(30):
            await is_through.wait()
        assert heard[-1] == "ping"
        assert len(heard) <= MAX_OVERHEARD + 2  # one of them was in hand
