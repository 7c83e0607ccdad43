import { elementAt, isTree, type ConfigTree } from "../config/config-tree.ts";
import type { Imported } from "./imported.ts";

const SECRETS = ["webserver.api.pwhash", "webserver.api.totp_secret", "webserver.api.app_pwhash"];
/** Settings that were called otherwise in the first versions of Pi-hole 6. */
const FORMER_NAMES: ReadonlyMap<string, string> = new Map([["dns.domain", "dns.domain.name"]]);

/** Pi-hole's configuration, leaf by leaf, so that one that cannot be taken costs no other. */
export function takeConfig(tree: ConfigTree, prefix: string, imported: Imported): void {
  for (const [key, value] of Object.entries(tree)) {
    const path = prefix === "" ? key : `${prefix}.${key}`;
    const name = isTree(value) ? path : (FORMER_NAMES.get(path) ?? path);
    const element = elementAt(name);
    if (element === undefined && isTree(value)) takeConfig(value, path, imported);
    else if (element === undefined) imported.leave(`${path}: there is no such setting`);
    else if (SECRETS.includes(path)) {
      if (value !== "") imported.leave(`${path}: secrets do not come along; set a password with lares dns password`);
    } else takeElement(element, { path, value }, imported);
  }
}

function takeElement(
  element: NonNullable<ReturnType<typeof elementAt>>,
  { path, value }: { readonly path: string; readonly value: unknown },
  imported: Imported,
): void {
  const isInitial = JSON.stringify(value) === JSON.stringify(element.initial);
  if (element.isKept) {
    if (!isInitial) imported.leave(`${path}: has no counterpart`);
    return;
  }
  const written = element.write(imported.settings, value);
  if (written.ok) imported.take(written.value, path);
  else imported.leave(written.error.message);
}
