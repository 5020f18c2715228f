// Every view is a link. The state that makes a view (which host, which range, search, sort) lives in the part behind the '#',
// so the server needs no rewriting and a copied address opens the same view elsewhere.

import { kDefaultPreset, kMinimumSpanMs, kPresets, type Range } from "./time_range.ts";

export const kSortKeys = [
  "state", "host", "cpu", "memory", "swap", "disk", "receive", "send", "load", "uptime", "version", "seen",
] as const;
export type SortKey = (typeof kSortKeys)[number];

export interface FleetRoute {
  view: "fleet";
  search: string;
  sort: SortKey;
  descending: boolean;
  layout: "table" | "heat";
}
export interface HostRoute {
  view: "host";
  host: string;
  range: Range;
}
export type Route = FleetRoute | HostRoute;

export const kFleetRoute: FleetRoute = { view: "fleet", search: "", sort: "state", descending: false, layout: "table" };

function parseRange(query: URLSearchParams): Range {
  const from = Number(query.get("from") ?? NaN);
  const to = Number(query.get("to") ?? NaN);
  if (Number.isSafeInteger(from) && Number.isSafeInteger(to) && from > 0 && to - from >= kMinimumSpanMs) {
    return { kind: "absolute", from, to };
  }
  const preset = kPresets.find((one) => one.id === query.get("range"));
  return { kind: "last", preset: preset ?? kDefaultPreset };
}

export function parseRoute(hash: string): Route {
  const text = hash.replace(/^#\/?/, "");
  const mark = text.indexOf("?");
  const path = mark < 0 ? text : text.slice(0, mark);
  const query = new URLSearchParams(mark < 0 ? "" : text.slice(mark + 1));
  if (path.startsWith("host/")) {
    let host = path.slice("host/".length);
    try {
      host = decodeURIComponent(host);
    } catch {
      // A stray '%': take the text as it stands.
    }
    if (host !== "") return { view: "host", host, range: parseRange(query) };
  }
  const wanted = query.get("sort") ?? "";
  const key = wanted.replace(/^-/, "");
  const sort = kSortKeys.find((one) => one === key);
  return {
    view: "fleet",
    search: query.get("q") ?? "",
    sort: sort ?? kFleetRoute.sort,
    descending: sort !== undefined && wanted.startsWith("-"),
    layout: query.get("view") === "heat" ? "heat" : "table",
  };
}

export function formatRoute(route: Route): string {
  const query = new URLSearchParams();
  if (route.view === "host") {
    if (route.range.kind === "last") {
      query.set("range", route.range.preset.id);
    } else {
      query.set("from", String(route.range.from));
      query.set("to", String(route.range.to));
    }
    return `#/host/${encodeURIComponent(route.host)}?${query.toString()}`;
  }
  if (route.search !== "") query.set("q", route.search);
  if (route.sort !== kFleetRoute.sort || route.descending) query.set("sort", (route.descending ? "-" : "") + route.sort);
  if (route.layout !== "table") query.set("view", route.layout);
  const text = query.toString();
  return text === "" ? "#/" : `#/?${text}`;
}
