/** What a text allows in YAML: the rules of libyaml's emitter, which Go's yaml packages inherit. */
export interface ScalarAnalysis {
  readonly multiline: boolean;
  readonly plain: boolean;
  readonly singleQuoted: boolean;
  readonly block: boolean;
}

/** How a text is to be written, if it allows that. */
export type ScalarStyle = "plain" | "single" | "double" | "literal";

const FIRST_INDICATORS = "#,[]{}&*!|>'\"%@`";

export function analyzeScalar(text: string): ScalarAnalysis {
  if (text === "") return { multiline: false, plain: true, singleQuoted: true, block: false };
  const characters = Array.from(text);
  let indicators = text.startsWith("---") || text.startsWith("...");
  let special = false;
  let breaks = false;
  let spaceThenBreak = false;
  let breakThenSpace = false;
  let afterBlank = true;
  for (const [index, character] of characters.entries()) {
    const before = characters[index - 1];
    const after = characters[index + 1];
    const beforeBlank = after === undefined || isBlank(after);
    if (index === 0) {
      if (FIRST_INDICATORS.includes(character)) indicators = true;
      if ("?:-".includes(character) && beforeBlank) indicators = true;
    } else if ((character === ":" && beforeBlank) || (character === "#" && afterBlank)) indicators = true;
    if (!isPrintable(character)) special = true;
    if (isBreak(character)) {
      breaks = true;
      if (before === " ") spaceThenBreak = true;
    } else if (character === " " && before !== undefined && isBreak(before)) breakThenSpace = true;
    afterBlank = isBlank(character) || isBreak(character) || character === "\0";
  }
  const [first = "", last = ""] = [characters[0], characters.at(-1)];
  const edged = [first, last].some((edge) => edge === " " || isBreak(edge));
  const broken = spaceThenBreak || special;
  return {
    multiline: breaks,
    plain: !edged && !breakThenSpace && !broken && !breaks && !indicators,
    singleQuoted: !breakThenSpace && !broken,
    block: last !== " " && !broken,
  };
}

/** The style that is used where `wanted` is asked for. */
export function chooseStyle(
  text: string,
  wanted: ScalarStyle,
  { isKey, analysis }: { readonly isKey: boolean; readonly analysis: ScalarAnalysis },
): ScalarStyle {
  let style = isKey && analysis.multiline ? "double" : wanted;
  if (style === "plain" && (!analysis.plain || (text === "" && isKey))) style = "single";
  if (style === "single" && !analysis.singleQuoted) style = "double";
  if (style === "literal" && (!analysis.block || isKey)) style = "double";
  return style;
}

export function isBreak(character: string): boolean {
  return "\r\n\u0085\u2028\u2029".includes(character);
}

export function isBlank(character: string): boolean {
  return character === " " || character === "\t";
}

/** Tabs, controls, byte order marks and everything beyond the basic plane are escaped. */
export function isPrintable(character: string): boolean {
  const code = character.codePointAt(0) ?? 0;
  if (code === 0x0a || (code >= 0x20 && code <= 0x7e)) return true;
  return code >= 0xa0 && code < 0xffff && code !== 0xfeff && code !== 0xfffe && !(code >= 0xd800 && code < 0xe000);
}
