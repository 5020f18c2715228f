// A stretch of one machine as Telegraf would have written it, in line protocol: gauges as they are, counters as running sums of
// their rates.

import { gauge, rate, tagSets } from "./values.mjs";

const kGauges = {
  cpu: ["user", "system", "iowait", "nice", "irq", "softirq", "steal", "active", "idle"].map((mode) => `usage_${mode}`),
  system: ["load1", "load5", "load15", "n_cpus"],
  mem: ["used", "available", "free", "total", "available_percent", "cached", "buffered", "shared", "slab", "mapped", "page_tables", "dirty",
    "write_back", "committed_as", "commit_limit"],
  swap: ["used", "total"],
  disk: ["used_percent", "inodes_used_percent", "total", "free"],
  diskio: ["io_util", "io_await", "iops_in_progress"],
  netstat: ["tcp_established", "tcp_time_wait", "tcp_close_wait", "tcp_listen", "udp_socket"],
  processes: ["running", "blocked", "zombies", "stopped", "sleeping", "idle", "total_threads", "total"],
  pressure: ["avg10"],
  linux_sysctl_fs: ["file-nr"],
  internal_collector: ["duration_seconds"],
  internal_client: ["backlog_samples", "dropped_samples", "memory_resident_bytes"],
};
const kCounters = {
  diskio: ["read_bytes", "write_bytes", "reads", "writes"],
  swap: ["in", "out"],
  net: ["bytes_recv", "bytes_sent", "packets_recv", "packets_sent", "err_in", "err_out", "drop_in", "drop_out"],
  kernel: ["context_switches", "interrupts", "processes_forked"],
  internal_client: ["cpu_seconds", "sent_bytes"],
};

// The schema's types: the server keeps them, and refuses a float where it has an integer.
const isFloat = (field) => /^usage_|percent|^load\d|^avg\d|^io_util$|^io_await$|_seconds$/.test(field);

const escapeTag = (text) => text.replace(/([,= ])/g, "\\$1");

// The lines of one gather at a time, each joined by newlines; times in ms.
export function* lines(host, from, to, stepMs) {
  const sums = new Map();
  const kinds = [
    ...Object.entries(kGauges).map((one) => ["gauge", ...one]), ...Object.entries(kCounters).map((one) => ["counter", ...one]),
  ];
  for (let t = Math.floor(from / stepMs) * stepMs; t <= to; t += stepMs) {
    const out = [];
    for (const [kind, measurement, fields] of kinds) {
      for (const tags of tagSets(host, measurement, ["host"])) {
        const series = [measurement, ...Object.entries(tags).map(([key, value]) => `${key}=${escapeTag(value)}`)].join(",");
        const cells = fields.map((field) => {
          if (kind === "gauge") {
            const value = gauge(host, measurement, tags, field, t);
            return `${field}=${isFloat(field) ? Number(value.toPrecision(7)) : `${Math.round(value)}i`}`;
          }
          const key = `${series} ${field}`;
          const sum = (sums.get(key) ?? 1e6) + (stepMs / 1000) * rate(host, measurement, tags, field, t);
          sums.set(key, sum);
          return `${field}=${field === "cpu_seconds" ? sum : `${Math.round(sum)}i`}`;
        });
        out.push(`${series} ${cells.join(",")} ${t}`);
      }
    }
    yield out.join("\n");
  }
}
