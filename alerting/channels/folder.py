"""The channel of the demo: alerts become files in a directory, `.eml` for mails and `.json` for all else."""

from __future__ import annotations

import os
import tempfile
from hashlib import blake2b
from pathlib import Path

from alerting.delivery import Found, Frozen, Lookup, Outcome, Reason
from deskwatch.records import DeliveryKind, DeliveryState


class FolderChannel:
    """Writes each delivery to a file whose name follows from its key, so that a second write changes nothing."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        directory.mkdir(parents=True, exist_ok=True)

    def path(self, frozen: Frozen) -> Path:
        """Return the file of a delivery."""
        message = frozen.thread if frozen.kind is DeliveryKind.EDIT else frozen.key  # an edit replaces what it edits
        digest = blake2b(message.encode(), digest_size=4).hexdigest()
        suffix = ".eml" if frozen.channel == "mail" else ".json"
        return self._directory / f"{frozen.theme or frozen.kind}-{frozen.subscriber}-{frozen.target}-{digest}{suffix}"

    async def send(self, frozen: Frozen) -> Outcome:
        """Write the file whole or not at all."""
        path = self.path(frozen)
        try:
            descriptor, draft = tempfile.mkstemp(dir=self._directory, prefix=".")
            with os.fdopen(descriptor, "wb") as file:
                file.write(frozen.body)
            Path(draft).replace(path)  # noqa: ASYNC240
        except OSError as error:
            return Outcome(state=DeliveryState.RETRY, reason=Reason.REFUSED_FOR_NOW, detail=str(error))
        return Outcome(state=DeliveryState.SENT, provider_ref=path.name)

    async def look_up(self, frozen: Frozen) -> Lookup:
        """Say whether the file is there, with just these bytes."""
        path = self.path(frozen)
        there = path.exists() and path.read_bytes() == frozen.body
        return Lookup(found=Found.YES if there else Found.NO, provider_ref=path.name)

    async def close(self) -> None:
        """Do nothing: there is no connection."""
