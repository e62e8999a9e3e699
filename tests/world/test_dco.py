"""Sign-offs on the embedded GitHub: what is said on a pull request whose commits lack one, and when that goes."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from bot.clock import SystemClock
from bot.demo.world import CONTEXTS, PLUGINS, REPO
from bot.testing import Gordon
from tests.world.failing import Tries, failing
from tests.world.honesty import until

SPEED = 20.0  # GitHub wants a second between two writes
CONFIG = f'\n[plugin.dco]\nrepos = ["{REPO}"]\n'
STATUS, LABEL = "docker/dco-signed", "dco/no"
SIGNED = "Fix it\n\nSigned-off-by: Tianon <tianon@example.org>\n"
OLD = "Fix it\n\nDocker-DCO-1.1-Signed-off-by: Tianon <tianon@example.org> (github: tianon)\n"
LEFT = "SELECT (SELECT count(*) FROM deliveries) + (SELECT count(*) FROM effects WHERE state = 'sending')"


@asynccontextmanager
async def signing(folder: Path, more: str = "", *, plugins: Sequence[str] = PLUGINS) -> AsyncIterator[Gordon]:
    clock = SystemClock(speed=SPEED)
    async with failing(folder, Tries(), config=CONFIG + more, plugins=plugins, with_hook=True, clock=clock) as gordon:
        yield gordon


def status(gordon: Gordon, pull: int) -> tuple[str, str | None] | None:
    """Tell how the status at the head of a pull request is."""
    github = gordon.world.github
    told = [one for one in github.statuses(REPO, github.pull_record(REPO, pull).head) if one.context == STATUS]
    return (told[-1].state, told[-1].description) if told else None


def state(gordon: Gordon, pull: int) -> str:
    return (status(gordon, pull) or ("", ""))[0]


def is_labelled(gordon: Gordon, pull: int) -> bool:
    return LABEL in gordon.world.github.pull_record(REPO, pull).labels


def comments(gordon: Gordon, pull: int) -> list[str]:
    return [body for _, _, body in gordon.world.github.comments(REPO, pull)]


def writes(gordon: Gordon) -> list[str]:
    """List what GitHub was asked to change, by its own count."""
    return [
        f"{one.method} {one.path}"
        for one in gordon.world.github.requests
        if one.method in ("POST", "PATCH", "PUT", "DELETE") and "graphql" not in one.path
    ]


async def at_rest(gordon: Gordon) -> None:
    """Wait until what GitHub has told is worked off; whether it was done right is not asked here."""
    await gordon.world.github.hooks.settled()
    async with asyncio.timeout(20.0):
        while (await gordon.app.database.read(lambda db: db.execute(LEFT).fetchone()))[0]:
            await asyncio.sleep(0.02)


async def test_what_is_not_signed_off_is_said_on_the_pull_request_and_gone_when_it_is(tmp_path: Path) -> None:
    async with signing(tmp_path) as gordon:
        github = gordon.world.github
        pull = github.open_pull(REPO, title="One `more` @everyone", author="tianon")
        await until(lambda: comments(gordon, pull))
        assert status(gordon, pull) == ("failure", "the commit lacks a sign-off")
        assert is_labelled(gordon, pull)
        [body] = comments(gordon, pull)
        assert body.startswith("<!-- gordon:dco -->")
        assert f"- `{github.pull_record(REPO, pull).head:.12}` `\"One 'more' @everyone\"`" in body
        assert "git commit --amend --no-edit --signoff\ngit push --force-with-lease" in body
        github.set_commits(REPO, pull, [SIGNED, SIGNED])
        await until(lambda: not comments(gordon, pull))
        assert status(gordon, pull) == ("success", "all 2 commits are signed off")
        assert not is_labelled(gordon, pull)
