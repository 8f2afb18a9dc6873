"""Hostile headlines by the hundred: each attack, in each disguise, at each place of a title."""

from __future__ import annotations

import random
from collections.abc import Iterator

ATTACKS = (
    # Slack's mrkdwn and control sequences
    "*EVIL*",
    "_EVIL_ ~EVIL~ `EVIL`",
    "```EVIL```",
    "> EVIL",
    "<!channel> EVIL",
    "<!here|here>",
    "<!everyone>",
    "<!subteam^S012AB3CD|desk>",
    "<!date^1392734382^{date}^https://evil.example|EVIL>",
    "<@U012AB3CD>",
    "<#C012AB3CD|general>",
    "@channel @here @everyone",
    "<https://evil.example|Reuters>",
    "<mailto:evil@evil.example|write>",
    "[Reuters](https://evil.example)",
    ":rotating_light: :skull:",
    "&lt;!channel&gt;",
    "&amp;lt;!here&amp;gt;",
    # HTML
    "<script>alert('EVIL')</script>",
    "<img src=x onerror=alert(1)>",
    "<a href='javascript:alert(1)'>EVIL</a>",
    '"><svg onload=alert(1)>',
    "</td></tr></table><h1>EVIL</h1>",
    "<!-- EVIL",
    "<style>td{display:none}</style>",
    "&#60;script&#62;",
    "' onmouseover='alert(1)",
    "]]><b>EVIL</b>",
    "<meta http-equiv=refresh content=0;url=https://evil.example>",
    # Mail
    "EVIL\r\nBcc: victim@example.org",
    "EVIL\nSubject: other",
    "EVIL\r\n\r\n<html>",
    "\r\n.\r\nMAIL FROM:<evil@evil.example>",
    "=?utf-8?q?=0D=0ABcc:_victim@example.org?=",
    "=?utf-8?b?PGI+RVZJTDwvYj4=?=",
    "--=_boundary--",
    "From evil@evil.example Thu Jan 1",
    # Templates and format strings
    "{{ 7 * 7 }}{% raw %}",
    "{title} {0} {} %s %(x)s ${HOME}",
    "{0.__class__.__mro__}",
    # Terminals
    "\x1b[2J\x1b[31mEVIL",
    "\x1b]0;EVIL\x07",
    "\x9b31m",
    "EVIL\x08\x08\x08\x7f",
    # What is not seen
    "\u202eLIVE\u202c",
    "\u2066EVIL\u2069\u2067x\u2069",
    "\u200f\u061cEVIL",
    "nul\x00EVIL",
    "\ufeff\u200bEVIL\u2060",
    "\U000e0045\U000e0056",
    "half \ud83d",
    "\u2028\u2029\x85\x0b\x0c",
    "Z" + "\u0301\u0489" * 200,
)
DISGUISES = (
    lambda attack: attack,
    str.upper,
    lambda attack: attack * 40,
    lambda attack: attack.replace("<", "＜").replace(">", "＞"),
    lambda attack: "\u200b".join(attack),
    lambda attack: attack.replace(" ", "\r\n"),
    lambda attack: "word " * 300 + attack,
    lambda attack: "مؤتمر " + attack,
    lambda attack: "外交部" + attack,
    lambda attack: "🔥" * 200 + attack,
)


def hostile_headlines(number: int = 500, seed: int = 7) -> Iterator[str]:
    """Yield as many titles: each attack in each disguise, alone, before or after harmless words, or with another."""
    chance = random.Random(seed)
    pairs = [(attack, disguise) for disguise in DISGUISES for attack in ATTACKS]
    for place in range(number):
        attack, disguise = pairs[place % len(pairs)]
        title = disguise(attack)
        yield chance.choice(
            (title, f"Minister says {title}", f"{title} in the capital", title + chance.choice(ATTACKS))
        )
