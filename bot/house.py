"""The program as plugins see it that show or operate it."""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from bot.access import Access, unproven
from bot.answering import Answering
from bot.audit import Audit
from bot.chat import Words
from bot.comments import Comments
from bot.context import Edge
from bot.effects import Effects
from bot.errors import NotAllowed
from bot.events import CommandGiven, Event, PullCommented
from bot.linked import Link, Linking
from bot.links import Links
from bot.loader import Registry
from bot.plugin import Changes, Command, Obeyed
from bot.ports import Journal, Letter
from bot.reload import Reload
from bot.strikes import Strikes
from bot.teams import Teams
from bot.values import Membership, Person, Place, Role, Speaker
from bot.work import WorkLoop


class EdgeHouse:
    """What stands here is called on the work loop; what touches effects crosses over to the edge.

    Arguments:
        health: tells how everything is, from any thread.
    """

    def __init__(
        self,
        registry: Registry,
        access: Access,
        strikes: Strikes,
        audit: Audit,
        journal: Journal,
        effects: Effects,
        edge: Edge,
        reload: Reload,
        health: Callable[[], Mapping[str, str]],
        teams: Teams,
        links: Links,
    ) -> None:
        self._registry = registry
        self._access = access
        self._strikes = strikes
        self._audit = audit
        self._journal = journal
        self._effects = effects
        self._edge = edge
        self._reload = reload
        self._health = health
        self._teams = teams
        self._links = links
        self.work: WorkLoop  # wired by app.py: the work loop needs contexts, which need this
        self.comments: Comments  # the same
        self.answering: Answering  # the same

    def commands(self) -> Sequence[Any]:
        return [self._registry.commands[name] for name in sorted(self._registry.commands)]

    def plugins(self) -> Mapping[str, str]:
        states = {name: self._strikes.why_off(name) for name in self._registry.plugins}
        found = {name: f"off: {why}" if why else "on" for name, why in states.items()}
        return found | {name: f"did not load: {why}" for name, why in self._registry.broken.items()}

    def find(self, speaker: Speaker) -> Person | None:
        return self._access.find(speaker)

    def person(self, key: str) -> Person | None:
        return self._access.by_name(key)

    def may(self, speaker_or_person: Speaker | Person, command: Any, repo: str) -> str:
        return self._access.why_not(speaker_or_person, command, repo)

    def roles(self, person: Person, repo: str) -> Role:
        return self._access.role(person, repo or None)

    def memberships(self, person: Person) -> Sequence[Membership]:
        return self._access.memberships(person)

    def accounts(self, person: Person) -> Mapping[str, str]:
        return self._access.people.accounts_of(person.key)

    def links(self, person: Person) -> Sequence[Link]:
        return self._access.people.links_of(person.key)

    async def link(self, event: Event, given: str) -> Linking:
        assert isinstance(event, CommandGiven), "only a command joins accounts"
        return await self._edge(self._links.step(event, given))

    async def unlink(self, event: Event, network: str, person: str = "") -> Sequence[Link]:
        assert isinstance(event, CommandGiven), "only a command takes accounts apart"
        asker = self._access.find(event.speaker)
        if asker is None:
            raise NotAllowed(f"nothing is linked to you: {unproven(event.speaker)}")
        if person and person != asker.key:
            refusal = f"what is linked to others is taken apart by operators everywhere, and {asker.key} is none"
            self._access.require(event.speaker, Role.OPERATOR, None, refusal)
        return await self._edge(self._links.undo(event, network, person or asker.key))

    def is_in_team(self, account: int, team: str) -> bool | None:
        members = self._teams.members(team)
        return None if members is None else account in members

    def weigh(self, text: str, *, person: str, place: Place) -> Command:
        return self.answering.weigh(text, person=person, place=place)

    async def answer(self, text: str, *, person: str, place: Place, within_s: float | None = None) -> Words | None:
        return await self.answering.answer(text, person=person, place=place, within_s=within_s)

    async def audit(self, *, at_most: int, short_id: str = "") -> Sequence[Mapping[str, Any]]:
        return await self._audit.newest(at_most, short_id)

    async def letters(self) -> Sequence[Letter]:
        dead, unsure = await asyncio.gather(self._journal.letters(), self._effects.letters())
        return sorted([*dead, *unsure], key=lambda letter: letter.at)

    async def replay(self, letter: str) -> bool:
        if letter.startswith("e"):
            return await self._edge(self._effects.replay(letter))
        delivery = await self._journal.replay(letter) if letter.startswith("d") else None
        if delivery is not None:
            self.work.submit([delivery])
        return delivery is not None

    async def drop(self, letter: str) -> bool:
        if letter.startswith("e"):
            return await self._edge(self._effects.drop(letter))
        return await self._journal.drop(letter) if letter.startswith("d") else False

    async def switch(self, plugin: str, *, on: bool) -> bool:
        if plugin not in self._registry.plugins:
            return False
        if on:
            self._strikes.switch_on(plugin)
        else:
            self._strikes.switch_off(plugin, "an operator switched it off")
        return True

    async def obey(self, event: PullCommented) -> Obeyed:
        return await self._edge(self.comments.obey(event))

    async def changes(self) -> Changes:
        return await self._edge(self._reload.changes())

    async def reload(self, changes: Changes, event: Event) -> None:
        assert isinstance(event, CommandGiven), "only a command reloads from inside"
        person = self._access.find(event.speaker)
        await self._edge(self._reload.swap(changes.digest, event, person.key if person else ""))

    def health(self) -> Mapping[str, str]:
        return self._health()
