// What fires, asked for every five seconds on whatever view, while the page is live and looked at: for the badge, the hosts'
// headers and the view of alerts.

import { decodeAlerts, type AlertsState } from "../core/alerts.ts";
import { Observable } from "../core/observable.ts";
import { connection } from "./live.ts";
import { request } from "./session.ts";

const kEveryMs = 5000;
const kTimeoutMs = 10_000;

export const alertsState = new Observable<AlertsState | null>(null);  // null: not known, or the server's alerts are off

export async function askAlerts(): Promise<void> {
  const response = await request("/api/v1/alerts", { signal: AbortSignal.timeout(kTimeoutMs) });
  alertsState.set(response.ok ? decodeAlerts(await response.json()) : null);
}

export function watchAlerts(): () => void {
  let timer: ReturnType<typeof setTimeout> | undefined;
  let left = false;
  const turn = (): void => {
    clearTimeout(timer);
    if (left) return;
    const may = connection.value.kind === "live" && document.visibilityState === "visible";
    void (may ? askAlerts().catch(() => undefined) : Promise.resolve()).finally(() => {
      clearTimeout(timer);
      if (!left) timer = setTimeout(turn, kEveryMs);
    });
  };
  let kind = connection.value.kind;
  const unwatch = connection.watch(() => {
    const before = kind;
    kind = connection.value.kind;
    if (kind === "live" && before !== "live") turn();
  });
  turn();
  return () => {
    left = true;
    clearTimeout(timer);
    unwatch();
  };
}
