// What fires, asked for every five seconds on whatever view, while the page is live and looked at: for the badge, the hosts'
// headers and the view of alerts.

import { decodeAlerts, type AlertsState } from "../core/alerts.ts";
import { Observable } from "../core/observable.ts";
import { poll } from "./poll.ts";
import { request } from "./session.ts";

const kEveryMs = 5000;
const kTimeoutMs = 10_000;

export const alertsState = new Observable<AlertsState | null>(null);  // null: not known, or the server's alerts are off

let told = "";

export async function askAlerts(): Promise<void> {
  const response = await request("/api/v1/alerts", { signal: AbortSignal.timeout(kTimeoutMs) });
  const text = response.ok ? await response.text() : "";
  // The same state stays the same object: each new one has all hosts judged again.
  if (text === told && alertsState.value !== null) return;
  told = text;
  alertsState.set(response.ok ? decodeAlerts(JSON.parse(text)) : null);
}

export const watchAlerts = (): (() => void) => poll(kEveryMs, askAlerts);
