"""The IRC adapter against a real server and the demo's, by the same sentences; and against a server gone mad."""

import asyncio
import contextlib
import logging
import ssl
import subprocess
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Protocol

import pytest

from bot.adapters import irc as adapter
from bot.adapters.irc import Irc
from bot.adapters.irc_login import IrcSecrets
from bot.clock import SystemClock
from bot.demo.irc import DemoNetwork
from bot.errors import ConfigError, Refused, Unavailable
from bot.events import Place, Speaker
from bot.ports import Card, Hear, Heard
from bot.settings import IrcSettings
from tests import rigs

FAST = 25.0  # pauses of a second take 40 ms
CHANNEL = Place("net", "#dev")


class Server(Protocol):
    """A server that can go and come back on its port."""

    port: int

    async def start(self) -> None: ...

    async def stop(self) -> None: ...


class Ngircd:
    """The real one."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.port = rigs.free_port()
        self._held = contextlib.ExitStack()

    async def start(self) -> None:
        self._held.enter_context(rigs.ngircd(self.folder, port=self.port))

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


class Peer:
    """Somebody else's client: reads and writes lines as they are."""

    def __init__(self, nick: str, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.nick = nick
        self._reader = reader
        self._writer = writer

    async def write(self, line: str | bytes, end: bytes = b"\r\n") -> None:
        self._writer.write((line.encode() if isinstance(line, str) else line) + end)
        await self._writer.drain()

    async def say(self, target: str, text: str) -> None:
        await self.write(f"PRIVMSG {target} :{text}")

    async def until(self, part: str) -> str:
        """Read up to a line that has this part."""
        while line := await self._reader.readline():
            assert len(line) <= 512
            assert b"[CUT]" not in line
            text = line.decode().removesuffix("\r\n")
            if text.startswith("PING "):
                await self.write("PONG " + text[5:])
            if part in text:
                return text
        raise AssertionError(f"the connection ended before {part!r}")

    async def hears(self, target: str) -> str:
        """Read the next words that the bot says there."""
        line = await self.until(f"PRIVMSG {target} :")
        return line.partition(" :")[2]

    async def close(self) -> None:
        self._writer.close()
        with contextlib.suppress(OSError):
            await self._writer.wait_closed()


class Bot:
    """The adapter, running, and what it heard."""

    def __init__(self, irc: Irc) -> None:
        self.irc = irc
        self.heard: asyncio.Queue[Heard] = asyncio.Queue()
        self.task = asyncio.create_task(irc.run(self.heard.put))

    async def hears(self) -> Heard:
        getting = asyncio.create_task(self.heard.get())
        await asyncio.wait({getting, self.task}, return_when=asyncio.FIRST_COMPLETED)
        assert getting.done(), "the adapter ended by itself"
        return getting.result()

    async def stop(self) -> None:
        self.task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await self.task


@pytest.fixture(params=["demo", "ngircd"])
async def server(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Server]:
    running: Server = Ngircd(tmp_path) if request.param == "ngircd" else Demo()
    await running.start()
    yield running
    await running.stop()


@pytest.fixture
async def people() -> AsyncIterator[Callable[[str, int], Awaitable[Peer]]]:
    """Bring people onto a server; the first in the channel is its operator."""
    there: list[Peer] = []

    async def come(nick: str, port: int) -> Peer:
        peer = Peer(nick, *await asyncio.open_connection("127.0.0.1", port, limit=1 << 20))
        there.append(peer)
        await peer.write(f"NICK {nick}\r\nUSER someone 0 * :{nick}")
        await peer.until(" 001 ")
        await peer.write("JOIN #dev")
        await peer.until(" 366 ")
        return peer

    yield come
    for peer in there:
        await peer.close()


People = Callable[[str, int], Awaitable[Peer]]
Bots = Callable[..., Bot]


@pytest.fixture
async def bots() -> AsyncIterator[Bots]:
    """Start adapters on a port, with settings as a test wants them."""
    started: list[Bot] = []

    def start(port: int, *, password: str = "", speed: float = FAST, hear: Hear | None = None, **more: object) -> Bot:
        values = {"host": "127.0.0.1", "tls": False, "channels": ("#dev",), "line_every_s": 0.0, **more}
        irc = Irc("net", IrcSettings(port=port, **values), IrcSecrets(password), "!", SystemClock(speed))  # type: ignore[arg-type]
        bot = Bot(irc)
        started.append(bot)
        return bot

    yield start
    for bot in started:
        await bot.stop()


async def together(server: Server, people: People, bots: Bots, **settings: object) -> tuple[Peer, Bot]:
    """Bring alice and the bot into the channel, and let the bot know that it is there."""
    alice = await people("alice", server.port)
    bot = bots(server.port, **settings)
    await met(alice, bot)
    return alice, bot


async def until(is_so: Callable[[], bool]) -> None:
    """Let the loop run up to a state that nothing announces."""
    while not is_so():  # noqa: ASYNC110
        await asyncio.sleep(0.001)


async def met(alice: Peer, bot: Bot) -> None:
    await alice.until(" JOIN ")
    await alice.say("#dev", "!hello")
    assert (await bot.hears()).text == "hello"


async def test_hears_what_is_addressed_in_its_order_and_nothing_else(
    server: Server, people: People, bots: Bots
) -> None:
    alice, bot = await together(server, people, bots)
    await bot.irc.send(CHANNEL, "!not-me")
    for line in (
        "PRIVMSG #dev :just talk",
        "NOTICE #dev :!notice",
        "NOTICE gordon :notice",
        "PRIVMSG #dev :\x01ACTION !acts\x01",
        "PRIVMSG gordon :\x01VERSION\x01",
        "PRIVMSG #dev :!re\x02build\x0f 1",
        "PRIVMSG #dev :gordon: rebuild 2",
        "PRIVMSG #dev :Gordon, rebuild 3",
        "PRIVMSG gordon :rebuild 4",
        "PRIVMSG gordon :!rebuild 5",
    ):
        await alice.write(line)
    heard = [await bot.hears() for _ in range(5)]
    assert [one.text for one in heard] == [f"rebuild {n}" for n in range(1, 6)]
    assert [one.place for one in heard[2:4]] == [
        Place("net", "#dev", to="alice"),
        Place("net", "alice", to="alice", private=True),
    ]
    assert {one.speaker for one in heard} == {Speaker("net", "alice")}
    assert len({one.key for one in heard}) == 5
    assert all(one.key.startswith("irc:net:") for one in heard)


async def test_a_nick_is_an_account_only_where_that_is_set(server: Server, people: People, bots: Bots) -> None:
    alice = await people("Al[ce", server.port)
    bot = bots(server.port, nick_is_identity=True)
    await alice.until(" JOIN ")
    await alice.say("#dev", "!hello")
    assert (await bot.hears()).speaker == Speaker("net", "Al[ce", "al{ce", "nick on loopback")


async def test_replies_by_name_in_the_channel_and_plainly_in_private(
    server: Server, people: People, bots: Bots
) -> None:
    alice, bot = await together(server, people, bots)
    await bot.irc.send(Place("net", "#DEV", to="alice"), "done")
    assert await alice.hears("#dev") == "alice: done"
    await bot.irc.send(Place("net", "alice", to="alice", private=True), "done")
    assert await alice.hears("alice") == "done"
    await bot.irc.send(CHANNEL, Card("moby#7", lines=("queued",), fields={"on": "ci\r\nQUIT"}, url="http://ci/1"))
    assert await alice.hears("#dev") == "moby#7; queued; on: ci␍␊QUIT http://ci/1"
    await bot.irc.send(CHANNEL, "1\n2\n3\n4\n5")
    assert [await alice.hears("#dev") for _ in range(4)] == ["1", "2", "3", "… and 2 more"]


async def test_messages_leave_in_the_order_of_their_sending(server: Server, people: People, bots: Bots) -> None:
    alice, bot = await together(server, people, bots)
    await asyncio.gather(*(bot.irc.send(CHANNEL, f"{n}a\n{n}b") for n in range(20)))
    assert [await alice.hears("#dev") for _ in range(40)] == [f"{n}{part}" for n in range(20) for part in "ab"]


@pytest.mark.parametrize("unit", ["ü", "€", "😀", "wörter und "], ids=["two-bytes", "three", "four", "words"])
async def test_a_long_line_arrives_whole_in_pieces(server: Server, people: People, bots: Bots, unit: str) -> None:
    alice, bot = await together(server, people, bots)
    text = ("x" + unit * (1000 // len(unit.encode()))).strip()
    await bot.irc.send(CHANNEL, text)
    arrived = ""
    while len(arrived) < len(text):
        arrived += await alice.hears("#dev")
    assert arrived == text


async def test_an_endless_line_is_cut(server: Server, people: People, bots: Bots) -> None:
    """F39: nobody reads 250 messages, and no network takes them."""
    alice, bot = await together(server, people, bots)
    await bot.irc.send(CHANNEL, "x" * 100_000)
    await bot.irc.send(CHANNEL, "next")
    said = [await alice.hears("#dev") for _ in range(5)]
    assert said[3].endswith(" more characters")
    assert said[4] == "next"


async def test_stray_bytes_disconnect_nobody(server: Server, people: People, bots: Bots) -> None:
    alice, bot = await together(server, people, bots)
    await alice.write(b"PRIVMSG #dev :!caf\xe9 \xff\xfe")
    await alice.say("#dev", "!café")
    first, second = await bot.hears(), await bot.hears()
    assert first.text.startswith("café ")
    assert second.text == "café"
    assert first.key.rpartition("-")[0] == second.key.rpartition("-")[0], "it reconnected"


async def test_controls_in_a_reply_give_no_commands(server: Server, people: People, bots: Bots) -> None:
    alice, bot = await together(server, people, bots)
    await bot.irc.send(CHANNEL, "a\rQUIT :x\0\u2028\x01ACTION\x01")
    assert await alice.hears("#dev") == "a␍QUIT :x␀\u2424␁ACTION␁"
    await bot.irc.send(CHANNEL, "still here")
    assert await alice.hears("#dev") == "still here"


async def test_a_taken_nick_gives_way_to_another(server: Server, people: People, bots: Bots) -> None:
    await people("gordon", server.port)
    await people("gordon_", server.port)
    alice, bot = await together(server, people, bots)
    await alice.say("#dev", "gordon__: whoami")
    assert (await bot.hears()).text == "whoami"
    await bot.irc.send(CHANNEL, "x")
    assert (await alice.until(" PRIVMSG ")).startswith(":gordon__!")


async def test_comes_back_after_a_kick(server: Server, people: People, bots: Bots) -> None:
    alice, bot = await together(server, people, bots)
    for _ in range(2):
        await alice.write("KICK #dev gordon :away with you")
        await alice.until(" KICK ")
        await met(alice, bot)


async def test_comes_back_when_the_server_does(server: Server, people: People, bots: Bots) -> None:
    _, bot = await together(server, people, bots)
    await server.stop()
    await until(lambda: not bot.irc.connected())
    with pytest.raises(Unavailable, match="IRC net does not answer"):
        await bot.irc.send(CHANNEL, "lost")
    await server.start()
    bob = await people("bob", server.port)
    await bob.say("#dev", "x")  # the bot may be there already
    reply = asyncio.create_task(bob.hears("#dev"))
    while not reply.done():
        with contextlib.suppress(Unavailable):
            await bot.irc.send(CHANNEL, "back")
        await asyncio.sleep(0.01)
    assert reply.result() == "back"


async def test_says_goodbye_when_cancelled(server: Server, people: People, bots: Bots) -> None:
    alice, bot = await together(server, people, bots)
    await bot.stop()
    await alice.until(":gordon!")
    assert not bot.irc.connected()
    with pytest.raises(Unavailable):
        await bot.irc.send(CHANNEL, "x")


async def test_paces_its_lines_by_the_clock_it_was_given(server: Server, people: People, bots: Bots) -> None:
    alice, bot = await together(server, people, bots, burst_lines=2, line_every_s=1.0)
    clock = SystemClock(FAST)
    began_s = clock.monotonic_s()
    await asyncio.gather(*(bot.irc.send(CHANNEL, str(n)) for n in range(6)))
    assert clock.monotonic_s() - began_s >= 3.9
    assert [await alice.hears("#dev") for _ in range(6)] == list("012345")


async def test_says_nothing_at_places_that_are_none(bots: Bots) -> None:
    bot = bots(1)
    with pytest.raises(Unavailable):
        await bot.irc.send(CHANNEL, "x")
    with pytest.raises(Refused, match="not one of the channels"):
        await bot.irc.send(Place("net", "#dev,#other"), "x")
    with pytest.raises(Refused, match="not a nick"):
        await bot.irc.send(Place("net", "alice :x\r\nQUIT", private=True), "x")


def believes_nicks(host: str) -> bool:
    try:
        Irc("net", IrcSettings(host=host, nick_is_identity=True), IrcSecrets(), "!", SystemClock())
    except ConfigError as error:
        assert "anybody can take a nick" in str(error)  # noqa: PT017  either outcome is right for some host
        return False
    return True


@pytest.mark.parametrize(
    ("host", "believed"),
    [
        pytest.param("localhost", True, id="localhost"),
        pytest.param("127.0.0.1", True, id="IPv4"),
        pytest.param("::1", True, id="IPv6"),
        pytest.param("irc.example.org", False, id="a-network"),
        pytest.param("10.0.0.1", False, id="the-house"),
        pytest.param("localhost.example.org", False, id="a-name-that-begins-like-it"),
    ],
)
def test_a_nick_may_be_an_identity_on_loopback_only(host: str, believed: bool) -> None:
    assert believes_nicks(host) is believed


# -- a server that we play ourselves, for what no real one does on demand --


class Madhouse:
    """A listening socket whose connections a test plays itself."""

    def __init__(self) -> None:
        self.coming: asyncio.Queue[tuple[asyncio.StreamReader, asyncio.StreamWriter]] = asyncio.Queue()
        self.port = 0
        self._writers: list[asyncio.StreamWriter] = []
        self._server: asyncio.Server | None = None

    async def start(self, tls: ssl.SSLContext | None = None) -> None:
        self._server = await asyncio.start_server(self._accept, "127.0.0.1", 0, ssl=tls)
        self.port = self._server.sockets[0].getsockname()[1]

    def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._writers.append(writer)
        self.coming.put_nowait((reader, writer))

    async def welcomes(self) -> Peer:
        """Take the next connection, up to its place in the channel."""
        peer = Peer("server", *await self.coming.get())
        await peer.until("USER ")
        await peer.write(":irc.test 001 gordon :hi\r\n:irc.test 376 gordon :End")
        await peer.until("JOIN #dev")
        await peer.write(":gordon!~g@h JOIN :#dev")
        return peer

    async def stop(self) -> None:
        assert self._server is not None
        self._server.close()
        for writer in self._writers:
            writer.close()
            with contextlib.suppress(OSError):
                await writer.wait_closed()
        await self._server.wait_closed()


@pytest.fixture
async def mad() -> AsyncIterator[Madhouse]:
    server = Madhouse()
    await server.start()
    yield server
    await server.stop()


@pytest.mark.parametrize(
    "line",
    [
        "PRIVMSG",
        ":a!b@c PRIVMSG",
        ":a!b@c PRIVMSG #dev",
        ":a!b@c PRIVMSG #dev :",
        ":irc.test 005 gordon PREFIX=mad CHANMODES :are supported",
        ":irc.test 001",
        ":a",
        ":",
        " ",
        "@tag",
        "@a=b;;= :a!b@c PRIVMSG #dev :x",
        "PING",
        "PING :" + "x" * 600,
        ":gordon!~g@h JOIN",
        "JOIN #dev",
        ":x KICK #dev",
        "KICK #dev gordon",
        ":gordon!~g@h NICK",
        "QUIT",
        "ERROR",
        "433",
        ":irc.test 473",
        ":irc.test 401 gordon",
        ":irc.test PRIVMSG gordon :!from a server",
        ":a!b@c PRIVMSG @#dev :!to the operators",
        ":a!b@c PRIVMSG #other :!elsewhere",
        ":a!b@c PRIVMSG #dev :\x01\x10n\x10r!x\x01",
        b"\xff\xfe \x00",
    ],
    ids=repr,
)
async def test_a_mad_line_ends_nothing(mad: Madhouse, bots: Bots, line: str | bytes) -> None:
    bot = bots(mad.port)
    peer = await mad.welcomes()
    await peer.write(line)
    await peer.write(":alice!a@b PRIVMSG #dev :!after")
    assert (await bot.hears()).text == "after"


async def test_a_message_id_is_the_key(mad: Madhouse, bots: Bots) -> None:
    bot = bots(mad.port)
    peer = await mad.welcomes()
    await peer.write("@time=x;msgid=abc :alice!a@b PRIVMSG #dev :!x")
    assert (await bot.hears()).key == "irc:net:abc"


async def test_a_line_too_long_is_dropped(mad: Madhouse, bots: Bots) -> None:
    bot = bots(mad.port)
    peer = await mad.welcomes()
    await peer.write(":alice!a@b PRIVMSG #dev :!" + "x" * adapter.MAX_LINE_BYTES)
    await peer.write(":alice!a@b PRIVMSG #dev :!after")
    assert (await bot.hears()).text == "after"


async def test_a_line_without_end_ends_the_connection(
    mad: Madhouse, bots: Bots, caplog: pytest.LogCaptureFixture
) -> None:
    bots(mad.port)
    peer = await mad.welcomes()
    await peer.write(b"x" * (adapter.MAX_LINE_BYTES + 1), end=b"")
    await mad.welcomes()
    assert "a line without an end; connecting again" in caplog.text


async def test_a_silent_server_is_noticed_within_90_s(mad: Madhouse, bots: Bots) -> None:
    clock = SystemClock(100.0)
    bots(mad.port, speed=100.0)
    await mad.welcomes()
    began_s = clock.monotonic_s()
    await mad.welcomes()
    assert clock.monotonic_s() - began_s >= 2 * adapter.TICK_S
    assert (adapter.MAX_SILENT_TICKS + 1) * adapter.TICK_S <= 90


async def test_a_server_without_welcome_is_given_up(mad: Madhouse, bots: Bots) -> None:
    bots(mad.port, speed=100.0)
    await mad.coming.get()
    await mad.welcomes()


async def test_a_server_on_which_no_nick_is_free_is_asked_again_later(mad: Madhouse, bots: Bots) -> None:
    bots(mad.port)
    peer = Peer("server", *await mad.coming.get())
    await peer.until("USER ")
    tried = ["gordon"]
    with contextlib.suppress(AssertionError):
        while True:
            await peer.write(f":irc.test 433 * {tried[-1]} :taken")
            tried.append((await peer.until("NICK ")).removeprefix("NICK "))
    assert tried[:3] == ["gordon", "gordon_", "gordon__"]
    assert len(tried) == 12
    await mad.welcomes()


async def test_the_servers_password_comes_first_and_its_reason_is_logged(
    mad: Madhouse, bots: Bots, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    bots(mad.port, password="open sesame")
    peer = Peer("server", *await mad.coming.get())
    assert await peer.until("") == "PASS open sesame"
    await peer.write("ERROR :Bad password?")
    await peer.close()
    await mad.welcomes()
    assert "Bad password?; connecting again" in caplog.text
    assert "sesame" not in caplog.text


async def test_a_refused_channel_is_tried_again_and_nothing_is_said_there_meanwhile(mad: Madhouse, bots: Bots) -> None:
    bot = bots(mad.port)
    peer = Peer("server", *await mad.coming.get())
    await peer.until("USER ")
    await peer.write(":irc.test 001 gordon :hi")
    for _ in range(3):
        await peer.until("JOIN #dev")
        await peer.write(":irc.test 474 gordon #dev :Cannot join (+b)")
    await peer.until("JOIN #dev")
    assert bot.irc.connected()
    with pytest.raises(Unavailable, match="where we are not now"):
        await bot.irc.send(CHANNEL, "x")


async def test_what_breaks_in_the_hearer_costs_one_line_only(mad: Madhouse) -> None:
    heard: asyncio.Queue[str] = asyncio.Queue()

    async def hear(one: Heard) -> None:
        if one.text == "bad":
            raise RuntimeError(one.text)
        await heard.put(one.text)

    settings = IrcSettings(host="127.0.0.1", port=mad.port, tls=False, channels=("#dev",))
    running = asyncio.create_task(Irc("net", settings, IrcSecrets(), "!", SystemClock(FAST)).run(hear))
    peer = await mad.welcomes()
    await peer.write(":alice!a@b PRIVMSG #dev :!bad\r\n:alice!a@b PRIVMSG #dev :!good")
    assert await heard.get() == "good"
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)


async def test_too_much_at_once_is_said_once(mad: Madhouse) -> None:
    gate = asyncio.Event()
    heard: list[str] = []

    async def hear(one: Heard) -> None:
        await gate.wait()
        heard.append(one.text)

    settings = IrcSettings(host="127.0.0.1", port=mad.port, tls=False, channels=("#dev",), line_every_s=0.0)
    irc = Irc("net", settings, IrcSecrets(), "!", SystemClock(FAST))
    running = asyncio.create_task(irc.run(hear))
    peer = await mad.welcomes()
    for n in range(adapter.MAX_WAITING + 50):
        await peer.write(f":alice!a@b PRIVMSG #dev :!x {n}")
    assert (await peer.hears("#dev")).startswith("alice: too much at once")
    await peer.write("PING :marker")
    await peer.until("PONG marker")  # it has read all of them
    gate.set()
    await irc.send(CHANNEL, "next")
    assert await peer.hears("#dev") == "next", "it was said more than once"
    assert heard == [f"x {n}" for n in range(len(heard))]
    assert adapter.MAX_WAITING <= len(heard) <= adapter.MAX_WAITING + 1
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)


async def test_a_server_that_does_not_read_holds_up_the_sender_and_not_the_loop(mad: Madhouse, bots: Bots) -> None:
    bot = bots(mad.port)
    peer = await mad.welcomes()
    await peer.write(":alice!a@b PRIVMSG #dev :!x")
    await bot.hears()

    async def flood() -> None:
        while True:
            await bot.irc.send(CHANNEL, "x" * 400)

    flooding = asyncio.create_task(flood())
    await asyncio.wait({flooding}, timeout=0.5)
    assert not flooding.done()
    await peer.close()
    with pytest.raises(Unavailable):
        await flooding


@pytest.fixture
def certificate(tmp_path: Path) -> ssl.SSLContext:
    key, cert = tmp_path / "key.pem", tmp_path / "cert.pem"
    make = "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 1 -subj /CN=localhost"
    subprocess.run([*make.split(), "-keyout", key, "-out", cert], check=True, capture_output=True)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(cert, key)
    return context


async def test_a_certificate_of_nobody_is_not_taken(
    bots: Bots, certificate: ssl.SSLContext, caplog: pytest.LogCaptureFixture
) -> None:
    server = Madhouse()
    await server.start(certificate)
    bot = bots(server.port, tls=True)
    await until(lambda: "CERTIFICATE_VERIFY_FAILED" in caplog.text)
    assert not bot.irc.connected()
    assert server.coming.empty()
    await bot.stop()
    await server.stop()


async def test_a_certificate_of_somebody_is(
    bots: Bots, certificate: ssl.SSLContext, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "cert.pem"))
    server = Madhouse()
    await server.start(certificate)
    bot = bots(server.port, tls=True, host="localhost")
    peer = await server.welcomes()
    await peer.write(":alice!a@b PRIVMSG #dev :!x")
    assert (await bot.hears()).text == "x"
    await bot.irc.send(CHANNEL, "over TLS")
    assert await peer.hears("#dev") == "over TLS"
    await bot.stop()
    await server.stop()
