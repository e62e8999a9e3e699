"""What GitHub is asked in GraphQL, and its answers as values; pure.

A query for a hundred pull requests is worth 1 + 100 * (labels + reviews + requests + commits) requests inside GitHub,
which costs 5 points of 5,000 an hour, and names 100 + 100 * (100 + 20 + 20 + 1) nodes at most, of 500,000
(https://docs.github.com/en/graphql/overview/rate-limits-and-query-limits-for-the-graphql-api).
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Any, TypeVar

import msgspec

from bot.adapters.github_wire import GHOST, MAX_WORDS, SHA, Unreadable, decoded, one_line, web_link
from bot.values import Account, Pull, PullRef, PullSummary, Review, ReviewState, Status, StatusState

T = TypeVar("T")
When = Annotated[datetime, msgspec.Meta(tz=True)]
MERGEABLE = {"MERGEABLE": True, "CONFLICTING": False}  # beside UNKNOWN: it has not been worked out yet
FORBIDDEN = "FORBIDDEN"
# What may be hidden of one pull request: a fork in an organisation that keeps our token out by SAML or by its address,
# a team where an App may not see members. It is null then, as for a fork that is gone.
SPARED = frozenset({"headRepository", "requestedReviewer"})
BOT = "[bot]"  # ends the login of an App's account everywhere but in GraphQL
PULL_FIELDS = """number title url isDraft headRefOid baseRefName updatedAt
        headRepository { nameWithOwner }
        author { ...who }
        labels(first: 100) { nodes { name } }"""
WHO = """
fragment who on Actor {
  __typename login
  ... on User { databaseId }
  ... on Bot { databaseId }
  ... on Mannequin { databaseId }
}"""
SUMMARY_FIELDS = """createdAt mergeable
        latestOpinionatedReviews(first: 20) {
          nodes { fullDatabaseId state submittedAt commit { oid } author { ...who } }
        }
        reviewRequests(first: 20) {
          nodes { requestedReviewer { ...on User { login } ...on Bot { login } ...on Mannequin { login } %s } }
        }
        commits(last: 1) { nodes { commit { oid status { contexts { context state description targetUrl } } } } }"""
TEAM = "...on Team { combinedSlug }"  # a token without the scope read:org may not even ask for it
LIST = """query($owner: String!, $name: String!, $first: Int!, $after: String) {
  repository(owner: $owner, name: $name) {
    pullRequests(first: $first, states: OPEN, after: $after) {
      pageInfo { hasNextPage endCursor }
      nodes {
        %s
      }
    }
  }
}"""
HEADS = LIST % PULL_FIELDS + WHO
PULLS = LIST % f"{PULL_FIELDS}\n        {SUMMARY_FIELDS % TEAM}" + WHO
PULLS_WITHOUT_TEAMS = LIST % f"{PULL_FIELDS}\n        {SUMMARY_FIELDS % ''}" + WHO


@dataclass(frozen=True, slots=True)
class GraphProblem:
    """Why there is no answer, in GitHub's words."""

    kind: str
    words: str

    @property
    def is_limit(self) -> bool:
        return self.kind in ("RATE_LIMITED", "RATE_LIMIT") or "rate limit" in self.words.lower()

    @property
    def is_missing(self) -> bool:
        return self.kind == "NOT_FOUND"

    @property
    def is_refusal(self) -> bool:
        return self.kind == FORBIDDEN

    @property
    def is_slow(self) -> bool:
        return self.kind == "RESOURCE_LIMITS_EXCEEDED" or "timeout" in self.words.lower()

    @property
    def lacks_scope(self) -> bool:
        return self.kind == "INSUFFICIENT_SCOPES"


@dataclass(frozen=True, slots=True)
class GraphPage:
    """A page of pull requests, and where the next one begins; empty after the last."""

    found: tuple[PullSummary, ...]
    after: str


class _Error(msgspec.Struct):
    message: str = ""
    type: str = ""
    path: list[str | int] | None = None

    @property
    def is_borne(self) -> bool:
        return self.type == FORBIDDEN and not SPARED.isdisjoint(self.path or ())


class _Answer(msgspec.Struct):
    data: Any = None
    errors: list[_Error] = []


class _Actor(msgspec.Struct):
    login: str
    kind: str = msgspec.field(name="__typename", default="User")
    number: int | None = msgspec.field(name="databaseId", default=None)


class _Repository(msgspec.Struct, rename="camel"):
    name_with_owner: str


class _Label(msgspec.Struct):
    name: str


class _Labels(msgspec.Struct):
    nodes: list[_Label]


class _Oid(msgspec.Struct):
    oid: str


class _Review(msgspec.Struct, rename="camel"):
    state: str
    full_database_id: str | int | None = None
    submitted_at: When | None = None
    commit: _Oid | None = None
    author: _Actor | None = None


class _Reviews(msgspec.Struct):
    nodes: list[_Review | None]


class _Reviewer(msgspec.Struct, rename="camel"):
    login: str = ""
    combined_slug: str = ""


class _Request(msgspec.Struct, rename="camel"):
    requested_reviewer: _Reviewer | None = None


class _Requests(msgspec.Struct):
    nodes: list[_Request | None]


class _Context(msgspec.Struct, rename="camel"):
    context: str
    state: str
    description: str | None = None
    target_url: str | None = None


class _Status(msgspec.Struct):
    contexts: list[_Context]


class _Commit(msgspec.Struct):
    oid: str
    status: _Status | None = None


class _PullCommit(msgspec.Struct):
    commit: _Commit


class _Commits(msgspec.Struct):
    nodes: list[_PullCommit | None]


class _Pull(msgspec.Struct, rename="camel"):
    number: int
    title: str
    url: str
    is_draft: bool
    head_ref_oid: str
    base_ref_name: str
    updated_at: When
    labels: _Labels
    head_repository: _Repository | None = None
    author: _Actor | None = None
    created_at: When | None = None
    mergeable: str = ""
    latest_opinionated_reviews: _Reviews | None = None
    review_requests: _Requests | None = None
    commits: _Commits | None = None


class _PageInfo(msgspec.Struct, rename="camel"):
    has_next_page: bool
    end_cursor: str | None = None


class _Pulls(msgspec.Struct, rename="camel"):
    nodes: list[_Pull]
    page_info: _PageInfo


class _Repo(msgspec.Struct, rename="camel"):
    pull_requests: _Pulls


class _Data(msgspec.Struct):
    repository: _Repo


def read_graph(text: str, read: Callable[[Any], T]) -> T | GraphProblem:
    """Read an answer; an error is a problem, as a pull request that is left out would seem closed, but for `SPARED`."""
    answer = decoded(text, _Answer)
    for error in answer.errors:
        if not error.is_borne:
            return GraphProblem(error.type, one_line(error.message, MAX_WORDS))
    return read(answer.data)


def read_page(data: object, repo: str) -> GraphPage:
    """Read a page of open pull requests."""
    try:
        pulls = msgspec.convert(data, _Data).repository.pull_requests
    except msgspec.ValidationError as error:
        raise Unreadable("no list of pull requests") from error
    info = pulls.page_info
    if info.has_next_page and not info.end_cursor:
        raise Unreadable("a next page that begins nowhere")
    found = tuple(_summary(raw, repo) for raw in pulls.nodes)
    return GraphPage(found, info.end_cursor or "" if info.has_next_page else "")


def _summary(raw: _Pull, repo: str) -> PullSummary:
    if not SHA.fullmatch(raw.head_ref_oid):
        raise Unreadable("no pull request")
    author = _account(raw.author)
    pull = Pull(
        PullRef(repo, raw.number),
        title=raw.title,
        author=author.login,
        author_id=author.number,
        head=raw.head_ref_oid,
        base=raw.base_ref_name,
        head_repo=raw.head_repository.name_with_owner if raw.head_repository else "",  # null when the fork is gone
        url=web_link(raw.url),
        draft=raw.is_draft,
        mergeable=MERGEABLE.get(raw.mergeable),
        labels=tuple(label.name for label in raw.labels.nodes),
        updated_at=raw.updated_at,
    )
    reviews = raw.latest_opinionated_reviews.nodes if raw.latest_opinionated_reviews else []
    requests = raw.review_requests.nodes if raw.review_requests else []
    asked = [each.requested_reviewer for each in requests if each and each.requested_reviewer]
    return PullSummary(
        pull,
        raw.created_at or raw.updated_at,
        reviews=tuple(review for each in reviews if each and (review := _review(each))),
        asked=tuple(name for each in asked if (name := each.login or each.combined_slug)),
        statuses=_statuses(raw),
    )


def _account(raw: _Actor | None) -> Account:
    if raw is None:
        return Account(0, GHOST)
    is_bot = raw.kind == "Bot"
    login = f"{raw.login}{BOT}" if is_bot and not raw.login.endswith(BOT) else raw.login
    return Account(raw.number or 0, login, is_bot)


def _review(raw: _Review) -> Review | None:
    """Read a review; one that was not handed in yet, or is of a sort that we do not know, is none."""
    if raw.submitted_at is None or raw.state.lower() not in set(ReviewState):
        return None
    try:
        number = int(raw.full_database_id or 0)
    except ValueError as error:
        raise Unreadable("a review without a number") from error
    sha = raw.commit.oid if raw.commit else ""
    return Review(number, _account(raw.author), ReviewState(raw.state.lower()), sha, raw.submitted_at)


def _statuses(raw: _Pull) -> tuple[Status, ...]:
    """Read how the contexts stand at the head itself; a commit that was pushed meanwhile has others."""
    found = []
    for each in raw.commits.nodes if raw.commits else []:
        if each and each.commit.oid == raw.head_ref_oid and each.commit.status:
            for context in each.commit.status.contexts:
                # EXPECTED is what a rule of the branch asks for and nobody has told yet.
                state = "pending" if context.state == "EXPECTED" else context.state.lower()
                if state not in set(StatusState):
                    raise Unreadable("a status that is none")
                url = web_link(context.target_url)
                found.append(Status(context.context, StatusState(state), context.description or "", url))
    return tuple(found)
