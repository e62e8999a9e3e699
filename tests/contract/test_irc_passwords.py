"""Passwords of an IRC network that are changed while Gordon runs."""

import base64
import logging
from pathlib import Path
from typing import Any

import pytest

from bot.adapters.irc_login import THE_LOGIN
from bot.adapters.irc_secrets import IrcSecrets
from bot.adapters.irc_session import TICK_S
from bot.secret import read_secret
from tests.irc_bot import irc_bot
from tests.moved_clock import still
from tests.scripted_irc import Connection, scripted_irc

FIRST = IrcSecrets("open first", "first word")


class Files:
    """The files of both passwords."""

    def __init__(self, folder: Path) -> None:
        self.server, self.account = folder / "server", folder / "account"
        self.hold(*FIRST_WORDS)

    def hold(self, server: str, account: str) -> None:
        for file, word in ((self.server, server), (self.account, account)):
            file.write_text(f"{word}\n")
            file.chmod(0o600)

    def read(self) -> tuple[str, str]:
        return read_secret("IRC net", self.server, ""), read_secret("the account on IRC net", self.account, "")


FIRST_WORDS = (FIRST.password, FIRST.account_password)


@pytest.fixture
def files(tmp_path: Path) -> Files:
    """Write the passwords that count at the start."""
    return Files(tmp_path)


def bot(port: int, files: Files, **more: Any) -> Any:
    return irc_bot(port, account="gordon", secrets=FIRST, read_passwords=files.read, **more)


async def proves(server: Connection, word: str, numeric: str, *, is_offered: bool = True) -> None:
    """See with which password it logs in, and say how that went."""
    if is_offered:
        await server.until("CAP LS 302")
        await server.write(":irc.test CAP * LS :sasl=PLAIN")
        await server.until("CAP REQ :sasl")
        await server.write(":irc.test CAP * ACK :sasl")
    await server.until("AUTHENTICATE PLAIN")
    await server.write("AUTHENTICATE +")
    proof = base64.b64encode(f"\0gordon\0{word}".encode()).decode()
    await server.until(f"AUTHENTICATE {proof}")
    await server.write(f":irc.test {numeric} * :so it went")


def sent(server: Connection) -> str:
    """Tell the network's password as it came."""
    return next(line for line in server.lines if line.startswith("PASS ")).removeprefix("PASS ").removeprefix(":")


async def test_each_connection_is_made_with_what_the_files_hold_then(files: Files) -> None:
    """F45: the network's password, and that of our account."""
    async with scripted_irc() as irc, bot(irc.port, files):
        server = await irc.connection()
        await proves(server, "first word", "903")
        assert sent(server) == "open first"
        await server.lets_in()
        files.hold("open second", "second word")
        await server.close()
        server = await irc.connection()
        await proves(server, "second word", "903")
        assert sent(server) == "open second"
        await server.lets_in()


async def test_a_login_that_was_refused_is_tried_with_the_new_password(files: Files) -> None:
    """F45: with the next tick, on the same connection; while the file says the same, nothing is tried."""
    clock = still()
    async with scripted_irc() as irc, bot(irc.port, files, clock=clock) as gordon:
        server = await irc.connection()
        await proves(server, "first word", "904")
        await server.lets_in()
        for _ in range(3):
            clock.move(TICK_S)
            await server.until("PING :alive")
        assert sum("AUTHENTICATE PLAIN" in line for line in server.lines) == 1
        files.hold("open first", "second word")
        clock.move(TICK_S)
        await proves(server, "second word", "903", is_offered=False)
        await server.marks()
        assert [bool(words) for words in gordon.reports_about(THE_LOGIN)] == [True, False]


async def test_a_file_that_everybody_may_read_is_told_once_and_not_taken(
    files: Files, caplog: pytest.LogCaptureFixture
) -> None:
    """F45: what stood in it before still counts."""
    async with scripted_irc() as irc, bot(irc.port, files):
        server = await irc.connection()
        await proves(server, "first word", "903")
        await server.lets_in()
        files.hold("open second", "second word")
        files.account.chmod(0o644)
        with caplog.at_level(logging.ERROR):
            for _ in range(2):
                await server.close()
                server = await irc.connection()
                await proves(server, "first word", "903")
                assert sent(server) == "open first"
                await server.lets_in()
        (line,) = [record.getMessage() for record in caplog.records]
        assert line.startswith("net: the former passwords stay: ")
        assert line.endswith(f"chmod o-r {files.account}")
        assert "second" not in line
