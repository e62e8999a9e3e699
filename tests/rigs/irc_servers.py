"""IRC servers: ngircd, which knows no accounts, and InspIRCd, which knows all of IRCv3 that we use."""

from collections.abc import Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.rigs.certificates import certificate
from tests.rigs.process import free_port, program, running, wait_until_open

NGIRCD = """
[Global]
Name = witness.test
Info = A witness
Listen = 127.0.0.1
Ports = {port}
[Limits]
MaxConnectionsIP = 0
MaxJoins = 0
MaxNickLength = 30
MaxPenaltyTime = 0
[Options]
DNS = no
Ident = no
PAM = no
SyslogFacility = local1
"""

# Unless fakelag is asked for, nothing that a test writes is slowed down or too much.
INSPIRCD = """
<server name="irc.test" description="A witness" network="Test" id="1AA">
<admin name="x" nick="x" email="x@irc.test">
<path configdir="{folder}" datadir="{folder}" logdir="{folder}" runtimedir="{folder}" moduledir="{modules}">
<bind address="127.0.0.1" port="{port}" type="clients">
<bind address="127.0.0.1" port="{tls_port}" type="clients" sslprofile="tls">
<bind address="127.0.0.1" port="{link_port}" type="servers">
<sslprofile name="tls" provider="gnutls" certfile="{certificate.file}" keyfile="{certificate.key}"
    requestclientcert="yes" hash="sha256">
<connect name="all" allow="*" {password} timeout="30" pingfreq="2m" resolvehostnames="no" useident="no"
    recvq="1M" softsendq="8M" hardsendq="16M" localmax="1000" globalmax="1000" maxconnwarn="no" {pace}>
<class name="all" commands="*"><type name="all" classes="all">
<oper name="root" password="root" host="*" type="all">
<options syntaxhints="no">
<performance quietbursts="yes">
<limits maxnick="30">
<sasl target="services.test" requiressl="no">
<uline server="services.test">
<link name="services.test" ipaddr="127.0.0.1" allowmask="127.0.0.0/8" port="{link_port}"
    sendpass="secret" recvpass="secret">
<ircv3 accountnotify="yes" awaynotify="yes" extendedjoin="yes">
<cloak mode="full" key="a key of a test, which hides nothing" prefix="x.">
<chanhistory bots="yes" maxlines="50" prefixmsg="no">
<log method="file" type="* -USERINPUT -USEROUTPUT" level="default" target="{folder}/inspircd-server.log" flush="1">
"""
MODULES = (
    "cap",
    "chanhistory",  # replays what was said to those who join a channel with +H
    "cloaking",  # Atheme wants it
    "ircv3",  # account-notify, extended-join, away-notify
    "ircv3_accounttag",
    "ircv3_batch",
    "ircv3_capnotify",
    "ircv3_ctctags",
    "ircv3_echomessage",
    "ircv3_msgid",
    "ircv3_servertime",
    "sasl",
    "services_account",
    "spanningtree",
    "ssl_gnutls",
    "sslinfo",
    "svshold",
)
NO_PACE = 'fakelag="no" threshold="1000000" commandrate="1000000"'
USUAL_PACE = 'fakelag="yes" threshold="20" commandrate="1000"'


@dataclass(frozen=True, slots=True)
class Network:
    """A server that runs.

    Arguments:
        port: without TLS. People get their welcome at the next full second, so bring several at once.
        tls_port: with TLS; asks for a certificate of the client's and accepts any, or none.
        authority: the file with the authority that its certificate is checked against.
        link_port: for services.
        folder: its configuration and logs.
    """

    port: int
    tls_port: int
    authority: Path
    link_port: int
    folder: Path


@contextmanager
def ngircd(tmp_path: Path, *, port: int = 0) -> Iterator[int]:
    """Run an ngircd and yield its port, a free one unless given."""
    server_program = program("ngircd")
    port = port or free_port()
    config = tmp_path / "ngircd.conf"
    config.write_text(NGIRCD.format(port=port))
    config.chmod(0o644)  # as root, ngircd turns into nobody
    log = tmp_path / "ngircd.log"
    with running([server_program, "-n", "-f", str(config)], log) as server:
        wait_until_open(port, server, log)
        yield port


@contextmanager
def inspircd(
    folder: Path,
    *,
    port: int = 0,
    tls_port: int = 0,
    without: Collection[str] = (),
    password: str = "",
    fakelag: bool = False,
) -> Iterator[Network]:
    """Run an InspIRCd.

    Arguments:
        port, tls_port: free ones unless given; a server that comes back on its port is a second call.
        without: of `MODULES` those to leave out: without "ircv3_accounttag" nothing is tagged.
        password: what PASS must say.
        fakelag: slow people down who write much, as real networks do.
    """
    server_program = program("inspircd")
    folder.mkdir(parents=True, exist_ok=True)
    own = certificate(folder)
    network = Network(port or free_port(), tls_port or free_port(), own.authority, free_port(), folder)
    text = INSPIRCD.format(
        folder=folder,
        modules=_modules(),
        port=network.port,
        tls_port=network.tls_port,
        link_port=network.link_port,
        certificate=own,
        password=f'password="{password}"' if password else "",
        pace=USUAL_PACE if fakelag else NO_PACE,
    )
    text += "".join(f'<module name="{name}">\n' for name in MODULES if name not in without)
    config, log = folder / "inspircd.conf", folder / "inspircd.log"
    config.write_text(text)
    with running([server_program, "--nofork", "--runasroot", "--nopid", "--config", str(config)], log) as server:
        wait_until_open(network.port, server, log)
        wait_until_open(network.tls_port, server, log)
        yield network


def _modules() -> Path:
    """Find the modules: without being told, InspIRCd looks in the folder of its configuration."""
    found = next(Path("/usr/lib").glob("**/inspircd/**/core_dns.so"), None)
    if found is None:
        pytest.fail("there is an inspircd, but its modules are not below /usr/lib")
    return found.parent
