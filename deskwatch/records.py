"""The records on Kafka's topics: frozen, keyword-only, changed by additions only.

All times are UTC and aware. A field that is missing on the wire takes its default, so an old record stays readable;
`codec.py` gives each type its name and version, and stored samples under `tests/` pin both.
"""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import Annotated

import msgspec

Utc = Annotated[datetime, msgspec.Meta(tz=True)]
Count = Annotated[int, msgspec.Meta(ge=0)]


class Record(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What all records share: immutable, built by keyword, defaults left off the wire."""


class DateQuality(StrEnum):
    """How far `published_at` can be trusted."""

    EXPLICIT_TZ = "explicit_tz"
    NAMED_TZ = "named_tz"
    FEED_TZ = "feed_tz"
    ASSUMED_UTC = "assumed_utc"
    MISSING = "missing"
    IMPLAUSIBLE = "implausible"


class Article(Record, frozen=True, kw_only=True, omit_defaults=True):
    """One item of one feed as we saw it, or a later revision of it; all strings are plain text."""

    article_id: str
    feed_id: str
    source: str  # the outlet; several feeds may belong to one
    url: str
    title: str
    first_seen_at: Utc  # our clock
    fetched_at: Utc
    revision: Count = 0
    content_hash: str = ""
    feed_url: str = ""
    guid: str | None = None
    summary: str = ""
    text: str | None = None
    language: str = "und"  # BCP 47
    language_source: str = ""
    authors: tuple[str, ...] = ()
    categories: tuple[str, ...] = ()
    published_at: Utc | None = None  # the source's clock
    published_raw: str = ""
    published_quality: DateQuality = DateQuality.MISSING
    updated_at: Utc | None = None
    backfill: bool = False  # from the first poll of a new feed: never news
    replay: bool = False  # from a feed that suddenly re-listed its past: never news
    parser: str = ""
    bozo: bool = False  # the feed was not well-formed
    poll_lag_s: float | None = None  # seconds since the feed's previous successful poll

    def __post_init__(self) -> None:
        """Refuse naive times, which would compare wrongly everywhere else."""
        for at in (self.first_seen_at, self.fetched_at, self.published_at, self.updated_at):
            if at is not None and at.tzinfo is None:
                raise ValueError(f"article {self.article_id}: time {at!r} has no zone")


class FeedHealth(Record, frozen=True, kw_only=True, omit_defaults=True):
    """From `since` on, a feed answers or it does not."""

    feed_id: str
    ok: bool
    since: Utc


class Tick(Record, frozen=True, kw_only=True, omit_defaults=True):
    """All that `shard` first saw before `at` has been acknowledged by the broker."""

    shard: Count
    at: Utc
    health: tuple[FeedHealth, ...] = ()  # what changed since the last tick; a producer's first tick names all its feeds


class Excuse(Record, frozen=True, kw_only=True, omit_defaults=True):
    """The desk no longer waits for `shard`, until that shard ticks again in every partition."""

    shard: Count
    decided_at: Utc  # wall time, for people
    silent_s: float


class Origin(Record, frozen=True, kw_only=True, omit_defaults=True):
    """Where in `articles` a record of the desk log comes from."""

    partition: Count
    offset: Count


class Evidence(Record, frozen=True, kw_only=True, omit_defaults=True):
    """One reason for a theme: a term or something the model goes by, where it stands, and what it adds to the score.

    `start` and `end` are character offsets into `field`. `by` is `terms` or `model`.
    """

    term: str
    field: str
    start: Count
    end: Count
    weight: float
    by: str = "terms"


class ThemeScore(Record, frozen=True, kw_only=True, omit_defaults=True):
    """A theme an article was given, with the score (>= 1 means assigned) and what it rests on.

    The score is `base` (where an article with nothing in it stands), what the evidence adds, and `rest`: all that is
    too faint or too much to be named. `probability` is there where a model had a say.
    """

    theme: str
    score: float
    evidence: tuple[Evidence, ...] = ()
    base: float = 0.0
    rest: float = 0.0
    probability: float | None = None


class Classified(Record, frozen=True, kw_only=True, omit_defaults=True):
    """An article of the desk log: it has a theme, or is a revision that may have lost them all.

    Of the text, only the beginning is here.
    """

    origin: Origin
    article: Article
    themes: tuple[ThemeScore, ...]
    classifier: str = ""  # which themes and model judged it
    owner: str = ""  # who owns the outlet; empty: nobody but the outlet itself is known


class DeskTick(Record, frozen=True, kw_only=True, omit_defaults=True):
    """A tick as it stood in one partition of `articles`."""

    origin: Origin
    tick: Tick


class DeskExcuse(Record, frozen=True, kw_only=True, omit_defaults=True):
    """An excuse as it stood in `articles`."""

    origin: Origin
    excuse: Excuse


class Coverage(Record, frozen=True, kw_only=True, omit_defaults=True):
    """Offsets of one partition of `articles` that are classified: runs of first and last, both inclusive.

    `by` is `classify`, `mender`, or `expired` for offsets that the broker had already deleted.
    """

    partition: Count
    runs: tuple[tuple[int, int], ...]
    by: str = "classify"


class Generation(Record, frozen=True, kw_only=True, omit_defaults=True):
    """From `holds_from` on (log time), the desk counts with this configuration.

    A theme whose definition is another one than before has to be learnt anew: it is not tested until a `Learnt` says
    what is normal for it now.
    """

    config_hash: str
    holds_from: Utc
    themes: tuple[str, ...] = ()
    definitions: dict[str, str] = {}  # by theme: a hash of all that decides how many articles it counts


class Normal(Record, frozen=True, kw_only=True, omit_defaults=True):
    """What is normal for a theme, in evidence a bucket, as `streams/baseline.py` and `streams/guard.py` learn it.

    The hours are those of a weekday, then those of a day of a weekend (UTC).
    """

    shape: float
    exposure: float  # buckets behind the level, newer ones counting more; the level is shape / exposure
    seen: tuple[float, ...]  # evidence in each hour
    due: tuple[float, ...]  # what the level alone would have brought there
    days: tuple[float, ...]  # on which each hour was seen
    scatter: tuple[tuple[float, float], ...]  # of each window
    buckets: Count  # observed
    spread: tuple[float, ...] = ()
    record: tuple[float, ...] = ()
    openings: float = 0.0
    widest: float = 0.0  # owners that took one story over
    feeds: dict[str, float] = {}  # evidence by feed, newer pieces weighing more
    other_feeds: float = 0.0
    cohorts: dict[int, tuple[int, int]] = {}  # of feeds that are new: by their day, evidence of theirs and of others


class Learnt(Record, frozen=True, kw_only=True, omit_defaults=True):
    """What is normal for a theme by a backtest, as of `until`; it holds from `holds_from` on (both log time).

    It is for the theme with just this definition. Without `normal` there was no archive: the theme learns as it goes.
    """

    theme: str
    definition: str
    holds_from: Utc
    until: Utc
    learnt_from: str = ""  # for people: what it rests on
    normal: Normal | None = None


class Bucket(Record, frozen=True, kw_only=True, omit_defaults=True):
    """What one theme had in one closed window of event time, [`start`, `end`).

    A later record with a higher `revision` amends it. `observed` counts the evidence that is tested: new stories from
    independent owners, within the caps.
    """

    theme: str
    start: Utc
    end: Utc
    revision: Count
    articles: Count
    observed: Count
    owners: Count
    expected: float
    health: float = 1.0  # share of the theme's usual evidence whose feeds answered; below 0.3 the bucket is unobserved
    scatter: float = 0.0  # phi of an hour: counts of mean M have the variance M + phi M^2
    feeds: Count = 0  # of the whole desk, when the bucket was closed
    feeds_down: Count = 0  # of them, those that did not answer


class SpikeKind(StrEnum):
    """What an episode is about: a theme that stands out, one story that many took over, or a theme fallen silent."""

    SPIKE = "spike"
    PICKUP = "pickup"
    QUIET = "quiet"


class SpikeState(StrEnum):
    """Where an episode stands in its life."""

    ONSET = "onset"
    GROWING = "growing"
    PEAK = "peak"  # past it
    RESOLVED = "resolved"
    WITHDRAWN = "withdrawn"

    @property
    def is_over(self) -> bool:
        """Return whether nothing follows but a correction."""
        return self in (SpikeState.RESOLVED, SpikeState.WITHDRAWN)


class Turn(StrEnum):
    """Why there is a revision."""

    OPENED = "opened"
    GRAVER = "graver"  # its severity has risen
    SURER = "surer"  # it now stands where fewer false alerts would have been accepted
    NEW_STORY = "new_story"  # another story dominates
    PEAKED = "peaked"
    GAP = "gap"  # too few feeds answer to know how it goes on
    GAP_OVER = "gap_over"
    ENDED = "ended"
    NEW_NORMAL = "new_normal"  # it has lasted so long that this is the level now
    WITHDRAWN = "withdrawn"  # articles were corrected: what opened it does not hold


class Severity(StrEnum):
    """How much an episode matters, ascending."""

    LOW = "low"
    MEDIUM = "medium"
    HIGH = "high"
    CRITICAL = "critical"


class Headline(Record, frozen=True, kw_only=True, omit_defaults=True):
    """An article that an alert may show."""

    article_id: str
    title: str
    url: str
    source: str
    seen_at: Utc
    language: str = "und"
    copies: Count = 0  # further articles with the same text
    terms: tuple[str, ...] = ()


class Spike(Record, frozen=True, kw_only=True, omit_defaults=True):
    """One revision of one episode, mostly one in which a theme had more independent reports than expected.

    Of kind `pickup`, `observed` is how many owners took the story over, and `expected` how many the widest of the last
    weeks had. Of kind `quiet`, `expected` is what the silence should have brought.
    """

    spike_id: str
    revision: Count
    theme: str
    state: SpikeState
    severity: Severity
    onset_at: Utc  # start of the window that decided
    detected_at: Utc  # log time of the decision
    revised_at: Utc
    window_s: Count
    observed: Count
    expected: float
    expected_low: float  # 5 % and 95 % of what is normal for this window
    expected_high: float
    score: float  # >= 1 opens; 1 is the threshold
    articles: Count
    stories: Count
    owners: Count
    window_end_at: Utc | None = None  # `observed` and `expected` are those of `window_s` up to here
    resolved_at: Utc | None = None
    headlines: tuple[Headline, ...] = ()
    languages: tuple[str, ...] = ()
    feeds_total: Count = 0
    feeds_late: tuple[str, ...] = ()  # feeds that did not answer at the time of the decision
    learnt_days: float = 0.0  # how much observed time the baseline rests on
    config_hash: str = ""
    origins: Count = 0  # of the stories: those of one agency have one origin; 0: not known
    false_rate: float = 0.0  # false alerts a theme and month at a threshold that this just reaches; 0: not known
    kind: SpikeKind = SpikeKind.SPIKE
    turn: Turn = Turn.OPENED
    peak_at: Utc | None = None  # end of the half hour with most reports above what is normal
    data_gap: bool = False
    health: float = 1.0  # share of the theme's usual evidence whose feeds answer
    feeds_new: Count = 0  # feeds that joined lately: their articles are shown, but not counted as evidence yet
    learnt_from: str = ""  # where the baseline was learnt, if not from what the desk has seen by itself
    outlets: tuple[str, ...] = ()  # the first fifty owners by name


class PollResult(StrEnum):
    """How one poll ended."""

    NEW = "new"
    UNCHANGED = "unchanged"
    NOT_MODIFIED = "not_modified"
    FETCH_ERROR = "fetch_error"
    PARSE_ERROR = "parse_error"


class Poll(Record, frozen=True, kw_only=True, omit_defaults=True):
    """The outcome of one poll of one feed."""

    feed_id: str
    shard: Count
    at: Utc
    result: PollResult
    took_s: float
    reason: str = ""
    status: int | None = None
    body_bytes: Count = 0
    items: Count = 0
    new: Count = 0
    revised: Count = 0
    dropped: dict[str, int] = {}
    next_poll_at: Utc | None = None


class DeliveryState(StrEnum):
    """Where one message to one target stands."""

    HELD = "held"  # waits for quiet hours, a rate cap or a digest; rendered when it is let go
    PENDING = "pending"
    SENDING = "sending"
    SENT = "sent"
    RETRY = "retry"
    UNKNOWN = "unknown"
    DEAD = "dead"
    FOLDED = "folded"  # told by another message: a digest, or a later one of the same thread


class DeliveryKind(StrEnum):
    """What a message is for."""

    OPENING = "opening"
    EDIT = "edit"  # of the opening, in place
    UPDATE = "update"  # in the opening's thread, as the next two
    RESOLUTION = "resolution"
    CORRECTION = "correction"
    DIGEST = "digest"
    ALL_QUIET = "all_quiet"
    CONFIG = "config"  # to the owner of a subscription file: an edit of it was refused


class Delivery(Record, frozen=True, kw_only=True, omit_defaults=True):
    """The state of one message to one target.

    The key is `spike|revision|subscriber|target`, with the revision 0 for the opening, whichever revision it tells of;
    an edit has `|edit` behind it. A digest has `digest` and its time in front: `digest|time|subscriber|target`. While
    a message is open the record holds all that a new ledger needs to send it; later only the fact stays.
    """

    delivery_key: str
    spike_id: str
    spike_revision: Count
    theme: str
    subscriber: str
    target: str
    channel: str
    state: DeliveryState
    at: Utc  # wall time of this change
    attempts: Count = 0
    provider_ref: str = ""  # Slack's ts, the mail's Message-ID
    reason: str = ""
    kind: DeliveryKind = DeliveryKind.OPENING
    thread: str = ""  # the key of the opening that it follows
    owner: str = ""  # the service that wrote this
    address: str = ""
    body: bytes = b""
    summary: str = ""
    created_at: float = 0.0  # seconds since the epoch, as the next three
    recorded_at: float = 0.0
    not_before: float = 0.0
    intent_at: float = 0.0


class Verb(StrEnum):
    """What an officer can do about an episode."""

    ACKNOWLEDGE = "acknowledge"
    SILENCE = "silence"
    USEFUL = "useful"
    NOT_USEFUL = "not_useful"
    UNSUBSCRIBE = "unsubscribe"


class Action(Record, frozen=True, kw_only=True, omit_defaults=True):
    """What an officer did: a click in a message, or the command line."""

    action_id: str
    verb: Verb
    subscriber: str  # `*`: all
    at: Utc  # wall time
    spike_id: str = ""
    theme: str = ""  # of a silence; without it only the episode is silenced
    until: Utc | None = None  # of a silence; of an unsubscription only where it is taken back
    by: str = ""
    note: str = ""
    target: str = ""  # of an unsubscription; without it, all of the subscriber's


class DeadLetter(Record, frozen=True, kw_only=True, omit_defaults=True):
    """Bytes that could not be processed, with where they stood and why."""

    topic: str
    partition: Count
    offset: Count
    reason: str
    detail: str
    key: bytes | None = None
    value: bytes | None = None
    headers: tuple[tuple[str, bytes], ...] = ()


class DeadLetterAction(StrEnum):
    """What an operator did with a dead letter."""

    RETRIED = "retried"
    DROPPED = "dropped"


class DeadLetterClosed(Record, frozen=True, kw_only=True, omit_defaults=True):
    """The dead letter at `offset` of this topic needs nobody any more."""

    offset: Count
    action: DeadLetterAction
    at: Utc  # wall time
