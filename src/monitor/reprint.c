/* reprint.c - see reprint.h. */
#define _GNU_SOURCE
#include "monitor/reprint.h"

#include <sys/syscall.h>
#include <unistd.h>

#include "monitor/given.h"
#include "monitor/written.h"

struct reprint {
	struct given *given;
	int fd[3];                 /* by number; -1: nobody reads it any more */
	struct buf bytes;
};

struct reprint *reprint_new(int out, int err)
{
	struct reprint *r = xcalloc(1, sizeof(*r));

	r->given = given_new();
	r->fd[0] = -1;
	r->fd[1] = out;
	r->fd[2] = err;
	return r;
}

void reprint_note(struct reprint *r, const struct event *e)
{
	given_event(r->given, e);
}

static bool writes(const struct event *e)
{
	switch (e->call) {
	case SYS_write: case SYS_writev: case SYS_pwrite64: case SYS_pwritev: case SYS_pwritev2: case SYS_sendto: case SYS_sendmsg:
		return e->result > 0 && !(e->flags & (EVF_INT80 | EVF_SKIPPED | EVF_REFUSED));
	}
	return false;
}

void reprint_call(struct reprint *r, struct task *t, const struct event *e)
{
	int which = writes(e) ? given_which(r->given, t->id, (int)e->args[0]) : 0;

	if (!which || r->fd[which] < 0)
		return;
	buf_clear(&r->bytes);
	call_written(t, e->result, &r->bytes);
	if (!write_all(r->fd[which], r->bytes.at, r->bytes.len))
		return;
	/* A reader that is gone is nothing for the replay to fail of. */
	close(r->fd[which]);
	r->fd[which] = -1;
}
