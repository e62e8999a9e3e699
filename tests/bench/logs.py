"""Logs of any size as CI writes them, the same for the same seed, and logs that somebody made to hurt.

The noise is that of Docker's own builds of 2015: images, packages, Go tests, daemons, compilers, git, pip and npm, with
near misses among them; a few failures are planted, one each, at even distances.
"""

import random
from collections.abc import Callable, Iterator
from pathlib import Path

SEED = 20151121
DISTINCT_LINES = 60_000  # a log is drawn from so many
WRITTEN_LINES = 4096  # at once

PLANTED = (
    "FATA[0042] Error response from daemon: Cannot destroy container 4f66ad9a0b2e: Driver devicemapper failed to remove"
    " root filesystem: Device is Busy",
    "Error getting container init rootfs 9c1d from driver devicemapper: open /dev/mapper/docker-8:1-131-9c1d: no such"
    " file or directory",
    "docker: Error response from daemon: devmapper: Thin Pool has 1632 free data blocks which is less than minimum"
    " required 163840 free data blocks.",
    "fatal: unable to access 'https://git.example/moby/moby.git/': Could not resolve host: git.example",
    "error: RPC failed; curl 56 GnuTLS recv error (-54): Error in the pull function.",
    "E: Failed to fetch http://mirror.example/debian/pool/main/b/btrfs-tools_3.17.deb  Hash Sum mismatch",
    "fork/exec /usr/bin/docker: cannot allocate memory",
    "java.lang.OutOfMemoryError: Java heap space",
    "npm ERR! network tunneling socket could not be established, cause=connect ECONNREFUSED 10.0.0.3:3128",
    "panic: test timed out after 60m0s",
    "FATAL: Remote call on worker-17 failed: hudson.remoting.ChannelClosedException: channel is already closed",
    "--- FAIL: TestDaemonRestartWithRunning (12.03s)\n    docker_cli_daemon_test.go:88: read tcp 127.0.0.1:2375:"
    " i/o timeout",
)
_PARTS = (
    "container image layer network volume daemon registry graph exec attach logs pull push build tag commit inspect "
    "events stats search login rename restart pause port links dns bridge overlay swarm secret config plugin"
)
_PACKAGES = "libc6 libssl-dev gcc-4.9 btrfs-tools lxc aufs-tools iptables curl git python-pip libsqlite3-dev"
PARTS, PACKAGES = _PARTS.split(), _PACKAGES.split()

Decorate = Callable[[random.Random, int, bytes], bytes]


def plain(_draw: random.Random, _number: int, line: bytes) -> bytes:
    """Leave a line as it is."""
    return line


def some_coloured(draw: random.Random, number: int, line: bytes) -> bytes:
    """Colour 4 lines of 100."""
    return _coloured(line) if draw.random() < 0.04 else line


def all_coloured(_draw: random.Random, number: int, line: bytes) -> bytes:
    """Colour a line, its first word in another colour, as programs with levels do."""
    return _coloured(line)


def stamped(_draw: random.Random, number: int, line: bytes) -> bytes:
    """Put the time before a line, as Pipelines do."""
    seconds, thousandths = divmod(number * 17, 1000)
    minutes, seconds = divmod(seconds, 60)
    return b"[2015-11-21T%02d:%02d:%02d.%03dZ] " % (minutes // 60 % 24, minutes % 60, seconds, thousandths) + line


KINDS: dict[str, Decorate] = {
    "plain": plain,
    "4 % coloured": some_coloured,
    "each stamped": stamped,
    "each coloured": all_coloured,
}


def write_log(path: Path, megabytes: int, kind: str = "plain", seed: int = SEED) -> None:
    """Write a log of so many MB (2**20 bytes)."""
    draw, decorate = random.Random(seed), KINDS[kind]
    pool = list(noise(draw))
    size, target, number = 0, megabytes << 20, 0
    plants = [plant.encode() for plant in PLANTED]
    step = target // (len(plants) + 1)
    with path.open("wb") as file:
        while size < target:
            lines = draw.choices(pool, k=min(WRITTEN_LINES, (target - size) // 100 + 1))
            if plants and size > step * (len(PLANTED) - len(plants) + 1):
                lines.extend(plants.pop(0).split(b"\n"))
            block = b"".join(decorate(draw, number + at, line) + b"\n" for at, line in enumerate(lines))
            number += len(lines)
            size += file.write(block)


def write_ending(path: Path, size_bytes: int, end: bytes, seed: int = SEED) -> None:
    """Write a plain log of noise in which nothing fails but what stands at its end."""
    draw = random.Random(seed)
    pool = list(noise(draw))
    size = len(end)
    with path.open("wb") as file:
        while size < size_bytes:
            lines = draw.choices(pool, k=min(WRITTEN_LINES, (size_bytes - size) // 100 + 1))
            size += file.write(b"\n".join([*lines, b""]))
        file.write(end)


def write_one_line(path: Path, megabytes: int) -> None:
    """Write a single line, without an end."""
    with path.open("wb") as file:
        for _ in range(megabytes):
            file.write(b"progress 17 of 4711 " * (2**20 // 20))


def write_same_letter(path: Path, megabytes: int) -> None:
    """Write lines of one letter that end in another one: what makes `(a+)+$` take exponential time elsewhere."""
    with path.open("wb") as file:
        for _ in range(megabytes):
            file.write((b"a" * 1023 + b"!") * 1023 + b"a" * 1023 + b"\n")


def write_all_planted(path: Path, megabytes: int) -> None:
    """Write a log in which all lines are failures."""
    block = "\n".join((*PLANTED, "")).encode()
    with path.open("wb") as file:
        for _ in range(megabytes):
            file.write(block * (2**20 // len(block)))


def _coloured(line: bytes) -> bytes:
    first, blank, rest = line.partition(b" ")
    return b"\x1b[1;36m" + first + b"\x1b[0m" + blank + b"\x1b[32m" + rest + b"\x1b[0m"


def noise(draw: random.Random) -> Iterator[bytes]:
    makers, weights = zip(*_makers(draw), strict=True)
    for make in draw.choices(makers, weights, k=DISTINCT_LINES):
        yield from make().encode().split(b"\n")


def _makers(draw: random.Random) -> list[tuple[Callable[[], str], int]]:
    """List what writes lines, and how often each does."""
    number = draw.randint

    def part() -> str:
        return draw.choice(PARTS)

    def sha(digits: int) -> str:
        return f"{draw.getrandbits(4 * digits):0{digits}x}"

    def name() -> str:
        return "".join(part().capitalize() for _ in range(3))

    def clock() -> str:
        return f"2015-11-21T{number(0, 23):02}:{number(0, 59):02}:{number(0, 59):02}"

    return [
        (lambda: f"Step {number(1, 60)}/60 : RUN apt-get install -y {' '.join(draw.sample(PACKAGES, 8))}", 3),
        (lambda: f" ---> Running in {sha(12)}\n ---> Using cache\n ---> {sha(12)}", 9),
        (lambda: f"Get:{number(1, 400)} http://mirror.example/debian/ jessie/main {draw.choice(PACKAGES)} amd64"
                 f" {number(1, 9)}.{number(0, 30)}-{number(1, 20)}+deb8u1 [{number(1, 999)} kB]", 9),
        (lambda: f"Selecting previously unselected package {draw.choice(PACKAGES)}.\nPreparing to unpack"
                 f" .../{draw.choice(PACKAGES)}_{number(1, 9)}_amd64.deb ...", 4),
        (lambda: f"=== RUN   Test{name()}\n--- PASS: Test{name()} ({number(0, 9)}.{number(0, 99):02}s)", 11),
        (lambda: f"PASS: docker_cli_{part()}_test.go:{number(1, 4000)}: DockerSuite.Test{name()}Error\t"
                 f"{number(0, 30)}.{number(0, 999):03}s", 9),
        (lambda: f"ok  \tgithub.com/docker/docker/{part()}/{part()}\t{number(0, 90)}.{number(0, 999):03}s\tcoverage:"
                 f" {number(1, 99)}.{number(0, 9)}% of statements", 6),
        (lambda: f'time="{clock()}.{number(0, 999999):06}Z" level=debug msg="Calling GET /v1.{number(12, 44)}/{part()}s'
                 f'/{sha(64)}/json?{part()}=1&timeout={number(1, 90)}"', 13),
        (lambda: f'time="{clock()}Z" level=info msg="POST /{part()}s/{sha(12)}/stop?t={number(0, 10)}" module=api'
                 f" status={draw.choice((200, 201, 204, 304))} err=<nil> duration={number(1, 9999)}us", 9),
        (lambda: "gcc -std=gnu11 -O2 -g -Wall -Werror=format-security -fstack-protector-strong -Iinclude"
                 f" -I../vendor/src/{part()}/include -c -o build/{part()}/{part()}.o src/{part()}/{part()}.c", 9),
        (lambda: f"src/{part()}/{part()}.c:{number(1, 3000)}:{number(1, 80)}: warning: unused variable"
                 f" '{part()}_error' [-Wunused-variable]", 3),
        (lambda: f"make[{number(1, 4)}]: Entering directory '/go/src/github.com/docker/docker/{part()}'", 3),
        (lambda: f" > git fetch --tags --progress https://git.example/moby/{part()}.git"
                 f" +refs/pull/{number(1, 40000)}/*:refs/remotes/origin/pr/{number(1, 40000)}/* # timeout=10", 3),
        (lambda: f"remote: Counting objects: {number(1, 99)}% ({number(1, 11300)}/11300), {number(1, 40)}.07 MiB", 6),
        (lambda: f"Collecting {part()}=={number(0, 9)}.{number(0, 30)} (from -r requirements.txt (line 7))\n  Download"
                 f"ing https://pypi.example/packages/{sha(60)}/{part()}-py3-none-any.whl ({number(1, 900)} kB)", 3),
        (lambda: f"npm http fetch GET 200 https://npm.example/{part()}-{part()} {number(10, 900)}ms (cache hit)", 5),
        (lambda: f"[Pipeline] {draw.choice(('sh', 'stage', 'node', 'echo', 'timeout', 'retry', '}'))}", 2),
        (lambda: f"+ docker run --rm -t --privileged -v /var/lib/jenkins/workspace/PR-{number(1, 40000)}:/go/src"
                 f" -e DOCKER_GITCOMMIT={sha(7)} -e TIMEOUT=120m docker:{sha(40)} hack/make.sh test-{part()}", 3),
        (lambda: f"Retrying request, attempt {number(1, 3)}: connection to mirror {number(1, 9)} established", 1),
        (lambda: f"0 errors, {number(0, 9)} warnings, failed: 0, skipped: {number(0, 99)}", 1),
        (lambda: f"check that 'Error response' is printed when the {part()} is not running ... ok", 1),
        (lambda: f"INFO: panic recovery handler installed for {part()}; fatal errors will be reported", 1),
        (lambda: f'{{"Id":"{sha(64)}","State":{{"Running":true,"OOMKilled":false,"Dead":false,"Pid":{number(1, 65535)},'
                 f'"ExitCode":0,"Error":""}},"Image":"sha256:{sha(64)}","Name":"/{part()}","Driver":"aufs"}}', 3),
        (lambda: f"  \u2713 {part()} {part()} \u2014 {number(1, 900)} ms", 2),
    ]  # fmt: skip
