#!/usr/bin/python3
"""The operator's view in a headless Chromium, beside the admin API and REST.

Goal: what it shows is what the exchange is, what it halts is halted, and it keeps no token. Method: clients/operator_session.mjs drives
Chromium on a server of its own and says one line per check; the counts are summed here. Its files as HTTP gives them: test_page.py.
usage: test_operator.py [--pictures FOLDER]
"""
import shutil
import sys

from castle_client import Server, eq
from checks import Checks
from test_clients import user
from test_page import browse, pictures_of


def main(args):
    pictures = pictures_of(args)
    checks = Checks()
    with Server() as server:
        admin, (host, port), (admin_host, admin_port) = server.admin(), server.public, server.admin_at
        facts = {"base": f"http://{admin_host}:{admin_port}", "api": f"http://{host}:{port}", "token": admin.token,
                 "chromium": shutil.which("chromium"), "pictures": pictures, **{name: user(admin, name) for name in ("alice", "bob")}}
        checks.passed, checks.failed = browse("operator_session.mjs", facts)
        checks.one("the server ends", lambda: eq(server.sigterm(), 0, "its exit code"))
    return checks.finish()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
