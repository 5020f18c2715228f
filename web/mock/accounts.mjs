// The mock's users, sessions and tokens: the server's contract in as few lines as it takes. Nothing here is safe, nor meant to be.

import { randomBytes } from "node:crypto";

export function makeAccounts(people) {
  const users = new Map(Object.entries(people));  // name: { password, role }
  const sessions = new Map();
  const tokens = new Map();
  const settings = new Map();
  let attempts = 0;
  const userOf = (request) => {
    const cookie = /(?:^|; )resmon_session=(\w+)/.exec(request.headers.cookie ?? "")?.[1];
    const name = sessions.get(cookie);
    return name === undefined ? null : { name, role: users.get(name)?.role ?? "viewer", cookie };
  };
  // [status, body, headers], or null: not a path of accounts.
  const answer = (request, url, body) => {
    const who = userOf(request);
    const route = `${request.method} ${url.pathname}`;
    if (route === "GET /api/v1/session") {
      return [200, who === null ? { signed_in: false } : { signed_in: true, user: who.name, role: who.role }];
    }
    if (route === "POST /api/v1/login") {
      if (++attempts > 8) return [429, { error: "too many attempts" }, { "Retry-After": "30" }];
      if (users.get(body.user)?.password !== body.password) return [401, { error: "wrong name or password" }];
      const id = randomBytes(12).toString("hex");
      sessions.set(id, body.user);
      return [200, { user: body.user, role: users.get(body.user).role }, { "Set-Cookie": `resmon_session=${id}; HttpOnly; SameSite=Strict; Path=/` }];
    }
    if (route === "POST /api/v1/logout") {
      sessions.delete(who?.cookie);
      return [200, {}, { "Set-Cookie": "resmon_session=; Max-Age=0; Path=/" }];
    }
    if (url.pathname === "/api/v1/me/settings") {
      if (who === null) return [401, { error: "sign in" }];
      if (request.method === "GET") return [200, settings.get(who.name) ?? {}];
      settings.set(who.name, body);
      return [204, {}];
    }
    if (url.pathname === "/api/v1/me/second_factor") return who === null ? [401, { error: "sign in" }] : [200, { enabled: false, recovery_codes: 0 }];
    if (route === "GET /api/v1/invitations") return who?.role === "admin" ? [200, { invitations: [] }] : [403, { error: "an administrator's to do" }];
    if (!/^\/api\/v1\/(users|tokens|password|client_tokens)$/.test(url.pathname)) return null;
    if (who === null) return [401, { error: "sign in" }];
    if (route === "POST /api/v1/password") {
      if (users.get(who.name).password !== body.current_password) return [403, { error: "that is not the present password" }];
      users.get(who.name).password = body.password;
      return [200, {}];
    }
    if (who.role !== "admin") return [403, { error: "an administrator's to do" }];
    switch (route) {
      case "GET /api/v1/users":
        return [200, { users: [...users].map(([user, { role }]) => ({ user, role })) }];
      case "POST /api/v1/users":
        if (users.has(body.user)) return [409, { error: `there is a user ${body.user} already` }];
        users.set(body.user, { password: body.password, role: body.role });
        return [200, { user: body.user }];
      case "DELETE /api/v1/users":
        users.delete(url.searchParams.get("user"));
        return [200, {}];
      case "GET /api/v1/tokens":
        return [200, { tokens: [...tokens].map(([id, token]) => ({ id, name: token.name, access: token.access, created: token.created, last_used: null })) }];
      case "POST /api/v1/tokens": {
        const id = randomBytes(4).toString("hex");
        tokens.set(id, { ...body, created: Date.now() });
        return [200, { id, token: `resmon_${randomBytes(16).toString("hex")}` }];
      }
      case "POST /api/v1/client_tokens":
        return [201, { host: body.host, token: `rsm_${randomBytes(24).toString("hex")}`, address: "127.0.0.1:7411", tls: false }];
      case "DELETE /api/v1/tokens":
        tokens.delete(url.searchParams.get("id"));
        return [200, {}];
    }
    return [405, { error: "method not allowed" }];
  };
  return { userOf, answer };
}
