"""What the GraphQL API of a GitHub on loopback shows of its records; a field that takes arguments is a function.

Types and fields are those of `schema.graphql`. What has arguments there, or costs something to make, is a function of
the resolver's information and these arguments.
"""

import hashlib
from base64 import b64decode, b64encode
from binascii import Error as NotBase64
from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any, TypeVar

from graphql import GraphQLError

from bot.demo.github.bodies import GHOST, Bodies, Json
from bot.demo.github.commit_bodies import person
from bot.demo.github.records import (
    DEFAULT_BRANCH,
    CommentRecord,
    CommitRecord,
    FileRecord,
    PullRecord,
    RepoRecord,
    ReviewRecord,
    StatusRecord,
    stamp,
    together,
)

OPINIONS = ("APPROVED", "CHANGES_REQUESTED", "DISMISSED")
ORDER = {"CREATED_AT": "created", "UPDATED_AT": "updated", "COMMENTS": "updated"}
MERGEABLE = {True: "MERGEABLE", False: "CONFLICTING", None: "UNKNOWN"}
CHANGED = {"removed": "DELETED", "unchanged": "CHANGED"}  # what GraphQL has another word for than REST
SHOWN_BYTES = 512_000  # of a file; the rest is cut off
T = TypeVar("T")


class GraphViews:
    """Repositories, pull requests and what belongs to them, as trees to walk.

    Arguments:
        now: tells when it is asked for.
    """

    def __init__(self, bodies: Bodies, now: Callable[[], datetime]) -> None:
        self._bodies = bodies
        self._now = now

    def actor(self, login: str) -> Json | None:
        """Show an account; nobody where it is gone. A bot goes by the name of its app here."""
        if not login or login == GHOST:
            return None
        number, name = self._bodies.number(login), login.removesuffix("[bot]")
        kind = "User" if name == login else "Bot"
        return {
            "__typename": kind,
            "login": name,
            "databaseId": number,
            "id": f"{kind[0]}_{number:08d}",
            "url": f"{self._bodies.web_url}/{login}",
        }

    def repository(self, repo: RepoRecord) -> Json:
        """Show a repository."""

        def pull_request(_: object, number: int) -> Json:
            if number not in repo.pulls:
                raise missing(f"Could not resolve to a PullRequest with the number of {number}.")
            return self.pull(repo, repo.pulls[number])

        def pull_requests(_: object, **wanted: Any) -> Json:
            states, base, order = wanted.get("states"), wanted.get("baseRefName"), wanted.get("orderBy") or {}
            pulls = [
                pull
                for pull in repo.pulls.values()
                if (not states or state_of(pull) in states) and base in (None, pull.base)
            ]
            key = ORDER[order.get("field", "CREATED_AT")]
            pulls.sort(key=lambda pull: (getattr(pull, key), pull.number), reverse=order.get("direction") == "DESC")
            return connection(pulls, lambda pull: self.pull(repo, pull), **wanted)

        def git_object(_: object, oid: str | None = None, expression: str | None = None) -> Json | None:
            revision, has_path, path = (oid or expression or "").partition(":")
            sha = repo.sha_of(revision)
            if sha is None:
                return None
            return _content(repo, sha, path) if has_path else {"__typename": "Commit", **self.commit(repo, sha)}

        return {
            "databaseId": repo.id,
            "id": f"R_{repo.id:08d}",
            "isPrivate": False,
            "name": repo.name.partition("/")[2],
            "nameWithOwner": repo.name,
            "object": git_object,
            "pullRequest": pull_request,
            "pullRequests": pull_requests,
            "url": f"{self._bodies.web_url}/{repo.name}",
        }

    def pull(self, repo: RepoRecord, pull: PullRecord) -> Json:
        """Show a pull request."""
        return {
            "author": lambda _: self.actor(pull.author),
            "baseRefName": pull.base,
            "baseRefOid": pull.base_sha,
            "body": pull.body or "",
            "changedFiles": len(pull.files),
            "closed": pull.closed is not None,
            "closedAt": pull.closed and stamp(pull.closed),
            "createdAt": stamp(pull.created),
            "databaseId": pull.id,
            "fullDatabaseId": str(pull.id),
            "headRefName": pull.branch,
            "headRefOid": pull.head,
            "headRepository": lambda _: self._fork(repo, pull),
            "id": f"PR_{pull.id:08d}",
            "isCrossRepository": True,
            "isDraft": pull.draft,
            "mergeCommit": lambda _: self.commit(repo, pull.merge_sha) if pull.merged else None,
            "mergeable": lambda _: MERGEABLE[repo.mergeable(pull, self._now())],
            "merged": pull.merged,
            "mergedAt": stamp(pull.closed) if pull.closed and pull.merged else None,
            "number": pull.number,
            "state": state_of(pull),
            "statusCheckRollup": lambda _: self._rollup(repo, pull.head),
            "title": pull.title,
            "updatedAt": stamp(pull.updated),
            "url": f"{self._bodies.web_url}/{repo.name}/pull/{pull.number}",
            **self._lists(repo, pull),
        }

    def commit(self, repo: RepoRecord, sha: str) -> Json:
        """Show a commit."""
        commit = repo.commits[sha]

        def history(_: object, path: str = "", **wanted: Any) -> Json:
            return connection(repo.history(sha, path), lambda each: self.commit(repo, each.sha), **wanted)

        return {
            "author": lambda _: self._git_actor(commit),
            "committedDate": stamp(commit.at),
            "history": history,
            "id": f"C_{sha}",
            "message": commit.message,
            "messageHeadline": commit.message.partition("\n")[0],
            "oid": sha,
            "status": lambda _: self._status(repo, sha),
            "statusCheckRollup": lambda _: self._rollup(repo, sha),
            "url": f"{self._bodies.web_url}/{repo.name}/commit/{sha}",
        }

    def _lists(self, repo: RepoRecord, pull: PullRecord) -> Json:
        def reviews(_: object, states: Sequence[str] = (), **wanted: Any) -> Json:
            shown = [each for each in pull.reviews if not states or each.state in states]
            return connection(shown, lambda review: self._review(repo, pull, review), **wanted)

        def latest(opinionated: bool) -> Callable[..., Json]:
            counted = [each for each in pull.reviews if not opinionated or each.state in OPINIONS]
            newest = {review.author: review for review in counted}
            return lambda _, **wanted: connection(
                list(newest.values()), lambda review: self._review(repo, pull, review), **wanted
            )

        asked = [(self.actor(login), f"RR_{pull.id}_{login}") for login in pull.asked]
        asked += [(self._team(f"{repo.owner}/{slug}"), f"RR_{pull.id}_{slug}") for slug in pull.asked_teams]
        return {
            "assignees": lambda _, **wanted: connection(pull.assignees, self._someone, **wanted),
            "comments": lambda _, **wanted: connection(
                repo.comments_on(pull.number), lambda comment: self._comment(repo, comment), **wanted
            ),
            "commits": lambda _, **wanted: connection(
                pull.commits,
                lambda commit: {"id": f"PRC_{commit.sha}", "commit": self.commit(repo, commit.sha)},
                **wanted,
            ),
            "files": lambda _, **wanted: connection(pull.files, _file, **wanted),
            "labels": lambda _, **wanted: connection(pull.labels, lambda name: self._label(repo, name), **wanted),
            "latestOpinionatedReviews": latest(opinionated=True),
            "latestReviews": latest(opinionated=False),
            "reactions": lambda _, content=None, **wanted: connection(
                pull.voters if content in (None, "THUMBS_UP") else [],
                lambda login: {"content": "THUMBS_UP", "user": self._someone(login)},
                **wanted,
            ),
            "reviewRequests": lambda _, **wanted: connection(
                asked, lambda each: {"requestedReviewer": each[0], "id": each[1]}, **wanted
            ),
            "reviews": reviews,
        }

    def _someone(self, login: str) -> Json:
        return self.actor(login) or {}

    def _git_actor(self, commit: CommitRecord) -> Json:
        known = commit.author in self._bodies.users and not commit.author.endswith("[bot]")
        return {**person(commit.author), "user": self.actor(commit.author) if known else None}

    def _comment(self, repo: RepoRecord, comment: CommentRecord) -> Json:
        return {
            "author": lambda _: self.actor(comment.author),
            "body": comment.body,
            "createdAt": stamp(comment.created),
            "databaseId": comment.id,
            "fullDatabaseId": str(comment.id),
            "id": f"IC_{comment.id:08d}",
            "updatedAt": stamp(comment.updated),
            "url": f"{self._bodies.web_url}/{repo.name}/pull/{comment.number}#issuecomment-{comment.id}",
        }

    def _review(self, repo: RepoRecord, pull: PullRecord, review: ReviewRecord) -> Json:
        moment = stamp(review.at)
        return {
            "author": lambda _: self.actor(review.author),
            "body": review.body,
            "commit": lambda _: self.commit(repo, review.sha) if review.sha in repo.commits else None,
            **dict.fromkeys(("createdAt", "submittedAt", "updatedAt"), moment),
            "databaseId": review.id,
            "fullDatabaseId": str(review.id),
            "id": f"PRR_{review.id:08d}",
            "state": review.state,
            "url": f"{self._bodies.web_url}/{repo.name}/pull/{pull.number}#pullrequestreview-{review.id}",
        }

    def _fork(self, repo: RepoRecord, pull: PullRecord) -> Json | None:
        if not pull.has_fork:
            return None
        name = repo.name.partition("/")[2]
        return self.repository(RepoRecord(pull.id, f"{pull.author}/{name}", pull.created))

    def _team(self, name: str) -> Json:
        team = self._bodies.teams[name.lower()]
        slug = team.name.partition("/")[2]
        url = f"{self._bodies.web_url}/orgs/{team.organization}/teams/{slug}"
        known = {"__typename": "Team", "combinedSlug": team.name, "databaseId": team.id, "id": f"T_{team.id:08d}"}
        return {**known, "name": slug, "slug": slug, "url": url}

    def _label(self, repo: RepoRecord, name: str) -> Json:
        shown = self._bodies.label(repo.name, name)
        return {
            "id": shown["node_id"],
            "isDefault": False,
            **{key: shown[key] for key in ("name", "color", "description")},
        }

    def _status(self, repo: RepoRecord, sha: str) -> Json | None:
        newest = repo.newest_statuses(sha)
        contexts = {each.context: self._context(each) for each in newest}
        if not newest:
            return None
        return {
            "context": lambda _, name: contexts.get(name),
            "contexts": list(contexts.values()),
            "id": f"S_{sha}",
            "state": together(newest).upper(),
        }

    def _rollup(self, repo: RepoRecord, sha: str) -> Json | None:
        newest = repo.newest_statuses(sha)
        if not newest:
            return None
        state = together(newest).upper()
        return {
            "contexts": lambda _, **wanted: connection(newest, self._context, **wanted),
            "id": f"SCR_{sha}",
            "state": state,
        }

    def _context(self, status: StatusRecord) -> Json:
        return {
            "__typename": "StatusContext",
            "context": status.context,
            "createdAt": stamp(status.at),
            "creator": lambda _: self.actor(status.creator),
            "description": status.description,
            "id": f"SC_{status.id:08d}",
            "state": status.state.upper(),
            "targetUrl": status.url,
        }


def connection(
    items: Sequence[T],
    show: Callable[[T], Json],
    *,
    first: int | None = None,
    last: int | None = None,
    after: str | None = None,
    before: str | None = None,
    **_: Any,
) -> Json:
    """Show a page of a list: the first or the last so many, between two cursors."""
    begin = _place(after) if after else 0
    end = _place(before) - 1 if before else len(items)
    if first is not None:
        end = min(end, begin + first)
    elif last is not None:
        begin = max(begin, end - last)
    shown = items[begin:end]
    return {
        "nodes": lambda _: [show(item) for item in shown],
        "pageInfo": {
            "startCursor": _cursor(begin + 1) if shown else None,
            "endCursor": _cursor(begin + len(shown)) if shown else None,
            "hasNextPage": end < len(items),
            "hasPreviousPage": begin > 0,
        },
        "totalCount": len(items),
    }


def _file(file: FileRecord) -> Json:
    return {"changeType": CHANGED.get(file.status, file.status.upper()), "path": file.path}


def _content(repo: RepoRecord, sha: str, path: str) -> Json | None:
    """Show a file of the default branch, or that there is a directory; nothing of other commits is kept."""
    if sha != repo.tips.get(DEFAULT_BRANCH):
        return None
    oid = hashlib.sha256(f"{sha}:{path}".encode()).hexdigest()[:40]
    told: Json = {"id": f"O_{oid}", "oid": oid}
    content = repo.contents.get(path)
    if content is None:
        within = f"{path}/" if path else ""
        is_tree = any(known.startswith(within) for known in repo.contents)
        return {"__typename": "Tree", **told} if is_tree or not path else None
    is_binary = b"\0" in content
    text = None if is_binary else content[:SHOWN_BYTES].decode(errors="replace")
    is_truncated = len(content) > SHOWN_BYTES
    shown = {"byteSize": len(content), "isBinary": is_binary, "isTruncated": is_truncated, "text": text}
    return {"__typename": "Blob", **told, **shown}


def state_of(pull: PullRecord) -> str:
    """Tell the state of a pull request, in which merged is not closed."""
    return "MERGED" if pull.merged else "CLOSED" if pull.closed else "OPEN"


def missing(words: str) -> GraphQLError:
    """Make the error about something that is not there."""
    return GraphQLError(words, extensions={"type": "NOT_FOUND"})


def _cursor(place: int) -> str:
    return b64encode(f"cursor:v2:{place}".encode()).decode()


def _place(cursor: str) -> int:
    try:
        return int(b64decode(cursor).decode().rpartition(":")[2])
    except (NotBase64, UnicodeDecodeError, ValueError) as error:
        raise GraphQLError(f"`{cursor}` does not appear to be a valid cursor.") from error
