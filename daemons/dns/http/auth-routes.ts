import * as v from "valibot";
import { jsonBody } from "#base/http/body.ts";
import type { Reply, Route, RouteRequest } from "#base/http/route.ts";
import { route } from "#base/http/route.ts";
import { ApiError, badRequest, notFound } from "./api-error.ts";
import type { ApiDeps } from "./api-deps.ts";
import { isLoopback } from "./gate.ts";
import { hashPassword, isPassword, MAX_PASSWORD } from "./password.ts";
import type { Session } from "./sessions.ts";
import { base32, totpCode, totpStep } from "./totp.ts";

const LoginSchema = v.object({
  password: v.pipe(v.string("a password is expected"), v.maxLength(MAX_PASSWORD)),
  totp: v.nullish(v.union([v.number(), v.pipe(v.string(), v.regex(/^\d{1,6}$/), v.transform(Number))])),
});

/** https://docs.pi-hole.net/api/auth/ */
export function authRoutes(deps: ApiDeps): Route[] {
  return [
    route({
      method: "POST",
      path: "/api/auth",
      summary: "Log in",
      access: { kind: "public" },
      body: jsonBody(LoginSchema),
      handle: (request) => logIn(deps, request.body, request),
    }),
    route({
      method: "GET",
      path: "/api/auth",
      summary: "Whether one is logged in",
      access: { kind: "public" },
      handle: (request) => describe(deps, request),
    }),
    route({
      method: "DELETE",
      path: "/api/auth",
      summary: "Log out",
      access: { kind: "any-token" },
      handle: ({ token }) => {
        const session = deps.sessions.find(token);
        if (session === undefined) throw notFound("there is no session to end");
        deps.sessions.close(session.number);
        return { kind: "empty", status: 204, headers: { "Set-Cookie": "sid=; Path=/; Max-Age=0" } };
      },
    }),
    ...sessionRoutes(deps),
    ...secretRoutes(deps),
  ];
}

function sessionRoutes({ sessions }: ApiDeps): Route[] {
  return [
    route({
      method: "GET",
      path: "/api/auth/sessions",
      summary: "Who is logged in",
      access: { kind: "any-token" },
      handle: ({ token }) => {
        const mine = sessions.find(token)?.number;
        return { kind: "json", value: { sessions: sessions.all().map((session) => sessionView(session, mine)) } };
      },
    }),
    route({
      method: "DELETE",
      path: "/api/auth/session/:id",
      summary: "End somebody's session",
      access: { kind: "any-token" },
      handle: ({ params: { id } }) => {
        if (!/^\d{1,9}$/.test(id)) throw badRequest(`${JSON.stringify(id)} is no number of a session`);
        if (!sessions.close(Number(id))) throw notFound(`there is no session ${id}`);
        return { kind: "empty", status: 204 };
      },
    }),
  ];
}

function secretRoutes({ env, deriveKey }: ApiDeps): Route[] {
  return [
    route({
      method: "GET",
      path: "/api/auth/app",
      summary: "A new password for programs, in use once its hash is written to webserver.api.app_pwhash",
      access: { kind: "any-token" },
      handle: async () => {
        const password = Buffer.from(env.random.bytes(32)).toString("base64");
        return {
          kind: "json",
          value: { app: { password, hash: await hashPassword(password, { random: env.random, deriveKey }) } },
        };
      },
    }),
    route({
      method: "GET",
      path: "/api/auth/totp",
      summary: "A new second factor, in use once it is written to webserver.api.totp_secret",
      access: { kind: "any-token" },
      handle: () => {
        const secret = base32(env.random.bytes(20));
        const nowMs = env.clock.nowMs();
        const codes = [-30_000, 0, 30_000].map((offset) => Number(totpCode(secret, nowMs + offset)));
        const fixed = {
          type: "totp",
          account: "lares",
          issuer: "Lares",
          algorithm: "SHA1",
          digits: 6,
          period: 30,
          offset: 0,
        };
        return { kind: "json", value: { totp: { ...fixed, secret, codes } } };
      },
    }),
  ];
}

async function logIn(
  deps: ApiDeps,
  { password, totp }: v.InferOutput<typeof LoginSchema>,
  { headers, remote }: RouteRequest,
): Promise<Reply> {
  const { api } = deps.settings.current;
  if (api.passwordHash === "") {
    if (!isLoopback(remote.host))
      throw new ApiError(401, "unauthorized", { message: "Unauthorized", hint: NO_PASSWORD });
    return { kind: "json", value: { session: { ...NOBODY, valid: true, message: "no password set" } } };
  }
  if (!deps.sessions.mayTry())
    throw new ApiError(429, "rate_limiting", { message: "Rate-limiting login attempts", hint: "wait a moment" });
  const isMain = await isPassword(password, api.passwordHash, deps.deriveKey);
  const isApp = !isMain && (await isPassword(password, api.appPasswordHash, deps.deriveKey));
  const needsTotp = api.totpSecret !== "";
  if (!isMain && !isApp) {
    const session = { ...NOBODY, totp: needsTotp, message: "password incorrect" };
    return { kind: "json", status: 401, value: { session } };
  }
  if (isMain && needsTotp) {
    if (typeof totp !== "number")
      throw badRequest("No 2FA token found in JSON payload", "send the code as totp, or use an application password");
    const step = totpStep(api.totpSecret, totp, deps.env.clock.nowMs());
    if (step === undefined || !deps.sessions.takeStep(step))
      throw new ApiError(401, "unauthorized", { message: "Invalid 2FA token" });
  }
  const visitor = {
    isApp,
    remote: remote.host,
    userAgent: (headers["user-agent"] ?? "").slice(0, 200),
    forwardedFor: headers["x-forwarded-for"]?.slice(0, 200) ?? null,
  };
  const session = deps.sessions.open(visitor, { maxSessions: api.maxSessions, seconds: api.sessionSeconds });
  if (session === undefined)
    throw new ApiError(429, "api_seats_exceeded", {
      message: "API seats exceeded",
      hint: "end sessions that are not needed, or raise webserver.api.max_sessions",
    });
  const value = { session: liveView(deps, session, isApp ? "app-password correct" : "password correct") };
  const cookie = `sid=${session.sid}; SameSite=Strict; Path=/; HttpOnly; Max-Age=${api.sessionSeconds}`;
  return { kind: "json", value, headers: { "Set-Cookie": cookie } };
}

function describe(deps: ApiDeps, { token, remote }: RouteRequest): Reply {
  const session = deps.sessions.find(token);
  if (session !== undefined) return { kind: "json", value: { session: liveView(deps, session, null) } };
  const { passwordHash, totpSecret } = deps.settings.current.api;
  if (passwordHash === "" && isLoopback(remote.host))
    return { kind: "json", value: { session: { ...NOBODY, valid: true, message: "no password set" } } };
  return { kind: "json", status: 401, value: { session: { ...NOBODY, totp: totpSecret !== "", message: null } } };
}

const NO_PASSWORD = "no password is set, so only this machine itself is let in: lares dns password";
const NOBODY = { valid: false, totp: false, sid: null, csrf: null, validity: -1, message: "" };

function liveView({ settings, env }: ApiDeps, { sid, csrf, untilMs }: Session, message: string | null) {
  const validity = Math.round((untilMs - env.clock.nowMs()) / 1000);
  return { valid: true, totp: settings.current.api.totpSecret !== "", sid, csrf, validity, message };
}

/** Without what would let anybody else use it. */
function sessionView(session: Session, mine: number | undefined) {
  const { number, isApp, loginMs, lastMs, untilMs, remote, userAgent, forwardedFor } = session;
  return {
    id: number,
    current_session: number === mine,
    valid: true,
    tls: { login: false, mixed: false },
    app: isApp,
    cli: false,
    login_at: Math.floor(loginMs / 1000),
    last_active: Math.floor(lastMs / 1000),
    valid_until: Math.floor(untilMs / 1000),
    remote_addr: remote,
    user_agent: userAgent,
    x_forwarded_for: forwardedFor,
  };
}
