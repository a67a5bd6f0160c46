#!/usr/bin/python3
"""A long journal, replayed by one core and by several.

Goal: where a shard lives is not state: a start comes to the same state hash whatever the number of threads that replay.
Method: bench_path writes a journal of many users and two symbols; castle serve starts on copies of it, and each audit is
compared with what `castle journal dump --state` folds by itself.
"""
import contextlib
import json
import os
import pathlib
import shutil
import subprocess
import sys

from castle_client import BINARY, Checks, Server, castle, check, conserved, environment, eq

RECORDS, CORES = 150000, (1, 2, 5)

checks = Checks()


@contextlib.contextmanager
def copies():
    """Servers of several numbers of cores, not started, each on a copy of one journal of its own."""
    tool = pathlib.Path(BINARY).parent / "bench_path"
    with contextlib.ExitStack() as stack:
        servers = []
        for cores in CORES:
            servers.append(Server("--cores", cores))
            stack.callback(servers[-1].remove)
        first = servers[0].data
        done = subprocess.run([tool, "--keep", first, "--records", str(RECORDS), "--users", "300"],
                              env=environment(), timeout=300, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        eq(done.returncode, 0, f"exit code of bench_path; it said: {done.stdout}")
        (first / "secrets.key").write_bytes(os.urandom(32))
        (first / "secrets.key").chmod(0o600)
        for server in servers[1:]:
            shutil.copytree(first, server.data)
        yield servers


@checks
def every_number_of_cores_comes_to_the_same_state():
    with copies() as servers:
        dumped = castle("journal", "dump", "--state", "--data", servers[0].data, timeout=300)
        eq(dumped.returncode, 0, f"exit code of dump --state; it said: {dumped.stdout[-500:]}")
        told = json.loads(dumped.stdout)
        check(int(told["lsn"]) >= RECORDS, f"the journal ends at {told['lsn']}")
        for server in servers:
            server.start()
            audit = server.admin().audit()
            conserved(audit)
            eq((audit["stateHash"], int(audit["lsn"])), (told["stateHash"], int(told["lsn"])),
               f"state hash and LSN with {server.options}")
            eq(server.sigterm(), 0, "a clean end")


def main():
    checks.run()
    return checks.finish()


if __name__ == "__main__":
    sys.exit(main())
