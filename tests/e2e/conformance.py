#!/usr/bin/python3
"""Writes docs/CONFORMANCE.md from what the end-to-end tests showed (seen.py).

binance_surface.json is what Binance has, known_differences.json why a part of it is not there ("missing"), or what is there
beside it ("own"). Both must be true: an item that is neither shown nor known, one that is known as missing but shown, and one
that is shown but neither Binance's nor known are told, and the exit code is 1. The document has an item once, with the first
check of the most particular test that shows it, and nothing that depends on time, so that two runs write the same.
usage: conformance.py SEEN_DIRECTORY OUTPUT
"""
import functools
import json
import pathlib
import re
import sys

from schema import raw

HERE = pathlib.Path(__file__).resolve().parent
SURFACE = json.loads((HERE / "binance_surface.json").read_text())
KNOWN = json.loads((HERE / "known_differences.json").read_text())
OLD = HERE.parents[1] / "docs/CONFORMANCE.md"
HOME = {"rest": "test_endpoints", "ws": "test_ws_api", "order": "test_conformance"}  # named first
BROAD = ["test_session", "test_asyncapi", "test_openapi", "test_ws_api", "test_endpoints", "test_refusals"]  # named last
ORDER_ROUTES = re.compile(r"/api/v3/(order|openOrders|allOrders|order/cancelReplace|order/oco|orderList)$|/orderList/")
FREE_TEXT = ("-1010", "-1013", "-2010", "-2011", "-2038")  # codes whose texts are SURFACE["messages"] and filters
TWINS = {method: one["twin"] for method, one in SURFACE["ws"].items() if "twin" in one}


# ---- what Binance has: items, which are facts as seen.py notes them, but errors by their documented text ----

def surface():
    for kind, routes, param, field in (("rest", SURFACE["rest"], "param", "field"), ("ws", SURFACE["ws"], "wsparam", "wsfield")):
        for route, one in routes.items():
            yield f"{kind} {route}"
            twin = SURFACE["rest"][one["twin"]] if "twin" in one else one
            yield from (f"{param} {route} {name}" for name in twin["params"])
            yield from (f"{field} {route} {name}" for name in one.get("fields", []))
    yield from (f"orderfield {name}" for name in SURFACE["orderFields"])
    yield from (f"order {order} {side}" for order in SURFACE["orders"] for side in ("BUY", "SELL"))
    for kind in ("values", "told"):
        yield from (f"{kind.rstrip('s')} {name} {value}" for name, values in SURFACE[kind].items() for value in values)
    for name, fields in SURFACE["filters"].items():
        yield from (f"filter {name} shown", f"filter {name} refuses", *(f"filterfield {name} {field}" for field in fields))
    for code, one in SURFACE["errors"].items():
        yield from (f"error {code} {text}" for text in one["texts"] or ["(any text)"])
    yield from (f"message {text}" for text in SURFACE["messages"])
    yield from (f"control error {code} {text}" for code, texts in SURFACE["controlErrors"].items() for text in texts)
    yield from (f"stream {name}" for name in SURFACE["streams"])
    for name, fields in SURFACE["events"].items():
        yield from (f"event {name}", *(f"eventfield {name} {field}" for field in fields))
    for name, one in SURFACE["user"].items():
        yield from (f"user {name}", *(f"userfield {name} {field}" for field in one["fields"]))
    yield from (f"{kind} {name}" for kind, names in SURFACE["plain"].items() for name in names)


@functools.cache
def pattern(text):
    """Of a text, whose %s may be anything, and whose digits are {} in what was seen."""
    return re.compile(re.escape(re.sub(r"\d+", "{}", text)).replace("%s", ".+") + r"\Z")


def documented(text, texts):
    return next((one for one in texts if pattern(one).match(text)), None)


def masked(text):
    """One that Binance does not document."""
    return re.sub("'[^']*'", "'%s'", text.replace("{}", "%s"))


def items_of(fact):
    """Of which items a fact tells."""
    kind, _, rest = fact.partition(" ")
    if kind == "error":
        code, _, text = rest.partition(" ")
        if code in FREE_TEXT:
            yield f"error {code} (any text)"
            known = documented(text, SURFACE["messages"])
            yield from () if text.startswith("Filter failure: ") else [f"message {known or masked(text)}"]
        else:
            known = documented(text, SURFACE["errors"].get(code, {"texts": []})["texts"])
            yield f"error {code} {known or masked(text)}"
    elif fact.startswith("control error "):
        _, _, code, text = fact.split(" ", 3)
        yield f"control error {code} {documented(text, SURFACE['controlErrors'][code]) or masked(text)}"
    elif kind in ("field", "wsfield"):
        yield from [field_of(kind, rest)]
    elif kind == "client":
        yield f"client {rest.split(' ')[0]}"  # whatever its scheme
    else:
        yield fact


def field_of(kind, rest):
    route, _, name = rest.rpartition(" ")
    if kind == "wsfield" and route == "error" and re.match(r"data\.(cancel|newOrder)Res", name):
        route = "order.cancelReplace"
    if route not in TWINS and kind == "wsfield":
        return f"wsfield {rest}"
    route = TWINS.get(route, route)
    if route.endswith("cancelReplace"):
        name = name.removeprefix("data.")
    last = name.rpartition(".")[2]
    if last in SURFACE["orderFields"] and "preventedMatches." not in name and ORDER_ROUTES.search(route):
        return f"orderfield {last}"
    return f"field {route} {name}"


# ---- what was seen ----

def seen(folder):
    """{item: (script, check)}, of the most particular script."""
    found = {}
    for path in sorted(pathlib.Path(folder).glob("*.json")):
        told = json.loads(path.read_text())
        script = told["script"]
        for fact, (number, check) in told["facts"].items():
            for item in items_of(fact):
                home = HOME.get(item.split(" ")[0]) != script
                place = (home, BROAD.index(script) + 1 if script in BROAD else 0, script)
                found[item] = min(found.get(item, ((True, 99),)), (place, number, check))
    shown = {item: f"{place[2].removeprefix('test_')}: {check}" for item, (place, _, check) in found.items()}
    return shown if any(item.startswith("client ") for item in shown) else shown | clients_before()


def clients_before():
    """The clients of the last document: where they are not installed, their tests are skipped and show nothing."""
    rows = re.findall(r"^\| client library \| `(.*)` \| (.*) \|$", OLD.read_text() if OLD.exists() else "", re.MULTILINE)
    return {f"client {name}": by for name, by in rows}


# ---- the document ----

def cell(text):
    return str(text).replace("|", "\\|")


def code(*names):
    return ", ".join(f"`{name}`" for name in names) or "-"


def table(head, rows):
    yield ""
    yield f"| {' | '.join(head)} |"
    yield "|---" * len(head) + "|"
    yield from (f"| {' | '.join(map(cell, row))} |" for row in rows)


def chapter(shown):
    """The lines of all but the last chapters: what is shown, by which check."""
    def having(prefix):
        return {item.removeprefix(prefix): by for item, by in shown.items() if item.startswith(prefix)}

    def listed(prefix, names):
        return code(*(name for name in names if prefix + name in shown))

    yield from ("", "## REST")
    rest = having("rest ")
    yield from table(("endpoint", "tier", "parameters", "shown by"), [
        (code(route), one["tier"], listed(f"param {route} ", one["params"]), rest[route])
        for route, one in SURFACE["rest"].items() if route in rest])
    yield from ("", "What their good answers have (those of the WebSocket twin count, too):")
    yield from table(("endpoint", "fields"), [
        (code(route), listed(f"field {route} ", one["fields"])) for route, one in SURFACE["rest"].items()
        if route in rest and one["fields"]])
    yield from ("", "Orders have these fields where they apply:")
    yield from table(("field", "shown by"), [(code(name), by) for name, by in sorted(having("orderfield ").items())])
    yield from ("", "## WebSocket API")
    methods = having("ws ")
    yield from table(("method", "tier", "twin", "parameters", "own fields", "shown by"), [
        (code(method), one["tier"], code(one["twin"]) if "twin" in one else "-",
         listed(f"wsparam {method} ", (SURFACE["rest"][one["twin"]] if "twin" in one else one)["params"]),
         listed(f"wsfield {method} ", one.get("fields", [])), methods[method])
        for method, one in SURFACE["ws"].items() if method in methods])
    yield from ("", "## Orders that were taken: type, time in force, and what else they had")
    orders = having("order ")
    for side in ("BUY", "SELL"):
        yield from table((side, "shown by"), [(code(order), orders[f"{order} {side}"]) for order in SURFACE["orders"]
                                              if f"{order} {side}" in orders])
    yield from ("", "## Values of parameters that were taken")
    yield from named(shown, "value", "values", "parameter")
    yield from ("", "## Words of answers and events")
    yield from named(shown, "told", "told", "of")
    yield from ("", "## Filters")
    filters = having("filter ")
    yield from table(("filter", "fields", "listed, shown by", "refusal, shown by"), [
        (code(name), listed(f"filterfield {name} ", fields), filters.get(f"{name} shown", "-"), filters.get(f"{name} refuses", "-"))
        for name, fields in SURFACE["filters"].items() if f"{name} shown" in filters])
    yield from ("", "## Errors")
    yield from table(("code", "text", "shown by"), [
        (c, text, shown[f"error {c} {text}"]) for c, one in SURFACE["errors"].items() for text in one["texts"] or ["(any text)"]
        if f"error {c} {text}" in shown])
    yield from ("", f"Texts of {', '.join(FREE_TEXT)}, beside those of filters:")
    yield from table(("text", "shown by"), [(text, shown[f"message {text}"]) for text in SURFACE["messages"]
                                            if f"message {text}" in shown])
    yield from ("", "## Market streams")
    yield from table(("stream", "tier", "shown by"), [(code(name), tier, shown[f"stream {name}"])
                                                      for name, tier in SURFACE["streams"].items() if f"stream {name}" in shown])
    yield from table(("event", "fields", "shown by"), [
        (code(name), listed(f"eventfield {name} ", fields), shown[f"event {name}"])
        for name, fields in SURFACE["events"].items() if f"event {name}" in shown])
    yield from table(("control", "shown by"), [(code(name), shown[f"control {name}"]) for name in SURFACE["plain"]["control"]
                                               if f"control {name}" in shown])
    yield from table(("error", "text", "shown by"), [
        (c, text, shown[f"control error {c} {text}"]) for c, texts in SURFACE["controlErrors"].items() for text in texts
        if f"control error {c} {text}" in shown])
    yield from ("", "## User data events")
    yield from table(("event", "tier", "fields", "shown by"), [
        (code(name), one["tier"], listed(f"userfield {name} ", one["fields"]), shown[f"user {name}"])
        for name, one in SURFACE["user"].items() if f"user {name}" in shown])
    yield from ("", "## Connections, statuses, headers, keys, clients")
    kinds = {"connect": "WebSocket", "http": "HTTP status", "header": "header", "signed": "signature", "wsparam": "WebSocket API",
             "wsfield": "WebSocket API", "client": "client library"}
    yield from table(("", "", "shown by"), [
        (title, code(name), shown[f"{kind} {name}"]) for kind, title in kinds.items() for name in SURFACE["plain"][kind]
        if f"{kind} {name}" in shown])


def named(shown, kind, group, title):
    yield from table((title, "value", "shown by"), [
        (name, code(value), shown[f"{kind} {name} {value}"]) for name, values in SURFACE[group].items() for value in values
        if f"{kind} {name} {value}" in shown])


def matching(name, items):
    """The items that a name of known_differences.json stands for; * in it is any text."""
    wanted = re.compile(".*".join(map(re.escape, name.split("*"))) + r"\Z")
    return [item for item in items if wanted.match(item)]


def differences(title, known, items):
    """A row for each reason, with its items; of many that one name stands for, the name."""
    yield from ("", title)
    rows = []
    for why, names in known.items():
        found = [(name, matching(name, items)) for name in names]
        rows.append((why, "<br>".join(code(*those) if len(those) <= 6 else f"{code(name)}: {len(those)} items"
                                      for name, those in found)))
    yield from table(("why", "what"), rows)


def due(shown):
    """The items that must be shown or known: those of what is not there at all are not asked for."""
    def part_of(item):
        kind, _, rest = item.partition(" ")
        whole = {"param": "rest", "field": "rest", "wsparam": "ws", "wsfield": "ws", "eventfield": "event", "userfield": "user",
                 "filterfield": "filter"}.get(kind)
        name = rest.rpartition(" ")[0]
        return f"{whole} {name}" + (" shown" if whole == "filter" else "") if whole else item
    every = list(dict.fromkeys(surface()))
    return [item for item in every if part_of(item) in shown or part_of(item) not in every or part_of(item) == item]


def wrong(shown, items):
    """Sentences on what does not agree."""
    missing, own = [item for item in items if item not in shown], [item for item in shown if item not in set(items)]
    for kind, things, others in (("missing", missing, list(shown)), ("own", own, items)):
        names = [name for listed in KNOWN[kind].values() for name in listed]
        for name in names:
            yield from (f"known_differences.json, {kind}: '{name}' is not true: '{one}' "
                        + ("is shown" if kind == "missing" else "is Binance's") for one in matching(name, others))
            if not matching(name, things):
                yield f"known_differences.json, {kind}: '{name}' stands for nothing"
        known = {one for name in names for one in matching(name, things)}
        yield from (f"{'not shown and not known' if kind == 'missing' else 'shown, but not known'}: {one}"
                    for one in things if one not in known)
    yield from (f"described, but not shown: {one}" for one in described() if one not in shown)


def described():
    """What docs/openapi.yaml and docs/asyncapi.yaml say that there is."""
    for path, methods in raw("openapi.yaml")["paths"].items():
        yield from (f"rest {method.upper()} {path}" for method in methods if path != "/openapi.json")
    yield from (f"ws {name}" for name, one in raw("asyncapi.yaml")["operations"].items() if one["channel"]["$ref"].endswith("/api")
                and "reply" in one)


def document(shown, items):
    missing, own = [item for item in items if item not in shown], sorted(item for item in shown if item not in set(items))
    yield from ("# Conformance", "", *f"""\
What Castle has of the Binance Spot API ({SURFACE['source']}), and the check of `tests/e2e/test_*.py` that shows it.
The end-to-end tests make this file (`./dev conformance`), and fail when it is not what they showed: do not edit it.
*Shown* says that a check which passed had it, and over a real connection: a parameter or value in a request that was answered
well, a field or an error in an answer, an event that came. That each answer is whole and of its right types is what
`test_openapi.py` and `test_asyncapi.py` check of all of them; what it ought to say is what the named check is for. A tier is how many
clients need it: 1 most, 2 some, 3 few. [API.md](API.md) has the choices that Binance's documentation leaves open.""".split("\n"))
    yield from chapter(shown)
    yield from differences("## Not there, or shown by no test", KNOWN["missing"], missing)
    yield from differences("## There, but not on Binance, or not so", KNOWN["own"], own)


def main(folder, output):
    shown = seen(folder)
    items = due(shown)
    faults = sorted(set(wrong(shown, items)))
    pathlib.Path(output).write_text("\n".join(document(shown, items)) + "\n")
    print("\n".join(faults))
    print(f"{len(items)} items of Binance's, {sum(item in shown for item in items)} shown; {len(faults)} to be said")
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
