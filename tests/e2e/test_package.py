#!/usr/bin/python3
"""The Debian package: what lintian says, and what it does to a machine on which there is nothing else.

Goal: who installs it has a service, a manual and a completion, and keeps configuration and data through upgrades; and what the unit
forbids the service never needs. Method: a root of Debian's minimal packages is made by mmdebstrap (kept in build/clean-root), apt
installs the package into a copy of it, and the command of the installed unit runs there with the file system, the user, the
capabilities, the limits and the filters of that unit (confined.py): a system call outside kills it. At the end systemd itself is booted in
that root (booted.py), where the machine lets it, and runs the service through a kill, an upgrade and a removal.

Needs root, Debian's registry, and the packages of package_tools in ./dev; exits 77 without. One argument: the package.
"""
import contextlib
import hashlib
import io
import json
import os
import pathlib
import re
import shutil
import signal
import stat
import subprocess
import sys
import tempfile
import time

from booted import Booted, CannotBoot
from castle_client import ROOT, START_SECONDS, Admin, Checks, Http1, Server, Trader, address, certificate, check, environment, eq

checks = Checks()
KEPT = ROOT / "build/clean-root"
CONFINED = pathlib.Path(__file__).with_name("confined.py")
UNIT, CONFIGURATION, DATA = "lib/systemd/system/castle.service", "etc/castle/castle.conf", "var/lib/castle"
WANTED = "etc/systemd/system/multi-user.target.wants/castle.service"
WEEK = 7 * 86400  # seconds: what the registries had then, they may not have any more
EXPOSURE = 1.2  # of 10, as systemd-analyze security counts; what is left is the network, which is what it is for
ANSWERS = {"DEBIAN_FRONTEND": "noninteractive", "LC_ALL": "C.UTF-8"}


def skip(why):
    print(why)
    raise SystemExit(77)


def run(*words, env=None, ok=True, **options):
    result = subprocess.run([*map(str, words)], env=environment(ANSWERS | (env or {})), stdin=subprocess.DEVNULL, text=True,
                            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=600, **options)
    if ok:
        eq(result.returncode, 0, f"{' '.join(map(str, words))}: {result.stdout[-3000:]}")
    return result


# ---- a clean root ----

def registries():
    """Debian's own, of this machine's release, as lines for sources.list."""
    release = re.search(r"^VERSION_CODENAME=(\S+)", pathlib.Path("/etc/os-release").read_text(), re.M)[1]
    told = run("apt-get", "indextargets", "--format", "$(ORIGIN) deb $(REPO_URI) $(RELEASE) $(COMPONENT)", "Created-By: Packages")
    lines = {line.removeprefix("Debian ") for line in told.stdout.splitlines() if line.startswith("Debian deb ")}
    lines = sorted(line for line in lines if re.search(rf" {release}[a-z-]* main$", line))
    if not lines:
        skip(f"apt knows no registry of Debian {release}: apt-get update")
    return release, lines


def make_base():
    """A tar of the root, made once for these registries and again when a week is over."""
    release, lines = registries()
    name = hashlib.sha256("\n".join(lines).encode()).hexdigest()[:16]
    base = KEPT / f"{release}-{name}.tar"
    if not base.exists() or time.time() - base.stat().st_mtime > WEEK:
        KEPT.mkdir(parents=True, exist_ok=True)
        part = base.with_suffix(".part.tar")
        made = run("mmdebstrap", "--variant=minbase", "--skip=cleanup/apt/lists", release, part, *lines, ok=False)
        if made.returncode:
            skip(f"mmdebstrap cannot make a clean root: {made.stdout.strip().splitlines()[-1]}")
        part.rename(base)
    return base


class Root:
    """A copy of the clean root; commands in it have /proc, /sys and /dev, in a mount namespace of their own."""

    def __init__(self, base):
        self.path = pathlib.Path(tempfile.mkdtemp(prefix="root-", dir=KEPT))
        run("tar", "-xf", base, "-C", self.path)
        self.path.chmod(0o755)
        (KEPT / "archives").mkdir(exist_ok=True)

    def __truediv__(self, path):
        return self.path / path

    def run(self, *words, ok=True):
        script = 'for d in proc sys dev; do mount --rbind /$d "$0/$d"; done; mount --bind "$1" "$0/var/cache/apt/archives"; ' \
                 'root=$0; shift; exec chroot "$root" "$@"'
        return run("unshare", "--mount", "--propagation", "private", "sh", "-ec", script, self.path, KEPT / "archives", *words, ok=ok)

    def install(self, package):
        shutil.copy(package, self / "tmp")
        return self.run("dpkg", "--force-confold", "-i", f"/tmp/{package.name}")  # nobody is there to be asked

    def apt_install(self, *packages):
        proxy = re.findall(r'^(Acquire::https?::Proxy) "(.*)";', run("apt-config", "dump").stdout, re.M)
        options = [word for name, value in proxy if value for word in ("-o", f"{name}={value}")]
        return self.run("apt-get", *options, "install", "-y", "-q", "--no-install-recommends", *packages)

    def remove(self):
        shutil.rmtree(self.path)


class Installed(Server):
    """The service: the command of the installed unit, confined by it, on the ports it is given by variables."""

    def __init__(self, root, unit=None, **variables):
        super().__init__(data=root / DATA, env={"CASTLE_LISTEN": "127.0.0.1:0", "CASTLE_ADMIN": "127.0.0.1:0", **variables})
        self.root, self.unit, self.ready_file = root, unit or root / UNIT, root / "run/castle/ready.json"

    def command(self):
        return ["/usr/bin/python3", str(CONFINED), str(self.root.path), str(self.unit), "ExecStart"]

    def reload(self):
        run("/usr/bin/python3", CONFINED, self.root.path, self.unit, "ExecReload", env={"MAINPID": str(self.process.pid)})


def owner(root, path):
    """user:group mode, by the root's own names."""
    return root.run("stat", "-c", "%U:%G %a", f"/{path}").stdout.strip()


# ---- the package itself ----

@checks
def lintian_has_no_error_and_no_warning(root):
    result = run("lintian", "--allow-root", "--fail-on", "error,warning", root.package, ok=False)
    eq((result.returncode, [line for line in result.stdout.splitlines() if line[:2] in ("E:", "W:")]), (0, []), "lintian")
    for override in (ROOT / "deploy/deb/lintian-overrides").read_text().split("\n\n"):
        check(override.startswith("# "), f"an override without a reason: {override}")


@checks
def the_package_has_what_it_says_and_nothing_of_the_machine_that_built_it(root):
    version = re.search(r"^project\(castle VERSION (\S+)", (ROOT / "CMakeLists.txt").read_text(), re.M)[1]
    arch = run("dpkg", "--print-architecture").stdout.strip()
    eq(root.package.name, f"castle_{version}_{arch}.deb", "its name")
    fields = run("dpkg-deb", "-f", root.package).stdout
    check(f"\nVersion: {version}\n" in fields and f"Architecture: {arch}\n" in fields, fields)
    for need in ("adduser", "libc6 (>=", "libh2o-evloop", "libssl3", "libsqlite3-0", "libzstd1", "libjemalloc2"):
        check(need in re.search(r"^Depends: (.*)", fields, re.M)[1], f"Depends lacks {need}: {fields}")
    with tempfile.TemporaryDirectory(dir=KEPT) as folder:
        run("dpkg-deb", "-R", root.package, folder)
        binary = (pathlib.Path(folder) / "usr/bin/castle").read_bytes()
        check(str(ROOT).encode() not in binary, "the program names the folder it was built in")
        copyrights = (pathlib.Path(folder) / "usr/share/doc/castle/copyright").read_text()
        for package in json.loads((ROOT / "http/web/package-lock.json").read_text())["packages"]:
            check(not package or f"Files: http/web/{package}/*\n" in copyrights, f"the copyright of {package} is not told")
        check(b"lightweight-charts" in binary and b"uPlot" in binary, "the program has no charts: npm was not there")
        eq((pathlib.Path(folder) / "DEBIAN/conffiles").read_text(), f"/{CONFIGURATION}\n", "conffiles")


@checks
def apt_installs_it_with_all_it_needs(root):
    shutil.copy(root.package, root / "tmp")
    before = set(root.run("dpkg-query", "-f", "${Package}\n", "-W").stdout.split())
    root.apt_install(f"/tmp/{root.package.name}")
    new = set(root.run("dpkg-query", "-f", "${Package}\n", "-W").stdout.split()) - before
    check("castle" in new and "libssl3" in new, f"installed: {new}")
    eq(root.run("dpkg", "--audit").stdout + root.run("dpkg", "-V", "castle").stdout, "", "what dpkg finds wrong")
    print(f"with castle came {', '.join(sorted(new - {'castle'}))}")


@checks
def program_manual_completion_user_and_unit_are_there(root):
    version = run(root / "usr/bin/castle", "version").stdout
    eq(root.run("castle", "version").stdout, version, "castle version")
    eq(owner(root, DATA), "castle:castle 700", "the data directory")
    user = root.run("getent", "passwd", "castle").stdout.strip().split(":")
    eq(user[5:], ["/var/lib/castle", "/usr/sbin/nologin"], "home and shell of the user castle")
    check(int(user[2]) < 1000, f"castle is no system user: {user}")
    manual = run("man", "-w", "castle", env={"MANPATH": str(root / "usr/share/man")}).stdout.strip()
    check(manual.endswith("/man1/castle.1.gz"), f"man -w castle: {manual}")
    completion = "/usr/share/bash-completion/completions/castle"
    eq(root.run("bash", "-c", f"source {completion}; complete -p castle").stdout, "complete -F _castle castle\n", "completion")
    eq((root / UNIT).read_text(), (ROOT / "deploy/systemd/castle.service").read_text(), "the unit")
    check((root / WANTED).is_symlink(), "the service is not enabled")
    for name in ("OPERATIONS.md", "API.md", "copyright", "changelog.gz"):
        check((root / "usr/share/doc/castle" / name).exists(), f"{name} is not in /usr/share/doc/castle")


# ---- the unit ----

@checks
def systemd_finds_no_fault_in_the_unit(root):
    # this machine has the targets that the unit names, the clean root has the program
    with tempfile.TemporaryDirectory(dir=KEPT) as folder:
        unit = pathlib.Path(folder) / "castle.service"
        unit.write_text((root / UNIT).read_text().replace("=/usr/bin/castle ", f"={root / 'usr/bin/castle'} "))
        result = run("systemd-analyze", "verify", "--man=no", unit, ok=False)
    told = [line for line in result.stdout.splitlines() if "castle" in line]
    eq((result.returncode, told), (0, []), "systemd-analyze verify")


@checks
def the_unit_exposes_as_little_as_before(root):
    result = run("systemd-analyze", "security", "--offline=true", f"--threshold={round(EXPOSURE * 10)}", "--no-pager",
                 ROOT / "deploy/systemd/castle.service", ok=False)
    eq(result.returncode, 0, f"systemd-analyze security: {result.stdout[-2000:]}")
    print(result.stdout.strip().splitlines()[-1])


@checks
def what_wants_a_person_is_not_started_again(root):
    codes = re.search(r"enum exit_code \{(.*?)\}", (ROOT / "http/serve.h").read_text(), re.S)[1].replace(",", " ").split()
    stays = re.search(r"^RestartPreventExitStatus=(.*)", (root / UNIT).read_text(), re.M)[1].split()
    eq(stays, [str(codes.index(name)) for name in ("EXIT_USAGE", "EXIT_LOCKED", "EXIT_DAMAGED")], "RestartPreventExitStatus")
    drain = int(re.search(r"DRAIN_MS = (\d+)", (ROOT / "castle.c").read_text())[1]) / 1000
    check(int(re.search(r"^TimeoutStopSec=(\d+)", (root / UNIT).read_text(), re.M)[1]) > 2 * drain, "TimeoutStopSec")


@checks
def the_service_trades_and_comes_back_confined_by_its_unit(root):
    # snapshots, history, compressed segments and lookups take part, too: all that a long life has
    options = {"CASTLE_SNAPSHOT_SECONDS": "1", "CASTLE_SNAPSHOT_RECORDS": "500", "CASTLE_SEGMENT_MIB": "1"}
    with Installed(root, **options) as server:
        status = pathlib.Path(f"/proc/{server.process.pid}/status").read_text()
        uid = int(root.run("id", "-u", "castle").stdout)
        for line in (rf"Uid:\s{uid}\s{uid}\s", r"CapEff:\s0+$", r"CapBnd:\s0+$", r"NoNewPrivs:\s1$", r"Seccomp:\s2$", r"Groups:\s*$"):
            check(re.search("^" + line, status, re.M), f"{line} is not in {status}")
        trader = Trader(server.admin(), Http1(server.public), "alice", {"USDT": "1000000", "BTC": "10"})
        trader.limit("BTCUSDT", "BUY", "0.01", "20000", newClientOrderId="kept")
        for i in range(400):  # trades with herself
            trader.limit("BTCUSDT", "BUY" if i % 2 else "SELL", "0.001", "60000")
        server.told('"snapshot_made"')
        server.told('"segments_sealed"')
        eq(len(trader.all_orders("BTCUSDT", startTime=1)), 401, "orders, of the history")
        check(trader.get("klines", {"symbol": "BTCUSDT", "interval": "1s"}), "klines")
        check(b"process_open_fds" in Http1(server.admin_at).request("GET", "/metrics").body, "metrics")
        server.reload()
        server.told('"tls_absent"')
        eq(server.sigterm(), 0, f"exit code: {server.output()[-500:]}")
        check(not server.ready_file.exists(), "the ready file is still there")
        server.restart()
        trader.http = Http1(server.public)
        eq(trader.query("BTCUSDT", origClientOrderId="kept")["status"], "NEW", "the order after a restart")
        server.kill9()
        server.restart()
        trader.http = Http1(server.public)
        eq(trader.query("BTCUSDT", origClientOrderId="kept")["status"], "NEW", "the order after kill -9")
        eq(server.sigterm(), 0, "exit code")
    root.trader = trader
    eq(owner(root, DATA + "/admin.token"), "castle:castle 600", "admin.token")


def order_is_there(root):
    with Installed(root) as server:
        root.trader.http = Http1(server.public)
        eq(root.trader.query("BTCUSDT", origClientOrderId="kept")["status"], "NEW", "the order")
        eq(server.sigterm(), 0, "exit code")


@checks
def tls_is_served_and_reloaded_confined_by_the_unit(root):
    gid = int(root.run("id", "-g", "castle").stdout)
    with tempfile.TemporaryDirectory() as folder:
        pair = certificate(folder, "tls")
        for path in pair:
            shutil.copy(path, root / "etc/castle")
            os.chown(root / "etc/castle" / path.name, 0, gid)
            (root / "etc/castle" / path.name).chmod(0o640)
        with Installed(root, CASTLE_TLS_CERT="/etc/castle/tls.crt", CASTLE_TLS_KEY="/etc/castle/tls.key") as server:
            check(Http1(server.public, pair[0]).request("GET", "/api/v3/time").status == 200, "over TLS")
            server.reload()
            server.told('"tls_reloaded"')
            eq(server.sigterm(), 0, "exit code")
    for path in pair:
        (root / "etc/castle" / path.name).unlink()


@checks
def what_the_unit_forbids_is_forbidden(root):
    """So that the checks above mean something: the same unit with one permission less, or one wish more, fails."""
    def ends(unit, **variables):
        server = Installed(root, unit, **variables)
        with contextlib.suppress(RuntimeError), contextlib.redirect_stderr(io.StringIO()):
            server.start()
        try:
            return server.process.wait(START_SECONDS)  # some threads ask a moment after it is ready
        finally:
            server.remove()
    text = (root / UNIT).read_text()
    with tempfile.TemporaryDirectory() as folder:
        unit = pathlib.Path(folder) / "castle.service"
        for group in ("@io-event", "@sync", "pipe2", "clone", "sched_setattr", "setpriority"):
            unit.write_text(re.sub(rf"(SystemCallFilter=.*)(?<= |=){group}(?= |$)", r"\1", text, flags=re.M))
            check(unit.read_text() != text, f"{group} is not in the filter")
            eq(ends(unit), -signal.SIGSYS, f"the exit without {group}")
        unit.write_text(text.replace("AF_INET AF_INET6", "AF_UNIX"))
        eq(ends(unit), -signal.SIGSYS, "the exit without AF_INET")
    eq(ends(root / UNIT, CASTLE_DATA="/srv/elsewhere"), 5, "the exit with data elsewhere")


# ---- upgrades ----

def newer(root, folder):
    """The same package as a later version whose configuration file has a line more."""
    run("dpkg-deb", "-R", root.package, folder / "tree")
    control, configuration = folder / "tree/DEBIAN/control", folder / "tree" / CONFIGURATION
    control.write_text(re.sub(r"^Version: (.*)$", r"Version: \1+next", control.read_text(), flags=re.M))
    configuration.write_text(configuration.read_text() + "; a new line\n")
    run("dpkg-deb", "--root-owner-group", "-b", folder / "tree", folder / "castle-next.deb")
    return folder / "castle-next.deb"


@checks
def installing_again_keeps_configuration_data_and_what_was_disabled(root):
    changed = (root / CONFIGURATION).read_text() + "max-connections = 123\n"
    (root / CONFIGURATION).write_text(changed)
    (root / WANTED).unlink()  # systemctl disable
    root.install(root.package)
    eq((root / CONFIGURATION).read_text(), changed, "the changed configuration")
    check(not (root / WANTED).is_symlink(), "the service is enabled again")
    with tempfile.TemporaryDirectory(dir=KEPT) as folder:
        root.install(newer(root, pathlib.Path(folder)))
    check("+next" in root.run("dpkg-query", "-f", "${Version}", "-W", "castle").stdout, "it is the newer version")
    eq((root / CONFIGURATION).read_text(), changed, "the changed configuration after an upgrade")
    check("a new line" in (root / (CONFIGURATION + ".dpkg-dist")).read_text(), "the new configuration beside it")
    check(not (root / WANTED).is_symlink(), "the service is enabled by an upgrade")
    order_is_there(root)


@checks
def removing_keeps_configuration_and_data_and_installing_brings_all_back(root):
    (root / WANTED).symlink_to("/" + UNIT)  # systemctl enable
    root.run("dpkg", "-r", "castle")
    for path in ("usr/bin/castle", UNIT, "usr/share/man/man1/castle.1.gz", "usr/share/doc/castle"):
        check(not (root / path).exists(), f"/{path} is still there")
    check("max-connections = 123" in (root / CONFIGURATION).read_text(), "the configuration is gone")
    check(list((root / DATA).glob("journal-*")), "the journal is gone")
    root.install(root.package)
    check((root / WANTED).is_symlink(), "the service is not enabled")
    check("max-connections = 123" in (root / CONFIGURATION).read_text(), "the configuration is new")
    order_is_there(root)


@checks
def purging_takes_the_configuration_and_leaves_the_data_and_says_so(root):
    kept = sorted(path.name for path in (root / DATA).iterdir())
    told = root.run("dpkg", "-P", "castle").stdout
    check("/var/lib/castle" in told and "stays" in told, f"what it says: {told}")
    check(not (root / "etc/castle").exists(), "/etc/castle is still there")
    left = [path for path in (root / "etc/systemd").rglob("*castle*")] + list((root / "var/lib/systemd").rglob("*castle*"))
    eq(left, [], "what systemd still knows of it")
    eq(sorted(path.name for path in (root / DATA).iterdir()), kept, "the data")
    eq(owner(root, DATA), "castle:castle 700", "the data directory, and its user")
    root.install(root.package)
    order_is_there(root)


@checks
def purging_what_has_no_data_leaves_no_directory(root):
    shutil.rmtree(root / DATA)
    told = root.run("dpkg", "-P", "castle").stdout
    check("stays" not in told and not (root / DATA).exists(), f"the data directory: {told}")
    root.install(root.package)
    eq(owner(root, DATA), "castle:castle 700", "the data directory")
    told = root.run("dpkg", "-P", "castle").stdout
    check("stays" not in told and not (root / DATA).exists(), f"the data directory: {told}")


# ---- with systemd itself, where it can be had ----

class Service:
    """castle.service, as systemctl shows it."""

    def __init__(self, root, booted):
        self.root, self.booted = root, booted

    def shows(self, name):
        return self.booted.run("systemctl", "show", "-p", name, "--value", "castle")[1].strip()

    def ctl(self, *words):
        code = self.booted.run("systemctl", *words, "castle")[0]
        eq(code, 0, f"systemctl {' '.join(words)} castle")

    def until(self, what, happened):
        deadline = time.monotonic() + START_SECONDS
        while not (result := happened()):
            check(time.monotonic() < deadline, f"{what}; the journal: {self.journal()[-2000:]}")
            time.sleep(0.02)
        return result

    def journal(self):
        return self.booted.run("journalctl", "-u", "castle", "-o", "cat", "--no-pager")[1]

    def ready(self):
        """Where it serves, once it does: the pid in the ready file is that of systemd's process."""
        def look():
            code, text = self.booted.run("cat", "/run/castle/ready.json")
            ready = json.loads(text) if code == 0 else {"pid": 0}
            return ready if str(ready["pid"]) == self.shows("MainPID") else None
        return self.until("it is not ready", look)

    def install(self):
        shutil.copy(self.root.package, self.root / "root")  # the /tmp in there is another one
        code, output = self.booted.run("dpkg", "-i", f"/root/{self.root.package.name}")
        eq(code, 0, f"dpkg -i: {output}")


def lives_as_a_service(service):
    """Started by its installation, reloaded, killed, misconfigured, upgraded, disabled, removed."""
    ready = service.ready()
    eq((service.shows("ActiveState"), service.shows("UnitFileState")), ("active", "enabled"), "after the boot")
    admin = Admin(address(ready["admin"]), (service.root / DATA / "admin.token").read_text().strip())
    trader = Trader(admin, Http1(address(ready["listen"])), "bob", {"USDT": "1000"})
    trader.limit("BTCUSDT", "BUY", "0.001", "20000", newClientOrderId="served")

    def order_is_there():
        trader.http = Http1(address(service.ready()["listen"]))
        eq(trader.query("BTCUSDT", origClientOrderId="served")["status"], "NEW", "the order")

    service.ctl("reload")
    service.until("nothing is told of the reload", lambda: "tls_absent" in service.journal())
    service.ctl("kill", "--signal=KILL")
    service.until("it is not started again", lambda: service.shows("NRestarts") == "1")
    order_is_there()
    before, configuration = service.shows("MainPID"), (service.root / CONFIGURATION).read_text()
    service.install()  # an upgrade
    check(service.ready()["pid"] != int(before), "an upgrade does not restart it")
    eq(service.shows("NRestarts"), "0", "restarts after an upgrade")
    order_is_there()
    (service.root / CONFIGURATION).write_text(configuration + "no-such-key = 1\n")
    service.booted.run("systemctl", "restart", "castle")
    service.until("it does not fail", lambda: service.shows("ActiveState") == "failed")
    eq((service.shows("ExecMainStatus"), service.shows("NRestarts")), ("2", "0"), "with a wrong key: exit code and restarts")
    (service.root / CONFIGURATION).write_text(configuration)
    service.ctl("start")
    order_is_there()
    service.ctl("stop")
    eq((service.shows("Result"), service.shows("ExecMainStatus")), ("success", "0"), "after a stop")
    service.ctl("disable")
    service.install()
    eq((service.shows("ActiveState"), service.shows("UnitFileState")), ("inactive", "disabled"), "disabled, after an upgrade")
    service.ctl("enable", "--now")
    order_is_there()
    pid = service.shows("MainPID")
    eq(service.booted.run("dpkg", "-r", "castle")[0], 0, "dpkg -r")
    check(service.booted.run("kill", "-0", pid)[0] != 0, "a removal leaves it running")


@checks
def systemd_itself_runs_it_where_it_can_be_had(root):
    root.apt_install("systemd", "procps")
    root.install(root.package)
    drop_in = root / "etc/systemd/system/castle.service.d/ports.conf"
    drop_in.parent.mkdir(parents=True)
    drop_in.write_text("[Service]\nEnvironment=CASTLE_LISTEN=127.0.0.1:0 CASTLE_ADMIN=127.0.0.1:0\n")
    try:
        booted = Booted(root.path)
    except CannotBoot as why:
        print(f"{why}: left out")
        return
    try:
        lives_as_a_service(Service(root, booted))
    finally:
        booted.end()


def find_package():
    if len(sys.argv) > 1:
        return pathlib.Path(sys.argv[1]).resolve()
    found = sorted((ROOT / "build/package").glob("castle_*.deb"), key=lambda path: path.stat().st_mtime)
    if not found:
        run(ROOT / "dev", "package")
        found = list((ROOT / "build/package").glob("castle_*.deb"))
    return found[-1]


def main():
    if os.geteuid() != 0:
        skip("a clean root is made and entered by root alone")
    for tool in ("lintian", "mmdebstrap", "systemd-analyze", "man", "dpkg-deb"):
        if not shutil.which(tool):
            skip(f"{tool} is not installed")
    if subprocess.run(["/usr/bin/python3", "-c", "import seccomp"], capture_output=True).returncode:
        skip("python3-seccomp is not installed")
    if subprocess.run(["unshare", "--mount", "true"], capture_output=True).returncode:
        skip("this machine lets nobody make a mount namespace")
    root = Root(make_base())
    try:
        root.package = find_package()
        checks.run(root)
    finally:
        root.remove()
    return checks.finish()


if __name__ == "__main__":
    raise SystemExit(main())
