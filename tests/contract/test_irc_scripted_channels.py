"""Channels of IRC that keep the bot out, or silent, and where nobody is: against a server that a test plays (F5)."""

import asyncio

import pytest

from bot.adapters.irc_channels import NOT_SAID, NOT_THERE, REFUSED_JOIN
from bot.adapters.irc_secrets import IrcSecrets
from bot.errors import Refused, Unavailable
from bot.values import Place
from tests.irc_bot import CHANNEL, irc_bot, irc_settings
from tests.moved_clock import still
from tests.scripted_irc import Connection, scripted_irc, until

BOB = Place("net", "bob", to="bob", private=True)


@pytest.mark.parametrize("numeric", REFUSED_JOIN)
async def test_a_refused_channel_is_tried_again_and_told_once(numeric: str) -> None:
    """F5: whatever keeps us out, with pauses, and nothing is said there meanwhile."""
    async with scripted_irc() as irc, irc_bot(irc.port) as bot:
        server = await irc.connection()
        await server.welcomes()
        for number in range(3):
            await server.until("JOIN #dev")
            await server.write(f":irc.test {numeric} gordon #dev :Cannot join, said {number} times")
        await server.until("JOIN #dev")
        assert bot.irc.connected()
        with pytest.raises(Unavailable, match="where we are not now"):
            await bot.irc.send(CHANNEL, "x")
        [words] = bot.reports_about("#dev")
        assert (
            words
            == f"not in #dev: {REFUSED_JOIN[numeric]} (Cannot join, said 0 times); I try again at least every minute"
        )
        await server.joins("#dev")
        assert bot.reports_about("#dev") == [words, ""]
        assert bot.troubles() == {}


async def test_the_pauses_grow_to_a_minute() -> None:
    """F5: no loop; within an hour about one try a minute."""
    clock = still()
    async with scripted_irc() as irc, irc_bot(irc.port, clock=clock) as bot:
        server = await irc.connection()
        await server.welcomes()
        for _ in range(10 * 60):
            await server.write(":irc.test 474 gordon #dev :Cannot join (+b)")
            await server.marks()
            clock.move(1)
        assert 12 <= sum("JOIN" in line for line in server.lines) <= 24
        assert len(bot.reports) == 1


async def test_channels_are_joined_in_few_lines_with_their_keys() -> None:
    channels = tuple(f"#c{number}" for number in range(12))
    keys = {"#C3": "sesame", "#c7": "open"}
    async with scripted_irc() as irc, irc_bot(irc.port, channels=channels, secrets=IrcSecrets(channel_keys=keys)):
        server = await irc.connection()
        await server.welcomes()
        await server.until("JOIN #c10")
        joins = [line for line in server.lines if line.startswith("JOIN")]
        assert joins[0] == "JOIN #c3,#c7,#c0,#c1,#c2,#c4,#c5,#c6,#c8,#c9 sesame,open"
        assert joins[1] == "JOIN #c10,#c11"


async def test_an_invitation_is_followed_at_once_and_to_our_channels_only() -> None:
    clock = still()
    async with scripted_irc() as irc, irc_bot(irc.port, clock=clock):
        server = await irc.connection()
        await server.welcomes()
        await server.until("JOIN #dev")
        for _ in range(6):
            await server.write(":irc.test 473 gordon #dev :Cannot join (+i)")
            await server.marks()
            clock.move(61)
            await server.until("JOIN #dev")
        await server.write(":irc.test 473 gordon #dev :Cannot join (+i)")
        await server.marks()
        clock.move(2)
        assert not any("JOIN" in line for line in await server.marks()), "the pause is longer by now"
        await server.write(":op!o@h INVITE gordon #other", ":op!o@h INVITE bob #dev", ":op!o@h INVITE gordon #DEV")
        assert [line for line in await server.marks() if "JOIN" in line] == ["JOIN #dev"]


@pytest.mark.parametrize(
    ("line", "why"),
    [
        pytest.param(":op!o@h KICK #dev gordon :go away", "op kicked me: go away", id="kicked"),
        pytest.param(":gordon!~g@host PART #dev :because", "the network took me out", id="taken out"),
    ],
)
async def test_comes_back_after_it_was_sent_out(line: str, why: str) -> None:
    async with scripted_irc() as irc, irc_bot(irc.port) as bot:
        server = await irc.lets_in()
        for _ in range(3):
            await server.write(line)
            await server.until("JOIN #dev")
            assert why in bot.troubles()["#dev"]
            await server.joins("#dev")
        assert [bool(words) for words in bot.reports_about("#dev")] == [True, False] * 3


async def is_silenced(server: Connection) -> None:
    """Take the next words in the channel as a +m channel does."""
    await server.until("PRIVMSG #dev")
    await server.write(":irc.test 404 gordon #dev :Cannot send to channel (+m)")


async def test_a_channel_that_takes_no_words_is_left_alone_until_its_modes_change() -> None:
    """F5: +m."""
    clock = still()
    async with scripted_irc() as irc, irc_bot(irc.port, clock=clock) as bot:
        server = await irc.lets_in()
        sent = await bot.irc.send(CHANNEL, "x")
        await is_silenced(server)
        with pytest.raises(Unavailable, match=r"talking in #dev, Cannot send to channel"):
            await bot.irc.arrived(sent)
        with pytest.raises(Unavailable, match=r"where we may not speak \(Cannot send to channel \(\+m\)\)"):
            await bot.irc.send(CHANNEL, "y")
        assert "cannot speak in #dev: Cannot send to channel (+m); give me a voice" in bot.troubles()["#dev"]
        await server.write(":op!o@h MODE #dev +v gordon")
        await server.marks()
        assert bot.troubles() == {}
        await bot.irc.send(CHANNEL, "z")
        assert await server.hears("#dev") == "z"
        assert not any(line.endswith(":y") for line in server.lines)


async def test_a_silence_is_tried_again_with_growing_pauses_and_told_once() -> None:
    clock = still()
    async with scripted_irc() as irc, irc_bot(irc.port, clock=clock) as bot:
        server = await irc.lets_in()
        tries = 0
        for _ in range(300):
            try:
                await bot.irc.send(CHANNEL, "x")
            except Unavailable:
                clock.move(1)
                await asyncio.sleep(0)
                continue
            tries += 1
            await is_silenced(server)
            await server.marks()
        assert 6 <= tries <= 16
        assert len(bot.reports) == 1
        clock.move(70)
        sending = asyncio.create_task(bot.says("now"))
        await server.until("PRIVMSG #dev :now")
        while not sending.done():
            clock.move(1)
            await server.marks()
        assert bot.reports[1:] == [("#dev", "")]


@pytest.mark.parametrize("numeric", NOT_SAID)
async def test_words_that_a_channel_does_not_take_are_not_lost(numeric: str) -> None:
    """F5: whatever the number is for that, and operators hear of it."""
    async with scripted_irc() as irc, irc_bot(irc.port) as bot:
        server = await irc.lets_in()
        sent = await bot.irc.send(CHANNEL, "x")
        await server.until("PRIVMSG #dev")
        await server.write(f":irc.test {numeric} gordon #dev :Not taken")
        with pytest.raises(Unavailable, match="talking in #dev, "):
            await bot.irc.arrived(sent)
        assert "Not taken" in bot.troubles()["#dev"]


@pytest.mark.parametrize("numeric", NOT_THERE)
async def test_words_that_were_on_their_way_when_we_were_kicked_are_not_lost(numeric: str) -> None:
    async with scripted_irc() as irc, irc_bot(irc.port) as bot:
        server = await irc.lets_in()
        sent = await bot.irc.send(CHANNEL, "x")
        await server.until("PRIVMSG #dev")
        await server.write(":op!o@h KICK #dev gordon :x", f":irc.test {numeric} gordon #dev :No such nick/channel")
        with pytest.raises(Unavailable, match="where we are not now"):
            await bot.irc.arrived(sent)
        await server.until("JOIN #dev")


@pytest.mark.parametrize("numeric", ["439", "707"])
async def test_words_to_too_many_people_at_once_are_said_later(numeric: str) -> None:
    async with scripted_irc() as irc, irc_bot(irc.port) as bot:
        server = await irc.lets_in()
        sent = await bot.irc.send(BOB, "x")
        await server.until("PRIVMSG bob")
        await server.write(f":irc.test {numeric} gordon bob :Targets changing too fast, message dropped")
        with pytest.raises(Unavailable, match="talking to bob, Targets changing too fast"):
            await bot.irc.arrived(sent)


async def test_a_channel_that_is_not_ours_is_left() -> None:
    """470: the network forwards us to another one."""
    async with scripted_irc() as irc, irc_bot(irc.port) as bot:
        server = await irc.connection()
        await server.welcomes()
        await server.until("JOIN #dev")
        await server.write(":irc.test 470 gordon #dev ##dev :Forwarding to another channel")
        await server.write(":gordon!~g@host JOIN ##dev")
        await server.until("PART ##dev")
        await server.write(":gordon!~g@host PART ##dev")
        await server.marks()
        assert list(bot.troubles()) == ["#dev"]


@pytest.mark.parametrize("numeric", ["401", "404", "408", "415", "477", "486", "494", "531", "716"])
async def test_words_for_nobody_are_refused(numeric: str) -> None:
    async with scripted_irc() as irc, irc_bot(irc.port) as bot:
        server = await irc.lets_in()
        sent = await bot.irc.send(BOB, "x")
        await server.until("PRIVMSG bob")
        await server.write(f":irc.test {numeric} gordon bob :No such nick")
        with pytest.raises(Refused, match="bob: No such nick"):
            await bot.irc.arrived(sent)


async def test_a_channel_that_nobody_answered_for_is_asked_for_again_and_told() -> None:
    clock = still()
    async with scripted_irc() as irc, irc_bot(irc.port, clock=clock) as bot:
        server = await irc.connection()
        await server.welcomes()
        await server.until("JOIN #dev")
        for _ in range(3):
            clock.move(28)
            await server.until("PING :alive")
            await server.marks()
        assert sum("JOIN" in line for line in server.lines) == 2
        [words] = bot.reports_about("#dev")
        assert words == "not in #dev: the network does not say why; I try again at least every minute"
        await server.joins("#dev")
        assert bot.troubles() == {}


async def test_names_of_channels_compare_as_the_network_says() -> None:
    async with scripted_irc() as irc, irc_bot(irc.port, channels=("#dev[1]",)) as bot:
        server = await irc.connection()
        await server.welcomes(features="CASEMAPPING=rfc1459")
        await server.until("JOIN #dev[1]")
        await server.joins("#DEV{1}")
        await bot.irc.send(Place("net", "#dev{1]"), "x")
        assert await server.hears("#dev[1]") == "x"
    async with scripted_irc() as irc, irc_bot(irc.port, channels=("#dev[1]",)) as bot:
        server = await irc.connection()
        await server.welcomes(features="CASEMAPPING=ascii")
        await server.until("JOIN #dev[1]")
        await server.joins("#DEV{1}")
        with pytest.raises(Refused):
            await bot.irc.send(Place("net", "#dev{1]"), "x")
        with pytest.raises(Unavailable):
            await bot.irc.send(Place("net", "#Dev[1]"), "x")


async def test_a_reload_joins_and_leaves_channels_and_changes_how_they_are_talked_to() -> None:
    async with scripted_irc() as irc, irc_bot(irc.port, channels=("#dev", "#old")) as bot:
        server = await irc.connection()
        await server.welcomes()
        await server.until("JOIN #dev,#old")
        await server.joins("#dev")
        await server.joins("#old")
        changed = irc_settings(
            irc.port, nick_is_identity=True, channels=("#dev", "#new"), notice=True, relays=("bridge",)
        )
        bot.irc.change(changed, {"#new": "key"}, "%")
        await server.until("PART #old")
        await server.until("JOIN #new key")
        await server.write(":gordon!~g@host PART #old")
        await server.joins("#new")
        await server.says("!old prefix")
        await server.says("%relayed", nick="bridge")
        await server.says("%x")
        assert (await bot.hears()).text == "x"
        await bot.irc.send(CHANNEL, "y")
        assert await server.until("#dev :y") == "NOTICE #dev :y"
        with pytest.raises(Refused, match="not one of the channels"):
            await bot.irc.send(Place("net", "#old"), "x")
        await until(lambda: bot.troubles() == {})
