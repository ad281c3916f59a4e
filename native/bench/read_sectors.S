# Boot sector of the disk benchmark: says "w" on the serial port and waits for an order. On "r" it reads the beginning of its
# own disk through the BIOS, in order, says "b" before and "e" after, and waits again; on anything else it powers the machine
# off. A read that fails is "f" and the BIOS's status. bench/reading_guest.ts gives the orders and knows how much is read.

        .code16
        .text
        .globl  start
        .include "entry.inc"

        .set    READS, 128
        .set    SECTORS_PER_READ, 127   # the most that every BIOS takes in one extended read
        .set    DATA_READY, 0x01        # line status: a byte has come
        .set    BUFFER_SEGMENT, 0x1000  # 64 KiB of free memory from 10000h on

start:
        boot_sector_entry

        movb    %dl, boot_disk
        call    serial_init

wait_for_order:
        movb    $'w', %al
        call    print_character
        # The BIOS's timer ticks 18 times a second and ends the halt: a guest that waits takes no processor time from
        # the other one.
4:      hlt
        movw    $UART_LINE_STATUS, %dx
        inb     %dx, %al
        testb   $DATA_READY, %al
        jz      4b
        movw    $UART_DATA, %dx
        inb     %dx, %al
        cmpb    $'r', %al
        jne     end_machine

        movb    $'b', %al
        call    print_character
        movl    $0, packet_lba
        movw    $READS, %cx
2:      pushw   %cx
        movb    boot_disk, %dl
        movw    $SECTORS_PER_READ, packet_count         # a BIOS may change it
        movw    $READ_SECTORS, %ax
        movw    $packet, %si
        int     $BIOS_DISK
        popw    %cx
        jc      cannot_read
        addl    $SECTORS_PER_READ, packet_lba
        loop    2b
        movb    $'e', %al
        call    print_character
        jmp     wait_for_order

# AH holds the BIOS's status.
cannot_read:
        movb    %ah, %bl
        movb    $'f', %al
        call    print_character
        movb    %bl, %al
        call    print_hex_byte
end_machine:
        call    power_off
3:      hlt
        jmp     3b

        .include "bios.inc"
        .include "serial.inc"

# A disk address packet, as of bios.inc, with a buffer outside segment zero.
packet:
        .byte   16, 0
packet_count:
        .word   0
        .word   0, BUFFER_SEGMENT
packet_lba:
        .quad   0

boot_disk:
        .byte   0

        .org    446                     # the partition table: four empty entries, so that tools see an unpartitioned disk
        .org    510
        .word   0xaa55                  # without this signature the BIOS does not boot the disk
