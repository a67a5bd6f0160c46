#!/usr/bin/python3
"""Makes C of a YAML file: its JSON, as NAME_json and NAME_length. usage: embed.py YAML C NAME"""
import json
import pathlib
import sys

import yaml

source, target, name = sys.argv[1:]
text = pathlib.Path(source).read_text()
data = json.dumps(yaml.safe_load(text), separators=(",", ":"), ensure_ascii=False).encode() + b"\n"
lines = [",".join(map(str, data[at:at + 40])) for at in range(0, len(data), 40)]
pathlib.Path(target).write_text(f"#include <stddef.h>\n\nextern const char {name}_json[];\nextern const size_t {name}_length;\n"
                                f"const char {name}_json[] = {{" + ",\n".join(lines)
                                + f"}};\nconst size_t {name}_length = {len(data)};\n")
