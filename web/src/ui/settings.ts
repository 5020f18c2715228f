// The settings of this browser: read once, applied at once, and shared with its other tabs.

import { setUnits, setZone } from "../core/format.ts";
import { Observable } from "../core/observable.ts";
import { setDefaultRange, type HeatKey } from "../core/route.ts";
import { decodeSettings, type Settings } from "../core/settings.ts";
import { levelOf, type Level } from "../core/thresholds.ts";

const kKey = "resmon.settings";

function stored(): unknown {
  try {
    return JSON.parse(localStorage.getItem(kKey) ?? "null");
  } catch {
    return null;  // storage switched off, or not ours
  }
}

function apply(settings: Settings): void {
  const root = document.documentElement;
  if (settings.theme === "system") delete root.dataset["theme"];
  else root.dataset["theme"] = settings.theme;
  root.dataset["density"] = settings.density;
  setZone(settings.zone);
  setUnits(settings.network, settings.temperature);
  setDefaultRange(settings.range);
}

const first = decodeSettings(stored());
apply(first);
export const settings = new Observable<Settings>(first);

function take(next: Settings): void {
  apply(next);
  settings.set(next);
}

export function changeSettings(change: Partial<Settings>): void {
  const next = decodeSettings({ ...settings.value, ...change });
  try {
    localStorage.setItem(kKey, JSON.stringify(next));
  } catch {
    // They then last as long as the page.
  }
  take(next);
}

addEventListener("storage", (event) => {
  if (event.key === kKey) take(decodeSettings(stored()));
});

export const level = (key: HeatKey, value: number | null): Level => levelOf(settings.value.thresholds[key], value);
// The class of a number that has no bar.
export const kLevelClass: Record<Level, string> = { none: "", calm: "", raised: "raised", high: "over" };
