"""What the alerting service counts."""

from __future__ import annotations

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

from alerting.rules.roster import CHANNELS


class Metrics:
    """All metrics of one alerting service, on the registry it was given."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self.spikes_read = Counter(
            "deskwatch_spikes_read_total", "Spike records read, by state.", ("state",), registry=registry
        )
        self.spikes_dropped = Counter(
            "deskwatch_spikes_dropped_total",
            "Episodes that alerted nobody: no subscription (unmatched), or a dead letter (otherwise).",
            ("reason",),
            registry=registry,
        )
        self.created = Counter(
            "deskwatch_deliveries_created_total", "Deliveries recorded.", ("channel",), registry=registry
        )
        self.held = Counter(
            "deskwatch_deliveries_held_total",
            "Messages not sent at once: held for quiet hours, a rate cap, a silence or a digest, or told by another.",
            ("reason",),
            registry=registry,
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
            "Deliveries of which nobody could tell whether they had arrived: sent again, or given up on `hold`.",
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
        self.reload_successful = Gauge(
            "deskwatch_config_last_reload_successful",
            "1 if the subscription files that are there are those that hold, 0 if a change was rejected.",
            registry=registry,
        )
        self.reloaded_at = Gauge(
            "deskwatch_config_last_reload_timestamp_seconds",
            "When the subscriptions that hold were taken over.",
            registry=registry,
        )
        self.verdicts = Gauge(
            "deskwatch_alert_verdicts",
            "What officers found alerts, useful or not_useful: the last word of each about each episode.",
            ("theme", "verdict"),
            registry=registry,
        )
        for channel in CHANNELS:  # a series that has never been set cannot be alerted on
            self.sent.labels(channel)
            self.open.labels(channel).set(0)
            self.oldest_seconds.labels(channel).set(0)


class AnsweringMetrics:
    """What officers send back: clicks on links and buttons, and mails that come back."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self.clicks = Counter(
            "deskwatch_action_clicks_total",
            "Clicks on links and buttons, by outcome: done, again, broken, expired, unknown, ignored or failed.",
            ("via", "outcome"),
            registry=registry,
        )
        self.listening = Gauge(
            "deskwatch_action_listening_ratio",
            "1 while clicks can arrive, 0 while they cannot; no series where it is not configured.",
            ("via",),
            registry=registry,
        )
        self.bounces = Gauge(
            "deskwatch_mail_bounces",
            "Mails that came back in the last 30 days: hard, soft, unmatched or unreadable.",
            ("kind",),
            registry=registry,
        )
        self.dead_addresses = Gauge(
            "deskwatch_mail_addresses_dead",
            "Addresses to which nothing is sent any more, because two messages came back for good.",
            registry=registry,
        )
