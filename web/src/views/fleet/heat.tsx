// Hundreds of hosts at one glance: a tile each, with the number in it, tinted by how high it is.

import { Component } from "preact";
import { useEffect, useMemo, useRef, useState } from "preact/hooks";
import { inSentence, t } from "../../core/texts.ts";
import { groupHosts, measure, type Host } from "../../core/hosts.ts";
import { format } from "../../core/format.ts";
import { shortName, splitNames, type NameParts } from "../../core/names.ts";
import { kHeatKeys, type HeatKey } from "../../core/route.ts";
import { troubles } from "../../net/trouble.ts";
import { level, limits } from "../../ui/settings.ts";
import { kStateWords } from "../../ui/state_mark.tsx";
import { useObservable } from "../../ui/use_observable.ts";
import { groupName, hostLink } from "./row.tsx";

export const kHeatTitles: Record<HeatKey, string> = {
  cpu: "CPU", memory: t("Memory"), swap: t("Swap"), disk: t("Disk"), load: t("Load/core"), pressure: t("Pressure"),
};

const kCrowd = 250;

// The tiles of a large fleet are born a few chunks a frame. Those that are not seen are brought up to date when they are.
const kChunk = 50;
const kBornAtOnce = 2 * kChunk;
const kChangedAtOnce = 40;
const kBornAtFirst = 6 * kChunk;
const kMarginPixels = 400;

// How strong a tile's colour is; a load has no end, so the threshold is its whole.
const share = (value: number | null, key: HeatKey): number => (value === null ? 0 : key === "load" ? (100 * value) / limits.value.load.high : value);

interface Props {
  hosts: readonly Host[];
  group: string;
  by: HeatKey;
  onBy: (key: HeatKey) => void;
  stale: boolean;
}

export function HeatMap({ hosts, group, by, onBy, stale }: Props) {
  const { raised, high } = useObservable(limits)[by];
  const unit = by === "load" ? "" : " %";
  const size = hosts.length > kCrowd ? " is-crowd" : "";
  const parts = useMemo(() => splitNames(hosts.map((host) => host.host)), [hosts.length]);
  let index = 0;
  const list = (some: readonly Host[], label: string) => {
    const first = index;
    index += some.length;
    return <Tiles hosts={some} parts={parts} by={by} first={first} label={label} style={`heat${stale ? " is-stale" : ""}${size}`} />;
  };
  return (
    <>
      <div class="heat-bar">
      <div class="segments" role="group" aria-label={t("Heat by")}>
        {kHeatKeys.map((key) => (
          <button key={key} type="button" aria-pressed={by === key} onClick={() => onBy(key)}>{kHeatTitles[key]}</button>
        ))}
      </div>
      <div class="heat-scale" aria-hidden="true">
        <span>0{unit}</span><i class="scale-calm" /><span>{raised}{unit}</span><i class="scale-raised" />
        <span>{high}{unit}</span><i class="scale-high" />{by !== "load" && <span>100 %</span>}
      </div>
      </div>
      {group === ""
        ? list(hosts, t("Hosts by {figure}", { figure: kHeatTitles[by] }))
        : groupHosts(hosts, group, (host) => troubles.value.has(host)).map((one) => (
            <section key={one.name} aria-label={groupName(group, one)}>
              <h2 class="heat-group">{groupName(group, one)} <span class="quiet">{one.hosts.length}</span></h2>
              {list(one.hosts, t("Hosts of {group} by {figure}", { group: groupName(group, one), figure: kHeatTitles[by] }))}
            </section>
          ))}
    </>
  );
}

type Parts = ReadonlyMap<string, NameParts>;

interface TilesProps {
  hosts: readonly Host[];
  parts: Parts;
  by: HeatKey;
  first: number;  // the index of its first tile
  label: string;
  style: string;
}

// Which tiles are seen, [first, end): from where the list lies in the window.
function seenTiles(list: HTMLElement, count: number): [number, number] {
  const tile = list.firstElementChild;
  if (tile === null) return [0, count];
  const gap = parseFloat(getComputedStyle(list).rowGap) || 0;
  const columns = Math.max(1, Math.round((list.clientWidth + gap) / (tile.clientWidth + gap)));
  const pitch = tile.clientHeight + gap;
  const { top } = list.getBoundingClientRect();
  const row = (pixels: number): number => Math.floor((pixels - top) / Math.max(1, pitch));
  return [Math.max(0, row(-kMarginPixels) * columns), Math.min(count, (row(innerHeight + kMarginPixels) + 1) * columns)];
}

function Tiles({ hosts, parts, by, first, label, style }: TilesProps) {
  const list = useRef<HTMLUListElement>(null);
  const wanted = useRef(hosts);
  wanted.current = hosts;
  const shown = useRef<Host[]>(hosts.slice(0, kBornAtFirst));
  const [, redraw] = useState(0);
  // Other hosts than before are drawn at once, as far as there are tiles.
  const isSame = hosts.length >= shown.current.length && shown.current.every((host, at) => host.host === hosts[at]?.host);
  if (!isSame) shown.current = hosts.slice(0, Math.max(shown.current.length, kBornAtFirst));
  useEffect(() => {
    let frame = 0;
    const update = (): void => {
      frame = 0;
      const { current: now } = shown;
      const [from, end] = list.current === null ? [0, 0] : seenTiles(list.current, now.length);
      // Some a frame: hundreds of tiles that change at once are more than fits into one.
      let left = kChangedAtOnce;
      for (let at = from; at < end && left > 0; ++at) {
        const host = wanted.current[at];
        if (host === undefined || now[at] === host) continue;
        now[at] = host;
        --left;
      }
      const changed = left < kChangedAtOnce || now.length < wanted.current.length;
      if (now.length < wanted.current.length) now.push(...wanted.current.slice(now.length, now.length + kBornAtOnce));
      if (left === 0 || now.length < wanted.current.length) frame = requestAnimationFrame(update);
      if (changed) redraw((old) => old + 1);
    };
    const soon = (): void => {
      if (frame === 0) frame = requestAnimationFrame(update);
    };
    soon();
    addEventListener("scroll", soon, { passive: true });
    addEventListener("resize", soon);
    return () => {
      cancelAnimationFrame(frame);
      removeEventListener("scroll", soon);
      removeEventListener("resize", soon);
    };
  }, [hosts]);
  const chunks: Host[][] = [];
  for (let at = 0; at < shown.current.length; at += kChunk) chunks.push(shown.current.slice(at, at + kChunk));
  return (
    <ul class={style} aria-label={label} ref={list}>
      {chunks.map((chunk, at) => <Chunk key={at} hosts={chunk} parts={parts} by={by} first={first + at * kChunk} />)}
    </ul>
  );
}

class Chunk extends Component<{ hosts: readonly Host[]; parts: Parts; by: HeatKey; first: number }> {
  override shouldComponentUpdate(next: { hosts: readonly Host[]; parts: Parts; by: HeatKey; first: number }): boolean {
    const { hosts, parts, by, first } = this.props;
    return next.by !== by || next.parts !== parts || next.first !== first || next.hosts.length !== hosts.length || next.hosts.some((host, at) => host !== hosts[at]);
  }

  override render({ hosts, parts, by, first }: { hosts: readonly Host[]; parts: Parts; by: HeatKey; first: number }) {
    return <>{hosts.map((host, at) => <Tile key={at} host={host} name={host.label === host.host ? shortName(host.host, parts.get(host.host)) : host.label} by={by} index={first + at} />)}</>;
  }
}

interface TileProps {
  host: Host;
  name: string;
  by: HeatKey;
  index: number;
}

class Tile extends Component<TileProps> {
  override shouldComponentUpdate(next: TileProps): boolean {
    return next.host !== this.props.host || next.name !== this.props.name || next.by !== this.props.by || next.index !== this.props.index;
  }

  override render({ host, name, by, index }: TileProps) {
    const value = host.state === "down" || host.state === "paused" ? null : measure(host, by);
    const words = host.state === "up" ? format(value, by === "load" ? "load" : "percent") : inSentence(kStateWords[host.state]);
    return (
      <li>
        <a href={hostLink(host.host)} class={`tile is-${host.state} level-${level(by, value, host)}`} title={`${host.label}: ${words}`}
           data-index={index} style={{ "--heat": `${Math.round(Math.min(100, share(value, by)))}%` }}>
          <span class="tile-name">{name}</span>
          <span class="tile-value">{words}</span>
        </a>
      </li>
    );
  }
}
