import type { RootRecipe } from "./debian_root.js";

/** The system inside the lab. Kernels come apart, unpacked only: configuring one builds an initrd that nothing would use. */
export const LAB_ROOT: RootRecipe = {
  suite: "trixie",
  variant: "apt",
  packages: [
    // The policy, and everything that loads, reads, changes and applies it.
    ...["selinux-policy-default", "policycoreutils", "selinux-utils", "semodule-utils", "secilc", "setools", "attr"],
    // What the launcher runs on and with.
    ...["nodejs", "libseccomp2", "libselinux1", "libsepol2", "qemu-system-x86", "seabios"],
    // What init and tests use.
    ...["busybox-static", "kmod", "iproute2", "mount", "e2fsprogs", "util-linux-extra", "procps", "strace"],
  ],
};

/** Two kernels: `cloud` boots the lab in seconds, the general one has the drivers of the guests' device models. */
export const KERNELS: RootRecipe = {
  suite: "trixie",
  variant: "extract",
  // liblzma: kmod opens it at run time only, and without it depmod finds every compressed module empty, in silence.
  packages: ["linux-image-cloud-amd64", "linux-image-amd64", "busybox-static", "liblzma5"],
};
