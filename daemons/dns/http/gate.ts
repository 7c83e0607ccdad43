import { isSameSecret } from "#base/env/same-secret.ts";
import type { ExchangeRequest } from "#base/http/exchange.ts";
import type { SettingsStore } from "../settings/settings-store.ts";
import { ApiError } from "./api-error.ts";
import type { Session, Sessions } from "./sessions.ts";

export interface Known {
  readonly session: Session | undefined;
  /** May do everything: a session, or nobody set a password and the request is from this machine. */
  readonly isIn: boolean;
}

/** Lets in who has a session: by the header `X-FTL-SID` (or `sid`), `?sid=`, or a cookie together with `X-FTL-CSRF`. */
export class Gate {
  readonly #settings: SettingsStore;
  readonly #sessions: Sessions;

  constructor(settings: SettingsStore, sessions: Sessions) {
    this.#settings = settings;
    this.#sessions = sessions;
  }

  identify({ headers, remote }: ExchangeRequest, query: ReadonlyMap<string, readonly string[]>): Known {
    const { passwordHash, sessionSeconds } = this.#settings.current.api;
    const session = this.#sessionOf(headers, query);
    if (session !== undefined) this.#sessions.touch(session, sessionSeconds);
    return { session, isIn: session !== undefined || (passwordHash === "" && isLoopback(remote.host)) };
  }

  /** Throws a 401. */
  demand({ isIn }: Known): void {
    if (isIn) return;
    const hint =
      this.#settings.current.api.passwordHash === ""
        ? "no password is set, so only this machine itself is let in: lares dns password"
        : null;
    throw new ApiError(401, "unauthorized", { message: "Unauthorized", hint });
  }

  #sessionOf(headers: ExchangeRequest["headers"], query: ReadonlyMap<string, readonly string[]>): Session | undefined {
    const given = headers["x-ftl-sid"] ?? headers["sid"] ?? query.get("sid")?.[0];
    if (given !== undefined && given !== "") return this.#sessions.find(given);
    const [, cookie] = /(?:^|;\s*)sid=([^;]+)/.exec(headers["cookie"] ?? "") ?? [];
    if (cookie === undefined) return undefined;
    const session = this.#sessions.find(cookie.replaceAll("%3D", "=").replaceAll('"', ""));
    // A browser sends cookies for any page: the page has to show that it could read an answer of ours.
    const csrf = headers["x-ftl-csrf"] ?? "";
    return session !== undefined && isSameSecret(session.csrf, csrf) ? session : undefined;
  }
}

export function isLoopback(host: string): boolean {
  return host === "" || host === "::1" || /^(?:::ffff:)?127\./.test(host);
}
