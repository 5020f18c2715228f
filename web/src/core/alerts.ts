// Alerts as the server tells them, checked field by field.

export type Severity = "info" | "warning" | "critical";

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
    trouble: text(body["trouble"]),
  };
}

export const decodePast = (body: unknown): PastAlert[] =>
  list(body, "history", (one): PastAlert => ({
    id: number(one["id"]), time: number(one["time"]), rule: text(one["rule"]), severity: severity(one["severity"]), host: text(one["host"]),
    tags: strings(one["tags"]), state: one["state"] === "ok" ? "ok" : "firing", valueText: text(one["value_text"]), since: number(one["since"]),
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
  [one.host === "" ? "server" : one.host, ...Object.entries(one.tags).map(([key, value]) => `${key}=${value}`)].join(" ");
