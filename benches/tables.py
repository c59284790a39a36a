#!/usr/bin/env python3
"""Regenerates the tables of docs/benchmarks.md from target/peers.json, which a complete run of the race has written.

    cargo run --release --manifest-path benches/peers/Cargo.toml && python3 benches/tables.py
"""

import json
import pathlib
import re
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent
SIZES = [1, 10_000, 1_000_000]
TIERS = ["prepared", "bson", "json"]
OURS = "portcullis"
ENGINES = [OURS, "hand-written", "datalogic-rs", "zen-expression", "cel", "regorus", "cedar-policy"]


def cell(row, ours):
    """The nanoseconds at each size, and in brackets how many times ours they are."""
    if not row:
        return ""
    times = " / ".join(f"{row[n]:,.0f}" if n in row else "–" for n in SIZES)
    if row is ours:
        return times
    ratios = [f"{row[n] / ours[n]:.1f}" for n in SIZES if n in row and n in ours]
    return f"{times} (×{' / '.join(ratios)})"


def table(rows, decision):
    found = {}
    for row in rows:
        if row["decision"] == decision:
            name = (row["engine"], row.get("variant"))
            found.setdefault(name, {}).setdefault(row["tier"], {})[row["n"]] = row["ns_per_document"]
    lines = []
    for (engine, variant), tiers in found.items():
        redaction = variant == "redaction"
        ours = found[(OURS, "redaction" if redaction else None)]
        name = engine if variant is None else f"{engine}, {variant}"
        cells = [f"**{name}**" if engine == OURS else name]
        cells += [cell(tiers.get(tier), ours.get(tier, {})) for tier in TIERS]
        order = (redaction, variant is not None, ENGINES.index(engine))
        lines.append((order, f"| {' | '.join(cells)} |"))
    return [line for _, line in sorted(lines)]


def main():
    rows = json.loads((ROOT / "target" / "peers.json").read_text())
    if {row["n"] for row in rows} != set(SIZES) or {row["tier"] for row in rows} != set(TIERS):
        sys.exit("tables: target/peers.json is of a part of the race; run all of it")
    page = ROOT / "docs" / "benchmarks.md"
    text = page.read_text()
    for decision in "abc":
        pattern = rf"(\| \({decision}\) [^\n]*\n\| --- [^\n]*\n)(?:\|[^\n]*\n)+"
        body = "\n".join(table(rows, decision)) + "\n"
        text, count = re.subn(pattern, lambda found: found.group(1) + body, text)
        if count != 1:
            sys.exit(f"tables: docs/benchmarks.md has {count} tables of ({decision})")
    page.write_text(text)


main()
