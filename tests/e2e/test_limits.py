#!/usr/bin/env python3
"""Rate limits: what an address and an account get in a window of the clock, what is told when it is used up, and bans.

The server takes 127.0.0.1 for a trusted proxy, so that each check asks from an address of its own. Nothing waits for a
window to end: a check that one ended in the middle of is made again, from another address. How windows and bans end,
and how bans grow, is tested with a clock in tests/unit/http/test_limits.c.
"""
import contextlib
import itertools
import json
import sys

from castle_client import (ANSWER_SECONDS, ApiError, Binance, Checks, Http1, Http2, Server, Trader, atoms, check, connect, eq,
                           read_reply, refusal)
from test_ws_api import WsApi
from ws_client import WebSocket

checks = Checks()
MINUTE, TEN = 60_000, 10_000
ANSWER_MS = ANSWER_SECONDS * 1000 + 1000  # an answer does not take longer
HEAVY = "/api/v3/depth?symbol=BTCUSDT&limit=5000"  # weighs 250
USED, USED_1M, COUNT_10S, COUNT_1D = ("x-mbx-used-weight", "x-mbx-used-weight-1m", "x-mbx-order-count-10s",
                                      "x-mbx-order-count-1d")
TOO_MUCH = ("Too much request weight used; current limit is 6000 request weight per 1 MINUTE. Please use WebSocket "
            "Streams for live updates to avoid polling the API.")
BANNED = ("Way too much request weight used; IP banned until ", ". Please use WebSocket Streams for live updates to avoid "
          "bans.")
TOO_MANY = "Too many new orders; current limit is 100 orders per 10 SECOND."
hosts = (f"10.{a}.{b}.{c}" for a, b, c in itertools.product(range(1, 250), range(250), range(1, 250)))


class Through:
    """Another connection, as from a client behind a proxy."""

    def __init__(self, http, host=None):
        self.http, self.host = http, host or next(hosts)

    def request(self, method, target, headers=None, body=b""):
        return self.http.request(method, target, {**(headers or {}), "X-Forwarded-For": self.host}, body)

    def submit(self, method, target, headers=None, body=b""):
        return self.http.submit(method, target, {**(headers or {}), "X-Forwarded-For": self.host}, body)

    def get(self, target):
        return self.request("GET", target)

    def weight(self):
        """What was used, by a request that weighs 1."""
        return int(self.get("/api/v3/ping").headers[USED_1M])


class Session:
    def __init__(self, server):
        self.server, self.at, self.admin = server, server.public, server.admin()
        self.clock = Http1(self.at)
        self.maker = self.trader("maker")

    def now(self):
        """The server's time, asked for from yet another address."""
        reply = self.clock.request("GET", "/api/v3/time", {"X-Forwarded-For": next(hosts)})
        return json.loads(reply.body)["serverTime"]

    def client(self, kind=Http1, host=None):
        return Through(kind(self.at), host)

    def trader(self, name, kind=Http1):
        return Trader(self.admin, self.client(kind), name, {"USDT": "10000000", "BTC": "1000"})


def in_one_window(s, length_ms, act):
    """Calls act(end of the window) until no window has ended meanwhile."""
    for _ in range(20):
        window = s.now() // length_ms
        failed = None
        try:
            act((window + 1) * length_ms)
        except AssertionError as error:
            failed = error
        if s.now() // length_ms != window:
            continue
        if failed:
            raise failed
        return
    raise AssertionError(f"each of 20 tries took longer than {length_ms} ms")


def error_of(reply):
    value = json.loads(reply.body)
    eq(set(value), {"code", "msg"}, "members of an error")
    return reply.status, value["code"], value["msg"]


def retry_in(s, reply, end_ms):
    """Retry-After is the time to the end, in whole seconds, at the answer: between the last look at the clock and now."""
    seconds = int(reply.headers["retry-after"])
    check(end_ms - s.now() <= seconds * 1000 < end_ms - s.now() + ANSWER_MS, f"Retry-After: {seconds}")


def use_up(client):
    for i in range(24):
        reply = client.get(HEAVY)
        eq((reply.status, reply.headers[USED], reply.headers[USED_1M]), (200, str(250 * (i + 1)), str(250 * (i + 1))),
           f"request {i + 1}")
    eq("retry-after" in reply.headers, False, "Retry-After with 200")


def refused(reply):
    eq(error_of(reply), (429, -1003, TOO_MUCH), "a request beyond the weight")


def banned_until(reply):
    status, code, text = error_of(reply)
    eq((status, code, text.startswith(BANNED[0]), text.endswith(BANNED[1])), (418, -1003, True, True), text)
    return int(text[len(BANNED[0]):-len(BANNED[1])])


# ---- addresses ----

@checks
def an_address_gets_6000_a_minute_and_is_banned_when_it_goes_on(s):
    for kind in (Http1, Http2):
        def act(end):
            client = s.client(kind)
            use_up(client)
            reply = client.get("/api/v3/ping")
            refused(reply)
            eq((reply.headers[USED], reply.headers[USED_1M]), ("6000", "6000"), "a refused request costs nothing")
            eq(reply.headers["cache-control"], "no-store", "Cache-Control")
            retry_in(s, reply, end)
            for target in (HEAVY, "/api/v3/nothing", "/api/v3/account") * 33:
                refused(client.get(target))
            before = s.now()
            reply = client.get("/api/v3/ping")
            until = banned_until(reply)
            check(before + 120_000 <= until <= s.now() + 121_000, f"banned until {until} at {before}")
            check(119 <= int(reply.headers["retry-after"]) <= 121, f"Retry-After {reply.headers['retry-after']}")
            eq(banned_until(client.get(HEAVY)), until, "the ban's end, asked again")
            eq(banned_until(Through(Http1(s.at), client.host).get("/api/v3/nothing")), until, "on another connection")
            eq(s.client(kind).get("/api/v3/ping").status, 200, "another address")
        in_one_window(s, MINUTE, act)


@checks
def what_still_fits_is_taken_and_what_does_not_costs_nothing(s):
    def act(_):
        client, depth = s.client(), "/api/v3/depth?symbol=BTCUSDT&limit="
        for _ in range(23):
            client.get(HEAVY)
        for limit, status, used in ((1000, 200, 5800), (1000, 200, 5850), (1000, 200, 5900), (500, 200, 5925),
                                    (5000, 429, 5925), (1000, 200, 5975), (1000, 429, 5975), (500, 200, 6000),
                                    (5, 429, 6000)):
            reply = client.get(f"{depth}{limit}")
            eq((reply.status, reply.headers[USED_1M]), (status, str(used)), f"a limit of {limit}")
    in_one_window(s, MINUTE, act)


@checks
def weights_depend_on_parameters_before_anything_is_done(s):
    def act(_):
        client = s.client()
        for target, weight in (("openOrders", 80), ("openOrders?symbol=BTCUSDT", 6), ("myTrades", 20),
                               ("myTrades?orderId=1", 5), ("depth?symbol=NONE&limit=1000", 50),
                               ("ticker/24hr", 80), ("ticker/24hr?symbol=BTCUSDT", 2), ("ticker/price", 4),
                               ("ticker/price?symbol=BTCUSDT", 2), ("nothing", 1), ("rateLimit/order", 40)):
            before = client.weight()
            eq(int(client.get(f"/api/v3/{target}").headers[USED_1M]) - before, weight, target)
        for _ in range(23):
            client.get(HEAVY)
        used = client.weight()
        while used < 5940:
            used = int(client.get("/api/v3/depth?symbol=BTCUSDT").headers[USED_1M])
        refused(client.get("/api/v3/ticker/24hr"))
        eq(client.get("/api/v3/ticker/24hr?symbol=BTCUSDT").status, 200, "of one symbol")
        eq(client.get("/api/v3/openOrders").status, 429, "what weighs 80 is refused before its key is looked at")
        eq(client.get("/api/v3/openOrders?symbol=BTCUSDT").status, 401, "what weighs 6 is not")
    in_one_window(s, MINUTE, act)


@checks
def requests_at_once_on_many_connections_get_no_more(s):
    def act(_):
        host = next(hosts)
        clients = [Through(Http2(s.at), host) for _ in range(4)]
        for client in clients * 10:
            client.submit("GET", HEAVY)
        statuses = [client.http.next_reply()[1].status for client in clients * 10]
        eq((statuses.count(200), statuses.count(429)), (24, 16), "answers")
    in_one_window(s, MINUTE, act)


@checks
def trading_costs_nothing_when_it_succeeds_and_is_refused_when_nothing_is_left(s):
    trader = s.trader("thrifty")

    def act(_):
        trader.http = client = s.client()
        before = client.weight()
        for _ in range(3):
            order = trader.limit("BTCUSDT", "BUY", "0.001", "20000")
            trader.cancel("BTCUSDT", orderId=order["orderId"])
        refusal(trader.limit, "BTCUSDT", "BUY", "0.001", "0.001")
        refusal(trader.cancel, "BTCUSDT", orderId=1 << 40)
        eq(client.weight() - before, 3, "two that failed, and the look")
        for _ in range(23):
            client.get(HEAVY)
        while client.get("/api/v3/depth?symbol=BTCUSDT&limit=500").status == 200:
            pass
        while client.weight() < 6000:
            pass
        error = refusal(trader.limit, "BTCUSDT", "BUY", "0.001", "20000")
        eq((error.status, error.code, error.msg), (429, -1003, TOO_MUCH), "an order")
        trader.http = s.client()
        eq(trader.open_orders("BTCUSDT"), [], "which was not placed")
    in_one_window(s, MINUTE, act)


@checks
def the_websocket_api_has_the_same_limits(s):
    def act(end):
        host = next(hosts)
        header = {"X-Forwarded-For": host}
        with contextlib.closing(WebSocket(s.at, "/ws-api/v3", headers=header)) as ws:
            eq(ws.ask("ping")["rateLimits"], [{"rateLimitType": "REQUEST_WEIGHT", "interval": "MINUTE", "intervalNum": 1,
                                               "limit": 6000, "count": 3}], "connecting weighs 2")
            for _ in range(23):
                eq(ws.ask("depth", {"symbol": "BTCUSDT", "limit": 5000})["status"], 200, "depth")
            refusals = 0
            for limit in (5000, 1000, 500, 100):  # what still fits, largest first
                while (answer := ws.ask("depth", {"symbol": "BTCUSDT", "limit": limit}))["status"] == 200:
                    pass
                refusals += 1
            while (answer := ws.ask("ping"))["status"] == 200:
                pass
            refusals += 1
            eq((answer["status"], answer["error"]["code"], answer["error"]["msg"]), (429, -1003, TOO_MUCH), "refused")
            eq((answer["error"]["data"]["retryAfter"], answer["rateLimits"][0]["count"]), (end, 6000), "until when")
            check(end - MINUTE <= answer["error"]["data"]["serverTime"] <= end, f"serverTime: {answer}")
            reply = WebSocket(s.at, "/ws-api/v3", headers=header).answer
            refused(reply)
            retry_in(s, reply, end)
            refusals += 1
            for _ in range(100 - refusals):
                eq(ws.ask("order.place")["status"], 429, "going on")
            answer = ws.ask("time")
            until = answer["error"]["data"]["retryAfter"]
            eq((answer["status"], answer["error"]["code"], answer["error"]["msg"]), (418, -1003, f"{until}".join(BANNED)),
               "banned")
            check(119_000 < until - answer["error"]["data"]["serverTime"] <= 121_000, f"until when: {answer}")
            eq(banned_until(WebSocket(s.at, "/ws-api/v3", headers=header).answer), until, "another connection")
            eq(banned_until(Through(Http1(s.at), host).get("/api/v3/ping")), until, "REST")
            eq(ws.closed().code, 1008, "the connection ends behind that answer")
        with contextlib.closing(WebSocket(s.at, "/ws/btcusdt@trade", headers=header)) as ws:
            eq(ws.answer.status, 101, "market streams have no weight")
    in_one_window(s, MINUTE, act)


# ---- accounts ----

def place_100(trader):
    for i in range(100):
        reply = trader.http.request(*trader.build("POST", "/api/v3/order", order(i)))
        eq((reply.status, reply.headers[COUNT_10S]), (200, str(i + 1)), f"order {i + 1}")
    return reply


def order(i):
    return {"symbol": "BTCUSDT", "side": "BUY", "type": "LIMIT", "timeInForce": "GTC", "quantity": "0.001",
            "price": "30000", "newClientOrderId": f"one-{i}", "newOrderRespType": "ACK"}


def until_traded(s, trader, name):
    """Whoever takes it is answered by a shard of its own, maybe before the order's account has its part of the fill."""
    asker = Binance(s.client(), trader.key, trader.secret)
    for _ in range(10_000):
        if atoms(asker.query("BTCUSDT", origClientOrderId=name)["executedQty"]):
            return
        asker.http.host = next(hosts)  # no address uses up its weight
    raise AssertionError(f"{name} does not trade")


@checks
def an_account_has_100_unfilled_orders_in_ten_seconds(s):
    tried = []
    for kind in (Http1, Http2):
        def act(end):
            for other in tried:  # of a try that took too long: no trade is to find its orders
                with contextlib.suppress(ApiError):
                    other.cancel_all("BTCUSDT")
            trader = s.trader(f"{kind.__name__} {len(tried)}", kind)
            tried.append(trader)
            place_100(trader)
            reply = trader.http.request(*trader.build("POST", "/api/v3/order", order(100)))
            eq(error_of(reply), (429, -1015, TOO_MANY), "one more")
            eq((reply.headers[COUNT_10S], reply.headers[COUNT_1D]), ("100", "100"), "its counts")
            retry_in(s, reply, end)
            limits = trader.get("rateLimit/order", signed=True)
            eq([(one["intervalNum"], one["interval"], one["limit"], one["count"]) for one in limits],
               [(10, "SECOND", 100, 100), (1, "DAY", 200000, 100)], "rateLimit/order")
            eq({one["rateLimitType"] for one in limits}, {"ORDERS"}, "rateLimitType")
            other = Binance(s.client(kind), *s.admin.key(trader.user))
            eq(refusal(other.limit, "BTCUSDT", "BUY", "0.001", "30000").code, -1015, "by another key, from elsewhere")
            replaces = {"cancelReplaceMode": "ALLOW_FAILURE", "cancelOrigClientOrderId": "one-0"}
            error = refusal(trader.call, "POST", "/api/v3/order/cancelReplace", order(100) | replaces)
            eq((error.status, error.code, error.msg), (429, -1015, TOO_MANY), "a replace")
            eq(trader.query("BTCUSDT", origClientOrderId="one-0")["status"], "NEW", "which cancels nothing")
            error = refusal(trader.call, "POST", "/api/v3/order/cancelReplace",
                            order(100) | replaces | {"orderRateLimitExceededMode": "CANCEL_ONLY"})
            eq((error.status, error.code), (409, -2021), "unless it is to")
            eq(json.loads(error.reply.body)["data"]["newOrderResponse"], {"code": -1015, "msg": TOO_MANY}, "its half")
            for old, code in (("one-3", -2021), ("nobodys", -2022)):
                error = refusal(trader.call, "POST", "/api/v3/order/cancelReplace",
                                order(100) | {"cancelReplaceMode": "STOP_ON_FAILURE", "cancelOrigClientOrderId": old,
                                              "orderRateLimitExceededMode": "CANCEL_ONLY"})
                eq((error.status, error.code), (429, code), f"a replace of {old} that stops at a failure")
                retry_in(s, error.reply, end)
            with contextlib.closing(WsApi(s.at)) as ws:
                told = ws.ask("order.cancelReplace", order(100) | {
                    "cancelReplaceMode": "STOP_ON_FAILURE", "cancelOrigClientOrderId": "one-4",
                    "orderRateLimitExceededMode": "CANCEL_ONLY"}, trader)
                data = told["error"]["data"]
                eq((told["status"], data["cancelResult"], data["newOrderResult"], data["retryAfter"]), (429, "SUCCESS", "FAILURE", end),
                   "and over the WebSocket API")
            trader.cancel("BTCUSDT", origClientOrderId="one-2")
            eq(refusal(trader.limit, "BTCUSDT", "BUY", "0.001", "30000").code, -1015, "a cancel gives nothing back")
            trader.call("POST", "/api/v3/order/test", order(100))
            s.maker.order("BTCUSDT", "SELL", "MARKET", quantity="0.0005")  # half of one-1, now the oldest
            until_traded(s, trader, "one-1")
            reply = trader.http.request(*trader.build("POST", "/api/v3/order", order(100)))
            eq((reply.status, reply.headers[COUNT_10S]), (200, "100"), "once one has traded")
            eq(trader.http.request(*trader.build("POST", "/api/v3/order", order(101))).status, 429, "only one")
            trader.cancel_all("BTCUSDT")
        in_one_window(s, TEN, act)


@checks
def orders_over_the_websocket_api_are_the_same_accounts(s):
    names = itertools.count()

    def act(end):
        trader = s.trader(f"ws {next(names)}")
        place_100(trader)
        with contextlib.closing(WebSocket(s.at, "/ws-api/v3", headers={"X-Forwarded-For": next(hosts)})) as ws:
            _, target, _, body = trader.build("POST", "/", order(100) | {"apiKey": trader.key}, signed=False)
            params = dict(pair.split("=") for pair in body.decode().split("&")) | {"timestamp": str(s.now())}
            params["signature"] = trader.sign("&".join(f"{k}={v}" for k, v in sorted(params.items())))
            answer = ws.ask("order.place", params)
            eq((answer["status"], answer["error"]["code"], answer["error"]["msg"], answer["error"]["data"]["retryAfter"]),
               (429, -1015, TOO_MANY, end), "one more")
            eq([one["count"] for one in answer["rateLimits"]][:2], [100, 100], "its counts")
        trader.cancel_all("BTCUSDT")
    in_one_window(s, TEN, act)


# ---- who asks ----

@checks
def the_client_is_who_the_last_untrusted_proxy_names(s):
    def act(_):
        host = next(hosts)
        base = s.client(host=host).weight()
        http = Http1(s.at)
        for count, field in enumerate((host, f" {host}\t", f"{host}:8080", f"6.6.6.6, {host}", f"unknown,{host}",
                                       f"{host} , 127.0.0.1", f"6.6.6.6,{host},127.0.0.9,127.0.0.1"), 1):
            reply = http.request("GET", "/api/v3/ping", {"X-Forwarded-For": field})
            eq(int(reply.headers[USED_1M]) - base, count, f"X-Forwarded-For: {field}")
        with contextlib.closing(connect(s.at)) as raw:  # two fields are one list
            raw.sendall(f"GET /api/v3/ping HTTP/1.1\r\nHost: x\r\nX-Forwarded-For: 6.6.6.6, {host}\r\nConnection: close\r\n"
                        "x-forwarded-for: 127.0.0.2\r\n\r\n".encode())
            eq(int(read_reply(raw.makefile("rb")).headers[USED_1M]) - base, 8, "two fields")
        six = [f"2001:db8:{base}:{hash(host) % 60000:x}::{i}" for i in (1, "ffff")] + ["2001:db8:ffff:1::1"]
        first = s.client(host=six[0]).weight()
        eq(s.client(host=f"[{six[1]}]:443").weight(), first + 1, "an IPv6 customer is a /64")
    in_one_window(s, MINUTE, act)


@checks
def nobody_else_is_believed(_):
    with Server("--rate-limits", "binance", "--trusted-proxies", "10.0.0.0/8, 127.0.0.2") as server:
        def act(_):
            http = Http1(server.public)
            before = int(http.request("GET", "/api/v3/ping").headers[USED_1M])
            for i in range(1, 4):
                reply = http.request("GET", "/api/v3/ping", {"X-Forwarded-For": f"1.2.3.{i}"})
                eq(int(reply.headers[USED_1M]), before + i, "from 127.0.0.1")
            ws = WebSocket(server.public, "/ws-api/v3", headers={"X-Forwarded-For": "1.2.3.9"}, source="127.0.0.2")
            eq(ws.ask("ping")["rateLimits"][0]["count"], 3, "from 127.0.0.2")
            ws.close()
        in_one_window(Session(server), MINUTE, act)


@checks
def a_proxys_connections_have_no_cap_of_their_own(_):
    with Server("--rate-limits", "binance", "--max-connections-per-address", "3", "--trusted-proxies", "127.0.0.2") as server:
        for source, taken in (("127.0.0.2", 12), ("127.0.0.3", 3)):
            with contextlib.ExitStack() as stack:
                alive = 0
                for _ in range(12):
                    raw = stack.enter_context(contextlib.closing(connect(server.public, source=source)))
                    with contextlib.suppress(OSError, ValueError, IndexError):
                        raw.sendall(b"GET /api/v3/ping HTTP/1.1\r\nHost: x\r\n\r\n")
                        alive += read_reply(raw.makefile("rb")).status == 200
                eq(alive, taken, f"connections from {source}")


# ---- off, and what is told ----

@checks
def off_refuses_nothing_and_counts_all(_):
    with Server() as server:
        s = Session(server)  # whose X-Forwarded-For nobody believes

        def act(_):
            client = s.client()
            before = client.weight()
            for i in range(1, 31):
                reply = client.get(HEAVY)
                eq((reply.status, int(reply.headers[USED_1M]) - before), (200, 250 * i), f"request {i}")
            with contextlib.closing(WebSocket(s.at, "/ws-api/v3")) as ws:
                check(ws.ask("ping")["rateLimits"][0]["count"] > 7500, "over the WebSocket API")
        in_one_window(s, MINUTE, act)

        def orders(_):
            trader = s.trader(f"off {s.now()}")
            place_100(trader)
            reply = trader.http.request(*trader.build("POST", "/api/v3/order", order(100)))
            eq((reply.status, reply.headers[COUNT_10S]), (200, "101"), "the 101st order")
            eq(trader.get("rateLimit/order", signed=True)[0]["count"], 101, "rateLimit/order")
        in_one_window(s, TEN, orders)


@checks
def the_operator_sees_refusals_and_bans(s):
    counts = {}
    for line in s.admin.metrics().splitlines():
        if line.startswith(("castle_limit_refused_total", "castle_bans_total")):
            name, value = line.split()
            counts[name.removeprefix("castle_limit_refused_total")] = int(value)
    check(counts['{limit="weight"}'] >= 300 and counts['{limit="ban"}'] >= 9, f"{counts}")
    check(counts['{limit="orders"}'] >= 11 and counts['{limit="requests"}'] == 0, f"{counts}")
    check(counts["castle_bans_total"] >= 3, f"{counts}")
    told = [json.loads(line) for line in s.server.told('"address_banned"').splitlines() if '"address_banned"' in line]
    check(all(one["address"].startswith("10.") and one["seconds"] == 120 for one in told), f"{told}")


def main():
    with Server("--rate-limits", "binance", "--cores", "2", "--trusted-proxies", "127.0.0.0/8") as server:
        words = sys.argv[1:]
        checks.functions = [one for one in checks.functions if not words or any(word in one.__name__ for word in words)]
        checks.run(Session(server))
        return checks.finish()


if __name__ == "__main__":
    sys.exit(main())
