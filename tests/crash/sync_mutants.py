#!/usr/bin/python3
"""Proves that the runs with power failures notice every missing or misplaced sync.

sync_mutants.py --program SYNC_MUTANTS --library LIBBLITZDB.so --source SOURCE_DIR [--seed N] [--length N]
                [--share N] [--verbose]

Lists the mutants (see sync_mutants.c), gives the addresses of their sites names with addr2line, and

  - finds every call of sync, sync_dir and rename in lib/ among the sites: one that no sequence reaches is a missing
    test, and the check fails;
  - tries every mutant, in as many processes as there are processors, but those that are known to change nothing
    that could ever be seen: EQUIVALENT, below, with the reason for each.

With --share N only every N-th mutant is tried, beginning with one that the seed chooses; the default seed is the
time, so that all of them have their turn.

The last line is `sync mutants killed K/K`. Exit status 1 if one survives or a call is not reached, 77 if addr2line
is missing or the library has no names.
"""

import argparse
import os
import re
import shutil
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

SKIPPED = 77
CALL = re.compile(r"(?:->|\.)(sync|sync_dir|rename)\(\s*\w*(?:->|\.)?\w*(?:->|\.)?user")
# Only the system's side of the environment is not a caller of it.
NOT_SEARCHED = {"env_posix.c"}

# (call, change, functions, reason). The functions stand in this order, from the inside, in the site.
EQUIVALENT = [
    (
        "sync",
        "swapped-with-rename",
        ["bzd_temporary_publish", "bzd_snapshot_writer_finish"],
        "a snapshot counts only when the MANIFEST names it, which is written after both",
    ),
    (
        "sync_dir",
        "swapped-with-remove",
        ["bzd_wal_writer_begin_segment", "create"],
        "the only removal that follows is that of a temporary file",
    ),
    (
        "sync_dir",
        "swapped-with-remove",
        ["bzd_wal_writer_begin_segment", "go_on"],
        "the same, or of files that the MANIFEST did not name before either",
    ),
    (
        "sync",
        "swapped-with-rename",
        ["bzd_wal_writer_resume"],
        "what is renamed then is a segment before the log's start, to be used again",
    ),
    (
        "sync_dir",
        "*",
        ["bzd_wal_remove_before"],
        "the one before the removals is for a segment that another thread has just begun, and these runs have one"
        " thread; after them: a segment that comes back is removed again by the next open",
    ),
    (
        "rename",
        "*",
        ["bzd_wal_spare_keep"],
        "an old segment that is set aside: it is not read under either name",
    ),
    (
        "write",
        "swapped-with-sync",
        ["prepare_space"],
        "zeros behind the log's end: they are read as such where the file does not have them",
    ),
    (
        "truncate",
        "swapped-with-sync",
        ["bzd_wal_writer_trim"],
        "takes those zeros away again at a close; with or without them the log ends at the same place",
    ),
    (
        "rename",
        "swapped-with-sync_dir",
        ["bzd_temporary_publish", "bzd_manifest_write", "seal_manifest"],
        "a seal that is lost makes a close look like a crash, which loses nothing; unit/recovery sees that it is on"
        " the disk",
    ),
    (
        "sync_dir",
        "*",
        ["bzd_temporary_publish", "bzd_manifest_write", "seal_manifest"],
        "the same",
    ),
    (
        "sync_dir",
        "swapped-with-remove",
        ["bzd_temporary_publish", "bzd_manifest_write", "go_on"],
        "what is removed then was not named by the MANIFEST before either",
    ),
    (
        "write",
        "swapped-with-sync",
        ["write_header", "begin_in_new_file", "bzd_wal_writer_begin_segment", "bzd_log_restart", "begin_log"],
        "the segment beside a snapshot is synced again as a whole before a MANIFEST names it",
    ),
    (
        "rename",
        "*",
        ["bzd_temporary_publish", "bzd_snapshot_writer_finish", "bzd_salvage_write"],
        "the directory of what was salvaged is synced again before its MANIFEST is written",
    ),
    (
        "sync_dir",
        "*",
        ["bzd_temporary_publish", "bzd_snapshot_writer_finish", "bzd_salvage_write"],
        "the same",
    ),
    (
        "sync_dir",
        "swapped-with-remove",
        ["bzd_backup_publish"],
        "a copy that has not ended may leave anything",
    ),
    (
        "rename",
        "*",
        ["bzd_temporary_publish", "bzd_snapshot_writer_finish", "make_backup"],
        "the directory of a copy is synced again before its MANIFEST is written",
    ),
    (
        "sync_dir",
        "*",
        ["bzd_temporary_publish", "bzd_snapshot_writer_finish", "make_backup"],
        "the same",
    ),
]


class Mutant:
    """One line of `sync_mutants list`."""

    def __init__(self, line):
        number, self.call, self.change, *addresses = line.split()
        self.number = int(number)
        # A return address is behind the call.
        self.addresses = [int(address, 16) - 1 for address in addresses]
        self.functions = []
        self.place = ""
        self.verdict = "not tried"

    def is_equivalent(self):
        for call, change, functions, _ in EQUIVALENT:
            is_same = call in ("*", self.call) and change in ("*", self.change)
            rest = iter(self.functions)
            if is_same and all(function in rest for function in functions):
                return True
        return False

    def __str__(self):
        return f"{self.call} {self.change}: {self.place} in {' < '.join(self.functions)}"


def name_sites(mutants, library):
    addresses = sorted({address for mutant in mutants for address in mutant.addresses})
    command = ["addr2line", "-f", "-e", library, *map(hex, addresses)]
    lines = subprocess.run(command, capture_output=True, text=True, check=True).stdout.splitlines()
    names = dict(zip(addresses, zip(lines[0::2], lines[1::2])))
    for mutant in mutants:
        mutant.functions = [names[address][0] for address in mutant.addresses]
        mutant.place = re.sub(r" \(discriminator \d+\)", "", names[mutant.addresses[0]][1])
        mutant.place = "/".join(mutant.place.split("/")[-2:])


def find_calls(source):
    """Every call of the environment that matters: file name:line."""
    for path in sorted((source / "lib").glob("*.c")):
        text = path.read_text(encoding="utf-8")
        if path.name not in NOT_SEARCHED:
            for match in CALL.finditer(text):
                yield path.name, text.count("\n", 0, match.start()) + 1, match.group(1)


def count_unreached(source, mutants):
    reached = set()
    for mutant in mutants:
        name, line = mutant.place.split("/")[-1].rsplit(":", 1)
        reached.add((name, int(line), mutant.call))
    unreached = 0
    calls = list(find_calls(source))
    for name, line, call in calls:
        # The compiler may count a call that goes over several lines as any of them.
        if not any((name, line + offset, call) in reached for offset in (0, 1, -1, 2, -2)):
            print(f"lib/{name}:{line}: no sequence reaches this {call}")
            unreached += 1
    print(f"calls of sync, sync_dir and rename in lib/: {len(calls)}, reached {len(calls) - unreached}")
    return unreached


def try_mutants(program, seed, length, mutants, verbose):
    """Tries some mutants in one process and notes the verdicts as they come."""
    by_number = {str(mutant.number): mutant for mutant in mutants}
    command = [program, "try", seed, length, *by_number]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        for line in process.stdout:
            number, verdict = line.split()
            mutant = by_number[number]
            mutant.verdict = verdict
            if verbose or verdict != "killed":
                print(f"{verdict} {mutant}", flush=True)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--program", required=True)
    parser.add_argument("--library", required=True)
    parser.add_argument("--source", required=True, type=Path)
    parser.add_argument("--seed", default=str(int(time.time())))
    parser.add_argument("--share", type=int, default=1)
    parser.add_argument("--length", default="3")
    parser.add_argument("--verbose", action="store_true")
    options = parser.parse_args()
    if shutil.which("addr2line") is None:
        print("addr2line is not installed")
        return SKIPPED
    listing = subprocess.run([options.program, "list", options.seed], stdout=subprocess.PIPE, text=True, check=True)
    mutants = [Mutant(line) for line in listing.stdout.splitlines()]
    name_sites(mutants, options.library)
    if all(mutant.place.startswith("?") for mutant in mutants):
        print("the library was built without the names of its lines")
        return SKIPPED
    unreached = count_unreached(options.source, mutants)

    known = [mutant for mutant in mutants if mutant.is_equivalent()]
    rest = [mutant for mutant in mutants if not mutant.is_equivalent()]
    rest = rest[int(options.seed) % options.share :: options.share]
    print(f"seed {options.seed}: {len(rest)} mutants")
    jobs = max(1, min(os.cpu_count() or 1, len(rest)))
    with ThreadPoolExecutor(jobs) as pool:
        for job in range(jobs):
            pool.submit(try_mutants, options.program, options.seed, options.length, rest[job::jobs], options.verbose)
    killed = sum(mutant.verdict == "killed" for mutant in rest)
    for mutant in known if options.verbose else []:
        print(f"equivalent {mutant}")
    print(f"mutants that nothing can tell from the library: {len(known)}")
    print(f"sync mutants killed {killed}/{len(rest)}")
    return int(killed != len(rest) or unreached > 0 or not rest)


if __name__ == "__main__":
    sys.exit(main())
