/** Lowest, highest and spoken version of the protocol, then of the delegate's. */
const [LOWEST, HIGHEST, SPOKEN] = [0, 1, 2];

/**
 * Whether all can understand each other: what each speaks must lie between the highest of the lowest and the lowest of
 * the highest. The reason when not. Members that tell no versions are passed over.
 */
export function checkVersions(
  members: readonly { readonly name: string; readonly versions: Uint8Array }[],
): string | undefined {
  const telling = members.filter((member) => member.versions.length === 6);
  for (const [what, offset] of [
    ["protocol", 0],
    ["delegate protocol", 3],
  ] as const) {
    let [lowest, highest] = [0, 255];
    for (const { versions } of telling) {
      lowest = Math.max(lowest, versions[offset + LOWEST] ?? 0);
      highest = Math.min(highest, versions[offset + HIGHEST] ?? 255);
    }
    for (const { name, versions } of telling) {
      const spoken = versions[offset + SPOKEN] ?? 0;
      if (spoken < lowest || spoken > highest) {
        return `member '${name}' speaks version ${spoken} of the ${what}, and all understand only ${lowest} to ${highest}`;
      }
    }
  }
  return undefined;
}
