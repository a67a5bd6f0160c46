#!/usr/bin/python3
"""docs/openapi.yaml is what the server does.

Goal: whoever reads the file calls the server right, and knows every answer. Method: each operation is called with its examples,
with every value of an enumeration, and without what is required; answers are held against their schemas. Which operations
and parameters there must be is what test_endpoints.py knows.
"""
import json
import pathlib
import re
import sys
import urllib.parse

import yaml

import test_endpoints
from castle_client import Checks, Http1, Server, Trader, check, eq

FILE = pathlib.Path(__file__).parents[2] / "docs" / "openapi.yaml"
DOC = yaml.safe_load(FILE.read_text())
checks = Checks()


# ---- the document ----

def resolved(node):
    while "$ref" in node:
        node = {**part(node["$ref"]), **{key: value for key, value in node.items() if key != "$ref"}}
    return node


def part(ref):
    at = DOC
    for name in ref.removeprefix("#/").split("/"):
        at = at[name]
    return at


TYPES = {"object": dict, "array": list, "string": str, "boolean": bool, "integer": int}
KNOWN = {"type", "additionalProperties", "required", "properties", "items", "prefixItems", "oneOf", "enum", "pattern", "minimum",
         "maximum", "minLength", "minItems", "maxItems", "description", "default"}


def wrong(schema, value, at="answer"):
    """What is wrong with the value, "" when nothing is; only the words of JSON Schema that the file uses."""
    schema = resolved(schema)
    eq(set(schema) - KNOWN, set(), "words that are not checked")
    if "oneOf" in schema:
        found = [wrong(one, value, at) for one in schema["oneOf"]]
        return "" if found.count("") == 1 else f"{at}: {found.count('')} of the schemas fit: {found}"
    kind = schema["type"]
    if not isinstance(value, TYPES[kind]) or isinstance(value, bool) != (kind == "boolean"):
        return f"{at}: no {kind}: {value!r}"
    size = len(value) if isinstance(value, (list, str)) else value
    low, high = (schema.get(f"{end}{'Items' if kind == 'array' else 'Length' if kind == 'string' else 'imum'}")
                 for end in ("min", "max"))
    if "enum" in schema and value not in schema["enum"] or "pattern" in schema and not re.search(schema["pattern"], value) \
            or low is not None and size < low or high is not None and size > high:
        return f"{at}: {value!r}"
    parts = []
    if kind == "object":
        own, more = schema.get("properties", {}), schema.get("additionalProperties", True)
        for name in value:
            if name in own or isinstance(more, dict):
                parts.append(wrong(own.get(name, more), value[name], f"{at}.{name}"))
            elif not more:
                parts.append(f"{at}: {name} is not described")
        parts += [f"{at}: {name} is missing" for name in schema.get("required", []) if name not in value]
    if kind == "array":
        first = schema.get("prefixItems", [])
        parts = [wrong(first[i] if i < len(first) else schema["items"], one, f"{at}[{i}]") for i, one in enumerate(value)]
    return next((one for one in parts if one), "")


def operations():
    for path, methods in DOC["paths"].items():
        for method, operation in methods.items():
            yield method.upper(), path, [resolved(one) for one in operation.get("parameters", [])], operation["responses"]


# ---- the server ----

class World:
    def __init__(self, server):
        admin = server.admin()
        admin.symbols()
        self.http = Http1(server.public)
        alice = Trader(admin, Http1(server.public), "alice", {"BTC": "100", "ETH": "100", "USDT": "1000000"})
        for symbol, price in (("BTCUSDT", "20000"), ("ETHUSDT", "2000")):
            for side in ("SELL", "BUY"):  # with oneself
                alice.limit(symbol, side, "0.01", price)
            alice.limit(symbol, "BUY", "0.1", str(int(price) - 100))

    def call(self, method, path, parameters, values):
        """The status, and what is wrong with the answer to these values."""
        place = {one["name"]: one["in"] for one in parameters}
        query = urllib.parse.urlencode({name: value for name, value in values.items() if place[name] == "query"})
        headers = {name: value for name, value in values.items() if place[name] == "header"}
        reply = self.http.request(method, path + ("?" + query if query else ""), headers, b"")
        return reply.status, json.loads(reply.body), reply.headers

    def good(self, operation, values):
        method, path, parameters, responses = operation
        status, body, _ = self.call(method, path, parameters, values)
        schema = resolved(responses["200"])["content"]["application/json"]["schema"]
        eq((status, wrong(schema, body)), (200, ""), f"{method} {path} {values}")


def sets_of_values(path, parameters):
    """Examples of what must be there and of each that may be, alone and with every value there is."""
    must = {one["name"]: one["example"] for one in parameters if one.get("required")}
    if path in ("/api/v3/ticker", "/api/v3/ticker/tradingDay"):
        must = {"symbol": "BTCUSDT"}
    yield must
    for one in parameters:
        base = {} if one["name"] == "symbols" else must
        for value in {one["example"], *resolved(one["schema"]).get("enum", [])}:
            if value not in ("HALT", "BREAK"):  # the symbol is in TRADING
                yield {**base, one["name"]: value}
        if one["name"] == "type":
            yield {"symbols": '["BTCUSDT","ETHUSDT"]', "type": "MINI"}


@checks
def the_server_gives_the_file_as_json(w):
    status, body, headers = w.call("GET", "/openapi.json", [], {})
    eq((status, headers["content-type"], headers["cache-control"], headers.get("vary")),
       (200, "application/json;charset=UTF-8", "public, max-age=60", None), "how")
    eq(body, DOC, "what")


@checks
def every_public_route_and_parameter_is_there(w):
    known = {}
    for e in test_endpoints.ENDPOINTS:
        if not e.security and e.path.startswith("/api/v3/"):
            parameters = known.setdefault((e.method, e.path), {})
            parameters.update({name: name in e.mandatory for name in e.kinds})
    described = {(method, path): {one["name"]: one.get("required", False) for one in parameters if one["in"] == "query"}
                 for method, path, parameters, _ in operations()}
    eq(sorted(described), sorted(known), "routes")
    for route, parameters in known.items():
        more = set(described[route]) - set(parameters)
        eq((route, {name: must for name, must in described[route].items() if name not in more}), (route, parameters), "parameters")
        check(all(not described[route][name] for name in more), f"{route}: {more}")


@checks
def every_answer_is_as_described(w):
    calls = 0
    for operation in operations():
        for values in sets_of_values(operation[1], operation[2]):
            w.good(operation, values)
            calls += 1
    check(calls > 100, f"only {calls} calls")


@checks
def every_refusal_is_as_described(w):
    for method, path, parameters, responses in operations():
        schema = resolved(responses["4XX"])["content"]["application/json"]["schema"]
        good = {one["name"]: one["example"] for one in parameters if one.get("required")}
        cases = [{name: value for name, value in good.items() if name != left} for left in good]
        cases += [{**good, one["name"]: ""} for one in parameters if one["in"] == "query"]
        for values in cases:
            status, body, _ = w.call(method, path, parameters, values)
            eq((status, wrong(schema, body)), (400, ""), f"{method} {path} {values}")


def main():
    with Server() as server:
        checks.run(World(server))
    return checks.finish()


if __name__ == "__main__":
    sys.exit(main())
