/* filter.c - see filter.h. */
#include "show/filter.h"

#include <asm/unistd.h>
#include <regex.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "abi/table.h"
#include "show/names.h"

/* What one name stands for. */
struct choice {
	uint64_t calls[FILTER_CALLS / 64];
	uint32_t insns;
	bool unknown;
};

static void choose(struct choice *c, unsigned nr)
{
	if (nr < FILTER_CALLS)
		c->calls[nr / 64] |= 1ull << (nr % 64);
}

/* ---- classes: from the table where it knows, from lists where only people do ---- */

static bool takes_path(const struct row *r)
{
	for (int i = 0; i < r->nargs; i++)
		if (r->a[i].kind == K_PATH && r->a[i].dir & D_IN)
			return true;
	return r->nr == __NR_getcwd || r->nr == __NR_readlink;
}

static bool takes_descriptor(const struct row *r)
{
	for (int i = 0; i < r->nargs; i++)
		if (r->a[i].kind == K_FD || r->a[i].kind == K_DFD)
			return true;
	return r->returns == R_FD || r->who & NEWFD || r->nr == __NR_poll || r->nr == __NR_ppoll ||
	       r->nr == __NR_select || r->nr == __NR_pselect6;
}

static bool is_network(const struct row *r)
{
	return (r->nr >= __NR_socket && r->nr <= __NR_getsockopt) || r->nr == __NR_accept4 ||
	       r->nr == __NR_recvmmsg || r->nr == __NR_sendmmsg;
}

static bool changes_memory(const struct row *r)
{
	static const uint16_t more[] = {
		__NR_mincore, __NR_msync, __NR_mlock, __NR_munlock, __NR_mlockall, __NR_munlockall, __NR_mlock2,
		__NR_mbind, __NR_set_mempolicy, __NR_get_mempolicy, __NR_migrate_pages, __NR_move_pages,
		__NR_userfaultfd, __NR_process_madvise, 450, 453,
	};

	for (unsigned i = 0; i < countof(more); i++)
		if (r->nr == more[i])
			return true;
	return r->who & MEMORY;
}

static const char process_calls[] =
	" clone clone3 fork vfork execve execveat exit exit_group wait4 waitid kill tkill tgkill "
	"rt_sigqueueinfo rt_tgsigqueueinfo pidfd_open pidfd_send_signal unshare prctl arch_prctl setns "
	"process_mrelease ptrace ";
static const char signal_calls[] =
	" rt_sigaction rt_sigprocmask rt_sigreturn rt_sigpending rt_sigtimedwait rt_sigqueueinfo "
	"rt_tgsigqueueinfo rt_sigsuspend sigaltstack pause kill tkill tgkill signalfd signalfd4 "
	"pidfd_send_signal alarm setitimer getitimer ";
static const char time_calls[] =
	" time times gettimeofday settimeofday clock_gettime clock_settime clock_getres clock_nanosleep "
	"clock_adjtime adjtimex nanosleep alarm getitimer setitimer timer_create timer_settime timer_gettime "
	"timer_getoverrun timer_delete timerfd_create timerfd_settime timerfd_gettime ";
static const char ipc_calls[] =
	" shmget shmat shmdt shmctl semget semop semctl semtimedop msgget msgsnd msgrcv msgctl mq_open "
	"mq_unlink mq_timedsend mq_timedreceive mq_notify mq_getsetattr ";
static const char identity_calls[] =
	" getuid getgid geteuid getegid setuid setgid setreuid setregid setresuid setresgid getresuid "
	"getresgid setfsuid setfsgid getgroups setgroups capget capset prctl ";
static const char random_calls[] = " getrandom ";

/* One class: from rows (`holds`) or from a list of names, and the instructions that belong to it. */
static const struct class {
	const char *name;
	bool (*holds)(const struct row *r);
	const char *list;
	uint32_t insns;
} classes[] = {
	{"file", takes_path, NULL, 0},
	{"desc", takes_descriptor, NULL, 0},
	{"network", is_network, NULL, 0},
	{"net", is_network, NULL, 0},
	{"memory", changes_memory, NULL, 0},
	{"process", NULL, process_calls, 0},
	{"signal", NULL, signal_calls, 0},
	{"time", NULL, time_calls, 1 << INSN_RDTSC | 1 << INSN_RDTSCP},
	{"clock", NULL, time_calls, 1 << INSN_RDTSC | 1 << INSN_RDTSCP},
	{"random", NULL, random_calls, 1 << INSN_RDRAND | 1 << INSN_RDSEED},
	{"ipc", NULL, ipc_calls, 0},
	{"creds", NULL, identity_calls, 0},
};

/* Whether " name " is in a list. */
static bool listed(const char *list, const char *name)
{
	size_t n = strlen(name);

	for (const char *p = list; (p = strstr(p, name)); p += n)
		if (p[-1] == ' ' && p[n] == ' ')
			return true;
	return false;
}

static void choose_class(struct choice *c, const struct class *cl)
{
	for (unsigned nr = 0; nr < FILTER_CALLS; nr++) {
		const struct row *r = row_plain(nr);
		const char *name = call_name(nr, 0);

		if (!r || !name)
			continue;
		if (cl->holds ? cl->holds(r) : listed(cl->list, name))
			choose(c, nr);
	}
	c->insns |= cl->insns;
}

static const struct class *class_named(const char *name)
{
	for (unsigned i = 0; i < countof(classes); i++)
		if (!strcmp(classes[i].name, name))
			return &classes[i];
	return NULL;
}

/* ---- single names ---- */

static int insn_number(const char *name)
{
	for (int i = 1; i < INSN_KINDS; i++)
		if (insn_name(i) && !strcmp(insn_name(i), name))
			return i;
	return -1;
}

static bool choose_pattern(struct choice *c, const char *pattern)
{
	regex_t re;

	if (regcomp(&re, pattern, REG_EXTENDED | REG_NOSUB))
		return false;
	for (unsigned nr = 0; nr < FILTER_CALLS; nr++)
		if (call_name(nr, 0) && !regexec(&re, call_name(nr, 0), 0, NULL, 0))
			choose(c, nr);
	for (int i = 1; i < INSN_KINDS; i++)
		if (insn_name(i) && !regexec(&re, insn_name(i), 0, NULL, 0))
			c->insns |= 1u << i;
	regfree(&re);
	return true;
}

static bool choose_number(struct choice *c, const char *digits)
{
	char *end;
	unsigned long nr = strtoul(digits, &end, 0);

	if (*digits < '0' || *digits > '9' || *end || nr >= FILTER_CALLS)
		return false;
	choose(c, nr);
	return true;
}

/* A class goes before a call of the same name: `time` is both. */
static bool choose_name(struct choice *c, const char *name)
{
	const struct class *cl = class_named(name[0] == '%' ? name + 1 : name);
	int nr = call_number(name), insn = insn_number(name);

	if (!strcmp(name, "all")) {
		memset(c->calls, 0xff, sizeof(c->calls));
		c->insns = ~0u;
		c->unknown = true;
	} else if (name[0] == '/') {
		return choose_pattern(c, name + 1);
	} else if (cl) {
		choose_class(c, cl);
	} else if (nr >= 0) {
		choose(c, nr);
	} else if (insn >= 0) {
		c->insns |= 1u << insn;
	} else {
		return choose_number(c, name) || !strcmp(name, "none");
	}
	return true;
}

/* ---- lists ---- */

static int refuse(char **ret_error, const char *what, const char *name)
{
	*ret_error = xasprintf("%s '%s'", what, name);
	return -EINVAL;
}

static int choose_list(struct choice *c, char *list, char **ret_error)
{
	char *save;

	/* A pattern may hold commas. */
	if (*list == '/')
		return choose_pattern(c, list + 1) ? 0 : refuse(ret_error, "bad pattern", list);
	for (char *name = strtok_r(list, ",", &save); name; name = strtok_r(NULL, ",", &save)) {
		bool lenient = *name == '?';

		if (!choose_name(c, name + lenient) && !lenient)
			return refuse(ret_error, "unknown system call, class or instruction", name);
	}
	return 0;
}

static void add_choice(struct call_filter *f, const struct choice *c)
{
	for (unsigned i = 0; i < countof(f->calls); i++)
		f->calls[i] |= c->calls[i];
	f->insns |= c->insns;
	f->unknown |= c->unknown;
	f->chosen = true;
}

static void take_away(struct call_filter *f, const struct choice *c)
{
	if (!f->chosen) {
		memset(f->calls, 0xff, sizeof(f->calls));
		f->insns = ~0u;
		f->unknown = true;
		f->chosen = true;
	}
	for (unsigned i = 0; i < countof(f->calls); i++)
		f->calls[i] &= ~c->calls[i];
	f->insns &= ~c->insns;
	f->unknown &= !c->unknown;
}

static int parse_calls(struct call_filter *f, char *list, char **ret_error)
{
	struct choice c = {0};
	bool negated = *list == '!';
	int err = choose_list(&c, list + negated, ret_error);

	if (err)
		return err;
	if (negated)
		take_away(f, &c);
	else
		add_choice(f, &c);
	return 0;
}

static int signal_number(const char *name)
{
	char room[16];

	for (int i = 1; i <= 64; i++) {
		const char *full = signal_name(i, room);

		if (!strcasecmp(full, name) || !strcasecmp(full + 3, name))
			return i;
	}
	return atoi(name) > 0 && atoi(name) <= 64 ? atoi(name) : -1;
}

static int parse_signals(struct call_filter *f, char *list, char **ret_error)
{
	bool negated = *list == '!';
	uint64_t named = 0;
	char *save;

	for (char *s = strtok_r(list + negated, ",", &save); s; s = strtok_r(NULL, ",", &save)) {
		int sig = signal_number(s);

		if (!strcmp(s, "all"))
			named = ~0ull;
		else if (sig > 0)
			named |= 1ull << (sig - 1);
		else if (strcmp(s, "none"))
			return refuse(ret_error, "unknown signal", s);
	}
	f->not_signals = negated ? named : ~named;
	return 0;
}

/* Whether `spec` begins with one of the keys, and what follows the '='. */
static bool has_key(const char *spec, const char *keys, const char **ret_value)
{
	const char *eq = strchr(spec, '=');
	char key[16];

	if (!eq || eq - spec >= (int)sizeof(key) - 2)
		return false;
	snprintf(key, sizeof(key), " %.*s ", (int)(eq - spec), spec);
	*ret_value = eq + 1;
	return strstr(keys, key);
}

int filter_parse(struct call_filter *f, const char *spec, char **ret_error)
{
	const char *value = spec;
	char *copy;
	int err = 0;

	if (!strcmp(spec, "quiet") || has_key(spec, " q quiet silent silence ", &value)) {
		f->quiet = true;
		return 0;
	}
	if (has_key(spec, " signal signals s ", &value)) {
		copy = xstrdup(value);
		err = parse_signals(f, copy, ret_error);
	} else {
		if (!has_key(spec, " trace t ", &value) && *spec != '/' && strchr(spec, '='))
			return refuse(ret_error, "unknown qualifier in", spec);
		copy = xstrdup(*spec == '/' ? spec : value);
		err = parse_calls(f, copy, ret_error);
	}
	free(copy);
	return err;
}

/* ---- asking ---- */

static bool wants_call(const struct call_filter *f, const struct event *e)
{
	int nr = e->call;

	if (!f->chosen)
		return true;
	if (e->flags & EVF_INT80)
		nr = call_name(e->call, 1) ? call_number(call_name(e->call, 1)) : -1;
	if (nr < 0 || nr >= FILTER_CALLS || !call_name(nr, 0))
		return f->unknown;
	return f->calls[nr / 64] >> (nr % 64) & 1;
}

static bool wants_signal(const struct call_filter *f, const struct event *e)
{
	return !(e->call >= 1 && e->call <= 64 && f->not_signals >> (e->call - 1) & 1);
}

bool filter_wants(const struct call_filter *f, const struct event *e)
{
	switch (e->type) {
	case EV_CALL: case EV_ENTER: case EV_LEAVE:
		return wants_call(f, e);
	case EV_INSN:
		return !f->chosen || (e->call < 32 && f->insns >> e->call & 1);
	case EV_SIGNAL:
		return wants_signal(f, e);
	case EV_STOPPED: case EV_DEATH:
		return !f->quiet;
	default:
		return true;
	}
}
