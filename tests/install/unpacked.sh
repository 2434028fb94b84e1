# SPDX-License-Identifier: MIT
# Read by the scripts beside it. unpack ZIP: makes the folder $root/machine that holds nothing but the unpacked zip in /var/task and an
# empty /tmp; `inside`: the command that runs another one with that folder as its root. Removed at the end.
root=$(mktemp -d)
pid=
finish() {
  [ -z "$pid" ] || { kill "$pid" 2>/dev/null && wait "$pid" 2>/dev/null; } || true
  rm -rf --one-file-system "$root"
}
trap finish EXIT

unpack() {
  mkdir -p "$root/machine/var/task" "$root/machine/tmp"
  "${SOSW_PYTHON:-python3}" - "$1" "$root/machine/var/task" <<'PYTHON'
import os, sys, zipfile
with zipfile.ZipFile(sys.argv[1]) as archive:
    for entry in archive.infolist():
        path = archive.extract(entry, sys.argv[2])
        if not entry.is_dir():
            os.chmod(path, entry.external_attr >> 16)  # as Lambda unpacks it
PYTHON
}

inside=(chroot "$root/machine")
[ "$(id -u)" -eq 0 ] || inside=(unshare --user --map-root-user chroot "$root/machine")
