#!/usr/bin/python3
"""A copy that is made while the server trades, by what docs/OPERATIONS.md says, and what is restored from it.

Goal: the document's commands, run as they stand there, make a copy that holds all that had been answered, and of the rest the
beginning; restored, it is the exchange as it was at its last LSN. Method: bash runs the code blocks of "## Backup" beside
traders, again and again, with segments so small and snapshots so frequent that both come and go under the copying; then
servers are started on the copies.
usage: test_backup.py [--rounds N]
"""
import argparse
import contextlib
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile
import threading
import time

from castle_client import BINARY, ROOT, Binance, Checks, Http2, Server, Trader, castle, check, conserved, environment, eq
from history_check import check_candles, check_trades, open_history, wait_for_history
from test_history import content
from test_journal import Market, compare, state

checks = Checks()
SECONDS = 600  # a deadline, never a measure
HASTE = "--segment-mib", "1", "--snapshot-seconds", "1", "--snapshot-records", "1000000"
KEPT = "--segment-mib", "1", "--snapshot-seconds", "86400"


def blocks():
    """The two code blocks of the document: making a copy, and restoring it."""
    section = (ROOT / "docs/OPERATIONS.md").read_text().split("\n## Backup\n")[1].split("\n## ")[0]
    found = re.findall(r"^```bash\n(.*?)^```", section, re.M | re.S)
    eq(len(found), 2, "code blocks of the section")
    return found


class Place:
    """Where copies go, and a PATH with `castle` in it."""

    def __init__(self):
        self.home = pathlib.Path(tempfile.mkdtemp(prefix="castle-backup-"))
        (self.home / "bin").mkdir()
        (self.home / "bin/castle").symlink_to(os.path.abspath(BINARY))
        self.made = 0

    def environment(self, **more):
        return environment({"PATH": f"{self.home / 'bin'}:{os.environ['PATH']}", **{k: str(v) for k, v in more.items()}})

    def copy(self, server, **more):
        """Makes a copy by the document's block: (its directory, what was said)."""
        data = server.data
        self.made += 1
        target = self.home / f"copy-{self.made}"
        done = subprocess.run(["bash", "-c", blocks()[0]], env=self.environment(DATA=data, COPY=target, **more), timeout=SECONDS,
                              text=True, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        eq(done.returncode, 0, f"exit code of the copying, which said {done.stdout[-2000:]}")
        check(done.stdout.strip().endswith(": good"), f"the last word: {done.stdout[-500:]}")
        check(not (data / "backup.stage").exists(), "the stage is gone")
        eq({path.name for path in target.iterdir() if not re.match(r"(journal|snapshot)-\d+\.", path.name)},
           {"history.db", "secrets.key", "admin.token"}, "other files of the copy")
        return target, done.stdout

    def remove(self):
        shutil.rmtree(self.home, ignore_errors=True)


@contextlib.contextmanager
def place():
    made = Place()
    try:
        yield made
    finally:
        made.remove()


class Restored(Server):
    """A server that the document's second block starts on the copy."""

    def __init__(self, made, copy):
        super().__init__()
        self.env = made.environment(DATA=self.data, COPY=copy)

    def command(self):
        block = blocks()[1]
        check("\ncastle serve" in block, "the block starts a server")
        if not self.data.exists():  # else it is a later start of the same
            return ["bash", "-c", block.replace("\ncastle serve", "\nexec castle serve"), "bash", *super().command()[4:]]
        return super().command()


class Demo(Server):
    """A week of trades, and their history, in seconds."""

    def command(self):
        return [BINARY, "demo", *super().command()[2:]]


class Flood:
    """Orders that meet one another, many at a time, by two traders; and one who places and cancels, one by one."""

    def __init__(self, server):
        wait_for_history(server).close()  # a new server has no file for a moment
        self.server, self.stop, self.go, self.failed, self.marks = server, threading.Event(), threading.Event(), [], 0
        self.go.set()  # cleared, it rests: a busy machine's history is behind while it goes on
        funds = {"USDT": "90000000", "BTC": "9000"}
        self.pair = [Trader(server.admin(), Http2(server.public), name, funds) for name in ("flood-1", "flood-2")]
        self.marker = Trader(server.admin(), Http2(server.public), "marker", funds)
        self.threads = [threading.Thread(target=self.run, args=(act,)) for act in
                        (lambda: self.trade(0), lambda: self.trade(1), self.mark)]

    def run(self, act):
        try:
            while not self.stop.is_set():
                if self.go.wait(0.1):
                    act()
        except Exception as error:
            self.failed.append(error)

    def trade(self, number):
        trader = self.pair[number]
        streams = [trader.http.submit(*trader.build("POST", "/api/v3/order", {
            "symbol": "BTCUSDT", "side": ("BUY", "SELL")[number ^ i % 2], "type": "LIMIT", "timeInForce": "GTC",
            "quantity": "0.001", "price": 30000 + i % 7, "recvWindow": 60000})) for i in range(40)]
        answers = [trader.http.wait(stream) for stream in streams]
        check(all(answer.status in (200, 503) for answer in answers), f"{answers}")
        trader.cancel_all("BTCUSDT") if trader.open_orders("BTCUSDT") else None

    def mark(self):
        """Order number `marks` is there, and cancelled."""
        name = f"mark-{self.marks + 1}"
        self.marker.limit("ETHUSDT", "BUY", "0.01", "1000", newClientOrderId=name)
        self.marker.cancel("ETHUSDT", origClientOrderId=name)
        self.marks += 1

    def __enter__(self):
        for thread in self.threads:
            thread.start()
        return self

    def __exit__(self, *_):
        self.stop.set()
        for thread in self.threads:
            thread.join(SECONDS)
        eq(self.failed, [], "what went wrong with the traders")


def check_marks(server, trader, before):
    """A restored server knows the marks without a gap; those up to `before` had been answered when the copying began."""
    again = Binance(Http2(server.public), trader.key, trader.secret)
    eq(again.query("ETHUSDT", origClientOrderId=f"mark-{before}")["status"], "CANCELED", f"order {before}")
    rows = again.all_orders("ETHUSDT", limit=1000)
    eq({row["status"] for row in rows[:-1]}, {"CANCELED"}, "orders before the last one")
    first = rows[0]["orderId"]  # numbers of one user in one symbol, by the shard of the symbol: nobody else trades there
    eq([row["orderId"] for row in rows], [first + i for i in range(len(rows))], "orders without a gap")


def no_word_of_loss(server):
    for event in ("history_gap", "history_rebuilt", "history_failed", "recovery_remark", "poison_skipped"):
        check(f'"{event}"' not in server.output(), f"{event} in {server.output()}")


def last_lsn(said):
    return int(re.findall(r"^state at LSN (\d+)", said, re.M)[-1])


def again_and_again(rounds):
    """Segments roll, are sealed and trimmed, snapshots come and go, and each copy is whole."""
    again = 0
    with place() as made, Server(*HASTE) as server, Flood(server) as flood:
        def first_kept():
            return min(int(path.name[8:16]) for path in server.data.glob("journal-*"))

        number = 0
        while number < rounds or first_kept() == 1:
            number += 1
            flood.go.set()
            while flood.marks < 20 * number and not flood.failed:
                time.sleep(0.01)
            before, lsn = flood.marks, server.admin().audit()["lsn"]
            copy, said = made.copy(server)
            again += said.count("bad chunk")
            check(last_lsn(said) >= lsn, f"the copy ends at LSN {last_lsn(said)}; {lsn} was there before it began")
            flood.go.clear()
            with Restored(made, copy) as other:
                conserved(other.admin().audit())
                check_marks(other, flood.marker, before)
                store = wait_for_history(other)
                check(check_trades(store) > 0, "no trades")
                check_candles(store)
                store.close()
                no_word_of_loss(other)
            shutil.rmtree(copy)
        print(f"{number} copies, the last segment copied again {again} times; the first {first_kept() - 1} segments were removed")


@checks
def a_copy_is_what_the_server_had_been_at_its_last_lsn():
    with place() as made, Server(*KEPT) as server, Flood(server):
        for _ in range(3):
            copy, said = made.copy(server)
            lsn = last_lsn(said)
            eq(state(copy), state(server.data, lsn), f"balances, orders, books and hash at LSN {lsn}")


@checks
def a_history_that_is_large_is_copied_as_it_was_at_one_moment():
    """It takes many of the history's transactions to copy it: a demo's week, and a flood beside it."""
    with place() as made, Demo("--log-level", "info") as demo:
        wait_for_history(demo).close()
        eq(demo.sigterm(), 0, "the end of the demo")
        with Server("--snapshot-seconds", "86400", data=demo.data) as server, Flood(server) as flood:
            for _ in range(2):
                flood.go.set()
                copy, said = made.copy(server)
                flood.go.clear()
                with contextlib.closing(open_history(copy)) as store:
                    cursor = store.execute("SELECT lsn FROM source").fetchone()["lsn"]
                check(cursor <= last_lsn(said), f"the history has LSN {cursor}, the journal ends at {last_lsn(said)}")
                with Restored(made, copy) as other:
                    wait_for_history(other).close()
                    no_word_of_loss(other)


@checks
def a_copy_of_a_server_at_rest_is_the_same_in_all_that_can_be_asked():
    with place() as made, Server(*KEPT) as server:
        market = Market(server)
        market.trade(400)
        wait_for_history(server).close()
        note, before = market.note(), content(server)
        copy, said = made.copy(server)
        eq(last_lsn(said), note["audit"]["lsn"], "the copy's last LSN")
        compare(note, state(copy), market.traders)
        orders = [trader.all_orders("BTCUSDT", limit=1000) for trader in market.traders]
        fills = [trader.trades("BTCUSDT", limit=1000) for trader in market.traders]
        for lost in (), ("history.db",), ("admin.token",):
            for name in lost:
                (copy / name).unlink()
            with Restored(made, copy) as other:
                eq({**other.admin().audit(), "lsn": 0}, {**note["audit"], "lsn": 0}, f"the audit without {lost}")
                for i, trader in enumerate(market.traders):
                    again = Binance(Http2(other.public), trader.key, trader.secret)
                    eq(again.balances(), note["balances"][i], f"balances of {trader.name}")
                    eq(sorted(again.open_orders(), key=lambda row: row["orderId"]), note["orders"][i], "open orders")
                    eq((again.all_orders("BTCUSDT", limit=1000), again.trades("BTCUSDT", limit=1000)), (orders[i], fills[i]),
                       f"orders and fills without {lost}")
                eq(content(other), before, f"the history without {lost}")
                no_word_of_loss(other)


SPOILING = """#!/bin/bash
# Copies; and the first time as if the server had written two batches between the reading of one block and of the next.
/bin/cp "$@" || exit
[ ! -e "$SPOILT" ] || exit 0
last=$(ls "${@: -1}"/journal-*.seg | tail -n 1)
printf '%s' "$last" >"$SPOILT"
exec /usr/bin/python3 - "$last" <<'END'
import sys
with open(sys.argv[1], "r+b") as file:
    data = file.read()
    end = len(data.rstrip(b"\\0")) // 4096
    file.seek((end - 1) * 4096)
    file.write(bytes(4096))
END
"""


@checks
def a_last_segment_that_was_copied_while_it_was_written_is_copied_again():
    with place() as made, Server(*KEPT) as server:
        market = Market(server)
        market.trade(100)
        wait_for_history(server).close()
        note, spoilt = market.note(), made.home / "spoilt"
        cp = made.home / "bin/cp"
        cp.write_text(SPOILING)
        cp.chmod(0o755)
        copy, said = made.copy(server, SPOILT=spoilt)
        check("bad chunk, but a later batch stands" in said, f"nothing was spoilt: {said}")
        compare(note, state(copy), market.traders)


@checks
def a_copy_without_its_history_tells_of_the_gap_when_the_journal_was_trimmed():
    with place() as made, Server(*HASTE) as server:
        with Flood(server):
            while min(int(path.name[8:16]) for path in server.data.glob("journal-*")) == 1:
                time.sleep(0.05)
        copy, _ = made.copy(server)
        (copy / "history.db").unlink()
        with Restored(made, copy) as other:
            conserved(other.admin().audit())
            other.told('"history_gap"')


@checks
def a_copy_without_the_key_of_its_secrets_does_not_start():
    with place() as made, Server(*KEPT) as server:
        Market(server).trade(5)
        wait_for_history(server).close()
        copy, _ = made.copy(server)
        key = (copy / "secrets.key").read_bytes()
        for content_of, said in ((None, "secrets.key is missing"), (bytes(reversed(key)), "is not the one")):
            (copy / "secrets.key").unlink()
            if content_of:
                (copy / "secrets.key").write_bytes(content_of)
            done = castle("serve", "--data", copy, "--listen", "127.0.0.1:0", "--admin", "127.0.0.1:0")
            eq(done.returncode, 1, f"exit code: {done.stdout}")
            check(said in done.stdout, done.stdout)
            (copy / "secrets.key").write_bytes(key)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--rounds", type=int, default=8)
    rounds = parser.parse_args().rounds
    checks.one(f"copies made while it trades, {rounds} of them, are whole", lambda: again_and_again(rounds))
    checks.run()
    return checks.finish()


if __name__ == "__main__":
    sys.exit(main())
