// Writes an annotation.

import { useEffect, useRef, useState } from "preact/hooks";
import { t } from "../core/texts.ts";
import { formatTime, zoneName } from "../core/format.ts";
import { parseLocalTime, type Range } from "../core/time_range.ts";
import { serverNow } from "../net/live.ts";
import { annotate } from "../net/events.ts";
import { annotationsChanged } from "./use_events.ts";

export function AnnotateDialog({ hosts, range, author, onClose }: { hosts: readonly string[]; range: Range; author: string; onClose: () => void }) {
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
