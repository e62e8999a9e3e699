"""Jenkins' words into ours: names, addresses, the values that its answers are made of; pure, and ready for nonsense.

Every URL that Jenkins tells is taken apart for its names and numbers only and put together again on our own root:
the host in it is the one that an operator once typed into Jenkins, which need not be the one we reach it by.
"""

import re
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import quote, unquote

import msgspec

from bot.errors import UserError
from bot.values import MAX_BUILD_NUMBER_DIGITS, BuildRef

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
MAX_URL = 4096  # the expression below takes a time that grows with the square of the length
MAX_ID_DIGITS = 18  # fits 64 bits
ITEM_URL = re.compile(rf"queue/item/([0-9]{{1,{MAX_ID_DIGITS}}})/?$", re.ASCII)
# A cell of a matrix (`AXIS=v,B=w`, or `default`) follows its job without `job/` before it, and counts as its job.
JOB_URL = re.compile(
    rf"(?P<job>(?:/job/[^/?#]+)+)(?:/(?P<cell>[^/?#]*=[^/?#]*|default))?(?:/(?P<number>[0-9]{{1,{MAX_BUILD_NUMBER_DIGITS}}}))?/?$",
    re.ASCII,
)
CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]")  # half a character cannot be sent either


class Unreadable(Exception):
    """An answer that no Jenkins gives."""


def read_object(body: bytes) -> dict[str, Any]:
    """Decode an answer that has to be a JSON object."""
    try:
        raw = msgspec.json.decode(body)
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError) as error:
        raise Unreadable("no JSON") from error
    if not isinstance(raw, dict):
        raise Unreadable("no JSON object")
    return raw


def job_path(full_name: str) -> str:
    """Spell a job's address under the root, `A/B` as `job/A/job/B/`.

    Raises:
        UserError: it is no job's name.
    """
    segments = full_name.split("/")
    if not all(map(is_segment, segments)):
        raise UserError(f"{full_name!r} is not the name of a job")
    return "".join(f"job/{quote(segment, safe='')}/" for segment in segments)


def build_url(ref: BuildRef, root: str) -> str:
    """Spell a build's address on our own root."""
    return f"{root}{job_path(ref.job.full_name)}{ref.number}/"


def read_url(url: object) -> tuple[str, int | None] | None:
    """Take the job's full name, and the build's number if there is one, out of an address."""
    found = _job_url(url)
    if found is None:
        return None
    segments = [unquote(segment) for segment in found["job"].split("/job/")[1:]]
    if not all(map(is_segment, segments)):
        return None
    return "/".join(segments), positive(int(found["number"])) if found["number"] else None


def read_cell(url: object) -> str:
    """Take the combination of axes out of the address of a matrix's cell or of its build; "" if it is none."""
    found = _job_url(url)
    cell = unquote(found["cell"]) if found and found["cell"] else ""
    return cell if cell.strip() and not CONTROL.search(cell) else ""  # a value may have a slash in it


def read_item_id(location: str | None) -> int | None:
    """Take the queue id out of a `Location`, whatever host it names."""
    found = ITEM_URL.search(location or "")
    return int(found[1]) if found else None


def read_crumb(raw: Mapping[str, Any]) -> tuple[str, str]:
    """Read the header that a POST without a token needs."""
    name, value = text_of(raw.get("crumbRequestField")), text_of(raw.get("crumb"))
    if not name or not value or CONTROL.search(name + value):
        raise Unreadable("no crumb")
    return name, value


def objects(raw: object) -> Iterator[dict[str, Any]]:
    """Go through the objects of a list; `{}`, null and anything else in it are nothing."""
    return (each for each in raw if isinstance(each, dict) and each) if isinstance(raw, list) else iter(())


def text_of(raw: object) -> str:
    """Take a text; anything else is none."""
    return raw if isinstance(raw, str) else ""


def one_line(raw: object, limit: int) -> str:
    """Take a text that anybody may have written as one line without control characters, cut to `limit` characters."""
    text = text_of(raw)[: 4 * limit]  # what is cut off is not worth cleaning
    words = " ".join(CONTROL.sub(" ", text).split())
    return words if len(words) <= limit else words[: limit - 1].rstrip() + "…"


def positive(raw: object) -> int | None:
    """Take a number above 0 that fits 64 bits; anything else is none."""
    return raw if type(raw) is int and 0 < raw < 10**MAX_ID_DIGITS else None


def number_of(raw: Mapping[str, Any], key: str = "number") -> int | None:
    """Take the number of a build."""
    number = positive(raw.get(key))
    return number if number and number < 10**MAX_BUILD_NUMBER_DIGITS else None


def seconds(raw_ms: object) -> float | None:
    """Take a duration, which Jenkins tells in milliseconds; -1 and nonsense are none."""
    if isinstance(raw_ms, bool) or not isinstance(raw_ms, int | float) or not 0 <= raw_ms < 10**MAX_ID_DIGITS:
        return None
    return raw_ms / 1000


def moment(raw_ms: object) -> datetime | None:
    """Take a time, by the controller's clock."""
    if type(raw_ms) is not int or raw_ms < 0:
        return None
    try:
        return EPOCH + timedelta(milliseconds=raw_ms)
    except OverflowError:
        return None


def is_segment(segment: str) -> bool:
    """Tell whether a name can stand between two slashes of an address and stay what it is."""
    return bool(segment.strip()) and segment not in (".", "..") and "/" not in segment and not CONTROL.search(segment)


def _job_url(url: object) -> re.Match[str] | None:
    return JOB_URL.search(url) if isinstance(url, str) and len(url) <= MAX_URL else None
