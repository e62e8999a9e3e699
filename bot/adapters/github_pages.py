"""GitHub's lists over all their pages."""

from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import TypeVar

from bot.adapters import github_lists as lists
from bot.adapters import github_wire as wire
from bot.adapters.github_http import PEER, Errand, GitHubHttp
from bot.adapters.hook_wire import EVENTS
from bot.errors import Refused, Unavailable, UserError
from bot.forge import Missed, Unnoted
from bot.values import ChangedFile, Comment, Commit, PullRef, Review, Status

T = TypeVar("T")
MAX_PAGES = 100  # of a list; more is no list that we mean to read
READ_AT_MOST = 200  # deliveries at a time: after a week-end there are thousands, each a request, and all in the memory
ALL = f"per_page={wire.PAGE_SIZE}"


class GitHubPages:
    """The lists of one GitHub."""

    def __init__(self, http: GitHubHttp) -> None:
        self._http = http

    def _home(self, repo: str) -> str:
        """Tell where a repository is.

        Raises:
            UserError: it cannot be one.
        """
        if not wire.REPO.fullmatch(repo):
            raise UserError(f"{repo!r} is not the name of a repository, such as moby/moby")
        return f"/repos/{repo}"

    async def files(self, ref: PullRef) -> Sequence[ChangedFile]:
        """List all files that a pull request changes; GitHub tells at most 3,000."""
        return await self._of_pull(ref, f"pulls/{ref.number}/files", lists.read_files, "files")

    async def commits(self, ref: PullRef) -> Sequence[Commit]:
        """List the commits of a pull request, oldest first; GitHub tells at most 250."""
        return await self._of_pull(ref, f"pulls/{ref.number}/commits", lists.read_commits, "commits")

    async def reviews(self, ref: PullRef) -> Sequence[Review]:
        """List all reviews of a pull request, oldest first."""
        return await self._of_pull(ref, f"pulls/{ref.number}/reviews", lists.read_reviews, "reviews")

    async def comments(self, ref: PullRef) -> Sequence[Comment]:
        """List all comments on a pull request, oldest first."""
        return await self._of_pull(ref, f"issues/{ref.number}/comments", lists.read_comments, "comments")

    async def comments_since(self, repo: str, since: datetime) -> Sequence[tuple[PullRef, Comment]]:
        """List the comments on pull requests of a repository that were written since then and never edited.

        GitHub lists those on issues with them, and those that were edited since.
        """
        errand = Errand(f"reading the comments in {repo}", repo, is_idle=True, is_once=True)
        asked = f"since={since.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}&sort=created&direction=asc&{ALL}"
        found = await self._all(
            f"{self._home(repo)}/issues/comments?{asked}", lambda text: lists.read_new_comments(text, repo), errand
        )
        if found is None:
            raise Refused(PEER, f"there is no repository {repo}, or the token may not read its comments")
        return [(ref, comment) for ref, comment in found if comment.at >= since]

    async def _labels(self, ref: PullRef) -> list[str]:
        """List the labels of a pull request."""
        return await self._of_pull(ref, f"issues/{ref.number}/labels", lists.read_labels, "labels")

    async def _comments_backwards(self, ref: PullRef) -> AsyncIterator[list[Comment]]:
        """Read the pages of comments from the last to the first; the first tells where the last is."""
        errand = Errand(f"reading the comments on {ref}", ref.repo)
        first = f"{self._home(ref.repo)}/issues/{ref.number}/comments?{ALL}"
        answer = await self._http.get(first, lists.read_comments, errand)
        if answer is None:
            raise _hidden(ref)
        pages = self._pages(answer[1], errand)
        if pages.next and not (paths := wire.before_last(pages.last)):
            yield await self._of_pull(ref, f"issues/{ref.number}/comments", lists.read_comments, "comments")
            return
        for path in paths if pages.next else []:
            page = await self._http.get(path, lists.read_comments, errand)
            if page is not None:
                yield page[0]
        yield answer[0]

    async def statuses(self, repo: str, sha: str) -> dict[str, Status]:
        """Tell how each context stands at a commit, the newest of each."""
        if not wire.SHA.fullmatch(sha):
            raise UserError(f"{sha!r} is no whole commit")
        errand = Errand(f"reading the statuses of {sha:.7}", repo)
        found = await self._all(f"{self._home(repo)}/commits/{sha}/status?{ALL}", lists.read_statuses, errand)
        if found is None:
            raise UserError(f"there is no commit {sha:.7} in {repo}, or it is hidden from me")
        newest = dict[str, Status]()
        for status in found:
            newest.setdefault(status.context, status)
        return newest

    async def missed(self, repo: str, since: datetime, unnoted: Unnoted) -> Sequence[Missed] | None:
        """List what the webhook of a repository that is sent here has sent since then; None where we may not see it.

        What was sent is read for those only that never arrived and can be of use: each of them is a request.

        Arguments:
            unnoted: tells which deliveries were not taken in by another way.
        """
        errand = Errand(f"reading what the webhook of {repo} has sent", repo, is_idle=True)
        home = f"{self._home(repo)}/hooks"
        try:
            hooks = await self._all(f"{home}?{ALL}", lists.read_our_hooks, errand)
            if not hooks:
                return None
            found: list[Missed] = []
            for hook in hooks:
                found += await self._sent_by(f"{home}/{hook.id}/deliveries", since, unnoted, errand)
            return found
        except Refused:
            return None

    async def _all(self, path: str, read: Callable[[str], Sequence[T]], errand: Errand) -> list[T] | None:
        """Read a list over all pages; None when it is not there."""
        found: list[T] = []
        for _ in range(MAX_PAGES):
            answer = await self._http.get(path, read, errand)
            if answer is None:
                return None
            found += answer[0]
            path = self._pages(answer[1], errand).next
            if not path:
                return found
        raise Refused(PEER, f"{errand.doing}: there are more than {MAX_PAGES} pages")

    async def _of_pull(self, ref: PullRef, path: str, read: Callable[[str], Sequence[T]], what: str) -> list[T]:
        errand = Errand(f"reading the {what} of {ref}", ref.repo)
        found = await self._all(f"{self._home(ref.repo)}/{path}?{ALL}", read, errand)
        if found is None:
            raise _hidden(ref)
        return found

    async def _sent_by(self, path: str, since: datetime, unnoted: Unnoted, errand: Errand) -> list[Missed]:
        """Read what one webhook has sent, from the newest back to a moment, and tell it oldest first."""
        tries: list[lists.Delivery] = []
        page = f"{path}?{ALL}"
        while page and (not tries or tries[-1].at > since):
            answer = await self._http.get(page, lists.read_deliveries, errand)
            if answer is None:
                raise Refused(PEER, f"what the webhook of {errand.of} has sent is not for us")
            tries += answer[0]
            page = self._pages(answer[1], errand).next
        known = lists.newest_tries([each for each in tries if each.at > since])
        wanted = await unnoted([one.guid for one in known if not one.arrived and one.name in EVENTS])
        found, left = list[Missed](), READ_AT_MOST
        for one in known:
            body = b""
            if one.guid in wanted and left:
                sent = await self._http.get(f"{path}/{one.id}", lists.read_payload, replace(errand, is_once=True))
                if sent is None:  # GitHub keeps what was sent for three days only
                    continue
                body, left = sent[0], left - 1
            if one.arrived or one.guid in wanted:
                found.append(Missed(one.guid, one.name, one.at, body, one.arrived))
        return found

    def _pages(self, link: str, errand: Errand) -> wire.Pages:
        try:
            return wire.pages_of(link, self._http.url)
        except wire.Unreadable as error:
            raise Unavailable(PEER, f"{errand.doing}: it answered something unreadable") from error


def _hidden(ref: PullRef) -> UserError:
    return UserError(f"there is no pull request #{ref.number} in {ref.repo}, or it is hidden from me")
