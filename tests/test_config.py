"""The configuration is right as a whole, or every mistake in it is told with its line."""

import contextlib
import os
import subprocess
import sys
from pathlib import Path
from typing import Any, get_args

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bot.config import load, secrets_problems
from bot.config_values import LIMITS, is_loopback
from bot.errors import ConfigError
from bot.settings import DiagnosisSettings, GordonSettings, Settings
from bot.toml_file import MAX_BYTES, lines_of

EXAMPLE = Path(__file__).parents[1] / "deploy" / "gordon.example.toml"
FUZZ = int(os.environ.get("GORDON_FUZZ", "5000")) // 5  # each is a whole file
GOOD = """\
[gordon]
home = "moby/moby"
plugins = ["rebuild", "help"]
keep_days = 30

[jenkins.ci]
url = "http://127.0.0.1:8080/"
timeout_s = 10
poll_s = 0.05

[repos."moby/moby"]
aliases = ["moby", "docker"]
announce = ["demo/#moby", "console"]

[repos."moby/moby".contexts.janky]
jenkins = "ci"
job = "folder/docker-prs"

[repos."moby/other"]

[jobs.base]
jenkins = "ci"
job = "base"

[irc.demo]
host = "127.0.0.1"
port = 6667
tls = false
nick_is_identity = true
channels = ["#moby"]

[irc.demo.channel."#moby"]
commands = ["reads", "rebuild"]

[console]
person = "tianon"

[plugin.rebuild]
anything = [1, 2]
"""


def write(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "gordon.toml"
    path.write_bytes(text.encode("utf-8"))
    return path


def problems(path: Path) -> list[str]:
    with pytest.raises(ConfigError) as caught:
        load(path)
    return [problem.removeprefix(f"{path.parent}/") for problem in caught.value.problems]


def row(old: str, new: str, line: int, said: str, name: str) -> Any:
    return pytest.param(old, new, line, said, id=name)


CI = "[jenkins.ci]"
JANKY = '[repos."moby/moby".contexts.janky]'
DEMO, OF_MOBY = "[irc.demo]", '[irc.demo.channel."#moby"]'
MUTATED = [
    row("announce =", "anounce =", 13, 'key "anounce" in [repos."moby/moby"] (did you mean "announce"?)', "key"),
    row(
        "contexts.janky", "conetxts.janky", 15, '"conetxts" in [repos."moby/moby"] (did you mean "contexts"?)', "table"
    ),
    row("home =", "hoem =", 2, 'unknown key "hoem" in [gordon] (did you mean "home"?)', "required-key"),
    row("[console]", "[consle]", 35, 'unknown key "consle" (did you mean "console"?)', "section"),
    row("poll_s", "zzz", 9, 'unknown key "zzz" in [jenkins.ci]; it may have url, user', "far-key"),
    row('home = "moby/moby"\n', "", 1, "[gordon] home is missing", "missing-key"),
    row('job = "base"\n', "", 21, "[jobs.base] job is missing", "missing-job"),
    row("= 10\n", '= "ten"\n', 8, f'{CI} timeout_s must be a number, is "ten"', "number-as-text"),
    row("= 10\n", "= true\n", 8, f"{CI} timeout_s must be a number, is true", "number-as-bool"),
    row("= 10\n", "= nan\n", 8, f"{CI} timeout_s must be 0.1 to 120, is nan", "nan"),
    row("= 10\n", "= inf\n", 8, f"{CI} timeout_s must be 0.1 to 120, is inf", "inf"),
    row("= 10\n", "= -1\n", 8, f"{CI} timeout_s must be 0.1 to 120", "negative"),
    row("= 10\n", f"= 0x{'f' * 5000}\n", 8, f"{CI} timeout_s must be a number, is a huge number", "huge"),
    row("= 10\n", f"= {'9' * 5000}\n", 1, "not valid TOML: Exceeds the limit", "too-many-digits"),
    row("= 10\n", "= 2020-01-01\n", 8, f"{CI} timeout_s must be a number, is a date or time", "date"),
    row("0.05", "0.01", 9, f"{CI} poll_s must be 0.05 to 3600, is 0.01", "poll"),
    row("= 30", "= 30.5", 4, "[gordon] keep_days must be a whole number, is 30.5", "whole-number"),
    row("= 30", "= 4", 4, "[gordon] keep_days must be 5 to 3650, is 4", "A9-days"),
    row("= 6667", "= 70000", 27, "[irc.demo] port must be 1 to 65535, is 70000", "port"),
    row("tls = false", 'tls = "no"', 28, '[irc.demo] tls must be true or false, is "no"', "bool"),
    row('["#moby"]', '"#moby"', 30, '[irc.demo] channels must be a list of texts, is "#moby"', "list"),
    row('["#moby"]', '["#moby", 1]', 30, "[irc.demo] channels must be text in quotes, is 1", "list-item"),
    row('["#moby"]', '["#moby", "moby"]', 30, '[irc.demo] channels has "moby"; a channel begins with #', "channel"),
    row('["#moby"]', '["#moby", "#MOBY"]', 30, '[irc.demo] channels has "#MOBY" twice', "channel-twice"),
    row('"moby/moby"\np', '"moby/mobi"\np', 2, '[gordon] home is "moby/mobi", which is not in [repos]', "home"),
    row('"help"]', '"rebuild"]', 3, '[gordon] plugins has "rebuild" twice', "plugin-twice"),
    row('"help"]', '"../x"]', 3, '[gordon] plugins has "../x", which cannot be', "plugin-name"),
    row(
        "[plugin.rebuild]", "[plugin.rebild]", 38, "[plugin.rebild]: this plugin is not in [gordon] plugins (did", "off"
    ),
    row("keep_days", 'prefix = "a"\nkeep_days', 4, "[gordon] prefix must be marks", "prefix-letter"),
    row("keep_days", 'prefix = ""\nkeep_days', 4, "[gordon] prefix must be marks", "prefix-empty"),
    row("keep_days", 'prefix = "! "\nkeep_days', 4, "[gordon] prefix must be marks", "prefix-space"),
    row("keep_days", 'state = ""\nkeep_days', 4, '[gordon] state must be a path, is ""', "path-empty"),
    row("keep_days", 'people = "a\\u0000"\nkeep_days', 4, '[gordon] people must be a path, is "a?"', "path-nul"),
    row("keep_days", "state = 5\nkeep_days", 4, "[gordon] state must be text in quotes, is 5", "path-number"),
    row('"ci"\njob = "f', '"cii"\njob = "f', 16, f'{JANKY} jenkins is "cii", which is not in [jenkins]', "jenkins"),
    row('"ci"\njob = "b', '"co"\njob = "b', 22, '[jobs.base] jenkins is "co", which is not in [jenkins]', "jobs"),
    row("folder/", "../", 17, f'{JANKY} job must be a job\'s full name, is "../docker-prs"', "job-up"),
    row("folder/", "/", 17, f"{JANKY} job must be", "job-slash-first"),
    row("docker-prs", "", 17, f"{JANKY} job must be", "job-slash-last"),
    row("folder/", "folder//", 17, f"{JANKY} job must be", "job-empty-part"),
    row("folder/", "%2e%2e/", 17, f"{JANKY} job must be", "job-percent"),
    row("docker-prs", "x?delay=0", 17, f"{JANKY} job must be", "job-query"),
    row("docker-prs", "x#y", 17, f"{JANKY} job must be", "job-fragment"),
    row("folder/", "-x/", 17, f"{JANKY} job must be", "job-dash"),
    row("contexts.janky", "contexts.all", 15, '"all" is a word of the command', "context-word"),
    row("contexts.janky", "contexts.Failed", 15, '"Failed" is a word of the command', "context-word-in-any-case"),
    row("contexts.janky", "contexts.again", 15, '"again" is a word of the command', "context-option"),
    row("contexts.janky", "contexts.on", 15, '"on" is a word of the command', "context-before-a-node"),
    row("contexts.janky", "contexts.kill", 15, '"kill" is a word of the command', "context-how-to-stop"),
    row("contexts.janky", 'contexts."a=b"', 15, '"a=b" would be read as the cell of a matrix', "context-cell"),
    row("contexts.janky", 'contexts."a b"', 15, '"a b" cannot be a name here', "context-space"),
    row(
        'docker-prs"', 'p"\nparameters = {PR = "1"}', 18, '[repos."moby/moby".contexts.janky.parameters] PR is', "fact"
    ),
    row('["moby", "d', '["moby/other", "d', 12, 'has "moby/other", which means moby/other already', "alias-repo"),
    row('other"]\n', 'other"]\naliases = ["Moby"]\n', 20, 'has "Moby", which means moby/moby already', "alias-twice"),
    row('"moby", "d', '"mo by", "d', 12, 'aliases has "mo by"', "alias-space"),
    row("aliases = [", 'ci_files = ["/ci/", "!"]\naliases = [', 12, 'ci_files has "!": a pattern', "ci-files"),
    row("aliases = [", 'ci_files = [""]\naliases = [', 12, 'ci_files has "": "" is no', "ci-files-empty"),
    row("moby/other", "Moby/Moby", 19, '[repos."Moby/Moby"] is "moby/moby" again', "repo-twice"),
    row("moby/other", "other", 19, '[repos.other]: "other" cannot be a name here', "repo-name"),
    row("demo/#moby", "dmo/#moby", 13, 'networks are "demo", "console" (did you mean "demo"?)', "network"),
    row("demo/#moby", "demo/#mobi", 13, 'is not in [irc.demo] channels (did you mean "#moby"?)', "announce-channel"),
    row("irc.demo", "irc.console", 25, '[irc.console]: "console" is the terminal', "console-network"),
    row('"127.0.0.1"', '"127.0.0.1.evil.example"', 29, "nick_is_identity is for loopback hosts only", "nick"),
    row('"127.0.0.1"', '"irc.example"', 28, "tls may be false for loopback hosts only", "tls"),
    row('"127.0.0.1"', '"a b"', 26, "[irc.demo] host must be", "host"),
    row("tls = false", 'tls = false\nnick = "1x"', 29, "[irc.demo] nick must be a nick that IRC allows", "nick-shape"),
    row("http://127", "ftp://127", 7, f"{CI} url must be http:// or https://", "scheme"),
    row("http://127", "http://u:geheim@127", 7, f"{CI} url must have no user or password inside", "userinfo"),
    row("127.0.0.1:8080", "", 7, f"{CI} url must be http:// or https:// with a host", "no-host"),
    row(":8080", ":99999", 7, f"{CI} url must be http:// or https:// with a host", "url-port"),
    row(
        "poll_s", 'token_env = "ghp_x-y"\nuser = "u"\npoll_s', 9, "token_env must be the name of an environ", "env-name"
    ),
    row("poll_s", 'token_env = "T"\npoll_s', 6, f"{CI} user is missing", "token-without-user"),
    row("poll_s", 'user = "u"\ntoken_file = "f"\ntoken_env = "T"\npoll_s', 11, "token_file are both there", "two"),
    row("0.05", "31", 6, f"{CI} idle_poll_s must be at least poll_s, which is 31, is 30", "idle-poll-left-out"),
    row("0.05", "9\nidle_poll_s = 8", 10, f"{CI} idle_poll_s must be at least poll_s, which is 9, is 8", "idle-poll"),
    row("poll_s", "node_stable_s = -1\npoll_s", 9, f"{CI} node_stable_s must be 0 to 3600, is -1", "stable"),
    row("poll_s", 'ca_file = "c"\npoll_s', 9, f"{CI} ca_file is of no use without https", "ca-without-https"),
    row("poll_s", 'notify_secret_env = "N"\npoll_s', 9, "notify_secret_env is there without [web]", "no-web"),
    row("poll_s", 'notify_secret_file = "f"\npoll_s', 9, "notify_secret_file is there without [web]", "no-web-file"),
    row(
        "poll_s",
        'notify_secret_env = "geheim!"\npoll_s',
        9,
        "notify_secret_env must be the name of an environment variable",
        "notify-secret-itself",
    ),
    row(
        "poll_s",
        'notify_secret_env = "N"\nnotify_secret_file = "f"\npoll_s',
        9,
        "notify_secret_env and notify_secret_file are both there",
        "two-notify-secrets",
    ),
    row("poll_s", 'tags = { "a b" = "(x)" }\npoll_s', 9, '"a b" cannot be a name here', "tag-name"),
    row("poll_s", 'tags = { fs = "(x" }\npoll_s', 9, 'tags] fs must be a regular expression of RE2, is "(x"', "tag"),
    row("poll_s", 'tags = { fs = "(x)\\\\1" }\npoll_s', 9, "invalid escape sequence", "tag-that-refers-back"),
    row("poll_s", 'tags = { fs = "x" }\npoll_s', 9, "fs must have one group, which is the value; it has 0", "tag-bare"),
    row(
        "poll_s", 'tags = { fs = "(x)(y)" }\npoll_s', 9, "fs must have one group, which is the value; it has 2", "tag-2"
    ),
    row("poll_s", 'tags = { fs = "((x{1000}){9}){9}" }\npoll_s', 9, "fs must be a regular expression", "tag-too-large"),
    row('docker-prs"', f'p"\nstatus = "{"x" * 101}"', 18, f"{JANKY} status must be at most 100 characters", "status"),
    row(
        'docker-prs"',
        'p"\nstatus = "a\\nb"',
        18,
        f"{JANKY} status must be at most 100 characters on one",
        "status-line",
    ),
    row(
        'docker-prs"',
        'p"\nstatus = "ci"\n[repos."moby/moby".contexts.lxc]\njenkins = "ci"\njob = "lxc"\nstatus = "CI"',
        22,
        'contexts.lxc] status is "CI", and so is that of "janky"',
        "status-twice",
    ),
    row("[console]", "[web]\nport = 65536\n[console]", 36, "[web] port must be 0 to 65535, is 65536", "web-port"),
    row("[console]", '[web]\nhost = "a b"\n[console]', 36, "[web] host must be the name or address", "web-host"),
    row('docker-prs"', 'p"\nbranch = "PR-1"', 18, f'{JANKY} branch must be like PR-{{number}}, is "PR-1"', "branch"),
    row('docker-prs"', 'p"\nbranch = "{number}{number}"', 18, "{number} must be in it once", "branch-twice"),
    row('docker-prs"', 'p"\nbranch = "PR-{number}\\n"', 18, "no control character may be in it", "branch-control"),
    row("poll_s", 'parameters = { pull = "A", sha = "A" }\npoll_s', 9, 'sha is "A", and so is pull', "same-parameter"),
    row('person = "tianon"', 'person = ""', 36, "[console] person must be a name", "person"),
    row("[console]", "[[console]]", 35, "console must be a table, is a list", "list-of-tables"),
    row("[console]", "[console", 35, "not valid TOML", "syntax"),
    row('"tianon"', '"tianon', 36, "not valid TOML", "open-text"),
    row("keep_days", 'operators = ["demo/#mobi"]\nkeep_days', 4, 'operators has "demo/#mobi", but', "operators-place"),
    row("keep_days", 'operators = ["dmo/#moby"]\nkeep_days', 4, '(did you mean "demo"?)', "operators-network"),
    row("keep_days", "rebuilds_per_commit = 0\nkeep_days", 4, "rebuilds_per_commit must be 1 to 100, is 0", "commit"),
    row("keep_days", "rebuilds_per_hour = 0\nkeep_days", 4, "rebuilds_per_hour must be 1 to 1000, is 0", "hour"),
    row(
        "keep_days",
        "comands_per_minute_in_channel = 9\nkeep_days",
        4,
        '(did you mean "commands_per_minute_in_channel"?)',
        "in-channel-misspelt",
    ),
    row("tls = false", 'tls = false\naccount = "g"', 29, f"{DEMO} account needs its password", "account-alone"),
    row("tls = false", 'tls = false\naccount = "a b"', 29, f"{DEMO} account must be a services account", "account"),
    row(
        "tls = false",
        'tls = false\naccount_password_env = "P"',
        29,
        f"{DEMO} account_password_env is there without account",
        "password-alone",
    ),
    row(
        "tls = false",
        'tls = false\naccount_password_file = "f"',
        29,
        f"{DEMO} account_password_file is there without account",
        "password-file-alone",
    ),
    row(
        "tls = false",
        'tls = false\naccount = "g"\naccount_password_env = "geheim!"',
        30,
        "account_password_env must be the name of an environment variable",
        "account-secret",
    ),
    row("tls = false", 'key_file = "k"', 28, f"{DEMO} key_file is there without certificate_file", "key-alone"),
    row("tls = false", 'tls = false\ncertificate_file = "c"', 29, "certificate_file is of no use", "no-tls"),
    row("tls = false", 'tls = false\nca_file = "c"', 29, "ca_file is of no use without tls", "ca-without-tls"),
    row("tls = false", 'tls = false\nservices = "Nick Serv"', 29, f"{DEMO} services must be a nick", "services"),
    row("tls = false", 'tls = false\nrelays = ["slackbot", "#x"]', 29, 'relays has "#x", which is no nick', "relay"),
    row("tls = false", 'tls = false\nrelays = ["A", "a"]', 29, f'{DEMO} relays has "a" twice', "relay-twice"),
    row("tls = false", "tls = false\ncolors = true", 29, '(did you mean "colours"?)', "colours"),
    row('channel."#moby"', 'channel."#mobi"', 32, '[irc.demo] channels (did you mean "#moby"?)', "channel-table"),
    row('channel."#moby"', 'channels."#moby"', 32, "not valid TOML", "channels-twice"),
    row("commands =", "comands =", 33, '(did you mean "commands"?)', "channel-key"),
    row('"reads", "r', '"reads", "R', 33, '"Rebuild", which is no name of a command', "channel-command"),
    row('"reads", "rebuild"', '"reads", "reads"', 33, f'{OF_MOBY} commands has "reads" twice', "channel-command-twice"),
    row("commands =", 'prefix = "x"\ncommands =', 33, f"{OF_MOBY} prefix must be marks", "channel-prefix-letter"),
    row("commands =", 'prefix = " "\ncommands =', 33, f"{OF_MOBY} prefix must be marks", "channel-prefix-blank"),
    row("commands =", "notice = 1\ncommands =", 33, f"{OF_MOBY} notice must be true or false, is 1", "channel-notice"),
    row(
        "commands =",
        'key_file = "k"\nkey_env = "K"\ncommands =',
        34,
        f"{OF_MOBY} key_env and key_file are both there",
        "channel-two-keys",
    ),
    row(
        "commands",
        '[irc.demo.channel."#MOBY"]\ncommands',
        33,
        '[irc.demo.channel."#MOBY"] is "#moby" again',
        "channel-table-twice",
    ),
]


@pytest.mark.parametrize(("old", "new", "line", "said"), MUTATED)
def test_a_mistake_is_told_with_file_line_and_key(tmp_path: Path, old: str, new: str, line: int, said: str) -> None:
    assert old in GOOD
    found = problems(write(tmp_path, GOOD.replace(old, new, 1)))
    assert any(problem.startswith(f"gordon.toml:{line}: ") and said in problem for problem in found), found
    assert "geheim" not in str(found)
    assert "ghp_" not in str(found)


def test_there_are_at_least_fifty_mistakes() -> None:
    assert len(MUTATED) >= 50


def test_all_mistakes_are_told_at_once_in_the_order_of_lines(tmp_path: Path) -> None:
    text = GOOD.replace("home", "hoem").replace("= 10\n", '= "x"\n').replace("folder/", "../")
    assert [problem.split(":")[1] for problem in problems(write(tmp_path, text))] == ["2", "8", "17"]


def test_a_token_goes_over_plain_http_to_this_machine_only(tmp_path: Path) -> None:
    text = GOOD.replace("poll_s", 'user = "u"\ntoken_env = "T"\npoll_s')
    load(write(tmp_path, text))
    assert "must be https://" in problems(write(tmp_path, text.replace("127.0.0.1:8080", "ci.example")))[0]


def test_paths_begin_at_the_folder_of_the_file(tmp_path: Path) -> None:
    core = load(write(tmp_path, GOOD.replace("keep_days", 'people = "/etc/people.toml"\nkeep_days'))).gordon
    assert core.state == tmp_path / "gordon-state"
    assert core.people == Path("/etc/people.toml")


@pytest.mark.parametrize("mark", ["\ufeff", "\r\n"], ids=["byte-order-mark", "windows-lines"])
def test_files_from_windows_are_read(tmp_path: Path, mark: str) -> None:
    text = GOOD.replace("\n", mark) if mark == "\r\n" else mark + GOOD
    assert load(write(tmp_path, text)).gordon.home == "moby/moby"


def test_what_is_no_readable_file_is_told(tmp_path: Path) -> None:
    (tmp_path / "big").write_bytes(b"#" * (MAX_BYTES + 1))
    (tmp_path / "bytes").write_bytes(b"# x\n# \xff\n")
    (tmp_path / "deep").write_text("a = " + "[" * 100_000)
    os.mkfifo(tmp_path / "pipe")
    said = {
        "none": "cannot be read: No such file",
        "big": "is larger than",
        "bytes": "bytes:2: this line is not UTF-8",
        "deep": "too deep",
        "pipe": "is not a file",
        ".": "is not a file",
        "\0": "no file name",
    }
    for name, words in said.items():
        assert words in problems(tmp_path / name)[0], name


def test_a_file_that_everybody_may_change_is_refused(tmp_path: Path) -> None:
    path = write(tmp_path, GOOD)
    path.chmod(0o666)
    assert "run: chmod o-w" in problems(path)[0]


def test_secrets_are_read_only_when_asked_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("GORDON_GITHUB_TOKEN", raising=False)
    settings = load(write(tmp_path, EXAMPLE.read_text(encoding="utf-8")))
    whose = (
        *("secret of Jenkins ci", "notifications of Jenkins ci", "secret of GitHub", "webhook moby of GitHub"),
        *("the clients of Leeroy", "the account on IRC libera", "the bot on Slack moby", "the app on Slack moby"),
    )
    found = secrets_problems(settings)
    assert [[name in text for name in whose].index(True) for text in found] == list(range(len(whose)))
    monkeypatch.setenv("GORDON_GITHUB_TOKEN", "not-a-real-one")
    assert ["secret of GitHub" in text for text in secrets_problems(settings)] == [False] * (len(whose) - 1)


HOOKS = """
[web]
[github]
{github}
[github.hook.one]
{hook}
"""


@pytest.mark.parametrize(
    ("github", "hook", "said"),
    [
        pytest.param("", "", "[github.hook.one]: needs a secret, by secret_files or secret_envs", id="A7-no-secret"),
        pytest.param(
            "",
            'secret_envs = ["S"]\nrepos = ["moby/mobi"]',
            'in [repos]; it has "moby/moby", "moby/other" (did you',
            id="A8-repository",
        ),
        pytest.param(
            "",
            'secret_envs = ["S"]\nrepos = ["moby/moby", "moby/moby"]',
            'repos has "moby/moby" twice',
            id="repo-twice",
        ),
        pytest.param(
            "", 'secret_envs = ["geheim!"]', "secret_envs must be names of environment variables", id="secret-itself"
        ),
        pytest.param("", 'secret_files = ["a", "a"]', "secret_files has the same twice", id="file-twice"),
        pytest.param(
            "", 'secret_envs = ["S"]\nsecret_files = "a"', 'secret_files must be a list of paths, is "a"', id="no-list"
        ),
        pytest.param("", "secret_files = [1]", "secret_files must be text in quotes, is 1", id="no-path"),
        pytest.param(
            "", 'secret_envs = ["S"]\n[github.hook."a b"]\nsecret_envs = ["S"]', '"a b" cannot be a name', id="name"
        ),
        pytest.param("app_id = 1", 'secret_envs = ["S"]', "app_id is there without app_installation and", id="F45-app"),
        pytest.param(
            'app_key_file = "k"\napp_id = 5',
            'secret_envs = ["S"]',
            "app_id is there without app_installation",
            id="half",
        ),
        pytest.param(
            'app_key_file = "k"\napp_id = 5\napp_installation = 6\ntoken_env = "T"',
            'secret_envs = ["S"]',
            "app_id and a token are both there",
            id="app-and-token",
        ),
        pytest.param("app_id = -1", 'secret_envs = ["S"]', "app_id must be 0 to", id="app-number"),
        pytest.param(
            "compare_s = 601", 'secret_envs = ["S"]', "compare_s must be 0.05 to 600, is 601", id="F19-compare"
        ),
        pytest.param(
            'app_key_file = "k"\napp_id = 5\napp_installation = 6\nurl = "http://ghe.example"',
            'secret_envs = ["S"]',
            "url must be https:// because a token is sent there",
            id="app-without-tls",
        ),
        pytest.param(
            'url = "https://GitHub.com/"',
            'secret_envs = ["S"]',
            'url must be "https://api.github.com", is "https://GitHub.com/"',
            id="page-for-people",
        ),
        pytest.param(
            'url = "https://ghe.example"',
            'secret_envs = ["S"]',
            "url lacks the path of the API, mostly /api/v3",
            id="v3",
        ),
        pytest.param(
            "",
            'secret_envs = ["S"]\n[repos."moby/other".contexts.lxc]\njenkins = "ci"\njob = "lxc"\nstatus = "lxc"',
            "status is there without a token or an App in [github]",
            id="status-by-nobody",
        ),
    ],
)
def test_mistakes_with_webhooks_are_told(tmp_path: Path, github: str, hook: str, said: str) -> None:
    found = problems(write(tmp_path, GOOD + HOOKS.format(github=github, hook=hook)))
    assert len(found) == 1, found
    assert said in found[0]
    assert "geheim" not in found[0]


@pytest.mark.parametrize(
    "url", ["https://api.github.com", "https://api.octo.ghe.com", "https://ghe.example/api/v3/", "http://127.0.0.1:1"]
)
def test_where_githubs_api_may_be(tmp_path: Path, url: str) -> None:
    settings = load(write(tmp_path, f'{GOOD}[github]\nurl = "{url}"\ntoken_env = "T"\n'))
    assert settings.github
    assert settings.github.url == url


def test_a_webhook_needs_a_place_to_arrive_at(tmp_path: Path) -> None:
    found = problems(write(tmp_path, GOOD + '[github]\nsecret_envs = ["S"]\n'))
    assert ["secret_envs is there without [web]" in text for text in found] == [True]


def test_every_secret_of_a_webhook_must_be_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """F45: an old one and a new one, both of which count; an App has its key in a file of many lines."""
    monkeypatch.delenv("GORDON_TEST_HOOK", raising=False)
    github = 'secret_envs = ["GORDON_TEST_HOOK"]\napp_id = 1\napp_installation = 2\napp_key_file = "key.pem"'
    hook = 'secret_files = ["new", "old"]'
    for name, mode, text in (("new", 0o604, "sesame"), ("old", 0o600, "open"), ("key.pem", 0o644, "one\ntwo\n")):
        (tmp_path / name).write_text(text)
        (tmp_path / name).chmod(mode)
    settings = load(write(tmp_path, GOOD + HOOKS.format(github=github, hook=hook)))
    assert [text.removeprefix(f"{tmp_path}/") for text in secrets_problems(settings)] == [
        "environment variable GORDON_TEST_HOOK, the secret of the webhook of GitHub, is not set",
        "new: everybody may read the secret of the webhook one of GitHub; run: chmod o-r " + str(tmp_path / "new"),
        "key.pem: everybody may read the secret of the App of GitHub; run: chmod o-r " + str(tmp_path / "key.pem"),
    ]
    (tmp_path / "key.pem").chmod(0o600)
    assert "key.pem: the key of the App of GitHub must be a private key in PEM" in secrets_problems(settings)[-1]


def test_the_authorities_of_jenkins_are_there(tmp_path: Path) -> None:
    text = GOOD.replace("http://127.0.0.1:8080/", "https://ci.example/").replace("poll_s", 'ca_file = "ca.pem"\npoll_s')
    settings = load(write(tmp_path, text))
    assert secrets_problems(settings) == (
        f"{tmp_path}/ca.pem: cannot read the authorities of Jenkins ci: No such file or directory",
    )
    (tmp_path / "ca.pem").touch(0o644)
    assert secrets_problems(settings) == ()


IRC_SECRETS = """
[irc.net]
host = "irc.example"
channels = ["#moby"]
ca_file = "ca.pem"
certificate_file = "mine.pem"
{key}
[irc.net.channel."#moby"]
key_env = "GORDON_TEST_CHANNEL_KEY"
"""


@pytest.mark.parametrize(
    ("key", "modes", "said"),
    [
        pytest.param("", {"mine.pem": 0o600, "ca.pem": 0o644}, [], id="all-well"),
        pytest.param("", {"mine.pem": 0o644, "ca.pem": 0o644}, ["mine.pem: everybody may read our"], id="readable"),
        pytest.param(
            'key_file = "key.pem"', {"mine.pem": 0o644, "key.pem": 0o600, "ca.pem": 0o644}, [], id="key-apart"
        ),
        pytest.param(
            'key_file = "key.pem"',
            {"mine.pem": 0o644, "key.pem": 0o604, "ca.pem": 0o646},
            ["ca.pem: everybody may change the authorities of IRC net", "key.pem: everybody may read our key for"],
            id="key-readable",
        ),
        pytest.param("", {}, ["ca.pem: cannot read", "mine.pem: cannot read our certificate"], id="not-there"),
    ],
)
def test_what_tls_reads_is_there_and_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, key: str, modes: dict[str, int], said: list[str]
) -> None:
    monkeypatch.setenv("GORDON_TEST_CHANNEL_KEY", "sesame")
    for name, mode in modes.items():
        (tmp_path / name).touch()
        (tmp_path / name).chmod(mode)
    found = secrets_problems(load(write(tmp_path, GOOD + IRC_SECRETS.format(key=key))))
    assert [text.removeprefix(f"{tmp_path}/")[: len(words)] for text, words in zip(found, said, strict=True)] == said


def test_the_key_of_a_channel_is_a_secret_that_must_be_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("GORDON_TEST_CHANNEL_KEY", raising=False)
    settings = load(write(tmp_path, GOOD.replace("commands =", 'key_env = "GORDON_TEST_CHANNEL_KEY"\ncommands =')))
    assert secrets_problems(settings) == (
        "environment variable GORDON_TEST_CHANNEL_KEY, the secret of #moby on IRC demo, is not set",
    )


@pytest.mark.parametrize("host", ["127.0.0.1", "127.9.9.9", "::1", "[::1]", "localhost", "LocalHost"])
def test_this_machine_is_known(host: str) -> None:
    assert is_loopback(host)


@pytest.mark.parametrize("host", ["127.0.0.1.evil.example", "127.0.0.256", "localhost.example", "0.0.0.0", "", "::"])
def test_another_machine_is_not_taken_for_this_one(host: str) -> None:
    assert not is_loopback(host)


def kinds(kind: type[msgspec.Struct]) -> set[type[msgspec.Struct]]:
    found = {kind}
    for field in msgspec.structs.fields(kind):
        for part in (field.type, *get_args(field.type)):
            if isinstance(part, type) and issubclass(part, Settings):
                found |= kinds(part)
    return found


def test_every_number_has_limits_and_every_default_keeps_them() -> None:
    for kind in kinds(GordonSettings):
        fields = {field.name: field for field in msgspec.structs.fields(kind) if field.type in (int, float)}
        assert fields.keys() == LIMITS.get(kind, {}).keys()
        assert all(low <= fields[key].default <= high for key, (low, high) in LIMITS.get(kind, {}).items())


@pytest.mark.parametrize("key", LIMITS[DiagnosisSettings])
def test_no_number_of_the_diagnosis_may_be_outside_its_limits(tmp_path: Path, key: str) -> None:
    """Of `keep_days = -1` the next purge would take all that is known."""
    low, high = LIMITS[DiagnosisSettings][key]
    for value in (low - 1, high + 1):
        with pytest.raises(ConfigError, match=rf":36: \[diagnosis\] {key} must be {low} to {high}, is {value}"):
            load(write(tmp_path, GOOD.replace("[console]", f"[diagnosis]\n{key} = {value}\n\n[console]")))


def test_reading_the_configuration_loads_nothing_heavy() -> None:
    code = "import sys, bot.config, bot.people; print(*sys.modules)"
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()
    assert not {"asyncio", "difflib", "logging", "ssl", "aiohttp", "sqlalchemy"} & set(loaded)


LOCATED = """\
# a comment with [brackets]
a.b = 1
"q\\u0041.x" = 'it''s'
text = \"\"\"
[no.table]
c = 1\"\"\"\"
list = [ # ]
  "x", [1,
  2], { k = 1, l.m = "}" },
]
[t."u.v" . w] # d
e = 1
[[many]]
f = 1
[[many]]
f = 2
[many.sub]
g = '''
'''
h = 1
""".replace("'it''s'", "'it\"s'")


def test_the_line_of_each_key_is_known() -> None:
    lines = lines_of(LOCATED)
    wanted: dict[tuple[str | int, ...], int] = {
        ("a", "b"): 2, ("qA.x",): 3, ("text",): 4, ("list",): 7, ("list", 0): 8, ("list", 1): 8, ("list", 1, 1): 9,
        ("list", 2, "k"): 9, ("list", 2, "l", "m"): 9, ("t",): 11, ("t", "u.v", "w"): 11, ("t", "u.v", "w", "e"): 12,
        ("many",): 13, ("many", 0, "f"): 14, ("many", 1, "f"): 16, ("many", 1, "sub"): 17,
        ("many", 1, "sub", "g"): 18, ("many", 1, "sub", "h"): 20,
    }  # fmt: skip
    assert {at: lines.get(at) for at in wanted} == wanted
    assert ("c",) not in lines


@settings(max_examples=300, deadline=None)
@given(st.text(alphabet="[]{}=,.\"'#\\\n ab1", max_size=60))
def test_finding_lines_never_fails(text: str) -> None:
    assert all(1 <= line <= text.count("\n") + 1 for line in lines_of(text).values())


MUTATIONS = st.lists(
    st.tuples(st.sampled_from(["cut", "flip", "swap", "misspell", "drop"]), st.integers(0), st.integers(0)),
    min_size=1,
    max_size=4,
)


def mutate(content: bytes, how: str, first: int, second: int) -> bytes:
    lines = content.split(b"\n")
    one, two = first % len(lines), second % len(lines)
    pos = first % (len(content) or 1)
    match how:
        case "cut":
            return content[:pos]
        case "flip":
            return content[:pos] + bytes([second % 256]) + content[pos + 1 :]
        case "swap":
            lines[one], lines[two] = lines[two], lines[one]
        case "drop":
            del lines[one]
        case _:
            key, mark, rest = lines[one].partition(b" =")
            at = second % (len(key) or 1)
            lines[one] = key[:at] + key[at + 1 :] + mark + rest
    return b"\n".join(lines)


@pytest.mark.timeout(300)
@settings(max_examples=FUZZ, deadline=None, database=None, suppress_health_check=list(HealthCheck))
@given(MUTATIONS)
def test_no_text_does_more_than_be_refused(
    tmp_path_factory: pytest.TempPathFactory, steps: list[tuple[str, int, int]]
) -> None:
    content = EXAMPLE.read_bytes()
    for how, first, second in steps:
        content = mutate(content, how, first, second)
    path = tmp_path_factory.getbasetemp() / "fuzzed.toml"
    path.write_bytes(content)
    with contextlib.suppress(ConfigError):
        load(path)
