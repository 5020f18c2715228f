import { formatRoute } from "../core/route.ts";
import { account, hasAccounts, hasToken, logOut, signIn } from "../net/session.ts";
import { Menu } from "./menu.tsx";
import { useObservable } from "./use_observable.ts";

export function UserMenu() {
  const who = useObservable(account);
  const people = useObservable(hasAccounts);
  const token = useObservable(hasToken);
  const signing = useObservable(signIn);
  if (signing !== "not-needed") return null;
  if (who === null && !token) {
    return people === true ? <button type="button" onClick={() => signIn.set("wanted")}>Sign in</button> : null;
  }
  return (
    <Menu label={who?.name ?? "Token"} name={`Signed in as ${who?.name ?? "the holder of a token"}`} on={false} right>
      <p class="quiet">{who === null ? "Signed in with an access token." : who.role === "admin" ? "Administrator" : "May read only"}</p>
      {who !== null && <a class="menu-item" href={formatRoute({ view: "access" })}>Users and tokens</a>}
      <button type="button" class="menu-item" onClick={() => void logOut()}>Sign out</button>
    </Menu>
  );
}
