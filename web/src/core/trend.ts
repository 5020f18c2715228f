// The small line in a fleet row: half-minute means over the last quarter hour. It is filled once by a query and then
// follows the live feed, so an open fleet view asks the store nothing.

export const kTrendStepMs = 30_000;
export const kTrendPoints = 30;

interface Bucket {
  sum: number;
  count: number;
}

export class Trend {
  private buckets = new Map<number, Bucket>();

  seed(time: number, value: number): void {
    this.buckets.set(Math.floor(time / kTrendStepMs), { sum: value, count: 1 });
  }

  add(time: number, value: number): void {
    const slot = Math.floor(time / kTrendStepMs);
    const bucket = this.buckets.get(slot);
    if (bucket === undefined) {
      this.buckets.set(slot, { sum: value, count: 1 });
      for (const old of this.buckets.keys()) {
        if (old <= slot - kTrendPoints) this.buckets.delete(old);
      }
    } else {
      bucket.sum += value;
      ++bucket.count;
    }
  }

  // The mean of the newest so many half minutes that have a value; null: none has. It is asked of each host at each of its samples.
  recent(now: number, points: number): number | null {
    const last = Math.floor(now / kTrendStepMs);
    let sum = 0;
    let known = 0;
    for (let slot = last - points + 1; slot <= last; ++slot) {
      const bucket = this.buckets.get(slot);
      if (bucket === undefined) continue;
      sum += bucket.sum / bucket.count;
      ++known;
    }
    return known === 0 ? null : sum / known;
  }

  values(now: number): (number | null)[] {
    const last = Math.floor(now / kTrendStepMs);
    return Array.from({ length: kTrendPoints }, (_, index) => {
      const bucket = this.buckets.get(last - kTrendPoints + 1 + index);
      return bucket === undefined ? null : bucket.sum / bucket.count;
    });
  }
}

// The top of a trend's scale: the first that holds the data, so that shapes can be seen and levels still compare.
export function trendCeiling(values: readonly (number | null)[]): number {
  const top = values.reduce<number>((most, value) => Math.max(most, value ?? 0), 0);
  return top <= 25 ? 25 : top <= 50 ? 50 : 100;
}

// The line's SVG path in a box of `width` × `height`, for values of 0 … `ceiling`; two nulls in a row lift the pen.
export function trendPath(values: readonly (number | null)[], width: number, height: number, ceiling = 100): string {
  const step = width / Math.max(1, values.length - 1);
  let path = "";
  let down = false;
  values.forEach((value, index) => {
    if (value === null) {
      // One of a host that reports every minute is always missing.
      if ((values[index - 1] ?? null) === null || (values[index + 1] ?? null) === null) down = false;
      return;
    }
    const y = height - (Math.min(ceiling, Math.max(0, value)) / ceiling) * height;
    path += `${down ? "L" : "M"}${(index * step).toFixed(1)} ${y.toFixed(1)}`;
    // A lone sample would be a path of no length; a short dash makes it visible.
    if (!down && (values[index + 1] ?? null) === null && (values[index + 2] ?? null) === null) path += "h1";
    down = true;
  });
  return path;
}
