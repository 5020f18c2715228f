"""What clients wrote down of their gathers, what a store says of them, and the difference as sets."""

import collections
import os

import house

PAGE_ROWS = 100_000


class Ledger:
    """One client's: see app/load/ledger.h."""

    def __init__(self, path):
        self.offered = {}  # sequence: (time, samples)
        self.taken = set()
        with open(path) as file:
            for line in file:
                words = line.split()
                if words[0] == "offered":
                    self.offered[int(words[1])] = (int(words[2]), int(words[3]))
                else:
                    self.taken.add(int(words[1]))

    def samples(self, sequences):
        return sum(self.offered[s][1] for s in sequences)


class AgentLog(Ledger):
    """Of resmon-client, by its log: every gather is named by its time, since a real client counts nothing. A gather that is in no
    line may still be stored, if the client was killed between the two."""

    def __init__(self, path):
        self.offered, self.taken = {}, set()
        with open(path, errors="replace") as file:
            for line in file:
                if " DEBUG client gathered " not in line:
                    continue
                fields = house.fields_of(line)
                self.offered[int(fields["time"])] = (int(fields["time"]), int(fields["samples"]))
                if fields["on_disk"] == "true":
                    self.taken.add(int(fields["time"]))


def read_all(folder):
    return {name.removesuffix(".ledger"): Ledger(os.path.join(folder, name)) for name in sorted(os.listdir(folder))}


def agent_rows(port, host):
    """(time, time) of every gather of a real client that the store has."""
    return [(row[0], row[0]) for row in stored_rows(port, host, "dropped_samples", "internal_client")]


def stored_rows(port, host, field="sequence", measurement="numbered"):
    """(time, value) of every row that the store has of this host."""
    out, after = [], 0
    while True:
        page = house.rows(port, f"SELECT {field} FROM {measurement} WHERE host = '{host}' AND time > {after} LIMIT {PAGE_ROWS}")
        out += [tuple(row) for row in page]
        if len(page) < PAGE_ROWS:
            return out
        after = page[-1][0]


class Difference:
    """Of one host in one store."""

    def __init__(self, ledger, rows):
        count = collections.Counter(sequence for _, sequence in rows)
        self.stored = set(count)
        self.lost = sorted(ledger.taken - self.stored)
        self.duplicated = sorted(s for s, n in count.items() if n > 1)
        self.unknown = sorted(self.stored - set(ledger.offered))
        self.moved = sorted((t, s) for t, s in rows if s in ledger.offered and ledger.offered[s][0] != t)
        self.lost_samples = ledger.samples(self.lost)
        self.stored_samples = ledger.samples(self.stored & set(ledger.offered))

    def __bool__(self):
        return bool(self.lost or self.duplicated or self.unknown or self.moved)

    def __str__(self):
        parts = []
        for what in ("lost", "duplicated", "unknown", "moved"):
            found = getattr(self, what)
            if found:
                parts.append(f"{len(found)} {what}: {shortened(found)}")
        return "; ".join(parts) or "the same"


def shortened(numbers):
    """1-4 7 9-12 …; what is not a number as it is."""
    if not all(isinstance(n, int) for n in numbers):
        return str(numbers[:5])
    runs = []
    for n in numbers:
        if runs and runs[-1][1] == n - 1:
            runs[-1][1] = n
        else:
            runs.append([n, n])
    text = " ".join(f"{a}" if a == b else f"{a}-{b}" for a, b in runs[:12])
    return text + (" …" if len(runs) > 12 else "")
