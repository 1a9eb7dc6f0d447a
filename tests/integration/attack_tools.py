"""For attacks.py and soak.py: what a server uses, a client that measures, and processes that attack."""

import multiprocessing
import os
import socket
import struct
import threading
import time

from wire import connect, encode, expect, receive

TICKS = os.sysconf("SC_CLK_TCK")


def memory(server):
    """Memory of the server process alone, in bytes: what it does not share with files."""
    with open("/proc/%d/smaps_rollup" % server.process.pid) as rollup:
        fields = dict(line.split(":", 1) for line in rollup if ":" in line)
    return 1024 * sum(int(fields[name].split()[0]) for name in ("Private_Dirty", "Private_Clean"))


def descriptors(server):
    return len(os.listdir("/proc/%d/fd" % server.process.pid))


def cpu_seconds(server):
    with open("/proc/%d/stat" % server.process.pid) as stat:
        fields = stat.read().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / TICKS


def expect_running(server):
    expect(server.process.poll() is None, "the server goes on")


def a_moment(seconds=0.02):
    """Lets others run before something is looked at again."""
    threading.Event().wait(seconds)


def wait_until(reached, what, limit_s=60):
    """Looks until something has come true; the limit ends a test that would hang."""
    end = time.monotonic() + limit_s
    while not reached():
        expect(time.monotonic() < end, "in %d seconds: %s" % (limit_s, what))
        a_moment()


def reset(connection):
    """Closes with a reset instead of a farewell."""
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    connection.close()


def storm_once(address, i):
    """A connection that is closed at once: with nothing said, half a command or a whole one."""
    connection = connect(address)
    if i % 3 == 1:
        connection.sendall(b"*1\r\n$4\r\nPI")
    if i % 3 == 2:
        connection.sendall(encode("PING"))
    if i % 2 == 0:
        reset(connection)
    else:
        connection.close()


# A client that behaves


def percentile(sorted_values, fraction):
    return sorted_values[min(len(sorted_values) - 1, int(len(sorted_values) * fraction))]


def measure(server, seconds, results):
    """Asks again and again on one connection; sends the sorted latencies in milliseconds, or what went wrong."""
    try:
        connection = connect(server)
        connection.sendall(encode("SET", "good", "value"))
        receive(connection, 5)
        latencies = []
        question, answer = encode("GET", "good"), b"$5\r\nvalue\r\n"
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            begin = time.monotonic()
            connection.sendall(question)
            got = receive(connection, len(answer))
            latencies.append((time.monotonic() - begin) * 1000)
            expect(got == answer, "the good client is answered %r" % got)
        results.put(sorted(latencies))
    except Exception as problem:  # the other process has to hear of it, whatever it is
        results.put(repr(problem))


class GoodClient:
    """Measures in a process of its own for so many seconds."""

    def __init__(self, server, seconds):
        self.results = multiprocessing.Queue()
        self.process = multiprocessing.Process(
            target=measure, args=(Address(server), seconds, self.results), daemon=True)
        self.process.start()

    def latencies(self):
        found = self.results.get(timeout=120)
        self.process.join()
        expect(isinstance(found, list) and found, "the good client: %s" % found)
        return found


class Address:
    """What another process needs to know of a server."""

    def __init__(self, server):
        self.port, self.socket = server.port, server.socket


class Attackers:
    """Processes that run `attack(address, stop, *arguments)` until they are told to stop."""

    def __init__(self, server, count, attack, *arguments):
        self.stop_event = multiprocessing.Event()
        parameters = (Address(server), self.stop_event) + arguments
        self.processes = [
            multiprocessing.Process(target=run_nicely, args=(attack, parameters), daemon=True) for _ in range(count)]
        for process in self.processes:
            process.start()

    def stop(self):
        self.stop_event.set()
        for process in self.processes:
            process.join(60)
            expect(process.exitcode == 0, "an attacker ended with %r" % process.exitcode)


def run_nicely(attack, parameters):
    """An attacker usually has a machine of its own: here it must not take the processor from the server."""
    os.nice(10)
    attack(*parameters)
