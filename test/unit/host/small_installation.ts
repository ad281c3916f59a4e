import { spawnSync } from "node:child_process";
import { copyFileSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";

/** Prints a version with the help of a library of its own, as QEMU does with many. */
const PROGRAM = `
#include <stdio.h>
extern const char *small_version(void);
int main(void) { puts(small_version()); puts("second line"); return 0; }
`;
const LIBRARY = 'const char *small_version(void) { return "small 1.2.3"; }\n';

const INTERPRETER = "/lib64/ld-linux-x86-64.so.2";
const LIBC = "/lib/x86_64-linux-gnu/libc.so.6";

/**
 * A sysroot with one program, its own library, the C library and some data, merged as Debian's: /lib and /lib64 are links.
 * Made afresh, because tests change it; the caller removes it.
 */
export class SmallInstallation {
  readonly sysroot = mkdtempSync(join(tmpdir(), "bulkhead-sysroot-"));
  readonly program = "/usr/bin/small";
  readonly library: string;

  constructor(library = "/usr/lib/libsmall.so.1") {
    this.library = library;
    for (const name of ["lib", "lib64"]) {
      mkdirSync(this.path(`/usr/${name}`), { recursive: true });
      symlinkSync(`usr/${name}`, this.path(`/${name}`));
    }
    this.copy(INTERPRETER);
    this.copy(LIBC);
    this.write("/usr/share/small/b.rom", "bb");
    this.write("/usr/share/small/a.rom", "a");
    this.write("/usr/share/small/aXrom", "no");
    this.#compile();
  }

  path(inside: string): string {
    return join(this.sysroot, inside);
  }

  write(inside: string, content: string): void {
    mkdirSync(dirname(this.path(inside)), { recursive: true });
    writeFileSync(this.path(inside), content);
  }

  copy(inside: string): void {
    mkdirSync(dirname(this.path(inside)), { recursive: true });
    copyFileSync(inside, this.path(inside));
  }

  remove(): void {
    rmSync(this.sysroot, { recursive: true, force: true });
  }

  #compile(): void {
    for (const path of [this.program, this.library]) mkdirSync(dirname(this.path(path)), { recursive: true });
    const soname = `-Wl,-soname,${this.library}`;
    cc(LIBRARY, ["-shared", "-fPIC", soname, "-o", this.path(this.library)]);
    cc(PROGRAM, ["-o", this.path(this.program), this.path(this.library)]);
  }
}

function cc(source: string, args: readonly string[]): void {
  // The source before the libraries that it needs.
  const { status, stderr } = spawnSync("cc", ["-x", "c", "-", "-x", "none", ...args], { input: source, encoding: "utf8" });
  if (status !== 0) throw new Error(`cc failed: ${stderr}`);
}
