# Wi-Fi, where the seed file names a network. Firmware of cards comes with the targets whose cards are known.
role "wifi" {
  packages = ["wireless-regdb", "wpasupplicant"]

  file "/usr/lib/systemd/system/lares-wifi@.service" {
    source = "../files/lares-wifi@.service"
  }
  file "/usr/lib/lares/wifi" {
    source = "../files/wifi.sh"
    mode   = "0755"
  }
  file "/usr/lib/udev/rules.d/90-lares-wifi.rules" {
    content = "ACTION==\"add\", SUBSYSTEM==\"net\", KERNEL==\"wl*\", TAG+=\"systemd\", ENV{SYSTEMD_WANTS}+=\"lares-wifi@%k.service\"\n"
  }
  # The kernel looks for these names; it believes Debian's signature.
  link "/usr/lib/firmware/regulatory.db" {
    target = "regulatory.db-debian"
  }
  link "/usr/lib/firmware/regulatory.db.p7s" {
    target = "regulatory.db.p7s-debian"
  }
  mask    = ["wpa_supplicant.service", "wpa_supplicant@.service", "wpa_supplicant-nl80211@.service", "wpa_supplicant-wired@.service"]
  remove  = ["/etc/wpa_supplicant", "/usr/bin/wpa_passphrase", "/usr/share/wpa_supplicant", "/etc/network", "/usr/lib/crda"]
  modules = ["kernel/net/mac80211", "kernel/net/rfkill", "kernel/net/wireless"]
}
