"""The demo's IRC network, met by bare sockets and by the `irc` package, with a real ngircd as its witness."""

import asyncio
import gc
import re
import socket
import threading
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import pytest
from irc.client_aio import AioReactor
from jaraco.stream.buffer import LenientDecodingLineBuffer

from bot.demo.irc import UNREAD_LIMIT, DemoNetwork, Said, fold, parse
from tests.rigs import inspircd, ngircd

PATIENCE_S = 5


class Raw:
    """A client that sends the bytes it is told to and remembers every line it was sent."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader, self.writer = reader, writer
        self.pings = 0

    def send(self, *lines: str | bytes) -> None:
        for line in lines:
            self.writer.write((line.encode() if isinstance(line, str) else line) + b"\r\n")

    async def line(self) -> bytes:
        return (await asyncio.wait_for(self.reader.readline(), PATIENCE_S)).rstrip(b"\r\n")

    async def until(self, pattern: str) -> str:
        """Read on to the first line with this pattern in it."""
        seen: list[str] = []
        while line := (await self.line()).decode("utf-8", "replace"):
            if re.search(pattern, line):
                return line
            seen.append(line)
        raise AssertionError(f"no {pattern!r} before the end, only {seen}")

    async def answers(self, *lines: str | bytes) -> list[str]:
        """Send lines and return what comes back up to the answer to a PING put behind them."""
        self.pings += 1
        token = f"mark{self.pings}"
        self.send(*lines, f"PING {token}")
        heard: list[str] = []
        while token not in (line := (await self.line()).decode("utf-8", "replace")):
            assert line, f"hung up after {heard}"
            heard.append(line)
        return heard

    async def rest(self) -> bytes:
        return await asyncio.wait_for(self.reader.read(), PATIENCE_S)


class Meeting:
    """The clients of one test on one server."""

    def __init__(self, port: int, stack: AsyncExitStack) -> None:
        self.port = port
        self._stack = stack

    async def connect(self) -> Raw:
        reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
        self._stack.push_async_callback(close, writer)
        return Raw(reader, writer)

    async def register(self, nick: str, channel: str = "") -> Raw:
        client = await self.connect()
        client.send(f"NICK {nick}", f"USER {nick} 0 * :{nick.title()}")
        await client.until(" (376|422) ")
        if channel:
            client.send(f"JOIN {channel}")
            await client.until(" 366 ")
        return client


async def close(writer: asyncio.StreamWriter) -> None:
    writer.close()
    try:
        await writer.wait_closed()
    except ConnectionError:
        return  # the server was faster


@pytest.fixture
async def network() -> AsyncIterator[DemoNetwork]:
    network = DemoNetwork()
    yield network
    await network.stop()


@pytest.fixture
async def demo(network: DemoNetwork) -> AsyncIterator[Meeting]:
    async with AsyncExitStack() as stack:
        yield Meeting(await network.start(), stack)


@pytest.fixture(params=["demo", "ngircd"])
async def meeting(request: pytest.FixtureRequest, network: DemoNetwork, tmp_path: Path) -> AsyncIterator[Meeting]:
    """The same test on our network and on a server that is not ours."""
    async with AsyncExitStack() as stack:
        port = await network.start() if request.param == "demo" else stack.enter_context(ngircd(tmp_path))
        yield Meeting(port, stack)


# Both servers: one table of what alice says alone, and the stories of two


ALONE = [
    pytest.param("FOO bar", [r" 421 alice FOO :"], id="unknown-command"),
    pytest.param(b"\xff\xfe\xfd", [r" 421 alice "], id="bytes-that-are-no-text"),
    pytest.param("", [], id="empty-line"),
    pytest.param("PING", [r" 409 alice :"], id="ping-without-origin"),
    pytest.param("PONG :x", [], id="pong"),
    pytest.param("CAP LS 302", [r" CAP alice LS :"], id="capabilities"),
    pytest.param("CAP REQ :sasl", [r" CAP alice NAK :sasl"], id="capability-refused"),
    pytest.param("CAP LIST", [r" CAP alice LIST :"], id="no-capability-in-use"),
    pytest.param("CAP BLA", [r" 410 alice BLA :"], id="capability-nonsense"),
    pytest.param("USER a b c d", [r" 462 alice :"], id="registered-twice"),
    pytest.param("NICK 9lives", [r" 432 alice 9lives :"], id="nick-with-a-digit-first"),
    pytest.param(f"NICK {'n' * 31}", [r" 432 alice n{31} :"], id="nick-too-long"),
    pytest.param("NICK alicia", [r"^:alice!~alice@127.0.0.1 NICK :alicia$"], id="nick-change"),
    pytest.param("NICK ALICE", [r"^:alice!~alice@127.0.0.1 NICK :ALICE$"], id="nick-change-of-case"),
    pytest.param("JOIN #new", [r"^:alice!\S+ JOIN :#new$", r" 353 alice = #new :@alice$", r" 366 "], id="join"),
    pytest.param("JOIN #home", [], id="join-again"),
    pytest.param("JOIN #HOME", [], id="join-again-in-capitals"),
    pytest.param("JOIN nochannel", [r" 403 alice nochannel :"], id="join-no-channel"),
    pytest.param("JOIN", [r" 461 alice JOIN :"], id="join-nothing"),
    pytest.param("JOIN 0", [r"^:alice!\S+ PART #home"], id="leave-all"),
    pytest.param("PART #home :bye", [r"^:alice!\S+ PART #home :bye$"], id="part"),
    pytest.param("PART #void", [r" 403 alice #void :"], id="part-from-nowhere"),
    pytest.param("TOPIC #home", [r" 331 alice #home :"], id="no-topic"),
    pytest.param("TOPIC #home :Hi all", [r"^:alice!\S+ TOPIC #home :Hi all$"], id="topic"),
    pytest.param("MODE #home", [r" 324 alice #home \+"], id="channel-mode"),
    pytest.param("MODE #home b", [r" 368 alice #home :"], id="ban-list"),
    pytest.param("MODE #home +y", [r" 472 alice y :"], id="unknown-mode"),
    pytest.param("MODE #void", [r" 40[13] alice #void :"], id="mode-of-nothing"),
    pytest.param("MODE alice", [r" 221 alice \+"], id="own-mode"),
    pytest.param("MODE alice +i", [r":alice\S* MODE alice :\+i"], id="invisible-as-most-clients-ask-at-first"),
    pytest.param("WHO #home", [r" 352 alice #home ~alice 127.0.0.1 \S+ alice H@ :0 Alice$", r" 315 "], id="who"),
    pytest.param("WHO #void", [r" 315 alice #void :"], id="who-nobody"),
    pytest.param("NAMES #home", [r" 353 alice = #home :@alice$", r" 366 alice #home :"], id="names"),
    pytest.param("LIST #home", [r" 321 ", r" 322 alice #home 1 :", r" 323 "], id="list"),
    pytest.param("USERHOST alice nobody", [r" 302 alice :alice=\+~alice@127.0.0.1 ?$"], id="userhost"),
    pytest.param("ISON ALICE nobody", [r" 303 alice :alice ?$"], id="ison"),
    pytest.param("AWAY :lunch", [r" 306 alice :"], id="away"),
    pytest.param("AWAY", [r" 305 alice :"], id="back"),
    pytest.param("WHOIS nobody", [r" 401 alice nobody :", r" 318 alice nobody :"], id="whois-nobody"),
    pytest.param("PRIVMSG", [r" 411 alice :"], id="to-nobody"),
    pytest.param("PRIVMSG #home", [r" 412 alice :"], id="no-words"),
    pytest.param("PRIVMSG nobody :hi", [r" 401 alice nobody :"], id="to-an-absent-nick"),
    pytest.param("PRIVMSG #void :hi", [r" 401 alice #void :"], id="to-an-absent-channel"),
    pytest.param("NOTICE nobody :hi", [], id="a-notice-is-never-answered"),
    pytest.param("PRIVMSG #home :hi", [], id="no-echo-to-the-speaker"),
    pytest.param("privmsg alice :hi", [r"^:alice!\S+ PRIVMSG alice :hi$"], id="to-oneself-in-small-letters"),
    pytest.param("PRIVMSG alice hi", [r"^:alice!\S+ PRIVMSG alice :hi$"], id="one-word-without-a-colon"),
    pytest.param("KICK #home nobody", [r" (401|441) alice "], id="kick-nobody"),
    pytest.param(b"PRIVMSG alice :a\rAWAY :b", [r" PRIVMSG alice :a$", r" 306 "], id="a-bare-cr-ends-a-line"),
]


@pytest.mark.parametrize(("line", "expected"), ALONE)
async def test_a_line_has_its_answer(meeting: Meeting, line: str | bytes, expected: list[str]) -> None:
    alice = await meeting.register("alice", "#home")
    answers = [answer for answer in await alice.answers(line) if " 329 " not in answer]
    assert len(answers) == len(expected), answers
    for answer, pattern in zip(answers, expected, strict=True):
        assert re.search(pattern, answer)


async def test_registration_waits_for_the_end_of_negotiation(meeting: Meeting) -> None:
    client = await meeting.connect()
    client.send("CAP LS 302")
    assert re.search(r" CAP \* LS :", await client.until("CAP"))
    client.send("NICK bob", "USER bob 0 * :Bob", "CAP REQ :sasl account-tag")
    assert (await client.until(" 001 |CAP")).endswith(" NAK :sasl account-tag")
    client.send("CAP END")
    assert " 001 bob :" in await client.until(" 00. ")


@pytest.mark.parametrize("server", ["demo", "inspircd"])
async def test_what_is_said_comes_back_to_whoever_asked_for_that(
    server: str, network: DemoNetwork, tmp_path: Path
) -> None:
    """As https://ircv3.net/specs/extensions/echo-message has it; ngircd does not know it, InspIRCd does."""
    async with AsyncExitStack() as stack:
        port = await network.start() if server == "demo" else stack.enter_context(inspircd(tmp_path)).port
        meeting = Meeting(port, stack)
        alice, bob = await asyncio.gather(meeting.register("alice", "#home"), meeting.register("bob"))
        assert re.search(r" CAP alice LS .*echo-message", (await alice.answers("CAP LS 302"))[0])
        granted = await alice.answers("CAP REQ :echo-message")
        assert re.search(r" CAP alice ACK :echo-message *$", granted[0])
        for line in ("PRIVMSG #home :hi", "NOTICE #home :hi", "PRIVMSG bob :hi"):
            echoed = await alice.answers(line)
            assert [re.search(rf"^(@\S+ )?:alice!\S+ {line}$", one) is not None for one in echoed] == [True]
        assert " PRIVMSG bob :hi" in await bob.until(" PRIVMSG ")
        assert re.search(r" CAP alice ACK :-echo-message *$", (await alice.answers("CAP REQ :-echo-message"))[0])
        assert await alice.answers("PRIVMSG #home :hi") == []


async def test_the_welcome_tells_what_clients_need_to_know(meeting: Meeting) -> None:
    client = await meeting.connect()
    client.send("NICK bob", "USER bob 0 * :Bob")
    for numeric in ("001", "002", "003", "004"):
        assert f" {numeric} bob " in await client.until(" 00. ")
    features = await client.until(" 005 ")
    assert "CASEMAPPING=ascii" in features
    assert "CHANTYPES=#" in features


async def test_nobody_speaks_before_registering(meeting: Meeting) -> None:
    client = await meeting.connect()
    client.send("JOIN #home")
    assert " 451 " in await client.until(" 451 ")


@pytest.mark.parametrize("nick", ["alice", "ALICE"])
async def test_a_nick_in_use_is_refused_and_another_is_welcome(meeting: Meeting, nick: str) -> None:
    await meeting.register("alice")
    client = await meeting.connect()
    client.send(f"NICK {nick}", "USER bob 0 * :Bob")
    assert re.fullmatch(rf":\S+ 433 \* {nick} :.+", await client.until(" 433 "))
    client.send("NICK bob")
    assert " 001 bob :" in await client.until(" 001 ")


async def test_two_talk_in_a_channel_and_in_private(meeting: Meeting) -> None:
    alice = await meeting.register("alice", "#home")
    bob = await meeting.register("bob", "#home")
    assert await alice.until("JOIN") == ":bob!~bob@127.0.0.1 JOIN :#home"
    bob.send("PRIVMSG #home :hello, all: of you", "PRIVMSG alice :psst", "NOTICE #home :note")
    assert await alice.until("PRIVMSG") == ":bob!~bob@127.0.0.1 PRIVMSG #home :hello, all: of you"
    assert await alice.until("PRIVMSG") == ":bob!~bob@127.0.0.1 PRIVMSG alice :psst"
    assert await alice.until("NOTICE") == ":bob!~bob@127.0.0.1 NOTICE #home :note"


async def test_a_newcomer_learns_topic_and_names(meeting: Meeting) -> None:
    alice = await meeting.register("alice", "#home")
    alice.send("TOPIC #home :Builds")
    await alice.until("TOPIC")
    bob = await meeting.register("bob")
    bob.send("JOIN #home")
    assert (await bob.until(" 332 ")).endswith(" 332 bob #home :Builds")
    names = (await bob.until(" 353 ")).rpartition(":")[2].split()
    assert sorted(names) == ["@alice", "bob"]


@pytest.mark.parametrize(
    ("line", "seen"),
    [
        pytest.param("PART #home :bye", r"^:bob!~bob@127.0.0.1 PART #home :bye$", id="part"),
        pytest.param("QUIT :bye", r"^:bob!~bob@127.0.0.1 QUIT :\"?bye\"?$", id="quit"),
        pytest.param("NICK rob", r"^:bob!~bob@127.0.0.1 NICK :rob$", id="nick"),
    ],
)
async def test_others_see_somebody_go(meeting: Meeting, line: str, seen: str) -> None:
    alice = await meeting.register("alice", "#home")
    bob = await meeting.register("bob", "#home")
    bob.send(line)
    assert re.search(seen, await alice.until("PART|QUIT|NICK"))
    assert not [name for name in await alice.answers("NAMES #home") if re.search(r" 353 .*\bbob", name)]


async def test_a_lost_connection_is_a_quit(meeting: Meeting) -> None:
    alice = await meeting.register("alice", "#home")
    bob = await meeting.register("bob", "#home")
    bob.writer.transport.abort()
    assert await alice.until("^:bob!.* QUIT")


async def test_an_operator_kicks_and_nobody_else_does(meeting: Meeting) -> None:
    alice = await meeting.register("alice", "#home")
    bob = await meeting.register("bob", "#home")
    assert [line for line in await bob.answers("KICK #home alice") if " 482 bob #home :" in line]
    alice.send("KICK #home bob :enough")
    assert await bob.until("KICK") == ":alice!~alice@127.0.0.1 KICK #home bob :enough"


async def test_a_private_message_to_somebody_away_says_so(meeting: Meeting) -> None:
    await (await meeting.register("alice")).answers("AWAY :lunch")
    bob = await meeting.register("bob")
    bob.send("PRIVMSG alice :hi")
    assert (await bob.until(" 301 ")).endswith(" 301 bob alice :lunch")


async def test_a_relayed_line_is_cut_to_512_bytes(meeting: Meeting) -> None:
    alice = await meeting.register("alice", "#home")
    bob = await meeting.register("bob", "#home")
    bob.send("PRIVMSG #home :" + "x" * 495)
    relayed = await alice.until("PRIVMSG")
    assert len(relayed) == 510
    assert relayed.startswith(":bob!~bob@127.0.0.1 PRIVMSG #home :xxx")


async def test_bytes_that_are_no_text_pass_unchanged(meeting: Meeting) -> None:
    alice = await meeting.register("alice", "#home")
    bob = await meeting.register("bob", "#home")
    bob.send(b"PRIVMSG #home :caf\xe9 \xff\xfe")
    while b"PRIVMSG" not in (line := await alice.line()):
        assert line
    assert line.endswith(b":caf\xe9 \xff\xfe")


async def test_an_oversized_line_costs_its_sender_the_connection_and_nobody_else(meeting: Meeting) -> None:
    alice = await meeting.register("alice", "#home")
    bob = await meeting.register("bob", "#home")
    bob.send("PRIVMSG #home :" + "x" * 600)
    assert b"ERROR :Request too long\r\n" in await bob.rest()
    assert await alice.until("^:bob!.* QUIT")
    assert await alice.answers("PRIVMSG #home :still here") == []


async def test_the_irc_package_joins_talks_and_leaves(meeting: Meeting) -> None:
    raw = await meeting.register("alice", "#home")
    heard: asyncio.Queue[Any] = asyncio.Queue()
    connection = AioReactor(loop=asyncio.get_running_loop()).server()
    connection.buffer_class = LenientDecodingLineBuffer
    connection.add_global_handler("all_events", lambda _, event: heard.put_nowait(event))

    async def event(kind: str) -> Any:
        while (event := await asyncio.wait_for(heard.get(), PATIENCE_S)).type != kind:
            continue
        return event

    await connection.connect("127.0.0.1", meeting.port, "alice", username="gordon")
    assert (await event("nicknameinuse")).arguments[0] == "alice"
    connection.nick("gordon")
    await event("welcome")
    assert connection.get_nickname() == "gordon"
    connection.join("#home")
    await event("endofnames")
    raw.send("PRIVMSG #home :gordon: status", b"PRIVMSG gordon :caf\xe9")
    said = await event("pubmsg")
    assert (said.source.nick, said.source.user, said.target, said.arguments) == (
        "alice",
        "~alice",
        "#home",
        ["gordon: status"],
    )
    assert (await event("privmsg")).arguments == ["café"]
    connection.privmsg("#home", "all is well")
    assert await raw.until("PRIVMSG") == ":gordon!~gordon@127.0.0.1 PRIVMSG #home :all is well"
    connection.disconnect("bye")
    assert await raw.until("^:gordon!.* QUIT")


# Ours only: people from a script, observers, and an end without leftovers


async def test_a_scripted_person_is_seen_and_heard_like_any_other(network: DemoNetwork, demo: Meeting) -> None:
    alice = await demo.register("alice", "#home")
    network.say("tianon", "#home", "!status 7")
    assert await alice.until("JOIN") == ":tianon!~tianon@127.0.0.1 JOIN :#home"
    assert await alice.until("PRIVMSG") == ":tianon!~tianon@127.0.0.1 PRIVMSG #home :!status 7"
    network.say("tianon", "#HOME", "again")
    assert await alice.until("JOIN|PRIVMSG") == ":tianon!~tianon@127.0.0.1 PRIVMSG #home :again"
    assert [line for line in await alice.answers("NAMES #home") if line.endswith(":@alice tianon")]
    assert [line for line in await alice.answers("WHOIS tianon") if " 311 alice tianon ~tianon 127.0.0.1 * :" in line]
    network.leave("tianon", "done")
    assert await alice.until("QUIT") == ":tianon!~tianon@127.0.0.1 QUIT :done"


async def test_a_scripted_person_cannot_be_given_a_second_line(network: DemoNetwork, demo: Meeting) -> None:
    alice = await demo.register("alice", "#home")
    network.say("tianon", "#home", "one\r\nQUIT :two")
    assert (await alice.until("PRIVMSG")).endswith(" :one QUIT :two")


async def test_a_scripted_nick_is_taken_for_clients(network: DemoNetwork, demo: Meeting) -> None:
    network.join("tianon", "#home")
    alice = await demo.register("alice")
    assert [line for line in await alice.answers("NICK Tianon") if " 433 alice Tianon :" in line]


@pytest.mark.parametrize("act", [DemoNetwork.join, DemoNetwork.leave], ids=["join", "leave"])
async def test_a_script_cannot_speak_for_a_client(
    network: DemoNetwork, demo: Meeting, act: Callable[[DemoNetwork, str, str], None]
) -> None:
    await demo.register("alice")
    with pytest.raises(ValueError, match="client of their own"):
        act(network, "alice", "#home")


async def test_an_observer_hears_channels_and_what_is_said_to_the_script_but_not_private_words(
    network: DemoNetwork, demo: Meeting
) -> None:
    heard: list[Said] = []
    network.on_message(heard.append)
    network.join("tianon", "#home")
    alice = await demo.register("alice", "#home")
    await demo.register("bob")
    await alice.answers(b"PRIVMSG #home :caf\xe9", "PRIVMSG bob :secret", "NOTICE tianon :psst")
    network.say("tianon", "#home", "hi")
    await alice.until("PRIVMSG")
    assert heard == [
        Said("alice", "#home", "caf\N{REPLACEMENT CHARACTER}", is_notice=False),
        Said("alice", "tianon", "psst", is_notice=True),
        Said("tianon", "#home", "hi", is_notice=False),
    ]


async def test_a_broken_observer_does_not_cost_the_speaker_the_connection(network: DemoNetwork, demo: Meeting) -> None:
    wrong: list[dict[str, Any]] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: wrong.append(context))

    def broken(_: Said) -> None:
        raise RuntimeError("no terminal")

    network.on_message(broken)
    alice = await demo.register("alice", "#home")
    assert await alice.answers("PRIVMSG #home :hi") == []
    assert [str(context["exception"]) for context in wrong] == ["no terminal"]


async def test_a_client_that_never_reads_is_let_go_and_the_others_hear_everything(
    network: DemoNetwork, demo: Meeting
) -> None:
    alice = await demo.register("alice", "#home")
    deaf = await demo.register("deaf", "#home")
    await alice.until("JOIN")
    deaf.writer.transport.pause_reading()  # type: ignore[attr-defined]
    line = "y" * 400
    for _ in range(20 * UNREAD_LIMIT // len(line)):
        if "deaf" not in network.people:
            break
        network.say("tianon", "#home", line)
        await alice.until("PRIVMSG")
    assert await alice.until("^:deaf!.* QUIT")


async def test_a_line_without_an_end_is_not_hoarded(demo: Meeting) -> None:
    bob = await demo.register("bob")
    bob.writer.write(b"x" * 9000)
    assert b"ERROR :Request too long\r\n" in await bob.rest()


async def test_of_two_who_want_a_nick_the_first_to_register_gets_it(demo: Meeting) -> None:
    slow, fast = await demo.connect(), await demo.connect()
    await slow.answers("CAP LS", "NICK bob", "USER slow 0 * :Slow")
    fast.send("NICK bob", "USER fast 0 * :Fast")
    await fast.until(" 001 bob ")
    slow.send("CAP END")
    assert re.fullmatch(r":\S+ 433 \* bob :.+", await slow.until(" 433 "))
    slow.send("NICK rob")
    await slow.until(" 001 rob ")


async def test_many_names_come_in_rows_that_fit(network: DemoNetwork, demo: Meeting) -> None:
    nicks = [f"somebody-with-a-long-nick-{number}" for number in range(40)]
    for nick in nicks:
        network.join(nick, "#home")
    alice = await demo.register("alice", "#home")
    rows = [line for line in await alice.answers("NAMES #home") if " 353 " in line]
    assert len(rows) > 1
    assert sorted(name.lstrip("@") for row in rows for name in row.rpartition(":")[2].split()) == sorted(
        [*nicks, "alice"]
    )


async def test_only_loopback_is_served(network: DemoNetwork) -> None:
    port = await network.start()
    with pytest.raises(OSError, match="refused"), socket.create_connection(("127.0.0.2", port), timeout=1):
        pass


async def test_stopping_tells_everybody_and_leaves_nothing_behind(network: DemoNetwork, demo: Meeting) -> None:
    threads = threading.active_count()
    alice, half = await demo.register("alice", "#home"), await demo.connect()
    half.send("NICK half")
    await half.answers()
    await network.stop()
    assert (await alice.rest()).endswith(b"ERROR :Server shutting down\r\n")
    assert b"ERROR" in await half.rest()
    assert (network.clients, network.people, network.channels) == (set(), {}, {})
    assert threading.active_count() == threads
    assert asyncio.all_tasks() == {asyncio.current_task()}
    gc.collect()
    await network.stop()


async def test_a_network_starts_again_on_its_port(network: DemoNetwork, demo: Meeting) -> None:
    await network.stop()
    assert await network.start(demo.port) == demo.port
    await demo.register("alice")


@pytest.mark.parametrize(
    ("line", "parsed"),
    [
        pytest.param("ping a", ("PING", ["a"]), id="plain"),
        pytest.param("PRIVMSG #c :a  :b ", ("PRIVMSG", ["#c", "a  :b "]), id="trailing-is-kept-whole"),
        pytest.param("@t=1 :me!u@h JOIN  #c", ("JOIN", ["#c"]), id="tags-and-prefix-are-dropped"),
        pytest.param("TOPIC #c :", ("TOPIC", ["#c", ""]), id="empty-trailing"),
        pytest.param("   ", ("", []), id="blank"),
        pytest.param(":", ("", []), id="lonely-colon"),
        pytest.param("@tag", ("", []), id="lonely-tag"),
        pytest.param("WHO #a\N{NO-BREAK SPACE}b", ("WHO", ["#a\N{NO-BREAK SPACE}b"]), id="only-spaces-separate"),
    ],
)
def test_lines_are_parsed(line: str, parsed: tuple[str, list[str]]) -> None:
    assert parse(line) == parsed


def test_only_ascii_letters_have_two_cases() -> None:
    assert fold("#ÄBC[") == "#Äbc["
