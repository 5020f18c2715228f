// The events of a view's hosts in its range, for its charts. Annotations are asked for once a minute, and again when one was written. `restarts`:
// starts of the machine that are known besides the last one.

import { useEffect, useMemo, useState } from "preact/hooks";
import { eventsOf, withStarts, type ChartEvent } from "../core/annotations.ts";
import { Observable } from "../core/observable.ts";
import type { Fleet } from "../core/hosts.ts";
import { rangeMs, type Range } from "../core/time_range.ts";
import { fetchAnnotations } from "../net/events.ts";
import { fleet, serverNow } from "../net/live.ts";
import { useObservable, usePicked } from "./use_observable.ts";
import { useSame } from "./use_same.ts";

const kRefreshMs = 60_000;

const kNone: readonly number[] = [];

export const annotationsChanged = new Observable(0);

export function useEvents(hosts: readonly string[], range: Range, restarts: readonly number[] = kNone): readonly ChartEvent[] {
  const [annotations, setAnnotations] = useState<readonly ChartEvent[]>([]);
  const changed = useObservable(annotationsChanged);
  const names = hosts.join("\n");
  // A start is reckoned from the uptime of each sample, which is in whole seconds; rounded, it stays the same.
  const ownOf = (all: Fleet): string => JSON.stringify(eventsOf(hosts.flatMap((name) => all.get(name) ?? [])).map(({ time, words }) => ({ time: Math.round(time / 10_000) * 10_000, words })));
  const own = usePicked(fleet, ownOf, names);
  const rangeKey = JSON.stringify(range);
  const to = (): number => (range.kind === "absolute" ? range.to : serverNow() + 1000);
  useEffect(() => {
    const aborter = new AbortController();
    const update = (): void => {
      if (document.visibilityState === "visible")
        fetchAnnotations(names.split("\n"), to() - rangeMs(range), to(), aborter.signal).then(setAnnotations, () => undefined);
    };
    update();
    const timer = setInterval(update, kRefreshMs);
    return () => {
      aborter.abort();
      clearInterval(timer);
    };
  }, [names, rangeKey, changed]);
  return useSame(useMemo(() => {
    const begin = to() - rangeMs(range);
    return [...annotations, ...withStarts(JSON.parse(own) as ChartEvent[], restarts)].filter(({ time }) => time >= begin && time <= to()).sort((a, b) => a.time - b.time);
  }, [annotations, own, rangeKey, restarts]));
}
