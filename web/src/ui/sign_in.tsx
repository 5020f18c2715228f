import { useEffect, useLayoutEffect, useRef, useState } from "preact/hooks";
import { t, tx } from "../core/texts.ts";
import { hasAccounts, logIn, provider, Refused, signIn, useToken, type SignIn } from "../net/session.ts";
import { unbroken } from "./breaking.tsx";
import { useObservable } from "./use_observable.ts";

export function SignInForm({ reason }: { reason: Exclude<SignIn, "not-needed"> }) {
  const people = useObservable(hasAccounts);
  const [byToken, setByToken] = useState(false);
  useLayoutEffect(() => {
    if (reason !== "wanted") return;
    const leave = (): void => signIn.set("not-needed");
    const key = (event: KeyboardEvent): void => {
      if (event.key === "Escape") leave();
    };
    addEventListener("hashchange", leave);
    addEventListener("keydown", key);
    return () => {
      removeEventListener("hashchange", leave);
      removeEventListener("keydown", key);
    };
  }, [reason]);
  const withToken = byToken || people === false || reason === "refused";
  return (
    <main class="sign-in" id="content" tabIndex={-1}>
      {withToken ? <TokenForm reason={reason} /> : <PasswordForm />}
      <ProviderButton />
      <p class="sign-in-other">
        {people === true && (
          <button type="button" class="link" onClick={() => {
            if (reason === "refused") signIn.set("needed");
            setByToken(!withToken);
          }}>
            {withToken ? t("Sign in with name and password") : t("Use an access token instead")}
          </button>
        )}
        {reason === "wanted" && <button type="button" class="link" onClick={() => signIn.set("not-needed")}>{t("Not now")}</button>}
      </p>
    </main>
  );
}

// Leaves the page for the provider's, which sends the person back to this place.
function ProviderButton() {
  const by = useObservable(provider);
  if (by === null) return null;
  return (
    <p class="sign-in-provider">
      <a class="button" href={`/oidc/start?to=${encodeURIComponent(location.hash)}`}>{t("Sign in with {name}", { name: by.name })}</a>
      {by.problem !== "" && <span class="error-text" role="alert">{by.problem}</span>}
    </p>
  );
}

function PasswordForm() {
  const name = useRef<HTMLInputElement>(null);
  const password = useRef<HTMLInputElement>(null);
  const code = useRef<HTMLInputElement>(null);
  const [error, setError] = useState("");
  const [busy, setBusy] = useState(false);
  const [codeNeeded, setCodeNeeded] = useState(false);
  useEffect(() => name.current?.focus(), []);
  useEffect(() => code.current?.focus(), [codeNeeded]);
  const submit = (event: SubmitEvent): void => {
    event.preventDefault();
    setBusy(true);
    setError("");
    logIn(name.current?.value.trim() ?? "", password.current?.value ?? "", code.current?.value.trim() ?? "")
      .catch((failure: unknown) => {
        if (failure instanceof Refused && failure.codeNeeded) {
          setCodeNeeded(true);
          if (code.current === null) return;  // asked for only now
          setError(t("Not signed in: {message}.", { message: failure.message }));
          return code.current.select();
        }
        setError(failure instanceof TypeError ? t("The server cannot be reached.") : failure instanceof Error ? t("Not signed in: {message}.", { message: failure.message }) : t("Not signed in."));
        password.current?.select();
      })
      .finally(() => setBusy(false));
  };
  return (
    <form onSubmit={submit}>
      <h1>{t("Sign in")}</h1>
      <label for="user">{t("Name")}</label>
      <input id="user" ref={name} autocomplete="username" autocapitalize="off" spellcheck={false} required />
      <label for="password">{t("Password")}</label>
      <input id="password" ref={password} type="password" autocomplete="current-password" required aria-describedby="sign-in-error" />
      {codeNeeded && (
        <>
          <label for="code">{t("Code of your phone, or a recovery code")}</label>
          <input id="code" ref={code} autocomplete="one-time-code" autocapitalize="off" spellcheck={false} required aria-describedby="sign-in-error" />
        </>
      )}
      <p id="sign-in-error" class="error-text" role="alert">{error}</p>
      <button type="submit" class="primary" disabled={busy}>{t("Sign in")}</button>
      <p class="quiet">
        {tx("The first start of the server printed the administrator's password once. On its machine {command} sets another.", { command: <code>{unbroken("resmon-server --config server.toml passwd admin")}</code> })}
      </p>
    </form>
  );
}

function TokenForm({ reason }: { reason: SignIn }) {
  const field = useRef<HTMLInputElement>(null);
  useEffect(() => field.current?.focus(), [reason]);
  const submit = (event: SubmitEvent): void => {
    event.preventDefault();
    const token = field.current?.value.trim() ?? "";
    if (token !== "") useToken(token);
  };
  return (
    <form onSubmit={submit}>
      <h1>{t("Sign in")}</h1>
      <p>
        {tx("This server asks for an access token. {command} on the server's machine names the file that holds one ({key}).", { command: <code>{unbroken("./resmon status --json")}</code>, key: <code>token_file</code> })}
      </p>
      <label for="token">{t("Access token")}</label>
      <input id="token" ref={field} type="password" autocomplete="off" required aria-describedby="token-error" />
      <p id="token-error" class="error-text" role="alert">
        {reason === "refused" ? t("The server did not accept this token. Check it and try again.") : ""}
      </p>
      <button type="submit" class="primary">{t("Sign in")}</button>
      <p class="quiet">{t("The token is kept for this tab only and is forgotten when you close it.")}</p>
    </form>
  );
}
