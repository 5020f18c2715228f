// Hundreds of hosts at one glance: a tile each, with the number in it, tinted by how high it is.

import { Component } from "preact";
import type { Host } from "../../core/hosts.ts";
import { format } from "../../core/format.ts";
import { level } from "../../ui/meter.tsx";
import { hostLink } from "./row.tsx";

export type HeatKey = "cpu" | "memory" | "disk";

export const kHeatTitles: Record<HeatKey, string> = { cpu: "CPU", memory: "Memory", disk: "Disk" };

function valueOf(host: Host, key: HeatKey): number | null {
  const summary = host.summary;
  return key === "cpu" ? summary.cpu_percent : key === "memory" ? summary.memory_percent : summary.disk_percent;
}

export function HeatMap({ hosts, by, stale }: { hosts: readonly Host[]; by: HeatKey; stale: boolean }) {
  return (
    <ul class={`heat${stale ? " is-stale" : ""}`} aria-label={`Hosts by ${kHeatTitles[by]}`}>
      {hosts.map((host) => <Tile key={host.host} host={host} by={by} />)}
    </ul>
  );
}

class Tile extends Component<{ host: Host; by: HeatKey }> {
  override shouldComponentUpdate(next: { host: Host; by: HeatKey }): boolean {
    return next.host !== this.props.host || next.by !== this.props.by;
  }

  override render({ host, by }: { host: Host; by: HeatKey }) {
    const value = host.state === "down" ? null : valueOf(host, by);
    const words = host.state === "up" ? format(value, "percent") : host.state;
    return (
      <li>
        <a href={hostLink(host.host)} class={`tile is-${host.state} level-${level(value)}`} title={`${host.host}: ${words}`}
           style={{ "--heat": `${Math.round(value ?? 0)}%` }}>
          <span class="tile-name">{host.host}</span>
          <span class="tile-value">{words}</span>
        </a>
      </li>
    );
  }
}
