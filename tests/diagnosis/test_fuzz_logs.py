"""Logs put together at random: there is always a verdict, it is about the log, and nothing bad comes out of it."""

import random
import re
import string
from collections.abc import Iterator
from itertools import pairwise

import pytest

from bot.diagnosis.catalogue import SHIPPED, Catalogue, load_catalogue
from bot.diagnosis.judge import diagnose
from bot.diagnosis.redaction import Redaction
from bot.diagnosis.show import Told, as_json, plain, rows
from bot.diagnosis.verdict import Verdict

LOGS, PARTS = 5_000, 10
SOAK_LOGS = 200_000
WORDS = string.ascii_letters + string.digits
INVISIBLE = re.compile(
    rb"\x1b\][^\x07\x1b\n]*(?:\x07|\x1b\\)?|\x1b\[8mha:[A-Za-z0-9+/=]*\x1b\[0m|\x1b\[[0-?]*[ -/]*[@-~]|[^\x20-\x7e\n]"
)

# Shapes of lines as Jenkins, Travis and tools write them.
LINES = [
    b"Started by user tianon",
    b"[Pipeline] { (Build)",
    b"+ docker build -t app .",
    b"travis_fold:start:script\r\x1b[0K",
    b'\x1b[31;1mThe command "make" exited with 2.\x1b[0m',
    b"2024-05-06T07:08:09.123Z ##[error]Process completed with exit code 1.",
    b"[2026-08-22T09:15:02.123Z] fatal: unable to access 'https://github.com/x/y/': Could not resolve host: github.com",
    b"Error getting container init rootfs 8d3c5a0b1f2e from driver devicemapper: Error mounting",
    b"src/main.c:12:5: error: 'x' undeclared (first use in this function)",
    b"make[2]: *** [Makefile:7: all] Error 2",
    b"--- FAIL: TestPull (0.18s)",
    b"    pull_test.go:67: expected 1, got 2",
    b"FAILED tests/test_a.py::test_b[1-2] - AssertionError: assert 1 == 2",
    b"E       AssertionError: assert 1 == 2",
    b"Traceback (most recent call last):",
    b'  File "a.py", line 3, in <module>',
    b"ValueError: \xff\xfe not text",
    b"Tests run: 4, Failures: 1, Errors: 0, Skipped: 0 <<< FAILURE!",
    b"java.lang.OutOfMemoryError: Java heap space",
    b"\tat org.example.Main.main(Main.java:7)",
    b"npm ERR! code ECONNRESET",
    b"not ok 3 - parses",
    b"Killed",
    b"0 errors, 3 warnings",
    b"ERROR: Step 'Publish JUnit' failed: No test report files were found.",
    b"\x1b[8mha:AAAAWB+LCAAAAAAAAP9b85aBtbiIQTGjNKU4P08vOT+vOD8nVc+jsiC1KCczL9svvyTVzHb1RJY5cowMDBWFAJ5e5yhNAAAA\x1b[0mnote",
    "\u202eevil \u2028 \u200bline ✗ naïve".encode(),
    b"\x1b]8;;https://evil.example\x07link\x1b]8;;\x07 error: \x07\x08\x00\x9b31m",
    b"Finished: FAILURE",
    b"Finished: SUCCESS",
    b"Finished: ABORTED",
    b"",
]


# Most logs are held against a part of the catalogue: where there is RE2 only, all of it takes five times as long.
SOME = ("ci_jenkins", "compilers", "shells", "tests_go", "tests_python", "tracebacks")


@pytest.fixture(scope="module")
def catalogue() -> Catalogue:
    return load_catalogue()


@pytest.fixture(scope="module")
def small_catalogue() -> Catalogue:
    return load_catalogue([SHIPPED / f"{name}.toml" for name in SOME], shipped=False)


def secret_lines(chance: random.Random, canary: str) -> bytes:
    """Write a secret as logs have it: plain, coloured, or wrapped."""
    where = chance.choice(
        [
            "fatal: Authentication failed for 'https://bob:{}@github.com/x'",
            "error: login with ghp_{} failed",
            "docker login -u bob -p {} registry.example",
            "E   Error: password={} is wrong",
            "npm ERR! //registry.npmjs.xxx/:_authToken=npm_{}",
            "--- FAIL: TestLogin/token=ghp_{} (0.1s)",
            "Authorization: Bearer {}",
        ]
    )
    before, after = where.split("{}")
    at = chance.randrange(1, len(canary))
    split = chance.choice(["", "", "\x1b[0m\x1b[1m", "\u200b", "\n"])
    if split == "\n" and not any(letter.isdigit() for letter in canary[at:]):
        split = ""  # letters alone that begin a line read as a word, and stay
    return f"{before}{canary[:at]}{split}{canary[at:]}{after}".encode()


def a_log(chance: random.Random, canary: str) -> bytes:
    pieces = [chance.choice(LINES) for _ in range(chance.randrange(0, 14))]
    if chance.random() < 0.6:
        pieces.insert(chance.randrange(len(pieces) + 1), secret_lines(chance, canary))
    kind = chance.random()
    if kind < 0.05:
        pieces.append(chance.randbytes(chance.randrange(400)))
    elif kind < 0.08:
        pieces.append(b"".join(chance.choices(LINES, k=40)) * chance.randrange(1, 8))  # a giant line
    elif kind < 0.12:
        pieces.append(b"\r".join(b"%d%% of error: x" % percent for percent in range(0, 100, 7)))
    log = chance.choice([b"\n", b"\n", b"\n", b"\r\n"]).join(pieces) + chance.choice([b"\n", b"", b"\n\n"])
    if kind > 0.9 and log:
        log = log[: chance.randrange(len(log))]
    return log


def chunks(log: bytes, chance: random.Random) -> Iterator[bytes]:
    cuts = sorted(chance.randrange(len(log) + 1) for _ in range(chance.randrange(4)))
    for start, end in pairwise([0, *cuts, len(log)]):
        yield log[start:end]


def must_be_valid(verdict: Verdict, log: bytes) -> None:
    assert verdict.retry in (True, False, None)
    assert 0 <= verdict.confidence <= 1
    assert re.fullmatch(r"[0-9a-f]{16}|", verdict.fingerprint)
    assert verdict.lines == log.count(b"\n") + (not log.endswith(b"\n") and bool(log))
    if verdict.line is None or verdict.chunk is None:
        assert (verdict.line, verdict.chunk, verdict.text, verdict.quoted) == (None, None, "", ())
        return
    first, last = verdict.chunk
    assert 1 <= first <= verdict.line <= last <= verdict.lines
    assert len(verdict.quoted) == last - first + 1 <= 15
    raw = log.split(b"\n")
    for number, text in {(verdict.line, verdict.text), *enumerate(verdict.quoted, first)}:
        words = re.findall(r"[A-Za-z0-9]+", text.replace("[secret]", " "))
        assert [word for word in words if not stands_in(word.encode(), raw[number - 1])] == []


def stands_in(word: bytes, line: bytes) -> bool:
    """Tell whether a word is in a line: as it is, without what nobody sees, or around what was taken out."""
    if word in line:
        return True
    seen = INVISIBLE.sub(b"", line) + b" " + line
    return word in seen or any(word[:at] in seen and word[at:] in seen for at in range(1, len(word)))


def must_be_clean(said: str, canary: str) -> None:
    assert said.isprintable()
    assert [piece for start in range(0, len(canary) - 8) if (piece := canary[start : start + 8]) in said] == []


def try_logs(seed: int, count: int, catalogue: Catalogue) -> None:
    redaction = Redaction()
    for number in range(seed * count, (seed + 1) * count):
        chance = random.Random(number)
        canary = "".join(chance.choices(WORDS, k=36))
        log = a_log(chance, canary)
        try:
            verdict = redaction.clean_verdict(diagnose(chunks(log, chance), catalogue))
            must_be_valid(verdict, log)
            told = Told("a.log", verdict)
            for said in (as_json(told).decode(), *map(plain, rows(told))):
                must_be_clean(said, canary)
        except Exception as error:
            error.add_note(f"log {number}: {log[-2000:]!r}")
            raise


@pytest.mark.parametrize("part", range(PARTS))
def test_any_log_has_a_verdict_that_is_about_it_and_clean(part: int, small_catalogue: Catalogue) -> None:
    """F25, F26, A13, A14, A26."""
    try_logs(part, LOGS // PARTS, small_catalogue)


def test_any_log_has_such_a_verdict_by_the_whole_catalogue(catalogue: Catalogue) -> None:
    """F26, A26."""
    try_logs(LOGS, 200, catalogue)


@pytest.mark.soak
@pytest.mark.timeout(3600)
def test_two_hundred_thousand_logs(catalogue: Catalogue) -> None:
    """F26, A26."""
    try_logs(1, SOAK_LOGS, catalogue)


def test_what_is_wrong_is_noticed(catalogue: Catalogue) -> None:
    log = b"x\nmain.c:1:1: error: y\nFinished: FAILURE\n"
    verdict = diagnose([log], catalogue)
    must_be_valid(verdict, log)
    for other in (b"no such line\n", log.replace(b"error: y", b"error: z"), b"\n" + log):
        with pytest.raises(AssertionError):
            must_be_valid(verdict, other)
    for said in ("a canary-word here", "a\x1bb", "a\u202eb"):
        with pytest.raises(AssertionError):
            must_be_clean(said, "canary-word")
