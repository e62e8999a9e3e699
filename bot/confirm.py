"""Confirming what is large: it is shown with a token first, and done only when the token comes back.

What exactly would be done is a digest of the command, its facts, the person, the place and the policy in force. It
travels with the confirmed command, whose handler looks at the world again: what is not the same any more is not done.
"""

import base64
import hashlib
import hmac
import json
import secrets
import threading
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from bot.chat import Button, Card
from bot.clock import Clock
from bot.commands import Usage
from bot.errors import NotAllowed, Unconfirmed, UserError, shown
from bot.events import CommandGiven
from bot.live import Live
from bot.plugin import Command
from bot.secret import redact
from bot.values import Person, Place, Role

WITHIN_S = 120
TOKEN_BYTES = 16
PER_PERSON = 3  # waiting at once; the oldest makes room
AT_ONCE = 300  # of everybody together
CONFIRM = Command(
    "gordon",
    Usage.parse("confirm <token>"),
    Role.AUTHOR,
    False,
    f"Go on with what Gordon asked you to confirm, here and within {WITHIN_S} s.",
    None,
    own="what they were asked to confirm",
    others=None,
)
# One text for all, or it would tell somebody who guesses whether they were near.
REFUSAL = (
    f"nothing of yours waits here for that token: each is good once, within {WITHIN_S} s, for whoever asked, in the "
    "place where they asked; give the command again for a new one"
)


@dataclass(frozen=True, slots=True)
class Offer:
    """Something large that waits for its asker's word.

    Arguments:
        mark: the hash of its token.
        event: what was asked.
        used_by: the message that has brought the word; the network may deliver it again.
    """

    mark: bytes
    event: CommandGiven
    person: str
    digest: str
    effect: str
    policy: str
    until_s: float
    used_by: str = ""

    @property
    def key(self) -> str:
        """The key of the event that the word makes, so that the journal takes it once."""
        return f"confirmed:{self.mark.hex()}"


class Confirmations:
    """What waits to be confirmed: offered on the work loop, taken up on the edge, and gone with the process."""

    def __init__(self, live: Live, clock: Clock) -> None:
        self._live = live
        self._clock = clock
        self._offers: dict[bytes, Offer] = {}  # by the hash of the token, which is how none is ever compared
        self._lock = threading.Lock()

    def offer(self, event: CommandGiven, person: Person, wanted: Unconfirmed) -> Card:
        """Keep what was asked until it is confirmed, and say what would be done and how to go on.

        The token is to be typed where there are no buttons; where there are, nothing that is shown has it.
        """
        token = base64.b32encode(secrets.token_bytes(TOKEN_BYTES)).decode().rstrip("=").lower()
        mark, effect = _mark(token), redact(wanted.effect).encode("utf-8", "replace").decode()
        until_s = self._clock.monotonic_s() + WITHIN_S
        offer = Offer(mark, event, person.key, wanted.digest, effect, self._live.now.policy, until_s)
        with self._lock:
            self._make_room(person.key)
            self._offers[mark] = offer
        title, go_on = f"{shown(redact(event.text))}: this would {effect}", f"{CONFIRM.usage.name} {token}"
        return Card(
            title,
            (f"only who asked can confirm it, within {WITHIN_S} s",),
            buttons=(Button("Confirm", go_on),),
            brief=f"{title}; to go on say: {go_on} (within {WITHIN_S} s)",
        )

    def find(self, token: str, person: Person, place: Place, message_key: str) -> Offer:
        """Find what somebody confirms; the message that has used it may again, as what comes of it has one key.

        Raises:
            NotAllowed: this token is not theirs, not for here, not any more, or none.
        """
        mark, now_s = _mark(token), self._clock.monotonic_s()
        with self._lock:
            offer = self._offers.get(mark)
            if (
                offer is None
                or now_s > offer.until_s
                or offer.person != person.key
                or _seat(offer.event.place) != _seat(place)
                or offer.policy != self._live.now.policy
                or offer.used_by not in ("", message_key)
            ):
                raise NotAllowed(REFUSAL)
        return offer

    def use(self, offer: Offer, message_key: str) -> None:
        """Note that a message has brought the word for something, so that no other one may."""
        with self._lock:
            if offer.mark in self._offers:
                self._offers[offer.mark] = replace(offer, used_by=message_key)

    def _make_room(self, person: str) -> None:
        now_s = self._clock.monotonic_s()
        self._offers = {mark: offer for mark, offer in self._offers.items() if now_s <= offer.until_s}
        own = [mark for mark, offer in self._offers.items() if offer.person == person]
        for marks, most in ((own, PER_PERSON), (list(self._offers), AT_ONCE)):
            for mark in marks[: max(0, len(marks) + 1 - most)]:
                self._offers.pop(mark, None)


def weigh(event: CommandGiven, person: Person | None, policy: str, effect: str, facts: Mapping[str, Any]) -> None:
    """See that a command's asker has agreed to exactly this.

    Raises:
        Unconfirmed: they were not asked yet.
        NotAllowed: nobody knows who they are, so they cannot be asked.
        UserError: they have agreed to something else, as the world then was.
    """
    if person is None:
        raise NotAllowed(f"this would {effect}, which only somebody who is proven can confirm (whoami tells more)")
    digest = digest_of(event, person, policy, facts)
    if not event.agreed:
        raise Unconfirmed(effect, digest)
    if not hmac.compare_digest(event.agreed, digest):
        now = f"now it would {effect}" if effect != event.meant else "something about it has changed since"
        raise UserError(f"not done: you confirmed to {event.meant}; {now}; give the command again to go on")


def digest_of(event: CommandGiven, person: Person, policy: str, facts: Mapping[str, Any]) -> str:
    """Bind together all that must be the same when something is confirmed and when it is done."""
    bound = [event.command, event.text, person.key, _seat(event.place), policy, facts]
    return hashlib.sha256(json.dumps(bound, sort_keys=True).encode()).hexdigest()


def _seat(place: Place) -> tuple[str, str, bool]:
    """Tell what makes two places the same one: networks differ in which other letters are one, but A is a."""
    return place.network, place.channel.lower(), place.private


def _mark(token: str) -> bytes:
    return hashlib.sha256(token.lower().encode("utf-8", "replace")).digest()
