"""Who is in a team: the GitHub stand-in asked by PyGithub, and the adapter that asks it."""

import asyncio
from collections.abc import AsyncIterator, Callable
from typing import TypeVar

import pytest
import pytest_asyncio
from github import Auth, Github
from github import UnknownObjectException as Unknown

from bot.adapters.github import GitHub
from bot.adapters.github_pages import MAX_PAGES
from bot.adapters.github_wire import PAGE_SIZE, Unreadable, members_path, pages_of, read_members
from bot.clock import SystemClock
from bot.demo.github.double import GitHubDouble
from bot.errors import GordonError, Refused, Unavailable
from bot.settings import GitHubSettings

TEAM = "docker/core"
T = TypeVar("T")

# The fields of a "simple user" that GitHub's description of its API requires.
SIMPLE_USER = {
    *("avatar_url", "events_url", "followers_url", "following_url", "gists_url", "gravatar_id", "html_url", "id"),
    *("login", "node_id", "organizations_url", "received_events_url", "repos_url", "site_admin", "starred_url"),
    *("subscriptions_url", "type", "url"),
}


@pytest_asyncio.fixture
async def double() -> AsyncIterator[GitHubDouble]:
    double = GitHubDouble(SystemClock())
    for number, login in enumerate(("ab", "cd", "ef", "gh", "ij"), start=11):
        double.set_token(f"token-of-{login}", login, number)
    double.set_token("good", "gordon", 42)
    double.set_token("blind", "gordon", 42, scopes=("repo",))
    double.teams.add(TEAM, "ab", "cd")
    await double.start()
    yield double
    await double.stop()


@pytest_asyncio.fixture
async def github(double: GitHubDouble) -> AsyncIterator[GitHub]:
    github = GitHub(GitHubSettings(url=double.base_url, timeout_s=5.0), lambda: "good", SystemClock())
    yield github
    await github.close()


async def ask(double: GitHubDouble, question: Callable[[Github], T], token: str = "good") -> T:
    def work() -> T:
        auth = Auth.Token(token)
        with Github(
            base_url=double.base_url, auth=auth, retry=None, seconds_between_requests=None, per_page=2, lazy=True
        ) as hub:
            return question(hub)

    return await asyncio.to_thread(work)


def members(hub: Github) -> list[tuple[str, int]]:
    team = hub.get_organization("docker").get_team_by_slug("core")
    return [(user.login, user.id) for user in team.get_members()]


async def test_a_team_is_read_by_pages_that_follow_numbers(double: GitHubDouble) -> None:
    """A client has to follow the links, which are not those that it would build."""
    double.teams.join(TEAM, "ef")
    assert await ask(double, members) == [("ab", 11), ("cd", 12), ("ef", 13)]
    paths = [asked.path.partition("?")[0] for asked in double.requests]
    assert paths[0] == "/orgs/docker/teams/core/members"
    assert paths[1].startswith("/organizations/")


async def test_the_members_of_a_team_within_it_are_its_members_once(double: GitHubDouble) -> None:
    double.teams.add("docker/engine", "cd", "ef", parent="Docker/Core")
    double.teams.add("docker/net", "gh", parent="docker/engine")
    double.teams.add("docker/other", "ij")
    assert [login for login, _ in await ask(double, members)] == ["ab", "cd", "ef", "gh"]


async def test_a_team_tells_which_one_it_is_within(double: GitHubDouble) -> None:
    double.teams.add("docker/engine", parent=TEAM)
    team = await ask(double, lambda hub: hub.get_organization("docker").get_team_by_slug("engine").complete())
    assert (team.slug, team.parent.slug if team.parent else "") == ("engine", "core")


async def test_a_member_is_shown_with_all_that_the_description_requires(double: GitHubDouble) -> None:
    def listed(hub: Github) -> list[dict[str, object]]:
        _, found = hub.requester.requestJsonAndCheck("GET", "/orgs/docker/teams/core/members")
        assert isinstance(found, list)
        return found

    assert [set(user) >= SIMPLE_USER for user in await ask(double, listed)] == [True, True]


@pytest.mark.parametrize(
    ("organization", "slug", "token"),
    [
        pytest.param("docker", "cre", "good", id="no-such-team"),
        pytest.param("doker", "core", "good", id="no-such-organisation"),
        pytest.param("docker", "core", "blind", id="token-without-the-scope"),
    ],
)
async def test_a_team_that_is_not_to_be_seen_is_a_404(
    double: GitHubDouble, organization: str, slug: str, token: str
) -> None:
    with pytest.raises(Unknown) as missing:
        await ask(double, lambda hub: hub.get_organization(organization).get_team_by_slug(slug).complete(), token)
    assert missing.value.data["message"] == "Not Found"


async def test_an_account_keeps_its_number_and_a_freed_login_gets_another(double: GitHubDouble) -> None:
    """A31: the team's member is the account, whatever it is called."""
    double.rename("cd", "cd-old")
    double.teams.join(TEAM, "cd")
    assert await ask(double, members) == [("ab", 11), ("cd-old", 12), ("cd", double.number_of("cd"))]
    assert double.number_of("cd") not in (11, 12)


async def test_who_leaves_the_organisation_leaves_its_teams(double: GitHubDouble) -> None:
    double.teams.add("docker/engine", "cd", parent=TEAM)
    double.teams.add("moby/core", "cd")
    double.teams.leave_organization("docker", "cd")
    assert await ask(double, members) == [("ab", 11)]


async def test_the_adapter_reads_numbers_a_hundred_a_page(double: GitHubDouble, github: GitHub) -> None:
    for number in range(PAGE_SIZE * 2 - 1):
        double.teams.join(TEAM, f"somebody-{number}")
    found = await github.team("Docker/Core")
    assert len(found) == PAGE_SIZE * 2 + 1
    assert {11, 12} <= set(found)
    queries = [set(asked.path.partition("?")[2].split("&")) for asked in double.requests]
    assert queries == [{"per_page=100"}, {"per_page=100", "page=2"}, {"per_page=100", "page=3"}]


async def test_an_empty_team_has_nobody(double: GitHubDouble, github: GitHub) -> None:
    double.teams.add("docker/empty")
    assert set(await github.team("docker/empty")) == set()


@pytest.mark.parametrize(("name", "token"), [("docker/cre", "good"), (TEAM, "blind")], ids=["no such team", "no right"])
async def test_a_team_that_is_hidden_names_the_right_that_lacks(double: GitHubDouble, name: str, token: str) -> None:
    github = GitHub(GitHubSettings(url=double.base_url, timeout_s=5.0), lambda: token, SystemClock())
    with pytest.raises(Refused, match=f"there is no team {name}, or the token may not see it: .*read:org"):
        await github.team(name)
    await github.close()


@pytest.mark.parametrize(
    ("given", "error", "said"),
    [
        pytest.param(lambda double: double.fail(403, message="Resource not accessible"), Refused, "read:org", id="403"),
        pytest.param(lambda double: double.fail(401), Refused, "token is not valid", id="401"),
        pytest.param(lambda double: double.fail(500), Unavailable, "reading who is in docker/core", id="500"),
        pytest.param(lambda double: double.fail(429), Unavailable, "wants no more requests", id="429"),
        pytest.param(lambda double: double.fail(200), Unavailable, "unreadable", id="no-list-in-a-200"),
        pytest.param(lambda double: double.fail(500, path="page=2"), Unavailable, "core", id="second-page"),
        pytest.param(lambda double: double.fail(404, path="page=2"), Refused, "no team", id="gone-meanwhile"),
    ],
)
async def test_half_a_team_is_none(
    double: GitHubDouble,
    github: GitHub,
    given: Callable[[GitHubDouble], None],
    error: type[GordonError],
    said: str,
) -> None:
    for number in range(PAGE_SIZE):
        double.teams.join(TEAM, f"somebody-{number}")
    given(double)
    with pytest.raises(error, match=said):
        await github.team(TEAM)


async def test_a_list_without_an_end_is_given_up(double: GitHubDouble, github: GitHub) -> None:
    """A12: a page that names itself as the next one is not read for ever."""
    itself = f'<{double.base_url}/orgs/docker/teams/core/members>; rel="next"'
    double.fail(200, times=MAX_PAGES + 1, headers={"Link": itself}, text="[]")
    with pytest.raises(Refused, match=r"more than 100 pages"):
        await github.team(TEAM)
    assert len(double.requests) == MAX_PAGES


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("{}", id="no-list"),
        pytest.param("[" * 100_000, id="deep"),
        pytest.param('[{"login": "ab"}]', id="no-number"),
        pytest.param('[{"id": "11"}]', id="number-as-text"),
        pytest.param('[{"id": true}]', id="true"),
        pytest.param('[{"id": 0}]', id="zero"),
        pytest.param('[{"id": 11}, null]', id="nobody-among-them"),
    ],
)
def test_a_page_with_somebody_unreadable_is_none(text: str) -> None:
    with pytest.raises(Unreadable):
        read_members(text)


BASE = "https://ghe.test/api/v3"


@pytest.mark.parametrize(
    ("link", "path"),
    [
        pytest.param("", "", id="one-page"),
        pytest.param(f'<{BASE}/a?page=1>; rel="prev", <{BASE}/a?page=1>; rel="first"', "", id="the-last"),
        pytest.param(f'<{BASE}/a?page=1>; rel="prev", <{BASE}/a?page=3>; rel="next"', "/a?page=3", id="in-the-middle"),
    ],
)
def test_the_next_page_is_where_the_link_says(link: str, path: str) -> None:
    assert pages_of(link, BASE).next == path


@pytest.mark.parametrize(
    "address",
    ["https://elsewhere.test/api/v3/a", "http://ghe.test/api/v3/a", f"{BASE}.evil.test/a", "https://ghe.test/a", "/a"],
)
def test_a_token_follows_no_link_to_another_place(address: str) -> None:
    with pytest.raises(Unreadable):
        pages_of(f'<{address}>; rel="next"', BASE)


def test_a_name_cannot_leave_its_place_in_the_address() -> None:
    assert members_path("docker/../../user?x=#") == "/orgs/docker/teams/..%2F..%2Fuser%3Fx%3D%23/members?per_page=100"
