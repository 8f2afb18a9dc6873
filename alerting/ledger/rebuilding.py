"""A ledger brought up to what the topic `deliveries` knows: after a failover, or on a machine that has none yet."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Final

import msgspec

from alerting.delivery import Frozen, Reason
from alerting.ledger.file import COLUMNS
from alerting.ledger.ledger import Ledger
from deskwatch.records import Delivery, DeliveryState

_NAMES: Final = {"key": "delivery_key", "revision": "spike_revision"}


class Rebuilt(msgspec.Struct, frozen=True, kw_only=True):
    """How many deliveries another service has changed, and how many of them were being sent when it ended."""

    taken: int
    unknown: int


def latest(records: Iterable[Delivery]) -> dict[str, Delivery]:
    """Return the last record of each delivery."""
    return {record.delivery_key: record for record in records}


def rebuild(ledger: Ledger, records: Mapping[str, Delivery], now: float, settle_s: float) -> Rebuilt:
    """Take over what others wrote last, and what is not in the ledger at all.

    Of a delivery that this service wrote last, the ledger knows as much as the topic, or more. Of one that another
    wrote last, what is in the ledger is what was true before, and its changes that never came to the topic are void:
    no send followed from them.

    Args:
        settle_s: How long after `now` what another was sending may still arrive.
    """
    taken = unknown = 0
    with ledger.transaction():
        for key, record in records.items():
            if record.owner == ledger.owner and ledger.has(key):
                continue
            frozen = of_record(record)
            if frozen.state is DeliveryState.SENDING:
                unknown += 1
                frozen = msgspec.structs.replace(
                    frozen, state=DeliveryState.UNKNOWN, reason=Reason.INTERRUPTED, not_before=now + settle_s
                )
            ledger.overwrite(frozen, record.at.timestamp(), is_changed=frozen.state is not record.state)
            taken += 1
    return Rebuilt(taken=taken, unknown=unknown)


def of_record(record: Delivery) -> Frozen:
    """Return the delivery that a record mirrors."""
    return msgspec.convert({name: getattr(record, _NAMES.get(name, name)) for name in COLUMNS}, Frozen)
