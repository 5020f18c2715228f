// What the hardware says, as plain states: arrays and pools, disks, batteries, network bonds, GPUs, memory errors, the clock. One list,
// because the question is what is broken, and not which measurement told it.

import { t } from "../../core/texts.ts";
import { format, formatDuration } from "../../core/format.ts";
import type { StatementResult } from "../../core/influx_response.ts";
import { latestRows, type Latest, type Part } from "./latest.ts";
import type { Wish } from "./row_panels.ts";
import type { Level } from "./word.tsx";

export interface Thing {
  key: string;
  kind: string;
  name: string;
  state: string;
  level: Level;
  detail: string;
  tags: Record<string, string>;
  charts: Wish[];
}

const kMinutes = 60_000;

interface Kind extends Part {
  kind: string;
  name?: (row: Latest) => string;
  tell: (row: Latest) => { state: string; level: Level; detail?: string };
  charts: readonly Omit<Wish, "from">[];
}

const number = (row: Latest, column: string): number | null => {
  const value = row.values[column];
  return typeof value === "number" ? value : null;
};
const text = (row: Latest, column: string): string => String(row.values[column] ?? "");
const some = (parts: readonly (string | null | false)[]): string => parts.filter((part) => part !== null && part !== false && part !== "").join(", ");
const shown = (value: number | null, unit: Parameters<typeof format>[1], words = (text: string): string => text): string | null =>
  value === null ? null : words(format(value, unit));

export const kKinds: readonly Kind[] = [
  {
    kind: "RAID", from: "mdstat", by: ["Name", "ActivityState", "Devices"], lookBackMs: 100_000,
    columns: ["DisksActive", "DisksTotal", "DisksFailed", "BlocksTotal", "BlocksSyncedPct", "BlocksSyncedFinishTime"],
    tell: (row) => {
      const [active, total, failed] = [number(row, "DisksActive") ?? 0, number(row, "DisksTotal") ?? 0, number(row, "DisksFailed") ?? 0];
      const activity = row.tags["ActivityState"] ?? "";
      const syncs = !["active", "inactive"].includes(activity);
      const left = number(row, "BlocksSyncedFinishTime") ?? 0;
      const detail = some([t("{some} of {all} disks", { some: active, all: total }), failed > 0 && t("{n} failed", { n: failed }), row.tags["Devices"] ?? "",
        syncs && `${activity} ${format(number(row, "BlocksSyncedPct"), "percent")}`, syncs && left > 0 && t("{duration} left", { duration: formatDuration(left * 60) })]);
      if (activity === "inactive") return { state: t("inactive"), level: "bad", detail };
      if (active < total || failed > 0) return { state: t("degraded"), level: "bad", detail };
      return syncs ? { state: activity, level: "late", detail } : { state: t("good"), level: "good", detail };
    },
    charts: [{ title: t("Disks that work"), unit: "count", lines: [["DisksActive", t("working")], ["DisksTotal", t("in all")]] }],
  },
  {
    kind: t("ZFS pool"), from: "zfs_pool", by: ["pool"], lookBackMs: 100_000, columns: ["health", "health_code"],
    tell: (row) => {
      const health = text(row, "health");
      return { state: health === "ONLINE" ? t("good") : health.toLowerCase(), level: health === "ONLINE" ? "good" : "bad" };
    },
    charts: [{ title: t("Read ▴ written ▾"), unit: "bytes_per_second", rates: true, below: true, lines: [["nread", t("read")], ["nwritten", t("written")]] }],
  },
  {
    kind: "Btrfs", from: "btrfs", by: ["uuid", "label"], lookBackMs: 3 * kMinutes, name: (row) => row.tags["label"] ?? row.name,
    columns: ["devices", "devices_missing", "usable_bytes", "write_errors", "read_errors", "flush_errors", "corruption_errors", "generation_errors"],
    tell: (row) => {
      const missing = number(row, "devices_missing") ?? 0;
      const errors = ["write", "read", "flush", "corruption", "generation"].reduce((sum, one) => sum + (number(row, `${one}_errors`) ?? 0), 0);
      const detail = some([shown(number(row, "usable_bytes"), "bytes", (value) => t("{value} usable", { value })), shown(number(row, "devices"), "count", (value) => t("{value} devices", { value })),
        missing > 0 && t("{n} missing", { n: missing }), errors > 0 && t("{n} errors of devices", { n: errors })]);
      if (missing > 0) return { state: t("degraded"), level: "bad", detail };
      return errors > 0 ? { state: t("errors"), level: "late", detail } : { state: t("good"), level: "good", detail };
    },
    charts: [
      { title: t("Space that can still be written"), unit: "bytes", field: "usable_bytes" },
      { title: t("Errors of devices"), unit: "count", lines: [["read_errors", t("read")], ["write_errors", t("written")], ["corruption_errors", t("corruption")]] },
    ],
  },
  {
    kind: t("Disk"), from: "smart_device", by: ["device", "model", "serial_no"], lookBackMs: 26 * 60 * kMinutes,
    columns: ["health_ok", "temp_c", "power_on_hours", "reallocated_sectors_count", "pending_sector_count", "uncorrectable_sector_count",
      "percentage_used", "media_errors", "exit_status"],
    tell: (row) => {
      const bad = ["reallocated_sectors_count", "pending_sector_count", "uncorrectable_sector_count", "media_errors"]
        .reduce((sum, one) => sum + (number(row, one) ?? 0), 0);
      const worn = number(row, "percentage_used");
      const detail = some([row.tags["model"] ?? "", shown(number(row, "temp_c"), "celsius"),
        shown((number(row, "power_on_hours") ?? 0) * 3600 || null, "count") === null ? null : t("{duration} on", { duration: formatDuration((number(row, "power_on_hours") ?? 0) * 3600) }),
        worn !== null && t("{n} % worn", { n: worn }), bad > 0 && t("{n} bad sectors or errors", { n: bad })]);
      if (number(row, "health_ok") === 0) return { state: t("failing"), level: "bad", detail };
      if (bad > 0 || (worn !== null && worn >= 90)) return { state: t("ageing"), level: "late", detail };
      return number(row, "health_ok") === 1 ? { state: t("good"), level: "good", detail } : { state: t("not known"), level: "quiet", detail };
    },
    charts: [
      { title: t("Temperature"), unit: "celsius", field: "temp_c" },
      { title: t("Bad sectors"), unit: "count", lines: [["reallocated_sectors_count", t("reallocated")], ["pending_sector_count", t("pending")],
        ["uncorrectable_sector_count", t("uncorrectable")]] },
    ],
  },
  {
    kind: t("Memory errors"), from: "edac", by: ["controller"], lookBackMs: 3 * kMinutes, columns: ["ce_count", "ue_count"],
    tell: (row) => {
      const [corrected, not] = [number(row, "ce_count") ?? 0, number(row, "ue_count") ?? 0];
      const detail = t("{corrected} corrected, {other} not", { corrected, other: not });
      return not > 0 ? { state: t("errors"), level: "bad", detail } : corrected > 0 ? { state: t("corrected errors"), level: "late", detail }
        : { state: t("good"), level: "good", detail };
    },
    charts: [{ title: t("Memory errors"), unit: "count", lines: [["ce_count", t("corrected")], ["ue_count", t("not corrected")]] }],
  },
  {
    kind: t("Bond"), from: "bond", by: ["bond"], lookBackMs: 100_000, columns: ["status", "active_slave"],
    tell: (row) => {
      const active = text(row, "active_slave");
      return { state: number(row, "status") === 1 ? t("up") : t("down"), level: number(row, "status") === 1 ? "good" : "bad", detail: active === "" ? "" : t("{name} is in use", { name: active }) };
    },
    charts: [{ title: t("Link"), unit: "count", field: "status" }],
  },
  {
    kind: t("Bond's interface"), from: "bond_slave", by: ["interface", "bond"], lookBackMs: 100_000, columns: ["status", "failures"],
    tell: (row) => ({
      state: number(row, "status") === 1 ? t("up") : t("down"), level: number(row, "status") === 1 ? "good" : "bad",
      detail: some([t("of {name}", { name: row.tags["bond"] ?? "" }), shown(number(row, "failures"), "count", (value) => t("{value} times lost", { value }))]),
    }),
    charts: [{ title: t("Times that the link was lost"), unit: "count", field: "failures" }],
  },
  {
    kind: t("Wireless"), from: "wireless", by: ["interface"], lookBackMs: 100_000, columns: ["level", "link", "noise"],
    tell: (row) => {
      const level = number(row, "level");
      const weak = level !== null && level < -75;
      return { state: level === null ? t("not known") : weak ? t("weak") : t("good"), level: level === null ? "quiet" : weak ? "late" : "good",
        detail: level === null ? "" : `${level} dBm` };
    },
    charts: [{ title: t("Signal, dBm"), unit: "number", field: "level" }],
  },
  {
    kind: t("Battery"), from: "battery", by: ["name"], lookBackMs: 3 * kMinutes, columns: ["capacity", "status", "power", "energy_full", "energy_full_design"],
    tell: (row) => {
      const capacity = number(row, "capacity");
      const status = text(row, "status").toLowerCase();
      const [full, design] = [number(row, "energy_full"), number(row, "energy_full_design")];
      const low = capacity !== null && capacity < 15 && status === "discharging";
      return { state: status === "" ? t("not known") : status, level: low ? "bad" : "good",
        detail: some([capacity === null ? null : `${capacity} %`, full !== null && design !== null && design > 0 && t("{n} % of its capacity left", { n: Math.round((100 * full) / design) })]) };
    },
    charts: [{ title: t("Charge"), unit: "percent", field: "capacity" }, { title: t("Power, W"), unit: "number", field: "power" }],
  },
  {
    kind: "GPU", from: "gpu", by: ["name", "driver", "device"], lookBackMs: 100_000, columns: ["state", "usage_percent", "memory_used", "memory_total", "clock_mhz"],
    tell: (row) => {
      const [used, total] = [number(row, "memory_used"), number(row, "memory_total")];
      return { state: text(row, "state") === "suspended" ? t("asleep") : t("awake"), level: text(row, "state") === "suspended" ? "quiet" : "good",
        detail: some([row.tags["driver"] ?? "", shown(number(row, "usage_percent"), "percent", (value) => t("{value} used", { value })),
          used !== null && total !== null && t("{some} of {all}", { some: format(used, "bytes"), all: format(total, "bytes") })]) };
    },
    charts: [{ title: t("Use"), unit: "percent", field: "usage_percent" }, { title: t("Memory"), unit: "bytes", lines: [["memory_used", t("used")], ["memory_total", t("in all")]] }],
  },
  {
    kind: t("CPU power"), from: "powerstat_package", by: ["package_id"], lookBackMs: 100_000, name: (row) => t("package {name}", { name: row.name }),
    columns: ["current_power_consumption_watts", "current_dram_power_consumption_watts"],
    tell: (row) => ({ state: `${format(number(row, "current_power_consumption_watts"), "number")} W`, level: "quiet",
      detail: number(row, "current_dram_power_consumption_watts") === null ? "" : t("memory {value} W", { value: format(number(row, "current_dram_power_consumption_watts"), "number") }) }),
    charts: [{ title: t("Power, W"), unit: "number", lines: [["current_power_consumption_watts", t("package")], ["current_dram_power_consumption_watts", t("memory")]] }],
  },
  {
    kind: t("Clock"), from: "timex", by: [], lookBackMs: 3 * kMinutes, name: () => t("system clock"), columns: ["sync_status", "offset_seconds", "maxerror_seconds"],
    tell: (row) => {
      const good = number(row, "sync_status") === 1;
      return { state: good ? t("synchronised") : t("not synchronised"), level: good ? "good" : "late",
        detail: good ? t("off by {value}", { value: format(Math.abs(number(row, "offset_seconds") ?? 0), "seconds") }) : t("nothing sets it") };
    },
    charts: [{ title: t("Offset"), unit: "seconds", field: "offset_seconds" }],
  },
];

const kRank: Record<Level, number> = { bad: 0, late: 1, good: 2, quiet: 3 };
export const rankOf = (thing: Thing): number => kRank[thing.level];

export function thingsOf(results: readonly (StatementResult | undefined)[]): Thing[] {
  return kKinds.flatMap((kind, index) => {
    const seen = new Map<string, Thing>();
    for (const row of latestRows([kind], [results[index]], false)) {
      const name = kind.name?.(row) ?? row.name;
      const { state, level, detail = "" } = kind.tell(row);
      const thing: Thing = {
        key: `${kind.kind} ${name}`, kind: kind.kind, name, state, level, detail,
        // A state that is a tag (mdstat's) is another series when it changes: the charts are of all of them.
        tags: Object.fromEntries(Object.entries(row.tags).filter(([tag]) => tag !== "ActivityState" && tag !== "Devices")),
        charts: kind.charts.map((wish) => ({ ...wish, from: kind.from })),
      };
      const before = seen.get(name);
      if (before === undefined || rankOf(thing) < rankOf(before)) seen.set(name, thing);
    }
    return [...seen.values()];
  });
}
