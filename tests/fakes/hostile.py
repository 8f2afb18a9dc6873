"""Headlines as nobody should send them."""

from __future__ import annotations

HEADLINES = {
    "mrkdwn": "*Sale* _now_ `code` ~gone~ :skull:",
    "mention": "Alarm <!channel> <!here> <@U012AB3CD> @everyone",
    "slack link": "<https://evil.example|Reuters> reports",
    "html": "<script>alert(1)</script><img src=x onerror=alert(1)>\"'",
    "entities": "AT&amp;T &lt;b&gt; & co &#x202e;",
    "template": "{{ 7 * 7 }} {% for x in y %} ${HOME}",
    "header injection": "Peace\r\nBcc: victim@example.org\r\n\r\nbody",
    "other line ends": "one\x0btwo\x0cthree\x1cfour\x85five\u2028six\u2029seven",
    "direction override": "safe \u202egnp.exe\u202c \u2066x\u2069 \u200fend",
    "zero width": "in\u200bvis\u2060ible\ufeff",
    "nul": "nul\x00 bell\x07 escape\x1b[31mred",
    "long": "word " * 2000,
    "one long word": "a" * 10_000,
    "stacked marks": "Z" + "\u0301" * 500 + "algo",
    "surrogate": "half \ud83d a face",
    "blank": " \u200b\n ",
    "emoji": "🔥" * 3000,
    "tags": "flag \U0001f3f4\U000e0067\U000e0062\U000e007f end",
    "arabic": "قمة طارئة في العاصمة",
    "chinese": "外交部发言人就相关问题答记者问",
    "dots": ".\r\n.\r\nQUIT",
}

URLS = {
    "script": "javascript:alert(1)",
    "data": "data:text/html,<script>alert(1)</script>",
    "user": "https://reuters.example@evil.example/",
    "space": "https://news.example.org/a b",
    "line end": "https://news.example.org/\r\nX: y",
    "quote": "https://news.example.org/\"onmouseover='x'",
    "bar": "https://news.example.org/a|b>c",
    "no host": "https:///path",
    "port": "https://news.example.org:port/",
    "backslash": "https://news.example.org\\@evil.example",
    "long": "https://news.example.org/" + "x" * 5000,
    "bracket": "https://[::1",
    "relative": "/news/1",
}
