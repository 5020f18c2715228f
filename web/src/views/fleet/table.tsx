// The fleet as a table. Only the rows around the visible part of the page are there, each at its own place in a body as high as all of them
// would be, so a thousand hosts cost what forty cost. A row that scrolls out of sight is given the next host that comes into it: to change
// a row's texts costs a third of a row's birth. While somebody scrolls, the rows' order in the document is therefore a rotation of that on the
// screen; at rest it is put right, for those who read or tab through the document. The table keeps its semantics: aria-rowcount and
// aria-rowindex tell the true numbers.

import type { ComponentChild } from "preact";
import { useEffect, useLayoutEffect, useMemo, useRef, useState } from "preact/hooks";
import { t } from "../../core/texts.ts";
import { groupHosts, type Group, type Host } from "../../core/hosts.ts";
import { splitNames } from "../../core/names.ts";
import { causeWords, isDown } from "../../core/trouble.ts";
import type { SortKey } from "../../core/route.ts";
import { trendsVersion, wantTrends } from "../../net/trends.ts";
import { troubles, type Troubles } from "../../net/trouble.ts";
import { limits, settings } from "../../ui/settings.ts";
import { useObservable } from "../../ui/use_observable.ts";
import { layoutFor, widthOf } from "./columns.tsx";
import { causeRoom, GroupRow, Row } from "./row.tsx";

// So many rows change their place at once: many do not fit into a frame, and each time costs the browser a pass over style and layout.
// At least kMargin more are there above and below what is seen.
const kChunk = 4;
const kMargin = 8;
const kRestMs = 150;  // without a scroll event, until the order in the document is put right
// The first picture has so many rows; those below follow in the next one.
const kFirstRows = 8;

interface Props {
  hosts: readonly Host[];
  group: string;
  sort: SortKey;
  descending: boolean;
  onSort: (key: SortKey, descending: boolean) => void;
  stale: boolean;
}

type Item = { kind: "host"; host: Host; index: number } | { kind: "group"; group: Group };

// Which items are drawn, [first, end), on how many rows: item `at` is on row `at % rows`. In the document, the row of item `begin` is first.
interface Span { first: number; end: number; rows: number; begin: number }

// `top`: the body's place in the window.
function spanAt(top: number, height: number, count: number, rowHeight: number): Omit<Span, "begin"> {
  const first = Math.floor((-top / rowHeight - kMargin) / kChunk) * kChunk;
  const rows = (Math.ceil((height / rowHeight + 2 * kMargin) / kChunk) + 1) * kChunk;
  return { first: Math.min(Math.max(0, first), count), end: Math.min(count, Math.max(first + rows, 0)), rows };
}

const same = (a: Span, b: Span): boolean => a.first === b.first && a.end === b.end && a.rows === b.rows && a.begin === b.begin;

const focusedHost = (): string | undefined => document.activeElement?.closest<HTMLElement>("tr.host-row")?.dataset["host"];

// The rows in order; a host's index counts hosts only.
function itemsOf(hosts: readonly Host[], group: string, inTrouble: Troubles): Item[] {
  if (group === "") return hosts.map((host, index) => ({ kind: "host", host, index }));
  let index = 0;
  return groupHosts(hosts, group, (host) => inTrouble.has(host)).flatMap((one): Item[] => [
    { kind: "group", group: one },
    ...one.hosts.map((host): Item => ({ kind: "host", host, index: index++ })),
  ]);
}

export function FleetTable({ hosts, group, sort, descending, onSort, stale }: Props) {
  const trends = useObservable(trendsVersion);
  const inTrouble = useObservable(troubles);
  useEffect(wantTrends, []);
  const box = useRef<HTMLTableElement>(null);
  const body = useRef<HTMLTableSectionElement>(null);
  const [width, setWidth] = useState(() => document.documentElement.clientWidth - 40);
  const { density, columns: chosen } = useObservable(settings);
  const thresholds = useObservable(limits);
  const cause = useMemo(() => causeRoom([...inTrouble.values()].filter((one) => !isDown(one)).map((one) => causeWords(one))), [inTrouble]);
  const layout = useMemo(() => layoutFor(width, cause), [width, cause, density, chosen, thresholds]);
  const rowHeight = layout.rowHeight;
  const [span, setSpan] = useState<Span>({ first: 0, end: kFirstRows, rows: kFirstRows, begin: 0 });
  const isNew = useRef(true);
  const parts = useMemo(() => splitNames(hosts.map((host) => host.host)), [hosts.length]);
  const items = useMemo(() => itemsOf(hosts, group, inTrouble), [hosts, group, group === "state" ? inTrouble : null]);
  const count = items.length;
  // Before the first picture, and whenever the rows are others.
  useLayoutEffect(() => {
    let resting: ReturnType<typeof setTimeout> | undefined;
    const measure = (atRest: boolean): void => {
      const next = spanAt(body.current?.getBoundingClientRect().top ?? 0, innerHeight, count, rowHeight);
      setSpan((old) => {
        const made = { ...next, begin: atRest ? next.first : old.begin };
        return same(old, made) ? old : made;
      });
    };
    const rest = (): void => measure(true);
    const restSoon = (ms = 0): void => {
      clearTimeout(resting);
      resting = setTimeout(rest, ms);
    };
    const scrolled = (): void => {
      measure(false);
      restSoon(kRestMs);
    };
    const resized = new ResizeObserver(() => {
      setWidth(box.current?.parentElement?.clientWidth ?? 0);
      restSoon();
    });
    // To measure now would have the browser lay out the page before the first picture, too; `resized` is called in its frame. A page that nobody
    // sees gets none.
    if (!isNew.current) rest();
    else if (document.visibilityState !== "visible") restSoon();
    isNew.current = false;
    if (box.current?.parentElement) resized.observe(box.current.parentElement);
    addEventListener("scroll", scrolled, { passive: true });
    addEventListener("resize", rest);
    return () => {
      clearTimeout(resting);
      resized.disconnect();
      removeEventListener("scroll", scrolled);
      removeEventListener("resize", rest);
    };
  }, [count, rowHeight]);
  // The focus belongs to a host and not to the row that shows it at the moment. A host that is on no row any more has lost it.
  const focused = focusedHost();
  useLayoutEffect(() => {
    if (focused === undefined || focused === focusedHost()) return;
    const link = body.current?.querySelector<HTMLElement>(`tr[data-host="${CSS.escape(focused)}"] a`);
    if (link) link.focus({ preventScroll: true });
    else (document.activeElement as HTMLElement | null)?.blur();
  });
  const columns = layout.columns;
  const rows: ComponentChild[] = [];
  for (let step = 0; step < span.rows; ++step) {
    const row = (span.begin + step) % span.rows;
    const at = span.first + ((row - (span.first % span.rows) + span.rows) % span.rows);
    const item = items[at];
    if (item === undefined || at >= span.end) continue;
    const place = { rowIndex: at, top: at * rowHeight, last: at === count - 1 };
    rows.push(item.kind === "host" ? (
      <Row key={`host ${row}`} host={item.host} trouble={inTrouble.get(item.host.host)} parts={parts.get(item.host.host)} index={item.index} layout={layout} trends={trends} {...place} />
    ) : (
      <GroupRow key={`group ${row}`} group={item.group} by={group} inTrouble={(host) => inTrouble.has(host)} {...place} />
    ));
  }

  return (
    // Laid out as a grid of rows that know nothing of each other (fleet.css): a browser's own table layout looks at every row when one
    // is added. The roles say what the elements would have said by themselves.
    <table ref={box} role="table" class={`fleet${stale ? " is-stale" : ""}${layout.phone ? " is-phone" : ""}`} aria-rowcount={items.length + 1}
           style={{ "--columns": columns.map((column) => `${widthOf(column, layout) ?? "minmax(0, 1fr)"}`).join(" "), "--trend": `${layout.trendWidth}px` }}>
      <caption class="hidden">{t("Hosts and their current state")}</caption>
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
      <tbody role="rowgroup" ref={body} style={{ height: `${count * rowHeight}px` }}>
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
  const rowHeight = body.querySelector("tr")?.clientHeight ?? 0;
  scrollTo({ top: scrollY + body.getBoundingClientRect().top + rowIndex * rowHeight - innerHeight / 2 });
  requestAnimationFrame(() => requestAnimationFrame(() => find()?.focus({ preventScroll: true })));
}
