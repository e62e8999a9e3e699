"""What `deploy/compose.yaml` brings up: it is well-formed and shut in, and its parts fit each other and Gordon."""

import asyncio
import os
import re
import shlex
import shutil
import ssl
import stat
import subprocess
import sys
from asyncio.subprocess import PIPE, STDOUT
from collections.abc import Mapping
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import msgspec
import pytest

from bot.adapters.irc import Irc
from bot.adapters.jenkins import Jenkins
from bot.app import STOP_WITHIN_S
from bot.check import check
from bot.clock import SystemClock
from bot.config import load
from bot.demo.jenkins.nodes import Agent
from bot.demo.jenkins.standin import JenkinsStandIn
from bot.neighbours import networks_of
from bot.settings import JenkinsSettings
from bot.values import JobRef
from tests.irc_bot import IrcBot
from tests.irc_person import EVERYTHING, IrcPerson
from tests.rigs.compose_site import DEPLOY, ComposeSite, compose_site, irc_of
from tests.rigs.jenkins_jobs import WITNESS
from tests.rigs.process import program
from tests.world.honesty import until

LINT = "{extends: default, rules: {line-length: {max: 120}}}"
DOCKERFILES = ("Dockerfile", "jenkins/Dockerfile", "compose/irc/Dockerfile")
SCRIPTS = ("compose/prepare", "compose/irc/services", "jenkins/make-jobs")
OURS = ("gordon", "irc", "services", "jobs")


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> ComposeSite:
    return compose_site(tmp_path_factory.mktemp("site"))


@pytest.fixture(scope="module")
def rendered(site: ComposeSite) -> dict[str, Any]:
    """What compose makes of the file, with all that stands for something filled in."""
    asked = subprocess.run(["docker", "compose", "version"], capture_output=True) if shutil.which("docker") else None
    command = ["docker", "compose"] if asked is not None and asked.returncode == 0 else [program("docker-compose")]
    found = subprocess.run([*command, "config"], cwd=site.folder, capture_output=True, text=True, timeout=50)
    assert found.returncode == 0, found.stderr
    assert found.stderr == ""
    parsed: dict[str, Any] = msgspec.yaml.decode(found.stdout)
    return parsed


@pytest.mark.parametrize("name", DOCKERFILES)
def test_the_images_are_made_as_they_should_be(name: str) -> None:
    linter = Path(sys.executable).parent / "hadolint"
    found = subprocess.run([program(str(linter)), str(DEPLOY / name)], capture_output=True, text=True)
    assert (found.returncode, found.stdout) == (0, "")


def test_the_image_copies_what_is_there_and_is_let_in() -> None:
    """.dockerignore lets in what it names and nothing else."""
    image = (DEPLOY / "Dockerfile").read_text()
    copied = {name for names in re.findall(r"^COPY ([^-].+) \S+$", image, re.MULTILINE) for name in names.split()}
    ignored = (DEPLOY.parent / ".dockerignore").read_text().splitlines()
    assert ignored[1] == "*"
    assert copied == {line[1:] for line in ignored if line.startswith("!")}
    assert all((DEPLOY.parent / name).exists() for name in copied)


def test_the_image_starts_what_the_command_line_knows_and_is_nobody_with_a_number() -> None:
    image = (DEPLOY / "Dockerfile").read_text()
    assert 'ENTRYPOINT ["gordon"]\nCMD ["run", "/etc/gordon/gordon.toml"]\n' in image
    assert "\nUSER 10001:10001\n" in image
    assert "\nSTOPSIGNAL SIGTERM\n" in image


def test_what_the_image_compiles_can_be_loaded() -> None:
    found = re.search(r'bin/python (-P -c "(?:.|\n)+?")\n', (DEPLOY / "Dockerfile").read_text())
    assert found
    command = f"{shlex.quote(sys.executable)} {found[1]}"
    done = subprocess.run(["sh", "-c", command], cwd=DEPLOY.parent, capture_output=True, text=True, timeout=50)
    assert (done.returncode, done.stderr) == (0, "")


class Answering(BaseHTTPRequestHandler):
    """Stands for Gordon's own page, well or not."""

    status = 200

    def do_GET(self) -> None:
        self.send_response(self.status if self.path == "/ping" else 404)
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing."""


@pytest.mark.parametrize(
    ("status", "ends"),
    [pytest.param(200, 0, id="well"), pytest.param(503, 1, id="not-well"), pytest.param(0, 1, id="gone")],
)
def test_the_health_check_of_the_image_asks_gordon_itself_and_no_proxy(status: int, ends: int) -> None:
    found = re.search(r"HEALTHCHECK .+\n    CMD (\[.+\])\n", (DEPLOY / "Dockerfile").read_text())
    assert found
    python, flag, code = msgspec.json.decode(found[1])
    assert (python, flag) == ("python", "-c")
    with HTTPServer(("127.0.0.1", 0), type("Gordon", (Answering,), {"status": status})) as server:
        thread = Thread(target=server.handle_request if status else server.server_close, daemon=True)
        thread.start()
        here = code.replace("8080", str(server.server_port))
        environment = {**os.environ, "http_proxy": "http://127.0.0.1:9/"}
        done = subprocess.run([sys.executable, "-c", here], env=environment, capture_output=True, timeout=20)
        thread.join(5)
    assert done.returncode == ends


def test_the_file_is_clean_yaml() -> None:
    command = [sys.executable, "-m", "yamllint", "--strict", "-d", LINT, str(DEPLOY / "compose.yaml")]
    found = subprocess.run(command, capture_output=True, text=True)
    assert (found.returncode, found.stdout) == (0, "")


@pytest.mark.parametrize("name", SCRIPTS)
def test_the_scripts_can_be_read_by_their_shell_and_run(name: str) -> None:
    path = DEPLOY / name
    shell = "bash" if "bash" in path.read_text().partition("\n")[0] else "sh"
    assert subprocess.run([shell, "-n", str(path)], capture_output=True).returncode == 0
    assert os.access(path, os.X_OK)


@pytest.mark.parametrize("name", OURS)
def test_what_is_ours_can_write_nowhere_but_where_it_must_and_gains_nothing(
    rendered: dict[str, Any], name: str
) -> None:
    service = rendered["services"][name]
    assert service["read_only"] is True
    assert service["cap_drop"] == ["ALL"]
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert not service.get("privileged")


def test_nothing_listens_for_other_machines(rendered: dict[str, Any]) -> None:
    told = [port for service in rendered["services"].values() for port in service.get("ports", ())]
    assert len(told) == 3
    for port in told:
        assert port.startswith("127.0.0.1:") if isinstance(port, str) else port["host_ip"] == "127.0.0.1", port


def test_gordon_has_the_time_to_end_and_comes_after_its_neighbours(rendered: dict[str, Any]) -> None:
    gordon = rendered["services"]["gordon"]
    assert float(gordon["stop_grace_period"].rstrip("s")) > STOP_WITHIN_S
    waits = {name: rule["condition"] for name, rule in gordon["depends_on"].items()}
    assert waits == {"jenkins": "service_healthy", "irc": "service_healthy", "services": "service_started"}
    assert "healthcheck" in rendered["services"]["jenkins"]
    assert "healthcheck" in rendered["services"]["irc"]


def test_each_service_is_given_the_secrets_that_its_files_name(rendered: dict[str, Any]) -> None:
    files = {
        "gordon": ["compose/gordon/gordon.toml"],
        "irc": ["compose/irc/inspircd.conf"],
        "services": ["compose/irc/atheme.conf", "compose/irc/services"],
    }
    for name, paths in files.items():
        text = "".join(re.sub(r"^#.*$", "", (DEPLOY / path).read_text(), flags=re.MULTILINE) for path in paths)
        given = {one if isinstance(one, str) else one["source"] for one in rendered["services"][name]["secrets"]}
        assert set(re.findall(r"/run/secrets/([\w.-]+)", text)) == given, name
    jenkins = {one if isinstance(one, str) else one["source"] for one in rendered["services"]["jenkins"]["secrets"]}
    casc = (DEPLOY / "jenkins" / "casc.yaml").read_text()
    assert set(re.findall(r'"\$\{([A-Z_]+)\}"', casc)) == (jenkins - {"jenkins.p12"}) | {"JENKINS_URL"}


def mounts(service: dict[str, Any]) -> set[tuple[str, str]]:
    """List which volume is where; older releases of Compose write each as one text."""
    parts = [one.split(":") if isinstance(one, str) else (one["source"], one["target"]) for one in service["volumes"]]
    return {(source, target) for source, target, *_ in parts}


def test_each_agent_of_the_controller_is_there(rendered: dict[str, Any]) -> None:
    casc = msgspec.yaml.decode((DEPLOY / "jenkins" / "casc.yaml").read_bytes())
    agents = {node["permanent"]["name"] for node in casc["jenkins"]["nodes"]}
    known = {name: one["environment"] for name, one in rendered["services"].items() if "agent" in one.get("image", "")}
    assert set(known) == agents
    for name, environment in known.items():
        assert environment["JENKINS_AGENT_NAME"] == name
        assert environment["JENKINS_SECRET"] == "@/agent/secret"
        assert mounts(rendered["services"][name]) == {(name, "/agent")}, "nobody else's secret"
        assert (name, f"/agents/{name}") in mounts(rendered["services"]["jenkins"])
        assert f"/agents/{name}" in (DEPLOY / "jenkins" / "Dockerfile").read_text()


def test_the_secrets_are_kept_from_others_and_made_once(site: ComposeSite, rendered: dict[str, Any]) -> None:
    wanted = {name: Path(one["file"]) for name, one in rendered["secrets"].items()}
    assert {path.name for path in site.secrets.iterdir()} == set(wanted)
    assert stat.S_IMODE(site.secrets.stat().st_mode) == 0o700
    modes = {name: stat.S_IMODE((site.secrets / name).stat().st_mode) for name in wanted}
    assert modes == {name: 0o644 if name == "ca.pem" else 0o640 for name in wanted}
    again = subprocess.run([site.folder / "compose" / "prepare"], capture_output=True, text=True)
    assert again.returncode == 1
    assert "is there already" in again.stderr


def configured(site: ComposeSite, folder: Path, changes: Mapping[str, str]) -> Path:
    """Write Gordon's configuration of the site into a folder, with the paths of this machine."""
    for name in ("gordon.toml", "people.toml"):
        shutil.copy(DEPLOY / "compose" / "gordon" / name, folder)
    return site.here(folder / "gordon.toml", {"/var/lib/gordon": str(folder / "state"), **changes})


def test_the_configuration_passes_gordon_check(site: ComposeSite, tmp_path: Path) -> None:
    config = configured(site, tmp_path, {})
    settings = load(config)
    assert check(config, live=False)[0] == []
    assert settings.web is not None
    assert f"'127.0.0.1', {settings.web.port}," in (DEPLOY / "Dockerfile").read_text()
    jobs = {context.job for context in settings.repos["moby/moby"].contexts.values()}
    assert jobs == set(re.findall(r"^- job:\n    name: ([\w-]+)$", (DEPLOY / "jenkins/jobs.yaml").read_text(), re.M))


async def test_gordon_is_logged_in_on_the_network_and_knows_who_registers(site: ComposeSite, tmp_path: Path) -> None:
    """The InspIRCd and the Atheme of this machine take their files, and `prepare` has made Gordon's account."""
    own = ComposeSite(Path(shutil.copytree(site.folder, tmp_path / "site")))
    with irc_of(own) as port:
        config = configured(own, tmp_path, {'host = "irc"\n': f'host = "127.0.0.1"\nport = {port}\n'})
        chat = networks_of(load(config), SystemClock())["compose"]
        assert isinstance(chat, Irc)
        gordon = IrcBot(chat, None)
        try:
            context = ssl.create_default_context(cafile=str(own.secrets / "ca.pem"))
            operator = await IrcPerson.come(port, "op", "#moby", capabilities=EVERYTHING, tls=context)
            await operator.say("NickServ", "REGISTER open-sesame op@example.org")
            await operator.until(" 900 | ACCOUNT | is now registered")
            await until(chat.connected)
            await operator.say("#moby", "!whoami")
            heard = await gordon.hears()
            assert (heard.speaker.account, heard.place.network, heard.place.channel) == ("op", "compose", "#moby")
            await operator.write("WHOIS gordon")
            await operator.until(" 330 op gordon gordon ")
            assert gordon.troubles() == {}
            await operator.leave()
        finally:
            await gordon.stop()


async def test_the_jobs_are_made_by_the_administrator_of_the_site(site: ComposeSite, tmp_path: Path) -> None:
    jenkins = JenkinsStandIn(SystemClock(), quiet_period_s=0.0)
    password = (site.secrets / "JENKINS_ADMIN_PASSWORD").read_text()
    jenkins.add_user("admin", token=password)
    jenkins.add_node(Agent("dm-7", labels=("linux",)))
    await jenkins.start()
    environment = {
        **os.environ,
        "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
        "PYTHONPATH": str(WITNESS),
        "TMPDIR": str(tmp_path),
        "JENKINS_URL": jenkins.url,
        "JENKINS_ADMIN_PASSWORD_FILE": str(site.secrets / "JENKINS_ADMIN_PASSWORD"),
    }
    try:
        made = await asyncio.create_subprocess_exec(
            *(DEPLOY / "jenkins" / "make-jobs",), cwd=DEPLOY / "jenkins", env=environment, stdout=PIPE, stderr=STDOUT
        )
        told, _ = await asyncio.wait_for(made.communicate(), 50)
        assert made.returncode == 0, told.decode()
        assert password not in told.decode()
        adapter = Jenkins("ci", JenkinsSettings(url=jenkins.url, user="admin"), password, SystemClock())
        names = ("docker-prs", "docker-matrix", "docker-pipeline")
        assert not [
            problem for problem in await adapter.check([JobRef("ci", name) for name in names]) if "no job" in problem
        ]
        await adapter.close()
    finally:
        await jenkins.stop()
