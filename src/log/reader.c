/* reader.c - see reader.h. Nothing in a file is believed before it was checked: lengths against the file's size, bytes against
 * their hash, events against event_valid. */
#define _GNU_SOURCE
#include "log/reader.h"

#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/user.h>
#include <unistd.h>
#include <zstd.h>

#include "log/columns.h"

/* So many in a row may not be published: of a process that is not followed. */
#define BIRTHS_UNHEARD 65536

static int damaged(struct log_reader *r, uint64_t at, const char *what)
{
	if (!r->damage)
		r->damage = xasprintf("%s: %s at byte %" PRIu64, r->path, what, at);
	return -EBADMSG;
}

/* How much a chunk may hold once it is unpacked. Who wrote it may have meant ill. */
static uint64_t raw_max(int kind)
{
	switch (kind) {
	case CHUNK_STORE:  return LOG_STORE_MAX;
	case CHUNK_EVENTS: return LOG_EVENTS_MAX;
	default:           return LOG_TEXT_MAX;
	}
}

/* Only the first bad header matters: where the next one is, is not known then. */
static void list_chunks(struct log_reader *r, uint64_t size)
{
	uint32_t room = 0;
	struct log_at x;

	for (uint64_t at = sizeof(struct log_header); at < size; at = x.at + x.c.packed) {
		x.at = at + sizeof(x.c);
		if (size - at < sizeof(x.c) || read_all_at(r->fd, &x.c, sizeof(x.c), at)) {
			damaged(r, at, "the recording was cut off");
			return;
		}
		if (x.c.magic != LOG_CHUNK_MAGIC || x.c.hash != hash_bytes(&x.c, offsetof(struct log_chunk, hash), 0) ||
		    !x.c.kind || x.c.kind >= CHUNK_KINDS || x.c.raw > raw_max(x.c.kind)) {
			damaged(r, at, "the recording is damaged");
			return;
		}
		if (size - x.at < x.c.packed) {
			damaged(r, at, "the recording was cut off");
			return;
		}
		if (r->nchunks == room) {
			room = room ? room * 2 : 64;
			r->chunk = xrealloc(r->chunk, room * sizeof(*r->chunk));
		}
		r->chunk[r->nchunks++] = x;
		if (x.c.kind == CHUNK_END) {
			r->complete = true;
			if (x.at + x.c.packed < size)
				damaged(r, x.at + x.c.packed, "something stands behind the recording's end");
			return;
		}
	}
	if (!r->complete)
		damaged(r, size, "the recording has no end: it stops");
}

static char *cannot_read(const struct log_header *h, int err)
{
	if (err == -ENODATA)
		return xstrdup("not a recording: too short");
	if (err)
		return xasprintf("cannot read: %s", err == -ESPIPE ? "not a file" : strerror(-err));
	if (h->magic != LOG_MAGIC)
		return xstrdup("not a recording of tandem's");
	if (h->version != EVENT_VERSION)
		return xasprintf("a recording of format %u; this tandem reads format %u", h->version, EVENT_VERSION);
	return h->spare ? xstrdup("the recording is damaged at byte 12") : NULL;
}

struct log_reader *log_open(const char *path, char **ret_error)
{
	struct log_reader *r = xcalloc(1, sizeof(*r));
	struct log_header h;
	struct stat st;
	char *error;
	int err = 0;

	r->path = xstrdup(path);
	r->fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	if (r->fd < 0 || fstat(r->fd, &st) < 0)
		err = -errno;
	else if (!S_ISREG(st.st_mode))
		err = S_ISDIR(st.st_mode) ? -EISDIR : -ESPIPE;
	else
		err = read_all_at(r->fd, &h, sizeof(h), 0);
	if ((error = cannot_read(&h, err))) {
		*ret_error = xasprintf("%s: %s", path, error);
		free(error);
		log_reader_close(r);
		return NULL;
	}
	list_chunks(r, st.st_size);
	return r;
}

void log_reader_close(struct log_reader *r)
{
	if (!r)
		return;
	if (r->fd >= 0)
		close(r->fd);
	buf_free(&r->events);
	free(r->chunk);
	free(r->damage);
	free(r->path);
	free(r);
}

int log_chunk_data(struct log_reader *r, uint32_t i, struct buf *out)
{
	const struct log_at *x = &r->chunk[i];
	char *packed = xmalloc(x->c.packed);
	int err = read_all_at(r->fd, packed, x->c.packed, x->at);
	/* Before room is made for what the header promises: a frame tells its own size. */
	bool good = !err && hash_bytes(packed, x->c.packed, 0) == x->c.data_hash &&
	            ZSTD_getFrameContentSize(packed, x->c.packed) == x->c.raw;

	if (good) {
		buf_reserve(out, x->c.raw);
		good = ZSTD_decompress(out->at + out->len, x->c.raw, packed, x->c.packed) == x->c.raw;
		if (good) {
			out->len += x->c.raw;
			out->at[out->len] = 0;
		}
	}
	free(packed);
	return good ? 0 : damaged(r, x->at, "the recording is damaged");
}

/* How long events may be once the columns are undone: a byte of those is at most 8 of an event. */
static size_t unpacked_max(size_t packed)
{
	return packed * 8;
}

static int next_events(struct log_reader *r)
{
	struct buf packed = {0};
	int err;

	while (r->next_chunk < r->nchunks && r->chunk[r->next_chunk].c.kind != CHUNK_EVENTS)
		r->next_chunk++;
	if (r->next_chunk == r->nchunks)
		return -ENODATA;
	buf_clear(&r->events);
	r->next_event = 0;
	err = log_chunk_data(r, r->next_chunk, &packed);
	if (!err && columns_unpack(&r->events, packed.at, packed.len, unpacked_max(packed.len)))
		err = damaged(r, r->chunk[r->next_chunk].at, "the recording is damaged");
	buf_free(&packed);
	if (!err)
		r->next_chunk++;
	return err;
}

/* What everybody who reads an event takes for granted of its parts. */
static bool part_is_sane(const struct part *p)
{
	const char *bytes = part_data(p);

	switch (p->kind) {
	case PART_REGS:    return p->len == sizeof(struct user_regs_struct);
	case PART_IMAGE:   return p->len % sizeof(struct image_map) == 0;
	case PART_FDS:     return p->len % sizeof(struct fd_info) == 0;
	case PART_APPLY:   return p->len >= sizeof(struct file_write);
	case PART_FILE:    return p->len > sizeof(struct file_id) && !bytes[p->len - 1];
	case PART_NAME:    return p->len && !bytes[p->len - 1];
	case PART_SITES:
		for (uint32_t i = 0; i < p->len / sizeof(struct insn_at); i++)
			if (((const struct insn_at *)bytes)[i].len > sizeof(((struct insn_at *)0)->bytes))
				return false;
		return p->len % sizeof(struct insn_at) == 0;
	}
	return true;
}

/* Tasks are counted as they are born; of some nobody ever hears. */
static bool tasks_are_sane(struct log_reader *r, const struct event *e)
{
	if (e->type == EV_START)
		r->last_task = max_of(r->last_task, 1u);
	if (e->task > r->last_task)
		return false;
	if (e->type != EV_CALL || !(e->flags & EVF_BIRTH))
		return true;
	if (!e->other || e->other == e->task || e->other > (uint64_t)r->last_task + BIRTHS_UNHEARD || e->other > INT32_MAX)
		return false;
	r->last_task = max_of(r->last_task, e->other);
	return true;
}

static bool is_sane(struct log_reader *r, const struct event *e, size_t room)
{
	const struct part *p = event_parts(e);

	if (!event_valid(e, room) || e->type == EV_PAD || e->seq != r->last_seq + 1 || !tasks_are_sane(r, e))
		return false;
	for (uint32_t i = 0; i < e->nparts; i++, p = part_next(p))
		if (!part_is_sane(p))
			return false;
	return true;
}

const struct event *log_next(struct log_reader *r)
{
	const struct event *e;

	while (r->next_event == r->events.len)
		if (next_events(r)) {
			buf_clear(&r->events);
			r->next_event = 0;
			return NULL;
		}
	e = (const struct event *)(r->events.at + r->next_event);
	if (!is_sane(r, e, r->events.len - r->next_event)) {
		damaged(r, r->chunk[r->next_chunk - 1].at, "there is an event that cannot be");
		r->next_chunk = r->nchunks;
		r->next_event = r->events.len;
		return NULL;
	}
	r->next_event += e->size;
	r->last_seq = e->seq;
	r->known_seq = max_of(r->known_seq, e->seq);
	return e;
}

void log_rewind(struct log_reader *r)
{
	r->next_chunk = 0;
	r->next_event = 0;
	r->last_seq = 0;
	buf_clear(&r->events);
}

/* The chunk of events that `seq` would be in: chunks are in the order of their first events. nchunks: none. */
static uint32_t chunk_of(const struct log_reader *r, uint64_t seq)
{
	uint32_t found = r->nchunks;

	for (uint32_t low = 0, high = r->nchunks, mid; low < high;) {
		uint32_t at;

		mid = at = low + (high - low) / 2;
		while (at < high && r->chunk[at].c.kind != CHUNK_EVENTS)
			at++;
		if (at < high && r->chunk[at].c.ident <= seq) {
			found = at;
			low = at + 1;
		} else {
			high = mid;
		}
	}
	return found;
}

const struct event *log_seek(struct log_reader *r, uint64_t seq)
{
	/* Which tasks there are is known only of what has been read. */
	uint32_t i = chunk_of(r, min_of(seq, max_of(r->known_seq, 1ull)));
	const struct event *e;

	if (i == r->nchunks || !seq)
		return NULL;
	if (r->next_chunk != i + 1 || !r->events.len) {
		buf_clear(&r->events);
		r->next_chunk = i;
	}
	r->next_event = 0;
	r->last_seq = r->chunk[i].c.ident - 1;
	while ((e = log_next(r)) && e->seq < seq)
		;
	return e;
}
