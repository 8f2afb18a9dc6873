"""How a message becomes bytes: a renderer for each channel."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final

from alerting.content.message import Alert
from alerting.rendering.apprise import render_apprise
from alerting.rendering.drafts import Draft
from alerting.rendering.mail import render_digest_mail, render_mail
from alerting.rendering.ntfy import render_ntfy
from alerting.rendering.pagerduty import render_pagerduty
from alerting.rendering.slack import render_digest_slack, render_slack
from alerting.rendering.teams import render_teams
from alerting.rendering.webhook import render_webhook


def _mail(draft: Draft) -> bytes:
    content, key, address, at, settings = draft.content, draft.key, draft.address, draft.at, draft.settings
    if isinstance(content, Alert):
        return render_mail(
            content, delivery_key=key, address=address, created_at=at, settings=settings, chart=draft.chart()
        )
    return render_digest_mail(content, delivery_key=key, address=address, created_at=at, settings=settings)


def _slack(draft: Draft) -> bytes:
    content = draft.content
    if isinstance(content, Alert):
        return render_slack(content, delivery_key=draft.key, address=draft.address)
    return render_digest_slack(content, delivery_key=draft.key, address=draft.address)


RENDERERS: Final[Mapping[str, Callable[[Draft], bytes]]] = {
    "mail": _mail,
    "slack": _slack,
    "teams": render_teams,
    "ntfy": render_ntfy,
    "webhook": render_webhook,
    "pagerduty": render_pagerduty,
    "apprise": render_apprise,
}
