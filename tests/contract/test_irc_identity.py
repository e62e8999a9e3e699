"""Who is who on a real network with services, through the whole program: row A1.

InspIRCd sends its welcome at the next full second, so people come while Gordon does.
"""

import asyncio
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from tests import rigs
from tests.contract.irc_world import ACCOUNTS, DEV, IrcWorld, irc_world

# What InspIRCd lacks, and by what Gordon then knows those who were there before it and those who come after it.
NETWORKS = {
    "tags": ((), "account-tag", "account-tag"),
    "follows": (("ircv3_accounttag",), "WHOX", "account-notify"),
    "asks": (("ircv3_accounttag", "ircv3"), "WHOIS", "WHOIS"),
}
REFUSED = "rebuild needs the role author, and "
UNPROVEN = f"{REFUSED}nothing proves who you are here: "
NOT_LOGGED_IN = f"{UNPROVEN}you are not logged in to real. Log in to your account there"
NOBODY_IS = f"{UNPROVEN}real has not told me of anybody that they are logged in. If you have an account there, log in"


@pytest.fixture(scope="module", params=NETWORKS)
def kind(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(scope="module")
def services(kind: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[rigs.Services]:
    with rigs.services(tmp_path_factory.mktemp("network"), ACCOUNTS, without=NETWORKS[kind][0]) as running:
        yield running


@pytest.fixture
async def here(services: rigs.Services, tmp_path: Path) -> AsyncIterator[IrcWorld]:
    async with irc_world(tmp_path, services.network) as world:
        world.configure()
        yield world


async def test_whoever_is_logged_in_may_what_their_role_allows(here: IrcWorld, kind: str) -> None:
    _, of_old, of_new = NETWORKS[kind]
    tianon, jess = await asyncio.gather(
        here.person("tia", DEV, account="tianon"), here.person("jessie", account="jess")
    )
    async with here.gordon():
        await here.meets(tianon)
        await jess.join(DEV)
        await tianon.say(DEV, "!whoami")
        assert f"you are tianon, proven by {of_old}; maintainer in moby/moby" in await tianon.hears("tia: you are")
        await jess.say(DEV, "!whoami")
        assert f"you are jess, proven by {of_new}; triager in moby/moby" in await jess.hears("jessie: you are")
        await tianon.say(DEV, "!rebuild moby#1")
        assert "tia: moby#1" in await tianon.hears("queued")
    assert here.builds() > 0


async def test_a_nick_is_nobody_until_its_owner_logs_in_and_when_they_log_out(here: IrcWorld, kind: str) -> None:
    """A1: the right nick, and no account."""
    async with here.gordon():
        tianon = await here.person("tianon", DEV)
        await here.meets(tianon)
        await tianon.say(DEV, "!rebuild moby#1")
        assert (NOBODY_IS if kind == "asks" else NOT_LOGGED_IN) in await tianon.hears("needs the role")
        assert here.builds() == 0
        await tianon.write("PRIVMSG NickServ :IDENTIFY tianon sesame")
        await tianon.until(" 900 ")
        await tianon.say(DEV, "!rebuild moby#1")
        await tianon.hears("queued")
        begun = here.builds()
        if kind == "asks":
            await tianon.write("NICK tia", "NICK tianon")  # or what WHOIS said would hold for ten seconds
            await tianon.until(" NICK :?tianon")
        await tianon.write("PRIVMSG NickServ :LOGOUT")
        await tianon.until(" 901 ")
        await tianon.say(DEV, "!rebuild moby#2")
        assert NOT_LOGGED_IN in await tianon.hears("needs the role")
        assert here.builds() == begun


async def test_who_takes_a_nick_after_its_owner_quit_is_somebody_else(here: IrcWorld) -> None:
    """A1: at once, with the same user and host, and then with an account of their own."""
    async with here.gordon():
        owner, thief = await asyncio.gather(here.person("tianon", DEV, account="tianon"), here.person("thief", DEV))
        await here.meets(owner)
        await owner.say(DEV, "!whoami")
        await owner.hears("you are tianon")
        await owner.write("QUIT :bye")
        await thief.until(":tianon!.* QUIT ")
        await thief.write("NICK tianon", f"PRIVMSG {DEV} :!rebuild moby#1")
        assert UNPROVEN in await thief.hears("tianon: rebuild needs")
        await thief.write("PRIVMSG NickServ :IDENTIFY mallory sesame")
        await thief.until(" 900 ")
        await thief.say(DEV, "!rebuild moby#1")
        assert f"{REFUSED}people.toml has nobody with your account" in await thief.hears("tianon: rebuild needs")
    assert here.builds() == 0


async def test_where_nobody_can_log_in_only_what_anyone_may_works(tmp_path: Path) -> None:
    """A1: ngircd without services: no tag, no WHOX, and WHOIS tells of no account."""
    with rigs.ngircd(tmp_path) as port:
        network = rigs.Network(port, tls_port=0, authority=tmp_path, link_port=0, folder=tmp_path)
        async with irc_world(tmp_path, network) as here:
            here.configure()
            async with here.gordon():
                tianon = await here.person("tianon", DEV)
                await here.meets(tianon)
                await tianon.say(DEV, "!status moby#1")
                await tianon.hears("tianon: moby#1 ")
                await tianon.say(DEV, "!rebuild moby#1")
                refused = await tianon.hears("tianon: rebuild needs the role author")
                assert "real has not told me of anybody that they are logged in" in refused
                await tianon.say(DEV, "!whoami")
                assert "only what anyone may ask for works" in await tianon.hears("you are anyone")
            assert here.builds() == 0
