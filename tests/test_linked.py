"""Which links count, and whom they make of an account: what the file says comes first, and nobody gains a role."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

import pytest

from bot.linked import Link, called
from bot.people import People
from bot.values import Person, Role, Speaker

BEGIN = datetime(2026, 11, 1, tzinfo=UTC)
SAM_IRC = Speaker("oftc", "sam", "sam", "account-tag")
SAM_SLACK = Speaker("moby", "Sam", "U024BE7LH", "signed by Slack")
SAM_LIBERA = Speaker("libera", "sam_", "samuel", "WHOIS")
SAM_GITHUB = Speaker("github", "sam-dev", "77", "github")
SAM = Person("sam", {"moby/moby": Role.TRIAGER})
IN_FILE = {("oftc", "sam"): "sam"}
MADE = "sam-dev@77"
Accounts = dict[tuple[str, str], str]


def link(who: Speaker, to: Speaker, person: str = "sam", *, day: int = 1) -> Link:
    return Link(who, to, person, BEGIN + timedelta(days=day), "k")


def names(people: People, *speakers: Speaker) -> list[str]:
    found = [people.find(speaker) for speaker in speakers]
    return [one.key if one else "" for one in found]


@pytest.mark.parametrize(
    ("people", "accounts", "links", "speaker", "key"),
    [
        pytest.param([SAM], IN_FILE, [link(SAM_SLACK, SAM_IRC)], SAM_SLACK, "sam", id="to-an-account-of-the-file"),
        pytest.param(
            [SAM],
            IN_FILE,
            [link(SAM_LIBERA, SAM_SLACK, day=1), link(SAM_SLACK, SAM_IRC, day=2)],
            SAM_LIBERA,
            "sam",
            id="to-an-account-that-is-linked-itself",
        ),
        pytest.param([], {}, [link(SAM_SLACK, SAM_IRC)], SAM_SLACK, "", id="who-is-taken-out-of-the-file"),
        pytest.param(
            [SAM],
            {("oftc", "sam2"): "sam"},
            [link(SAM_SLACK, SAM_IRC)],
            SAM_SLACK,
            "",
            id="with-another-account-now",
        ),
        pytest.param(
            [Person("eve")],
            {("oftc", "sam"): "eve"},
            [link(SAM_SLACK, SAM_IRC)],
            SAM_SLACK,
            "",
            id="an-account-that-is-somebody-elses-by-now",
        ),
        pytest.param(
            [SAM, Person("eve")],
            {("oftc", "sam"): "eve"},
            [link(SAM_SLACK, SAM_IRC)],
            SAM_SLACK,
            "",
            id="that-is-somebody-elses-while-they-are-there",
        ),
        pytest.param([], {}, [link(SAM_SLACK, SAM_IRC, MADE)], SAM_GITHUB, "", id="made-by-a-link-that-is-gone"),
        pytest.param(
            [SAM, Person("eve")],
            IN_FILE | {("moby", "U024BE7LH"): "eve"},
            [link(SAM_SLACK, SAM_IRC)],
            SAM_SLACK,
            "eve",
            id="the-file-says-whose-it-is",
        ),
        pytest.param(
            [SAM],
            IN_FILE | {("moby", "U0OTHER00"): "sam"},
            [link(SAM_SLACK, SAM_IRC)],
            SAM_SLACK,
            "",
            id="the-file-has-another-one-for-them-there",
        ),
        pytest.param([], {}, [link(SAM_IRC, SAM_GITHUB, MADE)], SAM_IRC, MADE, id="whom-only-github-knows"),
        pytest.param([], {}, [link(SAM_IRC, SAM_GITHUB, MADE)], SAM_GITHUB, MADE, id="and-their-account-on-github"),
        pytest.param(
            [Person("sam", {}, 77)],
            {},
            [link(SAM_IRC, SAM_GITHUB, MADE)],
            SAM_IRC,
            "sam",
            id="in-the-file-since",
        ),
        pytest.param(
            [SAM],
            IN_FILE,
            [link(SAM_IRC, SAM_GITHUB, MADE), link(SAM_SLACK, SAM_IRC, MADE, day=2)],
            SAM_SLACK,
            "",
            id="whose-irc-account-is-somebody-elses-since",
        ),
        pytest.param([SAM], IN_FILE, [link(SAM_IRC, SAM_GITHUB, MADE)], SAM_GITHUB, "", id="made-of-nothing"),
        pytest.param([], {}, [link(SAM_SLACK, SAM_GITHUB)], SAM_SLACK, "", id="of-the-file-then-is-not-made-now"),
    ],
)
def test_whose_an_account_is(
    people: Sequence[Person], accounts: Accounts, links: Sequence[Link], speaker: Speaker, key: str
) -> None:
    slack = {one: whose for one, whose in accounts.items() if one[0] == "moby"}
    irc = {one: whose for one, whose in accounts.items() if one not in slack}
    known = People({one.key: one for one in people}, irc, members=slack).linked(links)
    assert names(known, speaker) == [key]


def test_a_link_gives_no_role_and_takes_none_away() -> None:
    people = People({"sam": SAM}, IN_FILE).linked([link(SAM_SLACK, SAM_IRC)])
    assert people.find(SAM_SLACK) == SAM
    made = People({"sam": SAM}, IN_FILE).linked([link(SAM_LIBERA, SAM_GITHUB, MADE)]).find(SAM_LIBERA)
    assert made == Person(MADE, {}, 77)


def test_an_account_on_github_makes_somebody_the_author_of_what_it_wrote() -> None:
    people = People({"sam": SAM}, IN_FILE).linked([link(SAM_GITHUB, SAM_IRC)])
    known, in_file = people.by_github(77), people.in_file("sam")
    assert known is not None
    assert in_file is not None
    assert (known.key, known.github_id, in_file.github_id) == ("sam", 77, None)


def test_who_has_a_number_in_the_file_has_no_other_by_a_link() -> None:
    people = People({"sam": Person("sam", {}, 5)}, IN_FILE).linked([link(SAM_GITHUB, SAM_IRC)])
    assert people.by_github(77) is None


def test_links_change_nobody_in_the_file() -> None:
    file = People({"sam": SAM}, IN_FILE)
    people = file.linked([link(SAM_SLACK, SAM_IRC), link(SAM_LIBERA, SAM_GITHUB, MADE)])
    assert list(people) == [SAM]
    assert (people.accounts_of("sam"), people.accounts_in_file("sam")) == (
        {"oftc": "sam", "moby": "U024BE7LH"},
        {"oftc": "sam"},
    )
    assert names(people.linked([]), SAM_SLACK, SAM_LIBERA, SAM_IRC) == ["", "", "sam"]


def test_a_doubt_about_an_account_is_not_lifted_by_a_link() -> None:
    """A15: who has become a guest since is nobody, unless the file has the account."""
    guest = Speaker("moby", "Sam", "U024BE7LH", "signed by Slack", "you are a guest")
    assert names(People({"sam": SAM}, IN_FILE).linked([link(SAM_SLACK, SAM_IRC)]), guest) == [""]
    assert names(People({"sam": SAM}, {}, members={("moby", "U024BE7LH"): "sam"}), guest) == ["sam"]


@pytest.mark.parametrize(
    ("account", "key"),
    [
        pytest.param("U024BE7LH", "sam", id="as-it-stands"),
        pytest.param("u024be7lh", "", id="in-small-letters"),
        pytest.param("T0ABCDEFG/U024BE7LH", "", id="of-another-workspace"),
    ],
)
def test_ids_of_slack_are_compared_as_they_stand(account: str, key: str) -> None:
    people = People({"sam": SAM}, {}, members={("moby", "U024BE7LH"): "sam"})
    assert names(people, Speaker("moby", "Sam", account, "signed by Slack")) == [key]
    assert people.accounts_of("sam") == {"moby": "U024BE7LH"}


@pytest.mark.parametrize(
    ("who", "words"),
    [
        pytest.param(SAM_IRC, "sam on oftc", id="by-its-own-name"),
        pytest.param(SAM_SLACK, 'U024BE7LH on moby, who goes by "Sam"', id="an-id"),
        pytest.param(SAM_GITHUB, "sam-dev on GitHub (number 77)", id="on-github"),
        pytest.param(
            Speaker("moby", 'a"\n\u202eb', "U024BE7LH", "x"),
            'U024BE7LH on moby, who goes by "a\' \N{REPLACEMENT CHARACTER}b"',
            id="a-name-that-lies",
        ),
    ],
)
def test_an_account_is_named_with_what_it_goes_by(who: Speaker, words: str) -> None:
    assert called(who) == words
