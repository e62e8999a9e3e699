"""What Jenkins' Notification plugin posts, as a hint where to look; pure, and ready for nonsense.

Only the build that it is about is taken out of it. Its phase and result are not: QUEUED is sent when the build starts,
COMPLETED and FINALIZED are both sent at the end, in any order and at most once [Phase], and anybody who has the secret
may have made it up. How a build stands is read from Jenkins itself.
"""

from dataclasses import dataclass

import msgspec

from bot.adapters.jenkins_wire import positive, read_url
from bot.values import MAX_BUILD_NUMBER_DIGITS

MAX_URL_CHARS = 4096
WANTS_JSON = "choose the format JSON for this endpoint of the Notification plugin"


class WrongFormat(Exception):
    """A body that is no notification in JSON; the text says what it is, and nothing of what stands in it."""


@dataclass(frozen=True, slots=True)
class Hint:
    """A build that has moved on, by the full name of its job; without a number, some build of it."""

    job: str
    number: int | None


class _Build(msgspec.Struct):
    full_url: str = ""  # absent where the controller's address is not configured
    url: str = ""
    number: int | None = None


class _Notification(msgspec.Struct):
    """The keys that are used; the log, which may be nearly all of the body, is passed over without being kept."""

    url: str = ""
    build: _Build = msgspec.field(default_factory=_Build)


_decoder = msgspec.json.Decoder(_Notification)


def read_notification(body: bytes, content_type: str = "") -> Hint:
    """Take the job and the number out of a notification.

    In a folder `name` is the short name of the job, so its addresses are read [JobState, BuildState]; only their paths
    count, as the host is what an operator once typed into Jenkins.

    Raises:
        WrongFormat: it is none.
    """
    kind = content_type.partition(";")[0].strip().lower()
    if kind.endswith(("/xml", "+xml")) or body.lstrip()[:1] == b"<":
        raise WrongFormat(f"XML; {WANTS_JSON}")
    if kind == "application/x-www-form-urlencoded":
        raise WrongFormat(f"a form; {WANTS_JSON}")
    try:
        notification = _decoder.decode(body)
    except msgspec.ValidationError as error:
        raise WrongFormat("JSON, but no notification") from error
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError) as error:
        raise WrongFormat(f"no JSON; {WANTS_JSON}") from error
    build = notification.build
    for url in (build.full_url, build.url, notification.url):
        found = read_url(f"/{url}" if not url.startswith("/") else url) if 0 < len(url) <= MAX_URL_CHARS else None
        if found is not None:
            return Hint(found[0], _number(build.number) or found[1])
    raise WrongFormat("JSON without the address of a job")


def _number(raw: int | None) -> int | None:
    number = positive(raw)
    return number if number and number < 10**MAX_BUILD_NUMBER_DIGITS else None
