"""An alert as a block of plain text for a terminal."""

from __future__ import annotations

import textwrap
from typing import Final

from alerting.message import Alert

_WIDTH: Final = 96
_HEADLINES: Final = 3


def announce_text(alert: Alert) -> str:
    """Return the alert in some ten lines, without addresses of articles."""
    ratio = f", {alert.ratio}× normal" if alert.ratio else ""
    mark = "TEST · " if alert.test else ""
    lines = [
        f"── {mark}{alert.severity.upper()} · {alert.title} ".ljust(_WIDTH, "─"),
        f"   {alert.observed}{ratio}. {alert.comparison}",
        f"   {' · '.join(alert.evidence)}",
        f"   {alert.when}, noticed {alert.noticed}",
        *(f" ! {caution}" for caution in alert.cautions),
    ]
    for item in alert.items[:_HEADLINES]:
        source = " · ".join(filter(None, (item.source, item.copies)))
        lines += [f" • {line}" for line in textwrap.wrap(item.title, _WIDTH - 3)[:1]] + [f"   {source}"]
    return "\n".join(lines)
