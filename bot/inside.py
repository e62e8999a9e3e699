"""What a network with buttons and forms is told besides what is said there: answers, and the blanks of commands."""

from collections.abc import Sequence

from bot.chat import Form, Heard, Words
from bot.ci import Builds
from bot.errors import UserError, shown
from bot.intake import Intake
from bot.live import Live
from bot.loader import Registry
from bot.values import JobRef

BUILD = "build"


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

    async def answer(self, heard: Heard) -> Words | None:
        """Give the answer of a command that only reads."""
        return await self._intake.answer(heard)

    async def form(self, heard: Heard) -> Form:
        """Give the form of `build JOB`: a blank for each parameter that whoever starts it may choose."""
        first, _, name = heard.text.strip().partition(" ")
        if first != BUILD or BUILD not in self._registry.commands:
            raise UserError(f"{first} has no form")
        self._intake.weigh(heard)
        jobs, name = self._live.now.settings.jobs, name.strip()
        if name not in jobs:
            raise UserError(f"there is no job {shown(name)}; it is one of {', '.join(jobs) or 'none'}")
        job = jobs[name]
        server = self._builds.servers[job.jenkins]
        names = self._live.now.settings.jenkins[job.jenkins].parameters
        given = {*job.parameters, names.request_id}
        blanks = await server.blanks(JobRef(job.jenkins, job.job))
        return Form(f"Build {name}", f"{BUILD} {name}", tuple(one for one in blanks if one.name not in given))

    def jobs(self) -> Sequence[str]:
        """List what `build` may start."""
        return list(self._live.now.settings.jobs)
