#!/usr/bin/python3
"""What clients can do to harm a server, and what it costs them and the others.

    attacks.py --server build/dev/bin/blitzdb-server [CASE...]             a gate: facts that no clock decides
    attacks.py --server build/release/bin/blitzdb-server --figures [--seconds N] [CASE...]

Each case attacks a server of its own and then looks: it lives, others are served, memory and descriptors are back.
With --figures the attacks are larger, and a client that behaves measures its latency without and with each of them.
"""

import argparse
import random
import resource
import select
import shutil
import signal
import socket
import sys

sys.dont_write_bytecode = True
from attack_tools import (  # noqa: E402
    Attackers, GoodClient, a_moment, cpu_seconds, descriptors, expect_running, memory, percentile, reset, storm_once,
    wait_until
)
from server_process import ServerProcess  # noqa: E402
from wire import Client, ask, connect, encode, expect, receive, receive_rest  # noqa: E402

PER_CONNECTION = 4096  # bytes an attacking connection may take beside twice what it sent
BACK = 24 << 20  # bytes that may stay with the C library afterwards
SLACK = 2 << 20  # bytes that a process may gain for reasons of its own: arenas of the C library


class Scene:
    """One server under attack: what it was before, and whether it is so again."""

    checks_memory = True
    all = []

    def __init__(self, program, options, *arguments, **popen):
        self.options = options
        self.server = ServerProcess(program, *arguments, **popen)
        self.all.append(self)
        ask(connect(self.server), "PING", answer=b"+PONG\r\n")
        self.connections = []
        self.calm = self.measure() if options.figures else None
        wait_until(lambda: self.clients() == 1, "the connections before are gone")
        self.descriptors = descriptors(self.server)
        self.memory = memory(self.server)

    def measure(self):
        """In several runs: where the system lets a process run decides half of its latency."""
        runs = 5
        found = []
        for _ in range(runs):
            found += GoodClient(self.server, self.options.seconds / runs).latencies()
        return sorted(found)

    def clients(self):
        """Connections of the server, this one included."""
        client = Client(self.server)
        count = int(client.info("clients")["connected_clients"])
        client.close()
        return count

    def open(self, count):
        self.connections += [connect(self.server) for _ in range(count)]
        return self.connections

    def figures(self, name, sent=None, count=None):
        """With --figures: measures the client that behaves while the attack goes on, and prints a line."""
        if not self.options.figures:
            return
        under_attack = self.measure()
        before, now = percentile(self.calm, 0.99), percentile(under_attack, 0.99)
        text = "%-22s p50 %6.3f -> %6.3f ms  p99 %6.3f -> %6.3f ms (%.1fx)" % (
            name, percentile(self.calm, 0.5), percentile(under_attack, 0.5), before, now, now / before)
        if count:
            each = (memory(self.server) - self.memory) / count
            text += "  %d connections, %d bytes each for %d sent" % (count, each, sent)
        print(text, flush=True)

    def expect_memory(self, sent, count):
        """The attacking connections take at most twice what they sent and a little."""
        gained = memory(self.server) - self.memory if self.checks_memory else 0
        limit = count * (2 * sent + PER_CONNECTION) + SLACK
        expect(gained <= limit, "%d connections that sent %d bytes each take %d bytes" % (count, sent, gained))

    def end(self):
        """Everything as before; the exit status is checked, too (a sanitizer would have its own)."""
        for connection in self.connections:
            connection.close()
        wait_until(lambda: self.clients() == 1, "the attackers are gone")
        expect_running(self.server)
        wait_until(lambda: descriptors(self.server) <= self.descriptors, "the descriptors are back")
        left = memory(self.server) - self.memory
        expect(left <= BACK or not self.checks_memory, "%d bytes are not given back" % left)
        if self.options.figures:
            print("%-22s afterwards: memory %+d KiB, descriptors %+d" % (
                "", left // 1024, descriptors(self.server) - self.descriptors), flush=True)
        self.server.stop()


def send_pieces(connections, pieces):
    for piece in pieces:
        for connection in connections:
            connection.sendall(piece)


def synchronize(scene):
    """What was sent before has been read: every loop has had a turn for a later connection."""
    total = lambda: int(Client(scene.server).info("stats")["total_net_input_bytes"])
    last = [-1]

    def is_quiet():
        now = total()
        quiet = now - last[0] < 200  # this question itself comes and goes
        last[0] = now
        return quiet

    wait_until(is_quiet, "the input has been read")


def case_slowloris(program, options):
    """Many connections that send a command byte by byte, and never all of it."""
    count = 1000 if options.figures else 300
    scene = Scene(program, options)
    connections = scene.open(count)
    head = b"*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$1000000\r\n"
    send_pieces(connections, [bytes([byte]) for byte in head] + [b"x"] * 20)
    synchronize(scene)
    scene.expect_memory(len(head) + 20, count)
    if options.figures:
        trickle = Attackers(scene.server, 1, trickle_attack, count)
        scene.figures("slowloris", len(head) + 20, count)
        trickle.stop()
    scene.end()


def trickle_attack(address, stop, count):
    """One byte on each of the connections in every second, spread over it."""
    connections = [connect(address) for _ in range(count)]
    for connection in connections:
        connection.sendall(b"*2\r\n$4\r\nECHO\r\n$1000000\r\n")
    while not stop.is_set():
        for connection in connections[:: len(connections) // 20]:
            connection.sendall(b"x")
        stop.wait(0.05)
        connections = connections[1:] + connections[:1]


def case_unfinished_values(program, options):
    """Half of a long value: the room grows with what came, not with what was announced."""
    count, sent = (200, 100_000) if options.figures else (50, 60_000)
    scene = Scene(program, options)
    connections = scene.open(count)
    send_pieces(connections, [b"*2\r\n$4\r\nECHO\r\n$400000000\r\n" + b"x" * (sent // 2), b"x" * (sent // 2)])
    synchronize(scene)
    scene.expect_memory(sent, count)
    scene.figures("unfinished values", sent, count)
    scene.end()


def case_many_arguments(program, options):
    """A million empty arguments, and most of a million by a client that never sends the rest."""
    scene = Scene(program, options)
    count, arguments = 3, 1_000_000
    empty = b"$0\r\n\r\n"
    for connection in scene.open(count):
        connection.sendall(b"*%d\r\n$6\r\nEXISTS\r\n" % (arguments + 1) + empty * (arguments - 1))
    synchronize(scene)
    scene.expect_memory(len(empty) * arguments, count)
    scene.figures("many arguments", len(empty) * arguments, count)
    for connection in scene.connections:
        connection.sendall(empty)
        expect(receive(connection, 4) == b":0\r\n", "the whole command is answered")
    scene.end()


def case_announcements(program, options):
    """The largest counts and sizes take no memory, what is above them an error, deep nesting too."""
    scene = Scene(program, options)
    connections = scene.open(200)
    for connection in connections[::2]:
        connection.sendall(b"*2147483647\r\n$4\r\nMGET\r\n$1\r\na\r\n")
    for connection in connections[1::2]:
        connection.sendall(b"*2\r\n$4\r\nECHO\r\n$536870912\r\nabc")
    synchronize(scene)
    scene.expect_memory(40, len(connections))
    for bad, error in (
        (b"*2147483648\r\n", b"-ERR Protocol error: invalid multibulk length\r\n"),
        (b"*1\r\n$536870913\r\n", b"-ERR Protocol error: invalid bulk length\r\n"),
        (b"*1\r\n" * 100_000, b"-ERR Protocol error: expected '$', got '*'\r\n"),
    ):
        connection = connect(scene.server)
        connection.sendall(bad)
        expect(receive_rest(connection) == error, "%r" % bad[:20])
    scene.end()


def fill_pipeline(connection, request, limit):
    """Sends the request again and again without reading, until nothing goes any more or it was enough."""
    connection.setblocking(False)
    sent = 0
    data = request * 100
    try:
        while sent < limit:
            readable, writable, _ = select.select([], [connection], [], 1)
            if not writable:
                break
            sent += connection.send(data)
    except (BrokenPipeError, ConnectionResetError):
        pass
    return sent


def case_never_reading(program, options):
    """GETs of 1 MiB by clients that read nothing: dropped at the limit of their output, which bounds the memory."""
    scene = Scene(program, options)
    limit = 32 << 20
    client = Client(scene.server)
    client.ask("SET", "large", b"x" * (1 << 20))
    setting = client.ask("CONFIG", "SET", "client-output-buffer-limit", "normal %d 0 0" % limit)
    expect(setting == b"OK", "the limit is set: %r" % setting)
    scene.memory = memory(scene.server)
    attackers = Attackers(scene.server, 2, never_reading_attack) if options.figures else None
    scene.figures("never reading")
    if attackers:
        attackers.stop()
    connections = scene.open(3)
    for connection in connections:
        fill_pipeline(connection, encode("GET", "large"), 30 * 1000)
    gained = memory(scene.server) - scene.memory if scene.checks_memory else 0
    expect(gained <= len(connections) * (limit + (8 << 20)) + SLACK, "%d bytes for clients that do not read" % gained)
    wait_until(lambda: scene.clients() == 2, "the clients that do not read are dropped")
    client.ask("DEL", "large")
    client.close()
    scene.end()


def never_reading_attack(address, stop):
    while not stop.is_set():
        connection = connect(address)
        fill_pipeline(connection, encode("GET", "large"), 30 * 1000)
        stop.wait(0.1)
        connection.close()


def case_connection_storm(program, options):
    """Connections that come and go at once, by farewell and by reset, some with half a command."""
    scene = Scene(program, options)
    if options.figures:
        attackers = Attackers(scene.server, 2, storm_attack)
        scene.figures("connection storm")
        attackers.stop()
    for i in range(2000):
        storm_once(scene.server, i)
    scene.end()


def storm_attack(address, stop):
    i = 0
    while not stop.is_set():
        storm_once(address, i)
        i += 1


def case_descriptors(program, options):
    """No descriptor is left: the server does not spin, goes on for those who are in, and takes others later."""
    scene = Scene(program, options)
    pid = scene.server.process.pid
    limits = resource.prlimit(pid, resource.RLIMIT_NOFILE)
    witness = Client(scene.server)
    resource.prlimit(pid, resource.RLIMIT_NOFILE, (descriptors(scene.server) + 5, limits[1]))
    connections = scene.open(40)  # the system completes them; the server cannot take them all
    for connection in connections[:5]:
        ask(connection, "PING", answer=b"+PONG\r\n")
    begin = cpu_seconds(scene.server)
    for _ in range(20):
        expect(witness.ask("PING") == b"PONG", "who is in is served")
        a_moment(0.1)
    spent = cpu_seconds(scene.server) - begin
    expect(spent < 0.5, "%.2f seconds of processor time for 20 questions in 2 seconds" % spent)
    if options.figures:
        print("%-22s %.2f s of processor time in 2 s" % ("no descriptor left", spent), flush=True)
    for connection in connections[:20]:
        connection.close()
    resource.prlimit(pid, resource.RLIMIT_NOFILE, limits)
    for connection in connections[30:]:
        ask(connection, "PING", answer=b"+PONG\r\n")
    witness.close()
    scene.end()


def case_few_descriptors(program, options):
    """A limit of 64 open files: the server starts, serves, and tells the others that there is no place."""
    limit = lambda: resource.setrlimit(resource.RLIMIT_NOFILE, (64, 64))
    scene = Scene(program, options, "--threads", "2", preexec_fn=limit)
    witness = Client(scene.server)
    refused = served = 0
    for connection in scene.open(80):
        connection.sendall(encode("PING"))
    for connection in scene.connections:
        got = connection.recv(100)
        served += got == b"+PONG\r\n"
        refused += got == b"-ERR max number of clients reached\r\n"
    expect(served >= 16 and served + refused == 80, "%d served, %d refused" % (served, refused))
    expect(witness.ask("PING") == b"PONG", "who is in is served")
    witness.close()
    scene.end()


def case_reset_in_a_reply(program, options):
    """A client that is gone in the middle of a large reply takes nothing with it."""
    scene = Scene(program, options)
    client = Client(scene.server)
    client.ask("SET", "large", b"x" * (4 << 20))
    for _ in range(50):
        connection = connect(scene.server)
        connection.sendall(encode("GET", "large") * 4)
        receive(connection, 100_000)
        reset(connection)
    expect(client.ask("STRLEN", "large") == 4 << 20, "the value is there")
    client.ask("DEL", "large")
    client.close()
    scene.end()


def case_memory_limit(program, options):
    """Where the limit of memory is reached, writes are refused in so many words, and reads go on."""
    scene = Scene(program, options, "--maxmemory", "20mb", "--maxmemory-policy", "noeviction")
    client = Client(scene.server)
    client.ask("SET", "first", b"x" * 100)
    answers = [client.ask("SET", "k%d" % i, b"x" * 100_000) for i in range(400)]
    oom = [answer for answer in answers if answer != b"OK"]
    expect(oom and all(answer.startswith("OOM ") for answer in oom), "writes beyond the limit: %r" % oom[:1])
    expect(client.ask("GET", "first") == b"x" * 100, "reads go on")
    scene.figures("memory limit reached")
    expect(client.ask("DEL", "k1", "k2", "k3") == 3, "deletions go on")
    expect(client.ask("SET", "again", "x") == b"OK", "there is room again")
    client.ask("FLUSHALL")
    client.close()
    scene.memory += 40 << 20  # what was freed may stay with the process
    scene.end()


def case_other_protocols(program, options):
    """A browser, a TLS client and noise at the plain port: nothing of it is run, everything is closed."""
    scene = Scene(program, options)
    hello = bytes.fromhex("16030100c8010000c40303") + random.Random(1).randbytes(200)
    for sent in (
        b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 30\r\n\r\nSET hacked 1\r\n",
        b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\nSET hacked 1\r\n",
        hello,
        hello + b"\r\nSET hacked 1\r\n",
    ):
        connection = connect(scene.server)
        connection.sendall(sent)
        connection.shutdown(socket.SHUT_WR)
        receive_rest(connection)
        connection.close()
    client = Client(scene.server)
    expect(client.ask("EXISTS", "hacked") == 0, "nothing was run")
    client.close()
    scene.end()


def case_terminated_under_attack(program, options):
    """SIGTERM beside half commands, unread replies and newcomers: the end comes, in order."""
    scene = Scene(program, options)
    # With --figures more than a socket takes: the server waits some seconds for clients that do not read.
    Client(scene.server).ask("SET", "large", b"x" * (1_000_000 if options.figures else 5_000))
    for i, connection in enumerate(scene.open(60)):
        connection.sendall((b"*2\r\n$3\r\nGET\r\n$10\r\nx", encode("GET", "large") * 20, b"PING")[i % 3])
    expect(scene.server.signal(signal.SIGTERM) == 0, "the exit status")
    for connection in scene.connections:
        connection.close()
    scene.server.stop()


CASES = [value for name, value in list(globals().items()) if name.startswith("case_")]


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--server", required=True)
    parser.add_argument("--figures", action="store_true")
    parser.add_argument("--seconds", type=float, default=5, help="of each measurement")
    parser.add_argument("--without-memory", action="store_true", help="for sanitizers, whose memory is their own")
    parser.add_argument("cases", nargs="*")
    options = parser.parse_args()
    chosen = [case for case in CASES if not options.cases or case.__name__[5:] in options.cases]
    expect(len(chosen) == len(options.cases or CASES), "an unknown case; there are " + " ".join(c.__name__[5:] for c in CASES))
    Scene.checks_memory = not options.without_memory
    resource.setrlimit(resource.RLIMIT_NOFILE, (resource.getrlimit(resource.RLIMIT_NOFILE)[1],) * 2)
    try:
        for case in chosen:
            case(options.server, options)
            if not options.figures:
                print("ok", case.__name__[5:], flush=True)
    finally:
        for scene in Scene.all:  # of a case that failed
            scene.server.process.kill()
            shutil.rmtree(scene.server.folder, ignore_errors=True)


if __name__ == "__main__":
    main()
