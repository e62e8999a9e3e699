"""What takes seconds to compile is compiled where that is worth it, and then kept."""

from pathlib import Path

import pytest

from bot.diagnosis.cache import Cache
from bot.diagnosis.catalogue import engine_for
from bot.diagnosis.expressions import BadExpression, Expression
from bot.diagnosis.hyperscan_engine import WHOLE, HyperscanEngine, compiled
from bot.diagnosis.late_engine import LateEngine

EXPRESSIONS = [Expression("gone away", ignores_case=True), Expression("^ERROR: .+ [0-9]+$")]
TEXT = b"x\nERROR: line 12\nGone Away\n"


def test_short_logs_are_scanned_without_waiting_for_the_compiler(tmp_path: Path) -> None:
    engine = engine_for(EXPRESSIONS, Cache(tmp_path / "c"))
    assert [list(engine.scan(TEXT)) for _ in range(3)] == [[0, 1]] * 3
    assert not (tmp_path / "c").exists()


@pytest.mark.parametrize(
    ("patience_s", "patience_bytes"),
    [pytest.param(0.0, 1 << 30, id="it-took-long"), pytest.param(1e9, len(TEXT) + 1, id="much-was-scanned")],
)
def test_long_logs_are_worth_the_compiler_once(tmp_path: Path, patience_s: float, patience_bytes: int) -> None:
    cache = Cache(tmp_path / "c")
    engine = LateEngine(EXPRESSIONS, cache, patience_s=patience_s, patience_bytes=patience_bytes)
    assert [list(engine.scan(TEXT)) for _ in range(4)] == [[0, 1]] * 4
    assert len(list((tmp_path / "c").iterdir())) == 1
    assert isinstance(engine_for(EXPRESSIONS, cache), HyperscanEngine)


def test_what_only_re2_takes_is_left_to_it(tmp_path: Path) -> None:
    anything = [*EXPRESSIONS, Expression("x*")]
    with pytest.raises(BadExpression):
        compiled(anything)
    engine = LateEngine(anything, Cache(tmp_path / "c"), patience_s=0.0)
    assert [list(engine.scan(TEXT)) for _ in range(3)] == [[0, 1, 2]] * 3


def test_a_large_set_is_compiled_in_parts_that_keep_their_positions(tmp_path: Path) -> None:
    many = [Expression(f"word{number}x") for number in range(WHOLE + 1)]
    engine = HyperscanEngine(many, Cache(tmp_path / "c"))
    assert list(engine.scan(b"word1000x word7x word334x word333x")) == [7, 333, 334, 1000]
    assert isinstance(engine_for(many, Cache(tmp_path / "c")), HyperscanEngine)
