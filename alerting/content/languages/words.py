"""What a language must have: every phrase of every message, as a field, so that none can be missing.

Braces hold what is filled in. `tests/alerting/test_languages.py` holds each language to the same braces.
"""

from __future__ import annotations

from typing import Final

import msgspec

from alerting.content.languages.filling import Plural
from deskwatch.records import Severity

HELD: Final = ("quiet_hours", "rate_cap", "silenced", "outage", "escalation", "fallback")  # why it goes out only now
MISSED: Final = ("quiet_hours", "rate_cap", "silenced", "too_late", "digest", "below")  # why it is in a digest


class Words(msgspec.Struct, frozen=True, kw_only=True):
    """The words of one language."""

    language: str  # BCP 47

    # Numbers, dates, lists
    thousands: str
    decimal: str
    percent: str
    months: tuple[str, ...]
    day: str
    dated: str
    in_city: str
    with_utc: str
    until: str
    days: Plural
    hours: str
    minutes: str
    listed: str
    clause: str  # between two parts of a sentence
    last_listed: str
    more_listed: str
    gap: str  # between two sentences
    stop: str
    colon: str
    aside: str  # a headline's part: what was counted, and beside it what is normal

    # What is counted
    reports: Plural
    outlets: Plural
    independent_outlets: Plural
    stories: Plural
    articles: Plural
    copies: Plural
    feeds: Plural
    origins: Plural

    # The mark before everything
    severities: dict[Severity, str]
    test: str
    update: str
    over: str
    correction: str
    test_note: str

    # How big against normal
    in_window: str
    normal: str
    normal_is: str
    times_normal: str
    pickup: str
    pickup_none: str
    pickup_none_is: str
    pickup_widest: str
    pickup_widest_is: str
    silent: str
    silent_usual: str
    silent_usual_is: str
    heard: str
    heard_after: str
    heard_is: str
    sources_answer: str
    feeds_in_all: str

    # When
    noticed: str
    since: str
    as_of: str

    # What weakens it
    sent_late: str
    held: dict[str, str]
    one_outlet: str
    one_origin: str
    feeds_late: str
    part_answers: str
    data_gap: str
    feeds_new: str
    short_history: str
    under_a_day: str
    learnt_from: str

    # What has changed
    updated: str
    severity_rose: str
    severity_fell: str
    was_now: str
    was_now_in: str
    joined: str  # between two changes
    new_lead: str
    surer: str
    past_peak: str
    gap_over: str
    nothing_new: str

    # The end
    back_to_normal: str
    over_after: str
    now_is: str
    new_normal: str
    new_normal_is: str
    peak_about: str
    last_told: str

    # The withdrawal
    not_so: str
    please_disregard: str
    corrected: str
    told_at: str
    what_remains: str

    # About it
    terms: str
    also_under: str
    chart: str
    chart_key: str
    why: str
    why_more: Plural
    reason: str
    episode: str
    configuration: str
    no_title: str
    no_source: str
    to_end: str

    # The digest of what was missed
    digest: str
    missed: Plural
    still_open: Plural
    already_over: Plural
    entry_open: str
    entry_over: str
    entry_withdrawn: str
    of_severity: str
    reasons: dict[str, str]
    more_entries: Plural
    digest_why: str

    # The daily word that all is well
    quiet: str
    all_quiet: str
    alerts_but: Plural
    partly_blind: str
    quiet_because: str
    blind_because: str
    answering: str
    articles_read: Plural
    themes_watched: Plural
    theme_line: str
    theme_unseen: str
    more_themes: Plural
    quiet_why: str

    # What can be done about it
    acknowledge: str
    silence: str
    useful: str
    not_useful: str
    unsubscribe: str
    open_page: str
    acknowledged_by: str
    silenced_by: str
    useful_by: str
    not_useful_by: str
    somebody: str

    # The page behind a link
    would_acknowledge: str
    would_silence: str
    would_useful: str
    would_not_useful: str
    would_unsubscribe: str
    would_have_cost: str
    messages: Plural
    episodes: Plural
    nothing_yet: str
    is_done: str
    was_done: str
    not_done: str
    try_again: str
    link_dead: str
    link_broken: str
    link_expired: str
