import { t } from "../core/texts.ts";
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
    return people === true ? <button type="button" onClick={() => signIn.set("wanted")}>{t("Sign in")}</button> : null;
  }
  return (
    <Menu label={who?.name ?? t("Token")} name={t("Signed in as {name}", { name: who?.name ?? t("the holder of a token") })} on={false} right>
      <p class="quiet">{who === null ? t("Signed in with an access token.") : who.role === "admin" ? t("Administrator") : t("May read only")}</p>
      {who !== null && <a class="menu-item" href={formatRoute({ view: "access" })}>{t("Users and tokens")}</a>}
      <button type="button" class="menu-item" onClick={() => void logOut()}>{t("Sign out")}</button>
    </Menu>
  );
}
