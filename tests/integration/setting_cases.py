"""Cases of end_to_end.py: settings from files and from clients, and what they do to a running server."""

import json
import os
import select
import signal
import socket
import subprocess
import tempfile

from server_process import TIMEOUT_S, ServerProcess
from wire import Client, Failure, ask, connect, expect, receive_rest


class Files:
    """A folder for configuration files; goes with the block."""

    def __enter__(self):
        self.folder = tempfile.TemporaryDirectory(prefix="blitzdb-test-")
        return self

    def __exit__(self, *_):
        self.folder.cleanup()

    def path(self, name):
        return os.path.join(self.folder.name, name)

    def write(self, name, text, mode=0o600):
        with open(self.path(name), "w") as file:
            file.write(text)
        os.chmod(self.path(name), mode)
        return self.path(name)

    def read(self, name):
        with open(self.path(name)) as file:
            return file.read()


class ConfiguredServer(ServerProcess):
    """A server with a configuration file, which comes before the options."""

    def __init__(self, program, config, *arguments, **popen):
        self.prefix = ()
        self.config = config
        super().__init__(program, *arguments, **popen)

    def command(self):
        return [self.program, self.config]


def case_config_set(program):
    """CONFIG SET changes the running server, all settings or none, and REWRITE makes that last."""
    with Files() as files:
        config = files.write("blitzdb.conf", "# mine\nmaxmemory 64mb\ndir DATA\nmaxclients 100\n")
        files.write("blitzdb.conf", files.read("blitzdb.conf").replace("DATA", files.path("data")), 0o640)
        server = ConfiguredServer(program, config, "--threads", "2")
        try:
            client, other = Client(server), connect(server)
            expect(isinstance(client.ask("CONFIG", "SET", "timeout", "7", "maxmemory", "x"), Failure), "refused")
            expect(client.ask_map("CONFIG", "GET", "timeout") == {b"timeout": b"0"}, "none of both")
            ask(other, "CONFIG", "SET", "maxmemory", "1mb", "maxmemory-policy", "noeviction", answer=b"+OK\r\n")
            replies = {client.ask("SET", "k%d" % number, b"x" * 1000) for number in range(3000)}
            expect(any(str(reply).startswith("OOM") for reply in replies), "the limit is in force: %r" % replies)
            ask(other, "CONFIG", "SET", "maxmemory", "0", "appendfsync", "always", answer=b"+OK\r\n")
            expect(client.ask("SET", "k", "v") == b"OK", "and raised again")
            expect(client.ask("CONFIG", "SET", "maxclients", "2") == b"OK", "fewer clients")
            expect(receive_rest(connect(server)) == b"-ERR max number of clients reached\r\n", "a third one is refused")
            expect(client.ask("CONFIG", "SET", "maxclients", "200") == b"OK", "more clients")
            expect(client.ask("CONFIG", "REWRITE") == b"OK", "REWRITE")
            ask(connect(server), "PING", answer=b"+PONG\r\n")
            expect(server.signal(signal.SIGTERM) == 0, "the server ends")
            text = files.read("blitzdb.conf")
            expect(text.startswith("# mine\nmaxmemory 0\ndir ") and "\nmaxclients 200\n" in text, "the file: " + text)
            expect(os.stat(config).st_mode & 0o777 == 0o640, "its mode stays")
            server.start()
            found = Client(server).ask_map("CONFIG", "GET", "appendfsync", "maxclients", "maxmemory")
            expect(found == {b"appendfsync": b"always", b"maxclients": b"200", b"maxmemory": b"0"}, "%r" % found)
        finally:
            server.stop()


def case_config_rewrite_without_file(program):
    """Without a file there is nothing to rewrite, without a folder nothing to save, and no log to sync."""
    server = ServerProcess(program)
    try:
        client = connect(server)
        ask(client, "CONFIG", "REWRITE", answer=b"-ERR The server is running without a config file\r\n")
        why = b"-ERR CONFIG SET failed (possibly related to argument '%s') - this server %s\r\n"
        ask(client, "CONFIG", "SET", "save", "60 1", answer=why % (b"save", b"keeps its data in memory only"))
        answer = why % (b"appendfsync", b"has no log that could be synced")
        ask(client, "CONFIG", "SET", "appendfsync", "always", answer=answer)
        ask(client, "CONFIG", "SET", "save", "", "appendfsync", "no", answer=b"+OK\r\n")
    finally:
        server.stop()


def case_rename_command(program):
    """A renamed command answers to its new name only, a removed one to none; a wrong renaming stops the start."""
    with Files() as files:
        renamings = 'FLUSHALL ""', 'Set "Put-It_2"', "select sel", "exec go"
        config = files.write("a.conf", "".join("rename-command %s\n" % renaming for renaming in renamings))
        server = ConfiguredServer(program, config)
        try:
            client = Client(server)
            expect(client.ask("FLUSHALL").startswith("ERR unknown command 'FLUSHALL'"), "removed")
            expect(client.ask("SET", "a", "1").startswith("ERR unknown command 'SET'"), "renamed")
            expect(client.ask("put-it_2", "a", "1") == b"OK" and client.ask("PUT-IT_2", "a", "1") == b"OK", "new name")
            expect(client.ask("GET", "a") == b"1", "and the command is the same")
            for words in (("MULTI",), ("SEL", "3"), ("PUT-IT_2", "b", "2"), ("GET", "b")):
                client.ask(*words)
            expect(client.ask("GO") == [b"OK", b"OK", b"2"], "a transaction knows them, too")
            client.ask("MULTI")
            expect(client.ask("GO", "now").startswith("EXECABORT"), "and the number of their arguments")
            expect(client.ask("DISCARD").startswith("ERR DISCARD without MULTI"), "which ends it")
            expect(client.ask("COMMAND", "INFO", "flushall") == [None], "COMMAND does not know it")
            expect(b"flushall" not in client.ask("COMMAND", "LIST"), "nor lists it")
            expect(client.ask("COMMAND", "COUNT") == len(client.ask("COMMAND", "LIST")), "nor counts it")
        finally:
            server.stop()
        for text, why in (("NOSUCH x", "there is no such command"), ("GET set", "there is a command of the new name")):
            done = subprocess.run(
                [program, files.write("b.conf", "rename-command %s\n" % text)], capture_output=True, timeout=TIMEOUT_S
            )
            expect(done.returncode == 1 and why in done.stderr.decode(), "%s: %r" % (text, done))


def case_check_config(program):
    """--check-config names every mistake with its place, starts nothing, and tells by its exit status."""
    with Files() as files:
        config = files.write("a.conf", "port 1\nmaxmemroy 1\ninclude b.conf\n")
        files.write("b.conf", "\ntimeout soon\n")
        done = subprocess.run([program, config, "--check-config"], capture_output=True, timeout=TIMEOUT_S)
        expect(done.returncode == 1, "exit status %d" % done.returncode)
        lines = done.stderr.decode().splitlines()
        expect(
            lines
            == [
                files.path("a.conf") + ":2: unknown setting 'maxmemroy'; is 'maxmemory' meant?",
                files.path("b.conf") + ":2: 'timeout' must be a number, not 'soon'",
            ],
            "what is said: %r" % lines,
        )
        files.write("a.conf", "port 1\n")
        done = subprocess.run([program, config, "--check-config"], capture_output=True, timeout=TIMEOUT_S)
        expect((done.returncode, done.stdout, done.stderr) == (0, b"", b""), "all is well: %r" % done)


def stock_settings():
    """The file that Debian's redis-server comes with, or as many settings if it is not readable for everybody."""
    try:
        with open("/etc/redis/redis.conf") as file:
            return file.read()
    except PermissionError:
        with tempfile.TemporaryDirectory(prefix="blitzdb-test-") as folder:
            path = os.path.join(folder, "socket")
            redis = subprocess.Popen(
                ["redis-server", "--port", "0", "--unixsocket", path, "--dir", folder], stdout=subprocess.PIPE
            )
            while b"ready to accept" not in redis.stdout.readline():
                expect(redis.poll() is None, "redis-server starts")
            done = subprocess.run(["redis-cli", "-s", path, "CONFIG", "GET", "*"], capture_output=True)
            redis.terminate()
            redis.wait(TIMEOUT_S)
        words = done.stdout.decode().split("\n")
        pairs = [pair for pair in zip(words[::2], words[1::2]) if pair[1] and "/" not in pair[1]]
        return "daemonize yes\n" + "".join("%s %s\n" % pair for pair in pairs if pair[0] != "port")


def wait_for_end(process):
    """Waits for the end of a process that is nobody's child here."""
    watched = select.poll()
    watched.register(os.pidfd_open(process), select.POLLIN)
    expect(watched.poll(TIMEOUT_S * 1000), "the server ends")


def case_stock_redis_conf(program):
    """The configuration of Debian's redis-server starts this server, too, in the background, and says what is idle."""
    with Files() as files:
        own = {"dir": "data", "pidfile": "pid", "logfile": "log", "unixsocket": "socket"}
        lines = [line for line in stock_settings().split("\n") if line.split(" ")[0] not in own]
        lines += ["%s %s" % (name, files.path(value)) for name, value in own.items()] + ["port 0", ""]
        config = files.write("redis.conf", "\n".join(lines))
        done = subprocess.run([program, config], capture_output=True, timeout=TIMEOUT_S, stdin=subprocess.DEVNULL)
        log = files.read("log")
        expect(done.returncode == 0, "the start: %r %s" % (done, log))
        try:
            expect("Ready to accept connections" in log, "it waits until all is ready: " + log)
            idle = [line for line in log.split("\n") if "settings of Redis without effect" in line]
            expect(len(idle) == 1 and "list-max-listpack-size" in idle[0], "one line: %r" % idle)
            expect(os.stat(files.path("log")).st_mode & 0o777 == 0o600, "nobody else reads the log")
        finally:
            process = int(files.read("pid"))
            connection = socket.socket(socket.AF_UNIX)
            connection.settimeout(TIMEOUT_S)
            connection.connect(files.path("socket"))
            found = "*2\r\n$9\r\nappendonly\r\n$2\r\nno\r\n".replace("$9", "$10").encode()
            ask(connection, "CONFIG", "GET", "appendonly", answer=found)
            ask(connection, "SHUTDOWN", answer=b"")
            receive_rest(connection)
            wait_for_end(process)
            expect(not os.path.exists(files.path("pid")), "the file with the number of the process is gone")


def case_data_of_redis(program):
    """In the folder of a Redis the server says that it does not read those files; in its own it is silent."""
    with Files() as files:
        files.write("dump.rdb", "REDIS0010")
        for warns in (True, False):
            server = ServerProcess(program, "--dir", files.folder.name)
            try:
                expect(server.signal(signal.SIGTERM) == 0, "the server ends")
                expect(("dump.rdb is of Redis and is not read" in server.said()) == warns, server.said())
            finally:
                server.stop()


def case_daemonize_says_why(program):
    """Who starts a server in the background sees its warnings, with a log file as well, and why it failed."""
    with Files() as files, socket.socket() as busy:
        busy.bind(("127.0.0.1", 0))
        busy.listen()
        port = str(busy.getsockname()[1])
        for more in ((), ("--logfile", files.path("log"))):
            words = [program, "--daemonize", "yes", "--pidfile", files.path("no/pid"), *more]
            done = subprocess.run([*words, "--port", port], capture_output=True, timeout=TIMEOUT_S)
            said = done.stdout + done.stderr
            expect(done.returncode == 2 and b"cannot listen on 127.0.0.1 port" in said, "%r" % done)
        words += ["--bind", "", "--unixsocket", files.path("socket")]
        done = subprocess.run(words, capture_output=True, timeout=TIMEOUT_S)
        log = files.read("log")
        try:
            expect(done.returncode == 0 and b"the pid file" in done.stderr, "a warning reaches the terminal: %r" % done)
            expect("Ready to accept connections on " + files.path("socket") in log, "no port is named: " + log)
        finally:
            connection = socket.socket(socket.AF_UNIX)
            connection.settimeout(TIMEOUT_S)
            connection.connect(files.path("socket"))
            ask(connection, "SHUTDOWN", answer=b"")
            receive_rest(connection)


def case_log(program):
    """The log as JSON lines; SIGHUP begins a new file after the old one was moved away."""
    with Files() as files:
        server = ServerProcess(program, "--log-format", "json", "--loglevel", "debug")
        try:
            expect(server.signal(signal.SIGTERM) == 0, "the server ends")
            lines = [json.loads(line) for line in server.said().splitlines()]
            expect(all(set(line) == {"time", "level", "message"} for line in lines), "each line is one: %r" % lines)
        finally:
            server.stop()
        config = files.write("a.conf", "logfile %s\nunixsocket %s\n" % (files.path("log"), files.path("socket")))
        process = subprocess.Popen([program, config, "--port", "0"], stdin=subprocess.DEVNULL)
        while not os.path.exists(files.path("log")) or "Ready" not in files.read("log"):
            expect(process.poll() is None, "the server goes on")
        os.rename(files.path("log"), files.path("log.1"))
        process.send_signal(signal.SIGHUP)
        while not os.path.exists(files.path("log")) or "opened again" not in files.read("log"):
            expect(process.poll() is None, "SIGHUP does not end it")
        process.terminate()
        expect(process.wait(TIMEOUT_S) == 0 and "stopping" in files.read("log"), "the end is in the new file")
        expect("stopping" not in files.read("log.1"), "and not in the old one")


def case_service_manager(program):
    """Readiness, reload, watchdog and stop are told over NOTIFY_SOCKET, with an abstract name as well."""
    for number, name in enumerate(("path", "\0blitzdb-test-%d" % os.getpid())):
        with Files() as files, socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
            address = files.path("notify") if number == 0 else name
            manager.bind(address)
            manager.settimeout(TIMEOUT_S)
            variables = {"NOTIFY_SOCKET": address.replace("\0", "@"), "WATCHDOG_USEC": "100000"}
            server = ServerProcess(program, "--threads", "2", env={**os.environ, **variables})
            try:
                told = []

                def until(text):
                    while not any(text in message for message in told):
                        told.append(manager.recv(1000).decode())
                    told.clear()

                until("READY=1\nSTATUS=")
                until("WATCHDOG=1")
                until("WATCHDOG=1")
                server.process.send_signal(signal.SIGHUP)
                until("RELOADING=1\nMONOTONIC_USEC=")
                until("READY=1")
                server.process.send_signal(signal.SIGTERM)
                until("STOPPING=1")
                expect(server.wait() == 0, "the server ends")
            finally:
                server.stop()


ON_THEIR_OWN = [
    case_config_set,
    case_config_rewrite_without_file,
    case_rename_command,
    case_check_config,
    case_stock_redis_conf,
    case_data_of_redis,
    case_daemonize_says_why,
    case_log,
    case_service_manager,
]
