import { addHeader, type Draft } from "./draft.ts";
import type { Condition, Cors, HeaderChange, Sticky, Timeouts, Upstream } from "./route.ts";
import * as words from "./words.ts";
import type { Word } from "./words.ts";

/** Reads one option's value into the draft. */
type Reader = (text: string, draft: Draft) => Word<unknown>;

const MAX_REPEATS = 32;

function put<T>(read: (text: string) => Word<T>, into: (draft: Draft, value: T) => void): Reader {
  return (text, draft) => {
    const word = read(text);
    if (word.ok) into(draft, word.value);
    return word;
  };
}

const ms = words.readMs;
const list =
  <T>(one: (text: string) => Word<T>) =>
  (text: string): Word<readonly T[]> =>
    words.readList(text, one);
const within =
  (least: number, most: number) =>
  (text: string): Word<number> =>
    words.readNumber(text, least, most);

const PLAIN: Upstream = { tls: false, http2: false, verify: true, ca: "", sendProxy: "" };
const upstream = (draft: Draft, change: Partial<Upstream>): void => {
  draft.options.upstream = { ...PLAIN, ...draft.options.upstream, ...change };
};
const timeouts = (draft: Draft, change: Timeouts): void => {
  draft.options.timeouts = { ...draft.options.timeouts, ...change };
};
const NO_CORS: Cors = { origins: [], methods: [], headers: [], exposed: [], credentials: false, maxAgeS: 0 };
const cors = (draft: Draft, change: Partial<Cors>): void => {
  draft.options.cors = { ...NO_CORS, ...draft.options.cors, ...change };
};
const STICKY: Sticky = { cookie: "lares_server", secure: false, httpOnly: true, sameSite: "" };
const sticky = (draft: Draft, change: Partial<Sticky>): void => {
  draft.options.sticky = { ...STICKY, ...draft.options.sticky, ...change };
};

const SCHEMES: Readonly<Record<string, Partial<Upstream>>> = {
  http: {},
  ws: {},
  https: { tls: true },
  wss: { tls: true },
  h2c: { http2: true },
  h2: { tls: true, http2: true },
  grpc: { http2: true },
  grpcs: { tls: true, http2: true },
};
const BALANCES = ["roundrobin", "static-rr", "leastconn", "first", "source", "uri", "random"];
const REDIRECT_CODES = ["301", "302", "303", "307", "308"];

function oneOf<const T extends string>(values: readonly T[]): (text: string) => Word<T> {
  return (text) => {
    const found = values.find((value) => value === text);
    return found === undefined ? words.bad(`one of ${values.join(", ")}`) : words.good(found);
  };
}

/** `Name: value`, or `Name` alone for the name. */
function readHeader(how: HeaderChange["how"]): (text: string) => Word<HeaderChange> {
  return (text) => {
    const colon = text.indexOf(":");
    const name = words.readToken((colon < 0 ? text : text.slice(0, colon)).trim());
    const value = words.readText(colon < 0 ? "" : text.slice(colon + 1).trim());
    if (!name.ok || (how !== "delete" && value.ok && value.value === "")) return words.bad("Name: value");
    return value.ok ? words.good({ name: name.value, how, value: value.value }) : value;
  };
}

function condition(kind: "header" | "query", regex: boolean): Reader {
  return put(
    (text: string): Word<Condition> => {
      const at = text.search(/[:=]/);
      const name = words.readToken((at < 0 ? text : text.slice(0, at)).trim());
      const value = at < 0 ? words.good("") : (regex ? words.readRegex : words.readText)(text.slice(at + 1).trim());
      if (!name.ok) return words.bad("Name=value");
      if (!value.ok) return value;
      return words.good({ kind, not: false, name: name.value, values: at < 0 ? [] : [value.value], regex });
    },
    (draft, value) => void (draft.conditions.length < MAX_REPEATS && draft.conditions.push(value)),
  );
}

const header = (how: HeaderChange["how"], side: "requestHeaders" | "responseHeaders"): Reader =>
  put(readHeader(how), (draft, value) => {
    if ((draft.options[side]?.length ?? 0) < MAX_REPEATS) draft.options[side] = addHeader(draft.options[side], value);
  });

function readRate(text: string): Word<{ readonly requests: number; readonly periodMs: number }> {
  const [count = "", period = "1s"] = text.split("/");
  const requests = words.readNumber(count, 1, 1_000_000);
  const periodMs = words.readMs(/^[a-z]/.test(period) ? `1${period}` : period);
  return requests.ok && periodMs.ok
    ? words.good({ requests: requests.value, periodMs: periodMs.value })
    : words.bad("requests in a time, as in 100/1m");
}

/** A user with a hash that crypt(3) knows: bcrypt, SHA-256, SHA-512, MD5, yescrypt. */
function readUser(text: string): Word<string> {
  return /^[A-Za-z0-9_.@-]{1,64}:\$(?:2[aby]|5|6|1|y)\$[A-Za-z0-9./$=,]{8,200}$/.test(text)
    ? words.good(text)
    : words.bad("name:hash with a hash of bcrypt or SHA-512 (mkpasswd; Apache's own $apr1$ is not known to HAProxy)");
}

function readRedirect(text: string): Word<{ readonly code: number; readonly to: string }> {
  const [code = "", to] = text.split(/,(.*)/s);
  const [status, target] = to === undefined ? (/^\d+$/.test(code) ? [code, undefined] : ["302", code]) : [code, to];
  if (!REDIRECT_CODES.includes(status)) return words.bad(`a code (${REDIRECT_CODES.join(", ")})`);
  const fits =
    target !== undefined &&
    /^(?:https?:\/\/[A-Za-z0-9_.:[\]-]+)?(?:\/[A-Za-z0-9/._~%:@+,=;!$&*?#-]*)?$/.test(target.replace("$path", "/"));
  if (target === undefined || target === "" || !fits || target.length > 1024)
    return words.bad("CODE,URL, where the URL starts with http://, https:// or / ($path: what was asked for)");
  return words.good({ code: Number(status), to: target });
}

/** All options of a route by their names, in every notation. */
export const OPTION_READERS: Readonly<Record<string, Reader>> = {
  host: put(words.readHost, Object.assign),
  "host-regex": put(words.readRegex, (draft, host) => Object.assign(draft, { hostKind: "regex", host })),
  path: put(words.readPath, (draft, path) => Object.assign(draft, { pathKind: "prefix", path })),
  "path-exact": put(words.readPath, (draft, path) => Object.assign(draft, { pathKind: "exact", path })),
  "path-regex": put(words.readRegex, (draft, path) => Object.assign(draft, { pathKind: "regex", path })),
  method: put(
    list(oneOf(["GET", "HEAD", "POST", "PUT", "DELETE", "PATCH", "OPTIONS", "CONNECT", "TRACE"])),
    (draft, values) => draft.conditions.push({ kind: "method", not: false, name: "", values, regex: false }),
  ),
  header: condition("header", false),
  "header-regex": condition("header", true),
  query: condition("query", false),
  client: put(list(words.readNetwork), (draft, values) =>
    draft.conditions.push({ kind: "client", not: false, name: "", values, regex: false }),
  ),
  tcp: put(within(1, 65_535), (draft, port) => (draft.tcpPort = port)),
  sni: put(words.readHost, (draft, { hostKind, host }) => (draft.sni = hostKind === "below" ? `*.${host}` : host)),
  priority: (text, draft) => {
    const found = words.readNumber(text.replace(/^-/, ""), 0, 1_000_000);
    if (found.ok) draft.priority = text.startsWith("-") ? -found.value : found.value;
    return found;
  },
  strip: put(words.readPath, (draft, value) => (draft.options.strip = value.replace(/(?<=.)\/$/, ""))),
  prepend: put(words.readPath, (draft, value) => (draft.options.prepend = value)),
  "replace-path": put(words.readPath, (draft, value) => (draft.options.replacePath = value)),
  "set-host": put(words.readHost, (draft, { host }) => (draft.options.setHost = host)),
  redirect: put(readRedirect, (draft, value) => (draft.options.redirect = value)),
  "to-https": put(
    (text) => (text === "true" ? words.good("301") : oneOf(REDIRECT_CODES)(text)),
    (draft, value) => (draft.options.toHttps = Number(value)),
  ),
  certificate: put(oneOf(["acme", "internal"]), (draft, value) => (draft.options.certificate = value)),
  "set-header": header("set", "requestHeaders"),
  "add-header": header("add", "requestHeaders"),
  "delete-header": header("delete", "requestHeaders"),
  "set-response-header": header("set", "responseHeaders"),
  "add-response-header": header("add", "responseHeaders"),
  "delete-response-header": header("delete", "responseHeaders"),
  sticky: put(
    (text) =>
      text === "false" ? words.good("") : words.readName(text === "true" || text === "" ? STICKY.cookie : text),
    (draft, cookie) => void (cookie !== "" && sticky(draft, { cookie })),
  ),
  "sticky-secure": put(words.readSwitch, (draft, secure) => sticky(draft, { secure })),
  "sticky-http-only": put(words.readSwitch, (draft, httpOnly) => sticky(draft, { httpOnly })),
  "sticky-same-site": put(oneOf(["Strict", "Lax", "None"]), (draft, sameSite) => sticky(draft, { sameSite })),
  user: put(
    list(readUser),
    (draft, users) => (draft.options.users = [...(draft.options.users ?? []), ...users].slice(0, MAX_REPEATS)),
  ),
  auth: put(words.readName, (draft, name) => (draft.options.usersFrom = name)),
  allow: put(
    list(words.readNetwork),
    (draft, values) => (draft.options.allow = [...(draft.options.allow ?? []), ...values]),
  ),
  deny: put(
    list(words.readNetwork),
    (draft, values) => (draft.options.deny = [...(draft.options.deny ?? []), ...values]),
  ),
  rate: put(readRate, (draft, value) => (draft.options.rate = value)),
  "cors-origin": put(list(words.readText), (draft, origins) => cors(draft, { origins })),
  "cors-methods": put(list(words.readToken), (draft, methods) => cors(draft, { methods })),
  "cors-headers": put(list(words.readToken), (draft, headers) => cors(draft, { headers })),
  "cors-expose": put(list(words.readToken), (draft, exposed) => cors(draft, { exposed })),
  "cors-credentials": put(words.readSwitch, (draft, credentials) => cors(draft, { credentials })),
  "cors-max-age": put(within(0, 86_400), (draft, maxAgeS) => cors(draft, { maxAgeS })),
  "client-ca": put(words.readName, (draft, name) => (draft.options.clientCa = name)),
  proto: (text, draft) => {
    if (text === "tcp") return words.good(text);
    const scheme = Object.hasOwn(SCHEMES, text) ? SCHEMES[text] : undefined;
    if (scheme === undefined) return words.bad(`one of ${Object.keys(SCHEMES).join(", ")}, tcp`);
    if (Object.keys(scheme).length > 0) upstream(draft, scheme);
    return words.good(text);
  },
  verify: put(words.readSwitch, (draft, verify) => upstream(draft, { verify })),
  ca: put(words.readName, (draft, ca) => upstream(draft, { ca })),
  "send-proxy": put(
    (text) => oneOf(["v1", "v2"])(text === "true" ? "v2" : text),
    (draft, sendProxy) => upstream(draft, { sendProxy }),
  ),
  "timeout-connect": put(ms, (draft, connectMs) => timeouts(draft, { connectMs })),
  timeout: put(ms, (draft, serverMs) => timeouts(draft, { serverMs })),
  "timeout-tunnel": put(ms, (draft, tunnelMs) => timeouts(draft, { tunnelMs })),
  "timeout-queue": put(ms, (draft, queueMs) => timeouts(draft, { queueMs })),
  balance: put(oneOf(BALANCES), (draft, value) => (draft.options.balance = value)),
  check: put(
    words.readPath,
    (draft, path) => (draft.options.check = { intervalMs: draft.options.check?.intervalMs ?? 2000, path }),
  ),
  "check-interval": put(
    ms,
    (draft, intervalMs) => (draft.options.check = { path: draft.options.check?.path ?? "/", intervalMs }),
  ),
  "slow-start": put(ms, (draft, value) => (draft.options.slowStartMs = value)),
  "max-connections": put(within(1, 100_000), (draft, value) => (draft.options.maxConnections = value)),
  "max-body": put(within(1, 1e12), (draft, value) => (draft.options.maxBodyBytes = value)),
  compress: put(words.readSwitch, (draft, value) => (draft.options.compress = value)),
  maintenance: put(words.readSwitch, (draft, value) => (draft.options.maintenance = value)),
  snippet: put(
    words.readText,
    (draft, line) => (draft.options.snippets = [...(draft.options.snippets ?? []), line].slice(0, MAX_REPEATS)),
  ),
  weight: put(within(0, 256), (draft, value) => (draft.share.weight = value)),
  share: put(words.readPart, (draft, value) => (draft.share.part = value)),
  canary: put(words.readPart, (draft, value) => (draft.share.part = value)),
  port: put(within(1, 65_535), (draft, value) => (draft.share.port = value)),
};
