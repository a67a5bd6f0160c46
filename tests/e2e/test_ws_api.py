#!/usr/bin/python3
"""The WebSocket API over real sockets, beside REST.

Goal: each method answers what its REST twin answers, ids and limits as documented, and user data comes by it, in
order. Method: a server, two traders with a REST connection each, and a WebSocket client of our own (ws_client.py).
usage: test_ws_api.py [--tls]
"""
import itertools
import json
import sys
import tempfile
import time

from castle_client import (Binance, Checks, Http1, Server, Trader, Turns, asked_again, atoms, certificate, check, conserved,
                           eq)
from ws_client import CLOSE, TEXT, WebSocket, encode

checks = Checks()
UNDER_WAY, MANY = 200, 300  # what a connection may have under way (http/ws/api.h), and more


class WsApi:
    """A client of the WebSocket API: answers by id, events in order. A trader (castle_client.Binance) signs."""

    def __init__(self, at, tls=None, query="", **more):
        self.ws = WebSocket(at, "/ws-api/v3" + query, tls, **more)
        self.ids = itertools.count(1)
        self.events, self.answers = [], {}

    def send(self, *texts):
        self.ws.send_texts(*texts)

    def _take(self):
        message = self.ws.json()
        if "event" in message:
            self.events.append(message)
        else:
            self.answers[message["id"]] = message

    def submit(self, method, params=None, trader=None, **more):
        """Sends a request; returns its id. `params` go as the JSON values that they are."""
        number = next(self.ids)
        self.send(self.text(number, method, params, trader, **more))
        return number

    @staticmethod
    def text(number, method, params=None, trader=None, signature=None, **more):
        params = dict(params or {})
        if trader:
            params = {"apiKey": trader.key, "timestamp": time.time_ns() // 10 ** 6} | params
            payload = "&".join(f"{name}={WsApi.spelled(params[name])}" for name in sorted(params))
            params["signature"] = signature or trader.sign(payload)
        return json.dumps({"id": number, "method": method} | ({"params": params} if params else {}) | more)

    @staticmethod
    def spelled(value):
        """A value's text, as it is in the JSON that is sent, too."""
        return value if isinstance(value, str) else json.dumps(value)

    def wait(self, number):
        while number not in self.answers:
            self._take()
        return self.answers.pop(number)

    def ask(self, method, params=None, trader=None, **more):
        """The answer; while the history is behind it is asked for again."""
        def once():
            answer = self.wait(self.submit(method, params, trader, **more))
            return answer["status"], answer.get("error", {}), answer
        return asked_again(once)

    def result(self, method, params=None, trader=None, **more):
        answer = self.ask(method, params, trader, **more)
        eq(answer["status"], 200, f"status of {answer}")
        return answer["result"]

    def event(self):
        """The next event."""
        while not self.events:
            self._take()
        return self.events.pop(0)

    def close(self):
        self.ws.close()


class Session:
    def __init__(self, server, tls):
        self.server, self.tls, self.names = server, tls, itertools.count(1)
        self.admin = server.admin()
        funds = {"USDT": "1000000.00", "BTC": "100", "ETH": "1000"}
        self.alice, self.bob = (Trader(self.admin, Http1(server.public, tls), name, funds) for name in ("alice", "bob"))
        Turns(server, self.alice, self.bob)
        self.open = []

    def connect(self, query=""):
        self.open.append(WsApi(self.server.public, self.tls, query))
        return self.open[-1]

    def clear(self):
        for client in self.open:
            client.close()
        self.open = []
        for trader in (self.alice, self.bob):
            for symbol in {order["symbol"] for order in trader.open_orders()}:
                trader.cancel_all(symbol)

    def name(self):
        return f"order-{next(self.names)}"


def limit(side="BUY", quantity="0.01", price="20000", **more):
    return {"symbol": "BTCUSDT", "side": side, "type": "LIMIT", "timeInForce": "GTC", "quantity": quantity,
            "price": price} | more


# ---- every method beside its twin ----

SYMBOL = {"symbol": "BTCUSDT"}
TWINS = [  # method, REST method and path, whether it is signed, parameters that both get
    ("ping", "GET", "ping", False, [{}]),
    ("time", "GET", "time", False, [{}]),
    ("exchangeInfo", "GET", "exchangeInfo", False,
     [{}, SYMBOL, {"symbols": ["BTCUSDT", "ETHUSDT"]}, {"permissions": ["SPOT"]}, {"showPermissionSets": False},
      {"symbol": "NOSUCH"}, {"symbols": ["btc"]}, SYMBOL | {"symbols": ["BTCUSDT"]}]),
    ("depth", "GET", "depth", False, [SYMBOL, SYMBOL | {"limit": 5}, {}, {"symbol": ""}, SYMBOL | {"limit": 0}]),
    ("trades.recent", "GET", "trades", False, [SYMBOL, SYMBOL | {"limit": 1}, SYMBOL | {"limit": "x"}]),
    ("trades.historical", "GET", "historicalTrades", False, [SYMBOL, SYMBOL | {"fromId": 1, "limit": 1}]),
    ("trades.aggregate", "GET", "aggTrades", False, [SYMBOL, SYMBOL | {"fromId": 1, "limit": 1},
                                                     SYMBOL | {"startTime": 1, "endTime": 2}]),
    ("klines", "GET", "klines", False, [SYMBOL | {"interval": "1m"}, SYMBOL | {"interval": "1d", "limit": 1}, SYMBOL,
                               SYMBOL | {"interval": "1h", "startTime": 1, "timeZone": "8"}]),
    ("uiKlines", "GET", "uiKlines", False, [SYMBOL | {"interval": "1m"}]),
    ("avgPrice", "GET", "avgPrice", False, [SYMBOL, {}]),
    ("ticker.24hr", "GET", "ticker/24hr", False, [SYMBOL, {}, SYMBOL | {"type": "MINI"}]),
    ("ticker", "GET", "ticker", False, [SYMBOL, SYMBOL | {"windowSize": "2h", "type": "MINI"}, {"symbols": ["BTCUSDT"]}, {},
                                        SYMBOL | {"windowSize": "25h"}, {"symbol": "ETHUSDT"}]),
    ("ticker.tradingDay", "GET", "ticker/tradingDay", False, [SYMBOL, SYMBOL | {"timeZone": "8"}, {"symbols": ["BTCUSDT"]},
                                                              {}, SYMBOL | {"timeZone": "15"}]),
    ("ticker.price", "GET", "ticker/price", False, [SYMBOL, {}, {"symbols": ["ETHUSDT"]}]),
    ("ticker.book", "GET", "ticker/bookTicker", False, [SYMBOL, {}, {"symbols": ["ETHUSDT"]}]),
    ("order.test", "POST", "order/test", True,
     [limit(), limit() | {"computeCommissionRates": True}, limit(quantity="0"), limit(price="0.001"), SYMBOL]),
    ("order.status", "GET", "order", True, [SYMBOL | {"origClientOrderId": "resting"}, SYMBOL | {"orderId": 10 ** 12},
                                            SYMBOL]),
    ("openOrders.status", "GET", "openOrders", True, [SYMBOL, {}, {"symbol": "NOSUCH"}]),
    ("account.status", "GET", "account", True, [{}, {"omitZeroBalances": True}, {"recvWindow": 60001}]),
    ("account.rateLimits.orders", "GET", "rateLimit/order", True, [{}, {"x": 1}]),
    ("account.commission", "GET", "account/commission", True, [SYMBOL]),
    ("myFilters", "GET", "myFilters", True, [SYMBOL, {}, {"symbol": "NOSUCH"}]),
    ("allOrders", "GET", "allOrders", True, [SYMBOL, SYMBOL | {"limit": 1}, SYMBOL | {"startTime": 5, "endTime": 1}]),
    ("myTrades", "GET", "myTrades", True, [SYMBOL, SYMBOL | {"limit": 1}, SYMBOL | {"fromId": 0}]),
    ("order.cancel", "DELETE", "order", True, [SYMBOL, SYMBOL | {"orderId": 10 ** 12},
                                               SYMBOL | {"orderId": 5, "cancelRestrictions": "MAYBE"}]),
    ("openOrders.cancelAll", "DELETE", "openOrders", True, [{"symbol": "ETHUSDT"}, {}]),
    ("order.place", "POST", "order", True, [limit(side="HOLD"), limit(quantity=10 ** 6), limit(price=1.234567891)]),
    ("order.amend.keepPriority", "PUT", "order/amend/keepPriority", True,
     [SYMBOL | {"newQty": 1}, SYMBOL | {"newQty": "x", "orderId": 5}, SYMBOL | {"newQty": 1, "orderId": 10 ** 12}]),
    ("myPreventedMatches", "GET", "myPreventedMatches", True, [SYMBOL, SYMBOL | {"preventedMatchId": 1}]),
    ("order.amendments", "GET", "order/amendments", True, [SYMBOL, SYMBOL | {"orderId": 10 ** 12}]),
    ("orderList.place.oco", "POST", "orderList/oco", True, [SYMBOL, {}]),
    ("orderList.place", "POST", "order/oco", True, [SYMBOL, SYMBOL | {"side": "BUY"}]),
    ("orderList.place.oto", "POST", "orderList/oto", True, [SYMBOL, SYMBOL | {"workingType": "MARKET"}]),
    ("orderList.place.otoco", "POST", "orderList/otoco", True, [SYMBOL, SYMBOL | {"workingType": "LIMIT"}]),
    ("orderList.cancel", "DELETE", "orderList", True, [SYMBOL, SYMBOL | {"orderListId": 10 ** 12}]),
    ("orderList.status", "GET", "orderList", True, [{}, {"orderListId": 10 ** 12}, {"origClientOrderId": "none"}]),
    ("allOrderLists", "GET", "allOrderList", True, [{}, {"fromId": 1, "limit": 5}, {"fromId": 1, "startTime": 1}]),
    ("openOrderLists.status", "GET", "openOrderList", True, [{}, {"x": 1}]),
    ("order.cancelReplace", "POST", "order/cancelReplace", True,
     [limit(), limit(cancelReplaceMode="STOP_ON_FAILURE", cancelOrderId=10 ** 12),
      limit(cancelReplaceMode="ALLOW_FAILURE", cancelOrderId=10 ** 12, quantity=10 ** 6)]),
]


def plain(params):
    """Parameters as REST has them: an array is its JSON text, a boolean its name."""
    return {name: json.dumps(value, separators=(",", ":")) if isinstance(value, (list, bool)) else value
            for name, value in params.items()}


def still(value):
    """An answer without the times that go on by themselves."""
    if isinstance(value, dict):
        return {name: still(part) for name, part in value.items() if name not in ("serverTime", "openTime", "closeTime")}
    return [still(part) for part in value] if isinstance(value, list) else value


def some_market(s):
    for _ in range(3):
        s.alice.limit("BTCUSDT", "BUY", "0.01", "20000")
        s.bob.limit("BTCUSDT", "SELL", "0.01", "20000")
    s.alice.limit("BTCUSDT", "BUY", "0.01", "19000", newClientOrderId="resting")
    s.bob.limit("BTCUSDT", "SELL", "0.01", "21000")


def twin_of(s, http, path, signed, params):
    """Status and JSON that REST answers."""
    reply = s.alice.answer(http, "/api/v3/" + path, plain(params), signed)
    return reply.status, json.loads(reply.body), reply.headers


@checks
def every_method_answers_as_its_twin_does(s):
    some_market(s)
    ws, wrong = s.connect("?returnRateLimits=false"), []
    for method, http, path, signed, cases in TWINS:
        for prefix, params in itertools.product(("", "v3/"), cases):
            answer = ws.ask(prefix + method, params, s.alice if signed else None)
            status, body, _ = twin_of(s, http, path, signed, params)
            got = answer.get("result", answer.get("error"))
            if (answer["status"], still(got)) != (status, still(body)) or "rateLimits" in answer:
                wrong.append((method, params, answer, status, body))
    eq(wrong, [], "answers that differ")


@checks
def an_order_lives_over_it_as_over_rest(s):
    ws, name = s.connect(), s.name()
    placed = ws.result("order.place", limit(newClientOrderId=name), s.alice)
    twin = s.alice.limit("BTCUSDT", "BUY", "0.01", "20000")
    eq(set(placed), set(twin), "keys of the answers")
    for key in set(placed) - {"orderId", "clientOrderId", "transactTime", "workingTime"}:
        eq(placed[key], twin[key], key)
    eq(ws.result("order.status", {"symbol": "BTCUSDT", "orderId": placed["orderId"]}, s.alice),
       s.alice.query("BTCUSDT", origClientOrderId=name), "the order")
    replaced = ws.result("order.cancelReplace", limit(cancelReplaceMode="STOP_ON_FAILURE", price="20001",
                                                      cancelOrderId=placed["orderId"]), s.alice)
    eq((replaced["cancelResult"], replaced["newOrderResult"]), ("SUCCESS", "SUCCESS"), "halves")
    cancelled = ws.result("order.cancel", {"symbol": "BTCUSDT", "orderId": replaced["newOrderResponse"]["orderId"]},
                          s.alice)
    eq(cancelled["status"], "CANCELED", "status")
    eq([order["orderId"] for order in ws.result("openOrders.cancelAll", {"symbol": "BTCUSDT"}, s.alice)],
       [twin["orderId"]], "the last one")


@checks
def half_a_replace_is_409_with_its_data(s):
    ws, name = s.connect(), s.name()
    s.alice.limit("BTCUSDT", "BUY", "0.01", "20000", newClientOrderId=name)
    answer = ws.ask("order.cancelReplace", limit(cancelReplaceMode="STOP_ON_FAILURE", quantity="8999",
                                                 cancelOrigClientOrderId=name), s.alice)
    error = answer["error"]
    eq((answer["status"], error["code"], error["msg"]), (409, -2021, "Order cancel-replace partially failed."), "error")
    eq((error["data"]["cancelResult"], error["data"]["newOrderResult"]), ("SUCCESS", "FAILURE"), "halves")
    eq(error["data"]["newOrderResponse"]["code"], -2010, "why")
    eq(set(answer), {"id", "status", "error", "rateLimits"}, "keys")


# ---- requests ----

@checks
def ids_come_back_as_they_were_sent(s):
    ws = s.connect()
    for sent in ("1", "-5", "0", "9007199254740993", "null", '"1"', '"7"', '"a-B_c"', '"' + "9" * 36 + '"'):
        ws.send('{"id": %s, "method": "ping"}' % sent)
        check(ws.ws.text().startswith('{"id":%s,"status":200,"result":{}' % sent), f"id {sent}")
    ws.send("nothing")
    eq(json.loads(ws.ws.text())["error"], {"code": -1135, "msg": "Invalid JSON Request"}, "no JSON")


@checks
def numbers_may_be_json_numbers(s):
    """As ccxt, tiagosiebler and @binance/spot send them."""
    ws = s.connect()
    order = ws.result("order.place", limit(quantity=0.01, price=20000, recvWindow=10000, newOrderRespType="FULL",
                                           newClientOrderId=s.name()), s.alice)
    eq((order["origQty"], order["price"]), ("0.01000000", "20000.00000000"), "amounts")
    ws.result("order.cancel", {"symbol": "BTCUSDT", "orderId": order["orderId"], "recvWindow": 5000.123}, s.alice)


@checks
def who_asks_is_checked_as_over_rest(s):
    ws = s.connect("?returnRateLimits=false")
    reader = Binance(None, *s.admin.key(s.alice.user, ["USER_DATA"]))
    stranger = Binance(None, "x" * 64, "y" * 64)

    def error(*args, **named):
        answer = ws.ask(*args, **named)
        return answer["status"], answer["error"]["code"]
    eq(error("order.place", limit(), s.alice, signature="0" * 64), (400, -1022), "a wrong signature")
    eq(error("order.place", limit(), reader), (401, -2015), "a key without the permission")
    eq(error("order.place", limit(), stranger), (401, -2015), "an unknown key")
    eq(error("order.place", limit() | {"apiKey": "short"}, s.alice), (401, -2014), "no key")
    eq(error("order.place", limit()), (400, -1102), "nobody")
    eq(error("order.place", limit(timestamp=1), s.alice), (400, -1021), "long ago")
    eq(error("session.logon", {}, s.alice), (400, -4056), "HMAC keys do not log on")
    upper = json.loads(ws.text(1, "account.status", {}, s.alice))
    upper["params"]["signature"] = upper["params"]["signature"].upper()
    ws.send(json.dumps(upper))
    eq(ws.wait(1)["status"], 200, "a signature in capitals")


@checks
def the_limits_are_those_of_exchange_info_and_of_the_headers(s):
    ws = s.connect()
    limits = ws.result("exchangeInfo")["rateLimits"]

    def like(kind, interval):
        return next(one for one in limits if (one["rateLimitType"], one["interval"]) == (kind, interval))
    placed = ws.ask("order.place", limit(), s.alice)
    told = placed["rateLimits"]
    eq([(one["rateLimitType"], one["interval"]) for one in told],
       [("ORDERS", "SECOND"), ("ORDERS", "DAY"), ("REQUEST_WEIGHT", "MINUTE")], "what is told")
    for one in told:
        count = one.pop("count")
        eq(one, like(one["rateLimitType"], one["interval"]), "limit")
        check(count >= 1, "count")
    _, _, headers = twin_of(s, "GET", "ping", False, {})
    counts = [ws.ask("depth", SYMBOL | {"limit": 500})["rateLimits"][0]["count"] for _ in range(2)]
    if counts[1] > counts[0]:  # else a new minute has begun
        eq(counts[1] - counts[0], 25, "the weight of a depth of 500")
        check(counts[0] >= int(headers["x-mbx-used-weight-1m"]) + 25 or counts[0] == 25, "REST and WebSocket together")
    opened = [s.connect().ask("ping")["rateLimits"][0]["count"] for _ in range(2)]
    check(opened[1] - opened[0] == 3 or opened[1] <= 3, f"a connection weighs 2: {opened}")
    for query, asked, tells in (("", None, True), ("", False, False), ("?returnRateLimits=false", None, False),
                                ("?returnRateLimits=false", True, True)):
        params = {} if asked is None else {"returnRateLimits": asked}
        eq("rateLimits" in s.connect(query).ask("ping", params), tells, f"{query} {asked}")


@checks
def times_are_microseconds_when_the_url_says_so(s):
    ws = s.connect("?timeUnit=MICROSECOND")
    check(ws.result("time")["serverTime"] > 10 ** 15, "serverTime")
    check(ws.result("session.status")["connectedSince"] > 10 ** 15, "connectedSince")
    check(ws.result("order.place", limit(), s.alice)["transactTime"] > 10 ** 15, "transactTime")


@checks
def too_many_requests_at_once_are_refused_and_nothing_is_lost(s):
    """How many are under way at once is up to how the server and the one who sends take turns: each try is checked, and
    repeated until some were refused. The symbol takes them all, were they to come one by one."""
    s.admin.symbol("MANYUSDT", "BTC", "USDT", filters=[{"filterType": "MAX_NUM_ORDERS", "maxNumOrders": MANY}])
    ws, busy = s.connect("?returnRateLimits=false"), []
    for _ in range(50):
        order = limit(quantity="0.001", price="10000", symbol="MANYUSDT", recvWindow=60000)
        ws.send(*(ws.text(i, "order.place", order, s.alice) for i in range(MANY)))
        answers = [ws.wait(i) for i in range(MANY)]
        placed = [answer for answer in answers if answer["status"] == 200]
        busy = [answer for answer in answers if answer["status"] == 503]
        eq([answer for answer in answers if answer not in placed and answer not in busy], [], "answers of another kind")
        eq([answer["id"] for answer in answers], list(range(MANY)), "ids")
        check(len(placed) >= UNDER_WAY, f"only {len(placed)} were placed")
        eq({answer["error"]["code"] for answer in busy} - {-1008}, set(), "codes")
        cancelled = ws.result("openOrders.cancelAll", {"symbol": "MANYUSDT"}, s.alice)
        eq({order["orderId"] for order in cancelled}, {answer["result"]["orderId"] for answer in placed}, "what rested")
        if busy:
            return
    check(busy, "none was refused in 50 tries")


@checks
def large_answers_wait_for_who_takes_them(s):
    """Pipelined, more than a connection's bytes may wait: each is answered, or refused by itself."""
    for i in range(400):
        s.admin.symbol(f"WS{i}USDT", f"WS{i}", "USDT")
    ws = s.connect("?returnRateLimits=false")
    asked = [ws.submit("exchangeInfo") for _ in range(20)]
    answers = [ws.wait(number) for number in asked]
    check({answer["status"] for answer in answers} <= {200, 503}, "statuses")
    eq(len(answers[0]["result"]["symbols"]), len(s.alice.get("exchangeInfo")["symbols"]), "symbols")
    eq(ws.result("ping"), {}, "it goes on")


@checks
def a_connection_that_goes_leaves_its_orders(s):
    ws = s.connect()
    for _ in range(20):
        ws.submit("order.place", limit(quantity="0.001", price="10000"), s.alice)
        ws.submit("klines", SYMBOL | {"interval": "1m", "startTime": 1})
        ws.submit(SUBSCRIBE, {}, s.alice)
    ws.close()
    s.open.clear()
    other = s.connect()
    eq(other.result("ping"), {}, "others are served")
    conserved(s.admin.audit())


# ---- user data ----

SUBSCRIBE, UNSUBSCRIBE = "userDataStream.subscribe.signature", "userDataStream.unsubscribe"


def told(ws, count):
    return [(event["subscriptionId"], event["event"]["e"]) for event in (ws.event() for _ in range(count))]


@checks
def an_order_is_told_to_who_subscribed(s):
    ws, name = s.connect(), s.name()
    eq(ws.result(SUBSCRIBE, {}, s.alice), {"subscriptionId": 0}, "subscription")
    answer = ws.ask(SUBSCRIBE, {}, s.alice)
    eq((answer["status"], answer["error"]["code"]), (400, -2035), "a second one")
    check(ws.result("session.status")["userDataStream"], "session.status")
    ws.result("order.place", limit(newClientOrderId=name), s.alice)
    report = ws.event()
    eq(report["subscriptionId"], 0, "subscription")
    event = report["event"]
    eq((event["e"], event["c"], event["x"], event["X"], event["S"], event["p"], event["q"]),
       ("executionReport", name, "NEW", "NEW", "BUY", "20000.00000000", "0.01000000"), "report")
    eq(told(ws, 1), [(0, "outboundAccountPosition")], "position")
    s.bob.limit("BTCUSDT", "SELL", "0.01", "20000")  # by REST: it is the account that is watched
    eq(told(ws, 2), [(0, "executionReport"), (0, "outboundAccountPosition")], "the trade")
    s.admin.deposit(s.alice.user, "USDT", "5", s.name())
    eq(told(ws, 2), [(0, "balanceUpdate"), (0, "outboundAccountPosition")], "a deposit")


@checks
def subscriptions_of_two_accounts_are_told_apart_and_end_one_by_one(s):
    ws = s.connect()
    eq([ws.result(SUBSCRIBE, {}, trader)["subscriptionId"] for trader in (s.alice, s.bob)], [0, 1], "ids")
    eq(ws.result("session.subscriptions"), [{"subscriptionId": 0}, {"subscriptionId": 1}], "the list")
    s.bob.limit("BTCUSDT", "SELL", "0.01", "30000")
    eq(told(ws, 2), [(1, "executionReport"), (1, "outboundAccountPosition")], "of bob")
    eq(ws.result(UNSUBSCRIBE, {"subscriptionId": 1}), {}, "unsubscribed")
    eq(told(ws, 1), [(1, "eventStreamTerminated")], "the end")
    answer = ws.ask(UNSUBSCRIBE, {"subscriptionId": 1})
    eq((answer["status"], answer["error"]["code"]), (400, -2036), "it is gone")
    s.bob.cancel_all("BTCUSDT")
    s.alice.limit("BTCUSDT", "BUY", "0.01", "20000")
    eq(told(ws, 2), [(0, "executionReport"), (0, "outboundAccountPosition")], "only alice is told of")
    eq(ws.result(UNSUBSCRIBE), {}, "all")
    eq(told(ws, 1), [(0, "eventStreamTerminated")], "the end")
    eq(ws.result("session.subscriptions"), [], "none")


@checks
def a_deleted_key_ends_its_subscriptions(s):
    ws, key = s.connect(), Binance(None, *s.admin.key(s.alice.user))
    ws.result(SUBSCRIBE, {}, key)
    ws.result(SUBSCRIBE, {}, s.bob)
    s.admin.delete_key(s.alice.user, key.key)
    eq(told(ws, 1), [(0, "eventStreamTerminated")], "the end")
    eq(ws.result("session.subscriptions"), [{"subscriptionId": 1}], "the other one stays")
    eq(ws.ask(SUBSCRIBE, {}, key)["error"]["code"], -2015, "and it may not come again")


@checks
def events_come_once_and_in_order(s):
    """Every change of one account, by orders of two connections at once."""
    ws, rounds = s.connect(), 50
    ws.result(SUBSCRIBE, {}, s.alice)
    asked = []
    for _ in range(rounds):
        asked.append(ws.submit("order.place", limit(quantity="0.001", price="20000"), s.alice))
        s.bob.order("BTCUSDT", "SELL", "MARKET", quantity="0.001")
    eq([ws.wait(number)["status"] for number in asked], [200] * rounds, "statuses")
    if s.alice.open_orders():
        s.alice.cancel_all("BTCUSDT")
    orders, bought = {}, 0
    while len(orders) < rounds or any(state not in ("FILLED", "CANCELED") for state in orders.values()):
        event = ws.event()["event"]
        if event["e"] != "executionReport":
            continue
        check(event["x"] == "NEW" or event["i"] in orders, f"the first report of an order: {event}")
        orders[event["i"]] = event["X"]
        if event["x"] == "TRADE":
            bought += atoms(event["l"])
    eq(len(orders), rounds, "orders")
    check(bought > 0, "nothing was bought")


# ---- the end ----

def the_server_says_that_it_goes(s):
    ws = s.connect()
    ws.result("ping")
    s.server.process.terminate()
    eq(ws.event()["event"]["e"], "serverShutdown", "event")
    eq(ws.ws.closed().code, 1001, "close code")
    ws.ws.send(CLOSE, (1001).to_bytes(2, "big"))
    ws.ws.close()
    eq(s.server.process.wait(30), 0, "exit status")


def main(args):
    with tempfile.TemporaryDirectory(prefix="castle-e2e-") as directory:
        tls, options = None, []
        if "--tls" in args:
            tls, key = certificate(directory)
            options = ["--tls-cert", tls, "--tls-key", key]
        with Server(*options) as server:
            session = Session(server, tls)
            checks.run(session, before=session.clear)
            session.clear()
            checks.one("the server says that it goes", the_server_says_that_it_goes, session)
    return checks.finish()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
