"""The third scene of the demo's day: what happens to pull requests is announced, and maintainers look at the queue."""

from datetime import timedelta

from bot.demo.github.records import FileRecord
from bot.demo.libcontainer import REPO, signed
from bot.demo.pull_requests import BROKEN
from bot.demo.stage import Stage
from bot.demo.world import CHANNEL, World

PATH = "nsinit/exec.go"
HISTORY = ("vieux", "vieux", "crosbymichael")  # who has changed that before, oldest first
MAINTAINERS = "Michael Crosby <crosbymichael@example.org> (@crosbymichael)\nGuillaume <vieux@example.org> (@vieux)\n"
FAR = timedelta(days=3)  # the builds of the week begin in none of the hours that the script takes
OPENED = 4
CONFIG = """
[plugin.pulls.channel."{place}"]
repos = ["{repo}"]
lines_per_hour = 60

[plugin.scheduled_builds.build.weekly-base-image]
job = "base-image"
at = "{weekday} 04:00 Europe/Paris"
start = true
parameters = {{ PLATFORM = "jessie" }}
"""


class PullQueue:
    """Plays the scene on a stage where Gordon is, behind the second one."""

    def __init__(self, stage: Stage) -> None:
        self._stage = stage
        self._github = stage.world.github

    async def play(self) -> None:
        """Play it all.

        Raises:
            Missing: something did not happen that should.
        """
        await self._is_opened()
        await self._is_looked_at()
        await self._is_merged()
        await self._is_told_at_set_times()

    async def _is_opened(self) -> None:
        """Who watches the channel hears of a new pull request, and who might look at it."""
        for number, author in enumerate(HISTORY):
            self._github.put_file(REPO, PATH, f"package main // {number}\n", author=author)
        self._github.put_file(REPO, "nsinit/MAINTAINERS", MAINTAINERS, author="crosbymichael")
        title = "Kill all processes of a container"
        number = self._github.open_pull(
            REPO, title=title, author="jess", message=signed(title, "jess"), files=[FileRecord(PATH)]
        )
        assert number == OPENED
        self._stage.tell(f"jess opens libcontainer#{number}: {title}")
        await self._stage.hears(rf"libcontainer#{number} .*opened")
        await self._stage.ask("tianon", f"!review libcontainer#{number}", r"tianon: .*(crosbymichael|vieux)")

    async def _is_looked_at(self) -> None:
        """Lists by any filters, and one pull request with why it is not merged."""
        await self._stage.ask("tianon", "!prs libcontainer", r"tianon: 3 open pull requests of libcontainer")
        await self._stage.ask(
            "tianon", "!prs libcontainer conflicts", rf"tianon: 1 of 3 open pull requests of libcontainer: .*#{BROKEN} "
        )
        await self._stage.ask("tianon", f"!pr libcontainer#{BROKEN}", rf"tianon: libcontainer#{BROKEN} is not merged: ")

    async def _is_merged(self) -> None:
        """What somebody approves and somebody merges."""
        self._stage.tell(f"vieux approves libcontainer#{OPENED}, and crosbymichael merges it")
        self._github.review(REPO, OPENED, "APPROVED", by="vieux")
        await self._stage.hears(rf"libcontainer#{OPENED} .*approved")
        self._github.close(REPO, OPENED, merged=True, by="crosbymichael")
        await self._stage.hears(rf"libcontainer#{OPENED} .*merged")

    async def _is_told_at_set_times(self) -> None:
        """A list comes by itself until it is taken out; which builds are due when is asked for."""
        wanted = "prs libcontainer conflicts"
        put = await self._stage.ask(
            "tianon", f'!schedule add "every 5m" {wanted}', rf"tianon: (?P<id>\w+): {CHANNEL} is told {wanted} at every"
        )
        after, short = len(self._stage.said), put["id"]
        await self._stage.hears(rf"^{wanted} \[{short}\]: 1 of 2 open pull requests of libcontainer", after=after)
        await self._stage.ask("tianon", "!schedule list", rf"tianon: 1 scheduled here; {short} {wanted}")
        await self._stage.ask("tianon", f"!schedule remove {short}", rf"tianon: {short} .*not told here any more")
        await self._stage.ask("tianon", "!scheduled", r"tianon: weekly-base-image")


def configure(world: World) -> None:
    """Add what the scene needs to the configuration of a world."""
    weekday = f"{world.clock.now() + FAR:%a}".lower()
    text = CONFIG.format(place=f"demo/{CHANNEL}", repo=REPO, weekday=weekday)
    world.config.write_text(world.config.read_text(encoding="utf-8") + text, encoding="utf-8")
