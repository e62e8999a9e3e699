"""A whole Gordon on Slack: the same by a socket that it opens and by requests that Slack posts."""

import asyncio
import random
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from bot.adapters.slack import NOT_TOLD
from bot.check import check
from bot.clock import Clock, SystemClock
from bot.demo.jenkins.model import Plan
from bot.demo.slack import moby
from bot.demo.slack.deliveries import Delivery, Fate, Patience
from bot.demo.slack.double import SlackDouble
from bot.demo.slack.workspace import Workspace
from bot.demo.world import World
from bot.errors import StorageError
from bot.ports import Delivery as OnDisk
from tests.world.slack_rig import TRANSPORTS, Transport, failed, on_slack, running_on_slack

QUICK = {"poll_s": 0.05, "gather_s": 0.05, "again_after_s": 0.05}
HASTY = Patience(0.15, (0.02, 0.02, 0.02))  # a Slack that waits no longer for an acknowledgement, and tries again
REBUILD = "rebuild moby#1 janky"
NAMES = ("janky", "experimental", "lxc")
by_each = pytest.mark.parametrize("transport", TRANSPORTS)


@by_each
async def test_a_mention_starts_a_build_and_is_answered_in_its_thread(transport: Transport, tmp_path: Path) -> None:
    """F10: the line is told of twice, as a message and as a mention, and counts once."""
    async with on_slack(tmp_path, transport) as gordon:
        said = await gordon.acts.mentions(moby.TIANON, REBUILD, moby.DOCKER_DEV).acknowledged()
        await gordon.said("queued janky", under=said.ts)
        assert (len(said.deliveries), failed(said)) == (2, [])
        assert (len(gordon.world.request_ids()), len(gordon.under(said.ts))) == (1, 1)


@by_each
async def test_what_is_told_to_gordon_alone_is_answered_there(transport: Transport, tmp_path: Path) -> None:
    async with on_slack(tmp_path, transport) as gordon:
        said = gordon.acts.says(moby.TIANON, "whoami", moby.TIANON)
        await gordon.said("you are tianon, proven by Slack; maintainer in moby/moby", moby.TIANON)
        assert (failed(said), gordon.messages(), gordon.whispers(moby.TIANON)) == ([], [], [])


@by_each
async def test_who_asks_counts_by_their_account_alone(transport: Transport, tmp_path: Path) -> None:
    """A4: U666 is called as a maintainer is."""
    async with on_slack(tmp_path, transport) as gordon:
        assert "build needs the role" in await gordon.asks(moby.IMPOSTOR, "build base-image")
        assert gordon.world.request_ids() == []


@by_each
async def test_a_command_with_a_slash_is_seen_and_answered_by_name(transport: Transport, tmp_path: Path) -> None:
    async with on_slack(tmp_path, transport) as gordon:
        given = await gordon.acts.slash(moby.TIANON, REBUILD, moby.DOCKER_DEV).acknowledged()
        assert given.answer == {"response_type": "in_channel"}
        assert f"<@{moby.TIANON}>" in await gordon.said("queued janky")
        assert len(gordon.world.request_ids()) == 1


@by_each
@pytest.mark.parametrize(
    ("user", "text", "channel", "words"),
    [
        pytest.param(moby.NEWCOMER, "build base-image PUSH=true", moby.DOCKER_DEV, "needs the role", id="no-right"),
        pytest.param(moby.TIANON, "rebuid moby#1", moby.DOCKER_DEV, "rebuild", id="mistyped"),
        pytest.param(moby.TIANON, "whoami", moby.BUILDS, "I obey in #docker-dev, a direct message", id="elsewhere"),
        pytest.param(moby.TIANON, "whoami", moby.SECRETS, "I obey in #docker-dev", id="where-gordon-is-not"),
    ],
)
async def test_who_is_refused_after_a_slash_is_told_so_alone(
    user: str, text: str, channel: str, words: str, transport: Transport, tmp_path: Path
) -> None:
    async with on_slack(tmp_path, transport) as gordon:
        given = await gordon.acts.slash(user, text, channel).acknowledged()
        assert given.answer["response_type"] == "ephemeral"
        assert words in await gordon.shown_to(user, words)
        assert (gordon.messages(), gordon.world.request_ids()) == ([], [])


async def test_a_slash_alone_asks_for_help(tmp_path: Path) -> None:
    async with on_slack(tmp_path) as gordon:
        gordon.acts.slash(moby.TIANON, "", moby.DOCKER_DEV)
        assert "rebuild" in await gordon.said("help")


@by_each
async def test_how_a_build_ends_is_told_in_its_channel(transport: Transport, tmp_path: Path) -> None:
    async with on_slack(tmp_path, transport, numbers=QUICK) as gordon:
        gordon.world.build_of(lambda starting: Plan(duration_s=0))
        said = gordon.acts.mentions(moby.TIANON, REBUILD, moby.DOCKER_DEV)
        await gordon.said("passed", under=said.ts)


async def test_a_long_log_is_a_file_in_the_thread_of_whoever_asked(tmp_path: Path) -> None:
    text = "".join(f"+ step {number}\n" for number in range(300)) + "Build step 'Execute shell' marked as failure\n"
    async with on_slack(tmp_path, numbers=QUICK) as gordon:
        gordon.world.build_of(lambda starting: Plan("FAILURE", duration_s=0, log=text))
        said = gordon.acts.mentions(moby.TIANON, REBUILD, moby.DOCKER_DEV)
        await gordon.said("failed", under=said.ts)
        asked = gordon.acts.mentions(moby.TIANON, "log docker-prs#1 900", moby.DOCKER_DEV)
        await gordon.said("docker-prs#1, lines", under=asked.ts)
        [file] = await gordon.until(lambda: [one for one in gordon.workspace.files.values() if one.is_complete])
        assert len(file.content.splitlines()) == 305


@by_each
async def test_what_is_delivered_late_twice_and_in_any_order_is_done_once(transport: Transport, tmp_path: Path) -> None:
    """F9, F10, A10."""
    order, asked = random.Random(7), [f"rebuild moby#{number} {name}" for number in (1, 2, 3) for name in NAMES]

    def shuffled(held: list[Delivery]) -> Sequence[Delivery]:
        return order.sample(held * 3, len(held) * 3)

    async with on_slack(tmp_path, transport) as gordon:
        gordon.team.deliveries.hold()
        acts = [gordon.acts.mentions(moby.TIANON, text, moby.DOCKER_DEV) for text in asked]
        gordon.team.deliveries.release(shuffled)
        for act in acts:
            await gordon.said("queued", under=act.ts)
        await gordon.team.deliveries.settled()
        assert len(gordon.world.request_ids()) == len(asked)
        assert [len(gordon.under(act.ts)) for act in acts] == [1] * len(acts)


@by_each
async def test_what_the_disk_takes_too_late_is_delivered_again_and_done_once(
    transport: Transport, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """F10: all of Slack's tries arrive before the first is on disk."""
    async with on_slack(tmp_path, transport) as gordon:
        gordon.team.deliveries.patience = HASTY
        accept, is_free = gordon.app.journal.accept, asyncio.Event()

        async def late(*given: Any) -> Sequence[OnDisk]:
            await is_free.wait()
            return await accept(*given)

        monkeypatch.setattr(gordon.app.journal, "accept", late)
        said = await gordon.acts.mentions(moby.TIANON, REBUILD, moby.DOCKER_DEV).acknowledged()
        assert [len(delivery.tries) for delivery in said.deliveries] == [4, 4]
        assert all(failed(said))
        is_free.set()
        await gordon.said("queued janky", under=said.ts)
        assert (len(gordon.world.request_ids()), len(gordon.under(said.ts))) == (1, 1)


@by_each
async def test_what_a_full_disk_refuses_is_not_acknowledged_and_comes_again(
    transport: Transport, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """F10: a command with a slash, which Slack does not repeat, has failed for whoever gave it."""

    async def full(*_: object) -> None:
        raise StorageError("the disk is full")

    async with on_slack(tmp_path, transport) as gordon:
        gordon.team.deliveries.patience = HASTY
        with monkeypatch.context() as patch:
            patch.setattr(gordon.app.journal, "accept", full)
            given = await gordon.acts.slash(moby.TIANON, REBUILD, moby.DOCKER_DEV).acknowledged()
            assert all(failed(given))
        again = await gordon.acts.slash(moby.TIANON, REBUILD, moby.DOCKER_DEV).acknowledged()
        assert failed(again) == []
        await gordon.said("queued janky")
        assert len(gordon.world.request_ids()) == 1


async def test_while_sockets_are_replaced_each_command_is_done_once(tmp_path: Path) -> None:
    """F9: Slack wants another socket after every second envelope."""
    asked = [f"rebuild moby#{number} {name}" for number in (1, 2, 3) for name in NAMES]
    async with on_slack(tmp_path) as gordon:
        gordon.team.link.refresh_every, gordon.team.link.grace_s = 2, 0.2
        gordon.team.deliveries.patience = Patience(3.0, (0.05, 0.5, 3.0))  # longer than a busy machine is without one
        acts = []
        for text in asked:
            acts.append(gordon.acts.mentions(moby.TIANON, text, moby.DOCKER_DEV))
            await asyncio.sleep(0.02)
        for act in acts:
            await gordon.said("queued", under=act.ts)
        assert (len(gordon.world.request_ids()), [failed(act) for act in acts]) == (len(asked), [[]] * len(acts))
        assert gordon.team.link.opened > 5


async def test_the_same_bytes_again_and_again_are_one_command(tmp_path: Path) -> None:
    """A10: whoever has seen a request may send it again for five minutes."""
    async with on_slack(tmp_path, "http") as gordon:
        said = await gordon.acts.mentions(moby.TIANON, REBUILD, moby.DOCKER_DEV).acknowledged()
        await gordon.said("queued janky", under=said.ts)
        given = await gordon.acts.slash(moby.TIANON, "ping", moby.DOCKER_DEV).acknowledged()
        for delivery in (*said.deliveries, *given.deliveries):
            body, headers = gordon.team.posts.request_of(delivery)
            assert [(await gordon.team.posts.post(body, headers))[0] for _ in range(3)] == [200] * 3
        await gordon.asks(moby.TIANON, "whoami")
        assert len(gordon.world.request_ids()) == 1
        assert len([each for each in gordon.messages() if "pong" in each["text"]]) == 1


async def test_slack_verifies_the_address(tmp_path: Path) -> None:
    async with on_slack(tmp_path, "http") as gordon:
        status, answer = await gordon.team.posts.verify("a-challenge")
        assert (status, "a-challenge" in answer) == (200, True)


@by_each
@pytest.mark.parametrize(
    "change",
    [
        pytest.param({"api_app_id": "A0ANOTHER"}, id="another-app"),
        pytest.param({"authorizations": [{"team_id": "T0ANOTHER"}]}, id="another-workspace"),
        pytest.param({"authorizations": [], "team_id": "T0ANOTHER"}, id="another-workspace-by-its-id"),
        pytest.param({"authorizations": [7], "team_id": moby.TEAM}, id="nobody"),
        pytest.param({"event": "no event"}, id="no-event"),
        pytest.param({"event": {"type": "message"}}, id="an-event-without-a-line"),
    ],
)
async def test_what_is_none_of_ours_is_acknowledged_and_not_obeyed(
    change: dict[str, Any], transport: Transport, tmp_path: Path
) -> None:
    async with on_slack(tmp_path, transport) as gordon:
        gordon.team.deliveries.fate = lambda delivery: Fate(0)
        said = gordon.acts.mentions(moby.TIANON, REBUILD, moby.DOCKER_DEV)
        gordon.team.deliveries.fate = lambda delivery: Fate()
        told = [gordon.team.deliveries.put("events_api", {**one.payload, **change}) for one in said.deliveries]
        await gordon.team.deliveries.settled()
        assert [(one.is_acknowledged, len(one.tries)) for one in told] == [(True, 1)] * 2
        await gordon.asks(moby.TIANON, "ping")
        assert gordon.world.request_ids() == []


@by_each
async def test_a_token_that_was_revoked_is_told_and_a_new_one_is_taken(transport: Transport, tmp_path: Path) -> None:
    """F11: health is red until there is another token in the file; what was said meanwhile waits."""
    async with on_slack(tmp_path, transport, clock=SystemClock(speed=100), numbers=QUICK) as gordon:
        gordon.acts.revokes()
        await gordon.until(lambda: not gordon.chat.connected())
        await gordon.until(lambda: "its token" in gordon.app.vitals.words()["moby"])
        assert [part.is_well for part in gordon.app.vitals.parts() if part.name == "moby"] == [False]
        gordon.workspace.app.revoked, gordon.workspace.app.bot_token = "", "xoxb-1000-2000-a-renewed-token"
        (tmp_path / "slack-bot").write_text("xoxb-1000-2000-a-renewed-token")
        await gordon.until(gordon.chat.connected)
        assert "its token" not in gordon.app.vitals.words()["moby"]
        await gordon.asks(moby.TIANON, "ping")


@by_each
async def test_a_slack_that_does_not_answer_for_a_minute_is_red_until_it_does(
    transport: Transport, tmp_path: Path
) -> None:
    """What is to be said waits meanwhile, instead of being tried for as long."""
    async with on_slack(tmp_path, transport, clock=SystemClock(speed=100), numbers=QUICK) as gordon:
        await gordon.asks(moby.TIANON, "ping")
        gordon.double.faults.break_down(503, times=-1)
        said = gordon.acts.mentions(moby.TIANON, REBUILD, moby.DOCKER_DEV)
        await gordon.until(lambda: not gordon.chat.connected())
        assert [part.is_well for part in gordon.app.vitals.parts() if part.name == "moby"] == [False]
        assert "its Web API: does not answer" in gordon.app.vitals.words()["moby"]
        gordon.double.faults.mend()
        await gordon.until(gordon.chat.connected)
        await gordon.said("queued janky", under=said.ts)


async def test_another_app_token_opens_the_next_socket(tmp_path: Path) -> None:
    """F11: whoever replaces a token writes it where the old one was read from."""
    async with on_slack(tmp_path) as gordon:
        gordon.workspace.app.app_token = "xapp-1-another-one"
        (tmp_path / "slack-app").write_text("xapp-1-another-one")
        gordon.team.link.cut()
        await gordon.until(lambda: gordon.team.link.opened == 2 and gordon.chat.connected())
        await gordon.asks(moby.TIANON, "ping")


async def test_a_socket_that_is_silent_is_red_until_there_is_another(tmp_path: Path) -> None:
    """F12."""
    async with on_slack(tmp_path) as gordon:
        gordon.team.link.says_hello = False
        gordon.team.link.cut()
        await gordon.until(lambda: not gordon.chat.connected())
        assert gordon.app.vitals.words()["moby"].startswith("not connected")


async def test_a_slack_that_is_away_at_the_start_is_met_later(tmp_path: Path) -> None:
    async with World(tmp_path, with_slack="socket", clock=SystemClock(speed=20)) as world:
        assert world.slack is not None
        world.slack.faults.refuse("auth.test", "internal_error", times=2)
        async with running_on_slack(world) as gordon:
            assert "pong" in await gordon.asks(moby.TIANON, "ping")


async def test_a_reload_lets_gordon_into_another_channel(tmp_path: Path) -> None:
    async with on_slack(tmp_path) as gordon:
        config = gordon.world.config
        config.write_text(config.read_text().replace('["#docker-dev"]', '["#docker-dev", "#builds"]'))
        gordon.app.hang_up.came.set()
        await gordon.until(lambda: "#builds" in gordon.app.live.now.settings.slack["moby"].channels)
        await gordon.until(lambda: len(gordon.double.calls_of("conversations.list")) > 1)
        assert "pong" in await gordon.asks(moby.TIANON, "ping", moby.BUILDS)


@by_each
async def test_that_slack_leaves_events_out_is_logged(
    transport: Transport, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async with on_slack(tmp_path, transport) as gordon:
        limited = {"type": "app_rate_limited", "team_id": moby.TEAM, "minute_rate_limited": 0, "api_app_id": moby.APP}
        told = gordon.team.deliveries.put("events_api", limited)
        await gordon.until(lambda: told.is_acknowledged)
        assert f"moby: {NOT_TOLD}" in caplog.text


OTHER = "T0OTHER01"
SECOND = """
[slack.other]
url = "{url}"
bot_token_file = "other-bot"
app_token_file = "other-app"
channels = ["#docker-dev"]
"""


def other(clock: Clock) -> Workspace:
    """Make another workspace, with an app of its own and people who have the same ids."""
    workspace = moby.moby(clock)
    workspace.name, workspace.team_id = "other", OTHER
    for user in workspace.users.values():
        user.team_id = OTHER
    workspace.app.id, workspace.app.bot_token, workspace.app.app_token = "A0OTHER01", "xoxb-of-other", "xapp-of-other"
    return workspace


async def test_people_of_two_workspaces_are_two_however_they_are_called(tmp_path: Path) -> None:
    """A4: each workspace has its tokens, and an id counts in its own; what is said is answered there."""
    async with SlackDouble(SystemClock(), other) as second, World(tmp_path, with_slack="socket") as world:
        for name, token in (("other-bot", "xoxb-of-other"), ("other-app", "xapp-of-other")):
            (tmp_path / name).touch(0o600)
            (tmp_path / name).write_text(token)
        world.config.write_text(world.config.read_text() + SECOND.format(url=second.api_url))
        async with running_on_slack(world) as gordon:
            await gordon.until(gordon.app.chats["other"].connected)
            there = second.team("other")
            refused = await there.acts.mentions(moby.TIANON, REBUILD, moby.DOCKER_DEV).acknowledged()
            await gordon.asks(moby.TIANON, REBUILD, expect="queued janky")
            answers = await gordon.until(lambda: there.workspace.channels[moby.DOCKER_DEV].thread(refused.ts)[1:])
            assert "has nobody with your account" in answers[0]["text"]
            assert len(gordon.world.request_ids()) == 1


ANSWERS = """
[plugin.answers.answer.clock-skew]
words = ["clock skew"]
say = "set your watch"
channels = ["moby/#docker-dev"]
"""


@by_each
async def test_what_is_said_to_nobody_is_answered_where_somebody_listens(transport: Transport, tmp_path: Path) -> None:
    async with World(tmp_path, with_slack=transport) as world:
        world.config.write_text(world.config.read_text() + ANSWERS)
        async with running_on_slack(world) as gordon:
            said = gordon.acts.says(moby.NEWCOMER, "is that clock skew?", moby.DOCKER_DEV)
            assert await gordon.said("set your watch", under=said.ts) == "set your watch"
            gordon.acts.says(moby.NEWCOMER, "is that clock skew?", moby.BUILDS)
            await gordon.asks(moby.TIANON, "ping")
            assert gordon.messages(moby.BUILDS) == []


@by_each
async def test_check_asks_slack_and_takes_nothing_from_a_gordon_that_runs(transport: Transport, tmp_path: Path) -> None:
    async with on_slack(tmp_path, transport) as gordon:
        opened = gordon.team.link.opened
        assert (await asyncio.to_thread(check, gordon.world.config, live=True))[0] == []
        assert gordon.team.link.opened == opened


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        pytest.param(lambda slack: setattr(slack.app, "revoked", "token_revoked"), "token_revoked", id="its-token"),
        pytest.param(
            lambda slack: setattr(slack.app, "app_token", "xapp-another"), "invalid_auth", id="the-token-of-the-app"
        ),
        pytest.param(
            lambda slack: setattr(slack.app, "scopes", slack.app.scopes - {"files:write"}),
            "lacks the scope files:write, to show logs",
            id="a-scope",
        ),
        pytest.param(
            lambda slack: setattr(slack.channels[moby.DOCKER_DEV], "name", "dev"), "no such channel", id="a-channel"
        ),
    ],
)
async def test_check_tells_what_is_wrong_with_slack(wrong: Any, words: str, tmp_path: Path) -> None:
    """F11."""
    async with World(tmp_path, with_slack="socket") as world:
        assert world.slack is not None
        wrong(world.slack.workspace())
        problems, _ = await asyncio.to_thread(check, world.config, live=True)
        assert len(problems) == 1
        assert words in problems[0]
