// A component whose script is loaded when it is first shown, or before that, when there is time. A page that was left open over an upgrade of the
// server may ask for a script that is gone: it then says so, and offers to load itself again. The address has all that it showed.

import { type ComponentType, type FunctionComponent } from "preact";
import { useEffect } from "preact/hooks";
import { t } from "../core/texts.ts";
import { Observable } from "../core/observable.ts";
import { useObservable } from "./use_observable.ts";

interface Part<Exports> {
  load: () => Promise<void>;  // resolves when it is there, or cannot be had
  later: <Props extends object>(pick: (part: Exports) => ComponentType<Props>) => FunctionComponent<Props>;
}

function partOf<Exports>(read: () => Promise<Exports>): Part<Exports> {
  const found = new Observable<{ part: Exports } | "loading" | "failed">("loading");
  let asked: Promise<void> | null = null;
  const load = (): Promise<void> => (asked ??= read().then((part) => found.set({ part }), () => found.set("failed")));
  const later: Part<Exports>["later"] = (pick) => function Later(props) {
    const now = useObservable(found);
    useEffect(() => void load(), []);
    if (now === "loading") return null;
    if (now === "failed") {
      return (
        <div class="banner" role="alert">
          <strong>{t("A part of the page could not be loaded.")}</strong> {t("Was the server upgraded?")}{" "}<button type="button" onClick={() => location.reload()}>{t("Load the page again")}</button>
        </div>
      );
    }
    const Shown = pick(now.part);
    return <Shown {...props} />;
  };
  return { load, later };
}

export const charted = partOf(() => import("../charted.ts"));
const more = partOf(() => import("../more.ts"));
export const { later } = more;
