"""Settings from the environment and one file: defaults < file < environment.

The file (`--settings FILE` or DESKWATCH_SETTINGS) has the shared keys at its top and one section per package; a shared
key `kafka_bootstrap` is DESKWATCH_KAFKA_BOOTSTRAP in the environment, a package's key is DESKWATCH_<SECTION>_<KEY>.
A package names its own struct; unknown keys and variables of a section are refused with the nearest right one.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final, TypeVar

import msgspec

from deskwatch import configfile
from deskwatch.configfile import Document, Problem
from deskwatch.errors import ConfigError

S = TypeVar("S", bound=msgspec.Struct)

SECTIONS: Final = ("producers", "streams", "alerting")


class Settings(msgspec.Struct, frozen=True, kw_only=True):
    """What every process needs to know."""

    kafka_bootstrap: str = "127.0.0.1:9092"  # addresses of brokers, comma-separated
    kafka_prefix: str = ""  # before every topic and group name
    kafka_embedded: bool = False  # the broker is `deskwatch broker`
    kafka_replication: int = 1  # of the topics that we create
    config_dir: str = "config"  # feeds.yaml, themes/, subscriptions/
    state_dir: str = "var"  # what a service must find again after a restart; logs of `deskwatch up`
    metrics_host: str = "127.0.0.1"  # where /metrics, /livez and /readyz are served
    metrics_port: int = 0  # 0: any free port; it is logged at start
    log_level: str = "info"
    log_json: bool = False  # one JSON object a line, for collectors

    def topic(self, name: str) -> str:
        """Return the full name of a topic or consumer group."""
        return f"{self.kafka_prefix}{name}"


def load(environ: Mapping[str, str], file: Path | None = None) -> Settings:
    """Return the shared settings.

    Raises:
        ConfigError: with every problem of the file's shared part and of the environment.
    """
    document, problems = _read(environ, file)
    top = {key: value for key, value in _table(document).items() if key not in SECTIONS}
    shared = Document(document.file, top, document._positions)
    return _build(Settings, shared, (), environ, "DESKWATCH_", problems)


def load_section(kind: type[S], section: str, environ: Mapping[str, str], file: Path | None = None) -> S:
    """Return one package's settings from the file's `section` and DESKWATCH_<SECTION>_* variables.

    Raises:
        ConfigError: with every problem of that section.
    """
    document, problems = _read(environ, file)
    part = _table(document).get(section) or {}
    nested = Document(document.file, {section: part}, document._positions)
    return _build(kind, nested, (section,), environ, f"DESKWATCH_{section.upper()}_", problems)


def _read(environ: Mapping[str, str], file: Path | None) -> tuple[Document, list[Problem]]:
    if file is None and environ.get("DESKWATCH_SETTINGS"):
        file = Path(environ["DESKWATCH_SETTINGS"])
    if file is None:
        return Document("(environment)", {}, {}), []
    document, problems = configfile.load(file)
    if document.data is not None and not isinstance(document.data, dict):
        problems.append(document.problem((), "expected a mapping of settings"))
    return document, problems


def _table(document: Document) -> dict[str, Any]:
    return document.data if isinstance(document.data, dict) else {}


def _build(
    kind: type[S],
    document: Document,
    at: configfile.Key,
    environ: Mapping[str, str],
    prefix: str,
    problems: list[Problem],
) -> S:
    value, found = configfile.convert(document, kind, at=at)
    problems = problems + found
    overrides, wrong = _from_environment(kind, environ, prefix, bool(at))
    problems += wrong
    if problems or value is None:
        raise ConfigError(problems)
    try:
        return msgspec.structs.replace(value, **overrides)
    except ValueError as refused:  # by the struct's own __post_init__, so no one variable is to blame
        names = ", ".join(f"${prefix}{name.upper()}" for name in overrides)
        raise ConfigError([Problem(names, 1, 1, str(refused))]) from refused


def _from_environment(
    kind: type[S], environ: Mapping[str, str], prefix: str, strict: bool
) -> tuple[dict[str, Any], list[Problem]]:
    fields = {f"{prefix}{field.name.upper()}": field for field in msgspec.structs.fields(kind)}
    overrides: dict[str, Any] = {}
    problems: list[Problem] = []
    for name, raw in environ.items():
        if name in fields:
            try:
                overrides[fields[name].name] = msgspec.convert(raw, fields[name].type, strict=False)
            except msgspec.ValidationError as error:
                problems.append(Problem(f"${name}", 1, 1, f"'{raw}': {error}"))
        elif strict and name.startswith(prefix):
            problems.append(Problem(f"${name}", 1, 1, "no such setting", configfile.nearest(name, fields)))
    return overrides, problems
