# First stage of the demo's guest: the boot sector of disk0.
#
# The BIOS reads it to 0000:7c00 and jumps there with the number of the boot disk in DL. It loads the second stage, which
# does the demo's work, from the sectors that follow, and jumps there. Nothing here knows that the disk is a process of
# its own: the BIOS drives an lsi53c895a whose registers are forwarded to that process, and polls it for completion.
# That is why a guest this small needs no interrupts, which a proxied device has only under KVM.

        .code16
        .text
        .globl  start
        .include "entry.inc"

        .set    STAGE2_ADDRESS, 0x8000  # scripts/setup/boot_program.mjs links the second stage for this address
        .set    STAGE2_LBA, 1
        .set    STAGE2_SECTORS, 4

start:
        boot_sector_entry

        movb    %dl, boot_disk
        call    serial_init

        movb    boot_disk, %dl
        movw    $READ_SECTORS, %ax
        movw    $stage2_packet, %si
        int     $BIOS_DISK
        jc      cannot_load

        movb    boot_disk, %dl          # the second stage finds the boot disk's number where the first did
        jmp     STAGE2_ADDRESS

# AH holds the BIOS's status.
cannot_load:
        movw    $load_error, %si
        pushw   %ax
        call    print_text
        popw    %ax
        movb    %ah, %al
        call    print_hex_byte
        movw    $line_end, %si
        call    print_text
        call    power_off
1:      hlt
        jmp     1b

        .include "bios.inc"
        .include "serial.inc"

stage2_packet:
        disk_packet STAGE2_SECTORS, STAGE2_ADDRESS, STAGE2_LBA
boot_disk:
        .byte   0
load_error:
        .asciz  "bulkhead-boot: error: cannot load the second stage, BIOS status "
line_end:
        .asciz  "\r\n"

        .org    446                     # the partition table: four empty entries, so that tools see an unpartitioned disk
        .org    510
        .word   0xaa55                  # without this signature the BIOS does not boot the disk
