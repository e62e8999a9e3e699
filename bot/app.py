"""The wiring: settings in, a program out; the concrete classes of its neighbours are known to `neighbours.py` alone."""

import asyncio
import logging
import socket
import time
from collections.abc import Coroutine, Mapping
from dataclasses import replace
from functools import partial
from pathlib import Path
from types import MappingProxyType
from typing import Any

from bot.accepting import Accepting
from bot.access import Access
from bot.answering import Answering
from bot.audit import Audit
from bot.build_effects import CancelBuild, StartBuild
from bot.builds import BuildLedger
from bot.calls import Calls
from bot.chat import Chat, Grouped, Interactive, Overhears
from bot.ci import Builds
from bot.clock import Clock, SystemClock
from bot.comments import Comments
from bot.confirm import Confirmations
from bot.context import Contexts, Edge
from bot.database import NAME, Database
from bot.dispatching import Dispatching
from bot.effects import Effects
from bot.ending import Ending
from bot.errors import ConfigError
from bot.forge_effects import forge_kinds
from bot.forge_side import ForgeSide
from bot.gauges import Gauges
from bot.glances import Glances
from bot.groups import Groups
from bot.hang_up import HangUp
from bot.house import EdgeHouse
from bot.inside import Insider
from bot.intake import Intake
from bot.journal import SqliteJournal
from bot.links import Links
from bot.live import Facts, Live
from bot.loader import load_plugins
from bot.log_room import LogRoom
from bot.machine import Machine
from bot.metrics import Metrics
from bot.neighbours import decoder_of, forge_of, networks_of, servers_of, terminal_of, web_of
from bot.node_effects import SetNode
from bot.notify import Supervisor
from bot.outbox import Outbox
from bot.overheard import Overheard
from bot.overview import Overlook
from bot.reload import Reload, people_of, problems_of
from bot.retry_cancelling import CancelRetry
from bot.retrying import Retrying
from bot.rounds import Rounds
from bot.settings import GordonSettings
from bot.state_file import drop_halves
from bot.state_lock import StateLock
from bot.strikes import Strikes
from bot.subscriptions import Subscriptions
from bot.teams import Teams
from bot.timetable import Timetable
from bot.troubles import Troubles
from bot.trust import TrustBook
from bot.vitals import Vitals
from bot.watch import Watch
from bot.watchdog import Watchdog
from bot.work import WorkLoop

STOP_WITHIN_S = 8.5  # all of it, with the disk left to be closed within the 10 s that a SIGTERM may take
STOP_HANDLERS_S, STOP_EFFECTS_S, STOP_CHATS_S, STOP_NEIGHBOURS_S = 4.0, 3.0, 1.5, 1.0  # each at most, if there is time
HEAD_EVERY_S = 86_400.0  # how often the log is told the newest record of the audit
log = logging.getLogger(__name__)


class App:
    """A wired program; `run` starts it and returns its exit status.

    Arguments:
        chats: places to talk besides those of the configuration, by network; for the demo and tests.
        config: the file that the settings were read from, to read it again; None if there is none.
        supervisor: who wants to hear how the program does.

    Raises:
        ConfigError: a secret is missing or the people file is wrong.
        StorageError: the database is damaged, of a newer version, or another Gordon has it.
    """

    def __init__(
        self,
        settings: GordonSettings,
        *,
        clock: Clock | None = None,
        chats: Mapping[str, Chat] = MappingProxyType({}),
        config: Path | None = None,
        supervisor: Supervisor | None = None,
    ) -> None:
        self.settings = settings
        self._supervisor = supervisor or Supervisor()
        self.clock = clock or SystemClock()
        core, people = settings.gordon, people_of(settings, (*chats,))
        self.registry = load_plugins(core.plugins, settings.plugin, core.plugin_folder)
        if config is not None and (wrong := problems_of(config, settings, people, self.registry, (*chats,))):
            raise ConfigError(wrong)
        self._lock = StateLock(core.state)
        drop_halves(core.state / NAME)
        self.database = Database(core.state / NAME)
        self.live = Live(Facts(settings, people, self.registry.settings))
        self.counts, calls = Metrics(self.clock), Calls()
        calls.on_ended, calls.on_limit = self.counts.called, self.counts.limited
        self.forge = forge_of(settings, self.clock, calls)
        self.teams = Teams(self.forge, self.live, self.clock)
        self.groups = Groups(lambda: self.chats, self.live, self.clock)
        self.access = Access(self.live, self.teams, self.groups)
        self.strikes = Strikes(self.database, self.clock)
        self.overheard = Overheard(self.live, self.strikes, self.clock)
        self.journal = SqliteJournal(self.database, self.clock)
        self.audit = Audit(self.database, self.clock, socket.gethostname(), lambda: self.live.now.policy)
        # People read and type in real seconds, however fast a demo's world goes around them.
        self._hand_clock = replace(self.clock, speed=1.0) if isinstance(self.clock, SystemClock) else self.clock
        self.links = Links(self.database, self.live, self.audit, self._hand_clock)
        self.servers = servers_of(settings, self.clock, calls)
        self.ledger = BuildLedger(self.database)
        self.builds = Builds(self.live, self.servers, self.forge, self.access, self.ledger, self.database, self.clock)
        self.trust = self.builds.trust = TrustBook(
            self.live, self.access, self.database, self.clock, self.audit, self.forge
        )
        self.effects = self.builds.effects = Effects(
            self.database,
            self.clock,
            self.audit,
            [
                StartBuild(self.builds, self.ledger, self.access, self.live, self.clock),
                CancelBuild(self.builds),
                CancelRetry(self.clock),
                SetNode(self.servers, self.access),
                *forge_kinds(self.forge, self.database),
            ],
            lambda: self.live.now.settings.gordon.patience_s,
        )
        self.machine = Machine(settings.leeroy, self.live, self.ledger) if settings.leeroy is not None else None
        self.chats = {
            **networks_of(settings, self.clock, self.forge, calls),
            **terminal_of(settings, self.registry),
            **chats,
        }
        if self.machine is not None:
            self.chats[self.machine.network] = self.machine
        accepting = Accepting(self.journal, self.registry, self.database, lambda found: self.work.submit(found))
        self.effects.accept_with = accepting.within
        decode = decoder_of(self.clock)
        self.logs = LogRoom(
            self.servers,
            self.database,
            self.ledger,
            self.builds.jobs,
            accepting,
            self.live,
            self.clock,
            self.audit,
            core.state,
            lambda server, name: self.watch.nodes.last_seen(server, name),
        )
        self.builds.diagnose = self.logs.diagnose
        self.subscriptions = Subscriptions(self.database, self.live, self.clock)
        self.timetable = Timetable(accepting, self.database, self.live, self.clock, self.registry, self.strikes)
        self.retrying = Retrying(self.builds, accepting, self.audit, self.clock)
        self.forge_side = ForgeSide(self.forge, accepting, self.database, self.live, self.clock, decode)
        self.forge_side.book.on_told = self.subscriptions.know
        self.troubles = Troubles(accepting.event, self.live, self.clock)
        self.vitals = Vitals(
            self.database,
            self.effects,
            self.forge,
            self.forge_side,
            self.logs,
            self.troubles,
            self.chats,
            self.servers,
            self.counts,
        )
        self.overlook = Overlook(
            self.database,
            self.logs.ledger,
            self.journal,
            self.effects,
            self.live,
            self.clock,
            Glances(self.servers, self.builds.jobs, self.clock),
            self.vitals.parts,
            lambda: self.watch.nodes.listed,
        )
        self.web = web_of(
            settings,
            self.clock,
            lambda *hint: self.watch.hint(*hint),
            take=self.forge_side.book.take,
            repos=lambda: self.live.now.settings.repos,
            health=self.vitals,
            machine=self.machine,
            chats=self.chats,
            overlook=self.overlook,
        )
        going_by_it = (self.teams.changed, self.groups.changed, self.timetable.changed)
        self.reload = Reload(config, self.live, self.registry, self.chats, self.audit, going_by_it)
        self.hang_up = HangUp(self.reload, self._supervisor, accepting.event, self.clock)
        self.rounds = Rounds(
            self.live,
            self.registry,
            self.strikes,
            self.clock,
            accepting.event,
            (self.journal, self.effects),
            self.ledger,
            self.chats,
            partial(self.troubles.report, "Gordon"),
            self.forge_side.book.purge,
            self.logs.forget_old,
        )
        self.stopping = asyncio.Event()
        self.ready = asyncio.Event()
        self._failed = asyncio.Event()
        self._tasks: list[asyncio.Task[None]] = []

    async def run(self) -> int:
        """Work until `stop` is called or something that must not end has ended; return the exit status."""
        await self._start()
        self.ready.set()
        self.vitals.ready_s = time.monotonic()
        words = f"plugins {', '.join(self.registry.plugins)}; places to talk {', '.join(self.chats)}"
        log.info("ready: %s", words)
        await self.rounds.whatever_comes("audit head", self.audit.note_head())
        self._supervisor.ready(words)
        stop = asyncio.create_task(self.stopping.wait())
        failed = asyncio.create_task(self._failed.wait(), name="work loop")
        done, _ = await asyncio.wait({stop, failed, *self._tasks}, return_when=asyncio.FIRST_COMPLETED)
        status = 0
        for task in done - {stop}:
            if task is failed or task.exception() is not None:
                status = 1
                log.critical("%s ended, so the program does: %r", task.get_name(), task.exception())
        stop.cancel()
        failed.cancel()
        self._supervisor.stopping()
        await self._shut(Ending(STOP_WITHIN_S))
        return status

    def stop(self) -> None:
        """Ask the program to end in order."""
        self.vitals.is_stopping = True
        self.stopping.set()

    async def _start(self) -> None:
        self._loop = asyncio.get_running_loop()
        await self.strikes.load()
        await self.logs.causes.begin()
        await self.links.load()
        await self.subscriptions.load()
        self._wire(Edge(self._loop))
        self.work.start()
        self.watchdog.start()
        self._hear_troubles()
        rolls = {"teams": self.teams.begin(), "groups": self.groups.begin()}
        await asyncio.gather(*(self.rounds.whatever_comes(name, begun) for name, begun in rolls.items()))
        await self.rounds.whatever_comes("timetable", self.timetable.begin())
        left = await self.journal.open_deliveries()
        await self.outbox.load()  # before anything new is said, which would be loaded and said a second time
        await self.effects.resume()
        self.work.submit(left)
        self._set_going()

    def _wire(self, edge: Edge) -> None:
        """Make what needs the running loop: the way of a command from the edge to the work loop and back."""
        self.outbox = Outbox(self.chats, self.journal, self.clock)
        house = EdgeHouse(
            self.registry,
            self.access,
            self.strikes,
            self.audit,
            self.journal,
            self.effects,
            edge,
            self.reload,
            self.vitals.words,
            self.teams,
            self.links,
        )
        contexts = Contexts(
            self.registry,
            self.builds,
            self.database,
            self.clock,
            house,
            edge,
            self.live,
            self.forge,
            self.retrying,
            Dispatching(self.builds, self.trust, self.clock),
            self.trust,
            self.logs.ledger,
            self.logs.causes,
            self.subscriptions,
            self.timetable,
        )
        confirmations = Confirmations(self.live, self._hand_clock)
        self.work = house.work = WorkLoop(
            self.live,
            self.registry,
            self.journal,
            contexts,
            self.strikes,
            self.clock,
            self.outbox.put,
            self.access,
            self.audit,
            confirmations,
        )
        self.intake = Intake(
            self.registry,
            self.live,
            self.access,
            self.strikes,
            self.journal,
            self.work,
            self.outbox,
            self.audit,
            self.clock,
            confirmations,
            self.overheard,
        )
        self.inside = Insider(self.intake, self.registry, self.live, self.builds)
        house.answering = Answering(
            self.registry, self.live, self.access, self.strikes, self.audit, contexts, self.clock
        )
        house.comments = Comments(
            self.registry, self.live, self.access, self.intake, self.audit, self.clock, self.forge
        )
        house.comments.expects = self.links.expects
        if self.machine is not None:
            self.machine.take = self.intake.take
        self.watch = Watch(
            self.ledger,
            self.builds.jobs,
            self.journal,
            self.effects,
            self.registry,
            self.database,
            self.clock,
            self.live,
            self.work.submit,
        )
        core = self.settings.gordon
        self.watchdog = Watchdog(
            self.work, self.strikes, self.registry.files, core.stuck_after_s, self._loop, self.counts.lagged
        )
        self._count()
        self.work.on_failure = lambda: self._loop.call_soon_threadsafe(self._failed.set)
        self.work.on_told = self.intake.told
        self.effects.on_settled = self.work.wake
        self.effects.submit = self.work.submit

    def _count(self) -> None:
        """Have what happens counted, and know where to read how all stands."""
        counts = self.counts
        gauges = Gauges(
            self.database,
            self.journal,
            self.effects,
            self.ledger,
            self.work,
            self.watchdog,
            self.outbox,
            self.chats,
            self.forge,
            self.strikes,
            self.registry,
        )
        self.vitals.begin(self.work, self.watch, self.watchdog, self.outbox, gauges)
        peers = [f"Jenkins {name}" for name in self.servers] + ["GitHub"] * (self.forge is not None)
        counts.begin(self.registry.plugins, [*peers, *(f"Slack {name}" for name in self.settings.slack)])
        self.database.on_committed = counts.written
        self.journal.on_accepted = counts.accepted
        self.work.on_handled = counts.handled
        self.effects.on_ended = counts.settled
        self.builds.joining.on_joined = counts.folded
        self.outbox.on_said = counts.said
        if self.web is not None:
            self.web.on_answered = counts.answered

    def _set_going(self) -> None:
        """Begin what goes on until the end: hearing, saying, watching, ticking."""
        for network, chat in self.chats.items():
            self._spawn(chat.run(self.intake.hear), f"chat {network}")
            self._spawn(self.outbox.run(network), f"outbox {network}")
        for name, server in self.servers.items():
            self._spawn(self.watch.run(server), f"watch {name}")
        self._spawn(self.logs.run(), "diagnosing")
        if self.web is not None:
            self._spawn(self.web.run(), "web")
        for name, work in self.rounds.all():
            self._spawn(work, name)
        own = [("teams", self.teams.go_on), ("groups", self.groups.go_on), ("timetable", self.timetable.go_on)]
        for name, turn in [*self.forge_side.turns(), *own, ("reload", self.hang_up.wait)]:
            self._spawn(self.rounds.again(name, 0.0, turn), name)
        self._spawn(self.rounds.again("audit head", HEAD_EVERY_S, self.audit.note_head), "audit head")
        if self._supervisor.word_every_s:
            self._spawn(self._supervisor.keep_word(self.watchdog.is_answered), "watchdog")

    def _hear_troubles(self) -> None:
        """Have what goes wrong told to operators, from whichever thread."""
        for network, chat in self.chats.items():
            chat.report = partial(self.troubles.report, self.troubles.peer(network))
            if isinstance(chat, Overhears):
                chat.listens = self.overheard.listens
            if isinstance(chat, Interactive):
                chat.meet(self.inside)
            if isinstance(chat, Grouped):
                chat.on_groups_changed = partial(self.groups.changed_on, network)
        self.teams.report = partial(self.troubles.report, "GitHub")
        self.groups.report = partial(self.troubles.report, "Slack")
        self.timetable.report = partial(self.troubles.report, "Gordon")
        on_switched = self.troubles.report_plugin
        self.strikes.on_switched = lambda *switched: self._loop.call_soon_threadsafe(on_switched, *switched)
        for plugin in self.registry.plugins:
            if why := self.strikes.why_off(plugin):
                self.troubles.report_plugin(plugin, why)

    async def _shut(self, ending: Ending) -> None:
        """End in order: nothing new, handlers, effects, words, and last the disk."""
        self.intake.closed = "I am being stopped; ask again in a minute"
        saying = [task for task in self._tasks if task.get_name().startswith(("chat", "outbox"))]
        await ending.cancel([task for task in self._tasks if task not in saying], STOP_NEIGHBOURS_S)
        await self.intake.drain(ending.at_most(STOP_NEIGHBOURS_S))
        await ending.wait(self.troubles.close(), STOP_NEIGHBOURS_S)
        self.watchdog.stop()
        await self._loop.run_in_executor(None, self.work.stop, ending.at_most(STOP_HANDLERS_S))
        await self.effects.stop(ending.at_most(STOP_EFFECTS_S))
        await self.outbox.drain(ending.at_most(STOP_CHATS_S))
        await ending.cancel(saying, STOP_CHATS_S)
        closing = [one.close() for one in (*self.servers.values(), self.forge) if one is not None]
        await ending.wait(asyncio.gather(*closing), STOP_NEIGHBOURS_S)
        await ending.wait(self.rounds.whatever_comes("audit head", self.audit.note_head()), STOP_NEIGHBOURS_S)
        self.database.close()
        self._lock.close()

    def _spawn(self, work: Coroutine[Any, Any, None], name: str) -> None:
        self._tasks.append(asyncio.create_task(work, name=name))
