"""A disk that a test fills."""

import contextlib
import os
import subprocess


class Disk:
    """A small file system of its own, so that filling it fills nothing else."""

    def __init__(self, test, folder, size):
        self.folder = folder
        self.ballast = os.path.join(folder, "ballast")
        self.full = False
        os.makedirs(folder, exist_ok=True)
        self.mounted = subprocess.run(
            ["mount", "-t", "tmpfs", "-o", f"size={size},mode=700", "resmon-chaos", folder], capture_output=True
        ).returncode == 0
        if self.mounted:
            test.addCleanup(subprocess.run, ["umount", "-l", folder], check=False)

    def fill(self):
        self.full = True
        with contextlib.suppress(OSError), open(self.ballast, "wb", buffering=0) as file:
            while True:
                if file.write(b"\0" * 65536) < 65536:
                    break
        with contextlib.suppress(OSError), open(self.ballast, "ab", buffering=0) as file:
            while file.write(b"\0" * 512):
                pass

    def heal(self):
        os.unlink(self.ballast)
        self.full = False
