"""What a stream worker counts."""

from __future__ import annotations

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

_SECONDS = (0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 300.0)


class Metrics:
    """The metrics of a stream worker on `registry`; labels are from closed sets only."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self.classified = Counter(
            "deskwatch_classified_records_total",
            "Records of `articles` that were judged, by what became of them; redelivered ones count again.",
            ("outcome",),
            registry=registry,
        )
        self.themes = Counter(
            "deskwatch_classified_themes_total", "Themes given to articles.", ("theme",), registry=registry
        )
        self.dead_letters = Counter(
            "deskwatch_dead_letters_total",
            "Records of `articles` that could not be processed.",
            ("reason",),
            registry=registry,
        )
        self.covered = Counter(
            "deskwatch_covered_records_total",
            "Offsets of `articles` reported as classified, by who did it; redelivered ones count again.",
            ("by",),
            registry=registry,
        )
        self.batch_seconds = Histogram(
            "deskwatch_classify_batch_seconds",
            "From taking a batch to the broker's last acknowledgement.",
            buckets=_SECONDS,
            registry=registry,
        )
        self.delay_seconds = Histogram(
            "deskwatch_classify_delay_seconds",
            "From an article's arrival in Kafka to its acknowledged place in the desk log (wall time).",
            buckets=_SECONDS,
            registry=registry,
        )
        self.lag = Gauge(
            "deskwatch_classify_lag_records",
            "Records of `articles` in this worker's partitions that it has not taken yet.",
            registry=registry,
        )
        self.partitions = Gauge(
            "deskwatch_classify_partitions", "Partitions of `articles` this worker owns.", registry=registry
        )
        self.excuses = Counter(
            "deskwatch_excuses_total", "Silent shards the desk was told not to wait for.", registry=registry
        )


class ClassifierMetrics:
    """What shows whether themes drift: whether terms and model find what they used to find."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self.judged = Counter(
            "deskwatch_classifier_judged_total",
            "Articles judged, by `model` (with the terms) or by `terms` alone: no model, or not in this language.",
            ("by",),
            registry=registry,
        )
        self.model_configured = Gauge(
            "deskwatch_classifier_model_configured_ratio", "1 if there is a model file.", registry=registry
        )
        self.model_loaded = Gauge(
            "deskwatch_classifier_model_loaded_ratio", "1 if this worker judges with the model.", registry=registry
        )
        self.terms_found = Counter(
            "deskwatch_theme_terms_found_total",
            "Articles in which any term of a theme occurs, assigned or not.",
            ("theme",),
            registry=registry,
        )
        self.disagreements = Counter(
            "deskwatch_theme_disagreements_total",
            "Articles with a theme by the terms alone but not with the model (`vetoed`), or the other way (`added`).",
            ("theme", "kind"),
            registry=registry,
        )
        self.scores = Histogram(
            "deskwatch_theme_score_ratio",
            "Scores above 0, in thresholds: from 1 on the theme is assigned.",
            ("theme",),
            buckets=(0.5, 1.0, 2.0, 3.0, 5.0),
            registry=registry,
        )
        self.term_hits = Counter(
            "deskwatch_theme_term_hits_total",
            "Articles with a theme in which a term of it is evidence; a term without hits has no series.",
            ("theme", "term"),
            registry=registry,
        )


class DetectorMetrics:
    """What the detector counts; on every worker, and moving only on the one that leads."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self.leading = Gauge("deskwatch_detect_leading_ratio", "1 while this worker detects.", registry=registry)
        self.articles = Counter(
            "deskwatch_detect_articles_total",
            "Classified articles by what became of them; each article id ends once as anything but known.",
            ("outcome",),
            registry=registry,
        )
        self.refused = Counter(
            "deskwatch_detect_refused_records_total",
            "Records of the desk log, or with `unreadable_state` values of the saved state, that could not be read.",
            ("reason",),
            registry=registry,
        )
        self.buckets = Counter("deskwatch_detect_buckets_total", "Buckets published.", registry=registry)
        self.spikes = Counter(
            "deskwatch_detect_spikes_total", "Revisions of episodes published.", ("theme", "state"), registry=registry
        )
        self.watermark = Gauge(
            "deskwatch_detect_watermark_timestamp_seconds",
            "Up to when the desk has heard everything.",
            registry=registry,
        )
        self.position = Gauge("deskwatch_detect_position_records", "Offset in the desk log.", registry=registry)
        self.lag = Gauge("deskwatch_detect_lag_records", "Records of the desk log not read yet.", registry=registry)
        self.held = Gauge("deskwatch_detect_held_records", "Facts that wait for the watermark.", registry=registry)
        self.commit_seconds = Histogram(
            "deskwatch_detect_commit_seconds", "From a step's start to its commit.", buckets=_SECONDS, registry=registry
        )
        self.delay_seconds = Histogram(
            "deskwatch_detect_delay_seconds",
            "From first sight of an article to the commit that counts it, by the log's time and the wall clock.",
            buckets=_SECONDS,
            registry=registry,
        )
        self.uncovered = Gauge(
            "deskwatch_detect_uncovered_records", "Offsets of `articles` not known to be classified.", registry=registry
        )
        self.mended = Counter(
            "deskwatch_mended_records_total", "Offsets that the agents lost and the mender covered.", registry=registry
        )
        self.suspended = Gauge(
            "deskwatch_detect_suspended_themes",
            "Themes that are not tested until they are learnt anew, because their definition has changed.",
            registry=registry,
        )
        self.excused = Gauge("deskwatch_detect_excused_shards", "Shards the desk does not wait for.", registry=registry)
        self.restarts = Counter(
            "deskwatch_detect_restarts_total", "Times the detector gave up its state and began anew.", registry=registry
        )
