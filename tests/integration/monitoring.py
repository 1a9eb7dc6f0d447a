#!/usr/bin/python3
"""The HTTP port, and the programs of others that watch servers: promtool, prometheus-redis-exporter.

    monitoring.py http|promtool|exporter --server build/dev/bin/blitzdb-server

A case whose program is not on the machine is skipped.
"""

import argparse
import os
import re
import shutil
import socket
import subprocess
import sys
import tempfile

from server_process import TIMEOUT_S, ServerProcess
from wire import Client, encode, expect, receive, connect

SKIPPED = 77


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def need(program):
    if shutil.which(program) is None:
        print(program + " is not on this machine")
        sys.exit(SKIPPED)


def request(port, text):
    """Sends the bytes of a request; everything that comes back until the connection is closed."""
    with socket.create_connection(("127.0.0.1", port), timeout=TIMEOUT_S) as connection:
        connection.sendall(text)
        answer = b""
        while True:
            try:
                piece = connection.recv(65536)
            except ConnectionResetError:
                return answer
            if not piece:
                return answer
            answer += piece


def get(port, path, method="GET", headers=""):
    """One HTTP request; status and body."""
    head = "%s %s HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n%s\r\n" % (method, path, headers)
    answer = request(port, head.encode())
    head, _, body = answer.partition(b"\r\n\r\n")
    return int(head.split()[1]), body.decode()


def values(text):
    """Metrics without labels: name -> number; with labels: name{...} -> number."""
    found = {}
    for line in text.splitlines():
        if not line.startswith("#"):
            name, _, number = line.rpartition(" ")
            expect(name and name not in found, "a line of the metrics: %r" % line)
            found[name] = float(number)
    return found


def some_load(server):
    """Commands of every kind: quick and slow ones, refused and failed ones, and a key that expires."""
    client = Client(server)
    connection = connect(server)
    connection.sendall(encode("SET", "k", "v") * 100)
    receive(connection, 500)
    client.ask("SELECT", "3")
    client.ask("SET", "e", "x", "EX", "1000")
    for words in (("INCR", "e"), ("GET",), ("NOSUCH",), ("KEYS", "*"), ("CONFIG", "GET", "*"), ("GET", "none")):
        client.ask(*words)
    return client


def case_http(program):
    """Paths, methods and limits of the HTTP port; the numbers agree with INFO."""
    port = free_port()
    server = ServerProcess(program, "--http-port", str(port), "--dir", "DATA", "--threads", "2")
    try:
        client = some_load(server)
        status, text = get(port, "/metrics")
        numbers = values(text)
        expect(status == 200 and numbers["redis_up"] == 1, "/metrics: %r" % text[:200])
        expect(numbers['redis_db_keys{db="db0"}'] == 1 and numbers['redis_db_keys_expiring{db="db3"}'] == 1, "keys")
        expect(numbers['redis_db_keys{db="db15"}'] == 0, "every keyspace")
        expect(numbers['redis_commands_total{cmd="set"}'] == 101, "calls of SET")
        expect(numbers['redis_commands_failed_calls_total{cmd="incr"}'] == 1, "failed calls")
        expect(numbers['redis_commands_rejected_calls_total{cmd="get"}'] == 1, "refused calls")
        expect(numbers['redis_commands_duration_seconds_total{cmd="set"}'] > 0, "time of SET")
        expect(numbers['redis_errors_total{err="ERR"}'] == 3, "errors")
        expect(numbers["redis_keyspace_misses_total"] == 1, "misses")
        info = client.info("memory")
        expect(numbers["redis_memory_used_dataset_bytes"] == int(info["used_memory_dataset"]), "memory of the data")
        expect(get(port, "/healthz") == (200, "alive\n") and get(port, "/readyz") == (200, "ready\n"), "health")
        expect(get(port, "/healthz", "HEAD") == (200, ""), "HEAD has no body")
        expect(get(port, "/")[0] == 404 and get(port, "/metrics/x")[0] == 404, "other paths")
        expect(get(port, "/metrics", "DELETE")[0] == 405, "other methods")
        for headers in ("Content-Length: 5\r\n", "Transfer-Encoding: chunked\r\n"):
            expect(get(port, "/metrics", "POST", headers)[0] == 400, "no body")
        expect(get(port, "/healthz", "GET", "X: %s\r\n" % ("x" * 20000))[0] in (413, 431), "large headers")
        many = [socket.create_connection(("127.0.0.1", port)) for _ in range(40)]
        for connection in many:
            connection.close()
        expect(client.ask("PING") == b"PONG", "connections to the HTTP port are not in the way of clients")
        while get_or_nothing(port, "/healthz") != (200, "alive\n"):
            pass
        garbage = request(port, b"*1\r\n$4\r\nPING\r\n\r\n")
        expect(b"PONG" not in garbage, "the port speaks HTTP only")
        expect(server.signal(15) == 0, "the server ends: " + server.said())
        refused = server.refuse("--port", "0", "--http-port", str(port), "--http-bind", "localhost")
        expect(refused[0] == 1 and "such as 127.0.0.1" in refused[1], "a name is no address: %r" % (refused,))
    finally:
        server.stop()


def get_or_nothing(port, path):
    """The same, as long as too many connections of before are not closed yet."""
    try:
        return get(port, path)
    except (IndexError, OSError):
        return None


def case_promtool(program):
    """promtool finds nothing wrong with names, types and format, with all kinds of numbers in the metrics."""
    need("promtool")
    port = free_port()
    server = ServerProcess(program, "--http-port", str(port), "--requirepass", "")
    try:
        for loaded in (False, True):
            if loaded:
                some_load(server)
            _, text = get(port, "/metrics")
            done = subprocess.run(
                ["promtool", "check", "metrics"], input=text.encode(), stdout=subprocess.PIPE, stderr=subprocess.STDOUT
            )
            expect(done.returncode == 0 and not done.stdout, "promtool: " + done.stdout.decode())
    finally:
        server.stop()


# Gauges and counters of the exporter that dashboards show.
EXPECTED = """
redis_up redis_connected_clients redis_blocked_clients redis_memory_used_bytes redis_memory_used_rss_bytes
redis_memory_used_peak_bytes redis_memory_max_bytes redis_mem_fragmentation_ratio redis_commands_processed_total
redis_keyspace_hits_total redis_keyspace_misses_total redis_expired_keys_total redis_evicted_keys_total
redis_net_input_bytes_total redis_net_output_bytes_total redis_connections_received_total
redis_rejected_connections_total redis_rdb_changes_since_last_save redis_rdb_last_save_timestamp_seconds
redis_rdb_last_bgsave_status redis_aof_enabled redis_aof_last_write_status redis_aof_current_size_bytes
redis_uptime_in_seconds redis_start_time_seconds redis_config_maxclients redis_config_maxmemory
redis_cpu_user_seconds_total redis_cpu_sys_seconds_total redis_slowlog_length redis_total_error_replies
""".split()


def start_exporter(server, port, log):
    """The exporter, once it has answered; it says nothing when it begins to listen."""
    process = subprocess.Popen(
        ["prometheus-redis-exporter", "-redis.addr", "redis://127.0.0.1:%d" % server.port]
        + ["-web.listen-address", "127.0.0.1:%d" % port],
        stdout=log,
        stderr=log,
    )
    while True:
        expect(process.poll() is None, "the exporter goes on")
        try:
            get(port, "/health")
            return process
        except ConnectionRefusedError:
            pass


def case_exporter(program):
    """prometheus-redis-exporter has nothing to complain about, and finds the numbers that dashboards show."""
    need("prometheus-redis-exporter")
    server = ServerProcess(program, "--dir", "DATA", "--slowlog-log-slower-than", "0", "--latency-monitor-threshold", "1")
    with tempfile.TemporaryFile() as log:
        exporter = None
        try:
            client = some_load(server)
            port = free_port()
            exporter = start_exporter(server, port, log)
            status, text = get(port, "/metrics")
            text = re.sub(r"(?m)^[0-9a-f]+\r\n", "", text)  # sizes of chunks
            names = {line.split("{")[0].split(" ")[0] for line in text.splitlines() if not line.startswith("#")}
            missing = [name for name in EXPECTED if name not in names]
            expect(status == 200 and not missing, "the exporter shows no %s" % missing)
            found = dict(re.findall(r'(?m)^(redis_up|redis_exporter_last_scrape_error\{err=".*?"\}) (\d+)', text))
            expect(found == {"redis_up": "1", 'redis_exporter_last_scrape_error{err=""}': "0"}, "it worked: %r" % found)
            for pattern in (
                r'redis_db_keys\{db="db3"\} 1\b',
                r'redis_commands_total\{cmd="set"\} 101\b',
                r'redis_commands_failed_calls_total\{cmd="incr"\} 1\b',
                r'redis_errors_total\{err="ERR"\} 3\b',
                r'redis_latency_percentiles_usec\{cmd="set",quantile="99"\} \d',
            ):
                expect(re.search(pattern, text), "the exporter shows no " + pattern)
            expect(client.ask("PING") == b"PONG", "the server goes on")
        finally:
            if exporter is not None:
                exporter.terminate()
                exporter.wait()
            server.stop()
        log.seek(0, os.SEEK_SET)
        said = log.read().decode()
        expect("level=error" not in said and "level=warn" not in said.lower(), "the exporter's log: " + said)


CASES = {"http": case_http, "promtool": case_promtool, "exporter": case_exporter}


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("case", choices=sorted(CASES))
    parser.add_argument("--server", required=True)
    options = parser.parse_args()
    CASES[options.case](options.server)
    print(options.case + ": works")


if __name__ == "__main__":
    main()
