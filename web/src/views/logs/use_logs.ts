import { useEffect, useRef, useState } from "preact/hooks";
import { mergeNewest, Overlap, type Facet, type Histogram, type LogLine, type Pattern } from "../../core/log_lines.ts";
import type { LogsRoute } from "../../core/route.ts";
import { rangeMs } from "../../core/time_range.ts";
import { serverNow } from "../../net/live.ts";
import { followLogs, loadFacets, loadHistogram, loadPage, loadPatterns, type Wanted } from "../../net/logs.ts";
import { AuthRequired } from "../../net/session.ts";

const kFirstLines = 300;
const kMoreLines = 2000;
const kMostLines = 100_000;
const kBuckets = 90;
const kTimeoutMs = 40_000;
const kOverlapMs = 2000; // so much later may a line come live that a fetched page has

export interface LogsState {
  lines: readonly LogLine[];
  added: number;       // lines that were put in front since the search began
  waiting: number;     // that came while it was paused
  cursor: string;
  partial: string;
  dropped: number;     // live lines that there was no room for
  histogram: Histogram | null;
  facets: readonly Facet[];
  patterns: readonly Pattern[] | null;
  error: string;
  busy: boolean;
}

const kEmpty: LogsState = {
  lines: [], added: 0, waiting: 0, cursor: "", partial: "", dropped: 0, histogram: null, facets: [], patterns: null, error: "", busy: true,
};

export function wantedOf(route: { query: string; range: LogsRoute["range"] }): Wanted {
  const to = route.range.kind === "absolute" ? route.range.to : serverNow() + 1000;
  return { query: route.query, from: to - rangeMs(route.range), to };
}

const wordsOf = (reason: unknown): string => (reason instanceof Error ? reason.message : String(reason));

export function useLogs(route: LogsRoute, key: string, follow: boolean, paused: boolean): LogsState & { more: () => void } {
  const [state, setState] = useState<LogsState>(kEmpty);
  const wanted = useRef(wantedOf(route));
  const aborter = useRef(new AbortController());
  const loading = useRef(false);
  const held = useRef<LogLine[]>([]);
  const early = useRef<LogLine[] | null>(null); // that came before the page which may have them too; null: it is there
  const overlap = useRef<{ until: number; with: Overlap } | null>(null);
  const stale = useRef(false); // the connection was lost while it was paused
  const change = (part: Partial<LogsState> | ((old: LogsState) => Partial<LogsState>)): void =>
    setState((old) => ({ ...old, ...(typeof part === "function" ? part(old) : part) }));

  // The newest page, in place of what is shown.
  const load = (): void => {
    aborter.current.abort();
    const mine = new AbortController();
    aborter.current = mine;
    wanted.current = wantedOf(route);
    loading.current = true;
    held.current = [];
    early.current = [];
    overlap.current = null;
    stale.current = false;
    const signal = AbortSignal.any === undefined ? mine.signal : AbortSignal.any([mine.signal, AbortSignal.timeout(kTimeoutMs)]);
    const unless = (put: () => void): void => {
      if (!mine.signal.aborted) put();
    };
    const settle = (page: readonly LogLine[]): LogLine[] => {
      const known = new Overlap(page);
      const fresh = known.without(early.current ?? []);
      early.current = null;
      overlap.current = { until: performance.now() + kOverlapMs, with: known };
      return mergeNewest(fresh, page, kMostLines);
    };
    const fail = (reason: unknown): void => unless(() => {
      loading.current = false;
      if (early.current !== null) {
        const came = early.current;
        early.current = null;
        change((old) => ({ lines: mergeNewest(came, old.lines, kMostLines) }));
      }
      if (!(reason instanceof AuthRequired)) change({ error: wordsOf(reason), busy: false });
    });
    const first = route.show === "patterns"
      ? loadPatterns(wanted.current, signal).then((patterns) => unless(() => {
          early.current = null;
          change({ patterns, busy: false });
        }))
      : loadPage(wanted.current, kFirstLines, "", signal).then((page) => unless(() => {
          loading.current = false;
          change({ lines: settle(page.lines), cursor: page.cursor, partial: page.partial, waiting: 0, busy: false });
        }));
    // The lines first; what is only beside them does not hold them up.
    first.then(async () => {
      const histogram = await loadHistogram(wanted.current, kBuckets, signal);
      unless(() => change({ histogram }));
      const facets = await loadFacets(wanted.current, signal);
      unless(() => change({ facets }));
    }).catch(fail);
  };
  const loadNow = useRef(load);
  loadNow.current = load;

  useEffect(() => {
    change({ ...kEmpty, histogram: null });
    load();
    return () => aborter.current.abort();
  }, [key]);

  const isPaused = useRef(paused);
  isPaused.current = paused;
  const put = (fresh: readonly LogLine[], dropped: number): void =>
    change((old) => ({
      lines: mergeNewest(fresh, old.lines, kMostLines), added: old.added + fresh.length, dropped: old.dropped + dropped, waiting: held.current.length,
    }));
  useEffect(() => {
    if (!follow) return;
    return followLogs(route.query, ({ lines, dropped }) => {
      if (early.current !== null) {
        early.current = mergeNewest(lines, early.current, kMostLines);
        if (dropped > 0) change((old) => ({ dropped: old.dropped + dropped }));
        return;
      }
      const now = overlap.current;
      const fresh = now !== null && performance.now() < now.until ? now.with.without(lines) : lines;
      if (isPaused.current) {
        held.current = mergeNewest(fresh, held.current, kMostLines);
        change((old) => ({ waiting: held.current.length, dropped: old.dropped + dropped }));
      } else {
        put(fresh, dropped);
      }
    }, (why) => change({ error: why }), () => {
      if (isPaused.current) stale.current = true;
      else loadNow.current();
    });
  }, [follow, route.query]);
  useEffect(() => {
    if (paused) return;
    if (stale.current) {
      load();
    } else if (held.current.length > 0) {
      const fresh = held.current;
      held.current = [];
      put(fresh, 0);
    }
  }, [paused]);

  const more = (): void => {
    if (loading.current || state.cursor === "" || state.lines.length >= kMostLines) return;
    loading.current = true;
    const mine = aborter.current;
    loadPage(wanted.current, kMoreLines, state.cursor, mine.signal).then((page) => {
      loading.current = false;
      if (!mine.signal.aborted) change((old) => ({ lines: [...old.lines, ...page.lines], cursor: page.cursor, partial: page.partial }));
    }, (reason: unknown) => {
      loading.current = false;
      if (!mine.signal.aborted) change({ error: wordsOf(reason) });
    });
  };
  return { ...state, more };
}
