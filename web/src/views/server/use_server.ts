// The server's state every two seconds, and what its log got meanwhile. Counters become rates here. What was before the view was opened
// comes from what the server writes of itself, where it does.

import { useEffect, useState } from "preact/hooks";
import { t } from "../../core/texts.ts";
import type { LogLevel } from "../../core/route.ts";
import { decodeHistory, decodeLog, decodeServer, kReadingsMs, thinned, type LogLine, type Reading, type ServerState } from "../../core/server_state.ts";
import { errorText } from "../../core/influx_response.ts";
import { serverNow } from "../../net/live.ts";
import { runStatements } from "../../net/query.ts";
import { AuthRequired, request } from "../../net/session.ts";
import { words } from "../../ui/use_panels.ts";

const kEveryMs = 2000;
const kTimeoutMs = 10_000;
const kMostLines = 1000;

async function getJson(path: string, signal: AbortSignal): Promise<unknown> {
  const response = await request(path, { signal });
  if (!response.ok) throw new Error(errorText(await response.text(), response.status));
  return response.json();
}

const signalOf = (aborter: AbortController): AbortSignal =>
  AbortSignal.any === undefined ? aborter.signal : AbortSignal.any([aborter.signal, AbortSignal.timeout(kTimeoutMs)]);

// Runs `once` now and every two seconds after it has ended, while the page is looked at.
function useEvery(once: (signal: AbortSignal) => Promise<void>, key: string): void {
  useEffect(() => {
    const aborter = new AbortController();
    let timer: ReturnType<typeof setTimeout> | undefined;
    const turn = (): void => {
      if (aborter.signal.aborted) return;
      const work = document.visibilityState === "visible" ? once(signalOf(aborter)) : Promise.resolve();
      void work.finally(() => {
        if (!aborter.signal.aborted) timer = setTimeout(turn, kEveryMs);
      });
    };
    turn();
    return () => {
      aborter.abort();
      clearTimeout(timer);
    };
  }, [key]);
}

export interface Watched {
  state: ServerState | null;
  readings: readonly Reading[];
  error: string | null;
}

async function history(): Promise<Reading[]> {
  const now = Math.round(serverNow());
  const [result] = await runStatements([
    'SELECT "samples", "received_bytes", "http_requests", "store_backlog_entries" FROM "internal_server" ' +
      `WHERE time >= ${now - kReadingsMs}ms AND time < ${now}ms GROUP BY "server"`,
  ]);
  return decodeHistory(result);
}

export function useServer(): Watched {
  const [watched, setWatched] = useState<Watched>({ state: null, readings: [], error: null });
  useEffect(() => {
    let left = false;
    // Without a history the charts begin now.
    history().catch(() => []).then((before) => {
      if (left || before.length === 0) return;
      setWatched((old) => ({ ...old, readings: thinned([...before.filter((one) => one.at < (old.readings[0]?.at ?? Infinity)), ...old.readings]) }));
    });
    return () => { left = true; };
  }, []);
  useEvery(async (signal) => {
    try {
      const state = decodeServer(await getJson("/api/v1/server", signal));
      if (state === null) throw new Error(t("the server does not report its state"));
      const reading: Reading = {
        at: serverNow(), samples: state.samples, bytes: state.receivedBytes, requests: state.requests, backlog: state.storeBacklog,
      };
      setWatched((old) => ({ state, readings: thinned([...old.readings, reading]), error: null }));
    } catch (error) {
      if (error instanceof AuthRequired) return;
      setWatched((old) => ({ ...old, error: words(error) }));
    }
  }, "");
  return watched;
}

export function useLog(level: LogLevel): { lines: readonly LogLine[]; error: string | null } {
  const [state, setState] = useState<{ level: LogLevel; lines: LogLine[]; error: string | null }>({ level, lines: [], error: null });
  let last = state.level === level ? state.lines.at(-1)?.sequence ?? 0 : 0;
  useEvery(async (signal) => {
    try {
      const fresh = decodeLog(await getJson(`/api/v1/log?tail=${last === 0 ? 200 : kMostLines}&after=${last}&level=${level}`, signal));
      last = fresh.at(-1)?.sequence ?? last;
      setState((old) => {
        const before = old.level === level ? old.lines : [];
        if (fresh.length === 0 && old.level === level && old.error === null) return old;
        return { level, lines: [...before, ...fresh].slice(-kMostLines), error: null };
      });
    } catch (error) {
      if (error instanceof AuthRequired) return;
      // A server that has started anew counts from one again.
      last = 0;
      setState({ level, lines: [], error: words(error) });
    }
  }, level);
  return { lines: state.level === level ? state.lines : [], error: state.error };
}
