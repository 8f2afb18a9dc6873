"""A message that is to be rendered: what it says, to whom, and under which key it is known."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

import msgspec

from alerting.content.digesting import Digest
from alerting.content.message import Alert
from alerting.settings import AlertingSettings
from deskwatch.records import DeliveryKind, Spike


class Draft(msgspec.Struct, frozen=True, kw_only=True):
    """All that a renderer may need; `chart` makes the picture, if there is one and it is wanted."""

    content: Alert | Digest
    key: str
    kind: DeliveryKind
    subscriber: str
    target: str
    address: str
    at: datetime
    settings: AlertingSettings
    thread: str = ""
    spike: Spike | None = None
    chart: Callable[[], bytes | None] = lambda: None
