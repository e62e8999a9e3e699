"""Gordon without its look-up: what was sent and not noted is sent again. It shows that the tests would see a duplicate.

python -m tests.world.careless gordon.toml
"""

import asyncio
import signal
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from bot.app import App
from bot.build_effects import CancelBuild, StartBuild
from bot.config import load
from bot.effect import Effect, Kind
from bot.effects import Effects
from bot.settings import GordonSettings


class CarelessStart(StartBuild):
    """A start that never looks whether it has happened."""

    async def look_up(self, effect: Effect) -> Mapping[str, Any] | None:
        return None


class CarelessApp(App):
    """The whole program, wired with the careless start."""

    def __init__(self, settings: GordonSettings) -> None:
        super().__init__(settings)
        core = settings.gordon
        start = CarelessStart(self.builds, self.ledger, self.access, self.live, self.clock)
        kinds: list[Kind] = [start, CancelBuild(self.builds)]
        self.effects = self.builds.effects = Effects(
            self.database, self.clock, self.audit, kinds, lambda: core.patience_s
        )


async def run(config: Path) -> int:
    app = CarelessApp(load(config))
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, app.stop)
    return await app.run()


if __name__ == "__main__":
    sys.exit(asyncio.run(run(Path(sys.argv[1]))))
