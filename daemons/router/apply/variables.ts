import { createHash } from "node:crypto";
import { textOf } from "#base/env/bytes.ts";
import { fail, succeed, type Result } from "#base/env/errors.ts";
import type { RouterConfig } from "../config/model.ts";
import type { Machine } from "./machine.ts";

const ROOT_ONLY = 0o600;

/** Secrets that a configuration takes from the cluster's variables, each as `PATH#ITEM`. */
export function variablesOf({ wans, dyndns }: RouterConfig): readonly string[] {
  const named = [
    ...wans.map(({ pppoe }) => pppoe?.passwordVariable ?? ""),
    ...dyndns.map((each) => each.passwordVariable),
  ];
  return [...new Set(named.filter((each) => each !== ""))];
}

/** The same, with the files that the variables were written to: whoever needs a secret reads a file. */
export function withVariableFiles(config: RouterConfig, stateDir: string): RouterConfig {
  const passwordFile = (given: { readonly passwordFile: string; readonly passwordVariable: string }): string =>
    given.passwordVariable === "" ? given.passwordFile : fileOf(given.passwordVariable, stateDir);
  return {
    ...config,
    wans: config.wans.map((wan) =>
      wan.pppoe === null ? wan : { ...wan, pppoe: { ...wan.pppoe, passwordFile: passwordFile(wan.pppoe) } },
    ),
    dyndns: config.dyndns.map((each) => ({ ...each, passwordFile: passwordFile(each) })),
  };
}

/**
 * Writes what variables hold to files of this machine, so that its lines come up without the cluster: those that are
 * missing, or `all` anew. True: one changed. What cannot be read stays as it was.
 */
export async function fetchVariables(
  { env, state, variables }: Machine,
  config: RouterConfig,
  { all }: { readonly all: boolean },
): Promise<Result<boolean>> {
  let isChanged = false;
  const read = new Map<string, Readonly<Record<string, string>>>();
  for (const reference of variablesOf(config)) {
    const file = fileOf(reference, state.dir);
    const known = await env.disk.read(file);
    if (known !== undefined && !all) continue;
    const [path = "", item = ""] = reference.split("#");
    if (variables === undefined)
      return fail(
        "router_variable",
        `the variable ${JSON.stringify(path)} was not read on this machine yet`,
        "the running router reads it: run packs/router here; or name a file (password_file)",
      );
    let items = read.get(path);
    if (items === undefined) {
      const found = await variables(path);
      if (!found.ok) return found;
      items = found.value;
      read.set(path, items);
    }
    const value = items[item];
    if (value === undefined)
      return fail(
        "router_variable",
        `the variable ${JSON.stringify(path)} has no item ${JSON.stringify(item)}`,
        `lares var put ${path} ${item}=…`,
      );
    if (known !== undefined && textOf(known) === value) continue;
    await state.prepare();
    await env.disk.replace(file, value, { mode: ROOT_ONLY });
    isChanged = true;
  }
  return succeed(isChanged);
}

function fileOf(reference: string, stateDir: string): string {
  return `${stateDir}/secrets/${createHash("sha256").update(reference).digest("hex").slice(0, 32)}`;
}
