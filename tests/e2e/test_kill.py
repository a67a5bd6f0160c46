#!/usr/bin/python3
"""kill -9 under load, again and again.

Goal: what was acknowledged is there after the crash, what was refused is not, and the money balances.
Method: users trade with one another on pipelined connections of their own (HTTP/2 and HTTP/1.1 in turn) and an
operator deposits; after a random number of answers the server gets SIGKILL; it starts again on the same directory
and every answer is checked against it, so is what subscribers were told (listeners_check.py), and the history in the end
against its own rows. Segments are small and snapshots frequent, so that restarts begin from snapshots and the journal
is trimmed all the while. Then the audit at rest before and after a clean restart and a kill.
With --failpoints (a build with planted bugs) the process kills itself instead, at each place in the source that has a
name: FAILPOINT("before-write") and so on; at start, in the middle of a batch, of a snapshot, of a trim.
usage: test_kill.py [--rounds N] [--seed N] [--cores N] [--failpoints] [--answers MOST]
"""
import argparse
import collections
import contextlib
import http.client
import json
import random
import re
import sys
import threading
import time

from castle_client import (ROOT, ApiError, Checks, Http2, Pipe1, Server, Trader, atoms, check, conserved, eq, parse, quote_of,
                           refusal, show, units)
from history_check import check_history
from listeners_check import Listeners
from ws_client import Closed

USERS, WINDOW, SYMBOL, PAGE = 6, 24, "BTCUSDT", 1000
MARKET = {"symbol": SYMBOL, "recvWindow": 60000}  # a crowded machine may let a request wait for seconds
ENDED = {"FILLED", "CANCELED", "EXPIRED", "EXPIRED_IN_MATCH"}


class Progress:
    """Counts answers, so that the killer can wait for the n-th instead of sleeping."""

    def __init__(self):
        self.changed, self.count = threading.Condition(), 0

    def add(self):
        with self.changed:
            self.count += 1
            self.changed.notify()

    def wait_for(self, count, seconds):
        with self.changed:
            return self.changed.wait_for(lambda: self.count >= count, seconds)


class Load(threading.Thread):
    """One user's requests until the connection dies; keeps what was answered."""

    def __init__(self, at, trader, number, serial, seed, progress):
        super().__init__(daemon=True)
        self.at, self.trader, self.number, self.progress = at, trader, number, progress
        self.random, self.serial = random.Random(seed), serial
        self.names, self.pending = [], {}
        self.orders, self.refused, self.cancels, self.not_cancelled = {}, {}, {}, []
        self.tried_to_cancel, self.error = set(), None

    def run(self):
        pipe = None
        try:
            pipe = (Http2 if self.number % 2 else Pipe1)(self.at)
            while True:
                while len(self.pending) < WINDOW:
                    kind, name, request = self.next_request()
                    self.pending[pipe.submit(*request)] = kind, name
                tag, reply = pipe.next_reply()
                self.take(*self.pending.pop(tag), reply)
                self.progress.add()
        except OSError:  # ConnectionError too: the server is gone
            pass
        except Exception as error:  # an answer that must not be: told by the main thread
            self.error = error
        finally:
            if pipe:
                with contextlib.suppress(OSError):
                    pipe.close()

    def next_request(self):
        draw = self.random.random()
        if self.names and draw < 0.3:
            name = self.random.choice(self.names[-40:])
            self.tried_to_cancel.add(name)
            return "cancel", name, self.trader.build("DELETE", "/api/v3/order",
                                                     {**MARKET, "origClientOrderId": name})
        name = f"u{self.number}-{next(self.serial)}"
        self.names.append(name)
        side = self.random.choice(("BUY", "SELL"))  # some cross, more rest
        price = 30000 + self.random.randint(-20, 60) * (1 if side == "SELL" else -1)
        params = {**MARKET, "side": side, "newClientOrderId": name,
                  "quantity": show(self.random.randint(20, 300) * 1000)}
        if draw < 0.36:
            params |= {"type": "MARKET"}
        elif draw < 0.42:
            params |= {"type": "LIMIT_MAKER", "price": str(price), "newOrderRespType": "RESULT"}
        elif draw < 0.46:  # refused by a filter, for want of funds
            params |= {"type": "LIMIT", "timeInForce": "GTC", "price": self.random.choice(("30000.001", "900000"))}
            params["quantity"] = "8000"
        else:
            tif = self.random.choices(("GTC", "IOC", "FOK"), (10, 2, 1))[0]
            stp = self.random.choice(("NONE", "EXPIRE_TAKER", "EXPIRE_MAKER", "EXPIRE_BOTH"))
            params |= {"type": "LIMIT", "timeInForce": tif, "price": str(price), "selfTradePreventionMode": stp}
        return "order", name, self.trader.build("POST", "/api/v3/order", params)

    def take(self, kind, name, reply):
        try:
            answer = parse(reply)
        except ApiError as error:
            if error.status == 503 and error.code == -1008:  # busy: nothing was recorded
                if kind == "order":
                    self.refused[name] = error
                return
            expected = (-2010, -1013) if kind == "order" else (-2011,)
            check(error.status == 400 and error.code in expected, f"{kind} {name}: {error}")
            if kind == "order":
                self.refused[name] = error
            else:
                self.not_cancelled.append(name)
            return
        if kind == "order":
            eq(answer["clientOrderId"], name, "whose answer it is")
            self.orders[name] = answer
        else:
            eq((answer["origClientOrderId"], answer["status"]), (name, "CANCELED"), "a cancel's answer")
            self.cancels[name] = answer


class Deposits(threading.Thread):
    """The operator pays in, many at a time, until the server is gone; keeps what was answered and what was not."""

    def __init__(self, admin, at, users, serial, seed, progress):
        super().__init__(daemon=True)
        self.admin, self.at, self.users, self.serial, self.progress = admin, at, users, serial, progress
        self.random, self.pending, self.answers, self.error = random.Random(seed), {}, [], None

    def run(self):
        try:
            pipe = Pipe1(self.at)
            while True:
                while len(self.pending) < WINDOW:
                    given = (self.random.choice(self.users), self.random.choice(("USDT", "BTC")),
                             show(self.random.randint(1, 10 ** 7)), f"deposit-{next(self.serial)}")
                    self.pending[pipe.sent + 1] = given
                    pipe.submit(*self.admin.deposit_request(*given))
                tag, reply = pipe.next_reply()
                self.answers.append((self.pending[tag], parse(reply)))
                del self.pending[tag]
                self.progress.add()
        except OSError:
            pass
        except Exception as error:
            self.error = error


def failpoints():
    """The names in the source: a new one cannot be forgotten."""
    names = set()
    for path in [*ROOT.glob("*.c"), *ROOT.glob("runtime/*.c"), *ROOT.glob("storage/*.c"), *ROOT.glob("actors/**/*.c")]:
        names.update(re.findall(r'FAILPOINT\("([a-z-]+)"\)', path.read_text()))
    return sorted(names)


class Kill:
    def __init__(self, server, answers, seed, listens=False):
        """`listens`: with subscribers, who compare what they were told with all that REST has: a history is needed."""
        self.server, self.answers, self.random, self.listens = server, answers, random.Random(seed), listens
        self.from_snapshot = 0
        self.serial, self.totals, self.restarts = iter(range(10 ** 9)), collections.Counter(), []
        admin = server.admin()
        funds = {"USDT": "50000000", "BTC": "2000"}
        self.traders = [Trader(admin, None, f"trader-{i}", funds) for i in range(USERS)]
        self.paid_in = collections.Counter({asset: USERS * units(amount) for asset, amount in funds.items()})
        self.trades = [dict() for _ in self.traders]  # (trade id, is maker) -> row, all that has ever been shown
        self.seen = [0] * USERS
        self.listeners = Listeners(server, self.traders, SYMBOL)
        self.connect()

    def connect(self):
        for trader in self.traders:
            trader.http = Http2(self.server.public)

    def restart(self):
        """A start without a failpoint; what it began from is counted."""
        self.server.env = None
        before = self.server.output().count('"event":"recovered"')
        self.server.restart()
        self.restarts.append(self.server.start_seconds)
        told = re.findall(r'"event":"recovered".*?"snapshot_lsn":(\d+)',
                          self.server.told('"event":"recovered"', before))
        self.from_snapshot += told[-1] != "0"
        self.connect()

    def armed(self, name):
        """Starts again with a failpoint; False when it was reached before anybody could connect."""
        self.server.kill9()
        self.server.env = {"CASTLE_FAILPOINT": f"{name}:{self.random.randint(1, 3)}"}
        try:
            self.server.restart()
        except RuntimeError:
            eq(self.server.process.returncode, -9, "how the start ended")
            return False
        return True

    def failpoint_round(self, number, name):
        if self.armed(name):
            self.round(number, failpoint=name)
        else:
            self.restart()
            conserved(self.server.admin().audit())

    def round(self, number, failpoint=None):
        listening = self.listen(number, failpoint)
        deep = self.listens and number % 25 == 2  # a longer one, whose books are looked up in the journal
        progress = Progress()
        seeds = [self.random.random() for _ in range(USERS + 1)]
        loads = [Load(self.server.public, trader, i, self.serial, seeds[i], progress)
                 for i, trader in enumerate(self.traders)]
        deposits = Deposits(self.server.admin(), self.server.admin_at, [trader.user for trader in self.traders],
                            self.serial, seeds[-1], progress)
        threads = [*loads, deposits]
        for thread in threads:
            thread.start()
        if failpoint:
            eq(self.server.process.wait(60), -9, f"how the process ended at {failpoint}")
            enough = True
        else:
            enough = progress.wait_for(3 * self.answers if deep else self.random.randint(1, self.answers), 30)
            self.server.kill9()
        for thread in threads:
            thread.join(60)
        for thread in threads:
            if thread.error:
                raise thread.error
        check(enough, f"only {progress.count} answers in 30 s")
        if listening:
            self.listeners.cut()
            if deep:
                self.listeners.check_journal()
        self.restart()
        conserved(self.server.admin().audit())
        self.check_deposits(deposits)
        for i, load in enumerate(loads):
            self.check_orders(load)
            self.check_trades(i, load)
        self.check_trade_ids()
        if listening:
            self.listeners.check(self.trades)
        for trader in self.traders:  # below MAX_NUM_ORDERS, so that the next round's orders can rest
            if len(trader.open_orders(SYMBOL)) > 100:
                trader.cancel_all(SYMBOL)
        conserved(self.server.admin().audit())
        counts = {"orders": sum(len(load.orders) for load in loads),
                  "cancels": sum(len(load.cancels) for load in loads),
                  "refused": sum(len(load.refused) for load in loads),
                  "deposits": len(deposits.answers)}
        self.totals.update(counts)
        print(f"round {number}: killed after {progress.count} answers, {counts}, "
              f"ready again in {self.server.start_seconds:.3f} s", flush=True)

    def listen(self, number, failpoint):
        """Subscribers for this round; False when there are none, or a failpoint was quicker."""
        if not self.listens:
            return False
        try:
            self.listeners.listen()
        except (OSError, Closed, http.client.HTTPException):
            if not failpoint:
                raise
            return False
        if not failpoint and number % 10 == 1:
            order = self.traders[0].limit(SYMBOL, "BUY", "0.001", "29000")
            self.traders[0].cancel(SYMBOL, orderId=order["orderId"])
            self.listeners.settled()
        return True

    def check_deposits(self, deposits):
        """Each one repeated: the identical answer, and nothing moves. Those without an answer, sent again, are
        there once."""
        admin = self.server.admin()
        before = admin.audit()
        for given, answer in deposits.answers:
            eq(admin.deposit(*given), answer, f"deposit {given} repeated")
        eq(admin.audit()["stateHash"], before["stateHash"], "state hash after repeated deposits")
        for given in deposits.pending.values():
            eq(admin.deposit(*given), admin.deposit(*given), f"deposit {given} sent again")
        for _, asset, amount, _ in [*(given for given, _ in deposits.answers), *deposits.pending.values()]:
            self.paid_in[asset] += atoms(amount)
        total = {row["asset"]: atoms(row["deposits"]) for row in admin.audit()["assets"] if atoms(row["deposits"])}
        eq(total, dict(self.paid_in), "all that was ever paid in")

    def look_up(self, trader, names):
        """{client id: order, or None when it does not exist}, many at a time."""
        tags, found = {}, {}
        for name in names:
            tags[trader.http.submit(*trader.build("GET", "/api/v3/order",
                                                  {**MARKET, "origClientOrderId": name}))] = name
        for tag, name in tags.items():
            try:
                found[name] = parse(trader.http.wait(tag))
            except ApiError as error:
                eq((error.status, error.code, error.msg), (400, -2013, "Order does not exist."), f"query of {name}")
                found[name] = None
        return found

    def check_orders(self, load):
        found = self.look_up(load.trader, [*load.orders, *load.refused, *load.not_cancelled, *load.cancels])
        for name in load.refused:
            eq(found[name], None, f"refused order {name} ({load.refused[name]})")
        for name, told in load.orders.items():
            now = found[name]
            check(now is not None, f"acknowledged order {name} is gone: {told}")
            for key in ("orderId", "price", "side", "type", "timeInForce", "selfTradePreventionMode"):
                eq(now[key], told[key], f"{key} of {name}")
            eq(now["origQty"], told["origQty"], f"origQty of {name}")
            was, done = atoms(told["executedQty"]), atoms(now["executedQty"])
            check(done >= was, f"{name} lost fills: {told['executedQty']} -> {now['executedQty']}")
            if told["status"] in ENDED:
                eq((now["status"], now["executedQty"], now["cummulativeQuoteQty"]),
                   (told["status"], told["executedQty"], told["cummulativeQuoteQty"]), f"ended order {name}")
            if now["status"] == "NEW":
                eq(done, 0, f"executed of {name}, which is NEW")
            elif now["status"] == "PARTIALLY_FILLED":
                check(0 < done < atoms(now["origQty"]), f"partly filled: {now}")
            elif now["status"] == "FILLED":
                eq(done, atoms(now["origQty"]), f"executed of {name}, which is FILLED")
            elif now["status"] == "CANCELED":
                check(name in load.tried_to_cancel, f"{name} was cancelled by nobody")
            elif now["status"] != "EXPIRED_IN_MATCH":  # a later order of the same user can make it that
                eq(now["status"], told["status"], f"status of {name}")
        for name, told in load.cancels.items():
            now = found[name]
            check(now is not None, f"acknowledged cancel of {name}, which is gone")
            eq((now["status"], now["executedQty"], now["orderId"]), ("CANCELED", told["executedQty"], told["orderId"]),
               f"cancelled order {name}")
        for name in load.not_cancelled:  # "unknown" was the answer, so it was not open
            now = found[name]
            check(now is None or now["status"] in ENDED, f"cancel said unknown, and it rests: {now}")

    def check_trades(self, i, load):
        """Every fill that was told is among the user's trades, and trades add up to what orders executed."""
        trader, mine = self.traders[i], self.trades[i]
        while True:
            page = trader.trades(SYMBOL, fromId=self.seen[i], limit=PAGE)
            for row in page:
                key = row["id"], row["isMaker"]
                eq(mine.setdefault(key, row), row, "a trade that was shown before")
                eq(atoms(row["quoteQty"]), quote_of(atoms(row["price"]), atoms(row["qty"])), "quote of a trade")
            if page:
                self.seen[i] = page[-1]["id"]
            if len(page) < PAGE:
                break
        for name, told in load.orders.items():
            for fill in told.get("fills", []):
                row = mine.get((fill["tradeId"], False))
                check(row is not None, f"fill {fill} of {name} is not among the trades")
                eq([row[key] for key in ("orderId", "price", "qty", "commission", "commissionAsset")],
                   [told["orderId"], fill["price"], fill["qty"], fill["commission"], fill["commissionAsset"]], "fill")

    def check_trade_ids(self):
        """All trades are between our users: ids are dense, each with one maker and one taker who agree."""
        sides = collections.defaultdict(list)
        for mine in self.trades:
            for (number, _), row in mine.items():
                sides[number].append(row)
        if not sides:
            return
        first = min(sides)
        eq(sorted(sides), list(range(first, first + len(sides))), "trade ids are dense")
        for number, rows in sides.items():
            eq(sorted(row["isMaker"] for row in rows), [False, True], f"one maker, one taker of trade {number}")
            eq(sorted(row["isBuyer"] for row in rows), [False, True], f"one buyer, one seller of trade {number}")
            eq(len({(row["price"], row["qty"], row["quoteQty"], row["time"]) for row in rows}), 1, f"trade {number}")

    def check_accounts(self):
        """What users see is what the audit counts; what is locked is what open orders hold."""
        audit = conserved(self.server.admin().audit())
        sums, locked, count = collections.Counter(), collections.Counter(), 0
        for trader in self.traders:
            for asset, (free, held) in trader.balances().items():
                sums[asset, "free"] += free
                sums[asset, "locked"] += held
            for order in trader.open_orders():
                left, count = atoms(order["origQty"]) - atoms(order["executedQty"]), count + 1
                if order["side"] == "SELL":
                    locked["BTC"] += left
                else:
                    locked["USDT"] += -(-atoms(order["price"]) * left // units("1"))
        for row in audit["assets"]:
            asset = row["asset"]
            eq((atoms(row["free"]), atoms(row["locked"])), (sums[asset, "free"], sums[asset, "locked"]), asset)
            eq((locked[asset], atoms(row["inFlight"])), (atoms(row["locked"]), 0), f"holds of {asset}")
        eq(audit["openOrders"], count, "open orders")

    def at_rest(self):
        """The audit but for its lsn is the same after a clean restart, and after a kill with nothing under way."""
        def audit():
            return {key: value for key, value in self.server.admin().audit().items() if key != "lsn"}

        before, books = audit(), self.traders[0].depth(SYMBOL, limit=5000)
        orders = [trader.open_orders() for trader in self.traders]
        for end in (self.server.sigterm, self.server.kill9, self.server.kill9):
            end()
            self.restart()
            eq(audit(), before, f"audit after {end.__name__} at rest")
            eq(self.traders[0].depth(SYMBOL, limit=5000), books, f"depth after {end.__name__}")
            eq([trader.open_orders() for trader in self.traders], orders, f"open orders after {end.__name__}")

    def check_trimmed(self):
        check(self.from_snapshot > 0, "no restart began from a snapshot")
        names = sorted(path.name for path in self.server.data.glob("journal-*"))
        check(names and not names[0].startswith("journal-00000001."), f"nothing was trimmed: {names}")
        check(1 <= len(list(self.server.data.glob("snapshot-*.snap"))) <= 3, "two snapshots are kept, or three for a moment")

    def books_still_trade(self):
        one = self.traders[0].limit(SYMBOL, "BUY", "0.001", "29000")
        eq(self.traders[0].cancel(SYMBOL, orderId=one["orderId"])["status"], "CANCELED", "a new order")
        for trader in self.traders:
            if trader.open_orders(SYMBOL):
                trader.cancel_all(SYMBOL)
            refusal(trader.cancel_all, SYMBOL)
        eq(conserved(self.server.admin().audit())["openOrders"], 0, "open orders after cancelling all")


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--rounds", type=int, default=20)
    parser.add_argument("--seed", type=int, default=time.time_ns() % 10 ** 6)
    parser.add_argument("--cores", type=int)
    parser.add_argument("--failpoints", action="store_true")
    parser.add_argument("--answers", type=int, default=400)
    options = parser.parse_args()
    print(f"{options.rounds} rounds, seed {options.seed}", flush=True)
    checks = Checks()
    extra = ["--done-orders", "100000", "--segment-mib", "1", "--snapshot-seconds", "1", "--snapshot-records", "3000"]
    extra += ["--cores", options.cores] if options.cores else []
    with Server(*extra) as server:
        kill = Kill(server, options.answers, options.seed, listens=True)
        if options.failpoints:
            good = all(checks.one(f"killed at {name}", kill.failpoint_round, number, name)
                       for number, name in enumerate(failpoints() * options.rounds))
        else:
            good = all(checks.one(f"round {number} of kill -9 under load", kill.round, number)
                       for number in range(1, options.rounds + 1))
        if good:  # after a failed round the rest says nothing
            checks.one("accounts agree with the audit and the open orders", kill.check_accounts)
            checks.one("the history is exact", check_history, server, kill.traders)
            checks.one("the audit at rest survives a clean restart and a kill", kill.at_rest)
            checks.one("books trade on and can be emptied", kill.books_still_trade)
        print(f"acknowledged: {json.dumps(kill.totals)}; restarts: {len(kill.restarts)}, "
              f"mean {sum(kill.restarts) / max(1, len(kill.restarts)):.3f} s, "
              f"longest {max(kill.restarts, default=0):.3f} s, {kill.from_snapshot} from a snapshot", flush=True)
        print(f"heard: {json.dumps(kill.listeners.counts)}", flush=True)
        if good and len(kill.restarts) > 10:
            checks.one("subscribers heard of everything", kill.listeners.check_heard)
            checks.one("restarts began from snapshots, and the journal was trimmed", kill.check_trimmed)
    return checks.finish()


if __name__ == "__main__":
    sys.exit(main())
