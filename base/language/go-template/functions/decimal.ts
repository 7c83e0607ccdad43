/** Digits after the point that a quotient is rounded to. */
const DIVISION_DIGITS = 16n;

/** A decimal number without limits: `coefficient` × 10^`exponent`. */
class Decimal {
  readonly #coefficient: bigint;
  readonly #exponent: number;

  constructor(coefficient: bigint, exponent: number) {
    this.#coefficient = coefficient;
    this.#exponent = exponent;
  }

  plus(other: Decimal): Decimal {
    const exponent = Math.min(this.#exponent, other.#exponent);
    return new Decimal(this.#at(exponent) + other.#at(exponent), exponent);
  }

  minus(other: Decimal): Decimal {
    return this.plus(new Decimal(-other.#coefficient, other.#exponent));
  }

  times(other: Decimal): Decimal {
    return new Decimal(this.#coefficient * other.#coefficient, this.#exponent + other.#exponent);
  }

  /** Rounded half away from zero; undefined: by zero. */
  over(other: Decimal): Decimal | undefined {
    if (other.#coefficient === 0n) return undefined;
    const shift = this.#exponent - other.#exponent + Number(DIVISION_DIGITS);
    const dividend = shift >= 0 ? this.#coefficient * 10n ** BigInt(shift) : this.#coefficient;
    const divisor = shift >= 0 ? other.#coefficient : other.#coefficient * 10n ** BigInt(-shift);
    const quotient = dividend / divisor;
    const rest = abs(dividend % divisor) * 2n;
    const up = rest >= abs(divisor) ? (dividend < 0n === divisor < 0n ? 1n : -1n) : 0n;
    return new Decimal(quotient + up, -Number(DIVISION_DIGITS));
  }

  toNumber(): number {
    return Number(`${this.#coefficient}e${this.#exponent}`);
  }

  #at(exponent: number): bigint {
    return this.#coefficient * 10n ** BigInt(this.#exponent - exponent);
  }
}

/** The decimal that a number is printed as; what is no number counts as zero. */
export function decimalOf(value: number): Decimal {
  if (!Number.isFinite(value)) return new Decimal(0n, 0);
  const [mantissa = "0", exponent = "0"] = value.toExponential().split("e");
  const [whole = "0", fraction = ""] = mantissa.split(".");
  return new Decimal(
    BigInt(whole + fraction) * (mantissa.startsWith("-0") ? -1n : 1n),
    Number(exponent) - fraction.length,
  );
}

function abs(value: bigint): bigint {
  return value < 0n ? -value : value;
}
