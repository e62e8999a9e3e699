"""A neighbour that is down for longer than the core waits is told of by the notice that asks it, and is no letter."""

from pathlib import Path

import pytest

from tests.world.notices_rig import HOUR_S, MINUTE_S, MORNING, QUIET, at, noticing

DEAD = "SELECT count(*) FROM deliveries WHERE state = 'dead'"
AWAY = "morning: Jenkins ci does not answer (reading the builds of infra/base-image)"


@pytest.mark.parametrize(
    ("patience_s", "begins", "until_s"),
    [
        pytest.param(0.01, "08:59", MINUTE_S, id="none-at-all"),
        pytest.param(20, "08:59", MINUTE_S, id="less-than-a-handler-may-take"),
        pytest.param(15 * MINUTE_S, "08:59", 20 * MINUTE_S, id="minutes"),
        pytest.param(15 * MINUTE_S, "06:59", 20 * MINUTE_S, id="minutes-after-quiet-hours"),
        pytest.param(5 * HOUR_S, "08:59", HOUR_S, id="hours"),
    ],
)
async def test_a_notice_says_what_does_not_answer_before_the_core_gives_it_up(
    tmp_path: Path, patience_s: float, begins: str, until_s: float
) -> None:
    config = MORNING.replace('"todo"', '"base"').replace("daily 09:00", "0 6,9 * * *") + QUIET
    clock = at(f"2014-09-01 {begins}:00")
    async with noticing(tmp_path, clock, config, again_after_s=30, patience_s=patience_s, timeout_s=0.5) as site:
        if begins == "06:59":  # what came due in quiet hours is told at their end
            clock.move_to("2014-09-02 05:59")
            await site.settled()
            clock.move_to("2014-09-02 06:59")
            await site.settled()
        await site.gordon.world.jenkins.go_down("refused")
        site.clock.move(MINUTE_S)
        await site.pass_by(until_s)
        assert [line.partition("; ")[0] for line in site.said("morning")][-1:] == [AWAY]
        assert (await site.gordon.app.database.read(lambda db: db.execute(DEAD).fetchone()))[0] == 0
