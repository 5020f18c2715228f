// A table of things that a host has: sorted by any column, searched, and each row opens its own charts below itself.

import type { ComponentChildren } from "preact";
import { useMemo, useState } from "preact/hooks";
import { inSentence, t, tx } from "../../core/texts.ts";
import type { Panel } from "../../charts/panel.ts";
import { format, type Unit } from "../../core/format.ts";
import type { Range } from "../../core/time_range.ts";
import { PanelView, type PanelActions } from "../../ui/panel_view.tsx";
import { TableBox } from "../../ui/table_box.tsx";
import { usePanels } from "../../ui/use_panels.ts";
import { findRows, sortRows, type Value } from "./latest.ts";

const kMostRows = 20;
const kSearchFrom = 6;  // fewer rows are read faster than a search is typed

export interface Head<Row> {
  title: string;
  rank?: "" | "rank-2" | "rank-3";  // which columns go first where there is no room
  unit?: Unit;                      // of a number; without it a column is text
  ascendingFirst?: boolean;
  value: (row: Row) => Value;
  show?: (row: Row) => ComponentChildren;
}

export interface ChartContext {
  host: string;
  range: Range;
  intervalSeconds: number;
  actions: PanelActions;
}

interface Props<Row> {
  title: string;
  caption: string;
  moment?: string | undefined;  // when the values are of, where that is not now; the caption is seen then
  rows: readonly Row[];
  heads: readonly Head<Row>[];
  keyOf: (row: Row) => string;
  nameOf: (row: Row) => string;
  aboutOf?: (row: Row) => string;
  sorted?: number;  // the head by which it is sorted at first
  chartsOf?: (row: Row) => Panel[];
  context: ChartContext;
}

function text<Row>(head: Head<Row>, row: Row): ComponentChildren {
  if (head.show !== undefined) return head.show(row);
  const value = head.value(row);
  return typeof value === "string" ? value : format(value, head.unit ?? "count");
}

export function DataTable<Row>({ title, caption, moment, rows, heads, keyOf, nameOf, aboutOf, sorted = 0, chartsOf, context }: Props<Row>) {
  const [order, setOrder] = useState({ at: sorted, descending: sorted >= 0 && heads[sorted]?.ascendingFirst !== true });
  const [search, setSearch] = useState("");
  const [all, setAll] = useState(false);
  const [open, setOpen] = useState<string | null>(null);
  const found = useMemo(() => {
    const about = aboutOf ?? (() => "");
    const matching = findRows(rows, search, (row) => [
      nameOf(row), about(row), ...heads.map((head) => head.value(row)).filter((value): value is string => typeof value === "string"),
    ]);
    const head = heads[order.at];
    return order.at < 0 || head === undefined
      ? sortRows(matching, nameOf, nameOf, order.descending)
      : sortRows(matching, head.value, nameOf, order.descending);
  }, [rows, search, order]);
  const sortBy = (at: number): void =>
    setOrder((old) => ({ at, descending: old.at === at ? !old.descending : at >= 0 && heads[at]?.ascendingFirst !== true }));
  const header = (at: number, label: string, style: string) => (
    <th key={label} scope="col" class={style} aria-sort={order.at === at ? (order.descending ? "descending" : "ascending") : "none"}>
      <button type="button" class="sort" onClick={() => sortBy(at)}>
        {label}<span class="sort-mark" aria-hidden="true">{order.at === at ? (order.descending ? " ▾" : " ▴") : ""}</span>
      </button>
    </th>
  );
  const shown = all ? found : found.slice(0, kMostRows);
  return (
    <div class="disks things"><TableBox label={title}>
      {rows.length >= kSearchFrom && (
        <label class="things-search">
          <span class="hidden">{t("Search {title}", { title: inSentence(title) })}</span>
          <input type="search" placeholder={t("Search {title}", { title: inSentence(title) })} value={search} spellcheck={false}
                 onInput={(event) => setSearch(event.currentTarget.value)} />
        </label>
      )}
      <table class="plain">
        <caption class={moment === undefined ? "hidden" : "moment"}>{moment === undefined ? caption : `${caption}, ${moment}`}</caption>
        <thead>
          <tr>
            {header(-1, title, "")}
            {heads.map((head, at) => header(at, head.title, `${head.unit === undefined ? "" : "numeric"} ${head.rank ?? ""}`))}
          </tr>
        </thead>
        <tbody>
          {shown.flatMap((row) => {
            const key = keyOf(row);
            const about = aboutOf?.(row) ?? "";
            const line = (
              <tr key={key}>
                <th scope="row">
                  {chartsOf === undefined ? nameOf(row) : (
                    <button type="button" class="opens" aria-expanded={open === key} onClick={() => setOpen(open === key ? null : key)}>
                      {nameOf(row)}
                    </button>
                  )}
                  {about !== "" && <> <span class="quiet rank-3">{about}</span></>}
                </th>
                {heads.map((head) => (
                  <td key={head.title} class={`${head.unit === undefined ? "" : "numeric"} ${head.rank ?? ""}`}>{text(head, row)}</td>
                ))}
              </tr>
            );
            if (open !== key || chartsOf === undefined) return [line];
            return [line, (
              <tr key={`${key} charts`} class="opened">
                <td colSpan={heads.length + 1}><RowCharts id={key} panels={chartsOf(row)} context={context} /></td>
              </tr>
            )];
          })}
        </tbody>
      </table>
      {found.length === 0 && <p class="quiet">{tx("Nothing matches {search}.", { search: <q>{search}</q> })}</p>}
      {found.length > kMostRows && (
        <button type="button" class="more" onClick={() => setAll(!all)}>
          {all ? t("Show the first {n}", { n: kMostRows }) : t("Show all {n}", { n: found.length })}
        </button>
      )}
    </TableBox></div>
  );
}

// Of the same range as the host's other charts, and with the same pointer.
function RowCharts({ id, panels, context }: { id: string; panels: Panel[]; context: ChartContext }) {
  const { host, range, intervalSeconds, actions } = context;
  const { data, error, retry } = usePanels({ panels, hosts: [host], intervalSeconds }, range, `${host} ${id} ${JSON.stringify(range)}`);
  return (
    <div class="panels row-charts">
      {panels.map((panel) => (
        <PanelView key={panel.id} panel={panel} data={data?.get(panel.id)} failed={error} actions={actions} onRetry={retry} />
      ))}
    </div>
  );
}
