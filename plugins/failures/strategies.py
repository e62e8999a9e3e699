"""Which ends of builds a place hears of, and in what form: by the strategies of the Instant Messaging plugin."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from fnmatch import fnmatchcase

from bot.facts import Change
from bot.plugin import Settings
from bot.values import Place, Result

NO_NEWS = (Result.SUCCESS, Result.ABORTED, Result.NOT_BUILT)  # of builds that nobody here has asked for
BAD = (Result.FAILURE, Result.UNSTABLE)


class Strategy(StrEnum):
    """What a place hears of unasked; who asked for a build hears of it whatever the strategy."""

    ASKED = "asked"  # all that anybody asked for; of other builds the failures, and what is fixed
    ALL = "all"
    ANY_FAILURE = "any-failure"
    FAILURE_AND_FIXED = "failure-and-fixed"
    NEW_FAILURE_AND_FIXED = "new-failure-and-fixed"
    CHANGE_ONLY = "change-only"


class Infra(StrEnum):
    """How known infrastructure trouble is told."""

    CARD = "card"
    MARK = "mark"


class ChannelSettings(Settings, frozen=True):
    """`[plugin.failures.channel."NETWORK/#CHANNEL"]`: what differs at one place."""

    strategy: Strategy | None = None
    jobs: tuple[str, ...] = ()  # patterns of the only jobs or contexts; those of no pull request are told only by these
    infra: Infra | None = None
    culprits: bool | None = None


class FailuresSettings(Settings, frozen=True):
    """`[plugin.failures]`."""

    gather_s: float = 5.0  # contexts of one push that fail for one reason mostly fail within seconds
    strategy: Strategy = Strategy.ASKED
    infra: Infra = Infra.CARD
    culprits: bool = False  # address who pushed since the last build that passed
    comment: bool = False  # keep one comment on the pull request that lists what failed
    storm_builds: int = 5  # so many with one cause within
    storm_within_s: float = 600.0  # are told as one message that counts up
    channel: dict[str, ChannelSettings] = {}  # noqa: RUF012  each Settings gets its own

    def __post_init__(self) -> None:
        if not 0 <= self.gather_s <= 600:
            raise ValueError(f"gather_s must be 0 to 600, is {self.gather_s}")
        if not 2 <= self.storm_builds <= 1000:
            raise ValueError(f"storm_builds must be 2 to 1000, is {self.storm_builds}")
        if not 1 <= self.storm_within_s <= 86400:
            raise ValueError(f"storm_within_s must be 1 to 86400, is {self.storm_within_s}")
        for name in self.channel:
            if not all(name.partition("/")[::2]):
                raise ValueError(f'channel has "{name}"; a place is written NETWORK/#CHANNEL')


@dataclass(frozen=True, slots=True)
class Manner:
    """What one place hears, all defaults filled in."""

    strategy: Strategy
    jobs: tuple[str, ...]
    infra: Infra
    culprits: bool

    def covers(self, *names: str) -> bool:
        """Tell whether a job, given by all its names, is one that the place hears of."""
        return not self.jobs or any(fnmatchcase(name, job) for name in names for job in self.jobs)


def manner(settings: FailuresSettings, place: Place) -> Manner:
    """Find what holds at a place."""
    found = [one for name, one in settings.channel.items() if name.casefold() == str(place).casefold()]
    own = found[0] if found else ChannelSettings()
    return Manner(
        settings.strategy if own.strategy is None else own.strategy,
        own.jobs,
        settings.infra if own.infra is None else own.infra,
        settings.culprits if own.culprits is None else own.culprits,
    )


def places_for_jobs(settings: FailuresSettings, *names: str) -> list[Place]:
    """List the places that want to hear of a job by its name, whether it is of a pull request or not."""
    found = []
    for name, own in settings.channel.items():
        place = Place.parse(name)
        if own.jobs and manner(settings, place).covers(*names):
            found.append(place)
    return found


def trend(result: Result | None, before: Result | None) -> Change:
    """Tell how a result stands beside the one before.

    Arguments:
        before: that of the newest build before that was neither aborted nor not built; None if there was none.
    """
    if result is Result.ABORTED:
        return Change.ABORTED
    if result is None or result is Result.NOT_BUILT:
        return Change.NOT_BUILT
    if result is Result.SUCCESS:
        return Change.FIXED if before in BAD else Change.SUCCESS
    if result is Result.FAILURE:
        return Change.STILL_FAILING if before is Result.FAILURE else Change.FAILURE
    unstable: Mapping[Result | None, Change] = {
        Result.UNSTABLE: Change.STILL_UNSTABLE,
        Result.FAILURE: Change.NOW_UNSTABLE,
    }
    return unstable.get(before, Change.UNSTABLE)


def wants(strategy: Strategy, result: Result | None, change: Change, last: str, *, ours: bool, was_told: bool) -> bool:
    """Tell whether a place hears of an end that it has not asked for.

    Arguments:
        last: what the very build before came to, aborted or not; empty for the first one.
        ours: somebody has asked for the build.
        was_told: what it has fixed was told, if it has fixed anything.
    """
    is_fix = change is Change.FIXED and was_told
    match strategy:
        case Strategy.ALL:
            return True
        case Strategy.ASKED:
            return ours or is_fix or result not in NO_NEWS
        case Strategy.ANY_FAILURE:
            return result is not Result.SUCCESS
        case Strategy.FAILURE_AND_FIXED:
            return result is not Result.SUCCESS or is_fix
        case Strategy.NEW_FAILURE_AND_FIXED:
            return change is Change.FAILURE or is_fix
        case Strategy.CHANGE_ONLY:
            return str(result or "") != last or not last


def unasked(settings: FailuresSettings, announce: Iterable[Place], is_of_pull: bool, *names: str) -> list[Place]:
    """List the places that may hear of a build unasked, each once.

    Arguments:
        announce: those of its repository.
        names: of the job and the context.
    """
    covered = [place for place in announce if is_of_pull and manner(settings, place).covers(*names)]
    return list(dict.fromkeys((*covered, *places_for_jobs(settings, *names))))
