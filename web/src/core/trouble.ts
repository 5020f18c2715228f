// Which hosts are in trouble, and why, in words: a host that is down, one that has a figure above its threshold, or one of which an alert fires.

import { t } from "./texts.ts";
import type { ActiveAlert } from "./alerts.ts";
import { format } from "./format.ts";
import { measure, type Host } from "./hosts.ts";
import type { HeatKey } from "./route.ts";
import type { Thresholds } from "./thresholds.ts";

export interface Cause {
  key: HeatKey | "down" | "alert";
  words: string;
  since: number | null;  // ms since the epoch; null: not known
  critical?: boolean;    // an alert says so
}

export interface Trouble {
  host: string;
  causes: readonly Cause[];
}

// Swap is no cause: what is swapped out and stays there harms nobody. What comes and goes shows as pressure.
export const kTroubleKeys = ["cpu", "memory", "disk", "load", "pressure"] as const satisfies readonly HeatKey[];

// A host that was in trouble stays so down to this share of the limit, so that the list does not flicker.
const kKeepAbove = 0.95;

// Alerts that say the same as a threshold.
const kSameAs: Record<string, readonly Cause["key"][]> = {
  "host-silent": ["down"], "disk-full": ["disk"], "cpu-pressure": ["pressure", "load"], "io-pressure": ["pressure"], "memory-pressure": ["pressure"],
};

export const kResources: Record<string, string> = { cpu: "CPU", io: t("disk"), memory: t("memory") };

function words(host: Host, key: HeatKey, value: number): string {
  switch (key) {
    case "cpu":
      return t("CPU {value}", { value: format(value, "whole_percent") });
    case "memory":
      return t("memory {value}", { value: format(value, "whole_percent") });
    case "swap":
      return t("swap {value}", { value: format(value, "whole_percent") });
    case "disk":
      return t("disk {path} {value}", { path: host.summary.disk_path ?? "", value: format(value, "whole_percent") }).replace("  ", " ");
    case "load":
      return t("load {value} per core", { value: format(value, "load") });
    case "pressure": {
      const resource = host.summary.pressure_resource ?? "";
      return t("{resource} pressure {value}", { resource: kResources[resource] ?? resource, value: format(value, "whole_percent") }).trim();
    }
  }
}

// `lasting`: of CPU, the mean of the last minute; one busy sample is no trouble. `before`: what the host's trouble was.
export function troubleOf(host: Host, thresholds: Thresholds, alerts: readonly ActiveAlert[], lasting: (host: Host) => number | null,
                          before: Trouble | undefined): Trouble | null {
  if (host.state === "paused") return null;
  const causes: Cause[] = [];
  if (host.state === "down") {
    causes.push({ key: "down", words: t("down"), since: host.last_seen });
  } else {
    for (const key of kTroubleKeys) {
      const value = measure(host, key);
      const held = key === "cpu" ? lasting(host) : value;
      if (value === null || held === null) continue;
      const had = before?.causes.some((cause) => cause.key === key) === true;
      if (held >= thresholds[key].high * (had ? kKeepAbove : 1)) causes.push({ key, words: words(host, key, held), since: null });
    }
  }
  for (const alert of alerts) {
    if (alert.state !== "firing" || alert.severity === "info" || alert.acknowledgedBy !== "" || alert.heldBy !== "") continue;
    const same = causes.find((cause) => (kSameAs[alert.rule] ?? []).includes(cause.key));
    if (same !== undefined) {
      if (same.key !== "down") same.since = alert.since;
      if (alert.severity === "critical") same.critical = true;
      continue;
    }
    if (host.state === "down") continue;
    const where = Object.values(alert.tags).join(" ");
    const value = alert.valueText === "" ? "" : ` ${alert.valueText}`;
    causes.push({ key: "alert", words: `${alert.rule}${where === "" ? "" : ` ${where}`}${value}`, since: alert.since, critical: alert.severity === "critical" });
  }
  return causes.length === 0 ? null : { host: host.host, causes };
}

// The longest lasting of the causes whose begin is known.
export const sinceOf = (trouble: Trouble): number | null =>
  trouble.causes.reduce<number | null>((first, { since }) => (since === null ? first : Math.min(first ?? since, since)), null);

export const causeWords = (trouble: Trouble): string => trouble.causes.map((cause) => cause.words).join(", ");
export const isCritical = (trouble: Trouble): boolean => trouble.causes.some((cause) => cause.critical === true);
export const isDown = (trouble: Trouble): boolean => trouble.causes[0]?.key === "down";
