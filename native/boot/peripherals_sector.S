# Boot sector of the tests of serial ports and watchdogs: drives what it finds of two PCI devices, each a process of its own.
#
# Says "s" on the first serial port. A pci-serial gets an "S", and the first byte that comes from it is sent back to it and told
# on the first serial port. An i6300esb is started with its shortest time, about a second for each of its two stages, and
# never reset: its expiry is what the test waits for. Then it halts.

        .code16
        .text
        .globl  start
        .include "entry.inc"

        .set    BIOS_PCI, 0x1a          # INT 1Ah, AH=B1h: PCI BIOS Specification 2.1
        .set    PCI_FIND_DEVICE, 0xb102 # DX vendor, CX device, SI index; BX is bus and function, carry when there is none
        .set    PCI_READ_DWORD, 0xb10a  # BX, DI register; ECX
        .set    PCI_WRITE_BYTE, 0xb10b  # BX, DI register, CL
        .set    PCI_WRITE_WORD, 0xb10c  # BX, DI register, CX

        .set    QEMU_VENDOR, 0x1b36     # QEMU docs/specs/pci-ids.rst
        .set    PCI_SERIAL, 0x0002
        .set    BAR0, 0x10
        .set    BAR_FLAGS, 0x03         # the low bits of an I/O BAR
        .set    LINE_STATUS, 5          # offset of the 16550's register
        .set    DATA_READY, 0x01

        .set    INTEL_VENDOR, 0x8086    # Intel 6300ESB datasheet, 300641: chapter 20, watchdog timer
        .set    WATCHDOG_TIMER, 0x25ab
        .set    WDT_CONFIGURATION, 0x60
        .set    WDT_FAST, 0x04          # prescaler: 1 MHz instead of 1 kHz
        .set    WDT_LOCK, 0x68
        .set    WDT_ENABLE, 0x02

start:
        boot_sector_entry

        call    serial_init
        movb    $'s', %al
        call    print_character

        movw    $PCI_FIND_DEVICE, %ax
        movw    $QEMU_VENDOR, %dx
        movw    $PCI_SERIAL, %cx
        xorw    %si, %si
        int     $BIOS_PCI
        jc      watchdog
        movw    $PCI_READ_DWORD, %ax
        movw    $BAR0, %di
        int     $BIOS_PCI
        andb    $~BAR_FLAGS, %cl
        movw    %cx, %dx
        movb    $'S', %al
        outb    %al, %dx
        addw    $LINE_STATUS, %dx
2:      hlt                             # until the BIOS's next timer tick
        inb     %dx, %al
        testb   $DATA_READY, %al
        jz      2b
        subw    $LINE_STATUS, %dx
        inb     %dx, %al
        outb    %al, %dx
        call    print_character

watchdog:
        movw    $PCI_FIND_DEVICE, %ax
        movw    $INTEL_VENDOR, %dx
        movw    $WATCHDOG_TIMER, %cx
        xorw    %si, %si
        int     $BIOS_PCI
        jc      done
        movw    $PCI_WRITE_WORD, %ax
        movw    $WDT_CONFIGURATION, %di
        movw    $WDT_FAST, %cx
        int     $BIOS_PCI
        movw    $PCI_WRITE_BYTE, %ax
        movw    $WDT_LOCK, %di
        movb    $WDT_ENABLE, %cl
        int     $BIOS_PCI
done:   hlt
        jmp     done

        .include "serial.inc"

        .org    510
        .word   0xaa55                  # without this signature the BIOS does not boot the disk
