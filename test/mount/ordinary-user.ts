// How root runs something as an ordinary user who may open the FUSE device, whatever the machine's own is like.

/** `nobody` of Debian. */
export const ordinaryUid = 65534;

/**
 * The words before a command: it runs as `nobody`, in a mount namespace where /dev/fuse may be opened by everybody.
 */
export const asOrdinaryUser: readonly string[] = [
  "unshare",
  "-m",
  "bash",
  "-euc",
  `node=$(mktemp -u /tmp/smfs-fuse-XXXXXX); mknod -m 666 "$node" c 10 229
   mount --bind "$node" /dev/fuse; rm "$node"
   exec setpriv --reuid=${ordinaryUid} --regid=${ordinaryUid} --clear-groups "$@"`,
  "--",
];
