"""Which lines of a commit message are trailers: as git itself says, and as its manual has it."""

import os
import random
import re
import subprocess
from collections.abc import Iterator, Sequence
from itertools import product
from pathlib import Path

import pytest

from plugins.dco.trailers import MAX_LINES, SCISSORS, trailers

ENVIRONMENT = {"PATH": os.environ["PATH"], "GIT_CONFIG_NOSYSTEM": "1", "GIT_CONFIG_GLOBAL": os.devnull}
LINES = (
    "Signed-off-by: A B <a@b>",
    "signed-off-by: a <a@b>",
    "SIGNED-OFF-BY : A <a@b>",
    "Signed-off-by: A <a@b>\r",
    "Signed-off-by:",
    "> Signed-off-by: Q <q@q>",
    "    Signed-off-by: Q <q@q>",
    "(cherry picked from commit 1234)",
    "Acked-by : C",
    "Key:  ",
    "K\t : v",
    "-: a",
    "a:b",
    ":x",
    "Docker-DCO-1.1-Signed-off-by: X <x@y>",
    "words without a meaning",
    "Ünï: x",
    "see https://example.org",
    "",
    "",
    "",
    " ",
    "\t",
    "\r",
    "\x0c",
    "x\x0by: z",
    " folded",
    "\tfolded \t",
    "# comment",
    "#",
    " # no comment",
    "Conflicts:",
    "\tdaemon/volumes.go",
    "---",
    "--- a/file",
    SCISSORS.strip(),
)


def said(message: str) -> str:
    return "".join(f"{key}: {value}\n" for key, value in trailers(message))


def messages(seed: int, count: int) -> Iterator[str]:
    chance = random.Random(seed)
    for _ in range(count):
        lines = [chance.choice(LINES) for _ in range(chance.randrange(12))]
        yield "\n".join(lines) + chance.choice(("", "\n", "\n\n"))


def test_git_interprets_the_trailers_of_any_message_alike(tmp_path: Path) -> None:
    wrong = []
    for number, message in enumerate(messages(1, 250)):
        path = tmp_path / str(number)
        path.write_bytes(message.encode())
        command = ["git", "interpret-trailers", "--parse", "--no-divider", str(path)]
        told = subprocess.run(command, env=ENVIRONMENT, capture_output=True, check=True).stdout.decode()
        wrong += [(message, told)] if told != said(message) else []
    assert wrong == []


def test_git_shows_the_trailers_of_any_commit_alike(tmp_path: Path) -> None:
    """Thousands in two calls; leading blank lines no commit has, and git passes over them there."""

    def git(*words: str, given: bytes = b"") -> bytes:
        command = ["git", "-C", str(tmp_path), *words]
        return subprocess.run(command, env=ENVIRONMENT, input=given, capture_output=True, check=True).stdout

    made = [f"Title\n{message}" for message in messages(2, 4000)]
    stream = b""
    for message in made:
        raw = message.encode()
        stream += b"commit refs/heads/a\ncommitter A <a@b> 1 +0000\ndata %d\n%s\n" % (len(raw), raw)
    git("init", "-q")
    git("fast-import", "--quiet", given=stream)
    shown = git("log", "-z", "--reverse", "--format=%(trailers:only=true,unfold=true)", "a").decode().split("\0")
    assert len(shown) - 1 == len(made)
    assert sum(bool(told) for told in shown) > 400, "most have none, and these prove little"
    assert [(message, told) for message, told in zip(made, shown, strict=False) if told != said(message)] == []


KINDS = {"T": "Acked-by: A", "G": "Signed-off-by: A <a@b>", "F": " more", "N": "words", "C": "#", "E": "", "B": " "}


def by_the_manual(kinds: str) -> str:
    """Say which of some lines are trailers, by git-interpret-trailers(1): the kinds of the block's lines.

    The end of the words is before the comments and empty lines that stand last; a group follows a blank line; what is
    folded belongs to the trailer before it, and is no trailer otherwise.
    """
    tail = re.search("[CE]*$", kinds)
    assert tail
    words = kinds[: tail.start() or len(kinds)]
    found = re.fullmatch("(.*[EB])([^EB]*[TGFN].*)", words)
    if not found:
        return ""
    group = re.sub("(?<=[TG])F+", "", found[2])
    good, bad = len(re.findall("[TG]", group)), len(re.findall("[NF]", group))
    is_block = 3 * good >= bad if "G" in group else good and not bad
    return re.sub("[^TG]", "", found[2]) if is_block else ""


def test_all_short_messages_have_the_trailers_that_the_manual_says() -> None:
    names = {"Acked-by": "T", "Signed-off-by": "G"}
    wrong = []
    for length in range(6):
        for kinds in map("".join, product(KINDS, repeat=length)):
            found = "".join(names[key] for key, _ in trailers("\n".join(KINDS[kind] for kind in kinds) + "\n"))
            wrong += [(kinds, found)] if found != by_the_manual(kinds) else []
    assert wrong == []


@pytest.mark.parametrize(
    ("message", "also", "found"),
    [
        pytest.param("T\n\nOld-1.1-by: A\n", (), [], id="no-key-for-git"),
        pytest.param("T\n\nOld-1.1-by: A\n", ("Old-1.1-by",), [("Old-1.1-by", "A")], id="a-key-of-ours"),
        pytest.param("T\n\nwords\nOld-1.1-by: A\n", ("Old-1.1-by",), [("Old-1.1-by", "A")], id="as-if-of-git"),
        pytest.param("T\n\nA: 1\n\0\n\nB: 2\n", (), [("A", "1")], id="up-to-a-zero"),
        pytest.param("", (), [], id="nothing"),
        pytest.param("T\n\n" + "A: 1\n" * MAX_LINES, (), [], id="too-long-a-block"),
    ],
)
def test_what_else_is_a_trailer(message: str, also: Sequence[str], found: Sequence[tuple[str, str]]) -> None:
    assert trailers(message, also) == found
