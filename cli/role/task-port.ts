/** Where the port with this label is, as the environment of a task says. */
export function portOf(
  task: Readonly<Record<string, string>>,
  label: string,
): { readonly host: string; readonly port: number } | undefined {
  const address = task[`NOMAD_HOST_ADDR_${label}`] ?? task[`NOMAD_ADDR_${label}`];
  if (address === undefined) return undefined;
  const colon = address.lastIndexOf(":");
  return { host: address.slice(0, colon).replaceAll(/[[\]]/g, ""), port: Number(address.slice(colon + 1)) };
}
