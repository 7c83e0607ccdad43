import type { Net } from "#base/env/net.ts";
import { isBehindEmulatorsNat } from "#base/env/own-address.ts";

/** What a person can type into a browser, once the agent answers; last what only an emulator's own machine could. */
export function ownAddresses(net: Pick<Net, "interfaces">): readonly string[] {
  return net
    .interfaces()
    .filter((each) => !each.internal && each.family === 4)
    .toSorted((a, b) => Number(isBehindEmulatorsNat(a)) - Number(isBehindEmulatorsNat(b)))
    .map((each) => each.address);
}
