import { textOf } from "#base/env/bytes.ts";
import { fail, type Result } from "#base/env/errors.ts";
import { aclBootstraps } from "#base/state/tables.ts";
import { nowNsOf } from "../server-context.ts";
import { putGlobal, rowOf, sameAs, type AclContext } from "./acl-context.ts";
import { isUuid } from "./secret.ts";
import type { OpenToken, TokenEndpoint } from "./token-endpoint.ts";

const ROW = "bootstrap";
const RESET_FILE = "acl-bootstrap-reset";

/**
 * The first management token: once, and once more after its index was written into the reset file. `secret` empty:
 * one is made. Fails with `bad_secret` or `done`. https://developer.hashicorp.com/nomad/api-docs/acl/tokens#bootstrap-token
 */
export async function bootstrap(
  context: AclContext,
  tokens: TokenEndpoint,
  secret: string,
): Promise<Result<OpenToken>> {
  if (secret !== "" && !isUuid(secret)) return fail("bad_secret", "invalid acl token: expected a UUID");
  if (secret !== "" && tokens.bySecret(secret) !== undefined)
    return fail("bad_secret", "a token has this secret already");
  const row = rowOf(context, aclBootstraps, ROW);
  if (row !== undefined && !(await isReset(context, row.modifyIndex))) {
    return fail("done", `ACL bootstrap already done (reset index: ${row.modifyIndex})`);
  }
  const { env } = context.server;
  const issued = await tokens.issue({
    Name: "Bootstrap Token",
    Type: "management",
    Policies: [],
    Roles: [],
    Identities: [],
    AuthMethod: "",
    Global: true,
    CreateTime: nowNsOf(context.server),
    ExpirationTime: 0,
    ExpirationTTL: 0,
    secret: secret === "" ? env.random.uuid() : secret,
    compare: [sameAs(aclBootstraps, ROW, row)],
    also: [putGlobal(aclBootstraps, ROW, { AccessorID: "" })],
  });
  if (!issued.ok) return fail("done", "ACL bootstrap already done: somebody else was faster");
  await env.disk.remove(resetPath(context)).catch(() => undefined);
  return issued;
}

async function isReset(context: AclContext, index: number): Promise<boolean> {
  const { disk, log } = context.server.env;
  if (context.settings.resetFolder === "") return false;
  const file = await disk.read(resetPath(context));
  if (file === undefined) return false;
  if (textOf(file).trim() === String(index)) return true;
  log.warn("the bootstrap is not reset: its file holds another index", { path: resetPath(context), wanted: index });
  return false;
}

function resetPath({ settings }: AclContext): string {
  return `${settings.resetFolder}/${RESET_FILE}`;
}
