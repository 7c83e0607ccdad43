import type { Env } from "#base/env/env.ts";
import { fail, succeed, type Result } from "#base/env/errors.ts";

/**
 * What id(1) says of a user, `""` being the agent's own: `-u` and `-g` one number, `-G` those of all groups. Fails with `LOOKUP`,
 * also where nothing was said: no answer is nobody's number.
 */
export async function idNumbers(
  { exec }: Pick<Env, "exec">,
  what: "-u" | "-g" | "-G",
  user: string,
): Promise<Result<readonly number[]>> {
  const { code, stdout, stderr } = await exec.run(["id", what, ...(user === "" ? [] : ["--", user])]);
  const numbers = stdout.trim().split(/\s+/);
  if (code !== 0 || !numbers.every((each) => /^\d+$/.test(each)))
    return fail("LOOKUP", stderr.trim() || `id ${what} says ${JSON.stringify(stdout)}`);
  return succeed(numbers.map(Number));
}
