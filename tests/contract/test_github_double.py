"""The GitHub stand-in, asked by PyGithub, which knows the real one."""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any, TypeVar

import pytest
from github import Auth, BadCredentialsException, Github, GithubException, RateLimitExceededException
from github import UnknownObjectException as Unknown
from github.PullRequest import PullRequest
from requests import ConnectionError as ConnectionBroken
from requests import ReadTimeout, RequestException

from bot.demo.github.double import Asked, GitHubDouble

REPO = "moby/moby"
T = TypeVar("T")


class HandClock:
    """A clock that moves only when a test moves it."""

    def __init__(self) -> None:
        self.time = datetime(2024, 5, 1, 12, 0, tzinfo=UTC)

    def now(self) -> datetime:
        return self.time

    def monotonic_s(self) -> float:
        return self.time.timestamp()

    async def sleep(self, delay_s: float) -> None:
        self.time += timedelta(seconds=delay_s)


@pytest.fixture
def clock() -> HandClock:
    return HandClock()


@pytest.fixture
async def double(clock: HandClock) -> AsyncIterator[GitHubDouble]:
    double = GitHubDouble(clock)
    double.set_token("good", "gordon", 42)
    double.add_repo(REPO)
    await double.start()
    yield double
    await double.stop()


@contextmanager
def client(double: GitHubDouble, token: str | None = "good", timeout_s: int = 5) -> Iterator[Github]:
    auth = Auth.Token(token) if token else None
    hub = Github(
        base_url=double.base_url,
        auth=auth,
        retry=None,
        seconds_between_requests=None,
        timeout=timeout_s,
        per_page=2,
        lazy=True,
    )
    with hub:
        yield hub


async def ask(double: GitHubDouble, question: Callable[[Github], T], **options: Any) -> T:
    """Put a question to a fresh client in a thread, as the bot does."""

    def work() -> T:
        with client(double, **options) as hub:
            return question(hub)

    return await asyncio.to_thread(work)


async def read(double: GitHubDouble, number: int) -> PullRequest:
    return await ask(double, lambda hub: hub.get_repo(REPO).get_pull(number).complete())


def head(hub: Github) -> str:
    return hub.get_repo(REPO).get_pull(7).head.sha


async def test_a_pull_request_reads_as_it_was_opened(double: GitHubDouble) -> None:
    sha = "c0ffee" * 6 + "beef"
    double.open_pull(REPO, title="Fix the race", author="tianon", head_sha=sha, number=7, labels=("kind/bug",))
    pull = await read(double, 7)
    assert (pull.number, pull.title, pull.state, pull.user.login) == (7, "Fix the race", "open", "tianon")
    assert (pull.head.sha, pull.head.repo.full_name, pull.head.user.login) == (sha, "tianon/moby", "tianon")
    assert (pull.base.ref, pull.base.repo.full_name, len(pull.base.sha)) == ("master", REPO, 40)
    assert [label.name for label in pull.labels] == ["kind/bug"]
    assert (pull.merged, pull.mergeable, pull.mergeable_state, pull.draft) == (False, True, "clean", False)
    assert pull.created_at == pull.updated_at == datetime(2024, 5, 1, 12, 0, tzinfo=UTC)
    assert pull.html_url == f"{double.base_url}/moby/moby/pull/7"
    assert pull.head.label == f"tianon:{pull.head.ref}"


async def test_every_field_pygithub_knows_of_a_pull_request_is_answered(double: GitHubDouble) -> None:
    double.open_pull(REPO, title="Fix", author="tianon", number=7)
    pull = await read(double, 7)
    fields = {name for name in vars(PullRequest) if isinstance(getattr(PullRequest, name), property)}
    assert len(fields) > 40
    assert fields <= pull.raw_data.keys()


@pytest.mark.parametrize(
    ("merged", "merged_at", "merged_by"),
    [
        pytest.param(False, None, None, id="closed"),
        pytest.param(True, datetime(2024, 5, 1, 13, 0, tzinfo=UTC), "moby", id="merged"),
    ],
)
async def test_a_closed_pull_request_says_how_it_ended(
    double: GitHubDouble, clock: HandClock, merged: bool, merged_at: datetime | None, merged_by: str | None
) -> None:
    double.open_pull(REPO, title="Fix", author="tianon", number=7)
    clock.time += timedelta(hours=1)
    double.close(REPO, 7, merged=merged)
    pull = await read(double, 7)
    assert (pull.state, pull.merged, pull.merged_at) == ("closed", merged, merged_at)
    assert pull.closed_at == pull.updated_at == clock.time
    assert (pull.merged_by and pull.merged_by.login) == merged_by
    assert pull.mergeable is None


async def test_a_draft_says_so(double: GitHubDouble) -> None:
    number = double.open_pull(REPO, title="Try", author="tianon", draft=True)
    pull = await read(double, number)
    assert (pull.draft, pull.mergeable_state) == (True, "draft")


async def test_a_push_moves_the_head_and_nothing_else(double: GitHubDouble, clock: HandClock) -> None:
    double.open_pull(REPO, title="Fix", author="tianon", number=7)
    before = await read(double, 7)
    clock.time += timedelta(minutes=5)
    sha = double.push(REPO, 7)
    after = await read(double, 7)
    assert after.head.sha == sha != before.head.sha
    assert (after.created_at, after.updated_at) == (before.created_at, clock.time)
    assert (after.head.ref, after.base.sha, after.id) == (before.head.ref, before.base.sha, before.id)


async def test_a_push_can_land_between_two_requests(double: GitHubDouble) -> None:
    double.open_pull(REPO, title="Fix", author="tianon", number=7)

    def push_before_the_second(_: Asked) -> None:
        if len(double.requests) == 2:
            double.push(REPO, 7)

    double.before_answer = push_before_the_second
    first, second, third = [await ask(double, head) for _ in range(3)]
    assert first != second == third


def test_commit_ids_are_whole_and_the_same_in_every_run() -> None:
    def ids(seed: str) -> list[str]:
        double = GitHubDouble(HandClock(), seed=seed)
        double.add_repo(REPO)
        number = double.open_pull(REPO, title="Fix", author="tianon")
        return [double.push(REPO, number) for _ in range(3)]

    assert ids("one") == ids("one") != ids("two")
    assert all(len(bytes.fromhex(sha)) == 20 for sha in ids("one"))


@pytest.mark.parametrize(
    ("options", "numbers"),
    [
        pytest.param({}, [7, 6, 5, 3, 2, 1], id="open-and-newest-first"),
        pytest.param({"state": "closed"}, [4], id="closed"),
        pytest.param({"state": "all", "direction": "asc"}, [1, 2, 3, 4, 5, 6, 7], id="all-oldest-first"),
        pytest.param({"sort": "updated"}, [2, 7, 6, 5, 3, 1], id="last-updated-first"),
        pytest.param({"base": "20.10"}, [1], id="by-base"),
        pytest.param({"head": "tianon:3-fix"}, [3], id="by-head"),
    ],
)
async def test_lists_are_filtered_sorted_and_paged(
    double: GitHubDouble, clock: HandClock, options: dict[str, str], numbers: list[int]
) -> None:
    for number in range(1, 8):
        clock.time += timedelta(minutes=1)
        double.open_pull(REPO, title="Fix", author="tianon", base="20.10" if number == 1 else "master")
    clock.time += timedelta(minutes=1)
    double.close(REPO, 4)
    double.push(REPO, 2)
    listed = await ask(double, lambda hub: [pull.number for pull in hub.get_repo(REPO).get_pulls(**options)])
    assert listed == numbers
    pages = [asked.path for asked in double.requests]
    assert len(pages) == -(-len(numbers) // 2)
    assert all(path.startswith("/repositories/1/pulls?") for path in pages[1:])


async def test_the_last_page_is_reached_by_its_link(double: GitHubDouble) -> None:
    for _ in range(5):
        double.open_pull(REPO, title="Fix", author="tianon")

    def ends(hub: Github) -> tuple[int, list[int]]:
        pulls = hub.get_repo(REPO).get_pulls()
        return pulls.totalCount, [pull.number for pull in pulls.reversed]

    assert await ask(double, ends) == (5, [1, 2, 3, 4, 5])


async def test_a_list_leaves_out_what_github_leaves_out(double: GitHubDouble) -> None:
    double.open_pull(REPO, title="Fix", author="tianon", number=7)

    def mergeable(hub: Github) -> bool | None:
        (pull,) = hub.get_repo(REPO).get_pulls()
        return pull.mergeable

    assert await ask(double, mergeable) is True
    assert [asked.path for asked in double.requests][-1] == "/repos/moby/moby/pulls/7"


@pytest.mark.parametrize("name", ["moby/moby", "Moby/MOBY"])
async def test_a_repository_is_found_in_any_case(double: GitHubDouble, name: str) -> None:
    repo = await ask(double, lambda hub: hub.get_repo(name).complete())
    assert (repo.full_name, repo.owner.login, repo.default_branch) == (REPO, "moby", "master")


async def test_the_token_tells_who_asks(double: GitHubDouble) -> None:
    assert await ask(double, lambda hub: (hub.get_user().login, hub.get_user().id)) == ("gordon", 42)


@pytest.mark.parametrize("token", ["stale", None])
async def test_without_a_good_token_nothing_is_told(double: GitHubDouble, token: str | None) -> None:
    with pytest.raises(BadCredentialsException) as refused:
        await ask(double, lambda hub: hub.get_repo(REPO).complete(), token=token)
    assert (refused.value.status, refused.value.data["message"]) == (401, "Bad credentials")


@pytest.mark.parametrize(
    "question",
    [
        pytest.param(lambda hub: hub.get_repo("moby/absent").complete(), id="repository"),
        pytest.param(lambda hub: hub.get_repo(REPO).get_pull(404).complete(), id="pull-request"),
        pytest.param(
            lambda hub: hub.get_repo("moby/absent").get_pull(1).complete(), id="pull-request-of-no-repository"
        ),
        pytest.param(lambda hub: list(hub.get_repo(REPO).get_branches()), id="what-it-does-not-serve"),
    ],
)
async def test_what_is_not_there_is_a_404_in_githubs_shape(
    double: GitHubDouble, question: Callable[[Github], object]
) -> None:
    with pytest.raises(Unknown) as missing:
        await ask(double, question)
    assert missing.value.data["message"] == "Not Found"
    assert missing.value.data["status"] == "404"


async def test_a_state_github_does_not_know_is_a_422(double: GitHubDouble) -> None:
    with pytest.raises(GithubException) as refused:
        await ask(double, lambda hub: list(hub.get_repo(REPO).get_pulls(state="bogus")))
    assert refused.value.status == 422


async def test_a_fault_hits_the_next_matching_requests_only(double: GitHubDouble) -> None:
    double.open_pull(REPO, title="Fix", author="tianon", number=7)
    double.fail(502, times=2, path="/pulls/7$")
    await ask(double, lambda hub: hub.get_repo(REPO).complete())
    for _ in range(2):
        with pytest.raises(GithubException) as failed:
            await ask(double, head)
        assert failed.value.status == 502
    assert len(await ask(double, head)) == 40


async def test_a_fault_may_say_when_to_come_back(double: GitHubDouble) -> None:
    double.fail(403, message="You have exceeded a secondary rate limit.", headers={"Retry-After": "60"})
    with pytest.raises(RateLimitExceededException) as limited:
        await ask(double, head)
    assert limited.value.headers is not None
    assert limited.value.headers["retry-after"] == "60"


async def test_a_hanging_request_runs_into_the_clients_time_limit(double: GitHubDouble) -> None:
    double.hang(path="/pulls/")
    with pytest.raises(ReadTimeout):
        await ask(double, head, timeout_s=1)


async def test_a_hanging_request_is_answered_on_resume(double: GitHubDouble) -> None:
    double.open_pull(REPO, title="Fix", author="tianon", number=7)
    double.hang()
    answer = asyncio.create_task(ask(double, head))
    await double.hanging()
    double.resume()
    assert len(await answer) == 40


async def test_a_reset_breaks_the_connection_and_the_next_request_works(double: GitHubDouble) -> None:
    double.open_pull(REPO, title="Fix", author="tianon", number=7)
    double.reset()
    with pytest.raises(ConnectionBroken, match="reset by peer"):
        await ask(double, head)
    assert len(await ask(double, head)) == 40


async def test_while_down_connections_are_refused_and_nothing_is_forgotten(double: GitHubDouble) -> None:
    double.open_pull(REPO, title="Fix", author="tianon", number=7)
    before = await ask(double, head)
    await double.down()
    with pytest.raises(ConnectionBroken, match="refused"):
        await ask(double, head)
    await double.up()
    assert await ask(double, head) == before


async def test_stopping_cuts_a_hanging_request(double: GitHubDouble) -> None:
    double.hang()
    answer = asyncio.create_task(ask(double, head))
    await double.hanging()
    await double.stop()
    with pytest.raises(RequestException):
        await answer


async def test_the_rate_limit_counts_down_refuses_and_opens_again(double: GitHubDouble, clock: HandClock) -> None:
    double.open_pull(REPO, title="Fix", author="tianon", number=7)
    double.quota = 2

    def left(hub: Github) -> tuple[int, int]:
        core = hub.get_rate_limit().resources.core
        return core.remaining, core.limit

    assert await ask(double, left) == (2, 2)
    pull = await read(double, 7)
    assert pull.raw_headers["x-ratelimit-remaining"] == "1"
    assert pull.raw_headers["date"] == "Wed, 01 May 2024 12:00:00 GMT"
    await ask(double, head)
    with pytest.raises(RateLimitExceededException):
        await ask(double, head)
    assert await ask(double, left) == (0, 2)
    clock.time += timedelta(hours=1)
    assert len(await ask(double, head)) == 40


async def test_an_unchanged_pull_request_costs_nothing(double: GitHubDouble) -> None:
    double.open_pull(REPO, title="Fix", author="tianon", number=7)

    def update_twice(hub: Github) -> tuple[bool, bool, int]:
        pull = hub.get_repo(REPO).get_pull(7).complete()
        unchanged = pull.update()
        double.push(REPO, 7)
        return unchanged, pull.update(), hub.get_rate_limit().resources.core.used

    assert await ask(double, update_twice) == (False, True, 2)


async def test_the_ledger_tells_every_request_in_order(double: GitHubDouble, clock: HandClock) -> None:
    double.open_pull(REPO, title="Fix", author="tianon", number=7)
    await ask(double, lambda hub: hub.get_user().login)
    moment, clock.time = clock.time, clock.time + timedelta(seconds=9)
    await ask(double, head)
    assert double.requests == [
        Asked("GET", "/user", moment),
        Asked("GET", "/repos/moby/moby/pulls/7", moment + timedelta(seconds=9)),
    ]
