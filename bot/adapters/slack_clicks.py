"""What people do at Slack besides talking, as values: buttons, modals, shortcuts, the Home tab, links; pure."""

from collections.abc import Iterator, Mapping
from itertools import islice
from typing import Annotated, Any, TypeVar

import msgspec
from msgspec import Meta

from bot.adapters.slack_wire import Unreadable

MAX_DEPTH = 12  # of blocks, which Slack nests less deeply
MAX_TEXTS = 500  # of one message

Id = Annotated[str, Meta(pattern=r"\A[A-Z][A-Z0-9]{2,40}\Z")]
Ts = Annotated[str, Meta(pattern=r"\A[0-9]{1,11}\.[0-9]{1,9}\Z")]
Word = Annotated[str, Meta(max_length=300)]
Json = dict[str, Any]
T = TypeVar("T")


class User(msgspec.Struct, frozen=True):
    """Who did it; names prove nothing."""

    id: Id
    team_id: Word = ""
    name: Word = ""


class Named(msgspec.Struct, frozen=True):
    """A channel, or a team."""

    id: Id


class Container(msgspec.Struct, frozen=True):
    """What was clicked on."""

    type: Word = ""
    message_ts: Word = ""
    is_ephemeral: bool = False


class Action(msgspec.Struct, frozen=True):
    """One element that was clicked."""

    action_id: Word = ""
    value: str | None = None
    action_ts: Word = ""


class Message(msgspec.Struct, frozen=True):
    """A message as it was shown."""

    ts: Ts
    thread_ts: Word = ""
    text: str = ""
    blocks: list[Json] = []
    attachments: list[Json] = []
    app_id: Word = ""


class State(msgspec.Struct, frozen=True):
    """What is filled in, by block and action."""

    values: dict[str, dict[str, Json]] = {}


class View(msgspec.Struct, frozen=True):
    """A modal, or the Home tab, as it was shown."""

    id: Id
    type: Word = ""
    hash: Word = ""
    callback_id: Word = ""
    private_metadata: str = ""
    blocks: list[Json] = []
    state: State = State()


class Click(msgspec.Struct, frozen=True):
    """A button that was pressed, a modal that was submitted, a shortcut that was taken, or what is typed in a menu."""

    type: Word
    user: User
    team: Named | None = None
    api_app_id: Word = ""
    trigger_id: Word = ""
    callback_id: Word = ""
    channel: Named | None = None
    container: Container = Container()
    message: Message | None = None
    actions: list[Action] = []
    view: View | None = None
    value: str | list[Any] | dict[str, Any] | None = None

    @property
    def team_id(self) -> str:
        """The workspace of whoever did it."""
        return self.user.team_id or (self.team.id if self.team else "")


class Link(msgspec.Struct, frozen=True):
    """An address that somebody wrote."""

    url: Annotated[str, Meta(max_length=4096)]


class Shared(msgspec.Struct, frozen=True):
    """An event that tells of links that somebody wrote, or is writing.

    Arguments:
        channel: "COMPOSER" while the message is not sent.
    """

    channel: Word
    user: Word
    message_ts: Word
    links: list[Link]
    unfurl_id: Word = ""
    source: Word = ""


class Opened(msgspec.Struct, frozen=True):
    """An event that tells that somebody looks at the app."""

    user: Id
    tab: Word = ""


def read_click(payload: Mapping[str, Any]) -> Click:
    """Read what was clicked.

    Raises:
        Unreadable: Slack sends no such thing.
    """
    kept = {key: value for key, value in payload.items() if value is not None}
    return _read(kept, Click)


def read_shared(event: Mapping[str, Any]) -> Shared:
    """Read an event of links.

    Raises:
        Unreadable: it is none.
    """
    return _read(event, Shared)


def read_opened(event: Mapping[str, Any]) -> Opened:
    """Read that somebody looks at the app.

    Raises:
        Unreadable: it does not say so.
    """
    return _read(event, Opened)


def texts_of(message: Message) -> list[str]:
    """List all that a message says and links to, its text first, then what programs put into blocks and beside it."""
    more = islice(_texts([message.blocks, message.attachments], MAX_DEPTH), MAX_TEXTS)
    return [message.text, *more]


def _texts(value: object, depth: int) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif depth and isinstance(value, Mapping):
        for each in value.values():
            yield from _texts(each, depth - 1)
    elif depth and isinstance(value, list):
        for each in value:
            yield from _texts(each, depth - 1)


def _read(raw: object, kind: type[T]) -> T:
    try:
        return msgspec.convert(raw, kind)
    except (msgspec.ValidationError, RecursionError) as error:
        raise Unreadable(str(error)) from error
