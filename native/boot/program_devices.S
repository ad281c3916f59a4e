# Boot sector of the tests of devices that other programs than QEMU emulate: the reference device and the DMA engine of examples/.
#
# Of each that is there, it moves the window of BAR 0 to A0000h, where real mode reaches it, has it copy 16 bytes, and waits up to ten
# seconds for its interrupt. It tells the device id, the status, whether the copy is the same, and how many interrupts came, as
# "b0d0 status=01 same=01 interrupts=01", then powers the machine off.

        .code16
        .text
        .globl  start
        .include "entry.inc"

        .set    BIOS_PCI, 0x1a          # INT 1Ah, AH=B1h: PCI BIOS Specification 2.1
        .set    PCI_FIND_DEVICE, 0xb102 # DX vendor, CX device, SI index; BX is bus and function, carry when there is none
        .set    PCI_READ_BYTE, 0xb108   # BX, DI register; CL
        .set    PCI_WRITE_WORD, 0xb10c  # BX, DI register, CX
        .set    PCI_WRITE_DWORD, 0xb10d # BX, DI register, ECX
        .set    PCI_COMMAND, 0x04
        .set    COMMAND_MEMORY_AND_BUS_MASTER, 0x06
        .set    BAR0, 0x10
        .set    INTERRUPT_LINE, 0x3c

        .set    WINDOW_SEGMENT, 0xa000  # the frame buffer's place, free in a machine without VGA
        .set    SOURCE, 0x9000
        .set    DESTINATION, 0x9100
        .set    LENGTH, 16
        .set    PIC1_COMMAND, 0x20      # 8259A: the second one's requests come through the first
        .set    PIC2_COMMAND, 0xa0
        .set    PIC2_MASK, 0xa1
        .set    END_OF_INTERRUPT, 0x20
        .set    PIC2_VECTORS, 0x70      # as the BIOS sets it up for requests 8 to 15
        .set    WAIT_TICKS, 182         # of the BIOS's timer: ten seconds, for a busy host's KVM injects late

# Members of an entry of `devices`.
        .set    VENDOR, 0
        .set    DEVICE, 2
        .set    SOURCE_AT, 4
        .set    DESTINATION_AT, 6
        .set    LENGTH_AT, 8
        .set    CONTROL_AT, 10
        .set    STATUS_AT, 12
        .set    ENTRY, 14

start:
        boot_sector_entry
        call    serial_init
        movw    $devices, %bp
next_device:
        movw    $PCI_FIND_DEVICE, %ax
        movw    VENDOR(%bp), %dx
        movw    DEVICE(%bp), %cx
        xorw    %si, %si
        int     $BIOS_PCI
        jc      2f
        call    work_device
2:      addw    $ENTRY, %bp
        cmpw    $devices_end, %bp
        jb      next_device
        call    power_off
3:      hlt
        jmp     3b

# The device BX, by the entry at BP.
work_device:
        movw    $PCI_WRITE_DWORD, %ax
        movw    $BAR0, %di
        movl    $WINDOW_SEGMENT << 4, %ecx
        int     $BIOS_PCI
        movw    $PCI_WRITE_WORD, %ax
        movw    $PCI_COMMAND, %di
        movw    $COMMAND_MEMORY_AND_BUS_MASTER, %cx
        int     $BIOS_PCI
        movw    $PCI_READ_BYTE, %ax
        movw    $INTERRUPT_LINE, %di
        int     $BIOS_PCI
        subb    $8, %cl                 # the BIOS routes PCI to requests 10 and 11
        movb    $1, %al
        shlb    %cl, %al
        notb    %al
        movb    %al, %ah
        inb     $PIC2_MASK, %al
        andb    %ah, %al
        outb    %al, $PIC2_MASK
        movzbw  %cl, %di
        addw    $PIC2_VECTORS, %di
        shlw    $2, %di
        movw    $take_interrupt, (%di)
        movw    $0, 2(%di)
        movb    $0, interrupts

        movw    $WINDOW_SEGMENT, %ax
        movw    %ax, %es
        movw    SOURCE_AT(%bp), %di
        movl    $SOURCE, %es:(%di)
        movw    DESTINATION_AT(%bp), %di
        movl    $DESTINATION, %es:(%di)
        movw    LENGTH_AT(%bp), %di
        movl    $LENGTH, %es:(%di)
        movl    DEVICE(%bp), %eax       # other bytes for each device
        movl    %eax, SOURCE
        movw    CONTROL_AT(%bp), %di
        movw    STATUS_AT(%bp), %si
        cli                             # the handler clears the status
        movl    $1, %es:(%di)
        movl    %es:(%si), %eax
        sti
        movb    %al, status
        movw    $WAIT_TICKS, %cx
4:      cmpb    $0, interrupts
        jne     5f
        hlt
        loop    4b

5:      xorw    %ax, %ax
        movw    %ax, %es
        movw    $SOURCE, %si
        movw    $DESTINATION, %di
        movw    $LENGTH, %cx
        repe    cmpsb
        sete    same
        movb    DEVICE + 1(%bp), %al
        call    print_hex_byte
        movb    DEVICE(%bp), %al
        call    print_hex_byte
        movw    $text_status, %si
        movb    status, %al
        call    tell
        movb    same, %al
        call    tell
        movb    interrupts, %al
        call    tell
        jmp     print_text

# The text at SI, then AL.
tell:
        pushw   %ax
        call    print_text
        popw    %ax
        jmp     print_hex_byte

take_interrupt:
        pushw   %es
        pushw   %di
        pushl   %eax
        incb    interrupts
        movw    $WINDOW_SEGMENT, %ax
        movw    %ax, %es
        movw    STATUS_AT(%bp), %di
        movl    %es:(%di), %eax
        movl    %eax, %es:(%di)         # writing the bits back clears them and lowers the line
        movb    $END_OF_INTERRUPT, %al
        outb    %al, $PIC2_COMMAND
        outb    %al, $PIC1_COMMAND
        popl    %eax
        popw    %di
        popw    %es
        iret

        .include "bios.inc"
        .include "serial.inc"

# Registers: native/reference_device/device.h, examples/dma_engine/dma_engine.ts.
devices:
        .word   0x1234, 0xb0d0, 0x40, 0x48, 0x50, 0x54, 0x58
        .word   0x1af4, 0x1100, 0x00, 0x08, 0x10, 0x14, 0x18
devices_end:

text_status:    .asciz  " status="      # told one after the other
                .asciz  " same="
                .asciz  " interrupts="
                .asciz  "\r\n"
status:         .byte   0
same:           .byte   0
interrupts:     .byte   0

        .org    510
        .word   0xaa55                  # without this signature the BIOS does not boot the disk
