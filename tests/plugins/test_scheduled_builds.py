"""What the configuration of builds at set times may say, and how they are told; once they run: tests/world."""

from datetime import UTC, datetime

import pytest

from bot.errors import ConfigError
from bot.facts import Diagnosis, FailureClass, Kind
from bot.loader import read_settings
from bot.values import Alone
from plugins.scheduled_builds import plugin
from plugins.scheduled_builds.book import Book, Last, Run, Running, Stage, after, dump, load
from plugins.scheduled_builds.settings import ScheduledBuild
from plugins.scheduled_builds.words import ended, row

NOW = datetime(2026, 3, 29, 3, 0, tzinfo=UTC)  # two hours after the clocks of Paris went forward
WEEKLY = {"job": "base-image", "at": "sun 04:00 Europe/Paris", "start": True}
URL = "https://ci/job/base-image/12/"


def last(number: int, result: str, *, since: int = 0) -> Last:
    return Last(f"r{number}", number, result, 1080.0, NOW.timestamp() - 3600, URL, since)


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        pytest.param({"at": "sunday at dawn"}, 'cannot read "sunday at dawn" as a time', id="a time that is none"),
        pytest.param({"start": False, "parameters": {"A": "b"}}, "need start = true", id="values of what others start"),
        pytest.param({"start": False, "catch_up": True}, "need start = true", id="catching up what others start"),
        pytest.param({"matrix": [{"A": "1"}, {"A": "1"}]}, "has a set twice", id="a set twice"),
        pytest.param({"matrix": [{"A": str(n)} for n in range(51)]}, "has 51 sets", id="too many sets"),
        pytest.param({"late_s": 1}, "late_s must be 60 to 86400, is 1", id="late at once"),
        pytest.param({"at_most_s": 1}, "at_most_s must be 60 to", id="too long at once"),
        pytest.param({"cancel": True}, "cancel needs at_most_s", id="cancelled after no time"),
        pytest.param({"tell": ["fails"]}, "fails", id="news that there are not"),
        pytest.param({"lates": 1}, 'unknown key "lates" (did you mean "late_s"?)', id="a key that there is not"),
    ],
)
def test_what_is_wrong_with_an_entry_is_told(changed: dict[str, object], words: str) -> None:
    with pytest.raises(ConfigError) as error:
        read_settings(plugin, {"build": {"weekly": WEEKLY | changed}})
    assert words in str(error.value)


def test_a_name_that_nobody_could_type_is_refused() -> None:
    with pytest.raises(ConfigError, match='build has "the weekly"'):
        read_settings(plugin, {"build": {"the weekly": WEEKLY}})


def test_the_sets_of_a_matrix_are_runs_beside_each_other() -> None:
    matrix = ({"PLATFORM": "el6"}, {"PLATFORM": "el7", "MODE": "update"})
    one = ScheduledBuild("storm", "daily 04:00", True, parameters={"MODE": "clean"}, matrix=matrix)
    assert one.runs("storm") == {
        "storm PLATFORM=el6": {"MODE": "clean", "PLATFORM": "el6"},
        "storm PLATFORM=el7 MODE=update": {"MODE": "update", "PLATFORM": "el7"},
    }
    assert one.beside is Alone.PARAMETERS
    assert ScheduledBuild("storm", "daily 04:00", True).runs("storm") == {"storm": {}}
    assert ScheduledBuild("storm", "daily 04:00", True).beside is Alone.JOB


def test_the_places_of_a_job_are_those_that_hear_how_its_builds_end() -> None:
    entries = {
        "a": WEEKLY | {"to": ["net/#a"]},
        "b": WEEKLY,
        "c": WEEKLY | {"to": ["net/#c"], "tell": ["late"]},
    }
    settings = read_settings(plugin, {"build": entries})
    assert settings.tells_jobs() == {"base-image": ["net/#a", ""]}


def test_a_book_comes_back_from_disk_as_it_was() -> None:
    run = Run(1.0, 2.0, Stage.DUE, "r", was_late=True, reason="why", last=last(12, "FAILURE", since=11))
    book = Book({"weekly": run, "new": Run()}, {"r": Running(12, URL, 3.0)}, {"r11": last(11, "SUCCESS")}, 3.0)
    assert load(dump(book)) == book
    assert load(None) == Book()


def test_failures_in_a_row_are_counted_from_the_first() -> None:
    first = after(last(10, "SUCCESS"), last(11, "FAILURE"))
    second = after(first, last(12, "ABORTED"))
    assert [first.since, second.since, after(second, last(13, "SUCCESS")).since] == [11, 11, 0]


KNOWN = Diagnosis(
    Kind.KNOWN_INFRA, FailureClass.NETWORK, cause="apt-mirror", confidence=0.9, text="404 Not Found", line=7
)
UNKNOWN = Diagnosis(Kind.UNKNOWN, FailureClass.UNKNOWN)


@pytest.mark.parametrize(
    ("end", "before", "diagnosis", "note", "told"),
    [
        pytest.param(
            last(12, "FAILURE"),
            None,
            KNOWN,
            "not retried: 3 tries",
            'known network trouble (apt-mirror): weekly #12 failed after 18m - "404 Not Found" (line 7) '
            "(not retried: 3 tries)",
            id="failed for a known cause",
        ),
        pytest.param(
            last(12, "UNSTABLE"),
            None,
            UNKNOWN,
            "",
            "nobody knows why: weekly #12 is unstable after 18m",
            id="unstable",
        ),
        pytest.param(last(12, "SUCCESS"), None, UNKNOWN, "", "weekly #12 passed (18m)", id="passed"),
        pytest.param(
            last(12, "SUCCESS"),
            last(11, "FAILURE", since=9),
            UNKNOWN,
            "",
            "weekly #12 passed (18m), failed since #9",
            id="passed after failures",
        ),
        pytest.param(last(12, "NOT_BUILT"), None, UNKNOWN, "", "weekly #12 was not built", id="not built"),
        pytest.param(
            last(0, ""), None, UNKNOWN, "cancelled in the queue",
            "weekly never left the queue (cancelled in the queue)",
            id="cancelled before it began",
        ),
        pytest.param(
            last(12, ""), None, UNKNOWN, "somebody deleted it",
            "weekly #12 is gone, and nobody saw how it ended (somebody deleted it)", id="gone",
        ),
    ],
)  # fmt: skip
def test_an_end_is_told_with_its_verdict(
    end: Last, before: Last | None, diagnosis: Diagnosis, note: str, told: str
) -> None:
    assert ended("weekly", end, before, diagnosis, "", note).title == told


ONE = ScheduledBuild("base-image", "sun 04:00 Europe/Paris", True, at_most_s=3600.0)
DUE = Run(datetime(2026, 3, 29, 2, 0, tzinfo=UTC).timestamp(), stage=Stage.DUE)


@pytest.mark.parametrize(
    ("kept", "running", "told"),
    [
        pytest.param(Run(), None, "never built yet, as far as I know", id="nothing is known"),
        pytest.param(Run(last=last(12, "SUCCESS")), None, "last #12 passed (18m) 1h 0m ago", id="passed"),
        pytest.param(
            Run(last=last(12, "NOT_BUILT", since=10)),
            None,
            "last #12 not built since #10 (18m) 1h 0m ago",
            id="failing",
        ),
        pytest.param(
            Run(last=last(12, "SUCCESS")),
            Running(13, URL, NOW.timestamp() - 7200),
            "#13 runs for 2h 0m, which is too long, last #12 passed (18m) 1h 0m ago",
            id="runs for too long",
        ),
        pytest.param(
            DUE, None, "not started yet, due at 04:00, never built yet, as far as I know", id="not started yet"
        ),
        pytest.param(
            Run(DUE.planned_s, stage=Stage.GIVEN_UP, reason="Gordon was away"),
            None,
            "not started at 04:00 (Gordon was away), never built yet, as far as I know",
            id="not started",
        ),
    ],
)
def test_a_row_says_how_a_run_stands(kept: Run, running: Running | None, told: str) -> None:
    assert row("weekly", ONE, kept, running, NOW) == f"weekly: {told}, next Sun 5 Apr 04:00 Europe/Paris"
