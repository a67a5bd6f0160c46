"""A WebSocket client (RFC 6455) for the end-to-end tests, over plain or TLS sockets: one text message per send, pings
answered, closes told. Standard library only; nothing of it knows Castle's own code.
"""
import base64
import hashlib
import hmac
import itertools
import json
import os
import struct
import time

from castle_client import check, connect, eq

GUID = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
TEXT, CLOSE, PING, PONG = 1, 8, 9, 10


class Closed(Exception):
    """The server said goodbye, or just went: code is None then."""

    def __init__(self, code, reason):
        super().__init__(f"closed with {code} {reason!r}")
        self.code, self.reason = code, reason


class WebSocket:
    def __init__(self, at, path, tls=None):
        self.socket = connect(at, tls, tls and "http/1.1")
        self.reader = self.socket.makefile("rb")
        key = base64.b64encode(os.urandom(16)).decode()
        self.socket.sendall((f"GET {path} HTTP/1.1\r\nHost: {at[0]}:{at[1]}\r\nUpgrade: websocket\r\n"
                             f"Connection: Upgrade\r\nSec-WebSocket-Key: {key}\r\nSec-WebSocket-Version: 13\r\n\r\n"
                             ).encode())
        status = self.reader.readline().decode().strip()
        headers = {}
        while line := self.reader.readline().decode().strip():
            name, _, value = line.partition(":")
            headers[name.lower()] = value.strip()
        check(" 101 " in status, f"no WebSocket at {path}: {status}")
        accept = base64.b64encode(hashlib.sha1((key + GUID).encode()).digest()).decode()
        eq(headers.get("sec-websocket-accept"), accept, "Sec-WebSocket-Accept")

    @staticmethod
    def frame(opcode, data):
        """A masked frame, as clients send them."""
        mask, size = os.urandom(4), len(data)
        head = bytes([0x80 | opcode])
        if size < 126:
            head += bytes([0x80 | size])
        elif size < 65536:
            head += bytes([0x80 | 126]) + struct.pack(">H", size)
        else:
            head += bytes([0x80 | 127]) + struct.pack(">Q", size)
        return head + mask + bytes(byte ^ mask[i % 4] for i, byte in enumerate(data))

    def send(self, *texts):
        """The messages in one write, so that they come together."""
        self.socket.sendall(b"".join(self.frame(TEXT, text.encode()) for text in texts))

    def _exactly(self, count):
        data = self.reader.read(count)
        if len(data) < count:
            raise Closed(None, "")
        return data

    def receive(self):
        """The next text message; Closed when there is none any more."""
        while True:
            first, second = self._exactly(2)
            check(first & 0x80 and not second & 0x80, "a fragment, or a masked frame, from a server")
            size = second & 0x7F
            if size == 126:
                size, = struct.unpack(">H", self._exactly(2))
            elif size == 127:
                size, = struct.unpack(">Q", self._exactly(8))
            data, opcode = self._exactly(size), first & 0x0F
            if opcode == TEXT:
                return data.decode()
            if opcode == PING:
                self.socket.sendall(self.frame(PONG, data))
            elif opcode == CLOSE:
                self.socket.sendall(self.frame(CLOSE, data))
                raise Closed(int.from_bytes(data[:2], "big") if data else None, data[2:].decode())

    def close(self):
        """At once, without a word."""
        self.reader.close()
        self.socket.close()


class WsApi:
    """A client of the WebSocket API: answers by id, events in order. A trader (castle_client.Binance) signs."""

    def __init__(self, at, tls=None, query=""):
        self.ws = WebSocket(at, "/ws-api/v3" + query, tls)
        self.ids = itertools.count(1)
        self.events, self.answers = [], {}

    def _take(self):
        message = json.loads(self.ws.receive())
        if "event" in message:
            self.events.append(message)
        else:
            self.answers[message["id"]] = message

    def submit(self, method, params=None, trader=None, **more):
        """Sends a request; returns its id. `params` go as the JSON values that they are."""
        number = next(self.ids)
        self.ws.send(self.text(number, method, params, trader, **more))
        return number

    @staticmethod
    def text(number, method, params=None, trader=None, signature=None, **more):
        params = dict(params or {})
        if trader:
            params = {"apiKey": trader.key, "timestamp": time.time_ns() // 10 ** 6} | params
            payload = "&".join(f"{name}={WsApi.spelled(params[name])}" for name in sorted(params))
            params["signature"] = signature or hmac.new(trader.secret.encode(), payload.encode(),
                                                        hashlib.sha256).hexdigest()
        return json.dumps({"id": number, "method": method} | ({"params": params} if params else {}) | more)

    @staticmethod
    def spelled(value):
        """A value's text, as it is in the JSON that is sent, too."""
        return value if isinstance(value, str) else json.dumps(value)

    def wait(self, number):
        while number not in self.answers:
            self._take()
        return self.answers.pop(number)

    def ask(self, method, params=None, trader=None, **more):
        return self.wait(self.submit(method, params, trader, **more))

    def result(self, method, params=None, trader=None, **more):
        answer = self.ask(method, params, trader, **more)
        eq(answer["status"], 200, f"status of {answer}")
        return answer["result"]

    def event(self):
        """The next event."""
        while not self.events:
            self._take()
        return self.events.pop(0)

    def close(self):
        self.ws.close()
