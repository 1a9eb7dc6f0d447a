"""Cases of end_to_end.py: MULTI, EXEC and WATCH under threads, large ones, limits, and the end of the process."""

import random
import resource
import signal
import threading

from server_process import ServerProcess
from wire import Client, Failure, connect, encode, expect, receive_rest

ACCOUNTS = ["account:%d" % i for i in range(10)]
START = 1000


def exchange(client, *commands):
    """Sends the commands as one pipeline; all answers."""
    client.connection.sendall(b"".join(encode(*command) for command in commands))
    return [client.read() for _ in commands]


def transfer(client, pick, _):
    """Moves an amount in one transaction, which also looks at what it did."""
    source, target = pick.sample(ACCOUNTS, 2)
    *_, done = exchange(
        client, ["MULTI"], ["DECRBY", source, 5], ["INCRBY", target, 5], ["MGET", source, target], ["EXEC"]
    )
    expect(done[2] == [b"%d" % done[0], b"%d" % done[1]], "the commands see each other: %r" % done)


def transfer_if_unchanged(client, pick, refused):
    """Reads, computes and writes, unless somebody else has written."""
    source, target = pick.sample(ACCOUNTS, 2)
    _, values = exchange(client, ["WATCH", source, target], ["MGET", source, target])
    amounts = [int(value) for value in values]
    *_, done = exchange(
        client, ["MULTI"], ["SET", source, amounts[0] - 3], ["SET", target, amounts[1] + 3], ["EXEC"]
    )
    if done is None:
        refused.append(1)


def look(client, pick, _):
    """Adds everything up, in a command or in a transaction, over the keys or over everything."""
    kind = pick.randrange(3)
    if kind == 0:
        values = client.ask("MGET", *ACCOUNTS)
    else:
        extra = [["DBSIZE"]] if kind == 2 else []
        *_, done = exchange(client, ["MULTI"], *[["GET", name] for name in ACCOUNTS], *extra, ["EXEC"])
        values = done[: len(ACCOUNTS)]
    total = sum(int(value) for value in values)
    expect(total == START * len(ACCOUNTS), "the sum is %d" % total)


def case_transfers(program):
    """Connections of several threads transfer and add up at once: nobody sees half a transaction, or loses one."""
    server = ServerProcess(program, "--threads", "3", "--dir", "DATA")
    failures = []
    refused = []

    def work(number, step):
        try:
            client = Client(server)
            pick = random.Random(number)
            for _ in range(300):
                step(client, pick, refused)
        except AssertionError as failure:
            failures.append(failure)

    try:
        client = Client(server)
        expect(client.ask("MSET", *[part for name in ACCOUNTS for part in (name, START)]) == b"OK", "MSET")
        steps = [transfer, transfer_if_unchanged, look] * 3
        threads = [threading.Thread(target=work, args=pair) for pair in enumerate(steps)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        expect(not failures, failures)
        expect(refused, "some transactions meet")
        look(client, random.Random(0), None)
        expect(server.signal(signal.SIGKILL) != 0, "killed")
        server.start()
        look(Client(server), random.Random(0), None)
    finally:
        server.stop()


def case_large_transaction(program):
    """10,000 commands in one transaction; it survives the process as a whole."""
    server = ServerProcess(program, "--threads", "2", "--dir", "DATA")
    try:
        client = Client(server)
        sets = [["SET", "key:%d" % i, "v" * (i % 100)] for i in range(9998)]
        queued = exchange(client, ["MULTI"], *sets)
        expect(queued[1:] == [b"QUEUED"] * len(sets), "all are queued")
        line = Client(server).ask("CLIENT", "LIST").decode()
        expect(" flags=x " in line and " multi=9998 " in line, "CLIENT LIST tells: " + line)
        rest = exchange(client, ["DBSIZE"], ["DEL", "key:7"], ["EXEC"])
        expect(rest[2] == [b"OK"] * len(sets) + [len(sets), 1], "and run")
        expect(server.signal(signal.SIGKILL) != 0, "killed")
        server.start()
        client = Client(server)
        expect(client.ask("DBSIZE") == len(sets) - 1, "what was acknowledged is there")
        expect(client.ask("STRLEN", "key:9997") == 97, "to the end")
    finally:
        server.stop()


def case_transaction_limits(program):
    """The queue is bounded as input is; the memory limit refuses EXEC as a whole, and leaves deletions."""
    server = ServerProcess(program, "--threads", "1", "--client-query-buffer-limit", "1mb", "--maxmemory", "16mb")
    try:
        connection = connect(server)
        connection.sendall(encode("MULTI") + encode("SET", "k", "x" * 100000) * 20)
        got = receive_rest(connection)
        expect(got.startswith(b"+OK\r\n+QUEUED\r\n") and got.count(b"QUEUED") < 20, "dropped: %r" % got)
        client = Client(server)
        expect(client.ask("EXISTS", "k") == 0, "nothing of it was run")

        number = 0
        while not isinstance(client.ask("SET", "filler:%d" % number, "x" * 10000), Failure):
            number += 1
        while not isinstance(client.ask("SET", "small:%d" % number, "x"), Failure):
            number += 1
        client.ask("CONFIG", "SET", "maxmemory", "10mb")
        *_, refused = exchange(client, ["MULTI"], ["DEL", "filler:0"], ["SET", "a", "1"], ["EXEC"])
        reason = "EXECABORT Transaction discarded because of: OOM command not allowed when used memory > 'maxmemory'."
        expect(refused == Failure(reason), repr(refused))
        expect(client.ask("EXISTS", "filler:0") == 1, "nothing was done")
        *_, done = exchange(client, ["MULTI"], ["DEL", "filler:0"], ["GET", "small:x"], ["EXEC"])
        expect(done == [1, None], "what only frees is let in: %r" % done)
    finally:
        server.stop()


def case_transaction_failing_disk(program):
    """A log that has failed refuses transactions that write, in Redis's words, and does nothing of them."""
    server = ServerProcess(program, "--dir", "DATA", "--appendfsync", "everysec", restore_signals=False)
    try:
        client = Client(server)
        _, hard = resource.prlimit(server.process.pid, resource.RLIMIT_FSIZE)
        resource.prlimit(server.process.pid, resource.RLIMIT_FSIZE, (4096, hard))
        answer = b"OK"
        while not isinstance(answer, Failure):
            try:
                answer = client.ask("SET", "k", "x" * 1000)
            except AssertionError:  # the first ones are not answered at all
                client = Client(server)
        # No room at all: or a snapshot, which is small, makes a new start meanwhile.
        resource.prlimit(server.process.pid, resource.RLIMIT_FSIZE, (10, hard))
        client.ask("SET", "k", "y")
        client = Client(server)
        before = client.ask("GET", "k")
        *_, refused = exchange(client, ["MULTI"], ["SET", "k", "other"], ["EXEC"])
        expect(isinstance(refused, Failure), "refused: %r" % refused)
        expect(refused.startswith("EXECABORT Transaction discarded because of: MISCONF "), refused)
        *_, read = exchange(client, ["MULTI"], ["GET", "k"], ["EXEC"])
        expect(read == [before], "nothing was done, and reading goes on")
        resource.prlimit(server.process.pid, resource.RLIMIT_FSIZE, (hard, hard))
    finally:
        server.signal(signal.SIGKILL)
        server.stop()


ON_THEIR_OWN = [
    case_transfers,
    case_large_transaction,
    case_transaction_limits,
    case_transaction_failing_disk,
]
