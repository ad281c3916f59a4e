# The guest of the KVM rig: real mode, no firmware. It takes orders from a mailbox in its memory, which the host reads and writes
# through the memfd, so that an order and its result cost no exit to user space.
#
# native/rig/kvm_rig.cc starts it at 0:8000; src/compliance/kvm_rig knows the mailbox.

        .code16
        .text
        .globl  start

        .set    ORDER, 0x600            # what to do; 0 when it is done
        .set    COUNT, 0x604            # how often
        .set    HEARTBEAT, 0x608        # turns of the waiting loop
        .set    INTERRUPTS, 0x60c       # all that were taken
        .set    RESULT, 0x610
        .set    PLACE, 0x614            # offset, segment
        .set    VALUE, 0x618
        .set    TAKEN, 0x620            # by vector: VECTORS of them, 4 bytes each
        .set    TIMES_SEGMENT, 0x1000   # from 10000h on: cycles, 4 bytes each, TIMES_MAX of them
        .set    TIMES_MAX, 0x3fff

        .set    RING_PORT, 1            # orders
        .set    RING_MEMORY, 2
        .set    TIME_ROUND_TRIP, 3
        .set    TIME_EXIT, 4
        .set    TIME_DOORBELL, 5
        .set    SUM_BYTES, 6
        .set    FILL_BYTES, 7
        .set    HALT, 8

        .set    DOORBELL_PORT, 0xb10    # no device of a PC is there, and this machine has none
        .set    EXIT_PORT, 0xb20
        .set    DOORBELL_SEGMENT, 0xd000        # d0000h: no memory

        .set    FIRST_VECTOR, 0x40
        .set    VECTORS, 4
        # Registers of the x2APIC: Intel SDM volume 3, table 11-6.
        .set    APIC_EOI, 0x80b
        .set    APIC_SPURIOUS, 0x80f
        .set    APIC_ENABLED, 0x1ff     # with the vector FFh for spurious interrupts

start:
        cli
        cld
        xorw    %ax, %ax
        movw    %ax, %ds
        movw    %ax, %es
        movw    %ax, %ss
        movw    $start, %sp
        movw    $FIRST_VECTOR * 4, %di
        movw    $take_first, %ax
        movw    $VECTORS, %cx
1:      stosw
        movw    $0, (%di)
        addw    $2, %di
        addw    $HANDLER_BYTES, %ax
        loop    1b
        movl    $APIC_SPURIOUS, %ecx
        movl    $APIC_ENABLED, %eax
        xorl    %edx, %edx
        wrmsr
        sti

wait_for_order:                         # from here on its interrupts are taken
        incl    HEARTBEAT
        pause
        movw    ORDER, %bx
        testw   %bx, %bx
        jz      wait_for_order
        movl    COUNT, %ebp
        movw    $TIMES_SEGMENT, %ax
        movw    %ax, %gs
        xorw    %di, %di
        shlw    $1, %bx
        call    *orders(%bx)
        movw    $0, ORDER
        jmp     wait_for_order

orders: .word   done, ring_port, ring_memory, time_round_trip, time_exit, time_doorbell, sum_bytes, fill_bytes, halt

ring_port:
        movw    $DOORBELL_PORT, %dx
1:      outw    %ax, %dx
        decl    %ebp
        jnz     1b
done:   ret

ring_memory:
        movw    $DOORBELL_SEGMENT, %ax
        movw    %ax, %fs
1:      movl    %eax, %fs:0
        decl    %ebp
        jnz     1b
        ret

# ESI is the time-stamp counter before. DX, the port, is kept.
        .macro  begin_time
        movw    %dx, %cx
        rdtsc
        movw    %cx, %dx
        movl    %eax, %esi
        .endm

        .macro  end_time
        movw    %dx, %cx
        rdtsc
        movw    %cx, %dx
        subl    %esi, %eax
        movl    %eax, %gs:(%di)
        addw    $4, %di
        .endm

# From the doorbell to the interrupt that the device answers it with. An order that the host takes back ends it.
time_round_trip:
        movw    $DOORBELL_PORT, %dx
1:      movl    INTERRUPTS, %ebx
        begin_time
        outw    %ax, %dx
2:      cmpw    $TIME_ROUND_TRIP, ORDER
        jne     done
        cmpl    %ebx, INTERRUPTS
        je      2b
        end_time
        decl    %ebp
        jnz     1b
        ret

time_exit:
        movw    $EXIT_PORT, %dx
        jmp     time_port
time_doorbell:
        movw    $DOORBELL_PORT, %dx
time_port:
        begin_time
        outw    %ax, %dx
        end_time
        decl    %ebp
        jnz     time_port
        ret

sum_bytes:
        xorl    %ebx, %ebx
        lfsw    PLACE, %si
1:      lodsb   %fs:(%si), %al
        movzbl  %al, %eax
        addl    %eax, %ebx
        decl    %ebp
        jnz     1b
        movl    %ebx, RESULT
        ret

fill_bytes:
        lfsw    PLACE, %si
        movb    VALUE, %al
1:      movb    %al, %fs:(%si)
        incw    %si
        decl    %ebp
        jnz     1b
        ret

# Until more interrupts than COUNT have been taken. With interrupts off before the look: one that comes between the two still ends the halt.
halt:
1:      cli
        cmpl    %ebp, INTERRUPTS
        jne     2f
        sti
        hlt
        jmp     1b
2:      sti
        ret

        .macro  handler index
        incl    TAKEN + 4 * \index
        jmp     end_interrupt
        .endm

        .set    HANDLER_BYTES, 8
        .irp    index, 0, 1, 2, 3
        .balign HANDLER_BYTES, 0x90
        .if     \index == 0
take_first:
        .endif
        handler \index
        .endr

end_interrupt:
        incl    INTERRUPTS
        pushl   %eax
        pushl   %ecx
        pushl   %edx
        movl    $APIC_EOI, %ecx
        xorl    %eax, %eax
        xorl    %edx, %edx
        wrmsr
        popl    %edx
        popl    %ecx
        popl    %eax
        iret

        .org    512
