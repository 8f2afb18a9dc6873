"""Mails that come back, as mail servers write them."""

from __future__ import annotations

FROM_POSTFIX = """\
Return-Path: <>
From: MAILER-DAEMON@mx.example.org (Mail Delivery System)
To: alerts@desk.example
Subject: Undelivered Mail Returned to Sender
Auto-Submitted: auto-replied
MIME-Version: 1.0
Content-Type: multipart/report; report-type=delivery-status;
 boundary="4B1.1700000000/mx.example.org"

--4B1.1700000000/mx.example.org
Content-Description: Notification
Content-Type: text/plain; charset=us-ascii

<{recipient}>: host mx.example.org said: {status} no such user

--4B1.1700000000/mx.example.org
Content-Description: Delivery report
Content-Type: message/delivery-status

Reporting-MTA: dns; mx.example.org
X-Postfix-Queue-ID: 4B1
Arrival-Date: Tue, 24 Nov 2026 14:02:00 +0000 (UTC)

Final-Recipient: rfc822; {recipient}
Original-Recipient: rfc822;{recipient}
Action: {action}
Status: {status}
Remote-MTA: dns; mx.example.org
Diagnostic-Code: smtp; 550 {status} no such user

--4B1.1700000000/mx.example.org
Content-Description: Undelivered Message Headers
Content-Type: text/rfc822-headers

From: Night Desk <alerts@desk.example>
To: {recipient}
Subject: [HIGH] Taiwan
Message-ID: {message_id}

--4B1.1700000000/mx.example.org--
"""

FROM_EXIM = """\
Return-path: <>
Auto-Submitted: auto-replied
From: Mail Delivery System <Mailer-Daemon@desk.example>
To: alerts@desk.example
References: {message_id}
Content-Type: multipart/report; report-type=delivery-status; boundary=1700000000-eximdsn-1
MIME-Version: 1.0
Subject: Mail delivery failed: returning message to sender

--1700000000-eximdsn-1
Content-type: text/plain; charset=us-ascii

This message was created automatically by mail delivery software.

  {recipient}
    Unrouteable address

--1700000000-eximdsn-1
Content-type: message/delivery-status

Reporting-MTA: dns; desk.example

Action: {action}
Final-Recipient: rfc822;{recipient}
Status: {status}

--1700000000-eximdsn-1
Content-type: message/rfc822

Return-path: <alerts@desk.example>
From: Night Desk <alerts@desk.example>
To: {recipient}
Message-ID: {message_id}
Content-Type: multipart/alternative; boundary="=_1"

--=_1
Content-Type: text/plain

text

--=_1--

--1700000000-eximdsn-1--
"""

ANSWER = """\
From: Somebody <{recipient}>
To: alerts@desk.example
Subject: Out of office
In-Reply-To: {message_id}
Auto-Submitted: auto-replied

Status: {status}
Action: {action}
"""


def make_dsn(
    message_id: str,
    *,
    template: str = FROM_POSTFIX,
    status: str = "5.1.1",
    action: str = "failed",
    recipient: str = "china-desk@example.org",
) -> bytes:
    """Return a report that a message of ours came back."""
    return template.format(message_id=message_id, status=status, action=action, recipient=recipient).encode()
