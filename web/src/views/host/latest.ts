// The last values of a host's series, one row a series: what the tables of processes, containers and services show.

import type { StatementResult } from "../../core/influx_response.ts";
import { identifier, literal } from "../../core/influxql.ts";

export interface Latest {
  name: string;              // what the row is about
  about: string;             // its user, its unit
  values: (number | null)[]; // in the order of `columns`
}

export interface LatestSource {
  from: string;
  by: readonly string[];     // the first is the name; the others are `about`, the first of them that is there
  columns: readonly string[];
}

export function latestQuery(source: LatestSource, host: string, from: number, to: number): string {
  const columns = source.columns.map((field) => `last(${identifier(field)}) AS ${identifier(field)}`).join(", ");
  return (
    `SELECT ${columns} FROM ${identifier(source.from)} WHERE "host" = ${literal(host)} AND time >= ${from}ms AND time < ${to}ms ` +
    `GROUP BY ${source.by.map(identifier).join(", ")}`
  );
}

// The largest of the first column first. A series without any value in that time is left out.
export function latestRows(source: LatestSource, result: StatementResult): Latest[] {
  return result.series
    .map((series): Latest => ({
      name: series.tags[source.by[0] ?? ""] ?? "",
      about: source.by.slice(1).map((tag) => series.tags[tag] ?? "").filter((text) => text !== "").join(" · "),
      values: source.columns.map((column) => {
        const found = series.values[0]?.[series.columns.indexOf(column)];
        return typeof found === "number" ? found : null;
      }),
    }))
    .filter((row) => row.name !== "" && row.values.some((value) => value !== null))
    .sort((a, b) => (b.values[0] ?? -1) - (a.values[0] ?? -1) || (b.values[1] ?? -1) - (a.values[1] ?? -1) || (a.name < b.name ? -1 : 1));
}
