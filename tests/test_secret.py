"""Secrets come only from private places and never leave again."""

import ast
import os
import time
from pathlib import Path

import pytest

from bot.errors import ConfigError
from bot.secret import read_secret, redact, redact_markdown

ROOT = Path(__file__).parents[1]
SECRETS = {"token", "secret", "password", "passwd", "signature", "digest", "agreed"}
NO_SECRETS = {
    "token != connection.ping": "a number that we have just sent, and the server sends back",
    "line.word(1) == WHOX_TOKEN": "the same of a question",
    "token.type == 'html_block'": "what a piece of Markdown is",
    "candidate.digest != digest": "of the configuration's files, which whoever asks may read",
}


def private(path: Path, content: bytes, mode: int = 0o600) -> Path:
    path.write_bytes(content)
    path.chmod(mode)
    return path


SHOWN = [
    pytest.param("https://bob:hunter2@ci.example/x", "https://[secret]@ci.example/x", id="url-password"),
    pytest.param("http://u:p@ss@host/", "http://[secret]@host/", id="url-password-with-at"),
    pytest.param("redis://:hunter2@host", "redis://[secret]@host", id="url-without-user"),
    pytest.param(f"https://{'a' * 40}@host", "https://[secret]@host", id="url-token-as-user"),
    pytest.param("see ghp_" + "a1" * 18 + " here", "see [secret] here", id="github-token"),
    pytest.param("github_pat_" + "A1_" * 12, "[secret]", id="github-fine-token"),
    pytest.param("ghs_" + "B" * 36 + ".", "[secret].", id="github-app-token"),
    pytest.param("xoxb-123456789012-abcdef", "[secret]", id="slack-bot-token"),
    pytest.param("xapp-1-A0123-4567-abc", "[secret]", id="slack-app-token"),
    pytest.param("id AKIAIOSFODNN7EXAMPLE.", "id [secret].", id="aws-id"),
    pytest.param("ASIAIOSFODNN7EXAMPLE", "[secret]", id="aws-temporary-id"),
    pytest.param("password=hunter2&x=1", "password=[secret]&x=1", id="password-in-query"),
    pytest.param('"password": "two words", "a": 1', '"password": [secret], "a": 1', id="password-in-json"),
    pytest.param("PASSWD: hunter2", "PASSWD: [secret]", id="passwd"),
    pytest.param("AWS_SECRET_ACCESS_KEY=abc/def+g", "AWS_SECRET_ACCESS_KEY=[secret]", id="aws-secret"),
    pytest.param("api-key = abc", "api-key = [secret]", id="api-key"),
    pytest.param("Authorization: Basic Zm9vOmJhcg==", "Authorization: Basic [secret]", id="basic"),
    pytest.param("confrm kt2qbtt4baaivfxyqdia5voayy", "confrm [secret]", id="confirmation"),
    pytest.param("Authorization: Bearer abc.def", "Authorization: Bearer [secret]", id="bearer"),
]
PLAIN = [
    pytest.param("https://ci.example/job/x/12", id="url"),
    pytest.param("ssh://git@github.com/moby/moby", id="url-with-plain-user"),
    pytest.param("basic authentication is off", id="words"),
    pytest.param("the token was refused", id="word-token"),
    pytest.param("moby/moby#7 at 3f2c1ab", id="pull"),
    pytest.param("3f2c1ab93f2c1ab93f2c1ab93f2c1ab93f2c1ab9", id="commit"),
    pytest.param("TestDaemonKeepsVolumesWhen", id="name-of-a-test-as-long-as-a-confirmation"),
]


@pytest.mark.parametrize(("text", "shown"), SHOWN)
def test_what_has_the_shape_of_a_secret_is_cut(text: str, shown: str) -> None:
    assert redact(text) == shown


@pytest.mark.parametrize(("text", "shown"), SHOWN)
def test_it_is_cut_in_markdown_too(text: str, shown: str) -> None:
    assert redact_markdown(f"see `{text}`\n\n```\n{text}\n```") == f"see `{shown}`\n\n```\n{shown}\n```"


@pytest.mark.parametrize("text", PLAIN)
def test_ordinary_words_stay(text: str) -> None:
    assert redact(text) == text


def test_a_secret_that_was_read_is_cut_wherever_it_is(tmp_path: Path) -> None:
    short = private(tmp_path / "short", b"kiwi-plum\n")
    long = private(tmp_path / "long", b"kiwi-plum-pear\n")
    assert read_secret("x", short, "") == "kiwi-plum"
    assert read_secret("x", long, "") == "kiwi-plum-pear"
    assert redact("says kiwi-plum-pear, kiwi-plum") == "says [secret], [secret]"


def test_a_secret_too_short_to_tell_from_words_is_not_cut(tmp_path: Path) -> None:
    assert read_secret("x", private(tmp_path / "s", b"abc"), "") == "abc"
    assert redact("abc") == "abc"


def test_a_secret_may_be_in_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GORDON_TEST_SECRET", "melon-grape")
    assert read_secret("x", None, "GORDON_TEST_SECRET") == "melon-grape"
    assert redact("melon-grape") == "[secret]"
    assert read_secret("x", None, "") == ""


@pytest.mark.parametrize(
    ("content", "mode", "said"),
    [
        pytest.param(b"x", 0o644, "everybody may read the secret of Jenkins ci; run: chmod o-r", id="world-readable"),
        pytest.param(b"x", 0o602, "everybody may change the secret of Jenkins ci; run: chmod o-w", id="world-writable"),
        pytest.param(b" \n", 0o600, "must be one line", id="empty"),
        pytest.param(b"one\ntwo", 0o600, "must be one line", id="two-lines"),
        pytest.param(b"\xff\xfe", 0o600, "not UTF-8", id="not-text"),
    ],
)
def test_a_bad_secret_file_is_refused_with_the_remedy(tmp_path: Path, content: bytes, mode: int, said: str) -> None:
    path = private(tmp_path / "token", content, mode)
    with pytest.raises(ConfigError) as caught:
        read_secret("Jenkins ci", path, "")
    assert said in str(caught.value)
    assert str(path) in str(caught.value)


def test_a_missing_file_a_pipe_and_an_unset_variable_are_told(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe", 0o600)
    with pytest.raises(ConfigError, match="No such file"):
        read_secret("GitHub", tmp_path / "none", "")
    with pytest.raises(ConfigError, match="must be in a file"):
        read_secret("GitHub", tmp_path / "pipe", "")
    with pytest.raises(ConfigError, match="GORDON_NOT_THERE, the secret of GitHub, is not set"):
        read_secret("GitHub", None, "GORDON_NOT_THERE")


@pytest.mark.parametrize(
    ("piece", "times", "shown"),
    [
        pytest.param("password", 20_000, "password", id="words-of-a-key"),
        pytest.param("a://", 40_000, "a://", id="beginnings-of-a-url"),
        pytest.param("x_", 80_000, "x_", id="a-name-without-end"),
        pytest.param("authorization: Basic x\n", 7_000, "authorization: Basic [secret]\n", id="secrets"),
    ],
)
def test_redacting_a_long_hostile_line_is_quick(piece: str, times: int, shown: str) -> None:
    """A pattern that goes back over 160 KB from each of its places takes minutes; a good one 0.1 s."""
    began_s = time.process_time()
    assert redact(piece * times) == shown * times
    assert time.process_time() - began_s < 3


def compared_secrets(code: str) -> list[str]:
    """List the comparisons of a program that take longer the more of a secret is guessed."""
    found = []
    for node in ast.walk(ast.parse(code)):
        if isinstance(node, ast.Compare) and any(isinstance(each, ast.Eq | ast.NotEq) for each in node.ops):
            names = {getattr(one, "id", getattr(one, "attr", "")) for one in ast.walk(node)}
            if any(word in SECRETS for name in names for word in name.lower().split("_")):
                found.append(ast.unparse(node))
    return [each for each in found if each not in NO_SECRETS]


def test_no_secret_is_compared_letter_by_letter() -> None:
    """A38: a look-up by a hash, or hmac.compare_digest; the demo and the signatures of the diagnosis are no secrets."""
    paths = [path for folder in ("bot", "plugins") for path in (ROOT / folder).rglob("*.py")]
    program = [path for path in paths if not {"demo", "diagnosis"} & set(path.parts)]
    assert len(program) > 40
    assert {path.name: found for path in program if (found := compared_secrets(path.read_text()))} == {}


@pytest.mark.parametrize(
    ("code", "is_found"),
    [
        pytest.param("if token == given: pass", True, id="a-token"),
        pytest.param("x = a and self._signature != b", True, id="an-attribute"),
        pytest.param("assert offer.api_token == words[1]", True, id="a-part-of-a-name"),
        pytest.param("ok = hmac.compare_digest(token, given)", False, id="in-constant-time"),
        pytest.param("if not token: pass", False, id="whether-there-is-one"),
        pytest.param("if name == given: pass", False, id="a-name"),
    ],
)
def test_what_counts_as_comparing_a_secret(code: str, is_found: bool) -> None:
    assert bool(compared_secrets(code)) is is_found
