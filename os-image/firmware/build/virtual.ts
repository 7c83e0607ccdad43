import { open, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { succeed, type Result } from "#base/env/errors.ts";
import { digestOf } from "../../oci/archive.ts";
import type { Built } from "./build.ts";
import type { OutputOptions } from "./output-options.ts";

/** Room of machines started from the disk images of virtual machines. */
const VIRTUAL_GIB = 8;
const FORMATS = { qcow2: "qcow2 -c", vmdk: "vmdk -o subformat=streamOptimized" } as const;
/** The descriptor of a VMDK lies within its first sectors. */
const DESCRIPTOR_BYTES = 8192;
/** Where the partition LARES-BOOT begins. */
const BOOT_OFFSET = 1024 * 1024;
const OWNERS = "--sort=name --mtime=@$SOURCE_DATE_EPOCH --owner=0 --group=0 --numeric-owner --format=ustar";

/** The disk with room for data, as virtual machines take it; with a seed file, if there is to be one. */
export async function virtualDisk(
  { workshop }: Built,
  file: string,
  { format, seed }: { readonly format: keyof typeof FORMATS; readonly seed?: string },
): Promise<Result<string>> {
  if (seed !== undefined) await writeFile(join(workshop.work, "seed.hcl"), seed);
  const script = [
    "cp --sparse=always /making/disk.img /making/virtual.img",
    ...(seed === undefined
      ? []
      : [
          "touch -d @$SOURCE_DATE_EPOCH /making/seed.hcl",
          `mcopy -m -i /making/virtual.img@@${BOOT_OFFSET} /making/seed.hcl ::lares.hcl`,
          "rm /making/seed.hcl",
        ]),
    `truncate -s ${VIRTUAL_GIB}G /making/virtual.img`,
    `qemu-img convert -f raw -O ${FORMATS[format]} /making/virtual.img /making/${file}`,
    "rm /making/virtual.img",
  ];
  const made = await workshop.run(["sh", "-ec", script.join("\n")]);
  if (!made.ok) return made;
  const path = join(workshop.work, file);
  if (format === "vmdk") await fixContentId(path);
  return succeed(path);
}

/** qemu-img draws it by lot; nothing else in the file differs between two builds. */
async function fixContentId(path: string): Promise<void> {
  const file = await open(path, "r+");
  try {
    const head = Buffer.alloc(DESCRIPTOR_BYTES);
    await file.read(head, 0, head.length, 0);
    const at = head.indexOf("\nCID=", 0, "latin1");
    if (at >= 0) await file.write(Buffer.from("1a1e5001"), 0, 8, at + "\nCID=".length);
  } finally {
    await file.close();
  }
}

/** Open Virtualization Format 1.0 (DMTF DSP0243), in one file. */
export async function writeOva(name: string, { built }: OutputOptions): Promise<Result<readonly string[]>> {
  const { workshop, version } = built;
  const { work } = workshop;
  const disk = `${name}-disk1.vmdk`;
  const made = await virtualDisk(built, disk, { format: "vmdk" });
  if (!made.ok) return made;
  await writeFile(join(work, `${name}.ovf`), ovf({ name, version, disk, bytes: (await stat(made.value)).size }));
  const sums = [`${name}.ovf`, disk].map(
    async (each) => `SHA256(${each})= ${(await digestOf(join(work, each))).slice(7)}\n`,
  );
  await writeFile(join(work, `${name}.mf`), (await Promise.all(sums)).join(""));
  // The description comes first: readers take the archive as it streams by.
  const files = `${name}.ovf ${name}.mf ${disk}`;
  const packed = await workshop.run([
    "sh",
    "-ec",
    `cd /making; tar ${OWNERS.replace("--sort=name ", "")} -cf ${name}.ova ${files}; rm ${files}`,
  ]);
  return packed.ok ? succeed([join(work, `${name}.ova`)]) : packed;
}

/** Boxes of Vagrant for libvirt (https://vagrant-libvirt.github.io/vagrant-libvirt/boxes.html) and VirtualBox. */
export async function writeBoxes(name: string, { built }: OutputOptions): Promise<Result<readonly string[]>> {
  const { workshop, version } = built;
  const { work } = workshop;
  const seed = `ssh_keys = [${JSON.stringify(VAGRANT_KEY)}]\n`;
  const libvirt = await virtualDisk(built, "box.img", { format: "qcow2", seed });
  if (!libvirt.ok) return libvirt;
  const disk = "box-disk001.vmdk";
  const virtualbox = await virtualDisk(built, disk, { format: "vmdk", seed });
  if (!virtualbox.ok) return virtualbox;
  await writeFile(join(work, "Vagrantfile"), BOX_SETTINGS);
  await writeFile(join(work, "box.ovf"), ovf({ name, version, disk, bytes: (await stat(virtualbox.value)).size }));
  const kinds = [
    {
      kind: "libvirt",
      files: "metadata.json Vagrantfile box.img",
      about: { format: "qcow2", virtual_size: VIRTUAL_GIB },
    },
    { kind: "virtualbox", files: `metadata.json Vagrantfile box.ovf ${disk}`, about: {} },
  ];
  const boxes: string[] = [];
  for (const { kind, files, about } of kinds) {
    await writeFile(join(work, "metadata.json"), `${JSON.stringify({ provider: kind, ...about })}\n`);
    const file = `${name}.${kind}.box`;
    const packed = await workshop.run([
      "sh",
      "-ec",
      `cd /making; tar ${OWNERS} -cf box.tar ${files}; gzip -n -1 < box.tar > ${file}; rm box.tar`,
    ]);
    if (!packed.ok) return packed;
    boxes.push(join(work, file));
  }
  return succeed(boxes);
}

/**
 * Vagrant comes in by SSH, in boxes by a key that everybody has (https://developer.hashicorp.com/vagrant/docs/boxes/base). It
 * would put another in its place where systems can be written to.
 */
const VAGRANT_KEY =
  "ssh-rsa AAAAB3NzaC1yc2EAAAABIwAAAQEA6NF8iallvQVp22WDkTkyrtvp9eWW6A8YVr+kz4TjGYe7gHzIw+niNltGEFHzD8+v1I2YJ6oXevct1YeS0o9HZyN1Q9qgCgzUFtdOKLv6IedplqoPkcmF0aYet2PkEDo3MlTBckFXPITAMzF8dJSIFo9D8HfdOV0IAdx4O7PtixWKn5y2hMNG0zQPyUecp4pzC6kivAIhyfHilFR61RGL+GPXQ2MWZWFYbAGjyiYJnAmCP3NOTd0jMZEnDkbUvxhMmBYSdETk1rRgm+R4LOzFUGaHqHDLKLX+FIPKcF96hrucXzcWyLbIbEgE98OHlnVYCzRdK8jlqm8tehUc9c9WhQ== vagrant insecure public key";
const BOX_SETTINGS = `Vagrant.configure("2") do |config|
  config.vm.synced_folder ".", "/vagrant", disabled: true
  config.vm.allow_hosts_modification = false
  config.ssh.username = "root"
  config.ssh.insert_key = false
  config.ssh.shell = "sh"
  config.ssh.sudo_command = "%c"
  config.vm.boot_timeout = 900
end
`;

interface Described {
  readonly name: string;
  readonly version: string;
  readonly disk: string;
  readonly bytes: number;
}

function ovf({ name, version, disk, bytes }: Described): string {
  const item = (id: number, type: number, more: string): string =>
    `      <Item><rasd:InstanceID>${id}</rasd:InstanceID><rasd:ResourceType>${type}</rasd:ResourceType>${more}</Item>`;
  const named = (text: string): string => `<rasd:ElementName>${text}</rasd:ElementName>`;
  return `<?xml version="1.0" encoding="UTF-8"?>
<Envelope ovf:version="1.0" xml:lang="en-US" xmlns="http://schemas.dmtf.org/ovf/envelope/1" xmlns:ovf="http://schemas.dmtf.org/ovf/envelope/1" xmlns:rasd="http://schemas.dmtf.org/wbem/wscim/1/cim-schema/2/CIM_ResourceAllocationSettingData" xmlns:vssd="http://schemas.dmtf.org/wbem/wscim/1/cim-schema/2/CIM_VirtualSystemSettingData">
  <References><File ovf:id="file1" ovf:href="${disk}" ovf:size="${bytes}"/></References>
  <DiskSection>
    <Info>Disks</Info>
    <Disk ovf:diskId="disk1" ovf:fileRef="file1" ovf:capacity="${VIRTUAL_GIB}" ovf:capacityAllocationUnits="byte * 2^30" ovf:format="http://www.vmware.com/interfaces/specifications/vmdk.html#streamOptimized"/>
  </DiskSection>
  <NetworkSection><Info>Networks</Info><Network ovf:name="bridged"><Description>The local network</Description></Network></NetworkSection>
  <VirtualSystem ovf:id="${name}">
    <Info>Lares ${version}</Info>
    <OperatingSystemSection ovf:id="96"><Info>Debian, 64 bits</Info></OperatingSystemSection>
    <VirtualHardwareSection>
      <Info>Hardware</Info>
      <System><vssd:ElementName>Hardware</vssd:ElementName><vssd:InstanceID>0</vssd:InstanceID><vssd:VirtualSystemIdentifier>${name}</vssd:VirtualSystemIdentifier><vssd:VirtualSystemType>vmx-10 virtualbox-2.2</vssd:VirtualSystemType></System>
${[
  item(1, 3, `${named("2 processors")}<rasd:VirtualQuantity>2</rasd:VirtualQuantity>`),
  item(
    2,
    4,
    `<rasd:AllocationUnits>byte * 2^20</rasd:AllocationUnits>${named("1024 MiB")}<rasd:VirtualQuantity>1024</rasd:VirtualQuantity>`,
  ),
  item(3, 20, `<rasd:Address>0</rasd:Address>${named("SATA")}<rasd:ResourceSubType>AHCI</rasd:ResourceSubType>`),
  item(
    4,
    17,
    `<rasd:AddressOnParent>0</rasd:AddressOnParent>${named("disk")}<rasd:HostResource>ovf:/disk/disk1</rasd:HostResource><rasd:Parent>3</rasd:Parent>`,
  ),
  item(
    5,
    10,
    `<rasd:AutomaticAllocation>true</rasd:AutomaticAllocation><rasd:Connection>bridged</rasd:Connection>${named("network")}<rasd:ResourceSubType>E1000</rasd:ResourceSubType>`,
  ),
].join("\n")}
    </VirtualHardwareSection>
  </VirtualSystem>
</Envelope>
`;
}
