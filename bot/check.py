"""`gordon check`: what is wrong with a configuration, and with `--live` what its neighbours say to it."""

import asyncio
import logging
from collections.abc import Sequence
from pathlib import Path

from bot.app import forge_of, names_of, networks_of, servers_of
from bot.clock import SystemClock
from bot.config import load, secrets_problems
from bot.errors import ConfigError, GordonError
from bot.loader import load_plugins
from bot.people import People, load_people
from bot.ports import BuildServer, Chat, ForgeServer, Heard
from bot.settings import GordonSettings

CONNECTED_WITHIN_S = 15.0  # registration takes a second on some networks, ten on one that asks a name server first


def check(config: Path, *, live: bool) -> tuple[Sequence[str], str]:
    """Tell all that is wrong, and what the configuration holds.

    Arguments:
        live: ask each neighbour too, if nothing is wrong without.

    Raises:
        ConfigError: the file cannot be read at all, or is wrong in itself.
    """
    settings = load(config)
    problems = list(secrets_problems(settings))
    people = People({}, {})
    try:
        people = load_people(settings.gordon.people, repos=settings.repos, networks=(*settings.irc, "console"))
    except ConfigError as error:
        problems += error.problems
    if settings.console is not None and people.by_name(settings.console.person) is None:
        known = settings.gordon.people
        problems.append(f"{config}: [console] person {settings.console.person!r} is not in {known}")
    logging.disable(logging.ERROR)  # what did not load is told below, once
    registry = load_plugins(settings.gordon.plugins, settings.plugin, settings.gordon.plugin_folder)
    logging.disable(logging.NOTSET)
    problems += [f"{config}: plugin {name}: {why}" for name, why in registry.broken.items()]
    if live and not problems:
        problems += asyncio.run(_ask_all(settings))
    return problems, f"{len(settings.repos)} repositories, {len(registry.commands)} commands, {len(people)} people"


async def _ask_all(settings: GordonSettings) -> list[str]:
    clock = SystemClock()
    jobs = set(names_of(settings).jobs.values())
    servers = servers_of(settings, clock)
    asked = [_ask(server, [job for job in jobs if job.server == name]) for name, server in servers.items()]
    if (forge := forge_of(settings, clock)) is not None:
        asked.append(_ask(forge, list(settings.repos)))
    asked += [_join(chat, settings) for chat in networks_of(settings, clock).values()]
    return [problem for problems in await asyncio.gather(*asked) for problem in problems]


async def _ask(neighbour: BuildServer | ForgeServer, about: Sequence[object]) -> Sequence[str]:
    try:
        return await neighbour.check(about)  # type: ignore[arg-type]
    except GordonError as error:
        return [str(error)]
    finally:
        await neighbour.close()


async def _join(chat: Chat, settings: GordonSettings) -> Sequence[str]:
    """Connect to a network and leave again."""
    irc = settings.irc[chat.network]
    running = asyncio.create_task(chat.run(_deaf))
    try:
        async with asyncio.timeout(CONNECTED_WITHIN_S):
            while not chat.connected():  # noqa: ASYNC110  a chat tells its state when asked
                await asyncio.sleep(0.05)
    except TimeoutError:
        return [f"IRC {chat.network}: {irc.host}:{irc.port} did not let {irc.nick} in within {CONNECTED_WITHIN_S:g} s"]
    finally:
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
    return []


async def _deaf(heard: Heard) -> None:
    """Hear nothing: who checks must not act."""
