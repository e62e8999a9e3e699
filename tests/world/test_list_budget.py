"""F15: the end of GitHub's budget is for what somebody waits for, such as a list that they asked for."""

from pathlib import Path

from bot.demo.world import World
from tests.world.failing import Tries, failing
from tests.world.honesty import until

POINTS = 18  # comparing has taken 1, and each list takes 8: after two of them less than a tenth is left


async def test_f15_a_list_that_somebody_asks_for_may_take_the_last_points(tmp_path: Path) -> None:
    def poor(world: World) -> None:
        world.github.accounts.points = POINTS

    async with failing(tmp_path, Tries(), plugins=("failures", "triage"), prepare=poor) as gordon:
        await until(lambda: "compared at" in gordon.app.forge_side.words())
        for _ in range(3):
            await gordon.say("jess", "prs", expect="#1")
        asked = [each for each in gordon.world.github.requests if b"reviewRequests" in each.body]
        assert len(asked) == 3
