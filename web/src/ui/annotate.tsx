// What happened in the range, as a list, and the dialog that writes an annotation.

import { useEffect, useRef, useState } from "preact/hooks";
import { count, t } from "../core/texts.ts";
import type { ChartEvent } from "../core/annotations.ts";
import { formatTime, zoneName } from "../core/format.ts";
import { parseLocalTime, type Range } from "../core/time_range.ts";
import { serverNow } from "../net/live.ts";
import { annotate } from "../net/events.ts";
import { account } from "../net/session.ts";
import { annotationsChanged } from "./use_events.ts";
import { useObservable } from "./use_observable.ts";

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

function Dialog({ hosts, range, author, onClose }: { hosts: readonly string[]; range: Range; author: string; onClose: () => void }) {
  const dialog = useRef<HTMLDialogElement>(null);
  const [error, setError] = useState("");
  useEffect(() => dialog.current?.showModal(), []);
  const at = range.kind === "absolute" ? Math.round((range.from + range.to) / 2) : serverNow();
  const submit = (event: SubmitEvent): void => {
    event.preventDefault();
    const data = new FormData(event.currentTarget as HTMLFormElement);
    const value = (name: string): string => String(data.get(name) ?? "").trim();
    const time = parseLocalTime(value("time"));
    if (time === null) return setError(t("The time is needed as {example}.", { example: formatTime(at).slice(0, -3) }));
    annotate(value("about"), value("text"), author, time).then(
      () => {
        annotationsChanged.set(annotationsChanged.value + 1);
        dialog.current?.close();
      },
      (failure: unknown) => setError(failure instanceof Error ? failure.message : String(failure)));
  };
  return (
    <dialog ref={dialog} class="help" aria-labelledby="annotate-title" onClose={onClose}>
      <form class="help-body stack-form" onSubmit={submit}>
        <h2 id="annotate-title">{t("Annotate")}</h2>
        <label>{t("What happened")}<input name="text" required maxLength={200} autocomplete="off" /></label>
        <label>{t("When ({zone})", { zone: zoneName(at) })}<input name="time" defaultValue={formatTime(at)} required autocomplete="off" /></label>
        <label>{t("About")}<select name="about">{hosts.map((host) => <option key={host} value={host}>{host}</option>)}<option value="">{t("all hosts")}</option></select></label>
        <p class="error-text" role="alert">{error}</p>
        <div class="row"><button type="submit" class="primary">{t("Write")}</button><button type="button" onClick={() => dialog.current?.close()}>{t("Cancel")}</button></div>
      </form>
    </dialog>
  );
}
