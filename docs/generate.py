"""Writes the generated pages of docs/ from the code: topics, metrics, options, commands and schemas.

`python docs/generate.py` writes them; with `--check` it writes nothing and ends with 1 if one is stale.
"""

from __future__ import annotations

import importlib
import inspect
import io
import sys
import tokenize
from collections.abc import Callable, Iterator
from importlib.metadata import entry_points
from pathlib import Path
from typing import Any

import click
import msgspec
from prometheus_client import CollectorRegistry

from alerting.rules.schema import subscription_schema
from deskwatch import codec
from deskwatch.cli import GROUP
from deskwatch.settings import Settings
from deskwatch.telemetry import build_registry
from deskwatch.topics import TOPICS

DOCS = Path(__file__).resolve().parent
NOTE = "<!-- Written by `make docs` from the code; do not edit. -->"

# Service -> the module whose classes register what it counts.
METRICS = {"produce": "producers.metrics", "stream": "streams.metrics", "alert": "alerting.metrics"}
OPTIONS = {
    "producers": ("producers.settings", "ProducerSettings"),
    "streams": ("streams.settings", "StreamSettings"),
    "alerting": ("alerting.settings", "AlertingSettings"),
}


def topics_page() -> str:
    """Return docs/topics.md."""
    rows = [
        f"| `{topic.name}` | {topic.key} | {topic.holds} | {topic.partitions}{'+' if topic.scales else ''} "
        f"| {topic.retention()} |"
        for topic in TOPICS
    ]
    text = (
        "`deskwatch topics` creates them. Every name gets the setting `kafka_prefix` in front. Where the number of\n"
        "partitions has a `+`, any number works; elsewhere the services rely on it. A record is JSON, with its schema\n"
        "and version in the header `schema`; [schemas.json](schemas.json) describes them all."
    )
    header = ["| topic | key | one record is | partitions | kept |", "|---|---|---|---|---|"]
    return "\n".join([NOTE, "# Topics", "", text, "", *header, *rows, ""])


def metrics_page() -> str:
    """Return docs/metrics.md."""
    lines = [
        NOTE,
        "# Metrics",
        "",
        "Each process serves its own on `/metrics`, beside `/livez` and `/readyz`, at the settings `metrics_host` and",
        "`metrics_port`. [Operations](operations.md) says what to do about the alerts that rest on them.",
    ]
    for service in METRICS:
        lines += ["", f"## deskwatch {service}", "", "| metric | type | labels | |", "|---|---|---|---|"]
        for name, kind, labels, help_text in sorted(describe(service_registry(service))):
            lines.append(f"| `{name}` | {kind} | {', '.join(labels)} | {help_text} |")
    return "\n".join([*lines, ""])


def service_registry(service: str) -> CollectorRegistry:
    """Return a registry on which everything that a service counts is registered."""
    registry = build_registry(service, "0")
    module = importlib.import_module(METRICS[service])
    kinds: list[Any] = [kind for _, kind in inspect.getmembers(module, inspect.isclass)]
    for kind in kinds:
        if kind.__module__ == module.__name__ and kind.__name__.endswith("Metrics"):
            kind(registry)
    return registry


def describe(registry: CollectorRegistry) -> Iterator[tuple[str, str, tuple[str, ...], str]]:
    """Yield name as exposed, type, labels and help of each metric."""
    # The client has no public way to a labelled metric that nothing has been counted on yet.
    for metric in registry._collector_to_names:
        (family,) = metric.collect()
        name = f"{family.name}_total" if family.type == "counter" else family.name
        yield name, family.type, tuple(getattr(metric, "_labelnames", ())), family.documentation


def options_page() -> str:
    """Return docs/options.md."""
    lines = [
        NOTE,
        "# Options",
        "",
        "Defaults, then a YAML file (`deskwatch --settings FILE` or `DESKWATCH_SETTINGS`), then the environment: the",
        "later one wins. In the file the shared options stand at the top and each package has a section of its own:",
        "",
        "```yaml",
        "kafka_bootstrap: kafka-1:9092,kafka-2:9092",
        "alerting:",
        "  smtp_host: mail.example.org",
        "```",
        "",
        "An option that does not exist is an error that names the nearest one. No secret stands in a file or variable",
        "of Deskwatch itself: `*_env` names the variable that holds it, `*_file` the file.",
    ]
    lines += _options("All services", Settings, "DESKWATCH_")
    for section, (module, name) in OPTIONS.items():
        kind = getattr(importlib.import_module(module), name)
        lines += _options(f"Section `{section}`", kind, f"DESKWATCH_{section.upper()}_")
    return "\n".join([*lines, ""])


def _options(title: str, kind: type[Any], prefix: str) -> Iterator[str]:
    comments = _comments(kind)
    yield from ("", f"## {title}", "", "| option | default | in the environment | |", "|---|---|---|---|")
    for field in msgspec.structs.fields(kind):
        default = msgspec.json.encode(field.default).decode() if field.default is not msgspec.NODEFAULT else "-"
        about = comments.get(field.name, "")
        yield f"| `{field.name}` | `{default}` | `{prefix}{field.name.upper()}` | {about} |"


def _comments(kind: type[Any]) -> dict[str, str]:
    """Return the comment on the line of each field, of base classes too: where options are explained, once."""
    found: dict[str, str] = {}
    for base in reversed(kind.__mro__):
        if base in (object, msgspec.Struct) or not issubclass(base, msgspec.Struct):
            continue
        name = ""
        for token in tokenize.generate_tokens(io.StringIO(inspect.getsource(base)).readline):
            if token.type == tokenize.COMMENT and name and token.line.split(":")[0].strip() == name:
                found[name] = token.string.lstrip("# ").replace("|", "\\|")
            elif token.type == tokenize.NAME and token.start[1] == 4:
                name = token.string
    return found


def commands_page() -> str:
    """Return docs/commands.md."""
    lines = [
        NOTE,
        "# Commands",
        "",
        "Data goes to stdout, messages to stderr. Exit codes: 0 done, 1 what was checked is wrong or the service",
        "failed, 2 wrong use of the command line; a command with others says so.",
    ]
    for entry in sorted(entry_points(group=GROUP), key=lambda entry: entry.name):
        lines += _command(entry.load(), f"deskwatch {entry.name}")
    return "\n".join([*lines, ""])


def _command(command: click.Command, name: str) -> Iterator[str]:
    context = click.Context(command, info_name=name, terminal_width=100, max_content_width=100)
    yield from ("", f"## {name}", "", "```text", command.get_help(context), "```")
    if isinstance(command, click.Group):
        for sub in sorted(command.commands):
            yield from _command(command.commands[sub], f"{name} {sub}")


def schemas_page() -> str:
    """Return docs/schemas.json."""
    return msgspec.json.format(msgspec.json.encode(codec.json_schemas()), indent=2).decode() + "\n"


def subscriptions_page() -> str:
    """Return docs/schemas/subscriptions.json."""
    return msgspec.json.format(msgspec.json.encode(subscription_schema()), indent=2).decode() + "\n"


PAGES: dict[str, Callable[[], str]] = {
    "topics.md": topics_page,
    "metrics.md": metrics_page,
    "options.md": options_page,
    "commands.md": commands_page,
    "schemas.json": schemas_page,
    "schemas/subscriptions.json": subscriptions_page,
}


def main(args: list[str]) -> int:
    """Write the pages, or only say which are stale; the exit code."""
    stale = []
    for name, page in PAGES.items():
        path, text = DOCS / name, page()
        if not path.exists() or path.read_text(encoding="utf-8") != text:
            stale.append(name)
            if "--check" not in args:
                path.parent.mkdir(exist_ok=True)
                path.write_text(text, encoding="utf-8")
    if stale and "--check" in args:
        sys.stderr.write(f"stale: {', '.join(f'docs/{name}' for name in stale)}; `make docs` writes them anew\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
