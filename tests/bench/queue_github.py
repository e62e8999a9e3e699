"""GitHub's double in a process of its own, with a queue of pull requests as old and as owned as a large project's.

python -m tests.bench.queue_github PULLS LATENCY_MS

What comes and goes over its input and output is as with `tests.bench.github`.
"""

import asyncio
import sys
from datetime import timedelta

from bot.clock import SystemClock
from bot.demo.github.double import GitHubDouble
from bot.demo.github.records import FileRecord
from bot.demo.world import GITHUB_TOKEN, REPO

PEOPLE = ("tianon", "crosbymichael", "icecrime", "jessfraz", "thaJeztah")
CONTEXTS = ("janky", "experimental", "windowsRS1", "dco-signed", "codecov/patch")
FOLDERS = (
    "api", "builder", "cliconfig", "contrib", "daemon", "distribution", "docs", "experimental", "graph", "hack",
    "image", "integration-cli", "layer", "libnetwork", "man", "opts", "pkg", "plugin", "registry", "volume",
)  # fmt: skip
MAINTAINER = "vieux"  # of these
MAINTAINED = ("builder", "volume")
STALE_DAYS = 14
OLDEST_DAYS = 20  # untouched for 0, 1, ... days, one after the other


def folder_of(number: int) -> str:
    """Tell in which folder a pull request changes files."""
    return FOLDERS[number % len(FOLDERS)]


def is_stale(number: int) -> bool:
    """Tell whether nobody has touched it for long."""
    return number % OLDEST_DAYS >= STALE_DAYS


def fill(github: GitHubDouble, count: int) -> None:
    """Open the pull requests, and let statuses and reviews be told."""
    github.add_repo(REPO)
    github.set_token(GITHUB_TOKEN, "gordon-bot", 1)
    for folder in FOLDERS:
        owner = MAINTAINER if folder in MAINTAINED else PEOPLE[FOLDERS.index(folder) % len(PEOPLE)]
        github.put_file(REPO, f"{folder}/MAINTAINERS", f"Somebody <somebody@example.org> (@{owner})\n")
    for number in range(1, count + 1):
        author, *others = PEOPLE[number % 5 :] + PEOPLE[: number % 5]
        files = [FileRecord(f"{folder_of(number)}/part{at}/file{number}.go") for at in range(3)]
        github.open_pull(REPO, title=f"Change {number}", author=author, number=number, files=files)
        pull = github.pull_record(REPO, number)
        for at, context in enumerate(CONTEXTS):
            github.set_status(REPO, pull.head, context, "success" if (number + at) % 6 else "failure", by="gordon-bot")
        for at, reviewer in enumerate(others[: number % 4]):
            github.review(REPO, number, "CHANGES_REQUESTED" if at else "APPROVED", by=reviewer)
        pull.created = github.clock.now() - timedelta(days=OLDEST_DAYS + number % 7)
        pull.updated = github.clock.now() - timedelta(days=number % OLDEST_DAYS, hours=1)


async def main(count: int, latency_s: float) -> None:
    """Live until the input ends."""
    github = GitHubDouble(SystemClock(), quota=1_000_000)
    fill(github, count)
    github.latency_s = latency_s
    print(await github.start(), flush=True)
    while await asyncio.to_thread(sys.stdin.readline):
        print(len(github.requests), flush=True)
        github.requests.clear()
    await github.stop()


if __name__ == "__main__":
    asyncio.run(main(int(sys.argv[1]), float(sys.argv[2]) / 1e3))
