import * as v from "valibot";
import { fail, messageOf, succeed, type Result } from "#base/env/errors.ts";
import type { HttpClient, TlsOptions } from "#base/env/http-client.ts";
import type { ApiAddress } from "../../../address.ts";
import type { Query } from "../../../api-caller.ts";
import { HttpApi, type ApiAnswer, type ApiRequest } from "../http-api.ts";

export interface VaultApiOptions {
  readonly http: HttpClient;
  readonly address: ApiAddress;
  readonly tls: TlsOptions | undefined;
  /** Empty: the root namespace. */
  readonly namespace: string;
  readonly userAgent: string;
  /** The token that is good now; empty: none is sent. */
  readonly token: () => string;
}

const TIMEOUT_MS = 60_000;
const ErrorsSchema = v.object({ errors: v.array(v.string()) });

/** Vault's HTTP API (https://developer.hashicorp.com/vault/api-docs): answers as text, refusals as messages. */
export class VaultApi {
  readonly #api: HttpApi;

  constructor({ http, address, tls, namespace, userAgent, token }: VaultApiOptions) {
    this.#api = new HttpApi({
      http,
      address,
      tls,
      name: "vault",
      headers: () => ({
        "x-vault-request": "true",
        ...(token() === "" ? {} : { "x-vault-token": token() }),
        ...(namespace === "" ? {} : { "x-vault-namespace": namespace }),
        ...(userAgent === "" ? {} : { "user-agent": userAgent }),
      }),
    });
  }

  /** `path` without `/v1/`. A path that holds nothing is a failure with the code `missing`. */
  get(path: string, query: Query, signal: AbortSignal): Promise<Result<string>> {
    return this.#send({ path: pathOf(path), query, signal, timeoutMs: TIMEOUT_MS });
  }

  put(path: string, body: unknown, signal: AbortSignal): Promise<Result<string>> {
    return this.#send({ method: "PUT", path: pathOf(path), body, signal, timeoutMs: TIMEOUT_MS });
  }

  async #send(request: ApiRequest): Promise<Result<string>> {
    const answer = await this.#api.send(request);
    if (!answer.ok) return answer;
    const { status, text } = answer.value;
    if (status >= 200 && status < 300) return succeed(text);
    return fail(status === 404 ? "missing" : "refused", messageFor(request, answer.value));
  }
}

/** A body by a schema, or what is wrong with it. */
export function readBody<T>(text: string, schema: v.GenericSchema<unknown, T>): Result<T> {
  try {
    const body: unknown = JSON.parse(text);
    // Schemas whose every field may be missing would take a list for an answer.
    if (typeof body !== "object" || body === null || Array.isArray(body))
      return fail("unexpected", "vault's answer is no JSON object");
    const parsed = v.safeParse(schema, body);
    if (parsed.success) return succeed(parsed.output);
    const [issue] = parsed.issues;
    return fail(
      "unexpected",
      `vault's answer has another shape: ${v.getDotPath(issue) ?? "the whole"}: ${issue.message}`,
    );
  } catch (thrown) {
    return fail("unexpected", `vault's answer is no JSON: ${messageOf(thrown)}`);
  }
}

function messageFor(request: ApiRequest, { status, text }: ApiAnswer): string {
  const path = request.path.replace(/^\/v1\//, "");
  const body = readBody(text, ErrorsSchema);
  const said = body.ok ? body.value.errors.join("; ") : text.trim().slice(0, 300);
  if (status === 404 && said === "") return `no secret exists at ${decodeURIComponent(path)}`;
  if (status === 503 && /sealed/i.test(said)) return "vault is sealed; it has to be unsealed before it answers";
  return `vault answered ${path} with ${status}${said === "" ? "" : `: ${said}`}`;
}

function pathOf(path: string): string {
  return `/v1/${path.split("/").map(encodeURIComponent).join("/")}`;
}
