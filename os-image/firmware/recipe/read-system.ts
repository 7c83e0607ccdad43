import { posix } from "node:path";
import { fail, succeed, type Result } from "#base/env/errors.ts";
import { placedAt, readLayer, readOne, type ReadText } from "../../oci/read-recipe.ts";
import type { Build, Role, System } from "./recipe.ts";
import { roleFile, RoleSchema, systemFile, SystemSchema } from "./recipe-tables.ts";

/** Reads `NAME.os.hcl`. The message of a failure holds every mistake with its line. */
export function readSystem(path: string, read: ReadText): Result<System> {
  return readOne(path, { read, table: systemFile, field: "systems", kind: "system", schema: SystemSchema });
}

export interface Choice {
  readonly target: string;
  readonly flavour: string;
}

/** The parts of one target in one flavour, from `roles/NAME.role.hcl` beside the system's file. */
export function readBuild(path: string, read: ReadText, choice: Choice): Result<Build> {
  const found = readSystem(path, read);
  if (!found.ok) return found;
  const system = found.value;
  const target = system.targets.find((each) => each.name === choice.target);
  const flavour = system.flavours.find((each) => each.name === choice.flavour);
  if (target === undefined) return unknown("target", choice.target, system.targets);
  if (flavour === undefined) return unknown("flavour", choice.flavour, system.flavours);
  const folder = posix.join(posix.dirname(path), "roles");
  const roles: Role[] = [];
  for (const name of [...system.roles, ...target.roles, ...flavour.roles]) {
    const role = readRole(posix.join(folder, `${name}.role.hcl`), { read, architecture: target.architecture });
    if (!role.ok) return role;
    roles.push(role.value);
  }
  const tools = readLayer(posix.join(folder, `${system.tools}.layer.hcl`), read);
  if (!tools.ok) return tools;
  const { boot = system.disk.boot, kernel = system.disk.kernel, slot = system.disk.slot } = target.disk;
  return succeed({
    system,
    target,
    flavour: flavour.name,
    disk: { boot, kernel, slot },
    roles,
    tools: tools.value,
    folder: posix.dirname(path),
  });
}

interface RoleOptions {
  readonly read: ReadText;
  /** Of the target; roles may ask for it by that name. */
  readonly architecture: string;
}

function readRole(path: string, { read, architecture }: RoleOptions): Result<Role> {
  const variables = new Map([["architecture", architecture]]);
  const found = readOne(path, { read, table: roleFile, field: "roles", kind: "role", schema: RoleSchema, variables });
  if (!found.ok) return found;
  const expected = posix.basename(path, ".role.hcl");
  if (found.value.name !== expected)
    return fail("os_role_name", `${path}: the role is called "${found.value.name}"`, `call it "${expected}"`);
  return succeed({ ...placedAt(posix.dirname(path), found.value), default: found.value.default });
}

function unknown(kind: string, name: string, known: readonly { readonly name: string }[]): Result<never> {
  return fail(
    `os_no_${kind}`,
    `there is no ${kind} "${name}"`,
    `there are: ${known.map((each) => each.name).join(", ")}`,
  );
}
