"""Several words as one line: announcements that had to wait, and those that have gone stale."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta

from bot.chat import Card, Words
from bot.ports import OutboxRow

AGAIN = "(again) "
BETWEEN = " | "
CUT = "…"


def marked(row: OutboxRow) -> Words:
    """Give the words of a row, with the mark if they may have been said before."""
    words = row.words
    if not row.again:
        return words
    if isinstance(words, Card):
        return replace(words, title=AGAIN + words.title, brief=AGAIN + words.brief if words.brief else "")
    return AGAIN + words


def in_one_line(words: Words) -> str:
    """Say words without a line break."""
    text = words.one_line() if isinstance(words, Card) else words
    return BETWEEN.join(line for raw in text.splitlines() if (line := raw.strip()))


def joined(texts: Sequence[str], room: int) -> tuple[str, int]:
    """Put the first of these texts, and as many more as fit in `room` bytes, in one; tell how many they are."""
    text = texts[0]
    for number, more in enumerate(texts[1:], 1):
        longer = text + BETWEEN + more
        if len(longer.encode()) > room:
            return text, number
        text = longer
    return text, len(texts)


def summary(rows: Sequence[OutboxRow], room: int, now: datetime) -> str:
    """Tell in `room` bytes of announcements that nobody heard when they were news; of one, all that it says."""
    since = datetime.fromtimestamp(min(row.at_s for row in rows), UTC)
    at = f"{since:%H:%M}" if now - since < timedelta(days=1) else f"{since:%Y-%m-%d %H:%M}"
    mark = AGAIN if any(row.again for row in rows) else ""
    texts = [in_one_line(row.words) for row in rows]
    if len(rows) == 1:
        return f"{mark}while I was away, at {at} UTC: {texts[0]}"
    head = f"{mark}while I was away, {len(rows)} notices since {at} UTC: "
    all_of_them, number = joined([head + texts[0], *texts[1:]], room)
    if number == len(rows) and len(all_of_them.encode()) <= room:
        return all_of_them
    most = f"{BETWEEN}{CUT} and {len(rows) - 1} more"
    begun, number = joined([_cut(head + texts[0], room - len(most.encode())), *texts[1:]], room - len(most.encode()))
    return f"{begun}{BETWEEN}{CUT} and {len(rows) - number} more"


def _cut(text: str, room: int) -> str:
    if len(text.encode()) <= room:
        return text
    return text.encode()[: max(0, room - len(CUT.encode()))].decode(errors="ignore") + CUT
