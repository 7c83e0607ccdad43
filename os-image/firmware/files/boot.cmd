# Chooses a slot on a Raspberry Pi, by the rules of grub.cfg and with the same file, so that RAUC and `lares os` know one
# kind of machine: a slot that was started three times and never confirmed is passed over.
setenv ORDER "A B"
setenv A_OK 1
setenv B_OK 0
setenv A_TRY 0
setenv B_TRY 0
setenv RESET off
setenv known 0
if load ${devtype} ${devnum}:2 0x08000000 grub/grubenv; then
  setenv known 1
  env import -t 0x08000000 ${filesize} ORDER A_OK B_OK A_TRY B_TRY RESET
fi

setenv chosen
setenv other
for slot in ${ORDER}; do
  if test "${slot}" = "A"; then setenv ok ${A_OK}; setenv try ${A_TRY}; else setenv ok ${B_OK}; setenv try ${B_TRY}; fi
  if test "${ok}" = "1"; then
    if test -z "${chosen}" -a "${try}" != "3"; then setenv chosen ${slot}; else setenv other ${slot}; fi
  fi
done
if test -z "${chosen}"; then
  # Every slot has used up its tries: begin again, rather than stand still.
  setenv A_TRY 0
  setenv B_TRY 0
  setenv other
  for slot in ${ORDER}; do
    if test "${slot}" = "A"; then setenv ok ${A_OK}; else setenv ok ${B_OK}; fi
    if test -z "${chosen}" -a "${ok}" = "1"; then setenv chosen ${slot}; fi
  done
fi
if test -z "${chosen}"; then setenv chosen A; fi
if test "${chosen}" = "A"; then setenv try ${A_TRY}; else setenv try ${B_TRY}; fi
if test "${try}" = "0"; then setenv try 1; else if test "${try}" = "1"; then setenv try 2; else setenv try 3; fi; fi
if test "${chosen}" = "A"; then setenv A_TRY ${try}; else setenv B_TRY ${try}; fi

# The file keeps its length and its head of 25 bytes; behind the last line come number signs.
if test "${known}" = "1"; then
  mw.b 0x08100000 0x23 0x400
  cp.b 0x08000000 0x08100000 0x19
  env export -t 0x08100019 ORDER A_OK B_OK A_TRY B_TRY RESET
  setexpr end 0x08100018 + ${filesize}
  mw.b ${end} 0x23 1
  fatwrite ${devtype} ${devnum}:2 0x08100000 grub/grubenv 0x400
fi

setenv wish
if test "${RESET}" = "all"; then setenv wish lares.reset=all; fi
if test "${RESET}" = "dat"; then setenv wish lares.reset=data; fi
# More parameters of the kernel, for those who need them: a file with a line `extra=…`.
setenv extra
if load ${devtype} ${devnum}:2 0x08200000 kernel.txt; then env import -t -r 0x08200000 ${filesize} extra; fi
# The serial line of a Raspberry Pi 5 is another one.
setenv line ttyS1,115200n8
if test "${fdtfile}" = "broadcom/bcm2712-rpi-5-b.dtb"; then setenv line ttyAMA10,115200n8; fi

for slot in ${chosen} ${other}; do
  if test "${slot}" = "A"; then setenv kernel 3; setenv system 5; else setenv kernel 4; setenv system 6; fi
  echo "Lares: slot ${slot}, start ${try} of 3"
  part uuid ${devtype} ${devnum}:${system} uuid
  setenv bootargs "lares.root=${uuid} lares.slot=${slot} rauc.slot=${slot} console=${line} @KERNEL_PARAMETERS@ ${extra} ${wish}"
  if load ${devtype} ${devnum}:${kernel} 0x00200000 vmlinuz; then
    if load ${devtype} ${devnum}:${kernel} 0x0c000000 initrd; then
      setenv length ${filesize}
      setenv tree ${fdt_addr}
      if load ${devtype} ${devnum}:${kernel} 0x0b000000 dtbs/${fdtfile}; then setenv tree 0x0b000000; fi
      booti 0x00200000 0x0c000000:${length} ${tree}
    fi
  fi
done
echo "Lares: no slot starts"
sleep 10
reset
