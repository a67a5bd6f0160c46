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
from binance.ws.streams import BinanceSocketManager

from checks import Checks, check, eq

FACTS = json.load(sys.stdin)  # see test_clients.py
SECONDS = 20  # a deadline for what must come, never a measure

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
