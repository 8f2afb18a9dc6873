"""The records by which producers share feeds: topics `feeds` and `feed-state`.

They are public for ops and for pages that show how feeds are doing; only producers write them.
"""

from __future__ import annotations

from enum import StrEnum

from deskwatch.records import Count, Record, Utc


class Feed(Record, frozen=True, kw_only=True, omit_defaults=True):
    """One feed as configured, with what its domain's entry adds; a value of its own, so that a producer needs no file.

    What is empty or None is left to the producer.
    """

    id: str
    url: str
    source: str  # the outlet's name
    language: str = ""  # BCP 47; a prior where the feed says nothing and the text is short
    timezone: str = ""  # IANA name, for dates without a zone
    category: str = ""
    interval_s: int | None = None  # poll exactly so often; None: as often as the feed deserves
    wire: bool = False  # may be polled every minute when it has news
    user_agent: str = ""
    proxy: str = ""  # http://host:port
    ports: tuple[int, ...] = ()  # allowed beside 80 and 443
    connections: int | None = None  # to its host at one time
    spacing_s: float | None = None  # between two polls of its host
    conditional: bool = True  # whether to send validators; some servers answer 304 to everything
    identity: str = ""  # `guid` or `url`: which of the two is stable; empty: found out
    throttle: str = ""  # `host` or `domain`: whom a 429 speaks for; empty: the domain


class Condition(StrEnum):
    """What a feed is in, for the people who have to do something about it."""

    NEW = "new"
    OK = "ok"
    FAILING = "failing"
    THROTTLED = "throttled"  # 429 or 503, asked to come later
    BLOCKED = "blocked"  # 401, 403 or another wall
    GONE = "gone"  # 410, or not found for weeks: asked once a month
    QUARANTINED = "quarantined"  # its document kills the parser


class FeedState(Record, frozen=True, kw_only=True, omit_defaults=True):
    """What is remembered of one feed between two polls.

    Written after its articles are acknowledged, so whoever takes the feed over may see an article twice, never not.
    """

    feed_id: str
    url: str = ""  # the configured one that all this belongs to
    moved_to: str = ""  # where it lives now, once that was permanent for long enough
    etag: str = ""
    last_modified: str = ""
    body_hash: str = ""
    seen: bytes = b""  # what is remembered of its items; see producers/state/memory.py
    # when
    next_poll_at: Utc | None = None
    interval_s: float = 300.0  # between polls, as things stand
    last_success_at: Utc | None = None
    last_new_at: Utc | None = None  # when it last had an article that was new to us
    newest_at: Utc | None = None  # the latest trusted publication time in it so far
    # how it is
    condition: Condition = Condition.NEW
    ok: bool = False  # whether the last poll brought an answer
    ok_since: Utc | None = None
    errors: Count = 0  # failed polls in a row
    last_error: str = ""  # its reason, and the status where there was one
    throttled_until: Utc | None = None
    gone_polls: Count = 0
    gone_since: Utc | None = None
    kills: Count = 0  # parser processes its document killed, in a row
    # what is learnt
    gap_s: float | None = None  # between two new articles, smoothed
    per_day: float | None = None  # new articles a day, smoothed
    delay_s: float | None = None  # first seen minus published, smoothed
    undated: float = 0.0  # share of its articles without a date that can be trusted, smoothed
    active_hours: Count = 0  # bit h: articles were published in hour h UTC; bit 24 + d: on weekday d, Monday 0
    first_success_at: Utc | None = None
    # about its server
    audited_at: Utc | None = None  # last request without validators
    not_modified_at: Utc | None = None  # last 304
    untrusted: bool = False  # its 304 denied articles that were there
    moving_to: str = ""  # where permanent redirects lead
    moving_since: Utc | None = None
    moving_polls: Count = 0
    identity: str = ""  # `url` once its guids turned out unstable
    guid_flips: Count = 0
    # about who wrote this
    writer: str = ""
    serial: Count = 0
    # what its last document asked for, for the polls that bring none
    ttl_s: float | None = None
    skip_hours: Count = 0
    skip_days: Count = 0
    caught_at: Utc | None = None  # when `untrusted` was last confirmed


class ShardState(Record, frozen=True, kw_only=True, omit_defaults=True):
    """The last tick of a shard, written before it is sent: the next owner's ticks go on from there."""

    shard: Count
    ticked_at: Utc
    writer: str = ""
