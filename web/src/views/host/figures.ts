// The figures of a host that are compared with other days: of now (why.tsx), and of a range of the past (past_summary.tsx).

import { t } from "../../core/texts.ts";
import type { Unit } from "../../core/format.ts";
import type { StatementResult } from "../../core/influx_response.ts";
import { busy, mean, rate, select, type Column, type Window } from "../../core/influxql.ts";
import type { Figure } from "../../core/usual.ts";

const kFigures: readonly { title: string; unit: Unit; least: number; from: string; column: Column; where?: readonly (readonly [string, string])[]; by?: string }[] = [
  { title: "CPU", unit: "percent", least: 10, from: "cpu", column: busy("v"), where: [["cpu", "cpu-total"]] },
  { title: t("memory"), unit: "percent", least: 10, from: "mem", column: mean("used_percent", "v") },
  { title: t("load"), unit: "load", least: 1, from: "system", column: mean("load1", "v") },
  { title: t("network in"), unit: "bits_per_second", least: 1e6, from: "net", column: rate("bytes_recv", "v", 8), by: "interface" },
  { title: t("network out"), unit: "bits_per_second", least: 1e6, from: "net", column: rate("bytes_sent", "v", 8), by: "interface" },
];

// What is compared, with the day before it and the week before it; null: with that it is not.
export type Windows = readonly [now: Window, yesterday: Window | null, weekAgo: Window | null];

// The mean over time of the sum of all series; null where there is none.
function meanOf(result: StatementResult | undefined): number | null {
  const means = (result?.series ?? []).flatMap((series) => {
    const values = series.values.map((row) => row[1]).filter((value): value is number => typeof value === "number");
    return values.length === 0 ? [] : [values.reduce((a, b) => a + b, 0) / values.length];
  });
  return means.length === 0 ? null : means.reduce((a, b) => a + b, 0);
}

export function figureStatements(host: string, windows: Windows): string[] {
  return kFigures.flatMap(({ from, column, where = [], by }) => windows.flatMap((window) =>
    window === null ? [] : [select({ columns: [column], from, where: [["host", host], ...where], by: by === undefined ? [] : [by] }, window)]));
}

// REQUIRES: the results are those of figureStatements, in order.
export function figuresOf(results: readonly StatementResult[], windows: Windows): Figure[] {
  let next = 0;
  return kFigures.map(({ title, unit, least }) => {
    const [now = null, yesterday = null, weekAgo = null] = windows.map((window) => (window === null ? null : meanOf(results[next++])));
    return { title, unit, least, now, yesterday, weekAgo };
  });
}
