"""Cases about what the server remembers of its commands: numbers, errors, slow ones; run by end_to_end.py."""

import re

from server_process import ServerProcess
from wire import Client, Failure, connect, encode, expect, receive


def numbers(client, section, prefix):
    """Fields of an INFO section that begin with a word: name -> {key: value}."""
    found = {}
    for name, value in client.info(section).items():
        if name.startswith(prefix):
            found[name[len(prefix) :]] = {key: float(text) for key, text in re.findall(r"([\w.]+)=([\d.]+)", value)}
    return found


def case_commandstats(server):
    """Calls, refusals and failures of every command are counted exactly, in a pipeline and alone; RESETSTAT forgets."""
    client = Client(server)
    expect(client.ask("CONFIG", "RESETSTAT") == b"OK", "CONFIG RESETSTAT")
    connection = connect(server)
    pipeline = b"".join(encode("SET", "k%d" % i, "v") + encode("GET", "k%d" % i) * 2 for i in range(100))
    connection.sendall(pipeline + encode("INCR", "k1") + encode("GET") + encode("MGET", "k1", "k2") + encode("NOSUCH"))
    answer = b"+OK\r\n$1\r\nv\r\n$1\r\nv\r\n" * 100 + b"-ERR value is not an integer or out of range\r\n"
    answer += b"-ERR wrong number of arguments for 'get' command\r\n*2\r\n$1\r\nv\r\n$1\r\nv\r\n"
    answer += b"-ERR unknown command 'NOSUCH', with args beginning with: \r\n"
    got = receive(connection, len(answer))
    expect(got == answer, "the replies: %r" % got[-200:])
    commands = numbers(client, "commandstats", "cmdstat_")
    for name, calls, rejected, failed in (("set", 100, 0, 0), ("get", 200, 1, 0), ("incr", 1, 0, 1), ("mget", 1, 0, 0)):
        found = commands[name]
        expect(
            (found["calls"], found["rejected_calls"], found["failed_calls"]) == (calls, rejected, failed),
            "%s: %r" % (name, found),
        )
    expect(all(found["usec"] < 60e6 for found in commands.values()), "no command took a minute: %r" % commands)
    expect("nosuch" not in commands and "del" not in commands, "what was not called is not shown")
    expect(client.info("errorstats") == {"errorstat_ERR": "count=3"}, "errors: %r" % client.info("errorstats"))
    late = numbers(client, "latencystats", "latency_percentiles_usec_")
    expect(set(late["get"]) == {"p50", "p99", "p99.9"}, "percentiles: %r" % late["get"])
    expect(0 < late["get"]["p50"] <= late["get"]["p99"] <= late["get"]["p99.9"], "they rise: %r" % late["get"])
    histogram = client.as_map(client.as_map(client.ask("LATENCY", "HISTOGRAM", "GET"))[b"get"])
    counts = list(client.as_map(histogram[b"histogram_usec"]).values())
    expect(histogram[b"calls"] == 200 and counts == sorted(counts) and counts[-1] == 200, "%r" % histogram)
    expect(client.as_map(client.ask("LATENCY", "HISTOGRAM", "nosuch", "del")) == {}, "no histogram of what never ran")
    client.ask("CONFIG", "RESETSTAT")
    expect(client.ask("CLIENT", "PAUSE", "1000000", "WRITE") == b"OK", "writes have to wait")
    connection.sendall(encode("GET", "none") + encode("SET", "k", "v"))
    expect(receive(connection, 5) == b"$-1\r\n", "reads do not")  # and the write behind it was put off by then
    expect(client.ask("CLIENT", "UNPAUSE") == b"OK" and receive(connection, 5) == b"+OK\r\n", "and go on")
    paused = numbers(client, "commandstats", "cmdstat_")
    expect("set" in paused and paused["set"]["calls"] == 1, "what was put off is counted: %r" % paused)
    client.ask("CONFIG", "RESETSTAT")
    expect("get" not in numbers(client, "commandstats", "cmdstat_"), "RESETSTAT reaches all threads")
    expect(client.info("errorstats") == {}, "and the errors")


def case_slowlog(program):
    """With a threshold of 0 every command is in the slow log, but no password; with -1 none is."""
    server = ServerProcess(program, "--slowlog-log-slower-than", "0", "--requirepass", "pass:word")
    try:
        connection = connect(server)
        connection.sendall(encode("AUTH", "pass:word") + encode("PING") + encode("SET", "k", "x" * 200) + encode("PING"))
        expect(receive(connection, 24) == b"+OK\r\n+PONG\r\n+OK\r\n+PONG\r\n", "the replies")
        connection.sendall(encode("SLOWLOG", "GET", "-1"))
        text = connection.recv(65536)
        expect(b"pass:word" not in text, "the password is nowhere")
        expect(text.startswith(b"*3\r\n*6\r\n:2\r\n"), "three entries: %r" % text[:40])
        expect(text.count(b"$4\r\nPING\r\n") == 2 and b"xxx... (72 more bytes)" in text, "each by itself: %r" % text)
        connection.sendall(encode("SLOWLOG", "LEN") + encode("SLOWLOG", "RESET"))
        expect(receive(connection, 9) == b":4\r\n+OK\r\n", "SLOWLOG GET itself is the fourth one")
        connection.sendall(encode("CONFIG", "SET", "slowlog-log-slower-than", "-1") + encode("SLOWLOG", "RESET"))
        connection.sendall(encode("PING") + encode("SLOWLOG", "LEN"))
        expect(receive(connection, 21) == b"+OK\r\n+OK\r\n+PONG\r\n:0\r\n", "nothing is logged any more")
    finally:
        server.stop()


SYNTAX = Failure("ERR syntax error")


def is_refused(name):
    """The command says that it is left out, and the connection stays."""
    return lambda reply: isinstance(reply, Failure) and reply.startswith("ERR '%s' is not available: " % name)


TABLE = [
    ("SLOWLOG GET -2", Failure("ERR count should be greater than or equal to -1")),
    ("SLOWLOG GET x", Failure("ERR count should be greater than or equal to -1")),
    (
        "SLOWLOG GET 1 2",
        Failure("ERR unknown subcommand or wrong number of arguments for 'GET'. Try SLOWLOG HELP."),
    ),
    ("SLOWLOG RESET", b"OK"),
    ("SLOWLOG LEN", 0),
    ("SLOWLOG GET", []),
    ("LATENCY RESET", 0),
    ("LATENCY RESET nosuch command", 0),
    ("LATENCY LATEST", []),
    ("LATENCY HISTORY nosuch", []),
    ("LATENCY HISTORY command", []),
    ("LATENCY GRAPH nosuch", Failure("ERR No samples available for event 'nosuch'")),
    ("LATENCY GRAPH command", Failure("ERR No samples available for event 'command'")),
    ("LATENCY DOCTOR", lambda reply: b"latency-monitor-threshold" in reply),
    ("LATENCY HELP", lambda reply: reply[0].startswith(b"LATENCY <subcommand>")),
    ("EVAL x 0", is_refused("eval")),
    ("EVALSHA x 0", is_refused("evalsha")),
    ("FCALL_RO f 0", is_refused("fcall_ro")),
    ("SCRIPT LOAD x", is_refused("script|load")),
    ("SCRIPT EXISTS a b", [0, 0]),
    ("SCRIPT FLUSH", b"OK"),
    ("SCRIPT FLUSH ASYNC", b"OK"),
    ("SCRIPT FLUSH foo", Failure("ERR SCRIPT FLUSH only support SYNC|ASYNC option")),
    ("SCRIPT KILL", Failure("NOTBUSY No scripts in execution right now.")),
    ("SCRIPT DEBUG no", b"OK"),
    ("SCRIPT DEBUG yes", is_refused("script|debug")),
    ("FUNCTION LIST", []),
    ("FUNCTION LIST LIBRARYNAME x WITHCODE", []),
    ("FUNCTION LIST foo", Failure("ERR Unknown argument foo")),
    ("FUNCTION LIST LIBRARYNAME", Failure("ERR library name argument was not given")),
    ("FUNCTION FLUSH SYNC", b"OK"),
    ("FUNCTION FLUSH foo", Failure("ERR FUNCTION FLUSH only supports SYNC|ASYNC option")),
    ("FUNCTION DUMP", b"\n\x00]\x9b\\@\x0f\x7f\xa2\xda"),
    ("FUNCTION LOAD x", is_refused("function|load")),
    ("FUNCTION RESTORE x", is_refused("function|restore")),
    ("FUNCTION DELETE x", Failure("ERR Library not found")),
    ("MODULE LIST", []),
    ("MODULE LOAD x", is_refused("module|load")),
    ("CLUSTER INFO", Failure("ERR This instance has cluster support disabled")),
    ("CLUSTER NODES", Failure("ERR This instance has cluster support disabled")),
    ("READONLY", Failure("ERR This instance has cluster support disabled")),
    ("ROLE", [b"master", 0, []]),
    ("REPLICAOF no one", b"OK"),
    ("SLAVEOF NO ONE", b"OK"),
    ("REPLICAOF a b", Failure("ERR Invalid master port")),
    ("REPLICAOF a 1", is_refused("replicaof")),
    ("SYNC", is_refused("sync")),
    ("PSYNC ? -1", is_refused("psync")),
    ("FAILOVER", Failure("ERR FAILOVER requires connected replicas.")),
    ("FAILOVER ABORT", Failure("ERR No failover in progress.")),
    ("ACL WHOAMI", b"default"),
    ("ACL USERS", [b"default"]),
    ("ACL LIST", [b"user default on nopass ~* &* +@all"]),
    ("ACL GETUSER nobody", None),
    ("ACL CAT", lambda reply: len(reply) == 21 and b"dangerous" in reply),
    ("ACL CAT scripting", lambda reply: b"eval" in reply and b"get" not in reply),
    ("ACL CAT nosuch", Failure("ERR Unknown category 'nosuch'")),
    ("ACL SETUSER x", is_refused("acl|setuser")),
    ("ACL DELUSER x", 0),
    ("ACL DELUSER x default", Failure("ERR The 'default' user cannot be removed")),
    ("ACL GENPASS", lambda reply: len(reply) == 64),
    ("ACL GENPASS 5", lambda reply: len(reply) == 2),
    ("ACL GENPASS 4096", lambda reply: len(reply) == 1024),
    ("ACL LOG", []),
    ("ACL LOG RESET", b"OK"),
    ("ACL DRYRUN default GET a", b"OK"),
    ("ACL DRYRUN nobody GET a", Failure("ERR User 'nobody' not found")),
    ("ACL DRYRUN default nosuch", Failure("ERR Command 'nosuch' not found")),
    ("DEBUG SLEEP 0", lambda reply: reply.startswith("ERR DEBUG command not allowed.")),
    ("LOLWUT", lambda reply: b"BlitzDB ver. " in reply),
    ("LOLWUT VERSION 5 20 8 1", lambda reply: reply.count(b"\n") == 9 and b"_" * 20 + b"\n" in reply),
    ("LOLWUT 999999999999 -5 1", lambda reply: b"_" * 200 in reply),
    ("LOLWUT VERSION x", Failure("ERR value is not an integer or out of range")),
    ("SET object:int 12345", b"OK"),
    ("SET object:zero 0123", b"OK"),
    ("SET object:long " + "x" * 45, b"OK"),
    ("OBJECT ENCODING object:int", b"int"),
    ("OBJECT ENCODING object:zero", b"embstr"),
    ("OBJECT ENCODING object:long", b"raw"),
    ("OBJECT ENCODING object:none", None),
    ("OBJECT FREQ object:none", None),
    ("OBJECT IDLETIME object:none", None),
    ("OBJECT REFCOUNT object:none", None),
    ("OBJECT REFCOUNT object:long", 1),
    ("OBJECT FREQ object:int", lambda reply: reply.startswith("ERR An LFU maxmemory policy is not selected, ")),
    ("OBJECT IDLETIME object:int", lambda reply: reply.startswith("ERR idle time not tracked: ")),
    ("OBJECT HELP", lambda reply: reply[0].startswith(b"OBJECT <subcommand>")),
    ("MEMORY USAGE object:none", None),
    ("MEMORY USAGE object:long", lambda reply: 45 < reply < 100),
    ("MEMORY USAGE object:long SAMPLES 0", lambda reply: 45 < reply < 100),
    ("MEMORY USAGE object:long SAMPLES -1", SYNTAX),
    ("MEMORY USAGE object:long SAMPLES", SYNTAX),
    ("MEMORY USAGE object:long foo 1", SYNTAX),
    ("MEMORY USAGE object:long SAMPLES x", Failure("ERR value is not an integer or out of range")),
    ("MEMORY DOCTOR", lambda reply: len(reply) > 20),
    ("MEMORY PURGE", b"OK"),
    ("MEMORY MALLOC-STATS", lambda reply: b"entries: " in reply),
    ("DEL object:int object:zero object:long", 3),
    ("SLOWLOG HELP", lambda reply: reply[0].startswith(b"SLOWLOG <subcommand>")),
]


def case_statistics_commands(server):
    """The commands of this chapter with good and bad arguments, in both protocols."""
    for protocol in (2, 3):
        client = Client(server, protocol)
        for words, expected in TABLE:
            reply = client.ask(*words.split(" "))
            holds = expected(reply) if callable(expected) else (type(reply), reply) == (type(expected), expected)
            expect(holds, "RESP%d, %r answered %r" % (protocol, words, reply))


def case_debug(program):
    """DEBUG SLEEP holds up its own thread, if the setting allows it to a connection of this machine."""
    server = ServerProcess(program, "--enable-debug-command", "local", "--latency-monitor-threshold", "20")
    try:
        client = Client(server)
        expect(client.ask("DEBUG", "SLEEP", "0.05") == b"OK", "DEBUG SLEEP")
        expect(client.ask("DEBUG", "FOO").startswith("ERR unknown subcommand"), "DEBUG FOO")
        # On a busy machine others are slow, too; from here on none is noted any more.
        client.ask("CONFIG", "SET", "latency-monitor-threshold", "0")
        events = {event: (last, longest) for event, _, last, longest in client.ask("LATENCY", "LATEST")}
        last, longest = events[b"command"]
        expect(longest >= last and longest >= 50, "LATENCY LATEST: %r" % events)
        history = [milliseconds for _, milliseconds in client.ask("LATENCY", "HISTORY", "command")]
        expect(max(history) == longest and history[-1] == last, "LATENCY HISTORY: %r" % history)
        expect(b"ms |####" in client.ask("LATENCY", "GRAPH", "command"), "LATENCY GRAPH")
        expect(b"command: %d samples" % len(history) in client.ask("LATENCY", "DOCTOR"), "LATENCY DOCTOR")
        slow = {tuple(words): microseconds for _, _, microseconds, words, _, _ in client.ask("SLOWLOG", "GET", "-1")}
        expect(slow.get((b"DEBUG", b"SLEEP", b"0.05"), 0) >= 50000, "SLOWLOG: %r" % slow)
        expect(client.ask("LATENCY", "RESET") == len(events), "LATENCY RESET")
        expect(client.ask("LATENCY", "LATEST") == [], "nothing is left")
    finally:
        server.stop()


def case_memory(program):
    """MEMORY STATS agrees with INFO, and OBJECT FREQ rises with use where the policy goes by it."""
    server = ServerProcess(program, "--maxmemory", "64mb", "--maxmemory-policy", "allkeys-lfu")
    try:
        for protocol in (2, 3):
            client = Client(server, protocol)
            client.ask("SET", "fresh", "x" * 1000)
            stats = client.ask_map("MEMORY", "STATS")
            info = client.info("memory")
            expect(stats[b"total.allocated"] == int(info["used_memory"]), "used memory: %r" % stats)
            expect(stats[b"dataset.bytes"] == int(info["used_memory_dataset"]), "data: %r" % stats)
            expect(stats[b"keys.count"] == client.ask("DBSIZE"), "keys: %r" % stats)
            expect(0 < float(stats[b"dataset.percentage"]) < 100, "ratios are doubles: %r" % stats)
            expect(client.ask("OBJECT", "FREQ", "fresh") == 0, "a new key")
            client.ask("GET", "fresh")
            expect(client.ask("OBJECT", "FREQ", "fresh") == 1, "a key that was used")
            expect(client.ask("OBJECT", "IDLETIME", "fresh").startswith("ERR An LFU maxmemory policy is"), "LFU")
            client.ask("DEL", "fresh")
    finally:
        server.stop()


ON_ONE_SERVER = [case_commandstats, case_statistics_commands]
ON_THEIR_OWN = [case_slowlog, case_debug, case_memory]
