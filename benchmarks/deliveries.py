"""Exactly once under kills: 10,000 alerts to three targets, more than a thousand SIGKILLs, every kind of fault.

The alerts are spread over shards, each with its own services, ledger, fake Slack and fake mail server, several at a
time. Each shard kills its service at random points, between two durable writes one after the other, and lets another
service take over from one that is dead, or stopped to wake up later; some lose their ledger and rebuild it from the
topic. Prints what was sent, killed, lost and sent twice.

    python benchmarks/deliveries.py [--alerts 10000] [--shards 40] [--together 4]
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
import traceback
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path
from typing import NamedTuple

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))
sys.path.insert(0, str(Path(__file__).parents[1]))  # before tests/, whose alerting/ is no package

from fakes.killing import SLACK_FAULTS, SMTP_FAULTS, Plan, Shard
from fakes.slack import FakeSlack
from fakes.smtp import FakeSmtp

SUBSCRIPTIONS = """\
subscribers:
  - name: china-desk
    timezone: Asia/Shanghai
    targets:
      - {name: mail, email: china-desk@example.org}
      - {name: slack, slack: "#china-desk"}
  - name: trade-desk
    targets:
      - {name: mail, email: trade-desk@example.org}
subscriptions:
  - {name: strait, subscriber: china-desk, themes: [taiwan], min_severity: medium}
  - {name: trade, subscriber: trade-desk, themes: [taiwan], min_severity: medium}
"""


class Result(NamedTuple):
    """What one shard came to."""

    messages: int
    edits: int
    attempts: int
    killed: int
    amid_work: int
    problem: str


def run_shard(plan: Plan) -> Result:
    """Run one shard in a directory of its own."""
    with tempfile.TemporaryDirectory() as name:
        directory = Path(name)
        (directory / "subscriptions").mkdir()
        (directory / "subscriptions" / "desks.yaml").write_text(SUBSCRIPTIONS)
        log = directory / "mainlog"
        with (
            FakeSlack(SLACK_FAULTS, seed=plan.seed) as fake_slack,
            FakeSmtp(SMTP_FAULTS, seed=plan.seed, log=log) as fake_smtp,
        ):
            shard = Shard(directory, fake_slack, fake_smtp, plan)
            problem = ""
            try:
                shard.run()
                shard.check()
            except AssertionError as error:
                problem = f"{error} at {traceback.extract_tb(error.__traceback__)[-1]}"[:400]
            return Result(
                messages=len(fake_slack.messages) + len(fake_smtp.accepted),
                edits=len(fake_slack.edits),
                attempts=fake_slack.posts + fake_smtp.transactions,
                killed=shard.killed,
                amid_work=shard.amid_work,
                problem=problem,
            )


def main() -> None:
    """Run all shards and print the sums."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--alerts", type=int, default=10_000)
    parser.add_argument("--shards", type=int, default=40)
    parser.add_argument("--seed", type=int, default=100, help="of the first shard")
    parser.add_argument("--together", type=int, default=4)
    options = parser.parse_args()
    each = options.alerts // options.shards
    plans = [
        Plan(alerts=each, kills=20, points=5, failovers=3, losses=1, seed=options.seed + number)
        for number in range(options.shards)
    ]
    began = time.monotonic()
    with ProcessPoolExecutor(options.together, mp_context=get_context("spawn")) as pool:
        results = []
        for number, result in enumerate(pool.map(run_shard, plans)):
            results.append(result)
            print(f"shard {number}: {result}", file=sys.stderr, flush=True)
    faults = sum(SLACK_FAULTS.kinds().values()), sum(SMTP_FAULTS.kinds().values())
    print(f"{each * options.shards:,} alerts x 3 targets, in {time.monotonic() - began:.0f} s")
    print(f"faults: {faults[0]:.0%} of calls to Slack, {faults[1]:.0%} of mails")
    print(f"messages that arrived: {sum(one.messages for one in results):,}, edits {sum(r.edits for r in results):,}")
    print(f"attempts: {sum(one.attempts for one in results):,}")
    killed, amid = sum(one.killed for one in results), sum(one.amid_work for one in results)
    print(f"kills: {killed:,}, of them {amid:,} amid work; fail-overs {3 * len(plans)}, ledgers lost {len(plans)}")
    bad = [one.problem for one in results if one.problem]
    print(f"shards with something lost or twice: {len(bad)}", *bad, sep="\n")
    sys.exit(bool(bad))


if __name__ == "__main__":
    main()
