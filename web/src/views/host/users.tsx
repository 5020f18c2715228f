// What uses the machine: its processes, containers and services with their last values. The charts show the same over the chosen
// range; these tables are of its end.

import { useEffect, useState } from "preact/hooks";
import { format, type Unit } from "../../core/format.ts";
import type { Range } from "../../core/time_range.ts";
import { serverNow } from "../../net/live.ts";
import { runEach } from "../../net/query.ts";
import { TableBox } from "../../ui/table_box.tsx";
import { latestQuery, latestRows, type Latest, type LatestSource } from "./latest.ts";

const kRefreshMs = 10_000;
const kMostRows = 20;

interface Table extends LatestSource {
  title: string;
  lookBackMs: number;
  heads: readonly { title: string; unit: Unit; rank: "" | "rank-2" | "rank-3" }[];  // of `columns`
}

const kTables: readonly Table[] = [
  {
    title: "Processes", from: "procstat", by: ["process_name", "user", "systemd_unit", "container_name"], lookBackMs: 90_000,
    columns: ["cpu_usage", "memory_rss", "num_threads", "pid"],
    heads: [
      { title: "CPU", unit: "percent", rank: "" }, { title: "Memory", unit: "bytes", rank: "" },
      { title: "Threads", unit: "count", rank: "rank-2" }, { title: "Process", unit: "count", rank: "rank-3" },
    ],
  },
  {
    title: "Containers", from: "docker_container_cpu", by: ["container_name"], lookBackMs: 90_000,
    columns: ["usage_percent", "tasks", "throttling_throttled_periods"],
    heads: [
      { title: "CPU", unit: "percent", rank: "" }, { title: "Tasks", unit: "count", rank: "rank-2" },
      { title: "Periods throttled", unit: "count", rank: "rank-3" },
    ],
  },
  {
    title: "Memory of containers", from: "docker_container_mem", by: ["container_name"], lookBackMs: 90_000,
    columns: ["usage", "limit", "max_usage", "oom_kills"],
    heads: [
      { title: "Used", unit: "bytes", rank: "" }, { title: "Limit", unit: "bytes", rank: "" },
      { title: "Most ever", unit: "bytes", rank: "rank-2" }, { title: "OOM kills", unit: "count", rank: "rank-2" },
    ],
  },
  {
    title: "Services", from: "systemd_units", by: ["name"], lookBackMs: 90_000,
    columns: ["cpu_usage", "mem_current", "mem_peak", "tasks", "oom_kills"],
    heads: [
      { title: "CPU", unit: "percent", rank: "" }, { title: "Memory", unit: "bytes", rank: "" },
      { title: "Most ever", unit: "bytes", rank: "rank-2" }, { title: "Tasks", unit: "count", rank: "rank-2" },
      { title: "OOM kills", unit: "count", rank: "rank-2" },
    ],
  },
];

async function fetchTables(host: string, end: number, signal: AbortSignal): Promise<Latest[][]> {
  const results = await runEach(kTables.map((table) => latestQuery(table, host, end - table.lookBackMs, end)), signal);
  return kTables.map((table, index) => {
    const result = results[index];
    return result === undefined || result.error !== null ? [] : latestRows(table, result);
  });
}

export function Users({ host, range }: { host: string; range: Range }) {
  const [tables, setTables] = useState<Latest[][]>([]);
  const until = range.kind === "absolute" ? range.to : null;
  useEffect(() => {
    const aborter = new AbortController();
    const update = (): void => {
      if (document.visibilityState !== "visible") return;
      const end = Math.round(Math.min(until ?? Infinity, serverNow() + 1000));
      // The charts say what is wrong with the server; these tables only stay as they are.
      fetchTables(host, end, aborter.signal).then(setTables, () => undefined);
    };
    update();
    const timer = setInterval(update, kRefreshMs);
    return () => {
      aborter.abort();
      clearInterval(timer);
    };
  }, [host, until]);
  return (
    <>
      {kTables.map((table, index) => {
        const rows = tables[index] ?? [];
        return rows.length === 0 ? null : <LastValues key={table.title} table={table} rows={rows} />;
      })}
    </>
  );
}

function LastValues({ table, rows }: { table: Table; rows: Latest[] }) {
  const left = rows.length - kMostRows;
  return (
    <div class="disks"><TableBox label={table.title}>
      <table class="plain">
        <caption class="hidden">{table.title}, those that use most first</caption>
        <thead>
          <tr>
            <th scope="col">{table.title}</th>
            {table.heads.map((head) => <th key={head.title} scope="col" class={`numeric ${head.rank}`}>{head.title}</th>)}
          </tr>
        </thead>
        <tbody>
          {rows.slice(0, kMostRows).map((row) => (
            <tr key={`${row.name} ${row.about}`}>
              <th scope="row">{row.name} <span class="quiet rank-3">{row.about}</span></th>
              {table.heads.map((head, at) => (
                <td key={head.title} class={`numeric ${head.rank}`}>
                  {head.title === "Process" ? row.values[at] ?? "–" : format(row.values[at], head.unit)}
                </td>
              ))}
            </tr>
          ))}
        </tbody>
      </table>
      {left > 0 && <p class="quiet">and {left} more that use less</p>}
    </TableBox></div>
  );
}
