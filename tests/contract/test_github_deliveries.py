"""What GitHub lists of what it has sent, when there is more of it than may be read at once."""

from collections.abc import Collection
from datetime import timedelta

from bot.adapters.github_pages import READ_AT_MOST
from bot.demo.github.hooks import LOST
from tests.contract.github_rig import REF, REPO, SHA, forged

SEEN = ("repo", "read:org", "admin:repo_hook")


async def test_of_what_never_arrived_only_what_is_of_use_is_read_and_a_part_at_a_time() -> None:
    """A webhook that sends everything, after a week-end without anybody who listened."""
    async with forged() as forge:
        github = forge.github
        github.set_token("hooks", "gordon", 99, scopes=SEEN)
        github.hooks.fate = lambda _: LOST
        since = forge.clock.now() - timedelta(minutes=1)
        github.add_hook("http://127.0.0.1:9/notification/github", "s", repo=REPO, events=("*",))
        for number in range(READ_AT_MOST + 20):
            github.comment(REF.repo, REF.number, f"{number}", by="cd")
            github.set_status(REPO, SHA, "ci", "pending", by="cd")
        await github.hooks.settled()
        adapter, taken = forge.adapter("hooks"), list[str]()

        async def unnoted(guids: Collection[str]) -> Collection[str]:
            return [guid for guid in guids if guid not in taken]

        for read, left in ((READ_AT_MOST, 20), (20, 0)):
            before = len(forge.asked(path="/deliveries/"))
            found = await adapter.missed(REPO, since, unnoted)
            assert found is not None
            assert {each.name for each in found} == {"issue_comment"}
            taken += [each.guid for each in found if each.body]
            assert len(forge.asked(path="/deliveries/")) - before == read
            assert sum(not each.body for each in found) == left
