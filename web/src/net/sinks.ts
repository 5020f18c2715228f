// The databases that do not get their samples, asked for every ten seconds on whatever view, while the page is live and looked at.

import { decodeServer, type RemovedSink, type SinkState } from "../core/server_state.ts";
import { Observable } from "../core/observable.ts";
import { poll } from "./poll.ts";
import { request } from "./session.ts";

const kEveryMs = 10_000;
const kTimeoutMs = 10_000;

export const failingSinks = new Observable<readonly SinkState[]>([]);
export const serverVersion = new Observable("");
export const removedSinks = new Observable<readonly RemovedSink[]>([]);

// What cannot be asked now is asked again; whether the server answers at all is the live feed's to say.
async function ask(): Promise<void> {
  const response = await request("/api/v1/server", { signal: AbortSignal.timeout(kTimeoutMs) });
  const state = response.ok ? decodeServer(await response.json()) : null;
  if (state === null) return;
  serverVersion.set(state.version);
  failingSinks.set(state.sinks.filter((sink) => sink.failingSince !== null));
  removedSinks.set(state.removedSinks);
}

export const watchSinks = (): (() => void) => poll(kEveryMs, ask);
