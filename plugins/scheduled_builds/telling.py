"""Who hears what of builds at set times."""

from collections.abc import Mapping, Sequence

from bot.events import BuildEvent
from bot.plugin import Card, Context
from bot.values import BuildRef, JobRef, Place, Subject
from plugins.scheduled_builds.settings import ScheduledBuild, Tell


def entries_of(ctx: Context, event: BuildEvent) -> Mapping[str, ScheduledBuild]:
    """List the entries of a build's job; of a build of a pull request none."""
    if event.pull is not None:
        return {}
    return {name: one for name, one in ctx.settings.build.items() if ctx.job(one.job) == event.job}


def notify(
    ctx: Context,
    entries: Sequence[ScheduledBuild],
    what: Tell,
    card: Card,
    job: JobRef,
    number: int = 0,
    *,
    is_wanted: bool = False,
) -> None:
    """Tell those who hear of entries of a job, and who watches it, if such news are wanted.

    Arguments:
        number: of the build that it is about; 0 for none.
        is_wanted: they are, whatever the entries say.
    """
    wanting = [one for one in entries if what in one.tell or is_wanted]
    places = dict.fromkeys(place for one in wanting for place in places_of(ctx, one))
    for place in ctx.audience(list(places), about(wanting[0], job, number)) if wanting else ():
        ctx.tell(place, card)


def hearing(ctx: Context, one: ScheduledBuild, job: JobRef, number: int) -> list[Place]:
    """List the places that hear how a build of an entry ended; who watches the job hears that from failures."""
    about_it = about(one, job, number)
    return [place for place in places_of(ctx, one) if place in ctx.audience([place], about_it)]


def about(one: ScheduledBuild, job: JobRef, number: int) -> Subject:
    """Say what is told when a build of an entry is."""
    return Subject(contexts=(one.job,), jobs=(job,), builds=(BuildRef(job, number),) if number else ())


def places_of(ctx: Context, one: ScheduledBuild) -> Sequence[Place]:
    """List the places that hear of an entry."""
    return [Place.parse(place) for place in one.to] or ctx.operators
