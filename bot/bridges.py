"""Channels that a bridge joins: what is announced to both is said in one, and what it repeats was heard in the other.

A bridge is somebody else's program that copies lines; the configuration says which of its channels speaks for another.
"""

from collections.abc import Iterable

from bot.settings import GordonSettings, IrcSettings, SlackSettings
from bot.values import Place


def speaking(settings: GordonSettings, place: Place) -> Place:
    """Tell where an announcement to a place is said: at the place that speaks for it, else there.

    What answers somebody is said where they are, as is what stands under a message.
    """
    if place.private or place.to or place.thread:
        return place
    by = settings.spoken_by(str(place))
    return Place.parse(by) if by else place


def speaking_once(settings: GordonSettings, places: Iterable[Place]) -> tuple[Place, ...]:
    """Tell where an announcement to several places is said, each place once."""
    found = (speaking(settings, place) for place in places)
    return tuple({(place.network, place.channel.lower()): place for place in found}.values())


def is_joined(settings: GordonSettings, place: Place) -> bool:
    """Tell whether a bridge joins a channel with another one where we are."""
    name = str(place).lower()
    networks: list[IrcSettings | SlackSettings] = [*settings.irc.values(), *settings.slack.values()]
    speakers = (own.spoken_by.lower() for network in networks for own in network.channel.values())
    return bool(settings.spoken_by(name)) or name in speakers


def is_repeated(settings: GordonSettings, place: Place) -> bool:
    """Tell whether what somebody says at a place was said, and heard, at another one, and they are a bridge.

    Arguments:
        place: with whoever says it in `to`.
    """
    network = settings.network(place.network)
    if network is None or place.to.lower() not in map(str.lower, network.relays):
        return False
    return is_joined(settings, place)
