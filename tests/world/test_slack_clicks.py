"""What people click at on Slack, through a whole Gordon: the same by its socket and by Slack's posts."""

import json
import re
from pathlib import Path
from typing import Any

import pytest

from bot.adapters.slack_pressing import NOT_OURS
from bot.confirm import REFUSAL
from bot.demo.jenkins.model import Plan
from bot.demo.slack import moby
from bot.demo.slack.workspace import Json
from tests.world.slack_rig import TRANSPORTS, OnSlack, Transport, failed, on_slack

by_each = pytest.mark.parametrize("transport", TRANSPORTS)


def buttons(message: Json) -> dict[str, str]:
    """List the buttons of a message: their actions by what they say."""
    found = [one for block in message["blocks"] if block["type"] == "actions" for one in block["elements"]]
    return {one["text"]["text"]: one["action_id"] for one in found}


async def with_button(gordon: OnSlack, label: str) -> Json:
    """Wait for a message that has a button, and return it."""

    def found() -> Json | None:
        return next((each for each in gordon.messages() if label in buttons(each)), None)

    message: Json = await gordon.until(found)
    return message


async def view_of(gordon: OnSlack, pattern: str) -> str:
    """Wait for an open modal that says something, and return its id."""

    def found() -> str:
        views = [view for view in gordon.workspace.views.values() if not view.is_closed]
        return next((view.id for view in views if re.search(pattern, json.dumps(view.view))), "")

    return str(await gordon.until(found))


@by_each
async def test_a_confirmation_counts_for_whoever_asked_and_once(transport: Transport, tmp_path: Path) -> None:
    """A6, A32: U2's press of U1's button is refused to U2 alone, and the card stays as it is."""
    async with on_slack(tmp_path, transport) as gordon:
        gordon.acts.mentions(moby.TIANON, "build base-image PLATFORM=el7", moby.DOCKER_DEV)
        asked = await with_button(gordon, "Confirm")
        before = json.dumps(asked["blocks"])
        press = buttons(asked)["Confirm"]
        other = gordon.acts.presses(moby.CROSBYMICHAEL, press, moby.DOCKER_DEV, asked["ts"])
        assert failed(await other.acknowledged()) == []
        assert REFUSAL in await gordon.shown_to(moby.CROSBYMICHAEL, "nothing of yours")
        assert json.dumps(asked["blocks"]) == before
        for _ in range(2):
            await gordon.acts.presses(moby.TIANON, press, moby.DOCKER_DEV, asked["ts"]).acknowledged()
        await gordon.said("base-image: queued", under=asked["thread_ts"])
        await gordon.until(lambda: "pressed by" in json.dumps(asked["blocks"]))
        assert f"<@{moby.TIANON}>" in json.dumps(asked["blocks"])
        assert (len(gordon.world.request_ids()), gordon.whispers(moby.TIANON)) == (1, [])


@by_each
async def test_a_build_is_filled_in_and_confirmed_by_clicks_alone(transport: Transport, tmp_path: Path) -> None:
    """Who presses is in no thread by that, and is called when it is over."""
    async with on_slack(tmp_path, transport, numbers={"poll_s": 0.05, "gather_s": 0.05}) as gordon:
        gordon.world.build_of(lambda starting: Plan(duration_s=0))
        assert failed(await gordon.acts.slash(moby.TIANON, "build", moby.DOCKER_DEV).acknowledged()) == []
        view = await view_of(gordon, '"base-image"')
        await gordon.acts.submits(moby.TIANON, view, {"blank.0": "base-image"}).acknowledged()
        view = await view_of(gordon, "PLATFORM")
        sent = await gordon.acts.submits(moby.TIANON, view, {"blank.0": "el7"}).acknowledged()
        assert (failed(sent), gordon.workspace.views[view].is_closed) == ([], True)
        asked = await with_button(gordon, "Confirm")
        await gordon.acts.presses(moby.TIANON, "press.0", moby.DOCKER_DEV, asked["ts"]).acknowledged()
        await gordon.said("base-image: queued")
        await gordon.said(f"^<@{moby.TIANON}> base-image #1 passed", under=asked["ts"])
        assert len(gordon.world.request_ids()) == 1


@by_each
async def test_a_shortcut_a_link_and_the_home_tab(transport: Transport, tmp_path: Path) -> None:
    async with on_slack(tmp_path, transport) as gordon:
        gordon.workspace.app.domains = ("127.0.0.1",)
        github = gordon.app.live.now.settings.github
        assert github is not None
        page = f"{github.url.removesuffix('/api/v3')}/moby/moby/pull/1"
        said = gordon.acts.says(moby.JESS, f"<{page}|look>", moby.DOCKER_DEV)
        shown = await gordon.until(lambda: next((u["shown"] for u in gordon.workspace.unfurls.values()), None))
        assert list(shown) == [page]
        gordon.acts.message_shortcut(moby.NEWCOMER, "why", moby.DOCKER_DEV, said.ts)
        await gordon.said("moby#1: no build of it is on record", under=said.ts)
        gordon.acts.opens_home(moby.TIANON)
        home: Any = await gordon.until(lambda: gordon.workspace.homes.get(moby.TIANON))
        assert "you are tianon" in json.dumps(home.view)


@by_each
async def test_a_forged_button_does_nothing(transport: Transport, tmp_path: Path) -> None:
    async with on_slack(tmp_path, transport) as gordon:
        gordon.acts.mentions(moby.TIANON, "build base-image PLATFORM=el7", moby.DOCKER_DEV)
        asked = await with_button(gordon, "Confirm")
        gordon.team.deliveries.hold()
        act = gordon.acts.presses(moby.TIANON, "press.0", moby.DOCKER_DEV, asked["ts"])
        act.deliveries[0].payload["actions"][0]["value"] = '{"command":"build base-image","digest":"0"}'
        gordon.team.deliveries.release()
        assert failed(await act.acknowledged()) == []
        assert await gordon.shown_to(moby.TIANON, NOT_OURS)
        assert gordon.world.request_ids() == []
