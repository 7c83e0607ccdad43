import { existsSync } from "node:fs";
import { join } from "node:path";
import { built, cutShort, type Workbench } from "./workbench.ts";

export const RELEASE =
  "sed 's/^VERSION_ID=.*/VERSION_ID=9.9.9/' usr/lib/os-release > usr/lib/os-release.new; mv usr/lib/os-release.new usr/lib/os-release";
/** The same release with packages that got fixes. */
const NEXT_RELEASE = RELEASE.replace("9.9.9", "9.9.9.1");
const NO_AGENT = `${RELEASE}; rm usr/bin/lares; printf '#!/bin/sh\\nexit 1\\n' > usr/bin/lares; chmod 755 usr/bin/lares`;
/** It says that it is one, and never answers. */
const DUMB_AGENT = `${RELEASE}; mv usr/bin/lares usr/bin/lares.real; printf '#!/bin/sh\\n[ "$1" = agent ] && exec sleep 100000\\nexec /usr/bin/lares.real "$@"\\n' > usr/bin/lares; chmod 755 usr/bin/lares; sed -i 's/-gt 300/-gt 5/' usr/lib/systemd/system/lares-confirm.service`;
/** It answers, and never finds its cluster. */
const LONELY_AGENT = `${RELEASE}; mv usr/bin/lares usr/bin/lares.real; printf '#!/bin/sh\\n[ "$1" = agent ] || exec /usr/bin/lares.real "$@"\\nmkdir -p /run/www/v1/agent /run/www/v1/status; echo {} > /run/www/v1/agent/health; echo \\047""\\047 > /run/www/v1/status/leader\\nexec busybox httpd -f -p 4646 -h /run/www\\n' > usr/bin/lares; chmod 755 usr/bin/lares`;
/** It starts when it is asked who it is, and else does nothing. */
const SILENT_AGENT = `${RELEASE}; rm usr/bin/lares; printf '#!/bin/sh\\n[ "$1" = agent ] && exec sleep 100001\\necho Lares v9.9.9\\n' > usr/bin/lares; chmod 755 usr/bin/lares`;
/** All is well with it, but for what looks for this file. */
const NO_TASK = `${RELEASE}; touch usr/lib/no-tasks`;
/** A card gets no address: the program that asks for one does nothing. */
const NO_NETWORK = `${RELEASE}; rm usr/sbin/dhcpcd; printf '#!/bin/sh\\nexit 0\\n' > usr/sbin/dhcpcd; chmod 755 usr/sbin/dhcpcd`;
/** Something that belongs to it ends with an error. */
const FAILED_UNIT = `${RELEASE}; printf '[Service]\\nType=oneshot\\nExecStart=/usr/bin/busybox false\\n' > usr/lib/systemd/system/broken.service; mkdir -p usr/lib/systemd/system/sysinit.target.wants; ln -s ../broken.service usr/lib/systemd/system/sysinit.target.wants/broken.service`;
/** Nobody judges its start; the time for that is shorter than it is. */
const NO_VERDICT = `${RELEASE}; sed -i 's/^ExecStart=.*/ExecStart=\\/usr\\/bin\\/busybox sleep 100000/' usr/lib/systemd/system/lares-confirm.service; sed -i 's/15min/150/' usr/lib/systemd/system/lares-late.timer`;
const version = "9.9.9";

const made = {
  good: async (bench: Workbench) => bench.bundle("good", { root: await bench.slot("next", RELEASE), version }),
  goodAgain: async (bench: Workbench) =>
    bench.bundle("good-again", { root: await bench.slot("after", NEXT_RELEASE), version: "9.9.9.1" }),
  noAgent: async (bench: Workbench) =>
    bench.bundle("no-agent", { root: await bench.slot("no-agent", NO_AGENT), version }),
  dumbAgent: async (bench: Workbench) =>
    bench.bundle("dumb-agent", { root: await bench.slot("dumb-agent", DUMB_AGENT), version }),
  lonelyAgent: async (bench: Workbench) =>
    bench.bundle("lonely-agent", { root: await bench.slot("lonely-agent", LONELY_AGENT), version }),
  silentAgent: async (bench: Workbench) =>
    bench.bundle("silent-agent", { root: await bench.slot("silent-agent", SILENT_AGENT), version }),
  noNetwork: async (bench: Workbench) =>
    bench.bundle("no-network", { root: await bench.slot("no-network", NO_NETWORK), version }),
  failedUnit: async (bench: Workbench) =>
    bench.bundle("failed-unit", { root: await bench.slot("failed-unit", FAILED_UNIT), version }),
  noVerdict: async (bench: Workbench) =>
    bench.bundle("no-verdict", { root: await bench.slot("no-verdict", NO_VERDICT), version }),
  noTask: async (bench: Workbench) => bench.bundle("no-task", { root: await bench.slot("no-task", NO_TASK), version }),
  noKernel: async (bench: Workbench) => {
    const { refused: kernel } = await badKernels(bench);
    return bench.bundle("no-kernel", { root: await bench.slot("next", RELEASE), version, kernel });
  },
  panic: async (bench: Workbench) => {
    const { panics: kernel } = await badKernels(bench);
    return bench.bundle("panic", { root: await bench.slot("next", RELEASE), version, kernel });
  },
  stranger: async (bench: Workbench) => bench.bundle("stranger", { ...(await small(bench)), version, stranger: true }),
  otherBoard: async (bench: Workbench) =>
    bench.bundle("other-board", { ...(await small(bench)), version, compatible: "lares-rpi" }),
  otherFlavour: async (bench: Workbench) =>
    bench.bundle("other-flavour", { ...(await small(bench)), version, flavour: "full" }),
  /** As it was built. */
  docker: async (bench: Workbench) => {
    const [root, kernel] = ["root.img", "kernel.img"].map((name) => join(built("amd64", "docker"), name));
    return bench.bundle("docker", { root: root ?? "", kernel: kernel ?? "", version, flavour: "docker" });
  },
  older: async (bench: Workbench) => bench.bundle("older", { ...(await small(bench)), version: "0.0.1" }),
} as const satisfies Readonly<Record<string, (bench: Workbench) => Promise<string>>>;

/** Updates, good ones and such as are bad in one way each; made when they are asked for, and once. */
export const BUNDLES = {
  ...made,
  short: async (bench: Workbench) => cutShort(await made.good(bench), join(bench.folder, "short.raucb")),
};

/** For what is refused before anybody looks inside. */
async function small(bench: Workbench): Promise<{ readonly root: string; readonly kernel: string }> {
  const { refused } = await badKernels(bench);
  return { root: refused, kernel: refused };
}

/** What GRUB refuses to start, and what starts and dies. */
async function badKernels(bench: Workbench): Promise<{ readonly refused: string; readonly panics: string }> {
  const kernels = { refused: join(bench.folder, "refused.img"), panics: join(bench.folder, "panics.img") };
  if (existsSync(kernels.panics)) return kernels;
  const pack = "-noappend -all-root -no-progress -quiet -no-xattrs -noI -noD -noF -no-fragments";
  await bench.env.exec.run(["mkdir", "-p", join(bench.folder, "refused"), join(bench.folder, "panics")]);
  await bench.env.exec.run(["cp", join(built(), "kernel/vmlinuz"), join(bench.folder, "panics/vmlinuz")]);
  await bench.tool(
    `cd /making; head -c 400000 /dev/urandom > refused/vmlinuz; echo no > refused/initrd; printf 'no archive' > panics/initrd; mksquashfs refused refused.img ${pack}; mksquashfs panics panics.img ${pack}`,
  );
  return kernels;
}
