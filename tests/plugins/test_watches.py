"""How long something is watched or muted, and how that is told."""

from datetime import UTC, datetime, timedelta

import pytest

from bot.plugin import UserError
from bot.values import (
    AuthorRef,
    BuildRef,
    ContextRef,
    JobRef,
    NodeRef,
    Place,
    PullRef,
    Speaker,
    Subscription,
    Watchable,
    Wish,
)
from plugins.watches import MAX_LISTED, in_private, in_words, lasting, named, spell, until_words

NOON = datetime(2015, 3, 2, 12, 0, tzinfo=UTC)
PULL, JOB = PullRef("moby/moby", 7), JobRef("ci", "docker-prs")


@pytest.mark.parametrize(
    ("typed", "minutes"),
    [
        pytest.param("30m", 30, id="minutes"),
        pytest.param("2H", 120, id="hours"),
        pytest.param("for 3d", 3 * 1440, id="days"),
        pytest.param("1w", 7 * 1440, id="week"),
        pytest.param("1d12h", 36 * 60, id="several"),
        pytest.param("until 18:00", 360, id="later-today"),
        pytest.param("until 9:30", 21 * 60 + 30, id="tomorrow"),
        pytest.param("until 12:00", 1440, id="now-is-tomorrow"),
        pytest.param("90d", 90 * 1440, id="longest"),
    ],
)
def test_a_time_is_read(typed: str, minutes: int) -> None:
    assert lasting(typed.split(), NOON) == timedelta(minutes=minutes)


@pytest.mark.parametrize(
    "typed", ["soon", "18:00", "until 25:00", "2", "h", "-2h", "0m", "91d", "99999w", "2h please", "until 2h", "٣h"]
)
def test_what_is_no_time_is_told(typed: str) -> None:
    with pytest.raises(UserError, match="time"):
        lasting(typed.split(), NOON)


@pytest.mark.parametrize(
    ("minutes", "told"), [(0.2, "1m"), (59, "59m"), (120, "2h"), (1500, "1d 1h"), (1501, "1d 1h"), (43200, "30d")]
)
def test_a_span_is_told_in_its_largest_units(minutes: float, told: str) -> None:
    assert spell(timedelta(minutes=minutes)) == told


@pytest.mark.parametrize(
    ("what", "told"),
    [
        (PULL, "moby#7 until it is closed, 30d at most"),
        (BuildRef(JOB, 12), "docker-prs#12 until it has ended, 30d at most"),
        (JOB, "docker-prs for 30d"),
        (ContextRef("moby/moby", "janky"), "moby/moby/janky for 30d"),
        (AuthorRef("tianon"), "author:tianon for 30d"),
        (NodeRef("ci", "Built-In Node"), 'node:"Built-In Node" for 30d'),
        (NodeRef("ci", "dm\x027"), 'node:"dm\N{REPLACEMENT CHARACTER}7" for 30d'),
    ],
    ids=lambda value: str(value)[:12],
)
def test_what_is_watched_is_told_with_its_end(what: Watchable, told: str) -> None:
    assert f"{named(what)} {until_words(what, timedelta(days=30), is_given=False)}" == told


def test_a_list_is_cut_where_it_gets_long() -> None:
    place = Place("irc", "#moby")
    some = [(Subscription(Wish.WATCH, PullRef("moby/moby", n), place, NOON), timedelta(hours=n)) for n in range(1, 15)]
    muted = [(Subscription(Wish.MUTE, JOB, place, NOON), timedelta(hours=1))]
    watched, silent = in_words("#moby", [*some, *muted])
    assert watched.startswith("#moby watches moby#1 (1h), moby#2 (2h)")
    assert watched.endswith(f"and {len(some) - MAX_LISTED} more")
    assert silent == "#moby mutes docker-prs (1h)"
    assert in_words("you", muted) == ["you mute docker-prs (1h)"]


def test_who_is_told_alone_is_who_is_answered_and_not_whoever_has_that_name() -> None:  # A4
    asked_at, asker = Place("slack", "#moby", "1.2", to="U0TIANON"), Speaker("slack", "U0JESS", "U0TIANON", "signed")
    assert in_private(asked_at, asker) == Place("slack", "U0TIANON", private=True, account="U0TIANON")
