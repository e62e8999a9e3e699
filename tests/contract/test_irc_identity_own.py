"""Gordon's own login on a real network with services, and what it owes those who were there before: rows F2 and F4.

InspIRCd sends its welcome at the next full second, so people come while Gordon does.
"""

import asyncio
import re
from collections.abc import AsyncIterator, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from bot.check import check
from bot.demo.jenkins.model import Plan
from tests import rigs
from tests.contract.irc_world import ACCOUNTS, DEV, OPS, PASSWORD, IrcWorld, irc_world

# What is played back bears no account, so it is most dangerous where accounts are not told by tags.
HISTORIES = {
    "in-a-batch": ("ircv3_accounttag",),
    "by-its-time": ("ircv3_accounttag", "ircv3_batch"),
}


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> rigs.Certificate:
    return rigs.certificate(tmp_path_factory.mktemp("gordon"), "gordon")


@pytest.fixture(scope="module")
def services(certificate: rigs.Certificate, tmp_path_factory: pytest.TempPathFactory) -> Iterator[rigs.Services]:
    accounts = [replace(ACCOUNTS[0], fingerprint=certificate.fingerprint), *ACCOUNTS[1:]]
    assert accounts[0].name == "gordon"
    with rigs.services(tmp_path_factory.mktemp("network"), accounts) as running:
        yield running


@pytest.fixture
async def here(services: rigs.Services, tmp_path: Path) -> AsyncIterator[IrcWorld]:
    async with irc_world(tmp_path, services.network) as world:
        yield world


@pytest.mark.parametrize("way", ["PLAIN", "EXTERNAL"])
async def test_gordon_logs_in_itself_over_a_connection_that_is_checked(
    here: IrcWorld, certificate: rigs.Certificate, way: str
) -> None:
    lines = [f'ca_file = "{here.network.authority}"']
    if way == "PLAIN":
        here.secret("own-password", PASSWORD)
        lines += ['account = "gordon"', 'account_password_file = "own-password"']
    else:
        lines += [f'certificate_file = "{certificate.file}"', f'key_file = "{certificate.key}"']
    here.configure(lines, tls=True)
    async with here.gordon():
        tianon = await here.person("tia", DEV, account="tianon")
        await here.meets(tianon)
        await tianon.write("WHOIS gordon")
        await tianon.until(" 330 tia gordon gordon ")
        await tianon.until(" 671 tia gordon ")
        await tianon.say(DEV, "!whoami")
        await tianon.hears("you are tianon")


async def test_a_wrong_password_keeps_gordon_in_and_everybody_out(here: IrcWorld) -> None:
    """F4: connected, said aloud to operators, and what needs a role is refused to whoever asks."""
    here.secret("own-password", "not sesame")
    here.configure(['account = "gordon"', 'account_password_file = "own-password"'])
    async with here.gordon():
        tianon = await here.person("tia", OPS, DEV, account="tianon")
        told = await tianon.hears("not logged in")
        assert "commands that need a role are refused here; look at certificate_file, account and its password" in told
        await here.meets(tianon)
        await tianon.say(DEV, "!rebuild moby#1")
        refused = await tianon.hears("tia: rebuild needs the role author")
        assert "I could not log in to this network myself" in refused
    assert here.builds() == 0


async def test_a_check_takes_no_nick_from_the_gordon_that_runs(here: IrcWorld) -> None:
    here.secret("own-password", PASSWORD)
    here.configure(['account = "gordon"', 'account_password_file = "own-password"'])
    async with here.gordon():
        tianon = await here.person("tia", DEV, account="tianon")
        await here.meets(tianon)
        problems, _ = await asyncio.to_thread(check, here.world.config, live=True)
        assert problems == [], "its own nick is in use by itself"
        await tianon.write("WHOIS gordon", "WHOIS gordon_")
        await tianon.until(" 318 tia gordon_ ")
        assert not [line for line in tianon.lines if re.search(r":gordon!\S+ (QUIT|NICK) ", line)]


async def test_services_may_go_and_come_back(here: IrcWorld, services: rigs.Services) -> None:
    here.secret("own-password", PASSWORD)
    here.configure(['account = "gordon"', 'account_password_file = "own-password"'])
    async with here.gordon():
        tianon, jess = await asyncio.gather(here.person("tia", DEV, account="tianon"), here.person("jessie", DEV))
        await here.meets(tianon)
        await asyncio.to_thread(services.stop)
        await tianon.say(DEV, "!whoami")
        await tianon.hears("you are tianon")
        await asyncio.to_thread(services.start)
        await jess.write(f"PRIVMSG NickServ :IDENTIFY jess {PASSWORD}")
        await jess.until(" 900 ")
        await jess.say(DEV, "!whoami")
        await jess.hears("you are jess")
        await tianon.write("WHOIS gordon")
        await tianon.until(" 330 tia gordon gordon ")


async def test_private_words_are_not_told_to_whoever_took_the_nick(here: IrcWorld) -> None:
    """F2: how a build ends is for its asker, who has quit; the channel hears it all the same."""
    here.world.build_of(lambda starting: Plan("FAILURE", 0.8))  # longer than it takes to quit
    here.configure()
    async with here.gordon():
        owner, thief = await asyncio.gather(here.person("tianon", DEV, account="tianon"), here.person("thief", DEV))
        await here.meets(owner)
        await owner.say("gordon", "rebuild moby#1 janky")
        await owner.hears("queued")
        await owner.write("QUIT :bye")
        await thief.until(":tianon!.* QUIT ")
        await thief.write("NICK tianon")
        await thief.hears(r"moby#1.*janky")
        await thief.say("gordon", "whoami")
        await thief.hears("you are anyone")
    private = [line for line in thief.lines if ":gordon!" in line and "PRIVMSG tianon " in line]
    assert [line for line in private if "moby#1" in line] == []


async def test_a_nick_that_is_taken_is_given_back_by_services(tmp_path: Path) -> None:
    """F3: whoever has it stays, and loses it to the account that it belongs to; Atheme then holds it for a while."""
    with rigs.services(tmp_path / "network", ACCOUNTS) as services:
        async with irc_world(tmp_path, services.network) as here:
            here.secret("own-password", PASSWORD)
            here.configure(['account = "gordon"', 'account_password_file = "own-password"'])
            thief = await here.person("gordon", DEV)
            async with here.gordon():
                await thief.until(r":gordon_!\S+ JOIN ")
                await thief.until(":gordon!.* NICK :?Guest")
                await thief.until(":gordon_!.* NICK :?gordon$")
                await thief.write("WHOIS gordon")
                await thief.until(r" 330 \S+ gordon gordon ")
                await thief.say(DEV, "gordon: whoami")
                await thief.hears("you are anyone")


@pytest.mark.parametrize("without", HISTORIES.values(), ids=HISTORIES.keys())
async def test_what_was_said_before_gordon_came_is_no_command(tmp_path: Path, without: tuple[str, ...]) -> None:
    """A server plays a channel's history back to whoever joins; it was not said to this Gordon."""
    with rigs.services(tmp_path / "network", ACCOUNTS, without=without) as services:
        async with irc_world(tmp_path, services.network) as here:
            here.configure()
            tianon = await here.person("tia", DEV, account="tianon")
            await tianon.write(f"MODE {DEV} +H 20:10m")
            await tianon.until(f" MODE {DEV} ")
            await tianon.say(DEV, "!rebuild moby#1")
            async with here.gordon():
                await here.meets(tianon)
                await tianon.say(DEV, "!rebuild moby#2")
                await tianon.hears("moby#2.*queued")
            said = [line for line in tianon.lines if ":gordon!" in line and "PRIVMSG" in line]
            assert [line for line in said if "moby#1" in line or "needs the role" in line] == []
            assert here.builds() == said[-1].count("(item ")
