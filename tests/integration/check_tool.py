#!/usr/bin/python3
"""blitzdb-check on real directories: sound, in use, damaged, salvaged.

    check_tool.py --server build/dev/bin/blitzdb-server --check build/dev/bin/blitzdb-check
"""

import argparse
import os
import shutil
import signal
import subprocess

from server_process import TIMEOUT_S, ServerProcess
from wire import Client, expect

KEYS = 200


class Tool:
    """The program, and what it complained of last."""

    def __init__(self, program):
        self.program = program
        self.error = ""

    def run(self, status, *arguments):
        done = subprocess.run(
            [self.program, *arguments], stdin=subprocess.DEVNULL, capture_output=True, timeout=TIMEOUT_S, check=False
        )
        output = done.stdout.decode()
        error = self.error = done.stderr.decode()
        said = "%r ended with %d: %s%s" % (arguments, done.returncode, output, error)
        expect(done.returncode == status, said)
        expect((error != "") == (status == 2), said)
        return output


def contents(folder):
    """Names, sizes and bytes of a directory."""
    found = {}
    for name in os.listdir(folder):
        with open(os.path.join(folder, name), "rb") as file:
            found[name] = file.read()
    return found


def fill(server):
    """A snapshot, and a log behind it: key n is set twice."""
    client = Client(server)
    for number in range(KEYS):
        client.ask("SET", "key%d" % number, "first%d" % number)
    client.ask("SAVE")
    for number in range(KEYS):
        client.ask("SET", "key%d" % number, "second%d" % number)
    client.close()


def damage(folder, prefix, share):
    """Changes one byte of the file with this prefix."""
    name = next(name for name in sorted(os.listdir(folder)) if name.startswith(prefix))
    path = os.path.join(folder, name)
    with open(path, "r+b") as file:
        offset = int(os.path.getsize(path) * share)
        file.seek(offset)
        byte = file.read(1)
        file.seek(offset)
        file.write(bytes([byte[0] ^ 0x20]))
    return name


def look(server_program, folder):
    """What a server started on a directory has: (keys with their last value, with their first, absent)."""
    server = ServerProcess(server_program, "--dir", folder)
    client = Client(server)
    values = [client.ask("GET", "key%d" % number) for number in range(KEYS)]
    client.close()
    server.stop()
    new = sum(value == b"second%d" % number for number, value in enumerate(values))
    old = sum(value == b"first%d" % number for number, value in enumerate(values))
    absent = sum(value is None for value in values)
    expect(new + old + absent == KEYS, "values that were never written: %r" % values)
    return new, old, absent


def check_damaged(tool, server_program, sound, folder, prefix, share):
    """A damaged copy is found, left alone, saved; what was saved is sound. Answers what it has."""
    damaged = os.path.join(folder, "damaged")
    saved = os.path.join(folder, "saved")
    shutil.copytree(sound, damaged)
    name = damage(damaged, prefix, share)
    before = contents(damaged)
    output = tool.run(1, damaged)
    expect(output.startswith(name + ": offset "), "the first line names the file: " + output)
    summary = output.splitlines()[-1]
    expect("damaged in 1 place" in summary and "places" not in summary, "the last line sums up: " + output)
    expect(", 0 bytes" not in summary, "nothing is said of no bytes: " + output)
    expect(tool.run(1, damaged, "--quiet").startswith(name), "damage is not quiet")
    expect("%s: " % saved in tool.run(1, damaged, "--salvage", saved), "salvage says what it wrote")
    expect(contents(damaged) == before, "the damaged directory is as it was")
    expect("sound" in tool.run(0, saved), "what was saved is sound")
    tool.run(2, damaged, "--salvage", saved)  # not empty
    found = look(server_program, saved)
    shutil.rmtree(damaged)
    shutil.rmtree(saved)
    return found


def check_usage(tool, folder):
    expect(tool.run(0, "--help").startswith("usage: blitzdb-check"), "help")
    expect(tool.run(0, "--version").startswith("blitzdb-check 0."), "version")
    for arguments in ((), ("--salvage", "x"), ("--unknown",), (folder, folder), (folder, "--salvage")):
        tool.run(2, *arguments)
    absent = os.path.join(folder, "absent")
    tool.run(2, absent)
    expect(tool.error == "blitzdb-check: there is no directory %s\n" % absent, "the reason alone: " + tool.error)
    empty = os.path.join(folder, "empty")
    os.mkdir(empty)
    tool.run(2, empty)
    expect(os.listdir(empty) == [], "looking at a directory leaves nothing in it")


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--server", required=True)
    parser.add_argument("--check", required=True)
    arguments = parser.parse_args()
    tool = Tool(arguments.check)
    server = ServerProcess(arguments.server, "--dir", "DATA")
    check_usage(tool, server.folder)
    fill(server)
    tool.run(2, server.data)  # in use
    expect(server.signal(signal.SIGTERM) == 0, "the server ends")

    before = contents(server.data)
    expect("%d entries" % KEYS in tool.run(0, server.data), "a sound directory")
    expect(tool.run(0, server.data, "--quiet") == "", "a sound directory, quietly")
    expect(contents(server.data) == before, "a sound directory is as it was")

    sound = os.path.join(server.folder, "sound")
    shutil.copytree(server.data, sound)
    new, old, absent = check_damaged(tool, arguments.server, sound, server.folder, "log-", 0.5)
    expect(0 < old < KEYS and new > 0 and absent == 0, "a hole in the log: %r" % ((new, old, absent),))
    found = check_damaged(tool, arguments.server, sound, server.folder, "MANIFEST", 0.5)
    expect(found == (KEYS, 0, 0), "without a MANIFEST: %r" % (found,))
    new, old, absent = check_damaged(tool, arguments.server, sound, server.folder, "snapshot-", 0.5)
    expect((new, old, absent) == (KEYS, 0, 0), "the log sets again what the snapshot lost")
    with open(os.path.join(sound, "stranger"), "w", encoding="utf-8") as file:
        file.write("not BlitzDB's")
    expect("stranger: note: " in tool.run(0, sound), "a file of somebody else")
    server.stop()


if __name__ == "__main__":
    main()
