import type { BridgedPort } from "./bridged-port.ts";

/** SET-CONTROL (RFC 2217 section 3): flow control, break, and the two lines a port drives. */
const FLOWS: Readonly<Record<number, "none" | "xonxoff" | "rtscts">> = { 1: "none", 2: "xonxoff", 3: "rtscts" };
const OUTPUTS: Readonly<Record<number, { readonly line: "brk" | "dtr" | "rts"; readonly on: boolean }>> = {
  5: { line: "brk", on: true },
  6: { line: "brk", on: false },
  8: { line: "dtr", on: true },
  9: { line: "dtr", on: false },
  11: { line: "rts", on: true },
  12: { line: "rts", on: false },
};
const ASK = { flow: 0, brk: 4, dtr: 7, rts: 10, flowIn: 13 } as const;
const FLOW_IN_OFFSET = 13;

/** Carries out one control request; the answer is what stands afterwards, in the same numbers. */
export async function control(port: BridgedPort, value: number): Promise<number> {
  const flow = FLOWS[value] ?? FLOWS[value - FLOW_IN_OFFSET];
  if (flow !== undefined) {
    await port.configure({ flow });
    return flowNumber(port) + (value > FLOW_IN_OFFSET ? FLOW_IN_OFFSET : 0);
  }
  const output = OUTPUTS[value];
  if (output !== undefined) {
    await port.set({ [output.line]: output.on });
    return numberOf(port, output.line);
  }
  if (value === ASK.brk) return numberOf(port, "brk");
  if (value === ASK.dtr) return numberOf(port, "dtr");
  if (value === ASK.rts) return numberOf(port, "rts");
  return flowNumber(port) + (value === ASK.flowIn ? FLOW_IN_OFFSET : 0);
}

function flowNumber({ settings }: BridgedPort): number {
  return settings.flow === "none" ? 1 : settings.flow === "xonxoff" ? 2 : 3;
}

function numberOf({ outputs }: BridgedPort, line: "brk" | "dtr" | "rts"): number {
  const found = Object.entries(OUTPUTS).find(([, row]) => row.line === line && row.on === outputs[line]);
  return Number(found?.[0] ?? 0);
}
