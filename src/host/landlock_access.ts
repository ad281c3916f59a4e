/** What a Landlock domain can refuse; the bit of each name is its place. */
export type LandlockTable = readonly { readonly name: string; readonly abi: number }[];

/** LANDLOCK_ACCESS_FS_* in bit order, with the ABI that brought each: include/uapi/linux/landlock.h. */
export const LANDLOCK_FS_ACCESS: LandlockTable = [
  { name: "execute", abi: 1 },
  { name: "write_file", abi: 1 },
  { name: "read_file", abi: 1 },
  { name: "read_dir", abi: 1 },
  { name: "remove_dir", abi: 1 },
  { name: "remove_file", abi: 1 },
  { name: "make_char", abi: 1 },
  { name: "make_dir", abi: 1 },
  { name: "make_reg", abi: 1 },
  { name: "make_sock", abi: 1 },
  { name: "make_fifo", abi: 1 },
  { name: "make_block", abi: 1 },
  { name: "make_sym", abi: 1 },
  { name: "refer", abi: 2 },
  { name: "truncate", abi: 3 },
  { name: "ioctl_dev", abi: 5 },
];

/** LANDLOCK_ACCESS_NET_* and LANDLOCK_SCOPE_* in bit order. */
export const LANDLOCK_NET_ACCESS: LandlockTable = [
  { name: "bind_tcp", abi: 4 },
  { name: "connect_tcp", abi: 4 },
];
export const LANDLOCK_SCOPES: LandlockTable = [
  { name: "abstract_unix_socket", abi: 6 },
  { name: "signal", abi: 6 },
];

/** The names that a kernel of this ABI knows, in bit order. */
export function landlockNames(abi: number, table: LandlockTable): string[] {
  return table.filter((entry) => entry.abi <= abi).map((entry) => entry.name);
}
