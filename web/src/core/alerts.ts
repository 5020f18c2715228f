// Alerts as the server tells them, checked field by field.

import { count, t } from "./texts.ts";

export type Severity = "info" | "warning" | "critical";

export const kSeverityWords: Record<Severity, string> = { info: t("info"), warning: t("warning"), critical: t("critical") };

export interface ActiveAlert {
  id: string;
  rule: string;
  severity: Severity;
  host: string;  // empty: about the server itself
  tags: Record<string, string>;
  state: "pending" | "firing" | "unknown";
  heldBy: string;  // why no message goes out; empty: nothing is in the way
  since: number;  // ms since the epoch
  valueText: string;
  limitText: string;
  text: string;
  help: string;
  acknowledgedBy: string;
}

export interface AlertChannel {
  name: string;
  kind: string;
  place: string;
  sent: number;
  failingSince: number | null;
  lastError: string;
}

export interface AlertsState {
  alerts: ActiveAlert[];
  channels: AlertChannel[];
  rulesError: string;
  rulesWarnings: string[];
  trouble: string;
}

export interface PastAlert {
  id: number;
  time: number;
  rule: string;
  severity: Severity;
  host: string;
  tags: Record<string, string>;
  state: "firing" | "ok";
  valueText: string;
  limitText: string;
  since: number;
  late: boolean;
  reason: string;
}

export interface AlertRule {
  name: string;
  builtIn: boolean;
  enabled: boolean;
  when: string;
  hosts: string;
  severity: Severity;
  forSeconds: number;
  notify: string[];
  help: string;
}

export interface Silence {
  id: number;
  hosts: string;
  rule: string;
  ends: number;
  author: string;
  reason: string;
  active: boolean;
}

type Json = Record<string, unknown>;

const isRecord = (value: unknown): value is Json => typeof value === "object" && value !== null && !Array.isArray(value);
const text = (value: unknown): string => (typeof value === "string" ? value : "");
const number = (value: unknown): number => (typeof value === "number" && Number.isFinite(value) ? value : 0);
const severity = (value: unknown): Severity => (value === "info" || value === "critical" ? value : "warning");

function strings(value: unknown): Record<string, string> {
  return isRecord(value) ? Object.fromEntries(Object.entries(value).map(([key, one]) => [key, String(one)])) : {};
}

function list<T>(body: unknown, member: string, decode: (one: Json) => T): T[] {
  const items = isRecord(body) ? body[member] : null;
  return Array.isArray(items) ? items.filter(isRecord).map(decode) : [];
}

export function decodeAlerts(body: unknown): AlertsState | null {
  if (!isRecord(body) || !Array.isArray(body["alerts"])) return null;
  return {
    alerts: list(body, "alerts", (one): ActiveAlert => ({
      id: text(one["id"]), rule: text(one["rule"]), severity: severity(one["severity"]), host: text(one["host"]), tags: strings(one["tags"]),
      state: one["state"] === "pending" || one["state"] === "unknown" ? one["state"] : "firing",
      heldBy: text(one["held_by"]), since: number(one["since"]), valueText: text(one["value_text"]), limitText: text(one["limit_text"]),
      text: text(one["text"]), help: text(one["help"]), acknowledgedBy: text(one["acknowledged_by"]),
    })),
    channels: list(body, "channels", (one): AlertChannel => ({
      name: text(one["name"]), kind: text(one["kind"]), place: text(one["place"]), sent: number(one["sent"]),
      failingSince: typeof one["failing_since"] === "number" ? one["failing_since"] : null, lastError: text(one["last_error"]),
    })),
    rulesError: text(body["rules_error"]),
    rulesWarnings: Array.isArray(body["rules_warnings"]) ? body["rules_warnings"].map(text) : [],
    trouble: text(body["trouble"]),
  };
}

export const decodePast = (body: unknown): PastAlert[] =>
  list(body, "history", (one): PastAlert => ({
    id: number(one["id"]), time: number(one["time"]), rule: text(one["rule"]), severity: severity(one["severity"]), host: text(one["host"]),
    tags: strings(one["tags"]), state: one["state"] === "ok" ? "ok" : "firing", valueText: text(one["value_text"]), limitText: text(one["limit_text"]), since: number(one["since"]),
    late: one["late"] === true, reason: text(one["reason"]),
  }));

export const decodeRules = (body: unknown): AlertRule[] =>
  list(body, "rules", (one): AlertRule => ({
    name: text(one["name"]), builtIn: one["built_in"] === true, enabled: one["enabled"] !== false, when: text(one["when"]),
    hosts: text(one["hosts"]), severity: severity(one["severity"]), forSeconds: number(one["for_seconds"]),
    notify: Array.isArray(one["notify"]) ? one["notify"].map(String) : [], help: text(one["help"]),
  }));

export const decodeSilences = (body: unknown): Silence[] =>
  list(body, "silences", (one): Silence => ({
    id: number(one["id"]), hosts: text(one["hosts"]), rule: text(one["rule"]), ends: number(one["ends"]), author: text(one["author"]),
    reason: text(one["reason"]), active: one["active"] === true,
  }));

const kRank: Record<Severity, number> = { critical: 0, warning: 1, info: 2 };

// What needs a person first: firing before pending, severe before harmless, then the newest.
export function sortAlerts(alerts: readonly ActiveAlert[]): ActiveAlert[] {
  return [...alerts].sort(
    (a, b) =>
      Number(a.state === "pending") - Number(b.state === "pending") || kRank[a.severity] - kRank[b.severity] || b.since - a.since ||
      a.host.localeCompare(b.host));
}

// For the badge: what fires and nobody has acknowledged, silenced or called harmless.
export const countOpen = (alerts: readonly ActiveAlert[]): number =>
  alerts.filter((one) => one.state !== "pending" && one.severity !== "info" && one.acknowledgedBy === "" && one.heldBy === "").length;

// "web1 path=/var": the host and what tells the series apart.
export const whereOf = (one: { host: string; tags: Record<string, string> }): string =>
  [one.host === "" ? t("server") : one.host, ...Object.entries(one.tags).map(([key, value]) => `${key}=${value}`)].join(" ");

// The series without its host: "path=/var".
export const seriesOf = (one: { tags: Record<string, string> }): string => Object.entries(one.tags).map(([key, value]) => `${key}=${value}`).join(" ");

// When an alert fired, for a chart.
export interface AlertSpan {
  rule: string;
  severity: Severity;
  what: string;  // the series
  from: number;  // ms since the epoch
  to: number | null;  // null: it goes on
}

// When the alert fired that an entry's end belongs to, by the entry's id; nothing where that is not in the list.
export function firedBefore(past: readonly PastAlert[]): Map<number, number> {
  const open = new Map<string, number>();
  const out = new Map<number, number>();
  for (const one of [...past].sort((a, b) => a.time - b.time || a.id - b.id)) {
    const key = JSON.stringify([one.rule, one.host, one.tags]);
    if (one.state === "firing") {
      open.set(key, one.time);
      continue;
    }
    const fired = open.get(key);
    if (fired !== undefined && fired >= one.since) out.set(one.id, fired);
    open.delete(key);
  }
  return out;
}

// From a host's history, in any order. One whose beginning is not in it began before.
export function spansOf(past: readonly PastAlert[]): AlertSpan[] {
  const open = new Map<string, AlertSpan>();
  const out: AlertSpan[] = [];
  for (const one of [...past].sort((a, b) => a.time - b.time || a.id - b.id)) {
    const key = JSON.stringify([one.rule, one.host, one.tags]);
    const begun = open.get(key);
    if (one.state === "firing") {
      if (begun !== undefined) continue;
      const span: AlertSpan = { rule: one.rule, severity: one.severity, what: whereOf(one), from: one.time, to: null };
      open.set(key, span);
      out.push(span);
    } else {
      if (begun !== undefined) begun.to = one.time;
      else out.push({ rule: one.rule, severity: one.severity, what: whereOf(one), from: Math.min(one.since, one.time), to: one.time });
      open.delete(key);
    }
  }
  return out;
}

// The fields that a condition names: "disk.used_percent" of `max(disk{path="/"}.used_percent, 5m) > 90`. Texts are left out.
export function fieldsOf(when: string): string[] {
  const bare = when.replace(/"(?:[^"\\]|\\.)*"|'[^']*'/g, '""').replace(/\{[^}]*\}/g, "");
  return [...new Set([...bare.matchAll(/[A-Za-z_][\w-]*\.[A-Za-z_][\w-]*/g)].map((match) => match[0]))];
}

export interface Mistake {
  line: number;  // of the text, from 1; 0: of the file as a whole
  column: number;
  reason: string;
}

export interface RuleText {
  name: string;
  file: string;
  inFile: boolean;
  text: string;
  builtIn: string;
}

// What a draft would have done.
export interface Preview {
  mistakes: Mistake[];
  from: number;
  to: number;
  fired: number;
  hostsFired: number;
  hosts: number;
  hostsReplayed: number;
  partial: boolean;
  firstRow: number | null;
  alerts: { host: string; tags: Record<string, string>; valueText: string; limitText: string; fired: number; ended: number | null }[];
  chart: { host: string; tags: Record<string, string>; limit: number | null; values: (number | null)[] } | null;
}

export const decodeRuleText = (body: unknown): RuleText | null =>
  isRecord(body) ? { name: text(body["name"]), file: text(body["file"]), inFile: body["in_file"] === true, text: text(body["text"]), builtIn: text(body["built_in"]) } : null;

export function decodePreview(body: unknown): Preview | null {
  if (!isRecord(body)) return null;
  const chart = body["chart"];
  return {
    mistakes: list(body, "mistakes", (one): Mistake => ({ line: number(one["line"]), column: number(one["column"]), reason: text(one["reason"]) })),
    from: number(body["from"]), to: number(body["to"]), fired: number(body["fired"]), hostsFired: number(body["hosts_fired"]), hosts: number(body["hosts"]),
    hostsReplayed: number(body["hosts_replayed"]), partial: body["partial"] === true,
    firstRow: typeof body["first_row"] === "number" ? body["first_row"] : null,
    alerts: list(body, "alerts", (one) => ({
      host: text(one["host"]), tags: strings(one["tags"]), valueText: text(one["value_text"]), limitText: text(one["limit_text"]), fired: number(one["fired"]),
      ended: typeof one["ended"] === "number" ? one["ended"] : null,
    })),
    chart: isRecord(chart) && Array.isArray(chart["values"]) ? {
      host: text(chart["host"]), tags: strings(chart["tags"]), limit: typeof chart["limit"] === "number" ? chart["limit"] : null,
      values: chart["values"].map((one) => (typeof one === "number" ? one : null)),
    } : null,
  };
}

// Where a line and column, from 1, are in a text.
export function placeOf(whole: string, line: number, column: number): number {
  const lines = whole.split("\n");
  const before = lines.slice(0, Math.max(0, line - 1)).reduce((sum, one) => sum + one.length + 1, 0);
  return Math.min(whole.length, before + Math.min(Math.max(0, column - 1), (lines[line - 1] ?? "").length));
}

// The path of a chart without axes, broken where nothing is known; y grows downwards.
export function chartPath(values: readonly (number | null)[], limit: number | null, width: number, height: number): { line: string; limitY: number | null; low: number; high: number } {
  const known = values.filter((one): one is number => one !== null);
  if (known.length === 0) return { line: "", limitY: null, low: 0, high: 0 };
  const all = limit === null ? known : [...known, limit];
  let low = Math.min(...all);
  let high = Math.max(...all);
  if (low > 0 && low < high / 2) low = 0;
  // A value that hardly moves is a level line, not one scaled to its own noise.
  const least = Math.max(Math.abs(low), Math.abs(high)) / 10;
  if (high - low < least) [low, high] = [(low + high - least) / 2, (low + high + least) / 2];
  const y = (value: number): number => height - 2 - ((value - low) / (high - low || 1)) * (height - 4);
  let line = "";
  let gap = true;
  values.forEach((value, index) => {
    if (value === null) {
      gap = true;
      return;
    }
    const x = (index + 0.5) * (width / values.length);
    line += `${gap ? "M" : "L"}${x.toFixed(1)} ${y(value).toFixed(1)}`;
    // One alone would not be drawn.
    if (gap && (values[index + 1] ?? null) === null) line += "h1";
    gap = false;
  });
  return { line, limitY: limit === null ? null : y(limit), low, high };
}

export interface SilencePreview {
  alerts: number;  // that fire now
  hosts: number;  // on which they do
  hostsSelected: number;
  rulesSelected: number;
}

export const decodeSilencePreview = (body: unknown): SilencePreview | null =>
  isRecord(body) && typeof body["alerts"] === "number"
    ? { alerts: number(body["alerts"]), hosts: number(body["hosts"]), hostsSelected: number(body["hosts_selected"]), rulesSelected: number(body["rules_selected"]) }
    : null;

const hostsOn = (n: number): string => count("{n} host|{n} hosts", n);

export const silenceText = (preview: SilencePreview | null): string =>
  preview === null ? "" : t("This silences {alerts} on {hosts} now; it is for {rules} on {selected}.", {
    alerts: count("{n} alert|{n} alerts", preview.alerts), hosts: hostsOn(preview.hosts), rules: count("{n} rule|{n} rules", preview.rulesSelected), selected: hostsOn(preview.hostsSelected),
  });
