"""Slack's text as pure functions: what may be shown, how it is escaped, where it is cut, what of it is an address.

What others wrote goes into text elements of rich text and into plain text alone: there nothing has to be escaped, no
sign formats anything, and nobody is called. Slack's own markup has no way to show a `*` or a backtick as it is.
"""

import re
import unicodedata
from collections.abc import Callable, Iterator

MORE = "…"
URL_CHARS = 3000
NEAR = 2 / 3  # a space in the last third of what fits is where a cut is better than within a word
MAX_CLUSTER = 64  # characters that are one sign to a reader; what is longer is none that anybody could read

_DROPPED = re.compile(
    r"\x1b\[[0-?]*[ -/]*[@-~]|\x1b\][^\x07\x1b]*(?:\x07|\x1b\\)|\x1b[ -/]*[0-~]"  # how terminals are told colours
    "|[\u00ad\u034f\u061c\u115f\u1160\u180e\u200b\u200e\u200f\u202a-\u202e\u2060-\u206f\u3164\ufeff\uffa0\ufff9-\ufffb"
    "\U000e0000-\U000e007f]"
)
_BREAK = re.compile("\r\n?|[\v\f\x85\u2028\u2029]")
_CONTROL = re.compile("[\x00-\x08\x0e-\x1f\x7f-\x9f\ud800-\udfff]")
_ESCAPES = str.maketrans({"&": "&amp;", "<": "&lt;", ">": "&gt;"})
IN_JSON = str.maketrans({"&": r"\u0026", "<": r"\u003c", ">": r"\u003e"})  # so that Slack finds nothing to escape
_PART = re.compile(r"""(?P<quoted>"[^"\n]*")|(?P<url>https?://[!#-&(-;=?-\[\]-_a-z~]++)(?P<more>[^\s!-~])?""")
_FLAGS = "".join(map(chr, range(0x1F1E6, 0x1F200)))  # two of these letters are one flag
_JOINER = "\u200d"
_AFTER_URL = ".,;:!?"
_PAIRS = {")": "(", "]": "["}


def clean(text: str) -> str:
    """Take out of text what turns or hides other text, and put a mark for other controls; lines stay lines."""
    return _CONTROL.sub("\N{REPLACEMENT CHARACTER}", _BREAK.sub("\n", _DROPPED.sub("", text)))


def one_line(text: str) -> str:
    """Make text one line without what turns or hides other text."""
    return " ".join(clean(text).split())


def escape(text: str) -> str:
    """Write text so that Slack's markup finds no mention, no link and no escape in it."""
    return text.translate(_ESCAPES)


def unescape(text: str) -> str:
    """Read what Slack has escaped: it does so with the plain text of a message that it hands back."""
    return text.replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&")


def units(text: str) -> int:
    """Count text as the strictest reading of Slack's limits does: 2 for a character beyond U+FFFF."""
    return len(text.encode("utf-16-le", "surrogatepass")) // 2


def cut(text: str, at_most: int, measured: Callable[[str], int] = units) -> str:
    """Shorten text with a mark that it goes on, before a space where one is near, and never within a sign.

    Arguments:
        at_most: of what `measured` counts.
    """
    if measured(text) <= at_most:
        return text
    fits, too_many = 0, len(text)
    while fits + 1 < too_many:
        middle = (fits + too_many) // 2
        if measured(text[:middle] + MORE) <= at_most:
            fits = middle
        else:
            too_many = middle
    end = _before_cluster(text, fits)
    space = text.rfind(" ", int(end * NEAR), end + 1)
    return text[: space if space > 0 else end].rstrip() + MORE


def _before_cluster(text: str, end: int) -> int:
    at = end
    while at > 0 and end - at < MAX_CLUSTER and _joins(text, at):
        at -= 1
    return at if not _joins(text, at) else end


def _joins(text: str, at: int) -> bool:
    """Tell whether the characters on both sides of a place are one sign."""
    if not 0 < at < len(text):
        return False
    if text[at] in _FLAGS and text[at - 1] in _FLAGS:
        return (at - len(text[:at].rstrip(_FLAGS))) % 2 == 1
    return (
        unicodedata.category(text[at]) in ("Mn", "Mc", "Me")
        or _JOINER in (text[at], text[at - 1])
        or "\U0001f3fb" <= text[at] <= "\U0001f3ff"
    )


def is_address(url: str) -> bool:
    """Tell whether something is an address that Slack takes for a link: of the web, in ASCII, not too long."""
    found = _PART.fullmatch(url)
    return found is not None and found["url"] == url and len(url) <= URL_CHARS


def parts(text: str) -> Iterator[tuple[str, bool]]:
    """Part text into what is text and what is an address; what stands in quotation marks was written by others.

    An address is shown as itself and leads where it says: no label can stand before it.
    """
    begin = 0
    for match in _PART.finditer(text):
        url = _without_sentence(match["url"] or "")
        if match["more"] or not is_address(url):
            continue
        if match.start() > begin:
            yield text[begin : match.start()], False
        yield url, True
        begin = match.start() + len(url)
    if begin < len(text):
        yield text[begin:], False


def _without_sentence(url: str) -> str:
    """Take off what belongs to the sentence around an address: its full stop, and a bracket that it did not open."""
    unopened = {closing: url.count(closing) - url.count(opening) for closing, opening in _PAIRS.items()}
    end = len(url)
    while end and (url[end - 1] in _AFTER_URL or unopened.get(url[end - 1], 0) > 0):
        end -= 1
        unopened[url[end]] = unopened.get(url[end], 0) - 1
    return url[:end]
