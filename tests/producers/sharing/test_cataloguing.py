from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from deskwatch import codec
from deskwatch.feedrecords import Feed
from deskwatch.settings import Settings
from deskwatch.topics import shard_of
from producers.sharing.cataloguing import compare, to_records

SETTINGS = Settings(kafka_prefix="p.")


def feed(id_: str, source: str = "S") -> Feed:
    return Feed(id=id_, url=f"https://{id_}.example/", source=source)


def test_only_what_differs_is_sent() -> None:
    held = {id_: feed(id_) for id_ in ("gone", "kept", "renamed")}
    changes = compare([feed("renamed", "T"), feed("new"), feed("kept")], held)
    assert (changes.added, changes.changed, changes.removed) == ((feed("new"),), (feed("renamed", "T"),), ("gone",))
    assert len(changes) == 3
    records = list(to_records(changes, SETTINGS))
    assert [(record.key, record.value is None) for record in records] == [
        (b"new", False),
        (b"renamed", False),
        (b"gone", True),
    ]
    assert {record.topic for record in records} == {"p.feeds"}
    assert all(record.key is not None and record.partition == shard_of(record.key.decode()) for record in records)


feeds = st.dictionaries(st.sampled_from("abcdef"), st.sampled_from("ST")).map(
    lambda found: {id_: feed(id_, source) for id_, source in found.items()}
)


@given(feeds, feeds)
def test_what_is_sent_makes_the_topic_hold_the_configured_feeds(
    configured: dict[str, Feed], held: dict[str, Feed]
) -> None:
    after = dict(held)
    for record in to_records(compare(configured.values(), held), SETTINGS):
        assert record.key is not None
        if record.value is None:
            del after[record.key.decode()]
        else:
            found = codec.decode(record.value, record.headers)
            assert isinstance(found, Feed)
            after[record.key.decode()] = found
    assert after == configured
    assert len(compare(configured.values(), after)) == 0
