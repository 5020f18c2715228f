// Since when a host's figure has been above its threshold: asked of the store once for each host and cause, for the hosts that are shown.

import { busy, max, mean, select, type Select } from "../core/influxql.ts";
import { Observable } from "../core/observable.ts";
import type { Host } from "../core/hosts.ts";
import type { Cell } from "../core/influx_response.ts";
import { sinceOf, type Trouble } from "../core/trouble.ts";
import { beganAbove, firstAbove } from "../core/since.ts";
import { limitsOf } from "../ui/settings.ts";
import { fleet, serverNow } from "./live.ts";
import { runEach } from "./query.ts";
import { troubles } from "./trouble.ts";

const kLookBackMs = 24 * 3_600_000;
const kStepMs = 300_000;
const kFineMs = 1000;  // as close as samples lie, or closer
const kMostAtOnce = 12;
const kAgainMs = 600_000;

interface Known {
  since: number | null;
  least: boolean;  // it was so already at the begin of what was looked at
  asked: number;
}

const known = new Map<string, Known>();
export const sinceVersion = new Observable(0);

const keyOf = (host: string, cause: string): string => `${cause} ${host}`;

function questionOf(host: Host, cause: string): Select | null {
  const where = (more: readonly (readonly [string, string])[] = []): Select["where"] => [["host", host.host], ...more];
  const { disk_path, pressure_resource } = host.summary;
  switch (cause) {
    case "cpu":
      return { columns: [busy("value")], from: "cpu", where: where([["cpu", "cpu-total"]]), by: [] };
    case "memory":
      return { columns: [mean("used_percent", "value")], from: "mem", where: where(), by: [] };
    case "disk":
      return { columns: [max("used_percent", "value")], from: "disk", where: where([["path", disk_path ?? ""]]), by: [] };
    case "load":
      return { columns: [mean("load1", "value")], from: "system", where: where(), by: [] };
    case "pressure":
      return { columns: [mean("avg10", "value")], from: "pressure", where: where([["resource", pressure_resource ?? ""], ["type", "some"]]), by: [] };
    default:
      return null;
  }
}

const pointsOf = (result: { series: readonly { values: readonly (readonly Cell[])[] }[] } | undefined): { time: number; value: number }[] =>
  (result?.series[0]?.values ?? []).flatMap(([time, value]) => (typeof time === "number" && typeof value === "number" ? [{ time, value }] : []));

async function ask(wanted: readonly { key: string; question: Select; limit: number }[]): Promise<void> {
  const to = Math.ceil(serverNow() / kStepMs) * kStepMs;
  const window = { from: to - kLookBackMs, to, step: kStepMs };
  const results = await runEach(wanted.map(({ question }) => select(question, window)));
  const found = wanted.map((one, index) => ({ ...one, began: beganAbove(pointsOf(results[index]), one.limit, window.from) }));
  // A step begins before the sample that rose, and perhaps before the first one that there is.
  const begun = found.filter(({ began }) => began.since !== null && !began.least);
  const fine = await runEach(begun.map(({ question, began: { since } }) => select(question, { from: since ?? 0, to: (since ?? 0) + kStepMs, step: kFineMs })));
  begun.forEach(({ began, limit }, index) => { began.since = firstAbove(pointsOf(fine[index]), limit) ?? began.since; });
  // What is no trouble any more was forgotten meanwhile.
  for (const { key, began } of found) if (known.has(key)) known.set(key, { ...began, asked: performance.now() });
  sinceVersion.set(sinceVersion.value + 1);
}

// The hosts that are on the screen.
export function wantSince(shown: readonly Trouble[]): void {
  const wanted: { key: string; question: Select; limit: number }[] = [];
  for (const trouble of shown) {
    const host = fleet.value.get(trouble.host);
    if (host === undefined) continue;
    for (const cause of trouble.causes) {
      const key = keyOf(trouble.host, cause.key);
      const before = known.get(key);
      if (cause.since !== null || wanted.length >= kMostAtOnce || (before !== undefined && performance.now() - before.asked < kAgainMs)) continue;
      const question = questionOf(host, cause.key);
      if (question === null) continue;
      const high = cause.key === "down" || cause.key === "alert" ? 0 : limitsOf(host)[cause.key].high;
      known.set(key, { since: before?.since ?? null, least: false, asked: performance.now() });
      wanted.push({ key, question, limit: cause.key === "load" ? high * (host.summary.n_cpus ?? 1) : high });
    }
  }
  if (wanted.length > 0) void ask(wanted).catch(() => undefined);  // without an answer the list says less
}

export function troubleSince(trouble: Trouble): { since: number | null; least: boolean } {
  let [since, least] = [sinceOf(trouble), false];
  for (const cause of trouble.causes) {
    const found = known.get(keyOf(trouble.host, cause.key));
    if (cause.since !== null || found === undefined || found.since === null || (since !== null && since <= found.since)) continue;
    [since, least] = [found.since, found.least];
  }
  return { since, least };
}

// Of hosts that are well again nothing is kept.
export function followSince(): void {
  troubles.watch(() => {
    for (const key of known.keys()) {
      const space = key.indexOf(" ");
      const trouble = troubles.value.get(key.slice(space + 1));
      if (trouble?.causes.some((cause) => cause.key === key.slice(0, space)) !== true) known.delete(key);
    }
  });
}
