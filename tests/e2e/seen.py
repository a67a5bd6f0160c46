"""What the end-to-end tests show of the API: the facts that docs/CONFORMANCE.md is made of (conformance.py).

A fact is a line of text: `param GET /api/v3/depth limit`. One is noted where castle_client.py and ws_client.py send and
receive, for the check that runs (checks.py), and kept with its name if the check passes. A parameter, a value or an order
counts only if the answer was good: what nobody reads is refused with -1104. With CASTLE_SEEN in the environment, each process
leaves a file in that directory at its end; without it nothing is noted. Standard library only.
"""
import atexit
import json
import os
import pathlib
import re
import sys
import urllib.parse

ROOM = os.environ.get("CASTLE_SEEN")
SCRIPT = pathlib.Path(sys.argv[0]).stem
OWN_PATHS = ("/admin/", "/metrics", "/healthz", "/readyz", "/openapi.json")  # no part of the API
URL_PARAMS = ("streams", "timeUnit", "returnRateLimits", "responseFormat", "sbeSchemaId", "sbeSchemaVersion")
SIGNING = ("signature", "timestamp", "apiKey")
CHANCE = (-1007, -1008, 503, 504)  # who is told that the server is busy or late is not the same in two runs
ENUMS = ("side", "selfTradePreventionMode", "newOrderRespType", "cancelReplaceMode", "cancelRestrictions",
         "orderRateLimitExceededMode", "interval", "symbolStatus", "pegPriceType", "pegOffsetType", "aboveType", "belowType",
         "workingType", "pendingType", "pendingAboveType", "pendingBelowType", "aboveTimeInForce", "belowTimeInForce",
         "workingTimeInForce", "pendingTimeInForce", "pendingAboveTimeInForce", "pendingBelowTimeInForce")
ORDERS = ("POST /api/v3/order", "POST /api/v3/order/cancelReplace", "order.place", "order.cancelReplace")
TOLD = {"status": "order status", "expiryReason": "expiry reason", "listStatusType": "list status",
        "listOrderStatus": "list order status", "contingencyType": "contingency", "cancelResult": "half of a replace",
        "newOrderResult": "half of a replace", "rateLimitType": "rate limit"}
EVENT_TOLD = {"executionReport": {"x": "execution type", "X": "order status", "r": "reject reason", "eR": "expiry reason"},
              "listStatus": {"c": "contingency", "l": "list status", "L": "list order status", "r": "reject reason"}}

facts = {}  # fact: the number and the name of the first check that showed it
now = None  # those of the check that runs
checks = 0


def begin():
    global now
    now = set() if ROOM else None


def end(check, passed):
    global now, checks
    checks += 1
    for fact in now or () if passed else ():
        facts.setdefault(fact, (checks, check))
    now = None


@atexit.register
def leave():
    if ROOM and facts:
        path = pathlib.Path(ROOM) / f"{SCRIPT}-{os.getpid()}.json"
        path.write_text(json.dumps({"script": SCRIPT, "facts": facts}, indent=0, sort_keys=True))


def note(*words):
    if now is not None:
        now.add(" ".join(map(str, words)))


def show(fact, check):
    """A fact that a test knows by itself."""
    if ROOM:
        facts[fact] = 0, check


def load(text):
    try:
        return json.loads(text)
    except ValueError:
        return None


# ---- what any answer or event may have in it ----

def walk(kind, value, path=""):
    """The names of all members as facts `kind path.name`, filters apart; and what their values say."""
    if isinstance(value, list):
        for one in value if value and isinstance(value[0], dict) else ():
            walk(kind, one, path)
    elif isinstance(value, dict):
        if "filterType" in value:
            note("filter", value["filterType"], "shown")
            for name in value.keys() - {"filterType"}:
                note("filterfield", value["filterType"], name)
            return
        said(value)
        for name, part in value.items():
            if "code" not in value or name not in ("code", "msg"):
                note(kind, path + name)
            walk(kind, part, f"{path}{name}.")


def said(value):
    if isinstance(value.get("code"), int) and value["code"] < 0 and isinstance(value.get("msg"), str):
        error(value["code"], value["msg"])
    for name, what in TOLD.items():
        if isinstance(value.get(name), str):
            note("told", "symbol status" if name == "status" and "baseAsset" in value else what, value[name])
    if "takerOrderId" in value:
        note("told", "prevented match", value["selfTradePreventionMode"])


def error(code, text):
    if code in CHANCE:
        return
    note("error", code, re.sub(r"\d+", "{}", text))
    if text.startswith("Filter failure: "):
        note("filter", text.removeprefix("Filter failure: "), "refuses")


def good(kind, route, params):
    """A request that was taken."""
    note(kind, route)
    for name, value in params.items():
        if name not in SIGNING:
            note("param" if kind == "rest" else "wsparam", "(any)" if name == "returnRateLimits" else route, name)
        if name in ENUMS:
            note("value", name, value)
        elif name == "type" and "ticker" in route:
            note("value", "ticker", value)
    if route in ORDERS:
        more = [name for name in ("quoteOrderQty", "icebergQty", "trailingDelta") if name in params]
        if "trailingDelta" in more and "stopPrice" in params:
            more.append("stopPrice")
        note("order", *(params[name] for name in ("type", "timeInForce") if name in params), *more, params["side"])
    if signature := params.get("signature"):
        hexes = re.fullmatch("[0-9a-fA-F]{64}", signature)
        note("signed", "HMAC" if hexes else "ED25519" if len(signature) == 88 else "RSA")


# ---- REST ----

def rest(method, target, headers, body, reply):
    if now is None or target.startswith(OWN_PATHS):
        return
    path, _, query = target.partition("?")
    route, answer = f"{method} {path}", load(reply.body)
    if reply.status not in CHANCE:
        note("http", reply.status)
    for name in reply.headers:
        if name.startswith("x-mbx-") or name == "retry-after":
            note("header", name)
    if reply.status == 200:
        pairs = urllib.parse.parse_qsl(query, True) + (urllib.parse.parse_qsl(body.decode("latin-1"), True) if body else [])
        good("rest", route, dict(reversed(pairs)))  # the query wins
        for name in headers or {}:
            if name.upper() == "X-MBX-TIME-UNIT":
                note("header", "x-mbx-time-unit")
    walk(f"field {route}", answer)


# ---- WebSockets: connected, each text sent and heard ----

def connected(ws, target):
    path, _, query = target.partition("?")
    parts = urllib.parse.unquote(path).strip("/").split("/")
    ws.seen_api, ws.seen_asked, ws.seen_names = parts[0] == "ws-api", {}, set(parts[1:] if parts[0] == "ws" else [])
    kind = "/ws-api/v3" if ws.seen_api else f"/{parts[0]}/<name>" if ws.seen_names else f"/{parts[0]}"
    note("connect", kind)
    for name, value in urllib.parse.parse_qsl(query):
        if name in URL_PARAMS and (kind == "/stream" or name != "streams"):
            note("connect", kind, name)
        ws.seen_names |= set(value.split("/") if name == "streams" else [])


def sent(ws, text):
    message = load(text) if ROOM else None
    if isinstance(message, dict) and "method" in message:
        ws.seen_asked[json.dumps(message.get("id"))] = message


def heard(ws, text):
    message = load(text) if ROOM else None
    if ws_answer := isinstance(message, dict) and "id" in message and ("result" in message or "error" in message
                                                                       or "code" in message):
        asked = ws.seen_asked.pop(json.dumps(message["id"]), {"method": "?"})
        (api_answer if ws.seen_api else control_answer)(ws, asked, message)
    if message is None or ws_answer:
        return
    if ws.seen_api:
        event = message["event"]
        note("user", event["e"])
        walk(f"userfield {event['e']}", event)
        for name, what in EVENT_TOLD.get(event["e"], {}).items():
            if name in event:
                note("told", what, event[name])
    else:
        market_event(ws, message)


def api_answer(_, asked, answer):
    method, params = asked["method"].removeprefix("v3/"), asked.get("params") or {}
    if answer["status"] == 200:
        good("ws", method, params)
        walk(f"wsfield {method}", answer["result"])
    else:
        walk("wsfield error", answer.get("error"))
    for limit in answer.get("rateLimits", []):
        said(limit)


def control_answer(ws, asked, answer):
    if "code" in answer:
        note("control error", answer["code"], re.sub(r"\d+", "{}", answer["msg"]))
    elif asked["method"] != "?":
        note("control", asked["method"])
        if asked["method"] == "SUBSCRIBE":
            ws.seen_names |= set(asked["params"])


def market_event(ws, message):
    kinds = {stream(name) for name in ws.seen_names}
    if "stream" in message:
        kinds, message = {stream(message["stream"])}, message["data"]
    for event in message if isinstance(message, list) else [message]:
        kind = event.get("e") or ("partial depth" if "lastUpdateId" in event else "bookTicker")
        note("event", kind)
        walk(f"eventfield {kind}", event)
        if len(kinds) == 1 and kind != "serverShutdown":
            note("stream", *kinds)


def stream(name):
    """The kind of a stream: `<symbol>@kline_<interval>`."""
    symbol, _, rest_of = name.partition("@")
    return f"{symbol if symbol.startswith('!') else '<symbol>'}@{re.sub('kline_[0-9]+[a-zA-Z]', 'kline_<interval>', rest_of)}"
