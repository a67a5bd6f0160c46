#!/usr/bin/python3
"""Market streams to many subscribers, beside a loop of bare send() of the same bytes to as many sockets.

Castle is on one core; the subscribers, and what sends the orders that make the events, on another. Then good
subscribers and orders beside stalled ones, and order throughput with and without subscribers. Each subscriber must get
every event, once and in order. bench/README.md says how to read it. Exit: 1 when one did not, or a tool failed; a
missed goal is printed and fails nothing.
"""
import argparse
import contextlib
import json
import pathlib
import resource
import select
import statistics
import subprocess
import sys
import tempfile
import time

import lab

GOAL = 0.7  # of the bare loop: DESIGN §11
DEPTH_RATE = 20  # orders/s: a change for each event
BURSTS_RATE = 5  # times as many orders as when they come one by one
STREAMS = {"trade+bookTicker": ("trade", "bookTicker"), "depth@100ms": ("depth@100ms",),
           "all three": ("trade", "bookTicker", "depth@100ms"), "bookTicker": ("bookTicker",), "trade": ("trade",)}
STEADY = (("trade+bookTicker", 1), ("trade+bookTicker", 32), ("depth@100ms", 1))  # streams, orders that come at once
THROUGHPUT = ("depth@100ms", "bookTicker", "trade")
SPARE_FILES = 500  # what castle keeps for others, the operator before all


def target(name):
    return "/ws/" + "/".join(f"{lab.SYMBOL.lower()}@{stream}" for stream in STREAMS[name]) + "?timeUnit=MICROSECOND"


def fitting(count):
    """As many subscribers as open files allow."""
    files = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    room = count if files == resource.RLIM_INFINITY else max(files - SPARE_FILES, files // 4)
    if room < count:
        print(f"  {count:,} subscribers do not fit into {files:,} open files a process; {room:,} are taken")
    return min(room, count)


class Tool:
    """A program that runs beside others, on its core, and is talked to by lines."""

    def __init__(self, core, *command):
        self.process = subprocess.Popen(lab.on_core(core, *command), stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                        stderr=subprocess.PIPE, text=True)

    def line(self, seconds):
        """Its next line; nothing, or its end, is a failure."""
        ready = select.select([self.process.stdout], [], [], seconds)[0]
        text = self.process.stdout.readline() if ready else ""
        if not text:
            raise lab.Failed(f"{self.process.args[3]} said nothing for {seconds} s, or ended:\n{self.stop()}")
        return text

    def say(self, text):
        self.process.stdin.write(text + "\n")
        self.process.stdin.flush()

    def stop(self):
        self.process.kill()
        return self.process.communicate()[1]

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.stop()


class Subscribers(Tool):
    """So many of them, connected."""

    def __init__(self, at, home, count, name, *more, stalled=0):
        self.json = pathlib.Path(home, f"subscribers-{stalled}.json")
        super().__init__(lab.LOAD_CORE, lab.TOOLS / "subscribers", "--to", at, "--count", count, "--stalled", stalled,
                         "--target", target(name), "--json", self.json, *more)
        self.line(60)  # "connected"

    def end(self, first, last, update):
        """What they got, when they have all of it; they stay connected."""
        self.say(f"end {first} {last} {update}")
        self.line(120)  # "done"
        return json.loads(self.json.read_text())


class BareSend(Tool):
    """The yardstick: as many writes a second as Castle made, of as many messages each, out of those that it told."""

    def __init__(self, home, sample, count, messages_a_write, rate, seconds):
        port = pathlib.Path(home, "port")
        port.unlink(missing_ok=True)
        super().__init__(lab.SERVER_CORE, lab.TOOLS / "bare_send", "--port-file", port, "--sample", sample, "--a-write",
                         messages_a_write, "--rate", rate, "--seconds", seconds, "--count", count)
        until = time.monotonic() + lab.client.START_SECONDS
        while not port.exists():
            if self.process.poll() is not None or time.monotonic() > until:
                raise lab.Failed(f"bare_send does not start:\n{self.stop()}")
            time.sleep(0.005)
        self.at = f"127.0.0.1:{int(port.read_text())}"


@contextlib.contextmanager
def exchange():
    """Castle with a market on which each order trades, and a folder for what tools need."""
    with lab.Castle("--max-connections", 20000) as castle, \
            tempfile.TemporaryDirectory(prefix="fanout-") as home:
        castle.open_market().rest_maker()
        yield castle, home


def send_orders(castle, home, rate, options, seconds=None, burst=1):
    """A steady flow of orders; how long they took."""
    result = pathlib.Path(home, "latency.json")
    orders = lab.Orders(castle.trader, "ioc", home)
    lab.run_tool(lab.LOAD_CORE, lab.TOOLS / "latency", "--to", castle.at, "--body", orders.body_file, "--api-key",
                 orders.key, "--rate", rate, "--warm-up", options.warm_up, "--seconds", seconds or options.seconds,
                 "--wait", 1, "--burst", burst, "--json", result)
    return json.loads(result.read_text())["corrected_us"]


# ---- a steady flow to all, beside the bare loop ----

def reading(got, cpu_s):
    """What both servers are compared by; of the thread that sends."""
    return {"cpu_s": cpu_s, "messages": got["messages"], "bytes": got["bytes"], "reads": got["reads"],
            "messages_per_s": got["messages"] / got["seconds"], "bytes_per_s": got["bytes"] / got["seconds"],
            "busy": cpu_s / got["seconds"], "bytes_per_cpu_s": got["bytes"] / cpu_s,
            "cpu_us_per_message": cpu_s / got["messages"] * 1e6,
            "lag_us": got["lag_us"] if got["lag_us"]["count"] else got["depth_lag_us"],
            "since_trade_us": got["since_trade_us"]}


class Used:
    """What each thread of a server has used since then: seconds of a core, and calls to write."""

    def __init__(self, pid):
        self.pid, self.before = pid, lab.thread_use(pid)

    def now(self):
        return {thread: [a - b for a, b in zip(use, self.before.get(thread, (0, 0)))]
                for thread, use in lab.thread_use(self.pid).items()}


def castle_run(name, count, rate, burst, sample, options):
    """One run, on a server of its own, so that its memory tells something. First the same orders with nobody there."""
    with exchange() as (castle, home):
        used = Used(castle.pid)
        send_orders(castle, home, rate, options, burst=burst)
        alone, before = used.now(), lab.resident_bytes(castle.pid)
        with Subscribers(castle.at, home, count, name, "--warm-up", options.warm_up, "--sample", sample) as subscribers:
            connected, first, used = lab.resident_bytes(castle.pid), castle.newest()[0] + 1, Used(castle.pid)
            order = send_orders(castle, home, rate, options, burst=burst)
            got = subscribers.end(first, *castle.newest())
            used, at_end = used.now(), lab.resident_bytes(castle.pid)
    more = {thread: use[1] - alone.get(thread, (0, 0))[1] for thread, use in used.items()}  # than answers and wake-ups
    sender = max(more, key=more.get)
    writes = min(got["messages"], more[sender])
    if writes < count:
        raise lab.Failed(f"{got['messages']} messages in {writes} writes to {count} subscribers")
    result = reading(got, used[sender][0]) | {
        "cpu_all_threads_s": sum(cpu for cpu, _ in used.values()), "cpu_orders_alone_s": alone[sender][0],
        "order_us": order, "writes": writes, "messages_a_write": got["messages"] / writes}
    for key, at in (("connection_bytes", connected), ("connection_bytes_at_end", at_end)):
        result[key] = max(0, at - before) / count
    return result


def bare_run(name, count, ours, sample, options):
    seconds = options.warm_up + options.seconds
    rate = ours["writes"] / count / seconds
    with tempfile.TemporaryDirectory(prefix="fanout-") as home, \
            BareSend(home, sample, count, ours["messages_a_write"], rate, seconds) as bare, \
            Subscribers(bare.at, home, count, name, "--warm-up", options.warm_up) as subscribers:
        used = Used(bare.process.pid)
        bare.say("begin")
        sent = json.loads(bare.line(seconds + 60))
        cpu_s = sum(cpu for cpu, _ in used.now().values())
        return reading(subscribers.end(1, sent["trades"], sent["update"]), cpu_s)


def steady(name, burst, count, options):
    """Castle and the bare loop by turns."""
    rate = DEPTH_RATE if name == "depth@100ms" else options.deliveries / count * (BURSTS_RATE if burst > 1 else 1)
    ours, theirs = [], []
    with tempfile.NamedTemporaryFile(prefix="fanout-") as sample:
        for _ in range(options.runs):
            ours.append(castle_run(name, count, rate, burst, sample.name, options))
            theirs.append(bare_run(name, count, ours[-1], sample.name, options))
    pairs = [a["bytes_per_cpu_s"] / b["bytes_per_cpu_s"] for a, b in zip(ours, theirs)]
    return {"streams": name, "subscribers": count, "orders_per_s": rate, "burst": burst, "goal": GOAL,
            "castle": median(ours), "bare": median(theirs), "ratio": statistics.median(pairs), "ratio_pairs": pairs}


def median(runs):
    """Of each figure by itself."""
    return {key: median([run[key] for run in runs]) if isinstance(runs[0][key], dict)
            else statistics.median(run[key] for run in runs) for key in runs[0]}


def show_steady(result):
    castle, bare = result["castle"], result["bare"]
    print(f"{result['subscribers']:6,} on {result['streams']:16} {result['orders_per_s']:,.0f} orders/s, "
          f"{result['burst']} at once: {castle['messages_per_s']:,.0f} messages/s, "
          f"{castle['messages_a_write']:.2f} a write, {castle['bytes_per_s'] / 1e6:.1f} MB/s; "
          f"bare {bare['bytes_per_s'] / 1e6:.1f} MB/s")
    pairs = result["ratio_pairs"]
    print(f"       MB a CPU second: castle {castle['bytes_per_cpu_s'] / 1e6:.1f}, "
          f"bare {bare['bytes_per_cpu_s'] / 1e6:.1f}: ratio {result['ratio']:.2f} "
          f"({min(pairs):.2f}..{max(pairs):.2f}), goal {GOAL} ({lab.reached(result['ratio'] >= GOAL)}); "
          f"us a message: {castle['cpu_us_per_message']:.2f}, bare {bare['cpu_us_per_message']:.2f}; "
          f"busy: {castle['busy']:.0%}, bare {bare['busy']:.0%}")
    print(f"       seconds of a core: {castle['cpu_s']:.2f} by the thread that sends, "
          f"{castle['cpu_orders_alone_s']:.2f} with the same orders and nobody there; "
          f"{castle['cpu_all_threads_s']:.2f} with journal and history")
    for who, run in (("castle", castle), ("bare", bare)):
        lag = run["lag_us"]  # of depth events where there are no trades
        print(f"       lag, {who:6}  p50 {lag['p50']:7,.0f} us, p99 {lag['p99']:7,.0f} us, max {lag['max']:7,.0f} us")
    print(f"       memory a connection: {castle['connection_bytes']:,.0f} bytes when connected, "
          f"{castle['connection_bytes_at_end']:,.0f} at the end", flush=True)


# ---- good ones and orders beside stalled ones ----

def beside(stalled, options):
    """What good subscribers and orders see, with so many that read nothing and have much waiting already."""
    with exchange() as (castle, home), contextlib.ExitStack() as stack:
        if stalled:
            stack.enter_context(Subscribers(castle.at, home, 0, "all three", stalled=stalled))
        send_orders(castle, home, options.fill_rate, options, seconds=options.fill_seconds)
        if metric(castle, "castle_ws_slow_closed_total"):
            raise lab.Failed("the stalled ones are closed before it begins")
        first = castle.newest()[0] + 1
        with Subscribers(castle.at, home, options.good, "all three", "--warm-up", options.warm_up) as good:
            order = send_orders(castle, home, options.stalled_rate, options, seconds=options.stalled_seconds)
            got = good.end(first, *castle.newest())
        closed = metric(castle, "castle_ws_slow_closed_total")
    return {"lag_us": got["lag_us"], "depth_lag_us": got["depth_lag_us"], "order_us": order, "stalled_closed": closed}


def metric(castle, name):
    return sum(float(line.split()[-1]) for line in castle.admin().metrics().splitlines()
               if line.startswith(name) and line[len(name)] in " {")


def stalled(options):
    without, beside_them = [], []
    for _ in range(options.runs):
        without.append(beside(0, options))
        beside_them.append(beside(options.stalled, options))
    return {"good": options.good, "stalled": options.stalled, "orders_per_s": options.stalled_rate,
            "without": median(without), "with": median(beside_them)}


def show_stalled(result):
    print(f"{result['good']:6,} good ones on all three, {result['orders_per_s']:,.0f} orders/s")
    for name, what in (("without", "alone"), ("with", f"beside {result['stalled']:,} stalled ones")):
        one = result[name]
        print(f"       {what:24} lag p50 {one['lag_us']['p50']:6,.0f} us, p99 {one['lag_us']['p99']:6,.0f} us, max "
              f"{one['lag_us']['max']:6,.0f} us; orders p50 {one['order_us']['p50']:6,.0f} us, p99 "
              f"{one['order_us']['p99']:6,.0f} us; {one['stalled_closed']:,.0f} closed", flush=True)


# ---- order throughput with and without ----

def flood(name, options):
    """h2load's orders, each of which trades; with subscribers on `name`, or without."""
    with exchange() as (castle, home):
        orders = lab.Orders(castle.trader, "ioc", home)
        if not name:
            return lab.measured(lab.h2load, castle, orders, options.seconds) | {"messages_per_s": 0, "bytes_per_s": 0,
                                                                                "closed": 0}
        with Subscribers(castle.at, home, options.flood, name, "--may-close", 1) as subscribers:
            first = castle.newest()[0] + 1
            run = lab.measured(lab.h2load, castle, orders, options.seconds)
            got = subscribers.end(first, *castle.settled())
        return run | {"messages_per_s": got["messages"] / got["seconds"], "bytes_per_s": got["bytes"] / got["seconds"],
                      "closed": got["closed"]}


def throughput(options):
    runs = {name: [] for name in (None, *THROUGHPUT)}
    for _ in range(options.runs):
        for name, into in runs.items():
            into.append(flood(name, options))
    alone = median(runs.pop(None))
    return {"subscribers": options.flood, "without": alone,
            "with": [{"streams": name, "ratio": statistics.median(run["rate"] for run in some) / alone["rate"]}
                     | median(some) for name, some in runs.items()]}


def show_throughput(result):
    alone = result["without"]
    print(f"orders by HTTP/2, each a trade: {alone['rate']:,.0f}/s without subscribers "
          f"(busy: castle {alone['server_busy']:.0%}, load {alone['load_busy']:.0%})")
    for one in result["with"]:
        print(f"       {result['subscribers']:,} on {one['streams']:12} {one['rate']:9,.0f}/s, "
              f"ratio {one['ratio']:.2f} (busy: castle {one['server_busy']:.0%}, load {one['load_busy']:.0%}); "
              f"{one['messages_per_s']:,.0f} messages/s, {one['bytes_per_s'] / 1e6:.1f} MB/s read, "
              f"{one['closed']:,.0f} closed as too slow", flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=3)
    parser.add_argument("--counts", default="1000,10000")
    parser.add_argument("--deliveries", type=float, default=100000, help="orders/s times subscribers")
    parser.add_argument("--only", choices=("steady", "stalled", "throughput"))
    parser.add_argument("--quick", action="store_true", help="one short run of each with few: does it work?")
    parser.add_argument("--json")
    options = parser.parse_args()
    options.warm_up, options.good, options.stalled, options.flood = 1, 100, 1000, 1000
    # some 250 bytes an order: what fills kernel buffers first, and the rest of a budget of 1 MiB while it is measured
    options.fill_rate, options.fill_seconds, options.stalled_rate, options.stalled_seconds = 500, 2, 400, 6
    if options.quick:
        options.runs, options.seconds, options.counts, options.deliveries = 1, 0.5, "50", 5000
        options.warm_up, options.good, options.stalled, options.flood = 0.2, 10, 20, 20
        options.fill_seconds, options.stalled_seconds = 0.5, 0.5
    lab.prepare()
    machine, result = lab.machine(), {}
    print(f"bench_fanout: {machine['cpu']}, server on core {lab.SERVER_CORE}, subscribers and orders on core "
          f"{lab.LOAD_CORE}, {options.runs} runs of {options.seconds:g} s, load average {machine['load_average'][0]}")
    if options.only in (None, "steady"):
        result["steady"] = []
        for count in map(fitting, map(int, options.counts.split(","))):
            for name, burst in STEADY:
                result["steady"].append(steady(name, burst, count, options))
                show_steady(result["steady"][-1])
    if options.only in (None, "stalled"):
        result["stalled"] = stalled(options)
        show_stalled(result["stalled"])
    if options.only in (None, "throughput"):
        result["throughput"] = throughput(options)
        show_throughput(result["throughput"])
    lab.save(options.json, {"bench": "fanout", "machine": machine, "runs": options.runs,
                            "seconds": options.seconds} | result)


if __name__ == "__main__":
    try:
        sys.exit(main())
    except lab.Failed as failed:
        sys.exit(f"bench_fanout: {failed}")
