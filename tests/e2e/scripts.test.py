#!/usr/bin/env python3
"""Script collectors with the real client: every example in automation/collectors against this machine, with one result and with
several, and what --once says and returns when something is wrong."""

import json
import os
import re
import subprocess

import house

ROOT = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..")
COLLECTORS = os.path.join(ROOT, "automation", "collectors")
PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

DF_HEADING = "Mounted on Type 1B-blocks Used Avail Inodes IUsed"
DF_ROOT = "/ ext4 1000 600 300 100 25"
DF_OTHERS = ["/mnt/a b xfs 2000 500 1500 50 5", "/media/odd vfat 3000 - - - -", "/home btrfs 4000 1000 3000 0 0"]
WHO = [
    "ada      pts/0        2026-11-29 10:00 (192.0.2.7)",
    "ada      tty1         2026-11-29 09:00",
    "bob      pts/1        2026-11-29 11:00 (:0)",
]


class ScriptsTest(house.HouseTest):
    def native(self):
        """The native collectors: they take their time and are not what is tested."""
        listed = subprocess.run([house.program("resmon-client"), "--list-collectors"], capture_output=True, text=True, timeout=60,
                                env=house.clean_environment(), check=True)  # fmt: skip
        return [line.split()[0] for line in listed.stdout.splitlines()]

    def once(self, scripts, *arguments):
        """Runs --once with these scripts and without native collectors; the rows by measurement, but for internal_collector's."""
        path = os.path.join(self.folder, "client.toml")
        with open(path, "w") as file:
            file.writelines(f"[collector.{name}]\nenabled = false\n" for name in self.native())
            for name, settings in scripts.items():
                file.write(f"[script.{name}]\n" + "".join(f"{key} = {json.dumps(value)}\n" for key, value in settings.items()))
        done = subprocess.run(
            [house.program("resmon-client"), "--once", "--once-after", "1", "--config", path, "--host", "here", *arguments],
            capture_output=True, text=True, timeout=120, env=house.clean_environment(),
        )  # fmt: skip
        rows = {}
        for line in done.stdout.splitlines():
            name = re.match(r"[^, ]+", line)[0]
            if name != "internal_collector":
                rows.setdefault(name, []).append(line)
        return done, rows

    def fake(self, name, lines, exit_code=0):
        """A folder for the front of PATH in which NAME prints these lines."""
        folder = os.path.join(self.folder, f"{name}-{len(lines)}")
        os.makedirs(folder, exist_ok=True)
        with open(os.path.join(folder, "lines"), "w") as file:
            file.write("".join(line + "\n" for line in lines))
        with open(os.path.join(folder, name), "w") as file:
            file.write(f"#!/bin/sh\ncat {folder}/lines\nexit {exit_code}\n")
        os.chmod(os.path.join(folder, name), 0o755)
        return f"{folder}:{PATH}"

    def example(self, name, *arguments, path=PATH):
        """One run of an example: its rows. It must not fail."""
        settings = {"command": [os.path.join(COLLECTORS, name), *arguments], "timeout": "60s"}
        if name == "df_space":
            settings["tag_keys"] = ["path", "fstype"]
        done, rows = self.once({name: settings}, "--set", f"script.{name}.environment=PATH={path}")
        self.assertEqual((done.returncode, done.stderr), (0, ""), f"{name} {arguments}")
        return [line for lines in rows.values() for line in lines]

    def test_a_panel_goes_with_the_first_run(self):
        command = {"queue": {"command": ["/bin/echo", "depth=3"]}}
        _, rows = self.once(command)
        self.assertNotIn("script_panel", rows)
        done, rows = self.once(command, "--set", "script.queue.panel.title=Mail queue", "--set", "script.queue.panel.unit=count")
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        self.assertRegex(rows["script_panel"][0], r'^script_panel,host=here,measurement=queue title="Mail queue",unit="count" \d+$')
        self.assertEqual(self.once(command, "--set", "script.queue.panel.kind=pie")[0].returncode, 3)

    def test_every_example_with_one_result_and_with_several(self):
        log = os.path.join(self.folder, "log")
        with open(log, "w") as file:
            file.write("2999-01-01T00:00:00 here app: fatal error\n")
        logs = log + "s"
        with open(logs, "w") as file:
            file.writelines(f"2999-01-01T00:00:00 here app: {word}\n" for word in ("error", "failed", "warning"))
        one_df = self.fake("df", [DF_HEADING, DF_ROOT])
        all_df = self.fake("df", [DF_HEADING, DF_ROOT, *DF_OTHERS], exit_code=1)
        runs = {  # name: (arguments, PATH, rows) of each run; None: however many there are
            "df_space": [((), PATH, None), ((), one_df, 1), ((), all_df, 4)],
            "journal_errors": [((log,), PATH, 1), ((logs,), PATH, 1)],
            "service_state": [(("no such unit",), PATH, 1), (("init", "no,such=unit", "sh"), PATH, 3)],
            "top_cpu": [((), PATH, 1)],
            "top_processes": [(("1",), PATH, None), (("5",), PATH, None)],
            "users": [((), PATH, 1), ((), self.fake("who", WHO[:1]), 1), ((), self.fake("who", WHO), 1)],
        }
        self.assertEqual(sorted(runs), sorted(os.listdir(COLLECTORS)), "an example that no run is tried of")
        results = {name: [self.example(name, *a, path=path) for a, path, _ in tries] for name, tries in runs.items()}
        for name, tries in runs.items():
            for (arguments, _, wanted), lines in zip(tries, results[name]):
                # A machine whose root is an overlay may have no file system that df_space lists.
                good = len(lines) == wanted if wanted is not None else lines or name == "df_space"
                self.assertTrue(good, f"{name} {arguments}: {lines}")

        several = [line.rpartition(" ")[0] for line in results["df_space"][2]]
        tags = "df_space,fstype=xfs,host=here,path=/mnt/a\\ b"
        self.assertIn(f"{tags} free_bytes=1500,inodes=50,inodes_used=5,size_bytes=2000,used_bytes=500", several)
        self.assertIn("df_space,fstype=vfat,host=here,path=/media/odd size_bytes=3000", several)
        self.assertIn(" errors=2i,warnings=1i ", results["journal_errors"][1][0])
        self.assertIn(" remote=1i,sessions=3i,users=2i ", results["users"][2][0])
        self.assertGreaterEqual(len(results["top_processes"][1]), 2)

    def test_once_fails_when_a_script_does_and_quotes_what_it_could_not_read(self):
        odd = "x" * 79 + "!" + "y" * 500
        done, rows = self.once({
            "good": {"command": ["/bin/sh", "-c", "printf '{\"a\":1}\\n{\"a\":2}\\n'"]},
            "bad": {"command": ["/bin/sh", "-c", f"echo '{{\"a\":3}}'; echo '{odd}'"]},
            "late": {"command": ["/bin/echo", "m x=1 1795947869"]},
        })  # fmt: skip
        self.assertEqual(done.returncode, 1, done.stderr)
        self.assertEqual({name: len(lines) for name, lines in rows.items()}, {"good": 2, "bad": 1}, "the others are printed")
        refused = f'JSON: neither an object nor an array of objects: "{odd[:80]}"…'
        self.assertIn(f"script.bad: 1 line refused: {refused}\n", done.stderr)
        hint = 'm: the timestamp 1795947869 is not after 1970 in ns; did you mean precision = "s"?'
        self.assertIn(f"script.late: 1 line refused: {hint}\n", done.stderr)
        self.assertTrue(done.stderr.endswith("resmon-client: error: failed: script.bad, script.late\n"), done.stderr)
        done, _ = self.once({"late": {"command": ["/bin/echo", "m x=1 1795947869"], "precision": "s"}})
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        self.assertIn("m,host=here x=1 1795947869000000000\n", done.stdout)

    def test_the_command_lists_scripts_that_fail_and_those_that_cannot_start(self):
        plain = os.path.join(self.folder, "plain.sh")
        with open(plain, "w") as file:
            file.write("#!/bin/sh\necho v=1\n")
        config = os.path.join(self.folder, "client.toml")
        scripts = {"gone": ["/nowhere/x"], "plain": [plain], "bad": ["/bin/sh", "-c", "exit 3"], "good": ["/bin/echo", "v=1"], "none": ["/bin/true"]}
        with open(config, "w") as file:
            for name, command in scripts.items():
                file.write(f"[script.{name}]\ncommand = {json.dumps(command)}\ninterval = '1s'\n")
        server = self.server()
        arguments = ["--config", config, *house.client_arguments(server.port, server.token_file, "it's", "1s")]
        checked = subprocess.run([house.program("resmon-client"), "--check-config", *arguments], capture_output=True, text=True, env=house.clean_environment())
        self.assertEqual(checked.returncode, 0, checked.stderr)
        self.assertEqual(checked.stderr.splitlines(), [
            "resmon-client: warning: script.gone: command: /nowhere/x: No such file or directory",
            f"resmon-client: warning: script.plain: command: {plain}: not a file that this user may execute",
        ])  # fmt: skip
        self.start(house.Process("resmon-client", arguments, self.folder))
        shell = f'use() {{ :; }}; . automation/lib/failing.sh; get() {{ curl --silent --fail "http://127.0.0.1:{server.http_port}$1"; }}; failing_scripts get'

        def failing():
            done = subprocess.run(["bash", "-c", shell], capture_output=True, text=True, cwd=ROOT, timeout=60)
            self.assertEqual(done.stderr, "")
            return sorted((one["host"], one["script"], one["exit_code"]) for one in json.loads(done.stdout))

        house.wait_for("the failing", lambda: failing() == [("it's", "bad", 3), ("it's", "gone", 127), ("it's", "plain", 126)])

    def test_once_fails_when_a_collector_does(self):
        done = subprocess.run(
            [house.program("resmon-client"), "--once", "--once-after", "1", "--set", f"roots.proc={self.folder}"],
            capture_output=True, text=True, timeout=60, env=house.clean_environment(),
        )  # fmt: skip
        self.assertEqual(done.returncode, 1, done.stderr)
        self.assertIn(f"resmon-client: mem: {self.folder}/meminfo: No such file or directory\n", done.stderr)


if __name__ == "__main__":
    house.main()
