"""The table of goals for the server, a case for each row; see bench_server.py.

All with one server thread, values of 64 bytes and 10 % SET, unless a row says otherwise:

cpu16      processor time per operation at pipeline 16, to Redis's and to the floor's
cpu1       the same at pipeline 1, to Redis's
mget       MGET of 64 keys among many: keys per second of the server's processor time, to Redis's
p999       99.9th percentile at half of the maximum rate, pipeline 1, an open loop: at half of what the slower of both
           reaches, the same rate for both, and each at half of its own
memory     resident memory of the whole process with many keys, to Redis's
idle       growth of the process for an idle connection that has said PING once, on a fresh server
idle_loss  operations per second that 50 busy connections lose beside the idle ones, and processor time they cost more
"""

import contextlib
import statistics

VALUE_SIZE = 64
MGET_KEYS = 64


class Verdict:
    """A row of the table: a figure with its range, and what it must and should reach."""

    def __init__(self, text, values, must, stretch=None, at_least=False, unit=""):
        self.text = text
        self.value, self.low, self.high = statistics.median(values), min(values), max(values)
        self.must, self.stretch, self.at_least, self.unit = must, stretch, at_least, unit

    def reaches(self, limit):
        return self.value >= limit if self.at_least else self.value <= limit

    def line(self):
        sign = ">=" if self.at_least else "<="
        word = "reached" if self.reaches(self.must) else "MISSED"
        if self.stretch is not None and self.reaches(self.stretch):
            word = "stretch reached"
        stretch = f"{sign} {self.stretch:g}" if self.stretch is not None else ""
        digits = 0 if abs(self.value) >= 100 else 2
        figure = f"{self.value:.{digits}f}{self.unit} ({self.low:.{digits}f} to {self.high:.{digits}f})"
        return f"| {self.text} | {sign} {self.must:g}{self.unit} | {stretch} | {figure} | {word} |"


def ratios(rounds, others, name):
    return [row[name] / other[name] for row, other in zip(rounds, others)]


class Goals:
    """Runs the cases and collects the verdicts."""

    def __init__(self, bench):
        self.bench = bench
        self.verdicts = []

    def labels(self, case, keys, pipeline, set_percent=10):
        return {"part": "goals", "case": case, "threads": 1, "keys": keys, "value_size": VALUE_SIZE,
                "set_percent": set_percent, "pipeline": pipeline, "transport": "tcp"}

    def contest(self, servers, labels, *words, rates=None):
        """Every server once in every round, at its rate if it has one -> name -> rounds."""
        found = {name: [] for name in servers}
        for number in range(self.bench.options.rounds):
            for name, server in servers.items():
                rate = ["--rate", rates[name]] if rates else []
                found[name].append(self.bench.measure(server, number, *words, *rate, **labels))
        self.print_rounds(labels, found)
        return found

    def print_rounds(self, labels, found):
        for name, rounds in found.items():
            def middle(figure, rounds=rounds):
                return statistics.median(row[figure] for row in rounds)

            print(f"  {labels['case']:12}{name:10}{middle('ops_per_second'):12,.0f} ops/s{middle('cpu_us'):9.3f} us CPU"
                  f"{middle('p50_us'):10.1f} p50{middle('p99_us'):10.1f} p99{middle('p999_us'):10.1f} p99.9", flush=True)

    def judge(self, text, found, other, figure, *limits, **more):
        if "BlitzDB" in found and other in found:
            self.verdicts.append(Verdict(text, ratios(found["BlitzDB"], found[other], figure), *limits, **more))

    # -- Cases ----------------------------------------------------------------------------------------------

    def cpu(self, servers, keys, case, pipeline, *limits):
        found = self.contest(servers, self.labels(case, keys, pipeline))
        self.judge(f"CPU per operation, pipeline {pipeline}, to Redis's", found, "Redis", "cpu_us", *limits)
        return found

    def cpu16(self, servers, keys):
        found = self.cpu(servers, keys, "cpu16", 16, 0.58, 0.48)
        self.judge("CPU per operation, pipeline 16, to the floor's", found, "floor", "cpu_us", 1.35, 1.15)

    def cpu1(self, servers, keys):
        self.cpu(servers, keys, "cpu1", 1, 0.92, 0.85)

    def mget(self, servers, keys):
        labels = self.labels("mget", keys, 1, set_percent=0)
        found = self.contest(servers, labels, "--mget", MGET_KEYS)
        self.judge(f"MGET of {MGET_KEYS} keys, {keys // 1000000} M keys: keys per CPU second, to Redis's", found, "Redis",
                   "keys_per_cpu_second", 3, 5, at_least=True)

    def p999(self, servers, keys):
        pair = {name: servers[name] for name in ("BlitzDB", "Redis") if name in servers}
        fastest = self.contest(pair, self.labels("p999 max", keys, 1))
        half = {name: int(statistics.median(row["ops_per_second"] for row in rounds) / 2)
                for name, rounds in fastest.items()}
        same = self.contest(pair, self.labels("p999 same", keys, 1), "--rate", min(half.values()))
        self.judge(f"p99.9 at {min(half.values())} per second, half of the slower one's maximum, to Redis's", same, "Redis",
                   "p999_us", 1, 0.5)
        own = self.contest(pair, self.labels("p999 own", keys, 1), rates=half)
        self.judge("p99.9, each at half of its own maximum, to Redis's", own, "Redis", "p999_us", 1, 0.5)

    def memory(self, servers, keys):
        found = {name: self.bench.rounds(part="memory", server=name, keys=keys, value_size=VALUE_SIZE)[-1:]
                 for name in servers}
        self.judge(f"resident memory, {keys // 1000000} M keys, to Redis's", found, "Redis", "resident_mib", 0.65, 0.6)

    def idle(self, _servers, keys):
        """Fresh servers, because memory that was used before is used again."""
        found = {}
        for number in range(self.bench.options.rounds):
            for name in (name for name in ("BlitzDB", "Redis", "memcached") if name in self.names):
                with contextlib.ExitStack() as stack:
                    server = self.bench.start(stack, name)
                    run = self.bench.run(server, "-n", 0, "-c", 1, "--idle", self.bench.options.idle)
                size = run["server_bytes_per_idle_connection"]
                labels = self.labels("idle", keys, 1)
                self.bench.rows.append({**labels, "server": name, "mode": "memory", "round": number, "idle_bytes": size})
                found.setdefault(name, []).append(size)
        for name, sizes in found.items():
            print(f"  idle        {name:10}{statistics.median(sizes):12,.0f} bytes for an idle connection", flush=True)
        self.verdicts.append(Verdict("bytes for an idle connection", found["BlitzDB"], 1024, 512))

    def idle_loss(self, servers, keys):
        idle = self.bench.options.idle
        pair = {name: servers[name] for name in ("BlitzDB", "Redis") if name in servers}
        for pipeline in (1, 16):
            alone, beside = {}, {}
            for number in range(self.bench.options.rounds):
                for name, server in pair.items():
                    labels = self.labels("alone", keys, pipeline)
                    alone.setdefault(name, []).append(self.bench.measure(server, number, **labels))
                    labels = self.labels("beside idle", keys, pipeline)
                    figures = self.bench.measure(server, number, "--idle", idle, **labels)
                    beside.setdefault(name, []).append(figures)
            self.print_rounds(self.labels("alone", keys, pipeline), alone)
            self.print_rounds(self.labels("beside idle", keys, pipeline), beside)
            lost = ratios(beside["BlitzDB"], alone["BlitzDB"], "ops_per_second")
            more = ratios(beside["BlitzDB"], alone["BlitzDB"], "cpu_us")
            text = f"beside {idle} idle connections, pipeline {pipeline}"
            self.verdicts.append(Verdict(f"lost {text}", [100 - 100 * ratio for ratio in lost], 5, unit=" %"))
            self.verdicts.append(Verdict(f"CPU more {text}", [100 * ratio - 100 for ratio in more], 5, unit=" %"))

    # -- All of them ----------------------------------------------------------------------------------------

    @property
    def names(self):
        options = self.bench.options
        there = {"BlitzDB": True, "Redis": options.redis, "memcached": options.memcached, "floor": options.floor}
        return [name for name, program in there.items() if program]

    def run(self):
        options = self.bench.options
        for cases, keys, names in (
            (("cpu16", "cpu1", "p999", "idle", "idle_loss"), min(options.keys), self.names),
            (("mget", "memory"), max(options.keys), ["BlitzDB", "Redis"]),
        ):
            wanted = [case for case in cases if case in options.goals]
            if not wanted:
                continue
            print(f"\n== {', '.join(wanted)}: {keys} keys, values of {VALUE_SIZE} bytes")
            with contextlib.ExitStack() as stack:
                servers = self.bench.group(stack, names, keys, VALUE_SIZE)
                for case in wanted:
                    getattr(self, case)(servers, keys)
        print("\n| one server thread, 64 B, 10 % SET | must reach | stretch | this run (range) | |\n|---|---|---|---|---|")
        for verdict in self.verdicts:
            print(verdict.line())


CASES = ("cpu16", "cpu1", "p999", "idle", "idle_loss", "mget", "memory")


def run_goals(bench):
    Goals(bench).run()
