"""How many articles a second one stream worker classifies and counts, beside a bare read of the same topic.

    python benchmarks/stream.py [--articles 40000] [--bytes 3000] [--config config]

Starts a Kafka of its own (needs a JDK 17+ and Maven). All articles are there before the worker starts, with a tick of
every shard each log hour; the worker is `deskwatch stream` with the themes of `--config`.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import random
import re
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

from aiokafka import AIOKafkaConsumer, TopicPartition

from classifiers import themes
from classifiers.definition import example_of
from deskwatch import clients, codec, topics
from deskwatch.records import Article, Tick
from deskwatch.settings import Settings

ROOT = Path(__file__).parent.parent
START = datetime(2026, 3, 1, tzinfo=UTC)
STEP = timedelta(seconds=30)
PER_TICK = 120
FILLER = (
    "the council said on Monday that new rules for markets would be discussed again next week after a long debate "
    "about prices, housing and the railway; residents, teachers and firms asked for more time while the mayor, who "
    "was elected last year, told reporters it would not change and talks go on."
)


def main() -> None:
    """Run the benchmark and print one line per figure."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--articles", type=int, default=40_000)
    parser.add_argument("--bytes", type=int, default=3_000, help="about this long is an article's record")
    parser.add_argument("--config", type=Path, default=ROOT / "config")
    options = parser.parse_args()
    with kafka() as bootstrap:
        settings = Settings(kafka_bootstrap=bootstrap, config_dir=str(options.config.absolute()))
        clients.create_topics(settings)
        records, until = feed(settings, options.articles, options.bytes)
        print(f"{options.articles} articles of about {options.bytes} bytes, {records - options.articles} ticks")
        bare = max(asyncio.run(read(settings, records)) for _ in range(2))
        print(f"{bare:>10,.0f} records/s   bare aiokafka getmany")
        classified, counted = work(settings, records, until)
        print(f"{records / classified:>10,.0f} records/s   classified  ({records / classified / bare:.1%} of bare)")
        print(f"{options.articles / classified:>10,.0f} articles/s  classified")
        print(f"{options.articles / counted:>10,.0f} articles/s  classified and counted, all decisions committed")


@contextmanager
def kafka() -> Iterator[str]:
    """Run one real broker."""
    command = [sys.executable, str(ROOT / "deploy" / "kafka" / "run.py"), "--until-eof"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        line = process.stdout.readline()
        if not line:
            sys.exit("no Kafka: a JDK 17+ and Maven are needed")
        yield json.loads(line)["bootstrap"]
        process.stdin.close()


def feed(settings: Settings, count: int, size: int) -> tuple[int, datetime]:
    """Send everything; return the number of records and the time of the last tick."""
    chance = random.Random(1)
    found = themes.load(Path(settings.config_dir))
    examples = [example_of(one) for theme in found.values() for one in theme.must_match]
    producer = clients.create_producer(settings, linger_ms=20)
    words = FILLER.split()
    records = 0
    at = START
    for number in range(count):
        at += STEP
        example = chance.choice(examples) if chance.random() < 0.25 else None
        title = example.title if example and example.title else " ".join(chance.choices(words, k=9))
        article = Article(
            article_id=f"{number:032x}",
            feed_id=f"feed-{number % 500}",
            source=f"Outlet {number % 200}",
            url=f"https://example.org/{number}",
            title=f"{title} {chance.randrange(1000)}",
            text=" ".join(chance.choices(words, k=size // 5))[: size - 400],
            first_seen_at=at,
            fetched_at=at,
        )
        key = article.article_id.encode()
        producer.send(topics.ARTICLES.name, codec.encode(article), key=key, headers=codec.headers_of(article))
        records += 1
        if number % PER_TICK == PER_TICK - 1 or number == count - 1:
            producer.flush()
            for partition in range(topics.ARTICLE_PARTITIONS):
                for shard in range(topics.SHARDS):
                    tick = Tick(shard=shard, at=at)
                    value, headers = codec.encode(tick), codec.headers_of(tick)
                    producer.send(topics.ARTICLES.name, value, headers=headers, partition=partition)
                    records += 1
    producer.flush()
    producer.close()
    return records, at


async def read(settings: Settings, records: int) -> float:
    """Return the records a second of a plain consumer."""
    client = AIOKafkaConsumer(bootstrap_servers=settings.kafka_bootstrap, enable_auto_commit=False)
    await client.start()
    client.assign([TopicPartition(topics.ARTICLES.name, number) for number in range(topics.ARTICLE_PARTITIONS)])
    await client.seek_to_beginning()
    seen, began = 0, time.perf_counter()
    while seen < records:
        seen += sum(map(len, (await client.getmany(timeout_ms=500, max_records=500)).values()))
    took = time.perf_counter() - began
    await client.stop()
    return records / took


def work(settings: Settings, records: int, until: datetime) -> tuple[float, float]:
    """Return the seconds until one worker has classified everything, and until it has counted everything.

    They begin when it has its first record classified: starting and joining the group is not measured.
    """
    with tempfile.TemporaryDirectory() as directory:
        environment = os.environ | {
            "DESKWATCH_KAFKA_BOOTSTRAP": settings.kafka_bootstrap,
            "DESKWATCH_CONFIG_DIR": settings.config_dir,
            "DESKWATCH_STATE_DIR": directory,
            "DESKWATCH_LOG_JSON": "true",
        }
        log = Path(directory) / "log"
        with log.open("w") as stderr:
            worker = subprocess.Popen(
                [sys.executable, "-m", "deskwatch.cli", "stream"], env=environment, stderr=stderr, cwd=ROOT
            )
        began = classified = 0.0
        before = 0.0
        try:
            while True:
                if worker.poll() is not None:
                    sys.exit(f"the worker ended: {log.read_text()}")
                time.sleep(0.05)
                now, values = time.perf_counter(), scrape(log)
                done = sum(v for name, v in values.items() if name.startswith("deskwatch_covered_records_total"))
                if done and not began:
                    began, before = now, done
                if done >= records and not classified:
                    classified = now
                if classified and values.get("deskwatch_detect_watermark_timestamp_seconds", 0) >= until.timestamp():
                    share = (records - before) / records  # of what was timed
                    return (classified - began) / share, (now - began) / share
        finally:
            worker.kill()
            worker.wait()


def scrape(log: Path) -> dict[str, float]:
    """Return the worker's metrics; nothing while it does not serve them."""
    port = re.search(r'"port": (\d+)', log.read_text())
    if port is None:
        return {}
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port[1]}/metrics", timeout=5) as answer:
            lines = answer.read().decode().splitlines()
    except OSError:
        return {}
    return {line.rsplit(" ", 1)[0]: float(line.rsplit(" ", 1)[1]) for line in lines if not line.startswith("#")}


if __name__ == "__main__":
    main()
