import { createInterface } from "node:readline/promises";
import { CodedError } from "#base/env/errors.ts";

/** Whether the person at the terminal says yes. Throws where there is nobody to ask. */
export async function isAgreed(question: string, otherwise: string): Promise<boolean> {
  if (!process.stdin.isTTY) {
    throw new CodedError("nobody", `there is nobody to ask: ${question}`, otherwise);
  }
  const asking = createInterface({ input: process.stdin, output: process.stderr });
  try {
    return /^\s*y(es)?\s*$/i.test(await asking.question(`${question} [y/N] `));
  } finally {
    asking.close();
  }
}
