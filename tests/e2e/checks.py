"""The runner and the amounts of the end-to-end tests; only the standard library, so that sessions in a venv have it.

Nothing here knows what an answer ought to be: the tests say that.
"""
import os
import traceback

import seen


# ---- the runner: one line per check, a count at the end ----

class Checks:
    """Collects check functions in the order of their definition; the name is the sentence that is checked."""

    def __init__(self):
        self.functions, self.passed, self.failed = [], 0, 0

    def __call__(self, function):
        self.functions.append(function)
        return function

    def one(self, name, function, *args):
        seen.begin()
        try:
            function(*args)
        except Exception as error:  # a failed check must not hide the next ones
            self.failed += 1
            seen.end(name, False)
            print(f"FAIL {name}: {why(error)}", flush=True)
            return False
        self.passed += 1
        seen.end(name, True)
        print(f"ok {name}", flush=True)
        return True

    def run(self, *args, before=None):
        for function in self.functions:
            def step(function=function):
                if before:
                    before()
                function(*args)
            self.one(function.__name__.replace("_", " "), step)

    def finish(self):
        print(f"{self.passed} passed, {self.failed} failed", flush=True)
        return 1 if self.failed or not self.passed else 0


def why(error):
    """The message and the lines of the tests that led to it, on one line."""
    frames = [frame for frame in traceback.extract_tb(error.__traceback__)
              if "tests/e2e" in frame.filename and frame.name not in ("one", "step", "eq", "check")]
    where = " > ".join(f"{os.path.basename(frame.filename)}:{frame.lineno}" for frame in frames)
    kind = "" if isinstance(error, AssertionError) else type(error).__name__ + ": "
    return f"{kind}{error} [{where}]".replace("\n", " | ")


def check(condition, message):
    if not condition:
        raise AssertionError(message)


def eq(got, expected, what):
    if got != expected:
        raise AssertionError(f"{what}: got {got!r}, expected {expected!r}")


# ---- money: integers of 1e-8, as in the exchange ----

ATOM = 10 ** 8


def atoms(text):
    """An amount in an answer: it must show all 8 decimals."""
    whole, point, part = text.partition(".")
    check(point and len(part) == 8 and (whole.lstrip("-") + part).isdigit(), f"not an 8-decimal amount: {text!r}")
    return (-1 if whole.startswith("-") else 1) * (int(whole.lstrip("-")) * ATOM + int(part))


def units(text):
    """An amount as a person writes it, in atoms."""
    whole, _, part = str(text).partition(".")
    return int(whole) * ATOM + int(part.ljust(8, "0") or 0)


def show(value):
    sign, value = ("-" if value < 0 else ""), abs(value)
    return f"{sign}{value // ATOM}.{value % ATOM:08d}"


def quote_of(price, qty):
    """A fill's quote amount: price x quantity in atoms, rounded down."""
    return price * qty // ATOM


def fee_of(received, ppm=1000):
    """0.1 % of what was received, rounded up: never in the user's favour."""
    return -(-received * ppm // 10 ** 6)
