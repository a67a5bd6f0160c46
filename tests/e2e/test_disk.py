#!/usr/bin/python3
"""A disk that is full, breaks or tears.

Goal: what was acknowledged is there whatever the disk does, nothing is acknowledged that is not on it, and the process
says what is wrong and ends with 5, or refuses what it cannot keep.
Method: the server runs under an LD_PRELOAD library (fault_shim.c) that makes chosen calls on chosen files fail. Each
rule's first fault is awaited, then everything that was answered is looked up in a server without the library.
usage: test_disk.py [--seed N] [WORD...]   only the checks whose name contains a word
"""
import argparse
import json
import os
import pathlib
import subprocess
import sys
import time

from castle_client import (BINARY, START_SECONDS, ApiError, Checks, Http1, Server, Trader, castle, check, conserved,
                           environment, eq)
from test_kill import SYMBOL, Kill

SHIM = pathlib.Path(BINARY).parent / "libfault_shim.so"
SMALL = ["--segment-mib", "1", "--done-orders", "100000"]
ROOMY = ["--segment-mib", "8", "--done-orders", "100000"]  # not full before the lack of a next one is noticed
WAIT_SECONDS = 300  # a deadline for what must come, never a measure


def until(what, condition):
    """What must come true by itself; looks again and again."""
    end = time.monotonic() + WAIT_SECONDS
    while not (value := condition()):
        check(time.monotonic() < end, f"waited {WAIT_SECONDS} s for {what}")
        time.sleep(0.002)
    return value


class Faults:
    """The rules that the shim reads, and what it tells."""

    def __init__(self, home):
        self.file, self.log = home / "faults", home / "faults.log"
        self.env = {"LD_PRELOAD": str(SHIM), "CASTLE_FAULTS": str(self.file)}
        self.set()

    def set(self, *rules):
        self.log.unlink(missing_ok=True)
        whole = self.file.with_suffix(".new")
        whole.write_text("".join(rule + "\n" for rule in rules))
        os.replace(whole, self.file)

    def told(self):
        return self.log.read_text().splitlines() if self.log.exists() else []

    def wait(self):
        until("a fault", self.told)


class Faulty(Server):
    """A server under the shim. With a rule, kill9() lets the disk end it instead: test_kill's rounds then check that."""

    def __init__(self, *options):
        super().__init__(*options)
        self.faults, self.rule = Faults(self.home), None
        self.env = self.faults.env

    def said(self, event, since=0):
        """The log's lines of this event."""
        whole = self.output()[since:].rpartition("\n")[0].splitlines()
        lines = [json.loads(line) for line in whole if line.startswith("{")]
        return [line for line in lines if line["event"] == event]

    def kill9(self):
        if not self.rule:
            return super().kill9()
        written = len(self.output())
        self.faults.set(self.rule)
        code = self.process.wait(WAIT_SECONDS)
        output = self.output()[written:]
        check(self.faults.told(), f"{self.rule} was never met")
        self.faults.set()
        eq(code, 5, f"exit code after {self.rule}; it said: {output}")
        check("cannot write the journal" in output and "stopping" in output, f"after {self.rule} it said: {output}")
        return code

    def fails_to_start(self, *rules, code=5):
        """Starts under the rules; it must end by itself. Returns what it said."""
        self.faults.set(*rules)
        try:
            done = subprocess.run(self.command(), env=environment(self.faults.env), timeout=START_SECONDS, text=True,
                                  errors="replace", stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                  stderr=subprocess.STDOUT)
        except subprocess.TimeoutExpired:
            raise AssertionError(f"a start with {rules} did not fail; faults: {self.faults.told()}") from None
        check(self.faults.told(), f"{rules} was never met; it said: {done.stdout}")
        self.faults.set()
        eq(done.returncode, code, f"exit code of a start with {rules}; it said: {done.stdout}")
        return done.stdout


class Book:
    """One user's requests one by one, and what was answered."""

    def __init__(self, server, name="trader"):
        self.server, self.count = server, 0
        self.trader = Trader(server.admin(), Http1(server.public), name, {"USDT": "1000000"})
        self.open, self.cancelled, self.unknown = {}, {}, set()

    def connect(self):
        self.trader.http = Http1(self.server.public)

    def order(self):
        self.count += 1
        name = f"order-{self.count}"
        self.unknown.add(name)  # until it is answered
        try:
            self.open[name] = self.trader.limit(SYMBOL, "BUY", "0.001", "20000", newClientOrderId=name)
        finally:
            if sys.exc_info()[0] in (None, ApiError):
                self.unknown.discard(name)
        return name

    def cancel(self, name):
        told = self.trader.cancel(SYMBOL, origClientOrderId=name)
        eq(told["status"], "CANCELED", f"cancel of {name}")
        self.cancelled[name] = self.open.pop(name)

    def order_or_refusal(self):
        try:
            return self.order()
        except ApiError as error:
            eq((error.status, error.code), (503, -1008), "a full disk's refusal")
            return None

    def check(self, newest=10 ** 9):
        """Every answer holds, and nothing rests that nobody was told of, but for requests without an answer."""
        resting = {order["clientOrderId"] for order in self.trader.open_orders(SYMBOL)}
        check(resting - self.unknown == set(self.open) - self.unknown, f"{resting} rest, {set(self.open)} were told")
        for name, told in [*self.cancelled.items(), *self.open.items()][-newest:]:
            now = self.trader.query(SYMBOL, origClientOrderId=name)
            eq((now["orderId"], now["status"]), (told["orderId"], "NEW" if name in self.open else "CANCELED"), name)
        conserved(self.server.admin().audit())


checks = Checks()


def fill(server, book):
    """Trades with the disk full until that is told: the journal's segment is full, and the spare one is taken."""
    spare = server.data / "spare.seg"
    until("the first spare segment", lambda: spare.exists() and spare.stat().st_size == 8 << 20)
    server.faults.set("grow spare.seg ENOSPC")
    while book.order_or_refusal():
        if len(book.open) > 20:
            book.cancel(next(iter(book.open)))
        check(book.count < 20000, "the journal never needed another segment")
    until("a word about it", lambda: server.said("low_space"))


@checks
def a_full_disk_refuses_orders_and_takes_cancels_until_there_is_room():
    with Faulty(*ROOMY) as server:
        book = Book(server)
        fill(server, book)
        eq(server.admin().readyz(), 200, "readyz: what there is can be read")
        for name in list(book.open)[:5]:
            book.cancel(name)
        eq(book.order_or_refusal(), None, "an order with the disk still full")
        book.check(newest=500)
        server.faults.set()
        until("orders to be taken again", book.order_or_refusal)
        until("a word about it", lambda: server.said("space_again"))
        for _ in range(10):
            book.order()
        server.kill9()
        server.env = None
        server.restart()
        book.connect()
        book.check()
        book.order()


@checks
def a_disk_that_stays_full_ends_the_process_and_loses_nothing():
    with Faulty(*ROOMY) as server:
        book, admin, deposits = Book(server), server.admin(), []
        fill(server, book)
        for name in list(book.open)[:5]:
            book.cancel(name)
        try:  # what is still taken fills the last segment
            while True:
                deposits.append(admin.deposit(book.trader.user, "BTC", "1", f"deposit {len(deposits)}"))
        except OSError:
            pass
        eq(server.process.wait(WAIT_SECONDS), 5, "exit code")
        check("cannot write the journal: No space left on device; stopping" in server.output(), server.output())
        server.faults.set()
        server.env = None
        server.restart()
        book.connect()
        book.check(newest=500)
        admin = server.admin()
        for i, answer in enumerate(deposits):
            eq(admin.deposit(book.trader.user, "BTC", "1", f"deposit {i}"), answer, f"deposit {i} repeated")


BREAKS = [  # of the running journal: the write itself, and each step to the next segment
    "pwrite journal-*.seg EIO",
    "pwrite journal-*.seg ENOSPC 5",
    "pwrite journal-*.seg short=4096",
    "pwrite journal-*.seg short=100",
    "pwrite journal-*.seg short=0",
    "open spare.seg EIO",
    "pwrite spare.seg EIO",
    "fsync spare.seg EIO",
    "rename journal-*.seg EIO",
    "fsync . EIO",
    "open journal-*.seg EIO",
]


def a_broken_disk_under_load_loses_nothing_that_was_acknowledged(seed):
    """Every way to break ends the process with 5; each is a check of its own."""
    def broken(kill, number, rule):
        server.kill9()
        server.env = server.faults.env
        server.restart()
        kill.connect()
        server.rule = rule
        try:
            kill.round(number)
        finally:
            server.rule = None

    with Faulty(*SMALL, "--snapshot-seconds", "86400") as server:
        kill = Kill(server, 400, seed)
        good = all(checks.one(f"a broken disk loses nothing: {rule}", broken, kill, number, rule)
                   for number, rule in enumerate(BREAKS))
        if good:
            checks.one("accounts agree after all that", kill.check_accounts)


@checks
def a_new_directory_that_cannot_be_made_is_made_at_the_next_try():
    rules = [  # in the order of the calls; AFTER lets those through that came before
        ("write admin.token ENOSPC", 1, "cannot write"),
        ("write secrets.key.new ENOSPC", 1, "secrets.key"),
        ("fsync secrets.key.new EIO", 1, "secrets.key"),
        ("rename secrets.key EIO", 1, "secrets.key"),
        ("open spare.seg ENOSPC", 5, "cannot create the journal: No space left on device"),
        ("pwrite spare.seg ENOSPC", 5, "cannot create the journal: No space left on device"),
        ("pwrite spare.seg short=4096", 5, "cannot create the journal"),
        ("fsync spare.seg EIO", 5, "cannot create the journal: Input/output error"),
        ("fsync . EIO", 5, "cannot create the journal"),
        ("pwrite spare.seg EIO 1", 5, "cannot create the journal"),
        ("fsync spare.seg EIO 1", 5, "cannot create the journal"),
        ("rename journal-00000001.seg EIO", 5, "cannot create the journal"),
        ("fsync . EIO 1", 5, "cannot create the journal"),
        ("open journal-00000001.seg EIO", 5, ""),
        ("fsync journal-00000001.seg EIO", 5, "cannot"),
        ("pwrite journal-00000001.seg ENOSPC", 5, "cannot write the journal: No space left on device"),
        ("pwrite journal-00000001.seg short=100 3", 5, "cannot write the journal"),
    ]
    for rule, code, says in rules:
        server = Faulty(*SMALL)
        output = server.fails_to_start(rule, code=code)
        check(says in output, f"{rule}: it said: {output}")
        with server:
            eq(len(Book(server).trader.get("exchangeInfo")["symbols"]), 5, f"symbols after {rule}")
            eq(server.sigterm(), 0, f"a clean end after {rule}")


@checks
def a_start_on_a_broken_disk_changes_nothing():
    rules = [
        ("open lock EIO", "cannot use"),
        ("open journal-*.seg EIO", "cannot read the journal"),
        ("pread journal-*.seg EIO", "cannot read the journal"),
        ("pwrite journal-*.seg EIO", "cannot cut the torn tail"),
        ("pwrite journal-*.seg short=512", "cannot cut the torn tail"),
        ("fsync journal-*.seg EIO", "cannot cut the torn tail"),
    ]
    with Faulty(*SMALL) as server:
        book = Book(server)
        for _ in range(5):
            book.order()
        book.cancel("order-1")
        server.faults.set("pwrite journal-*.seg short=100")  # tears the last batch
        try:
            book.order()
            raise AssertionError("an order was acknowledged that is not on the disk")
        except OSError:
            eq(server.process.wait(WAIT_SECONDS), 5, "exit code after a torn write")
        server.faults.set()
        told = castle("journal", "verify", "--data", server.data).stdout
        check("good" in told and ", torn tail 0 bytes" not in told, told)
        for rule, says in rules:
            output = server.fails_to_start(rule)
            check(says in output, f"{rule}: it said: {output}")
        server.env = None
        server.restart()
        book.connect()
        book.check()
        book.order()


@checks
def snapshots_that_fail_never_stop_trading():
    rules = ["open snapshot.tmp ENOSPC", "pwrite snapshot.tmp ENOSPC", "pwrite snapshot.tmp short=512",
             "fsync snapshot.tmp EIO", "rename snapshot-*.snap EIO", "pwrite seal.tmp ENOSPC", "fsync seal.tmp EIO",
             "rename journal-*.zst EIO", "pread journal-*.seg EIO"]
    with Faulty(*SMALL, "--snapshot-seconds", "1", "--snapshot-records", "500") as server:
        book = Book(server)

        def trade():
            for name in [book.order() for _ in range(10)]:
                book.cancel(name)

        def snapshots():
            return sorted(path.name for path in server.data.glob("snapshot-*.snap"))

        for rule in rules:
            written = len(server.output())
            server.faults.set(rule)
            while not server.faults.told():
                trade()
            until("a word about it", lambda: server.said("snapshot_failed", since=written))
            trade()
            server.faults.set()
            before = snapshots()
            until(f"a snapshot after {rule}", lambda: trade() or snapshots() != before)
        book.check()
        server.kill9()
        server.env = None
        server.restart()
        book.connect()
        book.check()


@checks
def a_snapshot_that_cannot_be_read_is_not_taken_for_a_damaged_journal():
    with Faulty(*SMALL, "--snapshot-seconds", "1", "--snapshot-records", "500") as server:
        book = Book(server)

        def trade():
            for name in [book.order() for _ in range(10)]:
                book.cancel(name)

        # the journal's beginning is gone: without a snapshot there is no start
        until("a trimmed journal", lambda: trade() or not list(server.data.glob("journal-00000001.*")))
        book.check()
        server.kill9()
        kept = sorted(path.name for path in server.data.iterdir())
        for rule in ("pread snapshot-*.snap EIO", "open snapshot-*.snap EIO"):
            server.fails_to_start(rule)
            eq(sorted(path.name for path in server.data.iterdir()), kept, f"files after {rule}")
        server.env = None
        server.restart()
        book.connect()
        book.check()


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("words", nargs="*")
    options = parser.parse_args()
    check(SHIM.exists(), f"no {SHIM}: build it (not in a sanitizer's preset)")
    def wanted(function):
        return all(word in function.__name__ for word in options.words)
    checks.functions = [function for function in checks.functions if wanted(function)]
    checks.run()
    if wanted(a_broken_disk_under_load_loses_nothing_that_was_acknowledged):
        a_broken_disk_under_load_loses_nothing_that_was_acknowledged(options.seed)
    return checks.finish()


if __name__ == "__main__":
    sys.exit(main())
