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

import seen
from castle_client import ROOT, Server, environment, key_pair

HERE = pathlib.Path(__file__).resolve().parent / "clients"
VENV = ROOT / "build/venv"
SESSIONS = {"ccxt": ["node", HERE / "ccxt_session.mjs"],
            "ccxt-ws": ["node", HERE / "ccxt_ws_session.mjs"],
            "binance": ["node", HERE / "binance_session.mjs"],
            "@binance/spot": ["node", HERE / "spot_session.mjs"],
            "node-binance-api": ["node", HERE / "node_binance_api_session.mjs"],
            "python-binance": [VENV / "bin/python", HERE / "python_binance_session.py"],
            "python-binance-ws": [VENV / "bin/python", HERE / "python_binance_ws_session.py"],
            "http2": ["node", HERE / "http2_session.mjs"]}
NODE = (HERE / "package-lock.json", HERE / "node_modules/installed.lock")
PYTHON = (HERE / "requirements.txt", VENV / "installed.lock")
LOCKS = {"ccxt": NODE, "ccxt-ws": NODE, "binance": NODE, "@binance/spot": NODE, "node-binance-api": NODE,
         # and what ./dev has installed
         "python-binance": PYTHON, "python-binance-ws": PYTHON}
# The others sign with RSA and Ed25519 over TLS. (What node-binance-api signs so it encodes twice in the body of a POST.)
HMAC_ONLY = ("http2", "node-binance-api")
FUNDS = {"USDT": "1000000.00", "BTC": "100", "ETH": "1000.5"}
CLOSED = "HALTED"  # an asset whose market takes no orders
SECONDS = 600  # a deadline for what must end, never a measure


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
    """A chain as the known authorities issue it, root over intermediate over server: (root, chain file, key)."""
    def issue(name, issuer, *extensions):
        certificate, key, config = (directory / f"{name}.{kind}" for kind in ("pem", "key", "conf"))
        ids = ["subjectKeyIdentifier=hash"] + (["authorityKeyIdentifier=keyid"] if issuer else [])
        config.write_text("\n".join([*extensions, *ids]) + "\n")
        signer = ["-CA", directory / f"{issuer}.pem", "-CAkey", directory / f"{issuer}.key", "-CAcreateserial"]
        for command in (["req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout", key, "-out",
                         directory / f"{name}.csr", "-subj", f"/CN=Castle test {name}"],
                        ["x509", "-req", "-in", directory / f"{name}.csr", "-days", "2", "-extfile", config, "-out",
                         certificate, *(signer if issuer else ["-signkey", key])]):
            subprocess.run(["openssl", *command], check=True, capture_output=True)
        return certificate, key

    authority = ("basicConstraints=critical,CA:TRUE", "keyUsage=critical,keyCertSign")
    root, _ = issue("root", None, *authority)
    intermediate, _ = issue("intermediate", "root", *authority)
    server, key = issue("server", "intermediate", "subjectAltName=IP:127.0.0.1", "extendedKeyUsage=serverAuth")
    chain = directory / "chain.pem"
    chain.write_text(server.read_text() + intermediate.read_text())
    return root, chain, key


def user(admin, name, permissions=("USER_DATA", "TRADE"), kind="HMAC"):
    number = admin.user(name)
    for asset, amount in FUNDS.items():
        admin.deposit(number, asset, amount, f"{name} {asset} opening")
    if kind == "HMAC":
        key, secret = admin.key(number, permissions)
        return {"key": key, "secret": secret}
    with tempfile.TemporaryDirectory(prefix="castle-e2e-") as directory:
        private, public = key_pair(directory, kind)
        return {"key": admin.key(number, permissions, kind, publicKey=public)[0], "secret": private.read_text()}


def facts(server, scheme, kinds):
    """What a session is told: where the exchange is, and whose keys and money it has."""
    admin = server.admin()
    admin.symbol(f"{CLOSED}USDT", CLOSED, "USDT")
    admin.status(f"{CLOSED}USDT", "HALT")
    host, port = server.public
    return {"base": f"{scheme}://{host}:{port}", "funds": FUNDS, "closed": CLOSED,
            "alice": user(admin, "alice", kind=kinds[0]), "bob": user(admin, "bob", kind=kinds[1]),
            "reader": user(admin, "reader", ["USER_DATA"])}


def run(name, scheme, root, chain, key):
    """One session on a server of its own: (its output, how many checks passed, how many failed)."""
    tls = ["--tls-cert", chain, "--tls-key", key] if scheme == "https" else []
    env = {"NO_PROXY": "127.0.0.1", "no_proxy": "127.0.0.1"} | {
        variable: str(root) for variable in ("NODE_EXTRA_CA_CERTS", "REQUESTS_CA_BUNDLE", "SSL_CERT_FILE")}
    kinds = ("RSA", "ED25519") if scheme == "https" and name not in HMAC_ONLY else ("HMAC", "HMAC")
    passed = failed = 0
    try:
        with Server(*tls) as server:
            result = subprocess.run(list(map(str, SESSIONS[name])), text=True,
                                    input=json.dumps(facts(server, scheme, kinds)),
                                    env=environment(env), timeout=SECONDS, stdout=subprocess.PIPE,
                                    stderr=subprocess.STDOUT)
            output = result.stdout
            if counts := re.search(r"^(\d+) passed, (\d+) failed\s*\Z", output, re.MULTILINE):
                passed, failed = map(int, counts.groups())
            if result.returncode and not failed:
                output, failed = output + f"FAIL the session: {result.returncode}\n", 1
            if (end := server.sigterm()) != 0:
                output, failed = output + f"FAIL the server: {end}\n{server.output()[-8000:]}", failed + 1
    except Exception as error:  # one session that breaks must not hide the others
        output, failed = f"FAIL the session: {error}\n{getattr(error, 'stdout', None) or ''}", 1
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
            if good and not bad:
                name, scheme, _ = output.split(maxsplit=2)
                seen.show(f"client {name} {scheme}", f"{name} over {scheme.strip(':')}")
            passed, failed = passed + good, failed + bad
    print(f"{passed} passed, {failed} failed")
    return 1 if failed or not passed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
