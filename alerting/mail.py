"""An alert as an e-mail: text and HTML, with headers by which it is recognised when it is sent a second time.

The same delivery gives the same bytes: Message-ID, date and boundary follow from the delivery, none from chance.
"""

from __future__ import annotations

from datetime import datetime
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime, parseaddr
from functools import cache
from hashlib import blake2b
from typing import Final

import css_inline
from jinja2 import Environment, PackageLoader, StrictUndefined

from alerting.message import Alert
from alerting.settings import AlertingSettings
from deskwatch.records import Severity

COLOURS: Final = {
    Severity.LOW: "#4a6274",
    Severity.MEDIUM: "#8a6100",
    Severity.HIGH: "#b3400f",
    Severity.CRITICAL: "#a3122a",
}


def render_mail(
    alert: Alert, *, delivery_key: str, address: str, created_at: datetime, settings: AlertingSettings
) -> bytes:
    """Return the message as it goes over the wire, for one recipient."""
    name, sender = parseaddr(settings.sender)
    mail = EmailMessage(policy=SMTP)
    mail["From"] = Address(display_name=name, addr_spec=sender)
    mail["To"] = Address(addr_spec=address)
    mail["Subject"] = alert.subject
    mail["Date"] = format_datetime(created_at)
    mail["Message-ID"] = message_id(delivery_key, settings.domain)
    thread = f"<{_digest(f'spike {alert.spike_id}')}.episode@{settings.domain}>"
    mail["In-Reply-To"] = thread  # the episode's root is never sent, so the order of arrival does not matter
    mail["References"] = thread
    mail["Auto-Submitted"] = "auto-generated"
    mail["X-Auto-Response-Suppress"] = "OOF, AutoReply"
    mail["List-Id"] = f"<{alert.theme}.{settings.domain}>"
    if settings.contact:
        mail["Reply-To"] = settings.contact
        mail["List-Unsubscribe"] = f"<mailto:{parseaddr(settings.contact)[1]}?subject=unsubscribe%20{alert.theme}>"
    mail["X-Deskwatch-Episode"] = alert.spike_id
    mail["X-Deskwatch-Key"] = _digest(delivery_key)
    # Quoted-printable needs nothing of the servers on the way, and stays readable in a raw view.
    mail.set_content(render_text(alert, settings), cte="quoted-printable")
    mail.add_alternative(render_html(alert, settings), subtype="html", cte="quoted-printable")
    mail.set_boundary(f"=_{_digest(f'boundary {delivery_key}')}")
    return mail.as_bytes()


def message_id(delivery_key: str, domain: str) -> str:
    """Return the Message-ID of a delivery, angle brackets included."""
    return f"<{_digest(delivery_key)}@{domain}>"


def render_text(alert: Alert, settings: AlertingSettings) -> str:
    """Return the alert as plain text."""
    template = _environment(escape=False).get_template("alert.txt.j2")
    return template.render(alert=alert, public_name=settings.public_name, contact=settings.contact)


def render_html(alert: Alert, settings: AlertingSettings) -> str:
    """Return the alert as one HTML page: tables and inline styles, as mail programs want it."""
    about = ". ".join(filter(None, (f"{alert.ratio} times the normal" if alert.ratio else "", alert.evidence[0])))
    html = (
        _environment(escape=True)
        .get_template("alert.html.j2")
        .render(
            alert=alert,
            colour=COLOURS[alert.severity],
            preheader=". ".join([about, *(item.title for item in alert.items[:1])]),
            public_name=settings.public_name,
            contact=settings.contact,
        )
    )
    return css_inline.inline(html, load_remote_stylesheets=False)


def _digest(text: str) -> str:
    return blake2b(text.encode("utf-8", "surrogatepass"), digest_size=12).hexdigest()


@cache
def _environment(*, escape: bool) -> Environment:
    return Environment(
        loader=PackageLoader("alerting"),
        autoescape=escape,  # noqa: S701  # on for HTML; text has no markup to escape into
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
