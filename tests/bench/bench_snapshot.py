#!/usr/bin/python3
"""What a snapshot costs the writers: BGSAVE of BlitzDB's server and of Redis under full write load.

    bench_snapshot.py --server BLITZDB_SERVER --benchmark BLITZDB_BENCHMARK [--redis REDIS_SERVER] [--keys N] [--rounds N]
                      [--seconds N] [--pipelines 1,16] [--connections N] [--threads N] [--mode everysec]
                      [--dir FOLDER] [--csv FILE]

A server is started and filled with the keys (16 bytes, values of 64). A round is: so many seconds of SETs of
uniform keys; BGSAVE, and SETs until it has ended; the same seconds again. Load and server share all processors,
as on a machine that is full. The load is measured in windows of a second; those beside a snapshot, as a
whole, are compared with those before and after it: throughput lost, and the 99th percentile of the time to a reply.
The processor time of the server and its children for each SET is what counts on a machine that others use, too.

Memory is the highest resident size of the server while the snapshot is written, less that before it, and what
the server says that its forked child has copied (rdb_last_cow_size). Nothing dearer is looked at meanwhile:
reading smaps takes more from the server than a snapshot does.
The folder must be on a disk.
"""

import argparse
import contextlib
import csv
import os
import socket
import statistics
import subprocess
import sys
import tempfile
import threading

from server_peers import TICKS, Failure, Server, run_benchmark

VALUE_SIZE = 64
WINDOW_SECONDS = 1
SAMPLE_SECONDS = 0.1
PERSISTENCE = b"INFO persistence\r\n"


class Unpinned(Server):
    """A server on all processors."""

    def __init__(self, name, mode, command, folder):
        super().__init__(name, mode, command, "0-%d" % (os.cpu_count() - 1), folder)

    def ask(self, words):
        """The reply to one command, as it comes."""
        with socket.create_connection(("127.0.0.1", self.port), timeout=600) as connection:
            connection.sendall(words)
            stream = connection.makefile("rb")
            first = stream.readline()
            return stream.read(int(first[1:])) if first.startswith(b"$") else first

    def fields(self):
        text = self.ask(PERSISTENCE).decode()
        return dict(line.split(":", 1) for line in text.split("\r\n") if ":" in line)

    def save(self, command=b"SAVE"):
        """A snapshot now, after one that may be running by itself: a long log begins one."""
        reply = self.ask(command + b"\r\n")
        while b"in progress" in reply:
            with contextlib.suppress(subprocess.TimeoutExpired):
                self.process.wait(timeout=SAMPLE_SECONDS)
            reply = self.ask(command + b"\r\n")
        if not reply.startswith(b"+"):
            raise Failure(f"{self.name} does not save: {reply.decode().strip()}")

    def is_saving(self):
        return self.fields()["rdb_bgsave_in_progress"] != "0"

    def all_seconds(self):
        """Processor time of the server and of the children that have ended (fields 14 to 17)."""
        with open(f"/proc/{self.process.pid}/stat", encoding="ascii", errors="replace") as file:
            fields = file.read().rsplit(")", 1)[1].split()
        return sum(map(int, fields[11:15])) / TICKS


def run_window(options, server, pipeline, *words):
    """One run of the load generator -> its figures by name."""
    load = ["-r", options.keys, "-d", VALUE_SIZE, "-c", options.connections, "-P", pipeline]
    return run_benchmark(options.benchmark, server, *load, *words)


def write(options, server, pipeline, seed):
    return run_window(options, server, pipeline, "--ratio", "1:0", "--duration", WINDOW_SECONDS, "--seed", seed)


def watch_memory(server, stop, peak):
    while not stop.wait(SAMPLE_SECONDS):
        peak[0] = max(peak[0], server.resident_mib())


def measure_snapshot(options, server, pipeline, seed):
    """BGSAVE under load -> the windows beside it, and what was spent on it."""
    before = server.resident_mib()
    peak = [before]
    stop = threading.Event()
    watcher = threading.Thread(target=watch_memory, args=(server, stop, peak))
    watcher.start()
    windows = []
    spent = server.all_seconds()
    try:
        server.save(b"BGSAVE")
        saving = True
        while saving:
            windows.append(write(options, server, pipeline, seed + len(windows)))
            saving = server.is_saving()
    finally:
        stop.set()
        watcher.join()
    fields = server.fields()
    operations = sum(window["operations"] for window in windows)
    cpu_us = 1e6 * (server.all_seconds() - spent) / operations
    if fields["rdb_last_bgsave_status"] != "ok":
        raise Failure(f"{server.name}: the snapshot failed")
    if len(windows) > 1:
        windows.pop()  # the snapshot has ended in it
    return windows, {
        "cpu_during_us": cpu_us,
        "snapshot_seconds": int(fields["rdb_last_bgsave_time_sec"]),
        "extra_mib": peak[0] - before + int(fields["rdb_last_cow_size"]) / (1 << 20),
    }


def measure(options, server, pipeline, seed):
    """One round -> figures by name."""
    count = round(options.seconds / WINDOW_SECONDS)
    spent = server.all_seconds()
    quiet = [write(options, server, pipeline, seed + i) for i in range(count)]
    cpu_us = 1e6 * (server.all_seconds() - spent) / sum(window["operations"] for window in quiet)
    beside, spending = measure_snapshot(options, server, pipeline, seed + 1000)
    quiet += [write(options, server, pipeline, seed + 2000 + i) for i in range(count)]

    def mean(windows, name):
        return statistics.mean(window[name] for window in windows)

    return {
        "ops_before": mean(quiet, "operations_per_second"),
        "ops_during": mean(beside, "operations_per_second"),
        "loss_percent": 100 * (1 - mean(beside, "operations_per_second") / mean(quiet, "operations_per_second")),
        "p99_before_us": statistics.median(window["latency_p99_us"] for window in quiet),
        "p99_during_us": statistics.median(window["latency_p99_us"] for window in beside),
        "p99_ratio": statistics.median(window["latency_p99_us"] for window in beside)
        / statistics.median(window["latency_p99_us"] for window in quiet),
        "windows": len(beside),
        "cpu_before_us": cpu_us,
        **spending,
    }


def commands(options):
    common = ["--port", "{port}", "--bind", "127.0.0.1", "--loglevel", "warning", "--dir", "{dir}", "--save", ""]
    log = ["--appendonly", "no"] if options.mode == "none" else ["--appendonly", "yes", "--appendfsync", options.mode]
    known = {"BlitzDB": [options.server, *common, "--threads", str(options.threads), *log]}
    if options.redis:
        known["Redis"] = [options.redis, *common, "--auto-aof-rewrite-percentage", "0", *log]
    return known


def report(name, pipeline, rounds):
    """Prints medians -> a row for the file."""
    row = {"server": name, "pipeline": pipeline, "rounds": len(rounds)}
    row |= {figure: round(statistics.median(one[figure] for one in rounds), 2) for figure in rounds[0]}
    print(
        "{server} pipeline {pipeline}: {ops_before:.0f} -> {ops_during:.0f} SET/s (loss {loss_percent:.1f} %), "
        "p99 {p99_before_us:.0f} -> {p99_during_us:.0f} us ({p99_ratio:.2f}x), "
        "CPU {cpu_before_us:.2f} -> {cpu_during_us:.2f} us each, {snapshot_seconds:.0f} s, {extra_mib:.0f} MiB more".format(**row),
        flush=True,
    )
    return row


def run(options):
    rows = []
    for name, command in commands(options).items():
        with contextlib.ExitStack() as stack:
            where = tempfile.TemporaryDirectory(prefix="blitzdb-bench-", dir=options.dir)
            server = Unpinned(name, options.mode, command, stack.enter_context(where))
            stack.callback(server.stop)
            server.wait_until_ready()
            run_window(options, server, 64, "--fill", "-n", 0)
            for pipeline in options.pipelines:
                server.save()
                rounds = [measure(options, server, pipeline, 10000 * i) for i in range(options.rounds)]
                rows.append(report(name, pipeline, rounds))
    if options.csv:
        with open(options.csv, "w", encoding="ascii", newline="") as file:
            writer = csv.DictWriter(file, rows[0])
            writer.writeheader()
            writer.writerows(rows)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--server", required=True)
    parser.add_argument("--benchmark", required=True)
    parser.add_argument("--redis")
    parser.add_argument("--keys", type=int, default=5000000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=5)
    parser.add_argument("--pipelines", type=lambda text: [int(word) for word in text.split(",")], default=[1, 16])
    parser.add_argument("--connections", type=int, default=50)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--mode", choices=("none", "everysec", "always"), default="everysec")
    parser.add_argument("--dir")
    parser.add_argument("--csv")
    options = parser.parse_args()
    try:
        run(options)
    except Failure as failure:
        sys.exit(str(failure))


if __name__ == "__main__":
    main()
