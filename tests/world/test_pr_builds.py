"""Pull requests that are built by themselves: gates, contexts, and what is superseded."""

from pathlib import Path

from bot.demo.world import CONTEXTS, REPO
from tests.world.failing import Tries, failing
from tests.world.honesty import until

STATUSES = {f"docker/{context}" for context in CONTEXTS}
RULES = '\n[plugin.pr_builds.repo."moby/moby"]\n'


async def test_a_pull_request_of_somebody_known_is_built_once_in_each_context(tmp_path: Path) -> None:
    async with failing(tmp_path, Tries(), config=RULES, with_hook=True) as gordon:
        number = gordon.world.github.open_pull(REPO, title="One more", author="tianon")
        github, head = gordon.world.github, gordon.world.github.pull_record(REPO, number).head
        await until(lambda: {one.context for one in github.statuses(REPO, head) if one.state == "success"} == STATUSES)
        assert len(gordon.world.jenkins.ledger.triggers) == len(CONTEXTS)


async def test_an_outsider_is_built_once_a_maintainer_has_found_the_commit_ok(tmp_path: Path) -> None:
    """A21: and no later one."""
    async with failing(tmp_path, Tries(), config=RULES, with_hook=True) as gordon:
        github, jenkins = gordon.world.github, gordon.world.jenkins
        number = github.open_pull(REPO, title="One more", author="stranger")
        await gordon.say("tianon", "ping", expect="pong")
        assert not jenkins.ledger.triggers
        assert "is ok to test" in await gordon.confirmed("tianon", f"ok to test moby#{number}", expect="ok to test;")
        await until(lambda: len(jenkins.ledger.triggers) == len(CONTEXTS))
        github.push(REPO, number)
        await github.hooks.settled()
        await gordon.say("tianon", "ping", expect="pong")
        assert len(jenkins.ledger.triggers) == len(CONTEXTS)
