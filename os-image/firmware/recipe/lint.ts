import { existsSync } from "node:fs";
import { lintLayer, type Finding } from "../../oci/lint.ts";
import { OUTPUTS } from "../build/output-options.ts";
import { FILE_MARK } from "../build/post-process.ts";
import type { Build, PostProcessor, Role } from "./recipe.ts";

const LABEL_MIB = 4096;

/** What is wrong with a firmware's recipe, or will be regretted. Errors make a build pointless. */
export function lintBuild(build: Build): readonly Finding[] {
  return [
    ...build.roles.flatMap(lintRole),
    ...lintLayer(build.tools),
    ...lintTogether(build),
    ...lintDisk(build),
    ...build.system.postProcessors.flatMap(lintPostProcessor),
  ];
}

function lintRole(role: Role): readonly Finding[] {
  const where = `role ${role.name}`;
  const found: Finding[] = lintLayer(role).map((each) => ({ ...each, where }));
  const error = (code: string, message: string, hint: string): void =>
    void found.push({ severity: "error", where, code, message, hint });
  for (const file of role.files)
    if (file.source !== undefined && !existsSync(file.source))
      error("os_no_source", `file "${file.path}" comes from ${file.source}, which is not there`, "correct its source");
  for (const unit of [...role.enable, ...role.mask])
    if (!/^[\w@:.\\-]+\.(service|socket|target|mount|automount|timer|path|slice|device|swap)$/.test(unit))
      error("os_bad_unit", `"${unit}" is no unit`, 'as in "lares.service"');
  for (const unit of role.enable.filter((each) => role.mask.includes(each)))
    error("os_unit_both", `unit ${unit} is enabled and masked`, "keep one");
  for (const path of role.modules)
    if (!path.startsWith("kernel/")) error("os_bad_module", `modules holds "${path}"`, 'as in "kernel/fs/ext4"');
  return found;
}

function lintTogether({ roles, target }: Build): readonly Finding[] {
  const found: Finding[] = [];
  const where = `target ${target.name}`;
  const twice = (what: string, names: readonly string[], severity: Finding["severity"]): void => {
    for (const name of new Set(names.filter((each, at) => names.indexOf(each) !== at)))
      found.push({
        severity,
        where,
        code: "os_twice",
        message: `${what} ${name} comes from two roles`,
        hint: "keep one",
      });
  };
  twice(
    "package",
    roles.flatMap((role) => role.packages),
    "warning",
  );
  twice(
    "file",
    roles.flatMap((role) => role.files.map((file) => file.path)),
    "error",
  );
  twice(
    "user",
    roles.flatMap((role) => role.users.map((user) => user.name)),
    "error",
  );
  twice(
    "uid",
    roles.flatMap((role) => role.users.map((user) => String(user.uid))),
    "error",
  );
  const starts = roles.filter((role) => role.default !== undefined);
  if (starts.length !== 1) {
    const message = `${starts.length} roles say what the system starts`;
    found.push({ severity: "error", where, code: "os_default", message, hint: "exactly one role has default = UNIT" });
  }
  return found;
}

function lintPostProcessor({ name, only, command, adds }: PostProcessor): readonly Finding[] {
  const problems = [
    ...only.filter((kind) => !OUTPUTS.some((known) => known === kind)).map((kind) => `there is no output "${kind}"`),
    ...(command.some((word) => word.includes(FILE_MARK)) ? [] : [`its command does not name ${FILE_MARK}`]),
    ...(/^(?:\.[\w.-]+)?$/.test(adds) ? [] : [`adds is "${adds}"; expected an ending such as ".zst"`]),
  ];
  const where = `post_processor ${name}`;
  return problems.map((message) => ({
    severity: "error",
    where,
    code: "os_post_processor",
    message,
    hint: `as in command = ["zstd", "${FILE_MARK}"]`,
  }));
}

function lintDisk({ disk }: Build): readonly Finding[] {
  const { boot, kernel, slot } = disk;
  const sum = boot + 2 * (kernel + slot);
  if (sum <= LABEL_MIB) return [];
  const message = `boot and slots take ${sum} MiB`;
  return [{ severity: "warning", where: "disk", code: "os_large", message, hint: "small cards have 4 GB" }];
}
