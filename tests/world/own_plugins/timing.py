"""Says something at times of its settings, and every two hours when told to."""

from bot.events import TimeCame
from bot.plugin import Call, Context, Plugin, Settings, When
from bot.values import Place


class Times(Settings, frozen=True):
    place: str = ""
    at: dict[str, str] = {}

    def times(self) -> dict[str, When]:
        return {name: When.parse(text) for name, text in self.at.items()}


plugin = Plugin("timing", Times)


@plugin.command("remind <name>")
async def remind(ctx: Context, call: Call) -> str:
    """Be told something every two hours."""
    assert ctx.place is not None
    payload = {"network": ctx.place.network, "channel": ctx.place.channel}
    next_at = await ctx.timetable.put(call["name"], When.parse("every 2h"), payload)
    return f"I shall say {call['name']} at {next_at:%H:%M}"


@plugin.on(TimeCame)
async def say(ctx: Context, event: TimeCame) -> None:
    network, _, channel = ctx.settings.place.partition("/")
    place = Place(**event.payload) if event.payload else Place(network, channel)
    ctx.tell(place, f"it is {event.planned:%H:%M}: {event.name}, {event.missed} missed")
