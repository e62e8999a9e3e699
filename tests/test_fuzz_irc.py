"""Fuzz of IRC lines (G4): whatever a server sends, the connection stays and the next command is heard.

`GORDON_FUZZ` tells how many lines (5,000), `GORDON_SEED` which; the soak sends 200,000.
"""

import logging
import os
import random

import pytest

from tests.irc_bot import irc_bot
from tests.scripted_irc import ALL, SERVER, Connection, scripted_irc

FUZZ = int(os.environ.get("GORDON_FUZZ", "5000"))
SEED = int(os.environ.get("GORDON_SEED", "1"))
LONG = 200_000
AT_ONCE = 200  # lines between two commands that must be heard
SPARED = ("ERROR",)  # what tells of an end is not sent, as the connection is to stay
NUMERICS = (
    *("001", "005", "263", "307", "311", "318", "330", "353", "354", "366", "376", "396", "401", "403", "404", "405"),
    *("421", "432", "433", "436", "437", "470", "471", "473", "474", "475", "477", "489", "520", "531", "716"),
    *("900", "901", "902", "903", "904", "905", "906", "907", "908", "999", "0001", "٣٣٣"),
)
COMMANDS = (
    *("PRIVMSG", "NOTICE", "JOIN", "PART", "KICK", "QUIT", "NICK", "MODE", "INVITE", "ACCOUNT", "BATCH", "CAP", "PING"),
    *("PONG", "AUTHENTICATE", "TAGMSG", "TOPIC", "CHGHOST", "WALLOPS", "privmsg", "JOIN#dev", "\x01", "é", *NUMERICS),
)
SOURCES = (
    *("", ":", ":irc.test", ":alice!a@b", ":gordon!~g@host", ":alice", ":!", ":@", ":alice!@", ":!@b", "::x!y@z"),
    *(":" + "n" * 700 + "!a@b", ":a\xa0b!c@d", ":bob!a@b!c@d", ": "),
)
TAGS = (
    *("", "", "", "@", "@=", "@;", "@;;=", "@account=icecrime", "@account", "@time=now", "@time=2014-07-01T12:00:00Z"),
    *(
        "@time=9999-99-99T99:99:99.999Z",
        "@msgid=1;msgid=2",
        "@batch=1",
        "@bot",
        "@+x=\\",
        "@a=" + "x" * 9000,
        "@\\:=\\s",
    ),
)
WORDS = (
    *("gordon", "alice", "#dev", "#other", "gordon!~g@host", "@#dev", "$*", "*", "+1", "-1", "chathistory", "icecrime"),
    *("LS", "ACK", "NAK", "NEW", "DEL", "sasl", "account-tag", "echo-message", "+o", "-m", "+", "77", "0", "a,b", ","),
    *("CASEMAPPING=ascii", "CASEMAPPING=", "CASEMAPPING=rfc7613", "PREFIX=mad", "WHOX", "NICKLEN=-1", "=", "", " "),
    *("\x01VERSION\x01", "\x01", "\x03", "\x1b[0m", "\u202e", "\u2028", "\ud7ff", "\U0010ffff", "é", "x" * 450),
)
LAST = ("", ":", ":x", ":!rebuild 1", ":gordon: x", ": ", "::", ":\x01ACTION x\x01", ":!" + "€" * 200, ":" + " " * 300)


def line_of(number: int) -> bytes:
    """Make a line: parts that a server could send, in some order, and then perhaps bytes that nobody should."""
    dice = random.Random(SEED * 3_000_017 + number)
    words = [dice.choice(WORDS) for _ in range(dice.randrange(6))]
    parts = [dice.choice(TAGS), dice.choice(SOURCES), dice.choice(COMMANDS), *words, dice.choice(LAST)]
    if dice.random() < 0.1:
        dice.shuffle(parts)
    if dice.random() < 0.1:
        del parts[dice.randrange(len(parts))]
    body = bytearray(dice.choice((" ", " ", " ", "  ", "")).join(part for part in parts if part).encode())
    for _ in range(dice.choice((0, 0, 0, 1, 3))):
        if body:
            body[dice.randrange(len(body))] = dice.randrange(256)
    return bytes(body).replace(b"\n", b" ") + dice.choice((b"\r\n", b"\n", b"\r\r\n", b"\r\n\r\n"))


async def stands(count: int, caplog: pytest.LogCaptureFixture) -> None:
    """Send so many lines, and see that commands between them are heard and nothing broke."""
    caplog.set_level(logging.ERROR)
    async with scripted_irc() as irc, irc_bot(irc.port, nick_is_identity=False) as bot:
        server = await irc.lets_in(ALL)
        for begin in range(0, count, AT_ONCE):
            for number in range(begin, min(begin + AT_ONCE, count)):
                line = line_of(number)
                if not any(word.encode() in line.upper() for word in SPARED):
                    await server.write(line, end=b"")
            await is_there(server)
            command = f"command {begin}"
            await server.says(f"!{command}", nick="zoe")
            while (await bot.hears()).text != command:
                pass
        assert irc.came == 1, "it reconnected"
        assert bot.irc.connected()
    assert [record.getMessage() for record in caplog.records if record.exc_info] == []


async def is_there(server: Connection) -> None:
    """Put the bot where it was, whatever it was told meanwhile: called gordon, and in its channel."""
    await server.write(f":{SERVER} 001 gordon :hi", f":{SERVER} 005 gordon CASEMAPPING=rfc1459 :are supported")
    await server.joins("#dev")


async def test_no_line_ends_the_connection_or_is_more_than_one_line(caplog: pytest.LogCaptureFixture) -> None:
    await stands(FUZZ, caplog)


@pytest.mark.soak
@pytest.mark.timeout(1200)
async def test_no_line_of_very_many_does(caplog: pytest.LogCaptureFixture) -> None:
    await stands(LONG, caplog)
