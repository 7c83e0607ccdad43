/** Main id registers' part numbers of ARM's own cores (Arm Architecture Reference Manual, MIDR_EL1). */
const PARTS: Readonly<Record<string, string>> = {
  "0xb76": "ARM1176",
  "0xc07": "Cortex-A7",
  "0xc0f": "Cortex-A15",
  "0xd03": "Cortex-A53",
  "0xd04": "Cortex-A35",
  "0xd05": "Cortex-A55",
  "0xd07": "Cortex-A57",
  "0xd08": "Cortex-A72",
  "0xd09": "Cortex-A73",
  "0xd0a": "Cortex-A75",
  "0xd0b": "Cortex-A76",
  "0xd0c": "Neoverse-N1",
  "0xd0d": "Cortex-A77",
  "0xd40": "Neoverse-V1",
  "0xd41": "Cortex-A78",
  "0xd46": "Cortex-A510",
  "0xd47": "Cortex-A710",
  "0xd49": "Neoverse-N2",
};

export function armPartName(part: string): string | undefined {
  return PARTS[part.toLowerCase()];
}
