#!/usr/bin/python3
"""How long a server takes from its start to its first answer: BlitzDB against Redis, each on its own files.

    bench_recovery.py --server BLITZDB_SERVER --benchmark BLITZDB_BENCHMARK [--redis REDIS_SERVER] [--items N] [--rounds N]
                      [--kinds snapshot,log] [--folder FOLDER] [--csv FILE]

Every server is filled once with the same items (keys of 16 bytes, values of 64) for each kind of file: a
snapshot alone (Redis: RDB), and a log alone (Redis: AOF without RDB preamble, not rewritten). Then a round
starts each of them on its files and asks for the number of items until it answers. The files are in the page cache,
so that the work of the servers is measured and not the disk; both may use every processor. Figures are
medians over the rounds, ratios medians of the ratios within a round.
"""

import argparse
import contextlib
import csv
import os
import platform
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import time

START_SECONDS = 600
VALUE_SIZE = 64
POLL_SECONDS = 0.02
KINDS = ("snapshot", "log")


class Failure(Exception):
    """A measurement that would mean nothing."""


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class Contender:
    """A server program and its files of one kind."""

    def __init__(self, name, kind, program, folder):
        self.name = name
        self.kind = kind
        self.folder = folder
        self.port = free_port()
        self.process = None
        self.command = [program, "--port", str(self.port), "--bind", "127.0.0.1", "--dir", folder]
        self.command += ["--loglevel", "warning", "--save", ""]
        self.command += ["--appendonly", "yes" if kind == "log" else "no"]
        if name == "Redis":
            self.command += ["--auto-aof-rewrite-percentage", "0", "--aof-use-rdb-preamble", "no"]

    def start(self):
        with open(os.path.join(self.folder, "output.txt"), "wb") as output:
            self.process = subprocess.Popen(
                self.command, stdin=subprocess.DEVNULL, stdout=output, stderr=output, cwd=self.folder
            )

    def ask(self, command):
        """One command, one line of reply; empty if there is nobody."""
        with contextlib.suppress(ConnectionError):
            with socket.create_connection(("127.0.0.1", self.port), timeout=START_SECONDS) as connection:
                connection.sendall(command.encode() + b"\r\n")
                return connection.makefile("rb").readline().decode().strip()
        return ""

    def wait_for_items(self):
        """Asks until the number of items is the answer: no connection and -LOADING are none."""
        begin = time.monotonic()
        while time.monotonic() - begin < START_SECONDS:
            reply = self.ask("DBSIZE")
            if reply.startswith(":"):
                return int(reply[1:])
            with contextlib.suppress(subprocess.TimeoutExpired):
                self.process.wait(timeout=POLL_SECONDS)
                with open(os.path.join(self.folder, "output.txt"), encoding="utf-8") as output:
                    raise Failure(f"{self.name} ({self.kind}) ended: {output.read().strip()}")
        raise Failure(f"{self.name} ({self.kind}) is not ready after {START_SECONDS} s")

    def end(self):
        """Like a crash: the files stay as they are."""
        self.process.kill()
        self.process.wait()

    def file_bytes(self):
        folders = os.walk(self.folder)
        return sum(os.path.getsize(os.path.join(folder, name)) for folder, _, names in folders for name in names)


def fill(options, contender):
    """Makes the files of a contender."""
    contender.start()
    contender.wait_for_items()
    words = ["--fill", "-n", 0, "-r", options.items, "-d", VALUE_SIZE, "--quiet"]
    command = [options.benchmark, "-p", contender.port, *words]
    done = subprocess.run(list(map(str, command)), capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise Failure(f"load on {contender.name} ({contender.kind}): {done.stderr.strip()}")
    if contender.kind == "snapshot":
        reply = contender.ask("SAVE")
        if reply != "+OK":
            raise Failure(f"{contender.name} answers SAVE with {reply}")
    contender.process.terminate()
    contender.process.wait()
    names = os.listdir(contender.folder)
    if contender.kind == "log" and any(name.startswith("snapshot-") for name in names):
        raise Failure(f"{contender.name} has written a snapshot of its own: fewer items, please")
    print(f"{contender.name} ({contender.kind}): {contender.file_bytes() / 2**20:.0f} MiB of files")


def measure(options, contender):
    """Seconds from the start of the process to the answer."""
    begin = time.monotonic()
    contender.start()
    try:
        items = contender.wait_for_items()
        seconds = time.monotonic() - begin
    finally:
        contender.end()
    if items != options.items:
        raise Failure(f"{contender.name} ({contender.kind}) came back with {items} items")
    return seconds


def print_results(options, results):
    print(f"\n{'kind':10}{'server':9}{'seconds':>9}{'range':>16}{'items/s':>13}   to Redis's (range)")
    for (kind, name), rounds in results.items():
        middle = statistics.median(rounds)
        text = f"{kind:10}{name:9}{middle:9.2f}{f'{min(rounds):.2f}-{max(rounds):.2f}':>16}"
        text += f"{options.items / middle:13,.0f}"
        redis = results.get((kind, "Redis"))
        if redis and name != "Redis":
            ratios = [theirs / ours for theirs, ours in zip(redis, rounds)]
            text += f"   {statistics.median(ratios):.2f} ({min(ratios):.2f}-{max(ratios):.2f})"
        print(text)


def write_csv(path, items, results):
    with open(path, "w", encoding="ascii", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["kind", "server", "items", "round", "seconds"])
        for (kind, name), rounds in results.items():
            for number, seconds in enumerate(rounds):
                writer.writerow([kind, name, items, number, f"{seconds:.4f}"])


def describe(options, programs):
    with open("/proc/cpuinfo", encoding="utf-8") as file:
        models = [line.split(":", 1)[1].strip() for line in file if line.startswith("model name")]
    print(f"{os.cpu_count()} processors, {models[0] if models else 'unknown'}, Linux {platform.release()}")
    print(f"{options.items} items of 16 + {VALUE_SIZE} bytes, {options.rounds} rounds")
    for name, program in programs:
        done = subprocess.run([program, "--version"], capture_output=True, text=True, check=True)
        print(f"{name}: {done.stdout.strip()}")
    if len(programs) == 1:
        print("left out: Redis is not there")


def run(options):
    programs = [("BlitzDB", options.server)]
    if options.redis:
        programs.append(("Redis", options.redis))
    describe(options, programs)
    results = {}
    with contextlib.ExitStack() as stack:
        contenders = []
        for kind in options.kinds:
            for name, program in programs:
                folder = tempfile.TemporaryDirectory(prefix="blitzdb-bench-", dir=options.folder)
                contenders.append(Contender(name, kind, program, stack.enter_context(folder)))
                fill(options, contenders[-1])
        for _ in range(options.rounds):
            for contender in contenders:
                seconds = measure(options, contender)
                results.setdefault((contender.kind, contender.name), []).append(seconds)
    print_results(options, results)
    if options.csv:
        write_csv(options.csv, options.items, results)


def parse_kinds(text):
    kinds = text.split(",")
    if not set(kinds) <= set(KINDS):
        raise argparse.ArgumentTypeError(f"kinds are {', '.join(KINDS)}")
    return kinds


def parse():
    plain = argparse.RawDescriptionHelpFormatter
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=plain)
    parser.add_argument("--server", required=True, type=os.path.abspath)
    parser.add_argument("--benchmark", required=True, type=os.path.abspath)
    parser.add_argument("--redis", default=shutil.which("redis-server"), type=os.path.abspath)
    parser.add_argument("--items", type=int, default=10000000)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--kinds", type=parse_kinds, default=list(KINDS))
    parser.add_argument("--folder", help="where the files go; default the system's place for temporary files")
    parser.add_argument("--csv")
    return parser.parse_args()


if __name__ == "__main__":
    try:
        run(parse())
    except Failure as failure:
        sys.exit(f"bench_recovery: {failure}")
