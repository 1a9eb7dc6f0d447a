#!/usr/bin/python3
"""BlitzDB's server against Redis, both on one core, the load on another, in interleaved rounds.

    bench_server.py --server BLITZDB_SERVER --load LOAD [--redis REDIS_SERVER] [--floor NETWORK_FLOOR]
                    [--loads memory:10,memory:100,everysec:100,always:100] [--keys N] [--rounds N]
                    [--seconds N] [--pipelines 1,16] [--connections N] [--dir FOLDER] [--server-core N]
                    [--load-core N] [--csv FILE]

Every server is started once for every mode it is measured in and filled with the same keys. A round visits
each of them with each load, so that whatever disturbs the machine for a while disturbs all; the figures are
medians over the rounds and the ratios medians of the ratios within a round. The load generator is often the
limit, so the figure to compare is the processor time of the server per operation, read from /proc.

A load is a mode and how many of 100 operations are SETs. Modes: memory (no file), everysec and always (every
SET in the log, as appendfsync says). The floor is a program that counts commands and answers a constant: what
the network costs without any database. Files are in a folder made in --dir (by default here), which must be
on a disk: a sync in memory costs nothing. Beside the figures of the load there are, per operation, the
processor time of the server, the part of it inside the system, and how often a thread of it had to wait; and
the syncs per second, which BlitzDB tells.
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

START_SECONDS = 30
STOP_SECONDS = 60
VALUE_SIZE = 64
TICKS = os.sysconf("SC_CLK_TCK")
MODES = ("memory", "everysec", "always")
FIGURES = ("ops_per_second", "cpu_us", "p50_us", "p99_us", "p999_us", "kernel_us", "waits", "syncs_per_second")


class Failure(Exception):
    """A measurement that would mean nothing."""


class Server:
    """A running server in one mode, pinned to a core."""

    def __init__(self, name, mode, command, core, folder):
        self.name = name
        self.mode = mode
        self.port = free_port()
        self.output = os.path.join(folder, "output.txt")
        words = [word.format(port=self.port, dir=folder) for word in command]
        with open(self.output, "wb") as output:
            self.process = subprocess.Popen(
                ["taskset", "-c", str(core), *words],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                cwd=folder,
            )

    def wait_until_ready(self):
        """Tries to connect until the server listens; its end in between is a failure."""
        for _ in range(START_SECONDS * 50):
            with socket.socket() as connection:
                if connection.connect_ex(("127.0.0.1", self.port)) == 0:
                    return
            with contextlib.suppress(subprocess.TimeoutExpired):
                self.process.wait(timeout=0.02)
                with open(self.output, encoding="utf-8", errors="replace") as output:
                    raise Failure(f"{self.name} ({self.mode}) ended at once: {output.read().strip()}")
        raise Failure(f"{self.name} ({self.mode}) does not listen")

    def stop(self):
        self.process.terminate()
        try:
            self.process.wait(timeout=STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()

    def processor_seconds(self):
        """All the time of all threads, and that of it in the system (fields 14 and 15 of the line)."""
        with open(f"/proc/{self.process.pid}/stat", encoding="ascii", errors="replace") as file:
            fields = file.read().rsplit(")", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / TICKS, int(fields[12]) / TICKS

    def waits(self):
        """How often a thread gave its processor back because it had nothing to do."""
        total = 0
        for thread in os.listdir(f"/proc/{self.process.pid}/task"):
            path = f"/proc/{self.process.pid}/task/{thread}/status"
            with open(path, encoding="ascii", errors="replace") as file:
                total += next(int(line.split()[1]) for line in file if line.startswith("voluntary_ctxt"))
        return total

    def syncs(self):
        """Syncs of the log so far; 0 from a server that does not tell."""
        with socket.create_connection(("127.0.0.1", self.port), timeout=START_SECONDS) as connection:
            connection.sendall(b"INFO persistence\r\n")
            stream = connection.makefile("rb")
            first = stream.readline()
            text = stream.read(int(first[1:])) if first.startswith(b"$") else b""
        found = [line for line in text.split(b"\r\n") if line.startswith(b"blitzdb_log_syncs:")]
        return int(found[0].split(b":")[1]) if found else 0

    def meter(self):
        """Everything that only grows."""
        return (*self.processor_seconds(), self.waits(), self.syncs() if self.mode != "memory" else 0)

    def resident_mib(self):
        with open(f"/proc/{self.process.pid}/status", encoding="ascii", errors="replace") as file:
            return next(int(line.split()[1]) for line in file if line.startswith("VmRSS:")) / 1024


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def commands(options):
    """Name -> mode -> command line."""
    common = ["--port", "{port}", "--bind", "127.0.0.1", "--loglevel", "warning"]
    blitzdb = [options.server, *common, "--threads", "1"]
    durable = ["--dir", "{dir}", "--appendonly", "yes", "--save", "", "--appendfsync"]
    known = {"BlitzDB": {"memory": blitzdb}}
    if options.redis:
        # No rewriting in the background: a round that met one could not be compared.
        redis = [options.redis, *common, "--save", "", "--auto-aof-rewrite-percentage", "0"]
        known["Redis"] = {"memory": redis + ["--appendonly", "no"]}
    for mode in ("everysec", "always"):
        known["BlitzDB"][mode] = blitzdb + durable + [mode]
        if options.redis:
            known["Redis"][mode] = redis + durable + [mode]
    if options.floor:
        known["floor"] = {"memory": [options.floor, "{port}"]}
    return known


def run_load(options, server, *words):
    """One run of the load generator -> its figures by name."""
    command = ["taskset", "-c", str(options.load_core), options.load, "--port", str(server.port)]
    command += ["--keys", str(options.keys), "--value-size", str(VALUE_SIZE)]
    command += ["--connections", str(options.connections), *map(str, words)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=600)
    if done.returncode != 0:
        raise Failure(f"load on {server.name} ({server.mode}): {done.stderr.strip()}")
    figures = {name: float(value) for name, value in (pair.split("=") for pair in done.stdout.split())}
    if figures["errors"] > 0 or figures["misses"] > 0:
        raise Failure(f"{server.name} ({server.mode}) answered wrongly: {done.stdout.strip()}")
    return figures


def measure(options, server, pipeline, set_percent, seed):
    """One visit of one server."""
    before = server.meter()
    words = ["--pipeline", pipeline, "--set-percent", set_percent, "--seed", seed]
    figures = run_load(options, server, "--seconds", options.seconds, *words)
    spent, kernel, waits, syncs = (now - then for now, then in zip(server.meter(), before))
    figures["cpu_us"] = spent * 1e6 / figures["operations"]
    figures["kernel_us"] = kernel * 1e6 / figures["operations"]
    figures["waits"] = waits / figures["operations"]
    figures["syncs_per_second"] = syncs / figures["seconds"]
    return figures


def start_all(options, stack):
    """Starts and fills every server; returns them, and (name, keys, MiB) of those in memory."""
    servers = []
    memory = []
    wanted = {mode for mode, _ in options.loads}
    for name, modes in commands(options).items():
        for mode, command in ((one, modes[one]) for one in modes if one in wanted):
            where = tempfile.TemporaryDirectory(prefix="blitzdb-bench-", dir=options.dir)
            folder = stack.enter_context(where)
            server = Server(name, mode, command, options.server_core, folder)
            stack.callback(server.stop)
            server.wait_until_ready()
            empty = server.resident_mib()
            if name != "floor":
                run_load(options, server, "--fill", "--pipeline", 64, "--seconds", 300)
                filled = server.resident_mib()
                memory.append((name, mode, empty, filled))
                print(f"{name} ({mode}): {filled - empty:.1f} MiB for the keys, {empty:.1f} MiB empty")
            servers.append(server)
    return servers, memory


def median(rounds, name):
    return statistics.median(figures[name] for figures in rounds)


def ratios(rounds, others, name):
    """Median, smallest and largest of the ratios within the rounds."""
    values = [a[name] / b[name] for a, b in zip(rounds, others)]
    return statistics.median(values), min(values), max(values)


def print_row(cell, rounds, redis):
    mode, set_percent, pipeline, name = cell
    text = f"{mode:9}{set_percent:4} %{pipeline:5}  {name:8}{median(rounds, 'ops_per_second'):12,.0f}"
    text += f"{median(rounds, 'cpu_us'):9.2f}{median(rounds, 'kernel_us'):9.2f}{median(rounds, 'waits'):7.3f}"
    syncs = median(rounds, "syncs_per_second")
    text += f"{syncs:9,.0f}" if syncs > 0 else f"{'':9}"
    text += f"{median(rounds, 'p50_us'):9.0f}{median(rounds, 'p99_us'):9.0f}"
    if redis and name != "Redis":
        for figure in ("ops_per_second", "cpu_us"):
            middle, low, high = ratios(rounds, redis, figure)
            text += f"   {middle:5.2f} ({low:.2f}-{high:.2f})"
    print(text)


def print_results(results):
    print(f"\n{'mode':9}{'SET':>6}{'pipe':>5}  {'server':8}{'ops/s':>12}{'CPU us':>9}", end="")
    print(f"{'kernel':>9}{'waits':>7}{'syncs/s':>9}{'p50 us':>9}{'p99 us':>9}   ops/s to Redis's    CPU per operation to Redis's")
    for cell, rounds in results.items():
        print_row(cell, rounds, results.get((*cell[:3], "Redis")))


def print_derived(results, pipelines):
    """The ratios to the floor, and between different loads."""
    print()
    for pipeline in pipelines:
        for name in ("BlitzDB", "Redis"):
            floor = results.get(("memory", 10, pipeline, "floor"))
            mixed = results.get(("memory", 10, pipeline, name))
            without_log = results.get(("memory", 100, pipeline, name))
            with_log = results.get(("everysec", 100, pipeline, name))
            for text, rounds, others in (
                ("CPU per operation to the floor's", mixed, floor),
                ("CPU per SET with a log (everysec) to memory only", with_log, without_log),
            ):
                if rounds and others:
                    middle, low, high = ratios(rounds, others, "cpu_us")
                    print(f"{name:8} pipeline {pipeline:3}: {text}: {middle:.2f} ({low:.2f}-{high:.2f})")


def write_csv(path, results, memory, keys):
    with open(path, "w", encoding="ascii", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["mode", "set_percent", "pipeline", "server", "round", *FIGURES])
        for cell, rounds in results.items():
            for number, figures in enumerate(rounds):
                writer.writerow([*cell, number, *(f"{figures[name]:.3f}" for name in FIGURES)])
        writer.writerow([])
        writer.writerow(["server", "mode", "keys", "resident_mib_empty", "resident_mib_filled"])
        for name, mode, empty, filled in memory:
            writer.writerow([name, mode, keys, f"{empty:.1f}", f"{filled:.1f}"])


def describe(options):
    with open("/proc/cpuinfo", encoding="utf-8") as file:
        models = [line.split(":", 1)[1].strip() for line in file if line.startswith("model name")]
    print(f"{os.cpu_count()} processors, {models[0] if models else 'unknown'}, Linux {platform.release()}")
    print(f"server on core {options.server_core}, load on core {options.load_core}, ", end="")
    print(f"{options.connections} connections, {options.keys} keys, values of {VALUE_SIZE} bytes, ", end="")
    print(f"{options.rounds} rounds of {options.seconds} s")
    for name, program in (("BlitzDB", options.server), ("Redis", options.redis)):
        if program:
            done = subprocess.run([program, "--version"], capture_output=True, text=True, check=True)
            print(f"{name}: {done.stdout.strip()}")
    for name, program in (("Redis", options.redis), ("the network floor", options.floor)):
        if not program:
            print(f"left out: {name} is not there")


def run(options):
    results = {}
    describe(options)
    with contextlib.ExitStack() as stack:
        servers, memory = start_all(options, stack)
        for pipeline in options.pipelines:
            for number in range(options.rounds):
                for mode, set_percent in options.loads:
                    for server in (one for one in servers if one.mode == mode):
                        cell = (mode, set_percent, pipeline, server.name)
                        figures = measure(options, server, pipeline, set_percent, number)
                        results.setdefault(cell, []).append(figures)
    print_results(results)
    print_derived(results, options.pipelines)
    if options.csv:
        write_csv(options.csv, results, memory, options.keys)


def parse_numbers(text):
    return [int(word) for word in text.split(",")]


def parse_loads(text):
    loads = [(word.partition(":")[0], int(word.partition(":")[2])) for word in text.split(",")]
    if any(mode not in MODES or not 0 <= percent <= 100 for mode, percent in loads):
        raise ValueError(text)
    return loads


def parse_folder(text):
    done = subprocess.run(["stat", "-f", "-c", "%T", text], capture_output=True, text=True, check=False)
    if done.returncode != 0 or done.stdout.strip() in ("tmpfs", "ramfs"):
        raise argparse.ArgumentTypeError(f"{text} is not a folder on a disk")
    return os.path.abspath(text)


def parse():
    plain = argparse.RawDescriptionHelpFormatter
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=plain)
    parser.add_argument("--server", required=True, type=os.path.abspath)
    parser.add_argument("--load", required=True, type=os.path.abspath)
    parser.add_argument("--redis", default=shutil.which("redis-server"), type=os.path.abspath)
    parser.add_argument("--floor", type=os.path.abspath)
    parser.add_argument("--keys", type=int, default=1000000)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=int, default=2)
    parser.add_argument("--pipelines", type=parse_numbers, default=[1, 16])
    parser.add_argument("--connections", type=int, default=50)
    everything = "memory:10,memory:100,everysec:100,always:100"
    parser.add_argument("--loads", type=parse_loads, default=everything)
    parser.add_argument("--dir", type=parse_folder, default=".")
    parser.add_argument("--server-core", type=int, default=0)
    parser.add_argument("--load-core", type=int, default=min(1, (os.cpu_count() or 1) - 1))
    parser.add_argument("--csv")
    return parser.parse_args()


if __name__ == "__main__":
    try:
        run(parse())
    except Failure as failure:
        sys.exit(f"bench_server: {failure}")
