/* test_table.c - the description of the system calls holds together, and walks of sample calls come out.
 *
 * TAP. Every number of <asm/unistd_64.h> has a row of that name; lengths name arguments that hold
 * lengths; requests are in order; fields lie in their structures and do not overlap; structures
 * are as large as the system's headers say. Then calls are walked over this process's own memory,
 * and each extent is compared with a line of text.
 *
 * What it needs besides: src/abi/table.c, src/abi/walk.c.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <poll.h>
#include <sched.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <string.h>
#include <linux/aio_abi.h>
#include <linux/futex.h>
#include <linux/landlock.h>
#include <linux/mount.h>
#include <linux/openat2.h>
#include <linux/rtc.h>
#include <linux/sched.h>
#include <linux/seccomp.h>
#include <linux/filter.h>
#include <linux/fiemap.h>
#include <linux/fs.h>
#include <linux/quota.h>
#include <linux/tcp.h>
#include <linux/time_types.h>
#include <linux/vt.h>
#include <mqueue.h>
#include <net/if.h>
#include <netinet/in.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/ipc.h>
#include <sys/msg.h>
#include <sys/resource.h>
#include <sys/select.h>
#include <sys/sem.h>
#include <sys/shm.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/sysinfo.h>
#include <sys/time.h>
#include <sys/times.h>
#include <sys/timex.h>
#include <sys/uio.h>
#include <sys/un.h>
#include <sys/utsname.h>
#include <sys/mman.h>
#include <unistd.h>
#include <utime.h>

#include "abi/kernel_types.h"
#include "abi/table.h"
#include "abi/walk.h"
#include "base/base.h"
#include "tap.h"

/* ---- the rows ---- */

#define GRAMMAR_WORDS
#include "abi/grammar.h"
#define ARGUMENT(name, kind, dir, set, cap, len) #name

static const struct { const char *name, *args[7]; } names[] = {
#define SYS(nr, name, who, returns, ...) [nr] = {#name, {__VA_ARGS__}},
#include "abi/syscalls.def"
};

static const struct { const char *call, *name; uint32_t nr; } picks_of[] = {
#define PICKS(call, nr, argument, mask) {#call, #call, nr},
#include "abi/picks.def"
};

/* Keys come as they stand in the file; a group begins where the call's name changes. */
static const struct { const char *call, *name; uint64_t key; const char *args[7]; } picks[] = {
#define PICK(call, key, NAME, who, returns, ...) {#call, #NAME, key, {__VA_ARGS__}},
#include "abi/picks.def"
};

static const uint8_t key_arg[] = {
#define PICKS(call, nr, argument, mask) argument,
#include "abi/picks.def"
};

static unsigned count_names(const char *const *args)
{
	unsigned n = 0;

	while (args[n])
		n++;
	return n;
}

/* What the installed header may be too old to have. */
static void test_newest_numbers(void)
{
	static const char *const from_451[] = {
		"cachestat", "fchmodat2", "map_shadow_stack", "futex_wake", "futex_wait", "futex_requeue", "statmount", "listmount",
		"lsm_get_self_attr", "lsm_set_self_attr", "lsm_list_modules", "mseal", "setxattrat", "getxattrat", "listxattrat",
		"removexattrat", "open_tree_attr", "file_getattr", "file_setattr"};
	int missing = 0;

	for (unsigned nr = 0; nr <= 469; nr++) {
		if (nr > 336 && nr < 424)
			continue;
		if (nr >= countof(names) || !names[nr].name || !row_plain(nr)) {
			printf("# %u has no row\n", nr);
			missing++;
		}
	}
	ok(!missing, "0 to 336 and 424 to 469 have a row");
	for (unsigned i = 0; i < countof(from_451); i++)
		ok(!strcmp(names[451 + i].name, from_451[i]), "%u is %s", 451 + i, from_451[i]);
}

static void test_numbers(void)
{
	static const char *const paths[] = {
		"/usr/include/x86_64-linux-gnu/asm/unistd_64.h", "/usr/include/asm/unistd_64.h"};
	int seen = 0, wrong = 0;
	char line[256], name[128];
	unsigned nr;
	FILE *f = NULL;

	for (unsigned i = 0; i < countof(paths) && !f; i++)
		f = fopen(paths[i], "r");
	if (!f) {
		printf("ok %d - # SKIP no <asm/unistd_64.h>\n", ++tests);
		return;
	}
	while (fgets(line, sizeof(line), f)) {
		if (sscanf(line, "#define __NR_%127s %u", name, &nr) != 2)
			continue;
		seen++;
		if (nr >= countof(names) || !names[nr].name || strcmp(names[nr].name, name) || !row_plain(nr)) {
			printf("# %u is %s, the table says %s\n", nr, name, nr < countof(names) ? names[nr].name : "nothing");
			wrong++;
		}
	}
	fclose(f);
	ok(seen > 300 && !wrong, "the header's %d numbers have a row of that name", seen);
}

static bool holds_size(const struct argument *a)
{
	switch (a->kind) {
	case K_SIZE: case K_INT: case K_UINT: case K_LONG: case K_ULONG:
		return true;
	default:
		return false;
	}
}

/* A length names an argument that there is, and that is of the right kind. */
static bool length_good(const struct row *r, struct len l)
{
	switch (l.op) {
	case L_ARG: case L_ARGS: case L_BITS: case L_NODES: case L_PAGES:
		return l.arg >= 1 && l.arg <= r->nargs && holds_size(&r->a[l.arg - 1]);
	case L_AT: case L_AT0:
		return l.arg >= 1 && l.arg <= r->nargs && r->a[l.arg - 1].kind == K_INTS;
	case L_IFBITS:
		return l.arg >= 1 && l.arg <= r->nargs && r->a[l.arg - 1].kind == K_FLAGS;
	default:
		return l.op <= L_SELFN;
	}
}

static bool row_good(const struct row *r, unsigned nargs, const char *name)
{
	bool good = r->nargs == nargs && nargs <= 6;

	if ((r->who & WHO_MASK) < ONCE || (r->who & WHO_MASK) > UNKNOWN)
		good = false;
	for (unsigned i = 0; i < r->nargs; i++) {
		const struct argument *a = &r->a[i];
		bool shaped = a->kind == K_STRUCT || a->kind == K_ARRAY;

		good = good && length_good(r, a->cap) && length_good(r, a->len);
		good = good && a->kind && a->kind < K_KINDS && (a->kind >= K_BUF) == (a->dir != 0);
		good = good && (shaped ? a->set && a->set < SHAPE_COUNT : 1);
		good = good && (a->kind == K_FLAGS || a->kind == K_ENUM ? a->set && a->set < SET_COUNT : 1);
		/* What has no capacity would be lost in silence. */
		good = good && (a->dir == 0 || a->cap.op != L_NONE);
	}
	if (!good)
		printf("# row %u %s: something of it can't be so\n", r->nr, name);
	return good;
}

static void test_rows(void)
{
	int rows = 0, wrong = 0;

	for (unsigned nr = 0; nr < countof(names); nr++) {
		const struct row *r = row_plain(nr);

		if (!names[nr].name)
			continue;
		rows++;
		wrong += !r || r->nr != nr || !row_good(r, count_names(names[nr].args), names[nr].name);
	}
	ok(!wrong, "%d rows: lengths name lengths, capacities are there", rows);
	ok(table_rows == countof(names) && !row_plain(337) && !row_plain(1 << 20), "and there are none between, or after");
}

static uint32_t pick_number(const char *call, unsigned *ret_arg)
{
	for (unsigned i = 0; i < countof(picks_of); i++)
		if (!strcmp(picks_of[i].call, call)) {
			*ret_arg = key_arg[i];
			return picks_of[i].nr;
		}
	return ~0u;
}

static void test_picks(void)
{
	int wrong = 0;

	for (unsigned i = 0; i < countof(picks); i++) {
		uint64_t args[6] = {0};
		struct row scratch;
		unsigned arg = 0;
		uint32_t nr = pick_number(picks[i].call, &arg);
		const struct row *r;
		bool good;

		if (arg) {
			args[arg - 1] = picks[i].key;
		} else {
			args[1] = picks[i].key >> 32;
			args[2] = (uint32_t)picks[i].key;
		}
		r = row_find(nr, args, &scratch);
		good = r != &scratch && r != row_plain(nr) && r->nr == nr && !(r->who & PICKED);
		good = good && row_plain(nr)->who & PICKED;
		good = good && row_good(r, count_names(picks[i].args), picks[i].name);
		if (i && !strcmp(picks[i].call, picks[i - 1].call))
			good = good && picks[i].key > picks[i - 1].key;
		if (!good)
			printf("# %s %s: not found, or not in order\n", picks[i].call, picks[i].name);
		wrong += !good;
	}
	ok(!wrong, "%zu requests are in order and found", countof(picks));
}

/* What of a call leaves the program. */
static bool leaves(uint32_t nr, unsigned arg, bool memory, uint64_t flags)
{
	uint64_t args[6] = {1, flags, flags};
	struct row scratch;
	const struct row *r = row_find(nr, args, &scratch);

	return row_leaves(r, args, arg, memory);
}

static void test_leaves(void)
{
	ok(leaves(1, 2, true, 0) && !leaves(1, 2, false, 0) && !leaves(1, 3, false, 0), "write: the bytes, not where they are and how many");
	ok(leaves(257, 2, true, 64) && leaves(257, 4, false, 64), "openat(O_CREAT): name and mode");
	ok(!leaves(257, 2, true, 0), "openat to read: nothing");
	ok(!leaves(262, 2, true, 0) && !leaves(21, 1, true, 0), "stat, access: nothing");
	ok(leaves(82, 1, true, 0) && leaves(82, 2, true, 0), "rename: both names");
	ok(leaves(231, 1, false, 0) && leaves(59, 2, true, 0), "exit_group: the status; execve: the arguments");
	ok(!leaves(35, 1, true, 0) && !leaves(202, 1, true, 0) && !leaves(0, 2, true, 0), "nanosleep, futex, read: nothing");
}

static void test_find(void)
{
	uint64_t args[6] = {0};
	struct row scratch;
	const struct row *r = row_find(400, args, &scratch);

	ok(r->nr == 400 && row_who(r) == UNKNOWN && r->nargs == 6 && r->a[5].kind == K_HEX, "400 is unknown");
	r = row_find(0x40000000 | 1, args, &scratch);
	ok(row_who(r) == REFUSE && !(r->who & PERMS), "x32 calls are refused");
	ok(row_who(row_find(324, args, &scratch)) == EACH, "membarrier is made by every version");
	args[1] = 128 | 1;
	r = row_find(202, args, &scratch);
	ok(row_who(r) == ONCE && r->who & QUICK, "futex(FUTEX_WAKE_PRIVATE) is quick");
	args[1] = 256 | 128 | 9;
	r = row_find(202, args, &scratch);
	ok(row_who(r) == ONCE && !(r->who & QUICK), "futex(FUTEX_WAIT_BITSET_PRIVATE|FUTEX_CLOCK_REALTIME) may sleep");
	args[1] = 7;
	r = row_find(72, args, &scratch);
	ok(!(r->who & QUICK), "fcntl(F_SETLKW) may sleep");
	args[1] = 1u << 31 | 100;
	ok(row_who(row_find(72, args, &scratch)) == UNKNOWN, "fcntl of an unknown command is unknown");
	args[1] = 0x40087602;
	r = row_find(16, args, &scratch);
	ok(r->a[2].kind == K_INTS && r->a[2].cap.k == 4, "FS_IOC_SETVERSION says long and reads an int");
	args[1] = 0xc0105099;
	r = row_find(16, args, &scratch);
	ok(r == &scratch && r->a[2].dir == D_INOUT && r->a[2].cap.k == 16, "_IOWR('P', 0x99, 16 bytes) goes by its encoding");
	args[1] = 0xc01064b3;
	ok(row_who(row_find(16, args, &scratch)) == UNKNOWN, "but not where structures hold pointers");
	args[1] = 0x5099;
	args[2] = 0x7fff00001000;
	ok(row_who(row_find(16, args, &scratch)) == UNKNOWN, "a request without an encoding is unknown");
	args[2] = 1;
	ok(row_who(row_find(16, args, &scratch)) == ONCE, "unless its argument can't be an address");
	args[0] = 0xdeadbeef00000005;
	ok(row_arg(row_plain(0), args, 1) == 5, "rubbish above an int does not count");
	args[0] = 0xffffff9c;
	ok(row_arg(row_plain(257), args, 1) == (uint64_t)-100, "AT_FDCWD is negative");
	ok(row_needs_entry(row_plain(51)) && row_needs_entry(row_plain(47)) && row_needs_entry(row_plain(7)),
	   "getsockname, recvmsg, poll must be looked at on entry");
	ok(!row_needs_entry(row_plain(0)) && !row_needs_entry(row_plain(1)), "read and write need not");
}

/* ---- the structures ---- */

static void test_shapes(void)
{
	int wrong = 0;

	for (unsigned s = 1; s < SHAPE_COUNT; s++) {
		unsigned n, end = 0;
		const struct field *f = shape_fields(s, &n);
		bool good = n > 0 && shape_size(s) > 0;

		for (unsigned i = 0; i < n; i++) {
			good = good && f[i].shape == s && f[i].offset >= end && f[i].kind && f[i].kind < K_KINDS;
			end = f[i].offset + f[i].size;
			good = good && end <= shape_size(s) && f[i].count <= n;
			good = good && (!f[i].is_ptr || f[i].size == 8);
			if (f[i].kind == K_STRUCT && !f[i].is_ptr)
				good = good && f[i].set < SHAPE_COUNT && shape_size(f[i].set) == f[i].size;
		}
		if (!good)
			printf("# shape %u\n", s);
		wrong += !good;
	}
	ok(!wrong, "%d structures: fields lie within and do not overlap", SHAPE_COUNT - 1);
}

static const struct { const char *name; size_t ours, system; } sizes[] = {
#define SAME(name, type) {#name, sizeof(struct k_##name), sizeof(type)}
	SAME(timespec, struct timespec), SAME(timeval, struct timeval), SAME(timezone, struct timezone),
	SAME(itimerval, struct itimerval), SAME(itimerspec, struct itimerspec), SAME(utimbuf, struct utimbuf),
	SAME(tms, struct tms), SAME(timex, struct timex), SAME(rtc_time, struct rtc_time), SAME(stat, struct stat),
	SAME(statx, struct statx), SAME(statfs, struct statfs), SAME(flock, struct flock),
	SAME(f_owner_ex, struct f_owner_ex), SAME(open_how, struct open_how), SAME(file_handle, struct file_handle),
	SAME(fsxattr, struct fsxattr), SAME(file_clone_range, struct file_clone_range),
	SAME(fstrim_range, struct fstrim_range), SAME(fiemap, struct fiemap), SAME(dqblk, struct if_dqblk),
	SAME(dqinfo, struct if_dqinfo), SAME(vt_mode, struct vt_mode), SAME(vt_stat, struct vt_stat),
	SAME(ifreq, struct ifreq), SAME(ifconf, struct ifconf), SAME(iovec, struct iovec), SAME(msghdr, struct msghdr),
	SAME(mmsghdr, struct mmsghdr), SAME(epoll_event, struct epoll_event), SAME(pollfd, struct pollfd),
	SAME(ucred, struct ucred), SAME(linger, struct linger), SAME(ip_mreq, struct ip_mreq),
	SAME(ip_mreqn, struct ip_mreqn), SAME(ipv6_mreq, struct ipv6_mreq), SAME(sock_filter, struct sock_filter),
	SAME(sock_fprog, struct sock_fprog), SAME(rlimit, struct rlimit), SAME(rusage, struct rusage),
	SAME(sysinfo, struct sysinfo), SAME(utsname, struct utsname), SAME(clone_args, struct clone_args),
	SAME(robust_list_head, struct robust_list_head), SAME(futex_waitv, struct futex_waitv),
	SAME(stack, stack_t), SAME(siginfo, siginfo_t),
	SAME(sigevent, struct sigevent), SAME(ipc_perm, struct ipc_perm), SAME(msqid_ds, struct msqid_ds),
	SAME(msginfo, struct msginfo), SAME(semid_ds, struct semid_ds), SAME(seminfo, struct seminfo),
	SAME(sembuf, struct sembuf), SAME(shmid_ds, struct shmid_ds), SAME(shminfo, struct shminfo),
	SAME(shm_info, struct shm_info), SAME(mq_attr, struct mq_attr), SAME(mount_attr, struct mount_attr),
	SAME(landlock_path, struct landlock_path_beneath_attr), SAME(seccomp_notif_sizes, struct seccomp_notif_sizes),
};

static const struct { const char *name; size_t ours, system; } offsets[] = {
#define AT_SAME(name, type, ours, theirs) {#name "." #ours, offsetof(struct k_##name, ours), offsetof(type, theirs)}
	AT_SAME(stat, struct stat, st_mode, st_mode), AT_SAME(stat, struct stat, st_size, st_size),
	AT_SAME(stat, struct stat, st_ctim, st_ctim), AT_SAME(statx, struct statx, stx_mnt_id, stx_mnt_id),
	AT_SAME(statx, struct statx, stx_mtime, stx_mtime), AT_SAME(statfs, struct statfs, f_flags, f_flags),
	AT_SAME(msghdr, struct msghdr, msg_flags, msg_flags), AT_SAME(msghdr, struct msghdr, msg_controllen, msg_controllen),
	AT_SAME(mmsghdr, struct mmsghdr, msg_len, msg_len), AT_SAME(timex, struct timex, tick, tick),
	AT_SAME(timex, struct timex, tai, tai), AT_SAME(timex, struct timex, time, time),
	AT_SAME(sysinfo, struct sysinfo, mem_unit, mem_unit), AT_SAME(sysinfo, struct sysinfo, procs, procs),
	AT_SAME(clone_args, struct clone_args, set_tid, set_tid), AT_SAME(clone_args, struct clone_args, cgroup, cgroup),
	AT_SAME(shmid_ds, struct shmid_ds, shm_nattch, shm_nattch), AT_SAME(shmid_ds, struct shmid_ds, shm_segsz, shm_segsz),
	AT_SAME(msqid_ds, struct msqid_ds, msg_qbytes, msg_qbytes), AT_SAME(semid_ds, struct semid_ds, sem_nsems, sem_nsems),
	AT_SAME(sigevent, struct sigevent, sigev_notify, sigev_notify), AT_SAME(sigevent, struct sigevent, sigev_tid, _sigev_un._tid),
	AT_SAME(rusage, struct rusage, ru_nivcsw, ru_nivcsw), AT_SAME(flock, struct flock, l_pid, l_pid),
	AT_SAME(stack, stack_t, ss_size, ss_size), AT_SAME(ipc_perm, struct ipc_perm, mode, mode),
};

static void test_sizes(void)
{
	int wrong = 0;

	for (unsigned i = 0; i < countof(sizes); i++)
		if (sizes[i].ours != sizes[i].system) {
			printf("# %s: %zu bytes, the header says %zu\n", sizes[i].name, sizes[i].ours, sizes[i].system);
			wrong++;
		}
	ok(!wrong, "%zu structures are as large as the headers say", countof(sizes));
	for (unsigned i = wrong = 0; i < countof(offsets); i++)
		if (offsets[i].ours != offsets[i].system) {
			printf("# %s: at %zu, the header says %zu\n", offsets[i].name, offsets[i].ours, offsets[i].system);
			wrong++;
		}
	ok(!wrong, "%zu fields lie where the headers say", countof(offsets));
}

/* ---- walks ---- */

/* Memory that has a name in what is expected. */
static struct { const char *name; void *at; size_t size; } known[32];
static unsigned nknown;

static void know(const char *name, void *at, size_t size)
{
	known[nknown].name = name;
	known[nknown].at = at;
	known[nknown++].size = size;
}
#define KNOW(x) know(#x, &(x), sizeof(x))

static int read_self(void *ctx, uint64_t addr, void *to, size_t len)
{
	struct iovec local = {to, len}, remote = {(void *)addr, len};

	(void)ctx;
	return process_vm_readv(getpid(), &local, 1, &remote, 1, 0) == (ssize_t)len ? 0 : -EFAULT;
}

/* "argument name+offset length" */
static int note(void *ctx, const struct extent *e)
{
	struct buf *b = ctx;
	unsigned i = 0;

	while (i < nknown && (e->addr < (uint64_t)known[i].at || e->addr >= (uint64_t)known[i].at + known[i].size))
		i++;
	buf_printf(b, "%u ", e->arg);
	if (i == nknown)
		buf_printf(b, "%#lx", e->addr);
	else if (e->addr == (uint64_t)known[i].at)
		buf_printf(b, "%s", known[i].name);
	else
		buf_printf(b, "%s+%lu", known[i].name, e->addr - (uint64_t)known[i].at);
	buf_printf(b, " %lu%s; ", e->len, e->dir & D_VARIES ? "?" : "");
	return 0;
}

static struct walk w;
static uint64_t args[6];
static struct row scratch;

static void begin(uint32_t nr, uint64_t a, uint64_t b, uint64_t c, uint64_t d, uint64_t e, uint64_t f)
{
	memcpy(args, (uint64_t[]){a, b, c, d, e, f}, sizeof(args));
	memset(&w, 0, sizeof(w));
	w.row = row_find(nr, args, &scratch);
	w.args = args;
	w.read = read_self;
	w.visit = note;
}
#define BEGIN(nr, a, b, c, d, e, f) \
	begin(nr, (uint64_t)(a), (uint64_t)(b), (uint64_t)(c), (uint64_t)(d), (uint64_t)(e), (uint64_t)(f))

static void compare_text(const char *what, struct buf *b, const char *expected)
{
	const char *got = b->at ? b->at : "";

	ok(!strcmp(got, expected), "%s", what);
	if (strcmp(got, expected))
		printf("#      got: %s\n# expected: %s\n", got, expected);
	buf_free(b);
}

static void entry(const char *what, const char *expected)
{
	struct buf b = {0};

	w.ctx = &b;
	walk_entry(&w);
	compare_text(what, &b, expected);
}

static void leave(int64_t ret, const char *what, const char *expected)
{
	struct buf b = {0};

	w.ctx = &b;
	w.ret = ret;
	walk_exit(&w);
	compare_text(what, &b, expected);
}

static int note_room(void *ctx, const struct extent *e)
{
	struct buf *b = ctx;

	note(ctx, e);
	b->len -= 2;
	buf_printf(b, " %s; ", e->dir == D_IN ? "in" : e->dir == D_OUT ? "out" : "inout");
	return 0;
}

static void room(const char *what, const char *expected)
{
	struct buf b = {0};

	w.ctx = &b;
	w.visit = note_room;
	walk_room(&w);
	compare_text(what, &b, expected);
}

static void test_plain(void)
{
	char data[64];
	struct timespec req = {1, 0}, rem;
	int status;
	struct rusage usage;

	nknown = 0;
	KNOW(data); KNOW(req); KNOW(rem); KNOW(status); KNOW(usage);
	BEGIN(0, 3, data, 64, 0, 0, 0);
	entry("read reads nothing", "");
	leave(10, "read writes what it returns", "2 data 10; ");
	leave(-5, "a failed read writes nothing", "");
	BEGIN(45, 3, data, 64, 0x20, 0, 0);
	entry("recvfrom reads nothing", "");
	leave(9000, "recvfrom(MSG_TRUNC) returns more than it writes", "2 data 64; ");
	BEGIN(1, 1, data, 0xffffffff00000007, 0, 0, 0);
	entry("write's length has 64 bits", "2 data 2147479552; ");
	BEGIN(1, 1, data, 7, 0, 0, 0);
	entry("write reads its buffer", "2 data 7; ");
	leave(7, "and writes nothing", "");
	BEGIN(35, &req, &rem, 0, 0, 0, 0);
	entry("nanosleep reads the time", "1 req 16; ");
	leave(0, "nanosleep leaves the remainder alone when it slept", "");
	leave(-4, "and writes it on EINTR", "2 rem 16?; ");
	leave(-516, "and before a restart", "2 rem 16?; ");
	leave(-22, "but not on EINVAL", "");
	BEGIN(61, -1, &status, 1, &usage, 0, 0);
	entry("wait4 reads nothing", "");
	leave(0, "wait4(WNOHANG) writes nothing when it found nobody", "");
	leave(123, "wait4 writes status and usage", "2 status 4; 4 usage 144?; ");
	BEGIN(27, 0x1000, 4097, data, 0, 0, 0);
	entry("mincore reads nothing", "");
	leave(0, "mincore writes a byte a page", "3 data 2?; ");
	BEGIN(115, 4, data, 0, 0, 0, 0);
	entry("getgroups reads nothing", "");
	leave(3, "getgroups writes as many as there are", "2 data 12; ");
	BEGIN(115, 0, data, 0, 0, 0, 0);
	entry("getgroups(0) reads nothing", "");
	leave(3, "getgroups(0) writes nothing", "");
	BEGIN(70, 1, data, 40, 0, 0, 0);
	entry("msgrcv reads nothing", "");
	leave(5, "msgrcv writes the type and the text", "2 data 13; ");
	BEGIN(2, 1, 0, 0, 0, 0, 0);
	entry("a path that can't be read is left out", "");
}

static void test_sockets(void)
{
	char one[10], two[20], control[64], name[28];
	struct iovec iov[2] = {{one, sizeof(one)}, {two, sizeof(two)}};
	struct msghdr msg = {.msg_name = name, .msg_namelen = sizeof(name), .msg_iov = iov, .msg_iovlen = 2,
	                     .msg_control = control, .msg_controllen = sizeof(control)};
	struct mmsghdr many[2] = {{.msg_hdr = msg}, {.msg_hdr = {.msg_iov = iov + 1, .msg_iovlen = 1}}};
	socklen_t len = sizeof(name);

	nknown = 0;
	KNOW(one); KNOW(two); KNOW(control); KNOW(name); KNOW(iov); KNOW(msg); KNOW(many); KNOW(len);
	BEGIN(19, 3, iov, 2, 0, 0, 0);
	entry("readv reads the vector", "2 iov 32; ");
	leave(13, "readv fills one buffer after the other", "2 one 10; 2 two 3; ");
	BEGIN(20, 3, iov, 2, 0, 0, 0);
	entry("writev reads the buffers, too", "2 iov 32; 2 one 10; 2 two 20; ");
	BEGIN(19, 3, iov, 1 << 20, 0, 0, 0);
	entry("a vector that is too long is EINVAL", "");
	BEGIN(47, 3, &msg, 0, 0, 0, 0);
	entry("recvmsg reads header and vector", "2 msg 56; 2 iov 32; ");
	msg.msg_namelen = 110;
	msg.msg_controllen = 20;
	leave(100, "recvmsg writes lengths and flags, then name, buffers, control",
	      "2 msg+8 4; 2 msg+40 8; 2 msg+48 4; 2 name 28; 2 one 10; 2 two 20; 2 control 20; ");
	leave(-11, "nothing when it failed", "");
	msg.msg_namelen = sizeof(name);
	BEGIN(46, 3, &msg, 0, 0, 0, 0);
	entry("sendmsg reads it all", "2 msg 56; 2 name 28; 2 iov 32; 2 one 10; 2 two 20; 2 control 20; ");
	leave(30, "and writes nothing", "");
	BEGIN(299, 3, many, 2, 0, 0, 0);
	entry("recvmmsg reads headers and vectors", "2 many 128; 2 iov 32; 2 iov+16 16; ");
	many[0].msg_len = 12;
	many[0].msg_hdr.msg_namelen = 16;
	many[0].msg_hdr.msg_controllen = 0;
	leave(1, "recvmmsg writes as many as it got",
	      "2 many+56 4; 2 many+8 4; 2 many+40 8; 2 many+48 4; 2 name 16; 2 one 10; 2 two 2; ");
	BEGIN(307, 3, many, 2, 0, 0, 0);
	entry("sendmmsg reads it all",
	      "2 many 128; 2 name 16; 2 iov 32; 2 one 10; 2 two 20; 2 iov+16 16; 2 two 20; ");
	leave(2, "and tells how long each was", "2 many+56 4; 2 many+120 4; ");
	BEGIN(51, 3, name, &len, 0, 0, 0);
	entry("getsockname reads the length", "3 len 4; ");
	len = 110;
	leave(0, "it writes the length, then no more than there was room for", "3 len 4; 2 name 28?; ");
	len = 16;
	leave(0, "or less", "3 len 4; 2 name 16?; ");
	len = 28;
	BEGIN(55, 3, 1, 4, name, &len, 0);
	entry("getsockopt reads the length", "5 len 4; ");
	len = 4;
	leave(0, "and writes so much", "5 len 4; 4 name 4?; ");
}

static void test_polling(void)
{
	struct epoll_event events[8];
	struct pollfd fds[2];
	fd_set in, out;
	struct timeval tv = {1, 0};
	uint64_t set = 0;
	struct { uint64_t set, len; } mask = {(uint64_t)&set, 8};

	nknown = 0;
	KNOW(events); KNOW(fds); KNOW(in); KNOW(out); KNOW(tv); KNOW(set); KNOW(mask);
	BEGIN(232, 3, events, 8, -1, 0, 0);
	entry("epoll_wait reads nothing", "");
	leave(3, "epoll_wait writes 12 bytes an event", "2 events 36; ");
	leave(0, "none on timeout", "");
	BEGIN(23, 65, &in, &out, 0, &tv, 0);
	entry("select reads sets in whole words", "2 in 16; 3 out 16; 5 tv 16; ");
	leave(1, "and writes them", "2 in 16; 3 out 16; 5 tv 16?; ");
	leave(-514, "but the time alone when interrupted", "5 tv 16?; ");
	BEGIN(270, 1, 0, 0, 0, 0, &mask);
	entry("pselect6 reads the set in the pair", "6 mask 16; 6 set 8; ");
	BEGIN(7, fds, 2, -1, 0, 0, 0);
	entry("poll reads the array", "1 fds 16; ");
	leave(-4, "and writes it on EINTR, too", "1 fds 16; ");
	BEGIN(233, 3, 2, 4, events, 0, 0);
	entry("epoll_ctl(EPOLL_CTL_DEL) reads no event", "");
	BEGIN(233, 3, 1, 4, events, 0, 0);
	entry("epoll_ctl(EPOLL_CTL_ADD) reads one", "4 events 12; ");
}

static void test_births(void)
{
	char path[] = "/bin/sh", a0[] = "sh", a1[] = "", e0[] = "A=b";
	char *argv[] = {a0, a1, NULL}, *envp[] = {e0, NULL};
	int pidfd = 0, tids[2] = {7, 8};
	struct clone_args ca = {.flags = 0x00100000, .parent_tid = (uint64_t)&tids[1], .pidfd = (uint64_t)&pidfd,
	                        .set_tid = (uint64_t)tids, .set_tid_size = 2};

	nknown = 0;
	KNOW(path); KNOW(a0); KNOW(a1); KNOW(e0); KNOW(argv); KNOW(envp); KNOW(pidfd); KNOW(tids); KNOW(ca);
	BEGIN(59, path, argv, envp, 0, 0, 0);
	entry("execve reads path, lists and strings", "1 path 8; 2 argv 24; 2 a0 3; 2 a1 1; 3 envp 16; 3 e0 4; ");
	BEGIN(59, path, 0, 8, 0, 0, 0);
	entry("lists may be missing, or rubbish", "1 path 8; ");
	BEGIN(435, &ca, sizeof(ca), 0, 0, 0, 0);
	entry("clone3 reads its arguments and the wanted ids", "1 ca 88; 1 tids 8; ");
	leave(99, "and writes the parent's word", "1 tids+4 4; ");
	ca.flags = 0x1000;
	leave(99, "or a pidfd", "1 pidfd 4; ");
	BEGIN(435, &ca, 64, 0, 0, 0, 0);
	entry("the first clone3 had no wanted ids", "1 ca 64; ");
	BEGIN(56, 0x00100011, 0, &tids[0], 0, 0, 0);
	entry("clone reads nothing", "");
	leave(99, "clone writes the parent's word if told to", "3 tids 4?; ");
	BEGIN(56, 0x11, 0, &tids[0], 0, 0, 0);
	leave(99, "and not otherwise", "");
}

static void test_sized(void)
{
	struct { uint32_t bytes; int type; char handle[120]; } fh = {.bytes = 120};
	struct k_sched_attr sa = {.size = 48};
	struct ifconf conf;
	char reqs[80];
	int mount;
	char value[16];
	struct { uint64_t value; uint32_t size, flags; } xa = {(uint64_t)value, sizeof(value), 0};
	char dot[] = ".", attr[] = "user.x";

	nknown = 0;
	KNOW(fh); KNOW(sa); KNOW(conf); KNOW(reqs); KNOW(mount); KNOW(value); KNOW(xa); KNOW(dot); KNOW(attr);
	conf.ifc_len = sizeof(reqs);
	conf.ifc_buf = reqs;
	BEGIN(303, -100, dot, &fh, &mount, 0, 0);
	entry("name_to_handle_at reads as much as it may write", "2 dot 2; 3 fh 128; ");
	fh.bytes = 8;
	leave(0, "and writes what it says", "3 fh 16; 4 mount 4; ");
	BEGIN(314, 0, &sa, 0, 0, 0, 0);
	entry("sched_setattr reads what it says", "2 sa 48; ");
	BEGIN(16, 3, 0x8912, &conf, 0, 0, 0);
	entry("SIOCGIFCONF reads the header", "3 conf 16; ");
	conf.ifc_len = 40;
	leave(0, "and writes the length and the list", "3 conf 4; 3 reqs 40; ");
	BEGIN(464, -100, dot, 0, attr, &xa, sizeof(xa));
	entry("getxattrat reads names and arguments", "2 dot 2; 4 attr 7; 5 xa 16; ");
	leave(5, "and fills the buffer", "5 value 5; ");
	BEGIN(463, -100, dot, 0, attr, &xa, sizeof(xa));
	entry("setxattrat reads the buffer", "2 dot 2; 4 attr 7; 5 xa 16; 5 value 16; ");
}

/* What a call may write, before it does. */
static void test_room(void)
{
	char data[64], name[16], control[32];
	struct iovec iov[2] = {{data, 10}, {data + 20, 20}};
	struct msghdr msg = {.msg_name = name, .msg_namelen = 16, .msg_iov = iov, .msg_iovlen = 2, .msg_control = control,
	                     .msg_controllen = 32};
	struct mmsghdr many[2] = {{.msg_hdr = {.msg_iov = iov, .msg_iovlen = 1}}, {.msg_hdr = {.msg_iov = iov + 1, .msg_iovlen = 1}}};
	struct timespec req, rem;
	struct pollfd fds[2];
	int status, word;
	socklen_t len = 16;

	nknown = 0;
	KNOW(data); KNOW(name); KNOW(control); KNOW(iov); KNOW(msg); KNOW(many); KNOW(req); KNOW(rem); KNOW(fds); KNOW(status);
	KNOW(word); KNOW(len);
	BEGIN(0, 3, data, 64, 0, 0, 0);
	room("read may fill its buffer", "2 data 64 out; ");
	BEGIN(1, 3, data, 64, 0, 0, 0);
	room("write fills nothing", "");
	BEGIN(35, &req, &rem, 0, 0, 0, 0);
	room("nanosleep may leave the remainder as it is", "2 rem 16 inout; ");
	BEGIN(61, -1, &status, 0, 0, 0, 0);
	room("wait4 the status", "2 status 4 inout; ");
	BEGIN(7, fds, 2, -1, 0, 0, 0);
	room("poll reads and writes its array", "1 fds 16 inout; ");
	BEGIN(43, 3, name, &len, 0, 0, 0);
	room("accept's address is as long as was said", "2 name 16 inout; 3 len 4 inout; ");
	BEGIN(19, 3, iov, 2, 0, 0, 0);
	room("a vector comes before its buffers", "2 iov 32 in; 2 data 10 out; 2 data+20 20 out; ");
	BEGIN(20, 3, iov, 2, 0, 0, 0);
	room("unless they are only read", "");
	BEGIN(47, 3, &msg, 0, 0, 0, 0);
	room("a message", "2 msg 56 inout; 2 name 16 inout; 2 iov 32 in; 2 data 10 out; 2 data+20 20 out; 2 control 32 inout; ");
	BEGIN(46, 3, &msg, 0, 0, 0, 0);
	room("one that is sent", "");
	BEGIN(299, 3, many, 2, 0, 0, 0);
	room("several messages", "2 many 128 inout; 2 iov 16 in; 2 data 10 out; 2 iov+16 16 in; 2 data+20 20 out; ");
	BEGIN(307, 3, many, 2, 0, 0, 0);
	room("of those that are sent the lengths", "2 many 128 inout; ");
	BEGIN(202, &word, 6, 0, 0, 0, 0);
	room("a word that is bound to its place is left out", "");
}

/* Nothing that a guest passes makes a walk fail. */
static void test_rubbish(void)
{
	static const uint64_t bad[] = {0, 1, ~0ull, 1ull << 63, 0x7fffffffe000, ~0ull - 4000, 4096};
	uint64_t state = 42, visits = 0;
	char *edge = mmap(NULL, 8192, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	munmap(edge + 4096, 4096);
	memset(edge, 0xff, 4096);
	for (int n = 0; n < 200000; n++) {
		struct buf b = {0};
		uint64_t a[6];

		for (int i = 0; i < 6; i++) {
			state = state * 6364136223846793005u + 1442695040888963407u;
			a[i] = state >> 60 < 8 ? bad[(state >> 33) % countof(bad)]
			     : state >> 60 < 12 ? (state >> 40) % 64 : (uint64_t)edge + 4096 - (state >> 33) % 64;
		}
		BEGIN(n % (table_rows + 3), a[0], a[1], a[2], a[3], a[4], a[5]);
		w.ctx = &b;
		walk_entry(&w);
		w.ret = (int64_t)(state >> 33) % 3 - 1;
		walk_exit(&w);
		walk_room(&w);
		visits += b.len;
		buf_free(&b);
	}
	munmap(edge, 4096);
	ok(visits > 0, "200000 walks of rubbish");
}

int main(void)
{
	test_numbers();
	test_newest_numbers();
	test_rows();
	test_picks();
	test_find();
	test_leaves();
	test_shapes();
	test_sizes();
	test_plain();
	test_sockets();
	test_polling();
	test_births();
	test_sized();
	test_room();
	test_rubbish();
	return tap_end();
}
