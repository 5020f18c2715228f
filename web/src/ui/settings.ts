// The settings: of the account, and in the browser for who has none. The browser's copy is applied at once and shared with its other tabs;
// the account's follows when it is known, and is the one that counts.

import { setUnits, setZone } from "../core/format.ts";
import type { Host } from "../core/hosts.ts";
import { Observable } from "../core/observable.ts";
import { setDefaultRange, type HeatKey } from "../core/route.ts";
import { decodeSettings, type Settings } from "../core/settings.ts";
import { askedLanguage, kSettingsKey, languageOf } from "../core/texts.ts";
import { kThresholds, levelOf, type Level, type Thresholds } from "../core/thresholds.ts";
import { fleetThresholds } from "../net/live.ts";
import { account, call } from "../net/session.ts";

function stored(): unknown {
  try {
    return JSON.parse(localStorage.getItem(kSettingsKey) ?? "null");
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

// A text is made once, when its module is read: another language is another page, which finds everything in the address and in what is kept.
// Where nothing is kept there is no other language, and no page that loads itself for ever.
function showLanguage(): void {
  if (languageOf(settings.value.language) !== askedLanguage && decodeSettings(stored()).language === settings.value.language) location.reload();
}

function take(next: Settings): void {
  apply(next);
  settings.set(next);
}

function keep(next: Settings): void {
  try {
    localStorage.setItem(kSettingsKey, JSON.stringify(next));
  } catch {
    // They then last as long as the page.
  }
  take(next);
}

// Why the account does not have the last change; empty: it has, or there is none.
export const settingsError = new Observable("");

const kPath = "/api/v1/me/settings";
let sending = Promise.resolve();

export function changeSettings(change: Partial<Settings>): void {
  const next = decodeSettings({ ...settings.value, ...change });
  keep(next);
  if (account.value === null) return showLanguage();
  sending = sending.then(() => call("PUT", kPath, next)).then(
    () => settingsError.set(""), (error: unknown) => settingsError.set(error instanceof Error ? error.message : String(error))).then(showLanguage);
}

let of = "";
account.watch(() => {
  const name = account.value?.name ?? "";
  if (name === of) return;
  of = name;
  if (name === "") return;
  // Nothing there, as in an account that never chose: the browser's stay.
  call("GET", kPath).then((body) => {
    if (of === name && typeof body === "object" && body !== null && Object.keys(body).length > 0) {
      keep(decodeSettings(body));
      showLanguage();
    }
  }, () => undefined);
});

addEventListener("storage", (event) => {
  if (event.key === kSettingsKey) take(decodeSettings(stored()));
});

const allLimits = (): Thresholds => ({ ...kThresholds, ...fleetThresholds.value, ...settings.value.thresholds });
// Of every host that has none of its own: the built-in ones, over them the fleet's, over them the person's.
export const limits = new Observable<Thresholds>(allLimits());
const judgeAgain = (): void => {
  const next = allLimits();
  if (JSON.stringify(next) !== JSON.stringify(limits.value)) limits.set(next);
};
settings.watch(judgeAgain);
fleetThresholds.watch(judgeAgain);

export const limitsOf = (host: Host): Thresholds => ({ ...limits.value, ...host.limits });
export const level = (key: HeatKey, value: number | null, host?: Host): Level => levelOf(host?.limits[key] ?? limits.value[key], value);
// The class of a number that has no bar.
export const kLevelClass: Record<Level, string> = { none: "", calm: "", raised: "raised", high: "over" };
