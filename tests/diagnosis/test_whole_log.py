"""A whole log loses its secrets as its quoted lines do, and takes little time where there are none."""

from collections.abc import Sequence

import pytest

from bot.diagnosis.redaction import Redaction
from bot.diagnosis.whole_log import MAX_LINE_BYTES, MAX_LINE_CHARS, WINDOW, LongRedaction, TooSlow
from bot.secret import CUT
from tests.diagnosis.test_redaction import JWT, KEY_BODY, RANDOM, SECRETS
from tests.world.canaries import Canary, canaries

REDACTION = Redaction()
LONG = LongRedaction(REDACTION)
PLAIN = "ok  github.com/docker/docker/daemon/networkdriver/portallocator 0.035s"
TEXTS = ["".join(param.values) for param in SECRETS]  # type: ignore[attr-defined]


def cleaned(lines: Sequence[str]) -> list[str]:
    return list(LONG.clean(["".join(f"{line}\n" for line in lines).encode()]))


@pytest.mark.parametrize("canary", canaries(), ids=lambda one: one.name)
def test_a_secret_amid_a_log_is_cut(canary: Canary) -> None:
    """(A26)"""
    written = canary.written.split("\n")
    for above in (0, WINDOW - 1):  # where windows begin and end
        lines = [PLAIN] * above + written + [PLAIN] * 3
        kept = cleaned(lines)
        assert len(kept) == len(lines)
        text = "\n".join(kept).encode()
        assert [piece for piece in canary.forbidden if piece in text or piece in text.replace(b"\n", b"")] == []


def test_of_two_hundred_secrets_in_one_log_none_is_left() -> None:
    """(A26, G13)"""
    planted = [one for _ in range(4) for one in canaries()]
    text = "\n".join(cleaned([line for one in planted for line in (PLAIN, *one.written.split("\n"), PLAIN)])).encode()
    assert [one.name for one in planted if any(piece in text for piece in one.forbidden)] == []
    assert len(planted) == 200


@pytest.mark.parametrize("text", TEXTS)
def test_what_would_be_cut_raises_suspicion_however_it_is_wrapped(text: str) -> None:
    """(A26)"""
    for at in range(len(text) + 1):
        lines = [PLAIN, text[:at], text[at:], PLAIN]
        if any(CUT in line for line in REDACTION.clean(lines)):
            assert LONG.is_suspect(lines), lines


def test_a_private_key_and_a_token_over_many_lines_are_cut() -> None:
    """(A26)"""
    key = ["-----BEGIN RSA PRIVATE KEY-----", *[KEY_BODY[0]] * 30, KEY_BODY[1], "-----END RSA PRIVATE KEY-----"]
    for above in (WINDOW - 20, WINDOW - 2):
        kept = "\n".join(cleaned([*[PLAIN] * above, *key, *[PLAIN] * WINDOW, JWT[:30], JWT[30:]]))
        assert KEY_BODY[0] not in kept
        assert KEY_BODY[1] not in kept
        assert JWT[40:] not in kept


def test_expressions_of_a_site_and_addresses_are_looked_for_too() -> None:
    long = LongRedaction(Redaction((r"ACME-(?P<secret>\d+)",), emails=True))
    lines = [f"{line}\n".encode() for line in [PLAIN] * WINDOW + ["id ACME-12345", "by bob@example.org"]]
    assert list(long.clean(lines))[-2:] == ["id ACME-[secret]", "by [secret]"]


def test_a_log_without_secrets_is_not_looked_at_closely() -> None:
    """Closely it takes a second for a megabyte."""
    lines = [
        PLAIN,
        'time="2015-03-01T10:00:00Z" level=info msg="+job containers()"',
        " ---> 4986bf8c1536",
        "Step 12 : RUN git clone https://github.com/docker/docker.git /go/src/github.com/docker/docker",
        "--- PASS: TestRunDetach (0.00s)",
        "PASS: docker_cli_build_test.go:1234: DockerSuite.TestBuildAddMultipleFilesToFile",
        "HEAD is now at 78584b64d88c0567c46e3cf7bae42aa73927df40",
    ]
    assert not LONG.is_suspect(lines * 40)
    assert cleaned(lines * 100) == lines * 100


def test_a_long_line_is_cut_and_what_its_end_tears_is_no_secret() -> None:
    """(F26, A26)"""
    filler = "word " * ((MAX_LINE_CHARS - 10) // 5)
    kept = cleaned([f'{filler}password="{RANDOM} {RANDOM}" {"x" * 3 * MAX_LINE_BYTES}', "after"])
    assert kept[1] == "after"
    assert len(kept[0]) <= MAX_LINE_CHARS + 3
    assert RANDOM[:6] not in kept[0]


@pytest.mark.parametrize("size", [1, 7, 300_000])
def test_however_a_log_comes_its_lines_are_those_that_it_has(size: int) -> None:
    """(F25)"""
    log = b"one\n\n\x1b[8mha:AAAA\x1b[0mtwo\r\nthree " + b"x" * (MAX_LINE_BYTES + 5) + b"\nlast"
    kept = list(LONG.clean(log[at : at + size] for at in range(0, len(log), size)))
    assert [line[:6] for line in kept] == ["one", "", "two", "three ", "last"]


def test_a_log_made_of_secrets_holds_up_the_others_no_longer_than_it_may() -> None:
    """64 MB of such lines took 8 minutes, in which no other log was kept."""
    lines = LongRedaction(REDACTION, within_s=0.01).clean([b"password=hunter2 secret=abcDEF123\n" * 100_000])
    with pytest.raises(TooSlow, match=r"more than 0\.01 s"):
        list(lines)
