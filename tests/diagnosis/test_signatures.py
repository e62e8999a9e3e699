"""Every shipped signature is found in its example, whole and broken at 80 columns, and in none of its counters."""

from datetime import date
from pathlib import Path

import pytest

from bot.diagnosis.catalogue import SHIPPED, Catalogue, load_catalogue
from bot.diagnosis.lint import is_found, lint, wrapped
from bot.diagnosis.signs import Signature

FILES = sorted(SHIPPED.glob("signatures_*.toml"))


@pytest.fixture(scope="module")
def catalogue() -> Catalogue:
    return load_catalogue(FILES, shipped=False)


def test_nothing_is_to_be_said_of_the_shipped_signatures() -> None:
    """Examples whole and broken at column 80, counters, ids and what is tried first: all is looked at by the lint."""
    assert [str(finding) for finding in lint(FILES, today=date(2026, 1, 1))] == []


def test_every_signature_says_where_it_was_seen_and_what_it_is_not(catalogue: Catalogue) -> None:
    assert len(catalogue.signs) > 200
    for sign in catalogue.signs:
        assert isinstance(sign, Signature)
        assert sign.reference, sign.id
        assert sign.counter, sign.id
        assert sign.retry != "false" or sign.note, f"{sign.id} does not say why not"


@pytest.mark.parametrize(
    ("text", "sign_id"),
    [
        pytest.param(
            "Error getting container\ninit rootfs a226d350 from driver\ndevicemapper",
            "docker-init-rootfs",
            id="at-blanks",
        ),
        pytest.param(
            "x" * 60 + " Error getting con\ntainer init rootfs a226d350", "docker-init-rootfs", id="inside-a-word"
        ),
    ],
)
def test_a_broken_message_is_found(catalogue: Catalogue, text: str, sign_id: str) -> None:
    position = [sign.id for sign in catalogue.signs].index(sign_id)
    assert is_found(catalogue, position, text)


def test_a_text_is_broken_in_both_ways() -> None:
    broken = wrapped("word " * 20)
    assert {max(map(len, text.split("\n"))) for text in broken.values()} == {79, 80}


def test_an_expired_signature_is_told_and_not_used(tmp_path: Path) -> None:
    file = tmp_path / "ours.toml"
    file.write_text(
        "[[signature]]\nid = 'ours'\nregex = 'gone'\nretry = 'true'\nexample = 'gone'\nexpires = 2026-01-02\n"
    )
    before = load_catalogue([file], shipped=False, today=date(2026, 1, 1))
    after = load_catalogue([file], shipped=False, today=date(2026, 1, 2))
    assert (len(before.signs), len(before.expired), len(after.signs), len(after.expired)) == (1, 0, 0, 1)


@pytest.mark.parametrize(
    ("keys", "said"),
    [
        pytest.param("regex = '.*'", "found in nothing at all", id="matches-nothing"),
        pytest.param("regex = '.+'", "every ordinary line", id="matches-everything"),
        pytest.param("regex = 'other'", "not found in its example", id="example"),
        pytest.param("regex = 'a\\nb'", 'write scope = "lines"', id="line-break"),
        pytest.param("regex = 'seen'\ncounter = ['not seen']", "counter-example", id="counter"),
        pytest.param("regex = 'seen'\nexpires = 2020-01-01", "expired", id="expired"),
        pytest.param("regex = '(se{1,900}n){1,900}'", "", id="too-large"),
    ],
)
def test_the_lint_says_what_to_do(tmp_path: Path, keys: str, said: str) -> None:
    """A27: what is wrong with a pattern is told before it is used."""
    file = tmp_path / "ours.toml"
    file.write_text(f"[[signature]]\nid = 'ours'\nretry = 'true'\nexample = 'seen'\n{keys}\n")
    (finding,) = lint([file], today=date(2026, 1, 1))
    assert said in finding.what
    assert str(finding).startswith(f"{file}:2: ours: ")


def test_the_lint_refuses_a_signature_that_green_logs_have(tmp_path: Path) -> None:
    file = tmp_path / "ours.toml"
    file.write_text("[[signature]]\nid = 'ours'\nretry = 'true'\nexample = 'seen'\nregex = 'seen'\n")
    (finding,) = lint([file], today=date(2026, 1, 1), green=[[b"seen\n"], [b"other\n"]])
    assert "1 of 2 green logs" in finding.what
