"""Whose word an account is on IRC where somebody has to be asked for: rows A1, A3 and F2."""

import asyncio
from collections.abc import Callable, Sequence

import pytest

from bot.adapters import irc_accounts
from bot.adapters.irc_accounts import Proofs
from bot.errors import Unavailable
from bot.values import Speaker
from tests.accounts_told import (
    ACCOUNT,
    ALICE_JOINS,
    AWAY,
    FOLLOWS,
    HOME,
    NONE,
    NOTHING,
    NOTIFIES,
    STRANGER_JOINS,
    WE_JOIN,
    WHOIS,
    WHOX,
    Connection,
    Step,
    proven,
    settled,
)


@pytest.mark.parametrize(
    ("proofs", "before", "meanwhile", "answer", "found"),
    [
        pytest.param(NOTHING, [], [], [HOME, ACCOUNT], WHOIS, id="330"),
        pytest.param(NOTHING, [], [], [HOME, ("307", "is a registered nick")], ("Alice", "WHOIS"), id="307-the-nick"),
        pytest.param(NOTHING, [], [], [HOME, ("307", "x"), ("330", "al")], ("al", "WHOIS"), id="330-before-307"),
        pytest.param(NOTHING, [], [], [HOME], NONE, id="A1-no-account"),
        pytest.param(NOTHING, [], [], [HOME, ("330", "*")], NONE, id="A1-account-of-nobody"),
        pytest.param(NOTHING, [], [], [AWAY, ACCOUNT], NONE, id="A1-the-owner-is-back"),
        pytest.param(NOTHING, [], [], ["", ACCOUNT], NONE, id="A1-nobody-there-any-more"),
        pytest.param(NOTHING, [], [("gone", "alice")], [HOME, ACCOUNT], NONE, id="A1-quit-before-the-answer"),
        pytest.param(NOTHING, [], [("renamed", "alice", "al")], [HOME, ACCOUNT], NONE, id="A1-nick-before-the-answer"),
        pytest.param(NOTHING, [], [("renamed", "al", "alice")], [HOME, ACCOUNT], NONE, id="A1-nick-to-it-meanwhile"),
        pytest.param(
            NOTHING,
            [],
            [("joined", "alice", HOME, "#dev", None)],
            [HOME, ACCOUNT],
            NONE,
            id="A1-join-before-the-answer",
        ),
        pytest.param(
            NOTHING,
            [("joined", "alice", HOME, "#dev", None)],
            [("joined", "alice", HOME, "#ops", None)],
            [HOME, ACCOUNT],
            WHOIS,
            id="a-second-channel-of-somebody-we-see",
        ),
        pytest.param(
            NOTHING,
            [("joined", "alice", HOME, "#dev", None)],
            [("left", "alice", "#dev")],
            [HOME, ACCOUNT],
            NONE,
            id="A1-out-of-our-sight-before-the-answer",
        ),
        pytest.param(NOTHING, [], [("gone", "bob")], [HOME, ACCOUNT], WHOIS, id="somebody-else-quits"),
        pytest.param(NOTIFIES, [], [("gone", "ALICE")], [HOME, ACCOUNT], NONE, id="A3-the-nick-in-other-letters"),
    ],
)
async def test_whois_counts_for_the_one_who_spoke(
    proofs: Proofs,
    before: Sequence[Step],
    meanwhile: Sequence[Step],
    answer: tuple[str, *tuple[tuple[str, str], ...]],
    found: tuple[str, str],
) -> None:
    """The thief speaks, leaves the nick, and its owner is back before the answer: nobody is believed."""
    connection = Connection(proofs)
    connection.told(before)
    looking = asyncio.create_task(connection.accounts.find_out("alice", HOME))
    connection.told(meanwhile)
    assert connection.asked == ["WHOIS alice"]
    connection.answer("Alice", *answer)
    assert proven(await looking) == found


async def test_what_is_read_before_the_answer_is_awaited_counts() -> None:
    """A1: both lines in one packet: the look-up begins with the call, not when its task first runs."""
    connection = Connection()
    looking = connection.accounts.find_out("alice", HOME)
    connection.told([("gone", "alice"), ("joined", "alice", HOME, "#dev", None)])
    connection.answer("alice", HOME, ACCOUNT)
    assert (await looking).doubt == irc_accounts.CANNOT_CHECK.format(network="libera")


@pytest.mark.parametrize(
    "happens",
    [
        pytest.param(lambda connection: connection.clock.move(5.1), id="no-answer-within-5-s"),
        pytest.param(lambda connection: connection.accounts.whois("263", ["WHOIS", "Try again"]), id="263"),
        pytest.param(lambda connection: connection.accounts.ended(), id="the-connection-ends"),
        pytest.param(
            lambda connection: connection.answer("alice", HOME, ACCOUNT, end=False) or connection.clock.move(6),
            id="no-end",
        ),
    ],
)
async def test_a_look_up_that_fails_is_a_doubt(happens: Callable[[Connection], None]) -> None:
    connection = Connection()
    looking = [asyncio.create_task(connection.accounts.find_out(nick, HOME)) for nick in ("alice", "alice")]
    await settled()
    happens(connection)
    for task in looking:
        assert (await task).doubt == "I cannot check right now who you are on libera. Ask again in a minute"
        assert not task.result().account


async def test_an_answer_that_begins_anew_is_read_anew() -> None:
    connection = Connection()
    looking = connection.accounts.find_out("alice", HOME)
    connection.answer("alice", HOME, ACCOUNT, ("307", "x"), end=False)
    connection.answer("alice", HOME)
    assert proven(await looking) == NONE


async def test_whoever_gives_up_waiting_asks_for_nobody_else() -> None:
    connection = Connection()
    first = connection.accounts.find_out("alice", HOME)
    second = asyncio.create_task(connection.accounts.find_out("alice", AWAY))
    await settled()
    connection.clock.move(6)
    assert not (await second).account
    assert connection.asked == ["WHOIS alice"]
    connection.answer("alice", HOME, ACCOUNT)
    assert proven(await first) == WHOIS


async def test_an_answer_that_comes_after_our_own_logout_believes_nobody() -> None:
    """F4."""
    connection = Connection()
    looking = connection.accounts.find_out("alice", HOME)
    connection.accounts.read_only = "my own login failed"
    connection.answer("alice", HOME, ACCOUNT)
    assert await looking == Speaker("libera", "alice", doubt="my own login failed")


async def test_after_the_end_nobody_is_asked() -> None:
    connection = Connection()
    connection.accounts.ended()
    assert "cannot check right now" in (await connection.accounts.find_out("alice", HOME)).doubt
    with pytest.raises(Unavailable):
        await connection.accounts.is_still("alice", "alice")
    assert connection.asked == []


async def test_one_whois_for_all_who_wait_for_it() -> None:
    connection = Connection()
    looking = [asyncio.create_task(connection.accounts.find_out(nick, HOME)) for nick in ("alice", "ALICE", "alice")]
    await settled()
    assert connection.asked == ["WHOIS alice"]
    connection.answer("alice", HOME, ACCOUNT)
    assert [proven(speaker) for speaker in await asyncio.gather(*looking)] == [WHOIS] * 3


@pytest.mark.parametrize(
    ("mask", "spoil"),
    [
        pytest.param(AWAY, [], id="by-another-mask"),
        pytest.param(HOME, [("gone", "alice")], id="after-a-quit"),
    ],
)
async def test_the_next_to_have_a_nick_gets_an_answer_of_their_own(mask: str, spoil: Sequence[Step]) -> None:
    """A1: one WHOIS for a nick at a time; whoever spoke later is not taken for whoever spoke before."""
    connection = Connection()
    thief = asyncio.create_task(connection.accounts.find_out("alice", HOME))
    await settled()
    connection.told(spoil)
    owner = asyncio.create_task(connection.accounts.find_out("alice", mask))
    await settled()
    assert connection.asked == ["WHOIS alice"]
    connection.answer("alice", mask)
    assert not (await thief).account
    assert connection.asked == ["WHOIS alice"] * 2
    connection.answer("alice", mask, ACCOUNT)
    assert proven(await owner) == WHOIS


async def test_whoever_speaks_within_an_answer_waits_for_the_next() -> None:
    connection = Connection()
    first = asyncio.create_task(connection.accounts.find_out("alice", HOME))
    await settled()
    connection.answer("alice", HOME, ACCOUNT, end=False)
    second = asyncio.create_task(connection.accounts.find_out("alice", HOME))
    connection.accounts.whois("318", ["alice"])
    assert proven(await first) == WHOIS
    connection.answer("alice", HOME)
    assert proven(await second) == NONE


async def test_an_account_is_kept_for_the_next_lines() -> None:
    connection = Connection()
    looking = connection.accounts.find_out("alice", HOME)
    connection.answer("alice", HOME, ACCOUNT)
    assert proven(await looking) == WHOIS
    connection.clock.move(9.9)
    assert proven(connection.accounts.who("ALICE", HOME, None)) == WHOIS
    assert connection.accounts.who("alice", AWAY, None) is None, "of nobody else"
    connection.clock.move(0.2)
    assert connection.accounts.who("alice", HOME, None) is None


async def test_whoever_logs_in_and_asks_again_is_looked_up_again() -> None:
    connection = Connection()
    looking = connection.accounts.find_out("alice", HOME)
    connection.answer("alice", HOME)
    assert proven(await looking) == NONE
    assert connection.accounts.who("alice", HOME, None) is None


@pytest.mark.parametrize(
    "step",
    [
        pytest.param(("gone", "alice"), id="quit"),
        pytest.param(("renamed", "alice", "al"), id="nick"),
        pytest.param(("renamed", "al", "alice"), id="nick-to-it"),
        pytest.param(("joined", "alice", HOME, "#dev", None), id="join"),
        pytest.param(("left", "alice", "#dev"), id="part"),
        pytest.param(("account_changed", "alice", "*"), id="logout"),
    ],
)
async def test_a_kept_answer_goes_when_the_nick_may_have(step: Step) -> None:
    """F2, A1."""
    connection = Connection()
    looking = connection.accounts.find_out("alice", HOME)
    connection.answer("alice", HOME, ACCOUNT)
    assert proven(await looking) == WHOIS
    connection.told([step])
    assert connection.accounts.who("alice", HOME, None) is None


async def test_whom_we_follow_we_ask_for_once() -> None:
    """After a NICK the account is asked for anew, and holds for as long as we are told of changes."""
    connection = Connection(NOTIFIES)
    connection.told([WE_JOIN, WHOX, ("renamed", "alice", "al")])
    looking = connection.accounts.find_out("al", HOME)
    connection.answer("al", HOME, ACCOUNT)
    assert proven(await looking) == WHOIS
    connection.clock.move(3600)
    assert proven(connection.accounts.who("al", HOME, None)) == WHOIS
    connection.told([("account_changed", "al", "*")])
    assert proven(connection.accounts.who("al", HOME, None)) == NONE


async def test_what_we_were_told_meanwhile_outlasts_an_answer() -> None:
    connection = Connection(NOTIFIES)
    connection.told([WE_JOIN, ("joined", "alice", HOME, "#dev", None)])
    looking = connection.accounts.find_out("alice", HOME)
    connection.told([WHOX])
    connection.answer("alice", HOME)
    assert proven(await looking) == NONE
    assert proven(connection.accounts.who("alice", HOME, None)) == ("alice", "WHOX")


# -- words that waited --


@pytest.mark.parametrize(
    ("proofs", "steps", "answer", "account", "is_still"),
    [
        pytest.param(FOLLOWS, [ALICE_JOINS], None, "Alice", True, id="followed"),
        pytest.param(FOLLOWS, [STRANGER_JOINS], None, "alice", False, id="F2-a-stranger-with-the-nick"),
        pytest.param(NOTHING, [], [HOME, ACCOUNT], "ALICE", True, id="asked"),
        pytest.param(NOTHING, [], [AWAY, ("330", "mallory")], "alice", False, id="F2-somebody-elses-account"),
        pytest.param(NOTHING, [], [AWAY], "alice", False, id="F2-nobodys-account"),
        pytest.param(NOTHING, [], [""], "alice", False, id="nobody-there"),
        pytest.param(
            NOTHING, [], ["", ACCOUNT, ("307", "x")], "alice", False, id="nobody-there-whatever-is-told-of-them"
        ),
        pytest.param(NOTHING, [], [HOME, ("330", "al\u0131ce")], "al\u0131ce", False, id="A3-beyond-ascii"),
        pytest.param(NOTHING, [], [HOME], "", False, id="no-account-is-nobody"),
    ],
)
async def test_private_words_are_for_whom_they_were_meant(
    proofs: Proofs,
    steps: Sequence[Step],
    answer: tuple[str, *tuple[tuple[str, str], ...]] | None,
    account: str,
    is_still: bool,
) -> None:
    connection = Connection(proofs)
    connection.told(steps)
    asking = asyncio.create_task(connection.accounts.is_still("alice", account))
    await settled()
    assert connection.asked == ([] if answer is None else ["WHOIS alice"])
    if answer is not None:
        connection.answer("alice", *answer)
    assert await asking is is_still


async def test_private_words_wait_when_nobody_can_tell() -> None:
    connection = Connection()
    asking = asyncio.create_task(connection.accounts.is_still("alice", "alice"))
    await settled()
    connection.told([("gone", "alice")])
    connection.answer("alice", HOME, ACCOUNT)
    with pytest.raises(Unavailable, match=r"IRC libera does not answer .* alice is still alice"):
        await asking


# -- limits --


async def test_too_many_who_ask_at_once_are_a_doubt() -> None:
    connection = Connection()
    looking = [asyncio.create_task(connection.accounts.find_out(f"nick{n}", HOME)) for n in range(200)]
    await settled()
    assert len(connection.asked) == irc_accounts.MAX_LOOKUPS
    refused = [task.result().doubt for task in looking if task.done()]
    assert len(refused) == 200 - irc_accounts.MAX_LOOKUPS
    connection.clock.move(6)
    await asyncio.gather(*looking)


@pytest.mark.parametrize("nick", ["alice,bob", "irc.libera.chat", "*", "", "a b"])
async def test_what_is_no_nick_is_not_asked_for(nick: str) -> None:
    connection = Connection()
    assert (await connection.accounts.find_out(nick, HOME)).doubt
    assert connection.asked == []


async def test_what_is_kept_is_bounded() -> None:
    connection = Connection(FOLLOWS)
    for number in range(irc_accounts.MAX_FOLLOWED + 5):
        connection.told([("joined", f"nick{number}", HOME, "#dev", "alice")])
    assert connection.accounts.who(f"nick{irc_accounts.MAX_FOLLOWED - 1}", HOME, None) is not None
    assert connection.accounts.who(f"nick{irc_accounts.MAX_FOLLOWED}", HOME, None) is None
    for number in range(irc_accounts.MAX_KEPT + 5):
        looking = connection.accounts.find_out(f"other{number}", HOME)
        connection.answer(f"other{number}", HOME, ACCOUNT)
        assert proven(await looking) == WHOIS
    assert connection.accounts.who(f"other{irc_accounts.MAX_KEPT}", HOME, None) is None
    connection.clock.move(11)
    looking = connection.accounts.find_out("late", HOME)
    connection.answer("late", HOME, ACCOUNT)
    await looking
    assert proven(connection.accounts.who("late", HOME, None)) == WHOIS
    connection.told([("account_changed", "late", "*")])
    assert connection.accounts.who("late", HOME, None) is None, "kept, and not followed for want of room"


@pytest.mark.parametrize(
    ("numeric", "arguments"),
    [
        pytest.param("311", ["alice", "user"], id="311-cut"),
        pytest.param("330", ["alice"], id="330-cut"),
        pytest.param("330", [], id="empty"),
        pytest.param("330", ["bob", "bob"], id="of-somebody-else"),
        pytest.param("263", ["WHO", "Try again"], id="263-of-another-command"),
        pytest.param("307", ["alice", "x"], id="307-before-311"),
        pytest.param("330", ["alice", "alice"], id="330-before-311"),
        pytest.param("671", ["alice", "secure"], id="another-numeric"),
    ],
)
async def test_lines_that_are_no_answer_change_nothing(numeric: str, arguments: list[str]) -> None:
    connection = Connection()
    connection.accounts.whois(numeric, arguments)
    looking = connection.accounts.find_out("alice", HOME)
    connection.accounts.whois(numeric, arguments)
    connection.answer("alice", HOME)
    assert "log in" in (await looking).doubt
