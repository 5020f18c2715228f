// Labels of a time axis: the clock, and the date wherever the day changes, always 24 hours and local time.

import { formatClock, formatDate } from "../core/format.ts";

export function timeLabels(splits: readonly number[], incrementMs: number): string[] {
  let day = "";
  return splits.map((at, index) => {
    const date = formatDate(at);
    const changed = date !== day && (index > 0 || incrementMs >= 3_600_000);
    day = date;
    if (incrementMs >= 86_400_000) return date.slice(5);
    const clock = formatClock(at, incrementMs < 60_000);
    return changed && (index > 0 || clock === "00:00") ? `${clock}\n${date.slice(5)}` : clock;
  });
}
