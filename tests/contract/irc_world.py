"""A whole Gordon on a real IRC network with services: its configuration, and the people whom it knows there."""

import asyncio
import os
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

from bot.demo.jenkins.model import Plan
from bot.demo.world import World, people_of
from tests.irc_person import IrcPerson
from tests.rigs import Account, Network

DEV, OPS = "#dev", "#ops"
PASSWORD = "sesame"
KNOWN = ("icecrime", "tianon", "jess", "newcomer", "crosbymichael", "vieux")  # in the people file of the world
ACCOUNTS = tuple(Account(name, PASSWORD) for name in ("gordon", "mallory", *KNOWN))

SECTION = """
[irc.real]
host = "127.0.0.1"
port = {port}
tls = {tls}
nick = "gordon"
channels = ["{dev}", "{ops}"]
burst_lines = 20
line_every_s = 0.05
"""


class IrcWorld:
    """A Jenkins, a GitHub and a Gordon on a network, and the people whom a test brings there."""

    def __init__(self, network: Network, world: World) -> None:
        self.network = network
        self.world = world
        self._people: list[IrcPerson] = []

    async def person(self, nick: str, *channels: str, account: str = "") -> IrcPerson:
        """Bring somebody who is logged in, or is not."""
        person = await IrcPerson.come(self.network.port, nick, *channels, account=account, password=PASSWORD)
        self._people.append(person)
        return person

    async def meets(self, person: IrcPerson) -> None:
        """Wait until Gordon is in the channel with somebody, who came before or after, and answers."""
        await person.write(f"NAMES {DEV}")
        names = await person.until(f" 353 .* {DEV} :")
        if "gordon" not in names:
            await person.until(rf":gordon!\S+ JOIN :?{DEV}")
        await person.say(DEV, "!help whoami")
        await person.hears("whoami")

    async def leave(self) -> None:
        """Send everybody home."""
        for person in self._people:
            await person.leave()

    def configure(self, lines: Sequence[str] = (), *, tls: bool = False) -> None:
        """Write a configuration with the network, its people by their accounts, and more lines of the section."""
        port = self.network.tls_port if tls else self.network.port
        section = SECTION.format(port=port, tls=str(tls).lower(), dev=DEV, ops=OPS)
        text = self.world.config.read_text()
        assert "[gordon]\n" in text
        text = text.replace("[gordon]\n", f'[gordon]\noperators = ["real/{OPS}"]\n', 1)
        text = text.replace("announce = []", f'announce = ["real/{DEV}"]', 1)
        self.world.config.write_text("\n".join([text + section, *lines, ""]))
        (self.world.folder / "people.toml").write_text(people_of("real"))

    def secret(self, name: str, text: str) -> str:
        """Write a secret into a file that only its owner may read, and return its name."""
        path = self.world.folder / name
        with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
            file.write(text)
        return name

    @asynccontextmanager
    async def gordon(self) -> AsyncIterator[None]:
        """Run Gordon, from when it is ready until it has left."""
        app = self.world.gordon()
        task = asyncio.create_task(app.run())
        ready = asyncio.create_task(app.ready.wait())
        try:
            await asyncio.wait({task, ready}, return_when=asyncio.FIRST_COMPLETED)
            ready.cancel()
            yield
        finally:
            app.stop()
            await task

    def builds(self) -> int:
        """Count the builds that were begun."""
        return len(self.world.request_ids())


@asynccontextmanager
async def irc_world(folder: Path, network: Network) -> AsyncIterator[IrcWorld]:
    """Make a world beside a network that runs."""
    async with World(folder / "world", numbers={"gather_s": 0.1, "poll_s": 0.2}) as world:
        world.build_of(lambda starting: Plan(duration_s=600))
        here = IrcWorld(network, world)
        try:
            yield here
        finally:
            await here.leave()
