#!/usr/bin/python3
"""The rules of this tree as tests: check_style.py SOURCE_DIR RULE [LIBRARY].

layers      lib/ includes only downwards, pieces do not know each other, lists of sources are complete
headers     only *_posix.c reach for the operating system; server and examples see public headers only
registered  every test file is named in tests/CMakeLists.txt
words       no sleeping, no unfinished business, no path of somebody's machine
sizes       lines, functions and files stay readable
format      clang-format would change nothing
symbols     the static library calls the C library's I/O and allocator from *_posix.c only
exports     the shared library exports exactly tests/package/symbols.txt

Prints every violation as file:line: text. Exit status 1 if there is one, 77 if a tool is missing.
"""

import re
import shutil
import subprocess
import sys
from pathlib import Path

SKIPPED = 77

# A header has the layer of its source in lib/CMakeLists.txt; one without a source that of its highest include.
# This one is higher than that.
LAYER_OF_HEADER = {"db": 4}

# Pieces that are testable alone because they do not know each other: family -> families it may not include.
FAMILIES = {
    "wal": {"snapshot", "table", "arena", "shard", "store"},
    "snapshot": {"wal", "table", "arena", "shard", "store"},
    "table": {"wal", "snapshot", "record", "shard", "store"},
    "arena": {"wal", "snapshot", "record", "table", "shard", "store"},
    "record": {"wal", "snapshot", "table", "arena", "shard", "store"},
}

STANDARD_HEADERS = set(
    "assert ctype errno float inttypes limits locale math setjmp signal stdalign stdarg stdatomic stdbool stddef "
    "stdint stdio stdlib string time".split()
)
PROCESSOR_HEADERS = {"emmintrin.h", "nmmintrin.h", "wmmintrin.h", "arm_acle.h", "arm_neon.h", "sys/auxv.h"}
# The only door to the threads.
HEADER_EXCEPTIONS = {"lib/lock.h": {"pthread.h", "semaphore.h"}}

# What lock.h does inline for every look-up.
INLINE_CALLS = {"pthread_rwlock_tryrdlock", "pthread_rwlock_unlock"}

# What only env_posix.c and lock_posix.c may call.
FORBIDDEN_CALLS = re.compile(
    r"^(malloc|calloc|realloc|free|aligned_alloc|posix_memalign|strdup|strndup|asprintf|open|openat|creat|close"
    r"|read|write|pread|pwrite|readv|writev|lseek|fsync|fdatasync|ftruncate|truncate|rename|renameat|unlink"
    r"|unlinkat|remove|mkdir|rmdir|opendir|readdir|closedir|stat|fstat|lstat|fstatat|access|flock|fcntl|ioctl"
    r"|mmap|munmap|madvise|mremap|time|clock|clock_gettime|gettimeofday|rand|srand|random|srandom|getrandom"
    r"|fopen|fclose|fread|fwrite|printf|fprintf|vprintf|vfprintf|puts|putchar|fputs|perror|stdin|stdout|stderr"
    r"|exit|_exit|abort|atexit|raise|kill|system|fork|getpid|getenv|setenv|sleep|usleep|nanosleep|signal"
    r"|sigaction|setlocale|uselocale|pthread_\w+|sysconf|dl\w+)(64)?$"
)

LINE_MAX = 110
FUNCTION_MAX = 70
FILE_MAX = 600
# Folders of the server that know little of the rest, and what they know.
SERVER_FOLDERS = {"base": ("base",), "settings": ("base", "settings")}
SOURCE_FOLDERS = ("include", "lib", "server", "examples", "tests")


class Check:
    """One run: the tree, and what was found."""

    def __init__(self, root):
        self.root = root
        self.found = 0

    def report(self, path, line, text):
        where = path.relative_to(self.root) if path.is_absolute() else path
        print(f"{where}:{line}: {text}")
        self.found += 1

    def files(self, *suffixes, folders=SOURCE_FOLDERS):
        for folder in folders:
            for path in sorted((self.root / folder).rglob("*")):
                if path.suffix in suffixes and path.is_file() and "node_modules" not in path.parts:
                    yield path

    def lines(self, path):
        return enumerate(path.read_text(encoding="utf-8").splitlines(), 1)

    def includes(self, path):
        for number, line in self.lines(path):
            match = re.match(r'\s*#\s*include\s*([<"])([^">]+)[">]', line)
            if match:
                yield number, match.group(1) == '"', match.group(2)


def layers_of(check):
    """Module -> layer, from the comments `# layer N: ...` between the sources in lib/CMakeLists.txt."""
    layers = dict(LAYER_OF_HEADER)
    layer = None
    for _, line in check.lines(check.root / "lib/CMakeLists.txt"):
        comment = re.match(r"\s*# layer (\d)", line)
        source = re.match(r"\s*([a-z0-9_]+)\.c\s*\)?$", line)
        if comment:
            layer = int(comment.group(1))
        elif source and layer is not None:
            layers[source.group(1)] = layer

    def rise(path):
        module = module_of(path, layers)
        if module not in layers:
            layers[module] = 0  # ends a circle
            below = [check.root / "lib" / name for _, quoted, name in check.includes(path) if quoted]
            layers[module] = max([rise(header) for header in below if header.exists()], default=0)
        return layers[module]

    for header in check.files(".h", folders=("lib",)):
        rise(header)
    return layers


def module_of(path, layers):
    """lock.h belongs to lock_posix.c."""
    stem = Path(path).stem
    return stem + "_posix" if stem not in layers and stem + "_posix" in layers else stem


def families_of(module):
    return {family for family in FAMILIES if module == family or module.startswith(family + "_")}


def check_layers(check):
    layers = layers_of(check)
    for path in check.files(".c", ".h", folders=("lib",)):
        module = module_of(path, layers)
        if module not in layers:
            check.report(path, 1, "is not in lib/CMakeLists.txt")
            continue
        forbidden = set().union(*(FAMILIES[family] for family in families_of(module)))
        for number, quoted, name in check.includes(path):
            other = module_of(name, layers)
            if not quoted:
                continue
            if other not in layers:
                check.report(path, number, f"includes {name}, which is no module of lib/")
            elif layers[other] > layers[module]:
                check.report(path, number, f"layer {layers[module]} includes {name} of layer {layers[other]}")
            elif families_of(other) & forbidden:
                check.report(path, number, f"the pieces {module} and {name} must not know each other")
    for folder, below in SERVER_FOLDERS.items():
        known = {path.name for other in below for path in check.files(".h", folders=(f"server/{other}",))}
        for path in check.files(".c", ".h", folders=(f"server/{folder}",)):
            for number, quoted, name in check.includes(path):
                if quoted and name not in known:
                    check.report(path, number, f"includes {name}; server/{folder}/ sees {' and '.join(below)} only")
    for folder in ("server", "tests/support"):
        listing = check.root / ("tests" if folder.startswith("tests") else folder) / "CMakeLists.txt"
        text = listing.read_text(encoding="utf-8") if listing.exists() else ""
        for path in check.files(".c", folders=(folder,)):
            if not re.search(rf"\b{re.escape(path.name)}\b", text):
                check.report(path, 1, f"is not in {listing.relative_to(check.root)}")


def check_headers(check):
    for path in check.files(".c", ".h", folders=("lib", "include")):
        allowed = HEADER_EXCEPTIONS.get(str(path.relative_to(check.root)), set())
        for number, quoted, name in check.includes(path):
            standard = name.endswith(".h") and name[:-2] in STANDARD_HEADERS
            public = name.startswith("blitzdb/")
            if quoted or standard or public or name in allowed | PROCESSOR_HEADERS or path.name.endswith("_posix.c"):
                continue
            check.report(path, number, f"includes <{name}>; only *_posix.c may use the operating system")
    for folder in ("server", "examples"):
        own = {path.name for path in check.files(".h", folders=(folder,))}
        for path in check.files(".c", ".h", folders=(folder,)):
            for number, quoted, name in check.includes(path):
                if quoted and name not in own:
                    check.report(path, number, f"includes {name}; {folder}/ sees public headers of BlitzDB only")


def check_registered(check):
    text = (check.root / "tests/CMakeLists.txt").read_text(encoding="utf-8")
    for folder in ("unit", "stress", "crash", "integration", "fuzz"):
        scripts = list(check.files(".py", ".sh", ".js", ".mjs", folders=(f"tests/{folder}",)))
        for path in check.files(".c", folders=(f"tests/{folder}",)):
            name = rf"\b{folder}/{path.stem}\b"
            if path.stem.startswith(("test_", "fuzz_")):
                function = "unit_test" if folder == "unit" else "fuzz_target"
                name = rf"blitzdb_add_{function}\({path.stem[5:]}\b"
            if not re.search(rf"(?m)^[^#\n]*{name}", text):
                check.report(path, 1, "is not registered in tests/CMakeLists.txt")
        for path in scripts:
            # A script may be the helper of another one; clients.py puts the names of its clients' together.
            name = path.stem.removeprefix("client_")
            used = any(name in other.read_text(encoding="utf-8") for other in scripts if other != path)
            if path.name not in text and not used:
                check.report(path, 1, "is not registered in tests/CMakeLists.txt")


def check_words(check):
    rules = (
        (r"\b(TODO|FIXME|XXX)\b", "unfinished"),
        (r"^\s*#\s*if\s+0\b", "switched off"),
        (r"\b(u|nano|clock_nano)?sleep\s*\(", "sleeps; wait for an event instead"),
        (r"^\s*sleep\s+\S", "sleeps; wait for an event instead"),
        (r"\.disabled\s*=\s*true", "disabled test"),
        (r"(^|[\s\"'=])/(work|home|root)/", "path of one machine"),
    )
    for path in check.files(".c", ".cc", ".h", ".py", ".sh", ".js", ".mjs", ".txt", ".cmake", ".in"):
        if path == Path(__file__).resolve():
            continue
        for number, line in check.lines(path):
            for pattern, text in rules:
                if re.search(pattern, line):
                    check.report(path, number, f"{text}: {line.strip()}")


def check_sizes(check):
    for path in check.files(".c", ".cc", ".h"):
        start = 1
        count = 0
        for number, line in check.lines(path):
            count = number
            if len(line) > LINE_MAX:
                check.report(path, number, f"{len(line)} columns, {LINE_MAX} is the limit")
            if line == "}" and path.suffix != ".h" and number - start + 1 > FUNCTION_MAX:
                check.report(path, start, f"a function of {number - start + 1} lines, {FUNCTION_MAX} is the limit")
            if re.match(r"[A-Za-z_]", line) and not line.endswith((":", ";")):
                start = number
        if count > FILE_MAX and path.relative_to(check.root).parts[0] != "include":
            check.report(path, 1, f"{count} lines, {FILE_MAX} is the limit")


def check_format(check):
    if shutil.which("clang-format") is None:
        print("clang-format is not installed")
        return SKIPPED
    paths = [str(path) for path in check.files(".c", ".cc", ".h")]
    done = subprocess.run(["clang-format", "--dry-run", "--Werror", *paths], capture_output=True, text=True, check=False)
    for line in done.stderr.splitlines():
        match = re.match(r"(\S+?):(\d+):\d+: error:", line)
        if match:
            check.report(Path(match.group(1)), int(match.group(2)), "clang-format would change this")
    return None


def check_symbols(check, library):
    listing = subprocess.run(["nm", "-u", "-A", library], capture_output=True, text=True, check=True).stdout
    for line in listing.splitlines():
        match = re.match(r".*:([\w.-]+)\.c\.o:\s+[Uw] (\w+)", line)
        if not match or match.group(1).endswith("_posix") or match.group(2) in INLINE_CALLS:
            continue
        if FORBIDDEN_CALLS.match(match.group(2)):
            check.report(Path(f"lib/{match.group(1)}.c"), 1, f"calls {match.group(2)}; go through env or lock")
    if "env_posix.c.o" not in listing:
        check.report(Path(library), 1, "nm shows no env_posix.c.o")


def check_exports(check, library):
    wanted_file = check.root / "tests/package/symbols.txt"
    wanted = set(wanted_file.read_text(encoding="utf-8").split())
    listing = subprocess.run(["nm", "-D", "--defined-only", library], capture_output=True, text=True, check=True).stdout
    found = {line.split()[2].split("@")[0] for line in listing.splitlines() if line.split()[1] != "A"}
    for name in sorted(found):
        if not name.startswith("blitzdb_"):
            check.report(Path(library), 1, f"exports {name}")
    for name in sorted(found - wanted):
        check.report(wanted_file, 1, f"{name} is exported and not listed")
    for name in sorted(wanted - found):
        check.report(wanted_file, 1, f"{name} is listed and not exported")


RULES = {
    "layers": check_layers,
    "headers": check_headers,
    "registered": check_registered,
    "words": check_words,
    "sizes": check_sizes,
    "format": check_format,
    "symbols": check_symbols,
    "exports": check_exports,
}


def main(arguments):
    if len(arguments) < 2 or arguments[1] not in RULES:
        sys.exit(__doc__)
    check = Check(Path(arguments[0]).resolve())
    result = RULES[arguments[1]](check, *arguments[2:])
    if check.found > 0:
        print(f"{check.found} violation(s) of the rule '{arguments[1]}'")
    return result if result is not None else int(check.found > 0)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
