"""What is right and wrong with `[slack.NAME]`."""

import re
from collections.abc import Collection, Mapping

from bot.config_values import COMMAND, NAME, check_limits, check_names, check_secret, check_url
from bot.settings import GordonSettings, SlackSettings
from bot.toml_file import At, Findings, or_nearest, show, table_name

# Names as Slack takes them, in any script; or an id.
CHANNEL = re.compile(r"#[^\sA-Z!-,./:-@\[-^`{-~]{1,80}|[CG][A-Z0-9]{6,20}")
MEMBER = re.compile(r"[UWB][A-Z0-9]{6,20}")
SECRETS = ("bot_token", "app_token", "signing_secret")
SLASH = re.compile(r"/[a-z0-9_-]{1,31}")


def check_slack(settings: GordonSettings, taken: Mapping[str, str], findings: Findings) -> None:
    """Look at the workspaces.

    Arguments:
        taken: names of networks that are spoken for, and what each is.
    """
    check_names(settings.slack, NAME, ("slack",), findings)
    secrets: dict[tuple[str, object], str] = {}
    for name, slack in settings.slack.items():
        at = ("slack", name)
        if name in taken:
            findings.say(at, f"{table_name(at)}: {show(name)} is {taken[name]}; choose another name")
        elif name in settings.irc:
            findings.say(at, f"{table_name(at)}: there is [irc.{name}], and a place would be of both; choose another")
        check_limits(slack, at, findings)
        check_url(slack.url, True, at, findings)
        _check_secrets(slack, at, findings, has_web=settings.web is not None)
        _check_own(name, slack, secrets, findings)
        if not SLASH.fullmatch(slack.command):
            findings.about((*at, "command"), f"must be like /gordon, is {show(slack.command)}")
        _check_texts(
            slack.channels, CHANNEL, ", which is no channel: write #name or its id", (*at, "channels"), findings
        )
        for key, ids in (("bots", slack.bots), ("relays", slack.relays)):
            _check_texts(ids, MEMBER, ", which is no id of a bot; they begin with U or B", (*at, key), findings)
        both = [one for one in slack.bots if one in slack.relays]
        if both:
            findings.about((*at, "bots"), f"has {show(both[0])}, which is in relays, too: it is obeyed or it is not")
        for channel, own in slack.channel.items():
            here = (*at, "channel", channel)
            _check_texts(own.commands, COMMAND, ", which is no name of a command", (*here, "commands"), findings)
            if channel not in slack.channels:
                hint = or_nearest(channel, slack.channels)
                findings.say(here, f"{table_name(here)}: {show(channel)} is not in {table_name(at)} channels{hint}")


def _check_secrets(slack: SlackSettings, at: At, findings: Findings, *, has_web: bool) -> None:
    has: dict[str, bool] = {}
    for name in SECRETS:
        file, variable = getattr(slack, f"{name}_file"), getattr(slack, f"{name}_env")
        check_secret(file, variable, (*at, f"{name}_env"), findings)
        has[name] = file is not None or bool(variable)
    if not has["bot_token"]:
        findings.say(at, f"{table_name(at)}: needs bot_token_file or bot_token_env, the token that begins with xoxb-")
    if has["app_token"] == has["signing_secret"]:
        what = "both are there; keep one" if has["app_token"] else "neither is there"
        said = "needs app_token_file for Socket Mode, or signing_secret_file where Slack sends to [web]"
        findings.say(at, f"{table_name(at)}: {said}; {what}")
    elif has["signing_secret"] and not has_web:
        findings.say(at, f"{table_name(at)}: signing_secret_file is of use only with [web], where Slack sends to")


def _check_own(name: str, slack: SlackSettings, taken: dict[tuple[str, object], str], findings: Findings) -> None:
    """See that a workspace shares no secret with another: of one app Slack sends what is for both to either.

    https://docs.slack.dev/apis/events-api/using-socket-mode/, and an app has a single request URL.
    """
    for key in SECRETS:
        for kind in ("file", "env"):
            source = getattr(slack, f"{key}_{kind}")
            if not source:
                continue
            first = taken.setdefault((key, source), name)
            if first != name:
                words = f"is that of {table_name(('slack', first))}, too; each workspace needs an app of its own"
                findings.about(("slack", name, f"{key}_{kind}"), words)


def _check_texts(texts: Collection[str], pattern: re.Pattern[str], wrong: str, at: At, findings: Findings) -> None:
    seen: set[str] = set()
    for index, text in enumerate(texts):
        if not pattern.fullmatch(text):
            findings.about((*at, index), f"has {show(text)}{wrong}")
        elif text in seen:
            findings.about((*at, index), f"has {show(text)} twice")
        seen.add(text)
