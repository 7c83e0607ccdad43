import { nowNs } from "#base/env/clock.ts";
import type { Env } from "#base/env/env.ts";
import type { DeviceFigure } from "#drivers/driver.ts";
import type { MeasuredDevice } from "../devices/device-inventory.ts";

/** `DeviceStats` of a node, or of a task: what is measured of each instance, the most telling figure as its summary. */
export function deviceStats(env: Pick<Env, "clock">, measured: readonly MeasuredDevice[]): readonly object[] {
  return measured.map(({ device: { vendor, type, name, id }, figures }) => ({
    Vendor: vendor,
    Type: type,
    Name: name,
    InstanceStats: {
      [id]: {
        Summary: figures[0] === undefined ? null : valueOf(figures[0]),
        Stats: {
          Nested: null,
          Attributes: Object.fromEntries(figures.map((figure) => [figure.name, valueOf(figure)])),
        },
        Timestamp: nowNs(env.clock),
      },
    },
  }));
}

function valueOf({ name, unit, value }: DeviceFigure): object {
  const whole = Number.isInteger(value);
  return {
    FloatNumeratorVal: whole ? null : value,
    FloatDenominatorVal: null,
    IntNumeratorVal: whole ? value : null,
    IntDenominatorVal: null,
    StringVal: null,
    BoolVal: null,
    Unit: unit,
    Desc: name,
  };
}
