"""What a network with buttons and forms gets of Gordon besides what is said: refusals apart, answers, blanks."""

import asyncio
from pathlib import Path

import pytest

from bot.chat import Blank, Card, Form, Heard, Inside
from bot.demo.world import CHANNEL
from bot.errors import NotAllowed, StorageError, UserError
from bot.testing import NETWORK, Gordon, running
from bot.values import Place, Speaker

FORM = Form(
    "New cause",
    "known add",
    (Blank("a", "First"), Blank("b", "Second", before="B="), Blank("rest", "Pattern", is_rest=True)),
)


def by(nick: str, text: str, key: str = "press-1") -> Heard:
    place = Place(NETWORK, CHANNEL, to=nick, thread="7")
    return Heard(key, text, Speaker(NETWORK, nick, nick, "test"), place, awaits_disk=True)


def inside_of(gordon: Gordon) -> Inside:
    assert gordon.chat.inside is not None
    return gordon.chat.inside


async def builds(gordon: Gordon, number: int) -> None:
    async with asyncio.timeout(30):
        while len(gordon.world.request_ids()) < number:  # noqa: ASYNC110  the ledger tells when asked
            await asyncio.sleep(0.02)


async def test_what_was_pressed_twice_builds_once(tmp_path: Path) -> None:
    """A6: a refusal is given back for whoever pressed, and said nowhere."""
    async with running(tmp_path) as gordon:
        inside, press = inside_of(gordon), by("tianon", "rebuild moby#1 janky")
        refused = await inside.take(by("newcomer", "build base-image"))
        assert refused is not None
        assert "needs the role maintainer" in refused
        assert [await inside.take(press) for _ in range(3)] == [None, None, None]
        await gordon.chat.line("queued janky")
        await builds(gordon, 1)
        assert (len(gordon.world.request_ids()), [place.thread for place, _ in gordon.chat.said]) == (1, ["7"])


async def test_a_form_asks_what_the_job_wants_of_people(tmp_path: Path) -> None:
    async with running(tmp_path) as gordon:
        form = await inside_of(gordon).form(by("tianon", "build base-image"))
        assert [(blank.name, blank.choices) for blank in form.blanks] == [
            ("PLATFORM", ("el6", "el7", "jessie")),
            ("PUSH", ("true", "false")),
        ]
        assert form.filled({"PLATFORM": "el7", "PUSH": ""}) == "build base-image PLATFORM=el7"


@pytest.mark.parametrize(
    ("nick", "text", "error", "words"),
    [
        pytest.param("newcomer", "build base-image", NotAllowed, "needs the role maintainer", id="no-right"),
        pytest.param("newcomer", "build", NotAllowed, "needs the role maintainer", id="no-right-to-any-job"),
        pytest.param("tianon", "build nothing", UserError, "base-image", id="no-such-job"),
        pytest.param("tianon", "rebuild moby#1", UserError, "no form", id="no-form"),
    ],
)
async def test_no_form_is_given_for(nick: str, text: str, error: type[UserError], words: str, tmp_path: Path) -> None:
    async with running(tmp_path) as gordon:
        with pytest.raises(error, match=words):
            await inside_of(gordon).form(by(nick, text))


async def test_without_a_job_the_form_asks_which_one(tmp_path: Path) -> None:
    async with running(tmp_path) as gordon:
        form = await inside_of(gordon).form(by("tianon", "build"))
        assert ([blank.choices for blank in form.blanks], form.asks_more) == ([("base-image",)], True)
        chosen = await inside_of(gordon).form(by("tianon", form.filled({"job": "base-image"})))
        assert (chosen.command, chosen.asks_more) == ("build base-image", False)


async def test_what_changes_nothing_is_told_apart(tmp_path: Path) -> None:
    async with running(tmp_path) as gordon:
        said = {text: inside_of(gordon).reads(text) for text in ("log janky#1", "rebuild moby#1", "confirm x", "what")}
        assert said == {"log janky#1": True, "rebuild moby#1": False, "confirm x": False, "what": False}


async def test_an_answer_is_given_to_whoever_asks_and_said_nowhere(tmp_path: Path) -> None:
    async with running(tmp_path) as gordon:
        answer = await inside_of(gordon).answer(by("newcomer", "status moby#1"))
        assert "moby#1" in (answer.one_line() if isinstance(answer, Card) else str(answer))
        with pytest.raises(UserError, match="changes something"):
            await inside_of(gordon).answer(by("tianon", "rebuild moby#1"))
        assert (gordon.lines, gordon.world.request_ids()) == ([], [])


@pytest.mark.parametrize("way", ["press", "line"])
async def test_nothing_is_taken_that_is_not_on_disk(way: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A press is given back as not taken, so that the network delivers it again; a line is told to its speaker."""

    async def full(*_: object) -> None:
        raise StorageError("the disk is full")

    async with running(tmp_path) as gordon:
        with monkeypatch.context() as patch:
            patch.setattr(gordon.app.journal, "accept", full)
            if way == "press":
                with pytest.raises(StorageError):
                    await inside_of(gordon).take(by("tianon", "rebuild moby#1 janky"))
            else:
                await gordon.app.intake.hear(by("tianon", "rebuild moby#1 janky"))
                await gordon.chat.line("nothing was started: the disk is full")
        assert await inside_of(gordon).take(by("tianon", "rebuild moby#1 janky")) is None
        await builds(gordon, 1)


async def test_what_is_too_much_is_never_refused_without_a_word(tmp_path: Path) -> None:
    """On IRC it is said once, and then nothing is; who presses and sees nothing would press again."""
    async with running(tmp_path) as gordon:
        inside = inside_of(gordon)
        told = [await inside.take(by("stranger", "ping", f"press-{number}")) for number in range(14)]
        assert told[0] is None
        assert set(told[-2:]) == {"too many commands at once; wait a moment"}
        with pytest.raises(UserError, match="too many commands at once"):
            await inside.answer(by("stranger", "ping", "press-14"))


@pytest.mark.parametrize(
    ("values", "text"),
    [
        pytest.param({"a": "1"}, "known add 1", id="what-is-empty-is-left-out"),
        pytest.param({"a": "x y", "b": "2"}, 'known add "x y" B=2', id="blanks-are-quoted"),
        pytest.param({"rest": 'say "no" [0-9]+'}, 'known add say "no" [0-9]+', id="the-rest-as-it-stands"),
    ],
)
def test_a_form_writes_its_command(values: dict[str, str], text: str) -> None:
    assert FORM.filled(values) == text


def test_a_form_refuses_what_no_command_can_say() -> None:
    with pytest.raises(UserError, match="Second: a quotation mark"):
        FORM.filled({"b": 'a"b'})
