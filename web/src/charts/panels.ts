// What the host view draws, as a table: adding a chart is adding a row here. A panel says which measurements it reads and how
// their grids become lines; nothing here touches the page or the network.

import { formatDuration, type Unit } from "../core/format.ts";
import { timeUntilFull, type Grid, type GridSeries } from "../core/grid.ts";
import { max, mean, rate, type Column } from "../core/influxql.ts";

export interface Source {
  from: string;
  columns: Column[];
  where?: ReadonlyArray<readonly [string, string]>;
  by?: readonly string[];
  rates?: boolean;  // the columns are rates of counters: an unfinished bucket would show too little
}

export type Values = readonly (number | null)[];

export interface Line {
  key: string;
  label: string;
  values: Values;
  colour: number;   // index into the palette
  below?: boolean;  // mirror style: drawn under the zero line
}

export interface Drawn {
  lines: Line[];
  cells?: Line[];  // heat style: one row of shares (0 … 100) each, drawn instead of the lines, which only the legend tells
  note?: string;   // what was left out
  blank?: string;  // why there is nothing to draw, where that is known
}

export type Style = "line" | "stack" | "mirror" | "heat";

export interface Panel {
  id: string;
  section: string;
  title: string;
  unit: Unit;
  style: Style;
  ceilings?: readonly number[];  // the axis ends at the first of these that holds the data, so that pictures compare
  sources: readonly Source[];
  // The grids in the order of `sources`.
  draw: (grids: readonly Grid[]) => Drawn;
}

interface Wanted {
  column: string;
  label: string;
  colour: number;
  below?: boolean;
}

function plain(wanted: readonly Wanted[]): Panel["draw"] {
  return (grids) => ({
    lines: wanted.flatMap((one) => {
      const found = grids.flatMap((grid) => grid.series).find((series) => series.column === one.column);
      return found === undefined ? [] : [{ key: one.column, ...one, values: found.values }];
    }),
  });
}

const total = (values: Values): number => values.reduce<number>((sum, value) => sum + Math.abs(value ?? 0), 0);

function combine(a: Values, b: Values, f: (a: number, b: number) => number): Values {
  return a.map((value, index) => {
    const other = b[index] ?? null;
    return value === null || other === null ? null : f(value, other);
  });
}

// The kernel names partition 2 of sda "sda2", and of nvme0n1, whose name ends in a digit, "nvme0n1p2".
export function isPartition(name: string, names: readonly string[]): boolean {
  return names.some((whole) => {
    if (name === whole || !name.startsWith(whole)) return false;
    return (/\d$/.test(whole) ? /^p\d+$/ : /^\d+$/).test(name.slice(whole.length));
  });
}

const kMostGroups = 6;

// Lines for each value of a tag, the busiest first. Devices that did nothing are left out when others did something.
function grouped(tag: string, wanted: readonly Omit<Wanted, "colour">[], keep: (name: string, all: string[]) => boolean,
                 quiet: "hide" | "show", what: string): Panel["draw"] {
  return (grids) => {
    const groups = new Map<string, GridSeries[]>();
    for (const series of grids.flatMap((grid) => grid.series)) {
      const name = series.tags[tag];
      if (name !== undefined) groups.set(name, [...(groups.get(name) ?? []), series]);
    }
    const names = [...groups.keys()];
    const ranked = names
      .filter((name) => keep(name, names))
      .map((name) => ({ name, sum: (groups.get(name) ?? []).reduce((sum, series) => sum + total(series.values), 0) }))
      .sort((a, b) => b.sum - a.sum || (a.name < b.name ? -1 : 1));
    const busy = quiet === "hide" ? ranked.filter((one) => one.sum > 0) : ranked;
    const candidates = busy.length > 0 ? busy : ranked;
    const shown = candidates.slice(0, kMostGroups);
    const lines = shown.flatMap(({ name }, index) =>
      wanted.flatMap((one) => {
        const series = (groups.get(name) ?? []).find((candidate) => candidate.column === one.column);
        if (series === undefined) return [];
        const colour = wanted.length > 1 && !wanted.some((other) => other.below) ? index * wanted.length + wanted.indexOf(one) : index;
        const label = one.label === "" ? name : `${name} ${one.label}`;
        return [{ key: `${name} ${one.column}`, label, values: series.values, colour, ...(one.below ? { below: true } : {}) }];
      }),
    );
    const left = candidates.length - shown.length;
    return left > 0 ? { lines, note: `the busiest ${shown.length} of ${candidates.length} ${what}` } : { lines };
  };
}

const any = (): boolean => true;
const wholeDisk = (name: string, all: string[]): boolean => !isPartition(name, all) && !/^(loop|ram)\d/.test(name);

const kCpuModes = ["user", "nice", "system", "iowait", "irq", "softirq", "steal"];

export const kPanels: readonly Panel[] = [
  {
    id: "cpu", section: "Processor", title: "CPU by mode", unit: "percent", style: "stack", ceilings: [10, 25, 50, 100],
    sources: [{ from: "cpu", columns: kCpuModes.map((mode) => mean(`usage_${mode}`, mode)), where: [["cpu", "cpu-total"]] }],
    draw: plain([
      { column: "user", label: "user", colour: 0 },
      { column: "system", label: "system", colour: 1 },
      { column: "iowait", label: "iowait", colour: 2 },
      { column: "nice", label: "nice", colour: 3 },
      { column: "irq", label: "irq", colour: 4 },
      { column: "softirq", label: "softirq", colour: 5 },
      { column: "steal", label: "steal", colour: 6 },
    ]),
  },
  {
    id: "cores", section: "Processor", title: "CPU by core", unit: "percent", style: "heat",
    sources: [{ from: "cpu", columns: [mean("usage_active", "active")], by: ["cpu"] }],
    draw: ([grid]) => {
      const number = (series: GridSeries): number => Number(/^cpu(\d+)$/.exec(series.tags["cpu"] ?? "")?.[1] ?? NaN);
      const cores = (grid?.series ?? []).filter((series) => !Number.isNaN(number(series))).sort((a, b) => number(a) - number(b));
      if (cores.length === 0) return { lines: [] };
      const across = (fold: (known: number[]) => number): Values =>
        (cores[0]?.values ?? []).map((_, at) => {
          const known = cores.map((core) => core.values[at] ?? null).filter((value): value is number => value !== null);
          return known.length === 0 ? null : fold(known);
        });
      return {
        lines: [
          { key: "busiest", label: "busiest core", colour: 0, values: across((known) => known.reduce((a, b) => Math.max(a, b), 0)) },
          { key: "mean", label: `mean of ${cores.length}`, colour: 7,
            values: across((known) => known.reduce((a, b) => a + b, 0) / known.length) },
        ],
        cells: cores.map((core) => ({ key: core.tags["cpu"] ?? "", label: core.tags["cpu"] ?? "", colour: 0, values: core.values })),
      };
    },
  },
  {
    id: "load", section: "Processor", title: "Load", unit: "load", style: "line",
    sources: [{ from: "system", columns: [mean("load1"), mean("load5"), mean("load15")] }],
    draw: plain([
      { column: "load1", label: "1 min", colour: 0 },
      { column: "load5", label: "5 min", colour: 1 },
      { column: "load15", label: "15 min", colour: 3 },
    ]),
  },
  {
    id: "memory", section: "Memory", title: "Memory", unit: "bytes", style: "stack",
    sources: [{ from: "mem", columns: [mean("used"), mean("available"), mean("free")] }],
    // used + (available − free) + free = total: three parts that fill the machine's memory exactly.
    draw: ([grid]) => {
      const find = (column: string): Values | undefined => grid?.series.find((one) => one.column === column)?.values;
      const [used, available, free] = [find("used"), find("available"), find("free")];
      if (used === undefined || available === undefined || free === undefined) return { lines: [] };
      return {
        lines: [
          { key: "used", label: "used", values: used, colour: 0 },
          { key: "reclaimable", label: "cache, reclaimable", colour: 3,
            values: combine(available, free, (a, b) => Math.max(0, a - b)) },
          { key: "free", label: "free", values: free, colour: 7 },
        ],
      };
    },
  },
  {
    id: "swap", section: "Memory", title: "Swap used", unit: "bytes", style: "line",
    sources: [{ from: "swap", columns: [mean("used"), mean("total")] }],
    draw: (grids) => {
      const drawn = plain([
        { column: "used", label: "used", colour: 1 },
        { column: "total", label: "size", colour: 7 },
      ])(grids);
      const some = drawn.lines.length === 0 || drawn.lines.some((line) => line.values.some((value) => (value ?? 0) > 0));
      return some ? drawn : { lines: [], blank: "This machine has no swap." };
    },
  },
  {
    id: "disk", section: "Disk", title: "Disk space used", unit: "percent", style: "line", ceilings: [100],
    sources: [{ from: "disk", columns: [mean("used_percent")], by: ["path"] }],
    draw: (grids) => {
      const drawn = grouped("path", [{ column: "used_percent", label: "" }], any, "show", "file systems")(grids);
      const step = grids[0]?.step ?? 0;
      const filling = drawn.lines.flatMap((line) => {
        const left = timeUntilFull(line.values, step);
        return left === null ? [] : [`${line.label} is full in ${formatDuration(left / 1000)}`];
      });
      const notes = [...(drawn.note === undefined ? [] : [drawn.note]), ...(filling.length > 0 ? [`At this pace ${filling.join(", ")}.`] : [])];
      return notes.length > 0 ? { lines: drawn.lines, note: notes.join(" · ") } : drawn;
    },
  },
  {
    id: "inodes", section: "Disk", title: "Inodes used", unit: "percent", style: "line", ceilings: [100],
    sources: [{ from: "disk", columns: [mean("inodes_used_percent")], by: ["path"] }],
    draw: grouped("path", [{ column: "inodes_used_percent", label: "" }], any, "show", "file systems"),
  },
  {
    id: "diskio", section: "Disk", title: "Disk throughput (read up, written down)", unit: "bytes_per_second", style: "mirror",
    sources: [{ from: "diskio", columns: [rate("read_bytes", "read"), rate("write_bytes", "write")], by: ["name"], rates: true }],
    draw: grouped("name", [{ column: "read", label: "read" }, { column: "write", label: "written", below: true }], wholeDisk,
                  "hide", "devices"),
  },
  {
    id: "iops", section: "Disk", title: "Disk requests (reads up, writes down)", unit: "per_second", style: "mirror",
    sources: [{ from: "diskio", columns: [rate("reads"), rate("writes")], by: ["name"], rates: true }],
    draw: grouped("name", [{ column: "reads", label: "reads" }, { column: "writes", label: "writes", below: true }], wholeDisk,
                  "hide", "devices"),
  },
  {
    id: "network", section: "Network", title: "Network (received up, sent down)", unit: "bits_per_second", style: "mirror",
    sources: [{
      from: "net", by: ["interface"], rates: true,
      columns: [
        { expression: 'non_negative_derivative(max("bytes_recv"), 1s) * 8', as: "received" },
        { expression: 'non_negative_derivative(max("bytes_sent"), 1s) * 8', as: "sent" },
      ],
    }],
    draw: grouped("interface", [{ column: "received", label: "received" }, { column: "sent", label: "sent", below: true }], any,
                  "hide", "interfaces"),
  },
  {
    id: "packets", section: "Network", title: "Packets (received up, sent down)", unit: "per_second", style: "mirror",
    sources: [{ from: "net", columns: [rate("packets_recv", "received"), rate("packets_sent", "sent")], by: ["interface"], rates: true }],
    draw: grouped("interface", [{ column: "received", label: "received" }, { column: "sent", label: "sent", below: true }], any,
                  "hide", "interfaces"),
  },
  {
    id: "network-errors", section: "Network", title: "Network errors and drops", unit: "per_second", style: "line",
    sources: [{
      from: "net", by: ["interface"], rates: true,
      columns: [rate("err_in"), rate("err_out"), rate("drop_in"), rate("drop_out")],
    }],
    draw: grouped("interface", [
      { column: "err_in", label: "errors in" },
      { column: "err_out", label: "errors out" },
      { column: "drop_in", label: "drops in" },
      { column: "drop_out", label: "drops out" },
    ], any, "hide", "interfaces"),
  },
  {
    id: "tcp", section: "Network", title: "TCP connections", unit: "count", style: "line",
    sources: [{
      from: "netstat",
      columns: ["tcp_established", "tcp_time_wait", "tcp_close_wait", "tcp_listen"].map((field) => mean(field)),
    }],
    draw: plain([
      { column: "tcp_established", label: "established", colour: 0 },
      { column: "tcp_time_wait", label: "time wait", colour: 2 },
      { column: "tcp_close_wait", label: "close wait", colour: 1 },
      { column: "tcp_listen", label: "listening", colour: 3 },
    ]),
  },
  {
    id: "processes", section: "Processes and kernel", title: "Processes by state", unit: "count", style: "stack",
    sources: [{
      from: "processes",
      columns: ["running", "blocked", "zombies", "stopped", "sleeping", "idle"].map((state) => mean(state)),
    }],
    draw: plain([
      { column: "running", label: "running", colour: 0 },
      { column: "blocked", label: "blocked", colour: 2 },
      { column: "zombies", label: "zombies", colour: 6 },
      { column: "stopped", label: "stopped", colour: 4 },
      { column: "sleeping", label: "sleeping", colour: 3 },
      { column: "idle", label: "idle", colour: 7 },
    ]),
  },
  {
    id: "pressure", section: "Processor", title: "Pressure (share of time that tasks waited)", unit: "percent", style: "line",
    sources: [{ from: "pressure", columns: [mean("avg10")], by: ["resource", "type"] }],
    draw: ([grid]) => {
      const order = ["cpu some", "memory some", "io some", "memory full", "io full"];
      const lines = (grid?.series ?? []).flatMap((series) => {
        const name = `${series.tags["resource"] ?? ""} ${series.tags["type"] ?? ""}`;
        const colour = order.indexOf(name);
        return colour < 0 ? [] : [{ key: name, label: name.replace("io", "I/O"), values: series.values, colour }];
      });
      return { lines: lines.sort((a, b) => a.colour - b.colour) };
    },
  },
  {
    id: "kernel", section: "Processes and kernel", title: "Context switches and interrupts", unit: "per_second", style: "line",
    sources: [{ from: "kernel", columns: [rate("context_switches"), rate("interrupts")], rates: true }],
    draw: plain([
      { column: "context_switches", label: "context switches", colour: 0 },
      { column: "interrupts", label: "interrupts", colour: 1 },
    ]),
  },
  {
    id: "forks", section: "Processes and kernel", title: "Processes started", unit: "per_second", style: "line",
    sources: [{ from: "kernel", columns: [rate("processes_forked")], rates: true }],
    draw: plain([{ column: "processes_forked", label: "forks", colour: 4 }]),
  },
  {
    id: "threads", section: "Processes and kernel", title: "Threads", unit: "count", style: "line",
    sources: [{ from: "processes", columns: [mean("total_threads", "threads")] }],
    draw: plain([{ column: "threads", label: "threads", colour: 3 }]),
  },
  {
    id: "files", section: "Processes and kernel", title: "Open files", unit: "count", style: "line",
    sources: [{ from: "linux_sysctl_fs", columns: [max("file-nr")] }],
    draw: plain([{ column: "file-nr", label: "file descriptors in use", colour: 5 }]),
  },
  {
    id: "client", section: "What resmon-client costs", title: "Time per gather, by collector", unit: "milliseconds", style: "stack",
    sources: [{ from: "internal_collector", columns: [mean("duration_seconds", "seconds")], by: ["collector"] }],
    // The dearest collectors by name, the others as one part, so that the stack's height is the whole cost.
    draw: ([grid]) => {
      const ranked = (grid?.series ?? []).slice().sort((a, b) => total(b.values) - total(a.values));
      const inMilliseconds = (values: Values): Values => values.map((value) => (value === null ? null : value * 1000));
      const lines: Line[] = ranked.slice(0, kMostGroups).map((series, colour) => {
        const name = series.tags["collector"] ?? "";
        return { key: name, label: name, colour, values: inMilliseconds(series.values) };
      });
      const [first, ...others] = ranked.slice(kMostGroups).map((series) => series.values);
      if (first !== undefined) {
        const sum = others.reduce<Values>(
          (a, b) => a.map((value, at) => (value === null && (b[at] ?? null) === null ? null : (value ?? 0) + (b[at] ?? 0))), first);
        lines.push({ key: " others", label: `${others.length + 1} others`, colour: 7, values: inMilliseconds(sum) });
      }
      return { lines };
    },
  },
];
