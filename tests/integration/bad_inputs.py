#!/usr/bin/python3
"""What has brought servers of this kind down: numbers at the limits and framing that is wrong, answered as by Redis.

    bad_inputs.py --server build/dev/bin/blitzdb-server [--redis redis-server] [--seed N]

1. Every row of NUMBERS goes to both servers, each from an empty database, and every reply is compared.
2. Every row of FRAMING goes to both as raw bytes, on a connection of its own that is then closed for writing; what comes
   back until the end is compared. Rows that fit into a few bytes are sent to BlitzDB cut at every byte as well.
3. A stream of the generator goes to one BlitzDB server whole and to another cut at random bytes: the same bytes come back.

Where the answers differ on purpose, the row says what BlitzDB answers; docs/compatibility.md tells why.
"""

import argparse
import os
import random
import select
import shutil
import socket
import sys
import tempfile

sys.dont_write_bytecode = True
import differential  # noqa: E402
from command_stream import Generator, encode, encode_inline  # noqa: E402

MAX, MIN = "9223372036854775807", "-9223372036854775808"

# Commands separated by ";". All of them in one database, which is emptied before each row.
NUMBERS = """
SETRANGE k %(max)s x; GET k
SETRANGE k 10000000 x; STRLEN k; GETRANGE k 9999999 %(max)s
SETRANGE k 536870912 x; SETRANGE k -1 x; SETRANGE k %(min)s x; EXISTS k
SETRANGE k 536870911 xy; EXISTS k
SET k abc; GETRANGE k %(min)s %(max)s; GETRANGE k %(max)s %(min)s; SUBSTR k %(min)s -1; GETRANGE k -2 %(min)s
INCRBY k %(max)s; INCRBY k %(max)s; INCRBY k 1; GET k
DECRBY k %(min)s; DECRBY k %(max)s; DECRBY k 2; DECRBY k 1; GET k
SET k %(max)s; INCR k; DECRBY k -1; SET k %(min)s; DECR k; INCRBY k -1
SET k 9223372036854775808; INCR k; SET k -9223372036854775809; DECR k; INCRBYFLOAT k 1e400; INCRBYFLOAT k nan
INCRBYFLOAT k 1e308; INCRBYFLOAT k 1e308; INCRBYFLOAT k -inf; INCRBYFLOAT k 1e4932
SET k v; PEXPIRE k %(min)s; EXISTS k
SET k v; EXPIRE k %(min)s; EXPIREAT k %(min)s; PEXPIREAT k %(min)s; EXISTS k
SET k v; EXPIRE k 9223372036854775807; EXPIRE k 9223372036854775; EXPIREAT k 9223372036854776; TTL k
SETEX k 9223372036854775807 v; SETEX k 9223372036854775 v; SETEX k 0 v; SETEX k -1 v; PSETEX k %(max)s v; EXISTS k
SET k v EX 9223372036854775807; SET k v PX %(max)s; SET k v EX 0; SET k v PXAT -1; SET k v EXAT %(max)s; EXISTS k
SET k v; GETEX k EX 9223372036854775807; GETEX k PX 0; GETEX k EXAT -1; TTL k
SCAN 18446744073709551615 COUNT %(max)s; SCAN 18446744073709551616; SCAN -1 COUNT 1
SCAN 0 COUNT 0; SCAN 0 COUNT -1; SCAN 0 COUNT %(min)s; SCAN 0 COUNT 9223372036854775808; SCAN x
SELECT %(max)s; SELECT -1; SELECT 16; SELECT 2147483648; SWAPDB 0 %(max)s; COPY k l DB 2147483648; MOVE k -1
SETBIT k 4294967296 1; SETBIT k -1 1; SETBIT k %(max)s 1; SETBIT k 0 2; GETBIT k 4294967296; GETBIT k 4294967295
SET k abc; BITCOUNT k %(min)s %(max)s; BITCOUNT k %(max)s %(min)s BIT; BITPOS k 1 %(min)s %(max)s BIT; BITPOS k 0 %(max)s
BITFIELD k SET u63 %(max)s 1; BITFIELD k GET u64 0; BITFIELD k GET i65 0; BITFIELD k GET u0 0; BITFIELD k SET u8 #%(max)s 1
BITFIELD k SET i64 0 %(max)s INCRBY i64 0 1; BITFIELD k OVERFLOW FAIL INCRBY i64 0 %(max)s; BITFIELD k OVERFLOW SAT INCRBY i64 0 %(max)s
SET k v; SET l w; LCS k l MINMATCHLEN %(max)s IDX; LCS k l LEN IDX; LCS k k MINMATCHLEN %(min)s IDX
DUMP k; RESTORE k -1 x; RESTORE k 0 x; SET a 1; RESTORE a 0 x; RESTORE a 0 x REPLACE
SET k v; OBJECT FREQ k; OBJECT IDLETIME nokey; MEMORY USAGE k SAMPLES -1; MEMORY USAGE nokey SAMPLES %(max)s
CLIENT LIST ID %(min)s; CLIENT KILL ID 0; CLIENT KILL ID %(max)s; CLIENT NO-EVICT %(max)s; WAIT %(max)s 1; WAIT 0 -1
CONFIG SET timeout %(max)s; CONFIG SET maxmemory -1; SLOWLOG GET -2; LATENCY HISTORY x
MSETNX k v k w; MSETNX k v l; MSET k; GETDEL; GETSET k; OBJECT; CLIENT; CONFIG; COMMAND GETKEYS; COMMAND GETKEYS MSET
MULTI; SET k; EXEC; EXEC; DISCARD; MULTI; MULTI; DISCARD; WATCH; MULTI; WATCH k; EXEC
HELLO %(max)s; HELLO 1; HELLO 4; HELLO 2 SETNAME; HELLO 3 AUTH x; AUTH; AUTH a b c; RESET x; ECHO; PING a b
"""

PING = b"*1\r\n$4\r\nPING\r\n"

# What is sent, and what BlitzDB answers if that is not what Redis answers.
FRAMING = [
    (b"*-1\r\n" + PING, None), (b"*0\r\n" + PING, None), (b"*-2147483649\r\n" + PING, None),
    (b"*2147483648\r\n", None), (b"*2147483647\r\n", None), (b"*99999999999999999999\r\n", None),
    (b"*-99999999999999999999\r\n", None), (b"*1025\r\n", None), (b"*\r\n" + PING, None), (b"*x\r\n", None),
    (b"*1 \r\n", None), (b"* 1\r\n", None), (b"*+1\r\n", None), (b"*01\r\n", None), (b"*1\n$4\nPING\n", None),
    (b"*3\r\n+x\r\n", None), (b"*1\r\n:1\r\n", None), (b"*1\r\n*1\r\n", None), (b"*1\r\n\r\n", None),
    (b"*1\r\n$-1\r\n", None), (b"*1\r\n$-2\r\n", None), (b"*1\r\n$2147483648\r\n", None),
    (b"*1\r\n$536870913\r\n", None), (b"*1\r\n$536870912\r\n", None), (b"*1\r\n$99999999999999999999\r\n", None),
    (b"*1\r\n$abc\r\n", None), (b"*1\r\n$ 3\r\n", None), (b"*1\r\n$+3\r\nGET\r\n", None), (b"*1\r\n$03\r\nGET\r\n", None),
    (b"*1\r\n$\r\n", None), (b"*1\r\n$4 \r\nPING\r\n", None), (b"*1\r\n$4\n\nPING\r\n", None),
    (b"*1\r\n$4\r\nPINGxx" + PING, None), (b"*1\r\n$3\r\nPING\r\n" + PING, None), (b"*1\r\n$5\r\nPING\r\n" + PING, None),
    (b"*2\r\n$4\r\nPING\r\n$0\r\n\r\n" + PING, None), (b"*1\r\n$0\r\n\r\n" + PING, None),
    (b"\r\n\n\r\n" + PING, None), (b"PING\n", None), (b"PING\r", None), (b"  PING  \r\n", None), (b"\tPING\r\n", None),
    # Redis waits for a line that it does not see the end of.
    (b"P\0ING\r\nPING\r\n", b"-ERR unknown command 'P', with args beginning with: \r\n+PONG\r\n"),
    (b"PING a\0b\r\n", b"$3\r\na\0b\r\n"),
    (b"\0\r\nPING\r\n", b"-ERR unknown command '', with args beginning with: \r\n+PONG\r\n"),
    (b'PING "a\r\nPING\r\n', None), (b"PING 'a\r\n", None), (b'PING "a"b\r\n', None), (b'PING "\\x0\r\n', None),
    (b'PING "\\xff\\n\\"\\\\"\r\n', None), (b"PING 'it\\'s'\r\n", None), (b'"PING"\r\n', None), (b"'' PING\r\n", None),
    (b"%1\r\n$4\r\nPING\r\n", None), (b"~1\r\n", None), (b"$4\r\nPING\r\n", None), (b"+PING\r\n", None), (b"#t\r\n", None),
    (b"_\r\n", None), (b"$-1\r\n", None), (b"*1\r\n" * 50, None), (b"POST / HTTP/1.1\r\n", None), (b"Host: x\r\n", None),
    (b"host: x\r\nPING\r\n", None), # Redis forgets the first answer if both lines arrive together.
    (b"GET / HTTP/1.1\r\nHost: x\r\nPING\r\n", b"-ERR wrong number of arguments for 'get' command\r\n"),
    # Redis takes it for a command.
    (bytes.fromhex("160301007a0100007603030a0d") + b"abc\r\nPING\r\n", b""),
    (b"QUIT\r\nPING\r\n", None), (b"quit now\r\nPING\r\n", None), (b"NOSUCH " + b"a" * 300 + b"\r\n", None),
    (b"x" * 300 + b"\r\n", None), (b"*2\r\n$200\r\n" + b"y" * 200 + b"\r\n$1\r\nz\r\n", None),
    (b"NO\x1bSUCH a\x07b\r\n", None), (b'"a\\r\\nb" "c\\r\\nd"\r\n', None),
    (PING * 1000, None), (b"*1001\r\n$6\r\nEXISTS\r\n" + b"$0\r\n\r\n" * 1000, None),
    (PING + b"*2\r\n$3\r\nGET\r\n$5\r\nab", None), (PING + b"*2\r\n$3\r\nGET", None), (PING + b"*", None),
]


def converse(server, pieces):
    """All that a new connection is answered."""
    connection = differential.Connection(server).socket
    connection.settimeout(differential.TIMEOUT_S)
    answer = b""
    try:
        for piece in pieces:
            connection.sendall(piece)
        connection.shutdown(socket.SHUT_WR)
    except OSError:
        pass  # refused before it had been sent: the answer says why
    try:
        while True:
            received = connection.recv(1 << 20)
            if not received:
                break
            answer += received
    except ConnectionResetError:
        pass
    connection.close()
    return answer


class Report:
    def __init__(self):
        self.compared = self.differences = 0

    def compare(self, what, ours, theirs):
        self.compared += 1
        if ours != theirs:
            self.differences += 1
            print("%r\n  blitzdb: %r\n  redis:   %r" % (what, ours[:300], theirs[:300]))


def numbers(report, ours, theirs):
    for line in (NUMBERS % {"max": MAX, "min": MIN}).strip().split("\n"):
        answers = []
        for server in (ours, theirs):
            connection = server.connect()
            connection.ask("flushall")
            answers.append([connection.ask(*command.split()) for command in line.split(";")])
        for command, our_answer, their_answer in zip(line.split(";"), *answers):
            report.compare(command.strip(), our_answer, their_answer)
    for server in (ours, theirs):
        server.connect().ask("flushall")


def framing(report, ours, theirs):
    for sent, different in FRAMING:
        answer = converse(ours, [sent])
        report.compare(sent[:120], answer, converse(theirs, [sent]) if different is None else different)
        for cut in range(1, len(sent)) if len(sent) < 100 else ():
            report.compare((sent[:cut], sent[cut:]), converse(ours, [sent[:cut], sent[cut:]]), answer)


# What its reply depends on besides the stream
UNREPEATABLE = {b"time", b"client", b"info", b"randomkey", b"scan", b"keys", b"ttl", b"pttl", b"expiretime", b"pexpiretime",
                b"hello", b"slowlog", b"latency", b"memory", b"object", b"dump", b"lastsave", b"debug", b"wait", b"waitaof",
                b"quit", b"shutdown", b"subscribe", b"psubscribe", b"ssubscribe", b"monitor", b"command"}


def make_stream(seed, count):
    generator = Generator(seed)
    stream, commands = b"", 0
    while commands < count:
        for command in generator.next():
            if command and command[0].lower() not in UNREPEATABLE:
                stream += encode_inline(command) if generator.chance(10) and encode_inline(command) else encode(command)
                commands += 1
    return stream


def cut_randomly(seed, stream):
    """Pieces of 1 to 4000 bytes, short ones more often."""
    chooser = random.Random(seed)
    at = 0
    while at < len(stream):
        size = chooser.randint(1, chooser.choice((1, 3, 20, 200, 4000)))
        yield stream[at : at + size]
        at += size


def streams(report, whole, cut, seed, count):
    stream = make_stream(seed, count)
    answers = []
    for server, pieces in ((whole, [stream]), (cut, cut_randomly(seed, stream))):
        connection = differential.Connection(server)
        answers.append(exchange_all(connection.socket, pieces))
    report.compare("stream of seed %d" % seed, *answers)
    print("seed %d: %d bytes of commands, whole and cut: %d bytes of replies" % (seed, len(stream), len(answers[0])))


def exchange_all(connection, pieces):
    """Sends the pieces one by one and returns all replies; reads while it writes."""
    answer = b""
    connection.setblocking(False)
    for piece in pieces:
        while piece:
            readable, writable, _ = select.select([connection], [connection], [], differential.TIMEOUT_S)
            if readable:
                answer += connection.recv(1 << 20)
            if writable:
                piece = piece[connection.send(piece) :]
    connection.shutdown(socket.SHUT_WR)
    while True:
        select.select([connection], [], [], differential.TIMEOUT_S)
        received = connection.recv(1 << 20)
        if not received:
            return answer
        answer += received


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--server", required=True)
    parser.add_argument("--redis", default="redis-server", help="the reference, Redis 7.0")
    parser.add_argument("--seed", type=int, default=random.SystemRandom().randrange(2**32))
    parser.add_argument("--commands", type=int, default=20_000, help="of the stream that is cut")
    options = parser.parse_args()
    directory = tempfile.mkdtemp(prefix="blitzdb-bad-inputs-")
    options.server = os.path.abspath(options.server)
    servers = list(differential.start_servers(options, directory))
    report = Report()
    try:
        ours, theirs = servers
        other = differential.Server("another blitzdb-server", [options.server, "--port", "0"], directory)
        servers.append(other)
        numbers(report, ours, theirs)
        framing(report, ours, theirs)
        streams(report, ours, other, options.seed, options.commands)
    finally:
        ended_well = [server.stop() for server in servers]
        shutil.rmtree(directory, ignore_errors=True)
    print("%d answers compared, %d differences" % (report.compared, report.differences))
    return 0 if report.differences == 0 and all(ended_well) else 1


if __name__ == "__main__":
    sys.exit(main())
