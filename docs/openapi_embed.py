#!/usr/bin/python3
"""Makes C of docs/openapi.yaml: its JSON, for GET /openapi.json. usage: openapi_embed.py YAML C"""
import json
import pathlib
import sys

import yaml

source, target = map(pathlib.Path, sys.argv[1:])
data = json.dumps(yaml.safe_load(source.read_text()), separators=(",", ":"), ensure_ascii=False).encode() + b"\n"
lines = [",".join(map(str, data[at:at + 40])) for at in range(0, len(data), 40)]
target.write_text('#include "http/rest/openapi.h"\n\nconst char openapi_json[] = {' + ",\n".join(lines)
                  + f"}};\nconst size_t openapi_length = {len(data)};\n")
