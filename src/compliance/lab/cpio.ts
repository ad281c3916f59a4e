/** One member of an archive. A character device has `device`; a directory, neither that nor `content`. */
export interface CpioMember {
  /** Without a leading slash; parents come first. */
  readonly path: string;
  /** Permission bits. */
  readonly mode: number;
  readonly content?: Buffer;
  readonly linkTarget?: string;
  readonly device?: { readonly major: number; readonly minor: number };
}

/** S_IFDIR, S_IFREG, S_IFLNK, S_IFCHR: include/uapi/linux/stat.h. */
const S_IFDIR = 0o040000;
const S_IFREG = 0o100000;
const S_IFLNK = 0o120000;
const S_IFCHR = 0o020000;

/**
 * An archive in the format that the kernel unpacks as its first root: `newc`, thirteen fields of eight hexadecimal digits, name
 * and content each padded to four bytes. Source: Documentation/driver-api/early-userspace/buffer-format.rst. All owners are root
 * and all times zero, so that the same members give the same bytes.
 */
export function writeCpio(members: readonly CpioMember[]): Buffer {
  const parts = members.flatMap((member, index) => writeMember(member, index + 1));
  return Buffer.concat([...parts, ...writeMember({ path: "TRAILER!!!", mode: 0, content: Buffer.alloc(0) }, 0)]);
}

function writeMember(member: CpioMember, inode: number): Buffer[] {
  const content = member.linkTarget === undefined ? (member.content ?? Buffer.alloc(0)) : Buffer.from(member.linkTarget);
  const name = Buffer.from(`${member.path}\0`);
  const { major, minor } = member.device ?? { major: 0, minor: 0 };
  const mode = inode === 0 ? 0 : fileType(member) | member.mode;
  // In order: inode, mode, uid, gid, links, mtime, size, device of the file system (2), device number (2), name size, checksum.
  const fields = [inode, mode, 0, 0, 1, 0, content.length, 0, 0, major, minor, name.length, 0];
  const header = Buffer.from(`070701${fields.map((field) => field.toString(16).padStart(8, "0")).join("")}`);
  return [pad(Buffer.concat([header, name])), pad(content)];
}

function fileType(member: CpioMember): number {
  if (member.device !== undefined) return S_IFCHR;
  if (member.linkTarget !== undefined) return S_IFLNK;
  return member.content === undefined ? S_IFDIR : S_IFREG;
}

function pad(bytes: Buffer): Buffer {
  return Buffer.concat([bytes, Buffer.alloc((4 - (bytes.length % 4)) % 4)]);
}
