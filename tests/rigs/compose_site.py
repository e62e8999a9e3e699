"""A copy of what compose.yaml mounts, with secrets made for it, that programs of this machine can run from."""

import shutil
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.rigs.process import free_port, program, running, wait_for, wait_until_open

DEPLOY = Path(__file__).parents[2] / "deploy"
LINKED = "finished synching with uplink"


@dataclass(frozen=True, slots=True)
class ComposeSite:
    """The folder that holds compose.yaml, with what `prepare` has made beside it."""

    folder: Path

    @property
    def secrets(self) -> Path:
        return self.folder / "compose" / "secrets"

    def here(self, file: Path, changes: Mapping[str, str]) -> Path:
        """Write a file of the site anew, with the paths of this machine in place of a container's."""
        text = file.read_text()
        for there, here in {"/run/secrets/": f"{self.secrets}/", **changes}.items():
            assert there in text, f"{file.name} has no {there}"
            text = text.replace(there, here)
        file.write_text(text)
        return file


def compose_site(folder: Path) -> ComposeSite:
    """Copy the site into a folder and make its secrets."""
    program("openssl")
    kept = shutil.ignore_patterns("secrets*")
    shutil.copytree(DEPLOY / "compose", folder / "compose", ignore=kept)
    for name in ("compose.yaml", "jenkins"):
        source = DEPLOY / name
        (shutil.copytree if source.is_dir() else shutil.copy)(source, folder / name)
    subprocess.run([folder / "compose" / "prepare"], check=True, capture_output=True, timeout=30)
    return ComposeSite(folder)


@contextmanager
def irc_of(site: ComposeSite) -> Iterator[int]:
    """Run the InspIRCd and the Atheme of a site, and yield the port that takes TLS."""
    port, link_port = free_port(), free_port()
    own = site.folder / "compose" / "irc"
    server_config = site.here(
        own / "inspircd.conf",
        {
            '"/tmp"': f'"{own}"',
            '"/etc/chat"': f'"{own}"',
            'address="*" port="6697"': f'address="127.0.0.1" port="{port}"',
            'address="*" port="7000"': f'address="127.0.0.1" port="{link_port}"',
        },
    )
    uplink = site.secrets / "uplink.conf"
    uplink.write_text(uplink.read_text().replace('"irc"', '"127.0.0.1"').replace("7000", str(link_port)))
    config, kept = site.here(own / "atheme.conf", {}), own / "kept"
    kept.mkdir()
    shutil.copy(site.secrets / "services.db", kept / "services.db")
    server_log, log = own / "inspircd.log", own / "atheme.log"
    server_command = [program("inspircd"), "--nofork", "--nopid", "--runasroot", "--config", str(server_config)]
    command = [program("atheme-services"), "-n", "-c", str(config), "-D", str(kept)]
    command += ["-l", str(own / "atheme-own.log"), "-p", str(own / "atheme.pid")]
    with running(server_command, server_log) as server:
        wait_until_open(port, server, server_log)
        with running(command, log) as services:
            wait_for(lambda: LINKED in log.read_text(errors="replace"), "link", services, log)
            yield port
