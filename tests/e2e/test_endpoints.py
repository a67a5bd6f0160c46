#!/usr/bin/python3
"""Every public endpoint, every parameter, in every encoding: generated from one table.

Goal: each endpoint answers a good call with its documented shape and weight, in whatever form clients send it, and
each wrong parameter with Binance's code and exact text. Method: ENDPOINTS names each endpoint's parameters, their
kinds and what is mandatory; KINDS says how a kind goes wrong and what must be answered; the cases are their product,
sent over keep-alive connections. Every answer's X-MBX-USED-WEIGHT must have grown by what the table says.
usage: test_endpoints.py [WORD...]   only the cases whose name contains all words
"""
import json
import re
import sys
import time
import urllib.parse

from castle_client import (FORM, Binance, Checks, Http1, Http2, Server, Trader, asked_again, atoms, check, eq, reply_of,
                           show)

# ---- Binance's words ----

NUMBER, AMOUNT = "^[0-9]{1,20}$", r"^([0-9]{1,20})(\.[0-9]{1,20})?$"
SYMBOL = r"^[\w\-._&&[^a-z]]{1,50}$"
SYMBOLS = r'^\[("[\w\-._&&[^a-z]]{1,50}"(,"[\w\-._&&[^a-z]]{1,50}"){0,}){0,1}\]$'
CLIENT = "^[a-zA-Z0-9-_.:/]{1,36}$"


def illegal(legal):
    return lambda name: (-1100, f"Illegal characters found in parameter '{name}'; legal range is '{legal}'.")


def same(code, text):
    return lambda name: (code, text.format(name))


MISSING = same(-1102, "Mandatory parameter '{}' was not sent, was empty/null, or malformed.")
EMPTY = same(-1105, "Parameter '{}' was empty.")
UNWANTED = same(-1106, "Parameter '{}' sent when not required.")
OVERFLOW = same(-1108, "Parameter '{}' overflowed.")
PRECISE = same(-1111, "Parameter '{}' has too much precision.")
INVALID = same(-1130, "Data sent for parameter '{}' is not valid.")
DOUBLED = same(-1101, "Duplicate values for parameter '{}' detected.")
COMBINATION = same(-1128, "Combination of optional parameters invalid.")
NO_SYMBOL = same(-1121, "Invalid symbol.")
OUTSIDE = (-1021, "Timestamp for this request is outside of the recvWindow.")
AHEAD = (-1021, "Timestamp for this request was 1000ms ahead of the server's time.")
BAD_SIGNATURE = (-1022, "Signature for this request is not valid.")
UNKNOWN_ORDER = (-2011, "Unknown order sent.")
BAD_KEY = (-2014, "API-key format invalid.")
UNKNOWN_KEY = (-2015, "Invalid API-key, IP, or permissions for action.")

NOT_NUMBERS = ["abc", "-1", "+1", "1.5", "1e3", "0x10", " 1", "1 ", "1,0", "NaN", "\u0661", "9" * 21, "1" * 3000]
NOT_AMOUNTS = ["abc", "-1", "+1", ".5", "1.", "1.2.3", "1,5", "1e3", "0x1", " 1", "1 ", "inf", "\u0661", "1;2",
               "9" * 21,
               "1" * 3000]
KINDS = {  # kind: [(values, what is said of them)]
    "symbol": [(["btcusdt", "BTC USDT", "BTC/USDT", "BTC,USDT", "BTC\u20ac", "B" * 51, "B" * 3000, "[]"],
                illegal(SYMBOL)),
               (["NOSUCH", "B" * 50, "BTC-USDT"], NO_SYMBOL)],
    "symbols": [(["BTCUSDT", "[BTCUSDT]", '["BTCUSDT"', '["btcusdt"]', '["BTCUSDT", "ETHUSDT"]', '["BTCUSDT",]', "[1]",
                  '[""]',
                  '{"a":1}', "[" * 200, '["' + "B" * 51 + '"]'], illegal(SYMBOLS)),
                (['["NOSUCH"]', '["BTCUSDT","NOSUCH"]'], NO_SYMBOL),
                (['["BTCUSDT","BTCUSDT"]', '["BTCUSDT","ETHUSDT","BTCUSDT"]'],
                 same(-1151, "Symbol is present multiple times in the list."))],
    "status": [(["trading", "CANCEL_ONLY", "X", "0"], same(-1122, "Invalid symbolStatus."))],
    "number": [(NOT_NUMBERS, illegal(NUMBER)), (["9" * 20, "9223372036854775808"], OVERFLOW)],
    "limit": [(NOT_NUMBERS, illegal(NUMBER)), (["9" * 20], OVERFLOW), (["0"], INVALID)],
    "amount": [(NOT_AMOUNTS, illegal(AMOUNT)), (["9" * 20, "92233720368.54775808"], OVERFLOW),
               (["1.123456789", "0.000000001"], PRECISE)],
    "window": [(NOT_AMOUNTS, illegal(AMOUNT)), (["9" * 20], OVERFLOW), (["1.0001", "5000.12345"], PRECISE),
               (["60000.001", "60001", "900000"], same(-1131, "recvWindow must be less than 60000."))],
    "timestamp": [(NOT_NUMBERS, illegal(NUMBER)), (["9" * 20], OVERFLOW), (["0"], MISSING)],
    "signature": [(["0", "0" * 63, "0" * 65, "g" * 64, "0" * 64, " " + "0" * 64, "0" * 3000],
                   lambda name: BAD_SIGNATURE)],
    "client": [(["a" * 37, "a b", "a$b", "a\u00e4", 'a"b', "a\nb", "a+b", "a,b", "x" * 3000], illegal(CLIENT))],
    "bool": [(["maybe", "1", "yes", "truer", "fals"], INVALID)],
    "interval": [(["1x", "1W", "1mo", "60", "1m ", "0"], same(-1120, "Invalid interval."))],
    "zone": [(["x", "15", "14:01", "-12:01", "-13", "5:4", "05:60", "1:", ":30", "1:000", "001", "+", "5:45 ", "UTC"], INVALID)],
    "shape": [(["full", "SMALL", "0"], INVALID)],
    "width": [(["0m", "60m", "24h", "0h", "8d", "01m", "1", "m", "1M", "1w", "1s", "1d2h", "1.5h", "-1m", "100m", "1h ", "d1"],
                INVALID)],
    "permissions": [(["spot", '["SPOT"', "[SPOT]", "S P"], INVALID)],
    "side": [(["HOLD", "buy", "BUY ", "1"], same(-1117, "Invalid side."))],
    "type": [(["PEG", "limit", "MARKET ", "0"], same(-1116, "Invalid orderType."))],
    "tif": [(["GTX", "gtc", "GTD", "0"], same(-1115, "Invalid timeInForce."))],
    "mode": [(["MAYBE", "stop_on_failure", "0"], INVALID)],
    "restriction": [(["MAYBE", "only_new", "0"], same(-1145, "Invalid cancelRestrictions"))],
    "exceeded": [(["MAYBE", "do_nothing", "0"], INVALID)],
    "response": [(["HUGE", "full", "0"], INVALID)],
    "stp": [(["MAYBE", "none", "0"], INVALID)],
    "strategy": [(NOT_NUMBERS, illegal(NUMBER)), (["9" * 20], OVERFLOW),
                 (["0", "999999"], same(-1134, "strategyType was less than 1000000."))],
}
SIGNED = {"recvWindow": "window", "timestamp": "timestamp", "signature": "signature"}

# ---- the endpoints ----


class Endpoint:
    """`params` are the good call's, with kinds; a name with * is mandatory, and a value of None is left out of it.
    `most` is how many parameters Binance documents, without the three of signed calls."""

    def __init__(self, method, path, security, weight, most, params, shape, name=None, rule=None, free=False,
                 good=None):
        self.method, self.path, self.security, self.base, self.free = method, path, security, weight, free
        self.most = most + (3 if security else 0)
        self.kinds = {key.strip("*"): kind for key, (kind, _) in params.items()}
        self.mandatory = [key.strip("*") for key in params if key.endswith("*")]
        self.values = {key.strip("*"): value for key, (_, value) in params.items() if value is not None}
        self.name, self.shape, self.good = name or f"{method} {path.removeprefix('/api/v3/')}", shape, good
        self.rule = rule or (lambda params: weight)

    def weight(self, params, status):
        return 0 if self.free and status == 200 else self.rule(params)


def ticker_weight(params):
    return 2 if "symbol" in params else 4


def day_weight(params):
    listed = params.get("symbols", "").count(",") + 1
    return 2 if "symbol" in params or "symbols" in params and listed <= 20 else 80


def window_weight(params):
    """4 a symbol; a list that is refused costs what one does."""
    listed = re.findall(r"BTCUSDT|ETHUSDT|ETHBTC", params.get("symbols", ""))
    good_list = "[" + ",".join(f'"{name}"' for name in listed) + "]" == params.get("symbols")
    return 4 * len(listed) if good_list and len(listed) == len(set(listed)) else 4


def depth_weight(params):
    text = params.get("limit", "100")
    limit = int(text) if text.isascii() and text.isdigit() and len(text) < 20 else 0
    return 5 if limit <= 100 else 25 if limit <= 500 else 50 if limit <= 1000 else 250


def keys(*names):
    return lambda value: eq(set(value), set(names), "keys")


def rows(*names, some=()):
    """`some`: what some rows have."""
    def look(value):
        check(isinstance(value, list) and value, f"not a list of something: {value!r}")
        for row in value:
            eq(set(row) - set(some), set(names) - set(some), "keys of a row")
    return look


def arrays(length):
    def look(value):
        check(isinstance(value, list) and value, f"not a list of something: {value!r}")
        for row in value:
            eq(len(row), length, "elements of a row")
    return look


def exactly(expected):
    return lambda value: eq(value, expected, "the answer")


ORDER_KEYS = ("symbol", "orderId", "orderListId", "clientOrderId", "price", "origQty", "executedQty",
              "origQuoteOrderQty",
              "cummulativeQuoteQty", "status", "timeInForce", "type", "side", "selfTradePreventionMode")
LABELS = ("strategyId", "strategyType")
NEW_KEYS = ORDER_KEYS + LABELS + ("transactTime", "workingTime", "fills")
QUERY_KEYS = ORDER_KEYS + ("stopPrice", "icebergQty", "time", "updateTime", "isWorking", "workingTime")
RATES = {"maker": "0.00100000", "taker": "0.00100000"}
NO_RATES = {"maker": "0.00000000", "taker": "0.00000000"}
SIDES = {"buyer": "0.00000000", "seller": "0.00000000"}
DISCOUNT = {"enabledForAccount": False, "enabledForSymbol": False, "discountAsset": "BNB", "discount": "0.00000000"}
FUTURES = ("timezone", "serverTime", "rateLimits", "exchangeFilters", "assets", "symbols")

TAIL = {"newClientOrderId": ("client", None), "newOrderRespType": ("response", "FULL"),
        "selfTradePreventionMode": ("stp", "NONE"),
        "strategyId": ("number", "1"), "strategyType": ("strategy", "1000000")}
# An IOC that finds nothing: it leaves no order behind.
LIMIT = {"symbol*": ("symbol", "BTCUSDT"), "side*": ("side", "BUY"), "type*": ("type", "LIMIT"),
         "timeInForce*": ("tif", "IOC"),
         "quantity*": ("amount", "0.001"), "price*": ("amount", "20000"), **TAIL}
MARKET = {"symbol*": ("symbol", "SOLUSDT"), "side*": ("side", "BUY"), "type*": ("type", "MARKET"),
          "quantity*": ("amount", "0.1"), **TAIL}
QUOTE = {"symbol*": ("symbol", "SOLUSDT"), "side*": ("side", "BUY"), "type*": ("type", "MARKET"),
         "quoteOrderQty": ("amount", "10"), **TAIL}
MAKER = {"symbol*": ("symbol", "BNBUSDT"), "side*": ("side", "BUY"), "type*": ("type", "LIMIT_MAKER"),
         "quantity*": ("amount", "1"), "price*": ("amount", "100"), **TAIL}
RATES_ASKED = {"computeCommissionRates": ("bool", "true")}
WHICH = {"symbol*": ("symbol", "BTCUSDT"), "orderId": ("number", "987654321"), "origClientOrderId": ("client", None)}
TIMES = {"startTime": ("number", None), "endTime": ("number", None), "limit": ("limit", "10")}
MINI = ("symbol", "openPrice", "highPrice", "lowPrice", "lastPrice", "volume", "quoteVolume", "openTime", "closeTime",
        "firstId", "lastId", "count")
WINDOW = (*MINI, "priceChange", "priceChangePercent", "weightedAvgPrice")
FULL = (*WINDOW, "prevClosePrice", "lastQty", "bidPrice", "bidQty", "askPrice", "askQty")
KLINES = {"symbol*": ("symbol", "ETHUSDT"), "interval*": ("interval", "1m"), **TIMES, "timeZone": ("zone", "-3:30")}
ORDER, TEST = "/api/v3/order", "/api/v3/order/test"


def resting(s):
    """Params of an order that has just been placed."""
    order = s.trader.limit("BTCUSDT", "BUY", "0.001", "20000")
    return {"symbol": "BTCUSDT", "orderId": str(order["orderId"])}


def resting_symbol(s):
    resting(s)
    return {"symbol": "BTCUSDT"}


def resting_replaced(s):
    return {"cancelOrderId": resting(s)["orderId"]}


# Order lists around the last price, 2000.
LIST = {"symbol*": ("symbol", "ETHUSDT"), "listClientOrderId": ("client", "list-1"), "newOrderRespType": ("response", "FULL"),
        "selfTradePreventionMode": ("stp", "NONE")}


def leg(word, kind, always=("Type",), **more):
    """The parameters of an order under its prefix."""
    kinds = {"Type": "type", "Side": "side", "Quantity": "amount", "Price": "amount", "StopPrice": "amount",
             "TimeInForce": "tif", "TrailingDelta": "number", "IcebergQty": "amount"}
    values = {"Type": kind, **more}
    return {word + name + ("*" if name in always else ""): (kinds[name], value) for name, value in values.items()} | {
        f"{word}ClientOrderId": ("client", f"{word}-1"), f"{word}StrategyId": ("number", "1"),
        f"{word}StrategyType": ("strategy", "1000000")}


STOP = {"StopPrice": "1500", "Price": "1400", "TimeInForce": "GTC"}
OCO = {**LIST, "side*": ("side", "SELL"), "quantity*": ("amount", "0.1"), **leg("above", "LIMIT_MAKER", Price="2500"),
       **leg("below", "STOP_LOSS_LIMIT", **STOP, IcebergQty="0.05")}
OLD_OCO = {**LIST, "side*": ("side", "SELL"), "quantity*": ("amount", "0.1"), "price*": ("amount", "2500"),
           "limitClientOrderId": ("client", "limit-1"), "limitStrategyId": ("number", "1"),
           "limitStrategyType": ("strategy", "1000000"), "limitIcebergQty": ("amount", "0.05"),
           "stopPrice": ("amount", "1500"), "stopLimitPrice": ("amount", "1400"), "stopLimitTimeInForce": ("tif", "GTC"),
           "stopClientOrderId": ("client", "stop-1"), "stopStrategyId": ("number", "1"),
           "stopStrategyType": ("strategy", "1000000"), "stopIcebergQty": ("amount", "0.05")}
WORKING = leg("working", "LIMIT", ("Type", "Side", "Quantity", "Price"), Side="BUY", Quantity="0.1", Price="1500",
              TimeInForce="GTC")
OTO = {**LIST, **WORKING, **leg("pending", "TAKE_PROFIT_LIMIT", ("Type", "Side", "Quantity"), Side="SELL", Quantity="0.1",
                                StopPrice="2500", TrailingDelta="100", Price="2500", TimeInForce="GTC", IcebergQty="0.05")}
OTOCO = {**LIST, **WORKING, "pendingSide*": ("side", "SELL"), "pendingQuantity*": ("amount", "0.1"),
         **leg("pendingAbove", "LIMIT_MAKER", Price="2500"), **leg("pendingBelow", "STOP_LOSS_LIMIT", **STOP)}
LIST_KEYS = ("orderListId", "contingencyType", "listStatusType", "listOrderStatus", "listClientOrderId", "transactionTime",
             "symbol", "orders")


def open_list(s):
    """Params of a list that has just been placed."""
    params = {key.strip("*"): value for key, (_, value) in OCO.items() if "ClientOrderId" not in key}
    made = s.trader.call("POST", "/api/v3/orderList/oco", params)
    return {"orderListId": str(made["orderListId"])}


def some_list(s):
    open_list(s)
    return {}


def left_behind(s):
    """Nothing more; but what is placed is to be cancelled."""
    return {}


REPLACE = {**LIMIT, "cancelReplaceMode*": ("mode", "STOP_ON_FAILURE"), "cancelOrderId": ("number", "987654321"),
           "cancelOrigClientOrderId": ("client", None), "cancelNewClientOrderId": ("client", "replace-1"),
           "cancelRestrictions": ("restriction", "ONLY_NEW"), "orderRateLimitExceededMode": ("exceeded", "DO_NOTHING")}

ENDPOINTS = [
    Endpoint("GET", "/api/v3/ping", None, 1, 0, {}, exactly({})),
    Endpoint("GET", "/api/v3/time", None, 1, 0, {}, keys("serverTime")),
    Endpoint("GET", "/api/v3/exchangeInfo", None, 20, 5,
             {"symbol": ("symbol", "BTCUSDT"), "showPermissionSets": ("bool", "true")},
             keys("timezone", "serverTime", "rateLimits", "exchangeFilters", "symbols")),
    Endpoint("GET", "/api/v3/exchangeInfo", None, 20, 5, {"symbols": ("symbols", '["BTCUSDT","ETHBTC"]')},
             lambda value: eq([one["symbol"] for one in value["symbols"]], ["BTCUSDT", "ETHBTC"], "symbols"),
             name="GET exchangeInfo of symbols"),
    Endpoint("GET", "/api/v3/exchangeInfo", None, 20, 5,
             {"permissions": ("permissions", '["SPOT","MARGIN"]'), "symbolStatus": ("status", "TRADING")},
             lambda value: eq(len(value["symbols"]), 5, "symbols"), name="GET exchangeInfo of permissions"),
    Endpoint("GET", "/api/v3/depth", None, 5, 3,
             {"symbol*": ("symbol", "BTCUSDT"), "limit": ("limit", "500"), "symbolStatus": ("status", "TRADING")},
             keys("lastUpdateId", "bids", "asks"), rule=depth_weight),
    Endpoint("GET", "/api/v3/trades", None, 25, 2, {"symbol*": ("symbol", "ETHUSDT"), "limit": ("limit", "10")},
             rows("id", "price", "qty", "quoteQty", "time", "isBuyerMaker", "isBestMatch")),
    Endpoint("GET", "/api/v3/ticker/price", None, 4, 3,
             {"symbol": ("symbol", "ETHUSDT"), "symbolStatus": ("status", "TRADING")}, keys("symbol", "price"),
             rule=ticker_weight),
    Endpoint("GET", "/api/v3/ticker/price", None, 4, 3,
             {"symbols": ("symbols", '["ETHUSDT","BTCUSDT"]'), "symbolStatus": ("status", "TRADING")}, rows("symbol",
                                                                                                            "price"),
             name="GET ticker/price of symbols"),
    Endpoint("GET", "/api/v3/ticker/bookTicker", None, 4, 3,
             {"symbol": ("symbol", "ETHUSDT"), "symbolStatus": ("status", "TRADING")},
             keys("symbol", "bidPrice", "bidQty", "askPrice", "askQty"), rule=ticker_weight),
    Endpoint("GET", "/api/v3/ticker/bookTicker", None, 4, 3,
             {"symbols": ("symbols", '["ETHUSDT","BTCUSDT"]'), "symbolStatus": ("status", "TRADING")},
             rows("symbol", "bidPrice", "bidQty", "askPrice", "askQty"), name="GET ticker/bookTicker of symbols"),
    Endpoint("GET", "/api/v3/ticker/24hr", None, 80, 4,
             {"symbol": ("symbol", "ETHUSDT"), "type": ("shape", "FULL"), "symbolStatus": ("status", "TRADING")},
             keys(*FULL), rule=day_weight),
    Endpoint("GET", "/api/v3/ticker/24hr", None, 80, 4,
             {"symbols": ("symbols", '["ETHUSDT","BTCUSDT"]'), "type": ("shape", "MINI"),
              "symbolStatus": ("status", "TRADING")}, rows(*MINI), name="GET ticker/24hr of symbols", rule=day_weight),
    Endpoint("GET", "/api/v3/ticker", None, 4, 5,
             {"symbol": ("symbol", "ETHUSDT"), "windowSize": ("width", "59m"), "type": ("shape", "FULL"),
              "symbolStatus": ("status", "TRADING")}, keys(*WINDOW), rule=window_weight),
    Endpoint("GET", "/api/v3/ticker", None, 4, 5,
             {"symbols": ("symbols", '["ETHUSDT"]'), "windowSize": ("width", "7d"), "type": ("shape", "MINI"),
              "symbolStatus": ("status", "TRADING")}, rows(*MINI), name="GET ticker of symbols", rule=window_weight),
    Endpoint("GET", "/api/v3/ticker/tradingDay", None, 4, 5,
             {"symbol": ("symbol", "ETHUSDT"), "timeZone": ("zone", "-3:30"), "type": ("shape", "FULL"),
              "symbolStatus": ("status", "TRADING")}, keys(*WINDOW), rule=window_weight),
    Endpoint("GET", "/api/v3/ticker/tradingDay", None, 4, 5,
             {"symbols": ("symbols", '["ETHUSDT"]'), "timeZone": ("zone", "14"), "type": ("shape", "MINI"),
              "symbolStatus": ("status", "TRADING")}, rows(*MINI), name="GET ticker/tradingDay of symbols",
             rule=window_weight),
    Endpoint("GET", "/api/v3/avgPrice", None, 2, 1, {"symbol*": ("symbol", "ETHUSDT")},
             keys("mins", "price", "closeTime")),
    Endpoint("GET", "/api/v3/klines", None, 2, 6, KLINES, arrays(12)),
    Endpoint("GET", "/api/v3/uiKlines", None, 2, 6, KLINES, arrays(12)),
    Endpoint("GET", "/api/v3/aggTrades", None, 4, 5,
             {"symbol*": ("symbol", "ETHUSDT"), "fromId": ("number", None), **TIMES},
             rows("a", "p", "q", "f", "l", "T", "m", "M")),
    Endpoint("GET", "/api/v3/historicalTrades", None, 25, 3,
             {"symbol*": ("symbol", "ETHUSDT"), "fromId": ("number", "1"), "limit": ("limit", "10")},
             rows("id", "price", "qty", "quoteQty", "time", "isBuyerMaker", "isBestMatch")),
    Endpoint("POST", ORDER, "TRADE", 1, 18, LIMIT, keys(*NEW_KEYS, "expiryReason"), "POST order LIMIT", free=True),
    Endpoint("POST", ORDER, "TRADE", 1, 18, MARKET, keys(*NEW_KEYS, "expiryReason"), "POST order MARKET", free=True),
    Endpoint("POST", ORDER, "TRADE", 1, 18, QUOTE, keys(*NEW_KEYS, "expiryReason"), "POST order MARKET by quote",
             free=True),
    Endpoint("POST", ORDER, "TRADE", 1, 18, MAKER, keys(*NEW_KEYS), "POST order LIMIT_MAKER", free=True),
    Endpoint("POST", TEST, "TRADE", 1, 19, LIMIT, exactly({}), "POST order/test LIMIT"),
    Endpoint("POST", TEST, "TRADE", 1, 19, MARKET, exactly({}), "POST order/test MARKET"),
    Endpoint("POST", TEST, "TRADE", 1, 19, {**LIMIT, **RATES_ASKED},
             exactly({"standardCommissionForOrder": RATES, "specialCommissionForOrder": NO_RATES,
                      "taxCommissionForOrder": NO_RATES, "discount": DISCOUNT}), "POST order/test with rates",
             rule=lambda params: 20 if params.get("computeCommissionRates") == "true" else 1),
    Endpoint("GET", ORDER, "USER_DATA", 4, 3, WHICH, keys(*QUERY_KEYS), good=resting),
    Endpoint("DELETE", ORDER, "TRADE", 1, 5, {**WHICH, "newClientOrderId": ("client", "cancel-1"),
                                              "cancelRestrictions": ("restriction", "ONLY_NEW")},
             keys(*ORDER_KEYS, "origClientOrderId", "transactTime"), free=True, good=resting),
    Endpoint("POST", "/api/v3/order/cancelReplace", "TRADE", 1, 24, REPLACE,
             keys("cancelResult", "newOrderResult", "cancelResponse", "newOrderResponse"), free=True,
             good=resting_replaced),
    Endpoint("PUT", "/api/v3/order/amend/keepPriority", "TRADE", 4, 5,
             {**WHICH, "newClientOrderId": ("client", "amended-1"), "newQty*": ("amount", "0.0005")},
             keys("transactTime", "executionId", "amendedOrder"), good=resting),
    Endpoint("GET", "/api/v3/order/amendments", "USER_DATA", 4, 4,
             {"symbol*": ("symbol", "BTCUSDT"), "orderId*": ("number", "1"), "fromExecutionId": ("number", "1"),
              "limit": ("limit", "10")}, exactly([])),
    *(Endpoint("POST", f"/api/v3/{path}", "TRADE", 1, most, params, keys(*LIST_KEYS, "orderReports"), free=True,
               good=left_behind)
      for path, most, params in (("orderList/oco", 30, OCO), ("order/oco", 19, OLD_OCO), ("orderList/oto", 30, OTO),
                                 ("orderList/otoco", 42, OTOCO))),
    Endpoint("DELETE", "/api/v3/orderList", "TRADE", 1, 4,
             {"symbol*": ("symbol", "ETHUSDT"), "orderListId": ("number", "987654321"), "listClientOrderId": ("client", None),
              "newClientOrderId": ("client", "cancel-1")}, keys(*LIST_KEYS, "orderReports"), free=True, good=open_list),
    Endpoint("GET", "/api/v3/orderList", "USER_DATA", 4, 2,
             {"orderListId": ("number", "987654321"), "origClientOrderId": ("client", None)}, keys(*LIST_KEYS),
             good=open_list),
    Endpoint("GET", "/api/v3/allOrderList", "USER_DATA", 20, 4, {"fromId": ("number", "1"), **TIMES}, rows(*LIST_KEYS),
             good=some_list),
    Endpoint("GET", "/api/v3/openOrderList", "USER_DATA", 6, 0, {}, rows(*LIST_KEYS), good=some_list),
    Endpoint("GET", "/api/v3/openOrders", "USER_DATA", 80, 1, {"symbol": ("symbol", "BTCUSDT")}, rows(*QUERY_KEYS),
             rule=lambda params: 6 if "symbol" in params else 80, good=resting_symbol),
    Endpoint("DELETE", "/api/v3/openOrders", "TRADE", 1, 1, {"symbol*": ("symbol", "BTCUSDT")},
             rows(*ORDER_KEYS, "origClientOrderId", "transactTime"), free=True, good=resting_symbol),
    Endpoint("GET", "/api/v3/allOrders", "USER_DATA", 20, 5,
             {"symbol*": ("symbol", "ETHUSDT"), "orderId": ("number", "1"), **TIMES},
             rows(*QUERY_KEYS, some=(*LABELS, "workingTime", "trailingDelta", "trailingTime", "expiryReason"))),
    Endpoint("GET", "/api/v3/myTrades", "USER_DATA", 20, 6,
             {"symbol*": ("symbol", "ETHUSDT"), "orderId": ("number", None), "fromId": ("number", "1"), **TIMES},
             rows("symbol", "id", "orderId", "orderListId", "price", "qty", "quoteQty", "commission",
                  "commissionAsset", "time",
                  "isBuyer", "isMaker", "isBestMatch"), rule=lambda params: 5 if "orderId" in params else 20),
    Endpoint("GET", "/api/v3/myPreventedMatches", "USER_DATA", 2, 5,
             {"symbol*": ("symbol", "ETHUSDT"), "orderId": ("number", "1"), "fromPreventedMatchId": ("number", "1"),
              "limit": ("limit", "10")}, exactly([]), rule=lambda params: 20 if "orderId" in params else 2),
    Endpoint("GET", "/api/v3/account", "USER_DATA", 20, 1, {"omitZeroBalances": ("bool", "true")},
             keys("makerCommission", "takerCommission", "buyerCommission", "sellerCommission", "commissionRates",
                  "canTrade",
                  "canWithdraw", "canDeposit", "brokered", "requireSelfTradePrevention", "preventSor", "updateTime",
                  "accountType", "balances", "permissions", "uid")),
    Endpoint("GET", "/api/v3/account/commission", "USER_DATA", 20, 1, {"symbol*": ("symbol", "BTCUSDT")},
             exactly({"symbol": "BTCUSDT", "standardCommission": {**RATES, **SIDES}, "specialCommission": {**NO_RATES,
                                                                                                           **SIDES},
                      "taxCommission": {**NO_RATES, **SIDES}, "discount": DISCOUNT})),
    Endpoint("GET", "/api/v3/rateLimit/order", "USER_DATA", 40, 0, {},
             rows("rateLimitType", "interval", "intervalNum", "limit", "count")),
    Endpoint("GET", "/api/v3/myFilters", "USER_DATA", 40, 1, {"symbol*": ("symbol", "BTCUSDT")},
             keys("exchangeFilters", "symbolFilters", "assetFilters")),
    Endpoint("GET", "/openapi.json", None, 1, 0, {},
             lambda value: check(value["openapi"].startswith("3.1."), value["openapi"])),
    Endpoint("GET", "/sapi/v1/system/status", None, 1, 0, {}, exactly({"status": 0, "msg": "normal"})),
    Endpoint("GET", "/sapi/v1/asset/tradeFee", "USER_DATA", 1, 1, {"symbol": ("symbol", "ETHBTC")},
             exactly([{"symbol": "ETHBTC", "makerCommission": "0.00100000", "takerCommission": "0.00100000"}])),
    Endpoint("GET", "/sapi/v1/capital/config/getall", "USER_DATA", 1, 0, {},
             rows("coin", "name", "depositAllEnable", "withdrawAllEnable", "free", "locked", "freeze", "withdrawing",
                  "ipoing",
                  "ipoable", "storage", "isLegalMoney", "trading", "networkList")),
    Endpoint("GET", "/sapi/v1/margin/isolated/allPairs", "USER_DATA", 1, 1, {}, exactly([])),
    Endpoint("GET", "/sapi/v1/margin/allPairs", None, 1, 4, {}, exactly([])),
    Endpoint("GET", "/sapi/v1/spot/delist-schedule", "USER_DATA", 1, 0, {}, exactly([])),
    Endpoint("GET", "/fapi/v1/exchangeInfo", None, 1, 0, {}, keys(*FUTURES)),
    Endpoint("GET", "/dapi/v1/exchangeInfo", None, 1, 0, {}, keys(*FUTURES)),
]



def named(name):
    return next(e for e in ENDPOINTS if e.name == name)


# ---- sending ----


def plain(text):
    return urllib.parse.quote(str(text), safe="")


def every_byte(upper):
    return lambda text: "".join(f"%{byte:02X}" if upper else f"%{byte:02x}" for byte in str(text).encode())


def text_of(pairs, encode=plain):
    return "&".join(f"{encode(name)}={encode(value)}" for name, value in pairs)


def now(unit="ms", offset_s=0.0):
    return (time.time_ns() + int(offset_s * 10 ** 9)) // (10 ** 6 if unit == "ms" else 10 ** 3)


class Session:
    """The server, two funded users, and what the address has used so far."""

    def __init__(self, server):
        self.server, self.admin = server, server.admin()
        self.http = Http1(server.public)
        self.trader = Trader(self.admin, Http1(server.public), "endpoints", {"USDT": "1000000", "BTC": "100",
                                                                             "ETH": "100"})
        self.other = Trader(self.admin, Http1(server.public), "other", {"USDT": "1000000", "ETH": "2000"})
        self.keys = {"USER_DATA": self.admin.key(self.trader.user, ["USER_DATA"]),
                     "TRADE": self.admin.key(self.trader.user, ["TRADE"])}
        self.other.limit("ETHUSDT", "SELL", "100", "2000")
        self.trader.limit("ETHUSDT", "BUY", "1", "2000")
        self.used, self.at = None, 0.0
        self.tidy()

    def tidy(self):
        """No order of the trader rests, and the weight is known again."""
        for symbol in {order["symbol"] for order in self.trader.open_orders()}:
            self.trader.cancel_all(symbol)
        self.weigh()

    def weigh(self):
        """Others have sent something: looks what has been used."""
        self.note(lambda: self.http.request("GET", "/api/v3/ping"))

    def note(self, ask):
        """Remembers what the address has used by the answer of ask(); returns it, what had been used by the one before, and
        whether a minute may have begun since that was asked for."""
        was, self.at = self.at, time.time()
        reply = ask()
        eq(reply.headers.get("x-mbx-used-weight"), reply.headers.get("x-mbx-used-weight-1m"), "the two weight headers")
        before, self.used = self.used, int(reply.headers["x-mbx-used-weight-1m"])
        return reply, before, int((time.time() + 1) // 60) != int((was - 1) // 60)

    def send(self, method, target, headers, body, weight):
        reply, before, rolled = self.note(lambda: self.http.request(method, target, headers, body))
        grown = self.used - before
        check(grown == weight(reply.status) or (rolled and self.used == weight(reply.status)),
              f"the used weight grew by {grown}, expected {weight(reply.status)}")
        return reply

    def call(self, endpoint, *args, **named):
        """One call, as _call() takes it; a read is asked again while the history is behind."""
        def ask():
            return self._call(endpoint, *args, **named)
        return asked_again(lambda: reply_of(ask())) if endpoint.method == "GET" else ask()

    def _call(self, endpoint, params, how="query", encode=plain, key=None, secret=None, stamp=None, drop=(), extra=(),
              weight=None, change=None):
        """One call. `params` and the parameters of signed calls, less those in `drop`; `extra` pairs are sent as well,
        after the signature. how: where they go."""
        pairs = list(params.items())
        headers = {}
        if endpoint.security:
            headers["X-MBX-APIKEY"] = self.trader.key if key is None else key
            if not any(name == "timestamp" for name, _ in pairs):
                pairs.append(("timestamp", stamp or now()))
        pairs = [pair for pair in pairs if pair[0] not in drop]
        split = {"query": len(pairs), "json": len(pairs), "empty form": len(pairs), "form": 0, "mixed": len(pairs) // 2,
                 "signature in the query": 0}[how]
        query, body = text_of(pairs[:split], encode), text_of(pairs[split:], encode)
        if endpoint.security and "signature" not in drop and "signature" not in params:
            signer = Binance(None, None, self.trader.secret if secret is None else secret)
            signature = "signature=" + signer.sign(query + body)
            if change:
                signature = change(signature)
            if how in ("form", "mixed"):
                body += ("&" if body else "") + signature
            else:
                query += ("&" if query else "") + signature
        for name, value, where in extra:
            if where == "query":
                query += ("&" if query else "") + text_of([(name, value)])
            else:
                body += ("&" if body else "") + text_of([(name, value)])
        if how in ("form", "mixed", "empty form", "signature in the query") or body:
            headers["Content-Type"] = FORM
        if how == "json":
            headers["Content-Type"] = "application/json"
        rule = weight if weight is not None else lambda status: endpoint.weight(params, status)
        return self.send(endpoint.method, endpoint.path + ("?" + query if query else ""), headers, body.encode(),
                         rule if callable(rule) else lambda status: rule)


def good(reply):
    check(reply.status == 200, f"HTTP status {reply.status}: {reply.body[:300]!r}")
    return json.loads(reply.body)


def refused(reply, code, text, status=400):
    eq((reply.status, json.loads(reply.body)), (401 if code in (-2014, -2015) else status, {"code": code, "msg": text}),
       "the answer")
    check(reply.headers["content-type"].startswith("application/json"), f"content type {reply.headers}")


CASES = []  # (name, function of the session)


def case(name):
    def add(function):
        CASES.append((name, function))
        return function
    return add


def refusal(endpoint, what, params, expected, **how):
    """One case: the call is refused with this code and text."""
    @case(f"{endpoint.name}: {what}")
    def send(s):
        refused(s.call(endpoint, params, **how), *expected)


def where_sent(endpoint):
    return ["query"] if endpoint.method == "GET" else ["query", "form"]


# ---- cases: every endpoint answers; each parameter goes wrong in each way ----

for e in ENDPOINTS:
    @case(f"{e.name}: a good call has its shape")
    def shape(s, e=e):
        e.shape(good(s.call(e, {**e.values, **(e.good(s) if e.good else {})})))
        if e.good:
            s.tidy()

    for key in e.mandatory:
        refusal(e, f"{key} missing", {k: v for k, v in e.values.items() if k != key}, MISSING(key))
    for key, kind in e.kinds.items():
        refusal(e, f"{key} empty", {**e.values, key: ""}, EMPTY(key))
        for values, said in KINDS[kind]:
            for value in values:
                refusal(e, f"{key} {value[:30]!r}", {**e.values, key: value}, said(key))
        for part in where_sent(e):
            value = e.values.get(key, "1")
            refusal(e, f"{key} twice by {part}", {**e.values, key: value}, DOUBLED(key), how=part,
                    extra=[(key, value, "query" if part == "query" else "body")], weight=e.base)
    sent = len(e.values) + (2 if e.security else 0)
    if sent < e.most:
        read = sent - ("recvWindow" in e.values)
        text = f"Not all sent parameters were read; read '{read}' parameter(s) but was sent '{read + 1}'."
        refusal(e, "an unknown parameter", {**e.values, "nosuch": "1"}, (-1104, text))
    many = {f"nosuch{i}": "1" for i in range(e.most + 1 - sent)}
    refusal(e, "more parameters than it has", {**e.values, **many},
            (-1101, f"Too many parameters; expected '{e.most}' and received '{e.most + 1}'."), weight=e.base)
    refusal(e, "49 parameters", {**e.values, **{f"n{i}": "1" for i in range(49 - sent)}},
            (-1101, "Too many parameters sent for this endpoint."), weight=e.base)
    for broken in ("a=%", "a=%4", "a=%ZZ", "a=%00", "%=1"):
        @case(f"{e.name}: a broken escape {broken}")
        def escape(s, e=e, broken=broken):
            reply = s.send(e.method, e.path + "?" + broken, {}, b"", lambda status: e.base)
            refused(reply, -1100, "Illegal characters found in a parameter.")

# ---- cases: signed calls ----

for e in [e for e in ENDPOINTS if e.security]:
    for key, kind in SIGNED.items():
        if key != "recvWindow":
            refusal(e, f"{key} missing", e.values, MISSING(key), drop=[key])
        refusal(e, f"{key} empty", {**e.values, key: ""}, EMPTY(key))
        for values, said in KINDS[kind]:
            for value in values:
                refusal(e, f"{key} {value[:30]!r}", {**e.values, key: value}, said(key))
        refusal(e, f"{key} twice", {**e.values, "recvWindow": "5000"}, DOUBLED(key), extra=[(key, "5000", "query")],
                weight=e.base)
    for unit in ("ms", "us"):
        for offset, said in ((-61, OUTSIDE), (-6, OUTSIDE), (5, AHEAD), (3600, AHEAD)):
            @case(f"{e.name}: timestamp {offset} s off, in {unit}")
            def off(s, e=e, unit=unit, offset=offset, said=said):
                refused(s.call(e, e.values, stamp=now(unit, offset)), *said)
    @case(f"{e.name}: timestamp 3 s old with a window of 2000.5")
    def narrow(s, e=e):
        refused(s.call(e, {**e.values, "recvWindow": "2000.5"}, stamp=now("us", -3)), *OUTSIDE)
    for what, key, said in (("no key", "", BAD_KEY), ("a short key", "abc", BAD_KEY), ("a key too long", "A" * 65,
                                                                                       BAD_KEY),
                            ("a key of other letters", "A" * 63 + "-", BAD_KEY), ("an unknown key", "A" * 64,
                                                                                  UNKNOWN_KEY)):
        refusal(e, what, e.values, said, key=key)
    refusal(e, "another's secret", e.values, BAD_SIGNATURE, secret="x" * 64)
    @case(f"{e.name}: a key without the permission")
    def lacks(s, e=e):
        key, secret = s.keys["TRADE" if e.security == "USER_DATA" else "USER_DATA"]
        refused(s.call(e, e.values, key=key, secret=secret), *UNKNOWN_KEY)
    for change in ("a parameter more", "another value"):
        @case(f"{e.name}: {change} after signing")
        def more(s, e=e, change=change):
            if change == "a parameter more":
                reply = s.call(e, e.values, extra=[("recvWindow", "5000", "query")])
            else:
                stamp = now()
                reply = s.call(e, {**e.values, "timestamp": str(stamp), "signature": s.trader.sign(
                    text_of([*e.values.items(), ("timestamp", stamp - 1)]))})
            refused(reply, *BAD_SIGNATURE)

account = named("GET account")
for nibble in range(64):
    for bit in (1, 2, 4, 8):
        @case(f"GET account: signature with bit {bit} of nibble {nibble} flipped")
        def flipped(s, nibble=nibble, bit=bit):
            def flip(pair):
                at = len("signature=") + nibble
                return pair[:at] + format(int(pair[at], 16) ^ bit, "x") + pair[at + 1:]
            refused(s.call(account, {}, change=flip), *BAD_SIGNATURE)

# ---- cases: lookups by id and by time ----

agg, klines = named("GET aggTrades"), named("GET klines")
for e, extra in ((agg, {"fromId": "1", "startTime": "1"}), (agg, {"fromId": "1", "endTime": "1"}),
                 (agg, {"startTime": "2", "endTime": "1"}), (klines, {"startTime": "2", "endTime": "1"})):
    refusal(e, f"combination {' '.join(extra)}", {**e.values, **extra}, COMBINATION("")[:2])
for zone in ("0", "8", "08", "+8", "-1:00", "05:45", "+05:45", "-12:00", "14:00", "-3"):
    @case(f"GET klines: timeZone {zone}")
    def zones(s, zone=zone):
        arrays(12)(good(s.call(klines, {**klines.values, "timeZone": zone})))

# ---- cases: two things wrong: the first in Binance's order is told ----

limit = named("POST order LIMIT")
BAD = {**limit.values, "price": "abc"}
refusal(limit, "doubled before the key", limit.values, DOUBLED("symbol"), key="", extra=[("symbol", "X", "query")],
        weight=1)
refusal(limit, "key before the timestamp", BAD, BAD_KEY, key="", drop=["timestamp"])
refusal(limit, "recvWindow before the timestamp", {**BAD, "recvWindow": "x"}, illegal(AMOUNT)("recvWindow"),
        drop=["timestamp"])
refusal(limit, "timestamp before the signature", BAD, MISSING("timestamp"), drop=["timestamp", "signature"])
refusal(limit, "missing signature before an old timestamp", BAD, MISSING("signature"), stamp=now(offset_s=-3600),
        drop=["signature"])
refusal(limit, "old timestamp before a wrong signature", BAD, OUTSIDE, stamp=now(offset_s=-3600), secret="x")
refusal(limit, "wrong signature before parameters", BAD, BAD_SIGNATURE, secret="x")
refusal(limit, "symbol before side", {**BAD, "symbol": "", "side": ""}, EMPTY("symbol"))
refusal(limit, "side before type", {**BAD, "side": "", "type": ""}, EMPTY("side"))
refusal(limit, "type before timeInForce", {**BAD, "type": "X", "timeInForce": "X"}, (-1116, "Invalid orderType."))
refusal(limit, "timeInForce before quantity", {**BAD, "timeInForce": "X", "quantity": "x"},
        (-1115, "Invalid timeInForce."))
refusal(limit, "quantity before price", {**BAD, "quantity": "x"}, illegal(AMOUNT)("quantity"))
refusal(limit, "parameters before unread ones", {**BAD, "nosuch": "1"}, illegal(AMOUNT)("price"))
refusal(limit, "unread ones before filters", {**limit.values, "price": "0.01", "nosuch": "1"},
        (-1104, "Not all sent parameters were read; read '12' parameter(s) but was sent '13'."))
refusal(limit, "the price filter before the lot size", {**limit.values, "price": "20000.001", "quantity": "0.0000001"},
        (-1013, "Filter failure: PRICE_FILTER"))
refusal(limit, "the lot size before the notional", {**limit.values, "quantity": "0.0000001"},
        (-1013, "Filter failure: LOT_SIZE"))
refusal(limit, "filters before funds", {**limit.values, "price": "900000.001", "quantity": "9000"},
        (-1013, "Filter failure: PRICE_FILTER"))

# ---- cases: what the types of orders want, and what only the exchange can say; tests of orders say the same ----

for e in [e for e in ENDPOINTS if e.name in ("POST order LIMIT", "POST order/test LIMIT")]:
    base = e.values
    market = {k: v for k, v in base.items() if k not in ("timeInForce", "price")} | {"type": "MARKET"}
    maker = {k: v for k, v in base.items() if k != "timeInForce"} | {"type": "LIMIT_MAKER"}
    for name in ("quoteOrderQty", "stopPrice", "trailingDelta", "pegOffsetType", "pegOffsetValue"):
        refusal(e, f"LIMIT with {name}", {**base, name: "1"}, UNWANTED(name))
    refusal(e, "LIMIT IOC with icebergQty", {**base, "icebergQty": "1"}, UNWANTED("icebergQty"))
    refusal(e, "LIMIT with an icebergQty above its quantity", {**base, "timeInForce": "GTC", "icebergQty": "1"},
            (-2010, "IcebergQty exceeds QTY."))
    refusal(e, "LIMIT with pegPriceType", {**base, "pegPriceType": "PRIMARY_PEG"},
            (-2010, "Pegged orders are not supported for this symbol."))
    for name, value in (("price", "1"), ("timeInForce", "GTC"), ("icebergQty", "1"), ("stopPrice", "1")):
        refusal(e, f"MARKET with {name}", {**market, name: value}, UNWANTED(name))
    refusal(e, "LIMIT_MAKER with timeInForce", {**maker, "timeInForce": "GTC"}, UNWANTED("timeInForce"))
    refusal(e, "MARKET with both quantities", {**market, "quoteOrderQty": "1"}, COMBINATION("quoteOrderQty"))
    refusal(e, "MARKET without a quantity", {k: v for k, v in market.items() if k != "quantity"}, MISSING("quantity"))
    for kind in ("STOP_LOSS", "STOP_LOSS_LIMIT", "TAKE_PROFIT", "TAKE_PROFIT_LIMIT"):
        stop = {**(base if kind.endswith("LIMIT") else {k: v for k, v in market.items()}), "type": kind}
        refusal(e, f"{kind} without a trigger", stop,
                (-1102, "Param 'stopPrice' or 'trailingDelta' must be sent, but both were empty/null!"))
        refusal(e, f"{kind} with quoteOrderQty", {**stop, "stopPrice": "1", "quoteOrderQty": "1"}, UNWANTED("quoteOrderQty"))
        refusal(e, f"{kind} without a quantity", {k: v for k, v in stop.items() if k != "quantity"} | {"stopPrice": "1"},
                MISSING("quantity"))
        refusal(e, f"{kind} stopPrice 0", {**stop, "stopPrice": "0"}, (-1013, "Invalid stopPrice."))
        refusal(e, f"{kind} trailingDelta 0", {**stop, "trailingDelta": "0"}, (-1013, "Filter failure: TRAILING_DELTA"))
    for name in ("price", "timeInForce"):
        refusal(e, f"STOP_LOSS_LIMIT without {name}",
                {k: v for k, v in base.items() if k != name} | {"type": "STOP_LOSS_LIMIT", "stopPrice": "1"}, MISSING(name))
        refusal(e, f"STOP_LOSS with {name}", {**market, name: base[name], "type": "STOP_LOSS", "stopPrice": "1"},
                UNWANTED(name))
    for name in ("quantity", "price"):
        for zero in ("0", "0.00000000"):
            refusal(e, f"{name} {zero}", {**base, name: zero}, (-1013, f"Invalid {name}."))
    refusal(e, "price x quantity below an atom", {**base, "symbol": "ETHBTC", "price": "0.00001", "quantity": "0.0001"},
            (-1013, "Price * QTY is zero or less."))
    for change, name in (({"price": "20000.001"}, "PRICE_FILTER"), ({"price": "1000000.01"}, "PRICE_FILTER"),
                         ({"quantity": "0.0010001"}, "LOT_SIZE"), ({"quantity": "9000.00001", "price": "1"},
                                                                   "LOT_SIZE"),
                         ({"quantity": "0.00001"}, "NOTIONAL")):
        refusal(e, f"filter {name} by {change}", {**base, **change}, (-1013, f"Filter failure: {name}"))
    refusal(e, "more than there is", {**base, "quantity": "1000"},
            (-2010, "Account has insufficient balance for requested action."))

    @case(f"{e.name}: a client order id that is taken")
    def taken(s, e=e):
        order = s.trader.limit("BTCUSDT", "BUY", "0.001", "20000", newClientOrderId="taken")
        s.weigh()
        refused(s.call(e, {**e.values, "newClientOrderId": "taken"}), -2010, "Duplicate order sent.")
        s.trader.cancel("BTCUSDT", orderId=order["orderId"])
        s.tidy()

    @case(f"{e.name}: one order more than MAX_NUM_ORDERS")
    def too_many(s, e=e):
        orders = [s.trader.limit("BNBUSDT", "BUY", "0.1", "100", newOrderRespType="ACK") for _ in range(200)]
        s.weigh()
        params = {**e.values, "symbol": "BNBUSDT", "timeInForce": "GTC", "quantity": "0.1", "price": "100"}
        refused(s.call(e, params), -1013, "Filter failure: MAX_NUM_ORDERS")
        eq(len(s.trader.cancel_all("BNBUSDT")), len(orders), "orders cancelled")
        s.tidy()

query, cancel = named("GET order"), named("DELETE order")
NEITHER = (-1102, "Param 'origClientOrderId' or 'orderId' must be sent, but both were empty/null!")
for e, none in ((query, (-2013, "Order does not exist.")), (cancel, UNKNOWN_ORDER)):
    refusal(e, "neither id", {"symbol": "BTCUSDT"}, NEITHER)
    refusal(e, "an id nobody has", {"symbol": "BTCUSDT", "orderId": "987654321"}, none)
    refusal(e, "id zero", {"symbol": "BTCUSDT", "orderId": "0"}, none)
    refusal(e, "a client id nobody has", {"symbol": "BTCUSDT", "origClientOrderId": "nobody"}, none)

    @case(f"{e.name}: ids of two orders")
    def two(s, e=e):
        params = resting(s)
        s.weigh()
        said = (-2039, "Client order ID is not correct for this order ID.") if e is query else UNKNOWN_ORDER
        refused(s.call(e, {**params, "origClientOrderId": "another"}), *said)
        s.tidy()
refusal(named("DELETE openOrders"), "nothing is open", {"symbol": "SOLUSDT"}, UNKNOWN_ORDER)
trades = named("GET myTrades")
everything = named("GET allOrders")
DAY = 86400000
for e in (trades, everything):
    base = {"symbol": "ETHUSDT"}
    refusal(e, "ends before it starts", {**base, "startTime": "2", "endTime": "1"}, COMBINATION(""))
    refusal(e, "more than a day", {**base, "startTime": "1", "endTime": str(DAY + 2)},
            (-1127, "More than 24 hours between startTime and endTime."))

    @case(f"{e.name}: one day exactly, and no time at all")
    def day(s, e=e):
        eq(good(s.call(e, {"symbol": "ETHUSDT", "startTime": "1", "endTime": str(DAY + 1)})), [], "a day long ago")
        stamp = str(now())
        eq(good(s.call(e, {"symbol": "ETHUSDT", "startTime": stamp, "endTime": stamp})), [], "this moment")
matches = named("GET myPreventedMatches")
refusal(matches, "neither id", {"symbol": "ETHUSDT"},
        (-1102, "Param 'preventedMatchId' or 'orderId' must be sent, but both were empty/null!"))
for name in ("orderId", "fromPreventedMatchId", "limit"):
    refusal(matches, f"preventedMatchId with {name}", {"symbol": "ETHUSDT", "preventedMatchId": "1", name: "1"},
            COMBINATION(""))
for name in ("fromId", "orderId"):
    for when in ("startTime", "endTime"):
        refusal(trades, f"{name} with {when}", {"symbol": "ETHUSDT", name: "1", when: "1"}, COMBINATION(""))
for path in ("exchangeInfo", "ticker/price", "ticker/bookTicker", "ticker", "ticker/tradingDay"):
    e = named(f"GET {path}")
    refusal(e, "symbol and symbols", {"symbol": "BTCUSDT", "symbols": '["BTCUSDT"]'}, COMBINATION(""))
info = named("GET exchangeInfo")
for first in ({"symbol": "BTCUSDT"}, {"symbols": '["BTCUSDT"]'}):
    for second in ({"permissions": "SPOT"}, {"symbolStatus": "TRADING"}):
        refusal(info, f"{[*first, *second]}", {**first, **second}, COMBINATION(""))
for path in ("depth", "ticker/price", "ticker/bookTicker", "ticker", "ticker/tradingDay"):
    e = named(f"GET {path}")
    for status in ("HALT", "BREAK"):
        refusal(e, f"the symbol is not in {status}", {"symbol": "BTCUSDT", "symbolStatus": status},
                (-1220, "The symbol's status does not match the requested symbolStatus."))

for path in ("ticker", "ticker/tradingDay"):
    e = named(f"GET {path}")
    for params in ({}, {"symbolStatus": "TRADING"}):
        refusal(e, f"no symbol, {len(params)} parameters", params,
                (-1102, "Param 'symbol' or 'symbols' must be sent, but both were empty/null!"))
    for params in ({"symbol": "ETHBTC"}, {"symbols": '["ETHUSDT","ETHBTC"]'}):
        refusal(e, f"{[*params]} that never traded", params,
                (-2016, "No trading window could be found for the symbol. Try ticker/24hrs instead."))

# ---- cases: encodings ----

ENCODINGS = {"plain": plain, "every byte escaped in lower case": every_byte(False),
             "every byte escaped in upper case": every_byte(True)}
for e in ENDPOINTS:
    forms = ["query"] if e.method == "GET" else ["query", "form", "mixed", "json", "empty form",
                                                 "signature in the query"]
    for how in forms:
        for name, encode in ENCODINGS.items():
            @case(f"{e.name}: sent by {how}, {name}")
            def encoded(s, e=e, how=how, encode=encode):
                params = {**e.values, **(e.good(s) if e.good else {})}
                s.weigh()
                e.shape(good(s.call(e, params, how=how, encode=encode)))
                s.tidy()
    if e.method != "GET" and e.values:
        key = next(iter(e.values))

        @case(f"{e.name}: the query wins over the body")
        def wins(s, e=e, key=key):
            params = {**e.values, **(e.good(s) if e.good else {})}
            s.weigh()
            stamp, body = now(), text_of([(key, "nonsense")])
            query = text_of([*params.items(), ("timestamp", stamp)])
            query += "&signature=" + s.trader.sign(query + body)
            reply = s.send(e.method, e.path + "?" + query, {"X-MBX-APIKEY": s.trader.key, "Content-Type": FORM},
                           body.encode(),
                           lambda status: e.weight(params, status))
            e.shape(good(reply))
            s.tidy()
    if e.security:
        for place in ("first", "second", "last", "in upper case"):
            @case(f"{e.name}: the signature {place}")
            def placed(s, e=e, place=place):
                params = {**e.values, **(e.good(s) if e.good else {})}
                s.weigh()
                pairs = [*params.items(), ("timestamp", now()), ("recvWindow", "5000.123")]
                signature = s.trader.sign(text_of(pairs))
                at = {"first": 0, "second": 1}.get(place, len(pairs))
                pairs.insert(at, ("signature", signature.upper() if place == "in upper case" else signature))
                reply = s.send(e.method, e.path + "?" + text_of(pairs), {"X-MBX-APIKEY": s.trader.key}, b"",
                               lambda status: e.weight(params, status))
                e.shape(good(reply))
                s.tidy()

        @case(f"{e.name}: timestamp in microseconds, times in microseconds")
        def micro(s, e=e):
            params = {**e.values, **(e.good(s) if e.good else {})}
            s.weigh()
            e.shape(good(s.call(e, params, stamp=now("us"))))
            s.tidy()


@case("a plus is a space, which no symbol has")
def plus(s):
    reply = s.send("GET", "/api/v3/depth?symbol=BTC+USDT", {}, b"", lambda status: 5)
    refused(reply, *illegal(SYMBOL)("symbol"))
    reply = s.send("GET", "/api/v3/depth?symbol=BTC%2BUSDT", {}, b"", lambda status: 5)
    refused(reply, *illegal(SYMBOL)("symbol"))


@case("empty pairs between ampersands are no parameters")
def ampersands(s):
    good(s.send("GET", "/api/v3/depth?&&symbol=BTCUSDT&&", {}, b"", lambda status: 5))


@case("margin pairs may be asked for with a signature, as ccxt does")
def signed_pairs(s):
    pairs = [("timestamp", now()), ("recvWindow", "10000")]
    target = "/sapi/v1/margin/allPairs?" + text_of([*pairs, ("signature", s.trader.sign(text_of(pairs)))])
    eq(good(s.send("GET", target, {"X-MBX-APIKEY": s.trader.key}, b"", lambda status: 1)), [], "margin pairs")


@case("booleans in any case")
def booleans(s):
    for value in ("true", "True", "TRUE", "false", "False"):
        good(s.call(account, {"omitZeroBalances": value}))


# ---- cases: routes and methods ----

METHODS = {}
for e in ENDPOINTS:
    METHODS.setdefault(e.path, set()).add(e.method)
for path, known in METHODS.items():
    for method in {"GET", "POST", "PUT", "DELETE", "PATCH"} - known:
        @case(f"{method} {path} is not there")
        def wrong_method(s, path=path, method=method, known=known):
            reply = s.send(method, path, {}, b"", lambda status: 1)
            refused(reply, -1000, "This method is not supported here.", 405)
            eq(sorted(reply.headers["allow"].split(", ")), sorted(known), "Allow")
    for other in (path + "/", path + "x", path.upper(), "/w" + path[2:]):
        @case(f"{other} is nothing")
        def nothing(s, other=other):
            refused(s.send("GET", other, {}, b"", lambda status: 1), -1000, "There is nothing at this path.", 404)

# ---- cases: what the answers say ----


@case("depth weighs by its limit")
def depth_weights(s):
    e = named("GET depth")
    for limit_, weight in (("1", 5), ("100", 5), ("101", 25), ("500", 25), ("501", 50), ("1000", 50), ("1001", 250),
                           ("5000", 250), ("9999999", 250)):
        good(s.call(e, {"symbol": "BTCUSDT", "limit": limit_}, weight=weight))


@case("tickers of all symbols, of some, of one, and of a status")
def tickers(s):
    price, book = (named(f"GET ticker/{name}") for name in ("price", "bookTicker"))
    names = ["BTCUSDT", "ETHUSDT", "BNBUSDT", "SOLUSDT", "ETHBTC"]
    for e in (price, book):
        eq([row["symbol"] for row in good(s.call(e, {}, weight=4))], names, "all symbols")
        eq([row["symbol"] for row in good(s.call(e, {"symbols": '["ETHBTC","BTCUSDT"]'}, weight=4))],
           ["BTCUSDT", "ETHBTC"],
           "two symbols")
        eq(good(s.call(e, {"symbols": "[]"}, weight=4)), [], "no symbols")
        eq(good(s.call(e, {"symbolStatus": "HALT"}, weight=4)), [], "symbols in HALT")
        eq(len(good(s.call(e, {"symbolStatus": "TRADING"}, weight=4))), 5, "symbols that trade")
    eq(good(s.call(price, {"symbol": "ETHBTC"})), {"symbol": "ETHBTC", "price": "0.00000000"},
       "the price of what never traded")
    eq(good(s.call(price, {"symbol": "ETHUSDT"}))["price"], "2000.00000000", "the last price")
    eq(good(s.call(book, {"symbol": "ETHBTC"})),
       {"symbol": "ETHBTC", **{key: "0.00000000" for key in ("bidPrice", "bidQty", "askPrice", "askQty")}},
       "an empty book")
    s.trader.limit("ETHUSDT", "BUY", "0.5", "1000")
    s.trader.limit("ETHUSDT", "BUY", "0.25", "1000")
    s.weigh()
    eq(good(s.call(book, {"symbol": "ETHUSDT"})),
       {"symbol": "ETHUSDT", "bidPrice": "1000.00000000", "bidQty": "0.75000000", "askPrice": "2000.00000000",
        "askQty": "99.00000000"}, "best prices")
    s.tidy()


@case("tickers follow a symbol's status")
def ticker_status(s):
    price = named("GET ticker/price")
    s.admin.status("SOLUSDT", "HALT")
    eq([row["symbol"] for row in good(s.call(price, {"symbolStatus": "HALT"}, weight=4))], ["SOLUSDT"],
       "symbols in HALT")
    eq(good(s.call(price, {"symbol": "SOLUSDT", "symbolStatus": "HALT"}))["symbol"], "SOLUSDT", "one in HALT")
    refused(s.call(limit, {**limit.values, "symbol": "SOLUSDT", "price": "10", "quantity": "1"}), -2010,
            "Market is closed.")
    s.admin.status("SOLUSDT", "TRADING")
    eq(good(s.call(price, {"symbolStatus": "HALT"}, weight=4)), [], "symbols in HALT")


@case("a post-only order that would trade is refused")
def would_match(s):
    e = named("POST order LIMIT_MAKER")
    refused(s.call(e, {**e.values, "symbol": "ETHUSDT", "price": "2000"}), -2010,
            "Order would immediately match and take.")


@case("permission sets are shown unless they are not wanted; permissions choose symbols")
def permissions(s):
    sets = lambda params: [one["permissionSets"] for one in good(s.call(info, params))["symbols"]]
    eq(sets({"symbol": "BTCUSDT"}), [[["SPOT"]]], "permission sets")
    eq(sets({"symbol": "BTCUSDT", "showPermissionSets": "false"}), [[]], "permission sets not wanted")
    eq(len(sets({"permissions": "SPOT"})), 5, "symbols with SPOT")
    eq(len(sets({"permissions": '["SPOT","LEVERAGED"]'})), 5, "symbols with SPOT or LEVERAGED")
    eq(len(sets({"permissions": "MARGIN"})), 0, "symbols with MARGIN")
    eq(len(sets({"permissions": '["MARGIN","LEVERAGED"]'})), 0, "symbols with MARGIN or LEVERAGED")


@case("a test of an order leaves nothing behind")
def test_orders(s):
    e = named("POST order/test LIMIT")
    before, account_before = s.admin.audit()["stateHash"], s.trader.account()
    s.weigh()
    for change in ({}, {"timeInForce": "GTC"}, {"newClientOrderId": "tested"}, {"newClientOrderId": "tested"},
                   {"type": "LIMIT_MAKER", "timeInForce": None}):
        params = {key: value for key, value in {**e.values, **change}.items() if value is not None}
        reply = s.call(e, params)
        eq(good(reply), {}, "the answer")
        check("x-mbx-order-count-1d" not in reply.headers, "a test counts no order")
    eq(s.admin.audit()["stateHash"], before, "state hash")
    eq(s.trader.account(), account_before, "the account")
    s.tidy()


@case("commissions are those of the symbol")
def commissions(s):
    s.admin.symbol("CHEAPUSDT", "CHEAP", "USDT", makerCommission="0.0002", takerCommission="0.000345")
    rates, none = {"maker": "0.00020000", "taker": "0.00034500"}, {**NO_RATES, **SIDES}
    e = named("GET account/commission")
    eq(good(s.call(e, {"symbol": "CHEAPUSDT"})),
       {"symbol": "CHEAPUSDT", "standardCommission": {**rates, **SIDES}, "specialCommission": none,
        "taxCommission": none,
        "discount": DISCOUNT}, "commissions of a symbol")
    fees = named("GET /sapi/v1/asset/tradeFee")
    eq(good(s.call(fees, {}))[-1], {"symbol": "CHEAPUSDT", "makerCommission": "0.00020000",
                                    "takerCommission": "0.00034500"},
       "trade fees of a symbol")
    eq(len(good(s.call(fees, {}))), 6, "trade fees of all")
    test = named("POST order/test with rates")
    eq(good(s.call(test, {**test.values, "symbol": "CHEAPUSDT", "price": "1",
                          "quantity": "10"}))["standardCommissionForOrder"],
       rates, "rates of an order")
    answer = good(s.call(account, {}))
    eq(answer["commissionRates"], {**RATES, **SIDES}, "rates of the account")
    eq((answer["makerCommission"], answer["takerCommission"]), (10, 10), "rates of the account in basis points")


@case("the wallet has every asset once, with what the account has of it")
def wallet(s):
    s.trader.limit("ETHUSDT", "SELL", "3", "9000")
    s.weigh()
    coins = good(s.call(named("GET /sapi/v1/capital/config/getall"), {}))
    names = [coin["coin"] for coin in coins]
    eq(len(set(names)), len(names), "coins")
    check({"BTC", "USDT", "ETH", "BNB", "SOL"} <= set(names), f"coins {names}")
    have = {coin["coin"]: (atoms(coin["free"]), atoms(coin["locked"])) for coin in coins}
    eq({name: pair for name, pair in have.items() if pair != (0, 0)}, s.trader.balances(), "the wallet")
    eq(show(have["ETH"][1]), "3.00000000", "locked")
    s.tidy()


@case("accepted orders tell how many have not traded, and a first trade gives its own back")
def order_counts(s):
    trader = Trader(s.admin, Http1(s.server.public), "counted", {"USDT": "100000", "ETH": "10"})

    def counts(side, quantity, price, **more):
        reply = trader.http.request(*trader.build("POST", ORDER, {"symbol": "ETHUSDT", "side": side, "type": "LIMIT",
                                                                  "timeInForce": "GTC", "quantity": quantity,
                                                                  "price": price, **more}))
        good(reply)
        in_10s, in_day = (int(reply.headers[f"x-mbx-order-count-{name}"]) for name in ("10s", "1d"))
        check(in_10s <= in_day, f"{in_10s} orders in 10 s, {in_day} in a day")
        return in_day
    for expected in (1, 2, 3):
        eq(counts("BUY", "0.01", "1500"), expected, "orders that rest")
    eq(counts("BUY", "0.01", "2000"), 3, "after an order that traded at once")
    eq(counts("SELL", "0.02", "1900"), 4, "another that rests")
    s.other.limit("ETHUSDT", "BUY", "0.01", "1900")
    eq(counts("BUY", "0.01", "1500"), 4, "after the first fill of one that rested")
    s.other.limit("ETHUSDT", "BUY", "0.01", "1900")
    eq(counts("BUY", "0.01", "1500"), 5, "after its second fill")
    reply = trader.http.request(*trader.build("POST", ORDER, {**limit.values, "quantity": "1000"}))
    check("x-mbx-order-count-1d" not in reply.headers and reply.status == 400, "a refused order tells no count")
    trader.cancel_all("ETHUSDT")
    eq(counts("BUY", "0.01", "1500"), 6, "cancels give nothing back")
    trader.cancel_all("ETHUSDT")
    other = trader.http.request(*trader.build("GET", "/api/v3/account", {}))
    check("x-mbx-order-count-1d" not in other.headers, "only orders tell it")
    s.tidy()


@case("connections of one address, of either protocol, use one weight")
def one_weight(s):
    second, third = Http1(s.server.public), Http2(s.server.public)
    s.weigh()
    for http in (second, third, second, s.http, third):
        _, before, rolled = s.note(lambda: http.request("GET", "/api/v3/time"))
        check(s.used == before + 1 or (rolled and s.used == 1), f"used {s.used} after {before}")
    reply, *_ = s.note(lambda: third.request(*s.trader.build("POST", TEST, {**limit.values})))
    check("x-mbx-used-weight-1m" in reply.headers, f"headers {reply.headers}")
    second.close()
    third.close()


@case("the newest 1000 trades are kept, over a kill -9 too")
def recent_trades(s):
    e = named("GET trades")
    buyer = Trader(s.admin, Http2(s.server.public), "buyer", {"USDT": "1000000", "ETH": "10"})
    pending = []
    for i in range(1100):  # pipelined: the order of the book is the order of sending
        side = "SELL" if i % 3 == 0 else "BUY"
        params = {"symbol": "ETHUSDT", "side": side, "type": "LIMIT", "timeInForce": "IOC", "quantity": "0.01",
                  "price": "2000" if side == "BUY" else "1500", "newOrderRespType": "ACK"}
        if i == 0:
            s.other.limit("ETHUSDT", "BUY", "400", "1500")
        pending.append(buyer.http.submit(*buyer.build("POST", ORDER, params)))
    for stream in pending:
        good(buyer.http.wait(stream))
    s.weigh()
    full = good(s.call(e, {"symbol": "ETHUSDT", "limit": "1000"}))
    eq(len(full), 1000, "trades")
    ids = [row["id"] for row in full]
    eq(ids, list(range(ids[0], ids[0] + 1000)), "trade ids")
    eq(good(s.call(e, {"symbol": "ETHUSDT", "limit": "100000"})), full, "more than there are")
    eq(good(s.call(e, {"symbol": "ETHUSDT"})), full[-500:], "by default")
    eq(good(s.call(e, {"symbol": "ETHUSDT", "limit": "1"})), full[-1:], "one")
    mine = {row["id"]: row for row in buyer.trades("ETHUSDT", limit=1000)}
    s.weigh()
    for row in full[-900:]:
        for key in ("price", "qty", "quoteQty", "time"):
            eq(row[key], mine[row["id"]][key], f"{key} of trade {row['id']}")
        eq((row["isBuyerMaker"], row["isBestMatch"]), (not mine[row["id"]]["isBuyer"], True), "who was the maker")
    eq(good(s.call(e, {"symbol": "BNBUSDT"})), [], "of what never traded")
    s.server.kill9()
    s.server.restart()
    s.http, s.used = Http1(s.server.public), 0
    eq(good(s.call(e, {"symbol": "ETHUSDT", "limit": "1000"})), full, "after a restart")
    eq(good(s.call(named("GET ticker/price"), {"symbol": "ETHUSDT"}))["price"],
       full[-1]["price"], "the last price after a restart")
    trader = Trader(s.server.admin(), Http1(s.server.public), "after", {"USDT": "1000"})
    trader.limit("ETHUSDT", "BUY", "0.01", "2000")
    s.weigh()
    last = good(s.call(e, {"symbol": "ETHUSDT", "limit": "1000"}))
    eq(last[:-1], full[1:], "a new trade goes behind the others")
    eq(last[-1]["id"], full[-1]["id"] + 1, "its id")


def main():
    checks, words = Checks(), sys.argv[1:]
    with Server() as server:
        session = Session(server)
        for name, send in CASES:
            if all(word in name for word in words):
                session.weigh()
                checks.one(name, send, session)
    return checks.finish()


if __name__ == "__main__":
    sys.exit(main())
