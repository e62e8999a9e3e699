"""Both engines tell the same of a text, the cache is only a cache, and hostile expressions and lines cost little."""

import os
import random
import time
from pathlib import Path

import pytest

from bot.adapters.log_fetch import Login
from bot.diagnosis.cache import Cache, users_folder
from bot.diagnosis.catalogue import CatalogueError, engine_for, load_catalogue
from bot.diagnosis.engine import Engine
from bot.diagnosis.expressions import BadExpression, Expression, for_engine, look
from bot.diagnosis.hyperscan_engine import HyperscanEngine
from bot.diagnosis.re2_engine import SET_SIZE, Re2Engine
from bot.diagnosis.remote import read_login
from bot.diagnosis.signs import Scope

TEXTS = ("Connection reset", "^ERROR: .+ [0-9]+$", "gone away", "✕ [a-z]+", "no (space|room)\\b")
EXPRESSIONS = [Expression(for_engine(text, Scope.LINE), ignores_case=text.islower()) for text in TEXTS]


@pytest.fixture(params=["hyperscan", "re2"])
def engine(request: pytest.FixtureRequest) -> Engine:
    return HyperscanEngine(EXPRESSIONS) if request.param == "hyperscan" else Re2Engine(EXPRESSIONS)


@pytest.mark.parametrize(
    ("text", "positions"),
    [
        pytest.param(b"", [], id="empty"),
        pytest.param(b"a\nConnection reset by peer\nConnection reset\n", [0], id="each-once"),
        pytest.param(b"x\nERROR: line 12\nERROR: line x\n", [1], id="anchors-go-by-line"),
        pytest.param(b"ERROR: line\n12", [], id="not-across-a-line-break"),
        pytest.param(b"\xff\xfe GONE AWAY", [2], id="any-case-and-invalid-utf-8"),
        pytest.param("  ✕ adds".encode(), [3], id="beyond-ascii"),
        pytest.param(b"no space\x00no rooms", [4], id="nul"),
    ],
)
def test_an_engine_lists_what_is_found(engine: Engine, text: bytes, positions: list[int]) -> None:
    assert list(engine.scan(text)) == positions


def test_no_expressions_find_nothing() -> None:
    assert list(HyperscanEngine([]).scan(b"x")) == list(Re2Engine([]).scan(b"x")) == []


def test_sets_of_re2_keep_their_positions() -> None:
    many = [Expression(f"word{number}x") for number in range(2 * SET_SIZE + 1)]
    assert list(Re2Engine(many).scan(b"word7x word50x word100x")) == [7, 50, 100]


def test_the_engine_misses_nothing_that_a_second_look_finds_in_spliced_logs() -> None:
    """Whichever engine is used here: one that loses matches, as Vectorscan 5.4.12 does, is not."""
    rng = random.Random(6)
    chosen = rng.sample(load_catalogue().signs, 60)
    engine = engine_for([Expression(for_engine(sign.regex, sign.scope), sign.ignores_case) for sign in chosen])
    looks = [look(sign.regex, sign.scope, ignores_case=sign.ignores_case) for sign in chosen]
    for _ in range(60):
        lines = [rng.choice(chosen).example.encode() if rng.random() < 0.3 else b"x" * rng.randrange(90)] * 2
        text = b"\n".join([*lines, b"y" * rng.randrange(400), rng.choice(chosen).example.encode()])
        assert {at for at, one in enumerate(looks) if one.search(text)} <= set(engine.scan(text))


@pytest.mark.parametrize(
    "spoil",
    [
        pytest.param(lambda kept: b"", id="empty"),
        pytest.param(lambda kept: kept[:-9], id="cut"),
        pytest.param(lambda kept: kept[:400] + bytes([kept[400] ^ 1]) + kept[401:], id="a-bit-flipped"),
        pytest.param(lambda kept: b"somebody else's file", id="foreign"),
    ],
)
def test_a_spoilt_cache_is_made_anew(tmp_path: Path, spoil: object) -> None:
    assert callable(spoil)
    for _ in range(2):
        assert list(HyperscanEngine(EXPRESSIONS, Cache(tmp_path / "c")).scan(b"gone away")) == [2]
        (kept,) = (tmp_path / "c").iterdir()
        whole = kept.read_bytes()
        kept.write_bytes(spoil(whole))
    HyperscanEngine(EXPRESSIONS, Cache(tmp_path / "c"))
    assert kept.read_bytes() == whole


def test_a_cache_is_for_its_owner_and_not_needed(tmp_path: Path) -> None:
    cache = Cache(tmp_path / "c")
    cache.write("a", b"kept")
    assert cache.read("a") == b"kept"
    assert (tmp_path / "c").stat().st_mode & 0o777 == 0o700
    (tmp_path / "c").chmod(0o777)
    assert cache.read("a") == b""
    (tmp_path / "file").write_text("")
    Cache(tmp_path / "file" / "below").write("a", b"x")
    assert not cache.has("a")


@pytest.mark.parametrize("name", ["x" * 300, "c/../file/below"], ids=["name-too-long", "below-a-file"])
def test_a_cache_that_cannot_be_looked_into_is_as_none(tmp_path: Path, name: str) -> None:
    (tmp_path / "c").mkdir()
    (tmp_path / "file").write_text("")
    assert list(engine_for(EXPRESSIONS, Cache(tmp_path / name)).scan(b"gone away")) == [2]


def test_who_has_no_home_has_no_cache(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A container may run as a number that no user has."""
    monkeypatch.delenv("HOME", raising=False)
    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
    monkeypatch.delenv("NETRC", raising=False)
    monkeypatch.setattr(os, "getuid", lambda: 4_000_000_000)
    monkeypatch.chdir(tmp_path)
    assert users_folder() is None
    assert read_login() == Login()
    cache = Cache(users_folder())
    cache.write("a", b"kept")
    assert cache.read("a") == b""
    assert not cache.has("a")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("regex", "said"),
    [
        pytest.param("(?=x)a", "looks around", id="look-ahead"),
        pytest.param("(?<!x)a", "looks around", id="look-behind"),
        pytest.param(r"(a)\1", "back-reference", id="back-reference"),
        pytest.param("(?P<x>a)(?P=x)", "back-reference", id="named-back-reference"),
        pytest.param("a{1,100000}", "1000 times", id="large-count"),
        pytest.param("(?:(?:a{1,900}){1,900}){1,900}", "", id="nested-counts"),
        pytest.param("a++b", "possessive", id="possessive"),
        pytest.param("(?>a)b", "not known to both", id="atomic"),
        pytest.param(r"a\Kb", "not known to both", id="foreign-escape"),
        pytest.param("[[:foo:]]", "is no class", id="unknown-class"),
        pytest.param("[✕✗]", "in brackets", id="not-ascii-in-brackets"),
        pytest.param("[a-", "not closed", id="open-bracket"),
        pytest.param("(a", "", id="open-group"),
        pytest.param("a\\", "lone backslash", id="lone-backslash"),
        pytest.param(r"\xg1", "hexadecimal", id="wrong-byte"),
        pytest.param("a" * 2001, "longer than", id="long"),
    ],
)
def test_expressions_that_are_refused_say_why(regex: str, said: str) -> None:
    """A27: what is not linear, or not the same in both engines, is refused."""
    with pytest.raises(BadExpression) as refused:
        look(regex, Scope.LINE)
    assert said in str(refused.value)


@pytest.mark.parametrize(
    "regex",
    [
        "(a+)+$",
        "(a|a)*$",
        "(a*)*b",
        "(a|aa)+$",
        "(.*a){12}b",
        "(x+x+)+y",
        "([a-z]+)*!",
        "(a?){30}a{30}",
        ".*.*.*=.*",
        "^(([a-z])+.)+[A-Z]",
    ],
)
def test_expressions_that_explode_elsewhere_are_linear(regex: str) -> None:
    """A27: 100 ms for each MiB, whatever the expression and the line are."""
    compiled = look(regex, Scope.LINE)
    engine = Re2Engine([Expression(for_engine(regex, Scope.LINE))])
    line = b"a" * (1 << 18) + b"\x01"
    begun = time.process_time()
    compiled.search(line)
    engine.scan(line)
    assert time.process_time() - begun < 1.0


def test_a_catalogue_that_cannot_be_used_names_the_file_and_the_sign(tmp_path: Path) -> None:
    wrong = tmp_path / "ours.toml"
    wrong.write_text("[[signature]]\nid = 'ours'\nregex = '(?=x)'\nretry = 'true'\nexample = 'x'\n")
    with pytest.raises(CatalogueError, match=r"ours\.toml: ours: .*looks around"):
        load_catalogue([wrong], shipped=False, cache=Cache(tmp_path / "c"))
