"""What the program tells of itself: in words to people, in parts and numbers to whoever watches over it."""

import math
import time
from collections.abc import Collection, Mapping, Sequence

from bot import __version__, budget
from bot.chat import Chat
from bot.database import Database, probe
from bot.effects import Effects
from bot.forge import ForgeServer
from bot.forge_effects import KINDS
from bot.forge_side import ForgeSide
from bot.gauges import Gauges
from bot.health import Part
from bot.log_room import LogRoom
from bot.metrics import Metrics
from bot.outbox import Outbox
from bot.troubles import Troubles
from bot.watch import Watch
from bot.watchdog import Watchdog
from bot.work import WorkLoop

CHATS_WITHIN_S = 15.0  # a place to talk that is not reached by then has been tried, and is a trouble of its own


class Vitals:
    """The `Health` of a wired program; nobody may ask before `begin`.

    Arguments:
        servers: the names of the build servers.
        counts: what has happened since the start.
        ready_s: monotonic seconds at which all was under way; infinite until it is.
        is_stopping: whether the end has begun.
    """

    def __init__(
        self,
        database: Database,
        effects: Effects,
        forge: ForgeServer | None,
        forge_side: ForgeSide,
        logs: LogRoom,
        troubles: Troubles,
        chats: Mapping[str, Chat],
        servers: Collection[str],
        counts: Metrics,
    ) -> None:
        self._database = database
        self._effects = effects
        self._forge = forge
        self._forge_side = forge_side
        self._logs = logs
        self._troubles = troubles
        self._chats = chats
        self._servers = servers
        self._counts = counts
        self._started_s = time.monotonic()
        self.ready_s = math.inf
        self.is_stopping = False

    def begin(self, work: WorkLoop, watch: Watch, watchdog: Watchdog, outbox: Outbox, gauges: Gauges) -> None:
        """Take what is there only once the program's loop runs."""
        self._work = work
        self._watch = watch
        self._watchdog = watchdog
        self._outbox = outbox
        self._gauges = gauges

    def words(self) -> Mapping[str, str]:
        """Tell how everything is, in words; from any thread."""
        up_s = int(time.monotonic() - self._started_s)
        found = {"version": __version__, "up": f"{up_s // 3600}h {up_s % 3600 // 60}m"}
        for network, chat in self._chats.items():
            state = "connected" if chat.connected() else "not connected"
            waiting = f"{self._outbox.depth(network)} lines wait"
            found[network] = ", ".join([state, waiting, *self._troubles.open(self._troubles.peer(network))])
        for name in self._servers:
            since = self._watch.silent.get(name)
            found[f"Jenkins {name}"] = f"does not answer since {since:%H:%M} UTC" if since else "answers"
        if self._forge is not None:
            found["GitHub"] = budget.in_words(self._forge.budget(), self._effects.under_way(KINDS))
        if pulls := self._forge_side.words():
            found["pull requests"] = pulls
        found["logs"] = self._logs.words()
        found["handlers"] = f"{self._work.lag()} wait, worst lag {self._watchdog.worst_lag_s:.1f} s"
        return found

    def parts(self) -> Sequence[Part]:
        """Tell how the parts are, in numbers, for the pages."""
        program = Part("program", {"version": __version__, "up_s": int(time.monotonic() - self._started_s)})
        worst_lag_s = round(self._watchdog.worst_lag_s, 3)
        handlers = Part("handlers", {"waiting": self._work.lag(), "worst_lag_s": worst_lag_s})
        chats = [
            Part(network, {"waiting_lines": self._outbox.depth(network)}, is_well=chat.connected())
            for network, chat in self._chats.items()
        ]
        servers = [Part(f"Jenkins {name}", is_well=name not in self._watch.silent) for name in self._servers]
        return [program, handlers, self._logs.part(), *chats, *servers, *self._forge_side.parts()]

    def why_not_ready(self) -> Sequence[str]:
        """List why not all is under way; see `Health`."""
        up_s = time.monotonic() - self.ready_s
        if self.is_stopping or up_s < 0:
            return ["it is being stopped" if self.is_stopping else "it is starting"]
        why = [] if self._watchdog.is_answered() else ["the work loop does not answer"]
        tried = [name for name, chat in self._chats.items() if up_s < CHATS_WITHIN_S and not chat.connected()]
        return why + [f"{self._troubles.peer(name)} is being tried" for name in tried]

    async def read_disk(self) -> object:
        """Read something of the database; errors are those of `Database.read`."""
        return await self._database.read(lambda db: db.execute("SELECT version_num FROM alembic_version").fetchone())

    async def write_disk(self) -> object:
        """Write something into the database; errors are those of `Database.write`."""
        return await self._database.write(probe)

    async def metrics(self, accept: str, *, is_ready: bool) -> tuple[bytes, str]:
        """Tell all that is counted, and how everything stands, in the format that is asked for, with its type."""
        return self._counts.page(await self._gauges.read(is_ready=is_ready), accept)
