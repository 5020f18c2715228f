// What few visits need: a script of its own, loaded by ui/later.tsx when something in it is first shown.

export { AnnotateDialog } from "./ui/annotate_dialog.tsx";
export { AccessView } from "./views/access/access_view.tsx";
export { InvitationView } from "./views/access/invitation_view.tsx";
export { AlertsView } from "./views/alerts/alerts_view.tsx";
export { ExploreView } from "./views/explore/explore_view.tsx";
export { AddMachineDialog } from "./views/fleet/add_machine.tsx";
export { Question as ForgetDialog } from "./views/host/forget_dialog.tsx";
export { HostSettingsDialog } from "./views/host/host_settings.tsx";
export { PastSummary } from "./views/host/past_summary.tsx";
export { ProcessesLive } from "./views/host/processes_live.tsx";
export { LogsView } from "./views/logs/logs_view.tsx";
export { ServerView } from "./views/server/server_view.tsx";
export { SettingsView } from "./views/settings/settings_view.tsx";
