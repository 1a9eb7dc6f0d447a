#!/usr/bin/python3
"""Unmodified clients against blitzdb-server: connect, work, disconnect, each with its default settings.

    clients.py CLIENT --server build/dev/bin/blitzdb-server [--program HIREDIS_PROGRAM] [--modules FOLDER]

CLIENT is redis-cli, redis-benchmark, hiredis, python3-redis, php, ruby, perl, lua, ioredis or node-redis. The two from npm are installed
into FOLDER, which is part of a build, not of the tree. Exit status 77: the client is not on this machine.
"""

import argparse
import fcntl
import os
import shutil
import subprocess
import sys

from server_process import TIMEOUT_S, ServerProcess

SKIPPED = 77
HERE = os.path.dirname(os.path.abspath(__file__))


def expect(fact, what):
    if not fact:
        sys.exit("failed: " + what)


def run(*command, **keywords):
    """Runs a program; returns what it printed, or ends the test with it."""
    done = subprocess.run(
        command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=TIMEOUT_S, **keywords
    )
    output = done.stdout.decode(errors="replace")
    expect(done.returncode == 0, "%s ended with %d:\n%s" % (command[0], done.returncode, output))
    return output


def first_lines(count, *command):
    """The beginning of what a program prints that does not end by itself."""
    process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE)
    lines = [process.stdout.readline().decode() for _ in range(count)]
    process.kill()
    process.wait()
    process.stdout.close()
    return lines


def need(program):
    if shutil.which(program) is None:
        print(program + " is not on this machine")
        sys.exit(SKIPPED)


def redis_cli(server, _):
    need("redis-cli")

    def cli(*words):
        return run("redis-cli", "-p", str(server.port), *words).strip()

    expect(cli("SET", "key", "value") == "OK", "SET")
    expect(cli("GET", "key") == "value", "GET")
    expect(cli("INCR", "number") == "1", "INCR")
    expect("blitzdb_version:" in cli("INFO", "server"), "INFO")
    expect(cli("-3", "CONFIG", "GET", "databases") == "databases 16", "CONFIG GET in RESP3")
    expect(cli("NOSUCH", "x").startswith("ERR unknown command 'NOSUCH'"), "unknown command")
    expect(cli("-n", "3", "EXISTS", "key") == "0", "another database")
    expect(cli("--scan", "--pattern", "k*") == "key", "--scan")
    expect("1 keys" in cli("--bigkeys") or "Biggest string" in cli("--bigkeys"), "--bigkeys")
    expect(run("redis-cli", "-s", server.socket, "PING").strip() == "PONG", "the Unix socket")
    expect("1 keys" in cli("--memkeys") or "Biggest string" in cli("--memkeys"), "--memkeys")
    expect(cli("CONFIG", "SET", "maxmemory", "64mb", "maxmemory-policy", "allkeys-lfu") == "OK", "an LFU policy")
    for _ in range(3):
        cli("GET", "key")
    expect('hot key found with counter: ' in cli("--hotkeys"), "--hotkeys")
    latency = cli("--raw", "--latency", "-i", "1").split()
    expect(len(latency) == 4 and int(latency[3]) > 10 and float(latency[2]) >= 0, "--latency: %r" % latency)
    stat = first_lines(4, "redis-cli", "-p", str(server.port), "--stat", "-i", "0.1")
    expect("keys" in stat[1] and stat[2].split()[0] == "2" and "(+" in stat[3], "--stat: %r" % stat)
    piped = "".join("*3\r\n$3\r\nSET\r\n$6\r\npipe%02d\r\n$1\r\nv\r\n" % i for i in range(50))
    done = subprocess.run(
        ["redis-cli", "-p", str(server.port), "--pipe"], input=piped.encode(), stdout=subprocess.PIPE, timeout=TIMEOUT_S
    )
    expect(b"errors: 0, replies: 50" in done.stdout, "--pipe: %r" % done.stdout)


def redis_benchmark(server, _):
    need("redis-benchmark")
    output = run(
        "redis-benchmark", "-p", str(server.port), "-t", "ping,set,get,incr,mset", "-P", "16", "-n", "20000", "-q"
    )
    for name in ("PING_INLINE", "PING_MBULK", "SET", "GET", "INCR", "MSET"):
        expect(name in output, name + " in the output of redis-benchmark:\n" + output)
    expect("rror" not in output and "WARNING" not in output, "no complaint:\n" + output)


def hiredis(server, options):
    if options.program is None:
        print("the hiredis program was not built")
        sys.exit(SKIPPED)
    print(run(options.program, str(server.port), server.socket).strip())


def python3_redis(server, _):
    try:
        import redis
    except ImportError:
        print("python3-redis is not on this machine")
        sys.exit(SKIPPED)
    client = redis.Redis(port=server.port, client_name="test", db=2, decode_responses=True)
    expect(client.ping(), "ping")
    expect(client.set("key", "value", ex=100, nx=True), "set with ex and nx")
    expect(client.set("key", "other", nx=True) is None, "set nx on a key that exists")
    expect(client.get("key") == "value", "get")
    expect(0 < client.ttl("key") <= 100, "ttl")
    expect(client.mset({"a": "1", "b": "2"}) and client.mget("a", "none", "b") == ["1", None, "2"], "mset and mget")
    expect(client.incrbyfloat("float", 1.5) == 1.5, "incrbyfloat")
    expect(sorted(client.scan_iter(match="?", count=5)) == ["a", "b"], "scan")
    expect(client.client_getname() == "test", "client getname")
    expect(client.info()["redis_version"] == "7.0.15", "info")
    pipe = client.pipeline(transaction=False)
    for i in range(100):
        pipe.incr("count")
    expect(pipe.execute() == list(range(1, 101)), "pipeline")
    try:
        client.execute_command("INCR", "key")
        expect(False, "INCR of a text fails")
    except redis.ResponseError as error:
        expect("not an integer" in str(error), "text of the error")
    client.close()


def node_packages():
    """The newest versions of the clients that run on this node: Debian 12 has node 18, the newest need 20."""
    major = int(run("node", "--version").strip().lstrip("v").split(".")[0])
    return ["ioredis@6", "redis@6"] if major >= 20 else ["ioredis@5", "redis@5"]


def node_client(server, options, package):
    need("npm")
    modules = os.path.join(options.modules, "node_modules")
    os.makedirs(options.modules, exist_ok=True)
    with open(os.path.join(options.modules, "lock"), "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # two tests may come at once
        if not os.path.isdir(os.path.join(modules, "ioredis")) or not os.path.isdir(os.path.join(modules, "redis")):
            packages = node_packages()
            run("npm", "install", "--no-audit", "--no-fund", "--prefix", options.modules, *packages)
    script = os.path.join(options.modules, package + ".mjs")
    shutil.copyfile(os.path.join(HERE, "client_%s.mjs" % package), script)  # beside its modules, where node looks
    print(run("node", script, str(server.port)).strip())


def script_client(server, interpreter, script, probe):
    """A client whose test is a script beside this one; `probe` is the interpreter's way to ask for its module."""
    need(interpreter)
    if subprocess.run([interpreter, *probe], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL).returncode != 0:
        print("the client for %s is not on this machine" % interpreter)
        sys.exit(SKIPPED)
    print(run(interpreter, os.path.join(HERE, script), str(server.port), server.socket).strip())


SCRIPTS = {
    "php": ("php", "client_php.php", ("-r", "exit(class_exists('Redis') ? 0 : 1);")),
    "ruby": ("ruby", "client_ruby.rb", ("-e", "require 'redis'")),
    "perl": ("perl", "client_perl.pl", ("-MRedis", "-e", "1")),
    "lua": ("lua5.1", "client_lua.lua", ("-e", "require 'redis'")),
}
CLIENTS = {
    **{name: lambda server, _, words=words: script_client(server, *words) for name, words in SCRIPTS.items()},
    "redis-cli": redis_cli,
    "redis-benchmark": redis_benchmark,
    "hiredis": hiredis,
    "python3-redis": python3_redis,
    "ioredis": lambda server, options: node_client(server, options, "ioredis"),
    "node-redis": lambda server, options: node_client(server, options, "node_redis"),
}


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("client", choices=sorted(CLIENTS))
    parser.add_argument("--server", required=True)
    parser.add_argument("--program")
    parser.add_argument("--modules")
    options = parser.parse_args()
    server = ServerProcess(options.server)
    try:
        CLIENTS[options.client](server, options)
    finally:
        server.stop()
    print(options.client + ": works")


if __name__ == "__main__":
    main()
