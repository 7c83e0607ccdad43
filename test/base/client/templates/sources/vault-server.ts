import type { HttpClient, HttpRequestOptions } from "#base/env/http-client.ts";
import { exchangeHttp } from "#cli/agent/exchange-http.ts";

/** A small server that answers as Vault's API documents it: leases that end, a sealed and a standby state, both key-value engines. */
export class VaultServer {
  readonly asked: string[] = [];
  sealed = false;
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
    if (this.standby && request.headers["x-hop"] === undefined && !path.startsWith("active/")) {
      this.standby = false;
      return Promise.resolve({ status: 307, headers: { location: `http://active.example/v1/${path}` }, body: "" });
    }
    if (request.headers["x-vault-token"] !== "good" && path !== "sys/wrapping/unwrap")
      return Promise.resolve(answer(403, { errors: ["permission denied"] }));
    return this.#route(path, request.headers, request.body);
  });

  async #route(path: string, headers: HttpRequestOptions["headers"], body: AsyncIterable<Uint8Array>) {
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
    if (path.startsWith("database/creds/")) return this.#lend();
    const found = this.kv.get(path);
    return found === undefined
      ? answer(404, { errors: [] })
      : answer(200, { request_id: String(this.asked.length), data: found });
  }

  #lend() {
    const id = `database/creds/app/${++this.#issued}`;
    this.#leases.set(id, { granted: this.leaseS });
    const data = { username: `user-${this.#issued}`, password: "p" };
    return answer(200, { lease_id: id, lease_duration: this.leaseS, renewable: true, data });
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
