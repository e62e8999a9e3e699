"""Open pull requests with all that is asked of them: requests and seconds, beside PyGithub used plainly."""

import asyncio
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from github import Auth, Github

from bot.adapters.github import GitHub
from bot.clock import SystemClock
from bot.settings import GitHubSettings
from bot.values import PullSummary
from tests.bench.bots import ROOT
from tests.bench.github import REPO, TOKEN
from tests.bench.table import Table, spread

PULLS = 300
PAGE = 100  # PyGithub has 30 unless told
Found = Mapping[int, tuple[bool | None, int, Mapping[str, str], frozenset[str]]]


@dataclass(frozen=True, slots=True)
class Forge:
    """GitHub's double in another process."""

    process: "subprocess.Popen[str]"
    url: str

    def requests(self) -> int:
        """Tell how many requests have come since this was asked last."""
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.write("\n")
        self.process.stdin.flush()
        return int(self.process.stdout.readline())


def measure_pulls(_folder: Path, rounds: int) -> None:
    """Print requests and seconds for mergeability, reviews, statuses and labels of all open pull requests."""
    hows: Mapping[str, Callable[[str], Found]] = {"Gordon: open_pulls": _gordon, "PyGithub, used plainly": _plain}
    seconds: dict[str, list[float]] = {how: [] for how in hows}
    requests: dict[str, list[int]] = {how: [] for how in hows}
    with forge(PULLS) as github:
        for _ in range(rounds):
            found = []
            for how, read in hows.items():
                begun_s = time.perf_counter()
                found.append(read(github.url))
                seconds[how].append(time.perf_counter() - begun_s)
                requests[how].append(github.requests())
            assert found[0] == found[1], "both tell the same"
            assert len(found[0]) == PULLS
    table = Table(
        f"{PULLS} open pull requests with mergeability, reviews, statuses and labels, {rounds} rounds",
        "how | requests | seconds (rounds)",
    )
    for how, taken_s in seconds.items():
        table.row(how, f"{statistics.median(requests[how]):.0f}", spread(taken_s))
    table.show(
        "goal: at most 6 requests",
        "PyGithub is without its pause of 0.25 s between two requests, with which this takes minutes",
    )


@contextmanager
def forge(pulls: int, program: str = "tests.bench.github", *arguments: str) -> Iterator[Forge]:
    """Let a GitHub live until the end, as a program of ours makes it."""
    command = [sys.executable, "-m", program, str(pulls), *arguments]
    with subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        yield Forge(process, process.stdout.readline().strip())
        process.stdin.close() if process.stdin else None


def _gordon(url: str) -> Found:
    async def read() -> list[PullSummary]:
        github = GitHub(GitHubSettings(url=url), lambda: TOKEN, SystemClock())
        try:
            return list(await github.open_pulls(REPO))
        finally:
            await github.close()

    return {
        each.pull.ref.number: (
            each.pull.mergeable,
            len(each.reviews),
            {status.context: status.state.value for status in each.statuses},
            frozenset(each.pull.labels),
        )
        for each in asyncio.run(read())
    }


def _plain(url: str) -> Found:
    found = {}
    with Github(base_url=url, auth=Auth.Token(TOKEN), per_page=PAGE, seconds_between_requests=None) as github:
        repo = github.get_repo(REPO)
        for listed in repo.get_pulls(state="open"):
            pull = repo.get_pull(listed.number)  # only the pull request itself tells whether it merges
            reviews = list(pull.get_reviews())
            *_, head = pull.get_commits()
            statuses = head.get_combined_status().statuses
            found[pull.number] = (
                pull.mergeable,
                len(reviews),
                {status.context: status.state for status in statuses},
                frozenset(label.name for label in pull.labels),
            )
    return found
