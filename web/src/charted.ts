// The views with charts, a script of its own: the fleet is seen without it, and it is read as soon as the fleet is there.

import { route } from "./ui/navigation.ts";
import { askHost } from "./views/host/host_view.tsx";

export { CompareView } from "./views/compare/compare_view.tsx";
export { HostView } from "./views/host/host_view.tsx";
export { LogsView } from "./views/logs/logs_view.tsx";

// The page was opened at a host, or led to one while this was read.
if (route.value.view === "host") askHost(route.value);
