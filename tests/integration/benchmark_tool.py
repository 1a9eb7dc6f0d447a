#!/usr/bin/python3
"""blitzdb-benchmark against real servers: its counts add up, its output can be read, nothing wrong goes unsaid.

    benchmark_tool.py --server build/dev/bin/blitzdb-server --benchmark build/dev/bin/blitzdb-benchmark

Redis and memcached are driven too where they are installed. No case measures a time; those about latencies are about
what a server that answers late on purpose must at least make of them.
"""

import argparse
import contextlib
import csv
import io
import json
import os
import re
import select
import shutil
import signal
import socket
import subprocess
import tempfile
import threading

from server_process import TIMEOUT_S, ServerProcess
from wire import Client, expect

KEYS = 3000


class Tool:
    """The program, and what it said last on standard error."""

    def __init__(self, program):
        self.program = program
        self.error = ""

    def run(self, status, *arguments):
        """Its standard output, if it ends with this status."""
        environment = {name: value for name, value in os.environ.items() if name != "REDISCLI_AUTH"}
        done = subprocess.run(
            [self.program, *map(str, arguments)],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=TIMEOUT_S,
            check=False,
            env=environment,
        )
        self.error = done.stderr.decode()
        said = "%r ended with %d: %s%s" % (arguments, done.returncode, done.stdout.decode(), self.error)
        expect(done.returncode == status, said)
        return done.stdout.decode()

    def measure(self, status, *arguments):
        return json.loads(self.run(status, *arguments, "--json", "--quiet"))


class OtherServer:
    """A server that is no part of BlitzDB, on a free port."""

    def __init__(self, *command):
        self.folder = tempfile.mkdtemp(prefix="blitzdb-test-")
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]
        command = [word.replace("PORT", str(self.port)) for word in command]
        self.process = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, cwd=self.folder
        )
        while True:
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", self.port)) == 0:
                    break
            expect(self.process.poll() is None, "%r ended at once" % command)

    def stop(self):
        self.process.terminate()
        self.process.wait(TIMEOUT_S)
        shutil.rmtree(self.folder, ignore_errors=True)


@contextlib.contextmanager
def stopped_at_end(server):
    """A failed case leaves no server behind."""
    try:
        yield server
    finally:
        server.stop()


class LateServer:
    """Answers +OK to everything, but its first answer only after some time."""

    def __init__(self, late_s):
        self.late_s = late_s
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        self.thread = threading.Thread(target=self.serve, daemon=True)
        self.thread.start()

    def serve(self):
        connection, _ = self.listener.accept()
        first = connection.recv(65536)
        select.select([], [], [], self.late_s)
        connection.sendall(b"+OK\r\n" * first.count(b"*"))
        while data := connection.recv(65536):
            connection.sendall(b"+OK\r\n" * data.count(b"*"))
        connection.close()
        self.listener.close()


def commands_processed(client):
    return int(client.info("stats")["total_commands_processed"])


def check_counts(tool, server):
    """What the program says it did is what the server says happened."""
    client = Client(server)
    where = ["-p", server.port, "-r", KEYS]
    before = commands_processed(client)
    filled = tool.measure(0, *where, "--fill", "-n", 0, "-t", 3)
    between = commands_processed(client)
    expect(filled["filled_keys"] == KEYS and filled["operations"] == 0, "filling: %r" % filled)
    expect(client.ask("DBSIZE") == KEYS, "every key once: %r" % client.ask("DBSIZE"))
    expect(between - before == KEYS + 1, "commands while filling: %d" % (between - before))

    before = commands_processed(client)
    done = tool.measure(0, *where, "-n", 10007, "-c", 13, "-t", 3, "-P", 7, "--verify", "--ratio", "3:7")
    after = commands_processed(client)
    expect(after - before == 10007 + 1, "the server counts %d" % (after - before))
    expect(done["operations"] == 10007 and done["keys"] == 10007, "operations: %r" % done)
    expect(done["misses"] == done["errors"] == done["wrong_values"] == 0, "nothing is wrong: %r" % done)
    names = ["min", "p50", "p90", "p99", "p99.9", "p99.99", "max"]
    latencies = [done["latency_%s_us" % name] for name in names]
    expect(latencies == sorted(latencies) and latencies[0] > 0, "percentiles rise: %r" % latencies)
    client.close()


def check_workloads(tool, server):
    """Every kind of work, all values verified."""
    where = ["-p", server.port, "-r", KEYS, "-n", 5000, "-c", 5]
    for more in (
        ["-s", server.socket, "-P", 16],
        ["-3", "--mget", 20, "--ratio", "0:1"],
        ["--distribution", "zipf", "--ratio", "1:1", "-t", 2],
        ["--distribution", "sequential", "-P", 64],
        ["--db", 3, "--fill", "-d", "1-3000", "--ratio", "1:1", "-P", 5],
        ["--db", 4, "--fill", "--key-prefix", "p", "--key-size", 5, "-d", 0],
        ["--warm-up", 0.05, "--idle", 20],
    ):
        done = tool.measure(0, *where, *more, "--verify")
        expect(done["operations"] == 5000, "%r: operations %d" % (more, done["operations"]))
        wrong = done["misses"] + done["errors"] + done["wrong_values"]
        expect(wrong == 0, "%r: %r" % (more, done))
    done = tool.measure(0, *where, "--mget", 7, "--ratio", "0:1")
    expect(done["keys"] == 7 * 5000, "keys of MGET: %d" % done["keys"])


def check_custom(tool, server):
    client = Client(server)
    tool.measure(0, "-p", server.port, "--incr", "-n", 4000, "-r", 10)
    total = sum(int(client.ask("GET", "num:%012d" % number)) for number in range(10))
    expect(total == 4000, "every INCR counted: %d" % total)
    command = ["--command", "SET x__key__ a__data__ EX 1000", "--distribution", "sequential"]
    tool.measure(0, "-p", server.port, *command, "-n", 5, "-c", 1, "-d", 9)
    expect(client.ask("STRLEN", "xkey:000000000004") == 10, "a command of the user's")
    client.close()


def check_wrong_answers(tool, server):
    """Errors, misses and wrong values are counted and make the exit status."""
    client = Client(server)
    where = ["-p", server.port, "-n", 900, "-r", KEYS]
    done = tool.measure(3, *where, "--command", "INCR __key__")
    expect(done["errors"] == done["operations"] == 900, "every INCR of a text fails: %r" % done)
    expect(done["first_error"].startswith("ERR value is not an integer"), done["first_error"])
    done = tool.measure(0, *where, "--ratio", "0:1", "--key-prefix", "none")
    expect(done["misses"] == 900, "every GET misses: %r" % done)
    client.ask("SET", "key:%012d" % 5, "x" * 64)
    few = ["-p", server.port, "-r", 10, "-n", 100, "--ratio", "0:1", "--distribution", "sequential"]
    done = tool.measure(3, *few, "--verify")
    expect(done["wrong_values"] > 0, "a wrong value is found: %r" % done)
    expect(done["wrong_values"] < 50, "the others are right: %r" % done)
    text = tool.run(3, *where, "--command", "NOSUCH", "-q")
    expect("errors      900, the first: ERR unknown command" in text, text)
    client.close()


def check_rate(tool, server):
    """As many commands as the plan has, whatever the number of threads and connections."""
    for rate, seconds, more in ((4000, 0.5, []), (3001, 0.2, ["-t", 3, "-c", 4]), (100, 0.25, ["-c", 1])):
        done = tool.measure(0, "-p", server.port, "--rate", rate, "--duration", seconds, *more)
        wanted = int(rate * seconds)
        expect(done["scheduled"] == done["operations"] == wanted, "%d due: %r" % (wanted, done))
        expect(done["unsent"] == 0, "all were sent: %r" % done)
    done = tool.measure(0, "-p", server.port, "--rate", 5000, "-n", 777)
    expect(done["scheduled"] == done["operations"] == 777, "so many requests: %r" % done)


def check_late_server(tool):
    """All that was due while the server did not answer waited, and the latencies tell."""
    server = LateServer(0.4)
    done = tool.measure(0, "-p", server.port, "-c", 1, "--rate", 1000, "--duration", 0.5, "--command", "PING")
    server.thread.join(TIMEOUT_S)
    expect(done["operations"] == 500, "all were sent: %r" % done)
    # The one due after n ms waited 400 - n ms at least, so half of the 500 waited 150 ms and more.
    expect(done["latency_max_us"] >= 400000, "the first waited 400 ms: %r" % done)
    expect(done["latency_p50_us"] >= 149000, "half of them waited 150 ms: %r" % done)

    server = LateServer(0.4)
    done = tool.measure(0, "-p", server.port, "-c", 1, "-n", 500, "--command", "PING")
    server.thread.join(TIMEOUT_S)
    expect(done["latency_max_us"] >= 400000, "in a closed loop one waits: %r" % done)


def check_output(tool, server):
    """JSON and CSV say the same things; a server's process can be looked at."""
    where = ["-p", server.port, "-n", 20000, "-P", 16, "--server-pid", server.process.pid, "--label", 'a "b", c', "-q"]
    where += ["--idle", 10]
    named = json.loads(tool.run(0, *where, "--json"))
    rows = list(csv.reader(io.StringIO(tool.run(0, *where, "--format", "csv"))))
    expect(len(rows) == 2 and rows[0] == list(named), "the columns of CSV are the names in JSON: %r" % rows)
    row = dict(zip(*rows))
    expect(row["label"] == named["label"] == 'a "b", c', "a label comes back: %r" % row["label"])
    for figures in (named, row):
        expect(float(figures["server_cpu_us_per_operation"]) > 0, "processor time: %r" % figures)
        expect(int(figures["server_resident_bytes"]) > 1 << 20, "memory: %r" % figures)
        expect("server_bytes_per_idle_connection" in figures, "idle connections: %r" % figures)
    text = tool.run(0, *where)
    for part in ("commands    20000 in ", "p99.99 ", "server CPU ", "server RAM ", "for an idle connection"):
        expect(part in text, "%r is not in %s" % (part, text))
    expect(tool.error == "", "quiet: " + tool.error)
    tool.run(0, "-p", server.port, "-n", 10)
    expect("measuring: 10 commands in " in tool.error, "progress: " + tool.error)


def check_connections(tool, server):
    client = Client(server)
    before = int(client.info("stats")["total_connections_received"])
    tool.measure(0, "-p", server.port, "-n", 100, "-c", 7, "-t", 2, "--idle", 30)
    after = int(client.info("stats")["total_connections_received"])
    expect(after - before == 37, "connections: %d" % (after - before))
    client.close()


def check_failures(tool, server):
    """Every failure names what failed and what to do."""
    expect(tool.run(0, "--help").startswith("usage: blitzdb-benchmark"), "help")
    expect(tool.run(0, "--version").startswith("blitzdb-benchmark 0."), "version")
    tool.run(2, "--pipeline", "0")
    expect(tool.error.startswith("blitzdb-benchmark: --pipeline must be"), tool.error)
    with socket.socket() as unheard:
        unheard.bind(("127.0.0.1", 0))
        port = unheard.getsockname()[1]
        tool.run(1, "-p", port)
        expect("cannot connect to 127.0.0.1:%d: Connection refused" % port in tool.error, tool.error)
        expect("-h and -p say where" in tool.error, tool.error)
    tool.run(1, "-s", os.path.join(server.folder, "none"))
    expect("No such file" in tool.error and "none" in tool.error, tool.error)
    tool.run(1, "-p", server.port, "--server-pid", 2**22 + 1)
    expect("there is no process" in tool.error, tool.error)
    tool.run(1, "-p", server.port, "--protocol", "memcached", "-n", 10, "-q")
    expect("another protocol" in tool.error, tool.error)


def check_manual(tool):
    """The manual page has every option of --help and no other."""
    root = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
    with open(os.path.join(root, "server", "man", "blitzdb-benchmark.1"), encoding="utf-8") as file:
        items = re.findall(r"^\.It (.*Fl .*)$", file.read(), re.M)
    described = {name for item in items for name in re.findall(r"Fl -([a-z-]+)", item)}
    told = set(re.findall(r"--([a-z][a-z-]+)", tool.run(0, "--help")))
    expect(described == told, "the page and --help differ: %r" % (described ^ told))


def check_password(tool, program):
    with stopped_at_end(ServerProcess(program, "--requirepass", "open sesame")) as server:
        where = ["-p", server.port, "-n", 20]
        done = tool.measure(3, *where)
        expect(done["errors"] == 20 and done["first_error"].startswith("NOAUTH"), "without: %r" % done)
        for more in ([], ["-3"], ["--user", "default"]):
            tool.measure(0, *where, "-a", "open sesame", *more)
            tool.run(1, *where, "-a", "wrong", *more)
            expect("WRONGPASS" in tool.error, tool.error)


def check_interrupt(tool, server):
    """Ctrl-C ends the run with what was measured until then."""
    client = Client(server)
    before = int(client.info("stats")["total_connections_received"])
    command = [tool.program, "-p", str(server.port), "--duration", "1000", "-c", "9", "--json", "-q"]
    process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE)
    try:
        first = seen = commands_processed(client)
        while seen < first + 1000 or int(client.info("stats")["total_connections_received"]) < before + 9:
            expect(process.poll() is None, "it runs")
            seen = commands_processed(client)
        process.send_signal(signal.SIGINT)
        output, _ = process.communicate(timeout=TIMEOUT_S)
    finally:
        process.kill()
    expect(process.returncode == 0 and json.loads(output)["operations"] > 0, "the result so far: %r" % output)
    client.close()


def check_redis(tool):
    """Redis understands it as well."""
    if shutil.which("redis-server") is None:
        print("redis-server is not installed")
        return
    with stopped_at_end(OtherServer("redis-server", "--port", "PORT", "--save", "", "--bind", "127.0.0.1")) as server:
        check_counts(tool, server)
        check_rate(tool, server)
        check_connections(tool, server)
        done = tool.measure(0, "-p", server.port, "-r", KEYS, "-n", 3000, "-3", "--mget", 10, "--verify", "-P", 4)
        expect(done["wrong_values"] == done["misses"] == 0, "values of Redis: %r" % done)


def check_memcached(tool):
    if shutil.which("memcached") is None:
        print("memcached is not installed")
        return
    user = ["-u", "nobody"] if os.getuid() == 0 else []
    with stopped_at_end(OtherServer("memcached", "-p", "PORT", "-l", "127.0.0.1", "-U", "0", *user)) as server:
        where = ["-p", server.port, "-r", KEYS, "--protocol", "memcached"]
        done = tool.measure(0, *where, "--fill", "-n", 4000, "--verify", "-P", 8, "-d", "1-500", "--idle", 5)
        expect(done["filled_keys"] == KEYS and done["operations"] == 4000, "memcached: %r" % done)
        expect(done["wrong_values"] == done["misses"] == 0, "values of memcached: %r" % done)
        done = tool.measure(0, *where, "-n", 500, "--ratio", "0:1", "--mget", 10, "--verify", "-d", "1-500")
        expect(done["keys"] == 5000 and done["wrong_values"] == done["misses"] == 0, "many keys: %r" % done)
        done = tool.measure(0, *where, "-n", 500, "--ratio", "0:1", "--mget", 3, "--key-prefix", "none")
        expect(done["misses"] == 1500, "every key is missed: %r" % done)
        done = tool.measure(3, *where, "-n", 40, "--ratio", "1:0", "-d", 2000000, "-c", 2)
        expect(done["errors"] > 0 and done["first_error"].startswith("SERVER_ERROR"), "too large: %r" % done)


def check_blitzdb(tool, program):
    with stopped_at_end(ServerProcess(program, "--appendonly", "no", "--save", "")) as server:
        check_counts(tool, server)
        check_workloads(tool, server)
        check_custom(tool, server)
        check_wrong_answers(tool, server)
        check_rate(tool, server)
        check_output(tool, server)
        check_connections(tool, server)
        check_failures(tool, server)
        check_interrupt(tool, server)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--server", required=True)
    parser.add_argument("--benchmark", required=True)
    arguments = parser.parse_args()
    tool = Tool(arguments.benchmark)
    check_manual(tool)
    check_blitzdb(tool, arguments.server)
    check_password(tool, arguments.server)
    check_late_server(tool)
    check_redis(tool)
    check_memcached(tool)


if __name__ == "__main__":
    main()
