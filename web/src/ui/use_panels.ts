import { useCallback, useLayoutEffect, useRef, useState } from "preact/hooks";
import { t } from "../core/texts.ts";
import type { Range } from "../core/time_range.ts";
import { kTimeoutMs, skewNow, takeAhead } from "../net/ahead.ts";
import { connection, onFeed, serverNow } from "../net/live.ts";
import { load, refresh, type PanelData, type Panels, type Wanted } from "../net/panel_data.ts";
import { AuthRequired } from "../net/session.ts";

const kLongestRefreshMs = 60_000;
const kReadAgainMs = [3000, 15_000];
const kTogetherMs = 80;
const kSkewMs = 5000;

export interface Loaded {
  data: Panels | null;
  error: string | null;
  busy: boolean;
  retry: () => void;
}

export function words(error: unknown): string {
  if (error instanceof TypeError) return t("the server cannot be reached");
  if (error instanceof DOMException && error.name === "TimeoutError") return t("the server took too long to answer");
  return error instanceof Error ? error.message : String(error);
}

// The data of some panels of some hosts over one range, kept fresh. `key` names all of it: the objects themselves are new at every
// navigation.
export function usePanels(wanted: Wanted, range: Range, key: string): Loaded {
  const [state, setState] = useState<{ key: string; data: Panels | null; error: string | null; busy: boolean }>({
    key: "", data: null, error: null, busy: true,
  });
  const [attempt, setAttempt] = useState(0);
  const retry = useCallback(() => setAttempt((old) => old + 1), []);
  const latest = useRef({ wanted, range });
  latest.current = { wanted, range };

  // Before the effects of what is on the view besides: charts are asked for first.
  useLayoutEffect(() => {
    const aborter = new AbortController();
    let data: Panels | null = null;
    let running = false;
    let whole = true;
    let timer: ReturnType<typeof setTimeout> | undefined;
    let skew = skewNow();
    const isLive = (): boolean => {
      const { range } = latest.current;
      return range.kind === "last" || range.to > serverNow();
    };
    const wasAskedByAWrongClock = (): boolean => isLive() && Math.abs(skewNow() - skew) > kSkewMs;
    const update = async (): Promise<void> => {
      if (running || aborter.signal.aborted) return;
      running = true;
      clearTimeout(timer);
      const signal = AbortSignal.any === undefined
        ? aborter.signal
        : AbortSignal.any([aborter.signal, AbortSignal.timeout(kTimeoutMs)]);
      // Taken now: what asks for the whole range while this runs is for the next one.
      const all = whole;
      whole = false;
      try {
        const now = serverNow();
        const { wanted, range } = latest.current;
        // The first part at once; those that follow soon after each other together, since each time costs the browser the view and its canvases.
        let gathered: [string, PanelData][] | null = null;
        const showGathered = (): void => {
          const some = gathered ?? [];
          gathered = null;
          if (!aborter.signal.aborted && some.length > 0) setState((old) => ({ ...old, data: new Map([...(old.data ?? []), ...some]) }));
        };
        let isFirst = true;
        const show = (part: Panels): void => {
          if (gathered === null && !isFirst) setTimeout(showGathered, kTogetherMs);
          gathered = [...(gathered ?? []), ...part];
          if (isFirst) showGathered();
          isFirst = false;
        };
        const asked = takeAhead(key);
        skew = asked?.skew ?? skewNow();
        if (asked !== null) {
          aborter.signal.addEventListener("abort", () => asked.aborter.abort());
          asked.onPart = show;
          asked.parts.forEach(show);
        }
        const fetched = asked !== null ? await asked.whole
          : data === null || all ? await load(wanted, range, now, signal, show)
          : await refresh(data, wanted, range, now, signal);
        if (aborter.signal.aborted) return;
        gathered = null;
        data = fetched;
        setState({ key, data, error: null, busy: false });
      } catch (error) {
        whole = whole || all;
        if (aborter.signal.aborted || error instanceof AuthRequired) return;
        setState((old) => ({ ...old, key, error: words(error), busy: false }));
      } finally {
        running = false;
        if (wasAskedByAWrongClock()) askAgain();
        else schedule();
      }
    };
    const askAgain = (): void => {
      whole = true;
      void update();
    };
    const schedule = (): void => {
      clearTimeout(timer);
      if (aborter.signal.aborted || !isLive()) return;
      const step = [...(data?.values() ?? [])][0]?.window.step ?? 5000;
      const pause = Math.min(kLongestRefreshMs, Math.max(1000, latest.current.wanted.intervalSeconds * 1000, step / 4));
      timer = setTimeout(() => {
        // A hidden page asks nothing; what it missed is fetched when it is looked at again.
        if (document.visibilityState === "visible") void update();
      }, pause);
    };
    const seen = (): void => {
      if (document.visibilityState === "visible" && isLive()) void update();
    };
    // After an outage the whole range is read again: clients send what they kept meanwhile, which fills the hole. They come back at
    // moments of their own, so it is read again later, too.
    let later: ReturnType<typeof setTimeout>[] = [];
    let wasLost = connection.value.kind === "lost";
    const stopWatching = connection.watch(() => {
      if (connection.value.kind === "lost") wasLost = true;
      if (connection.value.kind !== "live" || !wasLost) return;
      wasLost = false;
      whole = true;
      later.forEach(clearTimeout);
      later = kReadAgainMs.map((pause) => setTimeout(() => { whole = true; }, pause));
      void update();
    });
    // The same when a host comes back: its backlog arrives as history.
    const wasDown = new Set<string>();
    const stopFeed = onFeed((feed) => {
      if (wasAskedByAWrongClock()) askAgain();
      if (feed.kind === "removed") return;
      for (const told of feed.hosts) {
        if (!latest.current.wanted.hosts.includes(told.host)) continue;
        if (wasDown.has(told.host) && told.state === "up") whole = true;
        if (told.state === "down" || told.state === "paused" || told.backlog_samples > 0) wasDown.add(told.host);
        else wasDown.delete(told.host);
      }
    });
    document.addEventListener("visibilitychange", seen);
    setState((old) => ({ ...old, busy: true, error: null }));
    void update();
    return () => {
      aborter.abort();
      clearTimeout(timer);
      later.forEach(clearTimeout);
      stopWatching();
      stopFeed();
      document.removeEventListener("visibilitychange", seen);
    };
  }, [key, attempt]);

  return { data: state.data, error: state.error, busy: state.busy || state.key !== key, retry };
}
