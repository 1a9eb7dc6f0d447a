#!/usr/bin/python3
"""blitzdb-server over real sockets: framing, limits, many clients, signals, durability.

    end_to_end.py --server build/dev/bin/blitzdb-server [--gate build/dev/lib/libsync_gate.so] [CASE...]

What single commands answer is compared with Redis by differential.py; here stand the things around them. The
cases are here, in command_cases.py (commands about the server), in statistics_cases.py (what it remembers of them), in
operation_cases.py (what operators meet), in setting_cases.py (configuration), and in durability_cases.py (who waits for a sync; these need the gate).
"""

import argparse
import os
import random
import signal
import socket
import sys
import threading

import command_cases
import durability_cases
import operation_cases
import login_cases
import setting_cases
import statistics_cases
import transaction_cases
from server_process import TIMEOUT_S, ServerProcess
from wire import ask, connect, encode, expect, receive, receive_rest


def case_split_at_every_byte(server):
    """A pipeline gives the same replies wherever the network cuts it, in RESP2, RESP3 and inline."""
    stream = (
        encode("SET", "k", b"a\r\nb")
        + encode("GET", "k")
        + b"\r\nPING\r\n"
        + b'ECHO "two words"\r\n'
        + encode("GET", "none")
        + encode("NOSUCH")
        + encode("HELLO", "3", "SETNAME")
        + encode("MGET", "k", "none")
        + encode("DEL", "k")
    )
    answer = (
        b"+OK\r\n$4\r\na\r\nb\r\n+PONG\r\n$9\r\ntwo words\r\n$-1\r\n"
        b"-ERR unknown command 'NOSUCH', with args beginning with: \r\n"
        b"-ERR Syntax error in HELLO option 'SETNAME'\r\n*2\r\n$4\r\na\r\nb\r\n$-1\r\n:1\r\n"
    )
    for unix in (False, True):
        for cut in range(len(stream) + 1):
            connection = connect(server, unix)
            if not unix:
                connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            connection.sendall(stream[:cut])
            # A reply to what is complete shows that the first part arrived alone.
            whole = stream[:cut].find(b"GET") > 0
            first = receive(connection, 5) if whole else b""
            connection.sendall(stream[cut:])
            got = first + receive(connection, len(answer) - len(first))
            expect(got == answer, "cut at %d: %r" % (cut, got))
            connection.close()


def case_malformed(server):
    """Malformed protocol: the error of Redis, then the connection is closed; other clients notice nothing."""
    witness = connect(server)
    for sent, error in (
        (b"*abc\r\n", b"-ERR Protocol error: invalid multibulk length\r\n"),
        (b"*2147483648\r\n", b"-ERR Protocol error: invalid multibulk length\r\n"),
        (b"*1\r\n+PING\r\n", b"-ERR Protocol error: expected '$', got '+'\r\n"),
        (b"*1\r\n$-1\r\n", b"-ERR Protocol error: invalid bulk length\r\n"),
        (b"*1\r\n$99999999999999999999\r\n", b"-ERR Protocol error: invalid bulk length\r\n"),
        (b"*1\r\n$536870913\r\n", b"-ERR Protocol error: invalid bulk length\r\n"),
        (b'SET "a\r\n', b"-ERR Protocol error: unbalanced quotes in request\r\n"),
        (b"x" * 70000, b"-ERR Protocol error: too big inline request\r\n"),
        (b"*" + b"1" * 70000, b"-ERR Protocol error: too big mbulk count string\r\n"),
        (b"*1\r\n$" + b"1" * 70000, b"-ERR Protocol error: too big bulk count string\r\n"),
    ):
        connection = connect(server)
        connection.sendall(encode("PING") + sent)
        got = receive_rest(connection)
        expect(got == b"+PONG\r\n" + error, "%r answered %r" % (sent[:40], got))
        ask(witness, "PING", answer=b"+PONG\r\n")
    for harmless in (b"*0\r\n", b"*-1\r\n", b"\r\n\r\n"):
        connection = connect(server)
        connection.sendall(harmless + encode("PING"))
        expect(receive(connection, 7) == b"+PONG\r\n", "%r is skipped" % harmless)


def case_web_request(server):
    """What a browser can be tricked into sending is not taken for commands."""
    for request in (b"POST / HTTP/1.1\r\n", b"GET / HTTP/1.1\r\nHost: x\r\n"):
        connection = connect(server)
        connection.sendall(request + b"SET hacked 1\r\n")
        receive_rest(connection)
    ask(connect(server), "EXISTS", "hacked", answer=b":0\r\n")


def case_announced_length(server):
    """Huge announced sizes cost nothing until the bytes come."""
    def resident():
        with open("/proc/%d/statm" % server.process.pid) as statm:
            return int(statm.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")

    before = resident()
    connections = []
    for _ in range(50):
        connection = connect(server)
        connection.sendall(b"*2\r\n$4\r\nECHO\r\n$500000000\r\nabc")
        connections.append(connection)
        many = connect(server)
        many.sendall(b"*1000000\r\n$4\r\nMGET\r\n$1\r\nk\r\n")
        connections.append(many)
    ask(connect(server), "PING", answer=b"+PONG\r\n")
    expect(resident() - before < 32 << 20, "100 announcements took %d bytes" % (resident() - before))
    for connection in connections:
        connection.close()


def case_large_values(server):
    """A value of 64 MiB goes in and comes out, in pieces, beside small commands."""
    value = random.Random(1).randbytes(1 << 20) * 64
    connection = connect(server)
    sender = threading.Thread(target=connection.sendall, args=(encode("SET", "large", value) + encode("GET", "large"),))
    sender.start()
    ask(connect(server), "PING", answer=b"+PONG\r\n")
    head = b"+OK\r\n$%d\r\n" % len(value)
    got = receive(connection, len(head) + len(value) + 2)
    sender.join()
    expect(got == head + value + b"\r\n", "the value is the same")
    ask(connection, "DEL", "large", answer=b":1\r\n")


def case_kept_values(server):
    """A large value is sent as it was when it was asked for, also to those who read late; and is left unread."""
    size = 8 << 20
    first, second = b"1" * size, b"2" * size
    answer = lambda value: b"$%d\r\n%s\r\n" % (size, value)
    writer = connect(server)
    ask(writer, "SET", "kept", first, answer=b"+OK\r\n")
    readers = [connect(server) for _ in range(3)]
    for reader in readers:
        reader.sendall(encode("PING") + encode("GET", "kept") + encode("PING"))
        expect(receive(reader, 7) == b"+PONG\r\n", "the answer before the value")  # so it is on its way
    for change, words in (("another value", ("SET", "kept", second)), ("a flush", ("FLUSHALL",))):
        ask(writer, *words, answer=b"+OK\r\n")
        got = receive(readers.pop(), len(answer(first)) + 7)
        expect(got == answer(first) + b"+PONG\r\n", "the value as it was before " + change)
    readers.pop().close()
    ask(writer, "SET", "kept", second, answer=b"+OK\r\n")
    ask(writer, "GET", "kept", answer=answer(second))
    ask(writer, "DEL", "kept", answer=b":1\r\n")


def case_many_clients(server):
    """200 clients at once, each with a pipeline; every increment counts."""
    connections = [connect(server, unix=i % 2 == 1) for i in range(200)]
    for i, connection in enumerate(connections):
        connection.sendall(b"".join([encode("INCR", "shared"), encode("INCR", "own:%d" % i)]) * 50)
    for connection in connections:
        reader = connection.makefile("rb")
        lines = [reader.readline() for _ in range(100)]
        own = [int(line[1:]) for line in lines[1::2]]
        expect(own == list(range(1, 51)), "increments of one client are in order")
        shared = [int(line[1:]) for line in lines[0::2]]
        expect(shared == sorted(shared), "nobody sees a counter go back")
    ask(connections[0], "GET", "shared", answer=b"$5\r\n10000\r\n")


def case_half_close(server):
    """A client that has said all it has to say still gets its replies."""
    connection = connect(server)
    connection.sendall(encode("PING") * 1000)
    connection.shutdown(socket.SHUT_WR)
    expect(receive_rest(connection) == b"+PONG\r\n" * 1000, "replies after a half close")


def case_never_reading(server):
    """A client that asks for much and reads nothing is no harm to others, and gets all of it when it reads."""
    slow = connect(server)
    value = b"x" * 100000
    ask(slow, "SET", "v", value, answer=b"+OK\r\n")
    slow.sendall(encode("GET", "v") * 200)
    quick = connect(server)
    for _ in range(100):
        ask(quick, "PING", answer=b"+PONG\r\n")
    answer = b"$100000\r\n" + value + b"\r\n"
    expect(receive(slow, 200 * len(answer)) == answer * 200, "the late reader gets every reply")


def case_wrong_then_right(server):
    """A wrong command or argument is an error and the connection stays, in both protocols."""
    connection = connect(server)
    for hello in ("2", "3"):
        connection.sendall(encode("HELLO", hello) + encode("ECHO", "end"))
        answer = b""
        while not answer.endswith(b"$3\r\nend\r\n"):
            answer += receive(connection, 1)
        ask(connection, "GET", answer=b"-ERR wrong number of arguments for 'get' command\r\n")
        ask(connection, "SET", "k", "v", "EX", "x", answer=b"-ERR value is not an integer or out of range\r\n")
        ask(connection, "CLIENT", "NOSUCH", answer=b"-ERR unknown subcommand 'NOSUCH'. Try CLIENT HELP.\r\n")
        ask(connection, "PING", answer=b"+PONG\r\n")


def case_password(program):
    """With a password nothing but AUTH, HELLO, QUIT and RESET works before it is given, and little may be sent."""
    server = ServerProcess(program, "--requirepass", "secret")
    try:
        connection = connect(server)
        ask(connection, "GET", "k", answer=b"-NOAUTH Authentication required.\r\n")
        wrong = b"-WRONGPASS invalid username-password pair or user is disabled.\r\n"
        ask(connection, "AUTH", "wrong", answer=wrong)
        ask(connection, "AUTH", "secret", answer=b"+OK\r\n")
        ask(connection, "GET", "k", answer=b"$-1\r\n")
        stranger = connect(server)
        stranger.sendall(b"*11\r\n")
        expect(receive_rest(stranger) == b"-ERR Protocol error: unauthenticated multibulk length\r\n", "arguments")
        stranger = connect(server)
        stranger.sendall(b"*2\r\n$4\r\nAUTH\r\n$20000\r\n")
        expect(receive_rest(stranger) == b"-ERR Protocol error: unauthenticated bulk length\r\n", "bytes")
    finally:
        server.stop()


def case_maxclients(program):
    """One client too many is told so; a place that becomes free is given again."""
    server = ServerProcess(program, "--maxclients", "3")
    try:
        connections = [connect(server) for _ in range(3)]
        for connection in connections:
            ask(connection, "PING", answer=b"+PONG\r\n")
        expect(receive_rest(connect(server)) == b"-ERR max number of clients reached\r\n", "refused")
        ask(connections[0], "QUIT", answer=b"+OK\r\n")
        receive_rest(connections[0])
        deadline = threading.Event()
        timer = threading.Timer(TIMEOUT_S, deadline.set)
        timer.start()
        while not deadline.is_set():  # the place is free once the server has seen the close
            again = connect(server)
            again.sendall(encode("PING"))
            if again.recv(1) == b"+":
                break
        timer.cancel()
        expect(not deadline.is_set(), "accepted again")
    finally:
        server.stop()


class Writer(threading.Thread):
    """Sets numbered keys one after the other and remembers the last that was acknowledged."""

    def __init__(self, server, number, depth):
        super().__init__()
        self.number, self.depth, self.acknowledged, self.sent = number, depth, 0, 0
        self.connection = connect(server)
        self.under_way = threading.Event()

    def run(self):
        reader = self.connection.makefile("rb")
        try:
            while True:
                batch = range(self.sent + 1, self.sent + 1 + self.depth)
                self.connection.sendall(b"".join(encode("SET", "w%d:%d" % (self.number, i), i) for i in batch))
                self.sent += self.depth
                for i in batch:
                    if reader.readline() != b"+OK\r\n":
                        return
                    self.acknowledged = i
                if self.acknowledged >= 500:
                    self.under_way.set()
        except OSError:
            return


def survive(program, number, *arguments):
    """Ends a server under load by a signal and looks for everything it had acknowledged."""
    server = ServerProcess(program, "--dir", "DATA", *arguments)
    try:
        writers = [Writer(server, i, depth) for i, depth in enumerate((1, 1, 16, 64))]
        for writer in writers:
            writer.start()
        for writer in writers:
            expect(writer.under_way.wait(TIMEOUT_S), "the load gets under way")
        status = server.signal(number)
        for writer in writers:
            writer.join()
        expect(status == (0 if number == signal.SIGTERM else -number), "exit status %d" % status)
        server.start()
        connection = connect(server)
        reader = connection.makefile("rb")
        for writer in writers:
            names = ["w%d:%d" % (writer.number, i) for i in range(1, writer.acknowledged + 1)]
            connection.sendall(b"".join(encode("EXISTS", name) for name in names))
            lost = [name for name in names if reader.readline() != b":1\r\n"]
            expect(not lost, "acknowledged and lost: %s" % lost[:5])
    finally:
        server.stop()


def case_terminated_under_load(program):
    """SIGTERM under load: exit 0, and nothing acknowledged is lost, whatever the mode."""
    for mode in ("always", "everysec", "no"):
        survive(program, signal.SIGTERM, "--appendfsync", mode)


def case_killed_under_load(program):
    """SIGKILL under load: nothing acknowledged is lost, because replies wait for the operating system or the disk."""
    for mode in ("always", "everysec", "no"):
        survive(program, signal.SIGKILL, "--appendfsync", mode)


ON_ONE_SERVER = [
    case_split_at_every_byte,
    case_malformed,
    case_web_request,
    case_announced_length,
    case_large_values,
    case_kept_values,
    case_many_clients,
    case_half_close,
    case_never_reading,
    case_wrong_then_right,
] + command_cases.ON_ONE_SERVER + statistics_cases.ON_ONE_SERVER
ON_THEIR_OWN = [
    case_password,
    case_maxclients,
    case_terminated_under_load,
    case_killed_under_load,
] + command_cases.ON_THEIR_OWN + operation_cases.ON_THEIR_OWN + setting_cases.ON_THEIR_OWN + login_cases.ON_THEIR_OWN + statistics_cases.ON_THEIR_OWN + transaction_cases.ON_THEIR_OWN


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--server", required=True)
    parser.add_argument("--gate")
    parser.add_argument("cases", nargs="*")
    options = parser.parse_args()
    cases = ON_ONE_SERVER + ON_THEIR_OWN + (durability_cases.WITH_A_GATE if options.gate else [])
    names = [case.__name__[len("case_") :] for case in cases]
    if not set(options.cases) <= set(names):
        parser.error("the cases are " + ", ".join(names))
    done = 0
    server = ServerProcess(options.server, "--threads", "2")
    try:
        for name, case in zip(names, cases):
            if options.cases and name not in options.cases:
                continue
            print(name, flush=True)
            if case in durability_cases.WITH_A_GATE:
                case(options.server, options.gate)
            else:
                case(server if case in ON_ONE_SERVER else options.server)
            done += 1
    finally:
        server.stop()
    print("%d cases" % done)


if __name__ == "__main__":
    main()
