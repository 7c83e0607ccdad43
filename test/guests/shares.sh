# In a guest: a server of NFS and one of SMB, real ones, and volumes of Lares on both.
set -e
export PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/root LARES_DOCTOR=off
here=$(dirname "$0")
mount -t tmpfs t /srv; mount -t tmpfs t /var/lib/nfs; mkdir -p /var/lib/nfs/v4recovery /srv/nfs /srv/smb /run/samba
mkdir -p /sys/fs/cgroup; mount -t cgroup2 c /sys/fs/cgroup
touch /var/lib/nfs/etab /var/lib/nfs/rmtab
mount -t nfsd nfsd /proc/fs/nfsd
printf '/srv/nfs *(rw,fsid=0,no_root_squash,no_subtree_check,insecure)\n' >/etc/exports
hostname guest
echo 127.0.0.1 localhost guest >/etc/hosts
exportfs -a
# No client of an earlier life has anything to claim: the least that the kernel takes.
rpc.nfsd -N 3 -V 4.2 -L 10 -G 10 2
rpc.mountd -N 3
cat >/etc/samba/smb.conf <<CONF
[global]
  workgroup = LAB
  server role = standalone server
  disable netbios = yes
  smb ports = 445
  load printers = no
  log file = /tmp/smb.log
[papers]
  path = /srv/smb
  read only = no
CONF
mount -t tmpfs t /var/lib/samba; mkdir -p /var/lib/samba/private; mount -t tmpfs t /var/cache/samba; mount -t tmpfs t /var/log
mkdir -p /var/log/samba
printf 'secret\nsecret\n' | smbpasswd -s -a root >/dev/null
smbd -D
printf 'username=root\npassword=secret\n' >/tmp/credentials
chmod 600 /tmp/credentials
# Emulated, reading the program anew takes most of a command's time.
export NODE_COMPILE_CACHE=/tmp/compiled
exec "$NODE" --disable-warning=ExperimentalWarning "$here/shares-within.ts"
