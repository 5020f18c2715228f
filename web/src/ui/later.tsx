// A component of more.ts, whose script is loaded when the first of them is shown. A page that was left open over an upgrade of the server
// may ask for a script that is gone: it then says so, and offers to load itself again. The address has all that it showed.

import { type ComponentType, type FunctionComponent } from "preact";
import { useEffect } from "preact/hooks";
import { t } from "../core/texts.ts";
import { Observable } from "../core/observable.ts";
import { useObservable } from "./use_observable.ts";

type More = typeof import("../more.ts");
const more = new Observable<More | "loading" | "failed">("loading");
let asked = false;

function load(): void {
  if (asked) return;
  asked = true;
  import("../more.ts").then((part) => more.set(part), () => more.set("failed"));
}

export function later<Props extends object>(pick: (part: More) => ComponentType<Props>): FunctionComponent<Props> {
  return function Later(props: Props) {
    const part = useObservable(more);
    useEffect(load, []);
    if (part === "loading") return null;
    if (part === "failed") {
      return (
        <div class="banner" role="alert">
          <strong>{t("A part of the page could not be loaded.")}</strong> {t("Was the server upgraded?")}{" "}<button type="button" onClick={() => location.reload()}>{t("Load the page again")}</button>
        </div>
      );
    }
    const Part = pick(part);
    return <Part {...props} />;
  };
}
