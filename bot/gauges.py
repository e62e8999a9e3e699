"""How everything stands now, in numbers: read from memory and, in one look, from the disk, when somebody asks."""

import asyncio
import platform
import sqlite3
from collections.abc import Mapping
from dataclasses import dataclass

from bot import __version__
from bot.builds import BuildLedger
from bot.chat import Chat
from bot.database import Database, Sizes
from bot.effects import Effects
from bot.errors import StorageError
from bot.forge import ForgeServer
from bot.journal import SqliteJournal
from bot.loader import Registry
from bot.metrics import Values
from bot.outbox import Outbox
from bot.strikes import Strikes
from bot.watchdog import Watchdog
from bot.work import WorkLoop

DISK_WITHIN_S = 3.0  # Prometheus gives up after 10 s, and would say that we are not there


@dataclass(frozen=True, slots=True)
class Gauges:
    """Reads them; of what each tells see `metrics.GAUGES`."""

    database: Database
    journal: SqliteJournal
    effects: Effects
    ledger: BuildLedger
    work: WorkLoop
    watchdog: Watchdog
    outbox: Outbox
    chats: Mapping[str, Chat]
    forge: ForgeServer | None
    strikes: Strikes
    registry: Registry

    async def read(self, *, is_ready: bool) -> Mapping[str, Values]:
        """Tell the values of each gauge, by those of its labels; those that a disk does not give are not there."""
        found = self._in_memory() | {"ready": {(): float(is_ready)}}
        try:
            async with asyncio.timeout(DISK_WITHIN_S):
                return found | await self.database.read(self._on_disk) | {"disk_readable": {(): 1.0}}
        except (StorageError, OSError):  # a TimeoutError is one
            return found | {"disk_readable": {(): 0.0}}

    def _in_memory(self) -> dict[str, Values]:
        lanes = self.work.lanes()
        budgets = [] if self.forge is None else self.forge.budget()
        return {
            "build_info": {(__version__, platform.python_version()): 1.0},
            "lanes": {(): len(lanes)},
            "lane_deliveries": {(): sum(lanes)},
            "lane_longest_deliveries": {(): max(lanes, default=0)},
            "loop_blocked_seconds": {(loop,): seconds for loop, seconds in self.watchdog.blocked_s().items()},
            "chat_connected": {(network,): float(chat.connected()) for network, chat in self.chats.items()},
            "outbox_lines": {(network,): self.outbox.depth(network) for network in self.chats},
            "outbox_oldest_age_seconds": {(network,): self.outbox.oldest_s(network) for network in self.chats},
            "budget_left_requests": {("GitHub", one.resource): one.left for one in budgets},
            "budget_limit_requests": {("GitHub", one.resource): one.limit for one in budgets},
            "plugin_off": {(name,): float(bool(self.strikes.why_off(name))) for name in self.registry.plugins},
        }

    def _on_disk(self, db: sqlite3.Connection) -> dict[str, Values]:
        """Read what is on disk, in a thread."""
        deliveries, ready_s = self.journal.standing(db)
        effects, sending_s = self.effects.standing(db)
        sizes: Sizes = self.database.sizes()
        return {
            "journal_deliveries": {(state,): count for state, count in deliveries.items()},
            "journal_oldest_ready_age_seconds": {(): ready_s},
            "effects_open": {(state,): count for state, count in effects.items()},
            "effects_oldest_sending_age_seconds": {(): sending_s},
            "letters": {(): deliveries["dead"] + effects["unsure"]},
            "builds": self.ledger.standing(db),
            "database_size_bytes": {(): sizes.file_bytes},
            "database_log_size_bytes": {(): sizes.log_bytes},
            "disk_free_bytes": {(): sizes.free_bytes},
        }
