"""What notices say, by tables."""

from datetime import UTC, datetime

import pytest

from bot.plugin import Card, When
from bot.values import Place
from plugins.notices.notice import Notice, here, new_id, notice_of, payload_of, spot
from plugins.notices.settings import ChannelNotices, ListSettings, NoticesSettings
from plugins.notices.words import (
    MAX_ANSWERS,
    MAX_BYTES,
    QUIET_OVER,
    Answer,
    Told,
    coming,
    late,
    message,
    reason,
    worth_telling,
)

MOBY = Place("libera", "#moby")
PARIS = When("daily 09:00 Europe/Paris")
SOME, NOTHING = Card("2 are stale", ("#1", "#2")), Card("none is stale", is_nothing=True)


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def notice(label: str = "morning", *, always: bool = False) -> Notice:
    return Notice("list morning", label, PARIS, ("prs stale",), (MOBY,), always=always)


@pytest.mark.parametrize(
    ("answers", "always", "before", "told", "why"),
    [
        pytest.param([Answer("a", SOME)], False, "", ["a"], "", id="something"),
        pytest.param([Answer("a", NOTHING)], False, "", [], "nothing to list", id="nothing"),
        pytest.param([Answer("a", None)], False, "", [], "nothing to list", id="no-answer"),
        pytest.param([Answer("a", NOTHING)], True, "", ["a"], "nothing to list", id="nothing-and-always"),
        pytest.param([Answer("a", NOTHING), Answer("b", "x")], True, "", ["b"], "", id="some-of-it"),
        pytest.param([Answer("a", why="w")], False, "", ["a"], "a: w", id="wrong"),
        pytest.param([Answer("a", why="w")], False, "a: w", [], "a: w", id="wrong-as-before"),
        pytest.param([Answer("a", why="w")], True, "a: w", [], "a: w", id="wrong-as-before-and-always"),
        pytest.param([Answer("a", why="w"), Answer("b", "x")], False, "a: w", ["b"], "a: w", id="wrong-beside"),
        pytest.param([Answer("a", why="v")], False, "a: w", ["a"], "a: v", id="wrong-in-another-way"),
    ],
)
def test_what_of_a_notice_is_told(answers: list[Answer], always: bool, before: str, told: list[str], why: str) -> None:
    assert [one.command for one in worth_telling(notice(always=always), answers, before)] == told
    assert reason(answers) == why


@pytest.mark.parametrize(
    ("planned", "came", "missed", "words"),
    [
        pytest.param("2014-09-01 07:00", "2014-09-01 07:00", 0, "", id="in-time"),
        pytest.param("2014-09-01 07:00", "2014-09-01 07:09", 0, "", id="a-little-late"),
        pytest.param("2014-09-01 07:00", "2014-09-01 08:00", 0, "due at 09:00, I was away", id="late"),
        pytest.param("2014-08-31 07:00", "2014-09-01 06:00", 0, "due at Sun 31 Aug 09:00, I was away", id="yesterday"),
        pytest.param(
            "2014-09-01 07:00", "2014-09-01 08:00", 3, "due at 09:00, I was away, and missed 3 before", id="several"
        ),
        pytest.param("2014-09-01 07:00", "2014-09-01 07:01", 3, "I was away, and missed 3 before", id="back-in-time"),
    ],
)
def test_what_is_late_says_so(planned: str, came: str, missed: int, words: str) -> None:
    assert late(PARIS, at(planned), at(came), missed) == words


def test_when_a_notice_comes_is_told_in_its_zone() -> None:
    now = at("2014-09-01 22:30")  # the second of September in Paris
    assert coming(PARIS, at("2014-09-02 07:00"), now) == "next 09:00"
    assert coming(PARIS, None, now) == "never again"


def test_a_card_stays_a_card_and_takes_the_place_of_no_other() -> None:
    card = Card("2 are stale", ("#1",), slot="prs", is_step=True, brief="2 stale")
    told = message([Told(notice(), [Answer("prs stale", card)], "due at 09:00, I was away")])
    head = "morning (due at 09:00, I was away): "
    assert told == Card(head + "2 are stale", ("#1",), brief=head + "2 stale")


@pytest.mark.parametrize("number", [1, 2, 5, MAX_ANSWERS, MAX_ANSWERS + 1, 50])
@pytest.mark.parametrize("length", [10, 100, 1000, 10_000])
def test_however_much_there_is_one_message_is_so_long_and_names_the_rest(number: int, length: int) -> None:
    told = [Told(notice(f"list {n}"), [Answer(f"prs n{n}", "é" * (length // 2))]) for n in range(number)]
    words = message(told)
    text = words.one_line() if isinstance(words, Card) else str(words)
    assert len(text.encode()) <= MAX_BYTES + len(QUIET_OVER) + 3 * MAX_ANSWERS + 80 * (number > 1)
    assert all(f"list {n}" in text for n in range(min(number, MAX_ANSWERS)))
    if length == 10_000:
        assert "(say prs n0 for all of it)" in text
    assert (f"and {number - MAX_ANSWERS} more" in text) is (number > MAX_ANSWERS)


def test_nothing_is_no_message() -> None:
    assert message([]) is None
    assert message([Told(notice(), [])]) is None


def test_what_somebody_puts_down_is_read_as_it_was_meant() -> None:
    place = Place("libera", "jess", to="jess", private=True, account="jessie")
    where = here(place, "jess", "jessie")
    found = notice_of(NoticesSettings(), "chat k7f2", payload_of(where, "prs stale", "jess", PARIS, "irc:1"))
    assert found == Notice("chat k7f2", "prs stale [k7f2]", PARIS, ("prs stale",), (where,), "jess")
    assert where == Place("libera", "jess", private=True, account="jessie")
    assert notice_of(NoticesSettings(), "list gone", {}) is None


def test_a_place_is_the_same_however_it_is_written() -> None:
    assert spot(Place("libera", "#Moby", to="jess")) == spot(MOBY)
    assert spot(Place("libera", "jess", private=True, account="jessie")) == spot(
        Place("libera", "jess_", private=True, account="jessie")
    )
    assert spot(Place("libera", "jess", private=True)) != spot(Place("libera", "jess"))


def test_an_id_is_that_of_its_event_and_of_no_other() -> None:
    first = new_id("irc:1", ())
    assert new_id("irc:1", ()) == first
    assert new_id("irc:2", ()) != first
    assert new_id("irc:1", {first}) != first


LIST = ListSettings(at="daily 09:00", to=("libera/#moby",), commands=("prs stale",))


@pytest.mark.parametrize(
    ("make", "words"),
    [
        pytest.param(lambda: NoticesSettings(zone="Mars/Base"), "zone: ", id="zone"),
        pytest.param(lambda: NoticesSettings(channel={"l/#a": ChannelNotices(zone="X/Y")}), "l/#a zone: ", id="theirs"),
        pytest.param(lambda: NoticesSettings(channel={"l/#a": ChannelNotices(quiet="22")}), "l/#a quiet: ", id="quiet"),
        pytest.param(lambda: NoticesSettings(list={"a b": LIST}), "a name has letters", id="name"),
        pytest.param(
            lambda: NoticesSettings(list={"a": ListSettings(at="soon", to=("l/#a",), commands=("prs",))}),
            'list.a at: cannot read "soon" as a time',
            id="time",
        ),
        pytest.param(
            lambda: NoticesSettings(
                list={"a": ListSettings(at="daily 09:00", to=("l/#a", "l/#b"), commands=("prs",))},
                channel={"l/#a": ChannelNotices(zone="Europe/Paris")},
            ),
            "several zones (Europe/Paris, UTC), so name one in it",
            id="several-zones",
        ),
        pytest.param(lambda: ListSettings(at="x", to=(), commands=("a",)), "to must have 1 to 8", id="nowhere"),
        pytest.param(lambda: ListSettings(at="x", to=("a",), commands=()), "commands must have 1 to 8", id="nothing"),
        pytest.param(lambda: ListSettings(at="x", to=("a",), commands=("",)), "commands must not be empty", id="empty"),
        pytest.param(lambda: ListSettings(at="x", to=("a", "A"), commands=("b",)), "the same twice", id="twice"),
        pytest.param(lambda: ListSettings(at="x", to=("a",), commands=("b\n",)), "must be on one line", id="line"),
    ],
)
def test_what_is_wrong_with_the_settings_is_said(make: object, words: str) -> None:
    assert callable(make)
    with pytest.raises(ValueError, match=r".*") as caught:
        make()
    assert words in str(caught.value)


def test_times_are_those_of_the_channel_unless_they_name_their_own() -> None:
    settings = NoticesSettings(list={"a": LIST}, channel={"libera/#Moby": ChannelNotices(zone="Europe/Paris")})
    assert settings.times() == {"list a": PARIS}
    assert settings.zone_at(MOBY) == "Europe/Paris"
    assert settings.zone_at(Place("libera", "#other")) == "UTC"
