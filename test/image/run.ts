import { mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { resolve } from "node:path";
import { parseArgs } from "node:util";
import { agentCases } from "./cases/agent.ts";
import { boardCases } from "./cases/boards.ts";
import { bootCases } from "./cases/boot.ts";
import { clusterCases } from "./cases/cluster.ts";
import { dataCases } from "./cases/data.ts";
import { faultCases } from "./cases/faults.ts";
import { guestCases } from "./cases/guest.ts";
import { idleCases } from "./cases/idle.ts";
import { installerCases } from "./cases/installer.ts";
import { outputCases } from "./cases/outputs.ts";
import { memberCases } from "./cases/members.ts";
import { powerCutCases } from "./cases/power-cut.ts";
import { provisionerCases } from "./cases/provisioners.ts";
import { rebuildCases } from "./cases/rebuild.ts";
import { reproducibleCases } from "./cases/reproducible.ts";
import { seedCases } from "./cases/seeds.ts";
import { stickCases } from "./cases/stick.ts";
import { updateCases } from "./cases/update.ts";
import { vagrantCases } from "./cases/vagrant.ts";
import { wifiCases } from "./cases/wifi.ts";
import type { Case } from "./case.ts";
import { SharedMachine } from "./shared-machine.ts";
import { Workbench } from "./workbench.ts";

// The long set: the image that `npm run image` left is started in QEMU. Words select the cases whose names hold them.
const { positionals, values } = parseArgs({
  allowPositionals: true,
  options: {
    keep: { type: "boolean", default: false },
    /** Kept, too: what an earlier run made there is not made again. */
    folder: { type: "string" },
    list: { type: "boolean", default: false },
  },
});
const CASES: readonly Case[] = [
  ...bootCases,
  ...seedCases,
  ...boardCases,
  ...installerCases,
  ...outputCases,
  ...agentCases,
  ...updateCases,
  ...stickCases,
  ...dataCases,
  ...faultCases,
  ...memberCases,
  ...clusterCases,
  ...guestCases,
  ...idleCases,
  ...provisionerCases,
  ...powerCutCases,
  ...reproducibleCases,
  ...rebuildCases,
  ...wifiCases,
  ...vagrantCases,
];

const wanted = CASES.filter(
  ({ name }) => positionals.length === 0 || positionals.some((each) => name.toLowerCase().includes(each.toLowerCase())),
);
if (values.list) for (const { name } of wanted) console.log(name);
else process.exitCode = await runAll();

async function runAll(): Promise<number> {
  const folder =
    values.folder === undefined
      ? mkdtempSync(new URL("../../dist/image-test-", import.meta.url).pathname)
      : resolve(values.folder);
  mkdirSync(folder, { recursive: true });
  const bench = await Workbench.open(folder);
  const shared = new SharedMachine(bench);
  const began = performance.now();
  let failed = 0;
  for (const each of wanted) failed += (await runOne(each, { bench, shared })) ? 0 : 1;
  await shared.discard();
  bench.close();
  if (values.keep || values.folder !== undefined) console.log(`kept: ${folder}`);
  else rmSync(folder, { recursive: true, force: true });
  const minutes = ((performance.now() - began) / 60_000).toFixed(1);
  console.log(`${wanted.length - failed} passed, ${failed} failed, in ${minutes} minutes`);
  return failed === 0 && wanted.length > 0 ? 0 : 1;
}

async function runOne(
  each: Case,
  known: { readonly bench: Workbench; readonly shared: SharedMachine },
): Promise<boolean> {
  const first = each.needs?.();
  if (first !== undefined) {
    console.log(`   left out: ${each.name}: needs ${first}`);
    return true;
  }
  const began = performance.now();
  const seconds = (): string => ((performance.now() - began) / 1000).toFixed(1).padStart(6);
  console.log(`       ${each.name}`);
  try {
    await each.run({ ...known, say: (line) => console.log(`${seconds()} ${line}`) });
    console.log(`${seconds()} ok ${each.name}`);
    return true;
  } catch (thrown) {
    const said = thrown instanceof Error ? (thrown.stack ?? thrown.message) : String(thrown);
    console.log(`${seconds()} FAIL ${each.name}\n${said}`);
    return false;
  }
}
