"""What `deploy/gordon.service` tells systemd: it is right, shut in, and fits what Gordon does."""

import re
import subprocess
import sys
from collections import defaultdict
from pathlib import Path

import pytest

from bot.app import STOP_WITHIN_S
from bot.check import check
from bot.cli import WRONG
from bot.settings import CoreSettings
from bot.watchdog import STUCK_EXIT
from tests.rigs.process import program

DEPLOY = Path(__file__).parents[1] / "deploy"
UNIT = DEPLOY / "gordon.service"
MAX_EXPOSURE = 1.1  # of 10; what is left is the network, and the machine's root, read-only


@pytest.fixture(scope="module")
def lines() -> dict[str, list[str]]:
    """The settings of the unit; those that are commented out are not among them."""
    found = defaultdict(list)
    for line in UNIT.read_text().splitlines():
        if re.match(r"[A-Z]\w+=", line):
            key, _, value = line.partition("=")
            found[key].append(value)
    return found


def seconds(text: str) -> float:
    return float(text.removesuffix("min")) * 60 if text.endswith("min") else float(text)


def analyzed(tmp_path: Path, *arguments: str) -> tuple[int, str]:
    """Have systemd look at the unit as it would stand on a machine that has Gordon, and give what it says."""
    unit = tmp_path / UNIT.name
    unit.write_text(UNIT.read_text().replace("/opt/gordon/.venv/bin/gordon", sys.executable))
    found = subprocess.run(
        [program("systemd-analyze"), *arguments, str(unit)], capture_output=True, text=True, timeout=50
    )
    return found.returncode, found.stdout + found.stderr


def test_systemd_finds_nothing_wrong_with_the_unit(tmp_path: Path) -> None:
    assert analyzed(tmp_path, "verify") == (0, "")


def test_the_unit_leaves_gordon_little_but_the_network(tmp_path: Path) -> None:
    most = f"--threshold={MAX_EXPOSURE * 10:.0f}"
    status, told = analyzed(tmp_path, "security", "--offline=true", "--no-pager", most)
    assert status == 0, told


def test_what_gordon_does_fits_what_systemd_waits_for(lines: dict[str, list[str]]) -> None:
    assert lines["Type"] == ["notify"]  # notify-reload came with version 253, and Debian 12 has 252
    assert seconds(lines["WatchdogSec"][0]) > CoreSettings(home="").stuck_after_s + 15  # that one knows the plugin
    assert seconds(lines["TimeoutStopSec"][0]) > STOP_WITHIN_S
    assert lines["RestartPreventExitStatus"] == [str(WRONG)]
    assert str(STUCK_EXIT) not in lines["RestartPreventExitStatus"]
    assert lines["ExecReload"] == ["/bin/kill -HUP $MAINPID"]


def test_a_configuration_that_names_the_credentials_passes_gordon_check(
    lines: dict[str, list[str]], tmp_path: Path
) -> None:
    """By the command of the runbook; systemd calls what comes from a folder ID_FILENAME."""
    [(name, source)] = [credential.split(":") for credential in lines["LoadCredential"]]
    runbook = (DEPLOY / "README.md").read_text()
    [(there, here)] = re.findall(r"^sed -i 's\|(.+)\|(.+)\|' /etc/gordon/gordon\.toml$", runbook, re.MULTILINE)
    assert (there, here) == ('"secrets/', f'"/run/credentials/gordon.service/{name}_')
    assert source == "/etc/gordon/secrets"
    folder = tmp_path / "credentials"
    folder.mkdir()
    for secret in re.findall(r'"secrets/(.+?)"', SITE):
        path = folder / f"{name}_{secret}"
        path.write_text("11aa22bb33cc")
        path.chmod(0o400)
    text = SITE.replace(there, here).replace("/run/credentials/gordon.service", str(folder))
    (tmp_path / "gordon.toml").write_text(text)
    (tmp_path / "people.toml").write_text('[people.tianon]\nirc = { libera = "tianon" }\n')
    problems, _ = check(tmp_path / "gordon.toml", live=False)
    assert problems == []


SITE = """
[gordon]
home = "moby/moby"
state = "/var/lib/gordon"
people = "people.toml"

[jenkins.ci]
url = "https://jenkins.example.org/"
user = "gordon"
token_file = "secrets/jenkins-token"
notify_secret_file = "secrets/notify"

[web]

[github]
token_file = "secrets/github-token"
secret_files = ["secrets/github-hook"]

[repos."moby/moby".contexts.janky]
jenkins = "ci"
job = "docker-prs"

[irc.libera]
host = "irc.libera.chat"
account = "gordon"
account_password_file = "secrets/irc-account-password"
"""
