#!/usr/bin/python3
"""docs/API.md: what it says of clients, as it says it.

Goal: who copies a block from that page into a file has a client that trades on Castle; freqtrade, with the page's config
and strategy, opens trades and closes them. Method: a demo; each block is written under its name, address and keys put in,
and run by what is named here, which says what it prints. A block that nobody runs is a failure. `./dev clients` installs
the clients; what is missing is a skip (77). hummingbot, which takes minutes to build, is run only by a Python that has it.
usage: test_api_doc.py [--hummingbot PYTHON]
"""
import contextlib
import json
import pathlib
import re
import shutil
import signal
import sqlite3
import subprocess
import sys
import tempfile
import time

from castle_client import ATOM, ROOT, Checks, atoms, check, conserved, environment, eq
from test_demo import Demo

CLIENTS = ROOT / "tests/e2e/clients"
BINANCE, FREQTRADE = ROOT / "build/venv", ROOT / "build/freqtrade"  # virtual environments; ccxt comes with freqtrade
LOCKS = ((CLIENTS / "package-lock.json", CLIENTS / "node_modules/installed.lock"),
         (CLIENTS / "requirements.txt", BINANCE / "installed.lock"),
         (CLIENTS / "freqtrade.txt", FREQTRADE / "installed.lock"))
SECONDS = 120  # a deadline for what must end, never a measure
PRICE, AMOUNT = r"\d+(\.\d+)?", r"\d+\.\d{8}"
LEVEL = rf"\[ ?{PRICE}, {PRICE} ?\]"
HUMMINGBOT = sys.argv[sys.argv.index("--hummingbot") + 1] if "--hummingbot" in sys.argv else None

PRINTS = {  # what each block prints, among what else its client says
    "ccxt_rest.py": [rf"{PRICE} \[\[\d{{13}}, .*\]\]", "open canceled", rf"closed {PRICE} \{{'free': {PRICE}, .*\}}"],
    "ccxt_ws.py": [f"{LEVEL} {LEVEL}", "True closed"],
    "ccxt_bot.mjs": [rf"closed {PRICE} \{{ free: {PRICE}, .*\}}", f"{LEVEL} {LEVEL}", "closed"],
    "binance_rest.py": [rf"\{{'symbol': 'BTCUSDT', 'price': '{AMOUNT}'\}}", "CANCELED", f"FILLED {AMOUNT} .*'ETH'.*"],
    "binance_ws.py": [rf"\['{AMOUNT}', '{AMOUNT}'\]", "executionReport FILLED"],
    "binance_bot.mjs": ["FILLED", f"traded at {AMOUNT}"],
    "spot_bot.mjs": ["FILLED", "SPOT", f"traded at {AMOUNT}"],
    "node_binance_api_bot.mjs": ["FILLED", f"traded at {AMOUNT}"],
    "quotes.py": [rf"filled (BUY|SELL) {AMOUNT} {AMOUNT}", rf"\[(True(, True)*)?\] {PRICE}"],
}
PYTHONS = {"ccxt_rest.py": FREQTRADE / "bin/python", "ccxt_ws.py": FREQTRADE / "bin/python", "quotes.py": HUMMINGBOT,
           "binance_rest.py": BINANCE / "bin/python", "binance_ws.py": BINANCE / "bin/python"}
CONFIG, STRATEGY = "config.json", "strategies/InOut.py"

checks = Checks()


PAGE = (ROOT / "docs/API.md").read_text()
BLOCKS = dict(re.findall(r"^```\w+ (\S+)\n(.*?)^```$", PAGE, re.M | re.S))  # by the name of the file


def written(name, demo, folder):
    """The block in a file, with the demo's address and alice's keys for those of the page."""
    host, port = demo.public
    text = BLOCKS[name]
    for old, new in (("127.0.0.1:8080", f"{host}:{port}"), ("KEY", demo.keys("alice")[0]), ("SECRET", demo.keys("alice")[1])):
        check(name == STRATEGY or re.search(rf"\b{re.escape(old)}\b", text), f"{name} has no {old}")
        text = re.sub(rf"\b{re.escape(old)}\b", new, text)
    path = pathlib.Path(folder) / name
    path.parent.mkdir(exist_ok=True)
    path.write_text(text)
    return path


def quiet():
    return environment({"NO_PROXY": "127.0.0.1", "no_proxy": "127.0.0.1"})


def ran(name, demo):
    """Runs the block; what it is to print must come in this order, each a line of its own."""
    with tempfile.TemporaryDirectory(prefix="castle-e2e-") as folder:
        path = written(name, demo, folder)
        command = [PYTHONS[name], path] if name in PYTHONS else ["node", "--input-type=module"]
        cwd = folder if name in PYTHONS else CLIENTS  # where its modules are
        with open(path) as source:
            done = subprocess.run(list(map(str, command)), cwd=cwd, stdin=source, env=quiet(), timeout=SECONDS, text=True,
                                  stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    eq(done.returncode, 0, f"exit code of {name}: {done.stdout[-3000:]}")
    lines = iter(done.stdout.splitlines())
    for wanted in PRINTS[name]:
        check(any(re.fullmatch(wanted, line) for line in lines), f"{name} does not print {wanted}: {done.stdout[-3000:]}")


@checks
def each_block_of_the_page_is_known_here(_):
    eq(set(BLOCKS), {*PRINTS, CONFIG, STRATEGY}, "names of blocks")


@checks
def the_versions_of_the_page_are_those_that_run(_):
    node = json.loads((CLIENTS / "package.json").read_text())["dependencies"]
    locks = "".join((CLIENTS / lock).read_text() for lock in ("requirements.txt", "freqtrade.txt"))
    python = dict(re.findall(r"^([\w-]+)==(.*)$", locks, re.M))
    rows = dict(re.findall(r"^\| \[([\w@/-]+)\]\(#\S+\)[^|]*\| ([^|]+) \|", PAGE, re.M))
    wanted = {"ccxt": f"{python['ccxt']}, {node['ccxt']}", "python-binance": python["python_binance"],
              "freqtrade": python["freqtrade"],
              **{name: node[name] for name in ("binance", "@binance/spot", "node-binance-api")}}
    eq({name: rows.get(name) for name in wanted}, wanted, "versions")


def of_block(name):
    def step(demo):
        before = demo.trader().call("GET", "/api/v3/account")["updateTime"]
        ran(name, demo)
        check(demo.trader().call("GET", "/api/v3/account")["updateTime"] > before, "alice's account did not change")
    step.__name__ = f"{name}_runs_as_it_is_printed"
    checks(step)


for block in PRINTS:
    if block != "quotes.py" or HUMMINGBOT:
        of_block(block)


# ---- freqtrade ----

def freqtrade(demo, folder, *arguments):
    written(CONFIG, demo, folder)
    written(STRATEGY, demo, folder)
    return [str(FREQTRADE / "bin/freqtrade"), *arguments, "-c", f"{folder}/{CONFIG}", "--userdir", str(folder)]


@checks
def freqtrade_downloads_what_candles_there_are(demo):
    with tempfile.TemporaryDirectory(prefix="castle-e2e-") as folder:
        done = subprocess.run(freqtrade(demo, folder, "download-data", "--timeframes", "5m", "--days", "1"), env=quiet(),
                              timeout=SECONDS, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        eq(done.returncode, 0, f"exit code: {done.stdout[-3000:]}")
        for pair in ("BTC/USDT", "ETH/USDT"):
            found = re.search(rf"Downloaded data for {pair}, 5m, spot with length (\d+)", done.stdout)
            candles = len(demo.get("klines", symbol=pair.replace("/", ""), interval="5m", limit=1000, startTime=0))
            check(found and 0 <= candles - int(found[1]) <= 2, f"{candles} candles of {pair}: {done.stdout[-3000:]}")


def closed_trades(database):
    """freqtrade's own record: of each trade that it has closed its orders, (pair, id, side, amount filled)."""
    with contextlib.closing(sqlite3.connect(f"file:{database}?mode=ro", uri=True)) as base:
        rows = base.execute("SELECT t.id, t.pair, o.order_id, o.ft_order_side, o.filled FROM orders o "
                            "JOIN trades t ON t.id = o.ft_trade_id WHERE NOT t.is_open ORDER BY o.id").fetchall()
    return {trade: [row[1:] for row in rows if row[0] == trade] for trade, *_ in rows}


@checks
def freqtrade_buys_guards_and_sells(demo):
    with tempfile.TemporaryDirectory(prefix="castle-e2e-") as folder:
        database, log = pathlib.Path(folder) / "trades.sqlite", pathlib.Path(folder) / "log"
        with open(log, "w") as output:
            process = subprocess.Popen(freqtrade(demo, folder, "trade", "--db-url", f"sqlite:///{database}"), env=quiet(),
                                       stdin=subprocess.DEVNULL, stdout=output, stderr=output)
        try:
            closed, deadline = {}, time.monotonic() + SECONDS
            while not closed:
                with contextlib.suppress(subprocess.TimeoutExpired):  # the pause between two looks
                    code = process.wait(timeout=0.2)
                    raise AssertionError(f"freqtrade ended with {code}: {log.read_text()[-5000:]}")
                check(time.monotonic() < deadline, f"no trade was closed: {log.read_text()[-5000:]}")
                with contextlib.suppress(sqlite3.OperationalError):  # not made yet
                    closed = closed_trades(database)
            check(sum(demo.metric("castle_ws_subscriptions")) >= 1, "its candles do not come over a stream")
        finally:
            process.send_signal(signal.SIGTERM)
            try:
                process.wait(SECONDS)
            except subprocess.TimeoutExpired:
                process.kill()
                raise
    for orders in closed.values():
        here = {}
        for pair, number, side, filled in orders:
            order = demo.trader().call("GET", "/api/v3/order", {"symbol": pair.replace("/", ""), "orderId": number})
            here[side] = order["type"], order["status"]
            eq(atoms(order["executedQty"]), round(filled * ATOM), f"what was filled of {order}")
        eq(here, {"buy": ("MARKET", "FILLED"), "stoploss": ("STOP_LOSS_LIMIT", "CANCELED"), "sell": ("MARKET", "FILLED")},
           f"what freqtrade says are {orders}")


@checks
def money_is_conserved(demo):
    conserved(demo.admin().audit())


def main():
    lacks = [wanted.name for wanted, installed in LOCKS
             if not installed.exists() or installed.read_bytes() != wanted.read_bytes()]
    if lacks or not shutil.which("node"):
        print(f"not installed: what {', '.join(lacks) or 'node'} names (./dev clients, which asks npm and PyPI)")
        return 77
    with Demo("--days", "1") as demo:
        checks.run(demo)
    return checks.finish()


if __name__ == "__main__":
    sys.exit(main())
