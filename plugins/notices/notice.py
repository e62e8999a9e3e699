"""What is told at a set time, whether the configuration has it or somebody has put it down."""

import hashlib
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from bot.plugin import Entry, When
from bot.values import Place
from bot.wording import cut, plain, typed
from plugins.notices.settings import LIST, NoticesSettings

CHAT = "chat "  # before the id of what somebody has put down, the name of its entry in the timetable
LETTERS = "abcdefghjkmnpqrstuvwxyz23456789"  # without those that people misread
MAX_ID = 4
MAX_LABEL = 60  # bytes


@dataclass(frozen=True, slots=True)
class Notice:
    """Commands that are given at set times, and where their answers are told.

    Arguments:
        name: of its entry in the timetable.
        label: what it is called before what it tells.
        person: the key of whoever put it down; empty: the configuration has it.
        always: it is told also when there is nothing to list.
    """

    name: str
    label: str
    when: When
    commands: tuple[str, ...]
    places: tuple[Place, ...]
    person: str = ""
    always: bool = False

    @property
    def short(self) -> str:
        """What people call it: its id, or the name of its list."""
        return self.name.removeprefix(CHAT).removeprefix(LIST)


def notice_of(settings: NoticesSettings, name: str, payload: Mapping[str, Any]) -> Notice | None:
    """Read what an entry of the timetable stands for; None for a list that is not in the configuration any more."""
    if name.startswith(LIST):
        own = name.removeprefix(LIST)
        wanted = settings.list.get(own)
        if wanted is None:
            return None
        label = plain(wanted.title) or own
        places = tuple(map(Place.parse, wanted.to))
        return Notice(name, label, settings.times()[name], wanted.commands, places, always=wanted.always)
    command = str(payload["command"])
    label = f"{cut(plain(command), MAX_LABEL)} [{name.removeprefix(CHAT)}]"
    return Notice(name, label, When(payload["when"]), (command,), (place_of(payload),), payload["person"])


def payload_of(place: Place, command: str, person: str, when: When, key: str) -> dict[str, Any]:
    """Write down what somebody wants to be told.

    Arguments:
        key: of the event by which they said so, as a handler may run again.
    """
    where = {"network": place.network, "channel": place.channel, "private": place.private, "account": place.account}
    return {**where, "command": command, "person": person, "when": when.text, "by": key}


def place_of(payload: Mapping[str, Any]) -> Place:
    """Tell where something is told that somebody has put down."""
    return Place(
        payload["network"], payload["channel"], private=bool(payload["private"]), account=str(payload["account"])
    )


def here(place: Place, name: str, account: str) -> Place:
    """Tell where what is scheduled at a place is told: the channel, or whoever spoke, alone."""
    if not place.private:
        return Place(place.network, place.channel)
    return Place(place.network, place.channel or name, private=True, account=place.account or account)


def spot(place: Place) -> str:
    """Name a place, the same however it is written; somebody alone is their account."""
    whose = f"account {place.account}" if place.private and place.account else place.channel
    return f"{place.network}/{whose.lower()}" + (" private" if place.private else "")


def at_place(entries: Sequence[Entry], place: Place) -> list[Entry]:
    """List what people have put down at a place."""
    mine = (one for one in entries if one.name.startswith(CHAT))
    return [one for one in mine if spot(place_of(one.payload)) == spot(place)]


def new_id(key: str, taken: Collection[str]) -> str:
    """Make the id of something that somebody puts down, from the key of the event by which they do."""
    for salt in range(len(taken) + 1):
        number = int.from_bytes(hashlib.blake2s(f"{salt} {key}".encode(), digest_size=8).digest())
        found = ""
        for _ in range(MAX_ID):
            number, index = divmod(number, len(LETTERS))
            found += LETTERS[index]
        if found not in taken:
            return found
    raise AssertionError("of one more than are taken each was taken")


def as_typed(words: Sequence[str]) -> str:
    """Write the words of a command so that they are read as the same again."""
    return " ".join(map(typed, words))
