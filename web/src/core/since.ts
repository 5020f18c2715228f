// Since when a series has been at or above a limit, from its means over short stretches.

// A stretch that lay a little lower interrupts nothing: its mean hides what was above.
const kShare = 0.9;

// `points` in the order of time, of what is known from `from` on. `since` is null where not even the last one is above; `least`: it may have been so
// before `from`. Where the samples begin later, nothing is known of the time before them.
export function beganAbove(points: readonly { time: number; value: number }[], limit: number, from: number): { since: number | null; least: boolean } {
  const last = points.length - 1;
  // The newest stretch may still hold what was before the rise.
  let at = last;
  if (at >= 0 && (points[at]?.value ?? 0) < limit * kShare) --at;
  if (last >= 0 && (points[Math.max(0, at)]?.value ?? 0) < limit * kShare) return { since: points[last]?.time ?? null, least: false };
  while (at > 0 && (points[at - 1]?.value ?? 0) >= limit * kShare) --at;
  return { since: points[at]?.time ?? null, least: at === 0 && points.length > 1 && (points[0]?.time ?? from) <= from };
}

// In a stretch that lay above: its first sample that did, or its first one. Null where it has none.
export function firstAbove(points: readonly { time: number; value: number }[], limit: number): number | null {
  return (points.find((one) => one.value >= limit * kShare) ?? points[0])?.time ?? null;
}
