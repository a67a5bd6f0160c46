#!/usr/bin/python3
"""Client libraries as they come from npm and PyPI, trading on Castle over HTTP and over TLS.

Goal: a client that knows Binance knows Castle, with nothing but its URLs changed. Method: for each session of clients/
and each scheme a server of its own, fresh users, and a program of its own that says one line per check; the counts are
summed here. `./dev clients` installs the libraries; what is missing is a skip (77).
usage: test_clients.py [--http|--https] [SESSION...]
"""
import concurrent.futures
import json
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile

from castle_client import ROOT, Server, environment

HERE = pathlib.Path(__file__).resolve().parent / "clients"
VENV = ROOT / "build/venv"
SESSIONS = {"ccxt": ["node", HERE / "ccxt_session.mjs"],
            "python-binance": [VENV / "bin/python", HERE / "python_binance_session.py"],
            "http2": ["node", HERE / "http2_session.mjs"]}
LOCKS = {"ccxt": (HERE / "package-lock.json", HERE / "node_modules/installed.lock"),  # and what ./dev has installed
         "python-binance": (HERE / "requirements.txt", VENV / "installed.lock")}
FUNDS = {"USDT": "1000000.00", "BTC": "100", "ETH": "1000.5"}
CLOSED = "HALTED"  # an asset whose market takes no orders
SECONDS = 150  # a deadline for what must end, never a measure


def missing(name):
    """What this session lacks, or None."""
    if SESSIONS[name][0] == "node" and not shutil.which("node"):
        return "node"
    if name in LOCKS:
        wanted, installed = LOCKS[name]
        if not installed.exists() or installed.read_bytes() != wanted.read_bytes():
            return f"{name} as in {wanted.name}"
    return None


def certificates(directory):
    """A certificate authority made for this run, and a server certificate by it: (authority, certificate, key)."""
    authority, authority_key, certificate, key, request, names = (
        directory / name for name in ("ca.pem", "ca.key", "server.pem", "server.key", "server.csr", "names"))
    names.write_text("subjectAltName=IP:127.0.0.1,DNS:localhost\nextendedKeyUsage=serverAuth\n")
    new_key = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"]
    for command in (["req", "-x509", *new_key, "-keyout", authority_key, "-out", authority, "-subj", "/CN=Castle test CA"],
                    ["req", *new_key, "-keyout", key, "-out", request, "-subj", "/CN=castle"],
                    ["x509", "-req", "-in", request, "-CA", authority, "-CAkey", authority_key, "-CAcreateserial",
                     "-extfile", names, "-out", certificate]):
        subprocess.run(["openssl", *command], check=True, capture_output=True)
    return authority, certificate, key


def user(admin, name, permissions=("USER_DATA", "TRADE")):
    number = admin.user(name)
    for asset, amount in FUNDS.items():
        admin.deposit(number, asset, amount, f"{name} {asset} opening")
    key, secret = admin.key(number, permissions)
    return {"key": key, "secret": secret}


def facts(server, scheme):
    """What a session is told: where the exchange is, and whose keys and money it has."""
    admin = server.admin()
    admin.symbol(f"{CLOSED}USDT", CLOSED, "USDT")
    admin.status(f"{CLOSED}USDT", "HALT")
    host, port = server.public
    return {"base": f"{scheme}://{host}:{port}", "funds": FUNDS, "closed": CLOSED,
            "alice": user(admin, "alice"), "bob": user(admin, "bob"), "reader": user(admin, "reader", ["USER_DATA"])}


def run(name, scheme, authority, certificate, key):
    """One session on a server of its own: (its output, how many checks passed, how many failed)."""
    tls = ["--tls-cert", certificate, "--tls-key", key] if scheme == "https" else []
    env = {"NO_PROXY": "127.0.0.1", "no_proxy": "127.0.0.1"} | {
        variable: str(authority) for variable in ("NODE_EXTRA_CA_CERTS", "REQUESTS_CA_BUNDLE", "SSL_CERT_FILE")}
    with Server(*tls) as server:
        command, told = list(map(str, SESSIONS[name])), json.dumps(facts(server, scheme))
        try:
            result = subprocess.run(command, input=told, env=environment(env), timeout=SECONDS, text=True,
                                    stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
            output, code = result.stdout, result.returncode
        except subprocess.TimeoutExpired as error:
            output, code = (error.stdout or b"").decode(), "no end"
        counts = re.search(r"^(\d+) passed, (\d+) failed\s*\Z", output, re.MULTILINE)
        passed, failed = map(int, counts.groups()) if counts else (0, 0)
        if code != 0 and not failed:
            output, failed = output + f"FAIL the session: {code}\n", 1
        if (end := server.sigterm()) != 0:
            output, failed = output + f"FAIL the server: {end}\n{server.output()[-8000:]}", failed + 1
    return "\n".join(f"{name} {scheme}: {line}" for line in output.splitlines()), passed, failed


def main(args):
    schemes = [scheme for scheme in ("http", "https") if f"--{scheme}" in args] or ["http", "https"]
    names = [name for name in SESSIONS if name in args] or list(SESSIONS)
    lacks = sorted(filter(None, {missing(name) for name in names}))
    if lacks:
        print(f"not installed: {', '.join(lacks)} (./dev clients, which asks npm and PyPI)")
        return 77
    passed = failed = 0
    with tempfile.TemporaryDirectory(prefix="castle-e2e-") as directory, \
            concurrent.futures.ThreadPoolExecutor(2) as pool:  # ccxt's own rate limiter makes its sessions wait
        paths = certificates(pathlib.Path(directory))
        jobs = [pool.submit(run, name, scheme, *paths) for name in names for scheme in schemes]
        for job in jobs:
            output, good, bad = job.result()
            print(output, flush=True)
            passed, failed = passed + good, failed + bad
    print(f"{passed} passed, {failed} failed")
    return 1 if failed or not passed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
