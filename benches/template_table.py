#!/usr/bin/env python3
"""Writes the table of templates in docs/benchmarks.md anew from target/templates.json, which one whole run of the race has
written, and names the processor that it ran on.

    cargo run --release --manifest-path benches/templates/Cargo.toml && python3 benches/template_table.py
"""

import json
import pathlib
import re
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent
SIZES = [1, 10_000, 1_000_000]
OUTPUTS = ["json", "bson", "text"]
OURS = "portcullis"


def processor():
    lines = pathlib.Path("/proc/cpuinfo").read_text().splitlines()
    names = [line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")]
    return f"{names[0]}, {len(names)} cores" if names else "an unknown processor"


def cell(times, ours):
    """The nanoseconds at each size, and in brackets how many times ours they are."""
    if not times:
        return ""
    text = " / ".join(f"{times[n]:,.0f}" for n in SIZES)
    return text if times is ours else f"{text} (×{' / '.join(f'{times[n] / ours[n]:.1f}' for n in SIZES)})"


def table(rows):
    found = {}
    for row in rows:
        name = f"{row['engine']} {row['version']}" if row["engine"] not in (OURS, "hand-written") else row["engine"]
        found.setdefault(name, {}).setdefault(row["output"], {})[row["n"]] = row["ns_per_user"]
    lines = ["| ns for a user, of 1 / 10,000 / 1,000,000 users | JSON text | BSON bytes | text |", "| --- | --- | --- | --- |"]
    ours = found[OURS]
    for name, outputs in sorted(found.items(), key=lambda item: item[1]["json"][SIZES[1]] / ours["json"][SIZES[1]]):
        cells = [cell(outputs.get(output), ours[output]) for output in OUTPUTS]
        lines.append(f"| {f'**{name}**' if name == OURS else name} | {' | '.join(cells)} |")
    return "\n".join(lines)


def main():
    rows = json.loads((ROOT / "target" / "templates.json").read_text())
    if {row["n"] for row in rows} != set(SIZES):
        sys.exit("template_table: target/templates.json is of a part of the race; run all of it")
    page = ROOT / "docs" / "benchmarks.md"
    body = f"<!-- templates -->\nTaken on {processor()}.\n\n{table(rows)}\n<!-- /templates -->"
    text, count = re.subn(r"(?s)<!-- templates -->.*<!-- /templates -->", lambda _: body, page.read_text())
    if count != 1:
        sys.exit("template_table: docs/benchmarks.md has no place for the table, or several")
    page.write_text(text)


main()
