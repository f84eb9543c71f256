/* start.c - see start.h. */
#define _GNU_SOURCE
#include "monitor/start.h"

#include <elf.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/ptrace.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "monitor/copier.h"
#include "monitor/follower.h"
#include "monitor/shields/shields.h"
#include "show/symbols.h"

bool start_marked(const struct config *cfg)
{
	for (int i = 1; i < cfg->n; i++)
		if (cfg->spec[i].other)
			return true;
	/* Who replays a recording may run another executable. */
	return cfg->recording || (cfg->start_main && cfg->n > 1);
}

bool start_is_own(const struct monitor *m)
{
	return m->version && (m->cfg->spec[m->version].other || m->cfg->start_main);
}

/* ---- the breakpoint ---- */

static int entry_in_file(const char *path, uint64_t *ret)
{
	Elf64_Ehdr h;
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t n = fd < 0 ? -1 : read(fd, &h, sizeof(h));

	if (fd >= 0)
		close(fd);
	if (n != sizeof(h) || memcmp(h.e_ident, ELFMAG, SELFMAG))
		return -ENOEXEC;
	*ret = h.e_entry;
	return 0;
}

int start_set(struct monitor *m, struct task *t, const char *path)
{
	static const uint8_t trap = 0xcc;
	uint64_t at = task_auxv(t, AT_ENTRY), entry, main_at;
	int err;

	if (m->cfg->start_main) {
		if ((err = entry_in_file(path, &entry)) || (err = symbols_find(path, "main", &main_at)))
			return err;
		at += main_at - entry;
	}
	if (!at || guest_read(t, at, &m->start_byte, 1))
		return -EFAULT;
	m->start_at = at;
	/* The breakpoint is not to be copied along with the text. */
	copier_settle(t, at, at + 1);
	return guest_write(t, at, &trap, 1);
}

bool start_reached(struct monitor *m, struct task *t, const siginfo_t *info)
{
	if (!m->start_at || info->si_signo != SIGTRAP || info->si_code != SI_KERNEL || task_regs(t) ||
	    t->regs.rip - 1 != m->start_at)
		return false;
	guest_write(t, m->start_at, &m->start_byte, 1);
	t->regs.rip--;
	task_set_regs(t);
	m->start_at = 0;
	return true;
}

/* ---- a follower's own start ---- */

/* AT_RANDOM's bytes in the leader's initial stack. */
static bool leader_random(const struct event *e, uint8_t ret[16])
{
	struct part *regs = event_part(e, PART_REGS, 0), *p = event_parts(e);
	struct user_regs_struct r;
	const uint64_t *word = NULL, *end = NULL;
	uint64_t at;

	if (!regs)
		return false;
	memcpy(&r, part_data(regs), sizeof(r));
	for (uint32_t i = 0; i < e->nparts && !word; i++, p = part_next(p))
		if (p->kind == PART_OUT && p->addr == r.rsp) {
			word = part_data(p);
			end = word + p->len / 8;
			break;
		}
	if (!word)
		return false;
	at = (uint64_t)word;
	word += word[0] + 2;
	while (word < end && *word)
		word++;
	for (word++; word + 1 < end && word[0]; word += 2) {
		if (word[0] != AT_RANDOM || word[1] < r.rsp || word[1] - r.rsp + 16 > (uint64_t)p->len)
			continue;
		memcpy(ret, (char *)at + (word[1] - r.rsp), 16);
		return true;
	}
	return false;
}

static void note_own_mappings(struct task *t)
{
	char path[64], *line = NULL;
	size_t room = 0;
	struct stat st;
	FILE *f;

	snprintf(path, sizeof(path), "/proc/%d/maps", t->tid);
	if (!(f = fopen(path, "re")))
		return;
	while (getline(&line, &room, f) > 0) {
		unsigned long long start, end, offset;
		struct mapping map = {0};
		char prot[5];
		int at = 0;

		line[strcspn(line, "\n")] = 0;
		if (sscanf(line, "%llx-%llx %4s %llx %*s %*s %n", &start, &end, prot, &offset, &at) < 4 || !at)
			continue;
		if (!strcmp(line + at, "[stack]"))
			t->p->mm->stack_end = end;
		map.start = start;
		map.end = end;
		map.offset = offset;
		map.path = line + at;
		map.prot = prot[2] == 'x' ? PROT_EXEC : 0;
		if (line[at] == '/' && stat(line + at, &st) == 0) {
			map.dev = st.st_dev;
			map.ino = st.st_ino;
		} else if (strcmp(line + at, "[vdso]")) {
			continue;
		}
		mm_unmap(t->p->mm, start, end);
		mm_map(t->p->mm, &map);
	}
	free(line);
	fclose(f);
}

/* What a loader does to get its libraries: reading, and its own memory. */
static bool harmless(struct task *t)
{
	switch (t->nr) {
	case SYS_open:   return (t->args[1] & O_ACCMODE) == O_RDONLY && !(t->args[1] & O_CREAT);
	case SYS_openat: return (t->args[2] & O_ACCMODE) == O_RDONLY && !(t->args[2] & O_CREAT);
	case SYS_mmap:   return !(t->args[3] & MAP_SHARED) || !(t->args[2] & PROT_WRITE) || t->args[3] & MAP_ANONYMOUS;
	case SYS_read: case SYS_pread64: case SYS_close: case SYS_fstat: case SYS_newfstatat: case SYS_stat:
	case SYS_lstat: case SYS_access: case SYS_faccessat: case SYS_faccessat2: case SYS_readlink: case SYS_readlinkat:
	case SYS_lseek: case SYS_getdents64: case SYS_statx: case SYS_statfs: case SYS_fstatfs:
	case SYS_munmap: case SYS_mprotect: case SYS_mremap: case SYS_madvise: case SYS_brk: case SYS_arch_prctl:
	case SYS_set_robust_list: case SYS_prlimit64: case SYS_getrlimit: case SYS_getrandom: case SYS_uname:
	case SYS_rt_sigaction: case SYS_rt_sigprocmask: case SYS_sigaltstack: case SYS_futex: case SYS_sysinfo:
	case SYS_getuid: case SYS_geteuid: case SYS_getgid: case SYS_getegid: case SYS_getcwd: case SYS_membarrier:
	case SYS_sched_getaffinity: case SYS_clock_gettime: case SYS_gettimeofday: case SYS_time:
	case SYS_getpid: case SYS_gettid: case SYS_getppid: case SYS_set_tid_address:
		return true;
	}
	return false;
}

static void answer_here(struct task *t, int64_t result)
{
	ptrace(PTRACE_POKEUSER, t->tid, offsetof(struct user_regs_struct, orig_rax), -1L);
	ptrace(PTRACE_POKEUSER, t->tid, offsetof(struct user_regs_struct, rax), result);
}

/* A call before the start. Ids are the leader's even here, unless main is where matching was asked to start. */
static bool call_before_start(struct monitor *m, struct task *t)
{
	bool own_ids = m->cfg->start_main || m->cfg->exposed & SRC_PID;

	if (t->nr == SYS_rseq && !(m->cfg->exposed & SRC_RSEQ)) {
		answer_here(t, -ENOSYS);
		return true;
	}
	if (t->nr == SYS_set_tid_address)
		t->ctid = t->args[0];
	if (t->nr == SYS_set_robust_list)
		t->robust = t->args[0];
	if (!own_ids && (t->nr == SYS_set_tid_address || t->nr == SYS_getpid || t->nr == SYS_gettid))
		answer_here(t, t->leader_tid);
	return harmless(t);
}

static bool insn_before_start(struct monitor *m, struct task *t)
{
	uint64_t v[4] = {0};
	uint32_t eflags = 0;

	insn_execute(&t->insn, &t->regs, 0, v, &eflags);
	insn_finish(m, t, &t->insn, v, eflags, t->fault.si_signo);
	return true;
}

static int run_to_start(struct monitor *m, struct task *t, const char **ret_why)
{
	static char why[128];

	for (;;) {
		follower_go(m, t, 0);
		follower_wait(m, t);
		switch (t->at) {
		case AT_START:
			return 0;
		case AT_CALL:
			if (call_before_start(m, t))
				continue;
			snprintf(why, sizeof(why), "before matching starts it makes system call %u, which is more than loading",
			         t->nr);
			*ret_why = why;
			return -ENOTSUP;
		case AT_INSN:
			insn_before_start(m, t);
			continue;
		default:
			*ret_why = "it ends before matching starts";
			return -ECHILD;
		}
	}
}

int start_run_own(struct monitor *m, struct task *t, const struct event *exec, const char **ret_why)
{
	const struct version_spec *spec = &m->cfg->spec[m->version];
	uint8_t random[16];
	uint64_t at;
	int64_t ret;
	int err;

	task_new_mm(m, t);
	t->p->mm->own_layout = t->p->mm->own_brk = true;
	t->p->mm->vdso = task_auxv(t, AT_SYSINFO_EHDR);
	if (!(m->cfg->exposed & SRC_AUXV) && leader_random(exec, random) && (at = task_auxv(t, AT_RANDOM)))
		guest_write(t, at, random, sizeof(random));
	shield_exec(m, t);
	/* Its text is read before there is a breakpoint in it. */
	note_own_mappings(t);
	shield_patch_own(m, t);
	*ret_why = "there is no symbol main in its executable";
	if ((err = start_set(m, t, spec->path)))
		return err;
	if ((err = task_set_regs(t)) || (err = run_to_start(m, t, ret_why)))
		return err;
	note_own_mappings(t);
	shield_patch_own(m, t);
	/* From here on it holds nothing, and sees only what the stream brings. */
	*ret_why = "letting go of its descriptors";
	err = remote_call(m, t, t->p->mm->vdso + vdso_info()->syscall_offset, &ret, SYS_close_range, 0, ~0u, 0, 0, 0, 0);
	if (err)
		return err;
	return task_set_regs(t);
}
