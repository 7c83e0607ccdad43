# Virtual machines as tasks: with a serial line, a screen over VNC, and no window of their own.
role "qemu" {
  packages = architecture == "arm64" ? ["qemu-efi-aarch64", "qemu-system-arm", "qemu-utils"] : ["ovmf", "qemu-system-x86", "qemu-utils"]
  # What only windows, sound and 3D need; none of it is linked to the programs that stay.
  without = [
    "adwaita-icon-theme", "at-spi2-common", "dbus-user-session", "dconf-gsettings-backend", "dconf-service", "fontconfig", "fontconfig-config",
    "fonts-dejavu-core", "fonts-dejavu-mono", "gtk-update-icon-cache", "hicolor-icon-theme", "iso-codes", "libabsl20240722", "libasound2-data",
    "libasound2t64", "libasyncns0", "libatk-bridge2.0-0t64", "libatk1.0-0t64", "libatspi2.0-0t64", "libavahi-client3", "libavahi-common-data",
    "libavahi-common3", "libbrlapi0.8", "libcacard0", "libcairo-gobject2", "libcairo2", "libcloudproviders0", "libcolord2", "libcups2t64",
    "libdatrie1", "libdconf1", "libdecor-0-0", "libdeflate0", "libdrm-amdgpu1", "libdrm-common", "libdrm-intel1", "libdrm2", "libebur128-1",
    "libepoxy0", "libexecs1", "libfftw3-single3", "libflac14", "libfontconfig1", "libfribidi0", "libgbm1", "libgdk-pixbuf-2.0-0",
    "libgdk-pixbuf2.0-common", "libgl1", "libgl1-mesa-dri", "libglvnd0", "libglx-mesa0", "libglx0", "libgomp1", "libgraphite2-3",
    "libgstreamer-plugins-base1.0-0", "libgstreamer1.0-0", "libgtk-3-0t64", "libgtk-3-common", "libharfbuzz0b", "libicu76", "libjack-jackd2-0",
    "libjbig0", "liblcms2-2", "liblerc4", "liblilv-0-0", "libllvm19", "libmp3lame0", "libmpg123-0t64", "libmysofa1", "libnspr4", "libnss3", "libogg0",
    "libopus0", "liborc-0.4-0t64", "libpam-systemd", "libpango-1.0-0", "libpangocairo-1.0-0", "libpangoft2-1.0-0", "libpciaccess0", "libpcsclite1",
    "libpipewire-0.3-0t64", "libpulse0", "libsamplerate0", "libsdl2-2.0-0", "libsensors-config", "libsensors5", "libserd-0-0", "libsharpyuv0",
    "libsndfile1", "libsord-0-0", "libspa-0.2-modules", "libspice-server1", "libsratom-0-0", "libthai-data", "libthai0", "libtiff6",
    "libusbredirparser1t64", "libva-drm2", "libva2", "libvirglrenderer1", "libvorbis0a", "libvorbisenc2", "libvte-2.91-0", "libvte-2.91-common",
    "libvulkan1", "libwayland-client0", "libwayland-cursor0", "libwayland-egl1", "libwayland-server0", "libwebp7", "libwebrtc-audio-processing-1-3",
    "libx11-6", "libx11-data", "libx11-xcb1", "libxau6", "libxcb-dri3-0", "libxcb-glx0", "libxcb-present0", "libxcb-randr0", "libxcb-render0",
    "libxcb-shm0", "libxcb-sync1", "libxcb-xfixes0", "libxcb1", "libxcomposite1", "libxcursor1", "libxdamage1", "libxdmcp6", "libxext6", "libxfixes3",
    "libxi6", "libxinerama1", "libxkbcommon0", "libxrandr2", "libxrender1", "libxshmfence1", "libxss1", "libxxf86vm1", "libz3-4", "libzix-0-0",
    "mesa-libgallium", "qemu-system-gui", "qemu-system-modules-opengl", "qemu-system-modules-spice", "shared-mime-info", "x11-common", "xkb-data",
  ]
  modules = ["kernel/drivers/vfio"]
  remove = concat([
    "/usr/bin/qemu-system-i386", "/usr/share/applications", "/usr/share/icons", "/usr/lib/qemu/vhost-user-gpu", "/usr/share/qemu/vhost-user",
    "/usr/share/OVMF/OVMF_CODE_4M.ms.fd", "/usr/share/OVMF/OVMF_CODE_4M.snakeoil.fd", "/usr/share/OVMF/OVMF_VARS_4M.ms.fd",
    "/usr/share/OVMF/OVMF_VARS_4M.snakeoil.fd", "/usr/share/OVMF/OVMF_CODE_4M.secboot.strictnx.fd",
    ], [for each in [
      # Firmware of machines with other processors, and what only developers of QEMU read.
      "QEMU,cgthree.bin", "QEMU,tcx.bin", "bamboo.dtb", "canyonlands.dtb", "hppa-firmware.img", "hppa-firmware64.img", "linux-user-vdso.tar.gz",
      "npcm7xx_bootrom.bin", "npcm8xx_bootrom.bin", "openbios-ppc", "openbios-sparc32", "openbios-sparc64", "palcode-clipper", "s390-ccw.img",
      "skiboot.lid", "slof.bin", "trace-events-all", "u-boot-sam460-20100605.bin", "u-boot.e500", "vof.bin",
    ] : "/usr/share/qemu/${each}"], [for each in [
      # Parts for windows, sound, 3D and smart cards, whose libraries are left out.
      "qemu/audio-alsa", "qemu/audio-dbus", "qemu/audio-jack", "qemu/audio-oss", "qemu/audio-pa", "qemu/audio-pipewire", "qemu/audio-sdl",
      "qemu/audio-spice", "qemu/chardev-baum", "qemu/chardev-spice", "qemu/hw-display-qxl", "qemu/hw-display-virtio-gpu-gl",
      "qemu/hw-display-virtio-gpu-pci-gl", "qemu/hw-display-virtio-vga-gl", "qemu/hw-s390x-virtio-gpu-ccw", "qemu/hw-usb-redirect",
      "qemu/hw-usb-smartcard", "qemu/ui-curses", "qemu/ui-dbus", "qemu/ui-egl-headless", "qemu/ui-gtk", "qemu/ui-opengl", "qemu/ui-sdl",
      "qemu/ui-spice-app", "qemu/ui-spice-core", "vdeplug/libvdeplug_cmd",
    ] : "/usr/lib/${architecture == "arm64" ? "aarch64" : "x86_64"}-linux-gnu/${each}.so"],
  )
}
