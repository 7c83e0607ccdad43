import { basename, join, resolve } from "node:path/posix";
import type { ApiAddress } from "#base/client/address.ts";
import { textOf } from "#base/env/bytes.ts";
import type { Env } from "#base/env/env.ts";
import { forgetIdleCode, releaseMemoryWhenIdle } from "#base/platform/idle-memory.ts";
import { makeEcKey } from "#base/platform/ec-key.ts";
import type { ConsulClient } from "#base/client/consul-client.ts";
import { fail, messageOf, succeed, type Result } from "#base/env/errors.ts";
import type { Address } from "#base/env/net.ts";
import { STATUS_PREFIX, type IngressStatus } from "#ingress/control/status.ts";
import { challengeStore, type ChallengeStore } from "#ingress/acme/challenge-store.ts";
import type { ChallengeKind } from "#ingress/acme/order.ts";
import { CertificateKeeper } from "#ingress/certificates/certificate-keeper.ts";
import { openOwnAuthority } from "#ingress/certificates/own-authority.ts";
import { CHALLENGES, MAX_CONNECTIONS, PROOFS, STAPLES, startIngress, STORE } from "#ingress/controller.ts";
import type { IngressOptions } from "#ingress/ingress-options.ts";
import { Owners } from "#ingress/control/owners.ts";
import { quicOf } from "#ingress/haproxy/build-features.ts";
import { readAddresses } from "#ingress/vip/address.ts";
import { instanceOf } from "./ingress-instance.ts";
import type { Role } from "./role.ts";
import { taskApi } from "./task-api.ts";
import { portOf } from "./task-port.ts";
import { TaskSettings } from "./task-settings.ts";

type Task = Readonly<Record<string, string>>;

/** It has little, and a small part of it is worth to be given back. */
const WORTH_BYTES = 1024 * 1024;

/** Under which the ingress's task registers where it serves HTTP. */
const SERVICE = "lares-ingress";

/** HAProxy from the catalog, as the task it runs in describes it: its ports, its folder, the cluster's API on a socket. */
export async function ingressRole(env: Env, task: Task): Promise<Result<Role>> {
  const http = portOf(task, "http");
  const dir = task["NOMAD_TASK_DIR"];
  if (http === undefined || dir === undefined)
    return fail(
      "ingress_environment",
      "the ingress found no port labelled http among its task's ports",
      'give its group network { port "http" { static = 8080 } }',
    );
  const haproxyProgram = await env.exec.find("haproxy");
  if (haproxyProgram === undefined)
    return fail("ingress_no_haproxy", "haproxy is not in PATH", "apt-get install haproxy");
  const settings = settingsOf(task);
  if (!settings.ok) return settings;
  const { challenges, http3, ...known } = settings.value;
  const virtual = readVirtual(task["LARES_INGRESS_ADDRESSES"] ?? "");
  if (!virtual.ok) return virtual;
  const template = await readTemplate(env, task);
  if (!template.ok) return template;
  const { get, consul, address, token } = taskApi(env, task);
  const own =
    template.value === undefined ? succeed({}) : await ownTemplate(template.value, { env, task, address, token });
  if (!own.ok) return own;
  const instance = instanceOf(task, env.net.hostname());
  const { node, name } = instance;
  const key = STATUS_PREFIX + instance.key;
  forgetIdleCode();
  const stopReleasing = releaseMemoryWhenIdle(WORTH_BYTES);
  const owners = new Owners({ env, consul, node, name });
  const ingress = startIngress({
    env,
    get,
    haproxyProgram,
    dir,
    host: http.host,
    virtual: virtual.value,
    port: http.port,
    http3: http3 ? await quicOf(env, haproxyProgram) : undefined,
    provesByTls: challenges.includes("tls-alpn-01"),
    ...known,
    ...own.value,
    node,
    name,
    keeper: keeperOf({ env, consul, task, node, own: http, challenges }),
    tell: (problems) => owners.tell(problems),
    putStaple: (name, text) => write(consul, STAPLES + name, text),
    publish: (status: IngressStatus) => write(consul, key, JSON.stringify(status)),
  });
  return succeed({
    stop: async () => {
      stopReleasing();
      await ingress.stop();
      await owners.stop();
      await consul.kv.delete(key);
    },
  });
}

async function write(consul: ConsulClient, key: string, text: string): Promise<void> {
  const written = await consul.kv.put(key, text);
  if (!written.ok) throw new Error(written.error.message);
}

/** What the task's own variables and ports say. */
function settingsOf(task: Task) {
  const read = new TaskSettings(task);
  return read.checked({
    httpsPort: portOf(task, "https")?.port,
    adminPort: portOf(task, "admin")?.port,
    acceptProxy: read.switch("LARES_INGRESS_ACCEPT_PROXY", false),
    snippets: read.switch("LARES_INGRESS_SNIPPETS", false),
    http3: read.switch("LARES_INGRESS_HTTP3", true),
    maxConnections: read.number("LARES_INGRESS_MAX_CONNECTIONS", { otherwise: MAX_CONNECTIONS, most: 1_000_000 }),
    /** How names are proven, the best first. */
    challenges: read.words("LARES_INGRESS_ACME_CHALLENGE", { words: CHALLENGE_KINDS, otherwise: "http-01" }),
  });
}

interface KeeperDeps {
  readonly env: Env;
  readonly consul: ConsulClient;
  readonly task: Task;
  readonly node: string;
  /** Where this ingress serves HTTP. */
  readonly own: Address;
  readonly challenges: readonly ChallengeKind[];
}

function originOf({ host, port }: Address): string {
  return `http://${host.includes(":") ? `[${host}]` : host}:${port}`;
}

/** Where the cluster's own authority for internal names is kept. */
const AUTHORITY = `${STORE}/authority`;
/** Under which DNS servers of the cluster register. */
const DNS_SERVICE = "lares-dns";

/** Gets certificates for routes that ask for one: from the authority that `LARES_INGRESS_ACME` names, or the cluster's own. */
function keeperOf(deps: KeeperDeps): (onProblems: () => void) => CertificateKeeper {
  const { env, consul, task, node } = deps;
  const ca = task["LARES_INGRESS_ACME_CA"] ?? "";
  const acme = async () => {
    // Few routes ask for it.
    const { openAcmeIssuer } = await import("#ingress/acme/acme-issuer.ts");
    return openAcmeIssuer({
      env,
      consul,
      storeKey: `${STORE}/acme/account`,
      directory: task["LARES_INGRESS_ACME"] ?? "",
      email: task["LARES_INGRESS_ACME_EMAIL"] ?? "",
      ...(ca === "" ? {} : { tls: { ca } }),
      kinds: deps.challenges,
      challenges: challengesOf(deps),
      makeKey: makeEcKey,
    });
  };
  const internal = () => openOwnAuthority({ env, consul, storeKey: AUTHORITY, makeKey: makeEcKey });
  return (onProblems) =>
    new CertificateKeeper({ env, consul, node, store: STORE, issuers: { acme, internal }, onProblems });
}

function challengesOf({ env, consul, own }: KeeperDeps): ChallengeStore {
  const instances = async (service: string): Promise<readonly Address[]> => {
    const found = await consul.health.service(service, { passing: true });
    return (found.ok ? found.value.value : []).map(({ Node, Service }) => ({
      host: Service.Address === "" ? Node.Address : Service.Address,
      port: Service.Port,
    }));
  };
  return challengeStore({
    env,
    consul,
    prefix: CHALLENGES,
    proofs: PROOFS,
    // This one may not be in the catalog yet.
    ingresses: async () => [...new Set([own, ...(await instances(SERVICE))].map(originOf))],
    resolvers: () => instances(DNS_SERVICE),
    makeKey: makeEcKey,
  });
}

const CHALLENGE_KINDS = ["http-01", "tls-alpn-01", "dns-01"] as const satisfies readonly ChallengeKind[];

/** Addresses of the role vip beside it; HAProxy listens on them before this node holds them. */
function readVirtual(text: string): Result<readonly string[]> {
  if (text === "") return succeed([]);
  const read = readAddresses(text);
  return read.ok ? succeed(read.value.map(({ address }) => address)) : read;
}

interface TemplateFile {
  readonly path: string;
  readonly text: string;
}

/** The file that `LARES_INGRESS_TEMPLATE` names, from the task's folder on. */
async function readTemplate(env: Env, task: Task): Promise<Result<TemplateFile | undefined>> {
  const name = task["LARES_INGRESS_TEMPLATE"] ?? "";
  if (name === "") return succeed(undefined);
  const path = name.startsWith("/") ? name : join(task["NOMAD_TASK_DIR"] ?? "", "..", name);
  try {
    const bytes = await env.disk.read(path);
    if (bytes !== undefined) return succeed({ path, text: textOf(bytes) });
    return fail(
      "ingress_no_template",
      `the template ${path} is not there`,
      "name a file of the task, as in local/haproxy.hbs",
    );
  } catch (error) {
    return fail("ingress_no_template", `the template ${path}: ${messageOf(error)}`);
  }
}

interface TemplateDeps {
  readonly env: Env;
  readonly task: Task;
  readonly address: ApiAddress;
  readonly token: string;
}

/** `.hbs` and `.handlebars` are Handlebars, all else is consul-template's language. */
async function ownTemplate(
  { path, text }: TemplateFile,
  { env, task, address, token }: TemplateDeps,
): Promise<Result<Pick<IngressOptions, "template" | "followed">>> {
  if (/\.(?:hbs|handlebars)$/.test(path)) return openHandlebars(path, text);
  const [{ openGoTemplate }, { createTemplateHost }] = await Promise.all([
    import("#ingress/control/go-template.ts"),
    import("#base/platform/template-host.ts"),
  ]);
  const folder = join(task["NOMAD_TASK_DIR"] ?? "", "..");
  const host = createTemplateHost({
    random: env.random,
    nowMs: () => env.clock.nowMs(),
    environment: task,
    sandbox: folder,
    folder,
    allowPlugins: false,
    print: () => undefined,
  });
  const name = basename(path);
  const opened = openGoTemplate({ env, address, token, name, text, host, resolve: (file) => resolve(folder, file) });
  return opened.ok ? succeed({ followed: opened.value }) : opened;
}

/** The engine is loaded only where it is needed. */
async function openHandlebars(path: string, text: string): Promise<Result<Pick<IngressOptions, "template">>> {
  const { handlebarsTemplate } = await import("#ingress/control/handlebars-template.ts");
  try {
    return succeed({ template: handlebarsTemplate(text) });
  } catch (error) {
    return fail("ingress_template", `the template ${path} cannot be read: ${messageOf(error)}`);
  }
}
