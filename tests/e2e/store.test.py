#!/usr/bin/env python3
"""The store's subcommands as people run them: backup, check, export and import; and what damage costs."""

import contextlib
import gzip
import json
import os
import shutil
import sqlite3
import subprocess
import time
import unittest

import house
from house import NS

DAMAGED = 5
STEP = 10  # seconds between rows


class StoreTest(house.HouseTest):
    def run_server(self, command, directory, *arguments, stdin=None):
        """A subcommand to its end, on the store in `directory`."""
        whole = [house.program("resmon-server"), command, "--set", f"store.directory={directory}", "--set", f"auth.token_file={self.token}", *arguments]
        return subprocess.run(whole, input=stdin, capture_output=True, env=house.clean_environment(), timeout=120)

    def setUp(self):
        super().setUp()
        self.token = house.write_token(self.folder)
        self.directory = os.path.join(self.folder, "store")

    def lines(self, hours, hosts=("a", "b")):
        """Rows of `hours` hours that end two hours ago; floats, integers, booleans and strings."""
        last = int(time.time()) // 3600 * 3600 - 2 * 3600
        out = []
        for at in range(last - hours * 3600, last, STEP):
            for n, host in enumerate(hosts):
                i = at // STEP + n * 17
                out.append(f'm,host={host} v={i * 37 % 10007 / 100},n={i}i,up={"t" if i % 7 else "f"},s="s{i // 500}" {at * NS}\n')
        return "".join(out)

    def fill(self, hours=14):
        done = self.run_server("import", self.directory, "-", stdin=self.lines(hours).encode())
        self.assertEqual(done.returncode, 0, done.stderr)
        return hours * 3600 // STEP * 2

    def damage(self, where):
        """Changes a byte of every chunk that `where` names; how many those are."""
        with contextlib.closing(sqlite3.connect(os.path.join(self.directory, "resmon.db"))) as db, db:
            done = db.execute(
                f"UPDATE chunks SET data = CAST(substr(data, 1, 40) || CAST(CASE WHEN substr(data, 41, 1) = x'ff' THEN x'00' ELSE x'ff' END AS BLOB)"
                f" || substr(data, 42) AS BLOB) WHERE {where}"
            )
            return done.rowcount

    def check(self, place=None, code=0):
        done = self.run_server("check", self.directory, *([place] if place else []))
        self.assertEqual(done.returncode, code, done.stdout + done.stderr)
        return done.stdout.decode()

    def test_a_backup_of_a_running_server_is_a_store(self):
        rows = self.fill(3)
        server = self.server()
        before = server.rows("SELECT * FROM m")
        self.assertEqual(len(before), rows)
        copy = os.path.join(self.folder, "copy.db")
        done = self.run_server("backup", self.directory, copy)
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertRegex(done.stdout.decode(), rf"^{copy}: [1-9]\d* chunks, [1-9]\d* files, [1-9]\d* bytes\n$")
        self.assertIn(" 0 damaged", self.check(copy))
        self.assertIn(" 0 damaged", self.check())
        self.assertIn(f" {os.path.getsize(copy)} bytes", done.stdout.decode())
        # What is restored is said in the same terms.
        back = self.run_server("restore", os.path.join(self.folder, "back"), copy, "--force")
        self.assertEqual((back.returncode, back.stdout), (0, done.stdout), back.stderr)
        again = self.run_server("backup", os.path.join(self.folder, "nowhere"), os.path.join(self.folder, "other.db"))
        self.assertEqual(again.returncode, 1, again.stderr)
        self.assertFalse(os.path.exists(os.path.join(self.folder, "other.db")))
        server.terminate()

        restored = os.path.join(self.folder, "restored")
        os.mkdir(restored, 0o700)
        shutil.copy(copy, os.path.join(restored, "resmon.db"))
        second = self.start(house.Server(self.folder, f"store.directory={restored}", label="restored")).wait_ready()
        self.assertEqual(second.rows("SELECT * FROM m"), before)

    def test_check_says_what_a_fresh_backup_has(self):
        server = self.server()
        headers = {"Authorization": f"Token {house.TOKEN}"}
        now = time.time_ns()
        for i in range(3):
            self.assertEqual(house.request(server.http_port, "POST", "/write?db=resmon", f"m v={i},w=1 {now + i}\n".encode(), headers).status, 204)
        lines = "".join(json.dumps({"_time": now, "_msg": f"line {i}", "host": "a"}) + "\n" for i in range(4))
        self.assertEqual(house.request(server.http_port, "POST", "/insert/jsonline", lines.encode(), headers).status, 204)
        copy = os.path.join(self.folder, "copy.db")
        self.assertEqual(self.run_server("backup", self.directory, copy).returncode, 0)
        said = self.check(copy)
        self.assertIn(f"{copy}: not in chunks yet: 0 rows in snapshots, 3 entries with 6 samples in the journal\n", said)
        self.assertIn(f"{copy}: log lines: 0 files of blocks, 4 lines in their journal\n", said)
        self.assertRegex(said, f"{copy}: 0 chunks, .* 0 damaged\n$")
        # The same of the server's own directory, where a stop puts all samples into chunks.
        said = self.check()
        self.assertIn(f"{self.directory}: not in chunks yet: 0 rows in snapshots, 3 entries with 6 samples in the journal\n", said)
        self.assertIn(f"{self.directory}/logs: 0 files, 0 blocks, 4 lines, 4 of them in the journal; 0 damaged\n", said)
        server.terminate()
        said = self.check()
        self.assertNotIn("not in chunks yet", said)
        self.assertIn(" 3 rows, 6 samples,", said)
        self.assertIn(" 4 lines, 4 of them in the journal;", said)

    def test_what_is_exported_can_be_imported(self):
        self.fill(3)
        packed = os.path.join(self.folder, "all.lp.gz")
        done = self.run_server("export", self.directory, packed)
        self.assertEqual(done.returncode, 0, done.stderr)
        with gzip.open(packed, "rt") as file:
            lines = file.read().splitlines()
        self.assertEqual(len(lines), 3 * 3600 // STEP * 2)
        plain = self.run_server("export", self.directory)
        self.assertEqual(sorted(plain.stdout.decode().splitlines()), sorted(lines))

        first = min(int(line.rsplit(" ", 1)[1]) for line in lines)
        part = self.run_server("export", self.directory, "--host", "b", "--from", str(first + 600 * NS), "--to", str(first + 1200 * NS)).stdout.decode().splitlines()
        self.assertEqual(len(part), 600 // STEP)
        self.assertTrue(all(line.startswith("m,host=b ") for line in part), part[0])
        self.assertEqual(self.run_server("export", self.directory, "--measurement", "other").stdout, b"")
        bad = self.run_server("export", self.directory, "--from", "yesterday")
        self.assertEqual(bad.returncode, 2)
        self.assertIn(b"'yesterday' is not a time", bad.stderr)

        copy = os.path.join(self.folder, "copied")
        done = self.run_server("import", copy, packed)
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertEqual(sorted(self.run_server("export", copy).stdout.decode().splitlines()), sorted(lines))
        refused = self.run_server("import", copy, "-", stdin=b"m v=1 1\nwrong\n")
        self.assertEqual(refused.returncode, 1)
        self.assertIn(b"1 lines and", refused.stderr)
        self.assertIn(b"line 2", refused.stderr)

        self.server()
        busy = self.run_server("import", self.directory, packed)
        self.assertEqual(busy.returncode, 1)
        self.assertIn(b"a running server takes the same lines on /write", busy.stderr)

    def test_a_damaged_chunk_is_named_and_the_rest_answers(self):
        rows = self.fill(12)
        self.check()
        bad = "id = (SELECT min(id) FROM chunks WHERE tier = 0)"
        with contextlib.closing(sqlite3.connect(os.path.join(self.directory, "resmon.db"))) as db:
            lost, tags = db.execute(f"SELECT rows, (SELECT tags FROM groups WHERE id = group_id) FROM chunks WHERE {bad}").fetchone()
        self.assertLess(lost, rows // 2, "a host's rows are in more than one chunk")
        host = "a" if b"a" in tags[-1:] else "b"
        self.assertEqual(self.damage(bad), 1)
        said = self.check(code=DAMAGED)
        self.assertRegex(said, rf"(?m)^damaged: chunk \d+ of m,host={host}: chunk: wrong checksum$")
        self.assertIn(" 1 damaged", said)
        exported = self.run_server("export", self.directory)
        self.assertEqual(exported.returncode, DAMAGED, exported.stderr)
        self.assertEqual(len(exported.stdout.splitlines()), rows - lost)
        self.assertIn(b"1 damaged chunks were left out", exported.stderr)

        server = self.server()
        self.assertEqual(len(server.rows("SELECT v FROM m")), rows - lost)
        counted = dict((tags["host"], found[0][1]) for _, tags, _, found in house.query(server.http_port, "SELECT count(v) FROM m WHERE v >= 0 GROUP BY host"))
        self.assertEqual(counted, {host: rows // 2 - lost, "b" if host == "a" else "a": rows // 2})
        self.assertEqual(len(server.lines(r" WARN store damaged chunk walled off ", rf"m,host={host}")), 1)
        self.assertEqual(server.terminate()[0], 0)
        self.check(code=DAMAGED)

    def test_a_damaged_tier_is_made_up_for_by_rows(self):
        self.fill(14)
        queries = [
            f"SELECT {function} FROM m WHERE time > now() - 20h GROUP BY time({width}), host fill(none)"
            for function in ("mean(v)", "max(n), min(n), sum(n), count(n)", "last(v)")
            for width in ("1m", "1h")
        ]
        server = self.server()
        before = [house.query(server.http_port, query) for query in queries]
        server.terminate()
        minutes, hours = self.damage("tier = 1"), self.damage("tier = 2")
        self.assertGreater(minutes, 0)
        self.assertGreater(hours, 0)
        self.assertIn(f" {minutes + hours} damaged", self.check(code=DAMAGED))
        server = self.start(house.Server(self.folder, label="again")).wait_ready()
        for query, wanted in zip(queries, before):
            found = house.query(server.http_port, query)
            # Where a window was counted from rows and not from what was kept of it, a mean may differ in the last place.
            self.assertEqual(self.rounded(found), self.rounded(wanted), query)
        self.assertGreater(len(server.lines(r" WARN store damaged chunk walled off ")), 0)

    @staticmethod
    def rounded(found):
        return [(name, tags, columns, [[round(v, 9) if isinstance(v, float) else v for v in row] for row in rows]) for name, tags, columns, rows in found]


if __name__ == "__main__":
    house.main()
