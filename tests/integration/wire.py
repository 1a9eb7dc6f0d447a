"""The Redis protocol for tests: raw bytes out and in, and a client that reads replies as Python values."""

import socket

from server_process import TIMEOUT_S


def expect(fact, what):
    if not fact:
        raise AssertionError(what)


def connect(server, unix=False):
    if unix:
        connection = socket.socket(socket.AF_UNIX)
        connection.connect(server.socket)
    else:
        connection = socket.create_connection(("127.0.0.1", server.port))
    connection.settimeout(TIMEOUT_S)
    return connection


def encode(*words):
    words = [word if isinstance(word, bytes) else str(word).encode() for word in words]
    return b"*%d\r\n" % len(words) + b"".join(b"$%d\r\n%s\r\n" % (len(word), word) for word in words)


def receive(connection, size):
    data = b""
    while len(data) < size:
        piece = connection.recv(size - len(data))
        expect(piece, "the connection closed after %r, wanted %d bytes" % (data[-80:], size))
        data += piece
    return data


def receive_rest(connection):
    """Everything up to the close of the connection."""
    data = b""
    while True:
        try:
            piece = connection.recv(65536)
        except ConnectionResetError:
            return data
        if not piece:
            return data
        data += piece


def ask(connection, *words, answer):
    connection.sendall(encode(*words))
    got = receive(connection, len(answer))
    expect(got == answer, "%r answered %r, not %r" % (words, got, answer))


class Failure(str):
    """An error reply, without its minus."""


class Client:
    """One connection in RESP2 or RESP3; what it is answered becomes None, int, bytes, list, dict or Failure."""

    def __init__(self, server, protocol=2, connection=None):
        self.protocol = protocol
        self.connection = connection or connect(server)
        self.reader = self.connection.makefile("rb")
        self.ask("HELLO", protocol)

    def ask(self, *words):
        self.connection.sendall(encode(*words))
        return self.read()

    def read(self):
        line = self.reader.readline()
        expect(line.endswith(b"\r\n"), "the connection closed")
        kind, rest = line[:1], line[1:-2]
        if kind == b"+":
            return rest
        if kind == b"-":
            return Failure(rest.decode())
        if kind == b":":
            return int(rest)
        if kind == b",":
            return float(rest)
        if kind == b"_" or rest == b"-1":
            return None
        if kind == b"%":
            return {self.read(): self.read() for _ in range(int(rest))}
        if kind in b"*~":
            return [self.read() for _ in range(int(rest))]
        expect(kind in b"$=", "an unknown kind of reply: %r" % line)
        text = self.reader.read(int(rest) + 2)[:-2]
        return text[4:] if kind == b"=" else text  # "txt:" says what a verbatim string is

    def ask_map(self, *words):
        """A map, which RESP2 writes as a list."""
        return self.as_map(self.ask(*words))

    def as_map(self, reply):
        expect(isinstance(reply, dict if self.protocol == 3 else list), "%r is a map" % reply)
        return reply if self.protocol == 3 else dict(zip(reply[::2], reply[1::2]))

    def info(self, *sections):
        """INFO as a dictionary of strings; every line of it must be a heading or key:value."""
        fields = {}
        for line in self.ask("INFO", *sections).decode().split("\r\n"):
            if line and not line.startswith("# "):
                name, colon, value = line.partition(":")
                expect(colon and name and name not in fields, "a line of INFO: %r" % line)
                fields[name] = value
        return fields

    def close(self):
        self.reader.close()
        self.connection.close()
