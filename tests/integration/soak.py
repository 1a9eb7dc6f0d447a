#!/usr/bin/python3
"""A server under mixed load for hours: does it grow, lose descriptors, or get slower?

    soak.py --server build/release/bin/blitzdb-server [--seconds 28800] [--interval 60] [--dir DIR]

Two processes work on a set of keys that stays the same size on average (SET, GET, DEL, EXPIRE, INCR, APPEND, MULTI,
values up to 100 KiB), one subscribes and publishes, one opens and closes connections, some in the middle of a command,
one asks for snapshots and INFO, and one measures the latency of GET. Every interval prints a line. At the end there must
be as many descriptors as before. A run of an hour or more is judged by its second half: memory must not have grown by
more than --growth percent an hour, and the median latency must not have doubled.
"""

import argparse
import random
import resource
import shutil
import sys
import time

sys.dont_write_bytecode = True
from attack_tools import Attackers, a_moment, descriptors, expect_running, memory, percentile, storm_once, wait_until  # noqa: E402
from server_process import ServerProcess  # noqa: E402
from wire import Client, expect  # noqa: E402

KEYS = 50_000
JUDGED_S = 3600  # a shorter run says nothing about memory and latency


def work(address, stop, seed):
    chooser = random.Random(seed)
    client = Client(address)
    value = chooser.randbytes(100_000)
    while not stop.is_set():
        for _ in range(200):
            key = "k%d" % chooser.randrange(KEYS)
            kind = chooser.random()
            size = int(10 ** chooser.uniform(1, 3)) if chooser.random() < 0.999 else 100_000
            if kind < 0.35:
                client.ask("SET", key, value[:size])
            elif kind < 0.75:
                client.ask("GET", key)
            elif kind < 0.85:
                client.ask("DEL", key)
            elif kind < 0.9:
                client.ask("PEXPIRE", key, chooser.randint(1, 5000))
            elif kind < 0.95:
                client.ask("INCR", "n%d" % chooser.randrange(1000))
            else:
                client.ask("MULTI")
                client.ask("SETRANGE", key, 10, "abc")
                client.ask("STRLEN", key)
                client.ask("EXEC")


def talk(address, stop):
    while not stop.is_set():
        reader, writer = Client(address), Client(address)
        reader.ask("SUBSCRIBE", "channel")
        for i in range(500):
            writer.ask("PUBLISH", "channel", "message %d" % i)
            expect(reader.read()[2] == b"message %d" % i, "messages arrive in order")
        reader.close()
        writer.close()


def come_and_go(address, stop):
    i = 0
    while not stop.is_set():
        storm_once(address, i)
        i += 1
        a_moment(0.002)


def administer(address, stop):
    client = Client(address)
    while not stop.wait(5):
        client.ask("BGSAVE")
        client.info("everything")
        client.ask("CLIENT", "LIST")
        client.ask("SCAN", "0", "MATCH", "*7*", "COUNT", "1000")


def latencies(client, count=300):
    found = []
    for i in range(count):
        begin = time.monotonic()
        client.ask("GET", "k%d" % i)
        found.append((time.monotonic() - begin) * 1000)
    return sorted(found)


def slope_per_hour(samples):
    """Of the line with the least squares through (seconds, value), in parts of the mean for each hour."""
    mean_x = sum(x for x, _ in samples) / len(samples)
    mean_y = sum(y for _, y in samples) / len(samples)
    spread = sum((x - mean_x) ** 2 for x, _ in samples)
    return 3600 * sum((x - mean_x) * (y - mean_y) for x, y in samples) / spread / mean_y if spread else 0.0


def judge(samples, options):
    half = samples[len(samples) // 2 :]
    if len(samples) < 4:
        print("too short to tell anything of memory and latency: four intervals at least")
        return
    slope = 100 * slope_per_hour([(seconds, used) for seconds, used, _, _ in half])
    medians = [median for _, _, _, median in samples]
    first, last = sorted(medians[: len(medians) // 2]), sorted(medians[len(medians) // 2 :])
    drift = percentile(last, 0.5) / percentile(first or last, 0.5)
    print("memory %+.2f %% an hour in the second half, latency x %.2f" % (slope, drift))
    if options.seconds >= JUDGED_S:
        expect(drift <= 2, "the latency has doubled")
        expect(slope <= options.growth, "the memory grows")


def watch(server, options):
    """Lets the load run and looks at the server, until the time is over."""
    client = Client(server)
    open_before = descriptors(server)
    parts = [Attackers(server, 1, work, seed) for seed in (1, 2)]
    parts += [Attackers(server, 1, part) for part in (talk, come_and_go, administer)]
    samples = []
    begin = time.monotonic()
    while time.monotonic() - begin < options.seconds:
        a_moment(min(options.interval, options.seconds))
        found = latencies(client)
        now = time.monotonic() - begin
        samples.append((now, memory(server), descriptors(server), percentile(found, 0.5)))
        print("%7.0f s  memory %8.1f MiB  descriptors %3d  GET p50 %6.3f p99 %6.3f ms  commands %s" % (
            now, samples[-1][1] / 2**20, samples[-1][2], samples[-1][3], percentile(found, 0.99),
            client.info("stats")["total_commands_processed"]), flush=True)
        expect_running(server)
    for part in parts:
        part.stop()
    while int(client.info("clients")["connected_clients"]) > 1:
        a_moment()
    wait_until(lambda: descriptors(server) <= open_before, "the descriptors are back")
    judge(samples, options)
    client.close()
    server.stop()


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--server", required=True)
    parser.add_argument("--seconds", type=float, default=8 * 3600)
    parser.add_argument("--interval", type=float, default=60)
    parser.add_argument("--growth", type=float, default=1.0, help="percent of memory an hour")
    options = parser.parse_args()
    resource.setrlimit(resource.RLIMIT_NOFILE, (resource.getrlimit(resource.RLIMIT_NOFILE)[1],) * 2)
    server = ServerProcess(options.server, "--dir", "DATA", "--appendonly", "yes", "--save", "")
    try:
        watch(server, options)
    finally:
        server.process.kill()  # if it is still there
        shutil.rmtree(server.folder, ignore_errors=True)


if __name__ == "__main__":
    main()
