import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import { textOf } from "#base/env/bytes.ts";
import type { Exec } from "#base/env/exec.ts";
import { fail, type Result } from "#base/env/errors.ts";

/**
 * Does its work while no other program builds in the same cache: they would take each other's half-made layers away and
 * write over each other's downloads. The lock is the kernel's (flock(1)), so it is gone with whoever had it.
 */
export async function aloneInCache<T>(
  { exec, cacheDir }: { readonly exec: Exec; readonly cacheDir: string },
  work: () => Promise<Result<T>>,
): Promise<Result<T>> {
  await mkdir(cacheDir, { recursive: true });
  const held = Promise.withResolvers<boolean>();
  let said = "";
  const holder = await exec
    .spawn(["flock", join(cacheDir, "lock"), "sh", "-c", "echo held; exec cat"], {
      env: { PATH: process.env["PATH"] ?? "/usr/bin:/bin" },
      stdout: "pipe",
      stderr: "pipe",
      onOutput(stream, data) {
        if (stream === "stdout") held.resolve(true);
        else said += textOf(data);
      },
      detached: false,
    })
    .catch((thrown: unknown) => {
      said = String(thrown);
      return undefined;
    });
  void holder?.exited.then(() => held.resolve(false));
  try {
    if (holder === undefined || !(await held.promise))
      return fail(
        "image_cache",
        `cannot lock the cache ${cacheDir}: ${said.trim()}`,
        "name another folder with -cache, or install util-linux, which has flock",
      );
    return await work();
  } finally {
    holder?.endInput();
    await holder?.exited;
  }
}
