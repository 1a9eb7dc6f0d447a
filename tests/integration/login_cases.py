"""Cases of end_to_end.py: the password, what is allowed before it was given, and who speaks another protocol."""

import time

from server_process import ServerProcess
from setting_cases import ConfiguredServer, Files
from wire import Client, ask, connect, encode, expect, receive, receive_rest

OK = b"+OK\r\n"
NOAUTH = b"-NOAUTH Authentication required.\r\n"
WRONGPASS = b"-WRONGPASS invalid username-password pair or user is disabled.\r\n"
SECRET = "correct-horse-battery-staple"


def takes_a_second(server, words, answer):
    """Asks while others guess; on a busy machine the address may have earned a failure in between."""
    guessers = [connect(server) for _ in range(3)]
    for guesser in guessers:
        guesser.sendall(encode("AUTH", "x"))
    late = connect(server)
    begin = time.monotonic()
    ask(late, *words, answer=answer)
    took = time.monotonic() - begin
    for connection in (*guessers, late):
        connection.close()
    return took >= 0.9


def case_guessing(program):
    """Who guesses passwords is slowed down, said once, and does not lock out who shares the address."""
    server = ServerProcess(program, "--requirepass", SECRET, "--threads", "2", "--loglevel", "debug")
    try:
        guesser, inside = connect(server), connect(server)
        ask(inside, "AUTH", SECRET, answer=OK)
        begin = time.monotonic()
        guesses = 12
        guesser.sendall(b"".join(encode("AUTH", "guess%d" % number) for number in range(guesses)))
        expect(receive(guesser, guesses * len(WRONGPASS)) == guesses * WRONGPASS, "all are wrong")
        took = time.monotonic() - begin
        expect(took >= 1, "the last ones had to wait: %.3f seconds" % took)
        for words, answer in (
            (("AUTH", "default", SECRET), OK),
            (("HELLO", "2", "AUTH", "default", SECRET, "SETNAME", "late"), b"*14\r\n"),
            (("HELLO", "3", "AUTH", "default", "x"), WRONGPASS),
            (("AUTH", "default", SECRET), OK),
        ):
            expect(any(takes_a_second(server, words, answer) for _ in range(50)), "%r is answered later" % (words,))
        ask(inside, "AUTH", "x", answer=WRONGPASS)
        ask(inside, "PING", answer=b"+PONG\r\n")
    finally:
        server.stop()
    said = server.said()
    expect(said.count("wrong password") == 1, "it is said once: " + said)
    expect("guess" not in said and SECRET not in said, "and no password is: " + said)


def case_before_login(program):
    """Who has not logged in has little room and little time, and may not take all the places."""
    server = ServerProcess(program, "--requirepass", SECRET, "--login-timeout", "1000000", "--maxclients", "40")
    try:
        inside = connect(server)
        ask(inside, "AUTH", SECRET, answer=OK)
        silent, busy = connect(server), connect(server)
        busy.sendall(encode("AUTH", "wrong") * 300)  # each but the first ones is answered a second later
        for sent, answer in (
            (encode(*["PING"] * 11), b"-ERR Protocol error: unauthenticated multibulk length\r\n"),
            (b"*2\r\n$4\r\nAUTH\r\n$16385\r\n", b"-ERR Protocol error: unauthenticated bulk length\r\n"),
            (b"*3\r\n$4\r\nAUTH\r\n$16000\r\n" + b"x" * 16000 + b"\r\n$16000\r\n" + b"x" * 1000, b""),
            (b"x" * 20000, b""),
        ):
            stranger = connect(server)
            stranger.sendall(sent)
            expect(receive_rest(stranger) == answer, "%r" % sent[:40])
        ask(inside, "CONFIG", "SET", "login-timeout", "1", answer=OK)
        expect(receive_rest(silent) == b"", "who is silent is disconnected")
        expect(set(receive_rest(busy).split(b"\r\n")) == {WRONGPASS[:-2], b""}, "and who only guesses")
        ask(inside, "PING", answer=b"+PONG\r\n")
        ask(inside, "CONFIG", "SET", "login-timeout", "60", answer=OK)
        strangers = [connect(server) for _ in range(20)]
        refused = b"-ERR max number of clients that have not logged in reached\r\n"
        expect(receive_rest(connect(server)) == refused, "half of the places is for strangers")
        ask(strangers[0], "AUTH", SECRET, answer=OK)
        ask(connect(server), "PING", answer=NOAUTH)
        ask(strangers[1], "GET", "a", answer=NOAUTH)
        ask(inside, "CONFIG", "SET", "requirepass", "", answer=OK)
        ask(strangers[1], "GET", "a", answer=b"$-1\r\n")
        ask(inside, "CONFIG", "SET", "requirepass", "other", answer=OK)
        ask(inside, "GET", "a", answer=b"$-1\r\n")
        ask(connect(server), "AUTH", "other", answer=OK)
    finally:
        server.stop()


def memory_holds(pid, text):
    """True if the text is in the memory of a process, None if nobody may look."""
    try:
        with open("/proc/%d/maps" % pid) as maps, open("/proc/%d/mem" % pid, "rb", 0) as memory:
            for line in maps:
                area, rights = line.split()[:2]
                begin, end = (int(number, 16) for number in area.split("-"))
                # A sanitizer reserves terabytes.
                if rights.startswith("rw") and "[v" not in line and end - begin < 1 << 30:
                    memory.seek(begin)
                    if text in memory.read(end - begin):
                        return True
    except PermissionError:
        return None
    return False


def case_secret(program):
    """The password is nowhere: not in the memory of the server, nor in its command line, nor in CONFIG GET."""
    with Files() as files:
        config = files.write("a.conf", "# a line\nrequirepass %s\n" % SECRET + "# a line\n" * 20000)
        for arguments in ((), ("--requirepass", SECRET)):
            server = ConfiguredServer(program, config, *arguments)
            try:
                client = connect(server)
                for words, answer in (
                    (("AUTH", SECRET), OK),
                    (("AUTH", "default", SECRET), OK),
                    (("CONFIG", "SET", "requirepass", SECRET), OK),
                    (("CONFIG", "GET", "requirepass"), b"*2\r\n$11\r\nrequirepass\r\n$8\r\n(hidden)\r\n"),
                ):
                    ask(client, *words, answer=answer)
                    expect(not memory_holds(server.process.pid, SECRET.encode()), "in memory after %s" % words[0])
                with open("/proc/%d/cmdline" % server.process.pid) as command_line:
                    expect(SECRET not in command_line.read(), "the list of processes")
            finally:
                server.stop()
            expect(SECRET not in server.said(), "the log")


def case_other_protocols(program):
    """HTTP and TLS are disconnected at once, without a reply, and the log hears of it once."""
    server = ServerProcess(program)
    try:
        for sent in (
            b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(500),
            b"POST / HTTP/1.1\r\nHost: localhost\r\n\r\nSET a 1\r\n",
            b"Host: localhost\r\nSET a 1\r\n",
        ):
            connection = connect(server)
            connection.sendall(sent)
            expect(receive_rest(connection) == b"", "%r" % sent[:20])
        browser = connect(server)
        browser.sendall(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\nSET a 1\r\n")
        got = receive_rest(browser)
        expect(got in (b"", b"-ERR wrong number of arguments for 'get' command\r\n"), "GET: %r" % got)
        expect(Client(server).ask("EXISTS", "a") == 0, "nothing behind it was run")
    finally:
        server.stop()
    said = server.said()
    expect(said.count("was disconnected") == 1 and "spoke TLS" in said, "one line: " + said)


ON_THEIR_OWN = [case_guessing, case_before_login, case_secret, case_other_protocols]
