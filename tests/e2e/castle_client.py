"""What the end-to-end tests share: a server process, an operator, traders on HTTP/1.1 and HTTP/2 (the runner: checks.py).

Nothing here knows what an answer ought to be: the tests say that. Python 3.11, standard library and python3-h2.
"""
import atexit
import collections
import contextlib
import hashlib
import hmac
import http.client
import json
import os
import pathlib
import shutil
import signal
import socket
import ssl
import subprocess
import sys
import tempfile
import time
import urllib.parse

import h2.config
import h2.connection
import h2.events

import seen
from checks import ATOM, Checks, atoms, check, eq, fee_of, quote_of, show, units  # the tests take all from here

ROOT = pathlib.Path(__file__).resolve().parents[2]
BINARY = os.environ.get("CASTLE_BIN") or str(ROOT / "build/release/castle")
START_SECONDS = 120  # a deadline for what must end, never a measure
ANSWER_SECONDS = 60
HISTORY_SECONDS = 120  # the same, of a history that a busy machine's idle moments are too few for
FORM = "application/x-www-form-urlencoded"

Reply = collections.namedtuple("Reply", "status headers body")  # header names in lower case


# ---- the process ----

def environment(extra=None):
    env = {k: v for k, v in os.environ.items() if not k.startswith("CASTLE_")}
    return env | (extra or {})


def castle(*args, env=None, timeout=300):
    """Runs the program to its end; stdout and stderr together in .stdout."""
    return subprocess.run([BINARY, *map(str, args)], env=environment(env), timeout=timeout, text=True,
                          errors="replace", stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT)


class Server:
    """`castle serve` on a directory of its own. start() returns when the ready file names this process."""

    def __init__(self, *options, env=None, data=None, defaults=True, stdout=None):
        self.home = pathlib.Path(tempfile.mkdtemp(prefix="castle-e2e-"))
        self.data = pathlib.Path(data) if data else self.home / "data"
        self.ready_file, self.log_file = self.home / "ready.json", self.home / "output.log"
        self.options = [str(option) for option in options]
        self.env, self.defaults, self.process, self.ready = env, defaults, None, None
        self.stdout = stdout  # a file for it alone; else it is in output() with stderr
        self.start_seconds = 0.0
        atexit.register(self.remove)

    def command(self):
        given = ["--data", self.data, "--ready-file", self.ready_file]
        if self.defaults:
            given += ["--listen", "127.0.0.1:0", "--admin", "127.0.0.1:0", "--rate-limits", "off"]
        return [BINARY, "serve", *map(str, given), *self.options]

    def start(self):
        check(os.path.exists(BINARY), f"no program at {BINARY}: build it, or set CASTLE_BIN")
        begun = time.monotonic()
        with open(self.log_file, "ab") as log:
            self.process = subprocess.Popen(self.command(), env=environment(self.env), stdin=subprocess.DEVNULL,
                                            stdout=self.stdout or log, stderr=log)
        while not self._is_ready():
            # waiting for the exit is the pause between two looks at the ready file
            with contextlib.suppress(subprocess.TimeoutExpired):
                code = self.process.wait(timeout=0.005)
                self._fail(f"the server ended with {code} before it was ready")
            if time.monotonic() - begun > START_SECONDS:
                self.process.kill()
                self._fail(f"the server was not ready within {START_SECONDS} s")
        self.start_seconds = time.monotonic() - begun
        return self

    def _is_ready(self):
        # A kill -9 leaves the old ready file: only the one with our pid counts.
        try:
            self.ready = json.loads(self.ready_file.read_text())
        except FileNotFoundError:
            return False
        return self.ready["pid"] == self.process.pid

    def _fail(self, message):
        sys.stderr.write(f"---- {message}; its output:\n{self.output()}\n----\n")
        raise RuntimeError(message)

    def output(self):
        return self.log_file.read_text(errors="replace") if self.log_file.exists() else ""

    def told(self, text, more_than=0):
        """The output once it holds `text` more than so many times: the log is written by a thread of its own."""
        deadline = time.monotonic() + START_SECONDS
        while (output := self.output()).count(text) <= more_than:
            check(time.monotonic() < deadline, f"nothing was told of {text}: {output[-2000:]}")
            time.sleep(0.005)
        return output

    @property
    def public(self):
        return address(self.ready["listen"])

    @property
    def admin_at(self):
        return address(self.ready["admin"])

    def admin(self):
        return Admin(self.admin_at, (self.data / "admin.token").read_text().strip())

    def settle(self):
        """Waits until nothing is on its way between shards, and returns the audit. Of a trade each side is told by its own
        account's shard, so an answer to the one does not say that the other's account has its part. Each core has a whole turn
        between two audits, so what was on its way at the first one has changed the second."""
        admin, deadline, last = self.admin(), time.monotonic() + ANSWER_SECONDS, None
        with contextlib.closing(admin.http):
            while (now := admin.audit()) != last:
                check(time.monotonic() < deadline, "something is always on its way")
                last = now
        return now

    def kill9(self):
        self.process.kill()
        return self.process.wait(START_SECONDS)

    def sigterm(self):
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(START_SECONDS)

    def restart(self):
        check(self.process.poll() is not None, "restart of a running server")
        return self.start()

    def remove(self):
        if self.process and self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        shutil.rmtree(self.home, ignore_errors=True)

    def __enter__(self):
        return self.start()

    def __exit__(self, kind, error, trace):
        if error and self.process.poll() is not None:
            sys.stderr.write(f"---- the server ended with {self.process.returncode}; its output:\n"
                             f"{self.output()[-8000:]}\n----\n")
        self.remove()


def address(text):
    host, _, port = text.rpartition(":")
    return host.strip("[]"), int(port)


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


# ---- transports: request() waits for its answer; submit() and next_reply() do not ----
# `tls` is the file of the certificate to trust; None is plain HTTP.

def certificate(folder, name="castle", days=2):
    """A self-signed certificate for 127.0.0.1 and its key, as PEM files."""
    cert, key = pathlib.Path(folder) / f"{name}.crt", pathlib.Path(folder) / f"{name}.key"
    subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days",
                    str(days), "-subj", f"/CN={name}", "-addext", "subjectAltName=IP:127.0.0.1", "-keyout", key, "-out",
                    cert], check=True, capture_output=True)
    return cert, key


def key_pair(folder, kind, bits=2048):
    """A new pair of an API key that is ED25519 or RSA: the file of the private one, and the public one, in PEM."""
    private = pathlib.Path(folder) / f"{kind}-{bits}-{time.monotonic_ns()}.pem"
    subprocess.run(["openssl", "genpkey", "-algorithm", kind, "-out", private,
                    *(["-pkeyopt", f"rsa_keygen_bits:{bits}"] if kind == "RSA" else [])], check=True, capture_output=True)
    public = subprocess.run(["openssl", "pkey", "-in", private, "-pubout"], check=True, capture_output=True)
    return private, public.stdout.decode()


def trusting(tls, *protocols):
    context = ssl.create_default_context(cafile=tls)
    if protocols:
        context.set_alpn_protocols(protocols)
    return context


def connect(at, tls=None, protocol=None, source=None):
    """A connected socket; with TLS, the protocol must be what ALPN agrees on."""
    plain = socket.create_connection(at, timeout=ANSWER_SECONDS, source_address=source and (source, 0))
    plain.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    if not tls:
        return plain
    secure = trusting(tls, *([protocol] if protocol else [])).wrap_socket(plain, server_hostname=at[0])
    eq(secure.selected_alpn_protocol(), protocol, "the protocol of ALPN")
    return secure


class Http1:
    """One keep-alive connection by http.client, whose parser is not ours."""

    def __init__(self, at, tls=None):
        self.at, self.used = at, False
        if tls:
            self.connection = http.client.HTTPSConnection(*at, timeout=ANSWER_SECONDS, context=trusting(tls))
        else:
            self.connection = http.client.HTTPConnection(*at, timeout=ANSWER_SECONDS)

    def request(self, method, target, headers=None, body=b""):
        try:
            return self._once(method, target, headers, body)
        except (http.client.RemoteDisconnected, ConnectionResetError, BrokenPipeError):
            if not self.used:
                raise
        self.close()  # a kept-alive connection that the server had closed meanwhile: once more on a new one
        return self._once(method, target, headers, body)

    def _once(self, method, target, headers, body):
        self.connection.putrequest(method, target, skip_accept_encoding=True)
        for name, value in (headers or {}).items():
            self.connection.putheader(name, value)
        if body or method in ("POST", "PUT"):
            self.connection.putheader("Content-Length", str(len(body)))
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):
            self.connection.endheaders(body or None)  # who refuses a large body may answer before it is sent
        answer = self.connection.getresponse()
        reply = Reply(answer.status, {k.lower(): v for k, v in answer.getheaders()}, answer.read())
        self.used = not answer.will_close
        seen.rest(method, target, headers, body, reply)
        return reply

    def close(self):
        self.connection.close()
        self.used = False


class Pipe1:
    """HTTP/1.1 pipelining on one socket: many requests under way, answers in order."""

    def __init__(self, at, tls=None):
        self.host = f"{at[0]}:{at[1]}"
        self.socket = connect(at, tls, tls and "http/1.1")
        self.reader = self.socket.makefile("rb")
        self.sent = self.answered = 0
        self.asked = collections.deque()

    def submit(self, method, target, headers=None, body=b""):
        lines = [f"{method} {target} HTTP/1.1", f"Host: {self.host}", f"Content-Length: {len(body)}"]
        lines += [f"{name}: {value}" for name, value in (headers or {}).items()]
        self.socket.sendall("\r\n".join(lines).encode() + b"\r\n\r\n" + body)
        self.sent += 1
        self.asked.append((method, target, headers, body))
        return self.sent

    def next_reply(self):
        reply = read_reply(self.reader)
        self.answered += 1
        if self.asked:
            seen.rest(*self.asked.popleft(), reply)
        return self.answered, reply

    def request(self, method, target, headers=None, body=b""):
        self.submit(method, target, headers, body)
        return self.next_reply()[1]

    def close(self):
        self.reader.close()
        self.socket.close()


def read_reply(reader):
    """One HTTP/1.1 response, complete or ConnectionError."""
    def line():
        text = reader.readline(65536)
        if not text.endswith(b"\n"):
            raise ConnectionError("the connection ended inside an answer")
        return text.rstrip(b"\r\n").decode("latin-1")

    def exactly(count):
        data = reader.read(count)
        if len(data) < count:
            raise ConnectionError("the connection ended inside an answer")
        return data

    status = int(line().split(" ", 2)[1])
    headers, body = {}, b""
    while text := line():
        name, _, value = text.partition(":")
        headers[name.strip().lower()] = value.strip()
    if headers.get("transfer-encoding") == "chunked":
        while size := int(line().split(";")[0], 16):
            body += exactly(size)
            line()
        line()
    elif "content-length" in headers:
        body = exactly(int(headers["content-length"]))
    elif status not in (204, 304):
        body = reader.read()
    return Reply(status, headers, body)


class Http2:
    """HTTP/2, by prior knowledge or ALPN: many streams on one connection, submitted in order, answers by stream id."""

    def __init__(self, at, tls=None):
        self.authority, self.scheme = f"{at[0]}:{at[1]}", "https" if tls else "http"
        self.socket = connect(at, tls, tls and "h2")
        config = h2.config.H2Configuration(client_side=True, header_encoding="utf-8", validate_inbound_headers=False)
        self.h2 = h2.connection.H2Connection(config)
        self.h2.initiate_connection()
        self.open, self.done, self.goaway, self.settled = {}, collections.OrderedDict(), False, False
        self.asked = {}
        self.bytes = b""  # of a frame that is not whole yet
        self._flush()
        while not self.settled:  # the server's limits come first
            self._read()

    def _flush(self):
        data = self.h2.data_to_send()
        if data:
            self.socket.sendall(data)

    def _read(self):
        data = self.socket.recv(1 << 16)
        if not data:
            raise ConnectionError("the server closed the HTTP/2 connection")
        self.bytes += data
        while len(self.bytes) >= 9 and len(self.bytes) >= 9 + int.from_bytes(self.bytes[:3], "big"):
            size = 9 + int.from_bytes(self.bytes[:3], "big")
            frame, self.bytes = self.bytes[:size], self.bytes[size:]
            for event in self.h2.receive_data(frame):
                self._take(event)
        self._flush()

    def _take(self, event):
        if isinstance(event, h2.events.RemoteSettingsChanged):
            self.settled = True
        elif isinstance(event, h2.events.ResponseReceived):
            self.open[event.stream_id][0] = {k.lower(): v for k, v in event.headers}
        elif isinstance(event, h2.events.DataReceived):
            self.open[event.stream_id][1].append(event.data)
            self.h2.acknowledge_received_data(event.flow_controlled_length, event.stream_id)
        elif isinstance(event, h2.events.StreamEnded):
            headers, parts = self.open.pop(event.stream_id)
            reply = Reply(int(headers.pop(":status")), headers, b"".join(parts))
            self.done[event.stream_id] = reply
            if event.stream_id in self.asked:
                seen.rest(*self.asked.pop(event.stream_id), reply)
        elif isinstance(event, h2.events.StreamReset):
            if self.open.pop(event.stream_id, None):  # else it was answered before
                self.done[event.stream_id] = ConnectionError(f"stream reset, error code {event.error_code}")
        elif isinstance(event, h2.events.ConnectionTerminated):
            self.goaway = True  # answers still come (RFC 9113 §6.8), but the h2 package closes its state
            self.h2.state_machine.state = h2.connection.ConnectionState.CLIENT_OPEN

    def submit(self, method, target, headers=None, body=b""):
        while self.h2.open_outbound_streams >= self.h2.remote_settings.max_concurrent_streams:
            self._read()
        stream = self.h2.get_next_available_stream_id()
        lines = [(":method", method), (":scheme", self.scheme), (":authority", self.authority), (":path", target)]
        lines += [(name.lower(), str(value)) for name, value in (headers or {}).items()]
        self.h2.send_headers(stream, lines, end_stream=not body)
        self.open[stream] = [{}, []]
        self.asked[stream] = method, target, headers, body
        for at in range(0, len(body), self.h2.max_outbound_frame_size):
            part = body[at:at + self.h2.max_outbound_frame_size]
            self.h2.send_data(stream, part, end_stream=at + len(part) == len(body))
        self._flush()
        return stream

    def next_reply(self):
        """Any answer that is complete, in the order of completion."""
        while not self.done:
            self._read()
        stream, reply = self.done.popitem(last=False)
        if isinstance(reply, Exception):
            raise reply
        return stream, reply

    def wait(self, stream):
        while stream not in self.done:
            self._read()
        reply = self.done.pop(stream)
        if isinstance(reply, Exception):
            raise reply
        return reply

    def request(self, method, target, headers=None, body=b""):
        return self.wait(self.submit(method, target, headers, body))

    def close(self):
        with contextlib.suppress(OSError):
            self.h2.close_connection()
            self._flush()
        self.socket.close()


# ---- callers ----

class ApiError(Exception):
    """An answer that says no: the HTTP status, the code and the text."""

    def __init__(self, status, code, msg, reply=None):
        super().__init__(f"HTTP {status}, {code}: {msg}")
        self.status, self.code, self.msg, self.reply = status, code, msg, reply


def parse(reply):
    """The JSON of a good answer; ApiError for any other."""
    try:
        value = json.loads(reply.body) if reply.body else None
    except ValueError:
        raise ApiError(reply.status, None, f"not JSON: {reply.body[:200]!r}", reply) from None
    if 200 <= reply.status < 300:
        return value
    value = value if isinstance(value, dict) else {}
    raise ApiError(reply.status, value.get("code"), value.get("msg"), reply)


def behind(status, error):
    """Whether an answer to a read says that the history has not come as far in the 10 s that a request may take. Its
    thread has the lowest priority there is, so a machine that is busy with other things may starve it."""
    return (status, error.get("code")) == (504, -1007) or \
        (status, error.get("code")) == (503, -1008) and error["msg"].startswith("The history cannot be read now")


def asked_again(ask):
    """What ask() answers, a (status, error or {}, anything), once the history is there: as a client would have it."""
    deadline = time.monotonic() + HISTORY_SECONDS
    while True:
        status, error, value = ask()
        if not behind(status, error) or time.monotonic() > deadline:
            return value


def reply_of(reply):
    """A Reply, for asked_again()."""
    return reply.status, json.loads(reply.body) if reply.status in (503, 504) else {}, reply


def refusal(function, *args, **named):
    """Calls what must be refused; returns the ApiError."""
    try:
        value = function(*args, **named)
    except ApiError as error:
        return error
    raise AssertionError(f"accepted what had to be refused: {value!r}")


class Admin:
    """The operator's side (DESIGN §10)."""

    def __init__(self, at, token):
        self.http, self.token = Http1(at), token

    def raw(self, method, path, body=b"", token=True):
        headers = {"Content-Type": "application/json"} if body else {}
        if token:
            headers["Authorization"] = f"Bearer {self.token if token is True else token}"
        return self.http.request(method, path, headers, body)

    def call(self, method, path, content=None):
        return parse(self.raw(method, path, b"" if content is None else json.dumps(content).encode()))

    def deposit_request(self, user, asset, amount, request_id):
        """What a deposit is on the wire, for a pipeline: (method, target, headers, body)."""
        content = {"asset": asset, "amount": amount, "requestId": request_id}
        return ("POST", f"/admin/v1/users/{user}/deposits",
                {"Content-Type": "application/json", "Authorization": f"Bearer {self.token}"},
                json.dumps(content).encode())

    def user(self, name):
        return self.call("POST", "/admin/v1/users", {"name": name})["userId"]

    def users(self):
        return self.call("GET", "/admin/v1/users")

    def group(self, user, number):
        return self.call("PUT", f"/admin/v1/users/{user}", {"tradeGroupId": number})

    def key(self, user, permissions=("USER_DATA", "TRADE"), kind="HMAC", **more):
        answer = self.call("POST", f"/admin/v1/users/{user}/keys",
                           {"type": kind, "permissions": list(permissions), **more})
        return answer["apiKey"], answer.get("secretKey")

    def keys(self, user):
        return self.call("GET", f"/admin/v1/users/{user}/keys")

    def delete_key(self, user, api_key):
        return self.call("DELETE", f"/admin/v1/users/{user}/keys/{api_key}")

    def deposit(self, user, asset, amount, request_id):
        return parse(self.http.request(*self.deposit_request(user, asset, amount, request_id)))

    def withdraw(self, user, asset, amount, request_id):
        return self.call("POST", f"/admin/v1/users/{user}/withdrawals",
                         {"asset": asset, "amount": amount, "requestId": request_id})

    def symbol(self, symbol, base, quote, **more):
        return self.call("POST", "/admin/v1/symbols",
                         {"symbol": symbol, "baseAsset": base, "quoteAsset": quote, **more})

    def symbols(self):
        return self.call("GET", "/admin/v1/symbols")

    def status(self, symbol, status):
        return self.call("PUT", f"/admin/v1/symbols/{symbol}/status", {"status": status})

    def change_symbol(self, symbol, *filters, **more):
        """Each filter a dict in Binance's form."""
        return self.call("PUT", f"/admin/v1/symbols/{symbol}", more | ({"filters": list(filters)} if filters else {}))

    def delist(self, symbol):
        return self.call("DELETE", f"/admin/v1/symbols/{symbol}")

    def commission(self, user, maker, taker, **symbol):
        return self.call("PUT", f"/admin/v1/users/{user}/commission", {"maker": maker, "taker": taker, **symbol})

    def exchange_filters(self, *filters):
        return self.call("PUT", "/admin/v1/filters", {"filters": list(filters)})

    def audit(self):
        return self.call("GET", "/admin/v1/audit")

    def shards(self):
        return self.call("GET", "/admin/v1/shards")

    def connections(self):
        return self.call("GET", "/admin/v1/connections")

    def metrics(self):
        """GET /metrics, which wants no token: the text."""
        reply = self.raw("GET", "/metrics", token=False)
        eq((reply.status, reply.headers["content-type"]), (200, "text/plain; version=0.0.4; charset=utf-8"), "metrics")
        return reply.body.decode()

    def healthz(self):
        return self.raw("GET", "/healthz", token=False).status

    def readyz(self):
        return self.raw("GET", "/readyz", token=False).status


def conserved(audit):
    """The audit says ok, and its numbers agree with it, to the last unit of every asset."""
    eq(audit["ok"], True, "audit ok")
    check(isinstance(audit["lsn"], int) and len(audit["stateHash"]) == 16, f"lsn or stateHash: {audit}")
    int(audit["stateHash"], 16)
    for asset in audit["assets"]:
        have = sum(atoms(asset[field]) for field in ("free", "locked", "fees", "inFlight"))
        eq(have, atoms(asset["deposits"]) - atoms(asset["withdrawals"]), f"conservation of {asset['asset']}")
    return audit


def listing(value):
    """A list answer, bare or as the one list of an object."""
    if isinstance(value, list):
        return value
    lists = [part for part in value.values() if isinstance(part, list)]
    check(len(lists) == 1, f"not a list answer: {value!r}")
    return lists[0]


class Binance:
    """A trader with a key, as the known clients are (API §2.2).

    how   where POST parameters go: "query" (empty body, Content-Type application/json, like @binance/spot),
          "form" (like ccxt) or "mixed"
    unit  of the timestamp: "ms" or "us"
    micro asks for microseconds in answers
    """

    def __init__(self, http, key=None, secret=None, how="form", unit="ms", micro=False):
        self.http, self.key, self.secret = http, key, secret
        self.how, self.unit, self.micro = how, unit, micro
        self.turns = None  # Turns, if it takes part in them

    def sign(self, payload):
        return hmac.new(self.secret.encode(), payload.encode(), hashlib.sha256).hexdigest()

    def build(self, method, path, params=None, signed=True, how=None):
        """What goes on the wire: (method, target, headers, body). params: dict, or list of pairs."""
        if signed and self.turns:
            self.turns.of(self)
        pairs = list(params.items()) if isinstance(params, dict) else list(params or [])
        pairs = [(name, value) for name, value in pairs if value is not None]
        how = (how or self.how) if method in ("POST", "PUT") else "query"
        headers = {"X-MBX-APIKEY": self.key} if self.key else {}
        if self.micro:
            headers["X-MBX-TIME-UNIT"] = "MICROSECOND"
        if signed and "timestamp" not in dict(pairs):
            pairs.append(("timestamp", time.time_ns() // (10 ** 6 if self.unit == "ms" else 10 ** 3)))
        split = {"query": len(pairs), "form": 0, "mixed": len(pairs) // 2}[how]
        query, body = (urllib.parse.urlencode(part) for part in (pairs[:split], pairs[split:]))
        if signed:
            signature = "signature=" + urllib.parse.quote(self.sign(query + body), safe="")
            if how == "query":
                query += "&" + signature
            else:
                body += "&" + signature
        if how == "query":
            if method in ("POST", "PUT"):
                headers["Content-Type"] = "application/json"
        else:
            headers["Content-Type"] = FORM
        return method, path + ("?" + query if query else ""), headers, body.encode()

    def call(self, method, path, params=None, signed=True, how=None):
        return parse(self.answer(method, path, params, signed, how))

    def answer(self, method, path, params=None, signed=True, how=None):
        """The Reply, whatever it says; a read is asked again while the history is behind."""
        def ask():
            return self.http.request(*self.build(method, path, params, signed, how))
        return asked_again(lambda: reply_of(ask())) if method == "GET" else ask()

    def get(self, path, params=None, signed=False):
        return self.call("GET", "/api/v3/" + path, params, signed)

    def order(self, symbol, side, kind, how=None, **params):
        return self.call("POST", "/api/v3/order", {"symbol": symbol, "side": side, "type": kind, **params}, how=how)

    def limit(self, symbol, side, quantity, price, tif="GTC", **params):
        return self.order(symbol, side, "LIMIT", timeInForce=tif, quantity=quantity, price=price, **params)

    def cancel(self, symbol, **params):
        return self.call("DELETE", "/api/v3/order", {"symbol": symbol, **params})

    def cancel_all(self, symbol):
        return self.call("DELETE", "/api/v3/openOrders", {"symbol": symbol})

    def query(self, symbol, **params):
        return self.get("order", {"symbol": symbol, **params}, signed=True)

    def open_orders(self, symbol=None):
        return self.get("openOrders", {"symbol": symbol}, signed=True)

    def all_orders(self, symbol, **params):
        return self.get("allOrders", {"symbol": symbol, **params}, signed=True)

    def trades(self, symbol, **params):
        return self.get("myTrades", {"symbol": symbol, **params}, signed=True)

    def account(self, **params):
        return self.get("account", params, signed=True)

    def balances(self):
        """{asset: (free, locked)} in atoms, of what is not zero."""
        rows = {row["asset"]: (atoms(row["free"]), atoms(row["locked"])) for row in self.account()["balances"]}
        return {asset: pair for asset, pair in rows.items() if pair != (0, 0)}

    def depth(self, symbol, **params):
        return self.get("depth", {"symbol": symbol, **params})


class Trader(Binance):
    """A user of the exchange: made, funded and given a key by the operator."""

    def __init__(self, admin, http, name, funds, **options):
        self.name, self.user = name, admin.user(name)
        for asset, amount in funds.items():
            admin.deposit(self.user, asset, amount, f"{name} {asset} opening")
        super().__init__(http, *admin.key(self.user), **options)

    def locked(self, asset):
        return self.balances().get(asset, (0, 0))[1]


class Turns:
    """Traders that ask one after the other: whoever is next finds all that those before him did to his account."""

    def __init__(self, server, *traders):
        self.server, self.last = server, None
        for trader in traders:
            trader.turns = self

    def of(self, trader):
        if self.last not in (None, trader):
            self.server.settle()
        self.last = trader


class Trading:
    """A server and its traders, each with the funds; cleared between checks, restarted within them."""

    def __init__(self, server, funds, names):
        self.server, self.admin = server, server.admin()
        self.traders = [Trader(self.admin, Http1(server.public), name, funds) for name in names]
        Turns(server, *self.traders)

    def clear(self):
        for trader in self.traders:
            for symbol in {order["symbol"] for order in trader.open_orders()}:
                trader.cancel_all(symbol)

    def restart(self):
        self.server.kill9()
        self.server.restart()
        self.admin = self.server.admin()
        for trader in self.traders:
            trader.http = Http1(self.server.public)
