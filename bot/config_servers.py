"""What is wrong with the sections of the servers that Gordon reaches over HTTP, and with the one that they reach."""

from collections.abc import Mapping

import re2

from bot.config_github import check_github
from bot.config_values import HOST, NAME, PARAMETER, check_limits, check_names, check_secret, check_url
from bot.settings import GordonSettings, JenkinsSettings, ParameterNames
from bot.toml_file import At, Findings, show

PATTERN_BYTES = 1 << 20  # of memory that a pattern may take; a label is a word


def check_servers(settings: GordonSettings, findings: Findings) -> None:
    """Look at [jenkins], [github] and [web]."""
    check_names(settings.jenkins, NAME, ("jenkins",), findings)
    for name, jenkins in settings.jenkins.items():
        _check_jenkins(jenkins, settings, ("jenkins", name), findings)
    check_github(settings, findings)
    if settings.web is not None:
        check_limits(settings.web, ("web",), findings)
        token = (settings.web.status_token_file, settings.web.status_token_env)
        check_secret(*token, ("web", "status_token_env"), findings)
        if not HOST.fullmatch(settings.web.host):
            findings.about(("web", "host"), f"must be the name or address of a host, is {show(settings.web.host)}")


def _check_jenkins(jenkins: JenkinsSettings, settings: GordonSettings, at: At, findings: Findings) -> None:
    check_limits(jenkins, at, findings)
    check_secret(jenkins.token_file, jenkins.token_env, (*at, "token_env"), findings)
    has_token = jenkins.token_file is not None or bool(jenkins.token_env)
    check_url(jenkins.url, has_token, at, findings)
    if has_token and not jenkins.user:
        findings.about((*at, "user"), "is missing: Jenkins takes a token only together with its user")
    if not all(char.isprintable() and char != ":" for char in jenkins.user):
        findings.about((*at, "user"), f"must have no colon or control character, is {show(jenkins.user)}")
    if jenkins.ca_file is not None and jenkins.url.startswith("http:"):
        findings.about((*at, "ca_file"), "is of no use without https")
    if jenkins.idle_poll_s < jenkins.poll_s:
        words = f"must be at least poll_s, which is {jenkins.poll_s:g}, is {jenkins.idle_poll_s:g}"
        findings.about((*at, "idle_poll_s"), words)
    check_secret(jenkins.notify_secret_file, jenkins.notify_secret_env, (*at, "notify_secret_env"), findings)
    key = "notify_secret_env" if jenkins.notify_secret_env else "notify_secret_file"
    if settings.web is None and getattr(jenkins, key):
        findings.about((*at, key), "is there without [web], where notifications would arrive")
    _check_tags(jenkins.tags, (*at, "tags"), findings)
    _check_parameter_names(jenkins.parameters, (*at, "parameters"), findings)


def _check_tags(tags: Mapping[str, str], at: At, findings: Findings) -> None:
    options = re2.Options()
    options.max_mem, options.log_errors = PATTERN_BYTES, False
    check_names(tags, NAME, at, findings)
    for tag, pattern in tags.items():
        try:
            groups = re2.compile(pattern, options).groups
        except re2.error as error:
            findings.about((*at, tag), f"must be a regular expression of RE2, is {show(pattern)}: {_said(error)}")
            continue
        if groups != 1:
            findings.about((*at, tag), f"must have one group, which is the value; it has {groups} in {show(pattern)}")


def _said(error: Exception) -> str:
    """Say what RE2 says, which is bytes."""
    said = error.args[0] if error.args else ""
    return said.decode("utf-8", "replace") if isinstance(said, bytes) else str(said)


def _check_parameter_names(parameters: ParameterNames, at: At, findings: Findings) -> None:
    taken: dict[str, str] = {}
    for fact in parameters.__struct_fields__:
        name = getattr(parameters, fact)
        if name and not PARAMETER.fullmatch(name):
            findings.about((*at, fact), f"must be the name of a build parameter, is {show(name)}")
        elif name and name in taken:
            findings.about((*at, fact), f"is {show(name)}, and so is {taken[name]}")
        taken[name] = fact
