"""What goes on between the program and the forge unasked: what webhooks tell, and looking for what they did not."""

from collections.abc import Awaitable, Callable, Iterator, Sequence

from bot.accepting import Accepting
from bot.clock import Clock
from bot.compare import Comparison, Decode
from bot.database import Database
from bot.forge import ForgeServer
from bot.health import Part
from bot.live import Live
from bot.pull_book import PullBook
from bot.second_look import SecondLook


class ForgeSide:
    """The book of pull requests and those who write in it; all of it on the edge loop.

    Arguments:
        forge: None where none is configured; then nothing is ever told.
        decode: reads a delivery that did not arrive.
    """

    def __init__(
        self,
        forge: ForgeServer | None,
        accepting: Accepting,
        database: Database,
        live: Live,
        clock: Clock,
        decode: Decode,
    ) -> None:
        self.book = PullBook(accepting, database, live, clock)
        self._forge = forge
        self._looks: SecondLook | None = None
        if forge is not None:
            self._looks = SecondLook(forge, self.book, clock)
            self._comparison = Comparison(forge, self.book, self._looks, live, clock, decode)
            self.book.on_unsure = self._looks.want

    def turns(self) -> Iterator[tuple[str, Callable[[], Awaitable[None]]]]:
        """List what is to be done again and again, by name; each turn waits until there is something to do."""
        if self._looks is not None:
            yield "comparison", self._comparison.go_on
            yield "second looks", self._looks.go_on

    def words(self) -> str:
        """Say what was told and when it was compared, for people; empty without a forge. From any thread."""
        return f"{self.book.words()}; {self._comparison.words()}" if self._looks is not None else ""

    def parts(self) -> Sequence[Part]:
        """Tell how much was told, whether the comparison works, and how much the forge still lets us ask."""
        if self._forge is None or self._looks is None:
            return ()
        told = {taken.name.lower(): count for taken, count in self.book.counts.items()}
        limits = {one.resource: {"left": one.left, "limit": one.limit} for one in self._forge.budget()}
        return [
            Part("pull requests", {"told": told, "wanted": self._looks.waiting}, is_well=self._comparison.is_well),
            Part("GitHub", {"limits": limits}, is_well=all(one.quiet_until is None for one in self._forge.budget())),
        ]
