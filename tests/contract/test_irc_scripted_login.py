"""Getting in on IRC: capabilities, SASL, passwords and nicks, against a server that a test plays (F3, F4, A2)."""

import base64
import logging
from pathlib import Path
from typing import Any

import pytest

from bot.adapters.irc_login import SASL_AGAIN_S, THE_LOGIN, THE_NICK, chunks
from bot.adapters.irc_secrets import IrcSecrets
from bot.adapters.irc_session import TICK_S
from tests.irc_bot import irc_bot
from tests.moved_clock import still
from tests.rigs import certificate
from tests.scripted_irc import ALL, Connection, scripted_irc, tls_of, until

ACCOUNT: dict[str, Any] = {"account": "gordon", "secrets": IrcSecrets(account_password="sesame")}
PROOF = base64.b64encode(b"\0gordon\0sesame").decode()


async def asks_for_sasl(server: Connection) -> None:
    """Offer PLAIN only, and wait until the client begins."""
    await server.until("CAP LS 302")
    await server.write(":irc.test CAP * LS :sasl=PLAIN")
    await server.until("CAP REQ :sasl")
    await server.write(":irc.test CAP * ACK :sasl")
    await server.until("AUTHENTICATE PLAIN")


async def logs_in(server: Connection, numerics: str = "903") -> None:
    """Take the proof and say how that went."""
    await server.write("AUTHENTICATE +")
    await server.until(f"AUTHENTICATE {PROOF}")
    await server.write(f":irc.test {numerics} * :so it went")


async def test_capabilities_are_asked_for_first_and_in_several_lines_if_the_list_has_them() -> None:
    async with scripted_irc() as irc, irc_bot(irc.port) as bot:
        server = await irc.connection()
        await server.until("USER ")
        assert [line.partition(" ")[0] for line in server.lines] == ["CAP", "NICK", "USER"]
        await server.write(":irc.test CAP * LS * :multi-prefix away-notify account-tag")
        await server.write(":irc.test CAP * LS * :sasl=PLAIN server-time=x message-tags")
        await server.write(":irc.test CAP * LS :echo-message draft/chathistory=50")
        request = await server.until("CAP REQ")
        assert request == "CAP REQ :account-tag echo-message message-tags server-time"
        await server.write(":irc.test CAP * ACK :account-tag echo-message message-tags server-time")
        await server.until("CAP END")
        await server.welcomes()
        await server.until("JOIN #dev")
        assert bot.irc.connected()


async def test_one_capability_that_is_refused_costs_no_other() -> None:
    async with scripted_irc() as irc, irc_bot(irc.port, nick_is_identity=False) as bot:
        server = await irc.connection()
        await server.write(":irc.test CAP * LS :account-tag batch message-tags")
        await server.until("CAP REQ :account-tag batch message-tags")
        await server.write(":irc.test CAP * NAK :account-tag batch message-tags")
        for name, answer in (("account-tag", "ACK"), ("batch", "NAK"), ("message-tags", "ACK")):
            await server.until(f"CAP REQ :{name}")
            await server.write(f":irc.test CAP * {answer} :{name}")
        await server.until("CAP END")
        await server.lets_in()
        await server.says("!x", tags="account=alice;msgid=7")
        heard = await bot.hears()
        assert (heard.speaker.account, heard.key) == ("alice", "irc:net:7")


@pytest.mark.parametrize("answer", ["", ":irc.test 421 * CAP :Unknown command"], ids=["silent", "unknown-command"])
async def test_a_server_without_capabilities_lets_us_in_all_the_same(answer: str) -> None:
    async with scripted_irc() as irc, irc_bot(irc.port) as bot:
        server = await irc.connection()
        await server.until("USER ")
        await server.write(answer)
        await server.lets_in()
        await server.says("!x")
        assert (await bot.hears()).text == "x"
        assert bot.reports == []


async def test_a_server_that_forgets_to_answer_is_not_waited_for() -> None:
    clock = still()
    async with scripted_irc() as irc, irc_bot(irc.port, clock=clock):
        server = await irc.connection()
        await server.write(":irc.test CAP * LS :account-tag")
        await server.until("CAP REQ")
        clock.move(28)
        await server.until("CAP END")


async def test_a_tag_counts_only_while_its_capability_does() -> None:
    """A2: before ACK, after DEL, and again after NEW."""
    async with scripted_irc() as irc, irc_bot(irc.port, nick_is_identity=False) as bot:
        server = await irc.lets_in("cap-notify message-tags")
        server.accounts = {}

        async def who() -> str:
            await server.says("!x", tags="account=icecrime;msgid=1")
            return (await bot.hears()).speaker.account

        assert await who() == ""
        await server.write(":irc.test CAP gordon NEW :account-tag")
        await server.until("CAP REQ :account-tag")
        assert await who() == "", "asked for is not granted"
        await server.write(":irc.test CAP gordon ACK :account-tag")
        assert await who() == "icecrime"
        await server.write(":irc.test CAP gordon DEL :account-tag")
        assert await who() == ""


async def test_a_login_by_password() -> None:
    async with scripted_irc() as irc, irc_bot(irc.port, **ACCOUNT) as bot:
        server = await irc.connection()
        await asks_for_sasl(server)
        await logs_in(server)
        await server.until("CAP END")
        await server.lets_in()
        assert bot.reports == []


def test_an_answer_is_cut_into_chunks_of_400() -> None:
    assert list(chunks(b"")) == ["+"]
    assert [len(chunk) for chunk in chunks(b"x" * 297)] == [396]
    assert [len(chunk) for chunk in chunks(b"x" * 300)] == [400, 1]
    assert list(chunks(b"x" * 300))[1] == "+"
    assert "".join(chunks(b"x" * 700)) == base64.b64encode(b"x" * 700).decode()


async def test_a_certificate_is_tried_before_the_password(tmp_path: Path) -> None:
    own = certificate(tmp_path)
    files: dict[str, Any] = {"certificate_file": own.file, "key_file": own.key}
    async with (
        scripted_irc(tls_of(own)) as irc,
        irc_bot(irc.port, tls=True, ca_file=own.authority, **files, **ACCOUNT) as bot,
    ):
        server = await irc.connection()
        await server.write(":irc.test CAP * LS :sasl=PLAIN,EXTERNAL")
        await server.until("CAP REQ :sasl")
        await server.write(":irc.test CAP * ACK :sasl")
        await server.until("AUTHENTICATE EXTERNAL")
        await server.write("AUTHENTICATE +")
        await server.until("AUTHENTICATE +")
        await server.write(":irc.test 904 * :not known")
        await server.until("AUTHENTICATE PLAIN")
        await logs_in(server)
        await server.lets_in()
        assert bot.reports == []


@pytest.mark.parametrize("numeric", ["902", "904", "905", "906"])
async def test_a_login_that_fails_is_told_and_believes_nobody(numeric: str, caplog: pytest.LogCaptureFixture) -> None:
    """F4: connected all the same, said aloud, and no account counts."""
    caplog.set_level(logging.DEBUG)
    async with scripted_irc() as irc, irc_bot(irc.port, nick_is_identity=False, **ACCOUNT) as bot:
        server = await irc.connection()
        await server.write(":irc.test CAP * LS :sasl account-tag")
        await server.until("CAP REQ :account-tag sasl")
        await server.write(":irc.test CAP * ACK :account-tag sasl")
        await logs_in(server, numeric)
        await server.until("CAP END")
        await server.lets_in()
        [words] = bot.reports_about(THE_LOGIN)
        assert words.startswith(f"not logged in (SASL PLAIN: {numeric} so it went)")
        assert bot.troubles() == {THE_LOGIN: words}
        await server.says("!x", tags="account=alice")
        speaker = (await bot.hears()).speaker
        assert speaker.account == ""
        assert "could not log in" in speaker.doubt
    assert "sesame" not in caplog.text
    assert PROOF not in caplog.text


async def test_a_login_is_tried_again_when_services_come_back() -> None:
    """F4: no sasl at first; CAP NEW brings it."""
    async with scripted_irc() as irc, irc_bot(irc.port, nick_is_identity=False, **ACCOUNT) as bot:
        server = await irc.lets_in("account-tag cap-notify")
        assert "offers no SASL now" in bot.reports_about(THE_LOGIN)[0]
        for how in ("904", "903"):
            await server.write(":irc.test CAP gordon NEW :sasl=PLAIN")
            await server.until("CAP REQ :sasl")
            await server.write(":irc.test CAP gordon ACK :sasl")
            await logs_in(server, how)
            await server.marks()
            await server.write(":irc.test CAP gordon DEL :sasl")
        assert [bool(words) for words in bot.reports_about(THE_LOGIN)] == [True, True, False]
        await server.says("!x", tags="account=alice")
        assert (await bot.hears()).speaker.account == "alice"
        assert bot.troubles() == {}


async def test_services_that_never_answer_hold_up_nothing() -> None:
    """Servers wait about half a minute for the end of a login."""
    clock = still()
    async with scripted_irc() as irc, irc_bot(irc.port, clock=clock, **ACCOUNT) as bot:
        server = await irc.connection()
        await asks_for_sasl(server)
        for _ in range(14):
            clock.move(1)
            await server.marks()
        assert [line for line in server.lines if "PONG" not in line][-2:] == ["AUTHENTICATE *", "CAP END"]
        assert "no answer" in bot.reports_about(THE_LOGIN)[0]


async def test_a_login_that_failed_is_tried_again_now_and_then() -> None:
    """F4: services that are there again announce nothing, where the server offers SASL all the time."""
    clock = still()
    async with scripted_irc() as irc, irc_bot(irc.port, clock=clock, **ACCOUNT) as bot:
        server = await irc.connection()
        await asks_for_sasl(server)
        await logs_in(server, "904")
        await server.until("CAP END")
        await server.lets_in()
        begun_s = clock.monotonic_s()
        while sum("AUTHENTICATE PLAIN" in line for line in server.lines) < 2:
            clock.move(TICK_S)
            await server.until("PING :alive")
        assert SASL_AGAIN_S <= clock.monotonic_s() - begun_s <= SASL_AGAIN_S + TICK_S
        await logs_in(server)
        await server.marks()
        assert [bool(words) for words in bot.reports_about(THE_LOGIN)] == [True, False]


async def test_being_logged_out_is_told() -> None:
    async with scripted_irc() as irc, irc_bot(irc.port, **ACCOUNT) as bot:
        server = await irc.connection()
        await asks_for_sasl(server)
        await logs_in(server)
        await server.lets_in()
        await server.write(":irc.test 901 gordon gordon!g@h :You are now logged out")
        await server.marks()
        assert "logged out by the network" in bot.reports_about(THE_LOGIN)[0]


async def test_without_an_account_of_our_own_nothing_is_missing() -> None:
    async with scripted_irc() as irc, irc_bot(irc.port) as bot:
        await irc.lets_in(f"{ALL} sasl=PLAIN")
        assert bot.reports == []


async def test_the_servers_password_goes_before_the_nick_and_into_no_log(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    async with scripted_irc() as irc, irc_bot(irc.port, secrets=IrcSecrets("open sesame")):
        server = await irc.connection()
        await server.until("USER ")
        assert server.lines[1] == "PASS open sesame"
        await server.write("ERROR :Bad password?")
        await server.close()
        await irc.lets_in()
    assert "Bad password?; connecting again" in caplog.text
    assert "sesame" not in caplog.text


@pytest.mark.parametrize("numeric", ["432", "433", "436", "437"])
async def test_a_nick_that_is_not_to_be_had_gives_way_to_another(numeric: str) -> None:
    """F3: three are taken, the fourth is not; commands are heard under both names."""
    async with scripted_irc() as irc, irc_bot(irc.port) as bot:
        server = await irc.connection()
        await server.until("NICK gordon")
        for tried, following in (("gordon", "gordon_"), ("gordon_", "gordon__"), ("gordon__", "gordon1")):
            await server.write(f":irc.test {numeric} * {tried} :taken")
            assert await server.until("NICK ") == f"NICK {following}"
        await server.welcomes(nick="gordon1")
        await server.until("JOIN #dev")
        await server.joins("#dev", nick="gordon1")
        for name in ("gordon1", "gordon"):
            await server.says(f"{name}: x")
            assert (await bot.hears()).text == "x"
        assert "I am gordon1, as gordon is taken" in bot.troubles()[THE_NICK]


async def test_a_server_on_which_no_nick_is_free_is_asked_again_later() -> None:
    async with scripted_irc() as irc, irc_bot(irc.port):
        server = await irc.connection()
        await server.until("NICK gordon")
        tried = ["gordon"]
        for _ in range(11):
            await server.write(f":irc.test 433 * {tried[-1]} :taken")
            tried.append((await server.until("NICK ")).removeprefix("NICK "))
        assert len(set(tried)) == 12
        await server.write(f":irc.test 433 * {tried[-1]} :taken")
        await irc.lets_in()


async def is_gordon_(server: Connection) -> None:
    """Let the client in under its second nick, and see it try for the first at once."""
    await server.until("USER ")
    await server.write(":irc.test 433 * gordon :taken")
    await server.welcomes(nick="gordon_")
    await server.until("NICK gordon")
    await server.write(":irc.test 433 gordon_ gordon :taken")
    await server.marks()


@pytest.mark.parametrize(
    "line", [":gordon!x@y QUIT :bye", ":gordon!x@y NICK other", ":GORDON!x@y QUIT"], ids=["quits", "renames", "folded"]
)
async def test_the_nick_is_taken_back_when_its_holder_leaves(line: str) -> None:
    """F3: at once, not a minute later."""
    async with scripted_irc() as irc, irc_bot(irc.port, clock=still()) as bot:
        server = await irc.connection()
        await is_gordon_(server)
        await server.write(":bob!x@y QUIT :somebody else", line)
        assert "NICK gordon" in await server.marks()
        await server.write(":gordon_!g@h NICK gordon")
        await server.marks()
        assert bot.troubles() == {}
        assert [bool(words) for words in bot.reports_about(THE_NICK)] == [True, False]


async def test_the_nick_is_asked_for_about_once_a_minute() -> None:
    clock = still()
    async with scripted_irc() as irc, irc_bot(irc.port, clock=clock):
        server = await irc.connection()
        await is_gordon_(server)
        clock.move(28)
        await server.until("PING :alive")
        assert not any("NICK" in line for line in await server.marks())
        clock.move(28)
        await server.until("NICK gordon")


async def test_services_are_asked_for_the_nick_by_who_is_logged_in() -> None:
    async with scripted_irc() as irc, irc_bot(irc.port, services="NickServ", **ACCOUNT) as bot:
        server = await irc.connection()
        await asks_for_sasl(server)
        await logs_in(server)
        await server.until("CAP END")
        await server.write(":irc.test 433 * gordon :taken")
        await server.welcomes(nick="gordon_")
        await server.until("PRIVMSG NickServ :REGAIN gordon")
        await server.write(":gordon_!g@h NICK gordon")
        await until(lambda: not bot.troubles())


async def test_a_nick_that_services_took_is_taken_back() -> None:
    async with scripted_irc() as irc, irc_bot(irc.port) as bot:
        server = await irc.lets_in()
        await server.write(":gordon!g@h NICK Guest77")
        await server.marks()
        assert "I am Guest77" in bot.troubles()[THE_NICK]
        await server.until("NICK gordon")


async def test_a_nick_that_is_taken_where_it_is_cut_gives_way_to_one_that_fits() -> None:
    """F3: EFnet cuts after nine, and would cut most alternates to the one that is taken."""
    async with scripted_irc() as irc, irc_bot(irc.port, nick="gordon-of-moby") as bot:
        server = await irc.connection()
        nick = "gordon-of-moby"
        await server.until(f"NICK {nick}")
        while nick[:9] == "gordon-of":
            await server.write(":irc.test 433 * gordon-of :taken")
            nick = (await server.until("NICK ")).removeprefix("NICK ")
        await server.welcomes(nick=nick[:9], features="NICKLEN=9")
        await server.marks()
        assert THE_NICK in bot.troubles()
        await server.write(f":{nick[:9]}!g@h NICK gordon-of")
        await server.marks()
        assert bot.troubles() == {}


async def test_a_nick_that_is_longer_than_the_network_allows_is_no_trouble() -> None:
    async with scripted_irc() as irc, irc_bot(irc.port, nick="gordon-of-moby") as bot:
        server = await irc.connection()
        await server.welcomes(nick="gordon-of")
        await server.marks()
        assert bot.troubles() == {}
