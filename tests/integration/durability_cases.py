"""Cases of end_to_end.py: who waits for a sync and who does not, on a disk whose syncs end when the test says so."""

import os
import select
import shutil
import signal
import tempfile
import time

from server_process import TIMEOUT_S, ServerProcess
from wire import Client, Failure, ask, encode, expect, receive_rest

WAITING_MS = 50


class GatedServer(ServerProcess):
    """A server with a log whose syncs wait for a verdict while the gate is shut; see sync_gate.c."""

    def __init__(self, program, gate, appendfsync, *arguments):
        self.gate = tempfile.mkdtemp(prefix="blitzdb-gate-")
        self.pipes = {}
        for name in ("begun", "verdicts"):
            os.mkfifo(os.path.join(self.gate, name))
            self.pipes[name] = os.open(os.path.join(self.gate, name), os.O_RDWR)
        environment = dict(os.environ, LD_PRELOAD=gate, SYNC_GATE_SOCKET=self.gate)
        # The sanitizer would have to be loaded first only to see calls that the gate does not make.
        environment["ASAN_OPTIONS"] = os.environ.get("ASAN_OPTIONS", "") + ":verify_asan_link_order=0"
        arguments = ("--dir", "DATA", "--threads", "1", "--appendfsync", appendfsync, *arguments)
        super().__init__(program, *arguments, env=environment)

    def shut(self):
        """From now on syncs wait; what earlier ones left in the pipes is gone."""
        for pipe in self.pipes.values():
            while select.select([pipe], [], [], 0)[0]:
                os.read(pipe, 1024)
        with open(os.path.join(self.gate, "shut"), "wb"):
            pass

    def await_sync(self):
        """Returns when a sync stands before the gate."""
        ready, _, _ = select.select([self.pipes["begun"]], [], [], TIMEOUT_S)
        expect(ready, "a sync begins")
        os.read(self.pipes["begun"], 1)

    def open(self, verdict=b"y"):
        """Lets all syncs go from now on, with a verdict for those that stand before the gate."""
        os.unlink(os.path.join(self.gate, "shut"))
        os.write(self.pipes["verdicts"], verdict * 16)

    def stop(self):
        if os.path.exists(os.path.join(self.gate, "shut")):
            self.open()
        try:
            super().stop()
        finally:
            for pipe in self.pipes.values():
                os.close(pipe)
            shutil.rmtree(self.gate, ignore_errors=True)


def is_silent(client):
    """True if nothing has come. Whoever asks has had an answer from the only thread of the server meanwhile."""
    return not select.select([client.connection], [], [], 0)[0]


def hold(server, *commands):
    """A new connection whose writes are always synced, with these commands sent and a sync for them begun."""
    client = Client(server)
    expect(client.ask("CLIENT", "DURABILITY", "ALWAYS") == b"OK", "a connection with syncs")
    expect(client.ask("SET", "before", "1") == b"OK", "a write that is synced")
    server.shut()
    client.connection.sendall(b"".join(encode(*command) for command in commands))
    server.await_sync()
    return client


LOADING = b"-LOADING BlitzDB is loading the dataset in memory\r\n"


def case_loading(program, gate):
    """While the data is loaded the server answers, but not about the data; its connections stay when it is there."""
    server = GatedServer(program, gate, "everysec", "--maxmemory", "64mb")
    try:
        client = Client(server)
        expect(client.ask("SET", "a", "1") == b"OK" and client.ask("SELECT", "3") == b"OK", "something")
        expect(client.ask("SET", "in3", "1") == b"OK" and server.signal(signal.SIGTERM) == 0, "to be loaded")
        server.shut()
        server.start_loading()
        server.await_sync()  # opening the log syncs it
        early = server.connect_early()
        for words in (("PING",), ("GET", "a"), ("SET", "x", "1"), ("DBSIZE",), ("SAVE",), ("FLUSHALL",)):
            ask(early, *words, answer=LOADING)
        ask(early, "CONFIG", "SET", "maxmemory", "1", answer=b"+OK\r\n")
        ask(early, "CONFIG", "SET", "appendfsync", "no", answer=b"+OK\r\n")
        ask(early, "GET", "a", answer=LOADING)  # a changed setting is no loaded database
        client = Client(server, connection=server.connect_early())
        ask(client.connection, "SELECT", "3", answer=b"+OK\r\n")
        fields = client.info("persistence")
        expect(fields["loading"] == "1" and fields["async_loading"] == "0", "INFO tells: %r" % fields)
        for name in ("start_time", "total_bytes", "loaded_bytes", "loaded_perc", "eta_seconds"):
            expect(float(fields["loading_" + name]) >= 0, name)
        server.open()
        while client.info("persistence")["loading"] != "0":
            pass
        expect(client.ask("GET", "in3") == b"1" and client.ask("DBSIZE") == 1, "the connection goes over to its data")
        expect("loading_eta_seconds" not in client.info("persistence"), "and the loading is over")
        expect(client.ask("SET", "y", "1").startswith("OOM"), "the limit that was set meanwhile is in force")
    finally:
        server.stop()


def case_loading_stopped(program, gate):
    """SIGTERM and SHUTDOWN end a server that loads; what it had stays."""
    server = GatedServer(program, gate, "everysec")
    try:
        expect(Client(server).ask("SET", "a", "1") == b"OK", "something to be loaded")
        for stop in (b"SIGTERM", b"SHUTDOWN"):
            expect(server.signal(signal.SIGTERM) == 0, "the server ends")
            server.shut()
            server.start_loading()
            server.await_sync()
            early = server.connect_early()
            ask(early, "PING", answer=LOADING)
            if stop == b"SIGTERM":
                server.process.send_signal(signal.SIGTERM)
            else:
                early.sendall(encode("SHUTDOWN"))
            expect(receive_rest(early) == b"", "%r closes the connections" % stop)
            server.open()
            expect(server.wait() == 0, "%r: %s" % (stop, server.said()))
            server.start()
            expect(Client(server).ask("GET", "a") == b"1", "it is still there")
    finally:
        server.stop()


def case_late_sync(program, gate):
    """A sync that takes long is an event of the latency monitor; what ran meanwhile is one of its own."""
    server = GatedServer(
        program, gate, "everysec", "--latency-monitor-threshold", "20", "--enable-debug-command", "yes"
    )
    try:
        other = Client(server)
        waiting = hold(server, ("SET", "k", "v"))
        expect(other.ask("DEBUG", "SLEEP", "0.03") == b"OK", "the only thread is busy while the sync stands")
        server.open()
        expect(waiting.read() == b"OK", "the write is answered")
        events = {event: longest for event, _, _, longest in other.ask("LATENCY", "LATEST")}
        expect(events.get(b"aof-fsync-always", 0) >= 30 and events.get(b"command", 0) >= 30, "LATENCY: %r" % events)
    finally:
        server.stop()


def case_durability_settings(program, gate):
    """CLIENT DURABILITY tells and takes its words, RESET takes it back, and nothing is promised without a log."""
    server = GatedServer(program, gate, "everysec")
    try:
        client = Client(server)
        expect(client.ask("CLIENT", "DURABILITY") == b"default", "at first")
        for word in ("always", "everysec", "no", "default", "Always"):
            expect(client.ask("CLIENT", "DURABILITY", word) == b"OK", word)
            expect(client.ask("CLIENT", "DURABILITY") == word.lower().encode(), word)
        for wrong in ("sometimes", ""):
            choices = Failure("ERR durability must be one of always, everysec, no, default")
            expect(client.ask("CLIENT", "DURABILITY", wrong) == choices, repr(wrong))
        expect(client.ask("CLIENT", "DURABILITY", "always", "no") == Failure("ERR syntax error"), "two words")
        expect(client.ask("CLIENT", "DURABILITY") == b"always", "an error changes nothing")
        expect(client.ask("SELECT", "3") == b"OK", "another keyspace")
        expect(client.ask("CLIENT", "DURABILITY") == b"always", "SELECT changes nothing")
        expect(Client(server).ask("CLIENT", "DURABILITY") == b"default", "of one connection only")
        expect(client.ask("RESET") == b"RESET", "RESET")
        expect(client.ask("CLIENT", "DURABILITY") == b"default", "RESET takes it back")
    finally:
        server.stop()
    for arguments in ((), ("--dir", "DATA", "--appendonly", "no", "--save", "")):
        server = ServerProcess(program, *arguments)
        try:
            client = Client(server)
            for word in ("always", "everysec"):
                reply = client.ask("CLIENT", "DURABILITY", word)
                expect(isinstance(reply, Failure) and "no log" in reply, repr(reply))
            for word in ("no", "default"):
                expect(client.ask("CLIENT", "DURABILITY", word) == b"OK", word)
        finally:
            server.stop()


def case_durability_always(program, gate):
    """A connection with `always` is answered after its sync, reads behind the write too; others are not held."""
    for mode in ("everysec", "no"):
        server = GatedServer(program, gate, mode)
        try:
            other = Client(server)
            client = hold(server, ("SET", "k", "v"), ("GET", "k"), ("CLIENT", "DURABILITY", "no"), ("DEL", "k"))
            for _ in range(10):
                expect(other.ask("SET", "other", "1") == b"OK", "others are answered meanwhile")
                expect(other.ask("GET", "before") == b"1", "others read meanwhile")
            expect(other.ask("CLIENT", "DURABILITY", "always") == b"OK", "another connection with syncs")
            expect(other.ask("DEL", "absent") == 0, "what changes nothing waits for nothing")
            expect(is_silent(client), "no answer before the sync")
            server.open()
            expect([client.read() for _ in range(4)] == [b"OK", b"v", b"OK", 1], "all answers after it")
            server.shut()
            expect(client.ask("SET", "k", "w") == b"OK", "with `no` it is not held")
        finally:
            server.stop()


def case_durability_less(program, gate):
    """With `appendfsync always`, connections with `everysec` or `no` are not held, and RESET holds them again."""
    server = GatedServer(program, gate, "always")
    try:
        others = [Client(server), Client(server)]
        for other, mode in zip(others, ("everysec", "no")):
            expect(other.ask("CLIENT", "DURABILITY", mode) == b"OK", mode)
        client = hold(server, ("SET", "k", "v"))
        for other in others:
            expect(other.ask("SET", "k", "w") == b"OK", "answered without a sync")
            expect(other.ask("SELECT", "5") == b"OK", "another keyspace")
            expect(other.ask("MSET", "a", "1", "b", "2") == b"OK", "answered there, too")
        expect(others[0].ask("RESET") == b"RESET", "RESET")
        others[0].connection.sendall(encode("SET", "k", "x"))
        expect(others[1].ask("PING") == b"PONG", "answered behind it")
        expect(is_silent(client) and is_silent(others[0]), "no answer before the sync")
        server.open()
        expect(client.read() == b"OK" and others[0].read() == b"OK", "the answers after it")
    finally:
        server.stop()


def case_everysec_is_synced(program, gate):
    """In a server that never syncs by itself, a write of an `everysec` connection is synced within its time."""
    server = GatedServer(program, gate, "no")
    try:
        client = Client(server)
        server.shut()
        expect(client.ask("CLIENT", "DURABILITY", "everysec") == b"OK", "everysec")
        expect(client.ask("SET", "k", "v") == b"OK", "answered at once")
        server.await_sync()
    finally:
        server.stop()


def case_failed_sync(program, gate):
    """A sync that fails: no held write is acknowledged, and WAITAOF tells."""
    server = GatedServer(program, gate, "everysec")
    try:
        waiting = Client(server)
        expect(waiting.ask("SET", "k", "v") == b"OK", "a write")
        client = hold(server, ("SET", "k", "w"))
        waiting.connection.sendall(encode("SET", "k", "x") + encode("WAITAOF", 1, 0, 0) + encode("PING"))
        expect(waiting.read() == b"OK", "this one is not held")
        server.open(b"e")
        expect(receive_rest(client.connection) == b"", "not acknowledged, but closed")
        reply = waiting.read()
        expect(isinstance(reply, Failure) and reply.startswith("MISCONF"), repr(reply))
        expect(waiting.read() == b"PONG", "the connection goes on")
        reply = waiting.ask("SET", "k", "y")
        expect(isinstance(reply, Failure) and reply.startswith("MISCONF"), "no write after it: %r" % reply)
        expect("BGSAVE tries now" in reply, "it says what helps: %r" % reply)
        expect(server.signal(signal.SIGTERM) == 3, "the exit status tells")
    finally:
        server.stop()


def case_waitaof(program, gate):
    """WAITAOF waits for the connection's writes and holds up its later commands, and nobody else's."""
    server = GatedServer(program, gate, "no")
    try:
        client, other = Client(server), Client(server)
        expect(client.ask("WAITAOF", 1, 0, 0) == [1, 0], "nothing written, nothing to wait for")
        expect(client.ask("SET", "k", "v") == b"OK", "a write")
        expect(client.ask("WAITAOF", 0, 0, 0) == [0, 0], "not synced yet, and not waited for")
        expect(client.ask("WAITAOF", 1, 0, 0) == [1, 0], "waits for the sync")
        expect(client.ask("WAITAOF", 0, 0, 0) == [1, 0], "is synced")
        server.shut()
        client.connection.sendall(
            encode("SET", "k", "w") + encode("WAITAOF", 1, 0, 0) + encode("SET", "k", "x") + encode("GET", "k")
        )
        expect(client.read() == b"OK", "the write itself is not held")
        server.await_sync()
        client.connection.sendall(encode("PING"))
        expect(other.ask("SET", "other", "1") == b"OK", "others go on")
        expect(other.ask("WAITAOF", 0, 0, 0) == [0, 0], "without waiting")
        expect(other.ask("GET", "k") == b"w", "commands behind WAITAOF do not run")
        expect(is_silent(client), "no answer before the sync")
        began = time.monotonic()
        expect(other.ask("WAITAOF", 1, 0, WAITING_MS) == [0, 0], "the time is up")
        expect(time.monotonic() - began >= WAITING_MS / 1000, "after the time that was given")
        expect(is_silent(client), "the other one has more time")
        other.connection.sendall(encode("WAITAOF", 1, 0, 0))
        other.connection.shutdown(1)
        server.open()
        expect(other.read() == [1, 0], "who sends no more gets its answer")
        expect(receive_rest(other.connection) == b"", "and is closed then")
        answers = [client.read() for _ in range(4)]
        expect(answers == [[1, 0], b"OK", b"x", b"PONG"], "after the sync: %r" % answers)
    finally:
        server.stop()


def case_waitaof_of_always(program, gate):
    """Held replies and WAITAOF in one pipeline keep their order; a client that sends no more gets its answers."""
    server = GatedServer(program, gate, "always")
    try:
        client = hold(server, ("SET", "k", "v"), ("WAITAOF", 1, 0, 0), ("GET", "k"))
        expect(Client(server).ask("GET", "k") == b"v", "others go on")
        expect(is_silent(client), "no answer before the sync")
        client.connection.shutdown(1)
        server.open()
        expect([client.read() for _ in range(3)] == [b"OK", [1, 0], b"v"], "the answers in their order")
        expect(receive_rest(client.connection) == b"", "closed then")
    finally:
        server.stop()


def case_wait_for_replicas(program, gate):
    """There are no replicas: WAIT and WAITAOF answer when the time is up, or when the server ends."""
    server = GatedServer(program, gate, "no")
    client, other = Client(server), Client(server)
    try:
        expect(client.ask("SET", "k", "v") == b"OK", "a write")
        expect(client.ask("WAIT", 0, 0) == 0 and client.ask("WAIT", -1, 0) == 0, "none wanted")
        began = time.monotonic()
        expect(client.ask("WAIT", 1, WAITING_MS) == 0, "none there")
        expect(client.ask("WAITAOF", 1, 1, WAITING_MS) == [1, 0], "synced meanwhile, and no replica")
        expect(time.monotonic() - began >= 2 * WAITING_MS / 1000, "after the time that was given")
        gone = Client(server)
        gone.connection.sendall(encode("SET", "gone", "1") + encode("WAIT", 1, 0) + encode("SET", "gone", "2"))
        expect(gone.read() == b"OK", "a write")
        gone.connection.shutdown(1)
        expect(receive_rest(gone.connection) == b"", "who waits forever and sends no more is closed")
        expect(client.ask("GET", "gone") == b"1", "what was behind does not run")
        client.connection.sendall(encode("WAIT", 1, 0) + encode("WAITAOF", 0, 1, 0))
        expect(other.ask("PING") == b"PONG", "others go on")
        expect(is_silent(client), "waits without an end")
    finally:
        server.stop()
    expect(client.read() == 0 and client.read() == [1, 0], "answered at the end of the server")


def case_wait_errors(program, gate):
    """The errors of WAIT and WAITAOF, word by word as in Redis 7.2."""
    waitaof_without_log = "ERR WAITAOF cannot be used when numlocal is set but appendonly is disabled."
    integer = "ERR value is not an integer or out of range"
    positive = "ERR value is out of range, must be positive"
    between = "ERR value is out of range, must be between 0 and 1"
    server = ServerProcess(program)
    try:
        client = Client(server)
        for words, error in (
            (("WAIT", "x", 0), integer),
            (("WAIT", 1, "x"), "ERR timeout is not an integer or out of range"),
            (("WAIT", 1, -1), "ERR timeout is negative"),
            (("WAIT", 1, 2**63 - 1), "ERR timeout is out of range"),
            (("WAIT", 1), "ERR wrong number of arguments for 'wait' command"),
            (("WAITAOF", "x", 0, 0), integer),
            (("WAITAOF", 2, 0, 0), between),
            (("WAITAOF", -1, 0, 0), between),
            (("WAITAOF", 0, -1, 0), positive),
            (("WAITAOF", 0, "x", 0), positive),
            (("WAITAOF", 0, 0, -1), "ERR timeout is negative"),
            (("WAITAOF", 0, 0, "1.5"), "ERR timeout is not an integer or out of range"),
            (("WAITAOF", 1, 0, 0), waitaof_without_log),
            (("WAITAOF", 0, 0), "ERR wrong number of arguments for 'waitaof' command"),
        ):
            reply = client.ask(*words)
            expect(reply == Failure(error) and isinstance(reply, Failure), "%r answered %r" % (words, reply))
        expect(client.ask("WAITAOF", 0, 0, 0) == [0, 0], "nothing to wait for")
        expect(client.ask("WAITAOF", 0, 1, 1) == [0, 0], "the time is up")
    finally:
        server.stop()


def case_transaction_always(program, gate):
    """The answer of EXEC waits for the sync of its one record; a transaction that only reads does not."""
    server = GatedServer(program, gate, "everysec")
    try:
        client = hold(server, ("MULTI",), ("SET", "a", "1"), ("INCR", "a"), ("EXEC",))
        other = Client(server)
        other.connection.sendall(encode("MULTI") + encode("GET", "a") + encode("EXEC"))
        expect([other.read() for _ in range(3)] == [b"OK", b"QUEUED", [b"2"]], "who only reads does not wait")
        expect(is_silent(client), "EXEC waits for the sync")
        server.open()
        expect([client.read() for _ in range(4)] == [b"OK", b"QUEUED", b"QUEUED", [b"OK", 2]], "and is answered")
    finally:
        server.stop()


WITH_A_GATE = [
    case_loading,
    case_loading_stopped,
    case_late_sync,
    case_transaction_always,
    case_durability_settings,
    case_durability_always,
    case_durability_less,
    case_everysec_is_synced,
    case_failed_sync,
    case_waitaof,
    case_waitaof_of_always,
    case_wait_for_replicas,
    case_wait_errors,
]
