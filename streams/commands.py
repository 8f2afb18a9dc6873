"""The `stream` command."""

from __future__ import annotations

import os
from importlib.metadata import version
from pathlib import Path

import click
import structlog

from deskwatch.cli import load_settings
from deskwatch.settings import load_section
from deskwatch.telemetry import Health, TelemetryServer, build_registry, configure_logging

log = structlog.get_logger()


@click.command()
@click.pass_context
def stream(ctx: click.Context) -> None:
    """Classify articles and detect spikes: one worker of as many as you like.

    Workers share the partitions of `articles`; one of them at a time detects, the others stand by. Ends with 0 on
    SIGTERM or Ctrl-C, with 1 when it failed and wants to be started again.
    """
    # Here, not above: Faust and the classifiers take a second to import, and `--help` needs neither.
    from classifiers import themes
    from classifiers.keywords import KeywordClassifier
    from deskwatch.clients import create_topics
    from streams.app import create_app
    from streams.desk import DeskWriter
    from streams.detector import Detector, Identity
    from streams.metrics import DetectorMetrics, Metrics
    from streams.settings import StreamSettings
    from streams.worker import run_worker

    settings = load_settings(ctx)
    stream_settings = load_section(StreamSettings, "streams", os.environ, ctx.find_root().obj)
    configure_logging(settings.log_level, as_json=settings.log_json)
    found = themes.load(Path(settings.config_dir))
    classifier = KeywordClassifier(found)
    identity = Identity(f"{classifier.name}/{stream_settings.rules().fingerprint()}", tuple(sorted(found)))
    Path(settings.state_dir).mkdir(parents=True, exist_ok=True)
    create_topics(settings)
    registry = build_registry("stream", version("deskwatch"))
    metrics, health = Metrics(registry), Health()
    writer = DeskWriter(settings, classifier, metrics)
    detector = Detector(settings, stream_settings, identity, writer, metrics, DetectorMetrics(registry), health)
    app = create_app(settings, stream_settings, writer, metrics, health, services=[detector])
    with TelemetryServer(registry, health, host=settings.metrics_host, port=settings.metrics_port) as server:
        log.info("telemetry.serving", service="stream", port=server.port)
        run_worker(app)
