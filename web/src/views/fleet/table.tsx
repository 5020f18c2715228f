// The fleet as a table. Rows are drawn only around the visible part of the page (two spacer rows stand for the others), so a
// thousand hosts cost what forty cost. The table keeps its semantics: aria-rowcount and aria-rowindex tell the true numbers.

import { useEffect, useLayoutEffect, useMemo, useRef, useState } from "preact/hooks";
import { groupHosts, type Group, type Host } from "../../core/hosts.ts";
import type { SortKey } from "../../core/route.ts";
import { trendsVersion } from "../../net/trends.ts";
import { useObservable } from "../../ui/use_observable.ts";
import { layoutFor, widthOf } from "./columns.tsx";
import { GroupRow, Row } from "./row.tsx";

const kRowHeight = 34;  // as in fleet.css
const kBeyond = 8;

interface Props {
  hosts: readonly Host[];
  group: string;
  sort: SortKey;
  descending: boolean;
  onSort: (key: SortKey, descending: boolean) => void;
  stale: boolean;
}

type Item = { kind: "host"; host: Host; index: number } | { kind: "group"; group: Group };

function visibleRows(body: HTMLElement | null, count: number): [first: number, end: number] {
  const top = body?.getBoundingClientRect().top ?? 0;
  const first = Math.floor(-top / kRowHeight) - kBeyond;
  const end = Math.ceil((innerHeight - top) / kRowHeight) + kBeyond;
  return [Math.min(Math.max(0, first), count), Math.min(count, Math.max(end, 0))];
}

// The rows in order; a host's index counts hosts only.
function itemsOf(hosts: readonly Host[], group: string): Item[] {
  if (group === "") return hosts.map((host, index) => ({ kind: "host", host, index }));
  let index = 0;
  return groupHosts(hosts, group).flatMap((one): Item[] => [
    { kind: "group", group: one },
    ...one.hosts.map((host): Item => ({ kind: "host", host, index: index++ })),
  ]);
}

export function FleetTable({ hosts, group, sort, descending, onSort, stale }: Props) {
  const trends = useObservable(trendsVersion);
  const box = useRef<HTMLTableElement>(null);
  const body = useRef<HTMLTableSectionElement>(null);
  const [range, setRange] = useState<[number, number]>([0, 60]);
  const [width, setWidth] = useState(() => document.documentElement.clientWidth - 40);
  const layout = useMemo(() => layoutFor(width), [width]);
  const items = useMemo(() => itemsOf(hosts, group), [hosts, group]);
  const measure = (): void => {
    const next = visibleRows(body.current, items.length);
    setRange((old) => (old[0] === next[0] && old[1] === next[1] ? old : next));
    setWidth(box.current?.parentElement?.clientWidth ?? 0);
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
  const first = Math.min(range[0], items.length);
  const end = Math.min(range[1], items.length);
  const columns = layout.columns;

  return (
    <table ref={box} class={`fleet${stale ? " is-stale" : ""}${layout.phone ? " is-phone" : ""}`} aria-rowcount={items.length + 1}>
      <caption class="hidden">Hosts with their present state</caption>
      <colgroup>
        {columns.map((column) => {
          const fixed = widthOf(column, layout);
          return <col key={column.key} style={fixed === undefined ? {} : { width: `${fixed}px` }} />;
        })}
      </colgroup>
      <thead>
        <tr aria-rowindex={1}>
          {columns.map((column) => {
            const sorted = column.key === sort;
            return (
              <th key={column.key} scope="col" class={`col-${column.key}${column.numeric ? " numeric" : ""}`}
                  aria-sort={sorted ? (descending ? "descending" : "ascending") : "none"}>
                <button type="button" title={column.hint}
                        onClick={() => onSort(column.key, sorted ? !descending : column.descendingFirst)}>
                  <span class="head-word">{column.title}</span>
                  <span class="sort-mark" aria-hidden="true">{sorted ? (descending ? "▾" : "▴") : ""}</span>
                </button>
              </th>
            );
          })}
        </tr>
      </thead>
      <tbody ref={body}>
        {first > 0 && <Spacer key="above" rows={first} columns={columns.length} />}
        {items.slice(first, end).map((item, at) =>
          item.kind === "host" ? (
            <Row key={`h ${item.host.host}`} host={item.host} index={item.index} rowIndex={first + at} layout={layout} trends={trends} />
          ) : (
            <GroupRow key={`g ${item.group.name}`} group={item.group} by={group} rowIndex={first + at} columns={columns.length} />
          ),
        )}
        {end < items.length && <Spacer key="below" rows={items.length - end} columns={columns.length} />}
      </tbody>
    </table>
  );
}

function Spacer({ rows, columns }: { rows: number; columns: number }) {
  return (
    <tr class="spacer" aria-hidden="true">
      <td colSpan={columns} style={{ height: `${rows * kRowHeight}px` }} />
    </tr>
  );
}

// Moves the focus to host `index`, scrolling it into the drawn part of the table first.
export function focusRow(index: number, rowIndex = index): void {
  const find = (): HTMLElement | null => document.querySelector(`[data-index="${index}"]`);
  const there = find();
  if (there !== null) {
    there.focus({ preventScroll: true });
    (there.closest("tr") ?? there).scrollIntoView({ block: "nearest" });
    return;
  }
  const body = document.querySelector("table.fleet tbody");
  if (body === null) return;
  scrollTo({ top: scrollY + body.getBoundingClientRect().top + rowIndex * kRowHeight - innerHeight / 2 });
  requestAnimationFrame(() => requestAnimationFrame(() => find()?.focus({ preventScroll: true })));
}
