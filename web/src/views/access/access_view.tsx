// Who may look, and which programs may read or write: users, their passwords, and API tokens.

import { useCallback, useEffect, useRef, useState } from "preact/hooks";
import { count, t, tx } from "../../core/texts.ts";
import { decodeInvitations, decodeTokens, decodeUsers, type Invitation, type Token, type User } from "../../core/access.ts";
import { formatAgo, formatTime } from "../../core/format.ts";
import { serverNow } from "../../net/live.ts";
import { account, call, hasAccounts, provider, signIn } from "../../net/session.ts";
import { TableBox } from "../../ui/table_box.tsx";
import { useObservable } from "../../ui/use_observable.ts";

const said = (error: unknown): string => (error instanceof Error ? error.message : String(error));

export function AccessView() {
  const who = useObservable(account);
  const people = useObservable(hasAccounts);
  if (people === false) {
    return (
      <div class="empty">
        <h1>{t("Tokens only")}</h1>
        <p>{tx("This server knows no users; its tokens are in its token file ({key}).", { key: <code>auth.token_file</code> })}</p>
      </div>
    );
  }
  if (who === null) {
    return (
      <div class="empty">
        <h1>{t("Users and tokens")}</h1>
        <p>{t("Sign in to see and change users and tokens.")}</p>
        <button type="button" class="primary" onClick={() => signIn.set("wanted")}>{t("Sign in")}</button>
      </div>
    );
  }
  const isAdmin = who.role === "admin";
  return (
    <>
      <h1 class="view-title">{t("Users and tokens")}</h1>
      <div class="columns">
        {who.outsider ? <p class="notice quiet">{t("You signed in with {name}, which has your password and second factor.", { name: provider.value?.name ?? t("a provider") })}</p> : (
          <>
            <PasswordBox name={who.name} />
            <SecondFactor />
          </>
        )}
        {isAdmin && <Users me={who.name} />}
        {isAdmin && <Invitations />}
        {isAdmin ? <Tokens /> : <p class="notice quiet">{t("Only an administrator can change users and tokens.")}</p>}
      </div>
    </>
  );
}

function PasswordBox({ name }: { name: string }) {
  const [message, setMessage] = useState<{ text: string; isError: boolean } | null>(null);
  const submit = (event: SubmitEvent): void => {
    event.preventDefault();
    const form = event.currentTarget as HTMLFormElement;
    const data = new FormData(form);
    const [current, next, again] = ["current", "next", "again"].map((key) => String(data.get(key) ?? ""));
    if (next !== again) return setMessage({ text: t("The two new passwords differ."), isError: true });
    call("POST", "/api/v1/password", { current_password: current, password: next }).then(
      () => {
        form.reset();
        setMessage({ text: t("The password is changed."), isError: false });
      },
      (error: unknown) => setMessage({ text: said(error), isError: true }));
  };
  return (
    <section class="panel" aria-label={t("Your password")}>
      <header><h2>{t("Your password")}</h2></header>
      <form class="stack-form" onSubmit={submit}>
        <input type="hidden" name="username" autocomplete="username" value={name} />
        <label>{t("Current password")}<input name="current" type="password" autocomplete="current-password" required /></label>
        <label>{t("New password")}<input name="next" type="password" autocomplete="new-password" minLength={10} required /></label>
        <label>{t("New password again")}<input name="again" type="password" autocomplete="new-password" required /></label>
        <div class="row"><button type="submit">{t("Change")}</button>
          <span class={message?.isError === true ? "error-text" : "quiet"} role="status">{message?.text ?? t("At least ten characters.")}</span></div>
      </form>
    </section>
  );
}

// A code of the user's phone at each sign-in.
function SecondFactor() {
  const [enabled, setEnabled] = useState<boolean | null>(null);
  const [left, setLeft] = useState(0);
  const [begun, setBegun] = useState<{ secret: string; uri: string; qr?: { size: number; path: string } } | null>(null);
  const [codes, setCodes] = useState<readonly string[]>([]);
  const [error, setError] = useState("");
  const path = "/api/v1/me/second_factor";
  const load = (): void => {
    call("GET", path).then((body) => {
      const { enabled: on, recovery_codes: count } = body as { enabled: boolean; recovery_codes: number };
      setEnabled(on);
      setLeft(count);
    }, (failure: unknown) => setError(said(failure)));
  };
  useEffect(load, []);
  const submit = (method: string, key: string, then: (body: unknown) => void) => (event: SubmitEvent): void => {
    event.preventDefault();
    const form = event.currentTarget as HTMLFormElement;
    call(method, path, { [key]: String(new FormData(form).get(key) ?? "").trim() }).then((body) => {
      setError("");
      form.reset();
      then(body);
      load();
    }, (failure: unknown) => setError(said(failure)));
  };
  const password = <label>{t("Current password")}<input name="current_password" type="password" autocomplete="current-password" required /></label>;
  return (
    <section class="panel" aria-label={t("Second factor")}>
      <header><h2>{t("Second factor")}</h2></header>
      {codes.length > 0 && (
        <div class="notice made-token" role="status">
          <p>{t("Recovery codes, shown this once. Each replaces one code of the phone.")}</p>
          <code>{codes.join(" ")}</code>
          <div class="row"><button type="button" onClick={() => setCodes([])}>{t("I have them")}</button></div>
        </div>
      )}
      {begun !== null ? (
        <form class="stack-form" onSubmit={submit("PUT", "code", (body) => {
          setBegun(null);
          setCodes((body as { recovery_codes: string[] }).recovery_codes);
        })}>
          <p>{tx("Scan this with an authenticator program, or {link}:", { link: <a href={begun.uri}>{t("open it on this device")}</a> })}</p>
          {begun.qr !== undefined && (
            <svg class="qr-code" role="img" aria-label={t("QR code of the key")} viewBox={`-4 -4 ${begun.qr.size + 8} ${begun.qr.size + 8}`} shape-rendering="crispEdges">
              <path d={begun.qr.path} />
            </svg>
          )}
          <p>{t("Or type this key (time-based, 6 digits):")}</p>
          <code class="secret">{begun.secret.replace(/(.{4})(?=.)/g, "$1 ")}</code>
          <label>{t("Code that it shows")}<input name="code" inputMode="numeric" autocomplete="one-time-code" required /></label>
          <div class="row"><button type="submit" class="primary">{t("Turn on")}</button><button type="button" onClick={() => setBegun(null)}>{t("Cancel")}</button></div>
        </form>
      ) : enabled === true ? (
        <form class="stack-form" onSubmit={submit("DELETE", "current_password", () => undefined)}>
          <p>{count("On. {n} recovery code is left.|On. {n} recovery codes are left.", left)}</p>
          {password}
          <div class="row"><button type="submit">{t("Turn off")}</button></div>
        </form>
      ) : enabled === false && (
        <form class="stack-form" onSubmit={submit("POST", "current_password", (body) => setBegun(body as NonNullable<typeof begun>))}>
          <p class="quiet">{t("Off. With it, signing in needs a code of your phone as well.")}</p>
          {password}
          <div class="row"><button type="submit">{t("Set up…")}</button></div>
        </form>
      )}
      <p class="error-text" role="alert">{error}</p>
    </section>
  );
}

function Invitations() {
  const { items, error, change } = useList<Invitation>("/api/v1/invitations", decodeInvitations);
  const [made, setMade] = useState<{ user: string; link: string } | null>(null);
  const [copied, setCopied] = useState(false);
  const add = (event: SubmitEvent): void => {
    event.preventDefault();
    const form = event.currentTarget as HTMLFormElement;
    const data = new FormData(form);
    const user = String(data.get("name") ?? "").trim();
    void change(() => call("POST", "/api/v1/invitations", { user, role: String(data.get("role") ?? "viewer") })).then((answer) => {
      const path = (answer as { path?: unknown } | null | undefined)?.path;
      if (typeof path !== "string") return;
      form.reset();
      setCopied(false);
      setMade({ user, link: location.origin + path });
    });
  };
  return (
    <section class="panel" aria-label={t("Invitations")}>
      <header><h2>{t("Invitations")}</h2></header>
      {made !== null && (
        <div class="notice made-token" role="status">
          <p>{tx("The link for {name}, shown this once. It is good for three days and works once.", { name: <strong>{made.user}</strong> })}</p>
          <code>{made.link}</code>
          <div class="row"><button type="button" onClick={() => navigator.clipboard?.writeText(made.link).then(() => setCopied(true), () => undefined)}>{copied ? t("Copied") : t("Copy")}</button>
            <button type="button" onClick={() => setMade(null)}>{t("I have it")}</button></div>
        </div>
      )}
      {items !== null && items.length > 0 && (
        <TableBox label={t("List of invitations")} bare>
          <table class="plain">
            <thead><tr><th scope="col">{t("Name")}</th><th scope="col">{t("Role")}</th><th scope="col">{t("Good until")}</th><th scope="col"><span class="hidden">{t("Change")}</span></th></tr></thead>
            <tbody>
              {items.map((one) => (
                <tr key={one.id}>
                  <th scope="row">{one.user}</th>
                  <td>{one.role === "admin" ? t("administrator") : t("viewer (reads)")}</td>
                  <td>{one.expires === null ? "–" : formatTime(one.expires)}</td>
                  <td class="numeric"><Remove what={t("Withdraw {user}", { user: one.user })} onRemove={() => void change(() => call("DELETE", `/api/v1/invitations?id=${encodeURIComponent(one.id)}`))} /></td>
                </tr>
              ))}
            </tbody>
          </table>
        </TableBox>
      )}
      <p class="error-text" role="alert">{error}</p>
      <form class="stack-form" onSubmit={add}>
        <label>{t("Name")}<input name="name" autocomplete="off" autocapitalize="off" spellcheck={false} required /></label>
        <label>{t("Role")}<select name="role"><option value="viewer">{t("viewer: reads")}</option><option value="admin">{t("administrator: reads and changes everything")}</option></select></label>
        <div class="row"><button type="submit">{t("Make a link")}</button><span class="quiet">{t("The invited person sets the password.")}</span></div>
      </form>
    </section>
  );
}

// A list that is read, added to and taken from; errors stay beside it.
function useList<T>(path: string, decode: (body: unknown) => T[]) {
  const [items, setItems] = useState<T[] | null>(null);
  const [error, setError] = useState("");
  const reload = useCallback(async () => {
    try {
      setItems(decode(await call("GET", path)));
      setError("");
    } catch (failure) {
      setError(said(failure));
    }
  }, [path]);
  useEffect(() => void reload(), [reload]);
  const change = async (work: () => Promise<unknown>): Promise<unknown> => {
    try {
      const made = await work();
      await reload();
      return made;
    } catch (failure) {
      setError(said(failure));
      return undefined;
    }
  };
  return { items, error, change };
}

// Two clicks: the first asks.
function Remove({ what, onRemove }: { what: string; onRemove: () => void }) {
  const [asking, setAsking] = useState(false);
  useEffect(() => {
    if (!asking) return;
    const timer = setTimeout(() => setAsking(false), 5000);
    return () => clearTimeout(timer);
  }, [asking]);
  return asking
    ? <button type="button" class="danger" onClick={onRemove}>{t("Really {what}", { what })}</button>
    : <button type="button" aria-label={what} onClick={() => setAsking(true)}>{what.split(" ")[0]}</button>;
}

function Users({ me }: { me: string }) {
  const { items, error, change } = useList<User>("/api/v1/users", decodeUsers);
  const add = (event: SubmitEvent): void => {
    event.preventDefault();
    const form = event.currentTarget as HTMLFormElement;
    const data = new FormData(form);
    void change(() => call("POST", "/api/v1/users", {
      user: String(data.get("name") ?? "").trim(), password: String(data.get("password") ?? ""), role: String(data.get("role") ?? "viewer"),
    })).then((made) => {
      if (made !== undefined) form.reset();
    });
  };
  return (
    <section class="panel" aria-label={t("Users")}>
      <header><h2>{t("Users")}</h2></header>
      <TableBox label={t("List of users")} bare>
        <table class="plain">
          <thead><tr><th scope="col">{t("Name")}</th><th scope="col">{t("Role")}</th><th scope="col"><span class="hidden">{t("Change")}</span></th></tr></thead>
          <tbody>
            {(items ?? []).map((user) => (
              <tr key={user.name}>
                <th scope="row">{user.name}{user.secondFactor && <span class="quiet">{" "}{t("2nd factor")}</span>}{user.outsider && <span class="quiet">{" "}{t("by {name}", { name: provider.value?.name ?? "" })}</span>}</th>
                <td>{user.role === "admin" ? t("administrator") : t("viewer (reads)")}</td>
                <td class="numeric">{user.name !== me && user.secondFactor && (
                  <Remove what={t("Reset second factor of {name}", { name: user.name })} onRemove={() => void change(() => call("DELETE", `/api/v1/users/second_factor?user=${encodeURIComponent(user.name)}`))} />
                )}{user.name === me ? <span class="quiet">{t("you")}</span>
                  : <Remove what={user.outsider ? t("End sessions of {name}", { name: user.name }) : t("Remove {name}", { name: user.name })} onRemove={() => void change(() => call("DELETE", `/api/v1/users?user=${encodeURIComponent(user.name)}`))} />}</td>
              </tr>
            ))}
          </tbody>
        </table>
      </TableBox>
      <p class="error-text" role="alert">{error}</p>
      <form class="stack-form" onSubmit={add}>
        <label>{t("Name")}<input name="name" autocomplete="off" autocapitalize="off" spellcheck={false} required /></label>
        <label>{t("Password")}<input name="password" type="password" autocomplete="new-password" minLength={10} required /></label>
        <label>{t("Role")}<select name="role"><option value="viewer">{t("viewer: reads")}</option><option value="admin">{t("administrator: reads and changes everything")}</option></select></label>
        <div class="row"><button type="submit">{t("Add user")}</button></div>
      </form>
    </section>
  );
}

function Tokens() {
  const { items, error, change } = useList<Token>("/api/v1/tokens", decodeTokens);
  const [made, setMade] = useState<{ name: string; token: string } | null>(null);
  const [copied, setCopied] = useState(false);
  const shown = useRef<HTMLElement>(null);
  const add = (event: SubmitEvent): void => {
    event.preventDefault();
    const form = event.currentTarget as HTMLFormElement;
    const data = new FormData(form);
    const name = String(data.get("name") ?? "").trim();
    void change(() => call("POST", "/api/v1/tokens", { name, access: String(data.get("access") ?? "read") })).then((answer) => {
      const token = (answer as { token?: unknown } | null | undefined)?.token;
      if (typeof token !== "string") return;
      form.reset();
      setCopied(false);
      setMade({ name, token });
    });
  };
  const copy = (): void => {
    if (made === null) return;
    navigator.clipboard?.writeText(made.token).then(() => setCopied(true), () => undefined);
    if (shown.current !== null) getSelection()?.selectAllChildren(shown.current);
  };
  const when = (at: number | null): string => (at === null ? t("never") : formatAgo((serverNow() - at) / 1000));
  return (
    <section class="panel" aria-label={t("API tokens")}>
      <header><h2>{t("API tokens")}</h2></header>
      {made !== null && (
        <div class="notice made-token" role="status">
          <p>{tx("The token {name}, shown this once:", { name: <strong>{made.name}</strong> })}</p>
          <code ref={shown}>{made.token}</code>
          <div class="row"><button type="button" onClick={copy}>{copied ? t("Copied") : t("Copy")}</button>
            <button type="button" onClick={() => setMade(null)}>{t("I have it")}</button></div>
        </div>
      )}
      {items !== null && items.length === 0 ? <p class="quiet">{t("None yet. Programs that read (Grafana) or write (Telegraf) need one.")}</p> : (
        <TableBox label={t("List of tokens")} bare>
          <table class="plain">
            <thead><tr><th scope="col">{t("Name")}</th><th scope="col">{t("Access")}</th><th scope="col">{t("Created")}</th><th scope="col">{t("Last used")}</th><th scope="col"><span class="hidden">{t("Change")}</span></th></tr></thead>
            <tbody>
              {(items ?? []).map((token) => (
                <tr key={token.id}>
                  <th scope="row">{token.name}</th>
                  <td>{token.access}</td>
                  <td title={token.created === null ? "" : formatTime(token.created)}>{token.created === null ? "–" : when(token.created)}</td>
                  <td>{when(token.lastUsed)}</td>
                  <td class="numeric"><Remove what={t("Revoke {name}", { name: token.name })} onRemove={() => void change(() => call("DELETE", `/api/v1/tokens?id=${encodeURIComponent(token.id)}`))} /></td>
                </tr>
              ))}
            </tbody>
          </table>
        </TableBox>
      )}
      <p class="error-text" role="alert">{error}</p>
      <form class="stack-form" onSubmit={add}>
        <label>{t("Name")}<input name="name" autocomplete="off" placeholder="grafana" required /></label>
        <label>{t("Access")}<select name="access"><option value="read">{t("read only")}</option><option value="write">{t("read and write")}</option></select></label>
        <div class="row"><button type="submit">{t("Make token")}</button></div>
      </form>
    </section>
  );
}
