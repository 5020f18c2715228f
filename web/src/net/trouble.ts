// Which hosts are in trouble, kept up to date: from the live feed, the alerts and the thresholds.

import type { ActiveAlert } from "../core/alerts.ts";
import type { Host } from "../core/hosts.ts";
import { Observable } from "../core/observable.ts";
import { troubleOf, type Trouble } from "../core/trouble.ts";
import { limits, limitsOf } from "../ui/settings.ts";
import { alertsState } from "./alerts.ts";
import { fleet, serverNow } from "./live.ts";
import { trendOf, trendsVersion } from "./trends.ts";

export type Troubles = ReadonlyMap<string, Trouble>;
export const troubles = new Observable<Troubles>(new Map());

// So many half minutes of CPU make "lasting".
const kLastingBuckets = 3;

const lasting = (host: Host): number | null => trendOf(host.host, "cpu").recent(serverNow(), kLastingBuckets) ?? host.summary.cpu_percent;

const kNoAlerts: readonly ActiveAlert[] = [];
let judged = new WeakMap<Host, Trouble | null>();

function update(): void {
  const alerts = new Map<string, ActiveAlert[]>();
  for (const alert of alertsState.value?.alerts ?? []) alerts.set(alert.host, [...(alerts.get(alert.host) ?? []), alert]);
  const old = troubles.value;
  const next = new Map<string, Trouble>();
  let changed = false;
  for (const host of fleet.value.values()) {
    let trouble = judged.get(host);
    if (trouble === undefined) {
      trouble = troubleOf(host, limitsOf(host), alerts.get(host.host) ?? kNoAlerts, lasting, old.get(host.host));
      judged.set(host, trouble);
    }
    if (trouble === null) continue;
    next.set(host.host, trouble);
    changed ||= old.get(host.host) !== trouble;
  }
  if (changed || next.size !== old.size) troubles.set(next);
}

// A host that did not change keeps its object and what was found of it; new alerts, thresholds or trends are about all of them.
function again(): void {
  judged = new WeakMap();
  update();
}

export function followTroubles(): void {
  fleet.watch(update);
  alertsState.watch(again);
  limits.watch(again);
  trendsVersion.watch(again);
}
