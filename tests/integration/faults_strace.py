#!/usr/bin/python3
"""Real programs whose system calls fail: strace puts an error, or SIGKILL, in the place of the K-th call.

    faults_strace.py --program build/dev/bin/faults_program [--server build/dev/bin/blitzdb-server]

The library in a program of four writers (faults_program.c): every kind of file call, many errors, the first calls of
each; with a new database, and with one whose log has a torn end. Then the server. What must hold is in
docs/durability.md: nothing acknowledged is lost, nothing is found that was not sent, a failed sync or write is never
reported as success, reads go on, nothing hangs, and the next start finds a sound database.
"""

import argparse
import os
import re
import shutil
import subprocess
import sys
import tempfile

from server_process import TIMEOUT_S, ServerProcess
from wire import Client, Failure, expect

SKIPPED = 77
WRITES_MAX = 200000  # of a server before it must have met its fault

# Calls -> errors -> which of the calls of each thread. On some processors rename() and unlink() are other calls
# with the same beginning, which the pattern finds.
FAULTS = (
    ("fdatasync", "error=EIO", range(1, 12)),
    ("fdatasync", "error=ENOSPC", (1, 3, 6)),
    ("fdatasync", "error=EINTR", (1, 3, 6)),
    ("pwrite64", "error=EIO", range(1, 10)),
    ("pwrite64", "error=ENOSPC", range(1, 10)),
    ("pwrite64", "error=EINTR", (1, 4)),
    ("pwrite64", "retval=0", (2, 5)),
    ("openat", "error=EMFILE", range(1, 12)),
    ("openat", "error=EIO", (1, 3, 5, 7, 9)),
    ("openat", "error=ENOSPC", (1, 4, 5, 8)),
    ("openat", "error=EINTR", range(1, 10)),
    ("/^rename", "error=EIO", (1, 2, 3)),
    ("/^rename", "error=ENOSPC", (1, 2)),
    ("fsync", "error=EIO", range(1, 7)),
    ("/^unlink", "error=EIO", (1, 2, 3)),
    ("flock", "error=EINTR", (1,)),
    ("flock", "error=EIO", (1,)),
    ("fstat,newfstatat", "error=EIO", (1, 2, 3)),
    ("getdents64", "error=EIO", (1, 2)),
)
FAULTS_OF_RECOVERY = (
    ("pread64", "error=EIO", range(1, 6)),
    ("pread64", "error=EINTR", (1, 3)),
    ("ftruncate", "error=EIO", (1,)),
    ("ftruncate", "error=EINTR", (1,)),
    ("ftruncate", "error=ENOSPC", (1,)),
    ("ftruncate", "signal=KILL", (1,)),
    ("fdatasync", "error=EIO", (1, 2)),
    ("fsync", "error=EIO", (1, 2)),
    ("openat", "error=EMFILE", range(1, 8)),
    ("getdents64", "error=EIO", (1, 2)),
    ("/^unlink", "error=EIO", (1, 2)),
)
KILLS = (
    ("fdatasync", "signal=KILL", (1, 2, 3, 5, 8, 13)),
    ("pwrite64", "signal=KILL", (1, 2, 3, 5, 8, 13)),
    ("openat", "signal=KILL", range(2, 12)),
    ("/^rename", "signal=KILL", (1, 2, 3)),
    ("fsync", "signal=KILL", range(1, 6)),
    ("/^unlink", "signal=KILL", (1, 2, 3, 4)),
)

# Errors by which what was written, or will not be, is in danger. Zeros are space that is prepared for what comes
# later; if that fails, the log grows by its groups instead.
DANGER = re.compile(r"(fdatasync\(|pwrite64\().*/(log-|MANIFEST|snapshot-).*= (-1 EIO|0 ).*INJECTED")
ZEROS = re.compile(r', "(\\0){8}')


def tracer(folder, data, calls, fault, number):
    """The command that starts a program with a fault; it traces the files of the database only."""
    names = ["", "/LOCK", "/MANIFEST", "/MANIFEST.tmp", "/log-%016x" % 0]
    names += ["/snapshot-%016x%s" % (serial, end) for serial in (1, 2, 3) for end in ("", ".tmp")]
    command = ["strace", "-f", "-qq", "-y", "-o", os.path.join(folder, "trace")]
    for name in names:
        command += ["-P", data + name]
    return command + ["-e", "trace=" + calls, "-e", "inject=%s:%s:when=%s" % (calls, fault, number)]


def injected(folder):
    """The lines of the trace where an error was injected."""
    with open(os.path.join(folder, "trace"), errors="replace") as trace:
        return [line for line in trace if "INJECTED" in line]


def run(*command):
    """Runs a program to its end; its exit status and lines."""
    done = subprocess.run(
        command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=TIMEOUT_S
    )
    return done.returncode, done.stdout.decode(errors="replace").splitlines()


def named(lines, word):
    return {line.split()[1] for line in lines if line.startswith(word + " ")}


def check_order(lines):
    """Once the log has failed nothing is acknowledged, unless a snapshot has made a new start.

    The message of the new start comes before anybody is acknowledged; until then writes may still be refused. By
    thread, because lines of different threads may overtake each other.
    """
    failed, replaced = {}, False
    for line in lines:
        words = line.split()
        if line.endswith("a new log file replaces the failed log: writes are taken again"):
            failed, replaced = {}, True
        elif line.startswith("said log: "):
            replaced = False
        elif words[0] == "refused" and words[2] == "LOG_FAILED" and not replaced:
            failed[words[1].split(".")[1]] = line
        elif words[0] == "acked":
            expect(words[1].split(".")[1] not in failed, "acknowledged after the log had failed: %s" % line)


def check_told(lines, faults, must):
    """An error that the log or a snapshot met is told by some call, and names a file."""
    told = [line for line in lines if re.match(r"refused|cannot open|(snapshot|closed|log) (?!OK)", line)]
    if must or any(DANGER.search(fault) and not ZEROS.search(fault) for fault in faults):
        expect(told, "the fault was not told: %s" % faults)
    for line in lines:
        if line.startswith("cannot open"):
            expect("/" in line or "MANIFEST" in line or "log-" in line or "snapshot-" in line, "no file: " + line)


def check_fault(program, prepared, acknowledged, calls, fault, number):
    """One run with one fault, and one without; the number of calls that were changed."""
    folder = tempfile.mkdtemp(prefix="blitzdb-fault-")
    data = os.path.join(folder, "data")
    if prepared is not None:
        shutil.copytree(prepared, data)
    try:
        status, lines = run(*tracer(folder, data, calls, fault, number), program, "write", data, "run")
        kills = "KILL" in fault
        faults = ["killed"] * (status == -9) if kills else injected(folder)
        expect(status in (0, 3) or (kills and status == -9), "exit status %d" % status)
        expect("reads wrong" not in lines, "reads go on and are right")
        check_order(lines)
        if not kills:
            # The first two syncs of the directory make names durable; later ones may be for what was removed.
            check_told(lines, faults, calls == "fsync" and number <= 2)
        if fault == "error=EINTR":
            expect("closed OK" in lines and not named(lines, "refused"), "an interrupted call is made again")
        # One fault that passes leaves a log that works: there was room again, or the call was repeated.
        if status == 0 and fault == "error=ENOSPC" and calls == "pwrite64":
            works = "acked run.again.0" in lines or "closed OK" in lines
            expect(works and len(named(lines, "refused")) <= 5 * len(faults), "writing works again")
        status, found = run(program, "check", data)
        expect(status == 0 and "closed OK" in found, "the database cannot be opened afterwards: %s" % found)
        expect(not named(found, "wrong"), "wrong values: %s" % named(found, "wrong"))
        lost = (named(lines, "acked") | acknowledged) - named(found, "found")
        expect(not lost, "acknowledged and lost: %s" % sorted(lost))
        invented = named(found, "found") - named(lines, "acked") - acknowledged - named(lines, "refused")
        expect(kills or not invented, "never sent: %s" % sorted(invented))
    except (AssertionError, subprocess.TimeoutExpired) as problem:
        print("%s:%s:when=%d%s" % (calls, fault, number, "" if prepared is None else " in recovery"))
        print("\n".join(lines[-40:]))
        raise SystemExit("failed: %s" % problem) from problem
    finally:
        shutil.rmtree(folder)
    return len(faults)


def prepare(program, folder):
    """A database with a snapshot, and with a log that ends in a torn write."""
    status, lines = run(program, "write", folder, "base")
    expect(status == 0 and "closed OK" in lines, "a run without faults: %s" % lines[-5:])
    last = max(name for name in os.listdir(folder) if name.startswith("log-"))
    with open(os.path.join(folder, last), "ab") as log:
        log.write(b"\x5a" * 100)
    return named(lines, "acked")


def check_program(program):
    folder = tempfile.mkdtemp(prefix="blitzdb-fault-")
    try:
        prepared = os.path.join(folder, "prepared")
        acknowledged = prepare(program, prepared)
        expect(len(acknowledged) == 82, "a run without faults acknowledges all")
        cases = [(None, set(), fault) for fault in FAULTS + KILLS]
        cases += [(prepared, acknowledged, fault) for fault in FAULTS_OF_RECOVERY + KILLS]
        runs = faults = 0
        for base, known, (calls, fault, numbers) in cases:
            count = sum(check_fault(program, base, known, calls, fault, number) for number in numbers)
            runs += len(numbers)
            faults += count
            # A fault that is never met shows nothing; a rotten pattern would go unnoticed.
            expect(count, "no call was changed: %s %s" % (calls, fault))
    finally:
        shutil.rmtree(folder)
    print("library: %d runs, %d faults injected, 0 acknowledged writes lost" % (runs, faults))


class TracedServer(ServerProcess):
    """A server that is started with a fault once `fault` is set; without one before that."""

    fault = None

    def start(self):
        data = os.path.join(self.folder, "data")
        # -D: the process that is started is the server, and the tracer its grandchild.
        self.prefix = () if self.fault is None else [*tracer(self.folder, data, *self.fault), "-D"]
        super().start()


def try_set(server, client, key):
    """SET; whether it was acknowledged, and a client for the next one: a refusal may close the connection."""
    try:
        reply = client.ask("SET", key, "value of " + key)
    except (AssertionError, OSError):
        return False, Client(server)
    expect(reply == b"OK" or isinstance(reply, Failure), "the reply of a failing disk: %r" % reply)
    expect(reply == b"OK" or str(reply).startswith("MISCONF"), "the refusal says why: %s" % reply)
    return reply == b"OK", client


def check_server(program, mode, fault, final):
    """Writes until one is refused, and some more; then everything acknowledged has to survive."""
    server = TracedServer(program, "--dir", "DATA", "--appendfsync", mode, "--threads", "1")
    try:
        # A killed one: after a clean end the next start writes a MANIFEST, and would meet the fault there.
        expect(server.signal(9) == -9, "an end before")
        server.fault = fault
        server.start()
        client = Client(server)
        acknowledged, tried = [], 0
        refused = False
        while not refused:
            key = "k%d" % tried
            tried += 1
            done, client = try_set(server, client, key)
            refused = not done
            acknowledged += [key] if done else []
            expect(tried < WRITES_MAX, "a write is refused in the end")
        expect(client.ask("GET", "k0") == b"value of k0", "reads go on")
        for number in range(20):
            key = "after%d" % number
            done, client = try_set(server, client, key)
            expect(not (done and final), "a write is acknowledged after the log has failed")
            acknowledged += [key] if done else []
        if final:
            expect(client.info("persistence")["aof_last_write_status"] == "err", "INFO tells")
        else:
            expect("after19" in acknowledged, "writing works again")
        expect(injected(server.folder), "no call was changed")
        server.fault = None
        expect(server.signal(15) in (0, 3), "it ends by itself")
        server.start()
        client = Client(server)
        lost = [key for key in acknowledged if client.ask("GET", key) != b"value of " + key.encode()]
        expect(not lost, "acknowledged and lost: %s" % lost)
        expect(client.ask("SET", "now", "1") == b"OK", "writes work after a restart")
    except AssertionError as problem:
        print("server, %s, %s: %s" % (mode, fault, problem), flush=True)  # what stop() meets may hide it
        raise
    finally:
        server.stop()


def check_all_of_server(program):
    # One write may be that of prepared space, which may fail without harm: several fail in a row, or all.
    cases = (
        ("always", ("fdatasync", "error=EIO", "2"), True),
        ("always", ("fdatasync", "error=EIO", "9"), True),
        ("always", ("fdatasync", "error=ENOSPC", "4"), True),
        ("everysec", ("fdatasync", "error=EIO", "2"), True),
        ("always", ("pwrite64", "error=EIO", "3+"), True),
        ("no", ("pwrite64", "error=EIO", "5+"), True),
        ("always", ("pwrite64", "error=ENOSPC", "3..8"), False),
        ("everysec", ("pwrite64", "error=ENOSPC", "3..8"), False),
        ("no", ("pwrite64", "retval=0", "4+"), True),
    )
    for mode, fault, final in cases:
        check_server(program, mode, fault, final)
    print("server: %d cases" % len(cases))


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--program", required=True)
    parser.add_argument("--server")
    options = parser.parse_args()
    if shutil.which("strace") is None or subprocess.run(["strace", "-qq", "-o", os.devnull, "true"]).returncode != 0:
        print("strace is not installed or may not trace")
        sys.exit(SKIPPED)
    check_program(options.program)
    if options.server is not None:
        check_all_of_server(options.server)


if __name__ == "__main__":
    main()
