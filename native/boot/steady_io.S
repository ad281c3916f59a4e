# A second stage of the tests: a guest that keeps up to sixteen devices at work, and believes nothing that it has not compared.
#
# Says "w" on the first serial port and waits for an order. On "r" it takes `turns` turns, reports and waits again; on anything
# else it powers the machine off. In a turn, each of the first `disks` disks of the BIOS gets ten requests of 24 KiB: three
# writes, those three read back, four reads of what the host put there. Each RTL8139 is sent a frame in loop-back and must have
# received it. A request that fails, and contents that differ, are told with the disk or card and end the turns.
#
# test/support/steady_io.ts lays out the disks, tells how many turns and disks there are, and checks what was written.

        .code16
        .text
        .globl  start

        .set    STACK_TOP, 0x7c00       # as the first stage leaves it
        .set    BUFFER_SEGMENT, 0x1000  # 64 KiB of free memory from 10000h on
        .set    DATA_READY, 0x01        # line status: a byte has come

start:
        call    find_cards
wait_for_order:
        movw    $STACK_TOP, %sp         # an error comes here from any depth
        movb    $'w', %al
        call    print_character
1:      hlt                             # until the BIOS's next timer tick
        movw    $UART_LINE_STATUS, %dx
        inb     %dx, %al
        testb   $DATA_READY, %al
        jz      1b
        movw    $UART_DATA, %dx
        inb     %dx, %al
        cmpb    $'r', %al
        jne     end_machine

        xorl    %eax, %eax
        movl    %eax, read_count
        movl    %eax, write_count
        movl    %eax, frame_count
        incl    %eax
        movl    %eax, turn
next_turn:
        movw    $0, disk
2:      call    work_disk
        incw    disk
        movw    disk, %ax
        cmpw    disks, %ax
        jb      2b
        movw    $0, card
3:      movw    card, %ax
        cmpw    cards, %ax
        jae     4f
        call    work_card
        incw    card
        jmp     3b
4:      incw    rounds
        incl    turn
        movw    turn, %ax
        cmpw    turns, %ax
        jbe     next_turn

        movw    $text_reads, %si
        movl    read_count, %eax
        call    print_number
        movw    $text_writes, %si
        movl    write_count, %eax
        call    print_number
        movw    $text_frames, %si
        movl    frame_count, %eax
        call    print_number
        movw    $line_end, %si
        call    print_text
        jmp     wait_for_order

# AH holds the BIOS's status.
cannot_transfer:
        movw    $text_status, %si
        shrw    $8, %ax
        movzwl  %ax, %eax
        call    print_number
disk_differs:
        movw    $text_disk, %si
        movzwl  disk, %eax
        call    print_number
        movw    $text_lba, %si
        movl    packet_lba, %eax
        jmp     tell_turn
card_differs:
        movw    $text_card, %si
        movzwl  card, %eax
tell_turn:
        call    print_number
        movw    $text_turn, %si
        movl    turn, %eax
        call    print_number
        movw    $line_end, %si
        call    print_text
        jmp     wait_for_order

end_machine:
        call    power_off
1:      hlt
        jmp     1b

# The text at SI, then EAX as eight hexadecimal digits.
print_number:
        pushl   %eax
        call    print_text
        popl    %eax
        movw    $4, %cx
1:      roll    $8, %eax
        call    print_hex_byte
        loop    1b
        ret

        .include "bios.inc"
        .include "serial.inc"
        .include "steady_disks.inc"
        .include "loopback_cards.inc"

text_reads:     .asciz  "\r\nsteady-io: reads="
text_writes:    .asciz  " writes="
text_frames:    .asciz  " frames="
text_status:    .asciz  "\r\nsteady-io: BIOS status "
text_disk:      .asciz  "\r\nsteady-io: error disk="
text_lba:       .asciz  " lba="
text_card:      .asciz  "\r\nsteady-io: error card="
text_turn:      .asciz  " turn="
line_end:       .asciz  "\r\n"

        .balign 4
turn:           .long   0
read_count:     .long   0
write_count:    .long   0
frame_count:    .long   0
disk:           .word   0
card:           .word   0
rounds:         .word   0               # turns since the start, of all orders

        .org    4 * SECTOR_SIZE - 4     # the first stage loads whole sectors
turns:          .word   0               # written here by the host
disks:          .word   0
