#!/usr/bin/python3
"""What the server tells about itself, beside what Redis tells: COMMAND INFO, COMMAND DOCS, COMMAND GETKEYS, INFO.

    introspection.py --server build/dev/bin/blitzdb-server [--redis redis-server]

Every command that both have must look the same to a client's library: arity, flags, positions of keys, key
specifications, categories, tips, group, version, arguments. Summaries, complexities and histories are our own words;
they must be there. Fields of INFO that Redis has and we do not are written down here.
"""

import argparse
import os
import re
import shutil
import subprocess
import sys
import tempfile

from server_process import ServerProcess
from wire import Client, connect, expect

# What differs on purpose: (command, what) -> why.
DELIBERATE = {}

SECTIONS = "server clients memory persistence stats replication cpu modules cluster keyspace".split()

# Fields of INFO that Redis has and this server has not: none.
ABSENT_FIELDS = set()

# Words that Redis uses for its own keeping of commands, and that no library acts upon.
INTERNAL_FLAGS = {b"syscmd"}

# Asked of both, with the same answer.
GETKEYS = """
set a b|nosuch a|set a|ping a|mset a 1 b 2|mset a 1 b|eval x 2 a b|eval x 5 a b|eval x 0|eval x abc a|eval x -1 a|copy a b
del a b|object encoding a|memory usage a|object foo a|rename a b|watch a b|eval_ro x 1 a|fcall f 1 k a|subscribe a|getex a
touch a|get a|set a b get|set a b keepttl|msetnx a 1 b 2|lcs a b|bitop and a b c|bitfield a get u8 0|bitfield a set u8 0 1
publish a b|config get a|client id a
""".replace("\n", "|").strip("|").split("|")


class Redis:
    """The reference, on a socket of its own."""

    def __init__(self, program):
        self.folder = tempfile.mkdtemp(prefix="blitzdb-test-")
        self.socket = os.path.join(self.folder, "redis.sock")
        command = [program, "--port", "0", "--unixsocket", self.socket, "--save", "", "--appendonly", "no"]
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, cwd=self.folder)
        for line in self.process.stdout:
            if b"ready to accept" in line or b"Ready to accept" in line:
                break

    def stop(self):
        self.process.kill()
        self.process.wait()
        self.process.stdout.close()
        shutil.rmtree(self.folder)


def as_dict(pairs):
    return dict(zip(pairs[::2], pairs[1::2]))


def described(entry):
    """An entry of COMMAND INFO without order and without notes."""
    name, arity, flags, first, last, step, categories, tips, keys, children = entry
    specifications = []
    for each in keys:
        fields = as_dict(each)
        fields.pop(b"notes", None)
        fields[b"flags"] = sorted(fields[b"flags"])
        specifications.append(sorted(fields.items()))
    return {
        "arity": arity,
        "flags": set(flags),
        "keys": (first, last, step),
        "categories": set(categories),
        "tips": sorted(tips),
        "specifications": specifications,
        "subcommands": sorted(child[0] for child in children),
    }


def arguments_of(entries):
    """Arguments of COMMAND DOCS without summaries, in a form that can be compared."""
    found = []
    for entry in entries:
        fields = as_dict(entry)
        fields.pop(b"summary", None)
        if b"flags" in fields:
            fields[b"flags"] = sorted(fields[b"flags"])
        if b"arguments" in fields:
            fields[b"arguments"] = arguments_of(fields[b"arguments"])
        found.append(sorted(fields.items()))
    return found


def documented(document):
    fields = as_dict(document)
    return {
        "since": fields[b"since"],
        "group": fields[b"group"],
        "arguments": arguments_of(fields.get(b"arguments", [])),
        "versions": [version for version, _ in fields.get(b"history", [])],
        "deprecated": fields.get(b"deprecated_since"),
        "doc_flags": set(fields.get(b"doc_flags", [])) - INTERNAL_FLAGS,
    }


def all_commands(client):
    entries = client.ask("COMMAND")
    return {entry[0]: entry for parent in entries for entry in [parent] + parent[9]}


def all_documents(client):
    found = {}
    for name, document in as_dict(client.ask("COMMAND", "DOCS")).items():
        found[name] = document
        found.update(as_dict(as_dict(document).get(b"subcommands", [])))
    return found


def compare(what, ours, theirs, read, parts):
    """Compares every entry that both have; returns how many there are and the differences."""
    both = sorted(set(ours) & set(theirs))
    differences = []
    for name in both:
        mine, other = read(ours[name]), read(theirs[name])
        for part in parts:
            if part == "subcommands":  # theirs must be there, and there may be more
                differs = not set(other[part]) <= set(mine[part])
            else:
                differs = mine[part] != other[part]
            if differs and (name.decode(), part) not in DELIBERATE:
                differences.append("%s %s: %s is %r, not %r" % (what, name.decode(), part, mine[part], other[part]))
    return len(both), differences


def check_commands(ours, theirs):
    mine, other = all_commands(ours), all_commands(theirs)
    parts = ["arity", "flags", "keys", "categories", "tips", "specifications", "subcommands"]
    count, differences = compare("COMMAND INFO", mine, other, described, parts)
    expect(count > 150, "only %d commands in common" % count)
    documents, their_documents = all_documents(ours), all_documents(theirs)
    parts = ["since", "group", "arguments", "versions", "deprecated", "doc_flags"]
    documented_count, more = compare("COMMAND DOCS", documents, their_documents, documented, parts)
    expect(documented_count == count and set(documents) == set(mine), "every command is documented")
    for name, document in documents.items():
        fields = as_dict(document)
        takes_arguments = abs(mine[name][1]) > name.count(b"|") + 1 and not mine[name][9] and name not in their_documents
        if takes_arguments and b"arguments" not in fields:
            more.append("COMMAND DOCS %s has no arguments" % name.decode())
        for field in (b"summary", b"complexity"):
            if not fields.get(field):
                more.append("COMMAND DOCS %s has no %s" % (name.decode(), field.decode()))
        if name in their_documents and fields[b"summary"] == as_dict(their_documents[name])[b"summary"]:
            more.append("COMMAND DOCS %s: the summary is not ours" % name.decode())
    return count, differences + more


def check_getkeys(ours, theirs):
    differences = []
    for words in GETKEYS:
        for asked in ("GETKEYS", "GETKEYSANDFLAGS"):
            if ours.ask("COMMAND", "INFO", words.split()[0]) == [None] and words.split()[0] != "nosuch":
                continue
            mine = ours.ask("COMMAND", asked, *words.split())
            other = theirs.ask("COMMAND", asked, *words.split())
            if mine != other:
                differences.append("COMMAND %s %s: %r, not %r" % (asked, words, mine, other))
    return len(GETKEYS) * 2, differences


def info_fields(client, section):
    """Names in an INFO section, without the numbers of databases and the names of commands."""
    return set(client.info(section))


def check_info(ours, theirs):
    """Every field that Redis shows of its own is there, in the same section."""
    ours.ask("SET", "k", "v")
    theirs.ask("SET", "k", "v")
    count, differences = 0, []
    for section in SECTIONS:
        names = info_fields(theirs, section)
        count += len(names)
        for name in sorted(names - info_fields(ours, section)):
            if name not in ABSENT_FIELDS:
                differences.append("INFO %s has no %s" % (section, name))
    for section in ("default", "all", "everything", None):
        asked = [section] if section else []
        headings = [re.findall(r"(?m)^# (\w+)\r$", each.ask("INFO", *asked).decode()) for each in (ours, theirs)]
        if headings[0] != headings[1]:
            differences.append("INFO %s shows %r, not %r" % (section, headings[0], headings[1]))
    for client in (ours, theirs):
        client.ask("GET")
        client.ask("GET", "k")
    for section, name in (("commandstats", "cmdstat_get"), ("errorstats", "errorstat_ERR")):
        mine, other = [re.findall(r"(\w+)=", each.info(section)[name]) for each in (ours, theirs)]
        if mine != other:
            differences.append("INFO %s: %s has %r, not %r" % (section, name, mine, other))
    mine, other = [
        re.findall(r"(p[\d.]+)=", each.info("latencystats")["latency_percentiles_usec_get"]) for each in (ours, theirs)
    ]
    if mine != other:
        differences.append("INFO latencystats: %r, not %r" % (mine, other))
    return count, differences


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--server", required=True)
    parser.add_argument("--redis", default="redis-server", help="the reference, Redis 7.0")
    options = parser.parse_args()
    server = ServerProcess(options.server, "--threads", "2")
    redis = Redis(options.redis)
    differences = []
    try:
        ours, theirs = Client(server), Client(redis, connection=connect(redis, unix=True))
        for check in (check_commands, check_getkeys, check_info):
            count, found = check(ours, theirs)
            print("%s: %d compared, %d differences" % (check.__name__[len("check_") :], count, len(found)))
            differences += found
    finally:
        redis.stop()
        server.stop()
    for difference in differences:
        print(difference)
    sys.exit(len(differences) > 0)


if __name__ == "__main__":
    main()
