// Questions that people bring, as queries that can be changed. Days are the viewer's own: a "yesterday" in UTC would be the wrong one.

import { t } from "../../core/texts.ts";
import type { ExploreRoute } from "../../core/route.ts";
import { localDay } from "../../core/time_range.ts";

export interface Example {
  title: string;
  route: (now: number) => ExploreRoute;
}

const time = (ms: number): string => `'${new Date(ms).toISOString().replace(".000Z", "Z")}'`;

const example = (title: string, query: string | ((now: number) => string), show: ExploreRoute["show"], sort = ""): Example =>
  ({ title, route: (now) => ({ view: "explore", query: typeof query === "string" ? query : query(now), show, sort }) });

// To its highest: one that was full and was emptied filled up, too.
const grown = (from: string): string =>
  `SELECT max("used_percent") - first("used_percent") AS "grew", max("used_percent") AS "highest"\nFROM "disk" WHERE ${from}\nGROUP BY "host", "path"`;

export const kExamples: readonly Example[] = [
  example(t("Which disk filled up yesterday?"), (now) => {
    const { from, to } = localDay(now, 1);
    return grown(`time >= ${time(from)} AND time < ${time(to)}`);
  }, "table", "-grew"),
  example(t("Which disk grew most in the last hour?"), grown("time > now() - 1h"), "table", "-grew"),
  example(t("Which host was busiest in the last hour?"),
    'SELECT max("usage_active") AS "peak", mean("usage_active") AS "mean"\nFROM "cpu" WHERE "cpu" = \'cpu-total\' AND time > now() - 1h\nGROUP BY "host"',
    "table", "-peak"),
  example(t("Which host came closest to running out of memory today?"), (now) =>
    `SELECT min("available_percent") AS "least left"\nFROM "mem" WHERE time >= ${time(localDay(now, 0).from)}\nGROUP BY "host"`, "table", "least left"),
  example(t("CPU of the whole fleet, last hour"),
    'SELECT mean("usage_active") AS "mean", max("usage_active") AS "busiest"\nFROM "cpu" WHERE "cpu" = \'cpu-total\' AND time > now() - 1h\nGROUP BY time(1m)',
    "chart"),
  example(t("Which clients lost samples?"),
    'SELECT max("dropped_samples") AS "dropped", max("backlog_samples") AS "backlog"\nFROM "internal_client" WHERE time > now() - 24h\nGROUP BY "host"',
    "table", "-dropped"),
  example(t("What is measured?"), "SHOW FIELD KEYS", "table"),
];

// The range that a query names by two absolute times, so that a host opened from its answer shows the same stretch.
export function rangeOf(query: string): { from: number; to: number } | null {
  const at = (sign: string): number | null => {
    const found = new RegExp(`time\\s*${sign}=?\\s*(?:'([^']+)'|(\\d+)ms)`, "i").exec(query);
    if (found === null) return null;
    const value = found[1] !== undefined ? Date.parse(found[1]) : Number(found[2]);
    return Number.isFinite(value) ? value : null;
  };
  const [from, to] = [at(">"), at("<")];
  return from !== null && to !== null && to > from ? { from, to } : null;
}

const kUnits: Record<string, number> = { s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000, w: 7 * 86_400_000 };

// When the answer begins, where that is well after the begin of what was asked for; null: it reaches back far enough, or nobody knows.
export function dataBegan(query: string, first: number | undefined, now: number): number | null {
  const ago = /time\s*>=?\s*now\(\)\s*-\s*(\d+)([smhdw])\b/i.exec(query);
  const from = rangeOf(query)?.from ?? (ago === null ? null : now - Number(ago[1]) * (kUnits[ago[2]?.toLowerCase() ?? ""] ?? 0));
  return first === undefined || from === null || first - from < 0.1 * (now - from) ? null : first;
}
