#!/usr/bin/python3
"""Order latency at a fifth of the durable HTTP/2 throughput: smooth open loop, beside a raw-sync probe.

Each run is probe, load, probe, so that both are of the same minute. The next step stops the server for a second: the
client must show it, else it is no open loop. Then each order trades, and its way to the trade event on a market stream
and to the user's executionReport is measured beside the way to its answer, durable and not. Exit: 1 when an answer was
not 200, an event is missing or out of order, or the stop does not show.
"""
import argparse
import json
import pathlib
import statistics
import sys
import tempfile

import lab
from test_ws_api import SUBSCRIBE, WsApi

EVENTS = {"corrected_us": "answer", "trade_us": "trade event", "report_us": "executionReport"}
EVENTS_RATE = 2000  # orders/s at most: none waits for the one before it


def goals(sync, order):
    """DESIGN §11, in microseconds."""
    return {"p50": [order["p50"], 1.5 * sync["p50_us"] + 100], "p99": [order["p99"], sync["p99_us"] + 500]}


def throughput(castle, home, options):
    """Durable orders/s over HTTP/2: from bench_http's output, or measured now."""
    if options.http_json and pathlib.Path(options.http_json).exists():
        for result in json.loads(pathlib.Path(options.http_json).read_text())["results"]:
            if (result["protocol"], result["flow"], result["durability"]) == ("HTTP/2", "ioc", "sync"):
                return result["castle"]["median"]
    orders = lab.Orders(castle.trader, "ioc", home)
    return statistics.median(lab.h2load(castle, orders, options.seconds) for _ in range(options.runs))


def latency(castle, home, rate, seconds, *more):
    orders = lab.Orders(castle.trader, "ioc", home)
    result = pathlib.Path(home, "latency.json")
    text = lab.run_tool(lab.LOAD_CORE, lab.TOOLS / "latency", "--to", castle.at, "--body", orders.body_file,
                        "--api-key", orders.key, "--rate", rate, "--seconds", seconds, "--json", result, *more)
    return json.loads(result.read_text()), text


def events(durability, rate, options):
    """Medians over runs of the ways to the answer, the trade event and the executionReport."""
    runs = []
    with lab.Castle("--durability", durability) as castle, tempfile.TemporaryDirectory(prefix="orders-") as home:
        castle.open_market().rest_maker()
        request = pathlib.Path(home, "subscribe.json")
        for _ in range(options.runs):
            request.write_text(WsApi.text(1, SUBSCRIBE, {}, castle.trader))  # signed anew
            runs.append(latency(castle, home, rate, options.seconds, "--connections", 1, "--first-trade",
                                castle.newest()[0] + 1, "--trades", f"/ws/{lab.SYMBOL.lower()}@trade",
                                "--reports", request)[0])
    return {"durability": durability, "rate": rate} | {
        way: {name: statistics.median(run[way][name] for run in runs) for name in runs[0][way]} for way in EVENTS}


def show_events(result):
    print(f"  durability {result['durability']:4} at {result['rate']:,} orders/s  " + "   ".join(
        f"{name} p50 {result[way]['p50']:.0f} us, p99 {result[way]['p99']:.0f} us" for way, name in EVENTS.items()),
        flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=5)
    parser.add_argument("--rate", type=float, help="orders/s; a fifth of the throughput when not given")
    parser.add_argument("--http-json", help="bench_http's output, for the throughput")
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--json")
    options = parser.parse_args()
    probe_seconds = 1.0
    if options.quick:
        options.runs, options.seconds, probe_seconds = 1, 1, 0.2
        options.rate = options.rate or 2000
    lab.prepare()
    machine, runs = lab.machine(), []
    with lab.Castle("--durability", "sync") as castle, tempfile.TemporaryDirectory(prefix="orders-") as home:
        castle.open_market()
        rate = round(options.rate or throughput(castle, home, options) / 5)
        print(f"bench_latency: {machine['cpu']}, {rate:,} orders/s, {options.runs} runs of {options.seconds:g} s, "
              f"load average {machine['load_average'][0]}")
        for _ in range(options.runs):
            before = lab.probe_sync(seconds=probe_seconds)
            order, _text = latency(castle, home, rate, options.seconds)
            sync = lab.mean_probe([before, lab.probe_sync(seconds=probe_seconds)])
            runs.append({"sync": sync, "corrected_us": order["corrected_us"], "raw_us": order["raw_us"],
                         "goals_us": goals(sync, order["corrected_us"])})
            show(runs[-1])
        stopped, text = latency(castle, home, rate, max(3, options.seconds / 2), "--stop", castle.pid)
        print(text.splitlines()[-1])
    median = {name: statistics.median(run["corrected_us"][name] for run in runs)
              for name in ("p50", "p99", "p99.9")}
    within = {name: sum(run["goals_us"][name][0] <= run["goals_us"][name][1] for run in runs) for name in ("p50", "p99")}
    print(f"  median of the runs: p50 {median['p50']:.0f} us, p99 {median['p99']:.0f} us, p99.9 {median['p99.9']:.0f} us; "
          f"goals met in {within['p50']} (p50) and {within['p99']} (p99) of {len(runs)} runs")
    told = [events(durability, min(rate, EVENTS_RATE), options) for durability in ("sync", "none")]
    for one in told:
        show_events(one)
    lab.save(options.json, {"bench": "latency", "machine": machine, "rate": rate, "seconds": options.seconds,
                            "runs": runs, "median_us": median, "within_goal": within,
                            "stopped_us": stopped["corrected_us"], "events": told})


def show(run):
    order, sync = run["corrected_us"], run["sync"]
    print(f"  order p50 {order['p50']:6.0f} us, p99 {order['p99']:6.0f} us, p99.9 {order['p99.9']:6.0f} us   "
          f"sync p50 {sync['p50_us']:5.0f} us, p99 {sync['p99_us']:5.0f} us   "
          + ", ".join(f"{name} goal {limit:.0f} us ({lab.reached(value <= limit)})"
                      for name, (value, limit) in run["goals_us"].items()), flush=True)


if __name__ == "__main__":
    try:
        sys.exit(main())
    except lab.Failed as failed:
        sys.exit(f"bench_latency: {failed}")
