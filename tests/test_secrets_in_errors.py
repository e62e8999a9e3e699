"""Two hundred secrets, each in the text of an error: what is said of it, and what the program logs (A26, G13)."""

import logging
import re
import sys
from collections.abc import Iterator

from bot.handling import named_line
from bot.logs import JsonLines, TextLines
from tests.world.canaries import TWO_HUNDRED, Canary

# What only logs of builds are searched for, which takes more than a line: `bot.secret.redact` knows fewer shapes.
BEYOND = frozenset(
    [
        "url-escaped",
        "docker-config",
        "base64-alone",
        "password-xml",
        "env-dump-key",
        "env-dump-credentials",
        "netrc",
        "curl",
        "option",
        "cookie",
        "signed-url",
        "account-key",
        "wrapped-github",
        "wrapped-basic",
        "wrapped-assigned",
        "ansi-github",
        "private-key-rsa",
        "private-key-openssh",
        "private-key-ec",
    ]
)


def test_no_secret_in_the_text_of_an_error_is_said_or_logged() -> None:
    """A plugin may raise whatever a library of its own wrote down."""
    known = [one for one in TWO_HUNDRED if re.sub(r"-[234]$", "", one.name) not in BEYOND]
    assert [f"{one.name}: {text}" for one in known for text in told_of(one) if is_seen(one, text)] == []
    assert len(known) == 124


def told_of(canary: Canary) -> Iterator[str]:
    """Raise an error with a secret in its text; give what is said of it, and what the log has in both forms."""
    try:
        raise ValueError(canary.written)
    except ValueError as error:
        yield named_line(error)
        record = logging.LogRecord("bot.work", logging.ERROR, __file__, 1, canary.written, None, sys.exc_info())
        yield TextLines().format(record)
        yield JsonLines().format(record)


def is_seen(canary: Canary, text: str) -> bool:
    raw = text.encode()
    return any(piece in raw for piece in canary.forbidden)
