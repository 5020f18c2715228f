// The box that takes InfluxQL. What may stand at the cursor is offered in a strip under it: no pop-up that hides the text, and the
// same on a phone. Tab takes the marked one.

import { useEffect, useMemo, useRef, useState } from "preact/hooks";
import { t } from "../../core/texts.ts";
import { complete, type Option } from "../../core/completion.ts";
import { catalog, loadCatalog, wantValues } from "../../net/catalog.ts";
import { useObservable } from "../../ui/use_observable.ts";

interface Props {
  query: string;
  busy: boolean;
  onRun: (query: string) => void;
  onStop: () => void;
}

export function QueryBox({ query, busy, onRun, onStop }: Props) {
  const known = useObservable(catalog);
  const field = useRef<HTMLTextAreaElement>(null);
  const [text, setText] = useState(query);
  const [cursor, setCursor] = useState(query.length);
  const [marked, setMarked] = useState(0);
  const [dismissed, setDismissed] = useState(true);
  const [chosen, setChosen] = useState(false);
  useEffect(() => {
    loadCatalog().catch(() => undefined);  // without it there is only less to complete
  }, []);
  useEffect(() => {
    setText(query);
    setCursor(query.length);
    setDismissed(true);
  }, [query]);
  const completion = useMemo(() => complete(text, cursor, known), [text, cursor, known]);
  useEffect(() => {
    if (completion.needs !== null) wantValues(completion.needs);
  }, [completion.needs]);
  // A query that was run, or came by a click, shows nothing over it; an empty box shows how one begins.
  const open = !dismissed || text === "";
  const options = open ? completion.options : [];
  const at = Math.min(marked, options.length - 1);
  // Tab completes a word that was begun, or what was chosen by hand. Otherwise it leaves the box, as everywhere.
  const offers = !dismissed && options.length > 0 && (completion.from < cursor || chosen);

  const take = (option: Option): void => {
    const space = option.kind === "function" || /^[\s,)]/.test(text.slice(cursor)) ? "" : " ";
    const next = text.slice(0, completion.from) + option.text + space + text.slice(cursor);
    const place = completion.from + option.text.length + space.length;
    // At once, and not with the next drawing: whoever types fast has typed on by then.
    if (field.current !== null) {
      field.current.value = next;
      field.current.focus();
      field.current.setSelectionRange(place, place);
    }
    setText(next);
    setCursor(place);
    setMarked(0);
    setChosen(false);
    setDismissed(false);
  };
  const look = (): void => setCursor(field.current?.selectionStart ?? 0);
  const keys = (event: KeyboardEvent): void => {
    const option = options[at];
    if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) {
      event.preventDefault();
      onRun(text);
    } else if (event.key === "Tab" && !event.shiftKey && offers && option !== undefined) {
      event.preventDefault();
      take(option);
    } else if (event.key === "Escape" && !dismissed) {
      event.preventDefault();
      event.stopPropagation();
      setDismissed(true);
    } else if (event.key === "Escape") {
      field.current?.blur();  // so that keys are shortcuts again
    } else if (event.altKey && (event.key === "ArrowRight" || event.key === "ArrowLeft") && completion.options.length > 0) {
      event.preventDefault();
      setDismissed(false);
      setChosen(true);
      setMarked((at + (event.key === "ArrowRight" ? 1 : -1) + completion.options.length) % completion.options.length);
    }
  };
  return (
    <form class="query-box" onSubmit={(event) => { event.preventDefault(); onRun(text); }}>
      <label class="hidden" for="query">InfluxQL</label>
      <textarea id="query" ref={field} value={text} rows={Math.min(10, Math.max(3, text.split("\n").length))} spellcheck={false}
                autocomplete="off" autocapitalize="off" placeholder={'SELECT mean("usage_active") FROM "cpu" WHERE time > now() - 1h GROUP BY time(1m), "host"'}
                aria-autocomplete="list" aria-controls={options.length > 0 ? "completions" : undefined}
                aria-activedescendant={offers ? `completion-${at}` : undefined}
                onInput={(event) => {
                  setText(event.currentTarget.value);
                  setCursor(event.currentTarget.selectionStart);
                  setMarked(0);
                  setChosen(false);
                  setDismissed(false);
                }}
                onKeyDown={keys} onKeyUp={look} onClick={look} />
      <div class="query-foot">
        {options.length === 0 ? <span class="completions" /> : <ul id="completions" class="completions" role="listbox" aria-label={t("Suggestions")}>
          {options.map((option, index) => (
            <li key={option.text} id={`completion-${index}`} role="option" aria-selected={offers && index === at}
                class={`completion kind-${option.kind}`} title={option.kind} onMouseDown={(event) => { event.preventDefault(); take(option); }}>
              {option.label}
            </li>
          ))}
        </ul>}
        {busy ? <button type="button" onClick={onStop}>{t("Stop")}</button> : <button type="submit" class="primary" title={t("Ctrl+Enter")}>{t("Run")}</button>}
      </div>
    </form>
  );
}
