"""The same failure has one fingerprint wherever and whenever it comes; others have others."""

import pytest

from bot.diagnosis.fingerprint import LENGTH, fingerprint, normalised
from bot.diagnosis.verdict import FailureClass

SAME = [
    pytest.param(
        "/var/lib/jenkins/workspace/unit@2/src/main.c:12:5: error: unknown type name 'u32'",
        "/home/ci/build/7/src/main.c:14:9: error: unknown type name 'u32'",
        id="folder-and-line",
    ),
    pytest.param(
        r"C:\Jenkins\workspace\a\src\main.c(12): error C2065: 'x'",
        r"D:\ci\b\main.c(19): error C2065: 'x'",
        id="windows-folder",
    ),
    pytest.param(
        "fatal: unable to access 'https://github.com/vim/vim/': Empty reply from server",
        "fatal: unable to access 'https://github.com/moby/moby/': Empty reply from server",
        id="url",
    ),
    pytest.param(
        "ssh_dispatch_run_fatal: Connection to 192.30.253.113 port 22: Connection timed out",
        "ssh_dispatch_run_fatal: Connection to 140.82.121.4 port 22: Connection timed out",
        id="address",
    ),
    pytest.param(
        "dial tcp [2606:50c0:8000::154]:443: i/o timeout", "dial tcp [2a04:4e42::223]:443: i/o timeout", id="ipv6"
    ),
    pytest.param(
        "--- FAIL: TestFork (0.18s)",
        "--- FAIL: TestFork (12.4s)",
        id="duration",
    ),
    pytest.param(
        "Error response from daemon: driver devicemapper failed to remove container 8f2b3c9d1e",
        "Error response from daemon: driver devicemapper failed to remove container 01d4e7ffab",
        id="container-id",
    ),
    pytest.param(
        "error: pathspec '3f786850e387550fdab836ed7e6dc881de23001b' did not match",
        "error: pathspec '89e6c98d92887913cadf06b2adb97f26cde4849b' did not match",
        id="commit",
    ),
    pytest.param(
        "job 6fa459ea-ee8a-3ca4-894e-db77e160355e was lost at 2026-08-22T09:15:02.123Z",
        "job 16fd2706-8baf-433b-82eb-8c7fada847da was lost at 2025-01-01 23:59:59",
        id="uuid-and-time",
    ),
    pytest.param(
        "[BUG] Segmentation fault at 0x0000000000012b", "[BUG] Segmentation fault at 0x00007f3a21", id="pointer"
    ),
    pytest.param(
        "/tmp/jenkins2599340308884228267.sh: line 4: 11039 Killed   npm install",
        "/tmp/jenkins77.sh: line 4: 8 Killed                  npm install",
        id="process-id-and-blanks",
    ),
]

DIFFERENT = [
    pytest.param("main.c:1: error: unknown type name 'u32'", "main.c:1: error: unknown type name 'u64_t'", id="name"),
    pytest.param("src/main.c:1: error: x", "src/other.c:1: error: x", id="file"),
    pytest.param("--- FAIL: TestFork (0.18s)", "--- FAIL: TestJoin (0.18s)", id="test"),
    pytest.param("a.py:1:2: E305 expected blank lines", "a.py:1:2: F821 expected blank lines", id="rule-of-a-linter"),
    pytest.param("Connection timed out", "Connection refused", id="reason"),
]


def told(text: str) -> str:
    return fingerprint(FailureClass.UNKNOWN, text.encode())


@pytest.mark.parametrize(("here", "there"), SAME)
def test_a_failure_is_the_same_elsewhere(here: str, there: str) -> None:
    assert told(here) == told(there), (normalised(here.encode()), normalised(there.encode()))


@pytest.mark.parametrize(("one", "other"), DIFFERENT)
def test_another_failure_is_another(one: str, other: str) -> None:
    assert told(one) != told(other)


def test_all_those_failures_are_told_apart() -> None:
    ways = [row.values[0] for row in SAME]
    assert len({told(str(text)) for text in ways}) == len(ways)


def test_class_and_test_are_part_of_a_failure() -> None:
    line = b"AssertionError: 1 != 2"
    digests = {
        fingerprint(FailureClass.TEST_FAILURE, line, "test_a"),
        fingerprint(FailureClass.TEST_FAILURE, line, "test_b"),
        fingerprint(FailureClass.TEST_FLAKE, line, "test_a"),
    }
    assert len(digests) == 3
    assert all(len(digest) == LENGTH for digest in digests)
