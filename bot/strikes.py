"""What a plugin has done wrong lately, and whether it is switched off for it."""

import logging
import time
from collections import deque
from collections.abc import Callable

from sqlalchemy import bindparam, delete, insert, select
from sqlalchemy.dialects.sqlite import insert as upsert

from bot.clock import Clock
from bot.database import Database
from bot.schema import plugin_state, sql, strikes

MAX_FAILURES = 5
FAILURES_WITHIN_S = 600.0
MAX_STUCK = 3
STUCK_WITHIN_S = 3600.0
CORE = "core"  # the core's own rows among the plugins' state

_STATE = plugin_state.c
ADD = sql(insert(strikes))
STUCK = sql(select(strikes.c.plugin).where(strikes.c.kind == bindparam("kind"), strikes.c.at_s > bindparam("after_s")))
CLEAR = sql(delete(strikes).where(strikes.c.plugin == bindparam("plugin")))
OFF = sql(select(_STATE.key, _STATE.value).where(_STATE.plugin == bindparam("plugin")))
SWITCH_OFF = sql(upsert(plugin_state).on_conflict_do_nothing())
SWITCH_ON = sql(delete(plugin_state).where(_STATE.plugin == bindparam("plugin"), _STATE.key == bindparam("key")))
log = logging.getLogger(__name__)


class Strikes:
    """Counts failures in memory and stuck loops on disk, as the latter end the process.

    Arguments:
        on_switched: told, from any thread, which plugin was switched off here and why, or on again with "".
    """

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock
        self._failures: dict[str, deque[float]] = {}
        self._off: dict[str, str] = {}
        self.on_switched: Callable[[str, str], object] = lambda plugin, why: None

    async def load(self) -> None:
        """Read who is off, and switch off who has blocked the work loop too often."""
        after_s = self._clock.now().timestamp() - STUCK_WITHIN_S
        rows = await self._database.read(lambda db: db.execute(OFF, {"plugin": CORE}).fetchall())
        self._off = {key.removeprefix("off:"): value for key, value in rows if key.startswith("off:")}
        stuck = await self._database.read(
            lambda db: [row[0] for row in db.execute(STUCK, {"kind": "stuck", "after_s": after_s}).fetchall()]
        )
        for plugin in set(stuck):
            if stuck.count(plugin) >= MAX_STUCK and plugin not in self._off:
                self.switch_off(plugin, f"it blocked the work loop {stuck.count(plugin)} times within an hour")

    def why_off(self, plugin: str) -> str:
        """Tell why a plugin is off; empty if it is on."""
        return self._off.get(plugin, "")

    def add(self, plugin: str, reason: str) -> None:
        """Count a failure; too many in a short time switch the plugin off."""
        now_s = self._clock.monotonic_s()
        failures = self._failures.setdefault(plugin, deque(maxlen=MAX_FAILURES))
        failures.append(now_s)
        if len(failures) == MAX_FAILURES and now_s - failures[0] <= FAILURES_WITHIN_S:
            why = f"it failed {MAX_FAILURES} times within 10 minutes, last: {reason}"
            self.switch_off(plugin, why)
            self.on_switched(plugin, why)

    def note_stuck(self, plugin: str) -> None:
        """Note, on disk before it returns, that a plugin blocks the work loop; the process is about to end."""
        values = {"id": None, "plugin": plugin, "kind": "stuck", "at_s": time.time()}
        self._database.submit(lambda db: db.execute(ADD, values)).result(timeout=5)

    def switch_off(self, plugin: str, reason: str) -> None:
        """Switch a plugin off until somebody switches it on."""
        log.error("plugin %s is off: %s", plugin, reason)
        self._off[plugin] = reason
        row = {"plugin": CORE, "key": f"off:{plugin}", "value": reason}
        self._database.submit(lambda db: db.execute(SWITCH_OFF, row))

    def switch_on(self, plugin: str) -> None:
        """Forget what a plugin did."""
        self._off.pop(plugin, None)
        self._failures.pop(plugin, None)
        self._database.submit(lambda db: db.execute(SWITCH_ON, {"plugin": CORE, "key": f"off:{plugin}"}))
        self._database.submit(lambda db: db.execute(CLEAR, {"plugin": plugin}))
        self.on_switched(plugin, "")
