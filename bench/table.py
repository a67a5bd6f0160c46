#!/usr/bin/python3
"""The table of build/bench/*.json: each figure beside its yardstick.

With --expect NAME,... only these, and every one must be there and sound, else exit 1. What a figure ought to be is not asked.
"""
import argparse
import json
import math
import pathlib
import sys

NAMES = ("book", "lane", "sync", "http", "lookup", "latency", "fanout", "path", "recovery", "memory", "page")


def count(value):
    return f"{value:,.0f}"


def book(data):
    for flow in data["flows"]:
        yield (f"matching core, flow {flow['flow']}", f"{flow['book_mps']:.2f} M/s",
               f"generator's matcher {flow['yardstick_mps']:.2f} M/s", flow["ratio"], f">= {flow['target_ratio']:.2f}")


def lane(data):
    if "skipped" in data:
        return
    trip, way = data["round_trip_ns"], data["one_way_mps"]
    yield ("lane, round trip", f"{trip['lane']['p50']} ns", f"ck_ring {trip['ck_ring']['p50']} ns", trip["ratio"],
           f"<= {trip['target_ratio']}")
    yield ("lane, one way", f"{way['lane']:.1f} M/s", f"ck_ring {way['ck_ring']:.1f} M/s", way["ratio"], "")


def sync(data):
    yield ("raw write+sync, 4 KiB", f"p50 {data['p50_us']:.0f} us", f"p99 {data['p99_us']:.0f} us", None, "")


def http(data):
    for one in data["results"]:
        yield (f"{one['protocol']} orders ({one['flow']}), durability {one['durability']}",
               count(one["castle"]["median"]) + "/s", f"h2o {count(one['yardstick']['median'])}/s", one["ratio"],
               f">= {one['target']}")


def lookup(data):
    for one in data["results"]:
        yield (f"{one['protocol']} {one['lookup']}, {one['answer_bytes']} bytes",
               count(one["castle"]["median"]) + "/s", f"h2o {count(one['yardstick']['median'])}/s", one["ratio"],
               f">= {one['goal']}")


def latency(data):
    syncs = [run["sync"] for run in data["runs"]]
    for name in ("p50", "p99"):
        raw = sorted(one[f"{name}_us"] for one in syncs)[len(syncs) // 2]
        yield (f"order latency at {count(data['rate'])}/s, {name}", f"{data['median_us'][name]:.0f} us",
               f"sync {name} {raw:.0f} us", data["median_us"][name] / raw,
               f"met in {data['within_goal'][name]} of {len(syncs)} runs")
    for one in data["events"]:
        for way, name in (("trade_us", "trade event"), ("report_us", "executionReport")):
            yield (f"order to {name}, durability {one['durability']}, p50", f"{one[way]['p50']:.0f} us",
                   f"its answer {one['corrected_us']['p50']:.0f} us", one[way]["p50"] / one["corrected_us"]["p50"],
                   f"p99 {one[way]['p99']:.0f} us, answer {one['corrected_us']['p99']:.0f} us")


def fanout(data):
    for one in data["steady"]:
        castle, bare = one["castle"], one["bare"]
        yield (f"{count(one['subscribers'])} on {one['streams']}, {castle['messages_a_write']:.1f} a write",
               f"{castle['bytes_per_cpu_s'] / 1e6:.1f} MB/CPU s",
               f"bare send() {bare['bytes_per_cpu_s'] / 1e6:.1f} MB/CPU s", one["ratio"], f">= {one['goal']}")
        yield ("  lag p99", f"{castle['lag_us']['p99']:.0f} us", f"bare send() {bare['lag_us']['p99']:.0f} us",
               None, f"{castle['connection_bytes']:.0f} bytes a connection")
    stalled = data["stalled"]
    for way, name in (("lag_us", "lag p99 of good ones"), ("order_us", "order latency p99")):
        alone, beside = (stalled[key][way]["p99"] for key in ("without", "with"))
        yield (f"{name} beside {count(stalled['stalled'])} stalled", f"{beside:.0f} us", f"alone {alone:.0f} us",
               beside / alone, "")
    alone = data["throughput"]["without"]["rate"]
    for one in data["throughput"]["with"]:
        yield (f"orders, {count(data['throughput']['subscribers'])} on {one['streams']}", count(one["rate"]) + "/s",
               f"without {count(alone)}/s", one["ratio"], f"{one['closed']:.0f} closed")


def path(data):
    for one in data["results"]:
        yield (f"order path inside, {one['cores']} cores, {one['disk']} disk", f"{one['orders_mps']:.3f} M/s",
               f"book alone {data['book_mps']:.2f} M/s", one["ratio"],
               f">= {data['goal_mps']:g} M/s" if one["cores"] == 2 else "")


def recovery(data):
    for one in data["results"]:
        yield (f"restart with {one['records'] / 1e6:.2f} M records", f"{one['start_all_s']['median']:.3f} s",
               f"reading {one['read_s']:.3f} s", one["rate_all"] / 1e6, f"M records/s, >= {data['target'] / 1e6:g}")


def memory(data):
    yield ("bytes per resting order", f"{data['bytes_per_order']:.0f}",
           f"node {data['node_bytes']} + order {data['ledger_order_bytes']}",
           data["bytes_per_order"] / data["goal_bytes"], f"of the goal, {data['goal_bytes']}")


def page(data):
    if "skipped" in data:
        return
    ours, empty = data["results"]["page"], data["results"]["empty"]
    yield (f"page, frame interval p95 at {data['rate']} updates/s", f"{ours['p95']:.1f} ms", f"empty page {empty['p95']:.1f} ms",
           data["ratio"], f"<= {data['goal']}")
    yield ("  its main thread", f"{ours['busy']['all']:.0%}",
           f"empty page {empty['busy']['all']:.0%}", None, f"{ours['per_second']:.0f} frames/s")


def sound(value):
    """No number that is not one, or below zero, anywhere."""
    if isinstance(value, dict):
        return all(map(sound, value.values()))
    if isinstance(value, list):
        return all(map(sound, value))
    return not isinstance(value, (int, float)) or (math.isfinite(value) and value >= 0)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=pathlib.Path)
    parser.add_argument("--expect", default="", help="comma-separated, or 'all'")
    options = parser.parse_args()
    expected = NAMES if options.expect == "all" else [name for name in options.expect.split(",") if name]
    bad = 0
    for name in expected or NAMES:
        file = options.folder / f"{name}.json"
        if not file.exists():
            if name in expected:
                print(f"{file} is missing")
                bad += 1
            continue
        data = json.loads(file.read_text())
        rows = list(globals()[name](data))
        parts = data.pop("parts", {})  # bytes of a part may have shrunk
        if name in expected and (not sound(data) or (not rows and "skipped" not in data)
                                 or any(row[3] is not None and row[3] <= 0 for row in rows)):
            print(f"{file} says what cannot be: {data} {parts}")
            bad += 1
        for what, value, yardstick, ratio, target in rows:
            print(f"{what:48} {value:>14}   {yardstick:32} {'' if ratio is None else f'{ratio:8.2f}'}  {target}")
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
