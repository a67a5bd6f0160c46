"""A trading session through python-binance as it comes from PyPI: only the URLs are ours.

Goal: its user finds on Castle what he knows from Binance: every method, field and amount, and each error's code, text and
HTTP status. Method: two funded users; each check says what it expects to move and compares all balances before and after;
each begins with empty books.
"""
import asyncio
import contextlib
import itertools
import json
import pathlib
import sys
import time
import urllib.parse

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))

from binance.async_client import AsyncClient
from binance.client import Client
from binance.exceptions import BinanceAPIException
from binance.helpers import round_step_size

from checks import Checks, atoms, check, eq, fee_of, quote_of, show, units

FACTS = json.load(sys.stdin)  # see test_clients.py
CLOSED = FACTS["closed"] + "USDT"
SYMBOLS = {"BNBUSDT", "BTCUSDT", "ETHBTC", "ETHUSDT", "SOLUSDT", CLOSED}
FUNDS_TEXT = "Account has insufficient balance for requested action."

# Every URL of the library leads to Castle, by its own path: nothing can reach another exchange.
for kind in (Client, AsyncClient):
    for name in [name for name in dir(kind) if name.endswith("_URL")]:
        setattr(kind, name, FACTS["base"] + urllib.parse.urlsplit(getattr(kind, name)).path)

checks = Checks()
serial = itertools.count(1)


def credentials(keys):
    """As the library takes them: a private key is not its secret."""
    if not keys:
        return {}
    name = "private_key" if "PRIVATE KEY" in keys["secret"] else "api_secret"
    return {"api_key": keys["key"], name: keys["secret"]}


def client(keys=None, **options):
    return Client(**credentials(keys), **options)  # pings


alice, bob, anyone = client(FACTS["alice"]), client(FACTS["bob"]), client()


def limit(user, side, quantity, price, symbol="BTCUSDT", **params):
    place = user.order_limit_buy if side == "BUY" else user.order_limit_sell
    return place(symbol=symbol, quantity=quantity, price=price, **params)


def balances(user):
    """{asset: (free, locked)} in atoms, of what is not zero."""
    rows = {row["asset"]: (atoms(row["free"]), atoms(row["locked"])) for row in user.get_account()["balances"]}
    return {asset: pair for asset, pair in rows.items() if pair != (0, 0)}


@contextlib.contextmanager
def moves(user, **expected):
    """The block changes the user's balances by exactly this: ASSET=(free, locked) in atoms; nothing else."""
    before = balances(user)
    yield
    after, got = balances(user), {}
    for asset in before.keys() | after.keys():
        (free, locked), (was_free, was_locked) = after.get(asset, (0, 0)), before.get(asset, (0, 0))
        if (free, locked) != (was_free, was_locked):
            got[asset] = (free - was_free, locked - was_locked)
    eq(got, {asset: pair for asset, pair in expected.items() if pair != (0, 0)}, "what moved")


@contextlib.contextmanager
def refused(status, code, text):
    """The block is refused with this BinanceAPIException, given back as a list of one."""
    error = []
    try:
        yield error
    except BinanceAPIException as thrown:
        eq((thrown.status_code, thrown.code, thrown.message), (status, code, text), "refusal")
        error.append(thrown)
        return
    raise AssertionError(f"accepted what had to be refused with {code}")


def says(order, what, **expected):
    """The order says this; amounts are given in atoms."""
    got = {key: atoms(order[key]) if isinstance(value, int) and isinstance(order[key], str) else order[key]
           for key, value in expected.items()}
    eq(got, expected, what)
    return order


def fills(answer):
    return [tuple(map(atoms, (fill["price"], fill["qty"], fill["commission"]))) + (fill["commissionAsset"],)
            for fill in answer["fills"]]


def clear():
    for user in (alice, bob):
        for symbol in {order["symbol"] for order in user.get_open_orders()}:
            user.cancel_all_open_orders(symbol=symbol)


# ---- the exchange ----

@checks
def the_exchange_is_described():
    eq(anyone.ping(), {}, "ping")
    eq(len(str(anyone.get_server_time()["serverTime"])), 13, "digits of a time in ms")
    eq(anyone.get_system_status()["status"], 0, "system status")
    info = anyone.get_exchange_info()
    eq((info["timezone"], {symbol["symbol"] for symbol in info["symbols"]}), ("UTC", SYMBOLS), "exchange info")
    symbol = anyone.get_symbol_info("BTCUSDT")
    eq((symbol["status"], symbol["baseAsset"], symbol["quoteAsset"], symbol["isSpotTradingAllowed"]),
       ("TRADING", "BTC", "USDT", True), "symbol info")
    rules = {rule["filterType"]: rule for rule in symbol["filters"]}
    eq((rules["PRICE_FILTER"]["tickSize"], rules["LOT_SIZE"]["stepSize"]), ("0.01000000", "0.00001000"), "filters")
    eq(round_step_size(0.123456789, float(rules["LOT_SIZE"]["stepSize"])), 0.12345, "the library's own rounding")
    eq(anyone.get_symbol_info(CLOSED)["status"], "HALT", "a closed market")
    eq(anyone.get_symbol_info("NOSUCH"), None, "an unknown symbol")


@checks
def the_account_shows_what_was_deposited():
    eq(balances(alice), {asset: (units(amount), 0) for asset, amount in FACTS["funds"].items()}, "balances")
    eq(alice.get_asset_balance("BTC"), {"asset": "BTC", "free": show(units(FACTS["funds"]["BTC"])), "locked": show(0)},
       "get_asset_balance")
    account = alice.get_account(omitZeroBalances="true")
    eq({row["asset"] for row in account["balances"]}, set(FACTS["funds"]), "without zeros")
    eq((account["canTrade"], account["accountType"], account["permissions"]), (True, "SPOT", ["SPOT"]), "account")


@checks
def the_commissions_are_those_that_are_charged():
    rates = alice.v3_get_account_commission(symbol="BTCUSDT")
    eq((rates["symbol"], rates["standardCommission"]["maker"], rates["standardCommission"]["taker"]),
       ("BTCUSDT", "0.00100000", "0.00100000"), "account/commission")
    for fee in alice.get_trade_fee(symbol="BTCUSDT"):
        eq((fee["symbol"], float(fee["makerCommission"]), float(fee["takerCommission"])), ("BTCUSDT", 0.001, 0.001), "fee")
    eq({fee["symbol"] for fee in alice.get_trade_fee()}, SYMBOLS, "trade fees of all symbols")


# ---- orders ----

@checks
def a_limit_order_rests_is_found_everywhere_and_goes():
    price, qty = units("29999.99"), units("0.00213")
    hold = -(-price * qty // 10 ** 8)
    expected = {"symbol": "BTCUSDT", "type": "LIMIT", "timeInForce": "GTC", "side": "BUY", "price": price, "origQty": qty,
                "executedQty": 0, "cummulativeQuoteQty": 0}
    with moves(bob):
        with moves(bob, USDT=(-hold, hold)):
            placed = limit(bob, "BUY", "0.00213", "29999.99")
        says(placed, "the answer", status="NEW", fills=[], **expected)
        check(placed["clientOrderId"].startswith("x-HNA2TXFJ"), placed["clientOrderId"])
        order = says(bob.get_order(symbol="BTCUSDT", orderId=placed["orderId"]), "get_order", status="NEW",
                     isWorking=True, **expected)
        eq(bob.get_order(symbol="BTCUSDT", origClientOrderId=placed["clientOrderId"]), order, "by client order id")
        eq(bob.get_open_orders(symbol="BTCUSDT"), [order], "get_open_orders")
        eq(bob.get_open_orders(), [order], "get_open_orders of all symbols")
        eq(alice.get_open_orders(symbol="BTCUSDT"), [], "another's open orders")
        eq([list(map(atoms, level)) for level in bob.get_order_book(symbol="BTCUSDT")["bids"]], [[price, qty]], "book")
        with moves(bob, USDT=(hold, -hold)):
            canceled = bob.cancel_order(symbol="BTCUSDT", orderId=placed["orderId"])
        says(canceled, "cancel_order", status="CANCELED", orderId=placed["orderId"],
             origClientOrderId=placed["clientOrderId"], **expected)
        eq(bob.get_order(symbol="BTCUSDT", orderId=placed["orderId"])["status"], "CANCELED", "get_order afterwards")
        eq(bob.get_open_orders(), [], "open orders afterwards")


@checks
def numbers_are_taken_as_python_writes_them():
    placed = says(limit(bob, "BUY", 0.002, 20000), "an int and a float", price=units("20000"), origQty=units("0.002"))
    bob.cancel_order(symbol="BTCUSDT", orderId=placed["orderId"])
    with moves(bob), refused(400, -1100, "Illegal characters found in parameter 'quantity'; legal range is "
                                         "'^([0-9]{1,20})(\\.[0-9]{1,20})?$'."):
        limit(bob, "BUY", 0.00001, "20000")  # str() makes it 1e-05


@checks
def maker_and_taker_settle_to_the_last_unit():
    price, qty = units("30000.01"), units("0.00037")
    quote = quote_of(price, qty)
    with moves(alice, BTC=(-qty, 0), USDT=(quote - fee_of(quote), 0)), \
            moves(bob, BTC=(qty - fee_of(qty), 0), USDT=(-quote, 0)):
        with moves(alice, BTC=(-qty, qty)):
            maker = limit(alice, "SELL", "0.00037", "30000.01")
        taker = limit(bob, "BUY", "0.00037", "30005")
    says(taker, "taker", status="FILLED", executedQty=qty, cummulativeQuoteQty=quote)
    eq(fills(taker), [(price, qty, fee_of(qty), "BTC")], "fills")
    says(alice.get_order(symbol="BTCUSDT", orderId=maker["orderId"]), "maker", status="FILLED", executedQty=qty)
    for user, order, is_maker, fee, asset in ((alice, maker, True, fee_of(quote), "USDT"),
                                              (bob, taker, False, fee_of(qty), "BTC")):
        trades = user.get_my_trades(symbol="BTCUSDT", orderId=order["orderId"])
        eq(len(trades), 1, "trades of the order")
        says(trades[0], "trade", price=price, qty=qty, quoteQty=quote, commission=fee, commissionAsset=asset,
             isBuyer=not is_maker, isMaker=is_maker, id=taker["fills"][0]["tradeId"])


@checks
def a_market_order_by_quantity_walks_the_levels():
    limit(alice, "SELL", "0.002", "30010")
    limit(alice, "SELL", "0.001", "30000")
    quote, got = units("30") + units("45.015"), units("0.0025")
    with moves(bob, USDT=(-quote, 0), BTC=(got - units("0.0000025"), 0)):
        answer = bob.order_market_buy(symbol="BTCUSDT", quantity="0.0025")
    says(answer, "market buy", status="FILLED", type="MARKET", executedQty=got, cummulativeQuoteQty=quote)
    eq(fills(answer), [(units("30000"), units("0.001"), units("0.000001"), "BTC"),
                       (units("30010"), units("0.0015"), units("0.0000015"), "BTC")], "fills")
    clear()
    limit(alice, "BUY", "0.004", "29990")
    qty = units("0.00333")
    quote = quote_of(units("29990"), qty)
    with moves(bob, BTC=(-qty, 0), USDT=(quote - fee_of(quote), 0)):
        answer = bob.order_market_sell(symbol="BTCUSDT", quantity="0.00333")
    eq((answer["status"], fills(answer)), ("FILLED", [(units("29990"), qty, fee_of(quote), "USDT")]), "market sell")
    clear()
    with moves(bob):
        says(bob.order_market_sell(symbol="BTCUSDT", quantity="0.001"), "an empty book", status="EXPIRED", executedQty=0)


@checks
def a_market_order_by_cost_spends_what_a_step_allows():
    limit(alice, "SELL", "0.001", "30000")
    limit(alice, "SELL", "0.01", "30010")
    spent, got = units("30") + quote_of(units("30010"), units("0.00233")), units("0.00333")
    with moves(bob, USDT=(-spent, 0), BTC=(got - units("0.000001") - units("0.00000233"), 0)):
        answer = bob.order_market_buy(symbol="BTCUSDT", quoteOrderQty="100")
    says(answer, "buy for 100", status="FILLED", executedQty=got, cummulativeQuoteQty=spent,
         origQuoteOrderQty=units("100"))
    clear()
    limit(alice, "BUY", "0.01", "29990")
    answer = bob.order_market_sell(symbol="BTCUSDT", quoteOrderQty="100")
    quote = atoms(answer["cummulativeQuoteQty"])
    eq((answer["status"], quote), ("FILLED", quote_of(units("29990"), atoms(answer["executedQty"]))), "sell for 100")
    check(units("100") - units("0.2999") < quote <= units("100"), f"within a step of 100: {show(quote)}")


@checks
def post_only_rests_or_is_refused():
    limit(alice, "SELL", "0.001", "30000")
    maker = {"symbol": "BTCUSDT", "side": Client.SIDE_BUY, "type": Client.ORDER_TYPE_LIMIT_MAKER, "quantity": "0.001"}
    with moves(bob), refused(400, -2010, "Order would immediately match and take."):
        bob.create_order(price="30000", **maker)
    with moves(bob, USDT=(-units("29.99"), units("29.99"))):
        answer = bob.create_order(price="29990", newOrderRespType=Client.ORDER_RESP_TYPE_RESULT, **maker)
    says(answer, "post-only", status="NEW", type="LIMIT_MAKER", price=units("29990"))


@checks
def stops_and_icebergs_wait_fire_and_are_cancelled():
    limit(alice, "SELL", "0.001", "30000")
    limit(bob, "BUY", "0.001", "30000")  # the last price
    gtc = {"timeInForce": Client.TIME_IN_FORCE_GTC}
    for side, kind, params in ((Client.SIDE_SELL, Client.ORDER_TYPE_STOP_LOSS, {"stopPrice": "29000"}),
                               (Client.SIDE_SELL, Client.ORDER_TYPE_STOP_LOSS_LIMIT,
                                {"stopPrice": "29000", "price": "28900", **gtc}),
                               (Client.SIDE_BUY, Client.ORDER_TYPE_TAKE_PROFIT, {"stopPrice": "29000"}),
                               (Client.SIDE_SELL, Client.ORDER_TYPE_TAKE_PROFIT_LIMIT,
                                {"trailingDelta": 300, "stopPrice": "31000", "price": "30900", **gtc})):
        order = bob.create_order(symbol="BTCUSDT", side=side, type=kind, quantity="0.001", **params)
        shown = bob.get_order(symbol="BTCUSDT", orderId=order["orderId"])
        eq((shown["status"], shown["type"], shown["isWorking"], units(shown["stopPrice"]), shown.get("trailingDelta")),
           ("NEW", kind, False, units(params["stopPrice"]), params.get("trailingDelta")), "what waits")
        eq(bob.cancel_order(symbol="BTCUSDT", orderId=order["orderId"])["status"], "CANCELED", "what is cancelled")
    stop = bob.create_order(symbol="BTCUSDT", side=Client.SIDE_SELL, type=Client.ORDER_TYPE_STOP_LOSS_LIMIT, quantity="0.001",
                            stopPrice="29500", price="29400", **gtc)
    limit(alice, "SELL", "0.001", "29500")
    limit(alice, "BUY", "0.001", "29500")
    shown = bob.get_order(symbol="BTCUSDT", orderId=stop["orderId"])
    eq((shown["status"], shown["isWorking"]), ("NEW", True), "what has fired")
    bob.cancel_order(symbol="BTCUSDT", orderId=stop["orderId"])
    iceberg = limit(alice, "SELL", "1", "40000", icebergQty="0.2")
    eq((iceberg["icebergQty"], bob.get_order_book(symbol="BTCUSDT")["asks"]),
       ("0.20000000", [["40000.00000000", "0.20000000"]]), "an iceberg")
    alice.cancel_order(symbol="BTCUSDT", orderId=iceberg["orderId"])
    with refused(400, -2010, "Order would trigger immediately."):
        bob.create_order(symbol="BTCUSDT", side=Client.SIDE_SELL, type=Client.ORDER_TYPE_STOP_LOSS, quantity="0.001",
                         stopPrice="40000")


@checks
def ioc_and_fok_never_rest():
    limit(alice, "SELL", "0.001", "30000")
    with moves(bob):
        says(limit(bob, "BUY", "0.002", "30000", timeInForce=Client.TIME_IN_FORCE_FOK), "FOK that does not fit",
             status="EXPIRED", executedQty=0, fills=[])
    got = units("0.001")
    with moves(bob, USDT=(-units("30"), 0), BTC=(got - fee_of(got), 0)):
        says(limit(bob, "BUY", "0.002", "30000", timeInForce=Client.TIME_IN_FORCE_IOC), "IOC", status="EXPIRED",
             timeInForce="IOC", executedQty=got)
    limit(alice, "SELL", "0.001", "30000")
    says(limit(bob, "BUY", "0.001", "30000", timeInForce=Client.TIME_IN_FORCE_FOK), "FOK that fits", status="FILLED")
    eq(bob.get_open_orders(), [], "nothing rests")


@checks
def answers_are_as_short_as_asked_for():
    ack = {"symbol", "orderId", "orderListId", "clientOrderId", "transactTime"}
    eq(set(limit(bob, "BUY", "0.001", "20000", newOrderRespType=Client.ORDER_RESP_TYPE_ACK)), ack, "ACK")
    result = limit(bob, "BUY", "0.001", "20000", newOrderRespType=Client.ORDER_RESP_TYPE_RESULT)
    check(ack | {"status", "executedQty"} <= set(result) and "fills" not in result, f"RESULT: {sorted(result)}")


@checks
def times_are_microseconds_for_who_asks():
    micro = client(FACTS["bob"], time_unit="MICROSECOND")
    eq(len(str(micro.get_server_time()["serverTime"])), 16, "digits of serverTime")
    eq(len(str(limit(micro, "BUY", "0.001", "20000")["transactTime"])), 16, "digits of transactTime")


@checks
def answers_say_what_of_the_limits_is_used():
    limit(bob, "BUY", "0.001", "20000")
    used = {name: int(bob.response.headers[f"x-mbx-{name}"])
            for name in ("used-weight", "used-weight-1m", "order-count-10s", "order-count-1d")}
    eq(used["used-weight"], used["used-weight-1m"], "used weight")
    check(1 <= used["order-count-10s"] <= used["order-count-1d"], f"order counts: {used}")


@checks
def a_replaced_order_is_canceled_and_placed_anew():
    before = limit(bob, "BUY", "0.001", "29000")
    after = {"symbol": "BTCUSDT", "side": "BUY", "type": "LIMIT", "timeInForce": "GTC", "quantity": "0.002",
             "price": "29010", "cancelReplaceMode": "STOP_ON_FAILURE"}
    more = units("58.02") - units("29")
    with moves(bob, USDT=(-more, more)):
        answer = bob.cancel_replace_order(cancelOrderId=before["orderId"], **after)
    eq((answer["cancelResult"], answer["newOrderResult"]), ("SUCCESS", "SUCCESS"), "results")
    says(answer["cancelResponse"], "canceled", orderId=before["orderId"], status="CANCELED",
         origClientOrderId=before["clientOrderId"])
    new = says(answer["newOrderResponse"], "the new order", status="NEW", price=units("29010"), origQty=units("0.002"))
    eq([order["orderId"] for order in bob.get_open_orders()], [new["orderId"]], "open orders")
    with moves(bob):
        with refused(400, -2022, "Order cancel-replace failed.") as error:
            bob.cancel_replace_order(cancelOrderId=before["orderId"], **after)
        eq(error[0].response.json()["data"],
           {"cancelResult": "FAILURE", "newOrderResult": "NOT_ATTEMPTED",
            "cancelResponse": {"code": -2011, "msg": "Unknown order sent."}, "newOrderResponse": None}, "no old order")
    late = after | {"cancelReplaceMode": "ALLOW_FAILURE", "quantity": "0.001"}
    with moves(bob, USDT=(-units("29.01"), units("29.01"))):
        with refused(409, -2021, "Order cancel-replace partially failed.") as error:
            bob.cancel_replace_order(cancelOrderId=before["orderId"], **late)
    data = error[0].response.json()["data"]
    eq((data["cancelResult"], data["newOrderResult"], data["cancelResponse"], data["newOrderResponse"]["status"]),
       ("FAILURE", "SUCCESS", {"code": -2011, "msg": "Unknown order sent."}, "NEW"), "ALLOW_FAILURE")
    poor = after | {"quantity": "8000", "price": "900000"}
    with moves(bob, USDT=(units("58.02"), -units("58.02"))):
        with refused(409, -2021, "Order cancel-replace partially failed.") as error:
            bob.cancel_replace_order(cancelOrderId=new["orderId"], **poor)
    data = error[0].response.json()["data"]
    eq((data["cancelResult"], data["newOrderResult"], data["cancelResponse"]["status"], data["newOrderResponse"]),
       ("SUCCESS", "FAILURE", "CANCELED", {"code": -2010, "msg": FUNDS_TEXT}), "no funds for the new one")
    with moves(bob):
        with refused(400, -2022, "Order cancel-replace failed.") as error:
            bob.cancel_replace_order(cancelOrderId=new["orderId"], **poor | {"cancelReplaceMode": "ALLOW_FAILURE"})
    data = error[0].response.json()["data"]
    eq((data["cancelResult"], data["newOrderResult"], data["cancelResponse"]["code"], data["newOrderResponse"]["code"]),
       ("FAILURE", "FAILURE", -2011, -2010), "both halves")


@checks
def a_test_order_is_checked_and_not_placed():
    order = {"symbol": "BTCUSDT", "side": "BUY", "type": "LIMIT", "timeInForce": "GTC", "quantity": "0.001"}
    with moves(bob):
        eq(bob.create_test_order(price="29000", **order), {}, "the answer")
        rates = bob.create_test_order(price="29000", computeCommissionRates="true", **order)
        eq(rates["standardCommissionForOrder"], {"maker": "0.00100000", "taker": "0.00100000"}, "rates")
        with refused(400, -1013, "Filter failure: PRICE_FILTER"):
            bob.create_test_order(price="29000.001", **order)
        eq(bob.get_open_orders(), [], "open orders")


@checks
def self_trade_prevention_is_a_parameter_of_the_order():
    for mode, maker, taker in (("EXPIRE_TAKER", "NEW", "EXPIRED_IN_MATCH"), ("EXPIRE_MAKER", "EXPIRED_IN_MATCH", "NEW"),
                               ("EXPIRE_BOTH", "EXPIRED_IN_MATCH", "EXPIRED_IN_MATCH")):
        resting = limit(bob, "SELL", "0.001", "30000")
        says(limit(bob, "BUY", "0.001", "30100", selfTradePreventionMode=mode), mode, status=taker, executedQty=0,
             selfTradePreventionMode=mode)
        says(bob.get_order(symbol="BTCUSDT", orderId=resting["orderId"]), mode, status=maker, executedQty=0)
        clear()


@checks
def all_orders_of_a_symbol_are_canceled_at_once():
    with moves(bob):
        ids = [limit(bob, "BUY", "0.001", str(20000 + i))["orderId"] for i in range(3)]
        other = limit(bob, "BUY", "0.01", "1000", symbol="ETHUSDT")
        canceled = bob.cancel_all_open_orders(symbol="BTCUSDT")
        eq({(order["orderId"], order["status"]) for order in canceled}, {(one, "CANCELED") for one in ids}, "canceled")
        eq([order["orderId"] for order in bob.get_open_orders()], [other["orderId"]], "the other symbol")
        bob.cancel_all_open_orders(symbol="ETHUSDT")
        with refused(400, -2011, "Unknown order sent."):
            bob.cancel_all_open_orders(symbol="BTCUSDT")


# ---- lists of orders ----

OPEN, DONE = ("EXEC_STARTED", "EXECUTING"), ("ALL_DONE", "ALL_DONE")
GTC = Client.TIME_IN_FORCE_GTC
WORKING = {"symbol": "BTCUSDT", "workingType": "LIMIT", "workingSide": "BUY", "workingPrice": "29000", "workingQuantity": "0.01",
           "workingTimeInForce": GTC, "pendingSide": "SELL", "pendingQuantity": "0.009"}


def legs(above, below):
    """The parameters of a pair around a last price of 30000, whatever its sides' types."""
    params = {"aboveType": above, "belowType": below}
    for name, kind, price, stop in (("above", above, "31100", "31000"), ("below", below, "28900", "29000")):
        params |= {f"{name}StopPrice": stop} if kind != "LIMIT_MAKER" else {}
        params |= {f"{name}Price": price} if "LIMIT" in kind else {}
        params |= {f"{name}TimeInForce": GTC} if kind.endswith("_LIMIT") else {}
    return params


def pending(params):
    return {"pending" + name[0].upper() + name[1:]: value for name, value in params.items()}


def last_price(price):
    limit(alice, "SELL", "0.001", price)
    limit(alice, "BUY", "0.001", price)


def of_list(made, **expected):
    """The list says that it is open or done, as its answer, its query and those of its orders show."""
    shown = bob.v3_get_order_list(orderListId=made["orderListId"])
    eq((shown["listStatusType"], shown["listOrderStatus"]), expected.pop("status", OPEN), "status of the list")
    eq([order["orderId"] for order in shown["orders"]], [order["orderId"] for order in made["orders"]], "its orders")
    orders = [bob.get_order(symbol="BTCUSDT", orderId=order["orderId"]) for order in made["orders"]]
    eq({order["orderListId"] for order in orders}, {made["orderListId"]}, "the list of its orders")
    eq([order["status"] for order in orders], expected.pop("orders"), "status of its orders")
    return shown


@checks
def an_oco_of_any_types_is_one_hold_is_shown_and_cancelled():
    last_price("30000")
    stops, others = ("STOP_LOSS", "STOP_LOSS_LIMIT"), ("LIMIT_MAKER", "TAKE_PROFIT", "TAKE_PROFIT_LIMIT")
    for stop, other in itertools.product(stops, others):
        with moves(bob):
            with moves(bob, BTC=(-units("0.01"), units("0.01"))):
                made = bob.order_oco_sell(symbol="BTCUSDT", quantity="0.01", **legs(other, stop))
            check(made["listClientOrderId"].startswith("x-HNA2TXFJ"), made["listClientOrderId"])
            eq([report["type"] for report in made["orderReports"]], [stop, other], "types")
            shown = of_list(made, orders=["NEW", "NEW"])
            eq(bob.v3_get_order_list(origClientOrderId=made["listClientOrderId"]), shown, "by client id")
            eq(bob.get_open_oco_orders(), [shown], "get_open_oco_orders")
            gone = bob.v3_delete_order_list(symbol="BTCUSDT", orderListId=made["orderListId"])
            eq({report["status"] for report in gone["orderReports"]}, {"CANCELED"}, "v3_delete_order_list")
            ended = of_list(made, status=DONE, orders=["CANCELED", "CANCELED"])
            eq((bob.get_open_oco_orders(), bob.v3_get_all_order_list(limit=1)), ([], [ended]), "afterwards")
        made = bob.order_oco_buy(symbol="BTCUSDT", quantity="0.01", **legs(stop, other))
        eq([report["type"] for report in made["orderReports"]], [stop, other], "types")
        bob.cancel_order(symbol="BTCUSDT", orderId=made["orders"][1]["orderId"])
        of_list(made, status=DONE, orders=["CANCELED", "CANCELED"])
    trailing = legs("LIMIT_MAKER", "STOP_LOSS") | {"belowTrailingDelta": 300}
    made = bob.create_oco_order(symbol="BTCUSDT", side="SELL", quantity="0.01", **trailing)
    eq(bob.get_order(symbol="BTCUSDT", orderId=made["orders"][0]["orderId"])["trailingDelta"], 300, "a stop that trails")


@checks
def one_order_of_an_oco_is_filled_or_triggered_and_the_other_expires():
    last_price("30000")
    quote = quote_of(units("31100"), units("0.01"))
    with moves(bob, BTC=(-units("0.01"), 0), USDT=(quote - fee_of(quote), 0)):
        made = bob.order_oco_sell(symbol="BTCUSDT", quantity="0.01", **legs("LIMIT_MAKER", "STOP_LOSS_LIMIT"))
        limit(alice, "BUY", "0.01", "31100")
    of_list(made, status=DONE, orders=["EXPIRED", "FILLED"])
    last_price("30000")
    made = bob.order_oco_buy(symbol="BTCUSDT", quantity="0.01", **legs("STOP_LOSS", "LIMIT_MAKER"))
    limit(alice, "SELL", "0.011", "31000")
    limit(alice, "BUY", "0.001", "31000")
    of_list(made, status=DONE, orders=["FILLED", "EXPIRED"])
    last_price("30000")
    made = bob.order_oco_sell(symbol="BTCUSDT", quantity="0.01", **legs("TAKE_PROFIT_LIMIT", "STOP_LOSS"))
    last_price("31000")
    eq(of_list(made, orders=["EXPIRED", "NEW"])["contingencyType"], "OCO", "one is triggered and rests")


@checks
def what_is_pending_is_placed_when_the_working_order_is_filled():
    gtc, price, down, up = ({"pendingTimeInForce": GTC}, {"pendingPrice": "32000"}, {"pendingStopPrice": "28000"},
                            {"pendingStopPrice": "32000"})
    for kind, params in (("LIMIT", price | gtc), ("LIMIT_MAKER", price), ("STOP_LOSS", down), ("STOP_LOSS_LIMIT", down | price | gtc),
                         ("TAKE_PROFIT", up), ("TAKE_PROFIT_LIMIT", up | price | gtc), ("MARKET", {})):
        last_price("30000")
        with moves(bob, USDT=(-units("290"), units("290"))):
            made = bob.v3_post_order_list_oto(pendingType=kind, **WORKING, **params)
        of_list(made, orders=["NEW", "PENDING_NEW"])
        limit(alice, "BUY", "0.009", "28500")
        limit(alice, "SELL", "0.01", "29000")
        end = time.monotonic() + 30  # the second phase begins behind the answer to who filled the first one
        which = {"symbol": "BTCUSDT", "orderId": made["orders"][1]["orderId"]}
        while bob.get_order(**which)["status"] == "PENDING_NEW" and time.monotonic() < end:
            pass
        of_list(made, status=OPEN if params else DONE, orders=["FILLED", "NEW" if params else "FILLED"])
        clear()
    made = bob.v3_post_order_list_oto(pendingType="MARKET", **WORKING)
    bob.cancel_order(symbol="BTCUSDT", orderId=made["orders"][0]["orderId"])
    of_list(made, status=DONE, orders=["CANCELED", "CANCELED"])


@checks
def a_pending_pair_is_an_oco_when_it_is_placed():
    last_price("30000")
    both = pending(legs("LIMIT_MAKER", "STOP_LOSS")) | {"pendingAboveClientOrderId": "above", "pendingBelowClientOrderId": "below"}
    made = bob.v3_post_order_list_otoco(listClientOrderId="both", **WORKING | {"workingPrice": "29500"}, **both)
    eq((made["contingencyType"], [order["clientOrderId"] for order in made["orders"][1:]]), ("OTO", ["below", "above"]), "made")
    of_list(made, orders=["NEW", "PENDING_NEW", "PENDING_NEW"])
    limit(alice, "SELL", "0.01", "29500")
    last_price("30000")
    of_list(made, orders=["FILLED", "NEW", "NEW"])
    eq(bob.get_open_oco_orders()[0]["listClientOrderId"], "both", "open")
    limit(alice, "BUY", "0.009", "31100")
    of_list(made, status=DONE, orders=["FILLED", "EXPIRED", "FILLED"])


@checks
def what_a_list_may_not_be_has_its_code():
    last_price("30000")
    with moves(bob):
        with refused(400, -2010, "The relationship of the prices for the orders is not correct."):
            bob.order_oco_sell(symbol="BTCUSDT", quantity="0.01", **legs("LIMIT_MAKER", "STOP_LOSS") | {"abovePrice": "29900"})
        with refused(400, -2010, FUNDS_TEXT):
            bob.order_oco_sell(symbol="BTCUSDT", quantity="8000", **legs("LIMIT_MAKER", "STOP_LOSS"))
        with refused(400, -2018, "Order list does not exist."):
            bob.v3_get_order_list(orderListId=999999999)
        with refused(400, -2011, "Unknown order list sent."):
            bob.v3_delete_order_list(symbol="BTCUSDT", orderListId=999999999)


# ---- history and market data ----

@checks
def history_is_told_in_pages():
    filled = []
    for i in range(3):
        limit(alice, "SELL", "0.001", str(30000 + i))
        filled.append(limit(bob, "BUY", "0.001", str(30000 + i))["orderId"])
    canceled = limit(bob, "BUY", "0.001", "20000")["orderId"]
    bob.cancel_order(symbol="BTCUSDT", orderId=canceled)
    resting = limit(bob, "BUY", "0.001", "20001")["orderId"]
    recent = [*filled, canceled, resting]

    def ids(rows):
        return [row["orderId"] for row in rows]

    orders = bob.get_all_orders(symbol="BTCUSDT")
    eq(ids(orders)[-5:], recent, "get_all_orders")
    eq([order["status"] for order in orders[-5:]], ["FILLED"] * 3 + ["CANCELED", "NEW"], "statuses")
    eq(ids(bob.get_all_orders(symbol="BTCUSDT", limit=2)), recent[-2:], "the last two")
    eq(ids(bob.get_all_orders(symbol="BTCUSDT", orderId=filled[1], limit=2)), recent[1:3], "from an id")
    eq(ids(bob.get_all_orders(symbol="BTCUSDT", startTime=orders[-5]["time"]))[-5:], recent, "since a time")
    trades = bob.get_my_trades(symbol="BTCUSDT")
    eq(ids(trades)[-3:], filled, "get_my_trades")
    eq(bob.get_my_trades(symbol="BTCUSDT", fromId=trades[-3]["id"]), trades[-3:], "from a trade id")
    eq(bob.get_my_trades(symbol="BTCUSDT", limit=2), trades[-2:], "the last two trades")
    eq(bob.get_my_trades(symbol="SOLUSDT"), [], "a symbol without trades")


@checks
def anybody_sees_trades_last_prices_and_the_best_bid_and_ask():
    limit(alice, "SELL", "0.002", "30000")
    fill = limit(bob, "BUY", "0.0005", "30000")["fills"][0]
    limit(bob, "BUY", "0.003", "29990")
    limit(alice, "BUY", "0.001", "29990")
    expected = {"symbol": "BTCUSDT", "bidPrice": "29990.00000000", "bidQty": "0.00400000", "askPrice": "30000.00000000",
                "askQty": "0.00150000"}
    end = time.monotonic() + 30  # an order is in the market data of other connections a moment after its answer
    while (got := anyone.get_orderbook_ticker(symbol="BTCUSDT")) != expected and time.monotonic() < end:
        pass
    eq(got, expected, "get_orderbook_ticker")
    tickers = {ticker["symbol"]: ticker for ticker in anyone.get_orderbook_tickers()}
    eq((set(tickers), tickers["BTCUSDT"]), (SYMBOLS, expected), "get_orderbook_tickers")
    eq({ticker["symbol"] for ticker in anyone.get_orderbook_tickers(symbols='["BTCUSDT","ETHBTC"]')},
       {"BTCUSDT", "ETHBTC"}, "the symbols asked for")
    last = {"symbol": "BTCUSDT", "price": "30000.00000000"}
    eq(anyone.get_symbol_ticker(symbol="BTCUSDT"), last, "get_symbol_ticker")
    check(last in anyone.get_all_tickers(), "get_all_tickers")
    trades = anyone.get_recent_trades(symbol="BTCUSDT", limit=2)
    eq(len(trades), 2, "as many trades as asked for")
    says(trades[-1], "the last trade", id=fill["tradeId"], price=units("30000"), qty=units("0.0005"),
         quoteQty=units("15"), isBuyerMaker=False, isBestMatch=True)
    book = anyone.get_order_book(symbol="BTCUSDT", limit=5)
    eq((book["bids"], book["asks"]), ([["29990.00000000", "0.00400000"]], [["30000.00000000", "0.00150000"]]), "book")


# ---- errors ----

@checks
def refusals_have_their_codes_and_texts():
    with moves(bob):
        with refused(400, -2010, FUNDS_TEXT):
            limit(bob, "BUY", "8000", "900000")
        with refused(400, -2010, FUNDS_TEXT):
            bob.order_market_buy(symbol="BTCUSDT", quoteOrderQty="90000000")
        for name, quantity, price in (("PRICE_FILTER", "0.001", "30000.001"), ("LOT_SIZE", "0.000001", "30000"),
                                      ("NOTIONAL", "0.0001", "20000")):
            with refused(400, -1013, f"Filter failure: {name}"):
                limit(bob, "BUY", quantity, price)
        with refused(400, -1121, "Invalid symbol."):
            limit(bob, "BUY", "0.001", "30000", symbol="NOSUCH")
        with refused(400, -2010, "Market is closed."):
            limit(bob, "BUY", "1", "100", symbol=CLOSED)
        with refused(400, -2013, "Order does not exist."):
            bob.get_order(symbol="BTCUSDT", orderId=999999999)
        with refused(400, -2011, "Unknown order sent."):
            bob.cancel_order(symbol="BTCUSDT", orderId=999999999)
        with refused(400, -1102, "Mandatory parameter 'timeInForce' was not sent, was empty/null, or malformed."):
            bob.create_order(symbol="BTCUSDT", side="BUY", type="LIMIT", quantity="0.001", price="30000")
        with refused(400, -1117, "Invalid side."):
            bob.create_order(symbol="BTCUSDT", side="HOLD", type="MARKET", quantity="0.001")
        with refused(400, -1116, "Invalid orderType."):
            bob.create_order(symbol="BTCUSDT", side="BUY", type="STOP", quantity="0.001")
        with refused(400, -1115, "Invalid timeInForce."):
            limit(bob, "BUY", "0.001", "30000", timeInForce="GTD")
        limit(bob, "BUY", "0.001", "20000", newClientOrderId="twice")
        with refused(400, -2010, "Duplicate order sent."):
            limit(bob, "BUY", "0.001", "20000", newClientOrderId="twice")
        bob.cancel_order(symbol="BTCUSDT", origClientOrderId="twice")


@checks
def wrong_keys_signatures_and_times_are_their_own_errors():
    permission = "Invalid API-key, IP, or permissions for action."
    with refused(400, -1022, "Signature for this request is not valid."):
        client({**FACTS["bob"], "secret": FACTS["alice"]["secret"]}).get_account()
    with refused(401, -2015, permission):
        client({**FACTS["bob"], "key": FACTS["bob"]["key"][::-1]}).get_account()
    with refused(401, -2014, "API-key format invalid."):
        client({**FACTS["bob"], "key": ""}).get_account()
    reader = client(FACTS["reader"])
    eq(reader.get_asset_balance("BTC")["asset"], "BTC", "a reader reads")
    with refused(401, -2015, permission):
        limit(reader, "BUY", "0.001", "20000")
    late = client(FACTS["bob"])
    late.timestamp_offset = -60000
    with refused(400, -1021, "Timestamp for this request is outside of the recvWindow."):
        late.get_account()
    late.timestamp_offset = 60000
    with refused(400, -1021, "Timestamp for this request was 1000ms ahead of the server's time."):
        late.get_account()


# ---- the asynchronous client ----

@checks
def the_asynchronous_client_trades_side_by_side():
    async def session():
        user = await AsyncClient.create(**credentials(FACTS["bob"]))  # pings and reads the time
        try:
            placed = await asyncio.gather(*(user.order_limit_buy(symbol="BTCUSDT", quantity="0.001", price=str(20000 + i))
                                            for i in range(20)))
            eq([(order["status"], atoms(order["price"])) for order in placed],
               [("NEW", units(20000 + i)) for i in range(20)], "each answer to its request")
            open_orders = await user.get_open_orders(symbol="BTCUSDT")
            eq({order["orderId"] for order in open_orders}, {order["orderId"] for order in placed}, "open orders")
            canceled = await asyncio.gather(*(user.cancel_order(symbol="BTCUSDT", orderId=order["orderId"])
                                              for order in placed))
            eq({order["status"] for order in canceled}, {"CANCELED"}, "canceled")
            return len({order["orderId"] for order in placed})
        finally:
            await user.close_connection()

    with moves(bob):
        eq(asyncio.run(session()), 20, "order ids")


checks.run(before=clear)
sys.exit(checks.finish())
