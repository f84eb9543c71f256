/* given.c - see given.h. */
#define _GNU_SOURCE
#include "monitor/given.h"

#include <fcntl.h>
#include <linux/close_range.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>

#include "base/base.h"

/* Those descriptors of a process that lead there. Tasks that share their descriptors share it. */
struct table {
	int refs, n;
	struct entry { int fd, which; bool cloexec; } *at;
};

struct given {
	struct table **of;         /* by task; NULL: none */
	uint32_t room;
};

static struct table *table_copy(const struct table *from)
{
	struct table *t = xcalloc(1, sizeof(*t));

	t->refs = 1;
	if (from && from->n) {
		t->at = xmalloc(from->n * sizeof(*t->at));
		memcpy(t->at, from->at, from->n * sizeof(*t->at));
		t->n = from->n;
	}
	return t;
}

static void table_put(struct table *t)
{
	if (!t || --t->refs)
		return;
	free(t->at);
	free(t);
}

static struct entry *find(const struct table *t, int fd)
{
	for (int i = 0; t && i < t->n; i++)
		if (t->at[i].fd == fd)
			return &t->at[i];
	return NULL;
}

static void forget(struct table *t, int fd)
{
	struct entry *x = find(t, fd);

	if (x)
		*x = t->at[--t->n];
}

static void add(struct table *t, int fd, int which, bool cloexec)
{
	forget(t, fd);
	t->at = xrealloc(t->at, (t->n + 1) * sizeof(*t->at));
	t->at[t->n++] = (struct entry){fd, which, cloexec};
}

static struct table **slot(struct given *g, uint32_t task)
{
	g->of = xgrow(g->of, &g->room, task, sizeof(*g->of));
	return &g->of[task];
}

/* A terminal on descriptor 0 is that on 1 as well; and so is a file that is there under another number. */
static int leads_to(const struct fd_info *info, int n, const struct fd_info *x)
{
	if (x->fd == 1 || x->fd == 2)
		return x->fd;
	for (int i = 0; i < n; i++)
		if ((info[i].fd == 1 || info[i].fd == 2) && info[i].dev == x->dev && info[i].ino == x->ino)
			return info[i].fd;
	return 0;
}

static void on_start(struct table *t, const struct event *e)
{
	const struct part *p = event_part(e, PART_FDS, 0);
	const struct fd_info *info = p ? part_data(p) : NULL;
	int n = p ? p->len / sizeof(*info) : 0;

	for (int i = 0; i < n; i++) {
		int which = leads_to(info, n, &info[i]);

		if (which)
			add(t, info[i].fd, which, false);
	}
}

uint64_t birth_flags(const struct event *e)
{
	const struct part *p = event_part(e, PART_IN, 1);
	uint64_t flags = 0;

	if (e->call == SYS_clone)
		return e->args[0];
	if (e->call == SYS_clone3 && p && p->len >= sizeof(flags))
		memcpy(&flags, part_data(p), sizeof(flags));
	return flags;
}

static void on_birth(struct given *g, const struct event *e)
{
	struct table **child = slot(g, e->other), *from = g->of[e->task];

	struct table *own = from;

	if (birth_flags(e) & CLONE_FILES)
		from->refs++;
	else
		own = table_copy(from);
	table_put(*child);
	*child = own;
}

static void unshare_table(struct table **t)
{
	struct table *own = table_copy(*t);

	table_put(*t);
	*t = own;
}

static void on_exec(struct table **t)
{
	unshare_table(t);
	for (int i = 0; i < (*t)->n;)
		if ((*t)->at[i].cloexec)
			forget(*t, (*t)->at[i].fd);
		else
			i++;
}

static void on_dup(struct table *t, int from, int to, bool cloexec)
{
	const struct entry *x = find(t, from);

	if (from == to)
		return;
	if (x)
		add(t, to, x->which, cloexec);
	else
		forget(t, to);
}

static void on_close_range(struct table **t, const uint64_t args[6])
{
	if (args[2] & CLOSE_RANGE_UNSHARE)
		unshare_table(t);
	for (int i = (*t)->n - 1; i >= 0; i--) {
		struct entry *x = &(*t)->at[i];

		if ((uint32_t)x->fd < (uint32_t)args[0] || (uint32_t)x->fd > (uint32_t)args[1])
			continue;
		if (args[2] & CLOSE_RANGE_CLOEXEC)
			x->cloexec = true;
		else
			*x = (*t)->at[--(*t)->n];
	}
}

static void on_fcntl(struct table *t, const struct event *e)
{
	struct entry *x = find(t, e->args[0]);

	switch ((int)e->args[1]) {
	case F_DUPFD:         on_dup(t, e->args[0], e->result, false); break;
	case F_DUPFD_CLOEXEC: on_dup(t, e->args[0], e->result, true); break;
	case F_SETFD:
		if (x)
			x->cloexec = e->args[2] & FD_CLOEXEC;
		break;
	}
}

static void on_call(struct table **t, const struct event *e)
{
	switch (e->call) {
	case SYS_dup:   on_dup(*t, e->args[0], e->result, false); break;
	case SYS_dup2:  on_dup(*t, e->args[0], e->args[1], false); break;
	case SYS_dup3:  on_dup(*t, e->args[0], e->args[1], e->args[2] & O_CLOEXEC); break;
	case SYS_fcntl: on_fcntl(*t, e); break;
	case SYS_close: forget(*t, e->args[0]); break;
	case SYS_close_range: on_close_range(t, e->args); break;
	case SYS_unshare:
		if (e->args[0] & CLONE_FILES)
			unshare_table(t);
		break;
	}
}

struct given *given_new(void)
{
	return xcalloc(1, sizeof(struct given));
}

void given_event(struct given *g, const struct event *e)
{
	struct table **t;

	if (!e->task)
		return;
	t = slot(g, e->task);
	if (e->type == EV_START || !*t) {
		table_put(*t);
		*t = table_copy(NULL);
	}
	if (e->type == EV_START) {
		on_start(*t, e);
	} else if (e->type == EV_DEATH) {
		table_put(*t);
		*t = NULL;
	} else if ((e->type == EV_CALL || e->type == EV_LEAVE) && e->result >= 0 && !(e->flags & (EVF_INT80 | EVF_SKIPPED))) {
		if (e->flags & EVF_BIRTH)
			on_birth(g, e);
		else if (e->flags & EVF_EXEC)
			on_exec(t);
		else
			on_call(t, e);
	}
}

int given_which(const struct given *g, uint32_t task, int fd)
{
	const struct entry *x = task < g->room ? find(g->of[task], fd) : NULL;

	return x ? x->which : 0;
}
