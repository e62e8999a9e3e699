"""Every request that the adapter makes, and every answer of the embedded GitHub to it, is as GitHub describes them."""

import inspect
import json
from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Any

import pytest
from graphql import parse, validate

from bot.adapters.github import GitHub
from bot.demo.github.double import GitHubDouble
from bot.demo.github.records import FileRecord
from bot.forge import ForgeServer
from bot.values import PullRef, Status, StatusState
from tests.contract.github_published import description, graphql_schema
from tests.contract.github_rig import GORDON, GORDON_ID, REF, REPO, SHA, TOKEN, Forge, everything, forged
from tests.contract.test_github_double_published import recorded

SCOPES = ("repo", "read:org", "admin:repo_hook")
MERGED = PullRef(REPO, 8)


async def comment_of(forge: Forge, adapter: GitHub) -> int:
    return (await adapter.comment(REF, "report", "Hello")).id


async def edit(forge: Forge, adapter: GitHub) -> None:
    await adapter.edit_comment(REF, await comment_of(forge, adapter), "report", "Hello again")


async def delete(forge: Forge, adapter: GitHub) -> None:
    await adapter.delete_comment(REF, await comment_of(forge, adapter))


async def find(forge: Forge, adapter: GitHub) -> None:
    made = await comment_of(forge, adapter)
    found = await adapter.marked_comment(REF, "report")
    assert found is not None
    assert found.id == made


async def react(forge: Forge, adapter: GitHub) -> None:
    comment = await comment_of(forge, adapter)
    await adapter.react(REF, comment, "+1")
    await adapter.react(REF, comment, "+1")


async def missed(forge: Forge, adapter: GitHub) -> None:
    found = await adapter.missed(REPO, forge.clock.now() - timedelta(hours=1), everything)
    assert [each.name for each in found or ()] == ["pull_request", "push"]


async def since(forge: Forge, adapter: GitHub) -> None:
    made = await adapter.comment(REF, "report", "Hello")
    found = await adapter.comments_since(REPO, forge.clock.now() - timedelta(hours=1))
    assert (REF, made.id) in [(ref, comment.id) for ref, comment in found]


STATUS = Status("janky", StatusState.PENDING, "queued", "http://ci/1")
CALLS: dict[str, Callable[[Forge, GitHub], Awaitable[object]]] = {
    "pull": lambda _, adapter: adapter.pull(REF),
    "team": lambda _, adapter: adapter.team("moby/core"),
    "check": lambda _, adapter: adapter.check([REPO, "moby/none"]),
    "open_pulls": lambda _, adapter: adapter.open_pulls(REPO),
    "summary": lambda _, adapter: adapter.summary(REF),
    "texts": lambda _, adapter: adapter.texts(REPO, ["MAINTAINERS"]),
    "authors": lambda _, adapter: adapter.authors(REPO, ["MAINTAINERS"]),
    "heads": lambda _, adapter: adapter.heads(REPO),
    "files": lambda _, adapter: adapter.files(REF),
    "commits": lambda _, adapter: adapter.commits(REF),
    "reviews": lambda _, adapter: adapter.reviews(REF),
    "comments": lambda _, adapter: adapter.comments(REF),
    "statuses": lambda _, adapter: adapter.statuses(REPO, SHA),
    "set_status": lambda _, adapter: adapter.set_status(REPO, SHA, STATUS),
    "marked_comment": find,
    "comment": comment_of,
    "edit_comment": edit,
    "delete_comment": delete,
    "set_labels": lambda _, adapter: adapter.set_labels(REF, add=["dco/yes"], remove=["area/x"]),
    "react": react,
    "own_number": lambda _, adapter: adapter.own_number(),
    "comments_since": since,
    "missed": missed,
}


async def lively(github: GitHubDouble) -> None:
    """Let much have happened: several pages of everything, people that are gone, bots, teams and renamed files."""
    github.set_token(TOKEN, GORDON, GORDON_ID, scopes=SCOPES)
    github.teams.add("moby/core", *(f"member-{number}" for number in range(101)))
    for number in range(101):
        github.open_pull(REPO, title=f"Change {number}", author="renovate[bot]" if number % 2 else "tianon")
    github.set_files(REPO, 7, [FileRecord("new.go", "renamed", "old.go"), *(f"docs/{n}.md" for n in range(249))])
    github.set_commits(REPO, 8, [f"Step {n}" for n in range(260)], author="")
    for number in range(101):
        github.comment(REPO, 7, f"Comment {number}", by="jess" if number else "gone")
        github.review(REPO, 7, by=f"reviewer-{number}")
        github.set_status(REPO, SHA, f"context-{number}", "success", by="ci[bot]")
    github.delete_account("gone")
    github.ask_review(REPO, 7, "vieux", teams=["core"])
    github.lose_fork(REPO, 9)
    github.add_hook("http://127.0.0.1:1/notification/github", "s3cret", repo=REPO)
    github.close(REPO, 10, merged=True)
    await github.hooks.settled()


@pytest.mark.parametrize("name", CALLS)
async def test_what_the_adapter_asks_and_is_answered_is_as_github_describes_it(name: str) -> None:
    published = description()
    async with forged() as forge:
        await lively(forge.github)
        exchanges = recorded(forge.github)
        await CALLS[name](forge, forge.adapter())
        assert exchanges
        rest = [exchange for exchange in exchanges if exchange.path != "/graphql"]
        assert [problem for exchange in rest for problem in published.problems(exchange)] == []
        assert all(exchange.status < 400 or exchange.path == "/repos/moby/none" for exchange in exchanges)


def test_every_request_of_the_port_is_looked_at() -> None:
    told = {name for name, what in vars(ForgeServer).items() if inspect.iscoroutinefunction(what)}
    told |= {name for base in ForgeServer.__mro__[1:] for name, what in vars(base).items() if name in ("pull", "team")}
    assert told | {"check"} == CALLS.keys()


@pytest.mark.parametrize(
    ("read", "count"),
    [
        pytest.param(lambda adapter: adapter.files(REF), 250, id="files"),
        pytest.param(lambda adapter: adapter.commits(MERGED), 250, id="commits-of-which-github-lists-250-of-260"),
        pytest.param(lambda adapter: adapter.comments(REF), 101, id="comments"),
        pytest.param(lambda adapter: adapter.reviews(REF), 101, id="reviews"),
        pytest.param(lambda adapter: adapter.statuses(REPO, SHA), 101, id="statuses"),
        pytest.param(lambda adapter: adapter.team("moby/core"), 101, id="members"),
        pytest.param(lambda adapter: adapter.open_pulls(REPO), 101, id="pulls"),
    ],
)
async def test_every_page_is_there(read: Callable[[GitHub], Awaitable[Any]], count: int) -> None:
    async with forged() as forge:
        await lively(forge.github)
        assert len(await read(forge.adapter())) == count


async def test_an_installation_of_ones_own_answers_below_its_paths() -> None:
    async with forged(is_enterprise=True) as forge:
        await lively(forge.github)
        adapter = forge.adapter()
        assert len(await adapter.files(REF)) == 250
        assert len(await adapter.heads(REPO)) == 101
        assert {asked.path.partition("?")[0] for asked in forge.github.requests[-2:]} == {"/api/graphql"}


async def test_queries_as_they_go_over_the_wire_are_valid_at_github() -> None:
    async with forged() as forge:
        await lively(forge.github)
        exchanges = recorded(forge.github)
        adapter = forge.adapter()
        await adapter.heads(REPO)
        await adapter.open_pulls(REPO)
        await adapter.open_pulls(REPO, with_files=True)
        await adapter.summary(REF)
        await adapter.texts(REPO, ["MAINTAINERS", 'docs/"a" $b {c}/MAINTAINERS'])
        await adapter.authors(REPO, ["docs", "api"])
        queries = {json.loads(exchange.body)["query"] for exchange in exchanges}
        assert len(queries) == 6
        assert [problem for query in queries for problem in validate(graphql_schema(), parse(query))] == []
