// CPU and memory trends of all hosts: one query when they are first looked at, then the live feed.

import { busy, mean, select } from "../core/influxql.ts";
import { Observable } from "../core/observable.ts";
import { kTrendPoints, kTrendStepMs, Trend } from "../core/trend.ts";
import { fleet, loaded, onFeed, serverNow } from "./live.ts";
import { runEach } from "./query.ts";

export type TrendKind = "cpu" | "memory";

const trends: Record<TrendKind, Map<string, Trend>> = { cpu: new Map(), memory: new Map() };
// Bumped when the query's answer has come, which is the one time that trends change without their host changing.
export const trendsVersion = new Observable(0);

// Of a host that is gone, an empty one that nothing keeps: its row may be drawn once more before the fleet is put in order again.
export function trendOf(host: string, kind: TrendKind): Trend {
  let trend = trends[kind].get(host);
  if (trend === undefined) {
    trend = new Trend();
    if (fleet.value.has(host)) trends[kind].set(host, trend);
  }
  return trend;
}

let wanted = false;
let seededAt: number | null = null;

// Somebody looks at them. A page that shows one host does not ask for the lines of a thousand.
export function wantTrends(): void {
  wanted = true;
  seedIfDue();
}

function seedIfDue(): void {
  if (!wanted || !loaded.value || (seededAt !== null && serverNow() - seededAt <= kTrendStepMs)) return;
  seededAt = serverNow();
  // Without history the lines start empty and grow; the table itself needs none of it.
  seed().catch(() => undefined);
}

async function seed(): Promise<void> {
  const end = Math.floor(serverNow() / kTrendStepMs) * kTrendStepMs;
  const window = { from: end - kTrendPoints * kTrendStepMs, to: end, step: kTrendStepMs };
  const results = await runEach([
    select({ columns: [busy("active")], from: "cpu", where: [["cpu", "cpu-total"]], by: ["host"] }, window),
    select({ columns: [mean("used_percent")], from: "mem", where: [], by: ["host"] }, window),
  ]);
  results.forEach((result, index) => {
    for (const series of result.series) {
      const host = series.tags["host"];
      if (host === undefined || !fleet.value.has(host)) continue;
      const trend = trendOf(host, index === 0 ? "cpu" : "memory");
      for (const [time, value] of series.values) {
        if (typeof time === "number" && typeof value === "number") trend.seed(time, value);
      }
    }
  });
  trendsVersion.set(trendsVersion.value + 1);
}

// Hosts that are gone: told by the feed, or, after a lost connection, missing in its snapshot.
function forgetGone(): void {
  for (const kind of Object.values(trends)) {
    for (const name of kind.keys()) if (!fleet.value.has(name)) kind.delete(name);
  }
}

export function followTrends(): void {
  onFeed((feed) => {
    if (feed.kind !== "update") forgetGone();
    if (feed.kind === "removed") return;
    for (const host of feed.hosts) {
      const { cpu_percent: cpu, memory_percent: memory } = host.summary;
      if (host.state === "down" || host.state === "paused") continue;
      if (cpu !== null) trendOf(host.host, "cpu").add(host.last_seen, cpu);
      if (memory !== null) trendOf(host.host, "memory").add(host.last_seen, memory);
    }
    // The snapshot after a reconnect seeds again: that is how the hole in the lines is filled.
    if (feed.kind === "snapshot") seedIfDue();
  });
}
