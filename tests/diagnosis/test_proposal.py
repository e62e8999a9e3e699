"""An expression made of lines: what stays, what is opened, when there is none, and that it knows lines it never saw."""

import random
import time
from collections.abc import Callable, Sequence

import pytest

from bot.diagnosis.expressions import look
from bot.diagnosis.proposal import MAX_REGEX_CHARS, propose
from bot.diagnosis.signs import Scope

HEX = "0123456789abcdef"


def hashed(dice: random.Random, length: int = 12) -> str:
    return "4f" + "".join(dice.choice(HEX) for _ in range(length - 2))


def several(line: Callable[[int], str], count: int = 30) -> list[str]:
    return [line(number) for number in range(count)]


@pytest.mark.parametrize(
    ("lines", "regex"),
    [
        pytest.param(["shelf 17 of aisle 3 is on fire"], r"shelf \d+ of aisle \d+ is on fire", id="one-line"),
        pytest.param(
            several(lambda n: f"cannot mount 4f{n:010x}: device busy"),
            r"cannot mount [0-9a-f]+: device busy",
            id="hash",
        ),
        pytest.param(
            several(lambda n: f"fetch of https://h{n}.example.xxx/a?b={n} was cut short"),
            r"fetch of \S+ was cut short",
            id="address",
        ),
        pytest.param(
            several(lambda n: f"lock /var/run/{n}/x/lock held by somebody else"),
            r"lock \S*[\\/]lock held by somebody else",
            id="folder",
        ),
        pytest.param(
            several(lambda n: f"volume {'abcdefgh'[n % 8]}{'xy'[n % 2]} vanished below us"),
            r"volume \w+ vanished below",
            id="word",
        ),
        pytest.param(
            several(lambda n: f"waited {'long ' * (n % 3)}for the daemon to answer"),
            r"waited.* for the daemon to answer",
            id="more-words-or-fewer",
        ),
        pytest.param(
            several(lambda n: f"helper {n} died: exit status 137"),
            r"helper \d+ died: exit status 137",
            id="same-number",
        ),
        pytest.param(
            ["helper 1 died: exit status 137", "helper 2 died: exit status 137"],
            r"helper \d+ died: exit status",
            id="too-few-to-tell-that-a-number-is-the-same",
        ),
        pytest.param(
            several(lambda n: f"[step {n}] a+b (c|d) $x ^y {{z}} \\w is *odd* today? yes"),
            r"step \d+\] a\+b \(c\|d\) \$x \^y \{z\} \\w is \*odd\* today\? yes",
            id="what-means-something-to-expressions",
        ),
        pytest.param(
            ["login as [secret] was refused by peer"], r"login as \S+ was refused by peer", id="A26-a-secret-is-cut-out"
        ),
        pytest.param(["gave\tup    waiting for Größe 7 today"], r"gave\s+up\s+waiting for Größe \d+ today", id="tab"),
        pytest.param(
            [*several(lambda n: f"no route to the host {n} yet"), "all went well in the end"],
            r"route to the host \d+ yet",
            id="a-stray-line",
        ),
    ],
)
def test_what_lines_have_in_common(lines: Sequence[str], regex: str) -> None:
    made = propose(lines)
    assert made.regex == regex, made
    assert made.knows >= 0.9 * made.of


@pytest.mark.parametrize(
    ("lines", "why"),
    [
        pytest.param([""], "too few words", id="nothing"),
        pytest.param(["error 17"], "too few words", id="one-word"),
        pytest.param(["17:01:02 4f00aa11bb22 = 10.0.0.1"], "too few words", id="nothing-but-what-differs"),
        pytest.param(["a b c d e f"], "too few words", id="letters"),
        pytest.param(["x" * 900], "too few words", id="one-endless-word"),
        pytest.param(["the disk is full", "no such file there", "tests have failed again"], "", id="nothing-in-common"),
    ],
)
def test_where_there_is_none(lines: Sequence[str], why: str) -> None:
    made = propose(lines)
    assert made.regex == ""
    assert why in made.why_not
    assert made.why_not


def test_it_fits_into_a_line_that_somebody_types() -> None:
    made = propose([" ".join(f"word{number}able" for number in range(90))])
    assert 100 < len(made.regex) <= MAX_REGEX_CHARS
    assert made.knows == 1


FILLER = "daemon pool thin mount overlay socket archive layer bundle worker lease quorum shard beacon anchor".split()  # noqa: SIM905
VARYING: Sequence[Callable[[random.Random], str]] = (
    lambda dice: str(dice.randrange(10_000)),
    hashed,
    lambda dice: f"10.{dice.randrange(256)}.{dice.randrange(256)}.7",
    lambda dice: f"/var/lib/{hashed(dice)}/{dice.choice(FILLER)}/rootfs",
    lambda dice: f"{dice.randrange(10, 24)}:{dice.randrange(10, 60)}:07",
    lambda dice: f"https://{dice.choice(FILLER)}.example.xxx/{dice.randrange(999)}",
    lambda dice: dice.choice(FILLER),
)


def failure(dice: random.Random) -> Callable[[], str]:
    """Make up a failure: words that stay, and between them what differs each time."""
    parts: list[str | Callable[[random.Random], str]] = []
    for _ in range(dice.randint(5, 9)):
        parts.append("".join(dice.choice("abcdefghijklmnoprstuvw") for _ in range(dice.randint(4, 9))))
        if dice.random() < 0.4:
            parts.append(dice.choice(VARYING))
    return lambda: " ".join(part if isinstance(part, str) else part(dice) for part in parts)


@pytest.mark.parametrize("seed", range(40))
def test_it_knows_failures_that_it_never_saw_and_no_green_log(seed: int) -> None:
    """Features 3.3: at least nine tenths of the other half, and less than one in a hundred green logs."""
    dice = random.Random(seed)
    say, others = failure(dice), [failure(dice) for _ in range(20)]
    seen, unseen = [say() for _ in range(20)], [say() for _ in range(200)]
    made = propose(seen)
    assert made.regex, made
    compiled = look(made.regex, Scope.WRAPPED)
    assert sum(bool(compiled.search(line.encode())) for line in unseen) >= 0.9 * len(unseen), made
    greens = ["\n".join(dice.choice(others)() for _ in range(40)).encode() for _ in range(200)]
    assert sum(bool(compiled.search(log)) for log in greens) < 0.01 * len(greens), made


def test_a_crafted_line_takes_no_longer() -> None:
    """A27: lines that would be long to hold against each other."""
    lines = [f"{'a1' * 500} {'/x' * 400} {n} {'- ' * 300}" for n in range(300)]
    began_s = time.process_time()
    propose(lines)
    assert time.process_time() - began_s < 5
