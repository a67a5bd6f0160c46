#!/usr/bin/python3
"""A trading session as traders have it, over HTTP/1.1 or HTTP/2.

Goal: every answer has the shape, code and text that Binance documents, and every balance is right to the last unit.
Method: two users on connections of their own; each check says what it expects to move and compares all balances
before and after; each begins with empty books. usage: test_session.py [--http1|--http2] [--tls]
"""
import contextlib
import itertools
import json
import sys
import tempfile
import time

from castle_client import (FORM, Binance, Checks, Http1, Http2, Pipe1, Server, Trader, Turns, atoms, certificate,
                           check, conserved, eq, fee_of, listing, parse, quote_of, refusal, show, units)

ACK = {"symbol", "orderId", "orderListId", "clientOrderId", "transactTime"}
RESULT = ACK | {"price", "origQty", "executedQty", "origQuoteOrderQty", "cummulativeQuoteQty", "status",
                "timeInForce", "type", "side", "workingTime", "selfTradePreventionMode"}
FULL = RESULT | {"fills"}
CANCEL = RESULT - {"workingTime"} | {"origClientOrderId"}
QUERY = RESULT - {"transactTime"} | {"stopPrice", "icebergQty", "time", "updateTime", "isWorking"}
FILL = {"price", "qty", "commission", "commissionAsset", "tradeId"}
TRADE = {"symbol", "id", "orderId", "orderListId", "price", "qty", "quoteQty", "commission", "commissionAsset",
         "time", "isBuyer", "isMaker", "isBestMatch"}
ACCOUNT = {"makerCommission", "takerCommission", "buyerCommission", "sellerCommission", "commissionRates", "canTrade",
           "canWithdraw", "canDeposit", "brokered", "requireSelfTradePrevention", "preventSor", "updateTime",
           "accountType", "balances", "permissions", "uid"}
# "Conditional fields in Order Responses": these may come with orders that ended so.
CONDITIONAL = {"EXPIRED": {"expiryReason"},
               "EXPIRED_IN_MATCH": {"expiryReason", "preventedMatchId", "preventedQuantity"}}
DEFAULTS = {  # DESIGN §10: tick, step, minimum notional
    "BTCUSDT": ("BTC", "USDT", "0.01", "0.00001", "5"), "ETHUSDT": ("ETH", "USDT", "0.01", "0.0001", "5"),
    "BNBUSDT": ("BNB", "USDT", "0.01", "0.001", "5"), "SOLUSDT": ("SOL", "USDT", "0.01", "0.001", "5"),
    "ETHBTC": ("ETH", "BTC", "0.00001", "0.0001", "0.0001")}
STP_MODES = ("NONE", "EXPIRE_TAKER", "EXPIRE_MAKER", "EXPIRE_BOTH", "DECREMENT")
FUNDS = {"USDT": "1000000.00", "BTC": "100", "ETH": "1000.5"}

checks = Checks()


class Session:
    def __init__(self, server, version, tls):
        self.server, self.version, self.tls = server, version, tls
        self.admin = server.admin()
        self.alice = Trader(self.admin, self.connect(), "alice", FUNDS)
        self.bob = Trader(self.admin, self.connect(), "bob", FUNDS)
        Turns(server, self.alice, self.bob)
        self.serial = itertools.count(1)

    def connect(self):
        return (Http2 if self.version == 2 else Http1)(self.server.public, self.tls)

    def pipeline(self):
        return (Http2 if self.version == 2 else Pipe1)(self.server.public, self.tls)

    def name(self):
        return f"session-{next(self.serial)}"

    def clear(self):
        """Empty books: a check starts from nothing."""
        for trader in (self.alice, self.bob):
            for symbol in {order["symbol"] for order in trader.open_orders()}:
                trader.cancel_all(symbol)


def has_keys(value, expected, what):
    extra = CONDITIONAL.get(value.get("status"), set())
    eq(set(value) - (extra - expected), expected, f"keys of {what}")
    return value


def refused(error, status, code, text):
    eq((error.status, error.code, error.msg), (status, code, text), "refusal")


def filter_failure(function, name):
    refused(refusal(function), 400, -1013, f"Filter failure: {name}")


@contextlib.contextmanager
def moves(trader, **expected):
    """The block changes the trader's balances by exactly this: ASSET=(free, locked) in atoms; nothing else."""
    before = trader.balances()
    yield
    after = trader.balances()
    got = {}
    for asset in before.keys() | after.keys():
        (free, locked), (was_free, was_locked) = after.get(asset, (0, 0)), before.get(asset, (0, 0))
        if (free, locked) != (was_free, was_locked):
            got[asset] = (free - was_free, locked - was_locked)
    eq(got, {asset: pair for asset, pair in expected.items() if pair != (0, 0)}, f"what moved for {trader.name}")


def fills_of(answer):
    return [(fill["price"], fill["qty"], fill["commission"], fill["commissionAsset"]) for fill in answer["fills"]]


# ---- what anybody may ask ----

@checks
def public_routes_need_no_key(s):
    anyone = Binance(s.connect())
    eq(anyone.get("ping"), {}, "ping")
    eq(set(anyone.get("time")), {"serverTime"}, "time")
    eq(len(str(anyone.get("time")["serverTime"])), 13, "digits of a time in ms")
    micro = Binance(s.connect(), micro=True)
    eq(len(str(micro.get("time")["serverTime"])), 16, "digits of a time in us")
    eq(set(anyone.depth("BTCUSDT")), {"lastUpdateId", "bids", "asks"}, "keys of depth")
    reply = anyone.http.request("GET", "/api/v3/ping", {})
    check(reply.headers["content-type"].startswith("application/json"), f"content type {reply.headers}")


@checks
def what_was_answered_is_seen_on_every_connection(s):
    others = [Binance(s.connect()) for _ in range(6)]  # some of them on another core
    for number in range(60):
        price = f"{20000 + number}.00000000"
        s.alice.limit("BTCUSDT", "BUY", "0.001", price, newOrderRespType="ACK")
        for other in others:
            eq(other.depth("BTCUSDT", limit=5)["bids"][0][0], price, "best bid on another connection")


@checks
def exchange_info_is_what_ccxt_and_hummingbot_read(s):
    info = s.alice.get("exchangeInfo")
    eq(info["timezone"], "UTC", "timezone")
    check(isinstance(info["serverTime"], int) and info["exchangeFilters"] == [], "serverTime, exchangeFilters")
    check({"REQUEST_WEIGHT", "ORDERS", "RAW_REQUESTS"} <= {limit["rateLimitType"] for limit in info["rateLimits"]},
          f"rateLimits: {info['rateLimits']}")
    for limit in info["rateLimits"]:
        eq(set(limit), {"rateLimitType", "interval", "intervalNum", "limit"}, "keys of a rate limit")
    symbols = {symbol["symbol"]: symbol for symbol in info["symbols"]}
    check(set(DEFAULTS) <= set(symbols), f"default symbols: {sorted(symbols)}")
    for name, (base, quote, tick, step, notional) in DEFAULTS.items():
        symbol = symbols[name]
        eq((symbol["status"], symbol["baseAsset"], symbol["quoteAsset"]), ("TRADING", base, quote), name)
        eq({symbol[key] for key in ("baseAssetPrecision", "quotePrecision", "quoteAssetPrecision",
                                    "baseCommissionPrecision", "quoteCommissionPrecision")}, {8}, "precisions")
        check({"LIMIT", "LIMIT_MAKER", "MARKET"} <= set(symbol["orderTypes"]), f"orderTypes of {name}")
        eq((symbol["isSpotTradingAllowed"], symbol["isMarginTradingAllowed"], symbol["quoteOrderQtyMarketAllowed"]),
           (True, False, True), "what is allowed")
        check(any("SPOT" in group for group in symbol["permissionSets"]), f"permissionSets of {name}")
        eq(symbol["permissions"], [], "permissions")
        eq(symbol["defaultSelfTradePreventionMode"], "NONE", "default STP")
        eq(sorted(symbol["allowedSelfTradePreventionModes"]), sorted(STP_MODES), "allowed STP")
        for flag in ("icebergAllowed", "ocoAllowed", "otoAllowed", "opoAllowed", "allowTrailingStop",
                     "cancelReplaceAllowed", "amendAllowed", "pegInstructionsAllowed"):
            check(isinstance(symbol[flag], bool), f"{flag} of {name}")
        rules = {rule["filterType"]: rule for rule in symbol["filters"]}
        tick, step = show(units(tick)), show(units(step))
        eq(rules["PRICE_FILTER"], {"filterType": "PRICE_FILTER", "minPrice": tick, "maxPrice": "1000000.00000000",
                                   "tickSize": tick}, f"PRICE_FILTER of {name}")
        for kind in ("LOT_SIZE", "MARKET_LOT_SIZE"):
            eq({**rules[kind], "stepSize": step},
               {"filterType": kind, "minQty": step, "maxQty": "9000.00000000", "stepSize": step}, f"{kind} of {name}")
        eq(rules["LOT_SIZE"]["stepSize"], step, "stepSize")
        eq(units(rules["NOTIONAL"]["minNotional"]), units(notional), f"NOTIONAL of {name}")
        eq(rules["MAX_NUM_ORDERS"]["maxNumOrders"], 200, "maxNumOrders")
        check("MIN_NOTIONAL" not in rules or "NOTIONAL" not in rules, "one notional filter, not two")
    eq([symbol["symbol"] for symbol in s.alice.get("exchangeInfo", {"symbol": "ETHBTC"})["symbols"]], ["ETHBTC"],
       "one symbol")
    asked = json.dumps(["BTCUSDT", "ETHBTC"], separators=(",", ":"))
    eq({symbol["symbol"] for symbol in s.alice.get("exchangeInfo", {"symbols": asked})["symbols"]},
       {"BTCUSDT", "ETHBTC"}, "two symbols")
    refused(refusal(s.alice.get, "exchangeInfo", {"symbol": "NOSUCH"}), 400, -1121, "Invalid symbol.")


# ---- money in, and the account ----

@checks
def account_shows_what_was_deposited(s):
    account = has_keys(s.alice.account(), ACCOUNT, "account")
    eq(set(account["commissionRates"]), {"maker", "taker", "buyer", "seller"}, "keys of commissionRates")
    eq((account["accountType"], account["permissions"], account["canTrade"], account["uid"]),
       ("SPOT", ["SPOT"], True, s.alice.user), "account")
    rows = {row["asset"]: row for row in account["balances"]}
    for asset, amount in FUNDS.items():
        eq(rows[asset], {"asset": asset, "free": show(units(amount)), "locked": "0.00000000"}, "balance")
    for row in s.alice.account(omitZeroBalances="true")["balances"]:
        check(atoms(row["free"]) or atoms(row["locked"]), f"a zero balance was not omitted: {row}")


@checks
def a_repeated_deposit_answers_the_same_and_moves_nothing(s):
    first = s.admin.deposit(s.alice.user, "USDT", "12.5", "deposit-once")
    eq(set(first), {"userId", "asset", "amount", "free", "requestId"}, "keys of a deposit")
    eq((first["userId"], first["asset"], first["amount"], first["requestId"]),
       (s.alice.user, "USDT", "12.50000000", "deposit-once"), "deposit")
    eq(atoms(first["free"]), s.alice.balances()["USDT"][0], "free after the deposit")
    s.admin.deposit(s.alice.user, "USDT", "1", "deposit-between")
    with moves(s.alice):
        eq(s.admin.deposit(s.alice.user, "USDT", "12.50", "deposit-once"), first, "the same again")
        eq(refusal(s.admin.deposit, s.alice.user, "USDT", "12.51", "deposit-once").status, 409, "another amount")
        eq(refusal(s.admin.deposit, s.alice.user, "BTC", "12.5", "deposit-once").status, 409, "another asset")
        eq(refusal(s.admin.withdraw, s.alice.user, "USDT", "12.5", "deposit-once").status, 409, "as a withdrawal")
    with moves(s.bob, USDT=(units("12.5"), 0)):  # a request id belongs to its user
        s.admin.deposit(s.bob.user, "USDT", "12.5", "deposit-once")


@checks
def a_withdrawal_takes_free_funds_only(s):
    with moves(s.alice, USDT=(-units("13.5"), 0)):
        s.admin.withdraw(s.alice.user, "USDT", "13.5", "withdraw-1")
        eq(atoms(s.admin.withdraw(s.alice.user, "USDT", "13.5", "withdraw-1")["amount"]), units("13.5"), "repeated")
    free = s.alice.balances()["USDT"][0]
    s.alice.limit("BTCUSDT", "BUY", "0.001", "20000")
    with moves(s.alice):
        error = refusal(s.admin.withdraw, s.alice.user, "USDT", show(free), "withdraw-2")
        check(error.status in (400, 409) and error.code and error.msg, f"too large a withdrawal: {error}")
    with moves(s.alice, USDT=(-units("1"), 0)):  # a refused request id may be used again
        s.admin.withdraw(s.alice.user, "USDT", "1", "withdraw-2")


# ---- orders ----

@checks
def limit_maker_and_taker_settle_to_the_last_unit(s):
    price, qty = units("30000.01"), units("0.00037")
    quote = quote_of(price, qty)
    with moves(s.alice, BTC=(-qty, 0), USDT=(quote - fee_of(quote), 0)):
        with moves(s.bob, BTC=(qty - fee_of(qty), 0), USDT=(-quote, 0)):
            with moves(s.alice, BTC=(-qty, qty)):
                maker = has_keys(s.alice.limit("BTCUSDT", "SELL", "0.00037", "30000.01"), FULL, "FULL")
            eq((maker["status"], maker["executedQty"], maker["fills"]), ("NEW", "0.00000000", []), "maker")
            taker = s.bob.limit("BTCUSDT", "BUY", "0.00037", "30005", newClientOrderId="taker-1")
    eq(fills_of(taker), [(show(price), show(qty), show(fee_of(qty)), "BTC")], "fills")
    eq({key: taker[key] for key in RESULT - {"orderId", "transactTime", "workingTime"}},
       {"symbol": "BTCUSDT", "orderListId": -1, "clientOrderId": "taker-1", "price": "30005.00000000",
        "origQty": show(qty), "executedQty": show(qty), "origQuoteOrderQty": "0.00000000",
        "cummulativeQuoteQty": show(quote), "status": "FILLED", "timeInForce": "GTC", "type": "LIMIT", "side": "BUY",
        "selfTradePreventionMode": "NONE"}, "taker")
    check(taker["orderId"] > maker["orderId"], "order ids increase")
    eq(has_keys(s.alice.query("BTCUSDT", orderId=maker["orderId"]), QUERY, "order")["status"], "FILLED", "maker later")
    eq(s.alice.trades("BTCUSDT", orderId=maker["orderId"])[0]["commission"], show(fee_of(quote)), "maker's commission")


@checks
def a_resting_remainder_locks_its_price_and_improvement_comes_back(s):
    s.alice.limit("BTCUSDT", "SELL", "0.001", "30000")
    got = units("0.001")
    with moves(s.bob, BTC=(got - fee_of(got), 0), USDT=(-units("30") - units("60.02"), units("60.02"))):
        answer = s.bob.limit("BTCUSDT", "BUY", "0.003", "30010")
    eq((answer["status"], answer["executedQty"], answer["cummulativeQuoteQty"]),
       ("PARTIALLY_FILLED", "0.00100000", "30.00000000"), "partly filled")
    with moves(s.bob, USDT=(units("60.02"), -units("60.02"))):
        eq(s.bob.cancel("BTCUSDT", orderId=answer["orderId"])["executedQty"], "0.00100000", "executed at the cancel")


@checks
def amounts_below_a_unit_are_held_up_and_paid_down(s):
    price, qty = units("0.06789"), units("0.0123")  # 83504.7 units of BTC
    with moves(s.bob, BTC=(-83505, 83505)):
        resting = s.bob.limit("ETHBTC", "BUY", "0.0123", "0.06789")
    s.bob.cancel("ETHBTC", orderId=resting["orderId"])
    eq(quote_of(price, qty), 83504, "the example")
    with moves(s.alice, ETH=(-qty, 0), BTC=(83504 - 84, 0)), moves(s.bob, ETH=(qty - fee_of(qty), 0), BTC=(-83504, 0)):
        s.bob.limit("ETHBTC", "BUY", "0.0123", "0.06789")
        eq(s.alice.limit("ETHBTC", "SELL", "0.0123", "0.06")["cummulativeQuoteQty"], "0.00083504", "quote")


@checks
def market_by_quantity_walks_the_levels(s):
    s.alice.limit("BTCUSDT", "SELL", "0.002", "30010")
    s.alice.limit("BTCUSDT", "SELL", "0.001", "30000")
    quote, got = units("30") + units("45.015"), units("0.0025")
    with moves(s.bob, USDT=(-quote, 0), BTC=(got - units("0.000001") - units("0.0000015"), 0)):
        answer = has_keys(s.bob.order("BTCUSDT", "BUY", "MARKET", quantity="0.0025"), FULL, "FULL by default")
    eq(fills_of(answer), [("30000.00000000", "0.00100000", "0.00000100", "BTC"),
                          ("30010.00000000", "0.00150000", "0.00000150", "BTC")], "fills")
    check(answer["fills"][0]["tradeId"] < answer["fills"][1]["tradeId"], "trade ids increase")
    eq({key: answer[key] for key in ("price", "origQty", "origQuoteOrderQty", "cummulativeQuoteQty", "status",
                                     "timeInForce", "type")},
       {"price": "0.00000000", "origQty": "0.00250000", "origQuoteOrderQty": "0.00000000",
        "cummulativeQuoteQty": show(quote), "status": "FILLED", "timeInForce": "GTC", "type": "MARKET"}, "market")


@checks
def market_by_quote_quantity_spends_what_a_step_allows(s):
    s.alice.limit("BTCUSDT", "SELL", "0.001", "30000")
    s.alice.limit("BTCUSDT", "SELL", "0.01", "30010")
    spent, got = units("30") + quote_of(units("30010"), units("0.00233")), units("0.00333")
    with moves(s.bob, USDT=(-spent, 0), BTC=(got - units("0.000001") - units("0.00000233"), 0)):
        answer = s.bob.order("BTCUSDT", "BUY", "MARKET", quoteOrderQty="100")
    eq({key: answer[key] for key in ("status", "executedQty", "origQty", "origQuoteOrderQty", "cummulativeQuoteQty")},
       {"status": "FILLED", "executedQty": "0.00333000", "origQty": "0.00333000",
        "origQuoteOrderQty": "100.00000000", "cummulativeQuoteQty": show(spent)}, "buy by quote quantity")
    s.clear()
    s.bob.limit("BTCUSDT", "BUY", "0.01", "29990")
    answer = s.alice.order("BTCUSDT", "SELL", "MARKET", quoteOrderQty="100")
    got = atoms(answer["cummulativeQuoteQty"])
    eq(answer["status"], "FILLED", "sell by quote quantity")
    eq(got, quote_of(units("29990"), atoms(answer["executedQty"])), "quote of the sale")
    check(units("100") - units("0.2999") < got <= units("100"), f"within one step of 100: {show(got)}")


@checks
def a_market_order_without_a_counterpart_expires(s):
    with moves(s.bob):
        answer = s.bob.order("BTCUSDT", "BUY", "MARKET", quantity="0.001")
        eq((answer["status"], answer["executedQty"], answer["fills"]), ("EXPIRED", "0.00000000", []), "empty book")
    s.alice.limit("BTCUSDT", "SELL", "0.001", "30000")
    answer = s.bob.order("BTCUSDT", "BUY", "MARKET", quantity="0.002")
    eq((answer["status"], answer["executedQty"]), ("EXPIRED", "0.00100000"), "half a book")


@checks
def limit_maker_never_takes(s):
    s.alice.limit("BTCUSDT", "SELL", "0.001", "30000")
    with moves(s.bob):
        refused(refusal(s.bob.order, "BTCUSDT", "BUY", "LIMIT_MAKER", quantity="0.001", price="30000"), 400, -2010,
                "Order would immediately match and take.")
    with moves(s.bob, USDT=(-units("29.99"), units("29.99"))):
        answer = has_keys(s.bob.order("BTCUSDT", "BUY", "LIMIT_MAKER", quantity="0.001", price="29990"), ACK,
                          "ACK by default")
    order = s.bob.query("BTCUSDT", orderId=answer["orderId"])
    eq((order["type"], order["timeInForce"], order["status"]), ("LIMIT_MAKER", "GTC", "NEW"), "post-only order")


@checks
def ioc_and_fok_never_rest(s):
    s.alice.limit("BTCUSDT", "SELL", "0.001", "30000")
    with moves(s.bob):
        answer = has_keys(s.bob.limit("BTCUSDT", "BUY", "0.002", "30000", "FOK"), FULL, "FULL")
        eq((answer["status"], answer["executedQty"], answer["fills"]), ("EXPIRED", "0.00000000", []), "FOK too large")
    got = units("0.001")
    with moves(s.bob, USDT=(-units("30"), 0), BTC=(got - fee_of(got), 0)):
        answer = s.bob.limit("BTCUSDT", "BUY", "0.002", "30000", "IOC")
        eq((answer["status"], answer["executedQty"], answer["timeInForce"]), ("EXPIRED", "0.00100000", "IOC"), "IOC")
    s.alice.limit("BTCUSDT", "SELL", "0.001", "30000")
    eq(s.bob.limit("BTCUSDT", "BUY", "0.001", "30000", "FOK")["status"], "FILLED", "FOK that fits")
    eq(s.bob.open_orders(), [], "nothing rests")


@checks
def response_types_have_the_documented_keys(s):
    for kind, keys in (("ACK", ACK), ("RESULT", RESULT), ("FULL", FULL)):
        s.alice.limit("BTCUSDT", "SELL", "0.001", "30000")
        answer = s.bob.limit("BTCUSDT", "BUY", "0.001", "30000", newOrderRespType=kind)
        has_keys(answer, keys, kind)
        for fill in answer.get("fills", []):
            eq(set(fill), FILL, "keys of a fill")
        answer = s.bob.order("BTCUSDT", "BUY", "LIMIT_MAKER", quantity="0.001", price="20000", newOrderRespType=kind)
        has_keys(answer, keys, f"{kind} of LIMIT_MAKER")
        check(isinstance(answer["orderId"], int) and len(str(answer["transactTime"])) == 13, "types")
    check(0 < len(answer["clientOrderId"]) <= 36, "a client order id is made when none is given")


@checks
def parameters_come_by_query_form_or_both(s):
    for how, unit in itertools.product(("query", "form", "mixed"), ("ms", "us")):
        trader = Binance(s.bob.http, s.bob.key, s.bob.secret, how=how, unit=unit)
        name = f"{how}-{unit}"
        answer = trader.limit("BTCUSDT", "BUY", "0.001", "20000", recvWindow="5000.123", newClientOrderId=name)
        eq(answer["clientOrderId"], name, "client order id")
        eq(trader.cancel("BTCUSDT", orderId=answer["orderId"], recvWindow=60000)["status"], "CANCELED", how)
    now = f"&timestamp={time.time_ns() // 10 ** 6}"
    headers = {"X-MBX-APIKEY": s.bob.key, "Content-Type": FORM}
    query = "symbol=BTCUSDT&side=BUY&type=LIMIT&timeInForce=GTC&quantity=0.001&newClientOrderId=query-wins"
    body = "price=20000&quantity=0.009&newClientOrderId=body-loses" + now
    body += "&signature=" + s.bob.sign(query + body).upper()  # hexadecimal of any case
    answer = parse(s.bob.http.request("POST", "/api/v3/order?" + query, headers, body.encode()))
    eq((answer["origQty"], answer["clientOrderId"]), ("0.00100000", "query-wins"), "where both say it, the query wins")
    query = "symbol=BTCUSDT&signature="  # the signature may stand anywhere; what is signed is the rest
    body = f"orderId={answer['orderId']}" + now
    query = query.replace("signature=", "signature=" + s.bob.sign("symbol=BTCUSDT" + body))
    answer = parse(s.bob.http.request("DELETE", "/api/v3/order?" + query, headers, body.encode()))
    eq(answer["status"], "CANCELED", "DELETE with a form body")


@checks
def microseconds_are_shown_when_asked_for(s):
    micro = Binance(s.bob.http, s.bob.key, s.bob.secret, micro=True)
    answer = micro.limit("BTCUSDT", "BUY", "0.001", "20000")
    order, plain = (trader.query("BTCUSDT", orderId=answer["orderId"]) for trader in (micro, s.bob))
    eq([len(str(value)) for value in (answer["transactTime"], answer["workingTime"], order["time"],
                                      order["updateTime"])], [16] * 4, "digits in us")
    eq([len(str(plain[key])) for key in ("time", "updateTime", "workingTime")], [13] * 3, "digits in ms")
    eq((order["time"] // 1000, order["isWorking"]), (plain["time"], True), "the same moment")


@checks
def cancel_by_order_id_and_by_client_order_id(s):
    one = s.bob.limit("BTCUSDT", "BUY", "0.001", "20000", newClientOrderId=s.name())
    answer = has_keys(s.bob.cancel("BTCUSDT", orderId=one["orderId"], newClientOrderId="my-cancel"), CANCEL, "cancel")
    eq((answer["status"], answer["origClientOrderId"], answer["clientOrderId"], answer["orderId"]),
       ("CANCELED", one["clientOrderId"], "my-cancel", one["orderId"]), "cancelled by id")
    two = s.bob.limit("BTCUSDT", "BUY", "0.001", "20000", newClientOrderId=s.name())
    answer = s.bob.cancel("BTCUSDT", origClientOrderId=two["clientOrderId"])
    eq((answer["orderId"], answer["status"]), (two["orderId"], "CANCELED"), "cancelled by client id")
    check(answer["clientOrderId"] and answer["clientOrderId"] != two["clientOrderId"], "an id is made for the cancel")
    for params in ({"orderId": two["orderId"]}, {"origClientOrderId": two["clientOrderId"]}, {"orderId": 987654321},
                   {"origClientOrderId": "never-sent"}):
        refused(refusal(s.bob.cancel, "BTCUSDT", **params), 400, -2011, "Unknown order sent.")
    three = s.bob.limit("BTCUSDT", "BUY", "0.001", "20000", newClientOrderId=s.name())
    error = refusal(s.bob.cancel, "BTCUSDT", orderId=three["orderId"], origClientOrderId="another")
    check(error.status == 400 and error.code in (-2011, -2039), f"ids that disagree: {error}")
    refused(refusal(s.alice.cancel, "BTCUSDT", orderId=three["orderId"]), 400, -2011, "Unknown order sent.")
    refused(refusal(s.bob.cancel, "ETHUSDT", orderId=three["orderId"]), 400, -2011, "Unknown order sent.")
    eq(s.bob.query("BTCUSDT", orderId=three["orderId"])["status"], "NEW", "it still rests")


@checks
def cancel_all_takes_one_symbol_of_one_user(s):
    mine = [s.bob.limit("BTCUSDT", "BUY", "0.001", str(20000 + i))["orderId"] for i in range(5)]
    other = s.bob.limit("ETHUSDT", "BUY", "0.01", "1000")
    hers = s.alice.limit("BTCUSDT", "BUY", "0.001", "20000")
    with moves(s.bob, USDT=(units("100.01"), -units("100.01"))):
        answers = s.bob.cancel_all("BTCUSDT")
    eq(sorted(has_keys(answer, CANCEL, "cancel")["orderId"] for answer in answers), mine, "what was cancelled")
    eq({answer["status"] for answer in answers}, {"CANCELED"}, "status")
    eq([order["orderId"] for order in s.bob.open_orders()], [other["orderId"]], "the other symbol stays")
    eq([order["orderId"] for order in s.alice.open_orders("BTCUSDT")], [hers["orderId"]], "the other user stays")
    refused(refusal(s.bob.cancel_all, "BTCUSDT"), 400, -2011, "Unknown order sent.")


@checks
def queries_show_orders_and_trades(s):
    s.alice.limit("ETHUSDT", "SELL", "0.1", "2000", newClientOrderId="query-maker")
    first = s.bob.limit("ETHUSDT", "BUY", "0.04", "2000", newClientOrderId="query-1")
    second = s.bob.limit("ETHUSDT", "BUY", "0.06", "2000", newClientOrderId="query-2")
    open_ = s.bob.limit("ETHUSDT", "BUY", "0.01", "1000", newClientOrderId="query-3")
    order = has_keys(s.bob.query("ETHUSDT", origClientOrderId="query-1"), QUERY, "order")
    eq({key: order[key] for key in QUERY - {"time", "updateTime", "workingTime"}},
       {"symbol": "ETHUSDT", "orderId": first["orderId"], "orderListId": -1, "clientOrderId": "query-1",
        "price": "2000.00000000", "origQty": "0.04000000", "executedQty": "0.04000000",
        "cummulativeQuoteQty": "80.00000000", "status": "FILLED", "timeInForce": "GTC", "type": "LIMIT",
        "side": "BUY", "stopPrice": "0.00000000", "icebergQty": "0.00000000", "isWorking": True,
        "origQuoteOrderQty": "0.00000000", "selfTradePreventionMode": "NONE"}, "order")
    eq(s.bob.query("ETHUSDT", orderId=first["orderId"]), order, "by either id")
    error = refusal(s.bob.query, "ETHUSDT", orderId=first["orderId"], origClientOrderId="query-2")
    eq((error.status, error.code), (400, -2039), "ids that disagree")
    for trader, params in ((s.bob, {"orderId": 987654321}), (s.alice, {"orderId": first["orderId"]}),
                           (s.bob, {"origClientOrderId": "never-sent"})):
        refused(refusal(trader.query, "ETHUSDT", **params), 400, -2013, "Order does not exist.")
    ids = [first["orderId"], second["orderId"], open_["orderId"]]
    eq([has_keys(row, QUERY, "order")["orderId"] for row in s.bob.all_orders("ETHUSDT")][-3:], ids, "allOrders")
    eq([row["orderId"] for row in s.bob.all_orders("ETHUSDT", orderId=ids[1])], ids[1:], "allOrders from an id")
    eq([row["orderId"] for row in s.bob.all_orders("ETHUSDT", limit=1)], ids[2:], "allOrders, the newest")
    eq([has_keys(row, QUERY, "order") for row in s.bob.open_orders("ETHUSDT")],
       [s.bob.query("ETHUSDT", orderId=ids[2])], "openOrders")
    trades = s.alice.trades("ETHUSDT")[-2:]
    fee = [fee_of(units("80")), fee_of(units("120"))]
    eq([{key: row[key] for key in TRADE - {"time", "id", "orderId"}} for row in trades],
       [{"symbol": "ETHUSDT", "orderListId": -1, "price": "2000.00000000", "qty": qty, "quoteQty": quote,
         "commission": show(charged), "commissionAsset": "USDT", "isBuyer": False, "isMaker": True,
         "isBestMatch": True}
        for qty, quote, charged in (("0.04000000", "80.00000000", fee[0]), ("0.06000000", "120.00000000", fee[1]))],
       "maker's trades")
    mine = s.bob.trades("ETHUSDT", orderId=second["orderId"])
    eq([(set(row), row["id"], row["isBuyer"], row["isMaker"]) for row in mine],
       [(TRADE, second["fills"][0]["tradeId"], True, False)], "taker's trade by order")
    eq([row["id"] for row in s.bob.trades("ETHUSDT", fromId=trades[1]["id"])], [trades[1]["id"]], "trades from an id")
    eq(len(s.bob.trades("ETHUSDT", limit=1)), 1, "trades, one")


@checks
def depth_shows_an_order_right_after_its_answer(s):
    before = s.bob.depth("BTCUSDT")
    eq((before["bids"], before["asks"]), ([], []), "empty book")
    s.bob.limit("BTCUSDT", "BUY", "0.001", "20000")
    one = s.bob.depth("BTCUSDT")
    eq(one["bids"], [["20000.00000000", "0.00100000"]], "own order")
    s.alice.limit("BTCUSDT", "BUY", "0.002", "20000")
    s.alice.limit("BTCUSDT", "BUY", "0.003", "20000.01")
    s.alice.limit("BTCUSDT", "SELL", "0.004", "40000")
    s.alice.limit("BTCUSDT", "SELL", "0.005", "39999.99")
    two = s.bob.depth("BTCUSDT")
    eq((two["bids"], two["asks"]),
       ([["20000.01000000", "0.00300000"], ["20000.00000000", "0.00300000"]],
        [["39999.99000000", "0.00500000"], ["40000.00000000", "0.00400000"]]), "levels")
    check(before["lastUpdateId"] < one["lastUpdateId"] < two["lastUpdateId"], "lastUpdateId grows")
    cut = s.bob.depth("BTCUSDT", limit=1)
    eq((len(cut["bids"]), len(cut["asks"]), cut["lastUpdateId"]), (1, 1, two["lastUpdateId"]), "limit=1")
    eq(s.bob.depth("BTCUSDT", limit=9999), two, "a limit above 5000 is 5000")
    s.clear()
    three = s.bob.depth("BTCUSDT")
    eq((three["bids"], three["asks"], three["lastUpdateId"] > two["lastUpdateId"]), ([], [], True), "empty again")


@checks
def self_trade_prevention_expires_the_taker(s):
    own = s.alice.limit("BTCUSDT", "SELL", "0.001", "30000")
    with moves(s.alice):
        answer = has_keys(s.alice.limit("BTCUSDT", "BUY", "0.001", "30000", selfTradePreventionMode="EXPIRE_TAKER"),
                          FULL | {"preventedMatches"}, "FULL")
    eq((answer["status"], answer["executedQty"], answer["selfTradePreventionMode"], answer["fills"]),
       ("EXPIRED_IN_MATCH", "0.00000000", "EXPIRE_TAKER", []), "taker")
    s.bob.limit("BTCUSDT", "SELL", "0.001", "29990")
    got = units("0.001")
    with moves(s.alice, USDT=(-units("29.99"), 0), BTC=(got - fee_of(got), 0)):
        answer = s.alice.limit("BTCUSDT", "BUY", "0.003", "30000", selfTradePreventionMode="EXPIRE_TAKER")
    eq((answer["status"], answer["executedQty"]), ("EXPIRED_IN_MATCH", "0.00100000"), "after another's fill")
    eq(s.alice.query("BTCUSDT", orderId=answer["orderId"])["status"], "EXPIRED_IN_MATCH", "queried")
    eq(s.alice.query("BTCUSDT", orderId=own["orderId"])["status"], "NEW", "the maker stays")
    with moves(s.alice, USDT=(-fee_of(units("30")), 0), BTC=(got - fee_of(got), -got)):
        eq(s.alice.limit("BTCUSDT", "BUY", "0.001", "30000")["status"], "FILLED", "NONE: trades with itself")


def ended(trader, symbol, order):
    """How a query shows the order now: status, executed quantity, mode."""
    row = has_keys(trader.query(symbol, orderId=order["orderId"]), QUERY, "order")
    return row["status"], row["executedQty"], row["selfTradePreventionMode"]


@checks
def self_trade_prevention_expires_makers(s):
    """Binance's FAQ, scenario B: the holds of all own makers come back, another's maker fills, the taker rests."""
    qty, got = units("0.001"), units("0.002")
    own = [s.alice.limit("BTCUSDT", "BUY", "0.001", price) for price in ("30000", "29990", "29980")]
    s.bob.limit("BTCUSDT", "BUY", "0.002", "29990")
    held = sum(quote_of(units(price), qty) for price in ("30000", "29990", "29980"))
    earned = quote_of(units("29990"), got)
    with moves(s.alice, USDT=(held + earned - fee_of(earned), -held), BTC=(-3 * qty, qty)), \
            moves(s.bob, USDT=(0, -earned), BTC=(got - fee_of(got), 0)):
        taker = has_keys(s.alice.limit("BTCUSDT", "SELL", "0.003", "29980", selfTradePreventionMode="EXPIRE_MAKER"),
                         FULL | {"preventedMatches"}, "FULL")
    eq((taker["status"], taker["executedQty"], taker["selfTradePreventionMode"], len(taker["fills"])),
       ("PARTIALLY_FILLED", "0.00200000", "EXPIRE_MAKER", 1), "taker")
    for order in own:
        eq(ended(s.alice, "BTCUSDT", order), ("EXPIRED_IN_MATCH", "0.00000000", "NONE"), "own maker")
        refused(refusal(s.alice.cancel, "BTCUSDT", orderId=order["orderId"]), 400, -2011, "Unknown order sent.")
    depth = s.bob.depth("BTCUSDT")
    eq((depth["bids"], depth["asks"]), ([], [["29980.00000000", "0.00100000"]]), "depth")
    eq([order["orderId"] for order in s.alice.open_orders("BTCUSDT")], [taker["orderId"]], "what is open")
    with moves(s.alice, BTC=(qty, -qty)):  # scenario F: the maker EXPIRED_IN_MATCH, the market order EXPIRED
        answer = s.alice.order("BTCUSDT", "BUY", "MARKET", quantity="0.001", selfTradePreventionMode="EXPIRE_MAKER")
    eq((answer["status"], answer["executedQty"], answer["fills"]), ("EXPIRED", "0.00000000", []), "market order")
    eq(ended(s.alice, "BTCUSDT", taker), ("EXPIRED_IN_MATCH", "0.00200000", "EXPIRE_MAKER"), "partly filled maker")


@checks
def self_trade_prevention_expires_both(s):
    own = s.alice.limit("BTCUSDT", "SELL", "0.001", "30000")
    s.bob.limit("BTCUSDT", "SELL", "0.001", "29990")
    got, paid = units("0.001"), units("29.99")
    with moves(s.alice, USDT=(-paid, 0), BTC=(2 * got - fee_of(got), -got)):
        taker = s.alice.limit("BTCUSDT", "BUY", "0.003", "30000", selfTradePreventionMode="EXPIRE_BOTH")
    eq((taker["status"], taker["executedQty"], taker["selfTradePreventionMode"]),
       ("EXPIRED_IN_MATCH", "0.00100000", "EXPIRE_BOTH"), "taker")
    eq(ended(s.alice, "BTCUSDT", own), ("EXPIRED_IN_MATCH", "0.00000000", "NONE"), "maker")
    depth = s.bob.depth("BTCUSDT")
    eq((depth["bids"], depth["asks"]), ([], []), "depth")


@checks
def a_fok_changes_nothing_unless_others_fill_it(s):
    own = s.alice.limit("BTCUSDT", "SELL", "0.001", "30000")
    s.bob.limit("BTCUSDT", "SELL", "0.002", "30000")
    with moves(s.alice), moves(s.bob):
        for mode, status, quantity in (("EXPIRE_MAKER", "EXPIRED", "0.003"), ("EXPIRE_TAKER", "EXPIRED_IN_MATCH", "0.002"),
                                       ("EXPIRE_BOTH", "EXPIRED_IN_MATCH", "0.002")):
            answer = s.alice.limit("BTCUSDT", "BUY", quantity, "30000", "FOK", selfTradePreventionMode=mode)
            eq((answer["status"], answer["executedQty"]), (status, "0.00000000"), f"FOK with {mode}")
    eq(ended(s.alice, "BTCUSDT", own)[0], "NEW", "the own maker stays")
    answer = s.alice.limit("BTCUSDT", "BUY", "0.002", "30000", "FOK", selfTradePreventionMode="EXPIRE_MAKER")
    eq((answer["status"], ended(s.alice, "BTCUSDT", own)[0]), ("FILLED", "EXPIRED_IN_MATCH"), "past its own")
    s.alice.limit("BTCUSDT", "SELL", "0.001", "30000")
    for mode in STP_MODES:
        refused(refusal(s.alice.order, "BTCUSDT", "BUY", "LIMIT_MAKER", quantity="0.001", price="30000",
                        selfTradePreventionMode=mode), 400, -2010, "Order would immediately match and take.")


@checks
def a_symbol_has_a_default_mode(s):
    for mode, fate in (("NONE", ("FILLED", "FILLED")), ("EXPIRE_TAKER", ("NEW", "EXPIRED_IN_MATCH")),
                       ("EXPIRE_MAKER", ("EXPIRED_IN_MATCH", "NEW")),
                       ("EXPIRE_BOTH", ("EXPIRED_IN_MATCH", "EXPIRED_IN_MATCH")),
                       ("DECREMENT", ("EXPIRED_IN_MATCH", "EXPIRED_IN_MATCH"))):
        name = f"STP{STP_MODES.index(mode)}USDT"
        s.admin.symbol(name, "BTC", "USDT", defaultSelfTradePreventionMode=mode)
        eq(s.alice.get("exchangeInfo", {"symbol": name})["symbols"][0]["defaultSelfTradePreventionMode"], mode, name)
        maker = s.alice.limit(name, "SELL", "1", "100")
        taker = s.alice.limit(name, "BUY", "1", "100")
        eq((taker["selfTradePreventionMode"], maker["selfTradePreventionMode"]), (mode, mode), "modes shown")
        eq((ended(s.alice, name, maker)[0], taker["status"]), fate, f"default {mode}")
        s.clear()
        s.alice.limit(name, "SELL", "1", "100")
        taker = s.alice.limit(name, "BUY", "1", "100", selfTradePreventionMode="NONE")
        eq(taker["status"], "FILLED", "an order's own mode goes before the default")
    refused(refusal(s.admin.symbol, "STPUSDT", "BTC", "USDT", defaultSelfTradePreventionMode="MAYBE"), 400, -1130,
            "'defaultSelfTradePreventionMode' must be NONE, EXPIRE_TAKER, EXPIRE_MAKER, EXPIRE_BOTH or DECREMENT.")


@checks
def every_filter_is_refused_by_name(s):
    rules = [{"filterType": "PRICE_FILTER", "minPrice": "1.00", "maxPrice": "1000.00", "tickSize": "0.05"},
             {"filterType": "LOT_SIZE", "minQty": "0.010", "maxQty": "100.000", "stepSize": "0.002"},
             {"filterType": "MARKET_LOT_SIZE", "minQty": "0.010", "maxQty": "10.000", "stepSize": "0.002"},
             {"filterType": "NOTIONAL", "minNotional": "10.00", "applyMinToMarket": True, "maxNotional": "50000.00",
              "applyMaxToMarket": True, "avgPriceMins": 5},
             {"filterType": "MAX_NUM_ORDERS", "maxNumOrders": 3}]
    made = s.admin.symbol("FILUSDT", "FIL", "USDT", filters=rules, makerCommission="0", takerCommission="0")
    eq((made["symbol"], made["baseAsset"], made["quoteAsset"]), ("FILUSDT", "FIL", "USDT"), "symbol made")
    eq(refusal(s.admin.symbol, "FILUSDT", "FIL", "USDT").status, 409, "the same symbol again")
    shown = s.bob.get("exchangeInfo", {"symbol": "FILUSDT"})["symbols"][0]
    shown = {rule["filterType"]: rule for rule in shown["filters"]}
    eq((units(shown["PRICE_FILTER"]["tickSize"]), units(shown["MARKET_LOT_SIZE"]["maxQty"]),
        shown["MAX_NUM_ORDERS"]["maxNumOrders"]), (units("0.05"), units("10"), 3), "filters as given")
    with moves(s.bob):
        for price in ("100.01", "0.95", "1000.05"):
            filter_failure(lambda: s.bob.limit("FILUSDT", "BUY", "1", price), "PRICE_FILTER")
        for quantity in ("1.001", "0.008", "100.002"):
            filter_failure(lambda: s.bob.limit("FILUSDT", "BUY", quantity, "100"), "LOT_SIZE")
        filter_failure(lambda: s.bob.order("FILUSDT", "BUY", "MARKET", quantity="10.002"), "MARKET_LOT_SIZE")
        filter_failure(lambda: s.bob.limit("FILUSDT", "BUY", "0.098", "100"), "NOTIONAL")
        filter_failure(lambda: s.bob.limit("FILUSDT", "BUY", "100", "500.05"), "NOTIONAL")
        filter_failure(lambda: s.bob.order("FILUSDT", "BUY", "MARKET", quoteOrderQty="9.99"), "NOTIONAL")
        filter_failure(lambda: s.bob.order("BTCUSDT", "BUY", "MARKET", quantity="0.00001"), "NOTIONAL")
    for price in ("100", "100.05", "100.1"):
        s.bob.limit("FILUSDT", "BUY", "1", price)
    with moves(s.bob):
        filter_failure(lambda: s.bob.limit("FILUSDT", "BUY", "1", "99"), "MAX_NUM_ORDERS")
        eq(s.bob.limit("FILUSDT", "BUY", "1", "99", "IOC")["status"], "EXPIRED", "IOC cannot rest and is not counted")
    s.bob.cancel("FILUSDT", orderId=s.bob.open_orders("FILUSDT")[0]["orderId"])
    s.bob.limit("FILUSDT", "BUY", "1", "99")


@checks
def a_client_order_id_is_unique_among_open_orders(s):
    name = s.name()
    one = s.bob.limit("BTCUSDT", "BUY", "0.001", "20000", newClientOrderId=name)
    with moves(s.bob):
        refused(refusal(s.bob.limit, "BTCUSDT", "BUY", "0.001", "20001", newClientOrderId=name), 400, -2010,
                "Duplicate order sent.")
    eq(s.bob.query("BTCUSDT", origClientOrderId=name)["orderId"], one["orderId"], "the first one is there")
    s.alice.limit("BTCUSDT", "BUY", "0.001", "20000", newClientOrderId=name)  # another user may use it
    s.bob.cancel("BTCUSDT", origClientOrderId=name)
    two = s.bob.limit("BTCUSDT", "BUY", "0.001", "20001", newClientOrderId=name)
    eq(s.bob.query("BTCUSDT", origClientOrderId=name)["orderId"], two["orderId"], "free again after its end")
    longest = "aZ09-_" * 6
    eq(s.bob.limit("BTCUSDT", "BUY", "0.001", "20002", newClientOrderId=longest)["clientOrderId"], longest, "36 bytes")


@checks
def nothing_is_bought_or_sold_without_funds(s):
    text = "Account has insufficient balance for requested action."
    with moves(s.alice), moves(s.bob):
        refused(refusal(s.bob.limit, "BTCUSDT", "BUY", "9000", "900000"), 400, -2010, text)
        refused(refusal(s.bob.limit, "BTCUSDT", "SELL", "9000", "900000"), 400, -2010, text)
        refused(refusal(s.bob.order, "BTCUSDT", "SELL", "MARKET", quantity="9000"), 400, -2010, text)
        refused(refusal(s.bob.order, "BTCUSDT", "BUY", "MARKET", quoteOrderQty="90000000"), 400, -2010, text)
        refused(refusal(s.bob.limit, "SOLUSDT", "SELL", "1", "100"), 400, -2010, text)
        s.alice.limit("BTCUSDT", "SELL", "60", "30000")
        refused(refusal(s.bob.order, "BTCUSDT", "BUY", "MARKET", quantity="60"), 400, -2010, text)
        s.clear()
    free = s.bob.balances()["USDT"][0]  # the last unit can be locked, and one more cannot
    if odd := free % units("0.2"):  # one step of quantity at 20000
        s.admin.withdraw(s.bob.user, "USDT", show(odd), "even amount")
    with moves(s.bob, USDT=(odd - free, free - odd)):
        s.bob.limit("BTCUSDT", "BUY", show((free - odd) // 20000), "20000")
    refused(refusal(s.bob.limit, "BTCUSDT", "BUY", "0.001", "20000"), 400, -2010, text)


@checks
def symbol_status_decides_what_is_taken(s):
    try:
        resting = [s.bob.limit("ETHUSDT", "BUY", "0.01", str(1000 + i))["orderId"] for i in range(2)]
        for status in ("HALT", "BREAK", "CANCEL_ONLY"):
            s.admin.status("ETHUSDT", status)
            eq(s.bob.get("exchangeInfo", {"symbol": "ETHUSDT"})["symbols"][0]["status"], status, "status shown")
            with moves(s.bob):
                refused(refusal(s.bob.limit, "ETHUSDT", "BUY", "0.01", "1000"), 400, -2010, "Market is closed.")
                refused(refusal(s.bob.order, "ETHUSDT", "SELL", "MARKET", quantity="0.01"), 400, -2010,
                        "Market is closed.")
            if status == "CANCEL_ONLY":
                eq(s.bob.cancel("ETHUSDT", orderId=resting[0])["status"], "CANCELED", "cancel in CANCEL_ONLY")
            else:
                refused(refusal(s.bob.cancel, "ETHUSDT", orderId=resting[0]), 400, -2011, "Market is closed.")
            check(s.bob.depth("ETHUSDT")["bids"], "depth is still shown")
            s.bob.cancel("BTCUSDT", orderId=s.bob.limit("BTCUSDT", "BUY", "0.001", "20000")["orderId"])
    finally:
        s.admin.status("ETHUSDT", "TRADING")
    eq(s.bob.limit("ETHUSDT", "BUY", "0.01", "1000")["status"], "NEW", "trading again")
    eq(s.bob.cancel("ETHUSDT", orderId=resting[1])["status"], "CANCELED", "and cancelling")


@checks
def a_key_does_what_its_permissions_say_until_it_is_deleted(s):
    text = "Invalid API-key, IP, or permissions for action."
    extra = Binance(s.connect(), *s.admin.key(s.bob.user))
    reader = Binance(s.connect(), *s.admin.key(s.bob.user, ["USER_DATA"]))
    trader = Binance(s.connect(), *s.admin.key(s.bob.user, ["TRADE"]))
    eq(reader.account()["uid"], s.bob.user, "a reader reads")
    refused(refusal(reader.limit, "BTCUSDT", "BUY", "0.001", "20000"), 401, -2015, text)
    refused(refusal(reader.cancel_all, "BTCUSDT"), 401, -2015, text)
    order = trader.limit("BTCUSDT", "BUY", "0.001", "20000")
    refused(refusal(trader.account), 401, -2015, text)
    shown = json.dumps(s.admin.keys(s.bob.user))
    for one in (extra, reader, trader):
        check(one.key in shown and one.secret not in shown, "keys are listed, secrets are not")
    eq(extra.query("BTCUSDT", orderId=order["orderId"])["status"], "NEW", "before the deletion")
    s.admin.delete_key(s.bob.user, extra.key)
    refused(refusal(extra.limit, "BTCUSDT", "BUY", "0.001", "20000"), 401, -2015, text)
    refused(refusal(extra.account), 401, -2015, text)
    check(extra.key not in json.dumps(s.admin.keys(s.bob.user)), "a deleted key is not listed")
    eq(s.bob.query("BTCUSDT", orderId=order["orderId"])["status"], "NEW", "other keys and orders stay")


@checks
def one_connection_keeps_the_order_of_its_requests(s):
    pipe, bids, names = s.pipeline(), {}, [s.name() for _ in range(60)]
    for number, name in enumerate(names):  # P1: order of submission is order in the book
        tag = pipe.submit(*s.bob.build("POST", "/api/v3/order", {
            "symbol": "BTCUSDT", "side": "BUY", "type": "LIMIT", "timeInForce": "GTC", "quantity": "0.001",
            "price": str(20000 - number), "newClientOrderId": name}))
        bids[tag] = name
    answers = {}
    for _ in names:
        tag, reply = pipe.next_reply()
        answers[bids.pop(tag)] = parse(reply)["orderId"]
    eq(sorted(answers, key=answers.get), names, "order ids follow submission")
    tags = {}
    for name in (s.name() for _ in range(40)):  # P2: a cancel sent behind its order never finds it unknown
        tags[pipe.submit(*s.bob.build("POST", "/api/v3/order", {
            "symbol": "ETHUSDT", "side": "BUY", "type": "LIMIT_MAKER", "quantity": "0.01", "price": "1000",
            "newClientOrderId": name, "newOrderRespType": "RESULT"}))] = "NEW"
        tags[pipe.submit(*s.bob.build("DELETE", "/api/v3/order", {
            "symbol": "ETHUSDT", "origClientOrderId": name}))] = "CANCELED"
    for _ in range(len(tags)):
        tag, reply = pipe.next_reply()
        eq(parse(reply)["status"], tags.pop(tag), "order, then its cancel")
    pipe.close()


@checks
def the_operator_sees_users_symbols_and_health(s):
    check({"alice", "bob"} <= {user["name"] for user in listing(s.admin.users())}, "users")
    check(set(DEFAULTS) <= {symbol["symbol"] for symbol in listing(s.admin.symbols())}, "symbols")
    eq((s.admin.healthz(), s.admin.readyz()), (200, 200), "health")
    check(s.admin.shards(), "shards")
    error = refusal(s.admin.user, "alice")
    eq((error.status, json.loads(error.reply.body)["userId"]), (409, s.alice.user), "a taken name, whose it is")


@checks
def the_audit_balances_and_agrees_with_the_accounts(s):
    s.alice.limit("BTCUSDT", "SELL", "0.001", "30000")
    audit = conserved(s.admin.audit())
    eq(audit["openOrders"], 1, "open orders")
    held = [trader.balances() for trader in (s.alice, s.bob)]
    for row in audit["assets"]:
        users = [sum(balances.get(row["asset"], (0, 0))[i] for balances in held) for i in (0, 1)]
        eq((atoms(row["free"]), atoms(row["locked"]), atoms(row["inFlight"])), (*users, 0), f"sums of {row['asset']}")
    check(any(atoms(row["fees"]) for row in audit["assets"]), "fees were taken")
    eq(s.admin.audit(), audit, "an audit changes nothing")


def main():
    version = 2 if "--http2" in sys.argv[1:] else 1
    with tempfile.TemporaryDirectory(prefix="castle-e2e-") as home:
        cert, key = certificate(home) if "--tls" in sys.argv[1:] else (None, None)
        options = ["--tls-cert", cert, "--tls-key", key] if cert else []
        with Server(*options) as server:
            session = Session(server, version, cert)
            checks.run(session, before=session.clear)
    return checks.finish()


if __name__ == "__main__":
    sys.exit(main())
