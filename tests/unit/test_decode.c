/* test_decode.c - events built by hand, and the lines that they must become. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "abi/event.h"
#include "abi/kernel_types.h"
#include "abi/table.h"
#include "base/base.h"
#include "show/decode.h"
#include "show/filter.h"
#include "show/sets.h"
#include "show/summary.h"

/* ---- making events ---- */

enum { ROOM = 1 << 16 };
static union { struct event e; uint8_t bytes[ROOM]; } made;
static struct show_options opt;
static int cases, failures;

enum { NO_PARTS = 0, PATH_AT = 0x1000, BUF_AT = 0x2000, VEC_AT = 0x3000, OUT_AT = 0x7ffd0000 };

#define CALL(nr, result, ...) begin(EV_CALL, nr, result, (uint64_t[6]){__VA_ARGS__})

static void begin(int type, uint32_t call, int64_t result, const uint64_t args[6])
{
	memset(&made, 0, sizeof(made.e));
	made.e.seq = 1;
	made.e.size = sizeof(made.e);
	made.e.type = type;
	made.e.call = call;
	made.e.result = result;
	made.e.tid = 4711;
	made.e.entered = 1700000000000000000u;
	made.e.left = 1700000000000012345u;
	memcpy(made.e.args, args, sizeof(made.e.args));
}

static void add_cut(int kind, int arg, uint64_t addr, const void *data, uint32_t len, uint64_t whole)
{
	struct part *p = (struct part *)(made.bytes + made.e.size);

	must(made.e.size + part_space(len) <= ROOM);
	memset(p, 0, part_space(len));
	*p = (struct part){.kind = kind, .arg = arg, .len = len, .addr = addr, .whole = whole};
	memcpy(part_data(p), data, len);
	made.e.size += part_space(len);
	made.e.nparts++;
}

static void add(int kind, int arg, uint64_t addr, const void *data, uint32_t len)
{
	add_cut(kind, arg, addr, data, len, len);
}

static void add_str(int kind, int arg, uint64_t addr, const char *s)
{
	add(kind, arg, addr, s, strlen(s) + 1);
}

#define ADD(kind, arg, addr, value) add(kind, arg, addr, &(value), sizeof(value))

/* ---- comparing ---- */

static void compare(const char *want, struct buf *got)
{
	const char *is = got->at ? got->at : "";
	bool same = !strcmp(is, want);

	printf("%sok %d - %.100s\n", same ? "" : "not ", ++cases, want);
	if (!same) {
		printf("# wanted: %s\n#    got: %s\n", want, is);
		failures++;
	}
	buf_free(got);
}

static void shows(const char *want)
{
	struct buf out = {0};

	must(event_valid(&made.e, ROOM));
	show_call(&out, &made.e, &opt);
	compare(want, &out);
}

static void line(const char *want)
{
	struct buf out = {0};

	must(event_valid(&made.e, ROOM));
	show_event(&out, &made.e, &opt);
	if (out.len && out.at[out.len - 1] == '\n')
		out.at[--out.len] = 0;
	compare(want, &out);
}

static void is_true(bool cond, const char *what)
{
	printf("%sok %d - %s\n", cond ? "" : "not ", ++cases, what);
	failures += !cond;
}

/* ---- files ---- */

static void test_open(void)
{
	CALL(257, 3, -100, PATH_AT, 02000000);
	add_str(PART_IN, 2, PATH_AT, "/etc/passwd");
	shows("openat(AT_FDCWD, \"/etc/passwd\", O_RDONLY|O_CLOEXEC) = 3");

	CALL(257, -2, -100, PATH_AT, 0101, 0644);
	add_str(PART_IN, 2, PATH_AT, "a\"b\n\001" "2\377");
	shows("openat(AT_FDCWD, \"a\\\"b\\n\\0012\\377\", O_WRONLY|O_CREAT, 0644) = "
	      "-1 ENOENT (No such file or directory)");

	CALL(2, 4, PATH_AT, 0100002 | 0x80000000u);
	add_str(PART_IN, 1, PATH_AT, "x");
	shows("open(\"x\", O_RDWR|O_LARGEFILE|0x80000000) = 4");

	/* The string lies inside a larger extent. */
	CALL(257, 3, -100, PATH_AT + 4, 0);
	add(PART_IN, 2, PATH_AT, "abc\0def\0ghi", 12);
	shows("openat(AT_FDCWD, \"def\", O_RDONLY) = 3");

	CALL(257, 3, 5, PATH_AT, 0200000);
	shows("openat(5, 0x1000, O_RDONLY|O_DIRECTORY) = 3");

	CALL(257, -14, -100, 0, 0);
	shows("openat(AT_FDCWD, NULL, O_RDONLY) = -1 EFAULT (Bad address)");

	CALL(437, 3, -100, PATH_AT, BUF_AT, 24);
	add_str(PART_IN, 2, PATH_AT, "x");
	struct k_open_how how = {.flags = 02, .mode = 0, .resolve = 8};
	ADD(PART_IN, 3, BUF_AT, how);
	shows("openat2(AT_FDCWD, \"x\", {flags=O_RDWR, mode=000, resolve=RESOLVE_BENEATH}, 24) = 3");

	opt.fd_paths = true;
	CALL(257, 3, -100, PATH_AT, 0);
	add_str(PART_IN, 2, PATH_AT, "passwd");
	add(PART_NAME, 1, 0, "/etc", 4);
	add(PART_NAME, 0, 0, "/etc/passwd", 11);
	shows("openat(AT_FDCWD</etc>, \"passwd\", O_RDONLY) = 3</etc/passwd>");
	opt.fd_paths = false;
}

static void test_bytes(void)
{
	char long_text[64];

	CALL(0, 5, 3, BUF_AT, 4096);
	add(PART_OUT, 2, BUF_AT, "ab\0c\n", 5);
	shows("read(3, \"ab\\0c\\n\", 4096) = 5");

	memset(long_text, 'x', sizeof(long_text));
	CALL(1, 64, 1, BUF_AT, 64);
	add(PART_IN, 2, BUF_AT, long_text, 64);
	shows("write(1, \"xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx\"..., 64) = 64");

	CALL(0, -11, 3, BUF_AT, 4096);
	shows("read(3, 0x2000, 4096) = -1 EAGAIN (Resource temporarily unavailable)");

	CALL(0, 0, 3, BUF_AT, 4096);
	shows("read(3, \"\", 4096) = 0");

	/* Said to be there, but it is not. */
	CALL(0, 10, 3, BUF_AT, 4096);
	shows("read(3, 0x2000, 4096) = 10");

	/* Less is there than was read. */
	CALL(0, 10, 3, BUF_AT, 4096);
	add_cut(PART_OUT, 2, BUF_AT, "abc", 3, 10);
	shows("read(3, \"abc\"..., 4096) = 10");

	CALL(1, 131072, 1, BUF_AT, 131072);
	add_cut(PART_INHASH, 2, BUF_AT, long_text, 32, 131072);
	shows("write(1, 0x2000 /* 131072 bytes */, 131072) = 131072");

	CALL(89, 4, PATH_AT, BUF_AT, 100);
	add_str(PART_IN, 1, PATH_AT, "/bin");
	add(PART_OUT, 2, BUF_AT, "/usr", 4);
	shows("readlink(\"/bin\", \"/usr\", 100) = 4");

	CALL(79, 5, BUF_AT, 100);
	add(PART_OUT, 1, BUF_AT, "/tmp", 5);
	shows("getcwd(\"/tmp\", 100) = 5");
}

static void test_stat(void)
{
	struct k_stat st = {.st_mode = 0100644, .st_size = 123, .st_dev = 0x801, .st_ino = 7,
			    .st_nlink = 1, .st_blksize = 4096};
	struct k_statx stx = {.stx_mask = 0xfff, .stx_mode = 040755, .stx_size = 10};

	CALL(5, 0, 3, BUF_AT);
	ADD(PART_OUT, 2, BUF_AT, st);
	shows("fstat(3, {st_mode=S_IFREG|0644, st_size=123, ...}) = 0");

	st.st_mode = 020620;
	st.st_rdev = 0x8800;
	CALL(262, 0, 3, PATH_AT, BUF_AT, 0x1000);
	add_str(PART_IN, 2, PATH_AT, "");
	ADD(PART_OUT, 3, BUF_AT, st);
	shows("newfstatat(3, \"\", {st_mode=S_IFCHR|0620, st_rdev=makedev(0x88, 0), ...}, AT_EMPTY_PATH) = 0");

	opt.abbreviate = false;
	st.st_mode = 0104755;
	CALL(4, 0, PATH_AT, BUF_AT);
	add_str(PART_IN, 1, PATH_AT, "f");
	ADD(PART_OUT, 2, BUF_AT, st);
	shows("stat(\"f\", {st_dev=makedev(0x8, 0x1), st_ino=7, st_nlink=1, st_mode=S_IFREG|S_ISUID|0755, "
	      "st_uid=0, st_gid=0, st_rdev=makedev(0x88, 0), st_size=123, st_blksize=4096, st_blocks=0, "
	      "st_atim={tv_sec=0, tv_nsec=0}, st_mtim={tv_sec=0, tv_nsec=0}, st_ctim={tv_sec=0, tv_nsec=0}}) = 0");
	opt.abbreviate = true;

	CALL(4, -2, PATH_AT, BUF_AT);
	add_str(PART_IN, 1, PATH_AT, "f");
	shows("stat(\"f\", 0x2000) = -1 ENOENT (No such file or directory)");

	/* Half a structure. */
	CALL(5, 0, 3, BUF_AT);
	add(PART_OUT, 2, BUF_AT, &st, 20);
	shows("fstat(3, {...}) = 0");

	CALL(332, 0, -100, PATH_AT, 0x100, 0x7ff, BUF_AT);
	add_str(PART_IN, 2, PATH_AT, "d");
	ADD(PART_OUT, 5, BUF_AT, stx);
	shows("statx(AT_FDCWD, \"d\", AT_STATX_SYNC_AS_STAT|AT_SYMLINK_NOFOLLOW, STATX_BASIC_STATS, "
	      "{stx_mask=STATX_ALL, stx_attributes=0, stx_mode=S_IFDIR|0755, stx_size=10, ...}) = 0");
}

static void test_directory(void)
{
	uint8_t entries[48] = {0};
	struct k_dirent64 d = {.d_ino = 9, .d_off = 1, .d_reclen = 24, .d_type = 4, .d_name = "."};

	memcpy(entries, &d, sizeof(d));
	d.d_ino = 10;
	d.d_name[0] = 'a';
	memcpy(entries + 24, &d, sizeof(d));
	CALL(217, 48, 3, BUF_AT, 32768);
	add(PART_OUT, 2, BUF_AT, entries, 48);
	shows("getdents64(3, 0x2000 /* 2 entries */, 32768) = 48");

	opt.abbreviate = false;
	shows("getdents64(3, [{d_ino=9, d_off=1, d_reclen=24, d_type=DT_DIR, d_name=\".\"}, "
	      "{d_ino=10, d_off=1, d_reclen=24, d_type=DT_DIR, d_name=\"a\"}], 32768) = 48");
	opt.abbreviate = true;

	CALL(217, 0, 3, BUF_AT, 32768);
	shows("getdents64(3, 0x2000 /* 0 entries */, 32768) = 0");
}

static void test_requests(void)
{
	struct k_winsize ws = {24, 80, 0, 0};
	struct k_flock fl = {.l_type = 1, .l_len = 10};
	int n = 17;

	CALL(72, 0x8002, 3, 3);
	shows("fcntl(3, F_GETFL) = 0x8002 (flags O_RDWR|O_LARGEFILE)");
	CALL(72, 0, 3, 2, 1);
	shows("fcntl(3, F_SETFD, FD_CLOEXEC) = 0");
	CALL(72, 10, 3, 1030, 10);
	shows("fcntl(3, F_DUPFD_CLOEXEC, 10) = 10");
	CALL(72, 0, 3, 6, BUF_AT);
	ADD(PART_IN, 3, BUF_AT, fl);
	shows("fcntl(3, F_SETLK, {l_type=F_WRLCK, l_whence=SEEK_SET, l_start=0, l_len=10}) = 0");
	CALL(16, 0, 1, 0x5413, BUF_AT);
	ADD(PART_OUT, 3, BUF_AT, ws);
	shows("ioctl(1, TIOCGWINSZ, {ws_row=24, ws_col=80, ws_xpixel=0, ws_ypixel=0}) = 0");
	CALL(16, -25, 1, 0x5401, BUF_AT);
	shows("ioctl(1, TCGETS, 0x2000) = -1 ENOTTY (Inappropriate ioctl for device)");
	CALL(16, 0, 1, 0x541b, BUF_AT);
	ADD(PART_OUT, 3, BUF_AT, n);
	shows("ioctl(1, FIONREAD, [17]) = 0");
	CALL(16, -25, 1, 0x4004ff77, 0x55);
	made.e.flags = EVF_UNKNOWN;
	shows("ioctl(1, _IOC(_IOC_WRITE, 0xff, 0x77, 0x4), 0x55) = -1 ENOTTY (Inappropriate ioctl for device) [unknown]");
	CALL(8, 100, 3, -5, 2);
	shows("lseek(3, -5, SEEK_END) = 100");
	CALL(21, 0, PATH_AT, 0);
	add_str(PART_IN, 1, PATH_AT, "/");
	shows("access(\"/\", F_OK) = 0");
	CALL(439, 0, -100, PATH_AT, 5, 0x200);
	add_str(PART_IN, 2, PATH_AT, "/");
	shows("faccessat2(AT_FDCWD, \"/\", R_OK|X_OK, AT_EACCESS) = 0");
	CALL(95, 022, 077);
	shows("umask(077) = 022");
	CALL(133, 0, PATH_AT, 020600, 0x103);
	add_str(PART_IN, 1, PATH_AT, "n");
	shows("mknod(\"n\", S_IFCHR|0600, makedev(0x1, 0x3)) = 0");
}

/* ---- memory and processes ---- */

static void test_memory(void)
{
	CALL(9, 0x7f0000000000, 0, 8192, 3, 0x22, -1, 0);
	shows("mmap(NULL, 8192, PROT_READ|PROT_WRITE, MAP_PRIVATE|MAP_ANONYMOUS, -1, 0) = 0x7f0000000000");
	CALL(9, -12, 0x1000, 4096, 0, 0x812, 3, 0x1000);
	shows("mmap(0x1000, 4096, PROT_NONE, MAP_PRIVATE|MAP_FIXED|MAP_DENYWRITE, 3, 0x1000) = -1 ENOMEM (Cannot allocate memory)");
	CALL(12, 0x555500, 0);
	shows("brk(NULL) = 0x555500");
	CALL(25, 0x9000, 0x1000, 4096, 8192, 1);
	shows("mremap(0x1000, 4096, 8192, MREMAP_MAYMOVE) = 0x9000");
	CALL(28, 0, 0x1000, 4096, 4);
	shows("madvise(0x1000, 4096, MADV_DONTNEED) = 0");
	CALL(28, -22, 0x1000, 4096, 99);
	shows("madvise(0x1000, 4096, 0x63 /* MADV_??? */) = -1 EINVAL (Invalid argument)");
}

static void test_processes(void)
{
	uint64_t argv[] = {0x1100, 0x1104, 0}, envp[] = {1, 2, 3, 0};
	uint32_t status = 0x100;
	struct k_rlimit rl = {8192 * 1024, UINT64_MAX};
	int fds[2] = {3, 4};

	CALL(59, 0, PATH_AT, BUF_AT, VEC_AT);
	add_str(PART_IN, 1, PATH_AT, "/bin/ls");
	ADD(PART_IN, 2, BUF_AT, argv);
	add(PART_IN, 2, 0x1100, "ls\0\0-l", 7);
	ADD(PART_IN, 3, VEC_AT, envp);
	shows("execve(\"/bin/ls\", [\"ls\", \"-l\"], 0x3000 /* 3 vars */) = 0");

	CALL(56, 4712, 0x1200011, 0, 0, 0x7f10, 0);
	shows("clone(child_stack=NULL, flags=CLONE_CHILD_CLEARTID|CLONE_CHILD_SETTID|SIGCHLD, child_tidptr=0x7f10) = 4712");

	struct k_clone_args ca = {.flags = 0x3d0f00, .stack = 0x7000, .stack_size = 0x1000, .parent_tid = 0x7f20};
	int tid = 4713;
	CALL(435, 4713, BUF_AT, 64);
	add(PART_IN, 1, BUF_AT, &ca, 64);
	ADD(PART_OUT, 1, 0x7f20, tid);
	shows("clone3({flags=CLONE_VM|CLONE_FS|CLONE_FILES|CLONE_SIGHAND|CLONE_THREAD|CLONE_SYSVSEM|CLONE_SETTLS|"
	      "CLONE_PARENT_SETTID|CLONE_CHILD_CLEARTID, child_tid=NULL, parent_tid=[4713], exit_signal=0, "
	      "stack=0x7000, stack_size=4096, tls=NULL}, 64) = 4713");

	CALL(61, 4712, -1, BUF_AT, 1, 0);
	ADD(PART_OUT, 2, BUF_AT, status);
	shows("wait4(-1, [{WIFEXITED(s) && WEXITSTATUS(s) == 1}], WNOHANG, NULL) = 4712");
	status = 0x8b;
	CALL(61, 4712, -1, BUF_AT, 0, 0);
	ADD(PART_OUT, 2, BUF_AT, status);
	shows("wait4(-1, [{WIFSIGNALED(s) && WTERMSIG(s) == SIGSEGV && WCOREDUMP(s)}], 0, NULL) = 4712");
	CALL(61, 0, -1, BUF_AT, 1, 0);
	shows("wait4(-1, 0x2000, WNOHANG, NULL) = 0");

	CALL(231, 0, 3);
	shows("exit_group(3) = ?");
	CALL(302, 0, 0, 3, 0, BUF_AT);
	ADD(PART_OUT, 4, BUF_AT, rl);
	shows("prlimit64(0, RLIMIT_STACK, NULL, {rlim_cur=8192*1024, rlim_max=RLIM64_INFINITY}) = 0");
	CALL(158, 0, 0x1002, 0x7f00);
	shows("arch_prctl(ARCH_SET_FS, 0x7f00) = 0");
	CALL(157, 0, 15, PATH_AT);
	add_str(PART_IN, 2, PATH_AT, "worker");
	shows("prctl(PR_SET_NAME, \"worker\") = 0");
	CALL(293, 0, BUF_AT, 02000000);
	ADD(PART_OUT, 1, BUF_AT, fds);
	shows("pipe2([3, 4], O_CLOEXEC) = 0");
	CALL(202, -110, 0x7f00, 128 | 9 | 256, 2, BUF_AT, 0, 0xffffffff);
	struct k_timespec ts = {5, 1};
	ADD(PART_IN, 4, BUF_AT, ts);
	shows("futex(0x7f00, FUTEX_WAIT_BITSET_PRIVATE|FUTEX_CLOCK_REALTIME, 2, {tv_sec=5, tv_nsec=1}, FUTEX_BITSET_MATCH_ANY) = "
	      "-1 ETIMEDOUT (Connection timed out)");
	struct k_sigevent sev = {.sigev_value = 77, .sigev_signo = 14};
	int timer = 0;
	CALL(222, 0, 1, BUF_AT, VEC_AT);
	ADD(PART_IN, 2, BUF_AT, sev);
	ADD(PART_OUT, 3, VEC_AT, timer);
	shows("timer_create(CLOCK_MONOTONIC, {sigev_value={sival_int=77, sival_ptr=0x4d}, sigev_signo=SIGALRM, "
	      "sigev_notify=SIGEV_SIGNAL}, [0]) = 0");
	uint64_t mask = 5;
	CALL(204, 8, 0, 128, BUF_AT);
	ADD(PART_OUT, 3, BUF_AT, mask);
	shows("sched_getaffinity(0, 128, [0 2]) = 8");
	CALL(39, 77, 0);
	shows("getpid() = 77");
}

static void test_signals(void)
{
	struct k_sigaction sa = {.handler = 0x401000, .flags = 0x14000000, .restorer = 0x7f33, .mask = 1 << 1 | 1 << 16};
	uint64_t set = 1 << 16, all = ~(1ull << 8 | 1ull << 18);

	CALL(13, 0, 2, BUF_AT, OUT_AT, 8);
	ADD(PART_IN, 2, BUF_AT, sa);
	sa = (struct k_sigaction){0};
	ADD(PART_OUT, 3, OUT_AT, sa);
	shows("rt_sigaction(SIGINT, {sa_handler=0x401000, sa_mask=[INT CHLD], sa_flags=SA_RESTORER|SA_RESTART, "
	      "sa_restorer=0x7f33}, {sa_handler=SIG_DFL, sa_mask=[], sa_flags=0}, 8) = 0");
	CALL(14, 0, 0, BUF_AT, OUT_AT, 8);
	ADD(PART_IN, 2, BUF_AT, set);
	ADD(PART_OUT, 3, OUT_AT, all);
	shows("rt_sigprocmask(SIG_BLOCK, [CHLD], ~[KILL STOP], 8) = 0");
	CALL(14, 0, 2, BUF_AT, 0, 8);
	set = 1ull << 31 | 1ull << 33;
	ADD(PART_IN, 2, BUF_AT, set);
	shows("rt_sigprocmask(SIG_SETMASK, [RTMIN RT_2], NULL, 8) = 0");
	CALL(62, 0, 123, 10);
	shows("kill(123, SIGUSR1) = 0");
	CALL(62, 0, 123, 0);
	shows("kill(123, 0) = 0");
}

/* ---- sockets ---- */

static void test_addresses(void)
{
	uint8_t in[16] = {2, 0, 0, 80, 127, 0, 0, 1};
	uint8_t in6[28] = {10, 0, 0x1f, 0x90, [23] = 1};
	uint8_t nl[12] = {16};
	int was = 128, is = 16;

	CALL(42, 0, 3, BUF_AT, 16);
	ADD(PART_IN, 2, BUF_AT, in);
	shows("connect(3, {sa_family=AF_INET, sin_port=htons(80), sin_addr=inet_addr(\"127.0.0.1\")}, 16) = 0");
	CALL(42, 0, 3, BUF_AT, 28);
	ADD(PART_IN, 2, BUF_AT, in6);
	shows("connect(3, {sa_family=AF_INET6, sin6_port=htons(8080), sin6_flowinfo=htonl(0), "
	      "inet_pton(AF_INET6, \"::1\", &sin6_addr), sin6_scope_id=0}, 28) = 0");
	CALL(49, 0, 3, BUF_AT, 7);
	add(PART_IN, 2, BUF_AT, "\1\0/x/y", 7);
	shows("bind(3, {sa_family=AF_UNIX, sun_path=\"/x/y\"}, 7) = 0");
	CALL(49, 0, 3, BUF_AT, 6);
	add(PART_IN, 2, BUF_AT, "\1\0\0abc", 6);
	shows("bind(3, {sa_family=AF_UNIX, sun_path=@\"abc\"}, 6) = 0");
	CALL(49, 0, 3, BUF_AT, 12);
	ADD(PART_IN, 2, BUF_AT, nl);
	shows("bind(3, {sa_family=AF_NETLINK, nl_pid=0, nl_groups=0}, 12) = 0");
	CALL(43, 4, 3, BUF_AT, OUT_AT);
	ADD(PART_IN, 3, OUT_AT, was);
	ADD(PART_OUT, 2, BUF_AT, in);
	ADD(PART_OUT, 3, OUT_AT, is);
	shows("accept(3, {sa_family=AF_INET, sin_port=htons(80), sin_addr=inet_addr(\"127.0.0.1\")}, [128 => 16]) = 4");
	/* A family with less than it needs. */
	CALL(42, -22, 3, BUF_AT, 4);
	add(PART_IN, 2, BUF_AT, in, 4);
	shows("connect(3, {sa_family=AF_INET, sa_data=\"\\0P\"}, 4) = -1 EINVAL (Invalid argument)");
}

static void test_sockets(void)
{
	int one = 1, four = 4;

	CALL(41, 3, 2, 1 | 02000000, 6);
	shows("socket(AF_INET, SOCK_STREAM|SOCK_CLOEXEC, IPPROTO_TCP) = 3");
	CALL(41, 3, 16, 3, 0);
	shows("socket(AF_NETLINK, SOCK_RAW, NETLINK_ROUTE) = 3");
	CALL(41, 3, 1, 1, 0);
	shows("socket(AF_UNIX, SOCK_STREAM, 0) = 3");
	CALL(54, 0, 3, 1, 2, BUF_AT, 4);
	ADD(PART_IN, 4, BUF_AT, one);
	shows("setsockopt(3, SOL_SOCKET, SO_REUSEADDR, [1], 4) = 0");
	CALL(54, 0, 3, 6, 1, BUF_AT, 4);
	ADD(PART_IN, 4, BUF_AT, one);
	shows("setsockopt(3, SOL_TCP, TCP_NODELAY, [1], 4) = 0");
	CALL(55, 0, 3, 1, 4, BUF_AT, OUT_AT);
	ADD(PART_IN, 5, OUT_AT, four);
	ADD(PART_OUT, 4, BUF_AT, one);
	ADD(PART_OUT, 5, OUT_AT, four);
	shows("getsockopt(3, SOL_SOCKET, SO_ERROR, [1], [4]) = 0");
	CALL(44, 2, 3, BUF_AT, 2, 0x4000, 0, 0);
	add(PART_IN, 2, BUF_AT, "hi", 2);
	shows("sendto(3, \"hi\", 2, MSG_NOSIGNAL, NULL, 0) = 2");
	CALL(48, 0, 3, 2);
	shows("shutdown(3, SHUT_RDWR) = 0");
}

static void test_vectors(void)
{
	struct k_iovec v[2] = {{0x5000, 4}, {0x6000, 4}};

	CALL(20, 8, 1, VEC_AT, 2);
	ADD(PART_IN, 2, VEC_AT, v);
	add(PART_IN, 2, 0x5000, "abcd", 4);
	add(PART_IN, 2, 0x6000, "efgh", 4);
	shows("writev(1, [{iov_base=\"abcd\", iov_len=4}, {iov_base=\"efgh\", iov_len=4}], 2) = 8");
	/* Five bytes came: the second buffer holds one of them. */
	CALL(19, 5, 0, VEC_AT, 2);
	ADD(PART_IN, 2, VEC_AT, v);
	add(PART_OUT, 2, 0x5000, "abcd", 4);
	add(PART_OUT, 2, 0x6000, "e", 1);
	shows("readv(0, [{iov_base=\"abcd\", iov_len=4}, {iov_base=\"e\", iov_len=4}], 2) = 5");
	CALL(20, -14, 1, VEC_AT, 2);
	shows("writev(1, 0x3000, 2) = -1 EFAULT (Bad address)");
	CALL(19, -14, 0, VEC_AT, 2);
	ADD(PART_IN, 2, VEC_AT, v);
	shows("readv(0, [{iov_base=0x5000, iov_len=4}, {iov_base=0x6000, iov_len=4}], 2) = -1 EFAULT (Bad address)");
	/* The event has one of two elements. */
	CALL(20, 8, 1, VEC_AT, 2);
	add(PART_IN, 2, VEC_AT, v, 16);
	add(PART_IN, 2, 0x5000, "abcd", 4);
	shows("writev(1, [{iov_base=\"abcd\", iov_len=4}, ...], 2) = 8");
}

static void test_messages(void)
{
	struct { struct k_iovec v; uint64_t len; uint32_t level, type; int fds[2]; } m = {
		{0x5000, 5}, 24, 1, 1, {7, 8}};
	struct k_msghdr h = {.msg_iov = VEC_AT, .msg_iovlen = 1, .msg_control = 0x6000, .msg_controllen = 24};

	CALL(46, 5, 3, BUF_AT, 0);
	ADD(PART_IN, 2, BUF_AT, h);
	add(PART_IN, 2, VEC_AT, &m.v, 16);
	add(PART_IN, 2, 0x5000, "hello", 5);
	add(PART_IN, 2, 0x6000, &m.len, 24);
	shows("sendmsg(3, {msg_name=NULL, msg_namelen=0, msg_iov=[{iov_base=\"hello\", iov_len=5}], msg_iovlen=1, "
	      "msg_control=[{cmsg_len=24, cmsg_level=SOL_SOCKET, cmsg_type=SCM_RIGHTS, cmsg_data=[7, 8]}], "
	      "msg_controllen=24, msg_flags=0}, 0) = 5");
	CALL(47, 2, 3, BUF_AT, 0);
	h.msg_controllen = 64;
	ADD(PART_IN, 2, BUF_AT, h);
	add(PART_IN, 2, VEC_AT, &m.v, 16);
	h.msg_controllen = 0;
	h.msg_flags = 8;
	ADD(PART_OUT, 2, BUF_AT, h);
	add(PART_OUT, 2, 0x5000, "he", 2);
	shows("recvmsg(3, {msg_name=NULL, msg_namelen=0, msg_iov=[{iov_base=\"he\", iov_len=5}], msg_iovlen=1, "
	      "msg_controllen=64 => 0, msg_flags=MSG_CTRUNC}, 0) = 2");
	/* The kernel wrote fields of it, and only those are in the event. */
	uint64_t controllen = 0;
	uint32_t namelen = 0;
	CALL(47, 2, 3, BUF_AT, 0);
	h = (struct k_msghdr){.msg_iov = VEC_AT, .msg_iovlen = 1, .msg_namelen = 110, .msg_controllen = 64};
	ADD(PART_IN, 2, BUF_AT, h);
	add(PART_IN, 2, VEC_AT, &m.v, 16);
	ADD(PART_OUT, 2, BUF_AT + 8, namelen);
	ADD(PART_OUT, 2, BUF_AT + 40, controllen);
	add(PART_OUT, 2, 0x5000, "he", 2);
	shows("recvmsg(3, {msg_name=NULL, msg_namelen=110 => 0, msg_iov=[{iov_base=\"he\", iov_len=5}], "
	      "msg_iovlen=1, msg_controllen=64 => 0, msg_flags=0}, 0) = 2");
	h = (struct k_msghdr){.msg_iov = VEC_AT, .msg_iovlen = 1, .msg_control = 0x6000};
	/* Control messages that lie about their length. */
	m.len = 1u << 30;
	h.msg_controllen = 24;
	h.msg_flags = 0;
	CALL(46, 5, 3, BUF_AT, 0);
	ADD(PART_IN, 2, BUF_AT, h);
	add(PART_IN, 2, 0x6000, &m.len, 24);
	shows("sendmsg(3, {msg_name=NULL, msg_namelen=0, msg_iov=0x3000, msg_iovlen=1, msg_control=[...], "
	      "msg_controllen=24, msg_flags=0}, 0) = 5");
	m.len = 28;
	m.type = 2;
	int32_t cred[7] = {28, 0, 1, 2, 100, 1000, 1001};
	h.msg_controllen = 28;
	h.msg_iovlen = 0;
	CALL(46, 0, 3, BUF_AT, 0);
	ADD(PART_IN, 2, BUF_AT, h);
	ADD(PART_IN, 2, 0x6000, cred);
	shows("sendmsg(3, {msg_name=NULL, msg_namelen=0, msg_iov=[], msg_iovlen=0, "
	      "msg_control=[{cmsg_len=28, cmsg_level=SOL_SOCKET, cmsg_type=SCM_CREDENTIALS, "
	      "cmsg_data={pid=100, uid=1000, gid=1001}}], msg_controllen=28, msg_flags=0}, 0) = 0");
	struct k_mmsghdr mm = {{.msg_iov = VEC_AT, .msg_iovlen = 1}, .msg_len = 0};
	CALL(307, 1, 3, BUF_AT, 1, 0);
	ADD(PART_IN, 2, BUF_AT, mm);
	add(PART_IN, 2, VEC_AT, &m.v, 16);
	add(PART_IN, 2, 0x5000, "hello", 5);
	mm.msg_len = 5;
	ADD(PART_OUT, 2, BUF_AT, mm);
	shows("sendmmsg(3, [{msg_hdr={msg_name=NULL, msg_namelen=0, msg_iov=[{iov_base=\"hello\", iov_len=5}], "
	      "msg_iovlen=1, msg_controllen=0, msg_flags=0}, msg_len=5}], 1, 0) = 1");
}

static void test_waiting(void)
{
	struct k_pollfd in[2] = {{3, 1, 0}, {4, 5, 0}}, out[2] = {{3, 1, 1}, {4, 5, 0}};
	uint64_t fds[2] = {0x28, 0}, ready = 8;
	struct k_timespec ts = {1, 500};
	struct __attribute__((packed)) { uint32_t events; uint64_t data; } ee = {1, 7};

	CALL(7, 1, BUF_AT, 2, -1);
	ADD(PART_IN, 1, BUF_AT, in);
	ADD(PART_OUT, 1, BUF_AT, out);
	shows("poll([{fd=3, events=POLLIN}, {fd=4, events=POLLIN|POLLOUT}], 2, -1) = 1 ([{fd=3, revents=POLLIN}])");
	CALL(7, 0, BUF_AT, 1, 100);
	add(PART_IN, 1, BUF_AT, in, 8);
	shows("poll([{fd=3, events=POLLIN}], 1, 100) = 0 (Timeout)");
	CALL(23, 1, 6, BUF_AT, 0, 0, VEC_AT);
	ADD(PART_IN, 2, BUF_AT, fds[0]);
	ADD(PART_IN, 5, VEC_AT, ts);
	ADD(PART_OUT, 2, BUF_AT, ready);
	ADD(PART_OUT, 5, VEC_AT, ts);
	shows("select(6, [3 5], NULL, NULL, {tv_sec=1, tv_usec=500}) = 1 (in [3], left {tv_sec=1, tv_usec=500})");
	CALL(232, 1, 5, BUF_AT, 16, -1);
	ADD(PART_OUT, 2, BUF_AT, ee);
	shows("epoll_wait(5, [{events=EPOLLIN, data={u32=7, u64=7}}], 16, -1) = 1");
	CALL(233, 0, 5, 1, 6, BUF_AT);
	ee.events = 0x80000001;
	ADD(PART_IN, 4, BUF_AT, ee);
	shows("epoll_ctl(5, EPOLL_CTL_ADD, 6, {events=EPOLLIN|EPOLLET, data={u32=7, u64=7}}) = 0");
	CALL(35, -516, BUF_AT, VEC_AT);
	ADD(PART_IN, 1, BUF_AT, ts);
	ADD(PART_OUT, 2, VEC_AT, ts);
	shows("nanosleep({tv_sec=1, tv_nsec=500}, {tv_sec=1, tv_nsec=500}) = ? ERESTART_RESTARTBLOCK (Interrupted by signal)");
	CALL(0, -512, 0, BUF_AT, 1);
	shows("read(0, 0x2000, 1) = ? ERESTARTSYS (To be restarted if SA_RESTART is set)");
	CALL(228, 0, 1, BUF_AT);
	made.e.flags = EVF_VDSO;
	ADD(PART_OUT, 2, BUF_AT, ts);
	shows("clock_gettime(CLOCK_MONOTONIC, {tv_sec=1, tv_nsec=500}) = 0 [vdso]");
	CALL(228, 0, ~4711u << 3 | 6, 0);
	shows("clock_gettime(MAKE_THREAD_CPUCLOCK(4711, CPUCLOCK_SCHED), NULL) = 0");
}

/* ---- lines ---- */

static void test_halves(void)
{
	begin(EV_ENTER, 0, 0, (uint64_t[6]){0, BUF_AT, 1});
	line("read(0,  <unfinished ...>");
	begin(EV_LEAVE, 0, 1, (uint64_t[6]){0, BUF_AT, 1});
	add(PART_OUT, 2, BUF_AT, "x", 1);
	line("<... read resumed>\"x\", 1) = 1");
	begin(EV_ENTER, 3, 0, (uint64_t[6]){5});
	line("close(5 <unfinished ...>");
	begin(EV_LEAVE, 3, 0, (uint64_t[6]){5});
	line("<... close resumed>) = 0");
	begin(EV_ENTER, 61, 0, (uint64_t[6]){-1, BUF_AT});
	line("wait4(-1,  <unfinished ...>");
	begin(EV_ENTER, 56, 0, (uint64_t[6]){17});
	line("clone(child_stack=NULL, flags=SIGCHLD <unfinished ...>");
	begin(EV_LEAVE, 56, 9, (uint64_t[6]){17});
	line("<... clone resumed>) = 9");
	begin(EV_ENTER, 22, 0, (uint64_t[6]){BUF_AT});
	line("pipe( <unfinished ...>");
	begin(EV_LEAVE, 22, 0, (uint64_t[6]){BUF_AT});
	int fds[2] = {3, 4};
	ADD(PART_OUT, 1, BUF_AT, fds);
	line("<... pipe resumed>[3, 4]) = 0");
	struct k_pollfd p = {3, 1, 1};
	begin(EV_LEAVE, 7, 1, (uint64_t[6]){BUF_AT, 1, -1});
	ADD(PART_OUT, 1, BUF_AT, p);
	line("<... poll resumed>) = 1 ([{fd=3, revents=POLLIN}])");
}

static void test_unknown(void)
{
	CALL(0x1f4, -38, 1, 2, 3, 0, 0, 0);
	made.e.flags = EVF_UNKNOWN;
	shows("syscall_0x1f4(0x1, 0x2, 0x3, 0, 0, 0) = -1 ENOSYS (Function not implemented) [unknown]");
	CALL(425, -38, 8, BUF_AT);
	made.e.flags = EVF_REFUSED;
	shows("io_uring_setup(8, 0x2000) = -1 ENOSYS (Function not implemented) [refused]");
	CALL(4, 5, 1, 2, 3, 0, 0, 0);
	made.e.flags = EVF_INT80;
	shows("write(0x1, 0x2, 0x3, 0, 0, 0) = 0x5 [int 0x80]");
	CALL(3, -4000, 1);
	shows("close(1) = -1 (errno 4000)");
	CALL(0x40000000, -38, 0);
	shows("syscall_0x40000000(0, 0, 0, 0, 0, 0) = -1 ENOSYS (Function not implemented)");
}

static void test_instructions(void)
{
	begin(EV_INSN, INSN_RDTSC, 0, (uint64_t[6]){0x100001234});
	line("rdtsc() = 0x100001234 [instruction]");
	begin(EV_INSN, INSN_RDTSCP, 0, (uint64_t[6]){0x1234, 1});
	line("rdtscp() = 0x1234 (ecx=0x1) [instruction]");
	begin(EV_INSN, INSN_CPUID, 0, (uint64_t[6]){1, 2, 0, 0x80, 0, 7ull << 32});
	line("cpuid(0x7, 0x0) = {eax=0x1, ebx=0x2, ecx=0x0, edx=0x80} [instruction]");
	begin(EV_INSN, INSN_RDRAND, 0, (uint64_t[6]){0xabcdef});
	line("rdrand() = 0xabcdef [instruction]");
	begin(EV_INSN, 99, 0, (uint64_t[6]){0});
	line("insn_0x63() = 0x0 [instruction]");
}

static void test_events(void)
{
	struct { int32_t signo, error, code, pad, pid, uid, status, pad2; int64_t utime, stime; char rest[80]; }
		si = {.signo = 17, .code = 1, .pid = 4712, .uid = 1000, .status = 3};

	begin(EV_SIGNAL, 17, 0, (uint64_t[6]){0});
	ADD(PART_SIGINFO, 0, 0, si);
	line("--- SIGCHLD {si_signo=SIGCHLD, si_code=CLD_EXITED, si_pid=4712, si_uid=1000, si_status=3, si_utime=0, si_stime=0} ---");
	si.signo = 2;
	si.code = 0;
	begin(EV_SIGNAL, 2, 0, (uint64_t[6]){0});
	ADD(PART_SIGINFO, 0, 0, si);
	line("--- SIGINT {si_signo=SIGINT, si_code=SI_USER, si_pid=4712, si_uid=1000} ---");
	si.signo = 11;
	si.code = 1;
	si.pid = 0x10;
	si.uid = 0;
	begin(EV_SIGNAL, 11, 0, (uint64_t[6]){0});
	ADD(PART_SIGINFO, 0, 0, si);
	line("--- SIGSEGV {si_signo=SIGSEGV, si_code=SEGV_MAPERR, si_addr=0x10} ---");
	begin(EV_SIGNAL, 15, 0, (uint64_t[6]){0});
	line("--- SIGTERM {} ---");
	begin(EV_SIGNAL, 15, 0, (uint64_t[6]){0});
	add(PART_SIGINFO, 0, 0, "\17\0\0\0", 4);
	line("--- SIGTERM {si_signo=SIGTERM, si_code=SI_USER, ...} ---");
	begin(EV_DEATH, 0, 3 << 8, (uint64_t[6]){0});
	made.e.flags = EVF_GROUP;
	line("+++ exited with 3 +++");
	begin(EV_DEATH, 0, 0x8b, (uint64_t[6]){0});
	line("+++ killed by SIGSEGV (core dumped) +++");
	begin(EV_STOPPED, 19, 0, (uint64_t[6]){0});
	line("--- stopped by SIGSTOP ---");
	begin(EV_RUN, 0, 0, (uint64_t[6]){0});
	line("");
	opt.verbose = true;
	line("--- runs, task 0 ---");
	opt.verbose = false;
}

static void test_prefixes(void)
{
	setenv("TZ", "UTC", 1);
	begin(EV_CALL, 3, 0, (uint64_t[6]){5});
	opt.task_ids = TASK_IDS_BRACKETS;
	line("[4711] close(5) = 0");
	opt.task_ids = TASK_IDS_PLAIN;
	opt.timestamps = STAMP_SECONDS;
	line("4711 22:13:20 close(5) = 0");
	opt.task_ids = TASK_IDS_NONE;
	opt.timestamps = STAMP_MICRO;
	line("22:13:20.000000 close(5) = 0");
	opt.timestamps = STAMP_UNIX;
	opt.syscall_times = true;
	line("1700000000.000000 close(5) = 0 <0.000012>");
	opt.syscall_times = false;
	opt.timestamps = 0;
	opt.align = 16;
	line("close(5)        = 0");
	opt.align = 0;
}

/* ---- what reports use ---- */

static void test_pieces(void)
{
	struct buf out = {0};

	CALL(257, 3, -100, PATH_AT, 02000000);
	add_str(PART_IN, 2, PATH_AT, "/etc/passwd");
	show_one_argument(&out, &made.e, 2, &opt);
	compare("O_RDONLY|O_CLOEXEC", &out);
	show_args(&out, &made.e, &opt);
	compare("AT_FDCWD, \"/etc/passwd\", O_RDONLY|O_CLOEXEC", &out);
	show_result(&out, &made.e, &opt);
	compare("3", &out);
	show_name(&out, &made.e);
	compare("openat", &out);
	show_value(&out, K_SIG, 0, 15);
	compare("SIGTERM", &out);
	show_value(&out, K_FLAGS, SET_prot, 1);
	compare("PROT_READ", &out);
	is_true(show_argument_count(&made.e) == 4, "openat has four arguments");
}

static bool wanted(const char *spec)
{
	struct call_filter f = {0};
	char *error = NULL;

	must(!filter_parse(&f, spec, &error));
	return filter_wants(&f, &made.e);
}

static void test_filter(void)
{
	struct call_filter f = {0};
	char *error = NULL;

	CALL(257, 3, -100, PATH_AT, 0);
	is_true(wanted("openat,read") && wanted("trace=openat") && wanted("file") && wanted("%file,%net"),
		"openat is wanted by name and by class");
	is_true(wanted("!write") && !wanted("!openat") && !wanted("network") && !wanted("none") && wanted("all"),
		"openat and negated names");
	is_true(wanted("/^open") && !wanted("/^close"), "openat by a pattern");
	CALL(0, 0, 0);
	is_true(wanted("desc") && !wanted("file") && wanted("!file"), "read is about descriptors");
	CALL(9, 0, 0);
	is_true(wanted("memory") && !wanted("process"), "mmap is about memory");
	CALL(42, 0, 0);
	is_true(wanted("network") && wanted("%net") && !wanted("time"), "connect is about the network");
	CALL(228, 0, 0);
	is_true(wanted("time") && !wanted("random"), "clock_gettime is about time");
	begin(EV_INSN, INSN_RDTSC, 0, (uint64_t[6]){0});
	is_true(wanted("time") && wanted("rdtsc") && !wanted("cpuid") && !wanted("file"), "rdtsc is about time");
	begin(EV_INSN, INSN_RDRAND, 0, (uint64_t[6]){0});
	is_true(wanted("random") && !wanted("time"), "rdrand is about randomness");
	begin(EV_SIGNAL, 15, 0, (uint64_t[6]){0});
	is_true(wanted("signal=SIGTERM") && wanted("signal=term") && !wanted("signal=none") && !wanted("signal=!SIGTERM") &&
		wanted("file"), "signals have a list of their own");
	CALL(0x1f4, 0, 0);
	is_true(wanted("all") && !wanted("read"), "an unknown call is wanted only with all");
	is_true(filter_parse(&f, "openat,nonsense", &error) < 0 && error && strstr(error, "nonsense"),
		"an error names what is unknown");
	free(error);
}

static void test_summary(void)
{
	struct summary s = {0};
	struct buf out = {0};

	CALL(0, 5, 0, BUF_AT, 5);
	summary_add(&s, &made.e);
	summary_add(&s, &made.e);
	CALL(3, -9, 77);
	made.e.left = made.e.entered + 1000;
	summary_add(&s, &made.e);
	CALL(228, 0, 0);
	made.e.flags = EVF_VDSO;
	made.e.left = made.e.entered;
	summary_add(&s, &made.e);
	begin(EV_INSN, INSN_RDTSC, 0, (uint64_t[6]){0});
	made.e.left = made.e.entered;
	summary_add(&s, &made.e);
	summary_show(&out, &s);
	compare("% time     seconds  usecs/call     calls    errors syscall\n"
		"------ ----------- ----------- --------- --------- ----------------\n"
		" 96.11    0.000025          12         2           read\n"
		"  3.89    0.000001           1         1         1 close\n"
		"  0.00    0.000000           0         1           clock_gettime [vdso]\n"
		"  0.00    0.000000           0         1           rdtsc [instruction]\n"
		"------ ----------- ----------- --------- --------- ----------------\n"
		"100.00    0.000026           5         5         1 total\n", &out);
}

/* ---- the tables ---- */

static void test_sets(void)
{
	unsigned bad = 0;

	for (unsigned id = 1; id < SET_COUNT; id++) {
		const struct set *s = set_by_id(id);

		if (!s || !s->n)
			bad++;
		for (unsigned i = 0; s && i < s->n; i++)
			bad += (s->values[i].value & ~s->values[i].mask) != 0 || strlen(s->values[i].name) != s->values[i].len;
	}
	is_true(!bad, "every set has values, and none outside of its mask");
}

int main(void)
{
	opt = SHOW_DEFAULTS;
	test_open();
	test_bytes();
	test_stat();
	test_directory();
	test_requests();
	test_memory();
	test_processes();
	test_signals();
	test_addresses();
	test_sockets();
	test_vectors();
	test_messages();
	test_waiting();
	test_halves();
	test_unknown();
	test_instructions();
	test_events();
	test_prefixes();
	test_pieces();
	test_filter();
	test_summary();
	test_sets();
	printf("1..%d\n", cases);
	return failures != 0;
}
