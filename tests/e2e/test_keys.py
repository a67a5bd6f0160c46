#!/usr/bin/python3
"""API keys of every kind, by REST and over the WebSocket API.

Goal: whoever holds the key is let in, nobody else is, and what the operator takes back is gone at once, everywhere.
Method: one user with an HMAC, an Ed25519 and an RSA key, whose signatures are made by openssl; a server of two cores,
with connections on both; a restart at the end.
"""
import base64
import json
import re
import subprocess
import sys
import tempfile
import time
import urllib.parse

from castle_client import (Binance, Checks, Http1, Server, Trader, check, eq, key_pair, parse, refusal)
from test_ws_api import SUBSCRIBE, WsApi, limit

checks = Checks()
KINDS = ("HMAC", "ED25519", "RSA")
NO = (401, -2015)
OPTIONS = "--cores", 2, "--snapshot-seconds", 1, "--trusted-proxies", "127.0.0.1"
CONNECTIONS = 12  # enough that both cores have some


def openssl(*args, text=b""):
    return subprocess.run(["openssl", *map(str, args)], check=True, input=text, capture_output=True).stdout


class Pair:
    """A pair of keys in files, made by openssl."""

    def __init__(self, folder, kind, bits=2048):
        self.kind = kind
        self.file, self.public = key_pair(folder, kind, bits)

    def sign(self, text):
        if self.kind == "RSA":
            return base64.b64encode(openssl("dgst", "-sha256", "-sign", self.file, text=text.encode())).decode()
        message = self.file.with_suffix(".txt")  # openssl must know its length
        message.write_text(text)
        return base64.b64encode(openssl("pkeyutl", "-sign", "-rawin", "-inkey", self.file, "-in", message)).decode()


class Holder(Binance):
    """Who holds a key of any kind."""

    def __init__(self, http, key, secret=None, pair=None, **options):
        super().__init__(http, key, secret, **options)
        self.pair = pair

    def sign(self, payload):
        return self.pair.sign(payload) if self.pair else super().sign(payload)


class Session:
    def __init__(self, server, folder):
        self.server, self.folder, self.admin = server, folder, server.admin()
        self.alice = Trader(self.admin, Http1(server.public), "alice", {"USDT": "1000000", "BTC": "10"})
        self.pairs = {kind: Pair(folder, kind) for kind in KINDS[1:]}
        self.holders = {kind: self.holder(kind) for kind in KINDS}
        self.open = []

    def connect(self):
        return Http1(self.server.public)

    def ws(self, **more):
        self.open.append(WsApi(self.server.public, **more))
        return self.open[-1]

    def clear(self):
        for ws in self.open:
            ws.close()
        self.open = []

    def holder(self, kind, user=None, pair=None, **more):
        pair = pair or self.pairs.get(kind)
        content = {"type": kind} | ({"publicKey": pair.public} if pair else {}) | more
        made = self.admin.call("POST", f"/admin/v1/users/{user or self.alice.user}/keys", content)
        eq(sorted(made), ["apiKey", "secretKey"] if kind == "HMAC" else ["apiKey"], "what a new key's answer has")
        return Holder(self.connect(), made["apiKey"], made.get("secretKey"), pair)

    def change(self, holder, **content):
        return self.admin.call("PUT", f"/admin/v1/users/{self.alice.user}/keys/{holder.key}", content)

    def listed(self, holder):
        return next(row for row in self.admin.keys(self.alice.user) if row["apiKey"] == holder.key)


def code_of(call, *args, **named):
    error = refusal(call, *args, **named)
    return error.status, error.code


def until_refused(call, *args):
    """Asks until the answer is no."""
    deadline = time.monotonic() + 120
    while time.monotonic() < deadline:
        try:
            call(*args)
        except Exception as error:
            return error.status, error.code
    raise AssertionError("it was never refused")


# ---- signatures ----

@checks
def every_kind_of_key_signs_queries_and_forms(s):
    for kind, holder in s.holders.items():
        eq(holder.account()["uid"], s.alice.user, f"{kind} account")
        for how in ("query", "form", "mixed"):
            order = holder.order("BTCUSDT", "BUY", "LIMIT", how=how, timeInForce="GTC", quantity="0.01", price="1000",
                                 newClientOrderId=f"{kind}-{how}")
            eq(order["clientOrderId"], f"{kind}-{how}", "order")
            eq(holder.cancel("BTCUSDT", orderId=order["orderId"])["status"], "CANCELED", "cancel")


@checks
def larger_rsa_keys_sign_too(s):
    for bits in (3072, 4096):
        holder = s.holder("RSA", pair=Pair(s.folder, "RSA", bits))
        eq(holder.account()["uid"], s.alice.user, f"{bits} bits")
        s.admin.delete_key(s.alice.user, holder.key)


def sent(holder, text, signature):
    target = f"/api/v3/account?{text}&signature={signature}"
    return parse(holder.http.request("GET", target, {"X-MBX-APIKEY": holder.key}))


@checks
def no_other_signature_will_do(s):
    for kind in KINDS[1:]:
        holder, other = s.holders[kind], Pair(s.folder, kind)
        text = f"timestamp={time.time_ns() // 10 ** 6}&recvWindow=60000"
        while "+" not in (good := holder.pair.sign(text)):
            text += "0" if "." in text else ".0"  # an Ed25519 signature is always the same
        quote = urllib.parse.quote
        eq(sent(holder, text, quote(good, safe=""))["uid"], s.alice.user, f"{kind}: the good one")
        raw = base64.b64decode(good)
        wrong = {"of other parameters": holder.pair.sign(text + "0"), "of another key": other.sign(text),
                 "with a bit flipped": base64.b64encode(bytes([raw[0] ^ 1]) + raw[1:]).decode(),
                 "in lower case": good.lower(), "in hex": raw.hex(), "without padding": good.rstrip("="),
                 "for URLs": base64.urlsafe_b64encode(raw).decode(), "in lines": good[:76] + "\n" + good[76:],
                 "cut": good[:-4], "longer": good + "AAAA", "twice": good + good, "with a space": good + " "}
        for name, signature in wrong.items():
            if signature != good:
                eq(code_of(sent, holder, text, quote(signature, safe="")), (400, -1022), f"{kind} {name}")
        eq(code_of(sent, holder, text, good), (400, -1022), f"{kind}: a bare + is a space")
        eq(code_of(sent, holder, text, ""), (400, -1105), f"{kind}: none")
    hmac = s.holders["HMAC"]
    text = f"timestamp={time.time_ns() // 10 ** 6}"
    eq(sent(hmac, text, hmac.sign(text).upper())["uid"], s.alice.user, "hex in upper case")
    eq(code_of(sent, hmac, text, s.pairs["RSA"].sign(text)), (400, -1022), "base64 of an HMAC key")


@checks
def public_keys_are_checked_when_they_come(s):
    rsa, ed, path = s.pairs["RSA"].public, s.pairs["ED25519"].public, f"/admin/v1/users/{s.alice.user}/keys"
    curve = openssl("genpkey", "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256")
    small = Pair(s.folder, "RSA", 1024).public
    rows = [({"type": "RSA"}, "'publicKey' must be a string"),
            ({"type": "RSA", "publicKey": ed}, "not an RSA key"),
            ({"type": "ED25519", "publicKey": rsa}, "not an Ed25519 key"),
            ({"type": "ED25519", "publicKey": openssl("pkey", "-pubout", text=curve).decode()}, "not an Ed25519 key"),
            ({"type": "RSA", "publicKey": small}, "2048 to 4096 bits"),
            ({"type": "RSA", "publicKey": rsa[:200]}, "a public key in PEM"),
            ({"type": "RSA", "publicKey": "secret"}, "a public key in PEM"),
            ({"type": "RSA", "publicKey": s.pairs["RSA"].file.read_text()}, "a private key"),
            ({"type": "HMAC", "publicKey": rsa}, "does not belong"),
            ({"type": "DSA"}, "HMAC, ED25519 or RSA"), ({}, "'type'"),
            ({"type": "HMAC", "permissions": []}, "'permissions'"),
            ({"type": "HMAC", "permissions": ["WITHDRAW"]}, "'permissions'"),
            ({"type": "HMAC", "ipList": "1.2.3.4"}, "'ipList'"), ({"type": "HMAC", "ipList": ["1.2.3"]}, "'ipList'"),
            ({"type": "HMAC", "ipList": ["1.2.3.4/33"]}, "'ipList'"), ({"type": "HMAC", "ipList": [1]}, "'ipList'"),
            ({"type": "HMAC", "ipList": ["::/129"]}, "'ipList'"), ({"type": "HMAC", "ipList": ["1.1.1.1"] * 31}, "30"),
            ({"type": "HMAC", "expiresAt": "1"}, "'expiresAt'"), ({"type": "HMAC", "expiresAt": 0}, "'expiresAt'"),
            ({"type": "HMAC", "secret": "x"}, "Unknown field")]
    before = s.admin.keys(s.alice.user)
    for content, text in rows:
        error = refusal(s.admin.call, "POST", path, content)
        eq((error.status, error.code), (400, -1130), f"{content}")
        check(text in error.msg, f"{content}: {error.msg}")
    for content in ({}, {"type": "RSA"}, {"permissions": []}, {"ipList": None}):
        eq(code_of(s.admin.call, "PUT", f"{path}/{s.alice.key}", content), (400, -1130), f"PUT {content}")
    eq(code_of(s.admin.call, "PUT", f"{path}/{'x' * 64}", {"ipList": []}), (404, -1121), "PUT of none")
    eq(code_of(s.admin.call, "POST", "/admin/v1/users/999999/keys", {"type": "HMAC"}), (404, -1121), "a key of nobody's")
    eq(s.admin.keys(s.alice.user), before, "nothing was made or changed")


# ---- rules ----

@checks
def permissions_are_asked_for_by_every_operation(s):
    holder = s.holder("ED25519", permissions=["USER_DATA"])
    eq(s.listed(holder)["permissions"], ["USER_DATA"], "listed")
    holder.account()
    eq(code_of(holder.limit, "BTCUSDT", "BUY", "0.01", "1000"), NO, "order")
    eq(code_of(holder.call, "POST", "/api/v3/order/test", {"symbol": "BTCUSDT"}), NO, "order/test")
    eq(code_of(holder.cancel_all, "BTCUSDT"), NO, "cancel all")
    ws = s.ws()
    eq(ws.ask("order.place", limit(), holder)["error"]["code"], -2015, "order.place")
    s.change(holder, permissions=["TRADE"])
    eq(code_of(holder.account), NO, "account")
    eq(ws.ask(SUBSCRIBE, {}, holder)["error"]["code"], -2015, "subscribe")
    order = holder.limit("BTCUSDT", "BUY", "0.01", "1000")
    s.change(holder, permissions=["USER_DATA", "TRADE"])
    eq(holder.query("BTCUSDT", orderId=order["orderId"])["status"], "NEW", "query")
    holder.cancel("BTCUSDT", orderId=order["orderId"])
    s.admin.delete_key(s.alice.user, holder.key)


@checks
def a_key_serves_only_from_its_addresses(s):
    holder = s.holder("HMAC", ipList=["10.0.0.0/8", "2001:db8::/32", "192.0.2.1"])
    eq(s.listed(holder)["ipList"], ["10.0.0.0/8", "2001:db8::/32", "192.0.2.1"], "listed")
    eq(code_of(holder.account), NO, "from elsewhere")
    for ranges, good in ((["127.0.0.1"], True), (["127.0.0.2"], False), (["127.0.0.0/8"], True), (["0.0.0.0/0"], True),
                         (["::1"], False), (["10.0.0.0/8", "127.0.0.0/31"], True), (["126.0.0.0/8"], False), ([], True)):
        s.change(holder, ipList=ranges)
        eq(s.listed(holder)["ipList"], ranges, "listed")
        if good:
            holder.account()
        else:
            eq(code_of(holder.account), NO, f"{ranges}")
        answer = s.ws().ask("account.status", {}, holder)
        eq(answer["status"], 200 if good else 401, f"{ranges} over the WebSocket API")
    s.admin.delete_key(s.alice.user, holder.key)


@checks
def behind_a_trusted_proxy_it_is_the_client_that_counts(s):
    holder = s.holder("ED25519", ipList=["10.0.0.0/8"])
    target = holder.build("GET", "/api/v3/account", {"recvWindow": 60000})[1]
    for forwarded, good in (("10.1.2.3", True), ("11.1.2.3", False), ("10.1.2.3, 11.1.2.3", False),
                            ("11.1.2.3, 10.1.2.3", True), ("10.1.2.3, 127.0.0.1", True)):
        headers = {"X-MBX-APIKEY": holder.key, "X-Forwarded-For": forwarded}
        reply = holder.http.request("GET", target, headers)
        eq(reply.status, 200 if good else 401, forwarded)
        ws = s.ws(headers={"X-Forwarded-For": forwarded})
        eq(ws.ask("session.logon", {}, holder)["status"], 200 if good else 401, f"{forwarded} over the WebSocket API")
    s.admin.delete_key(s.alice.user, holder.key)


@checks
def a_key_that_has_expired_serves_no_more(s):
    holder = s.holder("HMAC", expiresAt=1000)
    eq(s.listed(holder)["expiresAt"], 1000, "listed")
    eq(code_of(holder.account), NO, "long ago")
    s.change(holder, expiresAt=None)
    eq(s.listed(holder)["expiresAt"], None, "never")
    holder.account()
    s.change(holder, expiresAt=holder.get("time")["serverTime"] + 700)
    eq(until_refused(holder.account), NO, "from then on")
    check(holder.get("time")["serverTime"] >= s.listed(holder)["expiresAt"], "not before")
    s.admin.delete_key(s.alice.user, holder.key)


@checks
def what_is_changed_or_taken_back_is_so_on_every_connection_at_once(s):
    connections = [s.connect() for _ in range(CONNECTIONS)]
    for kind in KINDS:
        holder = s.holder(kind)
        everywhere = [Holder(http, holder.key, holder.secret, holder.pair) for http in connections]
        for one in everywhere:
            one.account()
        s.change(holder, permissions=["TRADE"])
        eq([code_of(one.account) for one in everywhere], [NO] * CONNECTIONS, f"{kind} without the permission")
        s.change(holder, permissions=["USER_DATA"])
        for one in everywhere:
            one.account()
        s.admin.delete_key(s.alice.user, holder.key)
        eq([code_of(one.account) for one in everywhere], [NO] * CONNECTIONS, f"{kind} deleted")


# ---- sessions of the WebSocket API ----

def ask(ws, method, params=None):
    """Without a key, as who has logged on may."""
    return ws.ask(method, {"timestamp": time.time_ns() // 10 ** 6} | (params or {}))


@checks
def every_kind_of_key_signs_over_the_websocket_api(s):
    ws = s.ws()
    for kind, holder in s.holders.items():
        order = ws.result("order.place", limit(price="1000", newClientOrderId=kind), holder)
        eq(ws.result("order.cancel", {"symbol": "BTCUSDT", "orderId": order["orderId"]}, holder)["status"], "CANCELED",
           kind)
        signature = holder.sign("something else")
        answer = ws.ask("account.status", {}, holder, signature=signature)
        eq((answer["status"], answer["error"]["code"]), (400, -1022), f"{kind}: another signature")


@checks
def who_logs_on_needs_no_signature_any_more(s):
    ws, holder = s.ws(), s.holders["ED25519"]
    eq(ask(ws, "account.status")["error"]["code"], -1102, "before")
    eq(ws.ask("userDataStream.subscribe")["error"]["code"], -1002, "before")
    for kind, name in (("HMAC", "HMAC_SHA256"), ("RSA", "RSA")):
        answer = ws.ask("session.logon", {}, s.holders[kind])
        eq((answer["status"], answer["error"]), (400, {"code": -4056, "msg": f"{name} API key is not supported."}), kind)
    before = ws.result("time")["serverTime"]
    status = ws.result("session.logon", {"recvWindow": 6000}, holder)
    eq((status["apiKey"], status["userDataStream"], status["returnRateLimits"]), (holder.key, False, True), "logon")
    check(before <= status["authorizedSince"] <= status["serverTime"], f"since: {status}")
    eq(ws.result("session.status")["apiKey"], holder.key, "status")
    eq(ask(ws, "account.status")["result"]["uid"], s.alice.user, "account")
    order = ask(ws, "order.place", limit(price="1000"))["result"]
    eq(ask(ws, "order.status", {"symbol": "BTCUSDT", "orderId": order["orderId"]})["result"]["status"], "NEW", "status")
    eq(ws.ask("account.status")["error"]["code"], -1102, "a timestamp is still asked for")
    eq(ask(ws, "account.status", {"timestamp": 1})["error"]["code"], -1021, "and looked at")
    eq(ask(ws, "account.status", {"signature": "AAAA"})["error"]["code"], -1022, "and so is a signature")
    eq(ask(ws, "account.status", {"apiKey": holder.key})["error"]["code"], -1102, "a key without a signature")
    eq(ask(ws, "session.logon")["error"]["code"], -1102, "a logon does not vouch for another")
    eq(ask(ws, SUBSCRIBE)["error"]["code"], -1102, "nor for what asks for a signature by name")
    bob = Trader(s.admin, s.connect(), f"bob-{time.monotonic_ns()}", {})
    eq(ws.result("account.status", {}, bob)["uid"], bob.user, "another key for one request")
    eq(ask(ws, "account.status")["result"]["uid"], s.alice.user, "and the session's again")
    status = ws.result("session.logout")
    eq((status["apiKey"], status["authorizedSince"]), (None, None), "logout")
    eq(ask(ws, "account.status")["error"]["code"], -1102, "after")
    eq(ws.result("session.logout")["apiKey"], None, "again")
    holder.cancel("BTCUSDT", orderId=order["orderId"])


@checks
def a_session_subscribes_by_its_logon(s):
    ws, holder = s.ws(), s.holders["ED25519"]
    bob = Trader(s.admin, s.connect(), f"bob-{time.monotonic_ns()}", {})
    foreign = {"apiKey": bob.key}
    eq(ws.ask("userDataStream.subscribe", foreign)["error"]["code"], -1002, "a key without a signature is nobody's")
    ws.result("session.logon", {}, holder)
    eq(ws.result("userDataStream.subscribe"), {"subscriptionId": 0}, "subscribe")
    eq(ws.ask("userDataStream.subscribe")["error"]["code"], -2035, "again")
    eq(ws.ask("userDataStream.subscribe", foreign)["error"]["code"], -2035, "which is the session's account still")
    eq(ws.ask(SUBSCRIBE, {}, s.alice)["error"]["code"], -2035, "the same account by a signature")
    eq(ws.result(SUBSCRIBE, {}, bob), {"subscriptionId": 1}, "another account")
    eq(ws.result("session.subscriptions"), [{"subscriptionId": 0}, {"subscriptionId": 1}], "list")
    eq(ws.result("session.status")["userDataStream"], True, "status")
    order = s.alice.limit("BTCUSDT", "BUY", "0.01", "1000")
    event = ws.event()
    eq((event["subscriptionId"], event["event"]["e"], event["event"]["i"]), (0, "executionReport", order["orderId"]),
       "event")
    s.alice.cancel("BTCUSDT", orderId=order["orderId"])
    ws.result("session.logout")
    while (event := ws.event())["event"]["e"] != "eventStreamTerminated":
        pass
    eq(event["subscriptionId"], 0, "what ends with the logon")
    eq(ws.result("session.subscriptions"), [{"subscriptionId": 1}], "what does not")


@checks
def another_logon_takes_the_place_of_the_first(s):
    ws, holder = s.ws(), s.holders["ED25519"]
    bob = s.admin.user(f"bob-{time.monotonic_ns()}")
    other = s.holder("ED25519", user=bob, pair=Pair(s.folder, "ED25519"))
    ws.result("session.logon", {}, holder)
    ws.result("userDataStream.subscribe")
    eq(ws.ask("session.logon", {}, other, signature=holder.sign("x"))["error"]["code"], -1022, "a wrong one")
    eq(ask(ws, "account.status")["result"]["uid"], s.alice.user, "changes nothing")
    since = ws.result("session.logon", {}, holder)
    eq((since["apiKey"], since["userDataStream"]), (holder.key, True), "again with the same key")
    status = ws.result("session.logon", {}, other)
    eq((status["apiKey"], status["userDataStream"]), (other.key, False), "with another")
    eq(ws.event()["event"]["e"], "eventStreamTerminated", "what the first one had")
    eq(ask(ws, "account.status")["result"]["uid"], bob, "account")
    eq(ws.result("userDataStream.subscribe"), {"subscriptionId": 1}, "subscribe")


def ended(ws):
    """Waits for the end of subscription 0; what the session is then."""
    event = ws.event()
    eq((event["subscriptionId"], event["event"]["e"]), (0, "eventStreamTerminated"), "event")
    status = ws.result("session.status")
    return status["apiKey"], status["userDataStream"], ask(ws, "account.status").get("error", {}).get("code")


@checks
def what_takes_a_key_back_ends_its_sessions_everywhere(s):
    ways = {"deleted": lambda key: s.admin.delete_key(s.alice.user, key.key),
            "expired": lambda key: s.change(key, expiresAt=1),
            "expires soon": lambda key: s.change(key, expiresAt=key.get("time")["serverTime"] + 500),
            "from elsewhere": lambda key: s.change(key, ipList=["10.0.0.0/8"])}
    for name, take_back in ways.items():
        holder, sessions = s.holder("ED25519"), [s.ws() for _ in range(CONNECTIONS)]
        for ws in sessions:
            ws.result("session.logon", {}, holder)
            eq(ws.result("userDataStream.subscribe"), {"subscriptionId": 0}, "subscribe")
        take_back(holder)
        eq([ended(ws) for ws in sessions], [(None, False, -2015)] * CONNECTIONS, name)
        if name == "from elsewhere":
            s.change(holder, ipList=[])
            eq(ask(sessions[0], "account.status")["error"]["code"], -2015, "gone for good")
            eq(sessions[0].result("session.logon", {}, holder)["apiKey"], holder.key, "until it logs on again")
            eq(ask(sessions[0], "account.status")["status"], 200, "account")
        s.clear()


@checks
def a_key_that_loses_a_permission_loses_what_it_was_for(s):
    holder, ws = s.holder("ED25519"), s.ws()
    ws.result("session.logon", {}, holder)
    ws.result("userDataStream.subscribe")
    s.change(holder, permissions=["TRADE"])
    eq(ended(ws), (holder.key, False, -2015), "the session stays, its subscription does not")
    order = ask(ws, "order.place", limit(price="1000"))["result"]
    s.alice.cancel("BTCUSDT", orderId=order["orderId"])
    s.admin.delete_key(s.alice.user, holder.key)


# ---- the end ----

def the_journal_dump_shows_keys_without_their_secrets(s):
    dump = subprocess.run([s.server.command()[0], "journal", "dump", "--data", s.server.data], capture_output=True,
                          text=True, check=True).stdout
    records = [json.loads(line) for line in dump.splitlines()]
    ruled = s.listed(s.ruled)
    made, = (record for record in records if record["type"] == "KEY_ADD" and record["apiKey"] == s.ruled.key)
    eq([made[name] for name in ("keyType", "permissions", "ipList", "expiresAt")],
       [ruled[name] for name in ("type", "permissions", "ipList", "expiresAt")], "a key as it was made")
    for kind in ("KEY_CHANGE", "KEY_DELETE"):
        check(any(record["type"] == kind for record in records), f"no {kind} in the dump")
    check(s.ruled.secret not in dump, "a secret in the dump")


def snapshot_behind(s, lsn):
    """Waits for a snapshot of that record or a later one."""
    made = 0
    while not any(int(at) >= lsn for at in re.findall(r'"event":"snapshot_made".*?"lsn":(\d+)', s.server.output())):
        s.alice.cancel("BTCUSDT", orderId=s.alice.limit("BTCUSDT", "BUY", "0.01", "1000")["orderId"])
        made = s.server.told('"event":"snapshot_made"', made).count('"event":"snapshot_made"')


def a_restart_keeps_all_of_it(s):
    rules = {"permissions": ["USER_DATA"], "ipList": ["127.0.0.1", "2001:db8::/32"], "expiresAt": 4000000000000}
    ruled = [s.holder(kind, **rules) for kind in KINDS]
    s.ruled = ruled[0]
    large = s.holder("RSA", pair=Pair(s.folder, "RSA", 4096), ipList=[f"10.{i}.0.0/16" for i in range(30)])
    gone, changed = s.holder("RSA"), s.holder("ED25519")
    s.admin.delete_key(s.alice.user, gone.key)
    s.change(changed, ipList=["10.0.0.0/8"])
    before = s.admin.keys(s.alice.user)
    s.clear()
    snapshot_behind(s, s.admin.audit()["lsn"])
    for stop, code in ((s.server.sigterm, 0), (s.server.kill9, -9)):
        eq(stop(), code, "exit status")
        starts = s.server.output().count('"event":"recovered"')
        s.server.restart()
        output = s.server.told('"event":"recovered"', starts)
        check(int(re.findall(r'"event":"recovered".*?"snapshot_lsn":(\d+)', output)[-1]) > 0, "no start from a snapshot")
        s.admin = s.server.admin()
        the_journal_dump_shows_keys_without_their_secrets(s)
        eq(s.admin.keys(s.alice.user), before, "keys")
        for holder in [*s.holders.values(), *ruled, large, gone, changed]:
            holder.http = s.connect()
        for holder in [*s.holders.values(), *ruled]:
            holder.account()
        eq([code_of(holder.limit, "BTCUSDT", "BUY", "0.01", "1000") for holder in ruled], [NO] * 3, "permissions")
        eq([code_of(holder.account) for holder in (large, gone, changed)], [NO] * 3, "those that do not serve")
    s.change(large, ipList=[])
    large.account()


def keys_that_are_gone_make_room_for_others():
    """An exchange for one user has room for 68 keys at a time, however many come and go."""
    with Server("--max-users", "1", "--max-orders", "1000") as server:
        admin = server.admin()
        user = admin.user("one")
        for _ in range(80):
            admin.delete_key(user, admin.key(user)[0])
        kept = [admin.key(user) for _ in range(68)]
        error = refusal(admin.key, user)
        eq((error.status, error.code), (409, -1130), "one more")
        check("API keys" in error.msg and "--max-users" in error.msg, error.msg)
        admin.delete_key(user, kept[7][0])
        kept[7] = admin.key(user)
        server.kill9()
        server.restart()
        admin = server.admin()
        eq({row["apiKey"] for row in admin.keys(user)}, {key for key, _ in kept}, "keys after a restart")
        eq(refusal(admin.key, user).status, 409, "one more after a restart")
        admin.delete_key(user, kept[0][0])
        Binance(Http1(server.public), *admin.key(user)).account()


def main():
    with tempfile.TemporaryDirectory(prefix="castle-e2e-") as folder, Server(*OPTIONS) as server:
        session = Session(server, folder)
        checks.run(session, before=session.clear)
        session.clear()
        checks.one("a restart keeps all of it", a_restart_keeps_all_of_it, session)
    checks.one("keys that are gone make room for others", keys_that_are_gone_make_room_for_others)
    return checks.finish()


if __name__ == "__main__":
    sys.exit(main())
