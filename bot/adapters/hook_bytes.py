"""The bytes of a webhook before they are decoded: how deep they go, and the JSON in GitHub's other form; pure."""

from itertools import accumulate
from urllib.parse import unquote_to_bytes

MAX_DEPTH = 64  # the bodies of GitHub have at most eight
PIECE_BYTES = 64 * 1024  # what is looked over in one go, so that a large body in a thread keeps nobody waiting
FORM_KEY = b"payload="
STEPS = bytes.maketrans(b"[{]}", b"\x01\x01\xff\xff")  # as signed numbers: one deeper, one back
NOTHING_OF_USE = bytes(set(range(256)) - set(b'[{]}"'))


class WrongBody(Exception):
    """A body that GitHub does not send; the text says why, and nothing of what stands in it."""


def is_too_deep(body: bytes | bytearray) -> bool:
    """Tell whether objects and lists stand deeper in one another than may be; of what is no JSON either answer.

    Most bodies have too few of them for that, which is seen three times as fast. GitHub's addresses have dozens of
    `{/name}`, and no object begins so.
    """
    could_begin = body.count(b"[") + body.count(b"{")
    return could_begin - body.count(b"{/") > MAX_DEPTH and depth_of(body) > MAX_DEPTH


def depth_of(body: bytes | bytearray) -> int:
    """Tell how deep objects and lists stand in one another; of what is no JSON any number."""
    depth = deepest = 0
    is_text, half = False, b""
    for start in range(0, len(body), PIECE_BYTES):
        piece = half + body[start : start + PIECE_BYTES]
        half = b"\\" if (len(piece) - len(piece.rstrip(b"\\"))) % 2 else b""  # the next byte belongs to it
        piece = piece[: len(piece) - len(half)]
        if b"\\" in piece:
            piece = piece.replace(b"\\\\", b"").replace(b'\\"', b"")
        parts = piece.translate(STEPS, NOTHING_OF_USE).split(b'"')
        steps = b"".join(parts[is_text::2])
        is_text ^= len(parts) % 2 == 0
        levels = list(accumulate(memoryview(steps).cast("b"), initial=depth))
        depth, deepest = levels[-1], max(deepest, max(levels))
        if deepest > MAX_DEPTH:
            break
    return deepest


def json_of_form(body: bytes | bytearray) -> bytearray:
    """Take the JSON out of GitHub's other form of a body, `payload=...`.

    Raises:
        WrongBody: there is none in it.
    """
    start = 0 if body.startswith(FORM_KEY) else body.find(b"&" + FORM_KEY) + 1
    if not body.startswith(FORM_KEY, start):
        raise WrongBody("a form without payload")
    start += len(FORM_KEY)
    end = body.find(b"&", start)
    end = len(body) if end < 0 else end
    json = bytearray()
    while start < end:
        stop = min(start + PIECE_BYTES, end)
        if stop < end and (cut := body.rfind(b"%", stop - 2, stop)) >= 0:
            stop = cut
        json += unquote_to_bytes(bytes(body[start:stop]).replace(b"+", b" "))
        start = stop
    return json
