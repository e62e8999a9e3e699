"""Looking at a pull request: from how it stands now, whatever has happened, what is due is done, and nothing twice."""

import asyncio
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace

from bot.events import Event
from bot.plugin import AtLimit, Context, NotAllowed, Refused, Unavailable, Unsure, UserError, files_of
from bot.values import Load, Pull, PullRef, Standing, Status, StatusState
from plugins.pr_builds.asking import ask, forget
from plugins.pr_builds.gates import WAITS_FOR_OK, Held, failed, held, waits
from plugins.pr_builds.memory import Memory, newest
from plugins.pr_builds.rules import MODES, Rule

CHECKED_S = 60.0  # in which a check is told that is made for what has happened


@dataclass(frozen=True, slots=True, kw_only=True)
class LookAgain(Event):
    """It is time to look at a pull request again, as something was not known or not possible before."""

    pull: PullRef
    due_s: float


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckDue(Event):
    """By now whoever makes a check by itself has told how it went at a head."""

    pull: PullRef
    check: str
    sha: str


@dataclass(frozen=True, slots=True)
class Told:
    """The status that a context is to have."""

    context: str
    status: Status


@dataclass(slots=True)
class Look:
    """One look at one pull request.

    Arguments:
        rules: by context, of those that are to be built.
        told: what came of it, by context, in words; of those of which nothing is left to say, nothing.
        to_say: by context, the state, words and link of the status that it is to have.
    """

    ctx: Context
    memory: Memory
    pull: Pull
    rules: Mapping[str, Rule]
    looks_again: bool = False
    told: dict[str, str] = field(default_factory=dict)
    to_say: dict[str, tuple[StatusState, str, str]] = field(default_factory=dict)

    async def start_all(self) -> None:
        """Weigh each context that is not done, and start it or tell why not."""
        left = {context: rule for context, rule in self.rules.items() if not self.memory.is_done(context)}
        if not left:
            return
        for context, rule in left.items():
            if context not in self.memory.skipped and rule.wants_files:
                files = await files_of(self.ctx.forge, self.pull)
                self.memory.skipped |= {name: each.skipped(files) for name, each in left.items() if each.wants_files}
        trust, now_s = await self.ctx.ci.trust_of(self.pull), self.ctx.clock.now().timestamp()
        is_patient = self.memory.is_patient(self.pull.mergeable, now_s)
        for context, rule in left.items():
            skipped = self.memory.skipped.get(context, "")
            why = held(rule, self.pull, skipped, trust, self.memory.check, is_patient=is_patient)
            why = why or await self._start(context, rule)
            if why is not None:
                self._end(context, why)
        if WAITS_FOR_OK in self.told.values():
            await ask(self.ctx, self.pull, trust, self.rules)
        self._want_checks({need for rule in left.values() for need in rule.needs})
        await self._say_all()

    def _want_checks(self, needs: Collection[str]) -> None:
        """Have checks made, once for each head, that are not told soon; at once for whoever waits for an answer."""
        ctx, ref, head = self.ctx, self.pull.ref, self.pull.head
        missing = sorted(need for need in needs if self.memory.check(need) is None)
        if not missing or self.memory.wanted == head:
            return
        self.memory.wanted = head
        for check in missing:
            key = f"{ctx.event.key}:check:{check}"
            due = CheckDue(key=key, lane=str(ref), at=ctx.clock.now(), pull=ref, check=check, sha=head)
            ctx.later(due, delay_s=0 if ctx.speaker else CHECKED_S)

    def _end(self, context: str, why: Held) -> None:
        self.told[context] = why.words
        self.looks_again = self.looks_again or why.looks_again
        if why.is_end:
            self.memory.left[context] = []
        self.to_say[context] = why.state, why.words, ""

    async def _start(self, context: str, rule: Rule) -> Held | None:
        """Start what is left of a context; tell why something of it could not be."""
        ctx, memory = self.ctx, self.memory
        at_most = limits(ctx)
        ended = None
        try:
            if context not in memory.left:
                standing = (await ctx.ci.contexts(self.pull, [context]))[context]
                if memory.after_base and standing.is_live and standing.base != self.pull.base:
                    return Held(StatusState.PENDING, "waits: its build with the former base is not over", True)
                memory.left[context] = await self._due(context, rule, standing)
            for sha in reversed(memory.left[context][:]):
                commit = "" if sha == self.pull.head else sha
                try:
                    await ctx.ci.dispatch(context, self.pull, occasion=memory.round, at_most=at_most, commit=commit)
                    self.told.setdefault(context, "starts")
                except (AtLimit, NotAllowed) as error:
                    if not commit or isinstance(error, AtLimit):
                        raise
                    ctx.log.info("%s of %s at %.7s: %s", context, self.pull.ref, sha, error)  # the head alone was seen
                except (UserError, Refused, Unsure) as error:
                    ctx.log.error("%s of %s at %.7s: %s", context, self.pull.ref, sha, error)
                    ended = failed(error)
                memory.left[context].remove(sha)
        except AtLimit as error:
            memory.author_id = self.pull.author_id
            return waits(error)
        except (NotAllowed, Unavailable) as error:
            return waits(error)
        return ended

    async def _due(self, context: str, rule: Rule, standing: Standing) -> list[str]:
        """List the commits of which a context is to be built, oldest first."""
        memory, head = self.memory, self.pull.head
        is_green = standing.is_green and standing.sha == head and not memory.after_base
        if is_green and context in memory.said:
            self.to_say[context] = StatusState.SUCCESS, f"#{standing.number} passed", standing.url
        last = [] if is_green else [head]
        if rule.build_commits == "last":
            return last
        older = [sha for sha in memory.commits if sha != head]
        if rule.build_commits == "new" or memory.is_again:
            older = [sha for sha in older if not await self._is_green(context, sha)]
        return [*older, *last]

    async def _is_green(self, context: str, sha: str) -> bool:
        name = self.ctx.forge.status_name(self.pull.ref.repo, context)
        if not name:
            return (await self.ctx.ci.contexts(replace(self.pull, head=sha), [context]))[context].is_green
        found = (await self.ctx.forge.statuses(self.pull.ref.repo, sha)).get(name)
        return found is not None and found.state is StatusState.SUCCESS

    async def _say_all(self) -> None:
        """Set the statuses of contexts at the head that neither a build nor somebody else has set."""
        ctx, memory, repo, head = self.ctx, self.memory, self.pull.ref.repo, self.pull.head
        names = {context: ctx.forge.status_name(repo, context) for context in self.to_say}
        news = [
            Told(context, Status(names[context], *told))
            for context, told in self.to_say.items()
            if names[context] and not memory.has_said(context, *told[:2])
        ]
        there = await ctx.forge.statuses(repo, head) if news else {}
        free = [one for one in news if memory.may_say(one.context, there.get(one.status.context))]
        await asyncio.gather(*(self._say(one) for one in free))

    async def _say(self, told: Told) -> None:
        try:
            await self.ctx.forge.set_status(self.pull.ref.repo, self.pull.head, told.status)
        except (UserError, Unavailable) as error:  # it is dropped for a newer one, or goes on by itself
            self.ctx.log.info("status %s at %.7s: %s", told.status.context, self.pull.head, error)
        self.memory.said[told.context] = [str(told.status.state), told.status.description]


async def look(ctx: Context, ref: PullRef, *, is_again: bool = False, anew: str = "") -> Mapping[str, str]:
    """Do what is due for a pull request as it stands now; tell what came of it, by context.

    Arguments:
        is_again: it was opened again or made ready, so that what has not passed is built once more.
        anew: why all that is under way is cancelled, and what is built is weighed anew.
    """
    if not ctx.settings.builds(ref.repo):
        return {}
    memory, now_s = Memory.of(await ctx.store.get(str(ref)), ctx.event.key), ctx.clock.now().timestamp()
    memory.woken(ctx.event.due_s if isinstance(ctx.event, LookAgain) else None, now_s)
    told: Mapping[str, str] = {}
    if isinstance(ctx.event, LookAgain) and await is_full(ctx, ref, memory):
        look_later(ctx, ref, memory, now_s)
        ctx.store.put(str(ref), memory.kept())
        return told
    memory.author_id = 0
    try:
        pull = await ctx.forge.pull(ref)
        rules = ctx.settings.repo[ref.repo].of(ctx.ci.configured(ref.repo))
        if not pull.is_open:
            await cancel(ctx, pull, rules, (), f"{ref.short} was closed")
            ctx.store.put(str(ref), None)
            await forget(ctx, ref)
            return {}
        why = memory.take(pull, ctx.event.key, is_again=is_again or bool(anew)) or anew
        if any(rule.build_commits != "last" for rule in rules.values()) and not memory.commits:
            memory.commits = newest([commit.sha for commit in await ctx.forge.commits(ref)], pull.head)
        if why:
            await cancel(ctx, pull, rules, (), why)
        for mode in MODES:
            named = [name for name, rule in rules.items() if rule.build_commits == mode]
            await cancel(ctx, pull, rules, memory.keep(mode), f"superseded by {pull.head:.7}", named)
        at_it = Look(ctx, memory, pull, rules, looks_again=memory.after_base and bool(why))
        if not at_it.looks_again:  # else a handler that is run again would cancel what it has started itself
            await at_it.start_all()
        told, looks_again = at_it.told, at_it.looks_again
    except Unavailable as error:
        ctx.log.warning("looking at %s later: %s", ref, error)
        looks_again = True
    if looks_again:
        look_later(ctx, ref, memory, now_s)
    ctx.store.put(str(ref), memory.kept())
    return told


def look_later(ctx: Context, ref: PullRef, memory: Memory, now_s: float) -> None:
    """Look again after a pause, unless that is to come already."""
    if delay_s := memory.again_in_s(now_s):
        key = f"pr_builds:{ref}:{memory.due_s:.3f}"
        due = LookAgain(key=key, lane=str(ref), at=ctx.clock.now(), pull=ref, due_s=memory.due_s)
        ctx.later(due, delay_s=delay_s)


async def is_full(ctx: Context, ref: PullRef, memory: Memory) -> bool:
    """Tell whether a pull request that waits for room need not be looked at, as there still is none."""
    return bool(memory.author_id) and not await ctx.ci.has_room(ref.repo, memory.author_id, limits(ctx))


def limits(ctx: Context) -> Load:
    """Tell how much may be under way."""
    return Load(ctx.settings.per_author, ctx.settings.per_repo)


async def cancel(
    ctx: Context,
    pull: Pull,
    rules: Mapping[str, Rule],
    keep: Collection[str],
    reason: str,
    contexts: Collection[str] | None = None,
) -> None:
    """Cancel what is under way at other commits, in the contexts in which that is wanted."""
    wanted = [name for name, rule in rules.items() if rule.cancel and (contexts is None or name in contexts)]
    for words in await ctx.ci.cancel_older(pull, wanted, keep=keep, reason=reason) if wanted else ():
        ctx.log.info("%s: %s, as %s", pull.ref, words, reason)
