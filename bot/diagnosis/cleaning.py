"""Text as a person would have seen it: without escape sequences, console notes, overwritten progress and controls.

Nothing here takes an LF away or adds one, and every expression takes time linear in the text whatever stands in it.
"""

import re

CONTROLS = bytes(code for code in (*range(32), 127) if code not in (9, 10))

# To the first column, or the line erased: what was written there before is gone as after a carriage return.
_REWIND_SEQUENCE = rb"\[(?:2K|[01]?G)"
_REWIND = re.compile(rb"\x1b" + _REWIND_SEQUENCE)
# Jenkins' console note is `ESC[8mha:`, base64 and `ESC[0m`. The last of these is an escape sequence like any other, so
# that a note that was cut off is taken away with the same expression.
_ESCAPE = re.compile(
    rb"\x1b\[(?:8mha:[A-Za-z0-9+/=]*|[0-9;]*m)"
    rb"|\x1b(?!" + _REWIND_SEQUENCE + rb")"
    rb"(?:\[[0-?]{0,64}[ -/]{0,8}[@-~]?"  # CSI: cursor, erasing
    rb"|\][^\x07\x1b\n]*(?:\x07|\x1b\\)"  # OSC: titles, links
    rb"|[PX^_][^\x07\x1b\n]*(?:\x07|\x1b\\)"  # DCS, SOS, PM, APC; Buildkite ends its times with BEL
    rb"|[ -/]{1,8}[0-~]?|[0-~]|\x1b*(?=\x1b))?"
)
_COLOUR = re.compile(rb"\x1b\[(?!8mha:)[0-9;]*m")
# Up to the last CR that something to see follows: blanks alone hide no error.
_REWRITTEN = rb"\r(?=[ \t]*[^ \t\r\n])"
_OVERWRITTEN = rb"[^\n]*" + _REWRITTEN
_LONE_CR = re.compile(_REWRITTEN)
_OVERWRITTEN_FIRST, _OVERWRITTEN_WITHIN = re.compile(_OVERWRITTEN), re.compile(rb"\n" + _OVERWRITTEN)
# Folds of Travis and sections of GitLab end in CR: gone where text follows, else they stand alone.
_MARKER = re.compile(rb"(?:travis_(?:fold|time):|section_(?:start|end):\d)[^\r\n ]{0,512}\r")
# A note that somebody copied from a terminal or a web page has lost its ESC.
_BARE_NOTE = re.compile(rb"\[8mha:[A-Za-z0-9+/=]{16,}(?:\[0m)?")
# What may still become an escape sequence when more of the line is read.
_UNFINISHED = re.compile(
    rb"\x1b(?:\[[0-?]{0,64}[ -/]{0,8}|\[8mh?a?|[]PX^_][^\x07\x1b\n]*\x1b?|[ -/]{0,8})?\Z",
)
_HELD_BACK_BYTES = 4096  # longer titles and links are no loss
_NOTE = re.compile(rb"\x1b\[8mha:[A-Za-z0-9+/=]*\Z")
_BASE64 = re.compile(rb"[A-Za-z0-9+/=]*")


def without_escapes(text: bytes) -> bytes:
    """Take away escape sequences and notes, and what a terminal would have overwritten; single controls stay."""
    if b"\x1b" in text:
        text = _without_colours(text) or _REWIND.sub(b"\r", _ESCAPE.sub(b"", text))
    if b"\r" in text:
        text = _without_overwritten(text)
    if b"\b" in text:
        text = b"\n".join(_without_backspaces(line) if b"\b" in line else line for line in text.split(b"\n"))
    return text


def _without_colours(text: bytes) -> bytes:
    """Do what taking away all escape sequences does, sooner; nothing is given where there are others than colours."""
    text = b"".join(_COLOUR.split(text))
    return b"" if b"\x1b" in text else text


def _without_overwritten(text: bytes) -> bytes:
    if b"travis_" in text or b"section_" in text:
        text = _MARKER.sub(b"", text)
    if _LONE_CR.search(text) is None:
        return text  # the others go with the single controls
    if first := _OVERWRITTEN_FIRST.match(text):
        text = text[first.end() :]
    return _OVERWRITTEN_WITHIN.sub(b"\n", text)


def _without_backspaces(line: bytes) -> bytes:
    first, *others = line.split(b"\b")
    kept = bytearray(first)
    for part in others:
        del kept[-1:]
        kept += part
    return bytes(kept)


def without_bare_notes(text: bytes) -> bytes:
    """Take away console notes that lost their ESC on the way."""
    return _BARE_NOTE.sub(b"", text)


def unfinished_at(text: bytes) -> int:
    """Tell where an escape sequence begins that the end of a text may have cut; its length if there is none."""
    begin = text.rfind(b"\x1b", max(0, len(text) - _HELD_BACK_BYTES))
    if begin == len(text) - 1:  # it may end what another one began
        before = text.rfind(b"\x1b", max(0, len(text) - _HELD_BACK_BYTES), max(begin, 0))
        if before >= 0 and _UNFINISHED.match(text, before):
            return before
    return begin if begin >= 0 and _UNFINISHED.match(text, begin) else len(text)


def ends_in_note(text: bytes) -> bool:
    """Tell whether a text ends amid the base64 of a console note."""
    begin = text.rfind(b"\x1b[8mha:")
    return begin >= 0 and _NOTE.match(text, begin) is not None


def rest_of_note(text: bytes) -> int:
    """Count the bytes at the start of a text that belong to a note that began before it."""
    match = _BASE64.match(text)
    return match.end() if match else 0
