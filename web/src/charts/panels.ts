// What the host view draws, as a table: adding a chart is adding a row here.

import { t } from "../core/texts.ts";
import type { GridSeries } from "../core/grid.ts";
import { banded, bandedBusy, bandedRate, busy, countOf, highOf, max, mean, rate, sumOf } from "../core/influxql.ts";
import { any, bandOf, byProgram, combine, grouped, kGathers, perGather, plain, wholeDisk, type Line, type Panel, type Values } from "./panel.ts";

const kCpuModes = ["user", "nice", "system", "iowait", "irq", "softirq", "steal", "guest", "guest_nice"];
const kProgram = ["process_name", "user", "systemd_unit", "container_name"];
const kTcpStates = [
  ["established", 0], ["time_wait", 2], ["close_wait", 1], ["listen", 3], ["syn_sent", 4], ["syn_recv", 5], ["fin_wait1", 6],
  ["fin_wait2", 7], ["last_ack", 1], ["closing", 4], ["close", 5],
] as const;

// Names that no reader sees.
export const kProcessor = "processor";
export const kMemory = "memory";
export const kDisk = "disk";
export const kNetwork = "network";
export const kHardware = "hardware";
export const kProcesses = "processes";
export const kClient = "client";
// In the order of the page: the title, and a shorter one for the row of jumps.
export const kSections: readonly (readonly [id: string, title: string, short: string])[] = [
  [kProcessor, t("Processor"), t("Processor")], [kMemory, t("Memory"), t("Memory")], [kDisk, t("Disk"), t("Disk")], [kNetwork, t("Network"), t("Network")],
  [kProcesses, t("Processes and kernel"), t("Processes")], [kHardware, t("Hardware"), t("Hardware")], [kClient, t("What resmon-client costs"), t("Client")],
];

const isIdle = (line: Line): boolean => line.values.every((value) => (value ?? 0) === 0);

// Parts that are nothing all the time only lengthen the legend: `always` ones stay.
function withoutIdle(draw: Panel["draw"], always: number): Panel["draw"] {
  return (grids) => {
    const drawn = draw(grids);
    return { ...drawn, lines: drawn.lines.filter((line, index) => index < always || !isIdle(line)) };
  };
}

// A chart of nothing but zeros says less than a sentence.
function unlessIdle(draw: Panel["draw"], blank: string): Panel["draw"] {
  return (grids) => {
    const some = grids.some((grid) => grid.series.length > 0);
    const drawn = draw(grids);
    return some && drawn.lines.every(isIdle) ? { lines: [], blank } : drawn;
  };
}

export const kPanels: readonly Panel[] = [
  {
    id: "cpu", section: kProcessor, title: t("CPU by mode"), unit: "percent", style: "stack", ceilings: [10, 25, 50, 100],
    sources: [{
      from: "cpu", where: [["cpu", "cpu-total"]],
      columns: [...kCpuModes.map((mode) => mean(`usage_${mode}`, mode)), bandedBusy("active")],
    }],
    draw: (grids) => {
      const drawn = withoutIdle(plain([
        { column: "user", label: "user", colour: 0 },
        { column: "system", label: "system", colour: 1 },
        { column: "iowait", label: "iowait", colour: 2 },
        { column: "steal", label: "steal", colour: 6 },
        { column: "nice", label: "nice", colour: 3 },
        { column: "irq", label: "irq", colour: 4 },
        { column: "softirq", label: "softirq", colour: 5 },
        { column: "guest", label: "guest", colour: 3 },
        { column: "guest_nice", label: "guest nice", colour: 4 },
      ]), 4)(grids);
      // Means hide short bursts: over a bucket of many samples, how high the whole went.
      const peak = grids[0]?.series.find((series) => series.column === highOf("active"));
      if (peak !== undefined && drawn.lines.length > 0) {
        drawn.lines.push({ key: "peak", label: t("peak"), colour: 7, values: peak.values, overlay: true });
      }
      return drawn;
    },
  },
  {
    id: "process-cpu", section: kProcessor, title: t("CPU by process"), unit: "percent", style: "stack", optional: true,
    about: t("100 % is one core. All parts together are what the machine used."),
    sources: [{ from: "procstat", columns: [sumOf("cpu_usage", "cpu"), countOf("cpu_usage", kGathers)], by: kProgram }],
    draw: byProgram,
  },
  {
    id: "cores", section: kProcessor, title: t("CPU by core"), unit: "percent", style: "heat",
    sources: [{ from: "cpu", columns: [busy("active")], by: ["cpu"] }],
    draw: ([grid]) => {
      const number = (series: GridSeries): number => Number(/^cpu(\d+)$/.exec(series.tags["cpu"] ?? "")?.[1] ?? NaN);
      const cores = (grid?.series ?? []).filter((series) => !Number.isNaN(number(series))).sort((a, b) => number(a) - number(b));
      if (cores.length === 0) return { lines: [] };
      const points = cores[0]?.values.length ?? 0;
      const busiest: (number | null)[] = [];
      const means: (number | null)[] = [];
      for (let at = 0; at < points; ++at) {
        let known = 0;
        let all = 0;
        let most = 0;
        for (const { values } of cores) {
          const value = values[at] ?? null;
          if (value === null) continue;
          ++known;
          all += value;
          most = Math.max(most, value);
        }
        busiest.push(known === 0 ? null : most);
        means.push(known === 0 ? null : all / known);
      }
      return {
        lines: [
          { key: "busiest", label: t("busiest core"), colour: 0, values: busiest },
          { key: "mean", label: t("mean of {cores}", { cores: cores.length }), colour: 7, values: means },
        ],
        cells: cores.map((core) => ({ key: core.tags["cpu"] ?? "", label: core.tags["cpu"] ?? "", colour: 0, values: core.values })),
      };
    },
  },
  {
    id: "load", section: kProcessor, title: t("Load"), unit: "load", style: "line",
    about: t("Tasks that run or are ready to run; the dashed line is the number of CPUs."),
    sources: [{ from: "system", columns: [banded("load1"), mean("load5"), mean("load15"), max("n_cpus")] }],
    draw: plain([
      { column: "load1", label: "1 min", colour: 0 },
      { column: "load5", label: "5 min", colour: 1 },
      { column: "load15", label: "15 min", colour: 3 },
      { column: "n_cpus", label: t("CPUs"), colour: 7, overlay: true },
    ]),
  },
  {
    id: "pressure", section: kProcessor, title: t("Pressure"), unit: "percent", style: "line",
    about: t("Share of time in which some task, or all of them, waited for the resource."),
    sources: [{ from: "pressure", columns: [banded("avg10")], by: ["resource", "type"] }],
    draw: ([grid]) => {
      const order = ["cpu some", "memory some", "io some", "memory full", "io full"];
      const lines = (grid?.series ?? []).flatMap((series): Line[] => {
        if (series.column !== "avg10") return [];
        const name = `${series.tags["resource"] ?? ""} ${series.tags["type"] ?? ""}`;
        const colour = order.indexOf(name);
        if (colour < 0) return [];
        return [{ key: name, label: name.replace("io", "I/O"), values: series.values, colour, ...bandOf(grid?.series ?? [], series) }];
      });
      return {
        lines: lines.sort((a, b) => a.colour - b.colour),
        blank: t("No pressure data: the kernel has none, or has them disabled."),
      };
    },
  },
  {
    id: "memory", section: kMemory, title: t("Memory"), unit: "bytes", style: "stack",
    sources: [{ from: "mem", columns: [mean("used"), mean("available"), mean("free")] }],
    // used + (available − free) + free = total: three parts that fill the machine's memory exactly.
    draw: ([grid]) => {
      const find = (column: string): Values | undefined => grid?.series.find((one) => one.column === column)?.values;
      const [used, available, free] = [find("used"), find("available"), find("free")];
      if (used === undefined || available === undefined || free === undefined) return { lines: [] };
      return {
        lines: [
          { key: "used", label: t("used"), values: used, colour: 0 },
          { key: "reclaimable", label: t("cache, reclaimable"), colour: 3,
            values: combine(available, free, (a, b) => Math.max(0, a - b)) },
          { key: "free", label: t("free"), values: free, colour: 7 },
        ],
      };
    },
  },
  {
    id: "process-memory", section: kMemory, title: t("Memory by process"), unit: "bytes", style: "stack", optional: true,
    about: t("Resident memory; shared memory counts for each process that uses it."),
    sources: [{ from: "procstat", columns: [sumOf("memory_rss", "rss"), countOf("memory_rss", kGathers)], by: kProgram }],
    draw: byProgram,
  },
  {
    id: "memory-parts", section: kMemory, title: t("Caches and kernel memory"), unit: "bytes", style: "line",
    sources: [{
      from: "mem",
      columns: ["cached", "buffered", "shared", "slab", "mapped", "page_tables", "dirty", "write_back"].map((field) => mean(field)),
    }],
    draw: withoutIdle(plain([
      { column: "cached", label: t("page cache"), colour: 3 },
      { column: "buffered", label: t("buffers"), colour: 5 },
      { column: "shared", label: t("shared"), colour: 0 },
      { column: "slab", label: "slab", colour: 4 },
      { column: "mapped", label: t("mapped"), colour: 1 },
      { column: "page_tables", label: t("page tables"), colour: 7 },
      { column: "dirty", label: t("dirty"), colour: 2 },
      { column: "write_back", label: t("write-back"), colour: 6 },
    ]), 0),
  },
  {
    id: "commit", section: kMemory, title: t("Committed memory"), unit: "bytes", style: "line",
    about: t("Memory that programs have requested, and the limit up to which the kernel grants it."),
    sources: [{ from: "mem", columns: [banded("committed_as"), max("commit_limit")] }],
    draw: plain([
      { column: "committed_as", label: t("committed"), colour: 4 },
      { column: "commit_limit", label: t("limit"), colour: 7, overlay: true },
    ]),
  },
  {
    id: "swap", section: kMemory, title: t("Swap used"), unit: "bytes", style: "line",
    sources: [{ from: "swap", columns: [banded("used"), max("total")] }],
    draw: (grids) => {
      const drawn = plain([
        { column: "used", label: t("used"), colour: 1 },
        { column: "total", label: t("size"), colour: 7, overlay: true },
      ])(grids);
      const some = drawn.lines.length === 0 || drawn.lines.some((line) => line.values.some((value) => (value ?? 0) > 0));
      return some ? drawn : { lines: [], blank: t("This machine has no swap.") };
    },
  },
  {
    id: "swap-traffic", section: kMemory, title: t("Swapped in ▴ and out ▾"), unit: "bytes_per_second", style: "mirror",
    sources: [{ from: "swap", columns: [bandedRate("in"), bandedRate("out")], rates: true }],
    draw: unlessIdle(plain([
      { column: "in", label: t("in"), colour: 0 },
      { column: "out", label: t("out"), colour: 1, below: true },
    ]), t("Nothing was swapped in or out.")),
  },
  {
    id: "disk", section: kDisk, title: t("Disk space used"), unit: "percent", style: "line", ceilings: [100],
    sources: [{ from: "disk", columns: [banded("used_percent")], by: ["path"] }],
    draw: grouped("path", [{ column: "used_percent", label: "" }], any, "show", t("file systems")),
  },
  {
    id: "inodes", section: kDisk, title: t("Inodes used"), unit: "percent", style: "line", ceilings: [25, 50, 100],
    sources: [{ from: "disk", columns: [banded("inodes_used_percent")], by: ["path"] }],
    draw: grouped("path", [{ column: "inodes_used_percent", label: "" }], any, "show", t("file systems")),
  },
  {
    id: "diskio", section: kDisk, title: t("Disk throughput, read ▴ written ▾"), unit: "bytes_per_second", style: "mirror",
    sources: [{ from: "diskio", columns: [bandedRate("read_bytes", "read"), bandedRate("write_bytes", "write")], by: ["name"], rates: true }],
    draw: grouped("name", [{ column: "read", label: t("read") }, { column: "write", label: t("written"), below: true }], wholeDisk,
                  "hide", t("devices")),
  },
  {
    id: "process-disk", section: kDisk, title: t("Disk by process, read and written"), unit: "bytes_per_second", style: "stack", optional: true,
    sources: [{ from: "procstat", columns: [rate("disk_read_bytes", "read"), rate("disk_write_bytes", "written")], by: kProgram, rates: true }],
    draw: byProgram,
  },
  {
    id: "iops", section: kDisk, title: t("Disk requests, reads ▴ writes ▾"), unit: "per_second", style: "mirror",
    sources: [{ from: "diskio", columns: [bandedRate("reads"), bandedRate("writes")], by: ["name"], rates: true }],
    draw: grouped("name", [{ column: "reads", label: t("reads") }, { column: "writes", label: t("writes"), below: true }], wholeDisk,
                  "hide", t("devices")),
  },
  {
    id: "disk-time", section: kDisk, title: t("Time a request takes"), unit: "milliseconds", style: "line",
    about: t("Mean time of a request, queueing included; no value while there are no requests."),
    sources: [{ from: "diskio", columns: [banded("io_await")], by: ["name"] }],
    draw: grouped("name", [{ column: "io_await", label: "" }], wholeDisk, "hide", t("devices")),
  },
  {
    id: "disk-busy", section: kDisk, title: t("Disk utilisation"), unit: "percent", style: "line", ceilings: [10, 25, 50, 100],
    about: t("Share of time with at least one request under way."),
    sources: [{ from: "diskio", columns: [banded("io_util")], by: ["name"] }],
    draw: grouped("name", [{ column: "io_util", label: "" }], wholeDisk, "hide", t("devices")),
  },
  {
    id: "disk-queue", section: kDisk, title: t("Disk requests under way"), unit: "load", style: "line",
    sources: [{ from: "diskio", columns: [banded("iops_in_progress")], by: ["name"] }],
    draw: grouped("name", [{ column: "iops_in_progress", label: "" }], wholeDisk, "hide", t("devices")),
  },
  {
    id: "network", section: kNetwork, title: t("Network, received ▴ sent ▾"), unit: "bits_per_second", style: "mirror",
    sources: [{
      from: "net", by: ["interface"], rates: true,
      columns: [
        bandedRate("bytes_recv", "received", 8), bandedRate("bytes_sent", "sent", 8),
      ],
    }],
    draw: grouped("interface", [{ column: "received", label: t("received") }, { column: "sent", label: t("sent"), below: true }], any,
                  "hide", t("interfaces")),
  },
  {
    id: "packets", section: kNetwork, title: t("Packets, received ▴ sent ▾"), unit: "per_second", style: "mirror",
    sources: [{ from: "net", columns: [bandedRate("packets_recv", "received"), bandedRate("packets_sent", "sent")], by: ["interface"], rates: true }],
    draw: grouped("interface", [{ column: "received", label: t("received") }, { column: "sent", label: t("sent"), below: true }], any,
                  "hide", t("interfaces")),
  },
  {
    id: "network-errors", section: kNetwork, title: t("Network errors and drops"), unit: "per_second", style: "line",
    sources: [{
      from: "net", by: ["interface"], rates: true,
      columns: [rate("err_in"), rate("err_out"), rate("drop_in"), rate("drop_out")],
    }],
    draw: unlessIdle(withoutIdle(grouped("interface", [
      { column: "err_in", label: t("errors in") },
      { column: "err_out", label: t("errors out") },
      { column: "drop_in", label: t("drops in") },
      { column: "drop_out", label: t("drops out") },
    ], any, "hide", t("interfaces")), 0), t("No errors and no drops.")),
  },
  {
    id: "tcp", section: kNetwork, title: t("TCP sockets by state"), unit: "count", style: "line",
    sources: [{ from: "netstat", columns: kTcpStates.map(([state]) => mean(`tcp_${state}`, state)) }],
    draw: withoutIdle(plain(kTcpStates.map(([state, colour]) => ({ column: state, label: state.replace("_", " "), colour }))), 4),
  },
  {
    id: "udp", section: kNetwork, title: t("UDP sockets"), unit: "count", style: "line",
    sources: [{ from: "netstat", columns: [banded("udp_socket")] }],
    draw: plain([{ column: "udp_socket", label: t("open"), colour: 5 }]),
  },
  {
    id: "processes", section: kProcesses, title: t("Processes by state"), unit: "count", style: "stack",
    sources: [{
      from: "processes",
      columns: ["running", "blocked", "zombies", "stopped", "sleeping", "idle", "dead", "paging", "parked", "unknown"].map((state) => mean(state)),
    }],
    draw: withoutIdle(plain([
      { column: "running", label: t("running"), colour: 0 },
      { column: "blocked", label: t("blocked"), colour: 2 },
      { column: "zombies", label: t("zombies"), colour: 6 },
      { column: "sleeping", label: t("sleeping"), colour: 3 },
      { column: "idle", label: t("idle"), colour: 7 },
      { column: "stopped", label: t("stopped"), colour: 4 },
      { column: "dead", label: t("dead"), colour: 1 },
      { column: "paging", label: t("paging"), colour: 5 },
      { column: "parked", label: t("parked"), colour: 5 },
      { column: "unknown", label: t("unknown"), colour: 1 },
    ]), 5),
  },
  {
    id: "trouble", section: kProcesses, title: t("Running, blocked, zombies"), unit: "count", style: "line",
    sources: [{ from: "processes", columns: [banded("running"), banded("blocked"), banded("zombies")] }],
    draw: plain([
      { column: "running", label: t("running"), colour: 0 },
      { column: "blocked", label: t("blocked"), colour: 2 },
      { column: "zombies", label: t("zombies"), colour: 6 },
    ]),
  },
  {
    id: "kernel", section: kProcesses, title: t("Context switches and interrupts"), unit: "per_second", style: "line",
    sources: [{ from: "kernel", columns: [bandedRate("context_switches"), bandedRate("interrupts")], rates: true }],
    draw: plain([
      { column: "context_switches", label: t("context switches"), colour: 0 },
      { column: "interrupts", label: t("interrupts"), colour: 1 },
    ]),
  },
  {
    id: "forks", section: kProcesses, title: t("Processes started"), unit: "per_second", style: "line",
    sources: [{ from: "kernel", columns: [bandedRate("processes_forked")], rates: true }],
    draw: plain([{ column: "processes_forked", label: "forks", colour: 4 }]),
  },
  {
    id: "threads", section: kProcesses, title: t("Processes and threads"), unit: "count", style: "line",
    sources: [{ from: "processes", columns: [mean("total_threads", "threads"), mean("total", "processes")] }],
    draw: plain([
      { column: "threads", label: t("threads"), colour: 3 },
      { column: "processes", label: t("processes"), colour: 0 },
    ]),
  },
  {
    id: "files", section: kProcesses, title: t("Open files"), unit: "count", style: "line",
    sources: [{ from: "linux_sysctl_fs", columns: [banded("file-nr")] }],
    draw: plain([{ column: "file-nr", label: t("file descriptors in use"), colour: 5 }]),
  },
  {
    id: "temperature", section: kHardware, title: t("Temperature"), unit: "celsius", style: "line", optional: true,
    sources: [{ from: "temp", columns: [banded("temp")], by: ["sensor"] }],
    draw: grouped("sensor", [{ column: "temp", label: "" }], any, "show", t("sensors")),
  },
  {
    id: "fans", section: kHardware, title: t("Fans, rpm"), unit: "number", style: "line", optional: true,
    sources: [{ from: "sensors", columns: [banded("fan_input", "fan")], by: ["feature"] }],
    draw: grouped("feature", [{ column: "fan", label: "" }], any, "show", t("fans")),
  },
  {
    id: "power", section: kHardware, title: t("Power of CPU packages, W"), unit: "number", style: "line", optional: true,
    sources: [{ from: "powerstat_package", columns: [banded("current_power_consumption_watts", "power")], by: ["package_id"] }],
    draw: grouped("package_id", [{ column: "power", label: "" }], any, "show", t("packages")),
  },
  {
    id: "gpu", section: kHardware, title: t("GPU use"), unit: "percent", style: "line", ceilings: [10, 25, 50, 100], optional: true,
    sources: [{ from: "gpu", columns: [banded("usage_percent", "usage")], by: ["name"] }],
    draw: grouped("name", [{ column: "usage", label: "" }], any, "show", t("GPUs")),
  },
  {
    id: "gpu-memory", section: kHardware, title: t("GPU memory"), unit: "bytes", style: "line", optional: true,
    sources: [{ from: "gpu", columns: [banded("memory_used", "used")], by: ["name"] }],
    draw: grouped("name", [{ column: "used", label: "" }], any, "show", t("GPUs")),
  },
  {
    id: "battery", section: kHardware, title: t("Battery"), unit: "percent", style: "line", ceilings: [100], optional: true,
    sources: [{ from: "battery", columns: [mean("capacity")], by: ["name"] }],
    draw: grouped("name", [{ column: "capacity", label: "" }], any, "show", t("batteries")),
  },
  {
    id: "arc", section: kHardware, title: t("ZFS cache"), unit: "bytes", style: "line", optional: true,
    sources: [{ from: "zfs", columns: [banded("arcstats_size", "size"), max("arcstats_c_max", "most")] }],
    draw: plain([
      { column: "size", label: t("in use"), colour: 3 },
      { column: "most", label: t("at most"), colour: 7, overlay: true },
    ]),
  },
  {
    id: "nfs", section: kHardware, title: t("Time an NFS request takes, since it was mounted"), unit: "milliseconds", style: "line", optional: true,
    sources: [{ from: "nfsstat", columns: [mean("rtt_per_op", "time")], by: ["mountpoint"] }],
    draw: grouped("mountpoint", [{ column: "time", label: "" }], any, "show", t("mounts")),
  },
  {
    id: "nfsd", section: kHardware, title: t("Requests to the NFS server"), unit: "per_second", style: "line", optional: true,
    sources: [{ from: "nfsd", columns: [rate("calls", "calls"), rate("bad_calls", "bad")], rates: true }],
    draw: plain([{ column: "calls", label: t("requests"), colour: 0 }, { column: "bad", label: t("with an error"), colour: 6 }]),
  },
  {
    id: "clock", section: kHardware, title: t("Offset of the clock"), unit: "seconds", style: "line", optional: true,
    about: t("What remains to be corrected; the kernel's own estimate of its error is in timex."),
    sources: [{ from: "timex", columns: [banded("offset_seconds", "offset")] }],
    draw: plain([{ column: "offset", label: t("offset"), colour: 4 }]),
  },
  {
    id: "client", section: kClient, title: t("Time per gather, by collector"), unit: "milliseconds", style: "stack",
    about: t("What the collectors of a gather take together; one that runs each minute has its share of the gathers of a minute."),
    sources: [{ from: "internal_collector", columns: [sumOf("duration_seconds", "seconds"), countOf("duration_seconds", kGathers)], by: ["collector"] }],
    draw: perGather("collector", 1000),
  },
  {
    id: "client-cpu", section: kClient, title: "CPU", unit: "percent", style: "line", optional: true,
    about: t("100 % is one core."),
    sources: [{
      from: "internal_client", rates: true,
      columns: [bandedRate("cpu_seconds", "cpu", 100)],
    }],
    draw: plain([{ column: "cpu", label: "resmon-client", colour: 0 }]),
  },
  {
    id: "client-memory", section: kClient, title: t("Memory"), unit: "bytes", style: "line", optional: true,
    sources: [{ from: "internal_client", columns: [banded("memory_resident_bytes", "resident")] }],
    draw: plain([{ column: "resident", label: t("resident"), colour: 3 }]),
  },
  {
    id: "client-sent", section: kClient, title: t("Sent to the server"), unit: "bytes_per_second", style: "line", optional: true,
    sources: [{ from: "internal_client", columns: [bandedRate("sent_bytes", "sent")], rates: true }],
    draw: plain([{ column: "sent", label: t("sent"), colour: 4 }]),
  },
  {
    id: "client-backlog", section: kClient, title: t("Samples waiting and lost"), unit: "count", style: "line",
    sources: [{ from: "internal_client", columns: [max("backlog_samples", "backlog"), max("dropped_samples", "dropped")] }],
    draw: plain([
      { column: "backlog", label: t("waiting to be sent"), colour: 1 },
      { column: "dropped", label: t("dropped since start"), colour: 6 },
    ]),
  },
  {
    id: "client-failures", section: kClient, title: t("Failed collector runs"), unit: "count", style: "line", optional: true,
    sources: [{ from: "internal_collector", columns: [max("failures")], by: ["collector"] }],
    draw: (grids) => {
      const drawn = grouped("collector", [{ column: "failures", label: "" }], any, "hide", t("collectors"))(grids);
      return drawn.lines.some((line) => line.values.some((value) => (value ?? 0) > 0)) ? drawn : { lines: [] };
    },
  },
];
