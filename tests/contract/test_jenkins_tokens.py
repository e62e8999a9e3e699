"""A token of Jenkins that is changed while Gordon runs: read again once it is refused, and no loop if it stays bad."""

import logging
import re
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import pytest
import pytest_asyncio

from bot.adapters.jenkins import Jenkins
from bot.clock import SystemClock
from bot.errors import Refused
from bot.secret import read_secret
from bot.settings import JenkinsSettings
from bot.values import BuildRef, JobRef
from tests.contract.jenkins_world import Ci, a_jenkins, until
from tests.contract.odd_jenkins import an_odd_jenkins

REFUSED = "user or token is wrong"


class Rotation:
    """A Jenkins that knows one token, a file that has one, and who asks with what was in it."""

    def __init__(self, ci: Ci, file: Path) -> None:
        self.ci = ci
        self.file = file
        self.reads = 0
        self.knows("first-token")
        self.holds("first-token")
        settings = JenkinsSettings(url=ci.jenkins.url, user="gordon", timeout_s=5.0)
        self.adapter = Jenkins("ci", settings, self.read(), ci.clock, read_token=self.read)
        ci.adapters.append(self.adapter)
        self.reads = 0

    def knows(self, token: str) -> None:
        """Let Jenkins take this token and no other."""
        self.ci.jenkins.add_user("gordon", token=token)

    def holds(self, token: str) -> None:
        """Put a token into the file."""
        self.file.write_text(f"{token}\n")
        self.file.chmod(0o600)

    def read(self) -> str:
        self.reads += 1
        return read_secret("Jenkins ci", self.file, "")


@pytest_asyncio.fixture
async def rotation(tmp_path: Path) -> AsyncIterator[Rotation]:
    """Run one in which whatever is asked for waits in the queue."""
    async with a_jenkins() as ci:
        yield Rotation(ci, tmp_path / "token")


async def test_a_build_is_started_once_with_the_token_that_is_there_now(rotation: Rotation) -> None:
    """F45: whichever of the two clients is refused first, the other one has the new token too."""
    rotation.knows("second-token")
    rotation.holds("second-token")
    await rotation.adapter.trigger(rotation.ci.order())
    assert len(rotation.ci.jenkins.ledger.triggers) == 1
    assert rotation.reads == 1
    await rotation.adapter.nodes()
    await rotation.adapter.trigger(rotation.ci.order(mark="second"))
    assert len(rotation.ci.jenkins.ledger.triggers) == 2
    assert rotation.reads == 1


async def test_a_command_that_is_refused_itself_is_sent_once_more(rotation: Rotation) -> None:
    """F45: after what was read with the old token has shown nothing."""
    job = JobRef("ci", "docker-prs")
    await rotation.adapter.blanks(job)  # what the job declares is known from here on
    rotation.knows("second-token")
    rotation.holds("second-token")
    await rotation.adapter.trigger(rotation.ci.order())
    assert len(rotation.ci.jenkins.ledger.triggers) == 1


async def test_a_log_is_read_with_the_token_that_is_there_now(rotation: Rotation) -> None:
    """F45."""
    ci = rotation.ci
    ci.jenkins.add_job("quick", quiet_period_s=0, duration_s=0.01)
    await rotation.adapter.trigger(ci.order("quick"))
    await until(lambda: bool(ci.jenkins.ledger.builds), ci.clock)
    await ci.clock.sleep(0.05)
    rotation.knows("second-token")
    rotation.holds("second-token")
    assert b"".join([piece async for piece in rotation.adapter.log(BuildRef(JobRef("ci", "quick"), 1))])
    assert rotation.reads == 1


async def test_a_token_that_stays_bad_is_red_and_no_loop() -> None:
    """F45: one request for each thing that is asked, and the file is read once for it."""
    reads = Counter[str]()

    def read() -> str:
        reads["file"] += 1
        return "gordons-token"

    async with an_odd_jenkins() as odd:
        for path in ("/queue/api/json", "/computer/api/json", "/job/moby/api/json"):
            odd.says(path, "", 401)
        settings = JenkinsSettings(url=odd.url, user="gordon", timeout_s=5.0)
        adapter = Jenkins("ci", settings, "gordons-token", SystemClock(), read_token=read)
        asks: list[Callable[[], Awaitable[object]]] = [adapter.queue, adapter.nodes]
        asks.append(lambda: adapter.blanks(JobRef("ci", "moby")))  # the other client
        for count, ask in enumerate(asks, 1):
            with pytest.raises(Refused, match=REFUSED):
                await ask()
            assert (len(odd.asked), reads["file"]) == (count, count)
        await adapter.close()


async def test_a_new_token_that_is_bad_too_is_tried_once(rotation: Rotation) -> None:
    """F45."""
    rotation.knows("third-token")
    rotation.holds("second-token")
    with pytest.raises(Refused, match=REFUSED):
        await rotation.adapter.queue()
    assert rotation.reads == 1
    rotation.holds("third-token")
    await rotation.adapter.queue()


@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        pytest.param(Path.unlink, "cannot read the secret", id="gone"),
        pytest.param(lambda file: file.write_text(""), "must be one line of text", id="half-written"),
        pytest.param(lambda file: file.chmod(0o644), "everybody may read the secret", id="world-readable"),
    ],
)
async def test_a_file_that_cannot_be_used_is_told_once_and_the_old_token_stays(
    rotation: Rotation, caplog: pytest.LogCaptureFixture, spoil: Callable[[Path], None], said: str
) -> None:
    """F45: whoever swaps it may be half way, and what everybody may read is not taken."""
    rotation.knows("second-token")
    rotation.holds("second-token")
    spoil(rotation.file)
    with caplog.at_level(logging.ERROR):
        for _ in range(3):
            with pytest.raises(Refused, match=REFUSED):
                await rotation.adapter.queue()
    (line,) = [record.getMessage() for record in caplog.records]
    assert re.match(rf"the token of Jenkins ci: .*{said}", line)
    assert "second-token" not in line
    rotation.knows("first-token")
    await rotation.adapter.queue()
    rotation.knows("second-token")
    rotation.holds("second-token")
    await rotation.adapter.queue()
