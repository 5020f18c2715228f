// What the hosts of the fleet are, for the search: asked while somebody looks at the fleet, every ten minutes.

import { decodeFacts, kFactFields, type FactsOf } from "../core/facts.ts";
import { identifier } from "../core/influxql.ts";
import { Observable } from "../core/observable.ts";
import { serverNow } from "./live.ts";
import { runStatements } from "./query.ts";

const kLookBackMs = 26 * 3_600_000;  // a client repeats it each hour
const kRefreshMs = 600_000;

export const facts = new Observable<FactsOf>(new Map());
let asked = -Infinity;

export function wantFacts(): void {
  if (performance.now() - asked < kRefreshMs) return;
  asked = performance.now();
  const end = Math.round(serverNow() + 1000);
  const columns = kFactFields.map((field) => `last(${identifier(field)}) AS ${identifier(field)}`).join(", ");
  runStatements([`SELECT ${columns} FROM "host_info" WHERE time >= ${end - kLookBackMs}ms AND time < ${end}ms GROUP BY "host"`])
    .then(([result]) => facts.set(decodeFacts(result)), () => { asked = -Infinity; });
}
