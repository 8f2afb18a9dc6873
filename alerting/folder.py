"""The channel of the demo: alerts become files in a directory, `.eml` for mails and `.json` for Slack."""

from __future__ import annotations

import os
import tempfile
from hashlib import blake2b
from pathlib import Path
from typing import Final

from alerting.channels import Found, Frozen, Lookup, Outcome, Reason
from deskwatch.records import DeliveryState

_SUFFIX: Final = {"mail": ".eml", "slack": ".json"}


class FolderChannel:
    """Writes each delivery to a file whose name follows from its key, so that a second write changes nothing."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        directory.mkdir(parents=True, exist_ok=True)

    def path(self, frozen: Frozen) -> Path:
        """Return the file of a delivery."""
        digest = blake2b(frozen.key.encode(), digest_size=4).hexdigest()
        name = f"{frozen.theme}-{frozen.subscriber}-{frozen.target}-{digest}{_SUFFIX[frozen.channel]}"
        return self._directory / name

    async def send(self, frozen: Frozen) -> Outcome:
        """Write the file whole or not at all."""
        path = self.path(frozen)
        try:
            descriptor, draft = tempfile.mkstemp(dir=self._directory, prefix=".")
            with os.fdopen(descriptor, "wb") as file:
                file.write(frozen.body)
            Path(draft).replace(path)  # noqa: ASYNC240  # a small local file
        except OSError as error:
            return Outcome(state=DeliveryState.RETRY, reason=Reason.REFUSED_FOR_NOW, detail=str(error))
        return Outcome(state=DeliveryState.SENT, provider_ref=path.name)

    async def look_up(self, frozen: Frozen) -> Lookup:
        """Say whether the file is there."""
        path = self.path(frozen)
        there = path.exists()
        return Lookup(found=Found.YES if there else Found.NO, provider_ref=path.name)

    async def close(self) -> None:
        """Do nothing: there is no connection."""
