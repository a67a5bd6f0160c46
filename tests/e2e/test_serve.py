#!/usr/bin/python3
"""`castle serve` as an operator has it: options, exit codes, locks, damage, draining, secrets.

Goal: the contract of DESIGN §10. Method: real processes on directories of their own; what must not start is run to
its end and its exit code and message are read.
"""
import contextlib
import os
import pathlib
import re
import shutil
import signal
import socket
import stat
import struct
import subprocess
import sys
import tempfile

from castle_client import (BINARY, Admin, Binance, Checks, Http1, Http2, Server, Trader, castle, check, conserved,
                           environment, eq, free_port, refusal)

checks = Checks()


@contextlib.contextmanager
def directory():
    path = pathlib.Path(tempfile.mkdtemp(prefix="castle-e2e-"))
    try:
        yield path
    finally:
        shutil.rmtree(path, ignore_errors=True)


def mini_session(server, name="mini", version=1):
    """Two users trade once; returns them."""
    admin, http = server.admin(), Http1 if version == 1 else Http2
    seller = Trader(admin, http(server.public), name + "-seller", {"BTC": "1"})
    buyer = Trader(admin, http(server.public), name + "-buyer", {"USDT": "1000"})
    seller.limit("BTCUSDT", "SELL", "0.01", "30000")
    eq(buyer.limit("BTCUSDT", "BUY", "0.01", "30000")["status"], "FILLED", "a trade")
    eq(buyer.limit("BTCUSDT", "BUY", "0.001", "20000", newClientOrderId="rests")["status"], "NEW", "a resting order")
    conserved(admin.audit())
    return seller, buyer


def fails(code, *words, args=(), env=None):
    """`castle ARGS` ends with the code, and its message has the words."""
    result = castle(*args, env=env)
    eq(result.returncode, code, f"exit code of castle {' '.join(map(str, args))} ({result.stdout.strip()[-300:]!r})")
    for word in words:
        check(re.search(word, result.stdout), f"{word!r} is not in {result.stdout.strip()!r}")


def segments(data):
    return sorted(path for path in data.rglob("*") if path.name.startswith("journal-") and path.is_file())


def content(path):
    """A file's bytes up to the last that is not zero: segments are preallocated, and mostly zeros."""
    parts, used = [], 0
    with open(path, "rb") as file:
        while part := file.read(1 << 20):
            if part.count(0) < len(part):
                used = len(parts) + 1
            parts.append(part if used == len(parts) + 1 else b"")
            if len(parts) - used > 64:  # nothing is written behind 64 MiB of zeros
                break
    zeros = b"\0" * (1 << 20)
    return b"".join(part or zeros for part in parts[:used]).rstrip(b"\0")


@contextlib.contextmanager
def used_directory():
    """A data directory with a journal in it, its server ended."""
    with Server() as server:
        mini_session(server)
        eq(server.sigterm(), 0, "exit code")
        yield server.data


# ---- usage ----

@checks
def version_says_who_it_is(_):
    result = castle("version")
    eq(result.returncode, 0, "exit code")
    check(re.search(r"castle.*\d", result.stdout), f"version: {result.stdout!r}")


@checks
def usage_errors_exit_2_and_name_the_option(_):
    fails(2, "frobnicate", args=["frobnicate"])
    fails(2, args=[])
    with directory() as data:
        serve = ["serve", "--data", data, "--listen", "127.0.0.1:0", "--admin", "127.0.0.1:0"]
        fails(2, "bogus", args=[*serve, "--bogus", "1"])
        for key, values in {"cores": ("zero", "0", "-1", "1x", "100000"), "durability": ("maybe",), "pin": ("perhaps",),
                            "rate-limits": ("some",), "trusted-proxies": ("10.0.0.0/33", "proxy", "10.0.0.1:80"),
                            "done-orders": ("-1", "many"), "market-shards": ("0",),
                            "account-shards": ("0", "x"), "listen": ("nonsense", "127.0.0.1:99999"),
                            "admin": ("127.0.0.1",)}.items():
            for value in values:
                fails(2, key, args=[*serve, f"--{key}", value])
        fails(2, "cores", args=[*serve, "--cores"])
        check(not list(data.glob("journal-*")), "a usage error leaves no journal")


@checks
def environment_and_file_are_checked_like_options(_):
    with directory() as home:
        serve = ["serve", "--data", home / "data", "--listen", "127.0.0.1:0", "--admin", "127.0.0.1:0"]
        fails(2, "(?i)cores", args=serve, env={"CASTLE_CORES": "banana"})
        fails(2, "(?i)durability", args=serve, env={"CASTLE_DURABILITY": "maybe"})
        file = home / "castle.ini"
        for text, word in (("cores = banana\n", "cores"), ("no-such-key = 1\n", "no-such-key"),
                           ("rate-limits = some\n", "rate-limits"),
                           ("trusted-proxies = 10.0.0.1, all\n", "trusted-proxies: 'all'")):
            file.write_text(text)
            fails(2, word, args=[*serve, "--config", file])
        fails(2, "castle.ini|config", args=[*serve, "--config", home / "missing" / "castle.ini"])
        fails(2, f"--config: cannot read {home}: Is a directory", args=[*serve, "--config", home])


@checks
def a_line_of_the_file_may_be_long_and_indented(_):
    with directory() as home:
        file, serve = home / "castle.ini", ["serve", "--config", home / "castle.ini", "--cores", "x"]  # read whole, then this
        file.write_text("trusted-proxies = " + ",".join(f"10.{i}.0.0/16" for i in range(64)) + "\n  log-level = warn\n\tcores = 1\n")
        fails(2, "option --cores: 'x'", args=serve)
        file.write_text("trusted-proxies = " + ",".join(f"10.{i}.0.0/16" for i in range(65)) + "\n")
        fails(2, "trusted-proxies: '10.64.0.0/16'", args=["serve", "--config", file])
        file.write_text("data = one\n  two\n")  # no value that goes on
        fails(2, "castle.ini: line 2 is not key = value", args=serve)


@checks
def command_line_beats_environment_beats_file(_):
    with directory() as home:
        ports = {name: free_port() for name in ("file", "environment", "line")}
        listen = {name: f"127.0.0.1:{port}" for name, port in ports.items()}
        file = home / "castle.ini"
        file.write_text(f"; a comment\nlisten = {listen['file']}\nadmin = 127.0.0.1:0\ncores = 1\n")
        for name, env, options in (
                ("file", {}, []), ("environment", {"CASTLE_LISTEN": listen["environment"]}, []),
                ("line", {"CASTLE_LISTEN": listen["environment"]}, ["--listen", listen["line"]])):
            with Server("--config", file, *options, env=env, defaults=False) as server:
                eq(server.ready["listen"], listen[name], f"what {name} says")
                eq(Binance(Http1(server.public)).get("ping"), {}, "ping")
    with directory() as home:  # a name with a dash, and nothing but the environment
        env = {"CASTLE_DATA": str(home / "data"), "CASTLE_READY_FILE": str(home / "ready.json"),
               "CASTLE_LISTEN": "127.0.0.1:0", "CASTLE_ADMIN": "127.0.0.1:0", "CASTLE_CORES": "1",
               "CASTLE_ADMIN_TOKEN": "token-of-the-environment"}
        server = Server(env=env, defaults=False)
        server.command = lambda: [BINARY, "serve"]
        server.data, server.ready_file = home / "data", home / "ready.json"
        with server:
            eq(server.admin_at[0], "127.0.0.1", "admin listener")
            check(Admin(server.admin_at, "token-of-the-environment").audit()["ok"], "the token of the environment")


@checks
def one_core_and_two_serve_over_both_versions(_):
    for cores in (1, 2):
        with Server("--cores", cores) as server:
            for version in (1, 2):
                mini_session(server, f"http{version}", version)
            seen = set(re.findall(r'"core":\s*(\d+)', server.admin().raw("GET", "/admin/v1/shards").body.decode()))
            eq(seen, {str(core) for core in range(cores)}, f"cores that own shards with --cores {cores}")
            eq(server.sigterm(), 0, "exit code")


# ---- life ----

@checks
def sigterm_drains_removes_the_ready_file_and_exits_0(_):
    for name in ("SIGTERM", "SIGINT"):
        with Server() as server:
            _, buyer = mini_session(server)
            eq(set(server.ready), {"pid", "listen", "admin"}, "keys of the ready file")
            server.process.send_signal(getattr(signal, name))
            eq(server.process.wait(30), 0, f"exit code after {name}")
            check(not server.ready_file.exists(), "the ready file is removed")
            with contextlib.suppress(ConnectionRefusedError):
                socket.create_connection(server.public).close()
                raise AssertionError("the port is still open")
            server.restart()
            buyer.http = Http1(server.public)
            eq(buyer.query("BTCUSDT", origClientOrderId="rests")["status"], "NEW", "resting orders stay")


@checks
def what_was_under_way_is_answered_or_never_happened(_):
    with Server() as server:
        _, buyer = mini_session(server)
        server.admin().deposit(buyer.user, "USDT", "100000", "more")
        pipe, names = Http2(server.public), {}
        for number in range(90):
            name = f"under-way-{number}"
            names[pipe.submit(*buyer.build("POST", "/api/v3/order", {
                "symbol": "BTCUSDT", "side": "BUY", "type": "LIMIT", "timeInForce": "GTC", "quantity": "0.001",
                "price": "20000", "newClientOrderId": name}))] = name
        pipe.next_reply()  # so it has begun
        server.process.send_signal(signal.SIGTERM)
        answered = set()
        with contextlib.suppress(OSError):
            while len(answered) < 89:
                stream, reply = pipe.next_reply()
                if reply.status == 200:
                    answered.add(names[stream])
        eq(server.process.wait(30), 0, "exit code")
        server.restart()
        buyer.http = Http2(server.public)
        for name in answered:
            eq(buyer.query("BTCUSDT", origClientOrderId=name)["status"], "NEW", f"answered order {name}")
        conserved(server.admin().audit())


@checks
def a_second_signal_ends_it_at_once(_):
    with Server() as server:
        pipe = socket.create_connection(server.public)
        pipe.sendall(b"POST /api/v3/order HTTP/1.1\r\nHost: a\r\nContent-Length: 100\r\n\r\nhalf")
        server.process.send_signal(signal.SIGTERM)
        with contextlib.suppress(ProcessLookupError):
            server.process.send_signal(signal.SIGTERM)
        server.process.wait(30)
        pipe.close()


@checks
def a_directory_serves_again_after_every_kind_of_end(_):
    with Server() as server:
        _, buyer = mini_session(server)
        users = server.admin().users()
        for end in (server.sigterm, server.kill9, server.sigterm):
            end()
            server.restart()
            buyer.http = Http1(server.public)
            eq(buyer.query("BTCUSDT", origClientOrderId="rests")["status"], "NEW", f"after {end.__name__}")
            eq(server.admin().users(), users, "users")
            eq((server.admin().healthz(), server.admin().readyz()), (200, 200), "health")
            conserved(server.admin().audit())


@checks
def a_directory_has_one_server(_):
    with Server() as server:
        fails(3, "(?i)lock", args=["serve", "--data", server.data, "--listen", "127.0.0.1:0", "--admin",
                                   "127.0.0.1:0"])
        mini_session(server)  # the first one is not disturbed
        server.kill9()
        server.restart()  # a lock dies with its holder
        eq(server.sigterm(), 0, "exit code")


@checks
def addresses_are_told_as_a_url_has_them(_):
    """An IPv6 address in brackets, in the ready file and in the log."""
    with contextlib.suppress(OSError), socket.socket(socket.AF_INET6) as probe:
        probe.bind(("::1", 0))
        with Server("--listen", "[::1]:0", "--admin", "[::1]:0", "--log-level", "info", defaults=False) as server:
            for name in ("listen", "admin"):
                check(re.fullmatch(r"\[::1\]:\d+", server.ready[name]), f"{name} of the ready file: {server.ready[name]}")
            server.told(f'"listen":"{server.ready["listen"]}","admin":"{server.ready["admin"]}"')


@checks
def a_ready_file_that_cannot_be_written_leaves_nothing(_):
    with directory() as home:
        (home / "ready").mkdir()
        fails(1, "cannot write the ready file .*/ready: Is a directory",
              args=["serve", "--data", home / "data", "--listen", "127.0.0.1:0", "--admin", "127.0.0.1:0",
                    "--ready-file", home / "ready"])
        eq(sorted(os.listdir(home)), ["data", "ready"], "what is there")


@checks
def files_of_the_exchange_never_stand_in_for_closed_standard_files(_):
    """A parent that closed them must not find the log, or what a failed assertion says, in the lock or the journal."""
    with directory() as home:
        server = Server("--log-level", "debug", data=home / "data")
        command = server.command
        server.command = lambda: ["sh", "-c", 'exec "$@" <&- >&- 2>&-', "sh", *command()]
        with server:
            eq([os.readlink(f"/proc/{server.process.pid}/fd/{number}") for number in range(3)], ["/dev/null"] * 3, "files 0 to 2")
            mini_session(server)
            eq(server.sigterm(), 0, "exit code")
            eq((server.data / "lock").read_bytes(), b"", "the lock")


@checks
def output_that_does_not_fit_is_an_error(_):
    with used_directory() as data, open("/dev/full", "w") as full:
        for words in (["journal", "dump", "--data", data], ["journal", "stat", "--data", data], ["--help"], ["version"]):
            result = subprocess.run([BINARY, *map(str, words)], env=environment(), stdout=full, stderr=subprocess.PIPE, text=True)
            eq((result.returncode, result.stderr), (1, "castle: cannot write all of it to standard output\n"), f"castle {words}")


@checks
def a_taken_port_is_a_runtime_error(_):
    with socket.socket() as taken, directory() as data:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        fails(1, str(port), args=["serve", "--data", data, "--listen", f"127.0.0.1:{port}", "--admin", "127.0.0.1:0"])
    with Server() as server, directory() as data:  # also when another Castle has it, whose cores share it
        for listen, admin in (server.ready["listen"], "127.0.0.1:0"), ("127.0.0.1:0", server.ready["admin"]):
            fails(1, "cannot listen on 127.0.0.1:", "Address already in use",
                  args=["serve", "--data", data, "--listen", listen, "--admin", admin])
        mini_session(server)


@checks
def durability_none_says_so(_):
    with Server("--durability", "none") as server:
        mini_session(server)
        check(re.search(r"(?i)durab", server.output()), f"output: {server.output()[-300:]!r}")


# ---- the journal ----

@checks
def a_good_journal_verifies(_):
    with used_directory() as data:
        result = castle("journal", "verify", "--data", data)
        eq((result.returncode, bool(result.stdout.strip())), (0, True), f"verify: {result.stdout!r}")
    with directory() as home:
        check(castle("journal", "verify", "--data", home / "none").returncode != 0, "no directory is not a good one")
    fails(2, args=["journal", "frobnicate"])


@checks
def a_flipped_byte_in_the_middle_refuses_to_start_and_says_where(_):
    with used_directory() as data:
        segment = segments(data)[0]
        written = content(segment)
        # a byte that is not zero is never padding, so a checksum covers it
        middle = next(at for at in range((4096 + len(written)) // 2, 4096, -1) if written[at])
        with open(segment, "r+b") as file:
            file.seek(middle)
            file.write(bytes([written[middle] ^ 0x10]))
        before = content(segment)
        for args in (["serve", "--data", data, "--listen", "127.0.0.1:0", "--admin", "127.0.0.1:0"],
                     ["journal", "verify", "--data", data]):
            fails(4, segment.name, r"offset \d+", args=args)
        check(content(segment) == before, "the damaged file is left as it is")


@checks
def an_unknown_format_version_is_refused_by_name(_):
    with used_directory() as data:
        with open(segments(data)[0], "r+b") as file:
            file.seek(8)
            file.write(struct.pack("<I", 99))
        for args in (["serve", "--data", data, "--listen", "127.0.0.1:0", "--admin", "127.0.0.1:0"],
                     ["journal", "verify", "--data", data]):
            fails(4, "version 99", args=args)


@checks
def a_segment_that_was_cut_short_is_told_so(_):
    with used_directory() as data:
        os.truncate(segments(data)[-1], 8192)
        for args in (["serve", "--data", data, "--listen", "127.0.0.1:0", "--admin", "127.0.0.1:0"],
                     ["journal", "verify", "--data", data]):
            fails(4, "the file has 8192 bytes, by its header 67108864", args=args)


@checks
def a_directory_that_lost_its_journal_is_not_a_new_one(_):
    with Server("--snapshot-seconds", "1") as server:
        mini_session(server)
        server.told('"event":"snapshot_made"')
        eq(server.sigterm(), 0, "exit code")
        for segment in segments(server.data):
            segment.unlink()
        left = sorted(os.listdir(server.data))
        for args in (["serve", "--data", server.data, "--listen", "127.0.0.1:0", "--admin", "127.0.0.1:0"],
                     ["journal", "verify", "--data", server.data]):
            fails(4, r"there is a snapshot at LSN \d+, and no segment: all of them are missing", args=args)
        eq(sorted(os.listdir(server.data)), left, "what is there")


@checks
def a_torn_tail_is_cut_and_the_rest_is_there(_):
    with Server() as server:
        _, buyer = mini_session(server)
        server.kill9()
        segment = segments(server.data)[-1]
        with open(segment, "r+b") as file:  # what a torn write leaves: bytes behind the end that are no chunk
            file.seek(-(-len(content(segment)) // 4096) * 4096)
            file.write(b"\x7f" * 700)
        server.restart()
        buyer.http = Http1(server.public)
        eq(buyer.query("BTCUSDT", origClientOrderId="rests")["status"], "NEW", "the order before it")
        conserved(server.admin().audit())


# ---- secrets ----

@checks
def secrets_are_neither_printed_nor_written_plainly(_):
    with Server() as server:
        traders = mini_session(server)
        admin = server.admin()
        token = admin.token
        extra = admin.key(traders[0].user)
        admin.delete_key(traders[0].user, extra[0])
        for name in ("admin.token", "secrets.key"):
            eq(oct(stat.S_IMODE(os.stat(server.data / name).st_mode)), "0o600", f"mode of {name}")
        bad = Binance(Http1(server.public), traders[0].key, "x" * 64)
        refusal(bad.account)
        server.sigterm()
        server.restart()
        conserved(server.admin().audit())
        eq(server.admin().token, token, "the token stays")
        server.sigterm()
        secrets = [trader.secret for trader in traders] + [extra[1]]
        files = {path.name: content(path) for path in server.data.rglob("*") if path.is_file()}
        check(any(name.startswith("journal-") for name in files), f"a journal is among {sorted(files)}")
        for secret in secrets:
            for form in (secret.encode(), secret.encode().hex().encode()):
                check(form not in server.output().encode(), "a secret is in the server's output")
                for name, written in files.items():
                    check(form not in written, f"a secret is in {name}")
        check(token not in server.output(), "the operator's token is in the server's output")


@checks
def secrets_need_their_key_file(_):
    with used_directory() as data:
        (data / "secrets.key").write_bytes(b"\0" * (data / "secrets.key").stat().st_size)
        result = castle("serve", "--data", data, "--listen", "127.0.0.1:0", "--admin", "127.0.0.1:0")
        check(result.returncode in (1, 4) and "secrets.key" in result.stdout,
              f"another key file: exit {result.returncode}, {result.stdout.strip()[-300:]!r}")


@checks
def the_operators_token_comes_from_environment_or_file(_):
    with directory() as home:
        file = home / "token"
        file.write_text("token-of-a-file\n")
        for env, options, token in (
                ({"CASTLE_ADMIN_TOKEN": "token-of-the-environment"}, (), "token-of-the-environment"),
                ({}, ("--admin-token-file", file), "token-of-a-file")):
            with Server(*options, env=env) as server:
                check(Admin(server.admin_at, token).audit()["ok"], "a given token")
                eq(Admin(server.admin_at, "another").raw("GET", "/admin/v1/audit").status, 401, "another token")


@checks
def a_token_that_nobody_could_send_is_refused(_):
    """Not cut, nor passed over for another one: the operator would be told 401 and nothing else."""
    with directory() as home:
        serve = ["serve", "--data", home / "data", "--listen", "127.0.0.1:0", "--admin", "127.0.0.1:0"]
        file = home / "token"
        for token in ("x" * 256, "two\nlines", "a\ttab"):
            fails(1, "variable CASTLE_ADMIN_TOKEN: a token is one line", args=serve, env={"CASTLE_ADMIN_TOKEN": token})
            file.write_text(token)
            fails(1, "option --admin-token-file: a token is one line", args=[*serve, "--admin-token-file", file])
        file.write_text("")
        fails(1, "option --admin-token-file: a token is one line", args=[*serve, "--admin-token-file", file])
        fails(1, f"--admin-token-file: cannot read a token from {home}: Is a directory", args=[*serve, "--admin-token-file", home])
        kept = home / "data" / "admin.token"
        kept.symlink_to(kept)
        fails(1, f"cannot read a token from {kept}: ", args=serve)


def main():
    checks.run(None)
    return checks.finish()


if __name__ == "__main__":
    sys.exit(main())
