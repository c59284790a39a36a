#!/usr/bin/env python3
"""Writes the tables of a race in docs/benchmarks.md anew from what one whole run of it has written to target/.

    cargo run --release --manifest-path benches/peers/Cargo.toml && python3 benches/tables.py decisions
    cargo run --release --manifest-path benches/peers/templates/Cargo.toml && python3 benches/tables.py templates
"""

import json
import pathlib
import re
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent
SIZES = [1, 10_000, 1_000_000]
TIERS = ["prepared", "bson", "json"]
OUTPUTS = ["json", "bson", "text"]
OURS = "portcullis"
ENGINES = [OURS, "hand-written", "datalogic-rs", "zen-expression", "cel", "regorus", "cedar-policy"]


def cell(row, ours):
    """The nanoseconds at each size, and in brackets how many times ours they are."""
    if not row:
        return ""
    times = " / ".join(f"{row[n]:,.0f}" if n in row else "–" for n in SIZES)
    if row is ours:
        return times
    ratios = [row[n] / ours[n] for n in SIZES if n in row and n in ours]
    ratios = [f"{ratio:.1f}" if ratio >= 0.1 else f"{ratio:.2f}" for ratio in ratios]
    return f"{times} (×{' / '.join(ratios)})"


def name_of(engine, variant):
    name = engine if variant is None else f"{engine}, {variant}"
    return f"**{name}**" if engine == OURS else name


def decisions(rows, decision):
    """The lines of one decision's table."""
    found = {}
    for row in rows:
        if row["decision"] == decision:
            name = (row["engine"], row.get("variant"))
            found.setdefault(name, {}).setdefault(row["tier"], {})[row["n"]] = row["ns_per_document"]
    lines = []
    for (engine, variant), tiers in found.items():
        redaction = variant == "redaction"
        ours = found[(OURS, "redaction" if redaction else None)]
        cells = [name_of(engine, variant)] + [cell(tiers.get(tier), ours.get(tier, {})) for tier in TIERS]
        order = (redaction, variant is not None, ENGINES.index(engine))
        lines.append((order, f"| {' | '.join(cells)} |"))
    return [line for _, line in sorted(lines)]


def templates(rows):
    """The lines of the table of templates, in the order in which the engines are raced."""
    found = {}
    for row in sorted(rows, key=lambda row: OUTPUTS.index(row["output"])):
        name = (" ".join(filter(None, [row["engine"], row["version"]])), row["variant"])
        name = (OURS, None) if row["engine"] == OURS else name
        found.setdefault(name, {}).setdefault(row["output"], {})[row["n"]] = row["ns_per_user"]
    ours = found[(OURS, None)]
    return [
        f"| {' | '.join([name_of(*name)] + [cell(outputs.get(output), ours[output]) for output in OUTPUTS])} |"
        for name, outputs in found.items()
    ]


def processor():
    lines = pathlib.Path("/proc/cpuinfo").read_text().splitlines()
    names = [line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")]
    return f"{names[0]}, {len(names)} cores" if names else "an unknown processor"


def put(text, head, lines):
    """The page with other lines in the table whose head begins so."""
    pattern = rf"(\| {re.escape(head)}[^\n]*\n\| --- [^\n]*\n)(?:\|[^\n]*\n)+"
    body = "\n".join(lines) + "\n"
    text, count = re.subn(pattern, lambda found: found.group(1) + body, text)
    if count != 1:
        sys.exit(f"tables: docs/benchmarks.md has {count} tables of {head}")
    return text


def main():
    race = sys.argv[1] if len(sys.argv) == 2 else ""
    if race not in ("decisions", "templates"):
        sys.exit("usage: tables.py decisions|templates")
    file = "peers.json" if race == "decisions" else "templates.json"
    rows = json.loads((ROOT / "target" / file).read_text())
    kinds = ("tier", TIERS) if race == "decisions" else ("output", OUTPUTS)
    if {row["n"] for row in rows} != set(SIZES) or {row[kinds[0]] for row in rows} != set(kinds[1]):
        sys.exit(f"tables: target/{file} is of a part of the race; run all of it")
    page = ROOT / "docs" / "benchmarks.md"
    text = page.read_text()
    if race == "decisions":
        for decision in "abc":
            text = put(text, f"({decision}) ", decisions(rows, decision))
    else:
        text = put(text, "template to", templates(rows))
    text = re.sub(rf"(?m)^Processor of the {race}: .*$", f"Processor of the {race}: {processor()}.", text)
    page.write_text(text)


main()
