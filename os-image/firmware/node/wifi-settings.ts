import type { SeedWifi } from "./seed.ts";

/** File of the machine's settings; only root reads it. */
export const WIFI_SETTINGS = "wpa_supplicant.conf";
/** A key instead of the words it is made of. */
export const WIFI_KEY = /^[0-9a-fA-F]{64}$/;

/** The network to be in, as wpa_supplicant.conf(5) takes it. */
export function wifiSettings({ ssid, password, country, hidden }: SeedWifi): string {
  return [
    ...(country === undefined ? [] : [`country=${country}`]),
    // Newer routers want management frames to be protected; WPA3 is taken where there is both.
    "pmf=1",
    "sae_pwe=2",
    "network={",
    // As bytes: nothing in a name has to be written in another way.
    `  ssid=${Buffer.from(ssid).toString("hex")}`,
    ...(hidden ? ["  scan_ssid=1"] : []),
    ...accessLines(password),
    "}",
    "",
  ].join("\n");
}

function accessLines(password: string | undefined): readonly string[] {
  if (password === undefined) return ["  key_mgmt=NONE"];
  // WPA3 needs the words themselves.
  if (WIFI_KEY.test(password)) return ["  key_mgmt=WPA-PSK WPA-PSK-SHA256", `  psk=${password}`];
  return ["  key_mgmt=WPA-PSK WPA-PSK-SHA256 SAE", `  psk="${password}"`];
}
