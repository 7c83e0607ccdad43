import si from "systeminformation";
import { attributesOf, parseInventory } from "#daemons/scheduler/client/fingerprint/inventory.ts";
import type { RunCommand } from "../command/command.ts";
import { columns } from "../print/columns.ts";

/** What this machine is made of, as its own tools tell it. It takes about forty programs, and so a process of its own. */
export const inventory: RunCommand = async ({ flags, output }) => {
  const [cpu, memory, { controllers }, chassis, battery] = await Promise.all([
    si.cpu(),
    si.memLayout(),
    si.graphics(),
    si.chassis(),
    si.battery(),
  ]);
  const printed = JSON.stringify({ cpu, memory, graphics: controllers, chassis, battery });
  const found = parseInventory(printed);
  if (flags.on("json")) output.line(JSON.stringify(found));
  else for (const line of columns(["Attribute", "Value"], Object.entries(attributesOf(found)))) output.line(line);
  return 0;
};
