#!/usr/bin/python3
"""Differential test: blitzdb-server must answer like Redis 7.0, byte for byte.

Both servers get the same stream of random commands, made from a seed: all data commands and the commands of
the connection, with valid and invalid arguments, wrong arity, names in random case, numbers at the limits,
binary keys, few keys so that they collide, several databases, several connections, RESP2 and RESP3, in
pipelines of random size. Every reply is compared; the hit counters and, at the end, the contents of every
database are too.

    differential.py --server build/release/bin/blitzdb-server [--redis redis-server] [--commands N] [--seed N]

What no order or value is defined for is compared by COMPARE below; what differs on purpose stands in
DELIBERATE, which is checked too. The first difference is printed with the seed, and the exit status is 1.
"""

import argparse
import os
import random
import re
import select
import shutil
import socket
import subprocess
import sys
import tempfile
import threading

sys.dont_write_bytecode = True  # nothing of a run stays in the source tree
from command_stream import EXACT_MS, Generator, encode, encode_inline, fixed_commands  # noqa: E402

TIMEOUT_S = 60  # a watchdog, not a measure
DATABASES = 16

# Deliberate differences: why, the commands, the last reply of Redis, the last reply of BlitzDB. The random
# stream stays away from them. docs/compatibility.md repeats this list.
EXPIRY = "An expiry more than 2^47 ms after 1970 (the year 6429) is refused, not kept."
DELIBERATE = [
    (
        EXPIRY,
        ["SET k v PXAT 140737488355329"],
        b"+OK\r\n",
        b"-ERR invalid expire time in 'set' command\r\n",
    ),
    (
        EXPIRY,
        ["SET k v", "GETEX k EXAT 9223372036854775"],
        b"$1\r\nv\r\n",
        b"-ERR invalid expire time in 'getex' command\r\n",
    ),
    (
        EXPIRY,
        ["SET k v", "EXPIRE k 140737488356"],
        b":1\r\n",
        b"-ERR invalid expire time in 'expire' command\r\n",
    ),
    (
        EXPIRY,
        ["PEXPIREAT absent 9223372036854775807"],
        b":0\r\n",
        b"-ERR invalid expire time in 'pexpireat' command\r\n",
    ),
    (
        "BITFIELD SET under OVERFLOW SAT with a number far below the range of its type: the lowest one, not the "
        "highest; Redis computes the distance in 64 bits, where it does not fit.",
        ["BITFIELD k OVERFLOW SAT SET i57 0 -9223372036854775808", "BITFIELD k GET i57 0"],
        b"*1\r\n:72057594037927935\r\n",
        b"*1\r\n:-72057594037927936\r\n",
    ),
    (
        "A SET of an absent key with an expiry that is past changes nothing, so whoever watches the key goes on.",
        ["WATCH absent", "SET absent v EXAT 1", "MULTI", "PING", "EXEC"],
        b"*-1\r\n",
        b"*1\r\n+PONG\r\n",
    ),
    (
        "A HELLO that fails changes nothing; in Redis the name set before the wrong option stays.",
        ["HELLO 2 SETNAME tester wrong", "CLIENT GETNAME"],
        b"$6\r\ntester\r\n",
        b"$-1\r\n",
    ),
]

# A command before, the watched keys, a command of another connection between WATCH and EXEC.
WATCHED = """
| k | get k
| k | set k v
| k | del k
| k | flushall
set k v | k | get k
set k v | k | set k v
set k v | k | set k longer
set k v | other k | append k v
set k v | k | append k
set k v | k | del k
set k v | k | getdel k
set k v | k | getset k v
set k v | k | getex k
set k v | k | getex k persist
set k v | k | getex k ex 1000
set k v ex 1000 | k | getex k persist
set k v ex 1000 | k | persist k
set k v | k | persist k
set k v | k | expire k 1000
set k v | k | expire k 1000 xx
set k v | k | expire k -1
set k v | k | setnx k v
set k v | k | set k v nx
set k v | k | set k v xx get
set k v | k | setrange k 0 v
set k v | k | setrange k 0
set k v | k | getrange k 0 1
set k 1 | k | incr k
set k 1 | k | incrby k 0
set k 1 | k | incrbyfloat k 0
set k x | k | incr k
set k v | k | rename k other
set k v | other | rename k other
set k v | k | rename k k
set k v | k | renamenx k k
set k v | k | copy k other
set k v | other | copy k other
set k v | k | move k 1
set k v | k | mset other v
set k v | k | mset other v k v
set k v | k | msetnx other v k v
set k v | k | flushall
set k v | k | flushdb
set k v | k | swapdb 0 1
set k v | other | set k w
set k v | k | touch k
set k v | k | setbit k 1 1
set k v | k | setbit k 0 1
set k v | k | setbit k 20 0
set k v | k | getbit k 0
| k | setbit k 0 0
set k v | k | bitfield k get u8 0
set k v | k | bitfield k incrby u8 0 0
set k v | k | bitfield k set u8 8 0
set k v | k | bitfield k overflow fail incrby u8 0 255
set k v | k | bitop not other k
set k v | k | bitop or k k
| k | bitop or k absent
"""

# Commands of later versions than the one compared with.
NEWER = {"waitaof"}

# Comparing replies that are not the same bytes

TOLERANCE_MS = 10_000


def parse(raw, start=0):
    """Returns (value, end): arrays, sets and maps become lists, everything else stays raw bytes."""
    line_end = raw.index(b"\r\n", start) + 2
    kind = raw[start : start + 1]
    if kind in b"$=":
        size = int(raw[start + 1 : line_end])
        end = line_end if size < 0 else line_end + size + 2
        return raw[start:end], end
    if kind in b"*~%>":
        count = int(raw[start + 1 : line_end]) * (2 if kind == b"%" else 1)
        items = []
        for _ in range(count):
            item, line_end = parse(raw, line_end)
            items.append(item)
        return (items if count >= 0 else raw[start:line_end]), line_end
    return raw[start:line_end], line_end


def elements(raw):
    """The raw elements of an array."""
    start = raw.index(b"\r\n") + 2
    parts = []
    while start < len(raw):
        _, end = parse(raw, start)
        parts.append(raw[start:end])
        start = end
    return parts


def kind_of(raw):
    return raw[:1]


def same_members(_, ours, theirs):
    """KEYS: the order is free."""
    return sorted(parse(ours)[0]) == sorted(parse(theirs)[0]) and kind_of(ours) == kind_of(theirs) == b"*"


def both_some_key(_, ours, theirs):
    """RANDOMKEY: some key of the stream, or null on both sides (equal bytes then)."""
    return all(kind_of(raw) == b"$" and raw != b"$-1\r\n" for raw in (ours, theirs))


def numbers(ours, theirs):
    return (int(raw[1:]) if kind_of(raw) == b":" else None for raw in (ours, theirs))


def close(limit, exact_from):
    """TTL and relative EXPIRETIME: the servers ran the command some milliseconds apart."""

    def compare(_, ours, theirs):
        a, b = numbers(ours, theirs)
        return None not in (a, b) and min(a, b) >= 0 and abs(a - b) <= limit and max(a, b) < exact_from

    return compare


def same_kind(*kinds):
    """TIME and CLIENT ID: only the shape is defined."""

    def compare(_, ours, theirs):
        return kind_of(ours) == kind_of(theirs) and kind_of(ours) in kinds

    return compare


def packed(_, ours, theirs):
    """DUMP: Redis packs what becomes shorter by it. That each restores the dumps of the other one, travel() shows."""
    ours, theirs = (raw.split(b"\r\n", 1)[1] for raw in (ours, theirs))
    return theirs.startswith(b"\x00\xc3") and len(ours) > len(theirs)


def client_reply(command, ours, theirs):
    """CLIENT: the ID alone is free."""
    return command[1].lower() == b"id" and same_kind(b":")(command, ours, theirs)


def hello(_, ours, theirs):
    """HELLO: the client's ID is free."""
    ours, theirs = parse(ours)[0], parse(theirs)[0]
    if not isinstance(ours, list) or not isinstance(theirs, list) or len(ours) != len(theirs):
        return False
    position = theirs.index(b"$2\r\nid\r\n") + 1
    return ours[:position] + ours[position + 1 :] == theirs[:position] + theirs[position + 1 :]


# SCAN has no row: Run.scan() walks both databases to the end and compares the sets of keys.
COMPARE = {
    b"keys": same_members,
    b"randomkey": both_some_key,
    b"ttl": close(TOLERANCE_MS // 1000, float("inf")),
    b"pttl": close(TOLERANCE_MS, float("inf")),
    b"expiretime": close(TOLERANCE_MS // 1000, EXACT_MS // 1000),
    b"pexpiretime": close(TOLERANCE_MS, EXACT_MS),
    b"time": same_kind(b"*"),
    b"dump": packed,
    b"client": client_reply,
    b"hello": hello,
}

# Servers and connections


class Server:
    """A server of our own, stopped at the end. `address` is a port or the path of a socket."""

    def __init__(self, name, arguments, directory, address=None):
        self.name = name
        self.address = address
        self.output = []
        self.process = subprocess.Popen(
            arguments, cwd=directory, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
        )
        watchdog = threading.Timer(TIMEOUT_S, self.process.kill)
        watchdog.start()
        ready = self.read_until_ready()
        watchdog.cancel()
        if not ready or not self.address:
            self.process.kill()
            sys.exit("%s did not start:\n%s" % (name, b"".join(self.output).decode(errors="replace")))
        self.reader = threading.Thread(target=lambda: self.output.extend(self.process.stdout))
        self.reader.start()

    def read_until_ready(self):
        for line in self.process.stdout:
            self.output.append(line)
            port = re.search(rb"port (\d+)", line)
            if port and not self.address:
                self.address = int(port.group(1))
            if b"eady to accept connections" in line:  # Redis: "The server is now ready ..." on a path
                return True
        return False

    def connect(self):
        return Connection(self)

    def stop(self):
        """True if the server was still there and ended well (a sanitizer would say no)."""
        self.process.terminate()
        try:
            self.process.wait(TIMEOUT_S)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self.reader.join()
        if self.process.returncode != 0:
            print("%s ended with %d:" % (self.name, self.process.returncode))
            print(b"".join(self.output[-50:]).decode(errors="replace"))
        return self.process.returncode == 0


class Connection:
    """A raw connection: bytes out, the raw bytes of single replies in."""

    def __init__(self, server):
        self.server = server
        if isinstance(server.address, int):
            self.socket = socket.create_connection(("127.0.0.1", server.address))
            self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        else:
            self.socket = socket.socket(socket.AF_UNIX)
            self.socket.connect(server.address)
        self.socket.setblocking(False)
        self.received = b""

    def exchange(self, data, count):
        """Sends and returns the next `count` replies; reads while it writes, so that nobody gets stuck."""
        replies = []
        while data or len(replies) < count:
            readable, writable, _ = select.select([self.socket], [self.socket] if data else [], [], TIMEOUT_S)
            if writable:
                data = data[self.socket.send(data) :]
            if readable:
                received = self.socket.recv(1 << 20)
                if not received:
                    raise ConnectionError("%s closed after reply %d" % (self.server.name, len(replies)))
                self.received += received
                self.take_replies(replies, count)
            if not readable and not writable:
                raise ConnectionError("%s does not answer after reply %d" % (self.server.name, len(replies)))
        return replies

    def take_replies(self, replies, count):
        start = 0
        while len(replies) < count and start < len(self.received):
            try:
                _, end = parse(self.received, start)
            except ValueError:  # the rest of a line is still to come
                break
            if end > len(self.received):
                break
            replies.append(self.received[start:end])
            start = end
        self.received = self.received[start:]

    def ask(self, *command):
        return self.exchange(encode([part.encode() for part in command]), 1)[0]


# The run


class Difference(Exception):
    pass


class Run:
    """One stream through both servers. Sessions are pairs of connections: (BlitzDB's, Redis's)."""

    def __init__(self, ours, theirs, seed):
        self.servers = (ours, theirs)
        self.seed = seed
        self.generator = Generator(seed)
        self.sessions = [self.open_session() for _ in range(3)]
        self.compared = 0
        self.queues = {}  # of MULTI, by session

    def open_session(self):
        return tuple(server.connect() for server in self.servers)

    def fail(self, command, ours, theirs):
        shown = lambda raw: repr(raw if len(raw) < 2000 else raw[:2000] + b"...")
        raise Difference(
            "difference at command %d of seed %d\n  command: %r\n  blitzdb: %s\n  redis:   %s"
            % (self.compared, self.seed, command, shown(ours), shown(theirs))
        )

    def note(self, session, command, ours, theirs):
        """Checks a reply; that of EXEC is one of each command that was queued."""
        queue = self.queues.get(session)
        name = command[0].lower()
        if name == b"exec" and queue and kind_of(ours) == kind_of(theirs) == b"*" and ours != theirs:
            parts = elements(ours), elements(theirs)
            if len(parts[0]) != len(queue) or len(parts[1]) != len(queue):
                self.fail(command, ours, theirs)
            for queued, our_part, their_part in zip(queue, *parts):
                self.check(queued, our_part, their_part)
        else:
            self.check(command, ours, theirs)
        if name in (b"multi", b"exec", b"discard", b"reset") and kind_of(theirs) != b"-":
            self.queues[session] = []
        elif theirs == b"+QUEUED\r\n":
            self.queues[session].append(command)

    def check(self, command, ours, theirs):
        if ours != theirs:
            compare = COMPARE.get(command[0].lower())
            if compare is None or kind_of(ours) == b"-" or not compare(command, ours, theirs):
                self.fail(command, ours, theirs)
        self.compared += 1

    def batch(self, session, commands):
        """Sends the commands as one pipeline to both servers and compares reply by reply."""
        inline = lambda command: encode_inline(command) if self.generator.chance(2) else None
        data = b"".join(inline(command) or encode(command) for command in commands)
        ours, theirs = (connection.exchange(data, len(commands)) for connection in session)
        for command, our_reply, their_reply in zip(commands, ours, theirs):
            self.note(session, command, our_reply, their_reply)

    def walk(self, connection, first, command):
        """Goes on with SCAN from its first reply to the end; the set of keys seen."""
        cursor, keys = parse(first)[0]
        seen = set(keys)
        while cursor != b"$1\r\n0\r\n":
            (reply,) = connection.exchange(encode([b"scan", cursor.split(b"\r\n")[1]] + command[2:]), 1)
            cursor, keys = parse(reply)[0]
            seen.update(keys)
        return seen

    def scan(self, session, command):
        first = [connection.exchange(encode(command), 1)[0] for connection in session]
        if kind_of(first[0]) == b"-" or kind_of(first[1]) == b"-":
            self.check(command, *first)
            return
        if command[1] == b"0":  # what another cursor means is the server's affair
            sets = [self.walk(connection, reply, command) for connection, reply in zip(session, first)]
            if sets[0] != sets[1]:
                self.fail(command, b" ".join(sorted(sets[0])), b" ".join(sorted(sets[1])))
        self.compared += 1

    def commands(self, count, with_scans=True):
        """Runs the stream. SCAN needs several requests and so ends the pipeline it would stand in."""
        while self.compared < count:
            session = self.generator.pick(self.sessions)
            size = 1 if self.generator.chance(20) else self.generator.random.randint(2, 60)
            pending = []
            scans = []
            while len(pending) < size and not scans:
                for command in self.generator.next():
                    (scans if command[0].lower() == b"scan" else pending).append(command)
            self.batch(session, pending)
            for command in scans if with_scans else []:
                self.scan(session, command)

    def fixed(self):
        """The fixed commands, one by one, so that a reply too many would be seen, too; the last one is QUIT."""
        for protocol in (b"2", b"3"):
            session = self.open_session()
            self.batch(session, [[b"hello", protocol]])
            for command in fixed_commands():
                self.note(session, command, *(each.exchange(encode(command), 1)[0] for each in session))

    def descriptions(self):
        """COMMAND INFO: name, arity, flags and key positions of every command."""
        session = self.open_session()
        ignored = {b"+loading\r\n", b"+stale\r\n"}  # there is no such state here
        for name in parse(session[0].ask("command", "list"))[0]:
            command = ["command", "info", name.split(b"\r\n")[1].decode()]
            if command[-1] in NEWER:
                continue
            replies = [connection.ask(*command) for connection in session]
            entries = [parse(raw)[0][0] for raw in replies]
            told = [entry[:2] + sorted(set(entry[2]) - ignored) + entry[3:6] for entry in entries]
            if told[0] != told[1]:
                self.fail(command, *replies)
            self.compared += 1

    def watches(self):
        """What another connection does to a watched key, and whether EXEC goes on."""
        self.batch(self.sessions[0], [[b"hello", b"2"], [b"flushall"]])
        watching, other = self.open_session(), self.open_session()
        for line in WATCHED.strip().split("\n"):
            setup, key, change = (part.split() for part in line.split("|"))
            words = lambda texts: [text.encode() for text in texts]
            for session, commands in (
                (other, [[b"select", b"0"], [b"flushall"]] + ([words(setup)] if setup else [])),
                (watching, [[b"watch"] + words(key)]),
                (other, [words(change)]),
                (watching, [[b"multi"], [b"dbsize"], [b"exec"], [b"multi"], [b"exec"]]),
            ):
                try:
                    self.batch(session, commands)
                except Difference as problem:
                    raise Difference("%s\n  watching: %s" % (problem, line)) from None

    def travel(self):
        """Values that one server dumps, the other one restores; short ones are dumped as the same bytes."""
        ours, theirs = self.open_session()
        pick = self.generator.random
        values = [b"%d" % (sign * (2**bits + more)) for bits in (3, 7, 8, 15, 16, 31, 32, 63) for sign in (1, -1)
                  for more in (-1, 0)]
        values += [self.generator.value() for _ in range(100)] + [b"007", b"-0", b" 1", b"x" * 63, b"x" * 64]
        values += [b"ab" * 5000, b"x" * 16383, b"x" * 16384, pick.randbytes(20000), pick.randbytes(50) * 1000]
        values += [bytes(pick.choices(b"ab", k=size)) for size in (30, 300, 3000, 300_000)]
        for value in values:
            dumps = []
            for source, target in ((ours, theirs), (theirs, ours)):
                source.exchange(encode([b"set", b"k", value]), 1)
                dump = source.exchange(encode([b"dump", b"k"]), 1)[0].split(b"\r\n", 1)[1][:-2]
                restored, got = target.exchange(
                    encode([b"restore", b"k", b"0", dump, b"replace"]) + encode([b"get", b"k"]), 2
                )
                if restored != b"+OK\r\n" or got != b"$%d\r\n%s\r\n" % (len(value), value):
                    self.fail([b"restore", value], restored, got)
                dumps.append(dump)
            if len(value) <= 20 and dumps[0] != dumps[1]:
                self.fail([b"dump", value], *dumps)
            self.compared += 1

    def many_keys(self):
        """More keys than one step of KEYS or SCAN takes, which the stream never has."""
        session = self.sessions[0]
        keys = [b"many:%d" % i for i in range(5000)]
        pairs = [part for key in keys for part in (key, key)]
        self.batch(session, [[b"hello", b"2"], [b"select", b"0"], [b"flushall"], [b"mset"] + pairs])
        self.batch(session, [[b"dbsize"], [b"keys", b"*"], [b"keys", b"*[1-3]*7"], [b"exists"] + keys])
        for options in ([], [b"count", b"7"], [b"match", b"*9?", b"count", b"100"], [b"count", b"5001"]):
            self.scan(session, [b"scan", b"0"] + options)
        self.batch(session, [[b"del"] + keys[1:], [b"dbsize"], [b"randomkey"]])

    def contents(self):
        """Compares all keys, values and expiries of every database."""
        session = self.open_session()
        total = 0
        for database in range(DATABASES):
            self.batch(session, [[b"select", b"%d" % database], [b"keys", b"*"], [b"dbsize"]])
            keys = [raw.split(b"\r\n", 1)[1][:-2] for raw in parse(session[1].ask("keys", "*"))[0]]
            total += len(keys)
            for key in keys:
                self.batch(session, [[b"get", key], [b"pexpiretime", key]])
        return total

    def counters(self):
        """Compares the hits and misses that INFO reports, before any SCAN: Redis counts hits in SCAN TYPE."""
        session = self.open_session()
        for pattern in (rb"keyspace_hits:\d+", rb"keyspace_misses:\d+"):
            ours, theirs = (re.findall(pattern, connection.ask("info", "stats")) for connection in session)
            if ours != theirs:
                self.fail([b"info", b"stats"], b"".join(ours), b"".join(theirs))

    def deliberate(self):
        """The deliberate differences are as they are written down, and nothing of them stays."""
        for reason, commands, theirs_expected, ours_expected in DELIBERATE:
            session = self.open_session()
            ours, theirs = ([each.ask(*text.split()) for text in commands][-1] for each in session)
            if (ours, theirs) != (ours_expected, theirs_expected):
                raise Difference(
                    "not as written down (%s)\n  commands: %r\n  blitzdb: %r\n  redis:   %r"
                    % (reason, commands, ours, theirs)
                )
            for connection in session:
                connection.ask("flushall")


def start_servers(options, directory):
    """BlitzDB on a free port; Redis on a Unix socket, because it cannot choose a free port itself."""
    redis_socket = os.path.join(directory, "redis.sock")
    redis_options = ["--port", "0", "--unixsocket", redis_socket, "--save", "", "--appendonly", "no"]
    ours = Server("blitzdb-server", [os.path.abspath(options.server), "--port", "0"], directory)
    try:
        theirs = Server("redis-server", [options.redis] + redis_options, directory, redis_socket)
    except BaseException:
        ours.stop()
        raise
    return ours, theirs


def compare(ours, theirs, options):
    """Everything in its order; true if no difference was found."""
    run = Run(ours, theirs, options.seed)
    try:
        run.deliberate()
        run.fixed()
        run.descriptions()
        run.commands(options.commands // 10, with_scans=False)
        run.counters()
        run.watches()
        run.travel()
        run.many_keys()
        run.commands(options.commands)
        keys = run.contents()
    except (Difference, ConnectionError) as problem:
        print("%s\nseed %d: 1 difference after %d commands" % (problem, options.seed, run.compared))
        return False
    summary = "seed %d: %d commands compared, 0 differences, %d keys at the end"
    print(summary % (options.seed, run.compared, keys))
    return True


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--server", required=True, help="path of blitzdb-server")
    parser.add_argument("--redis", default="redis-server", help="the reference, Redis 7.0")
    parser.add_argument("--commands", type=int, default=100_000)
    parser.add_argument("--seed", type=int, default=random.SystemRandom().randrange(2**32))
    options = parser.parse_args()

    directory = tempfile.mkdtemp(prefix="blitzdb-differential-")
    try:
        ours, theirs = start_servers(options, directory)
        try:
            equal = compare(ours, theirs, options)
        finally:
            ended_well = [server.stop() for server in (ours, theirs)]
        return 0 if equal and all(ended_well) else 1
    finally:
        shutil.rmtree(directory, ignore_errors=True)


if __name__ == "__main__":
    sys.exit(main())
