"""What happened to a pull request in one line, how it stands on its card, and what settings are refused."""

from datetime import UTC, datetime
from typing import Any

import msgspec
import pytest

from bot.events import PullReviewed, ReviewAsked
from bot.values import Account, Place, Pull, PullRef, Review, ReviewState
from plugins.pulls.settings import Kind, PullsSettings, places_of, rule_at
from plugins.pulls.told import (
    MAX_HISTORY,
    MAX_LINE_BYTES,
    Happening,
    Standing,
    after,
    card,
    dump,
    happening_of,
    line,
    load_happening,
    load_standing,
    phrases,
)

NOON = datetime(2014, 7, 1, 12, tzinfo=UTC)
MOBY = Place("libera", "#moby")
OTHER = Place("libera", "#other")


def pull(title: str = "Fix volumes", **how: Any) -> Pull:
    known = {"author": "tianon", "author_id": 102, "head": "3f2c1ab" * 5, "base": "master", "head_repo": "tianon/moby"}
    return Pull(ref=PullRef("moby/moby", 7), title=title, url="https://hub/7", **{**known, **how})


def did(kind: Kind, by: str = "", *what: str) -> Happening:
    return Happening(kind, by, what)


JESS_APPROVES, VIEUX_APPROVES = did(Kind.APPROVED, "jess", "jess"), did(Kind.APPROVED, "vieux", "vieux")


@pytest.mark.parametrize(
    ("told", "words"),
    [
        pytest.param([did(Kind.OPENED, "tianon")], ["opened by tianon"], id="opened"),
        pytest.param([did(Kind.MERGED)], ["merged"], id="by-nobody-who-is-told"),
        pytest.param([JESS_APPROVES, VIEUX_APPROVES, JESS_APPROVES], ["approved by jess, vieux"], id="each-once"),
        pytest.param(
            [did(Kind.ASKED, "tianon", "jess"), JESS_APPROVES, did(Kind.ASKED, "tianon", "moby/core")],
            ["review asked of jess, moby/core", "approved by jess"],
            id="in-the-order-in-which-they-began",
        ),
        pytest.param(
            [did(Kind.ASKED, "", f"r{n}") for n in range(8)],
            ["review asked of r0, r1, r2, r3, r4 and 3 more"],
            id="many",
        ),
        pytest.param(
            [did(Kind.CLOSED, "jess"), did(Kind.REOPENED, "jess")], ["closed by jess", "reopened by jess"], id="both"
        ),
        pytest.param([did(Kind.EDITED, "jess", "title", "base")], ["title, base changed by jess"], id="edited"),
        pytest.param([did(Kind.DISMISSED, "jess", "vieux")], ["review of vieux dismissed by jess"], id="dismissed"),
        pytest.param([did(Kind.LABELLED, "jess", "+a b", "-c")], ['labelled "+a b", -c by jess'], id="labelled"),
    ],
)
def test_things_of_one_kind_are_one(told: list[Happening], words: list[str]) -> None:
    assert phrases(told) == words


@pytest.mark.parametrize("kind", Kind)
def test_each_kind_has_words_and_is_read_as_it_was_written(kind: Kind) -> None:
    one = did(kind, "jess", "jess")
    assert line(pull(), [one]).startswith("moby#7 ")
    assert load_happening(msgspec.json.decode(msgspec.json.encode(dump(one)))) == one


def test_a_line_names_files_where_they_are_known() -> None:
    told = [did(Kind.OPENED, "tianon")]
    assert line(pull(), told, 3) == 'moby#7 opened by tianon: "Fix volumes" (3 files, base master) https://hub/7'
    assert line(pull(), told, 1) == 'moby#7 opened by tianon: "Fix volumes" (1 file, base master) https://hub/7'


def test_a_line_has_room_for_its_link_whatever_others_wrote() -> None:
    told = [did(Kind.ASKED, "", f"{n}" + "x" * 90) for n in range(9)] + [did(Kind.LABELLED, "", *["+" + "l" * 50] * 9)]
    long = line(pull("\x0304" + "\u202e" * 900, base="b" * 200), told, 3)
    assert len(long.encode()) <= MAX_LINE_BYTES + 60
    assert long.endswith(" https://hub/7")
    assert all(char.isprintable() for char in long)


def test_a_secret_in_a_title_is_told_nowhere() -> None:
    """A26: neither in the line, which is kept for a digest, too, nor on the card."""
    leaky, opened = pull("Use password=hunter2secret"), [did(Kind.OPENED, "tianon")]
    told = [line(leaky, opened), card(leaky, after(Standing(), opened), "").title]
    assert [one for one in told if "hunter2secret" in one or "[secret]" not in one] == []


def test_a_card_shows_what_counts_of_the_reviews() -> None:
    standing = Standing()
    for one in (
        did(Kind.ASKED, "tianon", "jess"),
        did(Kind.ASKED, "tianon", "vieux"),
        did(Kind.CHANGES, "jess", "jess"),
        VIEUX_APPROVES,
        JESS_APPROVES,
        did(Kind.DISMISSED, "tianon", "vieux"),
    ):
        standing = after(standing, [one])
    assert standing.reviews == {"jess": "approved"}
    assert standing.asked == ()
    shown = card(pull(), standing, "brief")
    assert shown.fields == {"state": "open", "base": "master", "reviews": "approved by jess"}
    assert (shown.slot, shown.one_line()) == ("pull moby/moby#7", "brief")
    assert load_standing(msgspec.json.decode(msgspec.json.encode(dump(standing)))) == standing
    for _ in range(99):
        standing = after(standing, [did(Kind.REVIEWED, "jess", "jess")])
    assert len(standing.history) == MAX_HISTORY


@pytest.mark.parametrize(
    ("state", "by", "kind"),
    [
        pytest.param(ReviewState.APPROVED, "jess", Kind.APPROVED, id="approved"),
        pytest.param(ReviewState.CHANGES_REQUESTED, "jess", Kind.CHANGES, id="changes"),
        pytest.param(ReviewState.COMMENTED, "jess", Kind.REVIEWED, id="commented"),
        pytest.param(ReviewState.DISMISSED, "jess", Kind.DISMISSED, id="dismissed"),
        pytest.param(ReviewState.COMMENTED, "tianon", None, id="an-author-who-answers"),
    ],
)
def test_what_a_review_is(state: ReviewState, by: str, kind: Kind | None) -> None:
    review = Review(1, Account(9, by), state, "3f2c1ab", NOON)
    found = happening_of(PullReviewed(key="k", lane="l", at=NOON, pull=pull(), review=review))
    assert (found.kind if found else None) == kind


def test_that_a_review_is_asked_for_no_more_is_no_news() -> None:
    assert happening_of(ReviewAsked(key="k", lane="l", at=NOON, pull=pull(), reviewer="jess", asked=False)) is None


@pytest.mark.parametrize(
    ("settings", "places"),
    [
        pytest.param({}, [], id="nothing"),
        pytest.param({"announce": True}, [MOBY], id="announced"),
        pytest.param({"channel": {"libera/#MOBY": {}}}, [Place("libera", "#MOBY")], id="a-table"),
        pytest.param({"announce": True, "channel": {"libera/#moby": {}}}, [MOBY], id="once"),
        pytest.param({"channel": {"libera/#docs": {}}}, [], id="one-that-announces-another-repository"),
        pytest.param({"channel": {"libera/#other": {}}}, [OTHER], id="one-that-announces-none"),
        pytest.param({"channel": {"libera/#docs": {"repos": ["moby/*"]}}}, [Place("libera", "#docs")], id="by-pattern"),
        pytest.param({"announce": True, "channel": {"libera/#moby": {"repos": ["x/*"]}}}, [], id="not-by-its-table"),
    ],
)
def test_which_places_hear_of_a_repository(settings: dict[str, Any], places: list[Place]) -> None:
    announce = {"moby/moby": (MOBY,), "moby/docs": (Place("libera", "#docs"),)}
    assert places_of(msgspec.convert(settings, PullsSettings), announce, "Moby/moby") == places


def test_a_table_overrides_what_holds_everywhere() -> None:
    settings = msgspec.convert(
        {"quiet": "22:00-07:00", "drafts": True, "channel": {"libera/#moby": {"quiet": "", "drafts": False}}},
        PullsSettings,
    )
    assert (rule_at(settings, MOBY).quiet, rule_at(settings, MOBY).drafts) == (None, False)
    assert (rule_at(settings, OTHER).quiet is None, rule_at(settings, OTHER).drafts) == (False, True)


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        pytest.param({"gather_s": -1}, "gather_s must be", id="gather"),
        pytest.param({"lines_per_hour": 0}, "lines_per_hour must be 1 to 1000", id="no-lines"),
        pytest.param({"channel": {"#moby": {}}}, "a place is written NETWORK/#CHANNEL", id="place"),
        pytest.param({"channel": {"a/#b": {"lines_per_hour": 1001}}}, "lines_per_hour must be", id="too-many-lines"),
        pytest.param({"channel": {"a/#b": {"teams": ["core"]}}}, "a team is written OWNER/TEAM", id="team"),
        pytest.param({"channel": {"a/#b": {"paths": [" "]}}}, "paths: ", id="path"),
        pytest.param({"channel": {"a/#b": {"events": ["issue"]}}}, "events", id="event"),
        pytest.param({"quiet": "night"}, "quiet: ", id="quiet"),
        pytest.param({"quiet": "22:00-07:00", "zone": "Moon/Base"}, "quiet: ", id="zone"),
        pytest.param(
            {"quiet": "22:00-07:00", "channel": {"a/#b": {"zone": "Moon/Base"}}}, "quiet: ", id="zone-of-a-place"
        ),
    ],
)
def test_settings_that_make_no_sense_are_refused(settings: dict[str, Any], words: str) -> None:
    with pytest.raises(msgspec.ValidationError, match=words):
        msgspec.convert(settings, PullsSettings)
