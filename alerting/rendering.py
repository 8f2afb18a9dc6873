"""How a message becomes bytes: a renderer for each channel."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final

from alerting.appriseapi import render_apprise
from alerting.drafts import Draft
from alerting.mail import render_digest_mail, render_mail
from alerting.message import Alert
from alerting.ntfy import render_ntfy
from alerting.pagerduty import render_pagerduty
from alerting.slack import render_digest_slack, render_slack
from alerting.teams import render_teams
from alerting.webhook import render_webhook


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
