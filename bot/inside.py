"""What a network with buttons and forms is told besides what is said there: answers, and the blanks of commands."""

from collections.abc import Sequence
from dataclasses import replace

from bot.builds import BuildRow
from bot.chat import Blank, Card, Form, Heard, Mentioned, Words
from bot.ci import Builds
from bot.commands import find_command, tokens_of
from bot.errors import UserError, shown
from bot.intake import Intake
from bot.live import Live
from bot.loader import Registry
from bot.mentioned import mentioned
from bot.values import JobRef, Speaker
from bot.wording import typed

BUILD = "build"
WORDS = {"asked": "is being started", "queued": "waits", "running": "runs"}


class Insider:
    """The `Inside` of chats, on the edge loop."""

    def __init__(self, intake: Intake, registry: Registry, live: Live, builds: Builds) -> None:
        self._intake = intake
        self._registry = registry
        self._live = live
        self._builds = builds

    async def take(self, heard: Heard) -> str | None:
        """Take in a command whose refusal is shown apart."""
        return await self._intake.press(heard)

    async def refused(self, key: str) -> bool:
        """Tell whether a command was refused when it had its turn."""
        return await self._intake.refused(key)

    async def answer(self, heard: Heard) -> Words | None:
        """Give the answer of a command that only reads."""
        return await self._intake.answer(heard)

    async def form(self, heard: Heard) -> Form:
        """Give the form of `build JOB`, a blank for each parameter that whoever starts it may choose, or of `build`."""
        first, *rest = tokens_of(heard.text) or [""]
        if first.lower() != BUILD or BUILD not in self._registry.commands:
            raise UserError(f"{shown(first)} has no form")
        if not rest:
            return self._which_job(heard)
        self._intake.weigh(heard)
        jobs = self._live.now.settings.jobs
        name = next((each for each in jobs if each.lower() == rest[0].lower()), "")
        if not name:
            raise UserError(f"there is no job {shown(rest[0])}; it is one of {', '.join(jobs) or 'none'}")
        job = jobs[name]
        server = self._builds.servers[job.jenkins]
        names = self._live.now.settings.jenkins[job.jenkins].parameters
        given = {*job.parameters, names.request_id}
        blanks = await server.blanks(JobRef(job.jenkins, job.job))
        left = tuple(one for one in blanks if one.name not in given)
        return Form(f"Build {name}", f"{BUILD} {typed(name)}", left)

    async def builds(self, speaker: Speaker) -> Words:
        """List the builds under way that somebody has asked for."""
        person = self._live.now.people.find(speaker)
        if person is None:
            return "nobody here is known to be you, so no builds are yours"
        own = [row for row in await self._builds.ledger.watched() if row.person == person.key]
        told = [_told(row) for row in own if row.state in WORDS]
        return Card(f"{len(told)} under way", tuple(told)) if told else "none that you asked for is under way"

    def reads(self, text: str) -> bool:
        """Tell whether a command changes nothing."""
        try:
            usage, _ = find_command(self._registry.usages, text)
        except UserError:
            return False
        return self._registry.commands[usage.name].reads

    def mentioned(self, text: str) -> Sequence[Mentioned]:
        """List what a text mentions."""
        return mentioned(text, self._live.now.settings, self._live.now.names)

    def _which_job(self, heard: Heard) -> Form:
        """Ask which job, of those that this speaker may start; who may start none learns no names.

        Raises:
            UserError: they may start none, and why.
        """
        jobs, refusal = [], UserError("no job is configured that could be started")
        for name in self._live.now.settings.jobs:
            try:
                self._intake.weigh(replace(heard, text=f"{BUILD} {typed(name)}"))
            except UserError as error:
                refusal = error
            else:
                jobs.append(name)
        if not jobs:
            raise refusal
        return Form("Start a build", BUILD, (Blank("job", "Job", choices=tuple(jobs), is_needed=True),), asks_more=True)


def _told(row: BuildRow) -> str:
    number = f" #{row.number}" if row.number else ""
    of = f" of {row.pull_ref.short} at {row.sha:.7}" if row.pull_ref else ""
    return f"{row.context}{number}{of} {WORDS[row.state]}" + (f" {row.url}" if row.url else "")
