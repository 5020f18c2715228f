// The first thing on the page: how many hosts are in trouble, which, why and since when.

import { useEffect, useMemo } from "preact/hooks";
import { count, t, tx } from "../../core/texts.ts";
import type { Fleet } from "../../core/hosts.ts";
import { causeWords, isCritical, isDown, type Trouble } from "../../core/trouble.ts";
import { sinceVersion, troubleSince, wantSince } from "../../net/since.ts";
import { troubles } from "../../net/trouble.ts";
import { useSecond } from "../../ui/clock.ts";
import { StateMark } from "../../ui/state_mark.tsx";
import { useObservable } from "../../ui/use_observable.ts";
import { lastingSince, sinceTitle } from "./columns.tsx";
import { splitNames } from "../../core/names.ts";
import { hostLink, Name } from "./row.tsx";

// On a phone (fleet.css) each takes some lines.
const phone = matchMedia("(max-width: 720px)");
const shownAtMost = (): number => (phone.matches ? 4 : 6);

// What is in trouble for a figure stands before what is down: a host that answers can be mended from here. Then the critical ones, those with most
// causes, and the newest.
function ordered(all: Iterable<Trouble>): Trouble[] {
  const since = new Map<Trouble, number>();
  const list = [...all];
  for (const one of list) since.set(one, troubleSince(one).since ?? 0);
  return list.sort((a, b) => Number(isDown(a)) - Number(isDown(b)) || Number(isCritical(b)) - Number(isCritical(a)) || b.causes.length - a.causes.length || (since.get(b) ?? 0) - (since.get(a) ?? 0) || (a.host < b.host ? -1 : 1));
}

export function TroubleStrip({ hosts, onAll }: { hosts: Fleet; onAll: (search: string) => void }) {
  const all = useObservable(troubles);
  const version = useObservable(sinceVersion);
  const list = useMemo(() => ordered(all.values()), [all, version]);
  // "and 1 more" would take the place of that one.
  const shown = list.length <= shownAtMost() + 1 ? list : list.slice(0, shownAtMost());
  const parts = useMemo(() => splitNames(hosts.keys()), [hosts.size]);
  useEffect(() => wantSince(shown), [list]);
  useSecond();
  if (list.length === 0) {
    return <p class="trouble is-none"><StateMark state="up" /> <span>{count("This host is within the thresholds, and no alert fires.|All {n} hosts are within the thresholds, and no alert fires.", hosts.size)}</span></p>;
  }
  const down = list.filter(isDown).length;
  const left = list.length - shown.length;
  return (
    <section class="trouble" aria-label={t("In trouble")}>
      <h2>{tx("{n} in trouble", { n: <strong>{list.length}</strong> })}{down > 0 && down < list.length && <span class="quiet">, {t("{n} down", { n: down })}</span>}</h2>
      <ul>
        {shown.map((one) => {
          const lasting = lastingSince(one);
          const label = hosts.get(one.host)?.label ?? one.host;
          return (
            <li key={one.host}>
              <StateMark state={isDown(one) ? "down" : "trouble"} />
              <a href={hostLink(one.host)} title={one.host}><Name name={label} parts={label === one.host ? parts.get(one.host) : undefined} short /></a>
              <span class="cause" title={causeWords(one)}>{causeWords(one)}</span>
              {lasting !== undefined && <span class="quiet" title={sinceTitle(one)}>{lasting}</span>}
            </li>
          );
        })}
        {left > 0 && (
          <li><button type="button" class="link" onClick={() => onAll(down === list.length ? "state:down" : down === 0 ? "state:trouble" : "state:down,trouble")}>{t("and {n} more", { n: left })}</button></li>
        )}
      </ul>
    </section>
  );
}
