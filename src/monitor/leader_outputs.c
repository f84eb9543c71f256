/* leader_outputs.c - what the kernel writes while a task sleeps in a call, and others run: see leader.h.
 *
 * Followers get a call's outputs when it is back, in the task's turn. The kernel writes them when it likes, and another
 * thread may look. So a call that may sleep is given scratch memory in the place of the program's, and what it has
 * written there is copied when the task has the turn again.
 *
 * How that can go wrong, and what is done about it:
 *  - The program's memory cannot be written, and the call would have failed and lost nothing. So only memory that is known
 *    to be writable is replaced; a call that fails with EFAULT or EINVAL nevertheless is made again, as the program made it.
 *  - Vectors and headers of messages lead to buffers: they are copied, and lead to scratch memory.
 *  - A handler sees the registers, and sigreturn makes the call from them: they hold the program's own arguments whenever
 *    the task is not in the call. One that the kernel restarts by itself is given the scratch memory again.
 *  - Of an array that the call also reads, the kernel writes some fields only (poll's revents), and another thread may have
 *    changed the others meanwhile: only those land.
 *  - It is memory of the leader's alone: points leave it out. A program that maps something over it has mapped over what it
 *    cannot have known of (SCRATCH_AT).
 *  - The place itself matters: the word of a futex with priority inheritance, in which the kernel tells that somebody
 *    waits. Nobody runs until it has done so, and the event for the call's entry has the word.
 * What is left out: requests of ioctl, and calls that want more than SCRATCH_MAX.
 */
#define _GNU_SOURCE
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/uio.h>

#include "abi/kernel_types.h"
#include "base/proc.h"
#include "monitor/leader.h"
#include "monitor/publish.h"

/* More than any read of a buffer that programs use; a pipe holds 64 KiB, a socket's buffer a few MiB at most. */
#define SCRATCH_MAX   (4u << 20)
/* What is mapped at once: several slots. */
#define SCRATCH_CHUNK (256u << 10)
#define SLOT_MIN      4096u
/* Where: far from what the kernel chooses and from what runtimes are known to ask for, so that no place is taken that the
 * program has just left and expects to find free. */
#define SCRATCH_AT    0x3a0000000000ull
/* Pieces of one call. */
#define MOVED_MAX     256
/* A task that has not come to rest in a call after so long is taken for one that sleeps. */
#define SETTLE_NS     20000000u

/* A piece of the program's memory that a call may write, or that leads there. */
struct moved {
	uint64_t addr, len;
	uint64_t at;                   /* its place in scratch memory */
	uint16_t shape;
	uint8_t dir, arg, sub;
};

/* ---- memory that is known to be writable ---- */

static void find_writable(struct task *t)
{
	char path[40], *line = NULL, prot[5];
	unsigned long long start, end;
	struct buf *b = &t->in_mm->writable;
	size_t room = 0;
	FILE *f;

	buf_clear(b);
	snprintf(path, sizeof(path), "/proc/%d/maps", t->tid);
	if (!(f = fopen(path, "re")))
		return;
	while (getline(&line, &room, f) > 0) {
		struct span *last = b->len ? (struct span *)(b->at + b->len) - 1 : NULL;

		if (sscanf(line, "%llx-%llx %4s", &start, &end, prot) != 3 || prot[1] != 'w')
			continue;
		if (last && last->end == start)
			last->end = end;
		else
			buf_add(b, &(struct span){start, end}, sizeof(*last));
	}
	free(line);
	fclose(f);
}

static bool within(const struct buf *spans, uint64_t addr, uint64_t len)
{
	const struct span *s = (const struct span *)spans->at;

	for (size_t i = 0; i < spans->len / sizeof(*s); i++)
		if (s[i].start <= addr && addr < s[i].end && len <= s[i].end - addr)
			return true;
	return false;
}

static bool is_writable(struct task *t, uint64_t addr, uint64_t len)
{
	if (within(&t->in_mm->writable, addr, len))
		return true;
	find_writable(t);
	return within(&t->in_mm->writable, addr, len);
}

void lead_note_memory_call(struct task *t)
{
	bool adds = t->nr == SYS_mmap && !(t->args[3] & (MAP_FIXED | MAP_FIXED_NOREPLACE));

	if (t->call_flags & EVF_INT80 || (t->row->who & MEMORY && !adds && t->nr != SYS_madvise))
		buf_clear(&t->in_mm->writable);
}

/* ---- slots ---- */

static bool take_slot(struct task *t, uint64_t size)
{
	struct slot *s = (struct slot *)t->in_mm->scratch.at, *best = NULL;

	for (size_t i = 0; i < t->in_mm->scratch.len / sizeof(*s); i++)
		if (!s[i].taken && s[i].size >= size && (!best || s[i].size < best->size))
			best = &s[i];
	if (!best)
		return false;
	best->taken = true;
	t->slot = best - s + 1;
	return true;
}

static void give_back(struct task *t)
{
	buf_clear(&t->moved);
	task_free_slot(t);
}

/* The call is made again, with more scratch memory then. */
static bool map_slots(struct monitor *m, struct task *t, uint64_t need)
{
	struct mm *mm = t->in_mm;
	uint64_t size = SLOT_MIN, len, hint;
	int64_t at;

	if (mm->no_scratch)
		return false;
	while (size < need)
		size *= 2;
	len = max_of(size, (uint64_t)SCRATCH_CHUNK);
	hint = SCRATCH_AT + mm->chunks.len / sizeof(struct span) * 4 * SCRATCH_MAX;
	if (remote_instead(m, t, &at, SYS_mmap, hint, len, PROT_READ | PROT_WRITE,
	                   MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0))
		return true;   /* killed */
	mm->no_scratch = at < 0 && at > -4096;
	if (!mm->no_scratch) {
		buf_add(&mm->chunks, &(struct span){at, at + len}, sizeof(struct span));
		for (uint64_t i = 0; i < len / size; i++)
			buf_add(&mm->scratch, &(struct slot){at + i * size, size, false}, sizeof(struct slot));
	}
	task_make_again(t, t->call_ip - 2, t->nr);
	lead_go_user(t);
	return true;
}

/* ---- out of the way ---- */

struct plan { struct task *t; uint64_t total; bool fits; };

static int plan_read(void *ctx, uint64_t addr, void *buf, size_t len)
{
	struct plan *p = ctx;

	return guest_read(p->t, addr, buf, len);
}

static int plan_piece(void *ctx, const struct extent *x)
{
	struct plan *p = ctx;
	struct moved piece = {x->addr, x->cap, p->total, x->shape, x->dir, x->arg, x->sub};

	p->fits = p->t->moved.len < MOVED_MAX * sizeof(piece) && x->cap <= SCRATCH_MAX &&
	          p->total + x->cap <= SCRATCH_MAX && (!(x->dir & D_OUT) || is_writable(p->t, x->addr, x->cap));
	if (!p->fits)
		return 1;
	p->total += (x->cap + 15) & ~15ull;
	buf_add(&p->t->moved, &piece, sizeof(piece));
	return 0;
}

static bool may_move(const struct monitor *m, const struct task *t)
{
	if (!config_followed(m->cfg) || t->unmoved || t->row->who & (QUICK | NORET) || t->nr == SYS_ioctl || lead_makes_task(t->nr) ||
	    t->call_flags & (EVF_INT80 | EVF_UNKNOWN) || !lead_shares_memory(t))
		return false;
	for (unsigned i = 0; i < t->row->nargs; i++)
		if ((t->row->a[i].dir & (D_OUT | D_PLACE)) == D_OUT && t->args[i])
			return true;
	return false;
}

bool lead_plan_outputs(struct monitor *m, struct task *t)
{
	struct plan p = {t, 0, true};
	struct walk w = {.row = t->row, .args = t->args, .read = plan_read, .visit = plan_piece, .ctx = &p};

	give_back(t);
	if (!may_move(m, t))
		return false;
	walk_room(&w);
	if (p.fits && p.total && take_slot(t, p.total))
		return false;
	buf_clear(&t->moved);
	return p.fits && p.total && map_slots(m, t, p.total);
}

/* `len`: of the piece; 0: whatever it is. */
static uint64_t moved_to(const struct task *t, uint64_t addr, uint64_t len)
{
	const struct moved *mv = (const struct moved *)t->moved.at;

	for (size_t i = 0; i < t->moved.len / sizeof(*mv); i++)
		if (mv[i].addr == addr && (!len || mv[i].len == len))
			return mv[i].at;
	return addr;
}

static void redirect(const struct task *t, char *at, uint64_t len)
{
	uint64_t addr;

	memcpy(&addr, at, sizeof(addr));
	if (addr)
		addr = moved_to(t, addr, len);
	memcpy(at, &addr, sizeof(addr));
}

/* Buffers of one vector may begin at the same place: a reader that throws away what it reads. */
static void redirect_buffer(const struct task *t, char *at)
{
	struct k_iovec v;

	memcpy(&v, at, sizeof(v));
	if (v.iov_len)
		redirect(t, at + offsetof(struct k_iovec, iov_base), v.iov_len);
}

/* The pointers in what was copied lead to scratch memory, too. */
static void redirect_all(const struct task *t, const struct moved *mv, char *bytes)
{
	uint64_t step = shape_size(mv->shape);

	for (uint64_t i = 0; mv->shape == SHAPE_iovec && i + step <= mv->len; i += step)
		redirect_buffer(t, bytes + i);
	for (uint64_t i = 0; (mv->shape == SHAPE_msghdr || mv->shape == SHAPE_mmsghdr) && i + step <= mv->len; i += step) {
		redirect(t, bytes + i + offsetof(struct k_msghdr, msg_name), 0);
		redirect(t, bytes + i + offsetof(struct k_msghdr, msg_iov), 0);
		redirect(t, bytes + i + offsetof(struct k_msghdr, msg_control), 0);
	}
}

static void set_args(struct task *t)
{
	if (task_regs(t))
		return;
	for (int i = 0; i < 6; i++) {
		if (t->moved_args[i] == t->args[i])
			continue;
		*task_arg(t, i) = t->moved_args[i];
		t->patched_args |= 1u << i;
	}
	task_set_regs(t);
}

void lead_move_outputs(struct task *t)
{
	struct moved *mv = (struct moved *)t->moved.at;
	size_t n = t->moved.len / sizeof(*mv);
	uint64_t base;

	if (!n)
		return;
	base = ((struct slot *)t->in_mm->scratch.at)[t->slot - 1].at;
	memcpy(t->moved_args, t->args, sizeof(t->moved_args));
	for (size_t i = 0; i < n; i++) {
		mv[i].at += base;
		if (mv[i].sub == SUB_SELF)
			t->moved_args[mv[i].arg - 1] = mv[i].at;
	}
	for (size_t i = 0; i < n; i++) {
		char *bytes;
		int err;

		if (!(mv[i].dir & D_IN))
			continue;
		bytes = xmalloc(mv[i].len);
		err = guest_read(t, mv[i].addr, bytes, mv[i].len);
		if (!err) {
			redirect_all(t, &mv[i], bytes);
			err = guest_write(t, mv[i].at, bytes, mv[i].len);
		}
		free(bytes);
		if (err) {
			give_back(t);
			return;
		}
	}
	set_args(t);
}

void lead_move_again(struct task *t)
{
	if (t->moved.len)
		set_args(t);
}

/* ---- and back ---- */

static void land_bytes(struct task *t, uint64_t from, uint64_t to, uint64_t len)
{
	char *bytes = xmalloc(len);

	if (guest_read(t, from, bytes, len) == 0)
		guest_write(t, to, bytes, len);
	free(bytes);
}

/* An array of structures of which the kernel writes some fields. False: it writes all of it. */
static bool land_fields(struct task *t, const struct extent *x, uint64_t to)
{
	unsigned n;
	const struct field *f = shape_fields(x->kind == K_ARRAY ? x->shape : SHAPE_none, &n);
	uint64_t step = shape_size(x->shape);
	bool some = false;

	for (unsigned k = 0; k < n; k++) {
		if (f[k].is_ptr || f[k].dir != D_OUT)
			continue;
		some = true;
		for (uint64_t at = f[k].offset; at + f[k].size <= x->len; at += step)
			land_bytes(t, x->addr + at, to + at, f[k].size);
	}
	return some;
}

static int land(void *ctx, const struct extent *x)
{
	struct plan *p = ctx;
	const struct moved *mv = (const struct moved *)p->t->moved.at;
	uint64_t to;

	for (size_t i = 0; i < p->t->moved.len / sizeof(*mv); i++) {
		if (x->addr < mv[i].at || x->addr + x->len > mv[i].at + mv[i].len)
			continue;
		to = mv[i].addr + (x->addr - mv[i].at);
		if (!land_fields(p->t, x, to))
			land_bytes(p->t, x->addr, to, x->len);
		return 0;
	}
	return 0;
}

void lead_land_outputs(struct task *t, int64_t result)
{
	struct plan p = {.t = t};
	struct walk w;

	if (!t->moved.len)
		return;
	/* It remembers lengths that the call has overwritten. */
	w = t->walk;
	w.row = t->row;
	w.args = t->moved_args;
	w.ret = result;
	w.read = plan_read;
	w.visit = land;
	w.ctx = &p;
	walk_exit(&w);
	give_back(t);
}

bool lead_outputs_refused(struct task *t, int64_t result)
{
	/* Also where buffers have to lie on certain boundaries (O_DIRECT). */
	if ((result != -EFAULT && result != -EINVAL) || !t->moved.len)
		return false;
	give_back(t);
	t->unmoved = true;
	task_make_again(t, t->regs.rip - 2, t->nr);
	t->restart_result = -513;
	t->phase = LEAD_RESTART;
	task_resume(t, PTRACE_CONT, 0);
	return true;
}

/* ---- words that stay in their place ---- */

bool lead_waits_to_settle(const struct task *t)
{
	return row_in_place(t->row) && !(t->row->who & QUICK) && !(t->call_flags & EVF_INT80) && lead_shares_memory(t);
}

bool lead_settles(struct task *t)
{
	uint64_t since = now_mono();

	for (int looks = 0; ; looks++) {
		switch (proc_stat(t->tid, PROC_STATE)) {
		case 'S': case 'D':
			return true;
		case 'R':
			break;
		default:
			return false;
		}
		if (now_mono() - since > SETTLE_NS)
			return true;
		if (looks < 20)
			sched_yield();
		else
			nap_ns(20000);
	}
}
