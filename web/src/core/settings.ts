// What a person chose, as it is kept in the account and in the browser. Anything that is not understood is the default.

import { kSortKeys, type SortKey } from "./route.ts";
import { kPresets } from "./time_range.ts";
import { checkThresholds, kThresholds, type OwnThresholds } from "./thresholds.ts";

export const kChoices = {
  language: ["browser", "en", "de"],
  theme: ["system", "light", "dark"],
  zone: ["browser", "utc"],
  network: ["bits", "bytes"],
  temperature: ["celsius", "fahrenheit"],
  density: ["comfortable", "compact"],
  legend: ["names", "table"],
} as const;

type Choices = { readonly [Key in keyof typeof kChoices]: (typeof kChoices)[Key][number] };

export interface Settings extends Choices {
  range: string;  // a preset's id
  thresholds: OwnThresholds;
  columns: readonly SortKey[];  // of the fleet, in order; empty: all, as the page orders them
}

export function decodeSettings(given: unknown): Settings {
  const body = (typeof given === "object" && given !== null ? given : {}) as Record<string, unknown>;
  const one = <Key extends keyof typeof kChoices>(key: Key): Choices[Key] => {
    const known: readonly string[] = kChoices[key];
    const value = body[key];
    return (typeof value === "string" && known.includes(value) ? value : known[0]) as Choices[Key];
  };
  const range = kPresets.find((preset) => preset.id === body["range"])?.id ?? "15m";
  return {
    language: one("language"), theme: one("theme"), zone: one("zone"), network: one("network"), temperature: one("temperature"), density: one("density"), legend: one("legend"), range,
    thresholds: ownThresholds(body["thresholds"]), columns: columnsOf(body["columns"]),
  };
}

// A complete table is of a page that kept the built-in ones as well.
function ownThresholds(given: unknown): OwnThresholds {
  const all = checkThresholds(given);
  const entries = Object.entries(all) as [keyof typeof kThresholds, { raised: number; high: number }][];
  if (entries.length < Object.keys(kThresholds).length) return all;
  return Object.fromEntries(entries.filter(([key, { raised, high }]) => raised !== kThresholds[key].raised || high !== kThresholds[key].high));
}

const columnsOf = (given: unknown): SortKey[] => {
  const list = Array.isArray(given) ? [...new Set(given)] : [];
  return list.filter((one): one is SortKey => kSortKeys.includes(one as SortKey));
};
