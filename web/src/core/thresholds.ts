// From which values on a figure is raised, and from which on it is trouble: one table for the fleet's bars, its colours, its filters, its list of
// hosts in trouble, and the host's page. Where the server has a built-in alert about the same figure, `high` is that alert's limit
// (thresholds.test.ts compares them). A person can change them in the settings.

import type { HeatKey } from "./route.ts";

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

// What a person gave, where it makes sense: both positive, and `raised` not above `high`.
export function checkThresholds(given: unknown): Thresholds {
  const table = typeof given === "object" && given !== null ? (given as Record<string, unknown>) : {};
  const one = (key: HeatKey): Threshold => {
    const value = table[key];
    const { raised, high } = (typeof value === "object" && value !== null ? value : {}) as Record<string, unknown>;
    const valid = typeof raised === "number" && typeof high === "number" && raised > 0 && high >= raised && high <= 1000;
    return valid ? { raised, high } : kThresholds[key];
  };
  return { cpu: one("cpu"), memory: one("memory"), swap: one("swap"), disk: one("disk"), load: one("load"), pressure: one("pressure") };
}
