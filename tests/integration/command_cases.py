"""Cases of end_to_end.py: the commands about the server, the connections and the commands themselves."""

import os
import re
import signal
import threading
import time

from server_process import TIMEOUT_S, ServerProcess
from wire import Client, Failure, expect, receive_rest

SYNTAX = Failure("ERR syntax error")
NUMBER = re.compile(rb"\d+")


def is_text(reply):
    return isinstance(reply, bytes)


def is_help(reply):
    return len(reply) > 2 and all(map(is_text, reply)) and reply[-2] == b"HELP"


def arity(name):
    return Failure("ERR wrong number of arguments for '%s' command" % name)


def unknown(parent):
    return Failure("ERR unknown subcommand 'FOO'. Try %s HELP." % parent)


# Words, and the reply or what must be true of it. Asked in both protocols, in this order, by one client each.
TABLE = [
    ("TIME", lambda reply: len(reply) == 2 and all(NUMBER.fullmatch(part) for part in reply)),
    ("TIME x", arity("time")),
    ("LASTSAVE", lambda reply: isinstance(reply, int) and reply > 0),
    ("LASTSAVE x", arity("lastsave")),
    ("SHUTDOWN foo", SYNTAX),
    ("SHUTDOWN SAVE NOSAVE", SYNTAX),
    ("SHUTDOWN NOSAVE ABORT", SYNTAX),
    ("SHUTDOWN ABORT", Failure("ERR No shutdown in progress.")),
    ("BGSAVE foo", SYNTAX),
    ("BGSAVE SCHEDULE foo", SYNTAX),
    ("BGREWRITEAOF foo", arity("bgrewriteaof")),
    ("SAVE foo", arity("save")),
    ("CLIENT", arity("client")),
    ("CLIENT FOO", unknown("CLIENT")),
    ("CLIENT HELP", is_help),
    ("CLIENT ID", lambda reply: isinstance(reply, int) and reply > 0),
    ("CLIENT ID x", arity("client|id")),
    ("CLIENT GETNAME", None),
    ("CLIENT SETNAME a\nb", Failure("ERR Client names cannot contain spaces, newlines or special characters.")),
    ("CLIENT SETNAME tester", b"OK"),
    ("CLIENT GETNAME", b"tester"),
    ("CLIENT SETNAME", arity("client|setname")),
    ("CLIENT SETINFO lib-name mylib", b"OK"),
    ("CLIENT SETINFO LIB-VER 1.2", b"OK"),
    ("CLIENT SETINFO foo 1", Failure("ERR Unrecognized option 'foo'")),
    ("CLIENT SETINFO lib-ver a\nb", Failure("ERR lib-ver cannot contain spaces, newlines or special characters.")),
    ("CLIENT SETINFO lib-name", arity("client|setinfo")),
    ("CLIENT INFO", lambda reply: b" name=tester " in reply and b" lib-name=mylib lib-ver=1.2" in reply),
    ("CLIENT INFO x", arity("client|info")),
    ("CLIENT NO-EVICT on", b"OK"),
    ("CLIENT NO-EVICT off", b"OK"),
    ("CLIENT NO-EVICT foo", SYNTAX),
    ("CLIENT NO-TOUCH on", b"OK"),
    ("CLIENT NO-TOUCH off", b"OK"),
    ("CLIENT NO-TOUCH", arity("client|no-touch")),
    ("CLIENT LIST", lambda reply: b" name=tester " in reply and reply.endswith(b"\n")),
    ("CLIENT LIST TYPE normal", lambda reply: b" name=tester " in reply),
    ("CLIENT LIST TYPE replica", b""),
    ("CLIENT LIST TYPE foo", Failure("ERR Unknown client type 'foo'")),
    ("CLIENT LIST ID 999999999", b""),
    ("CLIENT LIST ID x", Failure("ERR Invalid client ID")),
    ("CLIENT LIST foo", SYNTAX),
    ("CONFIG", arity("config")),
    ("CONFIG FOO", unknown("CONFIG")),
    ("CONFIG GET", arity("config|get")),
    ("CONFIG HELP", is_help),
    ("COMMAND COUNT", lambda reply: reply > 50),
    ("COMMAND COUNT x", arity("command|count")),
    ("COMMAND FOO", unknown("COMMAND")),
    ("COMMAND HELP", is_help),
    ("COMMAND INFO nosuch", [None]),
    ("COMMAND INFO get nosuch get|x", lambda reply: reply[0][0] == b"get" and reply[1:] == [None, None]),
    ("COMMAND LIST foo", SYNTAX),
    ("COMMAND LIST FILTERBY foo x", SYNTAX),
    ("COMMAND LIST FILTERBY MODULE x", []),
    ("COMMAND LIST FILTERBY ACLCAT nosuch", []),
    ("COMMAND LIST FILTERBY ACLCAT string", lambda reply: b"append" in reply and b"del" not in reply),
    ("COMMAND LIST FILTERBY PATTERN getd*", [b"getdel"]),
    ("INFO nosuch", b""),
    ("INFO cluster", b"# Cluster\r\ncluster_enabled:0\r\n"),
    ("RESET", b"RESET"),
]


def case_commands(server):
    """Commands about the server with good and bad arguments, in both protocols."""
    for protocol in (2, 3):
        client = Client(server, protocol)
        for words, expected in TABLE:
            reply = client.ask(*words.split(" "))
            holds = expected(reply) if callable(expected) else (type(reply), reply) == (type(expected), expected)
            expect(holds, "RESP%d, %r answered %r" % (protocol, words, reply))


def case_arity(server):
    """Every command and subcommand refuses an argument too few and, if their number is fixed, one too many."""
    for protocol in (2, 3):
        client = Client(server, protocol)
        entries = client.ask("COMMAND")
        for entry in entries + [child for entry in entries for child in entry[9]]:
            name, number = entry[0].decode(), entry[1]
            given = name.split("|") + ["x"] * (abs(number) - len(name.split("|")) - 1)
            for words in [given] * (abs(number) > len(name.split("|"))) + [given + ["x", "x"]] * (number > 0):
                reply = client.ask(*words)
                refusal = arity(name)
                if name == "exec":  # as in Redis, also where there is nothing to discard
                    refusal = "EXECABORT Transaction discarded because of: " + refusal[len("ERR ") :]
                expect(isinstance(reply, Failure) and reply == refusal, "%r answered %r" % (words, reply))


def case_command_catalog(server):
    """COMMAND, its COUNT, INFO, LIST and DOCS agree with each other, in both protocols."""
    for protocol in (2, 3):
        client = Client(server, protocol)
        entries = client.ask("COMMAND")
        names = client.ask("COMMAND", "LIST")
        expect(client.ask("COMMAND", "COUNT") == len(names) == len(set(names)), "COUNT is the length of LIST")
        expect(sorted(entry[0] for entry in entries) == sorted(names), "COMMAND describes what LIST names")
        expect(client.ask("COMMAND", "INFO") == entries, "INFO without names is COMMAND")
        documented = client.ask_map("COMMAND", "DOCS")
        expect(sorted(documented) == sorted(names), "DOCS without names has all")
        children = [child for entry in entries for child in entry[9]]
        for entry in entries + children:
            expect(len(entry) == 10 and isinstance(entry[1], int), "the shape of %r" % entry)
            expect(client.ask("COMMAND", "INFO", entry[0]) == [entry], "INFO of %r" % entry[0])
            (fields,) = client.ask_map("COMMAND", "DOCS", entry[0]).values()
            fields = client.as_map(fields)
            expect({b"summary", b"since", b"group"} <= set(fields), "DOCS of %r" % entry[0])
        expect(len(children) > 10, "there are subcommands")


def case_client_list(server):
    """CLIENT LIST has a line of key=value for every connection, and CLIENT INFO is the own one."""
    for protocol in (2, 3):
        clients = [Client(server, protocol) for _ in range(5)]
        ids = [client.ask("CLIENT", "ID") for client in clients]
        expect(len(set(ids)) == 5, "every connection has a number of its own")
        for number, client in zip(ids, clients):
            client.ask("CLIENT", "SETNAME", "c%d" % number)

        def listed(*filters):
            lines = clients[0].ask("CLIENT", "LIST", *filters).decode().splitlines()
            fields = [dict(word.split("=", 1) for word in line.split(" ")) for line in lines]
            return {int(each["id"]): each for each in fields}

        everybody = listed()
        expect(all(everybody[number]["name"] == "c%d" % number for number in ids), "all are in the list")
        expect(all(everybody[number]["resp"] == str(protocol) for number in ids), "with their protocol")
        expect(set(listed("ID", ids[1], ids[3], 999999999)) == {ids[1], ids[3]}, "the list of two")
        expect(set(ids) <= set(listed("TYPE", "NORMAL")), "all are normal clients")
        own = clients[2].ask("CLIENT", "INFO").decode()
        expect(own.startswith("id=%d " % ids[2]) and " name=c%d " % ids[2] in own, "CLIENT INFO: %r" % own)
        for client in clients:
            client.close()


def case_config_get(server):
    """CONFIG GET matches patterns without regard to case, and names a setting once."""
    for protocol in (2, 3):
        client = Client(server, protocol)
        everything = client.ask_map("CONFIG", "GET", "*")
        expect({b"maxmemory", b"appendonly", b"save", b"port", b"dir", b"timeout"} <= set(everything), "CONFIG GET *")
        expect(all(map(is_text, everything.values())), "every setting has a value")
        for patterns in (["databases"], ["database[s]", "databases", "DATABASES"]):
            pair = client.ask("CONFIG", "GET", *patterns)
            expect(len(pair) == (1 if protocol == 3 else 2), "%r is one pair" % pair)
            expect(client.as_map(pair) == {b"databases": b"16"}, "%r is 16" % pair)
        limits = client.ask_map("CONFIG", "GET", "maxmemory-p*", "MAXMEMORY", "time?ut")
        expect(set(limits) == {b"MAXMEMORY", b"maxmemory-policy", b"timeout"}, "patterns: %r" % limits)
        expect(client.ask_map("CONFIG", "GET", "nosuch") == {}, "no such setting")


# What redis-cli --stat and redis_exporter look for.
FIELDS = """
redis_version redis_mode os process_id run_id tcp_port uptime_in_seconds connected_clients blocked_clients maxclients
used_memory used_memory_human used_memory_rss used_memory_peak used_memory_lua maxmemory maxmemory_policy
mem_fragmentation_ratio loading rdb_changes_since_last_save rdb_bgsave_in_progress rdb_last_save_time
rdb_last_bgsave_status rdb_last_bgsave_time_sec rdb_current_bgsave_time_sec aof_enabled aof_rewrite_in_progress
aof_last_bgrewrite_status aof_last_write_status total_connections_received total_commands_processed
instantaneous_ops_per_sec total_net_input_bytes total_net_output_bytes rejected_connections expired_keys
evicted_keys keyspace_hits keyspace_misses role connected_slaves used_cpu_sys used_cpu_user cluster_enabled db0
""".split()
SECTIONS = "Server Clients Memory Persistence Stats Replication CPU Modules Errorstats Cluster Keyspace".split()


def case_info(server):
    """INFO is lines of key:value under headings, with what monitoring programs look for."""
    for protocol in (2, 3):
        client = Client(server, protocol)
        client.ask("MSET", "info:1", "1", "info:2", "2")
        client.ask("EXPIRE", "info:2", "1000")
        fields = client.info()
        missing = [name for name in FIELDS if name not in fields]
        expect(not missing, "INFO has no %s" % missing)
        headings = re.findall(r"(?m)^# (\w+)\r$", client.ask("INFO").decode())
        expect(headings == SECTIONS, "the sections of INFO: %r" % headings)
        for section in SECTIONS:
            text = client.ask("INFO", section.upper())
            expect(text.startswith(b"# %s\r\n" % section.encode()) and text.count(b"# ") == 1, "INFO %s" % section)
        keys = re.fullmatch(r"keys=(\d+),expires=(\d+),avg_ttl=\d+", fields["db0"])
        expect(keys and int(keys.group(1)) == client.ask("DBSIZE") and keys.group(2) == "1", fields["db0"])
        before = client.info("stats")
        client.ask("GET", "info:1")
        client.ask("GET", "info:none")
        after = client.info("stats")
        for name, difference in (("keyspace_hits", 1), ("keyspace_misses", 1), ("total_commands_processed", 3)):
            expect(int(after[name]) - int(before[name]) == difference, "%s counts" % name)
        client.ask("DEL", "info:1", "info:2")


def case_saving_in_memory(server):
    """Without a directory the commands that save are refused, with what to do about it."""
    for protocol in (2, 3):
        client = Client(server, protocol)
        for words in (["SAVE"], ["BGSAVE"], ["BGSAVE", "SCHEDULE"], ["BGREWRITEAOF"]):
            reply = client.ask(*words)
            expect(isinstance(reply, Failure) and "--dir" in reply, "%r answered %r" % (words, reply))


def insist(client, started, *words):
    """Asks for a snapshot again until none is under way, and waits until it is written and has all changes."""
    watchdog = threading.Event()
    timer = threading.Timer(TIMEOUT_S, watchdog.set)
    timer.start()
    try:
        saves = int(client.info("persistence")["rdb_saves"])
        reply = client.ask(*words)
        while isinstance(reply, Failure) and "already in progress" in reply and not watchdog.is_set():
            reply = client.ask(*words)
        expect(reply == started, "%r answered %r" % (words, reply))
        fields = client.info("persistence")
        while int(fields["rdb_saves"]) <= saves or fields["rdb_changes_since_last_save"] != "0":
            expect(not watchdog.is_set(), "%r comes to an end" % (words,))
            fields = client.info("persistence")
    finally:
        timer.cancel()


def cancel(server):
    """BGSAVE CANCEL ends a snapshot that was asked for, begun or not, and counts neither as one nor as a failure."""
    client = Client(server)
    before = client.info("persistence")
    expect(before["rdb_current_bgsave_time_sec"] == "-1" and before["current_save_keys_total"] == "0", "none runs")
    reply = client.ask("BGSAVE", "CANCEL")
    expect(isinstance(reply, Failure) and "not in progress" in reply, "nothing to cancel: %r" % reply)
    client.connection.sendall(b"BGSAVE\r\nBGSAVE CANCEL\r\n")
    expect(client.read() == b"Background saving started", "started")
    reply = client.read()
    canceled = reply == b"Background saving cancelled"
    expect(canceled or (isinstance(reply, Failure) and "not in progress" in reply), "cancel: %r" % reply)
    watchdog = time.monotonic() + TIMEOUT_S
    fields = client.info("persistence")
    while fields["rdb_bgsave_in_progress"] != "0":
        expect(time.monotonic() < watchdog, "it comes to an end")
        fields = client.info("persistence")
    expect(fields["rdb_last_bgsave_status"] == "ok", "to cancel is no failure")
    saved = int(fields["rdb_saves"]) - int(before["rdb_saves"])
    expect(saved <= 1 and (canceled or saved == 1), "what was not canceled is written, once: %d" % saved)


def case_saving(program):
    """SAVE, BGSAVE and BGREWRITEAOF write snapshots and shorten the log; nothing is lost by that."""
    server = ServerProcess(program, "--dir", "DATA")
    try:
        count = 0
        for protocol in (2, 3):
            client = Client(server, protocol)
            for started, *words in (
                (b"OK", "SAVE"),
                (b"Background saving started", "BGSAVE"),
                (b"Background saving started", "BGSAVE", "SCHEDULE"),
                (b"Background append only file rewriting started", "BGREWRITEAOF"),
            ):
                for _ in range(1000):
                    client.ask("SET", "long:%d" % (count % 2000), "%0100d" % count)
                    count += 1
                before, saved = client.info("persistence"), client.ask("LASTSAVE")
                insist(client, started, *words)
                after = client.info("persistence")
                shorter = int(after["aof_current_size"]) < int(before["aof_current_size"]) - 100000
                expect(shorter, "%r shortens the log" % (words,))
                expect(after["rdb_last_bgsave_status"] == "ok", "%r is a success" % (words,))
                expect(client.ask("LASTSAVE") >= saved, "LASTSAVE does not go back")
        cancel(server)
        client.ask("SET", "later", "1")
        expect(server.signal(signal.SIGKILL) == -signal.SIGKILL, "killed")
        server.start()
        client = Client(server)
        expect(client.ask("DBSIZE") == 2001 and client.ask("EXISTS", "later") == 1, "all keys are there")
        values = [client.ask("GET", "long:%d" % (i % 2000)) for i in range(count - 2000, count)]
        expect(values == [b"%0100d" % i for i in range(count - 2000, count)], "with their last values")
    finally:
        server.stop()


def shut_down(server, *words):
    """Ends the server by SHUTDOWN, which has no reply."""
    client = Client(server)
    client.connection.sendall(b"".join(b"%s " % word.encode() for word in ("SHUTDOWN",) + words) + b"\r\n")
    expect(receive_rest(client.connection) == b"", "SHUTDOWN %r has no reply" % (words,))
    expect(server.wait() == 0, "SHUTDOWN %r ends well" % (words,))


def case_shutdown(program):
    """SHUTDOWN ends the server with exit status 0; what it saves without a log follows its words."""
    server = ServerProcess(program, "--dir", "DATA", "--appendonly", "no", "--save", "3600 1")
    try:
        for words, kept in (((), True), (("SAVE",), True), (("nosave",), False), (("SAVE", "NOW", "FORCE"), True)):
            key = "key:" + "".join(words)
            expect(Client(server, 3).ask("SET", key, "1") == b"OK", "SET")
            shut_down(server, *words)
            server.start()
            expect(Client(server).ask("EXISTS", key) == int(kept), "after SHUTDOWN %r" % (words,))
    finally:
        server.stop()
    server = ServerProcess(program, "--dir", "DATA")
    try:
        Client(server).ask("SET", "k", "v")
        shut_down(server, "NOSAVE")
        server.start()
        expect(Client(server).ask("GET", "k") == b"v", "the log has it, whatever SHUTDOWN saves")
        expect(os.path.exists(server.socket), "the socket is there while the server runs")
        shut_down(server)
        expect(not os.path.exists(server.socket), "and not afterwards")
    finally:
        server.stop()


ON_ONE_SERVER = [
    case_commands,
    case_arity,
    case_command_catalog,
    case_client_list,
    case_config_get,
    case_info,
    case_saving_in_memory,
]
ON_THEIR_OWN = [case_saving, case_shutdown]
