#!/usr/bin/python3
"""Makes C of the pages: page_files, as http/page.h describes it. usage: embed.py FOLDER C [FILE...]

A trader's page is FOLDER, an operator's FOLDER/operator; they share SHARED. FILE is what npm gives, in its packages (./dev build installs
them): the charts of lightweight-charts, module and style of uPlot. Without them all else is there, and built.js tells the pages what is
missing.
"""
import base64
import gzip
import hashlib
import pathlib
import re
import sys

folder, target, *found = map(pathlib.Path, sys.argv[1:])
TYPES = {".html": "text/html;charset=UTF-8", ".css": "text/css;charset=UTF-8", ".js": "text/javascript;charset=UTF-8",
         ".mjs": "text/javascript;charset=UTF-8", ".svg": "image/svg+xml", "": "text/plain;charset=UTF-8"}
TRADER, OPERATOR = 1, 2  # as page.h numbers them
SHARED = ("decimal.js", "dom.js", "icon.svg", "style.css", "theme.js")
PACKAGES = {"lightweight-charts": TRADER, "uplot": OPERATOR}
SERVED = {"lightweight-charts.standalone.production.mjs": "lightweight-charts.js", "uPlot.esm.js": "uplot.js", "uPlot.min.css": "uplot.css"}

rows = []  # (listeners, path, content type, bytes)
for listeners, place, below in ((TRADER, folder, "/web"), (OPERATOR, folder / "operator", "/web/operator")):
    rows.append((listeners, "/", TYPES[".html"], (place / "index.html").read_bytes()))
    for file in sorted(place.iterdir()):
        if file.suffix in (".css", ".js", ".svg") or file.name == "NOTICE":
            shared = place == folder and file.name in SHARED
            rows.append((listeners | (OPERATOR if shared else 0), f"{below}/{file.name}", TYPES[file.suffix], file.read_bytes()))

styles = ""  # the hash of the one style that the charts add to the page, that of their logo
has = dict.fromkeys(PACKAGES, False)
for file in found:
    package = file.parents[1]
    data, listeners = file.read_bytes(), PACKAGES[package.name]
    rows.append((listeners, f"/web/{SERVED[file.name]}", TYPES[file.suffix], data))
    if not has[package.name]:
        rows.append((listeners, f"/web/{package.name}.LICENSE", TYPES[""], (package / "LICENSE").read_bytes()))
    has[package.name] = True
    for style in re.findall(rb'createElement\("style"\),[\w.]+\.innerText="([^"\\]*)"', data):
        styles += f" 'sha256-{base64.b64encode(hashlib.sha256(style).digest()).decode()}'"
for name, there in has.items():
    if not there:
        print(f"a page is without charts: npm's {name} is not installed in http/web (./dev build does it)")
charts, plots = (str(there).lower() for there in has.values())
rows.append((TRADER | OPERATOR, "/web/built.js", TYPES[".js"],
             f"// Made by the build: what it found.\nexport const charts = {charts}, plots = {plots};\n".encode()))

policy = "; ".join(["default-src 'none'", "script-src 'self'", f"style-src 'self'{styles}", "img-src 'self'", "connect-src 'self'",
                    "base-uri 'none'", "form-action 'none'", "frame-ancestors 'none'"])
text = ['#include "http/page.h"', "", f'const char page_policy[] = "{policy}";']
table = []


def form(name, data, etag):
    """A struct page_form, and in `text` the bytes it is of."""
    lines = ",\n".join(",".join(map(str, data[at:at + 40])) for at in range(0, len(data), 40))
    text.append(f"static const unsigned char {name}[] = {{{lines}}};")
    return f'{{(const char *){name}, "\\"{etag}\\"", {len(data)}}}'


for number, (listeners, path, kind, data) in enumerate(rows):
    etag, small = hashlib.sha256(data).hexdigest()[:32], gzip.compress(data, 9, mtime=0)
    plain = form(f"file_{number}", data, etag)
    packed = form(f"file_{number}_gzip", small, f"{etag}-gzip") if len(small) < len(data) else '{NULL, "", 0}'
    table.append(f'    {{{listeners}, "{path}", "{kind}", {plain}, {packed}}},')
text += ["const struct page_file page_files[] = {", *table, "};", f"const size_t page_files_count = {len(table)};", ""]
target.write_text("\n".join(text))
