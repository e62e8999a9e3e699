"""One GitHub on loopback and adapters that talk to it, by a clock that passes when somebody sleeps or a test says."""

import time
from collections.abc import AsyncIterator, Callable, Collection
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from bot.adapters.github import GitHub
from bot.calls import Calls
from bot.demo.github.double import GitHubDouble
from bot.settings import GitHubSettings
from bot.values import PullRef

SHA = "9f1c" * 10
REPO = "moby/moby"
REF = PullRef(REPO, 7)
TOKEN = "gordons-token"
GORDON, GORDON_ID = "gordon", 99


async def everything(guids: Collection[str]) -> Collection[str]:
    """Say of all deliveries that they were not taken in."""
    return guids


class Clock:
    """The machine's clock, which sleeping moves on without a pause, and a test as it likes."""

    def __init__(self) -> None:
        self.ahead_s = 0.0

    def now(self) -> datetime:
        return datetime.now(UTC) + timedelta(seconds=self.ahead_s)

    def monotonic_s(self) -> float:
        return time.monotonic() + self.ahead_s

    async def sleep(self, delay_s: float) -> None:
        self.ahead_s += delay_s


@dataclass
class Forge:
    """One GitHub and the adapters that talk to it."""

    github: GitHubDouble
    clock: Clock
    adapters: list[GitHub] = field(default_factory=list)
    calls: Calls = field(default_factory=Calls)

    def adapter(self, token: str = TOKEN, timeout_s: float = 5.0) -> GitHub:
        return self.reading(lambda: token, timeout_s=timeout_s)

    def reading(self, read_token: Callable[[], str], timeout_s: float = 5.0, app_id: int = 0) -> GitHub:
        url = self.github.base_url
        settings = GitHubSettings(url=url, timeout_s=timeout_s, app_id=app_id, app_installation=1 if app_id else 0)
        self.adapters.append(GitHub(settings, read_token, self.clock, self.calls))
        return self.adapters[-1]

    def asked(self, method: str = "", path: str = "") -> list[str]:
        """List what was asked so far, by this method and with this in its path."""
        known = self.github.requests
        return [each.path for each in known if each.method.startswith(method) and path in each.path]


@asynccontextmanager
async def forged(*, is_enterprise: bool = False) -> AsyncIterator[Forge]:
    """Let a GitHub listen that has one pull request, moby/moby#7, and knows Gordon."""
    clock = Clock()
    forge = Forge(GitHubDouble(clock, is_enterprise=is_enterprise), clock)
    await forge.github.start()
    forge.github.set_token(TOKEN, GORDON, GORDON_ID)
    forge.github.add_repo(REPO)
    forge.github.open_pull(
        REPO, title="Fix it", author="ab", head_sha=SHA, number=7, draft=True, labels=("bug", "area/x")
    )
    yield forge
    for adapter in forge.adapters:
        await adapter.close()
    await forge.github.stop()
