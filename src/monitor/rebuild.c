/* rebuild.c - a follower's exec: not the file is executed, but what the leader's kernel made of it is built
 * again, at the leader's addresses, from the exec event.
 *
 * The task executes tandem's own program, which is stopped before its first instruction and emptied:
 *
 *     exec(tandem)      [tandem][ld.so]...[stack]...[vvar][vdso]
 *     munmap all but                                [vvar][vdso]
 *     mremap            to where the leader has them
 *     mmap              stack, then segments from the memfds of the store, then anonymous memory
 *     write             the initial stack, last pages of data segments
 *     set registers
 *
 * All calls run in the task, at the syscall instruction of its vDSO.
 */
#define _GNU_SOURCE
#include <elf.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/ptrace.h>
#include <sys/shm.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/wait.h>
#include <unistd.h>

#include "monitor/copies.h"
#include "monitor/follower.h"
#include "monitor/shields/shields.h"

#define USER_END 0x7ffffffff000ull

struct special {                       /* [vvar], [vvar_vclock], [vdso] of the task as it is now */
	uint64_t start, end;
	bool vdso;
};

struct build {
	struct monitor *m;
	struct task *t;
	const struct event *e;
	const struct image_map *map;
	int nmap;
	const struct part *file[64];   /* PART_FILEs, in order */
	int nfile;
	uint64_t gadget;               /* a syscall instruction */
	uint64_t scratch;              /* room for a path, in the stack that is being built */
	struct special special[8];
	int nspecial;
	uint64_t shift[256];           /* per mapping: own address less the leader's (--expose=aslr) */
	const char *why;
};

static int call(struct build *b, int64_t *ret, long nr, uint64_t a0, uint64_t a1, uint64_t a2, uint64_t a3,
                uint64_t a4, uint64_t a5)
{
	int err = remote_call(b->m, b->t, b->gadget, ret, nr, a0, a1, a2, a3, a4, a5);

	if (err)
		return err;
	return *ret < 0 && *ret > -4096 ? (int)*ret : 0;
}

/* ---- taking stock ---- */

static int find_specials(struct build *b)
{
	char path[64], *line = NULL;
	size_t room = 0;
	FILE *f;

	snprintf(path, sizeof(path), "/proc/%d/maps", b->t->tid);
	if (!(f = fopen(path, "re")))
		return -errno;
	while (getline(&line, &room, f) > 0) {
		unsigned long long start, end;
		bool vdso = strstr(line, "[vdso]");

		if ((!vdso && !strstr(line, "[vvar")) || b->nspecial == (int)countof(b->special) ||
		    sscanf(line, "%llx-%llx", &start, &end) != 2)
			continue;
		b->special[b->nspecial++] = (struct special){start, end, vdso};
		if (vdso)
			b->gadget = start + vdso_info()->syscall_offset;
	}
	free(line);
	fclose(f);
	return b->gadget ? 0 : -ENOEXEC;
}

static int read_event(struct build *b)
{
	struct part *p = event_parts(b->e);

	for (uint32_t i = 0; i < b->e->nparts; i++, p = part_next(p)) {
		if (p->kind == PART_IMAGE) {
			b->map = part_data(p);
			b->nmap = p->len / sizeof(*b->map);
		}
		if (p->kind == PART_FILE && b->nfile < (int)countof(b->file))
			b->file[b->nfile++] = p;
	}
	return b->map && b->nmap <= (int)countof(b->shift) ? 0 : -EPROTO;
}

static const struct file_id *file_of(const struct build *b, const struct image_map *x)
{
	return x->file < (uint32_t)b->nfile ? part_data(b->file[x->file]) : NULL;
}

static const char *path_of(const struct build *b, const struct image_map *x)
{
	return (const char *)part_data(b->file[x->file]) + sizeof(struct file_id);
}

/* ---- a layout of its own ---- */

static uint64_t random_shift(struct build *b)
{
	uint64_t r = 0;

	(void)b;
	if (syscall(SYS_getrandom, &r, sizeof(r), 0) != sizeof(r))
		r = 0x1234;
	/* Downwards, by up to 256 MiB: objects stay apart, and below the end of the address space. */
	return -((r % 65535 + 1) * 4096);
}

/* Objects move as a whole: the mappings of a file, and the anonymous memory behind them. What is not
 * position independent (it lies low) stays. The vDSO stays where the task has its own. */
static void choose_layout(struct build *b)
{
	uint64_t shift = 0, vdso_shift = 0;
	uint32_t file = ~0u;

	if (!(b->m->cfg->exposed & SRC_ASLR))
		return;
	b->t->p->mm->own_layout = true;
	for (int i = 0; i < b->nspecial; i++)
		for (int k = 0; k < b->nmap; k++)
			if (b->special[i].vdso && b->map[k].kind == MAPK_VDSO)
				vdso_shift = b->special[i].start - b->map[k].start;
	for (int i = 0; i < b->nmap; i++) {
		const struct image_map *x = &b->map[i];

		if (x->kind == MAPK_FILE && x->file != file) {
			file = x->file;
			shift = x->start < 0x100000000ull ? 0 : random_shift(b);
		}
		b->shift[i] = shift;
		if (x->kind == MAPK_STACK)
			b->shift[i] = random_shift(b);
		if (x->kind == MAPK_VDSO || x->kind == MAPK_VVAR)
			b->shift[i] = vdso_shift;
	}
}

static uint64_t own(const struct build *b, uint64_t addr)
{
	for (int i = 0; i < b->nmap; i++)
		if (addr >= b->map[i].start && addr < b->map[i].end)
			return addr + b->shift[i];
	return addr;
}

/* The break starts behind the executable's last mapping. */
static uint64_t own_break(const struct build *b, uint64_t addr)
{
	uint64_t shift = 0;

	for (int i = 0; i < b->nmap; i++)
		if (b->map[i].end <= addr && b->map[i].kind != MAPK_STACK && addr - b->map[i].end < 1ull << 36)
			shift = b->shift[i];
	return addr + shift;
}

static bool points(uint64_t key)
{
	return key == AT_PHDR || key == AT_BASE || key == AT_ENTRY || key == AT_SYSINFO_EHDR || key == AT_RANDOM ||
	       key == AT_EXECFN || key == AT_PLATFORM || key == AT_BASE_PLATFORM;
}

/* argv, envp and the auxiliary vector on the initial stack, for addresses of our own. */
static int relocate_stack(struct build *b)
{
	uint64_t at = b->t->regs.rsp, word[2];
	int err;

	at += 8;
	for (int list = 0; list < 2; list++) {
		for (;; at += 8) {
			if ((err = guest_read(b->t, at, word, 8)))
				return err;
			if (!word[0])
				break;
			word[0] = own(b, word[0]);
			if ((err = guest_write(b->t, at, word, 8)))
				return err;
		}
		at += 8;
	}
	for (;; at += 16) {
		if ((err = guest_read(b->t, at, word, 16)) || !word[0])
			return err;
		if (points(word[0])) {
			word[1] = own(b, word[1]);
			if ((err = guest_write(b->t, at, word, 16)))
				return err;
		}
	}
}

/* ---- emptying and furnishing ---- */

static int empty(struct build *b)
{
	uint64_t low = b->special[0].start, high = b->special[b->nspecial - 1].end;
	int64_t ret;
	int err;

	b->why = "unmapping tandem's start program";
	if ((err = call(b, &ret, SYS_munmap, 0, low, 0, 0, 0, 0)))
		return err;
	return call(b, &ret, SYS_munmap, high, USER_END - high, 0, 0, 0, 0);
}

static uint64_t leader_vdso(const struct build *b)
{
	for (int i = 0; i < b->nmap; i++)
		if (b->map[i].kind == MAPK_VDSO)
			return b->map[i].start;
	return 0;
}

/* Move the vDSO and its data by the same distance. */
static int shift_specials(struct build *b, uint64_t by)
{
	int64_t ret;
	int err;

	for (int i = 0; i < b->nspecial; i++) {
		struct special *s = &b->special[i];
		uint64_t len = s->end - s->start;

		err = call(b, &ret, SYS_mremap, s->start, len, len, MREMAP_MAYMOVE | MREMAP_FIXED, s->start + by, 0);
		if (err)
			return err;
		s->start += by;
		s->end += by;
		if (s->vdso)
			b->gadget += by;
	}
	return 0;
}

static int move_vdso(struct build *b)
{
	uint64_t want = leader_vdso(b), have = 0, span;
	int err;

	for (int i = 0; i < b->nspecial; i++)
		if (b->special[i].vdso)
			have = b->special[i].start;
	b->why = "moving the vDSO to the leader's address";
	if (!want || want == have || b->t->p->mm->own_layout)
		return 0;
	span = b->special[b->nspecial - 1].end - b->special[0].start;
	/* Old and new place overlap: go by way of a third. */
	if (want - have < span || have - want < span) {
		if ((err = shift_specials(b, 0x10000000000ull - b->special[0].start)))
			return err;
		have = b->gadget - vdso_info()->syscall_offset;
	}
	return shift_specials(b, want - have);
}

static int map_stack(struct build *b)
{
	int64_t ret;
	int err;

	b->why = "mapping the stack";
	for (int i = 0; i < b->nmap; i++) {
		const struct image_map *x = &b->map[i];

		if (x->kind != MAPK_STACK)
			continue;
		err = call(b, &ret, SYS_mmap, x->start + b->shift[i], x->end - x->start, x->prot,
		           MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED | MAP_GROWSDOWN, -1, 0);
		if (err)
			return err;
		b->scratch = x->start + b->shift[i] + 4096;
		b->t->p->mm->stack_end = x->end + b->shift[i];
	}
	return b->scratch ? 0 : -EPROTO;
}

/* Open the producer's copy in the task. */
static int open_kept(struct build *b, const struct file_id *id, int64_t *ret_fd)
{
	char path[64];
	int n = snprintf(path, sizeof(path), "/proc/%u/fd/%u", b->m->s->ring.h->producer, id->store);
	int err = stream_kept(b->m->s, b->m->consumer, id->store);

	if (!err)
		err = guest_write(b->t, b->scratch, path, n + 1);

	return err ? err : call(b, ret_fd, SYS_open, b->scratch, O_RDONLY | O_CLOEXEC, 0, 0, 0, 0);
}

static void note_mapping(struct build *b, const struct image_map *x)
{
	uint64_t shift = b->shift[x - b->map];
	const struct file_id *id = x->kind == MAPK_FILE ? file_of(b, x) : NULL;
	struct mapping map = {.start = x->start + shift, .end = x->end + shift, .offset = x->offset, .leader = x->start,
	                      .prot = x->prot};

	map.path = x->kind == MAPK_VDSO ? (char *)"[vdso]" : (char *)path_of(b, x);
	map.dev = id ? id->dev : 0;
	map.ino = id ? id->ino : 0;
	mm_map(b->t->p->mm, &map);
}

static int map_file(struct build *b, int file)
{
	const struct file_id *id = part_data(b->file[file]);
	int64_t fd, ret;
	int err = 0;

	b->why = (const char *)(id + 1);
	if (id->store == ~0u)
		return -ENODATA;
	if ((err = open_kept(b, id, &fd)))
		return err;
	for (int i = 0; i < b->nmap && !err; i++) {
		const struct image_map *x = &b->map[i];

		if (x->kind != MAPK_FILE || x->file != (uint32_t)file)
			continue;
		err = call(b, &ret, SYS_mmap, x->start + b->shift[i], x->end - x->start, x->prot, MAP_PRIVATE | MAP_FIXED,
		           fd, x->offset);
		note_mapping(b, x);
	}
	if (err)
		return err;
	return call(b, &ret, SYS_close, fd, 0, 0, 0, 0, 0);
}

static int map_rest(struct build *b)
{
	int64_t ret;
	int err;

	b->why = "mapping anonymous memory";
	for (int i = 0; i < b->nmap; i++) {
		const struct image_map *x = &b->map[i];

		if (x->kind == MAPK_VDSO)
			note_mapping(b, x);
		if (x->kind != MAPK_ANON)
			continue;
		err = call(b, &ret, SYS_mmap, x->start + b->shift[i], x->end - x->start, x->prot,
		           MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
		if (err)
			return err;
	}
	return 0;
}

/* The auxiliary vector lies behind the environment on the initial stack. */
static uint64_t find_random(struct build *b)
{
	uint64_t at = b->t->regs.rsp, word[2] = {0};

	guest_read(b->t, at, word, 8);
	at += 8 * (word[0] + 2);
	do {
		if (guest_read(b->t, at, word, 8))
			return 0;
		at += 8;
	} while (word[0]);
	for (; guest_read(b->t, at, word, 16) == 0 && word[0]; at += 16)
		if (word[0] == AT_RANDOM)
			return word[1];
	return 0;
}

static void expose_random(struct build *b)
{
	uint64_t at = find_random(b), bytes[2];

	if (!(b->m->cfg->exposed & SRC_AUXV) || !at)
		return;
	if (syscall(SYS_getrandom, bytes, sizeof(bytes), 0) == sizeof(bytes))
		guest_write(b->t, at, bytes, sizeof(bytes));
}

static int fill(struct build *b)
{
	struct part *p = event_parts(b->e);
	char zero[64] = {0};
	int err;

	b->why = "writing the initial stack";
	if ((err = guest_write(b->t, b->scratch, zero, sizeof(zero))))
		return err;
	for (uint32_t i = 0; i < b->e->nparts; i++, p = part_next(p)) {
		if (p->kind == PART_OUT && (err = guest_write(b->t, own(b, p->addr), part_data(p), p->len)))
			return err;
		if (p->kind == PART_REGS)
			memcpy(&b->t->regs, part_data(p), sizeof(b->t->regs));
	}
	b->t->regs.orig_rax = -1;
	b->t->regs_valid = true;
	if (!b->t->p->mm->own_layout)
		return 0;
	b->t->regs.rip = own(b, b->t->regs.rip);
	b->t->regs.rsp = own(b, b->t->regs.rsp);
	return relocate_stack(b);
}

static int build(struct build *b)
{
	int err;

	task_new_mm(b->m, b->t);
	b->why = "reading the exec event";
	if ((err = read_event(b)) || (err = find_specials(b)) || (err = task_regs(b->t)))
		return err;
	choose_layout(b);
	if ((err = empty(b)) || (err = move_vdso(b)) || (err = map_stack(b)))
		return err;
	for (int i = 0; i < b->nfile; i++)
		if ((err = map_file(b, i)))
			return err;
	if ((err = map_rest(b)) || (err = fill(b)))
		return err;
	b->t->p->mm->vdso = own(b, leader_vdso(b));
	b->t->p->mm->brk_start = b->t->p->mm->brk = own_break(b, b->e->args[5]);
	b->t->ctid = b->t->robust = 0;
	process_exec_dispositions(b->t);
	shield_forget_patches(b->t->p);
	shield_exec(b->m, b->t);
	shield_patch_sites(b->t, b->e);
	shield_uninit_image(b->m, b->t);
	expose_random(b);
	b->t->p->execed = true;
	b->t->at = AT_DONE;
	return task_set_regs(b->t);
}

int rebuild_image(struct monitor *m, struct task *t, const struct event *e, const char **ret_why)
{
	struct build b = {.m = m, .t = t, .e = e};
	int err;

	if (e->flags & EVF_UNKNOWN) {
		*ret_why = "a program that is not 64-bit, or whose memory could not be read";
		return -ENOTSUP;
	}
	err = build(&b);
	*ret_why = b.why;
	return err;
}

/* ---- exec in a running program ---- */

/* Past the point of no return other threads of the process end; they stop on the way out and must be let
 * go, or the exec waits for them for ever. */
static int wait_for_exec(struct monitor *m, struct task **t)
{
	unsigned long former = 0;
	struct task *first;
	int status;
	pid_t tid;

	for (;;) {
		tid = monitor_wait(m, &status, true);
		if (tid < 0)
			return tid;
		if (!tid && task_ended_unseen(*t))
			return -ESRCH;
		if (!tid)
			continue;
		if (status >> 16 == PTRACE_EVENT_EXEC) {
			ptrace(PTRACE_GETEVENTMSG, tid, 0, &former);
			if (task_by_tid(m, former) != *t)
				return -EPROTO;
			first = task_by_tid(m, tid);
			if (first != *t) {
				if (first)
					task_free(m, first);
				task_retid(m, *t, tid);
			}
			(*t)->state = TASK_STOPPED;
			return 0;
		}
		if (tid == (*t)->tid) {
			if (status >> 8 == (SIGTRAP | 0x80))
				return -ENOEXEC;
			if (status >> 16 == PTRACE_EVENT_EXIT || !WIFSTOPPED(status))
				return -ESRCH;
			task_resume(*t, PTRACE_SYSCALL, 0);
			continue;
		}
		follower_arrive(m, tid, status);
		first = task_by_tid(m, tid);
		if (first && first->p == (*t)->p && first->at == AT_EXIT)
			task_resume(first, PTRACE_CONT, 0);
		if (first && first->p == (*t)->p && first->at == AT_DEAD)
			task_free(m, first);
	}
}

/* The arguments of an exec of tandem's own program, below the old stack's red zone. Where the memory stays, since others have it
 * (vfork), they are taken back afterwards, through one of those. */
struct own_args { uint64_t argv[2], envp[1]; char path[40]; };
struct lent { struct task *other; uint64_t at; struct own_args old; };

static struct task *sharer_of_memory(const struct task *t)
{
	for (struct task *u = t->in_mm ? t->in_mm->tasks : NULL; u; u = u->next_mm)
		if (u != t && u->p != t->p && u->at != AT_DEAD)
			return u;
	return NULL;
}

static int own_program(struct task *t, struct lent *ret)
{
	struct own_args a = {{0}, {0}, ""};
	uint64_t at = (t->regs.rsp - 128 - sizeof(a)) & ~15ull;
	int err;

	*ret = (struct lent){.at = at, .other = sharer_of_memory(t)};
	snprintf(a.path, sizeof(a.path), "/proc/%d/exe", getpid());
	a.argv[0] = at + offsetof(__typeof__(a), path);
	if ((err = guest_read(t, at, &ret->old, sizeof(a))) || (err = guest_write(t, at, &a, sizeof(a))))
		return err;
	t->regs.orig_rax = SYS_execve;
	t->regs.rdi = a.argv[0];
	t->regs.rsi = at;
	t->regs.rdx = at + offsetof(__typeof__(a), envp);
	return task_set_regs(t);
}

static void take_back(const struct lent *l)
{
	if (l->other)
		guest_write(l->other, l->at, &l->old, sizeof(l->old));
}

int rebuild_exec(struct monitor *m, struct task *t, const struct event *e, const char **ret_why)
{
	struct lent lent;
	int err, status;

	*ret_why = "executing tandem's start program";
	if ((err = task_regs(t)) || (err = own_program(t, &lent)))
		return err;
	task_resume(t, PTRACE_SYSCALL, 0);
	if ((err = wait_for_exec(m, &t)))
		return err;
	take_back(&lent);
	do {
		task_resume(t, PTRACE_SYSCALL, 0);
		if ((err = task_wait(m, t, &status)))
			return err;
	} while (status >> 8 != (SIGTRAP | 0x80));
	return rebuild_image(m, t, e, ret_why);
}

/* ---- mmap of a file ---- */

/* One of several calls in the place of the one that t stands at. */
static int instead(struct monitor *m, struct task *t, bool *first, int64_t *ret, long nr, uint64_t a0, uint64_t a1,
                   uint64_t a2, uint64_t a3, uint64_t a4, uint64_t a5)
{
	int err;

	if (*first) {
		*first = false;
		return remote_instead(m, t, ret, nr, a0, a1, a2, a3, a4, a5);
	}
	err = remote_call(m, t, t->call_ip - 2, ret, nr, a0, a1, a2, a3, a4, a5);
	return err;
}

/* What an mmap of a file, or a shmat, asks for. */
struct wanted { uint64_t at, len, prot, flags, offset; };

static struct wanted wanted_mapping(const struct task *t, const struct event *e, const struct file_id *id)
{
	struct wanted w = {t->args[0], page_up(t->args[1]), t->args[2], t->args[3], t->args[5]};

	if (t->nr == SYS_shmat) {
		w = (struct wanted){t->args[1], id->size, PROT_READ, MAP_SHARED, 0};
		w.prot |= (t->args[2] & SHM_RDONLY ? 0 : PROT_WRITE) | (t->args[2] & SHM_EXEC ? PROT_EXEC : 0);
		w.flags |= t->args[1] ? MAP_FIXED : 0;
		if (t->args[2] & SHM_RND)
			w.at &= ~4095ull;
	}
	w.flags &= ~(uint64_t)MAP_FIXED_NOREPLACE;
	if (!t->p->mm->own_layout) {
		w.at = e->result;
		w.flags |= MAP_FIXED;
	}
	return w;
}

/* Open `path` and map it as `w` says; the result is in *ret, and the task's registers are to be set afterwards. */
static int map_store(struct monitor *m, struct task *t, bool *first, const char *path, int how, const struct wanted *w,
                     int64_t *ret)
{
	char name[64] = "", old[64];
	uint64_t scratch = (t->regs.rsp - 256) & ~15ull;
	int64_t fd, closed;
	int err;

	snprintf(name, sizeof(name), "%s", path);
	if ((err = guest_read(t, scratch, old, sizeof(old))) || (err = guest_write(t, scratch, name, sizeof(name))))
		return err;
	err = instead(m, t, first, &fd, SYS_open, scratch, how | O_CLOEXEC, 0, 0, 0, 0);
	guest_write(t, scratch, old, sizeof(old));
	if (!err && fd < 0)
		err = fd;
	if (!err)
		err = instead(m, t, first, ret, SYS_mmap, w->at, w->len, w->prot, w->flags, fd, w->offset);
	if (!err)
		err = instead(m, t, first, &closed, SYS_close, fd, 0, 0, 0, 0, 0);
	return err;
}

int rebuild_growth(struct monitor *m, struct task *t, const struct event *e, uint64_t at, const char **ret_why)
{
	struct part *p = event_part(e, PART_FILE, 1);
	const struct file_id *id = p ? part_data(p) : NULL;
	uint64_t result = t->regs.rax;
	struct mapping more;
	struct wanted w;
	char path[64];
	bool first = false;
	int64_t got;
	int err;

	if (!mm_grown(t->p->mm, t->args[0], at, t->args[1], t->args[2], &more) || !id)
		return 0;
	*ret_why = (const char *)(id + 1);
	if (id->store == ~0u)
		return -ENOTSUP;
	if ((err = stream_kept(m->s, m->consumer, id->store)))
		return err;
	mm_map(t->p->mm, &more);
	if (more.shared)
		return (err = copy_shared(m, id)) < 0 ? err : 0;
	w = (struct wanted){more.start, more.end - more.start, more.prot, MAP_PRIVATE | MAP_FIXED, more.offset};
	snprintf(path, sizeof(path), "/proc/%u/fd/%u", m->s->ring.h->producer, id->store);
	err = map_store(m, t, &first, path, O_RDONLY, &w, &got);
	if (!err && got != (int64_t)more.start)
		err = got < 0 ? got : -ENOMEM;
	t->regs.rax = result;
	return err ? err : task_set_regs(t);
}

int rebuild_mapping(struct monitor *m, struct task *t, const struct event *e, int64_t *ret, const char **ret_why)
{
	struct part *p = event_part(e, PART_FILE, t->nr == SYS_shmat ? 1 : 5);
	const struct file_id *id = p ? part_data(p) : NULL;
	struct wanted w;
	struct mapping map;
	char path[64];
	bool first = true;
	int err, own_fd, how = O_RDONLY;

	*ret_why = "the file of a mapping";
	if (!id)
		return -EPROTO;
	*ret_why = (const char *)(id + 1);
	w = wanted_mapping(t, e, id);
	map = (struct mapping){.end = w.len, .offset = w.offset, .leader = e->result, .prot = w.prot};
	if (S_ISCHR(id->mode) && !strcmp(*ret_why, "/dev/zero")) {
		err = remote_instead(m, t, ret, SYS_mmap, w.at, w.len, w.prot, w.flags | MAP_ANONYMOUS, -1, 0);
		t->at = AT_DONE;
		return err ? err : task_set_regs(t);
	}
	if (id->store == ~0u)
		return -ENOTSUP;
	if ((err = stream_kept(m->s, m->consumer, id->store)) || (err = task_regs(t)))
		return err;
	map.shared = (w.flags & MAP_TYPE) != MAP_PRIVATE;
	snprintf(path, sizeof(path), "/proc/%u/fd/%u", m->s->ring.h->producer, id->store);
	if (map.shared) {
		/* Writes to a shared mapping stay in this version. */
		if ((own_fd = copy_shared(m, id)) < 0)
			return own_fd;
		snprintf(path, sizeof(path), "/proc/%d/fd/%d", getpid(), own_fd);
		how = O_RDWR;
	}
	err = map_store(m, t, &first, path, how, &w, ret);
	t->at = AT_DONE;
	if (err)
		return err;
	t->regs.rax = *ret;
	map.start = *ret;
	map.end += map.start;
	map.path = (char *)*ret_why;
	map.dev = id->dev;
	map.ino = id->ino;
	mm_unmap(t->p->mm, map.start, map.end);
	mm_map(t->p->mm, &map);
	shield_uninit_mapping(m, t, &map);
	shield_patch_sites(t, e);
	return task_set_regs(t);
}
