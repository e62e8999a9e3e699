"""A held Jenkins stand-in that starts what is asked for at once, with words for its rarer kinds of items."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from tests.contract.standin_rig import TOKEN, Rig, a_held_jenkins


class ItemRig(Rig):
    """A stand-in, its clock and a client that follows no redirect."""

    async def post(self, path: str, auth: str = TOKEN, **form: str) -> int:
        """Post a form and give the status."""
        answer = await self.ask("POST", path, auth, data=form)
        return answer.status

    async def status(self, path: str) -> int:
        """Get a page and give the status."""
        answer = await self.ask("GET", path)
        return answer.status

    async def log(self, path: str) -> str:
        """Read the whole log of a build."""
        answer = await self.ask("GET", f"{path}consoleText")
        return await answer.text()

    async def wait_s(self, seconds: float) -> None:
        """Let time pass and the controller see it."""
        self.clock.pass_s(seconds)
        await self.see("/queue/")


@asynccontextmanager
async def an_item_rig(**how: Any) -> AsyncIterator[ItemRig]:
    """Run a stand-in without quiet period."""
    async with a_held_jenkins(**{"quiet_period_s": 0.0, **how}) as rig:
        yield ItemRig(rig.server, rig.clock, rig.http)


def causes(shown: Any) -> list[Any]:
    """List the causes of a build or queue item."""
    return [each for action in shown["actions"] if action for each in action.get("causes", [])]


def values(shown: Any) -> dict[str, Any]:
    """Give the parameters of a build."""
    found = [each for action in shown["actions"] if action for each in action.get("parameters", [])]
    return {each["name"]: each.get("value") for each in found}
