#!/usr/bin/python3
"""Runs a command of a systemd unit as systemd would, without systemd: confined.py ROOT UNIT DIRECTIVE

In the folder ROOT, as the unit's user, with no capability and no new privileges, under its limits and its filter of system calls;
its state and runtime directories are all that can be written to. What the filter refuses kills the process (SIGSYS), also where the
unit would only refuse it: who runs to the end has asked for nothing that is forbidden. Left out, because nothing of it can be seen
from inside or the filter has it anyway: PrivateIPC, PrivateDevices, KeyringMode, ProtectClock, ProtectHostname, RestrictRealtime,
RestrictSUIDSGID.

The process becomes the command: its pid stays. Needs root and python3-seccomp.
"""
import ctypes
import errno
import os
import pathlib
import resource
import shlex
import subprocess
import sys

import seccomp

CLONE_NEWNS, CLONE_NEWUSER = 0x00020000, 0x10000000
PR_CAPBSET_DROP, PR_SET_NO_NEW_PRIVS = 24, 38
AF_MAX, PROT_WRITE, PROT_EXEC = 46, 2, 4
NAMESPACES = 0x7E020080  # every CLONE_NEW*
FAMILIES = {"AF_UNIX": 1, "AF_INET": 2, "AF_INET6": 10, "AF_NETLINK": 16}
libc = ctypes.CDLL(None, use_errno=True)


def read_unit(path):
    """{directive: [values]} of the section Service; an empty value takes those before it away."""
    found, section = {}, None
    for line in pathlib.Path(path).read_text().splitlines():
        line = line.strip()
        if line.startswith("["):
            section = line
        elif section == "[Service]" and line and line[0] not in "#;":
            name, _, value = line.partition("=")
            found[name] = [*found.get(name, []), value] if value else []
    return found


def system_calls(words):
    """The names behind @groups, as this machine's systemd knows them."""
    names = set()
    for word in words:
        if not word.startswith("@"):
            names.add(word)
            continue
        told = subprocess.run(["systemd-analyze", "syscall-filter", word, "--no-pager"], check=True, capture_output=True, text=True)
        lines = [line.strip() for line in told.stdout.splitlines()]
        names |= system_calls(line for line in lines[1:] if line and not line.startswith("#"))
    return names


def must(result, what):
    if result != 0:
        raise OSError(ctypes.get_errno(), what)


def mount(*words):
    subprocess.run(["mount", *map(str, words)], check=True)


def make_file_system(root, unit):
    must(libc.unshare(CLONE_NEWNS), "unshare of mounts")
    mount("--make-rprivate", "/")
    mount("--bind", root, root)
    for name in ("proc", "sys"):
        mount("--rbind", f"/{name}", root / name)
    if unit.get("PrivateTmp") == ["yes"]:
        mount("-t", "tmpfs", "-o", "mode=1777", "tmpfs", root / "tmp")
    for directive, parent in (("StateDirectory", "var/lib"), ("RuntimeDirectory", "run")):
        for name in unit.get(directive, []):
            mount("--bind", root / parent / name, root / parent / name)
    if unit.get("ProtectSystem") == ["strict"]:
        mount("-o", "remount,bind,ro", root)


def make_directories(root, unit, uid, gid):
    for directive, parent in (("StateDirectory", "var/lib"), ("RuntimeDirectory", "run")):
        for name in unit.get(directive, []):
            path = root / parent / name
            path.mkdir(exist_ok=True)
            os.chown(path, uid, gid)
            path.chmod(int(unit[directive + "Mode"][-1], 8))


def find_user(root, name):
    for line in (root / "etc/passwd").read_text().splitlines():
        fields = line.split(":")
        if fields[0] == name:
            return int(fields[2]), int(fields[3])
    raise SystemExit(f"there is no user {name} in {root}")


def make_user_namespace(uid, gid):
    """PrivateUsers=yes: root and the user are themselves, all others nobody. A child outside writes the maps."""
    asked, answered = os.pipe(), os.pipe()
    outside = os.fork()
    if outside == 0:
        os.close(asked[1])
        if not os.read(asked[0], 1):  # the other one is gone
            os._exit(1)
        for name, number in (("uid_map", uid), ("gid_map", gid)):
            pathlib.Path(f"/proc/{os.getppid()}/{name}").write_text(f"0 0 1\n{number} {number} 1\n")
        os.write(answered[1], b".")
        os._exit(0)
    must(libc.unshare(CLONE_NEWUSER), "unshare of users")
    os.write(asked[1], b".")
    if os.read(answered[0], 1) != b".":
        raise SystemExit("the maps of users were not written")
    os.waitpid(outside, 0)
    for end in (*asked, *answered):
        os.close(end)


def limit(name, value):
    kind = getattr(resource, "RLIMIT_" + name)
    wanted = int(value)
    try:
        resource.setrlimit(kind, (wanted, wanted))
    except (ValueError, PermissionError):  # systemd takes what is nearest, too
        resource.setrlimit(kind, (min(wanted, resource.getrlimit(kind)[1]),) * 2)


def filters(unit):
    """In the order in which they are loaded; of several the kernel takes the strictest answer."""
    kill, made = seccomp.KILL_PROCESS, []
    if unit.get("MemoryDenyWriteExecute") == ["yes"]:
        rule = seccomp.SyscallFilter(seccomp.ALLOW)
        rule.add_rule(kill, "mmap", seccomp.Arg(2, seccomp.MASKED_EQ, PROT_WRITE | PROT_EXEC, PROT_WRITE | PROT_EXEC))
        for name in ("mprotect", "pkey_mprotect"):
            rule.add_rule(kill, name, seccomp.Arg(2, seccomp.MASKED_EQ, PROT_EXEC, PROT_EXEC))
        made.append(rule)
    if unit.get("RestrictAddressFamilies"):
        allowed = {FAMILIES[name] for name in unit["RestrictAddressFamilies"][-1].split()}
        rule = seccomp.SyscallFilter(seccomp.ALLOW)
        for family in set(range(AF_MAX)) - allowed:
            rule.add_rule(kill, "socket", seccomp.Arg(0, seccomp.EQ, family))
        made.append(rule)
    if unit.get("RestrictNamespaces") == ["yes"]:
        rule = seccomp.SyscallFilter(seccomp.ALLOW)
        rule.add_rule(seccomp.ERRNO(errno.ENOSYS), "clone3")  # its flags are out of sight: systemd has libc take clone
        for name in ("setns", "unshare"):
            rule.add_rule(kill, name)
        for bit in range(32):
            if NAMESPACES >> bit & 1:
                rule.add_rule(kill, "clone", seccomp.Arg(0, seccomp.MASKED_EQ, 1 << bit, 1 << bit))
        made.append(rule)
    if unit.get("SystemCallFilter"):
        rule = seccomp.SyscallFilter(kill)
        for name in system_calls(word for line in unit["SystemCallFilter"] for word in line.split()):
            if seccomp.resolve_syscall(seccomp.Arch(seccomp.Arch.NATIVE), name) >= 0:
                rule.add_rule(seccomp.ALLOW, name)
        made.append(rule)
    return made


def main(root, unit_path, directive):
    root, unit = pathlib.Path(root), read_unit(unit_path)
    uid, gid = find_user(root, unit["User"][-1])
    rules = filters(unit)  # asks systemd-analyze: before all else
    command = shlex.split(unit[directive][-1])
    for name in ("NOFILE", "MEMLOCK", "RTPRIO"):
        for value in unit.get("Limit" + name, [])[-1:]:
            limit(name, value)
    make_directories(root, unit, uid, gid)
    make_file_system(root, unit)
    os.setgroups([])
    if unit.get("PrivateUsers") == ["yes"]:
        make_user_namespace(uid, gid)  # nobody may from within a chroot
    os.chroot(root)
    os.chdir(unit["WorkingDirectory"][-1])
    os.umask(int(unit["UMask"][-1], 8))
    if unit.get("CapabilityBoundingSet") == []:
        for capability in range(64):
            libc.prctl(PR_CAPBSET_DROP, capability, 0, 0, 0)  # EINVAL beyond the last there is
    os.setresgid(gid, gid, gid)
    os.setresuid(uid, uid, uid)
    if unit.get("NoNewPrivileges") == ["yes"]:
        must(libc.prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0), "no new privileges")
    environment = {name: value for name, value in os.environ.items() if name.startswith("CASTLE_") or name == "MAINPID"}
    environment["PATH"] = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
    for rule in rules:
        rule.load()
    os.execve(command[0], command, environment)


if __name__ == "__main__":
    main(*sys.argv[1:])
