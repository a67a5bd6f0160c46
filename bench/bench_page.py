#!/usr/bin/python3
"""The web page's frames while 200 updates a second arrive, beside those of an empty page in the same browser.

Castle is on one core; headless Chromium and what sends the orders have all of them. The page and the empty one take turns. bench/README.md
says how to read it. Exit: 1 when a tool failed or the updates did not come; a missed goal is printed and fails nothing.
"""
import argparse
import json
import pathlib
import random
import shutil
import subprocess
import sys
import threading
import time

import lab

RATE = 200  # changes of the book a second, of which some are trades
MIDDLE, LEVELS = 10000, 300
GOAL = 1.1  # the page's p95 interval between frames beside the empty page's
HERE = pathlib.Path(__file__).resolve().parent
CLIENTS = lab.ROOT / "tests/e2e/clients"
MAIN_THREAD = {"TaskDuration": "all", "ScriptDuration": "script", "LayoutDuration": "layout", "RecalcStyleDuration": "style"}


class Flow(threading.Thread):
    """Orders at a fixed rate around a middle that stays: two in three rest, one takes; what rests too long is cancelled."""

    def __init__(self, trader):
        super().__init__(daemon=True)
        self.trader, self.stop, self.sent, self.error = trader, threading.Event(), 0, None
        self.chance, self.live = random.Random(7), []

    def run(self):
        begun = time.monotonic()
        try:
            while not self.stop.wait(max(0, begun + self.sent / RATE - time.monotonic())):
                self.one()
                self.sent += 1
        except Exception as error:  # the main thread says so
            self.error = error

    def one(self):
        side, chance = self.chance.choice(("BUY", "SELL")), self.chance.random()
        if chance < 0.3:
            self.trader.order(lab.SYMBOL, side, "MARKET", quantity="0.001")
        elif chance < 0.6 and len(self.live) > 100:
            try:
                self.trader.cancel(lab.SYMBOL, orderId=self.live.pop(self.chance.randrange(len(self.live))))
            except lab.client.ApiError:
                pass  # somebody took it
        else:
            off = self.chance.expovariate(1 / 20) + 1
            price = f"{MIDDLE + (off if side == 'SELL' else -off):.2f}"
            self.live.append(self.trader.limit(lab.SYMBOL, side, "0.01", price)["orderId"])


def fill_book(trader):
    for level in range(LEVELS):
        for side, price in (("BUY", MIDDLE - 1 - level), ("SELL", MIDDLE + 1 + level)):
            trader.limit(lab.SYMBOL, side, "0.5", str(price))


def figures(runs):
    """Of all runs of a page: intervals in ms, frames a second, and how much of its main thread it took."""
    frames = sorted(interval for run in runs for interval in run["frames"])
    seconds = sum(frames) / 1000
    at = {f"p{part}": frames[min(len(frames) - 1, int(len(frames) * part / 100))] for part in (50, 95, 99)}
    return at | {"max": frames[-1], "frames": len(frames), "per_second": len(frames) / seconds,
                 "late": sum(interval > 1.5 * at["p50"] for interval in frames) / len(frames),
                 "updates_per_second": sum(run["updates"] for run in runs) / seconds,
                 "busy": {name: sum(run["spent"][key] for run in runs) / seconds for key, name in MAIN_THREAD.items()}}


def show(name, result):
    busy = ", ".join(f"{kind} {part:.1%}" for kind, part in result["busy"].items())
    print(f"{name:6} {result['per_second']:5.1f} frames/s, intervals p50 {result['p50']:.1f} ms, p95 {result['p95']:.1f}, p99 {result['p99']:.1f}, "
          f"max {result['max']:.1f}; {result['late']:.1%} late; {result['updates_per_second']:.0f} updates/s; main thread: {busy}")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=6)
    parser.add_argument("--quick", action="store_true", help="one short run of each: does it work?")
    parser.add_argument("--json")
    options = parser.parse_args()
    if options.quick:
        options.runs, options.seconds = 1, 2
    chromium = shutil.which("chromium")
    if not chromium or not shutil.which("node") or not (CLIENTS / "node_modules/playwright-core").exists():
        print("bench_page: skipped; chromium or playwright-core is not installed (./dev clients)")
        lab.save(options.json, {"bench": "page", "machine": lab.machine(), "skipped": True})
        return
    lab.prepare()
    machine = lab.machine()
    print(f"bench_page: {machine['cpu']}, server on core {lab.SERVER_CORE}, {RATE} updates/s, {options.runs} runs of "
          f"{options.seconds:g} s, load average {machine['load_average'][0]}")
    with lab.Castle() as castle:
        castle.open_market()
        fill_book(castle.trader)
        flow = Flow(castle.trader)
        flow.start()
        facts = {"chromium": chromium, "url": f"http://{castle.at}/#{lab.SYMBOL}", "runs": options.runs, "seconds": options.seconds}
        done = subprocess.run(["node", HERE / "page_frames.mjs"], input=json.dumps(facts), text=True, capture_output=True, timeout=300)
        flow.stop.set()
        flow.join()
    if done.returncode or flow.error:
        raise lab.Failed(f"{flow.error or done.stderr}")
    told = json.loads(done.stdout)
    results = {name: figures(told[name]) for name in ("empty", "page")}
    for name, result in results.items():
        show(name, result)
    if not results["page"]["updates_per_second"]:
        raise lab.Failed("the page saw no update")
    ratio = results["page"]["p95"] / results["empty"]["p95"]
    print(f"p95 of the page beside the empty one's: {ratio:.2f}, goal {GOAL} ({lab.reached(ratio <= GOAL)})")
    lab.save(options.json, {"bench": "page", "machine": machine, "chromium": told["version"], "rate": RATE, "runs": options.runs,
                            "seconds": options.seconds, "results": results, "ratio": ratio, "goal": GOAL})


if __name__ == "__main__":
    try:
        sys.exit(main())
    except lab.Failed as failed:
        sys.exit(f"bench_page: {failed}")
