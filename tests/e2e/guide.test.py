#!/usr/bin/env python3
"""The commands of the guide's pages, pasted into a shell beside the real programs, and what the pages say that comes out.

In a page, a line `<!-- run -->` before a block of sh marks commands that this test runs; `<!-- run until -->` those that are repeated until
the output is as expected. A block of text that follows is the expected output: its lines come in this order among those of the output,
and `…` stands for any text. The commands run in a folder that looks like a clone; only the ports are this test's own."""

import glob
import os
import re
import subprocess
import time
import unittest

import house

PAGES = ("first_steps.md", "alerts.md", "scripts.md", "rules.md", "inputs.md", "prometheus.md", "users.md", "guest_pages.md", "backup_and_restore.md")  # in the order in which they are run
GUIDE = os.path.join(house.ROOT, "docs", "guide")
FENCE = re.compile(r"^<!-- (run|run until) -->\n+```sh\n(.*?)^```$(?:(?:(?!^```|^<!--).)*^```text\n(.*?)^```$)?", re.M | re.S)


def blocks(text):
    """(the mark, the commands, the expected lines) of each marked block of a page."""
    return [(mark, commands, (expected or "").splitlines()) for mark, commands, expected in FENCE.findall(text)]


def squeezed(text):
    """Columns are as wide as what stands in them."""
    return re.sub(r"[ \t]+", " ", text)


def missing(expected, output):
    """The first expected line that is not in the output after those before it; none: None."""
    lines = iter(output.splitlines())
    for want in expected:
        pattern = re.compile(".*".join(re.escape(squeezed(part)) for part in want.split("…")))
        if not any(pattern.fullmatch(squeezed(line)) for line in lines):
            return want
    return None


class Ntfy(house.HttpReceiver):
    """Takes what ntfy takes: a POST to a topic, with the title in a header."""

    def __init__(self):
        self.messages = []
        super().__init__(self.take)

    def take(self, path, headers, _):
        self.messages.append((time.monotonic(), path, headers["Title"]))
        return 200, {}, b"{}"


class GuideTest(house.HouseTest):
    def setUp(self):
        super().setUp()
        for name in ("resmon-server", "resmon-client", "resmon-load"):
            house.program(name)
        self.clone = os.path.join(self.folder, "clone")
        state = os.path.join(self.clone, ".resmon")
        os.mkdir(self.clone)
        for name, target in (("resmon", os.path.join(house.ROOT, "resmon")), ("build", house.BUILD), ("examples", os.path.join(house.ROOT, "examples"))):
            os.symlink(target, os.path.join(self.clone, name))
        self.environment = house.clean_environment(RESMON_HOME=state, RESMON_BUILD_DIR=house.BUILD, RESMON_NO_BUILD="1", RESMON_UP_TIMEOUT="120")
        self.http_port, self.tcp_port, self.input_port = house.free_port(), house.free_port(), house.free_port()
        self.addCleanup(self.run_shell, "./resmon down")
        self.ntfy = Ntfy()
        self.good(f"./resmon configure --http-address 127.0.0.1:{self.http_port} --tcp-address 127.0.0.1:{self.tcp_port} --interval 1s")

    def run_shell(self, commands):
        commands = commands.replace("127.0.0.1:7412", f"127.0.0.1:{self.http_port}").replace("8094", str(self.input_port))
        commands = re.sub(r"ntfy://ntfy\.sh/([\w-]+)", rf"ntfy://127.0.0.1:{self.ntfy.port}/\1?scheme=http", commands)
        command = ["bash", "-euo", "pipefail", "-c", commands]
        # What the commands start stays, so the output goes to a file: the end of a pipe would not come.
        with open(os.path.join(self.folder, "output"), "w+b") as file:
            done = subprocess.run(command, cwd=self.clone, env=self.environment, stdin=subprocess.DEVNULL, stdout=file, stderr=file, timeout=180)
            file.seek(0)
            text = file.read().decode(errors="replace")
        for own, named in ((self.http_port, 7412), (self.tcp_port, 7411)):
            text = text.replace(f"127.0.0.1:{own}", f"127.0.0.1:{named}")
        return done.returncode, text

    def good(self, commands):
        status, output = self.run_shell(commands)
        self.assertEqual(status, 0, f"{commands}\n{output}")
        return output

    def run_page(self, name):
        with open(os.path.join(GUIDE, name)) as file:
            found = blocks(file.read())
        self.assertTrue(found, f"no block of {name} is marked")
        for mark, commands, expected in found:
            with self.subTest(page=name, commands=commands):
                if mark == "run until":
                    house.wait_for(f"{expected} of {commands}", lambda: missing(expected, self.good(commands)) is None, every=0.2)
                else:
                    output = self.good(commands)
                    self.assertIsNone(missing(expected, output), f"is not in the output of {commands}\n{output}")

    def test_pages(self):
        self.run_page("first_steps.md")  # ends with ./resmon down
        self.good("./resmon start")
        begin = time.monotonic()
        for name in PAGES[1:]:
            self.run_page(name)
            if name == "alerts.md":
                house.wait_for("the message on the phone", lambda: self.ntfy.messages)
                print(f"# summary: guide: {self.ntfy.messages[0][0] - begin:.1f} s from the page of alerts to the message at ntfy")
                self.assertEqual(self.ntfy.messages[0][1:], ("/resmon-4f9c2a", "Test message of resmon"))


class PageTest(unittest.TestCase):
    def test_every_marked_page_is_run(self):
        marked = {os.path.basename(path) for path in glob.glob(os.path.join(GUIDE, "*.md")) if "<!-- run" in open(path).read()}
        self.assertEqual(marked, set(PAGES))

    def test_a_wrong_page_is_noticed(self):
        page = "<!-- run -->\n```sh\necho one two; echo three\n```\n\nwords\n\n```text\none …\nthree\n```\n\n<!-- run until -->\n```sh\ntrue\n```\n"
        self.assertEqual(blocks(page), [("run", "echo one two; echo three\n", ["one …", "three"]), ("run until", "true\n", [])])
        self.assertIsNone(missing(["one …", "three"], "one two\nthree\n"))
        self.assertEqual(missing(["three", "one …"], "one two\nthree\n"), "one …")
        self.assertEqual(missing(["one"], "one two\n"), "one")


if __name__ == "__main__":
    house.main()
