"""The settings of the stream worker: section `streams` of the file, DESKWATCH_STREAMS_* in the environment."""

from __future__ import annotations

from typing import Annotated

import msgspec

from streams.rules import Rules

Positive = Annotated[float, msgspec.Meta(gt=0)]


class StreamSettings(Rules, frozen=True, kw_only=True):
    """How a stream worker reads, commits, mends and stops; and, inherited, what it takes for a spike."""

    batch_records: Annotated[int, msgspec.Meta(ge=1)] = 500  # classified and acknowledged together
    batch_wait_s: Positive = 0.05  # a batch that is not full by then goes as it is: the latency of a quiet desk
    fetch_wait_ms: Annotated[int, msgspec.Meta(ge=1)] = 50  # how long the broker may hold an empty fetch
    session_timeout_s: Positive = 10.0  # a worker that died is replaced after this
    heartbeat_s: Positive = 2.0
    commit_interval_s: Positive = 0.5
    stop_within_s: Positive = 8.0  # Faust may hang when told to stop: then the process ends itself
    gap_s: Positive = 5.0  # offsets not classified while later ones are: mended after this
    stall_s: Positive = 15.0  # a backlog of a partition without any progress: mended after this
    excuse_after_s: Positive = 120.0  # a shard that is silent this long no longer holds back the desk
    learnt_from: str = ""  # a file of `deskwatch backtest --learn`: what a desk, or a theme, that is new begins with
    archive_days: Positive = 90.0  # how far back the archive is read when a changed theme is learnt anew
    count_terms: bool = True  # a metric for each term of each theme that found something: some thousand series
    fault_drop_batch: Annotated[int, msgspec.Meta(ge=0)] = 0  # tests only: acknowledge the n-th batch, send nothing

    def rules(self) -> Rules:
        """Return what it takes for a spike, alone: a change of the rest is no change of what the desk counts by."""
        return Rules(**{name: getattr(self, name) for name in Rules.__struct_fields__})
