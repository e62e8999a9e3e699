"""Builds started at a Jenkins that answers, refuses, lies and dies; its ledger is the oracle."""

from collections.abc import AsyncIterator, Callable

import pytest
import pytest_asyncio

from bot.demo.jenkins.ledger import CommitThenDrop, Fault, Hang, Reset, Slow, Status
from bot.demo.jenkins.model import BooleanParameter, ChoiceParameter, StringParameter
from bot.errors import GordonError, Refused, Unavailable, Unsure, UserError
from bot.ports import Queued
from bot.values import Build, JobRef
from tests.contract.jenkins_world import COMMIT, FACTS, MARK, MATCH, PULL, Ci, a_jenkins, add_users, forbid, until

TRIGGERS = "/job/*/build*"


@pytest_asyncio.fixture
async def ci() -> AsyncIterator[Ci]:
    async with a_jenkins() as ci:
        add_users(ci)
        yield ci


# Starting


async def test_a_start_sends_the_parameters_in_the_body_and_takes_the_queue_id(ci: Ci) -> None:
    """J3: and no delay, whose unit is easily mistaken: the quiet period is the job's."""
    queued = await ci.adapter().trigger(ci.order())
    [trigger] = ci.jenkins.ledger.triggers
    assert (queued.id, dict(queued.parameters)) == (trigger.queue_id, FACTS | {"GORDON_REQUEST_ID": "k7f2"})
    assert trigger.parameters == queued.parameters
    assert [seen.path for seen in ci.jenkins.ledger.asked("POST")] == ["/job/docker-prs/buildWithParameters"]


async def test_a_second_start_reads_the_definitions_no_second_time(ci: Ci) -> None:
    adapter = ci.adapter()
    for request in ("a", "b"):
        await adapter.trigger(ci.order(mark=request))
    assert len(ci.jenkins.ledger.asked("GET", "/job/*")) == 1


@pytest.mark.parametrize("is_old", [False, True], ids=["303", "201 before 2.302"])
async def test_an_equal_start_is_folded_into_the_waiting_item(ci: Ci, is_old: bool) -> None:
    ci.jenkins.faults.duplicates_are_201 = is_old
    adapter = ci.adapter()
    first, second = await adapter.trigger(ci.order()), await adapter.trigger(ci.order())
    assert first.id == second.id
    assert [trigger.folded for trigger in ci.jenkins.ledger.triggers] == [False, True]


async def test_a_job_without_parameters_is_started_without_any(ci: Ci) -> None:
    ci.jenkins.add_job("bare")
    adapter = ci.adapter()
    queued = await adapter.trigger(ci.order("bare"))
    assert ci.jenkins.ledger.triggers[0].queue_id == queued.id
    assert adapter.complaints(JobRef("ci", "bare"))[0].startswith("job bare does not declare GORDON_REQUEST_ID; ")


JOB_NAMES = [
    pytest.param("docker-prs", "/job/docker-prs/", id="plain"),
    pytest.param("infra/base image", "/job/infra/job/base%20image/", id="folder and space"),
    pytest.param("moby/feature%2Fx", "/job/moby/job/feature%252Fx/", id="branch of a multibranch job"),
    pytest.param("größe #1?", "/job/gr%C3%B6%C3%9Fe%20%231%3F/", id="umlaut, hash and question mark"),
    pytest.param("-rf", "/job/-rf/", id="leading dash"),
]


@pytest.mark.parametrize(("name", "path"), JOB_NAMES)
async def test_a_job_is_found_under_any_name_it_may_have(ci: Ci, name: str, path: str) -> None:
    ci.jenkins.add_job(name, parameters=(MARK, PULL, COMMIT))
    adapter = ci.adapter()
    queued = await adapter.trigger(ci.order(name))
    assert ci.jenkins.ledger.asked("POST")[0].path == f"{path}buildWithParameters"
    live = await adapter.live(JobRef("ci", name), MATCH)
    assert isinstance(live, Queued)
    assert (live.id, live.job.full_name) == (queued.id, name)


@pytest.mark.parametrize("name", ["prs/../admin", "..", "a//b", "/a", "a/", "", " ", "a\nb", "."])
async def test_what_is_no_job_name_is_asked_nowhere(ci: Ci, name: str) -> None:
    with pytest.raises(UserError, match="is not the name of a job"):
        await ci.adapter().trigger(ci.order(name))
    assert ci.jenkins.ledger.requests == []


BAD_PARAMETERS = [
    pytest.param({"DRIVER": "zfs"}, "DRIVER of tuned is one of aufs, overlay; not 'zfs'", id="choice outside the list"),
    pytest.param({"DRIVER": "overlai"}, r"\(did you mean overlay\?\)", id="nearest choice"),
    pytest.param(
        {"DRIVR": "aufs"}, r"has no parameter 'DRIVR'; it has .*FAST.*\(did you mean DRIVER\?\)", id="unknown"
    ),
    pytest.param({"driver": "aufs"}, r"has no parameter 'driver'; .*did you mean DRIVER", id="case differs"),
    pytest.param({"FAST": "yes"}, "FAST of tuned is true or false, not 'yes'", id="boolean"),
    pytest.param({"NOTE": "a\nQUIT :b"}, "NOTE of tuned must be one line", id="newline"),
    pytest.param({"NOTE": "a\x00"}, "NOTE of tuned must be one line", id="control character"),
    pytest.param({"NOTE": "a\ud800"}, "NOTE of tuned must be one line", id="half a character"),
    pytest.param({"NOTE": "é" * 2049}, "NOTE of tuned is longer than 4096 bytes", id="too long"),
]


@pytest.mark.parametrize(("parameters", "words"), BAD_PARAMETERS)
async def test_a_wrong_parameter_is_told_before_anything_is_sent(
    ci: Ci, parameters: dict[str, str], words: str
) -> None:
    driver, fast = ChoiceParameter("DRIVER", ("aufs", "overlay")), BooleanParameter("FAST")
    ci.jenkins.add_job("tuned", parameters=(MARK, driver, fast, StringParameter("NOTE")))
    with pytest.raises(UserError, match=words):
        await ci.adapter().trigger(ci.order("tuned", **parameters))
    assert ci.jenkins.ledger.asked("POST") == []


async def test_text_that_looks_like_syntax_arrives_as_it_is(ci: Ci) -> None:
    ci.jenkins.add_job("tuned", parameters=(MARK, StringParameter("NOTE"), BooleanParameter("FAST")))
    await ci.adapter().trigger(ci.order("tuned", NOTE="a&PR=8 $(rm) %2F ü+", FAST="TRUE"))
    assert ci.jenkins.ledger.triggers[0].parameters["NOTE"] == "a&PR=8 $(rm) %2F ü+"
    assert ci.jenkins.ledger.triggers[0].parameters["FAST"] is True


async def test_a_parameter_added_to_the_job_a_moment_ago_is_taken(ci: Ci) -> None:
    adapter = ci.adapter()
    await adapter.trigger(ci.order())
    ci.jenkins.job("docker-prs").parameters += (StringParameter("NEW"),)
    queued = await adapter.trigger(ci.order(NEW="x"))
    assert queued.parameters["NEW"] == "x"


def veto(ci: Ci) -> None:
    ci.jenkins.job("docker-prs").vetoed = True


def disable(ci: Ci) -> None:
    ci.jenkins.job("docker-prs").disabled = True


def hide(ci: Ci) -> None:
    ci.jenkins.job("docker-prs").hidden = True


def answer(status: int, location: str = "") -> Callable[[Ci], None]:
    def plan(ci: Ci) -> None:
        ci.jenkins.faults.next("POST", TRIGGERS, Status(status, headers={"Location": location} if location else {}))

    return plan


MOVED_HOME = "https://ci.example.org/job/docker-prs/buildWithParameters"
NO_STARTS = [
    pytest.param(veto, Refused, "queued nothing", id="302 is no success"),
    pytest.param(disable, UserError, "is disabled", id="disabled"),
    pytest.param(hide, UserError, "there is no job docker-prs on Jenkins ci, or it is hidden", id="hidden"),
    pytest.param(answer(400), UserError, "nothing was queued", id="400"),
    pytest.param(answer(401), Refused, "user or token is wrong", id="401"),
    pytest.param(answer(403), Refused, "we may not", id="403"),
    pytest.param(answer(405), Refused, "405", id="405"),
    pytest.param(answer(500), Refused, "500", id="500 is not tried again"),
    pytest.param(answer(301, MOVED_HOME), Refused, r"configure that address as its url", id="https redirect"),
    pytest.param(answer(302, MOVED_HOME), Refused, r"https://ci\.example\.org", id="https redirect by 302"),
    pytest.param(answer(307, MOVED_HOME), Refused, r"configure that address as its url", id="https redirect by 307"),
    pytest.param(answer(302, "http://[/x"), Refused, "queued nothing", id="302 to nonsense"),
    pytest.param(answer(502), Unavailable, "does not answer", id="502"),
    pytest.param(answer(503), Unavailable, r"Jenkins ci does not answer \(starting docker-prs\)", id="boot page"),
    pytest.param(answer(504), Unavailable, "does not answer", id="504"),
    pytest.param(answer(201), Unavailable, "does not tell the queue item", id="201 without an item"),
    pytest.param(answer(404), Unavailable, "404 is not its own", id="404 of a proxy"),
]


@pytest.mark.parametrize(("given", "error", "words"), NO_STARTS)
async def test_a_start_that_is_none_says_why(
    ci: Ci, given: Callable[[Ci], None], error: type[GordonError], words: str
) -> None:
    given(ci)
    with pytest.raises(error, match=words):
        await ci.adapter().trigger(ci.order())
    assert ci.jenkins.ledger.triggers == []
    assert len(ci.jenkins.ledger.asked("POST")) <= 1


async def test_a_missing_right_is_not_a_wrong_token(ci: Ci) -> None:
    with pytest.raises(Refused, match="user or token is wrong"):
        await ci.adapter(token="stale").trigger(ci.order())
    forbid(ci)
    with pytest.raises(Refused, match="we may not"):
        await ci.adapter().trigger(ci.order())


# Lost answers


LOST = [
    pytest.param(CommitThenDrop(), 1, id="answer dropped"),
    pytest.param(Hang(commit=True), 1, id="no answer in time"),
    pytest.param(Slow(1.5), 1, id="answer too late"),
    pytest.param(Reset(), 0, id="reset before it counted"),
    pytest.param(Hang(), 0, id="hung before it counted"),
]


@pytest.mark.parametrize(("fault", "accepted"), LOST)
@pytest.mark.parametrize("parameters", [(MARK, PULL, COMMIT), (PULL, COMMIT), ()], ids=["mark", "match", "nothing"])
async def test_a_start_whose_answer_is_lost_is_found_again_and_never_sent_twice(
    ci: Ci, fault: Fault, accepted: int, parameters: tuple[StringParameter, ...]
) -> None:
    ci.jenkins.add_job("job", parameters=parameters)
    adapter, since = ci.adapter(timeout_s=0.3), ci.now()
    ci.jenkins.faults.next("POST", TRIGGERS, fault)
    with pytest.raises(Unavailable):
        await adapter.trigger(ci.order("job"))
    found = await adapter.find(ci.order("job"), since)
    assert len(ci.jenkins.ledger.asked("POST")) == 1
    assert [trigger.queue_id for trigger in ci.jenkins.ledger.triggers] == (
        [found.id] if isinstance(found, Queued) else []
    )
    assert len(ci.jenkins.ledger.triggers) == accepted


async def test_a_404_of_a_proxy_is_no_word_of_jenkins_that_a_start_left_no_trace(ci: Ci) -> None:
    """Trap 15: read as an empty queue and a job without builds, it would have the start sent again."""
    adapter, since = ci.adapter(), ci.now()
    ci.jenkins.faults.next("POST", TRIGGERS, CommitThenDrop())
    with pytest.raises(Unavailable):
        await adapter.trigger(ci.order())
    for path in ("/queue/api/json", "/job/*/api/json"):
        for route in (path, "/api/json"):
            ci.jenkins.faults.next("GET", route, Status(404, "<html>no such route</html>"))
        with pytest.raises(Unavailable, match="404 is not its own"):
            await adapter.find(ci.order(), since)
    found = await adapter.find(ci.order(), since)
    assert isinstance(found, Queued)
    assert [trigger.queue_id for trigger in ci.jenkins.ledger.triggers] == [found.id]


@pytest.mark.parametrize("is_known", [True, False], ids=["read just before", "not read since a start"])
async def test_a_job_that_hides_after_its_start_was_lost_may_have_been_built(ci: Ci, is_known: bool) -> None:
    adapter, since = ci.adapter(), ci.now()
    ci.jenkins.faults.next("POST", TRIGGERS, CommitThenDrop())
    with pytest.raises(Unavailable):
        await adapter.trigger(ci.order())
    hide(ci)
    with pytest.raises(Unavailable, match="hidden"):
        await (adapter if is_known else ci.adapter()).find(ci.order(), since)


async def test_a_lost_start_on_a_kept_connection_is_not_repeated_by_the_client(ci: Ci) -> None:
    adapter = ci.adapter()
    await adapter.queue()
    ci.jenkins.faults.next("POST", TRIGGERS, Reset())
    with pytest.raises(Unavailable):
        await adapter.trigger(ci.order())
    assert len(ci.jenkins.ledger.asked("POST")) == 1


async def test_a_reset_read_is_tried_once_more(ci: Ci) -> None:
    adapter = ci.adapter()
    ci.jenkins.faults.next("GET", "/queue/api/json", Reset())
    assert await adapter.queue() == []


async def test_a_started_build_is_found_by_its_mark_among_others(ci: Ci) -> None:
    ci.jenkins.add_job("quick", parameters=(MARK, PULL, COMMIT), quiet_period_s=0)
    adapter, since = ci.adapter(), ci.now()
    for request in ("a", "b", "c"):
        await adapter.trigger(ci.order("quick", mark=request))
    await until(lambda: len(ci.jenkins.ledger.builds) == 3, ci.clock)
    found = await adapter.find(ci.order("quick", mark="b"), since)
    assert isinstance(found, Build)
    assert found.parameters["GORDON_REQUEST_ID"] == "b"


async def test_what_has_just_left_the_queue_and_is_no_build_yet_is_found_all_the_same(ci: Ci) -> None:
    ci.jenkins.add_job("quick", parameters=(MARK,), quiet_period_s=0)
    ci.jenkins.faults.creation_gap_s = 0.1
    adapter, since = ci.adapter(), ci.now()
    queued = await adapter.trigger(ci.order("quick"))
    left = await adapter.queued(queued.job, queued.id)
    assert (left.build, left.gone, left.cancelled) == (None, False, False)
    ci.jenkins.faults.next("GET", "/job/quick/api/json", Slow(0.2))
    assert isinstance(await adapter.find(ci.order("quick"), since), Build)


async def test_several_candidates_are_a_persons_to_look_at(ci: Ci) -> None:
    ci.jenkins.add_job("unmarked", parameters=(PULL, COMMIT, StringParameter("TRY")))
    adapter, since = ci.adapter(), ci.now()
    for again in ("1", "2"):
        await adapter.trigger(ci.order("unmarked", TRY=again))
    with pytest.raises(Unsure, match=r"may have happened, look at http.*/job/unmarked/"):
        await adapter.find(ci.order("unmarked"), since)


async def test_somebody_elses_build_and_an_older_one_are_not_ours(ci: Ci) -> None:
    ci.jenkins.add_job("unmarked", parameters=(PULL, COMMIT, StringParameter("TRY")))
    adapter = ci.adapter()
    await adapter.trigger(ci.order("unmarked", TRY="older"))
    await ci.clock.sleep(1.1)  # the Date header tells seconds
    since = ci.now()
    await ci.adapter(user="tianon", token="tianons-token").trigger(ci.order("unmarked", TRY="theirs"))
    assert await adapter.find(ci.order("unmarked"), since) is None
    ours = await adapter.trigger(ci.order("unmarked", TRY="ours"))
    found = await adapter.find(ci.order("unmarked"), since)
    assert isinstance(found, Queued)
    assert found.id == ours.id


async def test_a_candidate_whose_user_is_hidden_is_a_persons_to_look_at() -> None:
    async with a_jenkins(csrf=False) as ci:
        ci.jenkins.add_job("unmarked", parameters=(PULL, COMMIT))
        adapter, since = ci.adapter(user="", token=""), ci.now()
        await adapter.trigger(ci.order("unmarked"))
        with pytest.raises(Unsure):
            await adapter.find(ci.order("unmarked"), since)


@pytest.mark.parametrize("skew_s", [-7200.0, 7200.0], ids=["two hours behind", "two hours ahead"])
async def test_a_wrong_controller_clock_does_not_hide_our_build(ci: Ci, skew_s: float) -> None:
    ci.jenkins.faults.skew_s = skew_s
    ci.jenkins.add_job("unmarked", parameters=(PULL, COMMIT, StringParameter("TRY")))
    adapter = ci.adapter()
    await adapter.trigger(ci.order("unmarked", TRY="older"))
    await ci.clock.sleep(1.1)
    since = ci.now()
    assert await adapter.find(ci.order("unmarked"), since) is None
    ours = await adapter.trigger(ci.order("unmarked", TRY="ours"))
    found = await adapter.find(ci.order("unmarked"), since)
    assert isinstance(found, Queued)
    assert found.id == ours.id
