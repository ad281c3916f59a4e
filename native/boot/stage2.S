# Second stage of the demo's guest: proves, from inside, that both disks work, and leaves a proof on disk1 for the host.
#
#   1. reads the marked sector of disk0 (BIOS disk 80h) and of disk1 (81h), and prints the text that each holds;
#   2. adds up everything it has read;
#   3. writes a sector with that sum to disk1, reads it back, compares;
#   4. powers the machine off.
#
# One line on the serial port for each, all beginning "bulkhead-boot: ". A step that fails is named with the BIOS's status,
# and the machine is powered off too: whoever waits for this guest never waits for ever.
#
# examples/demo/images.ts lays out the disks and checks what is written here; the two files must agree.

        .code16
        .text
        .globl  start

        .set    DISK0, 0x80             # the BIOS numbers hard disks from 80h
        .set    DISK1, 0x81
        .set    MARKED_LBA, 8
        .set    WRITTEN_LBA, 9

        .set    MAGIC_SIZE, 8
        .set    MARKED_TEXT, 8          # after the magic: text up to a zero byte
        .set    WRITTEN_SUM, 8          # after the magic: the sum, two bytes, low one first
        .set    WRITTEN_TEXT, 10        # then text up to a zero byte

        # Sector buffers in free memory behind this program.
        .set    MARKED0, 0xa000
        .set    MARKED1, MARKED0 + SECTOR_SIZE          # directly behind: the two are summed as one
        .set    WRITTEN, MARKED1 + SECTOR_SIZE
        .set    READ_BACK, WRITTEN + SECTOR_SIZE

start:
        movb    %dl, boot_disk
        movw    $banner, %si
        call    print_text
        movb    boot_disk, %al
        call    print_hex_byte
        call    end_line

        call    read_marked_sectors
        call    sum_what_was_read
        call    write_and_compare

        movw    $powering_off, %si
        call    print_text
        jmp     end_machine

read_marked_sectors:
        movw    $read0, %bp
        call    run_step
        movw    $says0, %bx
        movw    $MARKED0, %di
        call    print_marked_text

        movw    $read1, %bp
        call    run_step
        movw    $says1, %bx
        movw    $MARKED1, %di
        jmp     print_marked_text

# Prints BX's text and that of the marked sector at DI, whose magic must be right.
print_marked_text:
        pushw   %di
        movw    $magic, %si
        movw    $MAGIC_SIZE, %cx
        repe    cmpsb
        popw    %di
        jne     wrong_magic
        movw    %bx, %si
        call    print_text
        leaw    MARKED_TEXT(%di), %si
        call    print_text
        movw    $quote_end, %si
        jmp     print_text

# Leaves in `sum` the sum, modulo 65536, of all 16-bit words of both marked sectors.
sum_what_was_read:
        xorw    %bx, %bx
        movw    $MARKED0, %si
        movw    $2 * SECTOR_SIZE / 2, %cx
1:      lodsw
        addw    %ax, %bx
        loop    1b
        movw    %bx, sum
        ret

write_and_compare:
        call    fill_written_sector
        movw    $write1, %bp
        call    run_step
        movw    $written, %si
        call    print_text
        movb    sum + 1, %al
        call    print_hex_byte
        movb    sum, %al
        call    print_hex_byte
        call    end_line

        movw    $read_back1, %bp
        call    run_step
        movw    $WRITTEN, %si
        movw    $READ_BACK, %di
        movw    $SECTOR_SIZE, %cx
        repe    cmpsb
        jne     wrong_contents
        movw    $same, %si
        jmp     print_text

# The magic, the sum, the text, and zeros to the end of the sector.
fill_written_sector:
        movw    $WRITTEN, %di
        xorw    %ax, %ax
        movw    $SECTOR_SIZE / 2, %cx
        rep     stosw
        movw    $WRITTEN, %di
        movw    $magic, %si
        movw    $MAGIC_SIZE, %cx
        rep     movsb
        movw    sum, %ax
        movw    %ax, WRITTEN + WRITTEN_SUM
        movw    $WRITTEN + WRITTEN_TEXT, %di
        movw    $proof, %si
        movw    $PROOF_SIZE, %cx
        rep     movsb
        ret

# A step is one disk transfer: BIOS function, disk, packet, and what to say when it fails.
        .macro  step function, disk, buffer, lba, name
        .word   \function
        .byte   \disk
        disk_packet 1, \buffer, \lba
        .asciz  "\name"
        .endm
        .set    STEP_DISK, 2
        .set    STEP_PACKET, 3
        .set    STEP_NAME, STEP_PACKET + 16

# Carries out the step at BP; does not return when the BIOS reports a failure. BP is kept to name the step.
run_step:
        pushw   %bp
        movw    (%bp), %ax
        movb    STEP_DISK(%bp), %dl
        leaw    STEP_PACKET(%bp), %si
        int     $BIOS_DISK              # may change any register but the segments
        popw    %bp
        jc      1f
        ret
1:      movb    %ah, %bl                # the BIOS's status
        movw    $cannot, %si
        call    print_text
        leaw    STEP_NAME(%bp), %si
        call    print_text
        movw    $status, %si
        call    print_text
        movb    %bl, %al
        call    print_hex_byte
        call    end_line
        jmp     end_machine

wrong_magic:
        movw    $no_magic, %si
        jmp     1f
wrong_contents:
        movw    $differs, %si
1:      pushw   %si
        movw    $error, %si
        call    print_text
        popw    %si
        call    print_text
        leaw    STEP_NAME(%bp), %si     # BP still names the last step
        call    print_text
        call    end_line

end_machine:
        call    power_off
        movw    $still_on, %si          # the BIOS has no way to power this machine off
        call    print_text
1:      hlt
        jmp     1b

end_line:
        movw    $line_end, %si
        jmp     print_text

        .include "bios.inc"
        .include "serial.inc"

read0:          step READ_SECTORS, DISK0, MARKED0, MARKED_LBA, "read the marked sector of disk0"
read1:          step READ_SECTORS, DISK1, MARKED1, MARKED_LBA, "read the marked sector of disk1"
write1:         step WRITE_SECTORS, DISK1, WRITTEN, WRITTEN_LBA, "write to disk1"
read_back1:     step READ_SECTORS, DISK1, READ_BACK, WRITTEN_LBA, "read back from disk1"

magic:          .ascii  "BULKHEAD"
proof:          .ascii  "written by the guest through the process of disk1"
                .set    PROOF_SIZE, . - proof

banner:         .asciz  "bulkhead-boot: running, started from BIOS disk "
says0:          .asciz  "bulkhead-boot: disk0 says \""
says1:          .asciz  "bulkhead-boot: disk1 says \""
quote_end:      .asciz  "\"\r\n"
written:        .asciz  "bulkhead-boot: disk1 written, sum "
same:           .asciz  "bulkhead-boot: disk1 read back, same\r\n"
powering_off:   .asciz  "bulkhead-boot: powering off\r\n"
still_on:       .asciz  "bulkhead-boot: still powered on, halting\r\n"
cannot:         .asciz  "bulkhead-boot: error: cannot "
status:         .asciz  ", BIOS status "
error:          .asciz  "bulkhead-boot: error: "
no_magic:       .asciz  "no magic found by: "
differs:        .asciz  "other contents found by: "
line_end:       .asciz  "\r\n"

boot_disk:      .byte   0
                .balign 2
sum:            .word   0

        .org    4 * SECTOR_SIZE         # the first stage loads whole sectors
