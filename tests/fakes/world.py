"""A small world of news in log time, and the producer that tells the desk of it."""

from __future__ import annotations

import random
from datetime import UTC, datetime, timedelta
from typing import Final

import msgspec

from deskwatch import clients, codec, topics
from deskwatch.records import Article, DateQuality, FeedHealth, Record, Tick
from deskwatch.settings import Settings

ROUND: Final = timedelta(hours=1)  # of log time, then every shard ticks
ARTICLES_A_ROUND: Final = 100
REVISIONS_A_ROUND: Final = 5
START: Final = datetime(2026, 3, 1, tzinfo=UTC)
THEMES: Final = ("harbours", "railways", "volcanoes")
WORDS: Final = ("amber", "basin", "cedar", "delta", "ember", "fjord", "grove", "heath", "inlet", "jetty", "mesa")


class World:
    """Articles with a rhythm, bursts, copies, late dates, corrections, and feeds that fail: each fact once."""

    def __init__(self, seed: int) -> None:
        self.random = random.Random(seed)
        self.rounds = 0
        self.count = 0
        self.articles: list[Article] = []
        self.correctable: list[Article] = []  # those of a theme, lately, that nobody has corrected
        self.healths: list[FeedHealth] = []

    @property
    def now(self) -> datetime:
        return START + self.rounds * ROUND

    def next_round(self) -> tuple[list[Article], tuple[FeedHealth, ...]]:
        """Return what is first seen before the next tick, and what that tick says of the feeds."""
        began = self.now
        self.rounds += 1
        count = ARTICLES_A_ROUND // 2 + self.random.randrange(ARTICLES_A_ROUND)
        burst = self.random.choice(THEMES) if self.rounds > 36 and self.random.random() < 0.15 else None
        seen = sorted(began + ROUND * self.random.random() for _ in range(count))
        found = [self._article(at, burst if self.random.random() < 0.8 else None) for at in seen]
        self.correctable = (self.correctable + [article for article in found if themes_of(article)])[-60:]
        found += [self._correction() for _ in range(min(REVISIONS_A_ROUND, len(self.correctable)))]
        found.sort(key=lambda article: article.first_seen_at)
        self.articles += found
        health = self._health() if self.rounds % 5 == 0 else ()
        self.healths += health
        return found, health

    def _article(self, at: datetime, burst: str | None) -> Article:
        self.count += 1
        number = self.count
        theme = burst or self.random.choice([*THEMES, *[None] * 12])
        say = "Weather report" if theme is None else f"Strike in the {theme}"
        title = " ".join([say, *self.random.choices(WORDS, k=3 if self.random.random() < 0.3 else 9)])
        late = self.random.random() < 0.1
        return Article(
            article_id=f"{number:032x}",
            feed_id=f"feed-{number % 20}",
            source=f"Outlet {self.random.randrange(200)}",
            url=f"https://example.org/{number}",
            title=title,
            text=" ".join(random.Random(number).choices(WORDS, k=300)),
            first_seen_at=at,
            fetched_at=at,
            published_at=at - timedelta(minutes=self.random.randrange(400 if late else 10)),
            published_quality=DateQuality.EXPLICIT_TZ,
        )

    def _correction(self) -> Article:
        """Return a revision that has lost its theme, has another one, has one more, or has other words."""
        article = self.correctable.pop(self.random.randrange(len(self.correctable)))
        (theme,) = themes_of(article)
        other = self.random.choice([name for name in THEMES if name != theme])
        title = article.title.replace(theme, self.random.choice(["weather", other, f"{theme} and {other}", theme]))
        earliest = max(article.first_seen_at, self.now - ROUND)
        return msgspec.structs.replace(
            article,
            revision=1,
            title=title,
            text=" ".join(self.random.choices(WORDS, k=300)) if self.random.random() < 0.5 else article.text,
            first_seen_at=earliest + (self.now - earliest) * self.random.random(),
        )

    def _health(self) -> tuple[FeedHealth, ...]:
        since = self.now - ROUND * self.random.random()
        return (FeedHealth(feed_id=f"feed-{self.random.randrange(4)}", ok=self.random.random() < 0.5, since=since),)


class Feed:
    """What the producers do: articles, and ticks once they are acknowledged."""

    def __init__(self, settings: Settings, world: World) -> None:
        self.topic = settings.topic(topics.ARTICLES.name)
        self.world = world
        self.producer = clients.create_producer(settings)

    def __enter__(self) -> Feed:
        return self

    def __exit__(self, *_: object) -> None:
        self.producer.close()

    def send(self, rounds: int) -> None:
        for _ in range(rounds):
            articles, health = self.world.next_round()
            for article in articles:
                self._send(article)
                if self.world.random.random() < 0.02:
                    self._send(article)  # a producer that repeats itself
            self._send(b"no record")
            self.producer.flush()
            for partition in range(topics.ARTICLE_PARTITIONS):
                for shard in range(topics.SHARDS):
                    tick = Tick(shard=shard, at=self.world.now, health=health if shard == 0 else ())
                    self._send(tick, partition)
            self.producer.flush()

    def _send(self, what: Record | bytes, partition: int | None = None) -> None:
        value, headers = (what, []) if isinstance(what, bytes) else (codec.encode(what), codec.headers_of(what))
        key = what.article_id.encode() if isinstance(what, Article) else None
        self.producer.send(self.topic, value, key=key, headers=headers, partition=partition)


def themes_of(article: Article) -> tuple[str, ...]:
    return tuple(theme for theme in THEMES if theme in article.title)


def belongs(article: Article) -> bool:
    """Return whether the desk log must have an article: it has a theme, or may have lost one."""
    return bool(themes_of(article) or article.revision)
