import { useEffect, useMemo, useRef, useState } from "preact/hooks";
import { kFleetRoute, type FleetRoute } from "./core/route.ts";
import { signIn } from "./net/session.ts";
import { ConnectionBanner, ConnectionMark } from "./ui/connection_banner.tsx";
import { Help } from "./ui/help.tsx";
import { useShortcuts } from "./ui/keyboard.ts";
import { go, route } from "./ui/navigation.ts";
import { SignInForm } from "./ui/sign_in.tsx";
import { useObservable } from "./ui/use_observable.ts";
import { FleetView } from "./views/fleet/fleet_view.tsx";
import { HostView } from "./views/host/host_view.tsx";

export function App() {
  const here = useObservable(route);
  const signing = useObservable(signIn);
  const [help, setHelp] = useState(false);
  // Leaving a host goes back to the fleet as it was searched and sorted.
  const lastFleet = useRef<FleetRoute>(kFleetRoute);
  if (here.view === "fleet") lastFleet.current = here;
  const shortcuts = useMemo(
    () => [
      { keys: "g f", what: "Go to the fleet", run: () => go(lastFleet.current) },
      { keys: "?", what: "These keys", run: () => setHelp(true) },
    ],
    [],
  );
  useShortcuts("Everywhere", shortcuts);
  const title = here.view === "host" ? here.host : "Fleet";
  useEffect(() => {
    document.title = `${title} · resmon`;
  }, [title]);

  return (
    <>
      <a class="skip" href="#content" onClick={(event) => {
        event.preventDefault();
        document.getElementById("content")?.focus();
      }}>Skip to content</a>
      <header class="top">
        <a class="brand" href="#/" aria-label="resmon, the fleet">
          <svg viewBox="0 0 32 32" aria-hidden="true"><path d="M3 18h6l3-10 6 16 4-9h7" /></svg>
          resmon
        </a>
        {here.view === "host" && (
          <nav aria-label="Place" class="crumbs">
            <a href="#/" onClick={(event) => { event.preventDefault(); go(lastFleet.current); }}>Fleet</a>
            <span aria-hidden="true">/</span>
            <span class="crumb-host" aria-current="page">{here.host}</span>
          </nav>
        )}
        <span class="grow" />
        <ConnectionMark />
        <button type="button" class="icon" aria-label="Keyboard shortcuts" onClick={() => setHelp(true)}>?</button>
      </header>
      <ConnectionBanner />
      {signing !== "not-needed" ? (
        <SignInForm reason={signing} />
      ) : (
        <main id="content" tabIndex={-1}>
          {here.view === "host" ? <HostView key={here.host} route={here} /> : <FleetView route={here} />}
        </main>
      )}
      {help && <Help onClose={() => setHelp(false)} />}
    </>
  );
}
