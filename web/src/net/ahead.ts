// What a view is about to ask for, asked before its script is read: the answers are on their way while that is.

import { kPanels } from "../charts/panels.ts";
import { formatRoute, type HostRoute } from "../core/route.ts";
import { paceOf, type Range } from "../core/time_range.ts";
import { fleet, serverNow } from "./live.ts";
import { load, type Panels, type Wanted } from "./panel_data.ts";

export const kTimeoutMs = 30_000;
const kAheadMs = 2000;

// How much the viewer's clock is behind the server's, as far as that is known yet.
export const skewNow = (): number => serverNow() - Date.now();

interface Ahead {
  key: string;
  skew: number;  // by which it was asked
  parts: Panels[];
  onPart: (part: Panels) => void;
  whole: Promise<Panels>;
  aborter: AbortController;
}
let ahead: Ahead | null = null;

function askAhead(wanted: Wanted, range: Range, key: string): void {
  const aborter = new AbortController();
  const parts: Panels[] = [];
  const asked: Ahead = {
    key, skew: skewNow(), parts, aborter, onPart: (part) => parts.push(part), whole: load(wanted, range, serverNow(), aborter.signal, (part) => asked.onPart(part)),
  };
  ahead = asked;
  const timer = setTimeout(() => aborter.abort(new DOMException("", "TimeoutError")), kTimeoutMs);
  // A view that is not drawn at once (the sign-in form is, or another view) asks for itself.
  const drop = (): void => {
    if (ahead !== asked) return;
    ahead = null;
    aborter.abort();
  };
  setTimeout(drop, kAheadMs);
  asked.whole.catch(drop).finally(() => clearTimeout(timer));
}

// Once.
export function takeAhead(key: string): Ahead | null {
  if (ahead?.key !== key) return null;
  const asked = ahead;
  ahead = null;
  return asked;
}

// What usePanels takes for a host's charts.
export const chartsOf = (route: HostRoute, intervalSeconds: number): [wanted: Wanted, range: Range, key: string] =>
  [{ panels: kPanels, hosts: [route.host], intervalSeconds }, route.range, `${formatRoute(route)} ${intervalSeconds}`];

export const askHost = (route: HostRoute): void => askAhead(...chartsOf(route, paceOf(route.range, fleet.value.get(route.host)?.interval_seconds)));
