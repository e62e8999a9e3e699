"""What stays of a line, and what does not: escapes, console notes, progress, controls, stamps and prefixes (A14)."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.diagnosis.cleaning import CONTROLS
from bot.diagnosis.reading import pages
from bot.diagnosis.stamps import Stamps

NOTE = b"\x1b[8mha:////4HwENKZoPJIhChI5MBMOOSs6GmQQHwhGyMrNlkC2ilPDAAAAlx+LCAAAAAAAAP9b85aBtbiIQTGj\x1b[0m"


def cleaned(log: bytes) -> bytes:
    return b"".join(page.text for page in pages([log]))


@pytest.mark.parametrize(
    ("line", "left"),
    [
        pytest.param(b"Started by user " + NOTE + b"Ada", b"Started by user Ada", id="console-note"),
        pytest.param(NOTE + NOTE + b"[Pipeline] sh", b"[Pipeline] sh", id="two-notes"),
        pytest.param(b"text " + NOTE[:40], b"text ", id="note-that-was-cut"),
        pytest.param(b"by [8mha:////4HwENKZoPJIhChI5MBMOOSs6Gm==[0mAda", b"by Ada", id="note-without-its-escapes"),
        pytest.param(b"see [8mha:x", b"see [8mha:x", id="no-note"),
        pytest.param(b"\x1b[31;1merror\x1b[0m: x\x1b[K", b"error: x", id="colours"),
        pytest.param(b"\x1b[38;2;255;0;0mred\x1b[m", b"red", id="colour-of-24-bits"),
        pytest.param(b"\x1b[38:5:1mred\x1b[4:3m", b"red", id="colour-with-colons"),
        pytest.param(b"\x1b]0;a title\x07text", b"text", id="title"),
        pytest.param(b"\x1b]8;;http://x.example\x1b\\a link\x1b]8;;\x1b\\", b"a link", id="link-A14"),
        pytest.param(b"\x1b]0;no end", b"0;no end", id="title-without-an-end-hides-nothing"),
        pytest.param(b"\x1b_bk;t=1716388000123\x07$ make", b"$ make", id="buildkite-time"),
        pytest.param(b"\x1bP1$r\x1b\\a\x1b(Bb\x1b=c", b"abc", id="other-escapes"),
        pytest.param(b"cut \x1b[3", b"cut ", id="colour-that-was-cut"),
        pytest.param(b"a\x1b\x1b[0mb", b"ab", id="escape-before-an-escape"),
        pytest.param(b"10%\r20%\r100% done", b"100% done", id="progress"),
        pytest.param(b"error: x\r    ", b"error: x    ", id="blanks-overwrite-nothing"),
        pytest.param(b"text\r", b"text", id="windows"),
        pytest.param(b"text\r\r", b"text", id="windows-twice"),
        pytest.param(b"10%\r100%\r", b"100%", id="progress-on-windows"),
        pytest.param(b"10%\x1b[2K\x1b[1Gdone", b"done", id="erased-line"),
        pytest.param(b"wait |\b/\b-\bdone", b"wait done", id="spinner"),
        pytest.param(b"\b\b 1%\b\b\b 9%", b" 9%", id="more-backspaces-than-text"),
        pytest.param(b"a\x00b\x07c\x0bd\x7fe\x01ACTION", b"abcdeACTION", id="single-controls-A14"),
        pytest.param(b"\ta\xff\xfe caf\xc3\xa9 \xe2\x80\xa8", b"\ta\xff\xfe caf\xc3\xa9 \xe2\x80\xa8", id="not-ascii"),
        pytest.param(b"travis_fold:start:git\r\x1b[0Ktravis_time:start:0b0\r\x1b[0K$ git", b"$ git", id="travis"),
        pytest.param(b"travis_fold:end:git\r\x1b[0Ktravis_time:end:1\r\x1b[0K", b"", id="travis-alone"),
        pytest.param(b"section_start:1560896352:run\r\x1b[0KRun", b"Run", id="gitlab-section"),
        pytest.param(b"section_end:1560896352:run\r\x1b[0K", b"", id="gitlab-section-alone"),
    ],
)
def test_a_line_is_what_a_person_would_have_seen(line: bytes, left: bytes) -> None:
    assert cleaned(line) == left
    assert cleaned(b"before\n" + line + b"\nafter\n") == b"before\n" + left + b"\nafter\n"


@pytest.mark.parametrize(
    "stamp",
    [
        pytest.param(b"[2026-08-22T09:15:02.123Z] ", id="pipeline"),
        pytest.param(b"09:15:02 ", id="timestamper"),
        pytest.param(b"09:15:02  ", id="timestamper-two-blanks"),
        pytest.param(b"00:00:01.234  ", id="timestamper-elapsed"),
        pytest.param(b"[09:15:02] ", id="brackets"),
        pytest.param(b"(09:15:02) ", id="bazel"),
        pytest.param(b"2017-11-12 14:27:38.214034 | ", id="zuul"),
        pytest.param(b"2017-11-12 14:27:38.214034 | ubuntu-xenial | ", id="zuul-node"),
        pytest.param(b"2026-08-22T09:15:02.1234567Z ", id="github"),
        pytest.param(b"build\tRun tests\t2026-08-22T09:15:02.1234567Z ", id="gh-run-view"),
        pytest.param(b"2024-05-22T14:43:46.037498Z 00O ", id="gitlab-out"),
        pytest.param(b"2024-05-22T14:43:46.037498Z 01E ", id="gitlab-err"),
        pytest.param(b"2024-05-22T14:43:46.037498Z 00O+", id="gitlab-continued"),
        pytest.param(b"2024-05-22T14:43:46+02:00 ", id="iso-with-offset"),
        pytest.param(b"2024-05-22 14:43:46,037 ", id="python-logging"),
        pytest.param(b"2024-05-22 14:43:46 +0200 ", id="offset-apart"),
        pytest.param(b"2024/05/22 14:43:46 ", id="go-log"),
        pytest.param(b"22.05.2024 14:43:46 ", id="german"),
        pytest.param(b"05/22/2024 02:43:46 PM ", id="american"),
        pytest.param(b"Nov 21 18:32:16 ", id="syslog"),
        pytest.param(b"Nov  1 18:32:16 ", id="syslog-first-days"),
        pytest.param(b"[    0.123456] ", id="kernel"),
        pytest.param(b"[12:04:48]W:\t ", id="teamcity-warning"),
        pytest.param(b"[12:04:48] :\t ", id="teamcity"),
        pytest.param(b"error\t22-May-2024 14:43:46\t", id="bamboo"),
        pytest.param(b"web_1  | ", id="docker-compose"),
        pytest.param(b"my-app-db-12 | ", id="docker-compose-v2"),
        pytest.param(b"2026-08-22T09:15:02.1234567Z 14:43:46 ", id="two-stamps"),
        pytest.param(b"#12 45.678 ", id="buildkit"),
        pytest.param(b"    [javac] ", id="ant"),
        pytest.param(b"   [delete] ", id="ant-longer"),
        pytest.param(b"2026-08-22T09:15:02.1234567Z      [exec] ", id="ant-stamped"),
    ],
)
@pytest.mark.parametrize("rest", [b"error: x", b"[ERROR] x", b"    at f (x.js:1:2)"], ids=["word", "level", "indent"])
def test_what_is_surely_a_stamp_or_a_prefix_is_taken_away(stamp: bytes, rest: bytes) -> None:
    left = cleaned(stamp + rest)
    assert left.strip() == rest.strip()
    assert left[:1] == rest[:1], "a line that was indented still is"


@pytest.mark.parametrize(
    "line",
    [
        pytest.param(b"[ERROR] Failed to execute goal", id="level"),
        pytest.param(b"[INFO] 09:15:02 ready", id="level-before-a-time"),
        pytest.param(b"[Pipeline] // node", id="pipeline-step"),
        pytest.param(b"[workspace] $ /bin/sh -xe /tmp/x.sh", id="freestyle-step"),
        pytest.param(b"[EnvInject] - Loading node environment variables.", id="plug-in"),
        pytest.param(b"[gw0] [ 50%] FAILED tests/test_x.py", id="xdist"),
        pytest.param(b"    [error] src/Main.scala:3: not found", id="level-in-ant's-columns"),
        pytest.param(b"  [javac] not in twelve columns", id="other-columns-than-ant's"),
        pytest.param(b"#12 ERROR: process did not complete", id="buildkit-without-seconds"),
        pytest.param(b"#12 [2/5] RUN make", id="buildkit-step"),
        pytest.param(b"12:44: error: expected", id="line-and-column"),
        pytest.param(b"12:44:03: error: expected", id="line-column-and-more"),
        pytest.param(b"09:15:02foo", id="no-blank-after"),
        pytest.param(b"2024-05-22 is a date", id="date-alone"),
        pytest.param(b"E0522 14:43:46.037498   12345 file.go:123] x", id="klog-holds-a-level"),
        pytest.param(b'time="2024-05-22T14:43:46Z" level=error msg="x"', id="logrus-holds-a-level"),
        pytest.param(b"   12 | int x = y;", id="gcc-quotes-a-line"),
        pytest.param(b"12 | int x = y;", id="gcc-without-blanks"),
        pytest.param(b"| 09:15:02 | x |", id="table"),
        pytest.param(b"FAILED | 3", id="table-of-a-tool"),
        pytest.param(b"1 passing (2s)", id="count"),
        pytest.param(b"100.123456 seconds", id="number"),
    ],
)
def test_what_may_be_the_message_stays(line: bytes) -> None:
    assert cleaned(line) == line


def test_branches_are_prefixes_from_where_a_pipeline_opens_them() -> None:
    log = (
        b"[linux] before\n[Pipeline] parallel\n[Pipeline] [linux] { (Branch: linux)\n[Pipeline] { (Branch: mac os)\n"
        b"[linux] + make\n[mac os] [ERROR] x\n[windows] y\n"
    )
    stamped = b"".join(b"[2026-08-22T09:15:02.123Z] " + line for line in log.splitlines(keepends=True))
    for given_log in (log, stamped):
        assert cleaned(given_log).endswith(b"\n+ make\n[ERROR] x\n[windows] y\n")


@pytest.mark.parametrize("is_thorough", [True, False], ids=["each-line", "by-sample"])
@pytest.mark.parametrize(
    "stamps",
    [
        pytest.param((b"2026-08-22T09:15:02.123Z ", b"2027-09-23T19:25:32.4Z "), id="fraction-drops-its-zeros"),
        pytest.param((b"Nov 21 18:32:16 ", b"Dec 11 08:02:06 "), id="months"),
        pytest.param((b"[09:15:02] ", b"[23:59:59] "), id="brackets"),
        pytest.param((b"web_1  | ", b"web_1  | "), id="prefix"),
    ],
)
def test_stamps_far_from_the_start_go_too(stamps: tuple[bytes, bytes], *, is_thorough: bool) -> None:
    text = b"".join(stamps[n % 2] + b"line %d\n" % n for n in range(200))
    left = b"".join(b"line %d\n" % n for n in range(200))
    assert Stamps().without(text, is_thorough=is_thorough) == left


def test_a_sample_without_stamps_costs_no_look_at_each_line() -> None:
    text = b"a line\n" * 1000
    assert Stamps().without(text, is_thorough=False) is text


@given(
    st.lists(
        st.sampled_from(
            b"\x1b|\x1b[|\x1b]|8mha:|AAAA|[2K|0m|\x07|\\|\r|\n|\r\n|\b|\0|\x7f|\t|09:15:02 |text |[Pipeline] [x] {|[x] "
            b"|travis_fold:a".split(b"|")
        ),
        max_size=60,
    )
)
def test_whatever_stands_there_no_control_stays_and_no_line_goes(pieces: list[bytes]) -> None:
    log = b"".join(pieces)
    left = cleaned(log)
    assert left.count(b"\n") == log.count(b"\n")
    assert left.translate(None, CONTROLS) == left


@given(st.binary(max_size=300))
def test_binary_loses_no_line_either(log: bytes) -> None:
    left = cleaned(log)
    assert left.count(b"\n") == log.count(b"\n")
    assert left.translate(None, CONTROLS) == left
