// long bulkhead_clone3(const struct clone_args *args, size_t size, void (*function)(void *), void *argument)
//
// System V x86-64: rdi = args, rsi = size, rdx = function, rcx = argument. The system call destroys rcx and r11 only,
// so function and argument wait in r8 and r9, which the child inherits.
    .text
    .globl  bulkhead_clone3
    .type   bulkhead_clone3, @function
bulkhead_clone3:
    .cfi_startproc
    endbr64
    mov     %rdx, %r8
    mov     %rcx, %r9
    mov     $435, %eax              // __NR_clone3
    syscall
    test    %rax, %rax
    jz      1f
    ret
1:  // The child: an empty stack, aligned to 16 by the caller; `call` makes it what the ABI promises to a function.
    .cfi_undefined rip
    xor     %ebp, %ebp
    mov     %r9, %rdi
    call    *%r8
    ud2                             // The function does not return.
    .cfi_endproc
    .size   bulkhead_clone3, . - bulkhead_clone3
    .section .note.GNU-stack, "", @progbits
