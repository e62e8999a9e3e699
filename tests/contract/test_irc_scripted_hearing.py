"""What is a command on IRC and what is not, and who gave it: against a server that a test plays (A1, A2, A17, F2)."""

import asyncio
import logging
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from bot.adapters import irc_hearing
from bot.chat import Heard
from bot.errors import Refused, Unavailable
from bot.settings import ChannelSettings
from bot.values import Place, Speaker
from tests.irc_bot import CHANNEL, irc_bot
from tests.moved_clock import MONDAY_S, MovedClock, still
from tests.scripted_irc import ALL, Connection, scripted_irc, until


def stamp(age: timedelta = timedelta()) -> str:
    """Spell the time of a moment ago as a server does; asked for as it is sent, as what waits its turn grows old."""
    return f"{datetime.now(UTC) - age:%Y-%m-%dT%H:%M:%S.000Z}"


STALE = stamp(timedelta(minutes=6))


@pytest.mark.parametrize(
    "line",
    [
        pytest.param(":alice!a@b NOTICE #dev :!x", id="a notice"),
        pytest.param(":alice!a@b NOTICE gordon :x", id="a private notice"),
        pytest.param(":gordon!~g@host PRIVMSG #dev :!x", id="our own echo"),
        pytest.param(":gordon!~g@host PRIVMSG gordon :x", id="to ourselves"),
        pytest.param(":alice!a@b PRIVMSG #dev :\x01ACTION !x\x01", id="an action"),
        pytest.param(":alice!a@b PRIVMSG gordon :\x01VERSION\x01", id="CTCP"),
        pytest.param(":alice!a@b PRIVMSG gordon :\x01DCC SEND x 1 2 3\x01", id="DCC"),
        pytest.param("@bot :alice!a@b PRIVMSG #dev :!x", id="a bot by its tag"),
        pytest.param("@draft/bot=x :alice!a@b PRIVMSG gordon :x", id="a bot by its draft tag"),
        pytest.param("@inspircd.org/bot :alice!a@b PRIVMSG #dev :!x", id="a bot by InspIRCd's tag"),
        pytest.param(":Bridge[m]!a@b PRIVMSG #dev :!x", id="a relay"),
        pytest.param(":bridge{M}!a@b PRIVMSG gordon :x", id="a relay, folded"),
        pytest.param(":alice!a@b PRIVMSG #dev :<bob> !x", id="A17 relayed words"),
        pytest.param(":alice!a@b PRIVMSG gordon :[bob] !x", id="A17 relayed words in private"),
        pytest.param(":alice!a@b PRIVMSG #dev :gordon: <bob> !x", id="A17 relayed words to us"),
        pytest.param(":alice!a@b PRIVMSG gordon :> !x", id="A17 a quote in private"),
        pytest.param(f"@time={STALE} :alice!a@b PRIVMSG #dev :!x", id="of six minutes ago"),
        pytest.param("@batch=h :alice!a@b PRIVMSG #dev :!x", id="of a channel's memory"),
        pytest.param("@batch=z :alice!a@b PRIVMSG #dev :!x", id="of a bouncer's memory"),
        pytest.param("@batch=n :alice!a@b PRIVMSG #dev :!x", id="of a batch within one"),
        pytest.param(":alice!a@b PRIVMSG @#dev :!x", id="to the operators of a channel"),
        pytest.param(":alice!a@b PRIVMSG $*.test :!x", id="to a whole server"),
        pytest.param(":alice!a@b PRIVMSG #other :!x", id="in a channel that is not ours"),
        pytest.param(":irc.test PRIVMSG gordon :x", id="of a server"),
        pytest.param(":alice!a@b PRIVMSG #dev :!", id="the prefix alone"),
        pytest.param(":alice!a@b TAGMSG #dev", id="tags alone"),
    ],
)
async def test_what_is_no_command(line: str) -> None:
    async with scripted_irc() as irc, irc_bot(irc.port, relays=("bridge[m]",)) as bot:
        server = await irc.lets_in(ALL)
        await server.write(":irc.test BATCH +h chathistory #dev", ":irc.test BATCH +z znc.in/playback #dev")
        await server.write("@batch=h :irc.test BATCH +n other", line)
        await server.says("!after", tags=f"time={stamp()}")
        assert (await bot.hears()).text == "after"


async def test_what_follows_a_memory_is_heard() -> None:
    async with scripted_irc() as irc, irc_bot(irc.port) as bot:
        server = await irc.lets_in(ALL)
        await server.write(":irc.test BATCH +1 chathistory #dev", ":irc.test BATCH +2 netsplit a b")
        await server.says("!old", tags="batch=1")
        await server.says("!of another batch", tags="batch=2")
        await server.write(":irc.test BATCH -1")
        await server.says("!new", tags="batch=1")
        assert [(await bot.hears()).text for _ in range(2)] == ["of another batch", "new"]


async def test_what_was_said_before_we_came_is_no_command_by_the_networks_own_clock() -> None:
    """Some servers play a channel's history back without a batch, only minutes old, and bouncers what was private."""
    at = "time=2014-07-01T12:00:{:02}.000Z".format
    then_s = datetime(2014, 7, 1, 12, tzinfo=UTC).timestamp()
    async with scripted_irc() as irc, irc_bot(irc.port, clock=MovedClock(lambda: then_s - MONDAY_S)) as bot:
        server = await irc.connection()
        await server.negotiates(ALL)
        await server.write(f"@{at(10)} :irc.test 001 gordon :hi")
        await server.until("JOIN #dev")
        await server.write(f"@{at(20)} :gordon!~g@host JOIN #dev")
        await server.says("!before", tags=at(19))
        await server.says("before", tags=at(9), target="gordon")
        await server.says("private", tags=at(15), target="gordon")
        await server.says("!said", tags=at(20))
        assert [(await bot.hears()).text for _ in range(2)] == ["private", "said"]


async def test_what_a_memory_tells_of_accounts_and_people_is_not_believed() -> None:
    """A1: an old JOIN or ACCOUNT proves nothing of today."""
    async with scripted_irc() as irc, irc_bot(irc.port, nick_is_identity=False) as bot:
        server = await irc.lets_in("batch account-notify extended-join message-tags")
        await server.write(":irc.test BATCH +1 chathistory #dev")
        await server.write("@batch=1 :alice!a@b JOIN #dev icecrime :x", "@batch=1 :alice!a@b ACCOUNT icecrime")
        await server.write("@batch=1 :gordon!~g@host KICK #dev gordon :old", ":irc.test BATCH -1")
        await server.says("!x")
        assert (await bot.hears()).speaker.account == ""
        assert bot.reports == []


async def test_tags_that_were_not_agreed_on_say_nothing() -> None:
    """A2: without capabilities a tag is anybody's."""
    async with scripted_irc() as irc, irc_bot(irc.port, nick_is_identity=False) as bot:
        server = await irc.lets_in()
        await server.write(":irc.test BATCH +1 chathistory #dev")
        await server.says("!x", tags=f"account=icecrime;msgid=1;time={STALE};batch=1;bot")
        heard = await bot.hears()
        assert (heard.text, heard.speaker.account) == ("x", "")
        assert heard.key != "irc:net:1"


async def test_a_message_id_is_the_key() -> None:
    async with scripted_irc() as irc, irc_bot(irc.port) as bot:
        server = await irc.lets_in("message-tags")
        await server.says("!x", tags="msgid=abc")
        assert (await bot.hears()).key == "irc:net:abc"


async def test_a_clock_that_is_wrong_is_told_until_it_is_right() -> None:
    """Gordon would be deaf, and nobody would know."""
    async with scripted_irc() as irc, irc_bot(irc.port) as bot:
        server = await irc.lets_in(ALL)
        for time in (STALE, STALE, "nonsense", "2014-07-01T12:00:00"):
            await server.says(f"!{time[:4]}", tags=f"time={time}")
        assert [(await bot.hears()).text for _ in range(2)] == ["nons", "2014"]
        [words] = bot.reports_about("the clock")
        assert "is wrong, and I obey nobody there" in words
        await server.says("!now", tags=f"time={stamp()}")
        assert (await bot.hears()).text == "now"
        assert bot.reports_about("the clock") == [words, ""]


async def test_lines_keep_their_order_while_one_of_them_is_looked_up() -> None:
    """A look-up holds up what was said later, and no more than its time."""
    clock = still()
    async with scripted_irc() as irc, irc_bot(irc.port, nick_is_identity=False, clock=clock) as bot:
        server = await irc.lets_in()
        server.accounts = None
        await server.says("!first", nick="alice")
        await server.says("!second", nick="bob")
        await server.until("WHOIS alice")
        await server.until("WHOIS bob")
        await server.write(":irc.test 311 gordon bob a b * :x", ":irc.test 330 gordon bob bobby :is logged in as")
        await server.write(":irc.test 318 gordon bob :End")
        await server.marks()
        assert bot.heard.empty()
        clock.move(6)
        first, second = await bot.hears(), await bot.hears()
        assert (first.text, first.speaker.account) == ("first", "")
        assert "cannot check right now" in first.speaker.doubt
        assert second.speaker == Speaker("net", "bob", "bobby", "WHOIS")


async def test_a_storm_of_strangers_is_not_looked_up_without_end() -> None:
    clock = still()
    async with scripted_irc() as irc, irc_bot(irc.port, nick_is_identity=False, clock=clock) as bot:
        server = await irc.lets_in()
        server.accounts = None
        for number in range(irc_hearing.MAX_LOOK_UPS + 20):
            await server.says("!x", nick=f"n{number}")
        await server.marks()
        clock.move(6)
        doubts = [(await bot.hears()).speaker.doubt for _ in range(irc_hearing.MAX_LOOK_UPS + 20)]
        assert all("cannot check right now" in doubt for doubt in doubts)
        assert sum("WHOIS" in line for line in server.lines) <= irc_hearing.MAX_LOOK_UPS


async def test_who_speaks_is_found_out_while_news_wait() -> None:
    """Or whoever asks when much is announced would be refused: a look-up has five seconds."""
    clock = still()
    pace: dict[str, Any] = {"burst_lines": 4, "line_every_s": 1.1}
    async with scripted_irc() as irc, irc_bot(irc.port, nick_is_identity=False, clock=clock, **pace) as bot:
        server = await irc.lets_in()
        server.accounts = {"alice": "alice1"}

        async def announce() -> None:
            while True:
                await bot.irc.send(CHANNEL, "news")

        announcing = asyncio.create_task(announce())
        await server.until("news")
        await server.says("!x")
        await server.marks()
        while bot.heard.empty():
            clock.move(0.25)
            await asyncio.sleep(0.002)
        assert (await bot.hears()).speaker.account == "alice1"
        announcing.cancel()


async def test_accounts_are_those_that_the_network_tells() -> None:
    async with scripted_irc() as irc, irc_bot(irc.port, nick_is_identity=False) as bot:
        server = await irc.lets_in("account-notify extended-join", features="WHOX")
        assert any(line == "WHO #dev %tcuhna,77" for line in [*server.lines, *await server.marks()])
        server.accounts = None
        await server.write(
            ":irc.test 354 gordon 77 #dev a b carol carol1", ":irc.test 354 gordon 78 #dev a b dave dave1"
        )
        await server.write(":alice!a@b JOIN #dev alice1 :Alice", ":bob!a@b JOIN #dev * :Bob", ":bob!a@b ACCOUNT bob1")
        found = []
        for nick in ("carol", "alice", "bob"):
            await server.says("!x", nick=nick)
            found.append((await bot.hears()).speaker)
        assert [one.account for one in found] == ["carol1", "alice1", "bob1"]
        assert [one.evidence for one in found] == ["WHOX", "account-notify", "account-notify"]


async def hears_in_private(server: Connection) -> Place:
    """Let alice, who is logged in, say something in private."""
    await server.says("x", target="gordon", tags="account=alice1")
    return Place("net", "alice", to="alice", private=True, account="alice1")


async def test_private_words_go_to_the_same_person_only() -> None:
    """F2: whoever has the nick since is not told."""
    async with scripted_irc() as irc, irc_bot(irc.port, nick_is_identity=False) as bot:
        server = await irc.lets_in("account-tag")
        place = await hears_in_private(server)
        assert (await bot.hears()).place == place
        server.accounts = {"alice": "alice1"}
        await bot.irc.send(place, "for alice")
        assert await server.hears("alice") == "for alice"
        server.accounts = {"alice": "mallory"}
        with pytest.raises(Refused, match="alice is not logged in as alice1 any more"):
            await bot.irc.send(place, "for alice only")
        server.accounts = None
        with pytest.raises(Unavailable):
            await bot.irc.send(place, "for alice only")
        await server.marks()
        assert not any("only" in line for line in server.lines)


@pytest.mark.parametrize(
    "line",
    [":alice!a@b QUIT :*.net *.split", ":alice!a@b NICK other", ":mallory!m@m NICK alice"],
    ids=["split", "nick", "thief"],
)
async def test_private_words_that_wait_are_not_said_to_a_nick_that_left_meanwhile(line: str) -> None:
    """F2: between the look-up and the turn."""
    clock = still()
    pace: dict[str, Any] = {"burst_lines": 2, "line_every_s": 5.0}
    async with scripted_irc() as irc, irc_bot(irc.port, nick_is_identity=False, clock=clock, **pace) as bot:
        server = await irc.connection()
        server.accounts = {"alice": "alice1"}
        server.answers_pings = False
        await server.welcomes("account-notify extended-join")
        await server.until("JOIN #dev")
        await server.write(":gordon!~g@host JOIN #dev", ":alice!a@b JOIN #dev alice1 :Alice")
        await server.says("!hello")
        await bot.hears()
        clock.move(60)
        place = Place("net", "alice", to="alice", private=True, account="alice1")
        for words in ("1", "2"):
            await bot.irc.send(CHANNEL, words)
        sending = asyncio.create_task(bot.irc.send(place, "secret"))
        await server.until("PRIVMSG #dev :2")
        await server.write(line)
        while not sending.done():
            clock.move(1)
            await asyncio.sleep(0.0005)
        with pytest.raises(Unavailable, match="who has just left"):
            sending.result()
        assert not any("secret" in words for words in server.lines)


async def test_each_channel_has_its_own_prefix() -> None:
    channel = {"#Ops": ChannelSettings(prefix="%"), "#quiet": ChannelSettings(prefix="")}
    settings: dict[str, Any] = {"channels": ("#dev", "#ops", "#quiet"), "channel": channel}
    async with scripted_irc() as irc, irc_bot(irc.port, **settings) as bot:
        server = await irc.connection()
        await server.welcomes()
        for name in settings["channels"]:
            await server.joins(str(name))
        for target in ("#dev", "#ops", "#quiet"):
            await server.says(f"!bang {target}", target=target)
            await server.says(f"%percent {target}", target=target)
            await server.says(f"gordon: name {target}", target=target)
        heard = [(await bot.hears()).text for _ in range(5)]
        assert heard == ["bang #dev", "name #dev", "percent #ops", "name #ops", "name #quiet"]


async def test_what_breaks_in_the_hearer_costs_one_line_only(caplog: pytest.LogCaptureFixture) -> None:
    heard: asyncio.Queue[str] = asyncio.Queue()

    async def hear(one: Heard) -> None:
        if one.text == "bad":
            raise RuntimeError(one.text)
        await heard.put(one.text)

    async with scripted_irc() as irc, irc_bot(irc.port, hear=hear):
        server = await irc.lets_in()
        await server.says("!bad")
        await server.says("!good")
        assert await heard.get() == "good"
    assert "could not be handed on" in caplog.text


async def test_too_much_at_once_is_said_once(caplog: pytest.LogCaptureFixture) -> None:
    gate = asyncio.Event()
    heard: list[str] = []

    async def hear(one: Heard) -> None:
        await gate.wait()
        heard.append(one.text)

    caplog.set_level(logging.INFO)
    async with scripted_irc() as irc, irc_bot(irc.port, hear=hear) as bot:
        server = await irc.lets_in()
        for number in range(irc_hearing.MAX_WAITING + 50):
            await server.says(f"!x {number}")
        assert (await server.hears("#dev")).startswith("alice: too much at once")
        await server.marks()
        gate.set()
        await bot.irc.send(CHANNEL, "next")
        assert await server.hears("#dev") == "next", "it was said more than once"
        await until(lambda: len(heard) >= irc_hearing.MAX_WAITING)
        assert heard == [f"x {number}" for number in range(len(heard))]
        assert len(heard) <= irc_hearing.MAX_WAITING + 1
