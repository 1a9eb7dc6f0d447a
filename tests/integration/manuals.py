#!/usr/bin/python3
"""The manual pages, the annotated configuration and the units fit the server that comes with them.

    manuals.py --server build/dev/bin/blitzdb-server --units build/dev/server/systemd
"""

import argparse
import os
import re
import subprocess
import sys
import tempfile

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
NO_SETTINGS = {"include", "rename-command"}  # directives of the file


def expect(fact, what):
    if not fact:
        raise SystemExit(what)


def read(*path):
    with open(os.path.join(ROOT, *path)) as file:
        return file.read()


def run(*command):
    return subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=60)


def changeable(server, names):
    """The settings that CONFIG SET takes: asked of the table, by what the source says."""
    table = read("server", "settings", "config_table.c")
    rows = re.findall(r'\{"([a-z-]+)", BZS_.*?BZS_(CHANGES|FIXED|PROTECTED)\}', table, re.S)
    expect({name for name, _ in rows} == names, "the rows of the table: %r" % (set(dict(rows)) ^ names))
    return {name for name, change in rows if change == "CHANGES"}


def check_settings(server):
    """Every setting is in the manual page, in the annotated file and in docs/server.md, and nothing else is."""
    names = set(re.findall(r"^  --([a-z-]+)", run(server, "--help").stdout, re.M))
    expect(len(names) > 40, "--help names the settings: %r" % names)
    page = read("server", "man", "blitzdb.conf.5")
    items = re.findall(r"^\.It Cm ([a-z-]+)(.*)$", page, re.M)
    expect({name for name, _ in items} - NO_SETTINGS == names, "blitzdb.conf(5): %r" % ({n for n, _ in items} ^ names))
    marked = {name for name, rest in items if rest.endswith("No *")}
    expect(marked == changeable(server, names), "marked with *: %r" % (marked ^ changeable(server, names)))
    lines = re.findall(r"^(?:# )?([a-z-]+) (?=\S)", read("server", "blitzdb.conf"), re.M)
    missing = names - set(lines)
    expect(not missing, "blitzdb.conf lacks %r" % missing)
    documented = set(re.findall(r"^\| `([a-z-]+)` \|", read("docs", "server.md"), re.M))
    expect(names <= documented, "docs/server.md lacks %r" % (names - documented))


def check_annotated(server):
    """The annotated file is in order, and so is every line of it that is a comment now."""
    with tempfile.TemporaryDirectory(prefix="blitzdb-test-") as folder:
        text = read("server", "blitzdb.conf").replace("/var/log/blitzdb/", folder + "/")  # which packages make
        path = os.path.join(folder, "blitzdb.conf")
        known = r"(?m)^# (?=[a-z-]+ )(?!requirepass|include)(?=(?:%s) )"
        names = re.findall(r"^  --([a-z-]+)", run(server, "--help").stdout, re.M) + ["rename-command"]
        for content in (text, re.sub(known % "|".join(names), "", text)):
            with open(path, "w") as file:
                file.write(content)
            done = run(server, path, "--check-config")
            expect((done.returncode, done.stdout) == (0, ""), "%s:\n%s" % (done, content))


def check_pages():
    """mandoc finds nothing to say."""
    for page in ("blitzdb-server.1", "blitzdb-benchmark.1", "blitzdb.conf.5"):
        done = run("mandoc", "-T", "lint", "-W", "warning", os.path.join(ROOT, "server", "man", page))
        expect((done.returncode, done.stdout) == (0, ""), done.stdout)


def check_units(server, units):
    """systemd understands every line of the units, and finds little to attack."""
    with tempfile.TemporaryDirectory(prefix="blitzdb-test-") as folder:
        for name in ("blitzdb-server.service", "blitzdb@.service"):
            with open(os.path.join(units, name)) as file:
                text = re.sub(r"(?m)^ExecStart=\S+", "ExecStart=" + server, file.read())
            path = os.path.join(folder, name.replace("@", "@one"))
            with open(path, "w") as file:
                file.write(text)
            done = run("systemd-analyze", "verify", "--man=no", path)
            about = [line for line in done.stdout.splitlines() if "blitzdb" in line]
            expect(done.returncode == 0 and not about, "%s: %s" % (name, done.stdout))
            done = run("systemd-analyze", "security", "--offline=true", "--threshold=20", path)
            expect(done.returncode == 0, "%s is exposed: %s" % (name, done.stdout[-400:]))


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--server", required=True)
    parser.add_argument("--units", required=True)
    options = parser.parse_args()
    check_settings(options.server)
    check_annotated(options.server)
    check_pages()
    check_units(options.server, options.units)


if __name__ == "__main__":
    sys.exit(main())
