#!/usr/bin/env python3
"""Counts the instructions of one decision in five small cases and compares them with those on record.

    python3 benches/count_instructions.py             compare with benches/instructions.json
    python3 benches/count_instructions.py --record    take the counts anew and put them on record

The counts come from `valgrind --tool=callgrind`, so that whatever else the machine does changes nothing. They belong to
one toolchain: under another one they are taken anew, which is said, and nothing is compared. Exit codes: 0 as on record,
1 slower (more than 3 percent more instructions), 2 something is missing.
"""

import json
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parent.parent
RECORD = ROOT / "benches" / "instructions.json"
CASES = ["read-raw", "read-prepared", "read-json", "update-prepared", "update-raw"]
TIMES = 2000
TOLERANCE = 0.03


def trouble(message):
    print(f"count_instructions: {message}", file=sys.stderr)
    sys.exit(2)


def toolchain():
    version = subprocess.run(["rustc", "-vV"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    fields = dict(line.split(": ", 1) for line in version.splitlines() if ": " in line)
    return f"rustc {fields['release']} for {fields['host']}"


def build():
    package = ["-p", "portcullis-benches", "--no-default-features"]
    command = ["cargo", "bench", *package, "--bench", "instructions", "--no-run", "--message-format=json"]
    built = subprocess.run(command, cwd=ROOT, stdout=subprocess.PIPE, text=True)
    if built.returncode != 0:
        trouble("the benchmark does not build")
    for line in built.stdout.splitlines():
        message = json.loads(line)
        if message.get("executable") and message["target"]["name"] == "instructions":
            return message["executable"]
    trouble("cargo named no executable")


def instructions(executable, case, times, folder):
    command = ["valgrind", "--tool=callgrind", f"--callgrind-out-file={folder}/out", executable, case, str(times)]
    run = subprocess.run(command, capture_output=True, text=True)
    found = re.search(r"Collected\s*:\s*(\d+)", run.stderr)
    if run.returncode != 0 or found is None:
        trouble(f"callgrind failed on {case}:\n{run.stderr}")
    if f"{times} of {times} allowed" not in run.stdout:
        trouble(f"{case} decides otherwise than it should: {run.stdout.strip()}")
    return int(found.group(1))


def main():
    if shutil.which("valgrind") is None:
        trouble("valgrind is missing: install it (Debian: apt-get install valgrind)")
    record_anew = sys.argv[1:] == ["--record"]
    if sys.argv[1:] and not record_anew:
        trouble("the only argument is --record")
    executable, here = build(), toolchain()
    with tempfile.TemporaryDirectory() as folder:
        # The difference between two runs is without what the process does before and after.
        counts = {
            case: (instructions(executable, case, 2 * TIMES, folder) - instructions(executable, case, TIMES, folder))
            / TIMES
            for case in CASES
        }
    record = json.loads(RECORD.read_text()) if RECORD.exists() else None
    if record_anew or record is None or record["toolchain"] != here:
        if not record_anew:
            was = record["toolchain"] if record else "none"
            print(f"on record is {was}; this is {here}: nothing is compared, the counts are taken anew")
        for case, count in counts.items():
            print(f"{case:<14} {count:>8.0f} instructions a decision")
        RECORD.write_text(json.dumps({"toolchain": here, "instructions": counts}, indent=2) + "\n")
        print(f"written to {RECORD.relative_to(ROOT)}: commit it" if not record_anew else "on record")
        return
    slower = []
    for case, count in counts.items():
        before = record["instructions"][case]
        change = count / before - 1
        print(f"{case:<14} {count:>8.0f} instructions a decision, {change:+.1%} against {before:.0f} on record")
        if change > TOLERANCE:
            slower.append(case)
    if slower:
        print(f"slower: {', '.join(slower)}. Make it faster again, or if the price is right, run with --record and say why.")
        sys.exit(1)


if __name__ == "__main__":
    main()
