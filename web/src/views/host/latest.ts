// The last values of a host's series, one row a thing: what the tables of processes, containers, services and hardware show. A thing may
// have parts in several measurements (a container's CPU, memory and state), each with its own rhythm.

import type { StatementResult } from "../../core/influx_response.ts";
import { identifier, literal } from "../../core/influxql.ts";

export type Value = number | string | null;

export interface Latest {
  key: string;
  name: string;                  // what the row is about
  about: string;                 // its user, its unit
  tags: Record<string, string>;  // of the first part that has it
  values: Record<string, Value>;
}

export interface Part {
  from: string;
  by: readonly string[];      // the first is the name; the others are `about`, as far as they are there
  columns: readonly string[];
  lookBackMs: number;         // more than the interval at which it is written
}

export function latestQuery(part: Part, host: string, end: number): string {
  const columns = part.columns.map((field) => `last(${identifier(field)}) AS ${identifier(field)}`).join(", ");
  const by = part.by.length === 0 ? "" : ` GROUP BY ${part.by.map(identifier).join(", ")}`;
  return (
    `SELECT ${columns} FROM ${identifier(part.from)} WHERE "host" = ${literal(host)} ` +
    `AND time >= ${end - part.lookBackMs}ms AND time < ${end}ms${by}`
  );
}

// The rows of all parts; those of one name are one where `merge` says so. A series without any value in its time is left out.
export function latestRows(parts: readonly Part[], results: readonly (StatementResult | undefined)[], merge: boolean): Latest[] {
  const rows = new Map<string, Latest>();
  parts.forEach((part, index) => {
    const result = results[index];
    if (result === undefined || result.error !== null) return;
    for (const series of result.series) {
      const named = part.by.map((tag) => series.tags[tag] ?? "");
      const name = named[0] ?? "";
      if (name === "" && part.by.length > 0) continue;
      const values: Record<string, Value> = {};
      for (const column of part.columns) {
        const found = series.values[0]?.[series.columns.indexOf(column)];
        if (typeof found === "number" || typeof found === "string") values[column] = found;
        else if (typeof found === "boolean") values[column] = found ? 1 : 0;
      }
      if (Object.keys(values).length === 0) continue;
      const key = merge ? name : named.join("\n");
      const known = rows.get(key);
      const about = named.slice(1).filter((text) => text !== "").join(" · ");
      if (known !== undefined) {
        Object.assign(known.values, values);
        known.about ||= about;
      } else {
        const tags = Object.fromEntries(part.by.map((tag) => [tag, series.tags[tag] ?? ""]).filter(([, value]) => value !== ""));
        rows.set(key, { key, name, about, tags, values });
      }
    }
  });
  return [...rows.values()];
}

const kCollator = new Intl.Collator("en", { numeric: true, sensitivity: "base" });

// Unknown values come last in both directions; equal ones keep the order of their names, so rows do not dance.
export function sortRows<Row>(rows: readonly Row[], valueOf: (row: Row) => Value, nameOf: (row: Row) => string, descending: boolean): Row[] {
  const direction = descending ? -1 : 1;
  return rows.slice().sort((a, b) => {
    const [x, y] = [valueOf(a), valueOf(b)];
    if (x === null || y === null) {
      if (x !== y) return x === null ? 1 : -1;
    } else {
      const order = typeof x === "number" && typeof y === "number" ? x - y : kCollator.compare(String(x), String(y));
      if (order !== 0) return order * direction;
    }
    return kCollator.compare(nameOf(a), nameOf(b));
  });
}

// Words that must all be somewhere in the row's texts.
export function findRows<Row>(rows: readonly Row[], search: string, textsOf: (row: Row) => readonly string[]): Row[] {
  const words = search.toLowerCase().split(/\s+/).filter((word) => word !== "");
  if (words.length === 0) return rows.slice();
  return rows.filter((row) => {
    const text = textsOf(row).join("\n").toLowerCase();
    return words.every((word) => text.includes(word));
  });
}
