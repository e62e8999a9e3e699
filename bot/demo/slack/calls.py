"""A call of the Web API as it arrives, and how it is refused."""

import base64
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from bot.demo.slack.workspace import Channel, Json, User, Workspace


class ApiError(Exception):
    """An answer with `ok: false`.

    Arguments:
        more: what the answer says besides, such as `needed`.
    """

    def __init__(self, error: str, messages: list[str] | None = None, **more: object) -> None:
        super().__init__(error)
        self.body: Json = {"ok": False, "error": error, **more}
        if messages:
            self.body |= {
                "errors": messages,
                "response_metadata": {"messages": [f"[ERROR] {each}" for each in messages]},
            }


@dataclass(frozen=True, slots=True)
class Call:
    """One call of a method by an app's token, with its arguments as they were sent: in a form all are texts."""

    method: str
    workspace: Workspace
    arguments: Mapping[str, Any]
    warnings: list[str]

    def text(self, name: str, default: str = "") -> str:
        value = self.arguments.get(name, default)
        return default if value is None else str(value)

    def flag(self, name: str, *, default: bool = False) -> bool:
        value = self.arguments.get(name)
        if value is None or value == "":
            return default
        return value if isinstance(value, bool) else str(value).lower() in ("1", "true")

    def number(self, name: str, default: int) -> int:
        try:
            return int(self.text(name) or default)
        except ValueError:
            return default

    def value(self, name: str, error: str = "invalid_arguments") -> Any:
        """Give an argument that is JSON: as it is in a JSON body, as text in a form."""
        value = self.arguments.get(name)
        if not isinstance(value, str):
            return value
        try:
            return json.loads(value) if value else None
        except ValueError:
            raise ApiError(error) from None

    def needed(self, name: str, error: str = "invalid_arguments") -> str:
        if not (value := self.text(name)):
            raise ApiError(error, [f"missing required field: {name}"] if error == "invalid_arguments" else None)
        return value

    def channel(self, name: str = "channel") -> Channel:
        """Find a channel by its id; one that the app cannot see is not found."""
        wanted = self.text(name)
        found = self.workspace.channels.get(wanted)
        if found is None and name == "channel" and self.method.startswith("chat.post"):
            user = self.workspace.users.get(wanted)  # to a person is to their direct message
            by_name = [each for each in self.workspace.channels.values() if each.name and f"#{each.name}" == wanted]
            found = by_name[0] if by_name else self.workspace.im_with(wanted) if user and not user.deleted else None
        hidden = found is not None and (found.is_private or found.is_im)
        if found is None or (hidden and self.workspace.app.user_id not in found.members):
            raise ApiError("channel_not_found")
        return found

    def user(self, name: str = "user") -> User:
        found = self.workspace.users.get(self.text(name))
        if found is None:
            raise ApiError("user_not_found")
        return found


Handler = Callable[[Call], Json]


@dataclass(frozen=True, slots=True)
class Method:
    """A method: what answers it, and the scopes of which it needs one; none for what every token may."""

    name: str
    answer: Handler
    scopes: tuple[str, ...] = ()
    takes_json: bool = True


def page(call: Call, items: list[Any], default: int = 100, most: int = 1000) -> tuple[list[Any], Json]:
    """Cut a page out of a list, and write the cursor of the next one; it is empty at the end."""
    limit = call.number("limit", default) or default
    if not 1 <= limit <= most:
        raise ApiError("invalid_limit")
    begin = 0
    if cursor := call.text("cursor"):
        try:
            begin = int(base64.b64decode(cursor, validate=True).decode().removeprefix("next:"))
        except ValueError:
            raise ApiError("invalid_cursor") from None
    end = begin + limit
    following = base64.b64encode(f"next:{end}".encode()).decode() if end < len(items) else ""
    return items[begin:end], {"response_metadata": {"next_cursor": following}}
