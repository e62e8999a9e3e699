"""GitHub's words into ours: pull requests, teams, and how long its limits tell us to wait; pure."""

import re
from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any
from urllib.parse import quote

import msgspec

from bot.values import Pull, PullRef

SHA = re.compile(r"[0-9a-f]{40}", re.ASCII)
DIGITS = re.compile(r"[0-9]{1,12}", re.ASCII)
REPO = re.compile(r"(?!\.{1,2}/)[\w.-]{1,100}/(?!\.{1,2}$)[\w.-]{1,100}", re.ASCII)
PAUSE_S = 60.0  # what GitHub asks for where it names no time
MAX_PAUSE_S = 3600.0  # its longest window; more is nonsense
PAGE_SIZE = 100  # the largest that GitHub gives
MAX_ID = 1 << 53  # what JSON carries whole
NEXT = re.compile(r'<([^<>]*)>; *rel="next"')
GHOST = "ghost"  # how GitHub calls those whose account is gone


class Unreadable(Exception):
    """An answer that GitHub does not give."""


def read_object(text: str) -> dict[str, Any]:
    """Decode an answer that has to be a JSON object."""
    raw = _decoded(text)
    if not isinstance(raw, dict):
        raise Unreadable("no JSON object")
    return raw


def read_pull(raw: Mapping[str, Any], ref: PullRef) -> Pull:
    """Read a pull request; without its number, state and whole head it is none."""
    head, base, user = _object(raw.get("head")), _object(raw.get("base")), _object(raw.get("user"))
    sha, state, mergeable = _text(head.get("sha")), raw.get("state"), raw.get("mergeable")
    if raw.get("number") != ref.number or not SHA.fullmatch(sha) or state not in ("open", "closed"):
        raise Unreadable("no pull request")
    url = _text(raw.get("html_url"))
    author_id = user.get("id")
    return Pull(
        ref,
        title=_text(raw.get("title")),
        author=_text(user.get("login")) or GHOST,
        author_id=author_id if type(author_id) is int else 0,
        head=sha,
        base=_text(base.get("ref")),
        head_repo=_text(_object(head.get("repo")).get("full_name")),  # null when the fork is gone
        url=url if url.startswith(("https://", "http://")) else "",
        is_open=state == "open",
        draft=raw.get("draft") is True,
        mergeable=mergeable if isinstance(mergeable, bool) else None,
        labels=tuple(name for label in _objects(raw.get("labels")) if (name := _text(label.get("name")))),
    )


def members_path(team: str) -> str:
    """Tell where the first members of a team are listed."""
    owner, _, slug = team.partition("/")
    return f"/orgs/{quote(owner, safe='')}/teams/{quote(slug, safe='')}/members?per_page={PAGE_SIZE}"


def read_members(text: str) -> list[int]:
    """Read a page of people by their numbers; one without a number makes all of it unreadable."""
    raw = _decoded(text)
    if not isinstance(raw, list):
        raise Unreadable("no list")
    ids = [number for each in raw if type(number := _object(each).get("id")) is int and 0 < number < MAX_ID]
    if len(ids) < len(raw):
        raise Unreadable("somebody without a number")
    return ids


def next_page(link: str, base_url: str) -> str:
    """Tell the path of the page after this one; empty after the last.

    Arguments:
        link: the header. It names whole addresses, and a token is sent to no other host than its own.
    """
    found = NEXT.search(link)
    if found is None:
        return ""
    if not found[1].startswith(f"{base_url}/"):
        raise Unreadable("a next page somewhere else")
    return found[1].removeprefix(base_url)


def pause_s(status: int, headers: Mapping[str, Any], body: str, now: datetime) -> float:
    """Tell how long GitHub wants to be left alone after an answer; 0 when it does not mind.

    A limit that is met and a right that is missing are both a 403: a limit names a time, or itself.

    Arguments:
        headers: by their names in small letters.
    """
    is_refusal = status in (403, 429)
    after = str(headers.get("retry-after", ""))
    if is_refusal and DIGITS.fullmatch(after):
        return min(float(after), MAX_PAUSE_S)
    reset = str(headers.get("x-ratelimit-reset", ""))
    if str(headers.get("x-ratelimit-remaining", "")) == "0" and DIGITS.fullmatch(reset):
        left_s = min(float(reset) - now.timestamp(), MAX_PAUSE_S)
        if left_s > 0:
            return left_s
    return PAUSE_S if status == 429 or (is_refusal and (after or "rate limit" in body.lower())) else 0.0


def _decoded(text: str) -> object:
    try:
        decoded: object = msgspec.json.decode(text.encode())
    except (msgspec.DecodeError, RecursionError, UnicodeError) as error:
        raise Unreadable("no JSON") from error
    return decoded


def _object(raw: object) -> Mapping[str, Any]:
    return raw if isinstance(raw, dict) else {}


def _objects(raw: object) -> Iterator[Mapping[str, Any]]:
    return (each for each in raw if isinstance(each, dict)) if isinstance(raw, list) else iter(())


def _text(raw: object) -> str:
    return raw if isinstance(raw, str) else ""
