"""Who would receive an episode: what a backtest asks, which knows nothing of subscriptions itself."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from alerting.rules import subscriptions
from alerting.rules.matching import match
from deskwatch.records import Spike


def audience_of(directory: Path) -> Callable[[Spike], tuple[str, ...]]:
    """Return a function that names the targets of a spike (`subscriber/target`), sorted.

    Args:
        directory: Holds subscription files, or a `subscriptions/` that does; the themes they name are looked up beside.

    Raises:
        ConfigError: with every problem of every file.
    """
    config_dir = directory.parent if directory.name == subscriptions.DIRECTORY else directory
    roster = subscriptions.load(config_dir)
    return lambda spike: tuple(found.name for found in match(spike, roster))
