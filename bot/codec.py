"""Events, places and words as JSON text for the disk, and back."""

from typing import Any

import msgspec

from bot.chat import Card, MessageRef, Words
from bot.events import Event
from bot.values import Place


class Codec:
    """Knows every kind of event that plugins and the core declare.

    A class is known by its name, so two events of one name cannot both be stored.
    """

    def __init__(self) -> None:
        self._decoders: dict[str, msgspec.json.Decoder[Any]] = {}

    def dump(self, event: Event) -> tuple[str, str]:
        """Tell an event's kind and its body."""
        return type(event).__name__, msgspec.json.encode(event).decode()

    def load(self, kind: str, body: str) -> Event:
        """Read an event back.

        Raises:
            KeyError: no event of this kind exists any more.
            msgspec.ValidationError: the body is of another shape, as after a downgrade.
        """
        if kind not in self._decoders:
            self._decoders[kind] = msgspec.json.Decoder(_kinds(Event)[kind])
        event: Event = self._decoders[kind].decode(body)
        return event


def _kinds(base: type[Event]) -> dict[str, type[Event]]:
    found = {base.__name__: base}
    for kind in base.__subclasses__():
        found |= _kinds(kind)
    return found


def dump_place(place: Place) -> str:
    return msgspec.json.encode(place).decode()


def load_place(text: str) -> Place:
    return msgspec.json.decode(text, type=Place)


def dump_words(words: Words) -> str:
    return msgspec.json.encode(words).decode()


def load_words(text: str) -> Words:
    words: Words = msgspec.json.decode(text, type=str | Card)
    return words


def load_message(text: str) -> MessageRef:
    return msgspec.json.decode(text, type=MessageRef)


def dump(value: Any) -> str:
    """Write plain values: what JSON has, and our dataclasses."""
    return msgspec.json.encode(value).decode()


def load(text: str) -> Any:
    return msgspec.json.decode(text)
