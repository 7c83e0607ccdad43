import { fail, succeed, type Result } from "#base/env/errors.ts";
import { DEFAULT_CAPS } from "./plugin-options.ts";

/**
 * The capabilities of a task: the default set, less `cap_drop`, and `cap_add`, as far as the node allows them. Names in
 * either case, with or without `CAP_`; `all` is all that the node allows. capabilities(7)
 */
export function capabilitiesOf(
  wish: { readonly add: readonly string[]; readonly drop: readonly string[] },
  allowed: readonly string[],
): Result<readonly string[]> {
  const [add, drop] = [wish.add.map(plain), wish.drop.map(plain)];
  const allowsAll = allowed.includes("all");
  const refused = add.filter((cap) => cap !== "all" && !allowsAll && !allowed.includes(cap));
  if (refused.length > 0) {
    return fail(
      "CAPS",
      `this node does not allow the capabilities ${refused.join(", ")}`,
      "the exec plugin's allow_caps names what it allows",
    );
  }
  const start = drop.includes("all") ? [] : DEFAULT_CAPS.filter((cap) => allowsAll || allowed.includes(cap));
  const added = add.includes("all") && !allowsAll ? allowed : add.includes("all") ? DEFAULT_CAPS : add;
  const caps = new Set([...start.filter((cap) => !drop.includes(cap)), ...added.filter((cap) => cap !== "all")]);
  return succeed([...caps].map((cap) => `CAP_${cap.toUpperCase()}`).toSorted());
}

function plain(cap: string): string {
  return cap.toLowerCase().replace(/^cap_/, "");
}
