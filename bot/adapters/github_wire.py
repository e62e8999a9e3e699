"""GitHub's words into ours: pull requests, teams, budgets, and how long its limits tell us to wait; pure."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, TypeVar
from urllib.parse import quote

import msgspec

from bot.secret import redact
from bot.values import Budget, Pull, PullRef

T = TypeVar("T")
SHA = re.compile(r"[0-9a-f]{40}", re.ASCII)
DIGITS = re.compile(r"[0-9]{1,12}", re.ASCII)
REPO = re.compile(r"(?!\.{1,2}/)[\w.-]{1,100}/(?!\.{1,2}$)[\w.-]{1,100}", re.ASCII)
LIMIT = re.compile("rate limit|abuse detection", re.IGNORECASE)  # the latter in older words
TOO_QUICK = "submitted too quickly"  # how a limit on what makes content may be told, among what is not valid
PAUSE_S = 60.0  # what GitHub asks for where it names no time
MAX_PAUSE_S = 3600.0  # its longest window; more is nonsense
PAGE_SIZE = 100  # the largest that GitHub gives
MAX_ID = 1 << 53  # what JSON carries whole
MAX_WORDS = 200  # of what an answer says in our sentences
LINK = re.compile(r'<([^<>]*)>; *rel="(next|last)"')
PAGE = re.compile(r"[?&]page=([0-9]{1,6})(?:&|$)", re.ASCII)
GHOST = "ghost"  # how GitHub calls those whose account is gone
RESOURCES = frozenset({"core", "graphql"})  # what we use of those that it counts apart


class Unreadable(Exception):
    """An answer that GitHub does not give."""


class Problem(msgspec.Struct):
    """What GitHub says beside a status that is no success."""

    message: str = ""
    errors: object = None


@dataclass(frozen=True, slots=True)
class Pages:
    """What the `Link` header of a page tells; empty where there is nothing."""

    next: str = ""
    last: str = ""


def decoded(text: str, kind: type[T]) -> T:
    """Decode an answer that has to have a certain shape."""
    try:
        return msgspec.json.decode(text, type=kind)
    except (msgspec.MsgspecError, RecursionError, UnicodeError) as error:
        raise Unreadable(f"no {kind}") from error


def read_object(text: str) -> dict[str, Any]:
    """Decode an answer that has to be a JSON object."""
    return decoded(text, dict[str, Any])


def read_pull(raw: Mapping[str, Any], ref: PullRef) -> Pull:
    """Read a pull request; without its number, state and whole head it is none."""
    head, base, user = _object(raw.get("head")), _object(raw.get("base")), _object(raw.get("user"))
    sha, state, mergeable = _text(head.get("sha")), raw.get("state"), raw.get("mergeable")
    if raw.get("number") != ref.number or not SHA.fullmatch(sha) or state not in ("open", "closed"):
        raise Unreadable("no pull request")
    author_id, merged, merge = user.get("id"), raw.get("merged") is True, _text(raw.get("merge_commit_sha"))
    return Pull(
        ref,
        title=_text(raw.get("title")),
        author=_text(user.get("login")) or GHOST,
        author_id=author_id if type(author_id) is int else 0,
        head=sha,
        base=_text(base.get("ref")),
        head_repo=_text(_object(head.get("repo")).get("full_name")),  # null when the fork is gone
        url=web_link(raw.get("html_url")),
        is_open=state == "open",
        draft=raw.get("draft") is True,
        mergeable=mergeable if isinstance(mergeable, bool) else None,
        labels=tuple(name for label in _objects(raw.get("labels")) if (name := _text(label.get("name")))),
        merged=merged,
        updated_at=_time(raw.get("updated_at")),
        merged_as=merge if merged and SHA.fullmatch(merge) else "",  # before the merge it is that of a trial
    )


def members_path(team: str) -> str:
    """Tell where the first members of a team are listed."""
    owner, _, slug = team.partition("/")
    return f"/orgs/{quote(owner, safe='')}/teams/{quote(slug, safe='')}/members?per_page={PAGE_SIZE}"


def read_members(text: str) -> list[int]:
    """Read a page of people by their numbers; one without a number makes all of it unreadable."""
    raw = decoded(text, list[Any])
    ids = [number for each in raw if type(number := _object(each).get("id")) is int and 0 < number < MAX_ID]
    if len(ids) < len(raw):
        raise Unreadable("somebody without a number")
    return ids


def pages_of(link: str, base_url: str) -> Pages:
    """Tell the paths of the page after this one and of the last.

    Arguments:
        link: the header. It names whole addresses, and a token is sent to no other host than its own.
    """
    found = {}
    for match in LINK.finditer(link):
        if not match[1].startswith(f"{base_url}/"):
            raise Unreadable("another page somewhere else")
        found[match[2]] = match[1].removeprefix(base_url)
    return Pages(found.get("next", ""), found.get("last", ""))


def before_last(path: str) -> list[str]:
    """Tell the paths from a last page backwards to the second; none where its number is not to be seen."""
    found = PAGE.search(path)
    if found is None:
        return []
    head, tail = path[: found.start(1)], path[found.end(1) :]
    return [f"{head}{number}{tail}" for number in range(int(found[1]), 1, -1)]


def pause_s(status: int, headers: Mapping[str, Any], body: str) -> float | None:
    """Tell how long GitHub wants to be left alone after an answer; 0 when it does not mind, None when it does not say.

    A limit that is met and a right that is missing are both a 403: a limit names a time, or itself.

    Arguments:
        headers: by their names in small letters.
    """
    if status == 422:
        return None if TOO_QUICK in body else 0.0
    if status not in (403, 429):
        return 0.0
    after = str(headers.get("retry-after", ""))
    if DIGITS.fullmatch(after):
        return min(float(after), MAX_PAUSE_S)
    return None if status == 429 or after or LIMIT.search(body) else 0.0


def used_up_s(headers: Mapping[str, Any], now: datetime) -> float:
    """Tell how long a budget that is used up stays so; 0 while something is left of it."""
    reset = str(headers.get("x-ratelimit-reset", ""))
    if str(headers.get("x-ratelimit-remaining", "")) != "0" or not DIGITS.fullmatch(reset):
        return 0.0
    return max(0.0, min(float(reset) - now.timestamp(), MAX_PAUSE_S))


def read_budget(headers: Mapping[str, Any]) -> Budget | None:
    """Read what is left of a limit; None where an answer does not tell, as an own installation may have none."""
    limit, left, reset = (str(headers.get(f"x-ratelimit-{name}", "")) for name in ("limit", "remaining", "reset"))
    resource = str(headers.get("x-ratelimit-resource", "core"))
    if resource not in RESOURCES or not all(DIGITS.fullmatch(each) for each in (limit, left, reset)):
        return None
    try:
        return Budget(resource, int(limit), int(left), datetime.fromtimestamp(int(reset), UTC))
    except (OverflowError, ValueError, OSError):  # a year that no calendar has
        return None


def problem_of(text: str) -> str:
    """Tell in one line what GitHub says is wrong; empty where it says nothing."""
    try:
        problem = decoded(text, Problem)
    except Unreadable:
        return ""
    raw = problem.errors if isinstance(problem.errors, list) else []
    parts = [_text(each) or _text(_object(each).get("message")) for each in raw]
    parts += [f"{each.get('field')}: {each.get('code')}" for each in _objects(raw) if not each.get("message")]
    return one_line("; ".join(part for part in (problem.message, *parts) if part), MAX_WORDS)


def one_line(text: str, limit: int) -> str:
    """Take a text as one line without secrets and control characters, cut to `limit` characters with a mark."""
    shown = "".join(char if char.isprintable() else " " for char in redact(text))
    words = " ".join(shown.split())
    return words if len(words) <= limit else words[: limit - 1].rstrip() + "…"


def web_link(raw: object) -> str:
    """Take an address that people may follow; any other is none."""
    url = _text(raw)
    return url if url.startswith(("https://", "http://")) else ""


def _time(raw: object) -> datetime | None:
    try:
        found = datetime.fromisoformat(_text(raw))
    except ValueError:
        return None
    return found if found.tzinfo is not None else None


def _object(raw: object) -> Mapping[str, Any]:
    return raw if isinstance(raw, dict) else {}


def _objects(raw: object) -> Iterator[Mapping[str, Any]]:
    return (each for each in raw if isinstance(each, dict)) if isinstance(raw, list) else iter(())


def _text(raw: object) -> str:
    return raw if isinstance(raw, str) else ""
