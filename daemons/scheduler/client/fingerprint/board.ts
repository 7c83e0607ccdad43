import type { Env } from "#base/env/env.ts";
import { readText } from "./read-text.ts";

const TREE = "/proc/device-tree";
const DMI = "/sys/class/dmi/id";
/** What makers leave in when they have nothing to say. */
const FILLERS = /^(?:to be filled by o\.?e\.?m\.?|default string|not specified|none|unknown|system product name|0+)$/i;

/** The board or machine: from the device tree (Raspberry Pi and its like), else from the firmware's tables (DMI). */
export async function boardAttributes(env: Env): Promise<Record<string, string>> {
  const text = async (path: string): Promise<string> => {
    const line = ((await readText(env, path)) ?? "").replaceAll("\0", " ").trim();
    return FILLERS.test(line) ? "" : line;
  };
  const model = await text(`${TREE}/model`);
  if (model !== "") {
    const info = (await readText(env, "/proc/cpuinfo")) ?? "";
    const [maker = ""] = (await text(`${TREE}/compatible`)).split(/[ ,]/);
    return filled({
      "board.vendor": maker,
      "board.model": model,
      // Raspberry Pis tell their revision here (https://www.raspberrypi.com/documentation/computers/raspberry-pi.html).
      "board.revision": /^Revision\s*:\s*([0-9a-f]+)/m.exec(info)?.[1] ?? "",
      "unique.board.serial":
        (await text(`${TREE}/serial-number`)) || (/^Serial\s*:\s*([0-9a-f]+)/m.exec(info)?.[1] ?? ""),
    });
  }
  return filled({
    "board.vendor": (await text(`${DMI}/sys_vendor`)) || (await text(`${DMI}/board_vendor`)),
    "board.model": (await text(`${DMI}/product_name`)) || (await text(`${DMI}/board_name`)),
    "board.revision": await text(`${DMI}/product_version`),
    // Only root may read it.
    "unique.board.serial": (await text(`${DMI}/product_serial`)) || (await text(`${DMI}/board_serial`)),
  });
}

function filled(values: Readonly<Record<string, string>>): Record<string, string> {
  return Object.fromEntries(Object.entries(values).filter(([, value]) => value !== ""));
}
