#!/usr/bin/python3
"""What `castle` says of itself: the help, the manual, the completion of bash, the table of docs/OPERATIONS.md.

Goal: whoever asks is told every option there is, with its true default, and no other. Method: the help comes from the table that
the program reads its options by (tests/unit/http/test_options.c tries what it says); all the others are held against the help.
The completion is asked in a bash that has it sourced, and by a person's TAB on a terminal.
"""
import os
import pathlib
import pty
import re
import select
import shutil
import subprocess
import tempfile
import time

from castle_client import BINARY, ROOT, START_SECONDS, Checks, castle, check, environment, eq

checks = Checks()
MANUAL, COMPLETION = ROOT / "docs/castle.1", ROOT / "deploy/bash-completion/castle"
SUBCOMMANDS = ["serve", "demo", "replay", "journal", "version"]


def run(*words, **options):
    return subprocess.run([BINARY, *words], env=environment(), stdin=subprocess.DEVNULL, capture_output=True, text=True,
                          timeout=60, **options)


def helped(subcommand):
    """{option: (value, default)} as `castle SUBCOMMAND --help` lists them; a default of None is one that is not told."""
    text, found = castle(subcommand, "--help").stdout, {}
    for name, value, body in re.findall(r"^  --([a-z-]+)(?: (\S+))?\n((?: {8}.*\n)+)", text, re.M):
        body = " ".join(body.split())
        default = re.search(r"Default: (.*)\.$", body)
        check(name not in found, f"--{name} is there twice")
        found[name] = value, default and default[1]
    return found


def in_manual(section):
    """The same of a section of the manual, from its source."""
    text = re.search(rf"^\.Sh {section}\n(.*?)(?=^\.Sh )", MANUAL.read_text(), re.M | re.S)[1]
    found = {}
    for name, value, body in re.findall(r"^\.It Fl -([a-z-]+)(.*)\n((?:(?!\.It |\.El).*\n)+)", text, re.M):
        default = re.search(r"^Default: ((?:.|\n(?!\.))*)\.$", body, re.M)
        value = "|".join(word for word in value.split() if word not in ("|", "Ar", "Cm"))
        found[name] = value, default and default[1].replace("\n", " ")
    return found


def same(got, expected, what):
    """Of two dictionaries that ought to be equal, what differs."""
    for name in sorted(set(got) | set(expected)):
        eq(got.get(name), expected.get(name), f"{what} --{name}")


# ---- the help ----

@checks
def help_is_on_stdout_with_exit_0(_):
    for words in (["--help"], ["-h"], ["help"], *([name, "--help"] for name in SUBCOMMANDS), *(["help", name] for name in SUBCOMMANDS),
                  ["serve", "--cores", "2", "--help"], ["journal", "dump", "-h"]):
        result = run(*words)
        eq((result.returncode, result.stderr), (0, ""), f"castle {' '.join(words)}")
        check("usage: castle" in result.stdout, f"castle {' '.join(words)}: {result.stdout!r}")
        check(max(map(len, result.stdout.splitlines())) <= 100, f"castle {' '.join(words)}: a line is too long")
    for name in SUBCOMMANDS:
        eq(run("help", name).stdout, run(name, "--help").stdout, f"help {name} and {name} --help")
        check(f"\n{name}\n" in run("--help").stdout, f"castle --help does not have {name}")


@checks
def wrong_usage_is_on_stderr_with_exit_2(_):
    for words in ([], ["frobnicate"], ["--frobnicate"], ["help", "frobnicate"], ["serve", "--frobnicate"], ["journal", "frobnicate"],
                  ["replay", "--frobnicate"], ["version", "frobnicate"], ["--version", "frobnicate"]):
        result = run(*words)
        eq((result.returncode, result.stdout), (2, ""), f"castle {' '.join(words)}")
        check(not words or "frobnicate" in result.stderr, f"castle {' '.join(words)}: {result.stderr!r}")


@checks
def version_is_the_project_s_and_may_be_asked_for_as_an_option(_):
    version = re.search(r"^project\(castle VERSION (\S+)", (ROOT / "CMakeLists.txt").read_text(), re.M)[1]
    check(run("version").stdout.startswith(f"castle {version} "), run("version").stdout)
    eq(run("--version").stdout, run("version").stdout, "castle --version")


@checks
def help_lists_no_option_that_is_not_taken_and_none_is_left_out(_):
    # what the program reads is the same table, so only what stands elsewhere can be forgotten
    eq(set(helped("demo")) - set(helped("serve")), {"keep", "seed", "days"}, "the options of demo alone")
    check(len(helped("serve")) >= 30, f"{len(helped('serve'))} options")
    for name, words in {"replay": ["FILE"], "journal": ["dump"]}.items():
        usage = run(name, "--help").stdout.splitlines()[0]
        eq(set(re.findall(r"--([a-z-]+)", usage)), set(helped(name)), f"the usage of {name} and its list")
        for option, (value, _) in helped(name).items():
            refused = run(name, *words, f"--{option}" + ("=" if value else "")).stderr
            check("not known" not in refused and "not an option" not in refused, f"{name} --{option}: {refused}")


# ---- the manual ----

@checks
def manual_has_every_option_with_its_default_and_no_other(_):
    serve, demo = in_manual("OPTIONS OF SERVE"), in_manual("OPTIONS OF DEMO")
    same(serve, helped("serve"), "serve")
    same(serve | demo, helped("demo"), "demo")
    for name in demo:
        check(demo[name] != serve.get(name), f"--{name} of demo is that of serve")
    for name in ("replay", "journal"):
        told = {option: default for option, (_, default) in helped(name).items()}
        same({option: default for option, (_, default) in in_manual(f"OPTIONS OF {name.upper()}").items()}, told, name)


@checks
def manual_has_the_exit_codes_and_the_subcommands(_):
    text = MANUAL.read_text()
    codes = re.search(r"enum exit_code \{(.*?)\}", (ROOT / "http/serve.h").read_text(), re.S)[1].count(",")
    section = re.search(r"^\.Sh EXIT STATUS\n(.*?)^\.Sh ", text, re.M | re.S)[1]
    eq(re.findall(r"^\.It (\d+)", section, re.M), [str(code) for code in range(codes)], "exit codes")
    synopsis = re.search(r"^\.Sh SYNOPSIS\n(.*?)^\.Sh ", text, re.M | re.S)[1]
    eq(re.findall(r"^\.Nm\n\.Cm (\S+)", synopsis, re.M), [*SUBCOMMANDS, "help"], "subcommands")


@checks
def manual_has_no_fault_that_man_or_mandoc_sees(_):
    man = subprocess.run(["man", "--warnings", "-E", "UTF-8", "-l", "-Tutf8", "-Z", MANUAL], capture_output=True, text=True,
                         env=environment({"LC_ALL": "C.UTF-8", "MANROFFSEQ": "", "MANWIDTH": "80"}))
    eq((man.returncode, man.stderr), (0, ""), "man --warnings")
    if not shutil.which("mandoc"):
        print("mandoc is not installed")
        return
    lint = subprocess.run(["mandoc", "-T", "lint", "-W", "warning", MANUAL], capture_output=True, text=True)
    eq((lint.returncode, lint.stdout), (0, ""), "mandoc -T lint")


# ---- docs/OPERATIONS.md ----

@checks
def operations_md_has_every_option_and_its_default(_):
    """Defaults that are values; those of demo that are others stand in brackets. What is a sentence in the help may be another one."""
    section = re.search(r"^## Options\n(.*?)^## ", (ROOT / "docs/OPERATIONS.md").read_text(), re.M | re.S)[1]
    rows = {name: cell.replace("`", "") for name, cell in re.findall(r"^\| `--([a-z-]+)[^`]*` \| ([^|]*) \|", section, re.M)}
    eq(sorted(rows), sorted(helped("demo")), "options of docs/OPERATIONS.md")
    for subcommand, part in (("serve", 0), ("demo", -1)):
        for name, (_, default) in helped(subcommand).items():
            if re.fullmatch(r"[\w.:-]+", default):
                eq(rows[name].replace("(", "").replace(")", "").split()[part], default, f"default of --{name} of {subcommand}")


# ---- the completion ----

ASK = r"""
source "$1"; shift
COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); COMP_LINE="$*"; COMP_POINT=${#COMP_LINE}
_castle castle "${COMP_WORDS[COMP_CWORD]}" "${COMP_WORDS[COMP_CWORD - 1]}"
printf '%s\n' "${COMPREPLY[@]}"
"""


def complete(line, cwd=None, breaks="="):
    """What TAB offers at the end of the line, of which readline breaks the words at blanks and at ="""
    words = []
    for word in line.split(" "):
        words += [part for part in re.split(rf"([{breaks}])", word) if part] if breaks and word else [word]
    result = subprocess.run(["bash", "--norc", "-u", "-c", ASK, "bash", COMPLETION, *words], capture_output=True, text=True,
                            cwd=cwd, timeout=60)
    eq((result.returncode, result.stderr), (0, ""), f"completing {line!r}")
    return sorted(result.stdout.split())


@checks
def completion_has_the_subcommands(_):
    eq(complete("castle "), sorted([*SUBCOMMANDS, "help", "--help", "--version"]), "castle")
    eq(complete("castle s"), ["serve"], "castle s")
    eq(complete("castle help j"), ["journal"], "castle help j")
    eq(complete("castle journal "), ["--help", "dump", "stat", "verify"], "castle journal")
    eq(complete("castle version "), [], "castle version")


@checks
def completion_has_every_option_of_each_subcommand_and_no_other(_):
    for line, subcommand in (("castle serve --", "serve"), ("castle demo --", "demo"), ("castle replay --", "replay"),
                             ("castle journal dump --", "journal"), ("castle serve --cores 2 --", "serve"),
                             ("castle serve --pin=off --", "serve"), ("castle serve --prefault --", "serve")):
        eq(complete(line), sorted(["--help", *(f"--{name}" for name in helped(subcommand))]), line)
    eq(complete("castle journal stat --"), ["--data", "--help"], "journal stat")
    eq(complete("castle serve --max-c"), ["--max-connections", "--max-connections-per-address"], "--max-c")
    eq(complete("castle serve --ke"), [], "an option of demo")


@checks
def completion_has_the_choices_of_an_option_in_both_spellings(_):
    for name, (value, _) in helped("demo").items():
        if not value:
            eq(complete(f"castle demo --{name}="), ["off", "on"], f"--{name}=")
            check("--data" in complete(f"castle demo --{name} "), f"--{name} takes no value behind a blank")
        elif "|" in value:
            for line in (f"castle demo --{name} ", f"castle demo --{name}="):
                eq(complete(line), sorted(value.split("|")), line)
                first = value.split("|")[0]
                check(first in complete(line + first[:2]), line + first[:2])
            # where = breaks no words
            eq(complete(f"castle demo --{name}=", breaks=""), sorted(f"--{name}={choice}" for choice in value.split("|")), name)
        elif value in ("N", "HOST:PORT", "SECONDS", "MIB", "ROLES", "NETWORKS"):
            for line in (f"castle demo --{name} ", f"castle demo --{name}=", f"castle demo --{name}=1"):
                eq(complete(line), [], line)
    eq(complete("castle replay x --speed "), ["max"], "--speed")


@checks
def completion_has_files_for_files_and_directories_for_directories(_):
    with tempfile.TemporaryDirectory() as home:
        (pathlib.Path(home) / "folder").mkdir()
        (pathlib.Path(home) / "file.pem").touch()
        for name, (value, _) in helped("serve").items():
            for line in (f"castle serve --{name} ", f"castle serve --{name}="):
                if value == "FILE":
                    eq(complete(line, home), ["file.pem", "folder"], line)
                    eq(complete(line + "fi", home), ["file.pem"], line)
                elif value == "DIR":
                    eq(complete(line, home), ["folder"], line)
        eq(complete("castle replay ", home), ["file.pem", "folder"], "castle replay")
        eq(complete("castle journal stat --data fo", home), ["folder"], "castle journal")


@checks
def completion_works_on_a_terminal(_):
    """A bash of a person: its line is typed, TAB pressed, and the screen read."""
    pid, terminal = pty.fork()
    if pid == 0:
        os.environ.update(TERM="dumb", PS1="$ ", HISTFILE="")
        os.execvp("bash", ["bash", "--norc", "--noprofile", "-i"])
    try:
        def typed(text, expected):
            os.write(terminal, text.encode())
            screen, deadline = "", time.monotonic() + START_SECONDS
            while expected not in screen:
                left = deadline - time.monotonic()
                check(left > 0 and select.select([terminal], [], [], left)[0], f"{text!r}: {screen!r} has no {expected!r}")
                screen += os.read(terminal, 4096).decode(errors="replace")
        typed("bind 'set bell-style none'; bind 'set enable-bracketed-paste off'; echo rea''dy\n", "ready")
        typed(f"source {COMPLETION}; echo sour''ced\n", "sourced")
        typed("castle se\t", "castle serve ")
        typed("--rate-limits=bin\t", "--rate-limits=binance ")
        typed("--log-level w\t", "--log-level warn ")
    finally:
        os.close(terminal)  # hangs bash up
        os.waitpid(pid, 0)


@checks
def completion_has_no_fault_that_shellcheck_sees(_):
    if not shutil.which("shellcheck"):
        print("shellcheck is not installed")
        return
    scripts = [COMPLETION, *sorted((ROOT / "deploy").glob("deb/p*"))]
    result = subprocess.run(["shellcheck", *scripts], capture_output=True, text=True)
    eq((result.returncode, result.stdout), (0, ""), "shellcheck")


if __name__ == "__main__":
    checks.run(None)
    raise SystemExit(checks.finish())
