// Labels of a time axis: the clock, and the date wherever the day changes, always 24 hours and local time.

import { formatClock, formatDate, formatDay } from "../core/format.ts";

export function timeLabels(splits: readonly number[], incrementMs: number): string[] {
  let day = "";
  return splits.map((at, index) => {
    const date = formatDate(at);
    const changed = date !== day && (index > 0 || incrementMs >= 3_600_000);
    day = date;
    if (incrementMs >= 86_400_000) return formatDay(at);
    const clock = formatClock(at, incrementMs < 60_000);
    return changed && (index > 0 || clock === "00:00") ? `${clock}\n${formatDay(at)}` : clock;
  });
}
