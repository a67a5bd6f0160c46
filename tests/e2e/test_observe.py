#!/usr/bin/python3
"""What an operator sees: GET /metrics and the log.

Goal: the numbers are what was sent and done, the text is what Prometheus and a JSON reader take, no secret is in
either, and neither a scrape nor a reader of the log that sleeps disturbs trading. Method: real servers; the clients
count what they send, and the promtool of Debian's prometheus reads the metrics. Without promtool that one check is
left out and the exit code is 77.
"""
import collections
import contextlib
import fcntl
import json
import os
import re
import select
import shutil
import subprocess
import sys
import threading
import time

from castle_client import (Binance, Checks, Http1, Http2, Pipe1, Server, Trader, check, conserved, eq, refusal)

checks = Checks()
FUNDS = {"USDT": "1000000", "BTC": "10"}
LEVELS = ("debug", "info", "warn", "error")
STAGES = {"parse", "account", "match", "journal", "reply"}
F_SETPIPE_SZ = 1031
TEMPLATES = (  # what stands for a name or number in an admin path, as the route's label spells it
    (re.compile(r"^/admin/v1/users/\d+/keys/\w+$"), "/admin/v1/users/{id}/keys/{key}"),
    (re.compile(r"^/admin/v1/users/\d+/(\w+)$"), r"/admin/v1/users/{id}/\1"),
    (re.compile(r"^/admin/v1/symbols/\w+/status$"), "/admin/v1/symbols/{symbol}/status"))


# ---- reading metrics ----

SERIES = re.compile(r'^([a-z_0-9]+)(?:\{(.*)\})? ([0-9.]+)$')


def parse(text):
    """{(name, frozenset of labels): value} of an exposition; a line that is neither is an error."""
    values = {}
    for line in text.splitlines():
        if line.startswith(("# HELP ", "# TYPE ")):
            continue
        match = SERIES.match(line)
        check(match, f"not a sample: {line!r}")
        name, labels, value = match.groups()
        key = name, frozenset(re.findall(r'([a-z]+)="([^"]*)"', labels or ""))
        check(key not in values, f"twice: {line!r}")
        values[key] = float(value)
    return values


def one(values, name, **labels):
    return values[name, frozenset(labels.items())]


def by(values, name, *labels):
    """{label values: value} of a family's series."""
    return {tuple(dict(key)[label] for label in labels): value
            for (family, key), value in values.items() if family == name}


def counters(values, text):
    """The series that may only grow."""
    grows = {line.split()[2] for line in text.splitlines() if line.startswith("# TYPE") and line.endswith(" counter")}
    histograms = {line.split()[2] for line in text.splitlines()
                  if line.startswith("# TYPE") and line.endswith(" histogram")}
    grows |= {name + end for name in histograms for end in ("_bucket", "_sum", "_count")}
    return {key: value for key, value in values.items() if key[0] in grows}


def sound_histograms(values):
    """Buckets grow with their bounds, and the last is the count."""
    seen = 0
    for (name, labels), count in values.items():
        if not name.endswith("_count") or (name[:-6] + "_sum", labels) not in values:
            continue
        buckets = sorted((float(dict(key)["le"]), value) for (family, key), value in values.items()
                         if family == name[:-6] + "_bucket" and set(labels) < set(key))
        check(len(buckets) > 5 and buckets[-1][0] == float("inf"), f"buckets of {name} {labels}")
        eq(buckets[-1][1], count, f"+Inf of {name} {labels}")
        check(all(a[1] <= b[1] for a, b in zip(buckets, buckets[1:])), f"{name} {labels}: {buckets}")
        seen += 1
    check(seen >= 10, f"{seen} histograms")


class Counting:
    """A transport that counts what it sends, by route, method and status, as the server must."""

    def __init__(self, http, counts):
        self.http, self.counts, self.sent = http, counts, {}

    def note(self, method, target, status):
        route = target.partition("?")[0]
        for pattern, template in TEMPLATES:
            route = pattern.sub(template, route)
        self.counts[route, method, str(status)] += 1

    def request(self, method, target, headers=None, body=b""):
        reply = self.http.request(method, target, headers, body)
        self.note(method, target, reply.status)
        return reply

    def submit(self, method, target, headers=None, body=b""):
        number = self.http.submit(method, target, headers, body)
        self.sent[number] = method, target
        return number

    def next_reply(self):
        number, reply = self.http.next_reply()
        self.note(*self.sent.pop(number), reply.status)
        return number, reply


def traffic(server, counts):
    """Two traders on both versions of HTTP: orders that rest, trade, and are refused; reads; nonsense. What it leaves
    is two open orders. Returns the secrets that were used."""
    admin = server.admin()
    admin.http = Counting(admin.http, counts)
    secrets = [admin.token]
    for version, transport in ((1, Http1), (2, Http2)):
        http = Counting(transport(server.public), counts)
        seller = Trader(admin, http, f"seller{version}", FUNDS)
        buyer = Trader(admin, http, f"buyer{version}", FUNDS)
        for trader in (seller, buyer):
            secrets += [trader.key, trader.secret]
        for price in range(5):
            seller.limit("BTCUSDT", "SELL", "0.01", str(30000 + price))
        eq(buyer.order("BTCUSDT", "BUY", "MARKET", quantity="0.05")["status"], "FILLED", "a taker")
        order = buyer.limit("BTCUSDT", "BUY", "0.01", "20000")
        buyer.cancel("BTCUSDT", orderId=order["orderId"])
        refusal(buyer.cancel, "BTCUSDT", orderId=order["orderId"])
        refusal(buyer.limit, "BTCUSDT", "BUY", "0.01", "20000.001")
        refusal(buyer.limit, "NOSUCH", "BUY", "0.01", "20000")
        refusal(Binance(http, buyer.key, "x" * 64).account)
        refusal(Binance(http, "y" * 64, buyer.secret).account)
        buyer.limit("BTCUSDT", "BUY", "0.01", "20000")
        buyer.open_orders()
        buyer.account()
        buyer.trades("BTCUSDT")
        buyer.depth("BTCUSDT")
        Binance(http).get("ping")
        http.request("GET", "/api/v3/nothing")
        http.request("PUT", "/api/v3/order")
        http.request("PATCH", "/api/v3/order")
        http.request("GET", "/metrics")  # the public listener has none
        secrets.append(signature_of(buyer))
    pipe = Counting(Pipe1(server.public), counts)
    for _ in range(50):
        pipe.submit("GET", "/api/v3/time")
    for _ in range(50):
        pipe.next_reply()
    key = admin.key(seller.user)
    secrets += key
    admin.delete_key(seller.user, key[0])
    admin.status("ETHBTC", "HALT")
    eq(admin.raw("GET", "/admin/v1/users", token="wrong-" + admin.token).status, 401, "a wrong token")
    eq(admin.raw("GET", "/nothing", token=False).status, 401, "no token, no path")
    eq(admin.raw("DELETE", "/admin/v1/audit").status, 404, "no such method")
    conserved(admin.audit())
    return secrets


def signature_of(trader):
    """Sends a signed read whose signature we know, and returns it."""
    method, target, headers, body = trader.build("GET", "/api/v3/account", {})
    eq(trader.http.request(method, target, headers, body).status, 200, "a signed read")
    return target.partition("signature=")[2]


def expected_requests(counts):
    """Requests of no route are counted by method and status alone."""
    routes = collections.Counter()
    for (route, method, status), count in counts.items():
        none = status in ("404", "405") and "/keys" not in route or route == "/nothing" or (
            route == "/metrics" and status == "404")
        method = method if method in ("GET", "POST", "PUT", "DELETE") else "OTHER"
        routes["none" if none else route, method, status] += count
    return dict(routes)


# ---- metrics ----

@checks
def requests_are_counted_exactly_by_route_method_and_code(_):
    with Server() as server:
        counts = collections.Counter()
        traffic(server, counts)
        text = server.admin().metrics()
        values = parse(text)
        eq(by(values, "castle_http_requests_total", "route", "method", "code"), expected_requests(counts), "requests")
        audit = server.admin().audit()
        eq(one(values, "castle_open_orders"), audit["openOrders"], "open orders")
        eq(audit["openOrders"], 2, "open orders")
        eq((one(values, "castle_users"), one(values, "castle_symbols")), (4, 5), "users and symbols")
        versions = by(values, "castle_http_version_requests_total", "version")
        # the one that is being answered is taken already, and has no answer yet
        eq(versions["1",] + versions["2",] - 1, sum(counts.values()), "by version")
        check(versions["2",] > 20, f"HTTP/2: {versions}")
        eq(server.sigterm(), 0, "exit code")


@checks
def numbers_agree_with_each_other(_):
    with Server() as server:
        counts = collections.Counter()
        traffic(server, counts)
        admin = server.admin()
        audit = admin.audit()  # told when its cut is durable
        values = parse(admin.metrics())
        sound_histograms(values)
        eq(one(values, "castle_journal_durable_lsn"), audit["lsn"], "durable")
        eq(one(values, "castle_journal_lag_records"), 0, "lag")
        eq(one(values, "castle_journal_records_total"), audit["lsn"], "records of a new journal")
        eq(one(values, "castle_journal_sync_seconds_count"), one(values, "castle_journal_batches_total"), "syncs")
        eq(one(values, "castle_journal_batch_bytes_sum"), one(values, "castle_journal_bytes_total"), "bytes")
        eq(sum(by(values, "castle_core_records_total", "core").values()), audit["lsn"], "records by core")
        timed = sum(by(values, "castle_request_seconds_count", "kind").values())
        check(0 < timed <= sum(counts.values()) + 2, f"timed {timed} of {sum(counts.values())}")
        for kind in ("edge", "read", "order", "admin"):
            check(one(values, "castle_request_seconds_count", kind=kind) > 0, f"no {kind} was timed")
        stages = by(values, "castle_request_stage_seconds_count", "stage")
        eq({stage for stage, in stages}, STAGES, "stages")
        check(all(stages.values()), f"stages: {stages}")
        orders = one(values, "castle_request_seconds_count", kind="order")
        for stage in STAGES:  # an order takes longer than any of its stages, all of them in one sum
            check(one(values, "castle_request_stage_seconds_sum", stage=stage) > 0, f"{stage} took no time")
        check(one(values, "castle_request_seconds_sum", kind="order") / orders >
              one(values, "castle_request_stage_seconds_sum", stage="parse") / stages["parse",], "parse is a part")
        eq(sum(by(values, "castle_gateway_slots_busy", "core").values()), 0, "nothing is under way")
        messages = by(values, "castle_lane_messages_total", "class", "from", "to")
        eq({name for name, _, _ in messages}, {"request", "order", "report", "out", "market"}, "classes")
        check(all(value == 0 for key, value in by(values, "castle_lane_depth", "class", "from", "to").items()
                  if key[0] != "market"), "lanes are empty at rest")
        eq(by(values, "castle_connections", "listener").keys(), {("public",), ("admin",)}, "listeners")
        info, = [dict(labels) for name, labels in values if name == "castle_build_info"]
        version = subprocess.run([server.command()[0], "version"], capture_output=True, text=True, check=True).stdout
        check(version.startswith(f"castle {info['version']} ({info['commit']})"), f"{info} against {version!r}")
        with open(f"/proc/{server.process.pid}/stat") as stat:
            fields = stat.read().rpartition(")")[2].split()
        with open("/proc/stat") as stat:
            boot, = [int(line.split()[1]) for line in stat if line.startswith("btime")]
        started = boot + int(fields[19]) / os.sysconf("SC_CLK_TCK")
        check(abs(one(values, "process_start_time_seconds") - started) < 30, f"started at {started}")
        check(one(values, "process_resident_memory_bytes") > 1 << 20, "resident memory")
        check(3 < one(values, "process_open_fds") < one(values, "process_max_fds"), "open files")


@checks
def connections_are_counted(_):
    with Server() as server:
        admin, opened = server.admin(), [Http1(server.public) for _ in range(7)]
        for http in opened:
            eq(http.request("GET", "/api/v3/ping").status, 200, "ping")
        values = parse(admin.metrics())
        eq(one(values, "castle_connections", listener="public"), 7, "open")
        eq(one(values, "castle_connections_accepted_total", listener="public"), 7, "accepted")
        for http in opened[:4]:
            http.close()
        until = time.monotonic() + 30
        while one(parse(admin.metrics()), "castle_connections", listener="public") != 3:
            check(time.monotonic() < until, "closed connections stay in the gauge")
        eq(one(parse(admin.metrics()), "castle_connections_accepted_total", listener="public"), 7, "accepted")


@checks
def promtool_finds_nothing_to_say(_):
    if not shutil.which("promtool"):
        return  # main() says so
    with Server() as server:
        traffic(server, collections.Counter())
        text = server.admin().metrics()
        result = subprocess.run(["promtool", "check", "metrics"], input=text, text=True, timeout=300,
                                stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        eq((result.returncode, result.stdout), (0, ""), "promtool check metrics")
        bad = text.replace("# HELP castle_users ", "# HULP castle_users ")
        check(subprocess.run(["promtool", "check", "metrics"], input=bad, text=True, timeout=300,
                             stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL).returncode != 0, "promtool bites")


@checks
def scrapes_beside_trading_only_grow_and_cost_no_answer(_):
    with Server("--cores", "2") as server:
        stop, scrapes, failed = threading.Event(), [], []

        def scrape():
            admin = server.admin()
            try:
                while not stop.is_set():
                    scrapes.append(admin.metrics())
                    if len(scrapes) % 20 == 0:
                        admin.shards()  # a standstill beside it
            except Exception as error:  # told below, on the main thread
                failed.append(error)
        thread = threading.Thread(target=scrape)
        thread.start()
        counts = collections.Counter()
        try:
            traffic(server, counts)
            pipe, trader = Http2(server.public), Trader(server.admin(), Http1(server.public), "more", FUNDS)
            for number in range(300):
                pipe.submit(*trader.build("POST", "/api/v3/order", {
                    "symbol": "ETHUSDT", "side": "BUY", "type": "LIMIT", "timeInForce": "IOC", "quantity": "0.01",
                    "price": str(1000 + number)}))
            for _ in range(300):
                eq(pipe.next_reply()[1].status, 200, "an order")
        finally:
            stop.set()
            thread.join()
        if failed:
            raise failed[0]
        check(len(scrapes) >= 2, f"{len(scrapes)} scrapes")
        before = {}
        for text in scrapes + [server.admin().metrics()]:
            values = parse(text)
            sound_histograms(values)
            now = counters(values, text)
            for key, value in before.items():
                check(now.get(key, -1) >= value, f"{key} went from {value} to {now.get(key)}")
            before = now
        orders = by(values, "castle_http_requests_total", "route", "method", "code")["/api/v3/order", "POST", "200"]
        eq(orders, counts["/api/v3/order", "POST", "200"] + 300, "orders answered")
        eq(server.sigterm(), 0, "exit code")


# ---- the log ----

def lines_of(path):
    """Every line of stdout: JSON with the fields that all have."""
    lines = []
    for line in path.read_text().splitlines():
        try:
            value = json.loads(line)
        except ValueError:
            raise AssertionError(f"not JSON: {line!r}") from None
        eq(list(value)[:4], ["ts", "level", "event", "msg"], f"the first fields of {line}")
        check(re.fullmatch(r"20\d\d-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", value["ts"]), f"ts of {line}")
        check(value["level"] in LEVELS and re.fullmatch(r"[a-z_]+", value["event"]), f"level, event of {line}")
        check(isinstance(value["msg"], str) and value["msg"], f"msg of {line}")
        lines.append(value)
    return lines


@contextlib.contextmanager
def logging_server(*options):
    """A server whose stdout is a file of its own; yields both."""
    server = Server(*options)
    path = server.home / "stdout.log"
    with open(path, "ab") as file:
        server.stdout = file
        with server:
            yield server, path


@checks
def the_log_tells_a_life_from_start_to_stop(_):
    with logging_server() as (server, path):
        traffic(server, collections.Counter())
        eq(server.sigterm(), 0, "exit code")
        lines = lines_of(path)
        events = [line["event"] for line in lines]
        order = [events.index(event) for event in ("start", "recovered", "serving", "user_added", "draining", "stopped")]
        eq(order, sorted(order), f"order of {events}")
        eq((events[0], events[-1]), ("start", "stopped"), "first and last")
        of = {line["event"]: line for line in reversed(lines)}  # the first of each
        version = subprocess.run([server.command()[0], "version"], capture_output=True, text=True, check=True).stdout
        check(of["start"]["version"] in version and of["start"]["data"] == str(server.data), f"start: {of['start']}")
        eq(of["start"]["pid"], server.process.pid, "pid")
        eq({key: of["recovered"][key] for key in ("records", "segments", "torn_bytes")},
           {"records": 0, "segments": 1, "torn_bytes": 0}, "a new journal")
        eq((of["serving"]["listen"], of["serving"]["admin"]), (server.ready["listen"], server.ready["admin"]), "serving")
        eq([line["name"] for line in lines if line["event"] == "user_added"], ["seller1", "buyer1", "seller2", "buyer2"],
           "users")
        eq(events.count("key_added"), 5, "keys")
        eq((of["key_deleted"]["user"], of["symbol_status"]["symbol"], of["symbol_status"]["status"]),
           (3, "ETHBTC", "HALT"), "changes")
        check(of["user_added"]["by"].startswith("127.0.0.1:"), f"who: {of['user_added']}")
        eq((events.count("admin_refused"), of["admin_refused"]["level"]), (2, "warn"), "refused calls")
        eq({line["level"] for line in lines if line["event"] not in ("admin_refused", "slow_turn", "no_direct_io")},
           {"info"}, "levels")
        eq(server.output(), "", "stderr")
        last = of["stopped"]["last_lsn"]
        server.restart()
        eq(server.sigterm(), 0, "exit code")
        again = [line for line in lines_of(path) if line["event"] == "recovered"][-1]
        eq((again["records"], again["last_lsn"]), (last, last), "recovered what was stopped with")


@checks
def the_level_says_what_is_logged(_):
    for level in LEVELS:
        with logging_server("--log-level", level) as (server, path):
            admin = server.admin()
            user = admin.user("one")
            admin.deposit(user, "USDT", "12.5", "first")
            eq(admin.raw("GET", "/admin/v1/users", token=False).status, 401, "no token")
            eq(server.sigterm(), 0, "exit code")
            lines = lines_of(path)
            check(all(LEVELS.index(line["level"]) >= LEVELS.index(level) for line in lines), f"{level}: {lines}")
            events = {line["event"] for line in lines}
            for event, lowest in (("deposit", "debug"), ("user_added", "info"), ("admin_refused", "warn")):
                eq(event in events, LEVELS.index(level) <= LEVELS.index(lowest), f"{event} at {level}")
            for line in lines:
                if line["event"] == "deposit":
                    eq((line["user"], line["asset"], line["amount"]), (user, "USDT", "12.50000000"), "deposit")


@checks
def no_secret_is_in_the_log_or_the_metrics(_):
    with logging_server("--log-level", "debug") as (server, path):
        secrets = traffic(server, collections.Counter())
        metrics = server.admin().metrics()
        eq(server.sigterm(), 0, "exit code")
        written = path.read_text() + server.output() + metrics
        check(len(secrets) >= 12 and all(len(secret) >= 64 for secret in secrets), "what to look for")
        for secret in secrets:
            check(secret not in written and secret[16:48] not in written, "a secret was told")


@checks
def a_flood_of_one_event_is_limited_and_counted(_):
    flood = 1500
    with logging_server() as (server, path):
        pipe = Pipe1(server.admin_at)
        for at in range(0, flood, 50):
            for _ in range(50):
                pipe.submit("GET", "/admin/v1/audit")
            for _ in range(50):
                eq(pipe.next_reply()[1].status, 401, "no token")
        admin = server.admin()
        admin.user("heard")
        eq(server.sigterm(), 0, "exit code")
        lines = lines_of(path)
        told = [line for line in lines if line["event"] == "admin_refused"]
        by_second = collections.Counter(line["ts"][:19] for line in told)
        check(0 < max(by_second.values()) <= 20, f"a second has {by_second}")
        limited = [line for line in lines if line["event"] == "log_limited"]
        eq({line["of"] for line in limited}, {"admin_refused"}, "what was limited")
        eq(len(told) + sum(line["lines"] for line in limited), flood, "told and not told")
        check(any(line["event"] == "user_added" for line in lines), "others are heard")


@checks
def a_reader_that_sleeps_does_not_stop_trading(_):
    read, write = os.pipe()
    fcntl.fcntl(write, F_SETPIPE_SZ, 4096)
    server = Server("--log-level", "debug", stdout=write)

    def full():
        return not select.select([], [write], [], 0)[1]
    with server:
        admin, until, number = server.admin(), time.monotonic() + 60, 0
        while not full():  # what is logged from now on stays with the server
            check(time.monotonic() < until, "the pipe takes everything")
            number += 1
            admin.user(f"user {number}")
        for more in range(40):
            admin.user(f"more {more}")
        seller = Trader(admin, Http1(server.public), "seller", FUNDS)
        buyer = Trader(admin, Http2(server.public), "buyer", FUNDS)
        for price in range(100):
            seller.limit("BTCUSDT", "SELL", "0.001", str(30000 + price))
            eq(buyer.limit("BTCUSDT", "BUY", "0.001", str(30000 + price))["status"], "FILLED", "a trade")
        was = one(parse(admin.metrics()), "process_cpu_seconds_total")
        while one(parse(admin.metrics()), "process_cpu_seconds_total") == was:  # who writes the log still lives
            check(time.monotonic() < until, "the helper thread stands still")
        conserved(admin.audit())
        check(full(), "somebody has read")
        eq(server.sigterm(), 0, "exit code with a full pipe")
    os.close(write)
    with os.fdopen(read) as pipe:
        for line in pipe.read().splitlines():
            json.loads(line)  # whole lines


def main():
    checks.run(None)
    status = checks.finish()
    if status == 0 and not shutil.which("promtool"):
        print("promtool is not installed: nothing has checked the metrics' format")
        return 77
    return status


if __name__ == "__main__":
    sys.exit(main())
