#!/usr/bin/python3
"""A link message that crashes its shard twice is skipped, and its symbol alone halted (PROTOCOL J6).

Goal: no single message can keep an exchange down, and nothing is hidden when one is skipped. Method: a build with
planted bugs (CASTLE_BUG=30: an order of 66,613 lots crashes its market; 31: a maker's fill of as many its account) crashes
in life and again at the next start; the third start stays up, the symbol is halted, another one trades, the audit
balances and is the same after a clean restart and a kill -9. One crash alone skips nothing.
"""
import sys

from castle_client import Checks, Http1, Server, Trader, conserved, eq, refusal

POISON, FUNDS = "0.66613", {"USDT": "1000000", "BTC": "10", "ETH": "100"}
PRICE = "30000"
# Accounts and markets on cores of their own: on one core a crash takes the cause with it, and nothing comes back.
APART = ("--cores", "2", "--roles", "ingress+account,match")


def crashes(server, when):
    eq(server.process.wait(60), -6, f"how the process ended {when}")


def place_poison(trader):
    """The order is durable at the account, and its market, or its fill's account, crashes: no answer."""
    try:
        trader.limit("BTCUSDT", "BUY", POISON, PRICE)
    except OSError:
        return
    raise AssertionError("the poison order was answered")


def start_fails(server):
    try:
        server.restart()
    except RuntimeError:
        eq(server.process.returncode, -6, "how the start ended")
        return
    raise AssertionError("the second start did not crash")


def prepare(server, bug):
    admin = server.admin()
    traders = [Trader(admin, Http1(server.public), name, FUNDS) for name in ("buyer", "seller")]
    traders[0].limit("ETHUSDT", "BUY", "1", "2000")
    if bug == 31:
        traders[1].limit("BTCUSDT", "SELL", POISON, PRICE)
    return admin, traders


def audit(server):
    return {key: value for key, value in conserved(server.admin().audit()).items() if key != "lsn"}


def status(trader, symbol):
    return trader.get("exchangeInfo", {"symbol": symbol})["symbols"][0]["status"]


def skipped(bug):
    with Server("--snapshot-seconds", "1", *APART, env={"CASTLE_BUG": str(bug)}) as server:
        _, traders = prepare(server, bug)
        place_poison(traders[0])
        crashes(server, "at the poison message")
        start_fails(server)
        server.restart()
        server.told('"event":"poison_skipped"')
        for trader in traders:
            trader.http = Http1(server.public)
        eq((status(traders[0], "BTCUSDT"), status(traders[0], "ETHUSDT")), ("HALT", "TRADING"), "statuses")
        error = refusal(traders[0].limit, "BTCUSDT", "BUY", "0.1", PRICE)
        eq((error.code, error.msg), (-2010, "Market is closed."), "an order for the halted symbol")
        told = traders[1].limit("ETHUSDT", "SELL", "1", "2000")
        eq(told["status"], "FILLED", "an order of another symbol")
        before = audit(server)
        stuck = [order for trader in traders for order in trader.open_orders("BTCUSDT")]
        for order in stuck:
            trader = traders[0] if order["side"] == "BUY" else traders[1]
            error = refusal(trader.cancel, "BTCUSDT", orderId=order["orderId"])
            eq((error.code, error.msg), (-2011, "Market is closed."), "a cancel for the halted symbol")
        for end in (server.sigterm, server.kill9):
            end()
            server.restart()
            eq(audit(server), before, f"audit after {end.__name__}")
        traders[0].http = Http1(server.public)
        eq(traders[0].limit("ETHUSDT", "BUY", "1", "2000")["status"], "NEW", "trading goes on")


def one_crash_is_no_proof():
    with Server(*APART, env={"CASTLE_BUG": "30"}) as server:
        _, traders = prepare(server, 30)
        place_poison(traders[0])
        crashes(server, "at the poison message")
        server.env = None
        server.restart()
        traders[0].http = Http1(server.public)
        order = traders[0].open_orders("BTCUSDT")
        eq([(row["origQty"], row["status"]) for row in order], [(POISON + "000", "NEW")], "the order went through")
        audit(server)


def main():
    checks = Checks()
    checks.one("an order that crashes its market is skipped at the third start", skipped, 30)
    checks.one("a fill that crashes its account is skipped at the third start", skipped, 31)
    checks.one("after one crash the message is tried again", one_crash_is_no_proof)
    return checks.finish()


if __name__ == "__main__":
    sys.exit(main())
