// Log lines from the server: pages, histograms, facets, patterns, context, and lines as they come.

import { t } from "../core/texts.ts";
import { errorText } from "../core/influx_response.ts";
import {
  decodeFacets, decodeHistogram, decodeLine, decodePage, decodePatterns, type Facet, type Histogram, type LogLine, type Page, type Pattern,
} from "../core/log_lines.ts";
import { turnOfOthers } from "./query.ts";
import { currentToken, request } from "./session.ts";

export interface Wanted {
  query: string;
  from: number;
  to: number;
}

export class NoLogs extends Error {}

async function ask(path: string, parameters: Record<string, string>, signal: AbortSignal): Promise<unknown> {
  await turnOfOthers();
  const response = await request(`/api/v1/logs${path}?${new URLSearchParams(parameters)}`, { signal });
  if (response.ok) return response.json();
  const why = errorText(await response.text(), response.status);
  throw response.status === 404 ? new NoLogs(why) : new Error(why);
}

const base = (wanted: Wanted): Record<string, string> => ({ q: wanted.query, start: String(Math.floor(wanted.from)), end: String(Math.ceil(wanted.to)) });

export const loadPage = async (wanted: Wanted, limit: number, cursor: string, signal: AbortSignal): Promise<Page> =>
  decodePage(await ask("", { ...base(wanted), limit: String(limit), ...(cursor === "" ? {} : { cursor }) }, signal));
export const loadHistogram = async (wanted: Wanted, buckets: number, signal: AbortSignal): Promise<Histogram> =>
  decodeHistogram(await ask("/histogram", { ...base(wanted), buckets: String(buckets) }, signal));
export const loadFacets = async (wanted: Wanted, signal: AbortSignal): Promise<Facet[]> =>
  decodeFacets(await ask("/facets", { ...base(wanted), limit: "8", timeout: "5s" }, signal));
export const loadPatterns = async (wanted: Wanted, signal: AbortSignal): Promise<Pattern[]> =>
  decodePatterns(await ask("/patterns", { ...base(wanted), limit: "200" }, signal));
export const loadContext = async (line: LogLine, signal: AbortSignal): Promise<LogLine[]> =>
  decodePage(await ask("/context", { host: line.host, source: line.source, time: line.time, before: "8", after: "8" }, signal)).lines;

export interface Followed {
  lines: LogLine[];
  dropped: number;
}

// Lines of the query as they come, until the returned function is called. A lost connection is made again, and `again` called before
// the first line that comes then: those in between come only if they are asked for.
export function followLogs(
  query: string, take: (followed: Followed) => void, lost: (why: string) => void, again: () => void,
): () => void {
  let first = true;
  let socket: WebSocket | null = null;
  let timer: ReturnType<typeof setTimeout> | undefined;
  let ended = false;
  const open = (): void => {
    const scheme = location.protocol === "https:" ? "wss:" : "ws:";
    const opened = new WebSocket(`${scheme}//${location.host}/api/v1/logs/tail?${new URLSearchParams({ q: query })}`);
    socket = opened;
    opened.onopen = () => {
      const token = currentToken();
      if (token !== null) opened.send(JSON.stringify({ token }));
    };
    opened.onmessage = (event) => {
      const message = JSON.parse(String(event.data)) as { type?: string; lines?: unknown[]; dropped?: number; error?: string };
      if (message.type === "error") {
        ended = true;
        lost(message.error ?? t("the server shows no live lines"));
      } else if (message.type === "lines") {
        take({ lines: (message.lines ?? []).map(decodeLine), dropped: message.dropped ?? 0 });
      } else if (message.type === "following") {
        lost("");
        if (!first) again();
        first = false;
      }
    };
    opened.onclose = () => {
      if (ended) return;
      lost(t("the connection was lost; trying again"));
      timer = setTimeout(open, 2000);
    };
  };
  open();
  return () => {
    ended = true;
    clearTimeout(timer);
    socket?.close();
  };
}
