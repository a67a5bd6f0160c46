#!/usr/bin/python3
"""Hostile peers, while a good client trades.

Goal: whoever dribbles, floods, resets, smuggles, hoards or never reads is refused or closed, and nobody else notices.
Method: each check starts a good pair of traders on connections of their own (HTTP/1.1 and HTTP/2), attacks beside
them, and wants every one of their answers right, their balances exact, the audit clean and the server's sockets as
many as before. Limits are short, so that waiting for a close is; nothing here measures speed.
usage: test_hostile.py [WORD...]   only the checks whose name contains a word
"""
import contextlib
import io
import itertools
import json
import math
import os
import random
import re
import select
import socket
import struct
import sys
import tempfile
import threading
import time

import h2.errors
import hpack

from castle_client import (ATOM, Binance, Checks, Http1, Http2, Server, Trader, certificate, check, connect, conserved, eq,
                           fee_of, parse, read_reply, refusal, show, units)

DEADLINE = 200  # for what must happen; never a measure
PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
checks = Checks()


# ---- the good pair ----

class Good(threading.Thread):
    """Two traders that trade, rest, look and cancel until they are told to stop, and check each answer.

    Where rate limits hold, they do so only when they are waited for."""

    serial = itertools.count(1)

    def __init__(self, server, tls=None, limited=False):
        super().__init__(daemon=True)
        self.goal = 0 if limited else math.inf
        name, admin = f"good-{next(self.serial)}", server.admin()
        self.seller = Trader(admin, Http1(server.public, tls), name + "-seller", {"BTC": "1000"})
        self.buyer = Trader(admin, Http2(server.public, tls), name + "-buyer", {"USDT": "1000000"})
        self.changed, self.rounds, self.stopping, self.error = threading.Condition(), 0, False, None

    def run(self):
        try:
            while self.wanted():
                self.round()
                with self.changed:
                    self.rounds += 1
                    self.changed.notify_all()
        except BaseException as error:
            with self.changed:
                self.error = error
                self.changed.notify_all()

    def wanted(self):
        with self.changed:
            self.changed.wait_for(lambda: self.stopping or self.rounds < self.goal)
        return not self.stopping

    def round(self):
        name = f"round-{self.rounds}"
        ask = self.seller.limit("BTCUSDT", "SELL", "0.001", "30000", newClientOrderId=name)
        eq((ask["status"], ask["clientOrderId"]), ("NEW", name), "a resting order")
        bid = self.buyer.limit("BTCUSDT", "BUY", "0.001", "30000")
        eq((bid["status"], bid["executedQty"], len(bid["fills"])), ("FILLED", "0.00100000", 1), "a trade")
        eq(self.seller.query("BTCUSDT", origClientOrderId=name)["status"], "FILLED", "what the seller sees")
        bid = self.buyer.limit("BTCUSDT", "BUY", "0.001", "20000")
        eq(self.buyer.cancel("BTCUSDT", orderId=bid["orderId"])["status"], "CANCELED", "a cancel")

    def more(self, rounds=2):
        """Waits for so many rounds more."""
        with self.changed:
            goal = self.rounds + rounds
            self.goal = max(self.goal, goal)
            self.changed.notify_all()
            done = self.changed.wait_for(lambda: self.error or self.rounds >= goal, DEADLINE)
        if self.error:
            raise self.error
        check(done, f"the good pair got on by {self.rounds - goal + rounds} of {rounds} rounds only")

    def finish(self):
        with self.changed:
            self.stopping = True
            self.changed.notify_all()
        self.join(DEADLINE)
        if self.error:
            raise self.error
        lots, fee = self.rounds * units("0.001"), self.rounds * fee_of(units("0.001"))
        eq(self.buyer.balances()["BTC"], (lots - fee, 0), "the buyer's BTC")
        eq(self.buyer.balances()["USDT"], (units("1000000") - 30 * ATOM * self.rounds, 0), "the buyer's USDT")
        eq(self.seller.balances()["BTC"], (units("1000") - lots, 0), "the seller's BTC")
        for trader in (self.seller, self.buyer):
            trader.http.close()


def sockets(server):
    """Open sockets of the server's process."""
    count, path = 0, f"/proc/{server.process.pid}/fd"
    for name in os.listdir(path):
        with contextlib.suppress(OSError):
            count += os.readlink(f"{path}/{name}").startswith("socket:")
    return count


@contextlib.contextmanager
def meanwhile(server, tls=None, limited=False):
    """Whatever is done in here is done beside a good pair, and leaves nothing behind."""
    good = Good(server, tls, limited)
    good.start()
    good.more()
    before = sockets(server)
    yield good
    good.more()
    until(lambda: sockets(server) <= before, lambda: f"{before} open sockets again ({sockets(server)} are open)")
    good.finish()
    conserved(server.admin().audit())


def until(function, what):
    end = time.monotonic() + DEADLINE
    while not (value := function()):
        check(time.monotonic() < end, f"within {DEADLINE} s there were not: {what() if callable(what) else what}")
        time.sleep(0.02)
    return value


# ---- tools of the trade ----

def taken(raw):
    """What has come; None when the connection is over."""
    try:
        return raw.recv(1 << 16) or None
    except (BlockingIOError, TimeoutError):
        return b""
    except OSError:
        return None


def until_closed(peers):
    """peers: [(socket, parts)]; sends each peer's parts one at a time, round after round, until the server has closed
    every connection; returns what each received."""
    got, alive, end = [b"" for _ in peers], dict(enumerate(peers)), time.monotonic() + DEADLINE
    for raw, _ in peers:
        raw.setblocking(False)
    while alive:
        check(time.monotonic() < end, f"{len(alive)} of {len(peers)} connections are still open: {sorted(alive)}")
        select.select([raw for raw, _ in alive.values()], [], [], 0.05)
        for number, (raw, parts) in list(alive.items()):
            data = taken(raw)
            if data is None:
                alive.pop(number)[0].close()
                continue
            got[number] += data
            with contextlib.suppress(OSError):
                raw.send(next(parts))
    return got


def dribble(server, *lives):
    """lives: (what is sent at once, what is sent byte by byte for ever)"""
    peers = []
    for first, rest in lives:
        raw = connect(server.public)
        raw.sendall(first)
        peers.append((raw, (bytes([byte]) for byte in itertools.cycle(rest)) if rest else itertools.repeat(b"")))
    return until_closed(peers)


def frame(kind, flags, stream, payload=b""):
    return struct.pack(">I", len(payload))[1:] + bytes([kind, flags]) + struct.pack(">I", stream) + payload


DATA, HEADERS, PRIORITY, RST_STREAM, SETTINGS, PING, WINDOW_UPDATE, CONTINUATION = 0, 1, 2, 3, 4, 6, 8, 9
END_STREAM, END_HEADERS = 1, 4
OPEN = PREFACE + frame(SETTINGS, 0, 0)
RESET = struct.pack(">I", 8)


def block(method, target, headers=None, encoder=None):
    """A header block that stands alone: without an encoder nothing is indexed."""
    lines = [(":method", method), (":scheme", "http"), (":authority", "castle"), (":path", target)]
    lines += [(name.lower(), str(value), True) for name, value in (headers or {}).items()]
    return (encoder or hpack.Encoder()).encode([(*line[:2], True) if len(line) == 2 else line for line in lines])


def order(trader, name, **change):
    """A good order as it is on the wire: (method, target, headers, body), all in the target."""
    return trader.build("POST", "/api/v3/order", {
        "symbol": "BTCUSDT", "side": "BUY", "type": "LIMIT", "timeInForce": "GTC", "quantity": "0.001",
        "price": "20000", "newClientOrderId": name, **change}, how="query")


def bad_trader(server, tls=None):
    return Trader(server.admin(), Http1(server.public, tls), f"bad-{next(Good.serial)}", {"USDT": "1000000"})


def statuses(data):
    """Of the HTTP/1 answers in there."""
    return [int(part[:3]) for part in data.split(b"HTTP/1.1 ")[1:] if not part.startswith(b"100")]


def acts(server, family, reason):
    """How often the guard says that it did so."""
    text = server.admin().metrics()
    return int(re.search(rf'castle_{family}_total{{listener="public",reason="{reason}"}} (\d+)', text)[1])


def open_now(server):
    return int(re.search(r'castle_connections{listener="public"} (\d+)', server.admin().metrics())[1])


@contextlib.contextmanager
def serving(*options):
    """A server that must end well after all: under ASan that includes leaks."""
    with Server("--max-orders", "100000", *options) as server:
        try:
            yield server
        except Exception:
            with contextlib.suppress(Exception):  # the first one is what matters
                told = [line for line in server.admin().metrics().splitlines()
                        if line.startswith(("castle_connections", "castle_edge", "castle_core_turns_total"))]
                sys.stderr.write("\n".join(["---- what the server counted", *told, server.output()[-2000:], "----\n"]))
            raise
        eq(server.sigterm(), 0, "exit code; the server said: " + server.output()[-1500:])


def short(*more, idle=600):
    """Limits short enough to wait for, and the idle one too long to be what a check waits for."""
    return serving("--request-timeout", 3, "--idle-timeout", idle, *more)


def patient():
    """Limits that no check comes to, however slow the machine is: what it meets is another one."""
    return serving("--request-timeout", 600, "--idle-timeout", 600)


# ---- slow ----

HEAD = b"POST /api/v3/order HTTP/1.1\r\nHost: a\r\n"
PING_ONCE = b"GET /api/v3/ping HTTP/1.1\r\nHost: a\r\n\r\n"


@checks
def heads_that_dribble_or_never_come_are_closed():
    with short() as server, meanwhile(server) as good:
        got = dribble(server, *[(b"", b""), (b"G", b""), (b"", b"GET /" + b"a" * 5000), (HEAD + b"X: ", b"a"),
                                (HEAD, b"X: y\r\n"), (b"\r\n", b""), (PREFACE[:9], b""), (PREFACE[:20], b"")] * 5)
        check(not any(statuses(data) for data in got), f"an answer to half a head: {set(got)}")
        good.more()
        eq(acts(server, "connections_closed", "slow"), 40, "slow connections closed")


@checks
def bodies_that_dribble_are_closed():
    with short() as server, meanwhile(server) as good:
        chunked = HEAD + b"Transfer-Encoding: chunked\r\n\r\n"
        got = dribble(server, *[(HEAD + b"Content-Length: 10000\r\n\r\n", b"a"), (chunked, b"1\r\na\r\n"),
                                (chunked + b"4000\r\n", b"a"), (chunked + b"0\r\n", b"X: y\r\n"),
                                (HEAD + b"Expect: 100-continue\r\nContent-Length: 10000\r\n\r\n", b"a")] * 5)
        check(not any(statuses(data) for data in got), f"an answer to half a body: {set(got)}")
        got = dribble(server, *[(PING_ONCE + HEAD + b"Content-Length: 10000\r\n\r\n", b"a")] * 5)
        eq([statuses(data) for data in got], [[200]] * 5, "answers to the request before a slow one")
        good.more()
        eq(acts(server, "connections_closed", "slow"), 30, "slow connections closed")


@checks
def slow_http2_streams_are_closed_beside_busy_ones():
    with short() as server, meanwhile(server) as good:
        head = block("POST", "/api/v3/order", {"content-length": "10000"})
        ping, stream = frame(PING, 0, 0, bytes(8)), itertools.count(5, 2)
        busy = (b"".join([frame(DATA, 0, 1, b"a"), ping, frame(
            HEADERS, END_STREAM | END_HEADERS, next(stream), block("GET", "/api/v3/ping"))]) for _ in itertools.count())
        starts = [(OPEN + frame(HEADERS, END_HEADERS, 1, head), busy),  # others on the connection go well
                  (OPEN + frame(HEADERS, END_HEADERS, 1, head), itertools.repeat(frame(DATA, 0, 1, b"a"))),
                  (OPEN + frame(HEADERS, END_HEADERS, 1, head), itertools.repeat(ping)),
                  (OPEN + frame(HEADERS, END_STREAM, 1, head), itertools.repeat(frame(CONTINUATION, 0, 1, b""))),
                  (OPEN + frame(HEADERS, END_HEADERS, 1, head), (bytes([byte]) for byte in itertools.cycle(
                      frame(DATA, 0, 1, b"a" * 4000)))),
                  (OPEN + frame(HEADERS, END_HEADERS, 1, head)[:-3], itertools.repeat(b""))]
        peers = []
        for first, parts in starts:
            raw = connect(server.public)
            raw.sendall(first)
            peers.append((raw, parts))
        until_closed(peers)
        good.more()
        eq(acts(server, "connections_closed", "slow"), len(peers), "slow connections closed")


@checks
def idle_connections_are_closed():
    with short(idle=5) as server, meanwhile(server) as good:
        idle = []
        for number in range(150):
            raw = connect(server.public)
            raw.sendall(OPEN if number % 3 == 2 else PING_ONCE)
            if number % 3 == 1:
                raw.shutdown(socket.SHUT_WR)
            idle.append((raw, itertools.repeat(b"")))
        got = until_closed(idle)
        for number, data in enumerate(got):
            if number % 3 == 0:
                eq(statuses(data), [200], "answers of a connection that then idled")
        good.more()


@checks
def peers_that_read_nothing_are_closed():
    with short(idle=5) as server:
        admin = server.admin()
        for number in range(150):  # so that one answer is large
            admin.symbol(f"A{number}USDT", f"A{number}", "USDT")
        with meanwhile(server) as good:
            ask = b"GET /api/v3/exchangeInfo HTTP/1.1\r\nHost: a\r\n\r\n"
            readers = []
            for _ in range(5):
                raw = socket.socket()
                raw.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
                raw.connect(server.public)
                with contextlib.suppress(BlockingIOError):
                    raw.setblocking(False)
                    raw.send(ask * 500)
                readers.append(raw)
            window = frame(SETTINGS, 0, 0, struct.pack(">HI", 4, 0))  # no answer may be sent
            asks = b"".join(frame(HEADERS, END_STREAM | END_HEADERS, 2 * n + 1, block("GET", "/api/v3/exchangeInfo"))
                            for n in range(100))
            closed = connect(server.public)
            closed.sendall(PREFACE + window + asks)
            good.more()
            got = until_closed([(closed, itertools.repeat(frame(PING, 0, 0, bytes(8))))])[0]
            answers, decoder = [], hpack.Decoder()
            while len(got) >= 9:
                size = int.from_bytes(got[:3], "big")
                if got[3] == HEADERS:
                    answers.append(dict(decoder.decode(got[9:9 + size]))[":status"])
                got = got[9 + size:]
            eq(len(answers), 100, "answers begun")
            check(0 < answers.count("200") < 100 and answers.count("200") + answers.count("503") == 100,
                  f"the answers kept are bounded: {answers}")
            for raw in readers:  # without a read: what was under way would hide the end
                until(lambda: gone(raw), "the end of a connection that reads nothing")
                raw.close()
            good.more()
            eq(acts(server, "connections_closed", "stalled"), 6, "stalled connections closed")
            eq(acts(server, "edge_refused", "busy"), answers.count("503"), "requests refused")


@checks
def who_reads_slowly_gets_every_answer_whole_and_in_order():
    """Answers from the exchange come outside h2o's loop, often while the socket is still full of the one before."""
    with serving() as server:
        trader = bad_trader(server)
        for number in range(100):
            trader.limit("BTCUSDT", "BUY", "0.001", str(10000 - number))
        with meanwhile(server):
            asks = [trader.build("GET", "/api/v3/openOrders", {"symbol": "BTCUSDT", "recvWindow": 60000})[1:3],
                    ("/api/v3/depth?symbol=BTCUSDT&limit=5000", {}), ("/api/v3/time", {})]
            wire = [f"GET {target} HTTP/1.1\r\nHost: a\r\n".encode() +
                    b"".join(f"{name}: {value}\r\n".encode() for name, value in headers.items()) + b"\r\n"
                    for target, headers in asks]
            rounds, peers = 20, []
            for _ in range(12):
                raw = socket.socket()
                raw.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 2048)
                raw.connect(server.public)
                raw.sendall(b"".join(wire) * rounds)
                raw.setblocking(False)
                peers.append([raw, b"", random.Random(len(peers))])
            waiting, end = list(peers), time.monotonic() + DEADLINE
            while waiting:
                check(time.monotonic() < end, f"{len(waiting)} connections still lack answers")
                select.select([raw for raw, *_ in waiting], [], [], 1)
                for peer in list(waiting):
                    with contextlib.suppress(BlockingIOError):
                        data = peer[0].recv(peer[2].choice((1, 500, 3000, 20000)))
                        check(data, "the connection stays open")
                        peer[1] += data
                        if peer[1].count(b"HTTP/1.1 200") == rounds * len(asks) and peer[1].endswith(b'}'):
                            waiting.remove(peer)
            for raw, text, _ in peers:
                reader = io.BytesIO(text)
                for _ in range(rounds):
                    orders, depth, now = (json.loads(read_reply(reader).body) for _ in asks)
                    eq([len(orders), len(depth["bids"]) >= 100, list(now)], [100, True, ["serverTime"]], "in order")
                eq(reader.read(), b"", "nothing behind the last answer")
                raw.close()


def gone(raw):
    """Whether the other side has closed, by the state of the connection."""
    return raw.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 1)[0] != 1  # TCP_ESTABLISHED


# ---- resets ----

def resets(trader, count):
    """Orders that are each reset in the segment that brings them."""
    for number in range(count):
        method, target, headers, _ = order(trader, f"reset-{number}")
        stream = 2 * number + 1
        yield (frame(HEADERS, END_STREAM | END_HEADERS, stream, block(method, target, headers)) +
               frame(RST_STREAM, 0, stream, RESET))


@checks
def rapid_reset_closes_the_connection_and_bounds_the_work():
    with patient() as server:
        bad = bad_trader(server)
        with meanwhile(server) as good:
            raw, parts = connect(server.public), [OPEN, *resets(bad, 5000)]
            sent = 0
            raw.settimeout(DEADLINE)
            with contextlib.suppress(ConnectionError):
                for part in parts:
                    raw.sendall(part)
                    sent += 1
            until_closed([(raw, itertools.repeat(b""))])
            good.more()
            eq(acts(server, "connections_closed", "resets"), 1, "connections closed")
            count = len(bad.open_orders("BTCUSDT"))
            check(0 < count <= 200, f"{count} of {sent} orders were taken")  # a reset does not take back an order
            bad.cancel_all("BTCUSDT")
            bad.http.close()


@checks
def resets_that_we_are_made_to_send_count_too():
    """MadeYouReset (CVE-2025-8671): a broken WINDOW_UPDATE makes the server reset the stream."""
    with patient() as server:
        bad = bad_trader(server)
        with meanwhile(server) as good:
            raw = connect(server.public)
            raw.sendall(OPEN)
            with contextlib.suppress(ConnectionError):
                for number in range(2000):
                    method, target, headers, _ = order(bad, f"made-{number}")
                    stream = 2 * number + 1
                    raw.sendall(frame(HEADERS, END_STREAM | END_HEADERS, stream, block(method, target, headers)) +
                                frame(WINDOW_UPDATE, 0, stream, bytes(4)))
            until_closed([(raw, itertools.repeat(b""))])
            good.more()
            eq(acts(server, "connections_closed", "resets"), 1, "connections closed")
            count = len(bad.open_orders("BTCUSDT"))
            check(0 < count <= 200, f"{count} orders were taken")
            bad.cancel_all("BTCUSDT")
            bad.http.close()


@checks
def a_client_that_resets_a_third_of_its_streams_stays():
    with patient() as server:
        bad = bad_trader(server)
        with meanwhile(server):
            pipe, answered = Http2(server.public), 0
            for number in range(900):
                stream = pipe.submit("GET", "/api/v3/depth?symbol=BTCUSDT")
                if number % 3 == 0:
                    pipe.h2.reset_stream(stream, h2.errors.ErrorCodes.CANCEL)
                    pipe.open.pop(stream, None)
                    pipe._flush()
                else:
                    eq(pipe.wait(stream).status, 200, "an answer")
                    answered += 1
            bad.http = pipe
            eq(bad.limit("BTCUSDT", "BUY", "0.001", "20000")["status"], "NEW", "an order on it")
            eq(answered, 600, "answers")
            bad.cancel_all("BTCUSDT")
            pipe.close()


@checks
def requests_under_way_are_bounded_also_when_they_were_reset():
    with patient() as server:
        bad = bad_trader(server)
        with meanwhile(server):
            def busy():
                """One burst, which the server reads before it can answer: 100 reset, 100 more, and one too many."""
                raw, burst = connect(server.public), [OPEN]
                for number in range(202):
                    stream, reset = 2 * number + 1, number < 102
                    head = block(*bad.build("GET", "/api/v3/account", how="query")[:3])
                    burst.append(frame(HEADERS, END_STREAM | END_HEADERS, stream, head))
                    if reset:
                        burst.append(frame(RST_STREAM, 0, stream, RESET))
                raw.sendall(b"".join(burst))
                codes, decoder, data = {}, hpack.Decoder(), b""
                while len(codes) < 100:
                    part = raw.recv(1 << 16)
                    check(part, f"the connection was closed after {len(codes)} answers")
                    data += part
                    while len(data) >= 9 and len(data) >= 9 + int.from_bytes(data[:3], "big"):
                        size = int.from_bytes(data[:3], "big")
                        if data[3] == HEADERS:
                            codes[int.from_bytes(data[5:9], "big")] = dict(decoder.decode(data[9:9 + size]))[":status"]
                        data = data[9 + size:]
                raw.close()
                check(set(codes.values()) <= {"200", "503"}, f"answers {set(codes.values())}")
                return "503" in codes.values()
            until(busy, "a refusal of the 201st request under way")  # a burst may be read in two


# ---- large ----

@checks
def heads_and_bodies_beyond_all_limits_are_refused():
    with short() as server, meanwhile(server) as good:
        def flood(first, part, allowed):
            raw = connect(server.public)
            raw.sendall(first)
            got = until_closed([(raw, itertools.repeat(part))])[0]
            check(set(statuses(got)) <= set(allowed), f"answers {statuses(got)} to {first[:60]!r}")
            return statuses(got)

        flood(b"GET /" + b"a" * 100000, b"a" * 65536, (400,))
        flood(HEAD + b"X: ", b"a" * 65536, (400,))
        flood(HEAD, b"X: y\r\n" * 5000, (400,))
        eq(flood(HEAD + b"Content-Length: 1073741824\r\n\r\n", b"a" * 65536, (413,))[:1], [413], "a body of 1 GiB")
        flood(HEAD + b"Transfer-Encoding: chunked\r\n\r\n", b"1000\r\n" + b"a" * 4096 + b"\r\n", (413,))
        flood(HEAD + b"Transfer-Encoding: chunked\r\n\r\n", b"fffffffffffffff\r\n" + b"a" * 4096, (400, 413))
        big = HEAD + b"Content-Length: 20000\r\n\r\n" + b"a" * 20000 + PING_ONCE
        eq(flood(big, b"", (413,)), [413], "a body of 20000 bytes, and then the connection is closed")
        good.more()


@checks
def http2_floods_harm_nobody():
    with short() as server, meanwhile(server) as good:
        many = block("GET", "/api/v3/ping", {f"x-{n}": "y" for n in range(500)})
        bomb = hpack.Encoder()
        large = bomb.encode([("x", "y" * 3000)])
        again = bomb.encode([("x", "y" * 3000)]) * 10000
        good_head = block("GET", "/api/v3/ping")

        def stream_of(kind, flags, payload, start=1, step=0):
            return b"".join(frame(kind, flags, start + step * n, payload) for n in range(2000))

        floods = {
            "pings": stream_of(PING, 0, bytes(8), 0), "settings": stream_of(SETTINGS, 0, b"", 0),
            "priorities": stream_of(PRIORITY, 0, bytes(4) + b"\x10", 1, 2),
            "windows": stream_of(WINDOW_UPDATE, 0, struct.pack(">I", 1), 0),
            "unknown frames": stream_of(0xbe, 0, b"x" * 100, 1),
            "resets of nothing": stream_of(RST_STREAM, 0, RESET, 1),
            "empty continuations": frame(HEADERS, 0, 1, b"") + stream_of(CONTINUATION, 0, b"", 1),
            "long continuations": frame(HEADERS, 0, 1, b"") + stream_of(CONTINUATION, 0, b"a" * 16000, 1)[:4 << 20],
            "500 headers": frame(HEADERS, END_STREAM | END_HEADERS, 1, many),
            "a header bomb": frame(HEADERS, END_STREAM | END_HEADERS, 1, good_head + large + again),
            "an endless body": frame(HEADERS, END_HEADERS, 1, good_head) + stream_of(DATA, 0, b"a" * 4096, 1),
            "streams that never begin": b"".join(frame(HEADERS, END_HEADERS, n, good_head) for n in range(1, 801, 2)),
            "streams reset before their body": b"".join(
                frame(HEADERS, END_HEADERS, n, good_head) + frame(RST_STREAM, 0, n, RESET) for n in range(1, 8001, 2)),
        }
        for name, data in floods.items():
            raw = connect(server.public)
            raw.settimeout(DEADLINE)
            with contextlib.suppress(ConnectionError):
                raw.sendall(OPEN)
                for at in range(0, len(data), 65536):
                    raw.sendall(data[at:at + 65536])
                    raw.setblocking(False)
                    taken(raw)
                    raw.settimeout(DEADLINE)
            good.more(1)
            raw.close()


# ---- smuggling ----

def smuggling(trader):
    """name: (a request, what may stand behind it as another one's beginning). Each hides a good order."""
    def inner(name):
        method, target, headers, _ = order(trader, name)
        lines = "".join(f"{key}: {value}\r\n" for key, value in headers.items())
        return f"{method} {target} HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n{lines}\r\n".encode()

    serial, chunked = itertools.count(1), b"Transfer-Encoding: chunked\r\n"

    def hidden(heads, before=b"0\r\n\r\n", start=b""):
        body = before + inner(f"smuggled-{next(serial)}")
        heads = heads.replace(b"{}", str(len(body)).encode())
        return start + b"POST /api/v3/nothing HTTP/1.1\r\nHost: a\r\n" + heads + b"\r\n" + body

    return {
        "CL.TE": hidden(b"Content-Length: {}\r\n" + chunked), "TE.CL": hidden(chunked + b"Content-Length: {}\r\n"),
        "CL.TE behind an empty line": hidden(b"Content-Length: {}\r\n" + chunked, start=b"\r\n"),
        "two lengths": hidden(b"Content-Length: {}\r\nContent-Length: 0\r\n", b""),
        "two lengths, small one first": hidden(b"Content-Length: 0\r\nContent-Length: {}\r\n", b""),
        "one length twice": hidden(b"Content-Length: 0\r\nContent-Length: 0\r\n", b""),
        "a list of lengths": hidden(b"Content-Length: 0, {}\r\n", b""),
        "a length with a sign": hidden(b"Content-Length: +0\r\n", b""),
        "an empty length": hidden(b"Content-Length:\r\n", b""),
        "a length in hexadecimal": hidden(b"Content-Length: 0x0\r\n", b""),
        "TE xchunked": hidden(b"Transfer-Encoding: xchunked\r\n"),
        "TE identity": hidden(b"Transfer-Encoding: identity\r\nContent-Length: {}\r\n"),
        "TE chunked, identity": hidden(b"Transfer-Encoding: chunked, identity\r\n"),
        "TE twice": hidden(chunked + b"Transfer-Encoding: identity\r\n"),
        "TE with a tab behind": hidden(b"Transfer-Encoding: chunked\t\r\nContent-Length: {}\r\n"),
        "TE with a vertical tab": hidden(b"Transfer-Encoding: \x0bchunked\r\nContent-Length: {}\r\n"),
        "TE with a space in its name": hidden(b"Transfer-Encoding : chunked\r\nContent-Length: {}\r\n"),
        "TE folded": hidden(b"Transfer-Encoding:\r\n chunked\r\nContent-Length: {}\r\n"),
        "TE in a folded line": hidden(b"X: y\r\n Transfer-Encoding: chunked\r\nContent-Length: {}\r\n"),
        "a length in a folded line": hidden(b"Content-Length: 0\r\n 0\r\n", b""),
        "bare LF in the head": hidden(b"X: y\nContent-Length: 0\r\n", b""),
        "bare LF before TE": hidden(b"X: y\nTransfer-Encoding: chunked\r\nContent-Length: {}\r\n"),
        "bare CR in the head": hidden(b"X: y\rTransfer-Encoding: chunked\r\nContent-Length: {}\r\n"),
        "NUL in a name": hidden(b"Content-Length\0: {}\r\n", b""),
        "chunked, ended by bare LF": hidden(chunked, b"0\n\n"),
        "chunked, garbage for an extension": hidden(chunked, b"0;\x01\x02 \xff\"=;;\r\n\r\n"),
        "chunked, an extension with bare LF": hidden(chunked, b"1;a\nb\r\n0\r\n\r\n"),
        "chunked, a size with a sign": hidden(chunked, b"+0\r\n\r\n"),
        "chunked, a size of 17 digits": hidden(chunked, b"00000000000000000\r\n\r\n"),
        "chunked, data longer than its size": hidden(chunked, b"1\r\naXX\r\n0\r\n\r\n"),
        "chunked, a trailer with a length": hidden(chunked, b"0\r\nContent-Length: 5\r\n\r\n"),
        "chunked and good": hidden(chunked),  # even then nothing behind it is read on this connection
        "HTTP/1.0 chunked": hidden(chunked).replace(b"nothing HTTP/1.1", b"nothing HTTP/1.0", 1),
        "upgrade to h2c with both": hidden(b"Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: \r\n"
                                           b"Content-Length: {}\r\n" + chunked),
    }


def smuggle(server, tls):
    bad = bad_trader(server, tls)
    with meanwhile(server, tls) as good:
        for name, data in smuggling(bad).items():
            raw = connect(server.public, tls)
            with contextlib.suppress(OSError):
                raw.sendall(data)
            raw.settimeout(DEADLINE)
            got = b""
            with contextlib.suppress(OSError):
                while part := raw.recv(1 << 16):
                    got += part
            raw.close()
            eq(bad.open_orders("BTCUSDT"), [], f"orders smuggled by {name}")
            codes = [code for code in statuses(got) if code != 101]
            check(len(codes) <= 1 and set(codes) <= {400, 404, 413, 501}, f"{name}: answers {statuses(got)}")
        good.more()
        count = acts(server, "edge_refused", "ambiguous")
        check(count >= 10, f"{count} ambiguous requests are counted")
        method, target, headers, _ = order(bad, "plain")  # the hidden order is a good one
        eq(parse(bad.http.request(method, target, headers))["status"], "NEW", "the same order in the open")
        bad.cancel_all("BTCUSDT")
        bad.http.close()


@checks
def smuggled_requests_are_never_read():
    with short() as server:
        smuggle(server, None)


@checks
def smuggled_requests_are_never_read_over_tls():
    with tempfile.TemporaryDirectory(prefix="castle-e2e-") as home:
        cert, key = certificate(home)
        with short("--tls-cert", cert, "--tls-key", key) as server:
            smuggle(server, cert)


@checks
def http2_requests_that_lie_about_their_length_are_refused():
    with short() as server:
        bad = bad_trader(server)
        with meanwhile(server):
            method, target, headers, _ = order(bad, "lies")
            for extra, body in (({"content-length": "5"}, b"hello, hello"), ({"content-length": "50"}, b"hello"),
                                ({"transfer-encoding": "chunked"}, b"0\r\n\r\n")):
                raw = connect(server.public)
                raw.sendall(OPEN + frame(HEADERS, END_HEADERS, 1, block(method, target, {**headers, **extra})) +
                            frame(DATA, END_STREAM, 1, body) + frame(PING, 0, 0, bytes(8)))
                got = b""
                while frame(PING, 1, 0, bytes(8)) not in got and (part := raw.recv(1 << 16)):
                    got += part
                raw.close()
            eq(bad.open_orders("BTCUSDT"), [], "orders taken")
            bad.http.close()


# ---- too many ----

@contextlib.contextmanager
def crowd(server, count, source=None):
    """So many connections that have each been answered once, or refused: yields [answered or not]."""
    peers = []
    try:
        for _ in range(count):
            raw = connect(server.public, source=source)
            with contextlib.suppress(OSError):
                raw.sendall(PING_ONCE)
            peers.append(raw)
        answered = []
        for raw in peers:
            with contextlib.suppress(OSError, ValueError, IndexError):
                answered.append(read_reply(raw.makefile("rb")).status == 200)
                continue
            answered.append(False)
        yield answered
    finally:
        for raw in peers:
            raw.close()


@checks
def one_address_has_so_many_connections_and_others_their_own():
    options = ("--rate-limits", "binance", "--max-connections-per-address", "20")
    with serving(*options) as server, meanwhile(server, limited=True) as good:
        for _ in range(3):
            with crowd(server, 60) as here:
                eq(here.count(True), 18, "connections of an address that has two already")
                with crowd(server, 30, "127.0.0.2") as there:
                    eq(there.count(True), 20, "connections of another address")
                good.more()
            until(lambda: open_now(server) == 2, lambda: f"2 connections again ({open_now(server)} are open)")
        eq(acts(server, "connections_refused", "address"), 3 * 52, "refused connections")
    with serving("--rate-limits", "off", "--max-connections-per-address", "20") as server, meanwhile(server):
        with crowd(server, 60) as here:
            eq(here.count(True), 60, "connections when rate limits are off")


@checks
def all_addresses_together_have_so_many_and_the_operator_his_own():
    for cores in (1, 2):
        with serving("--cores", cores, "--max-connections", "30") as server, meanwhile(server) as good:
            with crowd(server, 20, "127.0.0.3") as some, crowd(server, 30, "127.0.0.4") as rest:
                eq((some.count(True), rest.count(True)), (20, 8), f"connections on {cores} cores")
                eq(server.admin().healthz(), 200, "the operator's listener")
                conserved(server.admin().audit())
                good.more()
                eq(acts(server, "connections_refused", "all"), 22, "refused connections")


def main():
    words = sys.argv[1:]
    checks.functions = [one for one in checks.functions
                        if not words or any(word in one.__name__.replace("_", " ") for word in words)]
    checks.run()
    return checks.finish()


if __name__ == "__main__":
    sys.exit(main())
