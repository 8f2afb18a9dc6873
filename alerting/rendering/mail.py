"""An alert or a digest as an e-mail: text and HTML, with headers by which it is recognised when it is sent again.

The same delivery gives the same bytes: Message-ID, date and boundaries follow from the delivery, none from chance.
"""

from __future__ import annotations

from datetime import UTC, datetime
from email.header import Header
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import EmailPolicy
from email.utils import format_datetime, parseaddr
from functools import cache
from hashlib import blake2b
from typing import Any, Final, cast

import css_inline
from jinja2 import Environment, PackageLoader, StrictUndefined

from alerting.content.digesting import Digest
from alerting.content.languages.speaking import words_for
from alerting.content.message import Alert, Occasion
from alerting.rendering.picturing import SIZE
from alerting.settings import AlertingSettings
from deskwatch.records import Severity, Verb

COLOURS: Final = {
    Severity.LOW: "#4a6274",
    Severity.MEDIUM: "#8a6100",
    Severity.HIGH: "#b3400f",
    Severity.CRITICAL: "#a3122a",
}
GOOD: Final = "#2a6b45"
NEUTRAL: Final = "#3c4654"


class _Policy(EmailPolicy):
    """SMTP's rules, and addresses that stay whole: of long ones the standard library makes encoded words (3.11)."""

    def fold_binary(self, name: str, value: Any) -> bytes:
        if name == "List-Unsubscribe":
            return f"{name}: {str(value).replace('>, <', '>,' + self.linesep + ' <')}{self.linesep}".encode("ascii")
        return super().fold_binary(name, value)


_SMTP: Final = _Policy(linesep="\r\n")


def render_mail(
    alert: Alert,
    *,
    delivery_key: str,
    address: str,
    created_at: datetime,
    settings: AlertingSettings,
    chart: bytes | None = None,
) -> bytes:
    """Return the message as it goes over the wire, for one recipient; `chart` is a PNG of `picturing.SIZE`."""
    mail = _envelope(alert.subject, alert.theme, delivery_key, address, created_at, settings)
    _add_unsubscribe(mail, next((act.url for act in alert.acts if act.verb is Verb.UNSUBSCRIBE), ""))
    thread = f"<{_digest(f'spike {alert.spike_id}')}.episode@{settings.domain}>"
    mail["In-Reply-To"] = thread  # the episode's root is never sent, so the order of arrival does not matter
    mail["References"] = thread
    mail["X-Deskwatch-Episode"] = alert.spike_id
    name = f"{_digest(f'chart {delivery_key}')}@{settings.domain}" if chart else ""
    _fill(mail, render_text(alert, settings), render_html(alert, settings, chart=name), delivery_key)
    if chart:
        page = cast(list[EmailMessage], mail.get_payload())[1]
        page.add_related(chart, "image", "png", cid=f"<{name}>", disposition="inline", filename="chart.png")
        page.set_boundary(f"=_{_digest(f'related {delivery_key}')}")
    return mail.as_bytes()


def render_digest_mail(
    digest: Digest, *, delivery_key: str, address: str, created_at: datetime, settings: AlertingSettings
) -> bytes:
    """Return a digest as it goes over the wire, for one recipient."""
    mail = _envelope(digest.subject, "digest", delivery_key, address, created_at, settings)
    _fill(mail, render_digest_text(digest, settings), render_digest_html(digest, settings), delivery_key)
    return mail.as_bytes()


def render_notice_mail(
    subject: str, text: str, *, delivery_key: str, address: str, created_at: datetime, settings: AlertingSettings
) -> bytes:
    """Return a mail of plain text about the configuration, for one recipient."""
    mail = _envelope(subject, "config", delivery_key, address, created_at.astimezone(UTC), settings)
    mail.set_content(text, cte="quoted-printable")
    return mail.as_bytes()


def message_id(delivery_key: str, domain: str) -> str:
    """Return the Message-ID of a delivery, angle brackets included."""
    return f"<{_digest(delivery_key)}@{domain}>"


def render_text(alert: Alert, settings: AlertingSettings) -> str:
    """Return the alert as plain text."""
    return _render("alert.txt.j2", settings, alert.language, alert=alert)


def render_html(alert: Alert, settings: AlertingSettings, *, chart: str = "") -> str:
    """Return the alert as one HTML page: tables and inline styles, as mail programs want it.

    Args:
        chart: The Content-ID of the picture, if there is any.
    """
    colour = COLOURS[alert.severity]
    if alert.occasion is Occasion.RESOLUTION:
        colour = GOOD
    elif alert.occasion is Occasion.CORRECTION:
        colour = NEUTRAL
    about = ". ".join(filter(None, (alert.changed, alert.figures.ratio, *alert.figures.evidence[:1])))
    return _render(
        "alert.html.j2",
        settings,
        alert.language,
        alert=alert,
        title=alert.headline,
        why=alert.why,
        colour=colour,
        preheader=". ".join(filter(None, (about, *(item.title for item in alert.items[:1])))),
        chart=chart,
        chart_size=SIZE,
    )


def render_digest_text(digest: Digest, settings: AlertingSettings) -> str:
    """Return a digest as plain text."""
    return _render("digest.txt.j2", settings, digest.language, digest=digest)


def render_digest_html(digest: Digest, settings: AlertingSettings) -> str:
    """Return a digest as one HTML page."""
    return _render(
        "digest.html.j2",
        settings,
        digest.language,
        digest=digest,
        title=digest.headline,
        why=digest.why,
        colour=GOOD if digest.is_good else NEUTRAL,
        preheader=digest.lead,
    )


def _envelope(
    subject: str, about: str, delivery_key: str, address: str, created_at: datetime, settings: AlertingSettings
) -> EmailMessage:
    """Return a mail without content, which programs know as an automatic one about a theme."""
    name, sender = parseaddr(settings.sender)
    mail = EmailMessage(policy=_SMTP)
    mail["From"] = Address(display_name=name, addr_spec=sender)
    mail["To"] = Address(addr_spec=address)
    _set_subject(mail, subject)
    mail["Date"] = format_datetime(created_at)
    mail["Message-ID"] = message_id(delivery_key, settings.domain)
    mail["Auto-Submitted"] = "auto-generated"
    mail["X-Auto-Response-Suppress"] = "OOF, AutoReply"
    mail["List-Id"] = f"<{about}.{settings.domain}>"
    if settings.contact:
        mail["Reply-To"] = settings.contact
        mail["List-Unsubscribe"] = f"<mailto:{parseaddr(settings.contact)[1]}?subject=unsubscribe%20{about}>"
    mail["X-Deskwatch-Key"] = _digest(delivery_key)
    return mail


def _add_unsubscribe(mail: EmailMessage, url: str) -> None:
    """Let mail programs unsubscribe with one click (RFC 8058), which is for https alone."""
    if not url:
        return
    others = [mail["List-Unsubscribe"]] if mail["List-Unsubscribe"] else []
    del mail["List-Unsubscribe"]
    mail["List-Unsubscribe"] = ", ".join([f"<{url}>", *others])
    if url.startswith("https://"):
        mail["List-Unsubscribe-Post"] = "List-Unsubscribe=One-Click"


def _fill(mail: EmailMessage, text: str, html: str, delivery_key: str) -> None:
    # Quoted-printable needs nothing of the servers on the way, and stays readable in a raw view.
    mail.set_content(text, cte="quoted-printable")
    mail.add_alternative(html, subtype="html", cte="quoted-printable")
    mail.set_boundary(f"=_{_digest(f'boundary {delivery_key}')}")


def _render(template: str, settings: AlertingSettings, language: str, **values: Any) -> str:
    words, is_html = words_for(language), ".html" in template
    text = (
        _environment(escape=is_html)
        .get_template(template)
        .render(
            words=words,
            language=language,
            public_name=settings.public_name,
            to_end=words.to_end.format(contact=settings.contact) if settings.contact else "",
            **values,
        )
    )
    return css_inline.inline(text, load_remote_stylesheets=False) if is_html else text


def _set_subject(mail: EmailMessage, subject: str) -> None:
    """Set the subject, folded by the older of Python's two encoders: the newer one doubles or loses spaces at folds."""
    if subject.isascii():
        mail["Subject"] = subject
        return
    mail.set_raw("Subject", Header(subject, "utf-8", header_name="Subject").encode(linesep="\n"))


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
