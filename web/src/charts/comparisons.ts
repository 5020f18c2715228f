// What the compare view draws: one figure a panel, one line a host.

import { t } from "../core/texts.ts";
import { banded, bandedBusy, mean, rate, type Column } from "../core/influxql.ts";
import { bandOf, sum, type Line, type Panel, type Source, type Values } from "./panel.ts";

// `fold`: several series a host (disks, interfaces) become one.
function figure(id: string, title: string, unit: Panel["unit"], source: Source, fold: "only" | "sum" | "highest" = "only",
                ceilings?: readonly number[]): Panel {
  return {
    id, section: "", title, unit, style: "line", ...(ceilings === undefined ? {} : { ceilings }),
    sources: [{ ...source, by: ["host", ...(source.by ?? [])] }],
    draw: ([grid]) => {
      const column = source.columns[0]?.as ?? "";
      const all = grid?.series ?? [];
      const lines = new Map<string, Line>();
      for (const series of all) {
        if (series.column !== column) continue;
        const host = series.tags["host"] ?? "";
        const before = lines.get(host);
        if (before === undefined) {
          lines.set(host, { key: host, label: host, colour: 0, values: series.values, ...(fold === "only" ? bandOf(all, series) : {}) });
        } else {
          before.values = fold === "sum" ? sum(before.values, series.values) : highest(before.values, series.values);
        }
      }
      return { lines: [...lines.values()] };
    },
  };
}

const highest = (a: Values, b: Values): Values =>
  a.map((value, at) => {
    const other = b[at] ?? null;
    return value === null ? other : other === null ? value : Math.max(value, other);
  });

const bits = (field: string, as: string): Column =>
  ({ expression: `non_negative_derivative(max("${field}"), 1s) * 8`, as });

const kShares = [10, 25, 50, 100];

export const kComparisons: readonly Panel[] = [
  figure("cpu", "CPU", "percent", { from: "cpu", columns: [bandedBusy("active")], where: [["cpu", "cpu-total"]] }, "only", kShares),
  figure("load", t("Load, 1 min"), "load", { from: "system", columns: [banded("load1")] }),
  figure("iowait", t("Waiting for disks (iowait)"), "percent", { from: "cpu", columns: [banded("usage_iowait", "iowait")], where: [["cpu", "cpu-total"]] }, "only", kShares),
  figure("pressure", t("Pressure, worst resource"), "percent", { from: "pressure", columns: [mean("avg10")], where: [["type", "some"]], by: ["resource"] }, "highest"),
  figure("memory", t("Memory used"), "percent", { from: "mem", columns: [banded("used_percent")] }, "only", [100]),
  figure("swap", t("Swap used"), "bytes", { from: "swap", columns: [banded("used")] }),
  figure("disk", t("Fullest disk"), "percent", { from: "disk", columns: [mean("used_percent")], by: ["path"] }, "highest", [100]),
  figure("disk-busy", t("Busiest disk"), "percent", { from: "diskio", columns: [mean("io_util")], by: ["name"] }, "highest", kShares),
  figure("received", t("Network received"), "bits_per_second", { from: "net", columns: [bits("bytes_recv", "received")], by: ["interface"], rates: true }, "sum"),
  figure("sent", t("Network sent"), "bits_per_second", { from: "net", columns: [bits("bytes_sent", "sent")], by: ["interface"], rates: true }, "sum"),
  figure("tcp", t("TCP connections"), "count", { from: "netstat", columns: [banded("tcp_established")] }),
  figure("processes", t("Processes"), "count", { from: "processes", columns: [banded("total")] }),
  figure("switches", t("Context switches"), "per_second", { from: "kernel", columns: [rate("context_switches")], rates: true }),
  figure("files", t("Open files"), "count", { from: "linux_sysctl_fs", columns: [banded("file-nr")] }),
];
