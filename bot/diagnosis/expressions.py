"""Expressions of catalogues, made ready for the engines and for the second look.

A catalogue's author writes one expression; how far it goes is said by its scope. An engine gets a form of it that both
Hyperscan and RE2 read alike; the second look gets one for RE2 alone. Everything is about bytes: what is not ASCII
becomes the bytes of its UTF-8.
"""

from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import re2

from bot.diagnosis.signs import Scope

MAX_CHARS = 2000  # of one expression
LOOK_BYTES = 8 << 20  # of memory that one second look may take
SPACE, OPEN_SPACE = r"\t\f\r ", r"\t\n\f\r "  # what a space is to RE2; Hyperscan would count the vertical tab too
ESCAPES = frozenset("dDwWsSbBAzntrf")
POSIX = frozenset(
    "alnum alpha ascii blank cntrl digit graph lower print punct space upper word xdigit".split()  # noqa: SIM905
)
BLANK = r"[ \t\n]"
ENGINE_BLANK = f"[{OPEN_SPACE}]"  # of fewer characters Hyperscan writes out each way, and compiles twice as long
WIDE = frozenset({"*", "+", "*?", "+?"})
GROUPS = ("(?P<", "(?:", "(?i)", "(?s)", "(?i:", "(?s:", "(?is)", "(?is:", "(?-i:", "(?-s:")


class BadExpression(ValueError):
    """An expression that cannot be used, with what to do about it."""


@dataclass(frozen=True, slots=True)
class Expression:
    """One expression as an engine takes it: ASCII, `^` and `$` by line, `.` within a line."""

    text: str
    ignores_case: bool = False


@dataclass(frozen=True, slots=True)
class Token:
    """A piece of an expression.

    Arguments:
        kind: `char` (a byte or a character), `escape`, `class`, `open`, `close`, `repeat`, `dot` or `other`.
    """

    kind: str
    text: str


def tokens_of(regex: str) -> list[Token]:
    """Split an expression into its pieces.

    Raises:
        BadExpression: it has what not both engines read alike.
    """
    if len(regex) > MAX_CHARS:
        raise BadExpression(f"longer than {MAX_CHARS} characters: keep what is the same in every such failure")
    found = []
    at = 0
    while at < len(regex):
        token = _token_at(regex, at)
        found.append(token)
        at += len(token.text)
    return found


def _token_at(regex: str, at: int) -> Token:
    char = regex[at]
    if char == "\\":
        return Token("escape", _escape_at(regex, at))
    if char == "[":
        return Token("class", _class_at(regex, at))
    if char == "(":
        return Token("open", _group_at(regex, at))
    if char in "*+?" or (char == "{" and _count_at(regex, at)):
        text = char if char in "*+?" else _count_at(regex, at)
        after = regex[at + len(text) : at + len(text) + 1]
        if after == "+":
            raise BadExpression(f"{text}+ is possessive, which RE2 does not know: leave the last + out")
        return Token("repeat", text + "?" if after == "?" else text)
    return Token({")": "close", ".": "dot", "^": "other", "$": "other", "|": "other"}.get(char, "char"), char)


def _escape_at(regex: str, at: int) -> str:
    char = regex[at + 1 : at + 2]
    if not char:
        raise BadExpression("ends with a lone backslash")
    if char == "x":
        digits = regex[at + 2 : at + 4]
        if len(digits) != 2 or any(digit not in "0123456789abcdefABCDEF" for digit in digits):
            raise BadExpression(r"\x needs two hexadecimal digits, as \x1b")
        return regex[at : at + 4]
    if char.isdigit():
        raise BadExpression(f"\\{char} is a back-reference, which no linear engine has: write what it stands for")
    if (char.isascii() and char.isalpha() and char not in ESCAPES) or not char.isascii():
        raise BadExpression(f"\\{char} is not known to both engines: use \\d \\w \\s \\b \\n \\t \\xNN or characters")
    return regex[at : at + 2]


def _class_at(regex: str, start: int) -> str:
    at = start + 1
    at += regex[at : at + 1] == "^"
    at += regex[at : at + 1] == "]"  # as the first one it is meant as itself
    while at < len(regex) and regex[at] != "]":
        if regex[at] == "\\":
            escape = _escape_at(regex, at)
            if escape in {r"\b", r"\B", r"\A", r"\z"}:
                raise BadExpression(f"{escape} in brackets means different things: use \\x08 or no brackets")
            at += len(escape)
        elif regex.startswith("[:", at):
            name, closed, _ = regex[at + 2 :].partition(":]")
            if not closed or name.removeprefix("^") not in POSIX:
                raise BadExpression(f"[:{name[:20]}:] is no class: use one such as [:alpha:], or escape the bracket")
            at += len(name) + 4
        elif not regex[at].isascii():
            raise BadExpression(f"{regex[at]} in brackets: on bytes it is several; write ({regex[at]}|x) instead")
        else:
            at += 1
    if at >= len(regex):
        raise BadExpression("a bracket [ is not closed")
    return regex[start : at + 1]


def _group_at(regex: str, at: int) -> str:
    if regex[at + 1 : at + 2] != "?":
        return "("
    for beginning in GROUPS:
        if regex.startswith(beginning, at):
            return regex[at : regex.index(">", at) + 1] if beginning == "(?P<" and ">" in regex[at:] else beginning
    if regex.startswith(("(?=", "(?!", "(?<=", "(?<!"), at):
        raise BadExpression(f"{regex[at : at + 3]} looks around, which no linear engine does: use a counter signature")
    if regex.startswith("(?P=", at):
        raise BadExpression("(?P=…) is a back-reference, which no linear engine has: write what it stands for")
    raise BadExpression(f"{regex[at : at + 4]} is not known to both engines: use ( (?: (?P<name> (?i) or (?s)")


def _count_at(regex: str, at: int) -> str:
    inner, closed, _ = regex[at + 1 :].partition("}")
    low, _, high = inner.partition(",")
    is_count = closed and low.isdigit() and (high.isdigit() or not high)
    if is_count and max(int(low), int(high or 0)) > 1000:
        raise BadExpression(f"{{{inner}}} repeats more than 1000 times, which RE2 refuses: use + or *")
    return f"{{{inner}}}" if is_count else ""


def for_engine(regex: str, scope: Scope) -> str:
    """Write an expression as both engines take it; what they find so may be a little more than what is meant."""
    return _written(regex, scope, dots_cross=scope is Scope.WRAPPED, blank=ENGINE_BLANK)


def look(regex: str, scope: Scope, *, ignores_case: bool = False, dots_cross: bool = False) -> Any:
    """Compile an expression for a second look at bytes, by google-re2.

    Arguments:
        dots_cross: for scope "wrapped", let each `.*` go over one line break too.

    Raises:
        BadExpression: RE2 does not take it.
    """
    options = re2.Options()
    options.encoding = re2.Options.Encoding.LATIN1
    options.log_errors, options.max_mem = False, LOOK_BYTES
    options.never_nl = scope is Scope.LINE
    options.case_sensitive = not ignores_case
    text = _written(regex, scope, dots_cross=dots_cross, blank=BLANK)
    try:
        return re2.compile(f"(?m:{text})".encode("ascii"), options)
    except re2.error as error:
        raise BadExpression(said(error)) from error


def said(error: Exception) -> str:
    """Quote what an engine says is wrong with an expression."""
    words = error.args[0] if error.args else ""
    return words.decode("utf-8", "replace") if isinstance(words, bytes) else str(words)


def has_wide_dots(regex: str) -> bool:
    """Tell whether an expression has a `.*` or the like, which goes on in the next line where a line was wrapped."""
    return any(dot.kind == "dot" and many.text in WIDE for dot, many in pairwise(tokens_of(regex)))


def _written(regex: str, scope: Scope, *, dots_cross: bool, blank: str) -> str:
    pieces = []
    tokens = [*tokens_of(regex), Token("end", "")]
    skip = False
    for token, after in pairwise(tokens):
        if skip:
            skip = False
            continue
        repeat = after.text if after.kind == "repeat" else ""
        if scope is Scope.WRAPPED and _is_blank(token):
            pieces.append(_wrapped_blank(repeat, blank))
            skip = bool(repeat)
        elif dots_cross and token.kind == "dot" and repeat in WIDE:
            pieces.append(f".{repeat}(?:\\n.*)?")
            skip = True
        else:
            pieces.append(_bytes_of(token, crosses=scope is Scope.LINES))
    return "".join(pieces)


def _is_blank(token: Token) -> bool:
    return token.text in {" ", r"\ ", r"\s", "[ ]", r"[ \t]", r"[\t ]", r"[\s]"}


def _wrapped_blank(repeat: str, blank: str) -> str:
    low = repeat.strip("{}?").partition(",")[0]
    if repeat in {"", "{1}"}:
        return blank
    space = r"(?:[ \t]+\n?[ \t]*|\n[ \t]*)"
    return space + "?" if repeat[0] in "*?" or low == "0" else space


def _bytes_of(token: Token, *, crosses: bool) -> str:
    text = token.text
    if token.kind == "char" and not text.isascii():
        return "(?:" + "".join(f"\\x{byte:02x}" for byte in text.encode("utf-8", "surrogateescape")) + ")"
    if token.kind == "escape":
        space = OPEN_SPACE if crosses else SPACE
        plain = {r"\s": f"[{space}]", r"\S": f"[^{OPEN_SPACE}]", r"\ ": " "}
        closed = {r"\D": r"[^\d\n]", r"\W": r"[^\w\n]"}
        return plain.get(text) or (text if crosses else closed.get(text, text))
    if token.kind == "class":
        text = text.replace(r"\s", OPEN_SPACE if crosses or text.startswith("[^") else SPACE)
        if not crosses and text.startswith("[^"):
            text = text[:-1] + r"\n]"
    return text
