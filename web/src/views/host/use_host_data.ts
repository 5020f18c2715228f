import { useCallback, useEffect, useRef, useState } from "preact/hooks";
import type { Range } from "../../core/time_range.ts";
import { connection, onFeed, serverNow } from "../../net/live.ts";
import { AuthRequired } from "../../net/session.ts";
import { load, refresh, type HostData } from "./data.ts";

const kLongestRefreshMs = 60_000;
const kTimeoutMs = 30_000;

export interface Loaded {
  data: HostData | null;
  error: string | null;
  busy: boolean;
  retry: () => void;
}

function words(error: unknown): string {
  if (error instanceof TypeError) return "the server cannot be reached";
  if (error instanceof DOMException && error.name === "TimeoutError") return "the server took too long to answer";
  return error instanceof Error ? error.message : String(error);
}

// The data of one host over one range, kept fresh. `rangeKey` names the range: the object itself is new at every navigation.
export function useHostData(host: string, range: Range, rangeKey: string, intervalSeconds: number): Loaded {
  const [state, setState] = useState<{ key: string; data: HostData | null; error: string | null; busy: boolean }>({
    key: "", data: null, error: null, busy: true,
  });
  const [attempt, setAttempt] = useState(0);
  const retry = useCallback(() => setAttempt((old) => old + 1), []);
  const latest = useRef(range);
  latest.current = range;
  const key = `${host} ${rangeKey} ${intervalSeconds}`;

  useEffect(() => {
    const aborter = new AbortController();
    let data: HostData | null = null;
    let running = false;
    let whole = true;
    let timer: ReturnType<typeof setTimeout> | undefined;

    const isLive = (): boolean => {
      const wanted = latest.current;
      return wanted.kind === "last" || wanted.to > serverNow();
    };
    const update = async (): Promise<void> => {
      if (running || aborter.signal.aborted) return;
      running = true;
      clearTimeout(timer);
      const signal = AbortSignal.any === undefined
        ? aborter.signal
        : AbortSignal.any([aborter.signal, AbortSignal.timeout(kTimeoutMs)]);
      try {
        const now = serverNow();
        const fetched = data === null || whole
          ? await load(host, latest.current, intervalSeconds, now, signal)
          : await refresh(data, host, latest.current, intervalSeconds, now, signal);
        if (aborter.signal.aborted) return;
        data = fetched;
        whole = false;
        setState({ key, data, error: null, busy: false });
      } catch (error) {
        if (aborter.signal.aborted || error instanceof AuthRequired) return;
        setState((old) => ({ ...old, key, error: words(error), busy: false }));
      } finally {
        running = false;
        schedule();
      }
    };
    const schedule = (): void => {
      clearTimeout(timer);
      if (aborter.signal.aborted || !isLive()) return;
      const step = data?.window.step ?? 5000;
      const pause = Math.min(kLongestRefreshMs, Math.max(1000, intervalSeconds * 1000, step / 4));
      timer = setTimeout(() => {
        // A hidden page asks nothing; what it missed is fetched when it is looked at again.
        if (document.visibilityState === "visible") void update();
      }, pause);
    };
    const seen = (): void => {
      if (document.visibilityState === "visible" && isLive()) void update();
    };
    // After an outage the whole range is read again: clients send what they kept meanwhile, which fills the hole.
    let wasLost = connection.value.kind === "lost";
    const stopWatching = connection.watch(() => {
      if (connection.value.kind === "lost") wasLost = true;
      if (connection.value.kind !== "live" || !wasLost) return;
      wasLost = false;
      whole = true;
      void update();
    });
    // The same when this host comes back: its backlog arrives as history.
    let wasDown = false;
    const stopFeed = onFeed((feed) => {
      const told = feed.kind === "removed" ? undefined : feed.hosts.find((one) => one.host === host);
      if (told === undefined) return;
      if (wasDown && told.state === "up") whole = true;
      wasDown = told.state === "down" || told.backlog_samples > 0;
    });
    document.addEventListener("visibilitychange", seen);
    setState((old) => ({ ...old, busy: true, error: null }));
    void update();
    return () => {
      aborter.abort();
      clearTimeout(timer);
      stopWatching();
      stopFeed();
      document.removeEventListener("visibilitychange", seen);
    };
  }, [key, attempt]);

  return { data: state.data, error: state.error, busy: state.busy || state.key !== key, retry };
}
