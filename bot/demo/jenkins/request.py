"""The words between HTTP and a Jenkins stand-in: requests, answers, refusals, and who asks."""

import base64
import binascii
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from urllib.parse import parse_qsl, unquote

VERSION = "2.579"
TEXT = "text/plain;charset=UTF-8"
HTML = "text/html;charset=UTF-8"

# Rights of a user, by the names that Jenkins shows.
READ, MANAGE = "hudson.model.Hudson.Read", "hudson.model.Hudson.Manage"
ADMINISTER = "hudson.model.Hudson.Administer"
ITEM_READ, DISCOVER = "hudson.model.Item.Read", "hudson.model.Item.Discover"  # only hidden jobs ask for these
BUILD, CANCEL, CONFIGURE = "hudson.model.Item.Build", "hudson.model.Item.Cancel", "hudson.model.Item.Configure"
CONNECT, DISCONNECT = "hudson.model.Computer.Connect", "hudson.model.Computer.Disconnect"
ALL_PERMISSIONS = frozenset({READ, BUILD, CANCEL, MANAGE, ADMINISTER, CONFIGURE, CONNECT, DISCONNECT})


@dataclass(frozen=True, slots=True)
class User:
    """Somebody who may sign in, with an API token or with a password and crumbs."""

    name: str
    token: str | None
    password: str | None
    permissions: frozenset[str]


@dataclass(frozen=True, slots=True)
class Incoming:
    """A request, read whole; `base` is the scheme, host and context path it was sent to."""

    method: str
    target: str
    headers: Mapping[str, str]
    cookies: Mapping[str, str]
    form: Sequence[tuple[str, str]]
    body: bytes
    base: str
    context: str
    address: str

    @property
    def path(self) -> str:
        """The raw path below the context path."""
        return "/" + self.target.partition("?")[0].removeprefix(self.context).lstrip("/")

    @property
    def segments(self) -> list[str]:
        """The path's parts, decoded once."""
        return [unquote(part) for part in self.path.split("/") if part]

    @property
    def query(self) -> list[tuple[str, str]]:
        """The parameters behind the question mark."""
        return parse_qsl(self.target.partition("?")[2], keep_blank_values=True)

    @property
    def fields(self) -> list[tuple[str, str]]:
        """Query and form together, as a servlet sees them."""
        return [*self.query, *self.form]

    @property
    def credentials(self) -> tuple[str, str] | None:
        """The name and the secret of a Basic header; both empty when it cannot be read."""
        scheme, _, encoded = self.headers.get("Authorization", "").partition(" ")
        if scheme.lower() != "basic":
            return None
        try:
            name, _, secret = base64.b64decode(encoded, validate=True).decode().partition(":")
        except (binascii.Error, UnicodeDecodeError):
            return "", ""
        return name, secret

    def get(self, name: str) -> str | None:
        """Give the first value of a field."""
        return next((value for key, value in self.fields if key == name), None)


@dataclass(frozen=True, slots=True)
class Answer:
    """What goes back."""

    status: int
    body: bytes = b""
    kind: str = HTML
    headers: Mapping[str, str] = field(default_factory=dict)


class Refused(Exception):
    """A request that ends here, with its answer."""

    def __init__(self, status: int, words: str = "", headers: Mapping[str, str] | None = None) -> None:
        super().__init__(words)
        extra = {"X-Error": words.encode("ascii", "replace").decode()} if status == 400 else {}
        page = f"<html><head><title>Error {status}</title></head><body>{words}</body></html>"
        self.answer = Answer(status, page.encode(), headers={**extra, **(headers or {})})


@dataclass(slots=True)
class Asking:
    """Who asks: a user or nobody, and whether a crumb is needed for a POST."""

    user: User | None
    permissions: frozenset[str]
    by_token: bool = False

    @property
    def name(self) -> str | None:
        """The user's id; None is anonymous."""
        return self.user.name if self.user else None

    def need(self, permission: str) -> None:
        """Refuse who lacks a permission."""
        if permission not in self.permissions:
            who = self.name or "anonymous"
            shown = {
                "X-You-Are-Authenticated-As": who,
                "X-Required-Permission": permission,
                "X-Permission-Implied-By": ADMINISTER,
            }
            raise Refused(403, f"{who} is missing the {permission} permission", {**shown, "X-Jenkins": VERSION})
