#!/usr/bin/python3
"""Start-to-ready against journal length, and replayed records/s, beside reading the same files.

The journals are those of flow A through the whole order path (bench_path --keep): many users, orders that rest, cross
and are cancelled. The server starts on a directory that has no snapshot, so it replays all of it: on one core, and on all of
them, by turns. Exit: 1 when a start fails or has not replayed what was written.
"""
import argparse
import json
import os
import pathlib
import re
import statistics
import subprocess
import sys
import tempfile
import time

import lab

TARGET, GOAL = 2e6, 3e6  # records/s: issue 3's first target, DESIGN §11's goal


def make_journal(home, records, users):
    """A data directory as castle serve would leave it, but for API keys, which nobody has here."""
    data = pathlib.Path(home, "data")
    text = lab.run_tool(lab.SERVER_CORE, lab.TOOLS / "bench_path", "--keep", data, "--records", records,
                        "--users", users, seconds=600)
    (data / "secrets.key").write_bytes(os.urandom(32))
    (data / "secrets.key").chmod(0o600)
    os.sync()  # what is still to be written must not run beside the measurement
    return data, json.loads(text.splitlines()[-1])


def segments(data):
    return sorted(data.glob("journal-*"))


def read_all(data, cold):
    """Seconds to read every segment from beginning to end."""
    if cold:
        for path in segments(data):
            with open(path, "rb") as file:
                os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)
    buffer, began = bytearray(1 << 20), time.monotonic()
    for path in segments(data):
        with open(path, "rb", buffering=0) as file:
            while file.readinto(buffer):
                pass
    return time.monotonic() - began


def timed(*command):
    began = time.monotonic()
    lab.run_tool(lab.SERVER_CORE, *command, seconds=600)
    return time.monotonic() - began


ONE, ALL = (lab.SERVER_CORE,), tuple(lab.CORES)


def start(data, cores):
    """Seconds from exec to ready, and the records it says it replayed."""
    never = "--snapshot-seconds", 86400, "--snapshot-records", 2 ** 32 - 1
    with lab.Castle("--durability", "none", *never, cores=cores, data=data) as castle:
        found = re.search(r'"event":"recovered".*"records":(\d+)', castle.told('"event":"recovered"'))
        castle.kill9()
        return castle.start_seconds, int(found.group(1)) if found else None


def one(records, users, starts):
    with tempfile.TemporaryDirectory(prefix="recovery-") as home:
        data, made = make_journal(home, records, users)
        cold = read_all(data, cold=True)
        runs = [(start(data, ONE), start(data, ALL)) for _ in range(starts)]
        if any(replayed is None or replayed < made["records"] for pair in runs for _, replayed in pair):
            raise lab.Failed(f"{made['records']} records were written, and replayed: {runs}")
        return {"records": made["records"], "bytes": made["bytes"], "orders": made["orders"],
                "read_cold_s": cold, "read_s": min(read_all(data, cold=False) for _ in range(3)),
                "verify_s": statistics.median(timed(lab.client.BINARY, "journal", "verify", "--data", data)
                                              for _ in range(starts)),
                "start_s": lab.spread([one[0] for one, _ in runs]),
                "start_all_s": lab.spread([every[0] for _, every in runs])}


def show(result):
    print(f"  {result['records'] / 1e6:6.2f} M records, {result['bytes'] / 1e6:6.0f} MB: journal verify "
          f"{result['verify_s']:.3f} s; reading {result['read_s']:.3f} s cached, {result['read_cold_s']:.3f} s from the disk")
    for cores, seconds, rate in ((len(ONE), result["start_s"], result["rate"]),
                                 (len(ALL), result["start_all_s"], result["rate_all"])):
        print(f"    on {cores}: ready in {seconds['median']:6.3f} s ({seconds['min']:.3f}..{seconds['max']:.3f}), "
              f"{rate / 1e6:.2f} M records/s", flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--records", default="250000,500000,1000000,2000000,4000000")
    parser.add_argument("--users", type=int, default=1000)
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--json")
    options = parser.parse_args()
    if options.quick:
        options.records, options.runs, options.users = "50000", 1, 100
    lab.prepare()
    machine, results = lab.machine(), []
    with tempfile.TemporaryDirectory(prefix="recovery-") as home:
        data, _ = make_journal(home, 1, options.users)
        empty = {cores: statistics.median(start(data, cores)[0] for _ in range(options.runs)) for cores in (ONE, ALL)}
    print(f"bench_recovery: {machine['cpu']}, one core and {len(ALL)}, {options.users} users, {options.runs} starts each, load "
          f"average {machine['load_average'][0]}; ready in {empty[ONE]:.3f} s with next to nothing to replay")
    for records in map(int, options.records.split(",")):
        result = one(records, options.users, options.runs)
        result["rate"] = result["records"] / max(result["start_s"]["median"] - empty[ONE], 1e-3)
        result["rate_all"] = result["records"] / max(result["start_all_s"]["median"] - empty[ALL], 1e-3)
        results.append(result)
        show(result)
    rate = results[-1]["rate_all"]
    print(f"  {rate / 1e6:.2f} M records/s with the longest on {len(ALL)}; first target {TARGET / 1e6:g} "
          f"({lab.reached(rate >= TARGET)}), goal {GOAL / 1e6:g} ({lab.reached(rate >= GOAL)})")
    lab.save(options.json, {"bench": "recovery", "machine": machine, "users": options.users, "runs": options.runs,
                            "empty_s": empty[ONE], "target": TARGET, "goal": GOAL, "results": results})


if __name__ == "__main__":
    try:
        sys.exit(main())
    except (lab.Failed, subprocess.TimeoutExpired) as failed:
        sys.exit(f"bench_recovery: {failed}")
