#!/usr/bin/env python3
"""Counts the instructions of the hot paths (bench/paths.cc) with valgrind, and compares them with those in instructions.json. More than
5 % above is a failure. Instructions are the same on a busy machine; times are not. RESMON_UPDATE_SPEED=1 records this build's counts."""

import json
import os
import re
import subprocess
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(os.path.dirname(HERE), "e2e"))
import house  # noqa: E402

RECORDED = os.path.join(HERE, "instructions.json")
TOLERANCE = 0.05
PROGRAM = os.path.join(os.environ.get("RESMON_BUILD_DIR") or os.path.join(os.path.dirname(os.path.dirname(HERE)), "build"), "bin", "bench-paths")


def compiler():
    """What built the program: other compilers give other counts."""
    comment = subprocess.run(["readelf", "-p", ".comment", PROGRAM], check=True, capture_output=True, text=True).stdout
    found = re.search(r"GCC: \(.*?\) (\S+)", comment)
    return f"gcc {found.group(1)}" if found else "unknown"


def recorded():
    with open(RECORDED) as file:
        return json.load(file)


class SpeedTest(house.HouseTest):
    def count(self, path):
        out = os.path.join(self.folder, path)
        subprocess.run(
            ["valgrind", "--tool=callgrind", "--toggle-collect=measured_path", f"--callgrind-out-file={out}", PROGRAM, path],
            check=True,
            capture_output=True,
            timeout=300,
        )
        with open(out) as file:
            instructions = re.search(r"^(?:summary|totals): (\d+)", file.read(), re.MULTILINE)
        self.assertIsNotNone(instructions, f"{path}: callgrind counted nothing")
        self.assertGreater(int(instructions.group(1)), 1_000_000, f"{path}: too little to compare")
        return int(instructions.group(1))

    def test_no_path_takes_more_instructions(self):
        paths = subprocess.run([PROGRAM], check=True, capture_output=True, text=True).stdout.split()
        counts = {path: self.count(path) for path in paths}
        if os.environ.get("RESMON_UPDATE_SPEED"):
            with open(RECORDED, "w") as file:
                json.dump({"compiler": compiler(), "instructions": counts}, file, indent=2)
                file.write("\n")
        before = recorded()
        self.assertEqual(compiler(), before["compiler"], "recorded with another compiler: RESMON_UPDATE_SPEED=1 on the commit before")
        self.assertEqual(sorted(counts), sorted(before["instructions"]), "a path is new or gone: RESMON_UPDATE_SPEED=1")
        slower = []
        for path, now in counts.items():
            change = now / before["instructions"][path] - 1
            print(f"# summary: {path:16} {now / 1e6:8.2f} M instructions, {change * 100:+6.1f} %", flush=True)
            if change > TOLERANCE:
                slower.append(f"{path}: {now} instructions, {change * 100:.1f} % more")
        self.assertEqual(slower, [])


if __name__ == "__main__":
    house.main()
