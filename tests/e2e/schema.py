"""docs/openapi.yaml and docs/asyncapi.yaml, and whether a value is as they say: the words of JSON Schema that they use."""
import functools
import re

import yaml

from castle_client import ROOT, eq

TYPES = {"object": dict, "array": list, "string": str, "boolean": bool, "integer": int, "null": type(None)}
KNOWN = {"type", "additionalProperties", "required", "properties", "items", "prefixItems", "oneOf", "enum", "pattern", "minimum",
         "maximum", "minLength", "maxLength", "minItems", "maxItems", "description", "default"}


def raw(name):
    return yaml.safe_load((ROOT / "docs" / name).read_text())


@functools.cache
def document(name):
    """The file, with references that say which file they are of."""
    def absolute(node):
        if isinstance(node, list):
            return [absolute(one) for one in node]
        if not isinstance(node, dict):
            return node
        return {key: (name + value if value.startswith("#") else value.removeprefix("./")) if key == "$ref"
                else absolute(value) for key, value in node.items()}
    return absolute(raw(name))


def part(ref):
    name, _, path = ref.partition("#/")
    at = document(name)
    for step in path.split("/"):
        step = step.replace("~1", "/")
        at = at[int(step)] if isinstance(at, list) else at[step]
    return at


def resolved(node):
    while "$ref" in node:
        node = {**part(node["$ref"]), **{key: value for key, value in node.items() if key != "$ref"}}
    return node


def wrong(schema, value, at="answer"):
    """What is wrong with the value, "" when nothing is; only the words of JSON Schema that the file uses."""
    schema = resolved(schema)
    eq(set(schema) - KNOWN, set(), "words that are not checked")
    if "oneOf" in schema:
        found = [wrong(one, value, at) for one in schema["oneOf"]]
        return "" if found.count("") == 1 else f"{at}: {found.count('')} of the schemas fit: {found}"
    kind = schema.get("type")
    if not kind:
        return ""
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
