import { existsSync } from "node:fs";
import { fail, succeed, type Result } from "#base/env/errors.ts";
import type { OutputKind, OutputOptions } from "./output-options.ts";

const TIMEOUT_MS = 3_600_000;
/** Stands for the path of what was made. */
export const FILE_MARK = "{file}";

/** A file that was made. */
export interface Made {
  readonly kind: OutputKind;
  readonly path: string;
}

/**
 * Hands a file to the recipe's post-processors, one after the other: what one makes is what the next gets.
 * @returns the files that were added
 */
export async function postProcess(
  { kind, path }: Made,
  { build, exec, folder, onProgress }: Pick<OutputOptions, "build" | "exec" | "folder" | "onProgress">,
): Promise<Result<readonly string[]>> {
  const added: string[] = [];
  let file = path;
  for (const { name, only, command, adds } of build.system.postProcessors) {
    if (only.length > 0 && !only.includes(kind)) continue;
    onProgress(`${kind}: ${name}`);
    const given = file;
    const argv = command.map((word) => word.replaceAll(FILE_MARK, given));
    const ran = await exec.run(argv, { cwd: folder, timeoutMs: TIMEOUT_MS });
    if (ran.code !== 0)
      return fail(
        "os_post_processor",
        `post_processor "${name}" ended with ${ran.code} for ${given}: ${(ran.stderr || ran.stdout).trim().slice(-500)}`,
        "it is run on this machine, in the folder of the outputs",
      );
    if (adds === "") continue;
    file = `${given}${adds}`;
    if (!existsSync(file))
      return fail("os_post_processor", `post_processor "${name}" did not make ${file}`, "correct its command, or adds");
    added.push(file);
  }
  return succeed(added);
}
