/* reprint.c - see reprint.h. */
#define _GNU_SOURCE
#include "monitor/reprint.h"

#include <poll.h>
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

/* The descriptor that a call has written to; -1: none. */
static int written_to(const struct event *e)
{
	if (e->result <= 0 || e->flags & (EVF_INT80 | EVF_SKIPPED | EVF_REFUSED))
		return -1;
	switch (e->call) {
	case SYS_write: case SYS_writev: case SYS_pwrite64: case SYS_pwritev: case SYS_pwritev2: case SYS_sendto: case SYS_sendmsg:
	case SYS_sendfile:
		return e->args[0];
	case SYS_splice: case SYS_copy_file_range:
		return e->args[2];
	}
	return -1;
}

/* What the program had in its memory, or, where it never had it, what the recording has. */
static void take_bytes(struct reprint *r, struct task *t, const struct event *e)
{
	const struct part *moved = event_part(e, PART_APPLY, 0);

	buf_clear(&r->bytes);
	if (e->call != SYS_sendfile && e->call != SYS_splice && e->call != SYS_copy_file_range)
		call_written(t, e->result, &r->bytes);
	else if (moved && moved->len >= sizeof(struct file_write))
		buf_add(&r->bytes, (struct file_write *)part_data(moved) + 1, moved->len - sizeof(struct file_write));
}

/* Also where somebody has made it non-blocking. */
static int print_all(int fd, const char *bytes, size_t len)
{
	while (len) {
		ssize_t n = write(fd, bytes, len);

		if (n < 0 && errno == EAGAIN) {
			poll(&(struct pollfd){fd, POLLOUT, 0}, 1, -1);
			continue;
		}
		if (n < 0 && errno != EINTR)
			return -errno;
		bytes += max_of(n, (ssize_t)0);
		len -= max_of(n, (ssize_t)0);
	}
	return 0;
}

int reprint_call(struct reprint *r, struct task *t, const struct event *e)
{
	int which = given_which(r->given, t->id, written_to(e)), err;

	if (!which || r->fd[which] < 0)
		return 0;
	take_bytes(r, t, e);
	if (!(err = print_all(r->fd[which], r->bytes.at, r->bytes.len)))
		return 0;
	close(r->fd[which]);
	r->fd[which] = -1;
	/* A reader that is gone is nothing to complain of. */
	return err == -EPIPE ? 0 : err;
}
