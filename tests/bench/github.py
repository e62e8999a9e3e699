"""GitHub's double in a process of its own, with as many open pull requests as a large project has.

python -m tests.bench.github PULLS

It prints its address as one line; a line on its input makes it print how many requests have come since the last one.
"""

import asyncio
import sys

from bot.clock import SystemClock
from bot.demo.github.double import GitHubDouble

REPO, TOKEN, BOT = "moby/moby", "a-token", "gordon"
PEOPLE = ("tianon", "crosbymichael", "icecrime", "jessfraz", "thaJeztah")
CONTEXTS = ("janky", "experimental", "windowsRS1", "dco-signed", "codecov/patch")
UNMERGEABLE_EVERY = 7


async def main(count: int) -> None:
    """Live until the input ends."""
    github = GitHubDouble(SystemClock(), quota=1_000_000)
    github.add_repo(REPO)
    github.set_token(TOKEN, BOT, 99)
    for number in range(1, count + 1):
        author, *others = PEOPLE[number % 5 :] + PEOPLE[: number % 5]
        labels = ("status/2-code-review", f"area/{number % 9}")
        github.open_pull(REPO, title=f"Change {number}", author=author, number=number, labels=labels)
        github.set_mergeable(REPO, number, bool(number % UNMERGEABLE_EVERY))
        head = github.pull_record(REPO, number).head
        for at, context in enumerate(CONTEXTS):
            state = "failure" if (number + at) % 6 == 0 else "success"
            github.set_status(REPO, head, context, state, by=BOT, description="told", url=f"https://ci/{number}/{at}")
        for at, reviewer in enumerate(others[: number % 4]):
            github.review(REPO, number, "CHANGES_REQUESTED" if at else "APPROVED", by=reviewer)
    print(await github.start(), flush=True)
    while await asyncio.to_thread(sys.stdin.readline):
        print(len(github.requests), flush=True)
        github.requests.clear()
    await github.stop()


if __name__ == "__main__":
    asyncio.run(main(int(sys.argv[1])))
