"""Every error Deskwatch raises on purpose.

    DeskwatchError
    ├── ConfigError      a config file or setting is wrong; carries every problem found
    ├── CodecError       bytes from a topic that are no record of ours
    ├── FetchError       a feed could not be fetched
    ├── ParseError       a fetched body is no feed
    │   └── ParserKilled its parsing took more time or memory than any feed may
    ├── PublishError     the broker did not acknowledge a record
    ├── ClockError       this machine's clock and the broker's are too far apart
    ├── ReadError        the broker does not answer with the records asked for
    ├── LagError         a consumer does not keep up and would lose records
    ├── LostRecordsError a position in a topic was trimmed before it was read
    ├── ServiceError     a process of ours ended, or never got ready
    └── DeliveryError    an alert did not reach its target

Raise the leaf and catch the leaf; decide by attributes, never by text.
"""

from __future__ import annotations

from collections.abc import Sequence
from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from deskwatch.configfile import Problem


class DeskwatchError(Exception):
    """The root; `recoverable` tells whether trying again later can help."""

    recoverable = False


class ConfigError(DeskwatchError):
    """Config files or settings that are refused, with all problems at once."""

    def __init__(self, problems: Sequence[Problem]) -> None:
        self.problems = tuple(problems)
        super().__init__("\n".join(str(problem) for problem in self.problems))


class CodecReason(StrEnum):
    """Why bytes could not be decoded; also the `reason` label of the dead letters."""

    NO_SCHEMA = "no_schema"
    UNKNOWN_SCHEMA = "unknown_schema"
    MALFORMED = "malformed"


class CodecError(DeskwatchError):
    """Bytes that are not a record: which schema they claim and what is wrong."""

    def __init__(self, reason: CodecReason, schema: str, detail: str) -> None:
        self.reason = reason
        self.schema = schema
        super().__init__(f"decoding a record of schema {schema or '(none)'}: {detail}")


class FetchReason(StrEnum):
    """Why a feed could not be fetched; also a metric label and a field of `feed-polls`."""

    TIMEOUT = "timeout"
    CONNECT = "connect"
    STATUS = "status"
    TOO_LARGE = "too_large"
    REDIRECTS = "redirects"
    FORBIDDEN_ADDRESS = "forbidden_address"
    FORBIDDEN_PORT = "forbidden_port"
    PROTOCOL = "protocol"
    BLOCKED = "blocked"  # a page that asks for a browser, in place of the feed


class FetchError(DeskwatchError):
    """A poll that brought no body; `retry_after_s` is how long the server wants to be left alone."""

    recoverable = True

    def __init__(
        self,
        feed: str,
        reason: FetchReason,
        detail: str,
        *,
        status: int | None = None,
        retry_after_s: float | None = None,
    ) -> None:
        self.feed = feed
        self.reason = reason
        self.status = status
        self.retry_after_s = retry_after_s
        super().__init__(f"fetching feed {feed}: {detail}")


class ParseError(DeskwatchError):
    """A body in which no feed could be found."""

    def __init__(self, feed: str, detail: str) -> None:
        self.feed = feed
        super().__init__(f"parsing feed {feed}: {detail}")


class KillReason(StrEnum):
    """What ended a parsing process; also a metric label."""

    CPU = "cpu"
    MEMORY = "memory"
    TIME = "time"
    CRASH = "crash"


class ParserKilled(ParseError):
    """A body that the process parsing it did not survive."""

    def __init__(self, feed: str, reason: KillReason, detail: str) -> None:
        self.reason = reason
        super().__init__(feed, detail)


class PublishError(DeskwatchError):
    """A record that the broker did not acknowledge in time."""

    recoverable = True

    def __init__(self, topic: str, detail: str) -> None:
        self.topic = topic
        super().__init__(f"publishing to {topic}: {detail}")


class SupersededError(DeskwatchError):
    """Another process has taken over; this one must not go on."""

    recoverable = False

    def __init__(self, topic: str) -> None:
        self.topic = topic
        super().__init__(f"publishing to {topic}: another service has taken over")


class ClockError(DeskwatchError):
    """A clock that cannot be trusted.

    Attributes:
        skew_s: How far it is ahead of the broker's; None if all that is known is that the broker refuses its time.
    """

    def __init__(self, skew_s: float | None) -> None:
        self.skew_s = skew_s
        if skew_s is None:
            what = "the broker refuses the time that this machine's clock shows"
        else:
            what = f"this machine's clock is {abs(skew_s):.0f} s {'ahead of' if skew_s > 0 else 'behind'} the broker's"
        super().__init__(f"{what}: set the clocks (NTP), then start again")


class ReadError(DeskwatchError):
    """Records of a topic that the broker did not give in time."""

    recoverable = True

    def __init__(self, topic: str, partition: int, offset: int, detail: str) -> None:
        self.topic = topic
        self.partition = partition
        self.offset = offset
        super().__init__(f"reading {topic}[{partition}] at offset {offset}: {detail}")


class LagError(DeskwatchError):
    """A consumer group that made no progress while its feeder waited for it."""

    def __init__(self, group: str, topic: str, lag: int) -> None:
        self.group = group
        self.topic = topic
        self.lag = lag
        super().__init__(f"pacing on group {group}: {lag} records of {topic} unread and no progress")


class LostRecordsError(DeskwatchError):
    """Records that were trimmed from a topic before they were read."""

    def __init__(self, topic: str, partition: int, expected: int, found: int) -> None:
        self.topic = topic
        self.partition = partition
        self.expected = expected
        self.found = found
        super().__init__(f"reading {topic}[{partition}]: offset {expected} is gone, the next one held is {found}")


class ServiceError(DeskwatchError):
    """A process that we run and that ended, or never got ready; `code` is its exit code, None while it runs."""

    def __init__(self, service: str, detail: str, *, code: int | None = None) -> None:
        self.service = service
        self.code = code
        super().__init__(f"running {service}: {detail}")


class DeliveryError(DeskwatchError):
    """A send to a target that did not (certainly) succeed.

    Attributes:
        target: `subscriber/target`.
        recoverable: whether the same bytes may go through later.
        ambiguous: whether the provider may have accepted them all the same.
    """

    def __init__(self, target: str, detail: str, *, recoverable: bool, ambiguous: bool = False) -> None:
        self.target = target
        self.recoverable = recoverable
        self.ambiguous = ambiguous
        super().__init__(f"sending to {target}: {detail}")
