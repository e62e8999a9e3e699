"""What keeps a planned retry from being started: somebody cancels it, or the configuration says otherwise by now."""

from pathlib import Path

import pytest

from bot.demo.world import World
from bot.errors import Void
from bot.testing import FakeChat, confirmation, running
from tests.world.failing import FLAKE, FLAKE_CAUSE, NUMBERS, Tries, failing
from tests.world.retries_rig import LATER, due, planned, triggers

RETRY = f"janky: the retry ({FLAKE_CAUSE}, 2 of 3) is cancelled"


@pytest.mark.parametrize(
    "target",
    [
        pytest.param("moby#1", id="all of the pull request"),
        pytest.param("moby#1/janky", id="its context"),
        pytest.param("moby#1 janky", id="its context as a word"),
        pytest.param("docker-prs#1", id="the build that failed"),
    ],
)
async def test_whoever_asked_cancels_a_retry_in_its_delay(tmp_path: Path, target: str) -> None:
    async with failing(tmp_path, Tries().of("janky", FLAKE), config=LATER) as gordon:
        await gordon.say("jess", "rebuild moby#1 janky", expect="queued")
        await planned(gordon)
        assert RETRY in await gordon.say("jess", f"cancel {target}", expect="cancel|nothing")
        await due(gordon)
        assert triggers(gordon) == 1
        await gordon.chat.line("janky #1 failed.*not retried: cancelled by jess")
        assert [place.to for place, text in gordon.chat.said if "not retried" in text] == [""], "jess knows"


async def test_a_maintainer_cancels_the_retry_of_another_once_it_is_confirmed(tmp_path: Path) -> None:
    config = LATER.replace("1.0", "3.0")  # for two lines that are typed
    async with failing(tmp_path, Tries().of("janky", FLAKE), config=config) as gordon:
        await gordon.say("tianon", "rebuild moby#1 janky", expect="queued")
        await planned(gordon)
        assert "tianon asked for it" in await gordon.say("jess", "cancel docker-prs#1", expect="asked|cancel")
        asked = await gordon.say("icecrime", "cancel moby#1", expect="to go on say: ")
        assert f"cancel the retry of janky ({FLAKE_CAUSE}, 2 of 3, asked for by tianon)" in asked
        assert RETRY in await gordon.say("icecrime", confirmation(asked), expect="cancel")
        await gordon.chat.line("janky #1 failed.*not retried: cancelled by icecrime")
        assert [place.to for place, text in gordon.chat.said if "not retried" in text] == ["tianon"]
        await due(gordon)
        assert triggers(gordon) == 1


async def test_a_retry_that_is_cancelled_while_it_starts_is_not_started(tmp_path: Path) -> None:
    """Its handler has seen it planned; what it records then finds that it is dropped."""
    async with failing(tmp_path, Tries().of("janky", FLAKE), config=LATER) as gordon:
        await gordon.say("jess", "rebuild moby#1 janky", expect="queued")
        await planned(gordon)
        [(of,)] = await gordon.app.database.read(lambda db: db.execute("SELECT request_id FROM retries").fetchall())
        retry = {"of": of, "chain": of, "attempt": 2, "words": f"{FLAKE_CAUSE}, 2 of 3"}
        await gordon.say("jess", "cancel moby#1", expect="is cancelled")
        with pytest.raises(Void, match="cancelled by jess"):
            await gordon.app.database.write(lambda db: gordon.app.ledger.is_retry(db, "another", retry))


@pytest.mark.parametrize(
    ("rule", "words"),
    [
        pytest.param("naginator = true", "it is left to Naginator now", id="Naginator does it"),
        pytest.param("off = true", "by the configuration it is not tried again any more", id="nobody does"),
    ],
)
async def test_what_the_configuration_leaves_to_others_by_now_is_not_started(
    tmp_path: Path, rule: str, words: str
) -> None:
    async with World(tmp_path, numbers=NUMBERS) as world:
        world.build_of(Tries().of("janky", FLAKE))
        before = world.config.read_text(encoding="utf-8")
        world.config.write_text(before + LATER, encoding="utf-8")
        async with running(tmp_path, world=world) as gordon:
            await gordon.say("jess", "rebuild moby#1 janky", expect="queued")
            await planned(gordon)
        world.config.write_text(f"{before}{LATER}{rule}\n", encoding="utf-8")
        async with running(tmp_path, world=world, chat=FakeChat()) as gordon:
            await gordon.chat.line(f"janky #1 failed.*not retried: {words}")
            assert triggers(gordon) == 1


async def test_a_server_that_is_not_configured_any_more_leaves_the_failure_told(tmp_path: Path) -> None:
    async with World(tmp_path, numbers=NUMBERS) as world:
        world.build_of(Tries().of("janky", FLAKE))
        with world.config.open("a", encoding="utf-8") as file:
            file.write(LATER)
        async with running(tmp_path, world=world) as gordon:
            await gordon.say("tianon", "rebuild moby#1 janky", expect="queued")
            await planned(gordon)
        text = world.config.read_text(encoding="utf-8")
        text = text.replace("[jenkins.ci]", "[jenkins.new]").replace('jenkins = "ci"', 'jenkins = "new"')
        world.config.write_text(text, encoding="utf-8")
        async with running(tmp_path, world=world, chat=FakeChat()) as gordon:
            told = await gordon.chat.line(r"janky #1.*not retried")
            assert "Jenkins ci is not configured any more" in told
