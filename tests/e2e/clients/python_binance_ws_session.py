"""A streaming session through python-binance as it comes from PyPI: only the URLs are ours.

Goal: what its sockets tell is what happened, and its orders over the WebSocket API are orders over REST. Method: two
funded users, a client of each in one event loop; sockets are open before something happens by REST, and what they tell
of it is compared.
"""
import asyncio
import contextlib
import json
import pathlib
import sys
import urllib.parse

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))

from binance.async_client import AsyncClient
from binance.exceptions import BinanceAPIException
from binance.ws.reconnecting_websocket import ReconnectingWebsocket
from binance.ws.streams import BinanceSocketManager
from binance.ws.websocket_api import WebsocketAPI

from checks import Checks, check, eq

FACTS = json.load(sys.stdin)  # see test_clients.py
SECONDS = 60  # a deadline for what must come, never a measure
ReconnectingWebsocket.TIMEOUT = 0.5  # how long it reads before it looks whether it is to end: else 10 s for each socket


class Patience:
    """Of the WebSocket API it is also how long a request waits for its answer, for which half a second may be too short."""

    def __get__(self, *_):
        return 0.5 if asyncio.current_task().get_coro().__name__ == "_read_loop" else SECONDS


WebsocketAPI.TIMEOUT = Patience()

# Every URL of the library leads to Castle, by its own path: nothing can reach another exchange.
for kind in (AsyncClient, BinanceSocketManager):
    for name in [name for name in dir(kind) if name.endswith("_URL")]:
        url = urllib.parse.urlsplit(getattr(kind, name))
        base = FACTS["base"].replace("http", "ws", 1) if url.scheme.startswith("ws") else FACTS["base"]
        setattr(kind, name, base + url.path)

checks = Checks()


def credentials(keys):
    """As the library takes them: a private key is not its secret."""
    if not keys:
        return {}
    name = "private_key" if "PRIVATE KEY" in keys["secret"] else "api_secret"
    return {"api_key": keys["key"], name: keys["secret"]}


@contextlib.asynccontextmanager
async def client(keys=None):
    made = await AsyncClient.create(**credentials(keys))
    try:
        yield made
    finally:
        await made.close_connection()


def session(body):
    """A check of both users' clients, in a loop of its own; books are empty when it begins."""
    async def both():
        async with client(FACTS["alice"]) as alice, client(FACTS["bob"]) as bob:
            for user in (alice, bob):
                if await user.get_open_orders(symbol="BTCUSDT"):
                    await user.cancel_all_open_orders(symbol="BTCUSDT")
            await asyncio.wait_for(body(alice, bob), 3 * SECONDS)

    def step():
        asyncio.run(both())
    step.__name__ = body.__name__
    return checks(step)


async def told(socket, wanted=lambda message: True):
    """The next message that is wanted."""
    while True:
        message = await asyncio.wait_for(socket.recv(), SECONDS)
        check(message.get("e") != "error", f"the library says {message}")
        if wanted(message):
            return message


def limit(user, side, quantity, price, **params):
    place = user.order_limit_buy if side == "BUY" else user.order_limit_sell
    return place(symbol="BTCUSDT", quantity=quantity, price=price, **params)


@session
async def trades_and_depth_are_told(alice, bob):
    sockets = BinanceSocketManager(alice)
    async with sockets.trade_socket("BTCUSDT") as trades, sockets.depth_socket("BTCUSDT") as depth:
        order = await limit(alice, "BUY", "0.01", "20000")
        diff = await told(depth, lambda message: ["20000.00000000", "0.01000000"] in message["b"])
        eq(diff["e"], "depthUpdate", "event")
        await limit(bob, "SELL", "0.01", "20000")
        trade = await told(trades)
        eq((trade["e"], trade["s"], trade["p"], trade["q"], trade["m"]),
           ("trade", "BTCUSDT", "20000.00000000", "0.01000000", True), "trade")
        mine, = await alice.get_my_trades(symbol="BTCUSDT", orderId=order["orderId"])
        eq((mine["id"], mine["time"]), (trade["t"], trade["T"]), "as REST shows it")
        gone = await told(depth, lambda message: ["20000.00000000", "0.00000000"] in message["b"])
        check(gone["U"] > diff["u"], "later ids")


@session
async def an_account_is_told_of_its_orders(alice, bob):
    async with BinanceSocketManager(alice).user_socket() as account:
        order = await limit(alice, "BUY", "0.01", "20000", newClientOrderId="python-order")
        report = await told(account)
        eq((report["e"], report["x"], report["c"], report["i"]),
           ("executionReport", "NEW", "python-order", order["orderId"]), "opened")
        eq((await told(account))["e"], "outboundAccountPosition", "the hold")
        await limit(bob, "SELL", "0.004", "20000")
        report = await told(account)
        eq((report["x"], report["X"], report["l"], report["L"], report["m"]),
           ("TRADE", "PARTIALLY_FILLED", "0.00400000", "20000.00000000", True), "a trade")
        eq((await told(account))["e"], "outboundAccountPosition", "its money")
        await alice.cancel_order(symbol="BTCUSDT", orderId=order["orderId"])
        report = await told(account)
        eq((report["x"], report["X"], report["C"]), ("CANCELED", "CANCELED", "python-order"), "cancelled")


@session
async def orders_over_the_socket_are_orders(alice, bob):
    placed = await alice.ws_order_limit_buy(symbol="BTCUSDT", quantity="0.01", price="20000")
    eq((placed["status"], placed["origQty"]), ("NEW", "0.01000000"), "placed")
    which = {"symbol": "BTCUSDT", "orderId": placed["orderId"]}
    eq(await alice.ws_get_order(**which), await alice.get_order(**which), "the order")
    eq([order["orderId"] for order in await alice.ws_get_open_orders(symbol="BTCUSDT")], [placed["orderId"]], "open")
    eq((await alice.ws_cancel_order(**which))["status"], "CANCELED", "cancelled")
    await asyncio.gather(*(alice.ws_order_limit_buy(symbol="BTCUSDT", quantity="0.001", price=str(20000 + i))
                           for i in range(20)))
    eq(len(await alice.ws_cancel_all_open_orders(symbol="BTCUSDT")), 20, "many at once")
    eq((await alice.ws_get_account())["balances"], (await alice.get_account())["balances"], "account")
    eq(await alice.ws_get_order_book(symbol="BTCUSDT"), await alice.get_order_book(symbol="BTCUSDT"), "book")
    eq(await alice.ws_get_my_trades(symbol="BTCUSDT"), await alice.get_my_trades(symbol="BTCUSDT"), "trades")


@session
async def lists_over_the_socket_are_lists_and_are_told(alice, bob):
    async def reports(account, count):
        """What is told of orders and lists, but for money."""
        rows = []
        while len(rows) < count:
            event = await told(account, lambda message: message["e"] in ("executionReport", "listStatus"))
            rows.append((event["c"], event["l"], event["L"]) if event["e"] == "listStatus" else (event["c"], event["x"], event["X"]))
        return rows

    await limit(bob, "SELL", "0.001", "20000")
    await limit(bob, "BUY", "0.001", "20000")  # the last price
    pair = {"aboveType": "LIMIT_MAKER", "abovePrice": "21000", "aboveClientOrderId": "a", "belowType": "STOP_LOSS",
            "belowStopPrice": "19000", "belowClientOrderId": "b"}
    working = {"symbol": "BTCUSDT", "workingType": "LIMIT", "workingSide": "BUY", "workingPrice": "19500", "workingQuantity": "0.01",
               "workingTimeInForce": "GTC", "workingClientOrderId": "w", "pendingSide": "SELL", "pendingQuantity": "0.009"}
    async with BinanceSocketManager(alice).user_socket() as account:
        made = await alice.ws_create_oco_order(symbol="BTCUSDT", side="SELL", quantity="0.01", **pair)
        which = {"orderListId": made["orderListId"]}
        eq(await reports(account, 3), [("b", "NEW", "NEW"), ("a", "NEW", "NEW"), ("OCO", "EXEC_STARTED", "EXECUTING")], "an OCO")
        shown = await alice.ws_get_oco_order(**which)
        eq((shown, [shown]), (await alice.v3_get_order_list(**which), await alice.ws_get_oco_open_orders()), "as REST has it")
        eq(await alice.v3_get_open_order_list(), [shown], "open")
        await limit(bob, "BUY", "0.01", "21000")
        eq(await reports(account, 3), [("a", "TRADE", "FILLED"), ("b", "EXPIRED", "EXPIRED"), ("OCO", "ALL_DONE", "ALL_DONE")], "filled")
        made = await alice.ws_create_oto_order(pendingType="LIMIT", pendingPrice="22000", pendingTimeInForce="GTC",
                                               pendingClientOrderId="p", **working)
        eq(await reports(account, 3), [("w", "NEW", "NEW"), ("p", "NEW", "PENDING_NEW"), ("OTO", "EXEC_STARTED", "EXECUTING")], "an OTO")
        await limit(bob, "SELL", "0.01", "19500")
        eq(await reports(account, 2), [("w", "TRADE", "FILLED"), ("p", "NEW", "NEW")], "its second phase")
        await limit(bob, "BUY", "0.009", "22000")
        eq(await reports(account, 2), [("p", "TRADE", "FILLED"), ("OTO", "ALL_DONE", "ALL_DONE")], "its end")
        both = {"pending" + name[0].upper() + name[1:]: value for name, value in pair.items()} | {"pendingAbovePrice": "23000"}
        made = await alice.ws_create_otoco_order(**working, **both)
        await reports(account, 4)
        gone = await alice.ws_cancel_oco_order(symbol="BTCUSDT", orderListId=made["orderListId"])
        eq({report["status"] for report in gone["orderReports"]}, {"CANCELED"}, "cancelled")
        eq([row[1] for row in await reports(account, 4)], ["CANCELED"] * 3 + ["ALL_DONE"], "and told so")
    made = await alice.v3_post_order_list_oco(symbol="BTCUSDT", side="SELL", quantity="0.01", **pair | {"abovePrice": "23000"})
    await alice.v3_delete_order_list(symbol="BTCUSDT", orderListId=made["orderListId"])


@session
async def what_is_refused_has_its_code(alice, bob):
    async def refused(code, call):
        try:
            answer = await call
        except BinanceAPIException as error:
            eq(error.code, code, str(error))
        else:
            raise AssertionError(f"accepted what had to be refused: {answer}")
    await refused(-2010, alice.ws_order_limit_buy(symbol="BTCUSDT", quantity="8000", price="20000"))
    await refused(-2011, alice.ws_cancel_order(symbol="BTCUSDT", orderId=999999999))
    await refused(-1121, alice.ws_get_order_book(symbol="NOSUCH"))
    async with client({**FACTS["bob"], "secret": FACTS["alice"]["secret"]}) as wrong:
        await refused(-1022, wrong.ws_get_account())


checks.run()
sys.exit(checks.finish())
