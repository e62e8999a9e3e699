"""Forms: a modal opens in time, asks what a job takes, and becomes one command of whoever submits it."""

import asyncio
import json
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest

from bot.adapters.slack_blocks import Block
from bot.adapters.slack_clicks import State, View
from bot.adapters.slack_forms import TOO_LATE
from bot.adapters.slack_views import (
    METADATA_CHARS,
    NEEDED,
    About,
    about_of,
    filled_of,
    form_view,
    options_of,
    told_view,
)
from bot.adapters.slack_wire import read_slash
from bot.chat import Blank, Button, Card, Form, Heard, Mentioned, Words
from bot.demo.slack import moby
from bot.demo.slack.block_kit import check_view
from bot.demo.slack.views import change_view
from bot.errors import StorageError, Unavailable, UserError
from bot.testing import NETWORK
from bot.values import Speaker
from tests.slack_clicks_rig import CHANNEL, HERE, Clicks, clicking

KNOWN = Form(
    "Known flake",
    "known add",
    (
        Blank("id", "Name", is_needed=True),
        Blank("class", "What fails", choices=("network", "scm"), is_needed=True),
        Blank("retry", "Try again", choices=("true", "false", "unknown"), initial="true", is_needed=True),
        Blank("regex", "Expression", is_needed=True, is_rest=True),
    ),
)


@dataclass
class Asked:
    """An `Inside` that gives a form, and keeps what it is given."""

    form_: Form = field(default_factory=lambda: Form("Build x", "build x"))
    refusal: str | None = None
    error: Exception | None = None
    wait_s: float = 0.0
    taken: list[Heard] = field(default_factory=list)

    async def take(self, heard: Heard) -> str | None:
        if isinstance(self.error, StorageError):
            raise self.error
        self.taken.append(heard)
        return self.refusal

    async def refused(self, key: str) -> bool:
        return False

    async def answer(self, heard: Heard) -> Words | None:
        return "nothing"

    async def form(self, heard: Heard) -> Form:
        await asyncio.sleep(self.wait_s)
        if self.error is not None:
            raise self.error
        return self.form_

    async def builds(self, speaker: Speaker) -> Words:
        return "none"

    def reads(self, text: str) -> bool:
        return False

    def mentioned(self, text: str) -> Sequence[Mentioned]:
        return ()


def which(*jobs: str) -> Form:
    return Form("Start a build", "build", (Blank("job", "Job", choices=jobs, is_needed=True),), asks_more=True)


async def submits(
    clicks: Clicks, view_id: str, values: dict[str, str], user: str = moby.TIANON, times: int = 1
) -> None:
    await clicks.clicks(clicks.team.acts.submits(user, view_id, values), times)


def errors(clicks: Clicks, view_id: str) -> dict[str, str]:
    found: dict[str, str] = clicks.team.workspace.views[view_id].errors
    return found


# -- through a whole Gordon --


async def test_a_build_is_asked_for_and_started_once(tmp_path: Path) -> None:
    """By `/gordon build`: first the job, then what it takes; however often it is submitted."""
    async with clicking(tmp_path) as clicks:
        assert clicks.slashes(moby.TIANON, "build")
        view = await clicks.view("base-image")
        await submits(clicks, view.id, {"blank.0": "base-image"})
        view = await clicks.view("PLATFORM")
        act = clicks.team.acts.submits(moby.TIANON, view.id, {"blank.0": "el7", "blank.1": ""})
        await clicks.clicks(act, times=3)
        await clicks.gordon.chat.line("this would start base-image .*PLATFORM=el7|base-image.*el7")
        assert len(clicks.gordon.lines) == 1
        assert clicks.gordon.chat.said[-1][0].channel == CHANNEL
        assert clicks.open_views == []


async def test_with_a_job_the_form_of_that_one_opens(tmp_path: Path) -> None:
    async with clicking(tmp_path) as clicks:
        assert clicks.slashes(moby.TIANON, "build base-image")
        view = await clicks.view("PLATFORM")
        assert view.view["submit"]["text"] == "Start"


@pytest.mark.parametrize(
    ("user", "text", "channel", "words"),
    [
        pytest.param(moby.NEWCOMER, "build", moby.DOCKER_DEV, "needs the role maintainer", id="who-may-not"),
        pytest.param(moby.GUEST, "build base-image", moby.DOCKER_DEV, "nobody here knows you", id="a-guest"),
        pytest.param(moby.TIANON, "build nothing", moby.DOCKER_DEV, 'no job \\"nothing', id="no-such-job"),
        pytest.param(moby.TIANON, "build", moby.SHARED, "I obey in #docker-dev", id="not-there"),
    ],
)
async def test_why_there_is_no_form_stands_in_the_modal(
    user: str, text: str, channel: str, words: str, tmp_path: Path
) -> None:
    async with clicking(tmp_path) as clicks:
        clicks.slashes(user, text, channel)
        view = await clicks.view(words)
        assert "submit" not in view.view


@pytest.mark.parametrize(
    ("text", "is_asked"),
    [
        pytest.param("build", True, id="no-job"),
        pytest.param("Build base-image", True, id="a-job"),
        pytest.param("build base-image PLATFORM=el7", False, id="all-is-said"),
        pytest.param("rebuild moby#1", False, id="another-command"),
        pytest.param("", False, id="nothing"),
    ],
)
async def test_what_is_said_in_full_is_not_asked_for(text: str, is_asked: bool, tmp_path: Path) -> None:
    async with clicking(tmp_path) as clicks:
        assert clicks.slashes(moby.TIANON, text) is is_asked


async def test_a_slash_command_has_its_place_and_its_speaker(tmp_path: Path) -> None:
    async with clicking(tmp_path) as clicks:
        for where in (moby.DOCKER_DEV, moby.TIANON, moby.BUILDS):
            clicks.team.acts.slash(moby.TIANON, "status", where)
        here, alone, elsewhere = (read_slash(one.payload) for one in clicks.team.deliveries.ledger[-3:])
        heard = await clicks.interactions.given(here)
        assert heard.key == f"slack:{NETWORK}:{here.trigger}"
        assert heard.place == replace(HERE, to=moby.TIANON)
        assert heard.speaker == await clicks.who("", moby.TIANON, "")
        private = (await clicks.interactions.given(alone)).place
        assert (private.private, private.channel, private.to) == (True, moby.TIANON, moby.TIANON)
        with pytest.raises(UserError, match="#docker-dev"):
            await clicks.interactions.given(elsewhere)


async def test_a_refusal_stands_at_its_blank(tmp_path: Path) -> None:
    async with clicking(tmp_path) as clicks:
        inside = clicks.inside = Asked(
            Form("Build x", "build x", (Blank("A", "A", "A="), Blank("RELEASE", "RELEASE", "RELEASE="))),
            refusal="RELEASE is no version",
        )
        clicks.slashes(moby.TIANON, "build x")
        view = await clicks.view("RELEASE")
        await submits(clicks, view.id, {"blank.1": "what"})
        assert errors(clicks, view.id) == {"blank.1": "RELEASE is no version"}
        inside.refusal = "too much"
        await submits(clicks, view.id, {"blank.1": "what"})
        assert errors(clicks, view.id) == {"blank.0": "too much"}
        await submits(clicks, view.id, {"blank.0": 'a"b'})
        assert errors(clicks, view.id) == {"blank.0": 'A: a quotation mark (") cannot be said in a command'}
        inside.refusal = None
        await submits(clicks, view.id, {"blank.1": "a b"})
        assert [heard.text for heard in inside.taken][-1] == 'build x RELEASE="a b"'
        assert clicks.open_views == []
        assert {heard.key for heard in inside.taken} == {f"slack:test:view:{view.id}"}


async def test_a_refusal_of_a_form_without_blanks_takes_its_place(tmp_path: Path) -> None:
    async with clicking(tmp_path) as clicks:
        clicks.inside = Asked(refusal="not now")
        clicks.slashes(moby.TIANON, "build x")
        view = await clicks.view("takes nothing more")
        await submits(clicks, view.id, {})
        assert "not now" in json.dumps(clicks.team.workspace.views[view.id].view)


async def test_a_server_that_is_away_is_told_in_the_modal(tmp_path: Path) -> None:
    async with clicking(tmp_path) as clicks:
        clicks.inside = Asked(error=Unavailable("Jenkins ci", "reading x"))
        clicks.slashes(moby.TIANON, "build x")
        await clicks.view("nothing was started, try again later")


async def test_a_server_that_is_slow_keeps_nobody_from_the_modal(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A trigger is good for three seconds, and so is an acknowledgement."""
    monkeypatch.setattr("bot.adapters.slack_forms.ANSWER_S", 0.05)
    async with clicking(tmp_path) as clicks:
        inside = clicks.inside = Asked(which("x", "y"), wait_s=0.1)
        clicks.slashes(moby.TIANON, "build")
        await clicks.view("One moment")
        first = await clicks.view("Job")
        inside.form_, inside.wait_s = Form("Build x", "build x", (Blank("A", "Aardvark", "A="),)), 0.3
        await submits(clicks, first.id, {"blank.0": "x"})
        assert "One moment" in json.dumps(clicks.team.workspace.views[first.id].view)
        second = await clicks.view("Aardvark")
        assert second.id == first.id
        assert inside.taken == []


async def test_a_modal_that_was_closed_meanwhile_stays_closed(tmp_path: Path) -> None:
    async with clicking(tmp_path) as clicks:
        clicks.inside = Asked(wait_s=0.1)
        clicks.slashes(moby.TIANON, "build x")
        view = await clicks.view("One moment")
        clicks.team.acts.closes(moby.TIANON, view.id)
        await clicks.slack.called("views.update")
        assert clicks.open_views == []


async def test_a_modal_that_shows_something_else_meanwhile_is_left_alone(tmp_path: Path) -> None:
    async with clicking(tmp_path) as clicks:
        clicks.inside = Asked(wait_s=0.1)
        clicks.slashes(moby.TIANON, "build x")
        view = await clicks.view("One moment")
        change_view(clicks.team.workspace, view, told_view("Else", "something else"))
        await clicks.slack.called("views.update")
        await clicks.until(lambda: clicks.slack.calls_of("views.update")[0].status)
        assert "something else" in json.dumps(view.view)


async def test_what_is_needed_is_told_at_its_blank(tmp_path: Path) -> None:
    async with clicking(tmp_path) as clicks:
        inside = clicks.inside = Asked(KNOWN)
        clicks.slashes(moby.TIANON, "build x")
        view = await clicks.view("Expression")
        await submits(clicks, view.id, {"blank.0": "a b", "blank.1": "scm"})
        assert errors(clicks, view.id) == {"blank.3": NEEDED}
        assert inside.taken == []


async def test_who_is_too_late_for_a_modal_is_told_so(tmp_path: Path) -> None:
    async with clicking(tmp_path) as clicks:
        clicks.slack.faults.refuse("views.open", "expired_trigger_id")
        clicks.slashes(moby.TIANON, "build")
        await clicks.until(lambda: clicks.whispers)
        assert clicks.whispers == [(moby.TIANON, TOO_LATE)]


async def test_a_form_that_no_disk_takes_is_not_acknowledged(tmp_path: Path) -> None:
    async with clicking(tmp_path) as clicks:
        inside = clicks.inside = Asked()
        clicks.slashes(moby.TIANON, "build x")
        view = await clicks.view("takes nothing more")
        inside.error = StorageError("the disk is full")
        with pytest.raises(StorageError):
            await submits(clicks, view.id, {})
        assert [each.id for each in clicks.open_views] == [view.id]


async def test_many_jobs_are_found_by_typing(tmp_path: Path) -> None:
    async with clicking(tmp_path) as clicks:
        clicks.inside = Asked(which(*(f"job-{number}" for number in range(500))))
        clicks.slashes(moby.TIANON, "build")
        view = await clicks.view("external_select")
        [block] = view.view["blocks"]
        action = block["element"]["action_id"]
        ack = await clicks.clicks(
            clicks.team.acts.asks_options(moby.TIANON, action, block["block_id"], view.id, "b-49")
        )
        options = [option["text"]["text"] for option in (ack.body or {})["options"]]
        assert options == ["job-49", *(f"job-49{number}" for number in range(10))]
        clicks.inside = Asked(Form("Build job-49", "build job-49", (Blank("A", "Aardvark"),)))
        await submits(clicks, view.id, {block["block_id"]: "job-49"})
        await clicks.view("Aardvark")


# -- forms of cards --


async def test_a_button_with_a_form_asks_first_and_then_names_who_submitted(tmp_path: Path) -> None:
    async with clicking(tmp_path) as clicks:
        card = Card("base-image #3 failed", buttons=(Button("Known flake...", "why x#3", KNOWN),))
        ref = await clicks.posted(card)
        inside = clicks.inside = Asked()
        await clicks.presses(moby.TIANON, "Known flake...", ref)
        view = await clicks.view("Known flake")
        values = {"blank.0": "skew", "blank.1": "network", "blank.3": 'clock "skew" <[0-9]+>'}
        await submits(clicks, view.id, values)
        [heard] = inside.taken
        assert heard.text == 'known add skew network true clock "skew" <[0-9]+>'
        assert (heard.place.channel, heard.place.thread) == (CHANNEL, ref.id.partition(":")[2])
        await clicks.until(lambda: ": pressed by" in clicks.shown(ref))


async def test_a_submission_that_is_not_of_ours_is_told_so(tmp_path: Path) -> None:
    async with clicking(tmp_path) as clicks:
        clicks.inside = Asked()
        clicks.slashes(moby.TIANON, "build x")
        view = await clicks.view("takes nothing more")
        for metadata in ("", "{", '{"command": 3}', "\ud800"):
            [delivery] = clicks.team.acts.submits(moby.TIANON, view.id, {}).deliveries
            delivery.payload["view"]["private_metadata"] = metadata
            ack = await clicks.interactions.clicked(delivery.payload)
            assert "no form of mine" in json.dumps(ack.body)


async def test_the_place_of_an_answer_is_looked_at_again(tmp_path: Path) -> None:
    """What comes back with a modal says where its answer goes, and commands are obeyed in few places."""
    async with clicking(tmp_path) as clicks:
        inside = clicks.inside = Asked()
        clicks.slashes(moby.TIANON, "build x")
        view = await clicks.view("takes nothing more")
        [delivery] = clicks.team.acts.submits(moby.TIANON, view.id, {}).deliveries
        told = json.loads(delivery.payload["view"]["private_metadata"]) | {"channel": moby.SECRETS}
        delivery.payload["view"]["private_metadata"] = json.dumps(told)
        ack = await clicks.interactions.clicked(delivery.payload)
        assert "and not here" in json.dumps(ack.body)
        assert inside.taken == []


# -- writing and reading --


def shown(view: Block, state: dict[str, str]) -> View:
    """Have Slack hand a modal back with what was filled in."""
    values: dict[str, dict[str, Block]] = {}
    for block in view["blocks"]:
        if block["type"] == "input":
            text = state.get(block["label"]["text"], "")
            element = block["element"]
            chosen = {"selected_option": {"value": text}} if "options" in element else {"value": text}
            values[block["block_id"]] = {element["action_id"]: chosen}
    return View("V1", "modal", "", view["callback_id"], view["private_metadata"], view["blocks"], State(values))


@pytest.mark.parametrize(
    "blank",
    [
        pytest.param(Blank("a", "A & <B>", "A&<B>="), id="signs"),
        pytest.param(Blank("a", "x" * 400, "é" * 20 + "="), id="long-and-not-ascii"),
        pytest.param(Blank("a", "A", "A=", choices=("x" * 80, "y")), id="a-choice-too-long-for-a-menu"),
        pytest.param(Blank("a", "A", "A=", choices=("", "  ", "y")), id="a-choice-of-nothing"),
        pytest.param(Blank("a", "A", "A=", choices=tuple(map(str, range(101)))), id="more-than-a-menu-has"),
        pytest.param(Blank("a", "", "A=", hint="h" * 5000, initial="i" * 5000), id="no-label-and-too-much-of-all"),
    ],
)
def test_any_blank_is_within_the_limits_and_comes_back(blank: Blank) -> None:
    view = form_view(Form("T" * 60, "build x", (blank,)), About(channel="C1", thread="1.2"))
    check_view(view, "modal")
    [block] = [each for each in view["blocks"] if each["type"] == "input"]
    handed = shown(view, {block["label"]["text"]: "value"})
    about = about_of(handed)
    assert about is not None
    assert (about.channel, about.thread) == ("C1", "1.2")
    filled = filled_of(handed, about)
    assert filled.form.filled(filled.values) == f"build x {blank.before}value"


def test_a_choice_comes_back_as_it_is() -> None:
    for choice in ("a&b", "<c>", "50%", "%26", "é è", "&amp;", "#1|2"):
        [option] = options_of([choice])
        assert not set(option["value"]) & set("&<>")
        view = form_view(Form("T", "build x", (Blank("a", "A", choices=(choice,)),)), About())
        check_view(view, "modal")
        handed = shown(view, {"A": option["value"]})
        assert list(filled_of(handed, About("build x")).values.values()) == [choice]


def test_more_blanks_than_a_modal_has_are_told_to_be_typed() -> None:
    view = form_view(Form("T", "build x", tuple(Blank(str(n), str(n), f"{n}=") for n in range(200))), About())
    check_view(view, "modal")
    assert "110 more can only be typed" in json.dumps(view["blocks"][-1])


def test_what_is_needed_is_asked_for_again() -> None:
    filled = filled_of(
        shown(form_view(KNOWN, About()), {"Name": " ", "What fails": "scm", "Try again": "true"}), About()
    )
    assert filled.wrong() == {"blank.0": NEEDED, "blank.3": NEEDED}


def test_a_command_that_is_too_long_has_no_modal() -> None:
    with pytest.raises(UserError, match="too long for a form"):
        form_view(Form("T", "x" * METADATA_CHARS), About())
