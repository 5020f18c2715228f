// A query's answer as one table and as CSV: all series under each other, their tags as columns.

import { t } from "./texts.ts";
import { fixed, formatNumber } from "./format.ts";
import type { Cell, Series } from "./influx_response.ts";
import { seriesLabel } from "./tags.ts";

export interface ResultTable {
  columns: string[];
  tagColumns: number;  // the columns before the values: `series` (where there are several measurements) and the tags
  rows: Cell[][];
}

export function toTable(series: readonly Series[]): ResultTable {
  const names = new Set(series.map((one) => one.name));
  const tags = [...new Set(series.flatMap((one) => Object.keys(one.tags)))];
  const values = [...new Set(series.flatMap((one) => one.columns))];
  const lead = [...(names.size > 1 ? ["measurement"] : []), ...tags];
  const rows = series.flatMap((one) => {
    const at = values.map((name) => one.columns.indexOf(name));
    const first: Cell[] = [...(names.size > 1 ? [one.name] : []), ...tags.map((tag) => one.tags[tag] ?? null)];
    return one.values.map((row): Cell[] => [...first, ...at.map((index) => row[index] ?? null)]);
  });
  // Time first: it is what people look for.
  const time = values.indexOf("time");
  if (time > 0) throw new Error(t("time is not the first column"));
  return { columns: [...lead, ...values], tagColumns: lead.length, rows };
}

const collator = new Intl.Collator("en", { numeric: true, sensitivity: "base" });

// Nothing comes last in both directions.
export function sortRows(rows: readonly Cell[][], column: number, descending: boolean): Cell[][] {
  const direction = descending ? -1 : 1;
  return rows.slice().sort((a, b) => {
    const [x, y] = [a[column] ?? null, b[column] ?? null];
    if (x === null || y === null) return x === y ? 0 : x === null ? 1 : -1;
    return direction * (typeof x === "number" && typeof y === "number" ? x - y : collator.compare(String(x), String(y)));
  });
}

// A number as the table shows it, rounded to what a person compares; the CSV has all of it.
const shown = (value: number): string => String(Number(value.toPrecision(8)));

const kMostDecimals = 3;

// How a column writes its numbers: all with as many decimals as the one with most, so that their points stand under each other. Where that
// were many, each with its own.
export function numberFormat(rows: readonly Cell[][], column: number): (value: number) => string {
  let decimals = 0;
  for (const row of rows) {
    const value = row[column];
    if (typeof value !== "number") continue;
    const [, fraction = ""] = shown(value).split(".");
    decimals = Math.max(decimals, shown(value).includes("e") ? Infinity : fraction.length);
  }
  return decimals <= kMostDecimals ? (value) => fixed(value, decimals) : (value) => formatNumber(Number(shown(value)));
}

// RFC 4180. A text that a spreadsheet would take for a formula gets an apostrophe.
export function toCsv(table: ResultTable): string {
  const cell = (value: Cell): string => {
    if (value === null) return "";
    if (typeof value !== "string") return String(value);
    const safe = /^[=+\-@\t\r]/.test(value) ? `'${value}` : value;
    return /[",\r\n]/.test(safe) ? `"${safe.replaceAll('"', '""')}"` : safe;
  };
  const time = table.columns.indexOf("time");
  const line = (row: readonly Cell[]): string =>
    row.map((value, index) => (index === time && typeof value === "number" ? new Date(value).toISOString() : cell(value))).join(",");
  return [table.columns.map(cell).join(","), ...table.rows.map(line)].join("\r\n") + "\r\n";
}

export interface Points {
  times: number[];
  lines: { label: string; values: (number | null)[] }[];
  left: number;  // series that are too many to draw
}

const kMostLines = 24;

// Every numeric column as a line on one axis of all the times that occur; null where nothing can be drawn.
export function toPoints(series: readonly Series[]): Points | null {
  const times = [...new Set(series.flatMap((one) => one.columns[0] === "time" ? one.values.map((row) => row[0]) : []))]
    .filter((time): time is number => typeof time === "number")
    .sort((a, b) => a - b);
  if (times.length < 2) return null;
  const at = new Map(times.map((time, index) => [time, index]));
  const names = new Set(series.map((one) => one.name));
  const lines: Points["lines"] = [];
  let left = 0;
  for (const one of series) {
    const numeric = one.columns.map((_, index) => index).filter((index) => index > 0 && one.values.some((row) => typeof row[index] === "number"));
    for (const column of numeric) {
      if (lines.length >= kMostLines) {
        ++left;
        continue;
      }
      const values = new Array<number | null>(times.length).fill(null);
      for (const row of one.values) {
        const [time, value] = [row[0], row[column]];
        if (typeof time === "number" && typeof value === "number") values[at.get(time) ?? 0] = value;
      }
      const tags = seriesLabel(one.tags);
      const label = [names.size > 1 ? one.name : "", tags, numeric.length > 1 || tags === "" ? one.columns[column] ?? "" : ""].filter((part) => part !== "").join(" ");
      lines.push({ label, values });
    }
  }
  return lines.length === 0 ? null : { times, lines, left };
}
