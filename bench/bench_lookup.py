#!/usr/bin/python3
"""Hot lookups over HTTP/2 and HTTP/1.1, beside h2o with a trivial handler answering the same GET.

Castle is on one core, the load on another; Castle and the yardstick take turns. The book has 100 levels a side and stands
still. Every answer must be 200. bench/README.md says how to read it. Exit: 1 when an answer was not 200 or a tool failed; a
missed goal is printed and fails nothing.
"""
import argparse
import statistics
import sys
import tempfile

import lab

PROTOCOLS = {"HTTP/2": lab.h2load, "HTTP/1.1": lab.wrk}
TARGETS = {"depth": f"/api/v3/depth?symbol={lab.SYMBOL}&limit=100",
           "bookTicker": f"/api/v3/ticker/bookTicker?symbol={lab.SYMBOL}"}
GOAL, LEVELS = 0.8, 100


def fill_book(trader):
    for level in range(LEVELS):
        for side, price in (("BUY", 9000 - level), ("SELL", 11000 + level)):
            trader.limit(lab.SYMBOL, side, "0.01", str(price))


def one(castle, protocol, name, options):
    """One line of the table: runs of Castle and of the yardstick by turns."""
    load, ours, theirs = PROTOCOLS[protocol], [], []
    with tempfile.TemporaryDirectory(prefix="lookup-") as home:
        lookup = lab.Lookup(TARGETS[name], home)
        answer = lookup.answer(castle.trader.http)
        with lab.Yardstick(answer) as yardstick:
            for _ in range(options.runs):
                ours.append(lab.measured(load, castle, lookup, options.seconds))
                theirs.append(lab.measured(load, yardstick, lookup, options.seconds))
    rates = [run["rate"] for run in ours], [run["rate"] for run in theirs]
    result = {"protocol": protocol, "lookup": name, "answer_bytes": len(answer), "goal": GOAL,
              "castle": lab.spread(rates[0]), "yardstick": lab.spread(rates[1])}
    for key, runs, busy in (("castle_busy", ours, "server_busy"), ("load_busy", ours, "load_busy"),
                            ("yardstick_busy", theirs, "server_busy")):
        result[key] = statistics.median(run[busy] for run in runs)
    for key, runs in (("castle_cpu_us", ours), ("yardstick_cpu_us", theirs)):  # of the server's core, for one answer
        result[key] = statistics.median(run["server_busy"] / run["rate"] * 1e6 for run in runs)
    result["ratio"] = result["castle"]["median"] / result["yardstick"]["median"]
    result["ratio_pairs"] = statistics.median(a / b for a, b in zip(*rates))
    return result


def show(result):
    castle, yardstick = result["castle"], result["yardstick"]
    print(f"{result['protocol']:8} {result['lookup']:10} {result['answer_bytes']:5} bytes  "
          f"castle {castle['median']:9,.0f}/s ({castle['min']:,.0f}..{castle['max']:,.0f})  "
          f"h2o {yardstick['median']:9,.0f}/s ({yardstick['min']:,.0f}..{yardstick['max']:,.0f})")
    print(f"         ratio {result['ratio']:.2f} (pairwise {result['ratio_pairs']:.2f}), goal {result['goal']} "
          f"({lab.reached(result['ratio'] >= result['goal'])}); busy: castle {result['castle_busy']:.0%}, its load "
          f"{result['load_busy']:.0%}, h2o {result['yardstick_busy']:.0%}; an answer takes {result['castle_cpu_us']:.2f} us of the "
          f"core, h2o's {result['yardstick_cpu_us']:.2f}", flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=3)
    parser.add_argument("--quick", action="store_true", help="one short run of each: does it work?")
    parser.add_argument("--json")
    options = parser.parse_args()
    if options.quick:
        options.runs, options.seconds = 1, 1
    lab.prepare()
    machine, results = lab.machine(), []
    print(f"bench_lookup: {machine['cpu']}, server on core {lab.SERVER_CORE}, load on core {lab.LOAD_CORE}, "
          f"{options.runs} runs of {options.seconds:g} s, load average {machine['load_average'][0]}")
    with lab.Castle() as castle:
        castle.open_market()
        fill_book(castle.trader)
        for name in TARGETS:
            for protocol in PROTOCOLS:
                results.append(one(castle, protocol, name, options))
                show(results[-1])
    lab.save(options.json, {"bench": "lookup", "machine": machine, "runs": options.runs, "seconds": options.seconds,
                            "results": results})


if __name__ == "__main__":
    try:
        sys.exit(main())
    except lab.Failed as failed:
        sys.exit(f"bench_lookup: {failed}")
