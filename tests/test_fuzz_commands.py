"""Fuzz of command text (G4): whatever is typed is understood or refused, quickly, in one line, by a Gordon that lives.

`GORDON_FUZZ` tells how many inputs (5,000; the soak takes 200,000), `GORDON_SEED` which.
"""

import os
import random
import time
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bot.commands import MAX_TEXT_CHARS, Names, Usage, bind, find_command
from bot.demo.world import PLUGINS
from bot.errors import UserError
from bot.loader import load_plugins
from bot.values import JobRef
from tests.world.honesty import honest

FUZZ = int(os.environ.get("GORDON_FUZZ", "5000"))
SEED = int(os.environ.get("GORDON_SEED", "1"))
LIVE = 400  # of them go through a whole Gordon, which is some hundred times as much work
STALL_S = 0.1
REGISTRY = load_plugins(PLUGINS, {})
JOBS = {name: JobRef("ci", name) for name in ("base-image", "docker-prs", "lxc/docker-prs", *map(str, range(200)))}
NAMES = Names("moby/moby", {"moby": "moby/moby", "docker": "moby/moby", "moby/moby": "moby/moby"}, JOBS)
CORPUS = (
    "rebuild moby#1 janky lxc again",
    "rebuild https://github.com/moby/moby/pull/1/files",
    "rebuild docker#1/lxc",
    'build base-image "PLATFORM=el6" PUSH=true',
    "cancel docker-prs#1",
    "status lxc/docker-prs#7",
    "can jess letters replay",
    "audit k7f2",
    "letters drop d1",
    "rebuild https://[::1/moby/moby/pull/1",  # raised ValueError once
    "rebuild https://a\u2100b/moby/moby/pull/1",
    "rebuild moby#" + "9" * 4000,
    '"' * 4095,
    "a " * 2047,
    "rebuild " + "#" * 4000,
    "https://" + "/" * 4000,
)
PIECES = (
    *('"', "'", "\\", "#", "/", "//", "..", "%2e", "?delay=", "&", "=", "|", ";", "$(x)", "\n", "\r", "\x00", "\x01"),
    *("\x1b[0m", "\u202e", "\u2028", "\ud800", "\U0010ffff", "\u0130", "\uff03", "é", " ", "\t", "\xa0", "9" * 30, "-"),
    *("<pull>", "[", "]", "http://", "https://[", "@", ":", "moby", "again", "all", "failed", "\x03" + "4", "\u200b"),
)


def mutated(seed: int) -> str:
    """Make a text from the corpus: pieces put in, parts taken out, doubled and moved, bytes flipped."""
    dice = random.Random(seed)
    text = dice.choice(CORPUS)
    for _ in range(dice.randint(1, 6)):
        at, to = sorted((dice.randint(0, len(text)), dice.randint(0, len(text))))
        change = dice.randrange(6)
        if change == 0:
            text = text[:at] + dice.choice(PIECES) + text[at:]
        elif change == 1:
            text = text[:at] + text[to:]
        elif change == 2:
            text = text[:to] + text[at:to] * dice.randint(1, 3) + text[to:]
        elif change == 3:
            text = text[to:] + text[:at]
        elif change == 4:
            text = text[:at] + chr(dice.randrange(0x110000)) + text[at + 1 :]
        else:
            body = bytearray(text.encode("utf-8", "surrogatepass")) or bytearray(b" ")
            body[dice.randrange(len(body))] ^= 1 << dice.randrange(8)
            text = body.decode("utf-8", dice.choice(("replace", "surrogateescape")))
    return text[: MAX_TEXT_CHARS + 10]


def understand(text: str) -> None:
    """Read a text as the intake does; nothing but a UserError may come of it, in one line."""
    if (took_s := read_once(text)) >= STALL_S:  # a look for garbage may have come in between, and comes but once
        took_s = read_once(text)
    assert took_s < STALL_S, f"{text!r} took {took_s:.3f} s"


def read_once(text: str) -> float:
    """Read a text, and tell the seconds of the processor that it took."""
    began_s, refusal = time.process_time(), ""
    try:
        usage, words = find_command(REGISTRY.usages, text)
        bind(usage, words, NAMES)
    except UserError as error:
        refusal = str(error)
    assert refusal.isprintable(), f"{refusal!r} for {text!r}"
    return time.process_time() - began_s


def test_the_grammar_stands_what_mutation_makes() -> None:
    for number in range(FUZZ):
        understand(mutated(SEED * 1_000_003 + number))


@settings(max_examples=max(100, FUZZ // 10), deadline=None, suppress_health_check=list(HealthCheck))
@given(
    st.lists(st.sampled_from([*PIECES, *sorted(REGISTRY.commands), "moby#1"]) | st.text(max_size=12), max_size=30).map(
        " ".join
    )
)
def test_the_grammar_stands_what_people_could_type(text: str) -> None:
    understand(text)


@given(st.text(max_size=60))
def test_a_usage_line_is_read_or_refused(text: str) -> None:
    try:
        usage = Usage.parse(text)
    except ValueError:
        return
    assert usage.name


@pytest.mark.timeout(120)
async def test_a_gordon_that_runs_answers_every_line_in_one(tmp_path: Path) -> None:
    """Each line gets an answer, and none of them anything that a network or a terminal would obey."""
    async with honest(tmp_path, poll_s=3600, builds_per_person=1000) as gordon:
        for number in range(min(LIVE, FUZZ)):
            text = mutated(SEED * 2_000_003 + number)
            if not text.strip():
                continue
            answer = await gordon.say("tianon", text)
            assert answer.isprintable(), f"{answer!r} for {text!r}"
        assert "pong" in await gordon.say("tianon", "ping")
        assert "nothing is stuck" in await gordon.say("icecrime", "letters")
