// From which values on a figure is raised, and from which on it is trouble: one table for the fleet's bars, its colours, its filters, its list of
// hosts in trouble, and the host's page. Where the server has a built-in alert about the same figure, `high` is that alert's limit
// (thresholds.test.ts compares them).

import { kHeatKeys, type HeatKey } from "./route.ts";

export interface Threshold {
  raised: number;
  high: number;
}
export type Thresholds = Readonly<Record<HeatKey, Threshold>>;

// Percent; load is per core.
export const kThresholds: Thresholds = {
  cpu: { raised: 80, high: 95 },
  memory: { raised: 80, high: 95 },
  swap: { raised: 50, high: 90 },
  disk: { raised: 80, high: 95 },      // disk-full
  load: { raised: 1, high: 4 },        // cpu-pressure
  pressure: { raised: 20, high: 60 },  // io-pressure
};

export type Level = "none" | "calm" | "raised" | "high";

export function levelOf(threshold: Threshold, value: number | null): Level {
  if (value === null) return "none";
  return value >= threshold.high ? "high" : value >= threshold.raised ? "raised" : "calm";
}

// Those that somebody set: the fleet's administrators, a person, or an administrator for one host. Each of these counts before the one before.
export type OwnThresholds = Readonly<Partial<Record<HeatKey, Threshold>>>;

// What was given, where it makes sense: both positive, and `raised` not above `high`.
export function checkThresholds(given: unknown): OwnThresholds {
  const table = typeof given === "object" && given !== null ? (given as Record<string, unknown>) : {};
  const out: Partial<Record<HeatKey, Threshold>> = {};
  for (const key of kHeatKeys) {
    const value = table[key];
    const { raised, high } = (typeof value === "object" && value !== null ? value : {}) as Record<string, unknown>;
    if (typeof raised === "number" && typeof high === "number" && raised > 0 && high >= raised && high <= 1000) out[key] = { raised, high };
  }
  return out;
}

// A change of one of the two. Both stay in order: the one that was typed counts.
export function withLimit(own: OwnThresholds, base: Thresholds, key: HeatKey, which: keyof Threshold, value: number | null): OwnThresholds {
  const { [key]: old, ...others } = own;
  if (value === null) return others;
  const next = { ...(old ?? base[key]), [which]: value };
  if (next.raised > next.high) next[which === "raised" ? "high" : "raised"] = value;
  return checkThresholds({ ...others, [key]: next });
}
