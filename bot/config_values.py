"""What one value of the configuration may be: numbers within limits, names, addresses, where secrets come from."""

import re
from collections.abc import Mapping
from pathlib import Path

import msgspec

from bot.settings import (
    CoreSettings,
    DiagnosisSettings,
    GitHubSettings,
    IrcSettings,
    JenkinsSettings,
    LeeroySettings,
    SlackSettings,
    WebSettings,
)
from bot.toml_file import At, Findings, or_nearest, show, table_name

DAY_S = 86400
MAX_ID = (1 << 53) - 1  # what JSON carries whole
LIMITS: Mapping[type[msgspec.Struct], Mapping[str, tuple[float, float]]] = {
    CoreSettings: {
        "handler_limit_s": (0.01, 600),
        "patience_s": (0.01, 7 * DAY_S),
        "again_after_s": (0.01, 3600),
        "stuck_after_s": (0.1, 3600),
        "builds_per_person": (1, 1000),
        "commands_per_minute": (1, 1000),
        "commands_per_minute_in_channel": (1, 10_000),
        "rebuilds_per_hour": (1, 1000),
        "rebuilds_per_commit": (1, 100),
        "keep_days": (5, 3650),  # a signed delivery that is four days old is still taken: its key must not be forgotten
    },
    JenkinsSettings: {
        "timeout_s": (0.1, 120),
        "poll_s": (0.05, 3600),
        "idle_poll_s": (0.05, 3600),
        "node_stable_s": (0, 3600),
    },
    GitHubSettings: {
        "app_id": (0, MAX_ID),
        "app_installation": (0, MAX_ID),
        "timeout_s": (0.1, 120),
        "compare_s": (0.05, 600),
    },
    WebSettings: {"port": (0, 65535)},
    LeeroySettings: {"requests_per_minute": (1, 10_000), "builds": (1, 10_000)},
    DiagnosisSettings: {
        "within_s": (1, 3600),
        "green_logs": (0, 1000),
        "red_logs": (0, 1000),
        "logs_max_mb": (1, 1_000_000),
        "keep_days": (30, 3650),
    },
    IrcSettings: {"port": (1, 65535), "burst_lines": (1, 100), "line_every_s": (0.001, 60)},
    SlackSettings: {"timeout_s": (0.1, 120)},
}

NAME = re.compile(r"[A-Za-z0-9_-]{1,64}")
HOST = re.compile(r"[A-Za-z0-9._-]{1,253}|[0-9A-Fa-f:.]{2,45}")
VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
COMMAND = re.compile(r"[a-z][a-z-]*( [a-z][a-z-]*)*")
PARAMETER = re.compile(r"[A-Za-z0-9_.-]{1,100}")
URL = re.compile(
    r"(?P<scheme>https?)://(?P<host>[\w.-]+|\[[0-9A-Fa-f:.]+\])(:(?P<port>\d{1,5}))?(/[^\s?#]*)?", re.ASCII
)
LOOPBACK = re.compile(r"localhost|127(\.(25[0-5]|2[0-4][0-9]|1[0-9]{2}|[1-9]?[0-9])){3}|\[?::1\]?", re.IGNORECASE)


def is_loopback(host: str) -> bool:
    """Tell whether a host name can only be this machine."""
    return LOOPBACK.fullmatch(host) is not None


def check_limits(section: msgspec.Struct, at: At, findings: Findings) -> None:
    for key, (low, high) in LIMITS[type(section)].items():
        value = getattr(section, key)
        if not low <= value <= high:  # false for "nan" too
            findings.about((*at, key), f"must be {low} to {high}, is {show(value)}")


def check_names(names: Mapping[str, object], pattern: re.Pattern[str], at: At, findings: Findings) -> None:
    for name in names:
        if not pattern.fullmatch(name):
            findings.say((*at, name), f"{table_name((*at, name))}: {show(name)} cannot be a name here")


def not_there(name: str, there: Mapping[str, object], section: str) -> str:
    has = f"it has {', '.join(map(show, there))}" if there else "it is empty"
    return f"is {show(name)}, which is not in {section}; {has}{or_nearest(name, there)}"


def check_url(url: str, has_token: bool, section: At, findings: Findings) -> None:
    at = (*section, "url")
    found = URL.fullmatch(url)
    if "@" in url:
        findings.about(at, "must have no user or password inside; name them by user and token_file")
    elif found is None or not 0 < int(found["port"] or 80) < 65536:
        findings.about(at, f"must be http:// or https:// with a host, without ? and #, is {show(url)}")
    elif found["scheme"] == "http" and has_token and not is_loopback(found["host"]):
        findings.about(at, f"must be https:// because a token is sent there, is {show(url)}")


def check_secret(file: Path | None, variable: str, at: At, findings: Findings) -> None:
    if variable and not VARIABLE.fullmatch(variable):  # not shown: it may be the secret itself
        findings.about(at, "must be the name of an environment variable, not the secret itself")
    elif file is not None and variable:
        findings.about(at, f"and {str(at[-1]).removesuffix('_env')}_file are both there; keep one")
