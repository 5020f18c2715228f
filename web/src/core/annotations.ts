// What happened, for all charts: annotations that people wrote, starts of the machine, connections of its client. Annotations are rows of the
// measurement `annotation`: the tag `about` names a host (none: all of them), the fields are `text` and `author`. The tag is not `host`: a row with
// that would count as a sign of life of the host.

import { t } from "./texts.ts";
import type { Host } from "./hosts.ts";
import type { StatementResult } from "./influx_response.ts";

export interface ChartEvent {
  time: number;
  words: string;
}

export function decodeAnnotations(result: StatementResult | undefined, hosts: readonly string[]): ChartEvent[] {
  return (result?.series ?? []).flatMap((series) => {
    const about = series.tags["about"] ?? "";
    if (about !== "" && !hosts.includes(about)) return [];
    const [text, author] = ["text", "author"].map((column) => series.columns.indexOf(column));
    return series.values.flatMap((row): ChartEvent[] => {
      const words = String(row[text ?? 0] ?? "");
      const who = String(row[author ?? 0] ?? "");
      const where = about !== "" && hosts.length > 1 ? `${about}: ` : "";
      return typeof row[0] === "number" && words !== "" ? [{ time: row[0], words: `${where}${words}${who === "" ? "" : ` (${who})`}` }] : [];
    });
  });
}

// What the list of hosts says of the last start and the last connection.
export function eventsOf(hosts: readonly Host[]): ChartEvent[] {
  return hosts.flatMap((host) => {
    const where = hosts.length > 1 ? `${host.host}: ` : "";
    const events: ChartEvent[] = [];
    const { uptime_seconds: uptime } = host.summary;
    if (uptime !== null) events.push({ time: host.last_seen - 1000 * uptime, words: `${where}${t("the machine started")}` });
    if (host.connected_since > 0) events.push({ time: host.connected_since, words: `${where}${t("resmon-client connected")}` });
    return events;
  });
}

const kSameStartMs = 120_000;

// With starts of the machine that are not among the events; two sources differ by some seconds.
export function withStarts(events: readonly ChartEvent[], starts: readonly number[]): readonly ChartEvent[] {
  const words = t("the machine started");
  const fresh = starts.filter((time) => !events.some((one) => one.words === words && Math.abs(one.time - time) < kSameStartMs));
  return fresh.length === 0 ? events : [...events, ...fresh.map((time) => ({ time, words }))];
}

const escapeTag = (text: string): string => text.replace(/[\\,= ]/g, "\\$&");
const escapeText = (text: string): string => text.replace(/[\\"]/g, "\\$&").replace(/\s+/g, " ");

export function annotationLine(about: string, text: string, author: string, time: number): string {
  const tag = about === "" ? "" : `,about=${escapeTag(about)}`;
  return `annotation${tag} text="${escapeText(text)}",author="${escapeText(author)}" ${Math.round(time)}\n`;
}
