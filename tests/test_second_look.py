"""Reading a pull request again where what was told leaves open how it stands."""

import itertools
from pathlib import Path

import pytest

from bot.forge import Told
from bot.pull_news import Taken
from bot.values import PullRef
from tests.book_rig import NUMBER, REF, REPO, B, Booking, C, FakeForge, booking, pull_of, told_of

DAY_S = 86400.0
KNOWN = pull_of(10)


async def reading(books: Booking) -> None:
    """Read from the forge all that the book is unsure of."""
    while books.unsure:
        await books.looks.look(books.unsure.pop(0))


async def test_of_two_states_in_one_second_the_forge_tells_which_is_the_last(tmp_path: Path) -> None:
    """F18: two pushes within a second, told in either order."""
    first, last = pull_of(11, head=B), pull_of(11, head=C)
    for order, told in enumerate(itertools.permutations([first, last])):
        folder = tmp_path / str(order)
        folder.mkdir()
        async with booking(folder) as books:
            await books.begun(KNOWN)
            books.forge.has(last)
            for pull in told:
                await books.book.take(told_of(pull, "synchronize"))
            await reading(books)
            assert await books.state() == {NUMBER: last}
            assert books.news[-1] == "PullPushed c"


async def test_a_reading_that_was_overtaken_does_not_count(tmp_path: Path) -> None:
    """The forge was asked in the second of the first push and answered after the second one was told."""
    async with booking(tmp_path) as books:
        await books.begun(KNOWN)
        known = await books.book.known(REF)
        assert known is not None
        asked = known.serial
        stale = Told("", "look", REPO, pull_of(11, head=B), is_read=True)
        await books.book.take(told_of(pull_of(11, head=C), "synchronize"))
        assert await books.book.take(stale, asked=asked) is Taken.UNSURE
        books.forge.has(pull_of(11, head=C))
        await reading(books)
        assert books.news == ["PullPushed c"]


@pytest.mark.parametrize(
    ("age_s", "is_listed", "taken", "news"),
    [
        pytest.param(DAY_S, False, Taken.FRESH, ["PullClosed a"], id="neither-listed-nor-told"),
        pytest.param(DAY_S, True, Taken.UNSURE, [], id="hidden-with-its-repository"),
        pytest.param(1, True, Taken.UNSURE, [], id="too-new-to-be-told"),
        pytest.param(1, False, Taken.UNSURE, [], id="too-new-to-be-listed"),
    ],
)
async def test_what_is_gone_from_the_forge_counts_as_closed_once_that_is_sure(
    tmp_path: Path, age_s: float, is_listed: bool, taken: Taken, news: list[str]
) -> None:
    """GitHub says 404 of what was opened a moment ago, and of all that a token may not see any more."""
    async with booking(tmp_path, forge=FakeForge()) as books:
        await books.begun(pull_of(-age_s))
        assert await books.looks.look(REF, is_listed=is_listed) is taken
        assert await books.looks.look(PullRef(REPO, 99), is_listed=is_listed) is Taken.UNKNOWN
        assert books.news == news


async def test_what_webhooks_tell_of_and_the_forge_does_not_is_not_closed(tmp_path: Path) -> None:
    """A pull request is opened with a label, all in one second, and GitHub has not copied it everywhere."""
    async with booking(tmp_path, forge=FakeForge()) as books:
        await books.begun()
        books.book.on_unsure = books.looks.want
        await books.book.take(told_of(pull_of(0, labels=()), "opened"))
        await books.book.take(told_of(pull_of(0), "labeled"))
        await books.clock.until(books.looks.go_on())
        assert books.forge.asked == [f"pull {REF}"]
        assert books.news == ["PullOpened a"]


async def test_who_did_it_is_nobody_where_nobody_tells(tmp_path: Path) -> None:
    async with booking(tmp_path) as books:
        await books.begun(KNOWN)
        books.forge.has(pull_of(11, head=B))
        await books.looks.look(REF)
        [pushed] = books.of_pulls
        assert pushed.actor is None


async def test_a_clock_that_was_put_right_does_not_stop_the_book(tmp_path: Path) -> None:
    """The forge's own was three hours ahead, and what it tells now is older than what is known."""
    async with booking(tmp_path) as books:
        await books.begun(pull_of(3 * 3600))
        assert await books.book.take(told_of(pull_of(20, head=B), "synchronize")) is Taken.UNSURE
        books.forge.has(pull_of(20, head=B))
        await reading(books)
        assert books.news == ["PullPushed b"]
        assert await books.book.take(told_of(pull_of(21, head=C), "synchronize")) is Taken.FRESH
