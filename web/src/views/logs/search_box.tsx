import type { RefObject } from "preact";
import { useEffect, useMemo, useState } from "preact/hooks";
import { t, whole } from "../../core/texts.ts";
import { completeLogs, type LogOption } from "../../core/log_completion.ts";
import type { Facet } from "../../core/log_lines.ts";

// The box that takes a search, and under it what may stand at the cursor: Tab takes the first, or the one that Alt and an arrow chose.
export function SearchBox({ input, query, facets }: { input: RefObject<HTMLInputElement>; query: string; facets: readonly Facet[] }) {
  const [text, setText] = useState(query);
  const [cursor, setCursor] = useState(query.length);
  const [marked, setMarked] = useState(0);
  const [typing, setTyping] = useState(false);
  useEffect(() => {
    setText(query);
    setTyping(false);
    if (input.current !== null) input.current.value = query;
  }, [query]);
  const { from, options } = useMemo(() => completeLogs(text, cursor, facets), [text, cursor, facets]);
  const at = Math.min(marked, options.length - 1);
  const offers = typing && options.length > 0 && from < cursor;

  const take = (option: LogOption): void => {
    const space = option.text.endsWith(":") || /^\s/.test(text.slice(cursor)) ? "" : " ";
    const next = text.slice(0, from) + option.text + space + text.slice(cursor);
    const place = from + option.text.length + space.length;
    if (input.current !== null) {
      input.current.value = next;
      input.current.focus();
      input.current.setSelectionRange(place, place);
    }
    setText(next);
    setCursor(place);
    setMarked(0);
  };
  const look = (): void => {
    setText(input.current?.value ?? "");
    setCursor(input.current?.selectionStart ?? 0);
  };
  const keys = (event: KeyboardEvent & { currentTarget: HTMLInputElement }): void => {
    const option = options[at];
    if (event.key === "Escape") {
      if (offers) {
        event.stopPropagation();
        setTyping(false);
      } else {
        event.currentTarget.blur();
      }
    } else if (event.key === "Enter") {
      setTyping(false);
    } else if (event.key === "Tab" && !event.shiftKey && offers && option !== undefined) {
      event.preventDefault();
      take(option);
    } else if (event.altKey && (event.key === "ArrowRight" || event.key === "ArrowLeft") && offers) {
      event.preventDefault();
      setMarked((at + (event.key === "ArrowRight" ? 1 : -1) + options.length) % options.length);
    }
  };
  return (
    <div class="log-box">
      <input ref={input} type="search" defaultValue={query} aria-label={t("Search the lines")} spellcheck={false} autocomplete="off"
             placeholder='error -debug "connection refused" unit:ssh* level:>=warn /port \d+/'
             aria-autocomplete="list" aria-controls={offers ? "log-completions" : undefined} aria-activedescendant={offers ? `log-completion-${at}` : undefined}
             onInput={() => {
               look();
               setMarked(0);
               setTyping(true);
             }}
             onKeyDown={keys} onKeyUp={look} onClick={look} onBlur={() => setTyping(false)} />
      {offers && (
        <ul id="log-completions" class="completions log-completions" role="listbox" aria-label={t("Suggestions")}>
          {options.map((option, index) => (
            <li key={option.text} id={`log-completion-${index}`} role="option" aria-selected={index === at} class="completion"
                onMouseDown={(event) => { event.preventDefault(); take(option); }}>
              {option.label}{option.lines > 0 && <span class="quiet"> {whole(option.lines)}</span>}
            </li>
          ))}
        </ul>
      )}
    </div>
  );
}
