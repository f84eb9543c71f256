/* test_symbols.c - backtraces from snapshots, checked against programs whose stacks are known.
 *
 * This file is two programs. With -DVICTIM it is one that stops itself in a known place; the test
 * compiles that in many ways, takes registers and 4 KiB of stack at the stop, kills it, and only then
 * asks for the backtrace. A position is given by the comment that stands in its line: HERE(name).
 *
 *   usage: test_symbols [THIS-FILE]     seed of the random part: TANDEM_TEST_SEED
 */
#define _GNU_SOURCE
#ifdef VICTIM

#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#define NOINLINE __attribute__((noinline))
#define AFTER_CALL __asm__ volatile("" ::: "memory") /* so that the call before it is no jump */

/* Stops at once: the frame on top is whoever called. */
#define STOP() do { \
	long r_, tid_ = syscall(SYS_gettid); \
	/* the program stands at the nop then, which belongs to this line */ \
	__asm__ volatile("syscall; nop" : "=a"(r_) : "a"(SYS_tkill), "D"(tid_), "S"(SIGSTOP) \
			 : "rcx", "r11", "memory"); \
} while (0)

void inner(int x), middle(int x), outer(int x);
void handler(int sig), work(void), deep(int n), never(void), caller_of_never(void), libc_stop(void), clocks(void);
int compare(const void *a, const void *b);
void sorter(void), *in_thread(void *arg), holds_inlined(int x);
void by_frame_pointer(void), no_table_outer(void), bare_leaf(void), bare_leaf_caller(void);

NOINLINE void inner(int x)
{
	(void)x;
	STOP(); /* HERE(inner) */
	AFTER_CALL;
}

NOINLINE void middle(int x)
{
	volatile char room[200];

	room[0] = (char)x;
	inner(x + room[0]); /* HERE(middle) */
	AFTER_CALL;
}

NOINLINE void outer(int x)
{
	middle(x + 1); /* HERE(outer) */
	AFTER_CALL;
}

NOINLINE void handler(int sig)
{
	(void)sig;
	inner(1); /* HERE(handler) */
	AFTER_CALL;
}

NOINLINE void work(void)
{
	__asm__ volatile("ud2"); /* HERE(work) */
	AFTER_CALL;
}

static void on_signal(int flags)
{
	static char stack[65536];
	stack_t ss = { .ss_sp = stack, .ss_size = sizeof(stack) };
	struct sigaction sa = { .sa_handler = handler, .sa_flags = flags };

	sigaltstack(&ss, NULL);
	sigaction(SIGILL, &sa, NULL);
}

NOINLINE void deep(int n)
{
	volatile char room[256];

	room[n % 256] = 1;
	if (n == 0)
		inner(0);
	else
		deep(n - 1); /* HERE(deep) */
	AFTER_CALL;
}

/* The return address of a call that never returns may lie in the next function. */
__attribute__((noreturn)) NOINLINE void never(void)
{
	for (;;)
		STOP(); /* HERE(never) */
}

NOINLINE void caller_of_never(void)
{
	never(); /* HERE(caller_of_never) */
}

NOINLINE void libc_stop(void)
{
	raise(SIGSTOP); /* HERE(libc_stop) */
	AFTER_CALL;
}

NOINLINE int compare(const void *a, const void *b)
{
	inner(1); /* HERE(compare) */
	AFTER_CALL;
	return *(const int *)a - *(const int *)b;
}

NOINLINE void sorter(void)
{
	int v[] = { 3, 1, 2 };

	qsort(v, 3, sizeof(v[0]), compare); /* HERE(sorter) */
	AFTER_CALL;
}

NOINLINE void *in_thread(void *arg)
{
	inner(3); /* HERE(in_thread) */
	AFTER_CALL;
	return arg;
}

__attribute__((always_inline)) static inline void inlined(int x)
{
	inner(x); /* HERE(inlined) */
	AFTER_CALL;
}

NOINLINE void holds_inlined(int x)
{
	inlined(x); /* HERE(holds_inlined) */
	AFTER_CALL;
}

NOINLINE void clocks(void)
{
	struct timespec ts;

	raise(SIGSTOP);
	clock_gettime(CLOCK_MONOTONIC, &ts); /* HERE(clocks) */
	AFTER_CALL;
}

/* Functions without unwind tables: one with a frame pointer, one that has pushed nothing. */
__asm__(".text\n.type by_frame_pointer, @function\n"
	"by_frame_pointer: push %rbp; mov %rsp, %rbp; sub $48, %rsp; mov $7, %edi; call inner\n"
	"leave; ret\n.size by_frame_pointer, .-by_frame_pointer\n"
	".type bare_leaf, @function\n"
	"bare_leaf: mov $39, %eax; syscall; mov %eax, %edi; mov $19, %esi; mov $62, %eax; syscall; ret\n"
	".size bare_leaf, .-bare_leaf\n");

NOINLINE void no_table_outer(void)
{
	by_frame_pointer(); /* HERE(no_table_outer) */
	AFTER_CALL;
}

NOINLINE void bare_leaf_caller(void)
{
	bare_leaf(); /* HERE(bare_leaf_caller) */
	AFTER_CALL;
}

int main(int argc, char **argv)
{
	const char *what = argc > 1 ? argv[1] : "plain";
	pthread_t t;

	if (!strcmp(what, "plain"))
		outer(1); /* HERE(main) */
	AFTER_CALL;
	if (!strcmp(what, "signal"))
		on_signal(0), work();
	if (!strcmp(what, "altstack"))
		on_signal(SA_ONSTACK), work();
	if (!strcmp(what, "deep"))
		deep(100);
	if (!strcmp(what, "never"))
		caller_of_never();
	if (!strcmp(what, "libc"))
		libc_stop();
	if (!strcmp(what, "qsort"))
		sorter();
	if (!strcmp(what, "thread"))
		pthread_create(&t, NULL, in_thread, NULL), pthread_join(t, NULL);
	if (!strcmp(what, "inlined"))
		holds_inlined(2);
	if (!strcmp(what, "clocks"))
		clocks();
	if (!strcmp(what, "notable"))
		no_table_outer();
	if (!strcmp(what, "leaf"))
		bare_leaf_caller();
	return 0;
}

#else

#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/ptrace.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/base.h"
#include "show/symbols.h"
#include "tap.h"

#define MAX_FRAMES 200

static char source[PATH_MAX], dir[] = "/tmp/test_symbols.XXXXXX";

/*
 * Snapshots
 */

struct shot {
	struct user_regs_struct regs;
	unsigned char stack[65536];
	struct module_map maps[256];
	struct snapshot snap;
};

static void read_maps(struct shot *s, pid_t pid)
{
	char *path = xasprintf("/proc/%d/maps", pid), line[PATH_MAX + 100], name[PATH_MAX];
	FILE *f = fopen(path, "re");

	while (f && fgets(line, sizeof(line), f) && s->snap.nmaps < countof(s->maps)) {
		struct module_map *m = &s->maps[s->snap.nmaps];
		unsigned int major, minor;

		name[0] = 0;
		sscanf(line, "%lx-%lx %*s %lx %x:%x %lu %4095[^\n]", &m->start, &m->end, &m->offset, &major,
		       &minor, &m->ino, name);
		if (name[0] != '/' && strcmp(name, "[vdso]"))
			continue;
		m->dev = makedev(major, minor);
		m->path = xstrdup(name);
		s->snap.nmaps++;
	}
	if (f)
		fclose(f);
	free(path);
}

static void take(struct shot *s, pid_t pid, size_t bytes)
{
	struct iovec local = { s->stack, bytes }, remote;
	ssize_t n;

	memset(&s->snap, 0, sizeof(s->snap));
	must(ptrace(PTRACE_GETREGS, pid, 0, &s->regs) == 0);
	remote = (struct iovec){ (void *)(s->regs.rsp - 128), bytes };
	n = process_vm_readv(pid, &local, 1, &remote, 1, 0);
	s->snap = (struct snapshot){ .regs = &s->regs, .stack_addr = s->regs.rsp - 128, .stack = s->stack,
				     .stack_len = n > 0 ? (size_t)n : 0, .maps = s->maps };
	read_maps(s, pid);
}

static void shot_free(struct shot *s)
{
	for (size_t i = 0; i < s->snap.nmaps; i++)
		free((char *)s->maps[i].path);
	s->snap.nmaps = 0;
}

/* Runs the victim until it (or one of its threads) stops itself. */
static pid_t run_to_stop(pid_t root, pid_t *ret_task)
{
	int status;

	for (;;) {
		pid_t task = waitpid(-1, &status, __WALL);
		int sig = WIFSTOPPED(status) ? WSTOPSIG(status) : 0;

		if (task < 0 || !WIFSTOPPED(status))
			return -1;
		*ret_task = task;
		if (sig == SIGSTOP && ptrace(PTRACE_GETSIGINFO, task, 0, &(siginfo_t){ 0 }) == 0) {
			siginfo_t si;

			ptrace(PTRACE_GETSIGINFO, task, 0, &si);
			if (si.si_pid == root)
				return task;
		}
		ptrace(PTRACE_CONT, task, 0, sig == SIGTRAP || sig == SIGSTOP ? 0 : sig);
	}
}

static bool in_vdso(const struct shot *s, uint64_t pc)
{
	for (size_t i = 0; i < s->snap.nmaps; i++)
		if (!strcmp(s->maps[i].path, "[vdso]") && pc >= s->maps[i].start && pc < s->maps[i].end)
			return true;
	return false;
}

/* Steps on until the program has just entered the vDSO. */
static void step_into_vdso(struct shot *s, pid_t pid)
{
	struct user_regs_struct r;

	for (int i = 0; i < 200000; i++) {
		must(ptrace(PTRACE_SINGLESTEP, pid, 0, 0) == 0 && waitpid(pid, NULL, __WALL) == pid);
		ptrace(PTRACE_GETREGS, pid, 0, &r);
		if (in_vdso(s, r.rip))
			break;
	}
}

static bool shoot(struct shot *s, char *const argv[], size_t bytes, bool to_vdso)
{
	pid_t pid = fork(), task = -1;

	if (pid == 0) {
		ptrace(PTRACE_TRACEME, 0, 0, 0);
		execv(argv[0], argv);
		_exit(127);
	}
	waitpid(pid, NULL, 0);
	ptrace(PTRACE_SETOPTIONS, pid, 0, PTRACE_O_TRACECLONE | PTRACE_O_EXITKILL);
	ptrace(PTRACE_CONT, pid, 0, 0);
	if (run_to_stop(pid, &task) < 0)
		return false;
	take(s, task, bytes);
	if (to_vdso) {
		step_into_vdso(s, task);
		shot_free(s);
		take(s, task, bytes);
	}
	kill(pid, SIGKILL);
	while (waitpid(-1, NULL, __WALL) > 0)
		;
	return true;
}

/*
 * Expectations
 */

static int line_of(const char *mark)
{
	char *want = xasprintf("HERE(%s)", mark), text[1000];
	FILE *f = fopen(source, "re");
	int n = 0, line = 0;

	while (f && fgets(text, sizeof(text), f) && !line) {
		n++;
		if (strstr(text, want))
			line = n;
	}
	if (f)
		fclose(f);
	free(want);
	return line;
}

static void print_frames(const struct frame *f, int n, bool truncated)
{
	for (int i = 0; i < n; i++)
		printf("# %2d %lx %s+%lu %s:%d %s%s\n", i, f[i].pc, f[i].function ? f[i].function : "?",
		       f[i].offset, f[i].file ? f[i].file : "?", f[i].line, f[i].module ? f[i].module : "?",
		       f[i].inlined ? " (inlined)" : "");
	printf("# truncated: %d\n", truncated);
}

static bool frame_is(const struct frame *f, const char *want)
{
	char name[100];
	bool line = *want != '-';   /* -name: a function without line information */

	snprintf(name, sizeof(name), "%s", want + !line);
	if (!f->function || strcmp(f->function, name))
		return false;
	return !line || (f->line == line_of(name) && f->file && strstr(f->file, "test_symbols.c"));
}

/* `want`: names from the innermost on; "..." stands for any number of frames. */
static bool frames_are(const struct frame *f, int n, const char *want)
{
	char *list = xstrdup(want), *save = NULL;
	bool skip = false, good = true;
	int i = 0;

	for (char *w = strtok_r(list, " ", &save); w && good; w = strtok_r(NULL, " ", &save)) {
		if (!strcmp(w, "...")) {
			skip = true;
			continue;
		}
		while (skip && i < n && !frame_is(&f[i], w))
			i++;
		good = i < n && frame_is(&f[i], w);
		skip = false;
		i++;
	}
	free(list);
	return good;
}

static void expect(struct symbols *sy, const char *how, const char *exe, const char *mode, size_t bytes,
		   const char *want, int want_truncated)
{
	static struct shot s;
	char *argv[] = { (char *)exe, (char *)mode, NULL };
	struct frame f[MAX_FRAMES];
	bool truncated, good;
	int n;

	if (!shoot(&s, argv, bytes, !strcmp(mode, "clocks"))) {
		ok(false, "%s, %s: it did not stop", how, mode);
		return;
	}
	n = symbols_backtrace(sy, &s.snap, f, MAX_FRAMES, &truncated);
	good = frames_are(f, n, want) && (want_truncated < 0 || truncated == want_truncated);
	ok(good, "%s, %s: %s%s", how, mode, want, want_truncated > 0 ? ", truncated" : "");
	if (!good)
		print_frames(f, n, truncated);
	frames_free(f, n);
	shot_free(&s);
}

static char *built(const char *compiler, const char *flags)
{
	static int serial;
	char *exe = xasprintf("%s/victim-%d", dir, ++serial);
	char *cmd = xasprintf("%s -DVICTIM -w %s -o %s %s -pthread >%s/log 2>&1", compiler, flags,
			      exe, source, dir);
	bool good = system(cmd) == 0;

	if (!good)
		printf("# cannot build, skipped: %s %s\n", compiler, flags);
	free(cmd);
	if (good)
		return exe;
	free(exe);
	return NULL;
}

static void test_variant(struct symbols *sy, const char *cc, const char *flags)
{
	char *how = xasprintf("%s %s", cc, flags), *exe = built(cc, flags);

	if (exe) {
		expect(sy, how, exe, "plain", 4096, "inner middle outer main ... -_start", 0);
		expect(sy, how, exe, "signal", 16384, "inner handler ... work ... -_start", 0);
		expect(sy, how, exe, "altstack", 4096, "inner handler ... work", -1);
		expect(sy, how, exe, "deep", 4096, "inner ... deep deep deep", 1);
		expect(sy, how, exe, "deep", 65536, "inner ... deep deep deep ... -_start", 0);
		expect(sy, how, exe, "never", 4096, "never caller_of_never ... -_start", 0);
		expect(sy, how, exe, "libc", 4096, "... libc_stop ... -_start", 0);
		expect(sy, how, exe, "qsort", 4096, "inner compare ... sorter ... -_start", 0);
		expect(sy, how, exe, "thread", 4096, "inner in_thread ...", 0);
		expect(sy, how, exe, "inlined", 4096, "inner inlined holds_inlined ... -_start", 0);
		expect(sy, how, exe, "notable", 4096, "inner -by_frame_pointer no_table_outer", -1);
		expect(sy, how, exe, "leaf", 4096, "-bare_leaf bare_leaf_caller ... -_start", 0);
		expect(sy, how, exe, "clocks", 4096, "-__vdso_clock_gettime ... clocks ... -_start", 0);
		unlink(exe);
	}
	free(exe);
	free(how);
}

/* No tables at all in the program: frame pointers lead through it. */
static void test_frame_pointers(struct symbols *sy)
{
	const char *flags = "-O1 -g0 -fno-asynchronous-unwind-tables -fno-omit-frame-pointer";
	char *exe = built("gcc", flags);

	if (!exe)
		return;
	expect(sy, "no tables", exe, "plain", 4096, "-inner -middle -outer -main", -1);
	unlink(exe);
	free(exe);
}

static void run(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
static void run(const char *fmt, ...)
{
	char cmd[3 * PATH_MAX];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(cmd, sizeof(cmd), fmt, ap);
	va_end(ap);
	if (system(cmd))
		printf("# failed: %s\n", cmd);
}

/* Symbols from a file beside the stripped program. */
static void test_separate(struct symbols *sy)
{
	char *exe = built("gcc", "-O2 -g -Wl,--build-id");

	if (!exe)
		return;
	run("cd %s && objcopy --only-keep-debug %s %s.debug", dir, exe, exe);
	run("cd %s && strip %s && objcopy --add-gnu-debuglink=%s.debug %s", dir, exe, exe, exe);
	expect(sy, "separate debug file", exe, "plain", 4096, "inner middle outer main", 0);
	run("rm %s %s.debug", exe, exe);
	free(exe);
}

/* A program that is replaced or deleted meanwhile: module and offset, and no symbols of another file. */
static void test_replaced(bool replace)
{
	static struct shot s;
	struct symbols *sy = symbols_new();
	struct frame f[MAX_FRAMES];
	char *exe = built("gcc", "-O0 -g"), *other = built("gcc", "-O2 -g");
	char *argv[] = { exe, "plain", NULL };
	bool truncated;
	int n;

	must(exe && other && shoot(&s, argv, 4096, false));
	if (replace)
		rename(other, exe);
	else
		unlink(exe);
	n = symbols_backtrace(sy, &s.snap, f, MAX_FRAMES, &truncated);
	ok(n >= 1 && !f[0].function && f[0].module && !strcmp(f[0].module, exe) && f[0].offset < 65536,
	   "%s: module and offset", replace ? "replaced" : "deleted");
	frames_free(f, n);
	shot_free(&s);
	symbols_free(sy);
	unlink(exe);
	unlink(other);
	free(exe);
	free(other);
}

static void test_find(void)
{
	char *exe = built("gcc", "-O0 -g -no-pie");
	uint64_t at = 0;

	ok(exe && symbols_find(exe, "main", &at) == 0 && at > 0x400000, "main is found at %#lx", at);
	ok(exe && symbols_find(exe, "nosuchname", &at) == -ENOENT, "an unknown name gives -ENOENT");
	ok(symbols_find("/nonexistent", "main", &at) == -ENOENT, "a missing file gives -ENOENT");
	ok(symbols_find("/etc/passwd", "main", &at) < 0, "a text file gives an error");
	ok(symbols_find("/dev/null", "main", &at) < 0, "a device gives an error");
	if (exe)
		unlink(exe);
	free(exe);
}

/* A word that may look right: an address of code or of the stack, or not. */
static uint64_t wild(const struct shot *s, uint64_t *rng)
{
	const struct module_map *m = &s->maps[rng_next(rng) % s->snap.nmaps];

	switch (rng_next(rng) % 6) {
	case 0:  return rng_next(rng);
	case 1:  return s->snap.stack_addr + rng_next(rng) % 5000;
	case 2:  return (s->snap.stack_addr + rng_next(rng) % 5000) & ~7ull;
	case 3:  return rng_next(rng) % 3;
	default: return m->start + rng_next(rng) % (m->end - m->start);
	}
}

static void garble(struct shot *s, uint64_t *rng)
{
	uint64_t *word = (uint64_t *)s->stack, *reg = (uint64_t *)&s->regs;
	uint64_t rate = 1ull << rng_next(rng) % 10;

	for (size_t k = 0; k < s->snap.stack_len / 8; k++)
		if (rng_next(rng) % rate == 0)
			word[k] = wild(s, rng);
	for (size_t k = 0; k < sizeof(s->regs) / 8; k++)
		if (rng_next(rng) % rate == 0)
			reg[k] = wild(s, rng);
	if (rng_next(rng) % 2)
		s->regs.rsp = s->snap.stack_addr + 8 * (rng_next(rng) % 64);
}

static void test_random(const char *exe, const char *mode, uint64_t seed, int rounds)
{
	static struct shot s, kept;
	char *argv[] = { (char *)exe, (char *)mode, NULL };
	struct symbols *sy = symbols_new();
	struct frame f[MAX_FRAMES];
	uint64_t rng = seed;
	bool truncated, good = true;
	long frames = 0;

	must(shoot(&s, argv, 16384, false));
	kept = s;
	for (int i = 0; i < rounds && good; i++) {
		int max = 1 + (int)(rng_next(&rng) % MAX_FRAMES), n;

		memcpy(s.stack, kept.stack, sizeof(s.stack));
		s.regs = kept.regs;
		garble(&s, &rng);
		n = symbols_backtrace(sy, &s.snap, f, max, &truncated);
		good = n >= 1 && n <= max;
		frames += n;
		frames_free(f, n);
	}
	ok(good, "%d garbled stacks of %s, %ld frames, seed %lu", rounds, mode, frames, seed);
	shot_free(&s);
	symbols_free(sy);
}

/* Stands for a live task: knows the stack that the snapshot lacks. */
static int read_kept(void *ctx, uint64_t addr, void *buf, size_t len)
{
	const struct shot *s = ctx;
	uint64_t at = addr - s->snap.stack_addr;

	if (addr < s->snap.stack_addr || at > sizeof(s->stack) - len)
		return -EFAULT;
	memcpy(buf, s->stack + at, len);
	return 0;
}

static void test_odd(const char *exe)
{
	static struct shot s;
	char *argv[] = { (char *)exe, "plain", NULL };
	struct symbols *sy = symbols_new();
	struct frame f[MAX_FRAMES];
	bool truncated;
	int n;

	must(shoot(&s, argv, 4096, false));
	n = symbols_backtrace(sy, &s.snap, f, 2, &truncated);
	ok(n == 2 && truncated && frames_are(f, n, "inner middle"), "max 2: two frames, truncated");
	frames_free(f, n);
	n = symbols_backtrace(sy, &s.snap, f, 0, &truncated);
	ok(n == 0, "max 0: none");
	s.snap.stack_len = 0;
	n = symbols_backtrace(sy, &s.snap, f, MAX_FRAMES, &truncated);
	ok(n == 1 && truncated && frames_are(f, n, "inner"), "no stack: one frame, truncated");
	frames_free(f, n);
	s.snap.read = read_kept;
	s.snap.ctx = &s;
	n = symbols_backtrace(sy, &s.snap, f, MAX_FRAMES, &truncated);
	ok(!truncated && frames_are(f, n, "inner middle outer main ... -_start"), "no stack, but a live task");
	frames_free(f, n);
	s.snap.read = NULL;
	s.regs.rip = 0;
	n = symbols_backtrace(sy, &s.snap, f, MAX_FRAMES, &truncated);
	ok(n == 1 && !f[0].module && !f[0].function, "rip 0: one frame without a name");
	frames_free(f, n);
	s.snap.nmaps = 0;
	n = symbols_backtrace(sy, &s.snap, f, MAX_FRAMES, &truncated);
	ok(n == 1, "no maps: one frame");
	frames_free(f, n);
	symbols_free(sy);
}

/* Whether this process has mapped a file whose name contains `part`. */
static bool mapped(const char *part)
{
	FILE *f = fopen("/proc/self/maps", "re");
	char line[PATH_MAX + 100];
	bool found = false;

	while (f && fgets(line, sizeof(line), f))
		found = found || strstr(line, part);
	if (f)
		fclose(f);
	return found;
}

int main(int argc, char **argv)
{
	static const char *const variants[][2] = {
		{ "gcc", "-O0 -g" },
		{ "gcc", "-O0 -g -no-pie" },
		{ "gcc", "-O0 -g -static" },
		{ "gcc", "-O0 -g -static-pie" },
		{ "gcc", "-O2 -g -fomit-frame-pointer" },
		{ "gcc", "-O2 -g -fomit-frame-pointer -static" },
		{ "gcc", "-O2 -g -gdwarf-4 -gz" },
		{ "clang", "-O0 -g" },
		{ "clang", "-O2 -g -fomit-frame-pointer" },
	};
	const char *seed = getenv("TANDEM_TEST_SEED");
	uint64_t start = seed ? strtoull(seed, NULL, 0) : now_wall() | 1;
	struct symbols *sy = symbols_new();
	char *exe;

	must(realpath(argc > 1 ? argv[1] : __FILE__, source) && mkdtemp(dir));
	setenv("DEBUGINFOD_URLS", "http://127.0.0.1:9", 1);
	for (size_t i = 0; i < countof(variants); i++)
		test_variant(sy, variants[i][0], variants[i][1]);
	test_frame_pointers(sy);
	test_separate(sy);
	test_replaced(true);
	test_replaced(false);
	test_find();
	exe = built("gcc", "-O0 -g");
	must(exe);
	test_odd(exe);
	test_random(exe, "libc", start, 1500);
	test_random(exe, "signal", start, 1500);
	test_random(exe, "deep", start, 500);
	ok(!mapped("debuginfod"), "the debuginfod client was not loaded");
	unlink(exe);
	free(exe);
	symbols_free(sy);
	run("rm -rf %s", dir);
	return tap_end();
}

#endif
