// What a person chose, as it is kept in the browser. Anything that is not understood is the default.

import { kPresets } from "./time_range.ts";
import { checkThresholds, type Thresholds } from "./thresholds.ts";

export const kChoices = {
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
  thresholds: Thresholds;
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
    theme: one("theme"), zone: one("zone"), network: one("network"), temperature: one("temperature"), density: one("density"), legend: one("legend"), range,
    thresholds: checkThresholds(body["thresholds"]),
  };
}
