import * as v from "valibot";
import { fail, messageOf, type Result } from "#base/env/errors.ts";
import { compileSettings } from "./compile.ts";
import { ReservationSchema, type ReservationInput } from "./schema.ts";
import type { Settings } from "./settings.ts";

/** What a person sets, in one place to be watched. */
export const SETTINGS = "lares/dhcp/settings/";
/** The whole configuration, for all instances; what an instance's own file says counts where the key is missing. */
export const CONFIG_KEY = `${SETTINGS}config`;
/** One key a reservation, named by whom it is for. */
export const RESERVATIONS = `${SETTINGS}reservations/`;

const HasReservations = v.looseObject({ reservations: v.optional(v.array(v.unknown()), []) });

export interface SettingsSource {
  /** JSON. */
  readonly config: string;
  /** JSON each. */
  readonly reservations: readonly string[];
}

/** Configuration and reservations that stand on their own, as one; a reservation that does not read says which it is. */
export function settingsFrom({ config, reservations }: SettingsSource): Result<Settings> {
  try {
    const raw: unknown = JSON.parse(config);
    const base = v.safeParse(HasReservations, raw);
    if (!base.success || reservations.length === 0) return compileSettings(raw);
    return compileSettings({
      ...base.output,
      reservations: [...base.output.reservations, ...reservations.map(parsed)],
    });
  } catch (thrown) {
    return fail("bad_settings", `the configuration is no JSON: ${messageOf(thrown)}`);
  }
}

/** Under which key a reservation stands. */
export function reservationKey({ mac, clientId, hostname }: Partial<ReservationInput>): string {
  const who = mac?.toLowerCase().replaceAll("-", ":") ?? clientId?.toLowerCase() ?? hostname?.toLowerCase() ?? "";
  return `${RESERVATIONS}${who}`;
}

function parsed(text: string): unknown {
  return v.parse(ReservationSchema, JSON.parse(text));
}
