#!/usr/bin/python3
"""WebSocket connections, by RFC 6455 and by Binance's limits, over raw sockets.

Goal: what a client may send is understood, what it may not is answered with the right close code, and nothing but its
own connection ends. Method: tables of frames and handshakes, each on a connection of its own.
usage: test_ws.py [--minutes] [WORD...]   also the check that takes 80 s; only the checks whose name contains a word
"""
import contextlib
import json
import signal
import struct
import sys
import tempfile
import time

from castle_client import Checks, Http1, Http2, Server, certificate, check, connect, eq
from ws_client import BINARY, CLOSE, CONTINUATION, PING, PONG, TEXT, Closed, WebSocket, encode

checks, minutes = Checks(), Checks()
LIST = json.dumps({"method": "LIST_SUBSCRIPTIONS", "id": 1}).encode()
ANSWER = {"result": [], "id": 1}


def close_frame(code, reason=b""):
    return encode(CLOSE, struct.pack("!H", code) + reason)


# ---- frames ----

GOOD = {  # frames -> what is answered: texts as JSON, pongs as payloads
    "one frame": (encode(TEXT, LIST), [ANSWER]),
    "two fragments": (encode(TEXT, LIST[:9], fin=False) + encode(CONTINUATION, LIST[9:]), [ANSWER]),
    "a fragment a byte": (b"".join(encode(CONTINUATION if i else TEXT, LIST[i:i + 1], fin=i + 1 == len(LIST))
                                   for i in range(len(LIST))), [ANSWER]),
    "empty fragments": (encode(TEXT, fin=False) + encode(CONTINUATION, LIST, fin=False) + encode(CONTINUATION),
                        [ANSWER]),
    "a ping inside a message": (encode(TEXT, LIST[:5], fin=False) + encode(PING, b"now") +
                                encode(CONTINUATION, LIST[5:]), [b"now", ANSWER]),
    "an empty ping": (encode(PING), [b""]),
    "a ping of 125 bytes": (encode(PING, b"x" * 125), [b"x" * 125]),
    "a pong nobody asked for": (encode(PONG, b"hello") + encode(TEXT, LIST), [ANSWER]),
    "a message of 41 KiB": (encode(TEXT, LIST + b" " * (41984 - len(LIST))), [ANSWER]),
    "two messages in one packet": (encode(TEXT, LIST) * 2, [ANSWER, ANSWER]),
    "UTF-8 of four bytes": (encode(TEXT, json.dumps({"method": "UNSUBSCRIBE", "params": ["\U0001F600"], "id": 1},
                                                    ensure_ascii=False).encode()), [{"result": None, "id": 1}]),
    "UTF-8 cut between fragments": (encode(TEXT, b'{"method":"UNSUBSCRIBE","params":["\xf0\x9f', fin=False) +
                                    encode(CONTINUATION, b'\x98\x80"],"id":1}'), [{"result": None, "id": 1}]),
}

BAD = {  # frames -> the close code
    "an unmasked frame": (encode(TEXT, LIST, masked=False), 1002),
    "RSV1": (encode(TEXT, LIST, rsv=4), 1002),
    "RSV2": (encode(TEXT, LIST, rsv=2), 1002),
    "RSV3": (encode(TEXT, LIST, rsv=1), 1002),
    "opcode 3": (encode(3, b"x"), 1002),
    "opcode 11": (encode(11, b"x"), 1002),
    "a continuation of nothing": (encode(CONTINUATION, LIST), 1002),
    "a message inside a message": (encode(TEXT, LIST, fin=False) + encode(TEXT, LIST), 1002),
    "a fragmented ping": (encode(PING, b"x", fin=False), 1002),
    "a ping of 126 bytes": (encode(PING, b"x" * 126), 1002),
    "a length of two bytes that fits one": (encode(TEXT, b"{}", wide=2), 1002),
    "a length of eight bytes that fits two": (encode(TEXT, b"x" * 200, wide=8), 1002),
    "a length beyond 2^63": (encode(TEXT, b"x", length=1 << 63), 1002),
    "a message of 41 KiB and one byte": (encode(TEXT, b" " * 41985), 1009),
    "a message of 2^40 bytes announced": (encode(TEXT, b"x", length=1 << 40), 1009),
    "fragments of more than 41 KiB": (encode(TEXT, b" " * 41000, fin=False) + encode(CONTINUATION, b" " * 1000), 1009),
    "fragments without end": (encode(TEXT, fin=False) + encode(CONTINUATION, fin=False) * 200, 1008),
    "bytes that are no UTF-8": (encode(TEXT, b"\xff"), 1007),
    "overlong UTF-8": (encode(TEXT, b"\xc0\xaf"), 1007),
    "a surrogate": (encode(TEXT, b"\xed\xa0\x80"), 1007),
    "UTF-8 cut at the end": (encode(TEXT, b"\xf0\x9f\x98"), 1007),
    "a binary message": (encode(BINARY, LIST), 1003),
    "a close of one byte": (encode(CLOSE, b"x"), (1002, 1005, 1007)),
    "a close with 1005": (close_frame(1005), 1002),
    "a close with 999": (close_frame(999), 1002),
    "a close with 5000": (close_frame(5000), 1002),
    "a close whose reason is no UTF-8": (close_frame(1000, b"\xff\xfe"), 1007),
}


@checks
def frames_that_are_right_are_answered(server):
    for name, (data, answers) in GOOD.items():
        with contextlib.closing(WebSocket(server.public)) as ws:
            ws.send_raw(data)
            for answer in answers:
                frame = ws.frame()
                if isinstance(answer, bytes):
                    eq((frame.opcode, frame.payload), (PONG, answer), name)
                else:
                    eq((frame.opcode, json.loads(frame.payload)), (TEXT, answer), name)


@checks
def frames_that_are_wrong_close_with_their_code(server):
    with contextlib.closing(WebSocket(server.public)) as good:
        for name, (data, code) in BAD.items():
            with contextlib.closing(WebSocket(server.public)) as ws:
                ws.send_raw(data)
                end = ws.closed()
                check(end.code in (code if isinstance(code, tuple) else (code,)), f"{name}: {end}")
                eq(ws.socket.recv(1), b"", f"{name}: nothing behind the close frame")
        good.send(TEXT, LIST)
        eq(good.json(), ANSWER, "another connection")


@checks
def frames_may_come_byte_by_byte(server):
    with contextlib.closing(WebSocket(server.public)) as ws:
        for i in range(0, len(data := encode(TEXT, LIST))):
            ws.send_raw(data[i:i + 1])
        eq(ws.json(), ANSWER, "the answer")


@checks
def a_close_is_answered_with_its_code(server):
    for code, reason in ((1000, b""), (1000, b"bye"), (1001, b""), (3000, b"x"), (4999, b"own")):
        with contextlib.closing(WebSocket(server.public)) as ws:
            ws.send_raw(close_frame(code, reason))
            eq((lambda end: (end.code, end.reason))(ws.closed()), (code, reason.decode()), "the echo")
            eq(ws.socket.recv(1), b"", "and the end")
    with contextlib.closing(WebSocket(server.public)) as ws:
        ws.send(CLOSE)
        eq(ws.closed().code, 1005, "a close without a code")


@checks
def frames_sent_with_the_handshake_are_taken(server):
    key = "dGhlIHNhbXBsZSBub25jZQ=="
    sock = connect(server.public)
    sock.sendall(b"GET /ws HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: keep-alive, Upgrade\r\n"
                 b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: " + key.encode() + b"\r\n\r\n" + encode(TEXT, LIST))
    data = b""
    while b'"id":1}' not in data:
        more = sock.recv(4096)
        check(more, f"closed: {data!r}")
        data += more
    check(b"s3pPLMBiTxaQ9kYGzzhZRbK+xOo=" in data, "the accept key of RFC 6455 §1.3")
    sock.close()


# ---- handshakes ----

HANDSHAKES = {  # headers changed -> status
    "version 8": {"Sec-WebSocket-Version": "8"},
    "version 13, 8": {"Sec-WebSocket-Version": "13, 8"},
    "no version": {"Sec-WebSocket-Version": None},
    "no key": {"Sec-WebSocket-Key": None},
    "a key of 15 bytes": {"Sec-WebSocket-Key": "MDEyMzQ1Njc4OWFiY2Rl"},
    "a key that is no base64": {"Sec-WebSocket-Key": "********************=="},
    "no upgrade": {"Upgrade": None},
    "another upgrade": {"Upgrade": "h3"},
    "no connection": {"Connection": None},
    "a connection that does not name it": {"Connection": "keep-alive"},
    "a body": {"Content-Length": "1"},
}


@checks
def handshakes_that_are_wrong_get_400_in_json(server):
    for target in ("/ws", "/ws/btcusdt@trade", "/stream?streams=a"):
        for name, headers in HANDSHAKES.items():
            with contextlib.closing(WebSocket(server.public, target, headers=headers)) if name != "a body" else \
                    contextlib.nullcontext(post_body(server, target)) as ws:
                eq(ws.answer.status, 400, f"{target}, {name}")
                eq(json.loads(ws.answer.body)["code"], -1000, f"{target}, {name}")


def post_body(server, target):
    class Answered:
        answer = Http1(server.public).request("GET", target, {
            "Upgrade": "websocket", "Connection": "Upgrade", "Sec-WebSocket-Version": "13",
            "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ=="}, b"x")
    return Answered


@checks
def other_methods_and_versions_get_400(server):
    head = {"Upgrade": "websocket", "Connection": "Upgrade", "Sec-WebSocket-Version": "13",
            "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ=="}
    for method in ("POST", "PUT", "DELETE"):
        eq(Http1(server.public).request(method, "/ws", head).status, 400, method)
    eq(Http2(server.public).request("GET", "/ws").status, 400, "HTTP/2")
    eq(Http1(server.public).request("GET", "/ws").status, 400, "a plain GET")
    eq(Http1(server.public).request("GET", "/wsx", head).status, 404, "another path")
    with contextlib.closing(WebSocket(server.public, headers={"Connection": "keep-alive, Upgrade",
                                                              "Upgrade": "WebSocket"})) as ws:
        eq(ws.answer.status, 101, "tokens in any case, in a list")


@checks
def extensions_and_protocols_are_declined(server):
    with contextlib.closing(WebSocket(server.public, headers={
            "Sec-WebSocket-Extensions": "permessage-deflate; client_max_window_bits",
            "Sec-WebSocket-Protocol": "x"})) as ws:
        eq(ws.answer.status, 101, "the handshake")
        check("sec-websocket-extensions" not in ws.answer.headers, "no extension")
        check("sec-websocket-protocol" not in ws.answer.headers, "no protocol")


@checks
def sockets_work_over_tls(_):
    with tempfile.TemporaryDirectory() as folder:
        cert, key = certificate(folder)
        with Server("--tls-cert", cert, "--tls-key", key) as server:
            for name, (data, code) in {"good": (encode(TEXT, LIST), None), **BAD}.items():
                with contextlib.closing(WebSocket(server.public, tls=cert)) as ws:
                    ws.send_raw(data)
                    if code is None:
                        eq(ws.json(), ANSWER, "over TLS")
                    else:
                        check(ws.closed().code in (code if isinstance(code, tuple) else (code,)), name)


# ---- limits and lives ----

@checks
def the_server_pings_after_20_seconds(server):
    with contextlib.closing(WebSocket(server.public)) as ws:
        begun = time.time()
        frame = ws.frame(40)
        eq(frame.opcode, PING, "the first frame")
        check(begun * 1000 <= int(frame.payload) + 1000, f"its payload is its time: {frame.payload}")
        ws.send(PONG, frame.payload)
        ws.send(TEXT, LIST)
        eq(ws.json(), ANSWER, "it lives on")


@minutes
def a_pong_within_60_seconds_is_what_a_connection_lives_by(server):
    with contextlib.closing(WebSocket(server.public)) as ws, contextlib.closing(WebSocket(server.public, deaf=True)) as deaf:
        for _ in range(4):  # at 20, 40, 60 and 80 s
            frame = ws.frame(40)
            eq(frame.opcode, PING, "a ping")
            ws.send(PONG, frame.payload)
            deaf.send(PONG)  # unsolicited, and no answer to anything
        end = deaf.closed()
        eq((end.code, end.reason), (1008, "No pong within 60 seconds."), "the end of who does not answer")
        eq(len(deaf.pings), 3, "pings before that")
        ws.send(TEXT, LIST)
        eq(ws.json(), ANSWER, "who answers lives on")


@checks
def a_sixth_frame_within_a_second_closes(_):
    with Server(defaults=False, *("--listen", "127.0.0.1:0", "--admin", "127.0.0.1:0")) as server:
        for name, frame in (("ping", encode(PING, b"x")), ("pong", encode(PONG)), ("text", encode(TEXT, LIST))):
            with contextlib.closing(WebSocket(server.public)) as ws:
                ws.send_raw(frame * 5)
                if name == "ping":
                    for _ in range(5):
                        eq(ws.frame().opcode, PONG, "five are taken")
                if name == "text":
                    for _ in range(5):
                        eq(ws.json(), ANSWER, "five are taken")
                ws.send_raw(frame)
                end = ws.closed()
                eq((end.code, end.reason), (1008, "Too many requests"), name)
            with contextlib.closing(WebSocket(server.public)) as ws:  # a fragment is no message
                ws.send_raw(GOOD["a fragment a byte"][0])
                eq(ws.json(), ANSWER, "many fragments are one message")


@checks
def an_address_may_open_300_connections_in_five_minutes(_):
    with Server(defaults=False, *("--listen", "127.0.0.1:0", "--admin", "127.0.0.1:0")) as server:
        opened = 0
        for _ in range(605):  # the window may end meanwhile, once
            ws = WebSocket(server.public)
            ws.close()
            if ws.answer.status != 101:
                break
            opened += 1
        check(opened == 300 or 300 < opened <= 600, f"{opened} were let in")
        eq(ws.answer.status, 429, "the next one")
        eq(json.loads(ws.answer.body)["code"], -1003, "its code")
        check(0 < int(ws.answer.headers["retry-after"]) <= 300, "seconds to the end of the window")
        eq(WebSocket(server.public, source="127.0.0.2").answer.status, 101, "another address")
        eq(Http1(server.public).request("GET", "/api/v3/ping").status, 200, "REST goes on")


@checks
def idle_connections_live_and_count(_):
    with Server("--idle-timeout", "1", "--request-timeout", "1") as server:
        with contextlib.closing(WebSocket(server.public)) as ws, contextlib.closing(connect(server.public)) as idle:
            idle.sendall(b"GET /api/v3/ping HTTP/1.1\r\nHost: x\r\n\r\n")
            while idle.recv(4096):  # the idle limit closes this one: then it has long passed for the other, too
                pass
            with contextlib.closing(connect(server.public)) as again:
                again.sendall(b"GET /api/v3/ping HTTP/1.1\r\nHost: x\r\n\r\n")
                while again.recv(4096):
                    pass
            ws.send(TEXT, LIST)
            eq(ws.json(), ANSWER, "an idle WebSocket")
            metrics = server.admin().metrics()
            check("castle_ws_connections 1\n" in metrics, "it is counted")


@checks
def a_drain_says_so_and_ends_them(_):
    for target, said in (("/ws", lambda e: e), ("/stream", lambda e: e["stream"] == "!serverShutdown" and e["data"])):
        with Server() as server:
            ws = WebSocket(server.public, target)
            eq(ws.ask("LIST_SUBSCRIPTIONS")["result"], [], "it is open")
            server.process.send_signal(signal.SIGTERM)
            event = said(ws.json())
            eq((event["e"], sorted(event)), ("serverShutdown", ["E", "e"]), "the event")
            end = ws.closed()
            eq((end.code, end.reason), (1001, "The server shuts down."), "the end")
            ws.send_raw(close_frame(1001))
            ws.close()
            eq(server.process.wait(30), 0, "the server's exit")


def main():
    words = [word for word in sys.argv[1:] if word != "--minutes"]
    if len(words) < len(sys.argv) - 1:
        checks.functions += minutes.functions
    if words:
        checks.functions = [f for f in checks.functions if any(word in f.__name__ for word in words)]
    with Server() as server:
        checks.run(server)
        eq(server.sigterm(), 0, "the server's exit")
    return checks.finish()


if __name__ == "__main__":
    sys.exit(main())
