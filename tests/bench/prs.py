"""The queue of 1,000 open pull requests in chat: requests and seconds of an answer, beside PyGithub used plainly."""

import asyncio
import re
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from github import Auth, Github
from github.PullRequest import PullRequest
from github.Repository import Repository

from bot.demo.world import GITHUB_TOKEN, REPO, World
from bot.testing import running
from tests.bench.pulls import PAGE, Forge, forge
from tests.bench.queue_github import MAINTAINED, MAINTAINER, STALE_DAYS, folder_of, is_stale
from tests.bench.table import Table, spread

PULLS = 1000
SAMPLE = 30  # that PyGithub is asked about one by one; each of the others needs as much
TOLD = 10  # lines of an answer, for which reviews, statuses and mergeability are asked, too
GOAL = PULLS // 100 + 1


@dataclass(frozen=True, slots=True)
class Question:
    """What is asked.

    Arguments:
        typed: in chat.
        is_meant: tells by the number of a pull request whether it is in the list.
        finds: tells by PyGithub whether one is.
        shared: how many requests PyGithub needs once for all of them, besides the list.
    """

    typed: str
    is_meant: Callable[[int], bool]
    finds: Callable[[PullRequest], bool]
    shared: int = 0


@dataclass(frozen=True, slots=True)
class Cost:
    """What an answer took."""

    requests: float
    seconds: float


def measure_prs(folder: Path, rounds: int, latencies_ms: Sequence[float]) -> None:
    """Print requests and seconds of lists of the queue, for each time that a request takes besides."""
    questions = (
        Question("prs stale", is_stale, _is_untouched),
        Question("prs dir=daemon/", lambda number: folder_of(number) == "daemon", _within("daemon")),
        Question(
            f"prs maintainer={MAINTAINER}",
            lambda number: folder_of(number) in MAINTAINED,
            _within(*MAINTAINED),
            shared=1 + 20,  # the tree, in which the files MAINTAINERS stand, and each of these
        ),
    )
    for latency_ms in latencies_ms:
        table = Table(
            f"{PULLS} open pull requests, {latency_ms:g} ms more for each request, {rounds} rounds",
            f"asked | requests | seconds (rounds) | PyGithub plainly | its seconds, by {SAMPLE} of them",
        )
        with forge(PULLS, "tests.bench.queue_github", str(latency_ms)) as github:
            own = asyncio.run(_asked(folder / f"{latency_ms:g}", github, questions, rounds))
            for question in questions:
                plain = _plain(github, question)
                requests, taken_s = own[question.typed]
                table.row(
                    question.typed,
                    spread(requests, ".0f"),
                    spread(taken_s),
                    f"{plain.requests:.0f}",
                    f"{plain.seconds:.1f}",
                )
        table.show(
            f"goal: at most {GOAL} requests, and one more for those who own files",
            "from the typed line to the answer; PyGithub is without its pause of 0.25 s between two requests",
        )


async def _asked(
    folder: Path, github: Forge, questions: Sequence[Question], rounds: int
) -> Mapping[str, tuple[list[int], list[float]]]:
    """Ask a whole Gordon each question some times."""
    found: dict[str, tuple[list[int], list[float]]] = {one.typed: ([], []) for one in questions}
    async with World(folder) as world:
        text = world.config.read_text(encoding="utf-8")
        world.config.write_text(text.replace(world.github.base_url, github.url), encoding="utf-8")
        async with running(folder, world=world) as gordon:
            await gordon.say("tianon", "prs limit=1", expect="open pull requests")  # connections are there from now on
            for question in (one for _ in range(rounds) for one in questions):
                await asyncio.to_thread(github.requests)
                begun_s = time.perf_counter()
                line = await gordon.say("tianon", question.typed, expect=" of .*open pull requests")
                found[question.typed][1].append(time.perf_counter() - begun_s)
                found[question.typed][0].append(await asyncio.to_thread(github.requests))
                count = sum(map(question.is_meant, range(1, PULLS + 1)))
                assert line.startswith(f"{count} of {PULLS} open"), line
                told = [int(number) for number in re.findall(r" #(\d+) ", line)]
                assert all(map(question.is_meant, told)), line
    return found


def _plain(github: Forge, question: Question) -> Cost:
    """Ask as one does who has not thought about requests: the list, then each by itself; the sample stands for all."""
    with Github(
        base_url=github.url, auth=Auth.Token(GITHUB_TOKEN), per_page=PAGE, seconds_between_requests=None
    ) as api:
        repo = api.get_repo(REPO)
        github.requests()
        begun_s = time.perf_counter()
        pulls = list(repo.get_pulls(state="open"))
        listed = Cost(github.requests(), time.perf_counter() - begun_s)
        assert len(pulls) == PULLS
        begun_s = time.perf_counter()
        chosen = {one.number for one in pulls[:SAMPLE] if question.finds(one)}
        each = Cost(github.requests() / SAMPLE, (time.perf_counter() - begun_s) / SAMPLE)
        assert chosen == {one.number for one in pulls[:SAMPLE] if question.is_meant(one.number)}, "both mean the same"
        begun_s = time.perf_counter()
        for one in pulls[:TOLD]:
            _standing(repo, one)
        told = Cost(github.requests(), time.perf_counter() - begun_s)
    one_s = told.seconds / told.requests
    return Cost(
        listed.requests + each.requests * PULLS + question.shared + told.requests,
        listed.seconds + each.seconds * PULLS + question.shared * one_s + told.seconds,
    )


def _is_untouched(pull: PullRequest) -> bool:
    return pull.updated_at is not None and datetime.now(UTC) - pull.updated_at >= timedelta(days=STALE_DAYS)


def _within(*folders: str) -> Callable[[PullRequest], bool]:
    """Tell whether a pull request changes files in some folders, by its files."""
    return lambda pull: any(file.filename.split("/")[0] in folders for file in pull.get_files())


def _standing(repo: Repository, listed: PullRequest) -> None:
    """Read what a line says of a pull request besides its title: for whom it waits, whether it merges, what is red."""
    pull = repo.get_pull(listed.number)  # only the pull request itself tells whether it merges
    list(pull.get_reviews())
    *_, head = pull.get_commits()
    _ = head.get_combined_status().statuses
