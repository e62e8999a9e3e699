"""What GitHub is asked of pull requests in GraphQL, and its answers as values; pure.

A query for a hundred of them is worth 1 + 100 * 8 requests inside GitHub, one for each list that it names of each
(labels, assignees, reactions, comments, reviews twice, requests, commits). That costs 8 points of 5,000 an hour, 9 with
their files, 1 for their heads alone, and names 100 + 100 * (100 + 10 + 20 + 20 + 20 + 20 + 1 + 100) nodes at most, of
500,000 (https://docs.github.com/en/graphql/overview/rate-limits-and-query-limits-for-the-graphql-api).
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Annotated

import msgspec

from bot.adapters.github_wire import GHOST, SHA, Unreadable, web_link
from bot.values import Account, Pull, PullRef, PullSummary, Remark, Review, ReviewState, Status, StatusState

When = Annotated[datetime, msgspec.Meta(tz=True)]
MERGEABLE = {"MERGEABLE": True, "CONFLICTING": False}  # beside UNKNOWN: it has not been worked out yet
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
        assignees(first: 10) { nodes { login } }
        reactions(content: THUMBS_UP) { totalCount }
        comments(last: 20) { totalCount nodes { createdAt author { ...who } } }
        reviews(last: 20, states: [APPROVED, CHANGES_REQUESTED, COMMENTED, DISMISSED]) {
          totalCount
          nodes { submittedAt author { ...who } }
        }
        latestOpinionatedReviews(first: 20) {
          nodes { fullDatabaseId state submittedAt commit { oid } author { ...who } }
        }
        reviewRequests(first: 20) {
          nodes { requestedReviewer { ...on User { login } ...on Bot { login } ...on Mannequin { login } %s } }
        }
        commits(last: 1) {
          nodes { commit { oid committedDate status { contexts { context state description targetUrl } } } }
        }"""
FILES = "files(first: 100) { totalCount nodes { path } }"
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
ONE = """query($owner: String!, $name: String!, $number: Int!) {
  repository(owner: $owner, name: $name) {
    pullRequest(number: $number) {
        state mergeCommit { oid }
        %s
    }
  }
}"""
HEADS = LIST % PULL_FIELDS + WHO


def pulls_query(*, with_teams: bool, with_files: bool) -> str:
    """Ask for a page of open pull requests."""
    return LIST % _fields(with_teams=with_teams, with_files=with_files) + WHO


def summary_query(*, with_teams: bool) -> str:
    """Ask for one pull request as a page has it, open or not, with its files."""
    return ONE % _fields(with_teams=with_teams, with_files=True) + WHO


def _fields(*, with_teams: bool, with_files: bool) -> str:
    parts = (PULL_FIELDS, SUMMARY_FIELDS % (TEAM if with_teams else ""), *((FILES,) if with_files else ()))
    return "\n        ".join(parts)


@dataclass(frozen=True, slots=True)
class GraphPage:
    """A page of pull requests, and where the next one begins; empty after the last."""

    found: tuple[PullSummary, ...]
    after: str


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


class _Commit(msgspec.Struct, rename="camel"):
    oid: str
    status: _Status | None = None
    committed_date: When | None = None


class _PullCommit(msgspec.Struct):
    commit: _Commit


class _Commits(msgspec.Struct):
    nodes: list[_PullCommit | None]


class _Login(msgspec.Struct):
    login: str


class _Logins(msgspec.Struct):
    nodes: list[_Login | None]


class _Count(msgspec.Struct, rename="camel"):
    total_count: int


class _Comment(msgspec.Struct, rename="camel"):
    created_at: When
    author: _Actor | None = None


class _Comments(msgspec.Struct, rename="camel"):
    total_count: int
    nodes: list[_Comment | None]


class _Opinion(msgspec.Struct, rename="camel"):
    submitted_at: When | None = None
    author: _Actor | None = None


class _Opinions(msgspec.Struct, rename="camel"):
    total_count: int
    nodes: list[_Opinion | None]


class _File(msgspec.Struct):
    path: str


class _Files(msgspec.Struct, rename="camel"):
    total_count: int
    nodes: list[_File | None] | None = None


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
    assignees: _Logins | None = None
    reactions: _Count | None = None
    comments: _Comments | None = None
    reviews: _Opinions | None = None
    files: _Files | None = None
    state: str = "OPEN"
    merge_commit: _Oid | None = None


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


class _OneRepo(msgspec.Struct, rename="camel"):
    pull_request: _Pull


class _OneData(msgspec.Struct):
    repository: _OneRepo


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


def read_summary(data: object, repo: str) -> PullSummary:
    """Read one pull request."""
    try:
        raw = msgspec.convert(data, _OneData).repository.pull_request
    except msgspec.ValidationError as error:
        raise Unreadable("no pull request") from error
    return _summary(raw, repo)


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
        is_open=raw.state == "OPEN",
        merged=raw.state == "MERGED",
        merged_as=raw.merge_commit.oid if raw.merge_commit and raw.state == "MERGED" else "",
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
        assignees=tuple(each.login for each in raw.assignees.nodes if each) if raw.assignees else (),
        votes=raw.reactions.total_count if raw.reactions else 0,
        remarks=_remarks(raw),
        remark_count=sum(each.total_count for each in (raw.comments, raw.reviews) if each),
        committed_at=next((commit.committed_date for commit in _head(raw)), None),
        files=tuple(each.path for each in raw.files.nodes or () if each) if raw.files else (),
        file_count=raw.files.total_count if raw.files else 0,
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
    """Read how the contexts stand at the head."""
    found = []
    for context in (context for commit in _head(raw) if commit.status for context in commit.status.contexts):
        # EXPECTED is what a rule of the branch asks for and nobody has told yet.
        state = "pending" if context.state == "EXPECTED" else context.state.lower()
        if state not in set(StatusState):
            raise Unreadable("a status that is none")
        url = web_link(context.target_url)
        found.append(Status(context.context, StatusState(state), context.description or "", url))
    return tuple(found)


def _head(raw: _Pull) -> list[_Commit]:
    """Give the head itself; a commit that was pushed meanwhile is another one."""
    nodes = raw.commits.nodes if raw.commits else []
    return [each.commit for each in nodes if each and each.commit.oid == raw.head_ref_oid]


def _remarks(raw: _Pull) -> tuple[Remark, ...]:
    said = [
        Remark(_account(each.author), each.created_at) for each in (raw.comments.nodes if raw.comments else []) if each
    ]
    said += [
        Remark(_account(each.author), each.submitted_at)
        for each in (raw.reviews.nodes if raw.reviews else [])
        if each and each.submitted_at
    ]
    return tuple(sorted(said, key=lambda remark: remark.at))
