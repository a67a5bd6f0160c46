"""A WebSocket client for the end-to-end tests, written from RFC 6455 by hand: it can also do what no client should.

Standard library only, so that sessions in a venv have it.
"""
import base64
import collections
import hashlib
import io
import json
import os
import select
import socket
import struct
import time

import seen
from castle_client import ANSWER_SECONDS, check, connect, eq, read_reply

TEXT, BINARY, CLOSE, PING, PONG, CONTINUATION = 1, 2, 8, 9, 10, 0
GUID = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"

Frame = collections.namedtuple("Frame", "fin rsv opcode masked payload")


def encode(opcode, payload=b"", fin=True, rsv=0, masked=True, length=None, wide=0):
    """One frame. `length` lies about the payload's, `wide` takes more bytes for it than need be."""
    size = len(payload) if length is None else length
    head = bytes([fin << 7 | rsv << 4 | opcode])
    mark = masked << 7
    if wide == 8 or size > 0xFFFF:
        head += bytes([mark | 127]) + struct.pack("!Q", size)
    elif wide == 2 or size > 125:
        head += bytes([mark | 126]) + struct.pack("!H", size)
    else:
        head += bytes([mark | size])
    if not masked:
        return head + payload
    key = os.urandom(4)
    mask = (key * (len(payload) // 4 + 1))[:len(payload)]
    return head + key + (int.from_bytes(payload, "big") ^ int.from_bytes(mask, "big")).to_bytes(len(payload), "big")


class Closed(Exception):
    """The server closed: with which code and reason; code None is an end without a close frame."""

    def __init__(self, code, reason=""):
        super().__init__(f"closed with {code} {reason!r}")
        self.code, self.reason = code, reason


class WebSocket:
    """A connection. Pings are answered while something is read, unless `deaf`."""

    def __init__(self, at, target="/ws", tls=None, headers=None, deaf=False, receive_bytes=None, source=None):
        if receive_bytes:
            self.socket = socket.socket()
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_bytes)
            self.socket.settimeout(ANSWER_SECONDS)
            self.socket.connect(at)
        else:
            self.socket = connect(at, tls, tls and "http/1.1", source)
        self.deaf, self.data, self.pings, self.texts = deaf, b"", [], collections.deque()
        self.ids = 0
        key = base64.b64encode(os.urandom(16)).decode()
        lines = {"Host": f"{at[0]}:{at[1]}", "Upgrade": "websocket", "Connection": "Upgrade",
                 "Sec-WebSocket-Version": "13", "Sec-WebSocket-Key": key}
        lines.update(headers or {})
        text = f"GET {target} HTTP/1.1\r\n" + "".join(f"{k}: {v}\r\n" for k, v in lines.items() if v is not None)
        self.socket.sendall(text.encode() + b"\r\n")
        self.answer = self._read_head()
        if self.answer.status != 101:
            return
        want = base64.b64encode(hashlib.sha1((key + GUID).encode()).digest()).decode()
        eq(self.answer.headers.get("sec-websocket-accept"), want, "Sec-WebSocket-Accept")
        eq(self.answer.headers.get("upgrade", "").lower(), "websocket", "Upgrade")
        check("upgrade" in self.answer.headers.get("connection", "").lower(), "Connection: upgrade")
        seen.connected(self, target)

    def _read_head(self):
        while b"\r\n\r\n" not in self.data:
            more = self.socket.recv(65536)
            if not more:
                raise ConnectionError("the connection ended inside the handshake's answer")
            self.data += more
        head, _, rest = self.data.partition(b"\r\n\r\n")
        if b" 101 " in head.split(b"\r\n")[0]:
            self.data = rest
            return read_reply(io.BytesIO(head.replace(b" 101 ", b" 204 ") + b"\r\n\r\n"))._replace(status=101)
        reader = self.socket.makefile("rb")
        return read_reply(io.BufferedReader(_Joined(self.data, reader)))

    # ---- frames ----

    def send(self, opcode, payload=b"", **more):
        self.socket.sendall(encode(opcode, payload, **more))

    def send_texts(self, *texts):
        """The messages in one write, so that they come together."""
        for text in texts:
            seen.sent(self, text)
        self.send_raw(b"".join(encode(TEXT, text.encode()) for text in texts))

    def send_raw(self, data):
        self.socket.sendall(data)

    def _fill(self, timeout):
        if not select.select([self.socket], [], [], timeout)[0] and not getattr(self.socket, "pending", int)():
            raise TimeoutError("nothing came")
        try:
            more = self.socket.recv(1 << 18)
        except ConnectionResetError:
            raise Closed(None, "reset") from None
        if not more:
            raise Closed(None)
        self.data += more

    def frame(self, timeout=ANSWER_SECONDS):
        """The next frame, whatever it is. Server frames are never masked, and nothing here is fragmented."""
        while True:
            if len(self.data) >= 2:
                size, start = self.data[1] & 127, 2
                if size == 126 and len(self.data) >= 4:
                    size, start = struct.unpack("!H", self.data[2:4])[0], 4
                elif size == 127 and len(self.data) >= 10:
                    size, start = struct.unpack("!Q", self.data[2:10])[0], 10
                elif size >= 126:
                    size = 1 << 62
                if len(self.data) >= start + size:
                    head, payload = self.data[:2], self.data[start:start + size]
                    self.data = self.data[start + size:]
                    return Frame(head[0] >> 7, head[0] >> 4 & 7, head[0] & 15, head[1] >> 7, payload)
            self._fill(timeout)

    def text(self, timeout=ANSWER_SECONDS):
        """The next text message. Closed when there is none any more."""
        while True:
            frame = self.frame(timeout)
            eq((frame.fin, frame.rsv, frame.masked), (1, 0, 0), "a server's frame")
            if frame.opcode == TEXT:
                text = frame.payload.decode()
                seen.heard(self, text)
                return text
            if frame.opcode == CLOSE:
                code = struct.unpack("!H", frame.payload[:2])[0] if frame.payload else 1005
                raise Closed(code, frame.payload[2:].decode())
            if frame.opcode == PING:
                self.pings.append(frame.payload)
                if not self.deaf:
                    self.send(PONG, frame.payload)

    def json(self, timeout=ANSWER_SECONDS):
        return json.loads(self.text(timeout))

    def closed(self):
        """Reads until the end; what the server said of it."""
        while True:
            try:
                self.text()
            except Closed as end:
                return end

    def close(self):
        self.socket.close()

    # ---- what market streams speak ----

    def ask(self, method, params=None, request_id=None):
        """Sends a request and returns its answer; events that come before it are kept for event()."""
        self.ids += 1
        request_id = self.ids if request_id is None else request_id
        message = {"method": method, "id": request_id}
        if params is not None:
            message["params"] = params
        self.send_texts(json.dumps(message))
        while True:
            value = self.json()
            if isinstance(value, dict) and "id" in value and value["id"] == request_id:
                return value
            self.texts.append(value)

    def event(self, timeout=ANSWER_SECONDS):
        return self.texts.popleft() if self.texts else self.json(timeout)

    def until(self, wanted, timeout=ANSWER_SECONDS):
        """The next event of which wanted(event) is true; others are passed over."""
        deadline = time.monotonic() + timeout
        while True:
            event = self.event(max(0.01, deadline - time.monotonic()))
            if wanted(event):
                return event

    def quiet(self, seconds):
        """Whether nothing but pings comes for so long."""
        try:
            self.event(seconds)
        except TimeoutError:
            return True
        return False


class _Joined(io.RawIOBase):
    """What was read already, then the rest: a raw stream for io.BufferedReader."""

    def __init__(self, first, rest):
        super().__init__()
        self.first, self.rest = first, rest

    def readable(self):
        return True

    def readinto(self, room):
        data = self.first[:len(room)] or self.rest.read1(len(room))
        self.first = self.first[len(data):]
        room[:len(data)] = data
        return len(data)
