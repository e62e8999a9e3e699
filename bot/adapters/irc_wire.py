"""IRC text as pure functions: what may go out, where it is cut, whom a line addresses, how names compare."""

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import datetime

from bot.chat import Tone

LINE_BYTES = 510  # RFC 1459: 512 with CR LF; servers cut what they relay, prefix included, to this
MAX_MESSAGES = 3
MAX_NAME_BYTES = 63  # host names on the wire are no longer; assumed until our own prefix was seen
MAX_USER_BYTES = 11
PLAIN_NICK_CHARS = 9  # RFC 1459's limit: alternates of a short nick stay within what every server takes
MAX_ALTERNATES = 9
MAX_IN_ONE_LINE = 10  # channels or capabilities; servers have limits of their own that they rarely tell
ROOM_IN_ONE_LINE = 400
NO_WIDTH = "\u200b"
MAX_PINGS_OF_A_LINK = 2
COLOURS = {Tone.GOOD: "\x0303", Tone.BAD: "\x0304"}  # mIRC's green and red
COLOUR_BYTES = len("\x0303\x02\x02\x0f")

_FORMATTING = (
    r"\x03(?:[0-9]{1,2}(?:,[0-9]{1,2})?)?|\x04(?:[0-9A-Fa-f]{6}(?:,[0-9A-Fa-f]{6})?)?|[\x02\x0f\x11\x16\x1d-\x1f]"
)
_INVISIBLE = "[\u061c\u200b\u200e\u200f\u202a-\u202e\u2060\u2066-\u2069\ufeff\U000e0000-\U000e007f]"
_CONTROL = "[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]"
_UNWANTED = re.compile(f"(?P<drop>{_FORMATTING}|{_INVISIBLE})|{_CONTROL}")

_UPPER, _LOWER = "ABCDEFGHIJKLMNOPQRSTUVWXYZ", "abcdefghijklmnopqrstuvwxyz"
_CASEMAPS = {
    "ascii": str.maketrans(_UPPER, _LOWER),
    "strict-rfc1459": str.maketrans(_UPPER + "[]\\", _LOWER + "{}|"),
    "rfc1459": str.maketrans(_UPPER + "[]\\~", _LOWER + "{}|^"),
}
_NAME = re.compile(r"[\w\[\]\\`^{|}-]+")
_WORD = re.compile(r"[^\W_]+")
_QUOTED = re.compile(r"(?:>|<[^<>\s]+>|\[[^\[\]\s]+\])(?:\s|$)")
_NICK = re.compile(r"[^\x00-\x20\x7f:,!@.#&+~%*?$0-9-][^\x00-\x20\x7f,!@.*?]*")


def sanitise(text: str) -> str:
    """Make text one harmless line: formatting and text-direction controls go, other controls become visible marks."""
    return _UNWANTED.sub(_mark, text)


def _mark(match: re.Match[str]) -> str:
    if match["drop"]:
        return ""
    char = match[0]
    if char == "\t":
        return " "
    if char == "\x7f":
        return "\u2421"
    if char in "\u2028\u2029\x85":
        return "\u2424"
    return chr(0x2400 + ord(char)) if char < "\x20" else "\ufffd"


def split(text: str, budget: int) -> list[str]:
    """Cut text into pieces of at most `budget` UTF-8 bytes, before a space where one is near.

    The pieces, joined, are the text. A piece may begin with a space but ends with none: ngircd drops those at the end.
    """
    if budget < 4:
        raise ValueError(f"a budget of {budget} bytes has no room for every character")
    rest = text.encode()
    pieces = []
    while len(rest) > budget:
        cut = _cut(rest, budget)
        pieces.append(rest[:cut].decode())
        rest = rest[cut:]
    if rest:
        pieces.append(rest.decode())
    return pieces


def _cut(rest: bytes, budget: int) -> int:
    space = rest.rfind(b" ", budget // 2, budget + 1)
    if space > 0 and (before := len(rest[:space].rstrip(b" "))):
        return before
    cut = budget
    while rest[cut] & 0xC0 == 0x80:  # a continuation byte: the character began earlier
        cut -= 1
    return cut


def messages(text: str, room: int, is_there: Callable[[str], bool] = lambda name: False, to: str = "") -> list[str]:
    """Turn words into harmless messages of at most `room` bytes; of many only the first, and how much is missing.

    Arguments:
        is_there: tells whose name must ping nobody.
        to: what stands before the words, the name of whoever is answered; it does ping.
    """
    clean = (sanitise(raw.removesuffix("\r")).rstrip() for raw in text.split("\n"))
    lines = [without_pings(line, is_there) for line in clean if line]
    if to:
        lines = [sanitise(to) + "".join(lines[:1]), *lines[1:]]
    found = [piece for line in lines for piece in split(line, room)]
    said, left = found[:MAX_MESSAGES], found[MAX_MESSAGES:]
    if not left:
        return said
    more = f"{len(left)} more" if len(found) == len(lines) else f"{sum(map(len, left)):,} more characters"
    return [*said, f"… and {more}"]


def without_pings(line: str, is_there: Callable[[str], bool]) -> str:
    """Break the names of people who are there by a space that has no width, as clients highlight whole words only.

    A link that names one or two of them stays whole, or nobody could follow it.
    """

    def broken(match: re.Match[str]) -> str:
        name = match[0]
        if len(name) > 1 and is_there(name):
            return f"{name[0]}{NO_WIDTH}{name[1:]}"
        return _WORD.sub(broken, name) if not _WORD.fullmatch(name) else name

    def softened(match: re.Match[str]) -> str:
        soft = _NAME.sub(broken, match[0])
        return match[0] if "://" in match[0] and soft.count(NO_WIDTH) <= MAX_PINGS_OF_A_LINK else soft

    return re.sub(r"\S+", softened, line)


def coloured(piece: str, tone: Tone) -> str:
    """Wrap a piece in the colour of its tone; it must have `COLOUR_BYTES` to spare."""
    if tone not in COLOURS:
        return piece
    guard = "\x02\x02" if piece.startswith(",") else ""  # a comma and a number would be a background colour
    return f"{COLOURS[tone]}{guard}{piece}\x0f"


def budget(prefix: str, target: str, command: str = "PRIVMSG") -> int:
    """Tell how many bytes of text survive when the server relays a message from `prefix` to `target`."""
    return LINE_BYTES - len(f":{prefix} {command} {target} :".encode())


def packed(words: Iterable[str]) -> Iterator[list[str]]:
    """Group words so that each group fits in one line, whatever stands before it."""
    group: list[str] = []
    for word in words:
        if len(group) >= MAX_IN_ONE_LINE or len(" ".join([*group, word]).encode()) > ROOM_IN_ONE_LINE:
            yield group
            group = []
        group.append(word)
    if group:
        yield group


def longest_prefix(nick: str) -> str:
    """Make up the longest prefix a server may give this nick, for as long as the real one is unknown."""
    return f"{nick}!{'u' * MAX_USER_BYTES}@{'h' * MAX_NAME_BYTES}"


def casemap(name: str, mapping: str = "rfc1459") -> str:
    """Fold a nick or channel as the network does: by RFC 1459's rules `{}|^` are the small `[]\\~`.

    Of a mapping that is not known only ASCII is folded: two names that differ are better than one that two people have.
    """
    return name.translate(_CASEMAPS.get(mapping, _CASEMAPS["ascii"]))


def is_nick(name: str) -> bool:
    """Tell whether a name may be a person's: not a channel, a mask, a server or several parameters."""
    return _NICK.fullmatch(name) is not None


def alternates(nick: str) -> Iterator[str]:
    """Give the nicks to try when `nick` is taken, none longer than it or RFC 1459's limit.

    Those of a long nick are followed by short ones: where nicks are cut, all long ones may be one that is taken.
    """
    suffixes = ["", "_", "__", *map(str, range(1, MAX_ALTERNATES + 1))]
    limits = (max(len(nick), PLAIN_NICK_CHARS), PLAIN_NICK_CHARS)
    candidates = dict.fromkeys(nick[: limit - len(suffix)] + suffix for limit in limits for suffix in suffixes)
    yield from (candidate for candidate in candidates if candidate != nick)


def addressed(
    text: str, names: Sequence[str], prefix: str, *, private: bool = False, fold: Callable[[str], str] = casemap
) -> str | None:
    """Take off what addresses the bot and return the rest; None when the line is not for it.

    A line is for it with the prefix ("!rebuild 7"), with a name ("gordon: rebuild 7"), or when it is private. What
    somebody quotes ("> !rebuild 7") or a bridge relays ("<alice> !rebuild 7") is for nobody.
    """
    words = text.strip()
    was_named = False
    folded = fold(words)
    for name in names:
        if folded.startswith(fold(name)) and words[len(name) : len(name) + 1] in (":", ","):
            words = words[len(name) + 1 :].lstrip()
            was_named = True
            break
    if _QUOTED.match(words):
        return None
    if prefix and words.startswith(prefix):
        rest = words.removeprefix(prefix)
        # "!!!" and "! what" are exclamations, not commands
        return rest if rest[:1].isalnum() else None
    return words if words and (was_named or private) else None


def said_at(time: str) -> datetime | None:
    """Read the time tag of a line, "2026-01-31T12:00:00.000Z"; None if it is none."""
    try:
        at = datetime.fromisoformat(time)
    except ValueError:
        return None
    return at if at.tzinfo is not None else None
