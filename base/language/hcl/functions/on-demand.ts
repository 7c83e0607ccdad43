import type { HclFunction } from "./function.ts";

export interface OnDemandEffects {
  /** For `bcrypt()`; without it, it does not exist. */
  readonly randomBytes?: ((length: number) => Uint8Array) | undefined;
}

/** Functions whose packages are only loaded for texts that name them: most agents never see one. */
export async function functionsNamedIn(
  text: string,
  { randomBytes }: OnDemandEffects = {},
): Promise<ReadonlyMap<string, HclFunction>> {
  const found = new Map<string, HclFunction>();
  if (text.includes("yamldecode")) found.set("yamldecode", (await import("./yaml-decode.ts")).yamldecode);
  if (text.includes("bcrypt") && randomBytes !== undefined) {
    const { bcryptFunction } = await import("./bcrypt.ts");
    found.set("bcrypt", bcryptFunction(randomBytes));
  }
  return found;
}
