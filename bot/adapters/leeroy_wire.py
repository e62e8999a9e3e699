"""What clients of Leeroy send, in our words: pure, and as forgiving as Leeroy was where that hurts nobody.

Its JSON stands in a body of whatever content type, as curl calls all that it posts a form; what is missing is 0 or
empty.
"""

import base64
import binascii
from dataclasses import dataclass

import msgspec

from bot.adapters.hook_bytes import WrongBody, is_too_deep

MAX_NUMBER = 999_999_999  # of a pull request
MAX_CHARS = 300  # of a repository, a context, a ref


@dataclass(frozen=True, slots=True)
class BuildAsked:
    """What a body asks for.

    Arguments:
        number: of the pull request; 0 where it names none.
        context: empty where it names none.
        ref: a commit or a branch; empty where it names none.
    """

    number: int
    repo: str
    context: str
    ref: str


class _Body(msgspec.Struct):
    number: int | None = 0
    repo: str | None = ""
    context: str | None = ""
    ref: str | None = ""


_decoder = msgspec.json.Decoder(_Body)


def read_asked(body: bytes | bytearray) -> BuildAsked:
    """Read the body of a request for builds.

    Raises:
        WrongBody: it is none; the text repeats nothing of it.
    """
    if is_too_deep(body):
        raise WrongBody("JSON that is too deep")
    try:
        found = _decoder.decode(body)
    except msgspec.ValidationError as error:
        raise WrongBody("JSON, but not an object with number, repo and context as they should be") from error
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError) as error:
        raise WrongBody("no JSON") from error
    number = found.number or 0
    if not 0 <= number <= MAX_NUMBER:
        raise WrongBody("a number that no pull request has")
    texts = [found.repo or "", found.context or "", found.ref or ""]
    if any(len(text) > MAX_CHARS or not text.isprintable() for text in texts):
        raise WrongBody("a name that is too long, or not text")
    return BuildAsked(number, *texts)


def read_basic(header: str) -> tuple[bytes, bytes] | None:
    """Read the user and the password of an Authorization header; None if it has no such two."""
    scheme, _, given = header.partition(" ")
    try:
        user, colon, password = base64.b64decode(given.strip(), validate=True).partition(b":")
    except (binascii.Error, ValueError):
        return None
    return (user, password) if scheme.lower() == "basic" and colon else None
