"""What is quoted of a log holds no secret, and nothing that a terminal obeys; a line stays a line."""

import base64
import time
from pathlib import Path

import pytest

from bot.diagnosis.redaction import Redaction, read_patterns, visible
from bot.diagnosis.verdict import FailureClass, Kind, Verdict
from bot.errors import ConfigError
from bot.secret import read_secret

RANDOM = "a8Kq2LmZ0xW7vB4nT6yR"  # twenty characters as tokens have them
JWT = "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0NTY3ODkwIn0.dozjgNryP4J3jVmNHl0w5N_XgL0n3I9P"
KEY_BODY = (
    "MIIEpAIBAAKCAQEA0Z3VS5JJcds3xfn/ygWyF8PbnGy0AHB7MhgwMbRvI0MBZhpI",
    "Jzv8n0fV+9yRcS3x4qW2eT7uI5oP1aS6dF0gH==",
)


def secret_in(before: str, secret: str, after: str = "", name: str = "") -> object:
    return pytest.param(before, secret, after, id=name)


SECRETS = [
    secret_in("remote: ", f"ghp_{RANDOM}{RANDOM[:16]}", " was used", "github"),
    secret_in("got b'x\\n", f"ghp_{RANDOM}{RANDOM[:16]}", "'", "after-an-escape"),
    secret_in("token%3D", f"ghp_{RANDOM}{RANDOM[:16]}", "", "after-an-escape-of-an-address"),
    secret_in("nightly_", f"ghp_{RANDOM}{RANDOM[:16]}", ".log", "in-a-name"),
    secret_in("", f"github_pat_{RANDOM}_{RANDOM}", "", "github-fine"),
    secret_in("token ", f"glpat-{RANDOM}", "", "gitlab"),
    secret_in("", f"xoxb-123456789012-{RANDOM}", ".", "slack"),
    secret_in("https://hooks.slack.com/services/T0", f"/B0/{RANDOM}", "", "slack-hook"),
    secret_in("id=", "AKIAIOSFODNN7EXAMPLE", "", "aws-id"),
    secret_in("AWS_SECRET_ACCESS_KEY=", "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY", "", "aws-secret"),
    secret_in("", f"AIzaSy{RANDOM}{RANDOM[:13]}", "", "google"),
    secret_in("//registry.npmjs.xxx/:_authToken=", f"npm_{RANDOM}{RANDOM[:16]}", "", "npm"),
    secret_in("upload with ", f"pypi-AgEIcHlwaS5vcmc{RANDOM}", "", "pypi"),
    secret_in("", f"dckr_pat_{RANDOM}", "", "docker"),
    secret_in("using ", "11d3f2a49b8c7e6f5a4b3c2d1e0f9a8b7c", "", "jenkins"),
    secret_in("got ", JWT, " back", "jwt"),
    secret_in("> Authorization: ", f"token {RANDOM}", "", "authorization"),
    secret_in("-H 'Authorization: ", f"Bearer {RANDOM}", "' https://x", "authorization-quoted"),
    secret_in('{"Authorization":"', f"Basic {RANDOM}", '"}', "authorization-json"),
    secret_in("Cookie: ", f"JSESSIONID.1={RANDOM}; other={RANDOM}", "", "cookie"),
    secret_in("Set-Cookie: ", f"session={RANDOM}; HttpOnly", "", "set-cookie"),
    secret_in("PRIVATE-TOKEN: ", RANDOM, "", "private-token"),
    secret_in("password=", "hunter2", " user=bob", "password"),
    secret_in('"password": ', '"two words"', ', "a": 1', "password-json"),
    secret_in('{\\"password\\":', '\\"hunter2\\"', ',\\"a\\":1}', "password-json-escaped"),
    secret_in("<password>", "hunter2", "</password>", "password-xml"),
    secret_in("DB_PASSWD: ", "hunter2", "", "passwd-yaml"),
    secret_in("DB_PASS: ", "hunter2", "", "pass-yaml"),
    secret_in("PASS=", "hunter2", "", "pass-of-a-shell"),
    secret_in("sqlserver://;AccountKey=", f"{RANDOM}==", "", "account-key"),
    secret_in("SIGNING_KEY=", RANDOM, "", "key-by-its-looks"),
    secret_in("docker login -u bob -p ", "hunter2", " reg.example", "docker-login"),
    secret_in("docker login --password=", "hunter2", " reg.example", "docker-login-long"),
    secret_in("mysql -uroot -p", "hunter2", " db", "mysql"),
    secret_in("machine git.example login bob password ", "hunter2", "", "netrc"),
    secret_in("sshpass -p ", "hunter2", " ssh x", "sshpass"),
    secret_in("curl -u ", "bob:hunter2", " https://x", "curl"),
    secret_in("vault login --token ", "hunter2", "", "option"),
    secret_in("echo ", "hunter2", " | docker login -u bob --password-stdin", "password-stdin"),
    secret_in("fetch https://", "bob:hunter2", "@host/x.git", "url"),
    secret_in("fetch https://", f"{RANDOM}", "@host/x.git", "url-token"),
    secret_in("?to=https%3A%2F%2F", "bob%3Ahunter2", "%40host%2Fx", "url-in-a-url"),
    secret_in("mvn -Dsonar.login=", "0f1e2d3c4b5a69788796a5b4c3d2e1f00f1e2d3c", " verify", "sonar"),
    secret_in("redis://", ":hunter2", "@host", "url-without-user"),
    secret_in("GET /log?sig=", f"{RANDOM}%3D", "&x=1", "signed-url"),
    secret_in("Basic ", "dXNlcjpwYXNz", "", "basic"),
    secret_in("set ", base64.b64encode(b"deploy:s3cr3t-word").decode(), "", "base64-of-a-login"),
    secret_in("set ", base64.b64encode(f"TOKEN=ghp_{RANDOM}".encode()).decode(), "", "base64-of-a-token"),
    secret_in("-----BEGIN RSA PRIVATE KEY-----\\n", f"{KEY_BODY[0]}", "", "key-in-a-line"),
]
PLAIN = [
    pytest.param("+ git fetch https://github.com/moby/moby.git +refs/pull/7/head:refs/x", id="url"),
    pytest.param("git@github.com:moby/moby.git", id="git-address"),
    pytest.param("docker run -p 8080:80 -u 1000:1000 nginx", id="ports"),
    pytest.param("mkdir -p build/out", id="mkdir"),
    pytest.param("Basic authentication is off", id="words"),
    pytest.param("the login failed as the password was wrong", id="words-of-a-login"),
    pytest.param("SyntaxError: Unexpected token: punc (})", id="token-of-a-parser"),
    pytest.param("error: expected identifier before ')' token", id="token-of-a-compiler"),
    pytest.param("--- FAIL: TestPassword (0.00s)", id="test-of-passwords"),
    pytest.param("--- PASS: TestRunDetach (0.00s)", id="verdict-of-go"),
    pytest.param("PASS: docker_cli_build_test.go:12: DockerSuite.TestBuild", id="verdict-of-gocheck"),
    pytest.param("FAILED tests/test_password.py::test_reset - assert 1 == 2", id="file-of-passwords"),
    pytest.param("org.example.PasswordTest: FAILED", id="class-of-passwords"),
    pytest.param("DB_PASSWORD=${DB_PASSWORD}", id="variable"),
    pytest.param("password=****", id="masked"),
    pytest.param("cache key: linux-node-18", id="key-of-a-cache"),
    pytest.param("HEAD is now at 78584b64d88c0567c46e3cf7bae42aa73927df40", id="commit"),
    pytest.param("sha256:76608b6b9d54251299c5d3be69fdf53e05f97a3735bbcd5889c30ebb78608428", id="digest"),
    pytest.param("at hudson.plugins.git.GitException.fetchFrom(GitSCM.java:894)", id="frame"),
    pytest.param("/var/lib/jenkins/workspace/moby/moby/integration-cli/docker_api_test.go:12: x", id="path"),
    pytest.param("Message: an e-mail to bob@example.org", id="address-is-left-unless-asked"),
]


@pytest.mark.parametrize(("before", "secret", "after"), SECRETS)
def test_a_secret_is_cut(before: str, secret: str, after: str) -> None:
    """A26."""
    (line,) = Redaction().clean([before + secret + after])
    assert secret not in line
    assert line == f"{before}[secret]{after}" or line.count("[secret]") == 1


@pytest.mark.parametrize("text", PLAIN)
def test_what_is_no_secret_stays(text: str) -> None:
    assert Redaction().clean([text]) == (text,)


@pytest.mark.parametrize(
    ("before", "secret"),
    [
        pytest.param("remote: ", f"ghp_{RANDOM}{RANDOM[:16]}", id="A26-github"),
        pytest.param("got ", JWT, id="A26-jwt"),
        pytest.param("export API_TOKEN=", RANDOM, id="A26-assigned"),
        pytest.param("fetch https://bob:", f"{RANDOM}@host/x.git", id="A26-url"),
        pytest.param("Authorization: Basic ", base64.b64encode(f"bob:{RANDOM}".encode()).decode(), id="A26-basic"),
    ],
)
def test_a_secret_that_was_wrapped_anywhere_leaves_less_than_could_be_used(before: str, secret: str) -> None:
    """A26: a terminal or a tool wrapped the line somewhere."""
    text = f"{before}{secret} and more words"
    for at in range(1, len(before) + len(secret)):
        lines = ["+ ./deploy.sh", text[:at], text[at:], "Finished: FAILURE"]
        cleaned = Redaction().clean(lines)
        assert len(cleaned) == 4
        assert (cleaned[0], cleaned[3]) == (lines[0], lines[3])
        left = "".join(cleaned)
        pieces = [secret[start : start + 10] for start in range(len(secret.split("@")[0]) - 10)]
        assert [piece for piece in pieces if piece in left] == [], (at, cleaned)


@pytest.mark.parametrize(
    "between",
    [
        pytest.param("\x1b[0m\x1b[31m", id="A26-ansi"),
        pytest.param("\u200b", id="A26-zero-width"),
        pytest.param("\u202e", id="A26-bidi"),
        pytest.param("\x00", id="A26-nul"),
    ],
)
def test_a_secret_that_is_split_by_what_nobody_sees_is_cut(between: str) -> None:
    secret = f"ghp_{RANDOM}{RANDOM[:16]}"
    assert Redaction().clean([f"x {secret[:9]}{between}{secret[9:]} y"]) == ("x [secret] y",)


def test_a_private_key_is_cut_line_for_line() -> None:
    """A26."""
    lines = ["+ cat key", "-----BEGIN RSA PRIVATE KEY-----", *KEY_BODY, "-----END RSA PRIVATE KEY-----", "+ make"]
    assert Redaction().clean(lines) == ("+ cat key", *["[secret]"] * 4, "+ make")
    assert Redaction().clean(lines[:4]) == ("+ cat key", *["[secret]"] * 3), "its end is not quoted"
    assert Redaction().clean(lines[3:]) == ("[secret]", lines[4], "+ make"), "its begin is not quoted"
    middle = [KEY_BODY[0], KEY_BODY[0][::-1]]
    assert Redaction().clean(middle) == ("[secret]", "[secret]"), "neither is"


def test_a_private_key_with_a_prefix_on_each_line_is_cut() -> None:
    lines = [f"web_1  | {line}" for line in ("-----BEGIN PRIVATE KEY-----", *KEY_BODY, "-----END PRIVATE KEY-----")]
    left = "\n".join(Redaction().clean([*lines, "web_1  | ready"]))
    assert not any(part in left for part in KEY_BODY)
    assert left.endswith("web_1  | ready")


def test_the_head_of_a_line_that_was_cut_in_a_token_is_cut() -> None:
    assert Redaction().clean([f"...{RANDOM} and then"]) == ("...[secret] and then",)
    assert Redaction().clean(["...compiling and then"]) == ("...compiling and then",)


@pytest.mark.parametrize("before", ["login with ghp_", "npm_", "fetch https://bob:"])
def test_a_secret_that_the_end_of_a_log_cuts_is_cut(before: str) -> None:
    """F25, A26."""
    assert RANDOM[:9] not in Redaction().clean_line(before + RANDOM[:9])
    assert Redaction().clean_line("npm_config_registry") == "npm_config_registry"


def test_a_secret_that_this_process_knows_is_cut_wherever_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SOME_VARIABLE", "plain-words-that-nobody-suspects")
    read_secret("x", None, "SOME_VARIABLE")
    assert Redaction().clean_line("so plain-words-that-nobody-suspects it is") == "so [secret] it is"


def test_addresses_are_cut_if_asked() -> None:
    assert Redaction(emails=True).clean_line("by bob.b@mail.example.org!") == "by [secret]!"


def test_further_expressions_cut_their_match_or_their_group() -> None:
    redaction = Redaction(["acme-[0-9]{4}", "badge (?P<secret>[a-z]+)"])
    assert redaction.clean_line("acme-1234 badge blue") == "[secret] badge [secret]"


@pytest.mark.parametrize(
    ("text", "why"),
    [
        pytest.param("x(", "patterns:1: .x\\(. is no expression of RE2", id="A27-no-expression"),
        pytest.param("# ours\n(?=a)", "patterns:2: ", id="A27-look-ahead"),
        pytest.param("a*", "matches nothing at all", id="A27-matches-nothing"),
        pytest.param(".+", "would cut .Finished: FAILURE.", id="A27-matches-everything"),
        pytest.param("\udcff", "not UTF-8", id="no-text"),
    ],
)
def test_a_bad_pattern_is_told_with_its_line(tmp_path: Path, text: str, why: str) -> None:
    file = tmp_path / "patterns"
    file.write_bytes(text.encode("utf-8", "surrogateescape"))
    with pytest.raises(ConfigError, match=why):
        read_patterns(file)


def test_patterns_are_read_a_line_each(tmp_path: Path) -> None:
    file = tmp_path / "patterns"
    file.write_text("# ours\n\nacme-[0-9]+\n  badge \\w+  \n")
    assert read_patterns(file) == ("acme-[0-9]+", "badge \\w+")
    with pytest.raises(ConfigError, match="cannot read"):
        read_patterns(tmp_path / "absent")


@pytest.mark.parametrize(
    ("text", "seen"),
    [
        pytest.param("\x1b[31mred\x1b[0m \x1b]0;title\x07x", "red x", id="A14-ansi"),
        pytest.param("\x1b]8;;https://evil\x1b\\link\x1b]8;;\x1b\\", "link", id="A14-link"),
        pytest.param("a\u202eb\u2066c\u200fd", "abcd", id="A14-bidi"),
        pytest.param("\x01ACTION\x02 \x0304x", "ACTION 04x", id="A14-formatting"),
        pytest.param("a\r\nb\x85c\u2028d\x0be", "a\ufffd\ufffdb\ufffdc\ufffdd\ufffde", id="A13-line-ends"),
        pytest.param("a\x00b\x7fc\x9b31md", "abcd", id="A13-controls"),
        pytest.param("\tat x\u00a0y", "    at x y", id="blanks"),
        pytest.param("h\ud800i \U0010ffff \ue000", "h?i \ufffd \ufffd", id="no-characters"),
        pytest.param("naïve — 日本語 ✗ 🎉", "naïve — 日本語 ✗ 🎉", id="letters"),
    ],
)
def test_what_a_terminal_obeys_or_nobody_sees_is_gone(text: str, seen: str) -> None:
    assert visible(text) == seen


def test_a_verdict_is_cleaned_whole() -> None:
    """A26: the telling line as its neighbours allow, and whatever else came out of the log."""
    token = f"ghp_{RANDOM}{RANDOM[:16]}"
    verdict = Verdict(
        Kind.NEW_FAILURE,
        FailureClass.SCM,
        why=f"because of {token}",
        line=8,
        chunk=(7, 8),
        text=f"{token[12:]} failed\x1b[K",
        quoted=(f"+ git clone {token[:12]}", f"{token[12:]} failed\x1b[K"),
        failed_tests=(f"test[{token}]", f"test[{token[:30]}]", "other\ntest"),
        result=f"{token}",
    )
    cleaned = Redaction().clean_verdict(verdict)
    assert cleaned.quoted == ("+ git clone [secret]", "[secret] failed")
    assert cleaned.text == "[secret] failed"
    assert cleaned.failed_tests == ("test[[secret]]", "other\ufffdtest")
    assert (cleaned.why, cleaned.result) == ("because of [secret]", "[secret]")


@pytest.mark.parametrize(
    "piece",
    [
        "password=a ",
        "curl ",
        "a",
        "-----BEGIN RSA PRIVATE KEY-----",
        "eyJ",
        "x:",
        "login -",
        "https://",
        "echo x",
        '"',
        "\\",
    ],
)
def test_hostile_lines_take_time_in_proportion(piece: str) -> None:
    """A27: ten times the text takes well below a hundred times the time."""
    redaction = Redaction(emails=True)

    def seconds(size: int) -> float:
        lines = [(piece * size)[:size]] * 2
        best = 9.0
        for _ in range(3):
            start = time.process_time()
            redaction.clean(lines)
            best = min(best, time.process_time() - start)
        return best

    assert seconds(20_000) < 40 * max(seconds(2_000), 0.0005)
