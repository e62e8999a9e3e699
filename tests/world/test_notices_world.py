"""Notices at set times: once at their time, after quiet hours, late rather than never, and by somebody's rights."""

import re
from pathlib import Path

import pytest

from bot.testing import NETWORK, confirmation
from tests.world.honesty import until
from tests.world.notices_rig import (
    DAY_S,
    HERE,
    HOUR_S,
    MINUTE_S,
    MORNING,
    QUIET,
    at,
    at_work,
    noticing,
    world_with,
)

TOLD = "morning: 2 things to do; sweep; mop"
DAILY = 'schedule add "daily 09:00"'


async def test_a_list_is_told_once_at_its_time(tmp_path: Path) -> None:
    async with noticing(tmp_path, at("2014-09-01 08:59:30"), MORNING) as site:
        assert await site.say("jess", "notices", expect="told here") == (
            "1 told here at set times; morning (todo) at daily 09:00 UTC, next 09:00"
        )
        site.clock.move(30)
        assert await site.has_told("things to do") == TOLD
        await site.pass_by(2 * HOUR_S, step_s=10 * MINUTE_S)
        assert site.said("things to do") == [TOLD]
        assert "next Tue 2 Sep 09:00, last told 09:00" in await site.say("jess", "notices", expect="told here")
        site.clock.move_to("2014-09-02 09:00:00")
        await site.settled()
        assert site.said("things to do") == [TOLD, TOLD]


async def test_what_came_due_in_a_day_of_downtime_is_told_once(tmp_path: Path) -> None:
    """A pause of 24 hours: what was missed in it is told once, and says so."""
    config = MORNING.replace("daily 09:00", "every 2h")
    async with world_with(tmp_path, at("2014-09-01 09:01:00"), config) as world:
        async with at_work(world) as site:
            await site.say("jess", "ping")
        site.clock.move(DAY_S)
        async with at_work(world) as site:
            line = await site.has_told("things to do")
            assert line == "morning (due at 08:00, I was away, and missed 11 before): 2 things to do; sweep; mop"
            await site.settled()
            assert len(site.said("things to do")) == 1
        async with at_work(world) as site:
            await site.settled()
            assert site.said("things to do") == []


@pytest.mark.parametrize(
    ("begins", "zone"),
    [
        pytest.param("2014-03-29 23:00:00", "Europe/Berlin", id="the-hour-that-is-left-out"),
        pytest.param("2014-10-25 22:00:00", "Europe/Berlin", id="the-hour-that-comes-twice"),
    ],
)
async def test_a_change_of_the_clock_tells_nothing_twice_and_leaves_nothing_out(
    tmp_path: Path, begins: str, zone: str
) -> None:
    """F33: daylight saving begins and ends at a time at which something is to be told."""
    config = MORNING.replace("daily 09:00", f"daily 02:30 {zone}")
    async with noticing(tmp_path, at(begins), config) as site:
        await site.pass_by(5 * HOUR_S, step_s=15 * MINUTE_S)
        assert site.said("things to do") == [TOLD]


@pytest.mark.parametrize("wrong_s", [pytest.param(HOUR_S, id="forward"), pytest.param(-HOUR_S, id="back")])
async def test_a_clock_that_is_set_wrong_and_right_again_tells_nothing_twice(tmp_path: Path, wrong_s: float) -> None:
    """F33: the wall clock jumps by an hour around the time of a list, and later back again."""
    async with noticing(tmp_path, at("2014-09-01 08:30:00"), MORNING) as site:
        site.clock.wrong_s = wrong_s
        await site.pass_by(35 * MINUTE_S, step_s=MINUTE_S)
        site.clock.wrong_s = 0.0
        await site.pass_by(90 * MINUTE_S, step_s=5 * MINUTE_S)
        assert [line[-len(TOLD) + len("morning") :] for line in site.said("things to do")] == [TOLD[len("morning") :]]


async def test_a_clock_that_is_set_back_after_a_list_was_told_does_not_tell_it_again(tmp_path: Path) -> None:
    """F33: the same hour is lived through twice."""
    async with noticing(tmp_path, at("2014-09-01 08:59:00"), MORNING) as site:
        site.clock.move(MINUTE_S)
        await site.has_told("things to do")
        site.clock.wrong_s = -HOUR_S
        await site.pass_by(2 * HOUR_S, step_s=10 * MINUTE_S)
        assert site.said("things to do") == [TOLD]


async def test_what_comes_due_in_quiet_hours_is_told_once_at_their_end_in_one_message(tmp_path: Path) -> None:
    config = MORNING.replace("daily 09:00", "every 2h") + QUIET
    async with noticing(tmp_path, at("2014-09-01 21:59:00"), config) as site:
        await site.say("jess", 'schedule add "daily 23:30" todo text', expect="todo text at daily 23:30 UTC")
        await site.pass_by(9 * HOUR_S - MINUTE_S, step_s=30 * MINUTE_S)
        assert site.said("things to do") == []
        assert "waits for the end of the quiet hours" in await site.say("jess", "notices", expect="told here")
        site.clock.move_to("2014-09-02 07:00:00")
        line = await site.has_told("things to do")
        assert line.startswith("came due in quiet hours: ")
        assert "morning: 2 things to do; sweep; mop" in line
        assert "]: a text | of two lines" in line
        await site.pass_by(30 * MINUTE_S, step_s=10 * MINUTE_S)
        assert len(site.said("things to do")) == 1
        site.clock.move_to("2014-09-02 08:00:00")
        await site.settled()
        assert site.said("things to do")[1:] == [TOLD]


async def test_a_clock_that_is_set_back_within_quiet_hours_loses_nothing(tmp_path: Path) -> None:
    """F33: by the clock that never jumps the quiet hours are over, by the one on the wall they are not."""
    async with noticing(tmp_path, at("2014-09-02 06:29:00"), MORNING.replace("09:00", "06:30") + QUIET) as site:
        site.clock.move(MINUTE_S)
        await site.settled()
        site.clock.wrong_s = -HOUR_S
        await site.pass_by(35 * MINUTE_S, step_s=5 * MINUTE_S)
        assert site.said("things to do") == []
        # What comes by the clock that never jumps, settled() knows nothing of: it may take some steps more.
        await site.pass_by(2 * HOUR_S, step_s=5 * MINUTE_S)
        assert site.said("things to do") == [TOLD]


@pytest.mark.parametrize(
    ("keys", "told"),
    [
        pytest.param('commands = ["todo nothing"]', [], id="nothing-to-list"),
        pytest.param('commands = ["todo nothing"]\nalways = true', ["morning: nothing to do"], id="always"),
        pytest.param('commands = ["todo"]\ntitle = "To do"', ["To do: 2 things to do; sweep; mop"], id="title"),
        pytest.param(
            'commands = ["todo", "todo nothing", "todo text"]',
            ["morning: 2 things to do; sweep; mop | a text | of two lines"],
            id="several-as-one",
        ),
        pytest.param(
            'commands = ["todo", "tood"]',
            ['morning: 2 things to do; sweep; mop | tood: no command "tood"; did you mean: todo [<kind>]'],
            id="no-such-command",
        ),
        pytest.param(
            'commands = ["secrets"]',
            ["morning: secrets needs the role triager, and here nobody gives it"],
            id="nobody-has-no-role",
        ),
        pytest.param(
            'commands = ["plugins off help"]',
            ["morning: plugins off is not only for reading, so somebody must be there to give it"],
            id="it-would-change-something",
        ),
        pytest.param('commands = ["notices"]', ["morning: what notices there are is no notice itself"], id="itself"),
    ],
)
async def test_a_list_tells_what_there_is_to_list(tmp_path: Path, keys: str, told: list[str]) -> None:
    config = MORNING.replace('commands = ["todo"]', keys)
    async with noticing(tmp_path, at("2014-09-01 08:59:00"), config) as site:
        site.clock.move(MINUTE_S)
        await site.settled()
        assert site.said("") == told
        if "nothing" in keys and not told:
            line = await site.say("jess", "notices", expect="told here")
            assert line.endswith("not told 09:00: nothing to list")


async def test_what_is_wrong_with_a_list_is_told_once_and_not_each_day(tmp_path: Path) -> None:
    config = MORNING.replace('"todo"', '"todo wrong"')
    async with noticing(tmp_path, at("2014-09-01 08:59:00"), config) as site:
        for _ in range(3):
            site.clock.move(MINUTE_S)
            await site.settled()
            site.clock.move(DAY_S - MINUTE_S)
        assert len(site.said("morning: todo failed inside Gordon (the list is torn)")) == 1
        assert "notices on" in await site.say("icecrime", "plugins", expect="help on")


async def test_a_command_that_hangs_is_said_to_and_hurts_no_other(tmp_path: Path) -> None:
    """F37: it is cancelled before the limit of the notice itself."""
    config = MORNING.replace('"todo"', '"todo hanging", "todo"')
    async with noticing(tmp_path, at("2014-09-01 08:59:00"), config, handler_limit_s=1) as site:
        site.clock.move(MINUTE_S)
        line = await site.has_told("things to do")
        assert "todo hanging: todo failed inside Gordon (it took longer than 0.8 s and was stopped)" in line


async def test_a_long_list_is_cut_and_says_how_to_get_the_rest(tmp_path: Path) -> None:
    config = MORNING.replace('"todo"', '"todo much"')
    async with noticing(tmp_path, at("2014-09-01 08:59:00"), config) as site:
        site.clock.move(MINUTE_S)
        line = await site.has_told("much to do")
        assert len(line.encode()) <= 1000
        assert line.endswith("... (say todo much for all of it)")


@pytest.mark.parametrize(
    ("at_", "down_s", "told"),
    [
        pytest.param("daily 09:00", 5 * MINUTE_S, ["morning: base-image is never built"], id="soon-back"),
        pytest.param("every 30m", 40 * MINUTE_S, ["morning: base-image is never built"], id="back-after-its-next-time"),
        pytest.param("every 30m", 2 * HOUR_S, ["morning: base-image is never built"], id="gives-way-again-and-again"),
        pytest.param(
            "daily 09:00",
            2 * HOUR_S,
            ["morning: Jenkins ci does not answer (reading the builds of infra/base-image)"],
            id="too-long-away",
        ),
    ],
)
async def test_a_notice_waits_for_a_neighbour_but_not_beyond_its_next_time(
    tmp_path: Path, at_: str, down_s: float, told: list[str]
) -> None:
    config = MORNING.replace('"todo"', '"base"').replace("daily 09:00", at_)
    async with noticing(tmp_path, at("2014-09-01 08:59:00"), config, again_after_s=30, patience_s=3600) as site:
        await site.gordon.world.jenkins.go_down("refused")
        site.clock.move(MINUTE_S)
        await site.pass_by(down_s)
        await site.gordon.world.jenkins.come_back()
        await site.pass_by(5 * MINUTE_S)
        assert [line.partition("; ")[0] for line in site.said("morning")] == told


async def test_what_somebody_schedules_is_told_where_they_said_so(tmp_path: Path) -> None:
    async with noticing(tmp_path, at("2014-09-01 08:58:00"), QUIET + 'zone = "Europe/Paris"\n') as site:
        made = await site.say("jess", f"{DAILY} todo", expect="daily")
        told = r"\w{4}: #docker-maintainers is told todo at daily 09:00 Europe/Paris, next Tue 2 Sep 09:00"
        assert re.match(told, made)
        short = made[:4]
        assert await site.say("vieux", "schedule list", expect="scheduled") == (
            f"1 scheduled here; {short} todo at daily 09:00 Europe/Paris, by jess, next Tue 2 Sep 09:00"
        )
        private = await site.say("jess", f"{DAILY} todo text", expect="private", private=True)
        assert "you are told in private todo text at daily 09:00 UTC, next 09:00" in private
        site.clock.move_to("2014-09-01 09:00:00")
        line = await site.has_told("a text")
        assert line == f"todo text [{private[:4]}]: a text | of two lines"
        [place] = site.places("a text")
        assert (place.channel, place.private, place.account, place.to) == ("jess", True, "jess", "")
        assert await site.say("tianon", "schedule list", private=True) == "nothing is scheduled here"
        site.clock.move_to("2014-09-02 07:00:00")
        assert await site.has_told("things to do") == f"todo [{short}]: 2 things to do; sweep; mop"


async def test_what_is_scheduled_outlives_a_restart_and_is_taken_out_by_who_may(tmp_path: Path) -> None:
    async with world_with(tmp_path, at("2014-09-01 08:59:00"), "") as world:
        async with at_work(world) as site:
            short = (await site.say("jess", f"{DAILY} todo", expect="daily"))[:4]
        async with at_work(world) as site:
            refused = await site.say("vieux", f"schedule remove {short}", expect="somebody else")
            assert "needs the role maintainer in moby/moby; vieux is triager" in refused
            assert "there are: " + short in await site.say("vieux", "schedule remove none", expect="nothing called")
            await site.say("tianon", f"schedule remove {short}", expect="is not told here any more")
            site.clock.move(MINUTE_S)
            await site.settled()
            assert site.said("things to do") == []


async def test_what_waits_for_the_end_of_quiet_hours_is_not_told_where_nobody_wants_it_any_more(tmp_path: Path) -> None:
    """The configuration is read again in the quiet hours, and the list goes to another channel by then."""
    nightly = MORNING.replace("daily 09:00", "daily 23:00")
    async with noticing(tmp_path, at("2014-09-01 22:59:00"), nightly + QUIET) as site:
        site.clock.move(MINUTE_S)
        await site.settled()
        config = site.gordon.world.config
        moved = f'to = ["{NETWORK}/#elsewhere"]'
        config.write_text(config.read_text(encoding="utf-8").replace(f'to = ["{HERE}"]', moved), encoding="utf-8")
        await site.gordon.confirmed("icecrime", "reload", expect="reloaded")
        site.clock.move_to("2014-09-02 07:00:00")
        await site.settled()
        assert site.said("things to do") == []


async def test_who_has_lost_the_right_is_told_nothing_any_more(tmp_path: Path) -> None:
    async with noticing(tmp_path, at("2014-09-01 08:59:00")) as site:
        short = (await site.say("jess", f"{DAILY} secrets", expect="daily"))[:4]
        people = site.gordon.world.folder / "people.toml"
        text = people.read_text(encoding="utf-8")
        people.write_text(text.replace('"moby/moby" = "triager"', '"moby/moby" = "author"'), encoding="utf-8")
        asked = await site.say("icecrime", "reload", expect="to go on say: ")
        await site.say("icecrime", confirmation(asked), expect="reloaded|took over|now")
        site.clock.move(MINUTE_S)
        line = await site.has_told("is taken out")
        assert line == (
            f"secrets [{short}]: jess has scheduled this, and it is taken out: "
            "secrets needs the role triager in moby/moby; jess is author"
        )
        await site.settled()
        assert await site.say("jess", "schedule list") == "nothing is scheduled here"
        await site.pass_by(2 * DAY_S, step_s=DAY_S)
        assert len(site.said(short)) == 2
        assert site.said("2 secrets") == []
        refused = [one for one in await site.gordon.app.audit.newest(50) if one["decision"] == "refused"]
        assert [(one["person"], one["surface"], one["rule"]) for one in refused] == [
            ("jess", "schedule", "secrets needs the role triager in moby/moby; jess is author")
        ]


async def test_each_answer_is_recorded_as_that_of_whoever_scheduled_it(tmp_path: Path) -> None:
    async with noticing(tmp_path, at("2014-09-01 08:59:00"), MORNING) as site:
        await site.say("jess", f"{DAILY} secrets", expect="daily")
        site.clock.move(MINUTE_S)
        await site.has_told("2 secrets")
        await site.has_told("things to do")
        records = await site.gordon.app.audit.newest(20)
        told = {(one.get("person", ""), one["command"], one["surface"], one["decision"]) for one in records}
        assert ("jess", "secrets", "schedule", "answered") in told
        assert ("", "todo", "schedule", "answered") in told


async def test_what_failed_or_is_no_command_any_more_is_on_record_too(tmp_path: Path) -> None:
    lists = MORNING.replace('["todo"]', '["todo wrong", "tood"]')
    async with noticing(tmp_path, at("2014-09-01 08:59:00"), lists) as site:
        site.clock.move(MINUTE_S)
        await site.has_told("the list is torn")
        await site.settled()
        records = await site.gordon.app.audit.newest(20)
        told = {(one["text_redacted"], one["decision"]) for one in records if one["surface"] == "schedule"}
        assert told == {("todo wrong", "answered"), ("tood", "not understood")}


async def test_a_flood_of_schedules_is_held_to_what_a_place_may_have(tmp_path: Path) -> None:
    """50 are asked for at once: 20 are taken, each is told once, and the rest is refused."""
    async with noticing(tmp_path, at("2014-09-01 08:58:00")) as site:
        for number in range(50):
            await site.chat.hear("jess", f"{DAILY} todo n{number}", key=f"flood:{number}")
        await until(lambda: len(site.said("as many as may be")) + len(site.said("is told todo")) == 50)
        assert len(site.said("is told todo")) == 20
        site.clock.move_to("2014-09-01 09:00:00")
        await site.settled()
        assert len(set(site.said("things to do"))) == len(site.said("things to do")) == 20


@pytest.mark.parametrize("command", [pytest.param("base", id="is-away"), pytest.param("todo hanging", id="is-slow")])
async def test_what_cannot_be_answered_now_may_be_scheduled(tmp_path: Path, command: str) -> None:
    """A neighbour is away, or so slow that nobody wants to wait for it: neither says that the words are wrong."""
    async with noticing(tmp_path, at("2014-09-01 08:58:00"), handler_limit_s=1) as site:
        await site.gordon.world.jenkins.go_down("refused")
        assert f"is told {command} at daily 09:00 UTC, next 09:00" in await site.say("jess", f"{DAILY} {command}")
        assert "listing on" in await site.say("icecrime", "plugins", expect="help on")


async def test_one_list_is_not_told_twice_to_whoever_wants_it_twice(tmp_path: Path) -> None:
    async with noticing(tmp_path, at("2014-09-01 08:58:00")) as site:
        first = (await site.say("jess", f"{DAILY} todo")).partition(":")[0]
        again = await site.say("jess", 'schedule add "DAILY 9:00 utc" todo')
        assert again.startswith(f"that is scheduled here already: {first} todo at daily 09:00 UTC, by jess, next 09:00")
        assert f"next 09:00; told then, too: {first} [" in await site.say("tianon", f"{DAILY} todo")
        assert "is told todo text at" in await site.say("jess", f"{DAILY} todo text")
        assert "you are told in private todo at" in await site.say("jess", f"{DAILY} todo", private=True)


@pytest.mark.parametrize(
    ("typed", "answer"),
    [
        pytest.param("mon-fri 09:00 todo", 'in quotation marks: schedule add "mon-fri 09:00" todo', id="no-marks"),
        pytest.param(
            "mon 09:00 Europe/Paris todo text",
            'in quotation marks: schedule add "mon 09:00 Europe/Paris" todo text',
            id="no-marks-with-a-zone",
        ),
        pytest.param("'mon 09:00' todo", 'in quotation marks: schedule add "mon 09:00" todo', id="single-marks"),
        pytest.param("“mon 09:00” todo", 'in quotation marks: schedule add "mon 09:00" todo', id="marks-of-a-phone"),
        pytest.param("every monday at 09:00 UTC todo", 'cannot read "every" as a time', id="every"),
        pytest.param('"soon" todo', 'cannot read "soon" as a time; write "mon-fri 09:00"', id="no-time"),
        pytest.param('"daily 25:00" todo', "25", id="no-such-hour"),
        pytest.param('"daily 09:00 Europe/Pariss" todo', "Europe/Paris", id="no-such-zone"),
        pytest.param('"0 9 30 2 *" todo', "never comes", id="never"),
        pytest.param('"* * * * *" todo', "more often than every 5 minutes", id="too-often"),
        pytest.param('"daily 09:00"', "<command> is missing; usage: schedule add", id="no-command"),
        pytest.param('"daily 09:00" tood', "did you mean: todo", id="no-such-command"),
        pytest.param('"daily 09:00" schedule list', "is no notice itself", id="itself"),
        pytest.param('"daily 09:00" plugins off help', "is not only for reading", id="it-would-change-something"),
        pytest.param('"daily 09:00" audit', "audit needs the role operator everywhere; jess is", id="not-theirs"),
        pytest.param('"daily 09:00" todo a b', '"b" is too much; usage: todo', id="too-much"),
        pytest.param('"daily 09:00" todo staleee', 'no kind "staleee"; did you mean stale?', id="it-would-only-fail"),
        pytest.param('"daily 09:00" todo wrong', "todo failed inside Gordon (the list is torn)", id="it-is-broken"),
    ],
)
async def test_nonsense_is_answered_by_what_to_write(tmp_path: Path, typed: str, answer: str) -> None:
    async with noticing(tmp_path, at("2014-09-01 08:58:00")) as site:
        assert answer in await site.say("jess", f"schedule add {typed}")
        assert await site.say("jess", "schedule list") == "nothing is scheduled here"
