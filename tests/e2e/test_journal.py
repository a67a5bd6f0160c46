#!/usr/bin/python3
"""`castle journal stat|verify|dump` beside a running server and after its end, and starts from rotten files.

Goal: what the tools show is what the API said, record by record and at any LSN that is kept, also across segments that
were sealed or trimmed and snapshots; damage is named and never passed off as state; no secret is ever shown. Method: a
server with small segments and frequent snapshots trades; now and then, at rest, the audit, the balances, the open orders
and the depth are noted with their LSN; dumps until these LSNs must say the same, while another thread trades on as well as
after a stop. Then bytes of copies are flipped.
"""
import base64
import contextlib
import json
import random
import re
import shutil
import subprocess
import sys
import time
import threading

from castle_client import (BINARY, ApiError, Checks, Http1, Server, Trader, atoms, castle, check, conserved, environment, eq)

TRIM_SECONDS = 300  # a deadline for what must come, never a measure
OPTIONS = ("--segment-mib", "1", "--snapshot-seconds", "60", "--snapshot-records", "2500")
SYMBOLS, FUNDS = ("BTCUSDT", "ETHUSDT"), {"USDT": "1000000", "BTC": "50", "ETH": "500"}
STEPS, ORDERS, DAMAGED, USAGE = 10, 60, 4, 2
PRICE = {"BTCUSDT": 30000, "ETHUSDT": 2000}


def journal(*args):
    """Runs the tool; its outputs apart: (exit code, stdout, stderr)."""
    done = subprocess.run([BINARY, "journal", *map(str, args)], env=environment(), timeout=600, text=True,
                          stdin=subprocess.DEVNULL, capture_output=True)
    outputs.append(done.stdout + done.stderr)
    return done.returncode, done.stdout, done.stderr


outputs = []  # of every run of the tool: no secret may be in any


def good(*args):
    code, out, err = journal(*args)
    eq((code, err), (0, ""), f"journal {' '.join(map(str, args))}")
    return out


def state(data, until=None):
    return json.loads(good("dump", "--data", data, "--state", *(("--until", until) if until else ())))


def records(data, *more):
    return [json.loads(line) for line in good("dump", "--data", data, *more).splitlines()]


def records_beside_a_writer(data):
    """All there are: a server that is quicker at removing records than they are at being printed is asked again."""
    while True:
        code, out, err = journal("dump", "--data", data)
        if code != 1 or "before they were read" not in err:
            eq((code, err), (0, ""), "journal dump beside a writer")
            return [json.loads(line) for line in out.splitlines()]


class Market:
    """The server, who trades there, and what the API said at some moments of rest."""

    def __init__(self, server):
        self.server, self.random, self.notes = server, random.Random(7), []
        self.traders = [Trader(server.admin(), Http1(server.public), f"trader-{i}", FUNDS) for i in range(3)]

    def trade(self, count):
        """Orders that rest, cross, are cancelled and are refused."""
        for _ in range(count):
            trader, symbol = self.random.choice(self.traders), self.random.choice(SYMBOLS)
            side, draw = self.random.choice(("BUY", "SELL")), self.random.random()
            away = self.random.randint(-5, 40) * (1 if side == "SELL" else -1)
            try:
                if draw < 0.05:
                    trader.cancel_all(symbol)
                elif draw < 0.1:
                    trader.order(symbol, side, "MARKET", quantity="0.01")
                elif draw < 0.13:
                    trader.limit(symbol, side, "9000", PRICE[symbol])  # no funds
                else:
                    made = trader.limit(symbol, side, f"0.{self.random.randint(1, 99):02d}", PRICE[symbol] + away)
                    if draw < 0.3 and made["status"] == "NEW":
                        trader.cancel(symbol, orderId=made["orderId"])
            except ApiError as error:
                check(error.code in (-2010, -2011), str(error))

    def rest(self):
        """The audit once nothing moves any more."""
        return conserved(self.server.settle())

    def note(self):
        self.notes.append({
            "audit": self.rest(), "balances": [trader.balances() for trader in self.traders],
            "orders": [sorted(trader.open_orders(), key=lambda row: row["orderId"]) for trader in self.traders],
            "depth": {symbol: self.traders[0].depth(symbol, limit=5000) for symbol in SYMBOLS}})
        eq(self.rest(), self.notes[-1]["audit"], "the audit after what was read at rest")
        return self.notes[-1]

    def secrets(self):
        token = (self.server.data / "admin.token").read_text().strip()
        key = (self.server.data / "secrets.key").read_bytes()
        return [token, key.hex(), base64.b64encode(key).decode().rstrip("="), *(t.secret for t in self.traders)]


def compare(note, dumped, traders):
    """A dump of the state against what the API said at that LSN."""
    audit = note["audit"]
    eq((dumped["lsn"], dumped["stateHash"], dumped["openOrders"]),
       (audit["lsn"], audit["stateHash"], audit["openOrders"]), "LSN, hash and number of open orders")
    eq(dumped["assets"], audit["assets"], "totals")
    users = {row["userId"]: row for row in dumped["users"]}
    eq(len(users), len(traders), "users")
    for i, trader in enumerate(traders):
        user = users[trader.user]
        eq(user["name"], trader.name, "name")
        rows = {row["asset"]: (atoms(row["free"]), atoms(row["locked"])) for row in user["balances"]}
        eq({asset: row for asset, row in rows.items() if row != (0, 0)}, note["balances"][i], f"balances of {trader.name}")
        keys = ("symbol", "orderId", "clientOrderId", "side", "type", "status", "price", "origQty", "executedQty")
        def told(rows):
            return sorted([row[key] for key in keys] for row in rows)
        eq(told(user["openOrders"]), told(note["orders"][i]), f"open orders of {trader.name}")
        held = {}
        for row in user["openOrders"]:
            asset = row["symbol"][:3] if row["side"] == "SELL" else "USDT"
            held[asset] = held.get(asset, 0) + atoms(row["held"])
        eq(held, {asset: locked for asset, (_, locked) in rows.items() if locked}, "what is held is what is locked")
    symbols = {row["symbol"]: row for row in dumped["symbols"]}
    for symbol, depth in note["depth"].items():
        row = symbols[symbol]
        eq((row["status"], row["lastUpdateId"], row["bids"], row["asks"]),
           ("TRADING", depth["lastUpdateId"], depth["bids"], depth["asks"]), f"book of {symbol}")
        eq(row["orders"], sum(r["symbol"] == symbol for u in dumped["users"] for r in u["openOrders"]), "orders of a book")


def first_kept(data):
    """The oldest LSN whose state can be shown: the journal's first, or the oldest snapshot."""
    out = good("stat", "--data", data)
    first = int(re.search(r"LSN (\d+) to", out)[1])
    snapshots = [int(lsn) for lsn in re.findall(r"^snapshot at LSN (\d+)", out, re.M)]
    return 1 if first == 1 else min(snapshots), first, snapshots


def check_records(rows, first, last):
    eq([row["lsn"] for row in rows], list(range(first, last + 1)), "LSNs are dense")
    shards = {}
    for row in rows:
        check(row["type"] in TYPES, f"type of {row}")
        eq(row["shardSeq"], shards.get(row["shard"], row["shardSeq"] - 1) + 1, f"shard sequence of {row}")
        shards[row["shard"]] = row["shardSeq"]
        if row["type"] == "KEY_ADD":
            eq(set(row), {"lsn", "tsUs", "shard", "shardSeq", "type", "user", "apiKey", "keyType", "permissions", "ipList"},
               "what a key's record shows")
    times = [row["tsUs"] for row in rows]
    check(all(1e15 < at < 1e16 for at in times), "times are microseconds")


TYPES = {"LINK", "SELF", "NEW", "CANCEL", "CANCEL_ALL", "DEPOSIT", "USER_ADD", "KEY_ADD", "KEY_DELETE", "SYMBOL_ADD",
         "SYMBOL_STATUS"}


class Tests:
    def __init__(self, server):
        self.server, self.data, self.market = server, server.data, Market(server)

    def before_anything_is_trimmed(self):
        self.market.traders[0].limit("BTCUSDT", "BUY", "0.5", "29000", newClientOrderId="the-first")
        self.market.traders[1].limit("BTCUSDT", "SELL", "0.2", "29000")
        note = self.market.note()
        last = note["audit"]["lsn"]
        rows = records(self.data, "--until", last)
        check_records(rows, 1, last)
        kinds = {row["type"] for row in rows}
        check(kinds >= {"NEW", "LINK", "DEPOSIT", "USER_ADD", "KEY_ADD", "SYMBOL_ADD"}, f"types: {kinds}")
        order = next(row for row in rows if row["type"] == "NEW" and row["clientOrderId"] == "the-first")
        eq([order[key] for key in ("symbol", "side", "orderType", "price", "qty", "user")],
           ["BTCUSDT", "BUY", "LIMIT", "29000.00000000", "0.50000000", self.market.traders[0].user], "an order's record")
        fills = [row for row in rows if row.get("message") == "FILL"]
        eq(sorted((row["role"], row["price"], row["qty"]) for row in fills),
           [("MAKER", "29000.00000000", "0.20000000"), ("TAKER", "29000.00000000", "0.20000000")], "both sides of a fill")
        eq({row["apiKey"] for row in rows if row["type"] == "KEY_ADD"}, {t.key for t in self.market.traders}, "API keys")
        compare(note, state(self.data, last), self.market.traders)

    def while_it_trades(self):
        for _ in range(STEPS):
            self.market.trade(ORDERS)
            compare(self.market.note(), state(self.data, self.market.notes[-1]["audit"]["lsn"]), self.market.traders)
        deadline = time.monotonic() + TRIM_SECONDS
        while first_kept(self.data)[1] == 1:  # on a quick machine the snapshots come later than the orders
            self.market.trade(ORDERS)
            check(time.monotonic() < deadline, f"nothing was trimmed in {TRIM_SECONDS} s")
        names = {path.name for path in self.data.glob("journal-*")}
        check("journal-00000001.seg" not in names, f"nothing was sealed: {names}")

    def earlier_states(self):
        """Every note that is still kept; those before are refused."""
        shown = refused = 0
        for note in self.market.notes:
            lsn = note["audit"]["lsn"]
            begin = first_kept(self.data)[0]
            code, out, err = journal("dump", "--data", self.data, "--state", "--until", lsn)
            if lsn >= first_kept(self.data)[0]:  # it may have been trimmed meanwhile, not come back
                eq((code, err), (0, ""), f"dump --state --until {lsn}")
                compare(note, json.loads(out), self.market.traders)
                shown += 1
            elif lsn < begin:
                eq((code, out), (DAMAGED, ""), f"dump of LSN {lsn}, before {begin}")
                eq(err, f"castle: option --until: the state at LSN {lsn} is no longer kept; the first is LSN {begin}\n", "what it says")
                refused += 1
        if self.server.process.poll() is not None:
            check(shown and refused, f"notes shown {shown}, refused {refused}")

    def beside_a_writer(self):
        """The tool never calls a good journal damaged, however often it is written, sealed and trimmed meanwhile."""
        with Server("--segment-mib", "1", "--snapshot-seconds", "1", "--snapshot-records", "300") as server:
            market, stop, errors = Market(server), threading.Event(), []
            market.trade(4 * ORDERS)

            def busy():
                try:
                    while not stop.is_set():
                        market.trade(5)
                except Exception as error:
                    errors.append(error)

            thread = threading.Thread(target=busy)
            thread.start()
            try:
                for _ in range(12):
                    good("verify", "--data", server.data)
                    good("stat", "--data", server.data)
                    rows = records_beside_a_writer(server.data)
                    check_records(rows, rows[0]["lsn"], rows[-1]["lsn"])
                    for row in state(server.data)["assets"]:
                        have = sum(atoms(row[field]) for field in ("free", "locked", "fees", "inFlight"))
                        eq(have, atoms(row["deposits"]) - atoms(row["withdrawals"]), f"conservation of {row['asset']}")
            finally:
                stop.set()
                thread.join()
            check(not errors, f"trading: {errors}")
        self.market.trade(4 * ORDERS)  # so that this one is trimmed

    def a_dump_that_trimming_overtakes(self):
        """A reader of the pipe that sleeps stops the dump; then the server is restarted to trim what it has not come to."""
        with Server("--segment-mib", "1", "--snapshot-seconds", "86400") as server:
            market = Market(server)
            def numbers():
                return [int(path.name[8:16]) for path in server.data.glob("journal-*")]
            while len(numbers()) < 8:
                market.trade(ORDERS)
            with subprocess.Popen([BINARY, "journal", "dump", "--data", server.data], env=environment(), text=True,
                                  stdout=subprocess.PIPE, stderr=subprocess.PIPE) as dump:
                eq(json.loads(dump.stdout.readline())["lsn"], 1, "the first record")
                server.sigterm()
                server.options[-1] = "1"
                server.restart()
                for trader in market.traders:
                    trader.http = Http1(server.public)
                while min(numbers()) < 6:
                    market.trade(1)
                out, err = dump.communicate()
            check(re.fullmatch(r"castle: the server removed the records with LSN \d+ to \d+ before they were read: dump it again, "
                               r"or a copy\n", err), f"what it says: {err!r}")
            eq(dump.returncode, 1, "exit code")

    def fill_the_last_segment(self):
        """Batches after the one that `damaged_segments` spoils: the journal's very last one would be a torn tail."""
        def last_records():
            out = good("stat", "--data", self.data)
            begin = re.findall(r"^segment +\S+ from LSN (\d+)", out, re.M)[-1]
            return int(re.search(r"LSN \d+ to (\d+)", out)[1]) - int(begin)
        while last_records() < ORDERS:  # of orders that come one by one: never one batch
            self.market.trade(ORDERS)

    def after_a_stop(self):
        self.fill_the_last_segment()
        note = self.market.note()
        eq(self.server.sigterm(), 0, "exit code")
        dumped = state(self.data)
        compare({**note, "audit": {**note["audit"], "lsn": dumped["lsn"]}}, dumped, self.market.traders)
        out = good("verify", "--data", self.data)
        told = re.match(r"(\d+) segments, \d+ chunks, (\d+) records, \d+ bytes, LSN (\d+) to (\d+), torn tail 0 bytes: good\n"
                        r"state at LSN (\d+), from the snapshot at LSN (\d+): good\n$", out)
        check(told, f"what verify says: {out!r}")
        _, count, first, last, end, begin = map(int, told.groups())
        eq((count, end), (last - first + 1, last), "records")
        check(0 < begin <= end, "the state began from a snapshot")
        rows = records(self.data)
        check_records(rows, first, last)
        counts = {kind: int(n) for kind, n in re.findall(r"^type +(\w+) +(\d+) records", good("stat", "--data", self.data), re.M)}
        eq(counts, {kind: sum(row["type"] == kind for row in rows) for kind in counts}, "records by type")
        eq(sum(counts.values()), len(rows), "records in all")

    def any_lsn(self):
        """In the middle of what one order causes, too: money is conserved and books are whole."""
        begin, first, snapshots = first_kept(self.data)
        last = state(self.data)["lsn"]
        picks = {begin, begin + 1, last - 1, last, *snapshots, *(lsn + 1 for lsn in snapshots),
                 *(self.market.random.randint(begin, last) for _ in range(20))}
        for lsn in sorted(pick for pick in picks if pick <= last):
            dumped = state(self.data, lsn)
            eq(dumped["lsn"], lsn, "the LSN of the state")
            for row in dumped["assets"]:
                have = sum(atoms(row[field]) for field in ("free", "locked", "fees", "inFlight"))
                eq(have, atoms(row["deposits"]) - atoms(row["withdrawals"]), f"{row['asset']} at LSN {lsn}")
        for lsn in (first, first + 1, (first + last) // 2, last):
            eq([row["lsn"] for row in records(self.data, "--until", lsn)], list(range(first, lsn + 1)), "records until")
        code, out, err = journal("dump", "--data", self.data, "--until", last + 1000, "--state")
        eq((code, json.loads(out)["lsn"]), (0, last), "a state behind the end")
        check(f"ends at LSN {last}" in err, f"it says so: {err!r}")
        for lsn in {1, first - 1}:
            code, out, err = journal("dump", "--data", self.data, "--until", lsn)
            eq((code, out), (DAMAGED, ""), f"records until {lsn}, of which none is kept")
            eq(err, f"castle: option --until: the record with LSN {lsn} is no longer kept; the first is LSN {first}\n",
               "what it says")

    def usage(self):
        data = ("--data", self.data)
        for args, name in (((), "stat, verify, dump"), (("state",), "'state'"), (("stat",), "--data"), (("dump",), "--data"),
                           (("verify",), "--data"), (("stat", "--data"), "--data"), (("stat", *data, "--state"), "--state"),
                           (("verify", *data, "--until", "5"), "--until"), (("dump", *data, "--until"), "--until"),
                           (("dump", *data, "--until", "0"), "--until"), (("dump", *data, "--until", "-1"), "--until"),
                           (("dump", *data, "--until", "5x"), "--until"), (("dump", *data, "--until="), "--until"),
                           (("dump", *data, "--until", "18446744073709551616"), "--until"), (("dump", *data, "more"), "more"),
                           (("dump", *data, "--states"), "--states")):
            code, out, err = journal(*args)
            eq((code, out), (USAGE, ""), f"journal {args}")
            check(name in err and err.count("\n") == 1, f"journal {args} names {name}: {err!r}")
        for command in ("stat", "verify", "dump"):
            code, out, err = journal(command, "--data", self.data / "nowhere")
            eq((code, out), (1, ""), f"{command} of a directory that is not there")
            check("--data" in err and "nowhere" in err, f"it is named: {err!r}")

    def no_secret_was_shown(self):
        text = "\n".join(outputs)
        check(len(text) > 100000, "there was output")
        check(all(trader.key in text for trader in self.market.traders), "keys are shown")
        for secret in self.market.secrets():
            check(len(secret) > 20, "a secret")
            check(secret not in text, "a secret is in an output")

    # ---- rotten files ----

    @contextlib.contextmanager
    def copy(self):
        """The stopped server's directory, to spoil."""
        data = self.server.home / "copy"
        shutil.copytree(self.data, data)
        try:
            yield data
        finally:
            shutil.rmtree(data)

    def refused(self, data, *words):
        """A start on it ends with 4 and says why; nothing is changed."""
        before = {path.name: path.read_bytes() for path in data.iterdir() if path.name.startswith(("journal-", "snapshot-"))}
        done = castle("serve", "--data", data, "--listen", "127.0.0.1:0", "--admin", "127.0.0.1:0", *OPTIONS)
        eq(done.returncode, DAMAGED, f"how the start ended: {done.stdout[-400:]}")
        for word in words:
            check(word in done.stdout, f"{word!r} is told: {done.stdout[-400:]}")
        after = {path.name: path.read_bytes() for path in data.iterdir() if path.name.startswith(("journal-", "snapshot-"))}
        check(after == before, "a refused start changed files")

    def damaged_segments(self):
        with self.copy() as data:
            paths = sorted(data.glob("journal-*"))
            check(len(paths) > 1 and paths[0].name.endswith(".zst"), f"sealed segments: {paths}")
        for which in (0, -2, -1):
            with self.copy() as data:
                path = sorted(data.glob("journal-*"))[which]
                spoil(path, path.stat().st_size // 2 if path.suffix == ".zst" else 4096 + 100)
                for command in ("stat", "verify", "dump"):
                    code, _, err = journal(command, "--data", data)
                    eq(code, DAMAGED, f"{command} with a damaged {path.name}")
                    check(path.name in err, f"it is named: {err!r}")
                if which == -1:  # an earlier one may lie wholly before the newest snapshot: a start does not read it
                    self.refused(data, path.name)

    def missing_segments(self):
        with self.copy() as data:
            paths = sorted(data.glob("journal-*"))
            paths[-2].unlink()
            for command in ("stat", "verify", "dump"):
                code, _, err = journal(command, "--data", data)
                eq((code, "the segment before it is missing" in err), (DAMAGED, True), f"{command}: {err!r}")
        with self.copy() as data:
            first, *others = sorted(data.glob("journal-*"))
            for path in others:
                path.unlink()
            self.refused(data, first.name, "the last segment is sealed: the one after it is missing")
        with self.copy() as data:  # one that ends before the snapshot does, and is not sealed
            first, *others = sorted(data.glob("journal-*"))
            for path in others:
                path.unlink()
            subprocess.run(["zstd", "-q", "-d", "--rm", first], check=True)
            self.refused(data, "its last segments are missing")

    def newest_snapshot_rots(self):
        newest, older = sorted(first_kept(self.data)[2], reverse=True)[:2]
        expected = {key: value for key, value in self.market.notes[-1]["audit"].items() if key != "lsn"}
        with self.copy() as data:
            spoil(snapshot(data, newest), 5000)
            code, out, err = journal("verify", "--data", data)
            eq(code, DAMAGED, "verify")
            check("1 snapshots are bad" in out and snapshot(data, newest).name in err, f"it says so: {out!r} {err!r}")
            eq(json.loads(journal("dump", "--data", data, "--state")[1]), state(self.data), "the state from the older one")
            with Server(*OPTIONS, data=data) as server:
                eq({key: value for key, value in server.admin().audit().items() if key != "lsn"}, expected, "the audit")
                trader = Trader(server.admin(), Http1(server.public), "a new one", FUNDS)
                eq(trader.limit("BTCUSDT", "BUY", "0.1", "100")["status"], "NEW", "an order")
                server.sigterm()  # the log is written by a thread of its own: all of it is there now
                text = server.output()
                check("passed over a snapshot" in text and f'"snapshot_lsn":{older}' in text, f"the start says so: {text}")
        with self.copy() as data:  # another kind of rot: cut short
            path = snapshot(data, newest)
            path.write_bytes(path.read_bytes()[:6000])
            eq(journal("verify", "--data", data)[0], DAMAGED, "verify")

    def both_snapshots_rot(self):
        _, first, snapshots = first_kept(self.data)
        check(first > 1, "the journal was trimmed")
        with self.copy() as data:
            for lsn in snapshots:
                spoil(snapshot(data, lsn), 5000)
            self.refused(data, f"the journal begins at LSN {first}, and no good snapshot reaches there")
            for args in (("verify",), ("dump", "--state")):
                code, _, err = journal(*args, "--data", data)
                eq(code, DAMAGED, f"{args}")
                check(f"begins at LSN {first}" in err, f"it says why: {err!r}")
            code, out, _ = journal("dump", "--data", data)  # the records can be shown all the same
            eq((code, json.loads(out.splitlines()[0])["lsn"]), (0, first), "dump without state")


def snapshot(data, lsn):
    return data / f"snapshot-{lsn:020d}.snap"


def spoil(path, at):
    content = bytearray(path.read_bytes())
    content[at] ^= 0x10
    path.write_bytes(content)


def main():
    checks = Checks()
    with Server(*OPTIONS) as server:
        tests = Tests(server)
        for name in ("before_anything_is_trimmed", "while_it_trades", "earlier_states", "beside_a_writer", "a_dump_that_trimming_overtakes",
                     "after_a_stop",
                     "earlier_states", "any_lsn", "usage", "damaged_segments", "missing_segments", "newest_snapshot_rots",
                     "both_snapshots_rot", "no_secret_was_shown"):
            checks.one(name.replace("_", " "), getattr(tests, name))
    return checks.finish()


if __name__ == "__main__":
    sys.exit(main())
