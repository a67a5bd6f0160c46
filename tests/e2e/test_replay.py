#!/usr/bin/python3
"""`castle replay` feeds a recorded stretch of a real market through a running server.

Goal: the whole recording goes through without an unexplained error, and what the exchange produced is compared with
what was recorded. Method: count the recording here, run the replay against a fresh server at full speed, read its
JSON report; then the audit balances and the book is what the report says. Exit 77 where the recording is not there.
"""
import collections
import json
import lzma
import sys

from castle_client import ROOT, Binance, Checks, Http1, Server, atoms, castle, check, conserved, eq

RECORDING = ROOT.parent / "shared/data/bitstamp-btcusd-2015-05-01.log.xz"
SECONDS = 1800  # a deadline, not a measure

# The names in the report, in one place.
KEY = {
    "created": "created",                        # order_created lines: limit orders sent
    "cancels": "cancels",                        # cancels sent
    "unknown": "deletedUnknown",                 # deletions of orders from before the recording
    "zero_but_open": "cancelsZeroAmount",        # amount 0 and still open here: cancelled, counted
    "differ": "openOrdersDiffer",                # the tool's picture and the server's open orders
    "unexpected": "answersUnexpected",           # answers that a price-time matcher would not give
    "errors": "httpErrors",                      # answers nobody has an explanation for
    "trades_recorded": "tradesRecorded",
    "trades_produced": "tradesProduced",
    "trades_equal": "tradesMatched",
    "snapshots_compared": "snapshots",
    "levels_compared": "levelsCompared",
    "levels_equal": "levelsEqual",
    "seconds": "seconds",
    "rate": "requestsPerSecond",
}


def count(path):
    kinds = collections.Counter()
    with lzma.open(path, "rt") as lines:
        for line in lines:
            kinds[line.split(" ", 2)[1]] += 1
    return kinds


def main():
    if not RECORDING.exists():
        print(f"SKIP replay: no recording at ../shared/data/{RECORDING.name}")
        return 77
    kinds, checks, report = count(RECORDING), Checks(), {}
    print(f"the recording: {dict(kinds)}", flush=True)
    with Server("--done-orders", "100000") as server:
        def runs():
            result = castle("replay", RECORDING, "--url", f"http://{server.ready['listen']}",
                            "--admin", f"http://{server.ready['admin']}",
                            "--admin-token-file", server.data / "admin.token", "--speed", "max", "--json",
                            timeout=SECONDS)
            eq(result.returncode, 0, f"exit code ({result.stdout.strip()[-500:]!r})")
            begin = result.stdout.index("{")  # notes may stand before and after the report
            report.update(json.JSONDecoder().raw_decode(result.stdout, begin)[0])
            print(json.dumps(report), flush=True)
            missing = [name for name in KEY.values() if name not in report]
            check(not missing, f"the report lacks {missing}")

        def told(name):
            return report[KEY[name]]

        def everything_was_sent():
            eq(told("created"), kinds["order_created"], "orders created")
            check(0 < told("cancels") <= kinds["order_deleted"], f"cancels: {told('cancels')}")
            check(told("cancels") + told("unknown") <= kinds["order_deleted"], "cancels and unknown ones are deletions")
            eq((told("differ"), told("unexpected")), (0, 0), "what a price-time matcher would not do")
            eq(told("errors"), 0, "answers without an explanation")

        def trades_were_compared():
            eq(told("trades_recorded"), kinds["trade"], "recorded trades")
            check(told("trades_produced") > 0, "the market traded")
            eq((told("trades_produced"), told("trades_equal")), (517, 508), "trades (docs/REPLAY.md)")

        def snapshots_were_compared():
            check(0 < told("snapshots_compared") <= kinds["order_book"], f"compared: {told('snapshots_compared')}")
            eq((told("levels_compared"), told("levels_equal")), (179262, 179034), "levels (docs/REPLAY.md)")

        def the_exchange_is_well():
            audit = conserved(server.admin().audit())
            depth = Binance(Http1(server.public)).depth("BTCUSD", limit=5000)
            check(audit["openOrders"] > 0 and depth["bids"] and depth["asks"], "a book is left")
            check(atoms(depth["bids"][0][0]) < atoms(depth["asks"][0][0]), "the book is not crossed")
            eq({atoms(row["fees"]) for row in audit["assets"]}, {0}, "fees, of which none were asked")
            server.kill9()
            server.restart()
            again = server.admin().audit()
            eq({**again, "lsn": 0}, {**audit, "lsn": 0}, "the audit after a kill")
            eq(Binance(Http1(server.public)).depth("BTCUSD", limit=5000), depth, "the book after a kill")
            print(f"restart with the whole recording in the journal: {server.start_seconds:.3f} s", flush=True)

        if checks.one("the recording is fed through", runs):
            for function in (everything_was_sent, trades_were_compared, snapshots_were_compared, the_exchange_is_well):
                checks.one(function.__name__.replace("_", " "), function)
    return checks.finish()


if __name__ == "__main__":
    sys.exit(main())
