"""The feeds of alerts as files that any web server can serve, each always whole."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path
from typing import Final

import structlog

from alerting.ledger.ledger import Ledger
from alerting.rendering.syndicating import Entry, describe, render_atom, render_json_feed
from alerting.rules.roster import Roster
from alerting.settings import AlertingSettings

ENTRIES: Final = 100
RETRY: Final = timedelta(seconds=30)  # after a disk that is full, or not there

_log = structlog.get_logger()


class Feeds:
    """Writes the feeds anew when `touch` has said that something changed; `run` at every turn."""

    def __init__(self, ledger: Ledger, roster: Callable[[], Roster], settings: AlertingSettings) -> None:
        self._ledger = ledger
        self._roster = roster
        self._settings = settings
        self._made: dict[tuple[str, int, str], Entry] = {}
        self._is_stale = True
        self._not_before: datetime | None = None

    def touch(self) -> None:
        """Say that an episode is new, or changed."""
        self._is_stale = True

    def run(self, now: datetime) -> None:
        """Write the feeds if they are stale; what keeps them from being written must not keep back an alert."""
        if not self._is_stale or (self._not_before is not None and now < self._not_before):
            return
        entries = self._describe()
        directory = Path(self._settings.feed_dir)
        try:
            directory.mkdir(parents=True, exist_ok=True)
            _write(directory / "alerts.atom", render_atom(entries, self._settings, now))
            _write(directory / "alerts.json", render_json_feed(entries, self._settings))
        except OSError as error:
            _log.error("feed.not_written", directory=str(directory), detail=error.strerror)
            self._not_before = now + RETRY
            return
        self._is_stale, self._not_before = False, None

    def _describe(self) -> list[Entry]:
        """Return the entries, as they were made before where nothing has changed."""
        titles, domain, made = self._roster().titles, self._settings.domain, {}
        for spike in self._ledger.newest_spikes(ENTRIES):
            title = titles.get(spike.theme, "")
            known = (spike.spike_id, spike.revision, title)
            made[known] = self._made.get(known) or describe(spike, title, domain)
        self._made = made
        return list(made.values())


def _write(path: Path, content: bytes) -> None:
    """Write a file whole or not at all, for everybody to read."""
    descriptor, draft = tempfile.mkstemp(dir=path.parent, prefix=".")
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
            os.fchmod(file.fileno(), 0o644)
        Path(draft).replace(path)
    except OSError:
        Path(draft).unlink(missing_ok=True)
        raise
