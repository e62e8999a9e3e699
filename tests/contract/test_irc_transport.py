"""The IRC adapter on real servers and the demo's, by the same sentences."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any, Protocol

import pytest

from bot.adapters.irc_secrets import IrcSecrets
from bot.chat import Card
from bot.clock import SystemClock
from bot.demo.irc import DemoNetwork
from bot.errors import Refused, Unavailable
from bot.values import Place
from tests import rigs
from tests.irc_bot import CHANNEL, FAST, IrcBot, irc_bot
from tests.irc_person import IrcPerson
from tests.scripted_irc import until

People = Callable[..., Awaitable[IrcPerson]]
Bots = Callable[..., Awaitable[IrcBot]]


class Server(Protocol):
    """A server that can go and come back on its port."""

    port: int

    async def start(self) -> None: ...

    async def stop(self) -> None: ...


class Real:
    """One that is installed here."""

    def __init__(self, name: str, folder: Path) -> None:
        self.port = rigs.free_port()
        self._name = name
        self._folder = folder
        self._held = contextlib.ExitStack()

    async def start(self) -> None:
        run = rigs.ngircd if self._name == "ngircd" else rigs.inspircd
        self._held.enter_context(run(self._folder, port=self.port))

    async def stop(self) -> None:
        self._held.close()


class Demo:
    """The demo's."""

    def __init__(self) -> None:
        self.port = 0
        self._network = DemoNetwork()

    async def start(self) -> None:
        self._network = DemoNetwork()
        self.port = await self._network.start(self.port)

    async def stop(self) -> None:
        await self._network.stop()


@pytest.fixture(scope="module")
def inspircd_port(tmp_path_factory: pytest.TempPathFactory) -> Iterator[int]:
    """One server for all tests of the module: it takes a second to start."""
    with rigs.inspircd(tmp_path_factory.mktemp("inspircd")) as network:
        yield network.port


@pytest.fixture(params=["demo", "ngircd", "inspircd"])
async def port(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[int]:
    if request.param == "inspircd":
        yield request.getfixturevalue("inspircd_port")
        return
    server: Server = Demo() if request.param == "demo" else Real("ngircd", tmp_path)
    await server.start()
    yield server.port
    await server.stop()


@pytest.fixture
async def held() -> AsyncIterator[contextlib.AsyncExitStack]:
    async with contextlib.AsyncExitStack() as stack:
        yield stack


@pytest.fixture
def people(held: contextlib.AsyncExitStack) -> People:
    """Bring people onto a server; whoever is first in a channel is its operator."""

    async def come(nick: str, port: int) -> IrcPerson:
        person = await IrcPerson.come(port, nick, "#dev")
        held.push_async_callback(say_goodbye, person)
        return person

    return come


@pytest.fixture
def bots(held: contextlib.AsyncExitStack) -> Bots:
    async def start(port: int, **settings: object) -> IrcBot:
        return await held.enter_async_context(irc_bot(port, **settings))  # type: ignore[arg-type]

    return start


async def say_goodbye(person: IrcPerson) -> None:
    """Leave, and see that the nick is free for the next test."""
    with contextlib.suppress(AssertionError, OSError):
        await person.write("QUIT")
        await person.until("^ERROR")
    await person.leave()


async def together(port: int, people: People, bots: Bots, **settings: object) -> tuple[IrcPerson, IrcBot]:
    """Bring alice and the bot into the channel, and let the bot know that it is there."""
    bot, alice = await asyncio.gather(bots(port, **settings), people("alice", port))
    await met(alice, bot)
    return alice, bot


async def met(alice: IrcPerson, bot: IrcBot) -> None:
    """Greet until the bot answers: either may have come first."""
    hearing = asyncio.create_task(bot.hears())
    while not hearing.done():
        await alice.say("#dev", "!hello")
        await asyncio.wait({hearing}, timeout=0.02)
    assert hearing.result().text == "hello"
    await alice.write("PING :over")
    await alice.until("PONG.*over")
    await until_quiet(bot)


async def until_quiet(bot: IrcBot) -> None:
    """Let the bot hear the last of the greetings."""
    await bot.says("hello, too")
    while not bot.heard.empty():
        assert bot.heard.get_nowait().text == "hello"


async def hears(alice: IrcPerson, target: str = "#dev") -> str:
    """Read the next words that the bot says there, but for its greeting."""
    while True:
        line = await alice.until(rf"PRIVMSG {target} :")
        assert len(f"{line}\r\n".encode()) <= 512
        assert "[CUT]" not in line
        if (words := line.partition(f" {target} :")[2]) != "hello, too":
            return words


async def test_hears_what_is_addressed_in_its_order_and_nothing_else(port: int, people: People, bots: Bots) -> None:
    alice, bot = await together(port, people, bots, nick_is_identity=False)
    await bot.irc.send(CHANNEL, "!not-me")
    await alice.write(
        "PRIVMSG #dev :just talk",
        "NOTICE #dev :!notice",
        "NOTICE gordon :notice",
        "PRIVMSG #dev :<bob> !relayed",
        "PRIVMSG #dev :\x01ACTION !acts\x01",
        "PRIVMSG gordon :\x01VERSION\x01",
        "PRIVMSG #dev :!re\x02build\x0f 1",
        "PRIVMSG #dev :gordon: rebuild 2",
        "PRIVMSG #dev :Gordon, rebuild 3",
        "PRIVMSG gordon :rebuild 4",
        "PRIVMSG gordon :!rebuild 5",
    )
    heard = [await bot.hears() for _ in range(5)]
    assert [one.text for one in heard] == [f"rebuild {n}" for n in range(1, 6)]
    assert [one.place for one in heard[2:4]] == [
        Place("net", "#dev", to="alice"),
        Place("net", "alice", to="alice", private=True),
    ]
    assert {(one.speaker.name, one.speaker.account) for one in heard} == {("alice", "")}
    assert all(one.speaker.doubt for one in heard)
    assert len({one.key for one in heard}) == 5
    assert all(one.key.startswith("irc:net:") for one in heard)


async def test_a_nick_is_an_account_only_where_that_is_set(port: int, people: People, bots: Bots) -> None:
    bot, alice = await asyncio.gather(bots(port, nick_is_identity=True), people("Al[ce", port))
    await met(alice, bot)
    await alice.say("#dev", "!x")
    speaker = (await bot.hears()).speaker
    assert (speaker.name, speaker.evidence) == ("Al[ce", "nick on loopback")
    assert speaker.account in ("al[ce", "al{ce"), "as this server folds names"


async def test_replies_by_name_in_the_channel_and_plainly_in_private(port: int, people: People, bots: Bots) -> None:
    alice, bot = await together(port, people, bots)
    await bot.says("done", Place("net", "#DEV", to="alice"))
    assert await hears(alice) == "alice: done"
    await bot.says("done", Place("net", "alice", to="alice", private=True))
    assert await hears(alice, "alice") == "done"
    await bot.irc.send(CHANNEL, Card("moby#7", lines=("queued",), fields={"on": "ci\r\nQUIT"}, url="http://ci/1"))
    assert await hears(alice) == "moby#7; queued; on: ci␍␊QUIT http://ci/1"
    await bot.says("1\n2\n3\n4\n5")
    assert [await hears(alice) for _ in range(4)] == ["1", "2", "3", "… and 2 more"]
    await alice.write("NICK alix")
    await alice.until(" NICK ")
    with pytest.raises(Refused, match="alice: "):
        await bot.says("too late", Place("net", "alice", to="alice", private=True))


async def test_messages_leave_in_the_order_of_their_sending(port: int, people: People, bots: Bots) -> None:
    alice, bot = await together(port, people, bots)
    await asyncio.gather(*(bot.irc.send(CHANNEL, f"{n}a\n{n}b") for n in range(20)))
    assert [await hears(alice) for _ in range(40)] == [f"{n}{part}" for n in range(20) for part in "ab"]


async def test_a_long_line_arrives_whole_in_pieces_and_an_endless_one_is_cut(
    port: int, people: People, bots: Bots
) -> None:
    """F39: nobody reads 250 messages, and no network takes them."""
    alice, bot = await together(port, people, bots)
    for unit in ("ü", "€", "😀", "wörter und "):
        text = ("x" + unit * (1000 // len(unit.encode()))).strip()
        await bot.irc.send(CHANNEL, text)
        arrived = ""
        while len(arrived) < len(text):
            arrived += await hears(alice)
        assert arrived == text
    await bot.irc.send(CHANNEL, "x" * 100_000)
    await bot.irc.send(CHANNEL, "next")
    said = [await hears(alice) for _ in range(5)]
    assert said[3].endswith(" more characters")
    assert said[4] == "next"


async def test_stray_bytes_disconnect_nobody_and_controls_give_no_commands(
    port: int, people: People, bots: Bots
) -> None:
    alice, bot = await together(port, people, bots)
    await alice.write(b"PRIVMSG #dev :!caf\xe9 \xff\xfe")
    await alice.say("#dev", "!café")
    first, second = await bot.hears(), await bot.hears()
    assert first.text.startswith("café ")
    assert second.text == "café"
    await bot.irc.send(CHANNEL, "a\rQUIT :x\0\u2028\x01ACTION\x01")
    assert await hears(alice) == "a␍QUIT :x␀\u2424␁ACTION␁"
    await bot.irc.send(CHANNEL, "still here")
    assert await hears(alice) == "still here"


async def test_a_taken_nick_gives_way_to_another_and_is_taken_back(port: int, people: People, bots: Bots) -> None:
    """F3."""
    gordon, gordon_ = await asyncio.gather(people("gordon", port), people("gordon_", port))
    alice, bot = await together(port, people, bots)
    await alice.say("#dev", "gordon__: whoami")
    assert (await bot.hears()).text == "whoami"
    assert "I am gordon__" in bot.troubles()["the nick"]
    await gordon.write("QUIT")
    await alice.until(r"^:gordon__!\S+ NICK :?gordon$")
    await until(lambda: not bot.troubles())
    await gordon_.write("QUIT")


async def test_comes_back_after_a_kick(port: int, people: People, bots: Bots) -> None:
    """F5."""
    alice = await people("alice", port)
    bot = await bots(port)
    await alice.until(r"^:gordon!\S+ JOIN")
    for _ in range(2):
        await alice.write("KICK #dev gordon :away with you")
        await alice.until(" KICK ")
        await alice.until(r"^:gordon!\S+ JOIN")
        await met(alice, bot)
    assert bot.reports_about("#dev")[0].startswith("not in #dev: alice kicked me: away with you")
    assert bot.troubles() == {}


@pytest.mark.parametrize("port", ["ngircd", "inspircd"], indirect=True)  # the demo's has no modes
async def test_a_key_a_ban_an_invitation_and_a_silence(port: int, people: People, bots: Bots) -> None:
    """F5."""
    alice = await people("alice", port)
    await alice.write("MODE #dev +k sesame", "MODE #dev +m")
    await alice.until(r"MODE #dev :?\+m")
    bot = await bots(port)
    await until(lambda: "its key is another one" in bot.troubles().get("#dev", ""))
    await alice.write("MODE #dev -k sesame", "MODE #dev +b gordon!*@*")
    await until(lambda: "I am banned" in bot.troubles().get("#dev", ""))
    await alice.write("MODE #dev -b gordon!*@*", "MODE #dev +i")
    await until(lambda: "it is invite-only" in bot.troubles().get("#dev", ""))
    await alice.write("INVITE gordon #dev")
    await alice.until(r"^:gordon!\S+ JOIN")
    with pytest.raises(Unavailable, match="talking in #dev"):
        await bot.says("x")
    await until(lambda: "cannot speak in #dev" in bot.troubles().get("#dev", ""))
    await alice.write("MODE #dev -m", "MODE #dev -i")
    await until(lambda: not bot.troubles())
    await bot.says("y")


@pytest.mark.parametrize("kind", ["demo", "ngircd", "inspircd"])
async def test_comes_back_when_the_server_does(kind: str, tmp_path: Path, people: People, bots: Bots) -> None:
    server: Server = Demo() if kind == "demo" else Real(kind, tmp_path)
    await server.start()
    try:
        _, bot = await together(server.port, people, bots)
        await server.stop()
        await until(lambda: not bot.irc.connected())
        with pytest.raises(Unavailable, match="IRC net does not answer"):
            await bot.irc.send(CHANNEL, "lost")
        await server.start()
        bob = await people("bob", server.port)
        await met(bob, bot)
        await bot.says("back")
        assert await hears(bob) == "back"
    finally:
        await server.stop()


async def test_a_server_with_a_password_lets_in_who_knows_it_over_tls(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with rigs.inspircd(tmp_path, password="open-sesame") as network:
        tls: dict[str, Any] = {"tls": True, "ca_file": network.authority}
        async with (
            irc_bot(network.tls_port, secrets=IrcSecrets("open-sesame"), **tls) as bot,
            irc_bot(network.tls_port, secrets=IrcSecrets("close-sesame"), nick="other", **tls) as other,
        ):
            await until(bot.irc.connected)
            await until(lambda: "net: Closing link" in caplog.text)
            assert not other.irc.connected()
    assert "-sesame" not in caplog.text


async def test_says_goodbye_when_cancelled(port: int, people: People, bots: Bots) -> None:
    alice, bot = await together(port, people, bots)
    await bot.stop()
    await alice.until(r"^:gordon!\S+ QUIT")
    assert not bot.irc.connected()
    with pytest.raises(Unavailable):
        await bot.irc.send(CHANNEL, "x")


async def test_paces_its_lines_by_the_clock_it_was_given(port: int, people: People, bots: Bots) -> None:
    alice, bot = await together(port, people, bots, burst_lines=2, line_every_s=1.0)
    clock = SystemClock(FAST)
    began_s = clock.monotonic_s()
    await asyncio.gather(*(bot.irc.send(CHANNEL, str(n)) for n in range(6)))
    assert clock.monotonic_s() - began_s >= 3.9
    assert [await hears(alice) for _ in range(6)] == list("012345")


async def test_says_nothing_at_places_that_are_none() -> None:
    async with irc_bot(1) as bot:
        with pytest.raises(Unavailable):
            await bot.irc.send(CHANNEL, "x")
        with pytest.raises(Refused, match="not one of the channels"):
            await bot.irc.send(Place("net", "#dev,#other"), "x")
        with pytest.raises(Refused, match="not a nick"):
            await bot.irc.send(Place("net", "alice :x\r\nQUIT", private=True), "x")
