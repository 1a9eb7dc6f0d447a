"""The random command stream of differential.py: everything is made from a seed and depends on nothing else.

Two servers that get the stream must end in the same state whatever their speed, so every time in it is far
away or past: relative expiries are 11 days to 31 years from now (read as milliseconds they are still longer
than a test), absolute ones are after EXACT_MS or long gone.
"""

import random
import re

EXACT_MS = 4_000_000_000_000  # absolute expiries of the stream are later than this, relative ones earlier

KEYS = b"a b k1 k2 k3 key:{x} * [a]".split() + [b"", b"\x00\xff\r\n", b"with space", b"n" * 300]
ODD_NUMBERS = (
    b"0 1 -1 2 7 15 16 -0 +1 01 1.0 1e3 0x10 -5 100 2147483647 2147483648 -2147483648 -2147483649 "
    b"9223372036854775806 9223372036854775807 9223372036854775808 18446744073709551615 18446744073709551616 "
    b"-9223372036854775807 -9223372036854775808 -9223372036854775809 99999999999999999999999999 ten"
).split() + [b"", b" 1", b"1 ", b"1\x00"]
FLOATS = (
    b"0 -0 1 -1 0.1 -0.1 3.14159 1e3 1e-3 5.0e3 1e17 1e18 1e19 -1e25 1e-17 -1e-18 9e-18 .5 5. +1.5 1,5 1.5x "
    b"inf -inf infinity nan 1e308 1e400 1e4000 1e4932 -1e4932 1e5000 1e-4932 1e-5000 0x1p3 9007199254740993 "
    b"123456789012345678901234567890 0.30000000000000004"
).split() + [b"", b" 1", b"1 ", b"1\x00"]
NO_TIMES = b"nx xx gt lt get keepttl persist replace db match count type async sync foo".split() + [b""]
WORDS = NO_TIMES + [b"ex", b"px"]
PATTERN_PARTS = rb"* ? [ ] ^ - \ a b k 1 3 [a-c] [^k] [1-2]".split()
# What the random stream has no place for: each is sent to both servers, in both protocols. A blank separates words,
# an underscore stands for one inside a word.
FIXED = """
shutdown foo|shutdown save nosave|shutdown abort|shutdown nosave abort|shutdown nosave nosave abort
save x|lastsave x|bgsave foo|bgsave schedule x|bgrewriteaof x|time x|dbsize x
command foo|command count x|command info nosuch|command info get incr nosuch|command docs nosuch
command list foo|command list filterby|command list filterby foo x|command list filterby pattern
command help x|client|client foo|client id x|client info x|client getname x|client help x
client list foo|client list id|client list id x|client list id 999999999|client list type|client list type foo
client list type replica|client list type pubsub|client no-evict|client no-evict foo|client no-evict on
client no-evict off|client setname|client setname a b|client setname a_b|client setname tester|client getname
config|config foo|config get|config get databases|config get database[s] databases|config get nosuch
config get maxmemory|config get slave-read-only|config get REPLICA-priority|config resetstat x
config set|config set a|config set nosuch 1|config set timeout x|config set timeout 1.5|config set timeout -1
config set databases 3 nosuch 1|config set timeout x databases 3|config set timeout 3 TIMEOUT 4|config set timeout 3 port
config set dir /x|config set dbfilename x|config set databases 3|config set daemonize yes|config set logfile x
config set maxmemory 10%|config set maxmemory 1_2|config set protected-mode maybe|config set loglevel
config set save 1|config set save x_y|config set save 0_1|config set notify-keyspace-events Kq|config set user x
config set client-output-buffer-limit normal|config set client-output-buffer-limit normal_1_2|config rewrite x
config set client-output-buffer-limit foo_1_2_3|config set client-output-buffer-limit normal_x_2_3
config set notify-keyspace-events KnEmA|config get notify-keyspace-events|config set notify-keyspace-events g$nK
config get notify-keyspace-events|config set client-output-buffer-limit slave_1_2_3_normal_0_2kb_7
config get client-output-buffer-limit|config set enable-debug-command yes|config set unixsocketperm 777
config set notify-keyspace-events KEx9|config set slowlog-log-slower-than -2|config set tracking-table-max-keys -1
config set loglevel nosuch|config set include x|config set rename-command a|config help x|info nosuch|info cluster|info modules
wait|wait 1|wait 0 0|wait 0 7|wait -1 0|wait 1 1|wait x 0|wait 1 x|wait 1 -1|wait x x|wait 1 1 1
multi x|exec|exec x|discard|discard x|watch|unwatch|unwatch x|watch a b c|unwatch
multi|get|exec|multi|exec x|exec|multi|multi|discard|multi|watch a|watch|exec|multi|client foo|foo|exec
multi|save|exec|multi|shutdown abort|exec|multi|save x|discard|multi|wait 1 0|wait 0 7|ping|exec|multi|reset|exec
multi|set a 1|incr a|select 1|get a|incr a|select 0|get a|foo|exec|multi|flushall|set a 1|dbsize|keys *|exec
bitcount absent x y|bitcount absent 1|bitpos absent 1 x|bitpos absent 2|bitfield absent|bitfield_ro absent
set k foobar|bitcount k 5 1 foo|bitcount k -1 -2 foo|bitpos k 1 0 -1 bit x|bitpos k 1 5 1|bitpos k 0 9|del k
auth|auth x|auth default x|auth a b|auth a b c|reset x|swapdb x 1|swapdb 0 x|swapdb 0 16|swapdb 0|quit x
"""

# Numbers in these commands are times: only expiry() may choose them.
EXPIRING = {b"set", b"setex", b"psetex", b"getex", b"expire", b"pexpire", b"expireat", b"pexpireat", b"restore"}
# Numbers in these are positions, and large ones make large values: only offset() may choose them.
SPARSE = {b"setbit", b"bitfield"}


def crc64(data):
    """The checksum of DUMP: CRC-64 of Jones, reflected, begun with 0."""
    crc = 0
    for byte in data:
        crc ^= byte
        for _ in range(8):
            crc = crc >> 1 ^ (0x95AC9329AC4BC9B5 if crc & 1 else 0)
    return crc


def fixed_commands():
    """FIXED as lists of byte strings."""
    lines = FIXED.strip().replace("\n", "|").split("|")
    return [[word.replace("_", " ").encode() for word in line.split()] for line in lines]


def sets_the_past(command):
    """A SET that may be expired at once. Whether that changes a watched key is a difference: see DELIBERATE."""
    return command[0].lower() == b"set" and {b"exat", b"pxat"} & {word.lower() for word in command}


class Generator:
    """Makes the commands: lists of byte strings. Depends on nothing but the seed."""

    def __init__(self, seed):
        self.random = random.Random(seed)
        self.makers = [maker for weight, *makers in self.table() for maker in makers for _ in range(weight)]

    # Arguments

    def pick(self, choices):
        return choices[int(self.random.random() * len(choices))]

    def chance(self, percent):
        return self.random.random() * 100 < percent

    def key(self):
        if self.chance(8):
            return bytes(self.random.choices(b"abk1-]^\\", k=self.random.randint(1, 3)))
        return self.pick(KEYS)

    def number(self):
        return self.pick(ODD_NUMBERS) if self.chance(40) else b"%d" % self.random.randint(-1000, 1000)

    def float(self):
        decimals = self.pick((0, 1, 5, 20))
        return self.pick(FLOATS) if self.chance(70) else b"%.*f" % (decimals, self.random.uniform(-1e6, 1e6))

    def value(self):
        kind = self.random.random()
        if kind < 0.3:
            return self.number()
        if kind < 0.5:
            return self.float()
        if kind < 0.6:
            return self.random.randbytes(self.random.randint(0, 40))
        if kind < 0.62:
            return self.random.randbytes(self.random.randint(1000, 5000))
        return self.pick((b"", b"v", b"hello", b"hello world", b"\r\n", b"10"))

    def word(self, text):
        """The text in random case."""
        return bytes(letter ^ 32 if 97 <= letter <= 122 and self.chance(50) else letter for letter in text)

    def database(self):
        return self.pick((b"0", b"1", b"2", b"3", b"15")) if self.chance(85) else self.pick(ODD_NUMBERS)

    def many(self, make):
        """Mostly a few, seldom more than a handler keeps on the stack."""
        count = self.random.randint(60, 140) if self.chance(2) else self.random.randint(1, 5)
        return [argument for _ in range(count) for argument in make()]

    def expiry(self, relative, seconds):
        """A time that makes both servers do the same whenever it arrives."""
        kind = self.random.random()
        unit = 1 if seconds else 1000
        if kind < 0.7:
            if relative:
                return b"%d" % (self.random.randint(10**6, 10**9) * unit + self.random.randint(0, unit - 1))
            latest = 2**47 // (1000 // unit)
            first = EXACT_MS // (1000 // unit) + 1
            return b"%d" % (latest if self.chance(5) else self.random.randint(first, latest))
        if kind < 0.82:
            return self.pick((b"0", b"-1", b"-1000", b"-9223372036854775")) if relative else self.past(unit)
        always_refused = [b"ten", b"", b"+1", b" 1", b"1.5", b"9223372036854775808", b"-9223372036854775809"]
        if seconds:
            always_refused += [b"9223372036854776", b"-9223372036854776", b"-9223372036854775808"]
        if seconds or relative:
            always_refused += [b"9223372036854775807"]
        return self.pick(always_refused)

    def past(self, unit):
        return self.pick((b"1", b"0", b"-1", b"%d" % (self.random.randint(1, 10**9) * unit)))

    def time_option(self):
        word = self.pick((b"ex", b"px", b"exat", b"pxat"))
        return [self.word(word), self.expiry(b"at" not in word, word.startswith(b"ex"))]

    def pattern(self):
        if self.chance(40):
            return self.pick((b"*", b"k*", b"?", b"k?", b"[ab]", b"\\*", b"a", b"*\xff*", b"", b"n*n"))
        return b"".join(self.pick(PATTERN_PARTS) for _ in range(self.random.randint(1, 7)))

    # Commands

    def table(self):
        """Rows of weight and makers; a maker returns a command."""
        fixed = lambda *makers: (lambda: [part() if callable(part) else part for part in makers])
        key, value, number = self.key, self.value, self.number
        return [
            (14, fixed(b"get", key), self.set),
            (6, self.getex, self.expire),
            (5, fixed(b"incr", key), fixed(b"decr", key), fixed(b"incrby", key, number)),
            (5, fixed(b"decrby", key, number), fixed(b"incrbyfloat", key, self.float)),
            (4, fixed(b"append", key, value), fixed(b"strlen", key), fixed(b"getrange", key, number, number)),
            (4, self.setrange, fixed(b"getset", key, value)),
            (4, fixed(b"getdel", key), fixed(b"setnx", key, value)),
            (3, fixed(b"setex", key, lambda: self.expiry(True, True), value)),
            (3, fixed(b"psetex", key, lambda: self.expiry(True, False), value)),
            (4, lambda: [self.pick((b"mget", b"exists", b"touch"))] + self.many(lambda: [self.key()])),
            (3, lambda: [self.pick((b"mset", b"msetnx"))] + self.many(lambda: [self.key(), self.value()])),
            (4, lambda: [self.pick((b"del", b"unlink"))] + self.many(lambda: [self.key()])),
            (4, fixed(b"ttl", key), fixed(b"pttl", key)),
            (4, fixed(b"expiretime", key), fixed(b"pexpiretime", key)),
            (3, fixed(b"type", key), fixed(b"persist", key)),
            (3, fixed(b"rename", key, key), fixed(b"renamenx", key, key)),
            (4, self.copy, fixed(b"move", key, self.database)),
            (2, fixed(b"keys", self.pattern), self.scan, fixed(b"randomkey"), fixed(b"dbsize")),
            (1, fixed(b"swapdb", self.database, self.database), self.flush),
            (3, fixed(b"select", self.database)),
            (1, fixed(b"ping"), fixed(b"ping", value), fixed(b"echo", value)),
            (1, self.hello, self.client, fixed(b"time")),
            (1, self.unknown),
            (4, self.transaction),
            (3, fixed(b"setbit", key, self.offset, self.bit), fixed(b"getbit", key, self.offset)),
            (3, self.bitcount, self.bitpos, self.bitop),
            (4, self.bitfield),
            (2, self.lcs, self.restore, self.sort),
            (1, fixed(b"substr", key, number, number)),
        ]

    def set(self):
        command = [b"set", self.key(), self.value()]
        for _ in range(self.pick((0, 0, 0, 1, 1, 1, 2, 3))):
            flag = self.word(self.pick((b"nx", b"xx", b"get", b"keepttl")))
            command += self.time_option() if self.chance(50) else [flag]
        return command

    def getex(self):
        command = [b"getex", self.key()]
        for _ in range(self.pick((0, 1, 1, 1, 2))):
            command += self.time_option() if self.chance(70) else [self.word(b"persist")]
        return command

    def expire(self):
        name = self.pick((b"expire", b"pexpire", b"expireat", b"pexpireat"))
        time = self.expiry(not name.endswith(b"at"), not name.startswith(b"p"))
        command = [name, self.key(), time]
        for _ in range(self.pick((0, 0, 0, 1, 1, 1, 2, 3))):
            command.append(self.word(self.pick((b"nx", b"xx", b"gt", b"lt"))))
        return command

    def setrange(self):
        offset = b"%d" % self.random.randint(0, 50) if self.chance(70) else self.pick(
            (b"-1", b"536870912", b"9223372036854775807", b"-9223372036854775808", b"3000", b"x", b"1.0"))
        return [b"setrange", self.key(), offset, self.value()]

    def copy(self):
        command = [b"copy", self.key(), self.key()]
        for _ in range(self.pick((0, 1, 1, 2))):
            command += [self.word(b"replace")] if self.chance(50) else [self.word(b"db"), self.database()]
        return command

    def scan(self):
        command = [b"scan", b"0" if self.chance(80) else self.pick(ODD_NUMBERS)]
        for _ in range(self.pick((0, 1, 1, 2))):
            word = self.pick((b"match", b"count", b"type"))
            choices = {
                b"match": (self.pattern(),),
                b"count": (b"1", b"2", b"5", b"100", b"0", b"-1", b"x", b"9223372036854775807"),
                b"type": (b"string", b"STRING", b"list", b"unknown", b""),
            }
            command += [self.word(word), self.pick(choices[word])]
        return command

    def flush(self):
        command = [b"flushall" if self.chance(30) else b"flushdb"]
        return command if self.chance(60) else command + [self.word(self.pick((b"async", b"sync", b"foo")))]

    def hello(self):
        """Good ones, and bad ones without a name: see DELIBERATE in differential.py."""
        version = self.pick((b"2", b"3")) if self.chance(80) else self.pick((b"1", b"4", b"x", b"", b"3.0"))
        options = self.pick(([], [], [self.word(b"setname"), b"tester"], [b"setname"], [b"foo"]))
        return [b"hello", version] + options

    def client(self):
        name = self.pick((b"", b"tester", b"a b", b"x\n", b"\xff"))
        rest = self.pick(([b"getname"], [b"setname", name], [b"id"], [b"foo"], [], [b"getname", b"x"]))
        return [b"client"] + rest

    def unknown(self):
        name = self.pick((b"foo", b"", b"getx", b"se", b"\r\n", b"x" * 200))
        return [name] + [self.value() for _ in range(self.random.randint(0, 3))]

    def lcs(self):
        options = self.pick(([], [], [b"len"], [b"idx"], [b"idx"], [b"idx", b"len"]))
        if self.chance(40):
            options = options + [b"minmatchlen", self.pick((b"0", b"1", b"2", b"3", b"-1", b"x"))]
        if self.chance(40):
            options = options + [b"withmatchlen"]
        return [b"lcs", self.key(), self.key()] + [self.word(option) for option in options]

    def payload(self):
        """Something for RESTORE: well-formed mostly, made by the random values of the stream."""
        value = self.value()[:60]
        body = self.pick(
            (
                b"\x00" + bytes([len(value)]) + value,
                b"\x00\x40" + bytes([len(value)]) + value,
                b"\x00\x80\x00\x00\x00" + bytes([len(value)]) + value,
                b"\x00\x81" + b"\x00" * 7 + bytes([len(value)]) + value,
                b"\x00\xc0" + self.random.randbytes(1),
                b"\x00\xc1" + self.random.randbytes(2),
                b"\x00\xc2" + self.random.randbytes(4),
                b"\x00\xc3\x09\x14\x01ab\xe0\x08\x01\x01ab"[:12] + b"b",
            )
        )
        if self.chance(20):  # Redis does not mind a string that ends in the checksum: that is not sent
            body = self.pick((b"\x00\xc4" + body, b"\x00\xc3\x05\x05\xff\xff\xff\xff\xff", b""))
        version = b"\x0a\x00" if self.chance(90) else self.pick((b"\x01\x00", b"\x0b\x00", b"\xff\xff"))
        crc = crc64(body + version).to_bytes(8, "little")
        return body + version + (crc if self.chance(95) else self.random.randbytes(8))

    def restore(self):
        if self.chance(20):
            return [b"dump", self.pick((b"absent", b"missing"))]
        absolute = self.chance(30)
        time = b"0"
        if self.chance(40):
            time = b"%d" % self.random.randint(10**9, 10**12) if self.chance(70) else self.pick((b"-1", b"x", b""))
            if absolute and self.chance(90):
                time = self.past(1000) if self.chance(30) else b"%d" % self.random.randint(EXACT_MS, 2**47)
        options = [b"absttl"] if absolute else []
        if self.chance(60):
            options.append(b"replace")
        if self.chance(10):
            options += self.pick(([b"idletime", self.number()], [b"freq", self.number()], [b"idletime"], [b"x"]))
        return [b"restore", self.key(), time, self.payload()] + [self.word(option) for option in options]

    def sort(self):
        rest = self.pick(([], [b"alpha"], [b"limit", self.number(), b"1"], [b"by", b"x", b"get", b"#"], [b"store"]))
        store = [b"store", self.key()] if self.chance(20) else []
        return [self.pick((b"sort", b"sort_ro")), self.key()] + rest + store

    def offset(self):
        """Of a bit."""
        if self.chance(90):
            return b"%d" % self.random.randint(0, 200)
        return self.pick((b"-1", b"4294967296", b"9223372036854775807", b"30000", b"x", b"", b"1.0", b"01", b"#1"))

    def bit(self):
        return self.pick((b"0", b"1")) if self.chance(95) else self.pick(ODD_NUMBERS)

    def position(self):
        return b"%d" % self.random.randint(-50, 50) if self.chance(95) else self.number()

    def bit_range(self):
        unit = [self.word(self.pick((b"byte", b"bit", b"bit", b"foo")))] if self.chance(60) else []
        return [self.position(), self.position()] + unit

    def bitcount(self):
        return [b"bitcount", self.key()] + (self.bit_range() if self.chance(70) else [])

    def bitpos(self):
        rest = self.pick(([], [self.position()], self.bit_range(), self.bit_range()))
        return [b"bitpos", self.key(), self.bit()] + rest

    def bitop(self):
        how = self.word(self.pick((b"and", b"or", b"xor", b"not", b"foo" if self.chance(10) else b"or")))
        sources = [self.key()] if how.lower() == b"not" and self.chance(90) else self.many(lambda: [self.key()])
        return [b"bitop", how, self.key()] + sources

    def bitfield_type(self):
        if self.chance(3):
            return self.pick((b"u64", b"i65", b"u0", b"i0", b"u", b"", b"x8", b"I8", b"u8x", b"u-1", b"i08"))
        return self.pick((b"u%d" % self.random.randint(1, 63), b"i%d" % self.random.randint(1, 64), b"u8", b"i64"))

    def bitfield_step(self):
        word = self.pick((b"get", b"set", b"incrby", b"overflow"))
        if word == b"overflow":
            return [word, self.word(self.pick((b"wrap", b"sat", b"fail", b"foo" if self.chance(5) else b"sat")))]
        offset = b"#%d" % self.random.randint(0, 9) if self.chance(30) else self.offset()
        step = [self.word(word), self.bitfield_type(), offset]
        if word == b"get":
            return step
        number = self.number()
        # Redis computes with less than the type allows and saturates such a number upwards: see DELIBERATE.
        is_too_low = word == b"set" and re.fullmatch(rb"-\d{19}", number)
        return step + [b"-1" if is_too_low else number]

    def bitfield(self):
        if self.chance(20):
            steps = self.many(lambda: [b"get", self.bitfield_type(), self.offset()])
            return [self.pick((b"bitfield", b"bitfield_ro")), self.key()] + steps
        steps = [part for _ in range(self.random.randint(0, 6)) for part in self.bitfield_step()]
        return [b"bitfield" if self.chance(95) else b"bitfield_ro", self.key()] + steps

    def transaction(self):
        """A list of commands: MULTI, some of any kind and EXEC, seldom with a mistake, often with WATCH."""
        commands = []
        if self.chance(40):
            commands.append([b"watch"] + self.many(lambda: [self.key()]))
            commands += [command for command in self.some_commands(self.pick((0, 0, 1, 2))) if not sets_the_past(command)]
            if self.chance(10):
                commands.append([b"unwatch"])
        commands.append([b"multi"])
        commands += self.some_commands(self.random.randint(0, 70 if self.chance(5) else 8))
        if self.chance(15):
            mistakes = ([b"multi"], [b"watch", self.key()], [b"unwatch"], [b"exec", b"x"], [b"save"], [b"get"])
            commands.insert(self.random.randint(commands.index([b"multi"]) + 1, len(commands)), self.pick(mistakes))
        commands.append([b"discard"] if self.chance(10) else [b"exec"])
        if self.chance(5):
            commands.append(self.pick(([b"exec"], [b"discard"])))
        return commands

    def some_commands(self, count):
        """Single commands; SCAN cannot be compared by a reply of its own."""
        commands = []
        while len(commands) < count:
            command = self.pick(self.makers)()
            if isinstance(command[0], bytes) and command[0] not in (b"scan", b"swapdb"):
                commands += self.with_followers(command)
        return commands

    def spoil(self, command):
        """Drops, repeats, adds or replaces an argument."""
        words = NO_TIMES if command[0] in EXPIRING | SPARSE else WORDS + ODD_NUMBERS + KEYS
        at = self.random.randint(1, len(command))
        how = self.random.randint(0, 3)
        if how == 0 and at < len(command):
            del command[at]
        elif how == 1:
            command.insert(at, self.pick(words))
        elif how == 2 and at < len(command):
            command[at] = self.pick(words)
        else:
            command.append(self.pick(words))
        return command

    def next(self):
        """The next command and those that must follow it at once."""
        command = self.pick(self.makers)()
        commands = command if isinstance(command[0], list) else self.with_followers(command)
        for each in commands:
            each[0] = self.word(each[0])
        return commands

    def with_followers(self, command):
        """A command, perhaps spoilt, and what must follow it at once."""
        if self.chance(5) and command[0] != b"hello":
            self.spoil(command)
        commands = [command]
        if command[0] == b"set" and len(command) > 3:
            # Redis counts a key set with a past expiry in DBSIZE until somebody looks for it.
            commands.append([b"exists", command[1]])
        return commands


def encode(command):
    return b"*%d\r\n" % len(command) + b"".join(b"$%d\r\n%s\r\n" % (len(part), part) for part in command)


PLAIN = re.compile(rb"[A-Za-z0-9:*.+-]+")
INLINE_MAX = 64 * 1024


def encode_inline(command):
    """The command as a line of text, or None if that needs quotes or the line is too long.

    Both servers take any line that fits into INLINE_MAX. Whether they refuse a longer one depends on how much of
    it had arrived when they looked for its end.
    """
    line = b" ".join(command) + b"\r\n"
    return line if len(line) <= INLINE_MAX and all(PLAIN.fullmatch(part) for part in command) else None
