import { networkInterfaces } from "node:os";

/** What a person can type into a browser, once the agent answers. */
export function ownAddresses(): readonly string[] {
  return Object.values(networkInterfaces())
    .flatMap((each) => each ?? [])
    .filter((each) => !each.internal && each.family === "IPv4")
    .map((each) => each.address);
}
