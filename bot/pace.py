"""How often people may ask: buckets that refill by themselves, for each person, each channel, and for builds."""

from collections import OrderedDict
from dataclasses import dataclass
from math import ceil

from bot.clock import Clock
from bot.errors import NotAllowed
from bot.live import Live
from bot.people import MACHINE
from bot.plugin import lasting
from bot.values import Person, Place, Speaker

MINUTE_S, HOUR_S = 60.0, 3600.0
UNPROVEN_PER_MINUTE = 10
TOLD_AGAIN_AFTER_S = 60.0  # whoever goes on without a pause is told no more often
FLOWS = 0.75  # of a bucket: after a pause that long its lack is news; more than strangers can leave by going on
MAX_BUCKETS = 10_000  # the one that was used longest ago makes room


class TooMany(NotAllowed):
    """Somebody asks too often.

    Arguments:
        is_news: nobody was told since it last flowed.
    """

    def __init__(self, words: str, *, is_news: bool) -> None:
        super().__init__(words)
        self.is_news = is_news


@dataclass(slots=True)
class Bucket:
    """What is left of a bucket as it was at some moment, and when its lack was told."""

    left: float
    since_s: float
    told_s: float | None = None


class Pace:
    """Counts in memory, by the clock that never jumps; the limits are those of the configuration in force."""

    def __init__(self, clock: Clock, live: Live) -> None:
        self._clock = clock
        self._live = live
        self._buckets: OrderedDict[tuple[str, ...], Bucket] = OrderedDict()

    @property
    def size(self) -> int:
        """Tell how many buckets are remembered."""
        return len(self._buckets)

    def command(self, speaker: Speaker, place: Place, person: Person | None) -> None:
        """Count a command for whoever gives it and for the channel; what the former may not the latter does not pay.

        Raises:
            TooMany: there were too many.
        """
        core, leeroy = self._live.now.settings.gordon, self._live.now.settings.leeroy
        if speaker.network == MACHINE and person is not None and leeroy is not None:
            words = "that is too many requests at once;"
            self._take(("machine", person.key), leeroy.requests_per_minute, MINUTE_S, words)
            return
        most = core.commands_per_minute if person else min(UNPROVEN_PER_MINUTE, core.commands_per_minute)
        self._take(_who(speaker, person), most, MINUTE_S, "that is too many commands at once; some were ignored,")
        if not place.private or person is None:
            # Those whom nothing proves leave half of it, or anybody could keep the maintainers from being heard. In
            # private they are as one channel, or another nick for each line would be as good as no limit.
            in_channel = core.commands_per_minute_in_channel
            kept = 0.0 if person else in_channel / 2
            where = "private" if place.private else place.channel
            key = "channel", place.network, "" if place.private else place.channel.lower()
            words = f"there are too many commands in {where} at once; some were ignored,"
            self._take(key, in_channel, MINUTE_S, words, kept=kept)

    def build(self, person: Person) -> None:
        """Count a command that starts or stops builds.

        Raises:
            TooMany: there were too many within an hour.
        """
        most = self._live.now.settings.gordon.rebuilds_per_hour
        words = f"{most} commands that start or stop builds are as many as you may give in an hour;"
        self._take(("builds", person.key), most, HOUR_S, words)

    def _take(self, key: tuple[str, ...], most: int, within_s: float, words: str, *, kept: float = 0.0) -> None:
        now_s = self._clock.monotonic_s()
        bucket = self._buckets.get(key)
        if bucket is None:
            bucket = self._buckets[key] = Bucket(float(most), now_s)
            if len(self._buckets) > MAX_BUCKETS:
                self._buckets.popitem(last=False)
        self._buckets.move_to_end(key)
        bucket.left = min(float(most), bucket.left + (now_s - bucket.since_s) * most / within_s)
        bucket.since_s = now_s
        if bucket.left >= 1 + kept:
            if bucket.left > most * FLOWS:
                bucket.told_s = None
            bucket.left -= 1
            return
        is_news = bucket.told_s is None or now_s - bucket.told_s >= TOLD_AGAIN_AFTER_S
        if is_news:
            bucket.told_s = now_s
        wait_s = ceil((1 + kept - bucket.left) * within_s / most)
        raise TooMany(f"{words} try again in {lasting(wait_s)}", is_news=is_news)


def _who(speaker: Speaker, person: Person | None) -> tuple[str, ...]:
    """Tell whose bucket it is: a person has one on all networks, and an account is not the nick of that name."""
    if person is not None:
        return "person", person.key
    if speaker.account:
        return "account", speaker.network, speaker.account.lower()
    return "nick", speaker.network, speaker.name.lower()
