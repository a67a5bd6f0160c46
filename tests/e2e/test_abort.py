#!/usr/bin/python3
"""Clients that go away at the worst moment leave nothing dangling.

Goal: whatever a client breaks off, the server neither leaks nor corrupts anything, and what it recorded is whole.
Method: rounds of connections that send signed orders and then reset their streams, close before reading, or stop in
the middle of a request, over both HTTP versions; a good client trades meanwhile. Run under ASan by ./dev test.
"""
import random
import socket
import sys

import h2.errors

from castle_client import Binance, Checks, Http1, Http2, Server, Trader, check, conserved, eq

ROUNDS = 25
checks = Checks()


def order(trader, name):
    return trader.build("POST", "/api/v3/order", {
        "symbol": "BTCUSDT", "side": "BUY", "type": "LIMIT", "timeInForce": "GTC", "quantity": "0.001",
        "price": "20000", "newClientOrderId": name})


def raw(request, at):
    method, target, headers, body = request
    head = [f"{method} {target} HTTP/1.1", f"Host: {at[0]}", f"Content-Length: {len(body)}"]
    head += [f"{name}: {value}" for name, value in headers.items()]
    return ("\r\n".join(head) + "\r\n\r\n").encode() + body


def abort_http2(server, bad, names, rng):
    pipe = Http2(server.public)
    for number in range(40):
        name = f"h2-{len(names)}"
        names.append(name)
        stream = pipe.submit(*order(bad, name))
        if rng.random() < 0.5:
            pipe.h2.reset_stream(stream, h2.errors.ErrorCodes.CANCEL)
            pipe.open.pop(stream, None)
            pipe._flush()
        if number == 20 and rng.random() < 0.5:
            break
    pipe.socket.close()


def abort_http1(server, bad, names, rng):
    for _ in range(10):
        name = f"h1-{len(names)}"
        names.append(name)
        data = raw(order(bad, name), server.public)
        connection = socket.create_connection(server.public)
        connection.sendall(data if rng.random() < 0.6 else data[:rng.randrange(1, len(data))])
        if rng.random() < 0.3:
            connection.shutdown(socket.SHUT_WR)
        connection.close()


def aborts(server):
    rng, names = random.Random(1), []
    good = Trader(server.admin(), Http1(server.public), "good", {"USDT": "10000"})
    bad = Trader(server.admin(), Http2(server.public), "bad", {"USDT": "100000"})
    for number in range(ROUNDS):
        abort_http2(server, bad, names, rng)
        abort_http1(server, bad, names, rng)
        name = f"good-{number}"
        eq(good.limit("BTCUSDT", "BUY", "0.001", "20000", newClientOrderId=name)["status"], "NEW", "a good order")
        eq(good.cancel("BTCUSDT", origClientOrderId=name)["status"], "CANCELED", "a good cancel")
    return good, bad, names


with Server("--max-orders", "100000") as server:
    state = {}

    @checks
    def a_good_client_trades_while_others_abort():
        state["good"], state["bad"], state["names"] = aborts(server)

    @checks
    def what_was_recorded_is_whole():
        bad = state["bad"]
        bad.http = Http2(server.public)
        audit = conserved(server.admin().audit())
        account = {row["asset"]: row for row in bad.account()["balances"]}
        orders = bad.open_orders("BTCUSDT")
        check(0 < len(orders) <= len(state["names"]), f"{len(orders)} orders of {len(state['names'])} sent")
        eq(account["USDT"]["locked"], f"{20 * len(orders)}.00000000", "what their holds lock")
        eq(audit["openOrders"], len(orders), "open orders")

    @checks
    def everything_can_be_cancelled_and_the_server_ends_well():
        bad = state["bad"]
        bad.cancel_all("BTCUSDT")
        audit = conserved(server.admin().audit())
        eq(audit["openOrders"], 0, "open orders")
        eq(server.sigterm(), 0, "exit code; the server said: " + server.output()[-1500:])

    checks.run()
sys.exit(checks.finish())
