"""How the ends of builds are put into one line: the verdict first, and nothing of a log that acts on a chat."""

from dataclasses import replace

import pytest

from bot.facts import Change, Diagnosis, FailureClass, Kind, Seen
from bot.plugin import Card, Tone, lasting
from bot.values import Result
from bot.wording import SURE
from plugins.failures.ended import Ended, Past, Try
from plugins.failures.lines import ROOM_BYTES, card, line, room_for, tone
from plugins.failures.strategies import Infra
from plugins.failures.words import ordinal, phrase, verdict
from tests.plugins.failures_said import (
    ABORTED,
    AGENT_LOST,
    COMPILE,
    DEVICEMAPPER,
    FLAKY,
    LOG,
    NEWER,
    SHA,
    SUPERSEDED,
    TEST_FAILS,
    TIMED_OUT,
    UNKNOWN,
    UNREAD,
    ended,
)

WEAK = SURE - 0.1
F, S = Result.FAILURE, Result.SUCCESS


@pytest.mark.parametrize(
    ("said", "sure", "guessed"),
    [
        pytest.param(
            DEVICEMAPPER,
            "known Docker trouble (dm-init-rootfs, 14 times this week)",
            "probably known Docker trouble (dm-init-rootfs, 14 times this week)",
            id="known-infra",
        ),
        pytest.param(
            replace(DEVICEMAPPER, seen=Seen()),
            "known Docker trouble (dm-init-rootfs)",
            "probably known Docker trouble (dm-init-rootfs)",
            id="known-infra-the-first-time",
        ),
        pytest.param(
            replace(DEVICEMAPPER, seen=Seen(0, 3), failure_class=FailureClass.DEPENDENCY_MIRROR, cause="apt-404"),
            "known mirror trouble (apt-404, 4 times in 30 days)",
            "probably known mirror trouble (apt-404, 4 times in 30 days)",
            id="known-infra-not-this-week",
        ),
        pytest.param(
            FLAKY,
            "flaky test TestExec (3 times this week)",
            "probably the flaky test TestExec (3 times this week)",
            id="flaky-test",
        ),
        pytest.param(
            TEST_FAILS,
            "new failure in TestRunVolumes",
            "probably a new failure in TestRunVolumes",
            id="new-failure",
        ),
        pytest.param(
            replace(TEST_FAILS, failed_tests=("TestA", "TestB", "TestC"), seen=Seen(4, 9)),
            "failure in TestA and 2 more (5 times this week)",
            "probably a failure in TestA and 2 more (5 times this week)",
            id="new-failure-that-was-seen",
        ),
        pytest.param(
            replace(TEST_FAILS, failed_tests=(), failure_class=FailureClass.LINT),
            "new lint error",
            "probably a new lint error",
            id="lint",
        ),
        pytest.param(
            replace(TEST_FAILS, failed_tests=(), failure_class=FailureClass.UNKNOWN),
            "new failure",
            "probably a new failure",
            id="no-class",
        ),
        pytest.param(COMPILE, "compile error", "probably a compile error", id="compile-error"),
        pytest.param(AGENT_LOST, "the agent dm-7 was lost", "probably the agent dm-7 was lost", id="agent-lost"),
        pytest.param(TIMED_OUT, "timed out", "probably timed out", id="timeout"),
        pytest.param(ABORTED, 'aborted by "tianon"', 'aborted by "tianon"', id="aborted"),
        pytest.param(UNKNOWN, "nobody knows why", "nobody knows why", id="unknown"),
        pytest.param(
            Diagnosis(Kind.PASSED, FailureClass.SUCCESS),
            "nobody knows why",
            "nobody knows why",
            id="the-log-says-passed",
        ),
    ],
)
def test_the_verdict_is_a_few_words_for_each_kind(said: Diagnosis, sure: str, guessed: str) -> None:
    assert verdict(replace(said, confidence=0.9), "dm-7") == sure
    assert verdict(replace(said, confidence=WEAK), "dm-7") == guessed


PHRASES = [
    pytest.param(ended("lxc", S), "lxc #981 passed (18m)", id="passed"),
    pytest.param(ended("lxc", F), "lxc #981 failed after 18m", id="failed"),
    pytest.param(ended("lxc", Result.UNSTABLE), "lxc #981 ran to its end in 18m but is unstable", id="unstable"),
    pytest.param(ended("lxc", Result.NOT_BUILT), "lxc #981 was not built", id="not-built"),
    pytest.param(ended("lxc", Result.ABORTED), "lxc #981 was aborted after 18m", id="aborted"),
    pytest.param(
        ended("lxc", Result.ABORTED, said=ABORTED),
        'lxc #981 was aborted by "tianon" after 18m',
        id="aborted-by-somebody",
    ),
    pytest.param(
        ended("lxc", Result.ABORTED, said=SUPERSEDED), "lxc #981 was cancelled: superseded by 1db65fa", id="superseded"
    ),
    pytest.param(
        ended("lxc", None, 0, said=SUPERSEDED, note="cancelled in the queue"),
        "lxc was cancelled: superseded by 1db65fa",
        id="superseded-in-the-queue",
    ),
    pytest.param(ended("lxc", Result.ABORTED, note="by jess"), "lxc #981 was aborted after 18m (by jess)", id="noted"),
    pytest.param(
        ended("lxc", None, note="Jenkins no longer knows it"),
        "lxc #981 was gone before anybody saw its result (Jenkins no longer knows it)",
        id="F27-vanished",
    ),
    pytest.param(
        ended("lxc", None, 0, note="cancelled in the queue"),
        "lxc never left the queue (cancelled in the queue)",
        id="never-left-the-queue",
    ),
    pytest.param(ended("lxc", Result.ABORTED, 0), "lxc never left the queue", id="never-left-without-a-note"),
    pytest.param(
        ended("lxc", F, cells=24, bad_cells=("ARCH=arm,FS=aufs", "ARCH=arm,FS=zfs")),
        "lxc #981 failed after 18m in 2 of 24 cells: ARCH=arm,FS=aufs; ARCH=arm,FS=zfs",
        id="J13-cells-of-a-matrix",
    ),
    pytest.param(
        ended("lxc", F, cells=8, bad_cells=("FS=aufs", "FS=zfs"), cell_causes=("dm-init-rootfs", "TestExec")),
        "lxc #981 failed after 18m in 2 of 8 cells: FS=aufs (dm-init-rootfs); FS=zfs (TestExec)",
        id="cells-with-causes-of-their-own",
    ),
    pytest.param(
        ended("lxc", F, cells=8, bad_cells=("FS=aufs", "FS=zfs"), cell_causes=("dm-busy", "dm-busy")),
        "lxc #981 failed after 18m in 2 of 8 cells: FS=aufs; FS=zfs",
        id="cells-with-one-cause",
    ),
    pytest.param(
        ended("lxc", Result.UNSTABLE, cells=24, bad_cells=tuple(f"A={number}" for number in range(7))),
        "lxc #981 ran to its end in 18m but is unstable in 7 of 24 cells: A=0; A=1; A=2; A=3; A=4; and 2 more",
        id="J13-many-cells",
    ),
    pytest.param(
        ended("lxc", S, built=NEWER),
        "lxc #981 passed (18m) (built 77aa001 instead of 3f2c1ab, which was asked for)",
        id="J25-another-commit",
    ),
    pytest.param(
        ended("lxc", Result.ABORTED, built=NEWER, note="by tianon"),
        "lxc #981 was aborted after 18m (by tianon; built 77aa001 instead of 3f2c1ab, which was asked for)",
        id="another-commit-and-a-note",
    ),
    pytest.param(ended("lxc", F, attempt=3), "lxc #981 failed on the 3rd try after 18m", id="failed-after-retries"),
    pytest.param(
        ended("janky", S, attempt=2, tries=(Try(DEVICEMAPPER, "dm-7"),)),
        "janky #981 passed on the 2nd try; the 1st hit dm-init-rootfs (Docker, node dm-7, 14 times this week)",
        id="passed-after-a-retry",
    ),
    pytest.param(
        ended("janky", S, attempt=4, tries=(Try(DEVICEMAPPER, "a"), Try(AGENT_LOST, "b"), Try(DEVICEMAPPER, "c"))),
        "janky #981 passed on the 4th try; the 1st and 3rd hit dm-init-rootfs (Docker, 14 times this week), "
        "the 2nd hit agent-channel-closed (agent, node b)",
        id="passed-after-retries",
    ),
    pytest.param(
        ended("lxc", S, change=Change.FIXED, before=Past("FAILURE", "FAILURE", 978, 3, NEWER, was_told=True)),
        "lxc #981 passed (18m) (failed since #978, 3 builds; by 3f2c1ab)",
        id="fixed-by-a-commit",
    ),
    pytest.param(
        ended("lxc", S, change=Change.FIXED, before=Past("FAILURE", "FAILURE", 980, 1, SHA, was_told=True)),
        "lxc #981 passed (18m) (failed since #980; the commit is the same)",
        id="fixed-by-itself",
    ),
    pytest.param(
        ended("lxc", S, change=Change.FIXED, before=Past("FAILURE", "FAILURE", 980, 1, SHA)),
        "lxc #981 passed (18m)",
        id="fixed-what-nobody-was-told",
    ),
]


@pytest.mark.parametrize(("build", "text"), PHRASES)
def test_each_end_is_worded_for_what_it_is(build: Ended, text: str) -> None:
    """F27, J13, J25."""
    assert phrase(build) == text


DM = "known Docker trouble (dm-init-rootfs, 14 times this week)"
DM_QUOTE = f'- "{DEVICEMAPPER.text}" (line 120)'
NEW = "new failure in TestRunVolumes"
NEW_QUOTE = f'- "timed out waiting for container" (line 14233), not seen in 30 days {LOG}'
LINES = [
    pytest.param(
        "moby#1234",
        [ended("janky", F, 5513, DEVICEMAPPER)],
        f"{DM}: moby#1234 at 3f2c1ab: janky #5513 failed after 18m {DM_QUOTE} {LOG}",
        id="known-trouble",
    ),
    pytest.param(
        "moby#1234",
        [ended("windows", F, said=TEST_FAILS)],
        f"{NEW}: moby#1234 at 3f2c1ab: windows #981 failed after 18m {NEW_QUOTE}",
        id="something-new",
    ),
    pytest.param(
        "moby#1234",
        [ended("windows", F)],
        "nobody knows why: moby#1234 at 3f2c1ab: windows #981 failed after 18m "
        "(its log was not read: its log is gone) https://ci/981",
        id="F26-no-log",
    ),
    pytest.param(
        "moby#1234",
        [ended("windows", F, said=replace(TEST_FAILS, partial="it is cut off"))],
        f"{NEW}: moby#1234 at 3f2c1ab: windows #981 failed after 18m "
        f'- "timed out waiting for container" (line 14233), not seen in 30 days '
        f"(from a part of its log: it is cut off) {LOG}",
        id="F25-a-part-of-the-log",
    ),
    pytest.param(
        "moby#1234",
        [ended("janky", F, 5513, DEVICEMAPPER, attempt=3, no_more="it has failed 3 times")],
        f"{DM}: moby#1234 at 3f2c1ab: janky #5513 failed on the 3rd try after 18m {DM_QUOTE}, "
        f"not retried: it has failed 3 times {LOG}",
        id="F44-no-more-retries",
    ),
    pytest.param(
        "moby#1234",
        [
            ended("a", F, 1, DEVICEMAPPER, no_more="it was tried 3 times"),
            ended("b", F, 2, DEVICEMAPPER, no_more="#3 is newer"),
            ended("c", F, 3, DEVICEMAPPER),
        ],
        f"{DM}: moby#1234 at 3f2c1ab: a #1 failed after 18m; b #2 failed after 18m; c #3 failed after 18m {DM_QUOTE}, "
        f"not retried: it was tried 3 times (a), #3 is newer (b) {LOG}",
        id="F44-each-for-a-reason-of-its-own",
    ),
    pytest.param(
        "moby#1234",
        [ended("lxc", F, 7, DEVICEMAPPER), ended("janky", F, 5, DEVICEMAPPER), ended("zfs", S, 3)],
        f"{DM}: moby#1234 at 3f2c1ab: janky #5 failed after 18m; lxc #7 failed after 18m {DM_QUOTE} {LOG}; "
        "zfs #3 passed (18m)",
        id="one-cause-is-told-once",
    ),
    pytest.param(
        "moby#1234",
        [
            ended("janky", S, 5513),
            ended("lxc", Result.ABORTED, 7, duration_s=45),
            ended("experimental", None, 0, note="cancelled in the queue"),
        ],
        "moby#1234 at 3f2c1ab: experimental never left the queue (cancelled in the queue); "
        "lxc #7 was aborted after 45s; janky #5513 passed (18m)",
        id="no-verdict-where-nothing-failed",
    ),
    pytest.param(
        "moby#1234",
        [ended("lxc", S, 1), ended("lxc", Result.ABORTED, 2, sha=NEWER), ended("zfs", S, 3)],
        "moby#1234 at 77aa001: lxc #2 was aborted after 18m; "
        "moby#1234 at 3f2c1ab: lxc #1 passed (18m); zfs #3 passed (18m)",
        id="by-commit",
    ),
    pytest.param("", [ended("base-image", S, 12, sha="")], "base-image #12 passed (18m)", id="a-job"),
    pytest.param("moby#1", [ended("lxc", S, sha="")], "moby#1: lxc #981 passed (18m)", id="no-commit"),
    pytest.param(
        "moby#1",
        [ended("lxc", Result.NOT_BUILT)],
        "moby#1 at 3f2c1ab: lxc #981 was not built https://ci/981",
        id="not-built",
    ),
    pytest.param(
        "moby#1",
        [ended("lxc", Result.ABORTED, said=AGENT_LOST, node="dm-7")],
        "the agent dm-7 was lost: moby#1 at 3f2c1ab: lxc #981 was aborted after 18m https://ci/981",
        id="aborted-by-nobody",
    ),
    pytest.param(
        "moby#1",
        [ended(name, F, said=AGENT_LOST, node=f"dm-{name}") for name in "ab"],
        "its agent was lost: moby#1 at 3f2c1ab: a #981 failed after 18m; b #981 failed after 18m https://ci/981",
        id="agents-of-one-cause",
    ),
    pytest.param(
        "moby#1",
        [ended("lxc", S, change=Change.FIXED, before=Past("FAILURE", "FAILURE", 980, 1, NEWER, was_told=True))],
        "fixed: moby#1 at 3f2c1ab: lxc #981 passed (18m) (failed since #980; by 3f2c1ab)",
        id="fixed",
    ),
]


@pytest.mark.parametrize(("title", "builds", "text"), LINES)
def test_ends_of_one_pull_request_are_one_line(title: str, builds: list[Ended], text: str) -> None:
    assert line(title, builds) == text


LONG = replace(TEST_FAILS, text="x" * 300, failed_tests=("integration/" + "y" * 200,), link=LOG + "0" * 60)


@pytest.mark.parametrize(
    "builds",
    [
        pytest.param([ended("windows", F, said=LONG)], id="one-with-much-to-say"),
        pytest.param(
            [ended("windows", F, said=LONG), *(ended(f"context-{n}", S, n) for n in range(1, 13))],
            id="many-that-passed",
        ),
        pytest.param([ended(f"context-{n}", F, n, LONG) for n in range(1, 13)], id="many-of-one-cause"),
        pytest.param(
            [ended(f"context-{n}", F, n, replace(LONG, fingerprint=str(n))) for n in range(1, 9)], id="many-causes"
        ),
        pytest.param(
            [ended("matrix", F, said=LONG, cells=24, bad_cells=tuple(f"ARCH=arm64,FS={'z' * n}" for n in range(20)))],
            id="many-cells",
        ),
    ],
)
@pytest.mark.parametrize("room", [pytest.param(room, id=str(room)) for room in (300, ROOM_BYTES)])
def test_a_line_that_is_too_long_keeps_its_verdict_its_build_and_a_link(builds: list[Ended], room: int) -> None:
    said = line("moby#1234", builds, room)
    assert len(said.encode()) <= room
    assert said.startswith("new failure in integration/yyy")
    assert f"{min(builds, key=lambda build: (build.result is S, build.name)).name} #" in said
    assert said.count(LONG.link) >= 1


HOSTILE = 'tianon: !cancel moby#1 \x0304,01red\x03 \x02bold\x0f\r\nQUIT :bye\n\u202eevil\u2028 "quoted" \x07'


def test_nothing_of_a_log_acts_on_a_chat() -> None:
    """A26: no control code, no second line, and no nick at the beginning of a line or outside of quotation marks."""
    said = replace(TEST_FAILS, text=HOSTILE, failed_tests=(HOSTILE,), cause=HOSTILE)
    for diagnosis in (said, replace(said, kind=Kind.KNOWN_INFRA), replace(said, kind=Kind.FLAKY_TEST)):
        text = line("moby#1", [ended("lxc", F, said=diagnosis, node=HOSTILE)])
        assert text.isprintable()
        assert not text.startswith("tianon")
        assert '"tianon: !cancel' in text
        assert '"quoted"' not in text


def test_a_line_to_very_many_people_still_has_its_verdict() -> None:
    said = line("moby#1234", [ended("windows", F, said=TEST_FAILS)], room_for(", ".join(["somebody-with-a-nick"] * 30)))
    assert said.startswith(f"{NEW}: moby#1234 at 3f2c1ab: windows #981 failed")
    assert said.endswith(LOG)
    assert room_for("") == ROOM_BYTES


@pytest.mark.parametrize(
    ("results", "news"),
    [
        pytest.param([S, S], Tone.GOOD, id="all-passed"),
        pytest.param([S, F], Tone.BAD, id="one-failed"),
        pytest.param([Result.UNSTABLE, Result.ABORTED], Tone.BAD, id="unstable"),
        pytest.param([S, Result.ABORTED], Tone.PLAIN, id="stopped"),
        pytest.param([None], Tone.PLAIN, id="never-ran"),
    ],
)
def test_news_is_good_or_bad(results: list[Result | None], news: Tone) -> None:
    assert tone([ended("lxc", result) for result in results]) is news


def test_a_job_with_a_blank_in_its_name_is_one_word_of_a_command() -> None:
    told = card("", [ended("el 7", F, 3, TEST_FAILS, job="base image", pull="")], Infra.CARD)
    assert [button.command for button in told.buttons] == [
        'rebuild "base image#3"',
        'log "base image#3"',
        'why "base image#3"',
        'mute "base image" 1h',
    ]


def test_a_card_has_the_quoted_lines_and_what_people_do_about_them() -> None:
    told = card("moby#1234", [ended("windows", F, said=TEST_FAILS, node="win-1")], Infra.CARD)
    assert told.title == f"{NEW}: moby#1234 at 3f2c1ab: windows #981 failed after 18m, not seen in 30 days"
    assert told.quote.splitlines() == [
        "windows 14232: --- FAIL: TestRunVolumes (12.40s)",
        "windows 14233: timed out waiting for container",
    ]
    assert told.fields == {"node": "win-1"}
    assert told.url == LOG
    assert [button.label for button in told.buttons] == ["Rebuild failed", "Show log", "Known flake...", "Mute for 1h"]
    assert told.one_line() == f"{NEW}: moby#1234 at 3f2c1ab: windows #981 failed after 18m {NEW_QUOTE}"


def test_a_card_of_several_causes_has_the_first_as_its_title_and_the_others_with_their_links() -> None:
    of_lxc = ended("lxc", F, 6, replace(TEST_FAILS, link=f"{LOG}6"))
    builds = [ended("janky", F, 5, DEVICEMAPPER), of_lxc, ended("zfs", S)]
    told = card("moby#1234", builds, Infra.CARD)
    assert told.title == f"{DM}: moby#1234 at 3f2c1ab: janky #5 failed after 18m"
    assert told.url == LOG
    assert told.lines == (f"{NEW}: lxc #6 failed after 18m, not seen in 30 days {LOG}6", "zfs #981 passed (18m)")


def long_log(telling: int, first: int = 2, lines: int = 15) -> Diagnosis:
    quoted = ("Running as SYSTEM", *(f"line {number}" for number in range(first + 1, first + lines)))
    return replace(TEST_FAILS, line=telling, first_quoted=first, quoted=quoted)


@pytest.mark.parametrize(
    ("said", "first", "last"),
    [
        pytest.param(long_log(6), 4, 12, id="what-begins-it-is-left-out"),
        pytest.param(long_log(2), 2, 10, id="at-the-beginning"),
        pytest.param(long_log(16), 8, 16, id="at-the-end"),
        pytest.param(replace(long_log(6), line=None), 2, 10, id="nobody-knows-where"),
        pytest.param(long_log(3, lines=4), 2, 5, id="few-lines"),
    ],
)
def test_a_card_quotes_what_is_next_to_the_telling_line(said: Diagnosis, first: int, last: int) -> None:
    told = card("moby#1234", [ended("lxc", F, 6, said)], Infra.CARD)
    assert [int(line.split()[1].rstrip(":")) for line in told.quote.splitlines()] == list(range(first, last + 1))


def test_the_telling_line_of_each_cause_is_among_those_that_are_quoted() -> None:
    builds = [ended(f"b{n}", F, n, replace(long_log(9), fingerprint=f"f{n}")) for n in range(1, 9)]
    quoted = card("moby#1234", builds, Infra.CARD).quote.splitlines()
    assert len(quoted) == 24
    assert all(f"b{n} 9: line 9" in quoted for n in range(1, 9))


@pytest.mark.parametrize(
    ("builds", "brief"),
    [
        pytest.param([ended("janky", F, 5, DEVICEMAPPER)], "dm-init-rootfs: moby#1234 janky #5", id="alone"),
        pytest.param(
            [ended("janky", F, 5, DEVICEMAPPER), ended("zfs", S)],
            "dm-init-rootfs: moby#1234 janky #5; zfs #981 passed (18m)",
            id="others-passed-and-somebody-may-have-asked-for-them",
        ),
        pytest.param([ended("janky", F, 5, DEVICEMAPPER), ended("lxc", F, 6, TEST_FAILS)], "", id="not-alone"),
        pytest.param([ended("zfs", S)], "", id="nothing-failed"),
    ],
)
def test_known_trouble_may_be_told_as_a_mark(builds: list[Ended], brief: str) -> None:
    told = card("moby#1234", builds, Infra.MARK)
    assert (told == Card(brief, tone=Tone.BAD)) is bool(brief)


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        pytest.param(-3, "0s", id="a-clock-that-jumped"),
        pytest.param(45.4, "45s", id="seconds"),
        pytest.param(59.6, "1m", id="rounded-to-a-minute"),
        pytest.param(1109, "18m", id="minutes"),
        pytest.param(3840, "1h 4m", id="hours"),
    ],
)
def test_spans(seconds: float, text: str) -> None:
    assert lasting(seconds) == text


def test_tries_are_numbered_as_people_do() -> None:
    assert [ordinal(number) for number in (1, 2, 3, 4, 11, 12, 21, 102)] == (
        ["1st", "2nd", "3rd", "4th", "11th", "12th", "21st", "102nd"]
    )


def test_what_is_not_read_is_told_as_that() -> None:
    assert "not read" in line("", [ended("lxc", F, said=UNREAD)])


def test_what_a_failure_is_to_be_known_by_is_asked_with_its_line_to_begin_from() -> None:
    said = replace(TEST_FAILS, text="--- FAIL: TestRunVolumes (12.40s)")
    told = card("moby#1234", [ended("windows", F, said=said)], Infra.CARD)
    [form] = [button.form for button in told.buttons if button.form]
    begun = {blank.name: blank.initial for blank in form.blanks if blank.initial}
    assert begun == {"class": "test-failure", "retry": "unknown", "regex": r"--- FAIL: TestRunVolumes \(12\.40s\)"}
    added = r"known add volumes test-failure unknown --- FAIL: TestRunVolumes \(12\.40s\)"
    assert form.filled(begun | {"id": "volumes"}) == added
