// What uses the machine: its processes, containers and services with their last values. The charts show the same over the chosen
// range; these tables are of its end, and each row opens its own charts.

import { t } from "../../core/texts.ts";
import { formatSince, formatSpan } from "../../core/format.ts";
import { serverNow } from "../../net/live.ts";
import { DataTable, type ChartContext, type Head } from "./data_table.tsx";
import { latestRows, type Latest, type Part } from "./latest.ts";
import { rowPanels, type Wish } from "./row_panels.ts";
import { useLatest } from "./use_latest.ts";
import { Word, type Level } from "./word.tsx";

const kNow = 90_000;          // what is written every ten seconds or so
const kStates = 11 * 60_000;  // what is written every five minutes, or when it changes and every ten

const kParts: readonly Part[] = [
  { from: "procstat", by: ["process_name", "user", "systemd_unit", "container_name"], lookBackMs: kNow,
    columns: ["cpu_usage", "memory_rss"] },
  { from: "docker_container_cpu", by: ["container_name"], lookBackMs: kNow, columns: ["usage_percent", "tasks", "throttling_throttled_periods"] },
  { from: "docker_container_mem", by: ["container_name"], lookBackMs: kNow, columns: ["usage", "usage_percent", "limit", "oom_kills"] },
  { from: "docker_container_status", by: ["container_name", "container_image", "container_version"], lookBackMs: kStates,
    columns: ["state", "restart_count", "started_at", "finished_at", "exitcode", "ports"] },
  { from: "docker_container_health", by: ["container_name"], lookBackMs: kStates, columns: ["health_status"] },
  { from: "systemd_units", by: ["name"], lookBackMs: kNow, columns: ["cpu_usage", "mem_current", "tasks", "oom_kills"] },
  { from: "systemd_units", by: ["name"], lookBackMs: kStates, columns: ["active", "sub", "active_code", "restarts", "since"] },
  { from: "procstat", by: ["process_name", "user", "systemd_unit", "container_name"], lookBackMs: kStates,
    columns: ["num_threads", "pid", "num_fds"] },
];
const kProcessParts = [0, 7];
const kContainerParts = [1, 2, 3, 4];
const kServiceParts = [5, 6];

const number = (row: Latest, column: string): number | null => {
  const value = row.values[column];
  return typeof value === "number" ? value : null;
};
const word = (row: Latest, column: string): string => String(row.values[column] ?? "");
const column = (title: string, name: string, unit: NonNullable<Head<Latest>["unit"]>, rank: Head<Latest>["rank"] = ""): Head<Latest> =>
  ({ title, unit, rank, value: (row) => number(row, name) });

const since = (seconds: number | null): string => (seconds === null ? "–" : formatSpan(serverNow() / 1000 - seconds));

const kProcessHeads: Head<Latest>[] = [
  column("CPU", "cpu_usage", "percent"), column(t("Memory"), "memory_rss", "bytes"), column(t("Threads"), "num_threads", "count", "rank-2"),
  column(t("Open files"), "num_fds", "count", "rank-3"), { ...column(t("Process"), "pid", "count", "rank-3"), show: (row) => row.values["pid"] ?? "–" },
];

function containerState(row: Latest): { text: string; level: Level } {
  const [state, health] = [word(row, "state"), word(row, "health_status")];
  if (state === "") return { text: "", level: "quiet" };
  if (health === "unhealthy") return { text: "unhealthy", level: "bad" };
  if (state === "running") return { text: health === "" ? "running" : health, level: health === "starting" ? "late" : "good" };
  const code = number(row, "exitcode") ?? 0;
  if (state === "exited" && code !== 0) return { text: t("exited with {code}", { code }), level: "bad" };
  return { text: state, level: state === "restarting" || state === "dead" ? "bad" : "quiet" };
}

function serviceState(row: Latest): { text: string; level: Level } {
  const active = word(row, "active");
  if (active === "failed") return { text: "failed", level: "bad" };
  if (active === "activating" || active === "deactivating" || active === "reloading") return { text: active, level: "late" };
  return { text: active === "" ? "" : active === "active" ? word(row, "sub") || "active" : active, level: active === "active" ? "good" : "quiet" };
}

const stateHead = (stateOf: (row: Latest) => { text: string; level: Level }): Head<Latest> => ({
  title: t("State"), value: (row) => { const { text } = stateOf(row); return text === "" ? null : text; },
  show: (row) => <Word {...stateOf(row)} />,
});

const kContainerHeads: Head<Latest>[] = [
  stateHead(containerState),
  column("CPU", "usage_percent_of_core", "percent"), column(t("Memory"), "usage", "bytes"), column(t("Limit"), "limit", "bytes", "rank-2"),
  column(t("Restarts"), "restart_count", "count", "rank-2"), column(t("OOM kills"), "oom_kills", "count", "rank-2"),
  { title: t("Since"), unit: "seconds", rank: "rank-2", value: (row) => (number(row, "started_at") ?? 0) / 1e9 || null,
    show: (row) => since((number(row, "started_at") ?? 0) / 1e9 || null) },
  { title: t("Ports"), rank: "rank-3", value: (row) => word(row, "ports") || null, show: (row) => word(row, "ports") || "–" },
];
const kServiceHeads: Head<Latest>[] = [
  stateHead(serviceState),
  column("CPU", "cpu_usage", "percent"), column(t("Memory"), "mem_current", "bytes"), column(t("Tasks"), "tasks", "count", "rank-2"),
  column(t("Restarts"), "restarts", "count", "rank-2"), column(t("OOM kills"), "oom_kills", "count", "rank-2"),
  { title: t("Since"), unit: "seconds", rank: "rank-2", value: (row) => number(row, "since"), show: (row) => since(number(row, "since")) },
];

const kProcessWishes: Wish[] = [
  { title: "CPU", unit: "percent", from: "procstat", field: "cpu_usage" },
  { title: t("Memory"), unit: "bytes", from: "procstat", field: "memory_rss" },
  { title: t("Disk, read ▴ written ▾"), unit: "bytes_per_second", from: "procstat", rates: true, below: true,
    lines: [["disk_read_bytes", t("read")], ["disk_write_bytes", t("written")]] },
];
const kWaits: Wish = {
  title: t("Waiting, µs a second"), unit: "per_second", from: "cgroup_pressure", rates: true,
  lines: [["cpu_some", t("for CPU")], ["memory_some", t("for memory")], ["io_some", t("for I/O")]],
};
const kContainerWishes: Wish[] = [
  { title: "CPU", unit: "percent", from: "docker_container_cpu", field: "usage_percent" },
  { title: t("Memory"), unit: "bytes", from: "docker_container_mem", lines: [["usage", t("used")], ["limit", t("limit")]] },
  { title: t("Disk, read ▴ written ▾"), unit: "bytes_per_second", from: "docker_container_blkio", rates: true, below: true,
    lines: [["io_service_bytes_recursive_read", t("read")], ["io_service_bytes_recursive_write", t("written")]] },
  { title: t("Network, received ▴ sent ▾"), unit: "bytes_per_second", from: "docker_container_net", rates: true, below: true,
    lines: [["rx_bytes", t("received")], ["tx_bytes", t("sent")]] },
  kWaits,
];
const kServiceWishes: Wish[] = [
  { title: "CPU", unit: "percent", from: "systemd_units", field: "cpu_usage" },
  { title: t("Memory"), unit: "bytes", from: "systemd_units", field: "mem_current" },
  { title: t("Disk, read ▴ written ▾"), unit: "bytes_per_second", from: "systemd_units", rates: true, below: true,
    lines: [["io_read_bytes", t("read")], ["io_write_bytes", t("written")]] },
];

export function Users(context: ChartContext) {
  const results = useLatest(kParts, context.host, context.range);
  const pick = (parts: readonly number[], merge: boolean): Latest[] =>
    latestRows(parts.flatMap((at) => kParts[at] ?? []), parts.map((at) => results[at]), merge);
  // What has gone meanwhile has details only.
  const processes = pick(kProcessParts, false).filter((row) => row.values["cpu_usage"] !== undefined);
  // Both measurements of a container have a usage_percent: of a core, and of the memory's limit.
  const cpu = new Map(pick([1], true).map((row) => [row.name, number(row, "usage_percent")]));
  const containers = pick(kContainerParts, true).map((row) => ({ ...row, values: { ...row.values, usage_percent_of_core: cpu.get(row.name) ?? null } }));
  const services = pick(kServiceParts, true);
  // Of a range of the past, the moment that the tables are of.
  const end = context.range.kind === "absolute" && context.range.to < serverNow() ? context.range.to : null;
  const moment = end === null ? undefined : t("at {time}, the end of the range", { time: formatSince(end, serverNow()) });
  const common = { keyOf: (row: Latest) => row.key, nameOf: (row: Latest) => row.name, aboutOf: (row: Latest) => row.about, context, moment };
  return (
    <>
      {processes.length > 0 && (
        <DataTable {...common} title={t("Processes")} caption={t("Processes, those that use most first")} rows={processes} heads={kProcessHeads}
                   chartsOf={(row) => rowPanels(row.key, row.tags, kProcessWishes)} />
      )}
      {containers.length > 0 && (
        <DataTable {...common} title={t("Containers")} caption={t("Containers, those that use most first")} rows={containers} heads={kContainerHeads} sorted={1}
                   chartsOf={(row) => rowPanels(row.key, { container_name: row.name }, kContainerWishes)} />
      )}
      {services.length > 0 && (
        <DataTable {...common} title={t("Services")} caption={t("Services, those that use most first")} rows={services} heads={kServiceHeads} sorted={1}
                   chartsOf={(row) => [
                     ...rowPanels(row.key, { name: row.name }, kServiceWishes), ...rowPanels(`${row.key} waits`, { systemd_unit: row.name }, [kWaits]),
                   ]} />
      )}
    </>
  );
}
