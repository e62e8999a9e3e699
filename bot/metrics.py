"""What Gordon counts of itself since its start, and how that and its present state are written for Prometheus.

A label has few values and ever the same ones: plugins, networks, servers, kinds. None names a person, a pull request or
a job. Counters are called from any thread; what a gauge shows is read when somebody asks, see `gauges.py`.
"""

from collections.abc import Iterable, Iterator, Mapping
from functools import partial

from prometheus_client import (
    CollectorRegistry,
    Counter,
    GCCollector,
    Histogram,
    PlatformCollector,
    ProcessCollector,
    disable_created_metrics,
)
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.exposition import choose_encoder
from prometheus_client.registry import Collector

from bot.builds import START
from bot.calls import ANSWERED, OUTCOMES
from bot.clock import Clock
from bot.effect import Effect
from bot.events import BuildDiagnosed, BuildFinished, Event, RetryDropped, RetryDue

Values = Mapping[tuple[str, ...], float]  # of one gauge, by the values of its labels
# Of each gauge: what it tells, and its labels.
GAUGES: Mapping[str, tuple[str, tuple[str, ...]]] = {
    "build_info": ("Which Gordon this is; always 1.", ("version", "python")),
    "ready": ("1 if /readyz answers 200.", ()),
    "disk_readable": ("1 if the database could be read for this scrape; else what comes from it is left out.", ()),
    "journal_deliveries": ("Deliveries of events to handlers on disk: ready, waiting for a time, or dead.", ("state",)),
    "journal_oldest_ready_age_seconds": ("How long the oldest delivery that may run has not been done.", ()),
    "effects_open": ("Effects that are under way (sending), or that a person must look at (unsure).", ("state",)),
    "effects_oldest_sending_age_seconds": ("How long the oldest effect is under way.", ()),
    "letters": ("What Gordon will not try again by itself; `letters` lists them.", ()),
    "builds": ("Builds of ours and others that are watched, by how far they are.", ("server", "state")),
    "lanes": ("Targets with something under way in the work loop.", ()),
    "lane_deliveries": ("Deliveries that wait in lanes for those before them.", ()),
    "lane_longest_deliveries": ("How many of them wait in the longest lane.", ()),
    "loop_blocked_seconds": ("How long an event loop has not come to what it was asked to do.", ("loop",)),
    "chat_connected": ("1 if something can be said there now.", ("network",)),
    "outbox_lines": ("Lines that wait to be said, or are not known to have arrived.", ("network",)),
    "outbox_oldest_age_seconds": ("How long the oldest of them waits.", ("network",)),
    "budget_left_requests": ("Requests that a neighbour still allows until it counts anew.", ("neighbour", "resource")),
    "budget_limit_requests": ("Requests that it allows in all.", ("neighbour", "resource")),
    "plugin_off": ("1 if a plugin is switched off, by Gordon or by an operator.", ("plugin",)),
    "database_size_bytes": ("The database, without what is in the log beside it.", ()),
    "database_log_size_bytes": ("The log beside the database, which is folded into it every few MB.", ()),
    "disk_free_bytes": ("What is free for us where the state is.", ()),
    "last_answer_time_seconds": ("When a neighbour last answered, in seconds since 1970.", ("neighbour",)),
}
HANDLER_S = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30)
CALL_S = (0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 20)
LAG_S = (0.001, 0.005, 0.01, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30)
WRITE_S = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5)


class Metrics:
    """The counters of one program, in a registry of its own."""

    def __init__(self, clock: Clock) -> None:
        disable_created_metrics()  # type: ignore[no-untyped-call]  # `process_start_time_seconds` says when
        self._clock = clock
        self._gauges = _Gauges()
        self._registry = registry = CollectorRegistry()
        counter, histogram = partial(Counter, registry=registry), partial(Histogram, registry=registry)
        self._events = counter("gordon_events", "Events that were accepted, by kind.", ["kind"])
        self._handler_s = histogram(
            "gordon_handler_seconds",
            "What handlers took until their outcome was on disk: done; refused, which told the asker why not; "
            "waits, as a neighbour does not answer; denied by a neighbour; failed, which is a mistake in a plugin.",
            ["plugin", "outcome"],
            buckets=HANDLER_S,
        )
        self._effects = counter(
            "gordon_effects", "Effects that ended, by kind: sent, void or unsure.", ["kind", "state"]
        )
        self._started = counter(
            "gordon_builds_started", "Builds that we started: asked for, a retry, or by itself.", ["server", "why"]
        )
        self._folded = counter(
            "gordon_builds_folded", "Askers that were given a build which was under way already.", ["server"]
        )
        self._finished = counter("gordon_builds_finished", "Watched builds that ended.", ["server", "result"])
        self._verdicts = counter("gordon_verdicts", "Why builds ended as they did.", ["kind", "failure_class"])
        self._retries = counter("gordon_retries", "Tries again: planned, started, or dropped after all.", ["decision"])
        self._said = counter("gordon_messages_sent", "Messages that were sent or edited.", ["network"])
        self._calls = counter("gordon_calls", "Calls to neighbours, by what came of them.", ["neighbour", "outcome"])
        self._call_s = histogram("gordon_call_seconds", "What calls to neighbours took.", ["neighbour"], buckets=CALL_S)
        self._limits = counter("gordon_limits_hit", "Answers that we ask too much.", ["neighbour"])
        self._requests = counter("gordon_web_requests", "Requests to [web], by page and answer.", ["page", "status"])
        self._lag_s = histogram(
            "gordon_loop_lag_seconds", "How late an event loop came to what it was asked.", ["loop"], buckets=LAG_S
        )
        self._write_s = histogram(
            "gordon_write_seconds", "What commits of the database took, each of a group of writes.", buckets=WRITE_S
        )
        self._answered_s: dict[tuple[str, ...], float] = {}
        for collector in (ProcessCollector, PlatformCollector, GCCollector):
            collector(registry=registry)
        registry.register(self._gauges)

    def begin(self, plugins: Iterable[str], neighbours: Iterable[str]) -> None:
        """Show what has not happened yet as 0, so that its first time is an increase."""
        for plugin in plugins:
            self._handler_s.labels(plugin, "done")
            self._handler_s.labels(plugin, "failed")
        for neighbour in neighbours:
            self._limits.labels(neighbour)
            for outcome in OUTCOMES:
                self._calls.labels(neighbour, outcome)
        for decision in ("planned", "started", "dropped"):
            self._retries.labels(decision)

    def accepted(self, event: Event) -> None:
        """Count an event that is on disk, and what it says of builds."""
        self._events.labels(type(event).__name__).inc()
        match event:
            case BuildFinished():
                self._finished.labels(event.job.server, event.result.value if event.result else "unknown").inc()
            case BuildDiagnosed():
                verdict = event.fact.diagnosis
                self._verdicts.labels(verdict.kind.value, verdict.failure_class.value).inc()
            case RetryDue():
                self._retries.labels("planned").inc()
            case RetryDropped():
                self._retries.labels("dropped").inc()

    def handled(self, plugin: str, outcome: str, seconds: float) -> None:
        """Count a handler's turn."""
        self._handler_s.labels(plugin, outcome).observe(seconds)

    def settled(self, effect: Effect) -> None:
        """Count an effect that has ended, and the build that came of it."""
        self._effects.labels(effect.kind, effect.state).inc()
        if effect.kind != START or effect.state != "sent":
            return
        if effect.external.get("adopted"):
            self.folded(effect.payload["server"])
            return
        why = "retry" if "retry" in effect.payload else "itself" if "automatic" in effect.payload else "asked"
        self._started.labels(effect.payload["server"], why).inc()
        if why == "retry":
            self._retries.labels("started").inc()

    def folded(self, server: str) -> None:
        """Count somebody who was attached to a build that was live."""
        self._folded.labels(server).inc()

    def said(self, network: str) -> None:
        """Count a message."""
        self._said.labels(network).inc()

    def called(self, neighbour: str, outcome: str, seconds: float) -> None:
        """Count a call to a neighbour."""
        self._calls.labels(neighbour, outcome).inc()
        self._call_s.labels(neighbour).observe(seconds)
        if outcome == ANSWERED:
            self._answered_s[neighbour,] = self._clock.now().timestamp()

    def limited(self, neighbour: str) -> None:
        """Count an answer that we ask too much."""
        self._limits.labels(neighbour).inc()

    def answered(self, page: str, status: int) -> None:
        """Count a request that somebody sent to us."""
        self._requests.labels(page, str(status)).inc()

    def lagged(self, loop: str, seconds: float) -> None:
        """Count how late a loop was."""
        self._lag_s.labels(loop).observe(seconds)

    def written(self, seconds: float) -> None:
        """Count a commit."""
        self._write_s.observe(seconds)

    def page(self, gauges: Mapping[str, Values], accept: str) -> tuple[bytes, str]:
        """Write everything in the format that a reader prefers; tell its type, too.

        Arguments:
            gauges: how things are now.
            accept: the reader's header, empty for none.
        """
        self._gauges.values = {**gauges, "last_answer_time_seconds": dict(self._answered_s)}
        encode, kind = choose_encoder(accept)
        return encode(self._registry), kind


class _Gauges(Collector):
    """Hands over the values of all gauges as they were read last."""

    def __init__(self) -> None:
        self.values: Mapping[str, Values] = {}

    def collect(self) -> Iterator[Metric]:
        for name, values in self.values.items():
            told, labels = GAUGES[name]
            family = GaugeMetricFamily(f"gordon_{name}", told, labels=labels)
            for of, value in values.items():
                family.add_metric(of, value)
            yield family
