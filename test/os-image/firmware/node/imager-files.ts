export const keys = [
  "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAA me on the laptop",
  "sk-ssh-ed25519@openssh.com AAAAGnNr stick",
];
export const psk = "0123456789abcdef".repeat(4);
export const [ssid, country] = ['Café "1"', "DE"];

const preseed = `config_version = "1.0"\n
[system]\nhostname = "kitchen"\n
[user]\nname = "ann"\npassword = "$y$j9T$hunter2"\npassword_encrypted = true\ngroups = ["sudo"]\n
[ssh]\nenabled = true\npassword_authentication = false\nauthorized_keys = [\n${keys.map((key) => `  "${key}",\n`).join("")}]\n
[wlan]\nssid = "Café \\"1\\""\npassword = "${psk}"\npassword_encrypted = true\nhidden = true\ncountry = "DE"\n
[locale]\nkeymap = "de"\ntimezone = "Europe/Berlin"\n`;
const custom = "/usr/lib/raspberrypi-sys-mods/imager_custom";
const branch = (line: string, otherwise: string): string =>
  `if [ -f ${custom} ]; then\n   ${custom} ${line}\nelse\n${otherwise}\nfi\n`;
const script = [
  "#!/bin/sh\n\nset +e\n\nIMAGER_HOSTNAME='kitchen'\n",
  branch('set_hostname "$IMAGER_HOSTNAME"', '   echo "$IMAGER_HOSTNAME" >/etc/hostname'),
  branch(
    `enable_ssh -k ${keys.map((key) => `'${key}'`).join(" ")}`,
    `cat > authorized_keys <<'EOF'\n${keys.join("\n")}\nEOF`,
  ),
  "IMAGER_USER='ann'\nIMAGER_PASS='$y$j9T$hunter2'\n",
  branch(
    `set_wlan  -h '${ssid}' '${psk}' '${country}'`,
    `cat >w.conf <<'WPAEOF'\n\tssid=hex:${Buffer.from(ssid).toString("hex")}\nWPAEOF`,
  ),
  branch("set_keymap 'de'\n   " + `${custom} set_timezone 'Europe/Berlin'`, '   echo "Europe/Berlin" >/etc/timezone'),
  "exit 0\n",
].join("");
const cloud = `manage_resolv_conf: false\n\nhostname: "kitchen"\nmanage_etc_hosts: true\npackages:\n- avahi-daemon\napt:\n  conf: |
    Acquire {\n      Check-Date "false";\n    };\ntimezone: "Europe/Berlin"\nuser:\n  name: "ann"\n  passwd: "$y$j9T$hunter2"\n  ssh_authorized_keys:
${keys.map((key) => `    - "${key}"\n`).join("")}  sudo: null\nssh_pwauth: false\nrpi:\n  interfaces:\n    i2c: true\nruncmd:\n  - [ systemctl, enable, --now, ssh ]\n`;
const network = `network:\n  version: 2\n  ethernets:\n    eth0:\n      dhcp4: true\n      optional: true\n  wifis:\n    wlan0:\n      dhcp4: true
      regulatory-domain: "DE"\n      access-points:\n        "Caf\\xc3\\xa9 \\"1\\"":\n          hidden: true\n          password: "${psk}"\n      optional: true\n`;

/** What Imager 2 writes of one person's wishes in each of its formats: https://github.com/raspberrypi/rpi-imager, customization_generator.cpp. */
export const imagerFiles = { preseed, script, cloud, network };
