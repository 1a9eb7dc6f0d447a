"""Servers that are measured side by side: started, pinned, filled, loaded by blitzdb-benchmark, looked at."""

import contextlib
import json
import os
import shutil
import socket
import subprocess

START_SECONDS = 30
STOP_SECONDS = 60
RUN_SECONDS = 1800
CLIENTS_MAX = 12000
TICKS = os.sysconf("SC_CLK_TCK")


class Failure(Exception):
    """A measurement that would mean nothing."""


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class Server:
    """A running server, pinned to some processors; {port}, {dir} and {socket} in its command are filled in."""

    protocol = "resp2"
    greeting = b"*1\r\n$4\r\nPING\r\n"

    def __init__(self, name, mode, command, cores, folder):
        self.name = name
        self.mode = mode
        self.port = free_port()
        self.socket = os.path.join(folder, "socket")
        self.output = os.path.join(folder, "output.txt")
        words = [word.format(port=self.port, dir=folder, socket=self.socket) for word in command]
        with open(self.output, "wb") as output:
            self.process = subprocess.Popen(
                ["taskset", "-c", str(cores), *words],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                cwd=folder,
            )

    def answers(self):
        """Whether it listens, and no longer says -LOADING."""
        with socket.socket() as connection:
            connection.settimeout(START_SECONDS)
            if connection.connect_ex(("127.0.0.1", self.port)) != 0:
                return False
            connection.sendall(self.greeting)
            return not connection.recv(4096).startswith(b"-")

    def wait_until_ready(self):
        """Asks until the server answers; its end in between is a failure."""
        for _ in range(START_SECONDS * 50):
            if self.answers():
                return
            with contextlib.suppress(subprocess.TimeoutExpired):
                self.process.wait(timeout=0.02)
                with open(self.output, encoding="utf-8", errors="replace") as output:
                    raise Failure(f"{self.name} ({self.mode}) ended at once: {output.read().strip()}")
        raise Failure(f"{self.name} ({self.mode}) does not answer")

    def stop(self):
        self.process.terminate()
        try:
            self.process.wait(timeout=STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()

    def syncs(self):
        """Syncs of the log so far; 0 from a server that does not tell."""
        with socket.create_connection(("127.0.0.1", self.port), timeout=START_SECONDS) as connection:
            connection.sendall(b"INFO persistence\r\n")
            stream = connection.makefile("rb")
            first = stream.readline()
            text = stream.read(int(first[1:])) if first.startswith(b"$") else b""
        found = [line for line in text.split(b"\r\n") if line.startswith(b"blitzdb_log_syncs:")]
        return int(found[0].split(b":")[1]) if found else 0

    def resident_mib(self):
        with open(f"/proc/{self.process.pid}/status", encoding="ascii", errors="replace") as file:
            return next(int(line.split()[1]) for line in file if line.startswith("VmRSS:")) / 1024


class Memcached(Server):
    protocol = "memcached"
    greeting = b"version\r\n"


def run_benchmark(program, server, *words, cores=None, unix=False):
    """One run of blitzdb-benchmark on a server -> its figures by name."""
    where = ["-s", server.socket] if unix else ["-p", str(server.port)]
    command = ["taskset", "-c", str(cores)] if cores is not None else []
    command += [program, *where, "--protocol", server.protocol, "--server-pid", str(server.process.pid)]
    command += ["--json", "--quiet", *map(str, words)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=RUN_SECONDS)
    if done.returncode not in (0, 3):
        raise Failure(f"{server.name} ({server.mode}), {' '.join(command)}: {done.stderr.strip()}")
    figures = json.loads(done.stdout)
    if figures["errors"] > 0 or figures["wrong_values"] > 0:
        raise Failure(f"{server.name} ({server.mode}) answered wrongly: {figures['first_error']}")
    return figures


def known_commands(options, threads=1):
    """Name -> (class, command line for data in memory only) of every server that is there."""
    common = ["--port", "{port}", "--bind", "127.0.0.1", "--loglevel", "warning", "--unixsocket", "{socket}"]
    common += ["--maxclients", str(CLIENTS_MAX), "--save", "", "--appendonly", "no"]
    known = {"BlitzDB": (Server, [options.server, *common, "--threads", str(threads)])}
    if options.redis:
        io_threads = ["--io-threads", str(threads), "--io-threads-do-reads", "yes"] if threads > 1 else []
        known["Redis"] = (Server, [options.redis, *common, *io_threads])
    if options.memcached:
        user = ["-u", "nobody"] if os.getuid() == 0 else []
        limits = ["-m", "16384", "-c", str(CLIENTS_MAX), "-U", "0"]
        known["memcached"] = (
            Memcached,
            [options.memcached, "-p", "{port}", "-l", "127.0.0.1", "-t", str(threads), *limits, *user],
        )
    if options.floor and threads == 1:
        known["floor"] = (Server, [options.floor, "{port}"])
    return known


def find_program(name):
    """Where a program is, or None; some stand where only root looks."""
    return shutil.which(name) or shutil.which(name, path="/usr/sbin:/usr/local/sbin")
