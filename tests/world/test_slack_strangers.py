"""Guests, strangers and programs on Slack, through the whole program: refused unless people.toml lists them."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from bot.adapters.slack_members import CANNOT_CHECK, GONE
from bot.demo.slack.moby import DOCKER_DEV, GUEST, OTHER_BOT, SHARED, STRANGER, STRANGERS_TEAM, TIANON
from bot.demo.world import World
from tests.world.slack_rig import TRANSPORTS, OnSlack, Transport, running_on_slack

FOREIGN = f"{STRANGERS_TEAM}/{STRANGER}"
REBUILD = "rebuild moby#1 janky"
LISTED = """
[people.visitor]
slack = {{ moby = "{0}" }}
roles = {{ "moby/moby" = "{1}" }}
"""


@asynccontextmanager
async def shared(
    folder: Path, transport: Transport, listed: str = "", bots: str = "", role: str = "triager"
) -> AsyncIterator[OnSlack]:
    """Run a Gordon that is in a channel with strangers, too.

    Arguments:
        listed: an account that people.toml has, with this role.
        bots: the id of a program that may give commands.
    """
    async with World(folder, with_slack=transport) as world:
        more = ["#docker-dev", "#docker-and-friends"]
        wanted = f"channels = {more}\nbots = {[bots] if bots else []}"
        world.config.write_text(world.config.read_text().replace('channels = ["#docker-dev"]', wanted))
        people = world.folder / "people.toml"
        people.write_text(people.read_text() + (LISTED.format(listed, role) if listed else ""))
        async with running_on_slack(world) as gordon:
            yield gordon


@pytest.mark.parametrize("transport", TRANSPORTS)
async def test_who_is_not_listed_is_refused_whatever_they_ask(transport: Transport, tmp_path: Path) -> None:  # A5
    async with shared(tmp_path, transport) as gordon:
        for text in (REBUILD, "status moby#1", "whoami", "help"):
            refused = await gordon.asks(GUEST, text)
            assert f"{text.split()[0]} is not for you here: you are a guest of this workspace" in refused
            assert GUEST in refused, "which is what an operator needs to list them"
            elsewhere = await gordon.asks(STRANGER, text, SHARED)
            assert f"from another workspace, and people.toml has nobody with the account {FOREIGN}" in elsewhere
        given = await gordon.acts.slash(GUEST, REBUILD, DOCKER_DEV).acknowledged()
        assert given.answer["response_type"] == "ephemeral"
        assert "guest" in given.answer["text"]
        assert not gordon.world.request_ids()


@pytest.mark.parametrize(("who", "account", "channel"), [(GUEST, GUEST, DOCKER_DEV), (STRANGER, FOREIGN, SHARED)])
async def test_who_is_listed_has_their_role(tmp_path: Path, who: str, account: str, channel: str) -> None:  # A5
    async with shared(tmp_path, "socket", listed=account) as gordon:
        assert "queued janky" in await gordon.asks(who, REBUILD, channel)
        assert "visitor" in await gordon.asks(who, "whoami", channel)


async def test_a_form_that_a_stranger_fills_in_is_submitted_from_their_workspace(tmp_path: Path) -> None:
    async with shared(tmp_path, "socket", listed=FOREIGN, role="maintainer") as gordon:
        await gordon.acts.slash(STRANGER, "build", SHARED).acknowledged()
        form = await gordon.until(
            lambda: next((one for one in gordon.workspace.views.values() if "submit" in one.view), None)
        )
        await gordon.acts.submits(STRANGER, form.id, {"blank.0": "base-image"}).acknowledged()
        await gordon.until(lambda: "PLATFORM" in str(form.view))
        assert not form.is_closed


@pytest.mark.parametrize("is_listed", [True, False])
async def test_a_program_is_obeyed_only_if_both_files_say_so(tmp_path: Path, is_listed: bool) -> None:  # A5
    async with shared(tmp_path, "socket", listed=OTHER_BOT if is_listed else "", bots="B0OTHERBT") as gordon:
        said = gordon.acts.bot_says(OTHER_BOT, f"!{REBUILD}", DOCKER_DEV)
        await gordon.said("queued janky" if is_listed else "needs the role", under=said.ts)
        assert len(gordon.world.request_ids()) == is_listed


async def test_who_left_or_cannot_be_checked_is_refused(tmp_path: Path) -> None:  # A5
    async with shared(tmp_path, "socket") as gordon:
        gordon.double.faults.refuse("users.info", "internal_error")
        assert CANNOT_CHECK in await gordon.asks(TIANON, REBUILD)
        assert "tianon" in await gordon.asks(TIANON, "whoami")
        await gordon.acts.changes(TIANON, deleted=True).acknowledged()
        assert GONE in await gordon.asks(TIANON, REBUILD)
        assert not gordon.world.request_ids()
