"""From a spike's record on Kafka to the provider's acceptance, and how a queue drains after an outage.

    python benchmarks/alerts.py [--rate 10] [--seconds 60] [--queued 500] [--outage 60]

One `deskwatch alert` on one real broker, a fake Slack and a fake mail server on loopback; each episode is of one of
twenty themes, each of which has a desk with a Slack channel and a mailbox. First, spikes arrive at an even rate: the
time from the broker's timestamp to the acceptance. Then Slack is away while spikes for one channel queue up; when it is
back it asks to be left alone for two seconds, again and again.
"""

from __future__ import annotations

import argparse
import random
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent / "parts"))
sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))
sys.path.insert(0, str(Path(__file__).parents[1]))  # before tests/, whose alerting/ is no package
from broker import Broker
from fakes.alert_process import environment, publish, start, stop
from fakes.slack import FakeSlack, Faults
from fakes.smtp import FakeSmtp
from fakes.spikes import make_spike

from deskwatch import clients, codec, topics
from deskwatch.settings import Settings

DESKS = 20


def main() -> None:
    """Run both parts and print one line per figure."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rate", type=float, default=10.0)
    parser.add_argument("--seconds", type=float, default=60.0)
    parser.add_argument("--queued", type=int, default=500)
    parser.add_argument("--outage", type=float, default=60.0)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        directory = Path(name)
        broker = Broker(directory / "kafka")
        broker.start()
        settings = Settings(
            kafka_bootstrap=broker.bootstrap,
            config_dir=str(directory / "config"),
            state_dir=str(directory / "state"),
        )
        clients.create_topics(settings)
        write_config(directory / "config")
        channels = {f"#desk-{n}": f"C0DESK{n:04d}" for n in range(DESKS)}
        log = directory / "mainlog"
        with FakeSlack(channels=channels, page=100) as fake_slack, FakeSmtp(log=log) as fake_smtp:
            environ = environment(settings, fake_slack, fake_smtp, slack_gap_s=1.0, retry_max_s=5.0, settle_s=2.0)
            process = start(environ, directory / "log")
            try:
                measure_latency(settings, fake_slack, fake_smtp, options.rate, options.seconds)
                measure_drain(settings, fake_slack, options.queued, options.outage)
            finally:
                stop(process)
        broker.stop()


def write_config(directory: Path) -> None:
    """Write twenty desks, each with a theme, a channel and a mailbox of its own."""
    (directory / "subscriptions").mkdir(parents=True)
    subscribers = [
        f'  - {{name: desk-{n}, targets: [{{name: slack, slack: "#desk-{n}"}}, {{name: mail, email: d{n}@x.example}}]}}'
        for n in range(DESKS)
    ]
    subscriptions = [f"  - {{name: s-{n}, subscriber: desk-{n}, themes: [theme-{n}]}}" for n in range(DESKS)]
    lines = ["subscribers:", *subscribers, "subscriptions:", *subscriptions]
    (directory / "subscriptions" / "desks.yaml").write_text("\n".join(lines) + "\n")


def measure_latency(
    settings: Settings, fake_slack: FakeSlack, fake_smtp: FakeSmtp, rate: float, seconds: float
) -> None:
    """Publish at an even rate and print the quantiles of the delay of every message."""
    publish(settings, topics.SPIKES.name, [make_spike(spike_id="warm-0", theme="theme-0", headlines=())])
    wait_for(lambda: len(fake_slack.messages) == len(fake_smtp.accepted) == 1, 60)
    sent_at: dict[str, float] = {}
    count, began = int(rate * seconds), time.time()
    producer = clients.create_producer(settings)
    for number in range(count):
        spike = make_spike(spike_id=f"spike-{number}", theme=f"theme-{number % DESKS}", headlines=())
        time.sleep(max(0.0, began + number / rate - time.time()))
        sent_at[spike.spike_id] = time.time()
        topic = settings.topic(topics.SPIKES.name)
        producer.send(topic, value=codec.encode(spike), headers=codec.headers_of(spike))
        producer.flush()
    wait_for(lambda: len(fake_slack.messages) == len(fake_smtp.accepted) == count + 1, 120)
    producer.close()
    slack = [float(one["at"]) - sent_at[key.split("|")[0]] for key, one in pairs(fake_slack) if "warm" not in key]
    mails = [
        at - sent_at[str(mail["X-Deskwatch-Episode"])]
        for at, mail in zip(fake_smtp.accepted_at, fake_smtp.mails(), strict=True)
        if not str(mail["X-Deskwatch-Episode"]).startswith("warm")
    ]
    for name, delays in (("Slack", slack), ("mail", mails)):
        found = sorted(delays)
        shares = ", ".join(f"p{s * 100:g} {found[int(s * (len(found) - 1))]:.2f} s" for s in (0.5, 0.9, 0.99, 1.0))
        print(f"{name}: {len(found):,} messages at {rate:g} alerts/s: {shares}")


def measure_drain(settings: Settings, fake_slack: FakeSlack, queued: int, outage_s: float) -> None:
    """Queue spikes for one channel while Slack is away, and watch it drain."""
    before = len(fake_slack.messages)
    fake_slack.faults = Faults(error_before=1.0)
    spikes = [make_spike(spike_id=f"queued-{n:04d}", theme="theme-3", headlines=()) for n in range(queued)]
    publish(settings, topics.SPIKES.name, spikes)
    time.sleep(outage_s)
    fake_slack.faults = Faults(rate_limited=0.05, retry_after_s=2)
    back = time.monotonic()
    wait_for(lambda: len(fake_slack.messages) >= before + queued, 3 * queued + 60)
    keys = [key for key, _ in pairs(fake_slack) if key.startswith("queued")]
    print(
        f"outage of {outage_s:g} s with {queued} queued: drained in {time.monotonic() - back:.0f} s,"
        f" {'in' if keys == sorted(keys) else 'OUT OF'} order, {len(keys) - len(set(keys))} twice,"
        f" {len(fake_slack.early)} requests before Retry-After"
    )


def pairs(fake_slack: FakeSlack) -> Sequence[tuple[str, dict[str, object]]]:
    """Return each message with its key."""
    return list(zip(fake_slack.keys(), fake_slack.messages, strict=True))


def wait_for(condition: Callable[[], bool], within_s: float) -> None:
    """Return when the condition holds."""
    deadline = time.monotonic() + within_s
    while not condition():
        if time.monotonic() > deadline:
            sys.exit("it did not come true in time")
        time.sleep(0.05 * random.random())


if __name__ == "__main__":
    main()
