"""Two channels that a bridge joins: what is announced to both is said in one, and what it repeats is nobody's."""

from datetime import timedelta
from pathlib import Path

import pytest

from bot import bridges
from bot.database import Database
from bot.live import Facts, Live
from bot.people import People
from bot.settings import (
    ChannelSettings,
    CoreSettings,
    GordonSettings,
    IrcSettings,
    RepoSettings,
    SlackChannelSettings,
    SlackSettings,
)
from bot.subscriptions import Subscriptions
from bot.values import Place, PullRef, RepoRef, Subject, Subscription, Wish
from tests.moved_clock import still

IRC, SLACK = Place("oftc", "#dev"), Place("moby", "#dev")
OWN = Place("oftc", "#builds")
NAMES = ("oftc/#dev", "moby/#dev", "oftc/#builds")


def bridged(speaker: Place | None = SLACK, **more: object) -> GordonSettings:
    """Make settings of two networks whose channels #dev a bridge joins, of which one speaks."""
    irc = ChannelSettings(spoken_by="moby/#dev" if speaker == SLACK else "")
    slack = SlackChannelSettings(spoken_by="oftc/#dev" if speaker == IRC else "")
    return GordonSettings(
        gordon=CoreSettings(home="moby/moby", operators=NAMES),
        repos={"moby/moby": RepoSettings(announce=NAMES)},
        irc={"oftc": IrcSettings("irc.test", relays=("Bridge",), channel={"#dev": irc})},
        slack={"moby": SlackSettings(relays=("U0BRIDGE1",), channel={"#dev": slack})},
        **more,  # type: ignore[arg-type]
    )


@pytest.mark.parametrize(
    ("speaker", "places", "said"),
    [
        pytest.param(None, [IRC, SLACK, OWN], [IRC, SLACK, OWN], id="each for itself"),
        pytest.param(SLACK, [IRC, SLACK, OWN], [SLACK, OWN], id="both are told: once"),
        pytest.param(SLACK, [SLACK], [SLACK], id="the one that speaks"),
        pytest.param(SLACK, [IRC], [SLACK], id="the other one alone: nothing is lost"),
        pytest.param(IRC, [SLACK, IRC], [IRC], id="the other way round"),
        pytest.param(IRC, [SLACK], [IRC], id="the other way round, alone"),
        pytest.param(SLACK, [Place("oftc", "#DEV")], [SLACK], id="in other letters"),
    ],
)
def test_where_an_announcement_is_said(speaker: Place | None, places: list[Place], said: list[Place]) -> None:
    assert list(bridges.speaking_once(bridged(speaker), places)) == said


@pytest.mark.parametrize(
    "place",
    [
        Place("oftc", "#dev", to="alice"),
        Place("oftc", "alice", to="alice", private=True),
        Place("oftc", "#dev", thread="1.2"),
        Place("gone", "#dev"),
        OWN,
    ],
)
def test_who_asked_is_answered_where_they_are(place: Place) -> None:
    assert bridges.speaking(bridged(), place) == place


def test_all_that_hears_of_something_by_the_configuration_goes_by_the_rule() -> None:
    now = Facts(bridged(), People({}, {}))
    assert now.announce["moby/moby"] == now.operators == (SLACK, OWN)


@pytest.mark.parametrize(
    ("who", "place", "speaker", "is_so"),
    [
        pytest.param("bridge", IRC, SLACK, True, id="of the channel that is spoken for"),
        pytest.param("Bridge", IRC, IRC, True, id="of the channel that speaks"),
        pytest.param("U0BRIDGE1", SLACK, SLACK, True, id="on Slack"),
        pytest.param("alice", IRC, SLACK, False, id="a person"),
        pytest.param("bridge", IRC, None, False, id="of a place where we are not, so that it was not heard"),
        pytest.param("bridge", OWN, SLACK, False, id="in a channel that no bridge joins"),
        pytest.param("bridge", Place("gone", "#dev"), SLACK, False, id="on no network"),
    ],
)
def test_what_was_heard_already(who: str, place: Place, speaker: Place | None, is_so: bool) -> None:
    there = Place(place.network, place.channel, to=who)
    assert bridges.is_repeated(bridged(speaker), there) == is_so


@pytest.mark.parametrize(("asked_at", "speaker"), [(IRC, SLACK), (SLACK, SLACK), (SLACK, IRC), (IRC, IRC)])
async def test_what_one_channel_watches_or_mutes_holds_for_both(
    tmp_path: Path, asked_at: Place, speaker: Place
) -> None:
    clock = still()
    about, until = Subject(PullRef("moby/moby", 7)), clock.now() + timedelta(hours=1)
    database = Database(tmp_path / "gordon.db")
    try:
        kept = Subscriptions(database, Live(Facts(bridged(speaker), People({}, {}))), clock)
        await kept.add(Subscription(Wish.WATCH, PullRef("moby/moby", 7), asked_at, until))
        for place in (IRC, SLACK):
            assert kept.audience([place, OWN], about) == [place, OWN], "who hears of it anyway hears of it once"
        assert kept.audience([OWN], about) == [OWN, asked_at]
        await kept.add(Subscription(Wish.MUTE, RepoRef("moby/moby"), asked_at, until))
        assert kept.audience([speaker, OWN], about) == [OWN]
    finally:
        database.close()
