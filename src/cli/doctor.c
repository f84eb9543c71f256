/* doctor.c - `tandem doctor`: tries what tandem needs, and says what is missing, what that means, and
 * what helps. Things are tried rather than looked up: a container may refuse what the kernel has.
 */
#define _GNU_SOURCE
#include "cli/doctor.h"

#include <errno.h>
#include <jansson.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/personality.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/utsname.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "base/base.h"
#include "cli/doctor_probe.h"

#define PROC_MAGIC  0x9fa0
#define STREAM_SIZE (64ull << 20)

enum status {
	GOOD,           /* as tandem likes it */
	NOTE,           /* worth knowing; nothing is lost */
	LESS,           /* tandem works, with the consequence that the text names */
	FATAL,          /* `tandem run` cannot work */
};

struct answer {
	enum status status;
	struct buf text;
};

struct check {
	const char *name;
	void (*ask)(struct answer *a);
};

static void say(struct answer *a, enum status status, const char *fmt, ...) __attribute__((format(printf, 3, 4)));
static void say(struct answer *a, enum status status, const char *fmt, ...)
{
	char text[1000];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	buf_puts(&a->text, text);
	a->status = max_of(a->status, status);
}

static const char *why(int err)
{
	return err == -ENOTRECOVERABLE ? "accepted, but without effect" :
	       err == -ETIME ? "no answer within two seconds" :
	       err == -EAGAIN ? "no process left to try it with (ulimit -u, pids.max)" : strerror(-err);
}

/* The file's first line without its end; false where it cannot be read. */
static bool read_line(const char *path, char *line, size_t room)
{
	FILE *f = fopen(path, "re");
	bool good = f && fgets(line, (int)room, f);

	if (f)
		fclose(f);
	if (good)
		line[strcspn(line, "\n")] = 0;
	return good;
}

static long read_number(const char *path, long otherwise)
{
	char line[100];

	return read_line(path, line, sizeof(line)) ? strtol(line, NULL, 0) : otherwise;
}

/* A field of /proc/self/status, as a number. */
static long self_status(const char *field, long otherwise)
{
	FILE *f = fopen("/proc/self/status", "re");
	char line[300];
	size_t len = strlen(field);
	long value = otherwise;

	while (f && fgets(line, sizeof(line), f))
		if (!strncmp(line, field, len) && line[len] == ':')
			value = strtol(line + len + 1, NULL, 10);
	if (f)
		fclose(f);
	return value;
}

/*
 * Essential
 */

static void ask_kernel(struct answer *a)
{
	struct utsname u;
	int major = 0, minor = 0;

	uname(&u);
	sscanf(u.release, "%d.%d", &major, &minor);
	if (strcmp(u.machine, "x86_64"))
		say(a, FATAL, "%s %s; tandem knows x86_64 only", u.release, u.machine);
	else if (major < 5 || (major == 5 && minor < 6))
		say(a, FATAL, "%s; 5.6 or later is needed (pidfd_getfd, PTRACE_GET_SYSCALL_INFO)", u.release);
	else
		say(a, GOOD, "%s", u.release);
}

static void ask_proc(struct answer *a)
{
	struct statfs fs;

	if (statfs("/proc", &fs) < 0 || fs.f_type != PROC_MAGIC)
		say(a, FATAL, "/proc is not mounted; memory and mappings of a version are reached through it: "
		    "mount -t proc proc /proc");
	else if (access("/proc/self/maps", R_OK) < 0)
		say(a, FATAL, "/proc/self/maps cannot be read: %s; is this another pid namespace's /proc?",
		    strerror(errno));
	else
		say(a, GOOD, "mounted");
}

static void ask_ptrace(struct answer *a)
{
	int err = probe_ptrace();

	if (!err)
		say(a, GOOD, "a child can be seized, stopped and read");
	else
		say(a, FATAL, "%s; tandem runs its versions by it. In a container: --cap-add=SYS_PTRACE and a "
		    "seccomp profile that allows ptrace; else see yama below, and run outside of debuggers",
		    why(err));
}

static void ask_yama(struct answer *a)
{
	static const char *const scopes[] = {
		"0, any process of the same user may be traced",
		"1, descendants only; versions are descendants",
		"2, only with CAP_SYS_PTRACE",
		"3, nobody may trace; only a reboot changes that",
	};
	long scope = read_number("/proc/sys/kernel/yama/ptrace_scope", -1);
	/* Descendants are traced by those who may trace at all: the ptrace line has the answer. */
	const char *remedy = scope < 2 ? "" : "; sysctl kernel.yama.ptrace_scope=1, if ptrace was refused";

	if (scope < 0 || scope >= (long)countof(scopes))
		say(a, GOOD, "not there, nothing is restricted");
	else
		say(a, scope < 2 ? GOOD : NOTE, "%s%s", scopes[scope], remedy);
}

static void ask_seccomp(struct answer *a)
{
	int err = probe_trace_filter();

	if (!err)
		say(a, GOOD, "filters work, and RET_TRACE stops at the tracer");
	else
		say(a, FATAL, "%s; calls are caught by filters that say RET_TRACE. Kernel: "
		    "CONFIG_SECCOMP_FILTER; container: a profile that allows seccomp", why(err));
}

static void ask_mem_write(struct answer *a)
{
	int err = probe_mem_write();

	if (!err)
		say(a, GOOD, "writable through read-only pages");
	else
		say(a, FATAL, "%s; the vDSO and trapped sites are patched that way. Needs /proc, and a kernel "
		    "booted without proc_mem.force_override=never", why(err));
}

static void ask_memfd(struct answer *a)
{
	int err = probe_memfd(STREAM_SIZE);

	if (!err)
		say(a, GOOD, "%llu MiB for the stream can be had; /dev/shm is not needed", STREAM_SIZE >> 20);
	else
		say(a, FATAL, "%s; the stream between versions is a memfd. See ulimit -v, ulimit -f and the "
		    "container's seccomp profile", why(err));
}

/*
 * Useful
 */

static void ask_memfd_exec(struct answer *a)
{
	long noexec = read_number("/proc/sys/vm/memfd_noexec", -1);
	int err = probe_memfd_exec();

	if (!err)
		say(a, GOOD, "a program in a memfd may be executed");
	else
		say(a, LESS, "%s%s; programs that are deleted meanwhile cannot be run from a kept copy",
		    why(err), noexec > 1 ? " (sysctl vm.memfd_noexec=1 allows it)" : "");
}

static void ask_tsc(struct answer *a)
{
	int err = probe_tsc();

	if (!err)
		say(a, GOOD, "rdtsc can be made to trap");
	else
		say(a, LESS, "%s; rdtsc sites are found by scan and patched instead, but not in code made at run time", why(err));
}

static void ask_cpuid(struct answer *a)
{
	int err = probe_cpuid();

	if (!err)
		say(a, GOOD, "cpuid can be made to trap");
	else if (err == -ENODEV || err == -EINVAL)
		say(a, LESS, "this CPU or VM has none; cpuid sites are found by scan and patched instead");
	else
		say(a, LESS, "%s; cpuid sites are found by scan and patched instead", why(err));
}

static void ask_vm_read(struct answer *a)
{
	int err = probe_vm_read();

	if (!err)
		say(a, GOOD, "a child's memory can be read");
	else
		say(a, LESS, "%s; memory is read through /proc/PID/mem instead", why(err));
}

static void ask_getfd(struct answer *a)
{
	int err = probe_getfd();

	if (!err)
		say(a, GOOD, "descriptors can be fetched from a child");
	else
		say(a, LESS, "%s; a follower cannot take over the leader's descriptors. In a container: "
		    "--cap-add=SYS_PTRACE, or a newer seccomp profile", why(err));
}

static void ask_cores(struct answer *a)
{
	cpu_set_t set;
	uint64_t ns = 0;
	int cores[2], found = 0, err;

	CPU_ZERO(&set);
	if (sched_getaffinity(0, sizeof(set), &set) < 0) {
		say(a, NOTE, "cannot be counted: %s", strerror(errno));
		return;
	}
	for (int i = 0; i < CPU_SETSIZE && found < 2; i++)
		if (CPU_ISSET(i, &set))
			cores[found++] = i;
	if (found < 2) {
		say(a, LESS, "1; versions take turns on it, and each costs the leader its time");
		return;
	}
	err = probe_round_trip(cores[0], cores[1], &ns);
	if (err)
		say(a, NOTE, "%d; the way between them was not measured: %s", CPU_COUNT(&set), why(err));
	else
		say(a, GOOD, "%d; from core %d to %d and back: %llu ns (near is 100 to 200, far 500 and more)",
		    CPU_COUNT(&set), cores[0], cores[1], (unsigned long long)ns);
}

/*
 * Worth knowing
 */

static void ask_randomize(struct answer *a)
{
	long level = read_number("/proc/sys/kernel/randomize_va_space", -1);
	int persona = personality(0xffffffff);

	if (persona >= 0 && (persona & ADDR_NO_RANDOMIZE))
		say(a, NOTE, "off for this process (personality); --expose=aslr will show nothing");
	else if (level == 0)
		say(a, NOTE, "off (sysctl kernel.randomize_va_space=2 is usual); --expose=aslr will show nothing");
	else if (level < 0)
		say(a, NOTE, "unknown");
	else
		say(a, GOOD, "on (%ld); followers are built at the leader's addresses", level);
}

static void ask_namespaces(struct answer *a)
{
	int err = probe_user_namespace();

	if (!err)
		say(a, GOOD, "can be made; tandem does without");
	else
		say(a, NOTE, "%s; tandem does without, programs that make them will see the same", why(err));
}

static void ask_privileges(struct answer *a)
{
	int nnp = prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0);

	if (nnp == 1)
		say(a, NOTE, "no_new_privs is set already: setuid programs run without their privileges, as they "
		    "do without tandem");
	else if (geteuid() == 0)
		say(a, GOOD, "root");
	else
		say(a, NOTE, "ordinary user: enough; setuid programs run without their privileges under tandem");
}

static void ask_counters(struct answer *a)
{
	int err = probe_counters();

	say(a, GOOD, "%s; not needed", err ? why(err) : "there");
}

static void ask_core_pattern(struct answer *a)
{
	char line[300];

	if (!read_line("/proc/sys/kernel/core_pattern", line, sizeof(line)))
		say(a, NOTE, "unknown");
	else if (line[0] == '|')
		say(a, NOTE, "piped to %s; each version that crashes sends one", line + 1);
	else
		say(a, GOOD, "%s", line[0] ? line : "none");
}

static const char *container(void)
{
	const char *name = getenv("container");

	if (access("/.dockerenv", F_OK) == 0)
		return "docker";
	if (access("/run/.containerenv", F_OK) == 0)
		return "podman";
	if (access("/run/systemd/container", F_OK) == 0)
		return "systemd-nspawn or the like";
	return name;
}

static void ask_container(struct answer *a)
{
	const char *name = container();
	long mode = self_status("Seccomp", -1), filters = self_status("Seccomp_filters", -1);

	if (!name && mode <= 0) {
		say(a, GOOD, "none seen");
		return;
	}
	say(a, NOTE, "%s", name ? name : "none seen");
	if (mode > 0)
		say(a, NOTE, "; under a seccomp filter already (mode %ld, %ld filters): what it forbids, it "
		    "forbids to versions too", mode, max_of(filters, 1l));
}

/* The path of our group under a hierarchy of /proc/self/cgroup: `tag` is "::" or ":pids:". */
static bool cgroup_path(const char *tag, char *path, size_t room)
{
	FILE *f = fopen("/proc/self/cgroup", "re");
	char line[1000], *at;
	bool found = false;

	while (f && !found && fgets(line, sizeof(line), f)) {
		line[strcspn(line, "\n")] = 0;
		at = strstr(line, tag);
		if (!at)
			continue;
		snprintf(path, room, "%s", at + strlen(tag));
		found = true;
	}
	if (f)
		fclose(f);
	return found;
}

/* A limit of our control group; in a container the group's own files are at the root of the mount. */
static bool cgroup_limit(const char *tag, const char *mount, const char *file, char *value, size_t room)
{
	char path[1000], *full;
	bool found;

	if (!cgroup_path(tag, path, sizeof(path)))
		return false;
	full = xasprintf("/sys/fs/cgroup%s%s/%s", mount, strcmp(path, "/") ? path : "", file);
	found = read_line(full, value, room);
	free(full);
	if (!found) {
		full = xasprintf("/sys/fs/cgroup%s/%s", mount, file);
		found = read_line(full, value, room);
		free(full);
	}
	return found && strcmp(value, "max");
}

static void ask_limits(struct answer *a)
{
	char value[100];
	const unsigned long long unlimited = 1ull << 60, little = 512ull << 20;

	if (cgroup_limit("0::", "", "pids.max", value, sizeof(value)) ||
	    cgroup_limit(":pids:", "/pids", "pids.max", value, sizeof(value)))
		say(a, strtol(value, NULL, 10) < 200 ? LESS : NOTE, "%s processes; each version counts, and a "
		    "monitor for each; ", value);
	if ((cgroup_limit("0::", "", "memory.max", value, sizeof(value)) ||
	     cgroup_limit(":memory:", "/memory", "memory.limit_in_bytes", value, sizeof(value))) &&
	    strtoull(value, NULL, 10) < unlimited)
		say(a, strtoull(value, NULL, 10) < little ? LESS : NOTE, "%llu MiB of memory; each version counts, "
		    "and the stream; ", strtoull(value, NULL, 10) >> 20);
	if (!a->text.len)
		say(a, GOOD, "none on processes or memory");
	else
		a->text.at[a->text.len -= 2] = 0;
}

static const struct check checks[] = {
	{ "kernel",               ask_kernel },
	{ "/proc",                ask_proc },
	{ "ptrace",               ask_ptrace },
	{ "yama",                 ask_yama },
	{ "seccomp",              ask_seccomp },
	{ "/proc/PID/mem",        ask_mem_write },
	{ "memfd",                ask_memfd },
	{ "memfd exec",           ask_memfd_exec },
	{ "process_vm_readv",     ask_vm_read },
	{ "pidfd_getfd",          ask_getfd },
	{ "rdtsc trapping",       ask_tsc },
	{ "cpuid faulting",       ask_cpuid },
	{ "cores",                ask_cores },
	{ "address space",        ask_randomize },
	{ "user namespaces",      ask_namespaces },
	{ "privileges",           ask_privileges },
	{ "container",            ask_container },
	{ "limits",               ask_limits },
	{ "core dumps",           ask_core_pattern },
	{ "performance counters", ask_counters },
};

static const char *status_word(enum status s)
{
	static const char *const words[] = { [GOOD] = "ok", [NOTE] = "note", [LESS] = "NO", [FATAL] = "NO" };

	return words[s];
}

static void print_text(const struct answer *answers, enum status worst)
{
	for (size_t i = 0; i < countof(checks); i++)
		printf("%-4s %s: %s%s\n", status_word(answers[i].status), checks[i].name,
		       answers[i].status == FATAL ? "(essential) " : "", answers[i].text.at);
	puts(worst == FATAL ? "tandem run cannot work here: something essential is missing" :
	     worst == LESS  ? "tandem run can work here, with the limits above" :
			      "tandem run can work here");
}

static void print_json(const struct answer *answers, enum status worst)
{
	json_t *list = json_array(), *all;

	for (size_t i = 0; i < countof(checks); i++)
		json_array_append_new(list, json_pack("{s:s, s:s, s:b, s:s}", "name", checks[i].name, "status",
			answers[i].status == GOOD ? "ok" : answers[i].status == NOTE ? "note" : "no",
			"fatal", answers[i].status == FATAL, "text", answers[i].text.at));
	all = json_pack("{s:b, s:o}", "usable", worst != FATAL, "checks", list);
	json_dumpf(all, stdout, JSON_INDENT(2));
	putchar('\n');
	json_decref(all);
}

static int examine(bool json)
{
	struct answer answers[countof(checks)] = { 0 };
	enum status worst = GOOD;

	/* Inherited as ignored, it would hide how the experiments' children end. */
	signal(SIGCHLD, SIG_DFL);
	for (size_t i = 0; i < countof(checks); i++) {
		checks[i].ask(&answers[i]);
		worst = max_of(worst, answers[i].status);
	}
	if (json)
		print_json(answers, worst);
	else
		print_text(answers, worst);
	for (size_t i = 0; i < countof(checks); i++)
		buf_free(&answers[i].text);
	if (fflush(stdout) || ferror(stdout))
		die("cannot write the report: %s", strerror(errno));
	return worst == FATAL;
}

static const char help[] =
	"usage: tandem doctor [--json]\n"
	"\n"
	"Tries what tandem needs of this machine, and says for each thing whether it works, what follows\n"
	"when it does not, and what helps. `ok`: fine; `note`: worth knowing; `NO`: missing.\n"
	"\n"
	"  --json   the same for programs\n"
	"  --help   this text\n"
	"\n"
	"Exit status: 0 when `tandem run` can work here, 1 when something essential is missing.\n";

int cmd_doctor(int argc, char **argv)
{
	bool json = false;

	/* A limit on the size of files is an answer, too. */
	signal(SIGXFSZ, SIG_IGN);
	for (int i = 1; i < argc; i++) {
		if (!strcmp(argv[i], "--help") || !strcmp(argv[i], "-h")) {
			fputs(help, stdout);
			return 0;
		}
		if (strcmp(argv[i], "--json")) {
			warn("doctor: what is '%s'? See tandem doctor --help", argv[i]);
			return EXIT_TANDEM;
		}
		json = true;
	}
	return examine(json);
}
