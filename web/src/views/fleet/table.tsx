// The fleet as a table. Rows are drawn only around the visible part of the page (two spacer rows stand for the others), so a
// thousand hosts cost what forty cost. The table keeps its semantics: aria-rowcount and aria-rowindex tell the true numbers.

import { useEffect, useLayoutEffect, useRef, useState } from "preact/hooks";
import type { Host } from "../../core/hosts.ts";
import type { SortKey } from "../../core/route.ts";
import { trendsVersion } from "../../net/trends.ts";
import { useObservable } from "../../ui/use_observable.ts";
import { kColumns } from "./columns.tsx";
import { Row } from "./row.tsx";

const kRowHeight = 36;  // as in fleet.css
const kBeyond = 8;

interface Props {
  hosts: readonly Host[];
  sort: SortKey;
  descending: boolean;
  onSort: (key: SortKey, descending: boolean) => void;
  stale: boolean;
}

function visibleRows(body: HTMLElement | null, count: number): [first: number, end: number] {
  const top = body?.getBoundingClientRect().top ?? 0;
  const first = Math.floor(-top / kRowHeight) - kBeyond;
  const end = Math.ceil((innerHeight - top) / kRowHeight) + kBeyond;
  return [Math.min(Math.max(0, first), count), Math.min(count, Math.max(end, 0))];
}

export function FleetTable({ hosts, sort, descending, onSort, stale }: Props) {
  const trends = useObservable(trendsVersion);
  const body = useRef<HTMLTableSectionElement>(null);
  const [range, setRange] = useState<[number, number]>([0, 60]);
  const measure = (): void => {
    const next = visibleRows(body.current, hosts.length);
    setRange((old) => (old[0] === next[0] && old[1] === next[1] ? old : next));
  };
  useLayoutEffect(measure);
  useEffect(() => {
    addEventListener("scroll", measure, { passive: true });
    addEventListener("resize", measure);
    return () => {
      removeEventListener("scroll", measure);
      removeEventListener("resize", measure);
    };
  });
  const first = Math.min(range[0], hosts.length);
  const end = Math.min(range[1], hosts.length);

  return (
    <table class={`fleet${stale ? " is-stale" : ""}`} aria-rowcount={hosts.length + 1}>
      <caption class="hidden">Hosts with their present state</caption>
      <colgroup>{kColumns.map((column) => <col key={column.key} class={`rank-${column.rank} col-${column.key}`} />)}</colgroup>
      <thead>
        <tr aria-rowindex={1}>
          {kColumns.map((column) => {
            const sorted = column.key === sort;
            return (
              <th key={column.key} scope="col" class={`rank-${column.rank} col-${column.key}${column.numeric ? " numeric" : ""}`}
                  aria-sort={sorted ? (descending ? "descending" : "ascending") : "none"}>
                <button type="button" title={column.hint}
                        onClick={() => onSort(column.key, sorted ? !descending : column.descendingFirst)}>
                  {column.title}
                  <span class="sort-mark" aria-hidden="true">{sorted ? (descending ? "▾" : "▴") : ""}</span>
                </button>
              </th>
            );
          })}
        </tr>
      </thead>
      <tbody ref={body}>
        {first > 0 && <Spacer key="above" rows={first} />}
        {hosts.slice(first, end).map((host, index) => (
          <Row key={`h ${host.host}`} host={host} index={first + index} trends={trends} />
        ))}
        {end < hosts.length && <Spacer key="below" rows={hosts.length - end} />}
      </tbody>
    </table>
  );
}

function Spacer({ rows }: { rows: number }) {
  return (
    <tr class="spacer" aria-hidden="true">
      <td colSpan={kColumns.length} style={{ height: `${rows * kRowHeight}px` }} />
    </tr>
  );
}

// Moves the focus to row `index`, scrolling it into the drawn part of the table first.
export function focusRow(index: number): void {
  const find = (): HTMLElement | null => document.querySelector(`table.fleet a[data-index="${index}"]`);
  const there = find();
  if (there !== null) {
    there.focus({ preventScroll: true });
    there.closest("tr")?.scrollIntoView({ block: "nearest" });
    return;
  }
  const body = document.querySelector("table.fleet tbody");
  if (body === null) return;
  scrollTo({ top: scrollY + body.getBoundingClientRect().top + index * kRowHeight - innerHeight / 2 });
  requestAnimationFrame(() => requestAnimationFrame(() => find()?.focus({ preventScroll: true })));
}
