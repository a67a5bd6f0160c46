"""systemd as the first process of a root folder: with process ids, mounts, a /run and a control group of its own, on this machine's
network. It sees no device of the machine, and cannot change its kernel's settings.

Not every machine lets it have these: then Booted() raises CannotBoot.
"""
import contextlib
import os
import pathlib
import signal
import subprocess
import time

# $0 the root, $1 the kind of control groups, $2 where they are mounted
ENTER = """
for group in $GROUPS_MADE; do echo $$ > "$group/cgroup.procs"; done
exec unshare --cgroup --pid --fork --kill-child --mount --uts --ipc sh -ec "$BOOT" "$0" "$1" "$2"
"""
BOOT = """
mount --make-rprivate /; mount --bind "$0" "$0"
mount -t proc proc "$0/proc"; mount --bind "$0/proc/sys" "$0/proc/sys"; mount -o remount,bind,ro "$0/proc/sys"
mount -t sysfs -o ro sysfs "$0/sys"
for folder in dev run tmp; do mount -t tmpfs tmpfs "$0/$folder"; done
for node in null zero full random urandom tty; do touch "$0/dev/$node"; mount --bind "/dev/$node" "$0/dev/$node"; done
mkdir "$0/dev/shm" "$0/dev/pts"; mount -t devpts -o newinstance,ptmxmode=0666 devpts "$0/dev/pts"; ln -s pts/ptmx "$0/dev/ptmx"
mount -t tmpfs tmpfs "$0/sys/fs/cgroup"; mkdir -p "$0$2"; mount -t $1 cgroup "$0$2"
cd "$0"; mkdir -p before; pivot_root . before; umount -l /before
exec env -i container=test PATH=/usr/sbin:/usr/bin:/sbin:/bin /lib/systemd/systemd --system --unit=multi-user.target --log-target=null
"""
BOOT_SECONDS = 60


class CannotBoot(Exception):
    pass


class Booted:
    def __init__(self, root):
        self.pid, self.groups = None, []
        for unit in ("getty.target", "console-getty.service"):  # nobody logs in
            link = pathlib.Path(root) / "etc/systemd/system" / unit
            link.unlink(missing_ok=True)
            link.symlink_to("/dev/null")
        try:
            kind, place = self.make_groups()
        except OSError as error:
            self.remove_groups()
            raise CannotBoot(f"no control group can be made: {error}") from None
        self.outside = subprocess.Popen(["sh", "-ec", ENTER, root, kind, place], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                                        stderr=subprocess.DEVNULL,
                                        env={**os.environ, "BOOT": BOOT, "GROUPS_MADE": " ".join(map(str, self.groups))})
        try:
            self.wait_for_boot()
        except BaseException:
            self.end()
            raise

    def make_groups(self):
        """One below this process's own in each hierarchy there is: what systemd makes stays in it."""
        kind = None
        for line in pathlib.Path("/proc/self/cgroup").read_text().splitlines():
            _, name, path = line.split(":", 2)
            places = [f"/sys/fs/cgroup/{name.removeprefix('name=')}"] if name else ["/sys/fs/cgroup/unified", "/sys/fs/cgroup"]
            parent = next((pathlib.Path(place + path) for place in places if os.path.exists(f"{place}{path}/cgroup.procs")), None)
            if not parent:
                continue
            group = parent / f"castle-test-{os.getpid()}"
            group.mkdir()
            self.groups.append(group)
            for setting in ("cpuset.cpus", "cpuset.mems"):  # without them it takes no process
                if name == "cpuset":
                    (group / setting).write_text((parent / setting).read_text())
            if name == "name=systemd":
                kind = "cgroup -o none,name=systemd", "/sys/fs/cgroup/systemd"
            elif not name and not kind:
                kind = "cgroup2", "/sys/fs/cgroup"
        if not kind:
            raise OSError("there is no hierarchy that systemd could have")
        return kind

    def remove_groups(self):
        for group in self.groups:
            for path, _, _ in os.walk(group, topdown=False):
                os.rmdir(path)

    def wait_for_boot(self):
        deadline = time.monotonic() + BOOT_SECONDS
        children = pathlib.Path(f"/proc/{self.outside.pid}/task/{self.outside.pid}/children")
        while True:  # until the first process is systemd, and answers
            with contextlib.suppress(OSError, IndexError):
                self.pid = int(children.read_text().split()[0])
                first = pathlib.Path(f"/proc/{self.pid}/comm").read_text()
                if first == "systemd\n" and self.run("systemctl", "is-system-running")[1].strip() not in ("", "offline"):
                    break
            if self.outside.poll() is not None or time.monotonic() > deadline:
                raise CannotBoot("systemd does not start here")
            with contextlib.suppress(subprocess.TimeoutExpired):
                self.outside.wait(0.05)
        state = self.run("systemctl", "is-system-running", "--wait")[1].strip()
        if state not in ("running", "degraded"):
            raise CannotBoot(f"systemd does not come up here: {state}")

    def run(self, *words):
        """(exit code, output without what is told on stderr) of a command in there."""
        try:
            done = subprocess.run(["nsenter", "-t", str(self.pid), "-a", "env", "-i", "PATH=/usr/sbin:/usr/bin:/sbin:/bin",
                                   "DEBIAN_FRONTEND=noninteractive", *map(str, words)], stdin=subprocess.DEVNULL,
                                  capture_output=True, text=True, timeout=BOOT_SECONDS)
        except subprocess.TimeoutExpired:
            return -1, ""
        return done.returncode, done.stdout

    def end(self):
        with contextlib.suppress(OSError):  # all that is inside ends with its first process
            os.kill(self.pid or self.outside.pid, signal.SIGKILL)
        self.outside.wait()
        self.remove_groups()
