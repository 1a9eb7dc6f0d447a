#!/usr/bin/python3
"""A server on a file system that gets full, and one that runs out of descriptors.

    faults_disk.py --program build/dev/bin/faults_program --server build/dev/bin/blitzdb-server

The file system is a small tmpfs in a mount namespace of this test's own, which needs root or user namespaces; it
is gone with the test. docs/durability.md says what must hold: writes are refused and reads go on, writing works again as
soon as there is room, without a restart, and nothing acknowledged is lost.
"""

import argparse
import os
import resource
import signal
import socket
import subprocess
import sys
import tempfile

from server_process import TIMEOUT_S, ServerProcess
from wire import Client, Failure, connect, encode, expect

SKIPPED = 77
BALLAST = 1 << 20
VALUE = b"x" * 20000


def mount_in_namespace():
    """Starts this script again where it may mount; the status of that run, or None in the new one."""
    if os.environ.get("TEST_MAY_MOUNT"):
        return None
    for unshare in (["unshare", "--mount"], ["unshare", "--map-root-user", "--mount"]):
        command = [*unshare, "--propagation", "private"]
        trial = tempfile.mkdtemp(prefix="blitzdb-mount-")
        mounts = subprocess.run([*command, "mount", "-t", "tmpfs", "none", trial], capture_output=True, check=False)
        os.rmdir(trial)
        if mounts.returncode == 0:
            environment = dict(os.environ, TEST_MAY_MOUNT="1")
            return subprocess.run([*command, sys.executable, *sys.argv], env=environment, check=False).returncode
    print("neither root nor user namespaces: no file system of a chosen size can be had")
    return SKIPPED


class SmallDisk:
    """A tmpfs of a few MiB with a file on it that is there to be removed."""

    def __init__(self, mebibytes):
        self.folder = tempfile.mkdtemp(prefix="blitzdb-disk-")
        subprocess.run(["mount", "-t", "tmpfs", "-o", "size=%dm" % mebibytes, "none", self.folder], check=True)
        self.data = os.path.join(self.folder, "data")
        self.ballast = os.path.join(self.folder, "ballast")
        with open(self.ballast, "wb") as ballast:
            ballast.write(b"\0" * BALLAST)

    def make_room(self):
        os.remove(self.ballast)

    def free_bytes(self):
        state = os.statvfs(self.folder)
        return state.f_bavail * state.f_frsize

    def remove(self):
        subprocess.run(["umount", self.folder], check=True)
        os.rmdir(self.folder)


def try_set(server, client, key):
    """SET; whether it was acknowledged, and a client for the next one: a refusal may close the connection."""
    try:
        reply = client.ask("SET", key, key.encode() + VALUE)
    except (AssertionError, OSError):
        return False, Client(server)
    expect(reply == b"OK" or isinstance(reply, Failure), "the reply of a full disk: %r" % reply)
    expect(reply == b"OK" or "no space left" in reply, "the refusal says why: %s" % reply)
    return reply == b"OK", client


def fill(server, client, name, acknowledged):
    """Sets keys until one is refused."""
    for number in range(10000):
        key = "%s%d" % (name, number)
        done, client = try_set(server, client, key)
        if not done:
            return client
        acknowledged.append(key)
    raise AssertionError("the disk does not get full")


def check_reads(client, acknowledged, when):
    lost = [key for key in acknowledged if client.ask("GET", key) != key.encode() + VALUE]
    expect(not lost, "%s: acknowledged and lost: %s" % (when, lost[:5]))


def check_full_disk(program, mode):
    """Full, room, full again, killed, started on the full disk, room again."""
    disk = SmallDisk(6)
    server = ServerProcess(program, "--dir", disk.data, "--appendfsync", mode, "--threads", "2")
    acknowledged = []
    try:
        client = fill(server, Client(server), "first", acknowledged)
        expect(len(acknowledged) > 50, "%d writes before the disk was full" % len(acknowledged))
        for number in range(20):
            done, client = try_set(server, client, "refused%d" % number)
            expect(not done or disk.free_bytes() > 0, "a write is acknowledged on a full disk")
            acknowledged += ["refused%d" % number] if done else []
        check_reads(client, acknowledged, "full")
        expect(client.info("persistence")["aof_last_write_status"] == "err", "INFO tells")
        expect(isinstance(client.ask("SAVE"), Failure), "a snapshot that does not fit fails")
        check_reads(client, acknowledged, "after a failed snapshot")

        disk.make_room()
        done, client = try_set(server, client, "again")
        expect(done, "writing works again once there is room")
        acknowledged.append("again")
        expect(client.info("persistence")["aof_last_write_status"] == "ok", "INFO tells")
        client = fill(server, client, "second", acknowledged)
        check_reads(client, acknowledged, "full again")

        expect(server.signal(signal.SIGKILL) == -signal.SIGKILL, "the server is killed")
        server.start()
        client = Client(server)
        check_reads(client, acknowledged, "started on a full disk")
        subprocess.run(["mount", "-o", "remount,size=32m", disk.folder], check=True)
        done, client = try_set(server, client, "last")
        expect(done, "writing works again on a larger disk")
        expect(client.ask("SAVE") == b"OK", "and a snapshot does")
        check_reads(client, acknowledged + ["last"], "at the end")
    except AssertionError as problem:
        print("full disk, %s: %s" % (mode, problem), flush=True)  # what stop() meets may hide it
        raise
    finally:
        server.stop()
        disk.remove()


def limit_descriptors(server, count):
    _, hard = resource.prlimit(server.process.pid, resource.RLIMIT_NOFILE)
    resource.prlimit(server.process.pid, resource.RLIMIT_NOFILE, (count, hard))


def check_descriptors(program):
    """No descriptor left: who is connected is served, a snapshot fails with the reason, and all works again later."""
    server = ServerProcess(program, "--dir", "DATA", "--appendfsync", "always", "--threads", "2")
    waiting = []
    try:
        client = Client(server)
        soft, _ = resource.prlimit(server.process.pid, resource.RLIMIT_NOFILE)
        used = max(int(name) for name in os.listdir("/proc/%d/fd" % server.process.pid)) + 1
        limit_descriptors(server, used)
        for _ in range(20):  # the system completes these connections; the server cannot accept them
            connection = socket.create_connection(("127.0.0.1", server.port))
            connection.settimeout(TIMEOUT_S)
            connection.sendall(encode("PING"))
            waiting.append(connection)
        for number in range(200):
            expect(client.ask("SET", "k%d" % number, number) == b"OK", "who is connected may write")
        expect(isinstance(client.ask("SAVE"), Failure), "a snapshot needs a descriptor")
        expect(client.ask("GET", "k199") == b"199", "reads go on")
        limit_descriptors(server, soft)
        for connection in waiting:
            expect(connection.recv(7) == b"+PONG\r\n", "those who waited are served once there are descriptors")
        expect(client.ask("SAVE") == b"OK", "a snapshot works again")
        expect(server.signal(signal.SIGKILL) == -signal.SIGKILL, "the server is killed")
        server.start()
        client = Client(server)
        lost = [i for i in range(200) if client.ask("GET", "k%d" % i) != b"%d" % i]
        expect(not lost, "acknowledged and lost: %s" % lost[:5])
        expect(connect(server) is not None, "connections are taken")
    except AssertionError as problem:
        print("no descriptor left: %s" % problem, flush=True)
        raise
    finally:
        server.stop()


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--program")
    parser.add_argument("--server", required=True)
    options = parser.parse_args()
    status = mount_in_namespace()
    if status is not None:
        sys.exit(status)
    for mode in ("always", "everysec", "no"):
        check_full_disk(options.server, mode)
    check_descriptors(options.server)
    print("4 cases")


if __name__ == "__main__":
    main()
