"""Starts and stops one blitzdb-server for a test: own folder, free port, ready when it says so."""

import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading

sys.dont_write_bytecode = True  # nothing of a run stays in the source tree
TIMEOUT_S = 120  # a watchdog for a server that hangs, not a measure


class ServerProcess:
    """A running server; `folder` holds its data and goes with stop()."""

    prefix = ()  # a command that starts the server, such as strace -D

    def __init__(self, program, *arguments, **popen):
        self.program = program
        self.arguments = arguments
        self.popen = popen  # more arguments for subprocess.Popen
        self.folder = tempfile.mkdtemp(prefix="blitzdb-test-")
        self.socket = os.path.join(self.folder, "socket")
        self.data = os.path.join(self.folder, "data")
        self.process = None
        self.port = None
        self.output = ""  # complete once the server has ended and said() was called
        self.listener = None
        self.start()

    def command(self):
        """The program and what has to stand first."""
        return [self.program]

    def start(self):
        """Starts (again, on the same data) and waits until connections are accepted."""
        command = [*self.prefix, *self.command(), "--port", "0", "--unixsocket", self.socket]
        command += [argument.replace("DATA", self.data) for argument in self.arguments]
        self.process = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, **self.popen
        )
        watchdog = threading.Timer(TIMEOUT_S, self.process.kill)
        watchdog.start()
        output = ""
        for raw in self.process.stdout:
            output += raw.decode(errors="replace")
            if "Ready to accept connections" in output:
                break
        watchdog.cancel()
        port = re.search(r"port (\d+)", output)
        if port is None or "Ready to accept connections" not in output:
            raise SystemExit("the server did not start:\n" + output)
        self.port = int(port.group(1))
        self.output = output
        self.listener = threading.Thread(target=self.listen, daemon=True)
        self.listener.start()

    def start_loading(self):
        """Starts (again, on the same data) and does not wait: the socket is there before the data is."""
        if os.path.exists(self.socket):
            os.unlink(self.socket)
        command = [*self.command(), "--port", "0", "--unixsocket", self.socket]
        command += [argument.replace("DATA", self.data) for argument in self.arguments]
        self.process = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, **self.popen
        )
        self.output = ""
        self.listener = threading.Thread(target=self.listen, daemon=True)
        self.listener.start()

    def connect_early(self):
        """Connects as soon as the server listens."""
        while True:
            connection = socket.socket(socket.AF_UNIX)
            connection.settimeout(TIMEOUT_S)
            try:
                connection.connect(self.socket)
                return connection
            except (FileNotFoundError, ConnectionRefusedError):
                connection.close()
                if self.process.poll() is not None:
                    raise SystemExit("the server did not start:\n" + self.said())

    def listen(self):
        for raw in self.process.stdout:
            self.output += raw.decode(errors="replace")

    def said(self):
        """All messages of a server that has ended, since its last start."""
        self.listener.join(TIMEOUT_S)
        return self.output

    def refuse(self, *arguments):
        """Starts another server that cannot start; its exit status and what it said."""
        done = subprocess.run(
            [self.program, *arguments],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            timeout=TIMEOUT_S,
        )
        return done.returncode, done.stdout.decode(errors="replace")

    def signal(self, number):
        """Sends a signal and returns the exit status."""
        self.process.send_signal(number)
        return self.wait()

    def wait(self):
        try:
            return self.process.wait(TIMEOUT_S)
        except subprocess.TimeoutExpired:
            self.process.kill()
            raise SystemExit("the server did not end")

    def stop(self):
        """Ends it gracefully, removes the folder and checks the exit status."""
        status = self.signal(signal.SIGTERM) if self.process.poll() is None else 0
        shutil.rmtree(self.folder, ignore_errors=True)
        if status != 0:
            raise SystemExit("the server ended with status %d" % status)
