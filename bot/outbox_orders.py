"""What is to be said at each place of a network, in which order, and which messages show how something stands."""

import asyncio
from collections import deque
from collections.abc import Awaitable, Sequence
from dataclasses import dataclass, field, replace

from bot.chat import Card, Chat, Editable, MessageRef, Threaded
from bot.ports import OutboxRow, Shown
from bot.values import Place

MAX_OPEN_ANSWERS, MAX_OPEN_NEWS = 40, 10  # on their way to one place
MAX_NOT_TAKEN = 3  # by a connected network; then others go first, and if they are taken three times, it is these words
STALE_S = 600.0  # announcements that are older are told of in one line
SLOT_S = 3 * 86400.0  # a message that is older is out of everybody's sight: its slot is said anew


@dataclass(eq=False, slots=True)
class Line:
    """A row in its order.

    Arguments:
        number: by which an order is an order.
        since_s: when it came, by the monotonic clock.
        is_noted: the disk knows that it may have been said.
        not_taken: how often a connected network did not take it.
        others_were: words behind it were taken since.
        passed: how often they were, before it was not taken once more.
        slot: what it is the state of, where the network can edit what it said of that before.
    """

    number: int
    row: OutboxRow
    since_s: float
    is_noted: bool
    not_taken: int = 0
    others_were: bool = False
    passed: int = 0
    slot: str = ""

    def is_passed_over(self) -> bool:
        """Tell whether others go first, to see whether they are taken."""
        return self.not_taken >= MAX_NOT_TAKEN and not self.others_were


@dataclass(eq=False, slots=True)
class PlaceOrder:
    """What is to be said at one place: its answers, or its announcements.

    Arguments:
        out: lines that were taken out and may come back: being said, or not known to have arrived.
        pause_s: before the next words, after a network took some and lost them.
        held_up_by: why nothing could be said when it was last tried; empty if it could.
    """

    network: "Network"
    key: tuple[str, bool, bool]
    is_announcing: bool
    waiting: deque[Line] = field(default_factory=deque)
    out: set[Line] = field(default_factory=set)
    pause_s: float = 0.0
    held_up_by: str = ""
    is_served: bool = False
    is_sending: bool = False

    def has_room(self) -> bool:
        """Tell whether more may be on its way: of one slot one message, as an old state must not follow a newer one."""
        if self.waiting and self._is_out(self.waiting[0]):
            return False
        return len(self.out) < (MAX_OPEN_NEWS if self.is_announcing else MAX_OPEN_ANSWERS)

    def take(self, wall_s: float) -> list[Line]:
        """Take out what is to be said next: the first line, or all announcements that are stale, as one.

        With a line that has a slot go those behind it of the same: the last one tells how that stands.
        """
        first = self.waiting[0]
        if first.is_passed_over():
            first = min((line for line in self.waiting if not self._is_out(line)), key=lambda line: line.not_taken)
        lines = [first]
        if first.slot:
            lines = [one for one in self.waiting if one.slot == first.slot and one.row.place == first.row.place]
        elif self.is_announcing and is_stale(first.row, wall_s) and first.not_taken < MAX_NOT_TAKEN:
            alike = [one for one in self.waiting if one.row.place == first.row.place and one.not_taken < MAX_NOT_TAKEN]
            lines = [one for one in alike if is_stale(one.row, wall_s) and not one.slot]
        self.take_out(lines)
        return lines

    def _is_out(self, line: Line) -> bool:
        return bool(line.slot) and any(one.slot == line.slot for one in self.out)

    def take_out(self, lines: Sequence[Line]) -> None:
        """Take these lines out."""
        gone = set(lines)
        self.waiting = deque(line for line in self.waiting if line not in gone)
        self.out |= gone

    def note_taken(self) -> None:
        """Note that words were taken here, which others had let pass."""
        for line in self.waiting:
            line.others_were = line.not_taken > 0

    def hopeless(self, lines: Sequence[Line]) -> list[Line]:
        """Note that a network did not take these lines; tell which of them it never will, as it takes others."""
        for line in lines:
            line.not_taken += 1
            line.passed += line.others_were
            line.others_were = False
        return [line for line in lines if line.passed >= MAX_NOT_TAKEN]

    def put_back(self, lines: Sequence[Line]) -> None:
        """Put lines back where they were in the order."""
        self.waiting = deque(sorted((*lines, *self.waiting), key=lambda line: line.number))
        self.out -= set(lines)


@dataclass(eq=False, slots=True)
class Network:
    """One network, the orders of its places, and the tasks that serve them.

    Arguments:
        fleeting: how many lines there are that are on no disk.
        shown: which message shows a slot at a place.
    """

    chat: Chat
    orders: dict[tuple[str, bool, bool], PlaceOrder] = field(default_factory=dict)
    unserved: deque[PlaceOrder] = field(default_factory=deque)
    tasks: set[asyncio.Task[None]] = field(default_factory=set)
    served: int = 0
    fleeting: int = 0
    shown: dict[tuple[Place, str], Shown] = field(default_factory=dict)
    is_running: bool = False

    def spawn(self, work: Awaitable[None]) -> None:
        """Do something beside everything else, until the end of `run`."""
        task = asyncio.ensure_future(work)
        self.tasks.add(task)
        task.add_done_callback(self.tasks.discard)

    def slot_of(self, row: OutboxRow) -> str:
        """Tell of what a row tells the state, where that can be edited; empty for all other words."""
        card = row.words
        return card.slot if isinstance(card, Card) and not card.follows and isinstance(self.chat, Editable) else ""

    def place_for(self, line: Line) -> Place:
        """Tell where a line is said: what follows goes under the message that shows its slot, where there is one."""
        card, place = line.row.words, line.row.place
        if not isinstance(card, Card) or not card.follows or not isinstance(self.chat, Threaded):
            return place
        shown = self.shown.get((bare(place), card.slot))
        return replace(place, thread=self.chat.under(shown.message).thread) if shown else place

    def is_unsaid(self, row: OutboxRow) -> bool:
        """Tell whether a row is not said here, as it is a step on the way and nothing can be edited."""
        return isinstance(row.words, Card) and row.words.is_step and not isinstance(self.chat, Editable)

    def showing(self, line: Line, wall_s: float) -> MessageRef | None:
        """Find the message to edit for a line; None where it is to be said anew."""
        shown = self.shown.get((bare(line.row.place), line.slot)) if line.slot else None
        return shown.message if shown and wall_s - shown.at_s < SLOT_S else None

    def shows(self, line: Line, message: MessageRef, wall_s: float) -> Shown | None:
        """Note which message shows the slot of a line now, and tell it, if it has one."""
        if not line.slot:
            return None
        place = bare(line.row.place)
        shown = self.shown[place, line.slot] = Shown(place, line.slot, message, wall_s)
        return shown

    def forget_old(self, wall_s: float) -> None:
        """Forget messages that are not edited any more."""
        self.shown = {key: one for key, one in self.shown.items() if wall_s - one.at_s < SLOT_S}


def bare(place: Place) -> Place:
    """Leave out who is addressed: a message stands where it stands."""
    return replace(place, to="", account="")


def is_stale(row: OutboxRow, wall_s: float) -> bool:
    return row.at_s > 0 and wall_s - row.at_s > STALE_S
