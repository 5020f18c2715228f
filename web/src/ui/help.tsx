import { useEffect, useRef } from "preact/hooks";
import { t, tx } from "../core/texts.ts";
import { shortcutGroups } from "./keyboard.ts";

export function Help({ onClose }: { onClose: () => void }) {
  const dialog = useRef<HTMLDialogElement>(null);
  useEffect(() => {
    dialog.current?.showModal();
    // The focus is on the button at the end; reading begins at the top.
    dialog.current?.scrollTo(0, 0);
  }, []);
  return (
    <dialog
      ref={dialog}
      class="help"
      aria-labelledby="help-title"
      onClose={onClose}
      onKeyDown={(event) => event.key === "?" && dialog.current?.close()}
      onClick={(event) => event.target === dialog.current && dialog.current?.close()}
    >
      <div class="help-body">
        <h2 id="help-title">{t("Keys")}</h2>
        {shortcutGroups()
          .filter((group) => group.shortcuts.length > 0)
          .map((group) => (
            <section key={group.title}>
              <h3>{group.title}</h3>
              <dl>
                {group.shortcuts
                  .filter((one) => one.what !== "")
                  .map((one) => (
                    <div key={one.keys}>
                      <dt>{(one.keys === " " ? [" "] : one.keys.split(" ")).map((key) => <kbd key={key}>{kNames[key] ?? key}</kbd>)}</dt>
                      <dd>{one.what}</dd>
                    </div>
                  ))}
              </dl>
            </section>
          ))}
        <p class="quiet">
          {tx("In a chart: drag to zoom, Shift and drag to move, double-click to come back. The fleet's search: words in name, address or tags; {examples}.", {
            examples: <><code>state:down</code>, <code>tag:value</code>, <code>disk&gt;90</code>, <code>load&gt;1</code></>,
          })}
        </p>
        <button type="button" onClick={() => dialog.current?.close()}>{t("Close")}</button>
      </div>
    </dialog>
  );
}

const kNames: Record<string, string> = { ArrowUp: "↑", ArrowDown: "↓", ArrowLeft: "←", ArrowRight: "→", Escape: t("Esc"), " ": t("Space") };
