"""Whose word an account is on IRC, by tags and by following people: rows A1, A2, A3 and F2."""

from collections.abc import Sequence

import pytest

from bot.adapters.irc_accounts import Proofs
from bot.adapters.irc_wire import casemap
from bot.people import People
from bot.values import Person, Speaker
from tests.accounts_told import (
    ALICE_JOINS,
    AWAY,
    FOLLOWS,
    HOME,
    NONE,
    NOTHING,
    NOTIFIES,
    STRANGER_JOINS,
    TAGS,
    WE_JOIN,
    WHOX,
    Connection,
    Step,
    proven,
)


@pytest.mark.parametrize(
    ("proofs", "steps", "mask", "tag", "found"),
    [
        pytest.param(TAGS, [], HOME, "alice", ("alice", "account-tag"), id="tag"),
        pytest.param(TAGS, [], HOME, None, NONE, id="A1-no-tag-is-not-logged-in"),
        pytest.param(TAGS, [ALICE_JOINS], AWAY, None, NONE, id="A1-no-tag-whatever-the-join-said"),
        pytest.param(TAGS, [ALICE_JOINS], HOME, "mallory", ("mallory", "account-tag"), id="A1-tag-before-join"),
        pytest.param(TAGS, [], HOME, "*", NONE, id="tag-of-nobody"),
        pytest.param(FOLLOWS, [], HOME, "alice", None, id="A2-tag-that-nobody-agreed-on"),
        pytest.param(FOLLOWS, [STRANGER_JOINS], AWAY, "alice", NONE, id="A2-tag-against-join"),
        pytest.param(FOLLOWS, [ALICE_JOINS], HOME, None, ("alice", "account-notify"), id="extended-join"),
        pytest.param(FOLLOWS, [STRANGER_JOINS], AWAY, None, NONE, id="A1-extended-join-of-nobody"),
        pytest.param(FOLLOWS, [ALICE_JOINS], AWAY, None, None, id="A1-another-mask-than-the-join"),
        pytest.param(FOLLOWS, [WE_JOIN, WHOX], HOME, None, ("alice", "WHOX"), id="whox"),
        pytest.param(
            FOLLOWS, [WE_JOIN, ("who_reply", "alice", HOME, "#dev", "0")], HOME, None, NONE, id="whox-of-nobody"
        ),
        pytest.param(FOLLOWS, [WHOX], HOME, None, None, id="whox-of-a-channel-where-we-are-not"),
        pytest.param(
            FOLLOWS, [WE_JOIN, ("we_left", "#dev"), WHOX], HOME, None, None, id="whox-that-comes-after-our-kick"
        ),
        pytest.param(
            FOLLOWS,
            [STRANGER_JOINS, ("account_changed", "alice", "alice")],
            AWAY,
            None,
            ("alice", "account-notify"),
            id="login-after-join",
        ),
        pytest.param(FOLLOWS, [ALICE_JOINS, ("account_changed", "alice", "*")], HOME, None, NONE, id="logout"),
        pytest.param(
            FOLLOWS, [ALICE_JOINS, ("account_changed", "alice", "al")], HOME, None, ("al", "account-notify"), id="other"
        ),
        pytest.param(FOLLOWS, [ALICE_JOINS, ("gone", "alice")], HOME, None, None, id="F2-quit-or-split"),
        pytest.param(
            FOLLOWS,
            [ALICE_JOINS, ("gone", "alice"), STRANGER_JOINS],
            AWAY,
            None,
            NONE,
            id="F2-a-stranger-after-the-split",
        ),
        pytest.param(FOLLOWS, [ALICE_JOINS, ("renamed", "alice", "al")], HOME, None, None, id="A1-old-nick-after-nick"),
        pytest.param(FOLLOWS, [ALICE_JOINS, ("left", "alice", "#dev")], HOME, None, None, id="last-part-or-kick"),
        pytest.param(
            FOLLOWS,
            [ALICE_JOINS, ("joined", "alice", HOME, "#ops", "alice"), ("left", "alice", "#dev")],
            HOME,
            None,
            ("alice", "account-notify"),
            id="part-of-one-of-two",
        ),
        pytest.param(FOLLOWS, [ALICE_JOINS, ("we_left", "#dev")], HOME, None, None, id="our-own-part-or-kick"),
        pytest.param(
            FOLLOWS,
            [("account_changed", "alice", "alice"), ("we_left", "#ops")],
            HOME,
            None,
            None,
            id="nobody-knows-by-which-channel",
        ),
        pytest.param(
            FOLLOWS,
            [ALICE_JOINS, ("joined", "alice", AWAY, "#ops", "*"), ("left", "alice", "#ops")],
            HOME,
            None,
            None,
            id="A1-a-join-by-another-mask-ends-what-was-known",
        ),
        pytest.param(
            FOLLOWS,
            [ALICE_JOINS, ("account_changed", "alice", "al")],
            AWAY,
            None,
            None,
            id="A1-another-mask-than-the-login",
        ),
        pytest.param(NOTIFIES, [ALICE_JOINS], HOME, None, None, id="the-join-says-nothing-without-extended-join"),
        pytest.param(
            NOTIFIES,
            [WE_JOIN, WHOX, ("joined", "alice", AWAY, "#ops", None)],
            AWAY,
            None,
            None,
            id="A1-a-plain-join-by-another-mask",
        ),
        pytest.param(
            NOTIFIES,
            [WE_JOIN, WHOX, ("joined", "alice", HOME, "#ops", None)],
            HOME,
            None,
            ("alice", "WHOX"),
            id="whox-holds-over-a-plain-join",
        ),
        pytest.param(
            Proofs(extended_join=True, whox=True),
            [WE_JOIN, WHOX, ALICE_JOINS],
            HOME,
            None,
            None,
            id="what-nobody-keeps-true-is-not-kept",
        ),
    ],
)
def test_who_is_known_at_once(
    proofs: Proofs, steps: Sequence[Step], mask: str, tag: str | None, found: tuple[str, str] | None
) -> None:
    connection = Connection(proofs)
    connection.told(steps)
    assert proven(connection.accounts.who("alice", mask, tag)) == found
    assert connection.asked == []


@pytest.mark.parametrize(
    ("before", "after"),
    [
        pytest.param(FOLLOWS, NOTIFIES, id="extended-join-goes"),
        pytest.param(FOLLOWS, Proofs(extended_join=True, whox=True), id="account-notify-goes"),
        pytest.param(NOTIFIES, FOLLOWS, id="extended-join-comes"),
    ],
)
def test_what_rests_on_a_capability_goes_with_it(before: Proofs, after: Proofs) -> None:
    connection = Connection(before)
    connection.told([WE_JOIN, WHOX])
    connection.accounts.proofs = before
    assert proven(connection.accounts.who("alice", HOME, None)) == ("alice", "WHOX"), "nothing has changed yet"
    connection.accounts.proofs = after
    assert connection.accounts.who("alice", HOME, None) is None


def test_a_tag_counts_only_while_it_is_agreed_on() -> None:
    """A2: CAP DEL takes the tag's word away, and a forged one says nothing from then on."""
    connection = Connection(TAGS)
    assert proven(connection.accounts.who("alice", HOME, "alice")) == ("alice", "account-tag")
    connection.accounts.proofs = NOTHING
    assert connection.accounts.who("alice", HOME, "alice") is None


@pytest.mark.parametrize("proofs", [pytest.param(TAGS, id="tags"), pytest.param(NOTHING, id="nothing")])
def test_nobody_is_believed_while_our_own_login_failed(proofs: Proofs) -> None:
    """F4: the words that the login left are the doubt."""
    connection = Connection(proofs)
    connection.accounts.read_only = "my own login failed"
    assert connection.accounts.who("alice", HOME, "alice") == Speaker("libera", "alice", doubt="my own login failed")


# -- the words --


@pytest.mark.parametrize(
    ("proofs", "steps", "told"),
    [
        pytest.param(TAGS, [], "you are not logged in to libera", id="tags"),
        pytest.param(FOLLOWS, [STRANGER_JOINS], "you are not logged in to libera", id="followed"),
        pytest.param(
            NOTHING, [], "libera has not told me of anybody that they are logged in", id="no-sign-of-accounts"
        ),
        pytest.param(
            NOTHING,
            [("account_changed", "bob", "bob")],
            "you are not logged in to libera",
            id="somebody-elses-was-told",
        ),
    ],
)
async def test_a_doubt_says_why_and_what_to_do(proofs: Proofs, steps: Sequence[Step], told: str) -> None:
    connection = Connection(proofs)
    connection.told(steps)
    speaker = connection.accounts.who("alice", AWAY, None)
    if speaker is None:
        looking = connection.accounts.find_out("alice", AWAY)
        connection.answer("alice", AWAY)
        speaker = await looking
    assert told in speaker.doubt
    assert not speaker.account


async def test_one_answer_with_an_account_shows_that_the_network_tells() -> None:
    connection = Connection()
    looking = connection.accounts.find_out("bob", HOME)
    connection.answer("bob", HOME, ("330", "bob"))
    await looking
    looking = connection.accounts.find_out("alice", AWAY)
    connection.answer("alice", AWAY)
    assert (await looking).doubt.startswith("you are not logged in to libera. Log in to your account there")


# -- whose account it is --

PEOPLE = People(
    {"alice": Person("alice")},
    {("libera", "Alice"): "alice", ("libera", "al[x]\\~"): "alice", ("libera", "ak"): "alice"},
)


@pytest.mark.parametrize(
    ("account", "is_alice"),
    [
        pytest.param("alice", True, id="as-it-is"),
        pytest.param("ALICE", True, id="in-capitals"),
        pytest.param("AL[X]\\~", True, id="with-brackets"),
        pytest.param("al{x]\\~", False, id="A3-braces-for-brackets"),
        pytest.param("al[x}\\~", False, id="A3-the-closing-one"),
        pytest.param("al[x]|~", False, id="A3-a-bar-for-a-backslash"),
        pytest.param("al[x]\\^", False, id="A3-a-caret-for-a-tilde"),
        pytest.param("\u0430lice", False, id="A3-cyrillic"),
        pytest.param("al\u0131ce", False, id="A3-dotless-i"),
        pytest.param("\uff41lice", False, id="A3-full-width"),
        pytest.param("a\u212a", False, id="A3-the-sign-of-kelvin-whose-small-letter-is-a-k"),
        pytest.param("alice\u200b", False, id="A3-zero-width"),
        pytest.param("alice_", False, id="A3-another"),
    ],
)
@pytest.mark.parametrize("network", ["libera", "oftc"])
def test_an_account_is_one_persons_on_one_network(network: str, account: str, is_alice: bool) -> None:
    """A3: an account of another network is somebody else's, and so is one that only looks the same."""
    connection = Connection(TAGS, network=network)
    speaker = connection.accounts.who("alice", HOME, account)
    assert speaker is not None
    assert (PEOPLE.find(speaker) is not None) == (is_alice and network == "libera")


@pytest.mark.parametrize(
    ("mapping", "same"),
    [
        pytest.param("rfc1459", True, id="rfc1459"),
        pytest.param("strict-rfc1459", True, id="strict-rfc1459"),
        pytest.param("ascii", False, id="ascii"),
    ],
)
def test_nicks_compare_as_the_network_compares_them(mapping: str, same: bool) -> None:
    """A3: where `al[` and `al{` are two people, the one's account is not the other's."""
    connection = Connection(FOLLOWS, lambda name: casemap(name, mapping))
    connection.told([("joined", "al[", HOME, "#dev", "alice")])
    found = proven(connection.accounts.who("AL{", HOME, None))
    assert found == (("alice", "account-notify") if same else None)
