// What there is to ask for: measurements with their fields and tags, and a tag's values when somebody begins to type one.

import type { Catalog } from "../core/completion.ts";
import type { StatementResult } from "../core/influx_response.ts";
import { identifier } from "../core/influxql.ts";
import { Observable } from "../core/observable.ts";
import { runEach } from "./query.ts";

const kMostValues = 500;
const kMostTags = 50;  // whose values are kept
const kEmpty: Catalog = { measurements: [], fields: new Map(), tags: new Map(), values: new Map() };

export const catalog = new Observable<Catalog>(kEmpty);
const asked = new Set<string>();

function byMeasurement(result: StatementResult | undefined): Map<string, string[]> {
  return new Map((result?.series ?? []).map((series) => [series.name, series.values.map((row) => String(row[0] ?? ""))]));
}

export async function loadCatalog(): Promise<void> {
  const [names, fields, tags] = await runEach(["SHOW MEASUREMENTS", "SHOW FIELD KEYS", "SHOW TAG KEYS"]);
  const measurements = (names?.series[0]?.values ?? []).map((row) => String(row[0] ?? ""));
  catalog.set({ measurements, fields: byMeasurement(fields), tags: byMeasurement(tags), values: catalog.value.values });
}

// `key`: "measurement\ntag", as the completion names it.
export function wantValues(key: string): void {
  if (asked.has(key)) return;
  asked.add(key);
  const [measurement, tag] = key.split("\n");
  if (measurement === undefined || tag === undefined) return;
  runEach([`SHOW TAG VALUES FROM ${identifier(measurement)} WITH KEY = ${identifier(tag)} LIMIT ${kMostValues}`]).then(([found]) => {
    const values = (found?.series ?? []).flatMap((series) => series.values.map((row) => String(row[1] ?? "")));
    const kept = [...catalog.value.values, [key, values] as const];
    for (const [old] of kept.slice(0, -kMostTags)) asked.delete(old);
    catalog.set({ ...catalog.value, values: new Map(kept.slice(-kMostTags)) });
  }, () => asked.delete(key));
}
