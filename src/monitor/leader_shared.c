/* leader_shared.c - address spaces that share memory: see leader.h.
 *
 * Two address spaces are in one domain, and their tasks take turns, as soon as one of them may see what the other
 * writes. A child inherits what its parent shares. Others meet in a file (a memfd, an object of shm_open) or in a
 * segment of System V: then the call that maps it is held until its task has the turn of those who have it mapped
 * already, so that what followers are given of the memory is what it holds between two turns.
 */
#define _GNU_SOURCE
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/ptrace.h>
#include <sys/shm.h>
#include <sys/syscall.h>

#include "monitor/leader.h"
#include "monitor/store.h"

/* What a call is about to share. */
struct object { uint64_t dev, ino; bool writes; };

static bool is_shared_map(const struct task *t)
{
	return t->nr == SYS_mmap && (t->args[3] & MAP_TYPE) != MAP_PRIVATE;
}

/* The first mapping from `at` on that is shared, and that the call makes writable. */
static struct mapping *made_writable(const struct task *t)
{
	const struct mm *mm = t->in_mm;
	uint64_t end = t->args[0] + page_up(t->args[1]);

	if ((t->nr != SYS_mprotect && t->nr != SYS_pkey_mprotect) || !(t->args[2] & PROT_WRITE))
		return NULL;
	for (int i = 0; i < mm->nmap; i++)
		if (mm->map[i].shared && mm->map[i].start < end && mm->map[i].end > t->args[0])
			return &mm->map[i];
	return NULL;
}

static bool is_shared_file(const struct task *t, struct object *ret)
{
	const struct mapping *map;
	struct stat st;

	if (is_shared_map(t) && !(t->args[3] & MAP_ANONYMOUS)) {
		if (!task_stat_fd(t, t->args[4], &st) || !S_ISREG(st.st_mode))
			return false;
		*ret = (struct object){st.st_dev, st.st_ino, t->args[2] & PROT_WRITE};
		return true;
	}
	if (t->nr == SYS_shmat) {
		*ret = (struct object){SEGMENT_DEV, (uint32_t)t->args[0], !(t->args[2] & SHM_RDONLY)};
		return true;
	}
	if ((map = made_writable(t))) {
		*ret = (struct object){map->dev, map->ino, true};
		return true;
	}
	return false;
}

/* Somebody else who has it mapped, where one of the two writes to it. */
static struct domain *sharer(struct monitor *m, const struct task *t, const struct object *o)
{
	for (struct task *u = NULL; (u = task_next(m, u));) {
		const struct mm *mm = u->in_mm;

		if (!mm || mm->dom == t->in_mm->dom || u->dying || u->p->foreign)
			continue;
		for (int i = 0; i < mm->nmap; i++)
			if (mm->map[i].shared && mm->map[i].dev == o->dev && mm->map[i].ino == o->ino &&
			    (o->writes || mm->map[i].prot & PROT_WRITE))
				return mm->dom;
	}
	return NULL;
}

/* Nobody took turns in this domain as long as it had one task: where is that? */
static void find_turn(struct monitor *m, struct domain *d)
{
	struct task *u = d->tasks;

	if (d->ntasks != 1 || u->state != TASK_RUNNING || u->dying)
		return;
	if ((u->phase == LEAD_CALL || u->phase == LEAD_RESTART) && lead_publish_sleeper(m, u))
		return;
	if (u->phase == LEAD_USER || u->phase == LEAD_CALL || u->phase == LEAD_RESTART)
		must(lead_takes_turn(u));
}

/* The memory of another process that the call reads or writes. */
static struct domain *reached(struct monitor *m, const struct task *t)
{
	struct task *u;

	if ((t->nr != SYS_process_vm_readv && t->nr != SYS_process_vm_writev) || !(u = task_by_tid(m, t->args[0])) ||
	    !u->in_mm || u->dying || u->p->foreign || u->in_mm->dom == t->in_mm->dom)
		return NULL;
	return u->in_mm->dom;
}

bool lead_joins(struct monitor *m, struct task *t)
{
	struct domain *into;
	struct object o;

	if (t->call_flags & EVF_INT80 || m->cfg->exposed & SRC_SHM)
		return false;
	into = is_shared_file(t, &o) ? sharer(m, t, &o) : reached(m, t);
	if (!into)
		return false;
	find_turn(m, into);
	lead_end_nap(m, into);
	if (!t->entered_published)
		lead_publish_entry(m, t);
	t->in_mm->dom->turn = NULL;
	domain_merge(into, t->in_mm->dom);
	lead_stays_at_call(m, t);
	return true;
}

void lead_note_shared(struct monitor *m, struct task *t, int64_t result)
{
	struct mapping *map;

	if (m->cfg->exposed & SRC_SHM || t->call_flags & EVF_INT80 || (result < 0 && result > -4096))
		return;
	if (is_shared_map(t) && (t->args[3] & MAP_ANONYMOUS || t->args[2] & PROT_WRITE))
		t->in_mm->shares = true;
	if (t->nr == SYS_shmat && !(t->args[2] & SHM_RDONLY))
		t->in_mm->shares = true;
	if ((map = made_writable(t))) {
		map->prot |= PROT_WRITE;
		t->in_mm->shares = true;
	}
}
