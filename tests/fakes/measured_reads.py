"""The real reader, which tells in `parser` what it took: for tests and benchmarks of the parsing processes."""

from __future__ import annotations

import resource
import time

from msgspec.structs import replace

from deskwatch.errors import ParseError
from producers.reading import reading, worker
from producers.reading.jobs import Job, Reading

worker.warm_up(reading.read)


def read(job: Job) -> Reading:
    """Return the reading with CPU seconds and peak MB as its parser; for a refusal, one without items."""
    began = time.process_time()
    try:
        found = reading.read(job)
    except ParseError as error:
        found = Reading(items=(), total=-1, difference=str(error))
    took_s, peak_mb = time.process_time() - began, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
    return replace(found, parser=f"{took_s:.3f} {peak_mb}")
