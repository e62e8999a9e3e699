"""The Home tab, shortcuts and links: what people see of their own, and of what a message tells."""

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest
from msgspec import structs

from bot.adapters.slack_home import EVERY_S, TITLES
from bot.adapters.slack_shortcuts import NOTHING
from bot.chat import Button, Card, Heard, Words
from bot.demo.slack import moby
from bot.demo.slack.act import Act
from bot.demo.slack.block_kit import check_view
from bot.demo.world import REPO
from bot.errors import UserError
from bot.testing import NETWORK
from bot.values import Place
from tests.slack_clicks_rig import CHANNEL, SPEED, Clicks, clicking


def home_of(clicks: Clicks, user: str) -> str:
    """Give all that somebody's Home tab shows, as JSON."""
    shown = clicks.team.workspace.homes.get(user)
    return json.dumps(shown.view, ensure_ascii=False) if shown else ""


def pages(clicks: Clicks, number: int = 1) -> str:
    """Tell where people look at a pull request."""
    github = clicks.gordon.app.live.now.settings.github
    assert github is not None
    return f"{github.url.removesuffix('/api/v3')}/{REPO}/pull/{number}"


def build_page(clicks: Clicks, number: int = 1) -> str:
    return f"{clicks.gordon.app.live.now.settings.jenkins['ci'].url.rstrip('/')}/job/docker-prs/{number}/"


async def asks(clicks: Clicks, user: str, text: str) -> None:
    """Give a command in the name of somebody."""
    place = Place(NETWORK, CHANNEL, to=user)
    assert await clicks.inside.take(Heard(f"{user} {text}", text, await clicks.who("", user, ""), place)) is None


# -- the Home tab --


async def test_people_see_their_own_and_nobody_elses(tmp_path: Path) -> None:
    async with clicking(tmp_path) as clicks:
        await asks(clicks, moby.TIANON, "rebuild moby#1 janky")
        await clicks.gordon.chat.line("queued janky")
        await asks(clicks, moby.JESS, "watch moby#2")
        await clicks.gordon.chat.line("moby#2")
        for user in (moby.TIANON, moby.JESS, moby.GUEST):
            clicks.told(clicks.team.acts.opens_home(user))
        await clicks.until(lambda: len(clicks.team.workspace.homes) == 3)
        for shown in clicks.team.workspace.homes.values():
            check_view(shown.view, "home")
            assert all(title in json.dumps(shown.view) for title in TITLES)
        tianon, jess, guest = (home_of(clicks, user) for user in (moby.TIANON, moby.JESS, moby.GUEST))
        assert "janky" in tianon
        assert "janky" not in jess + guest
        assert "moby#2" in jess.replace(REPO, "moby")
        assert "moby#2" not in (tianon + guest).replace(REPO, "moby")
        assert "nobody here is known to be you" in guest


async def test_looking_again_and_again_publishes_little(tmp_path: Path) -> None:
    async with clicking(tmp_path) as clicks:
        for _ in range(5):
            clicks.told(clicks.team.acts.opens_home(moby.TIANON))
        await clicks.until(lambda: home_of(clicks, moby.TIANON))
        before = len(clicks.slack.calls_of("views.publish"))
        view = clicks.team.workspace.homes[moby.TIANON]
        for _ in range(5):
            await clicks.clicks(clicks.team.acts.presses_in_view(moby.TIANON, "home.refresh", view.id))
        assert len(clicks.slack.calls_of("views.publish")) == before == 1
        first, second = await clicks.slack.called("views.publish", 2)
        assert second.at_s - first.at_s > 0.9 * EVERY_S / SPEED
        await asyncio.sleep(0.05)
        assert len(clicks.slack.calls_of("views.publish")) == 2


async def test_the_messages_of_the_app_are_no_home(tmp_path: Path) -> None:
    async with clicking(tmp_path) as clicks:
        clicks.told(clicks.team.acts.opens_home(moby.TIANON, tab="messages"))
        await asyncio.sleep(0.1)
        assert home_of(clicks, moby.TIANON) == ""


# -- shortcuts --


async def test_start_a_build_opens_the_form_and_answers_alone(tmp_path: Path) -> None:
    async with clicking(tmp_path) as clicks:
        await clicks.clicks(clicks.team.acts.shortcut(moby.TIANON, "start"), times=2)
        view = await clicks.view("base-image")
        assert len(clicks.open_views) == 1
        await clicks.clicks(clicks.team.acts.submits(moby.TIANON, view.id, {"blank.0": "base-image"}))
        await clicks.view("PLATFORM")
        await clicks.clicks(clicks.team.acts.submits(moby.TIANON, view.id, {"blank.0": "el7"}))
        await clicks.gordon.chat.line("el7")
        place = clicks.gordon.chat.said[-1][0]
        assert (place.channel, place.private, place.account) == (moby.TIANON, True, "tianon")


MESSAGES = [
    pytest.param(lambda clicks: {"text": "what about moby#1?"}, "moby#1", id="by-name"),
    pytest.param(lambda clicks: {"text": f"<{pages(clicks)}|base-image#9>"}, "moby#1", id="a-link-with-a-false-label"),
    pytest.param(lambda clicks: {"text": "", "attachments": [{"title_link": pages(clicks)}]}, "moby#1", id="beside-it"),
    pytest.param(
        lambda clicks: {"text": "", "blocks": [{"type": "section", "text": {"text": f"<{build_page(clicks)}>"}}]},
        "docker-prs#1",
        id="in-blocks",
    ),
]


@pytest.mark.parametrize(("message", "about"), MESSAGES)
async def test_why_did_this_fail_is_answered_under_the_message(message: Any, about: str, tmp_path: Path) -> None:
    async with clicking(tmp_path) as clicks:
        said = clicks.team.acts.bot_says(moby.OTHER_BOT, "x", moby.DOCKER_DEV)
        act = clicks.team.acts.message_shortcut(moby.NEWCOMER, "why", moby.DOCKER_DEV, said.ts)
        act.deliveries[0].payload["message"] |= message(clicks)
        await clicks.clicks(act, times=3)
        await clicks.gordon.chat.line(about)
        await asyncio.sleep(0.05)
        [(place, _)] = clicks.gordon.chat.said
        assert (place.channel, place.thread, place.to) == (CHANNEL, said.ts, moby.NEWCOMER)


@pytest.mark.parametrize(
    ("text", "channel", "words"),
    [
        pytest.param("lunch?", moby.DOCKER_DEV, NOTHING, id="nothing-there"),
        pytest.param("https://evil.example/job/docker-prs/1/", moby.DOCKER_DEV, NOTHING, id="of-somebody-else"),
        pytest.param("moby#1", moby.BUILDS, "I obey in #docker-dev", id="not-obeyed-there"),
    ],
)
async def test_why_is_refused_to_whoever_asks_alone(text: str, channel: str, words: str, tmp_path: Path) -> None:
    async with clicking(tmp_path) as clicks:
        said = clicks.team.acts.says(moby.JESS, text, channel)
        await clicks.clicks(clicks.team.acts.message_shortcut(moby.TIANON, "why", channel, said.ts))
        await clicks.until(lambda: clicks.whispers)
        [(user, told)] = clicks.whispers
        assert user == moby.TIANON
        assert words in told
        assert clicks.gordon.lines == []


# -- links --


async def unfurled(clicks: Clicks, act: Act) -> dict[str, Any]:
    """Deliver that there are links, and give what is shown for them."""
    clicks.told(act)
    await clicks.until(lambda: clicks.slack.calls_of("chat.unfurl"))
    [shown] = [one["shown"] for one in clicks.team.workspace.unfurls.values() if one["shown"]]
    return dict(shown)


def links(clicks: Clicks, *urls: str, user: str = moby.TIANON, channel: str = moby.DOCKER_DEV) -> Act:
    """Have somebody write a line with links that Slack tells of, and only of these."""
    clicks.team.workspace.app.domains = ("127.0.0.1", "evil.example")
    act = clicks.team.acts.says(user, " ".join(f"<{url}>" for url in urls), channel)
    shared = [one for one in act.deliveries if one.payload["event"]["type"] == "link_shared"]
    assert shared
    return Act(shared, channel, act.ts)


async def test_links_become_cards_once(tmp_path: Path) -> None:
    """A10: also where it is told three times; another link stays what it is, and is never fetched."""
    async with clicking(tmp_path) as clicks:
        act = links(clicks, pages(clicks), "https://evil.example/job/docker-prs/1/", build_page(clicks, 77))
        for _ in range(2):
            clicks.told(act)
        shown = await unfurled(clicks, act)
        assert pages(clicks) in shown
        assert "moby#1" in json.dumps(shown).replace(REPO, "moby")
        assert "https://evil.example/job/docker-prs/1/" not in shown
        assert "press." not in json.dumps(shown)
        await asyncio.sleep(0.1)
        assert len(clicks.slack.calls_of("chat.unfurl")) == 1
        assert clicks.gordon.lines == []


async def test_a_link_that_is_being_written_has_its_card(tmp_path: Path) -> None:
    async with clicking(tmp_path) as clicks:
        act = clicks.team.acts.types_link(moby.TIANON, pages(clicks), moby.DOCKER_DEV)
        assert list(await unfurled(clicks, act)) == [pages(clicks)]
        assert clicks.slack.calls_of("chat.unfurl")[0].arguments["source"] == "composer"


async def test_of_many_links_a_few_become_cards_and_each_is_asked_for_once(tmp_path: Path) -> None:
    async with clicking(tmp_path) as clicks:
        urls = [f"{pages(clicks)}?{number}" for number in range(9)]
        asked: list[str] = []
        answer = clicks.inside.answer

        async def counted(heard: Heard) -> Any:
            asked.append(heard.text)
            return await answer(heard)

        clicks.inside.answer = counted  # type: ignore[method-assign]
        assert list(await unfurled(clicks, links(clicks, *urls))) == urls[:5]
        assert asked == [f"pr {REPO}#1"]


@pytest.mark.parametrize(
    ("why", "shown"),
    [
        pytest.param(Card("docker-prs#77 failed: compile error", ("line 6: undefined",)), "compile error", id="failed"),
        pytest.param("docker-prs#77 still runs", "running for 2m", id="runs"),
        pytest.param(UserError("there is no build docker-prs#77"), "running for 2m", id="not-to-be-explained"),
    ],
)
async def test_under_the_link_of_a_build_stands_why_it_failed_else_how_it_stands(
    why: Words | UserError, shown: str, tmp_path: Path
) -> None:
    async with clicking(tmp_path) as clicks:

        async def answer(heard: Heard) -> Words:
            told = {"why janky#77": why, "status janky#77": "moby#1: janky running for 2m"}[heard.text]
            if isinstance(told, UserError):
                raise told
            return told

        clicks.inside.answer = answer  # type: ignore[method-assign]
        page = build_page(clicks, 77)
        assert shown in json.dumps((await unfurled(clicks, links(clicks, page)))[page])


@pytest.mark.parametrize("why", ["switched-off", "a-guest", "not-obeyed-there"])
async def test_a_link_stays_a_link(why: str, tmp_path: Path) -> None:
    async with clicking(tmp_path) as clicks:
        if why == "switched-off":
            clicks.settings = structs.replace(clicks.settings, unfurl=False)
        user = moby.GUEST if why == "a-guest" else moby.TIANON
        channel = moby.BUILDS if why == "not-obeyed-there" else moby.DOCKER_DEV
        act = links(clicks, pages(clicks), user=user, channel=channel)
        clicks.told(act)
        clicks.settings = structs.replace(clicks.settings, unfurl=True)
        later = links(clicks, pages(clicks))
        await unfurled(clicks, later)
        await asyncio.sleep(0.05)
        [call] = clicks.slack.calls_of("chat.unfurl")
        assert call.arguments["unfurl_id"] == later.deliveries[0].payload["event"]["unfurl_id"]


async def test_an_answer_with_buttons_is_shown_without(tmp_path: Path) -> None:
    async with clicking(tmp_path) as clicks:

        async def answer(heard: Heard) -> Card:
            assert (heard.speaker.account, heard.text) == ("", f"pr {REPO}#1")
            return Card("moby#1", buttons=(Button("Rebuild", "rebuild moby#1"),))

        clicks.inside.answer = answer  # type: ignore[method-assign]
        assert "Rebuild" not in json.dumps(await unfurled(clicks, links(clicks, pages(clicks))))
