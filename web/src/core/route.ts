// Every view is a link. The state that makes a view (which host, which range, search, sort, query text) lives in the part
// behind the '#', so the server needs no rewriting and a copied address opens the same view elsewhere.

import { kDefaultPreset, kMinimumSpanMs, kPresets, type Range } from "./time_range.ts";

export const kSortKeys = [
  "state", "host", "cpu", "memory", "swap", "disk", "receive", "send", "load", "pressure", "uptime", "version", "seen",
] as const;
export type SortKey = (typeof kSortKeys)[number];

export const kHeatKeys = ["cpu", "memory", "swap", "disk", "load", "pressure"] as const;
export type HeatKey = (typeof kHeatKeys)[number];

export const kLogLevels = ["debug", "info", "warn", "error"] as const;
export type LogLevel = (typeof kLogLevels)[number];

// Lines of one chart are told apart by colour, order and highlighting; beyond eight that ends.
export const kMostCompared = 8;

export interface FleetRoute {
  view: "fleet";
  search: string;
  sort: SortKey;
  descending: boolean;
  layout: "table" | "heat";
  heat: HeatKey;
  group: string;  // "", "state", "version", or a tag's key
}
export interface HostRoute {
  view: "host";
  host: string;
  range: Range;
}
export interface CompareRoute {
  view: "compare";
  hosts: readonly string[];
  range: Range;
}
export interface ExploreRoute {
  view: "explore";
  query: string;
  show: "chart" | "table";
  sort: string;  // of the table: a column's name, with "-" before it for descending; empty: as it came
}
export interface ServerRoute {
  view: "server";
  level: LogLevel;
}
export interface LogsRoute {
  view: "logs";
  query: string;
  range: Range;
  show: "lines" | "patterns";
}
export interface AlertsRoute {
  view: "alerts";
}
export interface AccessRoute {
  view: "access";
}
export interface InvitationRoute {
  view: "invitation";
  secret: string;
}
export interface SettingsRoute {
  view: "settings";
}
export type Route = FleetRoute | HostRoute | CompareRoute | ExploreRoute | LogsRoute | ServerRoute | AlertsRoute | AccessRoute | SettingsRoute | InvitationRoute;

export const kFleetRoute: FleetRoute = {
  view: "fleet", search: "", sort: "state", descending: false, layout: "table", heat: "cpu", group: "",
};
// The range of a link that names none; a person can choose another one (settings.ts).
export let kDefaultRange: Range = { kind: "last", preset: kDefaultPreset };
export function setDefaultRange(id: string): void {
  kDefaultRange = { kind: "last", preset: kPresets.find((one) => one.id === id) ?? kDefaultPreset };
}
export const kCompareRoute: CompareRoute = { view: "compare", hosts: [], range: kDefaultRange };
export const kExploreRoute: ExploreRoute = { view: "explore", query: "", show: "chart", sort: "" };
export const kAlertsRoute: AlertsRoute = { view: "alerts" };
export const kLogsRoute: LogsRoute = { view: "logs", query: "", range: { kind: "last", preset: kPresets.find((one) => one.id === "1h")! }, show: "lines" };
export const kSettingsRoute: SettingsRoute = { view: "settings" };
export const kServerRoute: ServerRoute = { view: "server", level: "info" };

function parseRange(query: URLSearchParams): Range {
  const from = Number(query.get("from") ?? NaN);
  const to = Number(query.get("to") ?? NaN);
  if (Number.isSafeInteger(from) && Number.isSafeInteger(to) && from > 0 && to - from >= kMinimumSpanMs) {
    return { kind: "absolute", from, to };
  }
  const preset = kPresets.find((one) => one.id === query.get("range"));
  return preset === undefined ? kDefaultRange : { kind: "last", preset };
}

function putRange(query: URLSearchParams, range: Range): void {
  if (range.kind === "last") {
    query.set("range", range.preset.id);
  } else {
    query.set("from", String(range.from));
    query.set("to", String(range.to));
  }
}

function unescapePart(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;  // a stray '%': take the text as it stands
  }
}

const oneOf = <T extends string>(known: readonly T[], text: string | null, otherwise: T): T =>
  known.find((one) => one === text) ?? otherwise;

export function parseRoute(hash: string): Route {
  const text = hash.replace(/^#\/?/, "");
  const mark = text.indexOf("?");
  const path = mark < 0 ? text : text.slice(0, mark);
  const query = new URLSearchParams(mark < 0 ? "" : text.slice(mark + 1));
  if (path.startsWith("host/")) {
    const host = unescapePart(path.slice("host/".length));
    if (host !== "") return { view: "host", host, range: parseRange(query) };
  }
  if (path.startsWith("invitation/")) return { view: "invitation", secret: path.slice("invitation/".length) };
  switch (path) {
    case "compare": {
      const hosts = [...new Set(query.getAll("host").filter((host) => host !== ""))].slice(0, kMostCompared);
      return { view: "compare", hosts, range: parseRange(query) };
    }
    case "explore":
      return {
        view: "explore", query: query.get("q") ?? "", show: oneOf(["chart", "table"], query.get("show"), "chart"), sort: query.get("sort") ?? "",
      };
    case "logs": {
      const timed = query.has("range") || query.has("from");
      return {
        view: "logs", query: query.get("q") ?? "", range: timed ? parseRange(query) : kLogsRoute.range, show: oneOf(["lines", "patterns"], query.get("show"), "lines"),
      };
    }
    case "server":
      return { view: "server", level: oneOf(kLogLevels, query.get("level"), "info") };
    case "alerts":
      return kAlertsRoute;
    case "access":
      return { view: "access" };
    case "settings":
      return kSettingsRoute;
    default: {
      const wanted = query.get("sort") ?? "";
      const key = wanted.replace(/^-/, "");
      const sort = kSortKeys.find((one) => one === key);
      return {
        view: "fleet",
        search: query.get("q") ?? "",
        sort: sort ?? kFleetRoute.sort,
        descending: sort !== undefined && wanted.startsWith("-"),
        layout: oneOf(["table", "heat"], query.get("view"), "table"),
        heat: oneOf(kHeatKeys, query.get("by"), "cpu"),
        group: query.get("group") ?? "",
      };
    }
  }
}

export function formatRoute(route: Route): string {
  const query = new URLSearchParams();
  const made = (path: string): string => {
    const text = query.toString();
    return text === "" ? `#/${path}` : `#/${path}?${text}`;
  };
  switch (route.view) {
    case "host":
      putRange(query, route.range);
      return made(`host/${encodeURIComponent(route.host)}`);
    case "compare":
      for (const host of route.hosts) query.append("host", host);
      putRange(query, route.range);
      return made("compare");
    case "explore":
      if (route.query !== "") query.set("q", route.query);
      if (route.show !== "chart") query.set("show", route.show);
      if (route.sort !== "") query.set("sort", route.sort);
      return made("explore");
    case "logs":
      if (route.query !== "") query.set("q", route.query);
      if (route.show !== "lines") query.set("show", route.show);
      putRange(query, route.range);
      return made("logs");
    case "server":
      if (route.level !== kServerRoute.level) query.set("level", route.level);
      return made("server");
    case "alerts":
      return "#/alerts";
    case "access":
      return made("access");
    case "invitation":
      return made(`invitation/${route.secret}`);
    case "settings":
      return made("settings");
    case "fleet":
      if (route.search !== "") query.set("q", route.search);
      if (route.sort !== kFleetRoute.sort || route.descending) query.set("sort", (route.descending ? "-" : "") + route.sort);
      if (route.layout !== "table") query.set("view", route.layout);
      if (route.heat !== "cpu") query.set("by", route.heat);
      if (route.group !== "") query.set("group", route.group);
      return made("");
  }
}
