// The charts of one row of a table: the same measurements as the host's, of one series.

import { inSentence } from "../../core/texts.ts";
import { any, grouped, plain, type Panel, type Source } from "../../charts/panel.ts";
import type { Unit } from "../../core/format.ts";
import { banded, bandedRate, type Column } from "../../core/influxql.ts";

export type Tags = Record<string, string>;

export interface Wish {
  title: string;
  unit: Unit;
  from: string;
  field?: string;                              // one line
  lines?: readonly [field: string, label: string][];
  rates?: boolean;                             // of counters
  below?: boolean;                             // the second line is drawn below zero
  by?: string;                                 // a line for each value of this tag instead
}

// `tags`: which series; those that are empty are not asked for.
export function rowPanels(id: string, tags: Tags, wishes: readonly Wish[]): Panel[] {
  const where = Object.entries(tags).filter(([, value]) => value !== "");
  return wishes.map((wish, index): Panel => {
    const lines = wish.lines ?? [[wish.field ?? "", inSentence(wish.title)] as const];
    const column = (field: string): Column => (wish.rates === true ? bandedRate(field) : banded(field));
    const source: Source = {
      from: wish.from, where, columns: lines.map(([field]) => column(field)), ...(wish.rates === true ? { rates: true } : {}),
      ...(wish.by === undefined ? {} : { by: [wish.by] }),
    };
    const wanted = lines.map(([field, label], at) => ({ column: field, label, colour: at, ...(wish.below === true && at === 1 ? { below: true } : {}) }));
    return {
      id: `row-${id.replace(/[^A-Za-z0-9]+/g, "-")}-${index}`, section: "", title: wish.title, unit: wish.unit,
      style: wish.below === true ? "mirror" : "line", sources: [source], optional: index > 0,
      draw: wish.by === undefined ? plain(wanted) : grouped(wish.by, wanted.map((one) => ({ ...one, label: lines.length > 1 ? one.label : "" })), any, "show", wish.by),
    };
  });
}
