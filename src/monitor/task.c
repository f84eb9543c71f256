/* task.c - see task.h. */
#define _GNU_SOURCE
#include "monitor/task.h"

#include <elf.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/proc.h"
#include "monitor/monitor.h"
#include "monitor/shields/filters.h"
#include "monitor/shields/shields.h"
#include "monitor/store.h"

#define HASH(tid) ((unsigned)(tid) % countof(((struct monitor *)0)->hash))

/* ---- the set of tasks ---- */

struct task *task_by_tid(struct monitor *m, pid_t tid)
{
	struct task *t = m->hash[HASH(tid)];

	while (t && t->tid != tid)
		t = t->next_hash;
	return t;
}

struct task *task_by_id(struct monitor *m, uint32_t id)
{
	return id < m->room_ids ? m->by_id[id] : NULL;
}

struct task *task_next(const struct monitor *m, const struct task *t)
{
	size_t i = t ? HASH(t->tid) + 1 : 0;

	if (t && t->next_hash)
		return t->next_hash;
	while (i < countof(m->hash) && !m->hash[i])
		i++;
	return i < countof(m->hash) ? m->hash[i] : NULL;
}

void task_set_id(struct monitor *m, struct task *t, uint32_t id)
{
	if (id >= m->room_ids) {
		uint32_t room = max_of(m->room_ids * 2, max_of(id + 1, 64u));

		m->by_id = xrealloc(m->by_id, room * sizeof(*m->by_id));
		memset(m->by_id + m->room_ids, 0, (room - m->room_ids) * sizeof(*m->by_id));
		m->room_ids = room;
	}
	must(!m->by_id[id]);
	t->id = id;
	m->by_id[id] = t;
}

struct task *task_new(struct monitor *m, pid_t tid, struct process *p)
{
	struct task *t = xcalloc(1, sizeof(*t));

	t->tid = tid;
	t->leader_tid = tid;
	t->p = p;
	t->schedstat = -1;
	t->state = TASK_NEW;
	t->next_hash = m->hash[HASH(tid)];
	m->hash[HASH(tid)] = t;
	m->ntasks++;
	if (p)
		p->ntasks++;
	return t;
}

void task_free(struct monitor *m, struct task *t)
{
	struct task **at = &m->hash[HASH(t->tid)];

	while (*at != t)
		at = &(*at)->next_hash;
	*at = t->next_hash;
	if (t->id)
		m->by_id[t->id] = NULL;
	if (t->schedstat >= 0)
		close(t->schedstat);
	filter_put(t->filter);
	while (t->held) {
		struct held_signal *next = t->held->next;

		free(t->held);
		t->held = next;
	}
	m->ntasks--;
	if (t->p && --t->p->ntasks == 0 && t->p != m->root) {
		mm_put(t->p->mm);
		cookies_free(t->p->cookies);
		shield_forget_patches(t->p);
		free(t->p);
	}
	task_use_mm(t, NULL);
	buf_free(&t->in);
	buf_free(&t->rest);
	buf_free(&t->named);
	buf_free(&t->moved);
	buf_free(&t->lent);
	free(t);
}

struct process *process_new(pid_t pid, struct mm *mm)
{
	struct process *p = xcalloc(1, sizeof(*p));

	p->pid = p->leader_pid = pid;
	p->mm = mm;
	return p;
}

void process_clear_handlers(struct process *p)
{
	for (size_t i = 0; i < countof(p->trapped); i++)
		if (p->trapped[i].handled)
			memset(&p->trapped[i], 0, sizeof(p->trapped[i]));
}

struct disposition *process_disposition(struct process *p, int sig)
{
	return sig == SIGSEGV ? &p->trapped[0] : sig == SIGTRAP ? &p->trapped[1] : NULL;
}

void process_exec_dispositions(struct task *t)
{
	struct sig_state s;
	int err = task_sig_state(t, &s);

	for (int sig = 1; sig < 32; sig++) {
		struct disposition *d = process_disposition(t->p, sig);

		if (!d)
			continue;
		memset(d, 0, sizeof(*d));
		d->ignored = !err && s.ignored & sig_bit(sig);
		if (d->ignored)
			d->action[0] = (uint64_t)SIG_IGN;
	}
}

bool task_stat_fd(const struct task *t, int fd, struct stat *ret)
{
	char path[64];

	snprintf(path, sizeof(path), "/proc/%d/fd/%d", t->tid, fd);
	return stat(path, ret) == 0;
}

static int open_mem(pid_t pid)
{
	char path[40];

	snprintf(path, sizeof(path), "/proc/%d/mem", pid);
	return open(path, O_RDWR | O_CLOEXEC);
}

static struct domain *domain_new(struct monitor *m)
{
	struct domain *d = xcalloc(1, sizeof(*d));

	d->refs = 1;
	d->id = ++m->last_domain;
	d->free = m->cfg && m->cfg->exposed & SRC_THREADS;
	return d;
}

static struct domain *domain_get(struct domain *d)
{
	d->refs++;
	return d;
}

static void domain_put(struct domain *d)
{
	if (--d->refs)
		return;
	must(!d->tasks);
	free(d);
}

struct mm *mm_new(struct monitor *m, pid_t pid)
{
	struct mm *mm = xcalloc(1, sizeof(*mm));

	mm->refs = 1;
	mm->space = ++m->last_space;
	mm->dom = domain_new(m);
	mm->mem = open_mem(pid);
	return mm;
}

bool file_is_mapped(const struct monitor *m, uint64_t dev, uint64_t ino, enum mapped_how how)
{
	for (const struct task *t = NULL; (t = task_next(m, t));) {
		const struct mm *mm = t->in_mm;

		/* One task of each address space will do. */
		for (int i = 0; mm && mm->tasks == t && i < mm->nmap; i++) {
			const struct mapping *map = &mm->map[i];

			if (map->dev == dev && map->ino == ino && (how == MAPPED_ANYHOW || map->shared) &&
			    (how != MAPPED_TO_WRITE || map->prot & PROT_WRITE))
				return true;
		}
	}
	return false;
}

struct mm *mm_get(struct mm *mm)
{
	mm->refs++;
	return mm;
}

void mm_put(struct mm *mm)
{
	if (!mm || --mm->refs)
		return;
	if (mm->mem >= 0)
		close(mm->mem);
	for (int i = 0; i < mm->nmap; i++)
		free(mm->map[i].path);
	free(mm->map);
	buf_free(&mm->scratch);
	buf_free(&mm->chunks);
	buf_free(&mm->writable);
	if (mm->dom) /* a view has none */
		domain_put(mm->dom);
	mm_put(mm->leader_view);
	free(mm);
}

struct mm *mm_fork(struct monitor *m, struct mm *from, pid_t pid)
{
	struct mm *mm = mm_new(m, pid);

	/* Who only looks at what others write has children that do. */
	if (from->shares || (from->dom && from->dom->refs > 1)) {
		domain_put(mm->dom);
		mm->dom = domain_get(from->dom);
		mm->shares = from->shares;
	}
	mm->vdso = from->vdso;
	mm->brk_start = from->brk_start;
	mm->brk = from->brk;
	mm->own_layout = from->own_layout;
	mm->own_brk = from->own_brk;
	memcpy(mm->heap, from->heap, sizeof(mm->heap));
	mm->nheap = from->nheap;
	buf_add(&mm->chunks, from->chunks.at, from->chunks.len);
	buf_add(&mm->scratch, from->scratch.at, from->scratch.len);
	for (size_t i = 0; i < mm->scratch.len / sizeof(struct slot); i++)
		((struct slot *)mm->scratch.at)[i].taken = false;
	mm->stack_end = from->stack_end;
	mm->start_sp = from->start_sp;
	mm->undumpable = from->undumpable;
	mm->loader_dev = from->loader_dev;
	mm->loader_ino = from->loader_ino;
	if (from->leader_view)
		mm->leader_view = mm_fork(m, from->leader_view, pid);
	for (int i = 0; i < from->nmap; i++)
		mm_map(mm, &from->map[i]);
	return mm;
}

static void domain_leave(struct task *t)
{
	struct domain *d = t->in_mm->dom;
	struct task **at = &d->tasks;

	while (*at != t)
		at = &(*at)->next_dom;
	*at = t->next_dom;
	d->ntasks--;
	if (d->turn == t)
		d->turn = NULL;
}

static void domain_enter(struct domain *d, struct task *t)
{
	t->next_dom = d->tasks;
	d->tasks = t;
	d->ntasks++;
}

void domain_merge(struct domain *into, struct domain *from)
{
	struct task *t;

	must(into != from && !from->turn);
	domain_get(from);
	while ((t = from->tasks)) {
		domain_leave(t);
		domain_enter(into, t);
	}
	for (t = into->tasks; t; t = t->next_dom)
		if (t->in_mm->dom == from) {
			t->in_mm->dom = domain_get(into);
			domain_put(from);
		}
	domain_put(from);
}

void task_free_slot(struct task *t)
{
	if (t->slot)
		((struct slot *)t->in_mm->scratch.at)[t->slot - 1].taken = false;
	t->slot = 0;
}

void task_use_mm(struct task *t, struct mm *mm)
{
	if (t->in_mm) {
		struct task **at = &t->in_mm->tasks;

		task_free_slot(t);
		domain_leave(t);
		while (*at != t)
			at = &(*at)->next_mm;
		*at = t->next_mm;
		t->in_mm->ntasks--;
		mm_put(t->in_mm);
	}
	t->in_mm = mm ? mm_get(mm) : NULL;
	if (mm) {
		t->next_mm = mm->tasks;
		mm->tasks = t;
		mm->ntasks++;
		domain_enter(mm->dom, t);
	}
}

void task_new_mm(struct monitor *m, struct task *t)
{
	task_use_mm(t, NULL);
	mm_put(t->p->mm);
	t->p->pid = t->tid;
	t->p->mm = mm_new(m, t->tid);
	task_use_mm(t, t->p->mm);
}

void task_retid(struct monitor *m, struct task *t, pid_t tid)
{
	struct task **at = &m->hash[HASH(t->tid)];

	while (*at != t)
		at = &(*at)->next_hash;
	*at = t->next_hash;
	t->tid = tid;
	t->next_hash = m->hash[HASH(tid)];
	m->hash[HASH(tid)] = t;
	if (t->schedstat >= 0)
		close(t->schedstat);
	t->schedstat = -1;
}

/* ---- mappings ---- */

void mm_map(struct mm *mm, const struct mapping *map)
{
	int at = mm->nmap;

	if (mm->nmap == mm->roommap) {
		mm->roommap = mm->roommap ? mm->roommap * 2 : 16;
		mm->map = xrealloc(mm->map, mm->roommap * sizeof(*mm->map));
	}
	while (at > 0 && mm->map[at - 1].start > map->start)
		at--;
	memmove(mm->map + at + 1, mm->map + at, (mm->nmap - at) * sizeof(*mm->map));
	mm->map[at] = *map;
	mm->map[at].path = xstrdup(map->path ? map->path : "");
	mm->nmap++;
}

const struct mapping *mm_segment(const struct mm *mm, uint64_t addr)
{
	for (int i = 0; i < mm->nmap; i++)
		if (mm->map[i].dev == SEGMENT_DEV && mm->map[i].start == addr)
			return &mm->map[i];
	return NULL;
}

void mm_unmap(struct mm *mm, uint64_t start, uint64_t end)
{
	for (int i = 0; i < mm->nmap; i++) {
		struct mapping *a = &mm->map[i];

		if (a->end <= start || a->start >= end)
			continue;
		if (a->start < start && a->end > end) {
			struct mapping rest = *a;

			rest.start = end;
			rest.offset += end - a->start;
			rest.leader += end - a->start;
			a->end = start;
			mm_map(mm, &rest);
		} else if (a->start < start) {
			a->end = start;
		} else if (a->end > end) {
			a->offset += end - a->start;
			a->leader += end - a->start;
			a->start = end;
		} else {
			free(a->path);
			memmove(a, a + 1, (--mm->nmap - i) * sizeof(*a));
			i--;
		}
	}
}

void mm_move(struct mm *mm, uint64_t from, uint64_t to, uint64_t len)
{
	struct mapping moved[8];
	int n = 0;

	for (int i = 0; i < mm->nmap && n < (int)countof(moved); i++) {
		struct mapping *a = &mm->map[i];

		if (a->start < from || a->end > from + len)
			continue;
		moved[n] = *a;
		moved[n].path = xstrdup(a->path);
		moved[n].start += to - from;
		moved[n++].end += to - from;
	}
	mm_unmap(mm, from, from + len);
	for (int i = 0; i < n; i++) {
		mm_map(mm, &moved[i]);
		free(moved[i].path);
	}
}

bool mm_grown(struct mm *mm, uint64_t old_at, uint64_t at, uint64_t old_len, uint64_t len, struct mapping *ret)
{
	uint64_t had = page_up(old_len), has = page_up(len);

	mm_unmap(mm, at + min_of(had, has), at + max_of(had, has));
	for (int i = 0; i < mm->nmap && has > had; i++) {
		if (mm->map[i].end != old_at + had || mm->map[i].start >= mm->map[i].end || !mm->map[i].ino ||
		    mm->map[i].dev == SEGMENT_DEV)
			continue;
		*ret = mm->map[i];
		ret->offset += ret->end - ret->start;
		ret->start = ret->leader = at + had;
		ret->end = at + has;
		return true;
	}
	return false;
}

/* ---- stop and go ---- */

int task_regs(struct task *t)
{
	if (t->regs_valid)
		return 0;
	if (ptrace(PTRACE_GETREGS, t->tid, 0, &t->regs) < 0)
		return -errno;
	t->regs_valid = true;
	return 0;
}

int task_set_regs(struct task *t)
{
	return ptrace(PTRACE_SETREGS, t->tid, 0, &t->regs) < 0 ? -errno : 0;
}

int task_resume(struct task *t, int how, int sig)
{
	t->state = TASK_RUNNING;
	t->regs_valid = false;
	return ptrace(how, t->tid, 0, (long)sig) < 0 ? -errno : 0;
}

int task_make_again(struct task *t, uint64_t insn, uint32_t nr)
{
	t->regs.rip = insn;
	t->regs.rax = nr;
	t->regs.orig_rax = -1;
	return task_set_regs(t);
}

unsigned long long *task_arg(struct task *t, int i)
{
	unsigned long long *const reg[6] = {&t->regs.rdi, &t->regs.rsi, &t->regs.rdx, &t->regs.r10, &t->regs.r8, &t->regs.r9};

	return reg[i];
}

size_t task_xstate(struct task *t, void *ret)
{
	struct iovec v = {ret, XSTATE_MAX};

	return ptrace(PTRACE_GETREGSET, t->tid, NT_X86_XSTATE, &v) < 0 ? 0 : v.iov_len;
}

int task_siginfo(struct task *t, siginfo_t *ret)
{
	return ptrace(PTRACE_GETSIGINFO, t->tid, 0, ret) < 0 ? -errno : 0;
}

int task_set_siginfo(struct task *t, const siginfo_t *info)
{
	return ptrace(PTRACE_SETSIGINFO, t->tid, 0, info) < 0 ? -errno : 0;
}

int task_sigmask(struct task *t, uint64_t *ret)
{
	return ptrace(PTRACE_GETSIGMASK, t->tid, 8, ret) < 0 ? -errno : 0;
}

int task_set_sigmask(struct task *t, uint64_t mask)
{
	return ptrace(PTRACE_SETSIGMASK, t->tid, 8, &mask) < 0 ? -errno : 0;
}

int task_wait(struct monitor *m, struct task *t, int *ret_status)
{
	for (;;) {
		if (waitpid(t->tid, ret_status, __WALL) < 0) {
			if (errno != EINTR)
				return -errno;
			if (!task_ended_unseen(t))
				continue;
			t->state = TASK_DEAD;
			return -ESRCH;
		}
		t->state = TASK_STOPPED;
		t->regs_valid = false;
		if (!WIFSTOPPED(*ret_status) || *ret_status >> 16 == PTRACE_EVENT_EXIT) {
			monitor_stash(m, t->tid, *ret_status);
			return -ESRCH;
		}
		return 0;
	}
}

/* What stops a follower's task from outside is dropped, here as elsewhere. */
static bool comes_from_outside(const struct monitor *m, struct task *t, int status)
{
	siginfo_t info;

	if (!m->version)
		return false;
	return status >> 16 == PTRACE_EVENT_STOP ||
	       (status >> 16 == 0 && WSTOPSIG(status) != (SIGTRAP | 0x80) && task_siginfo(t, &info) == 0 &&
	        !signal_is_fault(&info) && !siginfo_is_end(&info));
}

bool task_step(struct monitor *m, struct task *t)
{
	siginfo_t info;
	int status;

	while (task_resume(t, PTRACE_SINGLESTEP, 0) == 0 && task_wait(m, t, &status) == 0) {
		if (status >> 8 == SIGTRAP && task_siginfo(t, &info) == 0 && info.si_code == TRAP_TRACE)
			return true;
		if (comes_from_outside(m, t, status))
			continue;
		monitor_stash(m, t->tid, status);
		return false;
	}
	return false;
}

/* ---- memory ---- */

/* Functions without calls of their own use so much below the stack pointer. */
#define RED_ZONE 128

int task_lend(struct task *t, const void *data, size_t len, uint64_t *ret_at)
{
	uint64_t at = (t->regs.rsp - RED_ZONE - len) & ~15ull;

	task_lent_back(t);
	buf_reserve(&t->lent, len);
	if (guest_read(t, at, t->lent.at, len) || guest_write(t, at, data, len))
		return -EFAULT;
	t->lent.len = len;
	*ret_at = t->lent_at = at;
	return 0;
}

void task_lent_back(struct task *t)
{
	if (t->lent.len)
		guest_write(t, t->lent_at, t->lent.at, t->lent.len);
	buf_clear(&t->lent);
}

size_t guest_read_some(struct task *t, uint64_t addr, void *buf, size_t len)
{
	struct iovec to = {buf, len}, from = {(void *)addr, len};
	ssize_t all = process_vm_readv(t->tid, &to, 1, &from, 1, 0);
	size_t done = all > 0 ? all : 0;

	/* What that can't read (memory without permission) the file of the memory can. */
	while (done < len) {
		ssize_t n = pread(t->p->mm->mem, (char *)buf + done, len - done, addr + done);

		if (n <= 0)
			break;
		done += n;
	}
	return done;
}

int guest_read(struct task *t, uint64_t addr, void *buf, size_t len)
{
	struct iovec to = {buf, len}, from = {(void *)addr, len};

	if (process_vm_readv(t->tid, &to, 1, &from, 1, 0) == (ssize_t)len)
		return 0;
	return guest_read_some(t, addr, buf, len) == len ? 0 : -EFAULT;
}

int guest_write(struct task *t, uint64_t addr, const void *buf, size_t len)
{
	size_t done = 0;

	while (done < len) {
		ssize_t n = pwrite(t->p->mm->mem, (const char *)buf + done, len - done, addr + done);

		if (n <= 0)
			return -EFAULT;
		done += n;
	}
	return 0;
}

uint64_t task_auxv(struct task *t, uint64_t key)
{
	uint64_t pair[2], value = 0;
	char path[64];
	int fd;

	snprintf(path, sizeof(path), "/proc/%d/auxv", t->tid);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	while (fd >= 0 && read(fd, pair, sizeof(pair)) == sizeof(pair) && pair[0])
		if (pair[0] == key)
			value = pair[1];
	if (fd >= 0)
		close(fd);
	return value;
}

/* ---- numbers ---- */

/* The numbers of a task, from our namespace to its own. Returns how many. */
static int numbers(pid_t tid, pid_t *ret, int room)
{
	char text[PROC_STATUS_MAX], *end;
	const char *at;
	int n = 0;

	proc_text(tid, "status", text, sizeof(text));
	for (at = proc_line(text, "NSpid"); at && n < room; at = end) {
		ret[n] = strtol(at, &end, 10);
		if (end == at || *at == '\n')
			break;
		n++;
	}
	return n;
}

pid_t task_tid_for(const struct task *t, pid_t tid)
{
	pid_t own[33], its[33];
	int deep, n;

	if (!t->p->other_spaces)
		return tid;
	deep = numbers(t->tid, own, countof(own));
	n = numbers(tid, its, countof(its));
	return deep && deep <= n ? its[deep - 1] : tid;
}

/* ---- time ---- */

uint64_t task_cpu(struct task *t, uint64_t now)
{
	char text[64];
	ssize_t n;

	if (now && t->cpu_at && now - t->cpu_at < 1000000) {
		t->cpu += now - t->cpu_at;
		t->cpu_at = now;
		return t->cpu;
	}
	if (t->schedstat < 0) {
		snprintf(text, sizeof(text), "/proc/%d/task/%d/schedstat", t->p->pid, t->tid);
		t->schedstat = open(text, O_RDONLY | O_CLOEXEC);
	}
	n = t->schedstat < 0 ? -1 : pread(t->schedstat, text, sizeof(text) - 1, 0);
	if (n > 0) {
		text[n] = 0;
		t->cpu = strtoull(text, NULL, 10);
	}
	t->cpu_at = now;
	return t->cpu;
}

/* ---- signals that come at a bad time ---- */

void task_hold_signal(struct task *t, const siginfo_t *info)
{
	struct held_signal **at = &t->held, *h;

	for (; *at; at = &(*at)->next)
		if ((*at)->info.si_signo == info->si_signo && info->si_signo < SIGRTMIN)
			return;    /* the kernel keeps one of each, too */
	h = xcalloc(1, sizeof(*h));
	h->info = *info;
	h->since = now_mono();
	h->cpu = task_cpu(t, 0);
	*at = h;
}

/* t has stopped for a signal while tandem makes it do something: the signal is kept for later. */
static void hold_stopped(struct task *t)
{
	siginfo_t info;

	if (task_siginfo(t, &info) == 0)
		task_hold_signal(t, &info);
}

/* ---- running a call in a task ---- */

/* Go to the exit stop of the call that the task is in, or about to enter. Signals that show up on
 * the way wait in the kernel's queue no longer; they are kept for later. */
static int to_exit_stop(struct monitor *m, struct task *t, int how)
{
	int status, err;

	for (;;) {
		if ((err = task_resume(t, how, 0)) || (err = task_wait(m, t, &status)))
			return err;
		if (status >> 8 == (SIGTRAP | PTRACE_EVENT_SECCOMP << 8)) {
			how = PTRACE_SYSCALL;
			continue;
		}
		if (status >> 8 == (SIGTRAP | 0x80)) {
			if (how == PTRACE_SYSCALL)
				return 0;
			continue;
		}
		if (status >> 16 == 0)
			hold_stopped(t);
	}
}

static void set_call(struct user_regs_struct *r, long nr, uint64_t a0, uint64_t a1, uint64_t a2, uint64_t a3,
                     uint64_t a4, uint64_t a5)
{
	r->rdi = a0;
	r->rsi = a1;
	r->rdx = a2;
	r->r10 = a3;
	r->r8 = a4;
	r->r9 = a5;
	r->orig_rax = nr;
}

int remote_call(struct monitor *m, struct task *t, uint64_t gadget, int64_t *ret, long nr, uint64_t a0,
                uint64_t a1, uint64_t a2, uint64_t a3, uint64_t a4, uint64_t a5)
{
	struct user_regs_struct saved;
	int err;

	if ((err = task_regs(t)))
		return err;
	saved = t->regs;
	set_call(&t->regs, -1, a0, a1, a2, a3, a4, a5);
	t->regs.rax = nr;
	t->regs.rip = gadget;
	if ((err = task_set_regs(t)) || (err = to_exit_stop(m, t, PTRACE_CONT)) || (err = task_regs(t)))
		return err;
	*ret = t->regs.rax;
	t->regs = saved;
	return 0;
}

int remote_instead(struct monitor *m, struct task *t, int64_t *ret, long nr, uint64_t a0, uint64_t a1,
                   uint64_t a2, uint64_t a3, uint64_t a4, uint64_t a5)
{
	struct user_regs_struct saved;
	int err;

	if ((err = task_regs(t)))
		return err;
	saved = t->regs;
	set_call(&t->regs, nr, a0, a1, a2, a3, a4, a5);
	if ((err = task_set_regs(t)) || (err = to_exit_stop(m, t, PTRACE_SYSCALL)) || (err = task_regs(t)))
		return err;
	*ret = t->regs.rax;
	saved.rcx = t->regs.rcx;
	saved.r11 = t->regs.r11;
	saved.rax = t->regs.rax;
	t->regs = saved;
	return 0;
}

/* ---- signals ---- */

int task_sig_state(struct task *t, struct sig_state *ret)
{
	static const struct { const char *key; size_t at; } word[] = {
		{"SigPnd", offsetof(struct sig_state, pending)},
		{"ShdPnd", offsetof(struct sig_state, pending)},
		{"SigBlk", offsetof(struct sig_state, blocked)},
		{"SigIgn", offsetof(struct sig_state, ignored)},
		{"SigCgt", offsetof(struct sig_state, caught)},
	};
	char text[PROC_STATUS_MAX];
	const char *at = text;

	memset(ret, 0, sizeof(*ret));
	if (!proc_text(t->tid, "status", text, sizeof(text)))
		return -ESRCH;
	/* They stand in this order. */
	for (size_t i = 0; i < countof(word) && at; i++)
		if ((at = proc_line(at, word[i].key)))
			*(uint64_t *)((char *)ret + word[i].at) |= strtoull(at, NULL, 16);
	return 0;
}

bool sig_default_ignores(int sig)
{
	return sig == SIGCHLD || sig == SIGURG || sig == SIGWINCH || sig == SIGCONT;
}

bool sig_default_stops(int sig)
{
	return sig == SIGSTOP || sig == SIGTSTP || sig == SIGTTIN || sig == SIGTTOU;
}

bool signal_is_fault(const siginfo_t *i)
{
	switch (i->si_signo) {
	case SIGSEGV: case SIGBUS: case SIGFPE: case SIGILL: case SIGTRAP: case SIGSYS:
		return i->si_code > 0;
	}
	return false;
}

bool siginfo_is_end(const siginfo_t *i)
{
	return i->si_signo == SIGTRAP && i->si_code == (SIGTRAP | PTRACE_EVENT_EXIT << 8);
}

bool task_at_its_end(struct task *t)
{
	siginfo_t info;
	int err = task_siginfo(t, &info);

	return err ? err == -ESRCH : siginfo_is_end(&info);
}

bool task_ended_unseen(const struct task *t)
{
	return t->p && t->tid == t->p->pid && t->p->ntasks > 1 && proc_stat(t->tid, PROC_STATE) == 'Z';
}

/* Where the program has used its queue up, real-time signals are refused (EAGAIN), others are not: one that is not blocked stands
 * in for it. Which signal is delivered is decided at the stop. Returns which was sent, or -errno. */
static int send_for_stop(struct task *t, int sig)
{
	static const int others[] = {SIGURG, SIGWINCH, SIGIO, SIGUSR1, SIGUSR2};
	uint64_t mask;

	if (syscall(SYS_tgkill, t->p->pid, t->tid, sig) == 0)
		return sig;
	if (errno != EAGAIN || task_sigmask(t, &mask))
		return -errno;
	for (size_t i = 0; i < countof(others); i++)
		if (!(mask & sig_bit(others[i])) && syscall(SYS_tgkill, t->p->pid, t->tid, others[i]) == 0)
			return others[i];
	return -EAGAIN;
}

/* Real-time signals queue up: one that the program was sent comes before ours, and keeps what it carries. */
static bool is_ours(struct task *t, int sig)
{
	siginfo_t info;

	return sig < SIGRTMIN || t->p->other_spaces || task_siginfo(t, &info) ||
	       (info.si_code == SI_TKILL && info.si_pid == getpid());
}

int task_signal_stop(struct monitor *m, struct task *t, int sig)
{
	bool group_stops = false;
	int err, status, sent = send_for_stop(t, sig);

	if (sent < 0)
		return sent;
	for (;;) {
		if ((err = task_resume(t, PTRACE_CONT, 0)) || (err = task_wait(m, t, &status)))
			return err;
		if (status >> 16) {
			group_stops |= status >> 16 == PTRACE_EVENT_STOP && WSTOPSIG(status) != SIGTRAP;
			continue;
		}
		if (WSTOPSIG(status) == sent && is_ours(t, sent)) {
			/* Another thread has stopped the process meanwhile: t stops for it as soon as it goes on. */
			if (group_stops)
				ptrace(PTRACE_INTERRUPT, t->tid, 0, 0);
			return 0;
		}
		/* One that was pending already, and comes first. */
		hold_stopped(t);
	}
}

int task_interrupt_call(struct monitor *m, struct task *t, const siginfo_t *info, int64_t result,
                        const struct user_regs_struct *during)
{
	struct user_regs_struct after = t->regs;
	int err;

	after.rax = result;
	/* While orig_rax is -1 the kernel leaves rax alone; a number there, at the signal's stop, lets it restart
	 * or interrupt the call as the handler's flags say. */
	if (result > -512 || result < -516)
		after.orig_rax = -1;
	t->regs = *during;
	if ((err = task_set_regs(t)) || (err = task_signal_stop(m, t, info->si_signo)) || (err = task_regs(t)))
		return err;
	after.rcx = t->regs.rcx;
	after.r11 = t->regs.r11;
	t->regs = after;
	if ((err = task_set_regs(t)))
		return err;
	return task_set_siginfo(t, info);
}

int task_deliver_at_call(struct monitor *m, struct task *t, const siginfo_t *info, int64_t result)
{
	struct user_regs_struct during;
	int err;

	if ((err = task_regs(t)))
		return err;
	/* The call is skipped. */
	during = t->regs;
	during.orig_rax = -1;
	during.rax = result;
	return task_interrupt_call(m, t, info, result, &during);
}
