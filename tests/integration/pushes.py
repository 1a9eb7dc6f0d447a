#!/usr/bin/python3
"""Everything that reaches a client unasked: publications, keyspace events, invalidations, what MONITOR shows.

    pushes.py --server build/dev/bin/blitzdb-server [--redis redis-server] [case...]

The same steps are taken at redis-server and at our server, with several threads, and every reply and every push must be
the same, in the same order for each connection. Nothing is waited for by time: a connection that has to have got
everything asks for a PONG and reads until it comes. Cases on many connections at once follow, for our server alone.
"""

import argparse
import re
import shutil
import socket
import sys
import threading

from introspection import Redis
from server_process import ServerProcess
from wire import connect, encode, expect, receive_rest

THREADS = 3


class Push(tuple):
    """A message of RESP3 that is no reply."""


class Connection:
    """One connection that tells replies and pushes apart. A subscriber in RESP2 gets its pushes as replies."""

    def __init__(self, server, protocol=2, unix=False):
        self.socket = connect(server, unix=unix)
        self.reader = self.socket.makefile("rb")
        self.fence, self.answers = ("PING", "fence"), (b"fence", [b"pong", b"fence"])
        self.number = None
        if protocol == 3:
            self.ask("HELLO", 3)
        self.number = self.ask("CLIENT", "ID")[0]

    def send(self, *words):
        self.socket.sendall(encode(*words))

    def read(self):
        line = self.reader.readline()
        if not line.endswith(b"\r\n"):
            raise EOFError
        kind, rest = line[:1], line[1:-2]
        if kind in b"+-":
            return kind + rest
        if kind == b":":
            return int(rest)
        if kind == b"_" or rest == b"-1":
            return None
        if kind == b"%":
            return [self.read() for _ in range(2 * int(rest))]
        if kind in b"*~":
            return [self.read() for _ in range(int(rest))]
        if kind == b">":
            return Push(self.read() for _ in range(int(rest)))
        expect(kind in b"$=", "an unknown kind of reply: %r" % line)
        return self.reader.read(int(rest) + 2)[:-2]

    def choose_fence(self, words):
        """What will be answered, whatever the session has become: a queue answers nothing but what it refuses, and
        who wants no replies gets the confirmations of subscriptions all the same."""
        if words[0] == "MULTI":
            self.fence, self.answers = ("MULTI",), (b"-ERR MULTI calls can not be nested",)
        elif words[:2] == ("CLIENT", "REPLY") and words[2] in ("OFF", "SKIP"):
            self.fence, self.answers = ("UNSUBSCRIBE", "fence"), None
        elif words[0] in ("EXEC", "DISCARD", "RESET") or words == ("CLIENT", "REPLY", "ON"):
            self.fence, self.answers = ("PING", "fence"), (b"fence", [b"pong", b"fence"])

    def is_fence(self, thing):
        if self.answers is not None:
            return thing in self.answers
        return isinstance(thing, (list, Push)) and tuple(thing[:2]) == (b"unsubscribe", b"fence")

    def drain(self):
        """Everything that was on its way, up to the answer to something asked for now."""
        self.send(*self.fence)
        got = []
        while not got or not self.is_fence(got[-1]):
            got.append(self.read())
        return got[:-1]

    def ask(self, *words):
        """All that comes for a command: its replies, if there are any, and pushes."""
        self.send(*words)
        first = [self.read()] if words[0] == "MULTI" else []
        if first in ([], [b"+OK"]):
            self.choose_fence(words)
        return first + self.drain()

    def close(self):
        self.reader.close()
        self.socket.close()


# Who takes part in a scenario: name -> protocol.
PEOPLE = {"a": 2, "b": 3, "s": 2, "t": 3, "u": 2}

# name: steps, each "who COMMAND ... + COMMAND ...", sent at once; #x is the number of x's connection.
SCENARIOS = {
    "subscriptions": """
        s SUBSCRIBE c1 c2 c1|t SUBSCRIBE c1|t PSUBSCRIBE c* p?|s PSUBSCRIBE [a-c]1|a PUBLISH c1 hello|a PUBLISH nobody x
        a PUBSUB NUMSUB c1 c2 c3|a PUBSUB NUMPAT|a PUBSUB CHANNELS c1|a PUBSUB CHANNELS x*|s GET k|s PING|s PING there
        s CLIENT LIST|s SSUBSCRIBE sh|a SPUBLISH sh one|a PUBSUB SHARDNUMSUB sh|a PUBSUB SHARDCHANNELS|t GET k|t PING
        s UNSUBSCRIBE c1|a PUBLISH c1 again|s UNSUBSCRIBE nothing|s PUNSUBSCRIBE|s UNSUBSCRIBE c2|s SUNSUBSCRIBE|s GET k
        t UNSUBSCRIBE c1|t PUNSUBSCRIBE c*|a PUBLISH c1 x|a PUBLISH p1 y|t PUNSUBSCRIBE|t UNSUBSCRIBE|s SUBSCRIBE q|s RESET
        a PUBLISH q x|s GET k|a PUBLISH|a PUBLISH x|s SUBSCRIBE|a PUBSUB NOSUCH|a PUBSUB CHANNELS a b|a PUBSUB NUMPAT x
        s SUBSCRIBE r|s MULTI|t MULTI|t SUBSCRIBE m1|t PUBLISH m2 x|t EXEC|a PUBLISH m1 x|t UNSUBSCRIBE""",
    "events": """
        a CONFIG SET notify-keyspace-events KEAm|a CONFIG GET notify-keyspace-events|t PSUBSCRIBE __key*__:*|a SET k v
        a SET k v EX 100|a SET k v KEEPTTL|a SET k v2 GET|a SET k v NX|a SET n1 v GET|a SETEX k 10 v|a PSETEX k 10000 v
        a SETNX k v|a SETNX k2 v|a GETSET k v|a GET none|a MGET k none none2|a EXISTS none k none|a TYPE none|a TTL none
        a TOUCH none k|a STRLEN none|a GETRANGE none 0 1|a GETDEL none|a GETEX none|a GETDEL k2|a GETEX k EX 100
        a GETEX k PERSIST|a GETEX k PERSIST|a GETEX k PXAT 1|a MSET a 1 b 2|a MSETNX a 1 c 2|a MSETNX d 1 c 2|a INCR a
        a DECR a|a INCRBY a 4|a DECRBY a 4|a INCRBYFLOAT a 1.5|a APPEND a xx|a APPEND newa xx|a SETRANGE a 1 yy
        a SETRANGE none 5 x|a SETBIT bb 3 1|a SETBIT bb 3 1|a SETBIT bb 3 0|a GETBIT none1 0|a BITCOUNT none1|a BITPOS none1 1
        a BITOP AND dest a bb|a BITOP AND dest n1x n2x|a BITOP AND dest n1x n2x|a BITFIELD bf SET u8 0 200|a BITFIELD bf GET u8 0
        a BITFIELD none1 GET u8 0|a DEL a b a|a DEL a|a UNLINK c d|a EXPIRE bb 100|a EXPIRE bb 200 NX|a PEXPIREAT bb 1|a SET x 1
        a EXPIRE x 0|a EXPIRE none1 10|a SET x 1|a PERSIST x|a EXPIRE x 100|a PERSIST x|a RENAME x y|a SET x 2|a RENAME x y
        a RENAME y y|a RENAMENX y z|a RENAME none1 z|a COPY z w|a COPY z w|a COPY z w REPLACE|a COPY none1 w|a COPY z w2 DB 3
        a MOVE w 4|a MOVE none1 4|a LCS none1 none2|a SORT none1|a EXPIRETIME none1|a DUMP none1|a SET m 1|a MULTI|a SET m 2
        a INCR m|a DEL m|a EXEC|a INCR z|a SELECT 5|a SET five 5|a SELECT 0|a FLUSHDB|a CONFIG SET notify-keyspace-events Eg$
        a SET k v|a DEL k|a CONFIG SET notify-keyspace-events Kx|a SET k v|a CONFIG SET notify-keyspace-events KEn|a SET fresh 1
        a SET fresh 2|a INCR fresh2|a RENAME fresh fresh2|a CONFIG SET notify-keyspace-events KQ
        a CONFIG SET notify-keyspace-events ""|a SET k v|t PUNSUBSCRIBE""",
    "tracking": """
        b CLIENT TRACKING ON|b CLIENT TRACKINGINFO|b CLIENT GETREDIR|b MGET k1 k2|a SET k1 1|a SET k1 2|b GET k1|a DEL k1
        a MSET k2 a k3 b|b GET k1|b SET k1 mine|b GET none|a SET none 1|b GET k2|a FLUSHDB|a FLUSHALL|b CLIENT CACHING YES
        b CLIENT CACHING NO|b CLIENT TRACKING ON BCAST|b CLIENT TRACKING OFF|b GET k1|a SET k1 x|b CLIENT TRACKING ON NOLOOP
        b GET k1|b SET k1 mine|b GET k1|a APPEND k1 x|b CLIENT TRACKING OFF|b CLIENT TRACKING ON OPTIN|b GET k1|a SET k1 y
        b CLIENT CACHING YES|b CLIENT TRACKINGINFO|b GET k1|a SET k1 z|b CLIENT TRACKING ON OPTOUT|b CLIENT TRACKING OFF
        b CLIENT TRACKING ON OPTOUT|b CLIENT CACHING NO|b GET k1|a SET k1 z|b GET k1|a SET k1 z|b CLIENT TRACKING OFF
        b CLIENT TRACKING ON BCAST PREFIX a PREFIX b|b CLIENT TRACKINGINFO|a SET a1 1|a SET c1 1|a INCR b1|b SET a1 own
        b CLIENT TRACKING ON BCAST PREFIX abc|b CLIENT TRACKING ON|b CLIENT TRACKING OFF|b CLIENT TRACKING ON PREFIX x
        b CLIENT TRACKING ON OPTIN OPTOUT|b CLIENT TRACKING ON OPTIN BCAST|b CLIENT TRACKING ON REDIRECT 999999
        b CLIENT TRACKING FOO|b CLIENT TRACKING ON BCAST NOLOOP|b SET a1 own|a SET zz 1|b CLIENT TRACKING OFF
        u SUBSCRIBE __redis__:invalidate|a CLIENT TRACKING ON REDIRECT #u|a CLIENT GETREDIR|a GET k1|b SET k1 1|a GET k1
        b FLUSHALL|a CLIENT TRACKINGINFO|a CLIENT TRACKING OFF|a GET k1|b SET k1 1|b CLIENT TRACKING ON REDIRECT #u|b GET k1
        a EXPIRE k1 100|u RESET|b GET k1|a SET k1 nobody_listens|b RESET|b CLIENT TRACKINGINFO""",
    "caching": """
        b CLIENT TRACKING ON OPTIN|b CLIENT CACHING YES + GET k1|a SET k1 1|b CLIENT CACHING YES + CLIENT ID + GET k1
        a SET k1 2|b CLIENT CACHING YES + PING + GET k1|a SET k1 3|b CLIENT CACHING YES + GET + GET k1|a SET k1 4
        b CLIENT CACHING YES + NOSUCH + GET k1|a SET k1 5|b CLIENT CACHING YES + WAIT 0 0 + GET k1|a SET k1 6
        b CLIENT CACHING YES + MULTI + GET k1 + GET k2 + GET k3 + EXEC|a MSET k1 a k2 b k3 c|b GET k1|a SET k1 7
        b MULTI + GET k1 + CLIENT CACHING YES + GET k2 + GET k3 + EXEC + GET k4|a MSET k1 a k2 b k3 c k4 d
        b CLIENT CACHING YES + MULTI + DISCARD + GET k1|a SET k1 8|b CLIENT CACHING YES + MULTI + GET + EXEC + GET k1
        a SET k1 9|b CLIENT TRACKING OFF|b CLIENT TRACKING ON OPTOUT|b CLIENT CACHING NO + GET k1 + GET k2|a MSET k1 a k2 b
        b CLIENT CACHING NO + MULTI + GET k1 + GET k2 + EXEC + GET k3|a MSET k1 a k2 b k3 c|b CLIENT TRACKING OFF""",
    "sessions": """
        a CLIENT REPLY OFF|a PING|a CLIENT REPLY ON|a CLIENT REPLY FOO|a CLIENT KILL foo
        t CLIENT REPLY OFF|t SUBSCRIBE c|a PUBLISH c x|t UNSUBSCRIBE c|t CLIENT REPLY ON|u CLIENT REPLY OFF|u RESET|u GET x
        a CLIENT KILL ID x|a CLIENT KILL ID 99999|a CLIENT KILL ID 0|a CLIENT KILL TYPE foo|a CLIENT KILL TYPE replica
        a CLIENT KILL USER nouser|a CLIENT KILL SKIPME foo|a CLIENT KILL ADDR 1.2.3.4:5 ID|a CLIENT KILL FOO bar
        a CLIENT KILL ID #a|a CLIENT PAUSE x|a CLIENT PAUSE -1|a CLIENT PAUSE 1 FOO|a CLIENT PAUSE 0|a CLIENT UNPAUSE
        a CLIENT UNBLOCK x|a CLIENT UNBLOCK 9999|a CLIENT UNBLOCK 9999 foo|a CLIENT NO-EVICT foo|a CLIENT LIST TYPE foo
        a CLIENT LIST ID|a CLIENT LIST ID 1 x|a CLIENT LIST FOO|s SUBSCRIBE c|a CLIENT KILL TYPE pubsub|a PUBSUB NUMSUB c
        a CONFIG SET client-output-buffer-limit foo|a CONFIG GET client-output-buffer-limit|a MULTI|a MONITOR|a EXEC""",
    "monitor": """
        u MONITOR|a SET k "v|a AUTH secret|a HELLO 2|a CLIENT SETNAME foo|a MULTI|a SET a b|a INCR nonum|a EXEC|a PUBLISH x y
        a nosuch x|a GET|a CONFIG GET port|a SELECT 1|a GET k|a SELECT 0|u GET k|u RESET|a SET k v|u GET k""",
}


def words_of(step, people):
    who, *words = step.split(" ")
    words = ["" if word == '""' else word for word in words]
    return who, [str(people[word[1]].number) if re.fullmatch("#[a-z]", word) else word for word in words]


def normal(thing, people):
    """What may differ between the servers: numbers of connections, time and address in the lines of MONITOR."""
    if isinstance(thing, list):
        return [normal(each, people) for each in thing]
    if isinstance(thing, Push):
        return Push(normal(each, people) for each in thing)
    if isinstance(thing, int):
        return next(("#" + name for name, who in people.items() if who.number == thing and thing > 1), thing)
    if isinstance(thing, bytes):
        return re.sub(rb"^\+\d+\.\d{6} \[(\d+) [^\]]*\]", rb"+TIME [\1 ADDRESS]", thing)
    return thing


def split_invalidations(got):
    """Redis gathers the keys of BCAST in one push, we push each: the keys in their order are what counts."""
    for each in got:
        if isinstance(each, Push) and each[0] == b"invalidate" and each[1]:
            yield from (Push((b"invalidate", [key])) for key in each[1])
        else:
            yield each


def play(server, steps, unix):
    """What everybody gets in each step."""
    people = {name: Connection(server, protocol, unix) for name, protocol in PEOPLE.items()}
    people["a"].ask("FLUSHALL")
    # Numbers are told apart from counts by being large.
    story = []
    for step in re.split(r"[|\n]", steps.strip()):
        *firsts, last = step.strip().split(" + ")
        for first in firsts:
            who, words = words_of(first if first is firsts[0] else who + " " + first, people)
            people[who].send(*words)
        who, words = words_of(who + " " + last if firsts else last, people)
        heard = {who: people[who].ask(*words)}
        for name, other in list(people.items()):
            if name != who:
                try:
                    heard[name] = other.drain()
                except (EOFError, ConnectionError):
                    heard[name] = ["closed"]
                    del people[name]
        if who in people:  # Redis broadcasts at the end of a turn, which may be behind the first answer
            heard[who] += people[who].drain()
        for name in heard:
            heard[name] = list(split_invalidations(normal(heard[name], people)))
        story.append((step.strip(), heard))
    for connection in people.values():
        connection.close()
    return story


def fill_numbers(server, unix):
    """Lets the numbers of connections begin where no count reaches."""
    for _ in range(200):
        connect(server, unix=unix).close()


def compare(server, redis, name):
    ours = play(server, SCENARIOS[name], False)
    theirs = play(redis, SCENARIOS[name], True)
    differences = 0
    for (step, heard), (_, expected) in zip(ours, theirs):
        for who in sorted(set(heard) | set(expected)):
            if heard.get(who) != expected.get(who):
                differences += 1
                print("%s: after %r %s got %r, with redis %r" % (name, step, who, heard.get(who), expected.get(who)))
    print("%s: %d steps, %d differences" % (name, len(ours), differences))
    return differences


# ---- Our server alone, many connections at once ----


def in_threads(functions):
    """Runs them all; the first failure is raised here."""
    failures = []

    def guarded(function):
        try:
            function()
        except BaseException as error:  # told by the main thread
            failures.append(error)

    threads = [threading.Thread(target=guarded, args=(function,)) for function in functions]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if failures:
        raise failures[0]


def order_of_messages(server, rounds=40, messages=150, publishers=3, subscribers=5):
    """Subscribers come and go while others publish: what one publisher says is heard in order and without gaps, from
    the confirmation of a subscription on and never behind that of its end."""
    done = threading.Event()

    def publish(number):
        connection = Connection(server)
        count = 0
        while not done.is_set():
            batch = b"".join(encode("PUBLISH", "news", "%d:%d" % (number, count + i)) for i in range(messages))
            count += messages
            connection.socket.sendall(batch)
            for _ in range(messages):
                connection.read()
        connection.close()

    def check(got, last):
        expect(got[0] in (b"message", b"pmessage"), "a push is %r" % (got,))
        publisher, number = got[-1].split(b":")
        number = int(number)
        expect(number == last.get(publisher, number - 1) + 1, "%d came behind %r" % (number, last.get(publisher)))
        last[publisher] = number

    def listen(protocol, pattern):
        connection = Connection(server, protocol)
        begin, end = ("PSUBSCRIBE", "PUNSUBSCRIBE") if pattern else ("SUBSCRIBE", "UNSUBSCRIBE")
        topic = "ne?s" if pattern else "news"
        for _ in range(rounds):
            last = {}
            connection.send(begin, topic)
            expect(connection.read()[0] == begin.lower().encode(), "the subscription is confirmed first")
            for _ in range(20):
                check(connection.read(), last)
            connection.send(end, topic)
            while True:
                got = connection.read()
                if got[0] == end.lower().encode():
                    break
                check(got, last)
            expect(connection.drain() == [], "nothing comes behind the end")
        connection.close()

    def listen_all():
        in_threads([lambda i=i: listen(2 + i % 2, i % 3 == 2) for i in range(subscribers)])
        done.set()

    def guarded_listen():
        try:
            listen_all()
        finally:
            done.set()

    in_threads([guarded_listen] + [lambda i=i: publish(i) for i in range(publishers)])


def caches_stay_true(server, rounds=60, keys=400, readers=2, how=()):
    """Readers walk through the keys while a writer does, so that reads and writes of the same key meet again and again.
    Each value is kept until it is told to be invalid; after each round everything that is kept must be true."""
    names = ["key%d" % i for i in range(keys)]
    writer, judge = Connection(server), Connection(server)
    connections = [Connection(server, 3) for _ in range(readers)]
    caches = [{} for _ in range(readers)]
    for connection in connections:
        expect(connection.ask("CLIENT", "TRACKING", "ON", *how) == [b"+OK"], "tracking is on")
    increments = b"".join(encode("INCR", key) for key in names)
    start = threading.Barrier(readers + 1)

    def write():
        start.wait()
        writer.socket.sendall(increments)
        for _ in names:
            writer.read()

    def take(cache, thing):
        """Takes an invalidation; False for what is none."""
        if not isinstance(thing, Push):
            return False
        expect(thing[0] == b"invalidate", "a push is %r" % (thing,))
        for key in thing[1] if thing[1] is not None else list(cache):
            cache.pop(key.decode() if isinstance(key, bytes) else key, None)
        return True

    def read(connection, cache):
        wanted = [key for key in names if key not in cache]
        batch = b"".join(encode("GET", key) for key in wanted)
        start.wait()
        connection.socket.sendall(batch)
        for key in wanted:
            value = connection.read()
            while take(cache, value):
                value = connection.read()
            cache[key] = value

    for _ in range(rounds):
        in_threads([write] + [lambda i=i: read(connections[i], caches[i]) for i in range(readers)])
        truth = {}
        for begin in range(0, keys, 40):  # few locks at once: ThreadSanitizer follows 64
            some = names[begin : begin + 40]
            truth.update(zip(some, judge.ask("MGET", *some)[0]))
        for connection, cache in zip(connections, caches):
            for thing in connection.drain():
                take(cache, thing)
            for key, value in cache.items():
                expect(truth[key] == value, "%s is %r, a client believes that it is %r" % (key, truth[key], value))
    for connection in (writer, judge, *connections):
        connection.close()


def broadcast_caches_stay_true(server):
    """The same with the invalidations of everything, whoever has read it."""
    caches_stay_true(server, rounds=20, how=("BCAST",))


def small_table(server):
    """A table too small for what is read forgets keys, and says so."""
    connection = Connection(server)
    connection.ask("CONFIG", "SET", "tracking-table-max-keys", "3")
    caches_stay_true(server, rounds=20)
    expect(int(re.search(rb"tracking_total_keys:(\d+)", connection.ask("INFO", "stats")[0]).group(1)) <= 3, "the bound")
    connection.ask("CONFIG", "SET", "tracking-table-max-keys", "1000000")
    connection.close()


def never_reading_subscriber(server):
    """Who does not read is closed at the limit; the others go on, and nothing is left of it."""
    publisher = Connection(server)
    publisher.ask("CONFIG", "SET", "client-output-buffer-limit", "pubsub 1mb 0 0")
    deaf = [Connection(server, 2 + i % 2) for i in range(4)]
    for connection in deaf:
        connection.send("SUBSCRIBE", "flood")
        connection.read()
    reader = Connection(server)
    reader.ask("SUBSCRIBE", "flood")
    payload, receivers = "x" * 100000, 5
    while receivers > 1:
        (receivers,) = publisher.ask("PUBLISH", "flood", payload)
        expect(reader.read()[2] == payload.encode(), "the one that reads gets everything")
    for connection in deaf:
        try:
            while connection.socket.recv(1 << 20):
                pass
        except ConnectionResetError:
            pass
        connection.close()
    publisher.ask("CONFIG", "SET", "client-output-buffer-limit", "pubsub 32mb 8mb 60")
    publisher.close()
    reader.close()


def soft_limit(server):
    """Who is above the soft limit for longer than it says is closed, though nothing more is sent to it."""
    publisher, deaf = Connection(server), Connection(server)
    publisher.ask("CONFIG", "SET", "client-output-buffer-limit", "pubsub 0 100000 1")
    deaf.ask("SUBSCRIBE", "flood")
    payload = "x" * 1000000
    while publisher.ask("PUBSUB", "NUMSUB", "flood") != [[b"flood", 0]]:
        # What is left for the next turn is not what the socket does not take: it may be all gone a moment later.
        if b" omem=0 " in publisher.ask("CLIENT", "LIST", "ID", deaf.number)[0]:
            publisher.ask("PUBLISH", "flood", payload)
    publisher.ask("CONFIG", "SET", "client-output-buffer-limit", "pubsub 32mb 8mb 60")
    publisher.close()
    deaf.close()


def many_subscriptions(server, channels=20000):
    """Tens of thousands of channels on one connection, and their end at once."""
    subscriber, publisher = Connection(server), Connection(server)
    batch = 1000
    for begin in range(0, channels, batch):
        subscriber.send("SUBSCRIBE", *("channel%d" % i for i in range(begin, begin + batch)))
        for i in range(begin, begin + batch):
            expect(subscriber.read()[2] == i + 1, "the subscriptions are counted")
    expect(publisher.ask("PUBLISH", "channel%d" % (channels - 1), "x") == [1], "one receiver")
    subscriber.read()
    subscriber.send("UNSUBSCRIBE")
    counts = [subscriber.read()[2] for _ in range(channels)]
    expect(counts == list(range(channels - 1, -1, -1)), "all of them end")
    expect(publisher.ask("PUBSUB", "CHANNELS") == [[]], "no channel is left")
    subscriber.close()
    publisher.close()


def expired_keys(server):
    """Keys that expire are told, to subscribers and to caches, without anybody asking for them."""
    listener, reader, writer = Connection(server, 3), Connection(server, 3), Connection(server)
    writer.ask("CONFIG", "SET", "notify-keyspace-events", "Ex")
    listener.ask("SUBSCRIBE", "__keyevent@0__:expired")
    reader.ask("CLIENT", "TRACKING", "ON")
    writer.ask("SET", "soon", "gone", "PX", "60")
    reader.send("GET", "soon")
    if reader.read() is not None:
        expect(reader.read() == Push((b"invalidate", [b"soon"])), "the cache is told")
    expect(listener.read() == Push((b"message", b"__keyevent@0__:expired", b"soon")), "the event is told")
    writer.ask("CONFIG", "SET", "notify-keyspace-events", "")
    for connection in (listener, reader, writer):
        connection.close()


def pauses(server):
    """While the server pauses, commands wait in order; UNPAUSE or the end of the time lets them run."""
    one, other = Connection(server), Connection(server)
    one.ask("SET", "k", "0")
    one.ask("CLIENT", "PAUSE", "60000", "WRITE")
    other.send("INCR", "k")
    other.send("GET", "k")
    one.send("GET", "k")
    expect(one.read() == b"0", "reads go on, writes wait")
    expect(one.ask("CLIENT", "UNPAUSE") == [b"+OK"], "the pause ends")
    expect([other.read(), other.read()] == [1, b"1"], "what waited runs in its order")
    one.ask("CLIENT", "PAUSE", "50")
    expect(other.ask("GET", "k") == [b"1"], "a pause of all ends by itself")
    other.send("WAIT", "1", "0")
    while one.ask("CLIENT", "UNBLOCK", other.number) != [1]:
        pass
    expect(other.read() == 0, "WAIT was ended")
    other.send("WAIT", "1", "0")
    while one.ask("CLIENT", "UNBLOCK", other.number, "ERROR") != [1]:
        pass
    expect(other.read() == b"-UNBLOCKED client unblocked via CLIENT UNBLOCK", "WAIT was ended by an error")
    expect(one.ask("CLIENT", "KILL", "ID", other.number) == [1], "it is there")
    expect(one.ask("CLIENT", "LIST", "ID", other.number)[0] == b"", "it is gone at once")
    expect(other.reader.read() == b"", "its connection is closed")
    one.close()


def broken_redirection(server, rounds=4):
    """Who redirects to a client that has gone is told so with the first change, though nothing else happens."""
    writers = [Connection(server) for _ in range(THREADS)]
    reader = Connection(server, 3)
    for writer in writers * rounds:
        other = Connection(server)
        reader.ask("CLIENT", "TRACKING", "ON", "REDIRECT", other.number)
        reader.ask("GET", "k")
        other.close()
        while writer.ask("CLIENT", "LIST", "ID", other.number) != [b""]:
            pass
        writer.send("SET", "k", "1")  # and nothing else, which would be one more reason to wake up
        expect(writer.read() == b"+OK", "the change is made")
        expect(reader.read() == Push((b"tracking-redir-broken", other.number)), "nobody takes the invalidations")
        reader.ask("CLIENT", "TRACKING", "OFF")
    for connection in (reader, *writers):
        connection.close()


def kill_of_a_closing_client(server, size=1 << 25):
    """CLIENT KILL drops also a client that sends no more and only waits for its output to be read."""
    judges = [Connection(server) for _ in range(2 * THREADS)]
    judges[0].ask("SET", "large", "x" * size)
    deaf = Connection(server)
    deaf.send("GET", "large")
    deaf.socket.shutdown(socket.SHUT_WR)
    for judge in judges:  # what a thread answers now it does behind what came to it before
        judge.ask("PING")
    expect(judges[0].ask("CLIENT", "KILL", "ID", deaf.number) == [1], "it is there")
    got = len(receive_rest(deaf.socket))
    expect(got < size, "it has got all of its output")
    deaf.close()
    judges[0].ask("DEL", "large")
    for judge in judges:
        judge.close()


CASES = [
    order_of_messages,
    caches_stay_true,
    broadcast_caches_stay_true,
    small_table,
    never_reading_subscriber,
    soft_limit,
    many_subscriptions,
    expired_keys,
    pauses,
    broken_redirection,
    kill_of_a_closing_client,
]


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--server", required=True)
    parser.add_argument("--redis", default="redis-server")
    parser.add_argument("cases", nargs="*")
    options = parser.parse_args()
    server = ServerProcess(options.server, "--threads", str(THREADS))
    differences = 0
    scenarios = [name for name in SCENARIOS if not options.cases or name in options.cases]
    if scenarios and shutil.which(options.redis) is not None:
        redis = Redis(options.redis)
        fill_numbers(server, False)
        fill_numbers(redis, True)
        differences = sum(compare(server, redis, name) for name in scenarios)
        redis.stop()
    for case in CASES:
        if not options.cases or case.__name__ in options.cases:
            case(server)
            print("%s: passed" % case.__name__)
    sys.exit(server.stop() or (1 if differences else 0))


if __name__ == "__main__":
    main()
