import * as v from "valibot";
import { textOf } from "#base/env/bytes.ts";
import type { Env } from "#base/env/env.ts";
import { fail, succeed, type Result } from "#base/env/errors.ts";
import { HttpTransportError } from "#base/env/http-client.ts";
import type { Dyndns } from "../config/model.ts";

/** What names shall lead to; empty: nothing is told of that family. */
export interface PublicAddress {
  readonly ipv4: string;
  readonly ipv6: string;
}

const ANSWER_BYTES = 64 * 1024;
const TIMEOUT_MS = 20_000;
const AGENT = "Lares router";

/** Tells a provider where its names lead now. What it answers is shown, what it was told is not: the address may hold a token. */
export async function tellProvider(env: Env, dyndns: Dyndns, address: PublicAddress): Promise<Result<string>> {
  const password = await passwordOf(env, dyndns);
  if (!password.ok) return password;
  const ask = { env, dyndns, address, password: password.value };
  try {
    switch (dyndns.provider) {
      case "dyndns2":
        return await dyndns2(ask);
      case "duckdns":
        return await duckdns(ask);
      case "cloudflare":
        return await cloudflare(ask);
      case "url":
        return await freeUrl(ask);
    }
  } catch (thrown) {
    // The message would quote the address that was asked, and in it the token.
    const why = thrown instanceof HttpTransportError ? thrown.code : "its answer breaks off";
    return fail("dyndns_unreachable", `dyndns "${dyndns.name}": the provider cannot be reached (${why})`);
  }
}

interface Ask {
  readonly env: Env;
  readonly dyndns: Dyndns;
  readonly address: PublicAddress;
  readonly password: string;
}

/** The protocol of dyndns.org that most providers speak (https://help.dyn.com/remote-access-api/). */
async function dyndns2({ env, dyndns, address, password }: Ask): Promise<Result<string>> {
  const query = new URLSearchParams({
    hostname: dyndns.hostnames.join(","),
    myip: [address.ipv4, address.ipv6].filter((each) => each !== "").join(","),
  });
  const basic = Buffer.from(`${dyndns.user}:${password}`).toString("base64");
  const { status, text } = await request(env, `${base(dyndns.server)}/nic/update?${query.toString()}`, {
    headers: { authorization: `Basic ${basic}` },
  });
  const word = /^[a-z0-9!]+/i.exec(text)?.[0]?.toLowerCase() ?? "";
  if (status === 200 && (word === "good" || word === "nochg")) return succeed(word);
  return refused(dyndns, word === "" ? `status ${status}` : word, DYNDNS2_HINTS[word]);
}

const DYNDNS2_HINTS: Readonly<Record<string, string>> = {
  badauth: "check user and password_file",
  nohost: "check hostname: it is not in this account",
  notfqdn: "check hostname: write it in full",
  abuse: "the provider blocked the name for too many updates; see its web site",
  badagent: "the provider does not like this client",
};

/** https://www.duckdns.org/spec.jsp */
async function duckdns({ env, dyndns, address, password }: Ask): Promise<Result<string>> {
  const domains = dyndns.hostnames.map((each) => each.replace(/\.duckdns\.org$/, "")).join(",");
  const query = new URLSearchParams({ domains, token: password, ip: address.ipv4, ipv6: address.ipv6 });
  for (const name of ["ip", "ipv6"]) if (query.get(name) === "") query.delete(name);
  const { text } = await request(env, `${base(dyndns.server || "www.duckdns.org")}/update?${query.toString()}`);
  return text.startsWith("OK") ? succeed("OK") : refused(dyndns, text.slice(0, 40), "check hostname and the token");
}

const RecordsSchema = v.object({
  result: v.nullish(v.array(v.object({ id: v.string(), content: v.string() })), () => []),
});

/** https://developers.cloudflare.com/api/resources/dns/ */
async function cloudflare({ env, dyndns, address, password }: Ask): Promise<Result<string>> {
  const headers = { authorization: `Bearer ${password}`, "content-type": "application/json" };
  const records = `${base(dyndns.server || "api.cloudflare.com")}/client/v4/zones/${encodeURIComponent(dyndns.zoneId)}/dns_records`;
  const families = [
    ["A", address.ipv4],
    ["AAAA", address.ipv6],
  ] as const;
  for (const name of dyndns.hostnames)
    for (const [type, content] of families) {
      if (content === "") continue;
      const found = await request(env, `${records}?${new URLSearchParams({ type, name }).toString()}`, { headers });
      if (found.status !== 200) return refused(dyndns, `status ${found.status}`, "check zone_id and the token");
      const parsed = v.safeParse(RecordsSchema, parseJson(found.text));
      if (!parsed.success) return refused(dyndns, "an answer of another shape");
      const [record] = parsed.output.result;
      if (record?.content === content) continue;
      const body = JSON.stringify({ type, name, content, ttl: 60, proxied: false });
      const written =
        record === undefined
          ? await request(env, records, { method: "POST", headers, body })
          : await request(env, `${records}/${encodeURIComponent(record.id)}`, {
              method: "PATCH",
              headers,
              body: JSON.stringify({ content }),
            });
      if (written.status !== 200) return refused(dyndns, `status ${written.status}`, "may the token edit this zone?");
    }
  return succeed("good");
}

/** Anything a single GET does. */
async function freeUrl({ env, dyndns, address, password }: Ask): Promise<Result<string>> {
  const values: Readonly<Record<string, string>> = {
    ip: address.ipv4,
    ip6: address.ipv6,
    hostname: dyndns.hostnames.join(","),
    user: dyndns.user,
    password,
  };
  const url = dyndns.url.replaceAll(/\{(\w+)\}/g, (whole, name: string) =>
    name in values ? encodeURIComponent(values[name] ?? "") : whole,
  );
  const { status } = await request(env, url);
  return status >= 200 && status < 300 ? succeed(`status ${status}`) : refused(dyndns, `status ${status}`, "check url");
}

function refused({ name }: Dyndns, what: string, hint?: string): Result<string> {
  return fail("dyndns_refused", `dyndns "${name}": the provider answered ${JSON.stringify(what)}`, hint);
}

function base(server: string): string {
  return /^https?:\/\//.test(server) ? server.replace(/\/+$/, "") : `https://${server}`;
}

async function request(
  env: Env,
  url: string,
  options: {
    readonly method?: string;
    readonly headers?: Readonly<Record<string, string>>;
    readonly body?: string;
  } = {},
): Promise<{ readonly status: number; readonly text: string }> {
  const headers = { "user-agent": AGENT, ...options.headers };
  const response = await env.http.request({ ...options, url, headers, timeoutMs: TIMEOUT_MS });
  return { status: response.status, text: (await response.text(ANSWER_BYTES)).trim() };
}

async function passwordOf(env: Env, { name, password, passwordFile }: Dyndns): Promise<Result<string>> {
  if (passwordFile === "") return succeed(password);
  const read = await env.disk.read(passwordFile).catch(() => undefined);
  if (read === undefined)
    return fail(
      "dyndns_secret",
      `dyndns "${name}": cannot read ${JSON.stringify(passwordFile)}`,
      "make the file, readable by root only",
    );
  return succeed(textOf(read).trim());
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
