"""Real servers for the tests, each started on loopback and gone with the test."""

from tests.rigs.certificates import Certificate, certificate
from tests.rigs.irc_servers import Network, inspircd, ngircd
from tests.rigs.irc_services import Account, Services, services
from tests.rigs.process import free_port, wait_until_open

__all__ = [
    "Account",
    "Certificate",
    "Network",
    "Services",
    "certificate",
    "free_port",
    "inspircd",
    "ngircd",
    "services",
    "wait_until_open",
]
