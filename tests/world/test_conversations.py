"""The main job from outside: what people type, what they read, and what Jenkins was really asked to do.

`honest` checks after each conversation that nothing was called queued that Jenkins has not in its queue's ledger.
"""

import asyncio
import re
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Literal

import pytest

from bot.demo.jenkins.ledger import Outage, Status
from bot.demo.jenkins.model import Plan, Starting
from bot.demo.world import CHANNEL, CONTEXTS, REPO
from bot.testing import Gordon
from tests.world.honesty import honest, until

HONEST_WITHIN_S = 5.0  # the promise for the first answer
ALL = sorted(CONTEXTS.values())
ITEM = r"\(item \d+\)"
QUEUED_JANKY = rf"^moby#1 at [0-9a-f]{{7}}: queued janky {ITEM} \[\w{{4}}\]$"
QUEUED_ALL = rf"queued experimental {ITEM}, janky {ITEM}, lxc {ITEM}, windows {ITEM} \["

FORMS = [
    pytest.param("rebuild moby#1 janky", QUEUED_JANKY, ["docker-prs"], id="alias"),
    pytest.param("rebuild docker#1 janky", QUEUED_JANKY, ["docker-prs"], id="second-alias"),
    pytest.param("rebuild moby/moby#1 janky", QUEUED_JANKY, ["docker-prs"], id="full-name"),
    pytest.param("rebuild MOBY/Moby#1 janky", QUEUED_JANKY, ["docker-prs"], id="any-case"),
    pytest.param("rebuild #1 janky", QUEUED_JANKY, ["docker-prs"], id="home"),
    pytest.param("rebuild https://github.com/moby/moby/pull/1 janky", QUEUED_JANKY, ["docker-prs"], id="link"),
    pytest.param("rebuild https://github.com/moby/moby/pull/1/files janky", QUEUED_JANKY, ["docker-prs"], id="page"),
    pytest.param("rebuild https://github.com/moby/moby/pull/1/janky", QUEUED_JANKY, ["docker-prs"], id="link-context"),
    pytest.param("rebuild docker#1/janky", QUEUED_JANKY, ["docker-prs"], id="context-hung-on"),
    pytest.param("REBUILD moby#1 janky", QUEUED_JANKY, ["docker-prs"], id="shouted"),
    pytest.param('rebuild   "moby#1"  janky ', QUEUED_JANKY, ["docker-prs"], id="quoted"),
    pytest.param("rebuild moby#1/lxc janky", r"queued janky .*, lxc ", ["docker-prs", "lxc/docker-prs"], id="two"),
    pytest.param("rebuild moby#1 janky janky", QUEUED_JANKY, ["docker-prs"], id="named-twice-built-once"),
    pytest.param("rebuild moby#1 all", QUEUED_ALL, ALL, id="all"),
    pytest.param("rebuild moby#1", QUEUED_ALL, ALL, id="never-reported"),
    pytest.param("rebuild moby#1 failed", QUEUED_ALL, ALL, id="failed-counts-never-reported"),
    pytest.param("build base-image", rf"^base-image: queued {ITEM} \[", ["infra/base-image"], id="job"),
]


@pytest.mark.parametrize(("typed", "read", "jobs"), FORMS)
async def test_what_starts_builds(tmp_path: Path, typed: str, read: str, jobs: Sequence[str]) -> None:
    async with honest(tmp_path) as gordon:
        assert re.search(read, await gordon.say("tianon", typed))
        assert started(gordon) == jobs


NOTHING_STARTED = [
    pytest.param("rebuild moby#1/lxcc", r'no context "lxcc" for moby/moby; did you mean lxc\? There', id="context"),
    pytest.param("rebuild moby#1 janky nope", r'no context "nope"', id="one-context-of-two"),
    pytest.param("rebuild other#1", r'no repository "other" here; there are: docker, moby, moby/moby', id="repo"),
    pytest.param("rebuild mobby#1", r'no repository "mobby" here; did you mean moby\?', id="nearest-repo"),
    pytest.param("rebuild evil/moby#1", r'no repository "evil/moby"', id="same-name-of-another-owner"),
    pytest.param("rebuild https://github.com/evil/moby/pull/1", r"no repository evil/moby here", id="link-elsewhere"),
    pytest.param("rebuild https://github.com/moby/moby/issues/1", r"no link to a pull request", id="link-to-an-issue"),
    pytest.param("rebuild moby#999", r"no pull request #999 in moby/moby", id="pull-that-is-not"),
    pytest.param("rebuild moby#0", r'"moby#0" is neither a pull request \(moby#1234\) nor a build', id="number-zero"),
    pytest.param("rebuild", r"<pull\|build> is missing; usage: rebuild <pull\|build>", id="pull-missing"),
    pytest.param("rebuid moby#1", r'no command "rebuid"; did you mean: rebuild <pull\|build>', id="nearest-command"),
    pytest.param("xyzzy", r'no command "xyzzy"; try help', id="no-command-is-near"),
    pytest.param("rebuild moby#1 janky\u200b", r"cannot be seen \(U\+200B\)", id="A13-what-nobody-sees"),
    pytest.param("rebuild moby#1 \u202eyknaj", r"cannot be seen \(U\+202E\)", id="A14-backwards"),
    pytest.param('rebuild "moby#1', r"quotation mark .* not closed", id="open-quote"),
    pytest.param("build base-imag", r'no job "base-imag"; did you mean base-image\?', id="job"),
    pytest.param("build base-image PLATFORM=xp", r"one of el6, el7, jessie; not 'xp'", id="choice"),
    pytest.param("build base-image COLOUR=red", r"no parameter 'COLOUR'; it has .*PLATFORM, PUSH", id="parameter"),
    pytest.param("build base-image PLATFORM", r'"PLATFORM" is not NAME=value; usage: build', id="no-value"),
    pytest.param("cancel moby#1", r"moby#1: nothing is queued or running", id="nothing-to-cancel"),
    pytest.param("cancel moby#1/janky", r"moby#1: nothing is queued or running", id="nothing-to-cancel-of-a-context"),
    pytest.param("cancel moby#1/jank", r'no context "jank" for moby/moby', id="no-such-context-to-cancel"),
    pytest.param("cancel docker-prs#7", r"docker-prs#7 does not exist", id="no-build-to-cancel"),
    pytest.param("cancel docker-prs#7 lxc", r'docker-prs#7 is one build, so "lxc" is too much', id="part-of-a-build"),
    pytest.param("rebuild #3 agian", r'no context "agian" for moby/moby; did you mean again\?', id="nearest-word"),
    pytest.param("cancel #3 alll", r'no context "alll" for moby/moby; did you mean all\?', id="nearest-word-to-cancel"),
    pytest.param("cancel #3 agian", r'no context "agian" for moby/moby; there are', id="no-word-to-cancel"),
    pytest.param("plugins of status", r'"of" is too much; did you mean: plugins off <plugin>', id="nearest-longer"),
    pytest.param("cancel 5", r'"5" is neither a pull request \(moby#1234\) nor a build \(', id="no-target"),
    pytest.param("plugins off status", r"needs the role operator everywhere; tianon is anyone", id="not-an-operator"),
    pytest.param("audit", r"audit needs the role operator everywhere; tianon is anyone", id="audit"),
]


@pytest.mark.parametrize(("typed", "read"), NOTHING_STARTED)
async def test_what_starts_nothing_and_says_why(tmp_path: Path, typed: str, read: str) -> None:
    async with honest(tmp_path) as gordon:
        said = await gordon.say("tianon", typed)
        assert re.search(read, said), said
        assert started(gordon) == []


READS = [
    pytest.param("ping", r"^pong$", id="ping"),
    pytest.param("version", r"^Gordon \d", id="version"),
    pytest.param("whoami", r"you are tianon, proven by test; maintainer in moby/moby", id="whoami"),
    pytest.param("can jess cancel", r"^yes, jess may give cancel", id="can"),
    pytest.param("can jess cancel moby#1", r"^yes, jess may give cancel", id="can-with-a-target"),
    pytest.param(
        "can tianon rebuild",
        r"^yes, tianon may give rebuild in moby/moby, and elsewhere for their own pull requests$",
        id="can-all-of-a-repository",
    ),
    pytest.param("can newcomer rebuild", r"^yes, newcomer may give rebuild for their own pull requests$", id="can-own"),
    pytest.param(
        "can tianon cancel",
        r"^yes, tianon may give cancel in moby/moby, and elsewhere for the builds that they asked for$",
        id="can-cancel",
    ),
    pytest.param(
        "can jess cancel", r"^yes, jess may give cancel for the builds that they asked for$", id="can-own-builds"
    ),
    pytest.param(
        "can icecrime confirm",
        r"^yes, icecrime may give confirm for what they were asked to confirm$",
        id="can-confirm",
    ),
    pytest.param("can icecrime rebuild", r"^yes, icecrime may give rebuild$", id="can-everywhere"),
    pytest.param("can jess build", r"^no: build needs the role maintainer in moby/moby; jess is triager", id="cannot"),
    pytest.param("can stranger build", r"nobody in people.toml is called stranger", id="can-nobody"),
    pytest.param("help build", r"^build <job> \[<K=V>\.\.\.\] - Start .* \(maintainer\)$", id="help-of-one"),
    pytest.param("help rebuid", r"did you mean: rebuild <pull\|build>", id="help-of-none"),
    pytest.param("plugins", r"rebuild on; rebuild_open on; .*operate on", id="plugins"),
    pytest.param("queue", r"^nothing is waiting$", id="empty-queue"),
    pytest.param("running", r"^nothing is running$", id="nothing-runs"),
    pytest.param("status moby#1", r"experimental never built; .*windows never built", id="never-built"),
    pytest.param("status", r"version: .*test: connected", id="health"),
    pytest.param("status base-image", r"^base-image: never built$", id="job"),
    pytest.param("status nope", r'no job "nope"; there are: base-image', id="no-such-job"),
]


@pytest.mark.parametrize(("typed", "read"), READS)
async def test_what_is_only_read(tmp_path: Path, typed: str, read: str) -> None:
    async with honest(tmp_path) as gordon:
        said = await gordon.say("tianon", typed)
        assert re.search(read, said), said
        assert not gordon.world.jenkins.ledger.asked("POST")


RIGHTS = [
    pytest.param("newcomer", True, "rebuild moby#3 janky", "the first build of a commit", False, id="author-first"),
    pytest.param("newcomer", True, "rebuild moby#1 janky", "newcomer is neither", False, id="author-of-another"),
    pytest.param("newcomer", True, "build base-image", "needs the role maintainer", False, id="author-job"),
    pytest.param("newcomer", True, "cancel moby#3", "nothing is queued or running", False, id="author-cancel"),
    pytest.param("newcomer", False, "rebuild moby#3 janky", "nothing proves who you are", False, id="unproven-author"),
    pytest.param("tianon", False, "rebuild moby#1 janky", "nothing proves who you are", False, id="unproven"),
    pytest.param("stranger", True, "rebuild moby#1 janky", "nobody with your account", False, id="in-no-file"),
    pytest.param("jess", True, "rebuild moby#1 janky", "queued janky", True, id="triager"),
    pytest.param("jess", True, "build base-image", "jess is triager", False, id="triager-job"),
    pytest.param("icecrime", True, "build base-image", "queued", True, id="operator"),
]


COMPARED = {"/graphql"}  # what Gordon asks by itself at its start: which pull requests are open


@pytest.mark.parametrize(("nick", "proven", "typed", "read", "starts"), RIGHTS)
async def test_who_may(tmp_path: Path, nick: str, proven: bool, typed: str, read: str, starts: bool) -> None:
    async with honest(tmp_path) as gordon:
        assert read in await gordon.say(nick, typed, proven=proven)
        assert len(started(gordon)) == starts


async def test_unknown_speaker_refused(tmp_path: Path) -> None:
    """The old bot asked only for the right channel."""
    async with honest(tmp_path) as gordon:
        for typed in ("rebuild moby#1", "build base-image", "cancel moby#1", "plugins off rebuild", "letters drop d1"):
            said = await gordon.say("tianon", typed, proven=False)
            assert re.search(r"needs the role \w+, and nothing proves who you are.*\[\w{4}\]$", said)
        assert gordon.world.jenkins.ledger.asked("POST") == []
        assert {asked.path for asked in gordon.world.github.requests} <= COMPARED


async def test_unknown_repo_refused(tmp_path: Path) -> None:
    """The old bot guessed the owner of a short name."""
    async with honest(tmp_path) as gordon:
        assert "no repository" in await gordon.say("tianon", "rebuild libnetwork#1")
        assert gordon.world.jenkins.ledger.asked("POST") == []
        assert {asked.path for asked in gordon.world.github.requests} <= COMPARED


async def test_help_lists_only_what_one_may_give(tmp_path: Path) -> None:
    async with honest(tmp_path) as gordon:
        by_tianon, by_nobody = await gordon.say("tianon", "help"), await gordon.say("tianon", "help", proven=False)
        by_operator = await gordon.say("icecrime", "help")
    assert "cancel" in by_tianon
    assert "letters" not in by_tianon
    assert "letters drop" in by_operator
    assert not re.search(r"\b(re)?build,|cancel|letters", by_nobody)
    assert "whoami" in by_nobody


async def test_who_is_unknown_learns_no_names(tmp_path: Path) -> None:
    """A34: a refusal is the same whether a job exists or not."""
    async with honest(tmp_path) as gordon:
        said = [await gordon.say("eve", f"build {job}", proven=False) for job in ("base-image", "no-such-job")]
    assert len({re.sub(r"\[\w{4}\]", "", line) for line in said}) == 1


async def test_a_closed_pull_request_is_said(tmp_path: Path) -> None:
    async with honest(tmp_path) as gordon:
        gordon.world.github.close(REPO, 2)
        assert "moby#2 is closed, so there is nothing to rebuild" in await gordon.say("tianon", "rebuild moby#2")
        assert started(gordon) == []


async def test_a_second_asker_is_attached_and_told_the_end(tmp_path: Path) -> None:
    """F24: one build, both are told."""
    async with honest(tmp_path) as gordon:
        gordon.world.build_of(lambda starting: Plan(duration_s=1.5))
        await gordon.say("tianon", "rebuild moby#1 janky")
        said = await gordon.say("jess", "rebuild moby#1 janky")
        assert re.search(r"janky is already running \(#1 http://127\.\S+/job/docker-prs/1/\)", said)
        await gordon.chat.line(r"janky #1 passed")
        place = next(place for place, text in gordon.chat.said if "passed" in text)
        assert place.to == "tianon, jess"
        assert started(gordon) == ["docker-prs"]


async def test_a_build_that_waits_is_adopted_by_its_item(tmp_path: Path) -> None:
    async with honest(tmp_path, quiet_period_s=60) as gordon:
        await gordon.say("tianon", "rebuild moby#1 janky")
        assert re.search(r"janky is already queued \(item 1\)", await gordon.say("jess", "rebuild moby#1 janky"))
        assert re.search(r"queued \(item 1: ", await gordon.say("jess", "status moby#1"))
        assert re.search(r"1 waiting: moby#1 janky \(", await gordon.say("jess", "queue"))
        assert started(gordon) == ["docker-prs"]


async def test_again_builds_beside_a_live_one(tmp_path: Path) -> None:
    async with honest(tmp_path) as gordon:
        gordon.world.build_of(lambda starting: Plan(duration_s=5))
        for typed in ("rebuild moby#1 janky", "rebuild moby#1 janky again"):
            assert re.search(QUEUED_JANKY, await gordon.say("tianon", typed))
        assert "2 running" in await gordon.say("tianon", "running janky", expect="running")
        assert started(gordon) == ["docker-prs", "docker-prs"]


async def test_a_build_is_told_with_its_pull_request_and_commit(tmp_path: Path) -> None:
    async with honest(tmp_path) as gordon:
        gordon.world.build_of(lambda starting: Plan("SUCCESS", 0.1))
        await gordon.say("tianon", "rebuild moby#1 janky")
        await gordon.chat.line("janky #1 passed")
        for typed in ("status docker-prs#1", "status docker-prs"):
            said = await gordon.say("tianon", typed)
            assert re.search(r"^moby#1 at [0-9a-f]{7}: janky passed \(#1, 0s\)$", said), said


async def test_only_what_is_not_green_is_rebuilt(tmp_path: Path) -> None:
    async with honest(tmp_path) as gordon:
        gordon.world.build_of(lambda starting: Plan("FAILURE" if starting.job == "win" else "SUCCESS", 0.1))
        await gordon.say("tianon", "rebuild moby#1 all")
        await gordon.chat.line("windows #1 failed")
        for typed in ("rebuild moby#1", "rebuild moby#1 failed"):
            before = len(gordon.lines)
            assert re.search(rf": queued windows {ITEM} \[", await gordon.say("tianon", typed))
            await gordon.chat.line(r"windows #\d failed", after=before)
        gordon.world.build_of(lambda starting: Plan("SUCCESS", 0.1))
        before = len(gordon.lines)
        await gordon.say("tianon", "rebuild moby#1")
        await gordon.chat.line("windows #4 passed", after=before)
        assert "everything passed" in await gordon.say("tianon", "rebuild moby#1")
        assert started(gordon) == [*ALL, "win", "win", "win"]


End = Literal["SUCCESS", "FAILURE", "UNSTABLE", "NOT_BUILT", "ABORTED"]
ENDS: list[tuple[End, str]] = [
    ("SUCCESS", r"moby#1 at \w{7}: janky #1 passed \(0s\)$"),
    (
        "FAILURE",
        r"nobody knows why: moby#1 at \w{7}: janky #1 failed after 0s - last .* http://\S+/job/docker-prs/1/\S*$",
    ),
    ("UNSTABLE", r"nobody knows why: moby#1 at \w{7}: janky #1 ran to its end in 0s but is unstable .*http://\S+$"),
    ("NOT_BUILT", r"moby#1 at \w{7}: janky #1 was not built http://\S+$"),
    ("ABORTED", r"moby#1 at \w{7}: janky #1 was aborted after 0s$"),
]


@pytest.mark.parametrize(("result", "read"), [pytest.param(*end, id=end[0]) for end in ENDS])
async def test_an_end_is_called_what_it_is(tmp_path: Path, result: End, read: str) -> None:
    async with honest(tmp_path) as gordon:
        gordon.world.build_of(lambda starting: Plan(result, 0.1))
        await gordon.say("tianon", "rebuild moby#1 janky")
        said = await gordon.chat.line(r"janky #1", after=1)
        assert re.search(f"^{read}", said)


async def test_what_ends_close_together_is_one_line_to_the_asker_and_one_to_the_channel(tmp_path: Path) -> None:
    def ends(starting: Starting) -> Plan:
        return Plan("FAILURE" if starting.job == "win" else "SUCCESS", 0.2)

    gather_s = 3.0
    async with honest(tmp_path, gather_s=gather_s) as gordon:
        gordon.world.build_of(ends)
        await gordon.chat.hear("tianon", "rebuild moby#1", channel="#elsewhere")
        await gordon.chat.line(r"windows #1 failed")
        await asyncio.sleep(gather_s + 1.0)  # a second line would come within this
        ended = [(place, text) for place, text in gordon.chat.said if "passed" in text]
        assert sorted((place.channel, place.to) for place, _ in ended) == [(CHANNEL, ""), ("#elsewhere", "tianon")]
        for _, text in ended:
            assert re.search(r"windows #1 failed .*; experimental #1 passed .*; janky #1 passed .*; lxc #1", text)


async def test_a_job_is_told_to_its_asker_alone(tmp_path: Path) -> None:
    async with honest(tmp_path) as gordon:
        gordon.world.build_of(lambda starting: Plan("SUCCESS", 0.1))
        await gordon.chat.hear("tianon", "build base-image", channel="#elsewhere")
        await gordon.chat.line(r"^base-image #1 passed")
        assert [place.channel for place, text in gordon.chat.said if "passed" in text] == ["#elsewhere"]


async def test_what_waits_is_cancelled_in_the_queue(tmp_path: Path) -> None:
    async with honest(tmp_path, quiet_period_s=60) as gordon:
        await gordon.say("tianon", "rebuild moby#1 janky")
        assert "janky" in await gordon.say("tianon", "cancel moby#1")
        assert re.search(r"janky never left the queue \(cancelled", await gordon.chat.line("never left"))
        ledger = gordon.world.jenkins.ledger
        assert [cancel.queue_id for cancel in ledger.cancels] == [1]
        assert ledger.builds == []


@pytest.mark.parametrize("what", ["moby#1", "docker-prs#1"])
async def test_what_runs_is_asked_to_stop(tmp_path: Path, what: str) -> None:
    async with honest(tmp_path) as gordon:
        gordon.world.build_of(lambda starting: Plan(duration_s=30))
        await gordon.say("tianon", "rebuild moby#1 janky")
        await gordon.say("tianon", "running", expect="1 running")
        assert "janky #1 asked to stop, not yet over" in await gordon.say("tianon", f"cancel {what}")
        await gordon.chat.line(r"janky #1 was aborted")
        assert [(stop.job, stop.number) for stop in gordon.world.jenkins.ledger.stops] == [("docker-prs", 1)]


CANCELLED = [
    pytest.param("cancel moby#1 ALL", r"janky, lxc taken out of the queue", [1, 2], id="all-in-any-case"),
    pytest.param("cancel moby#1 all lxc", r"janky, lxc taken out of the queue", [1, 2], id="all-beside-a-context"),
    pytest.param("cancel moby#1 lxc", r": lxc taken out of the queue", [2], id="a-context"),
    pytest.param(
        "cancel https://github.com/moby/moby/pull/1/lxc", r": lxc taken out of the queue", [2], id="a-context-on-a-link"
    ),
    pytest.param("cancel moby#1 failed", r'what failed is over, so "failed" cancels nothing', [], id="failed"),
]


@pytest.mark.parametrize(("typed", "read", "items"), CANCELLED)
async def test_which_contexts_are_cancelled(tmp_path: Path, typed: str, read: str, items: Sequence[int]) -> None:
    async with honest(tmp_path, quiet_period_s=60) as gordon:
        await gordon.say("tianon", "rebuild moby#1 janky lxc")
        said = await gordon.say("tianon", typed)
        assert re.search(read, said), said
        assert [cancel.queue_id for cancel in gordon.world.jenkins.ledger.cancels] == items


OUTAGES: tuple[Outage, ...] = ("refused", "reset", "502", "503", "504")


@pytest.mark.parametrize("how", OUTAGES)
async def test_jenkins_down_is_said_and_then_the_truth(tmp_path: Path, how: Outage) -> None:
    """F21, G5, G18: the honest line comes first, the item once there is one, and one build."""
    async with honest(tmp_path, again_after_s=0.2) as gordon:
        await gordon.world.jenkins.go_down(how)
        asked_s = time.monotonic()
        said = await gordon.say("tianon", "rebuild moby#1 janky")
        assert time.monotonic() - asked_s < HONEST_WITHIN_S
        assert re.search(r"^Jenkins ci does not answer \(.*\); I will keep trying until \d\d:\d\d UTC \[\w{4}\]$", said)
        await gordon.world.jenkins.come_back()
        await gordon.chat.line(QUEUED_JANKY)
        assert started(gordon) == ["docker-prs"]


@pytest.mark.parametrize("how", OUTAGES)
async def test_backend_down_never_says_started(tmp_path: Path, how: Outage) -> None:
    """G18: the old bot said "Rebuilding" when nobody had heard it; what was given up is not started later either."""
    async with honest(tmp_path, again_after_s=0.2, patience_s=0.6) as gordon:
        await gordon.world.jenkins.go_down(how)
        await gordon.say("tianon", "rebuild moby#1 janky")
        await gordon.chat.line(r"^gave up: Jenkins ci did not answer until \d\d:\d\d UTC \(.*\[\w{4}\]$")
        await gordon.world.jenkins.come_back()
        await gordon.say("tianon", "status moby#1", expect="janky never built")
        assert not [line for line in gordon.lines if re.search(r"queued|started|[Rr]ebuilding", line)]
        assert started(gordon) == []


@pytest.mark.parametrize("code", [502, 503, 504])
async def test_a_trigger_that_a_proxy_refuses_is_looked_up_before_it_is_sent_again(tmp_path: Path, code: int) -> None:
    async with honest(tmp_path, timeout_s=1, again_after_s=0.2) as gordon:
        gordon.world.jenkins.faults.next("POST", "*/buildWithParameters", Status(code))
        await gordon.say("tianon", "rebuild moby#1 janky")
        await gordon.chat.line(QUEUED_JANKY)
        assert started(gordon) == ["docker-prs"]


async def test_github_down_is_said_and_then_the_truth(tmp_path: Path) -> None:
    async with honest(tmp_path, again_after_s=0.2) as gordon:
        await gordon.world.github.down()
        asked_s = time.monotonic()
        said = await gordon.say("tianon", "rebuild moby#1 janky")
        assert time.monotonic() - asked_s < HONEST_WITHIN_S
        assert re.search(r"^GitHub does not answer \(.*\); I will keep trying until", said)
        assert started(gordon) == []
        await gordon.world.github.up()
        await gordon.chat.line(QUEUED_JANKY)
        assert started(gordon) == ["docker-prs"]


async def test_a_read_during_an_outage_is_answered_at_once(tmp_path: Path) -> None:
    async with honest(tmp_path) as gordon:
        await gordon.world.jenkins.go_down("refused")
        for typed in ("status moby#1", "queue", "running", "status base-image"):
            assert "Jenkins ci does not answer" in await gordon.say("tianon", typed)
        assert "pong" in await gordon.say("tianon", "ping")


async def test_how_gordon_is_tells_of_a_jenkins_that_does_not_answer(tmp_path: Path) -> None:
    async with honest(tmp_path, poll_s=0.1, idle_poll_s=0.2) as gordon:
        assert "Jenkins ci: answers;" in await gordon.say("tianon", "status")
        await gordon.world.jenkins.go_down("503")
        await until(lambda: gordon.app.watch.silent)
        assert re.search(r"Jenkins ci: does not answer since \d\d:\d\d UTC;", await gordon.say("tianon", "status"))
        (part,) = (one for one in gordon.app.vitals.parts() if one.name == "Jenkins ci")
        assert not part.is_well


async def test_an_operator_switches_a_plugin_off_and_on(tmp_path: Path) -> None:
    async with honest(tmp_path) as gordon:
        hint = r'no plugin "rebuid" can be switched; did you mean rebuild\?'
        assert re.search(hint, await gordon.say("icecrime", "plugins off rebuid"))
        await gordon.say("icecrime", "plugins off rebuild")
        assert "rebuild is switched off: an operator" in await gordon.say("tianon", "rebuild moby#1 janky")
        assert "operate switches the others on" in await gordon.say("icecrime", "plugins off operate")
        await gordon.say("icecrime", "plugins on rebuild")
        assert re.search(QUEUED_JANKY, await gordon.say("tianon", "rebuild moby#1 janky"))
        assert started(gordon) == ["docker-prs"]


async def test_the_short_id_finds_what_was_asked_refused_and_done(tmp_path: Path) -> None:
    async with honest(tmp_path) as gordon:
        for typed, proven, found in (
            ("rebuild moby#1 janky", True, r"(?s)build\.start - sent, ci/docker-prs.*tianon: rebuild moby#1 janky"),
            ("rebuild moby#1 lxc", False, r"tianon: rebuild moby#1 lxc - refused, rebuild needs the role"),
        ):
            said = await gordon.say("tianon", typed, proven=proven)
            short_id, told = said.rpartition("[")[2].rstrip("]"), ""
            async with asyncio.timeout(5):  # what changes nothing is answered without a wait for its record
                while not re.search(found, told):
                    told = await gordon.say("icecrime", f"audit {short_id}")
        assert "nothing is stuck" in await gordon.say("icecrime", "letters")


def started(gordon: Gordon) -> list[str]:
    """List the jobs that were triggered, folded ones too, in the order of their names but for repeats."""
    return sorted(trigger.job for trigger in gordon.world.jenkins.ledger.triggers)
