#!/usr/bin/env python3
"""What was acknowledged is kept, or it is said exactly what is missing: damaged, emptied and removed files of the server, a start on a
full disk, the store's limit through kills, a stop under a backlog, and a backup that has everything.

RESMON_MUTATIONS=N damages so many files at random, RESMON_MUTATION_SEED=N begins with another."""

import contextlib
import json
import os
import random
import shutil
import subprocess
import threading
import time
import unittest

import house
from house import NS

AUTHORIZED = {"Authorization": f"Bearer {house.TOKEN}"}
KINDS = ("flip", "cut", "empty", "double", "zero", "remove")


def write(server, lines, **parameters):
    """Acknowledged when it returns."""
    arguments = "".join(f"&{key}={value}" for key, value in parameters.items())
    answer = house.request(server.http_port, "POST", f"/write?db=resmon{arguments}", "\n".join(lines).encode(), AUTHORIZED)
    if answer.status != 204:
        raise AssertionError(f"/write: {answer.status} {answer.body!r}")


def stored(server):
    """Waits until the store has all that the journal had: what comes last is written last."""
    write(server, [f"last v=1i {time.time_ns()}"])
    house.wait_for("the journal to be written to the store", lambda: server.rows("SELECT v FROM last"), 120)
    return server.get("/api/v1/server").json()["store"]


def damage(path, kind, place):
    """What can happen to a file; `place` from 0 to 1 says where."""
    if kind == "remove":
        os.unlink(path)
        return
    with open(path, "rb") as file:
        data = bytearray(file.read())
    used = len(data.rstrip(b"\0"))
    at = min(int(place * used), max(used - 1, 0))
    if kind == "flip" and used:
        data[at] ^= 1 << int(place * 8191) % 8
    elif kind == "cut":
        del data[at:]
    elif kind == "empty":
        data.clear()
    elif kind == "double":
        data += bytes(data)
    elif kind == "zero":
        data[at:] = bytes(len(data) - at)
    with open(path, "wb") as file:
        file.write(data)


class Base:
    """The files of a server that was killed: rows in the store's main file, in its log, and in the journal only."""

    def __init__(self, test):
        self.folder = os.path.join(test.folder, "base")
        os.makedirs(self.folder)
        server = test.start(house.Server(self.folder, label="base")).wait_ready()
        self.rows = 0
        first = time.time_ns() // NS * NS - 3600 * NS

        def add(count):
            write(server, [f"n,host=h{i % 7} v={i}i,t=\"{'x' * (i % 40)}\" {first + i * NS}" for i in range(self.rows, self.rows + count)])
            self.rows += count

        for _ in range(3):
            add(200)
        server.terminate()
        server = test.start(house.Server(self.folder, label="base")).wait_ready()
        for _ in range(5):
            add(100)
        house.wait_for("the store to have them", lambda: server.get("/api/v1/server").json()["store"]["backlog_entries"] == 0, 60)
        # As `export` asks for it: heads are written to the file, which otherwise happens minutes later.
        request = os.path.join(server.store, "flush-1")
        open(request, "w").close()
        house.wait_for("the store's write-ahead log to have them", lambda: not os.path.exists(request), 60)
        self.synced = self.rows
        for _ in range(5):
            add(100)
        server.kill()
        self.store = server.store

    def files(self):
        found = [os.path.join(folder, name) for folder, _, names in os.walk(self.store) for name in names]
        unimportant = ("lock", "reserve", "-shm", ".sessions", "token")
        return sorted(os.path.relpath(path, self.store) for path in found if not path.endswith(unimportant))


class DurableTest(house.HouseTest):
    def state(self, server):
        return server.get("/api/v1/server").json()["store"]

    def small_disk(self, size):
        if os.geteuid() != 0:
            raise unittest.SkipTest("only root can mount a small file system")
        disk = os.path.join(self.folder, "small")
        os.makedirs(disk)
        if subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={size},mode=700", "tmpfs", disk], capture_output=True).returncode != 0:
            raise unittest.SkipTest("cannot mount a tmpfs here")
        self.addCleanup(subprocess.run, ["umount", "-l", disk], capture_output=True)
        return disk

    # Damage.

    def start_on(self, base, number):
        """A server on a copy of `base`'s files; its process and the copy's folder."""
        folder = os.path.join(self.folder, f"copy-{number}")
        shutil.copytree(base.folder, folder)
        return folder

    def look(self, base, folder, name, kind):
        """Starts there, and proves that each row is there or said to be missing. Returns what happened, in a word."""
        server = house.Server(folder, label=f"damaged-{os.path.basename(folder)}")
        try:
            house.wait_for(
                "a start or its refusal", lambda: server.lines(r" server started ") or not server.running(), 60
            )
            if not server.running():
                said = server.lines(r"ERROR server cannot start")
                self.assertTrue(said, server.log()[-5:])
                if "Address already in use" in said[0]:
                    return self.look(base, folder, name, kind)  # another test has the port by now
                self.assertRegex(said[0], r"damaged|malformed|not a|not a database|accounts|checksum")
                return "refused"
            state = stored(server)
            try:
                found = len(server.rows("SELECT v FROM n"))
            except AssertionError as error:
                self.assertRegex(str(error), r"damaged|malformed")
                return "said by the query"
            # Reading has met what chunks are damaged.
            state = self.state(server)
            missing = state["missing_samples"] // 2
            if state["damaged_chunks"] > 0 or server.lines(r"WARN store"):
                return "damaged chunk"
            self.assertEqual(found + missing, base.rows, (name, kind, found, missing, server.lines("WARN|ERROR")))
            if missing:
                self.assertEqual(sum(int(house.fields_of(line)["samples"]) for line in server.lines("samples that were acknowledged are missing")), missing * 2)
                self.assertLessEqual(state["missing_from"] or 0, state["missing_to"])  # null: not known
            return "counted" if missing else "complete"
        finally:
            server.kill()

    def test_damage_to_any_file_is_made_up_for_or_said(self):
        base = Base(self)
        names = base.files()
        newest = max(name for name in names if name.endswith(".seg"))
        wanted = [
            # The journal has what the store's files lost; and what it has not is counted.
            ("resmon.db-wal", "flip", 0.3, "complete"),
            ("resmon.db-wal", "remove", 0, "complete"),
            ("resmon.db-wal", "cut", 0.5, "complete"),
            ("resmon.db", "remove", 0, "counted"),
            ("resmon.db", "empty", 0, "counted"),
            ("resmon.db", "cut", 0.5, "counted"),
            ("resmon.db", "cut", 0.01, "counted"),
            ("resmon.db", "zero", 0.0, "counted"),
            ("resmon.db", "zero", 0.02, "counted"),
            (newest, "remove", 0, "counted"),
            (newest, "empty", 0, "counted"),
            (newest, "cut", 0.9, "counted"),
            (newest, "flip", 0.9, "counted"),
            ("journal/cursors", "remove", 0, "complete"),
            ("journal/cursors", "flip", 0.1, "complete"),
        ]
        randomly = random.Random(int(os.environ.get("RESMON_MUTATION_SEED", "1")))
        for _ in range(int(os.environ.get("RESMON_MUTATIONS", "3" if house.SANITIZER else "12"))):
            wanted.append((randomly.choice(names), randomly.choice(KINDS), randomly.random(), None))
        outcomes = {}
        for number, (name, kind, place, expected) in enumerate(wanted):
            with self.subTest(file=name, kind=kind, place=place):
                folder = self.start_on(base, number)
                damage(os.path.join(folder, "store", name), kind, place)
                outcome = self.look(base, folder, name, kind)
                if expected:
                    self.assertEqual(outcome, expected)
                outcomes[outcome] = outcomes.get(outcome, 0) + 1
                shutil.rmtree(folder)
        print(f"# {sum(outcomes.values())} damaged files: {json.dumps(outcomes)}")
        self.assertEqual(sum(outcomes.values()), len(wanted))

    def test_what_is_missing_stays_said_and_is_counted_once(self):
        base = Base(self)
        folder = self.start_on(base, 0)
        newest = max(name for name in base.files() if name.endswith(".seg"))
        damage(os.path.join(folder, "store", newest), "empty", 0)
        server = house.Server(folder, label="first")
        self.addCleanup(server.kill)
        server.wait_ready()
        missing = self.state(server)["missing_samples"]
        self.assertEqual(missing, 2 * (base.rows - base.synced))
        self.assertEqual(server.metrics()["resmon_store_missing_samples_total"], missing)
        self.assertIn(f"{missing} samples are missing", server.get("/readyz").body.decode())
        write(server, [f"n,host=later v=1i {time.time_ns()}"])
        house.wait_for("the new row in the store", lambda: self.state(server)["backlog_entries"] == 0, 60)
        self.assertEqual(self.state(server)["missing_samples"], missing)
        server.kill()
        again = house.Server(folder, label="again")
        self.addCleanup(again.kill)
        again.wait_ready()
        self.assertEqual(self.state(again)["missing_samples"], missing)
        self.assertEqual(again.lines("samples that were acknowledged are missing"), [])
        self.assertEqual(len(again.rows("SELECT v FROM n")), base.synced + 1)

    # Full disks.

    def test_it_starts_on_a_full_disk_and_goes_on_when_there_is_room(self):
        for orderly in (True, False):
            with self.subTest(orderly=orderly):
                self.start_full(self.small_disk("64m"), orderly)
                subprocess.run(["umount", "-l", os.path.join(self.folder, "small")], check=True)
                os.rmdir(os.path.join(self.folder, "small"))

    def start_full(self, disk, orderly):
        sets = (f"store.directory={disk}/store", "journal.limit_bytes=24MiB")
        server = self.server(*sets, label=f"filled-{orderly}")
        first = time.time_ns() - 3600 * NS
        write(server, [f"n v={i}i {first + i * NS}" for i in range(1000)])
        house.wait_for("the rows in the store", lambda: self.state(server)["backlog_entries"] == 0, 60)
        ballast = os.path.join(disk, "ballast")
        if orderly:
            server.terminate()
        fill(ballast)
        if not orderly:
            server.kill()
            fill(ballast)
        again = self.start(house.Server(self.folder, *sets, label=f"full-{orderly}")).wait_ready()
        if orderly:  # else what the journal had reserved is given back, and there is room
            self.assertEqual(again.get("/readyz").status, 503, "it says so at the start")
        self.assertEqual(len(again.rows("SELECT v FROM n")), 1000)
        self.assertEqual(again.get("/").status, 200)
        fill(ballast)  # what the start had kept for itself
        house.wait_for("it to be told before anybody writes", lambda: b"no space left" in again.get("/readyz").body)
        self.assertEqual(again.get("/readyz").status, 503)

        def refused():
            try:
                write(again, [f"n v=-1i {first - NS}"])
            except AssertionError:
                return True
            return False

        house.wait_for("a refusal", refused)
        house.wait_for("the trouble to be told", lambda: again.get("/readyz").status == 503)
        os.unlink(ballast)
        house.wait_for("acknowledgements again", lambda: not refused(), 60)
        house.wait_for("readiness", lambda: again.get("/readyz").status == 200)
        house.wait_for("the row", lambda: len(again.rows("SELECT v FROM n")) == 1001)
        self.assertEqual(again.terminate()[0], 0)

    def test_the_first_query_after_a_kill_shows_all_that_was_acknowledged(self):
        server = self.server(label="killed")
        first = time.time_ns() - 3600 * NS
        for i in range(40):
            write(server, [f"n,host=h{k % 50} v={i * 5000 + k}i {first + (i * 5000 + k) * NS // 1000}" for k in range(5000)])
        server.kill()
        again = self.start(house.Server(self.folder, label="again")).wait_ready()
        self.assertEqual(again.rows("SELECT count(v) FROM n")[0][1], 40 * 5000)
        self.assertEqual(again.metrics()["resmon_queries_early_total"], 0)

    def test_a_small_disk_is_enough_for_acknowledgements(self):
        disk = self.small_disk("12m")
        # A sink whose database is away may keep what the disk has room for, and no more.
        away = f"sink.away.url=http://127.0.0.1:{house.free_port()}"
        server = self.server(f"store.directory={disk}/store", "store.disk_limit_bytes=6MiB", away, "sink.away.database=x", label="small")
        first = time.time_ns() - 7200 * NS  # all of it is in the past: rows of the future would push the newest row out
        self.assertEqual(server.get("/readyz").status, 200)
        # Several times what the journal's part of the disk is.
        rows = 0
        noise = random.Random(5)
        for _ in range(30):
            lines = [f'n,host=h{i % 5} v={noise.random()},s="{noise.getrandbits(800):x}" {first + (rows + i) * NS // 10}' for i in range(2000)]
            house.wait_for("the rows to be taken", lambda: house.request(server.http_port, "POST", "/write?db=resmon", "\n".join(lines).encode(), AUTHORIZED).status == 204, 60)
            rows += len(lines)
        house.wait_for("the store to have them", lambda: self.state(server)["backlog_entries"] == 0, 60)
        house.wait_for("readiness", lambda: server.get("/readyz").status == 200)
        stored(server)
        lost = server.metrics()['resmon_sink_lost_samples_total{sink="away"}']
        self.assertGreater(lost, 0)
        self.assertLess(lost, rows * 2)
        # And gives it up where others fill the disk.
        ballast = os.path.join(disk, "ballast")
        fill(ballast)
        os.truncate(ballast, os.path.getsize(ballast) - 300 * 1024)
        house.wait_for("the sink's backlog to be given up", lambda: server.lines("the disk is nearly full"))
        house.wait_for("it to be counted", lambda: server.metrics()['resmon_sink_lost_samples_total{sink="away"}'] > lost)
        self.assertEqual(server.terminate()[0], 0)

    # Deletions.

    def test_a_deletion_that_outlasts_its_question_happens_through_a_kill(self):
        series = 5_000 if house.SANITIZER else 20_000
        server = self.server("limits.query_timeout=50ms", label="deletes")
        now = time.time_ns()
        write(server, [f"gone,id={i} v=1i {now}" for i in range(series)])
        write(server, [f"stays,id={i} v=1i {now}" for i in range(10)])
        house.wait_for("the store to have them", lambda: server.rows("SHOW SERIES EXACT CARDINALITY FROM stays"), 60)
        house.wait_for("the journal to be written to the store", lambda: self.state(server)["backlog_samples"] < series, 60)
        answer = house.request(server.http_port, "POST", "/query?db=resmon&q=DROP+MEASUREMENT+gone", b"", AUTHORIZED)
        said = answer.body.decode()
        server.kill()
        again = self.server(label="after")
        if "error" in said:
            self.assertRegex(said, "it continues|nothing was deleted")
        deleted = "nothing was deleted" not in said
        stored(again)

        def left():
            return again.rows("SELECT count(v) FROM gone")

        if deleted:
            house.wait_for("the deletion to be finished", lambda: not left(), 60)
            self.assertEqual(again.rows("SHOW MEASUREMENTS"), [["last"], ["stays"]])
        else:
            self.assertEqual(left()[0][1], series)
        self.assertEqual(again.rows("SELECT count(v) FROM stays")[0][1], 10)
        print(f"# said: {said.strip()}")

    # The limit.

    def test_a_limit_that_is_too_small_is_refused(self):
        refused = self.run_server("--set", "store.disk_limit_bytes=5MiB", "--set", f"store.directory={self.folder}/none")
        self.assertEqual(refused.returncode, 3)
        self.assertIn("store.disk_limit_bytes: less than 6MiB is not enough", refused.stderr)
        self.assertFalse(os.path.exists(f"{self.folder}/none"))

    def test_the_store_keeps_its_limit_through_kills(self):
        limit = 6 << 20
        sets = (f"store.disk_limit_bytes={limit}", "journal.limit_bytes=64MiB")
        watched = os.path.join(self.folder, "store")
        largest = [0, {}]
        done = threading.Event()

        def watch():
            while not done.wait(0.002):
                sizes = {}
                with contextlib.suppress(OSError):
                    for entry in os.scandir(watched):
                        with contextlib.suppress(OSError):
                            if entry.is_file():
                                sizes[entry.name] = entry.stat().st_size
                if sum(sizes.values()) > largest[0]:
                    largest[:] = [sum(sizes.values()), sizes]

        thread = threading.Thread(target=watch)
        thread.start()
        noise = random.Random(3)
        first = time.time_ns() // NS * NS - 9000 * NS  # 8,000 s of them: none is later than now
        row = evicted = 0
        try:
            for life in range(4):
                server = self.server(*sets, label=f"life-{life}")
                for _ in range(8):
                    lines = []
                    for _ in range(5000):
                        lines.append(f'n,host=h{row % 50} v={noise.random()},w={noise.getrandbits(60)}i,s="{noise.getrandbits(600):x}" {first + row * NS // 20}')
                        row += 1
                    house.wait_for("the row to be taken", lambda: house.request(server.http_port, "POST", "/write?db=resmon", "\n".join(lines).encode(), AUTHORIZED).status == 204, 60)
                house.wait_for("the store to have most of it", lambda: self.state(server)["backlog_samples"] < 20000, 60)
                self.assertEqual(self.state(server)["trouble"], "")
                evicted += self.state(server)["evicted_chunks"]
                server.kill()
            server = self.server(*sets, label="last")
            stored(server)
            self.assertGreater(evicted + self.state(server)["evicted_chunks"], 0)
            self.assertLessEqual(self.state(server)["disk_bytes"], limit)
            self.assertEqual(server.terminate()[0], 0)
        finally:
            done.set()
            thread.join()
        self.assertLessEqual(largest[0], limit, largest[1])
        self.assertGreater(largest[0], limit // 2, largest[1])

    # Stopping.

    def test_a_stop_under_a_backlog_of_new_series_ends_in_time(self):
        server = self.server()
        now = time.time_ns()
        series = 20_000 if house.SANITIZER else 200_000
        for at in range(0, series, 20_000):
            write(server, [f"s,id={i} v=1i {now}" for i in range(at, at + 20_000)])
        code, seconds = server.terminate(60)
        self.assertEqual(code, 0)
        # Ten of its own, and the machine is shared.
        self.assertLess(seconds, 20)
        again = self.server("limits.query_timeout=10m", label="again")
        stored(again)
        question = lambda: house.request(again.http_port, "GET", "/query?db=resmon&q=SELECT+count(v)+FROM+s", timeout=300)  # noqa: E731
        self.assertEqual(question().json()["results"][0]["series"][0]["values"][0][1], series)
        self.assertEqual(self.state(again)["missing_samples"], 0)

    # Backups.

    def run_server(self, *arguments):
        return subprocess.run([house.program("resmon-server"), *arguments], capture_output=True, env=house.clean_environment(), timeout=120, text=True)

    def sign_in(self, server, name, password):
        answer = house.request(server.http_port, "POST", "/api/v1/login", json.dumps({"user": name, "password": password}).encode(), {"Content-Type": "application/json"})
        return answer

    def last_row(self, server, headers):
        """As stored, with this server's own token."""
        line = f"last v=1i {time.time_ns()}".encode()
        self.assertEqual(house.request(server.http_port, "POST", "/write?db=resmon", line, headers).status, 204)
        house.wait_for("the journal to be written to the store", lambda: server.rows("SELECT v FROM last"), 60)

    def test_a_backup_has_everything_and_restore_puts_it_back(self):
        home = os.path.join(self.folder, "home")
        config = os.path.join(self.folder, "server.toml")
        port, http_port = house.free_port(), house.free_port()
        with open(config, "w") as file:
            file.write(f'[listen]\naddress = "127.0.0.1:{port}"\n[http]\naddress = "127.0.0.1:{http_port}"\n[store]\ndirectory = "{home}/store"\n')

        def serve(label):
            process = self.start(house.Process("resmon-server", ["--config", config], self.folder, label))
            process.wait_line(r" server started ")
            process.http_port = http_port
            process.get = lambda path, **headers: house.request(http_port, "GET", path, headers=headers)
            process.rows = lambda statement: house.rows(http_port, statement)
            return process

        server = serve("before")
        password = house.fields_of(server.wait_line("made the first administrator"))["password"]
        answer = self.sign_in(server, "admin", password)
        self.assertIn(answer.status, (200, 204), answer.body)
        cookie = answer.headers["set-cookie"].split(";")[0]
        made = self.run_server("token", "add", "--config", config, "grafana", "write")
        secret = made.stdout.strip()
        with open(os.path.join(home, "store", "token")) as file:
            token = file.read().strip()
        headers = {"Authorization": f"Bearer {token}"}
        first = time.time_ns() - 3600 * NS
        lines = "\n".join(f"n v={i}i {first + i * NS}" for i in range(500)).encode()
        self.assertEqual(house.request(http_port, "POST", "/write?db=resmon", lines, headers).status, 204)
        copy = os.path.join(self.folder, "all.backup")
        done = self.run_server("backup", "--config", config, copy)
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertIn("only its owner may read it", done.stderr)
        self.assertEqual(os.stat(copy).st_mode & 0o777, 0o600)
        self.assertEqual(self.run_server("check", "--config", config, copy).returncode, 0)
        # Nothing is replaced unasked.
        refused = self.run_server("backup", "--config", config, copy)
        self.assertEqual(refused.returncode, 1)
        self.assertIn("there is one already; --force replaces it", refused.stderr)
        self.assertEqual(self.run_server("backup", "--config", config, "--force", copy).returncode, 0)
        # Nor is a file of the server's own ever a backup's.
        for inside in ("resmon.db", "other.backup"):
            refused = self.run_server("--config", config, "backup", "--force", os.path.join(home, "store", inside))
            self.assertEqual(refused.returncode, 1)
            self.assertIn("a directory of the server", refused.stderr)
        self.assertEqual(len(server.rows("SELECT v FROM n")), 500)
        with open(config) as file:
            as_saved = file.read()
        with open(config, "a") as file:
            file.write("# changed since\n")
        running = self.run_server("restore", "--force", copy)
        self.assertEqual(running.returncode, 1)
        self.assertIn("stop it first", running.stderr)
        with open(config) as file:
            self.assertIn("# changed since", file.read(), "what is refused replaces nothing")
        self.assertFalse(os.path.exists(f"{config}.restoring"))
        with open(config, "w") as file:
            file.write(as_saved)
        server.kill()
        refused = self.run_server("restore", copy)
        self.assertEqual(refused.returncode, 1)
        self.assertIn("exists; --force replaces it", refused.stderr)
        # What a restore that was killed leaves: no server starts on half of a backup.
        marker = os.path.join(home, "store", "restore-unfinished")
        with open(marker, "w") as file:
            file.write(copy + "\n")
        refused = self.run_server("--config", config)
        self.assertEqual(refused.returncode, 5)
        self.assertIn(f"a restore was interrupted; run it again: resmon-server restore --force {copy}", refused.stderr)
        os.unlink(marker)

        # A flipped bit anywhere is found, and nothing is restored from it.
        with open(copy, "rb") as file:
            whole = file.read()
        chance = random.Random(6)
        for _ in range(8):
            place = chance.randrange(len(whole))
            with open(copy, "r+b") as file:
                file.seek(place)
                file.write(bytes([whole[place] ^ 1 << chance.randrange(8)]))
            self.assertEqual(self.run_server("check", "--config", config, copy).returncode, 5, place)
            refused = self.run_server("restore", "--force", copy)
            self.assertEqual(refused.returncode, 5, place)
            self.assertIn("checksum", refused.stderr)
            with open(copy, "wb") as file:
                file.write(whole)

        # The machine is lost: nothing but the backup is left.
        shutil.rmtree(home)
        os.unlink(config)
        done = self.run_server("restore", copy)
        self.assertEqual(done.returncode, 0, done.stderr)
        again = serve("after")
        self.last_row(again, headers)
        self.assertEqual(len(again.rows("SELECT v FROM n")), 500)
        self.assertEqual(again.get("/api/v1/server").json()["store"]["missing_samples"], 0)
        self.assertEqual(again.lines("made the first administrator"), [])
        self.assertIn(self.sign_in(again, "admin", password).status, (200, 204))
        self.assertEqual(self.sign_in(again, "admin", "wrong").status, 401)
        self.assertEqual(again.get("/api/v1/session", Cookie=cookie).status, 200)
        for known in (token, secret):
            line = f"after v=1i {time.time_ns()}".encode()
            self.assertEqual(house.request(http_port, "POST", "/write?db=resmon", line, {"Authorization": f"Bearer {known}"}).status, 204)
        # And with --force over what is there. A configuration that has changed since is kept beside.
        again.kill()
        with open(config, "a") as file:
            file.write("# changed since\n")
        forced = self.run_server("restore", "--force", copy)
        self.assertEqual(forced.returncode, 0)
        self.assertIn(f"{config}.before-restore", forced.stderr)
        with open(f"{config}.before-restore") as file:
            self.assertIn("# changed since", file.read())
        with open(config) as file:
            self.assertNotIn("# changed since", file.read())
        last = serve("forced")
        self.last_row(last, headers)
        self.assertEqual(len(last.rows("SELECT v FROM n")), 500)
        self.assertEqual(last.rows("SELECT v FROM after"), [])


def fill(path):
    """Takes what room there is, to the last block."""
    with open(path, "ab", buffering=0) as file:
        for size in (1 << 20, 4096):
            with contextlib.suppress(OSError):
                while file.write(b"\0" * size) == size:
                    pass


if __name__ == "__main__":
    house.main()
