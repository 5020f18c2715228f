// The views with charts, a script of its own: the fleet is seen without it, and it is read as soon as the fleet is there.

export { CompareView } from "./views/compare/compare_view.tsx";
export { HostView } from "./views/host/host_view.tsx";
