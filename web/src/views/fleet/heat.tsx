// Hundreds of hosts at one glance: a tile each, with the number in it, tinted by how high it is.

import { Component } from "preact";
import { groupHosts, measure, type Host } from "../../core/hosts.ts";
import { format } from "../../core/format.ts";
import { kHeatKeys, type HeatKey } from "../../core/route.ts";
import { level, settings } from "../../ui/settings.ts";
import { useObservable } from "../../ui/use_observable.ts";
import { groupName, hostLink } from "./row.tsx";

export const kHeatTitles: Record<HeatKey, string> = {
  cpu: "CPU", memory: "Memory", swap: "Swap", disk: "Disk", load: "Load/core", pressure: "Pressure",
};

const kCrowd = 250;

// How strong a tile's colour is; a load has no end, so the threshold is its whole.
const share = (value: number | null, key: HeatKey): number => (value === null ? 0 : key === "load" ? (100 * value) / settings.value.thresholds.load.high : value);

interface Props {
  hosts: readonly Host[];
  group: string;
  by: HeatKey;
  onBy: (key: HeatKey) => void;
  stale: boolean;
}

export function HeatMap({ hosts, group, by, onBy, stale }: Props) {
  const { raised, high } = useObservable(settings).thresholds[by];
  const unit = by === "load" ? "" : " %";
  const size = hosts.length > kCrowd ? " is-crowd" : "";
  let index = 0;
  const list = (some: readonly Host[], label: string) => (
    <ul class={`heat${stale ? " is-stale" : ""}${size}`} aria-label={label}>
      {some.map((host) => <Tile key={host.host} host={host} by={by} index={index++} />)}
    </ul>
  );
  return (
    <>
      <div class="heat-bar">
      <div class="segments" role="group" aria-label="Heat by">
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
        ? list(hosts, `Hosts by ${kHeatTitles[by]}`)
        : groupHosts(hosts, group).map((one) => (
            <section key={one.name} aria-label={groupName(group, one)}>
              <h2 class="heat-group">{groupName(group, one)} <span class="quiet">{one.hosts.length}</span></h2>
              {list(one.hosts, `Hosts of ${groupName(group, one)} by ${kHeatTitles[by]}`)}
            </section>
          ))}
    </>
  );
}

interface TileProps {
  host: Host;
  by: HeatKey;
  index: number;
}

class Tile extends Component<TileProps> {
  override shouldComponentUpdate(next: TileProps): boolean {
    return next.host !== this.props.host || next.by !== this.props.by || next.index !== this.props.index;
  }

  override render({ host, by, index }: TileProps) {
    const value = host.state === "down" ? null : measure(host, by);
    const words = host.state === "up" ? format(value, by === "load" ? "load" : "percent") : host.state;
    return (
      <li>
        <a href={hostLink(host.host)} class={`tile is-${host.state} level-${level(by, value)}`} title={`${host.host}: ${words}`}
           data-index={index} style={{ "--heat": `${Math.round(Math.min(100, share(value, by)))}%` }}>
          <span class="tile-name">{host.host}</span>
          <span class="tile-value">{words}</span>
        </a>
      </li>
    );
  }
}
