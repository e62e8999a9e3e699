"""Asking all neighbours side by side how they are; one that is silent, or slow, hides no other."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import replace

from bot.check import Inspects, Whole, without_services
from bot.clock import SystemClock
from bot.config_values import is_loopback
from bot.errors import ConfigError
from bot.findings import About, Condition, Finding
from bot.needs import forge_needs, server_needs
from bot.neighbours import forge_of, networks_of, servers_of
from bot.state_lock import is_held

WITHIN_S = 20.0  # for each of them


async def neighbours(whole: Whole) -> Sequence[Finding]:
    """Ask everybody whom the configuration names."""
    settings, clock = whole.settings, SystemClock()
    asked: list[Awaitable[Sequence[Finding]]] = []
    needs = server_needs(settings, whole.registry)
    for name, server in servers_of(settings, clock).items():
        is_here = _is_here(settings.jenkins[name].url)
        asked.append(_asked(f"Jenkins {name}", server.examine(needs[name]), server.close, is_here=is_here))
    if settings.github is not None and whole.people is not None and (forge := forge_of(settings, clock)) is not None:
        wanted, is_here = forge_needs(settings, whole.people, whole.registry), _is_here(settings.github.url)
        asked.append(_asked("GitHub", forge.examine(wanted), forge.close, is_here=is_here))
    is_running = is_held(settings.gordon.state)
    for name, chat in networks_of(without_services(settings), clock).items():
        if isinstance(chat, Inspects):
            peer = f"{'IRC' if name in settings.irc else 'Slack'} {name}"
            is_here = name in settings.slack and _is_here(settings.slack[name].url)
            asked.append(_asked(peer, chat.examine(), _nothing, is_here=is_here, has_nick=is_running))
    return [finding for findings in await asyncio.gather(*asked) for finding in findings]


async def _asked(
    neighbour: str,
    findings: AsyncIterator[Finding],
    close: Callable[[], Awaitable[None]],
    *,
    is_here: bool,
    has_nick: bool = False,
) -> Sequence[Finding]:
    """Keep what one neighbour has told within its time.

    Arguments:
        is_here: it is at this machine's own address.
        has_nick: a Gordon that runs has its nick there.
    """
    found: list[Finding] = []
    try:
        async with asyncio.timeout(WITHIN_S):
            async for finding in findings:
                found.append(_seen(finding, is_here=is_here, has_nick=has_nick))
    except TimeoutError:
        what = f"the rest of it did not come within {WITHIN_S:g} s"
        slow = About(neighbour).wrong if not found else About(neighbour).unknown
        found.append(slow("in time", what, "try once more, and see whether it is slow for others, too"))
    except ConfigError as error:
        found.append(About(neighbour).wrong("configured", str(error), "mend that"))
    finally:
        await close()
    return found


def _seen(finding: Finding, *, is_here: bool, has_nick: bool) -> Finding:
    """Weigh a finding by what only this machine knows."""
    if finding.condition is Condition.OK:
        return finding
    if finding.check == "clock" and is_here:
        # A neighbour on this machine has its clock; another time is a stand-in's, or of whoever is behind a tunnel.
        what = f"{finding.what}, though it is on this machine: a stand-in, or a tunnel"
        return replace(finding, condition=Condition.UNKNOWN, what=what, remedy="behind a tunnel, compare `date -u`")
    if finding.check == "nick" and has_nick:
        return replace(finding, condition=Condition.OK, what="a Gordon that runs has its nick", remedy="", at=())
    return finding


def _is_here(url: str) -> bool:
    return is_loopback(url.partition("://")[2].partition("/")[0].rpartition(":")[0].strip("[]"))


async def _nothing() -> None:
    """A network lets go by itself."""
