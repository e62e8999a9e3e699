"""Tell people which commands there are, how to write them and which they may give."""

from collections.abc import Iterable, Mapping, Sequence

from bot.plugin import Call, Card, Command, Context, Plugin, Role, Words, match, scopes

plugin = Plugin("help")


@plugin.command("help [<command>...]", reads=True)
async def help_(ctx: Context, call: Call) -> Words:
    """List the commands that you may give, or explain one."""
    commands = ctx.house.commands()
    if wanted := " ".join(call.words("command")).lower():
        return listed(f"help {wanted}", [explain(command) for command in pick(commands, wanted)])
    person = ctx.house.find(ctx.speaker) if ctx.speaker else None
    allowed = [
        command
        for command in commands
        if ctx.speaker and any(not ctx.house.may(ctx.speaker, command, repo) for repo in scopes(command, person))
    ]
    return overview(allowed, ctx.house.plugins())


def pick(commands: Sequence[Command], wanted: str) -> list[Command]:
    """Find a command, with those that begin with its name; what would be given to it is ignored."""
    found = [c for c in commands if c.usage.name == wanted or c.usage.name.startswith(f"{wanted} ")]
    if found:
        return found
    usage, _ = match({c.usage.name: c.usage for c in commands}, wanted.split())
    return [c for c in commands if c.usage is usage]


def explain(command: Command) -> str:
    needs = f" ({command.role.name.lower()})" if command.role > Role.ANYONE else ""
    return f"{command.usage.text} - {command.help.rstrip('.')}{needs}"


def overview(commands: Iterable[Command], plugins: Mapping[str, str]) -> Words:
    """Name commands by plugin, in the order of the configuration."""
    names: dict[str, list[str]] = {plugin: [] for plugin in plugins}
    for command in commands:
        names.setdefault(command.plugin, []).append(command.usage.name)
    groups = [f"{plugin}: {', '.join(sorted(found))}" for plugin, found in names.items() if found]
    return listed("commands that you may give", [*groups, "help <command> tells more"])


def listed(title: str, lines: Sequence[str]) -> Words:
    """Give lines one below the other where there is room for more than one."""
    return Card(title, tuple(lines), brief="; ".join(lines)) if len(lines) > 1 else lines[0]
