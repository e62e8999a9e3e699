"""Catalogues of any number of signatures, as a site's own grow: the first hundred by hand, the others by template."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

from bot.diagnosis.signs import Scope

# One a line; `i:` before those that ignore case, `m:` before those that name a line break.
BY_HAND = Path(__file__).with_name("signatures.txt")

_PARTS = (
    "libnetwork libcontainer containerd runc registry distribution notary swarmkit buildkit graphdriver journald"
    " fluentd awslogs gelf splunk etcd consul zookeeper vfs zfs btrfs devicemapper overlay aufs seccomp apparmor"
    " selinux cgroup netns iptables"
)
OF_PARTS = (
    r"{0}: .*(timed out|deadline exceeded) (after|waiting for) \S+",
    r"failed to (start|create|remove|load) {0}\S* (endpoint|sandbox|plugin|mount) [0-9a-f]{{8,64}}",
    r"i:{0} (daemon|process|driver) exited with (code|status) [1-9]\d*",
    r"error (initializing|restoring) {0}: (permission denied|no such (file|device)|already exists)",
    r"FAIL: docker_cli_{0}\w*_test\.go:\d+: \w+\.Test\w+",
    r"panic: .*{0}\.\(\*\w+\)\.\w+\(0x[0-9a-f]+",
    r"{0}/\w+\.go:\d+: (undefined|cannot use|too many arguments)",
    r"\[{0}\] (ERROR|FATAL|CRITICAL)\b.*",
    r"could not {0} (allocate|reserve|attach) .*: (EBUSY|ENOMEM|EAGAIN|ENOSPC)",
    r"m:{0}_test\.go:\d+:\n[^\n]*(expected|obtained)[^\n]*\n[^\n]*(expected|obtained)",
)
_MIRRORS = (
    "debian ubuntu fedora centos alpine opensuse archlinux golang rust crates rubygems maven gradle packagist pypi"
    " npmjs yarn conda cpan cran hackage nuget cocoapods bower quay gcr ecr dockerhub ghcr artifactory nexus sonatype"
)
OF_MIRRORS = (
    r"{0}\.example\S* (returned|responded with) (status )?(code )?5\d\d",
    r"i:(could not|unable to|failed to) (download|fetch|retrieve) \S*{0}\S*",
    r"{0} mirror .* (is out of sync|checksum|signature) (error|mismatch|failed)",
    r"(GET|HEAD|PUT) https?://{0}\.\S+ (net::ERR_\w+|giving up after \d+ attempts)",
    r"proxyconnect tcp: .*{0}.*: (EOF|i/o timeout|connection refused)",
)
_TESTS = (
    "Run Build Attach Exec Logs Pull Push Commit Events Stats Inspect Links Network Volume Swarm Service Stack Secret"
    " Config Plugin Daemon Restart Rename Save Load Import Export Tag Search Login"
)
OF_TESTS = (
    r"--- FAIL: TestDocker{0}\w* \(\d+\.\d+s\)",
    r"(FAIL|PANIC): \S+_test\.go:\d+: Docker\w*Suite\.Test{0}(Concurrent|Race|Timeout)\w*",
    r"Test{0}\w*: .*(unexpected EOF|broken pipe|bad file descriptor)",
    r"i:timed? ?out .* test{0}api\w*",
    r"integration/{0}\w*/\w+_test\.go:\d+: (assertion failed|timeout hit after \d+s)",
    r"m:=== RUN\s+TestApi{0}\w*\n(panic|fatal error): [^\n]+",
    r"Test{0}E2E\w+ .*leaked (goroutine|container|mount|netns)s?",
    r"{0}Suite\.TearDown\w*: .*(still in use|not empty|has active endpoints)",
)
PARTS, MIRRORS, TESTS = _PARTS.split(), _MIRRORS.split(), _TESTS.split()
AGENTS = [f"{kind}{number}" for kind in ("ppc64le-", "s390x-", "arm64-", "win2016-", "armhf-") for number in range(99)]
OF_AGENTS = (r"agent-{0}\b.*(went offline|is out of disk|clock skew of \d+)",)


@dataclass(frozen=True, slots=True)
class Pattern:
    """An expression of a signature."""

    regex: str
    ignores_case: bool
    names_line_breaks: bool


def patterns(count: int) -> list[Pattern]:
    """List so many, at most some 1,300; a longer list begins with a shorter one."""
    found = list(islice((_read(line) for line in _all()), count))
    assert len(found) == count, f"there are {len(found)} patterns and no more"
    return found


def write_catalogue(path: Path, count: int, scope: Scope = Scope.LINE) -> None:
    """Write a catalogue of so many signatures.

    Arguments:
        scope: of those that name no line break.
    """
    with path.open("w") as file:
        for number, pattern in enumerate(patterns(count)):
            file.write(f"[[signature]]\nid = 'number-{number}'\nregex = {json.dumps(pattern.regex)}\n")
            file.write(f"scope = '{Scope.LINES if pattern.names_line_breaks else scope}'\n")
            file.write(f"ignores_case = {json.dumps(pattern.ignores_case)}\n")
            file.write("class = 'network'\nretry = 'unknown'\nexample = 'measured, not tested'\n\n")


def _all() -> Iterator[str]:
    yield from BY_HAND.read_text().splitlines()
    for templates, words in ((OF_PARTS, PARTS), (OF_MIRRORS, MIRRORS), (OF_TESTS, TESTS), (OF_AGENTS, AGENTS)):
        for template in templates:
            yield from map(template.format, words)


def _read(line: str) -> Pattern:
    flag, colon, regex = line.partition(":")
    if colon and flag in ("i", "m"):
        return Pattern(regex, flag == "i", flag == "m")
    return Pattern(line, False, False)
