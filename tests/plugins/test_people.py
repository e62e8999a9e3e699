"""How people are told who they are and what somebody may do."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta

import pytest

from bot.commands import Usage
from bot.plugin import Call, Card, Command, Context, Link, Linking, Role, Step, UserError, scopes
from bot.values import Membership, Person, Place, Speaker
from plugins.people import find, introduce, said_here, said_there, told, verdict


async def nothing(ctx: Context, call: Call) -> None: ...


REBUILD = Command("rebuild", Usage.parse("rebuild <pull>"), Role.AUTHOR, False, "Do it.", nothing)
BUILD = Command("rebuild", Usage.parse("build <job>"), Role.MAINTAINER, False, "Do it.", nothing)
CANCEL = Command("rebuild", Usage.parse("cancel <pull|build>"), Role.TRIAGER, False, "Do it.", nothing)
LETTERS = Command("operate", Usage.parse("letters"), Role.OPERATOR, True, "Do it.", nothing)
DROP = Command("operate", Usage.parse("letters drop <letter>"), Role.OPERATOR, False, "Do it.", nothing)
PROVEN = Speaker("libera", "tia", "tianon", "account-tag")


@pytest.mark.parametrize(
    ("roles", "text"),
    [
        pytest.param({}, "anyone everywhere", id="none"),
        pytest.param({"*": Role.TRIAGER}, "triager everywhere", id="everywhere"),
        pytest.param({"moby/moby": Role.MERGER}, "merger in moby/moby", id="in-one-repository"),
        pytest.param(
            {"b/b": Role.AUTHOR, "*": Role.TRIAGER, "a/a": Role.MERGER},
            "merger in a/a, author in b/b, triager everywhere",
            id="several",
        ),
    ],
)
def test_somebody_hears_their_roles(roles: Mapping[str, Role], text: str) -> None:
    assert introduce(PROVEN, Person("tianon", roles)) == f"you are tianon, proven by account-tag; {text}"


CORE, NET = Membership("docker/core", {"a/a": Role.MERGER}), Membership("docker/net", {"*": Role.TRIAGER})
SILENT = Membership("docker/ops", {"*": Role.OPERATOR}, doubt="GitHub does not answer")


@pytest.mark.parametrize(
    ("roles", "memberships", "text"),
    [
        pytest.param(
            {"a/a": Role.MERGER, "*": Role.TRIAGER},
            [CORE, NET],
            "merger in a/a (by docker/core), triager everywhere (by docker/net)",
            id="by-teams",
        ),
        pytest.param({"a/a": Role.OPERATOR}, [CORE], "operator in a/a", id="higher-by-the-file"),
        pytest.param(
            {"a/a": Role.MERGER},
            [CORE, SILENT],
            "merger in a/a (by docker/core); cannot check right now whether you are in docker/ops "
            "(GitHub does not answer)",
            id="a-team-that-cannot-be-checked",
        ),
    ],
)
def test_somebody_hears_which_team_gives_a_role(
    roles: Mapping[str, Role], memberships: Sequence[Membership], text: str
) -> None:
    person = Person("tianon", roles)
    assert introduce(PROVEN, person, memberships) == f"you are tianon, proven by account-tag; {text}"


@pytest.mark.parametrize(
    ("speaker", "text"),
    [
        pytest.param(
            PROVEN,
            "you are logged in to libera as tianon (proven by account-tag), "
            "but people.toml has nobody with this account; ask an operator to add it, or say link to me in private to "
            "join it to an account that is known, or to yours on GitHub",
            id="an-account-that-is-nobodys",
        ),
        pytest.param(
            Speaker("libera", "tia"),
            "you are anyone: nothing proves who you are, and a name alone is no proof. Log in to your account on "
            "libera, then ask again; an operator must have that account in people.toml",
            id="no-proof",
        ),
        pytest.param(
            Speaker("libera", "tia", doubt="you are not logged in to libera. Log in, then ask again"),
            "you are anyone: you are not logged in to libera. Log in, then ask again",
            id="a-doubt-says-why-and-what-to-do",
        ),
    ],
)
def test_somebody_unknown_hears_what_to_do(speaker: Speaker, text: str) -> None:
    assert introduce(speaker, None) == text


@pytest.mark.parametrize(
    ("command", "why_not", "text"),
    [
        pytest.param(BUILD, {"": ""}, "yes, tianon may give build", id="everywhere"),
        pytest.param(
            BUILD,
            {"": "needs more", "a/a": "", "b/b": "needs more", "c/c": ""},
            "yes, tianon may give build in a/a, c/c, not elsewhere",
            id="in-some-repositories",
        ),
        pytest.param(
            BUILD, {"": "needs more", "a/a": "more in a/a"}, "no: needs more; more in a/a", id="each-reason-told"
        ),
        pytest.param(BUILD, {"": "needs more", "a/a": "needs more"}, "no: needs more", id="one-reason-once"),
    ],
)
def test_whether_somebody_may(command: Command, why_not: Mapping[str, str], text: str) -> None:
    assert verdict("tianon", command, why_not, []) == text


@pytest.mark.parametrize(
    ("triages", "text"),
    [
        pytest.param([], "yes, tianon may give rebuild for their own pull requests", id="nowhere"),
        pytest.param(
            ["a/a", "b/b"],
            "yes, tianon may give rebuild in a/a, b/b, and elsewhere for their own pull requests",
            id="in-some-repositories",
        ),
        pytest.param(["", "a/a"], "yes, tianon may give rebuild", id="everywhere"),
    ],
)
def test_for_whose_pull_requests_somebody_may(triages: list[str], text: str) -> None:
    assert verdict("tianon", REBUILD, {"": "", "a/a": "", "b/b": ""}, triages) == text


@pytest.mark.parametrize(
    ("words", "found"),
    [
        pytest.param(["build"], BUILD, id="by-name"),
        pytest.param(["Rebuild", "moby#1", "lxc"], REBUILD, id="what-follows-is-ignored"),
        pytest.param(["letters", "drop", "d1"], DROP, id="the-longest-name"),
    ],
)
def test_a_command_is_found_as_it_is_typed(words: list[str], found: Command) -> None:
    assert find([REBUILD, BUILD, LETTERS, DROP], words) is found


def test_a_command_that_is_not_there_gets_the_nearest() -> None:
    with pytest.raises(UserError, match='no command "buil"; did you mean: build <job>'):
        find([REBUILD, BUILD], ["buil"])


PERSON = Person("tianon", {"b/b": Role.MERGER, "*": Role.TRIAGER, "a/a": Role.AUTHOR})


@pytest.mark.parametrize(
    ("command", "person", "repos"),
    [
        pytest.param(REBUILD, PERSON, ["", "a/a", "b/b"], id="of-a-pull-request"),
        pytest.param(CANCEL, PERSON, ["", "a/a", "b/b"], id="of-a-pull-request-or-a-build"),
        pytest.param(BUILD, PERSON, [""], id="of-no-repository"),
        pytest.param(REBUILD, None, [""], id="nobody"),
    ],
)
def test_where_a_command_might_be_given(command: Command, person: Person | None, repos: list[str]) -> None:
    assert scopes(command, person) == repos


TIA = Speaker("libera", "tia", "tianon", "account-tag")
ON_SLACK = Speaker("moby", "Tia", "U024BE7LH", "signed by Slack")
NOON = datetime(2026, 11, 22, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    ("since", "words"),
    [
        pytest.param(timedelta(hours=1), "2026-11-22, today", id="today"),
        pytest.param(timedelta(days=1), "2026-11-21, yesterday", id="yesterday"),
        pytest.param(timedelta(days=400), "2025-10-18, 400 days ago", id="long-ago"),
    ],
)
def test_a_link_is_told_with_its_age(since: timedelta, words: str) -> None:
    """An account that services gave to somebody else meanwhile is older than its owner."""
    link = Link(ON_SLACK, TIA, "tianon", NOON - since, "k")
    named = 'U024BE7LH on moby, who goes by "Tia" (linked to tianon on libera, who goes by "tia", '
    assert told(link, NOON) == f"{named}{words})"


PLACE = Place("moby", "U024BE7LH")
NOTHING = "nothing is being joined now"


@pytest.mark.parametrize(
    ("found", "here", "there"),
    [
        pytest.param(
            Linking(Step.ASKED, TIA, token="abc"),
            "on your other network say to me in private, within 10 minutes: link abc (on GitHub in a comment on a pull "
            "request, where you mention me); then each side is shown what is joined, and has to agree",
            NOTHING,
            id="asked",
        ),
        pytest.param(
            Linking(Step.AGREED, TIA, ON_SLACK, PLACE, "tianon"),
            'noted; U024BE7LH on moby, who goes by "Tia" has to agree within 120 s, too, where they were asked',
            "",
            id="agreed",
        ),
        pytest.param(
            Linking(Step.DROPPED, TIA, ON_SLACK, PLACE),
            'tianon on libera, who goes by "tia" is not joined with U024BE7LH on moby, who goes by "Tia"',
            'tianon on libera, who goes by "tia" said no, so it is not joined with U024BE7LH on moby, who goes by '
            '"Tia"',
            id="dropped",
        ),
        pytest.param(
            Linking(Step.DROPPED, TIA), "nothing is being joined now", "nothing is being joined now", id="none"
        ),
    ],
)
def test_each_side_hears_what_is_joined(found: Linking, here: str, there: str) -> None:
    assert (said_here(found), said_there(found)) == (here, there)


def test_what_would_be_joined_has_buttons_for_both_answers() -> None:
    met = Linking(Step.MET, ON_SLACK, TIA, PLACE, "tianon")
    for card in (said_here(met), said_there(met)):
        assert isinstance(card, Card)
        assert [button.command for button in card.buttons] == ["link yes", "link no"]
        assert card.title.endswith(", both as tianon")
