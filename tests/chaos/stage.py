"""The processes of the test and everything that can be done to them."""

import contextlib
import http.client
import os
import random
import shutil
import subprocess
import threading
import time

import house
import proxy
from disk import Disk

HERE = os.path.dirname(os.path.abspath(__file__))
RESTART_PAUSE = 0.3  # of a process that ended by itself, as a service manager would
SERVER_DISK = "96m"
CLIENT_DISK = "24m"


class SlowSync:
    """The shim that makes fsync slow, and its knob."""

    def __init__(self, folder, name, library):
        self.path = os.path.join(folder, f"{name}.delay")
        with open(self.path, "wb") as file:
            file.write(b"\0")
        self.environment = {"LD_PRELOAD": library, "CHAOS_SYNC_DELAY_FILE": self.path} if library else {}

    def set(self, milliseconds):
        with open(self.path, "r+b") as file:
            file.write(bytes([milliseconds // 10]))


def build_shim(folder):
    compiler = next((c for c in ("cc", "gcc", "gcc-12", "clang-14") if shutil.which(c)), None)
    if not compiler:
        return None
    library = os.path.join(folder, "slow_sync.so")
    source = os.path.join(HERE, "slow_sync.c")
    subprocess.run([compiler, "-shared", "-fPIC", "-O1", "-o", library, source, "-ldl"], check=True)
    return library


class Part:
    """One process, started again whenever it should run and does not."""

    def __init__(self, name, start):
        self.name = name
        self.start_one = start
        self.process = None
        self.start_at = 0.0  # monotonic; when it may be started next
        self.wanted = False
        self.starts = 0
        self.ended = []  # by itself: exit codes

    def start(self):
        self.wanted = True
        self.process = self.start_one()
        self.starts += 1

    def kill(self, for_seconds=0.0):
        if self.process:
            self.process.kill()
        self.process = None
        self.start_at = time.monotonic() + for_seconds

    def look_after(self):
        if not self.wanted or time.monotonic() < self.start_at:
            return
        if self.process and not self.process.running():
            self.ended.append(self.process.process.returncode)
            self.process = None
            self.start_at = time.monotonic() + RESTART_PAUSE
        elif not self.process:
            self.start()


class Sizes:
    """The sum of all files in a folder, looked at again and again by a thread."""

    def __init__(self, folder):
        self.folder = folder
        self.largest, self.largest_files, self.looks = 0, {}, 0
        self.done = threading.Event()
        self.thread = threading.Thread(target=self.watch)
        self.thread.start()

    def watch(self):
        chance = random.Random()
        while not self.done.wait(chance.uniform(0, 0.004)):
            sizes = {}
            with contextlib.suppress(OSError):
                for entry in os.scandir(self.folder):
                    with contextlib.suppress(OSError):
                        if entry.is_file():
                            sizes[entry.name] = entry.stat().st_size
            self.looks += 1
            if sum(sizes.values()) > self.largest:
                self.largest, self.largest_files = sum(sizes.values()), sizes

    def stop(self):
        self.done.set()
        self.thread.join()


class Noise:
    """A thread that writes rows that do not compress, as fast as they are taken."""

    def __init__(self, http_port, seed):
        self.http_port = http_port
        self.chance = random.Random(seed)
        self.taken = 0
        self.done = threading.Event()
        self.thread = threading.Thread(target=self.write)
        self.thread.start()

    def write(self):
        head = {"Authorization": f"Bearer {house.TOKEN}"}
        while not self.done.is_set():
            now = time.time_ns()
            body = "\n".join(f'noise,host=h{i % 50} v={self.chance.random()},s="{self.chance.getrandbits(600):x}" {now + i}' for i in range(2000))
            status = 0
            with contextlib.suppress(OSError, http.client.HTTPException):
                status = house.request(self.http_port, "POST", "/write?db=resmon", body.encode(), head).status
            if status == 204:
                self.taken += 2000
            else:
                self.done.wait(0.1)

    def stop(self):
        self.done.set()
        self.thread.join()


class Stage:
    """Server, influxd, two resmon-load and one resmon-client, with proxies between them and small disks under them."""

    def __init__(self, test, seed, server_sets=(), load_sets=(), intervals=("100ms", "200ms")):
        self.test = test
        self.folder = test.folder
        self.ledgers = os.path.join(self.folder, "ledgers")
        os.makedirs(self.ledgers)
        self.token_file = house.write_token(self.folder)
        self.server_disk = Disk(test, os.path.join(self.folder, "server"), SERVER_DISK)
        self.client_disk = Disk(test, os.path.join(self.folder, "client"), CLIENT_DISK)
        library = build_shim(self.folder)
        self.server_sync = SlowSync(self.folder, "server", library)
        self.client_sync = SlowSync(self.folder, "client", library)
        self.server_port, self.http_port = house.free_port(), house.free_port()
        self.network = proxy.Proxy(self.server_port)
        self.influxd = house.Influxd(test)
        self.database_network = proxy.Proxy(self.influxd.port)
        test.addCleanup(self.network.close)
        test.addCleanup(self.database_network.close)
        self.server_sets = list(server_sets)
        self.load_sets = list(load_sets)
        self.intervals = intervals
        self.seed = seed
        self.parts = {
            "server": Part("server", self.start_server),
            "influxd": Part("influxd", self.start_influxd),
            "load-1": Part("load-1", lambda: self.start_load("load-1", "none", self.intervals[0], self.client_disk.folder)),
            "load-2": Part("load-2", lambda: self.start_load("load-2", "mixed", self.intervals[1], self.folder)),
            "agent": Part("agent", self.start_agent),
        }
        test.addCleanup(self.kill_all)

    # Starting.

    def start_server(self):
        sink = f"http://127.0.0.1:{self.database_network.port}"
        sets = [
            f"store.directory={self.server_disk.folder}/store",
            f"sink.influx.url={sink}",
            "sink.influx.retry_last=1s",
            *self.server_sets,
        ]
        # The token is beside the disk that is filled, as in /etc.
        return house.Server(
            self.folder, *sets, port=self.server_port, http_port=self.http_port, environment=self.server_sync.environment
        )

    def start_influxd(self):
        self.influxd.launch()
        return self.influxd

    def start_load(self, name, profile, interval, disk):
        sets = [
            f"load.name_prefix={name}-", f"load.profile={profile}", f"load.seed={self.seed}", "load.clients=2", "load.numbered=true",
            f"load.ledger_directory={self.ledgers}", "load.stop_patience=120s", f"load.interval={interval}",
            f"load.spool_directory={disk}/spools", *self.load_sets,
        ]  # fmt: skip
        arguments = ["--server", f"127.0.0.1:{self.network.port}", "--token-file", self.token_file]
        for pair in sets:
            arguments += ["--set", pair]
        return house.Process("resmon-load", arguments, self.folder, name, environment=self.client_sync.environment)

    def start_agent(self, name="agent", interval="200ms"):
        sets = ["log.level=debug", "spool.stop_patience=120s", f"spool.directory={self.folder}/{name}-spool"]
        arguments = house.client_arguments(self.network.port, self.token_file, name, interval, *sets)
        return house.Process(house.preloadable_client(), arguments, self.folder, name, environment=self.client_sync.environment)

    def start_all(self, *names):
        for name in names or self.parts:
            self.parts[name].start()

    def kill_all(self):
        for part in self.parts.values():
            part.wanted = False
            part.kill()

    # Faults.

    def can(self, fault):
        if fault.kind == "fill":
            return self.server_disk.mounted and self.client_disk.mounted
        if fault.kind == "slow":
            return bool(self.server_sync.environment)
        return True

    def begin(self, fault):
        if fault.kind == "kill":
            self.parts[fault.target].kill(fault.seconds)
        elif fault.kind == "kill-all":
            for index, name in enumerate(fault.order):
                self.parts[name].kill(0.2 * index)
        elif fault.kind == "fill":
            self.disk(fault.target).fill()
        elif fault.kind == "slow":
            self.sync(fault.target).set(400)
        else:
            self.proxy(fault.target).set_mode(fault.kind)

    def end(self, fault):
        if fault.kind == "fill":
            self.disk(fault.target).heal()
        elif fault.kind == "slow":
            self.sync(fault.target).set(0)
        elif fault.kind in ("cut", "stall", "half"):
            self.proxy(fault.target).set_mode("open")

    def disk(self, target):
        return self.server_disk if target == "server-disk" else self.client_disk

    def sync(self, target):
        return self.server_sync if target == "server-sync" else self.client_sync

    def proxy(self, target):
        return self.network if target == "network" else self.database_network

    def play(self, faults, seconds, tell=lambda text: None):
        """Begins and ends every fault at its time, and starts again what does not run."""
        steps = [(f.at, 1, self.begin, f) for f in faults] + [(f.at + f.seconds, 0, self.end, f) for f in faults]
        steps.sort(key=lambda s: s[:2])
        began = time.monotonic()
        while steps or time.monotonic() - began < seconds:
            while steps and steps[0][0] <= time.monotonic() - began:
                _, starts, act, fault = steps.pop(0)
                if starts:
                    tell(fault)
                act(fault)
            for part in self.parts.values():
                part.look_after()
            time.sleep(0.02)

    def until(self, what, condition, patience=90.0):
        """Waits, looking after the processes."""

        def look():
            for part in self.parts.values():
                part.look_after()
            # A server that does not answer, and a row that is not there yet, are no end of waiting.
            with contextlib.suppress(OSError, AssertionError, IndexError, KeyError):
                return condition()
            return None

        return house.wait_for(what, look, patience, every=0.1)

    # The end.

    def stop_clients(self, *names):
        """They deliver what they have and end. Their last lines. One that is to start again does so first: before its line "started",
        a signal ends it where it is."""
        for name in names:
            self.until(f"{name} to run", lambda part=self.parts[name]: part.process and part.process.lines(" started "), 150)
        out = {}
        for name in names:
            self.parts[name].wanted = False
            self.parts[name].process.process.terminate()
        for name in names:
            process = self.parts[name].process

            def ended(process=process):
                return not process.running()

            self.until(f"{name} to deliver all and end", ended, 150)
            out[name] = process.log()[-1]
        return out

    def server(self):
        return self.parts["server"].process

    def wait_delivered(self):
        """The store and the database have all that the server has."""

        def done():
            metrics = self.server().metrics()
            sinks = self.server().get("/api/v1/server").json()["sinks"]
            return metrics["resmon_store_backlog_entries"] == 0 and all(s["backlog_entries"] == 0 for s in sinks)

        self.until("the log to be delivered", done, 150)
