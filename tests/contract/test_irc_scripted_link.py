"""One connection to an IRC server that is mad, mute, or not whom we want to talk to (F6)."""

import asyncio
import socket
import ssl
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives import serialization

from bot.adapters import irc_link, irc_session
from bot.adapters.irc import Irc
from bot.adapters.irc_secrets import IrcSecrets
from bot.adapters.irc_session import THE_CONNECTION
from bot.clock import SystemClock
from bot.errors import ConfigError, Unavailable
from tests.irc_bot import CHANNEL, irc_bot, irc_settings
from tests.moved_clock import still
from tests.rigs import Certificate, certificate, free_port
from tests.scripted_irc import scripted_irc, tls_of, until


@pytest.mark.parametrize(
    "line",
    [
        "PRIVMSG",
        ":a!b@c PRIVMSG",
        ":a!b@c PRIVMSG #dev",
        ":a!b@c PRIVMSG #dev :",
        ":irc.test 005 gordon PREFIX=mad CHANMODES CASEMAPPING= :are supported",
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
        "KICK #dev bob",
        ":gordon!~g@h NICK",
        ":gordon!~g@h NICK :",
        "QUIT",
        ":a!b@c QUIT",
        "ERROR",
        "433",
        "AUTHENTICATE +",
        ":irc.test CAP",
        ":irc.test CAP gordon ACK",
        ":irc.test CAP gordon DEL :",
        ":irc.test BATCH",
        ":irc.test 354 gordon 77",
        ":irc.test 396 gordon",
        ":irc.test 404 gordon",
        ":irc.test 473",
        ":irc.test 401 gordon",
        ":a!b@c INVITE gordon",
        ":irc.test PRIVMSG gordon :!from a server",
        ":a!b@c PRIVMSG #dev :\x01\x10n\x10r!x\x01",
        b"\xff\xfe \x00",
    ],
    ids=repr,
)
async def test_a_mad_line_ends_nothing_and_is_no_mistake_of_ours(
    line: str | bytes, caplog: pytest.LogCaptureFixture
) -> None:
    async with scripted_irc() as irc, irc_bot(irc.port) as bot:
        server = await irc.lets_in()
        await server.write(line)
        await server.says("!after")
        assert (await bot.hears()).text == "after"
    assert "Traceback" not in caplog.text


async def test_a_line_too_long_is_dropped() -> None:
    async with scripted_irc() as irc, irc_bot(irc.port) as bot:
        server = await irc.lets_in()
        await server.says("!" + "x" * irc_link.MAX_LINE_BYTES)
        await server.says("!after")
        assert (await bot.hears()).text == "after"


async def test_a_line_without_end_ends_the_connection(caplog: pytest.LogCaptureFixture) -> None:
    async with scripted_irc() as irc, irc_bot(irc.port):
        server = await irc.lets_in()
        await server.write(b"x" * (irc_link.MAX_LINE_BYTES + 1), end=b"")
        await irc.lets_in()
    assert "a line without an end; connecting again" in caplog.text


async def test_a_line_with_another_kind_of_space_in_it_is_cut_at_spaces_only() -> None:
    line = irc_link.read_line(":a\xa0b!c@d PRIVMSG #dev\u2003x :y  z :w")
    assert line is not None
    assert (line.nick, line.mask, line.arguments) == ("a\xa0b", "c@d", ("#dev\u2003x", "y  z :w"))


async def test_half_a_connection_is_noticed_within_90_s() -> None:
    """F6: the server neither reads nor writes, and nothing closes."""
    clock = still()
    async with scripted_irc() as irc, irc_bot(irc.port, clock=clock) as bot:
        server = await irc.lets_in()
        server.stop_reading()
        while bot.irc.connected() and clock.monotonic_s() < 100:
            clock.move(1)
            await asyncio.sleep(0.001)
        assert 56 <= clock.monotonic_s() <= 90
        clock.move(2)
        await irc.lets_in()


async def test_a_server_that_answers_pings_is_kept() -> None:
    clock = still()
    async with scripted_irc() as irc, irc_bot(irc.port, clock=clock) as bot:
        server = await irc.lets_in()
        for _ in range(20):
            clock.move(irc_session.TICK_S)
            await server.until("PING :alive")
            await server.marks()
        assert bot.irc.connected()
        assert irc.came == 1


async def test_a_server_without_welcome_is_given_up() -> None:
    async with scripted_irc() as irc, irc_bot(irc.port, clock=SystemClock(200)):
        await irc.connection()
        await irc.lets_in()


async def test_a_server_that_is_away_for_long_is_told_until_it_is_back() -> None:
    port, clock = free_port(), still()
    async with irc_bot(port, clock=clock) as bot:
        for _ in range(70):
            clock.move(5)
            await asyncio.sleep(0.002)
        [words] = bot.reports_about(THE_CONNECTION)
        assert words.startswith("not connected to 127.0.0.1: no connection (")
        async with scripted_irc(port=port) as irc:
            clock.move(61)
            await irc.lets_in()
            assert bot.reports_about(THE_CONNECTION) == [words, ""]


async def test_a_server_that_welcomes_us_and_sends_us_away_each_time_is_told() -> None:
    """Nobody sees a bot that is killed within seconds, again and again."""
    clock = still()
    async with scripted_irc() as irc, irc_bot(irc.port, clock=clock) as bot:
        for _ in range(5):
            server = await irc.lets_in()
            assert not bot.troubles()
            clock.move(5)
            await server.write("ERROR :Closing Link: gordon (Killed (services))")
            await server.close()
            came = irc.came
            while irc.came == came:
                clock.move(5)
                await asyncio.sleep(0.001)
        words = [words for words in bot.reports_about(THE_CONNECTION) if words]
        assert words
        assert words[0].endswith("(Killed (services))")


async def test_an_address_that_leads_nowhere_keeps_us_from_no_other(monkeypatch: pytest.MonkeyPatch) -> None:
    """As IPv6 does in many a house, and one of a network's servers on some days."""
    loop = asyncio.get_running_loop()
    resolve = loop.getaddrinfo

    async def both(host: str, port: int, **how: Any) -> list[Any]:
        return [*await resolve("127.0.0.2", port, **how), *await resolve("127.0.0.1", port, **how)]

    with socket.socket() as nowhere, socket.socket() as waits, socket.socket() as waits_too:
        nowhere.bind(("127.0.0.2", 0))
        nowhere.listen(0)
        for one in (waits, waits_too):  # what comes after these is not answered
            one.setblocking(False)
            one.connect_ex(nowhere.getsockname())
        async with scripted_irc(port=nowhere.getsockname()[1]) as irc:
            monkeypatch.setattr(loop, "getaddrinfo", both)
            async with irc_bot(irc.port, host="localhost", clock=still()):
                async with asyncio.timeout(irc_session.CONNECT_LIMIT_S / 2):
                    await irc.lets_in()


async def test_a_server_that_does_not_read_holds_up_the_sender_and_not_the_loop() -> None:
    async with scripted_irc() as irc, irc_bot(irc.port) as bot:
        server = await irc.lets_in()
        server.stop_reading()

        async def flood() -> None:
            while True:
                await bot.irc.send(CHANNEL, "x" * 400)

        flooding = asyncio.create_task(flood())
        await asyncio.wait({flooding}, timeout=0.5)
        assert not flooding.done()
        server.abort()
        with pytest.raises(Unavailable):
            await flooding


@pytest.fixture(scope="module")
def own(tmp_path_factory: pytest.TempPathFactory) -> Certificate:
    return certificate(tmp_path_factory.mktemp("certificates"))


@pytest.fixture(scope="module")
def stranger(tmp_path_factory: pytest.TempPathFactory) -> Certificate:
    return certificate(tmp_path_factory.mktemp("others"))


async def test_a_certificate_of_an_authority_of_our_own_is_taken(own: Certificate) -> None:
    async with (
        scripted_irc(tls_of(own)) as irc,
        irc_bot(irc.port, tls=True, host="localhost", ca_file=own.authority) as bot,
    ):
        server = await irc.lets_in()
        await server.says("!x")
        assert (await bot.hears()).text == "x"
        await bot.irc.send(CHANNEL, "over TLS")
        assert await server.hears("#dev") == "over TLS"


async def test_a_certificate_of_an_authority_of_the_systems_is_taken(
    own: Certificate, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(own.authority))
    async with scripted_irc(tls_of(own)) as irc, irc_bot(irc.port, tls=True, host="localhost"):
        await irc.lets_in()


async def test_a_certificate_of_nobody_is_not_taken_and_the_words_say_what_to_do(
    own: Certificate, stranger: Certificate
) -> None:
    async with scripted_irc(tls_of(own)) as irc, irc_bot(irc.port, tls=True, ca_file=stranger.authority) as bot:
        await until(lambda: bot.reports)
        assert not bot.irc.connected()
        [words] = bot.reports_about(THE_CONNECTION)
        assert words.startswith("not connected to 127.0.0.1: its certificate is not taken: ")
        assert "as `ca_file`" in words
        assert irc.came == 0


async def test_a_certificate_for_another_name_is_not_taken(own: Certificate) -> None:
    async with (
        scripted_irc(tls_of(own), host="127.0.0.2") as irc,
        irc_bot(irc.port, tls=True, host="127.0.0.2", ca_file=own.authority, nick_is_identity=False) as bot,
    ):
        await until(lambda: bot.reports)
        assert "`host` must be a name in it, and is 127.0.0.2" in bot.reports_about(THE_CONNECTION)[0]
        assert irc.came == 0


async def test_our_own_certificate_is_shown_to_the_server(own: Certificate, stranger: Certificate) -> None:
    context = tls_of(own)
    context.verify_mode = ssl.CERT_REQUIRED
    context.load_verify_locations(stranger.authority)
    shown: dict[str, Any] = {"certificate_file": stranger.file, "key_file": stranger.key}
    async with (
        scripted_irc(context) as irc,
        irc_bot(irc.port, tls=True, ca_file=own.authority, **shown) as bot,
    ):
        await irc.lets_in()
        assert bot.irc.connected()


@pytest.mark.parametrize("key", ["ca_file", "certificate_file", "key_file"])
def test_a_file_that_is_no_certificate_is_a_mistake_in_the_configuration(
    key: str, own: Certificate, tmp_path: Path
) -> None:
    (tmp_path / "wrong.pem").write_text("nothing")
    files = {"ca_file": own.authority, "certificate_file": own.file, "key_file": own.key, key: tmp_path / "wrong.pem"}
    with pytest.raises(ConfigError, match=r"irc\.net: (ca|certificate)_file .*wrong\.pem"):
        Irc("net", irc_settings(6697, tls=True, **files), IrcSecrets(), "!", SystemClock())


def test_a_key_with_a_passphrase_is_a_mistake_and_asks_nobody_at_the_terminal(own: Certificate, tmp_path: Path) -> None:
    key = serialization.load_pem_private_key(own.key.read_bytes(), None)
    locked = tmp_path / "locked.pem"
    locked.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.BestAvailableEncryption(b"sesame"),
        )
    )
    with pytest.raises(ConfigError, match="without a passphrase"):
        Irc(
            "net",
            irc_settings(6697, tls=True, certificate_file=own.file, key_file=locked),
            IrcSecrets(),
            "!",
            SystemClock(),
        )


def believes_nicks(host: str) -> bool:
    try:
        Irc("net", irc_settings(6667, host=host, nick_is_identity=True), IrcSecrets(), "!", SystemClock())
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
