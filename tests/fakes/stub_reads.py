"""A reader for tests of the parsing processes: it does what the document says."""

from __future__ import annotations

import os
import re
import time
from pathlib import Path

from deskwatch.errors import ParseError
from producers.reading.jobs import Job, Reading


def obey(job: Job) -> Reading:
    """Do what the first words of the document say; `total` is the answer, if there is one."""
    command, _, argument = job.body[:200].decode(errors="replace").strip().partition(" ")
    match command:
        case "size":
            return Reading(items=(), total=len(job.body), standing=job.known, parser=job.now.isoformat())
        case "parent":
            return Reading(items=(), total=os.getppid())
        case "burn":
            _burn(is_in_c=bool(argument))
        case "wait":
            time.sleep(60)
        case "work":
            until = time.process_time() + float(argument)
            while time.process_time() < until:
                pass
        case "eat":
            kept = []
            while True:
                kept.append(bytearray(b"x") * 1_000_000)
        case "grow":
            len(bytearray(b"x") * int(argument))
        case "flood":
            return Reading(items=(), total=0, parser="x" * 70_000_000)
        case "exit":
            os._exit(3)
        case "abort":
            os.abort()
        case "refuse":
            raise ParseError(job.feed_id, "this is no feed")
        case "recurse":
            obey_forever()
        case "break":
            return Reading(items=(), total=1 // 0)
        case "write":
            Path(argument).write_bytes(b"x")
    return Reading(items=(), total=os.getpid())


def obey_forever() -> None:
    """Recurse."""
    obey_forever()


def _burn(*, is_in_c: bool) -> None:
    while not is_in_c:
        pass
    re.match(r"(a+)+$", "a" * 40 + "b")
