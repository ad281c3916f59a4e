import { writeFile } from "node:fs/promises";

/** Size of a disk that the firmware takes for one. */
const IMAGE_BYTES = 1024 * 1024;
const SECTOR_BYTES = 512;
/** The last two bytes of a boot sector: BIOS Boot Specification 1.01, 6.5.1. */
const SIGNATURE = [0x55, 0xaa];

/** 16-bit programs of a few instructions, as the BIOS starts them at 0:7c00 with the boot disk's number in DL. */
const PROGRAMS = {
  /** Reads the second sector of the boot disk again and again (INT 13h, AH 02h). */
  "read-for-ever": [
    ...[0x31, 0xc0], // xor ax, ax
    ...[0x8e, 0xd8, 0x8e, 0xc0, 0x8e, 0xd0], // mov ds, ax; mov es, ax; mov ss, ax
    ...[0xbc, 0x00, 0x7c, 0xfb], // mov sp, 7c00h; sti
    ...[0xb8, 0x01, 0x02], // again: mov ax, 0201h
    ...[0xbb, 0x00, 0x80], // mov bx, 8000h
    ...[0xb9, 0x02, 0x00], // mov cx, 2
    ...[0xb6, 0x00], // mov dh, 0
    ...[0xcd, 0x13], // int 13h
    ...[0xeb, 0xf1], // jmp again
  ],
  /** Ends the machine at once: sleep state 5 by PM1a_CNT of ICH9's ACPI registers, which QEMU's q35 has at 600h. */
  "power-off": [
    ...[0xba, 0x04, 0x06], // mov dx, 604h
    ...[0xb8, 0x00, 0x20], // mov ax, 2000h: SLP_EN
    ...[0xef], // out dx, ax
    ...[0xeb, 0xfe], // jmp $
  ],
  /** Writes to the first serial port as fast as it takes characters. */
  "flood-serial": [
    ...[0xba, 0xfd, 0x03], // again: mov dx, 3fdh
    ...[0xec], // in al, dx
    ...[0xa8, 0x20], // test al, 20h
    ...[0x74, 0xf8], // jz again
    ...[0xba, 0xf8, 0x03], // mov dx, 3f8h
    ...[0xb0, 0x78], // mov al, 'x'
    ...[0xee], // out dx, al
    ...[0xeb, 0xf0], // jmp again
  ],
} as const;

/** Writes a disk image that boots one of the programs. */
export async function writeBootImage(path: string, program: keyof typeof PROGRAMS): Promise<void> {
  const image = Buffer.alloc(IMAGE_BYTES);
  image.set(PROGRAMS[program]);
  image.set(SIGNATURE, SECTOR_BYTES - SIGNATURE.length);
  await writeFile(path, image);
}
