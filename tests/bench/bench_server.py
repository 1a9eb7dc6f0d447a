#!/usr/bin/python3
"""BlitzDB's server beside Redis, memcached and a floor, pinned the same way, in interleaved rounds of one run.

    bench_server.py --server BLITZDB_SERVER --benchmark BLITZDB_BENCHMARK [--parts goals,matrix,durable] [option...]

goals    the rows of the table of goals, each a named case; --goals selects some. Some three minutes.
matrix   all combinations of --threads, --keys, --value-sizes, --pipelines, --set-percents and --transports
durable  SETs without a log, with one (everysec) and with one that is synced before each reply (always)

The servers of a group are started together and filled with the same keys. A round visits each of them with each load,
so that whatever disturbs the machine for a while disturbs all; the figures are medians over the rounds and the ratios
medians of the ratios within a round, with the smallest and the largest behind them. The load generator is often the
limit, so the figure to compare is the processor time of the server per operation. Latencies are those of the
generator: without a rate from the send of a batch to the reply, with one from the moment a command was due.

A server with one thread has the processor --server-core, one with more has all; the load has --load-core. The floor
is a program that counts commands and answers a constant of 64 bytes: what the network costs without any database. It has
no Unix socket, one thread and no larger values; memcached listens either on TCP or on a Unix socket and is measured
on TCP. What is not installed, or does not fit into memory, is left out, and the output says so.
"""

import argparse
import contextlib
import csv
import itertools
import os
import platform
import statistics
import subprocess
import sys
import tempfile

import server_goals
from server_peers import Failure, find_program, known_commands, run_benchmark

# Column -> name in the output of blitzdb-benchmark.
FIGURES = {
    "ops_per_second": "operations_per_second",
    "keys_per_second": "keys_per_second",
    "cpu_us": "server_cpu_us_per_operation",
    "kernel_us": "server_kernel_us_per_operation",
    "waits": "server_waits_per_operation",
    "keys_per_cpu_second": "server_keys_per_cpu_second",
    "p50_us": "latency_p50_us",
    "p99_us": "latency_p99_us",
    "p999_us": "latency_p99.9_us",
    "p9999_us": "latency_p99.99_us",
    "max_us": "latency_max_us",
    "unsent": "unsent",
    "resident_mib": "server_resident_bytes",
    "idle_bytes": "server_bytes_per_idle_connection",
}
LABELS = ("part", "case", "mode", "threads", "keys", "value_size", "set_percent", "pipeline", "transport")
MIB = 1 << 20
WARM_UP_SECONDS = 0.2  # 50 new connections would be the slowest thousandth of a short visit


class Bench:
    """The servers, the measurements so far, and how to make another one."""

    def __init__(self, options):
        self.options = options
        self.rows = []

    def cores(self, threads):
        return self.options.server_core if threads == 1 else f"0-{(os.cpu_count() or 1) - 1}"

    def start(self, stack, name, mode="memory", threads=1, more=()):
        """An empty server."""
        kind, command = known_commands(self.options, threads)[name]
        folder = stack.enter_context(tempfile.TemporaryDirectory(prefix="blitzdb-bench-", dir=self.options.dir))
        os.chmod(folder, 0o755)  # memcached gives up root
        server = kind(name, mode, [*command, *more], self.cores(threads), folder)
        stack.callback(server.stop)
        server.wait_until_ready()
        return server

    def fill(self, server, keys, value_size, **labels):
        figures = self.run(server, "-n", 0, "--fill", "-r", keys, "-d", value_size)
        resident = figures["server_resident_bytes"] / MIB
        row = {"case": "memory", "server": server.name, "mode": server.mode, "keys": keys, "value_size": value_size}
        self.rows.append({"part": "memory", **row, **labels, "round": 0, "resident_mib": resident})
        print(f"{server.name} ({server.mode}): {resident:.1f} MiB with {keys} keys and values of {value_size} bytes")

    def group(self, stack, names, keys, value_size, threads=1):
        """Started and filled servers by name, of those that are there and fit into memory."""
        servers = {}
        known = known_commands(self.options, threads)
        for name in (name for name in names if name in known):
            needed = 0 if name == "floor" else keys * (value_size + 130) / MIB
            if needed > free_mib():
                print(f"left out: {name} with {keys} keys and values of {value_size} bytes: it needs {needed:.0f} MiB")
                continue
            servers[name] = self.start(stack, name, threads=threads)
            if name != "floor":
                self.fill(servers[name], keys, value_size, threads=threads)
        return servers

    def run(self, server, *words, unix=False):
        return run_benchmark(self.options.benchmark, server, *words, cores=self.options.load_core, unix=unix)

    def measure(self, server, number, *words, seconds=None, **labels):
        """One visit of one server; `labels` describe it, and some of them make the load."""
        load = ["-c", self.options.connections, "-P", labels["pipeline"], "-r", labels["keys"]]
        load += ["-d", labels["value_size"], "--seed", number + 1, "--duration", seconds or self.options.seconds]
        load += ["--warm-up", WARM_UP_SECONDS, "--ratio", f"{labels['set_percent']}:{100 - labels['set_percent']}"]
        found = self.run(server, *load, *words, unix=labels.get("transport") == "unix")
        figures = {name: float(found[source]) for name, source in FIGURES.items()}
        figures["resident_mib"] /= MIB
        figures["operations"] = found["operations"]
        figures["seconds"] = found["seconds"]
        self.rows.append({**labels, "server": server.name, "mode": server.mode, "round": number, **figures})
        return figures

    def rounds(self, **wanted):
        """The measurements with these labels, in the order of their rounds."""
        return [row for row in self.rows if all(row.get(name) == value for name, value in wanted.items())]


def free_mib():
    with open("/proc/meminfo", encoding="ascii") as file:
        return next(int(line.split()[1]) for line in file if line.startswith("MemAvailable:")) / 1024


def median(rounds, name):
    return statistics.median(row[name] for row in rounds)


def ratio_text(rounds, others, name):
    values = [row[name] / other[name] for row, other in zip(rounds, others)]
    return f"{statistics.median(values):.2f} ({min(values):.2f}-{max(values):.2f})"


# -- Matrix ---------------------------------------------------------------------------------------------------

HEADING = (
    f"{'server':10}{'transport':>10}{'SET':>6}{'pipe':>5}{'ops/s':>12}{'CPU us':>9}{'kernel':>8}"
    f"{'p50 us':>10}{'p99 us':>10}{'p99.9 us':>10}   ops/s, BlitzDB to it   CPU, BlitzDB to it"
)


def print_cell(bench, cell, names):
    own = bench.rounds(part="matrix", server="BlitzDB", **cell)
    for name in names:
        rounds = bench.rounds(part="matrix", server=name, **cell)
        if not rounds:
            continue
        text = f"{name:10}{cell['transport']:>10}{cell['set_percent']:4} %{cell['pipeline']:5}"
        text += f"{median(rounds, 'ops_per_second'):12,.0f}{median(rounds, 'cpu_us'):9.3f}"
        text += f"{median(rounds, 'kernel_us'):8.3f}{median(rounds, 'p50_us'):10.1f}{median(rounds, 'p99_us'):10.1f}"
        text += f"{median(rounds, 'p999_us'):10.1f}"
        if name != "BlitzDB" and own:
            text += f"   {ratio_text(own, rounds, 'ops_per_second'):>20}   {ratio_text(own, rounds, 'cpu_us'):>18}"
        print(text)


def measure_group(bench, threads, keys, value_size):
    options = bench.options
    names = ["BlitzDB", "Redis", "memcached"] + (["floor"] if value_size == 64 else [])
    print(f"\n== {threads} server thread(s), {keys} keys, values of {value_size} bytes")
    with contextlib.ExitStack() as stack:
        servers = bench.group(stack, names, keys, value_size, threads)
        print("\n" + HEADING)
        for transport, set_percent, pipeline in itertools.product(
            options.transports, options.set_percents, options.pipelines
        ):
            cell = {"case": "matrix", "threads": threads, "keys": keys, "value_size": value_size}
            cell |= {"set_percent": set_percent, "pipeline": pipeline, "transport": transport}
            for number, server in itertools.product(range(options.rounds), servers.values()):
                if transport == "tcp" or server.name in ("BlitzDB", "Redis"):
                    bench.measure(server, number, part="matrix", **cell)
            print_cell(bench, cell, names)


def run_matrix(bench):
    options = bench.options
    for combination in itertools.product(options.threads, options.keys, options.value_sizes):
        measure_group(bench, *combination)


# -- Durable --------------------------------------------------------------------------------------------------


def run_durable(bench):
    """SETs in three modes."""
    options = bench.options
    print("\n== SETs without and with a log")
    with contextlib.ExitStack() as stack:
        servers = []
        for mode in ("memory", "everysec", "always"):
            log = ["--dir", "{dir}", "--appendonly", "yes", "--appendfsync", mode] if mode != "memory" else []
            for name in ("BlitzDB", "Redis"):
                if name not in known_commands(options):
                    continue
                # No rewriting in the background: a round that met one could not be compared.
                more = log + (["--auto-aof-rewrite-percentage", "0"] if name == "Redis" else [])
                server = bench.start(stack, name, mode, more=more)
                bench.fill(server, options.keys[0], 64)
                servers.append(server)
        print(f"\n{'mode':10}{'server':8}{'pipe':>5}{'SET/s':>12}{'CPU us':>9}{'kernel':>8}{'syncs/s':>9}", end="")
        print(f"{'p50 us':>9}{'p99 us':>10}   SET/s to Redis's   CPU per SET to Redis's   CPU to that without a log")
        for pipeline in options.pipelines:
            for number, server in itertools.product(range(options.rounds), servers):
                measure_durable(bench, server, number, pipeline)
            for server in servers:
                print_durable(bench, server, pipeline)


def measure_durable(bench, server, number, pipeline):
    logs = server.mode != "memory"
    syncs = server.syncs() if logs else 0
    figures = bench.measure(
        server, number, part="durable", case="durable", keys=bench.options.keys[0], value_size=64, set_percent=100,
        pipeline=pipeline,
    )
    bench.rows[-1]["syncs_per_second"] = (server.syncs() - syncs if logs else 0) / figures["seconds"]


def print_durable(bench, server, pipeline):
    def rounds(name, mode):
        return bench.rounds(part="durable", server=name, mode=mode, pipeline=pipeline)

    own = rounds(server.name, server.mode)
    text = f"{server.mode:10}{server.name:8}{pipeline:5}{median(own, 'ops_per_second'):12,.0f}"
    text += f"{median(own, 'cpu_us'):9.3f}{median(own, 'kernel_us'):8.3f}{median(own, 'syncs_per_second'):9,.0f}"
    text += f"{median(own, 'p50_us'):9.0f}{median(own, 'p99_us'):10.0f}"
    redis = rounds("Redis", server.mode)
    if redis and server.name != "Redis":
        text += f"   {ratio_text(own, redis, 'ops_per_second')}   {ratio_text(own, redis, 'cpu_us')}"
    if server.mode != "memory":
        text += f"   {ratio_text(own, rounds(server.name, 'memory'), 'cpu_us')}"
    print(text)


# -- Around it ------------------------------------------------------------------------------------------------


def write_csv(path, rows):
    columns = [*LABELS, "server", "round", *FIGURES, "syncs_per_second"]
    with open(path, "w", encoding="ascii", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(columns)
        for row in rows:
            values = (row.get(name, "") for name in columns)
            writer.writerow([f"{value:.3f}" if isinstance(value, float) else value for value in values])


def describe(options):
    with open("/proc/cpuinfo", encoding="utf-8") as file:
        models = [line.split(":", 1)[1].strip() for line in file if line.startswith("model name")]
    print(f"{os.cpu_count()} processors, {models[0] if models else 'unknown'}, Linux {platform.release()}, ", end="")
    print(f"load average {os.getloadavg()[0]:.2f} at the start")
    print(f"server on processor {options.server_core}, load on {options.load_core}, ", end="")
    print(f"{options.connections} connections, {options.rounds} rounds of {options.seconds} s")
    for name, program in (("BlitzDB", options.server), ("Redis", options.redis), ("memcached", options.memcached)):
        if program:
            done = subprocess.run([program, "--version"], capture_output=True, text=True, check=True)
            print(f"{name}: {done.stdout.strip()}")
        else:
            print(f"left out: {name} is not installed")
    if not options.floor:
        print("left out: the floor of the network is not there")
    sys.stdout.flush()


def run(options):
    bench = Bench(options)
    describe(options)
    try:
        if "goals" in options.parts:
            server_goals.run_goals(bench)
        if "matrix" in options.parts:
            run_matrix(bench)
        if "durable" in options.parts:
            run_durable(bench)
    finally:
        if options.csv:
            write_csv(options.csv, bench.rows)
    print(f"\nload average {os.getloadavg()[0]:.2f} at the end")


def numbers(text):
    return [int(word) for word in text.split(",")]


def words_of(*known):
    def parse_words(text):
        words = text.split(",")
        if any(word not in known for word in words):
            raise argparse.ArgumentTypeError(f"{text}: choose among {','.join(known)}")
        return words

    return parse_words


def folder_on_disk(text):
    done = subprocess.run(["stat", "-f", "-c", "%T", text], capture_output=True, text=True, check=False)
    if done.returncode != 0 or done.stdout.strip() in ("tmpfs", "ramfs"):
        raise argparse.ArgumentTypeError(f"{text} is not a folder on a disk")
    return os.path.abspath(text)


def parse():
    plain = argparse.RawDescriptionHelpFormatter
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=plain)
    parser.add_argument("--server", required=True, type=os.path.abspath)
    parser.add_argument("--benchmark", required=True, type=os.path.abspath)
    parser.add_argument("--redis", default=find_program("redis-server"))
    parser.add_argument("--memcached", default=find_program("memcached"))
    parser.add_argument("--floor", type=os.path.abspath)
    parser.add_argument("--parts", type=words_of("goals", "matrix", "durable"), default="goals")
    parser.add_argument("--goals", type=words_of(*server_goals.CASES), default=",".join(server_goals.CASES))
    parser.add_argument("--threads", type=numbers, default=[1, 2])
    parser.add_argument("--keys", type=numbers, default=[1000000, 5000000])
    parser.add_argument("--value-sizes", type=numbers, default=[64, 1024])
    parser.add_argument("--pipelines", type=numbers, default=[1, 4, 16, 64])
    parser.add_argument("--set-percents", type=numbers, default=[0, 10, 50])
    parser.add_argument("--transports", type=words_of("tcp", "unix"), default="tcp,unix")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=1)
    parser.add_argument("--connections", type=int, default=50)
    parser.add_argument("--idle", type=int, default=10000, help="idle connections of the goals")
    parser.add_argument("--dir", type=folder_on_disk, default=".")
    parser.add_argument("--server-core", type=int, default=0)
    parser.add_argument("--load-core", type=int, default=min(1, (os.cpu_count() or 1) - 1))
    parser.add_argument("--csv")
    return parser.parse_args()


if __name__ == "__main__":
    try:
        run(parse())
    except Failure as failure:
        sys.exit(f"bench_server: {failure}")
