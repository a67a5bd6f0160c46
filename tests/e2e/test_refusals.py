#!/usr/bin/python3
"""Bad input, one row each.

Goal: whatever is sent, the answer is a clear error with the right status, code and text, the state is unchanged and
a good client goes on. Method: a table of requests with what must come back; after every row the state hash of the
audit is the same and a good client, on a connection that stays open throughout, reads its account and its order.
Where Binance itself is not clear about the code, a row allows a few; the text must then be that of the code.
usage: test_refusals.py [WORD...]   only the rows whose name contains a word
"""
import contextlib
import json
import re
import socket
import sys
import time

from castle_client import (ANSWER_SECONDS, FORM, ApiError, Binance, Checks, Http1, Http2, Server, Trader, check,
                           conserved, eq, parse, read_reply)

# The texts of each code, from Binance's errors.md. {} is any text.
TEXTS = {code: [re.compile("^" + re.escape(text).replace(r"\{\}", ".+") + "$") for text in texts]
         for code, texts in {
    -1013: ["Filter failure: {}", "Invalid price.", "Invalid quantity.", "Invalid stopPrice.", "Price * QTY is zero or less.",
            "This symbol does not allow the specified self-trade prevention mode."],
    -1020: ["This operation is not supported."],
    -1021: ["Timestamp for this request is outside of the recvWindow.",
            "Timestamp for this request was 1000ms ahead of the server's time."],
    -1022: ["Signature for this request is not valid."],
    -1100: ["Illegal characters found in parameter '{}'; legal range is '{}'.",
            "Illegal characters found in a parameter."],
    -1101: ["Too many parameters{}", "Duplicate values for a parameter detected.",
            "Duplicate values for parameter '{}' detected."],
    -1102: ["Mandatory parameter '{}' was not sent, was empty/null, or malformed.",
            "Param '{}' or '{}' must be sent, but both were empty/null!",
            "A mandatory parameter was not sent, was empty/null, or malformed."],
    -1103: ["An unknown parameter was sent."],
    -1104: ["Not all sent parameters were read; read '{}' parameter(s) but was sent '{}'.",
            "Not all sent parameters were read."],
    -1105: ["Parameter '{}' was empty."],
    -1106: ["Parameter '{}' sent when not required."],
    -1108: ["Parameter '{}' overflowed."],
    -1111: ["Parameter '{}' has too much precision."],
    -1114: ["TimeInForce parameter sent when not required."],
    -1115: ["Invalid timeInForce."],
    -1116: ["Invalid orderType."],
    -1117: ["Invalid side."],
    -1118: ["New client order ID was empty."],
    -1119: ["Original client order ID was empty."],
    -1121: ["Invalid symbol."],
    -1128: ["Combination of optional parameters invalid.", "Combination of optional fields invalid.{}"],
    -1130: ["Data sent for parameter '{}' is not valid.", "Invalid data sent for a parameter."],
    -1131: ["recvWindow must be less than 60000."],
    -1135: ["Invalid JSON Request", "JSON sent for parameter '{}' is not valid"],
    -2010: ["IcebergQty exceeds QTY.", "Unsupported order combination",
            "Account has insufficient balance for requested action."],
    -2011: ["Unknown order sent."],
    -2013: ["Order does not exist."],
    -2014: ["API-key format invalid."],
    -2015: ["Invalid API-key, IP, or permissions for action."],
}.items()}

OUTSIDE, AHEAD = TEXTS[-1021]
ORDER = {"symbol": "BTCUSDT", "side": "BUY", "type": "LIMIT", "timeInForce": "GTC", "quantity": "0.001",
         "price": "20000"}  # it would rest: an accepted one shows in the state hash


class Bad:
    """Where the rows are sent from, and what must stay as it was."""

    def __init__(self, server):
        self.server, self.admin = server, server.admin()
        self.good = Trader(self.admin, Http2(server.public), "good", {"USDT": "100000", "BTC": "5"})
        self.other = Trader(self.admin, Http1(server.public), "other", {"USDT": "100000"})
        self.rest = self.good.limit("BTCUSDT", "BUY", "0.001", "20000", newClientOrderId="stays")
        self.admin.deposit(self.good.user, "USDT", "1", "used")
        self.account = self.good.account()
        self.sender = Binance(Http1(server.public), self.good.key, self.good.secret, how="query")
        self.hash = self.admin.audit()["stateHash"]

    def unchanged(self):
        was, self.hash = self.hash, conserved(self.admin.audit())["stateHash"]
        eq(self.hash, was, "state hash")  # a change is told once, by the row that made it
        was, self.account = self.account, self.good.account()
        eq(self.account, was, "the good client's account")
        eq(self.good.query("BTCUSDT", origClientOrderId="stays")["status"], "NEW", "the good client's order")


def expect(reply, status, codes, text=None, parameter=None):
    """The answer is JSON, with one of the codes, that code's text, and the parameter's name where one is named."""
    try:
        value = parse(reply)
    except ApiError as error:
        check(error.status == status, f"HTTP status {error.status}, expected {status}: {error}")
        check(error.code in codes, f"code {error.code}, expected one of {codes}: {error}")
        texts = [text] if text else TEXTS[error.code]
        check(any(one.match(error.msg) for one in texts), f"text of {error.code}: {error.msg!r}")
        eq(set(json.loads(reply.body)), {"code", "msg"}, "keys of an error")
        check("application/json" in reply.headers.get("content-type", ""), f"content type {reply.headers}")
        if parameter and "'" in error.msg and error.code != -1104:
            check(f"'{parameter}'" in error.msg, f"the text names another parameter: {error.msg!r}")
        return
    raise AssertionError(f"accepted: {value!r}")


ROWS = []  # (name, function of Bad)


def row(name, function):
    ROWS.append((name, function))


def api(name, method, path, params, status, *codes, signed=True, text=None, parameter=None, **caller):
    """A row of the public API; `caller` replaces the key or the secret."""
    def send(bad):
        sender = Binance(bad.sender.http, caller.get("key", bad.sender.key), caller.get("secret", bad.sender.secret),
                         how=caller.get("how", "query"))
        expect(sender.http.request(*sender.build(method, "/api/v3/" + path, params, signed)), status, codes, text,
               parameter)
    row(name, send)


def order(name, change, *codes, parameter=None, text=None):
    """A row of POST order: `change` replaces parameters; None takes one away."""
    params = {key: value for key, value in {**ORDER, **change}.items() if value is not None}
    parameter = parameter or (next(iter(change)) if len(change) == 1 else None)
    api("order: " + name, "POST", "order", params, 400, *codes, parameter=parameter, text=text)


# ---- POST order ----

for key in ("symbol", "side", "type", "timeInForce", "quantity", "price"):
    order(f"{key} missing", {key: None}, -1102)
    order(f"{key} empty", {key: ""}, -1102, -1105, *{"symbol": (-1100, -1121), "side": (-1117,), "type": (-1116,),
                                                   "timeInForce": (-1115,)}.get(key, (-1100,)))
    for how in ("query", "form"):
        pairs = [*ORDER.items(), (key, ORDER[key])]
        api(f"order: {key} twice by {how}", "POST", "order", pairs, 400, -1101, -1102, how=how)
order("unknown symbol", {"symbol": "NOSUCH"}, -1121)
order("symbol in lower case", {"symbol": "btcusdt"}, -1100, -1121)
order("symbol of 21 letters", {"symbol": "B" * 21}, -1100, -1121)
order("symbol of 4000 letters", {"symbol": "B" * 4000}, -1100, -1121)
order("symbol with a NUL", {"symbol": "BTCUSDT\0"}, -1100, -1121)
order("symbol with SQL", {"symbol": "BTCUSDT';--"}, -1100, -1121)
order("symbol that is not UTF-8", {"symbol": b"BTC\xff\xfe"}, -1100, -1121)
order("unknown side", {"side": "HOLD"}, -1117)
order("side in lower case", {"side": "buy"}, -1117)
order("unknown type", {"type": "PEG"}, -1116)
order("a stop without a trigger", {"type": "STOP_LOSS", "timeInForce": None, "price": None}, -1102)
order("a stop with a price", {"type": "STOP_LOSS", "timeInForce": None, "stopPrice": "1"}, -1106, parameter="price")
order("a stop at no price", {"type": "STOP_LOSS_LIMIT", "stopPrice": "0"}, -1013)
order("a delta of all of the price", {"type": "STOP_LOSS_LIMIT", "trailingDelta": "10000"}, -1013)
order("an iceberg that shows more than it is", {"icebergQty": "100"}, -2010, -1013)
order("unknown timeInForce", {"timeInForce": "GTX"}, -1115)
order("MARKET with timeInForce", {"type": "MARKET", "price": None}, -1106, -1114)
order("MARKET with price", {"type": "MARKET", "timeInForce": None}, -1106, parameter="price")
order("MARKET without any quantity", {"type": "MARKET", "timeInForce": None, "price": None, "quantity": None}, -1102)
order("MARKET with both quantities", {"type": "MARKET", "timeInForce": None, "price": None, "quoteOrderQty": "10"},
      -1106, -1128)
order("LIMIT with quoteOrderQty", {"quoteOrderQty": "10"}, -1106)
order("LIMIT_MAKER with timeInForce", {"type": "LIMIT_MAKER"}, -1106, -1114, parameter="timeInForce")
for key in ("price", "quantity"):
    for value in ("NaN", "nan", "inf", "-inf", "-1", "+1", "1e3", "1E3", "0x10", "1,5", "1.2.3", ".", "1.", ".5", " 1",
                  "1 ", "abc", "1\0", "\u0661", "--1", "1;2", "9" * 400):
        order(f"{key} {value[:12]!r}", {key: value}, -1100, -1102)
    order(f"{key} zero", {key: "0"}, -1013, -1100, -1102)
    order(f"{key} zero with decimals", {key: "0.00000000"}, -1013, -1100, -1102)
    order(f"{key} with nine decimals", {key: "20000.000000001"}, -1111)
    order(f"{key} of 19 digits", {key: "9" * 19}, -1013, -1100, -1102, -1108, -1111)
    order(f"{key} just above 64 bits", {key: "92233720368.54775808"}, -1013, -1100, -1102, -1108)
    order(f"{key} of 2^64 units", {key: "184467440737.09551617"}, -1013, -1100, -1102, -1108)
order("price off the tick", {"price": "20000.001"}, -1013)
order("quantity off the step", {"quantity": "0.0010001"}, -1013)
order("both as large as they can be", {"price": "1000000", "quantity": "9000"}, -2010)
for value in ("-1", "NaN", "1e3", ""):
    order(f"quoteOrderQty {value!r}", {"type": "MARKET", "timeInForce": None, "price": None, "quantity": None,
                                       "quoteOrderQty": value}, -1100, -1102, -1105)
order("quoteOrderQty zero", {"type": "MARKET", "timeInForce": None, "price": None, "quantity": None,
                             "quoteOrderQty": "0"}, -1013, -1100, -1102)
for value, what in (("a" * 37, "of 37 letters"), ("a b", "with a space"), ("a$b", "with a dollar"), ("ä", "with ä"),
                    ("a\0b", "with a NUL"), ('a"b', "with a quote"), ("a\nb", "with a line end")):
    order(f"newClientOrderId {what}", {"newClientOrderId": value}, -1100)
order("newClientOrderId empty", {"newClientOrderId": ""}, -1105, -1118, -1100, -1102)
order("unknown newOrderRespType", {"newOrderRespType": "HUGE"}, -1100, -1102, -1128, -1130)
order("unknown selfTradePreventionMode", {"selfTradePreventionMode": "MAYBE"}, -1013, -1100, -1102, -1130)
for value in ("TRANSFER",):
    order(f"selfTradePreventionMode {value}", {"selfTradePreventionMode": value}, -1013, text=TEXTS[-1013][-1])
order("a parameter nobody knows", {"foo": "bar"}, -1101, -1103, -1104)

# ---- time and signature ----

order("timestamp not a number", {"timestamp": "now"}, -1100, -1102)
order("timestamp negative", {"timestamp": "-1"}, -1100, -1102)
order("timestamp empty", {"timestamp": ""}, -1100, -1102, -1105)
order("timestamp with decimals", {"timestamp": "1700000000000.5"}, -1100, -1102)
order("timestamp of 25 digits", {"timestamp": "9" * 25}, -1100, -1102, -1108)
order("timestamp in seconds", {"timestamp": str(int(time.time()))}, -1021, text=OUTSIDE)
order("timestamp zero", {"timestamp": "0"}, -1021, -1102, -1100)
order("recvWindow above 60000", {"recvWindow": "60001"}, -1131)
order("recvWindow just above 60000", {"recvWindow": "60000.001"}, -1131)
order("recvWindow huge", {"recvWindow": "9" * 30}, -1131, -1100, -1108)
order("recvWindow with four decimals", {"recvWindow": "5000.1234"}, -1100, -1111, -1130, -1131)
for value in ("abc", "-1", "1e3", "NaN"):
    order(f"recvWindow {value!r}", {"recvWindow": value}, -1100, -1102)


def signed_at(offset_s, unit, window):
    """An order whose timestamp is so many seconds from now."""
    def params():
        stamp = time.time_ns() + int(offset_s * 10 ** 9)
        return {**ORDER, "recvWindow": window, "timestamp": stamp // (10 ** 6 if unit == "ms" else 10 ** 3)}
    return params


def late(name, offset_s, unit, window, text):
    def send(bad):
        expect(bad.sender.http.request(*bad.sender.build("POST", "/api/v3/order", signed_at(offset_s, unit, window)())),
               400, (-1021,), text)
    row(name, send)


for unit in ("ms", "us"):
    late(f"timestamp a minute old in {unit}", -61, unit, "60000", OUTSIDE)
    late(f"timestamp older than its window in {unit}", -3, unit, "2000", OUTSIDE)
    late(f"timestamp a minute ahead in {unit}", 60, unit, "60000", AHEAD)


def raw_order(name, change, codes, parameter=None):
    """A row of POST order in which `change` gets the query after it was signed."""
    def send(bad):
        method, target, headers, body = bad.sender.build("POST", "/api/v3/order", ORDER)
        expect(bad.sender.http.request(method, change(target), headers, body), 400, codes, parameter=parameter)
    row(name, send)


raw_order("signature missing", lambda t: t.split("&signature=")[0], (-1102,), "signature")
raw_order("signature empty", lambda t: t.split("&signature=")[0] + "&signature=", (-1102, -1105, -1022, -1100))
raw_order("signature too short", lambda t: t[:-1], (-1022, -1100))
raw_order("signature too long", lambda t: t + "0", (-1022, -1100))
raw_order("signature not hexadecimal", lambda t: t[:-1] + "g", (-1022, -1100))
raw_order("signature with another bit", lambda t: t[:-1] + format(int(t[-1], 16) ^ 1, "x"), (-1022,))
raw_order("signature twice", lambda t: t + t[t.index("&signature="):], (-1101, -1022, -1102))
raw_order("price changed after signing", lambda t: t.replace("price=20000", "price=20001"), (-1022,))
raw_order("a parameter more after signing", lambda t: t + "&newOrderRespType=ACK", (-1022,))
raw_order("parameters in another order after signing",
          lambda t: t.replace("symbol=BTCUSDT&side=BUY", "side=BUY&symbol=BTCUSDT"), (-1022,))
raw_order("case of an escape changed after signing",
          lambda t: t.replace("symbol=BTCUSDT", "symbol=%42TCUSDT"), (-1022,))
api("signed with another's secret", "POST", "order", ORDER, 400, -1022, secret="x" * 64)
api("unsigned order", "POST", "order", ORDER, 400, -1102, signed=False)
api("account without a signature", "GET", "account", {}, 400, -1102, signed=False)
for method, path in (("POST", "order"), ("GET", "account"), ("DELETE", "openOrders"), ("GET", "myTrades")):
    params = ORDER if path == "order" else {"symbol": "BTCUSDT"} if path != "account" else {}
    api(f"no key: {method} {path}", method, path, params, 401, -2014, key=None)
    api(f"unknown key: {method} {path}", method, path, params, 401, -2015, key="A" * 64)
    api(f"short key: {method} {path}", method, path, params, 401, -2014, -2015, key="abc")
api("key of 4000 letters", "POST", "order", ORDER, 401, -2014, -2015, key="A" * 4000)
api("key with other letters", "POST", "order", ORDER, 401, -2014, -2015, key="é" * 20 + "'; --")

# ---- the other signed routes ----

SYMBOL = {"symbol": "BTCUSDT"}
for method in ("GET", "DELETE"):
    none = -2013 if method == "GET" else -2011
    api(f"{method} order without an id", method, "order", SYMBOL, 400, -1102)
    api(f"{method} order without a symbol", method, "order", {"orderId": 1}, 400, -1102, parameter="symbol")
    api(f"{method} order, unknown symbol", method, "order", {"symbol": "NOSUCH", "orderId": 1}, 400, -1121)
    api(f"{method} order, unknown id", method, "order", {**SYMBOL, "orderId": 987654321}, 400, none)
    api(f"{method} order, id zero", method, "order", {**SYMBOL, "orderId": 0}, 400, none, -1100, -1102, -1130)
    api(f"{method} order, id negative", method, "order", {**SYMBOL, "orderId": -1}, 400, none, -1100, -1102, -1130)
    for value in ("abc", "1.5", "9" * 25, "NaN", "1e2"):
        api(f"{method} order, id {value}", method, "order", {**SYMBOL, "orderId": value}, 400, -1100, -1102, -1108,
            parameter="orderId")
    api(f"{method} order, client id of 37 letters", method, "order", {**SYMBOL, "origClientOrderId": "a" * 37}, 400,
        -1100, none)
    api(f"{method} order, client id empty", method, "order", {**SYMBOL, "origClientOrderId": ""}, 400, -1102, -1105,
        -1119, -1100)
api("DELETE openOrders without a symbol", "DELETE", "openOrders", {}, 400, -1102, parameter="symbol")
api("DELETE openOrders, unknown symbol", "DELETE", "openOrders", {"symbol": "NOSUCH"}, 400, -1121)
api("DELETE openOrders with nothing open", "DELETE", "openOrders", {"symbol": "ETHUSDT"}, 400, -2011)
api("GET openOrders, unknown symbol", "GET", "openOrders", {"symbol": "NOSUCH"}, 400, -1121)
for path in ("allOrders", "myTrades"):
    api(f"{path} without a symbol", "GET", path, {}, 400, -1102, parameter="symbol")
    api(f"{path}, unknown symbol", "GET", path, {"symbol": "NOSUCH"}, 400, -1121)
    for key in ("limit", "orderId", "startTime", "endTime"):
        for value in ("abc", "-1", "1.5", "9" * 25):
            api(f"{path}, {key} {value}", "GET", path, {**SYMBOL, key: value}, 400, -1100, -1102, -1108, -1130,
                parameter=key)
api("account, omitZeroBalances maybe", "GET", "account", {"omitZeroBalances": "maybe"}, 400, -1100, -1102, -1130)

# ---- public routes ----


def public(name, path, params, *codes, **more):
    api(name, "GET", path, params, 400, *codes, signed=False, key=None, **more)


public("depth without a symbol", "depth", {}, -1102, parameter="symbol")
public("depth, empty symbol", "depth", {"symbol": ""}, -1102, -1105, -1100, -1121)
public("depth, unknown symbol", "depth", {"symbol": "NOSUCH"}, -1121)
public("depth, symbol twice", "depth", [("symbol", "BTCUSDT"), ("symbol", "ETHUSDT")], -1101)
for value in ("abc", "-1", "1.5", "9" * 25, "1e3", "0x5"):
    public(f"depth, limit {value}", "depth", {"symbol": "BTCUSDT", "limit": value}, -1100, -1102, -1108, -1130,
           parameter="limit")
public("exchangeInfo, unknown symbol", "exchangeInfo", {"symbol": "NOSUCH"}, -1121)
public("exchangeInfo, one unknown of two", "exchangeInfo", {"symbols": '["BTCUSDT","NOSUCH"]'}, -1121)
for value in ("BTCUSDT", "[BTCUSDT]", '["BTCUSDT"', '{"a":1}', "[1]", "[" * 200):
    public(f"exchangeInfo, symbols {value[:12]}", "exchangeInfo", {"symbols": value}, -1100, -1102, -1130, -1135)
public("exchangeInfo, symbol and symbols", "exchangeInfo", {"symbol": "BTCUSDT", "symbols": '["BTCUSDT"]'},
       -1101, -1128, -1106)

# ---- routes, methods, sizes ----


def plain(name, method, path, statuses, headers=None, body=b"", http=Http1):
    """A row in which only the status and the JSON of an error matter."""
    def send(bad):
        connection = http(bad.server.public)
        with contextlib.closing(connection):
            reply = connection.request(method, path, headers or {}, body)
        check(reply.status in statuses, f"HTTP status {reply.status}, expected one of {statuses}")
        if reply.status in (400, 404, 405):
            value = json.loads(reply.body)
            check(isinstance(value["code"], int) and value["msg"], f"not an error object: {value!r}")
    row(name, send)


for path in ("/api/v3/nothing", "/api/v3", "/api/v3/", "/api/v1/order", "/api/v3/order/", "/API/V3/ping", "/nothing",
             "/admin/v1/users", "/admin/v1/audit", "/api/v3/ping/../../../etc/passwd", "/%00", "/api/v3/%70ing%2f"):
    plain(f"route {path}", "GET", path, (404,))
for method, path in (("POST", "/api/v3/depth?symbol=BTCUSDT"), ("PUT", "/api/v3/order"), ("PATCH", "/api/v3/order"),
                     ("DELETE", "/api/v3/account"), ("POST", "/api/v3/ping"), ("BREW", "/api/v3/ping")):
    plain(f"method {method} {path}", method, path, (404, 405))
for http, version in ((Http1, 1), (Http2, 2)):
    plain(f"body of 20000 bytes over HTTP/{version}", "POST", "/api/v3/order", (413,), {"Content-Type": FORM},
          b"symbol=BTCUSDT&x=" + b"y" * 20000, http)
    plain(f"JSON body over HTTP/{version}", "POST", "/api/v3/order", (400, 401), {"Content-Type": "application/json"},
          json.dumps(ORDER).encode(), http)
for tail in ("symbol=%", "symbol=%4", "symbol=%ZZ", "symbol=BTCUSDT%00", "&&&=&", "=", "symbol", "symbol=BTCUSDT=",
             "%73ymbol%3DBTCUSDT", ";symbol=BTCUSDT"):
    plain(f"depth?{tail}", "GET", "/api/v3/depth?" + tail, (400,))


# ---- bytes on the socket ----

def wire(name, data, statuses, answers=1):
    """Raw bytes: the connection ends with at most so many answers, each of one of the statuses."""
    def send(bad):
        payload = data(bad) if callable(data) else data
        got = []
        with socket.create_connection(bad.server.public, timeout=ANSWER_SECONDS) as raw:
            with contextlib.suppress(ConnectionError):
                raw.sendall(payload)
                raw.shutdown(socket.SHUT_WR)  # nothing more comes: a server that waits for the rest ends it now
            with contextlib.suppress(ConnectionError, ValueError, IndexError):
                reader = raw.makefile("rb")
                while True:
                    got.append(read_reply(reader).status)
        check(len(got) <= answers and set(got) <= set(statuses), f"answers {got}, expected {statuses}")
    row(name, send)


BAD = (400, 404, 405, 411, 413, 414, 417, 431, 501, 505)
wire("garbage bytes", bytes(range(256)) * 8, BAD)
wire("zero bytes", b"\0" * 4096, BAD)
wire("nothing", b"", BAD)
wire("line ends only", b"\r\n" * 200, BAD)
wire("a TLS hello", bytes.fromhex("1603010200010001fc0303") + b"\x55" * 509, BAD)
wire("half a request", b"GET /api/v3/ping HTTP/1.1\r\nHost: a", BAD)
wire("HTTP/0.9", b"GET /api/v3/nothing\r\n\r\n", BAD)
wire("HTTP/9.9", b"GET /api/v3/nothing HTTP/9.9\r\n\r\n", BAD)
wire("no header name", b"GET /api/v3/nothing HTTP/1.1\r\n: x\r\n\r\n", BAD)
wire("a header with a space in its name", b"GET /api/v3/nothing HTTP/1.1\r\nHost: a\r\nX Y: z\r\n\r\n", BAD)
wire("a folded header", b"GET /api/v3/nothing HTTP/1.1\r\nHost: a\r\nX: y\r\n z\r\n\r\n", BAD)
wire("a head of 200 KB", b"GET /api/v3/nothing HTTP/1.1\r\n" + b"X-A: " + b"b" * 200000 + b"\r\n\r\n", BAD)
wire("2000 headers", b"GET /api/v3/nothing HTTP/1.1\r\n" + b"X: y\r\n" * 2000 + b"\r\n", BAD)
wire("a target of 60 KB", b"GET /api/v3/nothing?" + b"a" * 60000 + b" HTTP/1.1\r\nHost: a\r\n\r\n", BAD)
wire("negative content length", b"POST /api/v3/order HTTP/1.1\r\nHost: a\r\nContent-Length: -5\r\n\r\nhello", BAD)
wire("content length not a number", b"POST /api/v3/order HTTP/1.1\r\nHost: a\r\nContent-Length: x\r\n\r\nhello", BAD)
wire("content length of 30 digits", b"POST /api/v3/order HTTP/1.1\r\nHost: a\r\nContent-Length: " + b"9" * 30 +
     b"\r\n\r\nhello", BAD)
wire("a bad chunk size", b"POST /api/v3/order HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n", BAD)
wire("chunks above 16 KiB", b"POST /api/v3/order HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n" +
     (b"1000\r\n" + b"x" * 4096 + b"\r\n") * 5 + b"0\r\n\r\n", BAD + (401,))
wire("an HTTP/2 preface, then garbage", b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + bytes(range(256)) * 4, ())
wire("an HTTP/2 preface, then a frame of 16 MB", b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\xff\xff\xff\x04\0\0\0\0\0", ())
wire("an HTTP/2 preface, then HEADERS on stream 0", b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0"
     b"\0\0\x01\x01\x05\0\0\0\0\x82", ())


def smuggled(heads, first):
    """A request with two lengths, and a good signed order where only one of them ends the body (RFC 9112 §6.1: the
    connection must close after the answer)."""
    def data(bad):
        method, target, headers, _ = bad.sender.build("POST", "/api/v3/order", ORDER)
        inner = f"{method} {target} HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n"
        inner += "".join(f"{name}: {value}\r\n" for name, value in headers.items()) + "\r\n"
        body = first + inner
        return (f"POST /api/v3/nothing HTTP/1.1\r\nHost: a\r\n{heads}\r\n".format(len(body)) + body).encode()
    return data


wire("CL and TE", smuggled("Content-Length: {}\r\nTransfer-Encoding: chunked\r\n", "0\r\n\r\n"), BAD)
wire("TE and CL", smuggled("Transfer-Encoding: chunked\r\nContent-Length: {}\r\n", "0\r\n\r\n"), BAD)
wire("two content lengths", smuggled("Content-Length: {}\r\nContent-Length: 0\r\n", ""), BAD)
wire("TE that is not chunked", smuggled("Transfer-Encoding: xchunked\r\nContent-Length: {}\r\n", "0\r\n\r\n"), BAD)

# ---- the operator's listener ----


def operator(name, method, path, body, statuses, token=True):
    """{} in the path is the good user's number; the body is bytes or what becomes JSON."""
    def send(bad):
        data = body if isinstance(body, bytes) else json.dumps(body).encode()
        reply = bad.admin.raw(method, "/admin/v1/" + path.format(bad.good.user), data, token)
        check(reply.status in statuses, f"HTTP status {reply.status}, expected one of {statuses}: {reply.body[:200]!r}")
        value = json.loads(reply.body)
        check(isinstance(value["code"], int) and value["msg"], f"not an error object: {value!r}")
        if name == "admin: a taken name":
            eq(value["userId"], bad.good.user, "whose name it is")
    row("admin: " + name if not name.startswith("admin") else name, send)


MONEY = {"asset": "USDT", "amount": "1", "requestId": "new"}
for method, path in (("GET", "audit"), ("GET", "users"), ("POST", "users"), ("POST", "users/{}/deposits"),
                     ("GET", "shards"), ("PUT", "symbols/BTCUSDT/status")):
    body = {"POST": {"name": "x", **MONEY}, "PUT": {"status": "HALT"}}.get(method, b"")
    operator(f"no token: {method} {path}", method, path, body, (401,), token=False)
    operator(f"wrong token: {method} {path}", method, path, body, (401,), token="0" * 64)
for path in ("users", "users/{}/keys", "users/{}/deposits", "symbols"):
    for body in (b"", b"{", b"nonsense", b"[]", b"null", b'"x"', b"{}", b'{"name":"a","name":"b"}', b"\xff\xfe",
                 b"[" * 2000, b'{"name":' * 500):
        operator(f"{path} with {body[:12]!r}", "POST", path, body, (400,))
    operator(f"{path} with 20000 bytes", "POST", path, b'{"name":"' + b"x" * 20000 + b'"}', (400, 413))
for value in (1, None, "", ["x"], {"a": 1}, True, "x" * 65):
    operator(f"user named {value!r:.20}", "POST", "users", {"name": value}, (400,))
operator("admin: a taken name", "POST", "users", {"name": "good"}, (409,))
for user in ("99999", "0", "99999999999999999999", "-1", "abc", ""):
    operator(f"keys of user {user!r}", "POST", f"users/{user}/keys", {"type": "HMAC", "permissions": ["TRADE"]},
             (404,) if user == "99999" else (400, 404))
    operator(f"deposit to user {user!r}", "POST", f"users/{user}/deposits", MONEY,
             (404,) if user == "99999" else (400, 404))
for change in ({"type": "RSA2"}, {"type": 1}, {"type": None}, {"permissions": ["FLY"]}, {"permissions": "TRADE"},
               {"permissions": [1]}):
    operator(f"key with {change}", "POST", "users/{}/keys", {"type": "HMAC", "permissions": ["TRADE"], **change},
             (400,))
operator("deleting an unknown key", "DELETE", "users/{}/keys/" + "A" * 64, b"", (404,))
for kind in ("deposits", "withdrawals"):
    for value in ("-1", "0", "", "NaN", "inf", "1e3", "0.000000001", "92233720368.54775808", "9" * 40, "abc", "1,0", 1,
                  1.5, None, ["1"]):
        operator(f"{kind}: amount {value!r:.24}", "POST", "users/{}/" + kind, {**MONEY, "amount": value}, (400,))
    for value in ("NOSUCH", "usdt", "", "U" * 21, 1, None, "US DT"):
        operator(f"{kind}: asset {value!r}", "POST", "users/{}/" + kind, {**MONEY, "asset": value}, (400, 404))
    for value in ("", 1, None):
        operator(f"{kind}: requestId {value!r}", "POST", "users/{}/" + kind, {**MONEY, "requestId": value}, (400,))
    operator(f"{kind}: a used requestId", "POST", "users/{}/" + kind, {**MONEY, "amount": "2", "requestId": "used"},
             (409,))
operator("deposit that overflows the balance", "POST", "users/{}/deposits", {**MONEY, "amount": "92233720368"},
         (400, 409))
operator("withdrawal of more than there is", "POST", "users/{}/withdrawals", {**MONEY, "amount": "100001"}, (400, 409))
operator("withdrawal of an asset never had", "POST", "users/{}/withdrawals", {**MONEY, "asset": "SOL"}, (400, 409))
NEW = {"symbol": "AAABBB", "baseAsset": "AAA", "quoteAsset": "BBB"}
operator("symbol that exists", "POST", "symbols", {**NEW, "symbol": "BTCUSDT"}, (409,))
for change in ({"symbol": "aaabbb"}, {"symbol": ""}, {"symbol": "A" * 21}, {"symbol": 1}, {"baseAsset": "a"},
               {"quoteAsset": None}, {"baseAsset": "BBB"}, {"tickSize": "-1"}, {"tickSize": "abc"}, {"tickSize": 1},
               {"stepSize": "1e-3"}, {"stepSize": "0.000000001"}, {"makerCommission": "2"}, {"takerCommission": "-2"},
               {"minQty": "5", "maxQty": "1"}, {"defaultSelfTradePreventionMode": "MAYBE"},
               {"filters": "none"}, {"filters": [{"filterType": "NOSUCH"}]}, {"filters": [1]}):
    operator(f"symbol with {json.dumps(change)}", "POST", "symbols", {**NEW, **change}, (400,))
operator("status of an unknown symbol", "PUT", "symbols/NOSUCH/status", {"status": "HALT"}, (404,))
for value in ("OPEN", "trading", "", 1, None):
    operator(f"status {value!r}", "PUT", "symbols/BTCUSDT/status", {"status": value}, (400,))
operator("an unknown route", "GET", "nothing", b"", (404,))
operator("a wrong method", "DELETE", "audit", b"", (404, 405))


def main():
    checks, words = Checks(), sys.argv[1:]
    with Server() as server:
        bad = Bad(server)
        for name, send in ROWS:
            if not words or any(word in name for word in words):
                checks.one(name, lambda send=send: (send(bad), bad.unchanged()))
        def good_order():
            answer = bad.good.limit("BTCUSDT", "BUY", "0.001", "20000")
            eq(bad.good.cancel("BTCUSDT", orderId=answer["orderId"])["status"], "CANCELED", "a good order afterwards")
        checks.one("a good client trades after all that", good_order)
    return checks.finish()


if __name__ == "__main__":
    sys.exit(main())
