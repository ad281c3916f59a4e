import type { ConstantFamily } from "./constants/index.js";

/** One argument of a syscall as the kernel declares it. */
export interface SyscallArgument {
  readonly name: string;
  /** 32 where the kernel's declaration is int-sized (SYSCALL_DEFINE), 64 for pointers, long and size_t. */
  readonly width: 32 | 64;
  /** The constants that name this argument's values, where it has such. */
  readonly family: ConstantFamily | null;
}

/**
 * SYSCALL_DEFINE of each syscall whose arguments a filter can judge, Linux 6.18; pointers are listed to keep the positions.
 * `name` is int-sized, `name*` is 64 bits wide, `name=family` takes constants of that family.
 */
const SIGNATURES = `
read fd buf* count* | write fd buf* count* | pread64 fd buf* count* pos* | pwrite64 fd buf* count* pos*
readv fd vec* vlen* | writev fd vec* vlen* | preadv fd vec* vlen* pos_l* pos_h* | pwritev fd vec* vlen* pos_l* pos_h*
preadv2 fd vec* vlen* pos_l* pos_h* flags | pwritev2 fd vec* vlen* pos_l* pos_h* flags
open pathname* flags=open mode | openat dirfd=at pathname* flags=open mode | openat2 dirfd=at pathname* how* size*
close fd | close_range fd max_fd flags | dup fd | dup2 oldfd newfd | dup3 oldfd newfd flags=open | pipe2 fds* flags=open
stat pathname* statbuf* | fstat fd statbuf* | lstat pathname* statbuf* | newfstatat dirfd=at pathname* statbuf* flags=at
statx dirfd=at pathname* flags=at mask statbuf* | statfs pathname* buf* | fstatfs fd buf*
access pathname* mode | faccessat dirfd=at pathname* mode | faccessat2 dirfd=at pathname* mode flags=at
readlink pathname* buf* bufsiz | readlinkat dirfd=at pathname* buf* bufsiz | getdents64 fd dirent* count
lseek fd offset* whence=seek | ftruncate fd length* | fallocate fd mode=falloc offset* len* | fsync fd | fdatasync fd
sync_file_range fd offset* nbytes* flags | flock fd operation | fcntl fd cmd=fcntl arg*
copy_file_range fd_in off_in* fd_out off_out* len* flags | splice fd_in off_in* fd_out off_out* len* flags
ioctl fd request=ioctl arg*
poll fds* nfds timeout | ppoll fds* nfds tmo* sigmask* sigsetsize* | select n inp* outp* exp* tvp*
epoll_create1 flags=epoll | epoll_ctl epfd op=epoll fd event* | epoll_wait epfd events* maxevents timeout
epoll_pwait epfd events* maxevents timeout sigmask* sigsetsize* | eventfd2 count flags=eventfd
timerfd_create clockid=clock flags=timerfd
timerfd_settime fd flags utmr* otmr* | signalfd4 fd mask* sizemask* flags=signalfd
inotify_init1 flags | memfd_create uname* flags=memfd | memfd_secret flags | userfaultfd flags
io_uring_setup entries params*
io_uring_enter fd to_submit min_complete flags argp* argsz* | io_uring_register fd opcode arg* nr_args
mmap addr* length* prot*=prot flags*=map fd* offset* | munmap addr* length* | mprotect addr* length* prot*=prot
pkey_mprotect addr* length* prot*=prot pkey | mremap old_address* old_size* new_size* flags*=mremap new_address*
madvise addr* length* advice=madvise | process_madvise pidfd vec* vlen* advice=madvise flags | msync addr* length* flags
mlock addr* length* | mlock2 addr* length* flags | mlockall flags | munlock addr* length* | mincore addr* length* vec*
brk addr*
mbind start* len* mode* nmask* maxnode* flags | set_mempolicy mode nmask* maxnode*
get_mempolicy policy* nmask* maxnode* addr* flags*
clone flags*=clone newsp* parent_tid* child_tid* tls* | clone3 args* size* | unshare flags*=clone | setns fd flags=clone
execve pathname* argv* envp* | execveat dirfd=at pathname* argv* envp* flags=at | exit error_code | exit_group error_code
wait4 upid stat_addr* options ru* | waitid which upid infop* options ru* | pidfd_open pid flags | pidfd_getfd pidfd fd flags
pidfd_send_signal pidfd sig=signal info* flags | kill pid sig=signal | tkill pid sig=signal | tgkill tgid pid sig=signal
rt_sigaction sig=signal act* oact* sigsetsize* | rt_sigprocmask how=sigmask set* oset* sigsetsize*
rt_sigtimedwait uthese* uinfo* uts* sigsetsize* | sigaltstack uss* uoss* | rt_sigqueueinfo pid sig=signal info*
prctl option=prctl arg2* arg3* arg4* arg5* | arch_prctl option=arch_prctl arg2* | personality personality
seccomp op=seccomp flags uargs*
prlimit64 pid resource=rlimit new_rlim* old_rlim* | getrlimit resource=rlimit rlim* | setrlimit resource=rlimit rlim*
getrusage who ru* | setpriority which who niceval | ioprio_set which who ioprio | umask mask
sched_setaffinity pid len user_mask* | sched_getaffinity pid len user_mask* | sched_setscheduler pid policy param*
sched_setparam pid param* | sched_getscheduler pid | sched_setattr pid attr* flags | membarrier cmd flags cpu_id
futex uaddr* op=futex val utime* uaddr2* val3 | set_robust_list head* len* | rseq rseq* rseq_len flags sig
set_tid_address tidptr*
clock_gettime which_clock=clock tp* | clock_getres which_clock=clock tp* | clock_nanosleep which_clock=clock flags rqtp* rmtp*
nanosleep rqtp* rmtp* | timer_create which_clock=clock event* timer_id* | setitimer which value* ovalue*
getrandom buf* count* flags
socket family=af type=sock protocol=ipproto | socketpair family=af type=sock protocol=ipproto fds* | bind fd addr* addrlen
connect fd addr* addrlen | listen fd backlog | accept fd addr* addrlen* | accept4 fd addr* addrlen* flags=sock
shutdown fd how
getsockname fd addr* addrlen* | getpeername fd addr* addrlen* | sendto fd buff* len* flags=msg addr* addr_len
recvfrom fd ubuf* size* flags=msg addr* addr_len* | sendmsg fd msg* flags=msg | recvmsg fd msg* flags=msg
sendmmsg fd mmsg* vlen flags=msg | recvmmsg fd mmsg* vlen flags=msg timeout*
setsockopt fd level=socket optname=socket optval* optlen | getsockopt fd level=socket optname=socket optval* optlen*
setresuid ruid euid suid | setresgid rgid egid sgid | setuid uid | setgid gid | capset header* data* | chroot filename*
mount source* target* fstype* flags* data* | umount2 target* flags | ptrace request* pid* addr* data* | bpf cmd uattr* size
mkdirat dirfd=at pathname* mode | unlinkat dirfd=at pathname* flag=at | renameat2 olddirfd=at old* newdirfd=at new* flags
process_vm_readv pid lvec* liovcnt* rvec* riovcnt* flags* | process_vm_writev pid lvec* liovcnt* rvec* riovcnt* flags*
perf_event_open attr* pid cpu group_fd flags* | keyctl option arg2* arg3* arg4* arg5*
add_key type* description* payload* plen* ringid
`;

const TABLE: ReadonlyMap<string, readonly SyscallArgument[]> = new Map(
  SIGNATURES.split(/[|\n]/)
    .map((line) => line.trim().split(/\s+/))
    .filter(([name]) => name !== undefined && name !== "")
    .map(([name, ...declared]) => [name as string, declared.map(readArgument)]),
);

function readArgument(declared: string): SyscallArgument {
  const [nameAndWidth = "", family] = declared.split("=");
  const name = nameAndWidth.replace("*", "");
  return { name, width: nameAndWidth.endsWith("*") ? 64 : 32, family: (family as ConstantFamily | undefined) ?? null };
}

/** The arguments of a syscall in order; undefined without an entry: a policy then names them arg0 to arg5 with a width. */
export function syscallArguments(syscall: string): readonly SyscallArgument[] | undefined {
  return TABLE.get(syscall);
}

/** Every syscall that the table describes. */
export function describedSyscalls(): readonly string[] {
  return [...TABLE.keys()];
}
