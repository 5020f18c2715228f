import { Component } from "preact";
import { formatRoute, kFleetRoute } from "../../core/route.ts";
import { kDefaultPreset } from "../../core/time_range.ts";
import type { Host } from "../../core/hosts.ts";
import { refine, route } from "../../ui/navigation.ts";
import { kColumns } from "./columns.tsx";

export const hostLink = (name: string): string =>
  formatRoute({ view: "host", host: name, range: { kind: "last", preset: kDefaultPreset } });

// A mouse's way to the search that the keyboard has by typing; so it is no stop of the Tab key on every row.
function TagFilter({ text }: { text: string }) {
  const filter = (event: MouseEvent): void => {
    event.preventDefault();
    const here = route.value;
    refine({ ...(here.view === "fleet" ? here : kFleetRoute), search: text });
  };
  return (
    <a class="tag" tabIndex={-1} title={`Show only ${text}`} href={formatRoute({ ...kFleetRoute, search: text })} onClick={filter}>
      {text}
    </a>
  );
}

interface RowProps {
  host: Host;
  index: number;
  trends: number;  // bumps when trends were loaded
}

export class Row extends Component<RowProps> {
  // A host that did not change keeps its object (core/hosts.ts), so this one comparison keeps a thousand rows still.
  override shouldComponentUpdate(next: RowProps): boolean {
    return next.host !== this.props.host || next.index !== this.props.index || next.trends !== this.props.trends;
  }

  override render({ host, index }: RowProps) {
    const tags = Object.entries(host.tags);
    return (
      <tr class={`host-row is-${host.state}`} aria-rowindex={index + 2} data-host={host.host}>
        {kColumns.map((column) =>
          column.key === "host" ? (
            <th key={column.key} scope="row" class="rank-1 host-cell">
              <span class="host-line">
                <a href={hostLink(host.host)} title={host.host} data-index={index}>{host.host}</a>
                {tags.map(([key, value]) => <TagFilter key={key} text={`${key}:${value}`} />)}
                {host.dropped_samples > 0 && (
                  <span class="tag tag-warning" title={`${host.dropped_samples} samples were dropped by the client's bounded spool`}>
                    lost samples
                  </span>
                )}
              </span>
            </th>
          ) : (
            <td key={column.key} class={`rank-${column.rank} col-${column.key}${column.numeric ? " numeric" : ""}`}>
              {column.cell(host)}
            </td>
          ),
        )}
      </tr>
    );
  }
}
