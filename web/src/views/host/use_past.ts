// What the charts of a past range do not say: earlier days to compare with, and starts of the machine. One request, after the charts'.

import { useEffect, useState } from "preact/hooks";
import { max, select, type Window } from "../../core/influxql.ts";
import { chooseStep, type Range } from "../../core/time_range.ts";
import type { Figure } from "../../core/usual.ts";
import { serverNow } from "../../net/live.ts";
import { runEach } from "../../net/query.ts";
import { figuresOf, figureStatements, type Windows } from "./figures.ts";
import { restartsOf, type Span } from "./past.ts";

const kHour = 3_600_000;
const kDay = 24 * kHour;
const kUsualSeconds = 5;
const kComparedPoints = 24;
const kStartPoints = 360;

export interface PastFigures { key: string; figures: readonly Figure[]; restarts: readonly number[] }

// A day and less with the day and the week before, up to a week with the week before. An hour or less with the hour around that time.
export function pastWindows({ from, to }: Span): Windows {
  const span = to - from;
  const step = Math.max(chooseStep(span, kUsualSeconds, kComparedPoints), 60_000);
  const more = Math.max(0, kHour - span) / 2;
  const windowOf = (back: number, around: number): Window => ({ from: Math.floor((from - back - around) / step) * step, to: Math.ceil((to - back + around) / step) * step, step });
  return [windowOf(0, 0), span <= kDay + 2 * kHour ? windowOf(kDay, more) : null, span <= 7 * kDay + 2 * kHour ? windowOf(7 * kDay, more) : null];
}

async function ask(host: string, within: Span, signal: AbortSignal): Promise<Omit<PastFigures, "key">> {
  const windows = pastWindows(within);
  const step = chooseStep(within.to - within.from, kUsualSeconds, kStartPoints);
  const starts = select({ columns: [max("boot_time", "v")], from: "kernel", where: [["host", host]], by: [] },
    { from: Math.floor(within.from / step) * step, to: Math.ceil(within.to / step) * step, step });
  const compared = windows.slice(1).some((window) => window !== null);
  const [started, ...figures] = await runEach([starts, ...(compared ? figureStatements(host, windows) : [])], signal);
  const values = (started?.series[0]?.values ?? []).map((row) => (typeof row[1] === "number" ? row[1] : null));
  return { restarts: restartsOf(values, within), figures: compared ? figuresOf(figures, windows) : [] };
}

const pastKey = (host: string, range: Range): string => JSON.stringify([host, range]);

export function usePast(host: string, range: Range): PastFigures | null {
  const [told, setTold] = useState<PastFigures | null>(null);
  const key = pastKey(host, range);
  useEffect(() => {
    setTold(null);
    if (range.kind === "last") return undefined;
    const aborter = new AbortController();
    const within = { from: range.from, to: Math.min(range.to, Math.round(serverNow())) };
    // Without an answer the summary says less.
    if (within.from < within.to) ask(host, within, aborter.signal).then((found) => setTold({ key, ...found }), () => undefined);
    return () => aborter.abort();
  }, [key]);
  return told?.key === key ? told : null;
}
