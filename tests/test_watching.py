"""What deploy/ gives whoever watches Gordon: rules, a dashboard and a page of advice that fit what Gordon tells."""

import asyncio
import json
import re
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import aiohttp
import pytest
import yaml
from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.models.dashboard import Dashboard
from prometheus_client.parser import text_string_to_metric_families

from bot.demo.world import World
from bot.loader import load_plugins
from bot.metrics import GAUGES, Metrics
from bot.settings import PLUGINS, CoreSettings, DiagnosisSettings
from bot.testing import running
from tests.rigs.process import free_port, program, wait_until_open
from tests.rigs.process import running as serving
from tests.test_readme import section
from tests.virtual_clock import VirtualClock

DEPLOY = Path(__file__).parents[1] / "deploy"
RULES, TRIALS, CONFIG = (DEPLOY / "prometheus" / name for name in ("alerts.yaml", "alerts.test.yaml", "prometheus.yml"))
ALERTS = [rule for group in yaml.safe_load(RULES.read_text())["groups"] for rule in group["rules"]]
DASHBOARD = json.loads((DEPLOY / "grafana" / "gordon.json").read_text())
ROWS = ["Health", "Chat", "Builds", "Failures", "API", "Process"]
LINT = "{extends: default, rules: {line-length: {max: 160}}}"
METRIC = re.compile(r"\b(?:gordon|process)_\w+")


def names(value: Any) -> Iterator[str]:
    """Find all expressions of a dashboard."""
    for key, inner in value.items() if isinstance(value, dict) else enumerate(value):
        if key == "expr":
            yield inner
        elif isinstance(inner, dict | list):
            yield from names(inner)


EXPRESSIONS = [*names(DASHBOARD)]


def scrape() -> str:
    """Write a page of metrics with each gauge on it."""
    gauges = {name: {("x",) * len(labels): 1.0} for name, (_, labels) in GAUGES.items()}
    return Metrics(VirtualClock()).page(gauges, "")[0].decode()


def series() -> set[str]:
    """List the names that may stand in an expression."""
    endings = {"counter": ("_total",), "histogram": ("_bucket", "_count", "_sum")}
    found = text_string_to_metric_families(scrape())
    return {f"{family.name}{ending}" for family in found for ending in endings.get(family.type, ("",))}


def ran(*command: str | Path, given: str = "") -> None:
    ended = subprocess.run(
        [str(word) for word in command], input=given, capture_output=True, text=True, timeout=50, cwd=DEPLOY
    )
    assert ended.returncode == 0, ended.stdout + ended.stderr


def test_prometheus_takes_its_configuration_and_the_rules() -> None:
    ran(program("promtool"), "check", "config", CONFIG)


def test_each_alert_comes_when_it_should() -> None:
    ran(program("promtool"), "test", "rules", TRIALS)
    tried = set(re.findall(r'alertname(?:=|: )"?(\w+)', TRIALS.read_text()))
    assert tried == {rule["alert"] for rule in ALERTS}


def test_prometheus_finds_nothing_amiss_with_the_names_and_the_help() -> None:
    ran(program("promtool"), "check", "metrics", given=scrape())


@pytest.mark.parametrize("path", [RULES, TRIALS, CONFIG], ids=lambda path: path.name)
def test_the_files_are_tidy(path: Path) -> None:
    ran(sys.executable, "-m", "yamllint", "--strict", "-d", LINT, path)


def test_each_alert_has_its_paragraph_and_no_paragraph_is_left_over() -> None:
    text = (DEPLOY / "README.md").read_text()
    assert re.findall(r"^#### (Gordon\w+)\n\n\S", text, re.MULTILINE) == [rule["alert"] for rule in ALERTS]
    for rule in ALERTS:
        assert rule["annotations"]["runbook"] == f"deploy/README.md#{rule['alert'].lower()}"
        assert rule["labels"]["severity"] in ("page", "warn")
        assert {"summary", "description"} <= rule["annotations"].keys()


def test_what_is_advised_at_night_is_there_to_be_typed_or_set() -> None:
    """What stands as code is a command of chat or of the shell, a setting, a number that is told, or named here."""
    advice = section((DEPLOY / "README.md").read_text(), "### What to do when an alert comes")
    commands = {name.split()[0] for name in load_plugins(PLUGINS, {}).commands}
    settings = {*CoreSettings.__struct_fields__, *DiagnosisSettings.__struct_fields__}
    shell, loops = {"gordon", "systemctl", "curl", "grep"}, {"work", "edge"}
    named = {"handler", "logs", "[web]", "gordon.toml", "gordon.db.v*", "gordon.db.before-*"}
    known = commands | settings | series() | shell | loops | named
    words = {code.split()[0] for code in re.findall(r"`([^`]+)`", advice)}
    assert {word for word in words if word not in known and not word.startswith("/")} == set()


@pytest.mark.parametrize(
    "expressions",
    [pytest.param([rule["expr"] for rule in ALERTS], id="alerts"), pytest.param(EXPRESSIONS, id="dashboard")],
)
def test_what_is_asked_for_is_told(expressions: Sequence[str]) -> None:
    asked = {name for expression in expressions for name in METRIC.findall(expression)}
    assert asked - series() == set()
    assert len(asked) >= 10


def test_all_that_is_told_is_shown() -> None:
    """A number that nobody sees is not worth its keeping."""
    shown = {name for expression in EXPRESSIONS for name in METRIC.findall(expression)}
    ours = {name for name in series() if name.startswith("gordon_")}
    unseen = {name for name in ours - shown if not name.endswith(("_sum", "_bucket", "_count"))}
    assert unseen == {"gordon_disk_readable"}  # is in `gordon_ready`


def test_grafana_knows_all_of_the_dashboard() -> None:
    read = json.loads(JSONEncoder(sort_keys=True).encode(Dashboard.from_json(DASHBOARD)))
    assert list(lost(DASHBOARD, read)) == []
    assert [panel["title"] for panel in DASHBOARD["panels"] if panel["type"] == "row"] == ROWS
    sources = {panel["datasource"]["uid"] for panel in DASHBOARD["panels"] if panel["type"] != "row"}
    assert sources == {"${datasource}"}


def lost(written: Any, read: Any, at: str = "") -> Iterator[str]:
    """List what is written and was not read back."""
    if isinstance(written, dict) and isinstance(read, dict):
        for key, value in written.items():
            yield from lost(value, read.get(key), f"{at}/{key}")
    elif isinstance(written, list) and isinstance(read, list) and len(written) == len(read):
        for number, value in enumerate(written):
            yield from lost(value, read[number], f"{at}/{number}")
    elif written != read:
        yield f"{at}: {written!r} is {read!r}"


def test_the_panels_stand_beside_each_other() -> None:
    taken: set[tuple[int, int]] = set()
    for panel in DASHBOARD["panels"]:
        place = panel["gridPos"]
        cells = {(x + place["x"], y + place["y"]) for x in range(place["w"]) for y in range(place["h"])}
        assert not cells & taken, panel["title"]
        assert place["x"] + place["w"] <= 24
        taken |= cells


def test_each_expression_of_the_dashboard_can_be_read(tmp_path: Path) -> None:
    plain = [one.replace("$__rate_interval", "5m").replace("$instance", ".*") for one in EXPRESSIONS]
    rules = [{"record": f"x{number}", "expr": expression} for number, expression in enumerate(plain)]
    file = tmp_path / "rules.yaml"
    file.write_text(yaml.safe_dump({"groups": [{"name": "dashboard", "rules": rules}]}))
    ran(program("promtool"), "check", "rules", file)


async def test_a_real_prometheus_reads_a_gordon_at_work(tmp_path: Path) -> None:
    prometheus = program("prometheus")
    async with World(tmp_path, with_hook=True) as world, running(tmp_path, world=world) as gordon:
        assert gordon.app.web is not None
        await gordon.app.web.listening.wait()
        config = yaml.safe_load(CONFIG.read_text())
        config["global"] = {"scrape_interval": "200ms", "evaluation_interval": "200ms"}
        config["rule_files"] = [str(RULES)]
        config["scrape_configs"][0]["static_configs"] = [{"targets": [gordon.app.web.url.removeprefix("http://")]}]
        file, log, port = tmp_path / "prometheus.yml", tmp_path / "prometheus.log", free_port()
        file.write_text(yaml.safe_dump(config))
        command = [
            prometheus,
            f"--config.file={file}",
            f"--web.listen-address=127.0.0.1:{port}",
            f"--storage.tsdb.path={tmp_path / 'tsdb'}",
        ]
        with serving(command, log) as server:
            await asyncio.to_thread(wait_until_open, port, server, log)
            await gordon.say("tianon", "rebuild moby#1 janky", expect="queued janky")
            async with aiohttp.ClientSession() as session, asyncio.timeout(60):
                query = f"http://127.0.0.1:{port}/api/v1/query?query="
                while await values(session, query + "sum(gordon_builds_started_total)") != ["1"]:  # noqa: ASYNC110
                    await asyncio.sleep(0.1)
                assert await values(session, query + 'up{job="gordon"}') == ["1"]
                assert await values(session, query + "gordon_ready") == ["1"]
                assert await values(session, query + 'ALERTS{alertstate="firing"}') == []


async def values(session: aiohttp.ClientSession, url: str) -> list[str]:
    async with session.get(url) as answer:
        if answer.status == 503:  # it listens before it is ready
            return []
        told = await answer.json()
    return [one["value"][1] for one in told.get("data", {}).get("result", [])]
