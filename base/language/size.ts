import { fail, succeed, type Result } from "#base/env/errors.ts";

const UNITS: Readonly<Record<string, number>> = {
  "": 1,
  b: 1,
  k: 1e3,
  kb: 1e3,
  kib: 1024,
  m: 1e6,
  mb: 1e6,
  mib: 1024 ** 2,
  g: 1e9,
  gb: 1e9,
  gib: 1024 ** 3,
  t: 1e12,
  tb: 1e12,
  tib: 1024 ** 4,
};

/** `10MB`, `1.5 GiB`, `4096` → bytes. Units with an i count in 1024s, the others in 1000s; case does not matter. */
export function parseSize(text: string): Result<number> {
  const [, amount, unit] = /^\s*(\d+(?:\.\d+)?)\s*([A-Za-z]*)\s*$/.exec(text) ?? [];
  const factor = unit === undefined ? undefined : UNITS[unit.toLowerCase()];
  const bytes = Math.round(Number(amount) * (factor ?? Number.NaN));
  if (Number.isSafeInteger(bytes)) return succeed(bytes);
  return fail(
    "bad_size",
    `${JSON.stringify(text)} is no size`,
    'expected a number with a unit, for example "512KB", "10MiB" or "2GB"',
  );
}

/** Bytes → text with at most one decimal, in 1024s: `1.5 GiB`. */
export function formatSize(bytes: number): string {
  const units = ["B", "KiB", "MiB", "GiB", "TiB"];
  let value = Math.abs(bytes);
  let at = 0;
  for (; value >= 1024 && at < units.length - 1; at++) value /= 1024;
  const shown = at === 0 || value >= 100 ? String(Math.round(value)) : value.toFixed(1).replace(/\.0$/, "");
  return `${bytes < 0 ? "-" : ""}${shown} ${units[at] ?? "B"}`;
}
