import { useEffect, useMemo, useRef, useState } from "preact/hooks";
import { t } from "./core/texts.ts";
import {
  formatRoute, kAlertsRoute, kCompareRoute, kExploreRoute, kFleetRoute, kLogsRoute, kServerRoute, kSettingsRoute, type CompareRoute, type ExploreRoute, type FleetRoute,
  type LogsRoute, type Route,
} from "./core/route.ts";
import { countOpen } from "./core/alerts.ts";
import { alertsState, watchAlerts } from "./net/alerts.ts";
import { troubles } from "./net/trouble.ts";
import { signIn } from "./net/session.ts";
import { ConnectionBanner, ConnectionMark } from "./ui/connection_banner.tsx";
import { Help } from "./ui/help.tsx";
import { useShortcuts } from "./ui/keyboard.ts";
import { charted, later } from "./ui/later.tsx";
import { go, route } from "./ui/navigation.ts";
import { SignInForm } from "./ui/sign_in.tsx";
import { SinkBanner } from "./ui/sink_banner.tsx";
import { useObservable } from "./ui/use_observable.ts";
import { UserMenu } from "./ui/user_menu.tsx";
import { FleetView } from "./views/fleet/fleet_view.tsx";

const CompareView = charted.later((part) => part.CompareView);
const HostView = charted.later((part) => part.HostView);
const AccessView = later((part) => part.AccessView);
const AlertsView = later((part) => part.AlertsView);
const ExploreView = later((part) => part.ExploreView);
const InvitationView = later((part) => part.InvitationView);
const LogsView = later((part) => part.LogsView);
const ServerView = later((part) => part.ServerView);
const SettingsView = later((part) => part.SettingsView);

function titleOf(here: Route): string {
  switch (here.view) {
    case "fleet":
      return t("Fleet");
    case "host":
      return here.host;
    case "compare":
      return here.hosts.length === 0 ? t("Compare") : here.hosts.join(", ");
    case "explore":
      return t("Explore");
    case "logs":
      return t("Logs");
    case "server":
      return t("Server");
    case "alerts":
      return t("Alerts");
    case "access":
      return t("Users and tokens");
    case "settings":
      return t("Settings");
    case "invitation":
      return t("Invitation");
  }
}

function View({ here }: { here: Route }) {
  switch (here.view) {
    case "fleet":
      return <FleetView route={here} />;
    case "host":
      return <HostView key={here.host} route={here} />;
    case "compare":
      return <CompareView route={here} />;
    case "explore":
      return <ExploreView route={here} />;
    case "logs":
      return <LogsView route={here} />;
    case "server":
      return <ServerView route={here} />;
    case "alerts":
      return <AlertsView />;
    case "access":
      return <AccessView />;
    case "settings":
      return <SettingsView />;
    case "invitation":
      return <InvitationView secret={here.secret} />;
  }
}

export function App() {
  const here = useObservable(route);
  const signing = useObservable(signIn);
  const [help, setHelp] = useState(false);
  // Coming back to a view finds it as it was left: searched, sorted, asked.
  const left = useRef<{ fleet: FleetRoute; compare: CompareRoute; explore: ExploreRoute; logs: LogsRoute }>({
    fleet: kFleetRoute, compare: kCompareRoute, explore: kExploreRoute, logs: kLogsRoute,
  });
  if (here.view === "fleet") left.current.fleet = here;
  if (here.view === "compare") left.current.compare = here;
  if (here.view === "explore") left.current.explore = here;
  if (here.view === "logs") left.current.logs = here;
  const shortcuts = useMemo(
    () => [
      { keys: "g f", what: t("Go to the fleet"), run: () => go(left.current.fleet) },
      { keys: "g c", what: t("Go to compare"), run: () => go(left.current.compare) },
      { keys: "g e", what: t("Go to explore"), run: () => go(left.current.explore) },
      { keys: "g l", what: t("Go to the logs"), run: () => go(left.current.logs) },
      { keys: "g a", what: t("Go to the alerts"), run: () => go(kAlertsRoute) },
      { keys: "g s", what: t("Go to the server"), run: () => go(kServerRoute) },
      { keys: "g ,", what: t("Go to the settings"), run: () => go(kSettingsRoute) },
      { keys: "?", what: t("These keys"), run: () => setHelp(true) },
    ],
    [],
  );
  useShortcuts(t("Everywhere"), shortcuts, true);
  const title = titleOf(here);
  const open = countOpen(useObservable(alertsState)?.alerts ?? []);
  const inTrouble = useObservable(troubles).size;
  useEffect(watchAlerts, []);
  // What had the focus may be gone with its view; the next Tab then begins in the new one, and not at the end of the page.
  const opened = useRef(false);
  useEffect(() => {
    if (opened.current && document.activeElement === document.body) document.getElementById("content")?.focus({ preventScroll: true });
    opened.current = true;
  }, [here.view, here.view === "host" ? here.host : "", signing]);
  useEffect(() => {
    document.title = `${inTrouble > 0 ? `(${inTrouble}) ` : ""}${title} · resmon`;
  }, [title, inTrouble]);
  const places: [string, Route, boolean][] = [
    [t("Fleet"), left.current.fleet, here.view === "fleet" || here.view === "host"],
    [t("Compare"), left.current.compare, here.view === "compare"],
    [t("Explore"), left.current.explore, here.view === "explore"],
    [t("Logs"), left.current.logs, here.view === "logs"],
    [t("Alerts"), kAlertsRoute, here.view === "alerts"],
    [t("Server"), kServerRoute, here.view === "server"],
  ];

  return (
    <>
      <a class="skip" href="#content" onClick={(event) => {
        event.preventDefault();
        document.getElementById("content")?.focus();
      }}>{t("Skip to content")}</a>
      <header class="top">
        <a class="brand" href="#/" aria-label={t("resmon, the fleet")}>
          <svg viewBox="0 0 32 32" aria-hidden="true"><path d="M3 18h6l3-10 6 16 4-9h7" /></svg>
          <span class="brand-word">resmon</span>
        </a>
        <nav class="places" aria-label={t("Views")}>
          {places.map(([name, to, isHere]) => (
            <a key={name} href={formatRoute(to)} aria-current={isHere ? "page" : undefined}>{name}
              {to === kAlertsRoute && open > 0 && <span class="badge"><span class="hidden">{" "}{t("firing:")}{" "}</span>{open}</span>}</a>
          ))}
        </nav>
        <span class="grow" />
        <ConnectionMark />
        <UserMenu />
        <a class="icon button" href={formatRoute(kSettingsRoute)} aria-label={t("Settings")} title={t("Settings (g ,)")} aria-current={here.view === "settings" ? "page" : undefined}>
          <svg viewBox="0 0 16 16" aria-hidden="true"><path d="M2 4h7M13 4h1M2 8h2M8 8h6M2 12h6M12 12h2" /><circle cx="11" cy="4" r="1.7" /><circle cx="6" cy="8" r="1.7" /><circle cx="10" cy="12" r="1.7" /></svg>
        </a>
        <button type="button" class="icon" aria-label={t("Keyboard shortcuts")} onClick={() => setHelp(true)}>?</button>
      </header>
      <ConnectionBanner />
      {signing === "not-needed" && <SinkBanner />}
      {signing !== "not-needed" && here.view !== "invitation" ? (
        <SignInForm reason={signing} />
      ) : (
        <main id="content" tabIndex={-1}>
          <View here={here} />
        </main>
      )}
      {help && <Help onClose={() => setHelp(false)} />}
    </>
  );
}
