#!/usr/bin/python3
"""TLS on the public port.

Goal: both HTTP versions trade over it, the certificate changes under them without a dropped connection, and what is
wrong is said with the option's name. Method: certificates made for the test, Python's ssl as the client that checks
them, connections that trade on while SIGHUP brings another certificate; what must not start is run to its end.
"""
import contextlib
import pathlib
import shutil
import signal
import socket
import ssl
import subprocess
import sys
import tempfile
import threading
import time
import warnings

from castle_client import (ANSWER_SECONDS, Binance, Checks, Http1, Http2, Pipe1, Server, Trader, castle, certificate,
                           check, connect, conserved, eq, read_reply, trusting)

checks = Checks()
DEADLINE = 120  # for what must happen; never a measure
HANDSHAKE_SECONDS = 5  # what the server gives a handshake (http/server.c)


@contextlib.contextmanager
def folder():
    path = pathlib.Path(tempfile.mkdtemp(prefix="castle-e2e-"))
    try:
        yield path
    finally:
        shutil.rmtree(path, ignore_errors=True)


class Secure:
    """A server with a certificate that can be changed in place."""

    def __init__(self, home):
        self.home, self.cert, self.key = home, home / "server.crt", home / "server.key"
        self.use(*certificate(home, "first"))
        # jemalloc overwrites what is freed: a certificate that goes too early is noticed
        self.server = Server("--tls-cert", self.cert, "--tls-key", self.key, env={"MALLOC_CONF": "junk:true"})

    def use(self, cert, key):
        for source, target in ((cert, self.cert), (key, self.key)):
            beside = target.with_suffix(".new")
            shutil.copy(source, beside)
            beside.rename(target)

    def hang_up(self, *words):
        """SIGHUP, and what the server then says in one line."""
        before = len(self.server.output())
        self.server.process.send_signal(signal.SIGHUP)
        said = until(lambda: next((line for line in self.server.output()[before:].splitlines(True)
                                   if "SIGHUP" in line and line.endswith("\n")), None), "a word about SIGHUP")
        for word in words:
            check(str(word) in said, f"{word!r} is not in {said!r}")

    def shown(self):
        """The certificate that a new connection is shown."""
        context = ssl.create_default_context()
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        with context.wrap_socket(socket.create_connection(self.server.public, timeout=ANSWER_SECONDS)) as raw:
            return raw.getpeercert(True)

    def shows(self, cert):
        """Waits until every core shows it: new connections go to any."""
        until(lambda: all(self.shown() == der(cert) for _ in range(12)), f"the certificate of {cert}")


def der(cert):
    return ssl.PEM_cert_to_DER_cert(pathlib.Path(cert).read_text())


@contextlib.contextmanager
def secure():
    with folder() as home:
        own = Secure(home)
        with own.server:
            yield own


def until(function, what):
    end = time.monotonic() + DEADLINE
    while not (value := function()):
        check(time.monotonic() < end, f"{what} did not come within {DEADLINE} s")
        time.sleep(0.01)
    return value


def trade(seller, buyer):
    """One trade and one order that comes and goes."""
    seller.limit("BTCUSDT", "SELL", "0.001", "30000")
    eq(buyer.limit("BTCUSDT", "BUY", "0.001", "30000")["status"], "FILLED", "a trade")
    order = buyer.limit("BTCUSDT", "BUY", "0.001", "20000")
    eq(buyer.cancel("BTCUSDT", orderId=order["orderId"])["status"], "CANCELED", "a cancel")


def traders(own, cert, name):
    admin, at = own.server.admin(), own.server.public
    return (Trader(admin, Http1(at, cert), name + "-seller", {"BTC": "10"}),
            Trader(admin, Http2(at, cert), name + "-buyer", {"USDT": "100000"}))


def refused(what, **settings):
    """A handshake with such a client fails."""
    def attempt(own):
        warnings.simplefilter("ignore", DeprecationWarning)  # TLS 1.1 is meant
        context = trusting(own.cert)
        for name, value in settings.items():
            if name == "alpn":
                context.set_alpn_protocols(value)
            elif name == "ciphers":
                context.set_ciphers(value)
            else:
                setattr(context, name, value)
        with socket.create_connection(own.server.public, timeout=ANSWER_SECONDS) as plain:
            try:
                context.wrap_socket(plain, server_hostname="127.0.0.1").close()
            except (ssl.SSLError, ConnectionError):
                return
        raise AssertionError(f"a handshake {what} was accepted")
    return attempt


# ---- handshakes ----

@checks
def both_versions_and_both_protocols_trade(_):
    with secure() as own:
        trade(*traders(own, own.cert, "one"))
        for version in (ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3):
            for offer, expect in ((["h2", "http/1.1"], "h2"), (["http/1.1", "h2"], "h2"), (["http/1.1"], "http/1.1"),
                                  (["spdy/1", "http/1.1"], "http/1.1"), ([], None)):
                context = trusting(own.cert, *offer)
                context.minimum_version = context.maximum_version = version
                plain = socket.create_connection(own.server.public, timeout=ANSWER_SECONDS)
                with context.wrap_socket(plain, server_hostname="127.0.0.1") as raw:
                    eq(raw.selected_alpn_protocol(), expect, f"{version.name}, offered {offer}")
                    eq(raw.version().replace(".", "_"), version.name, "version")
                    if expect != "h2":
                        raw.sendall(b"GET /api/v3/ping HTTP/1.1\r\nHost: a\r\n\r\n")
                        eq(read_reply(raw.makefile("rb")).body, b"{}", "ping")
        conserved(own.server.admin().audit())


@checks
def weak_or_foreign_handshakes_are_refused(_):
    with secure() as own:
        refused("with TLS 1.1", minimum_version=ssl.TLSVersion.TLSv1, maximum_version=ssl.TLSVersion.TLSv1_1,
                ciphers="ALL:@SECLEVEL=0")(own)
        refused("with a CBC cipher", maximum_version=ssl.TLSVersion.TLSv1_2, ciphers="ECDHE-ECDSA-AES128-SHA256")(own)
        refused("for another protocol", alpn=["spdy/1"])(own)
        for data in (b"GET /api/v3/ping HTTP/1.1\r\nHost: a\r\n\r\n", b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", bytes(300),
                     bytes.fromhex("1603010200010001fc0303") + b"\x55" * 509):
            with socket.create_connection(own.server.public, timeout=ANSWER_SECONDS) as plain:
                plain.sendall(data)
                with contextlib.suppress(ConnectionError):
                    plain.shutdown(socket.SHUT_WR)
                    got = plain.recv(100)
                    check(not got.startswith(b"HTTP"), f"plain text was answered: {got!r}")
        trade(*traders(own, own.cert, "after"))


@checks
def a_handshake_that_does_not_get_on_is_ended(_):
    with secure() as own:
        halves = []
        for data in (b"", b"\x16", bytes.fromhex("1603010200010001fc0303")):
            halves.append(socket.create_connection(own.server.public, timeout=DEADLINE))
            halves[-1].sendall(data)
        pair = traders(own, own.cert, "meanwhile")
        for half in halves:
            with contextlib.suppress(ConnectionError):
                eq(half.recv(100), b"", "an answer to half a handshake")
            trade(*pair)
            half.close()


@checks
def tickets_resume_on_every_core(_):
    with secure() as own:
        context, session = trusting(own.cert, "http/1.1"), None
        for number in range(12):
            plain = socket.create_connection(own.server.public, timeout=ANSWER_SECONDS)
            with context.wrap_socket(plain, server_hostname="127.0.0.1", session=session) as raw:
                raw.sendall(b"GET /api/v3/ping HTTP/1.1\r\nHost: a\r\n\r\n")
                eq(read_reply(raw.makefile("rb")).body, b"{}", "ping")
                eq(raw.session_reused, number > 0, f"connection {number} resumed")
                session = raw.session  # TLS 1.3 gives it after the handshake


# ---- SIGHUP ----

def late_handshake(own, more):
    """A connection that is accepted before the certificate changes, and shakes hands behind that, is shown the one it was
    accepted with. False when the machine was so slow that the server had given it up."""
    was = shutil.copy(own.cert, own.home / "was.crt")
    waiting, since = connect(own.server.public), time.monotonic()
    more.reverse()
    for cert, key in more:
        own.use(cert, key)
        own.hang_up(own.cert)
        own.shows(cert)
    try:
        with trusting(was, "http/1.1").wrap_socket(waiting, server_hostname="127.0.0.1") as raw:
            raw.sendall(b"GET /api/v3/ping HTTP/1.1\r\nHost: a\r\n\r\n")
            eq(read_reply(raw.makefile("rb")).body, b"{}", "ping")
    except ssl.SSLCertVerificationError:
        raise
    except OSError:
        check(time.monotonic() - since > HANDSHAKE_SECONDS, "a connection that waits is given up too early")
        return False
    return True


@checks
def sighup_changes_the_certificate_under_connections_that_trade_on(_):
    with secure() as own:
        old = shutil.copy(own.cert, own.home / "old.crt")
        pair, pipe = traders(own, own.cert, "stays"), Pipe1(own.server.public, old)
        more = [certificate(own.home, name) for name in ("second", "third")]
        trade(*pair)
        own.shows(old)
        until(lambda: late_handshake(own, more), "a change within the time of a handshake")
        trade(*pair)
        eq(pipe.request("GET", "/api/v3/ping").body, b"{}", "an old connection")
        for raw in (pair[0].http.connection.sock, pair[1].http.socket, pipe.socket):
            eq(raw.getpeercert(True), der(old), "a connection that stayed has the first certificate")
        trade(*traders(own, own.cert, "new"))
        conserved(own.server.admin().audit())
        eq(own.server.sigterm(), 0, "exit code")


@checks
def a_bad_reload_keeps_the_old_certificate_and_says_why(_):
    with secure() as own:
        pair = traders(own, own.cert, "stays")
        good = [shutil.copy(path, own.home / f"good-{path.name}") for path in (own.cert, own.key)]
        _, other_key = certificate(own.home, "other")
        own.use(good[0], other_key)
        own.hang_up(own.key, "--tls-key", "does not belong", "stays")
        own.cert.write_text("nonsense\n")
        own.hang_up(own.cert, "--tls-cert", "no usable PEM certificate", "stays")
        own.cert.unlink()
        own.hang_up(own.cert, "--tls-cert", "No such file", "stays")
        check(all(own.shown() == der(good[0]) for _ in range(8)), "the old certificate is shown")
        trade(*pair)
        trade(*traders(own, good[0], "new"))
        own.use(*certificate(own.home, "second"))
        own.hang_up(own.cert)
        own.shows(own.cert)
        trade(*pair)


@checks
def reloads_amid_handshakes_lose_none(_):
    with secure() as own:
        pair, stop, failures, counts = traders(own, own.cert, "stays"), threading.Event(), [], [0, 0, 0]

        def shake(number):
            while not stop.is_set():
                try:
                    raw = connect(own.server.public, own.cert, "http/1.1")
                    with raw:
                        raw.sendall(b"GET /api/v3/ping HTTP/1.1\r\nHost: a\r\n\r\n")
                        eq(read_reply(raw.makefile("rb")).body, b"{}", "ping")
                except Exception as error:
                    failures.append(repr(error))
                    return
                counts[number] += 1

        threads = [threading.Thread(target=shake, args=(number,)) for number in range(3)]
        for thread in threads:
            thread.start()
        for _ in range(20):
            seen = list(counts)
            own.hang_up(own.cert)
            trade(*pair)
            until(lambda: failures or all(now > before for now, before in zip(counts, seen)), "handshakes")
        stop.set()
        for thread in threads:
            thread.join()
        eq(failures, [], "failed handshakes")
        eq(own.server.sigterm(), 0, "exit code; the server said: " + own.server.output()[-1500:])


@checks
def sighup_without_tls_changes_nothing(_):
    with Server() as server:
        ping = Binance(Http1(server.public))
        server.process.send_signal(signal.SIGHUP)
        until(lambda: "SIGHUP" in server.output(), "a word about SIGHUP")
        eq(ping.get("ping"), {}, "ping")
        eq(server.sigterm(), 0, "exit code")


# ---- starting ----

@checks
def bad_files_at_the_start_are_usage_errors_that_name_option_and_file(_):
    with folder() as home:
        cert, key = certificate(home)
        _, other = certificate(home, "other")
        locked, rsa, empty, nonsense = (home / name for name in ("locked.key", "rsa.key", "empty", "nonsense"))
        subprocess.run(["openssl", "pkey", "-in", key, "-aes128", "-passout", "pass:secret", "-out", locked], check=True)
        subprocess.run(["openssl", "genrsa", "-out", rsa, "2048"], check=True, capture_output=True)
        empty.write_bytes(b"")
        nonsense.write_bytes(bytes(range(256)) * 20)
        data = home / "data"
        for cert_file, key_file, option, file, why in (
                (home / "none", key, "--tls-cert", home / "none", "No such file"),
                (cert, home / "none", "--tls-key", home / "none", "No such file"),
                (home, key, "--tls-cert", home, "directory"),
                (empty, key, "--tls-cert", empty, "no usable PEM certificate"),
                (nonsense, key, "--tls-cert", nonsense, "no usable PEM certificate"),
                (key, key, "--tls-cert", key, "no usable PEM certificate"),
                (cert, nonsense, "--tls-key", nonsense, "no usable PEM key"),
                (cert, cert, "--tls-key", cert, "no usable PEM key"),
                (cert, other, "--tls-key", other, "does not belong"),
                (cert, rsa, "--tls-key", rsa, "does not belong"),
                (cert, locked, "--tls-key", locked, "no usable PEM key"),
                (cert, None, "--tls-key", "--tls-cert", "needs"),
                (None, key, "--tls-cert", "--tls-key", "needs")):
            options = ["--tls-cert", cert_file] * bool(cert_file) + ["--tls-key", key_file] * bool(key_file)
            result = castle("serve", "--data", data, "--listen", "127.0.0.1:0", "--admin", "127.0.0.1:0", *options)
            what = f"{cert_file} and {key_file}: {result.stdout.strip()!r}"
            eq(result.returncode, 2, f"exit code with {what}")
            for word in (option, file, why):
                check(str(word) in result.stdout, f"{word!r} is not said with {what}")
        check(not data.exists(), "no data directory is made")


@checks
def environment_and_file_turn_it_on_too(_):
    with folder() as home:
        cert, key = certificate(home)
        file = home / "castle.ini"
        file.write_text(f"tls-cert = {cert}\n")
        with Server("--config", file, env={"CASTLE_TLS_KEY": str(key)}) as server:
            eq(Binance(Http2(server.public, cert)).get("ping"), {}, "ping")
            eq(server.admin().healthz(), 200, "the operator's port stays plain")


def main():
    checks.run(None)
    return checks.finish()


if __name__ == "__main__":
    sys.exit(main())
