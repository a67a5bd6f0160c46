#!/usr/bin/python3
"""The history's file: exact after every end, rebuilt from the journal, and never in trading's way.

Goal: DESIGN §7. Method: real servers; users trade over sockets, the process is killed at random moments, the file is taken
away, spoilt, made read-only; each time it is compared with the API's answers and recomputed from its own trades (history_check.py).
usage: test_history.py [--rounds N]
"""
import argparse
import shutil
import sys
import time

from castle_client import Checks, Server, check, conserved, eq
from history_check import check_history, wait_for_history
from test_kill import Kill

checks = Checks()
OPTIONS = "--segment-mib", "1", "--snapshot-seconds", "1", "--snapshot-records", "2000"


def metric(server, name):
    lines = [line for line in server.admin().metrics().splitlines() if line.split(" ")[0] == name]
    eq(len(lines), 1, f"lines of {name}")
    return float(lines[0].split(" ")[1])


def until(what, condition):
    end = time.monotonic() + 60
    while not condition():
        check(time.monotonic() < end, f"waited 60 s for {what}")
        time.sleep(0.01)


def content(server):
    """Every row of every table, to be compared."""
    store = wait_for_history(server)
    tables = "symbol", "asset", "trade", "fill", "orders", "candle", "entry"
    rows = {table: sorted(tuple(row) for row in store.execute(f"SELECT * FROM {table}")) for table in tables}
    store.close()
    return rows


def killed_at_random(rounds):
    with Server(*OPTIONS) as server:
        kill = Kill(server, 300, 7)
        for number in range(rounds):
            kill.round(number)
            trades = check_history(server, kill.traders)
        check(trades > 100, f"only {trades} trades")
        before = content(server)
        check(before["orders"] and before["entry"] and before["candle"], "rows of every kind")
        eq(server.sigterm(), 0, "a clean end")
        server.restart()
        kill.connect()
        check_history(server, kill.traders)
        eq(content(server), before, "the history after a clean restart")


@checks
def a_history_that_is_gone_is_made_of_the_journal():
    with Server("--snapshot-seconds", "86400") as server:
        kill = Kill(server, 300, 8)
        kill.round(0)
        check_history(server, kill.traders)
        before = content(server)
        for spoil in "gone", "rotten", "of another directory":
            eq(server.sigterm(), 0, "a clean end")
            for path in server.data.glob("history.db*"):
                path.unlink()
            if spoil == "rotten":
                (server.data / "history.db").write_bytes(b"no database at all" * 1000)
            if spoil == "of another directory":
                with Server() as other:
                    wait_for_history(other).close()
                    eq(other.sigterm(), 0, "a clean end")
                    shutil.copy(other.data / "history.db", server.data / "history.db")
            server.restart()
            kill.connect()
            if spoil != "gone":
                until("a word about it", lambda: metric(server, "castle_history_failed") == 1)
                check("history_failed" in server.told("history_failed"), "the log says so")
                conserved(server.admin().audit())
                (server.data / "history.db").unlink()  # what the operator does; it is tried again by itself
                until("the next try", lambda: metric(server, "castle_history_failed") == 0)
            check_history(server, kill.traders)
            eq(content(server), before, f"the history after it was {spoil}")


@checks
def the_journal_is_kept_for_a_history_that_cannot_be_written():
    with Server(*OPTIONS) as server:
        kill = Kill(server, 400, 9)
        kill.round(0)
        check_history(server, kill.traders)
        before = content(server)
        eq(server.sigterm(), 0, "a clean end")
        for path in server.data.glob("history.db*"):
            path.rename(path.with_name("away-" + path.name))
        (server.data / "history.db").mkdir()
        server.restart()
        kill.connect()
        for number in range(1, 8):
            kill.round(number)
        until("snapshots without it", lambda: metric(server, "castle_snapshots_total") > 0)
        eq(metric(server, "castle_history_failed"), 1, "castle_history_failed")
        eq(server.sigterm(), 0, "a clean end")
        (server.data / "history.db").rmdir()
        (server.data / "away-history.db").rename(server.data / "history.db")
        server.restart()
        kill.connect()
        check_history(server, kill.traders)
        after = content(server)
        check(set(before["trade"]) < set(after["trade"]), "what was there is there, and more")
        check("history_gap" not in server.output(), "nothing was missing")


@checks
def without_a_history_there_is_no_file():
    with Server(*OPTIONS, "--history", "off") as server:
        kill = Kill(server, 300, 11)
        kill.round(0)
        eq(metric(server, "castle_history_lag_records"), 0, "its lag")
        check(not list(server.data.glob("history*")), "a file")


@checks
def a_gap_is_told_when_the_journal_no_longer_has_it():
    with Server(*OPTIONS, "--history", "off") as server:
        kill = Kill(server, 400, 10)
        number = 0
        while any(path.name == "journal-00000001.seg" or path.name == "journal-00000001.seg.zst"
                  for path in server.data.iterdir()):
            check(number < 60, "the journal was never trimmed")
            kill.round(number)
            number += 1
        eq(server.sigterm(), 0, "a clean end")
        server.options = [*server.options[:-2]]
        server.restart()
        kill.connect()
        wait_for_history(server).close()
        server.told('"event":"history_gap"')
        kill.round(number)
        store = wait_for_history(server)
        check(store.execute("SELECT count(*) AS n FROM trade").fetchone()["n"] > 0, "what came later is there")
        store.close()


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--rounds", type=int, default=10)
    options = parser.parse_args()
    checks.one(f"the history is exact after each of {options.rounds} kills", killed_at_random, options.rounds)
    checks.run()
    return checks.finish()


if __name__ == "__main__":
    sys.exit(main())
