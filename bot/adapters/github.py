"""GitHub as the place where pull requests live, through PyGithub's connections in threads of its own."""

import asyncio
import math
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from datetime import timedelta
from typing import Any, TypeAlias

import requests
from github import Auth, Github

from bot.adapters import github_wire as wire
from bot.adapters.daemon_threads import DaemonThreads
from bot.clock import Clock
from bot.errors import GordonError, Refused, Unavailable, UserError
from bot.settings import GitHubSettings
from bot.values import Pull, PullRef

PEER = "GitHub"
REQUESTS_AT_ONCE = 4
Raw: TypeAlias = tuple[int, dict[str, Any], str]
Answer: TypeAlias = tuple[dict[str, Any], str]
PASSING = frozenset({502, 503})  # a read that met one of these is tried once more
MAX_PAGES = 100  # of a list; more is no list that we mean to read
TEAM_RIGHT = 'it needs the scope read:org, or if it is fine-grained the permission "Members" of the organisation'


class GitHub:
    """GitHub, or an own installation of it."""

    def __init__(self, settings: GitHubSettings, token: str, clock: Clock) -> None:
        self._url = settings.url.rstrip("/")
        self._deadline_s = settings.timeout_s
        self._clock = clock
        self._quiet_until_s = 0.0
        # PyGithub would repeat POSTs, sleep inside a call and pace requests by itself: all of that is ours to decide.
        self._github = Github(
            auth=Auth.Token(token) if token else None,
            base_url=self._url,
            timeout=math.ceil(settings.timeout_s),
            user_agent="gordon",
            retry=None,
            seconds_between_requests=0,
            seconds_between_writes=0,
            lazy=True,
        )
        self._threads = DaemonThreads("github", REQUESTS_AT_ONCE)

    async def pull(self, ref: PullRef) -> Pull:
        """Read one pull request by one request."""
        raw = await self._get_of(ref.repo, f"/pulls/{ref.number}", f"reading {ref}")
        if raw is None:
            raise UserError(f"there is no pull request #{ref.number} in {ref.repo}, or it is hidden from me")
        with _readable(f"reading {ref}"):
            return wire.read_pull(raw, ref)

    async def team(self, name: str) -> Collection[int]:
        """Read the numbers of a team's members, a hundred a request; members of teams within it are among them."""
        doing = f"reading who is in {name}"
        path, members = wire.members_path(name), set[int]()
        for _ in range(MAX_PAGES):
            answer = await self._get(path, f"{name}: {TEAM_RIGHT}", doing)
            if answer is None:
                raise Refused(PEER, f"there is no team {name}, or the token may not see it: {TEAM_RIGHT}")
            headers, body = answer
            with _readable(doing):
                members.update(wire.read_members(body))
                path = wire.next_page(str(headers.get("link", "")), self._url)
            if not path:
                return frozenset(members)
        raise Refused(PEER, f"{name} has more than {MAX_PAGES * wire.PAGE_SIZE} members")

    async def check(self, repos: Sequence[str]) -> Sequence[str]:
        """Tell what is wrong with the connection, the token or these repositories."""
        problems = []
        for repo in repos:
            try:
                if await self._get_of(repo, "", f"checking {repo}") is None:
                    problems.append(f"there is no repository {repo} on GitHub, or it is hidden from me")
            except UserError as error:
                problems.append(str(error))
            except GordonError as error:
                return [*problems, str(error)]  # the others would fail alike
        return problems

    async def close(self) -> None:
        """Let go of connections; a request under way is left to itself and holds up nothing."""
        self._threads.close()
        self._github.close()

    async def _get_of(self, repo: str, path: str, doing: str) -> dict[str, Any] | None:
        """Read something of a repository; None when GitHub says that it is not there."""
        if not wire.REPO.fullmatch(repo):
            raise UserError(f"{repo!r} is not the name of a repository, such as moby/moby")
        answer = await self._get(f"/repos/{repo}{path}", repo, doing)
        if answer is None:
            return None
        with _readable(doing):
            return wire.read_object(answer[1])

    async def _get(self, path: str, of: str, doing: str) -> Answer | None:
        """Read something of a repository or a team; None when GitHub says that it is not there."""
        self._refuse_while_quiet(doing)
        try:
            async with asyncio.timeout(self._deadline_s):
                status, headers, body = await asyncio.wrap_future(self._threads.submit(lambda: self._read(path)))
        # PyGithub raises ValueError for garbage in its limit headers, RuntimeError for a redirect to another host.
        except (OSError, ValueError, RuntimeError) as error:
            raise Unavailable(PEER, doing) from error
        pause_s = wire.pause_s(status, headers, body, self._clock.now())
        self._quiet_until_s = max(self._quiet_until_s, self._clock.monotonic_s() + pause_s)
        if status == 200:
            return headers, body
        if status != 404:
            raise self._error(status, pause_s, of, doing)
        return None

    def _error(self, status: int, pause_s: float, of: str, doing: str) -> GordonError:
        if status in (403, 429) and pause_s:
            return Unavailable(PEER, f"{doing}: it wants no more requests{self._until()}")
        if status == 401:
            return Refused(PEER, f"the token is not valid ({doing})")
        if status == 403:
            return Refused(PEER, f"the token may not read {of}")
        if status >= 500:
            return Unavailable(PEER, doing)
        return Refused(PEER, f"it answers {status} ({doing})")

    def _read(self, path: str) -> Raw:
        """Send one GET from a thread; a second one when the first met a passing fault."""
        try:
            answer = self._github.requester.requestJson("GET", path)
            if answer[0] not in PASSING:
                return answer
        except requests.Timeout:
            raise
        except requests.ConnectionError:
            pass  # most often a connection that the other side had closed while it was idle
        return self._github.requester.requestJson("GET", path)

    def _refuse_while_quiet(self, doing: str) -> None:
        if self._clock.monotonic_s() < self._quiet_until_s:
            raise Unavailable(PEER, f"{doing}: it wants no more requests{self._until()}")

    def _until(self) -> str:
        left_s = self._quiet_until_s - self._clock.monotonic_s()
        return f" until {self._clock.now() + timedelta(seconds=left_s):%H:%M} UTC" if left_s > 0 else ""


@contextmanager
def _readable(doing: str) -> Iterator[None]:
    try:
        yield
    except wire.Unreadable as error:
        raise Unavailable(PEER, f"{doing}: it answered something unreadable") from error
