# After what OpenSSH's and tor's sandboxes load: a short list, the arch and x32 first.
A = arch
if (A != ARCH_X86_64) goto dead
A = sys_number
if (A >= 0x40000000) goto dead
if (A == read) goto ok
if (A == write) goto ok
if (A == close) goto ok
if (A == brk) goto ok
if (A == munmap) goto ok
if (A == exit_group) goto ok
if (A == clock_gettime) goto ok
if (A == getrandom) goto ok
if (A == poll) goto ok
if (A == mmap) goto mmap
if (A == shutdown) goto how
goto dead
mmap: A = args[2] >> 32
if (A != 0) goto dead
A = args[2]
if (A & 0xfffffffc) goto dead
goto ok
how: A = args[1]
if (A == 2) goto ok else goto dead
ok: return ALLOW
dead: return KILL_PROCESS
