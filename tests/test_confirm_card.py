"""What is to be confirmed is a card: a button where there are some, and one line to answer where there are none."""

from dataclasses import replace
from datetime import UTC, datetime

from bot.adapters.github_chat_wire import part_of
from bot.chat import Card
from bot.confirm import Confirmations
from bot.errors import Unconfirmed
from bot.events import CommandGiven
from bot.live import Facts, Live
from bot.people import People
from bot.settings import CoreSettings, GordonSettings
from bot.testing import confirmation
from bot.values import Person, Place, Speaker
from tests.moved_clock import MovedClock

EVENT = CommandGiven(
    key="k", lane="moby/moby#1", at=datetime(2026, 1, 5, tzinfo=UTC), command="cancel", text="cancel moby#1",
    speaker=Speaker("slack", "cm", "U1", "signed by Slack"), place=Place("slack", "#docker", to="U1"),
)  # fmt: skip


def offered(effect: str = "cancel janky") -> tuple[Confirmations, Card]:
    live = Live(Facts(GordonSettings(gordon=CoreSettings(home="moby/moby")), People({}, {})))
    confirmations = Confirmations(live, MovedClock())
    return confirmations, confirmations.offer(EVENT, Person("crosbymichael"), Unconfirmed(effect, "digest"))


def test_only_the_button_and_the_line_to_answer_have_the_token() -> None:
    """A32: what everybody reads in a channel confirms nothing."""
    _, card = offered()
    go_on = confirmation(card.one_line())
    assert [(button.label, button.command) for button in card.buttons] == [("Confirm", go_on)]
    bare = replace(card, brief="")
    assert go_on.split()[1] not in bare.one_line()
    assert bare.one_line().startswith("cancel moby#1: this would cancel janky; ")


def test_the_button_gives_what_the_line_asks_for() -> None:
    confirmations, card = offered()
    token = card.buttons[0].command.split()[1]
    found = confirmations.find(token, Person("crosbymichael"), replace(EVENT.place, thread="1.2"), "press")
    assert found.event is EVENT


def test_where_nothing_can_be_pressed_the_words_to_write_are_shown() -> None:
    _, card = offered()
    assert "to go on write: `@gordon` confirm &#" in part_of(card, "gordon")


def test_half_a_character_in_what_would_be_done_breaks_nothing() -> None:
    _, card = offered("cancel jan\ud800ky")
    assert card.one_line().encode()
