const verbs = "vTtdboOxXqUceEfFgGsz";
const flags = ["", "+", "#", "-", "0", " ", "8", "-8", "08", ".2", "8.3", "+.1", "#8", "+08", "# ", "-08.2", "#.3"];
const values = [
  ".i",
  ".n",
  ".s",
  ".u",
  ".fl",
  ".f32",
  ".t",
  ".nil",
  ".l",
  ".m",
  ".ss",
  ".by",
  ".lv",
  ".ui",
  ".u8",
  ".svc.Tags",
  ".svc.Node",
  ".i8",
  "1+2i",
  "0",
  "0.0",
  '""',
  ".huge",
  ".ms",
  ".mi",
  "65",
  "1e-7",
  "123456789.0",
  "-0.5",
  '"\\xff\\n`"',
  "'☃'",
];
const numbers =
  "0.5 1.5 2.5 1e21 1e20 123456.789 1e-5 0.0001 99999.5 999999.5 0.00001234 5e-324 1.7976931348623157e308 100000.0 1e6 0.1 1.005 2.675";
const floatFormat = "%v %g %e %f %.0f %.1f %.2f %.3g %.10g %G %E %#g %#.3g %x %X %b %.3x %+.2e %10.3f|%-10.2f|%010.2f";
/** Indexes, stars and mistakes. */
const odd =
  "%d %d|% %! %z %[2]d@%[1]d %[2]*[1]d %[3]d %[x]d %[1] %[ %[1 %*d %-*d %.*f %*.*f %.[2]*[1]f %[1]d@%d@%d %d %6.2f%% %% %5% %. %.d %20000000d %[1]*d %[2]2d %[1].2f %[]d %[-1]d %w %é %v@%+v@%#v";

/** Templates that print values under every verb, flag, width and precision. */
export function formatCases(): string[] {
  const cases: string[] = [];
  for (const value of values) {
    for (const verb of verbs) {
      const format = flags.map((flag) => `%${flag}${verb}`).join("|");
      cases.push(`{{printf ${JSON.stringify(format)}${` (${value})`.repeat(flags.length)}}}`);
    }
  }
  for (const number of numbers.split(" ")) {
    for (const sign of ["", "-"])
      cases.push(`{{printf ${JSON.stringify(floatFormat)}${` ${sign}${number}`.repeat(21)}}}`);
  }
  for (const format of odd.split(" ")) {
    const quoted = JSON.stringify(format.replaceAll("@", " "));
    for (const args of [".i .n", "3 2.5", ".s", ""]) cases.push(`{{printf ${quoted} ${args}}}`);
  }
  return cases;
}
