#!/usr/bin/python3
"""What other people's tools say of docs/openapi.yaml and docs/asyncapi.yaml.

Goal: whoever generates a client or a page from the files can. Method: redocly lints the one and @asyncapi/parser the other;
schemathesis makes requests of what /openapi.json says, signed where it says so, and holds every answer against it. `./dev
clients` installs them; what is missing is a skip (77).
"""
import json
import subprocess
import sys
import tempfile

import test_clients
import test_endpoints
from castle_client import ROOT, Checks, Server, check, environment, eq

CLIENTS = test_clients.HERE
CHECKS = ("not_a_server_error", "status_code_conformance", "content_type_conformance", "response_headers_conformance",
          "response_schema_conformance", "unsupported_method", "allow_header_conformance")
SECONDS = 600  # a deadline for what must end, never a measure
checks = Checks()


def run(*command, **env):
    with tempfile.TemporaryDirectory(prefix="castle-e2e-") as directory:  # some leave what they remember where they run
        return subprocess.run(list(map(str, command)), env=environment(env), cwd=directory, timeout=SECONDS, text=True,
                              stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE)


@checks
def redocly_has_nothing_to_say():
    told = run(CLIENTS / "node_modules/.bin/redocly", "lint", "--format=json", ROOT / "docs/openapi.yaml",
               REDOCLY_TELEMETRY="off", REDOCLY_SUPPRESS_UPDATE_NOTICE="true")
    eq(json.loads(told.stdout)["problems"], [], "problems")
    eq(told.returncode, 0, "exit")


@checks
def the_parser_of_asyncapi_has_nothing_to_say():
    told = run("node", CLIENTS / "asyncapi_check.mjs", ROOT / "docs/asyncapi.yaml")
    eq(told.returncode, 0, f"exit, after {told.stderr[-2000:]}")
    said = json.loads(told.stdout)
    eq([one for one in said["diagnostics"] if one["code"] != "asyncapi-latest-version"], [], "diagnostics")
    check(said["operations"] > 0, "it found no operation")


@checks
def schemathesis_gets_no_answer_that_is_not_described():
    with Server() as server:
        trader = test_endpoints.Session(server).trader
        url = "http://{}:{}".format(*server.public)
        told = run(test_clients.VENV / "bin/schemathesis", "run", f"{url}/openapi.json", "--url", url, "--seed", "1",
                   "--checks", ",".join(CHECKS), "--phases", "examples,coverage,fuzzing", "--max-examples", "20",
                   "--workers", "2", "--warnings", "off",
                   KEY=trader.key, SECRET=trader.secret, PYTHONPATH=str(CLIENTS), SCHEMATHESIS_HOOKS="schemathesis_hooks",
                   NO_PROXY="127.0.0.1", no_proxy="127.0.0.1")
        eq(told.returncode, 0, f"exit, after {told.stdout[-8000:]}{told.stderr[-2000:]}")
        asked = [line for line in server.admin().metrics().splitlines()
                 if line.startswith('castle_http_requests_total{route="/') and 'code="200"' in line and not line.endswith(" 0")]
        check(any('route="/api/v3/order",method="POST"' in line for line in asked), f"it placed no order: {asked}")


def main():
    lacks = [wanted.name for wanted, installed in (test_clients.NODE, test_clients.PYTHON)
             if not installed.exists() or installed.read_bytes() != wanted.read_bytes()]
    if lacks:
        print(f"not installed: what is in {', '.join(lacks)} (./dev clients, which asks npm and PyPI)")
        return 77
    checks.run()
    return checks.finish()


if __name__ == "__main__":
    sys.exit(main())
