/* traps.c - the instruction shields at work: patching after an exec, values at a trap. */
#define _GNU_SOURCE
#include <asm/prctl.h>
#include <elf.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "monitor/copier.h"
#include "monitor/publish.h"
#include "monitor/shields/shields.h"
#include "monitor/store.h"

#ifndef ARCH_SET_CPUID
#define ARCH_SET_CPUID 0x1012
#endif

struct patch {
	uint64_t at;
	struct insn_op op;
};

/* Shared by processes that were forked from one another: addresses that one has mapped meanwhile hurt
 * nobody else, since only a trap there is looked up. */
struct patch_set {
	int refs;
	struct patch *patch;
	int n, room;
};

/* What a scan found, by the identity of the file and its state: offsets instead of addresses. */
struct scan {
	uint64_t dev, ino, state, offset, len;
	unsigned kinds;                 /* that were looked for */
	struct insn_site *site;
	size_t n;
	struct scan *next;
};

static struct scan *scans;

/* The loader asks cpuid some seventy times for each program, and where that faults it leaves a virtual machine's
 * guest each time: 10 µs that a breakpoint does not cost. So in small text, which the loader's is, it is patched. */
#define CPUID_MAX (512u << 10)

/* An exec may cost a millisecond or two for this, not ten: text beyond this size is counted in the report instead.
 * (What is so large is a compiler or a runtime, which asks cpuid first, and is told that there is no rdrand.) */
#define SCAN_MAX (16u << 20)

/* ---- after an exec ---- */

static void patch_vdso(struct monitor *m, struct task *t)
{
	const struct vdso_info *v = vdso_info();

	if (m->cfg->exposed & SRC_VDSO || !t->p->mm->vdso || v->error)
		return;
	for (int i = 0; i < v->n; i++)
		guest_write(t, t->p->mm->vdso + v->patch[i].offset, v->patch[i].bytes, v->patch[i].len);
}

/* The flag does not survive an exec. */
static void trap_cpuid(struct monitor *m, struct task *t)
{
	const struct vdso_info *v = vdso_info();
	int64_t ret;

	if (m->cfg->exposed & SRC_CPUID || !m->cpuid_faults || !t->p->mm->vdso || !v->syscall_offset)
		return;
	if (remote_call(m, t, t->p->mm->vdso + v->syscall_offset, &ret, SYS_arch_prctl, ARCH_SET_CPUID, 0, 0, 0, 0, 0))
		return;
	task_set_regs(t);
}

void shield_exec(struct monitor *m, struct task *t)
{
	if (task_regs(t))
		return;
	trap_cpuid(m, t);
	patch_vdso(m, t);
}

/* ---- patching ---- */

/* `image`: the kernel mapped it, for an exec. */
static unsigned kinds_to_patch(const struct monitor *m, uint64_t len, bool image)
{
	unsigned kinds = 0, exposed = m->cfg->exposed;

	if (!(exposed & SRC_RAND))
		kinds |= 1u << INSN_RDRAND | 1u << INSN_RDSEED;
	if (!(exposed & SRC_CPU))
		kinds |= 1u << INSN_RDPID | 1u << INSN_LSL;
	if (!(exposed & SRC_TSC) && !m->tsc_traps)
		kinds |= 1u << INSN_RDTSC | 1u << INSN_RDTSCP;
	if (!(exposed & SRC_CPUID) && (!m->cpuid_faults || (image && len <= CPUID_MAX)))
		kinds |= 1u << INSN_CPUID;
	return kinds;
}

void shield_forget_patches(struct process *p)
{
	struct patch_set *s = p->patches;

	p->patches = NULL;
	if (!s || --s->refs)
		return;
	free(s->patch);
	free(s);
}

void shield_fork(struct process *parent, struct process *child)
{
	child->patches = parent->patches;
	if (child->patches)
		child->patches->refs++;
}

static struct patch *find_patch(struct process *p, uint64_t at)
{
	for (int i = 0; p->patches && i < p->patches->n; i++)
		if (p->patches->patch[i].at == at)
			return &p->patches->patch[i];
	return NULL;
}

static void add_patch(struct task *t, const struct insn_at *site, uint64_t at)
{
	static const uint8_t trap = 0xcc;
	struct patch_set *s = t->p->patches;
	struct insn_op op;

	if (!insn_decode(site->bytes, site->len, at, &op) || guest_write(t, at, &trap, 1))
		return;
	if (find_patch(t->p, at))
		return;
	if (!s) {
		s = t->p->patches = xcalloc(1, sizeof(*s));
		s->refs = 1;
	}
	if (s->n == s->room) {
		s->room = s->room ? 2 * s->room : 16;
		s->patch = xrealloc(s->patch, s->room * sizeof(*s->patch));
	}
	s->patch[s->n++] = (struct patch){at, op};
}

/* Where the object that a mapping belongs to begins in memory. */
static uint64_t object_start(const struct mm *mm, const struct mapping *map)
{
	for (int i = 0; i < mm->nmap; i++)
		if (mm->map[i].dev == map->dev && mm->map[i].ino == map->ino && !mm->map[i].offset &&
		    mm->map[i].start <= map->start)
			return mm->map[i].start;
	return 0;
}

/* By how much an object was moved: an executable that is not position independent, not at all. */
static uint64_t object_bias(struct task *t, uint64_t ehdr)
{
	uint16_t type = ET_DYN;

	if (ehdr)
		guest_read(t, ehdr + 16, &type, sizeof(type));
	return type == ET_EXEC ? 0 : ehdr;
}

/* Where the text of a mapping is read: the store has it in fewer pages than the task's memory. */
struct text {
	struct task *t;
	const struct mapping *map;
	int store;                      /* or -1 */
};

static int read_text(void *ctx, uint64_t addr, void *buf, size_t len)
{
	const struct text *x = ctx;
	const struct mapping *map = x->map;

	if (x->store >= 0 && addr >= map->start && addr + len <= map->end &&
	    pread(x->store, buf, len, map->offset + (addr - map->start)) == (ssize_t)len)
		return 0;
	return guest_read(x->t, addr, buf, len);
}

static struct scan *scan_find(const struct mapping *map, uint64_t len, unsigned kinds)
{
	for (struct scan *s = scans; s && map->state; s = s->next)
		if (s->dev == map->dev && s->ino == map->ino && s->state == map->state && s->offset == map->offset &&
		    s->len == len && s->kinds == kinds)
			return s;
	return NULL;
}

static struct scan *scan_mapping(struct monitor *m, struct task *t, const struct mapping *map, unsigned kinds)
{
	size_t len = map->end - map->start;
	struct text text = {t, map, store_of(m, map)};
	struct insn_source src = {.len = len, .vaddr = map->start, .read = read_text, .ctx = &text, .fd = -1};
	struct insn_stats stats = {0};
	struct scan *s = scan_find(map, len, kinds);

	if (s)
		return s;
	s = xcalloc(1, sizeof(*s));
	s->dev = map->dev;
	s->ino = map->ino;
	s->state = map->state;
	s->offset = map->offset;
	s->len = len;
	s->kinds = kinds;
	s->next = scans;
	scans = s;
	if (len > SCAN_MAX) {
		m->unscanned_bytes += len;
		return s;
	}
	src.ehdr = object_start(t->p->mm, map);
	src.bias = object_bias(t, src.ehdr);
	insn_scan(&src, kinds, &s->site, &s->n, &stats);
	m->unverified_sites += stats.unverified - (m->cpuid_faults ? stats.unverified_cpuid : 0);
	for (size_t i = 0; i < s->n; i++)
		s->site[i].vaddr -= map->start;
	return s;
}

/* Returns the number of sites, and in *ret what they are; the caller frees that. */
static size_t patch_mapping(struct monitor *m, struct task *t, const struct mapping *map, bool image,
                            struct insn_at **ret)
{
	unsigned kinds = kinds_to_patch(m, map->end - map->start, image);
	struct insn_at *at;
	struct scan *s;

	*ret = NULL;
	if (!(map->prot & PROT_EXEC) || !map->ino || !kinds)
		return 0;
	s = scan_mapping(m, t, map, kinds);
	if (!s->n)
		return 0;
	copier_settle(t, map->start, map->end);
	*ret = at = xcalloc(s->n, sizeof(*at));
	for (size_t i = 0; i < s->n; i++) {
		at[i].addr = map->start + s->site[i].vaddr;
		at[i].len = s->site[i].len;
		at[i].kind = s->site[i].kind;
		memcpy(at[i].bytes, s->site[i].bytes, sizeof(s->site[i].bytes));
		add_patch(t, &at[i], at[i].addr);
	}
	return s->n;
}

static void patch_and_tell(struct monitor *m, struct task *t, const struct mapping *map, bool image)
{
	struct insn_at *at;
	size_t n = patch_mapping(m, t, map, image, &at);

	if (n)
		publish_part(m, PART_SITES, 0, 0, at, n * sizeof(*at));
	free(at);
}

static const struct mapping *mapping_at(const struct mm *mm, uint64_t at)
{
	for (int i = 0; i < mm->nmap; i++)
		if (at >= mm->map[i].start && at < mm->map[i].end)
			return &mm->map[i];
	return NULL;
}

/* Code is mapped to be run by the dynamic loader. Whoever else maps some may read it, and stumble over a trap in it. */
void shield_patch_mapping(struct monitor *m, struct task *t, const struct mapping *map)
{
	const struct mm *mm = t->p->mm;
	const struct mapping *from = mapping_at(mm, t->call_ip);

	if (from && mm->loader_ino && from->ino == mm->loader_ino && from->dev == mm->loader_dev)
		patch_and_tell(m, t, map, false);
}

/* A program with an interpreter starts in that. */
static void note_loader(struct task *t)
{
	const struct mapping *at = mapping_at(t->p->mm, t->regs.rip);

	if (!at || t->regs.rip == task_auxv(t, AT_ENTRY))
		return;
	t->p->mm->loader_dev = at->dev;
	t->p->mm->loader_ino = at->ino;
}

static bool is_patched(const struct process *p, const struct mapping *map)
{
	for (int i = 0; p->patches && i < p->patches->n; i++)
		if (p->patches->patch[i].at >= map->start && p->patches->patch[i].at < map->end)
			return true;
	return false;
}

void shield_patch_own(struct monitor *m, struct task *t)
{
	struct insn_at *at;

	for (int i = 0; i < t->p->mm->nmap; i++) {
		/* Text with traps in it cannot be read a second time. */
		if (is_patched(t->p, &t->p->mm->map[i]))
			continue;
		patch_mapping(m, t, &t->p->mm->map[i], false, &at);
		free(at);
	}
}

void shield_patch_image(struct monitor *m, struct task *t)
{
	if (task_regs(t) == 0)
		note_loader(t);
	for (int i = 0; i < t->p->mm->nmap; i++)
		patch_and_tell(m, t, &t->p->mm->map[i], true);
}

/* Where a follower has what the leader has at `at`. */
static uint64_t own_address(const struct mm *mm, uint64_t at)
{
	for (int i = 0; mm->own_layout && i < mm->nmap; i++) {
		const struct mapping *x = &mm->map[i];

		if (at >= x->leader && at - x->leader < x->end - x->start)
			return x->start + (at - x->leader);
	}
	return at;
}

void shield_patch_sites(struct task *t, const struct event *e)
{
	struct part *p = event_parts(e);

	for (uint32_t i = 0; i < e->nparts; i++, p = part_next(p)) {
		const struct insn_at *at = part_data(p);

		for (size_t k = 0; p->kind == PART_SITES && k < p->len / sizeof(*at); k++)
			add_patch(t, &at[k], own_address(t->p->mm, at[k].addr));
	}
}

/* ---- traps ---- */

static bool in_vdso(const struct task *t, uint64_t at)
{
	return t->p->mm->vdso && at - t->p->mm->vdso < vdso_info()->size;
}

bool insn_trapped(struct monitor *m, struct task *t, const siginfo_t *info, struct insn_op *ret)
{
	uint8_t bytes[INSN_MAX];
	struct patch *p;
	size_t n;

	(void)m;
	if (info->si_code != SI_KERNEL || (info->si_signo != SIGSEGV && info->si_signo != SIGTRAP) || task_regs(t))
		return false;
	if (info->si_signo == SIGTRAP) {
		if (!(p = find_patch(t->p, t->regs.rip - 1)))
			return false;
		t->regs.rip--;
		*ret = p->op;
		return true;
	}
	n = guest_read_some(t, t->regs.rip, bytes, sizeof(bytes));
	if (!insn_decode(bytes, n, t->regs.rip, ret))
		return false;
	return ret->kind == INSN_CPUID || ((ret->kind == INSN_RDTSC || ret->kind == INSN_RDTSCP) && !t->no_tsc);
}

/* Where the signal was blocked or ignored, the kernel has unblocked it and reset its handler to be able
 * to kill the task. The mask can be set from here, the handler only by the task itself. */
static void restore_signal(struct monitor *m, struct task *t, int sig)
{
	const struct vdso_info *v = vdso_info();
	struct user_regs_struct saved = t->regs;
	struct disposition *d = process_disposition(t->p, sig);
	bool blocked = t->sigmask & sig_bit(sig);
	uint64_t at = (t->regs.rsp - 512) & ~15ull;
	uint8_t old[32];
	int64_t ret;

	if (blocked)
		task_set_sigmask(t, t->sigmask);
	if (!d || !(d->ignored || (blocked && d->handled)))
		return;
	if (guest_read(t, at, old, sizeof(old)) || guest_write(t, at, d->action, sizeof(old)))
		return;
	remote_call(m, t, t->p->mm->vdso + v->syscall_offset, &ret, SYS_rt_sigaction, sig, at, 0, 8, 0, 0);
	guest_write(t, at, old, sizeof(old));
	t->regs = saved;
}

void insn_finish(struct monitor *m, struct task *t, const struct insn_op *op, const uint64_t v[4], uint32_t eflags,
                 int sig)
{
	insn_apply(&t->regs, op, v, eflags);
	restore_signal(m, t, sig);
	task_set_regs(t);
}

/* rdtsc in the vDSO's own code belongs to the source vdso: exposed, it gets the counter, unmatched. */
bool insn_unmatched(const struct monitor *m, const struct task *t)
{
	return m->cfg->exposed & SRC_VDSO && in_vdso(t, t->regs.rip);
}

bool insn_give_own(struct monitor *m, struct task *t, const siginfo_t *info)
{
	struct insn_op op;
	uint64_t v[4] = {0};
	uint32_t eflags = 0;

	if (!insn_trapped(m, t, info, &op))
		return false;
	insn_execute(&op, &t->regs, 0, v, &eflags);
	insn_finish(m, t, &op, v, eflags, info->si_signo);
	task_resume(t, PTRACE_CONT, 0);
	return true;
}

static unsigned cpuid_exposed(const struct monitor *m)
{
	return (m->cfg->exposed & SRC_RAND ? CPUID_SHOW_RAND : 0) | (m->cfg->exposed & SRC_CPU ? CPUID_SHOW_CPU : 0);
}

bool shield_insn_trap(struct monitor *m, struct task *t, const siginfo_t *info)
{
	struct insn_op op;
	struct event *e;
	uint64_t v[4] = {0}, at, input;
	uint32_t eflags = 0;
	bool unmatched;

	if (!insn_trapped(m, t, info, &op))
		return false;
	if (op.mem) {
		at = insn_address(&op, &t->regs);
		guest_read(t, at, v, 2);
	}
	input = op.kind == INSN_CPUID ? t->regs.rax << 32 | (uint32_t)t->regs.rcx : 0;
	unmatched = insn_unmatched(m, t);
	insn_execute(&op, &t->regs, cpuid_exposed(m), v, &eflags);
	insn_finish(m, t, &op, v, eflags, info->si_signo);
	if (!unmatched) {
		e = publish_begin(m, t, EV_INSN, EVF_RUNS);
		e->call = op.kind;
		memcpy(e->args, v, sizeof(v));
		e->args[4] = eflags;
		e->args[5] = input;
		e->result = v[0];
		if (op.kind != INSN_CPUID)
			publish_context(m, t);
		publish_end(m, t);
	}
	task_resume(t, PTRACE_CONT, 0);
	return true;
}

bool shield_vdso_call(const struct task *t)
{
	int nr;

	/* With another number it is somebody who has jumped there. */
	return in_vdso(t, t->call_ip) && vdso_is_entry(t->call_ip - 2 - t->p->mm->vdso, &nr) && nr == (int)t->nr;
}
