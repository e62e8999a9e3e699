"""What `gordon doctor` looks at on this machine: the configuration, its files, the state, and where Gordon listens."""

import errno
import json
import os
import shutil
import socket
import sqlite3
import stat
import time
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from http.client import HTTPConnection, HTTPException
from pathlib import Path

from bot.check import Whole
from bot.database import NAME, is_known, version_of
from bot.errors import StorageError
from bot.findings import About, Finding
from bot.health import LAST_S_AGO, NOTIFICATIONS
from bot.schema import HEAD
from bot.settings import GordonSettings
from bot.state_file import opened
from bot.state_lock import is_held
from bot.values import Role

LOW_BYTES, TOO_LOW_BYTES = 2 << 30, 200 << 20
ANSWERS_WITHIN_S = 5.0
QUIET_S = 86_400.0  # without any webhook
MAX_ANSWER_BYTES = 1 << 20
# File systems on which SQLite's locks, or its memory shared by processes, do not hold.
OF_NETWORKS = {"nfs", "nfs4", "cifs", "smb3", "smbfs", "9p", "afs", "ceph", "glusterfs", "lustre", "fuse.sshfs"}
FLEETING = {"tmpfs", "ramfs"}
MOUNTS = Path("/proc/self/mountinfo")
CONFIGURATION, STATE, WEB, PEOPLE = About("configuration"), About("state"), About("[web]"), About("people")


def configuration(config: Path, whole: Whole) -> Iterator[Finding]:
    """Tell what is wrong with the configuration in itself, as `gordon check` does, and with its files."""
    yield from invalid(config, whole.problems)
    if not whole.problems:
        plugins = len(whole.registry.plugins)
        yield CONFIGURATION.well("valid", f"{config} is right, and its {plugins} plugins load")
    for path in (config, whole.settings.gordon.people):
        yield from _kept(path)


def invalid(config: Path, problems: Sequence[str]) -> Iterator[Finding]:
    """Tell mistakes of a configuration, each with its file and line."""
    for problem in problems:
        yield CONFIGURATION.wrong("valid", problem, f"mend that, then `gordon check {config}`")


def people(whole: Whole) -> Iterator[Finding]:
    """Tell whether anybody may do anything."""
    known = whole.people
    if known is None:
        return
    least = [role for person in known for role in person.roles.values()]
    least += [role for one in (*known.teams.values(), *known.groups.values()) for role in one.values()]
    remedy = f'write roles = {{ "*" = "operator" }} for yourself in {whole.settings.gordon.people}'
    if not least:
        yield PEOPLE.wrong("roles", "nobody has a role, so that nobody may start anything", remedy)
    elif Role.OPERATOR not in least:
        yield PEOPLE.warning("roles", "nobody is an operator, so that nobody may reload or drop letters", remedy)
    else:
        yield PEOPLE.well("roles", f"{len(known)} people are known, and somebody is an operator")


def state(settings: GordonSettings) -> Iterator[Finding]:
    """Look at the folder of everything that is kept, and at what is in it."""
    folder, at = settings.gordon.state, ("gordon", "state")
    home = next(each for each in (folder.absolute(), *folder.absolute().parents) if each.exists())
    if not os.access(home, os.W_OK | os.X_OK):
        what = f"{folder} cannot be {'written in' if home == folder.absolute() else 'made'} by this user"
        yield STATE.wrong("writable", what, f"run doctor as Gordon's user, or `chown gordon: {home}`", at)
    else:
        yield STATE.well("writable", f"{folder} can be written in")
    yield from _file_system(folder, home)
    free, told = shutil.disk_usage(home).free, f"{shutil.disk_usage(home).free >> 20} MB are free for {folder}"
    if free < LOW_BYTES:
        say = STATE.wrong if free < TOO_LOW_BYTES else STATE.warning
        yield say("space", f"only {told}", f"make room: `du -xh {home} | sort -h | tail`; [diagnosis] logs_max_mb", at)
    else:
        yield STATE.well("space", told)
    yield STATE.well("running", f"a Gordon {'runs' if is_held(folder) else 'could start'} with this state")
    yield from _database(folder / NAME, settings)


def web(settings: GordonSettings) -> Iterator[Finding]:
    """Look at where Gordon listens: as itself if one runs, else whether one could."""
    own, at = settings.web, ("web",)
    if own is None:
        return
    if not own.port:
        yield WEB.unknown("listens", "port = 0 is another one each time, so nobody can be told where", "name one", at)
        return
    where = f"{own.host}:{own.port}"
    if is_held(settings.gordon.state):
        yield from _health(own.host, own.port, settings)
    else:
        try:
            family = socket.AF_INET6 if ":" in own.host else socket.AF_INET
            socket.create_server((own.host, own.port), family=family).close()
            yield WEB.well("listens", f"a Gordon can listen on {where}")
        except OSError as error:
            is_taken = error.errno == errno.EADDRINUSE
            remedy = f"see who does: `ss -ltnp 'sport = :{own.port}'`" if is_taken else "name one of this machine"
            yield WEB.wrong("listens", f"cannot listen on {where}: {error.strerror}", remedy, at)
    how = "from outside run `curl -sS https://YOUR_HOST/notification/`: any answer but 502 and a time-out is Gordon's"
    yield WEB.unknown("public", "whether others reach it through a proxy cannot be seen from here", how)


def _kept(path: Path) -> Iterator[Finding]:
    """See that nobody else may change a file that Gordon goes by."""
    try:
        found = path.stat()
    except OSError:
        return  # is told with the configuration
    if found.st_uid not in (0, os.geteuid()):
        what = f"{path} belongs to another user, who may change what Gordon does"
        yield CONFIGURATION.warning("files", what, f"run doctor as Gordon's user, or `chown root: {path}`")
    elif found.st_mode & (stat.S_IWOTH | stat.S_IWGRP):
        yield CONFIGURATION.warning("files", f"others may change {path}", f"run `chmod go-w {path}`")
    else:
        yield CONFIGURATION.well("files", f"only its owner may change {path}")


def _file_system(folder: Path, home: Path) -> Iterator[Finding]:
    kind = kind_of(home, MOUNTS.read_text(encoding="utf-8") if MOUNTS.exists() else "")
    if kind in OF_NETWORKS:
        what = f"{folder} is on a file system of a network ({kind}), on which the database will be damaged"
        yield STATE.wrong("disk", what, "name a folder on a disk of this machine", ("gordon", "state"))
    elif kind in FLEETING:
        what = f"{folder} is in memory ({kind}), and gone when this machine restarts"
        yield STATE.warning("disk", what, "name a folder on a disk", ("gordon", "state"))
    elif kind:
        yield STATE.well("disk", f"{folder} is on a disk of this machine ({kind})")
    else:
        yield STATE.unknown("disk", "nothing tells on which kind of disk it is")


def kind_of(path: Path, mounts: str) -> str:
    """Tell the kind of file system that a path is on, by the table of mounts; empty if that is not told."""
    found = ""
    longest = -1
    for line in mounts.splitlines():
        before, _, after = line.partition(" - ")
        words = before.split()
        mount = words[4].replace("\\040", " ") if len(words) > 4 else ""
        if mount and path.is_relative_to(mount) and len(mount) >= longest:
            found, longest = after.split()[0] if after.split() else "", len(mount)
    return found


def _database(path: Path, settings: GordonSettings) -> Iterator[Finding]:
    if not path.exists():
        yield STATE.well("database", "there is none yet; the first start makes it")
        return
    try:
        with opened(path) as connection:
            version = version_of(connection)
            yield from _schema(path, version)
            if version == HEAD and settings.github is not None and settings.web is not None:
                yield from _taken_in(connection)
    except StorageError as error:
        yield STATE.wrong("database", str(error), "`gordon restore` puts a backup back", ("gordon", "state"))


def _schema(path: Path, version: str) -> Iterator[Finding]:
    if version and not is_known(version):
        what = f"{path} has schema {version}, newer than this program"
        yield STATE.wrong("schema", what, "run the newer Gordon, or `gordon restore` a backup of the time before")
    elif version == HEAD:
        yield STATE.well("schema", f"the database has the schema of this program ({version})")
    else:
        what = f"the database has schema {version or 'none'}; the next start brings it to {HEAD}"
        yield STATE.warning("schema", what, "`gordon backup` it before")


def _taken_in(connection: sqlite3.Connection) -> Iterator[Finding]:
    """Tell when the last webhook was taken in, by whatever Gordon has kept of it."""
    github = About("GitHub")
    last_s = connection.execute("SELECT max(at_s) FROM hook_deliveries").fetchone()[0]
    if last_s is None:
        what = "no webhook has been taken in yet"
        yield github.unknown("taken in", what, "see Recent Deliveries in the settings of the repository, Webhooks")
        return
    what = f"the last webhook was taken in at {datetime.fromtimestamp(last_s, UTC):%Y-%m-%d %H:%M} UTC"
    if time.time() - last_s > QUIET_S:
        remedy = "if something has happened there since, see Recent Deliveries in the settings, Webhooks"
        yield github.unknown("taken in", what, remedy)
    else:
        yield github.well("taken in", what)


def _health(host: str, port: int, settings: GordonSettings) -> Iterator[Finding]:
    """Ask the Gordon that runs how it is."""
    connection = HTTPConnection(host, port, timeout=ANSWERS_WITHIN_S)
    try:
        connection.request("GET", "/healthz")
        told = json.loads(connection.getresponse().read(MAX_ANSWER_BYTES))
        parts = {str(name): bool(part["well"]) for name, part in told["parts"].items()}
        ago_s = told["parts"].get(NOTIFICATIONS, {}).get(LAST_S_AGO, {})
        notified_s = {str(server): int(seconds) for server, seconds in ago_s.items()}
    except (OSError, HTTPException, ValueError, KeyError, TypeError, AttributeError) as error:
        what = f"the Gordon that runs does not tell at {host}:{port}/healthz how it is ({type(error).__name__})"
        yield WEB.wrong("running", what, f"see its log, and who listens: `ss -ltnp 'sport = :{port}'`", ("web", "port"))
        return
    finally:
        connection.close()
    yield WEB.well("listens", f"the Gordon that runs listens on {host}:{port}")
    unwell = [name for name, is_well in parts.items() if not is_well]
    for name in unwell:
        remedy = f"`curl -s http://{host}:{port}/healthz` tells more, and its log"
        yield WEB.warning("running", f"the Gordon that runs says that {name} is not well", remedy)
    if not unwell:
        yield WEB.well("running", "the Gordon that runs says that it is well")
    yield from _notified(settings, notified_s)


def _notified(settings: GordonSettings, ago_s: Mapping[str, int]) -> Iterator[Finding]:
    """Tell when each Jenkins that may was last heard by the Gordon that runs."""
    for name, server in settings.jenkins.items():
        if not (server.notify_secret_file or server.notify_secret_env):
            continue
        jenkins = About(f"Jenkins {name}")
        if (seconds := ago_s.get(name)) is not None and seconds <= QUIET_S:
            yield jenkins.well("taken in", f"the last notification was taken in {seconds // 60} min ago")
            continue
        since = "since Gordon was started" if seconds is None else f"for {int(seconds // QUIET_S)} days"
        remedy = "if a build has run since, its console log says what the plugin was answered: `Notifying endpoint`"
        yield jenkins.unknown("taken in", f"no notification has been taken in {since}", remedy)
