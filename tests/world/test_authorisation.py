"""The authorisation matrix: every command, by every role, source of roles, proof and network; default deny.

What is expected stands in the tables here, written by hand; nothing of it is read from what the commands declare.
"""

import asyncio
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import pytest

from bot.access import Access
from bot.builds import BuildLedger
from bot.commands import bind, find_command
from bot.database import Database
from bot.errors import NotAllowed, Unavailable, Unchecked
from bot.live import Facts, Live
from bot.loader import Registry, load_plugins
from bot.people import People
from bot.rights import Asker, BuildRights, Wish
from bot.settings import ContextSettings, CoreSettings, GordonSettings, JenkinsSettings, JobSettings, RepoSettings
from bot.teams import Teams
from bot.values import JobRef, Person, Place, Pull, PullRef, Result, Role, Speaker, Stage, Standing, Trust
from tests.moved_clock import still
from tests.team_forge import TeamForge

HOME, OTHER, BOTH, EVERYWHERE = ("moby/moby",), ("docker/libnetwork",), ("moby/moby", "docker/libnetwork"), ("*",)
ANYONE, PROVEN, TRIAGER, MAINTAINER = "anyone", "proven", "triager", "maintainer"
MERGER, OPERATOR = "merger", "operator"
RANKS = ("anyone", "author", "triager", "maintainer", "merger", "operator")  # each includes those before it


@dataclass(frozen=True)
class Rule:
    """A line as somebody types it, and who may give it as far as the command itself decides.

    Arguments:
        least: the lowest role that may; `PROVEN` is everybody in the people file.
        where: each repository where they must have it.
    """

    typed: str
    least: str
    where: Sequence[str] = HOME


RULES: Mapping[str, Sequence[Rule]] = {
    "alru": [Rule("alru", ANYONE), Rule("alru libnetwork", ANYONE)],
    "audit": [Rule("audit", OPERATOR, EVERYWHERE), Rule("audit k7f2", OPERATOR, EVERYWHERE)],
    "build": [
        Rule("build base-image", MAINTAINER),
        Rule("build base-image PUSH=true", MAINTAINER),
        Rule("build docker-prs", MAINTAINER, HOME),
        Rule("build libnetwork-prs", MAINTAINER, OTHER),
        Rule("build lint-prs", MAINTAINER, BOTH),
    ],
    "can": [Rule("can alice rebuild", ANYONE)],
    "cancel": [Rule("cancel moby#1", PROVEN), Rule("cancel docker-prs#4", PROVEN)],  # and CANCELS
    "confirm": [Rule("confirm abcdefghijklmnopqrstuvwxyz", PROVEN)],
    "digest": [Rule("digest", ANYONE), Rule("digest k7f2qa 2", ANYONE)],
    "dco": [Rule("dco moby#1", PROVEN), Rule("dco libnetwork#1", PROVEN)],
    "flakes": [Rule("flakes", ANYONE), Rule("flakes nodes kernel", ANYONE)],
    "help": [Rule("help", ANYONE), Rule("help letters drop", ANYONE)],
    "known": [Rule("known", ANYONE), Rule("known dm", ANYONE)],
    "known add": [Rule("known add dm-x network true connection  reset", MAINTAINER)],
    "known list": [Rule("known list", ANYONE)],
    "known remove": [Rule("known remove dm-x", MAINTAINER)],
    "known test": [Rule(r"known test a \S+ b", TRIAGER)],
    "letters": [Rule("letters", OPERATOR, EVERYWHERE)],
    "letters drop": [Rule("letters drop d1", OPERATOR, EVERYWHERE)],
    "letters replay": [Rule("letters replay d1", OPERATOR, EVERYWHERE)],
    "link": [Rule("link", ANYONE), Rule("link abcdefghijklmnopqrstuvwxyz", ANYONE)],  # by proof
    "links": [Rule("links", PROVEN), Rule("links alice", PROVEN)],
    "log": [Rule("log docker-prs#4", ANYONE), Rule("log docker-prs#4 10", ANYONE)],
    "node": [Rule("node arm-7", ANYONE), Rule("node ci/arm-7", ANYONE)],
    "node offline": [Rule("node arm-7 offline the disk is full", MAINTAINER)],
    "node online": [Rule("node arm-7 online", MAINTAINER)],
    "nodes": [Rule("nodes", ANYONE), Rule("nodes kernel=4.2", ANYONE)],
    "ok to test": [
        Rule("ok to test moby#1", MAINTAINER),
        Rule("ok to test libnetwork#1", MAINTAINER, OTHER),
    ],
    "ok to test cancel": [Rule("ok to test moby#1 cancel", MAINTAINER)],
    "override": [
        Rule("override moby#1 janky the mirror is down", MERGER),
        Rule("override libnetwork#1 janky 2h the mirror is down", MERGER, OTHER),
    ],
    "override cancel": [Rule("override cancel moby#1 janky", MERGER)],
    "ping": [Rule("ping", ANYONE)],
    "plugins": [Rule("plugins", ANYONE)],
    "plugins off": [Rule("plugins off rebuild", OPERATOR, EVERYWHERE)],
    "plugins on": [Rule("plugins on rebuild", OPERATOR, EVERYWHERE)],
    "pr": [Rule("pr moby#1", ANYONE), Rule("pr libnetwork#1", ANYONE)],
    "prs": [Rule("prs", ANYONE), Rule("prs stale review=alice libnetwork sort=age", ANYONE)],
    "queue": [Rule("queue", ANYONE)],
    "rebuild": [  # and REBUILDS and REPEATS
        Rule("rebuild moby#1", PROVEN),
        Rule("rebuild libnetwork#1 janky again", PROVEN),
        Rule("rebuild docker-prs#4 failed on arm-7", PROVEN),
    ],
    "rebuild open": [
        Rule("rebuild open moby/moby/docker-prs", MAINTAINER),
        Rule("rebuild open docker/libnetwork/lint-prs", MAINTAINER, OTHER),
    ],
    "reload": [Rule("reload", OPERATOR, EVERYWHERE)],
    "retries reset": [Rule("retries reset dm-x", MAINTAINER)],
    "review": [Rule("review moby#1", ANYONE), Rule("review libnetwork#1", ANYONE)],
    "running": [Rule("running", ANYONE)],
    "scheduled": [Rule("scheduled", ANYONE), Rule("scheduled weekly", ANYONE)],
    "notices": [Rule("notices", ANYONE)],
    "schedule add": [Rule('schedule add "daily 09:00" version', TRIAGER)],
    "schedule list": [Rule("schedule list", ANYONE)],
    "schedule remove": [Rule("schedule remove k7f2", PROVEN)],
    "status": [Rule("status", ANYONE), Rule("status moby#1", ANYONE), Rule("status base-image", ANYONE)],
    "tests": [Rule("tests docker-prs#4", ANYONE)],
    "unknown": [Rule("unknown", ANYONE)],
    "version": [Rule("version", ANYONE)],
    "mute": [Rule("mute moby#1 2h", PROVEN), Rule("mute author:bob until 18:00", PROVEN)],
    "mute here": [
        Rule("mute moby#1 here 2h", TRIAGER),
        Rule("mute libnetwork here 2h", TRIAGER, OTHER),
        Rule("mute libnetwork/lint-prs here 2h", TRIAGER, OTHER),
        Rule("mute author:bob here 2h", TRIAGER),
    ],
    "unlink": [Rule("unlink libera", PROVEN)],  # of others it is an operator's: test_linking.py
    "unmute": [Rule("unmute moby#1", PROVEN)],
    "unmute here": [Rule("unmute moby#1 here", TRIAGER), Rule("unmute node:arm-7 here", TRIAGER)],
    "unwatch": [Rule("unwatch moby#1", PROVEN)],
    "unwatch here": [Rule("unwatch moby#1 here", TRIAGER)],
    "watch": [Rule("watch moby#1", PROVEN), Rule("watch docker-prs#4", PROVEN), Rule("watch libnetwork 3d", PROVEN)],
    "watch here": [
        Rule("watch libnetwork#1 here", TRIAGER, OTHER),
        Rule("watch docker-prs#4 here", TRIAGER),
        Rule("watch libnetwork-prs here 3d", TRIAGER),
        Rule("watch lint-prs here", TRIAGER),
    ],
    "watches": [Rule("watches", ANYONE)],
    "whoami": [Rule("whoami", ANYONE)],
    "why": [Rule("why moby#1", ANYONE), Rule("why docker-prs#4", ANYONE)],
}

ALICE, ALICES_ID, BOBS_ID = "alice", 11, 12
DOUBT = "this network tells no accounts; talk to me where it does"
IRC, QUIET, CONSOLE = "libera", "ircnet", "console"  # QUIET gives no proof


def said_by(name: str, network: str, account: str, evidence: str, *, doubt: str = "") -> tuple[str, Speaker]:
    return name, Speaker(network, ALICE, account, evidence, doubt)


PROOFS = dict(
    [
        said_by("account-tag", IRC, ALICE, "account-tag"),
        said_by("extended-join and account-notify", IRC, ALICE, "account-notify"),
        said_by("WHOX", IRC, ALICE, "WHOX"),
        said_by("WHOIS", IRC, ALICE, "WHOIS"),
        said_by("nick on loopback", IRC, ALICE, "nick on loopback"),
        said_by("account in capitals", IRC, ALICE.upper(), "account-tag"),
        said_by("console", CONSOLE, ALICE, "console"),
    ]
)
NO_PROOFS = dict(
    [
        said_by("no account", IRC, "", ""),
        said_by("no account, and why", IRC, "", "", doubt=DOUBT),
        said_by("a network without proof", QUIET, "", "", doubt=DOUBT),
        said_by("an account that nothing proves", IRC, ALICE, ""),
        said_by("a proof of no account", IRC, "", "account-tag"),
        said_by("logged out", IRC, "*", "account-notify"),
        said_by("none in WHOX", IRC, "0", "WHOX"),
        said_by("console, forged on IRC", IRC, ALICE, "console"),
        said_by("IRC, forged at the console", CONSOLE, ALICE, "account-tag"),
        said_by("console, of nobody", CONSOLE, "mallory", "console"),
        said_by("the same account elsewhere", QUIET, ALICE, "account-tag"),  # it is somebody else's there
        said_by("somebody else's account", IRC, "mallory", "account-tag"),
        said_by("Cyrillic look-alike", IRC, "\u0430lice", "account-tag"),
        said_by("dotless look-alike", IRC, "al\u0131ce", "account-tag"),
        said_by("full-width look-alike", IRC, "\uff41lice", "account-tag"),
        said_by("Kelvin sign, whose small letter is k", IRC, "\u212aim", "account-tag"),
        said_by("brackets in the other case", IRC, "bob{}", "account-tag"),  # bob[] in rfc1459, but who knows
        said_by("a space behind", IRC, "alice ", "account-tag"),
    ]
)


@dataclass(frozen=True)
class Holder:
    """A role that Alice has somewhere: by the file, by her team, or by one that is not hers or that nobody can read."""

    role: str
    scope: str
    source: str

    def expected(self, least: str, where: Sequence[str]) -> str:
        """Tell what may become of a proven Alice: "yes", "no", or "unchecked" if it hangs on an unread team."""
        if least in (ANYONE, PROVEN):
            return "yes"
        counts = [self.scope in ("*", repo) for repo in where]
        if RANKS.index(self.role) < RANKS.index(least) or not any(counts):
            return "no"
        if self.source == "unread team":
            return "unchecked" if all(counts) else "no or unchecked"
        return "yes" if all(counts) and self.source != "others' team" else "no"


HOLDERS = [
    Holder(role, scope, source)
    for role in RANKS
    for scope in (*HOME, *OTHER, "*")
    for source in ("file", "team", "others' team", "unread team")
]
TEAM = "docker/team"
SETTINGS = GordonSettings(
    gordon=CoreSettings(home=HOME[0]),
    jenkins={"ci": JenkinsSettings(url="http://127.0.0.1:1")},
    repos={
        repo: RepoSettings(
            aliases=(repo.rpartition("/")[2],),
            contexts={job: ContextSettings(jenkins="ci", job=job) for job in (f"{own}-prs", "lint-prs")},
        )
        for repo, own in ((HOME[0], "docker"), (OTHER[0], "libnetwork"))
    },
    jobs={"base-image": JobSettings(jenkins="ci", job="infra/base-image")},
)


@dataclass(frozen=True)
class Scene:
    """All that weighs what the holder of one role may do."""

    holder: Holder
    live: Live
    access: Access


async def scene_of(holder: Holder) -> Scene:
    given, by_file = {holder.scope: Role[holder.role.upper()]}, holder.source == "file"
    alice = Person(ALICE, given if by_file else {}, ALICES_ID)
    people = People(
        {ALICE: alice, "bob": Person("bob", {"*": Role.OPERATOR}, BOBS_ID)},
        {(IRC, ALICE): ALICE, (IRC, "bob[]"): "bob", (IRC, "kim"): "bob"},
        {} if by_file else {TEAM: given},
    )
    live, clock = Live(Facts(SETTINGS, people)), still()
    forge = TeamForge(clock, {TEAM: {BOBS_ID} if holder.source == "others' team" else {ALICES_ID, BOBS_ID}})
    teams = Teams(forge, live, clock)
    await teams.begin()
    if holder.source == "unread team":
        forge.fault = Unavailable("GitHub", "reading who is in a team")
        clock.move(300)
        await teams.go_on()
    return Scene(holder, live, Access(live, teams))


@pytest.fixture(scope="module")
def scenes() -> Sequence[Scene]:
    async def all_of_them() -> list[Scene]:
        return [await scene_of(holder) for holder in HOLDERS]

    return asyncio.run(all_of_them())


@pytest.fixture(scope="module")
def registry() -> Registry:
    found = load_plugins(CoreSettings(home="").plugins, {})
    assert not found.broken
    return found


def cases(scenes: Sequence[Scene], least: str, where: Sequence[str]) -> Iterator[tuple[Scene, str, Speaker, str]]:
    """List everybody who may speak, with what is expected of them."""
    for scene in scenes:
        for name, speaker in PROOFS.items():
            yield scene, name, speaker, scene.holder.expected(least, where)
        for name, speaker in NO_PROOFS.items():
            yield scene, name, speaker, "yes" if least == ANYONE else "no"


def what_comes(weigh: Callable[[], object]) -> tuple[str, str]:
    """Tell what became of an attempt, and the words of a refusal."""
    try:
        weigh()
    except Unchecked as error:
        return "unchecked", str(error)
    except NotAllowed as error:
        return "no", str(error)
    return "yes", ""


def test_every_command_stands_in_the_table(registry: Registry) -> None:
    """Default deny for what is new: whoever adds a command says here who may give it."""
    assert sorted(registry.commands) == sorted(RULES)


@pytest.mark.parametrize("rule", [rule for rules in RULES.values() for rule in rules], ids=lambda rule: rule.typed)
def test_a_command_is_for_those_whom_the_table_names(rule: Rule, scenes: Sequence[Scene], registry: Registry) -> None:
    """A1, A2, A3, A31, G11 and G14 for the command itself; 1,800 cases for each line."""
    usage, words = find_command(registry.usages, rule.typed)
    command, wrong = registry.commands[usage.name], []
    assert usage.name in RULES
    assert rule in RULES[usage.name]
    for scene, proof, speaker, expected in cases(scenes, rule.least, rule.where):
        call = bind(usage, words, scene.live.now.names)
        came, said = what_comes(partial(scene.access.weigh, speaker, command, call))
        told = [scene.access.why_not(speaker, command, "" if repo == "*" else repo) for repo in rule.where]
        if came not in expected.split(" or ") or any(told) != (came != "yes") or not is_told_well(came, said, speaker):
            wrong.append((scene.holder, proof, f"expected {expected}, came {came}", said, told))
    assert wrong[:5] == []


def is_told_well(came: str, said: str, speaker: Speaker) -> bool:
    """Tell whether a refusal says what it has to."""
    if came == "unchecked":
        return said == f"cannot check right now whether you are in {TEAM} (GitHub does not answer), so not now"
    return came == "yes" or not speaker.doubt or said.endswith(f"nothing proves who you are here: {DOUBT}")


HEAD = "c0ffee" * 6 + "beef"
OF_HOME, OF_OTHER, OF_BOTH = (JobRef("ci", name) for name in ("docker-prs", "libnetwork-prs", "lint-prs"))
IN_HOME, IN_OTHER = PullRef(HOME[0], 1), PullRef(OTHER[0], 1)


def live_build(job: JobRef, asker: str, pull: PullRef | None = None) -> Standing:
    return Standing(job.full_name, job, Stage.RUNNING, number=4, pull=pull, asker=asker, sha=HEAD)


CANCELS = [
    pytest.param(live_build(OF_HOME, ALICE, IN_HOME), PROVEN, HOME, id="own"),
    pytest.param(live_build(OF_OTHER, ALICE), PROVEN, OTHER, id="own-of-another-repository"),
    pytest.param(live_build(OF_HOME, "bob", IN_HOME), MAINTAINER, HOME, id="of-others"),
    pytest.param(live_build(OF_HOME, "", IN_HOME), MAINTAINER, HOME, id="of-nobody-known"),
    pytest.param(live_build(OF_OTHER, "bob", IN_OTHER), MAINTAINER, OTHER, id="of-others-in-another-repository"),
    pytest.param(live_build(OF_BOTH, "bob", IN_OTHER), MAINTAINER, OTHER, id="job-of-both-pull-of-one"),
    pytest.param(live_build(OF_BOTH, "bob"), MAINTAINER, BOTH, id="job-of-both"),
    pytest.param(live_build(OF_OTHER, "bob", IN_HOME), MAINTAINER, OTHER, id="pull-that-the-job-does-not-build"),
    pytest.param(live_build(JobRef("ci", "infra/base-image"), "bob"), MAINTAINER, HOME, id="job-of-no-repository"),
]


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[BuildLedger]:
    database = Database(tmp_path / "gordon.db")
    yield BuildLedger(database)
    database.close()


@pytest.mark.parametrize(("standing", "least", "where"), CANCELS)
def test_a_build_is_cancelled_by_those_whom_the_table_names(
    standing: Standing, least: str, where: Sequence[str], scenes: Sequence[Scene], ledger: BuildLedger
) -> None:
    """Whoever had it started may; of other people's builds it takes a maintainer."""
    wrong = []
    for scene, proof, speaker, expected in cases(scenes, least, where):
        rights = BuildRights(scene.live, scene.access, ledger, never, untrusted)
        came, said = what_comes(partial(rights.cancel, speaker, standing))
        if came not in expected.split(" or "):
            wrong.append((scene.holder, proof, f"expected {expected}, came {came}", said))
    assert wrong[:5] == []


async def never(context: str, pull: Pull) -> Standing:
    return Standing(context, OF_HOME, Stage.NEVER, sha=pull.head)


async def untrusted(pull: Pull) -> Trust:
    return Trust()


async def failed(context: str, pull: Pull) -> Standing:
    return Standing(context, OF_HOME, Stage.ENDED, Result.FAILURE, number=3, sha=pull.head)


async def passed(context: str, pull: Pull) -> Standing:
    return Standing(context, OF_HOME, Stage.ENDED, Result.SUCCESS, number=3, sha=pull.head)


REBUILDS = [
    pytest.param(ALICES_ID, failed, False, PROVEN, id="own-failed"),
    pytest.param(ALICES_ID, failed, True, TRIAGER, id="own-beside-a-live-one"),
    pytest.param(ALICES_ID, passed, False, TRIAGER, id="own-green"),
    pytest.param(ALICES_ID, never, False, TRIAGER, id="own-at-a-commit-that-nobody-trusted"),
    pytest.param(BOBS_ID, failed, False, TRIAGER, id="of-others"),
    pytest.param(BOBS_ID, never, True, TRIAGER, id="of-others-whatever"),
    pytest.param(0, failed, False, TRIAGER, id="of-an-account-that-is-gone"),
]


@pytest.mark.parametrize(("author_id", "read", "again", "least"), REBUILDS)
async def test_a_build_is_started_by_those_whom_the_table_names(
    author_id: int,
    read: Callable[[str, Pull], Awaitable[Standing]],
    again: bool,
    least: str,
    scenes: Sequence[Scene],
    ledger: BuildLedger,
) -> None:
    """A31: whose pull request it is goes by number; its author is called alice in every case."""
    pull, wrong = Pull(IN_HOME, "", ALICE, author_id, HEAD, "master", "", ""), []
    for scene, proof, speaker, expected in cases(scenes, least, HOME):
        rights = BuildRights(scene.live, scene.access, ledger, read, untrusted)
        asker = Asker("event", "rebuild:rebuild", speaker, Place(speaker.network, "#moby"))
        try:
            await rights.start(asker, Wish("docker-prs", pull, again, begun=False))
            came = "yes"
        except NotAllowed as error:
            came = "unchecked" if isinstance(error, Unchecked) else "no"
        if came not in expected.split(" or "):
            wrong.append((scene.holder, proof, f"expected {expected}, came {came}"))
    assert wrong[:5] == []


REPEATS = [
    pytest.param(OF_HOME, HOME, id="of-the-home"),
    pytest.param(OF_OTHER, OTHER, id="of-another-repository"),
    pytest.param(OF_BOTH, BOTH, id="of-both"),
    pytest.param(JobRef("ci", "infra/base-image"), HOME, id="of-no-repository"),
]


@pytest.mark.parametrize(("job", "where"), REPEATS)
def test_a_build_of_no_pull_request_is_repeated_by_those_whom_the_table_names(
    job: JobRef, where: Sequence[str], scenes: Sequence[Scene], ledger: BuildLedger
) -> None:
    """It needs what starting the job needs; one of a pull request needs what REBUILDS has."""
    wrong = []
    for scene, proof, speaker, expected in cases(scenes, MAINTAINER, where):
        rights = BuildRights(scene.live, scene.access, ledger, never, untrusted)
        asker = Asker("event", "rebuild:rebuild", speaker, Place(speaker.network, "#moby"))
        came, said = what_comes(partial(rights.build, asker, job, job.full_name))
        if came not in expected.split(" or "):
            wrong.append((scene.holder, proof, f"expected {expected}, came {came}", said))
    assert wrong[:5] == []
