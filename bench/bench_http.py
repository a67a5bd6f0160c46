#!/usr/bin/python3
"""Durable signed orders over HTTP/2 and HTTP/1.1, beside h2o with a trivial handler answering the same POST.

Castle is on one core, the load on another; Castle and the yardstick take turns. Every answer must be 200. The same with
--durability none says what the disk costs. bench/README.md says how to read it. Exit: 1 when an answer was not 200 or a
tool failed; a missed target is printed and fails nothing.
"""
import argparse
import statistics
import sys
import tempfile

import lab

PROTOCOLS = {"HTTP/2": (lab.h2load, 8 * 64), "HTTP/1.1": (lab.wrk, 256)}
TARGETS = {"sync": (0.3, 0.5), "none": (0.6, 0.8)}  # of the yardstick: issue 3's first target, DESIGN §11's goal


def one(castle, protocol, flow, durability, options):
    """One line of the table: runs of Castle and of the yardstick by turns."""
    load, in_flight = PROTOCOLS[protocol]
    ours, theirs, probes = [], [], []
    with tempfile.TemporaryDirectory(prefix="orders-") as home:
        answer = lab.Orders(castle.trader, flow, home).answer(castle.trader.http)
        with lab.Yardstick(answer) as yardstick:
            for _ in range(options.runs):
                if durability == "sync":
                    probes.append(lab.probe_sync(seconds=options.probe_seconds))
                orders = lab.Orders(castle.trader, flow, home)  # signed anew: within recvWindow for this pair of runs
                ours.append(lab.measured(load, castle, orders, options.seconds))
                theirs.append(lab.measured(load, yardstick, orders, options.seconds))
    return summary(protocol, flow, durability, in_flight, len(answer), ours, theirs, probes)


def summary(protocol, flow, durability, in_flight, answer_bytes, ours, theirs, probes):
    target, goal = TARGETS[durability]
    rates = [run["rate"] for run in ours], [run["rate"] for run in theirs]
    result = {"protocol": protocol, "flow": flow, "durability": durability, "answer_bytes": answer_bytes,
              "castle": lab.spread(rates[0]), "yardstick": lab.spread(rates[1]),
              "castle_busy": statistics.median(run["server_busy"] for run in ours),
              "load_busy": statistics.median(run["load_busy"] for run in ours),
              "yardstick_busy": statistics.median(run["server_busy"] for run in theirs),
              "in_flight": in_flight, "target": target, "goal": goal}
    result["ratio"] = result["castle"]["median"] / result["yardstick"]["median"]
    result["ratio_pairs"] = statistics.median(a / b for a, b in zip(*rates))
    if probes:
        result["sync"] = lab.mean_probe(probes)
        result["bound"] = in_flight / (result["sync"]["p50_us"] / 1e6)
    return result


def show(result):
    castle, yardstick = result["castle"], result["yardstick"]
    print(f"{result['protocol']:8} {result['flow']:5} durability {result['durability']:4} "
          f"castle {castle['median']:9,.0f}/s ({castle['min']:,.0f}..{castle['max']:,.0f})  "
          f"h2o {yardstick['median']:9,.0f}/s ({yardstick['min']:,.0f}..{yardstick['max']:,.0f})")
    print(f"         ratio {result['ratio']:.2f} (pairwise {result['ratio_pairs']:.2f}), target {result['target']} "
          f"({lab.reached(result['ratio'] >= result['target'])}), goal {result['goal']} "
          f"({lab.reached(result['ratio'] >= result['goal'])}); "
          f"busy: castle {result['castle_busy']:.0%}, its load {result['load_busy']:.0%}, h2o "
          f"{result['yardstick_busy']:.0%}")
    if "sync" in result:
        print(f"         sync p50 {result['sync']['p50_us']:.0f} us, p99 {result['sync']['p99_us']:.0f} us; "
              f"{result['in_flight']} in flight / sync p50 = {result['bound']:,.0f}/s at most", flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=3)
    parser.add_argument("--flows", default=",".join(lab.FLOWS))
    parser.add_argument("--quick", action="store_true", help="one short run of each: does it work?")
    parser.add_argument("--json")
    options = parser.parse_args()
    options.probe_seconds = 0.5
    if options.quick:
        options.runs, options.seconds, options.probe_seconds = 1, 1, 0.1
    lab.prepare()
    machine, results = lab.machine(), []
    print(f"bench_http: {machine['cpu']}, server on core {lab.SERVER_CORE}, load on core {lab.LOAD_CORE}, "
          f"{options.runs} runs of {options.seconds:g} s, load average {machine['load_average'][0]}")
    for durability in TARGETS:
        with lab.Castle("--durability", durability) as castle:
            castle.open_market()
            for flow in options.flows.split(","):
                for protocol in PROTOCOLS:
                    results.append(one(castle, protocol, flow, durability, options))
                    show(results[-1])
    lab.save(options.json, {"bench": "http", "machine": machine, "runs": options.runs, "seconds": options.seconds,
                            "results": results})


if __name__ == "__main__":
    try:
        sys.exit(main())
    except lab.Failed as failed:
        sys.exit(f"bench_http: {failed}")
