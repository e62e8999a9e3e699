"""Commands in comments on pull requests: which lines of Markdown are some, and what they mean there; pure.

A line counts that begins with the mention, `@gordon rebuild windows`, or with an alias, `/retest`, and is text of the
comment itself: not of a quotation, a mail that is answered, a list, a table, a heading or code, no link and no HTML,
nor what HTML hides. Words behind such a beginning may stand in backquotes.
"""

import re
from collections.abc import Container, Iterator, Mapping, Sequence
from dataclasses import dataclass

from markdown_it import MarkdownIt
from markdown_it.rules_block import StateBlock, table
from markdown_it.token import Token

from bot.commands import Names, Usage, find_command
from bot.errors import UserError
from bot.values import PullRef

MAX_COMMANDS = 5  # of one comment
MAX_CHARS = 16 * 1024  # of a comment that is read: brackets by the thousand take the parser time by their square
ALIASES: Mapping[str, tuple[str, str]] = {  # the command, and its words where none are given
    "retest": ("rebuild", "failed"),
    "test": ("rebuild", "?"),
    "cancel": ("cancel", ""),
    "ok-to-test": ("ok to test", ""),
    "check-dco": ("dco", ""),
    "override": ("override", ""),
}
LISTING = ("status", "?")  # `/test ?` lists the contexts
_HOLDING = "details|blockquote|pre|code|samp|kbd|del|s|table|ul|ol"  # what HTML shows as something else than its text
_OPENED, _CLOSED = (re.compile(rf"<{slash}(?:{_HOLDING})\b", re.IGNORECASE) for slash in ("", "/"))
# What mail programs put above what they answer, where they do not mark it as a quotation, and GitHub below its mails.
_ANSWERED = re.compile(
    r"^.*\bwrote:[ \t\r]*$(?!\s*>)|^[ \t]*-{3,} ?\w+ message ?-{3,}|^\W{0,9}From:.*\n\W{0,9}(?:Sent|Date|To):",
    re.IGNORECASE | re.MULTILINE,
)
_MAILED = re.compile(r"^(?![ \t]*>).*Reply to this email directly", re.IGNORECASE | re.MULTILINE)
_ALIAS = re.compile(r"/(?P<alias>[a-z-]+)(?:\s+(?P<words>\S.*))?", re.IGNORECASE)


def _passed_table(state: StateBlock, start: int, end: int, silent: bool) -> bool:
    """Pass over a table as the parser's own rule does, without what is in it.

    That rule makes tokens for each cell, also for those that a short row lacks: millions of a comment that is read.
    """
    if not table(state, start, end, True):
        return False
    if silent:
        return True
    enders = state.md.block.ruler.getRules("blockquote")  # what ends a quotation ends a table
    line = start + 2
    while line < end and not state.isEmpty(line) and not state.is_code_block(line):
        if state.sCount[line] < state.blkIndent or any(rule(state, line, end, True) for rule in enders):
            break
        line += 1
    state.line = line
    return True


_MARKDOWN = MarkdownIt("commonmark").enable(["table", "strikethrough"]).disable("text_join")
_MARKDOWN.block.ruler.at("table", _passed_table, {"alt": ["paragraph", "reference"]})


@dataclass(frozen=True, slots=True)
class Found:
    """The commands of a comment, at most as many as are obeyed.

    Arguments:
        more: how many were left out.
        is_too_long: it was not read, though there may be some in it.
    """

    texts: tuple[str, ...] = ()
    more: int = 0
    is_too_long: bool = False


def commands_in(body: str, mention: str, known: Container[str]) -> Found:
    """Find the commands of a comment.

    Arguments:
        mention: what Gordon is called there, without the `@`.
        known: the names of commands; an alias of another one is nobody's.
    """
    body = _own(body)
    called = re.compile(rf"@{re.escape(mention)}(?:[,:]\s*|\s+)(?P<text>\S.*)", re.IGNORECASE)
    if not any(_read(line.lstrip(), called, known) for line in body.splitlines()):
        return Found()
    if len(body) > MAX_CHARS:
        return Found(is_too_long=True)
    texts = [text for line in _lines(body) if (text := _read(line, called, known))]
    return Found(tuple(texts[:MAX_COMMANDS]), max(0, len(texts) - MAX_COMMANDS))


def about(text: str, pull: PullRef, usages: Mapping[str, Usage], names: Names) -> str:
    """Say which pull request a command is about, which goes without saying under one."""
    try:
        usage, words = find_command(usages, text)
    except UserError:
        return text
    kind = usage.params[0].name if usage.params else ""
    if "pull" not in kind.split("|") or usage.at != tuple(range(len(usage.at))):
        return text
    if words and _is_one(kind, words[0], names):
        return text
    typed = text.split(None, len(usage.at))
    return " ".join([*typed[: len(usage.at)], str(pull), *typed[len(usage.at) :]])


def _is_one(kind: str, word: str, names: Names) -> bool:
    """Tell whether a word names what a command is about, or was meant to."""
    if "#" in word or "://" in word:
        return True
    try:
        names.read(kind, word)
    except UserError:
        return False
    return True


def _own(body: str) -> str:
    """Leave out what a mail program has put below an answer as if its writer had said that, too."""
    if found := _ANSWERED.search(body):
        body = body[: found.start()]
    return "" if _MAILED.search(body) else body


def _read(line: str, called: re.Pattern[str], known: Container[str]) -> str:
    """Tell the command that a line gives; empty for none."""
    line = line.replace("\N{NO-BREAK SPACE}", " ")  # which some keyboards write
    if found := called.match(line):
        return found["text"].rstrip()
    if not (found := _ALIAS.fullmatch(line.rstrip())) or found["alias"].lower() not in ALIASES:
        return ""
    command, words = ALIASES[found["alias"].lower()]
    words = found["words"] or words
    if words == LISTING[1]:
        command, words = LISTING[0], ""
    return f"{command} {words}".rstrip() if command in known else ""


def _lines(body: str) -> Iterator[str]:
    """List the lines of plain paragraphs."""
    depth = 0  # of HTML that shows something else
    tokens = _MARKDOWN.parse(body)
    for before, token in zip([None, *tokens], tokens, strict=False):
        if token.type == "html_block":
            depth = max(0, depth + len(_OPENED.findall(token.content)) - len(_CLOSED.findall(token.content)))
        elif before and before.type == "paragraph_open" and before.level == 0 and depth == 0:
            yield from _of_paragraph(token.children or ())


def _of_paragraph(pieces: Sequence[Token]) -> Iterator[str]:
    """List the lines of a paragraph that begin as text and hold nothing but text, and words in backquotes."""
    line, depth, is_text = "", 0, True
    for piece in pieces:
        if piece.type in ("softbreak", "hardbreak"):
            if is_text:
                yield line
            line, is_text = "", depth == 0
            continue
        if piece.type == "html_inline":
            return  # what follows may be shown as anything
        depth += piece.nesting
        is_text &= piece.type == "text" or (bool(line) and piece.type not in ("link_open", "link_close", "image"))
        line += piece.markup if piece.nesting else piece.content
    if is_text:
        yield line
