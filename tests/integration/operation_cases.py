"""Cases of end_to_end.py: what the operator of a server meets: limits, wrong starts, snapshots, bad disks."""

import os
import random
import resource
import signal
import tempfile
import threading

from monitoring import free_port, get
from server_process import TIMEOUT_S, ServerProcess
from wire import Client, Failure, ask, connect, encode, expect, receive, receive_rest

OOM = b"-OOM command not allowed when used memory > 'maxmemory'.\r\n"


def case_snapshots(program):
    """Without a log only snapshots survive."""
    server = ServerProcess(program, "--dir", "DATA", "--appendonly", "no", "--save", "")
    try:
        connection = connect(server)
        ask(connection, "SET", "kept", "1", answer=b"+OK\r\n")
        ask(connection, "SAVE", answer=b"+OK\r\n")
        ask(connection, "SET", "lost", "1", answer=b"+OK\r\n")
        server.signal(signal.SIGKILL)
        server.start()
        connection = connect(server)
        ask(connection, "EXISTS", "kept", answer=b":1\r\n")
        ask(connection, "EXISTS", "lost", answer=b":0\r\n")
    finally:
        server.stop()


def case_snapshot_messages(program):
    """The end of a snapshot is told once."""
    server = ServerProcess(program, "--dir", "DATA")
    try:
        ask(connect(server), "SET", "k", "v", answer=b"+OK\r\n")
        ask(connect(server), "SAVE", answer=b"+OK\r\n")
        expect(server.signal(signal.SIGTERM) == 0, "the server ends")
        messages = [line for line in server.said().splitlines() if "written in" in line]
        expect(len(messages) == 1 and "snapshot" in messages[0], "one message: %r" % messages)
    finally:
        server.stop()


def case_bad_settings(program):
    """Unknown or bad settings stop the start with exit status 1 and a message that says where."""
    server = ServerProcess(program)
    try:
        with tempfile.NamedTemporaryFile("w", suffix=".conf") as config:
            config.write("port 0\nmaxmemory 10parsecs\n")
            config.flush()
            for arguments, text in (
                ([config.name], config.name + ":2"),
                (["--nosuch", "1"], "nosuch"),
                (["--port", "70000"], "port"),
                (["--maxmemory-policy", "allkeys-fifo"], "allkeys-lfu"),
                (["--bind", ""], "nothing to listen on"),
                (["--appendonly", "yes"], "dir"),
                (["--appendfsync", "always"], "dir"),
                (["--dir", ""], "'dir' is empty"),
            ):
                status, message = server.refuse(*arguments)
                expect(status == 1 and text in message, "%s: %d %s" % (arguments, status, message))
    finally:
        server.stop()


def case_in_use(program):
    """A port or a directory that another server has: exit status 2 or 3, a message that names it, no harm."""
    server = ServerProcess(program, "--dir", "DATA")
    try:
        ask(connect(server), "SET", "k", "v", answer=b"+OK\r\n")
        status, message = server.refuse("--port", str(server.port))
        expect(status == 2 and "port %d" % server.port in message, "port in use: %d %s" % (status, message))
        expect("no 'dir': the data stays in memory" in message, "it says where the data is: " + message)
        status, message = server.refuse("--port", "0", "--dir", server.data)
        expect(status == 3 and server.data in message, "directory in use: %d %s" % (status, message))
        ask(connect(server), "GET", "k", answer=b"$1\r\nv\r\n")
    finally:
        server.stop()


def case_timeout(program):
    """A client that is silent for longer than `timeout` is disconnected, one that talks is not."""
    server = ServerProcess(program, "--timeout", "1", "--threads", "2")
    try:
        silent, talking = connect(server), connect(server)
        ask(silent, "PING", answer=b"+PONG\r\n")
        closed = threading.Event()
        waiter = threading.Thread(target=lambda: (receive_rest(silent), closed.set()))
        waiter.start()
        while not closed.is_set():  # the socket of the waiter has the watchdog
            ask(talking, "PING", answer=b"+PONG\r\n")
        waiter.join()
        ask(talking, "PING", answer=b"+PONG\r\n")
    finally:
        server.stop()


def fill(server, name, count, outcome):
    """Pipelines of SET with 1000 bytes each; adds the different replies to the set `outcome`."""
    connection = connect(server)
    reader = connection.makefile("rb")
    for first in range(0, count, 100):
        keys = range(first, min(first + 100, count))
        connection.sendall(b"".join(encode("SET", "%s:%d" % (name, i), b"x" * 1000) for i in keys))
        outcome.update(reader.readline() for _ in keys)


def case_eviction(program):
    """allkeys-lru makes room for everybody at once: no write is refused, and the limit is kept."""
    limit = 32 << 20
    server = ServerProcess(program, "--threads", "2", "--maxmemory", "32mb", "--maxmemory-policy", "allkeys-lru")
    try:
        outcomes = [set(), set()]
        fillers = [
            threading.Thread(target=fill, args=(server, "filler%d" % i, 50000, outcome))
            for i, outcome in enumerate(outcomes)
        ]
        for filler in fillers:
            filler.start()
        for filler in fillers:
            filler.join()
        expect(outcomes == [{b"+OK\r\n"}] * 2, "replies under eviction: %r" % outcomes)
        client = Client(server)
        fields = client.info()
        expect(int(fields["evicted_keys"]) == 100000 - client.ask("DBSIZE"), "what is not there was evicted")
        # The limit is for entries and tables; free space between entries and buffers come on top.
        expect(int(fields["used_memory"]) <= limit * 1.1, "used_memory %s" % fields["used_memory"])
        expect(client.ask("DBSIZE") > 10000, "no more than necessary is evicted: %d" % client.ask("DBSIZE"))
    finally:
        server.stop()


def case_no_eviction(program):
    """noeviction: a write that does not fit is refused with Redis's words; reads and DEL work, DEL makes room."""
    server = ServerProcess(program, "--threads", "2", "--maxmemory", "32mb")
    try:
        outcome = set()
        fill(server, "filler", 50000, outcome)
        expect(outcome == {b"+OK\r\n", OOM}, "replies at the limit: %r" % outcome)
        connection = connect(server)
        large = b"x" * 100000
        ask(connection, "SET", "large", large, answer=OOM)
        ask(connection, "APPEND", "filler:0", large, answer=OOM)
        ask(connection, "MSET", "a", "1", "large", large, answer=OOM)
        ask(connection, "EXISTS", "a", "large", answer=b":0\r\n")
        ask(connection, "STRLEN", "filler:0", answer=b":1000\r\n")
        ask(connection, "DEL", *["filler:%d" % i for i in range(5000)], answer=b":5000\r\n")
        ask(connection, "SET", "again", b"x" * 1000, answer=b"+OK\r\n")
        ask(connection, "INFO", "nosuch", answer=b"$0\r\n\r\n")
    finally:
        server.stop()


def set_limit(server, size):
    """Lets no file of the running server grow beyond this many bytes."""
    _, hard = resource.prlimit(server.process.pid, resource.RLIMIT_FSIZE)
    resource.prlimit(server.process.pid, resource.RLIMIT_FSIZE, (size, hard))


def write_until_refused(server):
    """Sets numbered keys; what was acknowledged before the first that was not. Never +OK after that."""
    acknowledged = 0
    connection = connect(server)
    reader = connection.makefile("rb")
    while True:
        connection.sendall(encode("SET", "k%d" % acknowledged, "%01000d" % acknowledged))
        try:
            reply = reader.readline()
        except ConnectionError:
            return acknowledged
        if reply != b"+OK\r\n":
            expect(reply == b"" or reply.startswith(b"-"), "the reply of a failing disk: %r" % reply)
            return acknowledged
        acknowledged += 1
        expect(acknowledged < 100000, "the disk gets full")


def case_failing_disk(program):
    """A log that cannot be written: no write is acknowledged, reads go on, a restart has what was acknowledged."""
    for mode in ("always", "everysec"):
        # Python ignores the signal that comes with the limit, and a child that keeps that gets an error instead.
        port = free_port()
        options = ["--dir", "DATA", "--appendfsync", mode, "--http-port", str(port)]
        server = ServerProcess(program, *options, restore_signals=False)
        try:
            ask(connect(server), "SET", "first", "1", answer=b"+OK\r\n")
            size = max(entry.stat().st_size for entry in os.scandir(server.data))
            set_limit(server, size + 200000)
            acknowledged = write_until_refused(server)
            expect(acknowledged >= 100, "%d writes before the limit" % acknowledged)
            set_limit(server, 10)  # or a snapshot, which has room, makes a new start meanwhile
            for _ in range(10):
                connection = connect(server)
                connection.sendall(encode("SET", "after", "1"))
                expect(not connection.recv(100).startswith(b"+"), "%s: a write is acknowledged" % mode)
            client = Client(server)
            expect(client.ask("GET", "first") == b"1", "reads go on")
            expect(client.ask("STRLEN", "k%d" % (acknowledged - 1)) == 1000, "of everything")
            expect(client.info("persistence")["aof_last_write_status"] == "err", "INFO tells")
            found = get(port, "/readyz")
            expect(found == (503, "the log refuses writes\n"), "and so does the HTTP port: %d %r" % found)
            set_limit(server, resource.RLIM_INFINITY)
            expect(server.signal(signal.SIGTERM) in (0, 3), "it ends by itself")
            server.start()
            client = Client(server)
            values = [client.ask("GET", "k%d" % i) for i in range(acknowledged)]
            expect(values == [b"%01000d" % i for i in range(acknowledged)], "%s: acknowledged and lost" % mode)
            expect(not isinstance(client.ask("SET", "now", "1"), Failure), "and writes work again")
        finally:
            server.stop()


MISCONF = (
    "MISCONF Redis is configured to save RDB snapshots, but it's currently unable to persist to disk. Commands that "
    "may modify the data set are disabled, because this instance is configured to report errors during writes if RDB "
    "snapshotting fails (stop-writes-on-bgsave-error option). Please check the Redis logs for details about the RDB "
    "error."
)


def case_failing_snapshot(program):
    """Without a log, and with save points, nothing is written while snapshots fail, unless the setting allows it."""
    options = ["--dir", "DATA", "--appendonly", "no", "--save", "3600 1"]
    server = ServerProcess(program, *options, restore_signals=False)
    try:
        client, other = Client(server), Client(server)
        expect(client.ask("SET", "k", b"x" * 10000) == b"OK", "a write")
        set_limit(server, 100)
        expect(other.ask("MULTI") == b"OK" and other.ask("SET", "k", "2") == b"QUEUED", "a transaction has begun")
        expect(isinstance(client.ask("SAVE"), Failure), "the snapshot fails")
        for words in (("SET", "k", "1"), ("DEL", "k"), ("FLUSHALL",), ("PING",)):
            expect(client.ask(*words) == MISCONF, "%s: %r" % (words, client.ask(*words)))
        expect(other.ask("EXEC") == "EXECABORT Transaction discarded because of: " + MISCONF, "EXEC is refused")
        expect(client.ask("STRLEN", "k") == 10000, "reads go on")
        expect(client.ask("CONFIG", "SET", "stop-writes-on-bgsave-error", "no") == b"OK", "the setting")
        expect(client.ask("SET", "k", "1") == b"OK" and client.ask("PING") == b"PONG", "allows it")
        expect(client.ask("CONFIG", "SET", "stop-writes-on-bgsave-error", "yes") == b"OK", "and back")
        expect(client.ask("SET", "k", "1") == MISCONF, "refused again")
        set_limit(server, resource.RLIM_INFINITY)
        expect(client.ask("SAVE") == b"OK" and client.ask("SET", "k", "1") == b"OK", "a snapshot ends it")
    finally:
        set_limit(server, resource.RLIM_INFINITY)
        server.stop()


def case_loading_canceled(program):
    """A signal ends the loading of much data early, and nothing has changed."""
    server = ServerProcess(program, "--dir", "DATA", "--threads", "2")
    try:
        connection = connect(server)
        for first in range(0, 1500000, 5000):
            words = [word for number in range(first, first + 5000) for word in ("key:%d" % number, "value")]
            ask(connection, "MSET", *words, answer=b"+OK\r\n")
        expect(server.signal(signal.SIGTERM) == 0, "the server ends")
        server.start_loading()
        server.connect_early().close()
        expect(server.signal(signal.SIGTERM) == 0, "and again: " + server.said())
        expect("the loading was ended early" in server.said(), "before it was done: " + server.said())
        server.start()
        ask(connect(server), "DBSIZE", answer=b":1500000\r\n")
    finally:
        server.stop()


def case_huge_value(program):
    """A value of 300 MiB goes in and comes out."""
    server = ServerProcess(program)
    try:
        block = random.Random(1).randbytes(1 << 20)
        connection = connect(server)
        connection.sendall(b"*3\r\n$3\r\nSET\r\n$4\r\nhuge\r\n$%d\r\n" % (300 * len(block)))
        for _ in range(300):
            connection.sendall(block)
        connection.sendall(b"\r\n")
        expect(receive(connection, 5) == b"+OK\r\n", "SET")
        ask(connection, "STRLEN", "huge", answer=b":%d\r\n" % (300 * len(block)))
        connection.sendall(encode("GET", "huge"))
        head = b"$%d\r\n" % (300 * len(block))
        expect(receive(connection, len(head)) == head, "the size")
        for number in range(300):
            expect(receive(connection, len(block)) == block, "MiB number %d" % number)
        expect(receive(connection, 2) == b"\r\n", "the end")
        ask(connection, "DEL", "huge", answer=b":1\r\n")
    finally:
        server.stop()


ON_THEIR_OWN = [
    case_snapshots,
    case_snapshot_messages,
    case_bad_settings,
    case_in_use,
    case_timeout,
    case_eviction,
    case_no_eviction,
    case_failing_disk,
    case_failing_snapshot,
    case_loading_canceled,
    case_huge_value,
]
