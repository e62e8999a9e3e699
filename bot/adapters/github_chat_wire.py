"""Our words as GitHub's Markdown, and one comment that gathers what is said about one command; pure.

Nothing that is said calls anybody, or shows up at other pull requests: what GitHub would make a mention or a reference
of stands in backquotes, which it leaves alone.
"""

import re
from dataclasses import replace

from bot.chat import Card, Tone, Words
from bot.notices import AGAIN
from bot.secret import redact_markdown

MAX_BODY_CHARS = 65_000  # GitHub takes 65,536
MAX_TEXT_CHARS, MAX_LINE_CHARS = 6000, 1000  # of what is said at once; written as Markdown it may be twice as long
PARTED = "\n\n<!-- . -->\n\n"  # between what was said one after the other
EARLIER = "_What was said before is left out._"
CUT = "…"
SIGNS = {Tone.GOOD: "✔ ", Tone.BAD: "✘ ", Tone.PLAIN: ""}
_LOGIN = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9-]{0,38})(?:\[bot\])?", re.ASCII)
_ASKED = re.compile(r"to go on say: confirm ([a-z2-7]{26})(?= \(within \d+ s\))")
_WORD = re.compile(r"(\s+)")
_CALLING = re.compile(r"@|[$#]\S|\bgh-\d|github\S*/(?:issues|pull|discussions|commit)/", re.IGNORECASE)
_URL = re.compile(r"https?://[^\s<>\"`\\]+")
_MARKS = re.compile(r"([\\`*_\[\]<>~|&!])")
_OPENING = re.compile(r"^(\d+(?=[.)])|(?=[-+=#:]))")  # what would begin a list, a heading or a table
_TICKS = re.compile(r"`+")


def part_of(words: Words, mention: str) -> str:
    """Write words as Markdown that shows them as they are, without secrets; cut where they are very long.

    Arguments:
        mention: what Gordon is called, for questions that are to be answered.
    """
    if isinstance(words, Card) and _ASKED.search(words.brief):  # what is a button elsewhere is typed here
        words = words.brief
    text = _of_card(_capped(words)) if isinstance(words, Card) else _lines(_cut(words, MAX_TEXT_CHARS))
    return redact_markdown(_ASKED.sub(lambda found: _asked(mention, found[1]), text))


def begun(login: str, part: str) -> str:
    """Begin a comment that answers somebody, whom it calls once."""
    part = _once(part)
    return f"@{login}{PARTED}{part}" if _LOGIN.fullmatch(login) else part


def grown(body: str, part: str) -> str:
    """Add what is said to a comment that does not say it; the oldest parts go where there is no room for all."""
    first, *parts = body.split(PARTED)
    head = [first] if first.startswith("@") else []
    parts = parts if head else [first, *parts]
    part = _once(part)
    if part in {_once(one) for one in parts}:
        return body
    parts = [one for one in (*parts, part) if one != EARLIER]
    left = list(parts)
    while len(left) > 1 and len(PARTED.join([*head, EARLIER, *left])) > MAX_BODY_CHARS:
        del left[0]
    return PARTED.join([*head, *([EARLIER] if len(left) < len(parts) else []), *left])


def is_again(words: Words) -> bool:
    """Tell whether words are marked as some that may have been said before."""
    return (words.title if isinstance(words, Card) else words).startswith(AGAIN)


def _once(part: str) -> str:
    """Take the mark off a part, as whether it was said can be seen here."""
    return part.replace(AGAIN, "", 1).strip()


def _asked(mention: str, token: str) -> str:
    """Say how a question is answered here; the token is to be read, and would be cut out were it written plainly."""
    return f"to go on write: `@{mention}` confirm &#{ord(token[0])};{token[1:]}"


def _of_card(card: Card) -> str:
    """Write a card: its title, its lines, its facts, and where to read more."""
    title = f"{SIGNS[card.tone]}**{_line(card.title)}**"
    blocks = [f"{title} {_link(card.url)}" if card.url else title]
    if card.lines:
        blocks.append("\n".join(f"- {_line(line)}" for line in card.lines))
    if card.quote:
        blocks.append(_fenced(card.quote))
    if card.fields:
        blocks.append("\n".join(f"- {_line(name)}: {_line(value)}" for name, value in card.fields.items()))
    return "\n\n".join(blocks)


def _lines(text: str) -> str:
    return "\\\n".join(_line(line) for line in text.splitlines() if line.strip())


def _line(text: str) -> str:
    """Write one line, word by word."""
    shown = "".join(_word(part) for part in _WORD.split(" ".join(text.split())))
    return _OPENING.sub(lambda found: f"{found[0]}\\", shown, count=1)


def _word(word: str) -> str:
    if _CALLING.search(word):
        bare = word.rstrip(".,;:!?)]'\"") or word
        return _code(bare) + _MARKS.sub(r"\\\1", word[len(bare) :])
    if found := _URL.search(word):
        before, url, after = word[: found.start()], found[0], word[found.end() :]
        bare = url.rstrip(".,;:!?)]}'")
        return _MARKS.sub(r"\\\1", before) + f"<{bare}>" + _MARKS.sub(r"\\\1", url[len(bare) :] + after)
    return _MARKS.sub(r"\\\1", word)


def _link(url: str) -> str:
    return _word(url) if _URL.fullmatch(url) else _code(url)


def _code(text: str) -> str:
    """Put text into as many backquotes as it takes."""
    ticks = "`" * (1 + max((len(run) for run in _TICKS.findall(text)), default=0))
    pad = " " if text.startswith("`") or text.endswith("`") else ""
    return f"{ticks}{pad}{text}{pad}{ticks}"


def _fenced(text: str) -> str:
    fence = "`" * max(3, 1 + max((len(run) for run in _TICKS.findall(text)), default=0))
    return f"{fence}text\n{text}\n{fence}"


def _capped(card: Card) -> Card:
    """Leave out what is too much of a card."""
    kept, room = [], MAX_TEXT_CHARS
    lines, quote = card.lines, card.quote.splitlines()
    for line in (*lines, *quote):
        kept.append(_cut(line, MAX_LINE_CHARS))
        room -= len(kept[-1])
        if room < 0:
            break
    title = _cut(card.title, MAX_LINE_CHARS)
    if more := len(lines) + len(quote) - len(kept):
        title += f" (and {more} more lines)"
    facts = {name: _cut(value, MAX_LINE_CHARS) for name, value in [*card.fields.items()][:10]}
    left = "\n".join(kept[len(lines) :])
    return replace(card, title=title, lines=tuple(kept[: len(lines)]), quote=left, fields=facts)


def _cut(text: str, at_most: int) -> str:
    return text if len(text) <= at_most else text[: at_most - 1] + CUT
