"""What the alerting service counts."""

from __future__ import annotations

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

CHANNELS = ("mail", "slack")


class Metrics:
    """All metrics of one alerting service, on the registry it was given."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self.spikes_read = Counter(
            "deskwatch_spikes_read_total", "Spike records read, by state.", ("state",), registry=registry
        )
        self.spikes_dropped = Counter(
            "deskwatch_spikes_dropped_total",
            "Openings that alerted nobody: no subscription (unmatched), too old (expired), dead letter (otherwise).",
            ("reason",),
            registry=registry,
        )
        self.created = Counter(
            "deskwatch_deliveries_created_total", "Deliveries recorded.", ("channel",), registry=registry
        )
        self.attempts = Counter(
            "deskwatch_delivery_attempts_total",
            "Sends, by outcome: sent, retry, unknown or dead.",
            ("channel", "outcome"),
            registry=registry,
        )
        self.sent = Counter("deskwatch_deliveries_sent_total", "Deliveries done.", ("channel",), registry=registry)
        self.dead = Counter(
            "deskwatch_deliveries_dead_total", "Deliveries given up.", ("channel", "reason"), registry=registry
        )
        self.reconciled = Counter(
            "deskwatch_deliveries_reconciled_total",
            "Look-ups of ambiguous sends, by answer: found, absent, unknown or ask_again.",
            ("channel", "result"),
            registry=registry,
        )
        self.ambiguous = Counter(
            "deskwatch_deliveries_ambiguous_total",
            "Deliveries sent again although nobody could tell whether they had arrived.",
            ("channel",),
            registry=registry,
        )
        self.send_seconds = Histogram(
            "deskwatch_delivery_send_seconds", "Duration of one send.", ("channel",), registry=registry
        )
        self.delay_seconds = Histogram(
            "deskwatch_delivery_delay_seconds",
            "From the spike's record on its topic to the provider's acceptance.",
            ("channel",),
            buckets=(0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300, 900, 3600),
            registry=registry,
        )
        self.open = Gauge("deskwatch_deliveries_open", "Deliveries that are not done.", ("channel",), registry=registry)
        self.oldest_seconds = Gauge(
            "deskwatch_delivery_oldest_open_seconds",
            "Age of the oldest delivery that is not done; 0 if there is none.",
            ("channel",),
            registry=registry,
        )
        self.unmirrored = Counter(
            "deskwatch_delivery_mirror_failures_total",
            "Attempts to mirror the ledger that the broker did not acknowledge.",
            registry=registry,
        )
        for channel in CHANNELS:  # a series that has never been set cannot be alerted on
            self.sent.labels(channel)
            self.open.labels(channel).set(0)
            self.oldest_seconds.labels(channel).set(0)
