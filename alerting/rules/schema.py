"""The JSON Schema of a subscription file, by which editors complete keys and mark what is wrong while it is typed.

It knows no other file, so that it accepts what `deskwatch check` may still refuse: a theme or a subscriber that does
not exist, a test that fails.
"""

from __future__ import annotations

import re
from typing import Any, Final

import msgspec

from alerting.rules.addressing import EMAIL, SLACK
from alerting.rules.checking import LANGUAGE, NAME, NTFY
from alerting.rules.hours import LENGTH, PART, TIME
from alerting.rules.references import VARIABLE
from alerting.rules.roster import KEYS, SubscriptionFile
from deskwatch.records import Severity

# What a field must look like, by the structure it is in; `()` stands for all of them.
_PATTERNS: Final[dict[str, dict[str, re.Pattern[str]]]] = {
    "SubscriptionFile": {"owner": EMAIL},
    "Subscriber": {"name": NAME, "language": LANGUAGE},
    "Target": {"name": NAME, "email": EMAIL, "slack": SLACK, "ntfy": NTFY, "fallback": NAME},
    "QuietHours": {"from": TIME, "to": TIME, "days": PART},
    "Digest": {"at": TIME, "days": PART},
    "Escalation": {"to": NAME, "after": LENGTH},
    "Hook": {"url_env": VARIABLE},
    "SignedHook": {"url_env": VARIABLE, "secret_env": VARIABLE},
    "Pager": {"key_env": VARIABLE},
    "Subscription": {"name": NAME, "subscriber": NAME, "themes": NAME},
    "Only": {"languages": LANGUAGE},
    "Given": {"theme": NAME, "language": LANGUAGE},
}
_NOT_EMPTY: Final = (("Subscriber", "targets"), ("Subscription", "themes"), ("Digest", "at"))


def subscription_schema() -> dict[str, Any]:
    """Return the schema (draft 2020-12)."""
    made = msgspec.json.schema(SubscriptionFile)
    kinds = made["$defs"]
    for name, kind in kinds.items():
        kind["description"] = " ".join(kind.get("description", "").split())
        for field, pattern in _PATTERNS.get(name, {}).items():
            _restrict(kind["properties"][field], {"pattern": _whole(pattern, is_list=pattern is PART)})
    for name, field in _NOT_EMPTY:
        kinds[name]["properties"][field]["minItems"] = 1
    kinds["Severity"]["enum"] = [severity.value for severity in Severity]
    kinds["Target"]["oneOf"] = [{"required": [key]} for key in KEYS]
    kinds["Target"]["properties"]["max_per_hour"]["anyOf"][0]["minimum"] = 1
    _limit_rate(kinds["Subscription"]["properties"]["false_alerts_per_month"])
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "Deskwatch: who is told what, and where",
        **made,
    }


def _restrict(schema: dict[str, Any], limits: dict[str, Any]) -> None:
    """Put limits on the text in a schema, be it an item of a list or optional."""
    if schema.get("type") == "string":
        schema |= limits
    for inner in [*schema.get("anyOf", ()), *([schema["items"]] if isinstance(schema.get("items"), dict) else [])]:
        _restrict(inner, limits)


def _limit_rate(schema: dict[str, Any]) -> None:
    for one in schema["anyOf"]:
        if one.get("type") == "number":
            one |= {"exclusiveMinimum": 0, "maximum": 1000}


def _whole(pattern: re.Pattern[str], *, is_list: bool) -> str:
    """Return a pattern that holds for the whole text, as ECMA 262 writes it."""
    one = f"(?:{pattern.pattern})"
    return f"^{one}(?:,{one})*$" if is_list else f"^{one}$"
