/** `0.DIGITS × 10^point`, without zeros at the end; zero has no digits. */
export interface Decimal {
  readonly digits: string;
  readonly point: number;
}

/** The shortest digits that read back as the same number; `single`: as the same float32. */
export function shortestDecimal(value: number, single: boolean): Decimal {
  if (value === 0) return { digits: "", point: 0 };
  const text = single ? shortestSingle(value) : value.toExponential();
  const [mantissa = "", exponent = "0"] = text.split("e");
  return { digits: trimZeros(mantissa.replace(".", "")), point: Number(exponent) + 1 };
}

function shortestSingle(value: number): string {
  for (let precision = 0; precision < 9; precision++) {
    const text = value.toExponential(precision);
    if (Math.fround(Number(text)) === value) return text;
  }
  return value.toExponential();
}

/** Exactly rounded (half to even) to `places` after the decimal point. */
export function roundToPlaces(value: number, places: number): Decimal {
  const scaled = scale(value, places).toString();
  return scaled === "0" ? { digits: "", point: 0 } : { digits: trimZeros(scaled), point: scaled.length - places };
}

/** Exactly rounded (half to even) to `count` digits. */
export function roundToDigits(value: number, count: number): Decimal {
  if (value === 0) return { digits: "", point: 0 };
  const exponent = Number(value.toExponential().split("e")[1]);
  const scaled = scale(value, count - 1 - exponent).toString();
  return { digits: trimZeros(scaled), point: scaled.length - (count - 1 - exponent) };
}

/** value × 10^places as an integer, exactly rounded. */
function scale(value: number, places: number): bigint {
  const { mantissa, exponent } = split(value);
  const numerator = (places > 0 ? mantissa * 10n ** BigInt(places) : mantissa) << BigInt(Math.max(exponent, 0));
  const denominator = (places < 0 ? 10n ** BigInt(-places) : 1n) << BigInt(Math.max(-exponent, 0));
  const quotient = numerator / denominator;
  const twice = (numerator % denominator) * 2n;
  const up = twice > denominator || (twice === denominator && quotient % 2n === 1n);
  return up ? quotient + 1n : quotient;
}

/** value = mantissa × 2^exponent, for positive finite numbers (IEEE 754, binary64). */
export function split(value: number): { readonly mantissa: bigint; readonly exponent: number } {
  const bits = new DataView(new ArrayBuffer(8));
  bits.setFloat64(0, value);
  const raw = bits.getBigUint64(0);
  const biased = Number((raw >> 52n) & 0x7ffn);
  const fraction = raw & 0xfffffffffffffn;
  if (biased === 0) return { mantissa: fraction, exponent: -1074 };
  return { mantissa: fraction | 0x10000000000000n, exponent: biased - 1075 };
}

function trimZeros(digits: string): string {
  return digits.replace(/0+$/, "");
}
