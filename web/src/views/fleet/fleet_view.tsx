import { useEffect, useMemo, useRef } from "preact/hooks";
import { count, t, tx } from "../../core/texts.ts";
import { groupHosts, hasWord, matcher, shownState, sortHosts, tagsOf, toggleWord, type Fleet, type Host, type InTrouble } from "../../core/hosts.ts";
import {
  formatRoute, kDefaultRange, kMostCompared, type FleetRoute, type SortKey,
} from "../../core/route.ts";
import { kTroubleKeys } from "../../core/trouble.ts";
import { kFactWords } from "../../core/facts.ts";
import { facts, wantFacts } from "../../net/facts.ts";
import { connection, fleet, loaded } from "../../net/live.ts";
import { troubles } from "../../net/trouble.ts";
import { limits } from "../../ui/settings.ts";
import { kStateHints, StateMark, type Shown } from "../../ui/state_mark.tsx";
import { useShortcuts } from "../../ui/keyboard.ts";
import { Menu } from "../../ui/menu.tsx";
import { go, refine } from "../../ui/navigation.ts";
import { useObservable } from "../../ui/use_observable.ts";
import { AddMachine } from "./add_button.tsx";
import { HeatMap } from "./heat.tsx";
import { hostLink } from "./row.tsx";
import { FleetTable, focusRow } from "./table.tsx";
import { TroubleStrip } from "./trouble_strip.tsx";
import { UsersHint } from "./users_hint.tsx";

const kStates: readonly Shown[] = ["down", "late", "trouble", "up", "paused"];
const kReorderMs = 2000;

// The order in which names stand. Values change at every update, but rows that trade places all the time cannot be read or
// clicked: the order follows at most every two seconds, and at once when the person or the set of hosts (or of those in trouble) changes it.
function useOrder(hosts: Fleet, route: FleetRoute): Host[] {
  const known = useObservable(facts);
  const inTrouble = useObservable(troubles);
  const kept = useRef<{ key: string; size: number; at: number; names: string[] }>({ key: "", size: -1, at: 0, names: [] });
  return useMemo(() => {
    const troubled = (name: string): boolean => inTrouble.has(name);
    const found = [...hosts.values()].filter(matcher(route.search, known, troubled));
    const key = `${route.layout} ${route.sort} ${route.descending} ${route.search} ${known.size} ${route.sort === "state" ? inTrouble.size : ""}`;
    const now = performance.now();
    const old = kept.current;
    if (old.key !== key || old.size !== found.length || now - old.at >= kReorderMs) {
      // Tiles keep their places: an order by what changes would move them all.
      const sorted = route.layout === "heat" ? sortHosts(found, "host", false) : sortHosts(found, route.sort, route.descending, troubled);
      kept.current = { key, size: found.length, at: now, names: sorted.map((host) => host.host) };
      return sorted;
    }
    return old.names.flatMap((name) => {
      const host = hosts.get(name);
      return host === undefined ? [] : [host];
    });
  }, [hosts, known, inTrouble, route.search, route.sort, route.descending, route.layout]);
}

// The same rows, in the order in which they are drawn.
const inGroups = (hosts: Host[], group: string, inTrouble: InTrouble): Host[] =>
  group === "" ? hosts : groupHosts(hosts, group, inTrouble).flatMap((one) => one.hosts);

const kMostValues = 12;

// What hosts can be grouped by beside their tags.
const kGroupWords: Record<string, string> = { state: t("state"), version: t("version") };

// Every tag of the fleet with its values: a way to a filter for those who do not know what there is to type.
function Filters(props: FiltersProps) {
  return <Menu label={t("Filter")} on={false}><FilterChoices {...props} /></Menu>;
}

interface FiltersProps { hosts: Fleet; search: string; onToggle: (word: string) => void }

// Apart from its menu, so that nothing is counted while that is closed.
function FilterChoices({ hosts, search, onToggle }: FiltersProps) {
  const tags = useMemo(() => tagsOf(hosts.values()), [hosts.size]);
  const known = useObservable(facts);
  // What the machines are: the systems and the kernels' first two numbers.
  const kinds = useMemo(() => {
    const counts = new Map<string, number>();
    for (const host of hosts.keys()) {
      const one = known.get(host);
      const kernel = /^\d+\.\d+/.exec(one?.["kernel"] ?? "")?.[0];
      for (const word of [one?.["os_id"] === undefined ? "" : `os:${one["os_id"]}`, kernel === undefined ? "" : `kernel:${kernel}`]) {
        if (word !== "") counts.set(word, (counts.get(word) ?? 0) + 1);
      }
    }
    return [...counts].sort((a, b) => b[1] - a[1]);
  }, [hosts.size, known]);
  const above = useObservable(limits);
  const suggestions = kTroubleKeys.map((key) => `${key}>${above[key].raised}`);
  const chip = (word: string, text: string, some: string) => (
    <button key={word} type="button" class="chip" aria-pressed={hasWord(search, word)} onClick={() => onToggle(word)}>
      {text} <span class="quiet">{some}</span>
    </button>
  );
  return (
    <div class="filters">
      {tags.map(({ key, values }) => (
        <div key={key} role="group" aria-label={key}>
          <h2>{key}</h2>
          <div class="chips">
            {values.slice(0, kMostValues).map(({ value, hosts: some }) => chip(`${key}:${value}`, value, String(some)))}
            {values.length > kMostValues && <span class="quiet">{t("and {n} more: type {key}:…", { n: values.length - kMostValues, key })}</span>}
          </div>
        </div>
      ))}
      {kinds.length > 0 && (
        <div role="group" aria-label={t("What they are")}>
          <h2 title={t("Also {list}:, and kernel<6.6", { list: kFactWords.join(":, ") })}>{t("What they are")}</h2>
          <div class="chips">{kinds.slice(0, kMostValues).map(([word, some]) => chip(word, word, String(some)))}</div>
        </div>
      )}
      <div role="group" aria-label={t("Above a threshold")}>
        <h2>{t("Above a threshold")}</h2>
        <div class="chips">
          {suggestions.map((word) => chip(word, word.replace(">", " > "), String([...hosts.values()].filter(matcher(word)).length)))}
        </div>
      </div>
      {tags.length === 0 && <p class="quiet">{tx("Hosts have no tags. {key} in a client's configuration gives them some.", { key: <code>client.tags</code> })}</p>}
    </div>
  );
}

export function FleetView({ route }: { route: FleetRoute }) {
  const hosts = useObservable(fleet);
  const ready = useObservable(loaded);
  const link = useObservable(connection);
  const search = useRef<HTMLInputElement>(null);
  const ordered = useOrder(hosts, route);
  useEffect(wantFacts, []);
  const inTrouble = useObservable(troubles);
  const drawn = useMemo(() => inGroups(ordered, route.group, (host) => inTrouble.has(host)), [ordered, route.group, route.group === "state" ? inTrouble : null]);
  const rows = useRef(0);
  rows.current = drawn.length;

  const shortcuts = useMemo(() => {
    const move = (by: number) => () => {
      if (rows.current === 0) return;
      const at = Number((document.activeElement as HTMLElement | null)?.dataset["index"] ?? NaN);
      focusRow(Number.isNaN(at) ? (by > 0 ? 0 : rows.current - 1) : Math.min(rows.current - 1, Math.max(0, at + by)));
    };
    return [
      { keys: "/", what: t("Search"), run: () => search.current?.focus() },
      { keys: "Escape", what: t("Leave the search, then clear it"), run: () => {
        if (document.activeElement === search.current) search.current?.blur();
        else if (route.search !== "") refine({ ...route, search: "" });
      } },
      { keys: "ArrowDown", what: t("Next host (Enter opens it)"), run: move(1) },
      { keys: "ArrowUp", what: t("Previous host"), run: move(-1) },
      { keys: "j", what: "", run: move(1) },
      { keys: "k", what: "", run: move(-1) },
      { keys: "v", what: t("Table or heat view"), run: () => go({ ...route, layout: route.layout === "heat" ? "table" : "heat" }) },
    ];
  }, [route]);
  useShortcuts(t("Fleet"), shortcuts);

  useEffect(() => {
    const field = search.current;
    if (field !== null && field !== document.activeElement) field.value = route.search;
  }, [route.search]);

  const counts = useMemo(() => {
    const by: Record<Shown, number> = { up: 0, late: 0, down: 0, trouble: 0, paused: 0 };
    for (const host of hosts.values()) ++by[shownState(host, (name) => inTrouble.has(name))];
    return by;
  }, [hosts, inTrouble]);
  const tagKeys = useMemo(() => tagsOf(hosts.values()).map((tag) => tag.key), [hosts.size]);

  if (!ready) return link.kind === "lost" ? <Unreachable /> : <p class="loading" role="status">{t("Loading the fleet…")}</p>;
  if (hosts.size === 0) return <Empty />;

  const onSort = (sort: SortKey, descending: boolean): void => refine({ ...route, sort, descending });
  const stale = link.kind === "lost";
  const toggle = (word: string): void => refine({ ...route, search: toggleWord(route.search, word) });
  const compared = drawn.slice(0, kMostCompared).map((host) => host.host);
  return (
    <>
      <h1 class="hidden">{t("Fleet")}</h1>
      <TroubleStrip hosts={hosts} onAll={(word) => refine({ ...route, search: toggleWord("", word) })} />
      <div class="toolbar">
        <div class="counts" role="group" aria-label={t("Hosts by state")}>
          <span class={`count-all${ordered.length === hosts.size ? " is-every" : ""}`}>
            <strong>{ordered.length}</strong>{ordered.length < hosts.size && <span class="quiet">{" "}{t("of {n}", { n: hosts.size })}</span>} {count("host|hosts", hosts.size)}
          </span>
          {kStates.filter((state) => state !== "paused" || counts.paused > 0).map((state) => (
            <button key={state} type="button" class={`chip chip-${state}${counts[state] === 0 ? " is-zero" : ""}`}
                    title={kStateHints[state]} aria-pressed={hasWord(route.search, `state:${state}`)} onClick={() => toggle(`state:${state}`)}>
              <StateMark state={state} /> <strong>{counts[state]}</strong>
            </button>
          ))}
        </div>
        <span class="grow" />
        <div class="segments" role="group" aria-label={t("Layout")}>
          {(["table", "heat"] as const).map((layout) => (
            <button key={layout} type="button" title="v" aria-pressed={route.layout === layout} onClick={() => go({ ...route, layout })}>
              {layout === "table" ? t("Table") : t("Heat")}
            </button>
          ))}
        </div>
        <label class="select">
          <span class="hidden">{t("Group by")}</span>
          <select value={route.group} onChange={(event) => refine({ ...route, group: event.currentTarget.value })}>
            <option value="">{t("No groups")}</option>
            {[...new Set([...tagKeys, "state", "version", ...(route.group === "" ? [] : [route.group])])].map((key) => <option key={key} value={key}>{t("By {key}", { key: kGroupWords[key] ?? key })}</option>)}
          </select>
        </label>
        <AddMachine />
        <Filters hosts={hosts} search={route.search} onToggle={toggle} />
        <a class={`button compare-these${compared.length < 2 ? " is-off" : ""}`} href={formatRoute({ view: "compare", hosts: compared, range: kDefaultRange })}
           title={drawn.length > kMostCompared ? t("Charts of the first {n} of these hosts over one another", { n: kMostCompared }) : t("Charts of these hosts over one another")}>
          {t("Compare")}
        </a>
        <label class="search">
          <span class="hidden">{t("Search hosts")}</span>
          <input ref={search} type="search" placeholder={t("Search hosts   /")} spellcheck={false} autocomplete="off"
                 defaultValue={route.search}
                 onInput={(event) => refine({ ...route, search: event.currentTarget.value })}
                 onKeyDown={(event) => {
                   if (event.key === "Enter" && drawn[0] !== undefined) location.hash = hostLink(drawn[0].host);
                   else if (event.key === "ArrowDown") { event.preventDefault(); focusRow(0); }
                 }} />
        </label>
      </div>
      {ordered.length === 0 ? (
        <div class="empty" role="status">
          <p>{tx("No host matches {search}.", { search: <q>{route.search}</q> })}</p>
          <button type="button" onClick={() => refine({ ...route, search: "" })}>{t("Show all {n}", { n: hosts.size })}</button>
        </div>
      ) : route.layout === "heat" ? (
        <HeatMap hosts={ordered} group={route.group} by={route.heat} stale={stale} onBy={(heat) => refine({ ...route, heat })} />
      ) : (
        <FleetTable hosts={ordered} group={route.group} sort={route.sort} descending={route.descending} onSort={onSort} stale={stale} />
      )}
      <UsersHint />
    </>
  );
}

function Unreachable() {
  return (
    <div class="empty">
      <h1>{t("No connection to the server")}</h1>
      <p>{tx("The page keeps trying. On the server's machine, {status} says whether it runs and {logs} why not.", { status: <code>./resmon status</code>, logs: <code>./resmon logs</code> })}</p>
    </div>
  );
}

function Empty() {
  return (
    <div class="empty">
      <h1>{t("No host has reported yet")}</h1>
      <p>{t("Three simulated hosts, to look around:")}</p>
      <pre>./resmon simulate 3</pre>
      <p>{t("A real one, on the machine to be watched:")}</p>
      <pre>resmon-client --server HOST:7411 --token-file F</pre>
      <AddMachine primary />
      <p class="quiet">{t("They appear here by themselves within a few seconds.")}</p>
    </div>
  );
}
