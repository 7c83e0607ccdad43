import { CONSUL_FLAGS, NOMAD_FLAGS, on, value } from "../api/flags.ts";
import type { Command } from "../command/command.ts";

export const SERIAL_COMMANDS: readonly Command[] = [
  {
    name: "serial ls",
    summary: "List the devices of all nodes and who uses them",
    operands: "",
    flags: {
      ...NOMAD_FLAGS,
      type: value("TYPE", "serial (default), gpu, sound, video; all: whatever there is"),
      local: on("The ports of this machine, without asking an agent"),
    },
    load: async () => (await import("./list.ts")).list,
  },
  {
    name: "serial console",
    summary: "Speak to a serial port; ~. at the start of a line leaves",
    operands: "PORT",
    flags: {
      ...CONSUL_FLAGS,
      baud: value("N", "Bits a second, of a port of this machine (115200)"),
      format: value("FORMAT", "Data bits, parity, stop bits, of a port of this machine (8N1)"),
      flow: value("FLOW", "none, rtscts or xonxoff, of a port of this machine"),
      e: value("CHARACTER", "Escape character instead of ~; none: there is none"),
      for: value("DURATION", "Leave after this long"),
    },
    load: async () => (await import("./console.ts")).console,
  },
];
