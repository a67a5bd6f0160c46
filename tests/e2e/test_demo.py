#!/usr/bin/python3
"""castle demo: what it prints works when pasted, its past is trades, its bots live within the limits.

Goal: who starts it sees a market with a past and a present, and an exchange that is none the less an ordinary one: the audit
balances, candles are sums of trades, `castle serve` reads its directory. Method: one demo in the hands of shells and client
libraries, each figure computed again from its trades; then short pasts on directories that are kept, wiped or not its own.
`./dev clients` installs the libraries; without them their lines are not pasted.
usage: test_demo.py [DAYS]: of the past, 7 unless told
"""
import contextlib
import json
import os
import pathlib
import re
import shutil
import signal
import subprocess
import sys
import time

from castle_client import (BINARY, ROOT, Binance, Checks, Http1, Server, asked_again, atoms, castle, check, conserved,
                           environment, eq, parse, reply_of)
from ws_client import WebSocket

DAYS = int(sys.argv[1]) if __name__ == "__main__" and len(sys.argv) > 1 else 7
SYMBOLS = ("BTCUSDT", "ETHUSDT", "ETHBTC")
INTERVALS = ("1s", "1m", "3m", "5m", "15m", "30m", "1h", "2h", "4h", "6h", "8h", "12h", "1d", "3d", "1w", "1M")
CLIENTS, VENV = ROOT / "tests/e2e/clients", ROOT / "build/venv"
WAIT_SECONDS = 300  # a deadline for what must come, never a measure
END_SECONDS = 120  # the same, for its end: a drain takes 10 s at most, and the bots end before it
DAY_MS = 86_400_000

checks = Checks()


class Demo(Server):
    """`castle demo` on a directory of its own."""

    def __init__(self, *options, **named):
        super().__init__("--listen", "127.0.0.1:0", "--admin", "127.0.0.1:0", *options, defaults=False, **named)

    def command(self):
        return [BINARY, "demo", "--data", str(self.data), "--ready-file", str(self.ready_file), *self.options]

    def start(self):
        before = self.output().count("Ctrl-C drains and stops.")
        super().start()
        self.printed = self.told("Ctrl-C drains and stops.", before)
        return self

    def keys(self, name):
        """What was printed of a user last: (key, secret)."""
        return re.findall(rf"{name}\s+key\s+(\w{{64}})\s+secret\s+(\w{{64}})", self.printed)[-1]

    def trader(self, name="alice"):
        return Binance(Http1(self.public), *self.keys(name))

    def get(self, path, **params):
        query = "&".join(f"{name}={value}" for name, value in params.items())
        headers = {"X-MBX-APIKEY": self.keys("alice")[0]}
        target = f"/api/v3/{path}" + (f"?{query}" if query else "")
        return parse(asked_again(lambda: reply_of(Http1(self.public).request("GET", target, headers))))

    def trades(self, symbol, first=1):
        """All trades from an id on."""
        found = []
        while page := self.get("historicalTrades", symbol=symbol, fromId=first, limit=1000):
            found += page
            first = page[-1]["id"] + 1
            if len(page) < 1000:
                break
        return found

    def metric(self, name):
        return [float(line.rsplit(" ", 1)[1]) for line in self.admin().metrics().splitlines()
                if re.match(rf"{name}[ {{]", line)]


def closed_candles(demo, symbol, interval):
    """All that are over, by pages; of seconds the first few thousand."""
    now, found, start = demo.get("time")["serverTime"], [], 0
    while page := demo.get("klines", symbol=symbol, interval=interval, startTime=start, limit=1000):
        found += [candle for candle in page if candle[6] < now]
        start = page[-1][6] + 1
        if len(page) < 1000 or interval == "1s" and len(found) > 3000:
            break
    return found


def summed(candle, trades):
    """The trades of a candle's time, as the candle says it."""
    sums = [sum(atoms(t[field]) for t in trades if not (taker and t["isBuyerMaker"]))
            for taker in (False, True) for field in ("qty", "quoteQty")]
    prices = [atoms(t["price"]) for t in trades]
    told = [atoms(candle[i]) for i in (5, 7, 9, 10)]
    eq((candle[8], told), (len(trades), sums), f"count and amounts of the candle {candle}")
    if trades:
        eq([atoms(candle[i]) for i in (1, 2, 3, 4)], [prices[0], max(prices), min(prices), prices[-1]], f"prices of {candle}")
    else:
        eq(len({candle[i] for i in (1, 2, 3, 4)}), 1, f"prices of the empty candle {candle}")


def compare(closed, trades):
    """Candles, which are closed, with their trades; returns how many trades were in them."""
    at = 0
    for candle in closed:
        check(at == len(trades) or trades[at]["time"] >= candle[0], f"trade {trades[at:at + 1]} is in no candle before {candle}")
        begin = at
        while at < len(trades) and trades[at]["time"] <= candle[6]:
            at += 1
        summed(candle, trades[begin:at])
    return at


def pasted(line, **named):
    """What a shell says when the line is pasted into it."""
    path = f"{VENV / 'bin'}:{os.environ['PATH']}"
    done = subprocess.run(["bash", "-c", line], env=environment() | {"PATH": path}, timeout=300, text=True,
                          stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, **named)
    eq(done.returncode, 0, f"exit code of {line}: {done.stderr}")
    return done.stdout


def streams(demo, *names):
    """A connection that these are told on: what must come is awaited there, for polls would use up the limits of this address."""
    return contextlib.closing(WebSocket(demo.public, "/stream?streams=" + "/".join(names)))


def line(demo, begin):
    return [text for text in demo.printed.splitlines() if text.startswith(begin)][-1]


# ---- one demo ----

@checks
def the_printed_curl_line_places_an_order(demo):
    order = json.loads(pasted(line(demo, 'P="')))
    eq((order["symbol"], order["side"], order["type"], order["origQty"]), ("BTCUSDT", "BUY", "LIMIT", "0.01000000"), "order")
    check(order["status"] in ("NEW", "FILLED"), f"status {order['status']}")
    eq(demo.trader().call("GET", "/api/v3/order", {"symbol": "BTCUSDT", "orderId": order["orderId"]})["clientOrderId"],
       order["clientOrderId"], "the order, asked for")


@checks
def the_printed_line_without_a_key_shows_candles(demo):
    told = re.search(r"^And without a key: (curl .*)$", demo.printed, re.M)[1]
    check(len(json.loads(pasted(told))) == 24 or DAYS == 0, "24 candles of an hour")


@checks
def the_printed_ccxt_line_trades(demo):
    if not shutil.which("node") or not (CLIENTS / "node_modules/ccxt").exists():
        print("skipped: ccxt is not installed")
        return
    before = demo.trader().call("GET", "/api/v3/account")
    told = pasted(line(demo, "node "), cwd=CLIENTS)
    check(told.startswith("closed "), told)
    after = demo.trader().call("GET", "/api/v3/account")
    held = [{b["asset"]: atoms(b["free"]) for b in account["balances"]}["ETH"] for account in (before, after)]
    eq(held[1] - held[0], atoms("0.49950000"), "ETH bought, less the commission")


@checks
def the_printed_python_line_trades(demo):
    if not (VENV / "bin/python3").exists():
        print("skipped: python-binance is not installed")
        return
    check(pasted(line(demo, "python3 ")).startswith("FILLED "), "a market order is filled")


@checks
def the_past_is_there_at_once(demo):
    for symbol in SYMBOLS:
        trades = demo.get("historicalTrades", symbol=symbol, fromId=1, limit=1)
        age = demo.get("time")["serverTime"] - trades[0]["time"]
        check(DAYS * DAY_MS - 3_600_000 < age <= DAYS * DAY_MS + 120_000, f"the first trade is {age} ms old")
        eq(len(demo.get("klines", symbol=symbol, interval="1m", limit=1000)), min(1000, DAYS * 1440), "candles of a minute")


@checks
def every_candle_is_the_sum_of_its_trades(demo):
    for symbol in SYMBOLS:
        closed = {interval: closed_candles(demo, symbol, interval) for interval in INTERVALS}
        trades = demo.trades(symbol)  # newer ones than the candles have
        eq([t["id"] for t in trades], list(range(1, len(trades) + 1)), "trade ids")
        seen = {interval: compare(closed[interval], trades) for interval in INTERVALS}
        check(seen["1m"] >= seen["1h"] > len(trades) * 0.7 * min(DAYS, 1), f"{seen} of {len(trades)} trades")


@checks
def the_ticker_of_a_day_is_the_sum_of_its_trades(demo):
    for symbol in SYMBOLS:
        ticker = demo.get("ticker/24hr", symbol=symbol)
        trades = [t for t in demo.trades(symbol, ticker["firstId"]) if t["id"] <= ticker["lastId"]]
        check(ticker["count"] > 500 * min(DAYS, 1), f"{ticker['count']} trades in a day")
        eq((ticker["count"], atoms(ticker["volume"]), atoms(ticker["quoteVolume"])),
           (len(trades), sum(atoms(t["qty"]) for t in trades), sum(atoms(t["quoteQty"]) for t in trades)), "sums")
        prices = [atoms(t["price"]) for t in trades]
        eq([atoms(ticker[name]) for name in ("openPrice", "highPrice", "lowPrice", "lastPrice")],
           [prices[0], max(prices), min(prices), prices[-1]], "prices")
        check(trades[0]["time"] >= ticker["openTime"], "the first trade is in the window")


@checks
def the_three_symbols_and_no_others_are_quoted_and_agree(demo):
    middle = {}
    listed = [(symbol["symbol"], symbol["status"]) for symbol in demo.get("exchangeInfo")["symbols"]]
    eq(sorted(listed), sorted((symbol, "TRADING") for symbol in SYMBOLS), "symbols")
    for symbol, _ in listed:
        depth = demo.get("depth", symbol=symbol, limit=100)
        check(len(depth["bids"]) >= 5 and len(depth["asks"]) >= 5, f"a ladder of {symbol}: {depth}")
        middle[symbol] = (float(depth["bids"][0][0]) + float(depth["asks"][0][0])) / 2
    implied = middle["BTCUSDT"] * middle["ETHBTC"]
    check(abs(implied / middle["ETHUSDT"] - 1) < 0.005, f"BTCUSDT x ETHBTC is {implied}, ETHUSDT {middle['ETHUSDT']}")


@checks
def the_three_symbols_trade_and_their_books_move(demo):
    trades, updates = {symbol: [] for symbol in SYMBOLS}, {symbol: 0 for symbol in SYMBOLS}
    with streams(demo, *(f"{symbol.lower()}@{what}" for symbol in SYMBOLS for what in ("trade", "depth"))) as told:
        since = time.monotonic()
        while any(len(trades[symbol]) < 3 or updates[symbol] <= len(trades[symbol]) for symbol in SYMBOLS):
            check(time.monotonic() - since < WAIT_SECONDS, f"{WAIT_SECONDS} s told no more than {trades}, {updates}")
            event = told.event(WAIT_SECONDS)["data"]
            if event["e"] == "trade":
                trades[event["s"]].append(event["t"])
            else:
                updates[event["s"]] += event["u"] - event["U"] + 1
    for symbol, ids in trades.items():
        eq(ids, list(range(ids[0], ids[0] + len(ids))), f"trades of {symbol}")


def orders_of(demo, code, method=r"\w+", more='[^"]*'):
    """How many requests for orders were answered so; `more`: of the route."""
    return sum(float(n) for n in re.findall(rf'castle_http_requests_total{{route="/api/v3/order{more}",'
                                            rf'method="{method}",code="{code}"}} (\d+)', demo.admin().metrics()))


@checks
def the_bots_are_clients_within_the_limits(demo):
    eq(sum(demo.metric("castle_limit_refused_total")), 0.0, "requests refused by a limit")
    eq(sum(demo.metric("castle_gateway_refused_total")), 0.0, "requests refused for lack of room")
    metrics = demo.admin().metrics()
    slow = re.findall(r'castle_http_requests_total{route="/api/v3/(?:order|openOrders)[^}]*code="(?:429|418|5\d\d)".*', metrics)
    eq(slow, [], "answers that say slow down to what only the bots send so often")
    placed, refused = orders_of(demo, "200", "POST", "(?:/cancelReplace)?"), orders_of(demo, r"4\d\d")
    check(placed > 100 and refused < placed / 5, f"{placed} orders, {refused} refusals")
    # they come from an address of their own: what is told of use here is ours
    reply = Http1(demo.public).request("GET", "/api/v3/ping")
    check(int(reply.headers["x-mbx-used-weight-1m"]) < 6000, "our own weight")


@checks
def the_bots_survive_a_halt_and_a_sweep(demo):
    admin, symbol = demo.admin(), "ETHUSDT"
    refused = orders_of(demo, r"4\d\d")
    admin.status(symbol, "HALT")
    since = time.monotonic()
    while orders_of(demo, r"4\d\d") < refused + 3:
        check(time.monotonic() - since < WAIT_SECONDS, f"{WAIT_SECONDS} s of a halt refused nothing to the bots")
        time.sleep(0.05)  # the operator's figures are asked for: nothing tells of them
    admin.status(symbol, "TRADING")
    demo.trader("bob").call("POST", "/api/v3/order", {"symbol": symbol, "side": "BUY", "type": "LIMIT", "price": "3900.00",
                                                      "timeInForce": "IOC", "quantity": "100"})
    with streams(demo, f"{symbol.lower()}@depth20@100ms") as told:
        since, depth = time.monotonic(), {"bids": [], "asks": []}
        while len(depth["bids"]) < 10 or len(depth["asks"]) < 10:
            check(time.monotonic() - since < WAIT_SECONDS, f"{WAIT_SECONDS} s later there is no ladder: {depth}")
            depth = told.event(WAIT_SECONDS)["data"]
    price = float(depth["bids"][0][0])
    check(2500 < price < 3500, f"the price did not come back: {price}")


@checks
def money_is_conserved_and_only_deposits_made_it(demo):
    audit = conserved(demo.admin().audit())
    deposits = {a["asset"]: a["deposits"] for a in audit["assets"]}
    eq((deposits["USDT"], deposits["BTC"], deposits["ETH"]),
       ("1002000000.00000000", "25100.00000000", "251000.00000000"), "deposits")


@checks
def it_ends_and_leaves_no_quotes(demo):
    order = demo.trader().call("POST", "/api/v3/order", {"symbol": "BTCUSDT", "side": "BUY", "type": "LIMIT", "price": "20000.00",
                                                        "timeInForce": "GTC", "quantity": "0.01"})
    mine = len(demo.trader().call("GET", "/api/v3/openOrders", {}))
    for name in ("alice", "bob"):
        demo.before = {**getattr(demo, "before", {}), name: demo.keys(name)}
    eq(demo.sigterm(), 0, "exit code")
    # the directory is an ordinary one
    with Server(data=demo.data) as server:
        eq(server.admin().audit()["openOrders"], mine, "orders that rest without the bots")
        conserved(server.admin().audit())
        trader = Binance(Http1(server.public), *demo.before["alice"])
        eq(trader.call("GET", "/api/v3/order", {"symbol": "BTCUSDT", "orderId": order["orderId"]})["status"], "NEW", "ours")
        eq(server.sigterm(), 0, "exit code of serve")


@checks
def kept_it_goes_on(demo):
    demo.options.append("--keep")
    demo.restart()
    eq({name: demo.keys(name) for name in ("alice", "bob")}, demo.before, "keys")
    eq(demo.trader().call("GET", "/api/v3/openOrders", {"symbol": "BTCUSDT"})[-1]["price"], "20000.00000000", "our order")
    for symbol in SYMBOLS:
        closed, trades = closed_candles(demo, symbol, "1h"), demo.trades(symbol)
        eq([t["id"] for t in trades], list(range(1, len(trades) + 1)), f"trades of {symbol}")
        check(compare(closed, trades) > 0 or DAYS == 0, "candles of an hour")
        check(len(demo.get("depth", symbol=symbol, limit=100)["bids"]) >= 5, "a ladder")
    conserved(demo.admin().audit())


# ---- directories ----

def files(folder):
    return {path.name: path.read_bytes() for path in pathlib.Path(folder).iterdir()}


def without_a_past():
    demo = Demo("--days", "0")
    demo.data.mkdir()
    return demo


@checks
def a_directory_of_somebody_else_is_refused_and_stays(_):
    demo = without_a_past()
    (demo.data / "thesis.txt").write_text("years of work")
    for more in ((), ("--keep",)):
        done = castle("demo", "--data", demo.data, *more)
        eq((done.returncode, files(demo.data)), (2, {"thesis.txt": b"years of work"}), f"exit code and files: {done.stdout}")
        check("--data" in done.stdout and "is not a demo's directory" in done.stdout, done.stdout)
    demo.remove()


@checks
def a_directory_of_serve_is_refused_and_stays(_):
    with Server() as server:
        user = server.admin().user("somebody")
        server.sigterm()
        done = castle("demo", "--data", server.data)
        eq(done.returncode, 2, f"exit code; it said {done.stdout}")
        server.restart()
        eq([u["userId"] for u in server.admin().users()], [user], "its users")


@checks
def a_demo_is_wiped_but_for_what_is_not_its_own(_):
    demo = without_a_past()
    with demo:
        first = demo.keys("alice")
        number = demo.trader().call("POST", "/api/v3/order", {"symbol": "BTCUSDT", "side": "BUY", "type": "LIMIT", "price": "1000.00",
                                                              "timeInForce": "GTC", "quantity": "0.01"})["orderId"]
        demo.sigterm()
        theirs = ("notes.txt", "journal-notes.md", "snapshot-of-mine.png", "history.db.bak", "demo.keys.txt")
        for name in theirs:
            (demo.data / name).write_text("mine")
        demo.restart()
        check(demo.keys("alice") != first, "new keys")
        eq(demo.trader().call("GET", "/api/v3/openOrders", {}), [], f"order {number} is gone")
        eq([(demo.data / name).read_text() for name in theirs], ["mine"] * len(theirs), "files of somebody else's")
        eq((demo.data / "demo.keys").stat().st_mode & 0o777, 0o600, "mode of the keys' file")


@checks
def a_mark_that_was_cut_short_is_made_again(_):
    demo = without_a_past()
    (demo.data / "demo.keys.new").write_text("`castle")
    with demo:
        check((demo.data / "castle-demo").exists(), "the mark")


@checks
def one_that_was_killed_goes_on_and_one_that_was_not_finished_begins_anew(_):
    demo = without_a_past()
    demo.options.append("--keep")
    with demo:
        first = demo.keys("bob")
        demo.kill9()
        demo.restart()
        eq(demo.keys("bob"), first, "keys")
        conserved(demo.admin().audit())
        demo.kill9()
        (demo.data / "demo.keys").unlink()  # as if killed while the past was made
        demo.restart()
        check(demo.keys("bob") != first, "new keys")
        check(len(demo.admin().users()) == 7, "users")


@checks
def a_second_one_finds_the_directory_locked(_):
    with without_a_past() as demo:
        done = castle("demo", "--data", demo.data)
        eq(done.returncode, 3, f"exit code; it said {done.stdout}")
        eq(len(demo.get("depth", symbol="BTCUSDT")["bids"]) > 0, True, "the first one goes on")


@checks
def the_same_seed_is_the_same_past(_):
    def past(*options):
        with Demo("--days", "1", *options) as demo:
            return [[candle[1:6] for candle in demo.get("klines", symbol=symbol, interval="1m", startTime=0, limit=600)]
                    for symbol in SYMBOLS]

    one, other = past("--seed", "7"), past("--seed", "8")
    eq(past("--seed", "7", "--cores", "1"), one, "the first candles of one seed, by one core")
    check(one != other, "another seed is another past")


@checks
def options_are_those_of_serve_and_its_own(_):
    for arguments, said in ((("serve", "--keep"), "option --keep is not known"), (("serve", "--seed", "1"), "--seed"),
                            (("demo", "--days", "8"), "--days"), (("demo", "--seed", "x"), "--seed"),
                            (("demo", "--tls-cert", "c.pem", "--tls-key", "k.pem"), "--tls-cert"),
                            (("demo", "--max-users", "6"), "--max-users"), (("demo", "--max-symbols", "2"), "--max-symbols"),
                            (("demo", "--nonsense"), "--nonsense")):
        done = castle(*arguments)
        eq(done.returncode, 2, f"exit code of {arguments}")
        check(said in done.stdout, f"{arguments}: {done.stdout}")


@checks
def the_token_is_where_it_says(_):
    demo = Demo("--days", "0", env={"CASTLE_ADMIN_TOKEN": "of-the-environment"})
    with demo:
        check("token in the variable CASTLE_ADMIN_TOKEN)" in demo.printed, demo.printed)
        check(not (demo.data / "admin.token").exists(), "a token that is not used")
    with without_a_past() as demo:
        path = re.search(r"token in (.*?)\)", demo.printed)[1]
        eq(pathlib.Path(path), demo.data / "admin.token", "where it is")


@checks
def a_signal_ends_it_at_any_moment(_):
    for after in (0, 0.02, 0.1, 0.3, 0.6, 1.2):
        demo = Demo("--days", "0", "--log-level", "info")
        process = subprocess.Popen(demo.command(), env=environment(), stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                                   stderr=subprocess.DEVNULL)
        time.sleep(after)
        process.send_signal(signal.SIGTERM)
        check(process.wait(END_SECONDS) in (0, -signal.SIGTERM), f"ended with {process.returncode} after {after} s")
        demo.remove()


def main():
    with Demo("--days", str(DAYS)) as demo:
        print(f"ready in {demo.start_seconds:.1f} s")
        checks.run(demo)
    return checks.finish()


if __name__ == "__main__":
    sys.exit(main())
