// The figures of a line for a table of values.

export interface LineFigures {
  min: number | null;
  mean: number | null;
  max: number | null;
  last: number | null;
}

export function figuresOf(values: readonly (number | null)[], low: readonly (number | null)[] = values, high: readonly (number | null)[] = values): LineFigures {
  const known = (all: readonly (number | null)[]): number[] => all.filter((value): value is number => value !== null);
  const all = known(values);
  if (all.length === 0) return { min: null, mean: null, max: null, last: null };
  // Where a point stands for many samples, the band has the lowest and the highest of them.
  const least = [...all, ...known(low)].reduce((a, b) => Math.min(a, b));
  const most = [...all, ...known(high)].reduce((a, b) => Math.max(a, b));
  return { min: least, mean: all.reduce((a, b) => a + b, 0) / all.length, max: most, last: all.at(-1) ?? null };
}
