"""The schedule of faults: a function of the seed and the duration, and of nothing else."""

import collections
import random

# kind, targets, how long it lasts in seconds (0: it is over at once), how often compared with the others
KINDS = (
    ("kill", ("server",), (0.1, 3), 3),
    ("kill", ("influxd",), (0.5, 5), 2),
    ("kill", ("load-1", "load-2", "agent"), (0.1, 3), 4),
    ("cut", ("network",), (0.3, 4), 2),
    ("stall", ("network",), (0.3, 4), 1),
    ("half", ("network",), (0.5, 4), 1),
    ("tear", ("network",), (0, 0), 2),
    ("cut", ("database-network",), (0.3, 4), 1),
    ("stall", ("database-network",), (0.3, 4), 1),
    ("tear", ("database-network",), (0, 0), 1),
    ("fill", ("server-disk",), (1, 5), 2),
    ("fill", ("client-disk",), (1, 5), 2),
    ("slow", ("server-sync",), (1, 5), 1),
    ("slow", ("client-sync",), (1, 5), 1),
    ("kill-all", ("all",), (0, 0), 1),
)
PROCESSES = ("server", "influxd", "load-1", "load-2", "agent")

Fault = collections.namedtuple("Fault", "at kind target seconds order")


def busy_targets(target):
    """One target has one fault at a time; killing all needs all of them whole."""
    return PROCESSES if target == "all" else (target,)


def make(seed, seconds, kinds=KINDS, pause=(0.2, 1.8)):
    """Faults in order of time, in [1, seconds). Every kind comes once before any comes again by chance."""
    chance = random.Random(seed)
    first = list(kinds)
    chance.shuffle(first)
    free_at = collections.defaultdict(float)
    out = []
    at = 1.0
    while at < seconds:
        kind, targets, (least, most), _ = first.pop() if first else chance.choices(kinds, [k[3] for k in kinds])[0]
        target = chance.choice(targets)
        lasts = round(chance.uniform(least, most), 2)
        order = tuple(chance.sample(PROCESSES, len(PROCESSES))) if kind == "kill-all" else ()
        at = max([at, *(free_at[t] for t in busy_targets(target))])
        if at >= seconds:
            break
        out.append(Fault(round(at, 2), kind, target, lasts, order))
        for name in busy_targets(target):
            free_at[name] = at + lasts + 0.5
        at += chance.uniform(*pause)
    return out


def describe(fault):
    lasts = f" for {fault.seconds:g} s" if fault.seconds else ""
    order = f", started again as {', '.join(fault.order)}" if fault.order else ""
    return f"{fault.at:7.2f} s  {fault.kind} {fault.target}{lasts}{order}"
