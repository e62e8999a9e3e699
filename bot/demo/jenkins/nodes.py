"""The agents of a Jenkins stand-in: what they are called, which labels they have, and whether they take builds."""

import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

BUILT_IN = ""  # the name of the built-in node, as in the `builtOn` of a build
BUILT_IN_SEGMENTS = frozenset({"(built-in)", "(master)"})  # how it is addressed, by Jenkins.getComputer

LOST = "Connection was broken: java.io.EOFException\n\tat java.base/java.io.ObjectInputStream.peekBytes(Unknown Source)"

# What a freestyle build logs when the channel to its agent closes under it.
CHANNEL_CLOSED = """FATAL: command execution failed
java.nio.channels.ClosedChannelException
Caused: java.io.IOException: Backing channel '{0}' is disconnected.
Build step 'Execute shell' marked build as failure
"""

_TOKEN = re.compile(r'\s*(?:(&&|\|\||[()!])|"([^"]*)"|([^\s()!&|"]+))')


@dataclass(slots=True)
class Agent:
    """A node; it is offline when it is marked so or not connected, which makes four cases.

    Arguments:
        executors: how many builds it runs at once.
        labels: besides its own name, which is one too.
        exclusive: takes only builds whose label asks for it.
        marked: a person took it offline, for `mark_reason`.
        connected: its channel is open; if not, `lost_reason` tells why.
        unmonitored: the values of its monitors are null, as they are until first taken.
    """

    name: str
    executors: int = 1
    labels: tuple[str, ...] = ()
    exclusive: bool = False
    description: str = ""
    marked: bool = False
    mark_reason: str = ""
    connected: bool = True
    lost_reason: str = ""
    unmonitored: bool = False

    @property
    def offline(self) -> bool:
        """Tell whether it takes no builds now."""
        return self.marked or not self.connected

    @property
    def reason(self) -> str:
        """Tell what is shown as the reason, which may be empty or have several lines."""
        if self.marked:
            return self.mark_reason
        return "" if self.connected else self.lost_reason

    @property
    def all_labels(self) -> list[str]:
        """List its labels and its name, sorted as Label.parse does it."""
        return sorted({*self.labels, self.name or "built-in"})

    def takes(self, expression: str) -> bool:
        """Tell whether builds with this label may run here, were it online."""
        return label_matches(expression, self.all_labels) if expression else not self.exclusive


def label_matches(expression: str, labels: Collection[str]) -> bool:
    """Tell whether labels satisfy an expression of names, `!`, `&&`, `||` and brackets."""
    tokens = [match.groups() for match in _TOKEN.finditer(expression)]
    fits, rest = _any_of(tokens, 0, labels)
    if rest != len(tokens):
        raise ValueError(f"Invalid label expression: {expression}")
    return fits


_Tokens = Sequence[tuple[str | None, ...]]


def _any_of(tokens: _Tokens, at: int, labels: Collection[str]) -> tuple[bool, int]:
    fits, at = _all_of(tokens, at, labels)
    while at < len(tokens) and tokens[at][0] == "||":
        other, at = _all_of(tokens, at + 1, labels)
        fits = fits or other
    return fits, at


def _all_of(tokens: _Tokens, at: int, labels: Collection[str]) -> tuple[bool, int]:
    fits, at = _one(tokens, at, labels)
    while at < len(tokens) and tokens[at][0] == "&&":
        other, at = _one(tokens, at + 1, labels)
        fits = fits and other
    return fits, at


def _one(tokens: _Tokens, at: int, labels: Collection[str]) -> tuple[bool, int]:
    if at >= len(tokens):
        raise ValueError("Invalid label expression: a name is missing")
    sign, quoted, name = tokens[at]
    if sign == "!":
        fits, at = _one(tokens, at + 1, labels)
        return not fits, at
    if sign == "(":
        fits, at = _any_of(tokens, at + 1, labels)
        if at >= len(tokens) or tokens[at][0] != ")":
            raise ValueError("Invalid label expression: a bracket is open")
        return fits, at + 1
    if sign is not None:
        raise ValueError(f"Invalid label expression: unexpected {sign}")
    return (quoted if name is None else name) in labels, at + 1


def why_not_now(expression: str, agents: Mapping[str, Agent]) -> str:
    """Tell in Jenkins' words why a buildable item with this label starts nowhere [BuildableItem.getCauseOfBlockage]."""
    if not expression or set(agents) == {BUILT_IN}:  # with no agents there is no point in naming nodes
        return "Waiting for next available executor"
    those = [agent for agent in agents.values() if agent.takes(expression)]
    if not those:
        return f"There are no nodes with the label {_quoted(expression)}"
    one = _quoted(those[0].name or "Built-In Node") if len(those) == 1 else ""
    if all(agent.offline for agent in those):
        return f"{one} is offline" if one else f"All nodes of label {_quoted(expression)} are offline"
    return f"Waiting for next available executor on {one or _quoted(expression)}"


def _quoted(name: str) -> str:
    return f"\u2018{name}\u2019"


def is_starved(expression: str, agents: Mapping[str, Agent]) -> bool:
    """Tell whether nobody could take such a build even if all were idle; it shows as `stuck`."""
    return bool(expression) and all(agent.offline for agent in agents.values() if agent.takes(expression))
