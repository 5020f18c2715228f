// The fleet as a table. Only the rows around the visible part of the page are there, each at its own place in a body as high as all of them
// would be: a row that comes or goes while somebody scrolls moves no other, so a thousand hosts cost what forty cost. The table keeps its semantics: aria-rowcount and aria-rowindex tell the true numbers.

import type { ComponentChild } from "preact";
import { useEffect, useLayoutEffect, useMemo, useRef, useState } from "preact/hooks";
import { groupHosts, type Group, type Host } from "../../core/hosts.ts";
import type { SortKey } from "../../core/route.ts";
import { trendsVersion, wantTrends } from "../../net/trends.ts";
import { useObservable } from "../../ui/use_observable.ts";
import { layoutFor, widthOf } from "./columns.tsx";
import { GroupRow, Row } from "./row.tsx";

const kRowHeight = 34;  // as in fleet.css
// Rows come and go by so many at once, those above together with those below: many at once do not fit into a frame, and each time costs the
// browser a pass over style and layout. At least kMargin more are there above and below what is seen.
const kChunk = 4;
const kMargin = 8;

interface Props {
  hosts: readonly Host[];
  group: string;
  sort: SortKey;
  descending: boolean;
  onSort: (key: SortKey, descending: boolean) => void;
  stale: boolean;
}

type Item = { kind: "host"; host: Host; index: number } | { kind: "group"; group: Group };

// `top`: the body's place in the window.
function visibleRows(top: number, height: number, count: number): [first: number, end: number] {
  const first = Math.floor((-top / kRowHeight - kMargin) / kChunk) * kChunk;
  const end = first + (Math.ceil((height / kRowHeight + 2 * kMargin) / kChunk) + 1) * kChunk;
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
  useEffect(wantTrends, []);
  const box = useRef<HTMLTableElement>(null);
  const body = useRef<HTMLTableSectionElement>(null);
  const [range, setRange] = useState<[number, number]>([0, 60]);
  const [width, setWidth] = useState(() => document.documentElement.clientWidth - 40);
  const layout = useMemo(() => layoutFor(width), [width]);
  const items = useMemo(() => itemsOf(hosts, group), [hosts, group]);
  const count = items.length;
  // Before the first picture, and whenever the rows are others.
  useLayoutEffect(() => {
    const measure = (): void => {
      const next = visibleRows(body.current?.getBoundingClientRect().top ?? 0, innerHeight, count);
      setRange((old) => (old[0] === next[0] && old[1] === next[1] ? old : next));
    };
    const resized = new ResizeObserver(() => {
      setWidth(box.current?.parentElement?.clientWidth ?? 0);
      measure();
    });
    measure();
    if (box.current?.parentElement) resized.observe(box.current.parentElement);
    addEventListener("scroll", measure, { passive: true });
    addEventListener("resize", measure);
    return () => {
      resized.disconnect();
      removeEventListener("scroll", measure);
      removeEventListener("resize", measure);
    };
  }, [count]);
  const first = Math.min(range[0], items.length);
  const end = Math.min(range[1], items.length);
  const columns = layout.columns;
  const rows: ComponentChild[] = [];
  for (const [at, item] of items.slice(first, end).entries()) {
    const place = { rowIndex: first + at, top: (first + at) * kRowHeight, last: first + at === count - 1 };
    rows.push(item.kind === "host" ? (
      <Row key={`h ${item.host.host}`} host={item.host} index={item.index} layout={layout} trends={trends} {...place} />
    ) : (
      <GroupRow key={`g ${item.group.name}`} group={item.group} by={group} {...place} />
    ));
  }

  return (
    // Laid out as a grid of rows that know nothing of each other (fleet.css): a browser's own table layout looks at every row when one
    // is added. The roles say what the elements would have said by themselves.
    <table ref={box} role="table" class={`fleet${stale ? " is-stale" : ""}${layout.phone ? " is-phone" : ""}`} aria-rowcount={items.length + 1}
           style={{ "--columns": columns.map((column) => `${widthOf(column, layout) ?? "minmax(0, 1fr)"}`).join(" ") }}>
      <caption class="hidden">Hosts with their present state</caption>
      <thead role="rowgroup">
        <tr role="row" aria-rowindex={1}>
          {columns.map((column) => {
            const sorted = column.key === sort;
            return (
              <th key={column.key} role="columnheader" scope="col" class={`col-${column.key}${column.numeric ? " numeric" : ""}`}
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
      <tbody role="rowgroup" ref={body} style={{ height: `${count * kRowHeight}px` }}>
        {rows}
      </tbody>
    </table>
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
