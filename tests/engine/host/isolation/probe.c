/* Asks the kernel, from inside a container, what it would allow; does no damage where it does.

   probe HOST_PID HOST_PATH [apart]
       HOST_PID   a process of the host, to look for by number
       HOST_PATH  a file of the host that a container must not see
       apart      each attempt in a mount namespace of its own, for where mounting is allowed
   probe ATTEMPT  a single one; prints its error

   Prints a line "attempt<TAB>errno" for each attempt. 0: allowed. ENODATA: a file or directory is there and empty.
   Where the kernel looks at permission first, wrong arguments keep an allowed call from having an effect: the error
   that they cause then counts as allowed. Each attempt runs in a process of its own. */

#define _GNU_SOURCE
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <net/if.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/swap.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/time.h>
#include <sys/timex.h>
#include <sys/utsname.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define LIMIT_S 10

static pid_t host_pid;
static const char *host_path;
static int leaked, apart;

/* The error of a call, 0 for success; the errors after it count as success. */
#define ANSWER(call, ...) answer((long)(call), (int[]){__VA_ARGS__ __VA_OPT__(, ) 0})

static int answer(long result, const int *harmless)
{
    if (result >= 0)
        return 0;
    for (; *harmless; harmless++)
        if (errno == *harmless)
            return 0;
    return errno;
}

static int opens(const char *path, int flags)
{
    return ANSWER(open(path, flags | O_CLOEXEC | O_NONBLOCK));
}

static int reads(const char *path)
{
    char byte[64];
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (fd < 0)
        return errno;
    ssize_t got = read(fd, byte, sizeof byte);
    return got > 0 ? 0 : got < 0 ? errno : ENODATA;
}

static int lists(const char *path)
{
    DIR *directory = opendir(path);
    if (!directory)
        return errno;
    for (struct dirent *entry; (entry = readdir(directory));)
        if (strcmp(entry->d_name, ".") && strcmp(entry->d_name, ".."))
            return 0;
    return ENODATA;
}

/* A file that is masked must be the null device and nothing that was slipped in for it (CVE-2025-31133). */
static int is_itself(const char *path)
{
    struct stat is;
    if (stat(path, &is))
        return errno;
    return S_ISCHR(is.st_mode) && is.st_rdev == makedev(1, 3) ? EACCES : 0;
}

static int has_socket(long family, long type, long protocol)
{
    return ANSWER(syscall(SYS_socket, family, type, protocol));
}

/* The first of several files that there is, which differ from one kind of control groups to the other. */
static int opens_first(const char *const *paths, int flags)
{
    for (; *paths; paths++)
        if (access(*paths, F_OK) == 0)
            return opens(*paths, flags);
    return ENOENT;
}

static int makes_node(mode_t type, dev_t device, int flags)
{
    char name[] = "/tmp/probe-XXXXXX";
    if (!mkdtemp(name) || chdir(name))
        return errno;
    int error = ANSWER(mknod("node", type | 0600, device));
    if (!error && flags >= 0)
        error = opens("node", flags);
    unlink("node");
    rmdir(name);
    return error;
}

static int clones(unsigned long flags)
{
    long child = syscall(SYS_clone, flags | SIGCHLD, 0, 0, 0, 0);
    if (child == 0)
        _exit(0);
    if (child > 0)
        waitpid((pid_t)child, NULL, 0);
    return ANSWER(child);
}

/* --- the attempts; each is named in the table below --------------------------------------------------------------- */

static int cgroup_mkdir(void)
{
    static const char *const parents[] = {"/sys/fs/cgroup/memory", "/sys/fs/cgroup/unified", "/sys/fs/cgroup", NULL};
    for (const char *const *parent = parents; *parent; parent++) {
        char path[128];
        snprintf(path, sizeof path, "%s/probe-%d", *parent, getpid());
        if (access(*parent, F_OK))
            continue;
        int error = ANSWER(mkdir(path, 0755));
        rmdir(path);
        return error;
    }
    return ENOENT;
}

static int cgroup_limit(void)
{
    static const char *const files[] = {"/sys/fs/cgroup/memory/memory.soft_limit_in_bytes", "/sys/fs/cgroup/memory.max",
                                        "/sys/fs/cgroup/cgroup.max.depth", NULL};
    return opens_first(files, O_WRONLY);
}

static int cgroup_procs(void)
{
    static const char *const files[] = {"/sys/fs/cgroup/memory/cgroup.procs", "/sys/fs/cgroup/cgroup.procs", NULL};
    return opens_first(files, O_WRONLY);
}

static int cgroup_release_agent(void)
{
    static const char *const files[] = {"/sys/fs/cgroup/memory/release_agent", "/sys/fs/cgroup/cpu/release_agent",
                                        "/sys/fs/cgroup/rdma/release_agent", "/sys/fs/cgroup/pids/release_agent", NULL};
    return opens_first(files, O_WRONLY);
}

static int cgroup_notify(void)
{
    static const char *const files[] = {"/sys/fs/cgroup/memory/notify_on_release", "/sys/fs/cgroup/cgroup.kill", NULL};
    return opens_first(files, O_WRONLY);
}

static int uevent_helper(void) { return opens("/sys/kernel/uevent_helper", O_WRONLY); }
static int power_state(void) { return opens("/sys/power/state", O_WRONLY); }
static int module_parameter(void) { return opens("/sys/module/kernel/parameters/panic", O_WRONLY); }

static int mount_tmpfs(void) { return ANSWER(mount("none", "/tmp", "tmpfs", 0, NULL)); }
static int mount_proc(void) { return ANSWER(mount("none", "/tmp", "proc", 0, NULL)); }
static int mount_sysfs(void) { return ANSWER(mount("none", "/tmp", "sysfs", 0, NULL)); }
static int mount_cgroup(void) { return ANSWER(mount("none", "/tmp", "cgroup2", 0, NULL)); }
static int mount_bind(void) { return ANSWER(mount("/proc", "/tmp", NULL, MS_BIND, NULL)); }
static int mount_overlay(void) { return ANSWER(mount("none", "/tmp", "overlay", 0, "lowerdir=/proc:/sys"), EINVAL); }
static int mount_remount(void) { return ANSWER(mount(NULL, "/proc", NULL, MS_REMOUNT | MS_BIND, NULL)); }
static int mount_propagation(void) { return ANSWER(mount(NULL, "/", NULL, MS_SHARED | MS_REC, NULL)); }
static int mount_fsopen(void) { return ANSWER(syscall(SYS_fsopen, "tmpfs", 0)); }
static int mount_fsconfig(void) { return ANSWER(syscall(SYS_fsconfig, -1, 0, 0, 0, 0), EINVAL, EBADF); }
static int mount_fsmount(void) { return ANSWER(syscall(SYS_fsmount, -1, 0, 0), EBADF); }
static int mount_fspick(void) { return ANSWER(syscall(SYS_fspick, AT_FDCWD, "/proc", 0)); }
static int mount_open_tree(void) { return ANSWER(syscall(SYS_open_tree, AT_FDCWD, "/proc", 1)); }
static int mount_move(void) { return ANSWER(syscall(SYS_move_mount, -1, "", -1, "", 0x44), EBADF); }
static int mount_setattr_(void)
{
    unsigned long long attributes[4] = {0};
    return ANSWER(syscall(SYS_mount_setattr, AT_FDCWD, "/proc", 0, attributes, sizeof attributes));
}
static int umount_mask(void) { return ANSWER(umount2("/proc/keys", 0), EINVAL); }
static int umount_lazily(void) { return ANSWER(umount2("/proc/keys", MNT_DETACH), EINVAL); }

static int unshare_user(void) { return ANSWER(unshare(CLONE_NEWUSER)); }
static int unshare_mount(void) { return ANSWER(unshare(CLONE_NEWNS)); }
static int unshare_network(void) { return ANSWER(unshare(CLONE_NEWNET)); }
static int unshare_pid(void) { return ANSWER(unshare(CLONE_NEWPID)); }
static int unshare_cgroup(void) { return ANSWER(unshare(CLONE_NEWCGROUP)); }
static int unshare_time(void) { return ANSWER(unshare(0x80)); }
static int clone_user(void) { return clones(CLONE_NEWUSER); }
static int clone_mount(void) { return clones(CLONE_NEWNS); }
static int clone_network(void) { return clones(CLONE_NEWNET); }
static int clone3_user(void)
{
    unsigned long long arguments[11] = {CLONE_NEWUSER, 0, 0, 0, SIGCHLD};
    long child = syscall(SYS_clone3, arguments, sizeof arguments);
    if (child == 0)
        _exit(0);
    return ANSWER(child);
}

static int setns_mount(void) { return ANSWER(setns(open("/proc/self/ns/mnt", O_RDONLY), CLONE_NEWNS)); }
static int setns_network(void) { return ANSWER(setns(open("/proc/self/ns/net", O_RDONLY), CLONE_NEWNET)); }
static int setns_pidfd(void) { return ANSWER(setns((int)syscall(SYS_pidfd_open, getpid(), 0), CLONE_NEWUTS)); }
static int pivot(void) { return ANSWER(syscall(SYS_pivot_root, "/proc", "/proc"), EINVAL, EBUSY); }

/* The old way out of a chroot: hold a directory outside, go up from there. Allowed if another root comes of it. */
static int leave_chroot(void)
{
    struct stat before, after;
    char name[] = "/tmp/probe-XXXXXX";
    if (stat("/", &before) || !mkdtemp(name))
        return errno;
    int here = open("/", O_RDONLY | O_DIRECTORY);
    int error = ANSWER(chroot(name));
    if (error == 0) {
        if (fchdir(here))
            return errno;
        for (int up = 0; up < 64; up++)
            if (chdir(".."))
                return errno;
        if (chroot(".") || stat("/", &after))
            return errno;
        error = before.st_ino == after.st_ino && before.st_dev == after.st_dev ? EACCES : 0;
    }
    unlinkat(here, name + 1, AT_REMOVEDIR);
    return error;
}

static int node_block(void) { return makes_node(S_IFBLK, makedev(254, 0), -1); }
static int node_memory(void) { return makes_node(S_IFCHR, makedev(1, 1), -1); }
static int node_null(void) { return makes_node(S_IFCHR, makedev(1, 3), O_RDWR); }
static int device_memory(void) { return opens("/dev/mem", O_RDONLY); }
static int device_kmsg(void) { return opens("/dev/kmsg", O_RDONLY); }
static int device_loop(void) { return opens("/dev/loop-control", O_RDWR); }
static int device_tun(void) { return opens("/dev/net/tun", O_RDWR); }

/* Any disk of the host, by the name it has there. */
static int device_disk(void)
{
    static const char *const disks[] = {"/dev/vda", "/dev/sda", "/dev/nvme0n1", "/dev/xvda", "/dev/loop0", NULL};
    return opens_first(disks, O_RDONLY);
}

static int key_add(void) { return ANSWER(syscall(SYS_add_key, "user", "probe", "x", 1, -2)); }
static int key_control(void) { return ANSWER(syscall(SYS_keyctl, 0, -2, 1, 0, 0)); }
static int key_request(void) { return ANSWER(syscall(SYS_request_key, "user", "probe", NULL, 0), ENOKEY); }

static int load_bpf(void)
{
    unsigned int map[18] = {1 /* hash */, 4, 4, 1};
    return ANSWER(syscall(SYS_bpf, 0 /* BPF_MAP_CREATE */, map, sizeof map));
}
static int open_perf(void)
{
    unsigned int event[32] = {1 /* software */, 128};
    return ANSWER(syscall(SYS_perf_event_open, event, 0, -1, -1, 0));
}
static int open_userfault(void) { return ANSWER(syscall(SYS_userfaultfd, 0)); }
static int open_uring(void)
{
    char parameters[120] = {0};
    return ANSWER(syscall(SYS_io_uring_setup, 1, parameters));
}
static int enter_uring(void) { return ANSWER(syscall(SYS_io_uring_enter, -1, 0, 0, 0, 0), EBADF); }
static int hide_memory(void) { return ANSWER(syscall(SYS_memfd_secret, 0)); }

static int module_init(void) { return ANSWER(syscall(SYS_init_module, "", 0, ""), ENOEXEC); }
static int module_file(void) { return ANSWER(syscall(SYS_finit_module, -1, "", 0), EBADF); }
static int module_delete(void) { return ANSWER(syscall(SYS_delete_module, "no_such", 0), ENOENT); }
static int kexec(void) { return ANSWER(syscall(SYS_kexec_load, 0, 1UL << 30, 0, 0), EINVAL); }
static int kexec_file(void) { return ANSWER(syscall(SYS_kexec_file_load, -1, -1, 0, "", 1UL << 30), EINVAL); }
#ifdef SYS_iopl
static int io_level(void) { return ANSWER(syscall(SYS_iopl, 3)); }
static int io_ports(void) { return ANSWER(syscall(SYS_ioperm, 0x80, 1, 1)); }
#endif
static int swap_on(void) { return ANSWER(swapon("/no/such", 0), ENOENT); }
static int swap_off(void) { return ANSWER(swapoff("/no/such"), ENOENT); }
static int boot_again(void) { return ANSWER(syscall(SYS_reboot, 0, 0, 0, 0), EINVAL); }
static int account(void) { return ANSWER(syscall(SYS_acct, "/no/such"), ENOENT); }
static int quota(void) { return ANSWER(syscall(SYS_quotactl, 0x800002 << 8, "/no/such", 0, 0), ENOENT, ESRCH, EINVAL); }
static int host_name(void)
{
    struct utsname own;
    uname(&own);
    return ANSWER(sethostname(own.nodename, strlen(own.nodename)));
}
static int clock_set(void)
{
    struct timespec impossible = {-1, -1}; /* glibc would look at it first */
    return ANSWER(syscall(SYS_clock_settime, CLOCK_REALTIME, &impossible), EINVAL);
}
static int clock_step(void)
{
    struct timex change = {.modes = ADJ_TICK, .tick = 1};
    return ANSWER(adjtimex(&change), EINVAL);
}
static int kernel_log(void)
{
    char text[64];
    return ANSWER(syscall(SYS_syslog, 3, text, sizeof text));
}

static int file_by_handle(void)
{
    struct { struct file_handle handle; char data[128]; } file = {.handle.handle_bytes = 128};
    int mount_id;
    /* a file system whose files have handles: tmpfs */
    if (name_to_handle_at(AT_FDCWD, "/dev/shm", &file.handle, &mount_id, 0))
        return errno;
    return ANSWER(open_by_handle_at(open("/dev/shm", O_RDONLY), &file.handle, O_RDONLY));
}

static int raw_inet(void) { return has_socket(AF_INET, SOCK_RAW, 6); }
static int raw_icmp(void) { return has_socket(AF_INET, SOCK_RAW, 1); }
static int raw_icmp_high_bits(void) { return has_socket(AF_INET, SOCK_RAW, 1L << 32 | 6); }
static int raw_inet6(void) { return has_socket(AF_INET6, SOCK_RAW | SOCK_CLOEXEC, 58); }
static int raw_any(void) { return has_socket(AF_INET, SOCK_RAW, 255); }
static int packet(void) { return has_socket(AF_PACKET, SOCK_RAW, 0); }
static int packet_cooked(void) { return has_socket(AF_PACKET, SOCK_DGRAM, 0); }
static int packet_old(void) { return has_socket(AF_INET, SOCK_PACKET, 0); }
static int packet_high_bits(void) { return has_socket(1L << 32 | AF_PACKET, SOCK_RAW, 0); }
static int raw_high_bits(void) { return has_socket(AF_INET, 1L << 32 | SOCK_RAW, 6); }

/* Packets of any protocol from any address, by way of a raw socket for one. */
static int raw_header(long level)
{
    int fd = socket(AF_INET, SOCK_RAW, 1), yes = 1;
    return fd < 0 ? errno : ANSWER(syscall(SYS_setsockopt, (long)fd, level, 3L, &yes, (long)sizeof yes));
}
static int raw_own_header(void) { return raw_header(0); }
static int raw_own_header_high_bits(void) { return raw_header(1L << 32); }
static int packet_pair(void)
{
    int ends[2];
    return ANSWER(socketpair(AF_PACKET, SOCK_RAW, 0, ends), EOPNOTSUPP);
}
static int vsock(void) { return has_socket(AF_VSOCK, SOCK_STREAM, 0); }
static int algorithms(void) { return has_socket(AF_ALG, SOCK_SEQPACKET, 0); }
static int xdp(void) { return has_socket(44, SOCK_RAW, 0); }
static int bluetooth(void) { return has_socket(AF_BLUETOOTH, SOCK_RAW, 1); }
static int can(void) { return has_socket(AF_CAN, SOCK_RAW, 1); }
static int tipc(void) { return has_socket(AF_TIPC, SOCK_STREAM, 0); }
static int rds(void) { return has_socket(AF_RDS, SOCK_SEQPACKET, 0); }
static int netlink_nft(void) { return has_socket(AF_NETLINK, SOCK_RAW, 12); }
static int netlink_audit(void) { return has_socket(AF_NETLINK, SOCK_RAW, 9); }
static int netlink_xfrm(void) { return has_socket(AF_NETLINK, SOCK_RAW, 6); }
static int netlink_uevent(void) { return has_socket(AF_NETLINK, SOCK_RAW, 15); }
static int netlink_generic(void) { return has_socket(AF_NETLINK, SOCK_RAW, 16); }
static int netlink_diag(void) { return has_socket(AF_NETLINK, SOCK_RAW, 4); }

static int link_flags(void)
{
    struct ifreq request = {.ifr_name = "lo"};
    int fd = socket(AF_INET, SOCK_DGRAM, 0);
    if (ioctl(fd, SIOCGIFFLAGS, &request))
        return errno;
    return ANSWER(ioctl(fd, SIOCSIFFLAGS, &request)); /* the same again */
}
static int link_address(void)
{
    struct ifreq request = {.ifr_name = "lo"};
    int fd = socket(AF_INET, SOCK_DGRAM, 0);
    if (ioctl(fd, SIOCGIFADDR, &request))
        return errno;
    return ANSWER(ioctl(fd, SIOCSIFADDR, &request));
}

/* Into a terminal of our own, that we control. */
static int terminal_push(unsigned long request)
{
    setsid();
    int master = posix_openpt(O_RDWR | O_NOCTTY);
    if (master < 0 || grantpt(master) || unlockpt(master))
        return errno;
    int slave = open(ptsname(master), O_RDWR);
    if (slave < 0)
        return errno;
    char byte[] = {'x', 0};
    return ANSWER(syscall(SYS_ioctl, (long)slave, request, byte), ENOTTY, EINVAL);
}
static int terminal_type(void) { return terminal_push(TIOCSTI); }
static int terminal_type_high_bits(void) { return terminal_push(1UL << 32 | TIOCSTI); }
static int terminal_console(void) { return terminal_push(TIOCLINUX); }

/* Whether our root is the host's. */
static int root_is_root(void)
{
    unsigned inside, outside;
    FILE *map = fopen("/proc/self/uid_map", "r");
    if (!map || fscanf(map, "%u %u", &inside, &outside) != 2)
        return errno ? errno : EIO;
    return inside == 0 && outside == 0 ? 0 : EPERM;
}

/* Whether a user gets root's rights from a program that has the setuid bit: the image's, else a copy of this one. */
static int setuid_gain(void)
{
    char name[] = "/tmp/probe-XXXXXX", bytes[65536];
    const char *program = "/bin/probe-setuid";
    if (access(program, X_OK)) {
        int from = open("/proc/self/exe", O_RDONLY), to = mkstemp(name);
        if (from < 0 || to < 0)
            return errno;
        for (ssize_t got; (got = read(from, bytes, sizeof bytes)) > 0;)
            if (write(to, bytes, (size_t)got) != got)
                return EIO;
        if (fchmod(to, 04755))
            return errno;
        close(to);
        program = name;
    }
    int status;
    pid_t child = fork();
    if (child == 0) {
        if (setgid(1000) || setuid(1000))
            _exit(errno);
        execl(program, program, "who", NULL);
        _exit(errno);
    }
    waitpid(child, &status, 0);
    if (program == name)
        unlink(name);
    return WEXITSTATUS(status);
}

static int raise_capability(void)
{
    struct __user_cap_header_struct header = {_LINUX_CAPABILITY_VERSION_3, 0};
    struct __user_cap_data_struct data[2] = {{~0u, ~0u, 0}, {0x1ff, 0x1ff, 0}};
    if (syscall(SYS_capget, &header, data))
        return errno;
    data[0].effective |= 1u << CAP_SYS_ADMIN;
    data[0].permitted |= 1u << CAP_SYS_ADMIN;
    return ANSWER(syscall(SYS_capset, &header, data));
}
static int memory_map(void) { return ANSWER(prctl(PR_SET_MM, PR_SET_MM_START_CODE, 0, 0, 0), EINVAL); }

static int pid_signal(void) { return ANSWER(kill(host_pid, 0)); }
static int pid_open(void) { return ANSWER(syscall(SYS_pidfd_open, host_pid, 0)); }
static int pid_root(void)
{
    char path[64];
    snprintf(path, sizeof path, "/proc/%d/root/", host_pid);
    return opens(path, O_RDONLY | O_DIRECTORY);
}
static int fd_leaked(void) { return leaked ? 0 : EBADF; }
static int engine_path(void) { return opens(host_path, O_RDONLY); }

static int oom_lower(void)
{
    int fd = open("/proc/self/oom_score_adj", O_WRONLY);
    return fd < 0 ? errno : ANSWER(write(fd, "-500", 4));
}
static int priority(void) { return ANSWER(setpriority(PRIO_PROCESS, 0, -20)); }
static int real_time(void)
{
    struct sched_param most = {.sched_priority = 99};
    return ANSWER(sched_setscheduler(0, SCHED_FIFO, &most));
}
static int input_priority(void) { return ANSWER(syscall(SYS_ioprio_set, 1, 0, 1 << 13)); }
static int raise_limit(void)
{
    struct rlimit limit;
    getrlimit(RLIMIT_NOFILE, &limit);
    limit.rlim_max += 1;
    return ANSWER(setrlimit(RLIMIT_NOFILE, &limit));
}
static int numa_move(void) { return ANSWER(syscall(SYS_migrate_pages, 0, 0, 0, 0), EINVAL); }
static int take_descriptor(void)
{
    int own = (int)syscall(SYS_pidfd_open, getpid(), 0);
    return ANSWER(syscall(SYS_pidfd_getfd, own, 0, 0));
}
static int personality_(void) { return ANSWER(syscall(SYS_personality, 0x0040000)); } /* ADDR_NO_RANDOMIZE */
static int sibling_memory(void)
{
    pid_t child = fork();
    if (child == 0) {
        pause();
        _exit(0);
    }
    int error = ANSWER(ptrace(PTRACE_SEIZE, child, 0, 0));
    kill(child, SIGKILL);
    return error;
}

/* Descriptors until one is refused; how it is. */
static int flood_descriptors(void)
{
    while (open("/dev/null", O_RDONLY) >= 0)
        ;
    return errno;
}

/* Bytes in shared memory until they are refused. */
static int flood_shared_memory(void)
{
    static char bytes[1 << 20];
    int fd = open("/dev/shm/flood", O_WRONLY | O_CREAT, 0600);
    if (fd < 0)
        return errno;
    while (write(fd, bytes, sizeof bytes) > 0)
        ;
    return errno;
}

/* Processes until one is refused; they end with us. */
static int flood_processes(void)
{
    for (;;) {
        pid_t child = fork();
        if (child < 0)
            return errno;
        if (child == 0) {
            pause();
            _exit(0);
        }
    }
}

/* --- the table ---------------------------------------------------------------------------------------------------- */

static const struct { const char *name; int (*attempt)(void); } CALLS[] = {
    {"cgroup: make a directory", cgroup_mkdir}, {"cgroup: set a limit", cgroup_limit},
    {"cgroup: move a process", cgroup_procs}, {"cgroup: release_agent", cgroup_release_agent},
    {"cgroup: notify_on_release", cgroup_notify},
    {"sys: uevent_helper", uevent_helper}, {"sys: power state", power_state}, {"sys: module parameter", module_parameter},
    {"mount: tmpfs", mount_tmpfs}, {"mount: proc", mount_proc}, {"mount: sysfs", mount_sysfs},
    {"mount: cgroup", mount_cgroup}, {"mount: bind", mount_bind}, {"mount: overlay", mount_overlay},
    {"mount: remount", mount_remount}, {"mount: propagation", mount_propagation}, {"mount: fsopen", mount_fsopen},
    {"mount: fsconfig", mount_fsconfig}, {"mount: fsmount", mount_fsmount}, {"mount: fspick", mount_fspick},
    {"mount: open_tree", mount_open_tree}, {"mount: move_mount", mount_move}, {"mount: mount_setattr", mount_setattr_},
    {"umount: a mask", umount_mask}, {"umount: a mask, lazily", umount_lazily},
    {"unshare: user", unshare_user}, {"unshare: mount", unshare_mount}, {"unshare: network", unshare_network},
    {"unshare: pid", unshare_pid}, {"unshare: cgroup", unshare_cgroup}, {"unshare: time", unshare_time},
    {"clone: user", clone_user}, {"clone: mount", clone_mount}, {"clone: network", clone_network},
    {"clone3: user", clone3_user},
    {"setns: mount", setns_mount}, {"setns: network", setns_network}, {"setns: by pidfd", setns_pidfd},
    {"pivot_root", pivot}, {"chroot: leave", leave_chroot},
    {"mknod: block", node_block}, {"mknod: memory", node_memory}, {"mknod: null", node_null},
    {"device: mem", device_memory}, {"device: kmsg", device_kmsg}, {"device: loop", device_loop},
    {"device: tun", device_tun}, {"device: disk", device_disk},
    {"key: add_key", key_add}, {"key: keyctl", key_control}, {"key: request_key", key_request},
    {"kernel: bpf", load_bpf}, {"kernel: perf_event_open", open_perf}, {"kernel: userfaultfd", open_userfault},
    {"kernel: io_uring_setup", open_uring}, {"kernel: io_uring_enter", enter_uring},
    {"kernel: memfd_secret", hide_memory},
    {"kernel: init_module", module_init}, {"kernel: finit_module", module_file},
    {"kernel: delete_module", module_delete}, {"kernel: kexec_load", kexec}, {"kernel: kexec_file_load", kexec_file},
#ifdef SYS_iopl
    {"kernel: iopl", io_level}, {"kernel: ioperm", io_ports},
#endif
    {"kernel: swapon", swap_on}, {"kernel: swapoff", swap_off}, {"kernel: reboot", boot_again},
    {"kernel: acct", account}, {"kernel: quotactl", quota}, {"kernel: sethostname", host_name},
    {"kernel: clock_settime", clock_set}, {"kernel: adjtimex", clock_step}, {"kernel: syslog", kernel_log},
    {"open_by_handle_at", file_by_handle},
    {"socket: raw", raw_inet}, {"socket: raw IPv6", raw_inet6}, {"socket: raw, any protocol", raw_any},
    {"socket: raw, high bits", raw_high_bits}, {"socket: raw ICMP", raw_icmp},
    {"socket: raw ICMP, high bits", raw_icmp_high_bits}, {"socket: own header", raw_own_header},
    {"socket: own header, high bits", raw_own_header_high_bits},
    {"socket: packet", packet}, {"socket: packet, cooked", packet_cooked}, {"socket: packet, the old way", packet_old},
    {"socket: packet, high bits", packet_high_bits}, {"socket: packet, a pair", packet_pair},
    {"socket: vsock", vsock}, {"socket: alg", algorithms}, {"socket: xdp", xdp}, {"socket: bluetooth", bluetooth},
    {"socket: can", can}, {"socket: tipc", tipc}, {"socket: rds", rds},
    {"netlink: nftables", netlink_nft}, {"netlink: audit", netlink_audit}, {"netlink: xfrm", netlink_xfrm},
    {"netlink: uevent", netlink_uevent}, {"netlink: generic", netlink_generic}, {"netlink: sock_diag", netlink_diag},
    {"link: flags", link_flags}, {"link: address", link_address},
    {"terminal: TIOCSTI", terminal_type}, {"terminal: TIOCSTI, high bits", terminal_type_high_bits},
    {"terminal: TIOCLINUX", terminal_console},
    {"root is the host's", root_is_root}, {"setuid program", setuid_gain}, {"capability: raise", raise_capability},
    {"prctl: PR_SET_MM", memory_map},
    {"host process: signal", pid_signal}, {"host process: pidfd", pid_open}, {"host process: its root", pid_root},
    {"a descriptor above 2", fd_leaked}, {"the engine's socket", engine_path},
    {"oom_score_adj: lower", oom_lower}, {"priority: raise", priority}, {"priority: real time", real_time},
    {"priority: input and output", input_priority}, {"limit: raise", raise_limit},
    {"memory: migrate_pages", numa_move}, {"process: pidfd_getfd", take_descriptor},
    {"process: no address randomization", personality_}, {"process: trace a child", sibling_memory},
};

/* Only by name: they take what they can get. */
static const struct { const char *name; int (*attempt)(void); } FLOODS[] = {
    {"flood: descriptors", flood_descriptors}, {"flood: shared memory", flood_shared_memory},
    {"flood: processes", flood_processes},
};

enum how { READ, WRITE, LIST, ITSELF };
static const struct { enum how how; const char *path; } FILES[] = {
    {WRITE, "/proc/sys/kernel/core_pattern"}, {WRITE, "/proc/sys/kernel/modprobe"},
    {WRITE, "/proc/sys/kernel/panic"}, {WRITE, "/proc/sys/vm/overcommit_memory"}, {WRITE, "/proc/sys/fs/file-max"},
    {WRITE, "/proc/sys/net/ipv4/ip_forward"}, {WRITE, "/proc/sys/kernel/ns_last_pid"},
    {WRITE, "/proc/sysrq-trigger"}, {WRITE, "/proc/irq/default_smp_affinity"}, 
    {READ, "/proc/kcore"}, {READ, "/proc/kmsg"}, {READ, "/proc/keys"}, {READ, "/proc/key-users"},
    {READ, "/proc/timer_list"}, {READ, "/proc/kallsyms"}, {READ, "/proc/interrupts"}, {READ, "/proc/cmdline"},
    {READ, "/proc/partitions"}, {READ, "/proc/diskstats"}, {READ, "/proc/config.gz"}, {READ, "/proc/vmallocinfo"},
    {READ, "/proc/slabinfo"}, {READ, "/proc/sched_debug"}, {READ, "/proc/pagetypeinfo"}, {READ, "/proc/iomem"},
    {READ, "/proc/ioports"},
    {LIST, "/sys/firmware"}, {LIST, "/sys/kernel/debug"}, {LIST, "/sys/kernel/tracing"}, {LIST, "/sys/kernel/security"},
    {LIST, "/sys/block"}, {LIST, "/sys/class/thermal"}, {LIST, "/sys/devices/virtual/powercap"}, {LIST, "/proc/scsi"},
    {ITSELF, "/proc/kcore"}, {ITSELF, "/proc/keys"}, {ITSELF, "/proc/timer_list"}, {ITSELF, "/proc/kallsyms"},
    {ITSELF, "/proc/interrupts"}, {ITSELF, "/proc/partitions"},
};
static const char *const VERBS[] = {"read ", "write ", "list ", "itself "};

static int by_name(const char *name)
{
    for (size_t i = 0; i < sizeof CALLS / sizeof *CALLS; i++)
        if (!strcmp(CALLS[i].name, name))
            return CALLS[i].attempt();
    for (size_t i = 0; i < sizeof FLOODS / sizeof *FLOODS; i++)
        if (!strcmp(FLOODS[i].name, name))
            return FLOODS[i].attempt();
    return ENOSYS;
}

static int of_file(enum how how, const char *path)
{
    switch (how) {
    case READ:
        return reads(path);
    case WRITE:
        return opens(path, O_WRONLY);
    case LIST:
        return lists(path);
    default:
        return is_itself(path);
    }
}

static void report(const char *verb, const char *name, int (*attempt)(void), enum how how)
{
    int status = 0;
    fflush(stdout);
    pid_t child = fork();
    if (child == 0) {
        alarm(LIMIT_S);
        if (apart && (unshare(CLONE_NEWNS) || mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL)))
            _exit(errno);
        errno = 0;
        _exit(attempt ? attempt() : of_file(how, name));
    }
    waitpid(child, &status, 0);
    printf("%s%s\t%d\n", verb, name, WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status));
}

int main(int argc, char **argv)
{
    if (argc == 2 && !strcmp(argv[1], "who")) /* run by setuid_gain */
        return geteuid() == 0 ? 0 : EPERM;
    for (int fd = 3; fd < 1024; fd++)
        leaked |= fcntl(fd, F_GETFD) >= 0;
    if (argc == 2) {
        printf("%d\n", by_name(argv[1]));
        return 0;
    }
    if (argc < 3)
        return 2;
    apart = argc > 3;
    host_pid = atoi(argv[1]);
    host_path = argv[2];
    for (size_t i = 0; i < sizeof CALLS / sizeof *CALLS; i++)
        report("", CALLS[i].name, CALLS[i].attempt, READ);
    for (size_t i = 0; i < sizeof FILES / sizeof *FILES; i++)
        report(VERBS[FILES[i].how], FILES[i].path, NULL, FILES[i].how);
    return 0;
}
