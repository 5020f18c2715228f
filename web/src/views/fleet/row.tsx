import { Component, type VNode } from "preact";
import { count, inSentence, t } from "../../core/texts.ts";
import { formatRoute, kDefaultRange, kFleetRoute } from "../../core/route.ts";
import { loadPerCore, shownState, toggleWord, type Group, type Host, type InTrouble, type ShownState } from "../../core/hosts.ts";
import type { NameParts } from "../../core/names.ts";
import { tagLabel } from "../../core/tags.ts";
import { causeWords, type Trouble } from "../../core/trouble.ts";
import { format } from "../../core/format.ts";
import { refine, route } from "../../ui/navigation.ts";
import { kStateWords, StateMark } from "../../ui/state_mark.tsx";
import { useSecond } from "../../ui/clock.ts";
import { lastingSince, sinceTitle, network, type FleetColumn, type Layout } from "./columns.tsx";

export const hostLink = (name: string): string => formatRoute({ view: "host", host: name, range: kDefaultRange });

// A mouse's way to the search that the keyboard has by typing; so it is no stop of the Tab key on every row. A tag's value
// says enough where it is a word; the whole is in its title.
function tagFilter(name: string, value: string): VNode {
  const text = `${name}:${value}`;
  const filter = (event: MouseEvent): void => {
    event.preventDefault();
    const here = route.value;
    const fleet = here.view === "fleet" ? here : kFleetRoute;
    refine({ ...fleet, search: toggleWord(fleet.search, text) });
  };
  return (
    <a class="tag" tabIndex={-1} title={t("Show only {tag}", { tag: text })} href={formatRoute({ ...kFleetRoute, search: toggleWord("", text) })} onClick={filter}>
      {tagText(name, value)}
    </a>
  );
}

const tagText = (name: string, value: string): string =>
  /^(true|yes)$/i.test(value) ? name : tagLabel(name, value).replace(`${name}=`, `${name}:`);

// About what a text takes, in pixels. To measure it would cost a layout for each row.
const kLetter = 7.4;
const kSmallLetter = 6.4;
const kCauseLetter = 7.6;  // in a wide font: a reason that is cut says less than a tag less
const kTagEdges = 18;
const kRoomStep = 40;

const causeWidth = (cause: string): number => (cause === "" ? 0 : cause.length * kCauseLetter + 6);

// What the longest of these reasons takes, in steps: a digit more must not move all columns.
export const causeRoom = (causes: readonly string[]): number => Math.ceil(Math.max(0, ...causes.map(causeWidth)) / kRoomStep) * kRoomStep;

// So many tags as fit beside the name; the others are counted.
function tagsThatFit(tags: readonly [string, string][], room: number): number {
  let left = room;
  for (const [index, [name, value]] of tags.entries()) {
    left -= tagText(name, value).length * kSmallLetter + kTagEdges;
    const more = index < tags.length - 1 ? 32 : 0;
    if (left < more) return index;
  }
  return tags.length;
}

export function Name({ name, parts, short = false }: { name: string; parts: NameParts | undefined; short?: boolean }) {
  if (parts === undefined) return <>{name}</>;
  // The end goes first where there is no room, then the begin; what tells the host apart goes last.
  return (
    <>
      <span class="name-stem">{parts.before !== "" && <span class="name-before">{parts.before}</span>}<span class="name-own">{parts.own}</span></span>
      {parts.after !== "" && <span class={short ? "name-after is-left-out" : "name-after"}>{parts.after}</span>}
    </>
  );
}

// No component: of a dozen cells a row each would be one more to compare, for each row that is born.
function cellOf(column: FleetColumn, host: Host, layout: Layout, trouble: Trouble | undefined): VNode {
  const { class: more = "", ...attributes } = column.attributes?.(host, trouble) ?? {};
  return <td key={column.key} role="cell" class={`col-${column.key}${column.numeric ? " numeric" : ""} ${more}`} {...attributes}>{column.cell(host, layout.extras, trouble)}</td>;
}

// What a phone has no columns for.
function SecondLine({ host, trouble }: { host: Host; trouble: Trouble | undefined }) {
  useSecond();
  const { summary } = host;
  const lasting = trouble === undefined ? undefined : lastingSince(trouble);
  return (
    <td role="cell" class="second-line">
      {trouble !== undefined && <span class="cause" title={sinceTitle(trouble)}>{causeWords(trouble)}{lasting !== undefined && ` ${lasting}`}</span>}
      {host.state === "paused" && <span>{host.note === "" ? t("no alerts") : host.note}</span>}
      {host.state !== "down" && host.state !== "paused" && (
        <span>{t("load {load} · pressure {pressure} · in {received}, out {sent}", {
          load: format(loadPerCore(host), "load"), pressure: format(summary.pressure_percent, "whole_percent"),
          received: network(summary.network_receive_bytes_per_second), sent: network(summary.network_send_bytes_per_second),
        })}</span>
      )}
    </td>
  );
}

interface Place {
  rowIndex: number;  // among all rows, groups included
  top: number;       // pixels below the body's begin
  last: boolean;
}

interface RowProps extends Place {
  host: Host;
  trouble: Trouble | undefined;
  parts: NameParts | undefined;
  index: number;  // among the hosts, for the arrow keys
  layout: Layout;
  trends: number;    // bumps when trends were loaded
}

export class Row extends Component<RowProps> {
  // A host that did not change keeps its object (core/hosts.ts), so this comparison keeps a thousand rows still.
  override shouldComponentUpdate(next: RowProps): boolean {
    const now = this.props;
    return next.host !== now.host || next.trouble !== now.trouble || next.parts !== now.parts || next.index !== now.index || next.rowIndex !== now.rowIndex ||
      next.top !== now.top || next.last !== now.last || next.trends !== now.trends || next.layout !== now.layout;
  }

  override render({ host, trouble, parts, index, rowIndex, top, last, layout }: RowProps) {
    const tags = layout.phone ? [] : Object.entries(host.tags);
    const cause = trouble === undefined || host.state === "down" || layout.phone ? "" : causeWords(trouble);
    const warnings = Number(host.dropped_samples > 0) + Number(host.refused_samples > 0) + Number(host.also_on !== "");
    const elsewhere = host.server === "" || layout.phone ? "" : t("on {server}", { server: host.server });
    const own = host.label === host.host ? parts : undefined;
    const beside = 26 + causeWidth(cause) + (elsewhere === "" ? 0 : elsewhere.length * kSmallLetter + 18) + 106 * warnings;
    // Where there is no room for all, the cause and the tags are worth more than the domain.
    const short = own !== undefined && !layout.phone && layout.hostWidth < beside + host.label.length * kLetter + (tags.length > 0 ? 40 : 0);
    const letters = host.label.length - (short ? own.after.length : 0);
    const room = layout.hostWidth - beside - letters * kLetter;
    const shown = tagsThatFit(tags, room);
    const left = tags.slice(shown);
    return (
      <tr role="row" class={`host-row is-${host.state}${trouble === undefined ? "" : " is-troubled"}${last ? " is-last" : ""}`} style={{ top: `${top}px` }}
          aria-rowindex={rowIndex + 2} data-host={host.host}>
        {layout.columns.map((column) =>
          column.key === "host" ? (
            <th key={column.key} role="rowheader" scope="row" class="host-cell">
              <a href={hostLink(host.host)} title={host.note === "" ? host.host : `${host.host}: ${host.note}`} data-index={index}><Name name={host.label} parts={own} short={short} /></a>
              {elsewhere !== "" && (
                <span class="tag" title={host.server_away ? t("{server} does not answer: this is what it said last", { server: host.server }) : t("its client is connected to {server}", { server: host.server })}>{elsewhere}</span>
              )}
              {cause !== "" && <span class="cause" title={cause}>{cause}</span>}
              {tags.slice(0, shown).map(([key, value]) => tagFilter(key, value))}
              {left.length > 0 && <span class="tag" title={left.map(([key, value]) => `${key}:${value}`).join(", ")}>+{left.length}</span>}
              {host.dropped_samples > 0 && (
                <span class="tag tag-warning" title={count("{n} sample was dropped by the client's bounded spool|{n} samples were dropped by the client's bounded spool", host.dropped_samples)}>
                  {t("lost samples")}
                </span>
              )}
              {host.also_on !== "" && (
                <span class="tag tag-warning" title={t("another client with this name is connected to {server}: their samples mix", { server: host.also_on })}>
                  {t("two clients")}
                </span>
              )}
              {host.refused_samples > 0 && (
                <span class="tag tag-warning" title={count("{n} sample was refused by the server: {reason}|{n} samples were refused by the server: {reason}", host.refused_samples, { reason: host.last_refusal })}>
                  {t("refused samples")}
                </span>
              )}
            </th>
          ) : (
            cellOf(column, host, layout, trouble)
          ),
        )}
        {layout.phone && <SecondLine host={host} trouble={trouble} />}
      </tr>
    );
  }
}

const mean = (values: readonly (number | null)[]): number | null => {
  const known = values.filter((value): value is number => value !== null);
  return known.length === 0 ? null : known.reduce((a, b) => a + b, 0) / known.length;
};

export const groupName = (by: string, group: Group): string => (group.name === "" ? t("no {key}", { key: by }) : by === "state" ? inSentence(kStateWords[group.name as ShownState]) : group.name);

// A group's own row: how many, how they are, and what they use together.
export function GroupRow({ group, by, inTrouble, rowIndex, top, last }: Place & { group: Group; by: string; inTrouble: InTrouble }) {
  const states = group.hosts.map((host) => shownState(host, inTrouble));
  const up = group.hosts.filter((host) => host.state === "up" || host.state === "late");
  const disk = up.reduce<Host | null>((most, host) => ((host.summary.disk_percent ?? -1) > (most?.summary.disk_percent ?? -1) ? host : most), null);
  return (
    <tr role="row" class={`group-row${last ? " is-last" : ""}`} style={{ top: `${top}px` }} aria-rowindex={rowIndex + 2}>
      <th role="rowheader" scope="rowgroup">
        <span class="group-line">
          <strong>{groupName(by, group)}</strong>
          <span class="quiet">{count("{n} host|{n} hosts", group.hosts.length)}</span>
          {(["down", "trouble", "late"] as const).map((state) => {
            const some = states.filter((one) => one === state).length;
            return some > 0 && <span key={state} class="group-state"><StateMark state={state} /> {some}</span>;
          })}
          <span class="quiet">{t("CPU {value}", { value: format(mean(up.map((host) => host.summary.cpu_percent)), "percent") })}</span>
          <span class="quiet">{t("memory {value}", { value: format(mean(up.map((host) => host.summary.memory_percent)), "percent") })}</span>
          {disk !== null && <span class="quiet">{t("fullest disk {value}", { value: format(disk.summary.disk_percent, "percent") })}</span>}
        </span>
      </th>
    </tr>
  );
}
