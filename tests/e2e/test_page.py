#!/usr/bin/python3
"""The web pages: their files as HTTP gives them, and a trader's page itself in a headless Chromium.

Goal: what the page shows is what REST says, whatever happens to its connections. Method: the files over HTTP/1.1 and HTTP/2, here;
then clients/page_session.mjs, which drives Chromium (Debian's, by npm's playwright-core) on a server of its own and says one line per
check; the counts are summed here. `./dev clients` installs what it needs; what is missing is a skip (77).
usage: test_page.py [--pictures FOLDER]
"""
import gzip
import hashlib
import json
import os
import pathlib
import re
import shutil
import subprocess
import sys

from castle_client import ROOT, Http1, Http2, Server, check, environment, eq, parse, refusal
from checks import Checks
from test_clients import HERE, NODE, user

checks = Checks()
WEB = ROOT / "http/web"
NPM = {name: WEB / "node_modules" / path for name, path in {
    "lightweight-charts.js": "lightweight-charts/dist/lightweight-charts.standalone.production.mjs", "uplot.js": "uplot/dist/uPlot.esm.js",
    "uplot.css": "uplot/dist/uPlot.min.css"}.items()}
SHARED = ("decimal.js", "dom.js", "icon.svg", "style.css", "theme.js")
TYPES = {".html": "text/html;charset=UTF-8", ".css": "text/css;charset=UTF-8", ".js": "text/javascript;charset=UTF-8",
         ".svg": "image/svg+xml", "": "text/plain;charset=UTF-8"}
SECONDS = 400  # a deadline for what must end, never a measure


class Site:
    """The page of one listener: {path: (source, content type)} of what lies in http/web, or in http/web/operator and is shared."""

    def __init__(self, server, operator):
        self.at, self.operator = (server.admin_at, True) if operator else (server.public, False)
        folder = WEB / "operator" if operator else WEB
        self.index = folder / "index.html"
        self.files = {"/": (self.index, TYPES[".html"])}
        for file in folder.iterdir():
            if file.suffix in (".css", ".js", ".svg") or file.name == "NOTICE":
                self.files[f"/{file.relative_to(WEB.parent)}"] = file, TYPES[file.suffix]
        for name in SHARED:
            self.files[f"/web/{name}"] = WEB / name, TYPES[pathlib.Path(name).suffix]
        for name in ("uplot.js", "uplot.css") if operator else ("lightweight-charts.js",):
            self.files[f"/web/{name}"] = NPM[name], TYPES[pathlib.Path(name).suffix]


@checks
def every_file_is_there_as_it_is_in_the_source(site, http):
    for path, (source, kind) in site.files.items():
        reply = http.request("GET", path)
        eq((reply.status, reply.headers["content-type"], reply.body == source.read_bytes()), (200, kind, True), path)
        eq(reply.headers["etag"], f'"{hashlib.sha256(reply.body).hexdigest()[:32]}"', f"{path}: ETag")
        eq(reply.headers["cache-control"], "no-cache", f"{path}: Cache-Control")
        eq((reply.headers["x-content-type-options"], reply.headers["referrer-policy"]), ("nosniff", "no-referrer"), path)


@checks
def nothing_is_allowed_but_what_is_the_page_s_own(site, http):
    policy = http.request("GET", "/").headers["content-security-policy"]
    rules = dict(rule.split(" ", 1) for rule in policy.split("; "))
    eq(rules["default-src"], "'none'", "default-src")
    eq((rules["script-src"], rules["connect-src"]), ("'self'", "'self'"), "scripts and connections")
    check("unsafe" not in policy and "http" not in policy and "*" not in policy, policy)
    text = site.index.read_text()
    check(not re.search(r"<script(?![^>]* src=)|<style|\sstyle=|\son\w+=", text), "index.html has something inline")
    check(not re.search(r'(src|href)="(?!/)', text), "index.html asks another host")


@checks
def who_has_a_file_is_not_sent_it_again(site, http):
    for path in site.files:
        whole = http.request("GET", path)
        for tags in (whole.headers["etag"], f'"other", W/{whole.headers["etag"]}'):
            again = http.request("GET", path, {"If-None-Match": tags})
            eq((again.status, again.body, again.headers["etag"]), (304, b"", whole.headers["etag"]), path)
        eq(http.request("GET", path, {"If-None-Match": '"other"'}).body, whole.body, path)


@checks
def who_takes_gzip_gets_it(site, http):
    for path, (source, _) in site.files.items():
        plain, packed = http.request("GET", path), http.request("GET", path, {"Accept-Encoding": "br, gzip;q=0.8"})
        eq((packed.headers["content-encoding"], gzip.decompress(packed.body) == source.read_bytes()), ("gzip", True), path)
        check(len(packed.body) < len(plain.body), f"{path}: it is not smaller")
        eq((plain.headers["vary"], packed.headers["vary"], "content-encoding" in plain.headers), ("accept-encoding", "accept-encoding", False), path)
        check(plain.headers["etag"] != packed.headers["etag"], f"{path}: one ETag of two forms")
        eq(http.request("GET", path, {"Accept-Encoding": "gzip", "If-None-Match": packed.headers["etag"]}).status, 304, path)
        eq(http.request("GET", path, {"Accept-Encoding": "gzip", "If-None-Match": plain.headers["etag"]}).status, 200, path)
    for accepted, coding in (("gzip", "gzip"), ("GZIP ; q=1", "gzip"), ("deflate,gzip", "gzip"), ("gzip;q=0", None), ("gzip; q=0.000", None),
                             ("gzipped", None), ("x-gzip", None), ("identity", None), (",", None), ("", None), ("gzip;", "gzip"), ("br,gzip;q=0.001", "gzip")):
        reply = http.request("GET", "/", {"Accept-Encoding": accepted})
        eq((reply.status, reply.headers.get("content-encoding")), (200, coding), repr(accepted))


@checks
def a_head_is_the_head_of_the_answer(site, http):
    for path in site.files:
        whole, head = http.request("GET", path), http.request("HEAD", path)
        eq((head.status, head.body), (200, b""), path)
        for name in ("content-type", "content-length", "etag", "cache-control", "content-security-policy"):
            eq(head.headers.get(name), whole.headers.get(name), f"{path}: {name}")


@checks
def nothing_else_has_become_a_path(site, http):
    for path in ("/web", "/web/", "/web/index.html", "/web/operator/", "/web/operator/index.html", "/index.html", "/favicon.ico", "/web/style.css/",
                 "/web/../web/style.css", "/web/embed.py", "/web/package.json", "/%2fweb/style.css", "//"):
        refused = refusal(parse, http.request("GET", path))
        eq((refused.status, refused.code), (401, -2015) if site.operator else (404, -1000), path)
    for method in ("POST", "PUT", "DELETE", "OPTIONS"):
        reply = http.request(method, "/")
        eq((reply.status, reply.headers["allow"], reply.headers["content-type"]),
           (405, "GET, HEAD", "application/json;charset=UTF-8"), method)
    if not site.operator:
        eq(http.request("HEAD", "/api/v3/ping").status, 405, "HEAD of the API")


@checks
def a_page_is_on_its_own_listener_only(site, http):
    for path in ("/web/operator/main.js", "/web/uplot.js", "/web/main.js", "/web/ticket.js"):
        mine = path in site.files
        eq(http.request("GET", path).status, 200 if mine else 401 if site.operator else 404, path)


def missing():
    wanted, installed = NODE
    lacks = [name for name in ("node", "chromium") if not shutil.which(name)]
    if not installed.exists() or installed.read_bytes() != wanted.read_bytes():
        lacks.append("playwright-core")
    lacks += [name for name, file in NPM.items() if not file.exists()]
    return ", ".join(lacks)


def browse(session, facts):
    """A session with the browser: how many checks passed and failed."""
    result = subprocess.run(["node", HERE / session], text=True, input=json.dumps(facts), timeout=SECONDS,
                            env=environment({"NO_PROXY": "127.0.0.1", "no_proxy": "127.0.0.1"}), stdout=subprocess.PIPE,
                            stderr=subprocess.STDOUT)
    print(result.stdout, end="")
    counts = re.search(r"^(\d+) passed, (\d+) failed\s*\Z", result.stdout, re.MULTILINE)
    return map(int, counts.groups()) if counts else (0, 1)


def trade(server, pictures):
    admin, (host, port), (admin_host, admin_port) = server.admin(), server.public, server.admin_at
    names = ("alice", "bob", "carol", "dave")
    facts = {"base": f"http://{host}:{port}", "admin": f"http://{admin_host}:{admin_port}", "token": admin.token,
             "chromium": shutil.which("chromium"), "pictures": pictures, **{name: user(admin, name) for name in names}}
    for number, name in enumerate(names, 1):
        admin.deposit(number, "BNB", "10000", f"{name} BNB")
    return browse("page_session.mjs", facts)


def pictures_of(args):
    """The folder that --pictures names, or None. Ends with 77 where a browser's session cannot be."""
    if lacks := missing():
        print(f"not installed: {lacks} (./dev clients and ./dev build, which ask Debian and npm)")
        raise SystemExit(77)
    if "--pictures" not in args:
        return None
    folder = str(pathlib.Path(args[args.index("--pictures") + 1]).resolve())
    os.makedirs(folder, exist_ok=True)
    return folder


def main(args):
    pictures = pictures_of(args)
    with Server() as server:
        for operator in (False, True):
            site = Site(server, operator)
            for transport in (Http1, Http2):
                checks.run(site, transport(site.at))
        passed, failed = trade(server, pictures)
        checks.passed, checks.failed = checks.passed + passed, checks.failed + failed
        eq(server.sigterm(), 0, "the server's end")
    return checks.finish()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
