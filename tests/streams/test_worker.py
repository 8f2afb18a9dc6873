from __future__ import annotations

import logging

from structlog.testing import capture_logs

from streams.worker import REPEAT_S, LibraryLogs


def record(text: str, *args: object) -> logging.LogRecord:
    return logging.LogRecord("aiokafka", logging.ERROR, __file__, 1, text, args, None)


def test_what_a_library_repeats_is_counted_and_said_again_later() -> None:
    now = [0.0]
    handler = LibraryLogs(monotonic=lambda: now[0])
    with capture_logs() as events:
        for attempt in range(50):
            handler.emit(record("no connection to node %s", attempt))
        handler.emit(record("another matter"))
        now[0] = REPEAT_S
        handler.emit(record("no connection to node %s", 51))
    assert [event["text"] for event in events] == [
        "no connection to node 0",
        "another matter",
        "no connection to node 51",
    ]
    assert events[2]["repeated"] == 49
    assert {event["logger"] for event in events} == {"aiokafka"}
