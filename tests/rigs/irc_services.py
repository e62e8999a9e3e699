"""Atheme, the services that know people's accounts, linked to an InspIRCd."""

from collections.abc import Collection, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.rigs.irc_servers import Network, inspircd
from tests.rigs.process import program, running, wait_for

MODULES = (
    "protocol/inspircd",
    "backend/opensex",
    "nickserv/main",
    "nickserv/cert",
    "nickserv/enforce",  # REGAIN
    "nickserv/ghost",
    "nickserv/identify",
    "nickserv/logout",
    "nickserv/register",
    "nickserv/set_accountname",
    "nickserv/set_core",
    "operserv/main",
    "saslserv/main",
    "saslserv/external",
    "saslserv/plain",
)
# Its parser wants each statement of these blocks on a line of its own.
CONFIG = """
serverinfo {{
    name = "services.test";
    desc = "Services";
    numeric = "00A";
    recontime = 1;
    netname = "Test";
    hidehostsuffix = "users.test";
    adminname = "x";
    adminemail = "x@services.test";
    registeremail = "x@services.test";
    mta = "/bin/true";
    loglevel = {{ error; info; network; }};
    maxlogins = 100;
    maxusers = 1000;
    mdlimit = 30;
    emaillimit = 1000;
    emailtime = 1;
    auth = none;
    casemapping = rfc1459;
}};
uplink "irc.test" {{
    host = "127.0.0.1";
    send_password = "secret";
    receive_password = "secret";
    port = {port};
}};
nickserv {{
    nick = "NickServ";
    user = "NickServ";
    host = "services.test";
    real = "Nickname Services";
}};
general {{
    flood_msgs = 0;
    ratelimit_uses = 0;
    commit_interval = 5;
}};
"""
LINKED = "finished synching with uplink"


@dataclass(frozen=True, slots=True)
class Account:
    """Somebody's account with services.

    Arguments:
        password: in clear; without a crypto module Atheme keeps it so, and looks it up in no time.
        fingerprint: SHA-256 of a certificate that stands for the password.
        nicks: that belong to it, besides its own name.
    """

    name: str
    password: str = "sesame"
    fingerprint: str = ""
    nicks: tuple[str, ...] = ()


class Services:
    """Atheme, which may be stopped and started again; it keeps what it knows."""

    def __init__(self, network: Network, accounts: Sequence[Account]) -> None:
        self.network = network
        self._program = program("atheme-services")
        self._log = network.folder / "atheme.log"
        self._held = ExitStack()
        config, data = network.folder / "atheme.conf", network.folder / "atheme"
        data.mkdir()
        modules = "".join(f'loadmodule "modules/{name}";\n' for name in MODULES)
        config.write_text(modules + CONFIG.format(port=network.link_port))
        (data / "services.db").write_text(database(accounts))
        self._command = [self._program, "-n", "-c", str(config), "-D", str(data)]
        self._command += ["-l", str(network.folder / "atheme-own.log"), "-p", str(network.folder / "atheme.pid")]

    def start(self) -> None:
        """Start Atheme and return when it is linked."""
        server = self._held.enter_context(running(self._command, self._log))
        wait_for(lambda: LINKED in self._log.read_text(errors="replace"), "link", server, self._log)

    def stop(self) -> None:
        """End Atheme; the network goes on without."""
        self._held.close()


@contextmanager
def services(
    folder: Path, accounts: Sequence[Account] = (), *, without: Collection[str] = (), tls_port: int = 0
) -> Iterator[Services]:
    """Run an InspIRCd with Atheme linked, which knows these accounts.

    Arguments:
        without: modules of InspIRCd to leave out.
    """
    program("atheme-services")
    with inspircd(folder, without=without, tls_port=tls_port) as network:
        atheme = Services(network, accounts)
        atheme.start()
        try:
            yield atheme
        finally:
            atheme.stop()


def database(accounts: Sequence[Account]) -> str:
    """Write accounts as Atheme 7.2 does in its file, version 12: an account, its nicks, its certificates."""
    lines = ["GRVER 1", "DBV 12", "CF +AFHORVabefhioqrstv"]
    for number, account in enumerate(accounts):
        if not account.name.isascii() or number > 25:
            pytest.fail("the rig numbers 26 accounts at most")
        unique = f"AAAAAAA{chr(ord('A') + number)}A"
        lines.append(f"MU {unique} {account.name} {account.password} x@services.test 1 1 +b default")
        lines += [f"MN {account.name} {nick} 1 1" for nick in (account.name, *account.nicks)]
        lines += [f"MCFP {account.name} {account.fingerprint}"] if account.fingerprint else []
    return "\n".join([*lines, ""])
