// InfluxQL text from values. Everything that comes from outside (host names, tag values) passes through identifier() or
// literal(), which follow InfluxQL's own scanner: inside quotes only \\, \n and the escaped quote are known escapes.

export interface Column {
  expression: string;
  as: string;
  field?: string;  // set where the lowest and the highest value of a bucket may be asked for as well
  ofHundred?: true;  // the column is 100 less that field: its lowest is where the field is highest
  isRate?: true;   // the same for a rate, of whose shorter stretches they are (selectRateBands)
}

export interface Window {
  from: number;  // ms since the epoch, inclusive
  to: number;    // ms since the epoch, exclusive
  step: number;  // ms
}

export interface Select {
  columns: Column[];
  from: string;
  where: ReadonlyArray<readonly [tag: string, value: string | readonly string[]]>;  // several values: any of them
  by: readonly string[];
}

export function identifier(name: string): string {
  return `"${name.replace(/\\/g, "\\\\").replace(/"/g, '\\"').replace(/\n/g, "\\n")}"`;
}

export function literal(text: string): string {
  return `'${text.replace(/\\/g, "\\\\").replace(/'/g, "\\'").replace(/\n/g, "\\n")}'`;
}

export const mean = (field: string, as = field): Column => ({ expression: `mean(${identifier(field)})`, as });
export const sumOf = (field: string, as = field): Column => ({ expression: `sum(${identifier(field)})`, as });
export const countOf = (field: string, as: string): Column => ({ expression: `count(${identifier(field)})`, as });
// A mean that draws a band from the lowest to the highest value where a bucket holds many.
export const banded = (field: string, as = field): Column => ({ ...mean(field, as), field });
// All but idle. Telegraf writes usage_active only where it is told to; usage_idle is always there.
const hundredLess = (aggregate: string, field: string): string => `100 - ${aggregate}(${identifier(field)})`;
export const busy = (as: string): Column => ({ expression: hundredLess("mean", "usage_idle"), as });
export const bandedBusy = (as: string): Column => ({ ...busy(as), field: "usage_idle", ofHundred: true });
export const lowOf = (as: string): string => `${as} low`;
export const highOf = (as: string): string => `${as} high`;
export const withBands = (columns: readonly Column[]): Column[] =>
  columns.flatMap((column) =>
    column.field === undefined
      ? [column]
      : column.ofHundred === true
        ? [
            column,
            { expression: hundredLess("max", column.field), as: lowOf(column.as) },
            { expression: hundredLess("min", column.field), as: highOf(column.as) },
          ]
        : [
            column,
            { expression: `min(${identifier(column.field)})`, as: lowOf(column.as) },
            { expression: `max(${identifier(column.field)})`, as: highOf(column.as) },
          ]);
export const max = (field: string, as = field): Column => ({ expression: `max(${identifier(field)})`, as });

// A counter's change per second. A counter that went back (a reboot) gives nothing rather than a huge negative rate.
export const rate = (field: string, as = field, factor = 1): Column => ({
  expression: `non_negative_derivative(max(${identifier(field)}), 1s)${factor === 1 ? "" : ` * ${factor}`}`,
  as,
});
export const bandedRate = (field: string, as = field, factor = 1): Column => ({ ...rate(field, as, factor), isRate: true });

function duration(ms: number): string {
  return ms % 1000 === 0 ? `${ms / 1000}s` : `${ms}ms`;
}

function oneOf(tag: string, value: string | readonly string[]): string {
  const is = (one: string): string => `${identifier(tag)} = ${literal(one)}`;
  if (typeof value === "string") return is(value);
  return value.length === 1 ? is(value[0] ?? "") : `(${value.map(is).join(" OR ")})`;
}

function conditions(query: Select, from: number, to: number): string {
  const tags = query.where.map(([tag, value]) => `${oneOf(tag, value)} AND `).join("");
  return `${tags}time >= ${from}ms AND time < ${to}ms`;
}

export function select(query: Select, window: Window): string {
  const columns = query.columns.map((column) => `${column.expression} AS ${identifier(column.as)}`).join(", ");
  const by = query.by.map((tag) => `, ${identifier(tag)}`).join("");
  return (
    `SELECT ${columns} FROM ${identifier(query.from)} WHERE ${conditions(query, window.from, window.to)} ` +
    `GROUP BY time(${duration(window.step)})${by} fill(null)`
  );
}

// The lowest and the highest of a bucket's rates, each taken over `innerMs`. A counter's own least and greatest say nothing: it only
// rises. Null where no column is a rate, or a bucket holds not even two of them.
export function selectRateBands(query: Select, window: Window, innerMs: number): string | null {
  const rates = query.columns.filter((column) => column.isRate === true);
  if (rates.length === 0 || window.step < 2 * innerMs) return null;
  const inner = rates.map((column) => `${column.expression} AS ${identifier(column.as)}`).join(", ");
  const outer = rates.map(({ as }) =>
    `min(${identifier(as)}) AS ${identifier(lowOf(as))}, max(${identifier(as)}) AS ${identifier(highOf(as))}`).join(", ");
  const by = query.by.map((tag) => `, ${identifier(tag)}`).join("");
  // A rate belongs to the end of its stretch, so the first one of the first bucket needs what was before. Nothing before the outer
  // bound is read in a subquery: that is moved, and the bucket that it adds is left out with all that is outside the window.
  return (
    `SELECT ${outer} FROM (SELECT ${inner} FROM ${identifier(query.from)} ` +
    `WHERE ${conditions(query, window.from - innerMs, window.to)} GROUP BY time(${duration(innerMs)})${by} fill(none)) ` +
    `WHERE time >= ${window.from - innerMs}ms AND time < ${window.to}ms GROUP BY time(${duration(window.step)})${by} fill(null)`
  );
}
