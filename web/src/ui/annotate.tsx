// What happened in the range, as a list, and an administrator's button for annotate_dialog.tsx.

import { useState } from "preact/hooks";
import { count, t } from "../core/texts.ts";
import type { ChartEvent } from "../core/annotations.ts";
import { formatTime } from "../core/format.ts";
import type { Range } from "../core/time_range.ts";
import { account } from "../net/session.ts";
import { later } from "./later.tsx";
import { useObservable } from "./use_observable.ts";

const Dialog = later((part) => part.AnnotateDialog);

const kShown = 6;

export function EventList({ events }: { events: readonly ChartEvent[] }) {
  if (events.length === 0) return null;
  return (
    <ul class="events" aria-label={t("Events in this range")}>
      {events.slice(-kShown).map((one) => <li key={`${one.time} ${one.words}`}><time class="quiet">{formatTime(one.time)}</time> {one.words}</li>)}
      {events.length > kShown && <li class="quiet">{count("and {n} earlier one|and {n} earlier ones", events.length - kShown)}</li>}
    </ul>
  );
}

export function Annotate({ hosts, range }: { hosts: readonly string[]; range: Range }) {
  const who = useObservable(account);
  const [open, setOpen] = useState(false);
  if (who?.role !== "admin") return null;
  return (
    <>
      <button type="button" title={t("Write what happened; it shows on all charts")} onClick={() => setOpen(true)}>{t("Annotate…")}</button>
      {open && <Dialog hosts={hosts} range={range} author={who.name} onClose={() => setOpen(false)} />}
    </>
  );
}
