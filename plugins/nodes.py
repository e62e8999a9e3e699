"""Show the agents that builds run on, take them out and back, and tell when they go down: many at once in one line."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from bot.events import Event, NodeCameBack, NodeWentDown
from bot.plugin import Call, Context, Plugin, Role, Settings, UserError, lasting, nearest
from bot.values import Node, NodeRef, Nodes, Place, Subject
from bot.wording import cut, listed, plain, quoted

MAX_SHOWN = 8  # fits a few lines of IRC; a longer list is a page of Jenkins
MAX_NAMED = 3  # of those that are back, which need nobody
MAX_REASON_BYTES = 100  # a lost connection's reason may be the head of a stack trace
LOST_S = 60.0  # so late, what should have told the kept news became a dead letter, and another one takes over
STATE = "nodes"


class NodesSettings(Settings, frozen=True):
    """`[plugin.nodes]`."""

    announce: tuple[str, ...] = ()  # places that hear of agents; without any, the operators
    gather_s: float = 10.0  # agents that go down together mostly do so within seconds of each other's stable time
    remind_s: float = 14400.0
    reminders: int = 6  # then silence until something changes

    def __post_init__(self) -> None:
        if not 0 <= self.gather_s <= 600:
            raise ValueError(f"gather_s must be 0 to 600, is {self.gather_s}")
        if not 1 <= self.remind_s <= 604800:
            raise ValueError(f"remind_s must be 1 to 604800, is {self.remind_s}")
        if not 0 <= self.reminders <= 100:
            raise ValueError(f"reminders must be 0 to 100, is {self.reminders}")


@dataclass(frozen=True, slots=True, kw_only=True)
class NodeSeen(Event):
    """An agent went down or came back; in the one lane where news of agents are gathered.

    Arguments:
        down_s: how long a returned one was down; None for one that went down.
    """

    node: NodeRef
    since_s: float
    marked: bool = False
    reason: str = ""
    down_s: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class NodesDue(Event):
    """It is time to tell what was gathered."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ReminderDue(Event):
    """It is time to tell again who is still down, unless something was told since.

    Arguments:
        told: the key of the event that led to what was told.
        number: which reminder it is, from 1.
    """

    told: str
    number: int


plugin = Plugin("nodes", NodesSettings)


@plugin.command("nodes [<tag=value>...]", reads=True)
async def nodes(ctx: Context, call: Call) -> str:
    """Count the agents: up, busy, down and why; by tag=value, a label, or a part of the name."""
    found, wanted = await ctx.ci.nodes(), call.words("tag=value")
    chosen = chosen_by(found.found, wanted)
    return "; ".join([counted(chosen, " ".join(wanted)), *found.silent])


@plugin.command("node <node>", reads=True)
async def node(ctx: Context, call: Call) -> str:
    """Tell how an agent is: up or why not, its tags and labels, and what runs there."""
    return described(find(await ctx.ci.nodes(), call["node"]))


@plugin.command("node <node> offline <reason>...", role=Role.MAINTAINER)
async def node_offline(ctx: Context, call: Call) -> str:
    """Mark an agent offline: what runs there goes on, nothing new starts; the reason is for everybody to read."""
    after = await ctx.ci.set_node(call["node"], offline=True, reason=" ".join(call.words("reason")))
    runs = f"; {still_there(after)}" if after.running else ""
    return f"{after.ref} is {state(after)}{runs}"


@plugin.command("node <node> online", role=Role.MAINTAINER)
async def node_online(ctx: Context, call: Call) -> str:
    """Take back that an agent is marked offline."""
    after = await ctx.ci.set_node(call["node"], offline=False, reason="")
    if after.is_disconnected:
        reason = f" ({cut(plain(after.reason), MAX_REASON_BYTES)})" if after.reason else ""
        return f"{after.ref} is not marked offline but has no connection{reason}; Jenkins must reach it again"
    return f"{after.ref} is {state(after)}"


@plugin.on(NodeWentDown)
async def went_down(ctx: Context, event: NodeWentDown) -> None:
    """Hand on to the lane where news are gathered."""
    hand_on(ctx, event, marked=event.marked, reason=event.reason)


@plugin.on(NodeCameBack)
async def came_back(ctx: Context, event: NodeCameBack) -> None:
    """Hand on to the lane where news are gathered."""
    hand_on(ctx, event, down_s=event.down_s)


@plugin.on(NodeSeen)
async def gather(ctx: Context, event: NodeSeen) -> None:
    """Keep news of an agent, and see that they will be told."""
    now_s = ctx.clock.now().timestamp()
    kept = with_news(await ctx.store.get(STATE) or {}, event)
    if kept.get("due_s") is None or now_s > kept["due_s"] + LOST_S:
        kept["due_s"] = now_s + ctx.settings.gather_s
        due = NodesDue(key=f"nodes:due:{event.key}", lane=event.lane, at=ctx.clock.now())
        ctx.later(due, delay_s=ctx.settings.gather_s)
    ctx.store.put(STATE, kept)


@plugin.on(NodesDue)
async def tell(ctx: Context, event: NodesDue) -> None:
    """Tell the news in one line, and plan a reminder if somebody is down."""
    kept = await ctx.store.get(STATE)
    if not kept or not kept["news"]:
        return
    came, down = kept["news"], kept["down"]
    for place, names in shares(ctx, list(came)):
        back = {name: down_s for name, down_s in came.items() if down_s is not None and name in names}
        gone = {name: down[name] for name in came if name in down and name in names}
        lines = [words_of_down(gone, ctx.clock.now()), words_of_back(back)]
        ctx.tell(place, "; ".join(line for line in lines if line))
    ctx.store.put(STATE, {"news": {}, "down": down, "due_s": None, "told": event.key})
    if down:
        remind(ctx, event.key, 1)


@plugin.on(ReminderDue)
async def tell_again(ctx: Context, event: ReminderDue) -> None:
    """Tell who is still down, as Jenkins says now: an agent may have been taken away meanwhile."""
    kept = await ctx.store.get(STATE)
    if not kept or kept.get("told") != event.told or kept["news"]:
        return
    found = await ctx.ci.nodes()
    down = {name: kept["down"][name] for name in still_down(kept["down"], found)}
    ctx.store.put(STATE, {**kept, "down": down})
    if down:
        for place, names in shares(ctx, list(down)):
            ctx.tell(place, words_of_down({name: down[name] for name in names}, ctx.clock.now(), still=" still"))
        remind(ctx, event.told, event.number + 1)


def hand_on(ctx: Context, event: NodeWentDown | NodeCameBack, **how: Any) -> None:
    since_s = event.since.timestamp()
    seen = NodeSeen(key=f"nodes:{event.key}", lane=STATE, at=event.at, node=event.node, since_s=since_s, **how)
    ctx.later(seen, delay_s=0.0)


def remind(ctx: Context, told: str, number: int) -> None:
    if number <= ctx.settings.reminders:
        key = f"nodes:reminder:{told}:{number}"
        due = ReminderDue(key=key, lane=STATE, at=ctx.clock.now(), told=told, number=number)
        ctx.later(due, delay_s=ctx.settings.remind_s)


def shares(ctx: Context, names: Sequence[str]) -> list[tuple[Place, list[str]]]:
    """Tell who hears of which agents, given by their names with their servers."""
    places = [Place.parse(place) for place in ctx.settings.announce] or ctx.operators
    heard: dict[Place, list[str]] = {}
    for name in names:
        server, _, own = name.partition("/")
        for place in ctx.audience(places, Subject(nodes=(NodeRef(server, own),))):
            heard.setdefault(place, []).append(name)
    return list(heard.items())


def with_news(kept: Mapping[str, Any], event: NodeSeen) -> dict[str, Any]:
    """Add what happened to an agent; one that was back before anybody heard that it was down is no news.

    Both are by the agent's name with its server: `down` holds who is down and why, `news` what is to be told, with how
    long a returned one was down.
    """
    name = f"{event.node.server}/{event.node.name}"
    news, down = dict(kept.get("news", {})), dict(kept.get("down", {}))
    if event.down_s is None:
        down[name] = {"since_s": event.since_s, "marked": event.marked, "reason": event.reason}
        news[name] = None
    else:
        down.pop(name, None)
        is_untold = name in news and news.pop(name) is None
        if not is_untold:
            news[name] = event.down_s
    return {**kept, "news": news, "down": down}


def still_down(down: Mapping[str, Any], found: Nodes) -> list[str]:
    """Tell which of these are down by what the servers say; those of a server that is silent count as they were."""
    is_up = {f"{node.ref.server}/{node.ref.name}" for node in found.found if not node.offline}
    there = {f"{node.ref.server}/{node.ref.name}" for node in found.found}
    return [name for name in down if name not in is_up and (name in there or found.silent)]


def words_of_down(down: Mapping[str, Mapping[str, Any]], now: datetime, still: str = "") -> str:
    """Say who is down since when, those with one cause together; empty for nobody."""
    if not down:
        return ""
    since = datetime.fromtimestamp(min(row["since_s"] for row in down.values()), UTC)
    at = f"{since:%H:%M}" if now - since < timedelta(days=1) else f"{since:%Y-%m-%d %H:%M}"
    names = shorter(list(down))
    if len(down) == 1:
        ((name, row),) = down.items()
        return f"{names[name]} is{still} down since {at} UTC ({cause(marked=row['marked'], reason=row['reason'])})"
    told = by_cause([(names[name], row["marked"], row["reason"]) for name, row in down.items()])
    return f"{len(down)} agents are{still} down since {at} UTC: {told}"


def by_cause(down: Sequence[tuple[str, bool, str]]) -> str:
    """List agents that are down, given as name, whether marked, and reason; those with one cause together."""
    causes: dict[str, list[str]] = {}
    for name, marked, reason in down:  # each of many lost connections has words of its own, and all one cause
        causes.setdefault(cause(marked=marked, reason=reason if marked or len(down) == 1 else ""), []).append(name)
    told = [f"{listed(some, MAX_SHOWN)} ({why})" for why, some in list(causes.items())[:MAX_SHOWN]]
    more = sum(len(some) for some in list(causes.values())[MAX_SHOWN:])
    return ", ".join(told) + (f" and {more} more" if more else "")


def words_of_back(back: Mapping[str, float]) -> str:
    """Say who is back, and after how long; empty for nobody."""
    if not back:
        return ""
    names, spans = list(shorter(list(back)).values()), [lasting(min(back.values())), lasting(max(back.values()))]
    took = " to ".join(dict.fromkeys(spans))
    return f"{listed(names, MAX_NAMED)} {'is' if len(names) == 1 else 'are'} back after {took}"


def shorter(names: Sequence[str]) -> dict[str, str]:
    """Leave the server out of agents' names where all are of one."""
    servers = {name.partition("/")[0] for name in names}
    return {name: name.partition("/")[2] if len(servers) == 1 else name for name in names}


def chosen_by(found: Sequence[Node], wanted: Sequence[str]) -> list[Node]:
    """Choose agents that fit every word: tag=value, a label, or a part of the name, in any case.

    Raises:
        UserError: no agent at all has the tag, or that value of it.
    """
    tags = {tag for node in found for tag in node.tags}
    chosen = sorted(found, key=lambda node: (node.ref.name, node.ref.server))
    for word in wanted:
        tag, is_tag, value = word.casefold().partition("=")
        if is_tag and tag not in map(str.casefold, tags):
            raise UserError(f'no agent has a tag "{tag}"; {nearest(tag, tags)}')
        if is_tag and not any(has_tag(node, tag, value) for node in found):
            values = {of for node in found for name, of in node.tags.items() if name.casefold() == tag}
            raise UserError(f'no agent has {tag}="{value}"; {nearest(value, values)}')
        chosen = [node for node in chosen if (has_tag(node, tag, value) if is_tag else is_called(node, tag))]
    return chosen


def has_tag(node: Node, tag: str, value: str) -> bool:
    return any(name.casefold() == tag and of.casefold() == value for name, of in node.tags.items())


def is_called(node: Node, word: str) -> bool:
    return word in map(str.casefold, node.labels) or word in node.ref.name.casefold()


def counted(chosen: Sequence[Node], wanted: str) -> str:
    """Count agents, and name those that are down; of those that were asked for also the others."""
    if not chosen:
        return f"no agent fits {wanted}" if wanted else "there are no agents"
    up, down = ([node for node in chosen if node.offline is is_down] for is_down in (False, True))
    names = shorter([f"{node.ref.server}/{node.ref.name}" for node in chosen])
    busy = sum(bool(node.running) for node in up)
    counts = [f"{len(up)} up{f' ({busy} busy)' if busy else ''}"]
    if wanted and up:
        counts[0] += f": {listed([name_of(node, names) for node in up], MAX_SHOWN)}"
    if down:
        told = by_cause([(name_of(node, names), node.marked, node.reason) for node in down])
        counts.append(f"{len(down)} down: {told}")
    fits = f" with {wanted}" if wanted else ""
    return f"{len(chosen)} {'agent' if len(chosen) == 1 else 'agents'}{fits}: {('; ' if wanted else ', ').join(counts)}"


def name_of(node: Node, names: Mapping[str, str]) -> str:
    return names[f"{node.ref.server}/{node.ref.name}"]


def find(found: Nodes, ref: NodeRef) -> Node:
    """Find an agent by its name; one that is spelled just so comes before those in other cases.

    Raises:
        UserError: there is none, or several servers have one.
    """
    of_server = [node for node in found.found if ref.server in ("", node.ref.server)]
    fits = [node for node in of_server if node.ref.name == ref.name]
    fits = fits or [node for node in of_server if node.ref.name.casefold() == ref.name.casefold()]
    if len(fits) > 1:
        which = " or ".join(f"{node.ref.server}/{node.ref.name}" for node in fits)
        raise UserError(f"there are several agents of that name: say {which}")
    if not fits:
        hint = nearest(ref.name, (typed(node.ref.name) for node in of_server))
        raise UserError("; ".join([f"no agent {quoted(ref.name, MAX_REASON_BYTES)}; {hint}", *found.silent]))
    return fits[0]


def typed(name: str) -> str:
    """Write a name as a command takes it: one with blanks, as Jenkins gives its own node, in quotation marks."""
    return f'"{name}"' if " " in name else name


def described(node: Node) -> str:
    """Say all of one agent."""
    parts = [f"{node.ref} is {state(node)}"]
    if node.tags:
        parts.append(listed([f"{tag}={value}" for tag, value in sorted(node.tags.items())], MAX_SHOWN))
    if node.labels:
        parts.append(f"labels: {listed(node.labels, MAX_SHOWN)}")
    if node.running:
        parts.append(f"runs {listed([f'{build.ref} {build.url}'.rstrip() for build in node.running], MAX_SHOWN)}")
    elif not node.offline:
        parts.append("runs nothing")
    return "; ".join([*parts, *([node.url] if node.url else [])])


def state(node: Node) -> str:
    """Say whether an agent is up, and if not, why not: of a marked one nobody can tell whether it is connected."""
    if not node.offline:
        return "up"
    reason = f": {cut(plain(node.reason), MAX_REASON_BYTES)}" if node.reason else ""
    return f"marked offline{reason}" if node.marked else f"down without connection{reason}"


def still_there(node: Node) -> str:
    """Say what goes on at an agent that takes nothing new."""
    builds = [str(build.ref) for build in node.running]
    return f"{listed(builds, MAX_SHOWN)} still {'runs' if len(builds) == 1 else 'run'} there"


def cause(*, marked: bool, reason: str) -> str:
    words = "marked" if marked else "no connection"
    return f"{words}: {cut(plain(reason), MAX_REASON_BYTES)}" if reason else words
