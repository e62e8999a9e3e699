"""Half a day of moby's pull requests: each head that may be built is built once in each context, and nothing else is.

It is played by `make soak`, as it takes a processor for 15 s; `python -m tests.bench pr-week` plays the whole week.
Deliveries of webhooks are lost and doubled on the way (F16, F19), one author in five is an outsider (A21), and what is
superseded is cancelled. The oracles are the neighbours' ledgers.
"""

from pathlib import Path

import pytest

from tests.pr_week_rig import HALF_A_DAY, JOBS, most, pr_week


@pytest.mark.soak
@pytest.mark.timeout(300)
async def test_half_a_day_builds_each_trusted_head_once_and_no_other(tmp_path: Path) -> None:
    """G12, G15: not one build on an unseen commit, and no limit of GitHub's is met."""
    async with pr_week(tmp_path, HALF_A_DAY) as week:
        lived = week.lived
        assert {one.plans.author.startswith("stranger") for one in lived} == {True, False}
        assert any(set(dict(one.heads)) - one.trusted for one in lived), "nobody pushed what nobody trusts"
        assert any(one.plans.is_docs for one in lived)
        assert week.unseen() == []
        assert week.twice() == []
        assert week.missing() == []
        assert week.unfinished() == []
        assert week.outlived() == []
        assert week.world.jenkins.ledger.stops, "nothing was superseded while it ran"
        assert sum(week.triggers().values()) >= len(JOBS) * sum(not one.plans.is_docs for one in lived) / 2
        assert week.refused == 0
        assert most(week.writes(), per_s=60) <= 80
        assert most(week.writes(), per_s=3600) <= 500
        assert week.used["core"] <= 5000
