"""Repositories full of open pull requests in all their states, made at random from a seed."""

import random
from datetime import UTC, datetime, timedelta

from bot.values import Account, Pull, PullRef, PullSummary, Remark, Review, ReviewState, Status, StatusState

REPO = "moby/moby"
NOW = datetime(2026, 3, 2, 12, tzinfo=UTC)
PEOPLE = (
    Account(101, "icecrime"),
    Account(102, "tianon"),
    Account(103, "Jess"),
    Account(104, "newcomer"),
    Account(900, "bump[bot]", is_bot=True),
)
OWNERS = {"daemon": ("@tianon", "moby/storage"), "docs": ("jess",), "vendor": ()}
HEAD = "a" * 40
AUTHOR, JESS, VIEUX = Account(104, "newcomer"), Account(103, "jess"), Account(106, "vieux")
PULL = Pull(
    PullRef("moby/moby", 7),
    "Fix a race",
    "newcomer",
    104,
    HEAD,
    "master",
    "newcomer/moby",
    "https://x/7",
    mergeable=True,
)
PATHS = ("daemon/create.go", "daemon/graph/aufs.go", "daemon.go", "docs/index.md", "docs/run.MD", "vendor/a/b.go")
LABELS = ("bug", "Docs", "wip", "dco/no")
CONTEXTS = ("janky", "windows", "lint")


def owners_of(path: str) -> tuple[str, ...]:
    """Tell who owns a path: those of the folder at its root."""
    folder, slash, _ = path.partition("/")
    return OWNERS.get(folder, ()) if slash else ()


def made(number: int = 1, title: str = "Fix volumes", **given: object) -> PullSummary:
    """Make a pull request that is a day old and of which nothing else is told; what is given is of either value."""
    about = {"author": "tianon", "author_id": 102, "head": HEAD, "base": "master", "mergeable": True}
    of_pull = {name: given.pop(name) for name in list(given) if name in Pull.__slots__}
    told = {"ref": PullRef(REPO, number), "head_repo": REPO, "url": "", "title": title, **about, **of_pull}
    created = given.pop("created_at", NOW - timedelta(days=1))
    return PullSummary(Pull(**told), created_at=created, **given)  # type: ignore[arg-type]


def repository(seed: int, count: int) -> list[PullSummary]:
    """Make open pull requests, in no order; about every state goes with every other."""
    rng = random.Random(seed)
    found = [_one(rng, number) for number in range(1, count + 1)]
    rng.shuffle(found)
    return found


def _one(rng: random.Random, number: int) -> PullSummary:
    author, head = rng.choice(PEOPLE), f"{number:040x}"
    created = NOW - timedelta(hours=rng.choice((1, 5, 23, 24, 25, 100, 700, 721, 2000, 9000)), minutes=rng.randrange(3))
    updated = max(created, NOW - timedelta(days=rng.choice((0, 1, 13, 14, 15, 29, 30, 31, 200))))
    reviewers = [one for one in PEOPLE if rng.random() < 0.5]
    reviews = [
        Review(each, who, rng.choice((*ReviewState, ReviewState.APPROVED)), rng.choice((head, head, "f" * 40)), updated)
        for each, who in enumerate(reviewers)
    ]
    remarks = [Remark(rng.choice((author, PEOPLE[-1], rng.choice(PEOPLE))), updated) for _ in range(rng.randrange(3))]
    told = [
        Status(name, rng.choice((*StatusState, *[StatusState.SUCCESS] * 3))) for name in CONTEXTS if rng.random() < 0.6
    ]
    if rng.random() < 0.2:
        told.append(Status("extra", rng.choice(list(StatusState))))
    return made(
        number,
        author=author.login,
        author_id=author.number,
        head=head,
        base=rng.choice(("master", "release")),
        draft=rng.random() < 0.2,
        mergeable=rng.choice((True, False, None)),
        labels=tuple(label for label in LABELS if rng.random() < 0.3),
        updated_at=rng.choice((updated, updated, None)),
        created_at=created,
        reviews=tuple(reviews),
        asked=tuple(name for name in ("TIANON", "icecrime", "moby/storage") if rng.random() < 0.2),
        statuses=tuple(told),
        assignees=tuple(who.login for who in PEOPLE if rng.random() < 0.2),
        votes=rng.randrange(4),
        remarks=tuple(remarks),
        remark_count=len(remarks) + rng.choice((0, 0, 30)),
        files=tuple(path for path in PATHS if rng.random() < 0.3),
    )
