#!/usr/bin/python3
"""What stands in a database's directory and should not: the open must say what and where, at once, and change nothing.

    bad_files.py --program build/dev/bin/faults_program --server build/dev/bin/blitzdb-server

Pipes, devices, sockets, directories and links in the place of each file; empty, foreign, newer and huge files; directories
that cannot be written to or made. Each is opened by the library in a program, which shows status and message, and by the
server, which has to end with exit status 3 and the same message.
"""

import argparse
import fcntl
import os
import re
import shutil
import socket
import subprocess
import tempfile
import threading

from server_process import TIMEOUT_S
from wire import expect

GIBIBYTE = 1 << 30
MEMORY_MAX = 512 << 20  # of a process that must not allocate by the sizes it finds; sanitizers take most of it
MANIFEST, LOCK, LOG, SNAPSHOT = "MANIFEST", "LOCK", "log-%016x" % 0, "snapshot-%016x" % 1


def run(command):
    """Runs to the end; exit status, output, and the most memory that was resident."""
    process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    watchdog = threading.Timer(TIMEOUT_S, process.kill)
    watchdog.start()
    output = process.stdout.read().decode(errors="replace")
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    watchdog.cancel()
    process.stdout.close()
    return process.returncode, output, usage.ru_maxrss * 1024


def tree(folder):
    """Names and contents, where they can be read without waiting."""
    state = {}
    for name in sorted(os.listdir(folder)):
        path = os.path.join(folder, name)
        plain = os.path.isfile(path) and not os.path.islink(path) and os.path.getsize(path) < GIBIBYTE
        with open(path if plain else os.devnull, "rb") as file:
            state[name] = (os.lstat(path).st_mode, os.lstat(path).st_size, file.read())
    return state


def make_socket(path):
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(path)


# What is put in the place of a file, and the words that have to tell.
STRANGERS = {
    "pipe": (os.mkfifo, "a device, pipe or socket"),
    "socket": (make_socket, "a device, pipe or socket"),
    "directory": (os.mkdir, "a directory stands"),
    "link": (lambda path: os.symlink(path + ".moved", path), "a symbolic link"),
    "dangling link": (lambda path: os.symlink("nowhere", path), "a symbolic link"),
}


class Opener:
    """Opens directories in both ways and compares what is said with what should be."""

    def __init__(self, program, server, folder):
        self.program, self.server, self.folder = program, server, folder
        self.base = os.path.join(folder, "base")
        self.count = 0
        status, output, _ = run([program, "write", self.base, "base"])
        expect(status == 0 and "closed OK" in output, "a database to spoil: %s" % output)

    def copy(self):
        self.count += 1
        data = os.path.join(self.folder, "d%d" % self.count)
        shutil.copytree(self.base, data)
        return data

    def refused(self, what, data, status, *words, prefix=(), compares=True):
        """Both refuse with this status, these words, little memory, and leave everything as it was."""
        before = tree(data) if compares else None
        code, output, memory = run([*prefix, self.program, "check", data])
        wanted = "cannot open " + status
        expect(code == 3 and wanted in output, "%s: %s" % (what, output))
        code, told, more_memory = run([*prefix, self.server, "--port", "0", "--dir", data])
        expect(code == (1 if status == "INVALID" else 3), "%s: exit status %d: %s" % (what, code, told))
        helps = "blitzdb-check %s --salvage OUT" % data in told
        expect(helps == (status in ("CORRUPT", "NOT_A_DATABASE")), "%s: what helps: %s" % (what, told))
        for word in words:
            expect(word in output and word in told, "%s: no '%s' in %s%s" % (what, word, output, told))
        expect(max(memory, more_memory) < MEMORY_MAX, "%s: %d bytes of memory" % (what, max(memory, more_memory)))
        expect(before is None or tree(data) == before, "%s: something was changed" % what)

    def opened(self, what, data):
        """It is a database all the same, with everything in it."""
        code, output, memory = run([self.program, "check", data])
        expect(code == 0 and len(re.findall("^found ", output, re.M)) == 82, "%s: %s" % (what, output[-500:]))
        expect(memory < MEMORY_MAX, "%s: %d bytes of memory" % (what, memory))


def write_at(path, offset, data):
    with open(path, "r+b") as file:
        file.seek(offset)
        file.write(data)


def check_strangers(opener):
    kinds = dict(STRANGERS)
    if os.geteuid() == 0:
        device = os.makedev(1, 5)  # /dev/zero, which never ends
        kinds["device"] = (lambda path: os.mknod(path, 0o20600, device), "a device, pipe or socket")
    for name in (MANIFEST, LOG, SNAPSHOT, LOCK):
        for kind, (make, words) in kinds.items():
            data = opener.copy()
            path = os.path.join(data, name)
            os.rename(path, path + ".moved")
            try:
                make(path)
            except PermissionError:
                continue  # devices, in a container
            opener.refused("%s in the place of %s" % (kind, name), data, "IO", name, words)


def check_contents(opener):
    """Empty, cut, foreign and newer files."""
    for name in (MANIFEST, LOG, SNAPSHOT):
        data = opener.copy()
        os.truncate(os.path.join(data, name), 0)
        opener.refused("empty " + name, data, "CORRUPT", name)
        data = opener.copy()
        write_at(os.path.join(data, name), 0, b"#!/bin/sh\necho not a database\n" * 4)
        opener.refused("foreign " + name, data, "CORRUPT", name)
    data = opener.copy()
    with open(os.path.join(data, "log-%016x" % (1 << 40)), "w", encoding="ascii") as log:
        log.write("the log of another program\n" * 10)
    opener.refused("foreign log behind", data, "CORRUPT", "log-")
    for name, offset, version in ((MANIFEST, len("blitzdb manifest "), b"2"), (LOG, 8, b"\2"), (SNAPSHOT, 8, b"\2")):
        data = opener.copy()
        write_at(os.path.join(data, name), offset, version)
        opener.refused("newer " + name, data, "VERSION", name, "version 2", "knows 1")
    data = opener.copy()
    os.remove(os.path.join(data, MANIFEST))
    opener.refused("no MANIFEST", data, "NOT_A_DATABASE", data, "restore it from a backup")
    data = opener.copy()
    for name in ("notes.txt", "log-of-another-program", "snapshot-1", "log-" + "G" * 16):
        with open(os.path.join(data, name), "w", encoding="ascii") as other:
            other.write("of somebody else\n")
    opener.opened("files of other names", data)
    expect(os.path.exists(os.path.join(data, "notes.txt")), "files of others stay")


def check_sizes(opener):
    """Files with holes: nothing is allocated by the size of a file."""
    for name, status in ((MANIFEST, "CORRUPT"), (SNAPSHOT, "CORRUPT")):
        data = opener.copy()
        os.truncate(os.path.join(data, name), 1024 * GIBIBYTE)
        opener.refused("1 TiB of " + name, data, status, name)
    data = opener.copy()
    path = os.path.join(data, LOG)
    os.truncate(path, 0)
    os.truncate(path, 1024 * GIBIBYTE)
    opener.refused("1 TiB of nothing as log", data, "CORRUPT", LOG)
    data = opener.copy()
    os.truncate(os.path.join(data, LOG), GIBIBYTE)
    opener.opened("1 GiB of zeros behind the log", data)  # searched for a proof of damage to its end


def check_directories(opener):
    """Directories that are none, cannot be made, cannot be written to, or are in use."""
    folder = opener.folder
    path = os.path.join(folder, "file")
    with open(path, "w", encoding="ascii"):
        pass
    opener.refused("the path is a file", path, "IO", path, "is a file", compares=False)
    opener.refused("below a file", path + "/below", "IO", path, "is a file", compares=False)
    path = os.path.join(folder, "missing", "data")
    opener.refused("no parent", path, "IO", path, "create that first", compares=False)
    expect(not os.path.exists(os.path.dirname(path)), "no parent is made")
    opener.refused("a long path", folder + "/x" * 4096, "INVALID", "too long", folder, compares=False)
    opener.refused("a long name", folder + "/" + "x" * 300, "IO", "too long", compares=False)
    data = opener.copy()
    with open(os.path.join(data, LOCK), "rb") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        words = "is open in another handle or process; close that one, or use another directory"
        opener.refused("in use", data, "LOCKED", data, words)
    opener.opened("not in use any more", data)


def check_permissions(opener):
    """Neither owner nor root: without its capabilities root is a user like any other."""
    powerless = ["setpriv", "--bounding-set=-all"] if os.geteuid() == 0 else []
    data = opener.copy()
    os.chmod(data, 0o500)
    os.remove(os.path.join(data, LOCK))
    opener.refused("no permission to write", data, "IO", LOCK, "no permission", prefix=powerless)
    os.chmod(data, 0o700)
    for name in (MANIFEST, LOG, SNAPSHOT):
        data = opener.copy()
        os.chmod(os.path.join(data, name), 0)
        opener.refused("no permission for " + name, data, "IO", name, "no permission", prefix=powerless, compares=False)
    readonly = ["unshare", "--mount", "sh", "-c", 'mount --bind "$0" "$0" && mount -o remount,bind,ro "$0" && exec "$@"']
    if os.geteuid() != 0:
        readonly[1:1] = ["--map-root-user"]
    data = opener.copy()
    if run([*readonly, data, "true"])[0] == 0:
        opener.refused("read-only file system", data, "IO", LOCK, "read-only", prefix=[*readonly, data])


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--program", required=True)
    parser.add_argument("--server", required=True)
    options = parser.parse_args()
    folder = tempfile.mkdtemp(prefix="blitzdb-bad-")
    try:
        opener = Opener(os.path.abspath(options.program), os.path.abspath(options.server), folder)
        for check in (check_strangers, check_contents, check_sizes, check_directories, check_permissions):
            check(opener)
        print("%d directories" % opener.count)
    finally:
        shutil.rmtree(folder)


if __name__ == "__main__":
    main()
