import * as v from "valibot";
import { textOf } from "#base/env/bytes.ts";
import type { Env } from "#base/env/env.ts";
import { fail, messageOf, succeed, type Result } from "#base/env/errors.ts";
import { readConfig } from "../../config-shape.ts";
import { parseJson } from "../engine.ts";
import { DOCKER_HUB, placeOf } from "./image-name.ts";

/** What the engine is told of who asks. https://docs.docker.com/reference/api/engine/version/v1.41/#section/Authentication */
export type Login = Readonly<Record<string, string>>;

/** The node's own sources, of `plugin "docker" { config { auth { … } } }`. */
export interface LoginSources {
  /** A file as `docker login` writes it; empty: none. */
  readonly file: string;
  /** Suffix of a program `docker-credential-…`; empty: none. */
  readonly helper: string;
}

type Block = Readonly<Record<string, unknown>>;

/** Of the task, else of the node's file, else of its helper. Undefined: nobody says who asks. */
export async function loginFor(
  env: Env,
  sources: LoginSources,
  asked: { readonly block: Block | undefined; readonly name: string },
): Promise<Result<Login | undefined>> {
  if (asked.block !== undefined) return succeed(ofTask(asked.block));
  const { registry } = placeOf(asked.name);
  if (sources.file !== "") {
    const found = await ofFile(env, sources.file, registry);
    if (!found.ok || found.value !== undefined) return found;
  }
  return sources.helper === "" ? succeed(undefined) : ofHelper(env, sources.helper, registry);
}

export function authHeader(login: Login | undefined): Record<string, string> {
  if (login === undefined) return {};
  const text = Buffer.from(JSON.stringify(login)).toString("base64");
  // URL-safe, but with its padding: an engine takes what it cannot decode for no login at all.
  return { "x-registry-auth": text.replaceAll("+", "-").replaceAll("/", "_") };
}

function ofTask(block: Block): Login {
  const auth = readConfig(block);
  return {
    username: auth.text("username"),
    password: auth.text("password"),
    email: auth.text("email"),
    serveraddress: auth.text("server_address"),
  };
}

const EntrySchema = v.object({
  auth: v.optional(v.string(), ""),
  username: v.optional(v.string(), ""),
  password: v.optional(v.string(), ""),
  identitytoken: v.optional(v.string(), ""),
  registrytoken: v.optional(v.string(), ""),
});
/** https://docs.docker.com/reference/cli/docker/login/ */
const FileSchema = v.object({
  auths: v.optional(v.record(v.string(), EntrySchema), () => ({})),
  credHelpers: v.optional(v.record(v.string(), v.string()), () => ({})),
  credsStore: v.optional(v.string(), ""),
});

async function ofFile(env: Env, path: string, registry: string): Promise<Result<Login | undefined>> {
  const bytes = await env.disk.read(path).catch((thrown: unknown) => messageOf(thrown));
  if (typeof bytes === "string") return fail("AUTH", `cannot read ${path}: ${bytes}`);
  if (bytes === undefined) return fail("AUTH", `${path} does not exist`, 'auth { config } of plugin "docker" names it');
  const read = v.safeParse(FileSchema, parseJson(textOf(bytes)));
  if (!read.success) return fail("AUTH", `${path} is no file of Docker's logins: ${read.issues[0].message}`);
  const { auths, credHelpers, credsStore } = read.output;
  const own = Object.entries(credHelpers).find(([key]) => hostOf(key) === registry)?.[1];
  if (own !== undefined) return ofHelper(env, own, registry);
  const entry = Object.entries(auths).find(([key]) => hostOf(key) === registry)?.[1];
  const login = entry === undefined ? undefined : ofEntry(entry, registry);
  if (login !== undefined) return succeed(login);
  return credsStore === "" ? succeed(undefined) : ofHelper(env, credsStore, registry);
}

function ofEntry(entry: v.InferOutput<typeof EntrySchema>, registry: string): Login | undefined {
  const decoded = Buffer.from(entry.auth, "base64").toString();
  const colon = decoded.indexOf(":");
  const [username, password] =
    colon > 0 ? [decoded.slice(0, colon), decoded.slice(colon + 1)] : [entry.username, entry.password];
  if (username === "" && entry.identitytoken === "" && entry.registrytoken === "") return undefined;
  return {
    username,
    password,
    serveraddress: addressOf(registry),
    ...(entry.identitytoken === "" ? {} : { identitytoken: entry.identitytoken }),
    ...(entry.registrytoken === "" ? {} : { registrytoken: entry.registrytoken }),
  };
}

const SaidSchema = v.object({ Username: v.string(), Secret: v.string() });
const HELPER_TIMEOUT_MS = 20_000;
/** A helper's word for a secret that is a token, not a password. */
const TOKEN = "<token>";

/** https://github.com/docker/docker-credential-helpers#development */
async function ofHelper(env: Env, helper: string, registry: string): Promise<Result<Login | undefined>> {
  const program = `docker-credential-${helper}`;
  const said = await env.exec
    .run([program, "get"], { input: addressOf(registry), timeoutMs: HELPER_TIMEOUT_MS, leaveNothing: true })
    .catch((thrown: unknown) => messageOf(thrown));
  if (typeof said === "string") return fail("AUTH", `cannot ask ${program} for a login: ${said}`);
  const words = `${said.stdout}${said.stderr}`.trim();
  if (said.code !== 0) {
    // What helpers say when they know nobody there; its image may be public.
    if (/credentials not found/i.test(words)) return succeed(undefined);
    const why = said.timedOut
      ? `no answer for ${HELPER_TIMEOUT_MS / 1000} s`
      : words.slice(0, 200) || `exit ${said.code}`;
    return fail("AUTH", `${program} gives no login for ${registry}: ${why}`);
  }
  const login = v.safeParse(SaidSchema, parseJson(said.stdout));
  if (!login.success) return fail("AUTH", `${program} answered no login for ${registry}`);
  const { Username: username, Secret: secret } = login.output;
  const serveraddress = addressOf(registry);
  if (username === "" && secret === "") return succeed(undefined);
  return succeed(
    username === TOKEN ? { identitytoken: secret, serveraddress } : { username, password: secret, serveraddress },
  );
}

/** Files of logins and helpers know Docker Hub by this address only. */
const HUB_ADDRESS = "https://index.docker.io/v1/";

function addressOf(registry: string): string {
  return registry === DOCKER_HUB ? HUB_ADDRESS : registry;
}

/** A key of such a file: a host, or an older kind of address. */
function hostOf(key: string): string {
  const host = key.replace(/^https?:\/\//, "").replace(/\/.*$/, "");
  return host === "index.docker.io" ? DOCKER_HUB : host;
}
