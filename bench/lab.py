"""What the benches that drive real servers share: cores, servers, signed requests, load, the disk's probe, output.

The server is on one core and the load on another; with a single core they share it, which is said. Standard library,
and tests/e2e/castle_client.py for the server and the operator.
"""
import json
import os
import pathlib
import re
import resource
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.parse

ROOT = pathlib.Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "tests/e2e"))
os.environ.setdefault("CASTLE_BIN", str(ROOT / "build/release/castle"))
import castle_client as client  # noqa: E402

TOOLS = pathlib.Path(client.BINARY).parent  # h2o_yardstick, probe_sync, latency: of the same build
OUT = ROOT / "build/bench"
CORES = sorted(os.sched_getaffinity(0))
SERVER_CORE, LOAD_CORE = CORES[0], CORES[-1]
TICKS = os.sysconf("SC_CLK_TCK")
SYMBOL, PRICE, QUANTITY = "BENCHUSDT", "10000", "0.001"
FLOWS = ("ioc", "cross")


class Failed(Exception):
    """A bench that says nothing: an answer that was not 200, a tool that failed."""


def prepare():
    """Scratch on the disk that holds build/, not on a temporary file system in memory."""
    OUT.mkdir(parents=True, exist_ok=True)
    tempfile.tempdir = str(OUT)


def on_core(core, *command):
    return ["taskset", "-c", str(core), *map(str, command)]


def run_tool(core, *command, seconds=120, check=True):
    """Runs a program on a core to its end; its output."""
    done = subprocess.run(on_core(core, *command), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, text=True, timeout=seconds)
    if check and done.returncode:
        raise Failed(f"{command[0]} ended with {done.returncode}:\n{done.stdout}")
    return done.stdout


def machine():
    """What a reader needs to judge the numbers."""
    name = "unknown"
    for line in pathlib.Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            name = line.partition(":")[2].strip()
            break
    return {"cpu": name, "cores": len(CORES), "kernel": os.uname().release,
            "load_average": [round(value, 2) for value in os.getloadavg()],
            "time": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())}


def spread(values):
    return {"runs": values, "median": statistics.median(values), "min": min(values), "max": max(values)}


def save(path, result):
    if path:
        pathlib.Path(path).parent.mkdir(parents=True, exist_ok=True)
        pathlib.Path(path).write_text(json.dumps(result, indent=1) + "\n")


def reached(yes):
    return "reached" if yes else "missed"


# ---- the servers ----

class Castle(client.Server):
    """castle serve on the server's core or on the given ones, with a user whose orders can go on for long."""

    def __init__(self, *options, cores=(SERVER_CORE,), **named):
        super().__init__("--cores", len(cores), *options, **named)
        self.cores = ",".join(map(str, cores))

    def command(self):
        return on_core(self.cores, *super().command())

    def open_market(self):
        """A symbol without MAX_NUM_ORDERS, so that hundreds of orders may be in flight, and a rich trader."""
        admin = self.admin()
        admin.symbol(SYMBOL, "BENCH", "USDT", tickSize="0.01", stepSize="0.00001", minNotional="5",
                     filters=[{"filterType": "MAX_NUM_ORDERS", "maxNumOrders": 1000000}])
        self.trader = client.Trader(admin, client.Http1(self.public), "bench",
                                    {"USDT": "1000000000", "BENCH": "1000000"})
        return self

    def rest_maker(self):
        """Somebody sells for nine million orders at the price of the flows: from now on each of `ioc` trades, once."""
        maker = client.Trader(self.admin(), client.Http1(self.public), "maker", {"BENCH": "9000"})
        maker.limit(SYMBOL, "SELL", "9000", PRICE)
        return self

    def newest(self):
        """The ids of the newest trade, 0 when there is none, and of the newest update of the book."""
        trades = self.trader.get("trades", {"symbol": SYMBOL, "limit": 1})
        return trades[0]["id"] if trades else 0, self.trader.depth(SYMBOL, limit=5)["lastUpdateId"]

    def settled(self):
        """newest(), once orders whose client left without their answers are done, too."""
        before, now = None, self.newest()
        while now != before:
            time.sleep(0.1)
            before, now = now, self.newest()
        return now

    @property
    def pid(self):
        return self.process.pid

    @property
    def at(self):
        return "%s:%d" % self.public


class Yardstick:
    """h2o with a trivial handler, on the same core, answering with one of Castle's answers."""

    def __init__(self, answer):
        self.home = tempfile.TemporaryDirectory(prefix="yardstick-")
        port, text = pathlib.Path(self.home.name, "port"), pathlib.Path(self.home.name, "answer")
        text.write_bytes(answer)
        self.process = subprocess.Popen(on_core(SERVER_CORE, TOOLS / "h2o_yardstick", port, text))
        until = time.monotonic() + client.START_SECONDS
        while not port.exists():
            if self.process.poll() is not None or time.monotonic() > until:
                self.process.kill()
                raise Failed("h2o_yardstick does not start")
            time.sleep(0.005)
        self.at = f"127.0.0.1:{int(port.read_text())}"

    @property
    def pid(self):
        return self.process.pid

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.kill()
        self.process.wait()
        self.home.cleanup()


# ---- signed orders ----

class Orders:
    """The requests of a flow, signed now; Castle takes identical ones again for the 60 s of recvWindow.

    ioc    a limit order that finds no other side: held, sent to the market, expired, released, answered
    cross  buys and sells at one price by turns: one rests, the next one fills it; money and fees move
    The form is the body; of `cross` the side and the signature are in the query.
    """

    def __init__(self, trader, flow, home):
        form = {"symbol": SYMBOL, "type": "LIMIT", "quantity": QUANTITY, "price": PRICE,
                "timeInForce": "IOC" if flow == "ioc" else "GTC", "recvWindow": "60000"}
        stamp = {"timestamp": str(time.time_ns() // 10 ** 6)}
        self.path, self.flow = "/api/v3/order", flow
        if flow == "ioc":
            text = urllib.parse.urlencode({**form, "side": "BUY", **stamp})
            self.body = f"{text}&signature={trader.sign(text)}"
            self.targets = [self.path]
        else:
            self.body = urllib.parse.urlencode({**form, **stamp})
            self.targets = [f"{self.path}?side={side}&signature={trader.sign(f'side={side}{self.body}')}"
                            for side in ("BUY", "SELL")]
        self.key, self.home = trader.key, pathlib.Path(home)
        self.headers = {"X-MBX-APIKEY": trader.key, "Content-Type": client.FORM}
        (self.home / "body").write_text(self.body)

    @property
    def body_file(self):
        return self.home / "body"

    def answer(self, http):
        """One of the answers, as bytes."""
        replies = [http.request("POST", target, self.headers, self.body.encode()) for target in self.targets]
        for reply in replies:
            if reply.status != 200:
                raise Failed(f"the order is refused: {reply}")
        return replies[-1].body


# ---- lookups ----

class Lookup:
    """One GET, over and over."""

    def __init__(self, target, home):
        self.targets, self.headers, self.body, self.home = [target], {}, None, pathlib.Path(home)

    def answer(self, http):
        reply = http.request("GET", self.targets[0], {}, b"")
        if reply.status != 200:
            raise Failed(f"the lookup is refused: {reply}")
        return reply.body


# ---- load ----

def cpu_seconds(pid):
    fields = pathlib.Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / TICKS


def resident_bytes(pid):
    return int(pathlib.Path(f"/proc/{pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def thread_use(pid):
    """By thread: seconds of a core, and calls to write(), writev() and their like, of files and sockets."""
    def one(task):
        return (int((task / "schedstat").read_text().split()[0]) / 1e9,
                int(re.search(r"syscw: (\d+)", (task / "io").read_text()).group(1)))
    return {task.name: one(task) for task in pathlib.Path(f"/proc/{pid}/task").iterdir()}


def children_seconds():
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


def measured(load, server, orders, seconds):
    """Runs the load; requests/s, and what part of their cores server and load kept busy."""
    began, server_began, load_began = time.monotonic(), cpu_seconds(server.pid), children_seconds()
    rate = load(server, orders, seconds)
    took = time.monotonic() - began
    return {"rate": rate, "server_busy": round((cpu_seconds(server.pid) - server_began) / took, 3),
            "load_busy": round((children_seconds() - load_began) / took, 3)}


def h2load(server, orders, seconds):
    """h2load -c8 -m64: 512 requests in flight."""
    uris = orders.home / "uris"
    uris.write_text("".join(f"http://{server.at}{target}\n" for target in orders.targets))
    headers = [part for name, value in orders.headers.items() for part in ("-H", f"{name}: {value}")]
    text = run_tool(LOAD_CORE, "h2load", "-c8", "-m64", "-t1", "-D", f"{round(seconds * 1000)}ms",
                    "--warm-up-time=200ms",
                    *(["-d", orders.body_file] if orders.body else []), "-i", uris, *headers, seconds=seconds + 60)
    rate = re.search(r"finished in [^,]+, ([0-9.]+) req/s", text)
    done = re.search(r"requests: .* (\d+) succeeded, (\d+) failed, (\d+) errored, (\d+) timeout", text)
    codes = re.search(r"status codes: (\d+) 2xx, (\d+) 3xx, (\d+) 4xx, (\d+) 5xx", text)
    if not (rate and done and codes):
        raise Failed(f"h2load says nothing that is understood:\n{text}")
    good, *bad = map(int, done.groups())
    if any(bad) or any(map(int, codes.groups()[1:])):
        raise Failed(f"not every answer was 200:\n{text}")
    if not good:
        raise Failed(f"no answer within the time; is the machine free?\n{text}")
    return float(rate.group(1))


LUA = """
local requests, at = {}, 0
function init(args)
  local headers = %(headers)s
  for _, target in ipairs(%(targets)s) do
    requests[#requests + 1] = wrk.format(%(method)s, target, headers, %(body)s)
  end
  if #requests == 1 then
    request = function() return requests[1] end
  else
    request = function() at = at %% #requests + 1; return requests[at] end
  end
end
function done(summary, latency, all)
  local e = summary.errors
  io.write(string.format("requests=%%d us=%%d bad=%%d\\n", summary.requests, summary.duration,
                         e.connect + e.read + e.write + e.status + e.timeout))
end
"""


def lua(value):
    if isinstance(value, dict):
        return "{" + ", ".join(f"[{lua(name)}] = {lua(item)}" for name, item in value.items()) + "}"
    if isinstance(value, list):
        return "{" + ", ".join(map(lua, value)) + "}"
    return json.dumps(value)


def wrk(server, orders, seconds):
    """wrk -c256: 256 requests in flight."""
    script = orders.home / "orders.lua"
    script.write_text(LUA % {"headers": lua(orders.headers), "targets": lua(orders.targets),
                             "method": lua("POST" if orders.body else "GET"), "body": lua(orders.body or "")})
    text = run_tool(LOAD_CORE, "wrk", "-c256", "-t1", f"-d{max(1, round(seconds))}s", "-s", script,
                    f"http://{server.at}", seconds=seconds + 60)
    found = re.search(r"requests=(\d+) us=(\d+) bad=(\d+)", text)
    if not found or int(found.group(3)) or not int(found.group(1)):
        raise Failed(f"not every answer was 200:\n{text}")
    return int(found.group(1)) / int(found.group(2)) * 1e6


# ---- the disk ----

def probe_sync(size=4096, seconds=1.0):
    """A durable write by itself, on the server's core: p50_us, p99_us and more."""
    with tempfile.NamedTemporaryFile(suffix=".json") as result:
        run_tool(SERVER_CORE, TOOLS / "probe_sync", "--dir", OUT, "--bytes", size, "--seconds", seconds,
                 "--json", result.name)
        return json.load(open(result.name))


def mean_probe(probes):
    return {key: round(statistics.mean(probe[key] for probe in probes), 1) for key in ("p50_us", "p99_us", "max_us")}
