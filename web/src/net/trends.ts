// CPU trends of all hosts: one query when the page connects, then the live feed.

import { select } from "../core/influxql.ts";
import { Observable } from "../core/observable.ts";
import { kTrendPoints, kTrendStepMs, Trend } from "../core/trend.ts";
import { loaded, onFeed, serverNow } from "./live.ts";
import { runStatements } from "./query.ts";

const trends = new Map<string, Trend>();
// Bumped when the query's answer has come, which is the one time that trends change without their host changing.
export const trendsVersion = new Observable(0);

export function trendOf(host: string): Trend {
  let trend = trends.get(host);
  if (trend === undefined) {
    trend = new Trend();
    trends.set(host, trend);
  }
  return trend;
}

async function seed(): Promise<void> {
  const end = Math.floor(serverNow() / kTrendStepMs) * kTrendStepMs;
  const statement = select(
    {
      columns: [{ expression: 'mean("usage_active")', as: "active" }],
      from: "cpu",
      where: [["cpu", "cpu-total"]],
      by: ["host"],
    },
    { from: end - kTrendPoints * kTrendStepMs, to: end, step: kTrendStepMs },
  );
  const [result] = await runStatements([statement]);
  for (const series of result?.series ?? []) {
    const host = series.tags["host"];
    if (host === undefined) continue;
    const trend = trendOf(host);
    for (const [time, value] of series.values) {
      if (typeof time === "number" && typeof value === "number") trend.seed(time, value);
    }
  }
  trendsVersion.set(trendsVersion.value + 1);
}

export function followTrends(): void {
  let first = true;
  onFeed((feed) => {
    if (feed.kind === "removed") {
      for (const name of feed.names) trends.delete(name);
      return;
    }
    for (const host of feed.hosts) {
      const cpu = host.summary.cpu_percent;
      if (cpu !== null && host.state !== "down") trendOf(host.host).add(host.last_seen, cpu);
    }
    // The snapshot after a reconnect seeds again: that is how the hole in the lines is filled.
    if (feed.kind === "snapshot" && loaded.value && (first || feed.serverTime - seededAt > kTrendStepMs)) {
      first = false;
      seededAt = feed.serverTime;
      // Without history the lines start empty and grow; the table itself needs none of it.
      seed().catch(() => undefined);
    }
  });
}

let seededAt = 0;
