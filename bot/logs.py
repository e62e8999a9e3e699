"""What is logged, and how it looks: the same for `gordon run` and `gordon demo`.

Each line that is written on behalf of an event has its short id, the one that people are told at the end of an answer:
`grep k7f2` finds what became of a command. The context carries it into tasks, over to the other loop and into threads.
"""

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Literal

import msgspec

from bot.audit import short_id
from bot.errors import visible
from bot.secret import redact

Format = Literal["text", "json"]
FORMATS: tuple[Format, ...] = ("text", "json")
TALKATIVE = ("aiohttp", "alembic", "github", "irc", "urllib3")  # their INFO is of no use to who operates Gordon


@dataclass(frozen=True, slots=True)
class Behalf:
    """On whose behalf something is done; empty for nobody's."""

    event_key: str = ""
    plugin: str = ""


NOBODY = Behalf()
_behalf: ContextVar[Behalf] = ContextVar("behalf", default=NOBODY)


@contextmanager
def on_behalf_of(event_key: str, plugin: str = "") -> Iterator[None]:
    """Have what is logged within, and by tasks and threads that begin within, carry an event's id."""
    token = _behalf.set(Behalf(event_key, plugin))
    try:
        yield
    finally:
        _behalf.reset(token)


def log_to(handler: logging.Handler, level: str, form: Format = "text") -> None:
    """Send what the program logs to a handler, from this level on."""
    handler.setFormatter(JsonLines() if form == "json" else TextLines())
    root = logging.getLogger()
    root.addHandler(handler)
    root.setLevel(level)
    for name in TALKATIVE:
        logging.getLogger(name).setLevel(logging.WARNING)


class TextLines(logging.Formatter):
    """For people: one line each, and the lines of an error below it, set in, without secrets.

    So nobody's words look like a line of their own, or are obeyed by the terminal that shows them.
    """

    def __init__(self) -> None:
        super().__init__("%(asctime)s %(levelname)s %(name)s: %(behalf)s%(message)s")

    def format(self, record: logging.LogRecord) -> str:
        event_key = _behalf.get().event_key
        record.behalf = f"[{short_id(event_key)}] " if event_key else ""
        return "\n  ".join(visible(redact(super().format(record))).split("\n"))


class JsonLines(logging.Formatter):
    """For programs: one object a line, without secrets; what is empty is left out."""

    def format(self, record: logging.LogRecord) -> str:
        behalf = _behalf.get()
        line = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname,
            "logger": record.name,
            "event": short_id(behalf.event_key) if behalf.event_key else "",
            "event_key": redact(behalf.event_key),
            "plugin": behalf.plugin,
            "message": redact(record.getMessage()),
            "exception": redact(self.formatException(record.exc_info)) if record.exc_info else "",
        }
        # Half a character, as somebody may have sent it, is in no JSON.
        told = {name: value.encode("utf-8", "replace").decode() for name, value in line.items() if value}
        return msgspec.json.encode(told).decode()
