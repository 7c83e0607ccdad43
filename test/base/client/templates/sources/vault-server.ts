import { generateKeyPairSync } from "node:crypto";
import { makeCertificate } from "#base/language/x509/certificate.ts";
import { keyPem, unpem } from "#base/language/x509/keys.ts";
import type { HttpClient, HttpRequestOptions } from "#base/env/http-client.ts";
import { exchangeHttp } from "#cli/agent/exchange-http.ts";

/** A small server that answers as Vault's API documents it: leases that end, a sealed and a standby state, both key-value engines. */
export class VaultServer {
  readonly asked: string[] = [];
  nowMs: () => number = () => 0;
  certificateS = 1000;
  sealed = false;
  /** Answers everything with this status (https://developer.hashicorp.com/vault/api-docs/system/health); 0: as ever. */
  status = 0;
  standby = false;
  /** What may be granted to one lease in all, seconds. */
  maxTtlS = 300;
  leaseS = 100;
  readonly kv = new Map<string, Record<string, unknown>>();
  readonly #leases = new Map<string, { granted: number }>();
  #issued = 0;

  readonly http: HttpClient = exchangeHttp((request) => {
    const [path = "", query = ""] = request.url.slice("/v1/".length).split("?");
    this.asked.push(`${request.method} ${path}${query === "" ? "" : `?${query}`}`);
    if (this.sealed) return Promise.resolve(answer(503, { errors: ["Vault is sealed"] }));
    if (this.status !== 0) return Promise.resolve(answer(this.status, { errors: [] }));
    if (this.standby && request.headers["x-hop"] === undefined && !path.startsWith("active/")) {
      this.standby = false;
      return Promise.resolve({ status: 307, headers: { location: `http://active.example/v1/${path}` }, body: "" });
    }
    if (request.headers["x-vault-token"] !== "good" && path !== "sys/wrapping/unwrap")
      return Promise.resolve(answer(403, { errors: ["permission denied"] }));
    return this.#route({ path, query, method: request.method }, request.headers, request.body);
  });

  /** Every lease is gone, as after `vault lease revoke -prefix`. */
  revokeAll(): void {
    this.#leases.clear();
  }

  async #route(
    { path, query, method }: { readonly path: string; readonly query: string; readonly method: string },
    headers: HttpRequestOptions["headers"],
    body: AsyncIterable<Uint8Array>,
  ) {
    const parts: Buffer[] = [];
    for await (const part of body) parts.push(Buffer.from(part));
    const text = Buffer.concat(parts).toString();
    if (path === "sys/wrapping/unwrap")
      return headers?.["x-vault-token"] === "wrapped"
        ? answer(200, { auth: { client_token: "good", lease_duration: 60, renewable: true } })
        : answer(400, { errors: ["wrapping token is not valid or does not exist"] });
    if (path.startsWith("sys/internal/ui/mounts/"))
      return path.includes("/secret")
        ? answer(200, { data: { path: "secret/", type: "kv", options: { version: "2" } } })
        : answer(403, { errors: [] });
    if (path === "sys/leases/renew") return this.#renew(text);
    if (path.startsWith("database/creds/")) return this.#lend(true);
    if (path.startsWith("aws/creds/")) return this.#lend(false);
    if (path === "pki/issue/web") return this.#issue(text);
    if (method === "PUT") {
      const parsed: unknown = JSON.parse(text);
      if (typeof parsed !== "object" || parsed === null) return answer(400, { errors: ["no object"] });
      this.kv.set(path, { ...parsed });
      return { status: 204, headers: {}, body: "" };
    }
    if (query.includes("list=true")) {
      const keys = [...this.kv.keys()]
        .filter((key) => key.startsWith(`${path}/`))
        .map((key) => key.slice(path.length + 1));
      return keys.length === 0 ? answer(404, { errors: [] }) : answer(200, { data: { keys } });
    }
    const found = this.kv.get(path);
    return found === undefined
      ? answer(404, { errors: [] })
      : answer(200, { request_id: String(this.asked.length), data: found });
  }

  #lend(renewable: boolean) {
    const id = `database/creds/app/${++this.#issued}`;
    this.#leases.set(id, { granted: this.leaseS });
    const data = { username: `user-${this.#issued}`, password: "p" };
    return answer(200, { lease_id: id, lease_duration: this.leaseS, renewable, data });
  }

  /** A certificate that its authority really signed. */
  #issue(text: string) {
    const ec = () => generateKeyPairSync("ec", { namedCurve: "P-256" }).privateKey;
    const fromMs = this.nowMs();
    const common = { fromMs, serial: Uint8Array.of(++this.#issued), addresses: [] };
    const [rootKey, key] = [ec(), ec()];
    const far = { ...common, toMs: fromMs + 1e9, names: [], isAuthority: true, issuer: undefined };
    const root = makeCertificate({ ...far, commonName: "root", key: rootKey }) ?? "";
    const commonName = /"common_name":"([^"]*)"/.exec(text)?.[1] ?? "";
    const issuer = { certificate: unpem(root) ?? new Uint8Array(), key: rootKey };
    const toMs = fromMs + this.certificateS * 1000;
    const certificate = makeCertificate({
      ...common,
      toMs,
      commonName,
      names: [commonName],
      isAuthority: false,
      key,
      issuer,
    });
    const data = { certificate, issuing_ca: root, ca_chain: [root], private_key: keyPem(key) };
    return answer(200, { lease_id: "", lease_duration: 0, renewable: false, data });
  }

  #renew(text: string) {
    const id = /"lease_id":"([^"]*)"/.exec(text)?.[1] ?? "";
    const lease = this.#leases.get(id);
    if (lease === undefined) return answer(400, { errors: ["lease not found"] });
    const more = Math.max(0, Math.min(this.leaseS, this.maxTtlS - lease.granted));
    lease.granted += more;
    return answer(200, { lease_id: id, lease_duration: more, renewable: true });
  }
}

function answer(status: number, body: unknown) {
  return { status, headers: { "content-type": "application/json" }, body: JSON.stringify(body) };
}
