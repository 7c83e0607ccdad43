import * as v from "valibot";
import { CodedError, messageOf } from "#base/env/errors.ts";
import { createEnv, type SystemEnv } from "#base/platform/create-env.ts";
import type { Invocation, RunCommand } from "../command/command.ts";

/** Where the API of a lone server is, when nobody says otherwise. */
export const DEFAULT_ADDRESS = "http://127.0.0.1:8053";
const TIMEOUT_MS = 60_000;

export interface DnsSession extends Invocation {
  readonly env: SystemEnv;
  readonly api: DnsApiClient;
}

const ErrorSchema = v.object({ error: v.object({ message: v.string(), hint: v.nullish(v.unknown()) }) });
const LoginSchema = v.object({ session: v.object({ valid: v.boolean(), sid: v.nullable(v.string()) }) });

/** Asks the API; what it refuses is thrown with its own words. */
export class DnsApiClient {
  readonly #env: SystemEnv;
  readonly #address: string;
  #sid = "";

  constructor(env: SystemEnv, address: string) {
    this.#env = env;
    this.#address = address;
  }

  async logIn(password: string): Promise<void> {
    const { session } = await this.call("/api/auth", { method: "POST", body: { password }, schema: LoginSchema });
    this.#sid = session.sid ?? "";
  }

  async logOut(): Promise<void> {
    if (this.#sid !== "") await this.send("/api/auth", { method: "DELETE" });
  }

  async call<T>(
    path: string,
    {
      schema,
      ...how
    }: { readonly method?: string; readonly body?: unknown; readonly schema: v.GenericSchema<unknown, T> },
  ): Promise<T> {
    const text = await (await this.send(path, how)).text();
    const parsed = v.safeParse(schema, text === "" ? {} : JSON.parse(text));
    if (parsed.success) return parsed.output;
    throw new CodedError(
      "dns_answer",
      `${this.#address} answered something else than expected: ${parsed.issues[0].message}`,
    );
  }

  /** The answer, when it is no error. */
  async send(path: string, { method = "GET", body }: { readonly method?: string; readonly body?: unknown } = {}) {
    const isBytes = body instanceof Uint8Array;
    const response = await this.#env.http
      .request({
        url: `${this.#address}${path}`,
        method,
        timeoutMs: TIMEOUT_MS,
        headers: {
          ...(this.#sid === "" ? {} : { "x-ftl-sid": this.#sid }),
          ...(body === undefined ? {} : { "content-type": isBytes ? "application/octet-stream" : "application/json" }),
        },
        ...(body === undefined ? {} : { body: isBytes ? body : JSON.stringify(body) }),
      })
      .catch((thrown: unknown) => {
        throw new CodedError(
          "dns_unreachable",
          `no DNS server answers at ${this.#address}: ${messageOf(thrown)}`,
          "start one with an api address, or name it with -address or LARES_DNS_ADDR",
        );
      });
    if (response.status < 400) return response;
    const text = await response.text();
    const said = v.safeParse(v.pipe(v.string(), v.parseJson(), ErrorSchema), text);
    const isClosed = response.status === 401;
    throw new CodedError(
      isClosed ? "dns_closed" : "dns_refused",
      said.success ? said.output.error.message : `the DNS server answered ${response.status}`,
      isClosed
        ? "set LARES_DNS_PASSWORD to its password, or to one for programs"
        : said.success && typeof said.output.error.hint === "string"
          ? said.output.error.hint
          : undefined,
    );
  }
}

/** Flags win over the environment. The password comes from the environment alone: command lines are seen by everybody. */
export function withDns(run: (session: DnsSession) => Promise<number>): RunCommand {
  return async (invocation) => {
    const { flags, environment } = invocation;
    const env = createEnv();
    const given = flags.value("address") ?? environment["LARES_DNS_ADDR"] ?? DEFAULT_ADDRESS;
    const address = (given.includes("://") ? given : `http://${given}`).replace(/\/+$/, "");
    const api = new DnsApiClient(env, address);
    const password = environment["LARES_DNS_PASSWORD"] ?? "";
    try {
      if (password !== "") await api.logIn(password);
      try {
        return await run({ ...invocation, env, api });
      } finally {
        await api.logOut();
      }
    } finally {
      env.close();
    }
  };
}
