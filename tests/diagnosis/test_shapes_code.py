"""What a maintainer would quote of compilers, linkers, linters, tracebacks, crashes, kills, shells and make."""

import tomllib
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from bot.diagnosis.catalogue import SHIPPED, Catalogue, read_file
from bot.diagnosis.expressions import Expression, for_engine
from bot.diagnosis.judge import diagnose
from bot.diagnosis.re2_engine import Re2Engine
from bot.diagnosis.reading import pages
from bot.diagnosis.scan import scan
from bot.diagnosis.signs import Role, Shape, Signature

PIECES = Path(__file__).parents[1] / "fixtures" / "diagnosis"
OF_CODE = (
    "buildtools",
    "compilers",
    "compilers_jvm",
    "compilers_more",
    "compilers_web",
    "crashes",
    "exceptions",
    "kernel",
    "linkers",
    "linters",
    "linters_web",
    "make",
    "shells",
    "tracebacks",
    "words",
)
HEAD = """Started by an SCM change
Building remotely on linux-3 in workspace /home/ci/workspace/app
[app] $ /bin/sh -xe /tmp/jenkins3311.sh
"""
FOOT = """Build step 'Execute shell' marked build as failure
Finished: FAILURE
"""


def pieces_of(file: Path, table: str) -> list[dict[str, Any]]:
    pieces: list[dict[str, Any]] = tomllib.loads(file.read_text())[table]
    return pieces


FAILURES = [piece for file in sorted(PIECES.glob("code_failures_*.toml")) for piece in pieces_of(file, "failure")]
GREEN = pieces_of(PIECES / "code_green.toml", "green")


def signs_of(file: Path) -> list[Signature | Shape]:
    return read_file(file, file.read_bytes())


@cache
def shipped() -> Catalogue:
    """Compile the shipped catalogues for RE2, which is ready sooner than Hyperscan where nothing is cached."""
    signs = tuple(sign for file in sorted(SHIPPED.glob("*.toml")) for sign in signs_of(file))
    return Catalogue(signs, (), Re2Engine([Expression(for_engine(s.regex, s.scope), s.ignores_case) for s in signs]))


@cache
def names_of_code() -> frozenset[str]:
    return frozenset(sign.id for name in OF_CODE for sign in signs_of(SHIPPED / f"{name}.toml"))


@pytest.mark.parametrize("piece", FAILURES, ids=[piece["id"] for piece in FAILURES])
def test_the_line_that_tells_is_quoted(piece: dict[str, Any]) -> None:
    verdict = diagnose([(HEAD + piece["log"].lstrip("\n") + FOOT).encode()], shipped())
    assert verdict.text == piece["tell"].rstrip()
    assert verdict.failure_class == piece["class"]
    assert verdict.retry is not True


@pytest.mark.parametrize("piece", GREEN, ids=[piece["id"] for piece in GREEN])
def test_tools_that_are_content_tell_of_no_cause(piece: dict[str, Any]) -> None:
    hits = scan(pages([piece["log"].encode()]), shipped()).hits
    causes = [(hit.sign.id, hit.text) for hit in hits if hit.role is Role.CAUSE and not hit.is_tolerated]
    assert [one for one in causes if one[0] in names_of_code()] == []


def test_a_stop_of_make_is_no_cause() -> None:
    """The rule that fails is told by who ran in it; only a missing rule is make's own error."""
    stops = [s for s in signs_of(SHIPPED / "make.toml") if isinstance(s, Shape) and s.tool.startswith("GNU make")]
    assert {s.id for s in stops if s.role is Role.CAUSE} == {"make-no-rule", "make-fatal"}
