import { fail, succeed, type Result } from "#base/env/errors.ts";
import type { SerialSettings } from "#base/env/serial.ts";

/** `8N1`: data bits, parity, stop bits. */
const FORMAT = /^([5-8])([NEOMS])(1|1\.5|2)$/;
const PARITIES = { N: "none", E: "even", O: "odd", M: "mark", S: "space" } as const;
const FLOWS = ["none", "rtscts", "xonxoff"] as const satisfies readonly SerialSettings["flow"][];
const DATA_BITS = [5, 6, 7, 8] as const;
const STOP_BITS = [1, 1.5, 2] as const;

/** What people write of a port: `115200`, `8N1`, `none`. Empty: those. */
export interface WrittenSettings {
  readonly baud: string;
  readonly format: string;
  readonly flow: string;
}

export function parseSettings({ baud, format, flow }: WrittenSettings): Result<SerialSettings> {
  const baudRate = Number(baud || "115200");
  if (!Number.isInteger(baudRate) || baudRate < 1 || baudRate > 20_000_000)
    return fail(
      "serial_settings",
      `speed ${JSON.stringify(baud)} is no number of bits a second`,
      "for example: 115200",
    );
  const [, bits = "", sign = "", stops = ""] = FORMAT.exec((format || "8N1").toUpperCase()) ?? [];
  const dataBits = DATA_BITS.find((each) => String(each) === bits);
  const stopBits = STOP_BITS.find((each) => String(each) === stops);
  const parity = Object.entries(PARITIES).find(([each]) => each === sign)?.[1];
  if (dataBits === undefined || stopBits === undefined || parity === undefined) {
    const hint = "data bits 5 to 8, parity N, E, O, M or S, stop bits 1, 1.5 or 2: 8N1, 7E1";
    return fail("serial_settings", `format ${JSON.stringify(format)} is none`, hint);
  }
  const control = FLOWS.find((each) => each === (flow || "none"));
  if (control === undefined)
    return fail("serial_settings", `flow control ${JSON.stringify(flow)} is none`, `one of ${FLOWS.join(", ")}`);
  return succeed({ baudRate, dataBits, stopBits, parity, flow: control });
}

/** `115200 8N1`, as it is written. */
export function settingsText({ baudRate, dataBits, parity, stopBits }: SerialSettings): string {
  const sign = Object.entries(PARITIES).find(([, each]) => each === parity)?.[0] ?? "N";
  return `${baudRate} ${dataBits}${sign}${stopBits}`;
}
