"""What webhooks did not tell is found by asking, with few requests, and ends as if they had told it."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from bot.compare import FULL_EVERY, OVERLAP, PAUSE_AT_MOST_S, READ_AT_MOST, Comparison, is_hooked
from bot.errors import Refused, Unavailable
from bot.events import PullCommented
from bot.forge import Missed, Told
from bot.second_look import SETTLES_S
from bot.settings import GitHubSettings, HookSettings, WebSettings
from bot.values import Comment, Pull, PullRef
from tests.book_rig import ALICE, REF, REPO, A, B, Booking, C, FakeForge, at, booking, live_of, pull_of, told_of
from tests.virtual_clock import VirtualClock

EVERY_S = 300.0
TEN_MINUTES_S = 600.0  # F19
SECRET = Path("secret")
HOOKED: dict[str, Any] = {"github": GitHubSettings(compare_s=EVERY_S, secret_files=(SECRET,)), "web": WebSettings()}
UNHOOKED: dict[str, Any] = {"github": GitHubSettings(compare_s=EVERY_S)}
SILENT = Unavailable("GitHub", "listing")


def said(number: int, seconds: float) -> PullCommented:
    words = Comment(number, ALICE, "LGTM", at(seconds))
    return PullCommented(key=f"comment:{number}", lane=str(REF), at=at(seconds), pull=REF, comment=words)


SCENARIO = (
    told_of(pull_of(101), "opened", "g1"),
    told_of(pull_of(102, head=B), "synchronize", "g2"),
    told_of(pull_of(103, head=B, labels=("bug", "ci")), "labeled", "g3"),
    told_of(pull_of(104, head=B, labels=("bug", "ci"), title="Mend it"), "edited", "g4"),
    Told("g5", "issue_comment.created", REPO, facts=(said(1, 105),)),
    told_of(pull_of(106, head=B, labels=("bug", "ci"), title="Mend it", is_open=False), "closed", "g6"),
    told_of(pull_of(107, head=B, labels=("bug", "ci"), title="Mend it"), "reopened", "g7"),
    told_of(pull_of(108, head=C, labels=("bug", "ci"), title="Mend it"), "synchronize", "g8"),
    told_of(pull_of(109, number=8, head=A), "opened", "g9"),
    told_of(pull_of(110, number=8, head=A, is_open=False, merged=True), "closed", "g10"),
)


def missed_of(told: Told, second: int, *, arrived: bool = False) -> Missed:
    return Missed(told.guid, told.what, at(second), told.guid.encode(), arrived)


def comparison_of(books: Booking, tellings: Mapping[str, Told] | None = None) -> Comparison:
    """Make the comparison of a book; a delivery's body is its guid, by which what it tells is found."""
    known = {told.guid: told for told in SCENARIO} if tellings is None else tellings

    def decode(missed: Missed, repo: str) -> Told | None:
        assert repo == REPO
        return known.get(missed.body.decode())

    books.book.on_unsure = books.looks.want
    return Comparison(books.server, books.book, books.looks, books.live, books.clock, decode)


async def told(books: Booking, dropped: str = "") -> None:
    """Have webhooks tell the scenario, but for one delivery, while the forge ends as it does."""
    for one in SCENARIO:
        if one.pull is not None:
            books.forge.has(one.pull)
        if one.guid != dropped:
            await books.book.take(one)


@pytest.mark.parametrize("is_listed", [False, True], ids=["by-the-heads", "by-the-list-of-deliveries"])
@pytest.mark.parametrize("dropped", [one.guid for one in SCENARIO], ids=[f"{one.guid}-{one.what}" for one in SCENARIO])
async def test_a_delivery_that_was_lost_is_found_within_ten_minutes(
    tmp_path: Path, is_listed: bool, dropped: str
) -> None:
    """F19: each delivery in turn; the book, and the last head that was told, are those of the run without a loss."""
    live = live_of(**(HOOKED if is_listed else UNHOOKED))
    async with booking(tmp_path, live=live) as books:
        comparison = comparison_of(books)
        await books.clock.until(comparison.go_on())
        books.clock.now_s = 150.0
        if is_listed:
            books.forge.sent = [missed_of(one, 150, arrived=one.guid != dropped) for one in SCENARIO]
        await told(books, dropped)
        began_s = books.clock.now_s
        await books.clock.until(comparison.go_on())
        assert books.clock.now_s - began_s <= TEN_MINUTES_S
        assert await books.state() == books_end()
        assert books.last_heads == {REF: C, PullRef(REPO, 8): A}
        comments = [event for event in books.told if isinstance(event, PullCommented)]
        assert len(comments) == (0 if dropped == "g5" and not is_listed else 1)


def books_end() -> Mapping[int, Pull]:
    return {one.pull.ref.number: one.pull for one in SCENARIO if one.pull is not None}


async def test_what_was_open_before_the_first_comparison_is_no_news(tmp_path: Path) -> None:
    async with booking(tmp_path, live=live_of(**UNHOOKED)) as books:
        comparison = comparison_of(books)
        books.forge.has(pull_of(1), pull_of(2, number=8))
        await books.clock.until(comparison.go_on())
        assert books.news == []
        assert sorted(await books.state()) == [7, 8]
        books.forge.has(pull_of(3, number=9))
        await books.clock.until(comparison.go_on())
        assert books.news == ["PullOpened a"]


async def test_an_empty_repository_was_compared_as_well(tmp_path: Path) -> None:
    """What is opened after the first comparison is new, though the book has nothing of the repository."""
    async with booking(tmp_path, live=live_of(**UNHOOKED)) as books:
        comparison = comparison_of(books)
        await books.clock.until(comparison.go_on())
        books.forge.has(pull_of(3))
        await books.clock.until(comparison.go_on())
        assert books.news == ["PullOpened a"]


async def test_after_a_restart_the_first_comparison_is_not_the_first(tmp_path: Path) -> None:
    forge = FakeForge()
    async with booking(tmp_path, forge=forge, live=live_of(**UNHOOKED)) as books:
        await books.clock.until(comparison_of(books).go_on())
    forge.has(pull_of(3))
    async with booking(tmp_path, forge=forge, live=live_of(**UNHOOKED)) as books:
        await books.clock.until(comparison_of(books).go_on())
        assert books.news == ["PullOpened a"]


async def test_rounds_come_at_their_pace_and_the_first_at_once(tmp_path: Path) -> None:
    async with booking(tmp_path, live=live_of(**UNHOOKED)) as books:
        comparison = comparison_of(books)
        at_s = []
        for _ in range(4):
            await books.clock.until(comparison.go_on())
            at_s.append(books.clock.now_s)
        pauses = [later - earlier for earlier, later in zip([0.0, *at_s], at_s, strict=False)]
        assert pauses[0] == 0
        assert all(0.9 * EVERY_S <= pause <= EVERY_S for pause in pauses[1:])


async def test_a_forge_that_is_silent_is_asked_less_and_less(tmp_path: Path) -> None:
    async with booking(tmp_path, live=live_of(github=GitHubSettings(compare_s=60.0))) as books:
        comparison = comparison_of(books)
        books.forge.troubles["heads"] = SILENT
        pauses = []
        for _ in range(7):
            began_s = books.clock.now_s
            await books.clock.until(comparison.go_on())
            pauses.append(books.clock.now_s - began_s)
        for pause, most in zip(pauses, [0, 120, 240, 480, *[PAUSE_AT_MOST_S] * 3], strict=True):
            assert 0.9 * most <= pause <= most
        assert await books.book.compared_s(REPO) is None
        assert comparison.words() == "not compared yet, GitHub does not answer (listing)"
        books.forge.troubles.clear()
        await books.clock.until(comparison.go_on())
        began_s = books.clock.now_s
        await books.clock.until(comparison.go_on())
        assert books.clock.now_s - began_s <= 60


async def test_one_repository_that_cannot_be_read_keeps_no_other_from_being_compared(tmp_path: Path) -> None:
    live = live_of(["moby/hidden", REPO], **UNHOOKED)
    async with booking(tmp_path, live=live) as books:
        comparison = comparison_of(books)
        books.forge.troubles["heads moby/hidden"] = Refused("GitHub", "the token may not read moby/hidden")
        await books.clock.until(comparison.go_on())
        began_s = books.clock.now_s
        await books.clock.until(comparison.go_on())
        assert books.clock.now_s - began_s <= EVERY_S
        assert books.forge.asked == ["heads moby/hidden", f"heads {REPO}"] * 2


@pytest.mark.parametrize(
    ("more", "sent", "asked"),
    [
        pytest.param(UNHOOKED, [], ["heads"] * 5, id="no-webhook"),
        pytest.param(HOOKED, None, ["heads", *["missed", "heads"] * 4], id="no-list"),
        pytest.param(
            HOOKED,
            [],
            ["heads", *["missed"] * (FULL_EVERY - 1), "missed", "heads"],
            id="the-list-tells",
        ),
    ],
)
async def test_a_round_costs_as_little_as_it_may(
    tmp_path: Path, more: dict[str, Any], sent: list[Missed] | None, asked: list[str]
) -> None:
    """A question a round where there is nothing to be found, or two where one was in vain."""
    async with booking(tmp_path, live=live_of(**more)) as books:
        books.forge.sent = sent
        comparison = comparison_of(books)
        books.forge.has(*(pull_of(1, number) for number in range(1, 301)))
        for _ in range(5):
            await books.clock.until(comparison.go_on())
        assert [question.partition(" ")[0] for question in books.forge.asked] == asked


async def test_a_list_that_the_token_may_not_read_is_none(tmp_path: Path) -> None:
    async with booking(tmp_path, live=live_of(**HOOKED)) as books:
        books.forge.troubles["missed"] = Refused("GitHub", "the token may not read hooks")
        comparison = comparison_of(books)
        await books.clock.until(comparison.go_on())
        books.forge.has(pull_of(3))
        await books.clock.until(comparison.go_on())
        assert books.news == ["PullOpened a"]


async def test_those_that_are_listed_no_more_are_read_a_few_at_a_time(tmp_path: Path) -> None:
    """Fifty were closed while Gordon was away."""
    async with booking(tmp_path, live=live_of(**UNHOOKED)) as books:
        comparison = comparison_of(books)
        books.forge.has(*(pull_of(1, number) for number in range(1, 51)))
        await books.clock.until(comparison.go_on())
        books.forge.has(*(pull_of(2, number, is_open=False) for number in range(1, 51)))
        for closed in (READ_AT_MOST, 2 * READ_AT_MOST, 50, 50):
            await books.clock.until(comparison.go_on())
            assert len(books.news) == closed
        assert sum(question.startswith("pull ") for question in books.forge.asked) == 50


async def test_what_was_read_wins_over_what_was_told_in_the_same_second(tmp_path: Path) -> None:
    """F18: a second look that came to nothing, as the forge was away, is made up for."""
    async with booking(tmp_path, live=live_of(**UNHOOKED)) as books:
        comparison = comparison_of(books)
        books.forge.has(pull_of(1))
        await books.clock.until(comparison.go_on())
        books.book.on_unsure = lambda ref: None
        await books.book.take(told_of(pull_of(1, head=B), "synchronize"))
        books.forge.has(pull_of(1, head=B))
        await books.clock.until(comparison.go_on())
        assert books.news == ["PullPushed b"]


async def test_what_is_of_no_use_is_read_once(tmp_path: Path) -> None:
    odd = Missed("odd", "star", at(1), b"odd", arrived=False)
    arrived = Missed("arrived", "push", at(1), b"", arrived=True)  # and was not taken in: GitHub was told that it was
    async with booking(tmp_path, live=live_of(**HOOKED)) as books:
        comparison = comparison_of(books)
        await books.clock.until(comparison.go_on())
        books.forge.sent = [odd, arrived]
        await books.clock.until(comparison.go_on())
        assert await books.book.unnoted(["odd", "arrived"]) == {"arrived"}
        assert books.told == []


async def test_deliveries_are_listed_from_a_little_before_the_last_round_and_for_three_days_at_most(
    tmp_path: Path,
) -> None:
    async with booking(tmp_path, live=live_of(**HOOKED)) as books:
        comparison = comparison_of(books)
        await books.clock.until(comparison.go_on())
        first = books.clock.now()
        await books.clock.until(comparison.go_on())
        books.clock.now_s += 20 * 86400
        await books.clock.until(comparison.go_on())
        assert books.forge.asked_since[0] == first - OVERLAP
        assert books.forge.asked_since[1] == books.clock.now() - timedelta(days=3)


async def test_what_a_forge_with_a_late_clock_has_sent_is_found(tmp_path: Path) -> None:
    """The times in its list are its own, ten minutes behind ours."""
    async with booking(tmp_path, live=live_of(**HOOKED)) as books:
        words = Told("c1", "x", REPO, facts=(said(1, 0),))
        comparison = comparison_of(books, {"c1": words})
        await books.clock.until(comparison.go_on())
        books.forge.sent = [Missed("c1", "x", books.clock.now() - timedelta(minutes=10), b"c1", arrived=False)]
        await books.clock.until(comparison.go_on())
        assert books.told == list(words.facts)


async def test_what_did_not_arrive_in_a_weekend_is_taken_in_over_some_rounds(tmp_path: Path) -> None:
    """Each of thousands is a request: none is read twice, none is left out, and what is open is seen meanwhile."""
    async with booking(tmp_path, live=live_of(**HOOKED)) as books:
        comments = {f"c{number}": Told(f"c{number}", "x", REPO, facts=(said(number, number),)) for number in range(25)}
        comparison = comparison_of(books, comments)
        await books.clock.until(comparison.go_on())
        books.forge.sent = [missed_of(one, number) for number, one in enumerate(comments.values())]
        books.forge.reads_at_most = 10
        books.forge.has(pull_of(1))
        for heard in (10, 20, 25, 25):
            await books.clock.until(comparison.go_on())
            assert sum(isinstance(event, PullCommented) for event in books.told) == heard
            assert books.news == ["PullOpened a"]
        assert len(set(books.forge.asked_since[:3])) == 1
        assert books.forge.asked_since[3] > books.forge.asked_since[2]


async def test_a_list_of_deliveries_that_cannot_be_read_hides_no_pull_request(tmp_path: Path) -> None:
    """One body that GitHub cannot hand out would stop every comparison for three days."""
    async with booking(tmp_path, live=live_of(**HOOKED)) as books:
        comparison = comparison_of(books)
        await books.clock.until(comparison.go_on())
        compared_s = await books.book.compared_s(REPO)
        books.forge.troubles["missed"] = SILENT
        for head in (A, B):
            books.forge.has(pull_of(3 + (head == B), head=head))
            await books.clock.until(comparison.go_on())
        assert books.news == ["PullOpened a", "PullPushed b"]
        assert not comparison.is_well
        assert await books.book.compared_s(REPO) == compared_s


async def test_what_did_not_arrive_is_taken_in_the_order_in_which_it_happened(tmp_path: Path) -> None:
    async with booking(tmp_path, live=live_of(**HOOKED)) as books:
        comparison = comparison_of(books)
        await books.clock.until(comparison.go_on())
        pushed = [one for one in SCENARIO if one.pull is not None and one.pull.ref == REF]
        books.forge.sent = [missed_of(one, second) for second, one in enumerate(pushed)][::-1]
        books.forge.has(replace(pushed[-1].pull or pull_of()))
        await books.clock.until(comparison.go_on())
        kinds = [name.partition(" ")[0].removeprefix("Pull") for name in books.news]
        assert kinds == ["Opened", "Pushed", "Labelled", "Edited", "Closed", "Opened", "Pushed"]


async def test_a_second_look_is_made_again_when_the_forge_answers_again(tmp_path: Path) -> None:
    async with booking(tmp_path) as books:
        await books.begun(pull_of(1))
        books.book.on_unsure = books.looks.want
        books.forge.troubles["pull"] = SILENT
        for _ in range(3):
            await books.book.take(told_of(pull_of(1, head=B), "synchronize"))
        pauses = []
        for _ in range(7):
            began_s = books.clock.now_s
            await books.clock.until(books.looks.go_on())
            pauses.append(books.clock.now_s - began_s)
        assert pauses == [SETTLES_S + 2, 4, 8, 16, 32, 60, 60]
        books.forge.troubles.clear()
        books.forge.has(pull_of(1, head=B))
        await books.clock.until(books.looks.go_on())
        assert books.news == ["PullPushed b"]
        assert len(books.forge.asked) == 8


@pytest.mark.parametrize("fault", [Refused("GitHub", "no"), None], ids=["refused", "gone"])
async def test_a_second_look_that_can_come_to_nothing_is_not_repeated(tmp_path: Path, fault: Refused | None) -> None:
    clock = VirtualClock()
    async with booking(tmp_path, clock) as books:
        books.forge.troubles |= {"pull": fault} if fault else {}
        books.looks.want(REF)
        await clock.until(books.looks.go_on())
        books.looks.want(PullRef(REPO, 8))
        await clock.until(books.looks.go_on())
        assert books.forge.asked == [f"pull {REPO}#7", f"pull {REPO}#8"]
        assert clock.now_s == 2 * SETTLES_S


@pytest.mark.parametrize(
    ("github", "web", "hooked"),
    [
        pytest.param(GitHubSettings(secret_files=(SECRET,)), WebSettings(), True, id="secret"),
        pytest.param(GitHubSettings(secret_envs=("X",)), WebSettings(), True, id="in-the-environment"),
        pytest.param(GitHubSettings(secret_files=(SECRET,)), None, False, id="nobody-listens"),
        pytest.param(GitHubSettings(), WebSettings(), False, id="no-secret"),
        pytest.param(None, WebSettings(), False, id="no-github"),
        pytest.param(
            GitHubSettings(hook={"o": HookSettings(secret_envs=("X",))}), WebSettings(), True, id="hook-for-all"
        ),
        pytest.param(
            GitHubSettings(hook={"o": HookSettings(repos=(REPO,), secret_envs=("X",))}),
            WebSettings(),
            True,
            id="its-own",
        ),
        pytest.param(
            GitHubSettings(hook={"o": HookSettings(repos=("a/b",), secret_envs=("X",))}),
            WebSettings(),
            False,
            id="another-repository's",
        ),
    ],
)
def test_a_webhook_may_tell_of_a_repository_or_not(
    github: GitHubSettings | None, web: WebSettings | None, hooked: bool
) -> None:
    assert is_hooked(live_of(github=github, web=web).now.settings, REPO) is hooked


COMMENTED: dict[str, Any] = {"github": GitHubSettings(compare_s=EVERY_S, comments=True)}


async def test_comments_that_no_webhook_told_are_found_once_and_none_of_long_ago(tmp_path: Path) -> None:
    """F19: and while there was no comparison none are asked for, as nobody meant Gordon by them."""
    async with booking(tmp_path, live=live_of(**COMMENTED)) as books:
        compare = comparison_of(books)
        books.forge.comments = [(REF, Comment(1, ALICE, "/retest", books.clock.now() - OVERLAP - timedelta(minutes=1)))]
        await books.clock.until(compare.go_on())
        assert books.forge.asked == [f"heads {REPO}"]
        for number in (2, 3):
            books.forge.comments.append((REF, Comment(number, ALICE, "/retest", books.clock.now())))
            await books.clock.until(compare.go_on())
        found = [one.key for one in books.told if isinstance(one, PullCommented)]
        assert found == ["github:comment:2", "github:comment:3"]


async def test_a_token_that_may_not_read_comments_keeps_no_pull_request_from_being_compared(tmp_path: Path) -> None:
    async with booking(tmp_path, live=live_of(**COMMENTED)) as books:
        compare = comparison_of(books)
        await books.clock.until(compare.go_on())
        books.forge.troubles["comments"] = Refused("GitHub", "no right")
        books.forge.has(pull_of(101))
        await books.clock.until(compare.go_on())
        assert books.of_pulls
        assert not compare.is_well
        assert "no right" in compare.words()
