"""By which keys it is kept what is known of pull requests, places, and what was told together."""

from bot.values import Place, PullRef

PRIVATE = " in private"


def place_key(place: Place) -> str:
    """Name a place, the same however it is spelled."""
    return f"{place.network}/{place.channel.casefold()}{PRIVATE if place.private else ''}"


def lane(place: Place) -> str:
    """Name the lane in which the lines of a place are counted."""
    return f"pulls {place_key(place)}"


def gathered_key(ref: PullRef) -> str:
    return f"gathered:{ref}"


def pull_key(ref: PullRef) -> str:
    return f"pull:{ref}"


def shown_key(place: str, ref: PullRef) -> str:
    """Name what is kept of a pull request at a place, given the key of that."""
    return f"shown:{place}:{ref}"


def digest_key(id: str) -> str:
    return f"digest:{id}"


def chunk_key(id: str, chunk: int) -> str:
    return f"digest:{id}:{chunk}"
